"""Examples of Fourier transforms."""

from op_example import OpExample, tensor
from xdsl.dialects.builtin import FloatAttr, IntegerAttr, StringAttr, UnitAttr, f64, i64

from dialects.dlc.fourier import FftOp, IrfftOp, PackedFftOp, RfftOp


def integer(number):
    return IntegerAttr(number, i64)


def number(value):
    return FloatAttr(value, f64)


FOURIER_EXAMPLES = (
    *(
        OpExample(
            FftOp,
            (tensor(x),),
            {"dim": integer(dim), "scale": number(scale)} | ({"inverse": UnitAttr()} if inverse else {}),
        )
        for x, dim, scale, inverse in (
            ("7xcomplex<f64>", 0, 1.0, False),
            ("3x5xcomplex<f64>", 1, 1.0, True),
            ("2x12x3xcomplex<f32>", 1, 0.25, False),
            ("2x1xcomplex<f32>", 1, 3.0, False),
            ("0x4xcomplex<f64>", 1, 1.0, False),
            ("37x3xcomplex<f64>", 0, 0.5, True),
            ("67x2xcomplex<f64>", 0, 1.0, True),
            ("2x3x256xcomplex<f64>", 1, 1.0, False),
            ("6x70xcomplex<f32>", 1, 1.0, False),
            ("2x115xcomplex<f64>", 1, 1.0, True),
            ("37x2x3xcomplex<f64>", 0, 1.0, False),
            ("74x5xcomplex<f32>", 0, 1.0, False),
        )
    ),
    *(
        OpExample(RfftOp, (tensor(x),), {"scale": number(scale)})
        for x, scale in (
            ("3x7xf64", 1.0),
            ("5xf32", 2.0),
            ("1xf64", 1.0),
            ("2x2xf64", 1.0),
            ("2x4xf64", 1.0),
            ("3x60xf64", 0.5),
            ("74xf64", 1.0),
            ("0x3xf32", 1.0),
        )
    ),
    *(
        OpExample(IrfftOp, (tensor(x),), {"length": integer(length), "scale": number(scale)})
        for x, length, scale in (
            ("3x4xcomplex<f64>", 7, 1.0),
            ("5xcomplex<f64>", 8, 0.125),
            ("1xcomplex<f64>", 1, 1.0),
            ("2x2xcomplex<f64>", 2, 1.0),
            ("2x31xcomplex<f32>", 60, 0.5),
            ("38xcomplex<f64>", 74, 1.0),
            ("0x3xcomplex<f32>", 4, 1.0),
        )
    ),
    *(
        OpExample(
            PackedFftOp,
            (tensor(x),),
            {"kind": StringAttr(kind), "dim": integer(dim), "length": integer(length), "scale": number(scale)}
            | ({"inverse": UnitAttr()} if inverse else {}),
        )
        for x, kind, dim, length, scale, inverse in (
            ("3x15x2xf64", "complex", 1, 15, 1.0, False),
            ("7x5x2xf32", "complex", 0, 7, 0.5, True),
            ("2x6x2x1x2xf64", "complex", 2, 2, 1.0, True),
            ("3x12xf64", "from_real", 1, 12, 1.0, False),
            ("6x3xf32", "from_real", 0, 6, 1.0, True),
            ("3x36xf64", "real", 1, 36, 1.0, False),
            ("3x15xf64", "real", 1, 15, 1.0, False),
            ("3x19x2xf64", "inverse_real", 1, 36, 0.5, False),
            ("3x18x2xf32", "inverse_real", 1, 35, 1.0, False),
            ("2x2x2xf64", "inverse_real", 1, 2, 1.0, False),
            ("0x4x2xf64", "complex", 1, 4, 1.0, False),
        )
    ),
)
