"""`np.fft`: discrete Fourier transforms along one axis or several, with NumPy's arguments and dtypes."""

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from compiler.axes import normalize_axes, normalize_axis
from compiler.errors import ArgumentError, DtypeError, ShapeError, at_user_line
from compiler.frames import current_frame
from compiler.numpy_linalg import astype
from compiler.numpy_shape import moveaxis, roll
from compiler.numpy_ufuncs import store
from compiler.operands import as_tracer
from compiler.promotion import FLOAT64
from compiler.tracer import Tracer, describe, value_of
from dialects.builder import tensor_type
from dialects.dlc import fourier
from dialects.dlc.constants import full
from dialects.dlc.interfaces import element_type_of, shape_of
from dialects.dlc.slicing import pad, slice_

_OPPOSITE = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


def _scale(what: str, norm: Any, size: int, *, inverse: bool) -> float:
    """What a transform of `size` points multiplies its sums by."""
    if norm not in _OPPOSITE:
        raise ArgumentError(at_user_line(f'{what}: norm is {norm!r}, expected "backward", "ortho" or "forward"'))
    norm = _OPPOSITE[norm] if inverse else norm
    return 1 / math.sqrt(size) if norm == "ortho" else 1 / size if norm == "forward" else 1.0


def _points(what: str, n: Any, default: int) -> int:
    size = default if n is None else operator.index(n)
    if size < 1:
        raise ShapeError(at_user_line(f"{what}: the number of points is {size}, expected at least 1"))
    return size


def _operand(what: str, a: Any, axis: Any) -> tuple[Tracer, int]:
    x = as_tracer(a)
    return x, normalize_axis(what, axis, x.ndim)


def _resized(x: Tracer, dim: int, size: int) -> Tracer:
    """`x` cut to `size` along `dim`, or with zeros behind."""
    missing = size - x.shape[dim]
    if missing == 0:
        return x
    frame = current_frame()
    value = value_of(x, frame)
    ends, zeros, ones = list(shape_of(value)), [0] * x.ndim, [1] * x.ndim
    if missing < 0:
        ends[dim] = size
        return Tracer(frame, slice_(frame.builder, value, zeros, ends, ones))
    high = [0] * x.ndim
    high[dim] = missing
    zero = full(frame.builder, 0, tensor_type(element_type_of(value), ()))
    return Tracer(frame, pad(frame.builder, value, zero, zeros, high, zeros))


def _finished(what: str, result: Tracer, out: Any) -> Tracer:
    return result if out is None else store(what, out, value_of(result, current_frame()))


def _complex(what: str, inverse: bool) -> Callable[..., Tracer]:
    def transform(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Tracer:
        x, dim = _operand(what, a, axis)
        size = _points(what, n, x.shape[dim])
        scale = _scale(what, norm, size, inverse=inverse)
        x = _resized(astype(x, np.result_type(x.dtype, 1j)), dim, size)
        frame = current_frame()
        value = fourier.fft(frame.builder, value_of(x, frame), dim, scale, inverse=inverse)
        return _finished(what, Tracer(frame, value), out)

    return transform


fft = _complex("fft.fft", inverse=False)
ifft = _complex("fft.ifft", inverse=True)


def rfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Tracer:
    """`np.fft.rfft`."""
    x, dim = _operand("fft.rfft", a, axis)
    if x.dtype.kind == "c":
        raise DtypeError(at_user_line(f"fft.rfft: {describe(x)} is complex, expected real numbers; use np.fft.fft"))
    size = _points("fft.rfft", n, x.shape[dim])
    scale = _scale("fft.rfft", norm, size, inverse=False)
    part = np.dtype(f"f{np.result_type(x.dtype, 1j).itemsize // 2}")
    x = moveaxis(_resized(astype(x, part), dim, size), dim, -1)
    frame = current_frame()
    result = Tracer(frame, fourier.rfft(frame.builder, value_of(x, frame), scale))
    return _finished("fft.rfft", moveaxis(result, -1, dim), out)


def irfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Tracer:
    """`np.fft.irfft`."""
    x, dim = _operand("fft.irfft", a, axis)
    size = _points("fft.irfft", n, 2 * (x.shape[dim] - 1))
    scale = _scale("fft.irfft", norm, size, inverse=True)
    dtype = x.dtype if x.dtype == np.float16 else FLOAT64 if x.dtype.kind not in "cf" else None
    x = moveaxis(_resized(astype(x, np.result_type(x.dtype, 1j)), dim, size // 2 + 1), dim, -1)
    frame = current_frame()
    result = Tracer(frame, fourier.irfft(frame.builder, value_of(x, frame), size, scale))
    result = result if dtype is None else astype(result, dtype)
    return _finished("fft.irfft", moveaxis(result, -1, dim), out)


def hfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Tracer:
    """`np.fft.hfft`: the transform of what has the conjugate of `a` as mirror image, which is real."""
    x, dim = _operand("fft.hfft", a, axis)
    size = _points("fft.hfft", n, 2 * (x.shape[dim] - 1))
    return irfft(x.conj(), size, dim, _opposite("fft.hfft", norm), out)


def ihfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Tracer:
    """`np.fft.ihfft`: the inverse of `hfft`."""
    result = rfft(a, n, axis, _opposite("fft.ihfft", norm)).conj()
    return _finished("fft.ihfft", result, out)


def _opposite(what: str, norm: Any) -> str:
    _scale(what, norm, 1, inverse=False)
    return _OPPOSITE[norm]


def _sizes_and_axes(what: str, x: Tracer, s: Any, axes: Any, last: int | None = None) -> tuple[list[int], list[int]]:
    """How many points to transform along which axes; `last` is the default of the last number.

    An axis may stand twice: then it is transformed twice.
    """
    if axes is None:
        axes = range(x.ndim) if s is None else range(-len(s), 0)
    dims = [normalize_axis(what, axis, x.ndim) for axis in axes]
    if s is None:
        sizes = [x.shape[dim] for dim in dims]
        if last is not None and sizes:
            sizes[-1] = last
    else:
        sizes = [
            x.shape[dim] if size in {None, -1} else operator.index(size) for size, dim in zip(s, dims, strict=False)
        ]
        if len(s) != len(dims):
            raise ShapeError(at_user_line(f"{what}: s has {len(s)} sizes for {len(dims)} axes, expected one for each"))
    return sizes, dims


def _several(what: str, inverse: bool, default_axes: Any) -> Callable[..., Tracer]:
    one = _complex(what, inverse)

    def transform(a: Any, s: Any = None, axes: Any = default_axes, norm: Any = None, out: Any = None) -> Tracer:
        x = as_tracer(a)
        sizes, dims = _sizes_and_axes(what, x, s, axes)
        for size, dim in reversed(list(zip(sizes, dims, strict=True))):
            x = one(x, size, dim, norm)
        return _finished(what, x, out)

    return transform


def _several_real(what: str, default_axes: Any) -> Callable[..., Tracer]:
    one = _complex(what, inverse=False)

    def transform(a: Any, s: Any = None, axes: Any = default_axes, norm: Any = None, out: Any = None) -> Tracer:
        x = as_tracer(a)
        sizes, dims = _with_an_axis(what, *_sizes_and_axes(what, x, s, axes))
        x = rfft(x, sizes[-1], dims[-1], norm)
        for size, dim in reversed(list(zip(sizes[:-1], dims[:-1], strict=True))):
            x = one(x, size, dim, norm)
        return _finished(what, x, out)

    return transform


def _several_to_real(what: str, default_axes: Any) -> Callable[..., Tracer]:
    one = _complex(what, inverse=True)

    def transform(a: Any, s: Any = None, axes: Any = default_axes, norm: Any = None, out: Any = None) -> Tracer:
        x = as_tracer(a)
        last = None if x.ndim == 0 else 2 * (x.shape[-1 if axes is None or not len(axes) else axes[-1]] - 1)
        sizes, dims = _with_an_axis(what, *_sizes_and_axes(what, x, s, axes, last))
        for size, dim in zip(sizes[:-1], dims[:-1], strict=True):
            x = one(x, size, dim, norm)
        return irfft(x, sizes[-1], dims[-1], norm, out)

    return transform


def _with_an_axis(what: str, sizes: list[int], dims: list[int]) -> tuple[list[int], list[int]]:
    if not dims:
        raise ShapeError(at_user_line(f"{what}: needs at least one axis, the last of which is that of real numbers"))
    return sizes, dims


def _shift(what: str, part: Callable[[int], int]) -> Callable[..., Tracer]:
    def shift(x: Any, axes: Any = None) -> Tracer:
        array = as_tracer(x)
        dims: Sequence[int] = normalize_axes(what, axes, array.ndim)
        return roll(array, [part(array.shape[dim]) for dim in dims], list(dims)) if dims else array

    return shift


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.fft.fft: fft,
    np.fft.ifft: ifft,
    np.fft.rfft: rfft,
    np.fft.irfft: irfft,
    np.fft.hfft: hfft,
    np.fft.ihfft: ihfft,
    np.fft.fft2: _several("fft.fft2", inverse=False, default_axes=(-2, -1)),
    np.fft.ifft2: _several("fft.ifft2", inverse=True, default_axes=(-2, -1)),
    np.fft.fftn: _several("fft.fftn", inverse=False, default_axes=None),
    np.fft.ifftn: _several("fft.ifftn", inverse=True, default_axes=None),
    np.fft.rfft2: _several_real("fft.rfft2", (-2, -1)),
    np.fft.rfftn: _several_real("fft.rfftn", None),
    np.fft.irfft2: _several_to_real("fft.irfft2", (-2, -1)),
    np.fft.irfftn: _several_to_real("fft.irfftn", None),
    np.fft.fftshift: _shift("fft.fftshift", lambda size: size // 2),
    np.fft.ifftshift: _shift("fft.ifftshift", lambda size: -(size // 2)),
}
"""Our function for each function of `np.fft`; `fftfreq` and `rfftfreq` have no arrays among their arguments."""
