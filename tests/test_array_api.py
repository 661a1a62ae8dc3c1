"""`compiler.numpy` is what the Python array API standard 2024.12 says: against array-api-strict, and against NumPy."""

import doctest
import inspect
import itertools
import math
import re
import warnings
from pathlib import Path

import array_api_strict as strict
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import compiler
import compiler.numpy as cnp
from compiler.numpy import numpy_names
from compiler.numpy_rules import FUNCTIONS as FUNCTIONS_OF_TRACING
from compiler.numpy_ufuncs import _MATRIX_PRODUCTS as MATRIX_PRODUCTS
from compiler.ufunc_rules import UFUNC_RULES
from compiler.value_dependent import FUNCTIONS as VALUE_DEPENDENT

DEVIATIONS = Path(__file__).resolve().parent.parent / "docs" / "array-api.md"
NOT_OF_THE_STANDARD = {"ArrayAPIStrictFlags", "Device", "ModuleType"}
STANDARD = sorted(
    name
    for name in dir(strict)
    if not name.startswith("_") and not name.endswith("array_api_strict_flags") and name not in NOT_OF_THE_STANDARD
)
FUNCTIONS = [name for name in STANDARD if inspect.isfunction(getattr(strict, name))]
DTYPES = [
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float32",
    "float64",
    "complex64",
    "complex128",
]
SHAPES = [(2, 3), (), (0,)]

PARAMETER = inspect.Parameter


def documented(section):
    """The first column of the table under a heading of the document of deviations."""
    text = DEVIATIONS.read_text().partition(f"## {section}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)`", text, re.MULTILINE))


def parameters(function):
    """What a caller sees of the parameters: names of positional-only ones do not matter."""
    return [
        (
            "" if parameter.kind is PARAMETER.POSITIONAL_ONLY else name,
            parameter.kind.name,
            None if type(parameter.default).__name__ == "Undef" else parameter.default,
        )
        for name, parameter in inspect.signature(function).parameters.items()
    ]


# Names and signatures


@pytest.mark.parametrize("name", STANDARD)
def test_every_name_of_the_standard_is_there(name):
    assert name in cnp.__all__
    assert hasattr(cnp, name)


def test_signatures_are_those_of_the_standard():
    different = {name for name in FUNCTIONS if parameters(getattr(strict, name)) != parameters(getattr(cnp, name))}
    assert different == documented("Signatures")


def test_additional_parameters_are_keywords_with_defaults():
    for name in documented("Signatures"):
        theirs, ours = (inspect.signature(getattr(xp, name)).parameters for xp in (strict, cnp))
        assert len(ours) >= len(theirs)
        assert all(p.default is not PARAMETER.empty for p in list(ours.values())[len(theirs) :])


def test_examples_in_docstrings_are_true():
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner()
    names = [name for name in cnp.__all__ if getattr(getattr(cnp, name), "__module__", "").startswith("compiler.numpy")]
    assert set(FUNCTIONS) <= set(names)
    for name in names:
        examples = finder.find(getattr(cnp, name), name, extraglobs={**vars(cnp), "np": np})
        assert sum(len(test.examples) for test in examples) > 0, name
        for test in examples:
            assert runner.run(test).failed == 0, name


# Introspection


def test_the_version_and_the_namespace_of_arrays():
    assert cnp.__array_api_version__ == "2024.12"
    x = cnp.asarray([1.0])
    assert x.__array_namespace__() is cnp
    assert x.__array_namespace__(api_version="2024.12") is cnp
    with pytest.raises(compiler.ArgumentError, match=r"version 2024\.12 .* not '2021\.12'"):
        x.__array_namespace__(api_version="2021.12")


def test_namespace_information():
    ours, theirs = cnp.__array_namespace_info__(), strict.__array_namespace_info__()
    assert set(ours.capabilities()) == set(theirs.capabilities())
    assert ours.default_device() == cnp.empty(0).device
    assert ours.devices() == [ours.default_device()]
    assert ours.default_dtypes() == {
        kind: getattr(cnp, str(dtype).rpartition(".")[2]) for kind, dtype in theirs.default_dtypes().items()
    }
    kinds = ["bool", "signed integer", "unsigned integer", "integral", "real floating", "complex floating", "numeric"]
    for kind in (None, *kinds, ("bool", "integral")):
        assert set(ours.dtypes(kind=kind)) <= set(theirs.dtypes(kind=kind))
    assert {"bool", "int32", "int64", "float32", "float64"} <= set(ours.dtypes())
    assert all(cnp.isdtype(dtype, "real floating") for dtype in ours.dtypes(kind="real floating").values())


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_limits_of_floats(name):
    ours, theirs = cnp.finfo(getattr(cnp, name)), strict.finfo(getattr(strict, name))
    for attribute in ("bits", "eps", "max", "min", "smallest_normal"):
        assert getattr(ours, attribute) == getattr(theirs, attribute)
        assert type(getattr(ours, attribute)) is type(getattr(theirs, attribute))
    assert ours.dtype == getattr(cnp, name)
    assert cnp.finfo(cnp.zeros(2, dtype=getattr(cnp, name))) == ours
    with pytest.raises(compiler.DtypeError, match="use iinfo"):
        cnp.finfo(cnp.int32)


@pytest.mark.parametrize("name", ["int8", "int64", "uint16"])
def test_limits_of_integers(name):
    ours, theirs = cnp.iinfo(getattr(cnp, name)), strict.iinfo(getattr(strict, name))
    assert (ours.bits, ours.max, ours.min) == (theirs.bits, theirs.max, theirs.min)
    with pytest.raises(compiler.DtypeError, match="use finfo"):
        cnp.iinfo(cnp.float64)


def test_promotion_of_dtypes_is_that_of_the_standard():
    names = [name for name in STANDARD if type(getattr(strict, name)).__name__ == "DType"]
    for first in names:
        for second in names:
            try:
                expected = strict.result_type(getattr(strict, first), getattr(strict, second))
            except TypeError:  # not in the standard
                continue
            assert cnp.result_type(getattr(cnp, first), getattr(cnp, second)) == getattr(
                cnp, str(expected).rpartition(".")[2]
            )
            assert cnp.can_cast(getattr(cnp, first), getattr(cnp, second)) == strict.can_cast(
                getattr(strict, first), getattr(strict, second)
            )
    assert cnp.result_type(cnp.asarray([1.0], dtype=cnp.float32), 2.0, 1) == cnp.float32
    assert compiler.jit(lambda x: cnp.zeros(1, dtype=cnp.result_type(x, cnp.float64)))(np.float32(1)).dtype == "float64"


def test_kinds_of_dtypes():
    assert cnp.isdtype(cnp.uint8, "unsigned integer")
    assert not cnp.isdtype(cnp.uint8, "signed integer")
    assert cnp.isdtype(cnp.bfloat16, "real floating")
    assert cnp.isdtype(cnp.bool, ("numeric", cnp.bool))
    with pytest.raises(compiler.ArgumentError, match="unknown kind 'float'"):
        cnp.isdtype(cnp.float32, "float")


def test_constants():
    assert (cnp.e, cnp.pi, cnp.inf, cnp.newaxis) == (math.e, math.pi, math.inf, None)
    assert math.isnan(cnp.nan)


# Values

SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, -2.5, 2.0, 3.0, 100.0, math.inf, -math.inf, math.nan]
PART = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0])
REAL = st.one_of(st.sampled_from(SPECIAL), st.floats(-1000, 1000, width=32, allow_subnormal=False))


def values(draw, dtype, shape, *, low=None, high=None):
    """A NumPy array of drawn values: small or extreme integers, all kinds of floats."""
    if dtype == "bool":
        element = st.booleans()
    elif dtype.startswith("float"):
        element = REAL
    elif dtype.startswith("complex"):
        element = st.builds(complex, PART, PART)
    else:
        limits = np.iinfo(dtype)
        least, greatest = max(limits.min, -50) if low is None else low, 50 if high is None else high
        element = st.integers(least, greatest)
        if low is None and high is None:
            element = st.one_of(element, st.sampled_from([int(limits.min), int(limits.max)]))
    count = math.prod(shape)
    return np.array(draw(st.lists(element, min_size=count, max_size=count)), dtype).reshape(shape)


def flat(result):
    """The arrays of a result, and other values."""
    return [part for one in result for part in flat(one)] if isinstance(result, tuple | list) else [result]


def check(ours, theirs, what, eps=8):
    """Same kind of result, shapes, dtypes, and values up to `eps` units, the sign of zero included."""
    ours, theirs = flat(ours), flat(theirs)
    assert len(ours) == len(theirs), what
    for x, y in zip(ours, theirs, strict=True):
        if not hasattr(y, "dtype"):
            assert x == y, what
            continue
        assert isinstance(x, compiler.Tensor), what
        expected, actual = np.asarray(y), np.asarray(x)
        assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape), what
        if expected.dtype.kind not in "fc":
            np.testing.assert_array_equal(actual, expected, err_msg=what)
            continue
        precision = float(np.finfo(expected.dtype).eps)
        if expected.dtype.kind == "c":  # parts may cancel, and C99 leaves signs of zeros open
            np.testing.assert_allclose(actual, expected, rtol=eps * precision, atol=eps * precision, err_msg=what)
            continue
        np.testing.assert_allclose(
            actual, expected, rtol=eps * precision, atol=eps * precision * 1e-3, equal_nan=True, err_msg=what
        )
        if re.match(r"\w*", what)[0] in documented("Signs of zeros"):
            continue
        is_zero = expected == 0
        np.testing.assert_array_equal(np.signbit(actual[is_zero]), np.signbit(expected[is_zero]), err_msg=what)


def both(function, *arrays):
    """The function in our namespace and in the strict one; `None` if the standard does not define it for the dtypes."""
    with np.errstate(all="ignore"):
        try:
            theirs = function(strict, *(strict.asarray(x) if isinstance(x, np.ndarray) else x for x in arrays))
        except (TypeError, ValueError):
            return None
    return function(cnp, *(cnp.asarray(x) if isinstance(x, np.ndarray) else x for x in arrays)), theirs


few = settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)

UNARY = [name for name in FUNCTIONS if parameters(getattr(strict, name)) == parameters(strict.sin)]
UNARY = [name for name in UNARY if name not in {"nonzero", "matrix_transpose"} and not name.startswith("unique")]
BINARY = [name for name in FUNCTIONS if parameters(getattr(strict, name)) == parameters(strict.add)]
BINARY = [name for name in BINARY if name not in {"finfo", "iinfo", "can_cast", "matmul"}]


@pytest.mark.parametrize("name", [name for name in UNARY if name not in {"finfo", "iinfo"}])
def test_functions_of_one_array(name):

    @few
    @given(st.data())
    def run(data):
        for dtype, shape in zip(DTYPES, itertools.cycle(SHAPES)):
            x = values(data.draw, dtype, shape)
            results = both(lambda xp, x: getattr(xp, name)(x), x)
            if results is not None:
                check(*results, f"{name}({x!r})")

    run()


@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_arrays(name):
    limits = {}
    if "shift" in name:
        limits = {"low": 0, "high": 7}
    elif name in {"floor_divide", "remainder"}:
        limits = {"low": 1}
    elif name == "pow":
        limits = {"low": 0, "high": 3}

    @few
    @given(st.data())
    def run(data):
        for dtype, shapes in zip(DTYPES, itertools.cycle([((3,), (3,)), ((2, 1), (3,)), ((), (2, 3)), ((0,), (1,))])):
            x = values(data.draw, dtype, shapes[0])
            y = values(data.draw, dtype, shapes[1], **limits)
            results = both(lambda xp, x, y: getattr(xp, name)(x, y), x, y)
            if results is not None:
                # Powers are accurate to the error of the logarithm times its size.
                check(*results, f"{name}({x!r}, {y!r})", eps=512 if name == "pow" else 8)

    run()


@pytest.mark.parametrize("name", ["add", "divide", "greater", "pow", "copysign", "bitwise_and", "logical_or"])
@pytest.mark.parametrize("scalar", [2, 1.5, True])
def test_one_operand_may_be_a_python_scalar(name, scalar):
    for dtype in DTYPES:
        x = np.ones((2,), dtype)
        for function in (lambda xp, x: getattr(xp, name)(x, scalar), lambda xp, x: getattr(xp, name)(scalar, x)):
            results = both(function, x)
            if results is not None:
                check(*results, f"{name} of {dtype} and {scalar}")


# What is run in both namespaces: `x` has shape (2, 3).
CASES = {
    "argmax": lambda xp, x: (xp.argmax(x), xp.argmax(x, axis=1, keepdims=True)),
    "argmin": lambda xp, x: (xp.argmin(x), xp.argmin(x, axis=0)),
    "all": lambda xp, x: (xp.all(x), xp.all(x, axis=1), xp.all(x, axis=(0, 1), keepdims=True)),
    "any": lambda xp, x: (xp.any(x), xp.any(x, axis=0)),
    "argsort": lambda xp, x: (xp.argsort(x), xp.argsort(x, axis=0, descending=True)),
    "asarray": lambda xp, x: (xp.asarray(x), xp.asarray(x, copy=True), xp.asarray([[1, 2], [3, 4]]), xp.asarray(1.5)),
    "astype": lambda xp, x: (xp.astype(x, xp.float64), xp.astype(x, xp.bool), xp.astype(x, xp.float32, copy=False)),
    "arange": lambda xp, x: (
        xp.arange(3),
        xp.arange(1, 2, 0.25),
        xp.arange(5, 1, -2, dtype=xp.float32),
        xp.arange(2.0),
    ),
    "broadcast_arrays": lambda xp, x: xp.broadcast_arrays(x, xp.ones((4, 1, 1), dtype=x.dtype)),
    "broadcast_to": lambda xp, x: xp.broadcast_to(x, (2, 2, 3)),
    "broadcast_shapes": lambda xp, x: xp.broadcast_shapes(x.shape, (4, 1, 1)),
    "clip": lambda xp, x: (xp.clip(x), xp.clip(x, 0, 2), xp.clip(x, max=xp.ones(3, dtype=x.dtype)), xp.clip(x, 1)),
    "concat": lambda xp, x: (xp.concat((x, x)), xp.concat([x, x], axis=-1), xp.concat([x, x], axis=None)),
    "count_nonzero": lambda xp, x: (xp.count_nonzero(x), xp.count_nonzero(x, axis=1, keepdims=True)),
    "cumulative_prod": lambda xp, x: (
        xp.cumulative_prod(x, axis=1),
        xp.cumulative_prod(x, axis=0, include_initial=True),
    ),
    "cumulative_sum": lambda xp, x: (xp.cumulative_sum(x, axis=1), xp.cumulative_sum(x, axis=0, include_initial=True)),
    "diff": lambda xp, x: (xp.diff(x), xp.diff(x, axis=0), xp.diff(x, n=2), xp.diff(x, prepend=x, append=x)),
    "empty": lambda xp, x: (xp.empty((2, 0)), xp.empty_like(x[:0, :])),
    "expand_dims": lambda xp, x: (xp.expand_dims(x, axis=0), xp.expand_dims(x, axis=-1), xp.expand_dims(x, axis=1)),
    "eye": lambda xp, x: (xp.eye(2), xp.eye(2, 3, k=1, dtype=xp.float32), xp.eye(3, k=-1, dtype=x.dtype)),
    "flip": lambda xp, x: (xp.flip(x), xp.flip(x, axis=1), xp.flip(x, axis=(0,))),
    "full": lambda xp, x: (xp.full((2,), 1), xp.full(2, 1.5), xp.full((), True), xp.full(2, 3, dtype=x.dtype)),
    "full_like": lambda xp, x: (xp.full_like(x, 1), xp.full_like(x, 2, dtype=xp.float32)),
    "isin": lambda xp, x: (xp.isin(x, x[:, 0]), xp.isin(x, x[0, 1:])),
    "linspace": lambda xp, x: (xp.linspace(0, 1, 5), xp.linspace(0.0, 1.0, 4, endpoint=False, dtype=xp.float32)),
    "matmul": lambda xp, x: (xp.matmul(x, xp.matrix_transpose(x)), x @ x[0, :], x[:, 0] @ x),
    "matrix_transpose": lambda xp, x: (xp.matrix_transpose(x), x.mT, x.T),
    "max": lambda xp, x: (xp.max(x), xp.max(x, axis=0, keepdims=True), xp.max(x, axis=(0, 1))),
    "mean": lambda xp, x: (xp.mean(x), xp.mean(x, axis=1), xp.mean(x, axis=0, keepdims=True)),
    "meshgrid": lambda xp, x: (xp.meshgrid(x[0, :], x[:, 0]), xp.meshgrid(x[0, :], x[:, 0], indexing="ij")),
    "min": lambda xp, x: (xp.min(x), xp.min(x, axis=-1)),
    "moveaxis": lambda xp, x: (xp.moveaxis(x, 0, 1), xp.moveaxis(x, (0, 1), (1, 0))),
    "nonzero": lambda xp, x: (xp.nonzero(x), xp.nonzero(x[0, :])),
    "ones": lambda xp, x: (xp.ones((2, 1)), xp.ones(2, dtype=xp.bool), xp.ones_like(x)),
    "permute_dims": lambda xp, x: xp.permute_dims(x, (1, 0)),
    "prod": lambda xp, x: (xp.prod(x), xp.prod(x, axis=0), xp.prod(x, axis=1, dtype=x.dtype, keepdims=True)),
    "repeat": lambda xp, x: (xp.repeat(x, 2), xp.repeat(x, 2, axis=0), xp.repeat(x, xp.asarray([1, 0, 2]), axis=1)),
    "reshape": lambda xp, x: (xp.reshape(x, (3, 2)), xp.reshape(x, (-1,)), xp.reshape(x, (6,), copy=True)),
    "result_type": lambda xp, x: xp.result_type(x, x) == x.dtype,
    "roll": lambda xp, x: (xp.roll(x, 1), xp.roll(x, -1, axis=1), xp.roll(x, (1, 2), axis=(0, 1))),
    "searchsorted": lambda xp, x: (
        xp.searchsorted(xp.sort(x[0, :]), x[1, :]),
        xp.searchsorted(xp.sort(x[0, :]), x[1, :], side="right"),
    ),
    "sort": lambda xp, x: (xp.sort(x), xp.sort(x, axis=0, descending=True)),
    "squeeze": lambda xp, x: (xp.squeeze(x[:1, :], 0), xp.squeeze(x[:1, :1], axis=(0, 1))),
    "stack": lambda xp, x: (xp.stack([x, x]), xp.stack((x, x), axis=-1)),
    "std": lambda xp, x: (xp.std(x), xp.std(x, axis=1, correction=1)),
    "sum": lambda xp, x: (xp.sum(x), xp.sum(x, axis=1), xp.sum(x, axis=(0, 1), dtype=x.dtype, keepdims=True)),
    "take": lambda xp, x: (xp.take(x, xp.asarray([2, 0]), axis=1), xp.take(x[0, :], xp.asarray([-1]))),
    "take_along_axis": lambda xp, x: xp.take_along_axis(x, xp.asarray([[1, 0], [2, 2]]), axis=1),
    "tensordot": lambda xp, x: (xp.tensordot(x, x.T, axes=1), xp.tensordot(x, x, axes=((0, 1), (0, 1)))),
    "tile": lambda xp, x: (xp.tile(x, (2,)), xp.tile(x, (2, 1, 2))),
    "tril": lambda xp, x: (xp.tril(x), xp.tril(x, k=1)),
    "triu": lambda xp, x: (xp.triu(x), xp.triu(x, k=-1)),
    "unique_all": lambda xp, x: tuple(xp.unique_all(x)),
    "unique_counts": lambda xp, x: tuple(xp.unique_counts(x)),
    "unique_inverse": lambda xp, x: tuple(xp.unique_inverse(x)),
    "unique_values": lambda xp, x: xp.unique_values(x),
    "unstack": lambda xp, x: (xp.unstack(x), xp.unstack(x, axis=1)),
    "var": lambda xp, x: (xp.var(x), xp.var(x, axis=0, correction=1.0, keepdims=True)),
    "vecdot": lambda xp, x: (xp.vecdot(x, x), xp.vecdot(x, x, axis=-2)),
    "where": lambda xp, x: (
        xp.where(x > 0, x, x[0, :]),
        xp.where(xp.asarray([True, False, True]), x, xp.zeros_like(x)),
    ),
    "zeros": lambda xp, x: (xp.zeros((2, 1)), xp.zeros(2, dtype=xp.int32), xp.zeros_like(x, dtype=xp.bool)),
}
ELSEWHERE = {
    "broadcast_shapes", "can_cast", "empty_like", "finfo", "from_dlpack", "iinfo", "isdtype", "ones_like", "zeros_like",
}  # fmt: skip
ROUNDED = {"cumulative_prod", "cumulative_sum", "matmul", "mean", "prod", "std", "sum", "tensordot", "var", "vecdot"}


def test_every_function_of_the_standard_is_compared():
    assert set(FUNCTIONS) == {*UNARY, *BINARY, *CASES, *ELSEWHERE, "finfo", "iinfo"}


@pytest.mark.parametrize("name", CASES)
def test_functions_against_the_strict_namespace(name):

    @few
    @given(st.data())
    def run(data):
        for dtype in DTYPES:
            x = values(data.draw, dtype, (2, 3), low=0 if dtype.startswith("uint") else -3, high=3)
            if name in ROUNDED and dtype.startswith("float"):
                x = np.nan_to_num(x, nan=1.0, posinf=2.0, neginf=-2.0) / 8  # sums in another order
            results = both(CASES[name], x)
            if results is not None:
                check(*results, f"{name}, x = {x!r}", eps=64)

    run()


CASES_WITHOUT_ELEMENTS = {
    "concat": lambda xp, x: xp.concat([x, x]),
    "matmul": lambda xp, x: xp.matmul(x, xp.matrix_transpose(x)),
}


@pytest.mark.parametrize(
    "name", ["sum", "prod", "any", "all", "mean", "var", "sort", "concat", "unique_values", "matmul"]
)
def test_functions_of_arrays_without_elements(name):
    for shape in ((0, 3), (2, 0)):
        for dtype in ("int32", "float32"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # NumPy warns of the mean of nothing
                results = both(
                    CASES_WITHOUT_ELEMENTS.get(name, lambda xp, x: getattr(xp, name)(x)), np.zeros(shape, dtype)
                )
            if results is not None:
                check(*results, f"{name} of {shape}")


@pytest.mark.parametrize("name", [name for name in CASES if name not in {"nonzero", "repeat"} and "unique" not in name])
def test_traced_functions_give_the_same(name):
    x = strict.asarray(np.array([[1.5, -2.0, 3.0], [0.25, 5.0, -6.0]]))
    eager = flat(CASES[name](cnp, cnp.asarray(x)))
    traced = flat(compiler.jit(lambda x: CASES[name](cnp, x))(x))
    for one, other in zip(eager, traced, strict=True):
        if hasattr(one, "dtype"):
            assert isinstance(other, type(x))
            np.testing.assert_allclose(np.asarray(other), np.asarray(one), rtol=1e-14)


# Results whose shape depends on values


def test_traced_functions_need_sizes():
    for function in (cnp.nonzero, cnp.unique_values, cnp.unique_all, cnp.unique_counts, cnp.unique_inverse):
        with pytest.raises(compiler.UnsupportedError, match="size="):
            compiler.jit(function)(np.array([1, 0, 1]))


def test_sizes_make_results_static():
    x = np.array([3, 0, 3, 1])
    positions = compiler.jit(lambda x: cnp.nonzero(x, size=4, fill_value=-1))(x)
    np.testing.assert_array_equal(positions[0], [0, 2, 3, -1])
    np.testing.assert_array_equal(compiler.jit(lambda x: cnp.nonzero(x, size=2))(x)[0], [0, 2])
    result = compiler.jit(lambda x: cnp.unique_all(x, size=4))(x)
    np.testing.assert_array_equal(result.values, [0, 1, 3, 0])
    np.testing.assert_array_equal(result.counts, [1, 1, 2, 0])
    np.testing.assert_array_equal(result.values[result.inverse_indices], x)
    np.testing.assert_array_equal(compiler.jit(lambda x: cnp.unique_counts(x, size=2))(x).counts, [1, 1])


def test_values_that_are_not_numbers_are_all_different():
    result = cnp.unique_all(cnp.asarray([math.nan, 1.0, math.nan, 1.0]))
    np.testing.assert_array_equal(result.values, [1.0, math.nan, math.nan])
    np.testing.assert_array_equal(result.counts, [2, 1, 1])


def test_masks_pick_elements():
    array = np.array([[1.0, -2.0, 3.0], [-4.0, 5.0, -6.0]])
    x = cnp.asarray(array)
    check(x[x > 0], array[array > 0], "all elements")
    check(x[x[:, 0] > 0], array[array[:, 0] > 0], "rows")
    check(x[cnp.asarray([True, True]), cnp.asarray([2, 0])], array[[0, 1], [2, 0]], "with positions")
    check(x[:, np.array([True, False, True])], array[:, [0, 2]], "columns")
    check(x[x > 100], array[array > 100], "none")


def test_functions_of_numpy_whose_shape_depends_on_values():
    array = np.array([[3.0, math.nan, 1.0], [0.0, 3.0, math.nan]])
    for call in (
        np.nonzero,
        np.flatnonzero,
        np.argwhere,
        np.where,
        np.unique,
        lambda x: np.unique(x, return_index=True, return_inverse=True, return_counts=True),
        lambda x: np.unique(x, equal_nan=False),
        lambda x: np.bincount((x.ravel()[2:5]).astype(int)),
        lambda x: np.bincount(np.zeros_like(x, dtype=int).ravel(), minlength=3),
    ):
        check(call(cnp.asarray(array)), call(array), "of NumPy")
    check(cnp.unique(cnp.asarray(array), return_counts=True), np.unique(array, return_counts=True), "of the namespace")


def test_membership_may_be_inverted():
    x = cnp.asarray([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(cnp.isin(x, x[0], invert=True), [[False, False], [True, True]])


# Beyond the standard


def test_names_of_numpy_beyond_the_standard_run():
    x = cnp.asarray([[1.0, 2.0], [3.0, 4.0]])
    for name in ("concatenate", "vstack", "hstack"):
        np.testing.assert_array_equal(getattr(cnp, name)([x, x]), getattr(np, name)([x, x]))
    np.testing.assert_array_equal(cnp.einsum("ij,kj->ik", x, x), np.einsum("ij,kj->ik", x, x))
    np.testing.assert_array_equal(cnp.pad(x, 1), np.pad(np.asarray(x), 1))
    np.testing.assert_array_equal(compiler.jit(cnp.trace)(x), 5.0)
    assert isinstance(cnp.absolute(x), compiler.Tensor)


def test_names_of_numpy_are_functions_that_tracing_has():
    known = {*FUNCTIONS_OF_TRACING, *UFUNC_RULES, *MATRIX_PRODUCTS, *VALUE_DEPENDENT}
    names = [name for name, value in vars(numpy_names).items() if getattr(value, "__module__", "").startswith("numpy")]
    assert len(names) > 100
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner()
    for name in names:
        (examples,) = finder.find(getattr(cnp, name), name, module=False, globs={**vars(cnp), "np": np})
        assert examples.examples, f"{name} needs an example in numpy_documentation.py"
        assert runner.run(examples).failed == 0, name
        assert getattr(cnp, name) is getattr(numpy_names, name)
        assert getattr(np, name, np.lib.stride_tricks.sliding_window_view) in known, name


IN_THE_LANGUAGE_OF_NUMPY_ONLY = {
    *(np.copyto, np.put, np.place, np.putmask, np.put_along_axis, np.fill_diagonal),  # they change an argument
    *(np.asanyarray, np.ascontiguousarray),  # there is one kind of array and one layout: `asarray`
    np.ndarray.view,  # a method
}


def test_functions_that_tracing_has_are_names_of_the_namespace():
    known = {*FUNCTIONS_OF_TRACING, *UFUNC_RULES, *MATRIX_PRODUCTS, *VALUE_DEPENDENT} - IN_THE_LANGUAGE_OF_NUMPY_ONLY
    of_linalg = {function for function in known if getattr(np.linalg, function.__name__, None) is function}
    of_fft = {function for function in known if getattr(np.fft, function.__name__, None) is function}
    assert {function.__name__ for function in known - of_linalg - of_fft} - set(cnp.__all__) == set()
    assert {*IN_THE_LANGUAGE_OF_NUMPY_ONLY} <= set(FUNCTIONS_OF_TRACING)


def test_new_arrays_may_be_assigned_to_in_traced_functions():
    def first_squares(x):
        result = cnp.zeros(3)
        for i in range(3):
            result[i] = x[i] * x[i]
        return result

    np.testing.assert_array_equal(compiler.jit(first_squares)(np.array([1.0, 2.0, 3.0])), [1.0, 4.0, 9.0])


# Mistakes


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: cnp.zeros(2, device="gpu"), compiler.ArgumentError, "no device 'gpu'"),
        (lambda x: cnp.zeros(2, dtype="datetime64[s]"), compiler.DtypeError, "datetime64"),
        (lambda x: cnp.asarray([1], copy=False), compiler.CopyError, "leave copy out"),
        (lambda x: cnp.asarray(x, dtype=cnp.int32, copy=False), compiler.CopyError, "float64 is converted to int32"),
        (lambda x: cnp.reshape(x[:, 1:], (4,), copy=False), compiler.CopyError, "reshape"),
        (lambda x: cnp.nonzero(cnp.asarray(1.0)), compiler.ShapeError, "no dimension"),
        (cnp.cumulative_sum, compiler.ShapeError, "say which with axis="),
        (lambda x: cnp.matrix_transpose(x[0]), compiler.ShapeError, "at least two dimensions"),
        (lambda x: cnp.repeat(x, cnp.asarray([1, 2]), axis=1), compiler.ShapeError, "do not fit 3 positions"),
        (lambda x: cnp.broadcast_shapes((2,), (3,)), compiler.ShapeError, "broadcast_shapes"),
        (lambda x: cnp.sum(object()), compiler.ArgumentError, "expected an array, got object"),
        (lambda x: cnp.bitwise_and(x, x), compiler.DtypeError, "float64 and float64"),
        (lambda x: cnp.add(x, cnp.ones((4,))), compiler.ShapeError, "do not fit"),
    ],
)
def test_mistakes_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call(cnp.asarray([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
