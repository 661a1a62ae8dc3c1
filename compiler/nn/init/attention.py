"""Parameters of attention."""

import math
from typing import Any

import numpy as np

from compiler.argument_checks import checked
from compiler.nn.operands import size_of_keys
from compiler.random import normal, split, uniform


@checked
def multi_head_attention(
    key: Any,
    embed_dim: int,
    num_heads: int,
    bias: bool = True,
    add_bias_kv: bool = False,
    kdim: int | None = None,
    vdim: int | None = None,
    num_kv_heads: int | None = None,
    dtype: Any = np.float32,
) -> dict[str, Any]:
    """Parameters of `compiler.nn.multi_head_attention`, distributed as PyTorch's.

    The projections of the inputs are uniform in ±sqrt(6 / (rows + columns)) (Glorot and Bengio), of all three as one matrix if
    they are packed; that of the output is uniform in ±1/sqrt(embed_dim), what is added to keys and values is normal.

    Args:
        key: a key of `compiler.random`.
        embed_dim: the size of queries and of the result.
        num_heads: how many heads; they divide `embed_dim`.
        bias: whether the projections have biases, zeros to begin with.
        add_bias_kv: whether there is one more key and value, `bias_k` and `bias_v`.
        kdim: the size of keys, `embed_dim` if `None`; if it or `vdim` differs, there are three matrices instead of one.
        vdim: the size of values.
        num_kv_heads: how many heads of keys and values there are, `num_heads` if `None`.
        dtype: float32 or float64.

    Returns:
        `{"in_proj_weight", "in_proj_bias", "out_proj": {"weight", "bias"}}`, with `q_proj_weight`, `k_proj_weight` and
        `v_proj_weight` in place of the first if sizes differ.

    Raises:
        ArgumentError: the heads do not divide `embed_dim`, or those of keys do not divide those of queries.

    Example:
        >>> from compiler import random
        >>> params = multi_head_attention(random.key(0), 8, num_heads=4, num_kv_heads=2)
        >>> params["in_proj_weight"].shape, params["out_proj"]["weight"].shape
        ((16, 8), (8, 8))
    """
    kv_dim = size_of_keys("multi_head_attention", embed_dim, num_heads, num_kv_heads)
    keys = split(key, 6)
    shapes = {"in_proj_weight": (embed_dim + 2 * kv_dim, embed_dim)}
    if {kdim or embed_dim, vdim or embed_dim} != {embed_dim}:
        rows = embed_dim, kv_dim, kv_dim
        columns = embed_dim, kdim or embed_dim, vdim or embed_dim
        shapes = {
            f"{part}_proj_weight": shape for part, shape in zip("qkv", zip(rows, columns, strict=True), strict=True)
        }
    params: dict[str, Any] = {}
    for number, (name, shape) in enumerate(shapes.items()):
        bound = math.sqrt(6 / sum(shape))
        params[name] = uniform(keys[number], shape, dtype, -bound, bound)
    bound = 1 / math.sqrt(embed_dim)
    params["out_proj"] = {"weight": uniform(keys[3], (embed_dim, embed_dim), dtype, -bound, bound)}
    if bias:
        params["in_proj_bias"] = np.zeros(embed_dim + 2 * kv_dim, dtype)
        params["out_proj"]["bias"] = np.zeros(embed_dim, dtype)
    if add_bias_kv:
        for number, name in ((4, "bias_k"), (5, "bias_v")):
            params[name] = normal(keys[number], (1, 1, kv_dim), dtype) / math.sqrt(kv_dim)
    return params
