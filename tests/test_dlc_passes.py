"""The passes over the tensor dialect keep values, and derivatives are derivatives."""

import gc

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, FileLineColLoc, IntAttr, ModuleOp, StringAttr, f32, i32
from xdsl.dialects.func import Func, FuncOp, ReturnOp
from xdsl.ir import Block, Region
from xdsl.parser import Parser
from xdsl.transforms.common_subexpression_elimination import cse
from xdsl.transforms.dead_code_elimination import dce
from xdsl.utils.exceptions import PassFailedException

from dialects.builder import OpBuilder, tensor_type
from dialects.dlc.arithmetic import add, mul
from dialects.dlc.constants import full
from dialects.dlc.dialect import Dlc
from dialects.dlc.interfaces import TensorOp
from dialects.dlc.transforms import CallOp, JvpOp, VjpOp, VmapOp, vjp
from dialects.dlc.unary import tanh
from passes.dlc.batch import BatchPass
from passes.dlc.convert_dlc_to_linalg import ConvertDlcToLinalgPass
from passes.dlc.differentiate import DifferentiatePass
from passes.dlc.expand_transforms import ExpandTransformsPass
from passes.dlc.fold_constants import FoldConstantsPass
from passes.dlc.inline import InlinePass
from passes.dlc.remove_dead_functions import RemoveDeadFunctionsPass
from passes.dlc.simplify_dlc import SimplifyDlcPass
from runtime.reference import interpret

TRANSFORMS = (JvpOp, VjpOp, VmapOp)
STEP = 1e-6


def context():
    result = Context()
    for dialect in (Builtin, Func, Dlc):
        result.load_dialect(dialect)
    return result


def parse(text):
    module = Parser(context(), text).parse_module()
    module.verify()
    return module


def run_passes(module, *passes):
    for pass_type in passes:
        pass_type().apply(context(), module)
        module.verify()
    return module


def expand(text):
    """The module of `text` in the form of the `autodiff` stage."""
    module = run_passes(parse(text), ExpandTransformsPass, InlinePass, RemoveDeadFunctionsPass, SimplifyDlcPass)
    assert not [op for op in module.walk() if isinstance(op, (CallOp, *TRANSFORMS))]
    return module


def evaluate(module, name, *arguments):
    """The results of a function without transforms."""
    return interpret(module, name, arguments)


def derivative(f, arguments, index, direction):
    """Central difference of the results of `f` as argument `index` moves in `direction`."""
    moved = [list(arguments), list(arguments)]
    moved[0][index] = arguments[index] + STEP * direction
    moved[1][index] = arguments[index] - STEP * direction
    plus, minus = f(*moved[0]), f(*moved[1])
    return [(p - m) / (2 * STEP) for p, m in zip(plus, minus, strict=True)]


def random(*shape, seed=0):
    return np.random.default_rng(seed + len(shape)).normal(size=shape)


def count_ops(module):
    return sum(1 for op in module.walk() if isinstance(op, TensorOp))


# Several uses of one value, calls, broadcasts, reductions, selection, a product, and an integer argument.
NETWORK = """
func.func private @activate(%x: tensor<3x2xf64>) -> tensor<3x2xf64> {
  %zero = dlc.constant dense<0.1> : tensor<3x2xf64>
  %p = dlc.compare gt %x, %zero : tensor<3x2xf64>
  %t = dlc.tanh %x : tensor<3x2xf64>
  %m = dlc.mul %t, %x : tensor<3x2xf64>
  %r = dlc.select %p, %m, %t : tensor<3x2xi1>, tensor<3x2xf64>
  func.return %r : tensor<3x2xf64>
}
func.func private @f(%x: tensor<3x4xf64>, %w: tensor<4x2xf64>, %b: tensor<2xf64>, %n: tensor<2xi64>) -> (tensor<f64>, tensor<2xi64>, tensor<3x2xf64>) {
  %0 = dlc.dot_general %x, %w contracting [1] x [0] : tensor<3x4xf64>, tensor<4x2xf64> -> tensor<3x2xf64>
  %1 = dlc.broadcast_in_dim %b dims [1] : tensor<2xf64> -> tensor<3x2xf64>
  %2 = dlc.add %0, %1 : tensor<3x2xf64>
  %3 = dlc.call @activate(%2) : (tensor<3x2xf64>) -> tensor<3x2xf64>
  %4 = dlc.convert %n : tensor<2xi64> -> tensor<2xf64>
  %5 = dlc.broadcast_in_dim %4 dims [1] : tensor<2xf64> -> tensor<3x2xf64>
  %6 = dlc.div %3, %5 : tensor<3x2xf64>
  %7 = dlc.call @activate(%6) : (tensor<3x2xf64>) -> tensor<3x2xf64>
  %8 = dlc.reduce_sum %7 dims [0, 1] : tensor<3x2xf64> -> tensor<f64>
  %9 = dlc.add %n, %n : tensor<2xi64>
  func.return %8, %9, %6 : tensor<f64>, tensor<2xi64>, tensor<3x2xf64>
}
"""
NETWORK_TYPES = "tensor<3x4xf64>, tensor<4x2xf64>, tensor<2xf64>, tensor<2xi64>"
NETWORK_ARGUMENTS = (random(3, 4), random(4, 2, seed=1), random(2), np.array([2, -3]))


def network(*arguments):
    return evaluate(parse(NETWORK), "f", *arguments)


def test_jvp_is_the_central_difference():
    module = expand(f"""{NETWORK}
func.func @main(%x: tensor<3x4xf64>, %w: tensor<4x2xf64>, %b: tensor<2xf64>, %n: tensor<2xi64>, %dx: tensor<3x4xf64>, %db: tensor<2xf64>)
    -> (tensor<f64>, tensor<2xi64>, tensor<3x2xf64>, tensor<f64>, tensor<3x2xf64>) {{
  %0:5 = dlc.jvp @f(%x, %w, %b, %n)(%dx, %db) wrt [0, 2]
    : ({NETWORK_TYPES}, tensor<3x4xf64>, tensor<2xf64>) -> (tensor<f64>, tensor<2xi64>, tensor<3x2xf64>, tensor<f64>, tensor<3x2xf64>)
  func.return %0#0, %0#1, %0#2, %0#3, %0#4 : tensor<f64>, tensor<2xi64>, tensor<3x2xf64>, tensor<f64>, tensor<3x2xf64>
}}""")
    dx, db = random(3, 4, seed=5), random(2, seed=6)
    *outputs, tangent0, tangent1 = evaluate(module, "main", *NETWORK_ARGUMENTS, dx, db)
    for output, expected in zip(outputs, network(*NETWORK_ARGUMENTS), strict=True):
        np.testing.assert_array_equal(output, expected)
    by_x = derivative(network, NETWORK_ARGUMENTS, 0, dx)
    by_b = derivative(network, NETWORK_ARGUMENTS, 2, db)
    np.testing.assert_allclose(tangent0, by_x[0] + by_b[0], rtol=1e-6)
    np.testing.assert_allclose(tangent1, by_x[2] + by_b[2], rtol=1e-6, atol=1e-8)


def test_vjp_is_the_adjoint_of_the_central_difference():
    module = expand(f"""{NETWORK}
func.func @main(%x: tensor<3x4xf64>, %w: tensor<4x2xf64>, %b: tensor<2xf64>, %n: tensor<2xi64>, %c0: tensor<f64>, %c1: tensor<3x2xf64>)
    -> (tensor<3x4xf64>, tensor<4x2xf64>, tensor<2xf64>) {{
  %0:6 = dlc.vjp @f(%x, %w, %b, %n)(%c0, %c1) wrt [0, 1, 2]
    : ({NETWORK_TYPES}, tensor<f64>, tensor<3x2xf64>) -> (tensor<f64>, tensor<2xi64>, tensor<3x2xf64>, tensor<3x4xf64>, tensor<4x2xf64>, tensor<2xf64>)
  func.return %0#3, %0#4, %0#5 : tensor<3x4xf64>, tensor<4x2xf64>, tensor<2xf64>
}}""")
    cotangents = (random(), random(3, 2, seed=9))
    gradients = evaluate(module, "main", *NETWORK_ARGUMENTS, *cotangents)
    for index, gradient in enumerate(gradients):
        direction = random(*gradient.shape, seed=11)
        moved = derivative(network, NETWORK_ARGUMENTS, index, direction)
        expected = np.sum(cotangents[0] * moved[0]) + np.sum(cotangents[1] * moved[2])
        np.testing.assert_allclose(np.sum(gradient * direction), expected, rtol=1e-6)


# f(x, y) = sum(sin(x * y) * x), its gradient by x, and what is built on it.
SECOND_ORDER = """
func.func private @f(%x: tensor<3xf64>, %y: tensor<3xf64>) -> tensor<f64> {
  %0 = dlc.mul %x, %y : tensor<3xf64>
  %1 = dlc.sin %0 : tensor<3xf64>
  %2 = dlc.mul %1, %x : tensor<3xf64>
  %3 = dlc.reduce_sum %2 dims [0] : tensor<3xf64> -> tensor<f64>
  func.return %3 : tensor<f64>
}
func.func private @grad(%x: tensor<3xf64>, %y: tensor<3xf64>) -> tensor<3xf64> {
  %one = dlc.constant dense<1.0> : tensor<f64>
  %0, %1 = dlc.vjp @f(%x, %y)(%one) wrt [0] : (tensor<3xf64>, tensor<3xf64>, tensor<f64>) -> (tensor<f64>, tensor<3xf64>)
  func.return %1 : tensor<3xf64>
}
func.func @main_grad(%x: tensor<3xf64>, %y: tensor<3xf64>) -> tensor<3xf64> {
  %0 = dlc.call @grad(%x, %y) : (tensor<3xf64>, tensor<3xf64>) -> tensor<3xf64>
  func.return %0 : tensor<3xf64>
}
func.func private @grad_y_of_grad(%x: tensor<3xf64>, %y: tensor<3xf64>, %v: tensor<3xf64>) -> tensor<3xf64> {
  %0, %1 = dlc.vjp @grad(%x, %y)(%v) wrt [1] : (tensor<3xf64>, tensor<3xf64>, tensor<3xf64>) -> (tensor<3xf64>, tensor<3xf64>)
  func.return %1 : tensor<3xf64>
}
func.func @vjp_of_vjp(%x: tensor<3xf64>, %y: tensor<3xf64>, %v: tensor<3xf64>) -> tensor<3xf64> {
  %0 = dlc.call @grad_y_of_grad(%x, %y, %v) : (tensor<3xf64>, tensor<3xf64>, tensor<3xf64>) -> tensor<3xf64>
  func.return %0 : tensor<3xf64>
}
func.func @jvp_of_vjp(%x: tensor<3xf64>, %y: tensor<3xf64>, %v: tensor<3xf64>) -> tensor<3xf64> {
  %0, %1 = dlc.jvp @grad(%x, %y)(%v) wrt [0] : (tensor<3xf64>, tensor<3xf64>, tensor<3xf64>) -> (tensor<3xf64>, tensor<3xf64>)
  func.return %1 : tensor<3xf64>
}
func.func @third(%x: tensor<3xf64>, %y: tensor<3xf64>, %v: tensor<3xf64>, %ct: tensor<3xf64>) -> tensor<3xf64> {
  %0, %1 = dlc.vjp @grad_y_of_grad(%x, %y, %v)(%ct) wrt [0] : (tensor<3xf64>, tensor<3xf64>, tensor<3xf64>, tensor<3xf64>) -> (tensor<3xf64>, tensor<3xf64>)
  func.return %1 : tensor<3xf64>
}
func.func @vmap_of_vjp(%x: tensor<5x3xf64>, %y: tensor<3xf64>) -> tensor<5x3xf64> {
  %0 = dlc.vmap @grad(%x, %y) mapped [0] size 5 : (tensor<5x3xf64>, tensor<3xf64>) -> tensor<5x3xf64>
  func.return %0 : tensor<5x3xf64>
}
func.func private @batch(%x: tensor<5x3xf64>, %y: tensor<3xf64>) -> tensor<5xf64> {
  %0 = dlc.vmap @f(%x, %y) mapped [0] size 5 : (tensor<5x3xf64>, tensor<3xf64>) -> tensor<5xf64>
  func.return %0 : tensor<5xf64>
}
func.func @vjp_of_vmap(%x: tensor<5x3xf64>, %y: tensor<3xf64>, %ct: tensor<5xf64>) -> (tensor<5x3xf64>, tensor<3xf64>) {
  %0, %1, %2 = dlc.vjp @batch(%x, %y)(%ct) wrt [0, 1] : (tensor<5x3xf64>, tensor<3xf64>, tensor<5xf64>) -> (tensor<5xf64>, tensor<5x3xf64>, tensor<3xf64>)
  func.return %1, %2 : tensor<5x3xf64>, tensor<3xf64>
}
"""


def f(x, y):
    return np.sum(np.sin(x * y) * x)


def grad_f(x, y):
    return [np.cos(x * y) * x * y + np.sin(x * y)]


def test_second_and_third_derivatives():
    module = expand(SECOND_ORDER)
    x, y, v, ct = (random(3, seed=seed) for seed in range(4))
    np.testing.assert_allclose(evaluate(module, "main_grad", x, y)[0], grad_f(x, y)[0], rtol=1e-12)
    hessian_v = derivative(grad_f, (x, y), 0, v)[0]
    np.testing.assert_allclose(evaluate(module, "jvp_of_vjp", x, y, v)[0], hessian_v, rtol=1e-6)

    # Everything is elementwise, so the matrix of mixed second derivatives is diagonal.
    def mixed(x, y, v):
        return [v * (2 * np.cos(x * y) * x - np.sin(x * y) * x * x * y)]

    np.testing.assert_allclose(evaluate(module, "vjp_of_vjp", x, y, v)[0], mixed(x, y, v)[0], rtol=1e-12)
    third = derivative(mixed, (x, y, v), 0, np.ones(3))[0] * ct
    np.testing.assert_allclose(evaluate(module, "third", x, y, v, ct)[0], third, rtol=1e-6)


def test_vmap_of_vjp_and_vjp_of_vmap_are_loops():
    module = expand(SECOND_ORDER)
    x, y, ct = random(5, 3), random(3), random(5)
    (rows,) = evaluate(module, "vmap_of_vjp", x, y)
    np.testing.assert_allclose(rows, [grad_f(row, y)[0] for row in x], rtol=1e-12)
    gradient_x, gradient_y = evaluate(module, "vjp_of_vmap", x, y, ct)
    np.testing.assert_allclose(gradient_x, [c * grad_f(row, y)[0] for row, c in zip(x, ct, strict=True)], rtol=1e-12)
    expected = np.sum([c * np.cos(row * y) * row * row for row, c in zip(x, ct, strict=True)], axis=0)
    np.testing.assert_allclose(gradient_y, expected, rtol=1e-12)


OUTPUTS = "tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xi64>, tensor<2xf64>"
BATCHED = OUTPUTS.replace("tensor<", "tensor<4x")
INPUTS = "tensor<2xf64>, tensor<3xf64>, tensor<2xi64>"
FLOATS = "tensor<2xf64>, tensor<2xf64>, tensor<2xf64>, tensor<2xf64>"
ARGUMENTS = "%x: tensor<2xf64>, %u: tensor<3xf64>, %n: tensor<2xi64>"
CORNERS = f"""
func.func private @f({ARGUMENTS}) -> ({OUTPUTS}) {{
  %0 = dlc.mul %x, %x : tensor<2xf64>
  %c = dlc.constant dense<7.0> : tensor<2xf64>
  func.return %0, %x, %0, %n, %c : {OUTPUTS}
}}
func.func @vjp({ARGUMENTS}, %a: tensor<2xf64>, %b: tensor<2xf64>, %c: tensor<2xf64>, %d: tensor<2xf64>)
    -> (tensor<2xf64>, tensor<3xf64>) {{
  %0:7 = dlc.vjp @f(%x, %u, %n)(%a, %b, %c, %d) wrt [0, 1]
    : ({INPUTS}, {FLOATS}) -> ({OUTPUTS}, tensor<2xf64>, tensor<3xf64>)
  func.return %0#5, %0#6 : tensor<2xf64>, tensor<3xf64>
}}
func.func @jvp({ARGUMENTS}, %du: tensor<3xf64>, %dx: tensor<2xf64>) -> ({FLOATS}) {{
  %0:9 = dlc.jvp @f(%x, %u, %n)(%dx, %du) wrt [0, 1]
    : ({INPUTS}, tensor<2xf64>, tensor<3xf64>) -> ({OUTPUTS}, {FLOATS})
  func.return %0#5, %0#6, %0#7, %0#8 : {FLOATS}
}}
func.func @vmap(%x: tensor<4x2xf64>, %u: tensor<3xf64>, %n: tensor<2xi64>) -> ({BATCHED}) {{
  %0:5 = dlc.vmap @f(%x, %u, %n) mapped [0] size 4 : (tensor<4x2xf64>, tensor<3xf64>, tensor<2xi64>) -> ({BATCHED})
  func.return %0#0, %0#1, %0#2, %0#3, %0#4 : {BATCHED}
}}
func.func @none({ARGUMENTS}) -> (tensor<4x2xf64>, tensor<4x2xi64>) {{
  %0:5 = dlc.vmap @f(%x, %u, %n) mapped [] size 4 : ({INPUTS}) -> ({BATCHED})
  func.return %0#2, %0#3 : tensor<4x2xf64>, tensor<4x2xi64>
}}
"""


def test_unused_operands_duplicate_outputs_and_outputs_that_are_inputs():
    module = expand(CORNERS)
    x, u, n = random(2), random(3), np.array([4, 5])
    a, b, c, d = (random(2, seed=seed) for seed in range(1, 5))
    gradient, zero = evaluate(module, "vjp", x, u, n, a, b, c, d)
    np.testing.assert_allclose(gradient, 2 * x * (a + c) + b, rtol=1e-14)
    np.testing.assert_array_equal(zero, np.zeros(3))
    tangents = evaluate(module, "jvp", x, u, n, u, a)
    np.testing.assert_allclose(tangents, [2 * x * a, a, 2 * x * a, np.zeros(2)], rtol=1e-14)


def test_vmap_repeats_what_does_not_depend_on_a_mapped_argument():
    module = expand(CORNERS)
    x, u, n = random(4, 2), random(3), np.array([4, 5])
    results = evaluate(module, "vmap", x, u, n)
    for result, expected in zip(results, (x * x, x, x * x, [n] * 4, np.full((4, 2), 7)), strict=True):
        np.testing.assert_array_equal(result, expected)
    floats, integers = evaluate(module, "none", x[0], u, n)
    np.testing.assert_array_equal(floats, [x[0] ** 2] * 4)
    np.testing.assert_array_equal(integers, [n] * 4)


def test_nothing_is_differentiated_that_lies_on_no_path():
    module = parse("""
func.func private @f(%x: tensor<2xf64>, %y: tensor<2xf64>) -> tensor<2xf64> {
  %dead = dlc.tanh %x : tensor<2xf64>
  %side = dlc.sin %y : tensor<2xf64>
  %floor = dlc.floor %x : tensor<2xf64>
  %through_floor = dlc.exp %floor : tensor<2xf64>
  %0 = dlc.mul %x, %side : tensor<2xf64>
  %1 = dlc.add %0, %through_floor : tensor<2xf64>
  func.return %1 : tensor<2xf64>
}
func.func @main(%x: tensor<2xf64>, %y: tensor<2xf64>, %ct: tensor<2xf64>) -> tensor<2xf64> {
  %0, %1 = dlc.vjp @f(%x, %y)(%ct) wrt [0] : (tensor<2xf64>, tensor<2xf64>, tensor<2xf64>) -> (tensor<2xf64>, tensor<2xf64>)
  func.return %1 : tensor<2xf64>
}""")
    run_passes(module, DifferentiatePass)
    (derived,) = (op for op in module.ops if isinstance(op, FuncOp) and op.sym_name.data == "f_vjp_0")
    assert [op.name for op in derived.body.block.ops] == [
        "dlc.tanh", "dlc.sin", "dlc.floor", "dlc.exp", "dlc.mul", "dlc.add", "dlc.mul", "func.return",
    ]  # fmt: skip


def chain(length):
    """`vjp` of a chain of `length` operations."""
    vector = tensor_type(f32, (4,))
    block = Block(arg_types=[vector, vector])
    b = OpBuilder(block)
    x, y = block.args
    for i in range(length // 5):
        x = add(b, tanh(b, mul(b, x, y)), mul(b, x, full(b, float(i), vector)))
    b.create_op(ReturnOp, [x])
    f = FuncOp("f", ((vector, vector), (vector,)), Region(block), visibility="private")
    block = Block(arg_types=[vector] * 3)
    b = OpBuilder(block)
    b.create_op(ReturnOp, vjp(b, "f", block.args[:2], block.args[2:], (0, 1), (vector,)))
    return ModuleOp([f, FuncOp("main", ((vector,) * 3, (vector,) * 3), Region(block))])


def test_long_chains_grow_linearly():
    counts = []
    gc.disable()  # as the compiler does; collecting a growing module is quadratic
    try:
        for length in (1_000, 10_000):
            module = chain(length)
            for pass_type in (ExpandTransformsPass, InlinePass, RemoveDeadFunctionsPass):
                pass_type().apply(context(), module)
            expanded = count_ops(module)
            SimplifyDlcPass().apply(context(), module)
            counts.append((expanded, count_ops(module)))
    finally:
        gc.enable()
    for short, long in zip(*counts, strict=True):
        assert abs(long - 10 * short) < 100
    assert counts[1][0] <= 4 * 10_000
    assert counts[1][1] <= 3 * 10_000


def test_simplify_leaves_nothing_for_upstream_cse_and_dce():
    module = chain(100)
    run_passes(module, ExpandTransformsPass, InlinePass, RemoveDeadFunctionsPass, SimplifyDlcPass)
    before = str(module)
    cse(module)
    dce(module)
    module.verify()
    assert str(module) == before


def test_upstream_cse_and_dce_work_on_tensor_operations():
    module = run_passes(chain(100), ExpandTransformsPass, InlinePass, RemoveDeadFunctionsPass)
    simplified = run_passes(module.clone(), SimplifyDlcPass)
    cse(module)
    dce(module)
    module.verify()
    assert count_ops(module) < 1.2 * count_ops(simplified)


def test_passes_are_deterministic():
    passes = (ExpandTransformsPass, InlinePass, RemoveDeadFunctionsPass, SimplifyDlcPass, ConvertDlcToLinalgPass)
    assert str(run_passes(parse(SECOND_ORDER), *passes)) == str(run_passes(parse(SECOND_ORDER), *passes))


def test_derived_functions_are_built_once():
    module = run_passes(parse(SECOND_ORDER), ExpandTransformsPass)
    names = [op.sym_name.data for op in module.ops if isinstance(op, FuncOp)]
    assert len(names) == len(set(names))
    # Two transforms refer to @grad by vjp and jvp, and @f is differentiated and batched, each once.
    assert sorted(name for name in names if name.startswith(("f_", "grad_vjp", "grad_jvp", "grad_vmap"))) == [
        "f_vjp_0", "f_vmap_0", "grad_jvp_0", "grad_vjp_1", "grad_vmap_0",
    ]  # fmt: skip
    twice = parse("""
func.func private @f(%x: tensor<f32>) -> tensor<f32> {
  %0 = dlc.sin %x : tensor<f32>
  func.return %0 : tensor<f32>
}
func.func @main(%x: tensor<f32>) -> tensor<f32> {
  %0, %1 = dlc.vjp @f(%x)(%x) wrt [0] : (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
  %2, %3 = dlc.vjp @f(%1)(%0) wrt [0] : (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
  func.return %3 : tensor<f32>
}""")
    run_passes(twice, ExpandTransformsPass)
    assert [op.sym_name.data for op in twice.ops if isinstance(op, FuncOp)] == ["f", "f_vjp_0", "main"]


def test_simplify_has_nothing_left_to_do_the_second_time():
    for text in (SECOND_ORDER, CORNERS, NETWORK.replace("private @f", "@f")):
        module = expand(text)
        before = str(module)
        assert str(run_passes(module, SimplifyDlcPass)) == before


def test_operations_keep_their_location():
    module = parse(SECOND_ORDER)
    for line, op in enumerate(module.walk()):
        op.location = FileLineColLoc(StringAttr("user.py"), IntAttr(line), IntAttr(1))
    run_passes(
        module, ExpandTransformsPass, InlinePass, RemoveDeadFunctionsPass, SimplifyDlcPass, ConvertDlcToLinalgPass
    )
    unknown = [op.name for op in module.walk() if not isinstance(op.location, FileLineColLoc)]
    assert set(unknown) <= {"builtin.module"}


def test_arguments_keep_their_names():
    module = expand(NETWORK.replace("private @f", "@f"))
    (function,) = (op for op in module.ops if isinstance(op, FuncOp) and op.sym_name.data == "f")
    assert [argument.name_hint for argument in function.body.block.args] == ["x", "w", "b", "n"]


RECURSIVE = """
func.func @f(%x: tensor<f32>) -> tensor<f32> {
  %0 = dlc.call @g(%x) : (tensor<f32>) -> tensor<f32>
  func.return %0 : tensor<f32>
}
func.func @g(%x: tensor<f32>) -> tensor<f32> {
  %0 = dlc.vmap @f(%x) mapped [] size 1 : (tensor<f32>) -> tensor<1xf32>
  func.return %x : tensor<f32>
}
"""


@pytest.mark.parametrize("pass_type", [InlinePass, BatchPass, DifferentiatePass, ExpandTransformsPass])
def test_recursion_is_an_error(pass_type):
    with pytest.raises(PassFailedException, match="@f calls itself"):
        pass_type().apply(context(), parse(RECURSIVE))


def test_a_missing_callee_is_an_error():
    module = Parser(
        context(),
        "func.func @f(%x: tensor<f32>) -> tensor<f32> {\n  %0 = dlc.call @g(%x) : (tensor<f32>) -> tensor<f32>\n"
        "  func.return %0 : tensor<f32>\n}\nfunc.func private @g(tensor<f32>) -> tensor<f32>",
    ).parse_module()
    with pytest.raises(PassFailedException, match="there is no function @g with a body"):
        InlinePass().apply(context(), module)


def test_a_callee_of_another_type_is_an_error():
    text = "func.func @f(%x: tensor<f32>) -> tensor<f32> {\n  func.return %x : tensor<f32>\n}\n"
    text += "func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {\n"
    text += "  %0 = dlc.call @f(%x) : (tensor<2xf32>) -> tensor<2xf32>\n  func.return %0 : tensor<2xf32>\n}"
    with pytest.raises(PassFailedException, match=r"operands have types \(tensor<2xf32>\), expected \(tensor<f32>\)"):
        InlinePass().apply(context(), parse(text))


def test_derivatives_by_integers_are_an_error():
    integer = tensor_type(i32, (4,))
    block = Block(arg_types=[integer])
    OpBuilder(block).create_op(ReturnOp, block.args)
    f = FuncOp("f", ((integer,), (integer,)), Region(block))
    block = Block(arg_types=[integer])
    b = OpBuilder(block)
    b.create_op(ReturnOp, vjp(b, "f", block.args, (), (0,), (integer,)))
    module = ModuleOp([f, FuncOp("main", ((integer,), (integer, integer)), Region(block))])
    with pytest.raises(PassFailedException, match="argument 0 of @f has type tensor<4xi32>, expected a floating-point"):
        DifferentiatePass().apply(context(), module)


def test_transforms_do_not_look_into_lowered_functions():
    module = run_passes(parse(SECOND_ORDER.partition("func.func private @grad(")[0]), ConvertDlcToLinalgPass)
    rest = parse(
        "func.func private @f(%x: tensor<3xf64>, %y: tensor<3xf64>) -> tensor<f64> {\n"
        "  %0 = dlc.constant dense<0.0> : tensor<f64>\n  func.return %0 : tensor<f64>\n}\n"
        "func.func @g(%x: tensor<3xf64>) -> (tensor<f64>, tensor<3xf64>) {\n"
        "  %o = dlc.constant dense<1.0> : tensor<f64>\n"
        "  %0, %1 = dlc.vjp @f(%x, %x)(%o) wrt [0] : (tensor<3xf64>, tensor<3xf64>, tensor<f64>) -> (tensor<f64>, tensor<3xf64>)\n"
        "  func.return %0, %1 : tensor<f64>, tensor<3xf64>\n}"
    )
    g = rest.body.block.last_op
    g.detach()
    module.body.block.add_op(g)
    with pytest.raises(PassFailedException, match="not an operation of the tensor dialect"):
        ExpandTransformsPass().apply(context(), module)


def test_a_call_has_no_form_in_linalg():
    module = parse(NETWORK)
    with pytest.raises(PassFailedException, match="run expand-transforms and inline first"):
        ConvertDlcToLinalgPass().apply(context(), module)


def test_simplifying_keeps_values_bit_by_bit():
    specials = np.array([0.0, -0.0, 1.0, -1.0, 2.5, np.inf, -np.inf, np.nan], np.float32)
    text = """
func.func @main(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<0xf32>) {
  %zero = dlc.constant dense<0.0> : tensor<8xf32>
  %minus_zero = dlc.constant dense<-0.0> : tensor<8xf32>
  %one = dlc.constant dense<1.0> : tensor<8xf32>
  %nan = dlc.div %zero, %zero : tensor<8xf32>
  %inf = dlc.div %one, %minus_zero : tensor<8xf32>
  %0 = dlc.add %x, %zero : tensor<8xf32>
  %1 = dlc.add %x, %minus_zero : tensor<8xf32>
  %2 = dlc.mul %x, %zero : tensor<8xf32>
  %3 = dlc.max %x, %nan : tensor<8xf32>
  %4 = dlc.sub %x, %x : tensor<8xf32>
  %5 = dlc.mul %inf, %x : tensor<8xf32>
  %e = dlc.constant dense<1.0> : tensor<0xf32>
  %6 = dlc.exp %e : tensor<0xf32>
  func.return %0, %1, %2, %3, %4, %5, %6 : tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<8xf32>, tensor<0xf32>
}"""
    expected = evaluate(parse(text), "main", specials)
    for passes in ([FoldConstantsPass], [SimplifyDlcPass], [FoldConstantsPass, SimplifyDlcPass]):
        results = evaluate(run_passes(parse(text), *passes), "main", specials)
        for result, value in zip(results, expected, strict=True):
            np.testing.assert_array_equal(np.isnan(result), np.isnan(value))
            np.testing.assert_array_equal(np.where(np.isnan(value), 0, result), np.where(np.isnan(value), 0, value))
            signs = np.signbit(value) & ~np.isnan(value)
            np.testing.assert_array_equal(np.signbit(result) & ~np.isnan(value), signs)
