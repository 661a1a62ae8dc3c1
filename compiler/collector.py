"""The garbage collector, out of the way."""

import gc
import sys
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
        known = len(sys.modules)
        gc.disable()
        try:
            yield
        finally:
            if len(sys.modules) > known:
                _let_objects_grow_old()
            gc.enable()


def _let_objects_grow_old() -> None:
    """Make all objects old at once. What modules define stays: to look for garbage among it twice takes as long as a small compilation."""
    if not gc.get_freeze_count():
        gc.freeze()
        gc.unfreeze()  # what was frozen belongs to the oldest generation
