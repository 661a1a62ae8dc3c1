"""`erf_inv` and `erfc_inv`: a polynomial in `log(1 - x²)` where that is not large, and quotients of polynomials for the rest.

The polynomial is of the form of M. Giles, "Approximating the erfinv function" (2010). The quotients are those of M. J. Wichura,
"Algorithm AS 241: The percentage points of the normal distribution" (1988), for both formats, rewritten so that the quotient is
what a line in `t` lacks, and its error counts little.
"""

import math

from xdsl.ir import SSAValue

from passes.loops.math.float_builder import FloatBuilder
from passes.loops.math.float_format import DOUBLE, SINGLE, FloatFormat
from passes.loops.math.log import expand_log

CENTRAL_END: dict[FloatFormat, float] = {SINGLE: 5.0, DOUBLE: 6.0}
CENTRAL: dict[FloatFormat, tuple[float, ...]] = {
    SINGLE: (
        0.8862268924713135,
        0.23201484978199005,
        0.011542589403688908,
        -0.0023208195343613625,
        -0.00014228698273655027,
        5.361021976568736e-05,
        7.628535740877851e-07,
        -1.3124425777277793e-06,
        1.4757779354113154e-07,
        -5.419906301540323e-09,
    ),
    DOUBLE: (
        0.886226925452758,
        0.23201366653464492,
        0.011549342038580128,
        -0.002335101645448475,
        -0.0001280432693544946,
        4.6611342113503276e-05,
        2.0202467393178347e-06,
        -1.0130310861186693e-06,
        -3.66494260096023e-08,
        2.2134458124651015e-08,
        1.270714606544883e-09,
        -8.383995192732689e-10,
        1.3298344799465493e-10,
        -4.297312646293941e-11,
        1.6129092568584876e-11,
        -3.6721759545700916e-12,
        5.053341701847394e-13,
        -3.9999199234107265e-14,
        1.0325341111066082e-15,
        1.3143659609989004e-16,
        -1.591810947887018e-17,
        7.440762836950095e-19,
        -1.38234335248954e-20,
    ),
}
"""`erf_inv x = x central(w)` with `w = -log(1 - x²)` up to `CENTRAL_END`: for `|x|` up to 0.9966 and 0.9987."""

NEAR_START, NEAR_LINE = 1.625, (1.0366572141647339, 1.09375)
NEAR_TAIL = (
    (
        5.7910415973532405e-08,
        0.10953261766094091,
        0.1384267301374101,
        0.04664069652484189,
        -0.0060554163328565775,
        -0.006205915100036406,
        -0.0010614128148761569,
        -4.869493821892288e-05,
        -1.0920473155309003e-09,
    ),
    (
        1.0,
        2.0318672607673443,
        1.642620920900229,
        0.6695939613613553,
        0.14254143068536415,
        0.014520120262380904,
        0.0005203345168526514,
        9.98443259913966e-10,
    ),
)
"""In `t = r - 1.625` for `r = √-log ½(1 - |x|)` up to 5: added to the line."""

FAR_START, FAR_LINE = 5.0, (4.707849502563477, 1.0078125)
FAR_TAIL = (
    (
        1.934955712828485e-08,
        0.03174710637319387,
        0.012899282159455202,
        0.0016693835014682777,
        6.505463538685496e-05,
        -1.244451345513996e-06,
        -1.0305983385718416e-07,
        -1.109632897696202e-09,
        -2.0602339088851735e-15,
    ),
    (
        1.0,
        0.599832206555888,
        0.1369298809227358,
        0.014875361290850615,
        0.0007868691311456133,
        1.8463183175100548e-05,
        1.421511758316446e-07,
        2.0442631033899397e-15,
    ),
)
"""In `t = r - 5`, beyond."""


def expand_erf_inv(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`erf_inv x = N⁻¹(½ + ½x) / √2` with the distribution function `N` of the normal distribution."""
    return _inverse(fb, x, fb.sub(1.0, fb.abs(x)))


def expand_erfc_inv(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`erfc_inv x = N⁻¹(1 - ½x) / √2`; small `x` lose nothing."""
    return _inverse(fb, fb.sub(1.0, x), fb.select(fb.compare("ogt", x, 1.0), fb.sub(2.0, x), x))


def _inverse(fb: FloatBuilder, x: SSAValue, rest: SSAValue) -> SSAValue:
    """`erf_inv x`, where `rest = 1 - |x|`; the tails, which few elements are in, in a branch."""
    w = fb.neg(expand_log(fb, fb.mul(rest, fb.sub(2.0, rest))))
    central = fb.mul(fb.polynomial(w, CENTRAL[fb.format]), x)
    is_tail = fb.compare("ogt", w, CENTRAL_END[fb.format])

    def choose(inner: FloatBuilder) -> tuple[SSAValue]:
        return (inner.select(is_tail, inner.copysign(_tail(inner, w, rest), x), central),)

    return fb.where_any(is_tail, choose, (central,))[0]


def _tail(fb: FloatBuilder, w: SSAValue, rest: SSAValue) -> SSAValue:
    """The quotients in `r² = -log ½rest`, which is `w + log 4 + log(1 - ½rest)`."""
    series = fb.polynomial(rest, tuple(-(0.5**k) / k for k in range(1, 6 if fb.is_double else 3)))
    r = fb.sqrt(fb.add(w, fb.fma(series, rest, math.log(4.0))))
    is_near = fb.compare("ole", r, 5.0)
    t = fb.sub(r, fb.select(is_near, NEAR_START, FAR_START))
    parts = (
        fb.select(is_near, fb.polynomial(t, near), fb.polynomial(t, far))
        for near, far in zip(NEAR_TAIL, FAR_TAIL, strict=True)
    )
    line = fb.fma(t, fb.select(is_near, NEAR_LINE[1], FAR_LINE[1]), fb.select(is_near, NEAR_LINE[0], FAR_LINE[0]))
    return fb.select(fb.compare("oeq", rest, 0.0), math.inf, fb.add(line, fb.div(*parts)))
