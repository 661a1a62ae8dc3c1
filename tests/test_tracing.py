"""Tracing: arguments and results as trees, nested functions and what they capture, locations, symbols."""

import functools
from typing import Any, NamedTuple

import numpy as np
import pytest
from traced import assert_as_numpy, run_traced
from xdsl.dialects import func
from xdsl.dialects.builtin import FileLineColLoc

from compiler.abstract import AbstractArray
from compiler.errors import TracingError
from compiler.pytrees import flatten, unflatten
from compiler.tracing import (
    array_value,
    current_frame,
    is_tracing,
    new_tracer,
    trace,
    trace_subfunction,
)
from dialects.builder import tensor_type
from dialects.dlc.transforms import call
from runtime.reference import interpret

F32 = np.dtype(np.float32)


def call_traced(fn: Any, *args: Any) -> Any:
    """Call `fn` as a function of its own in the program being traced."""
    sub = trace_subfunction(fn, args)
    operands = [*map(array_value, flatten((args, {}))[0]), *sub.captured]
    types = [tensor_type(aval.type.element_type, aval.shape) for aval in sub.outputs]
    results = call(current_frame().builder, sub.symbol, operands, types)
    return unflatten(sub.output_tree, [new_tracer(r, o.weak_type) for r, o in zip(results, sub.outputs, strict=True)])


class Layer(NamedTuple):
    w: Any
    b: Any


def test_arguments_and_results_are_trees() -> None:
    def fn(layers: list[Layer], options: dict[str, Any], *, last: Any = None) -> Any:
        (first,) = layers
        return {"y": first.w @ options["x"] + first.b, "rest": (options["nothing"], [first.b])}

    layers = [Layer(np.ones((2, 3), F32), np.zeros(2, F32))]
    traced = trace(fn, [layers, {"x": np.ones(3, F32), "nothing": None}], {"last": np.float64(1)})
    assert traced.argument_names == ("layers[0].w", "layers[0].b", "options['x']", "last")
    assert [str(aval) for aval in traced.inputs] == ["float32[2,3]", "float32[2]", "float32[3]", "float64[]"]
    assert "%layers_0_w: tensor<2x3xf32>" in str(traced.module)
    leaves = [np.ones((2, 3), F32), np.zeros(2, F32), np.ones(3, F32), np.float64(1)]
    result = unflatten(traced.output_tree, interpret(traced.module, "fn", leaves))
    np.testing.assert_array_equal(result["y"], [3, 3])
    assert result["rest"][0] is None


def test_abstract_arrays_stand_for_arguments() -> None:
    traced = trace(
        lambda x, n: x * n, [AbstractArray((2,), F32), AbstractArray((), np.dtype(np.float64), weak_type=True)]
    )
    assert traced.outputs == (AbstractArray((2,), F32),)
    assert traced.name == "lambda"


def test_python_scalars_and_constants_may_be_returned() -> None:
    traced = trace(lambda x: (1, 2.5, True, np.arange(3), x), [np.zeros(2)])
    assert [str(aval) for aval in traced.outputs] == ["int64[]", "float64[]", "bool[]", "int64[3]", "float64[2]"]
    assert [aval.weak_type for aval in traced.outputs] == [True, True, False, False, False]
    assert_as_numpy(lambda x: (1, 2.5, True, np.arange(3), x), np.zeros(2))


def test_non_native_byte_order_is_the_same_dtype() -> None:
    traced = trace(lambda x: x + np.arange(2, dtype=">f8"), [np.zeros(2, ">f8")])
    assert str(traced.outputs[0]) == "float64[2]"


def test_names_of_arguments() -> None:
    class Model:
        def __call__(self, x: Any, *more: Any) -> Any:
            return x

        def method(self, a: Any, b: Any) -> Any:
            return a

    one = np.zeros(())
    assert trace(Model().method, [one, one]).argument_names == ("a", "b")
    assert trace(lambda a, *rest: a, [one, one, (one,)]).argument_names == ("a", "rest[0]", "rest[1][0]")
    assert trace(functools.partial(lambda a, b: b, 1), [one]).argument_names == ("arg0",)
    assert trace(Model(), [one], name="model").name == "model"
    assert trace(Model(), [one], argument_names=["x"]).argument_names == ("x",)


def test_nested_function_is_a_private_function() -> None:
    def fn(x: Any) -> Any:
        def inner(y: Any) -> Any:
            return y * 2

        return call_traced(inner, x) + call_traced(inner, x + 1)

    traced = trace(fn, [np.arange(3.0)])
    functions = {op.sym_name.data: op for op in traced.module.ops if isinstance(op, func.FuncOp)}
    assert set(functions) == {"fn", "inner", "inner_1"}
    assert functions["fn"].sym_visibility is None
    assert functions["inner"].sym_visibility is not None
    assert_result(fn, [2.0, 6, 10], np.arange(3.0))


def assert_result(fn: Any, expected: Any, *args: Any) -> None:
    np.testing.assert_array_equal(run_traced(fn, *args)[0], expected)


def test_captured_values_become_arguments_at_any_depth() -> None:
    table = np.arange(200.0)

    def fn(x: Any, y: Any) -> Any:
        z = x + y

        def outer(u: Any) -> Any:
            v = u * x

            def inner(w: Any) -> Any:
                return w + v + z + x + z + table[:3] + (x * table[3])

            return call_traced(inner, u + 1) + v

        return call_traced(outer, y) * z

    def plain(x: Any, y: Any) -> Any:
        z, v = x + y, y * x
        return (y + 1 + v + z + x + z + table[:3] + x * table[3] + v) * z

    x, y = np.arange(3.0), np.ones(3)
    assert_result(fn, plain(x, y), x, y)


def test_each_captured_value_is_one_argument() -> None:
    symbols: list[Any] = []

    def fn(x: Any, y: Any) -> Any:
        def inner(u: Any) -> Any:
            return u + x + y[0] + x + y[0]

        sub = trace_subfunction(inner, (x,))
        symbols.append(sub)
        return x

    trace(fn, [np.ones(3), np.ones(3)])
    assert len(symbols[0].captured) == 2


def test_large_constants_of_nested_functions_are_arguments_of_the_entry() -> None:
    table = np.arange(100.0)

    def fn(x: Any) -> Any:
        return call_traced(lambda y: y + table, x) + call_traced(lambda y: y * table, x)

    traced = trace(fn, [np.ones(100)])
    assert len(traced.constants) == 1
    assert_result(fn, 1 + 2 * table, np.ones(100))


def test_views_of_outer_arrays_are_read_at_the_time_of_the_call() -> None:
    def fn(x: Any) -> Any:
        base = x * 1
        view = base[1:]
        first = call_traced(lambda u: u + view.sum() + base[1:].sum(), x)
        base[1] = 100
        second = call_traced(lambda u: u + view.sum(), x)
        return first + second

    x = np.arange(3.0)
    assert_result(fn, (x + 6) + (x + 102), x)


def test_arguments_of_nested_functions_are_their_own() -> None:
    def fn(x: Any) -> Any:
        y = x + 0

        def inner(u: Any) -> Any:
            u += 1
            return u

        return call_traced(inner, y), y

    results = run_traced(fn, np.zeros(2))
    np.testing.assert_array_equal(results, [[1, 1], [0, 0]])


def test_changing_an_array_of_the_outer_function_is_refused() -> None:
    def fn(x: Any) -> Any:
        y = x + 0

        def inner(u: Any) -> Any:
            y[0] = u
            return u

        return call_traced(inner, x[0])

    with pytest.raises(TracingError, match=r"belongs to the function `fn` and cannot be changed inside of `inner`"):
        trace(fn, [np.zeros(2)])

    def through_a_view(x: Any) -> Any:
        y = x + 0

        def inner(u: Any) -> Any:
            z = y[1:]
            z += u
            return u

        return call_traced(inner, x[0])

    with pytest.raises(TracingError, match="cannot be changed inside of `inner`"):
        trace(through_a_view, [np.zeros(2)])


def test_operations_have_the_line_of_the_user() -> None:
    def helper(x: Any) -> Any:
        return np.var(x)

    def fn(x: Any) -> Any:
        y = x + 1
        return helper(y)

    function = next(iter(trace(fn, [np.ones(3)]).module.ops))
    assert isinstance(function, func.FuncOp)
    first = fn.__code__.co_firstlineno
    lines = [op.location.line.data for op in function.body.block.ops if isinstance(op.location, FileLineColLoc)]
    assert len(lines) == len(list(function.body.block.ops))
    assert lines[1] == first + 1
    assert set(lines[2:-1]) == {helper.__code__.co_firstlineno + 1}
    assert lines[-1] == first
    assert isinstance(function.location, FileLineColLoc)
    assert function.location.filename.data == __file__


def test_tracing_is_over_after_an_error() -> None:
    def fn(x: Any) -> Any:
        assert is_tracing()
        raise KeyError("mine")

    with pytest.raises(KeyError):
        trace(fn, [np.ones(3)])
    assert not is_tracing()


def test_equal_programs_print_equally() -> None:
    def fn(x: Any) -> Any:
        return np.linalg.norm(x @ x.T + np.arange(3), axis=0)

    assert str(trace(fn, [np.ones((3, 3))]).module) == str(trace(fn, [np.ones((3, 3))]).module)


def test_softmax_is_the_expected_program() -> None:
    def softmax(x: Any) -> Any:
        e = np.exp(x - x.max())
        return e / e.sum()

    text = str(trace(softmax, [np.ones(4, F32)]).module)
    names = [line.split(" = ")[1].split()[0] for line in text.splitlines() if " = " in line]
    assert names == [
        "dlc.reduce_max", "dlc.broadcast_in_dim", "dlc.sub", "dlc.exp", "dlc.reduce_sum", "dlc.broadcast_in_dim", "dlc.div",
    ]  # fmt: skip
