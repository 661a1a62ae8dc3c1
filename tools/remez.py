"""Derive the polynomial coefficients kept in `passes/loops/math`.

```
python tools/remez.py            # all tables, with the size of the error of each
python tools/remez.py exp_f32    # one table
```

Every table is the minimax polynomial `p` of a function `f` for a weight `w`: it minimises the maximum of
`|w(x) (p(x) - f(x))|` over an interval, found by the second algorithm of Remez in 300-bit arithmetic. The weight is
chosen so that the printed error is the relative error of the final result (log2; -24 is half a unit in the last place
of a single in the worst case, -53 of a double).

Coefficients are rounded to the format one by one, lowest order first: after each rounding the coefficients that remain
are fitted again, so that they make up for it. `tests/test_expand_math.py` measures the result, not this script.
"""

import math
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass

import mpmath
from mpmath import mp, mpf

mp.prec = 300

Function = Callable[[mpf], mpf]


@dataclass(frozen=True)
class Table:
    """What to fit: `function` on `interval` by `size` coefficients in format `single` or double."""

    function: Function
    weight: Function
    interval: tuple[float, float]
    size: int
    single: bool
    exact_terms: int = 0
    """How many leading coefficients are kept as the sum of two numbers."""


def solve_on(points: list[mpf], values: list[mpf], weights: list[mpf], size: int) -> tuple[list[mpf], mpf]:
    """Coefficients `c` and levelled error `e` with `w_i (p(x_i) - f_i) = (-1)^i e` at `size + 1` points."""
    matrix = mpmath.matrix(size + 1, size + 1)
    right = mpmath.matrix(size + 1, 1)
    for row, (x, value, weight) in enumerate(zip(points, values, weights, strict=True)):
        power = mpf(1)
        for column in range(size):
            matrix[row, column] = power
            power *= x
        matrix[row, size] = (-1) ** row / weight
        right[row] = value
    solution = mpmath.lu_solve(matrix, right)
    return [solution[i] for i in range(size)], abs(solution[size])


def horner(coefficients: list[mpf], x: mpf) -> mpf:
    """The value at `x` of the polynomial with these coefficients, lowest order first."""
    value = mpf(0)
    for coefficient in reversed(coefficients):
        value = value * x + coefficient
    return value


def exchanged(chosen: list[int], errors: list[mpf], size: int) -> list[int]:
    """The next points of reference: all local extrema if they are enough, else the worst point replaces a neighbour."""
    extrema: list[int] = []
    for i, error in enumerate(errors):
        if extrema and (errors[extrema[-1]] > 0) == (error > 0):
            if abs(error) > abs(errors[extrema[-1]]):
                extrema[-1] = i
        else:
            extrema.append(i)
    while len(extrema) > size + 1:
        extrema.pop(0 if abs(errors[extrema[0]]) < abs(errors[extrema[-1]]) else -1)
    if len(extrema) == size + 1:
        return extrema
    worst = max(range(len(errors)), key=lambda i: abs(errors[i]))
    positive = errors[worst] > 0
    if worst < chosen[0] and (errors[chosen[0]] > 0) != positive:
        return [worst, *chosen[:-1]]
    if worst > chosen[-1] and (errors[chosen[-1]] > 0) != positive:
        return [*chosen[1:], worst]
    same_sign = [k for k, i in enumerate(chosen) if (errors[i] > 0) == positive]
    nearest = min(same_sign, key=lambda k: abs(chosen[k] - worst))
    return [*chosen[:nearest], worst, *chosen[nearest + 1 :]]


def minimax(
    grid: list[mpf], values: list[mpf], weights: list[mpf], size: int, chosen: list[int]
) -> tuple[list[mpf], mpf, list[int]]:
    """Exchange on a grid, from the reference points `chosen`: the best coefficients, their error, and its extrema."""
    best: tuple[list[mpf], mpf, list[int]] | None = None
    for _ in range(40):
        coefficients, level = solve_on(
            [grid[i] for i in chosen], [values[i] for i in chosen], [weights[i] for i in chosen], size
        )
        errors = [w * (horner(coefficients, x) - f) for x, f, w in zip(grid, values, weights, strict=True)]
        worst = max(abs(error) for error in errors)
        if best is None or worst < best[1]:
            best = coefficients, worst, chosen
        if worst <= level * mpf("1.001"):
            break
        chosen = exchanged(chosen, errors, size)
    assert best is not None
    return best


def rounded(value: mpf, single: bool) -> float:
    """`value` as the nearest number of the format."""
    if not single:
        return float(value)
    return struct.unpack("f", struct.pack("f", float(value)))[0]


def fit(table: Table) -> tuple[list[float], list[float], float]:
    """The rounded coefficients, the low parts of the first `exact_terms`, and log2 of the weighted error."""
    low, high = (mpf(bound) for bound in table.interval)
    count = 40 * (table.size + 2)
    grid = [low + (high - low) * (1 - mpmath.cos(mp.pi * (i + mpf(1) / 3) / count)) / 2 for i in range(count)]
    values = [table.function(x) for x in grid]
    weights = [table.weight(x) for x in grid]
    rest, rest_weights = list(values), list(weights)
    coefficients: list[float] = []
    low_parts: list[float] = []
    exact: list[mpf] = []
    chosen = [round((count - 1) * (1 - math.cos(math.pi * i / table.size)) / 2) for i in range(table.size + 1)]
    found, _, chosen = minimax(grid, rest, rest_weights, table.size, chosen)
    for order in range(table.size):
        number = mpf(rounded(found[0], table.single))
        coefficients.append(float(number))
        if order < table.exact_terms:
            low_parts.append(rounded(found[0] - number, table.single))
            number += mpf(low_parts[-1])
        exact.append(number)
        found = found[1:]
        if not found:
            break
        rest = [(f - number) / x for f, x in zip(rest, grid, strict=True)]
        rest_weights = [w * abs(x) for w, x in zip(rest_weights, grid, strict=True)]
        # The extrema of one fit, less the one that weighs least, are a good start for the next. Near zero no other
        # coefficient can make up for the rounding, so the new fit may be the worse one.
        del chosen[min(range(len(chosen)), key=lambda k: rest_weights[chosen[k]])]
        refit, refit_error, chosen = minimax(grid, rest, rest_weights, len(found), chosen)
        if refit_error < max(w * abs(horner(found, x) - f) for x, f, w in zip(grid, rest, rest_weights, strict=True)):
            found = refit
    worst = max(w * abs(horner(exact, x) - f) for x, f, w in zip(grid, values, weights, strict=True))
    return coefficients, low_parts, float(mpmath.log(worst, 2))


HALF_LN2 = 0.34660
THREE_QUARTERS = (-0.25, 0.5)  # of `m - 1` for `m` from 3/4 to 3/2
HALF_PI = 1.5710  # a little more than pi/2: the quotient by pi of a large argument is not quite the nearest integer
HALF = 0.25  # the square of 1/2
QUARTER_PI = 0.7860  # a little more than pi/4
ASINH_SPLIT = 0.53
ERFCX_CENTRE = 3
STIRLING_FROM = 4.5
DIGAMMA_FROM = 4.0


def exp_tail(x: mpf) -> mpf:
    """`(e^x - 1 - x) / x^2`."""
    return (mpmath.expm1(x) - x) / (x * x)


def exp2_tail(x: mpf) -> mpf:
    """`(2^x - 1) / x`."""
    return mpmath.expm1(x * mp.ln2) / x


def log1p_tail(x: mpf) -> mpf:
    """`(log(1 + x) - x) / x^2`."""
    return (mpmath.log1p(x) - x) / (x * x)


def log2_ratio(x: mpf) -> mpf:
    """`log2(1 + x) / x`."""
    return mpmath.log1p(x) / (x * mp.ln2)


def log2_series(z: mpf) -> mpf:
    """`2 atanh(s) / (s log 2)` of `z = s^2`."""
    s = mpmath.sqrt(z)
    return 2 * mpmath.atanh(s) / (s * mp.ln2)


def sin_tail(z: mpf) -> mpf:
    """`(sin(r) - r) / r^3` of `z = r^2`."""
    r = mpmath.sqrt(z)
    return (mpmath.sin(r) - r) / r**3


def odd_tail(function: Function) -> Function:
    """`(g(r) - r) / r^3` of `z = r^2`, for an odd function `g`."""

    def tail(z: mpf) -> mpf:
        r = mpmath.sqrt(z)
        return (function(r) - r) / r**3

    return tail


def acosh_tail(t: mpf) -> mpf:
    """`(acosh(1 + t) / sqrt(2 t) - 1) / t`."""
    return (2 * mpmath.asinh(mpmath.sqrt(t / 2)) / mpmath.sqrt(2 * t) - 1) / t


def inverse_cbrt(f: mpf) -> mpf:
    """`(1 + f)^(-1/3)`."""
    return mpmath.cbrt(1 / (1 + f))


def scaled_erfcx(t: mpf) -> mpf:
    """`(1 + 2 x) exp(x^2) erfc(x) - 1` of `t = (x - 3) / (x + 3)`."""
    x = ERFCX_CENTRE * (1 + t) / (1 - t)
    if x > 1000:  # the asymptotic series, to some 200 bits
        term = total = mpf(1)
        for k in range(1, 12):
            term *= -(2 * k - 1) / (2 * x * x)
            total += term
        return (1 + 2 * x) / (x * mpmath.sqrt(mp.pi)) * total - 1
    return (1 + 2 * x) * mpmath.exp(x * x) * mpmath.erfc(x) - 1


def lgamma_near_two(d: mpf) -> mpf:
    """`lgamma(2 + d) / d`."""
    return mpmath.loggamma(2 + d) / d


def stirling_rest(u: mpf) -> mpf:
    """`x (lgamma(x) - (x - 1/2) log x + x - log(2 pi) / 2)` of `u = 1 / x^2`."""
    x = 1 / mpmath.sqrt(u)
    return x * (mpmath.loggamma(x) - (x - mpf(1) / 2) * mpmath.log(x) + x - mpmath.log(2 * mp.pi) / 2)


def digamma_rest(u: mpf) -> mpf:
    """`x^2 (log x - 1 / (2 x) - digamma(x))` of `u = 1 / x^2`."""
    x = 1 / mpmath.sqrt(u)
    return x * x * (mpmath.log(x) - 1 / (2 * x) - mpmath.digamma(x))


def log_erfc_ratio(x: mpf) -> mpf:
    """`log(1 - erf(x)) / x`."""
    return mpmath.log(mpmath.erfc(x)) / x


def erf_inv_ratio(w: mpf) -> mpf:
    """`erf_inv(x) / x` of `w = -log(1 - x^2)`."""
    x = mpmath.sqrt(-mpmath.expm1(-w))
    return mpmath.erfinv(x) / x


def exp_table(size: int, single: bool) -> Table:
    """`exp_tail`, for the relative error of `e^x - 1`."""
    return Table(exp_tail, lambda x: x * x / abs(mpmath.expm1(x)), (-HALF_LN2, HALF_LN2), size, single)


def exp2_table(size: int, single: bool) -> Table:
    """`exp2_tail`, for the absolute error of `2^x`, which is about 1."""
    return Table(exp2_tail, abs, (-0.5001, 0.5001), size, single)


def log_table(size: int, single: bool) -> Table:
    """`log1p_tail`, for the relative error of the logarithm."""
    return Table(log1p_tail, lambda x: abs(x * x / mpmath.log1p(x)), THREE_QUARTERS, size, single)


def log2_ratio_table(size: int, single: bool) -> Table:
    """`log2_ratio`, for its relative error."""
    return Table(log2_ratio, lambda x: 1 / log2_ratio(x), THREE_QUARTERS, size, single)


def log2_table(size: int, exact_terms: int) -> Table:
    """`log2_series`, for its relative error."""
    return Table(log2_series, lambda _: mpf(1) / 3, (0.0, 0.0400001), size, single=False, exact_terms=exact_terms)


def sin_table(size: int, single: bool) -> Table:
    """`sin_tail`, for the relative error of the sine."""
    return Table(
        sin_tail,
        lambda z: z ** mpf(1.5) / mpmath.sin(mpmath.sqrt(z)),
        (0.0, HALF_PI**2),
        size,
        single,
    )


def odd_table(function: Function, end: float, size: int, single: bool) -> Table:
    """`odd_tail`, for the relative error of the function."""
    return Table(odd_tail(function), lambda z: z ** mpf(1.5) / function(mpmath.sqrt(z)), (0.0, end), size, single)


def acosh_table(size: int, single: bool) -> Table:
    """`acosh_tail`, for the relative error of `acosh`."""
    return Table(acosh_tail, lambda t: t / (1 + t * acosh_tail(t)), (0.0, 0.5), size, single)


def erf_table(size: int, end: float, single: bool) -> Table:
    """`log_erfc_ratio`, for the relative error of `erf`."""
    return Table(log_erfc_ratio, lambda x: x * mpmath.erfc(x) / mpmath.erf(x), (0.0, end), size, single, exact_terms=1)


def erf_inv_table(size: int, end: float, single: bool) -> Table:
    """`erf_inv_ratio` up to `w = end`, for its relative error."""
    return Table(erf_inv_ratio, lambda w: 1 / erf_inv_ratio(w), (0.0, end), size, single)


def erfcx_table(size: int, single: bool) -> Table:
    """`scaled_erfcx`, for the relative error of `erfcx`."""
    return Table(scaled_erfcx, lambda t: 1 / (1 + scaled_erfcx(t)), (-1.0, 1.0), size, single)


def lgamma_table(size: int, single: bool) -> Table:
    """`lgamma_near_two`, for its relative error."""
    return Table(lgamma_near_two, lambda d: 1 / lgamma_near_two(d), (-0.5, 0.5), size, single)


def stirling_table(size: int, single: bool) -> Table:
    """`stirling_rest`, for the relative error of `lgamma`."""
    return Table(
        stirling_rest,
        lambda u: mpmath.sqrt(u) / mpmath.loggamma(1 / mpmath.sqrt(u)),
        (0.0, STIRLING_FROM**-2),
        size,
        single,
    )


def digamma_table(size: int, single: bool) -> Table:
    """`digamma_rest`, for the relative error of `digamma`."""
    return Table(digamma_rest, lambda u: u / mpmath.digamma(1 / mpmath.sqrt(u)), (0.0, DIGAMMA_FROM**-2), size, single)


TABLES: dict[str, Table] = {
    "exp_f32": exp_table(5, single=True),
    "exp_f64": exp_table(10, single=False),
    "exp2_f32": exp2_table(6, single=True),
    "exp2_f64": exp2_table(11, single=False),
    "log_f32": log_table(9, single=True),
    "log_f64": log_table(20, single=False),
    "log2_f32": log2_ratio_table(10, single=True),
    "log2_f64": log2_ratio_table(21, single=False),
    "log2_pow_f32": log2_ratio_table(12, single=False),
    "log2_pow_f64": log2_table(10, 2),
    "sin_f32": sin_table(4, single=True),
    "sin_f64": sin_table(8, single=False),
    "tan_f32": odd_table(mpmath.tan, QUARTER_PI**2, 6, single=True),
    "tan_f64": odd_table(mpmath.tan, QUARTER_PI**2, 14, single=False),
    "asin_f32": odd_table(mpmath.asin, HALF, 5, single=True),
    "asin_f64": odd_table(mpmath.asin, HALF, 12, single=False),
    "atan_f32": odd_table(mpmath.atan, HALF, 5, single=True),
    "atan_f64": odd_table(mpmath.atan, HALF, 12, single=False),
    "sinh_f32": odd_table(mpmath.sinh, 1.0, 3, single=True),
    "sinh_f64": odd_table(mpmath.sinh, 1.0, 7, single=False),
    "asinh_f32": odd_table(mpmath.asinh, ASINH_SPLIT**2, 5, single=True),
    "asinh_f64": odd_table(mpmath.asinh, ASINH_SPLIT**2, 11, single=False),
    "atanh_f32": odd_table(mpmath.atanh, HALF, 6, single=True),
    "atanh_f64": odd_table(mpmath.atanh, HALF, 13, single=False),
    "acosh_f32": acosh_table(5, single=True),
    "acosh_f64": acosh_table(11, single=False),
    "inverse_cbrt": Table(inverse_cbrt, lambda f: mpmath.cbrt(1 + f), THREE_QUARTERS, 6, single=True),
    "erf_f32": erf_table(10, 4.0, single=True),
    "erf_f64": erf_table(24, 6.0, single=False),
    "erf_inv_f32": erf_inv_table(10, 5.0, single=True),
    "erf_inv_f64": erf_inv_table(23, 6.0, single=False),
    "erfcx_f32": erfcx_table(12, single=True),
    "erfcx_f64": erfcx_table(25, single=False),
    "lgamma_f32": lgamma_table(8, single=True),
    "lgamma_f64": lgamma_table(18, single=False),
    "stirling_f32": stirling_table(2, single=True),
    "stirling_f64": stirling_table(7, single=False),
    "digamma_f32": digamma_table(2, single=True),
    "digamma_f64": digamma_table(8, single=False),
}


def main(names: list[str]) -> None:
    """Print the tables called `names`, or all."""
    for name in names or TABLES:
        coefficients, low_parts, error = fit(TABLES[name])
        print(f"# {name}: error 2^{error:.1f}")
        print("(", *(f"    {c!r}," for c in coefficients), ")", sep="\n")
        if low_parts:
            print("# low parts:", low_parts)


if __name__ == "__main__":
    main(sys.argv[1:])
