"""What is made once in a process, however many threads ask for it first."""

import threading
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

Made = TypeVar("Made")


def once(make: Callable[[], Made]) -> Callable[[], Made]:
    """A function that gives what `make` gives, which is called once, and again only if it has raised.

    `functools.cache` calls it in every thread that comes before the first one is done, and drops what the others have got: code would be
    freed that runs, and numbers whose addresses native code has.
    """
    lock = threading.RLock()
    made: list[Made] = []

    def get() -> Made:
        if not made:
            with lock:
                if not made:
                    made.append(make())
        return made[0]

    return wraps(make)(get)
