"""Examples of sorting and of searching in what is sorted."""

from op_example import OpExample, tensor
from xdsl.dialects.builtin import IntegerAttr, StringAttr, UnitAttr, i64

from dialects.dlc.sorting import SearchsortedOp, SortOp

SORTS = (
    ("9xf64", "9xf64", 0, False),
    ("9xf64", "9xf64", 0, True),
    ("3x5xf32", "3x5xi64", 1, False),
    ("3x5xf64", "3x5xf64", 0, True),
    ("2x3x5xf32", "2x3x5xf64", 1, False),
    ("17xi32", "17xf64", 0, False),
    ("17xi64", "17xi1", 0, True),
    ("17xi1", "17xi32", 0, False),
    ("17xui8", "17xf16", 0, True),
    ("9xbf16", "9xbf16", 0, False),
    ("1xf64", "1xf64", 0, False),
    ("3x0xf64", "3x0xf64", 1, True),
    ("0x3xi32", "0x3xf64", 1, False),
)
SEARCHES = (
    ("9xf64", "5xf64", "left"),
    ("9xf64", "3x5xf64", "right"),
    ("3x5xf32", "3x5xf32", "left"),
    ("17xi32", "17xi32", "right"),
    ("7xi64", "i64", "left"),
    ("7xi1", "5xi1", "right"),
    ("17xui16", "5xui16", "left"),
    ("9xf16", "5xf16", "right"),
    ("1xf64", "5xf64", "right"),
    ("0xf64", "5xf64", "left"),
    ("7xf64", "0xf64", "left"),
)

SORTING_EXAMPLES = (
    *(
        OpExample(
            SortOp,
            (tensor(keys), tensor(values)),
            {"dim": IntegerAttr(dim, i64), **({"descending": UnitAttr()} if is_descending else {})},
        )
        for keys, values, dim, is_descending in SORTS
    ),
    *(OpExample(SearchsortedOp, (tensor(x), tensor(y)), {"side": StringAttr(side)}) for x, y, side in SEARCHES),
)
