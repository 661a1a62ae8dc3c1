"""Train a convolutional network on handwritten digits: a model is a function of a dict, and a run of training is a dict, too.

LeNet's layers (LeCun et al., "Gradient-based learning applied to document recognition", 1998) with batch normalisation, for the 1,797
images of 8×8 pixels that ship with scikit-learn. One compiled function moves the images about, runs the network forwards and
backwards, and updates the parameters, Adam's state, the running statistics and the average of the parameters.
"""

import numpy as np
import optree
from plotting import saved_plot, show_images
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from training import options, trained, where_to_look

import compiler
from compiler import nn, optim, random

BATCH = 64
AVERAGE = optim.exponential_moving_average(0.98)


def init_params(key):
    """The parameters, under the names that PyTorch's `state_dict` would have."""
    conv1, conv2, fc1, fc2 = random.split(key, 4)
    return {
        "conv1": nn.init.conv(conv1, 1, 16, 3, bias=False),
        "norm1": nn.init.batch_norm(16),
        "conv2": nn.init.conv(conv2, 16, 32, 3, bias=False),
        "norm2": nn.init.batch_norm(32),
        "fc1": nn.init.linear(fc1, 128, 64),
        "fc2": nn.init.linear(fc2, 64, 10),
    }


def init_statistics():
    """What batch normalisation remembers of the activations: no parameters, as nothing is differentiated by them."""
    return {"norm1": nn.init.batch_norm_statistics(16), "norm2": nn.init.batch_norm_statistics(32)}


def normalize(name, x, params, statistics, training):
    """Batch normalisation, and the statistics after it."""
    x, mean, variance = nn.batch_norm(x, **statistics[name], **params[name], training=training)
    return x, {**statistics, name: {"running_mean": mean, "running_var": variance}}


def predict(params, statistics, x, rng_key=None):
    """Logits, (n, 10), of images, (n, 1, 8, 8), and the new statistics. There is a key in training only, for dropout."""
    training = rng_key is not None
    x = nn.conv(x, **params["conv1"], padding=1)
    x, statistics = normalize("norm1", x, params, statistics, training)
    x = nn.max_pool2d(nn.relu(x), 2)
    x = nn.conv(x, **params["conv2"], padding=1)
    x, statistics = normalize("norm2", x, params, statistics, training)
    x = nn.max_pool2d(nn.relu(x), 2)
    x = nn.relu(nn.linear(x.reshape(len(x), -1), **params["fc1"]))
    x = nn.dropout(x, 0.3, training, rng_key=rng_key)
    return nn.linear(x, **params["fc2"]), statistics


def moved(key, x):
    """Every image moved by up to one pixel, over black."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    starts = random.randint(key, (len(x), 3), 0, np.array([1, 3, 3]))
    return compiler.vmap(lambda image, start: compiler.dynamic_slice(image, start, x.shape[1:]))(padded, starts)


def loss(params, statistics, x, y, key):
    """Mean cross entropy, and the new statistics."""
    moving, dropping = random.split(key)
    logits, statistics = predict(params, statistics, moved(moving, x), dropping)
    return nn.cross_entropy(logits, y, label_smoothing=0.05), statistics


def training(seed, steps):
    """A new run, and one compiled step of it."""
    optimiser = optim.adamw(optim.schedules.warmup_cosine(4e-3, steps // 10 + 1, steps + 2), weight_decay=0.02)

    @compiler.jit
    def train_step(run, x, y):
        key = random.fold_in(run["key"], run["step"])
        (value, statistics), gradients = compiler.value_and_grad(loss, has_aux=True)(
            run["params"], run["statistics"], x, y, key
        )
        params, state = optimiser.update(gradients, run["optimiser"], run["params"])
        return {
            "params": params,
            "statistics": statistics,
            "optimiser": state,
            "average": AVERAGE.update(params, run["average"]),
            "key": run["key"],
            "step": run["step"] + 1,
        }, value

    params = init_params(random.key(seed))
    run = {
        "params": params,
        "statistics": init_statistics(),
        "optimiser": optimiser.init(params),
        "average": AVERAGE.init(params),
        "key": random.key(seed + 1),
        "step": 0,
    }
    return run, train_step


@compiler.jit
def probabilities(run, x):
    """Of the ten digits, (n, 10), by the average of the parameters."""
    logits, _ = predict(AVERAGE.value(run["average"]), run["statistics"], x)
    return nn.softmax(logits)


def digits(seed):
    """Images between 0 and 1, (n, 1, 8, 8), for training and for testing, then the digits that they show."""
    data = load_digits()
    images = (data.images / 16).astype(np.float32)[:, None]
    return train_test_split(images, data.target, test_size=0.2, random_state=seed, stratify=data.target)


def main(arguments=None):
    """Train, test, and show what is hard and what the first layer looks for."""
    args = options(__doc__, epochs=60).parse_args(arguments)
    x_train, x_test, y_train, y_test = digits(args.seed)
    first, train_step = training(args.seed, args.epochs * (len(x_train) // BATCH))
    count = sum(map(np.size, optree.tree_leaves(first["params"])))
    print(f"{len(x_train)} digits to train with, {len(x_test)} held out; {count:,} parameters")

    wrong = []
    for run, _ in trained(args, first, train_step, (x_train, y_train), BATCH):
        found = probabilities(run, x_test)
        guesses = np.argmax(found, axis=1)
        wrong.append(100 * np.mean(guesses != y_test))
    print(f"accuracy on held-out digits: {100 - wrong[-1]:.1f} %")

    with saved_plot(args.output, "cnn_digits", columns=3) as (curve, hard, filters):
        curve.plot(np.arange(args.epochs - len(wrong), args.epochs) + 1, wrong)
        curve.set(xlabel="epoch", ylim=(0, 10), title="held-out digits that are taken for others, %")
        hardest = np.argsort(found[np.arange(len(y_test)), y_test])[:24]
        titles = [f"{y_test[i]}" if guesses[i] == y_test[i] else f"{y_test[i]} → {guesses[i]}" for i in hardest]
        show_images(hard, x_test[hardest, 0], 6, titles)
        hard.set_title("the hardest digits; → to what they were taken for")
        show_images(filters, AVERAGE.value(run["average"])["conv1"]["weight"][:, 0], 4)
        filters.set_title("filters of the first layer")
    where_to_look("cnn_digits")
    return 0 if wrong[-1] <= 2 else 1


if __name__ == "__main__":
    raise SystemExit(main())
