"""Examples of ops on sliding windows."""

from op_example import OpExample, tensor

from dialects.builder import int_array
from dialects.dlc.windows import (
    ReduceWindowMaxOp,
    ReduceWindowMinOp,
    ReduceWindowSumOp,
    WindowArgmaxOp,
    WindowArgminOp,
)

WINDOWS = (
    ("9xf64", (3,), (2,), (3,)),
    ("3x5xf64", (2, 3), (1, 1), (1, 1)),
    ("2x6x7xf32", (1, 3, 2), (1, 2, 2), (1, 1, 3)),
    ("3x5xf64", (4, 2), (1, 1), (1, 1)),
    ("f64", (), (), ()),
    ("17xui8", (3,), (2,), (1,)),
)
FURTHER = (
    ("9xf64", (2,), (2,), (1,)),
    ("45xf64", (37,), (3,), (1,)),
    ("300xf32", (270,), (7,), (1,)),
    ("3x5xf64", (1, 1), (1, 1), (1, 1)),
    ("3x5xf64", (1, 1), (2, 3), (1, 1)),
    ("0x5xf64", (1, 2), (1, 1), (1, 1)),
    ("3x5xi64", (2, 2), (1, 2), (1, 1)),
    ("17xbf16", (3,), (2,), (1,)),
)
"""The same code for another combination: two of the ops are enough."""

WINDOW_EXAMPLES = tuple(
    OpExample(
        op_type,
        (tensor(x),),
        {"sizes": int_array(sizes), "strides": int_array(strides), "dilations": int_array(dilations)},
    )
    for op_type in (ReduceWindowMaxOp, ReduceWindowMinOp, ReduceWindowSumOp, WindowArgmaxOp, WindowArgminOp)
    for x, sizes, strides, dilations in (
        *WINDOWS,
        *(FURTHER if op_type in {ReduceWindowSumOp, WindowArgmaxOp} else ()),
    )
)
