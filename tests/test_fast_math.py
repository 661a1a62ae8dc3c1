"""`math="fast"`: the promised accuracy, the values at the ends, and no effect where it is not asked for."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from math_runner import (
    BINARY,
    BUDGETS,
    FAST_BUDGETS,
    HAS_EXPONENTS,
    QUOTIENTS,
    error_in_ulps,
    evaluate,
    exact,
    scale_of_fast_pow,
)
from test_expand_math import SPECIAL_VALUES, assert_same, in_domain, pow_sample, sample

import compiler
from compiler.program_cache import program_key
from compiler.tracing import trace
from passes.loops.expand_math import EXPANSIONS
from passes.loops.math.fast import FAST

DTYPES = (np.float32, np.float64)
FAST_OPTIONS = compiler.CompileOptions(math="fast")
UNARY = tuple(name for name in FAST_BUDGETS if name not in BINARY)
EXPONENTS = sorted({False, HAS_EXPONENTS})
SPECIAL_VALUES = {
    **SPECIAL_VALUES,
    "sqrt": {math.inf: math.inf, 0.0: 0.0, 1.0: 1.0, 4.0: 2.0, -1.0: math.nan},
}


def fast(function):
    return compiler.jit(function, options=FAST_OPTIONS)


def is_usual(x, dtype):
    """Whether a number is neither subnormal nor within an octave of overflow."""
    limits = np.finfo(dtype)
    return limits.tiny <= abs(x) < float(limits.max) / 2


def test_every_variant_replaces_an_expansion_or_a_division():
    assert {op_type.name for op_type in FAST if op_type not in EXPANSIONS} == {"arith.divf", "math.sqrt"}
    replaced = {op_type.name.removeprefix("math.") for op_type in FAST if op_type in EXPANSIONS}
    assert replaced == FAST_BUDGETS.keys() - QUOTIENTS.keys() - {"sqrt"}


@pytest.mark.parametrize("exponents", EXPONENTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_error_is_within_the_budget(name, dtype, exponents):
    x = sample(dtype)
    x = x[in_domain(name, x) & (np.abs(x) >= np.finfo(dtype).tiny)]
    for number, result in zip(x, evaluate(name, x, fast=True, exponents=exponents), strict=True):
        value = exact(name, number)
        if is_usual(value, dtype):
            error = error_in_ulps(result, value, dtype)
            assert error <= FAST_BUDGETS[name], f"{name}({number!r}) is off by {error} units"


@pytest.mark.parametrize("exponents", EXPONENTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", QUOTIENTS)
def test_error_of_quotients_by_roots_is_within_the_budget(name, dtype, exponents):
    x, y = sample(dtype), np.abs(sample(dtype, seed=1))
    usual = (np.abs(x) >= np.finfo(dtype).tiny) & (y >= np.finfo(dtype).tiny) & np.isfinite(x) & np.isfinite(y)
    x, y = x[usual], y[usual]
    for a, b, result in zip(x, y, evaluate(name, x, y, fast=True, exponents=exponents), strict=True):
        value = exact(name, a, b)
        # Intermediate products are those of the quotient itself, or nearer to 1.
        if is_usual(value, dtype) and is_usual(a / np.sqrt(b), dtype) and is_usual(1 / b, dtype):
            error = error_in_ulps(result, value, dtype)
            assert error <= FAST_BUDGETS[name], f"{name} of {a!r}, {b!r} is off by {error} units"


@pytest.mark.parametrize("exponents", EXPONENTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_error_of_pow_grows_with_the_exponent_of_the_result(dtype, exponents):
    x, y = pow_sample(dtype)
    usual = (np.abs(x) >= np.finfo(dtype).tiny) & np.isfinite(x) & ((x > 0) | (y == np.rint(y)))
    x, y = x[usual], y[usual]
    for a, b, result in zip(x, y, evaluate("powf", x, y, fast=True, exponents=exponents), strict=True):
        value = exact("powf", a, b)
        if is_usual(value, dtype):
            error = error_in_ulps(result, value, dtype)
            assert error <= FAST_BUDGETS["powf"] * scale_of_fast_pow(float(a), float(b)), f"pow({a!r}, {b!r}): {error}"


@pytest.mark.parametrize("exponents", EXPONENTS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_special_values_are_exact(name, dtype, exponents):
    table = SPECIAL_VALUES[name]
    x = np.array([*table, math.nan, -math.nan], dtype)
    results = evaluate(name, x, fast=True, exponents=exponents)
    assert_same(results, np.array([*table.values(), math.nan, math.nan], dtype))


@pytest.mark.parametrize("exponents", EXPONENTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_pow_has_the_special_values_of_c99(dtype, exponents):
    cases = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 0.5, -0.5, 2.0, -2.0, 3.0, -2.5]
    x, y = (np.array(column, dtype) for column in zip(*[(x, y) for x in cases for y in cases], strict=True))
    with np.errstate(all="ignore"):
        expected = np.power(x, y)
    results = evaluate("powf", x, y, fast=True, exponents=exponents)
    ordinary = np.isfinite(expected) & (expected != 0)
    np.testing.assert_allclose(results[ordinary], expected[ordinary], rtol=16 * np.finfo(dtype).eps)
    assert_same(results[~ordinary], expected[~ordinary])


@pytest.mark.parametrize("dtype", DTYPES)
def test_subnormal_numbers_count_as_zero_without_instructions_for_them(dtype):
    limits = np.finfo(dtype)
    x = np.array([limits.smallest_subnormal, limits.tiny / 2], dtype)
    for name in ("log", "log2", "log10"):
        assert_same(evaluate(name, x, fast=True, exponents=False), np.full(2, -np.inf, dtype))
    assert_same(
        evaluate("exp2", np.array([limits.minexp - 1, -1e4], dtype), fast=True, exponents=False), np.zeros(2, dtype)
    )
    assert_same(
        evaluate("exp", np.array([np.log(float(limits.tiny)) - 1, -1e4]).astype(dtype), fast=True, exponents=False),
        np.zeros(2, dtype),
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_scalar_and_vector_code_give_the_same_bits(dtype):
    for name in FAST_BUDGETS:
        operands = pow_sample(dtype) if name in BINARY else [sample(dtype)]
        scalar = evaluate(name, *operands, lanes=0, fast=True, exponents=False)
        np.testing.assert_array_equal(evaluate(name, *operands, fast=True, exponents=False), scalar)


@pytest.mark.parametrize("dtype", DTYPES)
def test_root_keeps_the_sign_of_zero(dtype):
    x = np.array([0.0, -0.0], dtype)
    assert_same(evaluate("sqrt", x, fast=True), x)


def test_what_is_left_of_one_vanishes_where_a_large_number_multiplies_it():
    x = np.array([-3e38, -1e30, -100.0, 100.0, 3e38], np.float32)
    gelu = fast(lambda x: 0.5 * x * (1 + compiler.special.erf(x * np.float32(0.70710678))))
    np.testing.assert_array_equal(gelu(x), np.where(x > 0, x, 0))


@pytest.mark.parametrize("dtype", DTYPES)
def test_divisions_by_roots_have_the_values_of_the_quotients(dtype):
    x, y = np.array([3.0, -1.0, 0.0, 1.0, 1.0], dtype), np.array([2.0, 5.0, 0.0, 0.0, math.inf], dtype)
    for function in (lambda x, y: x / np.sqrt(y), lambda x, y: x / (y * np.sqrt(y)), lambda x, y: x / (np.sqrt(y) * y)):
        with np.errstate(all="ignore"):
            expected = function(x, y)
        np.testing.assert_allclose(fast(function)(x, y), expected, rtol=8 * np.finfo(dtype).eps)


def test_programs_of_both_kinds_are_told_apart_and_accurate_is_the_default():
    traced = trace(np.exp, (np.ones(4, np.float32),), {})
    keys = {program_key(traced.module, "cpu", compiler.CompileOptions(math=kind)) for kind in ("accurate", "fast")}
    assert len(keys) == 2
    assert compiler.CompileOptions() == compiler.CompileOptions(math="accurate")
    x = np.float32(-100.0)
    assert fast(np.exp)(x) == 0 < compiler.jit(np.exp)(x)


def test_other_kinds_are_refused():
    with pytest.raises(compiler.ArgumentError, match=r"math is 'sloppy'; use one of \('accurate', 'fast'\)"):
        compiler.CompileOptions(math="sloppy")


def test_the_documented_table_has_the_promises_and_keeps_them():
    text = (Path(__file__).resolve().parent.parent / "docs" / "accuracy.md").read_text()
    for budgets, part in zip((BUDGETS, FAST_BUDGETS), text.split("## Fast variants"), strict=True):
        rows = [
            [cell.strip(" `") for cell in line.split("|")[1:-1]]
            for line in part.splitlines()
            if re.search(r"\| f\d\d ", line)
        ]
        assert [row[:3] for row in rows] == [[name, f, str(n)] for name, n in budgets.items() for f in ("f32", "f64")]
        assert all(float(row[3]) <= float(row[2]) for row in rows)
