"""Products of matrices, alone and in batches."""

import numpy as np
from peers import array_programs
from workload import Workload

SHAPES = (
    *((n, n, n) for n in (64, 128, 256, 512, 1024, 2048)),
    (1, 4096, 4096),
    (32, 768, 3072),
    (256, 784, 512),
)


def product(_, x, y):
    """`x @ y`, of matrices or of batches of them."""
    return x @ y


def product_workload(name: str, m: int, k: int, n: int, batch: tuple[int, ...] = ()) -> Workload:
    """A product of `[m, k]` and `[k, n]`."""

    def arguments(is_tiny: bool):
        rng = np.random.default_rng(0)
        shapes = (((m, k), (k, n)), ((min(m, 5), 7), (7, 3)))[is_tiny]
        return tuple(rng.standard_normal((*batch[:1], *shape), dtype=np.float32) for shape in shapes)

    count = int(np.prod(batch))
    return Workload(
        name,
        arguments,
        array_programs(product),
        bytes=4 * count * (m * k + k * n + m * n),
        flops=2 * count * m * k * n,
    )


def product_workloads() -> list[Workload]:
    """Squares, and the shapes of networks."""
    squares = [product_workload(f"sgemm_{m}" if m == k == n else f"sgemm_{m}x{k}x{n}", m, k, n) for m, k, n in SHAPES]
    return [*squares, product_workload("bmm_96x128x64x128", 128, 64, 128, (96,))]
