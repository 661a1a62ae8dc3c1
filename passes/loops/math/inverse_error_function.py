"""`erf_inv` and `erfc_inv`: a polynomial in `log(1 - x²)` where that is not large, and quotients of polynomials for the rest.

The polynomial is of the form of M. Giles, "Approximating the erfinv function" (2010). The quotients are those of M. J. Wichura,
"Algorithm AS 241: The percentage points of the normal distribution" (1988), for both formats, rewritten so that the quotient is
what a line in `t` lacks, and its error counts little.
"""

import math

from xdsl.ir import SSAValue

from passes.loops.math.float_builder import DOUBLE, SINGLE, FloatBuilder, FloatFormat
from passes.loops.math.log import expand_log

CENTRE = 2.5
CENTRAL_END: dict[FloatFormat, float] = {SINGLE: 5.0, DOUBLE: 6.0}
CENTRAL: dict[FloatFormat, tuple[float, ...]] = {
    SINGLE: (
        1.5014094114303589,
        0.24664027988910675,
        -0.004177669063210487,
        -0.00125275575555861,
        0.00021857813408132643,
        -4.943375643051695e-06,
        -3.5239243061369052e-06,
        4.5992169361852575e-07,
        2.82117351702027e-08,
        -8.234397164130769e-09,
    ),
    DOUBLE: (
        1.501409351110792,
        0.24664027674416653,
        -0.004177317724384267,
        -0.0012527079078047266,
        0.00021825026434645173,
        -4.996079619885476e-06,
        -3.4166195999538917e-06,
        4.787252496934795e-07,
        1.3416805154030975e-08,
        -1.0861194234242408e-08,
        9.073046240339676e-10,
        1.1961939501592448e-10,
        -3.110408469885801e-11,
        9.077206490916137e-13,
        5.362440541840994e-13,
        -7.536769859588594e-14,
        -3.0350591847017883e-15,
        1.8041624054965087e-15,
        -1.1448701615616954e-16,
        -2.0467648404690188e-17,
        3.2001008344713467e-18,
        -1.8295270995132563e-20,
        -1.3733179536861335e-20,
    ),
}
"""`erf_inv x = x central(w - 2.5)` with `w = -log(1 - x²)` up to `CENTRAL_END`: for `|x|` up to 0.9966 and 0.9987."""

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
    t = fb.sub(-CENTRE, expand_log(fb, fb.mul(rest, fb.sub(2.0, rest))))
    central = fb.mul(fb.polynomial(t, CENTRAL[fb.format]), x)
    is_tail = fb.compare("ogt", t, CENTRAL_END[fb.format] - CENTRE)

    def choose(inner: FloatBuilder) -> tuple[SSAValue]:
        return (inner.select(is_tail, inner.copysign(_tail(inner, t, rest), x), central),)

    return fb.where_any(is_tail, choose, (central,))[0]


def _tail(fb: FloatBuilder, t: SSAValue, rest: SSAValue) -> SSAValue:
    """The quotients in `r² = -log ½rest`, which is `t + CENTRE + log 4 + log(1 - ½rest)`."""
    series = fb.polynomial(rest, tuple(-(0.5**k) / k for k in range(1, 6 if fb.is_double else 3)))
    r = fb.sqrt(fb.add(t, fb.fma(series, rest, CENTRE + math.log(4.0))))
    is_near = fb.compare("ole", r, 5.0)
    t = fb.sub(r, fb.select(is_near, NEAR_START, FAR_START))
    parts = (
        fb.select(is_near, fb.polynomial(t, near), fb.polynomial(t, far))
        for near, far in zip(NEAR_TAIL, FAR_TAIL, strict=True)
    )
    line = fb.fma(t, fb.select(is_near, NEAR_LINE[1], FAR_LINE[1]), fb.select(is_near, NEAR_LINE[0], FAR_LINE[0]))
    return fb.select(fb.compare("oeq", rest, 0.0), math.inf, fb.add(line, fb.div(*parts)))
