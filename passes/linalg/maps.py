"""Indexing maps as tuples of affine expressions: composition, and what a loop nest can be told from them.

An *access* of a loop nest to a tensor is a tuple with one expression over the loop dimensions per tensor dimension.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias, cast

from xdsl.dialects import arith
from xdsl.dialects.builtin import AffineMapAttr, ArrayAttr, IndexType, TensorType
from xdsl.dialects.linalg.attrs import IteratorTypeAttr
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import SSAValue
from xdsl.ir.affine import (
    AffineBinaryOpExpr,
    AffineBinaryOpKind,
    AffineConstantExpr,
    AffineDimExpr,
    AffineExpr,
)

from dialects.builder import OpBuilder
from dialects.structured import PARALLEL, build_loop_index

Access: TypeAlias = tuple[AffineExpr, ...]
"""One expression per dimension of the tensor that is read."""

ZERO = AffineExpr.constant(0)

_KINDS = {
    AffineBinaryOpKind.Add: arith.AddiOp,
    AffineBinaryOpKind.Mul: arith.MuliOp,
}


@lru_cache(maxsize=4096)
def dimension(position: int) -> AffineExpr:
    """The expression `d<position>`, one object per position."""
    return AffineExpr.dimension(position)


@lru_cache(maxsize=4096)
def dimensions(count: int) -> Access:
    """The expressions `d0, …`, one object per count: the identity access."""
    return tuple(dimension(d) for d in range(count))


@lru_cache(maxsize=16384)
def compose(access: Access, dims: Access) -> Access:
    """Replace `d<i>` in `access` by `dims[i]`; linear results come out with one term per dimension."""
    return tuple(_substitute(expression, dims) for expression in access)


def _substitute(expression: AffineExpr, dims: Access) -> AffineExpr:
    if isinstance(expression, AffineDimExpr):
        return dims[expression.position]
    if isinstance(expression, AffineConstantExpr):
        return expression
    return normal_form(expression.replace_dims_and_symbols(dims, ()))


def normal_form(expression: AffineExpr) -> AffineExpr:
    """The same function as a sum with one term per dimension in ascending order, then the constant."""
    terms: dict[int, int] = {}
    constant = linear_terms(expression, terms)
    if constant is None:
        return expression
    result: AffineExpr | None = None
    for position in sorted(terms):
        if terms[position]:
            term = dimension(position) * terms[position]
            result = term if result is None else result + term
    return AffineExpr.constant(constant) if result is None else result + constant


def linear_terms(expression: AffineExpr, terms: dict[int, int], factor: int = 1) -> int | None:
    """Add `factor * expression` to `terms`; return its constant, or `None` if it is not linear."""
    if isinstance(expression, AffineConstantExpr):
        return factor * expression.value
    if isinstance(expression, AffineDimExpr):
        terms[expression.position] = terms.get(expression.position, 0) + factor
        return 0
    if not isinstance(expression, AffineBinaryOpExpr):
        return None
    if expression.kind is AffineBinaryOpKind.Add:
        left = linear_terms(expression.lhs, terms, factor)
        right = linear_terms(expression.rhs, terms, factor)
        return None if left is None or right is None else left + right
    if expression.kind is AffineBinaryOpKind.Mul and isinstance(expression.rhs, AffineConstantExpr):
        return linear_terms(expression.lhs, terms, factor * expression.rhs.value)
    return None


def build_expression(b: OpBuilder, expression: AffineExpr, cache: dict[AffineExpr, SSAValue]) -> SSAValue:
    """Append the `index` value of `expression` over the loop dimensions of the body that `b` builds."""
    value = cache.get(expression)
    if value is not None:
        return value
    if isinstance(expression, AffineDimExpr):
        value = build_loop_index(b, expression.position)
    elif isinstance(expression, AffineConstantExpr):
        value = b.index(expression.value)
    else:
        assert isinstance(expression, AffineBinaryOpExpr), f"affine expression {expression} has a symbol"
        kind = _KINDS.get(expression.kind)
        assert kind is not None, f"affine expression {expression} is not linear"
        lhs = build_expression(b, expression.lhs, cache)
        rhs = build_expression(b, expression.rhs, cache)
        value = b.create(kind, (lhs, rhs), IndexType())
    cache[expression] = value
    return value


def accesses(op: GenericOp) -> tuple[Access, ...]:
    """The access of every operand of `op`, outputs last."""
    maps = cast("ArrayAttr[AffineMapAttr]", op.properties["indexing_maps"]).data
    return tuple(attribute.data.results for attribute in maps)


def iterators(op: GenericOp) -> tuple[IteratorTypeAttr, ...]:
    """The iterator types of `op`."""
    return cast("ArrayAttr[IteratorTypeAttr]", op.properties["iterator_types"]).data


def num_parallel(op: GenericOp) -> int:
    """How many of the loop dimensions of `op`, which come first, are parallel."""
    return iterators(op).count(PARALLEL)


def is_running_reduction(op: GenericOp) -> bool:
    """Whether `op` has a running output: one with an element for every point of its reduction."""
    parallel = num_parallel(op)
    return any(len(access) > parallel for access in accesses(op)[len(op.operands) - len(op.results) :])


def loop_sizes(op: GenericOp) -> tuple[int, ...]:
    """The extents of the loop dimensions of `op`, each read off an operand that is indexed by that dimension alone."""
    sizes: list[int] = [-1] * len(iterators(op))
    if not sizes:
        return ()
    for operand, access in zip(reversed(op.operands), reversed(accesses(op)), strict=True):
        for expression, size in zip(access, shape_of(operand), strict=True):
            # Outputs come first: they have every parallel dimension in full, while an input may be a slice.
            if isinstance(expression, AffineDimExpr) and sizes[expression.position] < 0:
                sizes[expression.position] = size
    assert -1 not in sizes, f"linalg.generic: no operand tells the extents of all loop dimensions (found {sizes})"
    return tuple(sizes)


def tensor_type_of(value: SSAValue) -> TensorType[Any]:
    """The type of a value that is known to be a tensor."""
    return cast("TensorType[Any]", value.type)


def shape_of(value: SSAValue) -> tuple[int, ...]:
    """The sizes of a tensor."""
    return tensor_type_of(value).get_shape()


def identity_prefix(access: Access) -> int:
    """How many leading results of `access` are `d0, d1, …`."""
    count = 0
    for expression in access:
        if not (isinstance(expression, AffineDimExpr) and expression.position == count):
            break
        count += 1
    return count


def anchored_dims(access: Access, shape: Sequence[int], sizes: Sequence[int]) -> set[int]:
    """The loop dimensions whose extent can be told from this access to a tensor of this shape."""
    return {
        expression.position
        for expression, size in zip(access, shape, strict=True)
        if isinstance(expression, AffineDimExpr) and sizes[expression.position] == size
    }
