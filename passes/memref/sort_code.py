"""The code of `rt.sort_rows`: one row of the tile after the other, each by a bitonic network.

What is compared follows from the size of a row alone: there are no jumps to predict, and a vector compares as many elements at once as it has
lanes. Sorted runs become runs of twice the size: first the run on the left is compared with that on the right, read backwards, and then
elements at half the distance each time. All comparisons have the smaller element on the left, so those with elements behind
the end of the row, which count as greatest, are left out. A group of vectors does everything that lies in it in registers.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

from xdsl.dialects import arith, memref, vector
from xdsl.dialects.builtin import DenseArrayBase, IndexType, IntegerAttr, MemRefType, VectorType, i1, i64
from xdsl.ir import Attribute, SSAValue

from dialects.builder import OpBuilder, vector_type
from dialects.dlc.scalars import scalar_op, scalar_select
from dialects.sort_rows import SortRowsOp
from dialects.structured import build_for
from passes.memref.statements import bit_width

Elements: TypeAlias = Sequence[SSAValue]
"""One vector, or one number, of each column."""

Range: TypeAlias = tuple[SSAValue, SSAValue]
"""The first place, and the one behind the last."""

Change: TypeAlias = Callable[[OpBuilder, Sequence[Elements]], Sequence[Elements]]

INDEX = IndexType()
GROUP = 4
"""How many vectors are sorted in registers."""
BLOCK_BYTES = 1 << 15
"""What stays in the cache of the first level, and of which longer rows consist."""
_EQUAL, _UNSIGNED_LESS = ({"predicate": IntegerAttr(number, i64)} for number in (0, 6))


class SortCode:
    """Appends the code of `op` for the range of rows that `b.block` has as its first arguments."""

    def __init__(self, op: SortRowsOp, b: OpBuilder, memory: Mapping[SSAValue, SSAValue], vector_bits: int):
        self.front = b
        self.columns, self.sorted = ([memory[value] for value in values] for values in (op.columns, op.outs))
        self.size = op.shape[1]
        self.types = [cast(MemRefType[Any], column.type).element_type for column in self.columns]
        self.lanes = max(1, vector_bits // max(map(bit_width, self.types)))
        while self.size % self.lanes:
            self.lanes //= 2
        self.group = next(count for count in (GROUP, 2, 1) if self.size % (count * self.lanes) == 0) * self.lanes
        element_bytes = sum(map(bit_width, self.types)) // 8
        self.block = max(self.group, BLOCK_BYTES // element_bytes)
        self._constants: dict[int, SSAValue] = {}

    def emit(self) -> None:
        """Append the loop over the rows."""
        lower, upper = self.front.block.args[:2]
        moved = [pair for pair in zip(self.columns, self.sorted, strict=True) if pair[0] is not pair[1]]

        def for_row(b: OpBuilder, row: SSAValue) -> None:
            if moved:
                sources, targets = zip(*moved, strict=True)
                self._for_each(
                    b, 0, self.size, self.lanes, lambda b, at: self._store(b, self._load(b, row, at, sources), row, at, targets)
                )
            if self.size <= self.block:
                self._sort_block(b, row, (self._number(0), self._number(self.size)))
            else:
                self._for_blocks(b, lambda b, block: self._sort_block(b, row, block))
                self._merge_blocks(b, row)

        self._for_each(self.front, lower, upper, 1, for_row)

    def _for_blocks(self, b: OpBuilder, body: Callable[[OpBuilder, Range], None]) -> None:
        """Append `body` for all parts of a row that stay in the cache of the first level."""

        def for_block(b: OpBuilder, start: SSAValue) -> None:
            end = scalar_op(b, arith.AddiOp, start, self._number(self.block))
            if self.size % self.block:
                end = scalar_op(b, arith.MinSIOp, end, self._number(self.size))
            body(b, (start, end))

        self._for_each(b, 0, self.size, self.block, for_block)

    def _sort_block(self, b: OpBuilder, row: SSAValue, block: Range) -> None:
        """Append the sort of all in a range: first each group, then rounds that make runs of twice the size."""
        self._for_groups(b, row, block, self._sort_group)

        def merge(b: OpBuilder, number: SSAValue, width: SSAValue) -> None:
            self._compare_mirrored(b, row, block, width)
            self._compare_at_distances(b, row, block, self._divided(b, width, 4), number)
            self._for_groups(b, row, block, self._clean_group)

        self._for_rounds(b, self.group, min(self.size, self.block), merge)

    def _merge_blocks(self, b: OpBuilder, row: SSAValue) -> None:
        """Append the rounds that make runs of all blocks: what is in a block comes at the end of a round, one block after the other."""
        whole = self._number(0), self._number(self.size)
        inside = (self.block // self.group).bit_length() - 1

        def clean(b: OpBuilder, block: Range) -> None:
            self._compare_at_distances(b, row, block, self._number(self.block // 2), self._number(inside))
            self._for_groups(b, row, block, self._clean_group)

        def merge(b: OpBuilder, number: SSAValue, width: SSAValue) -> None:
            self._compare_mirrored(b, row, whole, width)
            self._compare_at_distances(b, row, whole, self._divided(b, width, 4), number)
            self._for_blocks(b, clean)

        self._for_rounds(b, self.block, self.size, merge)

    def _for_rounds(
        self, b: OpBuilder, first: int, size: int, body: Callable[[OpBuilder, SSAValue, SSAValue], None]
    ) -> None:
        """Append `body(number, width)` for runs of twice `first` elements, and so on, until one has `size`."""
        if size <= first:
            return
        rounds = (-(-size // first) - 1).bit_length()

        def for_round(b: OpBuilder, number: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            body(b, number, carried[0])
            return (scalar_op(b, arith.AddiOp, carried[0], carried[0]),)

        build_for(b, self._number(0), self._number(rounds), self._number(1), (self._number(2 * first),), for_round)

    # Comparisons in memory

    def _compare_mirrored(self, b: OpBuilder, row: SSAValue, block: Range, width: SSAValue) -> None:
        """Append the comparison of both halves of each run of `width` elements, of which the second is read backwards."""

        def for_run(b: OpBuilder, start: SSAValue) -> None:
            end = scalar_op(b, arith.AddiOp, start, width)
            missing = scalar_op(b, arith.SubiOp, end, block[1])
            first = scalar_op(b, arith.MaxSIOp, missing, self._number(0))
            last = scalar_op(b, arith.SubiOp, end, self._number(self.lanes))

            def compare(b: OpBuilder, offset: SSAValue) -> None:
                left, right = scalar_op(b, arith.AddiOp, start, offset), scalar_op(b, arith.SubiOp, last, offset)
                backwards = self._reversed(b, self._load(b, row, right, self.sorted))
                low, high = self._exchanged(b, self._load(b, row, left, self.sorted), backwards)
                self._store(b, low, row, left, self.sorted)
                self._store(b, self._reversed(b, high), row, right, self.sorted)

            self._for_each(b, first, self._divided(b, width, 2), self.lanes, compare)

        self._for_each(b, *block, width, for_run)

    def _compare_at_distances(self, b: OpBuilder, row: SSAValue, block: Range, distance: SSAValue, count: SSAValue) -> None:
        """Append the comparisons at `distance`, at half of it, and so on, `count` in all: one by one, and then three at once."""

        def one(b: OpBuilder, _: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            self._compare_at(b, row, block, carried[0])
            return (self._divided(b, carried[0], 2),)

        def three(b: OpBuilder, _: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            (distance,) = carried
            whole = self._compare_eight(b, row, block, distance)
            for factor in (1, 2, 4):
                self._compare_at(b, row, (whole, block[1]), self._divided(b, distance, factor))
            return (self._divided(b, distance, 8),)

        threes = self._divided(b, count, 3)
        ones = scalar_op(b, arith.SubiOp, count, scalar_op(b, arith.MuliOp, threes, self._number(3)))
        zero, step = self._number(0), self._number(1)
        (distance,) = build_for(b, zero, ones, step, (distance,), one)
        build_for(b, zero, threes, step, (distance,), three)

    def _compare_at(self, b: OpBuilder, row: SSAValue, block: Range, distance: SSAValue) -> None:
        """Append the comparison of elements of the first half of each run with those `distance` behind them."""

        def for_run(b: OpBuilder, start: SSAValue) -> None:
            left_over = scalar_op(b, arith.SubiOp, scalar_op(b, arith.SubiOp, block[1], start), distance)

            def compare(b: OpBuilder, offset: SSAValue) -> None:
                left = scalar_op(b, arith.AddiOp, start, offset)
                places = left, scalar_op(b, arith.AddiOp, left, distance)
                self._change(b, row, places, lambda b, pair: self._exchanged(b, *pair))

            self._for_each(b, 0, scalar_op(b, arith.MinSIOp, distance, left_over), self.lanes, compare)

        self._for_each(b, *block, scalar_op(b, arith.AddiOp, distance, distance), for_run)

    def _compare_eight(self, b: OpBuilder, row: SSAValue, block: Range, distance: SSAValue) -> SSAValue:
        """Append the comparisons at `distance`, its half and its quarter for all whole runs; return where these end."""
        width, step = scalar_op(b, arith.AddiOp, distance, distance), self._divided(b, distance, 4)
        size = scalar_op(b, arith.SubiOp, block[1], block[0])
        rest = b.create(arith.RemUIOp, (size, width), INDEX)
        whole = scalar_op(b, arith.SubiOp, block[1], rest)

        def for_run(b: OpBuilder, start: SSAValue) -> None:
            def compare(b: OpBuilder, offset: SSAValue) -> None:
                places = [scalar_op(b, arith.AddiOp, start, offset)]
                for _ in range(7):
                    places.append(scalar_op(b, arith.AddiOp, places[-1], step))
                self._change(b, row, places, lambda b, vectors: self._exchanged_at(b, vectors, 4))

            self._for_each(b, 0, step, self.lanes, compare)

        self._for_each(b, block[0], whole, width, for_run)
        return whole

    # Groups

    def _for_groups(self, b: OpBuilder, row: SSAValue, block: Range, change: Change) -> None:
        """Append what changes each group of vectors in registers."""
        offsets = range(0, self.group, self.lanes)

        def body(b: OpBuilder, start: SSAValue) -> None:
            places = [scalar_op(b, arith.AddiOp, start, self._number(offset)) for offset in offsets]
            self._change(b, row, places, change)

        self._for_each(b, *block, self.group, body)

    def _sort_group(self, b: OpBuilder, vectors: Sequence[Elements]) -> Sequence[Elements]:
        """Append the sort of the elements of some vectors."""
        width = 2
        while width <= self.lanes:
            vectors = [self._within(b, x, width - 1, width // 2) for x in vectors]
            vectors = [self._cleaned(b, x, width // 4) for x in vectors]
            width *= 2
        count = 2
        while count <= len(vectors):
            changed = list(vectors)
            for start in range(0, len(vectors), count):
                for left, right in zip(range(start, start + count // 2), range(start + count - 1, start, -1), strict=False):
                    low, high = self._exchanged(b, changed[left], self._reversed(b, changed[right]))
                    changed[left], changed[right] = low, self._reversed(b, high)
            vectors = self._cleaned_at(b, changed, count // 4)
            count *= 2
        return vectors

    def _clean_group(self, b: OpBuilder, vectors: Sequence[Elements]) -> Sequence[Elements]:
        """Append the comparisons at half of all vectors, and so on, and within them."""
        return self._cleaned_at(b, vectors, len(vectors) // 2)

    def _cleaned_at(self, b: OpBuilder, vectors: Sequence[Elements], distance: int) -> Sequence[Elements]:
        return [self._cleaned(b, x, self.lanes // 2) for x in self._exchanged_at(b, vectors, distance)]

    def _exchanged_at(self, b: OpBuilder, vectors: Sequence[Elements], distance: int) -> Sequence[Elements]:
        """Append the comparisons of vectors at `distance`, at half of it, and so on."""
        changed = list(vectors)
        while distance:
            for left in range(len(changed)):
                if not left & distance:
                    right = left + distance
                    changed[left], changed[right] = self._exchanged(b, changed[left], changed[right])
            distance //= 2
        return changed

    def _cleaned(self, b: OpBuilder, x: Elements, distance: int) -> Elements:
        """Append the comparisons of lanes at `distance`, at half of it, and so on."""
        while distance:
            x = self._within(b, x, distance, distance)
            distance //= 2
        return x

    # Comparisons

    def _within(self, b: OpBuilder, x: Elements, partner: int, high: int) -> Elements:
        """Append the comparison of each lane with lane `lane ^ partner`; those with the bit `high` get the greater element."""
        other = [self._shuffled(b, column, column, [lane ^ partner for lane in range(self.lanes)]) for column in x]
        order = [lane + self.lanes * bool(lane & high) for lane in range(self.lanes)]
        lower, greater = self._exchanged(b, x, other)
        return [self._shuffled(b, *pair, order) for pair in zip(lower, greater, strict=True)]

    def _exchanged(self, b: OpBuilder, x: Elements, y: Elements) -> tuple[Elements, Elements]:
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
        pairs = list(zip(x, y, strict=True))
        return [scalar_select(b, is_less, r, l) for l, r in pairs], [scalar_select(b, is_less, l, r) for l, r in pairs]

    def _reversed(self, b: OpBuilder, x: Elements) -> Elements:
        backwards = range(self.lanes - 1, -1, -1)
        return [self._shuffled(b, column, column, backwards) for column in x]

    def _shuffled(self, b: OpBuilder, x: SSAValue, y: SSAValue, order: Sequence[int]) -> SSAValue:
        """The lanes of `x` followed by those of `y`, in `order`."""
        if self.lanes == 1:
            return x
        mask = DenseArrayBase.from_list(i64, list(order))
        return b.create(vector.ShuffleOp, (x, y), x.type, {"mask": mask})

    # Memory, numbers and loops

    def _change(self, b: OpBuilder, row: SSAValue, places: Sequence[SSAValue], change: Change) -> None:
        """Append what loads vectors, changes them, and stores them where they were."""
        vectors = [self._load(b, row, at, self.sorted) for at in places]
        for elements, at in zip(change(b, vectors), places, strict=True):
            self._store(b, elements, row, at, self.sorted)

    def _load(self, b: OpBuilder, row: SSAValue, at: SSAValue, memory: Sequence[SSAValue]) -> Elements:
        types: Sequence[Attribute] = [cast(MemRefType[Any], m.type).element_type for m in memory]
        if self.lanes == 1:
            return [b.create(memref.LoadOp, (m, row, at), t) for m, t in zip(memory, types, strict=True)]
        vectors: Sequence[VectorType[Any]] = [vector_type(t, self.lanes) for t in types]
        return [b.create(vector.LoadOp, (m, row, at), t) for m, t in zip(memory, vectors, strict=True)]

    def _store(self, b: OpBuilder, x: Elements, row: SSAValue, at: SSAValue, memory: Sequence[SSAValue]) -> None:
        kind = memref.StoreOp if self.lanes == 1 else vector.StoreOp
        for value, target in zip(x, memory, strict=True):
            b.create_op(kind, (value, target, row, at))

    def _divided(self, b: OpBuilder, x: SSAValue, factor: int) -> SSAValue:
        return scalar_op(b, arith.DivUIOp, x, self._number(factor))

    def _number(self, value: int) -> SSAValue:
        """A number, which stands before all loops."""
        if value not in self._constants:
            self._constants[value] = self.front.index(value)
        return self._constants[value]

    def _for_each(
        self, b: OpBuilder, lower: SSAValue | int, upper: SSAValue | int, step: SSAValue | int, body: Callable[[OpBuilder, SSAValue], None]
    ) -> None:
        def iteration(b: OpBuilder, position: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            body(b, position)
            return carried

        bounds = (self._number(bound) if isinstance(bound, int) else bound for bound in (lower, upper, step))
        build_for(b, *bounds, (), iteration)
