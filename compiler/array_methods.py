"""Operators and methods of our arrays, traced ones and `Tensor`s, which are those of NumPy's arrays.

Each asks the rules of the array for the ufunc or function of NumPy that has the same meaning.
"""

from typing import Any, cast

import numpy as np

from compiler.frames import Rules


class ArrayMethods:
    """The operators and methods of an array, by what the functions of NumPy mean on it."""

    __slots__ = ()
    __hash__ = None  # pyright: ignore[reportAssignmentType] - as arrays, because == is elementwise

    shape: tuple[int, ...]

    # Operators

    def __add__(self, other: Any) -> Any:
        return self._operator(np.add, self, other)

    def __radd__(self, other: Any) -> Any:
        return self._operator(np.add, other, self)

    def __sub__(self, other: Any) -> Any:
        return self._operator(np.subtract, self, other)

    def __rsub__(self, other: Any) -> Any:
        return self._operator(np.subtract, other, self)

    def __mul__(self, other: Any) -> Any:
        return self._operator(np.multiply, self, other)

    def __rmul__(self, other: Any) -> Any:
        return self._operator(np.multiply, other, self)

    def __truediv__(self, other: Any) -> Any:
        return self._operator(np.true_divide, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._operator(np.true_divide, other, self)

    def __floordiv__(self, other: Any) -> Any:
        return self._operator(np.floor_divide, self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return self._operator(np.floor_divide, other, self)

    def __mod__(self, other: Any) -> Any:
        return self._operator(np.remainder, self, other)

    def __rmod__(self, other: Any) -> Any:
        return self._operator(np.remainder, other, self)

    def __divmod__(self, other: Any) -> Any:
        return self._operator(np.divmod, self, other)

    def __rdivmod__(self, other: Any) -> Any:
        return self._operator(np.divmod, other, self)

    def __pow__(self, other: Any) -> Any:
        return self._operator(np.power, self, other)

    def __rpow__(self, other: Any) -> Any:
        return self._operator(np.power, other, self)

    def __matmul__(self, other: Any) -> Any:
        return self._operator(np.matmul, self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return self._operator(np.matmul, other, self)

    def __and__(self, other: Any) -> Any:
        return self._operator(np.bitwise_and, self, other)

    def __rand__(self, other: Any) -> Any:
        return self._operator(np.bitwise_and, other, self)

    def __or__(self, other: Any) -> Any:
        return self._operator(np.bitwise_or, self, other)

    def __ror__(self, other: Any) -> Any:
        return self._operator(np.bitwise_or, other, self)

    def __xor__(self, other: Any) -> Any:
        return self._operator(np.bitwise_xor, self, other)

    def __rxor__(self, other: Any) -> Any:
        return self._operator(np.bitwise_xor, other, self)

    def __lshift__(self, other: Any) -> Any:
        return self._operator(np.left_shift, self, other)

    def __rlshift__(self, other: Any) -> Any:
        return self._operator(np.left_shift, other, self)

    def __rshift__(self, other: Any) -> Any:
        return self._operator(np.right_shift, self, other)

    def __rrshift__(self, other: Any) -> Any:
        return self._operator(np.right_shift, other, self)

    def __lt__(self, other: Any) -> Any:
        return self._operator(np.less, self, other)

    def __le__(self, other: Any) -> Any:
        return self._operator(np.less_equal, self, other)

    def __gt__(self, other: Any) -> Any:
        return self._operator(np.greater, self, other)

    def __ge__(self, other: Any) -> Any:
        return self._operator(np.greater_equal, self, other)

    def __eq__(self, other: object) -> Any:
        return self._operator(np.equal, self, other)

    def __ne__(self, other: object) -> Any:
        return self._operator(np.not_equal, self, other)

    def __neg__(self) -> Any:
        return self._operator(np.negative, self)

    def __pos__(self) -> Any:
        return self._operator(np.positive, self)

    def __abs__(self) -> Any:
        return self._operator(np.absolute, self)

    def __invert__(self) -> Any:
        return self._operator(np.invert, self)

    def __iadd__(self, other: Any) -> Any:
        return self._update(np.add, other)

    def __isub__(self, other: Any) -> Any:
        return self._update(np.subtract, other)

    def __imul__(self, other: Any) -> Any:
        return self._update(np.multiply, other)

    def __itruediv__(self, other: Any) -> Any:
        return self._update(np.true_divide, other)

    def __ifloordiv__(self, other: Any) -> Any:
        return self._update(np.floor_divide, other)

    def __imod__(self, other: Any) -> Any:
        return self._update(np.remainder, other)

    def __ipow__(self, other: Any) -> Any:
        return self._update(np.power, other)

    def __imatmul__(self, other: Any) -> Any:
        return self._update(np.matmul, other)

    def __iand__(self, other: Any) -> Any:
        return self._update(np.bitwise_and, other)

    def __ior__(self, other: Any) -> Any:
        return self._update(np.bitwise_or, other)

    def __ixor__(self, other: Any) -> Any:
        return self._update(np.bitwise_xor, other)

    # Methods: NumPy's functions of the same name

    def sum(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.sum`."""
        return self._call(np.sum, *args, **kwargs)

    def prod(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.prod`."""
        return self._call(np.prod, *args, **kwargs)

    def mean(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.mean`."""
        return self._call(np.mean, *args, **kwargs)

    def var(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.var`."""
        return self._call(np.var, *args, **kwargs)

    def std(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.std`."""
        return self._call(np.std, *args, **kwargs)

    def max(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.max`."""
        return self._call(np.max, *args, **kwargs)

    def min(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.min`."""
        return self._call(np.min, *args, **kwargs)

    def any(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.any`."""
        return self._call(np.any, *args, **kwargs)

    def all(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.all`."""
        return self._call(np.all, *args, **kwargs)

    def argmax(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.argmax`."""
        return self._call(np.argmax, *args, **kwargs)

    def argmin(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.argmin`."""
        return self._call(np.argmin, *args, **kwargs)

    def cumsum(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.cumsum`."""
        return self._call(np.cumsum, *args, **kwargs)

    def cumprod(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.cumprod`."""
        return self._call(np.cumprod, *args, **kwargs)

    def argsort(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.argsort`."""
        return self._call(np.argsort, *args, **kwargs)

    def sort(self, *args: Any, **kwargs: Any) -> None:
        """Sort in place, as `np.ndarray.sort`."""
        self._call(np.copyto, self._call(np.sort, *args, **kwargs))

    def nonzero(self) -> Any:
        """As `np.nonzero`."""
        return self._call(np.nonzero)

    def searchsorted(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.searchsorted`."""
        return self._call(np.searchsorted, *args, **kwargs)

    def reshape(self, *shape: Any, **kwargs: Any) -> Any:
        """As `np.reshape`; the sizes may also be given one by one."""
        return self._call(np.reshape, shape[0] if len(shape) == 1 else shape, **kwargs)

    def view(self, dtype: Any = None) -> Any:
        """As `np.ndarray.view`, for types of the same width."""
        return self._call(np.ndarray.view, dtype)

    def ravel(self, *args: Any) -> Any:
        """As `np.ravel`."""
        return self._call(np.ravel, *args)

    def transpose(self, *axes: Any) -> Any:
        """As `np.transpose`; the axes may also be given one by one."""
        return self._call(np.transpose, None if not axes else axes[0] if len(axes) == 1 else axes)

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        """As `np.swapaxes`."""
        return self._call(np.swapaxes, axis1, axis2)

    def squeeze(self, axis: Any = None) -> Any:
        """As `np.squeeze`."""
        return self._call(np.squeeze, axis)

    def repeat(self, repeats: Any, axis: Any = None) -> Any:
        """As `np.repeat`."""
        return self._call(np.repeat, repeats, axis)

    def take(self, indices: Any, axis: Any = None, **kwargs: Any) -> Any:
        """As `np.take`."""
        return self._call(np.take, indices, axis, **kwargs)

    def diagonal(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.diagonal`."""
        return self._call(np.diagonal, *args, **kwargs)

    def trace(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.trace`."""
        return self._call(np.trace, *args, **kwargs)

    def clip(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.clip`."""
        return self._call(np.clip, *args, **kwargs)

    def round(self, *args: Any, **kwargs: Any) -> Any:
        """As `np.round`."""
        return self._call(np.round, *args, **kwargs)

    def __round__(self, digits: int = 0) -> Any:
        return self._call(np.round, digits)

    def dot(self, other: Any) -> Any:
        """As `np.dot`."""
        return self._call(np.dot, other)

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        """A copy with another dtype."""
        return self._call(np.astype, dtype, *args, **kwargs)

    @property
    def _is_complex(self) -> bool:
        return cast(Any, self).dtype.kind == "c"

    @property
    def real(self) -> Any:
        """The real parts."""
        return self._call(np.real) if self._is_complex else self

    @real.setter
    def real(self, value: Any) -> None:
        cast(Any, self).real[...] = value

    @property
    def imag(self) -> Any:
        """The imaginary parts."""
        return self._call(np.imag)

    @imag.setter
    def imag(self, value: Any) -> None:
        cast(Any, self).imag[...] = value

    def conj(self) -> Any:
        """The complex conjugates; a real array is its own."""
        return self._operator(np.conjugate, self) if self._is_complex else self

    conjugate = conj

    # How they are carried out

    def _rules(self) -> Rules:
        """What NumPy means on this array now.

        Every subclass says it. This is no abstract class because `isinstance` of one, asked at every traced operation, costs
        several times as much.
        """
        raise AssertionError(f"{type(self).__name__}: does not say what NumPy means on it")

    def _operator(self, ufunc: np.ufunc, *operands: Any) -> Any:
        for operand in operands:
            if not isinstance(operand, _OPERANDS):
                return NotImplemented
        return self._rules().ufunc(ufunc, "__call__", operands, {}, is_operator=True)

    def _update(self, ufunc: np.ufunc, operand: Any) -> Any:
        """`self op= operand`. NumPy's results without a dimension are scalars, which cannot change: they are rebound."""
        if not self.shape:
            return self._operator(ufunc, self, operand)
        return self._rules().ufunc(ufunc, "__call__", (self, operand), {"out": (self,)}, is_operator=False)

    def _call(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        return self._rules().function(function, (self, *args), kwargs)


_OPERANDS = (ArrayMethods, np.ndarray, np.generic, int, float, complex, list, tuple)
"""What operators take beside our arrays; anything else may have operators of its own."""
