"""Bufferization of the blocks of one host function: tensors become memrefs, scalars stay.

Carried values of loops and results of branches are buffers from outside that the regions write to; a loop carries memrefs only
where buffers take turns (`passes/linalg/storage_planner.py`).
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any, cast

import numpy as np
from xdsl.dialects import arith, memref, scf, tensor
from xdsl.dialects.builtin import (
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    MemRefType,
    ModuleOp,
    StringAttr,
    SymbolRefAttr,
    UnitAttr,
    i32,
)
from xdsl.ir import Block, BlockArgument, Operation, Region, SSAValue
from xdsl.utils.exceptions import PassFailedException

from dialects import rt
from dialects.builder import OpBuilder, int_array
from dialects.rows import row_position
from dialects.rt import LapackOp
from dialects.structured import is_splat_constant, is_tensor
from passes.linalg.bufferize_kernel import NO_OPERANDS, KernelBufferizer, build_memref_fill, to_memref
from passes.linalg.host_blocks import is_control_flow
from passes.linalg.reshape_memref import build_reshape
from passes.linalg.storage import VIEWS, ControlPlan, Slot, Storage, StoragePlan

_PART_WRITES = (tensor.InsertSliceOp, rt.ScatterOp)
"""Operations that leave the rest of their destination as it is."""


class HostBufferizer:
    """Appends to `builder` what stands for host operations, as `plan` says.

    `values` maps what the old operations compute; `buffer_of` has the buffers that are chosen already. Constants become
    globals of `module`, whose symbols are `globals_`.
    """

    def __init__(self, module: ModuleOp, globals_: set[str], plan: StoragePlan, builder: OpBuilder):
        self.module = module
        self.globals = globals_
        self.plan = plan
        self.builder = builder
        self.values: dict[SSAValue, SSAValue] = {}
        self.buffer_of: dict[Storage, SSAValue] = {}

    def build(self, block: Block) -> None:
        """Append the operations of `block` but the terminator."""
        for op in block.ops:
            self.builder.location = op.location
            if op is block.last_op:
                return
            if isinstance(op, rt.KernelOp):
                self._kernel(op)
            elif isinstance(op, rt.GemmOp):
                self._gemm(op)
            elif isinstance(op, LapackOp):
                self._lapack(op)
            elif isinstance(op, VIEWS):
                self.values[op.results[0]] = self._reshaped(self.values[op.operands[0]], op.results[0])
            elif isinstance(op, arith.ConstantOp):
                self._constant(op)
            elif isinstance(op, tensor.EmptyOp):
                self.values[op.tensor] = self._buffer(op.tensor)
            elif isinstance(op, tensor.ExtractSliceOp):
                self.values[op.result] = self._row(self.values[op.source], op)
            elif isinstance(op, tensor.InsertSliceOp):
                self._insert(op)
            elif isinstance(op, tensor.FromElementsOp):
                self._store(op)
            elif isinstance(op, tensor.ExtractOp):
                indices = [self.values[index] for index in op.indices]
                operands = (self.values[op.tensor], *indices)
                self.values[op.result] = self.builder.create(memref.LoadOp, operands, op.result.type)
            elif isinstance(op, scf.ForOp | scf.WhileOp) and is_control_flow(op):
                self._loop(op)
            elif isinstance(op, scf.IfOp | scf.IndexSwitchOp):
                self._branches(op)
            elif any(map(is_tensor, (*op.operands, *op.results))):
                raise PassFailedException(
                    f"bufferize: {op.name} stands outside a kernel; run form-kernels and select-libraries first"
                )
            else:
                self._scalar(op)

    def copy(self, source: SSAValue, target: SSAValue) -> None:
        """Append a copy, unless both are the same memory."""
        if _memory(source) is not _memory(target):
            shape = cast(MemRefType[Any], source.type).get_shape()
            self.builder.create_op(memref.CopyOp, (source, build_reshape(self.builder, target, shape)))

    def _root(self, storage: Storage, wanted: MemRefType[Any]) -> SSAValue:
        """The buffer of `storage`, made now for a value of type `wanted` if there is none yet."""
        if storage.home is not None:
            return self._root(storage.home, wanted)
        known = self.buffer_of.get(storage)
        if known is None:
            if storage.row_of is not None:
                whole, insert = storage.row_of
                target = self._root(whole, to_memref(insert.dest.type))
                known = self._row(self._reshaped(target, insert.dest), insert)
            else:
                known = self.builder.create(memref.AllocOp, (), wanted, {"operandSegmentSizes": NO_OPERANDS})
            self.buffer_of[storage] = known
        return known

    def _buffer(self, value: SSAValue, storage: Storage | None = None) -> SSAValue:
        """The memref that `value` is written to."""
        root = self._root(storage or self.plan.storage_of[value], to_memref(value.type))
        if isinstance(root.owner, memref.AllocOp) and root.name_hint is None:
            root.name_hint = value.name_hint
        return self._reshaped(root, value)

    def _reshaped(self, memory: SSAValue, value: SSAValue) -> SSAValue:
        return build_reshape(self.builder, memory, to_memref(value.type).get_shape())

    def _scalar(self, op: Operation) -> None:
        new = self.builder.create_op(
            type(op),
            [self.values[operand] for operand in op.operands],
            [result.type for result in op.results],
            dict(op.properties),
            attributes=dict(op.attributes),
        )
        self.values.update(zip(op.results, new.results, strict=True))

    def _kernel(self, op: rt.KernelOp) -> None:
        overwritten = {self.plan.in_place.get((op, index)) for index in range(len(op.outputs))}
        read = [i for i, a in enumerate(op.body.block.args) if i in overwritten or not _is_only_written_into(a)]
        inputs = [self.values[op.inputs[i]] for i in read]
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
                self.values[result] = inputs[-1]
            else:
                destinations.append(place[operand])
                self.values[result] = inputs[place[operand]]
        block = Block(arg_types=[value.type for value in inputs])
        for argument, name in zip(block.args, names, strict=True):
            argument.name_hint = name
        arguments = {old: block.args[new] for old, new in place.items()}
        KernelBufferizer(op, block, arguments, [block.args[i] for i in destinations]).run()
        self.builder.create_op(
            rt.KernelOp, inputs, (), dict(op.properties), regions=[Region(block)], attributes=dict(op.attributes)
        )

    def _copy_around_window(self, op: rt.KernelOp, index: int, target: SSAValue) -> None:
        """Let `target` hold the rest of result `index` of a kernel, if the kernel writes only a part of it."""
        write = cast(rt.YieldOp, op.body.block.last_op).values[index].owner
        if isinstance(write, _PART_WRITES) and isinstance(write.dest, BlockArgument):
            self.copy(self.values[op.inputs[write.dest.index]], target)

    def _gemm(self, op: rt.GemmOp) -> None:
        assert op.result is not None
        out = self.values[op.result] = self._buffer(op.result)
        operands = (self.values[op.lhs], self.values[op.rhs], out)
        properties = {name: value for name, value in op.properties.items() if name != "operandSegmentSizes"}
        self.builder.create_op(rt.GemmOp, operands, (), properties, attributes=dict(op.attributes))

    def _lapack(self, op: LapackOp) -> None:
        outs = [self._buffer(result) for result in op.outputs]
        for init, out in zip(op.inits, outs, strict=False):
            self.copy(self.values[init], out)
        self.values.update(zip(op.outputs, outs, strict=True))
        inputs = [self.values[value] for value in op.inputs]
        sizes = DenseArrayBase.from_list(i32, [len(inputs), 0, len(outs)])
        properties = {**op.properties, "operandSegmentSizes": sizes}
        self.builder.create_op(LapackOp, (*inputs, *outs), (), properties, attributes=dict(op.attributes))

    def _row(self, source: SSAValue, op: tensor.ExtractSliceOp | tensor.InsertSliceOp) -> SSAValue:
        """A view of the row of `source` that `op` reads or writes."""
        position = row_position(op)
        index = self.builder.index(position) if isinstance(position, int) else self.values[position]
        row = op.result if isinstance(op, tensor.ExtractSliceOp) else op.source
        return self.builder.create(rt.RowOp, (source, index), to_memref(row.type))

    def _insert(self, op: tensor.InsertSliceOp) -> None:
        source, target = self.values[op.source], self.values[op.dest]
        if op not in self.plan.inserted_in_place:
            target = self._buffer(op.result)
            self.copy(self.values[op.dest], target)
        self.values[op.result] = target
        row = self.plan.storage_of[op.source].row_of
        if row is None or row[1] is not op:
            self.copy(source, self._row(target, op))

    def _store(self, op: tensor.FromElementsOp) -> None:
        target = self.values[op.result] = self._buffer(op.result)
        shape = cast(MemRefType[Any], target.type).get_shape()
        for element, position in zip(op.elements, np.ndindex(*shape), strict=True):
            indices = [self.builder.index(index) for index in position]
            self.builder.create_op(memref.StoreOp, (self.values[element], target, *indices))

    def _constant(self, op: arith.ConstantOp) -> None:
        """A constant: a fill kernel for a tensor that is a splat, else a global; a scalar if the host computes with it."""
        if not isinstance(op.value, DenseIntOrFPElementsAttr):
            if op.result.first_use is not None:
                self._scalar(op)
            return
        if is_splat_constant(op.result):
            self.values[op.result] = self._splat(op)
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
        name = {"name": SymbolRefAttr(symbol)}
        self.values[op.result] = self.builder.create(memref.GetGlobalOp, (), memref_type, name)

    def _splat(self, op: arith.ConstantOp) -> SSAValue:
        """A constant tensor with one value, needed in memory: a kernel that fills a flat buffer."""
        buffer = self._buffer(op.result)
        memref_type = cast(MemRefType[Any], buffer.type)
        size = prod(memref_type.get_shape())
        flat = build_reshape(self.builder, buffer, (size,))
        block = Block(arg_types=[flat.type])
        inner = OpBuilder(block, op.location)
        value = cast(DenseIntOrFPElementsAttr, op.value).get_values()[0] if size else 0
        scalar = inner.constant(cast(float, value), memref_type.element_type)
        build_memref_fill(inner, scalar, block.args[0])
        inner.create_op(rt.YieldOp)
        properties = {"kernel_name": StringAttr("fill"), "tile": int_array((size,))}
        self.builder.create_op(rt.KernelOp, (flat,), (), properties, regions=[Region(block)])
        return buffer

    # Control flow

    @contextmanager
    def _inside(self, block: Block) -> Generator[None]:
        """Append to `block` within the `with` statement."""
        outer = self.builder
        self.builder = OpBuilder(block, outer.location)
        yield
        self.builder = outer

    def _region(self, old: Block, control: ControlPlan) -> None:
        """Append the operations of a region, and the copies at its end."""
        self.build(old)
        copies = control.copies.get(old, ())
        written = {target for _, target in copies}
        sources: list[SSAValue] = []
        for value, target in copies:
            source = self.values[value]
            if self.plan.storage_of[value] in written - {target}:
                # Values that change places: another copy overwrites this one.
                source = self.builder.create(memref.AllocOp, (), source.type, {"operandSegmentSizes": NO_OPERANDS})
                self.copy(self.values[value], source)
            sources.append(source)
        for source, (value, target) in zip(sources, copies, strict=True):
            self.copy(source, self._buffer(value, target))

    def _loop(self, op: scf.ForOp | scf.WhileOp) -> None:
        control = self.plan.control[op]
        slots = control.slots
        initial = op.iter_args if isinstance(op, scf.ForOp) else op.arguments
        # A spare buffer has the type of the carried value that it takes turns with.
        examples = [*initial, *(initial[_reader(slots, i)] for i in range(len(initial), len(slots)))]
        buffers = [
            self._buffer(example, slot.outside) if slot.row is None else self.values[example]
            for example, slot in zip(examples, slots, strict=True)
        ]
        for slot, buffer in zip(slots, buffers, strict=True):
            if slot.start is not None:
                self.copy(self.values[slot.start], buffer)
        turning = [i for i, slot in enumerate(slots) if not slot.is_in_place(i)]
        types = [buffers[i].type for i in turning]

        def enter(old: Sequence[SSAValue], new: Sequence[SSAValue]) -> None:
            for i, slot in enumerate(slots):
                self.buffer_of[slot.inside] = new[turning.index(i)] if i in turning else buffers[i]
            for argument, slot in zip(old, slots, strict=False):
                self.values[argument] = self.buffer_of[slot.inside]

        def next_buffers() -> list[SSAValue]:
            following = [
                self.values[slot.row] if slot.row is not None else self.buffer_of[slots[slot.following].inside]
                for slot in (slots[i] for i in turning)
            ]
            return [self._reshaped_as(memory, t) for memory, t in zip(following, types, strict=True)]

        if isinstance(op, scf.ForOp):
            block = Block(arg_types=[op.body.block.args[0].type, *types])
            self.values[op.body.block.args[0]] = block.args[0]
            enter(op.body.block.args[1:], block.args[1:])
            with self._inside(block):
                self._region(op.body.block, control)
                self.builder.create_op(scf.YieldOp, next_buffers())
            operands = [*(self.values[bound] for bound in (op.lb, op.ub, op.step)), *(buffers[i] for i in turning)]
            regions = [Region(block)]
        else:
            before, after = Block(arg_types=types), Block(arg_types=types)
            old_before, old_after = op.before_region.block, op.after_region.block
            enter(old_before.args, before.args)
            with self._inside(before):
                self.build(old_before)
                condition = self.values[cast(Operation, old_before.last_op).operands[0]]
                self.builder.create_op(scf.ConditionOp, (condition, *before.args))
            enter(old_after.args, after.args)
            with self._inside(after):
                self._region(old_after, control)
                self.builder.create_op(scf.YieldOp, next_buffers())
            operands = [buffers[i] for i in turning]
            regions = [Region(before), Region(after)]
        self.builder.location = op.location
        new = self.builder.create_op(type(op), operands, types, dict(op.properties), regions=regions)
        for i, (result, storage) in enumerate(zip(op.results, control.results, strict=True)):
            if slots[i].row is not None:
                self.values[result] = new.results[turning.index(i)]
                continue
            if storage.is_fixed and storage not in self.buffer_of:
                self.buffer_of[storage] = new.results[turning.index(i)]
            self.values[result] = self._buffer(result)

    def _reshaped_as(self, memory: SSAValue, wanted: Any) -> SSAValue:
        return build_reshape(self.builder, memory, wanted.get_shape())

    def _branches(self, op: scf.IfOp | scf.IndexSwitchOp) -> None:
        control = self.plan.control[op]
        for result, storage in zip(op.results, control.results, strict=True):
            self.values[result] = self._buffer(result, storage)
        regions: list[Region] = []
        for region in op.regions:
            regions.append(Region([Block() for _ in region.blocks]))
            for old, new in zip(region.blocks, regions[-1].blocks, strict=True):
                with self._inside(new):
                    self._region(old, control)
                    self.builder.create_op(scf.YieldOp)
        self.builder.location = op.location
        self.builder.create_op(type(op), (self.values[op.operands[0]],), (), dict(op.properties), regions=regions)


def _reader(slots: Sequence[Slot], spare: int) -> int:
    """The carried value that takes the buffer of the slot `spare`."""
    return next(i for i, slot in enumerate(slots) if slot.following == spare)


def _is_only_written_into(argument: BlockArgument) -> bool:
    """Whether all that a kernel does with an operand is to write a part of a copy of it."""
    (use, *others) = [*argument.uses] or [None]
    return use is not None and not others and isinstance(use.operation, _PART_WRITES) and use.operation.dest is argument


def _memory(value: SSAValue) -> SSAValue:
    """What `value` is a reshape of."""
    owner = value.owner
    while isinstance(owner, memref.CollapseShapeOp | memref.ExpandShapeOp):
        value = owner.operands[0]
        owner = value.owner
    return value
