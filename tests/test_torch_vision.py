"""Pooling, interpolation, sampling and rearrangements: values and gradients are PyTorch's."""

import numpy as np
import pytest

import compiler
from compiler import nn

torch = pytest.importorskip("torch", reason="PyTorch is what these functions are compared with")

IMAGES = (2, 3, 9, 11)
VOLUMES = (2, 4, 5, 6)
CASES = [
    ("max_pool1d", (4, 9), (3, 2, 1), {}),
    ("max_pool2d", IMAGES, (2,), {}),
    ("max_pool2d", IMAGES, (3, 2, 1), {"return_indices": True}),
    ("max_pool2d", IMAGES, ((3, 2), (2, 3), 1, (2, 1), True), {"return_indices": True}),
    ("max_pool3d", VOLUMES, (2,), {"ceil_mode": True, "return_indices": True}),
    ("avg_pool1d", (4, 9), (3, 1, 1, False, False), {}),
    ("avg_pool2d", IMAGES, (3, 2, 1, True), {}),
    ("avg_pool2d", IMAGES, (3, 2, 1, True, False), {}),
    ("avg_pool2d", IMAGES, ((3, 2),), {"divisor_override": 5}),
    ("avg_pool3d", VOLUMES, (2, 2, 1), {"count_include_pad": False}),
    ("lp_pool1d", (4, 9), (2, 3, 2, True), {}),
    ("lp_pool2d", IMAGES, (4, (2, 3)), {}),
    ("lp_pool2d", IMAGES, (float("inf"), 2), {}),
    ("lp_pool3d", VOLUMES, (2, 3, 1), {}),
    ("adaptive_avg_pool1d", (4, 9), (15,), {}),
    ("adaptive_avg_pool2d", IMAGES, ((3, None),), {}),
    ("adaptive_avg_pool2d", IMAGES, ((4, 7),), {}),
    ("adaptive_avg_pool3d", VOLUMES, ((2, 3, 4),), {}),
    ("adaptive_max_pool1d", (4, 9), (15,), {}),
    ("adaptive_max_pool2d", IMAGES, ((3, None),), {"return_indices": True}),
    ("adaptive_max_pool2d", IMAGES, ((4, 7),), {"return_indices": True}),
    ("adaptive_max_pool3d", VOLUMES, ((2, 3, 4),), {}),
    ("fractional_max_pool2d", IMAGES, ((2, 3), (4, 5)), {"return_indices": True, "_random_samples": (2, 3, 2)}),
    ("fractional_max_pool2d", IMAGES, (2,), {"output_ratio": (0.5, 0.4), "_random_samples": (2, 3, 2)}),
    ("fractional_max_pool3d", (2, *VOLUMES), ((2, 3, 2), (2, 2, 1)), {"_random_samples": (2, 2, 3)}),
    *((("interpolate", IMAGES, (), {"size": (5, 17), "mode": mode})) for mode in ("nearest", "nearest-exact", "area")),
    *(
        (("interpolate", IMAGES, (), {"scale_factor": (2.3, 0.6), "mode": mode}))
        for mode in ("nearest", "nearest-exact")
    ),
    *(
        ("interpolate", IMAGES, (), {"mode": mode, **options})
        for mode in ("bilinear", "bicubic")
        for options in (
            {"scale_factor": (2.3, 0.6)},
            {"scale_factor": (2.3, 0.6), "recompute_scale_factor": True},
            {"size": (1, 17), "align_corners": True},
            {"size": (4, 17), "antialias": True},
        )
    ),
    ("interpolate", IMAGES, (), {"scale_factor": (1.05, 2), "mode": "bilinear"}),
    ("interpolate", IMAGES, (), {"scale_factor": 0.37, "mode": "bicubic", "antialias": True, "align_corners": True}),
    ("interpolate", (2, 3, 4), (7,), {"mode": "linear"}),
    ("interpolate", (2, 2, 4, 4, 6), ((3, 5, 4),), {"mode": "trilinear"}),
    *(
        ("pad", IMAGES, (amounts,), {"mode": mode})
        for mode, amounts in (
            ("constant", (1, 2, 3, 0)),
            ("reflect", (-1, 2, 1, -2)),
            ("replicate", (1, 2, 3, 0)),
            ("circular", (-1, 2, 1, -2)),
        )
    ),
    ("pixel_shuffle", (2, 8, 3, 5), (2,), {}),
    ("pixel_unshuffle", (2, 3, 4, 6), (2,), {}),
    ("channel_shuffle", (2, 6, 3), (3,), {}),
]


def bits_apart(dtype):
    """Tolerances: what is promised for the dtype."""
    return {"rtol": 1e-4, "atol": 1e-5} if dtype == np.float32 else {"rtol": 1e-10, "atol": 1e-11}


def first(results):
    return results[0] if isinstance(results, tuple | list) else results


def compare(ours, theirs, arrays, dtype):
    """Values, what else there is beside them, and gradients of a weighted sum with respect to all of `arrays`."""
    rng = np.random.default_rng(1)
    inputs = [torch.from_numpy(a).requires_grad_() for a in arrays]
    want, got = theirs(*inputs), ours(*arrays)
    if isinstance(want, tuple | list):
        np.testing.assert_array_equal(got[1], want[1].numpy())
    want = first(want)
    assert first(got).dtype == dtype
    np.testing.assert_allclose(first(got), want.detach().numpy(), **bits_apart(dtype))
    weights = rng.standard_normal(want.shape).astype(dtype)
    want.backward(torch.from_numpy(weights))
    gradients = compiler.grad(lambda *xs: (first(ours(*xs)) * weights).sum(), argnums=tuple(range(len(arrays))))(
        *arrays
    )
    for gradient, x in zip(gradients, inputs, strict=True):
        np.testing.assert_allclose(gradient, x.grad.numpy(), **bits_apart(dtype))


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda n: f"{CASES[n][0]}-{n}")
def test_values_and_gradients_are_those_of_pytorch(number):
    name, shape, arguments, options = CASES[number]
    dtype = np.float32 if number % 3 == 0 else np.float64
    rng = np.random.default_rng(number)
    x = rng.standard_normal(shape).astype(dtype)
    samples = options.get("_random_samples")
    ours, theirs = dict(options), dict(options)
    if samples is not None:
        ours["_random_samples"] = rng.random(samples).astype(dtype)
        theirs["_random_samples"] = torch.from_numpy(ours["_random_samples"])
    compare(
        lambda x: getattr(nn, name)(x, *arguments, **ours),
        lambda x: getattr(torch.nn.functional, name)(x, *arguments, **theirs),
        [x],
        dtype,
    )


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_unpooling_is_that_of_pytorch(rank):
    rng = np.random.default_rng(rank)
    x = rng.standard_normal((2, 3, 6, 4, 6)[: rank + 2])
    pool, unpool = getattr(torch.nn.functional, f"max_pool{rank}d"), getattr(torch.nn.functional, f"max_unpool{rank}d")
    values, indices = pool(torch.from_numpy(x), 2, return_indices=True)
    size = tuple(n + 1 for n in x.shape[2:])
    for output_size in (None, size):
        compare(
            lambda v, size=output_size: getattr(nn, f"max_unpool{rank}d")(v, indices.numpy(), 2, output_size=size),
            lambda v, size=output_size: unpool(v, indices, 2, output_size=size),
            [values.numpy()],
            np.float64,
        )


@pytest.mark.parametrize(
    ("mode", "padding_mode", "align_corners"),
    [
        ("bilinear", "zeros", True),
        ("bilinear", "border", False),
        ("bilinear", "reflection", False),
        ("nearest", "zeros", False),
        ("nearest", "reflection", True),
        ("bicubic", "zeros", False),
        ("bicubic", "border", True),
        ("bicubic", "reflection", False),
    ],
)
def test_sampling_at_a_grid_is_that_of_pytorch(mode, padding_mode, align_corners):
    rng = np.random.default_rng(0)
    settings = {"mode": mode, "padding_mode": padding_mode, "align_corners": align_corners}
    compare(
        lambda x, grid: nn.grid_sample(x, grid, **settings),
        lambda x, grid: torch.nn.functional.grid_sample(x, grid, **settings),
        [rng.standard_normal((2, 3, 5, 6)), 1.2 * rng.standard_normal((2, 4, 7, 2))],
        np.float64,
    )


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_sampling_of_volumes_is_that_of_pytorch(mode):
    rng = np.random.default_rng(0)
    settings = {"mode": mode, "padding_mode": "reflection", "align_corners": False}
    compare(
        lambda x, grid: nn.grid_sample(x, grid, **settings),
        lambda x, grid: torch.nn.functional.grid_sample(x, grid, **settings),
        [
            rng.standard_normal((2, 3, 3, 5, 6)).astype(np.float32),
            rng.standard_normal((2, 2, 3, 4, 3)).astype(np.float32),
        ],
        np.float32,
    )


@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
def test_gradients_at_the_corners_of_an_affine_grid_are_those_of_pytorch(padding_mode):
    settings = {"padding_mode": padding_mode, "align_corners": True}
    identity = np.broadcast_to(np.eye(2, 3), (2, 2, 3)).copy()
    compare(
        lambda x, theta: nn.grid_sample(x, nn.affine_grid(theta, (2, 1, 5, 6), True), **settings),
        lambda x, theta: torch.nn.functional.grid_sample(
            x, torch.nn.functional.affine_grid(theta, [2, 1, 5, 6], True), **settings
        ),
        [np.random.default_rng(0).standard_normal((2, 3, 5, 6)), identity],
        np.float64,
    )


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("size", [(2, 3, 4, 2), (2, 3, 2, 3, 4)])
def test_affine_grids_are_those_of_pytorch(size, align_corners):
    theta = np.random.default_rng(0).standard_normal((2, len(size) - 2, len(size) - 1))
    want = torch.nn.functional.affine_grid(torch.from_numpy(theta), size, align_corners)
    np.testing.assert_allclose(nn.affine_grid(theta, size, align_corners), want.numpy(), rtol=1e-12, atol=1e-14)
