"""Random NumPy programs and random indices give what NumPy gives: compiled, batched and differentiated."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator
from programs import assert_compiles_as_numpy

import compiler

Function = Callable[..., Any]


def random_shape(rng: Generator) -> tuple[int, ...]:
    return tuple(int(size) for size in rng.choice([1, 2, 3, 4, 5, 8, 17, 33], rng.integers(0, 4)))


def random_unary(rng: Generator, x: Any) -> Function:
    """A function of one array that suits `x`."""
    axis = int(rng.integers(-x.ndim, x.ndim)) if x.ndim else 0
    keep, shift = bool(rng.integers(2)), int(rng.integers(-3, 4))
    choices: list[Function] = [np.tanh, lambda x: 0.5 * x + 1, lambda x: np.abs(x) - 0.25, lambda x: x.reshape(-1)]
    if x.ndim:
        choices += [
            lambda x: x.sum(axis, keepdims=keep),
            lambda x: x.max(axis, keepdims=keep),
            lambda x: x.mean(axis),
            lambda x: np.flip(x, axis),
            lambda x: np.roll(x, shift, axis),
            lambda x: (
                np.exp(x - x.max(axis, keepdims=True)) / np.exp(x - x.max(axis, keepdims=True)).sum(axis, keepdims=True)
            ),
            lambda x: np.einsum("...i->...", x),
            lambda x: x[..., : (x.shape[-1] + 1) // 2],
        ]
    if x.ndim < 4:
        choices.append(lambda x: np.expand_dims(x, axis))
    if x.ndim and x.size < 2000:
        permutation = rng.permutation(x.ndim).tolist()
        widths = [(int(before), int(after)) for before, after in rng.integers(0, 3, (x.ndim, 2))]
        mode = str(rng.choice(["constant", "edge", "wrap"]))
        choices += [
            lambda x: x.transpose(permutation),
            lambda x: np.pad(x, widths, mode=mode),
            lambda x: np.concatenate([x, 2 * x, -x], axis),
            lambda x: np.repeat(x, 2, axis),
        ]
    return choices[rng.integers(len(choices))]


def random_binary(rng: Generator, x: Any, y: Any) -> Function:
    """A function of two arrays that suits `x` and `y`."""
    choices: list[Function] = [lambda x, y: x.mean() + y, lambda x, y: x.reshape(-1)[:7].sum() * y]
    try:
        size = np.prod(np.broadcast_shapes(x.shape, y.shape))
    except ValueError:
        size = np.inf
    if size < 10_000:
        choices += [np.add, np.multiply, lambda x, y: np.where(x > y, x, y - 1)] * 2
    if x.ndim and x.size < 2000:
        choices.append(lambda x, y: np.tensordot(x, x, (-1, -1)).mean() + y)
    return choices[rng.integers(len(choices))]


def random_program(rng: Generator, inputs: list[Any]) -> Function:
    """A program of up to 14 operations on `inputs` with several results."""
    steps: list[tuple[Function, tuple[int, ...]]] = []
    values = list(inputs)
    for _ in range(rng.integers(3, 15)):
        sources = tuple(int(i) for i in rng.integers(0, len(values), 1 if rng.random() < 0.7 else 2))
        chosen = [values[i] for i in sources]
        step = random_unary(rng, *chosen) if len(chosen) == 1 else random_binary(rng, *chosen)
        steps.append((step, sources))
        values.append(np.asarray(step(*chosen)))
    results = [int(i) for i in rng.choice(len(values), 3, replace=False)] + [len(values) - 1]

    def program(*arrays: Any) -> Any:
        values = list(arrays)
        for step, sources in steps:
            values.append(step(*(values[i] for i in sources)))
        return [values[i] for i in results]

    return program


@pytest.mark.parametrize("seed", range(40))
def test_random_program_compiles_as_numpy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    inputs = [rng.standard_normal(random_shape(rng)).astype([np.float32, np.float64][seed % 2]) for _ in range(3)]
    assert_compiles_as_numpy(random_program(rng, inputs), inputs, ulps=2**10)


def random_slice(rng: Generator, size: int) -> slice:
    low, high = sorted(int(i) for i in rng.integers(0, size + 1, 2))
    step = int(rng.choice([1, 1, 2, 3]))
    choices = [
        slice(None),
        slice(None, None, -1),
        slice(low, high, step),
        slice(None, low, -step),
        slice(low - size, None),
    ]
    return choices[rng.integers(len(choices))]


def random_index(rng: Generator, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Integers, slices, new dimensions, an ellipsis and arrays, as many as fit `shape`."""
    index: list[Any] = []
    has_arrays = rng.random() < 0.5
    array_shape = tuple(int(size) for size in rng.integers(1, 4, rng.integers(0, 3)))
    for size in shape:
        choice = rng.random()
        if choice < 0.1:
            index.append(None)
        if choice < 0.35:
            index.append(int(rng.integers(-size, size)))
        elif choice < 0.6 and has_arrays:
            index.append(rng.integers(-size, size, array_shape))
        else:
            index.append(random_slice(rng, size))
    if rng.random() < 0.3:
        cut = int(rng.integers(len(index) + 1))
        index[cut : cut + 1] = [Ellipsis]
    return tuple(index)


@pytest.mark.parametrize("seed", range(60))
def test_random_index_reads_and_assigns_as_numpy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(size) for size in rng.choice([1, 2, 3, 4, 5, 7], rng.integers(1, 5)))
    x = (9 * rng.random(shape)).astype(["f4", "f8", "i4", "i8", "?"][seed % 5])
    index = random_index(rng, shape)
    arrays = [part for part in index if isinstance(part, np.ndarray)]
    are_traced = bool(rng.integers(2))
    value = (5 * rng.random(x[index].shape if rng.random() < 0.5 else ())).astype(x.dtype)

    def program(x: Any, value: Any, arrays: Any) -> Any:
        traced = iter(arrays)
        where = tuple(next(traced) if isinstance(part, np.ndarray) else part for part in index) if are_traced else index
        assigned, updated = x.copy(), x.copy()
        assigned[where] = value
        updated[where] = updated[where] & value if x.dtype == bool else updated[where] * value - value
        return x[where], assigned, updated, updated.sum(), assigned.reshape(-1)[::-1]

    assert_compiles_as_numpy(program, (x, value, arrays))
    if x.dtype == np.float64:
        batch = compiler.vmap(lambda x, value: program(x, value, arrays))(
            np.stack([x, x + 1]), np.stack([value, -value])
        )
        for got, want in zip(batch, program(x + 1, -value, arrays), strict=True):
            np.testing.assert_allclose(got[1], want, rtol=1e-12)
