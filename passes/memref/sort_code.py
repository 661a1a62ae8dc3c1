"""The code of `rt.sort_rows`: one row of the tile after the other.

Long rows are sorted by their digits of eight bits, the lowest first: each pass counts where the keys of each digit begin and moves all
elements there, in order. Passes come in pairs, from the columns to scratch and back, and a pair that would move nothing is left out: so
small numbers of a wide type cost little. Short rows are merged, also in pairs of rounds: runs of `w` elements become runs of `4 w`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

from xdsl.dialects import arith, memref, scf, vector
from xdsl.dialects.builtin import DenseArrayBase, IndexType, IntegerAttr, IntegerType, MemRefType, i1, i32, i64
from xdsl.ir import Attribute, Block, Region, SSAValue

from dialects.builder import OpBuilder, memref_type, vector_type
from dialects.dlc.scalars import scalar_compare, scalar_op
from dialects.sort_rows import SortRowsOp
from dialects.structured import build_for

Rows: TypeAlias = Sequence[SSAValue]
"""The memory of all columns."""

INDEX = IndexType()
DIGITS = 256
"""How many digits there are."""
LEAST_COUNTED = 128
"""From this many elements on, for each digit of a key, counting is faster than merging."""
_LANES = 16
_NO_OPERANDS = DenseArrayBase.from_list(i32, [0, 0])
_UNSIGNED_LESS = {"predicate": IntegerAttr(6, i64)}


class SortCode:
    """Appends the code of `op` for the range of rows that `b.block` has as its first arguments."""

    def __init__(self, op: SortRowsOp, b: OpBuilder, memory: Mapping[SSAValue, SSAValue], vector_bits: int):
        self.front = b
        self.columns = [memory[value] for value in op.columns]
        outs = [memory[value] for value in op.outs]
        self.sorted, self.scratch = outs[: len(self.columns)], outs[len(self.columns) :]
        self.size = op.shape[1]
        self.key = cast(IntegerType, cast(MemRefType[Any], self.columns[0].type).element_type)
        self.num_digits = self.key.width.data // 8
        self.counts: SSAValue | None = None
        if vector_bits and self.size >= LEAST_COUNTED * self.num_digits // 2 and self.size < 2**31:
            table = memref_type(i32, (self.num_digits * DIGITS,))
            self.counts = b.create(memref.AllocaOp, (), table, {"operandSegmentSizes": _NO_OPERANDS})
        self._constants: dict[tuple[int, Attribute], SSAValue] = {}

    def emit(self) -> None:
        """Append the loop over the rows."""
        lower, upper = self.front.block.args[:2]

        def for_row(b: OpBuilder, row: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            self._copy_row(b, row)
            if self.counts is None:
                self._merge_row(b, row)
            else:
                self._count_row(b, row, self.counts)
            return carried

        build_for(self.front, lower, upper, self._number(1), (), for_row)

    def _copy_row(self, b: OpBuilder, row: SSAValue) -> None:
        moved = [(source, target) for source, target in zip(self.columns, self.sorted, strict=True) if source is not target]
        if moved:

            def copy(b: OpBuilder, place: SSAValue) -> None:
                for source, target in moved:
                    b.create_op(memref.StoreOp, (_load(b, source, row, place), target, row, place))

            self._for_each(b, 0, self.size, copy)

    # By digits

    def _count_row(self, b: OpBuilder, row: SSAValue, counts: SSAValue) -> None:
        keys = self.sorted[0]
        table_size = self.num_digits * DIGITS
        zeros = self._constant(0, vector_type(i32, _LANES))

        def clear(b: OpBuilder, start: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            b.create_op(vector.StoreOp, (zeros, counts, start))
            return carried

        build_for(b, self._number(0), self._number(table_size), self._number(_LANES), (), clear)
        one = self._constant(1, i32)

        def count(b: OpBuilder, place: SSAValue) -> None:
            key = _load(b, keys, row, place)
            for number in range(self.num_digits):
                at = scalar_op(b, arith.AddiOp, self._digit(b, key, self._key(8 * number)), self._number(number * DIGITS))
                b.create_op(memref.StoreOp, (scalar_op(b, arith.AddiOp, _load(b, counts, at), one), counts, at))

        self._for_each(b, 0, self.size, count)
        first = _load(b, keys, row, self._number(0))
        all_of_them = self._constant(self.size, i32)

        def pair(b: OpBuilder, number: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            # Of two digits that all keys have in common, no pass would move anything.
            passes: list[tuple[SSAValue, SSAValue]] = []
            moves: list[SSAValue] = []
            for offset in (self._number(0), self._number(1)):
                digit = scalar_op(b, arith.AddiOp, number, offset)
                start = scalar_op(b, arith.MuliOp, digit, self._number(DIGITS))
                bits = scalar_op(b, arith.MuliOp, digit, self._number(8))
                shift = b.create(arith.IndexCastOp, (bits,), self.key)
                passes.append((start, shift))
                of_first = scalar_op(b, arith.AddiOp, self._digit(b, first, shift), start)
                moves.append(scalar_compare(b, "ne", _load(b, counts, of_first), all_of_them))
            block = Block()
            inner = OpBuilder(block, b.location)
            places = (self.sorted, self.scratch)
            for (start, shift), source, target in zip(passes, places, places[::-1], strict=True):
                self._begin(inner, counts, start)
                self._distribute(inner, row, counts, start, shift, source, target)
            inner.create_op(scf.YieldOp)
            regions = [Region(block), Region()]
            b.create_op(scf.IfOp, (scalar_op(b, arith.OrIOp, *moves),), (), regions=regions)
            return carried

        build_for(b, self._number(0), self._number(self.num_digits), self._number(2), (), pair)

    def _begin(self, b: OpBuilder, counts: SSAValue, start: SSAValue) -> None:
        """Append what makes of the counts of a digit where its elements begin."""

        def step(b: OpBuilder, digit: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            at = scalar_op(b, arith.AddiOp, start, digit)
            count = _load(b, counts, at)
            b.create_op(memref.StoreOp, (carried[0], counts, at))
            return (scalar_op(b, arith.AddiOp, carried[0], count),)

        none = self._constant(0, i32)
        build_for(b, self._number(0), self._number(DIGITS), self._number(1), (none,), step)

    def _distribute(
        self,
        b: OpBuilder,
        row: SSAValue,
        counts: SSAValue,
        start: SSAValue,
        shift: SSAValue,
        sources: Rows,
        targets: Rows,
    ) -> None:
        one = self._constant(1, i32)

        def move(b: OpBuilder, place: SSAValue) -> None:
            elements = [_load(b, source, row, place) for source in sources]
            at = scalar_op(b, arith.AddiOp, self._digit(b, elements[0], shift), start)
            there = _load(b, counts, at)
            b.create_op(memref.StoreOp, (scalar_op(b, arith.AddiOp, there, one), counts, at))
            index = b.create(arith.IndexCastOp, (there,), INDEX)
            for element, target in zip(elements, targets, strict=True):
                b.create_op(memref.StoreOp, (element, target, row, index))

        self._for_each(b, 0, self.size, move)

    def _digit(self, b: OpBuilder, key: SSAValue, shift: SSAValue) -> SSAValue:
        """A digit of a key, as an index."""
        digit = scalar_op(b, arith.AndIOp, scalar_op(b, arith.ShRUIOp, key, shift), self._key(DIGITS - 1))
        if self.key.width.data < 64:
            digit = b.create(arith.ExtUIOp, (digit,), i64)
        return b.create(arith.IndexCastOp, (digit,), INDEX)

    # By merging

    def _merge_row(self, b: OpBuilder, row: SSAValue) -> None:
        rounds = 0
        while 4**rounds < self.size:
            rounds += 1

        def two_rounds(b: OpBuilder, _: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            (width,) = carried
            self._merge_pairs(b, row, self.sorted, self.scratch, width)
            self._merge_pairs(b, row, self.scratch, self.sorted, scalar_op(b, arith.AddiOp, width, width))
            return (scalar_op(b, arith.MuliOp, width, self._number(4)),)

        build_for(b, self._number(0), self._number(rounds), self._number(1), (self._number(1),), two_rounds)

    def _merge_pairs(self, b: OpBuilder, row: SSAValue, sources: Rows, targets: Rows, width: SSAValue) -> None:
        """Append the merge of each pair of runs of `width` elements."""
        double = scalar_op(b, arith.AddiOp, width, width)
        size, last, one = self._number(self.size), self._number(self.size - 1), self._number(1)

        def for_pair(b: OpBuilder, start: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            middle, end = (
                scalar_op(b, arith.MinSIOp, scalar_op(b, arith.AddiOp, start, length), size)
                for length in (width, double)
            )

            def for_place(b: OpBuilder, place: SSAValue, state: Sequence[SSAValue]) -> Sequence[SSAValue]:
                left, right = state
                # Of a run that is used up, the element is not chosen: it only must exist.
                from_left, from_right = (
                    _load(b, sources[0], row, scalar_op(b, arith.MinSIOp, position, last)) for position in (left, right)
                )
                is_before = b.create(arith.CmpiOp, (from_right, from_left), i1, _UNSIGNED_LESS)
                left_is_used_up = scalar_compare(b, "ge", left, middle)
                is_left_over = scalar_compare(b, "lt", right, end)
                takes_right = scalar_op(b, arith.OrIOp, left_is_used_up, is_before)
                takes_right = scalar_op(b, arith.AndIOp, takes_right, is_left_over)
                # In numbers, not by a choice: that would be a jump, and the processor cannot predict it.
                step = b.create(arith.IndexCastOp, (b.create(arith.ExtUIOp, (takes_right,), i64),), INDEX)
                distance = scalar_op(b, arith.MuliOp, scalar_op(b, arith.SubiOp, right, left), step)
                chosen = scalar_op(b, arith.AddiOp, left, distance)
                for source, target in zip(sources, targets, strict=True):
                    b.create_op(memref.StoreOp, (_load(b, source, row, chosen), target, row, place))
                stay = scalar_op(b, arith.SubiOp, one, step)
                return scalar_op(b, arith.AddiOp, left, stay), scalar_op(b, arith.AddiOp, right, step)

            build_for(b, start, end, one, (start, middle), for_place)
            return carried

        build_for(b, self._number(0), size, double, (), for_pair)

    # Numbers and loops

    def _constant(self, value: int, value_type: Attribute) -> SSAValue:
        """A number, which stands before all loops."""
        key = value, value_type
        if key not in self._constants:
            self._constants[key] = self.front.constant(value, value_type)
        return self._constants[key]

    def _number(self, value: int) -> SSAValue:
        return self._constant(value, INDEX)

    def _key(self, value: int) -> SSAValue:
        return self._constant(value, self.key)

    def _for_each(self, b: OpBuilder, lower: int, upper: int, body: Callable[[OpBuilder, SSAValue], None]) -> None:
        def iteration(b: OpBuilder, position: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            body(b, position)
            return carried

        build_for(b, self._number(lower), self._number(upper), self._number(1), (), iteration)


def _load(b: OpBuilder, memory: SSAValue, *at: SSAValue) -> SSAValue:
    return b.create(memref.LoadOp, (memory, *at), cast(MemRefType[Any], memory.type).element_type)
