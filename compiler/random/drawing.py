"""What all samplers share: the checks of their arguments, the way they run, and the draws that they transform.

A draw is a function of one key. What a sampler makes of it is elementwise, so that it is fused with what reads it.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from compiler.axes import is_sequence
from compiler.errors import ArgumentError, DtypeError, ShapeError, at_user_line
from compiler.operands import array_value, as_tracer, new_tracer
from compiler.promotion import broadcast_shapes
from compiler.tracer import Tracer, xp
from compiler.tracing import current_frame, is_tracing
from dialects.builder import tensor_type
from dialects.dlc.bits import shift_right_logical
from dialects.dlc.constants import full
from dialects.dlc.interfaces import ELEMENT_TYPES, tensor_type_of
from dialects.dlc.random_bits import random_bits

Shape = tuple[int, ...]
FloatDtype = np.dtype[Any]

BITS, SPLIT, FOLD_IN = 0, 1, 2
"""The domains of counters that elements, split keys and folded keys are drawn from; they have no counter in common."""


def run(function: Callable[..., Any], *operands: Any, **settings: Any) -> Any:
    """`function(*operands, **settings)`: a part of the program being traced, or compiled for these settings and run."""
    if is_tracing():
        return function(*operands, **settings)
    return _compiled(function, tuple(settings))(*operands, **settings)


@cache
def _compiled(function: Callable[..., Any], settings: tuple[str, ...]) -> Callable[..., Any]:
    from compiler.jit_function import jit

    return jit(function, static_argnames=settings)


def check_key(name: str, key: Any) -> None:
    """Raise unless `key` is one key."""
    dtype, shape = getattr(key, "dtype", None), getattr(key, "shape", None)
    advice = "make one with `compiler.random.key(seed)`"
    if dtype is None or shape is None:
        raise ArgumentError(at_user_line(f"{name}: key is a {type(key).__name__}; {advice}"))
    if dtype != np.uint32 or tuple(shape[-1:]) != (2,):
        shown = f"{getattr(dtype, 'name', dtype)}[{','.join(map(str, shape))}]"
        raise DtypeError(at_user_line(f"{name}: key is {shown}, expected uint32[2]; {advice}"))
    if len(shape) > 1:
        raise ShapeError(
            at_user_line(
                f"{name}: got an array of keys of shape {tuple(shape[:-1])}, expected one; use `compiler.vmap`"
            )
        )


def as_shape(name: str, shape: Any) -> Shape:
    """`shape`, an integer or a sequence of them, as a tuple."""
    sizes = tuple(shape) if is_sequence(shape) else (shape,)
    for size in sizes:
        if isinstance(size, Tracer):
            raise ShapeError(
                at_user_line(
                    f"{name}: shape has a traced value; shapes must be known while tracing: use Python integers"
                )
            )
        if isinstance(size, bool) or not isinstance(size, int | np.integer):
            raise ArgumentError(at_user_line(f"{name}: shape is {shape!r}; use a tuple of integers"))
        if size < 0:
            raise ShapeError(at_user_line(f"{name}: shape {shape!r} has a negative size"))
    return tuple(int(size) for size in sizes)


_FLOATS = "float32 or float64"


def as_float(name: str, dtype: Any) -> FloatDtype:
    """`dtype` as `float32` or `float64`."""
    known = as_dtype(name, dtype, "f", _FLOATS)
    if known.itemsize < 4:
        raise DtypeError(at_user_line(f"{name}: dtype {known.name} is not supported; use {_FLOATS}, and `.astype`"))
    return known


def as_integer(name: str, dtype: Any, kinds: str = "iu") -> np.dtype[Any]:
    """`dtype` as an integer dtype."""
    return as_dtype(name, dtype, kinds, "an integer dtype" if kinds == "iu" else "uint8, uint16, uint32 or uint64")


def as_dtype(name: str, dtype: Any, kinds: str, expected: str) -> np.dtype[Any]:
    """`dtype` as one of those that arrays have, of one of the `kinds`; messages say what is `expected`."""
    try:
        known = np.dtype(dtype)
    except TypeError:
        raise DtypeError(at_user_line(f"{name}: {dtype!r} is not a dtype; use {expected}")) from None
    if known.kind not in kinds or known not in ELEMENT_TYPES:
        raise DtypeError(at_user_line(f"{name}: dtype {known.name} is not supported; use {expected}"))
    return known


def shape_of(x: Any) -> Shape:
    """The shape of an array, a tracer or a scalar."""
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


def common_shape(name: str, shape: Any, *parameters: Any) -> Shape:
    """`shape`, to which all parameters must broadcast; that of the parameters together if it is `None`.

    Raises:
        ShapeError: they do not fit.
    """
    needed = broadcast_shapes(name, *map(shape_of, parameters))
    if shape is None:
        return needed
    sizes = as_shape(name, shape)
    if broadcast_shapes(name, needed, sizes) != sizes:
        raise ShapeError(
            at_user_line(
                f"{name}: parameters of shape {needed} do not broadcast to the shape {sizes}; enlarge the shape"
            )
        )
    return sizes


def parameter(x: Any, dtype: np.dtype[Any]) -> Tracer:
    """A parameter of a distribution as a tracer of `dtype`."""
    return as_tracer(x).astype(dtype)


def words(key: Any, shape: Shape, dtype: Any, *, stream: Any = 0, domain: int = BITS) -> Tracer:
    """Random integers of an unsigned dtype, uniform over all its values.

    Args:
        key: one key.
        shape: the shape of the result.
        dtype: `uint8` to `uint64`.
        stream: a number of 32 bits, traced or not; other streams have other bits.
        domain: the same, not traced.
    """
    frame = current_frame()
    value = array_value(as_tracer(stream).astype(np.uint32))
    output = tensor_type(ELEMENT_TYPES[np.dtype(dtype)], shape)
    return new_tracer(random_bits(frame.builder, array_value(key), value, domain, output))


def _word_dtype(dtype: FloatDtype) -> np.dtype[Any]:
    return np.dtype(np.uint64 if dtype.itemsize == 8 else np.uint32)


def shifted_right(x: Tracer, count: int) -> Tracer:
    """`x // 2**count` of an unsigned dtype."""
    value, b = array_value(x), current_frame().builder
    return new_tracer(shift_right_logical(b, value, full(b, count, tensor_type_of(value))))


def unit_uniform(key: Any, shape: Shape, dtype: FloatDtype, *, stream: Any = 0) -> Tracer:
    """Uniform multiples of `eps / 2` in [0, 1)."""
    digits = np.finfo(dtype).nmant + 1
    bits = words(key, shape, _word_dtype(dtype), stream=stream)
    width = 8 * bits.dtype.itemsize
    return shifted_right(bits, width - digits).astype(dtype) * 2.0**-digits


def positive_uniform(key: Any, shape: Shape, dtype: FloatDtype, *, stream: Any = 0) -> Tracer:
    """Uniform in (0, 1], rounded to nearest: small numbers are as dense as floating point is."""
    bits = words(key, shape, _word_dtype(dtype), stream=stream)
    return (bits.astype(dtype) + 0.5) * 2.0 ** -(8 * bits.dtype.itemsize)


def signed_tail(key: Any, shape: Shape, dtype: FloatDtype, *, stream: Any = 0) -> tuple[Tracer, Tracer]:
    """A random sign as a boolean (negative or not), and a uniform number in (0, 1/2], as dense as floating point is.

    They are the side and the probability of the tail beyond a quantile: both tails of a symmetric distribution come
    out as exact as its center.
    """
    bits = words(key, shape, _word_dtype(dtype), stream=stream)
    width = 8 * bits.dtype.itemsize
    top = bits.dtype.type(1 << (width - 1))
    return bits >= top, ((bits & (top - bits.dtype.type(1))).astype(dtype) + 0.5) * 2.0**-width


def with_sign(is_negative: Tracer, x: Any) -> Any:
    """`-x` or `x`."""
    return xp.where(is_negative, -x, x)


def apply(function: Callable[..., SSAValue], x: Any) -> Tracer:
    """The elementwise operation of `dlc` that `function` appends, on a tracer."""
    return new_tracer(function(current_frame().builder, array_value(x)))
