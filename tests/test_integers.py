"""Integers of every width and sign: what NumPy computes with them, bit for bit, compiled."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import compiler
from compiler.run import main as dlc_run

NARROW = [np.dtype(name) for name in ("int8", "int16", "uint8", "uint16", "uint32", "uint64")]
INTEGERS = [*NARROW, np.dtype(np.int32), np.dtype(np.int64)]
ALL = [np.dtype(np.bool_), *INTEGERS, np.dtype(np.float32), np.dtype(np.float64)]

ids = pytest.mark.parametrize("dtype", NARROW, ids=str)


def edge_values(dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Small numbers, both ends of the range, and what lies between; 37 of them, which leaves a tail of a vector."""
    limits = np.iinfo(dtype)
    numbers = {0, 1, 2, 3, 7, 100, limits.max, limits.max - 1, limits.max // 2, limits.max // 2 + 1}
    numbers |= {limits.min, limits.min + 1, limits.min // 2, max(limits.min, -1), max(limits.min, -7)}
    random = np.random.default_rng(0).integers(limits.min, limits.max, 37 - len(numbers), dtype, endpoint=True)
    return np.array([*numbers, *random], dtype)


def check(fn: Any, *arguments: Any) -> None:
    """`fn` gives the same compiled as in NumPy: values, dtypes and shapes."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        expected = fn(*[np.array(x) if isinstance(x, np.ndarray) else x for x in arguments])
    actual = compiler.jit(fn)(*arguments)
    for number, (got, want) in enumerate(zip(actual, expected, strict=True)):
        assert got.dtype == np.asarray(want).dtype, number
        np.testing.assert_array_equal(got, want, err_msg=str(number))


@ids
def test_elementwise_functions_wrap_around_as_in_numpy(dtype: np.dtype[Any]) -> None:
    def everything(x: Any, y: Any, small: Any) -> Any:
        return (
            x + y, x - y, x * y, -x, x // y, x % y, np.fmod(x, y), np.divmod(x, y)[0], x // 3, x % 7, x / y,
            abs(x), np.sign(x), np.square(x), x**small, x**3, np.maximum(x, y), np.minimum(x, y), np.clip(x, 2, 100),
            x & y, x | y, x ^ y, ~x, x & 1, x < y, x <= y, x > y, x >= y, x == y, x != y, x < 3, x == 2**70, x > -(2**70),
            np.where(x > y, x, y), np.where(x > 3, x, 0), np.logical_and(x, y), np.isnan(x), np.isfinite(x), np.rint(x) if dtype.itemsize > 1 else x,
            np.full_like(x, 3), x * 2, 5 - x, x.astype(bool),
        )  # fmt: skip

    x = edge_values(dtype)
    check(everything, x, np.roll(x, 5), np.abs(x % 5).astype(dtype))


@ids
def test_reductions_and_products_use_the_accumulators_of_numpy(dtype: np.dtype[Any]) -> None:
    def everything(x: Any, y: Any) -> Any:
        return (
            x.sum(), x.sum(0), x.sum(1), x.prod(1), np.sum(x, 1, dtype), np.prod(x, 0, dtype), x.max(), x.max(0), x.max(1), x.min(), x.min(0),
            x.min(1), x.argmax(0), x.argmin(1), x.any(0), x.all(1), x.mean(1), np.count_nonzero(x, 0),
            x @ y, y.T @ x.T, np.dot(x[0], y[:, 0]), np.einsum("ij,jk->ik", x, y),
        )  # fmt: skip

    x = edge_values(dtype)[:35].reshape(5, 7)
    check(everything, x, np.roll(x, 3).T.copy())


@ids
def test_shapes_and_indexing_keep_the_dtype(dtype: np.dtype[Any]) -> None:
    def everything(x: Any, i: Any) -> Any:
        y = x.copy()
        y[1:3, ::2] = 200 if dtype.kind == "u" else -5
        y[i] = x[0]
        z = x.copy()
        np.add.at(z, i, x[:3])
        return (
            x.T, x[::-1, 1:6:2], x.reshape(7, 5), np.concatenate([x, x]), np.pad(x, 1), np.tril(x), x[i], np.take(x, i, 1), y, z, x[i[0]],
            np.zeros_like(x), np.arange(3, dtype=dtype), np.broadcast_to(x[0], (2, 7)),
        )  # fmt: skip

    check(everything, edge_values(dtype)[:35].reshape(5, 7), np.array([3, 0, 2], dtype))


def test_every_pair_of_dtypes_promotes_as_in_numpy() -> None:
    arrays = [np.array([1, 0, 1, 1, 0]).astype(dtype) for dtype in ALL]

    def sums(*xs: Any) -> Any:
        return [x + y for i, x in enumerate(xs) for y in xs[i:]]

    def with_scalars(*xs: Any) -> Any:
        return [x + 1 for x in xs] + [x * 1.5 for x in xs if x.dtype.itemsize > 2] + [x + True for x in xs]

    check(sums, *arrays)
    check(with_scalars, *arrays)


def test_conversions_between_all_dtypes() -> None:
    def convert(*xs: Any) -> Any:
        return [x.astype(dtype) for x in xs for dtype in ALL]

    check(convert, *[edge_values(dtype) for dtype in INTEGERS])
    # From floating point, where the result is specified: within the range, or by wrapping around of small integers.
    check(lambda x: [x.astype(dtype) for dtype in INTEGERS], np.array([0.0, -0.0, 1.9, 100.5, 127.0]))
    check(lambda x: [x.astype(d) for d in INTEGERS if d.kind == "i"], np.array([-1.5, -128.0], np.float32))
    check(lambda x: [x.astype(np.uint64)], np.array([2.0**63, 2.0**64 - 2**12, 2.0**62]))


def test_python_integers_must_fit() -> None:
    x = np.ones(3, np.uint8)
    with pytest.raises(compiler.DtypeError, match="the Python integer 256 does not fit into uint8"):
        compiler.jit(lambda x: x + 256)(x)
    with pytest.raises(compiler.DtypeError, match="the Python integer -1 does not fit into uint8"):
        compiler.jit(lambda x: x + -1)(x)


def test_a_dump_of_any_stage_still_takes_the_dtypes_of_the_program(tmp_path: Path) -> None:
    """Below `tensor` types have no sign, but a host function says which arrays it takes."""
    x = np.array([1, 200, 255], np.uint8)
    np.save(tmp_path / "x.npy", x)
    lowered = compiler.jit(lambda x: x // 2 + x).lower(x)
    for stage in ("tensor", "linalg", "fused", "bufferized", "loops", "llvm"):
        (tmp_path / "dump.mlir").write_text(lowered.as_text(stage))
        arguments = [
            str(tmp_path / "dump.mlir"),
            "--input",
            str(tmp_path / "x.npy"),
            "--output",
            str(tmp_path / "y.npy"),
        ]
        assert dlc_run(arguments) == 0
        result = np.load(tmp_path / "y.npy")
        np.testing.assert_array_equal(result, x // 2 + x)
        assert result.dtype == np.uint8


@pytest.mark.parametrize("compare", [np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal])
def test_unsigned_and_signed_numbers_are_compared_exactly(compare):
    signed = np.array([-(2**63), -1, 0, 1, 2**63 - 1])
    unsigned = np.array([0, 1, 2**63 - 1, 2**63, 2**64 - 1], np.uint64)[:, None]
    for x, y in ((signed, unsigned), (unsigned, signed), (unsigned, signed.astype(np.int8))):
        np.testing.assert_array_equal(compiler.jit(compare)(x, y), compare(x, y))
