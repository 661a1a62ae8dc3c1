"""The `rt` dialect: what a compiled program asks of its surroundings.

`rt.kernel` groups structured operations that will become one kernel, `rt.launch` runs an outlined kernel over a
range, `rt.gemm` calls the BLAS library, `rt.lapack` LAPACK, `rt.row` is a view of part of a buffer, `rt.prefetch` asks for memory early,
`rt.scatter` and `rt.fft` are the structured operations that `linalg` lacks.
"""

from xdsl.ir import Dialect

from dialects.rt.attributes import ARRAY_TYPES, DONATED, GRAIN, MAX_THREADS, RESULT_INPUTS, keep_array_types
from dialects.rt.fft import FftOp
from dialects.rt.gemm import GemmOp
from dialects.rt.kernels import KernelOp, LaunchOp, YieldOp
from dialects.rt.lapack import LapackOp
from dialects.rt.memory import PrefetchOp, RowOp
from dialects.rt.scatter import ScatterOp

__all__ = [
    "ARRAY_TYPES",
    "DONATED",
    "GRAIN",
    "MAX_THREADS",
    "RESULT_INPUTS",
    "FftOp",
    "GemmOp",
    "KernelOp",
    "LapackOp",
    "LaunchOp",
    "PrefetchOp",
    "RowOp",
    "Rt",
    "ScatterOp",
    "YieldOp",
    "keep_array_types",
]

Rt = Dialect("rt", [FftOp, GemmOp, KernelOp, LapackOp, LaunchOp, PrefetchOp, RowOp, ScatterOp, YieldOp], [])
