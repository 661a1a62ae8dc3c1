"""`rt.scatter`: writes at computed positions, which `linalg` lacks."""

from collections.abc import Sequence
from typing import cast

from xdsl.dialects.builtin import I64, DenseArrayBase, IntegerAttr, MemRefType, ShapedType, StringAttr, TensorType
from xdsl.irdl import IRDLOperation, irdl_op_definition, operand_def, opt_result_def, prop_def, region_def
from xdsl.utils.exceptions import VerifyException


@irdl_op_definition
class ScatterOp(IRDLOperation):
    """A structured operation that writes at computed positions: `dest[…] = body(dest[…], updates[b…, u, r…])` for every `u` in order.

    In its first `batch_dims` dimensions `dest` is indexed by the loops `b…`, in dimension `dims[k]` by `indices[b…, u, k]`,
    and in the others by the loops `r…`. An index outside of `dest` is moved to the nearest one inside where `bounds` is
    `clamp`, and nothing is written where it is `drop`. The loops `b…` and `r…` are parallel: no two of their points touch the
    same element. On memrefs it writes to `dest` and has no result.
    """

    name = "rt.scatter"

    updates = operand_def(TensorType | MemRefType)
    indices = operand_def(TensorType | MemRefType)
    dest = operand_def(TensorType | MemRefType)
    dims = prop_def(DenseArrayBase.constr(I64))
    batch_dims = prop_def(IntegerAttr[I64])
    bounds = prop_def(StringAttr)
    result = opt_result_def(TensorType)
    body = region_def("single_block")

    assembly_format = (
        "$updates `at` $indices `into` $dest `dims` $dims `batch_dims` $batch_dims `bounds` $bounds "
        "`:` type($updates) `,` type($indices) `,` type($dest) (`->` type($result)^)? $body attr-dict"
    )

    @property
    def is_dropping(self) -> bool:
        """Whether what is outside of `dest` is dropped."""
        return self.bounds.data == "drop"

    @property
    def rest(self) -> tuple[int, ...]:
        """The dimensions of `dest` that a window has."""
        dims = cast(Sequence[int], self.dims.get_values())
        rank = cast(ShapedType, self.dest.type).get_num_dims()
        return tuple(dim for dim in range(self.batch_dims.value.data, rank) if dim not in dims)

    @property
    def parallel(self) -> tuple[int, ...]:
        """The extents of the parallel loops."""
        shape = cast(ShapedType, self.dest.type).get_shape()
        return (*shape[: self.batch_dims.value.data], *(shape[dim] for dim in self.rest))

    @property
    def count(self) -> int:
        """How many windows are written in each part of the batch."""
        return cast(ShapedType, self.indices.type).get_shape()[-2]

    def verify_(self) -> None:
        """Check that the shapes fit."""
        batch = self.batch_dims.value.data
        indices, updates = (cast(ShapedType, value.type).get_shape() for value in (self.indices, self.updates))
        parallel = self.parallel
        expected = ((*parallel[:batch], len(self.dims)), (*parallel[:batch], *parallel[batch:]))
        if len(indices) != batch + 2 or (*indices[:batch], indices[-1]) != expected[0]:
            raise VerifyException(f"rt.scatter: indices of shape {indices} do not fit {self.dest.type}")
        if (*updates[:batch], *updates[batch + 1 :]) != expected[1] or updates[batch] != indices[batch]:
            raise VerifyException(f"rt.scatter: updates of shape {updates} do not fit {self.dest.type}")
        if self.bounds.data not in {"clamp", "drop"}:
            raise VerifyException(f'rt.scatter: bounds are "{self.bounds.data}", expected "clamp" or "drop"')
