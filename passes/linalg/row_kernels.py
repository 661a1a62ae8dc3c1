"""Kernels over rows that also add up over their rows: what `absorb-sums` looks for, and what it makes of it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple, Self, cast

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import ArrayAttr, StringAttr, TensorType
from xdsl.dialects.linalg.ops import FillOp, GenericOp, IndexOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineDimExpr

from dialects.builder import OpBuilder, affine_map, int_array, tensor_type
from dialects.remarks import emit_remark
from dialects.reshapes import build_reshape
from dialects.rt import KernelOp
from dialects.rt import YieldOp as KernelYieldOp
from dialects.structured import PARALLEL, build_empty, build_fill
from passes.linalg.bodies import captured_by, drain
from passes.linalg.kernel_groups import num_bytes
from passes.linalg.kernel_names import kernel_name
from passes.linalg.maps import (
    Access,
    accesses,
    compose,
    dimension,
    dimensions,
    iterators,
    loop_sizes,
    num_parallel,
    shape_of,
    tensor_type_of,
)
from passes.linalg.reshapes import RESHAPES, source_of
from passes.memref.combiners import find_combiner

_REPEATED = (arith.ConstantOp, tensor.EmptyOp, FillOp)


class Sums(NamedTuple):
    """A kernel of nothing but reductions over the rows of each part, as `split-reductions` leaves them."""

    kernel: KernelOp
    parts: int
    steps: int
    """How many rows each part has."""
    row_inputs: tuple[SSAValue, ...]
    """What it reads row by row, `[parts, steps, ...]`, as values outside of the kernel."""
    other_inputs: tuple[SSAValue, ...]

    @property
    def bytes_read(self) -> int:
        """How much it reads row by row."""
        return sum(map(num_bytes, self.row_inputs))


def find_sums(kernel: KernelOp) -> Sums | None:
    """`kernel` as one that only adds up over rows, if it is one."""
    block = kernel.body.block
    generics = [op for op in block.ops if not isinstance(op, (*_REPEATED, KernelYieldOp))]
    by_row: dict[SSAValue, bool] = {}
    found: set[tuple[int, int]] = set()
    for op in generics:
        if not isinstance(op, GenericOp) or not _only_adds_up(op):
            return None
        sizes, reads = loop_sizes(op), accesses(op)[: len(op.inputs)]
        row = _row_loop(op, reads)
        if row is None:
            return None
        rows = (dimension(0), dimension(row))
        found.add((sizes[0], sizes[row]))
        for value, access in zip(op.inputs, reads, strict=True):
            is_row = access[:2] == rows
            used = {dim for expression in access[2 * is_row :] for dim in expression.used_dims()}
            if value.owner is not block or used & {0, row} or by_row.setdefault(value, is_row) != is_row:
                return None
            if is_row and shape_of(value)[:2] != (sizes[0], sizes[row]):
                return None
    if len(found) != 1:
        return None
    ((parts, steps),) = found
    pairs = [(by_row.get(argument, False), value) for argument, value in zip(block.args, kernel.inputs, strict=True)]
    rows, others = (tuple(value for is_row, value in pairs if is_row is kind) for kind in (True, False))
    return Sums(kernel, parts, steps, rows, others)


def _only_adds_up(op: GenericOp) -> bool:
    """Whether `op` combines elements in any order, from the neutral element on, without a look at where they are."""
    parallel = num_parallel(op)
    block = op.body.block
    last = block.last_op
    assert last is not None
    return (
        0 < parallel < len(iterators(op))
        and all(isinstance(value.owner, FillOp) for value in op.outputs)
        and all(access == dimensions(parallel) for access in accesses(op)[len(op.inputs) :])
        and not captured_by(op)
        and not any(isinstance(inner, IndexOp) for inner in block.ops)
        and None not in map(find_combiner, block.args[len(op.inputs) :], last.operands)
    )


def _row_loop(op: GenericOp, reads: Sequence[Access]) -> int | None:
    """The loop over the rows of a part: the one that the largest operand is read by after the loop over parts."""
    pairs = [pair for pair in zip(op.inputs, reads, strict=True) if len(pair[1]) > 1]
    if not pairs:
        return None
    _, (first, second, *_) = max(pairs, key=lambda pair: num_bytes(pair[0]))
    if first != dimension(0) or not isinstance(second, AffineDimExpr) or second.position < num_parallel(op):
        return None
    return second.position


@dataclass(eq=False, slots=True)
class RowKernel:
    """A kernel whose tile are the rows of all that it computes."""

    op: KernelOp
    row_arguments: set[SSAValue]
    """The block arguments that are read row by row."""
    first: Operation
    """The first in the block of the kernel and the sums that become part of it: what replaces them stands there."""
    needs: int
    """The position of the last operation that all of these need."""
    joining: list[Sums] = field(default_factory=list[Sums])

    @classmethod
    def examine(cls, op: KernelOp, least_row: int, positions: Mapping[Operation, int]) -> Self | None:
        """`op` as a kernel over rows, if it is one and runs some loop `least_row` times for each.

        `positions` are those of all operations in its block.
        """
        tile = cast(Sequence[int], op.tile.get_values())
        block = op.body.block
        if len(tile) != 1:
            return None
        by_row: dict[SSAValue, bool] = {}
        longest = 0
        for inner in block.ops:
            if isinstance(inner, (*_REPEATED, KernelYieldOp)):
                continue
            if not isinstance(inner, GenericOp):
                return None
            if any(isinstance(x, IndexOp) and x.dim.value.data == 0 for x in inner.body.block.ops):
                return None
            for value in captured_by(inner):
                if by_row.setdefault(value, False):
                    return None
            for value, access in zip(inner.operands, accesses(inner), strict=True):
                is_row = bool(access) and access[0] == dimension(0)
                if any(0 in expression.used_dims() for expression in access[int(is_row) :]):
                    return None
                if is_row != (shape_of(value)[:1] == tile and is_row):
                    return None
                if by_row.setdefault(value, is_row) != is_row or (not is_row and value.owner is not block):
                    return None
            longest = max(longest, prod(loop_sizes(inner)[1:]))
        if longest < least_row:
            return None
        arguments = {value for value, is_row in by_row.items() if is_row and value.owner is block}
        return cls(op, arguments, op, _last_position(op.inputs, positions))

    @property
    def count(self) -> int:
        """How many rows there are."""
        return cast(Sequence[int], self.op.tile.get_values())[0]

    def refusal(self, sums: Sums, positions: Mapping[Operation, int]) -> str | None:
        """Why the kernel cannot compute `sums`, which reads something that it has at hand."""
        if sums.parts * sums.steps != self.count:
            return f"it adds up {sums.parts * sums.steps} rows, of which the kernel has {self.count}"
        if self.joining and self.joining[0].parts != sums.parts:
            return f"it has {sums.parts} parts, and what became part of the kernel before {self.joining[0].parts}"
        own = {value: source for value in sums.row_inputs if (source := source_of(value)).owner is self.op}
        if any(shape_of(value)[2:] != shape_of(source)[1:] for value, source in own.items()):
            return "it reads what the kernel computes as rows of another shape"
        if self._needs(sums, positions) >= min(positions[self.first], positions[sums.kernel]):
            return "it needs what is computed later"
        return None if self.bytes_shared(sums) else "it reads other rows"

    def join(self, sums: Sums, positions: Mapping[Operation, int]) -> None:
        """Let the kernel compute `sums`, which it does not refuse."""
        self.needs = self._needs(sums, positions)
        self.first = min(self.first, sums.kernel, key=positions.__getitem__)
        self.joining.append(sums)

    def _needs(self, sums: Sums, positions: Mapping[Operation, int]) -> int:
        """The position of the last operation that the kernel would need with `sums`."""
        others = [value for value in sums.row_inputs if source_of(value).owner is not self.op]
        return max(self.needs, _last_position([*others, *sums.other_inputs], positions))

    def bytes_shared(self, sums: Sums) -> int:
        """How much of what `sums` read the kernel has at hand."""
        own = {
            source_of(value)
            for value, argument in zip(self.op.inputs, self.op.body.block.args, strict=True)
            if argument in self.row_arguments
        }
        sources = map(source_of, sums.row_inputs)
        return sum(num_bytes(value) for value in sources if value in own or value.owner is self.op)


def _last_position(values: Sequence[SSAValue], positions: Mapping[Operation, int]) -> int:
    """The position of the last operation that computes one of `values`, reshapes apart."""
    owners = (source_of(value).owner for value in values)
    return max((positions.get(owner, -1) for owner in owners if isinstance(owner, Operation)), default=-1)


def absorb(rows: RowKernel) -> None:
    """Replace the kernel, and what has joined it, by one over parts of its rows that adds up over each part."""
    _Rewriting(rows).rewrite()


class _Rewriting:
    def __init__(self, rows: RowKernel):
        self.old = rows.op
        self.rows = rows
        self.parts, self.steps = rows.joining[0].parts, rows.joining[0].steps
        self.outer = OpBuilder(Block(), rows.op.location)
        self.block = Block()
        self.b = OpBuilder(self.block, rows.op.location)
        self.inputs: list[SSAValue] = []
        self.values: dict[SSAValue, SSAValue] = {}
        """What stands for the values of the old kernel in the new one."""
        self.provided: dict[tuple[SSAValue, tuple[int, ...]], SSAValue] = {}
        """The arguments of the new kernel, by the value outside and the shape in which it is read."""

    def rewrite(self) -> None:
        """Append the new kernel, and put everything in its place."""
        old_block = self.old.body.block
        for argument, value in zip(old_block.args, self.old.inputs, strict=True):
            shape = shape_of(value)
            is_row = argument in self.rows.row_arguments
            self.values[argument] = self._provide(value, self._in_parts(shape) if is_row else shape)
        *ops, last = drain(old_block)
        for op in ops:
            self.b.location = op.location
            self._add(op)
        yielded = dict[SSAValue, SSAValue](zip(self.old.outputs, last.operands, strict=True))
        partial = [value for sums in self.rows.joining for value in self._take(sums, yielded)]
        kernels = {sums.kernel for sums in self.rows.joining}
        kept = [result for result in self.old.outputs if _is_read_outside(result, kernels)]
        results = [*(self.values[yielded[result]] for result in kept), *partial]
        self.b.create_op(KernelYieldOp, results)
        name = kernel_name([op for op in self.block.ops if isinstance(op, GenericOp)])
        kernel = self.outer.create_op(
            KernelOp,
            self.inputs,
            [value.type for value in results],
            {"kernel_name": StringAttr(name), "tile": int_array((self.parts,))},
            regions=[Region(self.block)],
            attributes=dict(self.old.attributes),
        )
        whole = [build_reshape(self.outer, new, shape_of(old)) for old, new in zip(kept, kernel.results, strict=False)]
        parent = self.old.parent
        assert parent is not None
        parent.insert_ops_before(drain(self.outer.block), self.rows.first)
        sums = [result for absorbed in self.rows.joining for result in absorbed.kernel.outputs]
        for old, new in zip([*kept, *sums], [*whole, *kernel.results[len(kept) :]], strict=True):
            old.replace_all_uses_with(new)
        for op in reversed([*ops, last]):
            op.erase()
        for absorbed in self.rows.joining:
            inputs = absorbed.kernel.inputs
            parent.erase_op(absorbed.kernel)
            for value in inputs:
                _erase_unread(value)
        parent.erase_op(self.old)
        results = "a result" if len(partial) == 1 else f"{len(partial)} results"
        message = f"{name}: adds up {results} over its rows, in {self.parts} parts"
        emit_remark("passed", "absorb-sums", message, kernel.location)

    def _provide(self, value: SSAValue, shape: Sequence[int]) -> SSAValue:
        """The argument for `value` in another shape."""
        source = source_of(value)
        key = (source, tuple(shape))
        argument = self.provided.get(key)
        if argument is None:
            reshaped = build_reshape(self.outer, source, shape)
            self.inputs.append(reshaped)
            argument = self.provided[key] = self.block.insert_arg(reshaped.type, len(self.block.args))
        return argument

    def _in_parts(self, shape: Sequence[int]) -> tuple[int, ...]:
        """The shape of rows, in parts."""
        return (self.parts, self.steps, *shape[1:])

    def _type(self, value: SSAValue) -> TensorType[Any]:
        """The type of rows, in parts."""
        old = tensor_type_of(value)
        return tensor_type(old.element_type, self._in_parts(old.get_shape()))

    def _add(self, op: Operation) -> None:
        b, values = self.b, self.values
        if isinstance(op, GenericOp):
            self._add_generic(op)
        elif isinstance(op, tensor.EmptyOp):
            values[op.tensor] = build_empty(b, self._type(op.tensor))
        elif isinstance(op, FillOp):
            values[op.results[0]] = build_fill(b, values[op.operands[0]], self._type(op.results[0]))
        else:
            assert isinstance(op, arith.ConstantOp)
            values[op.result] = b.create(arith.ConstantOp, (), op.result.type, op.properties)

    def _add_generic(self, op: GenericOp) -> None:
        """Give all loops a dimension more: parts, then rows."""
        b, values = self.b, self.values
        rank = 1 + len(iterators(op))
        dims = dimensions(rank)[1:]
        maps = [(dimension(0),) * (access[:1] == (dimension(0),)) + compose(access, dims) for access in accesses(op)]
        region = op.detach_region(0)
        for inner in region.walk():
            if isinstance(inner, IndexOp):
                inner.properties["dim"] = type(inner.dim)(inner.dim.value.data + 1, inner.dim.type)
            for index, operand in enumerate(inner.operands):
                if operand in values:
                    inner.operands[index] = values[operand]
        operands = [values[value] for value in op.operands]
        maps = ArrayAttr([affine_map(rank, access) for access in maps])
        kinds = ArrayAttr((PARALLEL, *iterators(op)))
        properties = {**op.properties, "indexing_maps": maps, "iterator_types": kinds}
        types = [value.type for value in operands[len(op.inputs) :]]
        new = b.create_op(GenericOp, operands, types, properties, regions=[region])
        values.update(zip(op.results, new.results, strict=True))

    def _take(self, sums: Sums, yielded: Mapping[SSAValue, SSAValue]) -> Sequence[SSAValue]:
        """Append what the kernel of `sums` does; return its results."""
        block = sums.kernel.body.block
        for argument, value in zip(block.args, sums.kernel.inputs, strict=True):
            inside = yielded.get(source_of(value))
            new = self._provide(value, shape_of(value)) if inside is None else self.values[inside]
            argument.replace_all_uses_with(new)
        *ops, last = drain(block)
        self.block.add_ops(ops)
        results = list(last.operands)
        last.erase()
        return results


def _is_read_outside(value: SSAValue, kernels: Collection[Operation]) -> bool:
    """Whether something else than `kernels` reads `value`, be it in another shape."""
    users = (use.operation for use in value.uses)
    return any(
        _is_read_outside(op.results[0], kernels) if isinstance(op, RESHAPES) else op not in kernels for op in users
    )


def _erase_unread(value: SSAValue) -> None:
    """Erase the reshapes that `value` comes from as far as nothing reads them."""
    while isinstance(op := value.owner, RESHAPES) and value.first_use is None and op.parent is not None:
        value = op.operands[0]
        op.parent.erase_op(op)
