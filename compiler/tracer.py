"""The traced array: it behaves as a NumPy array and writes a program instead of computing.

A tracer stands for one value of the function being traced. Assignment replaces the value that it stands for, so the
program stays pure. A view remembers the tracer that it was taken from and how to read and write it there: assigning to a
view assigns to its base, and a view reads again after its base has changed.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, cast

import numpy as np
from xdsl.dialects.builtin import FileLineColLoc
from xdsl.ir import BlockArgument, Operation, SSAValue

from compiler.abstract import AbstractArray, abstract_type
from compiler.array_methods import ArrayMethods
from compiler.errors import ShapeError, TracingError, UnsupportedError, at_user_line
from compiler.frames import Array, Frame, Rules, current_frame
from compiler.source import user_line
from compiler.tensor import array_namespace
from dialects.builder import OpBuilder
from dialects.dlc.interfaces import tensor_type_of
from dialects.errors import show_line

xp: Any = np
"""NumPy, as called on tracers: its annotations know only its own arrays."""


@dataclass(frozen=True, slots=True)
class View:
    """How a view relates to its base.

    Attributes:
        read: `(builder, base) -> view`.
        write: `(builder, base, new view) -> new base`.
        layout: what the view does to the strides: the same step on a NumPy array that has no data.
        key: equal keys mean equal views of the same base.
    """

    read: Callable[[OpBuilder, SSAValue], SSAValue]
    write: Callable[[OpBuilder, SSAValue, SSAValue], SSAValue]
    layout: Callable[[Array], Array]
    key: object = None


class Tracer(ArrayMethods):
    """An array of the function being traced.

    Attributes:
        shape: sizes, known while tracing.
        dtype: NumPy dtype.
        weak_type: whether it stands for a Python scalar, which adopts the dtype of what it meets.
    """

    __slots__ = ("_base", "_root", "_seen", "_value", "_view", "_writes", "dtype", "frame", "shape", "weak_type")
    __array_priority__ = 1000.0

    def __init__(
        self,
        frame: Frame,
        value: SSAValue,
        weak_type: bool = False,
        base: "Tracer | None" = None,
        view: View | None = None,
    ):
        self.frame = frame
        self._value = value
        known = abstract_type(tensor_type_of(value))
        self.shape = known.shape
        self.dtype = known.dtype
        self.weak_type = weak_type
        self._writes = 0
        self._base = base
        self._view = view
        self._root: Tracer = self if base is None else base._root
        self._seen = self._root._writes

    # Values and views

    def value(self) -> SSAValue:
        """The value now, in the frame that the tracer belongs to."""
        if self._base is not None and self._seen != self._root._writes:
            assert self._view is not None
            self._value = self._view.read(self.frame.builder, value_of(self._base, self.frame))
            self._seen = self._root._writes
        return self._value

    def viewed(self, view: View) -> "Tracer":
        """A view of this array."""
        frame = current_frame()
        return Tracer(frame, view.read(frame.builder, value_of(self, frame)), base=self, view=view)

    @property
    def is_view(self) -> bool:
        """Whether assigning to this array assigns to another one."""
        return self._base is not None

    def is_view_of(self, base: "Tracer", key: object) -> bool:
        """Whether this is the view of `base` with that key, so that assigning it there changes nothing."""
        return self._base is base and self._view is not None and self._view.key == key and key is not None

    def assign(self, value: SSAValue) -> None:
        """Let this array, and what it is a view of, hold `value`, which has its type.

        Raises:
            TracingError: the array belongs to a function around the one being traced.
        """
        frame = current_frame()
        if self._root.frame is not frame:
            raise TracingError(
                at_user_line(
                    f"{describe(self)} belongs to the function `{self._root.frame.name}` and cannot be changed inside of "
                    f"`{frame.name}`, which is transformed; change a copy (`x = x.copy()`) and return it"
                )
            )
        if self._base is not None:
            assert self._view is not None
            self._base.assign(self._view.write(frame.builder, self._base.value(), value))
        else:
            self._writes += 1
        self._value = value
        self._seen = self._root._writes

    def layout(self) -> Array:
        """A NumPy array without data that has the shape and strides that this one would have."""
        if self._base is not None:
            assert self._view is not None
            return self._view.layout(self._base.layout())
        strides = tuple(int(np.prod(self.shape[i + 1 :])) for i in range(len(self.shape)))
        return np.lib.stride_tricks.as_strided(np.empty(1, np.uint8), self.shape, strides)

    @property
    def aval(self) -> AbstractArray:
        """Shape, dtype and weak type."""
        return AbstractArray(self.shape, self.dtype, self.weak_type)

    # NumPy's protocols

    def _rules(self) -> Rules:
        return current_frame().rules

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **arguments: Any) -> Any:
        if any(getattr(x, "__array_priority__", 0) > self.__array_priority__ for x in inputs):
            return NotImplemented
        return current_frame().rules.ufunc(ufunc, method, inputs, arguments, is_operator=False)

    def __array_function__(self, function: Any, types: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        return current_frame().rules.function(function, args, kwargs)

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        return array_namespace(api_version)

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        fail_as_array(self)

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and hasattr(np.ndarray, name):
            raise AttributeError(at_user_line(f"ndarray.{name} is not supported on {describe(self)}"))
        raise AttributeError(f"'Tracer' object has no attribute '{name}'")

    def __repr__(self) -> str:
        return f"Tracer({self.aval})"

    def __format__(self, specification: str) -> str:
        if specification:
            fail_as_python(self, "the text", "print the array after the function has returned it")
        return repr(self)

    # Use as a Python value

    def __bool__(self) -> bool:  # noqa: PLE0304
        if self.shape not in ((), (1,)):
            advice = "use `np.where`, with `.any()` or `.all()` for one condition on all elements"
        elif re.search(r"\bwhile\b", user_line() or ""):
            advice = "use `compiler.while_loop`, or `compiler.fori_loop` for a number of steps"
        else:
            advice = (
                "use `compiler.cond` or `compiler.switch` to compute one of several things, `np.where` to choose between "
                "values, or `static_argnames` for a setting that is a constant of the program"
            )
        fail_as_python(self, "the truth value", advice)

    def __int__(self) -> int:
        fail_as_python(
            self, "the integer", "use `.astype(np.int64)`, or `static_argnames` for a constant of the program"
        )

    def __float__(self) -> float:
        fail_as_python(
            self,
            "the float",
            "use `.astype(np.float64)`, NumPy's functions instead of those of `math`, or `static_argnames` for a constant of "
            "the program",
        )

    def __complex__(self) -> complex:
        fail_as_python(
            self, "the complex number", "use `.astype(np.complex128)`, or NumPy's functions instead of those of `cmath`"
        )

    def __index__(self) -> int:  # noqa: PLE0305
        advice = (
            "use `x[i]` on a traced array, `compiler.switch` on a list of functions, or `static_argnames` for a size"
        )
        if re.search(r"\brange\(", user_line() or ""):
            advice = (
                "use `compiler.fori_loop`, or `static_argnames` for a number of steps that is a constant of the program"
            )
        fail_as_python(self, "the index", advice)

    def item(self, *_: Any) -> Any:
        """Not possible: the value is not known yet."""
        fail_as_python(self, "the item", "return the array and take the item outside of the function")

    def tolist(self) -> list[Any]:
        """Not possible: the values are not known yet."""
        fail_as_python(self, "the list", "return the array and make the list outside of the function")

    # Shape

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.shape))

    @property
    def itemsize(self) -> int:
        """Bytes per element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.size * self.dtype.itemsize

    @property
    def T(self) -> "Tracer":  # noqa: N802
        """The transpose: all dimensions reversed."""
        return self.transpose()

    @property
    def mT(self) -> "Tracer":  # noqa: N802
        """The transpose of the last two dimensions."""
        if self.ndim < 2:
            raise ShapeError(at_user_line(f"mT: the array has shape {self.shape}; it needs at least two dimensions"))
        return self.swapaxes(-1, -2)

    @property
    def flat(self) -> "Tracer":
        """All elements in one dimension."""
        return self.reshape(-1)

    def __len__(self) -> int:
        if not self.shape:
            raise ShapeError(at_user_line("len: the array has no dimension"))
        return self.shape[0]

    def __iter__(self) -> Iterator["Tracer"]:
        if not self.shape:
            raise ShapeError(at_user_line("iteration over an array without a dimension"))
        return (self[i] for i in range(self.shape[0]))

    # Indexing

    def __getitem__(self, index: Any) -> "Tracer":
        return current_frame().rules.read(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        current_frame().rules.write(self, index, value)

    @property
    def at(self) -> Any:
        """As in JAX: `x.at[index].set(value)` is a copy of `x` with `value` at `index` (`compiler/indexed_update.py`)."""
        return current_frame().rules.at(self)

    def copy(self, *_: Any) -> "Tracer":
        """A copy: assigning to it leaves this array alone."""
        frame = current_frame()
        return Tracer(frame, value_of(self, frame), self.weak_type)

    def flatten(self, *args: Any) -> "Tracer":
        """A copy with one dimension."""
        return self.copy().ravel(*args)

    def fill(self, value: Any) -> None:
        """Assign `value` to every element."""
        self[...] = value

    def __copy__(self) -> "Tracer":
        return self.copy()

    def __deepcopy__(self, _: Any) -> "Tracer":
        return self.copy()


def value_of(tracer: Tracer, frame: Frame) -> SSAValue:
    """The value of `tracer` in `frame`, as an extra argument if it belongs to a frame around it."""
    owner = tracer.frame
    if owner is frame:
        return tracer.value()
    return frame.lift(tracer.value() if owner.is_open else tracer._value, owner, describe(tracer))  # pyright: ignore[reportPrivateUsage]


def is_scalar(x: object) -> bool:
    """Whether `x` is a Python number, or a tracer that stands for one."""
    return (
        x.weak_type
        if isinstance(x, Tracer)
        else isinstance(x, bool | int | float | complex) and not isinstance(x, np.generic)
    )


# Messages


def describe(tracer: Tracer) -> str:
    """What a tracer is, for messages: the argument, or the operation and the arguments it was computed from."""
    value = tracer._value  # pyright: ignore[reportPrivateUsage]
    names = tracer.frame.argument_names
    if isinstance(value, BlockArgument):
        name = names.get(value, "")
        return f"the traced argument `{name}` ({tracer.aval})" if name else f"a traced array ({tracer.aval})"
    sources = _argument_names(value, names)
    origin = f" computed from {', '.join(f'`{name}`' for name in sources)}" if sources else ""
    op = value.owner
    where = ""
    if isinstance(op, Operation) and isinstance(op.location, FileLineColLoc):
        line = show_line(op.location.filename.data, op.location.line.data)
        where = "" if line == user_line() else f" (at {line})"
    return f"the traced array {tracer.aval}{origin}{where}"


def _argument_names(value: SSAValue, names: dict[SSAValue, str]) -> list[str]:
    """The names of the arguments that `value` depends on, at most four."""
    found: dict[str, None] = {}
    seen: set[SSAValue] = {value}
    todo = [value]
    while todo and len(found) < 4:
        value = todo.pop()
        if isinstance(value, BlockArgument):
            if names.get(value):
                found[names[value]] = None
        else:
            new = [operand for operand in cast(Operation, value.owner).operands if operand not in seen]
            seen.update(new)
            todo.extend(reversed(new))
    return list(found)


_ITEM_ASSIGNMENT = re.compile(r"\]\s*(//|\*\*|[-+*/@&|^%])?=(?!=)")
_CONVERSION = re.compile(r"\b(bool|int|float)\(")


def fail_as_python(tracer: Tracer, what: str, advice: str) -> NoReturn:
    """Raise the error for a tracer that Python asks for its value.

    NumPy also asks for it when a traced scalar is assigned to an element of one of its arrays.
    """
    line = user_line() or ""
    if _ITEM_ASSIGNMENT.search(line) and not _CONVERSION.search(line):
        fail_as_array(tracer)
    raise TracingError(at_user_line(f"{what} of {describe(tracer)} is not known while tracing; {advice}"))


def fail_as_array(tracer: Tracer) -> NoReturn:
    """Raise the error for a tracer that something wants to turn into a NumPy array."""
    advice = (
        "NumPy functions, operators and methods accept traced arrays as they are; "
        "to build an array from traced ones use `np.stack`, `np.concatenate` or `np.array([...], like=x)`; "
        "to index a NumPy array a by a traced integer i use `np.asarray(a, like=i)[i]`; "
        "to assign to elements, make the array with `np.zeros_like(x)` or `np.zeros(shape, like=x)`, where x is traced"
    )
    raise TracingError(at_user_line(f"{describe(tracer)} cannot become a NumPy array, or an element of one; {advice}"))


def fail_unsupported(what: str, advice: str) -> NoReturn:
    """Raise the error for a NumPy feature that tracing lacks."""
    raise UnsupportedError(at_user_line(f"{what} is not supported in a traced function; {advice}"))
