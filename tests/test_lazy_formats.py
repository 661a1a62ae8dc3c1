"""Assembly formats are read when needed; no mistake in one stays unseen."""

import pytest
from xdsl.irdl import IRDLOperation, irdl_op_definition
from xdsl.irdl.declarative_assembly_format import FormatProgram
from xdsl.utils.exceptions import PyRDLOpDefinitionError

from compiler.universe import DLC_UNIVERSE

OPERATIONS = [
    op for dialect in DLC_UNIVERSE.all_dialects.values() for op in dialect().operations if issubclass(op, IRDLOperation)
]


@pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: op.name)
def test_every_format_can_be_read(op):
    definition = op.get_irdl_definition()
    if definition.assembly_format is not None:
        FormatProgram.from_str(definition.assembly_format, definition)


def test_a_wrong_format_is_told_when_it_is_needed():
    @irdl_op_definition
    class WrongOp(IRDLOperation):
        name = "test.wrong"
        assembly_format = "$nothing attr-dict"

    with pytest.raises(PyRDLOpDefinitionError, match=r"test\.wrong: error in the assembly format"):
        str(WrongOp())
