"""The code of `rt.fft`: one row of the tile after the other, step by step (`dialects/fourier.py` has the formula).

Between the first and the last step a row is two planes, of real and of imaginary parts, in scratch and, where the result is one
piece of memory, in its place. So every access is contiguous: lanes run over `q` (and over the columns, if transforms run along
a dimension that is not the last), or over `p` in a first step of single elements, which shuffles what it writes. An inverse
transform is one with real and imaginary parts exchanged, before and after.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeAlias, cast

from xdsl.dialects import arith, memref
from xdsl.dialects.builtin import DenseArrayBase, MemRefType, i32
from xdsl.ir import Attribute, SSAValue

from dialects import rt
from dialects.builder import OpBuilder, memref_type
from dialects.fourier import WRITTEN_OUT, RootTable, Step
from dialects.structured import build_for
from passes.memref.butterflies import Complex, ComplexArithmetic
from passes.memref.fft_memory import INDEX, FftMemory, Interleaved, Place, Planes, Position
from passes.memref.statements import bit_width

Roots: TypeAlias = Callable[[OpBuilder, Position], Complex]
"""Appends the root `w^(k p)` for `k > 0`, in one lane or for as many `p` as there are lanes."""

Load: TypeAlias = Callable[[OpBuilder, Position], Complex]
Store: TypeAlias = Callable[[OpBuilder, Position, Complex], None]

_NO_OPERANDS = DenseArrayBase.from_list(i32, [0, 0])


@dataclass(frozen=True)
class Walk:
    """How far the elements of a place are apart: from one `j` or `k` to the next, from one `p`, and from one group of columns."""

    leg: int
    point: int
    group: int


class FftCode:
    """Appends the code of `op` for the range of tile points that `b.block` has as its first arguments."""

    def __init__(self, op: rt.FftOp, b: OpBuilder, memory: Mapping[SSAValue, SSAValue], vector_bits: int):
        self.layout = layout = op.layout
        self.plan = layout.plan
        element = cast(MemRefType[Attribute], op.input.type).element_type
        self.m = FftMemory(b, element)
        self.columns = layout.source[2] // layout.split
        self.inner = layout.source[2]
        self.points = layout.points
        self.width = max(1, vector_bits // bit_width(element))
        self.is_inverse = op.inverse is not None or layout.kind == "inverse_real"
        self.scale = op.scale.value.data
        self.source, self.roots, self.target = (self.m.flat(memory[v]) for v in (op.input, op.roots, op.outs[0]))
        self.has_scratch = len(op.outs) > 1
        size = 2 * self.points * self.columns * layout.num_planes
        self.scratch = self.m.flat(memory[op.outs[1]]) if self.has_scratch else self._allocate(size) if size else None

    def emit(self) -> None:
        """Append the loop over the tile."""
        lower, upper = self.m.front.block.args[:2]

        def row(b: OpBuilder, tile: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            self._row(b, tile)
            return carried

        build_for(self.m.front, lower, upper, self.m.number(1), (), row)

    def _allocate(self, size: int) -> SSAValue:
        scratch_type = memref_type(self.m.element, (size,))
        return self.m.front.create(memref.AllocaOp, (), scratch_type, {"operandSegmentSizes": _NO_OPERANDS})

    def _row(self, b: OpBuilder, tile: SSAValue) -> None:
        """Append the transforms of one point of the tile."""
        m, layout = self.m, self.layout
        outer: Position = tile
        first: Position = 0
        if layout.split > 1:
            outer = b.create(arith.DivUIOp, (tile, m.number(layout.split)), INDEX)
            first = m.times(b, b.create(arith.RemUIOp, (tile, m.number(layout.split)), INDEX), self.columns)
        source, target = (
            Interleaved(
                memory,
                m.plus(b, m.times(b, outer, elements * self.inner * parts), m.times(b, first, parts)),
                parts == 1,
                self.is_inverse,
            )
            for memory, (_, elements, _, parts) in ((self.source, layout.source), (self.target, layout.target))
        )
        size = self.points * self.columns
        start = m.times(b, tile, 2 * size * layout.num_planes) if self.has_scratch else 0
        others = [
            Planes(cast(SSAValue, self.scratch), m.plus(b, start, 2 * size * i), size) for i in range(layout.num_planes)
        ]
        if layout.fits_target:
            others.append(Planes(self.target, target.base, size))
        places: list[Place] = [others[i % 2] for i in reversed(range(layout.turns))]
        if layout.kind != "inverse_real":
            places.insert(0, source)
        elif layout.is_paired:
            self._enter_pairs(b, source, cast(Planes, places[0]))
        else:
            self._enter_half(b, source, cast(Planes, places[0]))
        if layout.kind != "real":
            places.append(target)
        for step, (before, after) in zip(self.plan.steps, pairwise(places), strict=True):
            self._step(b, step, before, after)
        if layout.kind == "real" and layout.is_paired:
            self._leave_pairs(b, cast(Planes, places[-1]), target)
        elif layout.kind == "real":
            self._leave_half(b, cast(Planes, places[-1]), target)

    # Steps

    def _step(self, b: OpBuilder, step: Step, before: Place, after: Place) -> None:
        """Append one step from `before` to `after`."""
        m, columns = self.m, self.columns
        row = step.stride * columns
        factor = self.scale if isinstance(after, Interleaved) else 1.0
        if row == 1:
            self._step_of_elements(b, step, before, after, factor)
            return
        reads = Walk(step.points * row, row, columns)
        if isinstance(before, Interleaved):
            reads = Walk(step.points * self.inner, self.inner, self.inner)
        writes = Walk(row, step.radix * row, columns)
        if isinstance(after, Interleaved):
            writes = Walk(step.stride * self.inner, step.radix * step.stride * self.inner, self.inner)
        groups, length = (1, row) if reads.group == writes.group == columns else (step.stride, columns)
        width = _power_of_two(min(self.width, length))

        def for_point(b: OpBuilder, p: Position, roots: Roots | None) -> None:
            known: dict[Position, Complex] = {}
            if roots is not None and step.turns is None:
                known = {k: self._splat(b, roots(b, k), width) for k in range(1, step.radix)}

            def splat_roots(b: OpBuilder, k: Position) -> Complex:
                return known[k] if k in known else self._splat(b, cast(Roots, roots)(b, k), width)

            def for_group(b: OpBuilder, group: Position) -> None:
                def for_lanes(b: OpBuilder, q: Position) -> None:
                    at, to = q, q
                    for position, read, write in ((p, reads.point, writes.point), (group, reads.group, writes.group)):
                        at = m.plus(b, at, m.times(b, position, read))
                        to = m.plus(b, to, m.times(b, position, write))

                    def load(b: OpBuilder, j: Position) -> Complex:
                        return m.load(b, before, at, m.times(b, j, reads.leg), width)

                    def store(b: OpBuilder, k: Position, x: Complex) -> None:
                        m.store(b, after, to, m.times(b, k, writes.leg), x)

                    self._transform(b, step, load, store, None if roots is None else splat_roots, factor, width)

                m.for_lanes(b, length, width, for_lanes)

            m.for_each(b, groups, 1, for_group)

        self._for_points(b, step.roots, step.points, 1, for_point)

    def _step_of_elements(self, b: OpBuilder, step: Step, before: Place, after: Place, factor: float) -> None:
        """Append a step of single elements: lanes run over `p`, and the results of one `p` are neighbours."""
        m = self.m
        width = _power_of_two(min(self.width, step.points if step.roots is None else step.roots.fine))

        def for_point(b: OpBuilder, p: Position, roots: Roots | None) -> None:
            to = m.times(b, p, step.radix)
            results: list[Complex] = []

            def load(b: OpBuilder, j: Position) -> Complex:
                return m.load(b, before, p, m.times(b, j, step.points), width)

            def store(b: OpBuilder, k: Position, x: Complex) -> None:
                if step.turns is None:
                    results.append(x)
                else:
                    m.store_lanes(b, after, to, k, x, step.radix)

            self._transform(b, step, load, store, roots, factor, width)
            if results:
                m.store_in_turn(b, after, to, results)

        self._for_points(b, step.roots, step.points, width, for_point)

    def _transform(
        self, b: OpBuilder, step: Step, load: Load, store: Store, roots: Roots | None, factor: float, width: int
    ) -> None:
        """Append what a step does at one place, in all lanes."""
        a = self.m.arithmetic(b, width)
        if step.turns is not None:
            self._transform_in_loops(a, step, step.turns, load, store, roots, factor, width)
            return
        for k, x in enumerate(a.transform([load(b, j) for j in range(step.radix)])):
            store(b, k, a.scale(x if k == 0 or roots is None else a.multiply(x, roots(b, k)), factor))

    def _transform_in_loops(
        self,
        a: ComplexArithmetic,
        step: Step,
        turns: int,
        load: Load,
        store: Store,
        roots: Roots | None,
        factor: float,
        width: int,
    ) -> None:
        """As `ComplexArithmetic.transform` of an odd number of points: sums and differences of `x[j]` and `x[r - j]` are kept."""
        m, half, radix = self.m, step.half, step.radix
        kept = [self._allocate(2 * half * width) for _ in range(2)]
        sums, differences = (Planes(memory, 0, half * width) for memory in kept)
        b = a.b
        first = load(b, 0)

        def for_pair(b: OpBuilder, j: SSAValue, total: Sequence[SSAValue]) -> Sequence[SSAValue]:
            a.b = b
            x, y = load(b, m.plus(b, j, 1)), load(b, m.minus(b, radix - 1, j))
            both = a.add(x, y)
            at = m.times(b, j, width)
            m.store(b, sums, at, 0, both)
            m.store(b, differences, at, 0, a.subtract(x, y))
            return a.add((total[0], total[1]), both)

        total = m.sums(b, half, first, for_pair)
        a.b = b
        store(b, 0, a.scale((total[0], total[1]), factor))
        zero = m.constant(0.0, width)

        def for_results(b: OpBuilder, start: Position) -> None:
            def for_pair(b: OpBuilder, j: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
                a.b = b
                at = m.times(b, j, width)
                (sum_real, sum_imag), (real, imag) = (m.load(b, kept, at, 0, width) for kept in (sums, differences))
                after: list[SSAValue] = []
                for i in range(2):
                    place = (m.times(b, start, half), j)
                    cosine, sine = (
                        m.splat(b, m.read(b, self.roots, (*place, turns + i * half + part * half**2), 1), width)
                        for part in (0, 1)
                    )
                    terms = ((cosine, sum_real), (cosine, sum_imag), (sine, real), (sine, imag))
                    after += [a.fused(x, y, z) for (x, y), z in zip(terms, carried[4 * i : 4 * i + 4], strict=True)]
                return after

            results = m.sums(b, half, (*first, zero, zero) * 2, for_pair)
            a.b = b
            for i in range(2):
                even, odd = (results[4 * i], results[4 * i + 1]), (results[4 * i + 2], results[4 * i + 3])
                k = m.plus(b, start, 1 + i)
                for place, x in ((k, a.add_turned(even, odd)), (m.minus(b, radix, k), a.subtract_turned(even, odd))):
                    store(b, place, a.scale(x if roots is None else a.multiply(x, roots(b, place)), factor))

        m.for_lanes(b, half, 2, for_results)
        a.b = b

    def _for_points(
        self,
        b: OpBuilder,
        table: RootTable | None,
        count: int,
        width: int,
        body: Callable[[OpBuilder, Position, Roots | None], None],
    ) -> None:
        """Append `body(b, p, roots)` for `p < count`, with lanes for `p` and those that follow."""
        m = self.m
        if table is None:
            m.for_lanes(b, count, width, lambda b, p: body(b, p, None))
            return

        def factor(b: OpBuilder, offset: int, points: int, k: Position, p: Position, width: int) -> Complex:
            at = (m.times(b, m.plus(b, k, -1), points), p, offset)
            real, imag = (m.read(b, self.roots, (*at, part * table.factors * points), width) for part in (0, 1))
            return real, imag

        def fine(b: OpBuilder, k: Position, p: Position) -> Complex:
            return factor(b, table.offset, table.fine, k, p, width)

        if table.coarse == 1:
            m.for_lanes(b, count, width, lambda b, p: body(b, p, lambda b, k: fine(b, k, p)))
            return

        def for_coarse(b: OpBuilder, number: Position, length: int = table.fine) -> None:
            def coarse(b: OpBuilder, k: Position) -> Complex:
                offset = table.offset + 2 * table.factors * table.fine
                return self._splat(b, factor(b, offset, table.coarse, k, number, 1), width)

            known: dict[Position, Complex] = {}
            if table.factors < WRITTEN_OUT:
                known = {k: coarse(b, k) for k in range(1, table.factors + 1)}
            start = m.times(b, number, table.fine)

            def for_fine(b: OpBuilder, p: Position) -> None:
                def root(b: OpBuilder, k: Position) -> Complex:
                    return m.arithmetic(b, width).multiply(fine(b, k, p), known[k] if k in known else coarse(b, k))

                body(b, m.plus(b, start, p), root)

            m.for_lanes(b, length, width, for_fine)

        whole, rest = divmod(count, table.fine)
        m.for_each(b, whole, 1, for_coarse)
        if rest:
            for_coarse(b, whole, rest)

    def _splat(self, b: OpBuilder, x: Complex, width: int) -> Complex:
        return self.m.splat(b, x[0], width), self.m.splat(b, x[1], width)

    # Real transforms

    def _leave_half(self, b: OpBuilder, before: Planes, after: Place) -> None:
        """Append the copy of the first half."""
        count = self.points // 2 + 1
        width = _power_of_two(min(self.width, count))

        def for_lanes(b: OpBuilder, k: Position) -> None:
            x = self.m.load(b, before, k, 0, width)
            self.m.store(b, after, k, 0, self.m.arithmetic(b, width).scale(x, self.scale))

        self.m.for_lanes(b, count, width, for_lanes)

    def _enter_half(self, b: OpBuilder, before: Place, after: Planes) -> None:
        """Append the copy of the first half, and its conjugate as the second one."""
        m, count = self.m, (self.points - 1) // 2
        for first, last in ((0, self.points // 2 + 1), (1, count + 1)):
            width = _power_of_two(max(1, min(self.width, last - first)))

            def for_lanes(b: OpBuilder, k: Position, first: int = first, width: int = width) -> None:
                x = m.load(b, before, k, first, width)
                if first == 0:
                    m.store(b, after, k, 0, x)
                else:
                    # Real and imaginary parts are exchanged.
                    conjugate = m.arithmetic(b, width).negated(x[0]), x[1]
                    m.store(b, after, m.minus(b, self.points - width, k), 0, m.reversed(b, conjugate))

            offset = 0 if first == 0 else 1
            m.for_lanes(b, last - offset, width, for_lanes)

    def _leave_pairs(self, b: OpBuilder, before: Planes, after: Place) -> None:
        """Append `X[k] = E[k] + w^k O[k]` and `X[n-k] = conj(E[k] - w^k O[k])`, `E` and `O` being the transforms of even and odd elements."""
        m, size = self.m, self.points
        a = m.arithmetic(b, 1)
        real, imag = m.load(b, before, 0, 0, 1)
        zero = m.constant(0.0, 1)
        for place, op_type in ((0, arith.AddfOp), (size, arith.SubfOp)):
            number, _ = a.scale((a.real(op_type, real, imag), zero), self.scale)
            m.store(b, after, 0, place, (number, zero))

        def for_pair(
            b: OpBuilder, a: ComplexArithmetic, root: Complex, k: Position, back: Position, width: int
        ) -> None:
            x = a.scale(m.load(b, before, k, 1, width), self.scale / 2)
            y = a.scale(m.reversed(b, m.load(b, before, back, 0, width)), self.scale / 2)
            even = a.real(arith.AddfOp, x[0], y[0]), a.real(arith.SubfOp, x[1], y[1])
            odd = a.real(arith.AddfOp, x[1], y[1]), a.real(arith.SubfOp, y[0], x[0])
            odd = a.multiply(odd, root)
            low, high = a.add(even, odd), a.subtract(even, odd)
            m.store(b, after, k, 1, low)
            m.store(b, after, back, 0, m.reversed(b, (high[0], a.negated(high[1]))))

        self._for_pairs(b, for_pair)

    def _enter_pairs(self, b: OpBuilder, before: Interleaved, after: Planes) -> None:
        """Append `Z[k] = E[k] + i O[k]` with `E[k] = X[k] + conj(X[n-k])` and `O[k] = w^-k (X[k] - conj(X[n-k]))`, parts exchanged."""
        m, size = self.m, self.points
        a = m.arithmetic(b, 1)
        before = replace(before, is_swapped=False)
        first, last = m.load(b, before, 0, 0, 1)[0], m.load(b, before, 0, size, 1)[0]
        m.store(b, after, 0, 0, (a.real(arith.SubfOp, first, last), a.real(arith.AddfOp, first, last)))

        def for_pair(
            b: OpBuilder, a: ComplexArithmetic, root: Complex, k: Position, back: Position, width: int
        ) -> None:
            x = m.load(b, before, k, 1, width)
            y = m.reversed(b, m.load(b, before, back, 0, width))
            even = a.real(arith.AddfOp, x[0], y[0]), a.real(arith.SubfOp, x[1], y[1])
            odd = a.real(arith.SubfOp, x[0], y[0]), a.real(arith.AddfOp, x[1], y[1])
            odd = a.multiply(odd, (root[0], a.negated(root[1])))
            real, imag = a.subtract_turned(even, odd)
            m.store(b, after, k, 1, (imag, real))
            real, imag = a.real(arith.AddfOp, even[0], odd[1]), a.real(arith.SubfOp, odd[0], even[1])
            m.store(b, after, back, 0, m.reversed(b, (imag, real)))

        self._for_pairs(b, for_pair)

    def _for_pairs(
        self, b: OpBuilder, body: Callable[[OpBuilder, ComplexArithmetic, Complex, Position, Position, int], None]
    ) -> None:
        """Append `body` for the elements `k + 1` and `n - k - 1`, with lanes up and down from there."""
        table = self.plan.real_roots
        assert table is not None, "no roots of a real transform"
        width = _power_of_two(min(self.width, table.points % table.fine or table.fine))

        def for_point(b: OpBuilder, k: Position, roots: Roots | None) -> None:
            root = cast(Roots, roots)(b, 1)
            body(b, self.m.arithmetic(b, width), root, k, self.m.minus(b, self.points - width, k), width)

        self._for_points(b, table, table.points, width, for_point)


def _power_of_two(limit: int) -> int:
    """The largest power of two up to `limit`."""
    return 1 << (limit.bit_length() - 1)
