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

Ensures: no tensor type is left. Function inputs are never written. A kernel overwrites an operand only if nothing reads
it later and every read in the kernel is at the point that is written (`passes/linalg/storage.py`). Temporaries are `memref.alloc`;
constants that are not splats are `memref.global`.

Leaves alone: the order of operations; functions without a body.
"""

from dataclasses import dataclass
from typing import Any, cast

from xdsl.context import Context
from xdsl.dialects import arith, func, memref, tensor
from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    FunctionType,
    IntegerAttr,
    ModuleOp,
    StringAttr,
    SymbolRefAttr,
    UnitAttr,
    i64,
)
from xdsl.ir import Block, BlockArgument, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from dialects import rt
from dialects.builder import OpBuilder, int_array
from dialects.structured import is_splat_constant
from passes.linalg.bufferize_kernel import NO_OPERANDS, KernelBufferizer, build_memref_fill, to_memref
from passes.linalg.reshape_memref import build_reshape
from passes.linalg.storage import VIEWS, Storage, StoragePlan, plan_storage

_PART_WRITES = (tensor.InsertSliceOp, rt.ScatterOp)
"""Operations that leave the rest of their destination as it is."""


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
                _FunctionBufferizer(op, function, globals_).run()


class _FunctionBufferizer:
    def __init__(self, module: ModuleOp, function: func.FuncOp, globals_: set[str]):
        self.module = module
        self.globals = globals_
        self.function = function
        self.old = function.body.block
        last = self.old.last_op
        if not isinstance(last, func.ReturnOp):
            raise PassFailedException(f"bufferize: @{function.sym_name.data} does not end in func.return")
        self.returned = tuple(last.operands)
        self.plan: StoragePlan = plan_storage(self.old, self.returned)
        inputs = [to_memref(argument.type) for argument in self.old.args]
        outputs = [to_memref(value.type) for value in self.returned]
        self.block = Block(arg_types=[*inputs, *outputs])
        self.builder = OpBuilder(self.block)
        self.out_arguments = self.block.args[len(inputs) :]
        self.memref_of: dict[SSAValue, SSAValue] = {}
        self.buffer_of: dict[int, SSAValue] = {}
        """The buffer of each storage, by identity of the storage."""
        for old, new in zip(self.old.args, self.block.args, strict=False):
            new.name_hint = old.name_hint
            self.memref_of[old] = new
        self._assign_results()

    def _assign_results(self) -> None:
        """Let the first result that lives in a storage be computed in its out-parameter."""
        self.result_of: dict[int, int] = {}
        for index, value in enumerate(self.returned):
            self.out_arguments[index].name_hint = "out" if len(self.returned) == 1 else f"out{index}"
            storage = self.plan.storage_of[value]
            if storage.writable:
                self.result_of.setdefault(id(storage), index)

    def run(self) -> None:
        """Rebuild the function."""
        for op in self.old.ops:
            self.builder.location = op.location
            if isinstance(op, rt.KernelOp):
                self._kernel(op)
            elif isinstance(op, rt.GemmOp):
                self._gemm(op)
            elif isinstance(op, VIEWS):
                self._view(op)
            elif isinstance(op, arith.ConstantOp):
                self._constant(op)
            elif isinstance(op, func.ReturnOp):
                self._return()
            else:
                raise PassFailedException(
                    f"bufferize: {op.name} stands outside a kernel; run form-kernels and select-libraries first"
                )
        types = [argument.type for argument in self.block.args]
        self.function.properties["function_type"] = FunctionType.from_lists(types, [])
        self.function.properties.pop("arg_attrs", None)
        self.function.properties.pop("res_attrs", None)
        self.function.attributes["rt.num_inputs"] = IntegerAttr(len(self.old.args), i64)
        self.function.detach_region(self.function.body)
        self.function.add_region(Region(self.block))

    def _buffer(self, value: SSAValue) -> SSAValue:
        """The memref that an operation writes its result `value` to."""
        storage: Storage = self.plan.storage_of[value]
        wanted = to_memref(value.type)
        root = self.buffer_of.get(id(storage))
        if root is None:
            index = self.result_of.get(id(storage))
            if index is None:
                root = self.builder.create(memref.AllocOp, (), wanted, {"operandSegmentSizes": NO_OPERANDS})
                root.name_hint = value.name_hint
            else:
                root = self.out_arguments[index]
            self.buffer_of[id(storage)] = root
        return build_reshape(self.builder, root, wanted.get_shape())

    def _kernel(self, op: rt.KernelOp) -> None:
        overwritten = {self.plan.in_place.get((op, index)) for index in range(len(op.outputs))}
        read = [i for i, a in enumerate(op.body.block.args) if i in overwritten or not _is_only_written_into(a)]
        inputs = [self.memref_of[op.inputs[i]] for i in read]
        names = [op.body.block.args[i].name_hint for i in read]
        place = {old: new for new, old in enumerate(read)}
        destinations: list[int] = []
        for index, result in enumerate(op.outputs):
            operand = self.plan.in_place.get((op, index))
            if operand is None:
                inputs.append(self._buffer(result))
                self._copy_around_window(op, index, inputs[-1])
                names.append("out" if len(op.outputs) == 1 else f"out{index}")
                destinations.append(len(inputs) - 1)
                self.memref_of[result] = inputs[-1]
            else:
                destinations.append(place[operand])
                self.memref_of[result] = inputs[place[operand]]
        block = Block(arg_types=[value.type for value in inputs])
        for argument, name in zip(block.args, names, strict=True):
            argument.name_hint = name
        arguments = {old: block.args[new] for old, new in place.items()}
        KernelBufferizer(op, block, arguments, [block.args[i] for i in destinations]).run()
        self.builder.create_op(
            rt.KernelOp, inputs, (), dict(op.properties), regions=[Region(block)], attributes=dict(op.attributes)
        )

    def _copy_around_window(self, op: rt.KernelOp, index: int, target: SSAValue) -> None:
        """Let `target` hold the rest of result `index` of a kernel, if the kernel writes only a window of it."""
        write = cast(rt.YieldOp, op.body.block.last_op).values[index].owner
        if isinstance(write, _PART_WRITES) and isinstance(write.dest, BlockArgument):
            self.builder.create_op(memref.CopyOp, (self.memref_of[op.inputs[write.dest.index]], target))

    def _gemm(self, op: rt.GemmOp) -> None:
        assert op.result is not None
        out = self._buffer(op.result)
        self.memref_of[op.result] = out
        operands = (self.memref_of[op.lhs], self.memref_of[op.rhs], out)
        properties = {name: value for name, value in op.properties.items() if name != "operandSegmentSizes"}
        self.builder.create_op(rt.GemmOp, operands, (), properties, attributes=dict(op.attributes))

    def _view(self, op: Operation) -> None:
        source = self.memref_of[op.operands[0]]
        result_type = cast(Any, op.results[0].type)
        self.memref_of[op.results[0]] = build_reshape(self.builder, source, result_type.get_shape())

    def _constant(self, op: arith.ConstantOp) -> None:
        """A tensor constant: a fill kernel for a splat, else a global."""
        if not isinstance(op.value, DenseIntOrFPElementsAttr):
            return  # a scalar, used inside kernels only
        if is_splat_constant(op.result):
            self.memref_of[op.result] = self._splat(op)
            return
        memref_type = to_memref(op.result.type)
        symbol = f"constant_{len(self.globals)}"
        while symbol in self.globals:
            symbol += "_"
        self.globals.add(symbol)
        first = self.module.body.block.first_op
        global_op = memref.GlobalOp.get(
            StringAttr(symbol),
            memref_type,
            DenseIntOrFPElementsAttr(op.value.type, op.value.data),
            constant=UnitAttr(),
            alignment=64,
        )
        assert first is not None
        self.module.body.block.insert_op_before(global_op, first)
        self.memref_of[op.result] = self.builder.create(
            memref.GetGlobalOp, (), memref_type, {"name": SymbolRefAttr(symbol)}
        )

    def _splat(self, op: arith.ConstantOp) -> SSAValue:
        """A constant tensor with one value, needed in memory: a kernel that fills a flat buffer."""
        memref_type = to_memref(op.result.type)
        buffer = self.builder.create(memref.AllocOp, (), memref_type, {"operandSegmentSizes": NO_OPERANDS})
        size = 1
        for extent in memref_type.get_shape():
            size *= extent
        flat = build_reshape(self.builder, buffer, (size,))
        block = Block(arg_types=[flat.type])
        inner = OpBuilder(block, op.location)
        element = memref_type.element_type
        value = cast(DenseIntOrFPElementsAttr, op.value).get_values()[0] if size else 0
        scalar = inner.constant(cast(float, value), element)
        build_memref_fill(inner, scalar, block.args[0])
        inner.create_op(rt.YieldOp)
        self.builder.create_op(
            rt.KernelOp,
            (flat,),
            (),
            {"kernel_name": StringAttr("fill"), "tile": int_array((size,))},
            regions=[Region(block)],
        )
        return buffer

    def _return(self) -> None:
        for value, out in zip(self.returned, self.out_arguments, strict=True):
            source = self.memref_of[value]
            if _root(source) is not out:
                self.builder.create_op(memref.CopyOp, (source, out))
        self.builder.create_op(func.ReturnOp)


def _is_only_written_into(argument: BlockArgument) -> bool:
    """Whether all that a kernel does with an operand is to write a window of a copy of it."""
    return argument.first_use is not None and all(
        isinstance(use.operation, _PART_WRITES) and use.operation.dest is argument and argument.has_one_use()
        for use in argument.uses
    )


def _root(value: SSAValue) -> SSAValue:
    owner = value.owner
    while isinstance(owner, memref.CollapseShapeOp | memref.ExpandShapeOp):
        value = owner.operands[0]
        owner = value.owner
    return value
