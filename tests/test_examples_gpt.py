"""The small GPT of the examples learns as it does in PyTorch, writes with and without a cache alike, and can be interrupted."""

import importlib
import re
from pathlib import Path

import numpy as np
import pytest

import compiler
from compiler import random

ROOT = Path(__file__).resolve().parent.parent
for library in ("rich", "matplotlib", "PIL"):
    pytest.importorskip(library, reason=f"{library} is not installed: pip install '.[examples]'")
SMALL = ("--layers", "1", "--size", "32", "--characters", "16")


@pytest.fixture
def gpt(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    return importlib.import_module("gpt")


def number(pattern, out):
    return float(re.search(pattern, out)[1])


def test_training_falls_to_the_loss_of_pytorch_step_by_step(gpt):
    pytest.importorskip("torch", reason="compares with PyTorch")
    import gpt_in_torch

    steps = 60
    params = gpt.init_params(random.key(0), 2, 64)
    text, _ = gpt.text_of_python()
    theirs = gpt_in_torch.training_step(gpt_in_torch.tensors(params), gpt.schedule_for(steps), gpt.HEAD_SIZE)
    optimiser = gpt.optimiser_for(steps)
    state, step = optimiser.init(params), gpt.training_step(optimiser)
    got, want = [], []
    for i in range(steps):
        batch = gpt.batch_of(text, 0, i)
        params, state, value = step(params, state, batch)
        got.append(float(value))
        want.append(theirs(batch))
    np.testing.assert_allclose(got[:10], want[:10], rtol=1e-4)
    np.testing.assert_allclose(got, want, rtol=2e-3)
    assert got[-1] < 0.75 * got[0]


def test_a_short_training_learns_and_writes(gpt, tmp_path, capsys):
    options = ("--steps", "120", "--layers", "2", "--size", "64", "--prompt", "import ", "--characters", "100")
    assert gpt.main([*options, "--output", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert number(r"on held-out text ([\d.]+)", out) < 2.4
    written = out[out.index("import ") + len("import ") :]
    assert len(written.rstrip("\n")) > 50
    assert set(written) <= set(gpt.ALPHABET)
    from PIL import Image

    with Image.open(tmp_path / "gpt.png") as image:
        assert image.format == "PNG"
        assert len(image.convert("RGB").getcolors(1 << 24)) > 10


def test_an_interrupted_training_resumes_to_the_same_file(gpt, tmp_path, monkeypatch):
    def run(name, *options):
        arguments = (
            "--steps",
            "9",
            "--save-every",
            "2",
            "--checkpoint",
            str(tmp_path / name),
            "--output",
            str(tmp_path),
        )
        return gpt.main([*SMALL, *arguments, *options])

    def interrupted(text, seed, step):
        if step == 5:
            raise KeyboardInterrupt
        return batch_of(text, seed, step)

    assert run("whole") == 0
    batch_of = gpt.batch_of
    with monkeypatch.context() as patch:
        patch.setattr(gpt, "batch_of", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run("parts")
    assert int(compiler.load(tmp_path / "parts")["1"]["step"]) == 4
    assert run("parts", "--resume") == 0
    assert (tmp_path / "parts").read_bytes() == (tmp_path / "whole").read_bytes()


def test_tokens_that_follow_a_cache_get_the_logits_of_the_whole_text(gpt):
    params = gpt.init_params(random.key(1), 2, 64)
    tokens = np.random.default_rng(0).integers(0, len(gpt.ALPHABET), (1, 12))
    empty = {name: np.zeros((1, 2, gpt.LENGTH, gpt.HEAD_SIZE), np.float32) for name in ("key", "value")}

    @compiler.jit
    def in_parts(params, tokens):
        caches, logits = [empty, empty], []
        for start, stop in ((0, 7), (7, 8), (8, 12)):
            part, caches = gpt.transform(params, tokens[:, start:stop], caches, start)
            logits.append(part)
        return np.concatenate(logits, axis=1)

    whole, _ = compiler.jit(gpt.transform)(params, tokens)
    np.testing.assert_allclose(
        in_parts(params, tokens), whole, atol=1e3 * np.finfo(np.float32).eps * np.abs(whole).max()
    )


def test_the_likeliest_characters_are_written_without_chance(gpt):
    params = gpt.init_params(random.key(2), 1, 32)
    written = gpt.write(params, "for", gpt.LENGTH // 2, random.key(0), 1.0, 1)
    text = gpt.encoded("\n" * (gpt.LENGTH // 2 - 3) + "for")
    compiled = compiler.jit(gpt.transform)
    for character in written[:5]:
        logits, _ = compiled(params, np.pad(text, (0, gpt.LENGTH - len(text)))[np.newaxis])
        text = np.append(text, np.argmax(logits[0, len(text) - 1]))
        assert gpt.ALPHABET[text[-1]] == character
    assert gpt.write(params, "for", 20, random.key(1), 1.0, 1) == written[:20]
    assert gpt.write(params, "for", 20, random.key(1), 1.0, 20) != gpt.write(params, "for", 20, random.key(2), 1.0, 20)


@pytest.mark.parametrize("wrong", [("--size", "40"), ("--top-k", "0"), ("--temperature", "0"), ("--resume",)])
def test_options_that_do_not_fit_are_refused(gpt, wrong, capsys):
    with pytest.raises(SystemExit, match="2"):
        gpt.main(list(wrong))
    assert wrong[0] in capsys.readouterr().err
