"""Which loop dimensions of a kernel can become one: the decisions of `collapse-dims`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from xdsl.dialects.linalg.ops import GenericOp
from xdsl.dialects.scf import ForOp
from xdsl.dialects.tensor import InsertSliceOp
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineExpr

from dialects.rt import KernelOp, ScatterOp
from passes.linalg.bodies import examine_body
from passes.linalg.maps import ZERO, Access, accesses, compose, dimension, iterators, loop_sizes, num_parallel, shape_of

Groups: TypeAlias = tuple[tuple[int, ...], ...]
"""The old dimensions that each new dimension stands for; those in no group have size 1 and go."""

_Pair: TypeAlias = tuple[SSAValue | GenericOp, int]
"""Dimensions `i` and `i + 1` of a value, or of the loops of an operation, counted without dropped ones."""


@dataclass(frozen=True)
class CollapsePlan:
    """The new dimensions of every value and every operation of a kernel."""

    values: dict[SSAValue, Groups]
    loops: dict[GenericOp, Groups]
    tile: tuple[int, ...]
    is_elementwise: bool
    """Whether every operation has the tile as its only loops."""
    has_loops: bool
    """Whether a body has loops of its own, which blocks of points of the tile run together."""

    @property
    def changes_nothing(self) -> bool:
        """Whether all dimensions stay as they are; the tile may still change."""
        return all(len(groups) == len(shape_of(value)) for value, groups in self.values.items()) and all(
            len(groups) == len(iterators(op)) for op, groups in self.loops.items()
        )

    def new_access(self, op: GenericOp, value: SSAValue, access: Access) -> Access:
        """What `access`, in the old loops of `op`, is in the new ones."""
        groups = self.loops[op]
        dims: list[AffineExpr] = [ZERO] * len(iterators(op))
        for new, group in enumerate(groups):
            # A merged dimension occurs only together with the others of its group, at its place.
            for old in group:
                dims[old] = dimension(new)
        return compose(tuple(access[group[0]] for group in self.values[value]), tuple(dims))


class _Constraints:
    """Pairs of adjacent dimensions that can only be merged together, or not at all."""

    def __init__(self) -> None:
        self._parent: dict[_Pair, _Pair] = {}
        self._blocked: set[_Pair] = set()

    def find(self, pair: _Pair) -> _Pair:
        parent = self._parent
        while (up := parent.get(pair, pair)) != pair:
            parent[pair] = parent.get(up, up)
            pair = up
        return pair

    def link(self, first: _Pair, second: _Pair) -> None:
        a, b = self.find(first), self.find(second)
        if a != b:
            self._parent[a] = b
            if a in self._blocked:
                self._blocked.add(b)

    def block(self, pair: _Pair) -> None:
        self._blocked.add(self.find(pair))

    def merge(self, owner: SSAValue | GenericOp, kept: Sequence[int]) -> Groups:
        """The dimensions `kept` of `owner`, in groups of those that can be merged."""
        groups: list[list[int]] = []
        for index, old in enumerate(kept):
            if index and self.find((owner, index - 1)) not in self._blocked:
                groups[-1].append(old)
            else:
                groups.append([old])
        return tuple(tuple(group) for group in groups)


def plan_collapse(kernel: KernelOp) -> CollapsePlan | None:
    """The plan for `kernel`; `None` if it holds something else than structured operations."""
    block = kernel.body.block
    generics = [op for op in block.ops if isinstance(op, GenericOp)]
    if not generics or any(isinstance(op, ScatterOp | InsertSliceOp | ForOp) for op in block.ops):
        return None
    sizes = {op: loop_sizes(op) for op in generics}
    tile = tuple(int(size) for size in kernel.tile.get_values())
    elementwise = all(num_parallel(op) == len(sizes[op]) == len(tile) for op in generics)
    bodies = {op: examine_body(op) for op in generics}
    captured = {value: None for body in bodies.values() for value in body.captured}
    # A nested region may hold a linalg.index that would have to be renumbered.
    drops = all(body.is_flat for body in bodies.values()) and _may_drop_units(kernel, generics, sizes)
    kept_dims: dict[SSAValue, list[int]] = {}
    kept_loops = {op: [d for d, size in enumerate(sizes[op]) if size != 1 or not drops] for op in generics}
    for value in (*block.args, *(value for op in generics for value in (*op.operands, *op.results))):
        shape = shape_of(value)
        keep_all = not drops or value in captured
        kept_dims[value] = [d for d, size in enumerate(shape) if size != 1 or keep_all]
    constraints = _Constraints()
    for value in captured:
        for index in range(len(kept_dims.get(value, ())) - 1):
            constraints.block((value, index))
    kept_tile = [d for d, size in enumerate(tile) if size != 1 or not drops]
    for op in generics:
        _constrain_loops(
            constraints, op, bodies[op].loop_dims, generics[0], kept_loops[op], len(kept_tile), elementwise
        )
        for value, access in zip(op.operands, accesses(op), strict=True):
            _constrain_access(constraints, op, value, access, kept_loops[op], kept_dims[value], sizes[op])
        for value, access in zip(op.results, accesses(op)[len(op.operands) - len(op.results) :], strict=True):
            _constrain_access(constraints, op, value, access, kept_loops[op], kept_dims[value], sizes[op])
    loops = {op: constraints.merge(op, kept_loops[op]) for op in generics}
    values = {value: constraints.merge(value, kept) for value, kept in kept_dims.items()}
    new_tile: list[int] = []
    for group in loops[generics[0]]:
        if group[0] >= len(tile):
            break
        size = 1
        for d in group:
            size *= tile[d]
        new_tile.append(size)
    has_loops = any(body.has_loops for body in bodies.values())
    return CollapsePlan(values, loops, tuple(new_tile), elementwise, has_loops)


def _may_drop_units(kernel: KernelOp, generics: Sequence[GenericOp], sizes: dict[GenericOp, tuple[int, ...]]) -> bool:
    """Whether dimensions of size 1 can go.

    Not if a result would be left without any (xDSL rejects `tensor.expand_shape` of a tensor without dimensions), nor
    if a reduction would be left without loops.
    """
    if any(result_shape and set(result_shape) == {1} for result_shape in map(shape_of, kernel.outputs)):
        return False
    for op in generics:
        reduced = sizes[op][num_parallel(op) :]
        if reduced and set(reduced) == {1}:
            return False
    return True


def _constrain_loops(
    constraints: _Constraints,
    op: GenericOp,
    indexed: frozenset[int],
    first: GenericOp,
    kept: Sequence[int],
    tile_rank: int,
    elementwise: bool,
) -> None:
    kinds = iterators(op)
    for index in range(len(kept) - 1):
        here, following = kept[index], kept[index + 1]
        if kinds[here] != kinds[following] or here in indexed or following in indexed:
            constraints.block((op, index))
        if index + 1 < tile_rank:
            constraints.link((op, index), (first, index))
        elif index + 1 == tile_rank and not elementwise:
            constraints.block((op, index))


def _constrain_access(
    constraints: _Constraints,
    op: GenericOp,
    value: SSAValue,
    access: Access,
    kept_loops: Sequence[int],
    kept_dims: Sequence[int],
    sizes: Sequence[int],
) -> None:
    """Link what this access reads side by side, and block everything else that it touches."""
    shape = shape_of(value)
    place = {loop: index for index, loop in enumerate(kept_loops)}
    expressions = [access[d] for d in kept_dims]
    uses: dict[int, int] = {}
    for expression in expressions:
        for loop in sorted(expression.used_dims()):
            uses[loop] = uses.get(loop, 0) + 1
    together: set[int] = set()
    for index in range(len(expressions) - 1):
        a, b = expressions[index], expressions[index + 1]
        if isinstance(a, AffineDimExpr) and isinstance(b, AffineDimExpr):
            first, second = place.get(a.position), place.get(b.position)
            full = shape[kept_dims[index]] == sizes[a.position] and shape[kept_dims[index + 1]] == sizes[b.position]
            if first is not None and second == first + 1 and full and uses[a.position] == uses[b.position] == 1:
                constraints.link((value, index), (op, first))
                together.add(first)
                continue
        constraints.block((value, index))
    for index in range(len(kept_loops) - 1):
        if index not in together and (kept_loops[index] in uses or kept_loops[index + 1] in uses):
            constraints.block((op, index))
