"""Fourier transforms of parts of complex numbers: steps of small radices where the number of points allows, else by way of others.

A few points with a large prime factor are a product with the matrix of roots of unity. More are a convolution (Bluestein 1970): as
`j k = (j^2 + k^2 - (k - j)^2) / 2`, a transform is one of numbers times a chirp `c[j] = w(n)^(j^2 / 2)`, with the conjugate of the chirp, and
a convolution is two transforms of any larger number of points, for which one with small prime factors is taken.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import SSAValue

from dialects.builder import OpBuilder
from dialects.dlc.arithmetic import mul, neg
from dialects.dlc.broadcast import broadcast_in_dim
from dialects.dlc.complex_functions import Pair, multiply
from dialects.dlc.complex_parts import deinterleave, interleave
from dialects.dlc.constants import constant, full, is_splat, zeros
from dialects.dlc.contraction import dot_general
from dialects.dlc.fourier import has_steps, packed_fft
from dialects.dlc.interfaces import DTYPES, element_type_of, shape_of, tensor_type_of
from dialects.dlc.shape import inverse_permutation, reshape, reverse, transposed
from dialects.dlc.slicing import concatenate, pad, slice_
from dialects.fourier import unit_roots

MATRIX_POINTS = 64
"""Up to so many points with a large prime factor are a matrix product."""


def transform(b: OpBuilder, x: Pair, dim: int, scale: float, *, inverse: bool = False) -> Pair:
    """Append `scale * sum over j of exp(-2 pi i j k / n) x[…, j, …]` along `dim`; with a positive sign if `inverse`."""
    size = shape_of(x[0])[dim]
    if size == 1:
        return _scaled(b, x, scale)
    if has_steps(size):
        if is_splat(x[1], 0):
            return _parts(b, packed_fft(b, "from_real", x[0], dim, size, scale, inverse=inverse))
        return _parts(b, packed_fft(b, "complex", interleave(b, *x), dim, size, scale, inverse=inverse))
    if size <= MATRIX_POINTS:
        return _by_matrix(b, x, dim, scale, inverse)
    return _by_convolution(b, x, dim, scale, inverse)


def real_transform(b: OpBuilder, x: SSAValue, scale: float) -> Pair:
    """Append the elements `k <= n / 2` of the transform of real numbers along the last dimension."""
    shape = shape_of(x)
    dim, size = len(shape) - 1, shape[-1]
    if has_steps(size):
        return _parts(b, packed_fft(b, "real", x, dim, size, scale))
    result = transform(b, (x, zeros(b, tensor_type_of(x))), dim, scale)
    return _part(b, result[0], dim, 0, size // 2 + 1), _part(b, result[1], dim, 0, size // 2 + 1)


def inverse_real_transform(b: OpBuilder, x: Pair, size: int, scale: float) -> SSAValue:
    """Append the `size` real numbers whose transform has the elements `x` for `k <= n / 2`, times `size` and `scale`."""
    dim = len(shape_of(x[0])) - 1
    if has_steps(size):
        return packed_fft(b, "inverse_real", interleave(b, *x), dim, size, scale)
    mirrored = [reverse(b, _part(b, part, dim, 1, (size + 1) // 2), (dim,)) for part in x]
    whole = concatenate(b, [x[0], mirrored[0]], dim), concatenate(b, [x[1], neg(b, mirrored[1])], dim)
    return transform(b, whole, dim, scale, inverse=True)[0]


def _by_matrix(b: OpBuilder, x: Pair, dim: int, scale: float, inverse: bool) -> Pair:
    """One real product: the roots as matrices of two rows and columns."""
    shape = shape_of(x[0])
    size, rank = shape[dim], len(shape)
    k = np.arange(size)
    roots = _conjugate_if(inverse, unit_roots(np.outer(k, k), size)) * scale
    matrix = np.stack([np.stack([roots.real, roots.imag], -1), np.stack([-roots.imag, roots.real], -1)], 1)
    matrix = matrix.reshape(2 * size, 2 * size).astype(DTYPES[element_type_of(x[0])])
    to_last = [*(d for d in range(rank) if d != dim), dim]
    packed = interleave(b, transposed(b, x[0], to_last), transposed(b, x[1], to_last))
    moved = shape_of(packed)
    rows = reshape(b, packed, (*moved[:-2], 2 * size))
    product = reshape(b, dot_general(b, rows, constant(b, matrix), (), (), (rank - 1,), (0,)), moved)
    back = inverse_permutation(to_last)
    real, imag = _parts(b, product)
    return transposed(b, real, back), transposed(b, imag, back)


def _by_convolution(b: OpBuilder, x: Pair, dim: int, scale: float, inverse: bool) -> Pair:
    shape = shape_of(x[0])
    size = shape[dim]
    chirp, kernel = _chirp(size)
    dtype = DTYPES[element_type_of(x[0])]

    def along(numbers: NDArray[Any]) -> Pair:
        """A constant along `dim`."""
        sizes = (*shape[:dim], len(numbers), *shape[dim + 1 :])
        parts = np.real(numbers).astype(dtype), np.imag(numbers).astype(dtype)
        real, imag = (broadcast_in_dim(b, constant(b, part), sizes, (dim,)) for part in parts)
        return real, imag

    around = along(_conjugate_if(inverse, chirp))
    x = multiply(b, x, around)
    low, high = [0] * len(shape), [0] * len(shape)
    high[dim] = len(kernel) - size
    zero = full(b, 0, tensor_type_of(constant(b, np.zeros((), dtype))))
    padded = [pad(b, part, zero, low, high, low) for part in x]
    moved = transform(b, (padded[0], padded[1]), dim, 1.0)
    # The chirp is symmetric, so the transform of its conjugate is the conjugate of its transform.
    moved = multiply(b, moved, along(_conjugate_if(inverse, kernel) * scale))
    result = transform(b, moved, dim, 1.0, inverse=True)
    return multiply(b, (_part(b, result[0], dim, 0, size), _part(b, result[1], dim, 0, size)), around)


@lru_cache(maxsize=16)
def _chirp(size: int) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """The chirp, and the transform of its conjugate over the points of the convolution, divided by their number."""
    k = np.arange(size)
    chirp = unit_roots(k * k, 2 * size)
    points = min(q << (2 * size // q).bit_length() for q in (1, 3, 5, 9, 15))
    wrapped = np.zeros(points, np.clongdouble)
    wrapped[:size] = chirp.conj()
    wrapped[points - size + 1 :] = chirp[:0:-1].conj()
    return chirp, (np.fft.fft(wrapped) / points).astype(np.complex128)


def _conjugate_if(inverse: bool, numbers: NDArray[Any]) -> NDArray[Any]:
    return numbers.conj() if inverse else numbers


def _scaled(b: OpBuilder, x: Pair, scale: float) -> Pair:
    if scale == 1:
        return x
    factor = full(b, scale, tensor_type_of(x[0]))
    return mul(b, x[0], factor), mul(b, x[1], factor)


def _parts(b: OpBuilder, packed: SSAValue) -> Pair:
    return deinterleave(b, packed, 0), deinterleave(b, packed, 1)


def _part(b: OpBuilder, x: SSAValue, dim: int, start: int, limit: int) -> SSAValue:
    """The elements `start … limit - 1` along `dim`."""
    shape: Sequence[int] = shape_of(x)
    starts, limits = [0] * len(shape), list(shape)
    starts[dim], limits[dim] = start, limit
    return slice_(b, x, starts, limits, [1] * len(shape))
