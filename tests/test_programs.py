"""Programs as users write them give what NumPy gives, compiled, differentiated and batched."""

from typing import Any

import numpy as np
import programs_learning
import programs_numeric
import pytest
from programs import (
    assert_batches_as_loop,
    assert_compiles_as_numpy,
    assert_gradient_is_slope,
    assert_second_derivative_is_slope,
)

import compiler

PROGRAMS = programs_learning.PROGRAMS | programs_numeric.PROGRAMS


def arguments(name: str, dtype: Any, seed: int = 0) -> Any:
    return PROGRAMS[name].make(np.random.default_rng(seed), dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", PROGRAMS)
def test_program_compiles_as_numpy(name: str, dtype: Any) -> None:
    assert_compiles_as_numpy(PROGRAMS[name].fn, arguments(name, dtype), PROGRAMS[name].ulps)


@pytest.mark.parametrize("name", [name for name, program in PROGRAMS.items() if program.differentiable])
def test_gradient_of_program_is_its_slope(name: str) -> None:
    assert_gradient_is_slope(PROGRAMS[name].fn, arguments(name, np.float64))


@pytest.mark.parametrize("name", [name for name, program in PROGRAMS.items() if program.batchable])
def test_program_batches_as_a_loop(name: str) -> None:
    batch = [arguments(name, np.float64, seed) for seed in range(3)]
    assert_batches_as_loop(PROGRAMS[name].fn, batch, PROGRAMS[name].ulps)


@pytest.mark.parametrize("name", ["runge-kutta", "mlp loss", "attention", "n-body", "norms", "embedding bag", "heat"])
def test_second_derivative_of_program_is_the_slope_of_the_first(name: str) -> None:
    assert_second_derivative_is_slope(PROGRAMS[name].fn, arguments(name, np.float64))


def test_assignment_of_rows_and_elements_computes_them_where_they_belong() -> None:
    def step(x: Any, k: Any) -> Any:
        y = x * 2
        y[3] = np.tanh(x[0]) + 1
        y[k, 2] = 7
        return y

    x = np.linspace(-1, 1, 30).reshape(5, 6)
    assert_compiles_as_numpy(step, (x, np.int64(4)))
    lowered = compiler.jit(step).lower(x, np.int64(4))
    assert lowered.memory_analysis().temp_size_in_bytes <= 64  # the position of the element
    assert "memref.copy" not in lowered.as_text("bufferized")
    assert lowered.as_text("fused").count("rt.kernel") == 4  # the array, the row, the position, the element


def test_long_sums_of_float32_are_as_accurate_as_pairwise() -> None:
    x = np.full(5_000_003, 0.1, np.float32)
    total, mean, variance, square = compiler.jit(lambda x: (x.sum(), x.mean(), x.var(), (x * x).sum()))(x)
    exact = float(x[0])
    np.testing.assert_allclose([total / x.size, mean, square / x.size / exact], exact, rtol=1e-5)
    assert variance < 1e-10


def test_value_that_is_read_in_many_places_is_not_computed_in_each() -> None:
    def windows(x: Any) -> Any:
        y = np.concatenate([x] * 25)
        return sum(y[i : i + 4] for i in range(25))

    x = np.ones((4, 8), np.float32)
    assert_compiles_as_numpy(windows, (x,))
    assert compiler.jit(windows).lower(x).as_text("fused").count("\n") < 800


def test_condition_on_two_loop_counters_holds_in_its_iteration_only() -> None:
    def step(x: Any, value: Any) -> Any:
        x[1:2, 1:0:-1] = value
        return x, x.sum()

    assert_compiles_as_numpy(step, (np.arange(6, dtype=np.int32).reshape(2, 3), np.array([[77]], np.int32)))


def test_part_of_a_value_is_read_in_loops_of_its_own() -> None:
    def partial(x: Any, z: Any) -> Any:
        y = x + (x[:7, 0] * x[0, 0]).sum()
        return (z[:, None] * y.reshape(-1)[:7]).sum() + y, y.sum(1)

    x, z = np.linspace(0, 1, 8).reshape(8, 1), np.linspace(-1, 2, 33)
    assert_compiles_as_numpy(partial, (x, z))
