"""Hand matrix products to the BLAS library.

Before:

```mlir
func.func @f(%x: tensor<64x32xf32>, %w: tensor<10x32xf32>) -> tensor<64x10xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<64x10xf32>
  %start = linalg.fill ins(%zero : f32) outs(%e : tensor<64x10xf32>) -> tensor<64x10xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
                       iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<64x32xf32>, tensor<10x32xf32>) outs(%start : tensor<64x10xf32>) {
  ^bb0(%p: f32, %q: f32, %acc: f32):
    %t = arith.mulf %p, %q : f32
    %s = arith.addf %acc, %t : f32
    linalg.yield %s : f32
  } -> tensor<64x10xf32>
  func.return %y : tensor<64x10xf32>
}
```

After:

```mlir
func.func @f(%x: tensor<64x32xf32>, %w: tensor<10x32xf32>) -> tensor<64x10xf32> {
  %y = rt.gemm trans_rhs %x, %w : tensor<64x32xf32>, tensor<10x32xf32> -> tensor<64x10xf32>
  func.return %y : tensor<64x10xf32>
}
```

Loop dimensions are batch (in both operands), rows, columns (in one) or reduced; each kind is collapsed to one dimension. An
operand whose dimensions of one kind are not adjacent is transposed first, once for all products that need it so. A product
that is there for a transposition only has its factors in the other order instead.

*Requires*: the structured form.
*Ensures*: every change is from a contraction to `rt.gemm` with the same value up to the order of summation.
*Leaves alone*: contractions of other element types, with an empty extent, that accumulate, or too small to be worth a call;
products of a vector and a matrix that is computed for it alone, row by row.
"""

from dataclasses import dataclass
from typing import Any, cast

from xdsl.context import Context
from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import ModuleOp, UnitAttr
from xdsl.dialects.linalg.ops import FillOp, GenericOp
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.passes import ModulePass

from dialects.builder import OpBuilder, tensor_type
from dialects.remarks import emit_remark
from dialects.reshapes import build_collapse, build_expand
from dialects.rt import GemmOp
from dialects.structured import PARALLEL, build_empty, build_generic
from passes.linalg.bodies import drain
from passes.linalg.contractions import (
    Contraction,
    Dims,
    MatrixOperand,
    find_contraction,
    is_product_sum,
    is_transposition,
    order_of,
)
from passes.linalg.host_blocks import host_blocks
from passes.linalg.maps import iterators, num_parallel, shape_of
from passes.linalg.reshapes import spread

Copies = dict[tuple[SSAValue, Dims], SSAValue]
"""Operands transposed in memory: the tensor, and which of its dimensions comes when."""


@dataclass(frozen=True)
class SelectLibrariesPass(ModulePass):
    """Hand matrix products to the BLAS library."""

    name = "select-libraries"

    min_products: int = 512
    """The fewest scalar products of one matrix product that are worth a library call."""

    def __post_init__(self) -> None:
        if self.min_products < 0:
            raise ValueError(f"{self.name}: min-products is {self.min_products}; use at least 0")

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite every function of the module."""
        del ctx
        for block in host_blocks(op):
            self._rewrite_block(block)

    def _rewrite_block(self, block: Block) -> None:
        if not any(isinstance(op, GenericOp) and is_product_sum(op) for op in block.ops):
            return
        builder = OpBuilder(block)
        copies: Copies = {}
        ops = drain(block)
        turned: set[Operation] = set()
        for op in ops:
            if op in turned:
                continue
            contraction = self._choose(op) if isinstance(op, GenericOp) else None
            if contraction is None:
                block.add_op(op)
                continue
            builder.location = op.location
            transposition = _only_transposition(op.results[0])
            other = transposition and contraction.transposed(order_of(transposition))
            last = op
            if transposition and other:
                contraction, last = other, transposition
                turned.add(transposition)
            result = _build_product(builder, contraction, shape_of(last.results[0]), copies)
            last.results[0].replace_all_uses_with(result)
            for old in dict.fromkeys((last, op)):
                old.erase()
        for op in reversed(list(block.ops)):
            if isinstance(op, GenericOp | FillOp | tensor.EmptyOp | arith.ConstantOp) and all(
                result.first_use is None for result in op.results
            ):
                block.erase_op(op)

    def _choose(self, op: GenericOp) -> Contraction | None:
        """The contraction to compute by a library call, with a remark on every decision."""
        found = find_contraction(op)
        if found is None:
            return None
        if isinstance(found, str):
            emit_remark("missed", self.name, f"contraction: generated loops, {found}", op.location)
            return None
        if found.extent((*found.m, *found.n)) == 1:
            reason = f"{found}: generated loops, a dot product is bound by memory and joins what computes its operands"
            emit_remark("missed", self.name, reason, op.location)
            return None
        products = found.extent((*found.m, *found.n, *found.k))
        if products < self.min_products:
            reason = f"{found}: generated loops, {products} products are fewer than {self.min_products}"
            emit_remark("missed", self.name, reason, op.location)
            return None
        if _is_product_with_computed_rows(found):
            reason = f"{found}: generated loops, the matrix is computed row by row and need not be kept"
            emit_remark("missed", self.name, reason, op.location)
            return None
        emit_remark("passed", self.name, f"{found}: BLAS", op.location)
        return found


def _only_transposition(value: SSAValue) -> GenericOp | None:
    """The operation that reads `value`, if it is the only one and transposes it."""
    reader = value.get_user_of_unique_use()
    return reader if isinstance(reader, GenericOp) and is_transposition(reader) else None


def _is_product_with_computed_rows(c: Contraction) -> bool:
    """Whether it takes dot products of one vector and the rows of what an elementwise operation computes for it alone."""
    if c.m and c.n:
        return False
    matrix, free = (c.lhs, c.m) if c.m else (c.rhs, c.n)
    owner = matrix.value.owner
    rows = tuple(d for d in matrix.dims if d >= 0) == (*c.batch, *free, *c.k)
    if not (rows and isinstance(owner, GenericOp) and matrix.value.has_one_use()):
        return False
    return num_parallel(owner) == len(iterators(owner))


def _build_product(b: OpBuilder, contraction: Contraction, shape: tuple[int, ...], copies: Copies) -> SSAValue:
    """Append the library call with what it needs around it; the result has `shape`."""
    c = contraction
    lhs, trans_lhs = _build_operand(b, c, c.lhs, c.m, c.k, copies, first=True)
    rhs, trans_rhs = _build_operand(b, c, c.rhs, c.n, c.k, copies, first=False)
    batch = (c.extent(c.batch),) if c.batch else ()
    properties: dict[str, Attribute] = {}
    if trans_lhs:
        properties["trans_lhs"] = UnitAttr()
    if trans_rhs:
        properties["trans_rhs"] = UnitAttr()
    result_type = tensor_type(c.element, (*batch, c.extent(c.m), c.extent(c.n)))
    result = b.create(GemmOp, (lhs, rhs), result_type, properties)
    groups = [group for group in (c.batch, c.m, c.n) if group]
    # A dimension of size 1 that stands for an empty group has to go before others of size 1 can come in.
    kept = tuple(c.extent(group) for group in groups)
    if kept != shape_of(result):
        ranks = [i for i, group in enumerate((c.batch, c.m, c.n)) if group]
        first = 0 if c.batch else 1
        if groups:
            result = build_collapse(b, result, spread([[i - first] for i in ranks], len(shape_of(result))), kept)
        elif shape:
            result = build_collapse(b, result, ((0, 1),), (1,))
            return result if shape == (1,) else build_expand(b, result, (tuple(range(len(shape))),), shape)
        else:
            return build_collapse(b, result, (), ())
    return result if kept == shape else build_expand(b, result, spread(groups, len(shape)), shape)


def _build_operand(
    b: OpBuilder, c: Contraction, operand: MatrixOperand, free: Dims, reduced: Dims, copies: Copies, *, first: bool
) -> tuple[SSAValue, bool]:
    """Append the operand as a (batch of) matrices; the second result says whether it is transposed.

    The plain layout is rows times reduction for the first operand, reduction times columns for the second.
    """
    plain, transposed = ((free, reduced), (reduced, free)) if first else ((reduced, free), (free, reduced))
    for layout in (plain, transposed):
        if tuple(d for d in operand.dims if d >= 0) == (*c.batch, *layout[0], *layout[1]):
            break
    else:
        # The layout in which another product has it already, or else the plain one.
        orders = {layout: (*c.batch, *layout[0], *layout[1]) for layout in (transposed, plain)}
        known = [layout for layout, order in orders.items() if _copy_key(operand, order) in copies]
        layout = known[0] if known else plain
        operand = _transposed(b, c, operand, orders[layout], copies)
    value = operand.value
    groups = [group for group in (c.batch, *layout) if group]
    positions = [[operand.dims.index(d) for d in group] for group in groups]
    rank = len(operand.dims)
    kept = tuple(c.extent(group) for group in groups)
    if kept != shape_of(value):
        value = build_collapse(b, value, spread(positions, rank), kept)
    matrix = (*((c.extent(c.batch),) if c.batch else ()), c.extent(layout[0]), c.extent(layout[1]))
    if matrix != kept:
        first_dim = 1 if c.batch else 0
        owners = ([[0]] if c.batch else []) + [[first_dim + i] for i, group in enumerate(layout) if group]
        value = build_expand(b, value, spread(owners, len(matrix)), matrix)
    return value, layout is transposed


def _copy_key(operand: MatrixOperand, order: Dims) -> tuple[SSAValue, Dims]:
    """The operand, and which of its dimensions comes when in a copy."""
    return operand.value, tuple(operand.dims.index(d) for d in order)


def _transposed(b: OpBuilder, c: Contraction, operand: MatrixOperand, order: Dims, copies: Copies) -> MatrixOperand:
    """The operand with its dimensions in this order: a copy, which is appended unless there is one."""
    key = _copy_key(operand, order)
    if key not in copies:
        copies[key] = _build_transposed(b, c, operand, order)
    return MatrixOperand(copies[key], order)


def _build_transposed(b: OpBuilder, c: Contraction, operand: MatrixOperand, order: Dims) -> SSAValue:
    emit_remark("analysis", "select-libraries", f"{c}: an operand is transposed in memory first", b.location)
    position = {d: i for i, d in enumerate(order)}
    value = operand.value
    rank = len(order)
    if -1 in operand.dims:
        positions = [[i] for i, d in enumerate(operand.dims) if d >= 0]
        present = tuple(d for d in operand.dims if d >= 0)
        value = build_collapse(b, value, spread(positions, len(operand.dims)), tuple(c.sizes[d] for d in present))
        operand = MatrixOperand(value, present)
    empty = build_empty(b, cast(Any, tensor_type(c.element, tuple(c.sizes[d] for d in order))))
    access = tuple(position[d] for d in operand.dims)
    (copy,) = build_generic(
        b, (value,), (empty,), (access, range(rank)), (PARALLEL,) * rank, lambda _, arguments: (arguments[0],)
    )
    return copy
