"""Objects that are called natively with the signatures that they have entries for, and through Python with all others."""

import ctypes
from collections.abc import Hashable
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from runtime.dispatch.records import State

if TYPE_CHECKING:
    from runtime.dispatch.entry import NativeEntry
    from runtime.dispatch.native_library import NativeLibrary

MAX_ENTRIES = 64
"""Entries are tried one after the other; with more than so many an object starts again."""

MAX_NODES = 4096
"""A call needs some tens of bytes of the stack for each node of its arguments."""


class NativeCallable:
    """An object whose calls are answered by the first of its entries that the arguments match, else by `_call_in_python`.

    With the first entry it changes its class to one that native code calls.
    """

    __slots__ = ("__dict__", "__weakref__", "_state")

    def __init__(self, gate: ctypes.c_int64 | None = None):
        """Make an object without entries; while `gate` is not zero none is tried."""
        self._state = State(gate=None if gate is None else ctypes.addressof(gate))
        self._entries: list[NativeEntry] = []
        self._former_hits = 0
        self._described: set[Hashable] = set()  # what there are entries for, or cannot be

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the compiled program for these arguments."""
        return self._call_in_python(*args, **kwargs)

    def _call_in_python(self, *args: Any, **kwargs: Any) -> Any:
        """Run what no entry answers; abstract: each kind of callable says how."""
        raise NotImplementedError(f"{type(self).__name__} called with {len(args)} and {len(kwargs)} arguments")

    def _add_entry(self, entry: "NativeEntry", key: Hashable = None) -> None:
        """Answer calls that match `entry`, which is the one for `key`, natively, where that is possible."""
        self._described.add(key)
        library = _library()
        if library is None or len(entry) > MAX_NODES:
            return
        if len(self._entries) >= MAX_ENTRIES:
            self._drop_entries()
            self._described.add(key)
        # Another thread may drop entries between any two steps: none may be found that is not kept.
        library.insert(self._state, entry.address)
        self._entries.append(entry)
        self.__class__ = cast(Any, library.native_class(type(self)))

    def _drop_entries(self) -> None:
        """Answer all calls in Python."""
        entries, self._entries = self._entries, []
        self._state.first = None
        self._former_hits += sum(entry.hits for entry in entries)
        self._described.clear()

    def _native_hits(self) -> int:
        """How many calls were answered natively."""
        return self._former_hits + sum(entry.hits for entry in self._entries)


def _library() -> "NativeLibrary | None":
    # Loads LLVM, which objects without entries do not need.
    return import_module("runtime.dispatch.native_library").native_library()
