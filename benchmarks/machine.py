"""What the machine can do: the floors that times are compared with."""

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from measure import seconds, use_processors


def measure_machine(threads: int) -> dict[str, float]:
    """Bytes a second that a copy reads and writes, and floating-point operations a second of a large product."""
    import numpy as np

    source = np.ones((threads, 1 << 24), np.float32)
    target = np.zeros_like(source)
    with ThreadPoolExecutor(threads) as pool:
        copy = lambda: list(pool.map(np.copyto, target, source))  # noqa: E731
        copy_seconds = min(seconds(copy) for _ in range(20))
    a = np.ones((2048, 2048), np.float32)
    product_seconds = min(seconds(lambda: a @ a) for _ in range(8))
    return {"bytes_per_second": 2 * source.nbytes / copy_seconds, "flops_per_second": 2 * 2048**3 / product_seconds}


def main() -> int:
    """Measure and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--threads", type=int, required=True)
    args = parser.parse_args()
    use_processors(args.threads)
    args.output.write_text(json.dumps(measure_machine(args.threads)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
