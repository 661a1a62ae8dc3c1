"""Examples of numerical work: Newton's method, filters of images, a simulation that learns. Each reaches what it promises."""

import importlib
import re
from pathlib import Path

import numpy as np
import pytest

import compiler

ROOT = Path(__file__).resolve().parent.parent
for library in ("sklearn", "rich", "matplotlib", "PIL"):
    pytest.importorskip(library, reason=f"{library} is not installed: pip install '.[examples]'")


@pytest.fixture
def example(request, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    return importlib.import_module(request.param)


def number(pattern, out):
    return float(re.search(pattern, out)[1])


def assert_is_plot(path):
    from PIL import Image

    with Image.open(path) as image:
        assert image.format == "PNG"
        assert len(image.convert("RGB").getcolors(1 << 24)) > 10


@pytest.mark.parametrize("name", ["newton", "image_filter", "physics"])
def test_an_example_lists_its_options(name, monkeypatch, capsys):
    monkeypatch.syspath_prepend(ROOT / "examples")
    with pytest.raises(SystemExit, match="0"):
        importlib.import_module(name).main(["--help"])
    assert "--output" in capsys.readouterr().out


@pytest.mark.parametrize("example", ["newton"], indirect=True)
def test_newton_converges_quadratically_to_the_parameters_of_scikit_learn(example, tmp_path, capsys):
    assert example.main(["--output", str(tmp_path), "--steps", "20"]) == 0
    out = capsys.readouterr().out
    assert number(r"order of convergence: ([\d.]+)", out) > 1.8
    assert number(r"difference to scikit-learn's parameters: ([\de.-]+)", out) < 1e-5
    assert number(r"right about ([\d.]+) %", out) > 98
    assert_is_plot(tmp_path / "newton.png")


@pytest.mark.parametrize("example", ["newton"], indirect=True)
def test_newton_gets_there_from_far_away_by_shorter_steps(example):
    x, y = example.cancer_data()
    near = example.newton(np.zeros(31), x, y)
    far = example.newton(np.full(31, 3.0), x, y)
    assert len(far) < 40
    np.testing.assert_allclose(far[-1], near[-1], atol=1e-7)


@pytest.mark.parametrize("example", ["image_filter"], indirect=True)
@pytest.mark.parametrize("name", ["blur", "sharpen", "edges", "bilateral"])
def test_a_filter_of_a_file_is_what_numpy_computes(example, name, tmp_path, capsys):
    from PIL import Image

    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (21, 33, 3), np.uint8)
    Image.fromarray(image).save(tmp_path / "in.png")
    assert (
        example.main([str(tmp_path / "in.png"), "--filter", name, "--output", str(tmp_path / "new" / "out.png")]) == 0
    )
    assert "agrees with NumPy: True" in capsys.readouterr().out
    with Image.open(tmp_path / "new" / "out.png") as result:
        difference = np.asarray(result).astype(int) - example.on_bytes(example.FILTERS[name])(image)
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("example", ["image_filter"], indirect=True)
def test_blur_and_edges_are_those_of_scipy(example):
    ndimage = pytest.importorskip("scipy.ndimage", reason="SciPy is not installed: pip install '.[dev]'")
    x = np.random.default_rng(0).random((40, 50, 3), np.float32)
    expected = np.stack([ndimage.gaussian_filter(x[..., c], 2.0, mode="nearest", truncate=3.0) for c in range(3)], -1)
    np.testing.assert_allclose(compiler.jit(example.blur)(x), expected, atol=1e-5)
    grey = x @ np.array([0.299, 0.587, 0.114], np.float32)
    slope = np.hypot(ndimage.sobel(grey, 0, mode="nearest"), ndimage.sobel(grey, 1, mode="nearest"))
    np.testing.assert_allclose(compiler.jit(example.edges)(x)[..., 1], slope, atol=1e-5)


@pytest.mark.parametrize("example", ["image_filter"], indirect=True)
def test_the_bilateral_filter_leaves_edges_and_smooths_surfaces(example):
    x = np.zeros((20, 20, 3), np.float32)
    x[:, 10:] = 1.0
    noisy = x + 0.02 * np.random.default_rng(0).standard_normal(x.shape).astype(np.float32)
    smooth = compiler.jit(example.bilateral)(noisy)
    assert np.abs(smooth - x).max() < 0.03
    assert np.std(smooth[:, :10]) < 0.4 * np.std(noisy[:, :10])


@pytest.mark.parametrize("example", ["physics"], indirect=True)
def test_the_pole_learns_to_stand_upright(example, tmp_path, capsys):
    assert example.main(["--output", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert number(r"the pole is ([\d.]+) degrees off", out) < 1
    assert abs(number(r"turns at (-?[\d.]+) degrees/s", out)) < 5
    assert abs(number(r"the cart is (-?[\d.]+) cm off", out)) < 1
    assert_is_plot(tmp_path / "physics.png")


@pytest.mark.parametrize("example", ["physics"], indirect=True)
def test_a_cart_without_a_motor_keeps_its_energy(example):
    mass, length = example.POLE, example.LENGTH

    def energy(state):
        _, speed, angle, spin = state
        moving = (
            0.5 * (example.CART + mass) * speed**2
            + mass * length * speed * spin * np.cos(angle)
            + 2 / 3 * mass * (length * spin) ** 2
        )
        return moving + mass * example.GRAVITY * length * np.cos(angle)

    start = (0.0, 0.3, 2.0, 1.0)
    end, _ = compiler.jit(lambda state: compiler.scan(example.step, state, np.zeros(example.STEPS)))(start)
    assert abs(energy(end) - energy(start)) < 0.02 * mass * example.GRAVITY * length
    assert abs(end[2] - start[2]) > 0.1


@pytest.mark.parametrize("example", ["physics"], indirect=True)
def test_the_gradient_through_the_simulation_is_that_of_differences(example):
    knots, _, _ = example.training(100)
    loss = compiler.jit(example.loss)
    gradient = compiler.jit(compiler.grad(example.loss))(knots)
    assert np.linalg.norm(gradient) > 0.1
    for i in (0, 17, 40):
        h = np.zeros_like(knots)
        h[i] = 1e-5
        np.testing.assert_allclose(gradient[i], (loss(knots + h) - loss(knots - h)) / 2e-5, rtol=1e-5, atol=1e-7)
