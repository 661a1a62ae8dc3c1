"""Pooling, interpolation, sampling and rearrangements against formulas, and at their edges."""

import numpy as np
import pytest

import compiler
from compiler import nn, random
from compiler.errors import ArgumentError, DtypeError, ShapeError
from dialects.dlc.indexing import ScatterOp
from dialects.dlc.resampling import ResampleOp

IMAGE = np.random.default_rng(0).standard_normal((2, 3, 7, 8))


def windows(x, size, stride):
    view = np.lib.stride_tricks.sliding_window_view(x, (size, size), (-2, -1))
    return view[..., ::stride, ::stride, :, :]


def central_difference(function, x, direction, step=1e-6):
    return (function(x + step * direction) - function(x - step * direction)) / (2 * step)


@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 1), (3, 2)])
def test_pooling_is_a_reduction_of_windows(size, stride):
    parts = windows(IMAGE, size, stride)
    np.testing.assert_array_equal(nn.max_pool2d(IMAGE, size, stride), parts.max((-2, -1)))
    np.testing.assert_allclose(nn.avg_pool2d(IMAGE, size, stride), parts.mean((-2, -1)), rtol=1e-14, atol=1e-15)
    norm = (parts**2).sum((-2, -1)) ** 0.5
    np.testing.assert_allclose(nn.lp_pool2d(IMAGE, 2, size, stride), norm, rtol=1e-14)


def test_nan_is_the_largest_element_and_infinite_elements_stay_in_their_windows():
    x = np.array([[1.0, np.nan, 3.0, 4.0, np.inf, 0.0, 1.0]])
    np.testing.assert_array_equal(nn.max_pool1d(x, 2), [[np.nan, 4, np.inf]])
    np.testing.assert_array_equal(nn.adaptive_max_pool1d(x, 3), [[np.nan, np.inf, np.inf]])
    np.testing.assert_array_equal(nn.adaptive_avg_pool1d(x[:, 2:], 2), [[np.inf, np.inf]])
    np.testing.assert_array_equal(nn.adaptive_avg_pool1d(np.array([[1.0, 2.0, np.inf]]), 2), [[1.5, np.inf]])


def test_positions_of_windows_without_a_finite_element_lie_in_the_input():
    x = np.full((1, 5), -np.inf)
    values, indices = nn.max_pool1d(x, 3, 2, padding=1, return_indices=True)
    np.testing.assert_array_equal(values, [[-np.inf] * 3])
    np.testing.assert_array_equal(indices, [[0, 1, 3]])


def test_images_without_examples_are_pooled_and_interpolated():
    x = np.zeros((0, 3, 7, 8), np.float32)
    for function in (
        lambda x: nn.max_pool2d(x, 3, 2, 1),
        lambda x: nn.avg_pool2d(x, 2),
        lambda x: nn.adaptive_avg_pool2d(x, 5),
        lambda x: nn.adaptive_max_pool2d(x, 5),
        lambda x: nn.interpolate(x, scale_factor=2, mode="bilinear"),
        lambda x: nn.pad(x, (1, 1), "reflect"),
        lambda x: nn.pixel_unshuffle(x[:, :, 1:], 2),
        lambda x: nn.max_unpool2d(x, np.zeros(x.shape, int), 2),
        lambda x: nn.grid_sample(x, np.zeros((0, 4, 5, 2), np.float32)),
    ):
        result = function(x)
        assert result.shape[0] == 0
        assert compiler.grad(lambda x, f=function: f(x).sum())(x).shape == x.shape


def test_unpooling_puts_elements_where_pooling_found_them():
    values, indices = nn.max_pool2d(IMAGE, 2, return_indices=True)
    result = nn.max_unpool2d(values, indices, 2)
    assert result.shape == (2, 3, 6, 8)
    np.testing.assert_array_equal(result, np.where(result != 0, IMAGE[:, :, :6], 0))
    np.testing.assert_array_equal(np.sort(result[result != 0]), np.sort(values.ravel()))


def test_fractional_windows_are_drawn_from_the_key():
    results = [nn.fractional_max_pool2d(IMAGE, 2, 5, return_indices=True, rng_key=random.key(k)) for k in (0, 0, 1)]
    np.testing.assert_array_equal(results[0][1], results[1][1])
    assert (results[0][1] != results[2][1]).any()
    flat = IMAGE.reshape(2, 3, -1)
    np.testing.assert_array_equal(
        results[0][0], np.take_along_axis(flat, results[0][1].reshape(2, 3, -1), -1).reshape(2, 3, 5, 5)
    )


@pytest.mark.parametrize(
    "function",
    [
        lambda x: nn.interpolate(x, scale_factor=1.7, mode="bicubic"),
        lambda x: nn.interpolate(x, size=(3, 2), mode="bilinear", antialias=True),
        lambda x: nn.adaptive_avg_pool2d(x, (3, 5)),
        lambda x: nn.max_pool2d(x, 3, 2, 1),
        lambda x: nn.lp_pool2d(x, 2, 3),
        lambda x: nn.pad(x, (2, 1, 3, 0), "circular"),
        lambda x: nn.grid_sample(x, x[:, :2].transpose(0, 2, 3, 1) / 2, "bicubic"),
    ],
    ids=["bicubic", "antialias", "adaptive", "max", "lp", "circular", "grid"],
)
def test_gradients_are_differences(function):
    direction = np.random.default_rng(1).standard_normal(IMAGE.shape)

    def total(x):
        return (function(x) ** 2).sum()

    slope = central_difference(total, IMAGE, direction)
    np.testing.assert_allclose((compiler.grad(total)(IMAGE) * direction).sum(), slope, rtol=1e-6)
    np.testing.assert_allclose(compiler.jvp(total, (IMAGE,), (direction,))[1], slope, rtol=1e-6)


def test_derivative_of_a_norm_of_zeros_is_zero():
    gradient = compiler.grad(lambda x: nn.lp_pool1d(x, 2, 2).sum())(np.array([[0.0, 0.0, 3.0, 4.0]]))
    np.testing.assert_allclose(gradient, [[0, 0, 0.6, 0.8]])


def test_functions_map_over_a_batch():
    for function in (
        lambda x: nn.max_pool2d(x, 3, 2, 1, return_indices=True)[1],
        lambda x: nn.adaptive_avg_pool2d(x, 5),
        lambda x: nn.interpolate(x[None], scale_factor=2, mode="bilinear")[0],
        lambda x: nn.pad(x, (1, 2), "replicate"),
    ):
        want = np.stack([function(x) for x in IMAGE])
        np.testing.assert_allclose(compiler.vmap(function)(IMAGE), want, rtol=1e-14)


def test_gradients_of_interpolation_write_at_no_computed_place():
    def loss(x):
        return (nn.interpolate(x, scale_factor=2, mode="bilinear") ** 2).sum()

    module = compiler.jit(compiler.grad(loss)).lower(IMAGE).module_at("autodiff")
    assert sum(isinstance(op, ResampleOp) for op in module.walk()) == 4
    assert not any(isinstance(op, ScatterOp) for op in module.walk())


def test_upsampled_nearest_elements_are_repeated_ones():
    np.testing.assert_array_equal(nn.interpolate(IMAGE, scale_factor=3), IMAGE.repeat(3, 2).repeat(3, 3))


def test_sampling_at_the_identity_is_the_image():
    theta = np.broadcast_to(np.eye(2, 3), (2, 2, 3)).copy()
    for align_corners in (True, False):
        grid = nn.affine_grid(theta, IMAGE.shape, align_corners)
        np.testing.assert_allclose(nn.grid_sample(IMAGE, grid, align_corners=align_corners), IMAGE, atol=1e-13)


def test_positions_that_are_no_numbers_sample_zeros():
    grid = np.array([[[[np.nan, 0.0], [np.inf, 0.0], [1e30, -1e30]]]])
    for mode in ("bilinear", "nearest", "bicubic"):
        np.testing.assert_array_equal(nn.grid_sample(IMAGE[:1], grid, mode), np.zeros((1, 3, 1, 3)))


@pytest.mark.parametrize("mode", ["reflect", "edge", "wrap"])
def test_padding_is_that_of_numpy(mode):
    name = {"reflect": "reflect", "edge": "replicate", "wrap": "circular"}[mode]
    for x in (IMAGE, np.arange(210).reshape(2, 3, 5, 7)):
        np.testing.assert_array_equal(nn.pad(x, (1, 2, 3, 0), name), np.pad(x, ((0, 0), (0, 0), (3, 0), (1, 2)), mode))


def test_shuffled_pixels_come_back():
    x = np.arange(2 * 4 * 6 * 6).reshape(2, 4, 6, 6)
    np.testing.assert_array_equal(nn.pixel_shuffle(nn.pixel_unshuffle(x, 3), 3), x)
    np.testing.assert_array_equal(nn.channel_shuffle(nn.channel_shuffle(x, 2), 2), x)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.max_pool2d(IMAGE, 0), ArgumentError, "max_pool2d: kernel_size is 0; use integers from 1 on"),
        (
            lambda: nn.max_pool2d(IMAGE, (2, 2, 2)),
            ArgumentError,
            "max_pool2d: kernel_size is .2, 2, 2.; use one integer, or 2 of them",
        ),
        (lambda: nn.max_pool2d(IMAGE, 2, padding=2), ArgumentError, "padding is 2, more than half of a window of 2"),
        (lambda: nn.max_pool2d(IMAGE, 9), ShapeError, r"no window of \(9, 9\) fits in input of shape \(2, 3, 7, 8\)"),
        (lambda: nn.max_pool2d(IMAGE[0, 0], 2), ShapeError, r"expected \[N, C, H, W\], or without N"),
        (lambda: nn.max_pool2d(np.arange(27).reshape(3, 3, 3), 2), DtypeError, "input has dtype int64"),
        (lambda: nn.avg_pool2d(IMAGE, 2, divisor_override=0), ArgumentError, "divisor_override is 0"),
        (lambda: nn.lp_pool2d(IMAGE, 0, 2), ArgumentError, "norm_type is 0"),
        (
            lambda: nn.adaptive_avg_pool2d(IMAGE, (2, 2, 2)),
            ArgumentError,
            "adaptive_avg_pool2d: output_size is .2, 2, 2.; use one integer, or 2 of them",
        ),
        (lambda: nn.adaptive_max_pool2d(IMAGE[:, :, :0], 2), ShapeError, "has no elements to make windows of"),
        (lambda: nn.max_unpool2d(IMAGE, IMAGE, 2), DtypeError, "indices have dtype float64, expected integers"),
        (
            lambda: nn.max_unpool2d(IMAGE, np.zeros(IMAGE.shape, int), 2, output_size=(20, 16)),
            ArgumentError,
            r"output_size is \(20, 16\); use sizes less than a stride from \(14, 16\)",
        ),
        (lambda: nn.fractional_max_pool2d(IMAGE, 2, 3), ArgumentError, "needs either rng_key"),
        (lambda: nn.fractional_max_pool2d(IMAGE, 2, rng_key=random.key(0)), ArgumentError, "give exactly one of them"),
        (lambda: nn.fractional_max_pool2d(IMAGE, 3, 7, rng_key=random.key(0)), ShapeError, "do not fit shape"),
        (lambda: nn.interpolate(IMAGE), ArgumentError, "size is None, scale_factor None; give exactly one of them"),
        (lambda: nn.interpolate(IMAGE, 3, mode="lanczos"), ArgumentError, "mode is 'lanczos'; use 'nearest'"),
        (lambda: nn.interpolate(IMAGE, 3, mode="linear"), ArgumentError, "is for 1 spatial dimensions"),
        (lambda: nn.interpolate(IMAGE, 3, align_corners=True), ArgumentError, "align_corners has no meaning"),
        (lambda: nn.interpolate(IMAGE, 3, antialias=True), ArgumentError, "antialias is for 'bilinear' and 'bicubic'"),
        (lambda: nn.interpolate(IMAGE, scale_factor=0.1), ShapeError, r"cannot make size \(0, 0\)"),
        (lambda: nn.grid_sample(IMAGE, IMAGE), ShapeError, r"grid has shape \(2, 3, 7, 8\), expected 4 dimensions"),
        (lambda: nn.grid_sample(IMAGE, IMAGE, "cubic"), ArgumentError, "mode is 'cubic'; use 'bilinear'"),
        (
            lambda: nn.affine_grid(np.eye(3), (1, 1, 2, 2)),
            ShapeError,
            r"theta has shape \(3, 3\), expected \(1, 2, 3\)",
        ),
        (lambda: nn.affine_grid(np.eye(3), (1, 2)), ArgumentError, r"size is \(1, 2\); use \(N, C, H, W\)"),
        (lambda: nn.pad(IMAGE, (9, 9), "reflect"), ShapeError, "can put at most 7 elements at dimension 3"),
        (lambda: nn.pad(IMAGE, (1, 1, 1)), ShapeError, "3 amounts do not fit"),
        (lambda: nn.pad(IMAGE, (-5, -5)), ShapeError, "cuts more than there is of dimension 3"),
        (lambda: nn.pad(IMAGE, (1, 1), "edge"), ArgumentError, "mode is 'edge'; use 'constant'"),
        (lambda: nn.pad(IMAGE, (1, 1), "reflect", 1.0), ArgumentError, "which mode 'reflect' has no use for"),
        (lambda: nn.pixel_shuffle(IMAGE, 2), ShapeError, r"expected \[…, C \* 4, H, W\]"),
        (lambda: nn.pixel_unshuffle(IMAGE, 2), ShapeError, r"expected \[…, C, H \* 2, W \* 2\]"),
        (lambda: nn.channel_shuffle(IMAGE, 2), ShapeError, "with C divisible by 2"),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) else "",
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
