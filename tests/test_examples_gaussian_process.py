"""The example of Gaussian-process regression reaches what it promises: the model of scikit-learn, on patients left out."""

import importlib
import re
from pathlib import Path

import numpy as np
import pytest
from derivative_checks import check_derivatives

ROOT = Path(__file__).resolve().parent.parent
for library in ("sklearn", "rich", "matplotlib", "PIL"):
    pytest.importorskip(library, reason=f"{library} is not installed: pip install '.[examples]'")


@pytest.fixture
def example(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    return importlib.import_module("gaussian_process")


def number(pattern, out):
    return float(re.search(pattern, out)[1])


def test_the_example_finds_the_model_of_scikit_learn(example, tmp_path, capsys):
    from PIL import Image

    assert example.main(["--output", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    ours, theirs = (number(rf"{who}log likelihood (-[\d.]+)", out) for who in ("\n", "scikit-learn: "))
    assert ours == pytest.approx(theirs, abs=1e-2)
    ours, theirs = (number(rf"{who}.*log density (-[\d.]+)", out) for who in ("on 111 others", "scikit-learn"))
    assert ours == pytest.approx(theirs, abs=1e-2)
    assert ours > -1.12
    assert number(r"error ([\d.]+) deviations", out) < 0.75
    assert 88 < number(r"interval: ([\d.]+) %", out) < 99
    with Image.open(tmp_path / "gaussian_process.png") as image:
        assert image.format == "PNG"
        assert len(image.convert("RGB").getcolors(1 << 24)) > 10


def test_predictions_are_those_of_scikit_learn_with_the_same_hyperparameters(example):
    x, x_test, y, *_ = example.diabetes_data()
    theirs = example.scikit_learn(x[:60], y[:60])
    constant_and_lengths, noise = theirs.kernel_.k1, theirs.kernel_.k2.theta[0]
    params = {
        "variance": constant_and_lengths.k1.theta[0],
        "noise": noise,
        "lengths": constant_and_lengths.k2.theta,
    }
    value, gradient = example.value_and_gradient(params, x[:60], y[:60])
    np.testing.assert_allclose(value, -theirs.log_marginal_likelihood_value_, rtol=1e-9)
    _, their_gradient = theirs.log_marginal_likelihood(theirs.kernel_.theta, eval_gradient=True)
    ours = np.concatenate([[gradient["variance"]], gradient["lengths"], [gradient["noise"]]])
    np.testing.assert_allclose(ours, -their_gradient, rtol=1e-6, atol=1e-6)
    for got, want in zip(
        example.predict(params, x[:60], y[:60], x_test), theirs.predict(x_test, return_std=True), strict=True
    ):
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-7)


def test_the_gradient_of_the_likelihood_is_a_difference(example):
    x, _, y, *_ = example.diabetes_data()

    def likelihood(vector):
        return example.negative_log_likelihood(example.as_params(vector), x[:30], y[:30])

    check_derivatives(likelihood, np.linspace(-0.5, 1.0, 12))


def test_the_example_lists_its_options(example, capsys):
    with pytest.raises(SystemExit, match="0"):
        example.main(["--help"])
    assert "--output" in capsys.readouterr().out
