"""Plots that examples save as PNG files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


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
