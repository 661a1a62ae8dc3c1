"""What native code needs of the interpreter and of NumPy: addresses, and whether their objects are laid out as it expects."""

import ctypes
import mmap
import platform
import sysconfig
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from runtime.dispatch.records import PyArray, PyData, PySized, PySlotted, State

_FUNCTIONS = (
    "PyObject_GetAttr", "PyObject_Call", "PyObject_CallOneArg", "PyDict_GetItemWithError", "PyTuple_New", "PyList_New",
    "PyDict_New", "PyDict_SetItem", "PyType_GenericAlloc", "PyLong_AsLongLongAndOverflow", "PyFloat_AsDouble",
    "PyComplex_RealAsDouble", "PyComplex_ImagAsDouble", "Py_IncRef", "Py_DecRef", "PyErr_Clear", "PyErr_NoMemory",
    "PyEval_SaveThread", "PyEval_RestoreThread",
)  # fmt: skip
_ARRAY_TYPE, _NEW_FROM_DESCR, _SET_BASE, _SET_HANDLER = 2, 94, 282, 304
"""Places in NumPy's table of its functions and types, which stay the same from version to version."""


class _Slot(ctypes.Structure):
    """`PyType_Slot`."""

    _fields_ = (("slot", ctypes.c_int), ("function", ctypes.c_void_p))


class _TypeSpec(ctypes.Structure):
    """`PyType_Spec`."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("basicsize", ctypes.c_int),
        ("itemsize", ctypes.c_int),
        ("flags", ctypes.c_uint),
        ("slots", ctypes.POINTER(_Slot)),
    )


_TP_CALL = 50


def native_class(kind: type, call: int) -> type:
    """A class like `kind` whose objects the native function at the address `call` is called with; objects may change to it."""
    name = f"{kind.__module__}.{kind.__qualname__}".encode()
    spec = _TypeSpec(name, 0, 0, 0, (_Slot * 2)(_Slot(_TP_CALL, call)))
    make = ctypes.pythonapi.PyType_FromSpecWithBases
    make.restype, make.argtypes = ctypes.py_object, (ctypes.POINTER(_TypeSpec), ctypes.py_object)
    made = make(spec, kind)
    made.__module__, made.__qualname__, made.__doc__ = kind.__module__, kind.__qualname__, kind.__doc__
    _names.append(name)  # the class refers to it
    return made


_names: list[bytes] = []


@cache
def missing_feature() -> str | None:
    """Why calls cannot be native here; `None` if they can."""
    if platform.python_implementation() != "CPython":
        return f"the interpreter is {platform.python_implementation()}"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "the interpreter has no global lock"
    if ctypes.sizeof(ctypes.c_void_p) != 8:
        return "addresses do not have 64 bits"
    if not hasattr(mmap, "MAP_ANONYMOUS"):
        return "the system has no mmap"
    if not _has_known_slots():
        return f"objects of Python {platform.python_version()} have another layout, or cannot change their class"
    if not _has_known_containers():
        return f"containers of Python {platform.python_version()} have another layout"
    if not _has_known_arrays():
        return f"arrays of NumPy {np.__version__} have another layout"
    return None


class _Slotted:
    __slots__ = ("__dict__", "__weakref__", "_state")

    def __init__(self) -> None:
        self._state = State(5, 7)


def _has_known_slots() -> bool:
    probe: Any = _Slotted()
    state = probe._state
    if PySlotted.from_address(id(probe)).first != id(state):
        return False
    if PyData.from_address(id(state)).data != ctypes.addressof(state):
        return False
    try:
        probe.__class__ = native_class(_Slotted, _address("PyObject_Call"))
    except TypeError:
        return False
    return True


def _has_known_containers() -> bool:
    item = object()
    expected: list[tuple[Any, int | None]] = [((item, 0), id(item)), ({"a": item, "b": 0}, None), ([item, 0], None)]
    for container, items in expected:
        found = PySized.from_address(id(container))
        if found.count != 2 or items not in {None, found.items}:
            return False
        if isinstance(container, list) and ctypes.c_void_p.from_address(found.items).value != id(item):
            return False
    return True


def _has_known_arrays() -> bool:
    table = _numpy_table()
    if table[_ARRAY_TYPE] != id(np.ndarray):
        return False
    array = np.zeros((3, 5), np.float32)
    found = PyArray.from_address(id(array))
    if (found.data, found.rank, found.dtype) != (array.ctypes.data, 2, id(array.dtype)) or found.flags & 0x501 != 0x501:
        return False
    if [ctypes.c_int64.from_address(found.sizes + 8 * i).value for i in range(2)] != [3, 5]:
        return False
    array.flags.writeable = False
    return not found.flags & 0x400 and PyArray.from_address(id(array.T)).flags & 0x101 == 0x100


def _numpy_table() -> Any:
    module: Any = import_module("numpy._core._multiarray_umath")
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    return ctypes.cast(pointer(module._ARRAY_API, None), ctypes.POINTER(ctypes.c_void_p))


def _address(function: str) -> int:
    return ctypes.cast(getattr(ctypes.pythonapi, function), ctypes.c_void_p).value or 0


def symbols() -> dict[str, int]:
    """The addresses of what native code calls and compares with."""
    table = _numpy_table()
    return {name: _address(name) for name in _FUNCTIONS} | {
        "dlc.array_type": table[_ARRAY_TYPE],
        "dlc.new_array": table[_NEW_FROM_DESCR],
        "dlc.set_base": table[_SET_BASE],
        "dlc.set_handler": table[_SET_HANDLER],
        "dlc.true": id(True),
    }
