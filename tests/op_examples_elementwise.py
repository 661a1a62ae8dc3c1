"""Examples of constants, elementwise ops, broadcasts and sums."""

import numpy as np
from ml_dtypes import bfloat16
from op_example import OpExample, tensor
from xdsl.dialects.builtin import IntegerAttr, StringAttr, i64

from dialects.builder import int_array
from dialects.dlc.arithmetic import AddOp, DivOp, MulOp, NegOp, SubOp
from dialects.dlc.binary import AndOp, MaxOp, MinOp, OrOp, PowOp, RemOp, XorOp
from dialects.dlc.bits import (
    BitcastConvertOp,
    CopysignOp,
    PopcntOp,
    ShiftLeftOp,
    ShiftRightArithmeticOp,
    ShiftRightLogicalOp,
)
from dialects.dlc.broadcast import BroadcastInDimOp, ReduceSumOp
from dialects.dlc.complex_parts import ComplexOp, ConjOp, DeinterleaveOp, ImagOp, InterleaveOp, RealOp
from dialects.dlc.constants import ConstantOp, IotaOp, dense_attribute
from dialects.dlc.conversion import ConvertOp
from dialects.dlc.powers import CbrtOp, Exp2Op, Log2Op, Log10Op
from dialects.dlc.rounding import CeilOp, FloorOp, RoundOp, TruncOp
from dialects.dlc.selection import DIRECTIONS, ClampOp, CompareOp, SelectOp
from dialects.dlc.special import (
    DigammaOp,
    ErfcInvOp,
    ErfcOp,
    ErfcxOp,
    ErfInvOp,
    LgammaOp,
    PolygammaOp,
    Xlog1pyOp,
    XlogyOp,
)
from dialects.dlc.trigonometric import (
    AcoshOp,
    AcosOp,
    AsinhOp,
    AsinOp,
    Atan2Op,
    AtanhOp,
    AtanOp,
    CoshOp,
    SinhOp,
    TanOp,
)
from dialects.dlc.unary import (
    AbsOp,
    CosOp,
    ErfOp,
    Expm1Op,
    ExpOp,
    Log1pOp,
    LogisticOp,
    LogOp,
    NotOp,
    RsqrtOp,
    SignOp,
    SinOp,
    SqrtOp,
    StopGradientOp,
    TanhOp,
)

FLOATS = ("3x5xf64", "7xf32", "f64", "1x1xf64", "0x3xf32", "2x3x5xf32", "7xf16", "3x5xbf16")
INTS = ("3x5xi32", "9xi64", "i32", "1xi64", "3x0xi32", "5xi8", "i16", "7xui8", "3x3xui16", "5xui32", "9xui64")
BOOLS = ("3x5xi1", "i1", "17xi1")
COMPLEX = ("3x5xcomplex<f64>", "7xcomplex<f32>", "complex<f64>", "0xcomplex<f32>")
ARITHMETIC = (*FLOATS, *INTS)
FIELD = (*ARITHMETIC, *COMPLEX)
ANALYTIC = (*FLOATS, *COMPLEX[:2])
BITWISE = (*INTS, *BOOLS)

UNARY = {
    NegOp: (FIELD, None),
    AbsOp: (ARITHMETIC, None),
    SignOp: (ARITHMETIC, None),
    ExpOp: (ANALYTIC, None),
    Expm1Op: (ANALYTIC, None),
    LogOp: (ANALYTIC, (0.1, 9)),
    Log1pOp: (ANALYTIC, (-0.9, 9)),
    SqrtOp: (ANALYTIC, (0.1, 9)),
    RsqrtOp: (ANALYTIC, (0.1, 9)),
    TanhOp: (ANALYTIC, None),
    LogisticOp: (FLOATS, None),
    ErfOp: (FLOATS, None),
    SinOp: (ANALYTIC, None),
    CosOp: (ANALYTIC, None),
    FloorOp: (FLOATS, None),
    CeilOp: (FLOATS, None),
    RoundOp: (ANALYTIC, None),
    TruncOp: (FLOATS, None),
    TanOp: (ANALYTIC, (-1.4, 1.4)),
    AsinOp: (ANALYTIC, (-0.95, 0.95)),
    AcosOp: (ANALYTIC, (-0.95, 0.95)),
    AtanOp: (ANALYTIC, None),
    SinhOp: (ANALYTIC, None),
    CoshOp: (ANALYTIC, None),
    AsinhOp: (ANALYTIC, None),
    AcoshOp: (ANALYTIC, (1.1, 9)),
    AtanhOp: (ANALYTIC, (-0.95, 0.95)),
    Exp2Op: (ANALYTIC, None),
    Log2Op: (ANALYTIC, (0.1, 9)),
    Log10Op: (ANALYTIC, (0.1, 9)),
    CbrtOp: (FLOATS, (0.1, 9)),
    ErfcOp: (FLOATS, None),
    ErfcxOp: (FLOATS, (-1, 9)),
    ErfInvOp: (FLOATS, (-0.95, 0.95)),
    ErfcInvOp: (FLOATS, (0.05, 1.95)),
    LgammaOp: (FLOATS, (2.2, 9)),
    DigammaOp: (FLOATS, (1.8, 9)),
    PopcntOp: (INTS, (-900, 900)),
    NotOp: (BITWISE, None),
    StopGradientOp: (FLOATS, None),
}

BINARY = {
    AddOp: (FIELD, ()),
    SubOp: (FIELD, ()),
    MulOp: (FIELD, ()),
    DivOp: (FIELD, ((-9, 9), (0.2, 3))),
    RemOp: (ARITHMETIC, ((-90, 90), (0.2, 3))),
    PowOp: ((*ARITHMETIC, *COMPLEX[:2]), ((0.2, 3), (-2, 3))),
    MaxOp: (ARITHMETIC, ()),
    MinOp: (ARITHMETIC, ()),
    AndOp: (BITWISE, ()),
    OrOp: (BITWISE, ()),
    XorOp: (BITWISE, ()),
    XlogyOp: (FLOATS, ((0.1, 3), (0.1, 3))),
    Xlog1pyOp: (FLOATS, ((0.1, 3), (-0.9, 3))),
    Atan2Op: (FLOATS, ((0.1, 3), (-3, 3))),
    CopysignOp: (FLOATS, ((0.1, 3), (0.1, 3))),
    ShiftLeftOp: (INTS, ((-99, 99), (-2, 70))),
    ShiftRightArithmeticOp: (INTS, ((-(10**9), 10**9), (-2, 70))),
    ShiftRightLogicalOp: (INTS, ((-(10**9), 10**9), (-2, 70))),
}

BROADCASTS = (
    ("f64", "3x5xf64", ()),
    ("5xf64", "3x5xf64", (1,)),
    ("3xf32", "3x5xf32", (0,)),
    ("3x1xf64", "3x5xf64", (0, 1)),
    ("1x3x1xf64", "2x4x3x1xf64", (1, 2, 3)),
    ("1xf64", "0x3xf64", (0,)),
    ("0xi32", "0x3xi32", (0,)),
    ("3x5xi1", "3x2x5xi1", (0, 2)),
    ("2x3xi64", "2x3xi64", (0, 1)),
)

SUMS = (
    ("3x5xf64", (1,)),
    ("3x5xf64", (0, 1)),
    ("3x5x2xf32", (0, 2)),
    ("3x5xcomplex<f32>", (1,)),
    ("7xi32", (0,)),
    ("17xui8", (0,)),
    ("3x17xf16", (1,)),
    ("17x3xbf16", (0,)),
    ("3x17xi16", (1,)),
    ("3x5xi64", ()),
    ("f64", ()),
    ("0x3xf64", (0,)),
    ("0x3xf64", (1,)),
    ("1x4xf32", (0,)),
)

CONSTANTS = (
    np.arange(6, dtype=np.float64).reshape(2, 3) / 7,
    np.full((3, 5), 1.5, np.float32),
    np.array(-0.0),
    np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 1e-45, 3e38, 1e10, 123456789], np.float32),
    np.array([5e-324, 1e308, np.nan, 1e22]),
    np.zeros((0, 3)),
    np.array([True, False, True]),
    np.array(True),
    np.ones((2, 2), np.bool_),
    np.arange(300, dtype=np.int32) - 150,
    np.array([-(2**63), 2**63 - 1]),
    np.full((4, 4), -3),
    np.array([0, 1, 127, 128, 255], np.uint8),
    np.array([2**63, 2**64 - 1], np.uint64),
    np.full(7, -5, np.int16),
    np.array([np.nan, np.inf, -0.0, 1e-7, 65504, 1 / 3], np.float16),
    np.array([np.nan, -np.inf, -0.0, 1e-40, 3e38, 1 / 3], bfloat16),
    np.full(5, 0.1, bfloat16),
    np.array([1 + 2j, -0.5j, 3], np.complex64),
    np.full((2, 2), 1 - 1j),
    np.array([complex(np.nan, np.inf), complex(1, -np.inf), complex(-0.0, 0.5)]),
    np.full(3, complex(np.inf, -2), np.complex64),
    np.full((2, 3), 60000, np.uint16),
)

IOTAS = (("300xui8", 0), ("300xbf16", 0), ("7xi32", 0), ("3x5xi64", 1), ("3x5xf32", 0), ("2x0x3xf64", 2), ("1xf64", 0))

SELECTS = (
    ("3x5xi1", "3x5xf64"),
    ("i1", "3x5xf64"),
    ("i1", "f32"),
    ("7xi1", "7xi32"),
    ("9xi1", "9xbf16"),
    ("9xi1", "9xcomplex<f64>"),
    ("7xi1", "7xi1"),
    ("0xi1", "0xf32"),
    ("i1", "0x2xi64"),
    ("1xi1", "1xf64"),
)

CLAMPS = (
    ("f64", "3x5xf64", "f64"),
    ("3x5xf64", "3x5xf64", "f64"),
    ("f32", "7xf32", "7xf32"),
    ("f64", "f64", "f64"),
    ("i32", "3x5xi32", "3x5xi32"),
    ("ui8", "17xui8", "17xui8"),
    ("f16", "9xf16", "f16"),
    ("0xf64", "0xf64", "f64"),
    ("1xi64", "1xi64", "i64"),
)

COMPARES = ("3x5xf64", "f32", "0xf32", "7xi32", "1xi64", "17xi1", "17xui8", "5xi16", "3xui64", "7xf16", "5xbf16")

CONVERSIONS = tuple(
    (f"{sizes}{source}", f"{sizes}{target}")
    for source in ("f16", "bf16", "f32", "f64", "i1", "i8", "i16", "i32", "i64", "ui8", "ui16", "ui32", "ui64")
    for target, sizes in (
        ("f16", "9x"),
        ("bf16", "5x"),
        ("f32", "3x5x"),
        ("f64", ""),
        ("i1", "7x"),
        ("i8", "5x"),
        ("i16", ""),
        ("i32", "1x"),
        ("i64", "0x2x"),
        ("ui8", "9x"),
        ("ui16", "3x3x"),
        ("ui32", "5x"),
        ("ui64", "17x"),
    )
)

POLYGAMMAS = (("3x5xf64", 1), ("f32", 2), ("0x3xf32", 1), ("1xf64", 3), ("7xf32", 1))

BITCASTS = (("3x5xf32", "3x5xi32"), ("i64", "f64"), ("0x2xf64", "0x2xi64"), ("1xi32", "1xf32"), ("7xf64", "7xf64"))

CONVERSIONS += (
    ("7xcomplex<f32>", "7xcomplex<f64>"),
    ("3x5xcomplex<f64>", "3x5xcomplex<f32>"),
    ("9xf64", "9xcomplex<f64>"),
    ("9xui8", "9xcomplex<f32>"),
    ("7xcomplex<f64>", "7xf32"),
    ("complex<f32>", "i1"),
)

ELEMENTWISE_EXAMPLES = (
    *(OpExample(ConstantOp, (), {"value": dense_attribute(array)}) for array in CONSTANTS),
    *(OpExample(IotaOp, (), {"dim": IntegerAttr(dim, i64), "output": tensor(t)}) for t, dim in IOTAS),
    *(
        OpExample(BroadcastInDimOp, (tensor(source),), {"dims": int_array(dims), "output": tensor(target)})
        for source, target, dims in BROADCASTS
    ),
    *(OpExample(ReduceSumOp, (tensor(t),), {"dims": int_array(dims)}) for t, dims in SUMS),
    *(OpExample(op_type, (tensor(t),), {}, (bounds,)) for op_type, (types, bounds) in UNARY.items() for t in types),
    *(
        OpExample(op_type, (tensor(t), tensor(t)), {}, bounds)
        for op_type, (types, bounds) in BINARY.items()
        for t in types
    ),
    *(
        OpExample(CompareOp, (tensor(t), tensor(t)), {"direction": StringAttr(direction)}, ((-1, 1), (-1, 1)))
        for direction in DIRECTIONS
        for t in COMPARES
    ),
    *(OpExample(SelectOp, (tensor(pred), tensor(t), tensor(t))) for pred, t in SELECTS),
    *(
        OpExample(ClampOp, (tensor(low), tensor(x), tensor(high)), {}, ((-2, -0.5), None, (0.5, 2)))
        for low, x, high in CLAMPS
    ),
    *(OpExample(ConvertOp, (tensor(source),), {"output": tensor(target)}) for source, target in CONVERSIONS),
    *(
        OpExample(CompareOp, (tensor(t), tensor(t)), {"direction": StringAttr(direction)}, ((-1, 1), (-1, 1)))
        for direction in ("eq", "ne")
        for t in COMPLEX[:2]
    ),
    *(OpExample(op_type, (tensor(t),)) for op_type in (RealOp, ImagOp, ConjOp) for t in COMPLEX),
    *(OpExample(ComplexOp, (tensor(t), tensor(t))) for t in ("3x5xf64", "7xf32", "f64", "0xf32")),
    *(OpExample(InterleaveOp, (tensor(t), tensor(t))) for t in ("3x5xf64", "7xf32", "f64", "0xi32", "9xui8")),
    *(
        OpExample(DeinterleaveOp, (tensor(t),), {"index": IntegerAttr(k, i64)})
        for t in ("3x5x2xf64", "2xf32", "0x2xf64", "9x2xi16")
        for k in (0, 1)
    ),
    *(OpExample(PolygammaOp, (tensor(t),), {"order": IntegerAttr(n, i64)}, ((0.3, 9),)) for t, n in POLYGAMMAS),
    *(OpExample(BitcastConvertOp, (tensor(source),), {"output": tensor(target)}) for source, target in BITCASTS),
)
