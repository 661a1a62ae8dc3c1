"""The code of `rt.fft`: one row of the tile after the other, step by step (`dialects/fourier.py` has the formula).

Between the first and the last step a row is two planes, of real and of imaginary parts, in scratch and, where the result is one
piece of memory, in its place. So every access is contiguous: lanes run over `q` (and over the columns, if transforms run along
a dimension that is not the last), or over `p` in a first step of single elements, which shuffles what it writes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod
from typing import Any, TypeAlias, cast

from xdsl.dialects import arith, memref, vector
from xdsl.dialects.builtin import DenseArrayBase, IndexType, MemRefType, i32, i64
from xdsl.ir import Attribute, SSAValue

from dialects import rt
from dialects.builder import OpBuilder, int_array, memref_type, vector_type
from dialects.fourier import RootTable, Step
from dialects.structured import build_for
from passes.linalg.reshape_memref import reassociation
from passes.memref.butterflies import Complex, ComplexArithmetic
from passes.memref.statements import bit_width

Position: TypeAlias = SSAValue | int

_INDEX = IndexType()
_NO_OPERANDS = DenseArrayBase.from_list(i32, [0, 0])


@dataclass(frozen=True)
class Planes:
    """Complex numbers from `base` on in a flat memref: real parts, and imaginary ones `distance` later."""

    memory: SSAValue
    base: Position
    distance: int


@dataclass(frozen=True)
class Interleaved:
    """Complex numbers from `base` on in a flat memref, imaginary parts behind real ones; the other way round if `is_swapped`."""

    memory: SSAValue
    base: Position
    is_swapped: bool


Place: TypeAlias = Planes | Interleaved


@dataclass(frozen=True)
class Walk:
    """How far the elements of a place are apart: from one `j` or `k` to the next, from one `p`, and from one group of columns."""

    leg: int
    point: int
    group: int


class FftCode:
    """Appends the code of `op` for the range of tile points that `b.block` has as its first arguments."""

    def __init__(self, op: rt.FftOp, b: OpBuilder, memory: Mapping[SSAValue, SSAValue], vector_bits: int):
        self.op = op
        self.front = b
        self.plan = op.plan
        input_type = cast(MemRefType[Attribute], op.input.type)
        self.element: Attribute = input_type.element_type
        self.rows_in, self.inner = input_type.get_shape()[1:3]
        self.rows_out = cast(MemRefType[Attribute], op.outs[0].type).get_shape()[1]
        self.columns = self.inner // op.parts.value.data
        self.points = prod(step.radix for step in self.plan.steps)
        self.width = max(1, vector_bits // bit_width(self.element))
        self.kind = op.kind.data
        self.is_inverse = op.inverse is not None or self.kind == "inverse_real"
        self.scale = op.scale.value.data
        self._constants: dict[Any, SSAValue] = {}
        self.source, self.roots, self.target = (self._flat(memory[value]) for value in (op.input, op.roots, op.outs[0]))
        self.has_scratch = len(op.outs) > 1
        size = self.points * self.columns
        # The planes in between: one on each side of every step but the ends.
        self.between = len(self.plan.steps) - 1 + (self.kind != "complex")
        self.planes: list[SSAValue] = []
        if self.has_scratch:
            self.planes.append(self._flat(memory[op.outs[1]]))
        in_target = self.columns == self.inner
        while len(self.planes) < min(self.between, 1 if in_target else 2):
            scratch_type = memref_type(self.element, (2 * size,))
            properties = {"operandSegmentSizes": _NO_OPERANDS}
            self.planes.append(b.create(memref.AllocaOp, (), scratch_type, properties))

    def emit(self) -> None:
        """Append the loop over the tile."""
        lower, upper = self.front.block.args[:2]
        build_for(self.front, lower, upper, self.number(1), (), self._row)

    def _row(self, b: OpBuilder, tile: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
        parts = self.op.parts.value.data
        outer, first = tile, 0
        if parts > 1:
            outer = b.create(arith.DivUIOp, (tile, self.number(parts)), _INDEX)
            rest = b.create(arith.RemUIOp, (tile, self.number(parts)), _INDEX)
            first = self.times(b, rest, 2 * self.columns)
        source_base = self.plus(b, self.times(b, outer, self.rows_in * self.inner * 2), first)
        target_base = self.plus(b, self.times(b, outer, self.rows_out * self.inner * 2), first)
        size = self.points * self.columns
        source: Place = Interleaved(self.source, source_base, self.is_inverse)
        target: Place = Interleaved(self.target, target_base, self.is_inverse)
        scratch_base = self.times(b, tile, 2 * size) if self.has_scratch else 0
        if self.columns == self.inner:
            others: list[Place] = [Planes(plane, scratch_base, size) for plane in self.planes]
            others.append(Planes(self.target, target_base, size))
        else:
            others = [Planes(plane, 0, size) for plane in self.planes]
        # The last is never in the place of the result.
        places: list[Place] = [others[i % 2] for i in reversed(range(self.between))]
        if self.kind == "inverse_real":
            self._enter_real(b, source, cast(Planes, places[0]))
        else:
            places.insert(0, source)
        if self.kind != "real":
            places.append(target)
        for step, (before, after) in zip(self.plan.steps, pairwise(places), strict=True):
            self._step(b, step, before, after)
        if self.kind == "real":
            self._leave_real(b, cast(Planes, places[-1]), target)
        return ()

    # Steps

    def _step(self, b: OpBuilder, step: Step, before: Place, after: Place) -> None:
        """Append one step from `before` to `after`."""
        columns = self.columns
        row = step.stride * columns
        reads = Walk(step.points * row, row, columns)
        if isinstance(before, Interleaved):
            reads = Walk(step.points * self.inner, self.inner, self.inner)
        writes = Walk(row, step.radix * row, columns)
        if isinstance(after, Interleaved):
            writes = Walk(step.stride * self.inner, step.radix * step.stride * self.inner, self.inner)
        factor = self.scale if isinstance(after, Interleaved) else 1.0
        if row == 1:
            self._step_of_elements(b, step, before, after, factor)
            return
        groups, length = (1, row) if reads.group == writes.group == columns else (step.stride, columns)

        def for_point(b: OpBuilder, p: Position, roots: list[Complex]) -> None:
            width = _power_of_two(min(self.width, length))
            a = self._arithmetic(b, width)
            roots = [(self._splat(b, real, width), self._splat(b, imag, width)) for real, imag in roots]

            def for_group(b: OpBuilder, group: Position) -> None:
                def for_lanes(b: OpBuilder, q: Position) -> None:
                    a.b = b
                    at, to = q, q
                    for position, read, write in ((p, reads.point, writes.point), (group, reads.group, writes.group)):
                        at = self.plus(b, at, self.times(b, position, read))
                        to = self.plus(b, to, self.times(b, position, write))
                    x = [self._load(b, before, at, j * reads.leg, width) for j in range(step.radix)]
                    y = _turned(a, a.transform(x), roots)
                    for k, number in enumerate(y):
                        self._store(b, after, to, k * writes.leg, a.scale(number, factor))

                self._for_lanes(b, length, width, for_lanes)

            self._for_each(b, groups, 1, for_group)

        self._for_points(b, step.roots, step.points, 1, for_point)

    def _step_of_elements(self, b: OpBuilder, step: Step, before: Place, after: Place, factor: float) -> None:
        """Append a step of single elements: lanes run over `p`, and the results of one `p` are neighbours."""
        limit = step.points if step.roots is None else step.roots.fine
        width = _power_of_two(min(self.width, limit))

        def for_point(b: OpBuilder, p: Position, roots: list[Complex]) -> None:
            a = self._arithmetic(b, width)
            x = [self._load(b, before, p, j * step.points, width) for j in range(step.radix)]
            y = [a.scale(number, factor) for number in _turned(a, a.transform(x), roots)]
            self._store_neighbours(b, after, self.times(b, p, step.radix), y, width)

        self._for_points(b, step.roots, step.points, width, for_point)

    def _for_points(
        self,
        b: OpBuilder,
        table: RootTable | None,
        count: int,
        width: int,
        body: Callable[[OpBuilder, Position, list[Complex]], None],
    ) -> None:
        """Append `body(b, p, roots)` for `p < count`; the roots have `width` lanes, for `p` and those that follow."""
        if table is None:
            self._for_lanes(b, count, width, lambda b, p: body(b, p, []))
            return

        def fine_roots(b: OpBuilder, p: Position) -> list[Complex]:
            starts = [table.offset + k * table.fine for k in range(2 * table.factors)]
            numbers = [self._load_root(b, start, p, width) for start in starts]
            return list(zip(numbers[: table.factors], numbers[table.factors :], strict=True))

        if table.coarse == 1:
            self._for_lanes(b, count, width, lambda b, p: body(b, p, fine_roots(b, p)))
            return
        offset = table.offset + 2 * table.factors * table.fine

        def for_coarse(b: OpBuilder, number: Position, length: int = table.fine) -> None:
            coarse = [
                (
                    self._splat(b, self._load_root(b, offset + k * table.coarse, number, 1), width),
                    self._splat(b, self._load_root(b, offset + (k + table.factors) * table.coarse, number, 1), width),
                )
                for k in range(table.factors)
            ]
            start = self.times(b, number, table.fine)

            def for_fine(b: OpBuilder, p: Position) -> None:
                a = self._arithmetic(b, width)
                roots = [a.multiply(x, y) for x, y in zip(fine_roots(b, p), coarse, strict=True)]
                body(b, self.plus(b, start, p), roots)

            self._for_lanes(b, length, width, for_fine)

        whole, rest = divmod(count, table.fine)
        self._for_each(b, whole, 1, for_coarse)
        if rest:
            for_coarse(b, whole, rest)

    # Real transforms: even and odd elements are the parts of half as many complex numbers

    def _leave_real(self, b: OpBuilder, before: Planes, after: Place) -> None:
        """Append `X[k] = E[k] + w^k O[k]` and `X[n-k] = conj(E[k] - w^k O[k])`, `E` and `O` being the transforms of even and odd elements."""
        size = self.points
        a = self._arithmetic(b, 1)
        real, imag = self._load(b, before, 0, 0, 1)
        zero = self._constant(0.0, 1)
        for place, op_type in ((0, arith.AddfOp), (size, arith.SubfOp)):
            number, _ = a.scale((a.real(op_type, real, imag), zero), self.scale)
            self._store(b, after, 0, place, (number, zero))

        def for_pair(
            b: OpBuilder, a: ComplexArithmetic, root: Complex, k: Position, back: Position, width: int
        ) -> None:
            x = a.scale(self._load(b, before, k, 1, width), self.scale / 2)
            y = a.scale(self._reversed(b, self._load(b, before, back, 0, width), width), self.scale / 2)
            even = a.real(arith.AddfOp, x[0], y[0]), a.real(arith.SubfOp, x[1], y[1])
            odd = a.real(arith.AddfOp, x[1], y[1]), a.real(arith.SubfOp, y[0], x[0])
            odd = a.multiply(odd, root)
            low, high = a.add(even, odd), a.subtract(even, odd)
            self._store(b, after, k, 1, low)
            self._store(b, after, back, 0, self._reversed(b, (high[0], a.negated(high[1])), width))

        self._for_pairs(b, for_pair)

    def _enter_real(self, b: OpBuilder, before: Place, after: Planes) -> None:
        """Append `Z[k] = E[k] + i O[k]` with `E[k] = X[k] + conj(X[n-k])` and `O[k] = w^-k (X[k] - conj(X[n-k]))`, parts exchanged."""
        size = self.points
        a = self._arithmetic(b, 1)
        before = replace(cast(Interleaved, before), is_swapped=False)
        first, last = self._load(b, before, 0, 0, 1)[0], self._load(b, before, 0, size, 1)[0]
        ends = a.real(arith.SubfOp, first, last), a.real(arith.AddfOp, first, last)
        self._store(b, after, 0, 0, ends)

        def for_pair(
            b: OpBuilder, a: ComplexArithmetic, root: Complex, k: Position, back: Position, width: int
        ) -> None:
            x = self._load(b, before, k, 1, width)
            y = self._reversed(b, self._load(b, before, back, 0, width), width)
            even = a.real(arith.AddfOp, x[0], y[0]), a.real(arith.SubfOp, x[1], y[1])
            odd = a.real(arith.SubfOp, x[0], y[0]), a.real(arith.AddfOp, x[1], y[1])
            odd = a.multiply(odd, (root[0], a.negated(root[1])))
            real, imag = a.real(arith.SubfOp, even[0], odd[1]), a.real(arith.AddfOp, even[1], odd[0])
            self._store(b, after, k, 1, (imag, real))
            real, imag = a.real(arith.AddfOp, even[0], odd[1]), a.real(arith.SubfOp, odd[0], even[1])
            self._store(b, after, back, 0, self._reversed(b, (imag, real), width))

        self._for_pairs(b, for_pair)

    def _for_pairs(
        self, b: OpBuilder, body: Callable[[OpBuilder, ComplexArithmetic, Complex, Position, Position, int], None]
    ) -> None:
        """Append `body` for the elements `k + 1` and `n - k - 1`, with lanes up and down from there."""
        table = self.plan.real_roots
        if table is None:
            return
        rest = table.count % table.fine or table.fine
        width = _power_of_two(min(self.width, rest))

        def for_point(b: OpBuilder, k: Position, roots: list[Complex]) -> None:
            back: Position = (
                self.points - width - k
                if isinstance(k, int)
                else b.create(arith.SubiOp, (self.number(self.points - width), k), _INDEX)
            )
            body(b, self._arithmetic(b, width), roots[0], k, back, width)

        self._for_points(b, table, table.count, width, for_point)

    def _reversed(self, b: OpBuilder, x: Complex, width: int) -> Complex:
        """The lanes in reverse order."""
        if width == 1:
            return x
        order = tuple(reversed(range(width)))
        return _shuffle(b, x[0], x[0], order), _shuffle(b, x[1], x[1], order)

    # Memory

    def _load(self, b: OpBuilder, place: Place, position: Position, offset: int, width: int) -> Complex:
        """Append the load of `width` complex numbers."""
        if isinstance(place, Planes):
            real = self._read(b, place.memory, (place.base, position, offset), width)
            return real, self._read(b, place.memory, (place.base, position, offset + place.distance), width)
        at = (place.base, self.times(b, position, 2), 2 * offset)
        if width == 1:
            pair = self._read(b, place.memory, at, 1), self._read(b, place.memory, (*at[:2], 2 * offset + 1), 1)
        else:
            both = self._read(b, place.memory, at, 2 * width)
            pair = _shuffle(b, both, both, range(0, 2 * width, 2)), _shuffle(b, both, both, range(1, 2 * width, 2))
        return pair[::-1] if place.is_swapped else pair

    def _store(self, b: OpBuilder, place: Place, position: Position, offset: int, x: Complex) -> None:
        """Append the store of complex numbers, as many as `x` has lanes."""
        width = _lanes(x[0])
        if isinstance(place, Planes):
            self._write(b, place.memory, (place.base, position, offset), x[0])
            self._write(b, place.memory, (place.base, position, offset + place.distance), x[1])
            return
        pair = x[::-1] if place.is_swapped else x
        at = (place.base, self.times(b, position, 2))
        if width == 1:
            self._write(b, place.memory, (*at, 2 * offset), pair[0])
            self._write(b, place.memory, (*at, 2 * offset + 1), pair[1])
        else:
            order = [lane + part * width for lane in range(width) for part in (0, 1)]
            self._write(b, place.memory, (*at, 2 * offset), _shuffle(b, *pair, order))

    def _store_neighbours(self, b: OpBuilder, place: Place, position: Position, xs: list[Complex], width: int) -> None:
        """Append the store of lane 0 of all `xs`, then of lane 1, and so on."""
        radix = len(xs)
        if width == 1 or radix & (radix - 1):
            for k, x in enumerate(xs):
                for lane in range(width):
                    self._store(b, place, position, lane * radix + k, (_lane(b, x[0], lane), _lane(b, x[1], lane)))
            return
        # Perfect shuffles: each moves the highest bit of the position, a bit of `k`, behind the lowest.
        columns = [list(parts) for parts in zip(*xs, strict=True)]
        low = [lane // 2 + lane % 2 * width for lane in range(width)]
        high = [lane + width // 2 for lane in low]
        for _ in range(radix.bit_length() - 1):
            for column in columns:
                pairs = list(zip(column[: radix // 2], column[radix // 2 :], strict=True))
                column[:] = [_shuffle(b, *pair, order) for pair in pairs for order in (low, high)]
        for k, x in enumerate(zip(*columns, strict=True)):
            self._store(b, place, position, k * width, cast(Complex, x))

    def _load_root(self, b: OpBuilder, offset: int, position: Position, width: int) -> SSAValue:
        return self._read(b, self.roots, (position, offset), width)

    def _read(self, b: OpBuilder, memory: SSAValue, positions: Sequence[Position], width: int) -> SSAValue:
        at = self._sum(b, positions)
        if width == 1:
            return b.create(memref.LoadOp, (memory, at), self.element)
        return b.create(vector.LoadOp, (memory, at), vector_type(self.element, width))

    def _write(self, b: OpBuilder, memory: SSAValue, positions: Sequence[Position], x: SSAValue) -> None:
        op_type = memref.StoreOp if _lanes(x) == 1 else vector.StoreOp
        b.create_op(op_type, (x, memory, self._sum(b, positions)))

    def _flat(self, memory: SSAValue) -> SSAValue:
        """A memref of one dimension."""
        shape = cast(MemRefType[Attribute], memory.type).get_shape()
        if len(shape) == 1:
            return memory
        flat_type = memref_type(self.element, (prod(shape),))
        properties = {"reassociation": reassociation(len(shape))}
        return self.front.create(memref.CollapseShapeOp, (memory,), flat_type, properties)

    # Positions, constants and loops

    def number(self, number: int) -> SSAValue:
        """A constant of type index, in front of all loops."""
        known = self._constants.get(number)
        if known is None:
            known = self._constants[number] = self.front.index(number)
        return known

    def plus(self, b: OpBuilder, x: Position, y: Position) -> Position:
        """`x + y`."""
        if isinstance(x, int):
            x, y = y, x
        if isinstance(x, int):
            return x + cast(int, y)
        if y == 0:
            return x
        return b.create(arith.AddiOp, (x, self.number(y) if isinstance(y, int) else y), _INDEX)

    def times(self, b: OpBuilder, x: Position, factor: int) -> Position:
        """`x factor`."""
        if isinstance(x, int):
            return x * factor
        return x if factor == 1 else b.create(arith.MuliOp, (x, self.number(factor)), _INDEX)

    def _sum(self, b: OpBuilder, positions: Sequence[Position]) -> SSAValue:
        """The sum; what is known comes last, so that it becomes part of the address."""
        total: Position = 0
        for position in sorted(positions, key=lambda position: isinstance(position, int)):
            total = self.plus(b, total, position)
        return self.number(total) if isinstance(total, int) else total

    def _constant(self, number: float, width: int) -> SSAValue:
        value_type = self.element if width == 1 else vector_type(self.element, width)
        key = (number, str(number), width)  # 0.0 == 0
        known = self._constants.get(key)
        if known is None:
            known = self._constants[key] = self.front.constant(number, value_type)
        return known

    def _arithmetic(self, b: OpBuilder, width: int) -> ComplexArithmetic:
        value_type = self.element if width == 1 else vector_type(self.element, width)
        return ComplexArithmetic(b, value_type, lambda number: self._constant(number, width))

    def _splat(self, b: OpBuilder, x: SSAValue, width: int) -> SSAValue:
        return x if width == 1 else b.create(vector.BroadcastOp, (x,), vector_type(self.element, width))

    def _for_each(self, b: OpBuilder, count: int, step: int, body: Callable[[OpBuilder, Position], None]) -> None:
        """Append `body` for `0, step, … < count`."""
        if count <= step:
            if count:
                body(b, 0)
            return

        def iteration(b: OpBuilder, position: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            body(b, position)
            return carried

        build_for(b, self.number(0), self.number(count), self.number(step), (), iteration)

    def _for_lanes(self, b: OpBuilder, count: int, width: int, body: Callable[[OpBuilder, Position], None]) -> None:
        """Append `body` for vectors that cover `count` elements; the last one begins early enough to be whole."""

        def at(b: OpBuilder, position: Position) -> None:
            if count % width and not isinstance(position, int):
                position = b.create(arith.MinSIOp, (position, self.number(count - width)), _INDEX)
            body(b, position)

        self._for_each(b, count, width, at)


def _turned(a: ComplexArithmetic, y: list[Complex], roots: Sequence[Complex]) -> list[Complex]:
    """All but the first times their roots."""
    return [y[0], *(a.multiply(x, root) for x, root in zip(y[1:], roots, strict=True))] if roots else y


def _power_of_two(limit: int) -> int:
    """The largest power of two up to `limit`."""
    return 1 << (limit.bit_length() - 1)


def _lanes(x: SSAValue) -> int:
    return cast(Any, x.type).get_shape()[0] if hasattr(x.type, "get_shape") else 1


def _lane(b: OpBuilder, x: SSAValue, lane: int) -> SSAValue:
    if _lanes(x) == 1:
        return x
    element = cast(Any, x.type).element_type
    return b.create(vector.ExtractOp, (x,), element, {"static_position": int_array((lane,))})


def _shuffle(b: OpBuilder, x: SSAValue, y: SSAValue, order: Sequence[int]) -> SSAValue:
    """The lanes of `x` followed by those of `y`, in `order`."""
    element = cast(Any, x.type).element_type
    mask = DenseArrayBase.from_list(i64, list(order))
    return b.create(vector.ShuffleOp, (x, y), vector_type(element, len(order)), {"mask": mask})
