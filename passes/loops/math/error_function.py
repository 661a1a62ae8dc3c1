"""`erf x = 1 - e^p` with a polynomial `p` that begins with `-2x / √π`: near zero `e^p - 1` keeps the digits."""

from dataclasses import dataclass

from xdsl.ir import SSAValue

from passes.loops.math.exp import build_expm1_in_range
from passes.loops.math.float_builder import FloatBuilder
from passes.loops.math.float_format import DOUBLE, SINGLE


@dataclass(frozen=True)
class ErfFormat:
    """The polynomial, and the argument from which on the result is 1."""

    slope: tuple[float, float]
    """`-2 / √π`, as a sum."""
    log_complement_tail: tuple[float, ...]
    """`log(1 - erf x) = slope x + x² tail(x)` up to `one_from`."""
    one_from: float


FORMATS = {
    SINGLE: ErfFormat(
        slope=(-1.128379225730896, 5.910309397449964e-08),
        log_complement_tail=(
            -0.6366198062896729,
            -0.10277167707681656,
            0.01911971904337406,
            0.0002480490948073566,
            -0.001792514929547906,
            0.0007353100227192044,
            -0.00016506733663845807,
            2.07821540243458e-05,
            -1.1378920135030057e-06,
        ),
        one_from=4.0,
    ),
    DOUBLE: ErfFormat(
        slope=(-1.1283791670955126, 9.062930747347677e-18),
        log_complement_tail=(
            -0.6366197723675909,
            -0.1027726033013173,
            0.019128446993130453,
            0.00020919485354985615,
            -0.001696207667435021,
            0.0005901324194039472,
            -2.5904465766186454e-05,
            -6.442055176097001e-05,
            2.957580965452433e-05,
            -3.16986705235489e-06,
            -3.132752431152287e-06,
            2.037010617399052e-06,
            -5.705125252117692e-07,
            1.1643603510363871e-08,
            6.576135309363466e-08,
            -3.459437375994159e-08,
            1.0775922424485696e-08,
            -2.3610545514051793e-09,
            3.7615719159173845e-10,
            -4.3027909775592324e-11,
            3.3651600757841905e-12,
            -1.615273363769897e-13,
            3.593121696749815e-15,
        ),
        one_from=6.0,
    ),
}


def expand_erf(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """The sign is that of `x`: what is computed is `e^p - 1`, which is negative."""
    constants = FORMATS[fb.format]
    magnitude = fb.at_most(fb.abs(x), constants.one_from)
    rest = fb.mul(fb.polynomial(magnitude, constants.log_complement_tail), fb.mul(magnitude, magnitude))
    high, low = constants.slope
    logarithm = fb.fma(magnitude, high, fb.fma(magnitude, low, rest))
    return fb.copysign(build_expm1_in_range(fb, logarithm), x)
