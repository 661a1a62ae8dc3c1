"""You get back the kind of array that you passed."""

import sys
import types

import array_api_strict
import numpy as np
import pytest

import compiler
import compiler.numpy as cnp
from compiler import Tensor

try:
    import jax
    import jax.numpy as jnp
except ImportError:
    jax = jnp = None

needs_jax = pytest.mark.skipif(jax is None, reason="JAX is not installed")

KINDS = {
    "numpy": (np.asarray, np.ndarray),
    "tensor": (Tensor, Tensor),
    "strict": (array_api_strict.asarray, type(array_api_strict.asarray(0))),
    "jax": (jnp and jnp.asarray, jax and jax.Array),
}
INSTALLED = [kind for kind in KINDS if kind != "jax" or jax is not None]
every_kind = pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=needs_jax) if kind == "jax" else kind for kind in KINDS]
)
X = np.arange(6, dtype=np.float32).reshape(2, 3)


@compiler.jit
def halves(x, y):
    return {"sum": (x + y).sum(axis=0), "rest": (x * 2, y)}


@every_kind
def test_results_are_of_the_kind_of_the_arguments(kind):
    make, cls = KINDS[kind]
    result = halves(make(X), make(X))
    for leaf, expected in ((result["sum"], 2 * X.sum(axis=0)), (result["rest"][0], 2 * X), (result["rest"][1], X)):
        assert isinstance(leaf, cls)
        np.testing.assert_array_equal(np.asarray(leaf), expected)


@every_kind
def test_transformed_functions_give_the_kind_too(kind):
    make, cls = KINDS[kind]

    def loss(x, y):
        return (x * x * y).sum()

    value, gradients = compiler.value_and_grad(loss, argnums=(0, 1))(make(X), make(X))
    assert isinstance(value, cls)
    assert all(isinstance(gradient, cls) for gradient in gradients)
    np.testing.assert_array_equal(np.asarray(gradients[1]), X * X)
    assert isinstance(compiler.vmap(lambda x: x.sum())(make(X)), cls)
    out, pull_back = compiler.vjp(loss, make(X), make(X))
    assert isinstance(out, cls)
    assert isinstance(pull_back(make(np.float32(1)))[0], cls)
    assert isinstance(compiler.jvp(np.sin, (make(X),), (make(X),))[1], cls)


@every_kind
def test_every_stage_takes_every_kind(kind):
    make, cls = KINDS[kind]
    x = make(X)
    lowered = halves.lower(x, x)
    assert "2x3xf32" in lowered.as_text()
    assert isinstance(lowered.compile()(x, x)["sum"], cls)
    assert halves.trace(x, x).out_info["sum"].shape == (3,)


def test_kinds_share_the_compiled_program():
    function = compiler.jit(lambda x: x + 1)
    for make, _ in (KINDS[kind] for kind in INSTALLED):
        function(make(X))
    assert function.cache_info() == (len(INSTALLED) - 1, 1, 1)


def test_python_scalars_give_numpy_arrays():
    assert type(compiler.jit(lambda x: x + 1)(1.0)) is np.ndarray
    assert type(compiler.jit(lambda: np.zeros(2))()) is np.ndarray


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("tensor", "numpy", "tensor"),
        ("numpy", "tensor", "tensor"),
        ("numpy", "strict", "strict"),
        pytest.param("tensor", "jax", "jax", marks=needs_jax),
        pytest.param("jax", "tensor", "jax", marks=needs_jax),
        pytest.param("jax", "numpy", "jax", marks=needs_jax),
        ("strict", "tensor", "strict"),
    ],
)
def test_another_library_wins_over_tensors_and_tensors_over_numpy(first, second, expected):
    result = halves(KINDS[first][0](X), KINDS[second][0](X))
    assert isinstance(result["sum"], KINDS[expected][1])


def test_a_library_without_a_namespace_of_its_arrays_is_found_by_its_name(monkeypatch):
    class Array:  # as PyTorch's tensors
        def __init__(self, array):
            self.array = array

        def __dlpack__(self, **kwargs):
            return self.array.__dlpack__(**kwargs)

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

    library = types.ModuleType("library")
    library.from_dlpack = lambda array: Array(np.from_dlpack(array))
    monkeypatch.setitem(sys.modules, "library", library)
    Array.__module__ = "library.arrays"
    x = np.ones((2, 3))
    result = compiler.jit(lambda x: x + 1)(Array(x))
    assert type(result) is Array
    np.testing.assert_array_equal(result.array, x + 1)


@every_kind
@pytest.mark.parametrize("dtype", ["bool", "int32", "float32"])
@pytest.mark.parametrize("shape", [(), (0, 3), (3, 2)])
def test_every_dtype_and_shape_goes_in_and_out(kind, dtype, shape):
    make, cls = KINDS[kind]
    x = np.ones(shape, dtype)
    result = compiler.jit(lambda x: x & True if x.dtype == bool else x + 1)(make(x))
    assert isinstance(result, cls)
    assert np.asarray(result).dtype == dtype
    np.testing.assert_array_equal(np.asarray(result), x if dtype == "bool" else x + 1)


@needs_jax
def test_two_other_libraries_in_one_call_are_an_error():
    with pytest.raises(compiler.ArgumentError, match=r"arrays of jax\.numpy and of array_api_strict in one call"):
        halves(jnp.asarray(X), array_api_strict.asarray(X))


def test_arrays_go_in_and_out_without_copies():
    x = array_api_strict.asarray(np.ones(1000, np.float32))
    assert np.shares_memory(cnp.from_dlpack(x), np.from_dlpack(x))
    result = compiler.jit(lambda x: x * 2)(Tensor(np.ones(1000)))
    assert np.shares_memory(np.from_dlpack(result), result)
    assert np.asarray(result) is np.asarray(result)


def test_memory_that_nobody_must_write_to_is_exported_as_such():
    x = Tensor([1.0, 2.0])
    exported = np.from_dlpack(x)
    assert np.shares_memory(exported, x)
    assert not exported.flags.writeable
    assert x.__dlpack_device__() == (1, 0)
    assert isinstance(array_api_strict.from_dlpack(x), type(array_api_strict.asarray(0)))

    class OldConsumer:  # asks for no version, so that it would not see the flag
        def __dlpack__(self, **_):
            return x.__dlpack__()

        def __dlpack_device__(self):
            return x.__dlpack_device__()

    assert not np.shares_memory(np.from_dlpack(OldConsumer()), x)


def test_from_dlpack_takes_arrays_of_every_library():
    for make, _ in (KINDS[kind] for kind in INSTALLED):
        tensor = cnp.from_dlpack(make(X))
        assert isinstance(tensor, Tensor)
        np.testing.assert_array_equal(tensor, X)
    array = np.ones(3)
    assert np.shares_memory(cnp.from_dlpack(array), array)
    assert not np.shares_memory(cnp.from_dlpack(array, copy=True), array)
    assert array.flags.writeable


def test_asarray_takes_arrays_of_every_library():
    for make, _ in (KINDS[kind] for kind in INSTALLED):
        tensor = cnp.asarray(make(X), dtype=cnp.float64)
        assert tensor.dtype == cnp.float64
        np.testing.assert_array_equal(tensor, X)
    array = np.ones(3)
    assert np.shares_memory(cnp.asarray(array, copy=False), array)
    assert not np.shares_memory(cnp.asarray(array), array)


def test_an_array_elsewhere_is_refused():
    class OnDevice:
        __module__ = "numpy"

        def __dlpack__(self, **_):
            raise AssertionError

        def __dlpack_device__(self):
            return (2, 0)

    with pytest.raises(compiler.ArgumentError, match=r"OnDevice on the DLPack device \(2, 0\); move it to the CPU"):
        halves(OnDevice(), 1.0)


def test_a_library_that_cannot_make_arrays_is_refused():
    class Exporter:
        __module__ = "math"

        def __dlpack__(self, **kwargs):
            return X.__dlpack__(**kwargs)

        def __dlpack_device__(self):
            return (1, 0)

    with pytest.raises(compiler.ArgumentError, match="Exporter, whose library has no from_dlpack"):
        halves(Exporter(), 1.0)


def test_other_arrays_are_operands_of_inner_functions():
    inner = compiler.jit(lambda x, y: x + y)
    outer = compiler.jit(lambda x: inner(x, Tensor(X)) + inner(x, array_api_strict.asarray(X)))
    np.testing.assert_array_equal(outer(X), 4 * X)


def test_the_arrays_of_a_pull_back_are_those_of_its_making():
    x = array_api_strict.asarray([1.0, 2.0])
    _, pull_back = compiler.vjp(lambda x: x * x, x)
    x[0] = 5.0
    np.testing.assert_array_equal(np.asarray(pull_back(array_api_strict.asarray([1.0, 1.0]))[0]), [2.0, 4.0])
