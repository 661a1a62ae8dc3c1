"""Filters from an image file to an image file: Pillow reads and writes, compiled NumPy code computes.

Without a file it takes the flower that ships with scikit-learn.
"""

import argparse
from pathlib import Path

import numpy as np
from comparison import compare
from PIL import Image
from sklearn.datasets import load_sample_image

import compiler


def shifted(x, radius):
    """All `(dy, dx, image)` up to a distance, where each image is x, (height, width, channels), moved over its repeated edges."""
    padded = np.pad(x, ((radius, radius), (radius, radius), (0, 0)), mode="edge")
    height, width = x.shape[:2]
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            yield dy, dx, padded[radius + dy : radius + dy + height, radius + dx : radius + dx + width]


def along(x, weights, axis):
    """The weighted sum of x and its neighbours along one axis, over repeated edges."""
    radius = len(weights) // 2
    padded = np.pad(x, [(radius, radius) if d == axis else (0, 0) for d in range(3)], mode="edge")
    windows = (padded[i : i + len(x)] if axis == 0 else padded[:, i : i + x.shape[1]] for i in range(len(weights)))
    return sum(weight * window for weight, window in zip(weights, windows, strict=True))


def gaussian(x, sigma=2.0):
    """Gaussian blur, one axis after the other, cut off at three standard deviations."""
    radius = int(3 * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    weights = [float(weight) for weight in weights / weights.sum()]
    return along(along(x, weights, 0), weights, 1)


def blur(x):
    """Gaussian blur with a standard deviation of two pixels."""
    return gaussian(x)


def sharpen(x):
    """An unsharp mask: what the blur takes away is added once more."""
    return x + (x - gaussian(x))


def edges(x):
    """The length of Sobel's gradient of the brightness (ITU-R BT.601)."""
    grey = (x @ np.array([0.299, 0.587, 0.114], np.float32))[:, :, None]
    slope, smooth = (-1.0, 0.0, 1.0), (1.0, 2.0, 1.0)
    dy, dx = along(along(grey, slope, 0), smooth, 1), along(along(grey, smooth, 0), slope, 1)
    return np.broadcast_to(np.sqrt(dx * dx + dy * dy), x.shape)


def bilateral(x, radius=3, sigma=2.0, tolerance=0.1):
    """Smooth surfaces and leave edges: neighbours count by distance and by colour (Tomasi and Manduchi, 1998)."""
    total, weights = np.zeros_like(x), np.zeros((*x.shape[:2], 1), x.dtype)
    for dy, dx, neighbour in shifted(x, radius):
        difference = np.sum((neighbour - x) ** 2, axis=2, keepdims=True)
        weight = np.exp(-(dx * dx + dy * dy) / (2 * sigma**2) - difference / (2 * tolerance**2))
        total, weights = total + weight * neighbour, weights + weight
    return total / weights


FILTERS = {"blur": blur, "sharpen": sharpen, "edges": edges, "bilateral": bilateral}


def on_bytes(filter_):
    """The filter of images of bytes, which computes in float32 between 0 and 1."""

    def of_bytes(image):
        result = filter_(image.astype(np.float32) / 255)
        return np.round(np.clip(result, 0, 1) * 255).astype(np.uint8)

    return of_bytes


def main(arguments=None):
    """Filter one image, and compare with NumPy."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image", nargs="?", help="the file to read; a flower if left out")
    parser.add_argument("--filter", choices=FILTERS, default="bilateral")
    parser.add_argument("--output", help="the file to write; build/FILTER.png if left out")
    args = parser.parse_args(arguments)

    source = Image.open(args.image).convert("RGB") if args.image else Image.fromarray(load_sample_image("flower.jpg"))
    image = np.asarray(source)
    reference = on_bytes(FILTERS[args.filter])
    compiled = compiler.jit(reference)

    status = compare(compiled, reference, (image,), rtol=1 / 255)  # rounding to bytes may go one way or the other
    path = Path(args.output or f"build/{args.filter}.png")
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(compiled(image)).save(path)
    print(f"{args.filter} of {image.shape[1]}×{image.shape[0]} pixels: {path}")
    return status


if __name__ == "__main__":
    raise SystemExit(main())
