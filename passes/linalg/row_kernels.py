"""Kernels over rows that also add up over their rows: what `absorb-sums` looks for, and what it makes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple, Self, cast

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import ArrayAttr, StringAttr, TensorType
from xdsl.dialects.linalg.ops import FillOp, GenericOp, IndexOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineExpr

from dialects.builder import OpBuilder, affine_map, int_array, segment_sizes, tensor_type
from dialects.remarks import emit_remark
from dialects.rt import KernelOp
from dialects.rt import YieldOp as KernelYieldOp
from dialects.structured import PARALLEL, REDUCTION, build_empty, build_fill, build_generic, build_reshape
from passes.linalg.bodies import captured_by, drain
from passes.linalg.kernel_groups import num_bytes
from passes.linalg.kernel_names import kernel_name
from passes.linalg.maps import (
    Access,
    accesses,
    compose,
    dimension,
    dimensions,
    iterators,
    loop_sizes,
    num_parallel,
    shape_of,
    tensor_type_of,
)
from passes.memref.combiners import COMBINERS

_REPEATED = (arith.ConstantOp, tensor.EmptyOp, FillOp)


class Sum(NamedTuple):
    """A kernel with one reduction, `op`, whose loop over `rows` is dimension `dim`."""

    kernel: KernelOp
    op: GenericOp
    combine: Operation
    dim: int
    rows: int
    row_inputs: tuple[SSAValue, ...]
    """What it reads row by row, as values outside of the kernel."""

    @property
    def bytes_read(self) -> int:
        """How much it reads row by row."""
        return sum(map(num_bytes, self.row_inputs))

    def outside(self, value: SSAValue) -> SSAValue:
        """The value that an operand of the reduction stands for."""
        return self.kernel.inputs[self.kernel.body.block.args.index(cast(Any, value))]


def find_sum(kernel: KernelOp) -> Sum | None:
    """The only reduction of `kernel`, if it is one over rows of what the kernel reads."""
    block = kernel.body.block
    reductions = [op for op in block.ops if isinstance(op, GenericOp) and num_parallel(op) < len(iterators(op))]
    if len(reductions) != 1:
        return None
    (op,) = reductions
    body = op.body.block
    inputs, last = op.inputs, body.last_op
    assert last is not None
    combine = last.operands[-1].owner
    if (
        len(op.results) != 1
        or not isinstance(combine, Operation)
        or type(combine) not in COMBINERS
        or body.args[-1] not in combine.operands
        or not body.args[-1].has_one_use()
        or not isinstance(op.outputs[0].owner, FillOp)
        or any(value.owner is not block for value in inputs)
        or captured_by(op)
        or any(isinstance(inner, IndexOp) for inner in body.ops)
    ):
        return None
    parallel = num_parallel(op)
    *read, written = accesses(op)
    _, first = max(
        ((num_bytes(value), access[0]) for value, access in zip(inputs, read, strict=True) if access),
        default=(0, dimension(0)),
        key=lambda entry: entry[0],
    )
    if not isinstance(first, AffineDimExpr) or first.position < parallel or written != dimensions(parallel):
        return None
    dim = first.position
    by_row: list[SSAValue] = []
    for value, access in zip(inputs, read, strict=True):
        used = [expression for expression in access if dim in expression.used_dims()]
        if used and (len(used) > 1 or access[0] != first):
            return None
        if used:
            by_row.append(kernel.inputs[block.args.index(cast(Any, value))])
    return Sum(kernel, op, combine, dim, loop_sizes(op)[dim], tuple(by_row))


@dataclass(eq=False, slots=True)
class RowKernel:
    """A kernel whose tile are the rows of all that it computes."""

    op: KernelOp
    row_arguments: set[SSAValue]
    """The block arguments that are read row by row."""

    @classmethod
    def examine(cls, op: KernelOp, least_row: int) -> Self | None:
        """`op` as a kernel over rows, if it is one and runs some loop `least_row` times for each."""
        tile = cast(Sequence[int], op.tile.get_values())
        block = op.body.block
        if len(tile) != 1:
            return None
        by_row: dict[SSAValue, bool] = {}
        longest = 0
        for inner in block.ops:
            if isinstance(inner, (*_REPEATED, KernelYieldOp)):
                continue
            if not isinstance(inner, GenericOp):
                return None
            if any(isinstance(x, IndexOp) and x.dim.value.data == 0 for x in inner.body.block.ops):
                return None
            for value in captured_by(inner):
                if by_row.setdefault(value, False):
                    return None
            for value, access in zip(inner.operands, accesses(inner), strict=True):
                is_row = bool(access) and access[0] == dimension(0)
                if any(0 in expression.used_dims() for expression in access[int(is_row) :]):
                    return None
                if is_row != (shape_of(value)[:1] == tile and is_row):
                    return None
                if by_row.setdefault(value, is_row) != is_row or (not is_row and value.owner is not block):
                    return None
            longest = max(longest, prod(loop_sizes(inner)[1:]))
        if longest < least_row:
            return None
        return cls(op, {value for value, is_row in by_row.items() if is_row and value.owner is block})

    @property
    def count(self) -> int:
        """How many rows there are."""
        return cast(Sequence[int], self.op.tile.get_values())[0]

    def fits(self, total: Sum, positions: Mapping[Operation, int]) -> bool:
        """Whether the kernel could compute `total`, and has something that it reads; `positions` are those in its block."""
        own = positions[self.op]
        return (
            total.rows == self.count
            and self.bytes_shared(total) > 0
            and all(
                isinstance(value.owner, Block) or positions.get(value.owner, -1) <= own
                for value in map(total.outside, total.op.inputs)
            )
        )

    def bytes_shared(self, total: Sum) -> int:
        """How much of what `total` reads the kernel has at hand."""
        own = {
            value
            for value, argument in zip(self.op.inputs, self.op.body.block.args, strict=True)
            if argument in self.row_arguments
        }
        return sum(num_bytes(value) for value in total.row_inputs if value in own or value.owner is self.op)


def absorb(rows: RowKernel, sums: Sequence[Sum], parts: int) -> None:
    """Replace the kernel by one over parts of its rows that adds up over each part, and what is added up by sums over the parts."""
    _Rewriting(rows, parts).rewrite(sums)


class _Rewriting:
    def __init__(self, rows: RowKernel, parts: int):
        self.old = rows.op
        self.rows = rows
        self.parts = parts
        self.outer = OpBuilder(Block(), rows.op.location)
        self.block = Block()
        self.b = OpBuilder(self.block, rows.op.location)
        self.inputs: list[SSAValue] = []
        self.values: dict[SSAValue, SSAValue] = {}
        """What stands for the values of the old kernel in the new one."""
        self.provided: dict[tuple[SSAValue, bool], SSAValue] = {}
        """The arguments of the new kernel, by the value outside and whether it is read row by row."""

    def rewrite(self, sums: Sequence[Sum]) -> None:
        """Append the new kernel, and put everything in its place."""
        old_block = self.old.body.block
        for argument, value in zip(old_block.args, self.old.inputs, strict=True):
            self.values[argument] = self._provide(value, argument in self.rows.row_arguments)
        *ops, last = drain(old_block)
        for op in ops:
            self.b.location = op.location
            self._add(op)
        yielded = dict[SSAValue, SSAValue](zip(self.old.outputs, last.operands, strict=True))
        partial = [self._add_sum(total, yielded) for total in sums]
        kept = [result for result in self.old.outputs if _is_needed(result, sums)]
        results = [*(self.values[yielded[result]] for result in kept), *partial]
        self.b.create_op(KernelYieldOp, results)
        name = kernel_name([op for op in self.block.ops if isinstance(op, GenericOp)])
        kernel = self.outer.create_op(
            KernelOp,
            self.inputs,
            [value.type for value in results],
            {"kernel_name": StringAttr(name), "tile": int_array((self.parts,))},
            regions=[Region(self.block)],
            attributes=dict(self.old.attributes),
        )
        whole = [build_reshape(self.outer, new, shape_of(old)) for old, new in zip(kept, kernel.results, strict=False)]
        parent = self.old.parent
        assert parent is not None
        parent.insert_ops_before(drain(self.outer.block), self.old)
        for total, value in zip(sums, kernel.results[len(kept) :], strict=True):
            _add_up_parts(total, value)
        for old, new in zip(kept, whole, strict=True):
            old.replace_all_uses_with(new)
        for op in reversed([*ops, last]):
            op.erase()
        self.old.detach()
        self.old.erase()
        message = f"{name}: adds up {len(sums)} results over its rows, in {self.parts} parts"
        emit_remark("passed", "absorb-sums", message, kernel.location)

    def _provide(self, value: SSAValue, by_row: bool) -> SSAValue:
        argument = self.provided.get((value, by_row))
        if argument is None:
            source = build_reshape(self.outer, value, self._type(value).get_shape()) if by_row else value
            self.inputs.append(source)
            argument = self.provided[value, by_row] = self.block.insert_arg(source.type, len(self.block.args))
        return argument

    def _type(self, value: SSAValue) -> TensorType[Any]:
        """The type of rows, in parts."""
        old = tensor_type_of(value)
        count, *rest = old.get_shape()
        return tensor_type(old.element_type, (self.parts, count // self.parts, *rest))

    def _add(self, op: Operation) -> None:
        b, values = self.b, self.values
        if isinstance(op, GenericOp):
            self._add_generic(op)
        elif isinstance(op, tensor.EmptyOp):
            values[op.tensor] = build_empty(b, self._type(op.tensor))
        elif isinstance(op, FillOp):
            values[op.results[0]] = build_fill(b, values[op.operands[0]], self._type(op.results[0]))
        else:
            assert isinstance(op, arith.ConstantOp)
            values[op.result] = b.create(arith.ConstantOp, (), op.result.type, op.properties)

    def _add_generic(self, op: GenericOp) -> None:
        """Give all loops a dimension more: parts, then rows."""
        rank = len(iterators(op))
        dims = (dimension(0), *(dimension(d + 1) for d in range(1, rank)))
        maps = [
            self._access(access, dims, dimension(1), bool(access) and access[0] == dimension(0))
            for access in accesses(op)
        ]
        region = op.detach_region(0)
        for inner in region.walk():
            if isinstance(inner, IndexOp):
                inner.properties["dim"] = type(inner.dim)(inner.dim.value.data + 1, inner.dim.type)
            for index, operand in enumerate(inner.operands):
                if operand in self.values:
                    inner.operands[index] = self.values[operand]
        new = self._create(op, [self.values[value] for value in op.operands], maps, (PARALLEL, *iterators(op)), region)
        self.values.update(zip(op.results, new.results, strict=True))

    def _add_sum(self, total: Sum, yielded: dict[SSAValue, SSAValue]) -> SSAValue:
        """Append the sums over each part; return them."""
        op = total.op
        self.b.location = op.location
        rank, parallel = len(iterators(op)), num_parallel(op)
        others = [d for d in range(parallel, rank) if d != total.dim]
        place = {d: 1 + d for d in range(parallel)} | {total.dim: 1 + parallel}
        place |= {d: 2 + parallel + i for i, d in enumerate(others)}
        dims = tuple(dimension(place[d]) for d in range(rank))
        operands: list[SSAValue] = []
        maps: list[Access] = []
        for value, access in zip(op.inputs, accesses(op), strict=False):
            outside = total.outside(value)
            by_row = bool(access) and access[0] == dimension(total.dim)
            inside = yielded.get(outside)
            operands.append(self._provide(outside, by_row) if inside is None else self.values[inside])
            maps.append(self._access(access, dims, dims[total.dim], by_row))
        result = tensor_type_of(op.results[0])
        neutral = COMBINERS[type(total.combine)].neutral(result.element_type)
        start = self.b.constant(neutral, result.element_type)
        start = build_fill(self.b, start, tensor_type(result.element_type, (self.parts, *result.get_shape())))
        kinds = (PARALLEL,) * (1 + parallel) + (REDUCTION,) * (rank - parallel)
        new = self._create(op, [*operands, start], [*maps, dimensions(1 + parallel)], kinds, op.body.clone())
        return new.results[0]

    def _access(self, access: Access, dims: Access, row: AffineExpr, by_row: bool) -> Access:
        if not by_row:
            return compose(access, dims)
        return (dimension(0), row, *compose(access[1:], dims))

    def _create(
        self, op: GenericOp, operands: Sequence[SSAValue], maps: Sequence[Access], kinds: Sequence[Any], region: Region
    ) -> Operation:
        outputs = len(op.results)
        return self.b.create_op(
            GenericOp,
            operands,
            [value.type for value in operands[len(operands) - outputs :]],
            {
                **op.properties,
                "indexing_maps": ArrayAttr([affine_map(len(kinds), access) for access in maps]),
                "iterator_types": ArrayAttr(kinds),
                "operandSegmentSizes": segment_sizes(len(operands) - outputs, outputs),
            },
            regions=[region],
        )


def _is_needed(result: SSAValue, sums: Sequence[Sum]) -> bool:
    """Whether something else than the reductions of `sums` reads `result`."""
    reductions = {total.kernel: total.op for total in sums}
    for use in result.uses:
        reduction = reductions.get(cast(KernelOp, use.operation))
        if reduction is None:
            return True
        argument = cast(KernelOp, use.operation).body.block.args[use.index]
        if any(inner.operation is not reduction for inner in argument.uses):
            return True
    return False


def _add_up_parts(total: Sum, partial: SSAValue) -> None:
    """Let the kernel read the sums over each part instead of all rows."""
    kernel, op, combine = total.kernel, total.op, total.combine
    block = kernel.body.block
    argument = block.insert_arg(partial.type, len(block.args))
    parallel = num_parallel(op)
    side = Block()
    (result,) = build_generic(
        OpBuilder(side, op.location),
        (argument,),
        op.outputs,
        ((parallel, *range(parallel)), range(parallel)),
        (PARALLEL,) * parallel + (REDUCTION,),
        lambda body, values: (
            body.create(type(combine), (values[1], values[0]), combine.results[0].type, combine.properties),
        ),
    )
    block.insert_ops_before(drain(side), op)
    op.results[0].replace_all_uses_with(result)
    op.detach()
    op.erase()
    inputs = [*kernel.inputs, partial]
    for index in reversed(range(len(inputs))):
        if block.args[index].first_use is None:
            block.erase_arg(block.args[index])
            del inputs[index]
    region = kernel.detach_region(0)
    parent = kernel.parent
    assert parent is not None
    side = Block()
    new = OpBuilder(side, kernel.location).create_op(
        KernelOp,
        inputs,
        [value.type for value in kernel.outputs],
        kernel.properties,
        regions=[region],
        attributes=dict(kernel.attributes),
    )
    parent.insert_ops_before(drain(side), kernel)
    for old, value in zip(kernel.outputs, new.results, strict=True):
        old.replace_all_uses_with(value)
    kernel.detach()
    kernel.erase()
