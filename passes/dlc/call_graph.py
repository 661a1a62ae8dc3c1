"""The functions of a module, who calls whom, and calls replaced by the callee's body."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import cast

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Operation
from xdsl.utils.exceptions import PassFailedException

from dialects.builder import OpBuilder, tensor_type
from dialects.dlc.higher_order import CalleeType, FunctionalOp, HigherOrderOp
from dialects.dlc.interfaces import AnyTensor, ints, is_float
from dialects.dlc.transforms import CallOp, JvpOp, TransformOp, VjpOp, VmapOp
from passes.dlc.rebuild import Values, body_of, copy_op, functions_of, rebuild_function

TRANSFORMS: tuple[type[Operation], ...] = (JvpOp, VjpOp, VmapOp)
"""The operations that stand for a derived function of their callee."""

CALLS: frozenset[type[Operation]] = frozenset((CallOp, *TRANSFORMS))


class CallGraph:
    """The functions of one module by name.

    `symbols` are names that new functions must not have, besides those of the module; new names are added to it.
    `inline_calls` is remembered: a function is made free of calls at most once.
    """

    def __init__(self, module: ModuleOp, symbols: set[str] | None = None):
        self.functions: dict[str, FuncOp] = {}
        self._calls: dict[str, list[Operation]] = {}
        for function in functions_of(module):
            self.add(function)
        self._without_calls: set[str] = set()
        self._symbols: set[str] = set() if symbols is None else symbols
        self._symbols.update(op.sym_name.data for op in module.body.block.ops if isinstance(op, FuncOp))

    def add(self, function: FuncOp) -> None:
        """Enter a function of the module."""
        name = function.sym_name.data
        self.functions[name] = function
        self._calls[name] = _calls_of(function)

    def callee_of(self, op: Operation) -> FuncOp:
        """The function that a call or transform refers to; raise if there is none or its type does not fit."""
        assert isinstance(op, TransformOp)
        function = self._defined(op, op.callee)
        operand_types, result_types = signature_of(op, function)
        for what, actual, expected in (
            ("operands", list(op.operand_types), operand_types),
            ("results", list(op.result_types), result_types),
        ):
            if actual != expected:
                message = (
                    f"{op.name}: {what} have types ({', '.join(map(str, actual))}), expected "
                    f"({', '.join(map(str, expected))}) from the type of @{op.callee}"
                )
                op.emit_error(message, PassFailedException(message))
        return function

    def _defined(self, op: Operation, symbol: str) -> FuncOp:
        function = self.functions.get(symbol)
        if function is None:
            message = f"{op.name}: there is no function @{symbol} with a body; define it in the same module"
            op.emit_error(message, PassFailedException(message))
        return function

    def callees_of(self, op: Operation) -> list[FuncOp]:
        """All functions that a call, transform or higher-order operation refers to; errors as `callee_of`."""
        if not isinstance(op, FunctionalOp):
            return [self.callee_of(op)]
        return [self._checked(op, expected) for expected in op.callee_types()]

    def _checked(self, op: Operation, expected: CalleeType) -> FuncOp:
        function = self._defined(op, expected.symbol)
        for what, actual, wanted in (
            ("arguments", function.function_type.inputs.data, expected.inputs),
            ("results", function.function_type.outputs.data, expected.outputs),
        ):
            if wanted is not None and list(actual) != list(wanted):
                message = (
                    f"{op.name}: @{expected.symbol} has {what} of types ({', '.join(map(str, actual))}), expected "
                    f"({', '.join(map(str, wanted))})"
                )
                op.emit_error(message, PassFailedException(message))
        return function

    def calls_in(self, function: FuncOp) -> list[Operation]:
        """The operations of `function` that refer to functions, in order."""
        return self._calls[function.sym_name.data]

    def callees_first(self, roots: Iterable[FuncOp], without: frozenset[str] | set[str] = frozenset()) -> list[FuncOp]:
        """What `roots` reach by calls and transforms, themselves included, callees before callers.

        Functions named in `without` are left out, with what only they reach. Recursion is an error.
        """
        order: list[FuncOp] = []
        state = dict.fromkeys(without, True)  # absent: not seen; False: on the stack; True: done
        stack: list[tuple[FuncOp, list[tuple[Operation, FuncOp]]]] = []

        def enter(function: FuncOp) -> None:
            state[function.sym_name.data] = False
            calls = [(op, callee) for op in self.calls_in(function) for callee in self.callees_of(op)]
            stack.append((function, calls[::-1]))

        def is_rule(op: Operation, callee: FuncOp) -> bool:
            return isinstance(op, FunctionalOp) and any(
                each.is_rule and each.symbol == callee.sym_name.data for each in op.callee_types()
            )

        for root in roots:
            if root.sym_name.data not in state:
                enter(root)
            while stack:
                function, pending = stack[-1]
                if not pending:
                    stack.pop()
                    state[function.sym_name.data] = True
                    order.append(function)
                    continue
                op, callee = pending.pop()
                done = state.get(callee.sym_name.data)
                if done is None:
                    enter(callee)
                elif not done and not is_rule(op, callee):
                    message = (
                        f"{op.name}: @{callee.sym_name.data} calls itself; recursion cannot be compiled, "
                        "because every program must be finite"
                    )
                    op.emit_error(message, PassFailedException(message))
        return order

    def inline_calls(self, functions: Iterable[FuncOp], *, plain: bool = False) -> None:
        """Replace every `dlc.call` in `functions`, transitively, by the callee's body; transforms stay.

        With `plain` also what is a call of its `plain_callee` where nothing is differentiated any more.
        """
        for reached in self.callees_first(functions, without=self._without_calls):
            name = reached.sym_name.data
            self._without_calls.add(name)
            if any(_inlined_callee(op, plain) for op in self._calls[name]):
                rebuild_function(reached, partial(self._copy_or_inline, plain=plain))
                self._calls[name] = _calls_of(reached)

    def _copy_or_inline(self, b: OpBuilder, op: Operation, values: Values, *, plain: bool) -> None:
        callee = _inlined_callee(op, plain)
        if callee is None:
            copy_op(b, op, values)
            return
        body = body_of(self.functions[callee])
        inner: Values = {argument: values[operand] for argument, operand in zip(body.args, op.operands, strict=True)}
        for inner_op in body.ops:
            if isinstance(inner_op, ReturnOp):
                for result, returned in zip(op.results, inner_op.operands, strict=True):
                    values[result] = inner[returned]
            else:
                copy_op(b, inner_op, inner)

    def update(self, function: FuncOp) -> None:
        """Look again at what `function`, which has been rebuilt, refers to."""
        self._calls[function.sym_name.data] = _calls_of(function)

    def add_derived(self, function: FuncOp, callee: FuncOp) -> None:
        """Enter `function`, which has no `dlc.call` and was derived from `callee`, and place it after `callee`."""
        name = function.sym_name.data
        self.add(function)
        self._without_calls.add(name)
        self._symbols.add(name)
        block = callee.parent
        assert block is not None
        block.insert_op_after(function, callee)

    def unused_name(self, stem: str) -> str:
        """`stem`, with a number behind it if a function has that name; the name is taken from then on."""
        name = stem
        number = 2
        while name in self._symbols:
            name = f"{stem}_{number}"
            number += 1
        self._symbols.add(name)
        return name

    def replace_transforms(self, function: FuncOp, replace: Callable[[Operation], None]) -> None:
        """Call `replace` for each transform of `function`, and look again at what `function` calls."""
        name = function.sym_name.data
        transforms = [op for op in self._calls[name] if type(op) in TRANSFORMS]
        if transforms:
            for op in transforms:
                replace(op)
            self._calls[name] = _calls_of(function)


def _inlined_callee(op: Operation, plain: bool) -> str | None:
    """The function that an operation is replaced by."""
    if type(op) is CallOp:
        return op.callee
    return op.plain_callee if plain and isinstance(op, HigherOrderOp) else None


def _calls_of(function: FuncOp) -> list[Operation]:
    return [op for op in body_of(function).ops if type(op) in CALLS or isinstance(op, FunctionalOp)]


def signature_of(op: Operation, callee: FuncOp) -> tuple[list[Attribute], list[Attribute]]:
    """The types that the operands and results of a call or transform of `callee` must have."""
    inputs = [cast(AnyTensor, each) for each in callee.function_type.inputs]
    outputs = [cast(AnyTensor, each) for each in callee.function_type.outputs]
    if isinstance(op, JvpOp | VjpOp):
        wrt = [inputs[index] for index in ints(op.wrt) if index < len(inputs)]
        moving = [each for each in outputs if is_float(each.element_type)]
        return (
            ([*inputs, *wrt], [*outputs, *moving]) if isinstance(op, JvpOp) else ([*inputs, *moving], [*outputs, *wrt])
        )
    if isinstance(op, VmapOp):
        mapped = ints(op.mapped)
        inputs = [batched(each, op.size) if index in mapped else each for index, each in enumerate(inputs)]
        outputs = [batched(each, op.size) for each in outputs]
    return [*inputs], [*outputs]


def batched(example: AnyTensor, size: int) -> AnyTensor:
    """The type of `size` examples."""
    return tensor_type(example.element_type, (size, *example.get_shape()))
