"""Initial values of one array: `torch.nn.init`, with a key and a shape in the place of a tensor that is filled."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from compiler.argument_checks import checked
from compiler.compiled_functions import compiled
from compiler.errors import ArgumentError, ShapeError, at_user_line
from compiler.nn.operands import check_choice
from compiler.random import bits, split
from compiler.random import normal as draw_normal
from compiler.random import truncated_normal as draw_truncated_normal
from compiler.random import uniform as draw_uniform
from compiler.random.drawing import as_dtype, as_float, as_shape

Mode = Literal["fan_in", "fan_out"]
Shape = Sequence[int]

_GAINS = {"tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 0.75}


@checked
def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor of standard deviations that makes up for what an activation takes away.

    Args:
        nonlinearity: `"tanh"` has 5/3, `"relu"` √2, `"leaky_relu"` √(2 / (1 + slope²)), `"selu"` 3/4; `"linear"`, `"sigmoid"` and
            `"conv1d"` to `"conv_transpose3d"` have 1.
        param: the slope of `"leaky_relu"`, 0.01 if `None`.

    Raises:
        ArgumentError: an unknown name.

    Example:
        >>> calculate_gain("leaky_relu", 1.0)
        1.0
    """
    linear = {"linear", "sigmoid", *(f"conv{kind}{d}d" for kind in ("", "_transpose") for d in (1, 2, 3))}
    if nonlinearity in linear:
        return 1.0
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2.0 / (1.0 + slope * slope))
    check_choice("calculate_gain", "nonlinearity", nonlinearity, ("linear", "sigmoid", *_GAINS, "leaky_relu"))
    return _GAINS[nonlinearity]


@checked
def uniform(key: Any, shape: Shape, a: float = 0.0, b: float = 1.0, dtype: Any = np.float32) -> Any:
    """Uniform numbers in `[a, b)`.

    Args:
        key: a key of `compiler.random`.
        shape: the shape.
        a: the lower bound.
        b: the upper bound.
        dtype: float32 or float64.

    Example:
        >>> from compiler import random
        >>> uniform(random.key(0), (2,), -1.0, 1.0).dtype
        dtype('float32')
    """
    return draw_uniform(key, shape, dtype, a, b)


@checked
def normal(key: Any, shape: Shape, mean: float = 0.0, std: float = 1.0, dtype: Any = np.float32) -> Any:
    """Normally distributed numbers.

    Args:
        key: a key of `compiler.random`.
        shape: the shape.
        mean: their mean.
        std: their standard deviation.
        dtype: float32 or float64.

    Example:
        >>> from compiler import random
        >>> normal(random.key(0), (3,), 1.0, 0.5).shape
        (3,)
    """
    return draw_normal(key, shape, dtype) * std + mean


@checked
def trunc_normal(
    key: Any,
    shape: Shape,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    dtype: Any = np.float32,
) -> Any:
    """Normally distributed numbers in `[a, b]`.

    Args:
        key: a key of `compiler.random`.
        shape: the shape.
        mean: the mean before numbers outside of the bounds are left out.
        std: the standard deviation before that, positive.
        a: the lower bound, a value and not a number of deviations.
        b: the upper bound.
        dtype: float32 or float64.

    Raises:
        ArgumentError: `std` is not positive.

    Example:
        >>> from compiler import random
        >>> bool(abs(trunc_normal(random.key(0), (1000,), std=5.0)).max() <= 2)
        True
    """
    kind = as_float("trunc_normal", dtype).type
    if std <= 0:
        raise ArgumentError(at_user_line(f"trunc_normal: std is {std}; use a positive number"))
    drawn = draw_truncated_normal(key, kind((a - mean) / std), kind((b - mean) / std), shape, dtype)
    return np.clip(drawn * std + mean, a, b)


@checked
def constant(shape: Shape, val: float, dtype: Any = np.float32) -> Any:
    """`val` everywhere.

    Args:
        shape: the shape.
        val: the value.
        dtype: any dtype.

    Example:
        >>> constant((2,), 0.5)
        array([0.5, 0.5], dtype=float32)
    """
    return np.full(as_shape("constant", shape), val, _any_dtype("constant", dtype))


@checked
def ones(shape: Shape, dtype: Any = np.float32) -> Any:
    """1 everywhere.

    Args:
        shape: the shape.
        dtype: any dtype.

    Example:
        >>> ones((2,))
        array([1., 1.], dtype=float32)
    """
    return np.ones(as_shape("ones", shape), _any_dtype("ones", dtype))


@checked
def zeros(shape: Shape, dtype: Any = np.float32) -> Any:
    """0 everywhere.

    Args:
        shape: the shape.
        dtype: any dtype.

    Example:
        >>> zeros((2,))
        array([0., 0.], dtype=float32)
    """
    return np.zeros(as_shape("zeros", shape), _any_dtype("zeros", dtype))


@checked
def eye(shape: Shape, dtype: Any = np.float32) -> Any:
    """The identity: 1 on the diagonal of a matrix.

    Args:
        shape: two sizes.
        dtype: any dtype.

    Raises:
        ShapeError: there are not two sizes.

    Example:
        >>> eye((2, 3))
        array([[1., 0., 0.],
               [0., 1., 0.]], dtype=float32)
    """
    if len(shape) != 2:
        raise ShapeError(at_user_line(f"eye: shape is {tuple(shape)}, expected two sizes"))
    return np.eye(*as_shape("eye", shape), dtype=_any_dtype("eye", dtype))


@checked
def dirac(shape: Shape, groups: int = 1, dtype: Any = np.float32) -> Any:
    """The weight of a convolution that keeps as many channels as it can: 1 in the middle of the window.

    Args:
        shape: `[out channels, in channels / groups, *window]`, with a window of one to three dimensions.
        groups: of the convolution; each keeps its channels.
        dtype: any dtype.

    Raises:
        ShapeError: the shape is none of a convolution, or `groups` does not divide the channels.

    Example:
        >>> dirac((2, 2, 3))[1]
        array([[0., 0., 0.],
               [0., 1., 0.]], dtype=float32)
    """
    if len(shape) not in {3, 4, 5} or groups < 1 or shape[0] % groups:
        raise ShapeError(
            at_user_line(f"dirac: shape is {tuple(shape)}, expected [out, in, *window] with out divisible by {groups}")
        )
    result = np.zeros(as_shape("dirac", shape), _any_dtype("dirac", dtype))
    middle = tuple(size // 2 for size in shape[2:])
    each = shape[0] // groups
    for group in range(groups):
        for channel in range(min(each, shape[1])):
            result[(group * each + channel, channel, *middle)] = 1
    return result


@checked
def xavier_uniform(key: Any, shape: Shape, gain: float = 1.0, dtype: Any = np.float32) -> Any:
    """Uniform numbers up to `gain * sqrt(6 / (fan_in + fan_out))` (Glorot and Bengio, AISTATS 2010).

    Args:
        key: a key of `compiler.random`.
        shape: `[out, in, …]`: the further dimensions are a window, whose size is part of both fans.
        gain: see `calculate_gain`.
        dtype: float32 or float64.

    Raises:
        ShapeError: there are less than two sizes.

    Example:
        >>> from compiler import random
        >>> bool(abs(xavier_uniform(random.key(0), (3, 3))).max() <= 1)
        True
    """
    bound = gain * math.sqrt(6.0 / max(sum(_fans("xavier_uniform", shape)), 1))
    return uniform(key, shape, -bound, bound, dtype)


@checked
def xavier_normal(key: Any, shape: Shape, gain: float = 1.0, dtype: Any = np.float32) -> Any:
    """Normally distributed numbers of deviation `gain * sqrt(2 / (fan_in + fan_out))` (Glorot and Bengio, AISTATS 2010).

    Args:
        key: a key of `compiler.random`.
        shape: `[out, in, …]`: the further dimensions are a window, whose size is part of both fans.
        gain: see `calculate_gain`.
        dtype: float32 or float64.

    Raises:
        ShapeError: there are less than two sizes.

    Example:
        >>> from compiler import random
        >>> xavier_normal(random.key(0), (2, 3)).shape
        (2, 3)
    """
    return normal(key, shape, 0.0, gain * math.sqrt(2.0 / max(sum(_fans("xavier_normal", shape)), 1)), dtype)


@checked
def kaiming_uniform(
    key: Any,
    shape: Shape,
    a: float = 0.0,
    mode: Mode = "fan_in",
    nonlinearity: str = "leaky_relu",
    dtype: Any = np.float32,
) -> Any:
    """Uniform numbers up to `gain * sqrt(3 / fan)` (He et al., arXiv 1502.01852).

    Args:
        key: a key of `compiler.random`.
        shape: `[out, in, …]`: the further dimensions are a window, whose size is part of the fan.
        a: the slope of `"leaky_relu"`.
        mode: whether the variance of values is kept (`"fan_in"`), or that of derivatives (`"fan_out"`).
        nonlinearity: see `calculate_gain`.
        dtype: float32 or float64.

    Raises:
        ShapeError: there are less than two sizes.

    Example:
        >>> from compiler import random
        >>> bool(abs(kaiming_uniform(random.key(0), (2, 6))).max() <= 1)
        True
    """
    bound = math.sqrt(3.0) * _kaiming_deviation("kaiming_uniform", shape, a, mode, nonlinearity)
    return uniform(key, shape, -bound, bound, dtype)


@checked
def kaiming_normal(
    key: Any,
    shape: Shape,
    a: float = 0.0,
    mode: Mode = "fan_in",
    nonlinearity: str = "leaky_relu",
    dtype: Any = np.float32,
) -> Any:
    """Normally distributed numbers of deviation `gain / sqrt(fan)` (He et al., arXiv 1502.01852).

    Args:
        key: a key of `compiler.random`.
        shape: `[out, in, …]`: the further dimensions are a window, whose size is part of the fan.
        a: the slope of `"leaky_relu"`.
        mode: whether the variance of values is kept (`"fan_in"`), or that of derivatives (`"fan_out"`).
        nonlinearity: see `calculate_gain`.
        dtype: float32 or float64.

    Raises:
        ShapeError: there are less than two sizes.

    Example:
        >>> from compiler import random
        >>> kaiming_normal(random.key(0), (2, 3), nonlinearity="relu").shape
        (2, 3)
    """
    return normal(key, shape, 0.0, _kaiming_deviation("kaiming_normal", shape, a, mode, nonlinearity), dtype)


@checked
def orthogonal(key: Any, shape: Shape, gain: float = 1.0, dtype: Any = np.float32) -> Any:
    """A random matrix with orthonormal rows or columns, whichever are fewer, times `gain` (Saxe, McClelland and Ganguli, ICLR 2014).

    The `q` of a matrix of normally distributed numbers, with the signs that make the diagonal of `r` positive: uniform among all such.

    Args:
        key: a key of `compiler.random`.
        shape: two sizes or more; those behind the first are taken together as columns.
        gain: see `calculate_gain`.
        dtype: float32 or float64.

    Raises:
        ShapeError: there are less than two sizes.

    Example:
        >>> from compiler import random
        >>> w = orthogonal(random.key(0), (2, 5))
        >>> np.allclose(w @ w.T, np.eye(2), atol=1e-6)
        True
    """
    if len(shape) < 2:
        raise ShapeError(at_user_line(f"orthogonal: shape is {tuple(shape)}, expected two sizes or more"))
    sizes, dtype = as_shape("orthogonal", shape), as_float("orthogonal", dtype)
    return _orthogonal(key, shape=sizes, gain=gain, dtype=dtype)


@compiled(static=("shape", "dtype"))
def _orthogonal(key: Any, *, shape: tuple[int, ...], gain: float, dtype: Any) -> Any:
    rows, columns = shape[0], math.prod(shape[1:])
    q, r = np.linalg.qr(draw_normal(key, (max(rows, columns), min(rows, columns)), dtype))
    q = q * np.where(np.diagonal(r) < 0, -1, 1).astype(dtype)
    return (q if rows >= columns else q.T).reshape(shape) * gain


@checked
def sparse(key: Any, shape: Shape, sparsity: float, std: float = 0.01, dtype: Any = np.float32) -> Any:
    """Normally distributed numbers, of which a share in each column is 0 (Martens, ICML 2010).

    Args:
        key: a key of `compiler.random`.
        shape: two sizes.
        sparsity: the share, in `[0, 1]`; rounded up to whole elements.
        std: the standard deviation of the others.
        dtype: float32 or float64.

    Raises:
        ShapeError: there are not two sizes.
        ArgumentError: `sparsity` is not in `[0, 1]`.

    Example:
        >>> from compiler import random
        >>> (sparse(random.key(0), (4, 3), 0.5) == 0).sum(axis=0)
        array([2, 2, 2])
    """
    if len(shape) != 2:
        raise ShapeError(at_user_line(f"sparse: shape is {tuple(shape)}, expected two sizes"))
    if not 0.0 <= sparsity <= 1.0:
        raise ArgumentError(at_user_line(f"sparse: sparsity is {sparsity}; use a number in [0, 1]"))
    values, order = split(key)
    # The ranks of random numbers in a column are a random order of its rows.
    ranks = np.argsort(np.argsort(bits(order, shape), axis=0), axis=0)
    return np.where(ranks < math.ceil(sparsity * shape[0]), 0.0, normal(values, shape, 0.0, std, dtype)).astype(dtype)


def _any_dtype(name: str, dtype: Any) -> np.dtype[Any]:
    return as_dtype(name, dtype, "fiubcV", "a dtype of numbers")


def _fans(name: str, shape: Shape) -> tuple[int, int]:
    """How many inputs an output has, and how many outputs an input has."""
    if len(shape) < 2:
        raise ShapeError(at_user_line(f"{name}: shape is {tuple(shape)}, expected [out, in, …]"))
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def _kaiming_deviation(name: str, shape: Shape, a: float, mode: str, nonlinearity: str) -> float:
    check_choice(name, "mode", mode, ("fan_in", "fan_out"))
    fan = _fans(name, shape)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fan, 1))
