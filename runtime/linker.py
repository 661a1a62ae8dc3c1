"""Object bytes to callable addresses: LLVM's linker (LLJIT with JITLink), without llvmlite's modules for Python.

```
bytes --load--> Program --call--> results in memory
```
"""

import ctypes
import sys
import weakref
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from threading import RLock

from dialects.errors import InternalError
from runtime.llvm_library import first_lines, llvm_library, with_text
from runtime.once import once
from runtime.target import host_target

_OBJECT, _LIBRARY = 2, 3
"""What a library is linked from: object code, or other libraries, of which the one without a name is this process."""


class _Element(ctypes.Structure):
    _fields_ = (("kind", ctypes.c_uint8), ("value", ctypes.c_char_p), ("size", ctypes.c_size_t))


class _Symbol(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("address", ctypes.c_uint64))


lock = RLock()
"""Held while LLVM links; code may be dropped by the thread that is in it, when it collects garbage. Forks wait for it."""


class Program:
    """Code in memory, for as long as this object lives."""

    def __init__(self, tracker: int, library: bytes):
        self._library = library
        self._addresses: dict[str, int] = {}
        self._entries: dict[str, _Entry] = {}
        self._hold(tracker)

    def _hold(self, tracker: int) -> None:
        """Let LLVM drop the code with this object, the last of its trackers."""
        weakref.finalize(self, _drop, tracker).atexit = False

    def address(self, name: str) -> int:
        """The address of the symbol `name`; raise `InternalError` if it is not there or cannot be linked."""
        with lock:
            if name not in self._addresses:
                address = ctypes.c_uint64()
                tracker, text = with_text(
                    llvm_library().LLJITLookup, _linker(), self._library, name.encode(), ctypes.byref(address)
                )
                if not tracker:
                    raise InternalError(
                        f"cannot link {name!r}: it is not in the object, or calls a function that has no address: "
                        f"{first_lines(text)}"
                    )
                self._hold(tracker)
                self._addresses[name] = address.value
            return self._addresses[name]

    def keep(self) -> None:
        """Keep the code in memory until the process ends, after this object and all others are gone."""
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))

    def call(self, name: str, pointers: Sequence[int]) -> None:
        """Call the function `name`, which takes a table of pointers, with a table of `pointers`."""
        entry = self._entries.get(name)
        if entry is None or entry.size != len(pointers):
            entry = self._entries[name] = _Entry(self.address(name), len(pointers))
        entry(pointers)


def _drop(tracker: int) -> None:
    with lock:
        with_text(llvm_library().LLJIT_Dylib_Tracker_Dispose, tracker)


class _Entry:
    """A function that takes a table of `size` pointers.

    Tables are kept and refilled. Taking one off the list and putting it back are atomic, so several threads may call at
    once; the code must not be entered with a table that another thread is filling.
    """

    def __init__(self, address: int, size: int):
        self.size = size
        self._function: Callable[..., None] = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)
        self._table_type = ctypes.c_void_p * size
        self._tables: list[ctypes.Array[ctypes.c_void_p]] = []

    def __call__(self, pointers: Sequence[int]) -> None:
        try:
            table = self._tables.pop()
        except IndexError:
            table = self._table_type()
        table[:] = pointers  # pyright: ignore[reportArgumentType]
        self._function(table)
        self._tables.append(table)


_library_numbers = count()


@once
def _linker() -> int:
    """The linker of this process; it takes object files only, so it needs no code generator of its own."""
    library = llvm_library()
    triple = host_target().triple.encode()
    target, text = with_text(library.GetTargetFromTriple, triple)
    if not target:
        raise InternalError(f"LLVM has no code for this processor: {first_lines(text)}")
    if sys.platform == "win32":
        triple += b"-elf"
    machine = library.CreateTargetMachine(target, triple, b"", b"", 2, b"default", b"jitdefault", 0, 1, b"")
    linker, text = with_text(library.CreateLLJITCompiler, machine, True, True)
    if not linker:
        raise InternalError(f"LLVM cannot link: {first_lines(text)}")
    return linker


def load(object_code: bytes, symbols: Mapping[str, int] | None = None) -> Program:
    """Load an object file, `symbols` being the addresses of external functions; it is linked when an address is asked for.

    Raises:
        InternalError: LLVM does not take the object.
    """
    elements = (_Element * 2)((_OBJECT, object_code, len(object_code)), (_LIBRARY, b"", 0))
    imports = [(name.encode(), address) for name, address in (symbols or {}).items()]
    # A name can never be used again, not even after its library is gone.
    name = f"dlc{next(_library_numbers)}".encode()
    with lock:
        tracker, text = with_text(
            llvm_library().LLJIT_Link,
            _linker(),
            name,
            elements,
            2,
            (_Symbol * len(imports))(*imports),
            len(imports),
            None,
            0,
        )
    if not tracker:
        raise InternalError(f"cannot load the object: {first_lines(text)}")
    return Program(tracker, name)
