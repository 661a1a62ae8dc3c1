"""Kernels of one element each, where memory is the floor."""

import numpy as np
from peers import array_programs, numba_program
from workload import Workload

MILLIONS = 1 << 24


def gelu(t, x, w, b):
    """`gelu(x * w + b)` in the form with tanh."""
    u = x * w + b
    return 0.5 * u * (1 + t.np.tanh(0.7978845608 * (u + 0.044715 * u * u * u)))


def gelu_numba(numba):
    """The same."""

    @numba.njit(parallel=True, fastmath=True)
    def f(x, w, b):
        result = np.empty_like(x)
        for i in numba.prange(x.size):
            u = x[i] * w[0] + b[0]
            inner = np.float32(0.7978845608) * (u + np.float32(0.044715) * u * u * u)
            result[i] = np.float32(0.5) * u * (np.float32(1) + np.tanh(inner))
        return result

    return f


def chain(t, x):
    """`sqrt(log(1 + exp(x)))`, with a few cheap operations around."""
    return t.np.sqrt(t.np.log(t.np.exp(x * 0.5) + 1.0) * 2.0 + x * x)


def chain_numba(numba):
    """The same."""

    @numba.njit(parallel=True, fastmath=True)
    def f(x):
        result = np.empty_like(x)
        one, two, half = np.float32(1), np.float32(2), np.float32(0.5)
        for i in numba.prange(x.size):
            result[i] = np.sqrt(np.log(np.exp(x[i] * half) + one) * two + x[i] * x[i])
        return result

    return f


def normal(is_tiny: bool) -> np.ndarray:
    """Random numbers."""
    return np.random.default_rng(0).standard_normal(37 if is_tiny else MILLIONS, dtype=np.float32)


def elementwise_workloads() -> list[Workload]:
    """Chains of 16 million elements."""
    scalars = (np.array([1.1], np.float32), np.array([0.1], np.float32))
    moved = 8 * MILLIONS
    return [
        Workload(
            "gelu_16M",
            lambda is_tiny: (normal(is_tiny), *scalars),
            array_programs(gelu) | {"Numba": numba_program(gelu_numba)},
            bytes=moved,
        ),
        Workload(
            "explogsqrt_16M",
            lambda is_tiny: (normal(is_tiny),),
            array_programs(chain) | {"Numba": numba_program(chain_numba)},
            bytes=moved,
        ),
    ]
