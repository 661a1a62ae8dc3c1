"""Errors of tracing name the user's line, what was traced, and what to do."""

from typing import Any

import numpy as np
import pytest
import scipy.special

from compiler.errors import (
    ArgumentError,
    CompilerError,
    DtypeError,
    ShapeError,
    TracingError,
    UnsupportedError,
)
from compiler.tracing import trace
from runtime.reference import interpret

X = np.arange(12.0).reshape(3, 4)


def branch(x: Any) -> Any:
    if x.sum() > 0:
        return x
    return -x


def loop(x: Any) -> Any:
    while (x > 0).all():
        x = x - 1
    return x


PYTHON_VALUES = {
    "if": (branch, r"truth value of the traced array bool\[\] computed from `x`.*compiler.cond.*np.where"),
    "while": (loop, r"truth value of the traced array bool\[\].*compiler.while_loop"),
    "if of an array": (lambda x: 1 if x > 0 else 2, r"bool\[3,4\].*with `.any\(\)` or `.all\(\)`"),
    "and": (lambda x: (x > 0) and (x < 1), "truth value"),
    "max of Python": (lambda x: max(x[0, 0], x[0, 1]), "truth value"),
    "in": (lambda x: 3 in x[0], "truth value"),
    "int": (lambda x: int(x[0, 0]), r"the integer of .*astype\(np.int64\)"),
    "float": (lambda x: float(x[0, 0]), r"the float of .*astype\(np.float64\)"),
    "range": (lambda x: range(x.argmax()), "the index of .*compiler.fori_loop.*static_argnames"),
    "index of a list": (lambda x: [1, 2][x.argmax()], r"the index of .*`x\[i\]`.*compiler.switch"),
    "shape": (lambda x: np.zeros(x.argmax()), "the index of .*static_argnames"),
    "reshape": (lambda x: x.reshape(x.argmax(), -1), "the index of"),
    "item": (lambda x: x.sum().item(), "the item of"),
    "tolist": (lambda x: x.tolist(), "the list of"),
    "asarray": (np.asarray, "the traced argument `x`.*cannot become a NumPy array"),
    "array of scalars": (lambda x: np.array([x[0, 0], 1]), r"np.array\(\[...\], like=x\)"),
    "index of an array": (lambda x: X[x.argmax()], r"np.asarray\(a, like=i\)\[i\]"),
    "list of arrays": (lambda x: np.array([x, x]), "np.stack"),
}


@pytest.mark.parametrize("name", PYTHON_VALUES)
def test_use_as_a_python_value_is_explained(name: str) -> None:
    fn, message = PYTHON_VALUES[name]
    with pytest.raises(TracingError, match=message) as caught:
        trace(fn, [X], argument_names=["x"])
    assert "test_tracing_errors.py:" in str(caught.value)


def test_line_of_the_error_is_the_line_of_the_user() -> None:
    with pytest.raises(TracingError) as caught:
        trace(branch, [X])
    line = branch.__code__.co_firstlineno + 1
    assert f"{__file__}:{line}: if x.sum() > 0:" in str(caught.value)


def test_argument_is_named_as_the_user_would() -> None:
    def fn(params: Any) -> Any:
        return float(params["w"][0])

    with pytest.raises(TracingError, match=r"computed from `params\['w'\]`"):
        trace(fn, [{"w": np.ones(3)}])


SHAPES = {
    "matmul": (
        lambda x: x @ np.ones((3, 2)),
        r"matmul: shapes \(3, 4\) and \(3, 2\) do not fit: .* has size 4, dimension 0 of the second has 3; transpose",
    ),
    "matmul of scalars": (lambda x: x @ x[0, 0], r"matmul: shapes \(3, 4\) and \(\) need"),
    "batched matmul": (lambda x: np.ones((2, 3, 4)) @ np.stack([x.T] * 3), r"shapes \(2,\) and \(3,\) do not fit"),
    "add": (lambda x: x + np.ones(3), r"add: shapes \(3, 4\) and \(3,\) do not fit.*np.newaxis"),
    "where": (lambda x: np.where(x > 0, x, np.ones(5)), r"where: shapes \(3, 4\), \(3, 4\) and \(5,\) do not fit"),
    "reshape": (lambda x: x.reshape(5, 2), r"reshape: shapes \(3, 4\) and \(5, 2\) do not fit: the array has 12"),
    "reshape -1": (lambda x: x.reshape(-1, 5), r"reshape: shapes \(3, 4\) and \(-1, 5\)"),
    "axis": (lambda x: x.sum(2), "sum: axis 2 is out of bounds for an array with 2 dimensions"),
    "axis twice": (lambda x: x.sum((0, -2)), "hold an axis twice"),
    "transpose": (lambda x: x.transpose(0, 2), "transpose: axis 2 is out of bounds"),
    "concatenate": (lambda x: np.concatenate([x, x.T]), r"concatenate: shapes \(3, 4\) and \(4, 3\) do not fit"),
    "stack": (lambda x: np.stack([x, x.T]), r"stack: shapes \(3, 4\) and \(4, 3\)"),
    "split": (lambda x: np.split(x, 2), "2 equal parts do not fit a size of 3"),
    "squeeze": (lambda x: x.squeeze(0), r"squeeze: dimension 0 of shape \(3, 4\) has size 3"),
    "broadcast_to": (lambda x: np.broadcast_to(x, (4, 3)), r"broadcast_to: shapes"),
    "dot": (lambda x: np.dot(x, x), r"dot: shapes \(3, 4\) and \(3, 4\) do not fit"),
    "tensordot": (lambda x: np.tensordot(x, x, 1), "do not have the same sizes"),
    "einsum": (lambda x: np.einsum("ij,jk->ik", x, x), "'j' in 'ij,jk->ik' has the sizes 4 and 3"),
    "einsum rank": (lambda x: np.einsum("ijk->i", x), "do not fit an operand of 2 dimensions"),
    "max of nothing": (lambda x: x[:0].max(0), "no element along axis 0"),
    "argmax of nothing": (lambda x: x[:0].argmax(0), "no element along axis 0"),
    "len": (lambda x: len(x[0, 0]), "no dimension"),
    "iteration": (lambda x: list(x[0, 0]), "without a dimension"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_that_do_not_fit_are_shown(name: str) -> None:
    fn, message = SHAPES[name]
    with pytest.raises(ShapeError, match=message) as caught:
        trace(fn, [X])
    assert isinstance(caught.value, ValueError)
    assert "test_tracing_errors.py:" in str(caught.value)


DTYPES = {
    "long double": (
        lambda x: x,
        np.zeros(2, np.longdouble),
        r"argument x: dtype (longdouble|float128) .* `.astype\(np.float64\)`",
    ),
    "order of complex": (lambda x: x < 1, np.zeros(2, complex), "complex numbers have no order"),
    "floor of complex": (np.floor, np.zeros(2, complex), "floor: NumPy does not define it for complex128"),
    "object argument": (lambda x: x, np.zeros(2, object), "dtype object is not supported; use bool, int8"),
    "large integer": (lambda x: x, 2**63, "9223372036854775808 does not fit into int64"),
    "integer constant": (lambda x: x + 2**40, np.zeros(2, np.int32), "1099511627776 does not fit into int32"),
    "minus of bools": (lambda x: x - x, np.zeros(2, bool), "subtract: NumPy does not define it for bool and bool"),
    "and of floats": (lambda x: x & x, X, "bitwise_and: NumPy does not define it for float64 and float64"),
    "negative power": (lambda x: x**-1, np.ones(2, int), "integers to negative integer powers are not allowed"),
    "astype": (lambda x: x.astype(np.longdouble), X, "(longdouble|float128) is not supported"),
    "zeros_like": (lambda x: np.zeros_like(x, dtype="M8[s]"), X, "datetime64.* is not supported"),
    "strings": (lambda x: x + "a", X, "unsupported operand"),
}


@pytest.mark.parametrize("name", DTYPES)
def test_dtypes_that_are_not_supported_are_named(name: str) -> None:
    fn, argument, message = DTYPES[name]
    error = TypeError if name == "strings" else DtypeError
    with pytest.raises(error, match=message):
        trace(fn, [argument], argument_names=["x"])


UNSUPPORTED = {
    "where": (lambda x: np.where(x > 0), "np.where with one argument"),
    "unique": (np.unique, "np.unique"),
    "Bessel functions": (scipy.special.j0, "j0"),
    "histogram in two dimensions": (lambda x: np.histogram2d(x[0], x[1]), "np.histogram2d"),
    "zeros at the ends": (lambda x: np.trim_zeros(x[0]), "np.trim_zeros"),
    "where=": (lambda x: np.exp(x, where=x > 0), "where= without out="),
    "pad": (lambda x: np.pad(x, 1, lambda *_: None), "np.pad with a function"),
    "traced repeat": (lambda x: np.repeat(x, x.argmax()), "np.repeat with traced counts"),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_functions_that_are_not_supported_are_named(name: str) -> None:
    fn, message = UNSUPPORTED[name]
    with pytest.raises(UnsupportedError, match=message.replace(".*", "(.|\n)*")) as caught:
        trace(lambda x: (fn(x),), [X])
    assert isinstance(caught.value, NotImplementedError)
    assert "test_tracing_errors.py:" in str(caught.value)


def test_arguments_that_are_no_arrays_are_named() -> None:
    with pytest.raises(ArgumentError, match=r"argument params\[0\]: str is not an array.*static_argnames"):
        trace(lambda params: params, [["relu"]])


def test_results_that_are_no_arrays_are_named() -> None:
    with pytest.raises(ArgumentError, match=r"the result\['name'\] is of type str"):
        trace(lambda x: {"x": x, "name": "y"}, [X])


def test_attribute_that_tracers_lack_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"ndarray\.tobytes is not supported on the traced argument `x`"):
        trace(lambda x: x.tobytes(), [X])
    with pytest.raises(AttributeError, match="no attribute 'weights'"):
        trace(lambda x: x.weights, [X])


def test_leaked_tracer_is_explained() -> None:
    leaked: list[Any] = []
    trace(leaked.append, [X], argument_names=["x"])
    with pytest.raises(TracingError, match="after the tracing of its function has finished"):
        leaked[0] + 1
    with pytest.raises(TracingError, match="used outside of the function `append`"):
        trace(lambda x: x + leaked[0], [X])


def test_all_errors_are_compiler_errors() -> None:
    for error in (ArgumentError, DtypeError, ShapeError, TracingError, UnsupportedError):
        assert issubclass(error, CompilerError)


def test_interpreter_checks_its_arguments() -> None:
    traced = trace(lambda x: x + 1, [X], name="f")
    with pytest.raises(ArgumentError, match="no function @g; the module has @f"):
        interpret(traced.module, "g", [X])
    with pytest.raises(ArgumentError, match="takes 1 arguments, got 2"):
        interpret(traced.module, "f", [X, X])
    with pytest.raises(ArgumentError, match=r"argument 0 of @f is float32\[3, 4\], expected float64\[3, 4\]"):
        interpret(traced.module, "f", [X.astype(np.float32)])
