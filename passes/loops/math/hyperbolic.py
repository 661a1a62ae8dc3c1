"""`tanh`, by `expm1`."""

from xdsl.ir import SSAValue

from passes.loops.math.exp import build_expm1_in_range
from passes.loops.math.float_builder import FloatBuilder


def expand_tanh(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`tanh |x| = t / (t + 2)` with `t = e^(2|x|) - 1`, which keeps small numbers; then the sign of `x`."""
    magnitude = fb.abs(x)
    doubled = fb.at_most(fb.add(magnitude, magnitude), 44.0 if fb.is_double else 20.0)
    t = build_expm1_in_range(fb, doubled)
    return fb.copysign(fb.div(t, fb.add(t, 2.0)), x)
