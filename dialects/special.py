"""Special functions of one number or two, scalar or vector, as `math` has the elementary ones: the dialect `special`.

Each is a single operation up to `expand-math`. The names are those of CHLO; `special_values.py` has their values. The last
four are what some processors compute in one instruction: `expand-math` makes them for those.
"""

from xdsl.dialects.builtin import IntegerAttr
from xdsl.dialects.math import FloatingPointLikeBinaryMathOperation, FloatingPointLikeUnaryMathOperation
from xdsl.ir import Dialect
from xdsl.irdl import ParsePropInAttrDict, irdl_op_definition, prop_def, traits_def
from xdsl.traits import Pure, SameOperandsAndResultType


class SpecialFunctionOp(FloatingPointLikeUnaryMathOperation):
    """`result = f(operand)`."""

    traits = traits_def(Pure(), SameOperandsAndResultType())


@irdl_op_definition
class ErfcOp(SpecialFunctionOp):
    """The complement of the error function, `1 - erf(x)`."""

    name = "special.erfc"


@irdl_op_definition
class ErfcxOp(SpecialFunctionOp):
    """The scaled complement of the error function, `exp(x**2) erfc(x)`."""

    name = "special.erfcx"


@irdl_op_definition
class ErfInvOp(SpecialFunctionOp):
    """The inverse of the error function."""

    name = "special.erf_inv"


@irdl_op_definition
class ErfcInvOp(SpecialFunctionOp):
    """The inverse of the complement of the error function."""

    name = "special.erfc_inv"


@irdl_op_definition
class LgammaOp(SpecialFunctionOp):
    """The logarithm of the absolute value of the gamma function."""

    name = "special.lgamma"


@irdl_op_definition
class DigammaOp(SpecialFunctionOp):
    """The derivative of the logarithm of the gamma function."""

    name = "special.digamma"


@irdl_op_definition
class PolygammaOp(SpecialFunctionOp):
    """The derivative of the digamma function of order `order`, at least 1."""

    name = "special.polygamma"

    order = prop_def(IntegerAttr)

    irdl_options = (ParsePropInAttrDict(),)


@irdl_op_definition
class RemOp(FloatingPointLikeBinaryMathOperation):
    """`lhs - trunc(lhs / rhs) rhs`, exactly; it has the sign of `lhs`."""

    name = "special.rem"

    traits = traits_def(Pure(), SameOperandsAndResultType())


@irdl_op_definition
class ScalbOp(FloatingPointLikeBinaryMathOperation):
    """`lhs · 2^⌊rhs⌋`, rounded once."""

    name = "special.scalb"

    traits = traits_def(Pure(), SameOperandsAndResultType())


@irdl_op_definition
class LogbOp(SpecialFunctionOp):
    """The integer `⌊log2 |x|⌋`; minus infinity for 0, infinity for infinity."""

    name = "special.logb"


@irdl_op_definition
class SignificandOp(SpecialFunctionOp):
    """`x / 2^k` with the integer `k` that brings it to `[¾, 1½)`; 1 for zeros and infinity, NaN for negative numbers."""

    name = "special.significand"


@irdl_op_definition
class RsqrtEstimateOp(SpecialFunctionOp):
    """`1 / √x` with a relative error of at most 2^-14; exact for zeros and infinity."""

    name = "special.rsqrt_estimate"


Special = Dialect(
    "special",
    [
        ErfcOp,
        ErfcxOp,
        ErfInvOp,
        ErfcInvOp,
        LgammaOp,
        DigammaOp,
        PolygammaOp,
        RemOp,
        ScalbOp,
        LogbOp,
        SignificandOp,
        RsqrtEstimateOp,
    ],
    [],
)
