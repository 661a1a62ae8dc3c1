"""Every supported function of NumPy gives on tracers what it gives on arrays: values, shapes and dtypes."""

import math
import warnings
from typing import Any

import numpy as np
import pytest
from traced import assert_as_numpy, run_traced

import compiler
from compiler.ufunc_rules import UFUNC_RULES

DTYPES = [np.bool_, np.int32, np.int64, np.float32, np.float64]
SPECIALS = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    3.0,
    -7.25,
    1e-3,
    20.5,
    -30.0,
    math.inf,
    -math.inf,
    math.nan,
]
INTEGERS = [0, 1, -1, 2, 3, -3, 7, -8, 100, -101]


def sample(dtype: Any, shape: tuple[int, ...] | None = None, seed: int = 0) -> np.ndarray[Any, Any]:
    """All interesting values of a dtype, or random ones in a shape."""
    if shape is None:
        values = {"f": SPECIALS, "i": INTEGERS, "b": [True, False]}[np.dtype(dtype).kind]
        return np.array(values, dtype)
    random = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "b":
        return random.integers(0, 2, shape).astype(bool)
    if np.dtype(dtype).kind == "i":
        return random.integers(-5, 6, shape).astype(dtype)
    return random.normal(size=shape).astype(dtype)


FORMULAS = {
    np.exp2, np.log2, np.log10, np.tan, np.sinh, np.cosh, np.logaddexp, np.logaddexp2, np.hypot, np.power,
    np.float_power, np.deg2rad, np.rad2deg, np.radians, np.degrees, np.cbrt, np.arcsin, np.arccos, np.arctan,
    np.arctan2, np.arcsinh, np.arccosh, np.arctanh,
}  # fmt: skip
"""Ufuncs that we compute by a formula of our own; the others are exact."""


def has_loop(ufunc: np.ufunc, *dtypes: Any) -> bool:
    """Whether NumPy computes the ufunc for the dtypes in dtypes that we have."""
    try:
        loop = ufunc.resolve_dtypes((*map(np.dtype, dtypes), *(None,) * ufunc.nout))
    except TypeError:
        return False
    return all(dtype in DTYPES for dtype in loop)


UNARY = [(u, d) for u in UFUNC_RULES if u.nin == 1 for d in DTYPES if has_loop(u, d)]
BINARY = [(u, d, e) for u in UFUNC_RULES if u.nin == 2 for d in DTYPES for e in DTYPES if has_loop(u, d, e)]


@pytest.mark.parametrize(("ufunc", "dtype"), UNARY, ids=lambda p: getattr(p, "__name__", p))
def test_unary_ufunc_is_as_in_numpy(ufunc: np.ufunc, dtype: Any) -> None:
    x = sample(dtype)
    if ufunc is np.reciprocal and x.dtype.kind == "i":
        x = x[x != 0]  # the answer of NumPy depends on the machine
    assert_as_numpy(ufunc, x, ulps=8 if ufunc in FORMULAS else 0)


@pytest.mark.parametrize(("ufunc", "left", "right"), BINARY, ids=lambda p: getattr(p, "__name__", p))
def test_binary_ufunc_is_as_in_numpy(ufunc: np.ufunc, left: Any, right: Any) -> None:
    x, y = sample(left)[:, np.newaxis], sample(right)
    if ufunc is np.power and np.result_type(left, right).kind == "i":
        y = np.abs(y) % 9
    assert_as_numpy(ufunc, x, y, ulps=8 if ufunc in FORMULAS else 0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scalar", [2, 0.5, True, np.float32(2), np.float64(3), np.int32(4), np.int64(5)], ids=repr)
@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.true_divide, np.less, np.maximum, np.power])
def test_scalars_promote_as_in_numpy(ufunc: np.ufunc, dtype: Any, scalar: Any) -> None:
    if not has_loop(ufunc, dtype, np.asarray(scalar).dtype) or (ufunc is np.power and dtype is np.bool_):
        pytest.skip("NumPy has no loop in a supported dtype")
    x = sample(dtype, (3, 2))
    assert_as_numpy(lambda x: (ufunc(x, scalar), ufunc(scalar, abs(x) if dtype is not np.bool_ else x)), x, ulps=8)


WEAK = {
    "int * int": lambda x, i, f: i * i,
    "int / int": lambda x, i, f: i / 3,
    "int // int": lambda x, i, f: i // 2 + i % 2,
    "array * int": lambda x, i, f: x * i,
    "array * float": lambda x, i, f: x * f,
    "int * array": lambda x, i, f: i * x,
    "array * (int * float)": lambda x, i, f: x * (i * f),
    "array * (int / int)": lambda x, i, f: x * (i / 2),
    "array * -float": lambda x, i, f: x * -f,
    "array * sin(float)": lambda x, i, f: x * np.sin(f),
    "array ** float": lambda x, i, f: x**f,
    "where": lambda x, i, f: np.where(x > i, x, f),
    "comparison": lambda x, i, f: x < f,
}


@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.float64])
@pytest.mark.parametrize("name", WEAK)
def test_python_scalars_as_arguments_stay_weak(name: str, dtype: Any) -> None:
    assert_as_numpy(WEAK[name], np.abs(sample(dtype, (3,))), 3, 2.5, ulps=4)


def inplace(x: Any, y: Any) -> Any:
    z = x
    x += y
    x *= 2
    x -= 1
    return x, z


OPERATORS = {
    "arithmetic": lambda x, y: (x + y, x - y, x * y, x / (y * y + 1), -x, +x, abs(x)),
    "reflected": lambda x, y: (1 + x, 1 - x, 2 * x, 2 / (x * x + 1), 2 ** abs(x), 7 // (abs(x) + 1), 7 % (abs(x) + 1)),
    "floor": lambda x, y: (x // (abs(y) + 1), x % (abs(y) + 1), divmod(x, abs(y) + 2)),
    "constants": lambda x, y: (x // 3, x % 3, x // -3, x % -3, x**2, x**3, x**4, x**1),
    "compare": lambda x, y: (x < y, x <= y, x > y, x >= y, x == y, x != y),
    "logic": lambda x, y: ((x < y) & (x > 0), (x < y) | (x > 0), (x < y) ^ (x > 0), ~(x < y)),
    "numpy on the left": lambda x, y: (np.arange(3) * x, np.float64(2) * x, np.ones((2, 1, 1)) + x),
    "lists": lambda x, y: (x - [1, 2, 3], [1, 2, 3] * x),
    "matmul": lambda x, y: (x @ y.T, x.T @ y, np.ones((4, 2)) @ x, x @ np.ones(3)),
    "in place": inplace,
}


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("name", OPERATORS)
def test_operators_are_as_in_numpy(name: str, dtype: Any) -> None:
    assert_as_numpy(OPERATORS[name], sample(dtype, (2, 3)), sample(dtype, (2, 3), 1), ulps=16)


FUNCTIONS = {
    # reductions
    "sum": lambda x: (np.sum(x), x.sum(0), x.sum(axis=(0, -1)), x.sum(1, keepdims=True), np.add.reduce(x)),
    "sum dtype": lambda x: (x.sum(dtype=np.float64), x.sum(dtype=np.float32), np.sum(x, initial=3)),
    "sum where": lambda x: np.sum(x, axis=1, where=x > 0),
    "prod": lambda x: (np.prod(x), x.prod(0), np.prod(x, axis=(1, 2), keepdims=True), np.multiply.reduce(x, axis=1)),
    "max": lambda x: (np.max(x), x.max(0), np.max(x, axis=(1, 2), keepdims=True), x.max(1, initial=2)),
    "min": lambda x: (np.min(x), x.min(0), np.amin(x, axis=(1, 2)), np.minimum.reduce(x, axis=-1)),
    "max where": lambda x: np.max(x, axis=1, where=x > 0, initial=-3),
    "any all": lambda x: (np.any(x > 1), (x > 1).any(1), np.all(x > -1, axis=(0, 2)), x.all(), np.any(x, 1, keepdims=True)),
    "argmax": lambda x: (np.argmax(x), x.argmax(1), np.argmin(x, axis=-1), x.argmin(), np.argmax(x, 0, keepdims=True)),
    "mean": lambda x: (np.mean(x), x.mean(0), x.mean((0, 1)), np.mean(x, -1, keepdims=True), x.mean(dtype=np.float64)),
    "mean where": lambda x: np.mean(x, axis=0, where=x > -9),
    "var": lambda x: (np.var(x), x.var(1), x.std(0), np.std(x, axis=(0, 2), ddof=1, keepdims=True)),
    "average": lambda x: (np.average(x), np.average(x, 1), np.average(x, 2, weights=[1, 2, 3.0, 4])),
    "average returned": lambda x: np.average(x, axis=1, weights=x * x + 1, returned=True),
    "count": lambda x: (np.count_nonzero(x), np.count_nonzero(x > 0, axis=1), np.ptp(x), np.ptp(x, 1)),
    # shapes
    "reshape": lambda x: (x.reshape(6, 4), x.reshape((-1, 2)), np.reshape(x, -1), x.ravel(), x.flatten()),
    "reshape F": lambda x: (np.reshape(x, (4, 6), order="F"), x.ravel("F")),
    "transpose": lambda x: (x.T, x.transpose(1, 0, 2), np.transpose(x, (2, 0, 1)), x.mT, np.permute_dims(x, (1, 2, 0))),
    "axes": lambda x: (np.swapaxes(x, 0, 2), x.swapaxes(1, -1), np.moveaxis(x, 0, -1), np.moveaxis(x, (0, 1), (2, 0))),
    "rollaxis": lambda x: (np.rollaxis(x, 2), np.rollaxis(x, 0, 3), np.rollaxis(x, 1, 0)),
    "expand": lambda x: (np.expand_dims(x, 0), np.expand_dims(x, (1, -1)), np.squeeze(x[:, :1], 1), x[:1].squeeze()),
    "broadcast": lambda x: (np.broadcast_to(x, (2, 2, 3, 4)), np.broadcast_arrays(x, np.ones((5, 1, 1, 1)))),
    "atleast": lambda x: (np.atleast_1d(x[0, 0, 0]), np.atleast_2d(x[0, 0]), np.atleast_3d(x[0]), np.atleast_3d(x[0, 0])),
    "flip": lambda x: (np.flip(x), np.flip(x, 1), np.fliplr(x), np.flipud(x), np.flip(x, (0, 2))),
    "rot90": lambda x: (np.rot90(x), np.rot90(x, 2), np.rot90(x, 3, (1, 2)), np.rot90(x, 4), np.rot90(x, -1)),
    "roll": lambda x: (np.roll(x, 2), np.roll(x, 1, 0), np.roll(x, -1, 2), np.roll(x, (1, 2), (0, 1)), np.roll(x, 0, 1)),
    "tile": lambda x: (np.tile(x, 2), np.tile(x, (2, 1, 3)), np.tile(x, (2, 1, 1, 1)), np.tile(x[0, 0], (2, 2))),
    "repeat": lambda x: (np.repeat(x, 2), np.repeat(x, 3, 1), x.repeat([1, 0, 2], axis=1)),
    "meshgrid": lambda x: (np.meshgrid(x[0, 0], x[0, :, 0]), np.meshgrid(x[0, 0], x[0, :, 0], indexing="ij", sparse=True)),
    "sizes": lambda x: np.ones((np.size(x), np.ndim(x), *np.shape(x), x.ndim, len(x), np.size(x, 1))) * x[0, 0, 0],
    # joining
    "concatenate": lambda x: (np.concatenate([x, x]), np.concatenate((x, 2 * x), axis=1), np.concatenate([x, x], None)),
    "concat mixed": lambda x: (np.concatenate([x, np.ones((1, 3, 4))]), np.concat([x, np.ones((2, 3, 4), np.float32)], -1)),
    "stack": lambda x: (np.stack([x, x]), np.stack([x, x], -1), np.stack([x, np.ones((2, 3, 4))], axis=2)),
    "stacks": lambda x: (np.vstack([x[0], x[1]]), np.hstack([x[0], x[1]]), np.dstack([x[0], x[1]])),
    "stacks 1d": lambda x: (np.vstack([x[0, 0], x[1, 1]]), np.hstack([x[0, 0], x[1, 1]]), np.dstack([x[0, 0], x[1, 1]])),
    "column_stack": lambda x: (np.column_stack([x[0, 0], x[0].T]), np.append(x, x), np.append(x, x, 1)),
    "split": lambda x: (np.split(x, 2), np.split(x, [1, 3], 2), np.array_split(x, 3, 2), np.hsplit(x, 3), np.vsplit(x, 2)),
    "pad": lambda x: (np.pad(x, 1), np.pad(x, ((0, 1), (2, 0), (1, 1))), np.pad(x, 2, constant_values=7)),
    "pad values": lambda x: np.pad(x, ((1, 1), (1, 2), (0, 1)), constant_values=((1, 2), (3, 4), (5, 6))),
    "pad modes": lambda x: [np.pad(x, ((0, 1), (2, 0), (1, 1)), m) for m in ("edge", "reflect", "symmetric", "wrap")],
    # choosing
    "where": lambda x: (np.where(x > 0, x, -x), np.where(x > 0, 1, 0), np.where(x > 0, x, 0.5), np.where(x[0] > 0, x, 3)),
    "select": lambda x: np.select([x > 1, x < -1], [x * 2, x - 1], 0),
    "clip": lambda x: (np.clip(x, -1, 1), x.clip(0), np.clip(x, None, 1), np.clip(x, x[0], 2), x.clip(min=-1, max=0)),
    "round": lambda x: (np.round(x), np.around(x, 1), x.round(2), np.round(x, -1)),
    "take": lambda x: (np.take(x, [0, 2]), np.take(x, [[0, -1]], 1), x.take(1, axis=2), np.take(x, [5, -7], 1, mode="wrap")),
    "take clip": lambda x: np.take(x, [-5, 1, 9], 1, mode="clip"),
    "take_along_axis": lambda x: (
        np.take_along_axis(x, np.argmax(x, 1, keepdims=True), 1),
        np.take_along_axis(x, np.array([[[1], [0], [2]]]), 2),
    ),
    "diff": lambda x: (np.diff(x), np.diff(x, axis=0), np.diff(x, 2, axis=1), np.diff(x, prepend=0, append=x[:, :, :1])),
    "close": lambda x: (np.isclose(x, x + 1e-9), np.allclose(x, x), np.array_equal(x, x), np.array_equal(x, x[0])),
    "nan_to_num": lambda x: (np.nan_to_num(x / (x - x[0])), np.nan_to_num(x), np.isposinf(x / 0), np.isneginf(x / 0)),
    "isnan": lambda x: (np.isnan(x), np.isinf(x), np.isfinite(x), np.signbit(x), np.iscomplexobj(x)),
    "copysign": lambda x: (np.copysign(2.0, x), np.heaviside(x, 0.5), np.fix(x), np.sinc(x)),
    # products
    "dot": lambda x: (np.dot(x, x[0].T), np.dot(x[0], x[0, 0]), x[0, 0].dot(x[0, 1]), np.dot(x, 2), np.vdot(x, x)),
    "inner": lambda x: (np.inner(x, x), np.inner(x[0, 0], x), np.outer(x[0, 0], x[0]), np.kron(x[0], x[1])),
    "matmul": lambda x: (x @ x.mT, np.matmul(x, x[0].T), x @ x[0, 0], x[0, :, 0] @ x, x[0] @ x.mT, np.matmul(x, x[:1].mT)),
    "tensordot": lambda x: (np.tensordot(x, x[0], 2), np.tensordot(x, x, ([0, 2], [0, 2])), np.tensordot(x, x, 0)),
    "vecdot": lambda x: (np.vecdot(x, x), np.vecdot(x, x[0, 0]), np.linalg.vecdot(x, x, axis=1)),
    "cross": lambda x: (np.cross(x[:, :, 0], x[:, :, 1]), np.cross(x[..., :3], x[..., 1:])),
    "norm": lambda x: (np.linalg.norm(x), np.linalg.norm(x, axis=1), np.linalg.norm(x[0], 1), np.linalg.norm(x, np.inf, -1)),
    "norms": lambda x: (np.linalg.norm(x, "fro", (0, 2)), np.linalg.norm(x[0], np.inf), np.linalg.norm(x, 3, 1, keepdims=True)),
    "powers of matrices": lambda x: [np.linalg.matrix_power(x[:, :, :3], n) for n in (0, 1, 2, 5)],
    "multi_dot": lambda x: (
        np.linalg.multi_dot([x[0], x[1].T]), np.linalg.multi_dot([x[0, :, 0], x[0], x[1].T, x[1, :, 1]]),
        np.linalg.multi_dot([x[0], x[1].T, x[1, :, 1]]),
    ),
    "diag": lambda x: (np.diag(x[0]), np.diag(x[0, 0]), np.diag(x[0, 0], -2), np.diagonal(x, 1, 1, 2), np.diag(x[0], 1)),
    "trace": lambda x: (np.trace(x), np.trace(x, 1, 1, 2), np.tril(x), np.triu(x, 1), np.tril(x[0], -1), np.triu(x[0, 0])),
    "einsum": lambda x: (np.einsum("ijk,ijk->i", x, x), np.einsum("ijk,lk->jl", x, x[0]), np.einsum("ijk->kji", x)),
    "einsum implicit": lambda x: (np.einsum("ijk,kl", x, x[0].T), np.einsum("ij", x[0]), np.einsum("ba", x[0])),
    "einsum dots": lambda x: (np.einsum("...i,...i->...", x, x), np.einsum("i...,k...->ki...", x, x)),
    "einsum diagonal": lambda x: (np.einsum("ii->i", x[0, :, :3]), np.einsum("ii", x[0, :, :3]), np.einsum("iji->j", x[:, :, :2])),
    "einsum many": lambda x: np.einsum("ab,bc,cd,a->d", x[0], x[0].T, x[1], x[0, :, 0]),
    # creation
    "like": lambda x: (np.zeros_like(x), np.ones_like(x, dtype=np.float32), np.full_like(x, 3), np.full_like(x, x[0, 0, 0])),
    "linspace": lambda x: (
        np.linspace(x[0], x[1], 5), np.linspace(x, 1, 4, endpoint=False, axis=1), np.linspace(x[0], x[1], 3, retstep=True),
        np.linspace(x[0, 0], x[1, 0], 1), np.linspace(x[0], 10.5, 4, dtype=int), np.linspace(0, x[0, 0, 0], 0),
    ),
    "like=": lambda x: (np.zeros(3, like=x), np.ones((2, 2), np.int32, like=x), np.full(2, 1.5, like=x), np.eye(2, like=x)),
    "array": lambda x: (np.array([x[0, 0, 0], 1], like=x), np.arange(3, like=x), np.asarray(x, like=x)),
    "astype": lambda x: (x.astype(np.float32), x.astype(int), x.astype(bool), x.astype("f8"), x.copy(), np.copy(x)),
    # methods of ufuncs, out=
    "outer": lambda x: (np.add.outer(x[0, 0], x[0]), np.multiply.outer(x[0, 0], x[0, 1])),
    "nan": lambda x: [
        f(np.where(x > 0, x, np.nan), axis=1) for f in (np.nansum, np.nanprod, np.nanmean, np.nanmax, np.nanmin)
    ],
    "nan where": lambda x: [
        f(np.where(x > 0, x, np.nan), axis=1, where=x < 3, **arguments)
        for f, arguments in (
            (np.nansum, {"initial": 2}), (np.nanprod, {}), (np.nanmean, {}), (np.nanstd, {"ddof": 1}),
            (np.nanmax, {"initial": 0}), (np.nanmin, {"initial": 1, "keepdims": True}),
        )
    ],
    "vector norm": lambda x: (
        np.linalg.vector_norm(x, axis=(0, 2)), np.linalg.vector_norm(x, axis=(1, 2), ord=1, keepdims=True),
        np.linalg.vector_norm(x, ord=np.inf), np.linalg.vector_norm(x, axis=1, ord=0),
    ),
    "nanstd": lambda x: (np.nanvar(np.where(x > 0, x, np.nan), 1), np.nanstd(x), np.nansum(x), np.nanmax(x)),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_is_as_in_numpy(name: str, dtype: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of NumPy: empty slices, division by zero
        assert_as_numpy(FUNCTIONS[name], sample(dtype, (2, 3, 4)), ulps=64)


OF_BOOLS = ["sum", "prod", "any all", "argmax", "mean", "reshape", "concatenate", "where", "max", "min", "roll", "pad"]


@pytest.mark.parametrize("name", [n for n in OF_BOOLS if n not in {"where", "max", "min", "any all"}])
def test_function_of_bools_is_as_in_numpy(name: str) -> None:
    assert_as_numpy(FUNCTIONS[name], sample(np.bool_, (2, 3, 4)), ulps=8)


OF_EMPTY = {
    "sum": lambda x: (x.sum(), x.sum(0), x.sum(1), x.prod(1), x.sum(keepdims=True)),
    "any": lambda x: (x.any(), x.all(), (x > 0).any(1)),
    "max": lambda x: (x.max(0), x.max(1, initial=3)),
    "elementwise": lambda x: (x + 1, np.exp(x), x * x[:1], x == x + 0),
    "shapes": lambda x: (x.T, x.reshape(0, 5), x.ravel(), np.concatenate([x, x]), np.stack([x, x]), x[::-1], x[:1]),
    "products": lambda x: (x @ x.T, x.T @ x, np.einsum("ij,ij->i", x, x), np.tensordot(x, x, 2)),
    "mean": lambda x: (x.mean(), x.mean(1), x.var(0)),
    "index": lambda x: (x[[0, 1]], x[:, []], x[..., np.newaxis], np.take(x, [0], 0)),
}


@pytest.mark.parametrize("dtype", [np.int64, np.float32])
@pytest.mark.parametrize("name", OF_EMPTY)
def test_function_of_an_empty_array_is_as_in_numpy(name: str, dtype: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_as_numpy(OF_EMPTY[name], np.zeros((3, 0), dtype))


OF_SCALARS = {
    "reductions": lambda x: (x.sum(), x.max(), x.mean(), np.prod(x, keepdims=True), x.argmax()),
    "shapes": lambda x: (
        x.reshape(1),
        x.ravel(),
        x.T,
        np.atleast_2d(x),
        x[np.newaxis],
        x[...],
        x[()],
        np.stack([x, x]),
    ),
    "elementwise": lambda x: (np.exp(x), x + np.arange(3), x * x, np.where(x > 0, x, 1)),
    "broadcast": lambda x: (
        np.broadcast_to(x, (2, 3)),
        np.tile(x, 3),
        np.repeat(x, 2),
        x @ np.ones(1) if x.ndim else x,
    ),
}


@pytest.mark.parametrize("dtype", [np.int64, np.float32])
@pytest.mark.parametrize("name", OF_SCALARS)
def test_function_of_a_0d_array_is_as_in_numpy(name: str, dtype: Any) -> None:
    assert_as_numpy(OF_SCALARS[name], np.array(2, dtype), ulps=4)


def test_out_assigns_to_the_array() -> None:
    def fn(x: Any) -> Any:
        y = np.zeros_like(x)
        view = y[1:]
        np.add(x, 1, out=y)
        np.multiply(x, 2, out=y, where=x > 0)
        np.sum(x, axis=0, out=view[0])
        return y, view

    assert_as_numpy(fn, sample(np.float32, (3, 4)))


def test_scipy_ufuncs_are_traced() -> None:
    special = pytest.importorskip("scipy.special")
    assert_as_numpy(lambda x: (special.erf(x), special.expit(x)), sample(np.float64, (5,)), ulps=4)
    assert_as_numpy(special.erf, sample(np.float32, (5,)), ulps=4)


def test_comparison_with_an_integer_out_of_range_is_as_in_numpy() -> None:
    big = 2**40
    assert_as_numpy(lambda x: (x < big, x >= big, x == big, -big < x, big != x, x > -big), sample(np.int32))


def test_constants_of_unsupported_dtypes_are_converted_where_they_promote() -> None:
    assert_as_numpy(lambda x: (x * np.arange(3, dtype=np.uint8), x + np.float16(0.5)), sample(np.float32, (3,)))


def test_large_constants_are_passed_and_not_printed() -> None:
    from compiler.tracing import trace

    table = np.arange(1000.0)

    def fn(x: Any) -> Any:
        return x + table * x + table

    traced = trace(fn, [np.zeros(1000)])
    assert [c.size for c in traced.constants] == [1000]  # the same array twice
    assert len(str(traced.module)) < 1500
    np.testing.assert_array_equal(run_traced(fn, np.ones(1000))[0], fn(np.ones(1000)))


def test_a_constant_changed_between_uses_has_both_values() -> None:
    def fn(x: Any) -> Any:
        table = np.arange(100.0)
        first = x + table
        table[0] = 50
        return first, x + table

    assert_as_numpy(fn, np.zeros(100))


def test_linspace_between_traced_arrays_is_that_of_numpy():
    def fn(x, y):
        return (
            np.linspace(x, y, 5), np.linspace(x[0], y[1, 2], 4, endpoint=False), np.linspace(0, x, 3, axis=-1),
            np.linspace(x, 1, 1), np.linspace(x[0], 9, 4, dtype=np.int32), *np.linspace(y[0, 0], 2, 7, retstep=True),
            np.linspace(x, y, 0), np.linspace(y, 1, 2), np.linspace(y.astype(int), 1, 2),
        )  # fmt: skip

    x, y = np.array([0.5, -1.0, 3.0]), np.arange(6, dtype=np.float32).reshape(2, 3)
    for actual, expected in zip(compiler.jit(fn)(x, y), fn(x, y), strict=True):
        assert (actual.dtype, actual.shape) == (np.asarray(expected).dtype, np.shape(expected))
        np.testing.assert_allclose(
            actual, expected, rtol=4 * np.finfo(actual.dtype).eps if actual.dtype.kind == "f" else 0
        )
    slope = compiler.grad(lambda b: np.linspace(0.0, b, 5).sum())(2.0)
    np.testing.assert_allclose(slope, 2.5)


def test_view_reads_and_writes_the_bits():
    def fn(x):
        y = x.copy()
        y.view(np.uint32)[0] = 0x40490FDB
        return x.view(np.int32), x.view("u4") >> 23, y, x.view()

    x = np.array([1.0, -2.5, 0.0, np.inf], np.float32)
    for actual, expected in zip(compiler.jit(fn)(x), fn(x), strict=True):
        assert actual.dtype == expected.dtype
        np.testing.assert_array_equal(actual, expected)
    assert compiler.Tensor(x).view(np.int32).dtype == np.int32
    for dtype in (np.float64, np.complex64, bool):
        with pytest.raises(compiler.UnsupportedError, match="to keep the values"):
            compiler.jit(lambda x, dtype=dtype: x.view(dtype))(x)
