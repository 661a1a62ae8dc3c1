"""Examples of sorting and of searching in what is sorted."""

from op_example import OpExample, tensor
from xdsl.dialects.builtin import IntegerAttr, StringAttr, UnitAttr, i64

from dialects.dlc.sorting import SearchsortedOp, SortOp

SORTS = (
    ("9xf64", "9xf64", 0, False),
    ("3x5xf64", "3x5xf64", 0, True),
    ("2x3x4xf32", "2x3x4xi64", 1, False),
    ("8xi32", "8xf64", 0, False),
    ("8xi1", "8xi32", 0, False),
    ("8xui8", "8xui16", 0, True),
    ("8xbf16", "8xf16", 0, False),
    ("1xf64", "1xf64", 0, False),
    ("3x0xf64", "3x0xf64", 1, True),
    ("3x70xf32", "3x70xi8", 1, False),
)
SEARCHES = (
    ("9xf64", "3x5xf64", "right"),
    ("3x5xf32", "3x5xf32", "left"),
    ("8xi32", "6xi32", "right"),
    ("7xi64", "i64", "left"),
    ("7xi1", "5xi1", "right"),
    ("8xf16", "6xf16", "right"),
    ("8xui8", "6xui8", "left"),
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
