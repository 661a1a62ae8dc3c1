"""The reference interpreter: run a module of `dlc` operations by their `evaluate`.

It is the oracle of the tests and what runs with `DLC_DISABLE_JIT=1`. The levels below `autodiff` are not its concern.
"""

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import FileLineColLoc, ModuleOp, TensorType
from xdsl.ir import Attribute, Operation, SSAValue

from dialects.dlc.interfaces import AnyTensor, TensorOp, dtype_of
from dialects.dlc.transforms import CallOp
from dialects.errors import ArgumentError, CompilerError, UnsupportedError

Array = NDArray[Any]
Observer = Callable[[Operation, Sequence[Array]], None]


def interpret(
    module: ModuleOp, function_name: str, args: Sequence[Any], *, observe: Observer | None = None
) -> list[Array]:
    """Run a function of a module of the `tensor` or `autodiff` level.

    Args:
        module: holds the function and what it calls.
        function_name: its symbol.
        args: one array per argument, of its shape and dtype.
        observe: called with each operation and its results, calls included.

    Returns:
        One array per result.

    Raises:
        ArgumentError: there is no such function, or the arguments do not fit it.
        UnsupportedError: an operation that is neither of `dlc` nor a call, or a transform that is not expanded.
    """
    functions = {op.sym_name.data: op for op in module.ops if isinstance(op, func.FuncOp)}
    if function_name not in functions:
        known = ", ".join(f"@{name}" for name in functions) or "none"
        raise ArgumentError(f"interpret: there is no function @{function_name}; the module has {known}")
    function = functions[function_name]
    expected = function.body.block.arg_types
    arrays = [np.asarray(arg) for arg in args]
    if len(arrays) != len(expected):
        raise ArgumentError(f"interpret: @{function_name} takes {len(expected)} arguments, got {len(arrays)}")
    for i, (array, argument_type) in enumerate(zip(arrays, expected, strict=True)):
        _check_argument(function_name, i, array, argument_type)
    with np.errstate(all="ignore"):
        return _run(functions, function, arrays, observe)


def _check_argument(name: str, position: int, array: Array, argument_type: Attribute) -> None:
    assert isinstance(argument_type, TensorType), f"@{name}: argument {position} is not a tensor"
    tensor = cast(AnyTensor, argument_type)
    shape, dtype = tensor.get_shape(), dtype_of(tensor)
    if array.shape != shape or array.dtype != dtype:
        raise ArgumentError(
            f"interpret: argument {position} of @{name} is {array.dtype.name}{list(array.shape)}, "
            f"expected {dtype.name}{list(shape)}"
        )


def _run(
    functions: dict[str, func.FuncOp], function: func.FuncOp, args: Sequence[Array], observe: Observer | None
) -> list[Array]:
    block = function.body.block
    values: dict[SSAValue, Array] = dict(zip(block.args, args, strict=True))
    for op in block.ops:
        operands = [values[operand] for operand in op.operands]
        if isinstance(op, TensorOp):
            results = [_evaluate(op, operands)]
        elif isinstance(op, CallOp | func.CallOp):
            name = op.callee if isinstance(op, CallOp) else op.callee.root_reference.data
            callee = functions.get(name)
            if callee is None:
                raise ArgumentError(f"interpret: @{function.sym_name.data} calls @{name}, which the module lacks")
            results = _run(functions, callee, operands, observe)
        elif isinstance(op, func.ReturnOp):
            return operands
        else:
            raise UnsupportedError(
                f"interpret: {op.name} has no reference value; expand transforms first (`expand-transforms`), and lower "
                "levels are compiled"
            )
        if observe is not None:
            observe(op, results)
        values.update(zip(op.results, results, strict=True))
    raise AssertionError(f"@{function.sym_name.data} has no func.return")


def _evaluate(op: TensorOp, operands: Sequence[Array]) -> Array:
    """The value of an operation; an exception says which one it was."""
    try:
        result = np.asarray(op.evaluate(operands))
    except CompilerError:
        raise
    except Exception as error:
        where = op.location
        place = f" at {where.filename.data}:{where.line.data}" if isinstance(where, FileLineColLoc) else ""
        error.add_note(f"while evaluating {op.name}{place}")
        raise
    expected = dtype_of(op.result.type)
    assert result.shape == op.shape, f"{op.name}: evaluate gave shape {result.shape}, the type says {op.shape}"
    assert result.dtype == expected, f"{op.name}: evaluate gave {result.dtype}, the type says {expected}"
    return result
