"""Where a body changes what it computes: comparisons of its loop indices, decided for boxes of its loops.

A *seam* is a place along one loop at which such a comparison changes its answer: the edge of a padding, the place where an array begins
that another ends before. Within a *box* between seams, selects and clamps of indices decay, and what was read at a computed
place is read by an affine access.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from math import prod
from typing import TypeAlias, cast

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import IndexType, IntegerAttr, i1
from xdsl.dialects.linalg.ops import GenericOp, IndexOp, YieldOp
from xdsl.ir import BlockArgument, Operation, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineExpr

from dialects.builder import OpBuilder
from dialects.structured import captured_values
from passes.linalg.bodies import BodyCopier
from passes.linalg.maps import Access, accesses, build_expression, compose, dimension, linear_terms, normal_form

Box: TypeAlias = tuple[tuple[int, int], ...]
"""The first and the last index of each loop."""

Known: TypeAlias = AffineExpr | bool | SSAValue
"""What stands for a value in a box: an index, linear in those of the loops; a truth; or the result of an operation that stays."""

_INDEX = IndexType()

_ANSWERS: dict[int, Callable[[int, int], bool | None]] = {
    0: lambda low, high: True if low == high == 0 else False if low > 0 or high < 0 else None,
    1: lambda low, high: False if low == high == 0 else True if low > 0 or high < 0 else None,
    2: lambda low, high: True if high < 0 else False if low >= 0 else None,
    3: lambda low, high: True if high <= 0 else False if low > 0 else None,
    4: lambda low, high: True if low > 0 else False if high <= 0 else None,
    5: lambda low, high: True if low >= 0 else False if high < 0 else None,
}
"""For the predicates of signed comparisons with 0: the answer for a range, if there is one."""

_EQUALITIES = (0, 1)


class BoxBody:
    """The body of `op` within `box`: `seams` are the places along the loops `dims` where it would have to be split to be simpler."""

    def __init__(self, op: GenericOp, box: Box, dims: range):
        self.op = op
        self.box = box
        self.dims = dims
        self.seams: set[tuple[int, int]] = set()
        """Pairs of a loop and an index where something else begins."""
        self.has_answers = False
        """Whether comparisons have one answer in all of the box, so that it is simpler than the body."""
        self.kept: set[Operation] = set()
        """The operations that still compute something."""
        self._block = op.body.block
        self._known: dict[SSAValue, Known] = {}
        self._needed: set[SSAValue] = set()
        # Backwards, so that what no part needs is not asked for, and without recursion, however long the body is.
        for inner in reversed(self._block.ops):
            if isinstance(inner, YieldOp):
                self._need(inner.operands)
            elif not self._needed.isdisjoint(inner.results):
                self._simplify(inner)

    @property
    def width(self) -> int:
        """The extent of the last loop."""
        return self.box[-1][1] - self.box[-1][0] + 1

    @property
    def num_points(self) -> int:
        """The number of loop iterations."""
        return prod(high - low + 1 for low, high in self.box)

    @property
    def num_ops(self) -> int:
        """How many operations are left besides those on indices."""
        return sum(op.results[0].type != _INDEX for op in self.kept)

    def _need(self, values: Iterable[SSAValue]) -> None:
        for value in values:
            if _is_logic(value):
                self._resolve(value)
            else:
                self._needed.add(value)

    def _simplify(self, op: Operation) -> None:
        """Keep an operation on elements, unless it is a selection whose condition is known or will be."""
        if isinstance(op, arith.SelectOp):
            seams = len(self.seams)
            condition = self._resolve(op.cond)
            if isinstance(condition, bool):
                chosen = self._known[op.result] = op.lhs if condition else op.rhs
                self._need((chosen,))
                return
            if len(self.seams) > seams:
                return
        self._keep(op)

    def _keep(self, op: Operation) -> None:
        self.kept.add(op)
        self._need(op.operands)
        if op.regions:
            self._need(captured_values(op))

    def _resolve(self, value: SSAValue) -> Known:
        """What stands for an index or a truth."""
        known = self._known.get(value)
        if known is None:
            owner = value.owner
            known = value
            if isinstance(owner, Operation) and owner.parent is self._block:
                if owner.regions:
                    self._keep(owner)
                else:
                    known = self._resolve_op(owner)
            self._known[value] = known
        return known

    def _resolve_op(self, op: Operation) -> Known:
        value = op.results[0]
        seams = len(self.seams)
        match op:
            case IndexOp():
                return dimension(op.dim.value.data)
            case arith.ConstantOp():
                number = cast(IntegerAttr[IndexType], op.value).value.data
                return AffineExpr.constant(number) if value.type == _INDEX else bool(number)
            case arith.AddiOp() | arith.SubiOp() | arith.MuliOp() if value.type == _INDEX:
                linear = _linear(op, *map(self._resolve, op.operands))
                if linear is not None:
                    return linear
            case arith.MaxSIOp() | arith.MinSIOp() if value.type == _INDEX:
                left, right = map(self._resolve, op.operands)
                is_left = self._compare(left, right, 5 if isinstance(op, arith.MaxSIOp) else 3)
                if is_left is not None:
                    return left if is_left else right
            case arith.CmpiOp() if op.lhs.type == _INDEX:
                answer = self._compare(self._resolve(op.lhs), self._resolve(op.rhs), op.predicate.value.data)
                if answer is not None:
                    return answer
            case arith.AndIOp() | arith.OrIOp() if value.type == i1:
                decisive = isinstance(op, arith.OrIOp)
                for first, second in (op.operands, reversed(op.operands)):
                    known = self._resolve(first)
                    if isinstance(known, bool):
                        return decisive if known is decisive else self._resolve(second)
                    if len(self.seams) > seams:
                        return value
            case arith.SelectOp():
                condition = self._resolve(op.cond)
                if isinstance(condition, bool):
                    return self._resolve(op.lhs if condition else op.rhs)
                if len(self.seams) > seams:
                    return value
            case _:
                pass
        self._keep(op)
        return value

    def _standing_for(self, value: SSAValue) -> Known:
        """What has been chosen for `value`."""
        known: Known = value
        while isinstance(known, SSAValue) and (chosen := self._known.get(known, known)) is not known:
            known = chosen
        return known

    def _compare(self, left: Known, right: Known, predicate: int) -> bool | None:
        """The answer within the box, if there is one; if there is one on either side of a place, that place is a seam."""
        if not isinstance(left, AffineExpr) or not isinstance(right, AffineExpr) or predicate not in _ANSWERS:
            return None
        terms: dict[int, int] = {}
        plus, minus = linear_terms(left, terms), linear_terms(right, terms, -1)
        if plus is None or minus is None:
            return None
        base = plus + minus + sum(factor * self.box[dim][0] for dim, factor in terms.items())
        terms = {dim: factor for dim, factor in terms.items() if factor and self.box[dim][0] != self.box[dim][1]}
        reach = [factor * (self.box[dim][1] - self.box[dim][0]) for dim, factor in terms.items()]
        low, high = base + sum(min(r, 0) for r in reach), base + sum(max(r, 0) for r in reach)
        answer = _ANSWERS[predicate](low, high)
        self.has_answers |= answer is not None
        if answer is None and len(terms) == 1 and next(iter(terms)) in self.dims:
            ((dim, factor),) = terms.items()
            first, last = self.box[dim]
            if predicate in _EQUALITIES:
                place = first - base // factor
                place += place == first
            else:
                place = _first_change(lambda i: _ANSWERS[predicate](*[base + factor * (i - first)] * 2), first, last)
            self.seams.add((dim, place))
        return answer

    def build(self, b: OpBuilder, add_read: Callable[[SSAValue, Access], SSAValue]) -> list[SSAValue]:
        """Append the operations that are left and return what they yield; loop indices count from the corner of the box."""
        dims: Access = tuple(
            AffineExpr.constant(low) if low == high else dimension(d) + low for d, (low, high) in enumerate(self.box)
        )
        copier = BodyCopier(b)
        indices: dict[AffineExpr, SSAValue] = {}
        values: dict[SSAValue, SSAValue] = {}
        maps = accesses(self.op)

        def built(known: Known) -> SSAValue:
            if isinstance(known, bool):
                return copier.constant(IntegerAttr(int(known), i1), i1)
            if isinstance(known, AffineExpr):
                return build_expression(b, compose((known,), dims)[0], indices)
            if isinstance(known, BlockArgument) and known.owner is self._block and known not in values:
                values[known] = add_read(self.op.inputs[known.index], compose(maps[known.index], dims))
            return values.get(known, known)

        for op in self._block.ops:
            b.location = op.location
            if isinstance(op, arith.ConstantOp) and op.result.type != _INDEX:
                values[op.result] = copier.constant(op.properties["value"], op.result.type)
            elif op in self.kept:
                known = list(map(self._standing_for, op.operands))
                if isinstance(op, tensor.ExtractOp) and all(isinstance(index, AffineExpr) for index in known[1:]):
                    read = compose(cast(Access, tuple(known[1:])), dims)
                    values[op.result] = add_read(op.tensor, tuple(map(normal_form, read)))
                elif op.regions:
                    used = (*op.operands, *captured_values(op))
                    new = b.insert(op.clone({value: built(self._standing_for(value)) for value in used}))
                    values.update(zip(op.results, new.results, strict=True))
                else:
                    new = b.create_op(
                        type(op), list(map(built, known)), [result.type for result in op.results], op.properties,
                        attributes=dict(op.attributes),
                    )  # fmt: skip
                    values.update(zip(op.results, new.results, strict=True))
        last = self._block.last_op
        assert last is not None
        return [built(self._standing_for(value)) for value in last.operands]


def _is_logic(value: SSAValue) -> bool:
    return value.type in (_INDEX, i1)


def is_choice(op: Operation) -> bool:
    """Whether an operation of a body computes indices, chooses among elements, or reads or passes on one."""
    return isinstance(op, arith.ConstantOp | arith.SelectOp | tensor.ExtractOp | YieldOp) or (_is_logic(op.results[0]))


def _linear(op: Operation, left: Known, right: Known) -> AffineExpr | None:
    if not isinstance(left, AffineExpr) or not isinstance(right, AffineExpr):
        return None
    if isinstance(op, arith.MuliOp):
        if isinstance(left, AffineConstantExpr):
            left, right = right, left
        return normal_form(left * right) if isinstance(right, AffineConstantExpr) else None
    return normal_form(left + right if isinstance(op, arith.AddiOp) else left - right)


def _first_change(answer: Callable[[int], bool | None], first: int, last: int) -> int:
    """The first index behind `first` with another answer; there is one such place up to `last`."""
    while last - first > 1:
        middle = (first + last) // 2
        first, last = (middle, last) if answer(middle) == answer(first) else (first, middle)
    return last


def boxes_between_seams(
    op: GenericOp, sizes: tuple[int, ...], dims: range, max_parts: int, max_ops: int
) -> list[BoxBody] | str:
    """The body of `op` in each box between its seams along the loops `dims`, in order; or why there would be too many."""
    found: list[BoxBody] = []
    waiting: list[Box] = [tuple((0, size - 1) for size in sizes)]
    num_ops = 0
    while waiting:
        body = BoxBody(op, waiting.pop(), dims)
        if not found and not waiting:
            # What computes more than indices and choices is in every part: there is no need to look at them all.
            arithmetic = sum(not is_choice(inner) for inner in op.body.block.ops)
            if arithmetic * prod(1 + n for n in Counter(d for d, _ in body.seams).values()) > max_ops:
                return f"the parts together would have more than {max_ops} operations"
        if not body.seams:
            found.append(body)
            num_ops += body.num_ops
        else:
            outer = min(dim for dim, _ in body.seams)
            low, high = body.box[outer]
            starts = sorted({low, *(place for dim, place in body.seams if dim == outer)})
            parts = zip(starts, [*(start - 1 for start in starts[1:]), high], strict=True)
            waiting += [(*body.box[:outer], part, *body.box[outer + 1 :]) for part in reversed(list(parts))]
        if len(found) + len(waiting) > max_parts:
            return f"there would be more than {max_parts} parts"
        if len(found) > 1 and num_ops > max_ops:
            return f"the parts together would have more than {max_ops} operations"
    return found
