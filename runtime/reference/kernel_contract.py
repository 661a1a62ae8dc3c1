"""What `rt.kernel` promises about its region on tensors, so that any point of its tile can be computed alone."""

from collections.abc import Sequence
from typing import cast

from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.builtin import TensorType
from xdsl.dialects.linalg.ops import FillOp, GenericOp
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineExpr

from dialects import rt
from dialects.rt import RowsOp
from dialects.structured import is_scalar_code
from runtime.reference.machine import violation
from runtime.reference.structured_rules import loops_of

_OTHERS = (arith.ConstantOp, tensor.EmptyOp, FillOp, rt.YieldOp)


def check_kernel(kernel: rt.KernelOp) -> None:
    """Check a kernel on tensors.

    Raises:
        InternalError: an operation that may not be in a kernel, loops that do not start with the tile, or a value of the
            kernel that is read at another point of the tile.
    """
    tile = tuple(cast(Sequence[int], kernel.tile.get_values()))
    here = tuple(AffineExpr.dimension(dim) for dim in range(len(tile)))
    if not any(isinstance(result.type, TensorType) for result in kernel.results):
        return
    computed: set[SSAValue] = set()
    for op in kernel.body.block.ops:
        if isinstance(op, GenericOp):
            loops = loops_of(op)
            if loops.num_parallel < len(tile) or loops.extents[: len(tile)] != tile:
                raise violation(op, f"has the loops {loops.extents}, which do not start with the tile {tile}")
            for value, access in zip(op.operands, loops.maps, strict=True):
                if value in computed and access[: len(tile)] != here:
                    raise violation(op, "reads a value of its kernel at another point of the tile")
            for inner in op.body.block.ops:
                if isinstance(inner, tensor.ExtractOp) and inner.tensor in computed:
                    raise violation(inner, "reads a value of its own kernel")
            computed.update(op.results)
        elif isinstance(op, tensor.InsertSliceOp):
            if op.source not in computed or op.dest in computed:
                raise violation(op, "does not write a value of its kernel into a tensor from outside")
            if any(not isinstance(use.operation, rt.YieldOp) for use in op.result.uses):
                raise violation(op, "is read in its own kernel")
        elif isinstance(op, rt.ScatterOp | rt.FftOp | RowsOp):
            if tile != op.parallel or computed:
                raise violation(op, f"does not stand alone in a kernel with tile {op.parallel}")
            computed.update(op.results)
        elif isinstance(op, scf.ForOp):
            if tile:
                raise violation(op, f"stands in a kernel with tile {tile}, expected an empty tile")
            computed.update(op.results)
        elif isinstance(op, tensor.ExtractOp) and op.tensor in computed:
            raise violation(op, "reads a value of its own kernel")
        elif not (isinstance(op, _OTHERS) or is_scalar_code(op)):
            raise violation(op, "may not stand in a kernel")
