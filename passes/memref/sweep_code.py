"""The loop nest of one sweep: loops, the bodies of statements on scalars or vectors, and reductions."""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple, cast

from xdsl.dialects import arith, memref, scf, vector
from xdsl.dialects.arith import FastMathFlagsAttr
from xdsl.dialects.builtin import IndexType, IntegerAttr, VectorType, i1, i32, i64
from xdsl.dialects.linalg.ops import IndexOp
from xdsl.dialects.utils import FastMathFlag
from xdsl.dialects.vector import CombiningKindAttr, CombiningKindFlag
from xdsl.ir import Attribute, Operation, SSAValue

from dialects.builder import vector_type
from passes.memref.combiners import COMBINERS
from passes.memref.loop_builder import INDEX, LANES, SCALAR, VECTOR, LoopBuilder, Position, Value
from passes.memref.statements import Kernel, Output, Scatter, Statement, constant_number
from passes.memref.sweeps import Sweep
from passes.memref.vector_plan import SweepPlan

# Integer division by zero traps, so it must not move to where it would run although its loop does not.
_PINNED = (arith.DivSIOp, arith.RemSIOp, arith.DivUIOp, arith.RemUIOp, arith.FloorDivSIOp, arith.CeilDivSIOp)

_EITHER_ZERO = {"fastmath": FastMathFlagsAttr([FastMathFlag.NO_SIGNED_ZEROS])}

_SGE = IntegerAttr(5, i64)
_SLT = IntegerAttr(2, i64)

_LAST_SIGNED = 5
"""The predicates of `arith.cmpi` up to this one are equality and the order of signed integers."""
_INT32_MAX = 2**31 - 1

STEPS = 4
"""Steps of a reduction that share one load and store of accumulators in memory."""
UNROLLED_POINTS = 8
"""Up to this many points of inner loops are written out, one after the other."""
UNROLLED_OPERATIONS = 64
"""The most operations of a body that they may have together."""
SUMMANDS = 128
"""How many vectors a sum adds up before it adds the result to a total: NumPy's sums, too, have a logarithm in their error."""


class Reduction(NamedTuple):
    """One reduction of a sweep; `start` is its first inner dimension."""

    statement: Statement
    output: Output
    start: int


class SweepCode:
    """Appends the code of sweeps to `b`; `scalars` maps the scalar values of the old kernel to new ones."""

    def __init__(self, b: LoopBuilder, kernel: Kernel, scalars: dict[SSAValue, Value]):
        self.b = b
        self.buffers = kernel.buffers
        self.scalars = scalars
        self.rank = kernel.rank
        self.statements: list[Statement] = []
        self.extents: tuple[int, ...] = ()
        self.sizes: tuple[int, ...] = ()
        """The sizes of the loops of the current statement."""
        self.plan = SweepPlan(None, 0, masked_tail=False)
        self.reductions: list[Reduction] = []
        self.carried: dict[Any, Value] = {}
        """The accumulators: key `(reduction, is_tail)`."""

    def emit(self, sweep: Sweep, plan: SweepPlan) -> None:
        """Append the loop nest of a sweep at the current tile point."""
        self.enter(sweep, plan)
        self._dim(0)

    def emit_interchanged(self, sweep: Sweep, lanes: Callable[[Callable[[], None]], None]) -> None:
        """Append the inner loops of a sweep around those over a block of tile points, which `lanes` appends.

        The accumulators of the block are in memory, and stay in the cache. Several steps of the innermost loop go
        together, so that an accumulator is loaded and stored once for all of them.
        """
        b = self.b
        self.enter(sweep, SweepPlan(None, 0, masked_tail=False))
        starting = [r for r in self.reductions if r.output.initial is not None]

        def initialise() -> None:
            for reduction in starting:
                b.store(reduction.output.access, self._initial(reduction.output))

        def accumulate(positions: list[Position]) -> None:
            self.carried = {}
            for r in self.reductions:
                value = b.load(r.output.access)
                self.carried[r, False] = b.as_vector(value) if b.lanes else value
            for position in positions:
                b.dims[-1] = position
                self._point()
            for r in self.reductions:
                b.store(r.output.access, self.carried[r, False])

        def inner_loops(dim: int) -> None:
            extent = self.extents[dim]
            if dim + 1 < len(self.extents):

                def body(position: Value) -> None:
                    b.dims[self.rank + dim] = position
                    inner_loops(dim + 1)

                b.loop(0, extent, 1, {}, body)
                return
            whole = extent - extent % STEPS

            def steps(position: Value) -> None:
                positions = [b.add(position, step) for step in range(STEPS)]
                lanes(lambda: accumulate(positions))

            if whole:
                b.loop(0, whole, STEPS, {}, steps)
            if whole < extent:
                lanes(lambda: accumulate(list(range(whole, extent))))

        lanes(initialise)
        for buffer in b.stored_here:
            b.forget(buffer)
        inner_loops(0)

    def emit_within(self, sweep: Sweep, loops: Callable[[Callable[[], None]], None]) -> None:
        """Append a sweep without reductions, in loops of which `loops` appends all."""
        self.enter(sweep, SweepPlan(None, 0, masked_tail=False))
        loops(self._point)

    def emit_scatter(self, sweep: Sweep, lanes: Callable[[Callable[[], None]], None]) -> None:
        """Append the loop of a scatter over its updates around those over a block of tile points, which `lanes` appends."""
        self.enter(sweep, SweepPlan(None, 0, masked_tail=False))

        def body(position: Value) -> None:
            self.b.dims[-1] = position
            lanes(self._point)

        self.b.loop(0, self.extents[0], 1, {}, body)

    def enter(self, sweep: Sweep, plan: SweepPlan) -> None:
        """Get ready for the code of a sweep."""
        b = self.b
        self.statements = sweep.statements
        self.extents = sweep.extents
        self.plan = plan
        b.sweep_depth = b.depth
        b.ahead = sweep.ahead
        del b.dims[self.rank :]
        b.dims.extend([0] * len(sweep.extents))
        b.stored_here = {buffer for s in sweep.statements for buffer in s.written() if buffer.storage is not None}
        if not plan.is_straight(sweep.extents):
            for buffer in b.stored_here:
                b.forget(buffer)
        self.reductions = [
            Reduction(s, o, s.num_parallel - self.rank)
            for s in sweep.statements
            if s.is_reduction
            for o in s.outputs
            if not o.is_running
        ]
        self.carried = {}

    # Loops

    def _dim(self, dim: int) -> None:
        """Append the loops of the dimensions from `dim` on, with the reductions that start at `dim` around them."""
        starting = [r for r in self.reductions if r.start == dim]
        finish = [self._start(reduction) for reduction in starting]
        if dim == len(self.extents):
            self._point()
        elif dim == self.plan.dim:
            self._vector_dim(dim)
        elif self.extents[dim] == 1 or self._is_unrolled(dim):
            for position in range(self.extents[dim]):
                self.b.dims[self.rank + dim] = position
                self._dim(dim + 1)
        elif self.extents[dim] > 1:
            self._loop(dim, 0, self.extents[dim], 1)
        for finish_reduction in finish:
            finish_reduction()

    def _is_unrolled(self, dim: int) -> bool:
        """Whether the loops from `dim` on are so short that a loop costs more than its body, and no more code than that of vectors."""
        inner = self.extents[dim:]
        if 0 in inner or prod(inner) > UNROLLED_POINTS or (self.plan.dim or 0) > dim:
            return False
        operations = sum(len(statement.body) for statement in self.statements)
        return prod(inner) * operations <= UNROLLED_OPERATIONS

    def _loop(self, dim: int, lower: Position, upper: Position, step: int) -> None:
        def body(position: Value) -> None:
            self.b.dims[self.rank + dim] = position
            self._dim(dim + 1)

        self.b.loop(lower, upper, step, self.carried, body)

    def _vector_dim(self, dim: int) -> None:
        """Append the dimension that lanes run along: whole vectors, then the rest with a mask or one by one."""
        lanes, extent = self.plan.lanes, self.extents[dim]
        whole = extent - extent % lanes
        carried = self.carried
        tails = {key: value for key, value in carried.items() if key[1]}
        vectors = {key: value for key, value in carried.items() if not key[1]}
        absolute = self.rank + dim
        self.carried = vectors
        self.b.lanes, self.b.lane_dim = lanes, absolute
        if whole > 2 * lanes:
            self._whole_vectors(dim, whole)
        else:
            for offset in range(0, whole, lanes):
                self.b.dims[absolute] = offset
                self._dim(dim + 1)
        if whole < extent and self.plan.masked_tail:
            self.b.mask = self.b.create_mask(extent - whole)
            self.b.dims[absolute] = whole
            self._dim(dim + 1)
            self.b.mask = None
        self.b.lanes = 0
        if whole < extent and not self.plan.masked_tail:
            self.carried = {(key[0], False): value for key, value in tails.items()}
            self._loop(dim, whole, extent, 1)
            tails = {(key[0], True): value for key, value in self.carried.items()}
        self.carried = carried
        carried.update(vectors)
        carried.update(tails)

    def _whole_vectors(self, dim: int, whole: int) -> None:
        """Append the loop over whole vectors; long sums are those of blocks, so that errors of rounding stay small."""
        b, lanes = self.b, self.plan.lanes
        block = SUMMANDS * lanes
        sums = [key for key in self.carried if isinstance(key[0].output.combiner, arith.AddfOp)]
        blocks_end = whole - whole % block if sums and whole > 2 * block else 0

        def sum_block(position: Value) -> None:
            totals = {key: self.carried[key] for key in sums}
            for key in sums:
                self.carried[key] = b.splat(0.0, key[0].output.access.buffer.element_type)
            self._loop(dim, position, b.add(position, block), lanes)
            for key, total in totals.items():
                combine = cast(arith.AddfOp, key[0].output.combiner)
                b.set_location(combine)
                operands, result_type = (total, self.carried[key]), total.ssa.type
                self.carried[key] = b.op(arith.AddfOp, operands, result_type, combine.properties, VECTOR)

        if blocks_end:
            b.loop(0, blocks_end, block, self.carried, sum_block)
        if blocks_end < whole:
            self._loop(dim, blocks_end, whole, lanes)

    # Reductions

    def _start(self, reduction: Reduction) -> Callable[[], None]:
        """Make the accumulator of a reduction; return what stores the result in the end."""
        b, key = self.b, (reduction, False)
        output = reduction.output
        initial = self._initial(output)
        dim = self.plan.dim
        if dim is None or b.lanes or reduction.start > dim:
            self.carried[key] = b.as_vector(initial) if b.lanes else initial
            return lambda: b.store(output.access, self.carried.pop(key))
        combine = output.combiner
        assert combine is not None
        kind, neutral = COMBINERS[type(combine)]
        element_type = output.access.buffer.element_type
        number = neutral(element_type)
        lanes, extent = self.plan.lanes, self.extents[dim]
        has_vectors = extent >= lanes or self.plan.masked_tail
        if has_vectors:
            b.lanes = lanes
            self.carried[key] = b.splat(number, element_type)
            b.lanes = 0
        tail_key = (reduction, True)
        has_tail = extent % lanes and not self.plan.masked_tail
        if has_tail:
            self.carried[tail_key] = initial

        def finish() -> None:
            result = self.carried.pop(tail_key) if has_tail else initial
            if has_vectors:
                b.set_location(combine)
                flags = _EITHER_ZERO if isinstance(combine, arith.MaximumfOp | arith.MinimumfOp) else {}
                across = b.op(
                    vector.ReductionOp,
                    (self.carried.pop(key),),
                    element_type,
                    {"kind": CombiningKindAttr(CombiningKindFlag(kind)), **flags},
                    depth=b.depth,
                )
                if not has_tail and constant_number(result.ssa) == number:
                    result = across
                else:
                    properties = {**combine.properties, **flags}
                    result = b.op(type(combine), (result, across), element_type, properties, depth=b.depth)
            b.store(output.access, result)

        return finish

    def _initial(self, output: Output) -> Value:
        return self.b.load(output.access) if output.initial is None else self.scalars[output.initial]

    # Bodies

    def _point(self) -> None:
        """Append all statements at the current loop point."""
        for statement in self.statements:
            self.b.set_location(statement.op)
            if statement.is_opaque:
                self._copy_opaque(statement)
            else:
                self._statement(statement)

    def _copy_opaque(self, statement: Statement) -> None:
        values = {old: new.ssa for old, new in self.scalars.items()}
        for buffer in (*statement.captured, *statement.opaque_writes):
            assert buffer.storage is not None
            values[buffer.old] = buffer.storage
            self.b.forget(buffer)
        copy = statement.op.clone(value_mapper=values)
        self.b.blocks[-1].insert(copy)
        for old, new in zip(statement.op.results, copy.results, strict=True):
            self.scalars[old] = Value(new, self.b.depth)

    def _find_place(self, scatter: Scatter) -> Value | None:
        """Compute the indices of a scatter, clamped; return whether all were inside, if that matters."""
        b = self.b
        inside: Value | None = None
        for scalar, access, size in scatter.columns:
            index = b.op(arith.IndexCastOp, (b.load(access),), INDEX)
            if scatter.is_dropping:
                for predicate, bound in ((_SGE, 0), (_SLT, size)):
                    operands = (index, b.position(bound))
                    test = b.op(arith.CmpiOp, operands, i1, {"predicate": predicate})
                    inside = test if inside is None else b.op(arith.AndIOp, (inside, test), i1)
            index = b.op(arith.MaxSIOp, (index, b.position(0)), INDEX)
            self.scalars[scalar] = b.op(arith.MinSIOp, (index, b.position(size - 1)), INDEX)
        return inside

    def _statement(self, statement: Statement) -> None:
        self.sizes = statement.sizes
        inside = None if statement.scatter is None else self._find_place(statement.scatter)
        values = self.inputs_of(statement)
        start = statement.num_parallel - self.rank
        keys = [(Reduction(statement, output, start), False) for output in statement.outputs]
        for output, key in zip(statement.outputs, keys, strict=True):
            if output.argument is not None:
                values[output.argument] = self.carried[key] if statement.is_reduction else self._initial(output)
        accumulators = {output.combiner: output.argument for output in statement.outputs if not output.is_running}
        for op in statement.body:
            if isinstance(op, arith.MaximumfOp | arith.MinimumfOp) and (accumulator := accumulators.get(op)):
                self._extremum(op, accumulator, values)
            else:
                self.body_op(op, values)
        for output, key in zip(statement.outputs, keys, strict=True):
            value = values[output.value]
            if statement.is_reduction and not output.is_running:
                self.carried[key] = self._accumulated(statement, self.carried[key], value)
            else:
                if inside is not None:
                    value = self._selected(inside, value, self._initial(output))
                self.b.store(output.access, value)

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
        values[op.result] = b.op(type(op), operands, operands[1].ssa.type, _EITHER_ZERO, operands[1].kind)

    def inputs_of(self, statement: Statement) -> dict[SSAValue, Value]:
        """What the body of a statement finds: scalars, and the elements that it reads at this loop point."""
        values = dict(self.scalars)
        for argument, source in statement.inputs:
            values[argument] = self.scalars[source] if isinstance(source, SSAValue) else self.b.load(source)
        return values

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

    def body_op(self, op: Operation, values: dict[SSAValue, Value]) -> None:
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
            values[op.res] = b.load_at(self.buffers[op.memref], operands)
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
        varying = _varying(op, values) if b.lanes else frozenset()

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
                self.body_op(inner, values)
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


def _varying(loop: scf.ForOp | scf.WhileOp, values: Mapping[SSAValue, Value]) -> frozenset[SSAValue]:
    """The results of a loop that are not the same in all lanes, where it finds `values`."""
    block = loop.regions[0].block
    count = len(loop.results)
    arguments = block.args[len(block.args) - count :]
    starts, ends = (op.operands[len(op.operands) - count :] for op in (loop, cast(Operation, block.last_op)))
    varying = {value for value, known in values.items() if known.kind != SCALAR}
    size = -1
    while size < len(varying):
        size = len(varying)
        for op in block.ops:
            if any(operand in varying for inner in op.walk() for operand in inner.operands):
                varying.update(op.results)
        for argument, *sources in zip(arguments, starts, ends, strict=True):
            if any(source in varying for source in sources):
                varying.add(argument)
    return frozenset(result for result, argument in zip(loop.results, arguments, strict=True) if argument in varying)


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
