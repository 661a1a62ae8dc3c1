"""Tell from a single line of Python which package of the standard library it is from: an LSTM that reads character by character.

The lines are those of the Python that runs this, shuffled; none is in two packages, or twice. They have different lengths, which
the LSTM is told. A logistic regression on how often each character occurs, which does not see their order, is shown beside it.
"""

import sysconfig
from pathlib import Path

import numpy as np
import optree
from plotting import saved_plot
from sklearn.linear_model import LogisticRegression
from training import options, trained, where_to_look

import compiler
from compiler import nn, optim, random

PACKAGES = ("asyncio", "email", "http", "importlib", "logging", "multiprocessing", "unittest", "xml")
SHORTEST, LONGEST = 16, 64
CHARACTERS = 96  # those that ASCII prints; the last stands for all others
EMBEDDED, HIDDEN, BATCH = 32, 64, 32


def init_params(key):
    """The parameters, under the names that PyTorch's `state_dict` would have."""
    embedding, lstm, fc = random.split(key, 3)
    return {
        "embedding": nn.init.embedding(embedding, CHARACTERS, EMBEDDED),
        "lstm": nn.init.lstm(lstm, EMBEDDED, HIDDEN, bidirectional=True),
        "fc": nn.init.linear(fc, 2 * HIDDEN, len(PACKAGES)),
    }


def predict(params, lines, lengths, rng_key=None):
    """Logits, (n, packages), of lines, (n, 64), of which only so many characters are valid. Dropout has a key, in training only."""
    x = nn.embedding(lines, **params["embedding"])
    output, _ = nn.lstm(x, params["lstm"], batch_first=True, lengths=lengths)
    x = np.sum(output, axis=1) / lengths[:, None].astype(np.float32)  # outputs beyond the end are zero
    x = nn.dropout(x, 0.3, rng_key is not None, rng_key=rng_key)
    return nn.linear(x, **params["fc"])


def loss(params, lines, lengths, packages, key):
    """Mean cross entropy."""
    return nn.cross_entropy(predict(params, lines, lengths, key), packages)


def training(seed, steps):
    """A new run, and one compiled step of it."""
    optimiser = optim.adamw(optim.schedules.warmup_cosine(4e-3, steps // 20 + 1, steps + 2))

    @compiler.jit
    def train_step(run, lines, lengths, packages):
        key = random.fold_in(run["key"], run["step"])
        value, gradients = compiler.value_and_grad(loss)(run["params"], lines, lengths, packages, key)
        gradients, _ = optim.clip_grad_norm(gradients, 1.0)
        params, state = optimiser.update(gradients, run["optimiser"], run["params"])
        return {"params": params, "optimiser": state, "key": run["key"], "step": run["step"] + 1}, value

    params = init_params(random.key(seed))
    run = {"params": params, "optimiser": optimiser.init(params), "key": random.key(seed + 1), "step": 0}
    return run, train_step


@compiler.jit
def probabilities(params, lines, lengths):
    """Of the packages, (n, packages)."""
    return nn.softmax(predict(params, lines, lengths))


def lines_of(package):
    """The different lines of a package, without what they are indented by, that are neither short nor long."""
    sources = sorted((Path(sysconfig.get_path("stdlib")) / package).rglob("*.py"))
    texts = (
        path.read_text(encoding="utf-8", errors="replace")
        for path in sources
        if not path.parent.name.startswith("test")
    )
    stripped = (line.strip() for text in texts for line in text.splitlines())
    return {line for line in stripped if SHORTEST <= len(line) <= LONGEST}


def corpus(seed, count):
    """Lines in random order, up to `count` of each package, and where they are from, (n,)."""
    found = [lines_of(package) for package in PACKAGES]
    once = [sorted(lines - set().union(*found[:i], *found[i + 1 :])) for i, lines in enumerate(found)]
    count = min(count, *map(len, once))
    rng = np.random.default_rng(seed)
    chosen = [(line, i) for i, lines in enumerate(once) for line in rng.choice(lines, count, replace=False)]
    order = rng.permutation(len(chosen))
    return [str(chosen[i][0]) for i in order], np.array([chosen[i][1] for i in order])


def encoded(lines):
    """The numbers of the characters, (n, 64), and how many there are, (n,)."""
    codes = np.zeros((len(lines), LONGEST), np.int64)
    for row, line in zip(codes, lines, strict=True):
        row[: len(line)] = [ord(c) - 32 if " " <= c <= "~" else CHARACTERS - 1 for c in line]
    return codes, np.array([len(line) for line in lines])


def baseline(codes, lengths, packages, held_out):
    """What a logistic regression on the counts of characters takes the lines that are held out for."""
    valid = np.arange(LONGEST) < lengths[:, None]
    counts = np.stack([np.sum((codes == c) & valid, axis=1) for c in range(CHARACTERS)], axis=1)
    model = LogisticRegression(max_iter=2000).fit(counts[~held_out], packages[~held_out])
    return model.predict(counts[held_out])


def main(arguments=None):
    """Train, test, and show what is taken for what."""
    parser = options(__doc__, epochs=8)
    parser.add_argument("--lines", type=int, default=2000, help="at most so many of each package")
    args = parser.parse_args(arguments)
    lines, packages = corpus(args.seed, args.lines)
    codes, lengths = encoded(lines)
    held_out = np.arange(len(lines)) % 5 == 0
    train, test = ((codes[chosen], lengths[chosen], packages[chosen]) for chosen in (~held_out, held_out))
    first, train_step = training(args.seed, args.epochs * (len(train[0]) // BATCH))
    count = sum(map(np.size, optree.tree_leaves(first["params"])))
    print(f"{len(train[0]):,} lines to train with, {len(test[0]):,} held out; {count:,} parameters")

    for run, _ in trained(args, first, train_step, train, BATCH):
        params = run["params"]
    found = probabilities(params, *test[:2])
    guesses, truth = np.argmax(found, axis=1), test[2]
    counted = baseline(codes, lengths, packages, held_out)
    accuracy, accuracy_counted = np.mean(guesses == truth), np.mean(counted == truth)
    print(
        f"right about {100 * accuracy:.1f} % of the held-out lines; by counting characters {100 * accuracy_counted:.1f} %"
    )
    print(f"by chance {100 / len(PACKAGES):.1f} %. Lines that it is sure of:")
    shown = [line for line, is_held_out in zip(lines, held_out, strict=True) if is_held_out]
    for i, package in enumerate(PACKAGES):
        print(f"  {package:16} {shown[np.argmax(found[:, i])]}")

    with saved_plot(args.output, "lstm_sequences", columns=2) as (confusion, by_length):
        shares = np.array(
            [[np.mean(guesses[truth == i] == j) for j in range(len(PACKAGES))] for i in range(len(PACKAGES))]
        )
        confusion.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (i, j), share in np.ndenumerate(shares):
            confusion.text(
                j, i, f"{100 * share:.0f}", ha="center", va="center", color="white" if share > 0.5 else "black"
            )
        confusion.set_xticks(range(len(PACKAGES)), PACKAGES, rotation=45, ha="right")
        confusion.set_yticks(range(len(PACKAGES)), PACKAGES)
        confusion.set(ylabel="from", title="what lines are taken for, %")
        edges = np.arange(SHORTEST, LONGEST + 1, 8)
        bins = np.minimum(np.digitize(test[1], edges) - 1, len(edges) - 2)
        for name, guessed in (("LSTM", guesses), ("counts of characters", counted)):
            right = [100 * np.mean((guessed == truth)[bins == b]) for b in range(len(edges) - 1)]
            by_length.plot(edges[:-1] + 4, right, "o-", label=name)
        by_length.axhline(100 / len(PACKAGES), color="grey", linestyle="--", label="chance")
        by_length.set(xlabel="characters of the line", ylim=(0, 100), title="held-out lines that are right, %")
        by_length.legend()
    where_to_look("lstm_sequences")
    return 0 if accuracy > accuracy_counted + 0.05 else 1


if __name__ == "__main__":
    raise SystemExit(main())
