"""Constructors for reshapes of tensors: `tensor.collapse_shape` and `tensor.expand_shape`."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, cast

from xdsl.dialects import tensor
from xdsl.dialects.builtin import ArrayAttr, IntegerAttr, TensorType, i64
from xdsl.ir import SSAValue

from dialects.builder import OpBuilder, int_array, tensor_type
from dialects.structured import build_copy

Groups = tuple[tuple[int, ...], ...]
"""For each dimension of the smaller shape, the dimensions of the larger shape that it stands for."""


@lru_cache(maxsize=1024)
def reassociation_attribute(groups: Groups) -> ArrayAttr[Any]:
    """The attribute of `groups`, one object per value."""
    return ArrayAttr([ArrayAttr([IntegerAttr(d, i64) for d in group]) for group in groups])


def build_collapse(b: OpBuilder, value: SSAValue, groups: Groups, shape: Sequence[int]) -> SSAValue:
    """Append a `tensor.collapse_shape` to `shape`."""
    element = cast(TensorType[Any], value.type).element_type
    return b.create(
        tensor.CollapseShapeOp,
        (value,),
        tensor_type(element, tuple(shape)),
        {"reassociation": reassociation_attribute(groups)},
    )


def build_expand(b: OpBuilder, value: SSAValue, groups: Groups, shape: Sequence[int]) -> SSAValue:
    """Append a `tensor.expand_shape` to `shape`."""
    element = cast(TensorType[Any], value.type).element_type
    return b.create(
        tensor.ExpandShapeOp,
        (value,),
        tensor_type(element, tuple(shape)),
        {
            "reassociation": reassociation_attribute(groups),
            "static_output_shape": int_array(tuple(shape)),
        },
    )


def build_reshape(b: OpBuilder, source: SSAValue, shape: Sequence[int]) -> SSAValue:
    """Append `tensor.collapse_shape` and `tensor.expand_shape` as needed to give `source` the `shape`.

    A tensor of rank 0 is copied instead of expanded: xDSL's `tensor.expand_shape` does not take it.
    """
    source_type = cast(TensorType[Any], source.type)
    old, new = source_type.get_shape(), tuple(shape)
    if old == new:
        return source
    if not old:
        return build_copy(b, source, tensor_type(source_type.element_type, new), ())
    groups = () if not new else _groups(old, new)
    if groups is not None:
        return build_collapse(b, source, groups, new)
    groups = _groups(new, old)
    if groups is None:
        if len(old) > 1:
            source = build_collapse(b, source, (tuple(range(len(old))),), (math.prod(old),))
        groups = (tuple(range(len(new))),)
        if len(new) == 1:
            return source
    return build_expand(b, source, groups, new)


def _groups(fine: tuple[int, ...], coarse: tuple[int, ...]) -> Groups | None:
    """The consecutive dimensions of `fine` that multiply to each size of `coarse`, or `None`."""
    if len(fine) < len(coarse) or not coarse or 0 in fine:
        return None
    groups: list[list[int]] = []
    dim = 0
    for size in coarse:
        group = [dim]
        product = fine[dim] if dim < len(fine) else 0
        dim += 1
        while 0 < product < size and dim < len(fine):
            product *= fine[dim]
            group.append(dim)
            dim += 1
        if product != size:
            return None
        groups.append(group)
    if any(size != 1 for size in fine[dim:]):
        return None
    groups[-1].extend(range(dim, len(fine)))
    return tuple(tuple(group) for group in groups)
