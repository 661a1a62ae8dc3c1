"""Sorting of rows of integers: `rt.sort_rows`, and `rt.merge_rows` for what threads sorted apart.

How other types become such integers is in `dialects/dlc/sort_keys.py`.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, cast

from xdsl.dialects.builtin import I64, IntegerAttr, IntegerType, MemRefType, ShapedType, TensorType, UnitAttr
from xdsl.ir import Attribute
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    var_operand_def,
    var_result_def,
)
from xdsl.utils.exceptions import VerifyException

COLUMN_BITS = (16, 32, 64)

_FORMAT = "$columns `:` type($columns) (`into` `(` $outs^ `:` type($outs) `)`)? (`->` type($outputs)^)? attr-dict"


class RowsOp(IRDLOperation, ABC):
    """A structured operation that changes the order of the elements of `columns`, of shape `[rows, size]`.

    An element has a number of each column, integers without sign; those of the first one count first. On memrefs the results are the
    operands `outs`, and a result may be where the column was.
    """

    columns = var_operand_def(TensorType | MemRefType)
    outs = var_operand_def(MemRefType)
    outputs = var_result_def(TensorType)

    irdl_options = (AttrSizedOperandSegments(as_property=True),)

    @property
    def shape(self) -> tuple[int, int]:
        """The number of rows, and that of the elements of each."""
        rows, size = cast(ShapedType, self.columns[0].type).get_shape()
        return rows, size

    @property
    @abstractmethod
    def parallel(self) -> tuple[int, ...]:
        """The extents of the parallel loops."""

    def verify_(self) -> None:
        """Check the types."""
        columns: list[Any] = [value.type for value in self.columns]
        if not columns or any(len(t.get_shape()) != 2 or t.get_shape() != columns[0].get_shape() for t in columns):
            raise VerifyException(
                f"{self.name}: columns have types {_listed(columns)}, expected one shape [rows, size]"
            )
        for element in (cast(Attribute, t.element_type) for t in columns):
            if not isinstance(element, IntegerType) or cast(IntegerType, element).width.data not in COLUMN_BITS:
                bits = ", ".join(map(str, COLUMN_BITS))
                raise VerifyException(f"{self.name}: a column is of {element}, expected integers of {bits} bits")
        results = [value.type for value in (self.outs or self.outputs)]
        if results != columns:
            raise VerifyException(f"{self.name}: results have types {_listed(results)}, expected {_listed(columns)}")


def _listed(types: Sequence[Attribute]) -> str:
    return ", ".join(map(str, types))


@irdl_op_definition
class SortRowsOp(RowsOp):
    """Every row is sorted; if they are `bitonic`, they rise and then fall before, or the other way round, and have a power of two elements."""

    name = "rt.sort_rows"

    bitonic = opt_prop_def(UnitAttr)

    assembly_format = "(`bitonic` $bitonic^)? " + _FORMAT

    @property
    def parallel(self) -> tuple[int, ...]:
        """The rows."""
        return (self.shape[0],)

    def verify_(self) -> None:
        """Check the types, and the size of bitonic rows."""
        super().verify_()
        size = self.shape[1]
        if self.bitonic is not None and size & (size - 1):
            raise VerifyException(f"{self.name}: bitonic rows have {size} elements, expected a power of two")


@irdl_op_definition
class MergeRowsOp(RowsOp):
    """The first half of each `group` of rows is sorted, one row behind the other, and so is the second.

    Afterwards each row is bitonic, and no element is greater than one in a later row of the group. The last group may lack rows at its
    end. `parts` is in how many parts the loop along a row is split.
    """

    name = "rt.merge_rows"

    group = prop_def(IntegerAttr[I64])
    parts = prop_def(IntegerAttr[I64])

    assembly_format = "`group` $group `parts` $parts " + _FORMAT

    @property
    def parallel(self) -> tuple[int, ...]:
        """The groups of rows, and the parts."""
        return -(-self.shape[0] // self.group.value.data), self.parts.value.data

    def verify_(self) -> None:
        """Check the types, and that there are groups and whole parts."""
        super().verify_()
        size, group, parts = self.shape[1], self.group.value.data, self.parts.value.data
        if group < 2 or group & (group - 1) or parts < 1 or size % parts:
            raise VerifyException(
                f"{self.name}: groups of {group} rows, and {parts} parts of {size} elements; expected a power of two of rows, and whole parts"
            )
