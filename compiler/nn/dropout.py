"""Dropout: elements, or whole channels, are zero at random in training. `rng_key` is a key of `compiler.random`."""

import math
from typing import Any

import numpy as np

from compiler.compiled_functions import compiled
from compiler.errors import ArgumentError, ShapeError, at_user_line
from compiler.nn.operands import check_rng_key, drawn_dtype, floating_tracer
from compiler.nn.piecewise import SELU_ALPHA, SELU_SCALE
from compiler.random import bernoulli
from compiler.tracer import Tracer, xp


@compiled(("p", "training"))
def dropout(input: Any, p: float = 0.5, training: bool = True, *, rng_key: Any = None) -> Any:  # noqa: A002
    """Zeros with probability `p`, and `input / (1 - p)` elsewhere (Hinton et al., arXiv 1207.0580).

    Args:
        input: any shape, float32 or float64.
        p: the probability, in `[0, 1]`.
        training: if not, the result is the input.
        rng_key: a key, needed for training unless `p` is 0. The same key gives the same zeros.

    Raises:
        ArgumentError: `p` is no probability, or a key is missing.

    Example:
        >>> from compiler import random
        >>> dropout(np.ones(5), 0.5, rng_key=random.key(0))
        array([0., 2., 2., 2., 0.])
    """
    x = floating_tracer(input, "dropout")
    return dropped("dropout", x, x.shape, p, training, rng_key)


def dropped(name: str, x: Tracer, shape: tuple[int, ...], p: float, training: bool, rng_key: Any) -> Any:
    """Dropout with one decision for each element of `shape`, which broadcasts with `x`."""
    if not drops(name, p, training, rng_key):
        return x
    if p == 1.0:
        return xp.zeros_like(x)
    return np.where(_is_kept(x, shape, p, rng_key), x / (1.0 - p), 0.0)


def drops(name: str, p: float, training: bool, rng_key: Any, argument: str = "p") -> bool:
    """Whether there is anything to drop; raise an error if `argument` is no probability, or a key is missing."""
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(at_user_line(f"{name}: {argument} is {p}; use a probability in [0, 1]"))
    if not training or p == 0.0:
        return False
    check_rng_key(name, rng_key)
    return True


def _is_kept(x: Tracer, shape: tuple[int, ...], p: float, rng_key: Any) -> Any:
    return bernoulli(rng_key, np.asarray(1.0 - p, drawn_dtype(x)), shape)


def _channels(name: str, x: Tracer, batched: int) -> tuple[int, ...]:
    """The shape of one decision for each channel, of an input with `batched` dimensions or, without a batch, one less."""
    if x.ndim not in {batched - 1, batched}:
        raise ShapeError(
            at_user_line(f"{name}: input has shape {x.shape}, expected {batched - 1} or {batched} dimensions")
        )
    leading = x.ndim - batched + 2
    return (*x.shape[:leading], *(1,) * (x.ndim - leading))


@compiled(("p", "training"))
def dropout1d(input: Any, p: float = 0.5, training: bool = True, *, rng_key: Any = None) -> Any:  # noqa: A002
    """`dropout` of whole channels.

    Args:
        input: shape `[batch, channels, length]` or `[channels, length]`, float32 or float64.
        p: the probability.
        training: if not, the result is the input.
        rng_key: a key, needed for training.

    Raises:
        ShapeError: the input has other dimensions.
        ArgumentError: `p` is no probability, or a key is missing.

    Example:
        >>> from compiler import random
        >>> dropout1d(np.ones((3, 2)), 0.5, rng_key=random.key(0))
        array([[0., 0.],
               [2., 2.],
               [2., 2.]])
    """
    x = floating_tracer(input, "dropout1d")
    return dropped("dropout1d", x, _channels("dropout1d", x, 3), p, training, rng_key)


@compiled(("p", "training"))
def dropout2d(input: Any, p: float = 0.5, training: bool = True, *, rng_key: Any = None) -> Any:  # noqa: A002
    """`dropout` of whole channels (Tompson et al., arXiv 1411.4280).

    Args:
        input: shape `[batch, channels, height, width]` or `[channels, height, width]`, float32 or float64. PyTorch takes
            the latter for `[batch, channels, length]`, which is `dropout1d`.
        p: the probability.
        training: if not, the result is the input.
        rng_key: a key, needed for training.

    Raises:
        ShapeError: the input has other dimensions.
        ArgumentError: `p` is no probability, or a key is missing.

    Example:
        >>> from compiler import random
        >>> dropout2d(np.ones((1, 3, 1, 2)), 0.5, rng_key=random.key(0))[0, :, 0]
        array([[0., 0.],
               [2., 2.],
               [2., 2.]])
    """
    x = floating_tracer(input, "dropout2d")
    return dropped("dropout2d", x, _channels("dropout2d", x, 4), p, training, rng_key)


@compiled(("p", "training"))
def dropout3d(input: Any, p: float = 0.5, training: bool = True, *, rng_key: Any = None) -> Any:  # noqa: A002
    """`dropout` of whole channels.

    Args:
        input: shape `[batch, channels, depth, height, width]`, or without a batch, float32 or float64.
        p: the probability.
        training: if not, the result is the input.
        rng_key: a key, needed for training.

    Raises:
        ShapeError: the input has other dimensions.
        ArgumentError: `p` is no probability, or a key is missing.

    Example:
        >>> from compiler import random
        >>> dropout3d(np.ones((3, 1, 1, 2)), 0.5, rng_key=random.key(0))[:, 0, 0]
        array([[0., 0.],
               [2., 2.],
               [2., 2.]])
    """
    x = floating_tracer(input, "dropout3d")
    return dropped("dropout3d", x, _channels("dropout3d", x, 5), p, training, rng_key)


@compiled(("p", "training"))
def alpha_dropout(input: Any, p: float = 0.5, training: bool = False, *, rng_key: Any = None) -> Any:  # noqa: A002
    """Dropout that keeps mean 0 and variance 1, for networks of `selu` (Klambauer et al., arXiv 1706.02515).

    What is dropped becomes the value that `selu` saturates at; then all is scaled and shifted.

    Args:
        input: any shape, float32 or float64.
        p: the probability, in `[0, 1]`.
        training: if not, the result is the input.
        rng_key: a key, needed for training.

    Raises:
        ArgumentError: `p` is no probability, or a key is missing.

    Example:
        >>> from compiler import random
        >>> alpha_dropout(np.zeros(3), 0.5, True, rng_key=random.key(0)).round(4)
        array([-0.7792,  0.7792,  0.7792])
    """
    x = floating_tracer(input, "alpha_dropout")
    return _alpha_dropped("alpha_dropout", x, x.shape, p, training, rng_key)


@compiled(("p", "training"))
def feature_alpha_dropout(input: Any, p: float = 0.5, training: bool = False, *, rng_key: Any = None) -> Any:  # noqa: A002
    """`alpha_dropout` of whole channels.

    Args:
        input: shape `[batch, channels, …]`, float32 or float64.
        p: the probability, in `[0, 1]`.
        training: if not, the result is the input.
        rng_key: a key, needed for training.

    Raises:
        ShapeError: the input has less than two dimensions.
        ArgumentError: `p` is no probability, or a key is missing.

    Example:
        >>> from compiler import random
        >>> feature_alpha_dropout(np.zeros((1, 2, 2)), 0.5, True, rng_key=random.key(0)).round(4)
        array([[[-0.7792, -0.7792],
                [ 0.7792,  0.7792]]])
    """
    x = floating_tracer(input, "feature_alpha_dropout")
    if x.ndim < 2:
        raise ShapeError(
            at_user_line(f"feature_alpha_dropout: input has shape {x.shape}, expected [batch, channels, …]")
        )
    shape = (*x.shape[:2], *(1,) * (x.ndim - 2))
    return _alpha_dropped("feature_alpha_dropout", x, shape, p, training, rng_key)


def _alpha_dropped(name: str, x: Tracer, shape: tuple[int, ...], p: float, training: bool, rng_key: Any) -> Any:
    if not drops(name, p, training, rng_key):
        return x
    if p == 1.0:
        return xp.zeros_like(x)
    saturated = -SELU_ALPHA * SELU_SCALE
    scale = 1.0 / math.sqrt((1.0 - p) * (1.0 + p * saturated**2))
    return np.where(_is_kept(x, shape, p, rng_key), x, saturated) * scale - scale * saturated * p
