"""Sorting of rows by keys that are integers: `rt.sort_rows`. How other types become such keys is in `dialects/dlc/sort_keys.py`."""

from collections.abc import Sequence
from typing import Any, cast

from xdsl.dialects.builtin import IntegerType, MemRefType, ShapedType, TensorType
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import AttrSizedOperandSegments, IRDLOperation, irdl_op_definition, var_operand_def, var_result_def
from xdsl.utils.exceptions import VerifyException

KEY_BITS = (16, 32, 64)


@irdl_op_definition
class SortRowsOp(IRDLOperation):
    """A structured operation: the rows of `columns`, of shape `[rows, size]`, each sorted.

    An element has a number of each column, integers without sign; those of the first one count first. On memrefs the results are the
    operands `outs`, and a sorted column may be where the column was.
    """

    name = "rt.sort_rows"

    columns = var_operand_def(TensorType | MemRefType)
    outs = var_operand_def(MemRefType)
    outputs = var_result_def(TensorType)

    irdl_options = (AttrSizedOperandSegments(as_property=True),)

    assembly_format = (
        "$columns `:` type($columns) (`into` `(` $outs^ `:` type($outs) `)`)? (`->` type($outputs)^)? attr-dict"
    )

    @property
    def shape(self) -> tuple[int, int]:
        """The number of rows, and that of the elements of each."""
        rows, size = cast(ShapedType, self.columns[0].type).get_shape()
        return rows, size

    @property
    def parallel(self) -> tuple[int]:
        """The extents of the parallel loops."""
        return (self.shape[0],)

    def verify_(self) -> None:
        """Check the types."""
        columns: list[Any] = [value.type for value in self.columns]
        if not columns or any(len(t.get_shape()) != 2 or t.get_shape() != columns[0].get_shape() for t in columns):
            found = ", ".join(map(str, columns))
            raise VerifyException(f"rt.sort_rows: columns have types {found}, expected one shape [rows, size]")
        for element in (cast(Attribute, t.element_type) for t in columns):
            if not isinstance(element, IntegerType) or element.width.data not in KEY_BITS:
                bits = ", ".join(map(str, KEY_BITS))
                raise VerifyException(f"rt.sort_rows: a column is of {element}, expected integers of {bits} bits")
        results = [value.type for value in (self.outs or self.outputs)]
        if results != columns:
            found, expected = (", ".join(map(str, types)) for types in (results, columns))
            raise VerifyException(f"rt.sort_rows: results have types {found}, expected {expected}")
