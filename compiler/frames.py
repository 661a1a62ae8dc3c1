"""Frames: one function being traced, its block, and the values it uses from the functions around it.

Frames nest as the traced functions do. A value of an enclosing frame becomes an extra argument of every frame
between its own and the one that uses it; large constant arrays become extra arguments of the outermost frame.
"""

import ctypes
import os
import threading
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from compiler.errors import TracingError, at_user_line
from compiler.source import user_location
from dialects.builder import OpBuilder, tensor_type
from dialects.dlc import constants
from dialects.dlc.interfaces import ELEMENT_TYPES

if TYPE_CHECKING:
    from passes.dlc.call_graph import CallGraph

MAX_INLINE_SIZE = 64
"""Constant arrays of more elements are passed at each call instead of being written into the program."""

Array = NDArray[Any]


class Rules(Protocol):
    """What NumPy means on traced arrays. Frames carry the rules, so that tracers need not import them."""

    def ufunc(
        self, ufunc: np.ufunc, method: str, inputs: Sequence[Any], arguments: Mapping[str, Any], *, is_operator: bool
    ) -> Any:
        """The value of a ufunc or of one of its methods; an operator on Python scalars gives a Python scalar."""

    def function(self, function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The value of a NumPy function that is not a ufunc."""

    def read(self, x: Any, index: Any) -> Any:
        """The value of `x[index]`."""

    def at(self, x: Any) -> Any:
        """The value of `x.at`."""

    def write(self, x: Any, index: Any, value: Any) -> None:
        """Carry out `x[index] = value`."""


class Program:
    """The module that frames add their functions to, and the constants that must be passed to its entry.

    Attributes:
        module: holds the functions whose tracing has finished.
        constants: arrays to pass to the entry.
        symbols: the names that are taken, by functions of the module and by those being traced.
        call_graph: the functions of the module, once one had to be expanded while tracing, but for `new_functions`.
        rules_in_progress: the calls whose custom derivatives are being traced: a rule may call its function.
    """

    def __init__(self) -> None:
        self.module = ModuleOp([])
        self.constants: list[Array] = []
        self.symbols: set[str] = set()
        self.new_functions: list[func.FuncOp] = []
        self.call_graph: CallGraph | None = None
        self.rules_in_progress: dict[tuple[Hashable, ...], Any] = {}
        self._keep_alive: list[Array] = []
        self._constant_arguments: dict[int, list[tuple[Array, SSAValue]]] = {}

    def add_function(self, function: func.FuncOp) -> None:
        """Add a function to the module."""
        self.module.body.block.add_op(function)
        self.new_functions.append(function)

    def unique_symbol(self, name: str) -> str:
        """A symbol that is new in this module: `name`, or `name_1` and so on; characters that symbols lack become `_`."""
        base = "".join(c if c.isalnum() and c.isascii() else "_" for c in name).strip("_") or "function"
        if base[0].isdigit():
            base = f"_{base}"
        symbol, count = base, 0
        while symbol in self.symbols:
            count += 1
            symbol = f"{base}_{count}"
        self.symbols.add(symbol)
        return symbol

    def constant_argument(self, array: Array, block: Block) -> SSAValue:
        """The argument of the entry `block` that will hold `array` as it is now.

        One per array and content: the program may change the array between two uses.
        """
        known = self._constant_arguments.setdefault(id(array), [])
        for snapshot, value in known:
            if snapshot.dtype == array.dtype and snapshot.shape == array.shape and same_bytes(snapshot, array):
                return value
        snapshot = np.array(array, order="C")
        snapshot.flags.writeable = False
        self._keep_alive.append(array)  # its id must stay taken
        self.constants.append(snapshot)
        value = block.insert_arg(tensor_type(ELEMENT_TYPES[array.dtype], array.shape), len(block.args))
        value.name_hint = f"constant_{len(self.constants) - 1}"
        known.append((snapshot, value))
        return value


def same_bytes(a: Array, b: Array) -> bool:
    """Whether two arrays of the same shape and dtype are equal, NaN and the sign of zero included."""
    return bool(np.array_equal(np.ascontiguousarray(a).view(np.uint8), np.ascontiguousarray(b).view(np.uint8)))


class Frame:
    """A function being traced.

    Attributes:
        name: the name of the Python function, for messages.
        parent: the frame of the function around it.
        program: the module that holds it.
        block: the body.
        builder: appends to the body.
        argument_names: what the user calls each argument, as `params[0]['w']`, for messages.
        captured: values of the parent that became extra arguments, in their order.
        is_open: false once the function has returned; its tracers are of no use then.
    """

    __slots__ = (
        "_constants", "_lifted", "argument_names", "block", "builder", "captured", "is_open", "name", "parent",
        "program", "rules",
    )  # fmt: skip

    def __init__(self, name: str, parent: "Frame | None", program: Program, rules: Rules):
        self.name = name
        self.parent = parent
        self.program = program
        self.rules = rules
        self.block = Block()
        self.builder = OpBuilder(self.block)
        self.captured: list[SSAValue] = []
        self.argument_names: dict[SSAValue, str] = {}
        self.is_open = True
        self._lifted: dict[SSAValue, SSAValue] = {}
        self._constants: dict[Any, SSAValue] = {}

    @property
    def root(self) -> "Frame":
        """The outermost frame."""
        return self if self.parent is None else self.parent.root

    def add_argument(self, argument_type: Attribute, name: str) -> SSAValue:
        """Append an argument to the function."""
        argument = self.block.insert_arg(argument_type, len(self.block.args))
        argument.name_hint = name
        return argument

    def lift(self, value: SSAValue, owner: "Frame", describe: str) -> SSAValue:
        """`value`, which lives in the frame `owner`, as a value of this frame.

        Raises:
            TracingError: `owner` is not this frame or one around it, or is finished.
        """
        if owner is self:
            return value
        found = self._lifted.get(value)
        if found is not None:
            return found
        parent = self.parent
        if parent is None or not owner.is_open:
            raise TracingError(
                at_user_line(
                    f"{describe} is used outside of the function `{owner.name}` that it was traced in; "
                    "return it from the function instead of storing it elsewhere"
                )
            )
        outer = parent.lift(value, owner, describe)
        argument = self.add_argument(value.type, value.name_hint or "captured")
        self._lifted[value] = argument
        self.argument_names[argument] = parent.argument_names.get(outer, "")
        self.captured.append(outer)
        return argument

    def constant(self, array: Array) -> SSAValue:
        """A constant of a supported dtype: written into the program if small, an argument of the entry if not."""
        if array.size > MAX_INLINE_SIZE:
            root = self.root
            return self.lift(self.program.constant_argument(array, root.block), root, "a constant")
        key = (array.dtype.num, array.shape, array.tobytes())
        value = self._constants.get(key)
        if value is None:
            value = self._constants[key] = constants.constant(self.builder, array)
        return value

    def splat(self, scalar: Array, shape: tuple[int, ...]) -> SSAValue:
        """A constant whose elements are all the 0-d array `scalar`."""
        key = (scalar.dtype.num, shape, scalar.tobytes(), True)
        value = self._constants.get(key)
        if value is None:
            splat_type = tensor_type(ELEMENT_TYPES[scalar.dtype], shape)
            value = self._constants[key] = constants.full(self.builder, scalar.item(), splat_type)
        return value

    def function(self, symbol: str, outputs: Sequence[SSAValue], *, is_private: bool) -> func.FuncOp:
        """Close the frame: add `return outputs` to the body and the function to the module."""
        self.builder.create_op(func.ReturnOp, outputs)
        for value in self._constants.values():
            if value.first_use is None and isinstance(value.owner, Operation):  # `x ** 2` is `x * x`
                self.block.erase_op(value.owner)
        types = (self.block.arg_types, [value.type for value in outputs])
        op = func.FuncOp(symbol, types, Region(self.block), "private" if is_private else None)
        self.program.add_function(op)
        return op


class _FrameStack(threading.local):
    """The frames of each thread, outermost first."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []


_stack = _FrameStack()

threads_tracing = ctypes.c_int64(0)
"""In how many threads functions are being traced: while it is not zero, calls may be parts of programs."""

_lock = threading.Lock()


def _count_thread(change: int) -> None:
    with _lock:
        threads_tracing.value += change


def _forget_other_threads() -> None:
    """In a forked process there is only the thread that forked."""
    global _lock  # noqa: PLW0603 - it may be held by a thread that is gone
    _lock = threading.Lock()
    threads_tracing.value = bool(_stack.frames)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)


def is_tracing() -> bool:
    """Whether a function is being traced in this thread."""
    return bool(_stack.frames)


def current_frame() -> Frame:
    """The frame of the innermost function being traced, its builder set to the user's line.

    Raises:
        TracingError: no function is being traced.
    """
    frames = _stack.frames
    if not frames:
        raise TracingError(
            at_user_line(
                "a traced array is used after the tracing of its function has finished; "
                "return it from the function instead of storing it elsewhere"
            )
        )
    frame = frames[-1]
    frame.builder.location = user_location()
    return frame


class entered:  # noqa: N801 - a context manager that reads as a verb
    """`with entered(frame):` makes `frame` the current one, and closes it at the end."""

    def __init__(self, frame: Frame):
        self.frame = frame

    def __enter__(self) -> Frame:
        if not _stack.frames:
            _count_thread(1)
        _stack.frames.append(self.frame)
        return self.frame

    def __exit__(self, *_: object) -> None:
        popped = _stack.frames.pop()
        assert popped is self.frame, "frames are left in the reverse order of entering"
        self.frame.is_open = False
        if not _stack.frames:
            _count_thread(-1)
