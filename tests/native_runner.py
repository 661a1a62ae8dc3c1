"""Run IR of the `loops` level on NumPy arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from compiler.source_ir import make_context
from passes.loops.convert_to_llvm import ConvertToLlvmPass
from passes.loops.expand_math import ExpandMathPass
from runtime import native
from runtime.imported_functions import function_addresses, imported_functions
from runtime.llvm_text import emit_llvm


def lower_to_text(module: str | ModuleOp, fast: bool = False, exponents: bool = False) -> str:
    """The LLVM text of a module of the `loops` level, with the options of `expand-math`; a `ModuleOp` is changed in place."""
    context = make_context()
    if isinstance(module, str):
        module = Parser(context, module).parse_module()
    ExpandMathPass(fast=fast, exponents=exponents).apply(context, module)
    ConvertToLlvmPass().apply(context, module)
    return emit_llvm(module)


def run_loops(module: str | ModuleOp, name: str, arrays: Sequence[Any], arena: int = 0) -> None:
    """Run the host function `name` in place on `arrays` (inputs, then results), with an arena of `arena` bytes."""
    text = lower_to_text(module)
    program = native.load(native.emit_object(text), function_addresses(imported_functions(text)))
    for array in arrays:
        assert array.flags.c_contiguous, "run_loops: arrays must be C-contiguous"
    scratch = np.empty(arena + 64, np.uint8)
    aligned = -(-scratch.ctypes.data // 64) * 64
    program.call(name, [*(array.ctypes.data for array in arrays), aligned])
