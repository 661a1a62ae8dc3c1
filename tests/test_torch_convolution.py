"""Convolutions against PyTorch's: values, and gradients in input, weight and bias, over random configurations."""

import numpy as np
import pytest

import compiler
from compiler import nn

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
F = torch.nn.functional

TOLERANCES = {np.dtype(np.float32): 1e-4, np.dtype(np.float64): 1e-10}


def assert_same(actual, expected, message):
    scale = max(float(np.abs(expected).max(initial=0)), 1e-30)
    np.testing.assert_allclose(
        actual / scale, expected / scale, atol=TOLERANCES[expected.dtype], rtol=0, err_msg=message
    )


def compare(ours, theirs, arrays, options):
    """Value and gradients of a weighted sum of the result, ours against theirs."""
    leaves = [torch.tensor(array, requires_grad=True) for array in arrays]
    expected = theirs(*leaves, **options)
    weights = np.random.default_rng(1).standard_normal(tuple(expected.shape)).astype(arrays[0].dtype)
    (expected * torch.tensor(weights)).sum().backward()

    def loss(arguments):
        result = ours(*arguments, **options)
        return np.sum(result * weights), result

    (_, value), gradients = compiler.jit(compiler.value_and_grad(loss, has_aux=True))(tuple(arrays))
    assert value.shape == tuple(expected.shape), options
    assert value.dtype == arrays[0].dtype
    assert_same(value, expected.detach().numpy(), f"value {options}")
    for name, actual, leaf in zip(("input", "weight", "bias"), gradients, leaves, strict=False):
        assert_same(actual, leaf.grad.numpy(), f"gradient of {name} {options}")


def random_options(rng, rank, *, transposed):
    def each(low, high):
        values = tuple(int(n) for n in rng.integers(low, high + 1, rank))
        return values if rng.random() < 0.7 else values[0]

    options = {"stride": each(1, 3), "padding": each(0, 2), "dilation": each(1, 2), "groups": int(rng.integers(1, 4))}
    if transposed:
        strides = options["stride"]
        options["output_padding"] = strides - 1 if isinstance(strides, int) else tuple(s - 1 for s in strides)
    elif rng.random() < 0.25:
        options |= {"stride": 1, "padding": "same"}
    return options


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("transposed", [False, True])
def test_random_convolutions_are_those_of_pytorch(seed, transposed):
    rng = np.random.default_rng([seed, transposed])
    rank = 1 + seed % 3
    dtype = (np.float32, np.float64)[seed // 3 % 2]
    options = random_options(rng, rank, transposed=transposed)
    groups = options["groups"]
    inputs, outputs = (int(n) for n in rng.integers(1, 5, 2))
    kernel = tuple(int(n) for n in rng.integers(1, 5 - (rank == 3), rank))
    sizes = tuple(int(n) for n in rng.integers(7, 11 - 2 * (rank == 3), rank))
    batch = () if seed % 5 == 4 else (int(rng.integers(1, 4)),)
    x = rng.standard_normal((*batch, groups * inputs, *sizes)).astype(dtype)
    shape = (groups * inputs, outputs) if transposed else (groups * outputs, inputs)
    w = rng.standard_normal((*shape, *kernel)).astype(dtype)
    bias = rng.standard_normal(groups * outputs).astype(dtype)
    arrays = (x, w, bias) if seed % 4 else (x, w)
    name = f"conv_transpose{rank}d" if transposed else f"conv{rank}d"
    compare(nn.conv_transpose if transposed else nn.conv, getattr(F, name), arrays, options)


@pytest.mark.parametrize(
    ("image", "weight", "options"),
    [
        ((2, 8, 12, 12), (16, 8, 3, 3), {"padding": 1}),
        ((2, 16, 9, 9), (8, 16, 1, 1), {}),
        ((2, 16, 9, 9), (8, 16, 1, 1), {"stride": 2}),
        ((3, 12, 10, 10), (12, 1, 3, 3), {"padding": 1, "groups": 12}),
        ((3, 12, 10, 10), (24, 1, 3, 3), {"stride": 2, "groups": 12}),
        ((2, 12, 10, 10), (30, 4, 3, 3), {"padding": 1, "groups": 3}),
        ((2, 3, 16, 16), (10, 3, 4, 4), {"stride": 4}),
        ((2, 7, 100), (5, 7, 9), {"padding": 8, "dilation": 2}),
    ],
)
def test_usual_convolutions_are_those_of_pytorch(image, weight, options):
    rng = np.random.default_rng(3)
    arrays = [rng.standard_normal(shape).astype(np.float32) for shape in (image, weight, weight[:1])]
    compare(nn.conv, F.conv1d if len(image) == 3 else F.conv2d, arrays, options)


@pytest.mark.parametrize(
    ("image", "weight", "options"),
    [
        ((2, 8, 6, 6), (8, 5, 4, 4), {"stride": 2, "padding": 1}),
        ((2, 8, 6, 6), (8, 5, 3, 3), {"stride": 2, "padding": 1, "output_padding": 1}),
        ((2, 8, 5, 5), (8, 3, 4, 4), {"stride": 4}),
        ((2, 6, 5, 7), (6, 4, 2, 2), {"stride": 3, "groups": 2}),
    ],
)
def test_usual_transposed_convolutions_are_those_of_pytorch(image, weight, options):
    rng = np.random.default_rng(4)
    bias = (weight[1] * options.get("groups", 1),)
    arrays = [rng.standard_normal(shape).astype(np.float32) for shape in (image, weight, bias)]
    compare(nn.conv_transpose, F.conv_transpose2d, arrays, options)


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3},
        {"kernel_size": (2, 3), "dilation": (2, 1), "padding": (1, 2), "stride": (2, 3)},
    ],
)
def test_unfold_and_fold_are_those_of_pytorch(options):
    rng = np.random.default_rng(5)
    image = rng.standard_normal((2, 3, 7, 9))
    compare(nn.unfold, F.unfold, (image,), options)
    compare(nn.unfold, F.unfold, (image[0],), options)
    columns = F.unfold(torch.tensor(image), **options).numpy()
    compare(nn.fold, F.fold, (columns,), {"output_size": (7, 9), **options})
    compare(nn.fold, F.fold, (columns[1],), {"output_size": (7, 9), **options})


def test_gradients_of_each_example_are_those_of_pytorch():
    rng = np.random.default_rng(6)
    x, w = rng.standard_normal((4, 3, 8, 8)), rng.standard_normal((5, 3, 3, 3))

    def loss(w, image):
        return np.sum(np.tanh(nn.conv(image, w, padding=1)))

    actual = compiler.jit(compiler.vmap(compiler.grad(loss), in_axes=(None, 0)))(w, x)
    for image, gradient in zip(x, actual, strict=True):
        leaf = torch.tensor(w, requires_grad=True)
        torch.tanh(F.conv2d(torch.tensor(image), leaf, padding=1)).sum().backward()
        assert_same(gradient, leaf.grad.numpy(), "per-example gradient")
