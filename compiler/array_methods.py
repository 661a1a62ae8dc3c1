"""Operators and methods of traced arrays, which are those of NumPy's arrays.

Each asks the rules of the current frame for the ufunc or function of NumPy that has the same meaning.
"""

from typing import Any

import numpy as np

from compiler.frames import current_frame


class ArrayMethods:
    """The operators and methods of an array, by what the functions of NumPy mean on it."""

    __slots__ = ()
    __hash__ = None  # pyright: ignore[reportAssignmentType] - as arrays, because == is elementwise

    shape: tuple[int, ...]

    # Operators

    def __add__(self, other: Any) -> Any:
        return _operator(np.add, self, other)

    def __radd__(self, other: Any) -> Any:
        return _operator(np.add, other, self)

    def __sub__(self, other: Any) -> Any:
        return _operator(np.subtract, self, other)

    def __rsub__(self, other: Any) -> Any:
        return _operator(np.subtract, other, self)

    def __mul__(self, other: Any) -> Any:
        return _operator(np.multiply, self, other)

    def __rmul__(self, other: Any) -> Any:
        return _operator(np.multiply, other, self)

    def __truediv__(self, other: Any) -> Any:
        return _operator(np.true_divide, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _operator(np.true_divide, other, self)

    def __floordiv__(self, other: Any) -> Any:
        return _operator(np.floor_divide, self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _operator(np.floor_divide, other, self)

    def __mod__(self, other: Any) -> Any:
        return _operator(np.remainder, self, other)

    def __rmod__(self, other: Any) -> Any:
        return _operator(np.remainder, other, self)

    def __divmod__(self, other: Any) -> Any:
        return _operator(np.divmod, self, other)

    def __rdivmod__(self, other: Any) -> Any:
        return _operator(np.divmod, other, self)

    def __pow__(self, other: Any) -> Any:
        return _operator(np.power, self, other)

    def __rpow__(self, other: Any) -> Any:
        return _operator(np.power, other, self)

    def __matmul__(self, other: Any) -> Any:
        return _operator(np.matmul, self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return _operator(np.matmul, other, self)

    def __and__(self, other: Any) -> Any:
        return _operator(np.bitwise_and, self, other)

    def __rand__(self, other: Any) -> Any:
        return _operator(np.bitwise_and, other, self)

    def __or__(self, other: Any) -> Any:
        return _operator(np.bitwise_or, self, other)

    def __ror__(self, other: Any) -> Any:
        return _operator(np.bitwise_or, other, self)

    def __xor__(self, other: Any) -> Any:
        return _operator(np.bitwise_xor, self, other)

    def __rxor__(self, other: Any) -> Any:
        return _operator(np.bitwise_xor, other, self)

    def __lshift__(self, other: Any) -> Any:
        return _operator(np.left_shift, self, other)

    def __rlshift__(self, other: Any) -> Any:
        return _operator(np.left_shift, other, self)

    def __rshift__(self, other: Any) -> Any:
        return _operator(np.right_shift, self, other)

    def __rrshift__(self, other: Any) -> Any:
        return _operator(np.right_shift, other, self)

    def __lt__(self, other: Any) -> Any:
        return _operator(np.less, self, other)

    def __le__(self, other: Any) -> Any:
        return _operator(np.less_equal, self, other)

    def __gt__(self, other: Any) -> Any:
        return _operator(np.greater, self, other)

    def __ge__(self, other: Any) -> Any:
        return _operator(np.greater_equal, self, other)

    def __eq__(self, other: object) -> Any:
        return _operator(np.equal, self, other)

    def __ne__(self, other: object) -> Any:
        return _operator(np.not_equal, self, other)

    def __neg__(self) -> Any:
        return _operator(np.negative, self)

    def __pos__(self) -> Any:
        return _operator(np.positive, self)

    def __abs__(self) -> Any:
        return _operator(np.absolute, self)

    def __invert__(self) -> Any:
        return _operator(np.invert, self)

    def __iadd__(self, other: Any) -> Any:
        return _update(np.add, self, other)

    def __isub__(self, other: Any) -> Any:
        return _update(np.subtract, self, other)

    def __imul__(self, other: Any) -> Any:
        return _update(np.multiply, self, other)

    def __itruediv__(self, other: Any) -> Any:
        return _update(np.true_divide, self, other)

    def __ifloordiv__(self, other: Any) -> Any:
        return _update(np.floor_divide, self, other)

    def __imod__(self, other: Any) -> Any:
        return _update(np.remainder, self, other)

    def __ipow__(self, other: Any) -> Any:
        return _update(np.power, self, other)

    def __imatmul__(self, other: Any) -> Any:
        return _update(np.matmul, self, other)

    def __iand__(self, other: Any) -> Any:
        return _update(np.bitwise_and, self, other)

    def __ior__(self, other: Any) -> Any:
        return _update(np.bitwise_or, self, other)

    def __ixor__(self, other: Any) -> Any:
        return _update(np.bitwise_xor, self, other)

    # Methods: NumPy's functions of the same name

    def sum(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.sum`."""
        return _call(np.sum, self, *args, **kwargs)

    def prod(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.prod`."""
        return _call(np.prod, self, *args, **kwargs)

    def mean(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.mean`."""
        return _call(np.mean, self, *args, **kwargs)

    def var(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.var`."""
        return _call(np.var, self, *args, **kwargs)

    def std(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.std`."""
        return _call(np.std, self, *args, **kwargs)

    def max(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.max`."""
        return _call(np.max, self, *args, **kwargs)

    def min(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.min`."""
        return _call(np.min, self, *args, **kwargs)

    def any(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.any`."""
        return _call(np.any, self, *args, **kwargs)

    def all(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.all`."""
        return _call(np.all, self, *args, **kwargs)

    def argmax(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.argmax`."""
        return _call(np.argmax, self, *args, **kwargs)

    def argmin(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.argmin`."""
        return _call(np.argmin, self, *args, **kwargs)

    def cumsum(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.cumsum`."""
        return _call(np.cumsum, self, *args, **kwargs)

    def cumprod(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.cumprod`."""
        return _call(np.cumprod, self, *args, **kwargs)

    def argsort(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.argsort`."""
        return _call(np.argsort, self, *args, **kwargs)

    def sort(self, *args: Any, **kwargs: Any) -> None:
        """Sort in place, as `np.ndarray.sort`."""
        _call(np.copyto, self, _call(np.sort, self, *args, **kwargs))

    def searchsorted(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.searchsorted`."""
        return _call(np.searchsorted, self, *args, **kwargs)

    def reshape(self, *shape: Any, **kwargs: Any) -> Any:
        """As `np.reshape`; the sizes may also be given one by one."""
        return _call(np.reshape, self, shape[0] if len(shape) == 1 else shape, **kwargs)

    def ravel(self, *args: Any) -> Any:
        """As `np.ravel`."""
        return _call(np.ravel, self, *args)

    def transpose(self, *axes: Any) -> Any:
        """As `np.transpose`; the axes may also be given one by one."""
        return _call(np.transpose, self, None if not axes else axes[0] if len(axes) == 1 else axes)

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        """As `np.swapaxes`."""
        return _call(np.swapaxes, self, axis1, axis2)

    def squeeze(self, axis: Any = None) -> Any:
        """As `np.squeeze`."""
        return _call(np.squeeze, self, axis)

    def repeat(self, repeats: Any, axis: Any = None) -> Any:
        """As `np.repeat`."""
        return _call(np.repeat, self, repeats, axis)

    def take(self, indices: Any, axis: Any = None, **kwargs: Any) -> Any:
        """As `np.take`."""
        return _call(np.take, self, indices, axis, **kwargs)

    def diagonal(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.diagonal`."""
        return _call(np.diagonal, self, *args, **kwargs)

    def trace(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.trace`."""
        return _call(np.trace, self, *args, **kwargs)

    def clip(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.clip`."""
        return _call(np.clip, self, *args, **kwargs)

    def round(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.round`."""
        return _call(np.round, self, *args, **kwargs)

    def __round__(self, digits: int = 0) -> Any:
        return _call(np.round, self, digits)

    def dot(self, other: Any) -> Any:
        """As `np.dot`."""
        return _call(np.dot, self, other)

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        """A copy with another dtype."""
        return _call(np.astype, self, dtype, *args, **kwargs)

    def conj(self) -> Any:
        """The array itself: it is real."""
        return self

    conjugate = conj


def _operator(ufunc: np.ufunc, *operands: Any) -> Any:
    for operand in operands:
        if not isinstance(operand, ArrayMethods | np.ndarray | np.generic | int | float | complex | list | tuple):
            return NotImplemented
    return current_frame().rules.ufunc(ufunc, "__call__", operands, {}, is_operator=True)


def _update(ufunc: np.ufunc, target: ArrayMethods, operand: Any) -> Any:
    """`target op= operand`. NumPy's results without a dimension are scalars, which cannot change: they are rebound."""
    if not target.shape:
        return _operator(ufunc, target, operand)
    return current_frame().rules.ufunc(ufunc, "__call__", (target, operand), {"out": (target,)}, is_operator=False)


def _call(function: Any, *args: Any, **kwargs: Any) -> Any:
    return current_frame().rules.function(function, args, kwargs)
