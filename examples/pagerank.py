"""PageRank in plain NumPy code: power iteration over a list of links, until the ranks settle.

Brin and Page (1998): with probability `damping` a surfer follows a link of the page, otherwise starts anywhere. Pages
without links lead everywhere.
"""

import numpy as np
from comparison import compare

import compiler

DAMPING = 0.85
TOLERANCE = 1e-10


def follow(rank, source, target, links):
    """One step of the surfer: ranks of n pages, (n,), links from `source` to `target`, (m,), links per page, (n,)."""
    share = np.where(links > 0, rank / np.maximum(links, 1), 0)
    arriving = np.bincount(target, weights=share[source], minlength=rank.size)
    dangling = np.sum(rank, where=links == 0)
    return DAMPING * (arriving + dangling / rank.size) + (1 - DAMPING) / rank.size


def pagerank_numpy(source, target, links):
    """Ranks, and the number of steps, in a loop of Python."""
    rank, change, steps = np.full(links.size, 1 / links.size), np.inf, 0
    while change > TOLERANCE:
        new = follow(rank, source, target, links)
        rank, change, steps = new, np.abs(new - rank).sum(), steps + 1
    return rank, steps


@compiler.jit
def pagerank(source, target, links):
    """Compile the loop, too: `while` becomes `while_loop`."""

    def body(state):
        rank, _, steps = state
        new = follow(rank, source, target, links)
        return new, np.abs(new - rank).sum(), steps + 1

    start = (np.full(links.size, 1 / links.size), np.inf, 0)
    rank, _, steps = compiler.while_loop(lambda state: state[1] > TOLERANCE, body, start)
    return rank, steps


def web(pages, links):
    """Random links, most of them to few pages; a tenth of the pages has none."""
    rng = np.random.default_rng(3)
    source = rng.integers(0, pages - pages // 10, links)
    target = (pages * rng.random(links) ** 3).astype(np.int64)
    return source, target, np.bincount(source, minlength=pages)


def main():
    """Rank 20,000 pages with 200,000 links."""
    graph = web(20_000, 200_000)
    rank, steps = pagerank(*graph)
    best = np.argsort(rank)[::-1][:5]
    print(f"settled after {steps} steps; highest: " + ", ".join(f"page {i} ({rank[i]:.5f})" for i in best))
    return compare(pagerank, pagerank_numpy, graph, rtol=1e-9)


if __name__ == "__main__":
    raise SystemExit(main())
