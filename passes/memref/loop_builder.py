"""Code that is part scalar, part vector: values, loops, and where in them the values are computed.

A `LoopBuilder` holds one block per open loop. An operation goes into the innermost block that one of its operands needs, so that
whatever does not depend on a loop stands in front of it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

from xdsl.dialects import arith, scf, vector
from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    IndexType,
    VectorType,
    i1,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from dialects.builder import OpBuilder, constant_attribute, int_array, vector_type
from passes.memref.accesses import Buffer
from passes.memref.statements import constant_number

INDEX = IndexType()

SCALAR, VECTOR, LANES = range(3)


class Value:
    """A value of the generated code and the loop depth at which it is computed.

    `kind` is `SCALAR` (the same in all lanes), `VECTOR`, or `LANES`: lane `i` is the scalar `ssa` plus `i`, moved between the
    two numbers of `clamp` if it is set; it is a position below `limit` if that is set.
    """

    __slots__ = ("clamp", "depth", "kind", "limit", "ssa")

    def __init__(
        self,
        ssa: SSAValue,
        depth: int,
        kind: int = SCALAR,
        clamp: tuple[int, int] | None = None,
        limit: int | None = None,
    ):
        self.ssa = ssa
        self.depth = depth
        self.kind = kind
        self.clamp = clamp
        self.limit = limit


Position: TypeAlias = int | Value
"""An index: known now, or computed by the generated code."""


class LoopBuilder:
    """Appends operations to the blocks of a nest of loops.

    `dims[d]` is the position in loop dimension `d`. While `lanes` > 0, a loop point stands for that many consecutive points along
    dimension `lane_dim`; with a `mask`, only for those whose bit is set.
    """

    def __init__(self, block: Block):
        self.blocks = [OpBuilder(block)]
        self.dims: list[Position] = []
        self.lanes = 0
        self.lane_dim = 0
        self.mask: Value | None = None
        self.known: list[dict[Any, Value]] = [{}]
        """For each open loop, what is computed in its block and found by what it is computed from."""
        self.contents: list[dict[Buffer, dict[Any, Value]]] = [{}]
        """For each open loop, the contents of memory that are known there; `MemoryCode` keeps them."""

    @property
    def depth(self) -> int:
        """How many loops are open."""
        return len(self.blocks) - 1

    # Operations

    def op(
        self,
        op_type: type[Operation],
        operands: Sequence[Value],
        result_type: Attribute,
        properties: Mapping[str, Attribute] | None = None,
        kind: int = SCALAR,
        depth: int = 0,
    ) -> Value:
        """Append an operation where its operands are known, but not outside loop `depth`."""
        for operand in operands:
            depth = max(depth, operand.depth)
        ssa = self.blocks[depth].create(op_type, [operand.ssa for operand in operands], result_type, properties)
        return Value(ssa, depth, kind)

    def effect(
        self, op_type: type[Operation], operands: Sequence[SSAValue], properties: Mapping[str, Attribute] | None = None
    ) -> None:
        """Append an operation without a result to the innermost block."""
        self.blocks[-1].create_op(op_type, operands, (), properties)

    def set_location(self, op: Operation) -> None:
        """Give the operations that follow the location of `op`."""
        for builder in self.blocks:
            builder.location = op.location

    # Constants and positions

    def constant(self, number: float, scalar_type: Attribute) -> Value:
        """A scalar constant, in front of all loops."""
        return self.constant_of(constant_attribute(number, scalar_type), scalar_type, SCALAR)

    def constant_of(self, attribute: Attribute, result_type: Attribute, kind: int) -> Value:
        """A constant with the value `attribute`, in front of all loops."""
        key = (attribute, result_type)
        known = self.known[0].get(key)
        if known is None:
            ssa = self.blocks[0].create(arith.ConstantOp, (), result_type, {"value": attribute})
            known = self.known[0][key] = Value(ssa, 0, kind)
        return known

    def splat(self, number: float, element_type: Attribute) -> Value:
        """A vector constant with the same number in all lanes."""
        result_type = vector_type(element_type, self.lanes)
        return self.constant_of(constant_attribute(number, result_type), result_type, VECTOR)

    def position(self, position: Position) -> Value:
        """A position as a value."""
        return self.constant(position, INDEX) if isinstance(position, int) else position

    def add(self, left: Position, right: Position) -> Position:
        """The sum of two positions."""
        if isinstance(left, int):
            left, right = right, left
        if isinstance(right, int):
            if isinstance(left, int):
                return left + right
            if right == 0:
                return left
        return self.compute(arith.AddiOp, left, right)

    def subtract(self, left: Position, right: Position) -> Position:
        """The difference of two positions."""
        if isinstance(right, int):
            if isinstance(left, int):
                return left - right
            if right == 0:
                return left
        return self.compute(arith.SubiOp, left, right)

    def multiply(self, position: Position, factor: int) -> Position:
        """A position times a constant."""
        if isinstance(position, int):
            return position * factor
        return position if factor == 1 else self.compute(arith.MuliOp, position, factor)

    def quotient(self, position: Position, divisor: int) -> Position:
        """The quotient of a position that is not negative."""
        if isinstance(position, int):
            return position // divisor
        return position if divisor == 1 else self.compute(arith.DivUIOp, position, divisor)

    def remainder(self, position: Position, divisor: int) -> Position:
        """The remainder of a position that is not negative."""
        if isinstance(position, int):
            return position % divisor
        return 0 if divisor == 1 else self.compute(arith.RemUIOp, position, divisor)

    def compute(self, op_type: type[Operation], left: Position, right: Position) -> Value:
        """A position that an operation computes from two, once in each block."""
        operands = (self.position(left), self.position(right))
        key = (op_type, id(operands[0].ssa), id(operands[1].ssa))
        depth = max(operands[0].depth, operands[1].depth)
        known = self.known[depth].get(key)
        if known is None:
            known = self.known[depth][key] = self.op(op_type, operands, INDEX)
        return known

    def set_dims(self, position: Value, sizes: Sequence[int]) -> None:
        """Set the dimensions of a space of `sizes` to its point number `position`."""
        rest: Position = position
        for i, size in reversed(list(enumerate(sizes))):
            self.dims[i] = 0 if size == 1 else self.remainder(rest, size) if i else rest
            rest = self.quotient(rest, size) if i else 0

    # Vectors

    def as_vector(self, value: Value) -> Value:
        """The value as a vector; `index` becomes `i64`."""
        if value.kind == VECTOR:
            return value
        element_type = value.ssa.type
        number = constant_number(value.ssa)
        if value.kind == SCALAR and number is not None:
            return self.splat(number, i64 if element_type == INDEX else element_type)
        key = ("vector", id(value.ssa), value.kind, self.lanes, value.clamp)
        known = self.known[value.depth].get(key)
        if known is not None:
            return known
        base = value
        if element_type == INDEX:
            element_type = i64
            base = self.op(arith.IndexCastOp, (value,), i64)
        result_type = vector_type(element_type, self.lanes)
        result = self.op(vector.BroadcastOp, (base,), result_type, kind=VECTOR)
        if value.kind == LANES:
            lanes = DenseIntOrFPElementsAttr.from_list(result_type, list(range(self.lanes)))
            offsets = self.constant_of(lanes, result_type, VECTOR)
            result = self.op(arith.AddiOp, (result, offsets), result_type, kind=VECTOR)
            if value.clamp is not None:
                low, high = (self.splat(bound, i64) for bound in value.clamp)
                result = self.op(arith.MaxSIOp, (result, low), result_type, kind=VECTOR)
                result = self.op(arith.MinSIOp, (result, high), result_type, kind=VECTOR)
        self.known[value.depth][key] = result
        return result

    def lane(self, value: Value, lane: int) -> Value:
        """One lane of a value, as a scalar."""
        if value.kind == SCALAR:
            return value
        if value.kind == LANES:
            scalar = Value(value.ssa, value.depth)
            if lane:
                scalar = self.op(arith.AddiOp, (scalar, self.constant(lane, scalar.ssa.type)), scalar.ssa.type)
            if value.clamp is not None:
                low, high = (self.constant(bound, scalar.ssa.type) for bound in value.clamp)
                scalar = self.op(arith.MaxSIOp, (scalar, low), scalar.ssa.type)
                scalar = self.op(arith.MinSIOp, (scalar, high), scalar.ssa.type)
            return scalar
        element_type = cast(VectorType[Attribute], value.ssa.type).element_type
        return self.op(vector.ExtractOp, (value,), element_type, {"static_position": int_array((lane,))})

    def assemble(self, element_type: Attribute, lane: Callable[[int], Value]) -> Value:
        """A vector made of scalars."""
        result = self.splat(0, element_type)
        for i in range(self.lanes):
            position = {"static_position": int_array((i,))}
            result = self.op(vector.InsertOp, (lane(i), result), result.ssa.type, position, VECTOR)
        return result

    # Loops

    def create_mask(self, count: Position) -> Value:
        """A mask of the first `count` lanes."""
        operand = self.position(count)
        key = ("mask", id(operand.ssa), self.lanes)
        known = self.known[operand.depth].get(key)
        if known is None:
            known = self.op(vector.CreateMaskOp, (operand,), vector_type(i1, self.lanes), kind=VECTOR)
            self.known[operand.depth][key] = known
        return known

    def loop(
        self, lower: Position, upper: Position, step: int, carried: dict[Any, Value], body: Callable[[Value], None]
    ) -> None:
        """Append `scf.for`; `carried` holds the loop-carried values, before, in the body (which updates it), and after."""
        keys = list(carried)
        bounds = [self.position(p).ssa for p in (lower, upper, step)]
        block = Block(arg_types=[INDEX, *(value.ssa.type for value in carried.values())])

        def fill() -> None:
            body(Value(block.args[0], self.depth))
            self.blocks[-1].create_op(scf.YieldOp, [carried[key].ssa for key in keys])

        self._append_loop(scf.ForOp, bounds, [block], carried, fill)

    def repeat(self, carried: dict[Any, Value], body: Callable[[], Value]) -> None:
        """Append `scf.while`; `body` updates what is carried, and returns whether that goes around once more."""
        keys = list(carried)
        types = [value.ssa.type for value in carried.values()]
        block, again = Block(arg_types=types), Block(arg_types=types)
        OpBuilder(again, self.blocks[-1].location).create_op(scf.YieldOp, again.args)

        def fill() -> None:
            goes_on = body()
            self.blocks[-1].create_op(scf.ConditionOp, [goes_on.ssa, *(carried[key].ssa for key in keys)])

        self._append_loop(scf.WhileOp, (), [block, again], carried, fill)

    def _append_loop(
        self,
        op_type: type[Operation],
        bounds: Sequence[SSAValue],
        blocks: Sequence[Block],
        carried: dict[Any, Value],
        fill: Callable[[], None],
    ) -> None:
        """Append a loop; `fill` appends to the first of its blocks, whose last arguments are what is carried."""
        initial = dict(carried)
        outer, depth, block = self.blocks[-1], len(self.blocks), blocks[0]
        self.blocks.append(OpBuilder(block, outer.location))
        self.known.append({})
        self.contents.append({})
        arguments = block.args[len(block.args) - len(initial) :]
        for (key, value), argument in zip(initial.items(), arguments, strict=True):
            carried[key] = Value(argument, depth, value.kind)
        fill()
        self.blocks.pop()
        self.known.pop()
        self.contents.pop()
        starts = [value.ssa for value in initial.values()]
        types = [value.type for value in starts]
        op = outer.create_op(op_type, (*bounds, *starts), types, regions=[Region(block) for block in blocks])
        for (key, value), result in zip(initial.items(), op.results, strict=True):
            carried[key] = Value(result, depth - 1, value.kind)
