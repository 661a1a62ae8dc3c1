"""The functions that machine code imports, and where they are in this process.

Machine code on disk has their names only: those of the BLAS library, and that of the pool of threads.
"""

import os
from collections.abc import Sequence

from runtime.blas import blas_functions, blas_symbols
from runtime.threads.pool_text import PARALLEL


def imported_functions(text: str) -> tuple[str, ...]:
    """The plain names of the functions that the LLVM assembly `text` imports."""
    threads = (PARALLEL,) if f"@{PARALLEL}(" in text else ()
    return (*blas_functions(text), *threads)


def function_addresses(names: Sequence[str], blas: str | os.PathLike[str] | None = None) -> dict[str, int]:
    """The address of each imported function; `blas` is the path of another BLAS library.

    Raises:
        MissingLibraryError: the BLAS library is missing, or a function that is called.
        ArgumentError: `DLC_NUM_THREADS` is no number of threads.
    """
    library = [name for name in names if name != PARALLEL]
    addresses = blas_symbols(library, blas)
    if len(library) < len(names):
        from runtime.threads.pool import parallel_address  # loads LLVM

        addresses[PARALLEL] = parallel_address()
    return addresses
