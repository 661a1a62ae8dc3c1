"""What the transforms have in common: functions to be transformed, and the leaves of their arguments."""

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from xdsl.ir import Attribute, SSAValue

from compiler.abstract import AbstractArray
from compiler.errors import ArgumentError, DtypeError, ShapeError, at_user_line, check_function
from compiler.frames import Program
from compiler.pytrees import TreeSpec, flatten, sequence_of, unflatten
from compiler.tracing import (
    Subfunction,
    array_value,
    is_tracing,
    leaf_names,
    new_tracer,
    parameter_names,
    trace_subfunction,
)
from dialects.dlc.higher_order import Derivations
from dialects.dlc.interfaces import is_float

if TYPE_CHECKING:
    from passes.dlc.call_graph import CallGraph

Function = Callable[..., Any]


def compiled_outside(inner: Function, fn: Function, name: str) -> Function:
    """`inner` while tracing; compiled on its own otherwise.

    Arguments that hold no arrays and no numbers (strings, functions) are then constants of the program.
    """
    check_function(fn, name)
    jitted: dict[tuple[Any, ...], Function] = {}

    @functools.wraps(fn, updated=())
    def transformed(*args: Any, **kwargs: Any) -> Any:
        if is_tracing():
            return inner(*args, **kwargs)
        static = (
            tuple(i for i, arg in enumerate(args) if not _is_data(arg)),
            tuple(key for key, arg in kwargs.items() if not _is_data(arg)),
        )
        if static not in jitted:
            from compiler.jit_function import jit

            jitted[static] = jit(inner, static_argnums=static[0], static_argnames=static[1])
        return jitted[static](*args, **kwargs)

    inner.__name__ = transformed.__name__ = f"{name}_{name_of(fn)}"
    inner.__wrapped__ = fn  # type: ignore[attr-defined] # argument names for messages come from here
    return transformed


def name_of(fn: Function) -> str:
    """What messages call a function."""
    return getattr(fn, "__name__", type(fn).__name__)


def is_array(leaf: object) -> bool:
    """Whether a leaf is data; Python values are constants of the program, as `jit` passes static arguments on."""
    return hasattr(leaf, "dtype") and hasattr(leaf, "shape")


def _is_data(tree: Any) -> bool:
    return all(is_array(leaf) or isinstance(leaf, int | float | complex) for leaf in flatten(tree)[0])


def is_differentiable(aval: AbstractArray) -> bool:
    """Whether an array has tangents and cotangents."""
    return is_float(aval.type.element_type)


def types_of(avals: Sequence[AbstractArray]) -> list[Attribute]:
    """The tensor types of arrays."""
    return [aval.type for aval in avals]


def as_traced(x: Any) -> Any:
    """`x` as a tracer of the function being traced."""
    return new_tracer(array_value(x))


def trace_leaves(
    fun: Function, leaves: Sequence[Any], spec: TreeSpec, traced: Sequence[int], num_args: int
) -> Subfunction:
    """Trace `fun` as a function of the leaves `traced` of its arguments; the others are constants."""
    if len(traced) == len(leaves):
        args, kwargs = unflatten(spec, leaves)
        return trace_subfunction(fun, args, kwargs)

    @functools.wraps(fun, updated=())
    def of_traced(*arrays: Any) -> Any:
        full = list(leaves)
        for i, array in zip(traced, arrays, strict=True):
            full[i] = array
        args, kwargs = unflatten(spec, full)
        return fun(*args, **kwargs)

    names = leaf_names(spec, num_args, parameter_names(fun))
    return trace_subfunction(of_traced, [leaves[i] for i in traced], argument_names=[names[i] for i in traced])


def expanded(program: Program, symbol: str) -> tuple["CallGraph", Derivations]:
    """A function of the program being traced, and what it calls, without calls and transforms; to derive others from."""
    from passes.dlc.call_graph import CallGraph
    from passes.dlc.derivations import GraphDerivations
    from passes.dlc.expand_transforms import EXPANDERS
    from passes.dlc.expansion import expand_transforms

    graph = program.call_graph
    if graph is None:
        graph = program.call_graph = CallGraph(program.module, program.symbols)
    else:
        for new in program.new_functions:
            graph.add(new)
    program.new_functions.clear()
    function = graph.functions[symbol]
    expand_transforms(graph, EXPANDERS, [function])
    graph.inline_calls([function])
    return graph, GraphDerivations(graph)


def positions_of(argnums: int | Sequence[int], count: int, name: str) -> list[int]:
    """The arguments that `argnums` names among `count` positional ones, counted from the front."""
    indices = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    positions: list[int] = []
    for index in indices:
        if not -count <= index < count:
            raise ArgumentError(
                at_user_line(
                    f"{name}: argnums names argument {index}, but the call has {count} positional arguments; "
                    "arguments given by name are not differentiated"
                )
            )
        positions.append(index % count)
    if len(set(positions)) < len(positions):
        raise ArgumentError(at_user_line(f"{name}: argnums {indices} names an argument twice"))
    return positions


def check_argnums(argnums: Any, name: str) -> None:
    """Raise unless `argnums` is an integer or a sequence of them."""
    is_sequence = isinstance(argnums, Sequence) and not isinstance(argnums, str)
    for index in cast(Sequence[Any], argnums if is_sequence else (argnums,)):
        if not isinstance(index, int) or isinstance(index, bool):
            raise ArgumentError(at_user_line(f"{name}: argnums has {index!r}; use the integer positions of arguments"))


def leaves_of_arguments(args: Sequence[Any], positions: Sequence[int]) -> tuple[list[int], list[TreeSpec]]:
    """The positions of the leaves of the chosen arguments among all leaves, and the trees of these arguments."""
    starts = [0]
    specs: list[TreeSpec] = []
    for arg in args:
        _, spec = flatten(arg)
        specs.append(spec)
        starts.append(starts[-1] + spec.num_leaves)
    wrt = [leaf for p in positions for leaf in range(starts[p], starts[p + 1])]
    return wrt, [specs[p] for p in positions]


def unflatten_each(specs: Sequence[TreeSpec], leaves: Sequence[Any]) -> list[Any]:
    """Trees of the structures `specs`, whose leaves follow one another."""
    trees: list[Any] = []
    start = 0
    for spec in specs:
        trees.append(unflatten(spec, leaves[start : start + spec.num_leaves]))
        start += spec.num_leaves
    return trees


def out_and_aux(value: Any, fun: Function, name: str, *, has_aux: bool) -> tuple[Any, Any]:
    """The result of a function to be transformed, and what it returns beside it."""
    if not has_aux:
        return value, None
    pair = sequence_of(value)
    if pair is None or len(pair) != 2:
        raise ArgumentError(at_user_line(f"{name}: with has_aux, {name_of(fun)} must return a pair (value, aux)"))
    return pair[0], pair[1]


def check_differentiable(avals: Sequence[AbstractArray], names: Sequence[str], name: str, fun: Function) -> None:
    """Raise unless arguments, which the user calls `names`, have derivatives."""
    for aval, argument in zip(avals, names, strict=True):
        if not is_differentiable(aval):
            raise DtypeError(
                at_user_line(
                    f"{name}: argument {argument} of {name_of(fun)} is {aval}, which has no derivative; "
                    "convert it to float32 or float64, or leave the argument out"
                )
            )


def matching_leaves(tree: Any, avals: Sequence[AbstractArray], spec: TreeSpec, what: str) -> list[SSAValue]:
    """The leaves of `tree` as values, which must have the structure, shapes and dtypes given."""
    leaves, given = flatten(tree)
    if given != spec:
        raise ArgumentError(at_user_line(f"{what} has the structure {given}, expected {spec}"))
    values: list[SSAValue] = []
    for leaf, aval in zip(leaves, avals, strict=True):
        tracer = as_traced(leaf)
        if tracer.shape != aval.shape:
            raise ShapeError(at_user_line(f"{what} has shape {tracer.shape}, expected {aval.shape}"))
        if tracer.dtype != aval.dtype and is_differentiable(aval):
            if not isinstance(leaf, int | float | complex) and not getattr(leaf, "weak_type", False):
                raise DtypeError(at_user_line(f"{what} has dtype {tracer.dtype}, expected {aval.dtype}; use astype"))
            tracer = tracer.astype(aval.dtype)
        values.append(array_value(tracer))
    return values
