"""The `rt` dialect: what a compiled program asks of its surroundings.

`rt.kernel` groups structured operations that will become one kernel, `rt.launch` runs an outlined kernel over a
range, `rt.gemm` calls the BLAS library, `rt.lapack` LAPACK, `rt.row` is a view of part of a buffer, `rt.prefetch` asks for memory early,
`rt.scatter`, `rt.fft`, `rt.sort_rows` and `rt.merge_rows` are the structured operations that `linalg` lacks.
"""

from xdsl.ir import Dialect

from dialects.rt.attributes import ARRAY_TYPES, DONATED, GRAIN, MAX_THREADS, RESULT_INPUTS, keep_array_types
from dialects.rt.fft import FftOp
from dialects.rt.gemm import GemmOp
from dialects.rt.kernels import KernelOp, LaunchOp, YieldOp
from dialects.rt.lapack import LapackOp
from dialects.rt.memory import PrefetchOp, RowOp
from dialects.rt.scatter import ScatterOp
from dialects.rt.sort import MergeRowsOp, RowsOp, SortRowsOp

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
    "MergeRowsOp",
    "PrefetchOp",
    "RowOp",
    "RowsOp",
    "Rt",
    "ScatterOp",
    "SortRowsOp",
    "YieldOp",
    "keep_array_types",
]

Rt = Dialect(
    "rt",
    [
        FftOp, GemmOp, KernelOp, LapackOp, LaunchOp, MergeRowsOp, PrefetchOp, RowOp, ScatterOp, SortRowsOp, YieldOp,
    ],
    [],
)  # fmt: skip
