"""Which stage a module is at, told from the operations in it."""

from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.linalg.ops import GenericOp

from dialects import rt
from dialects.errors import ArgumentError
from dialects.rt import LapackOp


def stage_of(module: ModuleOp) -> str:
    """The latest stage whose passes have run: `tensor`, `autodiff`, `linalg`, `fused`, `bufferized`, `loops`, `gpu` or `llvm`.

    A module of plain `dlc` operations is at `tensor`, from where nothing is lost by compiling. Raises `ArgumentError` if
    the module has no function with a body.
    """
    functions = [
        op for op in module.walk() if op.name in {"func.func", "llvm.func", "gpu.func"} and op.regions[0].blocks
    ]
    if not functions:
        raise ArgumentError("the module has no function with a body")
    dialects = {op.name.partition(".")[0] for op in module.walk()}
    if any(op.name == "llvm.func" for op in functions):
        return "llvm"
    if "gpu" in dialects:
        return "gpu"
    if "dlc" in dialects:
        return "tensor"
    operations = list(module.walk())
    if any(isinstance(op, func.FuncOp) and "rt.num_inputs" in op.attributes for op in functions):
        if any(isinstance(op, rt.KernelOp) for op in operations):
            raise ArgumentError(
                "the module is between the stages fused and bufferized; run outline-kernels and plan-memory"
            )
        return (
            "bufferized" if any(isinstance(op, GenericOp) or op.name == "linalg.fill" for op in operations) else "loops"
        )
    if any(isinstance(op, rt.KernelOp | rt.GemmOp | LapackOp) for op in operations):
        return "fused"
    return "linalg" if "linalg" in dialects else "tensor"
