"""Measure the error and the speed of the elementary functions on this machine; write `docs/accuracy.md`.

```
python tools/measure_accuracy.py [points in millions, default 4]
```

References: for f32 NumPy in f64; for f64 NumPy in x87 extended precision, and mpmath for what NumPy lacks, which is
slower and so has fewer points.
"""

import ctypes
import sys
import timeit
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from math_runner import (  # noqa: E402
    BINARY,
    BUDGETS,
    FAST_BUDGETS,
    QUOTIENTS,
    compiled,
    error_in_ulps,
    evaluate,
    exact,
    scale_near_zeros,
    scale_of_fast_pow,
)

from runtime.native import host_vector_bits  # noqa: E402

Array = np.ndarray[Any, Any]
CHUNK = 1 << 16

REFERENCES: dict[str, Any] = {
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "log2": np.log2,
    "tanh": np.tanh,
    "sin": np.sin,
    "cos": np.cos,
    "powf": np.power,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "log10": np.log10,
    "cbrt": np.cbrt,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "sqrt": np.sqrt,
    "quotient by root": lambda x, y: x / np.sqrt(y),
    "quotient by cubed root": lambda x, y: x / (y * np.sqrt(y)),
}

USED: dict[str, tuple[float, float]] = {
    "erf": (-6.1, 6.1),
    "erfc": (-1.0, 27.3),
    "erfcx": (-5.0, 50.0),
    "erf_inv": (-1.0, 1.0),
    "erfc_inv": (0.0, 2.0),
    "lgamma": (-5.0, 20.0),
    "digamma": (-5.0, 20.0),
    "trigamma": (-5.0, 20.0),
    "tetragamma": (-5.0, 20.0),
}
"""Where to measure functions that NumPy lacks."""

HEADER = """# Accuracy of elementary functions

`expand-math` replaces each function by its own code. The table gives the promised and the largest measured error in units in
the last place of the exact result (ULP; correct rounding is 0.5), over the whole range: subnormal arguments and results,
overflow and huge arguments are included. NaN gives NaN; infinities, zeros (with sign) and poles are exact, and `powf`
follows C99 annex F. Scalar, vector and GPU code give the same bits, also where the
processor has instructions that work on exponents (AVX-512).

Coefficients come from `tools/remez.py`; `tests/test_expand_math.py` holds the promise on some 1500 points per function and
format; this file is written by `tools/measure_accuracy.py`, here with about {points} points per entry ({exact_points} for
functions that NumPy lacks, where they are mostly used). The gamma function's relatives cross zero between their poles, and
`digamma` at 1.46: there the error is in units in the last place of the terms that cancel. `trigamma` and `tetragamma` are
`special.polygamma` of order 1 and 2. Time is in nanoseconds per element, one thread on this machine, vectors of 256 and of 512
bits, for arguments of normal distribution (width 2) in cache:
{machine}.

| function | format | promised ULP | measured ULP | at | ns, 256 bits | ns, 512 bits |
|---|---|---|---|---|---|---|
"""

FAST_HEADER = """
## Fast variants

`CompileOptions(math="fast")` takes shorter code for these functions. Subnormal arguments and results count as zero, and powers
of two and of e are infinite from half an octave below the largest number on, unless the processor has instructions for them; all
else is as above: NaN, infinities, zeros with sign and poles. The error is that of results and arguments which are neither
subnormal nor within an octave of overflow; for `powf` it is in units of `1 + |y log2 x|` ULP. A quotient by root is
`a / sqrt(b)`, one by cubed root `a / (b sqrt(b))`: products with the inverse root. Roots start from the processor's estimate where
it has one (AVX-512), and there scalars and vectors may differ. `tests/test_fast_math.py` holds the promise.

| function | format | promised ULP | measured ULP | at | ns, 256 bits | ns, 512 bits |
|---|---|---|---|---|---|---|
"""


def arguments(dtype: Any, generator: np.random.Generator, count: int) -> Array:
    """Half of the points of all exponents, half from where functions are used most."""
    unsigned = np.uint32 if dtype == np.float32 else np.uint64
    bits = generator.integers(0, np.iinfo(unsigned).max, count // 2, unsigned, endpoint=True).view(dtype)
    scales = generator.choice([0.1, 0.5, 1.0, 5.0, 50.0, 500.0], count - count // 2)
    usual = generator.normal(0, 1, count - count // 2) * scales
    usual[::4] = 1 + generator.normal(0, 0.3, usual[::4].size)
    x = np.concatenate([bits, usual.astype(dtype)])
    return x[generator.permutation(x.size)]


def errors(results: Array, references: Array) -> Array:
    """Errors in units of the last place, by references of higher precision."""
    dtype = results.dtype
    limits = np.finfo(dtype)
    rounded = references.astype(dtype)
    finite = np.where(np.isfinite(rounded), np.abs(rounded), limits.max)
    units = np.maximum(np.spacing(finite), limits.smallest_subnormal).astype(references.dtype)
    difference = np.abs(results.astype(references.dtype) - references) / units
    same = ((results == rounded) & ~np.isfinite(rounded)) | (np.isnan(results) & np.isnan(references))
    difference = np.where(same, 0, difference)
    return np.where(np.isnan(difference), np.inf, difference).astype(np.float64)


def exact_errors(name: str, x: Array, results: Array) -> Array:
    """Errors by mpmath."""
    return np.array([
        error_in_ulps(result, exact(name, value), x.dtype, scale_near_zeros(name, float(value)))
        for value, result in zip(x, results, strict=True)
    ])  # fmt: skip


def interval(name: str, dtype: Any, generator: np.random.Generator, count: int) -> Array:
    """Points between the bounds of `USED`, a quarter of them close to 0."""
    low, high = USED[name]
    x = generator.uniform(low, high, count)
    x[::4] = generator.uniform(max(low, -1.0), 1.0, x[::4].size) ** 3 if low < 0 else x[::4] ** 8 / high**7
    x = x.astype(dtype)
    is_pole = (x <= 0) & (x == np.floor(x))
    return x[(x > low) & (x < high) & ~is_pole]


def measure(
    name: str, dtype: Any, count: int, generator: np.random.Generator, fast: bool = False
) -> tuple[float, tuple[float, ...]]:
    """The largest error, and the arguments that give it; of fast variants, that of usual numbers."""
    if name not in REFERENCES:
        x = interval(name, dtype, generator, count)
        found = exact_errors(name, x, evaluate(name, x, fast=fast))
        place = int(np.argmax(found))
        return float(found[place]), (float(x[place]),)
    wide = np.float64 if dtype == np.float32 else np.longdouble
    worst, where = 0.0, (0.0,)
    for _ in range(max(1, count // CHUNK)):
        operands = [arguments(dtype, generator, CHUNK) for _ in range(2 if name in BINARY else 1)]
        if name in BINARY:
            operands[0][::4] = np.exp(generator.normal(0, 20, operands[0][::4].size)).astype(dtype)
            operands[1][1::4] *= dtype(1000)
            operands[0][1::4] = (1 + generator.normal(0, 1e-3, operands[0][1::4].size)).astype(dtype)
        results = evaluate(name, *operands, fast=fast)
        references = np.asarray(REFERENCES[name](*(o.astype(wide) for o in operands)), wide)
        found = errors(results, references)
        if fast:
            limits = np.finfo(dtype)
            usual = (np.abs(references) >= limits.tiny) & (np.abs(references) < float(limits.max) / 2)
            usual &= np.abs(operands[0]) >= limits.tiny
            if name in QUOTIENTS:  # the steps are usual too
                inverse = 1 / operands[1]
                steps = (operands[1], inverse, operands[0] * np.sqrt(inverse))
                usual &= np.all([(np.abs(x) >= limits.tiny) & np.isfinite(x) for x in steps], 0)
            found = np.where(usual, found, 0)
            if name == "powf":
                found /= np.where(found > 0, scale_of_fast_pow(*(o.astype(np.float64) for o in operands)), 1)
        place = int(np.argmax(found))
        if found[place] > worst:
            worst, where = float(found[place]), tuple(float(o[place]) for o in operands)
    return worst, where


def nanoseconds(name: str, dtype: Any, generator: np.random.Generator, bits: int, fast: bool) -> float:
    """Time per element on an array of 4096, the best of many."""
    size, lanes = 4096, bits // (8 * np.dtype(dtype).itemsize)
    program = compiled(name, "f32" if dtype == np.float32 else "f64", size, lanes, fast)
    x, y = (np.abs(generator.normal(0, 2, size)).astype(dtype) for _ in range(2))
    if name in ("asin", "acos", "atanh", "erf_inv"):
        x = np.tanh(x)
    operands = [x, y] if name in BINARY else [x]
    result, arena = np.empty(size, dtype), ctypes.c_byte()
    pointers = [*(o.ctypes.data for o in operands), result.ctypes.data, ctypes.addressof(arena)]
    timer = timeit.Timer(lambda: program.call("map", pointers))
    return min(timer.repeat(200, 5)) / 5 / size * 1e9


def machine() -> str:
    """The name of the processor."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown processor"


def table(budgets: dict[str, int], count: int, exact_count: int, fast: bool) -> str:
    """A row for each function and format."""
    rows: list[str] = []
    for name, budget in budgets.items():
        for dtype in (np.float32, np.float64):
            generator = np.random.default_rng(7)
            worst, where = measure(name, dtype, count if name in REFERENCES else exact_count, generator, fast)
            times = [
                f"{nanoseconds(name, dtype, generator, bits, fast):.2f}" if bits <= host_vector_bits() else "–"
                for bits in (256, 512)
            ]
            format_name = "f32" if dtype == np.float32 else "f64"
            place = ", ".join(f"{v:.9g}" for v in where)
            rows.append(f"| `{name}` | {format_name} | {budget} | {worst:.2f} | {place} | {' | '.join(times)} |\n")
            print(rows[-1], end="", flush=True)
    return "".join(rows)


def main() -> None:
    """Measure everything and write the tables."""
    np.seterr(all="ignore")
    count = int(float(sys.argv[1] if len(sys.argv) > 1 else 4) * 1e6)
    exact_count = min(count // 25, 20_000)
    header = HEADER.format(points=f"{count:,}", exact_points=f"{exact_count:,}", machine=machine())
    accurate, fast = (
        table(budgets, count, exact_count, budgets is FAST_BUDGETS) for budgets in (BUDGETS, FAST_BUDGETS)
    )
    (ROOT / "docs" / "accuracy.md").write_text(header + accurate + FAST_HEADER + fast)


if __name__ == "__main__":
    main()
