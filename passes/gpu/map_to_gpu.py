"""Map kernels to the GPU: one thread per point of the tile space.

Before:

```mlir
func.func @f(%x: memref<300xf32>, %out: memref<300xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 1 : i64, rt.peak_lower_bound = 0 : i64} {
  rt.launch @scale over [300] (%x, %out) : memref<300xf32>, memref<300xf32>
  func.return
}
func.func private @scale(%lo: index, %hi: index, %x: memref<300xf32>, %out: memref<300xf32>) {
  %one = arith.constant 1 : index
  scf.for %i = %lo to %hi step %one {
    %a = memref.load %x[%i] : memref<300xf32>
    %b = arith.addf %a, %a : f32
    memref.store %b, %out[%i] : memref<300xf32>
  }
  func.return
}
```

After:

```mlir
func.func @f(%x: memref<300xf32>, %out: memref<300xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 1 : i64, rt.peak_lower_bound = 0 : i64} {
  rt.launch @kernels::@scale over [300] (%x, %out) : memref<300xf32>, memref<300xf32> {rt.grid = array<i64: 10>, rt.block = array<i64: 32>}
  func.return
}
"gpu.module"() <{sym_name = "kernels"}> ({
  "gpu.func"() <{function_type = (memref<300xf32>, memref<300xf32>) -> (), kernel}> ({
  ^bb0(%x: memref<300xf32>, %out: memref<300xf32>):
    %block = "gpu.block_id"() <{dimension = #gpu<dim x>}> : () -> index
    %size = "gpu.block_dim"() <{dimension = #gpu<dim x>}> : () -> index
    %thread = "gpu.thread_id"() <{dimension = #gpu<dim x>}> : () -> index
    %start = arith.muli %block, %size : index
    %point = arith.addi %start, %thread : index
    %extent = arith.constant 300 : index
    %inside = arith.cmpi ult, %point, %extent : index
    %one = arith.constant 1 : index
    scf.if %inside {
      %a = memref.load %x[%point] : memref<300xf32>
      %b = arith.addf %a, %a : f32
      memref.store %b, %out[%point] : memref<300xf32>
    }
    "gpu.return"() : () -> ()
  }) {sym_name = "scale", gpu.known_block_size = array<i32: 32, 1, 1>} : () -> ()
}) : () -> ()
```

A kernel whose body is not one loop over its whole range runs in each thread over the range of one point. A temporary of
more than `max_local_bytes` would not fit a thread's local memory: it becomes an argument with one part per thread, at the end
of the arena.

*Requires*: the `loops` level with scalar code (`lower-kernels{vector-bits=0}`), and host functions with an arena.

*Ensures*: the kernels that are launched are `gpu.func` kernels in one `gpu.module @kernels`; every launch says how many
blocks of how many threads it needs; there are no launches over nothing. Kernels that nothing launches are dropped.

*Leaves alone*: all else in host functions, globals.
"""

from dataclasses import dataclass
from math import prod
from typing import Any, NoReturn, cast

from xdsl.context import Context
from xdsl.dialects import arith, func, gpu, memref, scf
from xdsl.dialects.builtin import (
    DenseArrayBase,
    FunctionType,
    IndexType,
    IntegerAttr,
    MemRefType,
    ModuleOp,
    StringAttr,
    SymbolRefAttr,
    UnitAttr,
    i1,
    i8,
    i32,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

from dialects import rt
from dialects.builder import OpBuilder, int_array, memref_type
from dialects.errors import UnsupportedError, at_location
from dialects.remarks import emit_remark
from dialects.rt import LapackOp

MODULE_NAME = "kernels"
WARP = 32
ARENA_ALIGNMENT = 64
_INDEX = IndexType()
_LESS_UNSIGNED = {"predicate": IntegerAttr(6, i64)}
_X: dict[str, Attribute] = {"dimension": gpu.DimensionAttr(gpu.DimensionEnum.X)}


@dataclass(frozen=True)
class MapToGpuPass(ModulePass):
    """Make a GPU kernel of every kernel, one thread per tile point."""

    name = "map-to-gpu"

    block_size: int = 256
    """The most threads of a block, a multiple of 32."""

    min_blocks: int = 256
    """How many blocks there are, if there are threads for them, before blocks get more than 32 threads: each multiprocessor has work."""

    max_local_bytes: int = 4096
    """The largest temporary that stays in local memory, of which a device sets aside as much for every thread it can hold."""

    def __post_init__(self) -> None:
        if self.block_size not in range(WARP, 1025, WARP):
            raise ValueError(f"map-to-gpu: block-size is {self.block_size}, expected a multiple of 32 up to 1024")
        if self.min_blocks < 1:
            raise ValueError(f"map-to-gpu: min-blocks is {self.min_blocks}, expected at least 1")
        if self.max_local_bytes < 0:
            raise ValueError(f"map-to-gpu: max-local-bytes is {self.max_local_bytes}, expected at least 0")

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Map every kernel of the module."""
        del ctx
        functions = {f.sym_name.data: f for f in op.body.block.ops if isinstance(f, func.FuncOp)}
        launches = kernel_launches(functions)
        kernels: dict[str, _Kernel] = {}
        device = Block()
        for name, function in functions.items():
            if not _is_kernel(function):
                continue
            users = launches.get(name, [])
            if users:
                kernels[name] = self._map(function, users, OpBuilder(device))
            function.detach()
            function.erase(safe_erase=False)
        for host in functions.values():
            if "rt.num_inputs" in host.attributes:
                _refuse_lapack(host)
                _update_host(host, kernels)
        if kernels:
            properties = {"sym_name": StringAttr(MODULE_NAME)}
            b = OpBuilder(op.body.block)
            b.create_op(gpu.ModuleOp, (), (), properties, regions=[Region(device)])

    def _map(self, function: func.FuncOp, launches: list[rt.LaunchOp], b: OpBuilder) -> "_Kernel":
        """Append the GPU form of a kernel."""
        name = function.sym_name.data
        extents = {_extent(launch) for launch in launches}
        if len(extents) > 1:
            counts = " and ".join(map(str, sorted(extents)))
            _fail(function, f"@{name} is launched over {counts} points; make a kernel of its own for each")
        (extent,) = extents
        block_size = min(self.block_size, -(-extent // (self.min_blocks * WARP)) * WARP)
        kernel = _Kernel(extent, block_size, _large_temporaries(function, self.max_local_bytes))
        old = function.body.block
        arguments = [argument.type for argument in old.args[2:]] + kernel.scratch
        block = Block(arg_types=arguments)
        for before, after in zip(old.args[2:], block.args, strict=False):
            after.name_hint = before.name_hint
        _fill(block, function, kernel)
        known = DenseArrayBase.from_list(i32, [block_size, 1, 1])
        b.location = function.location
        b.create_op(
            gpu.FuncOp,
            (),
            (),
            {"function_type": FunctionType.from_lists(arguments, []), "kernel": UnitAttr()},
            regions=[Region(block)],
            attributes={"sym_name": function.sym_name, "gpu.known_block_size": known},
        )
        return kernel


class _Kernel:
    """How a kernel is launched.

    `large` are the allocations of its old body that move to the arena, `scratch` the types of their arguments: one part for
    each of `extent` points.
    """

    def __init__(self, extent: int, block_size: int, large: list[memref.AllocaOp]):
        self.extent = extent
        self.block_size = block_size
        self.large = large
        self.scratch: list[Attribute] = []
        for alloca in large:
            old = cast(MemRefType[Any], alloca.memref.type)
            self.scratch.append(memref_type(old.element_type, (extent, *old.get_shape())))


def kernel_launches(functions: dict[str, func.FuncOp]) -> dict[str, list[rt.LaunchOp]]:
    """The launches over at least one point, by the name of the kernel; the others are erased."""
    launches: dict[str, list[rt.LaunchOp]] = {}
    for function in functions.values():
        for launch in list(function.body.walk()):
            if not isinstance(launch, rt.LaunchOp):
                continue
            name = launch.kernel.root_reference.data
            if name not in functions or not _is_kernel(functions[name]):
                _fail(launch, f"@{name} is no private function on a range lo, hi; run lower-kernels first")
            if _extent(launch):
                launches.setdefault(name, []).append(launch)
            else:
                launch.detach()
                launch.erase()
    return launches


def _refuse_lapack(host: func.FuncOp) -> None:
    for op in host.walk():
        if isinstance(op, LapackOp):
            message = f"map-to-gpu: LAPACK's {op.routine.data} runs on the CPU only; compile what factorizes for the target cpu"
            raise UnsupportedError(at_location(message, op.location))


def _is_kernel(function: func.FuncOp) -> bool:
    """Whether a function is a kernel at the `loops` level: private, on a range."""
    is_private = function.sym_visibility is not None and function.sym_visibility.data == "private"
    return is_private and function.function_type.inputs.data[:2] == (_INDEX, _INDEX)


def _extent(launch: rt.LaunchOp) -> int:
    return prod(launch.over.get_values())


def _bytes(memref_type_: Attribute) -> int:
    """How many bytes a memref takes; an `i1` takes one."""
    shaped = cast(MemRefType[Any], memref_type_)
    return prod(shaped.get_shape()) * max(8, shaped.element_type.bitwidth) // 8


def _large_temporaries(function: func.FuncOp, limit: int) -> list[memref.AllocaOp]:
    """The temporaries that do not fit `limit` bytes together, the largest taken out first."""
    allocas = [op for op in function.body.block.ops if isinstance(op, memref.AllocaOp)]
    total = sum(_bytes(op.memref.type) for op in allocas)
    chosen: list[memref.AllocaOp] = []
    for op in sorted(allocas, key=lambda op: -_bytes(op.memref.type)):
        if total <= limit:
            break
        chosen.append(op)
        total -= _bytes(op.memref.type)
    if chosen:
        emit_remark(
            "analysis",
            MapToGpuPass.name,
            f"@{function.sym_name.data}: {len(chosen)} temporaries of each thread are in the arena",
            function.location,
        )
    return chosen


def _fill(block: Block, function: func.FuncOp, kernel: _Kernel) -> None:
    """Move the body of a kernel into `block`, for the point of the thread."""
    old = function.body.block
    b = OpBuilder(block, function.location)
    index = b.create(gpu.BlockIdOp, (), _INDEX, _X)
    size = b.create(gpu.BlockDimOp, (), _INDEX, _X)
    thread = b.create(gpu.ThreadIdOp, (), _INDEX, _X)
    point = b.create(arith.AddiOp, (b.create(arith.MuliOp, (index, size), _INDEX), thread), _INDEX)
    point.name_hint = "point"
    inside = b.create(arith.CmpiOp, (point, b.index(kernel.extent)), i1, _LESS_UNSIGNED)
    for before, after in zip(old.args[2:], block.args, strict=False):
        before.replace_all_uses_with(after)
    body = Block()
    loop = only_loop(old)
    lower, upper = old.args[:2]
    inner = OpBuilder(body, function.location)
    if loop is None:
        lower.replace_all_uses_with(point)
        upper.replace_all_uses_with(inner.create(arith.AddiOp, (point, inner.index(1)), _INDEX))
    _replace_large(kernel, block, point)
    for op in list(old.ops):
        if isinstance(op, func.ReturnOp):
            continue
        op.detach()
        if loop is not None and op is loop:
            _inline(loop, point, body)
        elif loop is not None or isinstance(op, memref.AllocaOp):
            block.add_op(op)
        else:
            body.add_op(op)
    inner.location = function.location
    inner.create_op(scf.YieldOp)
    b.create_op(scf.IfOp, (inside,), (), regions=[Region(body), Region()])
    b.create_op(gpu.ReturnOp)


def only_loop(block: Block) -> scf.ForOp | None:
    """The loop over the whole range with step 1, if nothing else uses the range and only computations stand beside it."""
    lower, upper = block.args[:2]
    users = [use.operation for use in (*lower.uses, *upper.uses)]
    if len(users) != 2 or users[0] is not users[1]:
        return None
    loop = users[0]
    if not isinstance(loop, scf.ForOp) or loop.parent is not block or loop.lb is not lower or loop.ub is not upper:
        return None
    step = loop.step.owner
    if not isinstance(step, arith.ConstantOp) or cast(Any, step.value).value.data != 1 or loop.iter_args:
        return None
    beside = (op for op in block.ops if op is not loop and not isinstance(op, func.ReturnOp))
    return loop if all(_is_computation(op) for op in beside) else None


def _is_computation(op: Operation) -> bool:
    """Whether every thread may run `op`, also those past the last point."""
    return isinstance(op, memref.AllocaOp | memref.LoadOp) or op.name.startswith(("arith.", "math."))


def _inline(loop: scf.ForOp, point: SSAValue, target: Block) -> None:
    """Move the body of `loop` to the end of `target`, for one point."""
    body = loop.body.block
    body.args[0].replace_all_uses_with(point)
    for op in list(body.ops):
        if not isinstance(op, scf.YieldOp):
            op.detach()
            target.add_op(op)
    loop.erase(safe_erase=False)


def _replace_large(kernel: _Kernel, block: Block, point: SSAValue) -> None:
    """Let accesses of large temporaries go to the part of the thread, the first index of the argument being the point."""
    arguments = block.args[len(block.args) - len(kernel.scratch) :]
    for alloca, argument in zip(kernel.large, arguments, strict=True):
        argument.name_hint = "scratch"
        for use in list(alloca.memref.uses):
            access = use.operation
            if not isinstance(access, memref.LoadOp | memref.StoreOp):
                _fail(
                    access,
                    f"{access.name} of a temporary of {_bytes(alloca.memref.type)} bytes; only memref.load and "
                    "memref.store can go to the arena (run lower-kernels{vector-bits=0})",
                )
            is_load = isinstance(access, memref.LoadOp)
            position = 0 if is_load else 1
            operands = list(access.operands)
            access.operands = [*operands[:position], argument, point, *operands[position + 1 :]]
        alloca.detach()
        alloca.erase()


def _update_host(host: func.FuncOp, kernels: dict[str, _Kernel]) -> None:
    """Give the launches of a host function their grids, and the arena what the kernels need of it."""
    block = host.body.block
    launches = [op for op in block.walk() if isinstance(op, rt.LaunchOp)]
    needed = max((_scratch_bytes(kernels[op.kernel.root_reference.data]) for op in launches), default=0)
    start = _extend_arena(host, needed) if needed else 0
    for launch in launches:
        name = launch.kernel.root_reference.data
        kernel = kernels[name]
        arguments = list(launch.arguments)
        if kernel.scratch:
            scratch = Block()
            arguments += _scratch_views(OpBuilder(scratch, launch.location), kernel, block.args[-1], start)
            views: list[Operation] = list(scratch.ops)
            for op in views:
                op.detach()
            cast(Block, launch.parent).insert_ops_before(views, launch)
        launch.operands = arguments
        launch.properties["kernel"] = SymbolRefAttr(MODULE_NAME, [StringAttr(name)])
        launch.attributes["rt.grid"] = int_array((-(-kernel.extent // kernel.block_size),))
        launch.attributes["rt.block"] = int_array((kernel.block_size,))


def _aligned(size: int) -> int:
    return -(-size // ARENA_ALIGNMENT) * ARENA_ALIGNMENT


def _scratch_bytes(kernel: _Kernel) -> int:
    return sum(_aligned(_bytes(memref_type_)) for memref_type_ in kernel.scratch)


def _extend_arena(host: func.FuncOp, size: int) -> int:
    """Append `size` bytes to the arena, which all launches share; return where they start."""
    block = host.body.block
    if "rt.peak_lower_bound" not in host.attributes:
        _fail(host, f"@{host.sym_name.data} has no arena for large temporaries; run plan-memory first")
    old = block.args[-1]
    start = _aligned(_bytes(old.type))
    new = block.insert_arg(memref_type(i8, (start + size,)), len(block.args))
    new.name_hint = old.name_hint
    old.replace_all_uses_with(new)
    block.erase_arg(old)
    host.properties["function_type"] = FunctionType.from_lists([a.type for a in block.args], [])
    return start


def _scratch_views(b: OpBuilder, kernel: _Kernel, arena: SSAValue, start: int) -> list[SSAValue]:
    views: list[SSAValue] = []
    for memref_type_ in kernel.scratch:
        views.append(b.create(memref.ViewOp, (arena, b.index(start)), memref_type_))
        start += _aligned(_bytes(memref_type_))
    return views


def _fail(op: Operation, message: str) -> NoReturn:
    """Raise the error about `op`."""
    text = f"{MapToGpuPass.name}: {message}"
    op.emit_error(text, PassFailedException(text))
