"""What gather and scatter have in common: which dimension of the windows reads which dimension of the tensor."""

from abc import ABC
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, cast

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import I64, DenseArrayBase, IndexType, IntegerAttr, StringAttr, i1, i64
from xdsl.ir import SSAValue
from xdsl.irdl import prop_def
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, tensor_type
from dialects.dlc.interfaces import AnyTensor, Array, Properties, TensorOp, ints, is_integer, tensor_type_of
from dialects.dlc.scalars import scalar_index
from dialects.dlc.shape import check_dims

Bounds: TypeAlias = Literal["clamp", "drop"]

INDEX = IndexType()
_Found: TypeAlias = tuple[list[SSAValue], SSAValue | None]


class IndexedOp(TensorOp, ABC):
    """What gather and scatter share."""

    dims = prop_def(DenseArrayBase.constr(I64))
    batch_dims = prop_def(IntegerAttr[I64], default_value=IntegerAttr(0, i64))
    bounds = prop_def(StringAttr)

    @property
    def layout(self) -> "Layout":
        """The dimensions of `x`, of the positions and of the windows."""
        return Layout(
            tensor_type_of(self.operands[0]),
            tensor_type_of(self.operands[1]),
            ints(self.dims),
            self.batch_dims.value.data,
            self.bounds.data == "drop",
        )


class Layout:
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
    def verified(cls, name: str, x: AnyTensor, indices: AnyTensor, properties: Properties) -> "Layout":
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
