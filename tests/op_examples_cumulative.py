"""Examples of cumulative ops."""

from op_example import OpExample, tensor
from xdsl.dialects.builtin import IntegerAttr, UnitAttr, i64

from dialects.dlc.cumulative import CumlogsumexpOp, CummaxOp, CumminOp, CumprodOp, CumsumOp, LinearRecurrenceOp

CUMULATIONS = (
    ("9xf64", 0, True),
    ("3x5xf64", 1, False),
    ("3x5xf64", 0, True),
    ("2x3x5xf64", 1, False),
    ("3x1xf64", 1, False),
    ("0x3xf64", 1, False),
)
FURTHER = (("3x5xf64", 1, True), ("5x5xf32", 0, False), ("1x5xf64", 1, True), ("3x0xf64", 1, True))
"""The same code for another combination: two of the ops are enough."""
INTEGERS = (("9xi64", 0, False), ("17xui8", 0, False), ("3x5xi32", 1, True))
HALVES = (("9xbf16", 0, True), ("3x5xf16", 1, False))


def along(dim: int, is_reverse: bool) -> dict:
    return {"dim": IntegerAttr(dim, i64), **({"reverse": UnitAttr()} if is_reverse else {})}


CUMULATIVE_EXAMPLES = (
    *(
        OpExample(op_type, (tensor(x),), along(*properties))
        for op_type in (CumsumOp, CumprodOp, CummaxOp, CumminOp)
        for x, *properties in (*CUMULATIONS, *INTEGERS, *((*FURTHER, *HALVES) if op_type is CumsumOp else ()))
    ),
    *(OpExample(CumlogsumexpOp, (tensor(x),), along(*properties)) for x, *properties in (*CUMULATIONS, *HALVES)),
    *(
        OpExample(LinearRecurrenceOp, (tensor(x), tensor(x)), along(*properties), ((-1, 1), None))
        for x, *properties in (*CUMULATIONS, *INTEGERS, *FURTHER, *HALVES)
    ),
)
