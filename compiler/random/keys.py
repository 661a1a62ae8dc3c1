"""Keys, new keys from old ones, and bits."""

import operator
from typing import Any

import numpy as np

from compiler.errors import DtypeError, ShapeError, at_user_line
from compiler.operands import as_tracer
from compiler.random.drawing import (
    FOLD_IN,
    SPLIT,
    Shape,
    as_integer,
    as_shape,
    check_key,
    run,
    shape_of,
    shifted_right,
    words,
)
from compiler.tracer import Tracer, xp


def key(seed: Any) -> Any:
    """The key of a seed: the two words of 32 bits, the lower one first, that Philox calls its key.

    Args:
        seed: an integer of up to 64 bits; negative ones are taken modulo 2**64. It may be traced.

    Returns:
        An array `uint32[2]`.

    Raises:
        DtypeError: the seed is not an integer, or too large.
        ShapeError: it is not a scalar.

    Example:
        >>> from compiler import random
        >>> random.key(1234)
        array([1234,    0], dtype=uint32)
    """
    if shape_of(seed):
        raise ShapeError(at_user_line(f"key: seed has shape {shape_of(seed)}, expected a scalar; use `compiler.vmap`"))
    if isinstance(seed, Tracer):
        if seed.dtype.kind not in "iu":
            raise DtypeError(at_user_line(f"key: seed has dtype {seed.dtype}, expected an integer"))
        wide = seed.astype(np.int64).astype(np.uint64) if seed.dtype.kind == "i" else seed.astype(np.uint64)
        return xp.stack([wide.astype(np.uint32), shifted_right(wide, 32).astype(np.uint32)])
    try:
        number = operator.index(seed)
    except TypeError:
        raise DtypeError(at_user_line(f"key: seed is a {type(seed).__name__}, expected an integer")) from None
    if not -(2**63) <= number < 2**64:
        raise DtypeError(at_user_line(f"key: the seed {number} has more than 64 bits"))
    return np.array([number & 0xFFFFFFFF, number >> 32 & 0xFFFFFFFF], np.uint32)


def PRNGKey(seed: Any) -> Any:  # noqa: N802 - JAX's name
    """`key(seed)`, under its older name in JAX.

    Example:
        >>> from compiler import random
        >>> random.PRNGKey(-1)
        array([4294967295, 4294967295], dtype=uint32)
    """
    return key(seed)


def split(key: Any, num: Any = 2) -> Any:
    """New keys from a key, which should not be used any more.

    New keys are made of other counters than numbers, so that they have nothing in common with the numbers of `key`.

    Args:
        key: `uint32[2]`.
        num: how many, an integer or a shape.

    Returns:
        An array `uint32[*num, 2]`.

    Example:
        >>> from compiler import random
        >>> carry, now = random.split(random.key(0))
        >>> random.split(now, 5).shape
        (5, 2)
    """
    check_key("split", key)
    return run(_split, key, shape=as_shape("split", num))


def _split(key: Any, *, shape: Shape) -> Any:
    return words(key, (*shape, 2), np.uint32, domain=SPLIT)


def fold_in(key: Any, data: Any) -> Any:
    """The new key for a number, such as that of a step or a layer.

    Args:
        key: `uint32[2]`.
        data: an integer of 32 bits, which may be traced.

    Returns:
        An array `uint32[2]`.

    Raises:
        DtypeError: `data` is not an integer of 32 bits.

    Example:
        >>> from compiler import random
        >>> steps = [random.fold_in(random.key(0), step) for step in range(3)]
    """
    check_key("fold_in", key)
    if shape_of(data):
        raise ShapeError(
            at_user_line(f"fold_in: data has shape {shape_of(data)}, expected a scalar; use `compiler.vmap`")
        )
    if isinstance(data, int):
        if not -(2**31) <= data < 2**32:
            raise DtypeError(at_user_line(f"fold_in: the number {data} has more than 32 bits"))
        data = np.asarray(data & 0xFFFFFFFF, np.uint32)
    if getattr(data, "dtype", np.dtype(object)).kind not in "iu":
        raise DtypeError(at_user_line(f"fold_in: data is {data!r}, expected an integer"))
    return run(_fold_in, key, data)


def _fold_in(key: Any, data: Any) -> Any:
    return words(key, (2,), np.uint32, stream=as_tracer(data), domain=FOLD_IN)


def bits(key: Any, shape: Any = (), dtype: Any = np.uint32) -> Any:
    """Random bits: integers without sign, uniform over all that the dtype has.

    The element at position `i`, in row-major order, is a function of `key` and `i` alone.

    Args:
        key: `uint32[2]`.
        shape: the shape of the result.
        dtype: `uint8`, `uint16`, `uint32` or `uint64`.

    Raises:
        DtypeError: another dtype.

    Example:
        >>> from compiler import random
        >>> random.bits(random.key(0), (2,))
        array([1713891541, 4175744164], dtype=uint32)
    """
    check_key("bits", key)
    known = as_integer("bits", np.uint32 if dtype is None else dtype, "u")
    return run(words, key, shape=as_shape("bits", shape), dtype=known)
