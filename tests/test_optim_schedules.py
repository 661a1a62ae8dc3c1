"""`compiler.optim.schedules` as functions of Python integers, arrays and traced steps."""

import numpy as np
import pytest

import compiler
from compiler.optim import schedules

SCHEDULES = {
    "constant": schedules.constant(0.1),
    "linear": schedules.linear(0.1, 0.0, 10),
    "polynomial": schedules.polynomial(0.1, 0.01, 0.5, 10),
    "exponential_decay": schedules.exponential_decay(0.1, 0.9, 3),
    "staircase": schedules.exponential_decay(0.1, 0.9, 3, staircase=True),
    "cosine_decay": schedules.cosine_decay(0.1, 10, 0.01),
    "piecewise_constant": schedules.piecewise_constant([0.1, 0.01], [4]),
    "warmup_cosine": schedules.warmup_cosine(0.1, 3, 10, 0.01, 0.001),
    "one_cycle": schedules.one_cycle(0.1, 13),
    "join": schedules.join([schedules.linear(0.0, 0.1, 3), schedules.exponential_decay(0.1, 0.5, 4)], [3]),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_traced_steps_give_what_integers_give(name):
    schedule = SCHEDULES[name]
    traced = compiler.jit(schedule)
    for step in (0, 3, 4, 9, 12, 1000):
        expected = float(schedule(step))
        assert np.isfinite(expected)
        got = traced(np.int64(step))
        assert got.shape == ()
        assert got.dtype == np.float64
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("name", [name for name in SCHEDULES if name != "constant"])
def test_schedules_of_arrays_are_those_of_their_numbers(name):
    steps = np.arange(15)
    expected = [float(SCHEDULES[name](int(step))) for step in steps]
    np.testing.assert_allclose(SCHEDULES[name](steps), expected, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("name", ["linear", "cosine_decay", "warmup_cosine"])
def test_a_schedule_stays_at_its_end(name):
    assert SCHEDULES[name](10) == SCHEDULES[name](10**9)


def test_the_warm_up_reaches_the_peak_and_is_the_line_to_it():
    schedule = schedules.warmup_cosine(1.0, 4, 12)
    np.testing.assert_allclose([schedule(step) for step in range(5)], [0, 0.25, 0.5, 0.75, 1.0])
    np.testing.assert_allclose(schedule(8), 0.5, rtol=1e-15)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.linear(1.0, 0.0, 0), "polynomial: transition_steps is 0; expected an integer of at least 1"),
        (lambda: schedules.exponential_decay(1.0, 0.5, 2.5), "exponential_decay: transition_steps is 2.5"),
        (lambda: schedules.cosine_decay(1.0, True), "cosine_decay: decay_steps is True"),
        (lambda: schedules.warmup_cosine(1.0, 10, 10), "warmup_cosine: decay_steps is 0"),
        (lambda: schedules.piecewise_constant([1.0], [2]), r"join: 1 schedules and the boundaries \[2\]"),
        (lambda: schedules.join([schedules.constant(1.0)] * 3, [5, 2]), "in ascending order"),
        (lambda: schedules.one_cycle(1.0, 3), "one_cycle: 3 steps with pct_start 0.3"),
    ],
)
def test_wrong_settings_are_errors(make, message):
    with pytest.raises(compiler.ArgumentError, match=message):
        make()
