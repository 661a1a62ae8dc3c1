"""Parameters of layers, with PyTorch's names and distributions."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from compiler.argument_checks import checked
from compiler.errors import ArgumentError, at_user_line
from compiler.nn.init.schemes import constant, normal, ones, uniform, zeros
from compiler.random import split
from compiler.random.drawing import as_shape


@checked
def linear(key: Any, in_features: int, out_features: int, bias: bool = True, dtype: Any = np.float32) -> dict[str, Any]:
    """Parameters of `nn.linear`, uniform up to `1 / sqrt(in_features)`.

    Args:
        key: a key of `compiler.random`.
        in_features: last size of the input.
        out_features: last size of the result.
        bias: whether there is one.
        dtype: float32 or float64.

    Returns:
        `{"weight": [out_features, in_features], "bias": [out_features]}`.

    Example:
        >>> from compiler import random
        >>> {name: array.shape for name, array in linear(random.key(0), 3, 2).items()}
        {'weight': (2, 3), 'bias': (2,)}
    """
    return _uniform(key, (out_features, in_features), in_features, bias, dtype)


def _uniform(key: Any, shape: tuple[int, ...], fan_in: int, bias: bool, dtype: Any) -> dict[str, Any]:
    bound = 1.0 / math.sqrt(max(fan_in, 1))
    keys = split(key)
    shapes = {"weight": shape} | ({"bias": shape[:1]} if bias else {})
    return {name: uniform(keys[i], sizes, -bound, bound, dtype) for i, (name, sizes) in enumerate(shapes.items())}


@checked
def bilinear(
    key: Any, in1_features: int, in2_features: int, out_features: int, bias: bool = True, dtype: Any = np.float32
) -> dict[str, Any]:
    """Parameters of `nn.bilinear`, uniform up to `1 / sqrt(in1_features)`.

    Args:
        key: a key of `compiler.random`.
        in1_features: last size of the first input.
        in2_features: last size of the second input.
        out_features: last size of the result.
        bias: whether there is one.
        dtype: float32 or float64.

    Returns:
        `{"weight": [out_features, in1_features, in2_features], "bias": [out_features]}`.

    Example:
        >>> from compiler import random
        >>> bilinear(random.key(0), 3, 4, 2)["weight"].shape
        (2, 3, 4)
    """
    return _uniform(key, (out_features, in1_features, in2_features), in1_features, bias, dtype)


@checked
def embedding(
    key: Any,
    num_embeddings: int,
    embedding_dim: int,
    padding_idx: int | None = None,
    dtype: Any = np.float32,
) -> dict[str, Any]:
    """The table of `nn.embedding` and `nn.embedding_bag`: normally distributed, and 0 for padding.

    Args:
        key: a key of `compiler.random`.
        num_embeddings: how many vectors.
        embedding_dim: their size.
        padding_idx: the index of a vector of zeros.
        dtype: float32 or float64.

    Returns:
        `{"weight": [num_embeddings, embedding_dim]}`.

    Raises:
        ArgumentError: there is no vector `padding_idx`.

    Example:
        >>> from compiler import random
        >>> embedding(random.key(0), 3, 2, padding_idx=0)["weight"][0]
        array([0., 0.], dtype=float32)
    """
    weight = normal(key, (num_embeddings, embedding_dim), dtype=dtype)
    if padding_idx is not None:
        if not -num_embeddings <= padding_idx < num_embeddings:
            raise ArgumentError(
                at_user_line(
                    f"embedding: padding_idx is {padding_idx}, expected the index of one of {num_embeddings} vectors"
                )
            )
        is_padding = np.arange(num_embeddings)[:, None] == padding_idx % num_embeddings
        weight = np.where(is_padding, np.zeros((), dtype), weight)
    return {"weight": weight}


@checked
def layer_norm(normalized_shape: int | Sequence[int], bias: bool = True, dtype: Any = np.float32) -> dict[str, Any]:
    """Parameters of `nn.layer_norm`: ones and zeros.

    Args:
        normalized_shape: sizes of the last dimensions.
        bias: whether there is one.
        dtype: float32 or float64.

    Returns:
        `{"weight": normalized_shape, "bias": normalized_shape}`.

    Example:
        >>> layer_norm(2)
        {'weight': array([1., 1.], dtype=float32), 'bias': array([0., 0.], dtype=float32)}
    """
    return _ones_and_zeros("layer_norm", normalized_shape, bias, dtype)


def _ones_and_zeros(name: str, shape: int | Sequence[int], bias: bool, dtype: Any) -> dict[str, Any]:
    sizes = as_shape(name, shape)
    return {"weight": ones(sizes, dtype)} | ({"bias": zeros(sizes, dtype)} if bias else {})


@checked
def rms_norm(normalized_shape: int | Sequence[int], dtype: Any = np.float32) -> dict[str, Any]:
    """The parameter of `nn.rms_norm`: ones.

    Args:
        normalized_shape: sizes of the last dimensions.
        dtype: float32 or float64.

    Returns:
        `{"weight": normalized_shape}`.

    Example:
        >>> rms_norm(2)
        {'weight': array([1., 1.], dtype=float32)}
    """
    return _ones_and_zeros("rms_norm", normalized_shape, False, dtype)


@checked
def group_norm(num_channels: int, bias: bool = True, dtype: Any = np.float32) -> dict[str, Any]:
    """Parameters of `nn.group_norm`, and of `nn.instance_norm`: ones and zeros.

    Args:
        num_channels: how many channels.
        bias: whether there is one.
        dtype: float32 or float64.

    Returns:
        `{"weight": [num_channels], "bias": [num_channels]}`.

    Example:
        >>> group_norm(2, bias=False)
        {'weight': array([1., 1.], dtype=float32)}
    """
    return _ones_and_zeros("group_norm", num_channels, bias, dtype)


@checked
def batch_norm(num_features: int, bias: bool = True, dtype: Any = np.float32) -> dict[str, Any]:
    """Parameters of `nn.batch_norm`: ones and zeros. Its statistics are no parameters: see `batch_norm_statistics`.

    Args:
        num_features: how many channels.
        bias: whether there is one.
        dtype: float32 or float64.

    Returns:
        `{"weight": [num_features], "bias": [num_features]}`.

    Example:
        >>> batch_norm(1)
        {'weight': array([1.], dtype=float32), 'bias': array([0.], dtype=float32)}
    """
    return _ones_and_zeros("batch_norm", num_features, bias, dtype)


@checked
def batch_norm_statistics(num_features: int, dtype: Any = np.float32) -> dict[str, Any]:
    """The running statistics that `nn.batch_norm` begins with: mean 0 and variance 1.

    Args:
        num_features: how many channels.
        dtype: float32 or float64.

    Returns:
        `{"running_mean": [num_features], "running_var": [num_features]}`.

    Example:
        >>> batch_norm_statistics(1)
        {'running_mean': array([0.], dtype=float32), 'running_var': array([1.], dtype=float32)}
    """
    return {
        "running_mean": zeros((num_features,), dtype),
        "running_var": ones((num_features,), dtype),
    }


@checked
def prelu(num_parameters: int = 1, init: float = 0.25, dtype: Any = np.float32) -> dict[str, Any]:
    """The parameter of `nn.prelu`.

    Args:
        num_parameters: how many slopes: 1, or as many as channels.
        init: their value.
        dtype: float32 or float64.

    Returns:
        `{"weight": [num_parameters]}`.

    Example:
        >>> prelu()
        {'weight': array([0.25], dtype=float32)}
    """
    return {"weight": constant((num_parameters,), init, dtype)}
