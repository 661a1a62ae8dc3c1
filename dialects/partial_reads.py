"""`linalg.generic` may read a prefix of an operand: `x[:5]` is the map `(d0) -> (d0)` of a loop of extent 5.

Upstream reads the extent of a loop off any operand that the loop dimension indexes alone, so all of these must be
equal, and a prefix could not be read through a map (while `x[1:6]`, the map `d0 + 1`, could). Here the extent of a loop is the
*smallest* size that its dimension indexes alone; outputs have every parallel dimension in full, so that is what an output
says. Every index must still be in bounds. `allow_partial_reads_in_linalg` widens the verifier of xDSL's class in place.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, cast

from xdsl.dialects.builtin import ShapedType
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir.affine import AffineDimExpr, AffineMap
from xdsl.utils.exceptions import VerifyException

_EXTENT_MESSAGES = ("inferred input/output operand", "unexpected result less than 0")


def loop_extents(maps: Sequence[AffineMap], shapes: Sequence[Sequence[int]]) -> list[int | None]:
    """The extent of every loop; `None` where no operand is indexed by the loop dimension alone.

    `maps` and `shapes` have one entry per operand; scalars have the shape `()`.
    """
    extents: list[int | None] = [None] * (maps[0].num_dims if maps else 0)
    for access, shape in zip(maps, shapes, strict=True):
        for expression, size in zip(access.results, shape, strict=True):
            if isinstance(expression, AffineDimExpr):
                known = extents[expression.position]
                extents[expression.position] = size if known is None else min(known, size)
    return extents


def _verify_bounds(op: GenericOp) -> None:
    """Every index that the loops reach lies in its operand."""
    maps = [attribute.data for attribute in op.indexing_maps.data]
    shapes = [_shape(operand.type) for operand in op.operands]
    extents = [0 if extent is None else extent for extent in loop_extents(maps, shapes)]
    if 0 in extents:
        return  # no iteration, no access
    first, last = [0] * len(extents), [extent - 1 for extent in extents]
    for index, (access, shape) in enumerate(zip(maps, shapes, strict=True)):
        bounds = zip(access.eval(first, []), access.eval(last, []), shape, strict=True)
        for dim, (start, end, size) in enumerate(bounds):
            if min(start, end) < 0 or max(start, end) >= size:
                raise VerifyException(
                    f"linalg.generic: operand {index} is read at {min(start, end)} to {max(start, end)} along dimension {dim}, "
                    f"which has size {size}"
                )


def _shape(operand_type: object) -> tuple[int, ...]:
    return tuple(operand_type.get_shape()) if isinstance(operand_type, ShapedType) else ()


@cache
def allow_partial_reads_in_linalg() -> None:
    """Widen the verifier, once; `dialects.builder` calls it, so it holds wherever IR is built."""
    strict = GenericOp.verify_

    def verify(op: GenericOp) -> None:
        try:
            strict(op)
        except VerifyException as error:
            if not str(error).startswith(_EXTENT_MESSAGES):
                raise
        _verify_bounds(op)

    cast(Any, GenericOp).verify_ = verify
