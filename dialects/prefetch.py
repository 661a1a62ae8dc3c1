"""`rt.prefetch`: memory that will be read soon."""

from typing import cast

from xdsl.dialects.builtin import IndexType, MemRefType
from xdsl.ir import Attribute
from xdsl.irdl import IRDLOperation, irdl_op_definition, operand_def, var_operand_def
from xdsl.utils.exceptions import VerifyException


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
