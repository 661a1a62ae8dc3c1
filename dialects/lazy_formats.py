"""Assembly formats that are read when an operation is first printed or parsed.

xDSL 0.74 reads the format of every operation when its class is made, which is a third of the time that importing a dialect
takes. `jit` neither prints nor parses. `read_formats_when_needed` puts it off for all classes made from then on.
"""

from functools import cache
from typing import Any, cast

from xdsl.irdl import OpDef, operations
from xdsl.utils.exceptions import ParseError, PyRDLOpDefinitionError

_get_accessors = operations.get_accessors_from_op_def


@cache
def read_formats_when_needed() -> None:
    """Correct xDSL, once; the package `dialects` calls it, before it imports any dialect."""
    operations.get_accessors_from_op_def = _get_accessors_without_format


def _get_accessors_without_format(op_def: OpDef, custom_verify: Any | None) -> dict[str, Any]:
    text = op_def.assembly_format
    if text is None:
        return _get_accessors(op_def, custom_verify)
    op_def.assembly_format = None
    try:
        accessors = _get_accessors(op_def, custom_verify)
    finally:
        op_def.assembly_format = text

    @cache
    def program() -> Any:
        from xdsl.irdl.declarative_assembly_format import FormatProgram

        try:
            return FormatProgram.from_str(text, op_def)
        except ParseError as error:
            raise PyRDLOpDefinitionError(f"{op_def.name}: error in the assembly format: {error}") from error

    def parse(cls: Any, parser: Any) -> Any:
        return program().parse(parser, cls)

    def print_(self: Any, printer: Any) -> None:
        program().print(printer, self)

    accessors["parse"], accessors["print"] = cast(Any, classmethod(parse)), print_
    return accessors
