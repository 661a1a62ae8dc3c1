"""k-means clustering in plain NumPy code, compiled.

Lloyd's algorithm on scikit-learn's digits: the step is written as one would in NumPy, with `compiler.jit` on top of it.
"""

import numpy as np
from comparison import compare
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


compiled_step = compiler.jit(kmeans_step)


def run(step, points, centres, iterations):
    """Iterate a step; return the last assignment and the inertia after every step."""
    inertias = []
    nearest = None
    for _ in range(iterations):
        centres, nearest, inertia = step(points, centres)
        inertias.append(float(inertia))
    return np.asarray(nearest), inertias


def cluster_numpy(points, start):
    """Call `kmeans_step` as it is."""
    return run(kmeans_step, points, start, 25)


def cluster(points, start):
    """Call the compiled step."""
    return run(compiled_step, points, start, 25)


def digits():
    """scikit-learn's digits, (1797, 64), what each is, and ten of them to start with."""
    data = load_digits()
    points = data.data.astype(np.float64)
    return points, data.target, points[np.random.default_rng(0).choice(len(points), 10, replace=False)]


def main():
    """Cluster the digits with the compiled step and check it against NumPy."""
    points, classes, start = digits()
    nearest, inertias = cluster(points, start)
    print(f"inertia {inertias[0]:.0f} -> {inertias[-1]:.0f}")
    print(f"agreement with the digit classes (adjusted Rand index): {adjusted_rand_score(classes, nearest):.3f}")
    return compare(cluster, cluster_numpy, (points, start), rtol=1e-9)


if __name__ == "__main__":
    raise SystemExit(main())
