"""`compiler.Tensor`: an array that nobody can change and whose operations are compiled."""

import copy
import gc
import operator
import pickle
import threading

import numpy as np
import pytest

import compiler
import compiler.numpy as cnp
from compiler import Tensor, eager_programs

F32 = np.float32


@pytest.fixture
def x():
    return Tensor([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]])


def same(tensor, array):
    """Whether a `Tensor` has the dtype, shape and values of what NumPy gives."""
    assert isinstance(tensor, Tensor)
    expected = np.asarray(array)
    assert (tensor.dtype, tensor.shape) == (expected.dtype, expected.shape)
    np.testing.assert_allclose(np.asarray(tensor), expected, rtol=1e-15)
    return True


# Making one


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1, "int64"),
        (2.5, "float64"),
        (True, "bool"),
        ([[1, 2]], "int64"),
        (np.ones(2, F32), "float32"),
        ([], "float64"),
    ],
)
def test_data_decides_the_dtype(data, dtype):
    assert Tensor(data).dtype == dtype
    assert Tensor(data, np.float32).dtype == F32


def test_arrays_are_copied_unless_nobody_can_change_them():
    array = np.ones(3)
    tensor = Tensor(array)
    array[0] = 7.0
    assert tensor.tolist() == [1.0, 1.0, 1.0]
    view = array.view()
    view.flags.writeable = False  # the array below it is writable
    assert not np.shares_memory(Tensor(view), array)
    array.flags.writeable = False
    assert np.shares_memory(Tensor(array), array)
    assert np.shares_memory(Tensor(tensor), tensor)


def test_unsupported_data_is_refused():
    with pytest.raises(compiler.DtypeError, match="datetime64"):
        Tensor(np.zeros(2, "datetime64[s]"))


# It does not change


def test_nothing_can_be_assigned(x):
    with pytest.raises(compiler.UnsupportedError, match="a Tensor cannot be changed"):
        x[0] = 1.0
    with pytest.raises(compiler.UnsupportedError, match="out="):
        np.add(x, x, out=x)
    with pytest.raises(compiler.UnsupportedError, match=r"np\.copyto"):
        np.copyto(x, 1.0)
    with pytest.raises(compiler.UnsupportedError, match=r"np\.add\.at"):
        np.add.at(x, 0, 1.0)
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(x)[0] = 1.0
    assert not hasattr(x, "__dict__")
    with pytest.raises(TypeError, match="unhashable"):
        hash(x)


def test_operators_in_place_rebind_the_name(x):
    y = x
    y += 1.0
    y *= x
    y -= np.ones(3)
    y **= 2
    assert same(y, ((np.asarray(x) + 1) * np.asarray(x) - 1) ** 2)
    assert x.tolist()[0] == [1.0, -2.0, 3.0]
    z = Tensor(np.ones(2, F32))
    z += Tensor([0.5, 0.25])
    assert same(z, np.array([1.5, 1.25], F32))
    n = Tensor([1, 2])
    with pytest.raises(compiler.DtypeError, match="float64, which is not cast to int64"):
        n /= 2
    with pytest.raises(compiler.ShapeError, match=r"in place the shape \(2,\) stays"):
        n += Tensor([[1, 2], [3, 4]])


def test_results_go_into_numpy_arrays(x):
    total = np.zeros((2, 3))
    kept = total
    total += x
    np.testing.assert_array_equal(kept, x)
    out = np.empty(3)
    for call in (lambda: np.sum(x, axis=0, out=out), lambda: np.sum(x, 0, None, out)):
        out[:] = 0.0
        assert call() is out
        np.testing.assert_array_equal(out, [5.0, 3.0, -3.0])
    np.multiply(out, Tensor(2.0), out=out, where=Tensor([True, False, True]))
    np.testing.assert_array_equal(out, [10.0, 3.0, -6.0])
    assert np.multiply(x, 2, out=kept) is kept
    np.testing.assert_array_equal(kept, 2 * np.asarray(x))


# Operators, methods and NumPy's functions

BINARY = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "lt", "le", "gt", "ge", "eq", "ne"]


@pytest.mark.parametrize("name", [*BINARY, "matmul", "and_", "or_", "xor"])
def test_operators_in_both_orders(name):
    apply = getattr(operator, name)
    x, y = np.array([[5, 7], [2, 9]]), np.array([[2, 3], [1, 4]])
    assert same(apply(Tensor(x), Tensor(y)), apply(x, y))
    assert same(apply(Tensor(x), y), apply(x, y))
    assert same(apply(x, Tensor(y)), apply(x, y))
    if name != "matmul":
        assert same(apply(Tensor(x), 3), apply(x, 3))
        assert same(apply(3, Tensor(y)), apply(3, y))


def test_unary_operators():
    x = np.array([1.5, -2.0])
    for apply in (operator.neg, operator.pos, abs):
        assert same(apply(Tensor(x)), apply(x))
    assert same(~Tensor([True, False]), [False, True])
    assert same(~Tensor([5, -1]), [-6, 0])


def test_operands_that_are_no_arrays_are_refused(x):
    with pytest.raises(TypeError, match="unsupported operand"):
        x + "1"
    assert (x == "1") is False
    with pytest.raises(compiler.ShapeError, match="do not fit"):
        x + Tensor([1.0, 2.0])


def test_python_scalars_adopt_the_dtype(x):
    small = Tensor(np.array([1, 2], np.int32))
    assert same(small + 1, np.array([2, 3], np.int32))
    assert same(small * 1.5, np.array([1.5, 3.0]))
    assert same(Tensor(np.ones(2, F32)) * 1.1, np.ones(2, F32) * F32(1.1))
    with pytest.raises(compiler.DtypeError, match="4294967296 does not fit into int32"):
        small + 2**32
    assert same(small < 2**40, [True, True])


def test_python_integers_out_of_range_do_not_wrap_around():
    x = np.array([-100, 100], np.int8)
    for call in (
        lambda x: np.clip(x, -1000, 50),
        lambda x: np.clip(x, 0, 1000),
        lambda x: x > 1000,
        lambda x: x != -129,
    ):
        assert same(call(Tensor(x)), call(x))
    with pytest.raises(compiler.DtypeError, match="300 does not fit into int8"):
        Tensor(x) * 300


def test_methods_are_those_of_numpy(x):
    array = np.asarray(x)
    for name, args in [
        ("sum", (0,)), ("prod", ()), ("mean", (1,)), ("var", ()), ("std", (0,)), ("max", ()), ("min", (1,)), ("argmax", ()),
        ("argmin", (0,)), ("any", ()), ("all", (1,)), ("reshape", (3, 2)), ("reshape", ((6,),)), ("ravel", ()),
        ("flatten", ()), ("transpose", ()), ("swapaxes", (0, 1)), ("repeat", (2, 1)), ("take", ([2, 0], 1)), ("clip", (-1, 2)),
        ("round", ()), ("astype", (np.int32,)), ("dot", (array.T,)), ("trace", ()), ("diagonal", ()), ("conj", ()),
    ]:  # fmt: skip
        assert same(getattr(x, name)(*args), getattr(array, name)(*args)), name
    assert same(x.T, array.T)
    assert same(x.mT, array.T)
    assert x.real is x
    assert (x.size, x.ndim, x.itemsize, x.nbytes, len(x)) == (6, 2, 8, 48, 2)
    assert x.tobytes() == array.tobytes()


def test_functions_of_numpy_give_tensors(x):
    array = np.asarray(x)
    for call in (
        np.sin,
        lambda x: np.sum(x, axis=0, keepdims=True),
        lambda x: np.concatenate([x, x], axis=1),
        lambda x: np.where(x > 0, x, 0.0),
        lambda x: np.clip(x, -1, 1),
        np.add.reduce,
        lambda x: np.add(x, x, dtype=np.float32),
        lambda x: np.einsum("ij,ij->i", x, x),
        np.zeros_like,
        lambda x: np.maximum(x, np.zeros(3)),
        lambda x: np.matmul(x, x.T),
        lambda x: np.full_like(x, 2.5),
    ):
        assert same(call(x), call(array))
    assert same(np.ones(2, like=x), np.ones(2))
    quotient, remainder = np.divmod(x, 2.0)
    assert same(quotient, array // 2)
    assert same(remainder, array % 2)
    assert np.shape(x) == (2, 3)
    assert np.result_type(x, np.float32) == np.float64
    assert bool(np.array_equal(x, array))
    assert not np.allclose(x, 0)


def test_settings_may_be_scalars_of_numpy(x):
    array = np.asarray(x)
    for axis in np.arange(2):
        assert same(x.sum(axis=axis), array.sum(axis=axis))
        assert same(np.max(x, axis, keepdims=np.True_), np.max(array, axis, keepdims=True))
    assert same(np.where(x > 0, x, np.float32(1.5)), np.where(array > 0, array, np.float32(1.5)))
    assert same(np.multiply(x, np.int32(2)), array * 2)


def test_functions_that_jit_lacks_are_refused(x):
    with pytest.raises(compiler.UnsupportedError, match=r"np\.setxor1d"):
        np.setxor1d(x, x)


# Indexing


@pytest.mark.parametrize(
    "index",
    [
        0, -1, (0, 1), (slice(None), 1), (slice(None, None, -2),), ..., (..., 0), (None, 0), (slice(1), None, slice(1, 3)),
        [1, 0], ([0, 1, 1], [2, 0, -1]), (slice(None), [2, 0]), (0, [0, 2]), (None, [1]), (np.array([[0], [1]]), np.array([0, 2])),
        np.array([], int), (slice(0, 0), [1]), np.int64(1), (..., np.array([1, 1])),
    ],
    ids=str,
)  # fmt: skip
def test_indices_mean_what_they_mean_in_numpy(x, index):
    assert same(x[index], np.asarray(x)[index])
    tensors = (
        tuple(Tensor(part) if isinstance(part, np.ndarray) else part for part in index)
        if isinstance(index, tuple)
        else index
    )
    assert same(x[tensors], np.asarray(x)[index])


def test_basic_indices_are_views_of_the_same_memory(x):
    assert np.shares_memory(x[:, 1:], x)
    assert np.shares_memory(x[0, 0], x)
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(x[0])[0] = 1.0


def test_positions_may_change_without_compiling_again(x):
    positions = Tensor([1, 0])
    x[positions]
    before = len(eager_programs._programs)
    np.testing.assert_array_equal(x[Tensor([0, 0])], np.asarray(x)[[0, 0]])
    assert len(eager_programs._programs) == before


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        (2, compiler.ShapeError, "out of bounds"),
        ((0, 3), compiler.ShapeError, "out of bounds"),
        ([0, 2], compiler.ShapeError, "2 is out of bounds for dimension 0 of size 2"),
        ((slice(None), [0, -4]), compiler.ShapeError, "-4 is out of bounds for dimension 1 of size 3"),
        ((0, 0, 0), compiler.ShapeError, "too many indices"),
        (([0], 0, 0), compiler.ShapeError, "3 dimensions are indexed"),
        ([0.5], compiler.DtypeError, "float64 cannot be an index"),
        ("a", compiler.DtypeError, "str cannot be an index"),
        (np.array([True]), compiler.ShapeError, r"the mask has shape \(1,\)"),
        (True, compiler.UnsupportedError, "single bool"),
    ],
    ids=str,
)
def test_wrong_indices_are_named(x, index, error, message):
    with pytest.raises(error, match=message):
        x[index]


def test_iteration_gives_the_parts(x):
    assert [row.tolist() for row in x] == x.tolist()
    first, _ = x
    assert same(first, np.asarray(x)[0])
    with pytest.raises(compiler.ShapeError, match="without a dimension"):
        iter(Tensor(1.0))


# Python values, text, copies


def test_python_values():
    assert (bool(Tensor(2)), int(Tensor(2.7)), float(Tensor(2)), complex(Tensor(1.5))) == (True, 2, 2.0, 1.5 + 0j)
    assert [10, 20, 30][Tensor(1)] == 20
    assert Tensor([[5]]).item() == 5
    assert f"{Tensor(1.25):.1f}" == "1.2"
    with pytest.raises(compiler.ShapeError, match=r"bool: an array of shape \(1,\) .* use `.any\(\)`"):
        bool(Tensor([True]))
    with pytest.raises(compiler.DtypeError, match="float64 is not an integer"):
        operator.index(Tensor(1.0))
    with pytest.raises(compiler.ShapeError, match="len"):
        len(Tensor(1.0))


def test_text_is_that_of_numpy():
    assert repr(Tensor([1.0, 2.0])) == "Tensor([1., 2.])"
    assert repr(Tensor(np.array([[1, 2], [3, 4]], np.int32))) == "Tensor([[1, 2],\n        [3, 4]], dtype=int32)"
    assert str(Tensor([1, 2])) == "[1 2]"
    assert repr(Tensor(np.zeros((0, 2)))) == repr(np.zeros((0, 2))).replace("array", "Tensor")


def test_copies_are_the_same_object_and_pickles_are_equal(x):
    assert copy.copy(x) is x
    assert copy.deepcopy({"a": x})["a"] is x
    assert x.copy() is x
    again = pickle.loads(pickle.dumps(x[:, ::2]))
    assert same(again, np.asarray(x)[:, ::2])
    with pytest.raises(compiler.UnsupportedError, match="cannot be changed"):
        again[0, 0] = 1.0


def test_devices(x):
    assert x.device == "cpu"
    assert x.to_device("cpu") is x
    with pytest.raises(compiler.ArgumentError, match="no device 'cuda'"):
        x.to_device("cuda")
    with pytest.raises(compiler.ArgumentError, match="no streams"):
        x.to_device("cpu", stream=1)


# Programs


def test_a_signature_is_compiled_once():
    x = Tensor(np.linspace(0, 1, 7))
    np.cos(x) * 3.0
    before = dict(eager_programs._programs)
    for i in range(4):
        np.cos(Tensor(np.full(7, float(i)))) * float(i)
    assert eager_programs._programs.keys() == before.keys()
    assert same(np.cos(x) * 0.0, np.zeros(7))


def test_the_oldest_programs_are_forgotten(monkeypatch):
    monkeypatch.setattr(eager_programs, "_programs", {})
    monkeypatch.setattr(eager_programs, "CAPACITY", 2)
    for size in (2, 3, 4):
        Tensor(np.ones(size)) + 1.0
    assert len(eager_programs._programs) == 2


def test_threads_may_compute_at_once():
    wrong = []

    def work(k):
        for n in range(1, 6):
            x = Tensor(np.full((n, k % 3 + 1), float(k)))
            if abs(float((np.sin(x) * 2 + x).sum()) - x.size * (np.sin(k) * 2 + k)) > 1e-12:
                wrong.append((k, n))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_large_results_are_given_back():
    x = Tensor(np.zeros(1 << 20))
    for _ in range(3):
        x = x + 1.0
    gc.collect()
    assert x[-1].item() == 3.0


# In traced functions


def test_arrays_of_a_traced_function_that_is_over_are_refused(x):
    kept = []
    compiler.jit(lambda y: kept.append(y) or y)(1.0)
    for call in (lambda: x + kept[0], lambda: np.where(x, x, kept[0]), lambda: cnp.sum(kept[0])):
        with pytest.raises(compiler.TracingError, match="after the tracing of its function has finished"):
            call()


def test_a_tensor_is_a_constant_of_a_traced_function(x):
    array = np.asarray(x)

    @compiler.jit
    def function(y, i):
        return x + y, y @ x.T, np.sin(x) * y, x[i], x[0], np.concatenate([x, y]), y[Tensor([1, 0])], x.sum(), x

    y = np.ones((2, 3))
    expected = (
        array + y,
        y @ array.T,
        np.sin(array) * y,
        array[1],
        array[0],
        np.concatenate([array, y]),
        y,
        array.sum(),
        array,
    )
    for ours, theirs in zip(function(y, 1), expected, strict=True):
        assert isinstance(ours, np.ndarray)
        np.testing.assert_allclose(ours, theirs, rtol=1e-15)


def test_a_tensor_is_an_argument_of_transforms(x):
    gradient = compiler.grad(lambda x: (x * x).sum())
    assert same(gradient(x), 2 * np.asarray(x))
    assert same(compiler.vmap(np.dot)(x, x), (np.asarray(x) ** 2).sum(axis=1))
    out, pull_back = compiler.vjp(np.exp, x)
    assert same(out, np.exp(np.asarray(x)))
    assert same(pull_back(x)[0], np.exp(np.asarray(x)) * np.asarray(x))
    assert same(compiler.jvp(np.square, (x,), (x,))[1], 2 * np.asarray(x) ** 2)


def test_the_namespace_of_traced_arrays_is_that_of_tensors(x):
    def function(x):
        xp = x.__array_namespace__()
        return xp.concat([x, xp.zeros_like(x)])

    assert same(function(x), np.concatenate([x.__array__(), np.zeros((2, 3))]))
    assert same(compiler.jit(function)(x), np.concatenate([x.__array__(), np.zeros((2, 3))]))


def test_membership_and_nonzero_are_those_of_numpy():
    x = np.array([[0.0, 2.0], [3.0, 0.0]])
    tensor = compiler.Tensor(x)
    assert 2.0 in tensor
    assert 5 not in tensor
    for actual, expected in zip(tensor.nonzero(), x.nonzero(), strict=True):
        np.testing.assert_array_equal(np.asarray(actual), expected)
