"""What a traced mask picks: `x[mask]` has as many elements as the mask says, which is not known while tracing.

So the elements stay where they are in `x`: functions of elements are computed everywhere, sums leave out what the mask
does, and assigning by the same mask selects. All else would need their number, and is an error.
"""

from collections.abc import Callable
from typing import Any, NoReturn, cast

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from xdsl.ir import OpResult, SSAValue

from compiler.errors import TracingError, at_user_line
from compiler.frames import current_frame
from compiler.tracer import Tracer, describe, value_of, xp
from dialects.dlc.interfaces import TensorOp


def mask_message(mask: Tracer) -> str:
    """Why a traced mask cannot pick elements, and what to do."""
    return at_user_line(
        f"index: the mask is {describe(mask)}: how many elements it picks is not known while tracing; use "
        "`np.where(mask, x, other)`, sum the elements: `x[mask].sum()`, or assign to them: `x[mask] = value`, "
        "`x[mask] += y[mask]`, where all masks are the same"
    )


def fail_masked(mask: Tracer) -> NoReturn:
    """Raise the error for a traced mask where elements must be picked."""
    raise TracingError(mask_message(mask))


class MaskedElements(NDArrayOperatorsMixin):
    """What `x[mask]` is for a traced mask: it can be computed with, summed, and assigned by the same mask.

    Attributes:
        part: the part of `x` that the mask is laid over, with all that was computed carried out everywhere. It is 1
            where the mask is false, so that nothing is computed there that traps or has no derivative.
        condition: the mask, in a shape that broadcasts to that of `part`.
        places: equal if the elements that one mask picks are in the same dimension of the result.
    """

    __slots__ = ("_message", "_spread", "condition", "part", "places")
    __array_priority__ = 2 * Tracer.__array_priority__

    def __init__(self, part: Tracer, condition: Tracer, places: Any, spread: Callable[[Any], Any], message: str):
        self.part = part
        self.condition = condition
        self.places = places
        self._spread = spread
        self._message = message

    def is_aligned(self, other: "MaskedElements") -> bool:
        """Whether both are elements at the same places."""
        return self.places == other.places and is_same_value(
            *[value_of(x.condition, current_frame()) for x in (self, other)]
        )

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = (), **arguments: Any) -> Any:
        if method != "__call__" or arguments or not all(result is self for result in out):
            self.fail()
        operands = [self._operand(x) for x in inputs]
        if out:
            self.part = self.part.copy()
            ufunc(*operands, out=self.part)
            return self
        result: Any = ufunc(*operands)
        if isinstance(result, tuple):
            return tuple(map(self._with_part, cast(tuple[Tracer, ...], result)))
        return self._with_part(result)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function not in _SUMS or kwargs or len(args) != 1 or args[0] is not self:
            self.fail()
        return function(self.part, where=self.condition)

    def _operand(self, x: object) -> Any:
        if not isinstance(x, MaskedElements):
            return self._spread(x)
        if not self.is_aligned(x):
            x.fail()
        return x.part

    def _with_part(self, part: Tracer) -> "MaskedElements":
        return MaskedElements(part, self.condition, self.places, self._spread, self._message)

    def sum(self) -> Any:
        """The sum of the elements."""
        return xp.sum(self)

    def prod(self) -> Any:
        """Their product."""
        return xp.prod(self)

    def mean(self) -> Any:
        """Their mean."""
        return xp.mean(self)

    def any(self) -> Any:
        """Whether one of them is true."""
        return xp.any(self)

    def all(self) -> Any:
        """Whether all of them are true."""
        return xp.all(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") and not hasattr(np.ndarray, name):
            raise AttributeError(name)
        raise TracingError(self._message)

    def fail(self, *_: Any, **__: Any) -> NoReturn:
        """Raise the error."""
        raise TracingError(self._message)

    __len__ = __iter__ = __bool__ = __float__ = __int__ = __index__ = fail
    __getitem__ = __setitem__ = __array__ = __repr__ = fail


_SUMS = frozenset({np.sum, np.prod, np.mean, np.any, np.all})
"""Functions that know `where`, and what their result is if nothing is picked."""


def is_same_value(first: SSAValue, second: SSAValue) -> bool:
    """Whether two values are one, or are computed by equal operations from the same values."""
    pairs = [(first, second)]
    seen = set(pairs)
    while pairs:
        first, second = pairs.pop()
        if first is second:
            continue
        if not (isinstance(first, OpResult) and isinstance(second, OpResult) and first.index == second.index):
            return False
        one, other = first.op, second.op
        if not isinstance(one, TensorOp) or type(one) is not type(other) or one.regions:
            return False
        if first.type != second.type or one.properties != other.properties:
            return False
        if len(one.operands) != len(other.operands):
            return False
        new = [pair for pair in zip(one.operands, other.operands, strict=True) if pair not in seen]
        seen.update(new)
        pairs.extend(new)
    return True
