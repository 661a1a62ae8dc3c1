"""Convolutions against their formula in NumPy, and finite differences."""

import itertools

import numpy as np
import pytest
from levels import HOST_VECTOR_BITS, compiled
from op_example import OpExample, build_function, build_op, random_operands, tensor
from op_examples_convolution import geometry

import compiler
from compiler import nn, random
from compiler.errors import ArgumentError, DtypeError, ShapeError
from dialects.builder import int_array
from dialects.dlc.convolution import ConvolutionKernelOp

RNG = np.random.default_rng(11)


def formula(x, w, stride=1, padding=0, dilation=1, groups=1):
    """The sum in the docstring of `nn.conv`, term by term, for two dimensions."""
    n, _, *image = x.shape
    outputs, inputs, *kernel = w.shape
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    sizes = [(s + 2 * padding - (k - 1) * dilation - 1) // stride + 1 for s, k in zip(image, kernel, strict=True)]
    result = np.zeros((n, outputs, *sizes))
    for o, i, a, b in itertools.product(range(outputs), range(inputs), *map(range, kernel)):
        channel = padded[:, o // (outputs // groups) * inputs + i]
        rows = slice(a * dilation, a * dilation + (sizes[0] - 1) * stride + 1, stride)
        columns = slice(b * dilation, b * dilation + (sizes[1] - 1) * stride + 1, stride)
        result[:, o] += channel[:, rows, columns] * w[o, i, a, b]
    return result


@pytest.mark.parametrize(
    ("image", "kernel", "options"),
    [
        ((2, 4, 7, 9), (6, 4, 3, 2), {}),
        ((2, 4, 7, 9), (6, 2, 3, 2), {"stride": 2, "padding": 2, "dilation": 2, "groups": 2}),
        ((3, 2, 6, 6), (2, 1, 3, 3), {"padding": 1, "groups": 2}),
    ],
)
def test_conv_is_its_formula(image, kernel, options):
    x, w = RNG.standard_normal(image), RNG.standard_normal(kernel)
    expected = formula(x, w, **options)
    np.testing.assert_allclose(nn.conv(x, w, **options), expected, rtol=1e-12, atol=1e-12)
    bias = RNG.standard_normal(kernel[0])
    np.testing.assert_allclose(nn.conv2d(x, w, bias, **options), expected + bias[:, None, None], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(nn.conv(x[0], w, **options), expected[0], rtol=1e-12, atol=1e-12)


def test_integers_and_complex_numbers_are_convolved():
    x, w = RNG.integers(-9, 10, (2, 3, 6, 6)), RNG.integers(-9, 10, (4, 3, 3, 3))
    result = nn.conv(x, w, padding=1)
    assert result.dtype == np.int64
    np.testing.assert_array_equal(result, formula(x, w, padding=1))
    z = RNG.standard_normal((2, 3, 6, 6)) + 1j * RNG.standard_normal((2, 3, 6, 6))
    v = RNG.standard_normal((4, 3, 2, 2)) + 1j * RNG.standard_normal((4, 3, 2, 2))
    real, imag = formula(z.real, v.real) - formula(z.imag, v.imag), formula(z.real, v.imag) + formula(z.imag, v.real)
    np.testing.assert_allclose(nn.conv(z, v), real + 1j * imag, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("padding", "expected"),
    [
        ("valid", [3.0, 5.0, 7.0]),
        ("same", [3.0, 5.0, 7.0, 4.0]),
        (1, [1.0, 3.0, 5.0, 7.0, 4.0]),
        ([(2, 0)], [0.0, 1.0, 3.0, 5.0, 7.0]),
    ],
)
def test_padding_is_put_where_it_says(padding, expected):
    x, w = np.array([[1.0, 2.0, 3.0, 4.0]]), np.ones((1, 1, 2))
    np.testing.assert_array_equal(nn.conv(x, w, padding=padding), [expected])


@pytest.mark.parametrize(
    "options",
    [
        {"stride": (2, 3), "padding": (1, 2), "dilation": (2, 1), "groups": 2},
        {"stride": (3, 1), "padding": (0, 1), "dilation": (1, 2), "groups": 1},
    ],
)
def test_conv_transpose_is_the_adjoint_of_conv(options):
    inputs = 4 // options["groups"]
    w = RNG.standard_normal((6, inputs, 3, 2))
    x = RNG.standard_normal((2, 4, 11, 9))
    image = nn.conv(x, w, **options)
    y = RNG.standard_normal(image.shape)
    strides, spans = options["stride"], [(k - 1) * d for k, d in zip((3, 2), options["dilation"], strict=True)]
    sizes = [(n - 1) * s - 2 * p for n, s, p in zip(image.shape[2:], strides, options["padding"], strict=True)]
    left = [n - size - span - 1 for n, size, span in zip((11, 9), sizes, spans, strict=True)]
    back = nn.conv_transpose(y, w, output_padding=tuple(left), **options)
    assert back.shape == x.shape
    np.testing.assert_allclose(np.sum(image * y), np.sum(x * back), rtol=1e-12)


def second_derivative(f, arguments, directions):
    """By nested jvp of a gradient, and by central differences of the gradient."""
    gradient = compiler.jit(compiler.grad(f, tuple(range(len(arguments)))))
    _, exact = compiler.jit(lambda a, d: compiler.jvp(gradient, a, d))(arguments, directions)
    step = 1e-5
    ahead, behind = (
        gradient(*(a + sign * step * d for a, d in zip(arguments, directions, strict=True))) for sign in (1, -1)
    )
    return exact, [(a - b) / (2 * step) for a, b in zip(ahead, behind, strict=True)]


@pytest.mark.parametrize(
    ("function", "image", "kernel", "options"),
    [
        (nn.conv, (2, 4, 6, 7), (4, 2, 3, 2), {"stride": 2, "padding": 1, "groups": 2}),
        (nn.conv_transpose, (2, 3, 5), (3, 4, 3), {"stride": 2, "padding": 1}),
    ],
)
def test_second_derivatives_equal_central_differences(function, image, kernel, options):
    arguments = RNG.standard_normal(image), RNG.standard_normal(kernel)
    directions = RNG.standard_normal(image), RNG.standard_normal(kernel)
    exact, expected = second_derivative(lambda x, w: np.sum(np.tanh(function(x, w, **options))), arguments, directions)
    for a, b in zip(exact, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0)])
def test_vmap_of_conv_is_a_loop(axes):
    x = RNG.standard_normal((3, 2, 4, 6) if axes[0] == 0 else (2, 4, 6))
    w = RNG.standard_normal((3, 4, 2, 3) if axes[1] == 0 else (4, 2, 3))
    actual = compiler.jit(compiler.vmap(lambda x, w: nn.conv(x, w, padding=1, groups=2), in_axes=axes))(x, w)
    for i, row in enumerate(actual):
        expected = nn.conv(x[i] if axes[0] == 0 else x, w[i] if axes[1] == 0 else w, padding=1, groups=2)
        np.testing.assert_allclose(row, expected, rtol=1e-12, atol=1e-12)


def test_convolution_of_all_images_needs_memory_for_the_windows_of_one():
    x, w = np.zeros((32, 16, 20, 20), np.float32), np.zeros((24, 16, 3, 3), np.float32)
    windows_of_all = 32 * 16 * 9 * 20 * 20 * 4

    def loss(x, w):
        return np.sum(np.tanh(nn.conv(x, w, padding=1)))

    for function in (lambda x, w: nn.conv(x, w, padding=1), compiler.grad(loss, (0, 1))):
        analysis = compiler.jit(function).lower(x, w).compile().memory_analysis()
        assert analysis.temp_size_in_bytes < windows_of_all / 4


def test_empty_batches_have_empty_results_and_zero_gradients():
    x, w = np.zeros((0, 3, 8, 8)), np.ones((4, 3, 3, 3))
    assert nn.conv(x, w).shape == (0, 4, 6, 6)
    gradient = compiler.grad(lambda w: np.sum(nn.conv(x, w)))(w)
    np.testing.assert_array_equal(gradient, np.zeros_like(w))


def test_infinities_stay_within_their_windows():
    x = np.ones((1, 1, 6))
    x[0, 0, 2] = np.inf
    assert nn.conv(x, np.ones((1, 1, 3))).tolist() == [[[np.inf, np.inf, np.inf, 3.0]]]
    spread = nn.conv_transpose(x, np.ones((1, 1, 3)), stride=3)
    assert spread.tolist() == [[[1.0] * 6 + [np.inf] * 3 + [1.0] * 9]]


def test_adjoint_in_the_kernel_of_strides_and_dilations_of_the_image_together():
    windows = geometry(1, strides=2, low=1, high=2, lhs_dilation=3)
    properties = {**windows.properties(), "sizes": int_array((4,))}
    example = OpExample(ConvolutionKernelOp, (tensor("2x3x5xf64"), tensor("2x4x7xf64")), properties)
    operands = random_operands(example, np.random.default_rng(0))
    (((actual,),),) = compiled(build_function(example), {"main": [operands]}, HOST_VECTOR_BITS).values()
    np.testing.assert_allclose(actual, build_op(example).evaluate(operands), rtol=1e-12, atol=1e-12)


X, W = np.ones((2, 4, 8, 8)), np.ones((6, 4, 3, 3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: nn.conv1d(X, W),
            ShapeError,
            r"conv1d: weight has shape \(6, 4, 3, 3\), expected two dimensions and 1",
        ),
        (
            lambda: nn.conv(X[0, 0], W),
            ShapeError,
            r"conv: input has shape \(8, 8\), expected \[N, C, H, W\], or without N",
        ),
        (
            lambda: nn.conv(X, W, groups=4),
            ShapeError,
            r"conv: input .* has \d+ channels, expected \d+ for weight .* and 4 groups",
        ),
        (
            lambda: nn.conv(X, W[:5, :2], groups=2),
            ShapeError,
            r"conv: 2 groups do not divide 4 channels of the input and 5",
        ),
        (lambda: nn.conv(X, W, groups=0), ArgumentError, r"conv: groups is 0, expected a positive integer"),
        (
            lambda: nn.conv(X, W, stride=(1, 2, 3)),
            ArgumentError,
            r"conv: stride is \(1, 2, 3\); use one integer, or 2 of them",
        ),
        (lambda: nn.conv(X, W, dilation=0), ArgumentError, r"conv: dilation is 0; use integers from 1 on"),
        (lambda: nn.conv(X, W, padding=-1), ArgumentError, r"conv: padding is -1; use integers from 0 on"),
        (lambda: nn.conv(X, W, padding="full"), ArgumentError, r"conv: padding is 'full', expected 'valid', 'same'"),
        (lambda: nn.conv(X, W, padding="same", stride=2), ArgumentError, r"conv: padding='same' needs stride 1"),
        (lambda: nn.conv(X, W, padding=[(1, 1)]), ShapeError, r"conv: padding is \(\(1, 1\),\), expected 2 pairs"),
        (lambda: nn.conv(X, W, dilation=5), ShapeError, r"conv: a window of 11 does not fit the padded size 8"),
        (lambda: nn.conv(X, W, np.ones(4)), ShapeError, r"conv: bias has shape \(4,\), expected \(6,\)"),
        (lambda: nn.conv(X > 0, W > 0), DtypeError, r"conv: input has dtype bool"),
        (
            lambda: nn.conv_transpose(X, W[:4], output_padding=1),
            ArgumentError,
            r"conv_transpose: output_padding is 1, expected less than stride 1",
        ),
        (
            lambda: nn.conv_transpose(X, W),
            ShapeError,
            r"conv_transpose: input .* has \d+ channels, expected \d+ for weight .* and 1 groups",
        ),
        (lambda: nn.conv_transpose(X, W[:4], padding=9), ShapeError, r"conv_transpose: padding 9 leaves nothing"),
        (lambda: nn.unfold(X, 9), ShapeError, r"unfold: no window of \(9, 9\) fits an image of \(8, 8\)"),
        (lambda: nn.fold(X[0], 8, 3), ShapeError, r"fold: input has shape \(4, 8, 8\), expected a multiple of 9 rows"),
        (lambda: nn.init.conv(random.key(0), 4, 6, 3, groups=4), ArgumentError, r"init.conv: 4 groups do not divide 4"),
        (lambda: nn.init.conv_transpose(random.key(0), 4, 0, 3), ArgumentError, r"expected positive numbers"),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(("make", "shape"), [(nn.init.conv, (8, 3, 5, 5)), (nn.init.conv_transpose, (6, 4, 5, 5))])
def test_initial_parameters_are_uniform_and_fit_their_layer(make, shape):
    transposed = make is nn.init.conv_transpose
    params = make(random.key(3), 6, 8, 5, groups=2)
    assert params["weight"].shape == shape
    assert params["bias"].shape == (8,)
    bound = 1 / np.sqrt(shape[1] * 25)
    for array in params.values():
        assert array.dtype == np.float32
        assert np.abs(array).max() <= bound
    assert params["weight"].std() == pytest.approx(bound / np.sqrt(3), rel=0.05)
    layer = nn.conv_transpose if transposed else nn.conv
    assert layer(np.ones((1, 6, 9, 9), np.float32), **params, groups=2).shape == (
        1,
        8,
        *((13, 13) if transposed else (5, 5)),
    )
