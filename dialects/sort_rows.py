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
    """A structured operation: all `columns`, of shape `[rows, size]`, in the order that sorts each row of the first one.

    Its elements are the keys, integers without sign; equal ones keep their order. The results are the sorted columns, and then scratch of
    the same types. On memrefs they are the operands `outs`, and a sorted column may be where the column was.
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

    @property
    def destinations(self) -> Sequence[SSAValue]:
        """The sorted columns, then scratch."""
        return self.outs or self.outputs

    def verify_(self) -> None:
        """Check the types."""
        columns: list[Any] = [value.type for value in self.columns]
        wanted = [(t.get_shape(), t.element_type) for t in columns] * 2
        found = [(cast(Any, value.type).get_shape(), cast(Any, value.type).element_type) for value in self.destinations]
        if not columns or len(columns[0].get_shape()) != 2 or any(shape != wanted[0][0] for shape, _ in wanted):
            raise VerifyException(f"rt.sort_rows: columns have types {columns}, expected one shape [rows, size]")
        key: Attribute = columns[0].element_type
        if not isinstance(key, IntegerType) or key.width.data not in KEY_BITS:
            raise VerifyException(f"rt.sort_rows: keys are {key}, expected integers of {', '.join(map(str, KEY_BITS))} bits")
        if found != wanted:
            types = [value.type for value in self.destinations]
            raise VerifyException(f"rt.sort_rows: results are {types}, expected those of {columns}, twice")
