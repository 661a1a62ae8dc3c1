"""`jit`: compile a function of arrays for the shapes and dtypes that it is called with."""

import functools
import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from compiler.abstract import AbstractArray, abstract
from compiler.array_kinds import PLAIN_TYPES, as_plain
from compiler.axes import is_array
from compiler.collector import paused_collector
from compiler.compile_log import SignatureRecord, explain_recompilation, log_compilation
from compiler.errors import ArgumentError, CompilerError, at_user_line, check_function
from compiler.forks import forks_wait
from compiler.frames import threads_tracing
from compiler.options import CompileOptions
from compiler.pipelines import IR_STAGES, Target
from compiler.pytrees import flatten, unflatten
from compiler.signatures import find_host_function
from compiler.stages import Compiled, Lowered, Traced, is_set
from compiler.static_arguments import check_positions, positional_parameters, static_arguments, static_key
from compiler.tracing import array_value, current_frame, function_name, is_tracing, new_tracer, trace, trace_subfunction
from dialects.builder import int_array
from dialects.dlc import transforms
from dialects.rt import DONATED
from runtime.dispatch.native_callable import NativeCallable

Function = Callable[..., Any]


class CacheInfo(NamedTuple):
    """How often a compiled function was called with a known signature (`hits`) and a new one (`misses`)."""

    hits: int
    misses: int
    currsize: int


class _Call(NamedTuple):
    """The arguments of one call: static values by position or name, and the rest."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    static: tuple[tuple[int | str, Hashable], ...]


class JitFunction(NativeCallable):
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
        super().__init__(threads_tracing)
        functools.update_wrapper(self, fun)
        self._fun = fun
        self._name = function_name(fun)
        self._static_names, self._static_nums = static_arguments(fun, static_argnums, static_argnames)
        check_positions("donate_argnums", fun, donate_argnums)
        count = len(positional_parameters(fun))
        self._donate = {number % count if number < 0 and count else number for number in donate_argnums}
        self._target: Target = target
        self._options = options
        self._cache: dict[Hashable, Compiled] = {}
        self._records: list[SignatureRecord] = []
        self._hits = self._misses = 0
        self._lock = threading.RLock()
        self._count_lock = threading.Lock()  # hits are counted while another signature is being compiled

    def _call_in_python(self, *args: Any, **kwargs: Any) -> Any:
        """Run the compiled function; compile it first if the signature is new.

        Raises:
            CompilerError: an argument is not an array of a supported dtype, or the function cannot be compiled.
        """
        call = self._split(args, kwargs)
        if is_tracing():
            return self._call_while_tracing(call)
        leaves, spec = flatten((call.args, call.kwargs))
        kinds = tuple(map(type, leaves))
        donated = self._donated(call) if self._donate else ()
        wrap = None
        if not PLAIN_TYPES.issuperset(kinds):
            leaves, wrap = as_plain(leaves)
            plain_args, plain_kwargs = unflatten(spec, leaves)
            call = _Call(plain_args, plain_kwargs, call.static)
        try:
            key = (spec, call.static and static_key(call.static), donated, *map(_leaf_key, leaves))
        except CompilerError:
            self._trace(call)  # fails with the name of the argument and the user's line
            raise
        compiled = self._cache.get(key)
        if compiled is None:
            compiled = self._compile(call, key, donated)
        else:
            with self._count_lock:
                self._hits += 1
        if (kinds, key) not in self._described:
            entry = compiled.native_entry(args, kwargs, [where for where, _ in call.static])
            if entry is None:
                self._described.add((kinds, key))
            else:
                self._add_entry(entry, (kinds, key))
        return compiled.run(leaves, wrap)

    def _compile(self, call: _Call, key: Hashable, donated: Sequence[int]) -> Compiled:
        """The compiled function for a new signature; threads that come with the same one wait for it."""
        with forks_wait(), self._lock:
            compiled = self._cache.get(key)
            if compiled is not None:
                with self._count_lock:
                    self._hits += 1
                return compiled
            start = time.perf_counter()
            with paused_collector():
                lowered = self._trace(call, donated).lower()
                record = lowered.signature_record(call.static)
                if is_set("DLC_EXPLAIN_RECOMPILES"):
                    explain_recompilation(self._name, record, self._records)
                compiled = lowered.compile()
            if is_set("DLC_LOG_COMPILES"):
                log_compilation(self._name, record, time.perf_counter() - start)
            self._records.append(record)
            self._cache[key] = compiled
            self._misses += 1
            return compiled

    def trace(self, *args: Any, **kwargs: Any) -> Traced:
        """Trace the function for these arguments (arrays, or anything with `shape` and `dtype`), without compiling."""
        call = self._split(args, kwargs)
        return self._trace(_plain_call(call), self._donated(call))

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """Trace the function for these arguments and get ready to print or compile it: `f.lower(x).as_text("fused")`."""
        return self.trace(*args, **kwargs).lower()

    def cache_info(self) -> CacheInfo:
        """Hits, misses and size of the signature cache."""
        return CacheInfo(self._hits + self._native_hits(), self._misses, len(self._cache))

    def cache_clear(self) -> None:
        """Forget all signatures; the next call compiles again."""
        with self._lock:
            self._drop_entries()
            self._cache.clear()
            self._records.clear()
            self._hits = self._misses = 0
            self._former_hits = 0

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Bind as a method; `self` is then the first argument, and must be a tree of arrays or static."""
        return self if instance is None else BoundJitFunction(self, instance)

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
        parameters = positional_parameters(self._fun)
        return [name for i, name in enumerate(parameters) if i not in positions] or None

    def _donated(self, call: _Call) -> tuple[int, ...]:
        """The leaves whose memory results may take: arrays of NumPy in donated arguments. `Tensor`s never change."""
        static = {where for where, _ in call.static}
        positions = (i for i in range(len(call.args) + len(static)) if i not in static)
        donated: list[int] = []
        place = 0
        for position, arg in zip(positions, call.args, strict=False):
            leaves, _ = flatten(arg)
            if position in self._donate:
                donated.extend(place + i for i, leaf in enumerate(leaves) if is_array(leaf))
            place += len(leaves)
        return tuple(donated)

    def _trace(self, call: _Call, donated: Sequence[int] = ()) -> Traced:
        with paused_collector():
            traced = trace(
                self._dynamic(call), call.args, call.kwargs, name=self._name, argument_names=self._argument_names(call)
            )
        if donated and self._target == "cpu":
            find_host_function(traced.module, traced.name).attributes[DONATED] = int_array(tuple(donated))
        return Traced(traced, self._target, self._options)

    def _call_while_tracing(self, call: _Call) -> Any:
        """One call of a private function in the program being traced."""
        call = _plain_call(call)
        sub = trace_subfunction(self._dynamic(call), call.args, call.kwargs, name=self._name)
        leaves, _ = flatten((call.args, call.kwargs))
        operands = [*map(array_value, leaves), *sub.captured]
        results = transforms.call(current_frame().builder, sub.symbol, operands, [o.type for o in sub.outputs])
        tracers = [new_tracer(result, o.weak_type) for result, o in zip(results, sub.outputs, strict=True)]
        return unflatten(sub.output_tree, tracers)


class BoundJitFunction:
    """A compiled method of an object: a `JitFunction` whose first argument is the object."""

    def __init__(self, function: JitFunction, instance: Any):
        self._function, self._instance = function, instance
        functools.update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the compiled method."""
        return self._function(self._instance, *args, **kwargs)

    def trace(self, *args: Any, **kwargs: Any) -> Traced:
        """As `JitFunction.trace`."""
        return self._function.trace(self._instance, *args, **kwargs)

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """As `JitFunction.lower`."""
        return self._function.lower(self._instance, *args, **kwargs)

    def cache_info(self) -> CacheInfo:
        """As `JitFunction.cache_info`: one cache for all objects."""
        return self._function.cache_info()

    def cache_clear(self) -> None:
        """As `JitFunction.cache_clear`."""
        self._function.cache_clear()

    def __repr__(self) -> str:
        return f"{self._function!r} bound to {self._instance!r}"


def jit(
    fun: Function | None = None,
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    donate_argnums: int | Sequence[int] = (),
    target: Target = "cpu",
    threads: int | None = None,
    options: CompileOptions | None = None,
) -> Any:
    """Compile `fun` on first use for each signature of its arguments.

    Args:
        fun: a function of arrays, Python scalars and trees of them (tuples, lists, dicts, …) that returns such a
            tree. It is run once per signature on traced arrays; Python control flow happens then. It should be pure: other
            side effects happen while tracing only. In-place assignment to its arguments stays inside.
        static_argnums: positions of arguments that are constants of the program, hashable values; a new value compiles anew.
        static_argnames: the same by name.
        donate_argnums: positions of arguments whose memory the results may take; the caller must not use them afterwards. It
            is NumPy's arrays that are reused; one that cannot be written, or overlaps another argument, is copied first.
        target: `"cpu"`, or `"cuda"` for the first NVIDIA GPU.
        threads: the most threads that a call may use, 1 for the caller's only; the default are those of `get_num_threads()`.
        options: see `CompileOptions`.

    Returns:
        A `JitFunction`: call it like `fun`; it also has `trace`, `lower` and `cache_info`. Results are new arrays of the kind
        of the arguments: NumPy's, or `Tensor`s if there is one among them, or those of another library that has DLPack.

    Raises:
        ArgumentError: an option is wrong. Everything else is raised by the first call.

    Example:
        >>> @jit
        ... def norm(x):
        ...     return np.sqrt((x * x).sum())
        >>> norm(np.array([3.0, 4.0]))
        array(5.)
        >>> norm.cache_info()
        CacheInfo(hits=0, misses=1, currsize=1)
    """
    if target not in IR_STAGES:
        raise ArgumentError(f"jit: unknown target {target!r}; use one of {', '.join(map(repr, IR_STAGES))}")

    options = options or CompileOptions()
    if threads is not None:
        from runtime.threads.setting import checked

        options = replace(options, threads=checked(threads, "jit"))

    def decorate(function: Function) -> JitFunction:
        check_function(function, "jit")
        return JitFunction(
            function,
            static_argnums=(static_argnums,) if isinstance(static_argnums, int | str) else tuple(static_argnums),
            static_argnames=(static_argnames,) if isinstance(static_argnames, str) else tuple(static_argnames),
            donate_argnums=(donate_argnums,) if isinstance(donate_argnums, int) else tuple(donate_argnums),
            target=target,
            options=options,
        )

    return decorate if fun is None else decorate(fun)


def _plain_call(call: _Call) -> _Call:
    """The call with NumPy's arrays in the place of those of other kinds."""
    leaves, spec = flatten((call.args, call.kwargs))
    if PLAIN_TYPES.issuperset(map(type, leaves)):
        return call
    args, kwargs = unflatten(spec, as_plain(leaves)[0])
    return _Call(args, kwargs, call.static)


def _leaf_key(leaf: Any) -> Hashable:
    """What of a leaf is part of the signature."""
    if type(leaf) is np.ndarray:
        return (leaf.dtype, leaf.shape)
    if isinstance(leaf, bool | int | float) and not isinstance(leaf, np.generic):
        return type(leaf)
    known: AbstractArray = abstract(leaf, "leaf")
    return (known.dtype, known.shape, known.weak_type)
