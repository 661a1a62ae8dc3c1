"""Functions of NumPy beyond the standard, with NumPy's names and signatures.

An explicit list: what is here is what `jit` supports. Where the standard has a function of the same name, the standard's is
the one of this package (`sum`, `concat`), and what is here are NumPy's other names for it (`concatenate`).
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from compiler.eager import EAGER_RULES
from compiler.frames import current_frame, is_tracing
from compiler.numpy.creation import asarray


def _numpy(function: Any) -> Callable[..., Any]:
    """`function` of NumPy on `Tensor`s and in traced functions."""

    @functools.wraps(function, updated=())
    def same(*args: Any, **kwargs: Any) -> Any:
        rules = current_frame().rules if is_tracing() else EAGER_RULES
        if isinstance(function, np.ufunc):
            return rules.ufunc(function, "__call__", args, kwargs, is_operator=False)
        return rules.function(function, args, kwargs)

    same.__doc__ = f"`np.{function.__name__}` on `Tensor`s and in traced functions, with the arguments of NumPy's."
    return same


def array(object: Any, dtype: Any = None) -> Any:
    """A new array of what `object` holds: `asarray(object, dtype=dtype, copy=True)`.

    Example:
        >>> array([1.0, 2.0])
        Tensor([1., 2.])
    """
    return asarray(object, dtype=dtype, copy=True)


absolute = _numpy(np.absolute)
allclose = _numpy(np.allclose)
amax = _numpy(np.amax)
amin = _numpy(np.amin)
append = _numpy(np.append)
arccos = _numpy(np.arccos)
arccosh = _numpy(np.arccosh)
arcsin = _numpy(np.arcsin)
arcsinh = _numpy(np.arcsinh)
arctan = _numpy(np.arctan)
arctan2 = _numpy(np.arctan2)
arctanh = _numpy(np.arctanh)
argpartition = _numpy(np.argpartition)
argwhere = _numpy(np.argwhere)
around = _numpy(np.around)
array_equal = _numpy(np.array_equal)
array_equiv = _numpy(np.array_equiv)
array_split = _numpy(np.array_split)
atleast_1d = _numpy(np.atleast_1d)
atleast_2d = _numpy(np.atleast_2d)
atleast_3d = _numpy(np.atleast_3d)
average = _numpy(np.average)
bincount = _numpy(np.bincount)
bitwise_count = _numpy(np.bitwise_count)
bitwise_not = _numpy(np.bitwise_not)
cbrt = _numpy(np.cbrt)
column_stack = _numpy(np.column_stack)
concatenate = _numpy(np.concatenate)
conjugate = _numpy(np.conjugate)
convolve = _numpy(np.convolve)
correlate = _numpy(np.correlate)
cross = _numpy(np.cross)
cumprod = _numpy(np.cumprod)
cumsum = _numpy(np.cumsum)
deg2rad = _numpy(np.deg2rad)
degrees = _numpy(np.degrees)
diag = _numpy(np.diag)
diagonal = _numpy(np.diagonal)
digitize = _numpy(np.digitize)
divmod = _numpy(np.divmod)
dot = _numpy(np.dot)
dsplit = _numpy(np.dsplit)
dstack = _numpy(np.dstack)
ediff1d = _numpy(np.ediff1d)
einsum = _numpy(np.einsum)
exp2 = _numpy(np.exp2)
fabs = _numpy(np.fabs)
fix = _numpy(np.fix)
flatnonzero = _numpy(np.flatnonzero)
fliplr = _numpy(np.fliplr)
flipud = _numpy(np.flipud)
float_power = _numpy(np.float_power)
fmax = _numpy(np.fmax)
fmin = _numpy(np.fmin)
fmod = _numpy(np.fmod)
frexp = _numpy(np.frexp)
gradient = _numpy(np.gradient)
heaviside = _numpy(np.heaviside)
histogram = _numpy(np.histogram)
histogram_bin_edges = _numpy(np.histogram_bin_edges)
hsplit = _numpy(np.hsplit)
hstack = _numpy(np.hstack)
identity = _numpy(np.identity)
inner = _numpy(np.inner)
interp = _numpy(np.interp)
invert = _numpy(np.invert)
isclose = _numpy(np.isclose)
isneginf = _numpy(np.isneginf)
isposinf = _numpy(np.isposinf)
kron = _numpy(np.kron)
ldexp = _numpy(np.ldexp)
left_shift = _numpy(np.left_shift)
lexsort = _numpy(np.lexsort)
logaddexp2 = _numpy(np.logaddexp2)
matvec = _numpy(np.matvec)
median = _numpy(np.median)
mod = _numpy(np.mod)
modf = _numpy(np.modf)
nan_to_num = _numpy(np.nan_to_num)
nancumprod = _numpy(np.nancumprod)
nancumsum = _numpy(np.nancumsum)
nanmax = _numpy(np.nanmax)
nanmean = _numpy(np.nanmean)
nanmedian = _numpy(np.nanmedian)
nanmin = _numpy(np.nanmin)
nanpercentile = _numpy(np.nanpercentile)
nanprod = _numpy(np.nanprod)
nanquantile = _numpy(np.nanquantile)
nanstd = _numpy(np.nanstd)
nansum = _numpy(np.nansum)
nanvar = _numpy(np.nanvar)
ndim = _numpy(np.ndim)
outer = _numpy(np.outer)
pad = _numpy(np.pad)
partition = _numpy(np.partition)
percentile = _numpy(np.percentile)
power = _numpy(np.power)
ptp = _numpy(np.ptp)
quantile = _numpy(np.quantile)
rad2deg = _numpy(np.rad2deg)
radians = _numpy(np.radians)
ravel = _numpy(np.ravel)
right_shift = _numpy(np.right_shift)
rint = _numpy(np.rint)
rollaxis = _numpy(np.rollaxis)
rot90 = _numpy(np.rot90)
select = _numpy(np.select)
shape = _numpy(np.shape)
sinc = _numpy(np.sinc)
size = _numpy(np.size)
spacing = _numpy(np.spacing)
split = _numpy(np.split)
swapaxes = _numpy(np.swapaxes)
trace = _numpy(np.trace)
transpose = _numpy(np.transpose)
trapezoid = _numpy(np.trapezoid)
tri = _numpy(np.tri)
true_divide = _numpy(np.true_divide)
unique = _numpy(np.unique)
vdot = _numpy(np.vdot)
vecmat = _numpy(np.vecmat)
vsplit = _numpy(np.vsplit)
vstack = _numpy(np.vstack)
