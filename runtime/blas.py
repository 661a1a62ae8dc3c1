"""The BLAS library: finding it, and the addresses of its CBLAS entries.

The default is OpenBLAS from the wheel `scipy-openblas32`. `DLC_BLAS=/path/to/library.so`, or a path given by the caller, selects
any other library with the plain CBLAS names and 32-bit integers (`libmkl_rt.so`, `libblis.so`, `libcblas.so`).
"""

import ctypes
import os
import re
import threading
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dialects.errors import MissingLibraryError

CBLAS_ENTRIES = ("cblas_sgemm", "cblas_dgemm", "cblas_sgemv", "cblas_dgemv")
"""The entries that every library must have. Those of LAPACK (`dpotrf_`, …) are looked up when a program calls them."""

_DECLARED = re.compile(r"^declare [^@\n]*@(cblas_\w+|[sdcz]\w+_)\(", re.MULTILINE)
"""The external functions of LLVM assembly that are the library's."""


_SET_THREADS = {
    "openblas_set_num_threads": ctypes.c_int,
    "MKL_Set_Num_Threads": ctypes.c_int,
    "bli_thread_set_num_threads": ctypes.c_int64,
}

_OPENBLAS_THREADS = "OPENBLAS_NUM_THREADS"
"""The variable that OpenBLAS reads while it is loaded."""


class Blas:
    """A loaded BLAS library.

    Attributes:
        path: where the library is.
        library: the library for `ctypes`.
    """

    def __init__(self, path: Path, prefix: str):
        self.path = path
        self._prefix = prefix
        self.library = _open(path)
        for name in CBLAS_ENTRIES:
            self.function(name)
        # Threads of its own, which spin while they wait for one another, would be in the way of those of programs.
        self.set_num_threads(1)

    def function(self, name: str) -> Any:
        """The function with the plain name `name` (`cblas_sgemm`, `dpotrf_`), for `ctypes`."""
        try:
            return getattr(self.library, self._prefix + name)
        except AttributeError as error:
            wanted = "CBLAS names" if name in CBLAS_ENTRIES else "LAPACK"
            raise MissingLibraryError(
                f"the BLAS library {self.path} has no function {self._prefix}{name}; use one with {wanted} and 32-bit integers"
            ) from error

    def address(self, name: str) -> int:
        """The address of the function with the plain name `name`."""
        return ctypes.cast(self.function(name), ctypes.c_void_p).value or 0

    def set_num_threads(self, number: int) -> None:
        """Let OpenBLAS, MKL or BLIS use `number` threads; other libraries are left as they are."""
        for name, kind in _SET_THREADS.items():
            function = getattr(self.library, self._prefix + name, None)
            if function is not None:
                function(kind(number))

    def num_threads(self) -> int | None:
        """How many threads OpenBLAS uses; None for other libraries."""
        function = getattr(self.library, f"{self._prefix}openblas_get_num_threads", None)
        return None if function is None else int(function())


def get_blas(path: str | os.PathLike[str] | None = None) -> Blas:
    """The library at `path`, else at `DLC_BLAS`, else OpenBLAS; raise `MissingLibraryError` if it is not there."""
    chosen = path or os.environ.get("DLC_BLAS")
    with _lock:
        return _load(str(chosen) if chosen else None)


def blas_functions(text: str) -> tuple[str, ...]:
    """The plain names of the library's functions that the LLVM assembly `text` declares."""
    return tuple(sorted(set(_DECLARED.findall(text))))


def blas_symbols(names: Iterable[str], path: str | os.PathLike[str] | None = None) -> dict[str, int]:
    """The address of each function of the library, by its plain name."""
    return {name: get_blas(path).address(name) for name in names}


_lock = threading.Lock()  # loading changes the environment for a moment


@cache
def _load(path: str | None) -> Blas:
    if path is not None:
        return Blas(Path(path), "")
    # The package is found, not imported: to know its own version, it reads a part of the standard library that takes ten
    # times as long as loading the library.
    package = find_spec("scipy_openblas32")
    libraries = [
        path
        for folder in (package.submodule_search_locations or () if package else ())
        for path in (Path(folder) / "lib").glob("libscipy_openblas*")
        if path.suffix in {".so", ".dylib", ".dll"}
    ]
    if not libraries:
        raise MissingLibraryError(
            "no BLAS library: the package scipy_openblas32 cannot be found; run `pip install scipy-openblas32`, "
            "or set DLC_BLAS to the path of a CBLAS library"
        )
    return Blas(libraries[0], "scipy_")


def _open(path: Path) -> ctypes.CDLL:
    """Load a library, OpenBLAS without threads: those that it starts would spin for a tenth of a second before they first sleep."""
    before = os.environ.get(_OPENBLAS_THREADS)
    os.environ[_OPENBLAS_THREADS] = "1"
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise MissingLibraryError(
            f"cannot load the BLAS library {path}: {error}; set DLC_BLAS to the path of a CBLAS library, "
            "or unset it and run `pip install scipy-openblas32`"
        ) from error
    finally:
        if before is None:
            del os.environ[_OPENBLAS_THREADS]
        else:
            os.environ[_OPENBLAS_THREADS] = before
