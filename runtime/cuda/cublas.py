"""Matrix products by cuBLAS, through ctypes.

The library comes from the wheel `nvidia-cublas`, else from the system; `DLC_CUBLAS=/path/to/libcublas.so` selects another one. cuBLAS
has matrices by columns: a product of matrices by rows is the product of the swapped operands, because `(A B)ᵀ = Bᵀ Aᵀ`.
"""

import ctypes
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dialects.errors import InternalError, MissingLibraryError, UnsupportedError

_NO_TRANSPOSE, _TRANSPOSE = 0, 1
_PEDANTIC_MATH = 2
"""No TF32 and no other shortcut: f32 products are f32 products."""

_STATUS = {
    1: "not initialised",
    3: "out of device memory",
    7: "invalid value",
    8: "the device is too old",
    11: "mapping error",
    13: "execution failed",
    14: "internal error",
    15: "not supported",
}
_INT, _LONG, _POINTER = ctypes.c_int, ctypes.c_longlong, ctypes.c_void_p


@dataclass(frozen=True)
class Product:
    """`out[b] = op(lhs[b]) @ op(rhs[b])` on matrices by rows.

    Attributes:
        element: `"f32"` or `"f64"`.
        m: rows of the product, at least 1.
        n: columns of the product, at least 1.
        k: the summed size, at least 1.
        trans_lhs: whether `lhs` is stored as `k x m` instead of `m x k`.
        trans_rhs: whether `rhs` is stored as `n x k` instead of `k x n`.
        batch: how many products.
        strides: elements from one matrix to the next of `lhs`, `rhs`, `out`; 0 for one matrix for all.
    """

    element: Literal["f32", "f64"]
    m: int
    n: int
    k: int
    trans_lhs: bool = False
    trans_rhs: bool = False
    batch: int = 1
    strides: tuple[int, int, int] = (0, 0, 0)

    def __post_init__(self) -> None:
        if max(self.m, self.n, self.k, self.batch) >= 2**31:
            raise UnsupportedError(
                f"cuBLAS takes sizes below 2147483648, got a batch of {self.batch} products {self.m}x{self.k}x{self.n}"
            )


class Cublas:
    """cuBLAS on the current device.

    `library` has the functions of `libcublas` (see `load_cublas`). Not for several threads at once.
    """

    def __init__(self, library: Any):
        self._library = library
        self._handle = _POINTER()
        _check("cublasCreate", library.cublasCreate_v2(ctypes.byref(self._handle)))
        _check("cublasSetMathMode", library.cublasSetMathMode(self._handle, _PEDANTIC_MATH))
        self._scalars = {
            element: (scalar(1.0), scalar(0.0))
            for element, scalar in (("f32", ctypes.c_float), ("f64", ctypes.c_double))
        }

    def product_step(self, product: Product, lhs: int, rhs: int, out: int) -> Callable[[], None]:
        """What starts the product of the matrices at the addresses `lhs` and `rhs`, to `out`."""
        p, letter = product, "S" if product.element == "f32" else "D"
        one, zero = map(ctypes.byref, self._scalars[p.element])
        operations = [_TRANSPOSE if flag else _NO_TRANSPOSE for flag in (p.trans_rhs, p.trans_lhs)]
        rhs_columns = p.k if p.trans_rhs else p.n
        lhs_columns = p.m if p.trans_lhs else p.k
        head = (self._handle, *operations, p.n, p.m, p.k, one)
        if p.batch == 1:
            name = f"cublas{letter}gemm_v2"
            arguments = (*head, rhs, rhs_columns, lhs, lhs_columns, zero, out, p.n)
        else:
            name = f"cublas{letter}gemmStridedBatched"
            lhs_stride, rhs_stride, out_stride = p.strides
            operands = (rhs, rhs_columns, rhs_stride, lhs, lhs_columns, lhs_stride, zero, out, p.n, out_stride)
            arguments = (*head, *operands, p.batch)
        function = getattr(self._library, name)

        def step() -> None:
            status = function(*arguments)
            if status:
                _check(name, status)

        return step


def _check(name: str, status: int) -> None:
    if status:
        raise InternalError(f"{name} failed: {_STATUS.get(status, f'status {status}')}")


def load_cublas() -> Any:
    """The library, with the types of the functions that `Cublas` calls.

    Raises:
        MissingLibraryError: it is not there, or does not load.
    """
    failures: list[str] = []
    for path in library_candidates():
        try:
            return _with_types(ctypes.CDLL(path))
        except (OSError, AttributeError) as error:
            failures.append(str(error))
    raise MissingLibraryError(
        f"cuBLAS cannot be loaded ({'; '.join(failures)}); run `pip install 'dlc[cuda]'`, "
        "or set DLC_CUBLAS to the path of libcublas"
    )


def library_candidates() -> list[str]:
    """Where cuBLAS may be: only at `DLC_CUBLAS` if that is set, else in wheels (newest first), else where the system looks."""
    chosen = os.environ.get("DLC_CUBLAS")
    if chosen:
        return [chosen]
    patterns = (
        ("*/bin/cublas64_*.dll", "*/bin/*/cublas64_*.dll") if sys.platform == "win32" else ("*/lib/libcublas.so.*",)
    )
    in_wheels = [path for folder in _wheel_folders() for pattern in patterns for path in folder.glob(pattern)]
    in_wheels.sort(key=lambda path: (-_version(path.name), str(path)))
    versions = (13, 12, 11)
    names = [f"cublas64_{v}.dll" if sys.platform == "win32" else f"libcublas.so.{v}" for v in versions]
    return [*map(str, in_wheels), *names]


def _wheel_folders() -> Sequence[Path]:
    """The folders that the wheels of NVIDIA share."""
    spec = importlib.util.find_spec("nvidia")
    return [] if spec is None else [Path(folder) for folder in spec.submodule_search_locations or ()]


def _version(name: str) -> int:
    numbers = re.findall(r"(?:so\.|64_)(\d+)", name)
    return int(numbers[0]) if numbers else 0


def _with_types(library: ctypes.CDLL) -> ctypes.CDLL:
    library.cublasCreate_v2.argtypes = [_POINTER]
    library.cublasSetMathMode.argtypes = [_POINTER, _INT]
    for letter in "SD":
        matrix, strided = [_POINTER, _INT], [_POINTER, _INT, _LONG]
        head = [_POINTER, _INT, _INT, _INT, _INT, _INT, _POINTER]
        getattr(library, f"cublas{letter}gemm_v2").argtypes = [*head, *matrix, *matrix, _POINTER, *matrix]
        batched = getattr(library, f"cublas{letter}gemmStridedBatched")
        batched.argtypes = [*head, *strided, *strided, _POINTER, *strided, _INT]
    return library
