"""Names of kernels after what they compute: `fused_add_max_sub_exp_sum_div`, `reduce_max`, `transpose`."""

from collections.abc import Sequence

from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.linalg.ops import GenericOp, IndexOp, YieldOp
from xdsl.ir import Operation
from xdsl.ir.affine import AffineDimExpr

from passes.linalg.maps import accesses, num_parallel

_MAX_PARTS = 6

_NAMES = {
    "addf": "add", "addi": "add", "subf": "sub", "subi": "sub", "mulf": "mul", "muli": "mul",
    "divf": "div", "divsi": "div", "remf": "rem", "remsi": "rem", "negf": "neg",
    "maximumf": "max", "maxsi": "max", "maxnumf": "max", "minimumf": "min", "minsi": "min", "minnumf": "min",
    "andi": "and", "ori": "or", "xori": "xor", "cmpf": "compare", "cmpi": "compare", "select": "select",
    "extf": "convert", "truncf": "convert", "extsi": "convert", "extui": "convert", "trunci": "convert",
    "sitofp": "convert", "uitofp": "convert", "fptosi": "convert", "fptoui": "convert",
    "absf": "abs", "absi": "abs", "powf": "pow", "fpowi": "pow", "ipowi": "pow", "roundeven": "round",
}  # fmt: skip
"""What kernel names say for the operations of `arith` and `math` whose own name has a type in it."""

_SILENT = (arith.ConstantOp, arith.IndexCastOp, IndexOp, YieldOp, tensor.ExtractOp)


def content_names(op: Operation) -> list[str]:
    """What the structured operation `op` computes, in order, each once."""
    if isinstance(op, scf.ForOp):
        return ["scatter"]
    assert isinstance(op, GenericOp), f"{op.name} has no content name"
    block = op.regions[0].block
    accumulators = block.args[len(op.operands) - len(op.results) :]
    reduces = num_parallel(op) < len(op.properties["iterator_types"].data)  # pyright: ignore
    names: dict[str, None] = {}
    gathers = False
    for inner in block.ops:
        if isinstance(inner, _SILENT):
            gathers = gathers or isinstance(inner, tensor.ExtractOp)
            continue
        short = inner.name.partition(".")[2]
        name = _NAMES.get(short, short)
        if reduces and any(operand in accumulators for operand in inner.operands):
            name = {"add": "sum", "mul": "prod"}.get(name, name)
        names[name] = None
    if gathers and len(names) <= 4:
        # The few integer operations of a gather clamp its indices.
        return ["gather", *(name for name in names if name not in {"max", "min", "compare", "select"})]
    return list(names) or [_moving_name(op)]


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
    names = list(dict.fromkeys(name for op in ops for name in content_names(op)))
    if len(names) > 1:
        return "_".join(["fused", *names[:_MAX_PARTS]])
    (only,) = names
    reduces = any(
        isinstance(op, GenericOp) and num_parallel(op) < len(op.properties["iterator_types"].data) for op in ops
    )  # pyright: ignore
    return f"reduce_{only}" if reduces else only
