"""Losses and their derivatives are PyTorch's."""

import numpy as np
import pytest
from torch_comparison import DTYPES, assert_as_torch, normal, torch

from compiler import nn

REDUCTIONS = ["none", "mean", "sum"]
X, Y = normal(4, 5), normal(4, 5, seed=1)
P, Q = 1 / (1 + np.exp(-X)), 1 / (1 + np.exp(-Y))
SIGNS = np.sign(normal(4, 5, seed=2))
WEIGHT = Q + 0.5
LABELS = np.array([3, 0, 4, 0])

ELEMENTWISE = [
    ("l1_loss", (X, Y), {}),
    ("l1_loss", (X, Y), {"weight": WEIGHT}),
    ("mse_loss", (X, Y), {}),
    ("mse_loss", (X, Y), {"weight": WEIGHT}),
    ("smooth_l1_loss", (X, Y), {"beta": 0.5}),
    ("smooth_l1_loss", (X, Y), {"beta": 0.0}),
    ("huber_loss", (X, Y), {"delta": 0.75}),
    ("huber_loss", (X, Y), {"weight": WEIGHT}),
    ("poisson_nll_loss", (X, 4 * Q), {"full": True}),
    ("poisson_nll_loss", (P, 4 * Q), {"log_input": False}),
    ("gaussian_nll_loss", (X, Y, P), {"full": True, "eps": 0.4}),
    ("gaussian_nll_loss", (X, Y, P[:, :1]), {}),
    ("gaussian_nll_loss", (X, Y, P[:, 0]), {}),
    ("binary_cross_entropy", (P, Q), {}),
    ("binary_cross_entropy", (P, Q), {"weight": WEIGHT}),
    ("binary_cross_entropy_with_logits", (40 * X, Q), {}),
    ("binary_cross_entropy_with_logits", (X, Q), {"weight": WEIGHT, "pos_weight": WEIGHT[0]}),
    ("kl_div", (X, Q), {}),
    ("kl_div", (X, Y), {"log_target": True}),
    ("soft_margin_loss", (50 * X, SIGNS), {}),
    ("hinge_embedding_loss", (X, SIGNS), {"margin": 0.5}),
    ("margin_ranking_loss", (X, Y, SIGNS), {"margin": 0.25}),
    ("multi_margin_loss", (X, LABELS), {}),
    ("multi_margin_loss", (X, LABELS, 2, 0.5), {"weight": WEIGHT[0]}),
    ("multi_margin_loss", (X[0], np.array(3)), {}),
    (
        "multilabel_margin_loss",
        (X, np.array([[1, 0, -1, 2, 3], [-1, 0, 0, 0, 0], [0, 1, 2, 3, 4], [2, 2, 4, -1, -1]])),
        {},
    ),
    ("multilabel_margin_loss", (X[0], np.array([1, 0, -1, 2, 3])), {}),
    ("multilabel_soft_margin_loss", (X, np.round(Q)), {"weight": WEIGHT[0]}),
    ("cosine_embedding_loss", (X, Y, SIGNS[:, 0]), {"margin": 0.1}),
    ("triplet_margin_loss", (X, Y, Q), {}),
    ("triplet_margin_loss", (X, Y, Q), {"p": 1.0, "margin": 0.5, "swap": True}),
    ("triplet_margin_with_distance_loss", (X, Y, Q), {"swap": True}),
]
DIFFERENTIABLE = {
    "soft_margin_loss": 1,
    "hinge_embedding_loss": 1,
    "margin_ranking_loss": 2,
    "multilabel_soft_margin_loss": 1,
    "cosine_embedding_loss": 2,
    "multi_margin_loss": 1,
    "l1_loss": 2,
    "mse_loss": 2,
    "huber_loss": 2,
    "binary_cross_entropy": 2,
    "binary_cross_entropy_with_logits": 2,
}
"""How many operands have a derivative in PyTorch, where not all have."""


@DTYPES
@pytest.mark.parametrize(("name", "operands", "settings"), ELEMENTWISE)
def test_losses_and_their_derivatives_are_pytorchs(name, operands, settings, dtype):
    # All reductions come from the same losses: each case takes one for each dtype, in turn.
    number = next(i for i, case in enumerate(ELEMENTWISE) if case[1] is operands and case[2] is settings)
    reduction = REDUCTIONS[(number + (dtype == np.float64)) % 3]
    assert_as_torch(name, dtype, *operands, differentiate=DIFFERENTIABLE.get(name), reduction=reduction, **settings)


def test_binary_cross_entropy_at_0_and_1_is_pytorchs():
    # In float32 only: PyTorch rounds its bound of 1e-12 to that.
    assert_as_torch("binary_cross_entropy", np.float32, np.round(P), Q, differentiate=1)


@DTYPES
def test_kl_div_divides_by_the_batch(dtype):
    assert_as_torch("kl_div", dtype, X, Q, reduction="batchmean")


CLASSES = [
    ((5,), np.array(3)),
    ((4, 5), LABELS),
    ((4, 5), np.array([3, -100, 4, 0])),
    ((2, 5, 3), np.array([[1, 4, 2], [0, 0, -100]])),
    ((2, 5, 2, 3), np.arange(12).reshape(2, 2, 3) % 5),
]


@DTYPES
@pytest.mark.parametrize(("shape", "labels"), CLASSES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_nll_loss_with_weights_is_pytorchs(shape, labels, reduction, dtype):
    settings = {"weight": WEIGHT[0]} if reduction != "sum" else {"ignore_index": 2}
    if reduction == "sum" and labels.min(initial=0) < 0:
        settings = {}
    assert_as_torch("nll_loss", dtype, normal(*shape), labels, differentiate=1, reduction=reduction, **settings)


@DTYPES
@pytest.mark.parametrize(("shape", "labels"), CLASSES)
@pytest.mark.parametrize(
    "settings",
    [
        {"reduction": "none", "weight": WEIGHT[0]},
        {"reduction": "mean"},
        {"reduction": "mean", "weight": WEIGHT[0], "label_smoothing": 0.2},
        {"reduction": "sum", "label_smoothing": 0.3},
    ],
)
def test_cross_entropy_of_indices_is_pytorchs(shape, labels, settings, dtype):
    assert_as_torch("cross_entropy", dtype, normal(*shape, scale=4.0), labels, differentiate=1, **settings)


@DTYPES
@pytest.mark.parametrize("shape", [(5,), (4, 5), (2, 5, 3)])
@pytest.mark.parametrize(
    "settings",
    [{"reduction": "none"}, {"reduction": "mean", "weight": WEIGHT[0], "label_smoothing": 0.2}],
)
def test_cross_entropy_of_probabilities_is_pytorchs(shape, settings, dtype):
    target = np.abs(normal(*shape, seed=3))
    assert_as_torch("cross_entropy", dtype, normal(*shape), target, differentiate=2, **settings)


@DTYPES
def test_linear_cross_entropy_is_pytorchs(dtype):
    operands = normal(4, 3), normal(5, 3, seed=1), LABELS
    assert_as_torch("linear_cross_entropy", dtype, *operands, linear_bias=normal(5, seed=2), label_smoothing=0.1)


def test_the_mean_of_ignored_targets_is_nan_as_pytorchs():
    labels = np.array([-100, -100])
    assert np.isnan(nn.cross_entropy(normal(2, 3), labels))
    assert torch.nn.functional.cross_entropy(torch.zeros(2, 3), torch.from_numpy(labels)).isnan()
