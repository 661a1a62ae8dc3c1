"""`pow`, and `rsqrt`."""

from xdsl.ir import SSAValue

from passes.loops.math.float_builder import FloatBuilder


def expand_rsqrt(fb: FloatBuilder, x: SSAValue) -> SSAValue:
    """`1 / sqrt x`, two correctly rounded steps."""
    return fb.div(fb.constant(1.0), fb.sqrt(x))
