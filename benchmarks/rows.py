"""Kernels of rows, and their gradients: softmax, layer normalisation, cross entropy."""

import numpy as np
from peers import array_programs, inference_programs, numba_program, numpy_program
from training_programs import gradient_programs
from workload import Workload


def softmax(t, _, x):
    """Over the last axis."""
    return t.nn.softmax(x)


def layer_norm(t, parameters, x):
    """Over the last axis."""
    return t.nn.layer_norm(x, *parameters)


def layer_norm_loss(t, x, weight, bias, cotangent):
    """A number whose gradient is that of the layer under a given cotangent."""
    return (t.nn.layer_norm(x, weight, bias) * cotangent).sum()


def layer_norm_gradient_numpy(x, weight, bias, cotangent):
    """The same by hand."""
    centred = x - x.mean(axis=1, keepdims=True)
    scale = 1 / np.sqrt((centred * centred).mean(axis=1, keepdims=True) + np.float32(1e-5))
    normed = centred * scale
    value = ((normed * weight + bias) * cotangent).sum()
    d = cotangent * weight
    dx = scale * (d - d.mean(axis=1, keepdims=True) - normed * (d * normed).mean(axis=1, keepdims=True))
    return value, (dx, (cotangent * normed).sum(axis=0), cotangent.sum(axis=0))


def cross_entropy(t, logits, labels):
    """The mean over the rows."""
    return t.nn.cross_entropy(logits, labels)


def cross_entropy_gradient_numpy(logits, labels):
    """The loss and its gradient by hand."""
    rows = np.arange(len(labels))
    shifted = logits - logits.max(axis=1, keepdims=True)
    e = np.exp(shifted)
    total = e.sum(axis=1, keepdims=True)
    value = np.mean(np.log(total[:, 0]) - shifted[rows, labels])
    d = e / total
    d[rows, labels] -= 1
    return value, (d / np.float32(len(labels)),)


def softmax_numba(numba):
    """Three loops a row."""

    @numba.njit(parallel=True, fastmath=True)
    def f(_, x):
        result = np.empty_like(x)
        for i in numba.prange(len(x)):
            largest = x[i].max()
            total = np.float32(0)
            for j in range(x.shape[1]):
                result[i, j] = np.exp(x[i, j] - largest)
                total += result[i, j]
            for j in range(x.shape[1]):
                result[i, j] /= total
        return result

    return lambda _, x: f(0, x)


def layer_norm_numba(numba):
    """Three loops a row."""

    @numba.njit(parallel=True, fastmath=True)
    def f(x, weight, bias):
        result = np.empty_like(x)
        m, n = x.shape
        for i in numba.prange(m):
            total = np.float32(0)
            for j in range(n):
                total += x[i, j]
            mean, squares = total / np.float32(n), np.float32(0)
            for j in range(n):
                squares += (x[i, j] - mean) ** 2
            scale = np.float32(1) / np.sqrt(squares / np.float32(n) + np.float32(1e-5))
            for j in range(n):
                result[i, j] = (x[i, j] - mean) * scale * weight[j] + bias[j]
        return result

    return lambda parameters, x: f(x, *parameters)


def matrix(is_tiny: bool, rows: int, columns: int, count: int = 1) -> list[np.ndarray]:
    """Random matrices."""
    rng = np.random.default_rng(0)
    return [rng.standard_normal((5, 7) if is_tiny else (rows, columns), dtype=np.float32) for _ in range(count)]


def norm_data(is_tiny: bool):
    """Inputs, weights, biases and cotangents."""
    x, cotangent = matrix(is_tiny, 4096, 1024, 2)
    weight, bias = np.random.default_rng(1).standard_normal((2, x.shape[1]), dtype=np.float32)
    return x, weight, bias, cotangent


def entropy_data(is_tiny: bool):
    """Logits and labels."""
    (logits,) = matrix(is_tiny, 4096, 1000)
    return logits, np.random.default_rng(1).integers(0, logits.shape[1], len(logits))


def row_workloads() -> list[Workload]:
    """All of them."""
    moved = 2 * 4 * 4096 * 1024
    return [
        Workload(
            "softmax_4096x1024",
            lambda is_tiny: ((), *matrix(is_tiny, 4096, 1024)),
            inference_programs(softmax)
            | {"torch.compile": array_programs(softmax)["torch.compile"], "Numba": numba_program(softmax_numba)},
            bytes=moved,
        ),
        Workload(
            "layernorm_fwd_4096x1024",
            lambda is_tiny: (norm_data(is_tiny)[1:3], norm_data(is_tiny)[0]),
            inference_programs(layer_norm) | {"Numba": numba_program(layer_norm_numba)},
            bytes=moved,
        ),
        Workload(
            "layernorm_fwdbwd_4096x1024",
            norm_data,
            gradient_programs(layer_norm_loss, 3) | {"NumPy": numpy_program(layer_norm_gradient_numpy)},
            bytes=1.5 * moved,
            compared=lambda results: results[1],  # the value is a sum of millions of numbers of both signs
        ),
        Workload(
            "xent_lossgrad_4096x1000",
            entropy_data,
            gradient_programs(cross_entropy, 1) | {"NumPy": numpy_program(cross_entropy_gradient_numpy)},
            bytes=2 * 4 * 4096 * 1000,
        ),
    ]
