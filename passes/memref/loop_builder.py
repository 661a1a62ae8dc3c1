"""Code that is part scalar, part vector: values, where they are computed, and memory accesses.

A `LoopBuilder` holds one block per open loop. An operation goes into the innermost block that one of its operands needs, so that
whatever does not depend on a loop stands in front of it.
"""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, TypeAlias, cast

from xdsl.dialects import arith, memref, scf, vector
from xdsl.dialects.builtin import (
    BoolAttr,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    IndexType,
    IntegerAttr,
    MemRefType,
    VectorType,
    i1,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineBinaryOpExpr, AffineBinaryOpKind, AffineConstantExpr, AffineDimExpr, AffineExpr

from dialects.builder import OpBuilder, constant_attribute, int_array, memref_type, vector_type
from dialects.prefetch import PrefetchOp
from passes.linalg.reshape_memref import reassociation
from passes.memref.accesses import Access, Buffer, Index
from passes.memref.statements import bit_width, constant_number
from passes.memref.vector_plan import is_part_of_pairs, lane_stride

INDEX = IndexType()

SCALAR, VECTOR, LANES = range(3)

_LINE_BYTES = 64
_AHEAD_BYTES = 4096
"""As far ahead as helps on all machines measured: from 1 to 8 KiB make no difference."""

_HINTS: dict[bool, dict[str, Attribute]] = {False: {}, True: {"nontemporal": BoolAttr.from_bool(True)}}

_SGE = IntegerAttr(5, i64)
_SLE = IntegerAttr(3, i64)


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

_INDEX_OPS = {
    AffineBinaryOpKind.Add: arith.AddiOp,
    AffineBinaryOpKind.Mul: arith.MuliOp,
    AffineBinaryOpKind.FloorDiv: arith.DivUIOp,
    AffineBinaryOpKind.Mod: arith.RemUIOp,
}


class LoopBuilder:
    """Appends operations to the blocks of a nest of loops.

    `dims[d]` is the position in loop dimension `d`. While `lanes` > 0, a loop point stands for that many consecutive points along
    dimension `lane_dim`; with a `mask`, only for those whose bit is set.
    """

    def __init__(self, block: Block):
        self.blocks = [OpBuilder(block)]
        self.dims: list[Position] = []
        self.scalars: dict[SSAValue, Value] = {}
        """The values of the scalars of the prologue."""
        self.lanes = 0
        self.lane_dim = 0
        self.mask: Value | None = None
        self.sweep_depth = 0
        """The depth at which the current sweep starts."""
        self.ahead: set[Buffer] = set()
        """The buffers whose memory the current sweep asks for before vectors of it are loaded."""
        self.block_start: Position | None = None
        """The first tile point of a block whose temporaries have storage for all its points."""
        self.stored_here: set[Buffer] = set()
        """The buffers that the current sweep stores to: loads of them cannot leave its loops."""
        self._known: list[dict[Any, Value]] = [{}]
        self._in_memory: list[dict[Buffer, dict[Any, Value]]] = [{}]

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
        known = self._known[0].get(key)
        if known is None:
            ssa = self.blocks[0].create(arith.ConstantOp, (), result_type, {"value": attribute})
            known = self._known[0][key] = Value(ssa, 0, kind)
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
        return self._remember(arith.AddiOp, left, right)

    def subtract(self, left: Position, right: Position) -> Position:
        """The difference of two positions."""
        if isinstance(right, int):
            if isinstance(left, int):
                return left - right
            if right == 0:
                return left
        return self._remember(arith.SubiOp, left, right)

    def multiply(self, position: Position, factor: int) -> Position:
        """A position times a constant."""
        if isinstance(position, int):
            return position * factor
        return position if factor == 1 else self._remember(arith.MuliOp, position, factor)

    def quotient(self, position: Position, divisor: int) -> Position:
        """The quotient of a position that is not negative."""
        if isinstance(position, int):
            return position // divisor
        return position if divisor == 1 else self._remember(arith.DivUIOp, position, divisor)

    def remainder(self, position: Position, divisor: int) -> Position:
        """The remainder of a position that is not negative."""
        if isinstance(position, int):
            return position % divisor
        return 0 if divisor == 1 else self._remember(arith.RemUIOp, position, divisor)

    def _remember(self, op_type: type[Operation], left: Position, right: Position) -> Value:
        operands = (self.position(left), self.position(right))
        key = (op_type, id(operands[0].ssa), id(operands[1].ssa))
        depth = max(operands[0].depth, operands[1].depth)
        known = self._known[depth].get(key)
        if known is None:
            known = self._known[depth][key] = self.op(op_type, operands, INDEX)
        return known

    def index(self, index: Index) -> Position:
        """An index expression at the current loop point."""
        result: Position = index.constant
        if index.expression is not None:
            result = self._expression(index.expression)
        else:
            for dim, coefficient in index.terms:
                result = self.add(result, self.multiply(self.dims[dim], coefficient))
        return result if index.scalar is None else self.add(result, self.scalars[index.scalar])

    def _expression(self, expression: AffineExpr) -> Position:
        match expression:
            case AffineDimExpr():
                return self.dims[expression.position]
            case AffineConstantExpr():
                return expression.value
            case AffineBinaryOpExpr():
                left, right = self._expression(expression.lhs), self._expression(expression.rhs)
                if expression.kind is AffineBinaryOpKind.CeilDiv:
                    assert isinstance(right, int)
                    return self._remember(arith.DivUIOp, self.add(left, right - 1), right)
                if isinstance(left, int) and isinstance(right, int):
                    constants = AffineExpr.constant(left), AffineExpr.constant(right)
                    return AffineExpr.binary(expression.kind, *constants).eval((), ())
                return self._remember(_INDEX_OPS[expression.kind], left, right)
            case _:
                raise AssertionError(f"{expression} has symbols")

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
        known = self._known[value.depth].get(key)
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
        self._known[value.depth][key] = result
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

    # Memory

    def load(self, access: Access) -> Value:
        """Read an access at the current loop point; what is known to be in memory is not loaded again."""
        buffer = access.buffer
        positions = self._positions(access)
        stride = lane_stride(access, self.lane_dim) if self.lanes else 0
        key = self._key(positions, stride)
        known = self._look_up(buffer, key) if stride is not None else None
        if known is not None:
            return known
        storage = self._storage(buffer)
        depth = self._outermost(buffer)
        if stride == 0:
            result = self._load_scalar(storage, buffer.element_type, self._padded(buffer, positions), depth)
        elif stride == 1:
            storage, positions = self._row(access, storage, positions)
            result = self._load_vector(storage, buffer.element_type, positions, depth)
            if self.mask is None and buffer in self.ahead:
                self._prefetch(storage, buffer, positions)
        elif self.mask is None and is_part_of_pairs(access, self.lane_dim):
            result = self._load_part(access, storage, positions, depth)
        else:
            result = self.assemble(
                buffer.element_type,
                lambda lane: self._load_scalar(storage, buffer.element_type, self._lane_positions(access, lane), depth),
            )
        self._in_memory[result.depth].setdefault(buffer, {})[key] = result
        return result

    def _prefetch(self, storage: SSAValue, buffer: Buffer, positions: Sequence[Position]) -> None:
        """Ask for the lines of a vector some iterations ahead."""
        size = bit_width(buffer.element_type) // 8
        *outer, last = positions
        for byte in range(0, self.lanes * size, _LINE_BYTES):
            ahead = self.add(last, (_AHEAD_BYTES + byte) // size)
            self.effect(PrefetchOp, (storage, *(self.position(p).ssa for p in (*outer, ahead))))

    def _load_part(self, access: Access, storage: SSAValue, positions: list[Position], depth: int) -> Value:
        """Read whole pairs, once for both parts, and take every other element."""
        element_type = access.buffer.element_type
        positions, part = [*positions[:-1], 0], access.indices[-1].constant
        key = ("pairs", self._key(positions, 2))
        both = self._look_up(access.buffer, key)
        if both is None:
            memory, at = self._row(access, storage, positions)
            operands = (Value(memory, 0), *(self.position(p) for p in at))
            both = self.op(vector.LoadOp, operands, vector_type(element_type, 2 * self.lanes), kind=VECTOR, depth=depth)
            self._in_memory[both.depth].setdefault(access.buffer, {})[key] = both
        mask = DenseArrayBase.from_list(i64, list(range(part, 2 * self.lanes, 2)))
        return self.op(vector.ShuffleOp, (both, both), vector_type(element_type, self.lanes), {"mask": mask}, VECTOR)

    def load_at(self, buffer: Buffer, indices: Sequence[Value]) -> Value:
        """Read a buffer at indices that the code computes."""
        storage = self._storage(buffer)
        depth = self._outermost(buffer)
        element_type = buffer.element_type
        if all(index.kind == SCALAR for index in indices):
            return self._load_scalar(storage, element_type, indices, depth)
        *outer, last = indices
        if last.kind == LANES and all(index.kind == SCALAR for index in outer):
            if last.clamp is None:
                return self._load_vector(storage, element_type, indices, depth)
            return self._load_clamped(storage, element_type, outer, last, depth)

        def load_lane(lane: int) -> Value:
            scalars = [self.lane(index, lane) for index in indices]
            scalars = [s if s.ssa.type == INDEX else self.op(arith.IndexCastOp, (s,), INDEX) for s in scalars]
            return self._load_scalar(storage, element_type, scalars, depth)

        return self.assemble(element_type, load_lane)

    def remember(self, access: Access, value: Value) -> None:
        """Let `value` be what a load of `access` finds at the current loop point, until the loop ends or the buffer is written."""
        stride = lane_stride(access, self.lane_dim) if self.lanes else 0
        self._in_memory[-1].setdefault(access.buffer, {})[self._key(self._positions(access), stride)] = value

    def store(self, access: Access, value: Value) -> None:
        """Write an access at the current loop point; a temporary without storage just keeps the value."""
        buffer = access.buffer
        positions = self._positions(access)
        stride = lane_stride(access, self.lane_dim) if self.lanes else 0
        storage = buffer.storage
        if storage is not None:
            self.forget(buffer)
        if value.kind == LANES:
            value = self.as_vector(value)
        self._in_memory[-1].setdefault(buffer, {})[self._key(positions, stride)] = value
        if storage is None:
            return
        if stride == 0:
            assert value.kind == SCALAR, "a store of different lanes to one place"
            indices = [self.position(p).ssa for p in self._padded(buffer, positions)]
            self.effect(memref.StoreOp, (value.ssa, storage, *indices))
        elif stride == 1:
            vector_value = self.as_vector(value)
            storage, positions = self._row(access, storage, positions)
            indices = [self.position(p).ssa for p in positions]
            if self.mask is None:
                self.effect(vector.StoreOp, (vector_value.ssa, storage, *indices), _HINTS[buffer.is_streamed])
            else:
                self.effect(vector.MaskedStoreOp, (storage, *indices, self.mask.ssa, vector_value.ssa))
        else:
            for lane in range(self.lanes):
                indices = [self.position(p).ssa for p in self._lane_positions(access, lane)]
                self.effect(memref.StoreOp, (self.lane(value, lane).ssa, storage, *indices))

    def forget(self, buffer: Buffer) -> None:
        """Drop what is known about the contents of a buffer."""
        for known in self._in_memory:
            known.pop(buffer, None)

    def _positions(self, access: Access) -> list[Position]:
        buffer = access.buffer
        indices = access.indices
        if buffer.is_temporary:
            indices = indices[len(buffer.shape) - len(buffer.inner_shape) :]
        return [self.index(index) for index in indices]

    def _padded(self, buffer: Buffer, positions: list[Position]) -> list[Position]:
        if not buffer.lanes_last:
            return positions
        start = self.block_start
        return [*positions, 0 if start is None else self.subtract(self.dims[self.lane_dim], start)]

    def _row(self, access: Access, storage: SSAValue, positions: list[Position]) -> tuple[SSAValue, Sequence[Position]]:
        """Where a vector access starts, in memory whose last dimension has all its lanes."""
        buffer = access.buffer
        if buffer.lanes_last or access.indices[-1].terms[-1:] == ((self.lane_dim, 1),):
            return storage, self._padded(buffer, positions)
        shape = cast(MemRefType[Attribute], storage.type).get_shape()
        key = ("flat", id(storage))
        flat = self._known[0].get(key)
        if flat is None:
            dims = reassociation(len(shape))
            flat_type = memref_type(buffer.element_type, (prod(shape),))
            ssa = self.blocks[0].create(memref.CollapseShapeOp, (storage,), flat_type, {"reassociation": dims})
            flat = self._known[0][key] = Value(ssa, 0)
        start: Position = 0
        for position, size in zip(positions, shape, strict=True):
            start = self.add(self.multiply(start, size), position)
        return flat.ssa, [start]

    def _lane_positions(self, access: Access, lane: int) -> list[Position]:
        base = self.dims[self.lane_dim]
        self.dims[self.lane_dim] = self.add(base, lane)
        positions = self._positions(access)
        self.dims[self.lane_dim] = base
        return positions

    def _key(self, positions: Sequence[Position], stride: int | None) -> Any:
        place = tuple(p if isinstance(p, int) else id(p.ssa) for p in positions)
        if stride == 0:
            return place
        return (place, stride, self.lanes, None if self.mask is None else id(self.mask.ssa))

    def _look_up(self, buffer: Buffer, key: Any) -> Value | None:
        for known in reversed(self._in_memory):
            value = known.get(buffer, {}).get(key)
            if value is not None:
                return value
        return None

    def _storage(self, buffer: Buffer) -> SSAValue:
        assert buffer.storage is not None, f"a value of {buffer.old.type} is read before it is computed"
        return buffer.storage

    def _outermost(self, buffer: Buffer) -> int:
        """The depth outside of which a load of the buffer must not move."""
        if not buffer.stored:
            return 0
        return self.depth if buffer in self.stored_here else self.sweep_depth

    def _load_scalar(self, storage: SSAValue, element_type: Attribute, at: Sequence[Position], depth: int) -> Value:
        operands = (Value(storage, 0), *(self.position(p) for p in at))
        return self.op(memref.LoadOp, operands, element_type, depth=depth)

    def _load_vector(self, storage: SSAValue, element_type: Attribute, at: Sequence[Position], depth: int) -> Value:
        operands = (Value(storage, 0), *(self.position(p) for p in at))
        result_type = vector_type(element_type, self.lanes)
        if self.mask is None:
            return self.op(vector.LoadOp, operands, result_type, kind=VECTOR, depth=depth)
        operands = (*operands, self.mask, self.splat(0, element_type))
        return self.op(vector.MaskedLoadOp, operands, result_type, kind=VECTOR, depth=depth)

    def _load_clamped(
        self, storage: SSAValue, element_type: Attribute, outer: Sequence[Value], last: Value, depth: int
    ) -> Value:
        """Load consecutive elements whose last index is clamped: one vector if no lane is moved, else one by one.

        Only the vectors at the edges of what is padded or put together have lanes that are moved.
        """
        assert last.clamp is not None
        low, high = last.clamp
        first = Value(last.ssa, last.depth)
        last_start = high - self.lanes + 1
        depth = max(depth, last.depth, *(index.depth for index in outer))
        result_type = vector_type(element_type, self.lanes)
        tests = [
            self.op(arith.CmpiOp, (first, self.constant(bound, INDEX)), i1, {"predicate": predicate}, depth=depth)
            for bound, predicate in ((low, _SGE), (last_start, _SLE))
        ]
        is_inside = self.op(arith.AndIOp, tests, i1, depth=depth)
        builder = self.blocks[depth]
        whole, parts = Block(), Block()
        inner = OpBuilder(whole, builder.location)
        indices = (storage, *(index.ssa for index in outer), first.ssa)
        inner.create_op(scf.YieldOp, (inner.create(vector.LoadOp, indices, result_type),))
        scalars = [self.lane(last, lane) for lane in range(self.lanes)]
        assembled = self.splat(0, element_type).ssa
        inner = OpBuilder(parts, builder.location)
        for lane, index in enumerate(scalars):
            element = inner.create(memref.LoadOp, (*indices[:-1], index.ssa), element_type)
            position = {"static_position": int_array((lane,))}
            assembled = inner.create(vector.InsertOp, (element, assembled), result_type, position)
        inner.create_op(scf.YieldOp, (assembled,))
        regions = [Region(whole), Region(parts)]
        chosen = builder.create_op(scf.IfOp, (is_inside.ssa,), (result_type,), regions=regions)
        return Value(chosen.results[0], depth, VECTOR)

    # Loops

    def create_mask(self, count: Position) -> Value:
        """A mask of the first `count` lanes."""
        operand = self.position(count)
        key = ("mask", id(operand.ssa), self.lanes)
        known = self._known[operand.depth].get(key)
        if known is None:
            known = self.op(vector.CreateMaskOp, (operand,), vector_type(i1, self.lanes), kind=VECTOR)
            self._known[operand.depth][key] = known
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
        self._known.append({})
        self._in_memory.append({})
        arguments = block.args[len(block.args) - len(initial) :]
        for (key, value), argument in zip(initial.items(), arguments, strict=True):
            carried[key] = Value(argument, depth, value.kind)
        fill()
        self.blocks.pop()
        self._known.pop()
        self._in_memory.pop()
        starts = [value.ssa for value in initial.values()]
        types = [value.type for value in starts]
        op = outer.create_op(op_type, (*bounds, *starts), types, regions=[Region(block) for block in blocks])
        for (key, value), result in zip(initial.items(), op.results, strict=True):
            carried[key] = Value(result, depth - 1, value.kind)
