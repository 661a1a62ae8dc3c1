"""Objects that are called natively with the signatures that they have entries for, and through Python with all others."""

import ctypes
from typing import TYPE_CHECKING, Any

from runtime.dispatch.entry import MAX_NODES, NativeEntry
from runtime.dispatch.native_library import native_library
from runtime.dispatch.records import Callable

MAX_ENTRIES = 64
"""Entries are tried one after the other; with more than so many an object starts again."""


class _PythonCallable:
    """Where calls cannot be native."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the compiled program for these arguments."""
        return self._call_in_python(*args, **kwargs)

    def _call_in_python(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError


if TYPE_CHECKING:
    _Base = _PythonCallable
else:
    _library = native_library()
    _Base = _PythonCallable if _library is None else _library.callable_type


class NativeCallable(_Base):
    """An object whose calls are answered by the first of its entries that the arguments match, else by `_call_in_python`."""

    def __init__(self, gate: ctypes.c_int64 | None = None):
        """Make an object without entries; while `gate` is not zero none is tried."""
        self._entries: list[NativeEntry] = []
        self._former_hits = 0
        if gate is not None and native_library() is not None:
            Callable.from_address(id(self)).gate = ctypes.addressof(gate)

    def _add_entry(self, entry: NativeEntry) -> None:
        """Answer calls that match `entry` natively, where that is possible."""
        library = native_library()
        if library is None or len(entry) > MAX_NODES:
            return
        if len(self._entries) >= MAX_ENTRIES:
            self._drop_entries()
        self._entries.append(entry)
        library.insert(self, entry.address)

    def _drop_entries(self) -> None:
        """Answer all calls in Python."""
        if native_library() is not None:
            Callable.from_address(id(self)).first = None
        self._former_hits = self._native_hits()
        self._entries.clear()

    def _native_hits(self) -> int:
        """How many calls were answered natively."""
        return self._former_hits + sum(entry.hits for entry in self._entries)
