"""What `lower-kernels` knows about a kernel: statements over loop dimensions, and the memory they access.

A *statement* is one `linalg.generic`, `linalg.fill` or `memref.copy` of a bufferized kernel, read into plain Python
objects: the sizes of its loops, linear accesses, and the reductions that its body computes. So is an `rt.scatter`, whose indices are computed.
Anything else that touches memory (the loops of a sort) is an *opaque* statement, which is copied as it stands.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import prod
from typing import Any, cast

from xdsl.dialects import arith, func, math, memref
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    Float32Type,
    Float64Type,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
)
from xdsl.dialects.linalg.ops import FillOp, GenericOp, YieldOp
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.utils.exceptions import PassFailedException

from dialects import rt
from dialects.structured import PARALLEL
from passes.memref.accesses import Access, Buffer, Index, Window, linear_map
from passes.memref.combiners import find_combiner


@dataclass(slots=True, eq=False)
class Output:
    """One result of a statement: `value` of the body goes to `access`; a reduction carries `argument`."""

    access: Access
    argument: SSAValue | None
    value: SSAValue
    combiner: Operation | None = None
    """The operation in the body that combines the accumulator with a new value, if that is all that happens to it."""
    initial: SSAValue | None = None
    """The scalar that a reduction starts from; `None`: from the contents of the memref."""
    is_running: bool = False
    """Whether a reduction writes it at every loop point, as a running reduction does."""


@dataclass(frozen=True, eq=False, slots=True)
class Scatter:
    """Where a statement writes, if that is computed: what it reads for each `scalar` in the indices of its output."""

    columns: tuple[tuple[SSAValue, Access, int], ...]
    """Scalar, access to the index, and the size of the dimension that it must be clamped to."""
    is_dropping: bool


@dataclass(slots=True, eq=False)
class Statement:
    """One operation of a kernel. Loop dimensions are those of the tile, then inner parallel ones, then reductions."""

    op: Operation
    sizes: tuple[int, ...] = ()
    tile_rank: int = 0
    num_parallel: int = 0
    inputs: list[tuple[SSAValue, Access | SSAValue]] = field(default_factory=list[tuple[SSAValue, Access | SSAValue]])
    outputs: list[Output] = field(default_factory=list[Output])
    body: list[Operation] = field(default_factory=list[Operation])
    captured: list[Buffer] = field(default_factory=list[Buffer])
    is_opaque: bool = False
    opaque_writes: list[Buffer] = field(default_factory=list[Buffer])
    has_loops: bool = False
    """Whether every point runs loops of its own."""
    scatter: Scatter | None = None
    """Set for `rt.scatter`, whose loop over the updates comes last."""

    @property
    def extents(self) -> tuple[int, ...]:
        """The sizes of the loops inside the tile."""
        return self.sizes[self.tile_rank :]

    @property
    def is_reduction(self) -> bool:
        """Whether there are reduction dimensions."""
        return self.num_parallel < len(self.sizes) and self.scatter is None

    @property
    def is_alone(self) -> bool:
        """Whether it shares a sweep with no other statement."""
        return self.is_opaque or self.has_loops

    @property
    def is_sequential(self) -> bool:
        """Whether its reductions must be carried out one loop point after the other, in scalar code."""
        return (
            self.is_opaque
            or self.scatter is not None
            or (self.is_reduction and any(o.combiner is None for o in self.outputs))
        )

    def operations(self) -> Iterator[Operation]:
        """The operations of the body, those of loops in it included."""
        for op in self.body:
            if op.regions:
                yield from op.walk()
            else:
                yield op

    def read_accesses(self) -> Iterable[Access]:
        """The accesses that read memory, apart from `captured`."""
        for _, source in self.inputs:
            if isinstance(source, Access):
                yield source
        for output in self.outputs:
            if output.argument is not None and output.initial is None:
                yield output.access
        if self.scatter is not None:
            for _, access, _ in self.scatter.columns:
                yield access

    def written(self) -> list[Buffer]:
        """The buffers that it writes."""
        return self.opaque_writes if self.is_opaque else [output.access.buffer for output in self.outputs]


class Kernel:
    """A kernel function, read."""

    def __init__(self, function: func.FuncOp, tile: Sequence[int]):
        self.function = function
        self.tile = tuple(tile)
        self.rank = len(self.tile)
        self.buffers: dict[SSAValue, Buffer] = {}
        self.windows: dict[SSAValue, Window] = {}
        self.prologue: list[Operation] = []
        """Scalar operations outside of statements, which come first in the generated function; what they load is not written."""
        self.statements: list[Statement] = []
        block = function.body.block
        for argument in block.args:
            self.buffers[argument] = Buffer(argument, self.rank, is_temporary=False)
        for op in block.ops:
            self._read(op)
        _absorb_fills(self)

    @property
    def name(self) -> str:
        """The symbol."""
        return self.function.sym_name.data

    def _read(self, op: Operation) -> None:
        match op:
            case memref.AllocaOp() | memref.AllocOp():
                self.buffers[op.memref] = Buffer(op.memref, self.rank, is_temporary=True)
            case memref.SubviewOp():
                dynamic = iter(op.offsets)
                offsets = (next(dynamic) if o == DYNAMIC_INDEX else o for o in op.static_offsets.get_values())
                strides = op.static_strides.get_values()
                self.windows[op.result] = Window(self.buffers[op.source], tuple(offsets), tuple(strides))
            case memref.LoadOp():
                self.prologue.append(op)
            case GenericOp():
                self.statements.append(self._generic(op))
            case rt.ScatterOp():
                self.statements.append(self._scatter(op))
            case FillOp():
                access = self._identity(op.outputs[0])
                self.statements.append(
                    Statement(
                        op,
                        access.buffer.shape,
                        self.rank,
                        len(access.indices),
                        outputs=[Output(access, None, op.inputs[0])],
                    )
                )
            case memref.CopyOp():
                source, target = self._identity(op.source), self._identity(op.destination)
                (argument,) = Block(arg_types=[source.buffer.element_type]).args
                self.statements.append(
                    Statement(
                        op,
                        target.buffer.shape,
                        self.rank,
                        len(target.indices),
                        inputs=[(argument, source)],
                        outputs=[Output(target, None, argument)],
                    )
                )
            case func.ReturnOp() | memref.DeallocOp():
                pass
            case _:
                if any(operand in self.buffers for operand in op.operands) or op.regions:
                    self._opaque(op)
                else:
                    self.prologue.append(op)

    def _identity(self, value: SSAValue) -> Access:
        buffer = self.buffers[value]
        rank = len(buffer.shape)
        return Access(buffer, tuple(Index(((dim, 1),), 0) for dim in range(rank)), rank)

    def _access(self, value: SSAValue, indices: tuple[Index, ...], num_dims: int) -> Access:
        window = self.windows.get(value)
        if window is not None:
            return Access(window.buffer, window.indices(indices), num_dims)
        return Access(self.buffers[value], indices, num_dims)

    def _scatter(self, op: rt.ScatterOp) -> Statement:
        batch = op.batch_dims.value.data
        parallel = op.parallel
        loops = [Index(((dim, 1),), 0) for dim in range(len(parallel) + 1)]
        *around, step = loops
        num_dims = len(loops)
        dims = op.dims.get_values()
        scalars = Block(arg_types=[IndexType()] * len(dims)).args
        shape = self.buffers[op.dest].shape
        columns = tuple(
            (scalar, self._access(op.indices, (*around[:batch], step, Index((), k)), num_dims), shape[dim])
            for k, (scalar, dim) in enumerate(zip(scalars, dims, strict=True))
        )
        place = dict(zip((*range(batch), *op.rest), around, strict=True))
        place.update((dim, Index((), 0, scalar=scalar)) for dim, scalar in zip(dims, scalars, strict=True))
        target = self._access(op.dest, tuple(place[dim] for dim in range(len(shape))), num_dims)
        update = self._access(op.updates, (*around[:batch], step, *around[batch:]), num_dims)
        old, new = op.body.block.args
        *body, terminator = op.body.block.ops
        return Statement(
            op,
            (*parallel, op.count),
            self.rank,
            len(parallel),
            [(new, update)],
            [Output(target, old, terminator.operands[0])],
            body,
            scatter=Scatter(columns, op.is_dropping),
        )

    def _opaque(self, op: Operation) -> None:
        if self.rank:
            raise PassFailedException(
                f"lower-kernels: @{self.name} has {op.name} in a kernel with tile {list(self.tile)}; "
                "only kernels with tile [] may have loops of their own"
            )
        reads: dict[Buffer, None] = {}
        writes: dict[Buffer, None] = {}
        for inner in op.walk():
            for operand in inner.operands:
                buffer = self.buffers.get(operand)
                if buffer is None:
                    continue
                if isinstance(inner, memref.StoreOp):
                    writes[buffer] = None
                else:
                    reads[buffer] = None
        self.statements.append(Statement(op, captured=list(reads), is_opaque=True, opaque_writes=list(writes)))

    def _generic(self, op: GenericOp) -> Statement:
        num_dims = len(op.iterator_types.data)
        num_parallel = sum(1 for kind in op.iterator_types.data if kind == PARALLEL)
        block = op.body.block
        terminator = block.last_op
        assert isinstance(terminator, YieldOp)
        maps = op.indexing_maps.data
        inputs: list[tuple[SSAValue, Access | SSAValue]] = []
        outputs: list[Output] = []
        sizes: list[int | None] = [None] * num_dims
        for position, value in enumerate((*op.inputs, *op.outputs)):
            argument = block.args[position]
            value_type: Attribute = value.type
            if not isinstance(value_type, MemRefType):
                inputs.append((argument, value))
                continue
            indices = linear_map(maps[position])
            for index, size in zip(indices, cast("MemRefType[Attribute]", value_type).get_shape(), strict=True):
                if (
                    len(index.terms) == 1
                    and index.constant == 0
                    and index.terms[0][1] == 1
                    and index.expression is None
                ):
                    known = sizes[index.terms[0][0]]
                    sizes[index.terms[0][0]] = size if known is None else min(known, size)
            access = self._access(value, indices, num_dims)
            if position < len(op.inputs):
                inputs.append((argument, access))
            else:
                result = terminator.operands[position - len(op.inputs)]
                used = argument if argument.first_use is not None else None
                combiner = find_combiner(argument, result) if used else None
                outputs.append(Output(access, used, result, combiner, is_running=len(indices) > num_parallel))
        if any(size is None for size in sizes):
            raise PassFailedException(
                f"lower-kernels: @{self.name}: the extent of loop dimension d{sizes.index(None)} of a linalg.generic "
                f"with maps {op.indexing_maps} is not the size of any operand; add an operand that it indexes alone"
            )
        known_sizes = cast(tuple[int, ...], tuple(sizes))
        if known_sizes[: self.rank] != self.tile or num_parallel < self.rank:
            raise PassFailedException(
                f"lower-kernels: @{self.name}: a linalg.generic has loops of sizes {list(known_sizes)}, "
                f"expected the tile {list(self.tile)} in front"
            )
        body = [inner for inner in block.ops if inner is not terminator]
        statement = Statement(op, known_sizes, self.rank, num_parallel, inputs, outputs, body)
        statement.has_loops = any(inner.regions for inner in body)
        loads = (inner for inner in statement.operations() if isinstance(inner, memref.LoadOp))
        statement.captured = list(dict.fromkeys(self.buffers[load.memref] for load in loads))
        return statement


def _absorb_fills(kernel: Kernel) -> None:
    """Let reductions start from the scalar of the fill in front of them, instead of from memory."""
    filled: dict[Buffer, Statement] = {}
    absorbed: set[int] = set()
    for statement in kernel.statements:
        for access in statement.read_accesses():
            if not any(access is output.access for output in statement.outputs):
                filled.pop(access.buffer, None)
        for buffer in statement.captured:
            filled.pop(buffer, None)
        for output in statement.outputs:
            buffer = output.access.buffer
            fill = filled.pop(buffer, None)
            if fill is not None:
                # Whether it is read or overwritten, nothing else sees the fill.
                absorbed.add(id(fill))
                if output.argument is not None:
                    output.initial = fill.outputs[0].value
            if isinstance(statement.op, FillOp):
                filled[buffer] = statement
        for buffer in statement.opaque_writes:
            filled.pop(buffer, None)
    kernel.statements = [statement for statement in kernel.statements if id(statement) not in absorbed]


def bit_width(element_type: Attribute) -> int:
    """The bits that an element takes in memory; `index` counts as 64."""
    if isinstance(element_type, IntegerType):
        return max(8, cast(IntegerType, element_type).width.data)
    return {Float32Type: 32, Float64Type: 64, IndexType: 64}.get(cast(Any, type(element_type)), 16)


def constant_number(value: SSAValue) -> int | float | None:
    """The number of a scalar `arith.constant`."""
    if not isinstance(value.owner, arith.ConstantOp):
        return None
    attribute = value.owner.value
    if isinstance(attribute, FloatAttr):
        return cast("FloatAttr[Any]", attribute).value.data
    return attribute.value.data if isinstance(attribute, IntegerAttr) else None


_CHEAP_MATH = (
    math.SqrtOp,
    math.AbsFOp,
    math.FloorOp,
    math.CeilOp,
    math.TruncOp,
    math.RoundEvenOp,
    math.FmaOp,
    math.CopySignOp,
)


def operation_cost(op: Operation) -> int:
    """About how many instructions an operation of a body takes."""
    return _cost(type(op))


@cache
def _cost(op_type: type[Operation]) -> int:
    if op_type.name.startswith("math.") and not issubclass(op_type, _CHEAP_MATH):
        return 16
    if issubclass(op_type, arith.DivfOp | math.SqrtOp | arith.DivSIOp | arith.RemSIOp | arith.DivUIOp | arith.RemUIOp):
        return 6
    if issubclass(op_type, arith.MaximumfOp | arith.MinimumfOp):
        return 5  # for NaN and the signs of zeros
    return 0 if issubclass(op_type, arith.ConstantOp) else 1


def points(extents: Sequence[int]) -> int:
    """How many loop points there are."""
    return prod(extents)
