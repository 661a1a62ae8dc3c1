"""`linalg.generic` with several results, `-> (tensor<4xf32>, tensor<4xi64>)`, reads back as it is printed.

xDSL 0.74 prints the parentheses that MLIR has, but takes them for those of a function type when it reads.
`read_several_results_of_linalg` corrects its parser in place.
"""

from functools import cache
from typing import Any, cast

from xdsl.dialects.linalg.ops import GenericOp
from xdsl.parser import Parser
from xdsl.utils.mlir_lexer import MLIRTokenKind


@cache
def read_several_results_of_linalg() -> None:
    """Correct the parser, once; `dialects.structured` calls it, so it holds wherever IR is built."""
    original = cast(Any, GenericOp.parse).__func__

    def parse(cls: type[GenericOp], parser: Parser) -> GenericOp:
        given: Any = parser.parse_comma_separated_list

        def parse_list(delimiter: Any, parse_element: Any, *context: Any) -> Any:
            is_result_list = delimiter is Parser.Delimiter.NONE and parse_element == parser.parse_attribute
            if is_result_list and cast(Any, parser)._current_token.kind is MLIRTokenKind.L_PAREN:
                delimiter = Parser.Delimiter.PAREN
            return given(delimiter, parse_element, *context)

        cast(Any, parser).parse_comma_separated_list = parse_list
        try:
            return original(cls, parser)
        finally:
            cast(Any, parser).parse_comma_separated_list = given

    cast(Any, GenericOp).parse = classmethod(cast(Any, parse))
