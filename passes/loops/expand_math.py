"""Replace elementary functions by arithmetic of known accuracy.

Before:

```mlir
func.func @scale(%x: vector<8xf32>) -> vector<8xf32> {
  %y = math.rsqrt %x : vector<8xf32>
  func.return %y : vector<8xf32>
}
```

After:

```mlir
func.func @scale(%x: vector<8xf32>) -> vector<8xf32> {
  %one = arith.constant dense<1.0> : vector<8xf32>
  %root = math.sqrt %x : vector<8xf32>
  %y = arith.divf %one, %root : vector<8xf32>
  func.return %y : vector<8xf32>
}
```

The expansions of the elementary functions of `math` and of those of `special` are straight-line code of the same kind,
from 40 operations (`tanh`) to some 200 (`powf` on f64), but for arguments that are rare: those large (`sin, cos, tan`) or
negative (`lgamma, digamma, polygamma`) take a branch. Scalar and vector code is the same. They cover the whole range: NaN,
infinities, signed zeros, subnormal arguments and results. `docs/accuracy.md` has the error of each.

*Requires*: arguments are f32, f64, or rank-1 vectors of them.

*Ensures*: nothing of `special` and of `math` only single instructions are left (`sqrt, fma, absf, floor, ceil, trunc, roundeven, copysign`),
and no operation has fast-math flags that it did not have before.

*Leaves alone*: everything else, and functions that have no expansion.
"""

from collections.abc import Callable
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
}
"""The functions that have an expansion; each takes a `FloatBuilder`, the operands, and the order of `special.polygamma`, and returns the result."""


@dataclass(frozen=True)
class ExpandMathPass(ModulePass):
    """Replace every function in `EXPANSIONS` by its expansion."""

    name = "expand-math"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Expand in every block of the module."""
        del ctx
        for region in op.regions:
            for block in region.blocks:
                _expand_block(block)


def _expand_block(block: Block) -> None:
    """Expand in `block` and the regions of its operations."""
    builders: dict[Attribute, FloatBuilder] = {}
    scratch = OpBuilder(Block())
    op = block.first_op
    while op is not None:
        following = op.next_op
        expansion = EXPANSIONS.get(type(op))
        if expansion is not None:
            value_type = op.results[0].type
            fb = builders.get(value_type)
            if fb is None:
                _check_type(op, value_type)
                fb = builders[value_type] = FloatBuilder(scratch, value_type)
            scratch.location = op.location
            order = (op.order.value.data,) if isinstance(op, special.PolygammaOp) else ()
            result = expansion(fb, *op.operands, *order)
            for new_op in tuple(scratch.block.ops):
                scratch.block.detach_op(new_op)
                block.insert_op_before(new_op, op)
            op.results[0].replace_all_uses_with(result)
            block.erase_op(op)
        else:
            for region in op.regions:
                for inner in region.blocks:
                    _expand_block(inner)
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
