"""Every facet of every op, against an oracle that does not know the op."""

import io
import itertools
import zlib

import numpy as np
import pytest
from ml_dtypes import finfo
from op_example import OpExample, build_function, build_op, evaluate_block, random_array, random_operands
from op_examples import OP_EXAMPLES
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, ComplexType, TensorType, f64
from xdsl.dialects.func import Func
from xdsl.ir import Block
from xdsl.parser import Parser
from xdsl.printer import Printer

from dialects.builder import OpBuilder, tensor_type
from dialects.dlc.arithmetic import add
from dialects.dlc.dialect import Dlc
from dialects.dlc.interfaces import PureOp, TensorOp, dtype_of, is_float, is_half

every_example = pytest.mark.parametrize("example", OP_EXAMPLES, ids=str)


def random_of(example: OpExample) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(str(example).encode()))


def float_operands(example: OpExample) -> list[int]:
    return [i for i, t in enumerate(example.operand_types) if is_float(t.element_type)]


def subsets(items):
    return [c for size in range(1, len(items) + 1) for c in itertools.combinations(items, size)]


def evaluate(op: PureOp, operands) -> list[np.ndarray]:
    before = [operand.copy() for operand in operands]
    results = list(op.evaluate_all(operands))
    for operand, copy in zip(operands, before, strict=True):
        np.testing.assert_array_equal(operand, copy)
    return results


def test_every_op_of_the_dialect_has_examples():
    with_example = {example.op_type for example in OP_EXAMPLES}
    tensor_ops = [op_type for op_type in Dlc.operations if issubclass(op_type, PureOp)]
    assert [op_type.name for op_type in tensor_ops if op_type not in with_example] == []


def test_every_op_has_examples_of_odd_shapes():
    for op_type in {example.op_type for example in OP_EXAMPLES}:
        sizes = {tuple(e.result_types[0].get_shape()) for e in OP_EXAMPLES if e.op_type is op_type}
        assert len(sizes) >= 2, f"{op_type.name} needs examples with different shapes, got {sizes}"


@every_example
def test_value_has_the_inferred_type(example):
    op = build_op(example)
    op.verify()
    values = evaluate(op, random_operands(example, random_of(example)))
    for value, result in zip(values, op.results, strict=True):
        assert isinstance(value, np.ndarray)
        assert value.shape == result.type.get_shape()
        assert value.dtype == dtype_of(result.type)


@every_example
def test_text_round_trip(example):
    context = Context()
    for dialect in (Builtin, Func, Dlc):
        context.load_dialect(dialect)
    module = build_function(example)
    module.verify()
    for generic in (False, True):
        stream = io.StringIO()
        Printer(stream, print_generic_format=generic).print_op(module)
        parsed = Parser(context, stream.getvalue()).parse_module()
        parsed.verify()
        assert str(parsed) == str(module)
        if not generic:
            assert parsed.is_structurally_equivalent(module), stream.getvalue()


def build_jvp(example: OpExample, wrt):
    """A block of the op's arguments and the tangents `wrt`, with the op and its tangents: `(block, op, tangents)`."""
    block = Block(arg_types=[*example.operand_types, *(example.operand_types[i] for i in wrt)])
    count = len(example.operand_types)
    b = OpBuilder(block)
    op = example.op_type.emit_all(b, block.args[:count], example.properties)[0].owner
    assert isinstance(op, PureOp)
    tangents = [None] * count
    for i, argument in zip(wrt, block.args[count:], strict=True):
        tangents[i] = argument
    return block, op, op.jvp_all(b, tangents)


def half_tolerance(example: OpExample) -> float:
    """What rounding to an `f16` or `bf16` among the operands and the result does to a value: a few units."""
    types = (*example.operand_types, *example.result_types)
    return max((32 * float(finfo(dtype_of(t)).eps) for t in types if is_half(t.element_type)), default=0.0)


def in_f64(example: OpExample) -> bool:
    types = (f64, ComplexType(f64))
    return all(t.element_type in types for t in example.operand_types if is_float(t.element_type))


DIFFERENTIABLE = [example for example in OP_EXAMPLES if float_operands(example)]


@pytest.mark.parametrize("example", [e for e in DIFFERENTIABLE if in_f64(e)], ids=str)
def test_jvp_equals_central_differences(example):
    rng = random_of(example)
    op = build_op(example)
    for wrt in subsets(float_operands(example)):
        operands = random_operands(example, rng)
        directions = [random_array(example.operand_types[i], rng) for i in wrt]
        block, _, tangents = build_jvp(example, wrt)
        if op.no_derivative:
            assert set(tangents) == {None}
            continue
        assert all(t is None or t.type == result.type for t, result in zip(tangents, op.results, strict=True))
        actuals = evaluate_block(block, [*operands, *directions], tangents)
        # A result in f32 limits how small a step can be seen.
        in_double = all(dtype_of(result.type) in (np.float64, np.complex128) for result in float_results(op))
        step = 1e-6 if in_double else 0.25
        ahead, behind = (
            op.evaluate_all(
                example.derive(
                    [
                        operand if i not in wrt else operand + sign * step * directions[wrt.index(i)]
                        for i, operand in enumerate(operands)
                    ]
                )
            )
            for sign in (1, -1)
        )
        tolerance = max(1e-5 if in_double else 1e-4, half_tolerance(example))
        for result, actual, after, before in zip(op.results, actuals, ahead, behind, strict=True):
            if result in float_results(op):
                expected = (after - before) / (2 * step)
                moved = np.zeros(expected.shape) if actual is None else actual
                np.testing.assert_allclose(moved, expected, rtol=tolerance, atol=tolerance / 100)
            else:
                assert actual is None


def float_results(op: PureOp):
    return [result for result in op.results if is_float(result.type.element_type)]


def differentiate_again(block, tangent, wrt):
    """Append the derivative of `tangent` when the first arguments `wrt` move along new arguments; return it."""
    moving = {block.args[i]: block.insert_arg(block.args[i].type, len(block.args)) for i in wrt}
    b = OpBuilder(block)
    for op in list(block.ops):
        tangents = [moving.get(operand) for operand in op.operands]
        if any(t is not None for t in tangents):
            moved = zip(op.results, op.jvp_all(b, tangents), strict=True)
            moving.update((result, t) for result, t in moved if t is not None)
    return moving.get(tangent)


@pytest.mark.parametrize("example", [e for e in DIFFERENTIABLE if in_f64(e)], ids=str)
def test_second_derivatives_in_both_modes(example):
    """Forward over forward against central differences of the first derivative, then reverse over forward."""
    rng = random_of(example)
    wrt = float_operands(example)
    operands = random_operands(example, rng)
    tangents = build_jvp(example, wrt)[2]
    for number in range(len(tangents)):
        check_second_derivatives(example, wrt, operands, rng, number)


def check_second_derivatives(example, wrt, operands, rng, number):
    block, op, tangents = build_jvp(example, wrt)
    tangent, result = tangents[number], op.results[number]
    if tangent is None or dtype_of(result.type) not in (np.float64, np.complex128):
        return  # nothing moves, or in steps too coarse to see: see the first derivative
    directions, again = ([random_array(example.operand_types[i], rng) for i in wrt] for _ in range(2))

    def first(sign):
        moved = list(operands)
        for i, direction in zip(wrt, again, strict=True):
            moved[i] = operands[i] + sign * 1e-6 * direction
        return evaluate_block(block, [*example.derive(moved), *directions], [tangent])[0]

    expected = (first(1) - first(-1)) / 2e-6
    count = len(block.args)
    second = differentiate_again(block, tangent, wrt)
    if second is None:
        np.testing.assert_allclose(expected, 0, atol=1e-8)
        return
    arguments = [*operands, *directions, *again]
    (actual,) = evaluate_block(block, arguments, [second])
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5 * max(1.0, np.max(np.abs(actual), initial=0)))
    cotangent = random_array(result.type, rng)
    adjoint = evaluate_adjoint(block, arguments, count, second, cotangent)
    rhs = [np.sum(d * back).real for d, back in zip(again, adjoint, strict=True) if back is not None]
    np.testing.assert_allclose(sum(rhs), np.sum(actual * cotangent).real, rtol=1e-9, atol=1e-9 * np.sum(np.abs(actual)))


@pytest.mark.parametrize("example", DIFFERENTIABLE, ids=str)
def test_transposed_jvp_is_the_adjoint_of_the_jvp(example):
    rng = random_of(example)
    op = build_op(example)
    for wrt, number in itertools.product(subsets(float_operands(example)), range(len(op.results))):
        operands = random_operands(example, rng)
        directions = [random_array(example.operand_types[i], rng) for i in wrt]
        block, op, tangents = build_jvp(example, wrt)
        tangent, result = tangents[number], op.results[number]
        if tangent is None:
            continue
        in_double = in_f64(example) and result.type.element_type == f64
        tolerance = max(1e-9 if in_double else 2e-4, half_tolerance(example))
        (moved,) = evaluate_block(block, [*operands, *directions], [tangent])
        cotangent = random_array(result.type, rng)
        actual = evaluate_adjoint(block, [*operands, *directions], len(operands), tangent, cotangent)
        # Of complex numbers, the real part of the product without conjugation.
        lhs = np.sum(moved.astype(np.complex128) * cotangent).real
        rhs = sum(
            np.sum(direction.astype(np.complex128) * back).real
            for direction, back in zip(directions, actual, strict=True)
            if back is not None
        )
        scale = np.sum(np.abs(moved.astype(np.float64) * cotangent)) if half_tolerance(example) else 1.0
        np.testing.assert_allclose(lhs, rhs, rtol=tolerance, atol=tolerance * max(1.0, scale))
        for direction, back in zip(directions, actual, strict=True):
            assert back is None or (back.shape == direction.shape and back.dtype == direction.dtype)


def evaluate_adjoint(block, arguments, primal_count, tangent, cotangent_value):
    """Walk the ops of `block` that depend on its tangent arguments backwards; return the tangents' cotangents."""
    ops = list(block.ops)
    tangent_arguments = block.args[primal_count:]
    moving = set(tangent_arguments)
    for op in ops:
        if any(operand in moving for operand in op.operands):
            moving.update(op.results)
    seed = block.insert_arg(tangent.type, len(block.args))
    b = OpBuilder(block)
    cotangents = {tangent: seed}
    for op in reversed(ops):
        given = [cotangents.pop(result, None) for result in op.results]
        if given.count(None) == len(given) or op.results[0] not in moving:
            continue
        linear = [operand in moving for operand in op.operands]
        contributions = op.transpose_all(b, given, linear)
        for operand, is_linear, contribution in zip(op.operands, linear, contributions, strict=True):
            if contribution is None:
                continue
            assert is_linear
            assert contribution.type == operand.type, f"{op.name}: {contribution.type} for {operand.type}"
            before = cotangents.get(operand)
            cotangents[operand] = contribution if before is None else add(b, before, contribution)
    wanted = [cotangents.get(argument) for argument in tangent_arguments]
    return evaluate_block(block, [*arguments, cotangent_value], wanted)


def assert_close(actual: np.ndarray, expected: np.ndarray, example: OpExample) -> None:
    tolerance = half_tolerance(example)
    if tolerance and actual.dtype.kind != "c":
        actual, expected = actual.astype(np.float64), expected.astype(np.float64)
    np.testing.assert_allclose(actual, expected, rtol=max(1e-5, tolerance), atol=max(1e-6, tolerance / 8))


@every_example
def test_batch_equals_a_loop(example):
    rng = random_of(example)
    op = build_op(example)
    count = len(example.operand_types)
    for batched in subsets(range(count)):
        for size in (3, 1):
            flags = [i in batched for i in range(count)]
            types = [
                tensor_type(t.element_type, (size, *t.get_shape())) if flag else t
                for t, flag in zip(example.operand_types, flags, strict=True)
            ]
            block = Block(arg_types=types)
            results = op.batch_all(OpBuilder(block), block.args, flags, size)
            slices = [random_operands(example, rng) for _ in range(size)]
            for i in range(count):
                if i not in batched:
                    for operands in slices:
                        operands[i] = slices[0][i]
            arguments = [
                np.stack([operands[i] for operands in slices]) if flag else slices[0][i] for i, flag in enumerate(flags)
            ]
            several = zip(*(evaluate(op, operands) for operands in slices), strict=True)
            for actual, expected in zip(evaluate_block(block, arguments, results), map(np.stack, several), strict=True):
                assert actual.dtype == expected.dtype
                assert_close(actual, expected, example)


@every_example
def test_simplify_preserves_the_value(example):
    rng = random_of(example)
    op = build_op(example)
    if not isinstance(op, TensorOp):
        return
    block = Block(arg_types=example.operand_types)
    simple = op.simplify(OpBuilder(block), block.args)
    if simple is None:
        assert block.is_empty, f"{op.name}: simplify built operations, but says that there is nothing simpler"
        return
    assert simple.type == op.result.type
    operands = random_operands(example, rng)
    (actual,) = evaluate_block(block, operands, [simple])
    assert_close(actual, *evaluate(op, operands), example)


@every_example
def test_derivative_or_a_reason(example):
    op = build_op(example)
    differentiable = bool(float_operands(example)) and bool(float_results(op))
    if not differentiable:
        return
    overrides = type(op).jvp is not TensorOp.jvp if isinstance(op, TensorOp) else type(op).jvp_all is not PureOp.jvp_all
    assert overrides != bool(type(op).NO_DERIVATIVE), f"{op.name}: needs a jvp or a reason not to, and not both"


def test_types_of_examples_are_tensors():
    assert all(isinstance(t, TensorType) for example in OP_EXAMPLES for t in example.operand_types)
