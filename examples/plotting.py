"""Plots that examples save as PNG files."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np


@contextmanager
def saved_plot(folder: str, name: str, columns: int = 1) -> Iterator[Any]:
    """Axes of Matplotlib, an array of them for several columns; afterwards the plot is `folder/name.png`."""
    try:
        import matplotlib as mpl
    except ImportError:
        raise SystemExit("plots need Matplotlib: pip install '.[examples]'") from None
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, columns, figsize=(6.4 * columns, 4.4), layout="constrained")
    yield axes
    path = Path(folder) / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)
    print(f"plot: {path}")


def show_images(axes: Any, images: Any, columns: int, titles: Sequence[str] = ()) -> None:
    """Images of one size, (n, height, width), from left to right in rows, each with a title of its own if there are any."""
    count, height, width = images.shape
    rows, gap = -(-count // columns), height // 2 if titles else 1
    sheet = np.full((rows * (height + gap), columns * (width + 1)), np.nan)
    places = [(gap + i // columns * (height + gap), i % columns * (width + 1)) for i in range(count)]
    for (y, x), image in zip(places, images, strict=True):
        sheet[y : y + height, x : x + width] = image
    axes.imshow(sheet, cmap="gray_r")
    for (y, x), title in zip(places, titles, strict=False):
        axes.text(x + width / 2 - 0.5, y - 1, title, ha="center", va="bottom")
    axes.axis("off")
