"""Attention of rows of queries to keys: all at once, or block after block where the scores of all would take too much room.

A block is checkpointed: reverse mode computes its weights again from queries and keys, so that nothing of the size of the scores
is kept (Rabe and Staats, arXiv 2112.05682). As the blocks are ordinary operations, all derivatives of all orders follow.
"""

import math
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from compiler.checkpoints import checkpoint
from compiler.loops import map as map_slices
from compiler.nn.operands import constant_for_derivatives, drawn_dtype
from compiler.numpy_linalg import contract
from compiler.random.keys import fold_in, split
from compiler.random.uniform import bernoulli
from compiler.tracing import Tracer
from compiler.views import broadcast, position_along

QUERY_BLOCK = 128
"""The most queries in a block. Scores of a block should fit into the cache, and products should be worth a library call."""

FEW_QUERIES = 16
"""So many queries are no more than a block for a few heads, as when text is generated."""

CAUSAL_PARTS = 4
"""Parts of the queries that see the keys up to those that the last of them sees: all but 1 / parts of what is hidden is skipped."""


def attend(query: Tracer, key: Tracer, value: Tracer, mask: Any, rng_key: Any, *, first: Any, dropout_p: float) -> Any:
    """`dropout(softmax(query @ key^T + mask)) @ value`.

    Args:
        query: `[…, L, E]`, scaled.
        key: `[…, S, E]`; leading sizes of 1 broadcast, here and below.
        value: `[…, S, Ev]`.
        mask: `[…, L, S]` or `None`: booleans, true where a query sees a key, or what is added to the scores.
        rng_key: a key of random numbers, or `None` for no dropout.
        first: the number of the last key that the first query sees, the next query sees one more, and so on; they see all
            keys if it is `None`.
        dropout_p: the probability that a weight becomes zero.
    """
    rows, keys = query.shape[-2], key.shape[-2]
    if rows <= FEW_QUERIES or rows * keys <= QUERY_BLOCK**2:
        return _attend_at_once(query, key, value, mask, rng_key, first, dropout_p)

    operands = [query, key, value]
    if mask is not None:
        operands.append(mask)
    if rng_key is not None:
        leading = np.broadcast_shapes(*(x.shape[:-2] for x in operands))
        operands.append(split(rng_key, leading)[..., np.newaxis, :])

    def attend_one_head(query: Tracer, key: Tracer, value: Tracer, *others: Any) -> Any:
        head_mask = None if mask is None else others[0]
        parts: list[Any] = []
        for start, stop, seen in _parts(rows, keys, first):
            part_mask = None if head_mask is None else _sliced(head_mask, slice(start, stop), slice(seen))
            part_key = None if rng_key is None else fold_in(others[-1][0], start)
            part_first = None if first is None else first + start
            part = query[start:stop], key[:seen], value[:seen], part_mask, part_key, part_first, dropout_p
            parts.append(_attend_in_blocks(*part))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    return _over_leading(checkpoint(attend_one_head), operands)


def attention_weights(query: Tracer, key: Tracer, mask: Any, rng_key: Any, *, first: Any, dropout_p: float) -> Any:
    """`dropout(softmax(query @ key^T + mask))` along the keys, and zeros for a query that may see none of them."""
    scores = _product(query, key, -1)
    if not key.shape[-2]:
        return scores
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == np.bool_ else scores + mask
    if first is not None:
        matrix = scores.shape[-2:]
        scores = np.where(position_along(matrix, 1) <= position_along(matrix, 0) + first, scores, -np.inf)
    peak = constant_for_derivatives(np.max(scores, axis=-1, keepdims=True))
    if mask is not None:
        peak = np.where(peak == -np.inf, 0.0, peak)
    exponentials = np.exp(scores - peak)
    total = np.sum(exponentials, axis=-1, keepdims=True)
    if mask is not None:
        total = np.where(total == 0, 1.0, total)
    weights = exponentials * (1 / total)
    return weights if rng_key is None else _dropped(weights, rng_key, dropout_p)


def _attend_at_once(
    query: Tracer, key: Tracer, value: Tracer, mask: Any, rng_key: Any, first: Any, dropout_p: float
) -> Any:
    weights = attention_weights(query, key, mask, rng_key, first=first, dropout_p=dropout_p)
    return weighted(weights, value)


def weighted(weights: Tracer, value: Tracer) -> Any:
    """`weights @ value`."""
    return _product(weights, value, -2)


def _dropped(weights: Any, rng_key: Any, dropout_p: float) -> Any:
    """The weights that are kept, each with probability `1 - dropout_p`, divided by it; zeros in place of others."""
    keep = weights.dtype.type(1 - dropout_p)
    return np.where(
        bernoulli(rng_key, keep.astype(drawn_dtype(weights)), weights.shape),
        weights * (1 / keep if keep else keep),
        0.0,
    )


def _product(x: Tracer, y: Tracer, contracted: int) -> Any:
    """`x @ y`, with dimension `contracted` of `y` summed over; matrices that share `y` are multiplied as one."""
    shape = x.shape
    if x.ndim > 2 and y.shape[-3] == 1:
        x = x.reshape((*shape[:-3], shape[-3] * shape[-2], shape[-1]))
        y = y.reshape((*y.shape[:-3], *y.shape[-2:]))
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    dims = range(len(batch))
    x, y = broadcast(x, (*batch, *x.shape[-2:])), broadcast(y, (*batch, *y.shape[-2:]))
    result = contract(x, y, (x.ndim - 1,), (y.ndim + contracted,), dims, dims)
    return result.reshape((*shape[:-1], result.shape[-1])) if len(shape) > result.ndim else result


def _attend_in_blocks(
    query: Tracer, key: Tracer, value: Tracer, mask: Any, rng_key: Any, first: Any, dropout_p: float
) -> Any:
    """`_attend_at_once` for matrices, with the weights of one block of queries at a time."""
    rows = query.shape[0]
    size = _block_size(rows)
    count = rows // size
    by_row = [query] if mask is None or mask.shape[0] == 1 else [query, mask]

    @checkpoint
    def attend_block(number: Any, query: Any, own_mask: Any = mask) -> Any:
        block_key = None if rng_key is None else fold_in(rng_key, number)
        block_first = None if first is None else number * size + first
        return _attend_at_once(query, key, value, own_mask, block_key, block_first, dropout_p)

    blocks = [x[: count * size].reshape((count, size, x.shape[1])) for x in by_row]
    numbers = np.arange(count)

    def attend_slices(slices: Any) -> Any:
        return attend_block(*slices)

    result = map_slices(attend_slices, (numbers, *blocks)).reshape((count * size, value.shape[1]))
    if count * size == rows:
        return result
    rest = attend_block(np.int64(count), *(x[count * size :] for x in by_row))
    return np.concatenate([result, rest])


def _block_size(rows: int) -> int:
    """A size that divides `rows`, if there is one that is large enough."""
    largest = min(rows, QUERY_BLOCK)
    return next((size for size in range(largest, largest // 2, -1) if rows % size == 0), largest)


def _parts(rows: int, keys: int, first: Any) -> list[tuple[int, int, int]]:
    """Ranges of queries, each with the number of keys that some of them see."""
    if not isinstance(first, int):
        return [(0, rows, keys)]
    size = max(-(-rows // CAUSAL_PARTS), QUERY_BLOCK)
    stops = [*range(size, rows, size), rows]
    return [(start, stop, min(first + stop, keys)) for start, stop in zip([0, *stops], stops, strict=False)]


def _sliced(x: Tracer, *slices: slice) -> Tracer:
    """`x[slices]`, in the dimensions that do not broadcast."""
    return x[tuple(slice(None) if size == 1 else part for size, part in zip(x.shape, slices, strict=True))]


def _over_leading(function: Callable[..., Any], operands: Sequence[Tracer]) -> Any:
    """`function` of the matrices of all operands, one combination of leading dimensions after the other.

    Adjacent dimensions that the same operands have are one loop.
    """
    leading = np.broadcast_shapes(*(x.shape[:-2] for x in operands))
    varying = [(tuple(x.shape[d] != 1 for x in operands), d) for d in range(len(leading)) if leading[d] != 1]
    loops = [(who, [d for _, d in group]) for who, group in groupby(varying, key=lambda pair: pair[0])]

    def nest(loops: Sequence[tuple[tuple[bool, ...], Any]], operands: Sequence[Any]) -> Any:
        if not loops:
            return function(*operands)
        (who, _), *inner = loops
        fixed = [x if varies else x.reshape(x.shape[1:]) for x, varies in zip(operands, who, strict=True)]

        def step(slices: Any) -> Any:
            rest = iter(slices)
            return nest(inner, [next(rest) if varies else x for x, varies in zip(fixed, who, strict=True)])

        return map_slices(step, tuple(x for x, varies in zip(fixed, who, strict=True) if varies))

    sizes = [[math.prod(x.shape[d] for d in dims) for _, dims in loops] for x in operands]
    merged = [x.reshape((*size, *x.shape[-2:])) for x, size in zip(operands, sizes, strict=True)]
    result = nest(loops, merged)
    return result.reshape((*leading, *result.shape[-2:]))
