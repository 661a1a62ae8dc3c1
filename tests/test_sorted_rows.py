"""Rows of every size are sorted: in registers, in blocks that stay in the cache, and in parts that threads share."""

import itertools
from typing import Any

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects import get_all_dialects
from xdsl.parser import Parser

import compiler
from dialects.rt import Rt
from runtime.reference import interpret

SIZES = (3, 16, 65, 300, 4097, 8193, 70001)
"""Of the sizes around a vector, a group, a block, and a part, and of some in between."""


def numbers(dtype: Any, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Some of them equal, and all kinds of floats."""
    x = (np.random.default_rng(shape[-1]).standard_normal(shape) * 60).astype(dtype)
    if x.dtype.kind == "f":
        special = (np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, np.finfo(dtype).tiny / 2)
        for start, number in enumerate(special):
            x[..., start::97] = number
    return x


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "int64", "uint16", "float16", "bool"])
@pytest.mark.parametrize("size", SIZES)
def test_rows_of_any_size_are_sorted(size: int, dtype: str) -> None:
    x = numbers(dtype, (size,) if size > 5000 else (3, size))
    ascending, positions = compiler.jit(lambda x: (np.sort(x), np.argsort(x, kind="stable")))(x)
    np.testing.assert_array_equal(ascending, np.sort(x))
    np.testing.assert_array_equal(positions, np.argsort(x, kind="stable"))


@pytest.mark.parametrize("bits", [128, 256])
@pytest.mark.parametrize("size", [130, 17000])
def test_vectors_of_any_size_sort(size: int, bits: int) -> None:
    x = numbers("float32", (size,))
    options = compiler.CompileOptions(vector_bits=bits)
    ascending, positions = compiler.jit(lambda x: (np.sort(x), np.argsort(x, kind="stable")), options=options)(x)
    np.testing.assert_array_equal(ascending, np.sort(x))
    np.testing.assert_array_equal(positions, np.argsort(x, kind="stable"))


@pytest.mark.parametrize("shape", [(5, 70000), (20, 1000), (70000,), (1000, 3)], ids=str)
def test_threads_share_a_sort_without_changing_it(shape: tuple[int, ...]) -> None:
    x = numbers("float32", shape)
    sort = compiler.jit(lambda x: (np.sort(x), np.argsort(x, kind="stable"), np.sort(x, 0)))
    results: list[Any] = []
    for count in (1, 2, 4):
        with compiler.num_threads(count):
            results.append([np.asarray(y) for y in sort(x)])
    for others in results[1:]:
        for first, other in zip(results[0], others, strict=True):
            assert first.tobytes() == other.tobytes()


def test_rows_and_parts_of_one_row_are_launched_in_parts() -> None:
    loops = [
        compiler.jit(np.sort).lower(np.zeros(shape, np.float32)).as_text("loops") for shape in ((500, 1000), (300_000,))
    ]
    for text in loops:
        launches = [line for line in text.splitlines() if "rt.launch @sort" in line]
        assert launches
        assert all(" grain " in line for line in launches)


def test_zeros_of_either_sign_are_equal_to_a_stable_sort() -> None:
    x = np.array([0.0, -0.0, 1.0, -0.0, 0.0], np.float32)
    order, descending = compiler.jit(
        lambda x: (np.argsort(x, stable=True), compiler.numpy.argsort(x, descending=True))
    )(x)
    np.testing.assert_array_equal(order, [0, 1, 3, 4, 2])
    np.testing.assert_array_equal(descending, [2, 0, 1, 3, 4])


@pytest.mark.parametrize("rows", [2, 3, 4, 5, 7, 8])
def test_merged_rows_are_bitonic_and_in_order(rows: int) -> None:
    group = 4
    x = np.random.default_rng(rows).integers(0, 1 << 30, (rows, 64)).astype(np.int32)
    for first in range(0, rows, group // 2):
        x[first : first + group // 2] = np.sort(x[first : first + group // 2], None).reshape(-1, 64)
    text = f"""
func.func @f(%x: memref<{rows}x64xi32>, %out: memref<{rows}x64xi32>, %arena: memref<0xi8>) attributes {{rt.num_inputs = 1 : i64}} {{
  rt.launch @merge over [{-(-rows // group)}, 4](%x, %out) : memref<{rows}x64xi32>, memref<{rows}x64xi32>
  func.return
}}
func.func private @merge(%x: memref<{rows}x64xi32>, %out: memref<{rows}x64xi32>) attributes {{rt.tile = array<i64: {-(-rows // group)}, 4>}} {{
  rt.merge_rows group {group} parts 4 %x : memref<{rows}x64xi32> into (%out : memref<{rows}x64xi32>)
  func.return
}}
"""
    context = Context()
    for name, dialect in get_all_dialects().items():
        context.register_dialect(name, dialect)
    context.register_dialect("rt", lambda: Rt)
    module = Parser(context, text).parse_module()
    for each in compiler.pipelines.passes_between("bufferized", "loops"):
        each.apply(context, module)
    module.verify()
    result, *_ = interpret(module, "f", [x])
    for first in range(0, rows, group):
        part = result[first : first + group]
        np.testing.assert_array_equal(np.sort(part, None), np.sort(x[first : first + group], None))
        assert all(above.max() <= below.min() for above, below in itertools.pairwise(part))
        for row in part:
            steps = np.diff(np.append(row, row[0]))
            assert np.count_nonzero(np.diff(np.sign(steps[steps != 0]))) <= 2
