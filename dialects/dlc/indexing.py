"""Reading and writing at computed positions: gather and scatter.

Both see a tensor `x` and positions `indices[batch…, i…, :]`, whose last dimension holds one index for each of the `dims`
of `x`. A position names the window of `x` at these indices; `windows[batch…, i…, rest…]` is one window per position,
where `rest` are the dimensions of `x` not in `dims`. The first `batch_dims` dimensions of `x` and `indices` are shared.

`bounds` says what an index outside of `x` means: `clamp` moves it to the nearest valid one, `drop` reads zero and writes
nothing. With the same `bounds`, gather and scatter-add are each other's adjoint.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias, cast

import numpy as np
from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import IntegerAttr, StringAttr, i64
from xdsl.dialects.linalg.ops import YieldOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineExpr
from xdsl.irdl import irdl_op_definition, operand_def, prop_def
from xdsl.utils.exceptions import VerifyException

from dialects import rt
from dialects.builder import OpBuilder, affine_map, int_array, tensor_type
from dialects.dlc.arithmetic import div, mul
from dialects.dlc.binary import max_
from dialects.dlc.broadcast import broadcast_in_dim
from dialects.dlc.constants import full, iota, zeros
from dialects.dlc.conversion import convert
from dialects.dlc.index_layout import Bounds, IndexedOp, Layout
from dialects.dlc.interfaces import (
    AnyTensor,
    Array,
    ElementTypeError,
    Properties,
    element_type_of,
    is_bool,
    is_complex,
    is_float,
    is_unsigned,
    shape_of,
    tensor_type_of,
)
from dialects.dlc.scalars import greater_of, lesser_of, scalar_index, scalar_op
from dialects.dlc.selection import compare, select
from dialects.dlc.shape import reshape, stacked
from dialects.reshapes import build_reshape
from dialects.structured import (
    PARALLEL,
    build_empty,
    build_fill,
    build_generic,
    build_loop_index,
    cast_float,
    compute_type,
)

Mode: TypeAlias = Literal["add", "set", "mul", "min", "max"]

_COMBINERS: dict[str, Callable[[Attribute], type[Operation]]] = {
    "add": lambda element: arith.AddfOp if is_float(element) else arith.AddiOp,
    "mul": lambda element: arith.MulfOp if is_float(element) else arith.MuliOp,
    "min": lesser_of,
    "max": greater_of,
}
"""What the modes do to elements of a type."""

_UFUNCS: dict[str, Any] = {"add": np.add, "mul": np.multiply, "min": np.minimum, "max": np.maximum}


@irdl_op_definition
class GatherOp(IndexedOp):
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
        layout = Layout.verified("dlc.gather", x, indices, properties)
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
class ScatterOp(IndexedOp):
    """`x` with each of `updates` combined with, or put in the place of, the window that `gather` would read there.

    Updates are applied in row-major order, so with `set` the last one of equal positions stays; with `add`, `mul`, `min` and
    `max` all of them count.
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
        layout = Layout.verified("dlc.scatter", x, indices, properties)
        mode = cast(StringAttr, properties["mode"]).data
        if mode not in {"set", *_COMBINERS}:
            raise VerifyException(f'dlc.scatter: mode is "{mode}", expected "add", "set", "mul", "min" or "max"')
        if mode != "set" and is_bool(x.element_type):
            raise VerifyException(f'dlc.scatter: mode "{mode}" does not take i1; use "set"')
        if mode not in {"set", "add"} and is_complex(x.element_type):
            raise ElementTypeError(f'dlc.scatter: mode "{mode}" does not take {x.element_type}; use "set" or "add"')
        if updates != layout.windows_type:
            raise VerifyException(f"dlc.scatter: updates have type {updates}, expected {layout.windows_type}")
        empty = [dim for dim in layout.dims if layout.x_shape[dim] == 0]
        if empty and not layout.drop and math.prod(updates.get_shape()):
            raise VerifyException(f"dlc.scatter: dimension {empty[0]} of {x} is empty, no index into it is valid")
        return x

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """`np.add.at` and the like, or assignment, of the updates that are inside."""
        x, indices, updates = operands
        layout = self.layout
        result = np.array(x)
        if result.size == 0 or updates.size == 0:
            return result
        positions, inside = layout.numpy_positions(indices)
        keep = inside if layout.drop else np.ones_like(inside)
        place = tuple(column[keep] for column in positions)
        view = layout.numpy_view(result)
        ufunc = _UFUNCS.get(self.mode.data)
        if ufunc is not None:
            with np.errstate(all="ignore"):
                ufunc.at(view, place, updates[keep])
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
        """Linear in `x` and `updates` together for `set` and `add`.

        Of a product, each factor's tangent counts times the other factors. Of a minimum or maximum, the tangents of
        all that are equal to it count in equal parts, as in JAX.
        """
        dx, _, du = tangents
        mode = self.mode.data
        if mode in {"min", "max"}:
            return self._extremal_jvp(b, dx, du)
        if mode == "mul":
            scaled = None if dx is None else self._emit(b, dx, self.updates, "mul")
            if du is None:
                return scaled
            start = zeros(b, self.result.type) if scaled is None else scaled
            return self._emit(b, start, mul(b, du, self._other_factors(b)), "add")
        if du is None and mode == "add":
            return dx
        dx = zeros(b, self.result.type) if dx is None else dx
        du = zeros(b, tensor_type_of(self.updates)) if du is None else du
        return self._emit(b, dx, du, mode)

    def _emit(self, b: OpBuilder, x: SSAValue, updates: SSAValue, mode: str) -> SSAValue:
        """A scatter to the same positions."""
        return ScatterOp.emit(b, (x, self.indices, updates), {**self.properties, "mode": StringAttr(mode)})

    def _gathered(self, b: OpBuilder, x: SSAValue) -> SSAValue:
        """What `x` holds at the positions."""
        properties = {name: value for name, value in self.properties.items() if name != "mode"}
        return GatherOp.emit(b, (x, self.indices), properties)

    def _other_factors(self, b: OpBuilder) -> SSAValue:
        """For each update, the product of everything else at its position; a factor of zero is left out, not divided by."""
        updates_type = tensor_type_of(self.updates)
        nothing, one = zeros(b, updates_type), full(b, 1, updates_type)
        is_zero = compare(b, "eq", self.updates, nothing)
        others = select(b, is_zero, one, self.updates)
        product = self._gathered(b, self._emit(b, self.x, others, "mul"))
        count = self._gathered(
            b, self._emit(b, zeros(b, self.result.type), convert(b, is_zero, updates_type.element_type), "add")
        )
        own = select(b, is_zero, one, nothing)
        return select(b, compare(b, "eq", count, own), div(b, product, others), nothing)

    def _extremal_jvp(self, b: OpBuilder, dx: SSAValue | None, du: SSAValue | None) -> SSAValue:
        element = element_type_of(self.x)
        kept = convert(b, compare(b, "eq", self.x, self.result), element)
        winning = convert(b, compare(b, "eq", self.updates, self._gathered(b, self.result)), element)
        count = max_(b, self._emit(b, kept, winning, "add"), full(b, 1, self.result.type))
        total = zeros(b, self.result.type) if dx is None else mul(b, dx, kept)
        if du is not None:
            total = self._emit(b, total, mul(b, du, winning), "add")
        return div(b, total, count)

    def transpose(self, b: OpBuilder, cotangent: SSAValue, linear: Sequence[bool]) -> Sequence[SSAValue | None]:
        """Of `updates`: gather. Of `x`: everything for `add`, what was not overwritten for `set`; for `mul`, scaled."""
        layout = self.layout
        bounds: Bounds = "drop" if layout.drop else "clamp"
        x_cotangent = updates_cotangent = None
        if linear[0]:
            x_cotangent = cotangent
            if self.mode.data == "set":
                nothing = zeros(b, tensor_type_of(self.updates))
                x_cotangent = self._emit(b, cotangent, nothing, "set")
            elif self.mode.data == "mul":
                x_cotangent = self._emit(b, cotangent, self.updates, "mul")
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
        """`rt.scatter`, with one loop over the updates and as few dimensions as the windows have in memory."""
        x, indices, updates = operands
        layout = self.layout
        if math.prod(layout.x_shape) == 0 or math.prod(shape_of(updates)) == 0:
            return x
        batch = layout.batch_dims
        outer, windows = layout.index_shape[:batch], shape_of(updates)[layout.num_index_dims :]
        count = math.prod(layout.index_shape[batch:-1])
        shape = layout.x_shape
        first = batch + len(layout.dims)
        if layout.rest == tuple(range(first, len(shape))) and len(layout.rest) > 1:
            windows = (math.prod(windows),)
            shape = (*shape[:first], *windows)
        if is_unsigned(element_type_of(indices)):
            indices = _build_signed(b, indices)
        operands = (
            build_reshape(b, x, shape),
            build_reshape(b, indices, (*outer, count, len(layout.dims))),
            build_reshape(b, updates, (*outer, count, *windows)),
        )
        properties = {"dims": self.dims, "batch_dims": self.batch_dims, "bounds": self.bounds}
        return build_reshape(b, build_scatter(b, operands, properties, self._combined), layout.x_shape)

    def _combined(self, b: OpBuilder, old: SSAValue, update: SSAValue) -> SSAValue:
        """Append what takes the place of `old`."""
        if self.mode.data == "set":
            return update
        if not is_float(old.type):
            return scalar_op(b, _COMBINERS[self.mode.data](old.type), old, update)
        wide = compute_type(old.type)
        operands = (cast_float(b, value, wide) for value in (old, update))
        return cast_float(b, scalar_op(b, _COMBINERS[self.mode.data](wide), *operands), old.type)


def build_scatter(
    b: OpBuilder,
    operands: tuple[SSAValue, SSAValue, SSAValue],
    properties: Properties,
    combine: Callable[[OpBuilder, SSAValue, SSAValue], SSAValue],
) -> SSAValue:
    """Append `rt.scatter` of destination, indices and updates; `combine(b, old, update)` appends what takes the place of `old`."""
    x, indices, updates = operands
    element = element_type_of(x)
    block = Block(arg_types=[element, element])
    inner = OpBuilder(block, b.location)
    inner.create_op(YieldOp, (combine(inner, *block.args),))
    scattered = b.create_op(rt.ScatterOp, (updates, indices, x), (x.type,), dict(properties), regions=[Region(block)])
    return scattered.results[0]


def _build_signed(b: OpBuilder, indices: SSAValue) -> SSAValue:
    """Append unsigned indices as `i64`: below, integers have no sign."""

    def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
        return (inner.create(arith.IndexCastOp, (scalar_index(inner, arguments[0]),), i64),)

    rank = len(shape_of(indices))
    empty = build_empty(b, tensor_type(i64, shape_of(indices)))
    return build_generic(b, (indices,), (empty,), (range(rank), range(rank)), (PARALLEL,) * rank, body)[0]


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
