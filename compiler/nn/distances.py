"""Norms and distances of vectors."""

import math
from typing import Any

import numpy as np

from compiler.compiled_functions import compiled
from compiler.errors import ArgumentError, ShapeError, at_user_line
from compiler.nn.operands import check_dim, floating_tracer, operand_like
from compiler.promotion import broadcast_shapes
from compiler.tracer import Tracer, xp

_LEAST_ROWS = 128
_MOST_BLOCKS = 8


def _norm(x: Any, p: float, dim: int) -> Any:
    """The p-norm along `dim`, which stays with size 1; the derivative at 0 is 0."""
    if p < 0:
        raise ArgumentError(at_user_line(f"norm: p is {p}; use a number that is not negative"))
    size = np.abs(x)
    if p == 0:
        return np.sum((x != 0).astype(x.dtype), axis=dim, keepdims=True)
    if p == 1:
        return np.sum(size, axis=dim, keepdims=True)
    if p == math.inf:
        return np.max(size, axis=dim, keepdims=True)
    # The derivative of a power at 0 may be infinite.
    powers = x * x if p == 2 else np.where(size > 0, np.where(size > 0, size, 1.0) ** p, size)
    total = np.sum(powers, axis=dim, keepdims=True)
    is_zero = total == 0
    root = np.where(is_zero, 1.0, total)
    return np.where(is_zero, total, np.sqrt(root) if p == 2 else root ** (1.0 / p))


@compiled(("p", "dim", "eps"))
def normalize(input: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Any:  # noqa: A002 - PyTorch's name
    """`input / max(norm(input), eps)`, with the `p`-norm along `dim`.

    Args:
        input: at least one dimension, float32 or float64.
        p: the exponent, not negative; `inf` is the largest absolute value.
        dim: the dimension of the vectors.
        eps: the least divisor.

    Example:
        >>> normalize(np.array([[3.0, 4.0], [0.0, 0.0]]))
        array([[0.6, 0.8],
               [0. , 0. ]])
    """
    x = floating_tracer(input, "normalize")
    check_dim(x, dim, "normalize")
    return x / _at_least(_norm(x, p, dim), eps) if x.shape[dim] else x


def _at_least(x: Any, least: float) -> Any:
    return np.where(x < least, least, x)


@compiled(("dim", "eps"))
def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """The cosine of the angle between vectors: `x1 · x2 / (max(|x1|, eps) * max(|x2|, eps))`.

    Args:
        x1: at least one dimension, float32 or float64.
        x2: a shape that broadcasts with it.
        dim: the dimension of the vectors, in the shape that they broadcast to.
        eps: the least length.

    Example:
        >>> cosine_similarity(np.array([[3.0, 4.0]]), np.array([[4.0, 3.0]]))
        array([0.96])
    """
    first, second = _broadcast("cosine_similarity", x1, x2)
    check_dim(first, dim, "cosine_similarity")
    lengths = [_at_least(_norm(x, 2, dim), eps) for x in (first, second)]
    return np.sum((first / lengths[0]) * (second / lengths[1]), axis=dim)


def _broadcast(name: str, x1: Any, x2: Any) -> tuple[Tracer, Tracer]:
    first = floating_tracer(x1, name)
    second = operand_like(x2, first)
    shape = broadcast_shapes(name, first.shape, second.shape)
    return xp.broadcast_to(first, shape), xp.broadcast_to(second, shape)


@compiled(("p", "eps", "keepdim"))
def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    """The `p`-norm of `x1 - x2 + eps` along the last dimension.

    Args:
        x1: at least one dimension, float32 or float64.
        x2: a shape that broadcasts with it.
        p: the exponent, not negative.
        eps: added to differences, so that there is a derivative.
        keepdim: whether the dimension stays, with size 1.

    Example:
        >>> pairwise_distance(np.array([[3.0, 4.0]]), np.array([[0.0, 0.0]])).round(4)
        array([5.])
    """
    first, second = _broadcast("pairwise_distance", x1, x2)
    check_dim(first, -1, "pairwise_distance")
    distance = _norm(first - second + eps, p, -1)
    return distance if keepdim else np.squeeze(distance, -1)


@compiled(("p",))
def pdist(input: Any, p: float = 2.0) -> Any:  # noqa: A002
    """The `p`-norm distances of every two rows: of row 0 to rows 1, 2, …, then of row 1, and so on.

    Args:
        input: shape `[rows, features]`, float32 or float64.
        p: the exponent, not negative.

    Returns:
        Shape `[rows * (rows - 1) / 2]`.

    Raises:
        ShapeError: the input is not a matrix.

    Example:
        >>> pdist(np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])).round(4)
        array([5.    , 1.    , 4.2426])
    """
    x = floating_tracer(input, "pdist")
    if x.ndim != 2:
        raise ShapeError(at_user_line(f"pdist: input has shape {x.shape}, expected [rows, features]"))
    rows, features = x.shape
    if rows < 2 or not features:
        return np.zeros(rows * (rows - 1) // 2, x.dtype) + 0.0 * x.sum()
    # A block of rows and all from its first one on, so that few pairs are computed twice; differences are never in memory.
    step = -(-rows // min(_MOST_BLOCKS, max(rows // _LEAST_ROWS, 1)))
    parts: list[Any] = []
    for start in range(0, rows, step):
        block, rest = x[start : start + step], x[start:]
        distances = _norm(block[:, None] - rest, p, -1)
        first, second = np.triu_indices(block.shape[0], 1, rest.shape[0])
        parts.append(distances.reshape(-1)[first * rest.shape[0] + second])
    return np.concatenate(parts)
