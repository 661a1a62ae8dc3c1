"""Run a NumPy function as it is and traced, in the reference interpreter, and compare."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from compiler.pytrees import flatten
from compiler.tracing import trace
from runtime.reference import interpret


def run_traced(fn: Callable[..., Any], *args: Any) -> list[np.ndarray[Any, Any]]:
    """The leaves of `fn(*args)`, traced and interpreted; the arrays in `args` must stay as they are."""
    traced = trace(fn, args)
    traced.module.verify()
    leaves = [np.asarray(leaf, aval.dtype) for leaf, aval in zip(flatten((args, {}))[0], traced.inputs, strict=True)]
    before = copy.deepcopy(leaves)
    results = interpret(traced.module, traced.name, [*leaves, *traced.constants])
    for leaf, original in zip(leaves, before, strict=True):
        np.testing.assert_array_equal(leaf, original, err_msg="an argument was changed")
    for result, aval in zip(results, traced.outputs, strict=True):
        assert (result.shape, result.dtype) == (aval.shape, aval.dtype)
    return results


def assert_as_numpy(fn: Callable[..., Any], *args: Any, ulps: int = 0) -> None:
    """`fn` gives the same shapes, dtypes and values traced as in NumPy; floats within `ulps` of the largest."""
    with np.errstate(all="ignore"):
        expected = flatten(fn(*copy.deepcopy(args)))[0]
    actual = run_traced(fn, *args)
    assert len(actual) == len(expected)
    for got, want in zip(actual, map(np.asarray, expected), strict=True):
        assert got.dtype == want.dtype, f"dtype {got.dtype}, NumPy gives {want.dtype}"
        assert got.shape == want.shape, f"shape {got.shape}, NumPy gives {want.shape}"
        if ulps and got.dtype.kind == "f":
            tolerance = ulps * np.finfo(got.dtype).eps
            np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)
        else:
            np.testing.assert_array_equal(got, want)
            if got.dtype.kind == "f":
                zeros = want == 0
                np.testing.assert_array_equal(np.signbit(got[zeros]), np.signbit(want[zeros]), "sign of zero")
