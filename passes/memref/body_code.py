"""The bodies of statements, for one point or a vector of points."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from xdsl.dialects import arith, memref, scf, vector
from xdsl.dialects.builtin import IndexType, IntegerAttr, VectorType, i1, i32, i64
from xdsl.dialects.linalg.ops import IndexOp
from xdsl.dialects.vector import CombiningKindAttr, CombiningKindFlag
from xdsl.ir import Attribute, Operation, SSAValue

from dialects.builder import vector_type
from passes.memref.accesses import Buffer
from passes.memref.loop_builder import INDEX, LANES, SCALAR, VECTOR, Value
from passes.memref.memory_code import MemoryCode
from passes.memref.statements import constant_number

# Integer division by zero traps, so it must not move to where it would run although its loop does not.
_PINNED = (arith.DivSIOp, arith.RemSIOp, arith.DivUIOp, arith.RemUIOp, arith.FloorDivSIOp, arith.CeilDivSIOp)

_LAST_SIGNED = 5
"""The predicates of `arith.cmpi` up to this one are equality and the order of signed integers."""
_INT32_MAX = 2**31 - 1


class BodyCode:
    """Appends operations of the body of a statement with loops of `sizes`, which may read `buffers` at indices that it computes."""

    def __init__(self, memory: MemoryCode, buffers: Mapping[SSAValue, Buffer], sizes: tuple[int, ...]):
        self.b = memory.b
        self.memory = memory
        self.buffers = buffers
        self.sizes = sizes

    def append(self, op: Operation, values: dict[SSAValue, Value]) -> None:
        """Append an operation of a body; `values` has those before it, and gets its own."""
        b = self.b
        b.set_location(op)
        if isinstance(op, arith.ConstantOp):
            values[op.result] = b.constant_of(op.value, op.result.type, SCALAR)
            return
        if isinstance(op, IndexOp):
            dim = op.dim.value.data
            base = b.position(b.dims[dim])
            is_lane = b.lanes and dim == b.lane_dim
            values[op.result] = Value(base.ssa, base.depth, LANES, limit=self.sizes[dim]) if is_lane else base
            return
        operands = [values[operand] for operand in op.operands if operand in values]
        if isinstance(op, memref.LoadOp):
            values[op.res] = self.memory.load_at(self.buffers[op.memref], operands)
            return
        if isinstance(op, scf.ForOp | scf.WhileOp):
            self._body_loop(op, values)
            return
        if op.regions:
            assert not b.lanes, f"{op.name} has a region and cannot run on vectors"
            values_in = {old: new.ssa for old, new in values.items()}
            copy = op.clone(value_mapper=values_in)
            b.blocks[-1].insert(copy)
            for old, new in zip(op.results, copy.results, strict=True):
                values[old] = Value(new, b.depth)
            return
        depth = b.depth if isinstance(op, _PINNED) else 0
        kinds = {operand.kind for operand in operands}
        if kinds <= {SCALAR}:
            result_types = [result.type for result in op.results]
            kind = SCALAR
        else:
            if LANES in kinds and VECTOR not in kinds:
                result = self._on_lanes(op, operands)
                if result is not None:
                    values[op.results[0]] = result
                    return
            result_types = [_vector_of(result.type, b.lanes) for result in op.results]
            operands = self._vectors(op, operands)
            kind = VECTOR
            if isinstance(op, arith.IndexCastOp):
                values[op.result] = self._cast_vector(operands[0], cast(VectorType[Attribute], result_types[0]))
                return
        if len(result_types) == 1:
            values[op.results[0]] = b.op(type(op), operands, result_types[0], op.properties, kind, depth)
            return
        depth = max((depth, *(operand.depth for operand in operands)))
        new = b.blocks[depth].create_op(type(op), [o.ssa for o in operands], result_types, op.properties)
        for old, result in zip(op.results, new.results, strict=True):
            values[old] = Value(result, depth, kind)

    def _body_loop(self, op: scf.ForOp | scf.WhileOp, values: dict[SSAValue, Value]) -> None:
        """A loop that every point runs by itself, or every vector of points: as long as one of them goes on."""
        b = self.b

        block = op.regions[0].block
        starts: Sequence[SSAValue] = op.operands[len(op.operands) - len(op.results) :]
        varying: set[SSAValue] = _varying(op, values) if b.lanes else set()

        def of_lanes(result: SSAValue, value: Value) -> Value:
            return b.as_vector(value) if result in varying else value

        carried: dict[SSAValue, Value] = {
            result: of_lanes(result, values[start]) for result, start in zip(op.results, starts, strict=True)
        }

        def step() -> Sequence[Value]:
            """Append a step and update what is carried; return what its end has in front of that."""
            values.update(zip(block.args[len(block.args) - len(starts) :], carried.values(), strict=True))
            *inner_ops, end = block.ops
            for inner in inner_ops:
                self.append(inner, values)
            yielded = [values[operand] for operand in end.operands]
            first = len(yielded) - len(starts)
            carried.update(zip(op.results, map(of_lanes, op.results, yielded[first:]), strict=True))
            return yielded[:first]

        def counted(position: Value) -> None:
            values[block.args[0]] = position
            step()

        def goes_on() -> Value:
            (condition,) = step()
            return self._any_lane(condition)

        if isinstance(op, scf.ForOp):
            bounds = (constant_number(bound) for bound in (op.lb, op.ub, op.step))
            lower, upper, stride = (cast(int, bound) for bound in bounds)
            b.loop(lower, upper, stride, carried, counted)
        else:
            b.repeat(carried, goes_on)
        values.update(carried)

    def _any_lane(self, condition: Value) -> Value:
        """Whether a condition holds for a lane that the mask has."""
        b = self.b
        if condition.kind == SCALAR:
            return condition
        if b.mask is not None:
            condition = b.op(arith.AndIOp, (condition, b.mask), condition.ssa.type, kind=VECTOR)
        kind = {"kind": CombiningKindAttr(CombiningKindFlag.OR)}
        return b.op(vector.ReductionOp, (condition,), i1, kind)

    def _vectors(self, op: Operation, operands: list[Value]) -> list[Value]:
        if isinstance(op, arith.SelectOp) and operands[0].kind == SCALAR:
            return [operands[0], *(self.b.as_vector(operand) for operand in operands[1:])]
        return [self.b.as_vector(operand) for operand in operands]

    def _on_lanes(self, op: Operation, operands: list[Value]) -> Value | None:
        """Keep `base + lane` as such through casts of the index, and additions to it."""
        result_type = op.results[0].type
        if isinstance(op, arith.MaxSIOp | arith.MinSIOp):
            return _clamped(op, operands)
        if any(operand.clamp is not None for operand in operands):
            return None
        bases = [Value(operand.ssa, operand.depth) for operand in operands]
        limit: int | None = None
        match op:
            case arith.IndexCastOp():
                limit = operands[0].limit
            case arith.CmpiOp():
                return self._compared(op, operands)
            case arith.AddiOp() if operands[0].kind != operands[1].kind:
                pass
            case arith.SubiOp() if operands[1].kind == SCALAR:
                pass
            case _:
                return None
        result = self.b.op(type(op), bases, result_type, op.properties, LANES)
        result.limit = limit
        return result

    def _compared(self, op: arith.CmpiOp, operands: list[Value]) -> Value | None:
        """Positions compared with a number: in 32 bits, which half the registers hold; no number that does not fit is a position."""
        limits = [operand.limit for operand in operands if operand.kind == LANES]
        is_signed = cast(IntegerAttr[Any], op.predicate).value.data <= _LAST_SIGNED
        if len(limits) != 1 or limits[0] is None or limits[0] > _INT32_MAX // 2 or not is_signed:
            return None
        b = self.b
        narrow: list[Value] = []
        for operand in operands:
            value = Value(operand.ssa, operand.depth)
            if value.ssa.type == INDEX:
                value = b.op(arith.IndexCastOp, (value,), i64)
            if value.ssa.type != i64:
                return None
            if operand.kind == SCALAR:
                value = b.op(arith.MaxSIOp, (value, b.constant(-_INT32_MAX, i64)), i64)
                value = b.op(arith.MinSIOp, (value, b.constant(_INT32_MAX, i64)), i64)
            narrow.append(b.as_vector(b.op(arith.TruncIOp, (value,), i32, kind=operand.kind)))
        return b.op(arith.CmpiOp, narrow, vector_type(i1, b.lanes), op.properties, VECTOR)

    def _cast_vector(self, value: Value, result_type: VectorType[Attribute]) -> Value:
        """`arith.index_cast` of a vector, whose `index` is `i64`."""
        if value.ssa.type == result_type:
            return value
        source = cast(Any, value.ssa.type).element_type.width.data
        target = cast(Any, result_type.element_type).width.data
        op_type = arith.ExtSIOp if target > source else arith.TruncIOp
        return self.b.op(op_type, (value,), result_type, kind=VECTOR)


def _varying(loop: Operation, values: Mapping[SSAValue, Value]) -> set[SSAValue]:
    """What is not the same in all lanes, of the values of a loop that finds `values`."""
    varying = {value for value, known in values.items() if known.kind != SCALAR}
    _add_varying(loop, varying)
    return varying


def _add_varying(loop: Operation, varying: set[SSAValue]) -> None:
    """Add the values in a loop, and its results, that depend on those that vary."""
    block = loop.regions[0].block
    count = len(loop.results)
    starts, ends = (op.operands[len(op.operands) - count :] for op in (loop, cast(Operation, block.last_op)))
    carried = list(zip(block.args[len(block.args) - count :], loop.results, starts, ends, strict=True))
    size = -1
    while size < len(varying):
        size = len(varying)
        for op in block.ops:
            if op.regions:
                _add_varying(op, varying)
            elif any(operand in varying for operand in op.operands):
                varying.update(op.results)
        for argument, result, start, end in carried:
            if start in varying or end in varying:
                varying.update((argument, result))


def _clamped(op: arith.MaxSIOp | arith.MinSIOp, operands: list[Value]) -> Value | None:
    """`base + lane` moved below or above a constant, which it keeps beside it."""
    lanes, bound = operands if operands[0].kind == LANES else operands[::-1]
    number = constant_number(bound.ssa)
    if not isinstance(number, int) or not isinstance(lanes.ssa.type, IndexType):
        return None
    move = max if isinstance(op, arith.MaxSIOp) else min
    low, high = lanes.clamp or (-(2**63), 2**63 - 1)
    return Value(lanes.ssa, lanes.depth, LANES, (move(low, number), move(high, number)))


def _vector_of(scalar_type: Attribute, lanes: int) -> Attribute:
    return vector_type(i64 if isinstance(scalar_type, IndexType) else scalar_type, lanes)
