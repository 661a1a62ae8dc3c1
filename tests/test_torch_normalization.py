"""Normalisations, their derivatives, and the running statistics that they return are PyTorch's."""

import numpy as np
import pytest
from torch_comparison import DTYPES, assert_as_torch, assert_near, normal, torch

from compiler import nn

IMAGES = normal(3, 4, 2, 5, scale=2.0) + 1.0
WEIGHT, BIAS = normal(4, seed=1), normal(4, seed=2)


def statistics(channels):
    return normal(channels, seed=3), np.abs(normal(channels, seed=4)) + 0.5


@DTYPES
@pytest.mark.parametrize("sizes", [(5,), (2, 5)])
def test_layer_norm_and_rms_norm_are_pytorchs(sizes, dtype):
    weight, bias = normal(*sizes, seed=1), normal(*sizes, seed=2)
    assert_as_torch("layer_norm", dtype, IMAGES, normalized_shape=sizes, weight=weight, bias=bias, eps=1e-3)
    assert_as_torch("rms_norm", dtype, IMAGES, normalized_shape=sizes, weight=weight)
    assert_as_torch("rms_norm", dtype, IMAGES, normalized_shape=sizes, eps=0.1)


@DTYPES
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_group_norm_is_pytorchs(groups, dtype):
    assert_as_torch("group_norm", dtype, IMAGES, num_groups=groups, weight=WEIGHT, bias=BIAS)
    assert_as_torch("group_norm", dtype, IMAGES[..., 0, 0], num_groups=2, eps=1e-2)


@DTYPES
@pytest.mark.parametrize("settings", [(2, {}), (3, {"alpha": 0.5, "beta": 0.5, "k": 2.0}), (6, {"alpha": 0.1})])
def test_local_response_norm_is_pytorchs(settings, dtype):
    size, others = settings
    assert_as_torch("local_response_norm", dtype, IMAGES, size=size, **others)
    assert_as_torch("local_response_norm", dtype, IMAGES[0], size=size, **others)


def assert_with_statistics(name, dtype, x, settings, weight, bias):
    """Output, derivatives, and running statistics: PyTorch changes them in place."""
    assert_as_torch(
        name, dtype, x, output=0, differentiate=("input", "weight", "bias"), weight=weight, bias=bias, **settings
    )
    ours = {key: a.astype(dtype) if isinstance(a, np.ndarray) else a for key, a in settings.items()}
    theirs = {key: torch.from_numpy(a.copy()) if isinstance(a, np.ndarray) else a for key, a in ours.items()}
    _, mean, variance = getattr(nn, name)(x.astype(dtype), **ours)
    getattr(torch.nn.functional, name)(torch.from_numpy(x.astype(dtype)), **theirs)
    if mean is not None:
        assert_near(mean, theirs["running_mean"].numpy(), dtype)
        assert_near(variance, theirs["running_var"].numpy(), dtype)


@DTYPES
@pytest.mark.parametrize("x", [IMAGES, IMAGES[..., 0], IMAGES[..., 0, 0]], ids=["4d", "3d", "2d"])
@pytest.mark.parametrize("settings", [{"training": False}, {"training": True, "momentum": 0.3, "eps": 1e-3}])
def test_batch_norm_is_pytorchs(x, settings, dtype):
    mean, variance = statistics(4)
    settings = {"running_mean": mean, "running_var": variance} | settings
    assert_with_statistics("batch_norm", dtype, x, settings, WEIGHT, BIAS)


@DTYPES
@pytest.mark.parametrize("settings", [{}, {"use_input_stats": False}, {"momentum": 0.25}])
def test_instance_norm_is_pytorchs(settings, dtype):
    mean, variance = statistics(4)
    settings = settings and {"running_mean": mean, "running_var": variance} | settings
    assert_with_statistics("instance_norm", dtype, IMAGES, settings, WEIGHT, BIAS)
