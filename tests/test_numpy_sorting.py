"""Sorting, quantiles, counting and sets, traced and in NumPy; derivatives and batching, compiled."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from traced import assert_as_numpy, run_traced

import compiler
from compiler.errors import CompilerError, ShapeError, UnsupportedError
from compiler.numpy_quantiles import CONTINUOUS, DISCRETE
from compiler.numpy_sets import unique, unique_all
from compiler.numpy_sorting import argsort, sort, top_k


def sample(dtype: Any, shape: tuple[int, ...] = (2, 5, 4)) -> np.ndarray[Any, Any]:
    values = np.random.default_rng(3).integers(-4, 5, shape)
    return values.astype(dtype) if np.dtype(dtype).kind != "f" else (values / 4).astype(dtype)


def with_nan(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    result = x.copy()
    result[0, 1, 2] = result[1, :3, 0] = result[1, :, 3] = np.nan
    return result


def sorted_in_place(x: Any) -> Any:
    x = x.copy()
    x.sort(axis=1)
    return x


SORTING: dict[str, Callable[[Any], Any]] = {
    "sort": lambda x: (np.sort(x), np.sort(x, 0), np.sort(x, None), sorted_in_place(x)),
    "argsort": lambda x: (np.argsort(x, kind="stable"), x.argsort(1, stable=True), np.argsort(x, None, stable=True)),
    "lexsort": lambda x: (np.lexsort((x[0, 0], x[1, 0])), np.lexsort((x[0], x[1]), 0), np.lexsort(x[:, :, 1])),
    "searchsorted": lambda x: (
        np.searchsorted(np.sort(x[0, 0]), x),
        np.searchsorted(np.sort(x[0, 0]), x[1], "right"),
        np.searchsorted(x[0, 0], x[1], sorter=np.argsort(x[0, 0])),
        np.searchsorted(np.array([-1, 0, 2]), x),
        np.searchsorted(np.sort(x[0, 0]), 1),
    ),
    "digitize": lambda x: (
        np.digitize(x, [-2, 0, 3]),
        np.digitize(x, [-2, 0, 3], right=True),
        np.digitize(x, [3, 0, -2]),
        np.digitize(x, np.sort(x[0, 0])),
    ),
    "median": lambda x: (np.median(x), np.median(x, 0), np.median(x, axis=(1, 2), keepdims=True), np.median(x, 1)),
    "nanmedian": lambda x: (np.nanmedian(x), np.nanmedian(x, 0), np.nanmedian(x, axis=(0, 1), keepdims=True)),
    "quantile": lambda x: (
        np.quantile(x, 0.3),
        np.quantile(x, [0.0, 0.25, 1.0], axis=1),
        np.quantile(x, np.array([[0.5], [0.9]]), axis=(0, 2), keepdims=True),
        np.percentile(x, 40, axis=-1),
        np.percentile(x, [10, 95.5]),
    ),
    "nanquantile": lambda x: (np.nanquantile(x, 0.3, 1), np.nanpercentile(x, [10, 60], axis=(0, 2), keepdims=True)),
    "histogram": lambda x: (
        np.histogram(x, 5),
        np.histogram(x, bins=[-3, -1, 0, 2]),
        np.histogram(x, 4, range=(-2, 2)),
        np.histogram(x, 3, weights=x * x, density=True),
        np.histogram_bin_edges(x, 6),
    ),
    "bincount": lambda x: (
        np.bincount(np.abs(x).astype(np.int64).ravel(), minlength=7),
        np.bincount(np.abs(x[0, 0]).astype(np.int64), x[1, 0], 5),
    ),
    "isin": lambda x: (np.isin(x, [1, 2]), np.isin(x, x[0, 0], invert=True), np.isin(x, [])),
    "interp": lambda x: (
        np.interp(x, [-2.0, -0.5, 1.0], [0.0, 3.0, -1.0]),
        np.interp(x, [-2, 0, 1], [0, 3, -1], left=-9, right=9),
        np.interp(x, [0.5, 2.0, 1.0], [3, 4, 5], period=3),
    ),
}


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("name", SORTING)
def test_function_is_as_in_numpy(name: str, dtype: Any) -> None:
    assert_as_numpy(SORTING[name], sample(dtype), ulps=16)


@pytest.mark.parametrize("name", ["sort", "argsort", "searchsorted", "median", "nanmedian", "quantile", "nanquantile"])
def test_nan_is_sorted_as_in_numpy(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_as_numpy(SORTING[name], with_nan(sample(np.float64)), ulps=16)


def test_bools_sort_as_in_numpy() -> None:
    assert_as_numpy(lambda x: (np.sort(x, 1), np.argsort(x, 1, stable=True)), sample(np.bool_))


@pytest.mark.parametrize("method", [*CONTINUOUS, *DISCRETE])
def test_quantile_method_is_as_in_numpy(method: str) -> None:
    levels = [0.0, 0.1, 0.25, 0.3, 0.5, 0.7, 0.99, 1.0]

    def fn(x: Any) -> Any:
        return np.quantile(x, levels, axis=1, method=method), np.nanquantile(x, levels, axis=0, method=method)

    assert_as_numpy(fn, sample(np.float64, (7, 8)), ulps=16)


def test_traced_quantile_levels_are_as_in_numpy() -> None:
    assert_as_numpy(lambda x, q: np.quantile(x, q, axis=1), sample(np.float64, (3, 8)), np.array([0.1, 0.55]), ulps=16)


def test_descending_order_is_stable_with_nan_first() -> None:
    x = np.array([2.0, np.nan, 3.0, 2.0, -1.0, 3.0])
    values, positions = compiler.jit(lambda x: (sort(x, descending=True), argsort(x, descending=True)))(x)
    np.testing.assert_array_equal(values, [np.nan, 3, 3, 2, 2, -1])
    np.testing.assert_array_equal(positions, [1, 2, 5, 0, 3, 4])


def test_top_k_gives_values_and_positions_in_order() -> None:
    x = np.array([[4, 1, 7, 7], [0, 9, 2, 5]])
    values, positions = compiler.jit(lambda x: top_k(x, 3))(x)
    np.testing.assert_array_equal(values, [[7, 7, 4], [9, 5, 2]])
    np.testing.assert_array_equal(positions, [[2, 3, 0], [1, 3, 2]])
    smallest, _ = compiler.jit(lambda x: top_k(x, 1, axis=0, largest=False))(x)
    np.testing.assert_array_equal(smallest, [[0, 1, 2, 5]])


def test_large_arrays_are_sorted_compiled() -> None:
    x = np.random.default_rng(0).integers(0, 5000, 70_001).astype(np.float32)
    x[::501] = np.nan
    values, positions = compiler.jit(lambda x: (np.sort(x), np.argsort(x)))(x)
    np.testing.assert_array_equal(values, np.sort(x))
    np.testing.assert_array_equal(positions, np.argsort(x, kind="stable"))


def test_gradient_of_a_sort_goes_back_to_where_elements_came_from() -> None:
    rng = np.random.default_rng(1)
    x, w = rng.normal(size=(3, 6)), rng.normal(size=(3, 6))
    actual = compiler.jit(compiler.grad(lambda x: np.sum(w * np.sort(x, 1) ** 2)))(x)
    order = np.argsort(x, 1)
    expected = np.empty_like(x)
    np.put_along_axis(expected, order, 2 * w * np.sort(x, 1), 1)
    np.testing.assert_allclose(actual, expected, rtol=1e-14)
    middle = compiler.jit(compiler.grad(lambda x: np.sum(np.median(x, 1) ** 2)))(x)
    pair = np.sort(x, 1)[:, 2:4]
    expected = np.zeros_like(x)
    np.put_along_axis(expected, order[:, 2:4], pair.mean(1, keepdims=True).repeat(2, 1), 1)
    np.testing.assert_allclose(middle, expected, rtol=1e-13)


def test_batched_sorts_are_those_of_each() -> None:
    x = sample(np.float64, (4, 9))
    values, places = compiler.jit(compiler.vmap(lambda r: (np.sort(r), np.searchsorted(np.sort(r), r[::2]))))(x)
    np.testing.assert_array_equal(values, np.sort(x, 1))
    np.testing.assert_array_equal(places, [np.searchsorted(np.sort(row), row[::2]) for row in x])


def test_unique_of_a_static_size_ends_with_the_fill_value() -> None:
    x = np.array([[3, 1, 3], [2, 1, 3]])

    def fn(x: Any) -> Any:
        return (
            unique(x, size=3),
            unique(x, size=5, fill_value=-1),
            unique(x, size=2),
            unique(x, True, True, True, size=4),
        )

    exact, filled, cut, several = (
        (result if isinstance(result, tuple) else (result,)) for result in compiler.jit(fn)(x)
    )
    np.testing.assert_array_equal(exact[0], [1, 2, 3])
    np.testing.assert_array_equal(filled[0], [1, 2, 3, -1, -1])
    np.testing.assert_array_equal(cut[0], [1, 2])
    for got, want in zip(several, np.unique(x, True, True, True), strict=True):
        np.testing.assert_array_equal(got[:3] if got.ndim == 1 else got, want)
    assert several[3][3] == 0


def test_unique_joins_nan_only_where_numpy_does() -> None:
    x = np.array([np.nan, 1.0, np.nan, 1.0, -np.inf])
    joined, apart = run_traced(lambda x: (unique(x, size=4, fill_value=9), unique_all(x, size=4).values), x)
    np.testing.assert_array_equal(joined, [-np.inf, 1, np.nan, 9])
    np.testing.assert_array_equal(apart, [-np.inf, 1, np.nan, np.nan])


@pytest.mark.parametrize(
    ("fn", "error", "message"),
    [
        (np.unique, UnsupportedError, "unique.*size="),
        (lambda x: np.bincount(x.astype(np.int64)), UnsupportedError, "minlength"),
        (
            lambda x: np.bincount(x, minlength=3),
            CompilerError,
            "bincount: the array must have one dimension and integers",
        ),
        (lambda x: np.histogram(x, "auto"), UnsupportedError, "pass a number"),
        (lambda x: np.sort(x, 1), ShapeError, "sort: axis 1 is out of bounds"),
        (lambda x: np.sort(x[0]), ShapeError, "no dimension to sort along"),
        (lambda x: np.quantile(x, 1.5), ShapeError, "not between 0 and 1"),
        (lambda x: np.quantile(x, 0.5, method="best"), ShapeError, "use one of averaged_inverted_cdf"),
        (lambda x: np.median(x[:0]), ShapeError, "has no element"),
        (lambda x: np.partition(x, 9), ShapeError, "kth=9 is out of bounds"),
        (lambda x: top_k(x, 5), ShapeError, "k=5 does not fit 4 elements"),
        (lambda x: np.searchsorted(x, x, "middle"), CompilerError, "use 'left' or 'right'"),
        (lambda x: np.sort(x, order="f"), UnsupportedError, "lexsort"),
    ],
)
def test_misuse_is_refused(fn: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        compiler.jit(fn)(np.arange(4.0))
