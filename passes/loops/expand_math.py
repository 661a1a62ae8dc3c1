"""Replace elementary functions by arithmetic of known accuracy.

Before:

```mlir
func.func @doubled(%x: f32) -> f32 {
  %y = math.exp2 %x : f32
  func.return %y : f32
}
```

After:

```mlir
func.func @doubled(%x: f32) -> f32 {
  %lowest = arith.constant -151.0 : f32
  %is_low = arith.cmpf ogt, %lowest, %x : f32
  %at_least = arith.select %is_low, %lowest, %x : f32
  %highest = arith.constant 128.0 : f32
  %is_high = arith.cmpf olt, %highest, %at_least : f32
  %clamped = arith.select %is_high, %highest, %at_least : f32
  %magic = arith.constant 0x4B4000FE : f32
  %shifted = arith.addf %clamped, %magic : f32
  %n = arith.subf %shifted, %magic : f32
  %r = arith.subf %clamped, %n : f32
  %c6 = arith.constant 0.00015463291492778808 : f32
  %c5 = arith.constant 0.0013391667744144797 : f32
  %p5 = math.fma %c6, %r, %c5 : f32
  %c4 = arith.constant 0.00961806159466505 : f32
  %p4 = math.fma %p5, %r, %c4 : f32
  %c3 = arith.constant 0.05550358071923256 : f32
  %p3 = math.fma %p4, %r, %c3 : f32
  %c2 = arith.constant 0.24022650718688965 : f32
  %p2 = math.fma %p3, %r, %c2 : f32
  %c1 = arith.constant 0.6931471824645996 : f32
  %p1 = math.fma %p2, %r, %c1 : f32
  %c0 = arith.constant 1.0 : f32
  %p = math.fma %p1, %r, %c0 : f32
  %bits = arith.bitcast %shifted : f32 to i32
  %one = arith.constant 1 : i32
  %half = arith.shrui %bits, %one : i32
  %rest = arith.subi %bits, %half : i32
  %mantissa = arith.constant 23 : i32
  %first_bits = arith.shli %half, %mantissa : i32
  %second_bits = arith.shli %rest, %mantissa : i32
  %first = arith.bitcast %first_bits : i32 to f32
  %second = arith.bitcast %second_bits : i32 to f32
  %scaled = arith.mulf %p, %first : f32
  %y = arith.mulf %scaled, %second : f32
  func.return %y : f32
}
```

The expansions of the elementary functions of `math` and of those of `special` are straight-line code of the same kind,
from 40 operations (`tanh`) to some 200 (`powf` on f64), but for arguments that are rare: those large (`sin, cos, tan`) or
negative (`lgamma, digamma, polygamma, powf`), those next to a pole (`erf_inv`) or with large quotients (`rem`) take a branch.
Scalar and vector code is the same. They cover the whole range: NaN, infinities, signed zeros, subnormal arguments and results.
`docs/accuracy.md` has the error of each. With `fast`, some are shorter and less accurate, and do without subnormal numbers: see
`passes/loops/math/fast.py`.

*Requires*: arguments are f32, f64, or rank-1 vectors of them.

*Ensures*: nothing of `special` but what `exponents` allows, and of `math` only single instructions are left
(`sqrt, fma, absf, floor, ceil, trunc, roundeven, copysign`), and no operation has fast-math flags that it did not have before.

*Leaves alone*: everything else, and functions that have no expansion.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from xdsl.context import Context
from xdsl.dialects import math
from xdsl.dialects.builtin import Float32Type, Float64Type, ModuleOp, VectorType
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from dialects import special
from dialects.builder import OpBuilder
from passes.loops.math.error_function import expand_erf
from passes.loops.math.error_function_complement import expand_erfc, expand_erfcx
from passes.loops.math.exp import expand_exp, expand_exp2, expand_expm1
from passes.loops.math.fast import FAST
from passes.loops.math.float_builder import FloatBuilder
from passes.loops.math.gamma import expand_digamma, expand_lgamma, expand_polygamma
from passes.loops.math.hyperbolic import (
    expand_acosh,
    expand_asinh,
    expand_atanh,
    expand_cosh,
    expand_sinh,
    expand_tanh,
)
from passes.loops.math.inverse_error_function import expand_erf_inv, expand_erfc_inv
from passes.loops.math.inverse_trigonometric import expand_acos, expand_asin, expand_atan, expand_atan2
from passes.loops.math.log import expand_log, expand_log1p, expand_log2, expand_log10
from passes.loops.math.power import expand_cbrt, expand_pow, expand_rsqrt
from passes.loops.math.remainder import expand_rem
from passes.loops.math.trigonometric import expand_cos, expand_sin, expand_tan

EXPANSIONS: dict[type[Operation], Callable[..., SSAValue]] = {
    math.ExpOp: expand_exp,
    math.Exp2Op: expand_exp2,
    math.ExpM1Op: expand_expm1,
    math.LogOp: expand_log,
    math.Log1pOp: expand_log1p,
    math.Log2Op: expand_log2,
    math.Log10Op: expand_log10,
    math.SinhOp: expand_sinh,
    math.CoshOp: expand_cosh,
    math.TanhOp: expand_tanh,
    math.AsinhOp: expand_asinh,
    math.AcoshOp: expand_acosh,
    math.AtanhOp: expand_atanh,
    math.SinOp: expand_sin,
    math.CosOp: expand_cos,
    math.TanOp: expand_tan,
    math.AsinOp: expand_asin,
    math.AcosOp: expand_acos,
    math.AtanOp: expand_atan,
    math.Atan2Op: expand_atan2,
    math.ErfOp: expand_erf,
    math.PowFOp: expand_pow,
    math.RsqrtOp: expand_rsqrt,
    math.CbrtOp: expand_cbrt,
    special.ErfcOp: expand_erfc,
    special.ErfcxOp: expand_erfcx,
    special.ErfInvOp: expand_erf_inv,
    special.ErfcInvOp: expand_erfc_inv,
    special.LgammaOp: expand_lgamma,
    special.DigammaOp: expand_digamma,
    special.PolygammaOp: expand_polygamma,
    special.RemOp: expand_rem,
}
"""The functions that have an expansion; each takes a `FloatBuilder`, the operands, and the order of `special.polygamma`, and returns the result."""


@dataclass(frozen=True)
class ExpandMathPass(ModulePass):
    """Replace every function in `EXPANSIONS` by its expansion."""

    name = "expand-math"

    fast: bool = False
    """Whether to take the variants in `FAST` where there are any."""
    exponents: bool = False
    """Whether to use `scalb`, `logb` and `significand` of `special`, which AVX-512 has; results are the same."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Expand in every block of the module."""
        del ctx
        expansions = {**EXPANSIONS, **FAST} if self.fast else EXPANSIONS
        for region in op.regions:
            for block in region.blocks:
                _expand_block(block, expansions, self.exponents)


def _expand_block(
    block: Block, expansions: Mapping[type[Operation], Callable[..., SSAValue | None]], exponents: bool
) -> None:
    """Expand in `block` and the regions of its operations."""
    builders: dict[Attribute, FloatBuilder] = {}
    scratch = OpBuilder(Block())
    op = block.first_op
    while op is not None:
        following = op.next_op
        expansion = expansions.get(type(op))
        if expansion is not None:
            value_type = op.results[0].type
            fb = builders.get(value_type)
            if fb is None:
                _check_type(op, value_type)
                fb = builders[value_type] = FloatBuilder(scratch, value_type, exponents)
            scratch.location = op.location
            order = (op.order.value.data,) if isinstance(op, special.PolygammaOp) else ()
            result = expansion(fb, *op.operands, *order)
            for new_op in tuple(scratch.block.ops):
                scratch.block.detach_op(new_op)
                block.insert_op_before(new_op, op)
            if result is not None:
                op.results[0].replace_all_uses_with(result)
                block.erase_op(op)
        else:
            for region in op.regions:
                for inner in region.blocks:
                    _expand_block(inner, expansions, exponents)
        op = following


def _check_type(op: Operation, value_type: Attribute) -> None:
    """Raise unless `value_type` is a float that the expansions cover."""
    element_type = value_type
    if isinstance(value_type, VectorType):
        vector_type = cast(VectorType[Any], value_type)
        if vector_type.get_num_dims() == 1 and not vector_type.get_num_scalable_dims():
            element_type = vector_type.element_type
    if not isinstance(element_type, Float32Type | Float64Type):
        message = (
            f"expand-math: {op.name} has type {value_type}, expected f32, f64 or a rank-1 vector of one; "
            "convert to f32 around the operation"
        )
        op.emit_error(message, PassFailedException(message))
