"""What newcomers get wrong is named, with their line and what to do, and leaves the next call unharmed."""

import functools
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import compiler
from compiler import ArgumentError, DtypeError, ShapeError, TracingError
from compiler.frames import is_tracing

X = np.arange(12.0).reshape(3, 4)
V = np.arange(4.0)


@pytest.fixture(autouse=True)
def next_call_works() -> Iterator[None]:
    yield
    assert not is_tracing()
    assert compiler.jit(lambda x: x.sum())(X) == 66


def jitted(*args: Any, **options: Any) -> Any:
    """Compile a function and call it on `args`."""
    return lambda fn: compiler.jit(fn, **options)(*args)


MISTAKES: dict[str, tuple[Any, Any, type[Exception], str]] = {
    "formatting": (jitted(X), lambda x: f"{x.sum():.2f}", TracingError, "the text of the traced array.*print"),
    "math": (jitted(X), lambda x: np.sqrt(float(x.sum())), TracingError, "the float of .*instead of those of `math`"),
    "string": (jitted(X, "relu"), lambda x, mode: x, ArgumentError, "argument mode: str is not an array.*static_argnames"),
    "in a tree": (jitted({"w": "a"}), lambda p: p, ArgumentError, r"argument p\['w'\]: str is not an array"),
    "result": (jitted(X), lambda x: {1, 2}, ArgumentError, "the result is of type set"),
    "generator": (jitted(X), lambda x: (row for row in x), ArgumentError, "the result is of type generator"),
    "masked array": (jitted(np.ma.array(V, mask=V > 2)), lambda x: x, ArgumentError, "argument x: MaskedArray is not sup"),
    "grad of int": (compiler.grad, lambda a: a.sum() * 1.0, DtypeError, r"argument a of <lambda> is int64\[3\]"),
    "vmap sizes": (compiler.vmap, lambda a, b: a + b, ShapeError, "argument b has size 4 along axis 0, expected 3"),
}  # fmt: skip
ARGUMENTS = {"grad of int": (np.arange(3),), "vmap sizes": (X, V)}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_explained_at_the_line_of_the_user(name: str) -> None:
    call, fn, error, message = MISTAKES[name]
    with pytest.raises(error, match=message) as caught:
        call(fn)(*ARGUMENTS[name]) if name in ARGUMENTS else call(fn)
    assert "test_misuse.py:" in str(caught.value)


OPTIONS = {
    "jit of a number": (lambda: compiler.jit(3), "jit: expected a function, got int"),
    "grad of a number": (lambda: compiler.grad(3), "grad: expected a function, got int"),
    "argnums by name": (lambda: compiler.grad(np.sum, argnums="x"), "grad: argnums has 'x'; use the integer positions"),
    "argument by name": (lambda: compiler.grad(np.sum)(a=V), "argnums names argument 0, but the call has 0 positional"),
    "static name": (lambda: compiler.jit(lambda a: a, static_argnames="n"), "static_argnames has 'n'; the parameters are a"),
    "static position": (lambda: compiler.jit(lambda a: a, static_argnums=4), "static_argnums has 4; there are 1 positional"),
    "static text": (lambda: compiler.jit(lambda a: a, static_argnums="a"), "static_argnums has 'a'; use integers"),
    "donated position": (lambda: compiler.jit(lambda a: a, donate_argnums=4), "donate_argnums has 4; there are 1 positional"),
    "static list": (lambda: compiler.jit(lambda a: a, static_argnums=0)([1]), "static argument .* of type list is not hash"),
    "target": (lambda: compiler.jit(lambda a: a, target="tpu"), "unknown target 'tpu'; use one of 'cpu', 'cuda'"),
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIONS)
def test_wrong_option_is_named(name: str) -> None:
    call, message = OPTIONS[name]
    with pytest.raises(ArgumentError, match=message):
        call()


def test_message_shows_a_line_once() -> None:
    with pytest.raises(TracingError) as caught:
        compiler.jit(lambda x: float(x.sum()))(X)
    assert str(caught.value).count("test_misuse.py:") == 1


def test_static_values_that_are_equal_but_of_other_types_compile_apart() -> None:
    scale = compiler.jit(lambda x, n: x * n, static_argnames="n")
    numbers = np.arange(3)
    assert [scale(numbers, n).dtype.kind for n in (1, 1.0, True, np.float32(1))] == ["i", "f", "i", "f"]
    assert scale.cache_info().misses == 4
    signs = compiler.jit(lambda x, pair: np.copysign(x, pair[0]), static_argnames="pair")
    assert [signs(V, (zero, 1))[1] for zero in (0.0, -0.0, 0.0)] == [1, -1, 1]
    nan = compiler.jit(lambda x, n: x * n, static_argnames="n")
    nan(V, float("nan"))
    nan(V, float("nan"))
    assert nan.cache_info().misses == 1


@pytest.mark.parametrize("error", [KeyError("mine"), ValueError("mine"), KeyboardInterrupt(), SystemExit(3)])
def test_exception_of_the_function_comes_out_unchanged(error: BaseException) -> None:
    def fails(x: Any) -> Any:
        raise error

    nested = compiler.jit(lambda x: compiler.vmap(lambda row: compiler.jit(fails)(row).sum())(x).sum())
    for call in (compiler.jit(fails), compiler.grad(fails), nested, compiler.jit(compiler.grad(nested))):
        with pytest.raises(type(error)) as caught:
            call(X)
        assert caught.value is error
        assert not is_tracing()


def test_function_that_failed_can_be_called_again() -> None:
    fail = [True]

    @compiler.jit
    def moody(x: Any) -> Any:
        if fail[0]:
            raise RuntimeError("not today")
        return x + 1

    with pytest.raises(RuntimeError, match="not today"):
        moody(X)
    fail[0] = False
    np.testing.assert_array_equal(moody(X), X + 1)


def test_infinite_recursion_is_a_recursion_error() -> None:
    @compiler.jit
    def forever(x: Any) -> Any:
        return forever(x + 1)

    with pytest.raises(RecursionError):
        forever(X)


class Layer:
    def __init__(self) -> None:
        self.w = np.ones((4, 2))

    def __call__(self, x: Any) -> Any:
        return x @ self.w

    def apply(self, x: Any) -> Any:
        return x @ self.w


def test_every_kind_of_callable_compiles() -> None:
    layer = Layer()
    partial = functools.partial(lambda a, x, *, b: a * x + b, 2, b=1)
    for fn in (layer, layer.apply, partial, functools.partial(partial, b=3), np.tanh, np.sum, compiler.jit(layer)):
        np.testing.assert_allclose(compiler.jit(fn)(X), fn(X), rtol=1e-15)


def test_closure_is_read_while_tracing() -> None:
    held = [np.ones(3)]
    f = compiler.jit(lambda: held[0] * 2)
    f()
    held[0][:] = 5
    held[0] = np.zeros(3)
    np.testing.assert_array_equal(f(), [2, 2, 2])


def test_threads_trace_compile_and_call_at_once() -> None:
    shared = compiler.jit(lambda x, n: (x * n).sum(), static_argnames="n")
    wrong: list[Any] = []

    def work(k: int) -> None:
        try:
            for i in range(3):
                own = compiler.jit(compiler.grad(lambda x, i=i: (x * k * (i + 1)).sum()))
                gradient = own(np.full(5, float(k)))
                total = shared(np.full(7, float(k)), i)
                if total != 7 * k * i or not (gradient == k * (i + 1)).all():
                    wrong.append((k, i, total, gradient))
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert shared.cache_info().misses == 3
