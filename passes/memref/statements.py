"""What `lower-kernels` knows about a kernel: statements over loop dimensions, and the memory they access.

A *statement* is one `linalg.generic`, `linalg.fill` or `memref.copy` of a bufferized kernel, read into plain Python
objects: the sizes of its loops, linear accesses, and the reductions that its body computes. So is an `rt.scatter`, whose indices are computed.
Anything else that touches memory (the loops of a sort) is an *opaque* statement, which is copied as it stands.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple, cast

from xdsl.dialects import arith, func, math, memref
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    AffineMapAttr,
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
from xdsl.ir.affine import AffineBinaryOpExpr, AffineBinaryOpKind, AffineConstantExpr, AffineDimExpr, AffineExpr
from xdsl.utils.exceptions import PassFailedException

from dialects import rt
from dialects.structured import PARALLEL

INFINITY = float("inf")


class Index(NamedTuple):
    """One index expression: `sum(coefficient * dim) + constant + scalar`, or `expression` where that is not linear."""

    terms: tuple[tuple[int, int], ...]
    constant: int
    expression: AffineExpr | None = None
    scalar: SSAValue | None = None
    """A scalar of the prologue."""


class Buffer:
    """A memref of the kernel: an argument, or a temporary with the shape of the tile followed by `inner_shape`."""

    __slots__ = ("element_type", "inner_shape", "is_temporary", "lanes_last", "old", "shape", "storage", "stored")

    def __init__(self, old: SSAValue, tile_rank: int, is_temporary: bool):
        memref_type = cast(MemRefType[Attribute], old.type)
        self.old = old
        self.element_type: Attribute = memref_type.element_type
        self.shape: tuple[int, ...] = memref_type.get_shape()
        self.inner_shape = self.shape[tile_rank:]
        self.is_temporary = is_temporary
        self.stored = False
        """Whether the generated code stores to it."""
        self.storage: SSAValue | None = None
        """The memref in the generated code; `None` for a temporary that lives in registers."""
        self.lanes_last = False
        """Whether the storage of a temporary has one more dimension, of lanes, because lanes are tile points."""


class Access:
    """Where a statement reads or writes `buffer` at one loop point."""

    __slots__ = ("buffer", "indices", "strides")

    def __init__(self, buffer: Buffer, indices: tuple[Index, ...], num_dims: int):
        self.buffer = buffer
        self.indices = indices
        strides: list[int | None] = [0] * num_dims
        step = 1
        for index, size in zip(reversed(indices), reversed(buffer.shape), strict=True):
            for dim, coefficient in index.terms:
                known = strides[dim]
                strides[dim] = None if index.expression is not None or known is None else known + coefficient * step
            step *= size
        self.strides = strides
        """How far the address moves with each loop dimension, in elements; `None` where it is not linear."""

    def is_identity(self, num_dims: int) -> bool:
        """Whether the indices are exactly all loop dimensions."""
        return len(self.indices) == num_dims and all(
            index == Index(((dim, 1),), 0) for dim, index in enumerate(self.indices)
        )


class Window(NamedTuple):
    """A `memref.subview`: part of a buffer, from `offsets` on with `strides`."""

    buffer: Buffer
    offsets: tuple[SSAValue | int, ...]
    strides: tuple[int, ...]

    def indices(self, inner: Sequence[Index]) -> tuple[Index, ...]:
        """The indices into the buffer for indices into the window."""
        return tuple(map(self._index, inner, self.offsets, self.strides))

    @staticmethod
    def _index(inner: Index, offset: SSAValue | int, stride: int) -> Index:
        if inner.expression is not None:
            expression = inner.expression * stride + (offset if isinstance(offset, int) else 0)
            return inner._replace(expression=expression, scalar=None if isinstance(offset, int) else offset)
        terms = tuple((dim, coefficient * stride) for dim, coefficient in inner.terms)
        if isinstance(offset, int):
            return Index(terms, inner.constant * stride + offset)
        return Index(terms, inner.constant * stride, scalar=offset)


class Combiner(NamedTuple):
    """An associative and commutative operation that reductions use."""

    vector_kind: str
    neutral: Callable[[Attribute], int | float]


def _always(number: float) -> Callable[[Attribute], int | float]:
    def neutral(_: Attribute) -> int | float:
        return number

    return neutral


def _smallest(element_type: Attribute) -> int:
    return -(1 << (cast(IntegerType, element_type).width.data - 1))


def _largest(element_type: Attribute) -> int:
    return (1 << (cast(IntegerType, element_type).width.data - 1)) - 1


COMBINERS: dict[type[Operation], Combiner] = {
    arith.AddfOp: Combiner("add", _always(0.0)),
    arith.AddiOp: Combiner("add", _always(0)),
    arith.MulfOp: Combiner("mul", _always(1.0)),
    arith.MuliOp: Combiner("mul", _always(1)),
    arith.MaximumfOp: Combiner("maximumf", _always(-INFINITY)),
    arith.MinimumfOp: Combiner("minimumf", _always(INFINITY)),
    arith.MaxSIOp: Combiner("maxsi", _smallest),
    arith.MinSIOp: Combiner("minsi", _largest),
    arith.MaxUIOp: Combiner("maxui", _always(0)),
    arith.MinUIOp: Combiner("minui", _always(-1)),
    arith.AndIOp: Combiner("and", _always(-1)),
    arith.OrIOp: Combiner("or", _always(0)),
    arith.XOrIOp: Combiner("xor", _always(0)),
}


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
    def is_sequential(self) -> bool:
        """Whether its reductions must be carried out one loop point after the other, in scalar code."""
        return (
            self.is_opaque
            or self.scatter is not None
            or (self.is_reduction and any(o.combiner is None for o in self.outputs))
        )

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
            indices = _linear_map(maps[position])
            for index, size in zip(indices, cast(MemRefType[Attribute], value_type).get_shape(), strict=True):
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
                combiner = _combiner(argument, result) if used else None
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
        captured: dict[Buffer, None] = {}
        for outer in body:
            for inner in outer.walk():
                if isinstance(inner, memref.LoadOp):
                    captured[self.buffers[inner.memref]] = None
        return Statement(op, known_sizes, self.rank, num_parallel, inputs, outputs, body, captured=list(captured))


def _combiner(argument: SSAValue, value: SSAValue) -> Operation | None:
    """The operation `value = op(argument, x)`, if it may be reordered and nothing else sees partial results."""
    op = value.owner
    if not isinstance(op, Operation) or type(op) not in COMBINERS:
        return None
    if not argument.has_one_use() or not value.has_one_use():
        return None
    return op if argument in op.operands else None


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


@lru_cache(maxsize=4096)
def _linear_map(attribute: AffineMapAttr) -> tuple[Index, ...]:
    return tuple(_linear(expression) for expression in attribute.data.results)


def _linear(expression: AffineExpr) -> Index:
    terms: dict[int, int] = {}
    constant = _collect(expression, 1, terms)
    if constant is None:
        return Index(tuple((dim, 1) for dim in sorted(expression.used_dims())), 0, expression)
    return Index(tuple((dim, terms[dim]) for dim in sorted(terms) if terms[dim]), constant)


def _collect(expression: AffineExpr, factor: int, terms: dict[int, int]) -> int | None:
    """Add `factor * expression` to `terms` and return its constant, or `None` if it is not linear."""
    match expression:
        case AffineConstantExpr():
            return factor * expression.value
        case AffineDimExpr():
            terms[expression.position] = terms.get(expression.position, 0) + factor
            return 0
        case AffineBinaryOpExpr(kind=AffineBinaryOpKind.Add):
            left = _collect(expression.lhs, factor, terms)
            right = _collect(expression.rhs, factor, terms)
            return None if left is None or right is None else left + right
        case AffineBinaryOpExpr(kind=AffineBinaryOpKind.Mul, rhs=AffineConstantExpr(value=value)):
            return _collect(expression.lhs, factor * value, terms)
        case _:
            return None


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
        return cast(FloatAttr[Any], attribute).value.data
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
    if op.name.startswith("math.") and not isinstance(op, _CHEAP_MATH):
        return 16
    if isinstance(op, arith.DivfOp | math.SqrtOp | arith.DivSIOp | arith.RemSIOp | arith.DivUIOp | arith.RemUIOp):
        return 6
    if isinstance(op, arith.MaximumfOp | arith.MinimumfOp):
        return 5  # for NaN and the signs of zeros
    return 0 if isinstance(op, arith.ConstantOp) else 1


def points(extents: Sequence[int]) -> int:
    """How many loop points there are."""
    return prod(extents)
