"""Indexing and assignment on tracers follow NumPy's rules: order of dimensions, views and copies, casts."""

from typing import Any

import numpy as np
import pytest
from traced import assert_as_numpy, run_traced

import compiler
from compiler.errors import DtypeError, ShapeError, TracingError, UnsupportedError
from compiler.tracing import trace

A = np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
I1, I2, I3 = np.array([0, 1, 1]), np.array([2, -1, 0]), np.array([[0], [1]])
MASK = np.arange(2 * 3).reshape(2, 3) % 2 == 0

READS = {
    "int": np.s_[1],
    "ints": np.s_[1, -1, 0, 2],
    "negative": np.s_[-1, :, -2],
    "numpy int": np.s_[np.int32(1), :, np.int64(2)],
    "0-d array": np.s_[np.array(1)],
    "slice": np.s_[:, 1:, :3, 1:4],
    "slice of one": np.s_[:, 1:2, 3:4],
    "step": np.s_[:, ::2, 1::2, ::3],
    "negative step": np.s_[::-1, ::-2, 3:0:-1, ::-3],
    "negative step to the start": np.s_[:, 1::-1, 2::-2],
    "slice out of range": np.s_[:, 1:100, -100:2],
    "empty slice": np.s_[:, 2:1, 3:3],
    "ellipsis": np.s_[..., 1],
    "ellipsis in the middle": np.s_[1, ..., 2],
    "empty ellipsis": np.s_[1, 2, ..., 3, 4],
    "newaxis": np.s_[np.newaxis, :, None, 1, ..., None],
    "nothing": (),
    "only ellipsis": np.s_[...],
    "array": np.s_[I1],
    "list": np.s_[[0, 1, 0, -1]],
    "empty list": np.s_[[]],
    "array second": np.s_[:, I2],
    "array last": np.s_[..., I2],
    "two adjacent": np.s_[:, I2, I1],
    "two apart": np.s_[I1, :, I2],
    "adjacent with int": np.s_[:, 1, I2],
    "apart with int": np.s_[1, :, I2],
    "int after": np.s_[:, I1, :, 2],
    "broadcast": np.s_[:, I3, I2],
    "broadcast apart": np.s_[I3, :, I2],
    "slices around": np.s_[::-1, I2, 1:3, ::2],
    "reversed and otherwise whole": np.s_[::-1, I2],
    "reversed, int and array": np.s_[:, -3, ::-1, I2],
    "newaxis between": np.s_[:, I2, None, I1],
    "newaxis before": np.s_[None, :, I2],
    "ellipsis between": np.s_[I1, ..., I2],
    "empty ellipsis between": np.s_[:, :, I1, ..., I2],
    "three": np.s_[I1, I2, I1],
    "mask": np.s_[MASK],
    "mask of one dimension": np.s_[:, np.array([True, False, True])],
    "mask and array": np.s_[np.array([True, True]), I1[:2]],
    "mask and slice": np.s_[MASK, 1:3],
    "full mask": A > 50,
    "mask of nothing": np.s_[np.zeros(2, bool)],
    "unsigned": np.s_[np.array([1, 0], np.uint8)],
    "two dimensional": np.s_[np.array([[0, 1], [1, 0]]), :, np.array([[0], [3]])],
}


@pytest.mark.parametrize("name", READS)
def test_reading_is_as_in_numpy(name: str) -> None:
    assert_as_numpy(lambda x: x[READS[name]], A)


@pytest.mark.parametrize("name", READS)
def test_assigning_a_scalar_is_as_in_numpy(name: str) -> None:
    def fn(x: Any) -> Any:
        x = x.copy()
        x[READS[name]] = -1
        return x

    assert_as_numpy(fn, A)


@pytest.mark.parametrize("name", READS)
def test_assigning_an_array_is_as_in_numpy(name: str) -> None:
    shape = A[READS[name]].shape
    values = np.random.default_rng(0).normal(size=shape)

    def fn(x: Any, v: Any) -> Any:
        x = x.copy()
        x[READS[name]] = v
        return x

    assert_as_numpy(fn, A, values)
    if shape:
        assert_as_numpy(fn, A, np.arange(float(shape[-1])))


@pytest.mark.parametrize("name", READS)
def test_updating_in_place_is_as_in_numpy(name: str) -> None:
    def fn(x: Any) -> Any:
        x = x.copy()
        x[READS[name]] += 2
        x[READS[name]] *= x[READS[name]]
        return x

    assert_as_numpy(fn, A)


@pytest.mark.parametrize("dtype", [np.bool_, np.int32, np.float32])
def test_reading_and_assigning_keep_the_dtype(dtype: Any) -> None:
    def fn(x: Any) -> Any:
        y = x.copy()
        y[1:, ::2] = x[:-1, 1::2]
        y[0, [0, 2]] = 1.75
        return y, x[[0, 1]], x[1], x[0, 0]

    assert_as_numpy(fn, np.arange(12).reshape(3, 4).astype(dtype))


def test_traced_positions_count_from_the_end_if_negative() -> None:
    def fn(x: Any, i: Any, j: Any) -> Any:
        return x[i], x[:, j], x[i, :, j], x[..., j], x[i, 1:3, ::2], x[j, None], x[[0, 1], j]

    for i, j in ((0, 1), (1, -1), (-2, -2)):
        assert_as_numpy(fn, A[:, :, :, :2], np.int64(i), np.int32(j))
        assert_as_numpy(fn, A[:, :, :, :2], i, j)


def test_traced_index_arrays_are_as_in_numpy() -> None:
    def fn(x: Any, i: Any, j: Any) -> Any:
        return (
            x[i],
            x[:, j],
            x[i, j],
            x[i, :, j],
            x[:, i, j],
            x[[1], i],
            x[i, 1:, 2],
            x[j[:, None] * 0, i],
            x.take(i, 1),
        )

    assert_as_numpy(fn, A, np.array([0, 1, -1]), np.array([2, -3, 0], np.int32))


def test_assigning_at_traced_positions_is_as_in_numpy() -> None:
    def fn(x: Any, i: Any, j: Any) -> Any:
        y, z, w = x.copy(), x.copy(), x.copy()
        y[j] = 1
        y[0, i] = 2
        y[:, j, ::2] += 3
        z[:, i] = x[:, ::-1]
        z[1, i] *= 2
        w[j, i] = np.arange(3)[:, None, None]
        np.add.at(w, (j, i), 1.0)
        np.subtract.at(w, (0, slice(None), i), 1.0)
        return y, z, w

    assert_as_numpy(fn, A, np.array([0, 2, -2]), np.int64(1))


def test_last_of_equal_positions_stays() -> None:
    def fn(x: Any) -> Any:
        x = x.copy()
        x[[1, 1, 1]] = np.array([5.0, 6.0, 7.0])
        x[[2, 2]] += 1
        return x

    assert_as_numpy(fn, np.zeros(4))


def test_views_share_and_copies_do_not() -> None:
    def fn(x: Any) -> Any:
        base = x * 1
        view, copy, flat = base[1:-1], base[[1, 2]], base.reshape(-1)
        turned = base.T
        view += 1
        copy += 100
        turned[0] = -5
        flat[3:5] = 50
        view[0, ::-1] *= 2
        row = view[1]
        row[...] = 9
        column = base[:, 1:3][:, 0]
        column -= 1
        return base, view, copy, flat, turned, row, column

    assert_as_numpy(fn, np.arange(20.0).reshape(5, 4))


def test_reshape_of_a_transpose_is_a_copy() -> None:
    def fn(x: Any) -> Any:
        base = x * 1
        copied = base.T.reshape(-1)
        copied += 1
        shared = base.T.reshape(4, 1, 5)
        shared[1] = 7
        sliced = base[:, :2].reshape(-1)
        sliced += 1
        rows = base[1:3].reshape(-1)
        rows *= 2
        reversed_rows = base[::-1].ravel()
        reversed_rows += 5
        squeezed = base[:1, 1:].squeeze()
        squeezed[0] = -1
        return base, copied, shared, sliced, rows, reversed_rows, squeezed

    assert_as_numpy(fn, np.arange(20.0).reshape(5, 4))


def test_views_of_functions_share() -> None:
    def fn(x: Any) -> Any:
        base = x * 1
        np.swapaxes(base, 0, 1)[1] = 1
        np.moveaxis(base, 0, -1)[2] += 10
        np.flip(base, 0)[0] = 3
        np.split(base, 2, 1)[1][...] = 4
        np.expand_dims(base, 1)[0, 0, 0] = 6
        np.atleast_3d(base)[1, 1] = 8
        np.ravel(base)[-1] = 12
        flat = base.flatten()
        flat[0] = 1000
        np.broadcast_to(base, (2, *base.shape))
        return base, flat

    assert_as_numpy(fn, np.arange(24.0).reshape(6, 4))


def test_scalars_are_rebound_and_not_shared() -> None:
    def fn(x: Any) -> Any:
        total = x.sum()
        before = total
        total += 1
        first = x[0]
        first *= 2
        total /= 2
        return before, total, x, first

    assert_as_numpy(fn, np.arange(4, dtype=np.int32))


def test_loop_that_fills_an_array() -> None:
    def fn(x: Any) -> Any:
        out = np.zeros_like(x)
        out[0] = x[0]
        for i in range(1, len(x)):
            out[i] = out[i - 1] + x[i]
        for row in x.reshape(2, 3):
            out[:3] += row
        return out

    assert_as_numpy(fn, np.arange(6.0))


def test_overlapping_assignment_reads_before_it_writes() -> None:
    def fn(x: Any) -> Any:
        x = x.copy()
        x[1:] = x[:-1]
        x[::-1] = x
        x[1:] += x[:-1]
        return x

    assert_as_numpy(fn, np.arange(6.0))


def test_traced_mask_assigns() -> None:
    def fn(x: Any, v: Any) -> Any:
        x, y, z = x.copy(), x.copy(), x.copy()
        x[x < 5] = 0
        x[x > 8] += 1
        y[y[:, 0] > 4] = v
        y[:, y[0] > 1] *= v[:3, None]
        y[0, y[0] > 2] -= 5
        y[..., y[0] > 2, None] = np.ones((3, 1, 1))
        z[z > 100] = 1
        z[z[0, 0] < 3] /= 2
        z[x[:, 0] > 0, 1:3] = v[:2]
        np.add.at(z, z > 2, 3)
        z[::2, x[0] > 0] **= 2
        return x, y, z

    assert_as_numpy(fn, np.arange(12.0).reshape(3, 4), np.arange(4.0))


def test_what_a_traced_mask_picks_is_computed_with() -> None:
    def fn(x: Any, y: Any, i: Any) -> Any:
        x, z, i, picked = x.copy(), x.copy(), i.copy(), x > 5
        x[picked] = x[picked] ** 2 + y[picked] / 3
        x[x > 30] = np.maximum(-x[x > 30], np.sqrt(x[x > 30]))
        z[z[:, 0] > 0] = 2.0 * z[z[:, 0] > 0] - np.arange(z.shape[1])
        z[:, picked[1]] = z[1].max() - y[:, picked[1]]
        z[0, y[0] < 0] = y[1, y[0] < 0]
        taken = y[picked]
        taken *= 2
        x[picked] += taken
        i[i != 0] = 100 // i[i != 0]
        return x, z, i, np.divmod(y[picked], 3)[0].sum(), (y[picked] > 1).any(), y[picked].mean(), np.prod(x[x > 9])

    assert_as_numpy(fn, A[0, 0] - 4, np.sin(A[0, 1]), np.array([3, 0, -7]), ulps=4)


def test_what_a_traced_mask_leaves_out_has_no_derivative() -> None:
    def fn(x: Any) -> Any:
        x = x.copy()
        x[x > 0] = np.sqrt(x[x > 0]) + 1 / x[x > 0]
        return x.sum()

    np.testing.assert_allclose(compiler.grad(fn)(np.array([4.0, 0.0, -1.0])), [1 / 4 - 1 / 16, 1, 1])


def test_what_a_traced_mask_picks_can_be_used_in_a_loop() -> None:
    def fn(x: Any, y: Any) -> Any:
        picked = x > 0
        taken = y[picked]

        def body(_: Any, x: Any) -> Any:
            x[picked] += taken
            return x

        return compiler.fori_loop(0, 3, body, x)

    x, y = np.array([1.0, -1.0, 2.0]), np.array([1.0, 2.0, 4.0])
    np.testing.assert_array_equal(compiler.jit(fn)(x, y), [4, -1, 14])


def change_mask_in_between(x: Any) -> None:
    mask = x > 1
    picked = x[mask]
    mask[0] = False
    x[mask] = picked


USES_OF_MASKED = {
    "result": lambda x: x[x > 1] * 2,
    "length": lambda x: len(x[x > 1]),
    "sum along an axis": lambda x: np.sum(x[x > 1], axis=0),
    "function of all": lambda x: np.sort(x[x > 1]),
    "method": lambda x: x[x > 1].max(),
    "another mask": lambda x: assign(x, x > 2, x[x > 1]),
    "two masks": lambda x: x[x > 2] + x[x > 1],
    "changed mask": change_mask_in_between,
    "another order": lambda x: assign(x[None], np.s_[0, :, x[0] > 1], x[:, x[0] > 1]),
    "rows": lambda x: x[x > 1] + np.ones(3),
    "rows in place": lambda x: x[x > 1].__iadd__(np.ones(3)),
    "not picked": lambda x: np.add(x[0, 0], x[x > 1]),
}


@pytest.mark.parametrize("name", USES_OF_MASKED)
def test_what_a_traced_mask_picks_cannot_be_used_otherwise(name: str) -> None:
    with pytest.raises(TracingError, match=r"the mask is .*`np.where\(mask") as caught:
        trace(USES_OF_MASKED[name], [np.arange(12.0).reshape(3, 4)])
    assert "test_indexing.py:" in str(caught.value)


def test_arguments_of_the_traced_function_stay() -> None:
    def fn(x: Any) -> Any:
        x += 1
        x[0] = 7
        return x

    x = np.arange(3.0)
    np.testing.assert_array_equal(run_traced(fn, x)[0], [7, 2, 3])
    np.testing.assert_array_equal(x, [0, 1, 2])


def test_iteration_and_unpacking() -> None:
    def fn(x: Any) -> Any:
        a, b = x
        return a, b, [row * 2 for row in x], sum(x), max(len(x), 1)

    assert_as_numpy(fn, np.arange(6.0).reshape(2, 3))


def test_helpers_that_assign() -> None:
    def fn(x: Any, v: Any) -> Any:
        x = x.copy()
        np.put_along_axis(x, np.argmax(x, 1, keepdims=True), -1, 1)
        np.fill_diagonal(x, v)
        np.copyto(x[0], v)
        np.copyto(x, 3, where=x > 8)
        y = np.empty_like(x)
        y.fill(2)
        return x, y

    assert_as_numpy(fn, np.arange(12.0).reshape(3, 4), np.float64(1.5))


BAD = {
    "out of bounds": (lambda x: x[5], ShapeError, "5 is out of bounds for dimension 0 of size 3"),
    "negative out of bounds": (lambda x: x[:, -5], ShapeError, "-5 is out of bounds for dimension 1 of size 4"),
    "array out of bounds": (lambda x: x[[0, 3]], ShapeError, "3 is out of bounds for dimension 0 of size 3"),
    "too many": (lambda x: x[0, 0, 0], ShapeError, r"too many indices: the array has shape \(3, 4\) and 3 dimensions"),
    "two ellipses": (lambda x: x[..., ...], ShapeError, "only once"),
    "float": (lambda x: x[1.0], DtypeError, "float cannot be an index"),
    "float array": (lambda x: x[np.ones(2)], DtypeError, "float64 cannot be an index"),
    "traced float": (lambda x: x[x[0]], DtypeError, "not of integers"),
    "string": (lambda x: x["a"], DtypeError, "str cannot be an index"),
    "bool": (lambda x: x[True], UnsupportedError, "single bool"),
    "traced mask": (lambda x: x[x > 0], TracingError, "how many elements it picks is not known"),
    "mask of another shape": (lambda x: x[np.ones(2, bool)], ShapeError, r"the mask has shape \(2,\)"),
    "do not broadcast": (lambda x: x[[0, 1], [0, 1, 2]], ShapeError, r"shapes \(2,\) and \(3,\) do not fit"),
    "traced slice": (lambda x: x[: x[0].argmax()], TracingError, "the index of the traced array int64"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_index_is_refused_with_a_reason(name: str) -> None:
    fn, error, message = BAD[name]
    with pytest.raises(error, match=message) as caught:
        trace(fn, [np.arange(12.0).reshape(3, 4)])
    assert "test_indexing.py:" in str(caught.value)


def assign(x: Any, index: Any, value: Any) -> None:
    x[index] = value


BAD_ASSIGNMENTS = {
    "shape": (lambda x: assign(x, 0, np.ones(3)), ShapeError, r"shapes \(3,\) and \(4,\) do not fit"),
    "larger": (lambda x: assign(x, np.s_[:, 0], np.ones((2, 3))), ShapeError, r"shape \(2, 3\) does not fit .* \(3,\)"),
    "complex": (lambda x: assign(x, 0, 1j), DtypeError, "complex"),
    "out of bounds": (lambda x: assign(x, 9, 1), ShapeError, "9 is out of bounds"),
    "rows of a traced mask": (lambda x: assign(x, x > 1, np.ones(3)), TracingError, "one row per element"),
    "in place cast": (
        lambda x: x.astype(int).__iadd__(0.5),
        DtypeError,
        "float64, which is not cast to int64 in place",
    ),
    "in place shape": (lambda x: x[0].__iadd__(np.ones((2, 4))), ShapeError, r"\(2, 4\) and does not fit .* \(4,\)"),
    "into NumPy's array": (lambda x: assign(np.zeros(4), 0, x[0, 0]), TracingError, r"np.zeros_like\(x\)"),
    "out= of NumPy": (lambda x: np.exp(x, out=np.zeros((3, 4))), TracingError, r"np.zeros_like\(x\)"),
}


@pytest.mark.parametrize("name", BAD_ASSIGNMENTS)
def test_bad_assignment_is_refused_with_a_reason(name: str) -> None:
    fn, error, message = BAD_ASSIGNMENTS[name]
    with pytest.raises(error, match=message) as caught:
        trace(fn, [np.arange(12.0).reshape(3, 4)])
    assert "test_indexing.py:" in str(caught.value)


def test_windows_move_outside_of_compiled_functions_too() -> None:
    x, update = A[0, 0], np.full((2, 2), -1, A.dtype)
    for starts in ([0, 1], np.array([1, 0]), (-1, 99)):
        inside = compiler.jit(
            lambda x, u, s: (compiler.dynamic_slice(x, s, (2, 2)), compiler.dynamic_update_slice(x, u, s))
        )
        window, written = inside(x, update, starts)
        for kind in (np.asarray, compiler.Tensor):
            for actual, expected in (
                (compiler.dynamic_slice(kind(x), starts, [2, 2]), window),
                (compiler.dynamic_update_slice(kind(x), update, starts), written),
            ):
                assert type(actual) is type(kind(x))
                np.testing.assert_array_equal(np.asarray(actual), expected)
