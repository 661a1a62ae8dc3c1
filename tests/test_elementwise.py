"""Elementwise ops at the edges: special values, ties, exactness, and the equations of their `simplify`."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from op_example import OpExample, build_op, evaluate_block, tensor
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.dialects.linalg.ops import YieldOp
from xdsl.ir import Block
from xdsl.utils.exceptions import VerifyException

import compiler
from dialects.builder import OpBuilder
from dialects.dlc import binary, broadcast, constants, conversion, rounding, selection, unary
from dialects.dlc.arithmetic import AddOp, DivOp, MulOp, NegOp, SubOp
from dialects.dlc.binary import AndOp, MaxOp, MinOp, OrOp, PowOp, RemOp, XorOp
from dialects.dlc.broadcast import BroadcastInDimOp, ReduceSumOp
from dialects.dlc.constants import ConstantOp
from dialects.dlc.conversion import ConvertOp
from dialects.dlc.interfaces import ELEMENT_TYPES, AnyTensor, TensorOp
from dialects.dlc.rounding import RoundOp
from dialects.dlc.selection import DIRECTIONS, ClampOp, CompareOp
from dialects.dlc.unary import AbsOp, LogisticOp, NotOp, RsqrtOp, SignOp, SqrtOp
from dialects.structured import element_type
from runtime.reference.interpreter import RULES
from runtime.reference.machine import Machine

I32_MIN, I64_MIN = -(2**31), -(2**63)
SPECIAL = [np.nan, np.inf, -np.inf, -0.0, 0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 1e300, -1e-300, 5e-324]


def type_of(array: np.ndarray) -> AnyTensor:
    return tensor("x".join([*map(str, array.shape), str(ELEMENT_TYPES[array.dtype])]))


def value_of(op_type: type[TensorOp], *operands, properties=None) -> np.ndarray:
    arrays = [np.asarray(operand) for operand in operands]
    op = build_op(OpExample(op_type, tuple(type_of(a) for a in arrays), properties or {}))
    return op.evaluate(arrays)


def scalar_value_of(op_type: type[TensorOp], *operands) -> np.ndarray:
    """The value by the op's scalar code."""
    arrays = [np.asarray(operand) for operand in operands]
    op = build_op(OpExample(op_type, tuple(type_of(a) for a in arrays)))
    block = Block(arg_types=[element_type(v) for v in op.operands])
    b = OpBuilder(block)
    b.create_op(YieldOp, (op.scalar(b, block.args),))
    with np.errstate(all="ignore"):
        (value,) = Machine(ModuleOp([]), RULES).run_block(block, dict(zip(block.args, arrays, strict=True)))
    return np.broadcast_to(value, arrays[0].shape)


def tangent_of(op_type: type[TensorOp], operands, directions) -> np.ndarray | None:
    arrays = [np.asarray(operand) for operand in operands]
    moving = [np.asarray(d) for d in directions if d is not None]
    block = Block(arg_types=[*map(type_of, arrays), *map(type_of, moving)])
    b = OpBuilder(block)
    op = op_type.emit(b, block.args[: len(arrays)]).owner
    rest = iter(block.args[len(arrays) :])
    tangent = op.jvp(b, [None if d is None else next(rest) for d in directions])
    return evaluate_block(block, [*arrays, *moving], [tangent])[0]


def test_special_values():
    nan = np.nan
    np.testing.assert_array_equal(value_of(SignOp, [nan, -0.0, np.inf, -2.0]), [nan, 0, 1, -1])
    np.testing.assert_array_equal(value_of(RoundOp, [0.5, 1.5, 2.5, -0.5, nan]), [0, 2, 2, -0.0, nan])
    np.testing.assert_array_equal(value_of(MaxOp, [nan, 1.0, 2.0], [1.0, nan, 1.0]), [nan, nan, 2])
    np.testing.assert_array_equal(value_of(MinOp, [nan, 1.0, 2.0], [1.0, nan, 1.0]), [nan, nan, 1])
    np.testing.assert_array_equal(value_of(ClampOp, 0.0, [nan, -1.0, 0.5, 2.0], 1.0), [nan, 0, 0.5, 1])
    np.testing.assert_array_equal(value_of(LogisticOp, [-np.inf, -1e4, 0.0, 1e4, np.inf, nan]), [0, 0, 0.5, 1, 1, nan])
    np.testing.assert_array_equal(value_of(RsqrtOp, [0.0, np.inf, -1.0]), [np.inf, 0, nan])
    assert value_of(ConvertOp, [nan, 0.0, -0.0, 0.1], properties={"output": tensor("4xi1")}).tolist() == [1, 0, 0, 1]
    assert value_of(ConvertOp, [1.9, -1.9], properties={"output": tensor("2xi32")}).tolist() == [1, -1]


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_integer_division_never_traps(dtype):
    least = np.iinfo(dtype).min
    x, y = (
        np.array(values, dtype)
        for values in zip(*itertools.product([7, -7, 0, least, 1], [2, -2, 0, -1, least]), strict=False)
    )
    for value in (value_of, scalar_value_of):
        quotient = value(DivOp, x, y)
        remainder = value(RemOp, x, y)
        assert quotient.dtype == remainder.dtype == dtype
        for a, c, q, r in zip(*(v.tolist() for v in (x, y, quotient, remainder)), strict=True):
            if c == 0:
                assert (q, r) == (0, 0)
            else:
                exact = int(Fraction(a, c))
                assert q == (exact if exact <= np.iinfo(dtype).max else least)
                assert r == a - exact * c


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_integer_power(dtype):
    x, y = (
        np.array(v, dtype)
        for v in zip(*itertools.product([0, 1, -1, 2, -3, 12345], [0, 1, 2, 5, 31, 100, -1, -2]), strict=False)
    )
    bits = np.iinfo(dtype).bits
    for value in (value_of, scalar_value_of):
        power = value(PowOp, x, y)
        for base, exponent, actual in zip(x.tolist(), y.tolist(), power.tolist(), strict=True):
            if exponent < 0:
                assert actual == (base ** (exponent % 2) if abs(base) == 1 else 0)
            else:
                assert (actual - base**exponent) % 2**bits == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_remainder_is_exact(dtype):
    rng = np.random.default_rng(0)
    info = np.finfo(dtype)
    special = np.array([0, -0.0, 1, -1, 0.5, np.inf, -np.inf, np.nan, info.max, info.tiny, info.smallest_subnormal, 3])
    x, y = (np.array(v, dtype) for v in zip(*itertools.product(special, special), strict=False))
    scale = (info.maxexp - 2) * 0.69
    wide = (rng.uniform(-1, 1, (2, 60)) * np.exp(rng.uniform(-scale, scale, (2, 60)))).astype(dtype)
    close = (rng.uniform(-100, 100, (2, 60))).astype(dtype)
    x, y = np.concatenate([x, wide[0], close[0]]), np.concatenate([y, wide[1], close[1]])
    with np.errstate(all="ignore"):
        expected = np.fmod(x, y)
    for value in (value_of, scalar_value_of):
        actual = value(RemOp, x, y)
        np.testing.assert_array_equal(actual, expected)
        finite = np.isfinite(expected)
        np.testing.assert_array_equal(np.signbit(actual[finite]), np.signbit(expected[finite]))


@pytest.mark.parametrize("op_type", [MaxOp, MinOp])
def test_ties_share_the_tangent(op_type):
    x = np.array([1.0, 2.0, 3.0])
    both = tangent_of(op_type, (x, x), (np.ones(3), 3 * np.ones(3)))
    np.testing.assert_array_equal(both, 2 * np.ones(3))


def test_derivative_of_abs_at_zero_is_zero():
    np.testing.assert_array_equal(tangent_of(AbsOp, ([0.0, -2.0],), ([1.0, 1.0],)), [0, -1])


def test_derivative_of_power_is_finite_where_it_exists():
    ones = np.ones(4)
    x, y = np.array([0.0, 0.0, -2.0, 0.0]), np.array([0.0, 1.0, 3.0, 2.0])
    np.testing.assert_array_equal(tangent_of(PowOp, (x, y), (ones, None)), [0, 1, 12, 0])
    np.testing.assert_array_equal(tangent_of(PowOp, (np.zeros(2), np.array([0.0, 2.0])), (None, ones[:2])), [0, 0])


def test_derivative_of_clamp_is_zero_at_and_beyond_the_bounds():
    x = np.array([-1.0, 0.0, 0.5, 1.0, 2.0])
    bounds = (np.array(0.0), np.array(1.0))
    tangent = tangent_of(ClampOp, (bounds[0], x, bounds[1]), (None, np.ones(5), None))
    np.testing.assert_array_equal(tangent, [0, 0, 1, 0, 0])
    tangent = tangent_of(ClampOp, (bounds[0], x, bounds[1]), (np.array(2.0), np.ones(5), np.array(3.0)))
    np.testing.assert_array_equal(tangent, [2, 0, 1, 0, 3])


def test_splat_constant_is_stored_once():
    block = Block()
    value = constants.full(OpBuilder(block), 2, tensor("1000x1000xf32"))
    assert len(value.owner.value.data.data) == 4
    assert constants.constant(OpBuilder(block), np.full((1000, 1000), 2, np.float32)).owner.value == value.owner.value
    assert constants.splat_value(value) == 2
    assert constants.splat_value(constants.constant(OpBuilder(block), np.array([0.0, -0.0]))) is None
    assert constants.splat_value(constants.constant(OpBuilder(block), np.array([[np.nan, np.nan]]))) != 0
    assert constants.splat_value(constants.zeros(OpBuilder(block), tensor("0xf32"))) is None


def test_constant_keeps_strided_arrays():
    array = np.arange(12.0).reshape(3, 4).T[::2]
    value = constants.constant(OpBuilder(Block()), array)
    np.testing.assert_array_equal(value.owner.evaluate([]), array)


# simplify: every op on every combination of operands that a pattern might look for, with special values


def producers(b: OpBuilder, argument):
    """Values that patterns look at: the argument, constants, and simple functions of the argument."""
    kind = str(element_type(argument))
    operand_type = argument.type
    yield argument
    if kind == "i1":
        yield unary.not_(b, argument)
        numbers = (False, True)
    else:
        yield unary.neg(b, argument)
        yield unary.abs_(b, argument)
        if kind[0] == "i":
            yield unary.not_(b, argument)
        numbers = (0, -0.0, 1, -1, 2, 3, 0.5, 4, np.nan, np.inf) if kind[0] == "f" else (0, 1, -1, 2, 3, 8)
    for number in numbers:
        yield constants.full(b, number, operand_type)


SIMPLIFIED = [
    (op_type, element)
    for op_type, elements in {
        **dict.fromkeys([AddOp, SubOp, MulOp, DivOp, RemOp, PowOp, MaxOp, MinOp], ("f64", "i32")),
        **dict.fromkeys([NegOp, AbsOp], ("f64", "i32")),
        **dict.fromkeys([AndOp, OrOp, XorOp, NotOp], ("i1", "i32")),
        **dict.fromkeys([unary.CosOp, rounding.FloorOp], ("f64",)),
    }.items()
    for element in elements
]


@pytest.mark.parametrize(("op_type", "element"), SIMPLIFIED, ids=lambda p: getattr(p, "name", p))
def test_simplify_keeps_special_values(op_type, element):
    data = {
        "f64": np.array(SPECIAL),
        "i32": np.array([0, 1, -1, 5, -8, I32_MIN, 2**31 - 1], np.int32),
        "i1": np.array([False, True]),
    }[element]
    arity = 2 if issubclass(op_type, binary.BinaryOp) else 1
    columns = [column.reshape(-1) for column in np.meshgrid(*[data] * arity)]
    block = Block(arg_types=[type_of(column) for column in columns])
    b = OpBuilder(block)
    choices = [list(producers(b, argument)) for argument in block.args]
    if arity == 2:
        choices[1].append(block.args[0])
    fired = 0
    for operands in itertools.product(*choices):
        op = op_type.emit(b, operands).owner
        simple = op.simplify(b, operands)
        if simple is None:
            continue
        fired += 1
        assert simple.type == op.result.type
        expected, actual = evaluate_block(block, columns, [op.result, simple])
        if op_type is PowOp and constants.splat_value(operands[1]) == 0.5:
            actual = np.where(np.isneginf(columns[0]), expected, actual)  # documented
        if op_type is PowOp and element == "f64":
            np.testing.assert_allclose(actual, expected, rtol=1e-15)
            continue
        np.testing.assert_array_equal(actual, expected)
        if element == "f64":
            sign = np.isfinite(expected) | np.isinf(expected)
            np.testing.assert_array_equal(np.signbit(actual)[sign], np.signbit(expected)[sign], f"{op} {operands}")
    assert fired or op_type in {RemOp, rounding.FloorOp}


def simplified(build, *types):
    """The value that `simplify` finds for the op that `build(b, *arguments)` ends with, and the arguments."""
    block = Block(arg_types=[tensor(t) for t in types])
    b = OpBuilder(block)
    op = build(b, *block.args).owner
    return op.simplify(b, op.operands), block.args


def test_neutral_elements_vanish():
    def with_constant(function, number):
        return lambda b, x: function(b, x, constants.full(b, number, x.type))

    for function, number, element in (
        (binary.add, -0.0, "f64"),
        (binary.add, 0, "i32"),
        (binary.sub, 0.0, "f64"),
        (binary.mul, 1, "f32"),
        (binary.div, 1, "f32"),
        (binary.pow_, 1, "f32"),
        (binary.and_, -1, "i64"),
        (binary.or_, False, "i1"),
    ):
        simple, (x,) = simplified(with_constant(function, number), f"4x{element}")
        assert simple is x, f"{function.__name__} {number} {element}"


def test_zero_is_not_neutral_in_floating_point_addition_nor_absorbing_in_multiplication():
    assert simplified(lambda b, x: binary.add(b, x, constants.zeros(b, x.type)), "4xf32")[0] is None
    assert simplified(lambda b, x: binary.mul(b, x, constants.zeros(b, x.type)), "4xf32")[0] is None
    assert simplified(lambda b, x: binary.sub(b, x, x), "4xf32")[0] is None
    assert simplified(lambda b, x: selection.compare(b, "eq", x, x), "4xf32")[0] is None


def test_small_powers_become_products():
    def power(number):
        return lambda b, x: binary.pow_(b, x, constants.full(b, number, x.type))

    assert isinstance(simplified(power(2), "4xf32")[0].owner, MulOp)
    assert isinstance(simplified(power(3), "4xf32")[0].owner, MulOp)
    assert isinstance(simplified(power(0.5), "4xf32")[0].owner, SqrtOp)
    assert isinstance(simplified(power(-1), "4xf32")[0].owner, DivOp)
    assert isinstance(simplified(power(0), "4xf32")[0].owner, ConstantOp)
    assert simplified(power(2.5), "4xf32")[0] is None


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_half_powers_are_roots_with_the_special_values_of_pow(dtype):
    exponents = (-2.5, -1.5, -0.5, 1.5, 2.5)
    info = np.finfo(dtype)
    with np.errstate(all="ignore"):
        x = np.array([*SPECIAL, info.tiny, info.max, *np.logspace(-4.5, 4.5, 200)]).astype(dtype)
        expected = [np.power(x.astype(np.float64), e).astype(dtype) for e in exponents]
    program = compiler.jit(lambda x: tuple(x**e for e in exponents))
    assert "math.powf" not in program.lower(x).as_text("linalg")
    for got, want in zip(program(x), expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=4 * info.eps, atol=float(info.smallest_subnormal))
        np.testing.assert_array_equal(np.signbit(got)[~np.isnan(want)], np.signbit(want)[~np.isnan(want)])
    derivative = compiler.jit(compiler.grad(lambda x: (x**1.5).sum()))
    np.testing.assert_allclose(derivative(np.array([0.0, 4.0])), [0, 3], rtol=1e-15)


def test_division_by_a_power_of_two_is_a_product():
    def quotient(number):
        return lambda b, x: binary.div(b, x, constants.full(b, number, x.type))

    assert isinstance(simplified(quotient(8), "4xf32")[0].owner, MulOp)
    assert simplified(quotient(10), "4xf32")[0] is None
    assert simplified(quotient(8), "4xi32")[0] is None
    assert simplified(quotient(2.0**-149), "4xf64")[0] is None


def test_selection_by_a_known_predicate():
    def by(pred):
        return lambda b, x, y: selection.select(b, constants.full(b, pred, tensor("i1")), x, y)

    simple, (x, y) = simplified(by(True), "4xf32", "4xf32")
    assert simple is x
    simple, (x, y) = simplified(by(False), "4xf32", "4xf32")
    assert simple is y
    simple, (_, x) = simplified(lambda b, p, x: selection.select(b, p, x, x), "4xi1", "4xf32")
    assert simple is x


def test_integer_compared_with_itself_is_known():
    for direction in DIRECTIONS:
        simple, _ = simplified(lambda b, x, d=direction: selection.compare(b, d, x, x), "4xi32")
        assert constants.splat_value(simple) is (direction in {"eq", "le", "ge"})


def test_negated_comparison_is_the_inverse_unless_nan_matters():
    def negated(direction):
        return lambda b, x, y: unary.not_(b, selection.compare(b, direction, x, y))

    simple, _ = simplified(negated("lt"), "4xi32", "4xi32")
    assert isinstance(simple.owner, CompareOp)
    assert simple.owner.direction == StringAttr("ge")
    assert simplified(negated("lt"), "4xf32", "4xf32")[0] is None
    assert simplified(negated("eq"), "4xf32", "4xf32")[0].owner.direction == StringAttr("ne")


def test_lossless_conversions_are_skipped():
    def through(first, last):
        return lambda b, x: conversion.convert(
            b, conversion.convert(b, x, tensor(first).element_type), tensor(last).element_type
        )

    simple, (x,) = simplified(through("f64", "f32"), "4xf32")
    assert simple is x
    simple, (x,) = simplified(through("i64", "f32"), "4xi1")
    assert simple.owner.operand is x
    assert simplified(through("f32", "f64"), "4xi32")[0] is None
    assert simplified(through("i32", "i64"), "4xi64")[0] is None


def test_broadcasts_compose_and_splats_stay_splats():
    def twice(b, x):
        return broadcast.broadcast_in_dim(b, broadcast.broadcast_in_dim(b, x, (3, 5), (1,)), (3, 2, 5), (0, 2))

    simple, (x,) = simplified(twice, "5xf32")
    assert isinstance(simple.owner, BroadcastInDimOp)
    assert simple.owner.operand is x
    simple, _ = simplified(lambda b: broadcast.broadcast_in_dim(b, constants.full(b, 3, tensor("f32")), (3, 5), ()))
    assert constants.splat_value(simple) == 3


def test_sums_compose():
    simple, (x,) = simplified(lambda b, x: broadcast.reduce_sum(b, broadcast.reduce_sum(b, x, (1,)), (1,)), "2x3x5xf32")
    assert isinstance(simple.owner, ReduceSumOp)
    assert simple.owner.operand is x
    assert simple.owner.dims.get_values() == (1, 2)


def test_select_of_bools_is_the_predicate():
    def chosen(b, p):
        return selection.select(b, p, constants.full(b, True, p.type), constants.full(b, False, p.type))

    simple, (p,) = simplified(chosen, "4xi1")
    assert simple is p


def test_messages_of_the_builders_say_what_to_do():
    block = Block(arg_types=[tensor(t) for t in ("4xf32", "5xf32", "4xf64", "4xi1")])
    b = OpBuilder(block)
    x, longer, double, mask = block.args
    with pytest.raises(VerifyException, match=r"dlc.add: operand 1 has type tensor<5xf32>, expected tensor<4xf32> as "):
        binary.add(b, x, longer)
    with pytest.raises(VerifyException, match=r"use dlc.broadcast_in_dim to align the shapes"):
        binary.add(b, x, longer)
    with pytest.raises(VerifyException, match=r"use dlc.convert to align the element types"):
        selection.compare(b, "lt", x, double)
    with pytest.raises(VerifyException, match=r"dlc.select: operand 2 has type tensor<4xf64>, expected tensor<4xf32>"):
        selection.select(b, mask, x, double)
    with pytest.raises(VerifyException, match=r"dlc.constant: dtype object is not supported"):
        constants.constant(b, np.array([None]))
    assert block.is_empty
