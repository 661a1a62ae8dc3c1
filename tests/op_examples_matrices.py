"""Examples of what LAPACK computes."""

import itertools

import numpy as np
from op_example import OpExample, random_array, tensor
from xdsl.dialects.builtin import StringAttr, UnitAttr

from dialects.dlc.triangular import FORMS, CholeskyOp, TriangularSolveOp


def dominant(operand_type, rng):
    """Matrices with a large positive diagonal: far from singular, and positive definite as Hermitian matrices."""
    x = random_array(operand_type, rng, (-1, 1))
    rows, columns = x.shape[-2:]
    return x + (rows * (3 + 2 * np.arange(rows))[:, np.newaxis] * np.eye(rows, columns)).astype(x.dtype)


def triangular_solves():
    """Every combination of options once, on matrices of some type."""
    types = (
        ("3x3xf64", "3x2xf64", "2x3xf64"),
        ("2x3x3xf32",) * 3,
        ("3x3xcomplex<f64>", "3x1xcomplex<f64>", "1x3xcomplex<f64>"),
    )
    options = itertools.product(FORMS, (False, True), (False, True), (False, True))
    for (form, right, lower, unit), (a, left_hand, right_hand) in zip(options, itertools.cycle(types), strict=False):
        flags = {"right": right, "lower": lower, "unit_diagonal": unit}
        properties = {"form": StringAttr(form), **{name: UnitAttr() for name, flag in flags.items() if flag}}
        yield OpExample(
            TriangularSolveOp, (tensor(a), tensor(right_hand if right else left_hand)), properties, (dominant, None)
        )


def solve(a, b):
    return OpExample(TriangularSolveOp, (tensor(a), tensor(b)), {"form": StringAttr("none")}, (dominant, None))


SQUARE = (
    "1x1xf64",
    "3x3xf32",
    "5x5xf64",
    "2x3x3xf64",
    "0x0xf64",
    "0x3x3xf64",
    "2x0x0xf32",
    "4x4xcomplex<f64>",
    "2x3x3xcomplex<f32>",
)
PACKED = {"packed": UnitAttr()}

MATRIX_EXAMPLES = (
    *(OpExample(CholeskyOp, (tensor(text),), domain=(dominant,)) for text in SQUARE),
    *triangular_solves(),
    solve("0x0xf64", "0x3xf64"),
    solve("3x3xf64", "3x0xf64"),
    solve("0x3x3xf32", "0x3x2xf32"),
    solve("1x1xf32", "1x5xf32"),
)
