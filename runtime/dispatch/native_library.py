"""The native code of calls and of the memory pool, compiled once in a process."""

import ctypes
import sys
from typing import Any

from runtime.dispatch.call_text import call_text
from runtime.dispatch.interpreter import missing_feature, native_class, symbols
from runtime.dispatch.match_text import match_text
from runtime.dispatch.memory_pool import memory_limit, pool_text
from runtime.dispatch.records import Pool, State, expand
from runtime.dispatch.result_text import result_text
from runtime.linker import load
from runtime.object_cache import stored_object
from runtime.once import once

SLOW_NAME = sys.intern("_call_in_python")
"""The method that answers calls that no entry matches."""


class _Allocator(ctypes.Structure):
    """NumPy's `PyDataMem_Handler`."""

    _fields_ = (
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("context", ctypes.c_void_p),
        ("malloc", ctypes.c_void_p),
        ("calloc", ctypes.c_void_p),
        ("realloc", ctypes.c_void_p),
        ("free", ctypes.c_void_p),
    )


class NativeLibrary:
    """Native code in memory.

    Attributes:
        pool: the state of the memory pool.
    """

    def __init__(self) -> None:
        allocator = _Allocator(b"dlc", 1)
        handler = _capsule(allocator)
        text = expand(pool_text() + match_text() + result_text() + call_text())
        code = stored_object(text)
        self._program = load(code, symbols() | {"dlc.handler": id(handler), "dlc.slow_name": id(SLOW_NAME)})
        for field in ("malloc", "calloc", "realloc", "free"):
            setattr(allocator, field, self._program.address(f"dlc_{field}"))
        self.pool = Pool.from_address(self._program.address("dlc_pool"))
        self.pool.next = self.pool.previous = ctypes.addressof(self.pool)
        self.pool.limit = memory_limit()
        self._insert = ctypes.PYFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(self._program.address("dlc_insert"))
        self._trim = ctypes.PYFUNCTYPE(None, ctypes.c_int64)(self._program.address("dlc_trim"))
        self._call = self._program.address("dlc_call")
        self._classes: dict[type, type] = {}
        # Arrays are freed by this code until the very end of the process.
        self._program.keep()
        for kept in (allocator, handler, self):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))

    def insert(self, state: State, entry: int) -> None:
        """Put an entry before all others of a callable object."""
        self._insert(ctypes.addressof(state), entry)

    def native_class(self, kind: type) -> type:
        """The class of objects of the class `kind` that are called natively."""
        if kind in self._classes.values():
            return kind
        if kind not in self._classes:
            self._classes.setdefault(kind, native_class(kind, self._call))
        return self._classes[kind]

    def release_memory(self) -> int:
        """Return the free blocks of the pool to the system; the result is the number of bytes that they had."""
        held = self.pool.held
        self._trim(0)
        return held


def _capsule(allocator: _Allocator) -> Any:
    make = ctypes.pythonapi.PyCapsule_New
    make.restype, make.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
    return make(ctypes.addressof(allocator), b"mem_handler", None)


@once
def native_library() -> NativeLibrary | None:
    """The library of this process; `None` where calls cannot be native."""
    return None if missing_feature() else NativeLibrary()
