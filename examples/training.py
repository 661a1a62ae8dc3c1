"""What the networks among the examples share: options, batches, and the loop over epochs with its progress bar and checkpoints.

A run of training is a dict: parameters, the optimiser's state, a random key, the number of the step, and whatever else a step
needs. A step is a function from a run and a batch to the next run and its loss. So a run is saved as it is, and goes on to the same bits.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import compiler

Run = dict[str, Any]


def options(description: str, epochs: int) -> argparse.ArgumentParser:
    """The command line: how long to train, from what seed, and where to leave files."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", default="build", help="folder of the plot")
    parser.add_argument("--checkpoint", help="a .safetensors file to save the run to after every epoch")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    return parser


def batches(seed: int, epoch: int, size: int, data: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """Shuffled batches of one epoch, all of the same size; the order follows from the seed and the epoch."""
    order = np.random.default_rng([seed, epoch]).permutation(len(data[0]))
    for start in range(0, len(order) - size + 1, size):
        chosen = order[start : start + size]
        yield tuple(array[chosen] for array in data)


def trained(
    args: argparse.Namespace, run: Run, step: Callable[..., tuple[Run, Any]], data: Sequence[Any], size: int
) -> Iterator[tuple[Run, float]]:
    """The run and its mean loss after every epoch, from the checkpoint on if there is one to resume."""
    if args.resume and not args.checkpoint:
        raise SystemExit("--resume needs --checkpoint")
    if args.resume:
        run = compiler.load(args.checkpoint, like=run)
    done = int(run["step"]) // (len(data[0]) // size)
    if done >= args.epochs:
        raise SystemExit(f"the checkpoint is of epoch {done}: choose more --epochs")
    if args.resume:
        print(f"resumed after epoch {done}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns) as progress:
        bar = progress.add_task("compiling", total=args.epochs, completed=done)
        for epoch in range(done, args.epochs):
            losses = []
            for batch in batches(args.seed, epoch, size, data):
                run, value = step(run, *batch)
                losses.append(value)
            if args.checkpoint:
                compiler.save(args.checkpoint, run)
            mean = float(np.mean(losses))
            progress.update(bar, advance=1, description=f"training, loss {mean:.4f}")
            yield run, mean


def where_to_look(name: str) -> None:
    """Print the command that shows what becomes of the compiled functions."""
    print(f"every stage and pass: DLC_DUMP_IR_TO=dump .venv/bin/python examples/{name}.py --epochs 1")
