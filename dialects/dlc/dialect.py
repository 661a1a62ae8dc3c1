"""The tensor dialect `dlc`: the list of its operations."""

from xdsl.ir import Dialect

from dialects.dlc.arithmetic import AddOp, DivOp, MulOp, NegOp, SubOp
from dialects.dlc.binary import AndOp, MaxOp, MinOp, OrOp, PowOp, RemOp, XorOp
from dialects.dlc.broadcast import BroadcastInDimOp, ReduceSumOp
from dialects.dlc.constants import ConstantOp, IotaOp
from dialects.dlc.conversion import ConvertOp
from dialects.dlc.selection import ClampOp, CompareOp, SelectOp
from dialects.dlc.unary import (
    AbsOp,
    CeilOp,
    CosOp,
    ErfOp,
    Expm1Op,
    ExpOp,
    FloorOp,
    Log1pOp,
    LogisticOp,
    LogOp,
    NotOp,
    RoundOp,
    RsqrtOp,
    SignOp,
    SinOp,
    SqrtOp,
    TanhOp,
)

Dlc = Dialect(
    "dlc",
    [
        # constants
        ConstantOp,
        IotaOp,
        # broadcast
        BroadcastInDimOp,
        ReduceSumOp,
        # arithmetic
        AddOp,
        DivOp,
        MulOp,
        NegOp,
        SubOp,
        # unary
        AbsOp,
        CeilOp,
        CosOp,
        ErfOp,
        ExpOp,
        Expm1Op,
        FloorOp,
        LogOp,
        Log1pOp,
        LogisticOp,
        NotOp,
        RoundOp,
        RsqrtOp,
        SignOp,
        SinOp,
        SqrtOp,
        TanhOp,
        # binary
        AndOp,
        MaxOp,
        MinOp,
        OrOp,
        PowOp,
        RemOp,
        XorOp,
        # selection
        ClampOp,
        CompareOp,
        SelectOp,
        # conversion
        ConvertOp,
    ],
    [],
)
