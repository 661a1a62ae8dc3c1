"""`sin`, `cos`: reduction to `[-½π, ½π]` in f64, one odd polynomial, and the sign of the quotient's parity.

Reduction is exact for every finite argument: with fma and π in three parts up to 2^40, and beyond with the bits of 1/π
that matter for the exponent at hand (Payne and Hanek), in a branch that is taken if any element is that large.
"""

import math

from xdsl.dialects import scf
from xdsl.ir import Block, Region, SSAValue

from dialects.builder import OpBuilder
from passes.loops.math.argument_reduction import build_large_reduction
from passes.loops.math.float_builder import DOUBLE, SINGLE, FloatBuilder

INVERSE_PI = 0.3183098861837907
PI_PARTS = (3.141592653589793, 1.2246467991473532e-16, -2.9947698097183397e-33)
LARGE = 2.0**40

SIN_TAIL: dict[object, tuple[float, ...]] = {
    SINGLE: (
        -0.1666666716337204,
        0.008333350531756878,
        -0.00019843093468807638,
        2.7627049803413684e-06,
        -2.5502593814508145e-08,
    ),
    DOUBLE: (
        -0.16666666666666666,
        0.008333333333333188,
        -0.0001984126984119037,
        2.755731920267731e-06,
        -2.505210514389137e-08,
        1.6058745301297317e-10,
        -7.630193206288739e-13,
        2.2292563270184e-15,
        1.0229079506911917e-16,
        -8.893683780580167e-18,
    ),
}
"""`sin r = r + r³ tail(r²)`."""


def expand_sin(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`sin x = (-1)^q sin(x - q π)` with the integer `q = round(x / π)`."""
    # Arithmetic loses the sign of -0, because the terms of the series have alternating signs.
    return fb.select(fb.compare("oeq", x, 0.0), x, _expand(fb, x, cosine=False))


def expand_cos(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`cos x = (-1)^q sin(x - (q - ½) π)` with the integer `q = round(x / π + ½)`."""
    return _expand(fb, x, cosine=True)


def _expand(fb: FloatBuilder, x: SSAValue, cosine: bool) -> SSAValue:
    wide = fb if fb.is_double else fb.as_double()
    r, parity = _reduce(wide, x if fb.is_double else fb.widened(x), cosine, single=not fb.is_double)
    if not fb.is_double:
        r, parity = fb.narrowed(r), fb.narrowed_bits(parity)
    square = fb.mul(r, r)
    sine = fb.fma(fb.mul(square, fb.polynomial(square, SIN_TAIL[fb.format])), r, r)
    sign = fb.shift_left(parity, fb.format.width - 1)
    return fb.from_bits(fb.int_xor(fb.bits(sine), sign))


def _reduce(fb: FloatBuilder, x: SSAValue, cosine: bool, single: bool) -> tuple[SSAValue, SSAValue]:
    """The reduced argument, and an integer with the parity of the quotient in its lowest bit; `fb` is for f64."""
    quotient = fb.fma(x, INVERSE_PI, 0.5) if cosine else fb.mul(x, INVERSE_PI)
    shifted = fb.add(quotient, fb.format.magic)
    q = fb.sub(shifted, fb.format.magic)
    multiple = fb.sub(0.5, q) if cosine else fb.neg(q)
    # The first step is exact: both terms are multiples of 2^-52, and the result is less than 2. The others round once.
    r = x
    for part in PI_PARTS[: 2 if single else 3]:
        r = fb.fma(multiple, part, r)
    magnitude = fb.abs(x)
    is_large = fb.both(fb.compare("ogt", magnitude, LARGE), fb.compare("olt", magnitude, math.inf))
    parity = fb.bits(shifted)

    large = FloatBuilder(OpBuilder(Block(), fb.builder.location), fb.value_type)
    large_r, large_parity = build_large_reduction(large, x, cosine, single)
    chosen = (large.select(is_large, large_r, r), large.int_select(is_large, large_parity, parity))
    large.builder.create_op(scf.YieldOp, chosen)
    unchanged = OpBuilder(Block(), fb.builder.location)
    unchanged.create_op(scf.YieldOp, (r, parity))
    choice = fb.builder.create_op(
        scf.IfOp,
        (fb.any(is_large),),
        (fb.value_type, fb.int_type),
        regions=(Region(large.builder.block), Region(unchanged.block)),
    )
    return choice.results[0], choice.results[1]
