"""Rules of the tensor dialect: every operation knows its value."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.dialects import func

from dialects.dlc.dialect import Dlc
from dialects.dlc.higher_order import HigherOrderOp
from dialects.dlc.interfaces import Array, PureOp
from dialects.dlc.transforms import CallOp
from runtime.reference.machine import Machine, Rules, Values


def _evaluate(machine: Machine, op: PureOp, values: Values, operands: list[Any]) -> list[Any]:
    del machine, values
    return [np.asarray(value) for value in op.evaluate_all(operands)]


def _call(machine: Machine, op: CallOp | func.CallOp, values: Values, operands: list[Any]) -> list[Any]:
    del values
    name = op.callee if isinstance(op, CallOp) else op.callee.string_value()
    return machine.call(machine.function(op, name), operands)


def _evaluate_higher_order(machine: Machine, op: HigherOrderOp, values: Values, operands: list[Any]) -> list[Any]:
    del values

    def call(name: str, arguments: Sequence[Array]) -> list[Array]:
        return machine.call(machine.function(op, name), list(arguments))

    return list(op.evaluate(operands, call))


TENSOR_RULES: Rules = {
    **{op_type: _evaluate_higher_order for op_type in Dlc.operations if issubclass(op_type, HigherOrderOp)},
    **{op_type: _evaluate for op_type in Dlc.operations if issubclass(op_type, PureOp)},
    CallOp: _call,
    func.CallOp: _call,
}
