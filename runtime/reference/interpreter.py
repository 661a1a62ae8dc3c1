"""`interpret`: the values of a function at any stage from `tensor` to `loops`."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, IntegerAttr, MemRefType, ModuleOp, TensorType
from xdsl.ir import Attribute

from dialects.errors import ArgumentError, UnsupportedError
from dialects.rt import ARRAY_TYPES
from runtime.reference.control_rules import CONTROL_RULES
from runtime.reference.machine import Array, Machine, Observer, Rules, dtype_of_element
from runtime.reference.memory_rules import MEMORY_RULES, from_memory, new_memory, to_memory
from runtime.reference.scalar_rules import SCALAR_RULES
from runtime.reference.structured_rules import STRUCTURED_RULES
from runtime.reference.tensor_rules import TENSOR_RULES
from runtime.reference.vector_rules import VECTOR_RULES

RULES: Rules = {
    **TENSOR_RULES,
    **STRUCTURED_RULES,
    **SCALAR_RULES,
    **CONTROL_RULES,
    **MEMORY_RULES,
    **VECTOR_RULES,
}


def interpret(
    module: ModuleOp, function_name: str, args: Sequence[Any], *, observe: Observer | None = None
) -> list[Array]:
    """Run a function of a module of any stage from `tensor` to `loops`; transforms must have been expanded.

    It is the oracle of the tests and what runs with `DLC_DISABLE_JIT=1`. Beside values it checks what a level promises
    (`ARCHITECTURE.md`): accesses are in bounds, inputs and constants are never written, kernels keep to their tile,
    arguments of a launch do not overlap. New memory holds NaN or nonsense, and a launch at `loops` runs its range in
    several parts in any order, so that a kernel that reads too early or cannot be split gives wrong values.

    Args:
        module: holds the function and what it calls.
        function_name: its symbol.
        args: one array per argument, of its shape and dtype; at `bufferized` and `loops`, per input.
        observe: called with each operation and its results, calls included.

    Returns:
        One new array per result; at `bufferized` and `loops`, per out-parameter.

    Raises:
        ArgumentError: there is no such function, or the arguments do not fit it.
        UnsupportedError: an operation that has no value here.
        InternalError: the module breaks a promise of its level.
    """
    machine = Machine(module, RULES, observe)
    function = machine.symbols.get(function_name)
    if not isinstance(function, func.FuncOp) or not function.body.blocks:
        functions = [name for name, op in machine.symbols.items() if isinstance(op, func.FuncOp)]
        known = ", ".join(f"@{name}" for name in functions) or "none"
        raise ArgumentError(f"interpret: there is no function @{function_name}; the module has {known}")
    types = list(function.body.block.arg_types)
    number = function.attributes.get("rt.num_inputs")
    is_host = isinstance(number, IntegerAttr)
    count = number.value.data if is_host else len(types)
    declared = function.attributes.get(ARRAY_TYPES, function.function_type)
    assert isinstance(declared, FunctionType)
    arrays = _inputs(function_name, args, types[:count], list(declared.inputs)[:count])
    with np.errstate(all="ignore"):
        if is_host:
            inputs = [to_memory(array) for array in arrays]
            outputs = [new_memory(cast(MemRefType[Any], t)) for t in types[count:]]
            machine.call(function, [*inputs, *outputs])
            if "rt.peak_lower_bound" in function.attributes:
                outputs.pop()  # the arena
            results = [from_memory(function, memory, t) for memory, t in zip(outputs, types[count:], strict=False)]
        else:
            results = [np.array(result) for result in machine.call(function, arrays)]
    if ARRAY_TYPES not in function.attributes:
        return results
    return [_reinterpreted(result, t) for result, t in zip(results, declared.outputs, strict=True)]


def _reinterpreted(array: Array, shaped: Attribute) -> Array:
    """The bytes of a contiguous array as one of another type of the same size."""
    return array.reshape(-1).view(_dtype(shaped)).reshape(cast(TensorType[Any], shaped).get_shape())


def _dtype(shaped: Attribute) -> np.dtype[Any]:
    return dtype_of_element(cast(TensorType[Any], shaped).element_type)


def _inputs(name: str, args: Sequence[Any], types: Sequence[Attribute], declared: Sequence[Attribute]) -> list[Array]:
    """The arguments, arrays of the `declared` types, as arrays of `types` that nothing can write to."""
    if len(args) != len(types):
        raise ArgumentError(f"interpret: @{name} takes {len(types)} arguments, got {len(args)}")
    arrays: list[Array] = []
    for position, (arg, argument_type, declared_type) in enumerate(zip(args, types, declared, strict=True)):
        if not isinstance(argument_type, TensorType | MemRefType):
            raise UnsupportedError(f"interpret: argument {position} of @{name} is {argument_type}, expected an array")
        shape, dtype = cast(TensorType[Any], declared_type).get_shape(), _dtype(declared_type)
        array = np.asarray(arg)
        if array.shape != shape or array.dtype != dtype:
            raise ArgumentError(
                f"interpret: argument {position} of @{name} is {array.dtype.name}{list(array.shape)}, "
                f"expected {dtype.name}{list(shape)}"
            )
        array = _reinterpreted(np.ascontiguousarray(array), cast(Attribute, argument_type))
        array.flags.writeable = False
        arrays.append(array)
    return arrays
