"""Kernels that take one row after the other: all that they compute of a row, before they look at the next.

Where statements share one more loop inside the tile and some only add up over it what the others compute of each row, that loop goes around
all sweeps. A row stays in the nearest cache from its first sweep to its last, and sums are added to in memory:

    for each part: sums = 0; for each row: mean, variance, normalised row, …; sums += normalised row
"""

from math import prod
from typing import NamedTuple

from xdsl.dialects.linalg.ops import IndexOp
from xdsl.ir.affine import AffineExpr

from passes.memref.accesses import Access, Buffer, Index
from passes.memref.statements import Kernel, Output, Statement
from passes.memref.sweeps import Sweep

LEAST_ROW = 16
"""The least work on one row that is worth a loop of its own."""


class _Roles(NamedTuple):
    rows: int
    """The extent of the loop over rows."""
    sums: dict[Statement, int]
    """The statements that add up over it, each with the dimension that it is for them."""


def take_rows(kernel: Kernel) -> list[Sweep]:
    """Make the loop over rows the last of the tile, if there is one; return what clears the sums before it."""
    roles = _find_roles(kernel)
    if roles is None:
        return []
    rank = kernel.rank
    kernel.tile = (*kernel.tile, roles.rows)
    kernel.rank += 1
    for buffer in kernel.buffers.values():
        if buffer.is_temporary:
            buffer.inner_shape = buffer.shape[kernel.rank :]
    clearing: list[Sweep] = []
    for statement in kernel.statements:
        dim = roles.sums.get(statement)
        if dim is not None:
            _move_rows_in_front(statement, dim, rank)
        statement.tile_rank = kernel.rank
        for output in statement.outputs:
            if dim is not None and output.initial is not None:
                fill = Statement(
                    statement.op,
                    statement.sizes[: statement.num_parallel],
                    kernel.rank,
                    statement.num_parallel,
                    outputs=[Output(output.access, None, output.initial)],
                )
                clearing.append(Sweep(len(clearing), fill.extents, is_sequential=False, statements=[fill]))
                output.initial = None
    return clearing


def _find_roles(kernel: Kernel) -> _Roles | None:
    rank = kernel.rank
    if not rank:
        return None
    extents: set[int] = set()
    longest = 0
    sums: dict[Statement, int] = {}
    for statement in kernel.statements:
        dim = _row_dim(statement, rank)
        if dim is None:
            return None
        extents.add(statement.sizes[dim])
        if dim >= statement.num_parallel:
            sums[statement] = dim
        else:
            longest = max(longest, prod(statement.sizes[rank + 1 :]))
    if (
        not sums
        or longest < LEAST_ROW
        or len(extents) != 1
        or not all(_may_add_up(kernel, statement) for statement in sums)
    ):
        return None
    return _Roles(extents.pop(), sums)


def _row_dim(statement: Statement, rank: int) -> int | None:
    """The loop dimension that is the row wherever `statement` reads and writes rows."""
    if statement.is_opaque or statement.scatter is not None:
        return None
    tile = tuple(_alone(dim) for dim in range(rank))
    found: set[int | None] = set()
    for access in (*statement.read_accesses(), *(output.access for output in statement.outputs)):
        is_sum = statement.is_reduction and any(access is output.access for output in statement.outputs)
        if access.indices[:rank] == tile and len(access.indices) > rank and not is_sum:
            found.add(_dim_alone(access.indices[rank]))
        elif access.buffer.is_temporary and not is_sum:
            return None
    if not found and statement.is_reduction and statement.num_parallel > rank:
        return rank
    (dim,) = found if len(found) == 1 else (None,)
    if dim is None or (dim < statement.num_parallel and dim != rank):
        return None
    if dim < statement.num_parallel and any(
        output.access.indices[: rank + 1] != (*tile, _alone(rank)) for output in statement.outputs
    ):
        return None
    return dim


def _may_add_up(kernel: Kernel, statement: Statement) -> bool:
    """Whether nothing else needs to know the sums, or is needed to know where in them a point lies."""
    if any(isinstance(op, IndexOp) for op in statement.body) or statement.captured or statement.is_sequential:
        return False
    written = {output.access.buffer for output in statement.outputs}
    return not any(output.is_running or output.access.buffer.is_temporary for output in statement.outputs) and not any(
        _uses(other, buffer) for other in kernel.statements if other is not statement for buffer in written
    )


def _uses(statement: Statement, buffer: Buffer) -> bool:
    return (
        buffer in statement.captured
        or buffer in statement.written()
        or any(access.buffer is buffer for access in statement.read_accesses())
    )


def _move_rows_in_front(statement: Statement, dim: int, rank: int) -> None:
    """Renumber the loops so that `dim` follows the tile and is parallel: its points come one after the other anyway."""
    order = [*range(rank), dim, *(d for d in range(rank, len(statement.sizes)) if d != dim)]
    place = {old: new for new, old in enumerate(order)}
    statement.sizes = tuple(statement.sizes[old] for old in order)
    statement.num_parallel += 1

    def moved(access: Access) -> Access:
        return Access(access.buffer, tuple(_renumbered(i, place) for i in access.indices), len(order))

    statement.inputs = [
        (argument, moved(source) if isinstance(source, Access) else source) for argument, source in statement.inputs
    ]
    for output in statement.outputs:
        output.access = moved(output.access)


def _renumbered(index: Index, place: dict[int, int]) -> Index:
    terms = tuple(sorted((place[dim], factor) for dim, factor in index.terms))
    expression = index.expression
    if expression is not None:
        expression = expression.replace_dims_and_symbols(
            [AffineExpr.dimension(place[dim]) for dim in range(len(place))], ()
        )
    return index._replace(terms=terms, expression=expression)


def _alone(dim: int) -> Index:
    return Index(((dim, 1),), 0)


def _dim_alone(index: Index) -> int | None:
    is_alone = len(index.terms) == 1 and index == _alone(index.terms[0][0])
    return index.terms[0][0] if is_alone else None
