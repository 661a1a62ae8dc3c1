"""The tensor dialect `dlc`: the list of its operations."""

from xdsl.ir import Dialect

from dialects.dlc.arg_extrema import ArgmaxOp, ArgminOp
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
from dialects.dlc.case import CaseOp
from dialects.dlc.checkpoint import CheckpointOp, OptimizationBarrierOp, RecomputedOp
from dialects.dlc.complex_parts import ComplexOp, ConjOp, DeinterleaveOp, ImagOp, InterleaveOp, RealOp
from dialects.dlc.constants import ConstantOp, IotaOp
from dialects.dlc.contraction import DotGeneralOp
from dialects.dlc.conversion import ConvertOp
from dialects.dlc.convolution import ConvolutionKernelOp, ConvolutionOp
from dialects.dlc.cumulative import CumlogsumexpOp, CummaxOp, CumminOp, CumprodOp, CumsumOp, LinearRecurrenceOp
from dialects.dlc.custom_derivatives import CustomJvpOp, CustomUnknownOp, CustomVjpOp, TransposedOp
from dialects.dlc.dynamic_slicing import DynamicSliceOp, DynamicUpdateSliceOp
from dialects.dlc.eigen import EigOp
from dialects.dlc.fourier import FftOp, IrfftOp, PackedFftOp, RfftOp
from dialects.dlc.indexing import GatherOp, ScatterOp
from dialects.dlc.lu import LuOp, LuSolveOp, PermutationOfPivotsOp
from dialects.dlc.orthogonal import QrOp
from dialects.dlc.powers import CbrtOp, Exp2Op, Log2Op, Log10Op
from dialects.dlc.random_bits import RandomBitsOp
from dialects.dlc.reduction import ReduceAndOp, ReduceMaxOp, ReduceMinOp, ReduceOrOp, ReduceProdOp, ReduceXorOp
from dialects.dlc.resampling import ResampleOp
from dialects.dlc.rounding import CeilOp, FloorOp, RoundOp, TruncOp
from dialects.dlc.scan import ScanOp
from dialects.dlc.selection import ClampOp, CompareOp, SelectOp
from dialects.dlc.shape import ReshapeOp, ReverseOp, TransposeOp
from dialects.dlc.slicing import ConcatenateOp, PadOp, SliceOp
from dialects.dlc.sorting import SearchsortedOp, SortOp
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
from dialects.dlc.spectral import EighOp, SvdOp
from dialects.dlc.transforms import CallOp, JvpOp, VjpOp, VmapOp
from dialects.dlc.triangular import CholeskyOp, TriangularSolveOp
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
from dialects.dlc.unfolding import FoldOp, UnfoldOp
from dialects.dlc.updating import UpdateSliceOp
from dialects.dlc.while_loop import WhileOp
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
        CosOp,
        ErfOp,
        ExpOp,
        Expm1Op,
        LogOp,
        Log1pOp,
        LogisticOp,
        NotOp,
        RsqrtOp,
        SignOp,
        SinOp,
        SqrtOp,
        StopGradientOp,
        TanhOp,
        # rounding
        CeilOp,
        FloorOp,
        RoundOp,
        TruncOp,
        # trigonometric
        AcosOp,
        AcoshOp,
        AsinOp,
        AsinhOp,
        AtanOp,
        Atan2Op,
        AtanhOp,
        CoshOp,
        SinhOp,
        TanOp,
        # powers
        CbrtOp,
        Exp2Op,
        Log2Op,
        Log10Op,
        # special
        DigammaOp,
        ErfcOp,
        ErfcInvOp,
        ErfcxOp,
        ErfInvOp,
        LgammaOp,
        PolygammaOp,
        Xlog1pyOp,
        XlogyOp,
        # bits
        BitcastConvertOp,
        CopysignOp,
        PopcntOp,
        ShiftLeftOp,
        ShiftRightArithmeticOp,
        ShiftRightLogicalOp,
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
        # complex parts
        ComplexOp,
        ConjOp,
        DeinterleaveOp,
        ImagOp,
        InterleaveOp,
        RealOp,
        # shape
        ReshapeOp,
        ReverseOp,
        TransposeOp,
        # slicing
        ConcatenateOp,
        PadOp,
        SliceOp,
        # indexing
        GatherOp,
        ScatterOp,
        # dynamic slicing
        DynamicSliceOp,
        DynamicUpdateSliceOp,
        UpdateSliceOp,
        # reduction
        ReduceAndOp,
        ReduceMaxOp,
        ReduceMinOp,
        ReduceOrOp,
        ReduceProdOp,
        ReduceXorOp,
        # arg_extrema
        ArgmaxOp,
        ArgminOp,
        # cumulative
        CumlogsumexpOp,
        CummaxOp,
        CumminOp,
        CumprodOp,
        CumsumOp,
        LinearRecurrenceOp,
        # sorting
        SearchsortedOp,
        SortOp,
        # windows
        ReduceWindowMaxOp,
        ReduceWindowMinOp,
        ReduceWindowSumOp,
        WindowArgmaxOp,
        WindowArgminOp,
        WindowSelectOp,
        SelectAndScatterAddOp,
        UnfoldOp,
        FoldOp,
        # resampling
        ResampleOp,
        # contraction
        DotGeneralOp,
        # triangular matrices
        CholeskyOp,
        TriangularSolveOp,
        # lu
        LuOp,
        LuSolveOp,
        PermutationOfPivotsOp,
        # orthogonal matrices
        QrOp,
        # spectral
        EighOp,
        SvdOp,
        # eigenvalues
        EigOp,
        # fourier
        FftOp,
        IrfftOp,
        PackedFftOp,
        RfftOp,
        # convolution
        ConvolutionKernelOp,
        ConvolutionOp,
        # random bits
        RandomBitsOp,
        # transforms
        CallOp,
        JvpOp,
        VjpOp,
        VmapOp,
        # derivatives given by the user, or computed again
        CheckpointOp,
        CustomJvpOp,
        CustomVjpOp,
        CustomUnknownOp,
        OptimizationBarrierOp,
        RecomputedOp,
        TransposedOp,
        # control flow
        CaseOp,
        ScanOp,
        WhileOp,
    ],
    [],
)
