"""How a discrete Fourier transform is computed: in which steps, and with which roots of unity.

A transform of `n = r1 r2 …` points is a step for each radix (Stockham's form, which needs no reordering at the end). With `m` the product of
the radices that come later and `s` that of the earlier ones, a step of radix `r` is

    y[p, k, q] = w(r m)^(p k) sum over j of w(r)^(j k) x[j, p, q],    w(n) = exp(-2 pi i / n), p < m, q < s.
"""

from functools import lru_cache
from math import isqrt, prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

WRITTEN_OUT = 13
"""Steps of larger radices, which are prime, are loops with a table."""

LARGEST_RADIX = 127

DIRECT_ROOTS = 4096
"""A table of up to so many roots has them all; a longer one has two factors of each."""


class RootTable(NamedTuple):
    """The roots `w(order)^(k (p + first))` for `0 < k <= factors` and `0 <= p < points`, from `offset` on.

    First real parts, then imaginary ones, each `[k, p]`. With `fine < points` the roots are products `w^(k (p % fine + first))
    w^(k (p - p % fine))`: the table of the first factors comes first.
    """

    order: int
    factors: int
    points: int
    first: int
    fine: int
    offset: int

    @property
    def coarse(self) -> int:
        """How many second factors there are for each `k`; 1 if there are none in the table."""
        return -(-self.points // self.fine)

    @property
    def size(self) -> int:
        """How many numbers the table has."""
        return 2 * self.factors * (self.fine + (self.coarse if self.coarse > 1 else 0))

    def numbers(self) -> NDArray[np.float64]:
        """The table."""
        k = np.arange(1, self.factors + 1)[:, None]
        tables = [unit_roots(k * (np.arange(self.fine) + self.first), self.order)]
        if self.coarse > 1:
            tables.append(unit_roots(k * np.arange(self.coarse) * self.fine, self.order))
        return np.concatenate([part.ravel() for table in tables for part in (table.real, table.imag)])


class Step(NamedTuple):
    """A step of radix `radix`, with `points` as `m` and `stride` as `s` above; the last one multiplies by no roots.

    If it is a loop, the cosines and sines of `2 pi j k / radix` for `0 < j, k <= radix / 2` stand from `turns` on, each `[k, j]`.
    """

    radix: int
    points: int
    stride: int
    roots: RootTable | None
    turns: int | None

    @property
    def half(self) -> int:
        """How many pairs of `x[j]` and `x[radix - j]` there are."""
        return self.radix // 2

    def turn_numbers(self) -> NDArray[np.float64]:
        """The cosines and sines."""
        j = np.arange(1, self.half + 1)
        roots = unit_roots(np.outer(j, j), self.radix)
        return np.concatenate((roots.real.ravel(), -roots.imag.ravel()))


class FourierPlan(NamedTuple):
    """The steps of a transform, the roots that one of twice as many real numbers needs in addition, and how many numbers all are."""

    steps: tuple[Step, ...]
    real_roots: RootTable | None
    table_size: int

    def table(self, dtype: np.dtype[Any]) -> NDArray[Any]:
        """All roots, after the first of all, 1, which makes sure that there are some."""
        numbers = [np.array([1.0, 0.0])]
        for step in self.steps:
            if step.roots is not None:
                numbers.append(step.roots.numbers())
            if step.turns is not None:
                numbers.append(step.turn_numbers())
        if self.real_roots is not None:
            numbers.append(self.real_roots.numbers())
        return np.concatenate(numbers).astype(dtype)


@lru_cache(maxsize=256)
def plan_transform(radices: tuple[int, ...], is_real: bool) -> FourierPlan:
    """The plan for steps of these radices; `is_real`: for twice as many real numbers."""
    size = prod(radices)
    offset = 2
    steps: list[Step] = []
    points, stride = size, 1
    for radix in radices:
        points //= radix
        roots = None
        if points > 1:
            roots = RootTable(radix * points, radix - 1, points, 0, _fine(radix - 1, points), offset)
            offset += roots.size
        step = Step(radix, points, stride, roots, offset if radix > WRITTEN_OUT else None)
        if step.turns is not None:
            offset += 2 * step.half**2
        steps.append(step)
        stride *= radix
    real_roots = None
    if is_real and size > 1:
        pairs = size // 2
        fine = pairs if pairs <= DIRECT_ROOTS else 1 << isqrt(pairs).bit_length()
        real_roots = RootTable(2 * size, 1, pairs, 1, fine, offset)
        offset += real_roots.size
    return FourierPlan(tuple(steps), real_roots, offset)


def _fine(factors: int, points: int) -> int:
    """How many roots to keep as first factors: all, or a divisor near the square root, so that vectors of them are whole if possible."""
    if factors * points <= DIRECT_ROOTS:
        return points
    divisors = [d for d in range(1, points + 1) if points % d == 0]
    return min(divisors, key=lambda d: d + points // d + (d % 16 > 0) * isqrt(points))


@lru_cache(maxsize=1024)
def radices_of(size: int) -> tuple[int, ...] | None:
    """The radices of the steps for `size` points; `None` if a prime factor is too large for a step.

    A prime number of points is one if it is too large to be written out: there would be nothing to put into the lanes.

    Few steps, and first a large power of two, after which all vectors are full.
    """
    twos = (size & -size).bit_length() - 1 if size else 0
    rest = size >> twos
    odd: list[int] = []
    for radix in range(3, LARGEST_RADIX + 1, 2):
        while rest % radix == 0 and rest > 1:
            odd.insert(0, radix)
            rest //= radix
    if rest != 1 or (odd == [size] and size > WRITTEN_OUT):
        return None
    eights, left = divmod(twos, 3)
    even = [8] * eights + {0: [], 1: [2], 2: [4]}[left]
    if left == 1 and eights:
        even[-2:] = [4, 4]
    return (*even, *odd) if twos > 1 else (*odd, *even)


def unit_roots(exponents: NDArray[Any], order: int) -> NDArray[np.complex128]:
    """`exp(-2 pi i exponents / order)` with errors below the precision of 1: angles are less than an eighth of a turn."""
    eighths, rest = np.divmod(8 * (np.asarray(exponents, np.int64) % order), order)
    is_odd = eighths % 2 == 1
    angle = np.where(is_odd, order - rest, rest) / order * (np.pi / 4)
    cosine, sine = np.cos(angle), np.sin(angle)
    swaps = is_odd ^ (eighths % 4 >= 2)  # eighths 1, 2, 5 and 6
    real = np.where(swaps, sine, cosine)
    imag = np.where(swaps, cosine, sine)
    real = np.where((eighths >= 2) & (eighths < 6), -real, real)
    imag = np.where(eighths >= 4, -imag, imag)
    return real - 1j * imag


class FourierLayout(NamedTuple):
    """What lies where in a transform from an array of shape `source` to one of shape `target`: `[rows, elements, columns, parts]`.

    `split` is in how many parts the columns are computed.
    """

    kind: str
    radices: tuple[int, ...]
    source: tuple[int, ...]
    target: tuple[int, ...]
    split: int

    @property
    def points(self) -> int:
        """How many complex numbers are transformed."""
        return prod(self.radices)

    @property
    def is_paired(self) -> bool:
        """Whether real numbers are taken as the parts of half as many complex ones."""
        return self.kind != "complex" and self.source[-1] == self.target[-1] == 2

    @property
    def plan(self) -> FourierPlan:
        """The steps and roots."""
        return plan_transform(self.radices, self.is_paired)

    @property
    def fits_target(self) -> bool:
        """Whether the place of the result is one piece of memory with room for the planes of a row."""
        return self.split == 1 and (self.kind == "complex" or self.is_paired)

    @property
    def turns(self) -> int:
        """How often a row lies in planes, between the steps and where real numbers are put together."""
        return len(self.radices) - 1 + (self.kind != "complex")

    @property
    def num_planes(self) -> int:
        """How many pairs of planes of scratch a row needs; it never lies in the place of the result before the last step."""
        return min(self.turns, 1 if self.fits_target else 2)

    @property
    def scratch_shape(self) -> tuple[int, ...]:
        """The shape of scratch for all points of the parallel loops."""
        columns = self.source[2] // self.split
        return (self.source[0] * self.split, 2 * self.points * columns * self.num_planes)

    def fault(self) -> str:
        """What is wrong with the shapes; empty if they fit."""
        n = self.points
        half = n + 1 if self.is_paired else n // 2 + 1
        kinds = {"complex": (n, n), "real": (n, half), "inverse_real": (half, n)}
        if self.kind not in kinds:
            return f'kind is "{self.kind}", expected one of {", ".join(kinds)}'
        if len(self.source) != 4 or n < 2:
            return f"the operand has shape {self.source} and the radices are {self.radices}, expected four dimensions and some radices"
        rows, _, columns, _ = self.source
        before, after = kinds[self.kind]
        numbers = {"complex": ((1, 2), (2, 2)), "real": ((1, 2), (2, 2)), "inverse_real": ((2, 1), (2, 2))}[self.kind]
        expected = [((rows, before, columns, x), (rows, after, columns, y)) for x, y in numbers]
        if (
            (self.source, self.target) not in expected
            or columns % self.split
            or (columns > 1 and self.kind != "complex")
        ):
            first, second = expected[1]
            return f"takes shape {self.source} to {self.target}, expected {first} to {second}, in equal parts"
        return ""
