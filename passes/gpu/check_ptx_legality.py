"""Check that LLVM can turn every kernel into PTX.

LLVM's NVPTX back end ends the process, or calls functions that do not exist, where it meets an operation that it cannot select. This
pass raises an error instead, which says what and where, and changes nothing.

Before:

```mlir
"gpu.module"() <{sym_name = "kernels"}> ({
  llvm.func @root(%x: !llvm.ptr<1>) attributes {nvvm.kernel} {
    %a = llvm.load %x {alignment = 4 : i64} : !llvm.ptr<1> -> f32
    %b = llvm.intr.sqrt(%a) : (f32) -> f32
    llvm.store %b, %x {alignment = 4 : i64} : f32, !llvm.ptr<1>
    llvm.return
  }
}) : () -> ()
```

After:

```mlir
"gpu.module"() <{sym_name = "kernels"}> ({
  llvm.func @root(%x: !llvm.ptr<1>) attributes {nvvm.kernel} {
    %a = llvm.load %x {alignment = 4 : i64} : !llvm.ptr<1> -> f32
    %b = llvm.intr.sqrt(%a) : (f32) -> f32
    llvm.store %b, %x {alignment = 4 : i64} : f32, !llvm.ptr<1>
    llvm.return
  }
}) : () -> ()
```

*Requires*: GPU modules of `llvm` and `nvvm` operations (after `convert-gpu-to-llvm`).

*Ensures*: only intrinsics that NVPTX selects and computes exactly, or that the `nvvm` dialect names; calls of functions of the same
module; integers of at most 64 bits where they meet floats; arguments and local memory within the limits of PTX.

*Leaves alone*: everything.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any, NoReturn, cast

from xdsl.context import Context
from xdsl.dialects import gpu, llvm
from xdsl.dialects.builtin import (
    BFloat16Type,
    Float16Type,
    Float32Type,
    Float64Type,
    IntegerType,
    ModuleOp,
    VectorType,
)
from xdsl.dialects.llvm import LLVMArrayType, LLVMPointerType
from xdsl.ir import Attribute, Operation
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from dialects import llvm as ours
from dialects.llvm_intrinsics import IntrinsicOp
from dialects.ptx_intrinsics import is_selectable

MAX_ARGUMENT_BYTES = 4096
MAX_LOCAL_BYTES = 512 * 1024
MAX_LANES = 16

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_$]*|[_$%][A-Za-z0-9_$]+")
_EXPAND = "run expand-math before map-to-gpu"
_FLOAT_CONVERSIONS = (ours.FPToSIOp, ours.FPToUIOp, ours.UIToFPOp, llvm.SIToFPOp)


@dataclass(frozen=True)
class CheckPtxLegalityPass(ModulePass):
    """Raise an error for what NVPTX cannot select."""

    name = "check-ptx-legality"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Check every GPU module of `op`."""
        del ctx
        for module in op.body.block.ops:
            if isinstance(module, gpu.ModuleOp):
                _check_module(module)


def _check_module(module: gpu.ModuleOp) -> None:
    functions = [op for op in module.body.block.ops if isinstance(op, llvm.FuncOp)]
    defined = {op.sym_name.data for op in functions if op.body.blocks}
    for top in module.body.block.ops:
        if not isinstance(top, llvm.FuncOp):
            _refuse(top, "", f"{top.name} at the top of a GPU module", "run convert-gpu-to-llvm first")
    for function in functions:
        _Check(function, defined).run()


class _Check:
    """The check of one function; `defined` are the functions of its module."""

    def __init__(self, function: llvm.FuncOp, defined: set[str]):
        self.function = function
        self.name = function.sym_name.data
        self.defined = defined
        self.local_bytes = 0

    def run(self) -> None:
        if _IDENTIFIER.fullmatch(self.name) is None:
            self.refuse(self.function, "the name is no PTX identifier", "use letters, digits, _ and $")
        size = 8 * len(self.function.function_type.inputs)
        if size > MAX_ARGUMENT_BYTES:
            self.refuse(
                self.function,
                f"{size} bytes of arguments, more than the {MAX_ARGUMENT_BYTES} that PTX allows",
                "lower max_group_size in CompileOptions, which makes smaller kernels",
            )
        for block in self.function.body.blocks:
            for op in block.ops:
                self.check(op)
        if self.local_bytes > MAX_LOCAL_BYTES:
            self.refuse(
                self.function,
                f"{self.local_bytes} bytes of local memory for each thread, more than the {MAX_LOCAL_BYTES} that PTX allows",
                "lower max-local-bytes of map-to-gpu",
            )

    def check(self, op: Operation) -> None:
        for value_type in [*(value.type for value in op.operands), *(value.type for value in op.results)]:
            if not _is_legal_type(value_type):
                self.refuse(
                    op,
                    f"type {value_type}",
                    "use i1 to i64, floats of at most 64 bits, pointers, or vectors of 2, 4, 8 or 16",
                )
        rule = _RULES.get(type(op))
        if rule is not None:
            rule(self, op)
        elif isinstance(op, IntrinsicOp):
            self.check_intrinsic(op, op.intrinsic_name())
        elif op.name.startswith("llvm.intr."):
            self.check_intrinsic(op, f"llvm.{op.name.removeprefix('llvm.intr.')}")
        elif not op.name.startswith("llvm."):
            self.refuse(op, "which is no llvm operation", "run convert-gpu-to-llvm first")

    def check_intrinsic(self, op: Operation, name: str) -> None:
        if not is_selectable(name):
            self.refuse(op, f"the intrinsic {name} has no PTX instruction that computes it exactly", _EXPAND)

    def check_call(self, op: llvm.CallOp) -> None:
        if op.callee is None:
            self.refuse(op, "an indirect call", "call a function of the module by its name")
        callee = op.callee.root_reference.data
        if callee not in self.defined:
            self.refuse(
                op, f"@{callee} is not defined in the GPU module", "there are no libraries on the device; inline it"
            )

    def check_remainder(self, op: Operation) -> None:
        self.refuse(op, "the quotient is rounded on the device, so large ones are wrong", "use dlc.rem, which is exact")

    def check_conversion(self, op: Operation) -> None:
        for value in (*op.operands, *op.results):
            if _width(value.type) > 64:
                self.refuse(op, f"{value.type} as a float", "convert to i64 first")

    def count_local(self, op: llvm.AllocaOp) -> None:
        self.local_bytes += _bytes(op.elem_type)

    def refuse(self, op: Operation, problem: str, advice: str) -> NoReturn:
        """Raise the error about `op`."""
        _refuse(op, f" in @{self.name}", problem, advice)


def _refuse(op: Operation, where: str, problem: str, advice: str) -> NoReturn:
    types = ", ".join(str(operand.type) for operand in op.operands)
    on = f" on ({types})" if types else ""
    message = f"check-ptx-legality: {op.name}{on}{where}: {problem}; {advice}"
    op.emit_error(message, PassFailedException(message))


def _is_legal_type(value_type: Attribute) -> bool:
    if isinstance(value_type, VectorType):
        vector = cast(VectorType[Any], value_type)
        lanes = prod(vector.get_shape())
        is_legal_size = lanes & (lanes - 1) == 0 and lanes <= MAX_LANES
        return is_legal_size and not vector.get_num_scalable_dims() and _is_legal_type(vector.element_type)
    if isinstance(value_type, BFloat16Type | Float16Type | Float32Type | Float64Type | LLVMPointerType):
        return True
    return _width(value_type) in (1, 8, 16, 32, 64, 128)  # 128 for the full product of two i64


def _width(value_type: Attribute) -> int:
    """The bits of an integer; 0 for other types."""
    return cast(Any, value_type).width.data if isinstance(value_type, IntegerType) else 0


def _bytes(value_type: Attribute) -> int:
    if isinstance(value_type, LLVMArrayType):
        return value_type.size.data * _bytes(value_type.type)
    if isinstance(value_type, VectorType):
        vector = cast(VectorType[Any], value_type)
        return prod(vector.get_shape()) * _bytes(vector.element_type)
    if isinstance(value_type, LLVMPointerType):
        return 8
    return max(8, cast(Any, value_type).bitwidth) // 8


_RULES: dict[type[Operation], Callable[[_Check, Any], None]] = {
    llvm.CallOp: _Check.check_call,
    llvm.CallIntrinsicOp: lambda check, op: check.check_intrinsic(op, op.intrin.data),
    llvm.FRemOp: _Check.check_remainder,
    llvm.AllocaOp: _Check.count_local,
    **dict.fromkeys(_FLOAT_CONVERSIONS, _Check.check_conversion),
}
