"""`erf_inv` and `erfc_inv`: M. J. Wichura, "Algorithm AS 241: The percentage points of the normal distribution" (1988).

Three quotients of polynomials, of which one is chosen before the division; both formats use the same. They are rewritten
so that the quotient is what a simple formula lacks, and its error counts little: `x`, or a line in `t`.
"""

import math

from xdsl.ir import SSAValue

from passes.loops.math.float_builder import FloatBuilder
from passes.loops.math.log import expand_log

CENTRAL = (
    (
        0.19753231156709125,
        4.759357410783067,
        9.875657851838074,
        -539.3091320403624,
        -4977.931786419021,
        -15525.854417978326,
        -16909.592388659647,
        -4339.4012092274,
    ),
    (
        1.0,
        42.31333070160091,
        687.1870074920579,
        5394.196021424751,
        21213.794301586597,
        39307.89580009271,
        28729.085735721943,
        5226.495278852854,
    ),
)
"""In `0.180625 - ¼x²` for `|x| ≤ 0.85`: `erf_inv x = x + x` times the quotient."""

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
    """`erf_inv x`, where `rest = 1 - |x|`."""
    magnitude = fb.abs(x)
    is_central = fb.compare("ole", magnitude, 0.85)
    half = fb.mul(x, 0.5)
    central = fb.fma(fb.neg(half), half, 0.180625)
    r = fb.sqrt(fb.sub(math.log(2.0), expand_log(fb, rest)))
    is_near = fb.compare("ole", r, 5.0)
    t = fb.sub(r, fb.select(is_near, NEAR_START, FAR_START))
    parts: list[SSAValue] = []
    for middle, near, far in zip(CENTRAL, NEAR_TAIL, FAR_TAIL, strict=True):
        tail = fb.select(is_near, fb.polynomial(t, near), fb.polynomial(t, far))
        parts.append(fb.select(is_central, fb.polynomial(central, middle), tail))
    quotient = fb.div(*parts)
    line = fb.fma(t, fb.select(is_near, NEAR_LINE[1], FAR_LINE[1]), fb.select(is_near, NEAR_LINE[0], FAR_LINE[0]))
    result = fb.select(is_central, fb.fma(quotient, magnitude, magnitude), fb.add(line, quotient))
    return fb.copysign(fb.select(fb.compare("oeq", rest, 0.0), math.inf, result), x)
