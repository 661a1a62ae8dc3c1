"""Complex numbers in memory, and the positions, constants and loops of the code of `rt.fft`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias, cast

from xdsl.dialects import arith, memref, vector
from xdsl.dialects.builtin import DenseArrayBase, IndexType, MemRefType, VectorType, i64
from xdsl.ir import Attribute, SSAValue

from dialects.builder import OpBuilder, int_array, memref_type, vector_type
from dialects.structured import build_for
from passes.linalg.reshape_memref import reassociation
from passes.memref.butterflies import Complex, ComplexArithmetic

Position: TypeAlias = SSAValue | int
"""An index: known now, or computed by the generated code."""

INDEX = IndexType()


@dataclass(frozen=True)
class Planes:
    """Complex numbers from `base` on in a flat memref: real parts, and imaginary ones `distance` later."""

    memory: SSAValue
    base: Position
    distance: int


@dataclass(frozen=True)
class Interleaved:
    """Complex numbers from `base` on in a flat memref, imaginary parts behind real ones.

    `is_real`: there are real parts only. `is_swapped`: real and imaginary parts are exchanged.
    """

    memory: SSAValue
    base: Position
    is_real: bool
    is_swapped: bool


Place: TypeAlias = Planes | Interleaved


class FftMemory:
    """Appends code on numbers of type `element`; constants stand in `front`, before all loops."""

    def __init__(self, front: OpBuilder, element: Attribute):
        self.front = front
        self.element = element
        self._constants: dict[Any, SSAValue] = {}

    def flat(self, memory: SSAValue) -> SSAValue:
        """A memref as one of one dimension."""
        shape = cast(MemRefType[Attribute], memory.type).get_shape()
        if len(shape) == 1:
            return memory
        flat_type = memref_type(self.element, (prod(shape),))
        properties = {"reassociation": reassociation(len(shape))}
        return self.front.create(memref.CollapseShapeOp, (memory,), flat_type, properties)

    # Complex numbers

    def load(self, b: OpBuilder, place: Place, position: Position, offset: Position, width: int) -> Complex:
        """Append the load of `width` complex numbers."""
        if isinstance(place, Planes):
            real = self.read(b, place.memory, (place.base, position, offset), width)
            return real, self.read(b, place.memory, (place.base, position, offset, place.distance), width)
        if place.is_real:
            pair = self.read(b, place.memory, (place.base, position, offset), width), self.constant(0.0, width)
        else:
            at = (place.base, self.times(b, position, 2), self.times(b, offset, 2))
            if width == 1:
                pair = self.read(b, place.memory, at, 1), self.read(b, place.memory, (*at, 1), 1)
            else:
                both = self.read(b, place.memory, at, 2 * width)
                even, odd = (range(part, 2 * width, 2) for part in (0, 1))
                pair = _shuffled(b, both, both, even), _shuffled(b, both, both, odd)
        return (pair[1], pair[0]) if place.is_swapped else pair

    def store(self, b: OpBuilder, place: Place, position: Position, offset: Position, x: Complex) -> None:
        """Append the store of complex numbers, as many as `x` has lanes."""
        if isinstance(place, Planes):
            self.write(b, place.memory, (place.base, position, offset), x[0])
            self.write(b, place.memory, (place.base, position, offset, place.distance), x[1])
            return
        real, imag = (x[1], x[0]) if place.is_swapped else x
        if place.is_real:
            self.write(b, place.memory, (place.base, position, offset), real)
            return
        at = (place.base, self.times(b, position, 2), self.times(b, offset, 2))
        width = lanes_of(real)
        if width == 1:
            self.write(b, place.memory, at, real)
            self.write(b, place.memory, (*at, 1), imag)
        else:
            order = [lane + part * width for lane in range(width) for part in (0, 1)]
            self.write(b, place.memory, at, _shuffled(b, real, imag, order))

    def store_lanes(
        self, b: OpBuilder, place: Place, position: Position, offset: Position, x: Complex, step: int
    ) -> None:
        """Append the store of the lanes of `x`, each `step` behind the one before."""
        for lane in range(lanes_of(x[0])):
            one = _lane(b, x[0], lane), _lane(b, x[1], lane)
            self.store(b, place, position, self.plus(b, offset, lane * step), one)

    def store_in_turn(self, b: OpBuilder, place: Place, position: Position, xs: Sequence[Complex]) -> None:
        """Append the store of lane 0 of all `xs`, then of lane 1, and so on."""
        count, width = len(xs), lanes_of(xs[0][0])
        if width == 1 or count & (count - 1):
            for k, x in enumerate(xs):
                self.store_lanes(b, place, position, k, x, count)
            return
        # Perfect shuffles: each moves the highest bit of the position, a bit of `k`, behind the lowest.
        columns = [list(parts) for parts in zip(*xs, strict=True)]
        low = [lane // 2 + lane % 2 * width for lane in range(width)]
        high = [lane + width // 2 for lane in low]
        for _ in range(count.bit_length() - 1):
            for column in columns:
                pairs = list(zip(column[: count // 2], column[count // 2 :], strict=True))
                column[:] = [_shuffled(b, *pair, order) for pair in pairs for order in (low, high)]
        for k, (real, imag) in enumerate(zip(*columns, strict=True)):
            self.store(b, place, position, k * width, (real, imag))

    def reversed(self, b: OpBuilder, x: Complex) -> Complex:
        """The lanes in reverse order."""
        width = lanes_of(x[0])
        if width == 1:
            return x
        order = tuple(reversed(range(width)))
        return _shuffled(b, x[0], x[0], order), _shuffled(b, x[1], x[1], order)

    # Real numbers

    def read(self, b: OpBuilder, memory: SSAValue, positions: Sequence[Position], width: int) -> SSAValue:
        """Append the load of `width` numbers at the sum of `positions`."""
        at = self._sum(b, positions)
        if width == 1:
            return b.create(memref.LoadOp, (memory, at), self.element)
        return b.create(vector.LoadOp, (memory, at), vector_type(self.element, width))

    def write(self, b: OpBuilder, memory: SSAValue, positions: Sequence[Position], x: SSAValue) -> None:
        """Append the store of a number or vector at the sum of `positions`."""
        op_type = memref.StoreOp if lanes_of(x) == 1 else vector.StoreOp
        b.create_op(op_type, (x, memory, self._sum(b, positions)))

    def splat(self, b: OpBuilder, x: SSAValue, width: int) -> SSAValue:
        """`x` in all lanes."""
        return x if width == 1 else b.create(vector.BroadcastOp, (x,), vector_type(self.element, width))

    def constant(self, number: float, width: int) -> SSAValue:
        """A number in all lanes."""
        key = (number, str(number), width)  # 0.0 == 0
        known = self._constants.get(key)
        if known is None:
            known = self._constants[key] = self.front.constant(number, self._type(width))
        return known

    def arithmetic(self, b: OpBuilder, width: int) -> ComplexArithmetic:
        """What computes with so many lanes."""
        return ComplexArithmetic(b, self._type(width), lambda number: self.constant(number, width))

    def _type(self, width: int) -> Attribute:
        return self.element if width == 1 else vector_type(self.element, width)

    # Positions

    def number(self, number: int) -> SSAValue:
        """A constant of type index."""
        known = self._constants.get(number)
        if known is None:
            known = self._constants[number] = self.front.index(number)
        return known

    def plus(self, b: OpBuilder, x: Position, y: Position) -> Position:
        """`x + y`."""
        if isinstance(x, int):
            if isinstance(y, int):
                return x + y
            x, y = y, x
        if isinstance(y, int):
            return x if y == 0 else b.create(arith.AddiOp, (x, self.number(y)), INDEX)
        return b.create(arith.AddiOp, (x, y), INDEX)

    def minus(self, b: OpBuilder, x: int, y: Position) -> Position:
        """`x - y`."""
        return x - y if isinstance(y, int) else b.create(arith.SubiOp, (self.number(x), y), INDEX)

    def times(self, b: OpBuilder, x: Position, factor: int) -> Position:
        """`x factor`."""
        if isinstance(x, int):
            return x * factor
        return x if factor == 1 else b.create(arith.MuliOp, (x, self.number(factor)), INDEX)

    def _sum(self, b: OpBuilder, positions: Sequence[Position]) -> SSAValue:
        """The sum; what is known comes last, so that it becomes part of the address."""
        total: Position = 0
        for position in positions:
            if not isinstance(position, int):
                total = self.plus(b, total, position)
        total = self.plus(b, total, sum(position for position in positions if isinstance(position, int)))
        return self.number(total) if isinstance(total, int) else total

    # Loops

    def for_each(self, b: OpBuilder, count: int, step: int, body: Callable[[OpBuilder, Position], None]) -> None:
        """Append `body` for `0, step, … < count`."""
        if count <= step:
            if count:
                body(b, 0)
            return

        def iteration(b: OpBuilder, position: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            body(b, position)
            return carried

        build_for(b, self.number(0), self.number(count), self.number(step), (), iteration)

    def for_lanes(self, b: OpBuilder, count: int, width: int, body: Callable[[OpBuilder, Position], None]) -> None:
        """Append `body` for vectors that cover `count` elements; the last one begins early enough to be whole."""

        def at(b: OpBuilder, position: Position) -> None:
            if count % width and not isinstance(position, int):
                position = b.create(arith.MinSIOp, (position, self.number(count - width)), INDEX)
            body(b, position)

        self.for_each(b, count, width, at)

    def sums(
        self,
        b: OpBuilder,
        count: int,
        initial: Sequence[SSAValue],
        body: Callable[[OpBuilder, SSAValue, Sequence[SSAValue]], Sequence[SSAValue]],
    ) -> list[SSAValue]:
        """Append a loop that carries numbers through `body` for `0 … count - 1`."""
        return build_for(b, self.number(0), self.number(count), self.number(1), initial, body)


def lanes_of(x: SSAValue) -> int:
    """How many lanes a value has."""
    value_type: Attribute = x.type
    return cast(VectorType[Attribute], value_type).get_shape()[0] if isinstance(value_type, VectorType) else 1


def _lane(b: OpBuilder, x: SSAValue, lane: int) -> SSAValue:
    if lanes_of(x) == 1:
        return x
    element = cast(VectorType[Attribute], x.type).element_type
    return b.create(vector.ExtractOp, (x,), element, {"static_position": int_array((lane,))})


def _shuffled(b: OpBuilder, x: SSAValue, y: SSAValue, order: Sequence[int]) -> SSAValue:
    """The lanes of `x` followed by those of `y`, in `order`."""
    element = cast(VectorType[Attribute], x.type).element_type
    mask = DenseArrayBase.from_list(i64, list(order))
    return b.create(vector.ShuffleOp, (x, y), vector_type(element, len(order)), {"mask": mask})
