"""What a user can choose about a compilation."""

from dataclasses import dataclass
from typing import Literal

from dialects.errors import ArgumentError

VECTOR_BITS = (0, 128, 256, 512)
MATH = ("accurate", "fast")


@dataclass(frozen=True)
class CompileOptions:
    """Choices that change the machine code, and so are part of every cache key.

    Attributes:
        vector_bits: width of vector registers to use, 0 for scalar code; `None` takes the host's.
        blas: path of a shared library with the CBLAS interface (MKL, BLIS, …); `None` takes `DLC_BLAS`, else OpenBLAS
            from the `scipy-openblas32` wheel.
        cuda_arch: the GPU architecture that PTX is made for, for example `"sm_90"`; `None` takes the device's, or
            `"sm_80"` where there is none.
        threads: the most threads that one call may use; 1 compiles for the calling thread only. Without it all that
            `get_num_threads()` allows share the work.
        max_group_size: most structured operations that fusion puts into one kernel.
        math: `"fast"` takes shorter elementary functions that are less accurate and know no subnormal numbers; the accuracy
            of both kinds is in `docs/accuracy.md`.
    """

    vector_bits: int | None = None
    blas: str | None = None
    cuda_arch: str | None = None
    threads: int | None = None
    max_group_size: int = 64
    math: Literal["accurate", "fast"] = "accurate"

    def __post_init__(self) -> None:
        if self.vector_bits is not None and self.vector_bits not in VECTOR_BITS:
            raise ArgumentError(f"CompileOptions: vector_bits is {self.vector_bits}; use one of {VECTOR_BITS}")
        if self.threads is not None:
            from runtime.threads.setting import checked

            checked(self.threads, "CompileOptions")
        if self.max_group_size < 1:
            raise ArgumentError(f"CompileOptions: max_group_size is {self.max_group_size}; use at least 1")
        if self.math not in MATH:
            raise ArgumentError(f"CompileOptions: math is {self.math!r}; use one of {MATH}")
