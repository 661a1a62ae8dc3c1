"""Train a classifier of handwritten digits with one compiled training step.

The whole step (loss, gradients, Adam update) is one compiled function of plain NumPy code. Data: the 1,797 images of 8×8
pixels that ship with scikit-learn. Run with `make demo` or `python examples/train_digits.py`; `--help` lists the options. With
`--checkpoint` each epoch is saved, and `--resume` goes on where a run has stopped, to the same bits.
"""

import argparse
import time
from itertools import pairwise

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import compiler

OPTIMISER = compiler.optim.adam(2e-3)


def init_params(rng, sizes):
    """He-initialised weights and zero biases, one `(w, b)` per layer."""
    return [
        ((rng.standard_normal((m, n)) * np.sqrt(2 / m)).astype(np.float32), np.zeros(n, np.float32))
        for m, n in pairwise(sizes)
    ]


def predict(params, x):
    """Logits of a multilayer perceptron."""
    for w, b in params[:-1]:
        x = np.maximum(x @ w + b, 0)
    w, b = params[-1]
    return x @ w + b


def loss(params, x, y):
    """Mean cross entropy."""
    return compiler.nn.cross_entropy(predict(params, x), y)


@compiler.jit
def train_step(params, state, x, y):
    """One step of Adam: the new parameters, the new optimiser state and the loss."""
    value, gradients = compiler.value_and_grad(loss)(params, x, y)
    params, state = OPTIMISER.update(gradients, state, params)
    return params, state, value


@compiler.jit
def accuracy(params, x, y):
    """The share of images whose class is predicted."""
    return np.mean((np.argmax(predict(params, x), axis=1) == y).astype(np.float32))


def numpy_step(params, state, x, y):
    """The same step written by hand in NumPy, for comparison."""
    step, means, variances = state
    step += 1
    inputs = [x]
    for w, b in params[:-1]:
        inputs.append(np.maximum(inputs[-1] @ w + b, 0))
    logits = inputs[-1] @ params[-1][0] + params[-1][1]
    shifted = logits - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    sums = exponentials.sum(axis=1, keepdims=True)
    rows = np.arange(len(y))
    value = np.mean(np.log(sums[:, 0]) - shifted[rows, y])
    d = exponentials / sums
    d[rows, y] -= 1
    d /= len(y)
    gradients = []
    for i in range(len(params) - 1, -1, -1):
        gradients.append((inputs[i].T @ d, d.sum(axis=0)))
        if i:
            d = (d @ params[i][0].T) * (inputs[i] > 0)
    correction1, correction2 = np.float32(1 - 0.9**step), np.float32(np.sqrt(1 - 0.999**step))
    new = []
    for layer, grads, ms, vs in zip(params, reversed(gradients), means, variances, strict=True):
        updated = []
        for p, g, m, v in zip(layer, grads, ms, vs, strict=True):
            m *= np.float32(0.9)  # noqa: PLW2901 - in place, as one would in NumPy
            m += np.float32(0.1) * g  # noqa: PLW2901
            v *= np.float32(0.999)  # noqa: PLW2901
            v += np.float32(0.001) * (g * g)  # noqa: PLW2901
            updated.append(p - np.float32(2e-3) / correction1 * m / (np.sqrt(v) / correction2 + np.float32(1e-8)))
        new.append(tuple(updated))
    return new, (step, means, variances), value


def batches(seed, epoch, x, y, size):
    """Shuffled batches of one epoch, all of the same size; the order follows from the seed and the epoch."""
    order = np.random.default_rng([seed, epoch]).permutation(len(x))
    for start in range(0, len(x) - size + 1, size):
        chosen = order[start : start + size]
        yield x[chosen], y[chosen]


def median_ms(step, params, state, x, y, repeats=200):
    """Median time of one step in milliseconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        params, state, _ = step(params, state, x, y)
        times.append(time.perf_counter() - start)
    return 1e3 * sorted(times)[len(times) // 2]


def main():
    """Train, test, and compare with NumPy."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--checkpoint", help="a .safetensors file to save parameters and optimiser to after every epoch"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    args = parser.parse_args()
    if args.resume and not args.checkpoint:
        parser.error("--resume needs --checkpoint")
    console = Console()

    digits = load_digits()
    images = (digits.data / 16).astype(np.float32)
    x_train, x_test, y_train, y_test = train_test_split(
        images, digits.target.astype(np.int64), test_size=0.2, random_state=args.seed, stratify=digits.target
    )
    params = init_params(np.random.default_rng(args.seed), [64, args.hidden, args.hidden, 10])
    state = OPTIMISER.init(params)
    done = 0
    console.print(
        f"{len(x_train)} training and {len(x_test)} test images, MLP 64-{args.hidden}-{args.hidden}-10, float32"
    )

    if args.resume:
        params, state, done = compiler.load(args.checkpoint, like=(params, state, done))
        console.print(f"resumed after epoch {done}")

    x, y = next(batches(args.seed, done, x_train, y_train, args.batch))
    start = time.perf_counter()
    train_step(params, state, x, y)
    console.print(
        f"first call of the training step (trace, compile, run): {1e3 * (time.perf_counter() - start):.0f} ms"
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("training", total=args.epochs, completed=done)
        for epoch in range(done, args.epochs):
            for x, y in batches(args.seed, epoch, x_train, y_train, args.batch):
                params, state, value = train_step(params, state, x, y)
            if args.checkpoint:
                compiler.save(args.checkpoint, (params, state, epoch + 1))
            progress.update(task, advance=1, description=f"training, loss {float(value):.4f}")
    result = float(accuracy(params, x_test, y_test))
    console.print(f"test accuracy: [bold]{100 * result:.1f} %[/bold]")

    ours = median_ms(train_step, params, state, x, y)
    zeros = [[np.zeros_like(p) for p in layer] for layer in params]
    also = [[np.zeros_like(p) for p in layer] for layer in params]
    theirs = median_ms(numpy_step, params, (0, zeros, also), x, y)
    table = Table("training step", "median ms", title=f"batch {args.batch}")
    table.add_row("dlc", f"{ours:.3f}")
    table.add_row("NumPy", f"{theirs:.3f}")
    console.print(table)
    console.print(f"dlc is {theirs / ours:.1f} times as fast as NumPy")

    console.print("\nLook inside:", style="bold")
    console.print(
        "  DLC_DUMP_IR_TO=dump .venv/bin/python examples/train_digits.py --epochs 1   # every stage and pass",
        markup=False,
        soft_wrap=True,
    )
    console.print(
        "  .venv/bin/dlc-opt dump/train_step/0_tensor.mlir --compile-to=fused        # any stage from any other",
        markup=False,
        soft_wrap=True,
    )
    console.print(
        "  .venv/bin/dlc-run dump/train_step/0_tensor.mlir --compare-with=reference  # run it on random inputs",
        markup=False,
        soft_wrap=True,
    )
    return 0 if result >= 0.97 else 1


if __name__ == "__main__":
    raise SystemExit(main())
