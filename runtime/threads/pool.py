"""The pool of threads of this process, made when a program is loaded that has work for it."""

import ctypes
import os
import sys

from runtime.linker import load
from runtime.object_cache import stored_object
from runtime.once import once
from runtime.threads.pool_text import PARALLEL, PLACES, pool_text
from runtime.threads.setting import default_address, own_key

_PYTHON = (
    "PyThread_tss_get", "PyThread_allocate_lock", "PyThread_acquire_lock", "PyThread_release_lock", "PyThread_start_new_thread",
)  # fmt: skip


@once
def parallel_address() -> int:
    """The address of `dlc_parallel`."""
    symbols = {name: _address(ctypes.pythonapi, name) for name in _PYTHON}
    symbols |= {"dlc.threads": default_address(), "dlc.own_threads": own_key(), "dlc.yield": _yield_address()}
    has_places = sys.platform == "linux" and all(hasattr(ctypes.pythonapi, name) for name in PLACES)
    if has_places:
        symbols |= {name: _address(ctypes.pythonapi, name) for name in PLACES}
    program = load(stored_object(pool_text(has_places=has_places)), symbols)
    program.keep()  # workers never leave it
    forget_workers = ctypes.CFUNCTYPE(None)(program.address("dlc_forget_workers"))
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forget_workers)
    return program.address(PARALLEL)


def _yield_address() -> int:
    """The system's function that lets other threads run."""
    if os.name == "nt":
        return _address(ctypes.CDLL("kernel32"), "SwitchToThread")
    return _address(ctypes.CDLL(None), "sched_yield")


def _address(library: ctypes.CDLL, name: str) -> int:
    return ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0
