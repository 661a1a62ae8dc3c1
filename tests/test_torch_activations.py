"""Activations and their derivatives are PyTorch's, at kinks too."""

import numpy as np
import pytest
from torch_comparison import DTYPES, assert_as_torch, normal

KINKS = np.array(
    [[-20.5, -6.0, -3.0, -1.0, -0.5, -0.25], [-0.0, 0.0, 0.25, 0.5, 1.0, 2.0], [3.0, 5.0, 6.0, 20.0, 25.0, 90.0]]
)
X = np.concatenate([KINKS, normal(3, 6, scale=3.0)])

CASES = [
    ("relu", {}),
    ("sigmoid", {}),
    ("tanh", {}),
    ("logsigmoid", {}),
    ("gelu", {}),
    ("gelu", {"approximate": "tanh"}),
    ("silu", {}),
    ("mish", {}),
    ("softplus", {}),
    ("softplus", {"beta": 2.0, "threshold": 3.0}),
    ("softsign", {}),
    ("tanhshrink", {}),
    ("threshold", {"threshold": 0.5, "value": -7.0}),
    ("hardtanh", {}),
    ("hardtanh", {"min_val": -3.0, "max_val": 0.25}),
    ("relu6", {}),
    ("hardswish", {}),
    ("elu", {"alpha": 1.5}),
    ("selu", {}),
    ("celu", {"alpha": 0.75}),
    ("leaky_relu", {"negative_slope": 0.125}),
    ("rrelu", {"lower": 0.25, "upper": 0.5}),
    ("hardshrink", {}),
    ("softshrink", {"lambd": 0.25}),
    ("softmin", {"dim": 0}),
    ("softmax", {"dim": 1}),
    ("log_softmax", {"dim": 0}),
    ("glu", {"dim": 0}),
    ("glu", {}),
]


@DTYPES
@pytest.mark.parametrize(("name", "settings"), CASES)
def test_activations_and_their_derivatives_are_pytorchs(name, settings, dtype):
    assert_as_torch(name, dtype, X, **settings)


def test_hardsigmoid_is_pytorchs():
    # In float32 only: PyTorch rounds the derivative of 1/6 to that.
    assert_as_torch("hardsigmoid", np.float32, X)


@DTYPES
@pytest.mark.parametrize(("shape", "size"), [((4, 3), 3), ((4, 3), 1), ((2, 3, 4), 3), ((5,), 1)])
def test_prelu_has_a_slope_for_each_channel_or_one(shape, size, dtype):
    assert_as_torch("prelu", dtype, normal(*shape), normal(size, seed=1))
