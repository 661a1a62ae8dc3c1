"""Let every point run a loop by itself where its steps are elementwise: its carried values stay in registers.

Before:

```mlir
func.func @f(%x: tensor<8xf32>, %d: tensor<8xf32>) -> tensor<8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  %r = scf.for %i = %c0 to %c9 step %c1 iter_args(%c = %x) -> (tensor<8xf32>) {
    %e0 = tensor.empty() : tensor<8xf32>
    %square = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
        ins(%c : tensor<8xf32>) outs(%e0 : tensor<8xf32>) {
    ^bb0(%p: f32, %out: f32):
      %s = arith.mulf %p, %p : f32
      linalg.yield %s : f32
    } -> tensor<8xf32>
    %e1 = tensor.empty() : tensor<8xf32>
    %next = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
                            iterator_types = ["parallel"]}
        ins(%square, %d : tensor<8xf32>, tensor<8xf32>) outs(%e1 : tensor<8xf32>) {
    ^bb0(%p: f32, %q: f32, %out: f32):
      %s = arith.addf %p, %q : f32
      linalg.yield %s : f32
    } -> tensor<8xf32>
    scf.yield %next : tensor<8xf32>
  }
  func.return %r : tensor<8xf32>
}
```

After:

```mlir
func.func @f(%x: tensor<8xf32>, %d: tensor<8xf32>) -> tensor<8xf32> {
  %old_c0 = arith.constant 0 : index
  %old_c1 = arith.constant 1 : index
  %old_c9 = arith.constant 9 : index
  %e = tensor.empty() : tensor<8xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> (i)>],
                       iterator_types = ["parallel"]}
      ins(%d, %x : tensor<8xf32>, tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%q: f32, %start: f32, %out: f32):
    %c0 = arith.constant 0 : index
    %c9 = arith.constant 9 : index
    %c1 = arith.constant 1 : index
    %end = scf.for %i = %c0 to %c9 step %c1 iter_args(%p = %start) -> (f32) {
      %square = arith.mulf %p, %p : f32
      %next = arith.addf %square, %q : f32
      scf.yield %next : f32
    }
    linalg.yield %end : f32
  } -> tensor<8xf32>
  func.return %r : tensor<8xf32>
}
```

Every step of the loop went through memory for all points; now one kernel goes through memory once. Of nested loops the inner ones
are elementwise operations when their turn has come. A loop that goes on as long as any point does, and leaves the others alone, is
one that each point leaves by itself. Loops that stack or take rows stay: rows go through memory in any case, and all points
together go through it in order.

*Requires*: the structured form.
*Ensures*: the structured form.
*Leaves alone*: loops whose steps read carried values at other points than their own, combine elements, or stack rows.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import arith, scf
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, SSAValue
from xdsl.passes import ModulePass

from dialects.builder import OpBuilder
from dialects.remarks import emit_remark
from dialects.structured import is_tensor, trip_count
from passes.linalg.bodies import discard, drain
from passes.linalg.host_blocks import host_blocks, initial_and_body
from passes.linalg.maps import shape_of
from passes.linalg.point_code import PointCode, RefusedError


@dataclass(frozen=True)
class InterchangeLoopsPass(ModulePass):
    """Let every point run a loop by itself where its steps are elementwise: its carried values stay in registers."""

    name = "interchange-loops"

    max_step_ops: int = 256
    """The most operations of a step."""

    def __post_init__(self) -> None:
        if self.max_step_ops < 1:
            raise ValueError(f"{self.name}: max-step-ops is {self.max_step_ops}; use at least 1")

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite every function of the module."""
        del ctx
        for block in reversed(host_blocks(op)):  # inner loops first
            loop = block.parent_op()
            if isinstance(loop, scf.ForOp | scf.WhileOp) and block is loop.regions[-1].block:
                try:
                    self._interchange(loop)
                except RefusedError as refusal:
                    emit_remark("missed", self.name, str(refusal), loop.location)

    def _interchange(self, loop: scf.ForOp | scf.WhileOp) -> None:
        """Replace the loop by one generic for each shape of its results."""
        wanted: dict[tuple[int, ...], list[int]] = {}
        for index, result in enumerate(loop.results):
            if result.first_use is not None:
                wanted.setdefault(shape_of(result), []).append(index)
        initial_and_body(loop)  # it carries what a loop of the host may carry
        parent = loop.parent
        assert parent is not None
        if isinstance(loop, scf.ForOp) and trip_count(loop) is None:
            raise RefusedError("the number of steps is not known")
        ops = [op for region in loop.regions for op in region.block.ops]
        if len(ops) > self.max_step_ops:
            raise RefusedError(f"a step has more than {self.max_step_ops} operations")
        for op in ops:
            if isinstance(op, arith.ConstantOp) and is_tensor(op.result):
                op.detach()
                parent.insert_op_before(op, loop)
        front = OpBuilder(Block(), loop.location)
        ends: dict[int, SSAValue] = {}
        for shape, indices in wanted.items():
            code = PointCode(loop, shape)
            try:
                ends.update(zip(indices, code.build(front, indices), strict=True))
            except RefusedError:
                code.discard()
                discard(front.block)
                raise
        parent.insert_ops_before(drain(front.block), loop)
        for index, end in ends.items():
            loop.results[index].replace_all_uses_with(end)
        shapes = " and ".join(str(list(shape)) for shape in wanted)
        emit_remark("passed", self.name, f"every point of {shapes} runs all steps by itself", loop.location)
        parent.erase_op(loop)
