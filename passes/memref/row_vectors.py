"""Vectors of rows of integers: how they are compared, loaded and stored by the code of `rt.sort_rows` and `rt.merge_rows`."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

from xdsl.dialects import arith, memref, vector
from xdsl.dialects.builtin import DenseArrayBase, IndexType, IntegerAttr, MemRefType, VectorType, i1, i64
from xdsl.ir import Attribute, SSAValue

from dialects.builder import OpBuilder, vector_type
from dialects.dlc.scalars import scalar_op, scalar_select
from dialects.rt import RowsOp
from dialects.structured import build_for
from passes.memref.statements import bit_width

Elements: TypeAlias = Sequence[SSAValue]
"""One vector, or one number, of each column."""

Change: TypeAlias = Callable[[OpBuilder, Sequence[Elements]], Sequence[Elements]]
"""Appends what makes other vectors of some."""

INDEX = IndexType()
_EQUAL, _UNSIGNED_LESS = ({"predicate": IntegerAttr(number, i64)} for number in (0, 6))


class RowsCode(ABC):
    """What the code of both operations shares; it runs over the range of tile points that `b.block` has as its first arguments."""

    def __init__(self, op: RowsOp, b: OpBuilder, memory: Mapping[SSAValue, SSAValue], vector_bits: int):
        self.front = b
        self.columns, self.sorted = ([memory[value] for value in values] for values in (op.columns, op.outs))
        self.size = op.shape[1]
        self.types = [cast(MemRefType[Any], column.type).element_type for column in self.columns]
        self.lanes: int = max(1, vector_bits // max(map(bit_width, self.types)))
        while self.size % self.lanes:
            self.lanes //= 2
        self._constants: dict[int, SSAValue] = {}

    @abstractmethod
    def emit(self) -> None:
        """Append the loop over the tile points."""

    def copy_row(self, b: OpBuilder, row: SSAValue, start: SSAValue, end: SSAValue) -> None:
        """Append the copy of a part of a row to where its result is, unless it is there."""
        moved = [pair for pair in zip(self.columns, self.sorted, strict=True) if pair[0] is not pair[1]]
        if moved:
            sources, targets = zip(*moved, strict=True)

            def copy(b: OpBuilder, at: SSAValue) -> None:
                self.store(b, self.load(b, row, at, sources), row, at, targets)

            self.for_each(b, start, end, self.lanes, copy)

    # Comparisons

    def exchanged(self, b: OpBuilder, x: Elements, y: Elements) -> tuple[Elements, Elements]:
        """Append the lesser and the greater of each two elements."""
        if len(x) == 1:
            return [scalar_op(b, arith.MinUIOp, x[0], y[0])], [scalar_op(b, arith.MaxUIOp, x[0], y[0])]
        flag = i1 if self.lanes == 1 else vector_type(i1, self.lanes)
        is_less: SSAValue | None = None
        for left, right in reversed(list(zip(x, y, strict=True))):
            less = b.create(arith.CmpiOp, (right, left), flag, _UNSIGNED_LESS)
            if is_less is not None:
                equal = b.create(arith.CmpiOp, (right, left), flag, _EQUAL)
                less = scalar_op(b, arith.OrIOp, less, scalar_op(b, arith.AndIOp, equal, is_less))
            is_less = less
        assert is_less is not None
        lesser, greater = (
            [scalar_select(b, is_less, *pair) for pair in zip(*sides, strict=True)] for sides in ((y, x), (x, y))
        )
        return lesser, greater

    def reversed(self, b: OpBuilder, x: Elements) -> Elements:
        """Append the lanes backwards."""
        backwards = range(self.lanes - 1, -1, -1)
        return [self.shuffled(b, column, column, backwards) for column in x]

    def shuffled(self, b: OpBuilder, x: SSAValue, y: SSAValue, order: Sequence[int]) -> SSAValue:
        """The lanes of `x` followed by those of `y`, in `order`."""
        if self.lanes == 1:
            return x
        mask = DenseArrayBase.from_list(i64, list(order))
        return b.create(vector.ShuffleOp, (x, y), x.type, {"mask": mask})

    def exchanged_at(self, b: OpBuilder, vectors: Sequence[Elements], distance: int) -> Sequence[Elements]:
        """Append the comparisons of vectors at `distance`, at half of it, and so on."""
        changed = list(vectors)
        while distance:
            for left in range(len(changed)):
                right = left + distance
                if not left & distance and right < len(changed):
                    changed[left], changed[right] = self.exchanged(b, changed[left], changed[right])
            distance //= 2
        return changed

    # Memory, numbers and loops

    def change(self, b: OpBuilder, row: SSAValue, places: Sequence[SSAValue], change: Change) -> None:
        """Append what loads vectors, changes them, and stores them where they were."""
        vectors = [self.load(b, row, at, self.sorted) for at in places]
        for elements, at in zip(change(b, vectors), places, strict=True):
            self.store(b, elements, row, at, self.sorted)

    def load(self, b: OpBuilder, row: SSAValue, at: SSAValue, memory: Sequence[SSAValue]) -> Elements:
        """Append the load of one vector of each column."""
        types: Sequence[Attribute] = [cast(MemRefType[Any], m.type).element_type for m in memory]
        if self.lanes == 1:
            return [b.create(memref.LoadOp, (m, row, at), t) for m, t in zip(memory, types, strict=True)]
        vectors: Sequence[VectorType[Any]] = [vector_type(t, self.lanes) for t in types]
        return [b.create(vector.LoadOp, (m, row, at), t) for m, t in zip(memory, vectors, strict=True)]

    def store(self, b: OpBuilder, x: Elements, row: SSAValue, at: SSAValue, memory: Sequence[SSAValue]) -> None:
        """Append the store of one vector of each column."""
        kind = memref.StoreOp if self.lanes == 1 else vector.StoreOp
        for value, target in zip(x, memory, strict=True):
            b.create_op(kind, (value, target, row, at))

    def divided(self, b: OpBuilder, x: SSAValue, factor: int) -> SSAValue:
        """Append the quotient of a position and a number."""
        return scalar_op(b, arith.DivUIOp, x, self.number(factor))

    def number(self, value: int) -> SSAValue:
        """A number, which stands before all loops."""
        if value not in self._constants:
            self._constants[value] = self.front.index(value)
        return self._constants[value]

    def for_each(
        self,
        b: OpBuilder,
        lower: SSAValue | int,
        upper: SSAValue | int,
        step: SSAValue | int,
        body: Callable[[OpBuilder, SSAValue], None],
    ) -> None:
        """Append `body` for positions from `lower` to `upper`."""

        def iteration(b: OpBuilder, position: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            body(b, position)
            return carried

        first, end, by = (self.number(bound) if isinstance(bound, int) else bound for bound in (lower, upper, step))
        build_for(b, first, end, by, (), iteration)
