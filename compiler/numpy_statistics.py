"""Covariance and correlation, positions of extremes without NaN, polynomials, and phases without jumps."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from compiler.axes import normalize_axis
from compiler.errors import DtypeError, ShapeError, at_user_line
from compiler.numpy_linalg import astype
from compiler.numpy_reductions import MISSING, argmax, argmin, average, least_or_greatest
from compiler.operands import as_tracer
from compiler.promotion import FLOAT64
from compiler.tracer import Tracer, fail_unsupported, xp
from dialects.dlc.interfaces import dtype_kind


def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None, fweights: Any = None,
    aweights: Any = None, *, dtype: Any = None,
) -> Tracer:  # fmt: skip
    """`np.cov`."""
    x = _variables("cov", m, rowvar)
    if y is not None:
        x = xp.concatenate([x, _variables("cov", y, rowvar)], 0)
    x = astype(x, np.dtype(dtype) if dtype is not None else np.dtype(np.result_type(x.dtype, FLOAT64)))
    freedom = ddof if ddof is not None else 0 if bias else 1
    weights: Any = None
    for part in (fweights, aweights):
        if part is not None:
            if as_tracer(part).shape != x.shape[1:]:
                raise ShapeError(
                    at_user_line(f"cov: weights of shape {as_tracer(part).shape} do not fit {x.shape[1]} samples")
                )
            weights = as_tracer(part) if weights is None else weights * part
    centred = x - xp.reshape(average(x, 1, weights), (-1, 1))
    if weights is None:
        count: Any = x.shape[1] - freedom
        scaled = centred
    else:
        total = xp.sum(weights)
        count = (
            total - freedom if aweights is None or not freedom else total - freedom * xp.sum(weights * aweights) / total
        )
        scaled = centred * weights
    result = centred @ scaled.conj().T / xp.maximum(count, 0)
    return xp.squeeze(result)


def _variables(what: str, m: Any, rowvar: bool) -> Tracer:
    x = as_tracer(m)
    if x.ndim > 2:
        raise ShapeError(at_user_line(f"{what}: the array has shape {x.shape}; it needs at most two dimensions"))
    x = xp.atleast_2d(x)
    return x.T if not rowvar and as_tracer(m).ndim == 2 and x.shape[0] != 1 else x


def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Tracer:
    """`np.corrcoef`."""
    c = cov(x, y, rowvar, dtype=dtype)
    if not c.ndim:
        return c / c
    deviation = xp.sqrt(xp.diagonal(c).real)
    result = c / deviation[:, np.newaxis] / deviation
    if result.dtype.kind == "c":
        return xp.clip(result.real, -1, 1) + 1j * xp.clip(result.imag, -1, 1)
    return xp.clip(result, -1, 1)


def _ignoring_nan(find: Callable[..., Tracer], sign: float) -> Callable[..., Tracer]:
    def position(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = MISSING) -> Tracer:
        """Where a row has nothing but NaN NumPy raises; here the position is 0."""
        x = as_tracer(a)
        if dtype_kind(x.dtype) == "f":
            x = xp.where(xp.isnan(x), np.asarray(least_or_greatest(x.dtype, sign), x.dtype), x)
        return find(x, axis, out, keepdims=keepdims)

    return position


def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: float = 2 * math.pi) -> Tracer:
    """`np.unwrap` of floats."""
    x = as_tracer(p)
    if x.dtype.kind == "c":
        raise DtypeError(at_user_line(f"unwrap: the angles have dtype {x.dtype}; they must be real"))
    if dtype_kind(x.dtype) != "f":
        x = astype(x, FLOAT64)
    dim = normalize_axis("unwrap", axis, x.ndim)
    step = xp.diff(x, axis=dim)
    half = period / 2
    wrapped = xp.mod(step + half, period) - half
    wrapped = xp.where((wrapped == -half) & (step > 0), half, wrapped)
    correction = xp.where(xp.abs(step) < (half if discont is None else discont), 0.0, wrapped - step)
    widths = [(1, 0) if d == dim else (0, 0) for d in range(x.ndim)]
    return x + xp.cumsum(xp.pad(correction, widths), dim)


def _coefficients(what: str, p: Any) -> Tracer:
    x = xp.atleast_1d(as_tracer(p))
    if x.ndim != 1:
        raise ShapeError(at_user_line(f"{what}: the coefficients have shape {x.shape}; they need one dimension"))
    return x


def polyval(p: Any, x: Any) -> Tracer:
    """`np.polyval`, by Horner's rule."""
    coefficients = _coefficients("polyval", p)
    if isinstance(x, np.poly1d):
        fail_unsupported("np.polyval at a polynomial", "evaluate at an array")
    place = as_tracer(x)
    result = xp.zeros_like(place, dtype=place.dtype)
    for k in range(coefficients.size):
        result = result * place + coefficients[k]
    return result


def _added(what: str, join: np.ufunc) -> Callable[[Any, Any], Tracer]:
    def combine(a1: Any, a2: Any) -> Tracer:
        x, y = _coefficients(what, a1), _coefficients(what, a2)
        size = max(x.size, y.size)
        return join(xp.pad(x, (size - x.size, 0)), xp.pad(y, (size - y.size, 0)))

    return combine


def polymul(a1: Any, a2: Any) -> Tracer:
    """`np.polymul`; leading zeros stay, because which coefficients are zero is not known while tracing."""
    return xp.convolve(_coefficients("polymul", a1), _coefficients("polymul", a2))


def polyder(p: Any, m: int = 1) -> Tracer:
    """`np.polyder`."""
    x = _coefficients("polyder", p)
    for _ in range(m):
        x = x[:-1] * np.arange(x.size - 1, 0, -1)
    return x


def polyint(p: Any, m: int = 1, k: Any = None) -> Tracer:
    """`np.polyint`."""
    x = _coefficients("polyint", p)
    constants: Any = [0] * m if k is None else [k] * m if np.ndim(k) == 0 else list(k)
    for constant in constants:
        x = xp.concatenate([x / np.arange(x.size, 0, -1), as_tracer(constant).reshape(1)])
    return x


def vander(x: Any, N: Any = None, increasing: bool = False) -> Tracer:  # noqa: N803
    """`np.vander`."""
    array = as_tracer(x)
    if array.ndim != 1:
        raise ShapeError(at_user_line(f"vander: the array has shape {array.shape}; it needs one dimension"))
    count = array.size if N is None else N
    dtype = np.promote_types(array.dtype, np.int64)
    columns = xp.broadcast_to(astype(array, dtype)[:, np.newaxis], (array.size, max(count - 1, 0)))
    ones = xp.ones_like(array, shape=(array.size, min(count, 1)), dtype=dtype)
    powers = xp.concatenate([ones, xp.cumprod(columns, 1, dtype=dtype)], 1)
    return powers if increasing else powers[:, ::-1]


def diagflat(v: Any, k: int = 0) -> Tracer:
    """`np.diagflat`."""
    x = as_tracer(v)
    return xp.diag(x.reshape(-1 if x.size else 0), k)


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.cov: cov,
    np.corrcoef: corrcoef,
    np.nanargmax: _ignoring_nan(argmax, -1.0),
    np.nanargmin: _ignoring_nan(argmin, 1.0),
    np.unwrap: unwrap,
    np.polyval: polyval,
    np.polyadd: _added("polyadd", np.add),
    np.polysub: _added("polysub", np.subtract),
    np.polymul: polymul,
    np.polyder: polyder,
    np.polyint: polyint,
    np.vander: vander,
    np.diagflat: diagflat,
}
"""The functions of this file by the function of NumPy that they are."""
