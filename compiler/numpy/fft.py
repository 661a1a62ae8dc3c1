"""The extension `fft` of the array API standard: discrete Fourier transforms.

With `norm="backward"` a transform is `result[k] = sum_j exp(-2 pi i j k / n) x[j]` and its inverse has the factor `1 / n`; `"forward"` puts the factor on
the transform, `"ortho"` puts `1 / sqrt(n)` on both. Any number of points takes time in proportion to `n log n`, and the errors are
a few units in the last place of the root mean square of the result. float32 gives complex64.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from compiler.abstract import check_dtype
from compiler.errors import ArgumentError, at_user_line
from compiler.numpy.calls import apply, created
from compiler.tensor import check_device

__all__ = [
    "fft",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfftn",
    "rfft",
    "rfftfreq",
    "rfftn",
]


def fft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """The discrete Fourier transform.

    Args:
        x: an array, of complex numbers.
        n: how many points: `x` is cut or gets zeros behind; all of it if left out.
        axis: the axis that is transformed.
        norm: `"backward"`, `"ortho"` or `"forward"`.

    Raises:
        ShapeError: no such axis, or no points.
        ArgumentError: an unknown `norm`.

    Example:
        >>> cnp.fft.fft(cnp.asarray([1.0 + 0j, 0, 0]))
        Tensor([1.+0.j, 1.+0.j, 1.+0.j])
    """
    return apply(np.fft.fft, x, n=n, axis=axis, norm=norm)


def ifft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """The inverse of `fft`.

    Args:
        x: an array, of complex numbers.
        n: how many points: `x` is cut or gets zeros behind; all of it if left out.
        axis: the axis that is transformed.
        norm: `"backward"`, `"ortho"` or `"forward"`.

    Raises:
        ShapeError: no such axis, or no points.
        ArgumentError: an unknown `norm`.

    Example:
        >>> cnp.fft.ifft(cnp.asarray([3.0 + 0j, 0, 0]))
        Tensor([1.+0.j, 1.+0.j, 1.+0.j])
    """
    return apply(np.fft.ifft, x, n=n, axis=axis, norm=norm)


def fftn(
    x: Any, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = "backward"
) -> Any:
    """The discrete Fourier transform along several axes.

    Args:
        x: an array, of complex numbers.
        s: how many points along each axis: `x` is cut or gets zeros behind; all of it if left out.
        axes: the axes that are transformed, all if left out; needed with `s`.
        norm: `"backward"`, `"ortho"` or `"forward"`.

    Raises:
        ShapeError: no such axis, or no points.
        ArgumentError: an unknown `norm`, or `s` without `axes`.

    Example:
        >>> cnp.fft.fftn(cnp.asarray([[1.0 + 0j, 0], [0, 0]]))
        Tensor([[1.+0.j, 1.+0.j],
                [1.+0.j, 1.+0.j]])
    """
    _expect_axes("fftn", s, axes)
    return apply(np.fft.fftn, x, s=s, axes=axes, norm=norm)


def ifftn(
    x: Any, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = "backward"
) -> Any:
    """The inverse of `fftn`.

    Args:
        x: an array, of complex numbers.
        s: how many points along each axis: `x` is cut or gets zeros behind; all of it if left out.
        axes: the axes that are transformed, all if left out; needed with `s`.
        norm: `"backward"`, `"ortho"` or `"forward"`.

    Raises:
        ShapeError: no such axis, or no points.
        ArgumentError: an unknown `norm`, or `s` without `axes`.

    Example:
        >>> cnp.fft.ifftn(cnp.asarray([[4.0 + 0j, 0], [0, 0]]))
        Tensor([[1.+0.j, 1.+0.j],
                [1.+0.j, 1.+0.j]])
    """
    _expect_axes("ifftn", s, axes)
    return apply(np.fft.ifftn, x, s=s, axes=axes, norm=norm)


def rfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """The elements `0 … n / 2` of the transform of real numbers; the others are their conjugates.

    Args:
        x: an array, of real numbers.
        n: how many points: `x` is cut or gets zeros behind; all of it if left out.
        axis: the axis that is transformed.
        norm: `"backward"`, `"ortho"` or `"forward"`.

    Raises:
        ShapeError: no such axis, or no points.
        ArgumentError: an unknown `norm`.
        DtypeError: `x` is complex.

    Example:
        >>> cnp.fft.rfft(cnp.asarray([1.0, 0.0, 0.0, 0.0]))
        Tensor([1.+0.j, 1.-0.j, 1.+0.j])
    """
    return apply(np.fft.rfft, x, n=n, axis=axis, norm=norm)


def irfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """The real numbers whose `rfft` is `x`.

    Args:
        x: an array, of complex numbers.
        n: how many real numbers result; an even number, `2 (m - 1)` of `m` elements, if left out.
        axis: the axis that is transformed.
        norm: `"backward"`, `"ortho"` or `"forward"`.

    Raises:
        ShapeError: no such axis, or no points.
        ArgumentError: an unknown `norm`.

    Example:
        >>> cnp.fft.irfft(cnp.asarray([4.0 + 0j, 0, 0]))
        Tensor([1., 1., 1., 1.])
    """
    return apply(np.fft.irfft, x, n=n, axis=axis, norm=norm)


def rfftn(
    x: Any, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = "backward"
) -> Any:
    """The transform of real numbers along several axes: `rfft` along the last, `fft` along the others.

    Args:
        x: an array, of real numbers.
        s: how many points along each axis: `x` is cut or gets zeros behind; all of it if left out.
        axes: the axes that are transformed, all if left out; needed with `s`.
        norm: `"backward"`, `"ortho"` or `"forward"`.

    Raises:
        ShapeError: no such axis, or no points.
        ArgumentError: an unknown `norm`, or `s` without `axes`.
        DtypeError: `x` is complex.

    Example:
        >>> cnp.fft.rfftn(cnp.asarray([[1.0, 0.0], [0.0, 0.0]]))
        Tensor([[1.+0.j, 1.+0.j],
                [1.+0.j, 1.+0.j]])
    """
    _expect_axes("rfftn", s, axes)
    return apply(np.fft.rfftn, x, s=s, axes=axes, norm=norm)


def irfftn(
    x: Any, /, *, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str = "backward"
) -> Any:
    """The inverse of `rfftn`.

    Args:
        x: an array, of complex numbers.
        s: how many points along each axis, of real numbers along the last; if left out, all, and an even number of real ones.
        axes: the axes that are transformed, all if left out; needed with `s`.
        norm: `"backward"`, `"ortho"` or `"forward"`.

    Raises:
        ShapeError: no such axis, or no points.
        ArgumentError: an unknown `norm`, or `s` without `axes`.

    Example:
        >>> cnp.fft.irfftn(cnp.asarray([[4.0 + 0j, 0], [0, 0]]))
        Tensor([[1., 1.],
                [1., 1.]])
    """
    _expect_axes("irfftn", s, axes)
    return apply(np.fft.irfftn, x, s=s, axes=axes, norm=norm)


def hfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """The transform, which is real, of `n` numbers of which `x` has the first half and the others are conjugates.

    Args:
        x: an array, of complex numbers.
        n: how many real numbers result; an even number, `2 (m - 1)` of `m` elements, if left out.
        axis: the axis that is transformed.
        norm: `"backward"`, `"ortho"` or `"forward"`.

    Raises:
        ShapeError: no such axis, or no points.
        ArgumentError: an unknown `norm`.

    Example:
        >>> cnp.fft.hfft(cnp.asarray([1.0 + 0j, 0, 0]))
        Tensor([1., 1., 1., 1.])
    """
    return apply(np.fft.hfft, x, n=n, axis=axis, norm=norm)


def ihfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Any:
    """The inverse of `hfft`.

    Args:
        x: an array, of real numbers.
        n: how many points: `x` is cut or gets zeros behind; all of it if left out.
        axis: the axis that is transformed.
        norm: `"backward"`, `"ortho"` or `"forward"`.

    Raises:
        ShapeError: no such axis, or no points.
        ArgumentError: an unknown `norm`.
        DtypeError: `x` is complex.

    Example:
        >>> cnp.fft.ihfft(cnp.asarray([1.0, 1.0, 1.0, 1.0]))
        Tensor([1.-0.j, 0.+0.j, 0.-0.j])
    """
    return apply(np.fft.ihfft, x, n=n, axis=axis, norm=norm)


def _expect_axes(what: str, s: Sequence[int] | None, axes: Sequence[int] | None) -> None:
    if s is not None and axes is None:
        raise ArgumentError(at_user_line(f"{what}: s is {s} without axes; say which axes have these sizes"))


def fftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Any:
    """The frequencies of the elements of `fft`, in cycles per unit of the distance `d` between points.

    Raises:
        DtypeError: the dtype is not supported.

    Example:
        >>> cnp.fft.fftfreq(4, d=0.5)
        Tensor([ 0. ,  0.5, -1. , -0.5])
    """
    return _frequencies("fftfreq", np.fft.fftfreq(n, d), dtype, device)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Any:
    """The frequencies of the elements of `rfft`, in cycles per unit of the distance `d` between points.

    Raises:
        DtypeError: the dtype is not supported.

    Example:
        >>> cnp.fft.rfftfreq(4, d=0.5)
        Tensor([0. , 0.5, 1. ])
    """
    return _frequencies("rfftfreq", np.fft.rfftfreq(n, d), dtype, device)


def _frequencies(what: str, numbers: Any, dtype: Any, device: Any) -> Any:
    check_device(what, device)
    if dtype is not None:
        numbers = numbers.astype(dtype)
        check_dtype(numbers.dtype, "dtype")
    return created(numbers)


def fftshift(x: Any, /, *, axes: int | Sequence[int] | None = None) -> Any:
    """`x` with the element of frequency zero in the middle of `axes`, all if left out.

    Raises:
        ShapeError: no such axis.

    Example:
        >>> cnp.fft.fftshift(cnp.fft.fftfreq(4))
        Tensor([-0.5 , -0.25,  0.  ,  0.25])
    """
    return apply(np.fft.fftshift, x, axes=axes)


def ifftshift(x: Any, /, *, axes: int | Sequence[int] | None = None) -> Any:
    """The inverse of `fftshift`.

    Raises:
        ShapeError: no such axis.

    Example:
        >>> cnp.fft.ifftshift(cnp.fft.fftshift(cnp.asarray([1, 2, 3])))
        Tensor([1, 2, 3])
    """
    return apply(np.fft.ifftshift, x, axes=axes)
