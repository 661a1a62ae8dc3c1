"""How many threads programs use: for all callers, and for each thread that calls them."""

import ctypes
import os
from collections.abc import Generator
from contextlib import contextmanager

from dialects.errors import ArgumentError
from runtime.once import once
from runtime.threads.cpu_count import usable_cpus

MAX_THREADS = 256


def set_num_threads(number: int) -> None:
    """Let compiled programs use `number` threads, the calling one among them, whoever calls them from now on.

    Results do not depend on it. A program that is running goes on with as many as it has.

    Raises:
        ArgumentError: it is not an integer from 1 to 256.

    Example:
        >>> before = get_num_threads()
        >>> set_num_threads(1)
        >>> get_num_threads()
        1
        >>> set_num_threads(before)
    """
    _default().value = checked(number, "set_num_threads")


def get_num_threads() -> int:
    """How many threads a program uses that this thread calls.

    At first it is `DLC_NUM_THREADS`, else the number of processors that the process may run on, and no more than the quota of
    its control group.

    Raises:
        ArgumentError: `DLC_NUM_THREADS` is not an integer from 1 to 256.

    Example:
        >>> get_num_threads() >= 1
        True
    """
    return _get(own_key()) or _default().value


@contextmanager
def num_threads(number: int) -> Generator[None]:
    """While the context lasts, let programs that this thread calls use `number` threads; others are not affected.

    Raises:
        ArgumentError: it is not an integer from 1 to 256.

    Example:
        >>> with num_threads(2):
        ...     get_num_threads()
        2
    """
    before = _get(own_key())
    _set(own_key(), checked(number, "num_threads"))
    try:
        yield
    finally:
        _set(own_key(), before)


def checked(number: int, name: str) -> int:
    """`number`, if it is a number of threads."""
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= MAX_THREADS:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ArgumentError(f"{name}: the number of threads is {number!r}; use an integer from 1 to {MAX_THREADS}")
    return number


def default_address() -> int:
    """Where native code finds the number for all callers."""
    return ctypes.addressof(_default())


@once
def own_key() -> int:
    """The key that native code finds the number of its caller by: 0 if the caller has none."""
    key = _new_key()
    _create_key(key)
    return key


@once
def _default() -> ctypes.c_int64:
    text = os.environ.get("DLC_NUM_THREADS")
    if text is None or not text.strip():
        return ctypes.c_int64(min(usable_cpus(), MAX_THREADS))
    if not text.strip().isdecimal() or not 1 <= int(text) <= MAX_THREADS:
        raise ArgumentError(f"DLC_NUM_THREADS is {text!r}; use an integer from 1 to {MAX_THREADS}, or unset it")
    return ctypes.c_int64(int(text))


# Python's thread-local storage, which native code can ask as well, on all platforms.
_new_key = ctypes.PYFUNCTYPE(ctypes.c_void_p)(("PyThread_tss_alloc", ctypes.pythonapi))
_create_key = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(("PyThread_tss_create", ctypes.pythonapi))
_get = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(("PyThread_tss_get", ctypes.pythonapi))
_set = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(("PyThread_tss_set", ctypes.pythonapi))
