"""The code of `rt.sort_rows`: one row of the tile after the other, each by a bitonic network.

What is compared follows from the size of a row alone: there are no jumps to predict, and a vector compares as many elements at once as it has
lanes. Sorted runs become runs of twice the size: first the run on the left is compared with that on the right, read backwards, and then
elements at half the distance each time. All comparisons have the smaller element on the left, so those with elements behind
the end of the row, which count as greatest, are left out. A group of vectors does everything that lies in it in registers.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from xdsl.dialects import arith
from xdsl.ir import SSAValue

from dialects.builder import OpBuilder
from dialects.dlc.scalars import scalar_op
from dialects.rt import MergeRowsOp, SortRowsOp
from dialects.structured import build_for
from passes.memref.row_vectors import INDEX, Change, Elements, RowsCode
from passes.memref.statements import bit_width

Range: TypeAlias = tuple[SSAValue, SSAValue]
"""The first place, and the one behind the last."""

GROUP = 2
"""How many vectors are sorted in registers."""
BLOCK_BYTES = 1 << 15
"""What stays in the cache of the first level, and of which longer rows consist."""


class SortCode(RowsCode):
    """Appends the code of `rt.sort_rows`: one row of the tile after the other."""

    def __init__(self, op: SortRowsOp, b: OpBuilder, memory: Mapping[SSAValue, SSAValue], vector_bits: int):
        super().__init__(op, b, memory, vector_bits)
        self.is_bitonic = op.bitonic is not None
        self.group = next(count for count in (GROUP, 1) if self.size % (count * self.lanes) == 0) * self.lanes
        self.block = max(self.group, BLOCK_BYTES // (sum(map(bit_width, self.types)) // 8))

    def emit(self) -> None:
        """Append the loop over the rows."""

        def for_row(b: OpBuilder, row: SSAValue) -> None:
            self.copy_row(b, row, self.number(0), self.number(self.size))
            whole = self.number(0), self.number(self.size)
            if self.size <= self.block and self.is_bitonic:
                self._clean_block(b, row, whole)
            elif self.size <= self.block:
                self._sort_block(b, row, whole)
            elif self.is_bitonic:
                distances = ((self.size - 1) // self.block).bit_length()
                first = self.number(self.block << (distances - 1))
                self._compare_at_distances(b, row, whole, first, self.number(distances))
                self._for_blocks(b, lambda b, block: self._clean_block(b, row, block))
            else:
                self._for_blocks(b, lambda b, block: self._sort_block(b, row, block))
                self._merge_blocks(b, row)

        lower, upper = self.front.block.args[:2]
        self.for_each(self.front, lower, upper, 1, for_row)

    def _for_blocks(self, b: OpBuilder, body: Callable[[OpBuilder, Range], None]) -> None:
        """Append `body` for all parts of a row that stay in the cache of the first level."""

        def for_block(b: OpBuilder, start: SSAValue) -> None:
            end = scalar_op(b, arith.AddiOp, start, self.number(self.block))
            if self.size % self.block:
                end = scalar_op(b, arith.MinSIOp, end, self.number(self.size))
            body(b, (start, end))

        self.for_each(b, 0, self.size, self.block, for_block)

    def _sort_block(self, b: OpBuilder, row: SSAValue, block: Range) -> None:
        """Append the sort of all in a range: first each group, then rounds that make runs of twice the size."""
        self._for_groups(b, row, block, self._sort_group)

        def merge(b: OpBuilder, number: SSAValue, width: SSAValue) -> None:
            self._compare_mirrored(b, row, block, width)
            self._compare_at_distances(b, row, block, self.divided(b, width, 4), number)
            self._for_groups(b, row, block, self._clean_group)

        self._for_rounds(b, self.group, min(self.size, self.block), merge)

    def _merge_blocks(self, b: OpBuilder, row: SSAValue) -> None:
        """Append the rounds that make runs of all blocks: what is in a block comes at the end of a round, one block after the other."""
        whole = self.number(0), self.number(self.size)

        def merge(b: OpBuilder, number: SSAValue, width: SSAValue) -> None:
            self._compare_mirrored(b, row, whole, width)
            self._compare_at_distances(b, row, whole, self.divided(b, width, 4), number)
            self._for_blocks(b, lambda b, block: self._clean_block(b, row, block))

        self._for_rounds(b, self.block, self.size, merge)

    def _clean_block(self, b: OpBuilder, row: SSAValue, block: Range) -> None:
        """Append the comparisons at all distances within a block, the greatest first."""
        count = ((min(self.size, self.block) - 1) // self.group).bit_length()
        if count:
            first = self.number(self.group << (count - 1))
            self._compare_at_distances(b, row, block, first, self.number(count))
        self._for_groups(b, row, block, self._clean_group)

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

        build_for(b, self.number(0), self.number(rounds), self.number(1), (self.number(2 * first),), for_round)

    # Comparisons in memory

    def _compare_mirrored(self, b: OpBuilder, row: SSAValue, block: Range, width: SSAValue) -> None:
        """Append the comparison of both halves of each run of `width` elements, of which the second is read backwards."""

        def for_run(b: OpBuilder, start: SSAValue) -> None:
            end = scalar_op(b, arith.AddiOp, start, width)
            missing = scalar_op(b, arith.SubiOp, end, block[1])
            first = scalar_op(b, arith.MaxSIOp, missing, self.number(0))
            last = scalar_op(b, arith.SubiOp, end, self.number(self.lanes))

            def compare(b: OpBuilder, offset: SSAValue) -> None:
                left, right = scalar_op(b, arith.AddiOp, start, offset), scalar_op(b, arith.SubiOp, last, offset)
                backwards = self.reversed(b, self.load(b, row, right, self.sorted))
                low, high = self.exchanged(b, self.load(b, row, left, self.sorted), backwards)
                self.store(b, low, row, left, self.sorted)
                self.store(b, self.reversed(b, high), row, right, self.sorted)

            self.for_each(b, first, self.divided(b, width, 2), self.lanes, compare)

        self.for_each(b, *block, width, for_run)

    def _compare_at_distances(
        self, b: OpBuilder, row: SSAValue, block: Range, distance: SSAValue, count: SSAValue
    ) -> None:
        """Append the comparisons at `distance`, at half of it, and so on, `count` in all: one by one, and then three at once."""

        def one(b: OpBuilder, _: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            self._compare_at(b, row, block, carried[0])
            return (self.divided(b, carried[0], 2),)

        def three(b: OpBuilder, _: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            (distance,) = carried
            whole = self._compare_eight(b, row, block, distance)
            for factor in (1, 2, 4) if self.size & (self.size - 1) else ():
                self._compare_at(b, row, (whole, block[1]), self.divided(b, distance, factor))
            return (self.divided(b, distance, 8),)

        threes = self.divided(b, count, 3)
        ones = scalar_op(b, arith.SubiOp, count, scalar_op(b, arith.MuliOp, threes, self.number(3)))
        zero, step = self.number(0), self.number(1)
        (distance,) = build_for(b, zero, ones, step, (distance,), one)
        build_for(b, zero, threes, step, (distance,), three)

    def _compare_at(self, b: OpBuilder, row: SSAValue, block: Range, distance: SSAValue) -> None:
        """Append the comparison of elements of the first half of each run with those `distance` behind them."""

        def for_run(b: OpBuilder, start: SSAValue) -> None:
            left_over = scalar_op(b, arith.SubiOp, scalar_op(b, arith.SubiOp, block[1], start), distance)

            def compare(b: OpBuilder, offset: SSAValue) -> None:
                left = scalar_op(b, arith.AddiOp, start, offset)
                places = left, scalar_op(b, arith.AddiOp, left, distance)
                self.change(b, row, places, lambda b, pair: self.exchanged(b, *pair))

            self.for_each(b, 0, scalar_op(b, arith.MinSIOp, distance, left_over), self.lanes, compare)

        self.for_each(b, *block, scalar_op(b, arith.AddiOp, distance, distance), for_run)

    def _compare_eight(self, b: OpBuilder, row: SSAValue, block: Range, distance: SSAValue) -> SSAValue:
        """Append the comparisons at `distance`, its half and its quarter for all whole runs; return where these end."""
        width, step = scalar_op(b, arith.AddiOp, distance, distance), self.divided(b, distance, 4)
        size = scalar_op(b, arith.SubiOp, block[1], block[0])
        rest = b.create(arith.RemUIOp, (size, width), INDEX)
        whole = scalar_op(b, arith.SubiOp, block[1], rest)

        def for_run(b: OpBuilder, start: SSAValue) -> None:
            def compare(b: OpBuilder, offset: SSAValue) -> None:
                places = [scalar_op(b, arith.AddiOp, start, offset)]
                for _ in range(7):
                    places.append(scalar_op(b, arith.AddiOp, places[-1], step))
                self.change(b, row, places, lambda b, vectors: self.exchanged_at(b, vectors, 4))

            self.for_each(b, 0, step, self.lanes, compare)

        self.for_each(b, block[0], whole, width, for_run)
        return whole

    # Groups

    def _for_groups(self, b: OpBuilder, row: SSAValue, block: Range, change: Change) -> None:
        """Append what changes each group of vectors in registers."""
        offsets = range(0, self.group, self.lanes)

        def body(b: OpBuilder, start: SSAValue) -> None:
            places = [scalar_op(b, arith.AddiOp, start, self.number(offset)) for offset in offsets]
            self.change(b, row, places, change)

        self.for_each(b, *block, self.group, body)

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
                for left, right in zip(
                    range(start, start + count // 2), range(start + count - 1, start, -1), strict=False
                ):
                    low, high = self.exchanged(b, changed[left], self.reversed(b, changed[right]))
                    changed[left], changed[right] = low, self.reversed(b, high)
            vectors = self._cleaned_at(b, changed, count // 4)
            count *= 2
        return vectors

    def _clean_group(self, b: OpBuilder, vectors: Sequence[Elements]) -> Sequence[Elements]:
        """Append the comparisons at half of all vectors, and so on, and within them."""
        return self._cleaned_at(b, vectors, len(vectors) // 2)

    def _cleaned_at(self, b: OpBuilder, vectors: Sequence[Elements], distance: int) -> Sequence[Elements]:
        return [self._cleaned(b, x, self.lanes // 2) for x in self.exchanged_at(b, vectors, distance)]

    def _cleaned(self, b: OpBuilder, x: Elements, distance: int) -> Elements:
        """Append the comparisons of lanes at `distance`, at half of it, and so on."""
        while distance:
            x = self._within(b, x, distance, distance)
            distance //= 2
        return x

    def _within(self, b: OpBuilder, x: Elements, partner: int, high: int) -> Elements:
        """Append the comparison of each lane with lane `lane ^ partner`; those with the bit `high` get the greater element."""
        other = [self.shuffled(b, column, column, [lane ^ partner for lane in range(self.lanes)]) for column in x]
        order = [lane + self.lanes * bool(lane & high) for lane in range(self.lanes)]
        lower, greater = self.exchanged(b, x, other)
        return [self.shuffled(b, *pair, order) for pair in zip(lower, greater, strict=True)]


class MergeCode(RowsCode):
    """Appends the code of `rt.merge_rows`: a vector of each row of a group, in registers."""

    def __init__(self, op: MergeRowsOp, b: OpBuilder, memory: Mapping[SSAValue, SSAValue], vector_bits: int):
        super().__init__(op, b, memory, vector_bits)
        self.rows, self.parts = op.group.value.data, op.parts.value.data
        self.whole, self.rest = divmod(op.shape[0], self.rows)
        while (self.size // self.parts) % self.lanes:
            self.lanes //= 2

    def emit(self) -> None:
        """Append the loop over the groups and parts; of the last group, if it lacks rows, at the end."""
        lower, upper = self.front.block.args[:2]
        end = self.number(self.whole * self.parts)
        groups = scalar_op(self.front, arith.MinSIOp, upper, end) if self.rest else upper
        self.for_each(self.front, lower, groups, 1, lambda b, tile: self._for_part(b, tile, self.rows))
        if self.rest > self.rows // 2:
            first = scalar_op(self.front, arith.MaxSIOp, lower, end)
            self.for_each(self.front, first, upper, 1, lambda b, tile: self._for_part(b, tile, self.rest))
        elif self.rest:
            last = scalar_op(self.front, arith.MaxSIOp, lower, end)
            self.for_each(self.front, last, upper, 1, self._copy_rest)

    def _for_part(self, b: OpBuilder, tile: SSAValue, count: int) -> None:
        """Append the loop over one part of a group with `count` rows."""
        rows, start, end = self._place(b, tile, count)
        self.for_each(b, start, end, self.lanes, lambda b, at: self._merge(b, rows, at))

    def _copy_rest(self, b: OpBuilder, tile: SSAValue) -> None:
        """Append the copy of rows that are sorted: they are no more than the first half of a group."""
        rows, start, end = self._place(b, tile, self.rest)
        for row in rows:
            self.copy_row(b, row, start, end)

    def _place(self, b: OpBuilder, tile: SSAValue, count: int) -> tuple[Sequence[SSAValue], SSAValue, SSAValue]:
        """The rows of the group of a tile point, and where its part of them begins and ends."""
        parts, length = self.number(self.parts), self.number(self.size // self.parts)
        group, part = (b.create(kind, (tile, parts), INDEX) for kind in (arith.DivUIOp, arith.RemUIOp))
        first = scalar_op(b, arith.MuliOp, group, self.number(self.rows))
        start = scalar_op(b, arith.MuliOp, part, length)
        rows = [scalar_op(b, arith.AddiOp, first, self.number(k)) for k in range(count)]
        return rows, start, scalar_op(b, arith.AddiOp, start, length)

    def _merge(self, b: OpBuilder, rows: Sequence[SSAValue], at: SSAValue) -> None:
        """Append the comparisons of the vectors `at` a place in the first half of the rows, and at the same from the end in the second."""
        half = self.rows // 2
        mirrored = scalar_op(b, arith.SubiOp, self.number(self.size - self.lanes), at)
        places = [*((row, at) for row in rows[:half]), *((row, mirrored) for row in rows[half:])]
        vectors = [self.load(b, row, place, self.columns) for row, place in places]
        for right in range(half, len(rows)):
            left = self.rows - 1 - right
            low, high = self.exchanged(b, vectors[left], self.reversed(b, vectors[right]))
            vectors[left], vectors[right] = low, self.reversed(b, high)
        halves = (self.exchanged_at(b, part, half // 2) for part in (vectors[:half], vectors[half:]))
        for elements, (row, place) in zip((x for part in halves for x in part), places, strict=True):
            self.store(b, elements, row, place, self.sorted)
