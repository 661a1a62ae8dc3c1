"""`np.fft`: discrete Fourier transforms along one axis or several."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from compiler.frames import current_frame
from compiler.numpy_linalg import astype
from compiler.operands import as_tracer
from compiler.tracer import Tracer, value_of
from dialects.dlc import fourier

def fft(a, n=None, axis=-1, norm=None, out=None):
    x = as_tracer(a)
    frame = current_frame()
    x = astype(x, np.result_type(x.dtype, np.complex64))
    return Tracer(frame, fourier.fft(frame.builder, value_of(x, frame), axis % x.ndim))
FUNCTIONS = {np.fft.fft: fft}
