"""Statements at a point of a loop nest: what they read, compute and write."""

from typing import Any, NamedTuple

from xdsl.dialects import arith
from xdsl.dialects.arith import FastMathFlagsAttr
from xdsl.dialects.builtin import IntegerAttr, i1, i64
from xdsl.dialects.utils import FastMathFlag
from xdsl.ir import SSAValue

from passes.memref.body_code import BodyCode
from passes.memref.loop_builder import INDEX, SCALAR, VECTOR, Value
from passes.memref.memory_code import MemoryCode
from passes.memref.statements import Kernel, Output, Scatter, Statement

EITHER_ZERO = {"fastmath": FastMathFlagsAttr([FastMathFlag.NO_SIGNED_ZEROS])}

_SGE = IntegerAttr(5, i64)
_SLT = IntegerAttr(2, i64)


class Reduction(NamedTuple):
    """One reduction of a sweep; `start` is its first inner dimension."""

    statement: Statement
    output: Output
    start: int


class StatementCode:
    """Appends statements at the current loop point."""

    def __init__(self, memory: MemoryCode, kernel: Kernel):
        self.b = memory.b
        self.memory = memory
        self.buffers = kernel.buffers
        self.scalars = memory.scalars
        self.rank = kernel.rank

    def append(self, statement: Statement, carried: dict[Any, Value]) -> None:
        """Append a statement; `carried` has the accumulators, and gets what they are after it."""
        self.b.set_location(statement.op)
        if statement.is_opaque:
            self._copy(statement)
        else:
            self._compute(statement, carried)

    def body_of(self, statement: Statement) -> BodyCode:
        """What appends the body of a statement."""
        return BodyCode(self.memory, self.buffers, statement.sizes)

    def inputs_of(self, statement: Statement) -> dict[SSAValue, Value]:
        """What the body of a statement finds: scalars, and the elements that it reads at this loop point."""
        values = dict(self.scalars)
        for argument, source in statement.inputs:
            values[argument] = self.scalars[source] if isinstance(source, SSAValue) else self.memory.load(source)
        return values

    def initial(self, output: Output) -> Value:
        """What an output starts as."""
        return self.memory.load(output.access) if output.initial is None else self.scalars[output.initial]

    def _copy(self, statement: Statement) -> None:
        values = {old: new.ssa for old, new in self.scalars.items()}
        for buffer in (*statement.captured, *statement.opaque_writes):
            assert buffer.storage is not None
            values[buffer.old] = buffer.storage
            self.memory.forget(buffer)
        copy = statement.op.clone(value_mapper=values)
        self.b.blocks[-1].insert(copy)
        for old, new in zip(statement.op.results, copy.results, strict=True):
            self.scalars[old] = Value(new, self.b.depth)

    def _find_place(self, scatter: Scatter) -> Value | None:
        """Compute the indices of a scatter, clamped; return whether all were inside, if that matters."""
        b = self.b
        inside: Value | None = None
        for scalar, access, size in scatter.columns:
            index = b.op(arith.IndexCastOp, (self.memory.load(access),), INDEX)
            if scatter.is_dropping:
                for predicate, bound in ((_SGE, 0), (_SLT, size)):
                    operands = (index, b.position(bound))
                    test = b.op(arith.CmpiOp, operands, i1, {"predicate": predicate})
                    inside = test if inside is None else b.op(arith.AndIOp, (inside, test), i1)
            index = b.op(arith.MaxSIOp, (index, b.position(0)), INDEX)
            self.scalars[scalar] = b.op(arith.MinSIOp, (index, b.position(size - 1)), INDEX)
        return inside

    def _compute(self, statement: Statement, carried: dict[Any, Value]) -> None:
        body = self.body_of(statement)
        inside = None if statement.scatter is None else self._find_place(statement.scatter)
        values = self.inputs_of(statement)
        start = statement.num_parallel - self.rank
        keys = [(Reduction(statement, output, start), False) for output in statement.outputs]
        for output, key in zip(statement.outputs, keys, strict=True):
            if output.argument is not None:
                values[output.argument] = carried[key] if statement.is_reduction else self.initial(output)
        accumulators = {output.combiner: output.argument for output in statement.outputs if not output.is_running}
        for op in statement.body:
            if isinstance(op, arith.MaximumfOp | arith.MinimumfOp) and (accumulator := accumulators.get(op)):
                self._extremum(op, accumulator, values)
            else:
                body.append(op, values)
        for output, key in zip(statement.outputs, keys, strict=True):
            value = values[output.value]
            if statement.is_reduction and not output.is_running:
                carried[key] = self._accumulated(statement, carried[key], value)
            else:
                if inside is not None:
                    value = self._selected(inside, value, self.initial(output))
                self.memory.store(output.access, value)

    def _extremum(
        self, op: arith.MaximumfOp | arith.MinimumfOp, accumulator: SSAValue, values: dict[SSAValue, Value]
    ) -> None:
        """Append the extremum of a new value and an accumulator, where zeros of either sign are equal.

        The order is that of x86, whose instruction returns the second operand if there is a NaN: only the new value is left to be
        asked, and the accumulator has one instruction to wait for.
        """
        b = self.b
        b.set_location(op)
        new = op.rhs if op.lhs is accumulator else op.lhs
        operands = (values[new], values[accumulator])
        if b.lanes and VECTOR in (operands[0].kind, operands[1].kind):
            operands = (b.as_vector(operands[0]), b.as_vector(operands[1]))
        values[op.result] = b.op(type(op), operands, operands[1].ssa.type, EITHER_ZERO, operands[1].kind)

    def _selected(self, condition: Value, value: Value, other: Value) -> Value:
        b = self.b
        operands = (condition, value, other)
        if b.lanes:
            operands = (condition, b.as_vector(value), b.as_vector(other))
        return b.op(arith.SelectOp, operands, operands[1].ssa.type, kind=operands[1].kind)

    def _accumulated(self, statement: Statement, before: Value, after: Value) -> Value:
        """The accumulator after a loop point: lanes that the mask excludes keep what they had."""
        b = self.b
        if before.kind == SCALAR:
            assert after.kind == SCALAR, "a scalar accumulator became a vector"
            return after
        after = b.as_vector(after)
        if b.mask is not None and b.lane_dim >= statement.num_parallel:
            return b.op(arith.SelectOp, (b.mask, after, before), after.ssa.type, kind=VECTOR)
        return after
