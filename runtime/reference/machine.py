"""The machine that runs IR: it walks blocks and asks a table of rules for the value of each operation.

Values are NumPy arrays (tensors and vectors), NumPy scalars, and arrays that stand for memory (memrefs, see
`memory_rules`). In the body of a `linalg.generic` a scalar is an array too: its value at every point of the parallel loops.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func, scf
from xdsl.dialects.builtin import FileLineColLoc, IndexType, MemRefType, ModuleOp, StringAttr, TensorType, VectorType
from xdsl.dialects.linalg.ops import YieldOp as LinalgYieldOp
from xdsl.ir import Attribute, Block, Operation, SSAValue

from dialects import rt
from dialects.dlc.interfaces import DTYPES
from dialects.errors import CompilerError, InternalError, UnsupportedError

Array: TypeAlias = NDArray[Any]
Values: TypeAlias = dict[SSAValue, Any]
Rule: TypeAlias = Callable[["Machine", Any, Values, list[Any]], Sequence[Any]]
"""`rule(machine, op, values, operands)` returns one value per result; `values` holds what `op` may see."""

Rules: TypeAlias = Mapping[type[Operation], Rule]
Observer: TypeAlias = Callable[[Operation, Sequence[Any]], None]

_TERMINATORS = (func.ReturnOp, rt.YieldOp, scf.YieldOp, scf.ConditionOp, LinalgYieldOp)


class Machine:
    """Runs the functions of one module.

    Attributes:
        symbols: the operations of the module that have a name.
        random: decides how the range of a launch is split; always seeded alike.
        memory: what a rule wants to keep, by operation: constants, globals, facts about a kernel.
        position: of every loop of the `linalg.generic` that runs.
    """

    def __init__(self, module: ModuleOp, rules: Rules, observe: Observer | None = None):
        self.symbols: dict[str, Operation] = {}
        for op in module.body.block.ops:
            name = op.properties.get("sym_name")
            if isinstance(name, StringAttr):
                self.symbols[name.data] = op
        self.random = np.random.default_rng(0)
        self.memory: dict[Operation, Any] = {}
        self.position: Sequence[Any] = ()
        self._rules = rules
        self._observe = observe

    def run_block(self, block: Block, values: Values) -> list[Any]:
        """Run the operations of `block`; return the operands of its terminator."""
        for op in block.ops:
            try:
                operands = [values[operand] for operand in op.operands]
            except KeyError:
                raise violation(op, "uses a value that its isolated region does not have") from None
            if isinstance(op, _TERMINATORS):
                return operands
            rule = self._rules.get(type(op))
            if rule is None:
                raise UnsupportedError(
                    f"interpret: {op.name}{_place(op)} has no reference value; expand transforms first "
                    "(`expand-transforms`), and levels below `loops` are compiled"
                )
            try:
                results = rule(self, op, values, operands)
            except CompilerError:
                raise
            except Exception as error:
                error.add_note(f"while interpreting {op.name}{_place(op)}")
                raise
            for result, value in zip(op.results, results, strict=True):
                _check_value(op, result, value)
                values[result] = value
            if self._observe is not None:
                self._observe(op, results)
        raise InternalError("interpret: a block ends without a terminator")

    def call(self, function: func.FuncOp, arguments: Sequence[Any]) -> list[Any]:
        """The results of a function."""
        block = function.body.block
        return self.run_block(block, dict(zip(block.args, arguments, strict=True)))

    def function(self, op: Operation, name: str) -> func.FuncOp:
        """The function that `op` calls."""
        callee = self.symbols.get(name)
        if not isinstance(callee, func.FuncOp):
            raise violation(op, f"calls @{name}, which the module lacks")
        return callee


def violation(op: Operation, message: str) -> InternalError:
    """The error that `op` breaks a rule of its level: the IR is wrong, whatever the values."""
    return InternalError(f"interpret: {op.name}{_place(op)} {message}")


def _place(op: Operation) -> str:
    where = op.location
    return f" at {where.filename.data}:{where.line.data}" if isinstance(where, FileLineColLoc) else ""


def dtype_of_element(element_type: Attribute) -> np.dtype[Any]:
    """The dtype of scalars of a type; `index` counts as 64 bits."""
    if isinstance(element_type, IndexType):
        return np.dtype(np.int64)
    dtype = DTYPES.get(element_type)
    if dtype is None:
        raise UnsupportedError(f"interpret: there are no values of type {element_type}")
    return dtype


def _check_value(op: Operation, result: SSAValue, value: Any) -> None:
    """A rule must give what the type says: a wrong dtype would hide a wrong rounding."""
    value_type: Attribute = result.type
    if isinstance(value_type, MemRefType):
        return
    if isinstance(value_type, TensorType | VectorType):
        shaped = cast(TensorType[Any], value_type)
        shape = shaped.get_shape()
        assert value.shape == shape, f"{op.name}: the value has shape {value.shape}, the type says {value_type}"
        value_type = shaped.element_type
    expected = dtype_of_element(value_type)
    assert value.dtype == expected, f"{op.name}: the value has dtype {value.dtype}, the type says {value_type}"
