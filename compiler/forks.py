"""Forks while other threads compile: they wait, so that no child finds locks that nobody will release.

The locks are ours, LLVM's, those of modules that are being imported, and others: what another thread is in the middle of when
a process forks, its child never sees done.
"""

import os
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

_PATIENCE = 10.0
"""The seconds that a fork and a compilation wait for each other: a function that is traced may itself wait for what forks."""


class _Threads:
    """Which threads compile, and which fork.

    Attributes:
        changed: notified when a thread has compiled or forked.
        depths: for each thread that compiles, how many compilations it is in, one inside of the other.
        forks: how many threads are about to fork; no other one starts to compile meanwhile.
        locks: those of LLVM, held while one forks.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.depths: dict[int, int] = {}
        self.forks = 0
        self.locks: list[Any] = []

    def before_fork(self) -> None:
        """Wait until no other thread compiles, and keep it so."""
        self.changed.acquire()
        self.forks += 1
        self.changed.wait_for(lambda: not self.depths.keys() - {threading.get_ident()}, _PATIENCE)
        self.locks = _taken(_locks_of_llvm())

    def after_fork_in_parent(self) -> None:
        """Let all go on."""
        self._release()
        self.forks -= 1
        self.changed.notify_all()
        self.changed.release()

    def after_fork_in_child(self) -> None:
        """Forget the other threads, which are not there."""
        self._release()
        thread = threading.get_ident()
        self.changed, self.forks = threading.Condition(), 0
        self.depths = {thread: self.depths[thread]} if thread in self.depths else {}

    def _release(self) -> None:
        while self.locks:
            self.locks.pop().release()


_threads = _Threads()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_threads.before_fork,
        after_in_parent=_threads.after_fork_in_parent,
        after_in_child=_threads.after_fork_in_child,
    )


@contextmanager
def forks_wait() -> Generator[None]:
    """For the length of a compilation by this thread, let other threads not fork."""
    thread = threading.get_ident()
    with _threads.changed:
        if thread not in _threads.depths:
            _threads.changed.wait_for(lambda: not _threads.forks, _PATIENCE)
        _threads.depths[thread] = _threads.depths.get(thread, 0) + 1
    try:
        yield
    finally:
        with _threads.changed:
            _threads.depths[thread] -= 1
            if not _threads.depths[thread]:
                del _threads.depths[thread]
                _threads.changed.notify_all()


def _locks_of_llvm() -> list[Any]:
    """What is held during every call of LLVM, by llvmlite and by our linker; programs that nobody needs any more are freed at any time."""
    ffi, linker = map(sys.modules.get, ("llvmlite.binding.ffi", "runtime.linker"))
    return [*([] if ffi is None else [ffi.lib._lock._lock]), *([] if linker is None else [linker.lock])]


def _taken(locks: list[Any]) -> list[Any]:
    """`locks`, all taken; whoever has one may be waiting for another, so none is kept while the next is not to be had."""
    while True:
        taken = [lock for lock in locks if lock.acquire(timeout=0.01)]
        if len(taken) == len(locks):
            return taken
        for lock in taken:
            lock.release()
