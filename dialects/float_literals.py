"""Infinities and NaN in dense constants: `dense<0x7F800000> : vector<4xf32>` is a vector of infinities, as in MLIR.

xDSL 0.74 prints them so, but reads the digits as an integer to convert. `read_bits_in_dense` corrects its parser in place.
"""

from functools import cache
from typing import Any, cast

from xdsl.dialects.builtin import AnyFloat
from xdsl.parser import AttrParser


@cache
def read_bits_in_dense() -> None:
    """Correct the parser, once; `dialects.builder` calls it, so it holds wherever IR is built."""
    literal = cast(Any, AttrParser)._TensorLiteralElement
    original = literal.to_type

    def to_type(self: Any, parser: AttrParser, element_type: Any) -> Any:
        if isinstance(element_type, AnyFloat) and self.span.text[:2] in {"0x", "0X"}:
            size = element_type.bitwidth // 8
            return element_type.unpack(int(self.value).to_bytes(size, "little"), 1)[0]
        return original(self, parser, element_type)

    literal.to_type = to_type
