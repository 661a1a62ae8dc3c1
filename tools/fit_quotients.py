"""Derive the quotients of polynomials kept in `passes/loops/math/fast.py`.

```
python tools/fit_quotients.py
```

Lawson's algorithm: weighted least squares of `p(z) - f(z) q(z)` over the last `q(z)`, where the weight of a point grows with the
error that it has; the largest relative error is then nearly the least. Coefficients are rounded to single.
"""

from collections.abc import Callable

import mpmath
from mpmath import mp, mpf
from remez import horner, rounded

ROUNDS = 40


def fit_quotient(
    function: Callable[[mpf], mpf], end: float, terms: tuple[int, int]
) -> tuple[list[mpf], list[mpf], mpf]:
    """`p` and `q` of as many `terms`, lowest order first and `q(0) = 1`, for `function` up to `end`; and the relative error."""
    size, count = sum(terms) - 1, 20 * sum(terms)
    grid = [mpf(end) * (1 - mpmath.cos(mp.pi * (i + mpf(1) / 3) / count)) / 2 for i in range(count)]
    values = [function(z) for z in grid]
    weights = [mpf(1)] * count
    numerator, denominator, error = [mpf(0)], [mpf(1)], mpf("inf")
    q = [mpf(1)]
    for _ in range(ROUNDS):
        normal, right = mpmath.matrix(size, size), mpmath.matrix(size, 1)
        for z, value, weight in zip(grid, values, weights, strict=True):
            row = [z**k for k in range(terms[0])] + [-value * z**k for k in range(1, terms[1])]
            scale = weight / (value * horner(q, z)) ** 2
            for i in range(size):
                right[i] += scale * row[i] * value
                for j in range(size):
                    normal[i, j] += scale * row[i] * row[j]
        solution = mpmath.lu_solve(normal, right)
        p = [solution[i] for i in range(terms[0])]
        q = [mpf(1), *(solution[i] for i in range(terms[0], size))]
        errors = [abs(horner(p, z) / horner(q, z) / value - 1) for z, value in zip(grid, values, strict=True)]
        if max(errors) < error:
            numerator, denominator, error = p, q, max(errors)
        weights = [weight * e / max(errors) for weight, e in zip(weights, errors, strict=True)]
    return numerator, denominator, error


def erf_ratio(z: mpf) -> mpf:
    """`erf(x) / x` of `z = x^2`."""
    x = mpmath.sqrt(z)
    return mpmath.erf(x) / x


def main() -> None:
    """Print the quotient for `erf`."""
    numerator, denominator, error = fit_quotient(erf_ratio, 3.92**2, (6, 6))
    print(f"# erf_f32: error 2^{mpmath.nstr(mpmath.log(error, 2), 4)}")
    for part in (numerator, denominator):
        print("(", *(f"    {rounded(c, single=True)!r}," for c in part), ")", sep="\n")


if __name__ == "__main__":
    main()
