"""Convolutions of dilated images without a product by one of the zeros between the elements.

In one dimension with stride `s`, image dilation `L` and kernel dilation `r`, `result[p]` adds up `w[k] * x[(p * s + k * r - low) / L]` over the `k`
that make the quotient an integer. For `p = q * A + a` with `A = L / gcd(L, s)` these are `k = k0(a) + t * K` with `K = L / gcd(L, r)`,
and the quotient is `q * (A * s / L) + t * (K * r / L) + first(a)`. So each *phase* `a` is a convolution without dilation of the image. Phases
with as many `t` and the same `first` differ in the kernel alone: they are computed together, as channels of one convolution, and then interleaved
(Shi et al., arXiv 1609.05158).
"""

from itertools import groupby
from math import gcd
from typing import NamedTuple

Taps = tuple[tuple[int, ...], ...]


class Phases(NamedTuple):
    """Consecutive phases that are computed together."""

    start: int
    """The first of them."""
    first: int
    """Where the windows of the image start."""
    taps: Taps
    """For each phase, the elements of the kernel in its windows."""


class PhasesOfDimension(NamedTuple):
    """The phases of one dimension that have elements, with what their windows have in common."""

    number: int
    stride: int
    dilation: int
    runs: tuple[Phases, ...]


def phases_of(stride: int, low: int, lhs_dilation: int, rhs_dilation: int, kernel: int) -> PhasesOfDimension:
    """The phases of one dimension of a convolution with a kernel of size `kernel`."""
    number = lhs_dilation // gcd(lhs_dilation, stride)
    step = lhs_dilation // gcd(lhs_dilation, rhs_dilation)
    found: list[tuple[int, int, tuple[int, ...]]] = []
    for phase in range(number):
        place = phase * stride - low
        for k in range(min(step, kernel)):
            if (place + k * rhs_dilation) % lhs_dilation == 0:
                first = (place + k * rhs_dilation) // lhs_dilation
                found.append((phase, first, tuple(range(k, kernel, step))))
    runs: list[Phases] = []
    # What is equal in a run: where its windows start, how many elements they have, and that no phase is left out in between.
    for _, run in groupby(enumerate(found), key=lambda item: (item[1][1], len(item[1][2]), item[1][0] - item[0])):
        members = [item for _, item in run]
        runs.append(Phases(members[0][0], members[0][1], tuple(taps for *_, taps in members)))
    return PhasesOfDimension(number, number * stride // lhs_dilation, step * rhs_dilation // lhs_dilation, tuple(runs))
