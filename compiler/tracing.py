"""Trace a Python function on NumPy arrays into a module of `func` and `dlc` operations.

For `jit`:

- `trace(fn, args, kwargs, name=…) -> Traced`: runs `fn` on tracers that stand for the array leaves of `args` and
  `kwargs` and returns the module, whose public function takes the leaves in order and then `Traced.constants`.

For transforms and control flow, while something is being traced (`is_tracing()`):

- `trace_subfunction(fn, args) -> Subfunction`: traces `fn` as a private function of the same module. Arrays of the
  enclosing functions that it uses become extra arguments; `Subfunction.captured` are their values in the current
  frame, which the caller appends to the operands.
- `current_frame().builder`: appends operations to the current function; its `location` is the user's line.
- `array_value(x) -> SSAValue`: an array, scalar or tracer as a value of the current frame.
- `new_tracer(value) -> Tracer`: the traced array that stands for a value of the current frame.
- `pytrees.flatten`, `pytrees.unflatten`: arguments and results as trees; `None` has no leaves.

So `vmap` over the first of two arguments is:

```python
sub = trace_subfunction(fn, (AbstractArray((4,), f32), b))   # unbatched argument types; b: a tracer
operands = [array_value(a), array_value(b), *sub.captured]
types = [tensor_type(aval.type.element_type, (8, *aval.shape)) for aval in sub.outputs]
results = transforms.vmap(current_frame().builder, sub.symbol, operands, types, mapped=[0], size=8)
return unflatten(sub.output_tree, [new_tracer(r) for r in results])
```
"""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import SSAValue

from compiler.abstract import AbstractArray, abstract
from compiler.array_methods import ArrayMethods
from compiler.errors import ArgumentError, CompilerError, at_user_line
from compiler.frames import Array, Frame, Program, current_frame, entered, is_tracing
from compiler.masks import MaskedElements
from compiler.numpy_rules import RULES
from compiler.operands import array_value, new_tracer
from compiler.pytrees import TreeSpec, flatten, leaf_paths, unflatten
from compiler.source import file_location
from compiler.tracer import Tracer

__all__ = [
    "AbstractArray",
    "Subfunction",
    "Traced",
    "Tracer",
    "array_value",
    "current_frame",
    "function_name",
    "is_tracing",
    "leaf_names",
    "new_tracer",
    "parameter_names",
    "share_captured",
    "trace",
    "trace_subfunction",
]


@dataclass(frozen=True)
class Traced:
    """A function as a program.

    Attributes:
        name: the symbol of the public function.
        module: the module that holds it and what it calls.
        inputs: one abstract array per array leaf of `(args, kwargs)`.
        input_tree: the structure of `(args, kwargs)`.
        argument_names: what the user calls each input, as `params[0]['w']`.
        outputs: one abstract array per leaf of the result.
        output_tree: the structure of the result.
        constants: arrays to pass after the inputs at each call, as they were when the function was traced.
    """

    name: str
    module: ModuleOp
    inputs: tuple[AbstractArray, ...]
    input_tree: TreeSpec
    argument_names: tuple[str, ...]
    outputs: tuple[AbstractArray, ...]
    output_tree: TreeSpec
    constants: tuple[Array, ...]


@dataclass(frozen=True)
class Subfunction:
    """A private function of the module being traced.

    Attributes:
        symbol: its name.
        inputs: one abstract array per leaf of `args`; the arguments for `captured` follow.
        outputs: one abstract array per leaf of the result.
        output_tree: the structure of the result.
        captured: values of the current frame to append to the operands.
        argument_names: what the user calls each input, as `params[0]['w']`.
        function: the operation that defines it.
    """

    symbol: str
    inputs: tuple[AbstractArray, ...]
    outputs: tuple[AbstractArray, ...]
    output_tree: TreeSpec
    captured: tuple[SSAValue, ...]
    argument_names: tuple[str, ...]
    function: FuncOp


def trace(
    fn: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    argument_names: Sequence[str] | None = None,
) -> Traced:
    """Trace `fn(*args, **kwargs)` as the public function of a new module.

    Args:
        fn: a function of arrays.
        args: trees whose leaves are `AbstractArray`s, or arrays and Python scalars to take shape and dtype from.
        kwargs: the same by keyword.
        name: the symbol; the name of `fn` if left out.
        argument_names: what to call the positional arguments; taken from `fn` if left out.

    Raises:
        CompilerError: a leaf is not an array, its dtype is not supported, or `fn` does what cannot be traced.
    """
    name = name or function_name(fn)
    program = Program()
    frame = Frame(function_name(fn), None, program, RULES)
    symbol = program.unique_symbol(name)
    tree = (tuple(args), dict(kwargs or {}))
    inputs, spec, names, traced_args = _add_arguments(frame, fn, tree, argument_names)
    outputs, output_tree, _ = _run(frame, fn, traced_args, symbol, is_private=False)
    return Traced(symbol, program.module, inputs, spec, names, outputs, output_tree, tuple(program.constants))


def trace_subfunction(
    fn: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    argument_names: Sequence[str] | None = None,
    symbol: str | None = None,
) -> Subfunction:
    """Trace `fn(*args, **kwargs)` as a private function of the module being traced.

    Only shapes, dtypes and weak types of the leaves of `args` matter; the caller passes their values. `symbol` is one
    that was reserved with `Program.unique_symbol`.

    Raises:
        CompilerError: as `trace`; or nothing is being traced.
    """
    parent = current_frame()
    symbol = symbol or parent.program.unique_symbol(name or function_name(fn))
    frame = Frame(function_name(fn), parent, parent.program, parent.rules)
    inputs, _, names, traced_args = _add_arguments(frame, fn, (tuple(args), dict(kwargs or {})), argument_names)
    outputs, output_tree, function = _run(frame, fn, traced_args, symbol, is_private=True)
    return Subfunction(symbol, inputs, outputs, output_tree, tuple(frame.captured), names, function)


def share_captured(subs: Sequence[Subfunction], position: int | None = None) -> list[SSAValue]:
    """Let all of `subs` take what any of them has captured, as arguments from `position` on; return these values.

    Without `position` they stand behind the inputs.
    """
    shared = list(dict.fromkeys(value for sub in subs for value in sub.captured))
    for sub in subs:
        block = sub.function.body.block
        own = dict(zip(sub.captured, block.args[len(sub.inputs) :], strict=True))
        for place, value in enumerate(shared, len(sub.inputs) if position is None else position):
            argument = block.insert_arg(value.type, place)
            argument.name_hint = value.name_hint
            if value in own:
                argument.name_hint = own[value].name_hint
                own[value].replace_all_uses_with(argument)
        for argument in own.values():
            block.erase_arg(argument)
        outputs = sub.function.function_type.outputs
        sub.function.properties["function_type"] = FunctionType.from_lists(block.arg_types, outputs.data)
    return shared


def _add_arguments(
    frame: Frame,
    fn: Callable[..., Any],
    tree: tuple[tuple[Any, ...], dict[str, Any]],
    argument_names: Sequence[str] | None,
) -> tuple[tuple[AbstractArray, ...], TreeSpec, tuple[str, ...], tuple[tuple[Any, ...], dict[str, Any]]]:
    """Give the frame one argument per leaf of `tree`, which is `(args, kwargs)`; also return the tree of tracers."""
    leaves, spec = flatten(tree)
    names = leaf_names(spec, len(tree[0]), argument_names or parameter_names(fn))
    inputs: list[AbstractArray] = []
    tracers: list[Tracer] = []
    for leaf, leaf_name in zip(leaves, names, strict=True):
        try:
            aval = abstract(leaf, leaf_name)
        except (ArgumentError, TypeError) as error:
            raise type(error)(at_user_line(f"{frame.name}: {error}")) from None
        argument = frame.add_argument(aval.type, _identifier(leaf_name))
        frame.argument_names[argument] = leaf_name
        inputs.append(aval)
        tracers.append(Tracer(frame, argument, aval.weak_type))
    return tuple(inputs), spec, tuple(names), unflatten(spec, tracers)


def _run(
    frame: Frame,
    fn: Callable[..., Any],
    args: tuple[tuple[Any, ...], dict[str, Any]],
    symbol: str,
    *,
    is_private: bool,
) -> tuple[tuple[AbstractArray, ...], TreeSpec, FuncOp]:
    """Run `fn` in `frame` and add the function to the module."""
    code = getattr(inspect.unwrap(fn), "__code__", None)
    location = frame.builder.location if code is None else file_location(code.co_filename, code.co_firstlineno)
    with entered(frame):
        try:
            result = fn(*args[0], **args[1])
        except ValueError as error:
            # NumPy replaces our error by its own when it cannot convert an element that is assigned to an array.
            if isinstance(error.__cause__, CompilerError):
                raise error.__cause__ from None
            raise
        frame.builder.location = location
        leaves, output_tree = flatten(result)
        values: list[SSAValue] = []
        outputs: list[AbstractArray] = []
        for i, leaf in enumerate(leaves):
            if isinstance(leaf, MaskedElements):
                leaf.fail()
            if not isinstance(leaf, ArrayMethods | np.ndarray | np.generic | bool | int | float):
                where = "" if code is None else f"\n  at {code.co_filename}:{code.co_firstlineno}"
                raise ArgumentError(
                    f"{frame.name}: the result{leaf_paths(output_tree)[i]} is of type {type(leaf).__name__}; "
                    f"a traced function returns arrays, Python scalars, or containers of them{where}"
                )
            values.append(array_value(leaf))
            outputs.append(leaf.aval if isinstance(leaf, Tracer) else abstract(leaf, f"result{i}"))  # pyright: ignore[reportUnknownArgumentType]
        frame.builder.location = location
        function = frame.function(symbol, values, is_private=is_private)
        function.location = location
    return tuple(outputs), output_tree, function


# Names of functions and arguments


def function_name(fn: Callable[..., Any]) -> str:
    """The name of a function, or of what a `functools.partial` or a callable object stands for."""
    while not hasattr(fn, "__name__") and hasattr(fn, "func"):
        fn = cast(Any, fn).func
    name: str = getattr(fn, "__name__", type(fn).__name__)
    return "lambda" if name == "<lambda>" else name


def parameter_names(fn: Callable[..., Any]) -> list[str]:
    """The names of the positional parameters of `fn`; the last may be `*name`. Empty if they are not known."""
    fn = inspect.unwrap(fn)
    code = getattr(fn, "__code__", None)
    if code is None:
        return []
    names = list(code.co_varnames[: code.co_argcount])
    if code.co_flags & 0x04:  # CO_VARARGS
        names.append("*" + code.co_varnames[code.co_argcount + code.co_kwonlyargcount])
    return names[1:] if getattr(fn, "__self__", None) is not None else names


def leaf_names(spec: TreeSpec, num_args: int, parameters: Sequence[str]) -> list[str]:
    """What the user calls each leaf of `(args, kwargs)`, as `params[0]['w']`."""
    variadic = parameters[-1][1:] if parameters and parameters[-1].startswith("*") else None
    fixed = parameters[:-1] if variadic is not None else parameters
    top: list[str] = []
    for i in range(num_args):
        if i < len(fixed):
            top.append(fixed[i])
        elif variadic is not None:
            top.append(f"{variadic}[{i - len(fixed)}]")
        else:
            top.append(f"arg{i}")
    names: list[str] = []
    for accessor in spec.accessors():
        is_keyword, key = accessor[0].entry, accessor[1].entry
        rest = accessor[2:].codify("")
        names.append((key if is_keyword else top[key]) + rest)  # pyright: ignore[reportUnknownArgumentType]
    return names


def _identifier(name: str) -> str:
    """`params[0]['w']` as the name of an SSA value: `params_0_w`."""
    return re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "arg"
