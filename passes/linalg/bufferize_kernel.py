"""Bufferization of one kernel region: structured operations on tensors become the same on memrefs.

Each `outs` chain (`tensor.empty`, `linalg.fill`, the operation) becomes one destination memref: an argument of the kernel for a
yielded value, a `memref.alloca` for a temporary. Empties and fills that several operations share are repeated,
one destination each.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from xdsl.dialects import memref, scf, tensor
from xdsl.dialects.builtin import ArrayAttr, TensorType
from xdsl.dialects.linalg.attrs import IteratorTypeAttr
from xdsl.dialects.linalg.ops import FillOp, GenericOp, YieldOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from dialects import rt
from dialects.builder import OpBuilder, dims_map, memref_type, segment_sizes
from dialects.rt import RowsOp
from passes.linalg.windows import offsets_of, window_reads, window_write

NO_OPERANDS = segment_sizes(0, 0)
ONE_TO_ONE = segment_sizes(1, 1)
PARALLEL = IteratorTypeAttr.parallel()


def to_memref(tensor_type: Any) -> Any:
    """The contiguous memref type of a tensor type."""
    assert isinstance(tensor_type, TensorType), f"{tensor_type} is not a tensor type"
    return memref_type(cast(Any, tensor_type).element_type, tensor_type.get_shape())


class KernelBufferizer:
    """Rebuilds the region of `kernel` in `block`, whose arguments are memrefs.

    `arguments[i]` is the memref of input `i`, if it is read or overwritten, `destinations[j]` the memref that result `j` is written to (the same
    object where the kernel works in place).
    """

    def __init__(
        self, kernel: rt.KernelOp, block: Block, arguments: Mapping[int, SSAValue], destinations: Sequence[SSAValue]
    ):
        self.kernel = kernel
        self.builder = OpBuilder(block, kernel.location)
        self.memref_of: dict[SSAValue, SSAValue] = {kernel.body.block.args[i]: new for i, new in arguments.items()}
        self.scalar_of: dict[SSAValue, SSAValue] = {}
        last = kernel.body.block.last_op
        assert isinstance(last, rt.YieldOp)
        self.yielded = tuple(last.values)
        self.destinations = tuple(destinations)

    def run(self) -> None:
        """Rebuild every operation, then copy yielded values that another operation did not write in place."""
        for op in self.kernel.body.block.ops:
            self.builder.location = op.location
            if isinstance(op, GenericOp):
                self._generic(op)
            elif isinstance(op, rt.ScatterOp):
                self._scatter(op)
            elif isinstance(op, rt.FftOp):
                self._fft(op)
            elif isinstance(op, RowsOp):
                self._sort(op)
            elif isinstance(op, scf.ForOp):
                self._nest(op)
            elif isinstance(op, tensor.EmptyOp | FillOp | rt.YieldOp | tensor.InsertSliceOp):
                continue  # made where they are used
            else:
                self._scalar(op)
        for value, destination in zip(self.yielded, self.destinations, strict=True):
            source = self.read(value)
            if source is not destination:
                self._copy(source, destination)
        self.builder.create_op(rt.YieldOp)

    def read(self, value: SSAValue) -> SSAValue:
        """The memref that holds `value`, made now if it is a fill or an empty tensor."""
        known = self.memref_of.get(value)
        if known is None:
            known = self.memref_of[value] = self._destination(value, value)
        return known

    def _destination(self, init: SSAValue, result: SSAValue) -> SSAValue:
        """A memref for `result` that starts with the contents of `init`."""
        target = self._window(result)
        for value, destination in zip(self.yielded, self.destinations, strict=True):
            if value is result:
                target = destination
                break
        owner = init.owner
        if target is None:
            target = self.builder.create(
                memref.AllocaOp, (), to_memref(result.type), {"operandSegmentSizes": NO_OPERANDS}
            )
        if isinstance(owner, tensor.EmptyOp):
            return target
        if isinstance(owner, FillOp):
            build_memref_fill(self.builder, self.scalar_of[owner.inputs[0]], target)
            return target
        source = self.read(init)
        if source is not target:
            self._copy(source, target)
        return target

    def _window(self, result: SSAValue) -> SSAValue | None:
        """The part of a buffer that `result` is written to, if it is a window of a result of the kernel."""
        write = window_write(result.owner) if isinstance(result.owner, GenericOp) else None
        if write is None:
            return None
        target = next(d for v, d in zip(self.yielded, self.destinations, strict=True) if v is write.result)
        self.memref_of[write.result] = target
        offsets = [o if isinstance(o, int) else self.scalar_of[o] for o in offsets_of(write)]
        sizes, strides = write.static_sizes.get_values(), write.static_strides.get_values()
        view_type = memref.SubviewOp.infer_result_type(cast(Any, target.type), offsets, sizes, strides)
        view = memref.SubviewOp.get(target, offsets, sizes, strides, view_type)
        view.location = self.builder.location
        return self.builder.insert(view).results[0]

    def _copy(self, source: SSAValue, target: SSAValue) -> None:
        target_type = cast(Any, target.type)
        rank = target_type.get_num_dims()
        block = Block(arg_types=[target_type.element_type, target_type.element_type])
        OpBuilder(block).create_op(YieldOp, (block.args[0],))
        identity = dims_map(rank, tuple(range(rank)))
        self.builder.create_op(
            GenericOp,
            (source, target),
            (),
            {
                "indexing_maps": ArrayAttr([identity, identity]),
                "iterator_types": ArrayAttr([PARALLEL] * rank),
                "operandSegmentSizes": ONE_TO_ONE,
            },
            regions=[Region(block)],
        )

    def _generic(self, op: GenericOp) -> None:
        inputs = [self.read(v) if isinstance(v.type, TensorType) else self.scalar_of[v] for v in op.inputs]
        outputs: list[SSAValue] = []
        for init, result in zip(op.outputs, op.res, strict=True):
            target = self._destination(init, result)
            self.memref_of[result] = target
            outputs.append(target)
        old = op.body.block
        new = Block(arg_types=[argument.type for argument in old.args])
        values = {**self.scalar_of, **dict(zip(old.args, new.args, strict=True))}
        properties = dict(op.properties)
        write = window_write(op)
        if write is not None and self.memref_of.get(write.dest) is self.memref_of[write.result]:
            self._read_window(op, write, inputs, outputs[0], new, values, properties)
        inner = OpBuilder(new)
        for nested in old.ops:
            if nested.results and nested.results[0] in values:
                continue
            inner.location = nested.location
            _rebuild(nested, inner, values, self)
        self.builder.create_op(
            GenericOp, (*inputs, *outputs), (), properties, regions=[Region(new)], attributes=dict(op.attributes)
        )

    def _read_window(
        self,
        op: GenericOp,
        write: tensor.InsertSliceOp,
        inputs: list[SSAValue],
        target: SSAValue,
        block: Block,
        values: dict[SSAValue, SSAValue],
        properties: dict[str, Attribute],
    ) -> None:
        """Let `op`, which writes its window in place, read what was there through the same view."""
        reads = window_reads(op, write)
        maps = list(op.indexing_maps.data)
        identity = maps[-1]
        for index in reads.operands:
            inputs[index] = target
            maps[index] = identity
        for extract in reads.extracts:
            values[extract.result] = block.insert_arg(extract.result.type, len(inputs))
            maps.insert(len(inputs), identity)
            inputs.append(target)
        properties["indexing_maps"] = ArrayAttr(maps)
        properties["operandSegmentSizes"] = segment_sizes(len(inputs), 1)

    def _scalar(self, op: Operation) -> None:
        _rebuild(op, self.builder, self.scalar_of, self)

    def _scatter(self, op: rt.ScatterOp) -> None:
        """The buffer of the result holds the destination already."""
        assert op.result is not None, "rt.scatter on memrefs in a kernel on tensors"
        target = next(d for v, d in zip(self.yielded, self.destinations, strict=True) if v is op.result)
        self.memref_of[op.result] = target
        regions = [_rebuild_region(op.body, self.scalar_of, self)]
        operands = (self.read(op.updates), self.read(op.indices), target)
        self.builder.create_op(rt.ScatterOp, operands, (), dict(op.properties), regions, attributes=dict(op.attributes))

    def _fft(self, op: rt.FftOp) -> None:
        places = dict(zip(self.yielded, self.destinations, strict=True))
        self.memref_of.update((result, places[result]) for result in op.outputs)
        operands = (self.read(op.input), self.read(op.roots), *(places[result] for result in op.outputs))
        self.builder.create_op(rt.FftOp, operands, (), dict(op.properties), attributes=dict(op.attributes))

    def _sort(self, op: RowsOp) -> None:
        places = dict(zip(self.yielded, self.destinations, strict=True))
        outs = [places[result] for result in op.outputs]
        columns = [self.read(column) for column in op.columns]
        self.memref_of.update(zip(op.outputs, outs, strict=True))
        properties = {**op.properties, "operandSegmentSizes": segment_sizes(len(columns), len(outs))}
        self.builder.create_op(type(op), (*columns, *outs), (), properties, attributes=dict(op.attributes))

    def _nest(self, op: scf.ForOp) -> None:
        """A loop nest that inserts into carried tensors: each becomes its destination memref."""
        targets = [
            self._destination(init, result) if isinstance(init.type, TensorType) else None
            for init, result in zip(op.iter_args, op.results, strict=True)
        ]
        self._loop(op, self.builder, self.scalar_of, targets)

    def _loop(
        self,
        op: scf.ForOp,
        builder: OpBuilder,
        values: dict[SSAValue, SSAValue],
        targets: Sequence[SSAValue | None],
    ) -> None:
        """Rebuild a loop without the tensors that it carries; its results are added to `values` and `memref_of`."""
        old = op.body.block
        scalars = [i for i, init in enumerate(op.iter_args) if not isinstance(init.type, TensorType)]
        new = Block(arg_types=[old.args[0].type, *(op.iter_args[i].type for i in scalars)])
        inner_values = {**values, old.args[0]: new.args[0]}
        inner_values.update((old.args[i + 1], argument) for i, argument in zip(scalars, new.args[1:], strict=True))
        for target, argument, result in zip(targets, old.args[1:], op.results, strict=True):
            if target is not None:
                self.memref_of[argument] = self.memref_of[result] = target
        inner = OpBuilder(new, op.location)
        for nested in old.ops:
            inner.location = nested.location
            if isinstance(nested, scf.ForOp):
                self._loop(nested, inner, inner_values, [self.memref_of.get(init) for init in nested.iter_args])
            elif isinstance(nested, tensor.InsertOp):
                target = self.memref_of[nested.dest]
                indices = (inner_values[i] for i in nested.indices)
                inner.create_op(memref.StoreOp, (inner_values[nested.scalar], target, *indices))
                self.memref_of[nested.result] = target
            elif isinstance(nested, scf.YieldOp):
                for value, result in zip(nested.operands, op.results, strict=True):
                    assert self.memref_of.get(value) is self.memref_of.get(result), "a loop that exchanges tensors"
                inner.create_op(scf.YieldOp, [inner_values[nested.operands[i]] for i in scalars])
            else:
                _rebuild(nested, inner, inner_values, self)
        bounds = (values[v] for v in (op.lb, op.ub, op.step, *(op.iter_args[i] for i in scalars)))
        types = [op.iter_args[i].type for i in scalars]
        loop = builder.create_op(scf.ForOp, tuple(bounds), types, {}, regions=[Region(new)])
        values.update((op.results[i], result) for i, result in zip(scalars, loop.results, strict=True))


def build_memref_fill(b: OpBuilder, scalar: SSAValue, target: SSAValue) -> None:
    """Append a `linalg.fill` of the memref `target`."""
    block = Block(arg_types=[scalar.type, scalar.type])
    OpBuilder(block).create_op(YieldOp, (block.args[0],))
    b.create_op(FillOp, (scalar, target), (), {"operandSegmentSizes": ONE_TO_ONE}, regions=[Region(block)])


def _rebuild(op: Operation, builder: OpBuilder, values: dict[SSAValue, SSAValue], kernel: KernelBufferizer) -> None:
    """Append `op` with mapped operands; `tensor.extract` becomes `memref.load`."""
    if isinstance(op, tensor.ExtractOp):
        source = kernel.read(op.tensor)
        result = builder.create(memref.LoadOp, (source, *(values[i] for i in op.indices)), op.result.type)
        values[op.result] = result
        return
    regions = [_rebuild_region(region, values, kernel) for region in op.regions]
    new = builder.create_op(
        type(op),
        tuple(values[operand] for operand in op.operands),
        tuple(result.type for result in op.results),
        dict(op.properties),
        regions=regions,
        attributes=dict(op.attributes),
    )
    values.update(zip(op.results, new.results, strict=True))


def _rebuild_region(region: Region, values: dict[SSAValue, SSAValue], kernel: KernelBufferizer) -> Region:
    blocks: list[Block] = []
    for old in region.blocks:
        new = Block(arg_types=[argument.type for argument in old.args])
        inner_values = {**values, **dict(zip(old.args, new.args, strict=True))}
        inner = OpBuilder(new)
        for op in old.ops:
            inner.location = op.location
            _rebuild(op, inner, inner_values, kernel)
        blocks.append(new)
    return Region(blocks)
