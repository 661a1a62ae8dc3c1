"""Convert functions on memrefs to the `llvm` dialect.

Before:

```mlir
func.func private @scale(%lo: index, %hi: index, %x: memref<8x4xf32>, %y: memref<8x4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %lo to %hi step %c1 {
    %v = vector.load %x[%i, %c0] : memref<8x4xf32>, vector<4xf32>
    %w = arith.addf %v, %v : vector<4xf32>
    vector.store %w, %y[%i, %c0] : memref<8x4xf32>, vector<4xf32>
  }
  func.return
}
func.func @double(%x: memref<8x4xf32>, %y: memref<8x4xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 1 : i64} {
  rt.launch @scale over [8] (%x, %y) : memref<8x4xf32>, memref<8x4xf32>
  func.return
}
```

After:

```mlir
llvm.func internal @scale(%lo: i64, %hi: i64, %x: !llvm.ptr {llvm.noalias, llvm.readonly}, %y: !llvm.ptr {llvm.noalias})
    attributes {no_unwind} {
  %c1 = llvm.mlir.constant(1) : i64
  %c4 = llvm.mlir.constant(4) : i64
  %0 = llvm.icmp "slt" %lo, %hi : i64
  llvm.cond_br %0, ^loop(%lo : i64), ^after
^loop(%i: i64):
  %1 = llvm.mul %i, %c4 overflow<nsw> : i64
  %2 = llvm.getelementptr inbounds %x[%1] : (!llvm.ptr, i64) -> !llvm.ptr, f32
  %3 = llvm.load %2 {alignment = 4 : i64} : !llvm.ptr -> vector<4xf32>
  %4 = llvm.fadd %3, %3 : vector<4xf32>
  %5 = llvm.mul %i, %c4 overflow<nsw> : i64
  %6 = llvm.getelementptr inbounds %y[%5] : (!llvm.ptr, i64) -> !llvm.ptr, f32
  llvm.store %4, %6 {alignment = 4 : i64} : vector<4xf32>, !llvm.ptr
  %7 = llvm.add %i, %c1 overflow<nsw> : i64
  %8 = llvm.icmp "slt" %7, %hi : i64
  llvm.cond_br %8, ^loop(%7 : i64), ^after
^after:
  llvm.return
}
llvm.func @double(%table: !llvm.ptr) attributes {
    no_unwind, rt.num_inputs = 1 : i64, rt.signature = (memref<8x4xf32>, memref<8x4xf32>, memref<0xi8>) -> ()} {
  %c0 = llvm.mlir.constant(0) : i64
  %c8 = llvm.mlir.constant(8) : i64
  %0 = llvm.load %table {alignment = 8 : i64} : !llvm.ptr -> !llvm.ptr
  %1 = llvm.getelementptr inbounds %table[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
  %2 = llvm.load %1 {alignment = 8 : i64} : !llvm.ptr -> !llvm.ptr
  llvm.call @scale(%c0, %c8, %0, %2) : (i64, i64, !llvm.ptr, !llvm.ptr) -> ()
  llvm.return
}
```

*Requires*: the `loops` level after `expand-math`; static contiguous memrefs; accesses in bounds; vectors of rank 1.

*Ensures*: only `llvm` operations. A function with `rt.num_inputs` takes one pointer to a table of pointers (inputs, results,
arena); its attributes stay, and `rt.signature` keeps its type. Private functions are internal. `index` is `i64`, an `i1` in
memory is a byte. Matrix products are calls of external `cblas_` functions,
factorizations of LAPACK's.

*Leaves alone*: operations of the `llvm` dialect at the top of the module.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func, llvm, memref
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, UnitAttr
from xdsl.dialects.llvm import LLVMFunctionType
from xdsl.ir import Attribute, Block, Region
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from dialects.builder import OpBuilder
from dialects.llvm import FenceOp
from dialects.rt import MAX_THREADS
from passes.loops.llvm_arguments import aliased_arguments, argument_attributes, kernels_to_inline
from passes.loops.llvm_arith import ARITH
from passes.loops.llvm_calls import CALLS, declare_called
from passes.loops.llvm_control import CONTROL
from passes.loops.llvm_exponents import EXPONENTS
from passes.loops.llvm_function import POINTER, Converters, FunctionConversion, convert_type, function_properties
from passes.loops.llvm_host import convert_host_block
from passes.loops.llvm_memory import MEMORY, convert_global
from passes.loops.llvm_vector import VECTOR

_CONVERTERS: Converters = {**ARITH, **EXPONENTS, **MEMORY, **VECTOR, **CONTROL, **CALLS}


@dataclass(frozen=True)
class ConvertToLlvmPass(ModulePass):
    """Convert functions on memrefs to the `llvm` dialect."""

    name = "convert-to-llvm"

    def apply(self, ctx: Context, op: ModuleOp) -> None:  # noqa: ARG002
        """Convert all top-level operations of `op`."""
        old = op.body.block
        new = Block()
        aliased = aliased_arguments(old.ops)
        inlined = kernels_to_inline(old.ops)
        builder = OpBuilder(new)
        called: dict[str, LLVMFunctionType] = {}
        for top in list(old.ops):
            builder.location = top.location
            if isinstance(top, func.FuncOp):
                name = top.sym_name.data
                called |= _convert_function(builder, top, aliased.get(name, set()), name in inlined)
            elif isinstance(top, memref.GlobalOp):
                convert_global(builder, top)
            elif top.name.startswith("llvm."):
                top.detach()
                builder.insert(top)
            else:
                raise PassFailedException(
                    f"convert-to-llvm: {top.name} at the top of the module; expected functions and globals"
                )
        defined = {top.sym_name.data for top in new.ops if isinstance(top, llvm.FuncOp)}
        declare_called(builder, {name: called[name] for name in called if name not in defined})
        op.body.detach_block(old)
        op.body.add_block(new)


def _convert_function(
    builder: OpBuilder, function: func.FuncOp, aliased: set[int], is_inlined: bool
) -> dict[str, LLVMFunctionType]:
    """Append the converted function; return the functions that it calls, with their types.

    `aliased` numbers the memref arguments that may be passed the same memory as another one. `is_inlined` tells LLVM to
    inline the function.
    """
    is_host = "rt.num_inputs" in function.attributes
    is_private = function.sym_visibility is not None and function.sym_visibility.data == "private"
    inputs: list[Attribute] = [POINTER] if is_host else [convert_type(t) for t in function.function_type.inputs]
    outputs = [convert_type(t) for t in function.function_type.outputs]
    if len(outputs) > 1:
        raise PassFailedException(f"convert-to-llvm: @{function.sym_name.data} has {len(outputs)} results, at most 1")
    region = Region()
    is_internal = is_private and not function.is_declaration
    properties = function_properties(function.sym_name, inputs, *outputs, is_internal=is_internal)
    called: dict[str, LLVMFunctionType] = {}
    if not function.is_declaration:
        f = _convert_body(function, region, inputs, is_host)
        called = f.called
        for part in f.parts:
            builder.insert(part)
        if not is_host:
            properties["arg_attrs"] = argument_attributes(region.blocks[0].args, f.written, aliased, set())
    attributes: dict[str, Attribute] = {"no_unwind": UnitAttr()}
    if is_inlined:
        attributes["always_inline"] = UnitAttr()
    if is_host:
        attributes |= {**function.attributes, "rt.signature": function.function_type}
    builder.create_op(llvm.FuncOp, (), (), properties, regions=[region], attributes=attributes)
    return called


def _convert_body(
    function: func.FuncOp, region: Region, inputs: Sequence[Attribute], is_host: bool
) -> FunctionConversion:
    if len(function.body.blocks) > 1:
        raise PassFailedException(f"convert-to-llvm: @{function.sym_name.data} has several blocks; use scf instead")
    block = Block(arg_types=inputs)
    region.add_block(block)
    limit = function.attributes.get(MAX_THREADS)
    max_threads = limit.value.data if isinstance(limit, IntegerAttr) else 0
    f = FunctionConversion(region, block, _CONVERTERS, function.sym_name.data, max_threads)
    old = function.body.block
    f.builder.location = function.location
    if is_host:
        last = convert_host_block(f, block.args[0], old)
    else:
        for old_argument, argument in zip(old.args, block.args, strict=True):
            f.values[old_argument] = argument
            argument.name_hint = old_argument.name_hint
        last = f.convert_block(old)
    if f.has_streams:
        f.builder.create_op(FenceOp)
    f.builder.create_op(llvm.ReturnOp, f.operands(last))
    f.finish()
    return f
