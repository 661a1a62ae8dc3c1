"""Recognising contractions among structured operations, and saying how each becomes a matrix product."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from xdsl.dialects import arith
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, Float32Type, Float64Type, FloatAttr
from xdsl.dialects.linalg.ops import FillOp, GenericOp, YieldOp
from xdsl.ir import Attribute, SSAValue
from xdsl.ir.affine import AffineDimExpr

from dialects.structured import element_type, is_splat_constant
from passes.linalg.maps import accesses, compose, loop_sizes, num_parallel, shape_of

Dims = tuple[int, ...]
"""Loop dimensions, or `-1` for an operand dimension of size 1."""


@dataclass(frozen=True)
class MatrixOperand:
    """A tensor of a product and the loop dimension that indexes each of its dimensions."""

    value: SSAValue
    dims: Dims


@dataclass(frozen=True)
class Contraction:
    """`out[batch, m, n] = sum over k of lhs[batch, m, k] * rhs[batch, n, k]`, each a group of loop dimensions.

    Loop dimensions of extent 1 are in no group.
    """

    lhs: MatrixOperand
    rhs: MatrixOperand
    sizes: Dims
    batch: Dims
    m: Dims
    n: Dims
    k: Dims
    element: Attribute

    def extent(self, dims: Dims) -> int:
        """The product of the extents of `dims`."""
        return prod(self.sizes[d] for d in dims)

    def transposed(self, order: Sequence[int]) -> "Contraction | None":
        """The contraction whose result has at `j` the dimension `order[j]` of this one, if rows and columns change places in it."""
        loop = list(range(len(self.sizes)))
        for j, d in enumerate(order):
            loop[d] = j
        batch, m, n = (tuple(loop[d] for d in group) for group in (self.batch, self.n, self.m))
        if [*batch, *m, *n] != sorted((*batch, *m, *n)):
            return None
        lhs, rhs = (
            MatrixOperand(operand.value, tuple(loop[d] if d >= 0 else d for d in operand.dims))
            for operand in (self.rhs, self.lhs)
        )
        sizes = (*(self.sizes[d] for d in order), *self.sizes[len(order) :])
        return Contraction(lhs, rhs, sizes, batch, m, n, self.k, self.element)

    def __str__(self) -> str:
        batch = f"{self.extent(self.batch)}x" if self.batch else ""
        return f"{batch}{self.extent(self.m)}x{self.extent(self.n)}x{self.extent(self.k)} {self.element}"


def is_product_sum(op: GenericOp) -> bool:
    """Whether the body of `op` adds the product of its two inputs to its output."""
    block = op.regions[0].block
    body = list(block.ops)
    if (
        len(op.results) != 1
        or len(op.operands) != 3
        or [type(inner) for inner in body]
        != [
            arith.MulfOp,
            arith.AddfOp,
            YieldOp,
        ]
    ):
        return False
    mul, add, end = body
    lhs, rhs, out = block.args
    return (
        set(mul.operands) == {lhs, rhs}
        and set(add.operands) == {out, mul.results[0]}
        and end.operands[0] is add.results[0]
    )


def is_zero(value: SSAValue) -> bool:
    """Whether all elements of a tensor are known to be zero."""
    owner = value.owner
    if isinstance(owner, FillOp):
        scalar = owner.operands[0].owner
        if not isinstance(scalar, arith.ConstantOp):
            return False
        attribute = scalar.properties["value"]
        return isinstance(attribute, FloatAttr) and attribute.value.data == 0.0
    if isinstance(owner, arith.ConstantOp) and is_splat_constant(value):
        attribute = owner.properties["value"]
        return isinstance(attribute, DenseIntOrFPElementsAttr) and all(v == 0 for v in attribute.get_values()[:1])
    return False


def find_contraction(op: GenericOp) -> Contraction | str | None:
    """The contraction that `op` is; why a library cannot compute it; or `None` if it is none."""
    if not is_product_sum(op):
        return None
    element = element_type(op.operands[2])
    if not isinstance(element, Float32Type | Float64Type):
        return f"{element}: no library function for this element type"
    if not is_zero(op.operands[2]):
        return "it accumulates onto a tensor that is not zero"
    sizes = loop_sizes(op)
    if 0 in sizes:
        return "an extent is 0"
    operands = [_find_operand(op, index, sizes) for index in range(2)]
    lhs, rhs = operands
    if lhs is None or rhs is None:
        return "an operand is indexed by more than single loop dimensions"
    parallel = num_parallel(op)
    loops = [d for d, size in enumerate(sizes) if size != 1]
    batch = tuple(d for d in loops if d < parallel and d in lhs.dims and d in rhs.dims)
    m = tuple(d for d in loops if d < parallel and d in lhs.dims and d not in rhs.dims)
    n = tuple(d for d in loops if d < parallel and d not in lhs.dims and d in rhs.dims)
    k = tuple(d for d in lhs.dims if d >= parallel)
    if sorted((*batch, *m, *n)) != [d for d in loops if d < parallel]:
        return "a result dimension comes from no operand"
    if sorted(k) != [d for d in loops if d >= parallel] or sorted(k) != sorted(d for d in rhs.dims if d >= parallel):
        return "a reduction dimension is not in both operands"
    if not k:
        return "an outer product has no reduction"
    order = tuple(sorted((*batch, *m, *n)))
    if (*batch, *m, *n) != order and (*batch, *n, *m) == order:
        lhs, rhs, m, n = rhs, lhs, n, m
    if (*batch, *m, *n) != order:
        return "the result dimensions are not in the order batch, rows, columns"
    return Contraction(lhs, rhs, sizes, batch, m, n, k, element)


def _find_operand(op: GenericOp, index: int, sizes: Dims) -> MatrixOperand | None:
    """The operand as loop dimensions, looking through an operation that only transposes it."""
    value, access = op.operands[index], accesses(op)[index]
    owner = value.owner
    if isinstance(owner, GenericOp) and is_transposition(owner):
        value, access = owner.operands[0], compose(accesses(owner)[0], access)
    dims: list[int] = []
    for expression, size in zip(access, shape_of(value), strict=True):
        if size == 1:
            dims.append(-1)
            continue
        if not isinstance(expression, AffineDimExpr) or sizes[expression.position] != size:
            return None
        dims.append(expression.position)
    used = [d for d in dims if d >= 0]
    return MatrixOperand(value, tuple(dims)) if len(set(used)) == len(used) else None


def is_transposition(op: GenericOp) -> bool:
    """Whether all that `op` does is to permute the dimensions of its only input."""
    if len(op.operands) != 2 or len(op.results) != 1:
        return False
    block = op.regions[0].block
    only = block.first_op
    if not isinstance(only, YieldOp) or only.operands[0] is not block.args[0]:
        return False
    access = accesses(op)[0]
    dims = [expression.position for expression in access if isinstance(expression, AffineDimExpr)]
    if len(dims) != len(access) or sorted(dims) != list(range(num_parallel(op))):
        return False
    shape, result = shape_of(op.operands[0]), shape_of(op.results[0])
    return all(shape[i] == result[d] for i, d in enumerate(dims))


def order_of(transposition: GenericOp) -> Dims:
    """For each dimension of the result, which dimension of its input it is."""
    access = accesses(transposition)[0]
    dims = [expression.position for expression in access if isinstance(expression, AffineDimExpr)]
    return tuple(dims.index(d) for d in range(len(dims)))
