"""How the statements of a kernel access memory: buffers, linear indices, and the windows that are written."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, cast

from xdsl.dialects.builtin import (
    AffineMapAttr,
    MemRefType,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.ir.affine import AffineBinaryOpExpr, AffineBinaryOpKind, AffineConstantExpr, AffineDimExpr, AffineExpr


class Index(NamedTuple):
    """One index expression: `sum(coefficient * dim) + constant + scalar`, or `expression` where that is not linear."""

    terms: tuple[tuple[int, int], ...]
    constant: int
    expression: AffineExpr | None = None
    scalar: SSAValue | None = None
    """A scalar of the prologue."""


class Buffer:
    """A memref of the kernel: an argument, or a temporary with the shape of the tile followed by `inner_shape`."""

    __slots__ = (
        "element_type",
        "inner_shape",
        "is_streamed",
        "is_temporary",
        "lanes_last",
        "old",
        "shape",
        "storage",
        "stored",
    )

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
        self.is_streamed = False
        """Whether it is too large for the cache, and nothing here reads it: vectors go to memory directly."""


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


@lru_cache(maxsize=4096)
def linear_map(attribute: AffineMapAttr) -> tuple[Index, ...]:
    """The results of an affine map."""
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
