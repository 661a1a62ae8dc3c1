"""Split elementwise operations where what they read changes.

Before:

```mlir
func.func @f(%x: tensor<20000xf32>, %y: tensor<20002xf32>) -> tensor<20002xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<20002xf32>
  %sum = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%y : tensor<20002xf32>) outs(%e : tensor<20002xf32>) {
  ^bb0(%q: f32, %out: f32):
    %c0 = arith.constant 0 : index
    %c2 = arith.constant 2 : index
    %i = linalg.index 0 : index
    %shifted = arith.subi %i, %c2 : index
    %inside = arith.cmpi sge, %shifted, %c0 : index
    %clamped = arith.maxsi %shifted, %c0 : index
    %p = tensor.extract %x[%clamped] : tensor<20000xf32>
    %padded = arith.select %inside, %p, %zero : f32
    %s = arith.addf %padded, %q : f32
    linalg.yield %s : f32
  } -> tensor<20002xf32>
  func.return %sum : tensor<20002xf32>
}
```

After:

```mlir
func.func @f(%x: tensor<20000xf32>, %y: tensor<20002xf32>) -> tensor<20002xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<20002xf32>
  %e0 = tensor.empty() : tensor<2xf32>
  %first = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%y : tensor<20002xf32>) outs(%e0 : tensor<2xf32>) {
  ^bb0(%q: f32, %out: f32):
    %s = arith.addf %zero, %q : f32
    linalg.yield %s : f32
  } -> tensor<2xf32>
  %begun = tensor.insert_slice %first into %e[0] [2] [1] : tensor<2xf32> into tensor<20002xf32>
  %e1 = tensor.empty() : tensor<20000xf32>
  %second = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i + 2)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x, %y : tensor<20000xf32>, tensor<20002xf32>) outs(%e1 : tensor<20000xf32>) {
  ^bb0(%p: f32, %q: f32, %out: f32):
    %s = arith.addf %p, %q : f32
    linalg.yield %s : f32
  } -> tensor<20000xf32>
  %sum = tensor.insert_slice %second into %begun[2] [20000] [1] : tensor<20000xf32> into tensor<20002xf32>
  func.return %sum : tensor<20002xf32>
}
```

Paddings, concatenations and rolled arrays are selections among clamped reads, which fuse with their readers. Here each part becomes
a window write with plain reads: vectors load without questions, and what computed a piece of a concatenation is fused into its part.

*Requires*: the structured form.
*Ensures*: the structured form.
*Leaves alone*: small operations, reductions and what may share a kernel with a reader, for which the whole would have to be in memory;
what would become too many parts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import cast

from xdsl.context import Context
from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.dialects.linalg.ops import FillOp, GenericOp, YieldOp
from xdsl.ir import Block, BlockArgument, Operation, SSAValue
from xdsl.passes import ModulePass

from dialects.builder import OpBuilder, affine_map, int_tuple, tensor_type
from dialects.remarks import emit_remark
from dialects.rt import DONATED
from dialects.structured import build_copy, build_empty, build_insertion, element_type
from passes.linalg.bodies import drain, examine_body
from passes.linalg.fusion_plan import FusionPlan, Read
from passes.linalg.fusion_rewrite import rewrite_block
from passes.linalg.host_blocks import host_blocks
from passes.linalg.maps import (
    Access,
    accesses,
    dimension,
    identity_prefix,
    iterators,
    normal_form,
    shape_of,
    tensor_type_of,
)
from passes.linalg.moves import elementwise_op, is_elementwise, with_moves_inlined
from passes.linalg.seams import BoxBody, boxes_between_seams
from passes.linalg.windows import is_last_use, is_window_write, window_reads, window_write


@dataclass(frozen=True)
class SplitAtSeamsPass(ModulePass):
    """Split elementwise operations where what they read changes."""

    name = "split-at-seams"

    min_points: int = 1 << 14
    """The least number of loop iterations of an operation that is split: for little work, several kernels take longer."""
    max_parts: int = 32
    """The most parts of one operation."""
    max_body_ops: int = 512
    """The most scalar operations of all the parts of one operation together."""
    min_width: int = 8
    """The least extent of the last loop of the parts that most iterations are in."""
    max_recomputed_ops: int = 4
    """The most scalar operations that may be repeated to save a tensor in memory, as in `fuse-elementwise`."""

    def __post_init__(self) -> None:
        if self.min_points < 0 or self.max_parts < 1 or self.max_body_ops < 1 or self.max_recomputed_ops < 0:
            raise ValueError(
                f"{self.name}: min-points is {self.min_points}, max-parts is {self.max_parts}, max-body-ops is "
                f"{self.max_body_ops} and max-recomputed-ops is {self.max_recomputed_ops}; use at least 0, 1, 1 and 0"
            )

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite every function of the module."""
        del ctx
        for block in reversed(host_blocks(op)):
            self._copy_around_windows(block)
            # What a part reads may be fused into it, and then has seams of its own.
            while self._split_block(block):
                plan = FusionPlan(self.max_recomputed_ops, self.max_body_ops, block, {})
                plan.decide(block)
                rewrite_block(block, plan)

    def _split_block(self, block: Block) -> bool:
        """Split operations of `block`, readers before what they read; say whether there were any."""
        waiting: set[SSAValue] = set()
        """What has been split reads these; they may be fused into the parts."""
        has_split = False
        for op in reversed(list(block.ops)):
            if is_window_write(op) and op.result.first_use is None:
                block.erase_op(op)  # what it put together is looked through
            if not isinstance(op, GenericOp) or not is_elementwise(op):
                continue
            if op.results[0] in waiting or op.results[0].first_use is None:
                continue
            if not self._is_large(op):
                has_split |= _decide(op)
                continue
            whole = with_moves_inlined(op, self.max_body_ops)
            parts = self._parts(op, whole)
            if not parts and whole is not op:
                whole.erase()
                whole = op
                parts = self._parts(op, whole)
            if len(parts) > 1:
                waiting.update(whole.operands)
                waiting.update(examine_body(whole).captured)
                _replace(op, parts)
                has_split = True
            if whole is not op:
                whole.erase()
        return has_split

    def _is_large(self, op: GenericOp) -> bool:
        return prod(shape_of(op.results[0])) >= max(1, self.min_points)

    def _copy_around_windows(self, block: Block) -> None:
        """Make a new tensor of a window and what is around it, where the old one could not become it.

        That is so if the old one is still needed, or read elsewhere by what computes the window.
        """
        order = {op: position for position, op in enumerate(block.ops)}
        for write in list(order):
            if not is_window_write(write) or len(write.operands) > 2 or set(write.static_strides.get_values()) - {1}:
                continue
            source, dest = write.source.owner, write.dest
            is_read = isinstance(source, GenericOp) and window_reads(source, write).others > 0
            size = prod(shape_of(dest))
            if (
                order.get(cast(Operation, dest.owner), -1) > order.get(cast(Operation, source), len(order))
                or isinstance(dest.owner, tensor.EmptyOp | FillOp | arith.ConstantOp)
                or size < self.min_points
                or 2 * prod(shape_of(write.source)) < size
                or not (is_read or not (is_last_use(write, order) or _is_donated(dest)))
            ):
                continue
            side = Block()
            b = OpBuilder(side, write.location)
            whole = build_empty(b, tensor_type_of(dest))
            for corner, sizes in _around(write):
                rank = len(corner)
                source_map = affine_map(rank, tuple(normal_form(dimension(d) + low) for d, low in enumerate(corner)))
                part = build_copy(b, dest, tensor_type(element_type(dest), sizes), source_map)
                whole = build_insertion(b, part, whole, corner, (1,) * rank)
            # In front of the kernel that computes the window.
            first = source if isinstance(source, GenericOp) and window_write(source) is write else write
            block.insert_ops_before(drain(side), first)
            write.operands[1] = whole
            emit_remark("passed", self.name, "copied what is around the window, not the whole", write.location)

    def _parts(self, op: GenericOp, whole: GenericOp) -> list[BoxBody]:
        """The parts of `op`, whose body is that of `whole`; none if it stays as it is."""
        sizes = shape_of(op.results[0])
        body = examine_body(whole)
        is_new = isinstance(op.outputs[0].owner, tensor.EmptyOp)
        if not body.loop_dims or not body.is_flat or not is_new:
            return []
        if not BoxBody(whole, tuple((0, size - 1) for size in sizes), range(len(sizes))).seams:
            return []
        if any(_may_share_kernel(use.operation, op) for use in op.results[0].uses):
            parts = "a reader can compute it in its own loops, where it needs no memory"
        elif (write := window_write(op)) is not None and not _may_split(write, op):
            parts = "it is written into a place that moves, or that it reads"
        else:
            parts = self._boxes(whole, sizes, range(len(sizes)))
            if isinstance(parts, str) and whole is op:
                # Clamps of the outer indices cost little: they are the same for all lanes.
                emit_remark("missed", self.name, f"not split along all loops: {parts}", op.location)
                parts = self._boxes(whole, sizes, range(len(sizes) - 1, len(sizes)))
        if isinstance(parts, str):
            emit_remark("missed", self.name, parts, op.location)
            return []
        if len(parts) > 1:
            emit_remark("passed", self.name, f"split into {len(parts)} parts", op.location)
        return parts

    def _boxes(self, op: GenericOp, sizes: tuple[int, ...], dims: range) -> list[BoxBody] | str:
        """The parts between seams along `dims`, or why these are not good."""
        parts = boxes_between_seams(op, sizes, dims, self.max_parts, self.max_body_ops)
        if isinstance(parts, list) and len(parts) > 1:
            narrow = sum(part.num_points for part in parts if part.width < self.min_width)
            if 2 * narrow > prod(sizes):
                return f"most of it would be in parts with rows of less than {self.min_width} elements"
        return parts


def _decide(op: GenericOp) -> bool:
    """Drop choices of `op` that are the same everywhere, as at an edge that was copied out of a padded tensor; say whether there were any."""
    body = examine_body(op)
    if not body.captured or not body.is_flat or not isinstance(op.outputs[0].owner, tensor.EmptyOp):
        return False
    whole = BoxBody(op, tuple((0, size - 1) for size in shape_of(op.results[0])), range(0))
    if not whole.has_answers:
        return False
    side = Block()
    result = _build_part(OpBuilder(side, op.location), whole)
    block = op.parent
    assert block is not None
    block.insert_ops_before(drain(side), op)
    op.results[0].replace_all_uses_with(result)
    block.erase_op(op)
    return True


def _may_share_kernel(reader: Operation, op: GenericOp) -> bool:
    """Whether `reader` reads the result of `op` at its own place in the outer loops."""
    if not isinstance(reader, GenericOp):
        return False
    result = op.results[0]
    reads = [access for value, access in zip(reader.operands, accesses(reader), strict=True) if value is result]
    return min(map(identity_prefix, reads), default=0) > 0


def _may_split(write: tensor.InsertSliceOp, op: GenericOp) -> bool:
    """Whether the window that `op` computes can be written part by part."""
    reads = (*op.operands, *examine_body(op).captured)
    return write.dest not in reads and len(write.operands) == 2


def _is_donated(value: SSAValue) -> bool:
    """Whether `value` is an argument of a function that the caller leaves to it."""
    function = value.owner.parent_op() if isinstance(value, BlockArgument) else None
    return (
        isinstance(value, BlockArgument)
        and isinstance(function, FuncOp)
        and value.index in int_tuple(function.attributes.get(DONATED))
    )


def _around(write: tensor.InsertSliceOp) -> Iterator[tuple[list[int], tuple[int, ...]]]:
    """The boxes of the destination beside the window: for each dimension what is below and above, as far as earlier ones leave it."""
    corner = [0] * len(shape_of(write.dest))
    sizes = list(shape_of(write.dest))
    window = zip(write.static_offsets.get_values(), shape_of(write.source), shape_of(write.dest), strict=True)
    for dim, (low, size, full) in enumerate(window):
        for start, end in ((0, low), (low + size, full)):
            if end > start:
                yield [*corner[:dim], start, *corner[dim + 1 :]], (*sizes[:dim], end - start, *sizes[dim + 1 :])
        corner[dim], sizes[dim] = low, size


def _replace(op: GenericOp, parts: list[BoxBody]) -> None:
    """Put the parts into the tensor that the whole was written into, or a new one."""
    block = op.parent
    assert block is not None
    write = window_write(op)
    side = Block()
    b = OpBuilder(side, op.location)
    rank = len(iterators(op))
    if write is None:
        whole, old = build_empty(b, tensor_type_of(op.results[0])), op.results[0]
        starts, strides = (0,) * rank, (1,) * rank
    else:
        whole, old = write.dest, write.result
        starts, strides = write.static_offsets.get_values(), write.static_strides.get_values()
    for part in parts:
        window = _build_part(b, part)
        corner = [start + low * stride for start, stride, (low, _) in zip(starts, strides, part.box, strict=True)]
        whole = build_insertion(b, window, whole, corner, strides)
    place = op if write is None else write
    block.insert_ops_before(drain(side), place)
    old.replace_all_uses_with(whole)
    if write is not None:
        write.detach()
        write.erase()
    op.detach()
    op.erase()


def _build_part(b: OpBuilder, part: BoxBody) -> SSAValue:
    """Append a `linalg.generic` for one box."""
    scalar_type = element_type(part.op.results[0])
    empty = build_empty(b, tensor_type(scalar_type, tuple(high - low + 1 for low, high in part.box)))
    block = Block()
    reads: dict[Read, SSAValue] = {}

    def add_read(value: SSAValue, access: Access) -> SSAValue:
        if (value, access) not in reads:
            reads[value, access] = block.insert_arg(element_type(value), len(block.args))
        return reads[value, access]

    inner = OpBuilder(block, b.location)
    yielded = part.build(inner, add_read)
    block.insert_arg(scalar_type, len(block.args))
    inner.create_op(YieldOp, yielded)
    return b.insert(elementwise_op(list(reads), empty, block)).results[0]
