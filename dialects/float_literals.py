"""Infinities and NaN in dense constants: `dense<0x7F800000> : vector<4xf32>` is a vector of infinities, as in MLIR.

xDSL 0.74 prints them so, but reads the digits as an integer to convert, and refuses a complex number of which one part is
written so. `read_bits_in_dense` corrects its parser in place.
"""

from functools import cache
from typing import Any, cast

from xdsl.dialects.builtin import AnyFloat, ComplexType
from xdsl.parser import AttrParser
from xdsl.utils.lexer import Span
from xdsl.utils.mlir_lexer import MLIRTokenKind


@cache
def read_bits_in_dense() -> None:
    """Correct the parser, once; `dialects.builder` calls it, so it holds wherever IR is built."""
    parser_class = cast(Any, AttrParser)
    literal = parser_class._TensorLiteralElement
    original = literal.to_type

    def to_type(self: Any, parser: AttrParser, element_type: Any) -> Any:
        if isinstance(element_type, AnyFloat) and self.span.text[:2] in {"0x", "0X"}:
            return _float_of_bits(int(self.value), element_type)
        if isinstance(element_type, ComplexType) and isinstance(cast(Any, element_type).element_type, AnyFloat):
            part_type = cast(Any, element_type).element_type
            texts = self.span.text.strip("()").split(",")
            return tuple(
                _float_of_bits(int(value), part_type) if text.strip()[:2] in {"0x", "0X"} else float(value)
                for value, text in zip(self.value, texts, strict=True)
            )
        return original(self, parser, element_type)

    literal.to_type = to_type
    parser_class._parse_optional_complex = _parse_optional_complex


def _float_of_bits(bits: int, float_type: Any) -> float:
    return float_type.unpack(bits.to_bytes(float_type.bitwidth // 8, "little"), 1)[0]


def _parse_optional_complex(parser: Any) -> tuple[tuple[float, float], Span] | None:
    """`(real, imaginary)`, where upstream wants both to be written alike."""
    if parser._current_token.kind != MLIRTokenKind.L_PAREN:
        return None
    first = parser._consume_token(MLIRTokenKind.L_PAREN).span
    real, _ = parser._parse_bool_int_or_float()
    parser.parse_punctuation(",")
    imag, _ = parser._parse_bool_int_or_float()
    last = parser._consume_token(MLIRTokenKind.R_PAREN).span
    return (real, imag), Span(first.start, last.end, first.input)
