"""All partial results of an associative operation, in a logarithmic number of steps."""

from collections.abc import Callable
from typing import Any

import numpy as np

from compiler.branches import run_compiled
from compiler.errors import ArgumentError, ShapeError, at_user_line, check_function
from compiler.pytrees import flatten, unflatten
from compiler.tracing import array_value, is_tracing, new_tracer

Arrays = list[Any]


def associative_scan(fn: Callable[..., Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """Partial results `elems[0]`, `fn(elems[0], elems[1])`, … of an associative operation along an axis.

    The operation is applied to many pairs at once, twice the logarithm of the size many times (Blelloch, "Prefix sums
    and their applications", 1990), so `fn` must take arrays of any extent along `axis`, as elementwise functions and
    batched products do.

    Args:
        fn: takes two trees like `elems` and returns one; `fn(fn(a, b), c)` equals `fn(a, fn(b, c))`.
        elems: a tree of arrays of equal size along `axis`.
        reverse: combine from the end: `elems[-1]`, `fn(elems[-1], elems[-2])`, …, in the places of the last, the last but
            one, ….
        axis: the axis to go along.

    Returns:
        A tree like `elems`.

    Raises:
        ArgumentError: `fn` is not a function, or returns another structure.
        ShapeError: the sizes along `axis` differ, or an array lacks the axis.

    Example:
        >>> associative_scan(np.add, np.array([1.0, 2.0, 3.0, 4.0]))
        array([ 1.,  3.,  6., 10.])
    """
    check_function(fn, "associative_scan: fn")
    if not is_tracing():
        return run_compiled("associative_scan", fn, lambda x: associative_scan(fn, x, reverse, axis), elems)
    leaves, spec = flatten(elems)
    arrays: Arrays = [new_tracer(array_value(leaf)) for leaf in leaves]
    for array in arrays:
        if not -array.ndim <= axis < array.ndim:
            raise ShapeError(at_user_line(f"associative_scan: axis {axis} does not exist in shape {array.shape}"))
    sizes = {array.shape[axis] for array in arrays}
    if len(sizes) > 1:
        raise ShapeError(at_user_line(f"associative_scan: sizes along axis {axis} differ: {sorted(sizes)}"))
    if not sizes or 0 in sizes:
        return elems

    def combine(x: Arrays, y: Arrays) -> Arrays:
        back = [np.moveaxis(each, 0, axis) for each in (*x, *y)]
        pair = (unflatten(spec, back[: len(x)]), unflatten(spec, back[len(x) :]))
        result, result_spec = flatten(fn(*pair))
        if result_spec != spec:
            raise ArgumentError(
                at_user_line(f"associative_scan: fn returns the structure {result_spec}, expected {spec}")
            )
        return [np.moveaxis(each, axis, 0) for each in result]

    front: Arrays = [np.moveaxis(array, axis, 0) for array in arrays]
    if reverse:
        front = [each[::-1] for each in front]
    scanned = _scan(combine, front)
    if reverse:
        scanned = [each[::-1] for each in scanned]
    return unflatten(spec, [np.moveaxis(each, 0, axis) for each in scanned])


def _scan(combine: Callable[[Arrays, Arrays], Arrays], elems: Arrays) -> Arrays:
    """Scan along the leading axis: combine neighbours, scan these, and fill in what lies between."""
    size = elems[0].shape[0]
    if size < 2:
        return elems
    pairs = combine([each[: size - 1 : 2] for each in elems], [each[1::2] for each in elems])
    odd = _scan(combine, pairs)
    if size % 2 == 0:
        later = combine([each[:-1] for each in odd], [each[2::2] for each in elems]) if size > 2 else None
    else:
        later = combine(odd, [each[2::2] for each in elems])
    first = [each[:1] for each in elems]
    even = first if later is None else [np.concatenate(both) for both in zip(first, later, strict=True)]
    return [_interleaved(a, b) for a, b in zip(even, odd, strict=True)]


def _interleaved(even: Any, odd: Any) -> Any:
    """`even[0], odd[0], even[1], …`; `even` may have one more."""
    both = np.stack([even[: odd.shape[0]], odd], axis=1).reshape((2 * odd.shape[0], *odd.shape[1:]))
    return both if even.shape[0] == odd.shape[0] else np.concatenate([both, even[-1:]])
