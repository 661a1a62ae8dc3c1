"""Merge loop dimensions that run over contiguous memory, and drop those of size 1.

Before:

```mlir
func.func @f(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %r = rt.kernel "neg" tile [4, 8] ins(%a = %x : tensor<4x8xf32>) -> (tensor<4x8xf32>) {
    %e = tensor.empty() : tensor<4x8xf32>
    %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
                         iterator_types = ["parallel", "parallel"]}
        ins(%a : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
    ^bb0(%p: f32, %out: f32):
      %n = arith.negf %p : f32
      linalg.yield %n : f32
    } -> tensor<4x8xf32>
    rt.yield %y : tensor<4x8xf32>
  }
  func.return %r : tensor<4x8xf32>
}
```

After:

```mlir
func.func @f(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %flat = tensor.collapse_shape %x [[0, 1]] : tensor<4x8xf32> into tensor<32xf32>
  %r = rt.kernel "neg" tile [32] ins(%a = %flat : tensor<32xf32>) -> (tensor<32xf32>) {
    %e = tensor.empty() : tensor<32xf32>
    %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
        ins(%a : tensor<32xf32>) outs(%e : tensor<32xf32>) {
    ^bb0(%p: f32, %out: f32):
      %n = arith.negf %p : f32
      linalg.yield %n : f32
    } -> tensor<32xf32>
    rt.yield %y : tensor<32xf32>
  }
  %wide = tensor.expand_shape %r [[0, 1]] output_shape [4, 8] : tensor<32xf32> into tensor<4x8xf32>
  func.return %wide : tensor<4x8xf32>
}
```

Adjacent dimensions merge if every operand of every operation of the kernel reads them side by side in full, or not at all.
An elementwise kernel that keeps two or more dimensions leaves the last one to the inner loop: its tile is all but the last, unless these are
few and it is long.

*Requires*: the `fused` stage.
*Ensures*: the `fused` stage; of two reshapes in a row that undo each other, none is left.
*Leaves alone*: scatters and window writes, tensors read through `tensor.extract`, loops whose index the body uses.
"""

from dataclasses import dataclass
from math import prod
from typing import Any, cast

from xdsl.context import Context
from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, ModuleOp, TensorType, i64
from xdsl.dialects.linalg.ops import FillOp, GenericOp, IndexOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from dialects.builder import OpBuilder, affine_map, constant_attribute, int_array, tensor_type
from dialects.reshapes import Groups, build_collapse, build_expand
from dialects.rt import KernelOp, YieldOp
from dialects.structured import build_empty, build_fill
from passes.linalg.bodies import drain
from passes.linalg.collapse_plan import CollapsePlan, plan_collapse
from passes.linalg.host_blocks import host_blocks
from passes.linalg.maps import accesses, iterators, shape_of
from passes.linalg.reshapes import RESHAPES, spread

MIN_LANES = 8
"""The fewest points along the last dimension of a tile that are worth vectors."""

FEW_ROWS, LEAST_PART = 16, 1 << 14
"""Fewer rows than these are cut into parts that threads share, which have at least so many points."""


@dataclass(frozen=True)
class CollapseDimsPass(ModulePass):
    """Merge loop dimensions that run over contiguous memory, and drop those of size 1."""

    name = "collapse-dims"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite every function of the module."""
        del ctx
        for block in host_blocks(op):
            _rewrite_block(block)


def _rewrite_block(block: Block) -> None:
    reshaper = _Reshaper(OpBuilder(block))
    for op in drain(block):
        plan = plan_collapse(op) if isinstance(op, KernelOp) else None
        if plan is None or not isinstance(op, KernelOp):
            block.add_op(op)
        elif plan.changes_nothing:
            op.properties["tile"] = int_array(_final_tile(plan))
            block.add_op(op)
        else:
            _rewrite_kernel(reshaper, op, plan)
    for op in reversed(list(block.ops)):
        if isinstance(op, RESHAPES):
            reshaper.simplify(op)
        if isinstance(op, RESHAPES) and op.results[0].first_use is None:
            block.erase_op(op)


def _final_tile(plan: CollapsePlan) -> tuple[int, ...]:
    """The new tile; an elementwise kernel keeps its last dimension for the inner loop if it has others.

    Not if points run loops of their own: then lanes are points of the tile, if these suffice. Nor if threads would have few rows.
    """
    if not plan.is_elementwise or len(plan.tile) < 2 or (plan.has_loops and plan.tile[-1] >= MIN_LANES):
        return plan.tile
    *outer, last = plan.tile
    return plan.tile if prod(outer) < FEW_ROWS and last >= 2 * LEAST_PART else plan.tile[:-1]


class _Reshaper:
    """Appends reshapes, each only once, and none where a value of that shape is there already."""

    def __init__(self, builder: OpBuilder):
        self.builder = builder
        self._collapsed: dict[tuple[SSAValue, tuple[int, ...]], SSAValue] = {}

    def collapse(self, value: SSAValue, groups: Groups) -> SSAValue:
        """`value` with one dimension per group."""
        shape = shape_of(value)
        wanted = new_shape(shape, groups)
        existing = _source_of_shape(value, wanted)
        if existing is not None:
            return existing
        result = self._collapsed.get((value, wanted))
        if result is None:
            result = build_collapse(self.builder, value, spread(groups, len(shape)), wanted)
            self._collapsed[value, wanted] = result
        return result

    def simplify(self, op: Operation) -> None:
        """Let the users of a reshape that undoes others read what was there before them."""
        result = op.results[0]
        source = _source_of_shape(op.operands[0], shape_of(result))
        if source is not None:
            result.replace_all_uses_with(source)


def _source_of_shape(value: SSAValue, shape: tuple[int, ...]) -> SSAValue | None:
    """`value`, or what it is a reshape of, if that has this shape."""
    while shape_of(value) != shape:
        owner = value.owner
        if not isinstance(owner, RESHAPES):
            return None
        value = owner.operands[0]
    return value


def new_shape(shape: tuple[int, ...], groups: Groups) -> tuple[int, ...]:
    """The sizes after collapsing `groups`."""
    return tuple(prod(shape[d] for d in group) for group in groups)


def _new_type(value: SSAValue, groups: Groups) -> TensorType[Any]:
    old = cast(TensorType[Any], value.type)
    return tensor_type(old.element_type, new_shape(old.get_shape(), groups))


def _rewrite_kernel(reshaper: _Reshaper, kernel: KernelOp, plan: CollapsePlan) -> None:
    """Append the kernel with its new dimensions, and reshapes around it."""
    builder = reshaper.builder
    builder.location = kernel.location
    old_block = kernel.body.block
    inputs = [
        reshaper.collapse(value, plan.values[argument])
        for value, argument in zip(kernel.inputs, old_block.args, strict=True)
    ]
    new_block = Block(arg_types=[value.type for value in inputs])
    values = dict[SSAValue, SSAValue](zip(old_block.args, new_block.args, strict=True))
    inner = OpBuilder(new_block)
    old_ops = drain(old_block)
    for op in old_ops:
        inner.location = op.location
        if isinstance(op, GenericOp):
            _rewrite_generic(inner, op, plan, values)
        elif isinstance(op, tensor.EmptyOp) and op.tensor in plan.values:
            values[op.tensor] = build_empty(inner, _new_type(op.tensor, plan.values[op.tensor]))
        elif isinstance(op, FillOp):
            result = op.results[0]
            scalar = values.get(op.operands[0], op.operands[0])
            values[result] = build_fill(inner, scalar, _new_type(result, plan.values[result]))
        elif isinstance(op, arith.ConstantOp):
            values[op.result] = inner.create(arith.ConstantOp, (), op.result.type, op.properties)
        elif isinstance(op, YieldOp):
            inner.create_op(YieldOp, [values[value] for value in op.operands])
    yielded = old_ops[-1].operands
    new = builder.create_op(
        KernelOp,
        inputs,
        [_new_type(value, plan.values[value]) for value in yielded],
        {"kernel_name": kernel.kernel_name, "tile": int_array(_final_tile(plan))},
        regions=[Region(new_block)],
        attributes=dict(kernel.attributes),
    )
    for old, result, value in zip(kernel.outputs, new.results, yielded, strict=True):
        shape = shape_of(old)
        wide = result
        if shape_of(result) != shape:
            wide = build_expand(builder, result, spread(plan.values[value], len(shape)), shape)
        old.replace_all_uses_with(wide)
    for op in reversed(old_ops):
        op.erase()
    kernel.erase()


def _rewrite_generic(b: OpBuilder, op: GenericOp, plan: CollapsePlan, values: dict[SSAValue, SSAValue]) -> None:
    groups = plan.loops[op]
    kinds = iterators(op)
    maps = [
        affine_map(len(groups), plan.new_access(op, value, access))
        for value, access in zip(op.operands, accesses(op), strict=True)
    ]
    region = op.detach_region(0)
    position = {old: new for new, group in enumerate(groups) for old in group}
    for inner in list(region.walk()):
        if isinstance(inner, IndexOp):
            _renumber(inner, position, region.block)
        for index, operand in enumerate(inner.operands):
            if operand in values:
                inner.operands[index] = values[operand]
    new = b.create_op(
        GenericOp,
        [values[value] for value in op.operands],
        [_new_type(result, plan.values[result]) for result in op.results],
        {
            **op.properties,
            "indexing_maps": ArrayAttr(maps),
            "iterator_types": ArrayAttr([kinds[group[0]] for group in groups]),
        },
        regions=[region],
    )
    values.update(zip(op.results, new.results, strict=True))


def _renumber(op: IndexOp, position: dict[int, int], body: Block) -> None:
    """Let a `linalg.index` count in the new loops; a dropped loop only ever was at 0."""
    new = position.get(op.dim.value.data)
    if new is not None:
        op.properties["dim"] = IntegerAttr(new, i64)
        return
    zero = arith.ConstantOp.create(
        result_types=[op.result.type], properties={"value": constant_attribute(0, op.result.type)}, location=op.location
    )
    body.insert_op_before(zero, op)
    op.result.replace_all_uses_with(zero.result)
    body.erase_op(op)
