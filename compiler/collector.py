"""The garbage collector, out of the way."""

import gc
from collections.abc import Generator
from contextlib import contextmanager

from compiler.forks import forks_wait


@contextmanager
def paused_collector() -> Generator[None]:
    """Stop the garbage collector for the length of a compilation or an import, which make objects by the thousand and drop few.

    Forks wait so long, too.
    """
    with forks_wait():
        if not gc.isenabled():
            yield
            return
        gc.disable()
        try:
            yield
        finally:
            gc.enable()
