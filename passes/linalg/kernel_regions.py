"""Build `rt.kernel` operations from the groups that `form-kernels` decided on."""

from collections.abc import Container
from typing import Any, cast

from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, StringAttr, TensorType
from xdsl.dialects.linalg.ops import FillOp, GenericOp
from xdsl.ir import Block, Operation, Region, SSAValue

from dialects.builder import OpBuilder, int_array
from dialects.remarks import emit_remark
from dialects.rt import FftOp, KernelOp, RowsOp, ScatterOp, YieldOp
from dialects.structured import (
    PARALLEL,
    build_copy,
    build_empty,
    build_fill,
    build_generic,
    element_type,
    is_splat_constant,
    is_tensor,
)
from passes.linalg.bodies import captured_by, drain
from passes.linalg.host_blocks import CONTROL_FLOW, is_scalar_nest
from passes.linalg.kernel_groups import Group, KernelGrouping
from passes.linalg.kernel_names import kernel_name
from passes.linalg.maps import tensor_type_of
from passes.linalg.windows import enclosing, is_last_use, is_window_write, place_code, window_reads, window_write

_REPEATED = (arith.ConstantOp, tensor.EmptyOp, FillOp)
"""What a kernel makes for itself: scalar constants and destinations."""


def materialize_fills(block: Block) -> None:
    """Turn each fill that is needed as a tensor, and not only as a destination, into a `linalg.generic`."""
    for op in list(block.ops):
        if not isinstance(op, FillOp):
            continue
        result = op.results[0]
        uses = [use for use in result.uses if not _is_destination(use.operation, use.index)]
        if not uses:
            continue
        side = Block()
        filled = _build_filled(OpBuilder(side, op.location), op.operands[0], tensor_type_of(result))
        for new in reversed(drain(side)):
            block.insert_op_after(new, op)
        for use in uses:
            use.operation.operands[use.index] = filled


def _build_filled(b: OpBuilder, value: SSAValue, result_type: TensorType[Any]) -> SSAValue:
    rank = len(result_type.get_shape())
    empty = build_empty(b, result_type)
    return build_generic(
        b, (), (empty,), (range(rank),), (PARALLEL,) * rank, lambda body, _: (_repeat_constant(body, value),)
    )[0]


def materialize_windows(block: Block) -> None:
    """Let every window be the result of a `linalg.generic` that computes it alone, and can write it in place.

    What reads other elements of a tensor that nothing needs afterwards computes the window aside, and a copy writes it: that is
    less than to copy the tensor.
    """
    order = {op: position for position, op in enumerate(block.ops)}
    for op in list(block.ops):
        if not is_window_write(op):
            continue
        source = op.source.owner
        if (
            isinstance(source, GenericOp)
            and window_write(source) is op
            and not (window_reads(source, op).others and is_last_use(op, order))
        ):
            continue
        side = Block()
        window_type = tensor_type_of(op.source)
        copy = build_copy(OpBuilder(side, op.location), op.source, window_type, range(len(window_type.get_shape())))
        block.insert_ops_before(drain(side), op)
        op.operands[0] = copy


def _is_destination(op: Operation, index: int) -> bool:
    return (isinstance(op, GenericOp) and index >= len(op.operands) - len(op.results)) or (
        is_scalar_nest(op) and index >= 3
    )


def _repeat_constant(b: OpBuilder, value: SSAValue) -> SSAValue:
    owner = value.owner
    assert isinstance(owner, arith.ConstantOp), "form-kernels: a linalg.fill with a value that is not a constant"
    return b.create(arith.ConstantOp, (), value.type, {"value": owner.properties["value"]})


def build_kernels(block: Block, grouping: KernelGrouping) -> None:
    """Rebuild `block` with kernels instead of structured operations."""
    early: dict[Operation, None] = {}  # constants and what the host computes of them and of block arguments
    others: dict[int, Operation] = {}
    repeated: list[Operation] = []
    places = place_code(block)
    for op in _live(drain(block)):
        if isinstance(op, arith.ConstantOp) or _is_early(op, early):
            early[op] = None
        elif isinstance(op, _REPEATED) or op in places:
            repeated.append(op)
        else:
            node = grouping.add(op)
            if not _is_grouped(op):
                others[node] = op
    grouping.join_siblings()
    for op in early:
        block.add_op(op)
    builder = OpBuilder(block)
    schedule: list[tuple[int, Group | Operation]] = [
        *((grouping.graph.position(node), group) for node, group in grouping.groups.items()),
        *((grouping.graph.position(node), op) for node, op in others.items()),
    ]
    schedule.sort(key=lambda entry: entry[0])
    for _, entry in schedule:
        if isinstance(entry, Group):
            _build_kernel(builder, entry)
        else:
            block.add_op(entry)
    for op in reversed(repeated):
        if all(result.first_use is None for result in op.results):
            op.erase()
        else:
            first = block.first_op
            assert first is not None
            block.insert_op_before(op, first)
    for op in reversed(list(early)):
        if op.results[0].first_use is None:
            block.erase_op(op)


def _is_grouped(op: Operation) -> bool:
    """Whether `op` lies in a kernel."""
    return isinstance(op, GenericOp | ScatterOp | FftOp | RowsOp) or is_window_write(op) or is_scalar_nest(op)


def _is_early(op: Operation, early: Container[Operation]) -> bool:
    """Whether `op` computes a scalar that is known before any kernel of its block runs."""
    if not op.results or op.regions or any(map(is_tensor, (*op.operands, *op.results))):
        return False
    return all(
        value.owner in early
        for value in op.operands
        if isinstance(value.owner, Operation) and value.owner.parent is None
    )


def _live(ops: list[Operation]) -> list[Operation]:
    """Erase the structured operations and control flow that nothing reads; return the others."""
    live: list[Operation] = []
    for op in reversed(ops):
        if (_is_grouped(op) or type(op) in CONTROL_FLOW) and all(result.first_use is None for result in op.results):
            op.erase()
        else:
            live.append(op)
    live.reverse()
    return live


def _build_kernel(b: OpBuilder, group: Group) -> None:
    ops = [member.op for member in group.members]
    body = _KernelBody(group)
    for op in ops:
        if isinstance(op, tensor.InsertSliceOp):
            body.provide_place(op)
    for op in ops:
        body.add(op)
    inside = set(ops)
    results = [
        value
        for value in group.results
        # What a nest of loops writes, and scratch, is too large for the stack: it needs a place in the arena even if nothing reads it.
        if isinstance(value.owner, scf.ForOp | FftOp | RowsOp)
        or any(enclosing(use.operation, inside) is None for use in value.uses)
    ]
    outside = {value: [use for use in value.uses if enclosing(use.operation, inside) is None] for value in results}
    body.builder.location = b.location = ops[-1].location
    body.builder.create_op(YieldOp, results)
    name = kernel_name(ops)
    kernel = b.create_op(
        KernelOp,
        list(body.arguments),
        [value.type for value in results],
        {"kernel_name": StringAttr(name), "tile": int_array(group.tile)},
        regions=[Region(body.block)],
    )
    for value, result in zip(results, kernel.results, strict=True):
        for use in outside[value]:
            use.operation.operands[use.index] = result
    count = sum(not isinstance(op, tensor.InsertSliceOp) for op in ops)
    if count > 1:
        emit_remark("passed", "form-kernels", f"{name}: {count} operations, tile {list(group.tile)}", ops[-1].location)


class _KernelBody:
    """The region of a kernel under construction: operations move in, what they need from outside is provided."""

    def __init__(self, group: Group):
        self.group = group
        self.block = Block()
        self.builder = OpBuilder(self.block)
        self.arguments: dict[SSAValue, SSAValue] = {}
        """The tensors from outside, each with its block argument."""
        self._scalars: dict[SSAValue, SSAValue] = {}

    def provide_place(self, op: tensor.InsertSliceOp) -> None:
        """Compute where the window lies, in front of what computes the window."""
        self.builder.location = op.location
        for index, offset in enumerate(op.operands[2:], 2):
            op.operands[index] = self._scalar(offset)

    def add(self, op: Operation) -> None:
        """Move `op`, which has no parent, to the end of the kernel."""
        self.builder.location = op.location
        provided = [self._provide(value, _is_destination(op, index)) for index, value in enumerate(op.operands)]
        captured = {value: self._provide(value, False) for value in captured_by(op)}
        op.operands = provided
        if captured:
            for inner in op.walk():
                for index, value in enumerate(inner.operands):
                    if value in captured:
                        inner.operands[index] = captured[value]
        self.block.add_op(op)

    def _provide(self, value: SSAValue, is_destination: bool) -> SSAValue:
        """What stands for `value` inside the kernel."""
        if value in self.group.results:
            return value
        owner = value.owner
        if not is_tensor(value):
            return self._scalar(value)
        if isinstance(owner, tensor.EmptyOp):
            return build_empty(self.builder, owner.tensor.type)
        if isinstance(owner, FillOp):
            return build_fill(self.builder, self._scalar(owner.operands[0]), tensor_type_of(value))
        if isinstance(owner, arith.ConstantOp) and is_destination and is_splat_constant(value):
            numbers = cast(DenseIntOrFPElementsAttr, owner.value).get_values()
            return build_fill(
                self.builder, self.builder.constant(cast(float, numbers[0]), element_type(value)), tensor_type_of(value)
            )
        argument = self.arguments.get(value)
        if argument is None:
            argument = self.block.insert_arg(value.type, len(self.block.args))
            self.arguments[value] = argument
        return argument

    def _scalar(self, value: SSAValue) -> SSAValue:
        """The scalar `value`, computed in the kernel again."""
        result = self._scalars.get(value)
        if result is None:
            op = value.owner
            assert isinstance(op, Operation), "form-kernels: a scalar that is an argument"
            if op.parent is self.block:
                return value
            operands = [self._provide(operand, False) for operand in op.operands]
            result = self._scalars[value] = self.builder.create(type(op), operands, value.type, op.properties)
        return result
