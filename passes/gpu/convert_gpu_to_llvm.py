"""Convert the kernels of GPU modules to the `llvm` and `nvvm` dialects.

Before:

```mlir
func.func @f(%x: memref<300xf32>, %out: memref<300xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 1 : i64} {
  rt.launch @kernels::@scale over [300] (%x, %out) : memref<300xf32>, memref<300xf32> {rt.grid = array<i64: 2>, rt.block = array<i64: 256>}
  func.return
}
"gpu.module"() <{sym_name = "kernels"}> ({
  "gpu.func"() <{function_type = (memref<300xf32>, memref<300xf32>) -> (), kernel}> ({
  ^bb0(%x: memref<300xf32>, %out: memref<300xf32>):
    %thread = "gpu.thread_id"() <{dimension = #gpu<dim x>}> : () -> index
    %a = memref.load %x[%thread] : memref<300xf32>
    %b = arith.addf %a, %a : f32
    memref.store %b, %out[%thread] : memref<300xf32>
    "gpu.return"() : () -> ()
  }) {sym_name = "scale", gpu.known_block_size = array<i32: 256, 1, 1>} : () -> ()
}) : () -> ()
```

After:

```mlir
func.func @f(%x: memref<300xf32>, %out: memref<300xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 1 : i64} {
  rt.launch @kernels::@scale over [300] (%x, %out) : memref<300xf32>, memref<300xf32> {rt.grid = array<i64: 2>, rt.block = array<i64: 256>}
  func.return
}
"gpu.module"() <{sym_name = "kernels"}> ({
  llvm.func @scale(%x: !llvm.ptr<1> {llvm.noalias, llvm.readonly, llvm.align = 16 : i64}, %out: !llvm.ptr<1> {llvm.noalias, llvm.align = 16 : i64})
      attributes {no_unwind, nvvm.kernel, nvvm.maxntid = array<i32: 256, 1, 1>} {
    %0 = nvvm.read.ptx.sreg.tid.x : i32
    %thread = llvm.zext %0 : i32 to i64
    %1 = llvm.getelementptr inbounds %x[%thread] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
    %a = llvm.load %1 {alignment = 4 : i64} : !llvm.ptr<1> -> f32
    %b = llvm.fadd %a, %a : f32
    %2 = llvm.getelementptr inbounds %out[%thread] : (!llvm.ptr<1>, i64) -> !llvm.ptr<1>, f32
    llvm.store %b, %2 {alignment = 4 : i64} : f32, !llvm.ptr<1>
    llvm.return
  }
}) : () -> ()
```

*Requires*: kernels as `map-to-gpu` leaves them, after `expand-math`.

*Ensures*: GPU modules hold only `llvm` and `nvvm` operations. A kernel has the calling convention `ptx_kernel` (`nvvm.kernel`) and
takes pointers to global memory (address space 1); temporaries are in local memory.

*Leaves alone*: host functions, which the run time interprets, and globals.
"""

from dataclasses import dataclass
from typing import NoReturn

from xdsl.context import Context
from xdsl.dialects import func, gpu, llvm, memref
from xdsl.dialects.builtin import IntAttr, IntegerAttr, MemRefType, ModuleOp, UnitAttr
from xdsl.dialects.llvm import CallingConventionAttr, LinkageAttr, LLVMFunctionType, LLVMPointerType, LLVMVoidType
from xdsl.ir import Attribute, Block, Operation, Region
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from dialects.builder import OpBuilder
from passes.gpu.alignment import aligned_arguments
from passes.gpu.gpu_ids import GPU
from passes.loops.llvm_arguments import aliased_arguments, argument_attributes
from passes.loops.llvm_arith import ARITH
from passes.loops.llvm_control import CONTROL
from passes.loops.llvm_function import Converters, FunctionConversion, convert_type
from passes.loops.llvm_memory import MEMORY
from passes.loops.llvm_vector import VECTOR

GLOBAL_POINTER = LLVMPointerType(IntAttr(1))
_HOST_ONLY = {func.CallOp.name, memref.GetGlobalOp.name}
_CONVERTERS: Converters = {
    name: converter
    for name, converter in {**ARITH, **MEMORY, **VECTOR, **CONTROL, **GPU}.items()
    if name not in _HOST_ONLY
}


@dataclass(frozen=True)
class ConvertGpuToLlvmPass(ModulePass):
    """Convert the kernels of GPU modules to the `llvm` and `nvvm` dialects."""

    name = "convert-gpu-to-llvm"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Convert every GPU module of `op`."""
        del ctx
        aliased, aligned = aliased_arguments(op.body.block.ops), aligned_arguments(op.body.block.ops)
        for module in op.body.block.ops:
            if isinstance(module, gpu.ModuleOp):
                _convert_module(module, aliased, aligned)


def _convert_module(module: gpu.ModuleOp, aliased: dict[str, set[int]], aligned: dict[str, set[int]]) -> None:
    old = module.body.block
    new = Block()
    b = OpBuilder(new)
    for function in list(old.ops):
        if isinstance(function, llvm.FuncOp | llvm.GlobalOp):
            function.detach()
            b.insert(function)
        elif isinstance(function, gpu.FuncOp):
            name = function.sym_name.data
            _convert_kernel(b, function, aliased.get(name, set()), aligned.get(name, set()))
        else:
            _fail(function, f"{function.name} in @{module.sym_name.data}; expected gpu.func kernels")
    module.body.detach_block(old)
    module.body.add_block(new)
    old.erase()


def _convert_kernel(b: OpBuilder, function: gpu.FuncOp, aliased: set[int], aligned: set[int]) -> None:
    """Append the converted kernel; for `aliased` and `aligned` see `argument_attributes`."""
    name = function.sym_name.data
    if function.kernel is None:
        _fail(function, f"@{name} is not a kernel; inline it into its callers")
    if len(function.body.blocks) != 1:
        _fail(function, f"@{name} has several blocks; use scf instead")
    inputs = [_argument_type(argument) for argument in function.function_type.inputs]
    old = function.body.block
    region = Region(block := Block(arg_types=inputs))
    f = FunctionConversion(region, block, _CONVERTERS)
    f.builder.location = function.location
    for before, after in zip(old.args, block.args, strict=True):
        f.values[before] = after
        after.name_hint = before.name_hint
    f.convert_block(old)
    f.builder.create_op(llvm.ReturnOp)
    f.finish()
    attributes: dict[str, Attribute] = {"no_unwind": UnitAttr(), "nvvm.kernel": UnitAttr()}
    if function.known_block_size is not None:
        attributes["nvvm.maxntid"] = function.known_block_size
    properties: dict[str, Attribute] = {
        "sym_name": function.sym_name,
        "function_type": LLVMFunctionType(inputs, LLVMVoidType()),
        "linkage": LinkageAttr("external"),
        "CConv": CallingConventionAttr("ccc"),
        "unnamed_addr": IntegerAttr(0, 64),
        "arg_attrs": argument_attributes(block.args, f.written, aliased, aligned),
    }
    b.location = function.location
    b.create_op(llvm.FuncOp, (), (), properties, regions=[region], attributes=attributes)


def _argument_type(argument: Attribute) -> Attribute:
    """Memory that a kernel is given is global memory of the device."""
    return GLOBAL_POINTER if isinstance(argument, MemRefType) else convert_type(argument)


def _fail(op: Operation, message: str) -> NoReturn:
    """Raise the error about `op`."""
    text = f"{ConvertGpuToLlvmPass.name}: {message}"
    op.emit_error(text, PassFailedException(text))
