"""Reading and writing at computed positions: gather and scatter.

Both see a tensor `x` and positions `indices[batch…, i…, :]`, whose last dimension holds one index for each of the `dims`
of `x`. A position names the window of `x` at these indices; `windows[batch…, i…, rest…]` is one window per position,
where `rest` are the dimensions of `x` not in `dims`. The first `batch_dims` dimensions of `x` and `indices` are shared.

`bounds` says what an index outside of `x` means: `clamp` moves it to the nearest valid one, `drop` reads zero and writes
nothing. With the same `bounds`, gather and scatter-add are each other's adjoint.
"""

import math
from abc import ABC
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, cast

import numpy as np
from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.builtin import I64, DenseArrayBase, IndexType, IntegerAttr, StringAttr, i1, i64
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.ir.affine import AffineExpr
from xdsl.irdl import irdl_op_definition, operand_def, prop_def
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, affine_map, int_array, tensor_type
from dialects.dlc.broadcast import broadcast_in_dim
from dialects.dlc.constants import iota, zeros
from dialects.dlc.interfaces import (
    AnyTensor,
    Array,
    Properties,
    TensorOp,
    element_type_of,
    ints,
    is_bool,
    is_float,
    is_integer,
    shape_of,
    tensor_type_of,
)
from dialects.dlc.scalars import scalar_index
from dialects.dlc.selection import compare, select
from dialects.dlc.shape import check_dims, reshape, stacked
from dialects.structured import (
    PARALLEL,
    build_empty,
    build_fill,
    build_generic,
    build_loop_index,
    cast_float,
    compute_type,
)

Bounds: TypeAlias = Literal["clamp", "drop"]
Mode: TypeAlias = Literal["add", "set"]

INDEX = IndexType()
_Found: TypeAlias = tuple[list[SSAValue], SSAValue | None]


class _IndexedOp(TensorOp, ABC):
    """What gather and scatter share."""

    dims = prop_def(DenseArrayBase.constr(I64))
    batch_dims = prop_def(IntegerAttr[I64], default_value=IntegerAttr(0, i64))
    bounds = prop_def(StringAttr)

    @property
    def layout(self) -> "_Layout":
        """The dimensions of `x`, of the positions and of the windows."""
        return _Layout(
            tensor_type_of(self.operands[0]),
            tensor_type_of(self.operands[1]),
            ints(self.dims),
            self.batch_dims.value.data,
            self.bounds.data == "drop",
        )


class _Layout:
    """Which dimension of the windows reads which dimension of `x`."""

    def __init__(self, x: AnyTensor, indices: AnyTensor, dims: tuple[int, ...], batch_dims: int, drop: bool):
        self.x_shape = x.get_shape()
        self.element_type = x.element_type
        self.index_shape = indices.get_shape()
        self.dims = dims
        self.batch_dims = batch_dims
        self.drop = drop
        self.rest = tuple(dim for dim in range(batch_dims, len(self.x_shape)) if dim not in dims)
        self.num_index_dims = len(self.index_shape) - 1

    @property
    def windows_type(self) -> AnyTensor:
        """The type of one window per position."""
        return tensor_type(self.element_type, (*self.index_shape[:-1], *(self.x_shape[dim] for dim in self.rest)))

    @classmethod
    def verified(cls, name: str, x: AnyTensor, indices: AnyTensor, properties: Properties) -> "_Layout":
        """The layout of operands that fit; raise `VerifyException` for others."""
        dims = ints(properties["dims"])
        batch_dims = cast(IntegerAttr[Any], properties["batch_dims"]).value.data
        bounds = cast(StringAttr, properties["bounds"]).data
        if bounds not in {"clamp", "drop"}:
            raise VerifyException(f'{name}: bounds are "{bounds}", expected "clamp" or "drop"')
        if not is_integer(indices.element_type):
            raise VerifyException(f"{name}: indices have type {indices}, expected elements of an integer type")
        shape, index_shape = x.get_shape(), indices.get_shape()
        check_dims(name, dims, len(shape))
        if not index_shape or index_shape[-1] != len(dims):
            raise VerifyException(
                f"{name}: indices have type {indices}, expected a last dimension of size {len(dims)}, one index for "
                f"each of dims {list(dims)}"
            )
        shared = shape[:batch_dims] == index_shape[:-1][:batch_dims]
        if not 0 <= batch_dims <= min(len(shape), len(index_shape) - 1) or not shared:
            raise VerifyException(f"{name}: {x} and {indices} do not share {batch_dims} leading dimensions")
        if any(dim < batch_dims for dim in dims):
            raise VerifyException(f"{name}: dims {list(dims)} overlap the {batch_dims} leading batch dimensions")
        return cls(x, indices, dims, batch_dims, bounds == "drop")

    def numpy_positions(self, indices: Array) -> tuple[tuple[Array, ...], Array]:
        """An index into `numpy_view(x)` that gives the windows, and which of them are inside."""
        sizes = np.array([self.x_shape[dim] for dim in self.dims], np.int64)
        wide = (np.minimum(indices, np.uint64(2**63 - 1)) if indices.dtype.kind == "u" else indices).astype(np.int64)
        inside = ((wide >= 0) & (wide < sizes)).all(axis=-1)
        clamped = np.clip(wide, 0, np.maximum(sizes - 1, 0))
        outer = indices.shape[:-1]
        columns: list[Array] = [np.zeros((), np.int64)]
        columns.extend(
            cast(Array, np.arange(outer[dim])).reshape([-1 if i == dim else 1 for i in range(len(outer))])
            for dim in range(self.batch_dims)
        )
        columns.extend(clamped[..., k] for k in range(len(self.dims)))
        return tuple(np.broadcast_to(column, outer) for column in columns), np.asarray(inside)

    def numpy_view(self, x: Array) -> Array:
        """`x` with its dimensions as (1, batch, dims, rest); the first makes every index an array."""
        return np.transpose(x, (*range(self.batch_dims), *self.dims, *self.rest))[np.newaxis]

    def build_columns(self, b: OpBuilder, columns: Sequence[SSAValue]) -> _Found:
        """Append the clamped indices of type `index`, and with `drop` whether all were inside."""
        zero = b.index(0)
        clamped: list[SSAValue] = []
        inside: SSAValue | None = None
        for dim, column in zip(self.dims, columns, strict=True):
            position = scalar_index(b, column)
            last = b.index(self.x_shape[dim] - 1)
            if self.drop:
                for predicate, bound in ((_SGE, zero), (_SLE, last)):
                    test = b.create(arith.CmpiOp, (position, bound), i1, {"predicate": predicate})
                    inside = test if inside is None else b.create(arith.AndIOp, (inside, test), i1)
            position = b.create(arith.MaxSIOp, (position, zero), INDEX)
            clamped.append(b.create(arith.MinSIOp, (position, last), INDEX))
        return clamped, inside

    def full_position(self, loops: Sequence[SSAValue], clamped: Sequence[SSAValue]) -> list[SSAValue]:
        """The position in `x` for a position in the windows."""
        position = dict(enumerate(loops[: self.batch_dims]))
        position.update(zip(self.dims, clamped, strict=True))
        position.update(zip(self.rest, loops[self.num_index_dims :], strict=True))
        return [position[dim] for dim in range(len(self.x_shape))]


_SGE = IntegerAttr(5, i64)
_SLE = IntegerAttr(3, i64)


@irdl_op_definition
class GatherOp(_IndexedOp):
    """`result[batch…, i…, rest…] = x[batch…, …]` with `indices[batch…, i…, k]` in dimension `dims[k]` of `x`."""

    name = "dlc.gather"

    x = operand_def(AnyTensor)
    indices = operand_def(AnyTensor)

    assembly_format = (
        "$x `,` $indices `dims` $dims (`batch_dims` $batch_dims^)? `bounds` $bounds attr-dict "
        "`:` type($x) `,` type($indices) `->` type($result)"
    )

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """One window of `x` per position; there must be something to read."""
        x, indices = operand_types
        layout = _Layout.verified("dlc.gather", x, indices, properties)
        result = layout.windows_type
        empty = [dim for dim in layout.dims if layout.x_shape[dim] == 0]
        if empty and not layout.drop and math.prod(result.get_shape()):
            raise VerifyException(f"dlc.gather: dimension {empty[0]} of {x} is empty, no index into it is valid")
        return result

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """NumPy's indexing with arrays."""
        x, indices = operands
        layout = self.layout
        if math.prod(self.shape) == 0 or math.prod(layout.x_shape) == 0:
            return np.zeros(self.shape, x.dtype)
        positions, inside = layout.numpy_positions(indices)
        windows = np.asarray(layout.numpy_view(x)[positions])
        if layout.drop:
            windows = np.where(inside.reshape(inside.shape + (1,) * len(layout.rest)), windows, x.dtype.type(0))
        return windows

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """`gather` of nothing, or out of nothing, is zero; without dims it is a broadcast of `x`."""
        x, _ = operands
        layout = self.layout
        if math.prod(layout.x_shape) == 0 or math.prod(self.shape) == 0:
            return zeros(b, self.result.type)
        if not layout.dims:
            rank = len(layout.x_shape)
            shift = layout.num_index_dims - layout.batch_dims
            dims = [dim if dim < layout.batch_dims else dim + shift for dim in range(rank)]
            return broadcast_in_dim(b, x, self.shape, dims)
        return None

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """Gather from the tangent."""
        dx = tangents[0]
        return None if dx is None else self._emit_like(b, dx, self.indices)

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """Scatter-add the cotangent into zeros."""
        del linear
        x_type = tensor_type_of(self.x)
        layout = self.layout
        bounds: Bounds = "drop" if layout.drop else "clamp"
        return (
            scatter(
                b, zeros(b, x_type), self.indices, cotangent, layout.dims, "add",
                batch_dims=layout.batch_dims, bounds=bounds,
            ),
            None,
        )  # fmt: skip

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """One more shared leading dimension; `x` stays as it is if it is not batched and shares none."""
        x, indices = operands
        if not batched[0] and self.batch_dims.value.data == 0:
            return self._emit_like(b, x, indices)
        x, indices = stacked(b, operands, batched, size)
        layout = self.layout
        return gather(
            b, x, indices, [dim + 1 for dim in layout.dims],
            batch_dims=layout.batch_dims + 1, bounds="drop" if layout.drop else "clamp",
        )  # fmt: skip

    def _emit_like(self, b: OpBuilder, x: SSAValue, indices: SSAValue) -> SSAValue:
        return GatherOp.emit(b, (x, indices), self.properties)

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """One generic over the windows: each index is an input read at a constant column, `x` is captured."""
        x, indices = operands
        layout = self.layout
        result_type = self.result.type
        rank = len(self.shape)
        if math.prod(layout.x_shape) == 0:
            return build_fill(b, b.constant(0, layout.element_type), result_type)
        position_dims = tuple(AffineExpr.dimension(dim) for dim in range(layout.num_index_dims))
        maps = [affine_map(rank, (*position_dims, AffineExpr.constant(k))) for k in range(len(layout.dims))]

        def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            clamped, inside = layout.build_columns(inner, arguments[:-1])
            loops = [build_loop_index(inner, dim) for dim in range(rank)]
            element = inner.create(tensor.ExtractOp, (x, *layout.full_position(loops, clamped)), layout.element_type)
            if inside is None:
                return (element,)
            zero = inner.constant(0, layout.element_type)
            return (inner.create(arith.SelectOp, (inside, element, zero), layout.element_type),)

        return build_generic(
            b,
            [indices] * len(layout.dims),
            (build_empty(b, result_type),),
            (*maps, range(rank)),
            (PARALLEL,) * rank,
            body,
        )[0]


def gather(
    b: OpBuilder,
    x: SSAValue,
    indices: SSAValue,
    dims: Sequence[int],
    *,
    batch_dims: int = 0,
    bounds: Bounds = "clamp",
) -> SSAValue:
    """The windows of `x` at `indices[…, k]` in dimension `dims[k]`."""
    return GatherOp.emit(b, (x, indices), _properties(dims, batch_dims, bounds))


@irdl_op_definition
class ScatterOp(_IndexedOp):
    """`x` with each of `updates` added to, or put in the place of, the window that `gather` would read there.

    Updates are applied in row-major order, so with `set` the last one of equal positions stays.
    """

    name = "dlc.scatter"

    x = operand_def(AnyTensor)
    indices = operand_def(AnyTensor)
    updates = operand_def(AnyTensor)
    mode = prop_def(StringAttr)

    assembly_format = (
        "$mode $x `,` $indices `,` $updates `dims` $dims (`batch_dims` $batch_dims^)? `bounds` $bounds attr-dict "
        "`:` type($x) `,` type($indices) `,` type($updates) `->` type($result)"
    )

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The type of `x`; `updates` have the type of the windows."""
        x, indices, updates = operand_types
        layout = _Layout.verified("dlc.scatter", x, indices, properties)
        mode = cast(StringAttr, properties["mode"]).data
        if mode not in {"add", "set"}:
            raise VerifyException(f'dlc.scatter: mode is "{mode}", expected "add" or "set"')
        if mode == "add" and is_bool(x.element_type):
            raise VerifyException('dlc.scatter: mode "add" does not take i1; use "set"')
        if updates != layout.windows_type:
            raise VerifyException(f"dlc.scatter: updates have type {updates}, expected {layout.windows_type}")
        empty = [dim for dim in layout.dims if layout.x_shape[dim] == 0]
        if empty and not layout.drop and math.prod(updates.get_shape()):
            raise VerifyException(f"dlc.scatter: dimension {empty[0]} of {x} is empty, no index into it is valid")
        return x

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """`np.add.at`, or assignment, of the updates that are inside."""
        x, indices, updates = operands
        layout = self.layout
        result = np.array(x)
        if result.size == 0 or updates.size == 0:
            return result
        positions, inside = layout.numpy_positions(indices)
        keep = inside if layout.drop else np.ones_like(inside)
        place = tuple(column[keep] for column in positions)
        view = layout.numpy_view(result)
        if self.mode.data == "add":
            with np.errstate(all="ignore"):
                np.add.at(view, place, updates[keep])
        else:
            for position, window in zip(zip(*place, strict=True), updates[keep], strict=True):
                view[position] = window
        return result

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """`scatter` of nothing, or into nothing, is `x`."""
        del b
        x, _, updates = operands
        return x if math.prod(shape_of(updates)) == 0 or math.prod(shape_of(x)) == 0 else None

    def jvp(self, b: OpBuilder, tangents: Sequence[SSAValue | None]) -> SSAValue | None:
        """Linear in `x` and `updates` together: scatter the tangents."""
        dx, _, du = tangents
        if du is None and self.mode.data == "add":
            return dx
        dx = zeros(b, self.result.type) if dx is None else dx
        du = zeros(b, tensor_type_of(self.updates)) if du is None else du
        return ScatterOp.emit(b, (dx, self.indices, du), self.properties)

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """Of `updates`: gather. Of `x`: everything for `add`, what was not overwritten for `set`."""
        layout = self.layout
        bounds: Bounds = "drop" if layout.drop else "clamp"
        x_cotangent = updates_cotangent = None
        if linear[0]:
            x_cotangent = cotangent
            if self.mode.data == "set":
                nothing = zeros(b, tensor_type_of(self.updates))
                x_cotangent = ScatterOp.emit(b, (cotangent, self.indices, nothing), self.properties)
        if linear[2]:
            updates_cotangent = gather(
                b, cotangent, self.indices, layout.dims, batch_dims=layout.batch_dims, bounds=bounds
            )
            if self.mode.data == "set":
                updates_cotangent = self._of_winners(b, updates_cotangent)
        return (x_cotangent, None, updates_cotangent)

    def _of_winners(self, b: OpBuilder, windows: SSAValue) -> SSAValue:
        """`windows` with zero for those updates that a later one overwrote.

        Every position writes its own number into a tensor with the sizes of `dims`; those that read their number
        back were last.
        """
        layout = self.layout
        outer = layout.index_shape[:-1]
        count = math.prod(outer[layout.batch_dims :])
        if count <= 1:
            return windows
        batch = outer[: layout.batch_dims]
        numbers = reshape(b, iota(b, tensor_type(i64, (*batch, count)), len(batch)), outer)
        board_type = tensor_type(i64, (*batch, *(layout.x_shape[dim] for dim in layout.dims)))
        properties = {
            "dims": int_array(tuple(range(len(batch), len(batch) + len(layout.dims)))),
            "batch_dims": self.batch_dims,
            "bounds": self.bounds,
        }
        board = ScatterOp.emit(
            b, (zeros(b, board_type), self.indices, numbers), {**properties, "mode": StringAttr("set")}
        )
        winners = compare(b, "eq", GatherOp.emit(b, (board, self.indices), properties), numbers)
        mask = broadcast_in_dim(b, winners, shape_of(windows), range(len(outer)))
        return select(b, mask, windows, zeros(b, tensor_type_of(windows)))

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """One more shared leading dimension."""
        x, indices, updates = stacked(b, operands, batched, size)
        layout = self.layout
        return scatter(
            b, x, indices, updates, [dim + 1 for dim in layout.dims], cast(Mode, self.mode.data),
            batch_dims=layout.batch_dims + 1, bounds="drop" if layout.drop else "clamp",
        )  # fmt: skip

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """One nest of `scf.for` over the updates, with `x` as iteration argument."""
        x, indices, updates = operands
        layout = self.layout
        shape = shape_of(updates)
        if math.prod(layout.x_shape) == 0 or math.prod(shape) == 0:
            return x

        sizes = shape or (1,)  # also a single update is a loop, so that passes know a scatter by its `scf.for`
        zero, one = b.index(0), b.index(1)
        limits = [b.index(size) for size in sizes]

        def write(inner: OpBuilder, target: SSAValue, loops: tuple[SSAValue, ...], found: _Found) -> SSAValue:
            clamped, inside = found
            position = layout.full_position(loops, clamped)
            value = inner.create(tensor.ExtractOp, (updates, *loops), layout.element_type)
            is_add = self.mode.data == "add"
            if is_add or inside is not None:
                old = inner.create(tensor.ExtractOp, (target, *position), layout.element_type)
                if is_add:
                    add_op = arith.AddfOp if is_float(layout.element_type) else arith.AddiOp
                    wide = compute_type(layout.element_type)
                    total = inner.create(add_op, [cast_float(inner, x, wide) for x in (old, value)], wide)
                    value = cast_float(inner, total, layout.element_type)
                if inside is not None:
                    value = inner.create(arith.SelectOp, (inside, value, old), layout.element_type)
            return inner.create(tensor.InsertOp, (value, target, *position), self.result.type)

        def build(outer: OpBuilder, target: SSAValue, loops: tuple[SSAValue, ...], found: _Found | None) -> SSAValue:
            # Nothing but the nest stands outside of it, so one position for all loops is found in the first.
            if outer is not b and found is None and len(loops) >= layout.num_index_dims:
                place = loops[: layout.num_index_dims]
                columns = [
                    outer.create(tensor.ExtractOp, (indices, *place, outer.index(k)), element_type_of(indices))
                    for k in range(len(layout.dims))
                ]
                found = layout.build_columns(outer, columns)
            if found is not None and len(loops) == len(shape):
                return write(outer, target, loops, found)
            depth = len(loops)
            block = Block(arg_types=[INDEX, self.result.type])
            inner = OpBuilder(block, b.location)
            inner_loops = (*loops, block.args[0]) if shape else loops
            inner.create_op(scf.YieldOp, (build(inner, block.args[1], inner_loops, found),))
            bounds = (zero, limits[depth], one, target)
            return outer.create_op(scf.ForOp, bounds, (self.result.type,), regions=[Region(block)]).results[0]

        return build(b, x, (), None)


def scatter(
    b: OpBuilder,
    x: SSAValue,
    indices: SSAValue,
    updates: SSAValue,
    dims: Sequence[int],
    mode: Mode,
    *,
    batch_dims: int = 0,
    bounds: Bounds = "drop",
) -> SSAValue:
    """`x` with `updates` added to, or set at, the windows at `indices[…, k]` in dimension `dims[k]`."""
    properties = {**_properties(dims, batch_dims, bounds), "mode": StringAttr(mode)}
    return ScatterOp.emit(b, (x, indices, updates), properties)


def _properties(dims: Sequence[int], batch_dims: int, bounds: Bounds) -> dict[str, Attribute]:
    return {
        "dims": int_array(tuple(dims)),
        "batch_dims": IntegerAttr(batch_dims, i64),
        "bounds": StringAttr(bounds),
    }
