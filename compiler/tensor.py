"""`Tensor`: an immutable array in host memory whose operations are compiled.

Outside of traced functions every operation runs as a small compiled program, kept by shapes and dtypes (`compiler/eager.py`).
In a traced function a `Tensor` that is no argument is a constant of the program.
"""

import operator
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from typing import Any, NoReturn, cast

import numpy as np

from compiler.abstract import check_dtype
from compiler.array_methods import ArrayMethods
from compiler.axes import is_array
from compiler.errors import ArgumentError, DtypeError, ShapeError, UnsupportedError, at_user_line
from compiler.frames import Array, Rules, current_frame, is_tracing

DEVICE = "cpu"
"""The only device that a `Tensor` is on."""

API_VERSION = "2024.12"
"""The version of the Python array API standard that `compiler.numpy` follows."""


class Tensor(ArrayMethods):
    """An immutable array of one of the supported dtypes.

    It has the operators, attributes and methods of the Python array API standard 2024.12 and those of NumPy's arrays that
    change nothing. NumPy's functions accept it and give `Tensor`s: `np.sin(t)`.

    Args:
        data: an array, a Python scalar, or nested lists of them. Copied unless nobody can change it.
        dtype: the dtype, that of `data` if left out.

    Raises:
        DtypeError: the dtype is not supported.

    Example:
        >>> x = Tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> x @ x.T + 1
        Tensor([[ 6., 12.],
                [12., 26.]])
        >>> np.exp(x).shape
        (2, 2)
    """

    __slots__ = ("_data",)
    __array_priority__ = 2000.0
    _data: Array

    def __init__(self, data: Any, dtype: Any = None):
        is_safe = isinstance(data, Tensor) or (is_array(data) and _is_frozen(data))
        array = np.asarray(data, dtype) if is_safe else np.array(data, dtype)
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        check_dtype(array.dtype, "data")
        self._data = array.view()
        self._data.flags.writeable = False

    @classmethod
    def over(cls, array: Array) -> "Tensor":
        """The `Tensor` that takes over `array`, of a supported dtype: no copy, and nobody may write to it from now on."""
        array.flags.writeable = False
        tensor = object.__new__(cls)
        tensor._data = array
        return tensor

    def _rules(self) -> Rules:
        return current_frame().rules if is_tracing() else _eager_rules()

    def _update(self, ufunc: np.ufunc, operand: Any) -> Any:
        """`self op= operand`, which rebinds the name; as in NumPy neither dtype nor shape changes."""
        result = self._operator(ufunc, self, operand)
        if result is NotImplemented or (result.dtype == self.dtype and result.shape == self.shape):
            return result
        if result.shape != self.shape:
            raise ShapeError(
                at_user_line(
                    f"{ufunc.__name__}: the result has shape {result.shape}, and in place the shape {self.shape} stays; "
                    "write `x = x + y`"
                )
            )
        if not np.can_cast(result.dtype, self.dtype, "same_kind"):
            raise DtypeError(
                at_user_line(
                    f"{ufunc.__name__}: the result has dtype {result.dtype.name}, which is not cast to {self.dtype.name} in "
                    "place; write `x = x + y`"
                )
            )
        return result.astype(self.dtype)

    # Attributes

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the elements, one of NumPy's."""
        return self._data.dtype

    @property
    def shape(self) -> tuple[int, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The sizes of all dimensions."""
        return self._data.shape

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._data.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._data.size

    @property
    def itemsize(self) -> int:
        """Bytes per element."""
        return self._data.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self._data.nbytes

    @property
    def device(self) -> str:
        """The device that holds the elements: `"cpu"`."""
        return DEVICE

    def to_device(self, device: Any, /, *, stream: Any = None) -> "Tensor":
        """The array itself: there is one device.

        Raises:
            ArgumentError: `device` is not `"cpu"`, or a stream is given.
        """
        check_device("to_device", device)
        if stream is not None:
            raise ArgumentError(at_user_line(f"to_device: stream is {stream!r}; the device cpu has no streams"))
        return self

    @property
    def T(self) -> Any:  # noqa: N802
        """The transpose: all dimensions reversed."""
        return self.transpose()

    @property
    def mT(self) -> Any:  # noqa: N802
        """The transpose of the last two dimensions."""
        if self.ndim < 2:
            raise ShapeError(at_user_line(f"mT: the array has shape {self.shape}; it needs at least two dimensions"))
        return self.swapaxes(-1, -2)

    # Elements

    def __getitem__(self, index: Any) -> "Tensor":
        return self._rules().read(self, index)

    @property
    def at(self) -> Any:
        """As in JAX: `x.at[index].set(value)` is a new array with `value` at `index`."""
        return self._rules().at(self)

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        fail_immutable("assignment to elements")

    def __len__(self) -> int:
        if not self.shape:
            raise ShapeError(at_user_line("len: the array has no dimension"))
        return self.shape[0]

    def __iter__(self) -> Iterator["Tensor"]:
        if not self.shape:
            raise ShapeError(at_user_line("iteration over an array without a dimension"))
        return (self[i] for i in range(self.shape[0]))

    def __contains__(self, value: object) -> bool:
        return value in self._data

    def item(self, *index: Any) -> Any:
        """An element, the only one if no index is given, as a Python scalar."""
        return self._data.item(*index)

    def tolist(self) -> Any:
        """The elements as nested lists of Python scalars."""
        return self._data.tolist()

    def tobytes(self) -> bytes:
        """The bytes of all elements in C order."""
        return self._data.tobytes()

    def copy(self) -> "Tensor":
        """The array itself: nothing can change it."""
        return self

    def flatten(self) -> Any:
        """All elements in one dimension."""
        return self.ravel()

    def __copy__(self) -> "Tensor":
        return self

    def __deepcopy__(self, _: Any) -> "Tensor":
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (Tensor.over, (self._data,))

    # Python values

    def __bool__(self) -> bool:
        return bool(self._scalar("bool"))

    def __int__(self) -> int:
        return int(self._scalar("int"))

    def __float__(self) -> float:
        return float(self._scalar("float"))

    def __complex__(self) -> complex:
        return complex(self._scalar("complex"))

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise DtypeError(at_user_line(f"index: an array of {self.dtype.name} is not an integer; use `int(x)`"))
        return operator.index(self._scalar("index"))

    def _scalar(self, what: str) -> Any:
        if self.shape:
            advice = "; use `.any()` or `.all()`" if what == "bool" else "; take one element"
            raise ShapeError(
                at_user_line(
                    f"{what}: an array of shape {self.shape} is not one Python value; it must have no dimension{advice}"
                )
            )
        return self._data[()]

    def __repr__(self) -> str:
        return np.array_repr(self._data.view(_Printed))

    def __str__(self) -> str:
        return str(self._data)

    def __format__(self, specification: str) -> str:
        return format(self._data[()], specification) if not self.shape else format(self._data, specification)

    # Protocols

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self._data if dtype is None and not copy else np.array(self._data, dtype, copy=copy)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **arguments: Any) -> Any:
        return self._rules().ufunc(ufunc, method, inputs, arguments, is_operator=False)

    def __array_function__(self, function: Any, types: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        return self._rules().function(function, args, kwargs)

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        """`compiler.numpy`.

        Raises:
            ArgumentError: another version than that which `compiler.numpy` follows is asked for.
        """
        return array_namespace(api_version)

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[Any, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        # Only since DLPack 1.0 can memory be marked as not to be written to.
        if copy is None and (max_version is None or max_version[0] < 1):
            copy = True
        data = self._data.copy() if copy else self._data
        return cast(Any, data).__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device)

    def __dlpack_device__(self) -> tuple[Any, int]:
        return self._data.__dlpack_device__()


def plain(tree: Any) -> Any:
    """Arguments with NumPy arrays in the place of `Tensor`s, also of those in tuples, lists and dicts."""
    if type(tree) is Tensor:
        return tree.__array__()
    if type(tree) is tuple:
        return tuple(map(plain, cast(tuple[Any, ...], tree)))
    if type(tree) is list:
        return list(map(plain, cast(list[Any], tree)))
    return {name: plain(value) for name, value in cast(dict[Any, Any], tree).items()} if type(tree) is dict else tree


@cache
def _eager_rules() -> Rules:
    # By name: the rules compile, and what compiles knows this class.
    return import_module("compiler.eager").EAGER_RULES


def array_namespace(api_version: str | None = None) -> Any:
    """`compiler.numpy`, if it follows that version of the standard.

    Raises:
        ArgumentError: it does not.
    """
    if api_version not in {None, API_VERSION}:
        raise ArgumentError(
            at_user_line(f"compiler.numpy follows version {API_VERSION} of the array API standard, not {api_version!r}")
        )
    return import_module("compiler.numpy")  # it knows this class


def check_device(what: str, device: Any) -> None:
    """Raise `ArgumentError` unless `device` is the one that there is, or not given."""
    if device not in {None, DEVICE}:
        raise ArgumentError(at_user_line(f"{what}: there is no device {device!r}; arrays are on {DEVICE!r}"))


def fail_immutable(what: str) -> NoReturn:
    """Raise the error for an attempt to change a `Tensor`."""
    raise UnsupportedError(
        at_user_line(
            f"{what}: a Tensor cannot be changed; compute a new one (`x.at[index].set(value)`, `np.where(mask, value, x)`), or "
            "assign in a function compiled with `jit`, where `x[index] = value` changes a copy that it may return"
        )
    )


class _Printed(np.ndarray[Any, Any]):
    """An array that is printed as a `Tensor`."""


_Printed.__name__ = "Tensor"


def _is_frozen(array: Array) -> bool:
    """Whether nobody can write to the memory of `array` without breaking a promise."""
    base: Any = array
    while is_array(base):
        if base.flags.writeable:
            return False
        base = base.base
    return True
