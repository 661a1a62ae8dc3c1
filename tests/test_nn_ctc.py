"""`ctc_loss` against the sum over all alignments, written out, and its edges."""

import itertools
import re

import numpy as np
import pytest

import compiler
from compiler import nn

EPS = np.finfo(np.float64).eps


def said(path, blank):
    """What a path of classes says: neighbours that are equal once, blanks not at all."""
    return [key for key, _ in itertools.groupby(path) if key != blank]


def by_enumeration(log_probs, target, blank=0):
    """`-log` of the sum of the probabilities of all paths that say `target`."""
    steps, classes = log_probs.shape
    paths = [p for p in itertools.product(range(classes), repeat=steps) if said(p, blank) == list(target)]
    if not paths:
        return np.inf
    return -np.logaddexp.reduce([sum(log_probs[t, k] for t, k in enumerate(path)) for path in paths])


def log_probabilities(*shape):
    logits = np.random.default_rng(0).standard_normal(shape)
    return logits - np.log(np.sum(np.exp(logits), axis=-1, keepdims=True))


TARGETS = [[1, 2], [1, 1], [2, 1, 2], [], [1], [1, 1, 2], [2, 2, 2], [2, 1, 2, 1, 2]]


def padded(targets, width):
    return np.array([[*each, *[-7] * (width - len(each))] for each in targets])


def test_the_loss_is_the_sum_over_all_alignments():
    log_probs = log_probabilities(5, len(TARGETS), 3)
    got = nn.ctc_loss(log_probs, padded(TARGETS, 6), [5] * len(TARGETS), [*map(len, TARGETS)], reduction="none")
    want = [by_enumeration(log_probs[:, i], each) for i, each in enumerate(TARGETS)]
    np.testing.assert_allclose(got, want, rtol=64 * EPS)


@pytest.mark.parametrize("blank", [0, 1, 2])
def test_any_class_may_be_blank_and_inputs_end_where_they_end(blank):
    log_probs, ends = log_probabilities(5, 4, 3), [5, 3, 1, 0]
    others = [each for each in range(3) if each != blank]
    targets = [[others[0], others[0]], [others[1], others[0]], [others[1]], []]
    got = nn.ctc_loss(log_probs, padded(targets, 2), ends, [2, 2, 1, 0], blank=blank, reduction="none")
    want = [by_enumeration(log_probs[:end, i], targets[i], blank) for i, end in enumerate(ends)]
    np.testing.assert_allclose(got, want, rtol=64 * EPS, atol=EPS)


def test_all_forms_of_arguments_say_the_same():
    log_probs, counts = log_probabilities(5, len(TARGETS), 3), [*map(len, TARGETS)]
    targets, ends = padded(TARGETS, 5), np.full(len(TARGETS), 5)
    want = nn.ctc_loss(log_probs, targets, ends, counts, reduction="none")
    joined = np.array([*itertools.chain(*TARGETS)])
    for other in (joined, joined.astype(np.int32)):
        np.testing.assert_array_equal(nn.ctc_loss(log_probs, other, tuple(ends), counts, reduction="none"), want)
    traced = compiler.jit(lambda *args: nn.ctc_loss(*args, reduction="none"))
    np.testing.assert_allclose(traced(log_probs, joined, ends, np.array(counts)), want, rtol=8 * EPS)
    np.testing.assert_allclose(traced(log_probs, targets, ends, np.array(counts)), want, rtol=8 * EPS)
    alone = [
        nn.ctc_loss(log_probs[:, i], np.array(each, int), 5, len(each), reduction="none")
        for i, each in enumerate(TARGETS)
    ]
    np.testing.assert_allclose(alone, want, rtol=8 * EPS)


def test_reductions():
    log_probs, counts = log_probabilities(5, 3, 3), np.array([2, 2, 0])
    arguments = log_probs, padded([[1, 2], [2, 2], []], 2), [5, 5, 5], counts
    each = nn.ctc_loss(*arguments, reduction="none")
    np.testing.assert_allclose(nn.ctc_loss(*arguments, reduction="sum"), each.sum(), rtol=8 * EPS)
    np.testing.assert_allclose(nn.ctc_loss(*arguments), np.mean(each / [2, 2, 1]), rtol=8 * EPS)


def test_what_has_no_alignment_is_infinite_or_zero_and_moves_nothing():
    log_probs, targets = log_probabilities(3, 3, 3), padded([[1, 1, 1], [1, 2], [2, 2, 2]], 3)
    for zero_infinity, value in ((False, np.inf), (True, 0.0)):

        def losses(x, zero_infinity=zero_infinity):
            return nn.ctc_loss(x, targets, [3, 3, 3], [3, 2, 3], reduction="none", zero_infinity=zero_infinity)

        out = losses(log_probs)
        assert out[0] == out[2] == value
        assert np.isfinite(out[1])
        gradient = compiler.grad(lambda x: np.sum(losses(x)))(log_probs)
        np.testing.assert_array_equal(gradient[:, [0, 2]], 0)
        assert np.isfinite(gradient).all()
        assert np.any(gradient[:, 1])


def test_the_gradient_is_minus_the_expected_visits_of_each_class():
    log_probs, target = log_probabilities(4, 3), [1, 2]
    gradient = compiler.grad(lambda x: nn.ctc_loss(x, np.array(target), 4, 2, reduction="sum"))(log_probs)
    visits, total = np.zeros((4, 3)), 0.0
    for path in itertools.product(range(3), repeat=4):
        if said(path, 0) == target:
            probability = np.exp(sum(log_probs[t, k] for t, k in enumerate(path)))
            total += probability
            for t, k in enumerate(path):
                visits[t, k] += probability
    np.testing.assert_allclose(gradient, -visits / total, rtol=64 * EPS, atol=EPS)


def test_classes_without_probability_are_no_nan():
    with np.errstate(divide="ignore"):
        log_probs = np.log(np.array([[0.0, 1.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]))
    loss = compiler.value_and_grad(lambda x: nn.ctc_loss(x, np.array([1, 2]), 3, 2, reduction="sum"))
    value, gradient = loss(log_probs)
    np.testing.assert_allclose(value, 0, atol=4 * EPS)
    np.testing.assert_allclose(gradient, [[0, -1, 0], [-0.5, -0.5, 0], [0, 0, -1]], atol=4 * EPS)


def test_nan_stays_nan():
    log_probs = log_probabilities(4, 2, 3)
    log_probs[1, 0] = np.nan
    losses = nn.ctc_loss(log_probs, np.array([[1, 2], [1, 2]]), [4, 4], [2, 2], reduction="none")
    assert np.isnan(losses[0])
    assert np.isfinite(losses[1])


def test_long_inputs_do_not_underflow():
    log_probs = np.full((2000, 1, 5), -np.log(5), np.float32)
    loss = nn.ctc_loss(log_probs, np.array([[1, 2, 3]]), [2000], [3], reduction="sum")
    # Paths of n steps that say 3 different labels: choose where each of the 7 runs, 4 of them maybe empty, begins.
    n = 2000.0
    paths = np.prod([(n + 3 - i) / (i + 1) for i in range(6)])
    np.testing.assert_allclose(loss, n * np.log(5) - np.log(paths), rtol=1e-5)


def test_memory_is_linear_in_steps_and_labels():
    def arena(steps, labels):
        x, targets = np.zeros((steps, 2, 5)), np.ones((2, labels), int)
        loss = compiler.jit(compiler.grad(lambda x: nn.ctc_loss(x, targets, [steps] * 2, [labels] * 2)))
        return loss.lower(x).memory_analysis().temp_size_in_bytes

    assert arena(128, 32) < 2.2 * arena(64, 32) < 5 * arena(64, 16)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"log_probs": np.ones((4, 2, 3), int)}, compiler.DtypeError, "ctc_loss: input has dtype int64"),
        ({"log_probs": np.ones(4)}, compiler.ShapeError, "log_probs have shape (4,), expected [steps, batch, classes]"),
        ({"targets": np.ones((2, 2))}, compiler.DtypeError, "targets have dtype float64, expected integers"),
        ({"targets": np.ones((3, 2), int)}, compiler.ShapeError, "targets have shape (3, 2), expected (2, 2)"),
        ({"targets": np.ones(3, int)}, compiler.ShapeError, "targets have shape (3,), expected 4 for target_lengths"),
        ({"input_lengths": [4, 5]}, compiler.ShapeError, "input_lengths are up to 5, but there are only 4"),
        ({"target_lengths": [2, 3]}, compiler.ShapeError, "target_lengths are up to 3, but there are only 2"),
        ({"input_lengths": [4]}, compiler.ShapeError, "input_lengths have shape (1,), expected (2,)"),
        ({"target_lengths": [1.0, 1.0]}, compiler.DtypeError, "target_lengths have dtype float64, expected integers"),
        ({"blank": 3}, compiler.ArgumentError, "blank is 3, expected a class in 0 … 2"),
        ({"reduction": "max"}, compiler.ArgumentError, "reduction is 'max'; use 'none', 'mean' or 'sum'"),
    ],
)
def test_wrong_arguments_are_named(changes, error, message):
    arguments = {
        "log_probs": np.zeros((4, 2, 3)),
        "targets": np.ones((2, 2), int),
        "input_lengths": [4, 4],
        "target_lengths": [2, 2],
    }
    with pytest.raises(error, match=re.escape(message)):
        nn.ctc_loss(**(arguments | changes))
