"""Attention: the mean of values, weighted by how well their keys fit a query."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from compiler.argument_checks import checked
from compiler.compiled_functions import compiled
from compiler.errors import ArgumentError, DtypeError, ShapeError, at_user_line
from compiler.nn.attention_blocks import attend
from compiler.nn.operands import check_rng_key, floating_tracer, operand_like
from compiler.operands import as_tracer
from compiler.slicing import dynamic_update_slice
from compiler.tracing import Tracer
from compiler.views import broadcast


@compiled(("dropout_p", "is_causal", "scale", "enable_gqa"))
def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: Any = None,
    enable_gqa: bool = False,
    *,
    rng_key: Any = None,
) -> Any:
    """`softmax(query @ key^T * scale + mask) @ value` (Vaswani et al., arXiv 1706.03762).

    Memory is linear in the number of queries and keys, in reverse mode too: long sequences are computed in blocks of queries, one
    head after the other, and derivatives compute the weights of a block again (in the way of Rabe and Staats, arXiv
    2112.05682, and of FlashAttention, Dao et al., arXiv 2205.14135). What a causal mask hides is skipped for the most part.

    Args:
        query: shape `[…, H, L, E]`, or `[…, L, E]`, float32 or float64.
        key: shape `[…, H, S, E]`; leading dimensions of all arrays broadcast.
        value: shape `[…, H, S, Ev]`.
        attn_mask: broadcasts to `[…, H, L, S]`: booleans, true where a query may see a key, or numbers that are added to the
            scores. The result for a query that may see no key is zero.
        dropout_p: the probability with which a weight becomes zero; others are divided by `1 - dropout_p`. As in PyTorch there
            is no switch for evaluation: pass 0.
        is_causal: whether query `i` sees only the keys up to key `i`; together with `attn_mask`, both hold.
        scale: the factor of the scores, `1 / sqrt(E)` if `None`.
        enable_gqa: whether several heads of queries may share one of keys and values (grouped queries, Ainslie et al., arXiv
            2305.13245): their number `H` is a multiple of that of `key` and `value`, which are not repeated in memory.
        rng_key: a key of `compiler.random`, needed for dropout.

    Returns:
        Shape `[…, H, L, Ev]`.

    Raises:
        ShapeError: the shapes do not fit.
        DtypeError: `query` is not floating point, or the mask is neither that nor boolean.
        ArgumentError: `dropout_p` is no probability, or `rng_key` is missing.

    Example:
        >>> query, key = np.array([[0.0, 0.0]]), np.array([[3.0, 1.0], [2.0, 2.0]])
        >>> scaled_dot_product_attention(query, key, np.array([[1.0], [5.0]]))
        array([[3.]])
    """
    name = "scaled_dot_product_attention"
    q = floating_tracer(query, name)
    k, v = operand_like(key, q), operand_like(value, q)
    mask = None if attn_mask is None else as_mask(name, attn_mask, q)
    check_dropout(name, dropout_p, rng_key)
    operands = grouped_operands(name, q, k, v, mask, scale=scale, enable_gqa=enable_gqa)
    first = 0 if is_causal else None
    result = attend(*operands, rng_key if dropout_p else None, first=first, dropout_p=dropout_p)
    return joined_groups(result, max(x.ndim for x in (q, k, v, *([] if mask is None else [mask]))))


@checked
def cached_attention(
    query: Any,
    key: Any,
    value: Any,
    cache: Mapping[str, Any],
    position: Any,
    *,
    scale: Any = None,
    enable_gqa: bool = False,
) -> tuple[Any, dict[str, Any]]:
    """Causal attention of new tokens to those before them, whose keys and values are kept: a step of generating text.

    The new keys and values are written into the cache at `position`; query `i` sees all up to `position + i`. The cache is
    updated in place where nothing else reads it: as what a loop carries, or as a donated argument of `jit`.

    Args:
        query: shape `[…, H, L, E]`, float32 or float64, for `L` new tokens (one, or all of a prompt).
        key: shape `[…, H, L, E]`.
        value: shape `[…, H, L, Ev]`.
        cache: `{"key": […, H, T, E], "value": […, H, T, Ev]}`, with room for `T` tokens; zeros to begin with.
        position: how many tokens are in the cache, an integer that may be traced. There must be room for the new ones.
        scale: the factor of the scores, `1 / sqrt(E)` if `None`.
        enable_gqa: whether several heads of queries may share one of keys and values.

    Returns:
        The result `[…, H, L, Ev]`, and the cache with the new tokens.

    Raises:
        ShapeError: the shapes do not fit, or there is no room at a `position` that is a Python integer.
        DtypeError: `query` is not floating point, or `position` is no integer.

    Example:
        >>> cache = {"key": np.zeros((1, 4, 2)), "value": np.zeros((1, 4, 2))}
        >>> one, other = np.array([[[1.0, 2.0]]]), np.array([[[3.0, 4.0]]])
        >>> _, cache = cached_attention(one, one, one, cache, 0)
        >>> result, cache = cached_attention(np.zeros((1, 1, 2)), other, other, cache, 1)
        >>> result
        array([[[2., 3.]]])
    """
    tokens, room = np.shape(key)[-2:-1], np.shape(cache["key"])[-2:-1]
    if isinstance(position, int) and tokens and room and not 0 <= position <= room[0] - tokens[0]:
        raise ShapeError(
            at_user_line(f"cached_attention: {tokens[0]} tokens at {position} have no room in a cache of {room[0]}")
        )
    return _cached_attention(query, key, value, dict(cache), position, scale=scale, enable_gqa=enable_gqa)


@compiled(("scale", "enable_gqa"))
def _cached_attention(
    query: Any, key: Any, value: Any, cache: dict[str, Any], position: Any, *, scale: Any, enable_gqa: bool
) -> tuple[Any, dict[str, Any]]:
    name = "cached_attention"
    q = floating_tracer(query, name)
    kept: dict[str, Any] = {}
    for part, new in (("key", operand_like(key, q)), ("value", operand_like(value, q))):
        old = as_tracer(cache[part])
        fits = old.ndim == new.ndim >= 2 and old.shape == (*new.shape[:-2], old.shape[-2], new.shape[-1])
        if not fits or not q.shape[-2:-1] == new.shape[-2:-1] <= old.shape[-2:-1]:
            raise ShapeError(
                at_user_line(f"{name}: {part} {new.shape} does not fit query {q.shape} and a cache of {old.shape}")
            )
        kept[part] = dynamic_update_slice(old, new, [*[0] * (old.ndim - 2), position, 0])
    first = position if isinstance(position, int) else as_tracer(position)
    operands = grouped_operands(
        name, q, kept["key"].astype(q.dtype), kept["value"].astype(q.dtype), None, scale=scale, enable_gqa=enable_gqa
    )
    return joined_groups(attend(*operands, None, first=first, dropout_p=0.0), q.ndim), kept


def grouped_operands(
    name: str, query: Tracer, key: Tracer, value: Tracer, mask: Tracer | None, *, scale: Any, enable_gqa: bool
) -> tuple[Tracer, Tracer, Tracer, Tracer | None]:
    """The operands of `attend`, of one rank, with heads in groups of those that share keys; raise an error if they do not fit."""
    named = {"query": query, "key": key, "value": value} | ({} if mask is None else {"attn_mask": mask})
    shapes = ", ".join(f"{part} {x.shape}" for part, x in named.items())
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise ShapeError(at_user_line(f"{name}: {shapes}; use at least two dimensions, [L, E], [S, E] and [S, Ev]"))
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise ShapeError(
            at_user_line(f"{name}: {shapes}; use the same E for query and key, the same S for key and value")
        )
    groups = 1
    if enable_gqa:
        heads, *others = (x.shape[-3] if x.ndim > 2 else 0 for x in (query, key, value))
        if not others[0] or others[0] != others[1] or heads % others[0]:
            raise ShapeError(
                at_user_line(
                    f"{name}: {shapes}; the number of heads, the third size from the end, has to be a multiple in query of "
                    "that in key and value"
                )
            )
        groups = heads // others[0]
    rank = max(x.ndim for x in named.values())
    sizes = query.shape[-2], key.shape[-2]
    try:
        if mask is not None and np.broadcast_shapes(mask.shape, (*query.shape[:-2], *sizes))[-2:] != sizes:
            raise ValueError
        q, k, v, *masks = (
            _grouped(x, rank, 1 if part in {"key", "value"} or x.shape[-3:-2] == (1,) else groups)
            for part, x in named.items()
        )
        leading = np.broadcast_shapes(*(x.shape[:-2] for x in (q, k, v, *masks)))
    except ValueError:
        raise ShapeError(
            at_user_line(f"{name}: {shapes}; leading sizes have to be equal or 1, and those of a mask too")
        ) from None
    scaled = (q * (1 / math.sqrt(max(q.shape[-1], 1)) if scale is None else scale)).astype(q.dtype)
    return broadcast(scaled, (*leading, *q.shape[-2:])), k, v, masks[0] if masks else None


def _grouped(x: Tracer, rank: int, groups: int) -> Tracer:
    """`x` with `rank` dimensions, sizes of 1 in front, and with two dimensions for heads, `[heads / groups, groups]`."""
    sizes = (*(1,) * (max(rank, 3) - x.ndim), *x.shape)
    return x.reshape((*sizes[:-3], sizes[-3] // groups, groups, *sizes[-2:]))


def joined_groups(x: Any, rank: int) -> Any:
    """`x` with one dimension for heads again, or with none if the result has only two dimensions."""
    *leading, heads, groups, rows, columns = x.shape
    return x.reshape((*leading, heads * groups, rows, columns) if rank > 2 else (rows, columns))


def as_mask(name: str, mask: Any, like: Tracer) -> Tracer:
    """A mask of booleans, or of what is added to scores."""
    tracer = as_tracer(mask)
    if tracer.dtype != np.bool_ and tracer.dtype.kind in "iuc":
        raise DtypeError(at_user_line(f"{name}: the mask has dtype {tracer.dtype}; use booleans or floating point"))
    tracer = tracer if tracer.dtype == np.bool_ else tracer.astype(like.dtype)
    return tracer.reshape((*(1,) * (2 - tracer.ndim), *tracer.shape))


def check_dropout(name: str, dropout_p: float, rng_key: Any) -> None:
    """Raise an error unless there is a probability, and a key if it is not zero."""
    if not 0 <= dropout_p <= 1:
        raise ArgumentError(at_user_line(f"{name}: dropout_p is {dropout_p}; use a probability in [0, 1]"))
    if dropout_p:
        check_rng_key(name, rng_key)
