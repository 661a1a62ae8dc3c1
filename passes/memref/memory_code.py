"""Loads and stores at a point of a loop nest: where an access lies in memory, and what is known to lie there."""

from collections.abc import Sequence
from math import prod
from typing import Any, cast

from xdsl.dialects import arith, memref, scf, vector
from xdsl.dialects.builtin import BoolAttr, DenseArrayBase, IntegerAttr, MemRefType, i1, i64
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.ir.affine import AffineBinaryOpExpr, AffineBinaryOpKind, AffineConstantExpr, AffineDimExpr, AffineExpr

from dialects.builder import OpBuilder, int_array, memref_type, vector_type
from dialects.rt import PrefetchOp
from passes.linalg.reshape_memref import reassociation
from passes.memref.accesses import Access, Buffer, Index
from passes.memref.loop_builder import INDEX, LANES, SCALAR, VECTOR, LoopBuilder, Position, Value
from passes.memref.statements import bit_width
from passes.memref.vector_plan import is_part_of_pairs, lane_stride

_LINE_BYTES = 64
_AHEAD_BYTES = 4096
"""As far ahead as helps on all machines measured: from 1 to 8 KiB make no difference."""

_HINTS: dict[bool, dict[str, Attribute]] = {False: {}, True: {"nontemporal": BoolAttr.from_bool(True)}}

_SGE = IntegerAttr(5, i64)
_SLE = IntegerAttr(3, i64)

_INDEX_OPS = {
    AffineBinaryOpKind.Add: arith.AddiOp,
    AffineBinaryOpKind.Mul: arith.MuliOp,
    AffineBinaryOpKind.FloorDiv: arith.DivUIOp,
    AffineBinaryOpKind.Mod: arith.RemUIOp,
}


class MemoryCode:
    """Appends accesses of buffers at the current loop point of `b`."""

    def __init__(self, b: LoopBuilder):
        self.b = b
        self.scalars: dict[SSAValue, Value] = {}
        """The new values of the scalars of the old kernel, which may be parts of indices."""
        self.sweep_depth = 0
        """The depth at which the current sweep starts."""
        self.ahead: set[Buffer] = set()
        """The buffers whose memory the current sweep asks for before vectors of it are loaded."""
        self.block_start: Position | None = None
        """The first tile point of a block whose temporaries have storage for all its points."""
        self.stored_here: set[Buffer] = set()
        """The buffers that the current sweep stores to: loads of them cannot leave its loops."""

    def load(self, access: Access) -> Value:
        """Read an access at the current loop point; what is known to be in memory is not loaded again."""
        b = self.b
        buffer = access.buffer
        positions = self._positions(access)
        stride = lane_stride(access, b.lane_dim) if b.lanes else 0
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
            if b.mask is None and buffer in self.ahead:
                self._prefetch(storage, buffer, positions)
        elif b.mask is None and is_part_of_pairs(access, b.lane_dim):
            result = self._load_part(access, storage, positions, depth)
        else:
            result = b.assemble(
                buffer.element_type,
                lambda lane: self._load_scalar(storage, buffer.element_type, self._lane_positions(access, lane), depth),
            )
        b.contents[result.depth].setdefault(buffer, {})[key] = result
        return result

    def _prefetch(self, storage: SSAValue, buffer: Buffer, positions: Sequence[Position]) -> None:
        """Ask for the lines of a vector some iterations ahead."""
        b = self.b
        size = bit_width(buffer.element_type) // 8
        *outer, last = positions
        for byte in range(0, b.lanes * size, _LINE_BYTES):
            ahead = b.add(last, (_AHEAD_BYTES + byte) // size)
            b.effect(PrefetchOp, (storage, *(b.position(p).ssa for p in (*outer, ahead))))

    def _load_part(self, access: Access, storage: SSAValue, positions: list[Position], depth: int) -> Value:
        """Read whole pairs, once for both parts, and take every other element."""
        b = self.b
        element_type = access.buffer.element_type
        positions, part = [*positions[:-1], 0], access.indices[-1].constant
        key = ("pairs", self._key(positions, 2))
        both = self._look_up(access.buffer, key)
        if both is None:
            memory, at = self._row(access, storage, positions)
            operands = (Value(memory, 0), *(b.position(p) for p in at))
            both = b.op(vector.LoadOp, operands, vector_type(element_type, 2 * b.lanes), kind=VECTOR, depth=depth)
            b.contents[both.depth].setdefault(access.buffer, {})[key] = both
        mask = DenseArrayBase.from_list(i64, list(range(part, 2 * b.lanes, 2)))
        return b.op(vector.ShuffleOp, (both, both), vector_type(element_type, b.lanes), {"mask": mask}, VECTOR)

    def load_at(self, buffer: Buffer, indices: Sequence[Value]) -> Value:
        """Read a buffer at indices that the code computes."""
        b = self.b
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
            scalars = [b.lane(index, lane) for index in indices]
            scalars = [s if s.ssa.type == INDEX else b.op(arith.IndexCastOp, (s,), INDEX) for s in scalars]
            return self._load_scalar(storage, element_type, scalars, depth)

        return b.assemble(element_type, load_lane)

    def remember(self, access: Access, value: Value) -> None:
        """Let `value` be what a load of `access` finds at the current loop point, until the loop ends or the buffer is written."""
        b = self.b
        stride = lane_stride(access, b.lane_dim) if b.lanes else 0
        b.contents[-1].setdefault(access.buffer, {})[self._key(self._positions(access), stride)] = value

    def store(self, access: Access, value: Value) -> None:
        """Write an access at the current loop point; a temporary without storage just keeps the value."""
        b = self.b
        buffer = access.buffer
        positions = self._positions(access)
        stride = lane_stride(access, b.lane_dim) if b.lanes else 0
        storage = buffer.storage
        if storage is not None:
            self.forget(buffer)
        if value.kind == LANES:
            value = b.as_vector(value)
        b.contents[-1].setdefault(buffer, {})[self._key(positions, stride)] = value
        if storage is None:
            return
        if stride == 0:
            assert value.kind == SCALAR, "a store of different lanes to one place"
            indices = [b.position(p).ssa for p in self._padded(buffer, positions)]
            b.effect(memref.StoreOp, (value.ssa, storage, *indices))
        elif stride == 1:
            vector_value = b.as_vector(value)
            storage, positions = self._row(access, storage, positions)
            indices = [b.position(p).ssa for p in positions]
            if b.mask is None:
                b.effect(vector.StoreOp, (vector_value.ssa, storage, *indices), _HINTS[buffer.is_streamed])
            else:
                b.effect(vector.MaskedStoreOp, (storage, *indices, b.mask.ssa, vector_value.ssa))
        else:
            for lane in range(b.lanes):
                indices = [b.position(p).ssa for p in self._lane_positions(access, lane)]
                b.effect(memref.StoreOp, (b.lane(value, lane).ssa, storage, *indices))

    def forget(self, buffer: Buffer) -> None:
        """Drop what is known about the contents of a buffer."""
        for known in self.b.contents:
            known.pop(buffer, None)

    # Where an access lies

    def _index(self, index: Index) -> Position:
        """An index expression at the current loop point."""
        b = self.b
        result: Position = index.constant
        if index.expression is not None:
            result = self._expression(index.expression)
        else:
            for dim, coefficient in index.terms:
                result = b.add(result, b.multiply(b.dims[dim], coefficient))
        return result if index.scalar is None else b.add(result, self.scalars[index.scalar])

    def _expression(self, expression: AffineExpr) -> Position:
        b = self.b
        match expression:
            case AffineDimExpr():
                return b.dims[expression.position]
            case AffineConstantExpr():
                return expression.value
            case AffineBinaryOpExpr():
                left, right = self._expression(expression.lhs), self._expression(expression.rhs)
                if expression.kind is AffineBinaryOpKind.CeilDiv:
                    assert isinstance(right, int)
                    return b.compute(arith.DivUIOp, b.add(left, right - 1), right)
                if isinstance(left, int) and isinstance(right, int):
                    constants = AffineExpr.constant(left), AffineExpr.constant(right)
                    return AffineExpr.binary(expression.kind, *constants).eval((), ())
                return b.compute(_INDEX_OPS[expression.kind], left, right)
            case _:
                raise AssertionError(f"{expression} has symbols")

    def _positions(self, access: Access) -> list[Position]:
        buffer = access.buffer
        indices = access.indices
        if buffer.is_temporary:
            indices = indices[len(buffer.shape) - len(buffer.inner_shape) :]
        return [self._index(index) for index in indices]

    def _padded(self, buffer: Buffer, positions: list[Position]) -> list[Position]:
        b = self.b
        if not buffer.lanes_last:
            return positions
        start = self.block_start
        return [*positions, 0 if start is None else b.subtract(b.dims[b.lane_dim], start)]

    def _row(self, access: Access, storage: SSAValue, positions: list[Position]) -> tuple[SSAValue, Sequence[Position]]:
        """Where a vector access starts, in memory whose last dimension has all its lanes."""
        b = self.b
        buffer = access.buffer
        if buffer.lanes_last or access.indices[-1].terms[-1:] == ((b.lane_dim, 1),):
            return storage, self._padded(buffer, positions)
        shape = cast(MemRefType[Attribute], storage.type).get_shape()
        key = ("flat", id(storage))
        flat = b.known[0].get(key)
        if flat is None:
            dims = reassociation(len(shape))
            flat_type = memref_type(buffer.element_type, (prod(shape),))
            ssa = b.blocks[0].create(memref.CollapseShapeOp, (storage,), flat_type, {"reassociation": dims})
            flat = b.known[0][key] = Value(ssa, 0)
        start: Position = 0
        for position, size in zip(positions, shape, strict=True):
            start = b.add(b.multiply(start, size), position)
        return flat.ssa, [start]

    def _lane_positions(self, access: Access, lane: int) -> list[Position]:
        b = self.b
        base = b.dims[b.lane_dim]
        b.dims[b.lane_dim] = b.add(base, lane)
        positions = self._positions(access)
        b.dims[b.lane_dim] = base
        return positions

    def _key(self, positions: Sequence[Position], stride: int | None) -> Any:
        b = self.b
        place = tuple(p if isinstance(p, int) else id(p.ssa) for p in positions)
        if stride == 0:
            return place
        return (place, stride, b.lanes, None if b.mask is None else id(b.mask.ssa))

    def _look_up(self, buffer: Buffer, key: Any) -> Value | None:
        for known in reversed(self.b.contents):
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
        return self.b.depth if buffer in self.stored_here else self.sweep_depth

    # Single loads

    def _load_scalar(self, storage: SSAValue, element_type: Attribute, at: Sequence[Position], depth: int) -> Value:
        operands = (Value(storage, 0), *(self.b.position(p) for p in at))
        return self.b.op(memref.LoadOp, operands, element_type, depth=depth)

    def _load_vector(self, storage: SSAValue, element_type: Attribute, at: Sequence[Position], depth: int) -> Value:
        b = self.b
        operands = (Value(storage, 0), *(b.position(p) for p in at))
        result_type = vector_type(element_type, b.lanes)
        if b.mask is None:
            return b.op(vector.LoadOp, operands, result_type, kind=VECTOR, depth=depth)
        operands = (*operands, b.mask, b.splat(0, element_type))
        return b.op(vector.MaskedLoadOp, operands, result_type, kind=VECTOR, depth=depth)

    def _load_clamped(
        self, storage: SSAValue, element_type: Attribute, outer: Sequence[Value], last: Value, depth: int
    ) -> Value:
        """Load consecutive elements whose last index is clamped: one vector if no lane is moved, else one by one.

        Only the vectors at the edges of what is padded or put together have lanes that are moved.
        """
        b = self.b
        assert last.clamp is not None
        low, high = last.clamp
        first = Value(last.ssa, last.depth)
        last_start = high - b.lanes + 1
        depth = max(depth, last.depth, *(index.depth for index in outer))
        result_type = vector_type(element_type, b.lanes)
        tests = [
            b.op(arith.CmpiOp, (first, b.constant(bound, INDEX)), i1, {"predicate": predicate}, depth=depth)
            for bound, predicate in ((low, _SGE), (last_start, _SLE))
        ]
        is_inside = b.op(arith.AndIOp, tests, i1, depth=depth)
        builder = b.blocks[depth]
        whole, parts = Block(), Block()
        inner = OpBuilder(whole, builder.location)
        indices = (storage, *(index.ssa for index in outer), first.ssa)
        inner.create_op(scf.YieldOp, (inner.create(vector.LoadOp, indices, result_type),))
        scalars = [b.lane(last, lane) for lane in range(b.lanes)]
        assembled = b.splat(0, element_type).ssa
        inner = OpBuilder(parts, builder.location)
        for lane, index in enumerate(scalars):
            element = inner.create(memref.LoadOp, (*indices[:-1], index.ssa), element_type)
            position = {"static_position": int_array((lane,))}
            assembled = inner.create(vector.InsertOp, (element, assembled), result_type, position)
        inner.create_op(scf.YieldOp, (assembled,))
        regions = [Region(whole), Region(parts)]
        chosen = builder.create_op(scf.IfOp, (is_inside.ssa,), (result_type,), regions=regions)
        return Value(chosen.results[0], depth, VECTOR)
