"""`erfc` and `erfcx`: `erfcx x = e^(x²) erfc x` falls as `1 / x`, so one polynomial serves all of `[0, ∞)`.

The polynomial is for `(1 + 2x) erfcx x - 1`, which stays between 0 and 0.3, in `(x - 3) / (x + 3)`; see M. M. Shepherd and
J. G. Laframboise, "Chebyshev approximation of (1 + 2x) exp(x²) erfc x in 0 ≤ x < ∞", Math. Comp. 36 (1981).
"""

from xdsl.ir import SSAValue

from passes.loops.math.exp import FORMATS, build_expm1_reduced, reduce, scale
from passes.loops.math.float_builder import FloatBuilder
from passes.loops.math.float_format import DOUBLE, SINGLE, FloatFormat

CENTRE = 3.0
FAR = 2.0**60

SCALED: dict[FloatFormat, tuple[float, ...]] = {
    SINGLE: (
        0.25300806760787964,
        -0.1356211006641388,
        -0.047562599182128906,
        0.12964467704296112,
        -0.1192721426486969,
        0.06831398606300354,
        -0.0237717404961586,
        0.002503839787095785,
        0.0018839887343347073,
        -0.0007301767473109066,
        -9.599845361663029e-05,
        7.835758151486516e-05,
    ),
    DOUBLE: (
        0.25300805826972966,
        -0.1356211061245812,
        -0.04756229435345212,
        0.12964515870276316,
        -0.11927366341528148,
        0.06830802734390472,
        -0.023770514918744757,
        0.002529391817030698,
        0.0018886903576292278,
        -0.0007798322790082496,
        -0.00010515978072084964,
        0.00012509938218877953,
        4.949386951075245e-06,
        -2.010065010814636e-05,
        -7.312218317933069e-07,
        3.472562064914031e-06,
        3.563076195546503e-07,
        -6.168212834134058e-07,
        -1.4098006432312566e-07,
        1.0199499831885375e-07,
        4.1358678278253734e-08,
        -1.3378064419253755e-08,
        -8.316695042858073e-09,
        9.978511304468313e-10,
        8.539388517672573e-10,
    ),
}
"""`(1 + 2x) erfcx x = 1 + scaled((x - 3) / (x + 3))`."""


def expand_erfc(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`e^(-x²) erfcx |x|`, from 2 for negative `x`."""
    magnitude = fb.at_most(fb.abs(x), 28.0 if fb.is_double else 11.0)
    inverse, rest = _erfcx_parts(fb, magnitude)
    n, growth = _exp_of_square(fb, magnitude, sign=-1.0)
    # inverse (1 + rest) (1 + growth)
    result = scale(fb, fb.fma(inverse, fb.fma(growth, rest, fb.add(growth, rest)), inverse), n)
    return fb.select(fb.compare("olt", x, 0.0), fb.sub(2.0, result), result)


def expand_erfcx(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`2 e^(x²) - erfcx |x|` for negative `x`."""
    magnitude = fb.abs(x)
    # Far away one over the sum is that of the larger: half of it, times `1 + t` at infinity, is `1 / (√π x)`.
    inverse, rest = _erfcx_parts(fb, fb.at_most(magnitude, FAR))
    inverse = fb.select(fb.compare("ogt", magnitude, FAR), fb.div(0.5, magnitude), inverse)
    positive = fb.fma(inverse, rest, inverse)
    n, growth = _exp_of_square(fb, fb.at_most(magnitude, 28.0 if fb.is_double else 11.0), sign=1.0)
    negative = fb.sub(scale(fb, fb.add(growth, 1.0), fb.add(n, 1.0)), positive)
    return fb.select(fb.compare("olt", x, 0.0), negative, positive)


def _erfcx_parts(fb: FloatBuilder, x: SSAValue) -> tuple[SSAValue, SSAValue]:
    """`h` and `t` with `erfcx x = h (1 + t)`, for `x` from 0 to 2^60; `h` is `1 / (1 + 2x)`, and its error is in `t`."""
    sum_of_half, sum_of_centre = fb.add(x, 0.5), fb.add(x, CENTRE)
    # One division for both: it takes longer than all else.
    quotient = fb.div(1.0, fb.mul(sum_of_half, sum_of_centre))
    inverse = fb.mul(quotient, sum_of_half)
    q = fb.mul(fb.sub(x, CENTRE), inverse)
    # One step of Newton's: the quotient is rounded once, whatever the sum lost.
    q = fb.fma(inverse, fb.fma(q, fb.neg(x), fb.fma(fb.add(q, 1.0), -CENTRE, x)), q)
    half_inverse = fb.mul(fb.mul(quotient, 0.5), sum_of_centre)
    error = fb.fma(fb.neg(half_inverse), fb.add(x, x), fb.sub(1.0, half_inverse))
    return half_inverse, fb.add(fb.polynomial(q, SCALED[fb.format]), error)


def _exp_of_square(fb: FloatBuilder, x: SSAValue, sign: float) -> tuple[SSAValue, SSAValue]:
    """`n` and `g` with `e^(±x²) = 2^n (1 + g)`: the square to twice the digits, because its error is that of the result."""
    square = fb.mul(x, x)
    low = fb.fma(x, x, fb.neg(square))
    signed = fb.mul(square, sign)
    _, n, _ = reduce(fb, signed)
    constants = FORMATS[fb.format]
    # What is small is added to what is small first.
    r_low = fb.fma(n, -constants.ln2_low, fb.mul(low, sign))
    return n, build_expm1_reduced(fb, fb.add(fb.fma(n, -constants.ln2_high, signed), r_low))
