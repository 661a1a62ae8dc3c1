"""Split large reductions with few results into parts that can be computed side by side.

Before:

```mlir
func.func @f(%x: tensor<262144xf32>) -> tensor<f32> {
  %zero = arith.constant 0.0 : f32
  %e0 = tensor.empty() : tensor<f32>
  %start = linalg.fill ins(%zero : f32) outs(%e0 : tensor<f32>) -> tensor<f32>
  %sum = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%x : tensor<262144xf32>) outs(%start : tensor<f32>) {
  ^bb0(%p: f32, %acc: f32):
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  func.return %sum : tensor<f32>
}
```

After:

```mlir
func.func @f(%x: tensor<262144xf32>) -> tensor<f32> {
  %zero = arith.constant 0.0 : f32
  %e0 = tensor.empty() : tensor<f32>
  %start = linalg.fill ins(%zero : f32) outs(%e0 : tensor<f32>) -> tensor<f32>
  %parts = tensor.expand_shape %x [[0, 1]] output_shape [16, 16384] : tensor<262144xf32> into tensor<16x16384xf32>
  %neutral = arith.constant 0.0 : f32
  %e1 = tensor.empty() : tensor<16xf32>
  %starts = linalg.fill ins(%neutral : f32) outs(%e1 : tensor<16xf32>) -> tensor<16xf32>
  %sums = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>],
                          iterator_types = ["parallel", "reduction"]}
      ins(%parts : tensor<16x16384xf32>) outs(%starts : tensor<16xf32>) {
  ^bb0(%p: f32, %acc: f32):
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<16xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"]}
      ins(%sums : tensor<16xf32>) outs(%start : tensor<f32>) {
  ^bb0(%p: f32, %acc: f32):
    %s = arith.addf %acc, %p : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  func.return %sum : tensor<f32>
}
```

One reduction dimension becomes three: *parts*, computed side by side; the rest; and *columns*, neighbours in memory that a
narrow array (`x.sum(0)` of an `n x 2`) has too few of to fill vectors. Parts and columns are parallel in the large reduction, and a
small one combines them. How many there are follows from shapes alone, so results do not depend on the number of threads. Elements that
are left over, where an extent has no divisor near the wanted number, are reduced before; from there the small reduction goes on.

*Requires*: the structured form.
*Ensures*: the structured form.
*Leaves alone*: reductions with rows enough to compute side by side; those that no associative operation combines.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, i8
from xdsl.dialects.linalg.ops import GenericOp, YieldOp
from xdsl.ir import Block, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineExpr
from xdsl.passes import ModulePass

from dialects.builder import OpBuilder, affine_map, tensor_type
from dialects.remarks import emit_remark
from dialects.reshapes import build_expand
from dialects.structured import PARALLEL, REDUCTION, build_fill, build_generic, element_type
from passes.linalg.bodies import BodyCopier, examine_body
from passes.linalg.fusion_plan import Read
from passes.linalg.host_blocks import host_blocks
from passes.linalg.maps import (
    Access,
    accesses,
    compose,
    dimension,
    is_running_reduction,
    loop_sizes,
    num_parallel,
    shape_of,
)
from passes.memref.combiners import COMBINERS, find_combiner

Expanded: TypeAlias = dict[tuple[SSAValue, tuple[int, ...]], SSAValue]
"""Operands in pieces, by what they are and their new shape: one value each, so that kernels that read the same are found."""


@dataclass(frozen=True)
class SplitReductionsPass(ModulePass):
    """Split large reductions with few results into parts that can be computed side by side."""

    name = "split-reductions"

    min_points: int = 1 << 18
    """The fewest loop iterations of a reduction that is split into parts."""
    part_points: int = 1 << 14
    """About how many iterations a part should have at least."""
    max_parts: int = 64
    """The most parts of one reduction."""
    max_rows: int = 8
    """From this many results on that are far apart in memory, each of a row of its own, threads have enough to do."""
    max_columns: int = 1 << 14
    """From this many results on that are neighbours in memory, threads have enough to do."""
    min_steps: int = 16
    """The fewest elements that a part adds up for each result: what it writes is small beside what it reads."""
    wide: int = 128
    """How many neighbours in memory are enough to fill vectors with."""

    def __post_init__(self) -> None:
        for option in ("part_points", "max_parts", "min_steps"):
            if getattr(self, option) < 1:
                name = option.replace("_", "-")
                raise ValueError(f"{self.name}: {name} is {getattr(self, option)}; use at least 1")

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite every function of the module."""
        del ctx
        for block in host_blocks(op):
            expanded: Expanded = {}
            for generic in list(block.ops):
                if (
                    isinstance(generic, GenericOp)
                    and num_parallel(generic) < len(generic.iterator_types)
                    and prod(loop_sizes(generic)) >= self.min_points
                ):
                    self._visit(block, generic, expanded)

    def _visit(self, block: Block, op: GenericOp, expanded: Expanded) -> None:
        reduction = _Reduction(op)
        if reduction.refusal is not None:
            emit_remark("missed", self.name, reduction.refusal, op.location)
            return
        wanted_parts = self._wanted_parts(reduction)
        split = self._choose(reduction, wanted_parts)
        if split.all_parts * split.columns == 1:
            if wanted_parts > 1:
                sizes = list(reduction.sizes[reduction.num_parallel :])
                message = f"no extent of {sizes} is long enough to be split"
                emit_remark("missed", self.name, message, op.location)
            return
        pieces = Block()
        results = _build(OpBuilder(pieces, op.location), reduction, split, expanded)
        for piece in list(pieces.ops):
            pieces.detach_op(piece)
            block.insert_op_before(piece, op)
        for old, new in zip(op.results, results, strict=True):
            new.name_hint = old.name_hint
            old.replace_all_uses_with(new)
        block.erase_op(op)
        rest = f", and {split.remainder} apart" if split.remainder else ""
        outer = f", times {split.all_parts // split.parts}" if split.outer else ""
        message = f"{split.extent} steps in {split.parts} parts, {split.columns} side by side in each{rest}{outer}"
        emit_remark("passed", self.name, message, op.location)

    def _wanted_parts(self, reduction: "_Reduction") -> int:
        limit = self.max_columns if reduction.neighbours > 1 else self.max_rows
        if prod(reduction.sizes[: reduction.num_parallel]) >= limit:
            return 1
        return min(self.max_parts, reduction.points // self.part_points)

    def _choose(self, reduction: "_Reduction", wanted_parts: int) -> "_Split":
        """The best split: with enough columns, if these are too few, then with enough parts, without remainder, of the outermost loop."""
        neighbours = reduction.neighbours
        steps = prod(reduction.sizes[reduction.num_parallel :])
        candidates: list[_Split] = []
        for dim in range(reduction.num_parallel, len(reduction.sizes)):
            extent = reduction.sizes[dim]
            columns = 1
            if 1 < neighbours < self.wide and reduction.is_beside_neighbours(dim):
                columns = _divisor(extent, min(self.wide // neighbours, extent // self.min_steps))
            most = min(wanted_parts, steps // columns // (self.min_steps if neighbours > 1 else 1))
            outer = tuple(range(reduction.num_parallel, dim))
            times = prod(reduction.sizes[d] for d in outer)
            if not 1 < times <= most:
                outer, times = (), 1
            parts = _divisor(extent // columns, most // times)
            candidates.append(_Split(dim, extent, parts, columns, outer, times * parts))
        return max(
            candidates, key=lambda split: (split.columns, min(split.all_parts, wanted_parts // 2), not split.remainder)
        )


@dataclass(frozen=True, slots=True)
class _Split:
    """Loop dimension `dim` becomes `parts` x `steps` x `columns`, and what is left over."""

    dim: int
    extent: int
    parts: int
    columns: int
    outer: tuple[int, ...]
    """The reduction loops in front of it that become parallel as they are: all rows of a batch of sequences are parts of equal length."""
    all_parts: int
    """The parts with those of the outer loops."""

    @property
    def steps(self) -> int:
        """The steps of one part."""
        return self.extent // (self.parts * self.columns)

    @property
    def remainder(self) -> int:
        """The elements in no part."""
        return self.extent % (self.parts * self.columns)


class _Reduction:
    """A generic with reduction dimensions, read."""

    def __init__(self, op: GenericOp):
        self.op = op
        self.sizes = loop_sizes(op)
        self.num_parallel = num_parallel(op)
        self.points = prod(self.sizes)
        self.inputs = list(zip(op.inputs, accesses(op), strict=False))
        block = op.body.block
        end = block.last_op
        assert isinstance(end, YieldOp)
        arguments = block.args[len(op.inputs) :]
        found = [find_combiner(a, value) for a, value in zip(arguments, end.operands, strict=True)]
        self.combiners = [combiner for combiner in found if combiner is not None]
        self.refusal = self._refusal()
        main, access = max(self.inputs, key=lambda read: prod(shape_of(read[0])))
        self._places = tuple(
            expression.position
            if isinstance(expression, AffineDimExpr) and size == self.sizes[expression.position]
            else -1
            for expression, size in zip(access, shape_of(main), strict=True)
        )
        """The loop dimension that each dimension of the largest operand is read by in full, and by it alone."""
        self.inner = self.num_parallel
        """The parallel dimensions from here on are the last ones of the largest operand, too."""
        while self.inner and self._place(self.inner - 1) == self.inner - 1:
            self.inner -= 1
        self.neighbours = prod(self.sizes[self.inner : self.num_parallel])
        """How many results come from places that are side by side in memory."""

    def _refusal(self) -> str | None:
        if is_running_reduction(self.op):
            return "each step of a running reduction needs the one before"
        if len(self.combiners) < len(self.op.results):
            return "it combines elements in a way that cannot be reordered"
        if not examine_body(self.op).is_flat:
            return "its body has control flow"
        return None

    def _place(self, dim: int) -> int:
        """The loop dimension where `dim` stands if the parallel ones are the last of the largest operand; -1 if there is none."""
        place = len(self._places) - self.num_parallel + dim
        return self._places[place] if place >= 0 else -1

    def is_beside_neighbours(self, dim: int) -> bool:
        """Whether a step along `dim` leads from the neighbours to those that follow in memory."""
        return self._place(self.inner - 1) == dim


def _divisor(number: int, most: int) -> int:
    """The largest divisor of `number` that is at most `most`, or a power of two if all divisors are far smaller."""
    most = max(1, min(number, most))
    largest = next(d for d in range(most, 0, -1) if number % d == 0)
    return largest if 2 * largest >= most else 1 << (most.bit_length() - 1)


def _build(b: OpBuilder, reduction: _Reduction, split: _Split, expanded: Expanded) -> Sequence[SSAValue]:
    """Append the reductions of the parts, of what is left over, and of their results; return the results of this one."""
    op, sizes, kept, inner = reduction.op, reduction.sizes, reduction.num_parallel, reduction.inner
    # The loops: parts, the old parallel ones with the columns in front of the neighbours, the reductions.
    extents: dict[str | int, int] = {"parts": split.parts, "columns": split.columns, **dict(enumerate(sizes))}
    extents[split.dim] = split.steps
    rest = (d for d in range(inner, len(sizes)) if d not in split.outer)
    order: list[str | int] = [*split.outer, "parts", *range(inner), "columns", *rest]
    loops = [name for name in order if isinstance(name, int) or extents[name] > 1]
    position = {name: dimension(place) for place, name in enumerate(loops)}
    pieces: list[str | int] = [name for name in ("parts", split.dim, "columns") if name in position]
    whole: AffineExpr = position[pieces[0]]
    for name in pieces[1:]:
        whole = whole * extents[name] + position[name]
    dims = tuple(whole if d == split.dim else position[d] for d in range(len(sizes)))
    num_added = len(split.outer) + len(pieces) - 1
    num_parallel = kept + num_added

    def read_in_pieces(value: SSAValue, access: Access) -> Read:
        """The operand with its dimension in pieces, where the split loop reads one in full."""
        shape = shape_of(value)
        full = [d for d, e in enumerate(access) if e == dimension(split.dim) and shape[d] == split.extent]
        if len(full) != 1 or split.remainder:
            return value, compose(access, dims)
        (d,) = full
        more = len(pieces) - 1
        groups = tuple(tuple(range(k, k + more + 1)) if k == d else (k + more * (k > d),) for k in range(len(shape)))
        new_shape = (*shape[:d], *(extents[name] for name in pieces), *shape[d + 1 :])
        wide = expanded.get((value, new_shape))
        if wide is None:
            wide = expanded[value, new_shape] = build_expand(b, value, groups, new_shape)
        places = tuple(position[name] for name in pieces)
        return wide, (*compose(access[:d], dims), *places, *compose(access[d + 1 :], dims))

    reads = [read_in_pieces(value, access) for value, access in reduction.inputs]
    shape = tuple(extents[name] for name in loops[:num_parallel])
    neutral: list[SSAValue] = []
    for result, combiner in zip(op.results, reduction.combiners, strict=True):
        element = element_type(result)
        number = b.constant(COMBINERS[type(combiner)].neutral(element), element)
        neutral.append(build_fill(b, number, tensor_type(element, shape)))
    partial = _build_copy(b, reduction, reads, neutral, num_parallel, len(loops), dims, split.steps)
    start: Sequence[SSAValue] = op.outputs
    if split.remainder:
        first = split.extent - split.remainder
        dims = tuple(dimension(d) + first if d == split.dim else dimension(d) for d in range(len(sizes)))
        reads = [(value, compose(access, dims)) for value, access in reduction.inputs]
        start = _build_copy(b, reduction, reads, start, kept, len(sizes), dims, split.remainder)

    def combine(inner_builder: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
        half = len(arguments) // 2
        return [
            inner_builder.create(type(combiner), (old, new), new.type, combiner.properties)
            for new, old, combiner in zip(arguments[:half], arguments[half:], reduction.combiners, strict=True)
        ]

    added = iter(range(kept, num_parallel))
    source = [name if isinstance(name, int) and name < kept else next(added) for name in loops[:num_parallel]]
    return build_generic(
        b,
        partial,
        start,
        [source] * len(partial) + [range(kept)] * len(partial),
        (PARALLEL,) * kept + (REDUCTION,) * num_added,
        combine,
    )


def _build_copy(
    b: OpBuilder,
    reduction: _Reduction,
    reads: Sequence[Read],
    start: Sequence[SSAValue],
    num_parallel: int,
    num_loops: int,
    dims: Access,
    steps: int,
) -> Sequence[SSAValue]:
    """Append a reduction with the body of `reduction`, in which `dims` stand for its loops.

    If no operand tells any more how many `steps` a reduction loop has, one is added for that.
    """
    told = {expression for _, access in reads for expression in access}
    for loop in range(num_parallel, num_loops):
        if dimension(loop) not in told:
            anchor = build_fill(b, b.constant(0, i8), tensor_type(i8, (steps,)))
            reads = [*reads, (anchor, (dimension(loop),))]
    count = len(reduction.inputs)

    def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
        used = (*arguments[:count], *arguments[len(arguments) - len(start) :])
        return BodyCopier(inner).copy(reduction.op.body.block, used, dims, {})

    return build_generic(
        b,
        [value for value, _ in reads],
        start,
        [affine_map(num_loops, access) for _, access in reads] + [range(num_parallel)] * len(start),
        (PARALLEL,) * num_parallel + (REDUCTION,) * (num_loops - num_parallel),
        body,
    )
