"""Positions in sequences, for attention, which sees none by itself: rotations, sums of waves, and linear penalties."""

from typing import Any

import numpy as np

from compiler.argument_checks import checked
from compiler.compiled_functions import compiled
from compiler.errors import ArgumentError, DtypeError, ShapeError, at_user_line
from compiler.nn.operands import floating_tracer
from compiler.operands import as_tracer
from compiler.random.drawing import as_float
from compiler.tracing import Tracer


@compiled(("base", "interleaved", "rotary_dim", "scaling"))
def rotary_embedding(
    x: Any,
    positions: Any = None,
    base: float = 10000.0,
    *,
    interleaved: bool = False,
    rotary_dim: int | None = None,
    scaling: float = 1.0,
) -> Any:
    """Queries or keys, rotated by angles that grow with their positions (RoPE, Su et al., arXiv 2104.09864).

    Pair `i` of the `d` elements that are rotated turns by `position / scaling * base**(-2 i / d)`, so that products of queries
    and keys depend on distances alone.

    Args:
        x: shape `[…, L, D]`, float32 or float64.
        positions: integers or numbers that broadcast to `[…, L]`, which may be traced; `0 … L-1` if `None`.
        base: the ratio of the longest to the shortest wavelength.
        interleaved: whether a pair is two neighbours (`2 i` and `2 i + 1`, as in the paper and GPT-J), or else `i` and
            `i + d / 2` (as in GPT-NeoX and Llama).
        rotary_dim: how many of the `D` elements are rotated, an even number; all if `None`. The others stay.
        scaling: positions are divided by it (Chen et al., arXiv 2306.15595, for sequences longer than in training).

    Raises:
        ShapeError: `positions` does not broadcast, or `x` has fewer than two dimensions.
        ArgumentError: `rotary_dim` is odd or does not fit.

    Example:
        >>> rotary_embedding(np.array([[1.0, 0.0], [1.0, 0.0]])).round(4)
        array([[1.    , 0.    ],
               [0.5403, 0.8415]])
    """
    tracer = floating_tracer(x, "rotary_embedding")
    if tracer.ndim < 2:
        raise ShapeError(at_user_line(f"rotary_embedding: x has shape {tracer.shape}, expected […, L, D]"))
    size = tracer.shape[-1] if rotary_dim is None else rotary_dim
    if size % 2 or not 0 <= size <= tracer.shape[-1]:
        raise ArgumentError(
            at_user_line(f"rotary_embedding: {size} of {tracer.shape[-1]} elements; use an even number of them")
        )
    angles = _angles(np.arange(tracer.shape[-2]) if positions is None else positions, size, base, scaling)
    try:
        fits = np.broadcast_shapes(angles.shape[:-1], tracer.shape[:-1]) == tracer.shape[:-1]
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(
            at_user_line(f"rotary_embedding: positions {angles.shape[:-1]} do not broadcast to {tracer.shape[:-1]}")
        )
    cosine, sine = np.cos(angles).astype(tracer.dtype), np.sin(angles).astype(tracer.dtype)
    rotated = tracer[..., :size]
    halves = slice(size // 2), slice(size // 2, size)
    one, other = (rotated[..., part] for part in ((slice(0, None, 2), slice(1, None, 2)) if interleaved else halves))
    parts = [one * cosine - other * sine, other * cosine + one * sine]
    if interleaved:
        parts = [np.stack(parts, axis=-1).reshape(rotated.shape)]
    return np.concatenate([*parts, tracer[..., size:]], axis=-1)


@compiled(("dim", "base", "dtype"))
def sinusoidal_positions(positions: Any, dim: int, base: float = 10000.0, dtype: Any = np.float32) -> Any:
    """Encodings of positions to be added to what stands there (Vaswani et al., arXiv 1706.03762).

    Elements `2 i` and `2 i + 1` are the sine and the cosine of `position * base**(-2 i / dim)`.

    Args:
        positions: integers or numbers of any shape, which may be traced: `np.arange(length)`.
        dim: how many elements, an even number.
        base: the ratio of the longest to the shortest wavelength.
        dtype: float32 or float64.

    Returns:
        Shape `[*positions.shape, dim]`.

    Raises:
        ArgumentError: `dim` is odd.

    Example:
        >>> sinusoidal_positions(np.arange(2), 2).round(4)
        array([[0.    , 1.    ],
               [0.8415, 0.5403]], dtype=float32)
    """
    if dim % 2 or dim < 0:
        raise ArgumentError(at_user_line(f"sinusoidal_positions: dim is {dim}; use an even number"))
    dtype = as_float("sinusoidal_positions", dtype)
    angles = _angles(as_tracer(positions), dim, base, 1.0)
    waves = np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    return waves.reshape((*angles.shape[:-1], dim)).astype(dtype)


def _angles(positions: Any, dim: int, base: float, scaling: float) -> Any:
    """`[…, dim / 2]` angles, in float64: single precision has a few digits of a large angle."""
    array = positions if isinstance(positions, Tracer) else np.asarray(positions)
    if array.dtype.kind not in "iuf":
        raise DtypeError(at_user_line(f"positions have dtype {array.dtype}; use integers or floating point"))
    frequencies = base ** (-np.arange(0, dim, 2) / max(dim, 1)) / scaling
    return array.astype(np.float64)[..., np.newaxis] * frequencies


@checked
def alibi_slopes(num_heads: int, dtype: Any = np.float32) -> Any:
    """How much each head loses per token of distance (ALiBi, Press et al., arXiv 2108.12409).

    For `2**k` heads head `i` has the slope `2**(-8 (i + 1) / 2**k)`; beyond, every other slope for twice as many is added.

    Args:
        num_heads: how many heads.
        dtype: float32 or float64.

    Returns:
        A NumPy array `[num_heads]`.

    Raises:
        ArgumentError: `num_heads` is not positive.

    Example:
        >>> alibi_slopes(4)
        array([0.25      , 0.0625    , 0.015625  , 0.00390625], dtype=float32)
    """
    if num_heads < 1:
        raise ArgumentError(at_user_line(f"alibi_slopes: num_heads is {num_heads}; use at least 1"))
    dtype = as_float("alibi_slopes", dtype)
    power = 1 << (int(num_heads).bit_length() - 1)
    slopes = [2 ** (-8 * i / power) for i in range(1, power + 1)]
    slopes += [2 ** (-4 * i / power) for i in range(1, 2 * (num_heads - power), 2)]
    return np.array(slopes, dtype)


@checked
def alibi_bias(num_heads: int, key_length: int, dtype: Any = np.float32) -> Any:
    """What ALiBi (Press et al., arXiv 2108.12409) adds to the scores of causal attention, as a mask that needs little memory.

    `slope * (key - key_length + 1)`: the distance to the last key instead of that to the query, which is the same up to a constant
    for each query, and softmax does not see constants. So it is for attention with `is_causal=True`.

    Args:
        num_heads: how many heads.
        key_length: how many keys.
        dtype: float32 or float64.

    Returns:
        A NumPy array `[num_heads, 1, key_length]`, for `attn_mask`.

    Raises:
        ArgumentError: `num_heads` is not positive.

    Example:
        >>> alibi_bias(2, 3)
        array([[[-0.125     , -0.0625    ,  0.        ]],
        <BLANKLINE>
               [[-0.0078125 , -0.00390625,  0.        ]]], dtype=float32)
    """
    slopes = alibi_slopes(num_heads, dtype)
    distances = np.arange(key_length) - (key_length - 1)
    return slopes[:, np.newaxis, np.newaxis] * distances.astype(slopes.dtype)
