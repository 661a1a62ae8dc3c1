"""`rt.row`, a view of part of a buffer, and `rt.prefetch`, which asks for memory that will be read soon."""

from typing import cast

from xdsl.dialects.builtin import IndexType, MemRefType
from xdsl.ir import Attribute
from xdsl.irdl import IRDLOperation, irdl_op_definition, operand_def, result_def, traits_def, var_operand_def
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException


@irdl_op_definition
class RowOp(IRDLOperation):
    """The row `source[position]`: a view of the contiguous memory of all elements whose first index is `position`.

    Undefined unless `0 <= position < size` of the first dimension.
    """

    name = "rt.row"

    source = operand_def(MemRefType)
    position = operand_def(IndexType)
    result = result_def(MemRefType)

    traits = traits_def(Pure())

    assembly_format = "$source `[` $position `]` `:` type($source) `->` type($result) attr-dict"

    def verify_(self) -> None:
        """Check that the result is the source without its first dimension."""
        source = cast(MemRefType[Attribute], self.source.type)
        expected = MemRefType(source.element_type, source.get_shape()[1:])
        if not source.get_shape() or self.result.type != expected:
            raise VerifyException(f"rt.row: a row of {source} is no {self.result.type}; leave out the first dimension")


@irdl_op_definition
class PrefetchOp(IRDLOperation):
    """Start to bring the line of memory around `source[indices]` into the nearest cache; it may be out of bounds.

    Changes nothing but time. Processors guess what is read next from what is read now; they guess too late where a loop computes long
    for each line.
    """

    name = "rt.prefetch"

    source = operand_def(MemRefType)
    indices = var_operand_def(IndexType)

    assembly_format = "$source `[` $indices `]` `:` type($source) attr-dict"

    def verify_(self) -> None:
        """Check that there is an index for each dimension."""
        rank = cast(MemRefType[Attribute], self.source.type).get_num_dims()
        if len(self.indices) != rank:
            raise VerifyException(f"rt.prefetch: {len(self.indices)} indices into {self.source.type}; give {rank}")
