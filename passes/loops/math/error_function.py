"""`erf`: a polynomial in `x²` near zero, elsewhere `1 - e^p` with a polynomial `p` for the logarithm of `erfc`."""

from dataclasses import dataclass

from xdsl.ir import SSAValue

from passes.loops.math.exp import build_exp_in_range
from passes.loops.math.float_builder import DOUBLE, SINGLE, FloatBuilder

SPLIT = 0.9


@dataclass(frozen=True)
class ErfFormat:
    """The two polynomials, and the argument from which on the result is 1."""

    near: tuple[float, ...]
    """`erf x = x + x near(x²)` up to `SPLIT`."""
    log_complement: tuple[float, ...]
    """`log(1 - erf x)` from `SPLIT` to `one_from`."""
    one_from: float


FORMATS = {
    SINGLE: ErfFormat(
        near=(
            0.12837915122509003,
            -0.3761250376701355,
            0.11281921714544296,
            -0.026770493015646935,
            0.004998959135264158,
            -0.0006020799628458917,
        ),
        log_complement=(
            0.00015061843441799283,
            -1.1293818950653076,
            -0.6336629390716553,
            -0.10785899311304092,
            0.02477543242275715,
            -0.0039947484619915485,
            0.0003791193594224751,
            -1.137264280259842e-05,
            -7.316118626476964e-07,
        ),
        one_from=4.0,
    ),
    DOUBLE: ErfFormat(
        near=(
            0.1283791670955126,
            -0.37612638903183865,
            0.11283791670957992,
            -0.026866170645641743,
            0.005223977631125681,
            -0.0008548327388702614,
            0.00012055346696591129,
            -1.4925950771197024e-05,
            1.6465625087034592e-06,
            -1.6377351223583313e-07,
            1.4603118687327088e-08,
            -9.785983486268225e-10,
        ),
        log_complement=(
            2.1332938585293655e-08,
            -1.128379445019298,
            -0.6366180613193813,
            -0.10277922583669816,
            0.01914652974058218,
            0.00017214897863780467,
            -0.0016370970345590669,
            0.0005148990036729458,
            5.163822158379686e-05,
            -0.00012968847104637523,
            7.453182600260547e-05,
            -2.837080323767825e-05,
            8.165185354688231e-06,
            -1.8420390439068525e-06,
            3.269097364974603e-07,
            -4.487808695424415e-08,
            4.574302485119592e-09,
            -3.1589377171254276e-10,
            1.0998154871254742e-11,
            2.259787107686301e-13,
            -3.9950559452294956e-14,
            1.2443563117366939e-15,
        ),
        one_from=6.0,
    ),
}


def expand_erf(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """Both forms are computed and one is chosen."""
    constants = FORMATS[fb.format]
    magnitude = fb.abs(x)
    logarithm = fb.polynomial(fb.at_most(magnitude, constants.one_from), constants.log_complement)
    far = fb.copysign(fb.sub(1.0, build_exp_in_range(fb, logarithm)), x)
    near = fb.fma(fb.polynomial(fb.mul(x, x), constants.near), x, x)
    return fb.select(fb.compare("ogt", magnitude, SPLIT), far, near)
