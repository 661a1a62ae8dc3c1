"""Reshapes of tensors: looking through them."""

from collections.abc import Sequence
from functools import reduce
from typing import Any, cast

from xdsl.dialects import tensor
from xdsl.dialects.builtin import ArrayAttr, IntegerAttr
from xdsl.ir import Operation, SSAValue

from dialects.reshapes import Groups
from passes.linalg.maps import ZERO, Access, normal_form, shape_of

RESHAPES = (tensor.CollapseShapeOp, tensor.ExpandShapeOp)


def source_of(value: SSAValue) -> SSAValue:
    """The tensor that `value` is in another shape."""
    while isinstance(value.owner, RESHAPES):
        value = value.owner.operands[0]
    return value


def reassociation(op: Operation) -> Groups:
    """The groups of a `tensor.collapse_shape` or `tensor.expand_shape`."""
    groups = cast(ArrayAttr[ArrayAttr[IntegerAttr[Any]]], op.properties["reassociation"])
    return tuple(tuple(position.value.data for position in group.data) for group in groups.data)


def unit_reshape_access(op: Operation, access: Access) -> Access | None:
    """The access to the operand of the reshape `op` that reads what `access` reads of its result.

    `None` if the reshape does more than to add or remove dimensions of size 1.
    """
    source, result = shape_of(op.operands[0]), shape_of(op.results[0])
    if [size for size in source if size != 1] != [size for size in result if size != 1]:
        return None
    kept = iter([expression for expression, size in zip(access, result, strict=True) if size != 1])
    return tuple(ZERO if size == 1 else next(kept) for size in source)


def expansion_access(op: tensor.ExpandShapeOp, access: Access) -> Access:
    """The access to the operand of `op` that reads what `access` reads of its result: a row-major position in each group."""
    shape = shape_of(op.result)
    return tuple(
        normal_form(reduce(lambda position, d: position * shape[d] + access[d], group, ZERO))
        for group in reassociation(op)
    )


def spread(groups: Sequence[Sequence[int]], rank: int) -> Groups:
    """Attach the dimensions below `rank` that are in no group to their neighbours, keeping order.

    They must have size 1; `groups` must not be empty unless `rank` is 0.
    """
    owner = [-1] * rank
    for index, group in enumerate(groups):
        for d in group:
            owner[d] = index
    current = 0
    for d in range(rank):
        if owner[d] < 0:
            owner[d] = current
        current = owner[d]
    return tuple(tuple(d for d in range(rank) if owner[d] == index) for index in range(len(groups)))
