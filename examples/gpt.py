"""A small GPT that learns the language of Python's documentation, letter by letter, and writes in it.

A transformer that normalises first (Radford et al., "Language models are unsupervised multitask learners", 2019): functions of
a dict of parameters, and one compiled training step. Data: the texts that `help()` shows for topics, which come with
Python; the last tenth is held out. With `--checkpoint` the run is saved now and then, and `--resume` goes on where it has
stopped, to the same bits. `--steps 150 --layers 2 --size 64` takes ten seconds.
"""

import argparse
import pydoc_data.topics
import time

import numpy as np
import optree
from plotting import saved_plot
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import compiler
from compiler import nn, optim, random

ALPHABET = "\n" + "".join(map(chr, range(32, 127)))
HEAD_SIZE = 32
LENGTH, BATCH = 128, 16  # characters that the model sees, and how many pieces of text make a batch


def text_of_python():
    """The paragraphs of all topics, each once, as numbers in the alphabet: most of it for training, the end for tests."""
    topics = pydoc_data.topics.topics
    paragraphs = dict.fromkeys("\n\n".join(topics[name] for name in sorted(topics)).split("\n\n"))
    plain = "\n\n".join(paragraphs).translate(str.maketrans("‘’“”–—", "''\"\"--"))
    codes = encoded(plain)
    split = len(codes) * 9 // 10
    return codes[:split], codes[split:]


def encoded(text):
    """Numbers in the alphabet, without the characters that it lacks."""
    return np.array([ALPHABET.index(c) for c in text if c in ALPHABET], np.int64)


def decoded(codes):
    """The text of numbers in the alphabet."""
    return "".join(ALPHABET[code] for code in codes)


def init_params(key, layers, size):
    """Parameters with the names and distributions of PyTorch's layers, but smaller where a residual is added."""
    share = np.float32(1 / np.sqrt(2 * layers))

    def residual(key, inputs):
        params = nn.init.linear(key, inputs, size)
        return {"weight": share * params["weight"], "bias": params["bias"]}

    def block(key):
        keys = random.split(key, 4)
        return {
            "norm1": nn.init.layer_norm(size),
            "qkv": nn.init.linear(keys[0], size, 3 * size),
            "out": residual(keys[1], size),
            "norm2": nn.init.layer_norm(size),
            "expand": nn.init.linear(keys[2], size, 4 * size),
            "reduce": residual(keys[3], 4 * size),
        }

    tokens, *blocks = random.split(key, 1 + layers)
    return {
        "tokens": {"weight": nn.init.normal(tokens, (len(ALPHABET), size), std=size**-0.5)},
        "blocks": list(map(block, blocks)),
        "norm": nn.init.layer_norm(size),
    }


def transform(params, tokens, caches=None, first=0):
    """Logits of the character after each of `tokens`, (batch, length), and the caches with their keys and values, if any.

    A token sees those before it: in `tokens`, and with a cache for each block also the `first` ones that are in there.
    """
    batch, length = tokens.shape
    size = params["norm"]["weight"].shape[0]
    x = nn.embedding(tokens, **params["tokens"])
    positions, kept = first + np.arange(length), []
    for i, block in enumerate(params["blocks"]):
        qkv = nn.linear(nn.layer_norm(x, size, **block["norm1"]), **block["qkv"])
        query, key, value = qkv.reshape(batch, length, 3, -1, HEAD_SIZE).transpose(2, 0, 3, 1, 4)
        query, key = nn.rotary_embedding(query, positions), nn.rotary_embedding(key, positions)
        if caches is None:
            attended = nn.scaled_dot_product_attention(query, key, value, is_causal=True)
        else:
            attended, cache = nn.cached_attention(query, key, value, caches[i], first)
            kept.append(cache)
        x = x + nn.linear(attended.transpose(0, 2, 1, 3).reshape(batch, length, size), **block["out"])
        hidden = nn.gelu(nn.linear(nn.layer_norm(x, size, **block["norm2"]), **block["expand"]))
        x = x + nn.linear(hidden, **block["reduce"])
    return nn.linear(nn.layer_norm(x, size, **params["norm"]), **params["tokens"]), kept


def loss(params, tokens):
    """Mean cross entropy of every character after the first, in nats."""
    logits, _ = transform(params, tokens[:, :-1])
    return nn.cross_entropy(logits.reshape(-1, len(ALPHABET)), tokens[:, 1:].reshape(-1))


compiled_loss = compiler.jit(loss)


def schedule_for(steps):
    """Learning rates that rise for a tenth of the steps and fall for the rest."""
    return optim.schedules.warmup_cosine(4e-3, max(steps // 10, 1), steps)


def optimiser_for(steps):
    """AdamW with that schedule."""
    return optim.adamw(schedule_for(steps), (0.9, 0.99), weight_decay=0.1)


def training_step(optimiser):
    """The compiled step: parameters and state in, new ones and the loss out."""

    @compiler.jit
    def step(params, state, tokens):
        value, gradients = compiler.value_and_grad(loss)(params, tokens)
        gradients, _ = optim.clip_grad_norm(gradients, 1.0)
        params, state = optimiser.update(gradients, state, params)
        return params, state, value

    return step


def batch_of(text, seed, step):
    """Random pieces of the text, each with the character after it; which ones follows from the seed and the step."""
    starts = np.random.default_rng([seed, step]).integers(0, len(text) - LENGTH, BATCH)
    return text[starts[:, np.newaxis] + np.arange(LENGTH + 1)]


def held_out_loss(params, text):
    """The mean loss of whole batches of a text, piece after piece."""
    size = BATCH * (LENGTH + 1)
    batches = text[: len(text) // size * size].reshape(-1, BATCH, LENGTH + 1)
    return float(np.mean([compiled_loss(params, batch) for batch in batches]))


@compiler.jit
def continued(params, prompt, key, temperature, top_k):
    """As many characters as fit after a prompt, (length,), each drawn from the `top_k` most likely ones."""
    size, count = params["norm"]["weight"].shape[0], LENGTH - len(prompt)
    empty = np.zeros((1, size // HEAD_SIZE, LENGTH, HEAD_SIZE), np.float32)
    logits, caches = transform(params, prompt[np.newaxis], [{"key": empty, "value": empty} for _ in params["blocks"]])

    def draw(logits, key):
        least = np.sort(logits)[len(ALPHABET) - top_k]
        return random.categorical(key, np.where(logits >= least, logits / temperature, -np.inf))

    def step(carry, key):
        caches, token, position = carry
        logits, caches = transform(params, token.reshape(1, 1), caches, position)
        return (caches, draw(logits[0, 0], key), position + 1), token

    keys = random.split(key, count + 1)
    carry = caches, draw(logits[0, -1], keys[count]), np.int64(len(prompt))
    return compiler.scan(step, carry, keys[:count])[1]


def write(params, prompt, count, key, temperature, top_k):
    """`count` characters after a prompt. The model sees half of its length again and again and adds the other half."""
    text = encoded(prompt)
    half = LENGTH // 2
    text = np.concatenate([np.zeros(max(half - len(text), 0), np.int64), text])  # lines that are empty
    start = len(text)
    while len(text) < start + count:
        key, now = random.split(key)
        text = np.concatenate([text, continued(params, text[-half:], now, np.float32(temperature), top_k)])
    return decoded(text[start : start + count])


def main(arguments=None):
    """Train, test on what was held out, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--size", type=int, default=128, help=f"of the vectors, a multiple of {HEAD_SIZE}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--checkpoint", help="a .safetensors file to save the run to")
    parser.add_argument("--save-every", type=int, default=50, help="so many steps")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint, with the same other options")
    parser.add_argument("--prompt", default="The", help="what the text begins with that is written at the end")
    parser.add_argument("--characters", type=int, default=512, help="how long it is")
    parser.add_argument("--temperature", type=float, default=0.7, help="below 1 for what is more likely")
    parser.add_argument("--top-k", type=int, default=20, help="characters to choose from")
    parser.add_argument("--output", default="build", help="folder of the plot")
    args = parser.parse_args(arguments)
    if args.resume and not args.checkpoint:
        parser.error("--resume needs --checkpoint")
    if args.size % HEAD_SIZE or args.size < 1:
        parser.error(f"--size {args.size} is not a multiple of {HEAD_SIZE}")
    if args.temperature <= 0:
        parser.error("--temperature is not above 0")
    if not 1 <= args.top_k <= len(ALPHABET):
        parser.error(f"--top-k {args.top_k} is not in 1 … {len(ALPHABET)}")
    console = Console()

    training, held_out = text_of_python()
    params = init_params(random.key(args.seed), args.layers, args.size)
    optimiser = optimiser_for(args.steps)
    state, losses = optimiser.init(params), np.zeros(args.steps, np.float32)
    if args.resume:
        params, state, losses = compiler.load(args.checkpoint, like=(params, state, losses))
    done = int(state.step)
    console.print(
        f"{len(training):,} characters; {sum(x.size for x in optree.tree_leaves(params)):,} parameters in {args.layers} blocks"
        + (f"; resumed after step {done}" if done else "")
    )

    step = training_step(optimiser)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("compiling", total=args.steps, completed=done)
        for i in range(done, args.steps):
            params, state, losses[i] = step(params, state, batch_of(training, args.seed, i))
            if args.checkpoint and ((i + 1) % args.save_every == 0 or i + 1 == args.steps):
                compiler.save(args.checkpoint, (params, state, losses))
            progress.update(task, advance=1, description=f"training, loss {losses[i]:.3f}")
    result = held_out_loss(params, held_out)
    console.print(f"loss {losses[0]:.3f} -> {losses[-10:].mean():.3f}, on held-out text {result:.3f}")

    with saved_plot(args.output, "gpt") as axes:
        axes.plot(losses, linewidth=1)
        axes.axhline(result, color="grey", linestyle="--", label="held-out text, at the end")
        axes.set(xlabel="step", ylabel="nats per character", title="loss", ylim=(0, None))
        axes.legend()

    arguments = params, args.prompt, args.characters, random.key(args.seed), args.temperature, args.top_k
    write(*arguments)
    start = time.perf_counter()
    written = write(*arguments)
    console.print(f"{args.characters / (time.perf_counter() - start):.0f} characters per second:")
    console.print(args.prompt, end="", style="bold", markup=False, highlight=False)
    console.print(written, markup=False, highlight=False)
    return 0 if result < losses[0] else 1


if __name__ == "__main__":
    raise SystemExit(main())
