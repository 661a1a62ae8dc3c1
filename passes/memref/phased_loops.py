"""Loops that every point runs by itself, for a block of points: one step of all vectors of the block, then the next.

A long step has a long chain of operations that wait for each other. Vectors of a block do not wait for one another, and what they carry
stays in the first-level cache. The body is cut at its loops into *phases*; what a later phase needs is kept in memory for the block,
where the last vector is whole, so that only the first and the last phase have masks.
"""

from collections.abc import Callable
from typing import cast

from xdsl.dialects import memref, scf, vector
from xdsl.dialects.builtin import DenseArrayBase, MemRefType, VectorType, i32
from xdsl.ir import Attribute, Operation, SSAValue

from dialects.builder import memref_type, vector_type
from passes.memref.loop_builder import SCALAR, VECTOR, LoopBuilder, Position, Value
from passes.memref.statement_code import StatementCode
from passes.memref.statements import Statement, constant_number

_NO_OPERANDS = DenseArrayBase.from_list(i32, [0, 0])

Lanes = Callable[[Callable[[], None]], None]
"""Appends code for all vectors of the block, masked at the end."""


class PhasedLoops:
    """Appends the code of one statement for the points from `start` to `end`, at most `size` of them."""

    def __init__(self, code: StatementCode, statement: Statement, lanes: int, size: int):
        self.code = code
        self.b: LoopBuilder = code.b
        self.statement = statement
        self.body = code.body_of(statement)
        self.lanes = lanes
        self.size = size
        self.depth = code.b.depth
        self.uniform: dict[SSAValue, Value] = {}
        """The values of the body that are known outside of the loops over the block."""
        self._kept: dict[SSAValue, SSAValue] = {}
        """For values of the body, the memory that has them for all points of the block."""

    def emit(self, start: Position, end: Position, over_lanes: Lanes) -> None:
        """Append all phases."""
        b = self.b
        phase: list[Operation] = []
        is_first = True
        for op in self.statement.body:
            if not isinstance(op, scf.ForOp):
                phase.append(op)
                continue
            over_lanes(lambda ops=phase, first=is_first, loop=op: self._before(loop, ops, first, start))
            count = b.multiply(b.quotient(b.add(b.subtract(end, start), self.lanes - 1), self.lanes), self.lanes)
            self._steps(op, count)
            phase, is_first = [], False
        over_lanes(lambda: self._last(phase, start))

    def _before(self, loop: scf.ForOp, ops: list[Operation], is_first: bool, start: Position) -> None:
        """What is in front of a loop, which then finds its carried values, and what it reads, in memory."""
        offset = self.b.subtract(self.b.dims[self.b.lane_dim], start)
        values = self.code.inputs_of(self.statement) if is_first else self._values(offset)
        known = () if is_first else set(values)
        for op in ops:
            self.body.append(op, values)
        for value in self._needed_from(loop):
            if value in values and value not in known:
                self._keep(value, values[value], offset)
        for result, initial in zip(loop.results, loop.iter_args, strict=True):
            self._store(result, values[initial], offset)

    def _steps(self, loop: scf.ForOp, count: Position) -> None:
        b = self.b
        block = loop.body.block
        counter, *carried = block.args
        *ops, terminator = block.ops

        def vector_of_points(number: Value, offset: Value) -> None:
            values = self._values(offset)
            values[counter] = number
            for argument, result in zip(carried, loop.results, strict=True):
                values[argument] = values[result]
            for op in ops:
                self.body.append(op, values)
            for result, following in zip(loop.results, terminator.operands, strict=True):
                self._store(result, values[following], offset)

        def step(number: Value) -> None:
            def body(offset: Value) -> None:
                b.lanes = self.lanes
                vector_of_points(number, offset)
                b.lanes = 0

            b.loop(0, count, self.lanes, {}, body)

        bounds = (cast(int, constant_number(bound)) for bound in (loop.lb, loop.ub, loop.step))
        lower, upper, stride = bounds
        b.loop(lower, upper, stride, {}, step)

    def _last(self, ops: list[Operation], start: Position) -> None:
        values = self._values(self.b.subtract(self.b.dims[self.b.lane_dim], start))
        for op in ops:
            self.body.append(op, values)
        for output in self.statement.outputs:
            self.code.memory.store(output.access, values[output.value])

    def _needed_from(self, loop: scf.ForOp) -> list[SSAValue]:
        """What a loop and all that follows it read."""
        body = self.statement.body
        needed = dict.fromkeys(operand for op in loop.body.walk() for operand in op.operands)
        for op in body[body.index(loop) + 1 :]:
            needed.update(dict.fromkeys(operand for inner in op.walk() for operand in inner.operands))
        needed.update(dict.fromkeys(output.value for output in self.statement.outputs))
        return list(needed)

    def _values(self, offset: Position) -> dict[SSAValue, Value]:
        """The values of the body at a vector of the block, read from memory."""
        b = self.b
        values = dict(self.uniform)
        for value, place in self._kept.items():
            element_type = cast(MemRefType[Attribute], place.type).element_type
            operands = (Value(place, 0), b.position(offset))
            result_type = vector_type(element_type, self.lanes)
            values[value] = b.op(vector.LoadOp, operands, result_type, kind=VECTOR, depth=b.depth)
        return values

    def _keep(self, value: SSAValue, known: Value, offset: Position) -> None:
        """Let later phases know a value of the body."""
        if known.kind == SCALAR and known.depth <= self.depth:
            self.uniform[value] = known
        else:
            self._store(value, known, offset)

    def _store(self, value: SSAValue, known: Value, offset: Position) -> None:
        """Put a vector of the block where later phases find it as `value`."""
        b = self.b
        stored = b.as_vector(known)
        place = self._kept.get(value)
        if place is None:
            element_type = cast(VectorType[Attribute], stored.ssa.type).element_type
            types = (memref_type(element_type, (self.size,)), {"operandSegmentSizes": _NO_OPERANDS})
            place = self._kept[value] = b.blocks[0].create(memref.AllocaOp, (), *types)
        b.effect(vector.StoreOp, (stored.ssa, place, b.position(offset).ssa))
