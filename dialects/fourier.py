"""How a discrete Fourier transform is computed: in which steps, and with which roots of unity.

A transform of `n = r1 r2 …` points is a step for each radix (Stockham's form, which needs no reordering at the end). With `m` the product of
the radices that come later and `s` that of the earlier ones, a step of radix `r` is

    y[p, k, q] = w(r m)^(p k) sum over j of w(r)^(j k) x[j, p, q],    w(n) = exp(-2 pi i / n), p < m, q < s.
"""

from collections.abc import Iterator
from functools import lru_cache
from math import isqrt, prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

RADICES = (8, 4, 2, 3, 5, 7, 11, 13)
"""The numbers of points that have a step of their own."""

DIRECT_ROOTS = 512
"""Up to so many points per factor a table has all its roots; a longer one has two factors of each."""


class RootTable(NamedTuple):
    """The roots `w(order)^(k (p + first))` for `0 < k <= factors` and `0 <= p < count`, from `offset` on.

    First real parts, then imaginary ones, each `[k, p]`. With `fine < count` the roots are products `w^(k (p % fine + first))
    w^(k (p - p % fine))`: the table of the first factors comes first.
    """

    order: int
    factors: int
    count: int
    first: int
    fine: int
    offset: int

    @property
    def coarse(self) -> int:
        """How many second factors there are for each `k`; 1 if there are none in the table."""
        return -(-self.count // self.fine)

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
    """A step of radix `radix`, with `points` as `m` and `stride` as `s` above; the last one multiplies by no roots."""

    radix: int
    points: int
    stride: int
    roots: RootTable | None


class FourierPlan(NamedTuple):
    """The steps of a transform, and the roots that a real one needs in addition."""

    steps: tuple[Step, ...]
    real_roots: RootTable | None

    def table(self, dtype: np.dtype[Any]) -> NDArray[Any]:
        """All roots, after the first of all, 1, which makes sure that there are some."""
        numbers = [np.array([1.0, 0.0]), *(table.numbers() for table in self._tables())]
        return np.concatenate(numbers).astype(dtype)

    @property
    def table_size(self) -> int:
        """How many numbers `table` has."""
        return 2 + sum(table.size for table in self._tables())

    def _tables(self) -> Iterator[RootTable]:
        yield from (step.roots for step in self.steps if step.roots is not None)
        if self.real_roots is not None:
            yield self.real_roots


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
            roots = RootTable(radix * points, radix - 1, points, 0, _fine(points), offset)
            offset += roots.size
        steps.append(Step(radix, points, stride, roots))
        stride *= radix
    real_roots = None
    if is_real and size > 1:
        count = size // 2
        fine = count if count <= DIRECT_ROOTS else 1 << (isqrt(count).bit_length())
        real_roots = RootTable(2 * size, 1, count, 1, fine, offset)
    return FourierPlan(tuple(steps), real_roots)


def _fine(count: int) -> int:
    """How many roots to keep as first factors: all, or a divisor near the square root."""
    if count <= DIRECT_ROOTS:
        return count
    divisors = [d for d in range(16, 4 * isqrt(count)) if count % d == 0]
    return min(divisors, key=lambda d: d + count // d + (d % 16 > 0) * count) if divisors else count


@lru_cache(maxsize=1024)
def radices_of(size: int) -> tuple[int, ...] | None:
    """The radices of the steps for `size` points; `None` if a prime factor is too large for a step of its own.

    Few steps, and first a large power of two, after which all vectors are full.
    """
    twos = (size & -size).bit_length() - 1 if size else 0
    rest = size >> twos
    odd: list[int] = []
    for radix in sorted((radix for radix in RADICES if radix % 2), reverse=True):
        while rest % radix == 0 and rest > 1:
            odd.append(radix)
            rest //= radix
    if rest != 1:
        return None
    eights, left = divmod(twos, 3)
    even = [8] * eights + {0: [], 1: [2], 2: [4]}[left]
    if left == 1 and eights:
        even[-2:] = [4, 4]
    return (*even, *odd) if twos > 1 else (*odd, *even)


def unit_roots(exponents: NDArray[Any], order: int) -> NDArray[np.complex128]:
    """`exp(-2 pi i exponents / order)`, correctly rounded but for the last bit: angles are exact up to an eighth of a turn."""
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
