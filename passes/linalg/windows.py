"""Window writes: `tensor.insert_slice` of what one `linalg.generic` computes into a tensor that came from elsewhere.

The generic and its insertion stay together in one kernel, and become a generic that writes to a `memref.subview`.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import TypeGuard, cast

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import DYNAMIC_INDEX, IntegerAttr
from xdsl.dialects.func import FuncOp
from xdsl.dialects.linalg.ops import GenericOp, IndexOp
from xdsl.ir import Block, BlockArgument, Operation, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineExpr

from dialects.structured import is_scalar_code, is_tensor
from passes.linalg.maps import ZERO, Access, accesses, dimension, normal_form, shape_of


def window_write(op: Operation) -> tensor.InsertSliceOp | None:
    """The insertion of the only result of the `linalg.generic` `op`, if that is its only use."""
    if not isinstance(op, GenericOp) or len(op.results) != 1 or not op.results[0].has_one_use():
        return None
    (use,) = op.results[0].uses
    return use.operation if use.index == 0 and is_window_write(use.operation) else None


def is_window_write(op: Operation) -> TypeGuard[tensor.InsertSliceOp]:
    """Whether `op` inserts a window that has the dimensions of the whole; rows are inserted by the host."""
    return isinstance(op, tensor.InsertSliceOp) and len(shape_of(op.source)) == len(shape_of(op.dest))


def is_last_use(op: tensor.InsertSliceOp, order: dict[Operation, int]) -> bool:
    """Whether `op` may overwrite its destination: nothing in its block uses it later, and it is no input or constant."""
    owner = op.dest.owner
    if isinstance(owner, Block):
        if isinstance(owner.parent_op(), FuncOp):
            return False
    elif owner not in order:
        return False
    uses = (enclosing(use.operation, order) for use in op.dest.uses)
    return all(use is not None and order[use] <= order[op] for use in uses)


def enclosing(op: Operation | None, inside: Container[Operation]) -> Operation | None:
    """The operation of `inside` that `op` is or lies in."""
    while op is not None and op not in inside:
        op = op.parent_op()
    return op


def place_code(block: Block) -> set[Operation]:
    """The operations on scalars that do nothing but tell where windows lie: kernels repeat them."""
    places: set[Operation] = set()
    for op in reversed(block.ops):
        if is_scalar_code(op) and all(
            is_window_write(use.operation) or use.operation in places for result in op.results for use in result.uses
        ):
            places.add(op)
    return places


def scalar_sources(value: SSAValue) -> Iterator[SSAValue]:
    """The tensors that a scalar is computed from."""
    if is_tensor(value):
        yield value
    elif isinstance(value.owner, Operation):
        for operand in value.owner.operands:
            yield from scalar_sources(operand)


def offsets_of(op: tensor.InsertSliceOp) -> tuple[SSAValue | int, ...]:
    """Where the window starts in each dimension."""
    dynamic = iter(op.offsets)
    static = op.static_offsets.get_values()
    return tuple(next(dynamic) if offset == DYNAMIC_INDEX else offset for offset in static)


@dataclass(frozen=True)
class WindowReads:
    """Where the generic of a window write reads the tensor that is written to."""

    operands: tuple[int, ...]
    """Operands that are read exactly at the element that is written."""
    extracts: tuple[tensor.ExtractOp, ...]
    """Operations of the body that read exactly the element that is written."""
    others: int
    """The number of other reads."""


def window_reads(generic: GenericOp, write: tensor.InsertSliceOp) -> WindowReads:
    """The reads of `write.dest` in `generic`, which computes the window."""
    offsets = offsets_of(write)
    strides = write.static_strides.get_values()
    sizes = shape_of(write.source)
    here = _static_access(offsets, strides, sizes)
    operands: list[int] = []
    extracts: list[tensor.ExtractOp] = []
    others = 0
    for index, (value, access) in enumerate(zip(generic.inputs, accesses(generic), strict=False)):
        if value is write.dest:
            if here is not None and _without_units(access, sizes) == here:
                operands.append(index)
            else:
                others += 1
    for op in generic.body.walk():
        if write.dest in op.operands:
            if isinstance(op, tensor.ExtractOp) and _is_here(generic, op, offsets, strides, sizes):
                extracts.append(op)
            else:
                others += 1
    return WindowReads(tuple(operands), tuple(extracts), others)


def _static_access(
    offsets: tuple[SSAValue | int, ...], strides: tuple[int, ...], sizes: tuple[int, ...]
) -> Access | None:
    """How a read of the element that is written indexes; `None` if the window moves."""
    result: list[AffineExpr] = []
    for dim, (offset, stride, size) in enumerate(zip(offsets, strides, sizes, strict=True)):
        if not isinstance(offset, int):
            return None
        result.append(normal_form((ZERO if size == 1 else dimension(dim) * stride) + offset))
    return tuple(result)


def _without_units(access: Access, sizes: tuple[int, ...]) -> Access:
    """`access` with 0 for the loops of extent 1."""
    dims = [ZERO if size == 1 else dimension(dim) for dim, size in enumerate(sizes)]
    return tuple(normal_form(expression.replace_dims_and_symbols(dims, ())) for expression in access)


def _is_here(
    generic: GenericOp,
    op: tensor.ExtractOp,
    offsets: tuple[SSAValue | int, ...],
    strides: tuple[int, ...],
    sizes: tuple[int, ...],
) -> bool:
    """Whether the body reads at `offset + loop index` in every dimension."""
    if any(stride != 1 and size != 1 for stride, size in zip(strides, sizes, strict=True)):
        return False
    for dim, (index, offset, size) in enumerate(zip(op.indices, offsets, sizes, strict=True)):
        terms = [term for term in _summands(index) if not _is_zero(generic, term)]
        loops = [term for term in terms if isinstance(term.owner, IndexOp)]
        starts = [term for term in terms if not isinstance(term.owner, IndexOp)]
        if [cast(IndexOp, loop.owner).dim.value.data for loop in loops] != ([] if size == 1 else [dim]):
            return False
        if isinstance(offset, int):
            if sum(_constant(term) or 0 for term in starts) != offset or any(_constant(t) is None for t in starts):
                return False
        elif len(starts) != 1 or not _same_scalar(generic, starts[0], offset):
            return False
    return True


def _summands(value: SSAValue) -> Iterator[SSAValue]:
    if isinstance(value.owner, arith.AddiOp):
        for operand in value.owner.operands:
            yield from _summands(operand)
    else:
        yield value


def _constant(value: SSAValue) -> int | None:
    owner = value.owner
    return (
        owner.value.value.data if isinstance(owner, arith.ConstantOp) and isinstance(owner.value, IntegerAttr) else None
    )


def _is_zero(generic: GenericOp, value: SSAValue) -> bool:
    owner = value.owner
    if isinstance(owner, IndexOp):
        return shape_of(generic.results[0])[owner.dim.value.data] == 1
    return _constant(value) == 0


def _same_scalar(generic: GenericOp, inner: SSAValue, outer: SSAValue) -> bool:
    """Whether `inner`, of the body of `generic`, is what `outer` is in front of it."""
    if isinstance(inner, BlockArgument):
        if inner.owner is not generic.body.block or inner.index >= len(generic.inputs):
            return False
        access = accesses(generic)[inner.index]
        source = outer.owner
        return (
            isinstance(source, tensor.ExtractOp)
            and source.tensor is generic.inputs[inner.index]
            and [expression.value for expression in access if isinstance(expression, AffineConstantExpr)]
            == [_constant(index) for index in source.indices]
        )
    a, b = inner.owner, outer.owner
    if isinstance(a, Block) or isinstance(b, Block):
        return inner is outer
    return (
        type(a) is type(b)
        and a.properties == b.properties
        and not a.regions
        and all(
            _same_scalar(generic, x, y) if x is not y else True for x, y in zip(a.operands, b.operands, strict=True)
        )
    )
