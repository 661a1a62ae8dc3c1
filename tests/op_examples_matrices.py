"""Examples of what LAPACK computes."""

import itertools

import numpy as np
from op_example import OpExample, build_op, random_array, tensor
from xdsl.dialects.builtin import IntegerAttr, StringAttr, UnitAttr, i32, i64

from dialects.builder import tensor_type
from dialects.dlc.eigen import EigOp
from dialects.dlc.interfaces import ELEMENT_TYPES
from dialects.dlc.lu import LuOp, LuSolveOp, PermutationOfPivotsOp
from dialects.dlc.orthogonal import QrOp
from dialects.dlc.spectral import EighOp, SvdOp
from dialects.dlc.triangular import FORMS, CholeskyOp, TriangularSolveOp


def dominant(operand_type, rng):
    """Matrices with a large positive diagonal: far from singular, and positive definite as Hermitian matrices."""
    x = random_array(operand_type, rng, (-1, 1))
    rows, columns = x.shape[-2:]
    return x + (rows * (3 + 2 * np.arange(rows))[:, np.newaxis] * np.eye(rows, columns)).astype(x.dtype)


def spread(operand_type, rng):
    """Matrices whose eigenvalues and singular values lie apart."""
    x = random_array(operand_type, rng, (-1, 1))
    rows, columns = x.shape[-2:]
    return x + (3 * np.arange(rows)[:, np.newaxis] * np.eye(rows, columns)).astype(x.dtype)


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


def with_factors(operands):
    """The operands of `dlc.lu_solve` with the factors of the first one."""
    a, _, _, b = operands
    example = OpExample(LuOp, (type_of(a),))
    factors, pivots = build_op(example).evaluate_all([a])
    permutation = OpExample(PermutationOfPivotsOp, (type_of(pivots),), {"size": IntegerAttr(a.shape[-1], i64)})
    return [a, factors, build_op(permutation).evaluate([pivots]), b]


def lu_solve(a, b, form):
    matrix = tensor(a)
    permutation = tensor_type(i32, matrix.get_shape()[:-1])
    types = (matrix, matrix, permutation, tensor(b))
    return OpExample(LuSolveOp, types, {"form": StringAttr(form)}, (dominant, None, None, None), with_factors)


def type_of(array):
    return tensor_type(ELEMENT_TYPES[array.dtype], array.shape)


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
RECTANGULAR = (
    "1x1xf64",
    "3x3xf64",
    "5x3xf64",
    "3x5xf32",
    "2x3x4xf64",
    "0x3xf64",
    "0x3x2xf64",
    "2x0x0xf32",
    "3x2xcomplex<f32>",
    "2x2x3xcomplex<f32>",
)

MATRIX_EXAMPLES = (
    *(OpExample(CholeskyOp, (tensor(text),), domain=(dominant,)) for text in SQUARE),
    *triangular_solves(),
    solve("0x0xf64", "0x3xf64"),
    solve("3x3xf64", "3x0xf64"),
    solve("0x3x3xf32", "0x3x2xf32"),
    solve("1x1xf32", "1x5xf32"),
    *(
        OpExample(LuOp, (tensor(text),))
        for text in (*SQUARE, "3x5xf64", "5x3xf64", "2x4x3xcomplex<f64>", "2x3xcomplex<f64>", "3x0xf64")
    ),
    *(
        OpExample(PermutationOfPivotsOp, (tensor(text),), {"size": IntegerAttr(size, i64)}, ((0, size - 1),))
        for text, size in (("3xi32", 3), ("2x3xi32", 5), ("1xi32", 1), ("0xi32", 3), ("0x3xi32", 3), ("0xi32", 0))
    ),
    lu_solve("3x3xf64", "3x2xf64", "none"),
    lu_solve("2x3x3xf64", "2x3x1xf64", "transpose"),
    lu_solve("4x4xcomplex<f64>", "4x2xcomplex<f64>", "none"),
    lu_solve("4x4xcomplex<f64>", "4x2xcomplex<f64>", "transpose"),
    lu_solve("2x3x3xcomplex<f64>", "2x3x2xcomplex<f64>", "adjoint"),
    lu_solve("3x3xf32", "3x3xf32", "adjoint"),
    lu_solve("0x0xf64", "0x2xf64", "none"),
    lu_solve("1x1xf64", "1x0xf64", "none"),
    *(OpExample(QrOp, (tensor(text),)) for text in (*RECTANGULAR, "4x3xcomplex<f64>", "2x3x4xcomplex<f64>")),
    *(
        OpExample(QrOp, (tensor(text),), {"full": UnitAttr()})
        for text in ("3x3xf64", "2x3x3xf32", "3x5xf64", "0x0xf64", "2x4xcomplex<f64>")
    ),
    *(
        OpExample(EigOp, (tensor(text),), domain=(spread,))
        for text in (*SQUARE[:-2], "3x3xcomplex<f32>", "2x3x3xcomplex<f32>")
    ),
    *(
        OpExample(EighOp, (tensor(text),), domain=(spread,))
        for text in (*SQUARE[:-2], "3x3xcomplex<f32>", "2x3x3xcomplex<f32>")
    ),
    *(OpExample(SvdOp, (tensor(text),), domain=(spread,)) for text in RECTANGULAR),
    *(
        OpExample(SvdOp, (tensor(text),), {"full": UnitAttr()}, (spread,))
        for text in ("3x3xf64", "2x3x3xf32", "1x1xf64", "0x0xf64")
    ),
)
