"""Modules as text, at IR stages and at those that LLVM prints."""

from io import StringIO

from xdsl.dialects.builtin import ModuleOp
from xdsl.printer import Printer

from compiler.options import CompileOptions
from compiler.pipelines import Target


def to_text(module: ModuleOp, *, debug_info: bool = False) -> str:
    """The text of a module, as `dlc-opt` prints it."""
    stream = StringIO()
    Printer(stream, print_debuginfo=debug_info).print_op(module)
    return stream.getvalue() + "\n"


def machine_text(module: ModuleOp, stage: str, target: Target, options: CompileOptions) -> str:
    """A text stage (`llvm-opt`, `asm`, `ptx`) of a module in the `llvm` dialect."""
    from runtime.llvm_text import emit_llvm

    text = emit_llvm(module)
    if target == "cuda":
        from compiler.cuda import device_text

        return device_text(text, stage, options)
    from runtime.native import emit_assembly, emit_llvm_ir

    return emit_llvm_ir(text) if stage == "llvm-opt" else emit_assembly(text)
