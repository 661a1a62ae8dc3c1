"""What native code needs of the interpreter and of NumPy: addresses, and whether their objects are laid out as it expects."""

import ctypes
import mmap
import platform
import sysconfig
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from runtime.dispatch.records import PyArray, PySized

_FUNCTIONS = (
    "PyObject_GetAttr", "PyObject_Call", "PyObject_CallOneArg", "PyDict_GetItemWithError", "PyTuple_New", "PyList_New",
    "PyDict_New", "PyDict_SetItem", "PyType_GenericAlloc", "PyLong_AsLongLongAndOverflow", "PyFloat_AsDouble",
    "PyComplex_RealAsDouble", "PyComplex_ImagAsDouble", "Py_IncRef", "Py_DecRef", "PyErr_Clear", "PyErr_NoMemory",
    "PyEval_SaveThread", "PyEval_RestoreThread",
)  # fmt: skip
_ARRAY_TYPE, _NEW_FROM_DESCR, _SET_HANDLER = 2, 94, 304
"""Places in NumPy's table of its functions and types, which stay the same from version to version."""


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
    if not _has_known_containers():
        return f"containers of Python {platform.python_version()} have another layout"
    if not _has_known_arrays():
        return f"arrays of NumPy {np.__version__} have another layout"
    return None


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


def symbols() -> dict[str, int]:
    """The addresses of what native code calls and compares with."""
    table = _numpy_table()
    addresses = {name: ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0 for name in _FUNCTIONS}
    return addresses | {
        "dlc.array_type": table[_ARRAY_TYPE],
        "dlc.new_array": table[_NEW_FROM_DESCR],
        "dlc.set_handler": table[_SET_HANDLER],
        "dlc.true": id(True),
    }
