"""Reading IR at the speed of plain Python objects.

Passes spend a tenth of their time in small methods of xDSL 0.74 that are called for every operation and value: a hash in
Python that is the identity, an iterator that is two calls per operation, sizes of a type that are listed anew each time.
`lean_access` replaces them in place by others with the same results.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, cast

from xdsl.dialects.builtin import MemRefType, TensorType
from xdsl.ir import Operation, core

_ir: Any = core  # what is replaced is private
_item: Any = tuple.__getitem__  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] - of any tuple


@cache
def lean_access() -> None:
    """Replace the methods, once; `dialects.builder` calls it, so it holds wherever IR is built."""
    for kind in (_ir.SSAValue, _ir._IRNode, _ir.Use):
        # By identity, as there.
        kind.__hash__ = object.__hash__
        kind.__eq__ = object.__eq__
    _ir.SSAValues.__getitem__ = _value_at
    _ir.BlockOps.__iter__ = _operations
    _ir.BlockOps.__len__ = _count
    for kind in (TensorType, MemRefType):
        cast(Any, kind).get_shape = _sizes


def _value_at(values: tuple[Any, ...], index: Any) -> Any:
    found = _item(values, index)
    return _ir.SSAValues(found) if type(index) is slice else found


def _operations(ops: Any) -> Iterator[Operation]:
    """The operations of a block; the one that was given last may be moved or erased meanwhile."""
    op = ops.block._first_op
    while op is not None:
        following = op._next_op
        yield op
        op = following


def _count(ops: Any) -> int:
    return sum(1 for _ in _operations(ops))


def _sizes(shaped: Any) -> tuple[int, ...]:
    """The sizes of a type, which cannot change, kept beside its parameters."""
    kept: dict[str, Any] = shaped.__dict__
    if "sizes" not in kept:
        kept["sizes"] = tuple(size.data for size in shaped.shape.data)
    return kept["sizes"]
