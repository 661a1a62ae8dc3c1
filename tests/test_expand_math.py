"""Accuracy, special values and shape of the code that `expand-math` makes."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from math_runner import (
    BINARY,
    BUDGETS,
    HAS_EXPONENTS,
    attributes,
    error_in_ulps,
    evaluate,
    exact,
    op_name,
    scale_near_zeros,
)
from native_runner import make_context
from xdsl.context import Context
from xdsl.dialects.builtin import FileLineColLoc, IntAttr, ModuleOp, StringAttr
from xdsl.parser import Parser
from xdsl.utils.exceptions import DiagnosticException

from passes.loops.expand_math import EXPANSIONS, ExpandMathPass
from passes.loops.math.exp import FORMATS as EXP_FORMATS
from passes.loops.math.float_format import DOUBLE, SINGLE
from passes.loops.math.inverse_trigonometric import ATAN_TAIL
from passes.loops.math.trigonometric import SIN_TAIL

DTYPES = (np.float32, np.float64)
NAMES = tuple(BUDGETS)
INF, NAN = math.inf, math.nan
SINGLE_INSTRUCTIONS = {
    "math.sqrt", "math.fma", "math.absf", "math.floor", "math.ceil", "math.trunc", "math.roundeven", "math.copysign",
}  # fmt: skip
NEAR_INTERESTING = (
    *(
        0.15,
        0.25,
        0.5,
        0.53,
        0.85,
        0.9,
        1.0,
        1.15,
        1.5,
        1.85,
        2.0,
        2.5,
        3.0,
        3.5,
        4.0,
        4.5,
        6.0,
        10.0,
        18.0,
        20.0,
        38.0,
        44.0,
    ),
    *(math.log(2) / 2, math.log(2), math.sqrt(0.5), math.sqrt(2), math.pi / 2, math.pi, 355.0, 2.0**22, 2.0**40),
    *(
        87.3,
        88.0,
        88.72,
        103.9,
        126.0,
        128.0,
        149.0,
        150.0,
        708.4,
        709.0,
        709.78,
        745.1,
        1022.0,
        1024.0,
        1074.0,
        1075.0,
    ),
)


def all_exponents(dtype, generator, count):
    """Random numbers of all exponents and both signs, without NaN and infinity."""
    bits = generator.integers(0, 2 ** (np.dtype(dtype).itemsize * 8) - 1, 2 * count, np.uint64, endpoint=True)
    unsigned = np.uint32 if dtype == np.float32 else np.uint64
    numbers = bits.astype(unsigned).view(dtype)
    return numbers[np.isfinite(numbers)][:count]


def sample(dtype, seed=0):
    """Some 1500 arguments: all exponents, the middle, neighbours of the places where expansions switch."""
    generator = np.random.default_rng(seed)
    limits = np.finfo(dtype)
    near = np.array(NEAR_INTERESTING, dtype)
    neighbours = np.concatenate([np.nextafter(near, dtype(-INF)), near, np.nextafter(near, dtype(INF))])
    edges = np.array([limits.max, limits.tiny, limits.smallest_subnormal, limits.tiny / 2, limits.eps], dtype)
    return np.concatenate(
        [
            all_exponents(dtype, generator, 400),
            *(generator.normal(0, scale, 150).astype(dtype) for scale in (0.1, 1, 10, 100, 700)),
            (1 + generator.normal(0, 0.2, 200)).astype(dtype),
            *(sign * numbers for sign in (1, -1) for numbers in (neighbours, edges)),
        ]
    )


DOMAINS = {
    "log": (0.0, INF),
    "log2": (0.0, INF),
    "log10": (0.0, INF),
    "rsqrt": (0.0, INF),
    "sqrt": (0.0, INF),
    "log1p": (-1.0, INF),
    "asin": (-1.0, 1.0),
    "acos": (-1.0, 1.0),
    "atanh": (-1.0, 1.0),
    "acosh": (1.0, INF),
    "erf_inv": (-1.0, 1.0),
    "erfc_inv": (0.0, 2.0),
}
"""Between which bounds a function is defined, if not everywhere."""


def in_domain(name, x):
    low, high = DOMAINS.get(name, (-INF, INF))
    is_pole = (x <= 0) & (x == np.floor(x)) if "gamma" in name else False
    return (x > low) & (x < high) & ~np.asarray(is_pole)


def worst_error(name, operands, results):
    """The largest error, and where it is."""
    return max(
        (error_in_ulps(r, exact(name, *o), r.dtype, scale_near_zeros(name, float(o[0]))), *o)
        for *o, r in zip(*operands, results, strict=True)
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [n for n in NAMES if n not in BINARY])
def test_error_is_within_the_budget_on_the_whole_range(name, dtype):
    x = sample(dtype)
    x = x[in_domain(name, x)]
    error, where = worst_error(name, [x], evaluate(name, x))
    assert error <= BUDGETS[name], f"{name}({where!r}) is off by {error} units"


def pow_sample(dtype):
    generator = np.random.default_rng(1)
    y = generator.permutation(sample(dtype))
    x = np.abs(sample(dtype))
    bases = np.exp(generator.normal(0, 20, 400)).astype(dtype)
    near_one = (1 + generator.normal(0, 1e-3, 400)).astype(dtype)
    negative = -np.abs(generator.normal(0, 30, 200).astype(dtype))
    return (
        np.concatenate([x, bases, near_one, negative]),
        np.concatenate(
            [
                y,
                generator.normal(0, 10, 400).astype(dtype),
                generator.normal(0, 1e5, 400).astype(dtype),
                np.rint(generator.normal(0, 20, 200)).astype(dtype),
            ]
        ),
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_error_of_pow_is_within_the_budget(dtype):
    x, y = pow_sample(dtype)
    error, *where = worst_error("powf", [x, y], evaluate("powf", x, y))
    assert error <= BUDGETS["powf"], f"pow{tuple(where)} is off by {error} units"


@pytest.mark.parametrize("dtype", DTYPES)
def test_error_of_atan2_is_within_the_budget(dtype):
    generator = np.random.default_rng(3)
    y, x = sample(dtype), generator.permutation(sample(dtype))
    near = (y * generator.uniform(0.2, 1, y.size)).astype(dtype)
    y, x = np.concatenate([y, y, near]), np.concatenate([x, near, y])
    y, x = y[y != 0], x[y != 0]  # mpmath has no zero with a sign
    error, *where = worst_error("atan2", [y, x], evaluate("atan2", y, x))
    assert error <= BUDGETS["atan2"], f"atan2{tuple(where)} is off by {error} units"


@pytest.mark.parametrize("dtype", DTYPES)
def test_logarithms_of_powers_of_the_base_are_exact(dtype):
    for name, base, low, high in (("log2", 2, np.finfo(dtype).minexp, np.finfo(dtype).maxexp), ("log10", 10, 0, 23)):
        exponents = np.arange(low, high if dtype == np.float64 or base == 2 else 11)
        powers = np.array([float(base) ** int(e) for e in exponents], dtype)
        np.testing.assert_array_equal(evaluate(name, powers), exponents)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_scalar_and_vector_code_give_the_same_bits(name, dtype):
    operands = pow_sample(dtype) if name in BINARY else [sample(dtype)]
    scalar = evaluate(name, *operands, lanes=0)
    for lanes, exponents in ((4, HAS_EXPONENTS), (8, HAS_EXPONENTS), (16, HAS_EXPONENTS), (8, False)):
        vectors = evaluate(name, *operands, lanes=lanes, exponents=exponents)
        np.testing.assert_array_equal(vectors, scalar)


SPECIAL_VALUES = {
    "exp": {INF: INF, -INF: 0.0, 0.0: 1.0},
    "exp2": {INF: INF, -INF: 0.0, 0.0: 1.0, 3.0: 8.0, -1.0: 0.5},
    "expm1": {INF: INF, -INF: -1.0, 0.0: 0.0, -1000.0: -1.0},
    "log": {INF: INF, -INF: NAN, 0.0: -INF, 1.0: 0.0, -1.0: NAN},
    "log1p": {INF: INF, -INF: NAN, 0.0: 0.0, -1.0: -INF, -1.5: NAN},
    "log2": {INF: INF, -INF: NAN, 0.0: -INF, 1.0: 0.0, 8.0: 3.0, 0.25: -2.0, -1.0: NAN},
    "log10": {INF: INF, -INF: NAN, 0.0: -INF, 1.0: 0.0, 1000.0: 3.0, -1.0: NAN},
    "cbrt": {INF: INF, -INF: -INF, 0.0: 0.0, 27.0: 3.0, -8.0: -2.0},
    "tan": {INF: NAN, -INF: NAN, 0.0: 0.0},
    "asin": {INF: NAN, -INF: NAN, 0.0: 0.0, 1.5: NAN, -1.5: NAN},
    "acos": {INF: NAN, -INF: NAN, 1.0: 0.0, 1.5: NAN, -1.5: NAN},
    "atan": {0.0: 0.0},
    "sinh": {INF: INF, -INF: -INF, 0.0: 0.0, 1000.0: INF, -1000.0: -INF},
    "cosh": {INF: INF, -INF: INF, 0.0: 1.0, 1000.0: INF, -1000.0: INF},
    "asinh": {INF: INF, -INF: -INF, 0.0: 0.0},
    "acosh": {INF: INF, -INF: NAN, 0.0: NAN, 1.0: 0.0, 0.5: NAN, -2.0: NAN},
    "atanh": {INF: NAN, -INF: NAN, 0.0: 0.0, 1.0: INF, -1.0: -INF, 1.5: NAN, -1.5: NAN},
    "tanh": {INF: 1.0, -INF: -1.0, 0.0: 0.0, 100.0: 1.0},
    "sin": {INF: NAN, -INF: NAN, 0.0: 0.0},
    "cos": {INF: NAN, -INF: NAN, 0.0: 1.0},
    "erf": {INF: 1.0, -INF: -1.0, 0.0: 0.0, 7.0: 1.0},
    "erfc": {INF: 0.0, -INF: 2.0, 0.0: 1.0, 40.0: 0.0, -7.0: 2.0},
    "erfcx": {INF: 0.0, -INF: INF, 0.0: 1.0, -30.0: INF},
    "erf_inv": {1.0: INF, -1.0: -INF, 0.0: 0.0, 1.5: NAN, -1.5: NAN, INF: NAN, -INF: NAN},
    "erfc_inv": {0.0: INF, 2.0: -INF, 1.0: 0.0, -0.5: NAN, 2.5: NAN, INF: NAN, -INF: NAN},
    "lgamma": {INF: INF, -INF: INF, 0.0: INF, 1.0: 0.0, 2.0: 0.0, -1.0: INF, -20.0: INF},
    "digamma": {INF: INF, -INF: NAN, 0.0: -INF, -1.0: NAN, -20.0: NAN},
    "trigamma": {INF: 0.0, 0.0: INF},
    "rsqrt": {INF: 0.0, -INF: NAN, 0.0: INF, 4.0: 0.5, -1.0: NAN},
}
ODD_AT_ZERO = (
    *("expm1", "log1p", "tanh", "sin", "erf", "tan", "asin", "atan", "sinh", "asinh", "atanh", "cbrt", "erf_inv"),
)


def assert_same(results, expected):
    """Equality that tells zeros apart by sign, and takes NaN for NaN."""
    np.testing.assert_array_equal(results, expected)
    signed = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(results)[signed], np.signbit(expected)[signed])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SPECIAL_VALUES)
def test_special_values_are_exact(name, dtype):
    table = SPECIAL_VALUES[name]
    x = np.array([*table, NAN, -NAN], dtype)
    expected = np.array([*table.values(), NAN, NAN], dtype)
    assert_same(evaluate(name, x), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ODD_AT_ZERO)
def test_sign_of_zero_is_kept(name, dtype):
    x = np.array([0.0, -0.0], dtype)
    assert_same(evaluate(name, x), x)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_nan_with_any_payload_stays_nan(name, dtype):
    generator = np.random.default_rng(2)
    unsigned = np.uint32 if dtype == np.float32 else np.uint64
    payloads = generator.integers(1, 2 ** np.finfo(dtype).nmant, 64).astype(unsigned)
    x = (payloads | np.array(INF, dtype).view(unsigned)).view(dtype)
    two = np.full(64, 2, dtype)
    for operands in [[x, two], [two, x]] if name in BINARY else [[x], [-x]]:
        assert np.isnan(evaluate(name, *operands)).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_pow_follows_c99(dtype):
    huge_odd = float(2 ** np.finfo(dtype).nmant + 1)
    cases = [0.0, -0.0, 1.0, -1.0, INF, -INF, NAN, 0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 1.5, -2.5, huge_odd, 2 * huge_odd]
    pairs = [(x, y) for x in cases for y in cases]
    x, y = (np.array(column, dtype) for column in zip(*pairs, strict=True))
    with np.errstate(all="ignore"):
        expected = np.power(x, y)
    results = evaluate("powf", x, y)
    # The library function is itself only accurate to some units.
    finite = np.isfinite(expected) & (expected != 0)
    np.testing.assert_array_max_ulp(results[finite], expected[finite], 2)
    assert_same(results[~finite], expected[~finite])


@pytest.mark.parametrize("dtype", DTYPES)
def test_atan2_follows_c99(dtype):
    cases = [0.0, -0.0, 1.0, -1.0, INF, -INF, NAN, np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal, 3.0]
    y, x = (np.array(column, dtype) for column in zip(*[(y, x) for x in cases for y in cases], strict=True))
    expected, results = np.arctan2(y, x), evaluate("atan2", y, x)
    np.testing.assert_array_max_ulp(results, expected, 2)
    assert_same(np.sign(results), np.sign(expected))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_huge_arguments_next_to_multiples_of_half_pi_are_reduced_exactly(name, dtype):
    # From continued fractions of π: the doubles and singles nearest to a multiple of π/2, relative to their size.
    x = np.array([6381956970095103.0 * 2.0**797, 16367173.0 * 2.0**72, 5.319372648326541e255, 1e22], np.float64)
    x = x[x < np.finfo(dtype).max].astype(dtype)
    error, where = worst_error(name, [x], evaluate(name, x))
    assert error <= BUDGETS[name], f"{name}({where!r}) is off by {error} units"


@pytest.mark.parametrize("exponents", sorted({False, HAS_EXPONENTS}))
@pytest.mark.parametrize("dtype", DTYPES)
def test_remainder_is_exact(dtype, exponents):
    generator, limits = np.random.default_rng(4), np.finfo(dtype)
    cases = [0.0, 1.0, INF, NAN, limits.max, limits.tiny, limits.smallest_subnormal, 3.0, 5.5]
    pairs = [(sign * x, y) for x in cases for y in cases for sign in (1, -1)]
    x, y = (np.array(column, dtype) for column in zip(*pairs, strict=True))
    modulus = np.abs(generator.normal(0, 1, 500)).astype(dtype)
    x = np.concatenate([x, all_exponents(dtype, generator, 500), np.rint(generator.uniform(0, 1e7, 500)) * modulus])
    y = np.concatenate([y, all_exponents(dtype, generator, 500), modulus])
    with np.errstate(invalid="ignore"):
        expected = np.fmod(x.astype(dtype), y.astype(dtype))
    assert_same(evaluate("rem", x.astype(dtype), y.astype(dtype), exponents=exponents), expected)


def expand(text):
    module = Parser(make_context(), text).parse_module()
    ExpandMathPass().apply(Context(), module)
    module.verify()
    return module


def function_of(name, type_text):
    arguments = "%x, %x" if name in BINARY else "%x"
    return (
        f"func.func @f(%x: {type_text}) -> {type_text} {{\n"
        f"  %y = {op_name(name)} {arguments} {attributes(name)}: {type_text}\n  func.return %y : {type_text}\n}}"
    )


def op_names(module: ModuleOp):
    return [op.name for op in module.walk()]


@pytest.mark.parametrize("element", ["f32", "f64"])
@pytest.mark.parametrize("op_type", EXPANSIONS)
def test_expansion_holds_single_instructions_and_is_the_same_for_vectors(op_type, element):
    name = op_type.name.partition(".")[2].replace("polygamma", "trigamma")
    loops = {"scf.while", "scf.condition"} if name == "rem" else set()
    scalar = op_names(expand(function_of(name, element)))
    vector = [n for n in op_names(expand(function_of(name, f"vector<8x{element}>"))) if n != "vector.reduction"]
    assert scalar == vector
    assert {n for n in scalar if n.startswith("math.")} <= SINGLE_INSTRUCTIONS
    assert {n for n in scalar if n.startswith("scf.")} <= {"scf.if", "scf.yield"} | loops


@pytest.mark.parametrize(("name", "element", "limit"), [("exp", "f32", 47), ("tanh", "f32", 42), ("log", "f32", 66)])
def test_expansion_is_small(name, element, limit):
    assert len(op_names(expand(function_of(name, element)))) <= limit


def test_second_use_of_a_function_in_a_block_shares_the_constants():
    module = expand(
        """func.func @f(%x: f32) -> f32 {
             %y = math.exp %x : f32
             %z = math.exp %y : f32
             func.return %z : f32
           }"""
    )
    once = expand(function_of("exp", "f32"))
    assert op_names(module).count("arith.constant") == op_names(once).count("arith.constant")


def test_operations_of_an_expansion_keep_the_location():
    module = Parser(make_context(), function_of("sin", "f32")).parse_module()
    (sine,) = [op for op in module.walk() if op.name == "math.sin"]
    location = sine.location = FileLineColLoc(StringAttr("model.py"), IntAttr(3), IntAttr(7))
    ExpandMathPass().apply(Context(), module)
    assert all(op.location == location for op in module.walk() if op.name.startswith(("arith.", "math.", "scf.")))


@pytest.mark.parametrize("type_text", ["f16", "vector<2x4xf32>"])
def test_unsupported_type_is_named(type_text):
    with pytest.raises(DiagnosticException, match=r"math\.exp has type .*expected f32, f64 or a rank-1 vector"):
        expand(function_of("exp", type_text))


@pytest.mark.parametrize(
    ("table", "kept"),
    [("exp_f32", EXP_FORMATS[SINGLE].tail), ("sin_f32", SIN_TAIL[SINGLE]), ("atan_f64", ATAN_TAIL[DOUBLE])],
)
def test_kept_coefficients_are_those_that_the_script_derives(table, kept):
    script = Path(__file__).resolve().parent.parent / "tools" / "remez.py"
    output = subprocess.run([sys.executable, script, table], capture_output=True, text=True, check=True).stdout
    assert tuple(float(line.strip(" ,")) for line in output.splitlines() if line.startswith("    ")) == kept
