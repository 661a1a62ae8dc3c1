"""Examples of ops on sliding windows, and at places along a dimension."""

import numpy as np
from op_example import OpExample, tensor
from xdsl.dialects.builtin import IntegerAttr, i64

from dialects.builder import int_array, tensor_type
from dialects.dlc.resampling import ResampleOp, table
from dialects.dlc.unfolding import FoldOp, UnfoldOp
from dialects.dlc.window_selection import (
    SelectAndScatterAddOp,
    WindowArgmaxOp,
    WindowArgminOp,
    WindowSelectOp,
)
from dialects.dlc.windows import (
    ReduceWindowMaxOp,
    ReduceWindowMinOp,
    ReduceWindowSumOp,
)

WINDOWS = (
    ("9xf64", (3,), (2,), (3,)),
    ("3x5xf64", (2, 3), (1, 1), (1, 1)),
    ("2x6x7xf32", (1, 3, 2), (1, 2, 2), (1, 1, 3)),
    ("3x5xf64", (4, 2), (1, 1), (1, 1)),
    ("3x5xf64", (2, 5), (1, 7), (1, 1)),
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

PAIRED = (
    *WINDOWS,
    ("2x4x6xf32", (1, 2, 2), (1, 2, 2), (1, 1, 1)),
    ("5x6xf64", (3, 3), (2, 2), (1, 1)),
    ("11xf64", (2,), (3,), (1,)),
    ("4x4xi64", (3, 2), (1, 1), (1, 2)),
    ("6xbf16", (3,), (1,), (1,)),
    ("3x5xf64", (1, 1), (1, 1), (1, 1)),
    ("0x5xf64", (1, 2), (1, 1), (1, 1)),
    ("9x40xf32", (8, 9), (1, 2), (1, 1)),
    ("90xf32", (70,), (1,), (1,)),  # too many windows for a loop over the elements
)


def paired(op_type, x, sizes, strides, dilations):
    properties = {"sizes": int_array(sizes), "strides": int_array(strides), "dilations": int_array(dilations)}
    shapes = tensor(x).get_shape(), WindowArgmaxOp.infer_type((tensor(x),), properties).get_shape()
    shape = shapes[op_type is SelectAndScatterAddOp]
    return OpExample(op_type, (tensor(x), tensor_type(tensor(x).element_type, shape)), properties)


WINDOW_EXAMPLES += tuple(paired(op_type, *row) for op_type in (WindowSelectOp, SelectAndScatterAddOp) for row in PAIRED)

UNFOLDINGS = (
    ("9xf64", (3,), (2,), (3,)),
    ("2x3x5xf32", (2, 3), (1, 1), (1, 1)),
    ("2x6x7xf64", (3, 2), (2, 2), (1, 3)),
    ("3x5xf64", (2,), (7,), (1,)),
    ("3x5xf32", (), (), ()),
    ("3x5xi32", (5, 5), (1, 1), (1, 1)),
    ("17xbf16", (3,), (2,), (1,)),
    ("4x6xcomplex<f64>", (2, 2), (2, 2), (1, 1)),
)


def unfolding(op_type, x, sizes, strides, dilations):
    amounts = {"sizes": sizes, "strides": strides, "dilations": dilations}
    properties = {name: int_array(values) for name, values in amounts.items()}
    if op_type is UnfoldOp:
        return OpExample(op_type, (tensor(x),), properties)
    extents = int_array(tensor(x).get_shape()[len(tensor(x).get_shape()) - len(sizes) :])
    return OpExample(op_type, (UnfoldOp.infer_type((tensor(x),), properties),), {**properties, "extents": extents})


WINDOW_EXAMPLES += tuple(unfolding(op_type, *row) for op_type in (UnfoldOp, FoldOp) for row in UNFOLDINGS)

TABLES = (
    ("5xf64", 0, [[0, 1], [1, 1], [4, -1], [-1, -1], [2, 0]]),
    ("3x5xf32", 1, [[4], [4], [0]]),
    ("2x3x4xf64", 1, [[0, 2, 1]] * 2),
    ("2x40xf32", 1, [list(range(40)), [*range(1, 40), -1], [7] * 40]),
    ("4x3xbf16", 0, [[0, 3], [1, -1]]),
    ("0x3xf64", 0, [[-1], [-1]]),
    ("3x2xf64", 0, [[0], [1], [2]]),
    ("1xf32", 0, [[0, 0, 0]]),
)
"""Positions along a dimension; weights are those of a sequence that has no two equal numbers, and a one and a zero."""

RESAMPLING_EXAMPLES = tuple(
    OpExample(
        ResampleOp,
        (tensor(x),),
        {
            "dim": IntegerAttr(dim, i64),
            "positions": table(np.array(rows)),
            "weights": table((np.arange(np.size(rows)).reshape(np.shape(rows)) - 1.0) / 2 + (np.shape(rows)[1] == 1)),
        },
    )
    for x, dim, rows in TABLES
)
