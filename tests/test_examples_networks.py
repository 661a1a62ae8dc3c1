"""Examples of networks: convolution on digits, an LSTM on lines of code, a variational autoencoder. Each reaches what it promises."""

import importlib
import re
from argparse import Namespace
from pathlib import Path

import numpy as np
import optree
import pytest

import compiler
from compiler import random

ROOT = Path(__file__).resolve().parent.parent
for library in ("sklearn", "rich", "matplotlib"):
    pytest.importorskip(library, reason=f"{library} is not installed: pip install '.[examples]'")


@pytest.fixture
def example(request, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    return importlib.import_module(request.param)


def only(name):
    return pytest.mark.parametrize("example", [name], indirect=True)


def number(pattern, out):
    return float(re.search(pattern, out)[1])


def assert_is_plot(path):
    from matplotlib import image

    pixels = image.imread(path)
    assert len(np.unique(pixels[..., :3].reshape(-1, 3), axis=0)) > 10


@pytest.mark.parametrize("example", ["cnn_digits", "lstm_sequences", "vae"], indirect=True)
def test_an_example_lists_its_options(example, capsys):
    with pytest.raises(SystemExit, match="0"):
        example.main(["--help"])
    out = capsys.readouterr().out
    assert all(option in out for option in ("--epochs", "--seed", "--output", "--checkpoint", "--resume"))


@only("cnn_digits")
def test_the_convolutional_network_is_right_about_98_percent_of_the_digits(example, tmp_path, capsys):
    assert example.main(["--output", str(tmp_path), "--epochs", "25"]) == 0
    out = capsys.readouterr().out
    assert number(r"accuracy on held-out digits: ([\d.]+) %", out) >= 98
    assert "DLC_DUMP_IR_TO=dump .venv/bin/python examples/cnn_digits.py --epochs 1" in out
    assert_is_plot(tmp_path / "cnn_digits.png")


@only("cnn_digits")
def test_moved_images_are_shifted_by_up_to_one_pixel(example):
    rng = np.random.default_rng(0)
    images = rng.random((200, 1, 8, 8), np.float32)
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    moved = compiler.jit(example.moved)(random.key(0), images)
    shifts = [(dy, dx) for dy in range(3) for dx in range(3)]
    matches = np.array([np.all(moved == padded[:, :, dy : dy + 8, dx : dx + 8], axis=(1, 2, 3)) for dy, dx in shifts])
    np.testing.assert_array_equal(matches.sum(axis=0), 1)
    assert np.all(matches.sum(axis=1) > 5)


@only("cnn_digits")
def test_an_interrupted_run_goes_on_to_the_same_bits(example, tmp_path, capsys):
    """Parameters, Adam's state, running statistics and the average; the order of the batches and the random numbers, too."""
    trained = importlib.import_module("training").trained
    images, _, labels, _ = example.digits(0)
    data = (images[:200], labels[:200])
    start, step = example.training(0, 3 * (200 // example.BATCH))
    args = Namespace(epochs=3, seed=0, checkpoint=None, resume=False)
    *_, (whole, _) = trained(args, start, step, data, example.BATCH)
    args.checkpoint = str(tmp_path / "run.safetensors")
    next(trained(args, start, step, data, example.BATCH))  # the first epoch only
    args.resume = True
    *_, (resumed, _) = trained(args, start, step, data, example.BATCH)
    assert "resumed after epoch 1" in capsys.readouterr().out
    for got, want, before in zip(*map(optree.tree_leaves, (resumed, whole, start)), strict=True):
        assert np.asarray(got).tobytes() == np.asarray(want).tobytes()
        assert got is before or got.dtype == want.dtype
    assert not np.array_equal(whole["params"]["fc2"]["weight"], start["params"]["fc2"]["weight"])
    with pytest.raises(SystemExit, match="the checkpoint is of epoch 3: choose more --epochs"):
        next(trained(args, start, step, data, example.BATCH))


@only("cnn_digits")
def test_resuming_needs_a_checkpoint(example):
    with pytest.raises(SystemExit, match="--resume needs --checkpoint"):
        example.main(["--resume"])


@only("lstm_sequences")
def test_the_lstm_sees_more_in_a_line_than_its_characters(example, tmp_path, capsys):
    assert example.main(["--output", str(tmp_path), "--epochs", "5", "--lines", "512"]) == 0
    out = capsys.readouterr().out
    right, counted = number(r"right about ([\d.]+) %", out), number(r"by counting characters ([\d.]+) %", out)
    assert counted > 25, "twice as good as chance"
    assert right > counted + 4
    assert "DLC_DUMP_IR_TO=dump .venv/bin/python examples/lstm_sequences.py --epochs 1" in out
    assert_is_plot(tmp_path / "lstm_sequences.png")


@only("lstm_sequences")
def test_no_line_is_learnt_that_is_held_out(example):
    lines, packages = example.corpus(0, 300)
    assert len(set(lines)) == len(lines)
    assert {min(map(len, lines)), max(map(len, lines))} <= set(range(example.SHORTEST, example.LONGEST + 1))
    np.testing.assert_array_equal(np.bincount(packages), 300)
    codes, lengths = example.encoded(lines)
    for line, code, length in zip(lines, codes, lengths, strict=True):
        decoded = "".join(chr(32 + c) for c in code[:length])
        assert decoded == "".join(c if " " <= c <= "~" else chr(127) for c in line)


@only("lstm_sequences")
def test_what_is_behind_the_end_of_a_line_does_not_matter(example):
    params = example.init_params(random.key(0))
    codes, lengths = example.encoded(["import asyncio.events", "class Handler(Filterer):", "x" * example.LONGEST])
    other = np.where(np.arange(example.LONGEST) < lengths[:, None], codes, 7)
    assert not np.array_equal(codes, other)
    expected = example.probabilities(params, codes, lengths)
    np.testing.assert_array_equal(example.probabilities(params, other, lengths), expected)
    assert np.all(np.abs(expected.sum(axis=1) - 1) < 1e-5)
    assert not np.allclose(example.probabilities(params, codes, lengths - 5), expected, atol=1e-4)


@only("vae")
def test_the_autoencoder_knows_more_of_digits_than_each_pixel_tells(example, tmp_path, capsys):
    assert example.main(["--output", str(tmp_path), "--epochs", "30"]) == 0
    out = capsys.readouterr().out
    bound, tighter = number(r"evidence lower bound +(-[\d.]+)", out), number(r"by importance sampling +(-[\d.]+)", out)
    assert number(r"of independent pixels +(-[\d.]+)", out) + 5 < bound < tighter < 0
    assert "DLC_DUMP_IR_TO=dump .venv/bin/python examples/vae.py --epochs 1" in out
    assert_is_plot(tmp_path / "vae.png")


@only("vae")
def test_the_bound_is_made_of_a_likelihood_and_a_divergence(example):
    counts = np.arange(example.DOTS + 1, dtype=np.float64).reshape(-1, 1, 1)
    logits = np.full_like(counts, 0.7)
    likelihoods = np.exp(compiler.jit(example.log_likelihood)(logits, counts))
    np.testing.assert_allclose(likelihoods.sum(), 1, rtol=1e-12)
    np.testing.assert_allclose(likelihoods @ np.arange(example.DOTS + 1), example.DOTS / (1 + np.exp(-0.7)), rtol=1e-12)

    rng = np.random.default_rng(0)
    mean, log_variance = rng.standard_normal((2, 1, example.CODE))
    z = mean + np.exp(0.5 * log_variance) * rng.standard_normal((100_000, example.CODE))
    ratios = example.log_normal(z, mean, log_variance) - example.log_normal(z)
    exact = example.divergence(mean, log_variance)[0]
    assert abs(exact - ratios.mean()) < 5 * ratios.std() / np.sqrt(len(z))


@only("vae")
def test_the_likelihood_of_independent_pixels_is_a_distribution(example):
    rng = np.random.default_rng(0)
    train = rng.integers(0, example.DOTS + 1, (50, 1, 1)).astype(np.float32)
    every = np.arange(example.DOTS + 1, dtype=np.float32).reshape(-1, 1, 1)
    np.testing.assert_allclose(np.exp(example.likelihood_of_pixels(train, every)).sum(), 1, rtol=1e-12)
