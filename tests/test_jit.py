"""What `compiler.jit` promises: signatures, arguments of every kind, functions of every kind, threads."""

import re
import threading
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import compiler

ROOT = Path(__file__).resolve().parent.parent
F32, F64 = np.float32, np.float64


class Layer(NamedTuple):
    weights: np.ndarray
    bias: np.ndarray | None


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


# The cache of signatures


def test_a_signature_is_compiled_once():
    twice = compiler.jit(lambda x: x * 2)
    assert twice.cache_info() == (0, 0, 0)
    for _ in range(3):
        twice(np.ones(4))
    assert twice.cache_info() == (2, 1, 1)
    twice(np.ones(5))
    twice(np.ones(4, F32))
    assert twice.cache_info() == (2, 3, 3)
    twice.cache_clear()
    assert twice.cache_info() == (0, 0, 0)
    np.testing.assert_array_equal(twice(np.ones(4)), np.full(4, 2.0))


@pytest.mark.parametrize(
    "other",
    [
        np.ones((2, 2)),  # shape
        np.ones(4, F32),  # dtype
        np.ones(4, np.int64),
        1.0,  # a Python scalar
        np.float64(1.0),
        (np.ones(4),),  # structure
        {"a": np.ones(4)},
    ],
    ids=["shape", "float32", "int64", "scalar", "numpy scalar", "tuple", "dict"],
)
def test_shape_dtype_and_structure_are_part_of_the_signature(other):
    function = compiler.jit(lambda x: 1)
    function(np.ones(4))
    function(other)
    assert function.cache_info().misses == 2


def test_values_and_strides_are_not_part_of_the_signature():
    function = compiler.jit(lambda x, s: x * s)
    function(np.ones((4, 4)), 2.0)
    function(np.zeros((4, 4)).T[::-1], 3.0)
    assert function.cache_info().misses == 1


def test_the_function_runs_once_per_signature():
    calls = []

    @compiler.jit
    def function(x):
        calls.append(x.shape)
        return x + 1

    for size in (3, 3, 4, 3):
        function(np.ones(size))
    assert calls == [(3,), (4,)]


def test_a_failed_compilation_is_not_remembered():
    attempts = []

    @compiler.jit
    def function(x):
        attempts.append(1)
        if len(attempts) == 1:
            raise RuntimeError("the first time only")
        return x

    with pytest.raises(RuntimeError, match="the first time only"):
        function(np.ones(2))
    np.testing.assert_array_equal(function(np.ones(2)), np.ones(2))
    assert function.cache_info().misses == 1


# Static arguments


@pytest.mark.parametrize(
    "decorate",
    [
        partial(compiler.jit, static_argnums=1),
        partial(compiler.jit, static_argnums=(1,)),
        partial(compiler.jit, static_argnums=-1),
        partial(compiler.jit, static_argnames="n"),
        partial(compiler.jit, static_argnames=["n"]),
    ],
)
def test_static_arguments_are_constants_of_the_program(decorate):
    @decorate
    def power(x, n):
        for _ in range(n - 1):
            x = x * x
        return x

    x = np.array([2.0, 3.0])
    np.testing.assert_array_equal(power(x, 2), x**2)
    np.testing.assert_array_equal(power(x, n=2), x**2)
    np.testing.assert_array_equal(power(x, 3), x**4)
    power(x, 3)
    assert power.cache_info().hits == 1


def test_static_arguments_between_others_keep_their_places():
    @partial(compiler.jit, static_argnames=("first", "third"))
    def combine(first, second, third, fourth, *, fifth=1):
        assert isinstance(first, str)
        assert isinstance(third, tuple)
        return second * len(first) + fourth * sum(third) + fifth

    assert combine("ab", 10.0, (1, 2), 100.0) == 321.0
    assert combine("ab", 10.0, fourth=100.0, third=(1, 2), fifth=2) == 322.0


EQUAL_VALUES = [
    (1, True), (1, 1.0), (0.0, -0.0), ((1,), (1.0,)), (np.float32(0.0), np.float32(-0.0)), (0j, complex(0.0, -0.0)),
    (frozenset([1]), frozenset([1.0])),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), EQUAL_VALUES)
def test_static_values_that_are_equal_but_differ_are_told_apart(one, other):
    function = compiler.jit(lambda x, s: x + len(repr(s)), static_argnums=1)
    assert function(0, one) == len(repr(one))
    assert function(0, other) == len(repr(other))


@pytest.mark.parametrize("transform", [compiler.grad, partial(compiler.vmap, in_axes=(0, None, None))])
def test_static_arguments_reach_the_function_through_transforms(transform):
    def power(x, n, *, mode="square"):
        for _ in range(n):
            x = x * x
        return x if mode == "square" else 1 / x

    def apply(x, n, mode):
        return power(x, n, mode=mode)

    x = np.float64(2.0) if transform is compiler.grad else np.array([2.0, 3.0])
    static = compiler.jit(transform(apply), static_argnames=("n", "mode"))
    expected = {"square": 32.0 if transform is compiler.grad else x**4}
    expected["inverse"] = -4 / 2.0**5 if transform is compiler.grad else x**-4.0
    for mode, value in expected.items():
        np.testing.assert_allclose(static(x, 2, mode), value)


def test_a_static_argument_that_cannot_be_hashed_is_an_error():
    function = compiler.jit(lambda x, sizes: x, static_argnames="sizes")
    with pytest.raises(
        compiler.ArgumentError, match="static argument 'sizes' of type list is not hashable; pass a tuple"
    ):
        function(np.ones(2), sizes=[1])
    with pytest.raises(compiler.ArgumentError, match="static argument 1 of type list is not hashable"):
        function(np.ones(2), [1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"static_argnames": "z"}, "static_argnames has 'z'; the parameters are x, y"),
        ({"static_argnums": 2}, "static_argnums has 2"),
        ({"static_argnums": -3}, "static_argnums has -3"),
        ({"target": "abacus"}, "unknown target 'abacus'; use one of 'cpu', 'cuda'"),
    ],
)
def test_wrong_settings_are_errors_at_once(settings, message):
    with pytest.raises(compiler.ArgumentError, match=re.escape(message)):
        compiler.jit(lambda x, y: x, **settings)


def test_jit_of_what_is_no_function_is_an_error():
    with pytest.raises(compiler.ArgumentError, match="expected a function, got int"):
        compiler.jit(3)


# Arguments and results


def test_keyword_arguments():
    @compiler.jit
    def function(x, *, scale, shift=1.0):
        return x * scale + shift

    assert function(2.0, scale=3.0) == 7.0
    assert function(2.0, shift=0.0, scale=3.0) == 6.0
    assert function(x=2.0, scale=3.0) == 7.0


def test_arguments_and_results_are_trees():
    @compiler.jit
    def function(params, xs, nothing):
        assert nothing is None
        assert params["last"].bias is None
        x = xs[0] @ params["first"].weights + params["first"].bias
        return {"y": x @ params["last"].weights, "params": params, "none": None, "pair": [xs, (1, 2.5, True)]}

    first = Layer(np.eye(3), np.ones(3))
    last = Layer(np.full((3, 2), 2.0), None)
    x = np.arange(6.0).reshape(2, 3)
    result = function({"first": first, "last": last}, [x, x + 1], None)
    np.testing.assert_array_equal(result["y"], (x + 1) @ last.weights)
    assert isinstance(result["params"]["first"], Layer)
    assert result["params"]["last"].bias is None
    assert result["none"] is None
    np.testing.assert_array_equal(result["pair"][0][1], x + 1)
    assert [value.dtype for value in result["pair"][1]] == [np.int64, F64, np.bool_]


def test_results_are_new_arrays():
    x = np.ones(3)
    one, other = compiler.jit(lambda x: (x, x))(x)
    one += 1
    np.testing.assert_array_equal(x, np.ones(3))
    np.testing.assert_array_equal(other, np.ones(3))


def test_assignment_to_an_argument_stays_inside():
    @compiler.jit
    def function(x):
        x[0] = 7
        x += 1
        return x

    x = np.zeros(3)
    np.testing.assert_array_equal(function(x), [8.0, 1.0, 1.0])
    np.testing.assert_array_equal(x, np.zeros(3))


@pytest.mark.parametrize(("dtype", "scalar", "result"), [
    (F32, 2, F32), (F32, 2.5, F32), (np.int32, 2, np.int32), (np.int32, 2.5, F64), (np.bool_, 1, np.int64), (F64, True, F64),
])  # fmt: skip
def test_python_scalars_adopt_the_dtype_of_arrays(dtype, scalar, result):
    x = np.ones(3, dtype)
    got = compiler.jit(lambda x, s: x * s)(x, scalar)
    assert got.dtype == result == (x * scalar).dtype
    np.testing.assert_array_equal(got, x * scalar)


def test_numpy_scalars_keep_their_dtype():
    assert compiler.jit(lambda x, s: x * s)(np.ones(3, F32), F64(2)).dtype == F64


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (0, 3), (1,), (1, 1, 1)])
def test_scalars_empty_arrays_and_single_elements(shape):
    x = np.full(shape, 0.5, F32)
    function = compiler.jit(lambda x: (np.exp(x) + 1, x.sum()))
    elementwise, total = function(x)
    assert elementwise.shape == shape
    assert isinstance(elementwise, np.ndarray)
    np.testing.assert_allclose(elementwise, np.exp(x) + 1, rtol=1e-6)
    np.testing.assert_allclose(total, x.sum())


def arrangements():
    base = np.arange(24.0).reshape(4, 6)
    misaligned = np.frombuffer(b"x" + base.tobytes(), np.uint8)[1:].view(F64).reshape(4, 6)
    read_only = base.copy()
    read_only.flags.writeable = False
    return {
        "contiguous": base,
        "transposed": base.T.copy().T,
        "every other": np.repeat(base, 2, axis=1)[:, ::2],
        "reversed": base[::-1, ::-1].copy()[::-1, ::-1],
        "broadcast": np.broadcast_to(base[0], (4, 6)),
        "fortran": np.asfortranarray(base),
        "misaligned": misaligned,
        "big-endian": base.astype(">f8"),
        "read-only": read_only,
    }


@pytest.mark.parametrize("name", arrangements())
def test_memory_layout_of_arguments_does_not_matter(name):
    x = arrangements()[name]
    np.testing.assert_allclose(compiler.jit(lambda x: np.tanh(x) @ x.T)(x), np.tanh(x) @ x.T, rtol=1e-13)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            np.ones(2, np.longdouble),
            f"argument x: dtype {np.dtype(np.longdouble).name} is not supported; convert with `.astype(np.float64)`",
        ),
        (np.array(["a"]), "argument x: dtype str"),
        (2**70, "does not fit into int64"),
    ],
)
def test_an_unsupported_dtype_is_named_with_what_to_do(value, message):
    with pytest.raises(compiler.DtypeError, match=re.escape(message)):
        compiler.jit(lambda x: x)(value)


def test_an_integer_that_is_too_large_is_an_error_after_one_that_fits_too():
    function = compiler.jit(lambda x: x + 1)
    assert function(1) == 2
    with pytest.raises(compiler.DtypeError, match="does not fit into int64"):
        function(2**70)


@pytest.mark.parametrize("value", ["text", object(), {1, 2}])
def test_an_argument_that_is_no_array_is_an_error_that_names_it(value):
    with pytest.raises(compiler.ArgumentError, match=r"argument params\['w'\]: .* is not an array; pass NumPy arrays"):
        compiler.jit(lambda params: params["w"])({"w": value})


@pytest.mark.parametrize("value", ["text", object()])
def test_a_result_that_is_no_array_is_an_error(value):
    with pytest.raises(
        compiler.ArgumentError, match=r"the result\[1\] is of type .*; a traced function returns arrays"
    ):
        compiler.jit(lambda x: (x, value))(1.0)


# Functions of every kind


def test_large_arrays_of_a_closure_are_passed_by_pointer():
    table = np.arange(1000.0)
    function = compiler.jit(lambda x: x + table)
    text = function.lower(np.ones(1000)).as_text()
    assert "dense<" not in text
    assert len(text) < 1000
    np.testing.assert_array_equal(function(np.ones(1000)), table + 1)


def test_arrays_of_a_closure_are_taken_as_they_were():
    table = np.arange(1000.0)
    function = compiler.jit(lambda x: x + table)
    expected = function(0.0)
    table += 1
    np.testing.assert_array_equal(function(0.0), expected)


def test_jit_inside_jit_and_of_jit():
    inner = compiler.jit(lambda x, n: x * n, static_argnums=1)
    outer = compiler.jit(compiler.jit(lambda x: inner(x, 2) + inner(x, 3)))
    np.testing.assert_array_equal(outer(np.ones(3)), np.full(3, 5.0))
    assert inner.cache_info().misses == 0  # it became part of the outer program


class Model:
    def __init__(self, scale):
        self.scale = scale

    @partial(compiler.jit, static_argnums=0)
    def apply(self, x):
        return x * self.scale


def test_methods_of_hashable_objects():
    double, triple = Model(2.0), Model(3.0)
    assert double.apply(4.0) == 8.0
    assert triple.apply(4.0) == 12.0
    assert "dlc.mul" in double.apply.lower(4.0).as_text()
    assert Model.apply.cache_info().misses == 2


def test_a_method_of_an_object_that_is_no_array_says_what_to_do():
    class Plain:
        @compiler.jit
        def apply(self, x):
            return x

    with pytest.raises(compiler.ArgumentError, match=r"argument self: Plain is not an array; .*static_argnames"):
        Plain().apply(1.0)


def test_partials_callable_objects_and_builtins():
    class Scale:
        def __call__(self, x):
            return 2 * x

    assert compiler.jit(partial(lambda a, b: a - b, 10.0))(4.0) == 6.0
    assert compiler.jit(Scale())(4.0) == 8.0
    assert compiler.jit(np.tanh)(0.0) == 0.0


def test_variadic_functions():
    @compiler.jit
    def total(*xs, **named):
        return sum(xs) + sum(named.values())

    assert total(1.0, 2.0, a=3.0, b=4.0) == 10.0


def test_the_wrapper_keeps_name_and_docstring():
    @compiler.jit
    def documented(x):
        """Say something."""
        return x

    assert documented.__name__ == "documented"
    assert documented.__doc__ == "Say something."
    assert "documented" in repr(documented)


def test_names_that_are_no_symbols_do_not_matter():
    def function(x):
        return x + 1

    for name in ("π", "1st", "a b", "", "arith.addf", "main"):
        function.__name__ = name
        assert compiler.jit(function)(1.0) == 2.0


# Threads


def test_eight_threads_share_a_function_from_the_first_call_on():
    function = compiler.jit(lambda x, y: softmax(x @ y))
    rng = np.random.default_rng(0)
    inputs = [(rng.standard_normal((8, 8 + i % 2)), rng.standard_normal((8 + i % 2, 5))) for i in range(8)]
    expected = [softmax(x @ y) for x, y in inputs]
    errors = []
    start = threading.Barrier(8)

    def work(index):
        start.wait()
        for _ in range(20):
            result = function(*inputs[index])
            if not np.allclose(result, expected[index], rtol=1e-12):
                errors.append(index)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert function.cache_info() == (158, 2, 2)


def test_threads_compile_different_functions_at_once():
    results = {}

    def work(index):
        function = compiler.jit(lambda x: np.tanh(x) + index)
        results[index] = float(function(0.0))

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {index: float(index) for index in range(4)}
