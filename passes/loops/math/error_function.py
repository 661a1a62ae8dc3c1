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
            -0.0001664760784478858,
            -1.1277971267700195,
            -0.6369762420654297,
            -0.1041136160492897,
            0.02231525257229805,
            -0.00306552997790277,
            0.00019822856120299548,
        ),
        one_from=4.0,
    ),
    DOUBLE: ErfFormat(
        near=(
            0.12837916709551253,
            -0.37612638903182444,
            0.11283791670890886,
            -0.02686617063283728,
            0.005223977504559309,
            -0.0008548320071706581,
            0.00012055082923695975,
            -1.4919846889693258e-05,
            1.6374944539887525e-06,
            -1.5541323876124376e-07,
            1.0249538159255e-08,
        ),
        log_complement=(
            -2.429922518072506e-07,
            -1.1283765744832426,
            -0.6366325970994237,
            -0.10273361984229575,
            0.019047165335699626,
            0.0003318376291860797,
            -0.0018333595921271458,
            0.0007036279952386947,
            -9.24318400711393e-05,
            -4.16263105947906e-05,
            3.125820577169085e-05,
            -1.1277383255697361e-05,
            2.7606955652564308e-06,
            -4.866871212789686e-07,
            6.147191423162047e-08,
            -5.311357322246499e-09,
            2.820717340329612e-10,
            -6.954331760536467e-12,
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
