"""Views of contiguous memrefs with another shape."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, cast

from xdsl.dialects import memref
from xdsl.dialects.builtin import ArrayAttr
from xdsl.ir import SSAValue

from dialects.builder import OpBuilder, int_array, memref_type
from dialects.reshapes import reassociation_attribute


def reassociation(*groups: int) -> ArrayAttr[Any]:
    """The reassociation that groups consecutive dimensions: `reassociation(2, 1)` is `[[0, 1], [2]]`."""
    ends = zip(groups, accumulate(groups), strict=True)
    return reassociation_attribute(tuple(tuple(range(end - size, end)) for size, end in ends))


def build_reshape(b: OpBuilder, source: SSAValue, shape: Sequence[int]) -> SSAValue:
    """View the contiguous memref `source` as a contiguous memref of `shape`, which has as many elements.

    Goes through rank 1: `memref.collapse_shape`, then `memref.expand_shape`, leaving out what is not needed.
    """
    source_type = cast(Any, source.type)
    element, old, new = source_type.element_type, tuple(source_type.get_shape()), tuple(shape)
    if old == new:
        return source
    size = 1
    for extent in old:
        size *= extent
    if len(old) > 1:
        groups = (len(old),) if new else ()
        flat_type = memref_type(element, (size,) if new else ())
        source = b.create(memref.CollapseShapeOp, (source,), flat_type, {"reassociation": reassociation(*groups)})
    elif len(old) == 1 and not new:
        return b.create(memref.CollapseShapeOp, (source,), memref_type(element, ()), {"reassociation": reassociation()})
    if tuple(cast(Any, source.type).get_shape()) == new:
        return source
    groups = (len(new),) if old else ()
    return b.create(
        memref.ExpandShapeOp,
        (source,),
        memref_type(element, new),
        {"reassociation": reassociation(*groups), "static_output_shape": int_array(new)},
    )
