"""Examples of cumulative ops."""

from op_example import OpExample, tensor
from xdsl.dialects.builtin import IntegerAttr, UnitAttr, i64

from dialects.dlc.cumulative import CumlogsumexpOp, CummaxOp, CumminOp, CumprodOp, CumsumOp, LinearRecurrenceOp

CUMULATIONS = (
    ("9xf64", 0, False),
    ("9xf64", 0, True),
    ("3x5xf64", 1, False),
    ("3x5xf64", 1, True),
    ("3x5xf64", 0, False),
    ("3x5xf64", 0, True),
    ("5x5xf32", 0, False),
    ("5xf16", 0, False),
    ("3x5xbf16", 1, True),
    ("2x3x5xf64", 1, False),
    ("3x1xf64", 1, False),
    ("1x5xf64", 1, True),
    ("0x3xf64", 1, False),
    ("3x0xf64", 1, True),
)
INTEGERS = (("9xi32", 0, False), ("3x5xi64", 1, True), ("3x5xi32", 0, False), ("9xui8", 0, True), ("5xi16", 0, False))


def along(dim: int, is_reverse: bool) -> dict:
    return {"dim": IntegerAttr(dim, i64), **({"reverse": UnitAttr()} if is_reverse else {})}


CUMULATIVE_EXAMPLES = (
    *(
        OpExample(op_type, (tensor(x),), along(*properties))
        for op_type in (CumsumOp, CumprodOp, CummaxOp, CumminOp)
        for x, *properties in (*CUMULATIONS, *INTEGERS)
    ),
    *(OpExample(CumlogsumexpOp, (tensor(x),), along(*properties)) for x, *properties in CUMULATIONS),
    *(
        OpExample(LinearRecurrenceOp, (tensor(x), tensor(x)), along(*properties), ((-1, 1), None))
        for x, *properties in (*CUMULATIONS, *INTEGERS)
    ),
)
