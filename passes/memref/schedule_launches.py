"""Order launches and library calls so that less memory is needed at once.

Before:

```mlir
func.func private @exp(%x: memref<65536xf32>, %out: memref<65536xf32>) attributes {rt.tile = array<i64: 65536>} {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%x : memref<65536xf32>) outs(%out : memref<65536xf32>) {
  ^bb0(%p: f32, %o: f32):
    %e = math.exp %p : f32
    linalg.yield %e : f32
  }
  func.return
}
func.func @f(%x: memref<65536xf32>, %y: memref<65536xf32>, %out0: memref<65536xf32>, %out1: memref<65536xf32>) attributes {rt.num_inputs = 2 : i64} {
  %a = memref.alloc() : memref<65536xf32>
  rt.launch @exp over [65536] (%x, %a) : memref<65536xf32>, memref<65536xf32>
  %b = memref.alloc() : memref<65536xf32>
  rt.launch @exp over [65536] (%y, %b) : memref<65536xf32>, memref<65536xf32>
  rt.launch @exp over [65536] (%a, %out0) : memref<65536xf32>, memref<65536xf32>
  rt.launch @exp over [65536] (%b, %out1) : memref<65536xf32>, memref<65536xf32>
  func.return
}
```

After:

```mlir
func.func private @exp(%x: memref<65536xf32>, %out: memref<65536xf32>) attributes {rt.tile = array<i64: 65536>} {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%x : memref<65536xf32>) outs(%out : memref<65536xf32>) {
  ^bb0(%p: f32, %o: f32):
    %e = math.exp %p : f32
    linalg.yield %e : f32
  }
  func.return
}
func.func @f(%x: memref<65536xf32>, %y: memref<65536xf32>, %out0: memref<65536xf32>, %out1: memref<65536xf32>) attributes {rt.num_inputs = 2 : i64} {
  %a = memref.alloc() : memref<65536xf32>
  rt.launch @exp over [65536] (%x, %a) : memref<65536xf32>, memref<65536xf32>
  rt.launch @exp over [65536] (%a, %out0) : memref<65536xf32>, memref<65536xf32>
  %b = memref.alloc() : memref<65536xf32>
  rt.launch @exp over [65536] (%y, %b) : memref<65536xf32>, memref<65536xf32>
  rt.launch @exp over [65536] (%b, %out1) : memref<65536xf32>, memref<65536xf32>
  func.return
}
```

So the step of an optimizer follows the gradient that it needs, whose memory is free for the next one. What is computed in place stays in place: whoever
reads a buffer does so before it is overwritten, as in the given order. `passes/memref/schedules.py` finds the order.

Requires: host functions without kernel regions (after `outline-kernels`), before `plan-memory`.

Ensures: every read of a buffer finds what it found before.

Leaves alone: blocks whose peak would fall by less than `least-gain` bytes or one part in 64.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import arith, func, memref
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from dialects.remarks import emit_remark
from passes.memref.effects import PLACES, Effects
from passes.memref.plan_memory import size_of
from passes.memref.schedules import Steps, low_order


@dataclass(frozen=True)
class ScheduleLaunchesPass(ModulePass):
    """Order launches and library calls so that less memory is needed at once."""

    name = "schedule-launches"

    least_gain: int = 1 << 16
    """The fewest bytes that are worth another order than that of the program."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Order the blocks of every host function."""
        del ctx
        functions = {f.sym_name.data: f for f in op.body.block.ops if isinstance(f, func.FuncOp)}
        for function in functions.values():
            if "rt.num_inputs" in function.attributes:
                self._order(function.body.block, Effects(function, functions))

    def _order(self, block: Block, effects: Effects) -> int:
        """Order a block and those in it; return the most bytes of its own buffers, and of those in it, that are alive at once."""
        inner = {
            op: max(self._order(nested, effects) for region in op.regions for nested in region.blocks)
            for op in block.ops
            if op.regions
        }
        operations, steps = steps_of(block, effects, inner)
        order, peak, before = low_order(steps)
        if before - peak < max(self.least_gain, before // 64):
            return before
        rearrange(block, [operations[step] for step in order])
        message = f"the order of {len(order)} steps is one that needs {peak} bytes at once, not {before}"
        emit_remark("passed", self.name, message, operations[0].location)
        return peak


def _is_place(op: Operation) -> bool:
    """Whether `op` says where something is, and can stand anywhere in front of its users."""
    return isinstance(op, (*PLACES, arith.ConstantOp))


def steps_of(block: Block, effects: Effects, inner: Mapping[Operation, int]) -> tuple[list[Operation], Steps]:
    """The operations of `block` that do something, what their order must respect, and the buffers of `block` that they use.

    What control flow needs within is one more buffer that it alone uses: `inner` has its bytes.
    """
    operations = [op for op in block.ops if not _is_place(op) and op is not block.last_op]
    step_of = {op: step for step, op in enumerate(operations)}
    number_of: dict[SSAValue, int] = {}
    sizes: list[int] = []
    before: list[frozenset[int]] = []
    used: list[frozenset[int]] = []
    writer: dict[SSAValue, int] = {}
    readers: dict[SSAValue, list[int]] = {}
    for step, op in enumerate(operations):
        first = {step_of[other] for other in _computed_from(op, block) if other in step_of}
        memory, written = effects.read_and_written(op)
        for buffer in memory:
            if buffer in writer:
                first.add(writer[buffer])
        for buffer in written:
            first.update(readers.pop(buffer, ()))
            writer[buffer] = step
        for buffer in memory:
            readers.setdefault(buffer, []).append(step)
        before.append(frozenset(first))
        buffers = [m for m in memory if isinstance(m.owner, memref.AllocOp) and m.owner.parent is block]
        for buffer in buffers:
            if buffer not in number_of:
                number_of[buffer] = len(sizes)
                sizes.append(size_of(buffer))
        numbers = [number_of[buffer] for buffer in buffers]
        if inner.get(op):
            numbers.append(len(sizes))
            sizes.append(inner[op])
        used.append(frozenset(numbers))
    return operations, Steps(before, used, sizes)


def _computed_from(op: Operation, block: Block) -> list[Operation]:
    """The operations of `block`, other than `op`, that compute what `op` uses, those that say where memory is looked through."""
    found: dict[Operation, None] = {}
    values = [operand for inner in op.walk() for operand in inner.operands]
    for value in values:  # grows
        owner = value.owner
        if isinstance(owner, Operation) and owner.parent is block and owner not in found:
            found[owner] = None
            if _is_place(owner):
                values.extend(owner.operands)
    return list(found)


def rearrange(block: Block, order: Sequence[Operation]) -> None:
    """Put the operations of a block in order, each behind the places that it needs and that do not stand there yet."""
    places = [op for op in block.ops if _is_place(op)]
    waiting = dict.fromkeys(places)
    for op in (*places, *order):
        block.detach_op(op)
    last = block.last_op
    assert last is not None, "a block of the host ends in a terminator"

    def insert(op: Operation) -> None:
        for inner in op.walk():
            for operand in inner.operands:
                owner = operand.owner
                if isinstance(owner, Operation) and owner in waiting:
                    del waiting[owner]
                    insert(owner)
        block.insert_op_before(op, last)

    for op in order:
        insert(op)
    for op in places:
        if waiting.pop(op, False) is None:
            insert(op)
