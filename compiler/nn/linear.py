"""Linear maps, also of one-hot vectors: embeddings."""

from typing import Any, Literal

import numpy as np

from compiler.argument_checks import checked
from compiler.compiled_functions import compiled
from compiler.errors import ArgumentError, DtypeError, ShapeError, at_user_line
from compiler.frames import is_tracing
from compiler.nn.operands import check_choice, constant_for_derivatives, floating_tracer, operand_like
from compiler.operands import as_tracer
from compiler.tracer import Tracer, xp


@compiled()
def linear(input: Any, weight: Any, bias: Any = None) -> Any:  # noqa: A002 - PyTorch's name
    """`input @ weight.T + bias`.

    Args:
        input: shape `[…, in]`, float32 or float64.
        weight: shape `[out, in]`, or `[in]` for a result without the last dimension.
        bias: shape `[out]`, or `None`.

    Raises:
        ShapeError: the shapes do not fit.

    Example:
        >>> linear(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [0.0, 1.0]]), np.array([0.0, 10.0]))
        array([[11., 12.]])
    """
    x = floating_tracer(input, "linear")
    matrix = operand_like(weight, x)
    if matrix.ndim not in {1, 2} or x.ndim == 0 or x.shape[-1] != matrix.shape[-1]:
        raise ShapeError(
            at_user_line(f"linear: weight has shape {matrix.shape}, expected [out, in] with the last size of {x.shape}")
        )
    return _with_bias("linear", np.matmul(x, matrix.T), bias, matrix.shape[:-1])


def _with_bias(name: str, x: Any, bias: Any, shape: tuple[int, ...]) -> Any:
    if bias is None:
        return x
    offset = operand_like(bias, x)
    if offset.shape != shape:
        raise ShapeError(at_user_line(f"{name}: bias has shape {offset.shape}, expected {shape}"))
    return x + offset


@compiled()
def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    """`result[…, o] = sum over i, j of input1[…, i] * weight[o, i, j] * input2[…, j]`, plus `bias[o]`.

    Args:
        input1: shape `[…, in1]`, float32 or float64.
        input2: shape `[…, in2]`, with the same leading dimensions.
        weight: shape `[out, in1, in2]`.
        bias: shape `[out]`, or `None`.

    Raises:
        ShapeError: the shapes do not fit.

    Example:
        >>> bilinear(np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.ones((1, 2, 2)))
        array([21.])
    """
    x = floating_tracer(input1, "bilinear")
    y, tensor = operand_like(input2, x), operand_like(weight, x)
    if x.ndim == 0 or x.shape[:-1] != y.shape[:-1] or tensor.shape[1:] != (x.shape[-1], y.shape[-1]):
        raise ShapeError(
            at_user_line(
                f"bilinear: inputs of shape {x.shape} and {y.shape} do not fit a weight of shape {tensor.shape}; expected "
                "[…, in1], […, in2] and [out, in1, in2]"
            )
        )
    out, size1, size2 = tensor.shape
    # One product of matrices, with the smaller of the two possible intermediate results.
    if size1 <= out:
        outer = (x[..., :, None] * y[..., None, :]).reshape((*x.shape[:-1], size1 * size2))
        product = np.matmul(outer, tensor.reshape(out, size1 * size2).T)
    else:
        rows = np.matmul(y, tensor.reshape(out * size1, size2).T).reshape((*x.shape[:-1], out, size1))
        product = np.sum(rows * x[..., None, :], axis=-1)
    return _with_bias("bilinear", product, bias, (out,))


@checked
def one_hot(tensor: Any, num_classes: int = -1) -> Any:
    """1 where the position in a new last dimension is the index, elsewhere 0.

    Args:
        tensor: class indices, integers of any shape. Those outside of `0 … num_classes-1` give zeros.
        num_classes: the size of the new dimension; if -1, one more than the largest index, which has to be known.

    Returns:
        int64, shape `[…, num_classes]`.

    Raises:
        ArgumentError: `num_classes` is -1 in a traced function.
        DtypeError: `tensor` is not of integers.

    Example:
        >>> one_hot(np.array([0, 2, -1]), 3)
        array([[1, 0, 0],
               [0, 0, 1],
               [0, 0, 0]])
    """
    if num_classes == -1:
        if is_tracing():
            raise ArgumentError(at_user_line("one_hot: num_classes is -1, but traced values are not known; pass it"))
        num_classes = int(np.max(tensor, initial=-1)) + 1
    if num_classes < 0:
        raise ArgumentError(at_user_line(f"one_hot: num_classes is {num_classes}; use a number that is not negative"))
    return _one_hot(tensor, num_classes)


@compiled(("num_classes",))
def _one_hot(tensor: Any, num_classes: int) -> Any:
    index = _indices("one_hot", tensor)
    return (np.expand_dims(index, -1) == np.arange(num_classes, dtype=index.dtype)).astype(np.int64)


def _indices(name: str, x: Any) -> Tracer:
    index = as_tracer(x)
    if index.dtype.kind not in "iu":
        raise DtypeError(at_user_line(f"{name}: indices have dtype {index.dtype}, expected integers"))
    return index


def _table(name: str, weight: Any, padding_idx: int | None) -> tuple[Tracer, int | None]:
    """The table of vectors, and which of them is for padding."""
    table = floating_tracer(weight, name)
    if table.ndim != 2:
        raise ShapeError(at_user_line(f"{name}: weight has shape {table.shape}, expected [vectors, features]"))
    if padding_idx is None:
        return table, None
    if not -table.shape[0] <= padding_idx < table.shape[0]:
        raise ShapeError(at_user_line(f"{name}: padding_idx {padding_idx} does not exist in shape {table.shape}"))
    return table, padding_idx % table.shape[0]


@compiled(("padding_idx",))
def embedding(input: Any, weight: Any, padding_idx: int | None = None) -> Any:  # noqa: A002
    """`weight[input]`: a row of `weight` for each index. Its derivative is added to the rows that were read.

    PyTorch's `max_norm`, which changes the weight in place, `scale_grad_by_freq` and `sparse` are left out: renormalise the weight
    after a step of the optimiser instead.

    Args:
        input: indices, integers of any shape. As in traced indexing, negative ones count from the end, and those
            out of range read the nearest row.
        weight: shape `[vectors, features]`, float32 or float64.
        padding_idx: the index of a row that has no derivative.

    Returns:
        Shape `[…, features]`.

    Raises:
        ShapeError: `weight` is no matrix, or there is no row `padding_idx`.
        DtypeError: `input` is not of integers.

    Example:
        >>> embedding(np.array([2, 0]), np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]))
        array([[4., 5.],
               [0., 1.]])
    """
    table, padding = _table("embedding", weight, padding_idx)
    index = _indices("embedding", input)
    rows = table[index]
    return rows if padding is None else _without_derivative(rows, index == padding)


def _without_derivative(rows: Any, is_padding: Any) -> Any:
    return np.where(np.expand_dims(is_padding, -1), constant_for_derivatives(rows), rows)


@compiled(("mode", "include_last_offset", "padding_idx"))
def embedding_bag(
    input: Any,  # noqa: A002
    weight: Any,
    offsets: Any = None,
    *,
    mode: Literal["sum", "mean", "max"] = "mean",
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Any:
    """Sums, means or maxima of the embeddings of bags of indices. An empty bag gives zeros.

    Args:
        input: indices, integers of shape `[bags, size]`, or of shape `[indices]` with `offsets`.
        weight: shape `[vectors, features]`, float32 or float64.
        offsets: where each bag begins in `input`, integers of shape `[bags]`, ascending from 0.
        mode: what is made of each bag.
        per_sample_weights: factors of the embeddings, the shape of `input`; for `"sum"` only.
        include_last_offset: whether `offsets` ends with the end of the last bag.
        padding_idx: the index of a row that is left out.

    Returns:
        Shape `[bags, features]`.

    Raises:
        ShapeError: the shapes do not fit.
        ArgumentError: `offsets` are missing or too much, or `mode` does not have weights.

    Example:
        >>> embedding_bag(np.array([[0, 1], [1, 1]]), np.array([[0.0, 1.0], [2.0, 3.0]]), mode="sum")
        array([[2., 4.],
               [4., 6.]])
    """
    check_choice("embedding_bag", "mode", mode, ("sum", "mean", "max"))
    table, padding = _table("embedding_bag", weight, padding_idx)
    index = _indices("embedding_bag", input)
    if index.ndim not in {1, 2} or (index.ndim == 1) != (offsets is not None):
        raise ArgumentError(
            at_user_line(
                f"embedding_bag: input has shape {index.shape}; use [bags, size] without offsets, or [indices] with offsets"
            )
        )
    is_there = xp.ones_like(index, dtype=bool) if padding is None else index != padding
    rows = table[index]
    if per_sample_weights is not None:
        factors = operand_like(per_sample_weights, table)
        if mode != "sum" or factors.shape != index.shape:
            raise ArgumentError(
                at_user_line(
                    f"embedding_bag: per_sample_weights of shape {factors.shape} need mode 'sum', not {mode!r}, and the shape "
                    f"{index.shape} of the input"
                )
            )
        rows = rows * xp.expand_dims(factors, -1)
    rows = xp.where(xp.expand_dims(is_there, -1), rows, -np.inf if mode == "max" else 0.0)
    counts: Any = is_there.astype(table.dtype)
    if offsets is None:
        totals = xp.max(rows, axis=1, initial=-np.inf) if mode == "max" else xp.sum(rows, axis=1)
        sizes = xp.sum(counts, axis=1)
    else:
        starts = _indices("embedding_bag: offsets", offsets)
        if starts.ndim != 1 or starts.shape[0] < include_last_offset:
            raise ShapeError(
                at_user_line(f"embedding_bag: offsets have shape {starts.shape}, expected one for each bag")
            )
        bags = starts.shape[0] - include_last_offset
        # What follows the last offset is in a bag behind all others, so its rows are not written.
        bag = np.searchsorted(starts, np.arange(index.shape[0]), side="right") - 1
        start = xp.full_like(table, -np.inf if mode == "max" else 0.0, shape=(bags, table.shape[1])).at[bag]
        totals = start.max(rows) if mode == "max" else start.add(rows)
        sizes = xp.zeros_like(table, shape=(bags,)).at[bag].add(counts)
    sizes = xp.expand_dims(sizes, -1)
    if mode == "mean":
        return totals / xp.maximum(sizes, 1.0)
    return totals if mode == "sum" else xp.where(sizes > 0, totals, 0.0)
