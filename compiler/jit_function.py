"""`jit`: compile a function of arrays for the shapes and dtypes that it is called with."""

import functools
import inspect
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from compiler.abstract import AbstractArray, abstract
from compiler.errors import ArgumentError, at_user_line
from compiler.options import CompileOptions
from compiler.pipelines import IR_STAGES, Target, paused_collector
from compiler.pytrees import flatten, unflatten
from compiler.stages import Compiled, Lowered, Traced
from compiler.tracing import array_value, current_frame, function_name, is_tracing, new_tracer, trace, trace_subfunction
from dialects.dlc import transforms

Function = Callable[..., Any]


class CacheInfo(NamedTuple):
    """How often a compiled function was called with a known signature (`hits`) and a new one (`misses`)."""

    hits: int
    misses: int
    currsize: int


@dataclass(frozen=True)
class _Call:
    """The arguments of one call: static values by position or name, and the rest."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    static: tuple[tuple[int | str, Hashable], ...]


class JitFunction:
    """A function that is compiled on its first call with each signature; made by `jit`.

    A signature is the structure of the arguments, the shape and dtype of every array, which leaves are Python scalars, and the
    values of static arguments.
    """

    def __init__(
        self,
        fun: Function,
        *,
        static_argnums: Sequence[int],
        static_argnames: Sequence[str],
        donate_argnums: Sequence[int],
        target: Target,
        options: CompileOptions,
    ):
        functools.update_wrapper(self, fun)
        self._fun = fun
        self._name = function_name(fun)
        self._static_names, self._static_nums = _static_arguments(fun, static_argnums, static_argnames)
        self._donate = tuple(donate_argnums)
        self._target: Target = target
        self._options = options
        self._cache: dict[Hashable, Compiled] = {}
        self._hits = self._misses = 0
        self._lock = threading.RLock()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the compiled function; compile it first if the signature is new.

        Raises:
            CompilerError: an argument is not an array of a supported dtype, or the function cannot be compiled.
        """
        call = self._split(args, kwargs)
        if is_tracing():
            return self._call_while_tracing(call)
        leaves, spec = flatten((call.args, call.kwargs))
        key = (spec, call.static, *map(_leaf_key, leaves))
        compiled = self._cache.get(key)
        if compiled is None:
            with self._lock:
                compiled = self._cache.get(key)
                if compiled is None:
                    compiled = self._cache[key] = self._lower(call).compile()
                    self._misses += 1
        else:
            self._hits += 1
        return compiled.run(leaves)

    def trace(self, *args: Any, **kwargs: Any) -> Traced:
        """Trace the function for these arguments (arrays, or anything with `shape` and `dtype`), without compiling."""
        return self._trace(self._split(args, kwargs))

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """Trace the function for these arguments and get ready to print or compile it: `f.lower(x).as_text("fused")`."""
        return self._lower(self._split(args, kwargs))

    def cache_info(self) -> CacheInfo:
        """Hits, misses and size of the signature cache."""
        return CacheInfo(self._hits, self._misses, len(self._cache))

    def cache_clear(self) -> None:
        """Forget all signatures; the next call compiles again."""
        with self._lock:
            self._cache.clear()
            self._hits = self._misses = 0

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Bind as a method; `self` is then the first argument, and must be a tree of arrays or static."""
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self) -> str:
        return f"jit({getattr(self._fun, '__qualname__', self._fun)!s})"

    def _split(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> _Call:
        """Take the static arguments out."""
        if not self._static_nums and not self._static_names:
            return _Call(args, dict(kwargs), ())
        static: list[tuple[int | str, Hashable]] = [(p, args[p]) for p in self._static_nums if p < len(args)]
        static.extend((name, kwargs[name]) for name in self._static_names if name in kwargs)
        for where, value in static:
            try:
                hash(value)
            except TypeError:
                name = f"'{where}'" if isinstance(where, str) else str(where)
                raise ArgumentError(
                    at_user_line(
                        f"{self._name}: static argument {name} of type {type(value).__name__} is not hashable; "
                        "pass a tuple, a number or a string"
                    )
                ) from None
        positions = {where for where, _ in static if isinstance(where, int)}
        names = {where for where, _ in static if isinstance(where, str)}
        return _Call(
            tuple(arg for i, arg in enumerate(args) if i not in positions),
            {name: value for name, value in kwargs.items() if name not in names},
            tuple(static),
        )

    def _dynamic(self, call: _Call) -> Function:
        """The function of the arguments that are not static."""
        if not call.static:
            return self._fun
        fun, positions = self._fun, sorted((w, v) for w, v in call.static if isinstance(w, int))
        names = {where: value for where, value in call.static if isinstance(where, str)}

        @functools.wraps(fun, updated=())
        def dynamic(*args: Any, **kwargs: Any) -> Any:
            full = list(args)
            for position, value in positions:
                full.insert(position, value)
            return fun(*full, **kwargs, **names)

        return dynamic

    def _argument_names(self, call: _Call) -> list[str] | None:
        """What to call the positional arguments that are left, if some are static."""
        positions = {where for where, _ in call.static}
        if not positions:
            return None
        parameters = _parameters(self._fun)
        return [name for i, name in enumerate(parameters) if i not in positions] or None

    def _trace(self, call: _Call) -> Traced:
        with paused_collector():
            traced = trace(
                self._dynamic(call), call.args, call.kwargs, name=self._name, argument_names=self._argument_names(call)
            )
        return Traced(traced, self._target, self._options, self._donate)

    def _lower(self, call: _Call) -> Lowered:
        return self._trace(call).lower()

    def _call_while_tracing(self, call: _Call) -> Any:
        """One call of a private function in the program being traced."""
        sub = trace_subfunction(self._dynamic(call), call.args, call.kwargs, name=self._name)
        leaves, _ = flatten((call.args, call.kwargs))
        operands = [*map(array_value, leaves), *sub.captured]
        results = transforms.call(current_frame().builder, sub.symbol, operands, [o.type for o in sub.outputs])
        tracers = [new_tracer(result, o.weak_type) for result, o in zip(results, sub.outputs, strict=True)]
        return unflatten(sub.output_tree, tracers)


def jit(
    fun: Function | None = None,
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    donate_argnums: int | Sequence[int] = (),
    target: Target = "cpu",
    options: CompileOptions | None = None,
) -> Any:
    """Compile `fun` on first use for each signature of its arguments.

    Args:
        fun: a function of NumPy arrays, Python scalars and trees of them (tuples, lists, dicts, …) that returns such a
            tree. It is run once per signature on traced arrays; Python control flow happens then. It should be pure: other
            side effects happen while tracing only. In-place assignment to its arguments stays inside.
        static_argnums: positions of arguments that are constants of the program, hashable values; a new value compiles anew.
        static_argnames: the same by name.
        donate_argnums: positions of arguments whose memory the results may take; the caller must not use them afterwards.
        target: `"cpu"`, or `"cuda"` for the first NVIDIA GPU.
        options: see `CompileOptions`.

    Returns:
        A `JitFunction`: call it like `fun`; it also has `trace`, `lower` and `cache_info`. Results are new NumPy arrays.

    Raises:
        ArgumentError: an option is wrong. Everything else is raised by the first call.
    """
    if target not in IR_STAGES:
        raise ArgumentError(f"jit: unknown target {target!r}; use one of {', '.join(map(repr, IR_STAGES))}")

    def decorate(function: Function) -> JitFunction:
        if not callable(function):
            raise ArgumentError(f"jit: expected a function, got {type(function).__name__}")
        return JitFunction(
            function,
            static_argnums=(static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums),
            static_argnames=(static_argnames,) if isinstance(static_argnames, str) else tuple(static_argnames),
            donate_argnums=(donate_argnums,) if isinstance(donate_argnums, int) else tuple(donate_argnums),
            target=target,
            options=options or CompileOptions(),
        )

    return decorate if fun is None else decorate(fun)


def _leaf_key(leaf: Any) -> Hashable:
    """What of a leaf is part of the signature."""
    if type(leaf) is np.ndarray:
        return (leaf.dtype, leaf.shape)
    if isinstance(leaf, bool | int | float) and not isinstance(leaf, np.generic):
        return type(leaf)
    known: AbstractArray = abstract(leaf, "leaf")
    return (known.dtype, known.shape, known.weak_type)


def _parameters(fun: Function) -> list[str]:
    try:
        parameters = inspect.signature(fun).parameters.values()
    except (TypeError, ValueError):
        return []
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [parameter.name for parameter in parameters if parameter.kind in positional]


def _static_arguments(
    fun: Function, nums: Sequence[int], names: Sequence[str]
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Static arguments by every name and position that they can be passed by."""
    if not nums and not names:
        return (), ()
    parameters = _parameters(fun)
    try:
        known = set(inspect.signature(fun).parameters)
        has_var_keyword = any(p.kind is p.VAR_KEYWORD for p in inspect.signature(fun).parameters.values())
    except (TypeError, ValueError):
        known, has_var_keyword = set(names), True
    for name in names:
        if name not in known and not has_var_keyword:
            raise ArgumentError(f"jit: static_argnames has '{name}'; the parameters are {', '.join(sorted(known))}")
    positions = {n % len(parameters) if n < 0 and parameters else n for n in nums}
    all_names = set(names) | {parameters[n] for n in positions if n < len(parameters)}
    positions |= {parameters.index(name) for name in names if name in parameters}
    return tuple(sorted(all_names)), tuple(sorted(positions))
