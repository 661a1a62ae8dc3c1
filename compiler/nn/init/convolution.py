"""Parameters of convolutions, with PyTorch's names and distributions."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from compiler.argument_checks import checked
from compiler.axes import is_sequence
from compiler.errors import ArgumentError, at_user_line
from compiler.random import split, uniform
from compiler.random.drawing import as_shape


@checked
def conv(
    key: Any,
    in_channels: int,
    out_channels: int,
    kernel_size: int | Sequence[int],
    groups: int = 1,
    bias: bool = True,
    dtype: Any = np.float32,
) -> dict[str, Any]:
    """Parameters of `nn.conv`, uniform up to `1 / sqrt(in_channels / groups * elements of the kernel)`.

    Args:
        key: a key of `compiler.random`.
        in_channels: channels of the input.
        out_channels: channels of the result.
        kernel_size: size of the kernel in each spatial dimension; an integer stands for a square, that of `nn.conv2d`.
        groups: into how many parts the channels are divided.
        bias: whether there is one.
        dtype: float32 or float64.

    Returns:
        `{"weight": [out_channels, in_channels / groups, *kernel_size], "bias": [out_channels]}`.

    Raises:
        ArgumentError: a number is not positive, or the groups do not divide the channels.

    Example:
        >>> from compiler import random
        >>> {name: array.shape for name, array in conv(random.key(0), 3, 8, (5, 5)).items()}
        {'weight': (8, 3, 5, 5), 'bias': (8,)}
    """
    sizes = _kernel("init.conv", in_channels, out_channels, kernel_size, groups)
    return _uniform(key, (out_channels, in_channels // groups, *sizes), out_channels if bias else 0, dtype)


@checked
def conv_transpose(
    key: Any,
    in_channels: int,
    out_channels: int,
    kernel_size: int | Sequence[int],
    groups: int = 1,
    bias: bool = True,
    dtype: Any = np.float32,
) -> dict[str, Any]:
    """Parameters of `nn.conv_transpose`, uniform up to `1 / sqrt(out_channels / groups * elements of the kernel)`.

    Args:
        key: a key of `compiler.random`.
        in_channels: channels of the input.
        out_channels: channels of the result.
        kernel_size: size of the kernel in each spatial dimension; an integer stands for a square, that of `nn.conv_transpose2d`.
        groups: into how many parts the channels are divided.
        bias: whether there is one.
        dtype: float32 or float64.

    Returns:
        `{"weight": [in_channels, out_channels / groups, *kernel_size], "bias": [out_channels]}`.

    Raises:
        ArgumentError: a number is not positive, or the groups do not divide the channels.

    Example:
        >>> from compiler import random
        >>> {name: array.shape for name, array in conv_transpose(random.key(0), 8, 3, (4,), bias=False).items()}
        {'weight': (8, 3, 4)}
    """
    sizes = _kernel("init.conv_transpose", in_channels, out_channels, kernel_size, groups)
    return _uniform(key, (in_channels, out_channels // groups, *sizes), out_channels if bias else 0, dtype)


def _kernel(name: str, inputs: int, outputs: int, kernel: int | Sequence[int], groups: int) -> tuple[int, ...]:
    sizes = as_shape(name, kernel)
    sizes = sizes if is_sequence(kernel) else sizes * 2
    if min(inputs, outputs, groups, *sizes) < 1:
        raise ArgumentError(
            at_user_line(
                f"{name}: expected positive numbers, got {inputs}, {outputs}, kernel {sizes} and {groups} groups"
            )
        )
    if inputs % groups or outputs % groups:
        raise ArgumentError(
            at_user_line(f"{name}: {groups} groups do not divide {inputs} input and {outputs} output channels")
        )
    return sizes


def _uniform(key: Any, shape: tuple[int, ...], biases: int, dtype: Any) -> dict[str, Any]:
    bound = 1 / math.sqrt(math.prod(shape[1:]))
    keys = split(key)
    parameters = {"weight": uniform(keys[0], shape, dtype, -bound, bound)}
    return parameters | ({"bias": uniform(keys[1], (biases,), dtype, -bound, bound)} if biases else {})
