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
EMBEDDED, HIDDEN, BATCH = 32, 128, 64


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
