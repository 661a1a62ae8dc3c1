"""Attention with several heads and the projections around it: the attention of transformers."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from compiler.compiled_functions import compiled
from compiler.errors import ArgumentError, ShapeError, at_user_line
from compiler.nn.attention import as_mask, check_dropout, grouped_operands, joined_groups
from compiler.nn.attention_blocks import attend, attention_weights, weighted
from compiler.nn.operands import floating_tracer, operand_like, size_of_keys
from compiler.operands import as_tracer
from compiler.tracing import Tracer


@compiled(
    ("num_heads", "num_kv_heads", "add_zero_attn", "is_causal", "need_weights", "average_attn_weights", "dropout_p")
)
def multi_head_attention(
    query: Any,
    key: Any,
    value: Any,
    num_heads: int,
    in_proj_weight: Any = None,
    in_proj_bias: Any = None,
    out_proj: Mapping[str, Any] | None = None,
    *,
    q_proj_weight: Any = None,
    k_proj_weight: Any = None,
    v_proj_weight: Any = None,
    bias_k: Any = None,
    bias_v: Any = None,
    add_zero_attn: bool = False,
    num_kv_heads: int | None = None,
    attn_mask: Any = None,
    key_padding_mask: Any = None,
    is_causal: bool = False,
    need_weights: bool = False,
    average_attn_weights: bool = True,
    dropout_p: float = 0.0,
    rng_key: Any = None,
) -> tuple[Any, Any]:
    """`torch.nn.MultiheadAttention`: project, attend in each head (`scaled_dot_product_attention`), join, project.

    The parameters have the names of PyTorch's `state_dict`, with `out_proj` a dict of its own, so that they are given as
    `multi_head_attention(x, x, x, 8, **params)`; `compiler.nn.init.multi_head_attention` makes them. Unlike PyTorch's,
    batches always come first, weights are returned only if asked for, `is_causal` alone makes attention causal, there may be
    grouped queries, and a query that may see no key has the result 0 in each head and weights 0, never NaN.

    Args:
        query: shape `[…, L, embed_dim]`, float32 or float64.
        key: shape `[…, S, kdim]`.
        value: shape `[…, S, vdim]`.
        num_heads: how many heads `embed_dim` is divided into.
        in_proj_weight: shape `[embed_dim + 2 kv_dim, embed_dim]`: the projections of query, key and value, one below the
            other, with `kv_dim = embed_dim / num_heads * num_kv_heads`.
        in_proj_bias: shape `[embed_dim + 2 kv_dim]`, or `None`.
        out_proj: `{"weight": [embed_dim, embed_dim], "bias": [embed_dim]}`, the bias possibly left out.
        q_proj_weight: shape `[embed_dim, embed_dim]`; with the next two in place of `in_proj_weight`.
        k_proj_weight: shape `[kv_dim, kdim]`.
        v_proj_weight: shape `[kv_dim, vdim]`.
        bias_k: `kv_dim` numbers, a key that all queries see besides; shape `[1, 1, kv_dim]` in PyTorch.
        bias_v: its value.
        add_zero_attn: whether there is one more key with its value, of zeros.
        num_kv_heads: how many heads keys and values have, a divisor of `num_heads`, which it is if `None`.
        attn_mask: shape `[L, S]`, `[batch * num_heads, L, S]`, or `[…, num_heads, L, S]` with any of the leading sizes 1.
            Booleans are true where a query must *not* see a key, as in PyTorch; numbers are added to the scores.
        key_padding_mask: shape `[…, S]`: booleans, true for keys that no query may see; or what is added to scores.
        is_causal: whether query `i` sees only the keys up to key `i`, besides what masks say.
        need_weights: whether to return the weights, which takes memory for all of them.
        average_attn_weights: whether these are averaged over heads.
        dropout_p: the probability with which a weight becomes zero.
        rng_key: a key of `compiler.random`, needed for dropout.

    Returns:
        The result `[…, L, embed_dim]`, and the weights `[…, L, S]` (or `[…, num_heads, L, S]`), or `None`.

    Raises:
        ShapeError: the shapes do not fit.
        ArgumentError: parameters are missing, heads do not divide `embed_dim`, or `rng_key` is missing.

    Example:
        >>> from compiler import nn, random
        >>> params = nn.init.multi_head_attention(random.key(0), embed_dim=8, num_heads=2)
        >>> x = random.normal(random.key(1), (3, 5, 8), np.float32)
        >>> result, weights = multi_head_attention(x, x, x, 2, **params, is_causal=True, need_weights=True)
        >>> result.shape, weights[0, 0]
        ((3, 5, 8), array([1., 0., 0., 0., 0.], dtype=float32))
    """
    name = "multi_head_attention"
    q = floating_tracer(query, name)
    k, v = operand_like(key, q), operand_like(value, q)
    check_dropout(name, dropout_p, rng_key)
    if q.ndim < 2 or k.ndim != q.ndim or v.ndim != q.ndim:
        raise ShapeError(
            at_user_line(
                f"{name}: query {q.shape}, key {k.shape}, value {v.shape}; use […, L, E], […, S, E], […, S, E]"
            )
        )
    embed_dim = q.shape[-1]
    kv_dim = size_of_keys(name, embed_dim, num_heads, num_kv_heads)
    separate = q_proj_weight, k_proj_weight, v_proj_weight
    if (
        not isinstance(out_proj, Mapping)
        or "weight" not in out_proj
        or (in_proj_weight is None) == any(w is None for w in separate)
    ):
        raise ArgumentError(
            at_user_line(f"{name}: parameters are missing; give in_proj_weight or {{q,k,v}}_proj_weight, and out_proj")
        )
    if (bias_k is None) != (bias_v is None):
        raise ArgumentError(at_user_line(f"{name}: only one of bias_k and bias_v is given; give both"))
    sizes = embed_dim, kv_dim, kv_dim
    weights = separate if in_proj_weight is None else _split(name, "in_proj_weight", in_proj_weight, sizes)
    biases = [None] * 3 if in_proj_bias is None else _split(name, "in_proj_bias", in_proj_bias, sizes)
    q, k, v = (_projected(name, *each) for each in zip((q, k, v), weights, biases, sizes, strict=True))
    # The keys that are added stand in front, where a causal mask hides them from no query; their order does not matter.
    k, v = _with_keys_in_front(k, bias_k, add_zero_attn), _with_keys_in_front(v, bias_v, add_zero_attn)
    added = (bias_k is not None) + add_zero_attn
    mask = _visible(name, attn_mask, key_padding_mask, added, (*k.shape[:-2], num_heads, q.shape[-2], k.shape[-2]), q)
    operands = grouped_operands(
        name,
        _heads(q, num_heads),
        _heads(k, num_kv_heads or num_heads),
        _heads(v, num_kv_heads or num_heads),
        mask,
        scale=None,
        enable_gqa=True,
    )
    first = added if is_causal else None
    rng_key = rng_key if dropout_p else None
    shown = None
    if need_weights:
        grouped_q, grouped_k, grouped_v, grouped_mask = operands
        shown = attention_weights(grouped_q, grouped_k, grouped_mask, rng_key, first=first, dropout_p=dropout_p)
        result = weighted(shown, grouped_v)
        shown = np.roll(joined_groups(shown, 3), -added, axis=-1)
        shown = np.mean(shown, axis=-3) if average_attn_weights else shown
    else:
        result = attend(*operands, rng_key, first=first, dropout_p=dropout_p)
    joined = np.swapaxes(joined_groups(result, 3), -2, -3)
    joined = joined.reshape((*joined.shape[:-2], embed_dim))
    return _projected(name, joined, out_proj["weight"], out_proj.get("bias"), embed_dim), shown


def _split(name: str, what: str, packed: Any, sizes: tuple[int, int, int]) -> list[Any]:
    """The parts of packed parameters for query, key and value."""
    tracer = as_tracer(packed)
    if tracer.shape[:1] != (sum(sizes),):
        raise ShapeError(at_user_line(f"{name}: {what} has shape {tracer.shape}, expected {sum(sizes)} rows"))
    return np.split(tracer, [sizes[0], sizes[0] + sizes[1]])


def _projected(name: str, x: Tracer, weight: Any, bias: Any, size: int) -> Any:
    """`x @ weight^T + bias`."""
    matrix = operand_like(weight, x)
    if matrix.shape != (size, x.shape[-1]):
        raise ShapeError(
            at_user_line(f"{name}: a weight has shape {matrix.shape}, expected {(size, x.shape[-1])} for {x.shape}")
        )
    product = x @ matrix.T
    if bias is None:
        return product
    offset = operand_like(bias, x)
    if offset.shape != (size,):
        raise ShapeError(at_user_line(f"{name}: a bias has shape {offset.shape}, expected {(size,)}"))
    return product + offset


def _with_keys_in_front(x: Any, bias: Any, with_zeros: bool) -> Any:
    """`x` with a row of `bias` and one of zeros in front, if they are wanted."""
    shape = (*x.shape[:-2], 1, x.shape[-1])
    rows = [] if bias is None else [np.broadcast_to(operand_like(bias, x).reshape(x.shape[-1]), shape)]
    rows += [np.zeros(shape, x.dtype, like=x)] if with_zeros else []
    return np.concatenate([*rows, x], axis=-2) if rows else x


def _heads(x: Any, count: int) -> Any:
    """`[…, L, heads * D]` as `[…, heads, L, D]`."""
    return np.swapaxes(x.reshape((*x.shape[:-1], count, x.shape[-1] // count)), -2, -3)


def _visible(name: str, hidden: Any, padding: Any, added: int, shape: tuple[int, ...], like: Tracer) -> Any:
    """Both masks as one of `scaled_dot_product_attention` for scores of `shape`, or `None`."""
    masks: list[Any] = []
    if hidden is not None:
        mask = as_mask(name, hidden, like)
        if mask.ndim == 3 and len(shape) == 4 and mask.shape[0] == shape[0] * shape[1]:
            mask = mask.reshape((*shape[:2], *mask.shape[1:]))
        masks.append(mask)
    if padding is not None:
        mask = as_mask(name, padding, like)
        expected = (*shape[:-3], shape[-1] - added)
        if np.shape(padding) != expected:
            raise ShapeError(
                at_user_line(f"{name}: key_padding_mask has shape {np.shape(padding)}, expected {expected}")
            )
        masks.append(mask.reshape((*expected[:-1], 1, 1, expected[-1])))
    if added:
        masks = [np.broadcast_to(mask, (*mask.shape[:-1], shape[-1] - added)) for mask in masks]
        masks = [np.pad(mask, [*[(0, 0)] * (mask.ndim - 1), (added, 0)]) for mask in masks]
    if not masks:
        return None
    if all(mask.dtype == np.bool_ for mask in masks):
        return np.logical_not(masks[0] if len(masks) == 1 else np.logical_or(*masks))
    terms = [np.where(mask, -np.inf, np.zeros((), like.dtype)) if mask.dtype == np.bool_ else mask for mask in masks]
    return terms[0] if len(terms) == 1 else terms[0] + terms[1]
