"""Give every tensor a buffer: tensors become memrefs, results become out-parameters, kernels write in place where they may.

Before:

```mlir
func.func @f(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = rt.kernel "exp" tile [8] ins(%a = %x : tensor<8xf32>) -> (tensor<8xf32>) {
    %e = tensor.empty() : tensor<8xf32>
    %1 = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
        ins(%a : tensor<8xf32>) outs(%e : tensor<8xf32>) {
    ^bb0(%p: f32, %o: f32):
      %q = math.exp %p : f32
      linalg.yield %q : f32
    } -> tensor<8xf32>
    rt.yield %1 : tensor<8xf32>
  }
  func.return %0 : tensor<8xf32>
}
```

After:

```mlir
func.func @f(%x: memref<8xf32>, %out: memref<8xf32>) attributes {rt.num_inputs = 1 : i64} {
  rt.kernel "exp" tile [8] ins(%a = %x : memref<8xf32>, %r = %out : memref<8xf32>) {
    linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
        ins(%a : memref<8xf32>) outs(%r : memref<8xf32>) {
    ^bb0(%p: f32, %o: f32):
      %q = math.exp %p : f32
      linalg.yield %q : f32
    }
    rt.yield
  }
  func.return
}
```

Requires: the `fused` stage, without calls.

Ensures: no tensor type is left. Function inputs are never written but for those in
`rt.donated`; `rt.result_inputs` says which results lie in them. A kernel overwrites an operand only if nothing reads
it later and every read in the kernel is at the point that is written (`passes/linalg/storage.py`). Loops and branches write to buffers
from outside and carry pointers only where buffers take turns (`passes/linalg/storage_planner.py`). Temporaries are `memref.alloc`, in
the block that needs them; constants that are not splats are `memref.global`.

Leaves alone: the order of operations; functions without a body.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from xdsl.context import Context
from xdsl.dialects import func, memref
from xdsl.dialects.builtin import FunctionType, IntegerAttr, ModuleOp, i64
from xdsl.ir import Block, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from dialects.builder import OpBuilder, int_array, int_tuple
from dialects.remarks import emit_remark
from dialects.rt import DONATED, RESULT_INPUTS
from passes.linalg.bufferize_host import HostBufferizer
from passes.linalg.bufferize_kernel import to_memref
from passes.linalg.storage import StoragePlan
from passes.linalg.storage_planner import plan_storage


@dataclass(frozen=True)
class BufferizePass(ModulePass):
    """Turn tensors into memrefs and results into out-parameters."""

    name = "bufferize"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Bufferize every function with a body."""
        del ctx
        globals_ = {other.sym_name.data for other in op.body.block.ops if isinstance(other, memref.GlobalOp)}
        for function in list(op.body.block.ops):
            if isinstance(function, func.FuncOp) and function.body.blocks:
                _bufferize(op, function, globals_)


def _bufferize(module: ModuleOp, function: func.FuncOp, globals_: set[str]) -> None:
    old = function.body.block
    last = old.last_op
    if not isinstance(last, func.ReturnOp):
        raise PassFailedException(f"bufferize: @{function.sym_name.data} does not end in func.return")
    inputs = [to_memref(argument.type) for argument in old.args]
    outputs = [to_memref(value.type) for value in last.operands]
    block = Block(arg_types=[*inputs, *outputs])
    donated = int_tuple(function.attributes.get(DONATED))
    host = HostBufferizer(module, globals_, plan_storage(old, donated), OpBuilder(block))
    for before, after in zip(old.args, block.args, strict=False):
        after.name_hint = before.name_hint
        host.values[before] = after
    for index in donated:
        host.buffer_of[host.plan.storage_of[old.args[index]]] = block.args[index]
    out_arguments = block.args[len(inputs) :]
    taken = _results_in_inputs(host.plan, old, last.operands, donated)
    for index, (value, out) in enumerate(zip(last.operands, out_arguments, strict=True)):
        out.name_hint = "out" if len(outputs) == 1 else f"out{index}"
        storage = host.plan.storage_of[value]
        if storage.is_free and value not in host.plan.parts:
            host.buffer_of.setdefault(storage, out)
    host.build(old)
    for value, out, source in zip(last.operands, out_arguments, taken, strict=True):
        if source < 0:
            host.copy(host.values[value], out)
    host.builder.create_op(func.ReturnOp)
    for op in list(block.walk()):
        if isinstance(op, memref.AllocOp) and op.memref.first_use is None:
            cast(Block, op.parent).erase_op(op)  # a tensor.empty whose contents nothing needed
    function.properties["function_type"] = FunctionType.from_lists([*inputs, *outputs], [])
    function.properties.pop("arg_attrs", None)
    function.properties.pop("res_attrs", None)
    function.attributes["rt.num_inputs"] = IntegerAttr(len(inputs), i64)
    if donated:
        function.attributes[RESULT_INPUTS] = int_array(taken)
        _tell_what_is_reused(old, donated, taken)
    function.detach_region(function.body)
    function.add_region(Region(block))


def _results_in_inputs(
    plan: StoragePlan, block: Block, results: Sequence[SSAValue], donated: Sequence[int]
) -> tuple[int, ...]:
    """For each result, the donated input in whose memory it is computed; -1 if there is none, or another result takes it."""
    inputs = {plan.storage_of[block.args[index]]: index for index in donated}
    taken: list[int] = []
    for value in results:
        index = -1 if value in plan.parts else inputs.pop(plan.storage_of[value], -1)
        taken.append(index)
    return tuple(taken)


def _tell_what_is_reused(block: Block, donated: Sequence[int], taken: Sequence[int]) -> None:
    for index in donated:
        argument = block.args[index]
        what = f"the donated input {index} ({argument.type})"
        if index in taken:
            emit_remark("passed", "bufferize", f"result {taken.index(index)} takes the memory of {what}")
        else:
            emit_remark(
                "missed", "bufferize", f"no result takes the memory of {what}: none is computed from it point by point"
            )
