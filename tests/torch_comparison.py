"""Values and gradients of functions of `compiler.nn` against PyTorch's of the same name."""

import inspect
import warnings

import numpy as np
import pytest

import compiler
from compiler import nn

torch = pytest.importorskip("torch", reason="compares with PyTorch")

TOLERANCES = {np.float32: 1e-4, np.float64: 1e-10}
DTYPES = pytest.mark.parametrize("dtype", TOLERANCES, ids=["float32", "float64"])


def normal(*shape, seed=0, scale=1.0):
    return scale * np.random.default_rng(seed).standard_normal(shape)


def assert_near(got, want, dtype):
    """Equal relative to the largest element."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape
    finite = np.abs(want[np.isfinite(want)])
    np.testing.assert_allclose(got, want, rtol=TOLERANCES[dtype], atol=TOLERANCES[dtype] * finite.max(initial=0))


def assert_as_torch(name, dtype, *operands, differentiate=None, output=None, **settings):
    """The value of `nn.<name>(*operands, **settings)`, and its derivatives by the operands of floats, are PyTorch's.

    Operands in `settings` are arrays too. `differentiate` counts or names those that have a derivative, if not all have;
    `output` is which of our results is compared, if there are several.
    """
    parameters = list(inspect.signature(getattr(nn, name)).parameters)
    named = dict(zip(parameters, operands, strict=False)) | settings
    arrays = {
        key: x.astype(dtype) if x.dtype == np.float64 else x for key, x in named.items() if isinstance(x, np.ndarray)
    }
    others = {key: x for key, x in named.items() if key not in arrays}
    inputs = [key for key, x in arrays.items() if x.dtype == dtype]
    inputs = (
        [key for key in inputs if key in differentiate] if isinstance(differentiate, tuple) else inputs[:differentiate]
    )
    tensors = {key: torch.from_numpy(x.copy()).requires_grad_(key in inputs) for key, x in arrays.items()}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "reduction: 'mean' divides", UserWarning)
        expected = getattr(torch.nn.functional, name)(**tensors, **others)
    cotangent = np.random.default_rng(9).standard_normal(expected.shape).astype(dtype)
    (expected * torch.from_numpy(np.asarray(cotangent))).sum().backward()

    def weighted(floats):
        result = getattr(nn, name)(**(arrays | floats), **others)
        result = result if output is None else result[output]
        return (result * cotangent).sum(), result

    (_, value), gradients = compiler.value_and_grad(weighted, has_aux=True)({key: arrays[key] for key in inputs})
    assert value.dtype == dtype
    assert_near(value, expected.detach().numpy(), dtype)
    for key in inputs:
        assert_near(gradients[key], tensors[key].grad.numpy(), dtype)
