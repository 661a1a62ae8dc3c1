"""What a host function takes and returns, read off its IR at any stage."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, IntegerAttr, MemRefType, ModuleOp, StringAttr, TensorType
from xdsl.ir import Attribute, Operation
from xdsl.traits import SymbolOpInterface

from dialects.builder import int_tuple
from dialects.dlc.interfaces import DTYPES
from dialects.errors import ArgumentError, DtypeError
from dialects.rt import ARRAY_TYPES, DONATED, RESULT_INPUTS


@dataclass(frozen=True)
class ArraySpec:
    """Shape and dtype of one array argument or result."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"


@dataclass(frozen=True)
class Signature:
    """The arrays that a host function takes and returns, and the bytes of its arena (0 before `plan-memory`).

    `donated` are the inputs that it may overwrite, and `result_inputs` has for each result the donated input whose memory it takes, or
    -1. `is_short` holds if it is known to take a few microseconds at most.
    """

    name: str
    inputs: tuple[ArraySpec, ...]
    outputs: tuple[ArraySpec, ...]
    arena_bytes: int = 0
    peak_lower_bound: int = 0
    donated: tuple[int, ...] = ()
    result_inputs: tuple[int, ...] = ()
    is_short: bool = False


def find_host_function(module: ModuleOp, name: str | None = None) -> Operation:
    """The public function `name`, or the only public function.

    Raises:
        ArgumentError: there is no such function, or `name` is needed to choose.
    """
    public: dict[str, Operation] = {}
    for op in module.body.block.ops:
        symbol = op.properties.get("sym_name")
        if not isinstance(symbol, StringAttr) or not op.regions or not op.regions[0].blocks:
            continue
        if op.get_trait(SymbolOpInterface) is None or _is_private(op) or op.name == "gpu.module":
            continue
        public[symbol.data] = op
    if name is None:
        if len(public) != 1:
            raise ArgumentError(f"the module has the functions {', '.join(public) or '(none)'}; name one of them")
        return next(iter(public.values()))
    if name not in public:
        raise ArgumentError(f"no function @{name} in the module; it has {', '.join(public) or '(none)'}")
    return public[name]


def _is_private(op: Operation) -> bool:
    visibility = op.properties.get("sym_visibility")
    if isinstance(visibility, StringAttr) and visibility.data == "private":
        return True
    linkage = op.properties.get("linkage")
    return linkage is not None and "internal" in str(linkage)


def signature_of(module: ModuleOp, name: str | None = None) -> Signature:
    """The signature of a host function at any IR stage."""
    function = find_host_function(module, name)
    symbol = cast(StringAttr, function.properties["sym_name"]).data
    if isinstance(function, func.FuncOp):
        types = function.function_type
    else:
        declared = function.attributes.get("rt.signature")
        if not isinstance(declared, FunctionType):
            raise ArgumentError(f"@{symbol} has no rt.signature; it was not made by convert-to-llvm")
        types = declared
    arguments = list(types.inputs.data)
    number = function.attributes.get("rt.num_inputs")
    arrays = function.attributes.get(ARRAY_TYPES)
    arrays = arrays if isinstance(arrays, FunctionType) else None
    if not isinstance(number, IntegerAttr):
        types = arrays or types
        return Signature(symbol, _specs(types.inputs.data), _specs(types.outputs.data))
    count = number.value.data
    arena_bytes = 0
    bound = function.attributes.get("rt.peak_lower_bound")
    if isinstance(bound, IntegerAttr):  # set by plan-memory together with the arena
        arena_bytes = cast(Any, arguments.pop()).get_shape()[0]
    lower_bound = bound.value.data if isinstance(bound, IntegerAttr) else 0
    inputs, outputs = (arguments[:count], arguments[count:]) if arrays is None else (arrays.inputs, arrays.outputs)
    donated, result_inputs = (int_tuple(function.attributes.get(name)) for name in (DONATED, RESULT_INPUTS))
    return Signature(symbol, _specs(inputs), _specs(outputs), arena_bytes, lower_bound, donated, result_inputs)


def _specs(types: Iterable[Attribute]) -> tuple[ArraySpec, ...]:
    specs: list[ArraySpec] = []
    for shaped in types:
        if not isinstance(shaped, TensorType | MemRefType):
            raise ArgumentError(f"host functions take and return arrays, found {shaped}")
        element = cast(Any, shaped).element_type
        dtype = DTYPES.get(element)
        if dtype is None:
            raise DtypeError(f"element type {element} has no NumPy dtype in dlc")
        specs.append(ArraySpec(tuple(cast(Any, shaped).get_shape()), dtype))
    return tuple(specs)
