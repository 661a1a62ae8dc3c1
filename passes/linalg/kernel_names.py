"""Names of kernels after what they compute: `fused_add_max_sub_exp_sum_div`, `reduce_max`, `transpose`."""

from collections.abc import Sequence

from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.builtin import IndexType, StringAttr
from xdsl.dialects.linalg.ops import GenericOp, IndexOp, YieldOp
from xdsl.ir import Operation, SSAValue
from xdsl.ir.affine import AffineDimExpr

from dialects.rt import FftOp, RowsOp, ScatterOp, SortRowsOp
from dialects.structured import KERNEL_NAME
from passes.linalg.contractions import is_product_sum
from passes.linalg.maps import accesses, is_running_reduction, iterators, num_parallel

_MAX_PARTS = 6

_NAMES = {
    "addf": "add", "addi": "add", "subf": "sub", "subi": "sub", "mulf": "mul", "muli": "mul",
    "divf": "div", "divsi": "div", "remf": "rem", "remsi": "rem", "negf": "neg",
    "maximumf": "max", "maxsi": "max", "maxui": "max", "maxnumf": "max", "minimumf": "min", "minsi": "min", "minui": "min", "minnumf": "min",
    "andi": "and", "ori": "or", "xori": "xor", "cmpf": "compare", "cmpi": "compare", "select": "select",
    "extf": "convert", "truncf": "convert", "extsi": "convert", "extui": "convert", "trunci": "convert",
    "sitofp": "convert", "uitofp": "convert", "fptosi": "convert", "fptoui": "convert",
    "absf": "abs", "absi": "abs", "powf": "pow", "fpowi": "pow", "ipowi": "pow", "roundeven": "round",
}  # fmt: skip
"""What kernel names say for the operations of `arith` and `math` whose own name has a type in it."""

_MOVING = ("copy", "slice", "broadcast", "fill")
"""Names that say nothing more where a window is written."""

_SILENT = (arith.ConstantOp, YieldOp, scf.ForOp, scf.WhileOp, scf.ConditionOp, scf.YieldOp)


def content_names(op: Operation) -> list[str]:
    """What the structured operation `op` computes, in order, each once."""
    if isinstance(op, ScatterOp):
        return ["scatter"]
    if isinstance(op, FftOp):
        return ["fft"]
    if isinstance(op, RowsOp):
        return ["sort" if isinstance(op, SortRowsOp) else "merge"]
    if isinstance(op, tensor.InsertSliceOp):
        return ["update"]
    if isinstance(op, scf.ForOp):
        name = op.attributes.get(KERNEL_NAME)
        return [name.data if isinstance(name, StringAttr) else "scatter"]
    assert isinstance(op, GenericOp), f"{op.name} has no content name"
    if is_product_sum(op):
        return ["matmul"]
    block = op.regions[0].block
    accumulators = block.args[len(op.operands) - len(op.results) :]
    reduces = has_reduction(op)
    names: dict[str, None] = {}
    positions: set[SSAValue] = set()
    for inner in block.walk():
        if isinstance(inner, tensor.ExtractOp):
            names["gather"] = None
        elif _computes_position(inner, positions):
            positions.update(inner.results)
        elif not isinstance(inner, _SILENT) and not (inner.operands and inner.operands[0] in positions):
            short = inner.name.partition(".")[2]
            name = _NAMES.get(short, short)
            if reduces and any(operand in accumulators for operand in inner.operands):
                name = {"add": "sum", "mul": "prod"}.get(name, name)
                name = f"cum{name}" if is_running_reduction(op) else name
            names[name] = None
    return list(names) or [_moving_name(op)]


def content_name(op: Operation) -> str:
    """What the structured operation `op` computes, for remarks."""
    return "_".join(content_names(op)[:_MAX_PARTS])


def _computes_position(op: Operation, positions: set[SSAValue]) -> bool:
    """Whether `op` computes where to read, or tests a position: no content, but part of how elements move."""
    if isinstance(op, arith.ConstantOp | YieldOp | tensor.ExtractOp | arith.SelectOp):
        return any(isinstance(result.type, IndexType) for result in op.results)
    return any(isinstance(value.type, IndexType) for value in (*op.operands, *op.results)) or (
        bool(op.operands) and all(operand in positions for operand in op.operands)
    )


def has_reduction(op: GenericOp) -> bool:
    """Whether `op` has reduction loops."""
    return num_parallel(op) < len(iterators(op))


def _moving_name(op: GenericOp) -> str:
    """The name of an operation that only moves elements."""
    if len(op.operands) == len(op.results):
        return "fill" if not any(isinstance(inner, IndexOp) for inner in op.regions[0].block.ops) else "iota"
    access = accesses(op)[0]
    positions = [expression.position for expression in access if isinstance(expression, AffineDimExpr)]
    if len(positions) < len(access):
        return "slice"
    if positions != sorted(positions):
        return "transpose"
    return "copy" if len(positions) == num_parallel(op) else "broadcast"


def kernel_name(ops: Sequence[Operation]) -> str:
    """The name of a kernel that computes `ops`."""
    names = list(
        dict.fromkeys(name for op in ops if not isinstance(op, tensor.InsertSliceOp) for name in content_names(op))
    )
    suffix = ""
    if any(isinstance(op, tensor.InsertSliceOp) for op in ops):
        names, suffix = [name for name in names if name not in _MOVING], "update"
    reduces = any(isinstance(op, GenericOp) and has_reduction(op) for op in ops)
    if len(names) > 1:
        names = ["fused", *names[:_MAX_PARTS]]
    elif reduces and names != ["matmul"] and not names[0].startswith("cum"):
        names = ["reduce", *names]
    return "_".join([*names, suffix] if suffix else names)
