"""k-means clustering in plain NumPy code, compiled.

Lloyd's algorithm on scikit-learn's digits: the step is written as one would in NumPy, with `compiler.jit` on top of it.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score

import compiler


def kmeans_step(points, centres):
    """Assign every point to its nearest centre and move the centres: new centres, assignment, inertia."""
    distances = ((points[:, None, :] - centres[None, :, :]) ** 2).sum(axis=-1)
    nearest = np.argmin(distances, axis=1)
    members = (nearest[:, None] == np.arange(centres.shape[0])).astype(points.dtype)
    counts = members.sum(axis=0)
    sums = members.T @ points
    moved = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], centres)
    return moved, nearest, distances.min(axis=1).sum()


def run(step, points, centres, iterations):
    """Iterate a step; return the last assignment and the inertia after every step."""
    inertias = []
    nearest = None
    for _ in range(iterations):
        centres, nearest, inertia = step(points, centres)
        inertias.append(float(inertia))
    return np.asarray(nearest), inertias


def main():
    """Cluster the digits with the compiled step and check it against NumPy."""
    digits = load_digits()
    points = digits.data.astype(np.float64)
    start = points[np.random.default_rng(0).choice(len(points), 10, replace=False)]
    nearest, inertias = run(compiler.jit(kmeans_step), points, start, 25)
    expected, expected_inertias = run(kmeans_step, points, start, 25)
    print(f"inertia {inertias[0]:.0f} -> {inertias[-1]:.0f}")
    print(f"agreement with the digit classes (adjusted Rand index): {adjusted_rand_score(digits.target, nearest):.3f}")
    print(f"same assignment as NumPy: {bool((nearest == expected).all())}")
    return 0 if np.allclose(inertias, expected_inertias) else 1


if __name__ == "__main__":
    raise SystemExit(main())
