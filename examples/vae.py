"""A variational autoencoder of handwritten digits: it learns a distribution of images, and new digits are drawn from it.

The encoder says what codes an image may have, a normal distribution for each; the decoder says what images a code may have. Both learn
to make the evidence lower bound (Kingma and Welling, arXiv 1312.6114) large. The pixels of scikit-learn's digits count up to 16 inked dots
of 4×4, so that they are binomially distributed, given the code, and the bound is one of the likelihood of the data.
"""

import numpy as np
import optree
from plotting import saved_plot, show_images
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from training import options, trained, where_to_look

import compiler
from compiler import nn, optim, random, special

BATCH, HIDDEN, CODE, DOTS = 64, 256, 8, 16


def init_params(key):
    """The parameters, under the names that PyTorch's `state_dict` would have."""
    layers = {
        "encoder": {"fc1": (64, HIDDEN), "fc2": (HIDDEN, HIDDEN), "code": (HIDDEN, 2 * CODE)},
        "decoder": {"fc1": (CODE, HIDDEN), "fc2": (HIDDEN, HIDDEN), "pixels": (HIDDEN, 64)},
    }
    keys = iter(random.split(key, 6))
    return {
        name: {layer: nn.init.linear(next(keys), *sizes) for layer, sizes in net.items()}
        for name, net in layers.items()
    }


def encode(params, x):
    """Means and logarithms of variances of the codes, (n, 8) each, of images, (n, 8, 8)."""
    x = nn.silu(nn.linear(x.reshape(-1, 64) / DOTS - 0.5, **params["fc1"]))
    x = nn.silu(nn.linear(x, **params["fc2"]))
    code = nn.linear(x, **params["code"])
    return code[:, :CODE], code[:, CODE:]


def decode(params, z):
    """Logits of the probability that a dot has ink, (n, 8, 8), of codes."""
    x = nn.silu(nn.linear(z, **params["fc1"]))
    x = nn.silu(nn.linear(x, **params["fc2"]))
    return nn.linear(x, **params["pixels"]).reshape(-1, 8, 8)


def log_likelihood(logits, x):
    """Of each image, in nats: its pixels are binomially distributed."""
    ways = special.gammaln(DOTS + 1.0) - special.gammaln(x + 1) - special.gammaln(DOTS - x + 1)
    inked = x * nn.logsigmoid(logits) + (DOTS - x) * nn.logsigmoid(-logits)
    return np.sum(ways + inked, axis=(1, 2))


def log_normal(z, mean=0.0, log_variance=0.0):
    """The logarithm of the density of a normal distribution with independent elements."""
    return -0.5 * np.sum(np.log(2 * np.pi) + log_variance + (z - mean) ** 2 / np.exp(log_variance), axis=-1)


def divergence(mean, log_variance):
    """The Kullback-Leibler divergence of the distribution of codes from the standard normal one."""
    return 0.5 * np.sum(mean**2 + np.exp(log_variance) - 1 - log_variance, axis=1)


def draw(key, mean, log_variance):
    """One code for each image, differentiable in mean and variance."""
    return mean + np.exp(0.5 * log_variance) * random.normal(key, mean.shape, mean.dtype)


def bound(params, x, key):
    """The evidence lower bound of each image, in nats, from one code of each."""
    mean, log_variance = encode(params["encoder"], x)
    logits = decode(params["decoder"], draw(key, mean, log_variance))
    return log_likelihood(logits, x) - divergence(mean, log_variance)


def loss(params, x, key):
    """What training makes small: the bound's negative, averaged over images."""
    return -np.mean(bound(params, x, key))


def training(seed, steps):
    """A new run, and one compiled step of it."""
    optimiser = optim.adam(optim.schedules.warmup_cosine(6e-3, steps // 20 + 1, steps + 2))

    @compiler.jit
    def train_step(run, x):
        key = random.fold_in(run["key"], run["step"])
        value, gradients = compiler.value_and_grad(loss)(run["params"], x, key)
        params, state = optimiser.update(gradients, run["optimiser"], run["params"])
        return {"params": params, "optimiser": state, "key": run["key"], "step": run["step"] + 1}, value

    params = init_params(random.key(seed))
    run = {"params": params, "optimiser": optimiser.init(params), "key": random.key(seed + 1), "step": 0}
    return run, train_step


@compiler.jit
def likelihoods(params, x, keys):
    """The bound of each image, averaged over codes, and a tighter one: importance sampling (Burda et al., arXiv 1509.00519)."""
    mean, log_variance = encode(params["encoder"], x)

    def weigh(key):
        z = draw(key, mean, log_variance)
        joint = log_likelihood(decode(params["decoder"], z), x) + log_normal(z)
        return bound(params, x, key), joint - log_normal(z, mean, log_variance)

    bounds, weights = compiler.map(weigh, keys)
    return np.mean(bounds, axis=0), nn.logsumexp(weights, dim=0) - np.log(len(keys))


@compiler.jit
def reconstructed(params, x):
    """The codes of images in the middle of their distributions, (n, 8), and the inked share that the decoder makes of them, (n, 8, 8)."""
    mean, _ = encode(params["encoder"], x)
    return mean, decoded(params, mean)


@compiler.jit
def decoded(params, z):
    """The inked share of each pixel, (n, 8, 8)."""
    return nn.sigmoid(decode(params["decoder"], z))


def digits(seed):
    """Images of 0 to 16, (n, 8, 8), for training and for testing, then the digits that they show."""
    data = load_digits()
    images = data.images.astype(np.float32)
    return train_test_split(images, data.target, test_size=0.2, random_state=seed, stratify=data.target)


def likelihood_of_pixels(x_train, x_test):
    """What there is to beat, in nats for each image: every pixel counts dots as it did in training, whatever the others do."""
    counts = np.stack([np.sum(x_train == dots, axis=0) + 1 for dots in range(DOTS + 1)])
    chosen = np.take_along_axis(counts / (len(x_train) + DOTS + 1), x_test.astype(int), axis=0)
    return np.sum(np.log(chosen), axis=(1, 2))


def main(arguments=None):
    """Train, compare bounds of the likelihood, and look at digits that were never written."""
    args = options(__doc__, epochs=60).parse_args(arguments)
    x_train, x_test, _, y_test = digits(args.seed)
    first, train_step = training(args.seed, args.epochs * (len(x_train) // BATCH))
    count = sum(map(np.size, optree.tree_leaves(first["params"])))
    print(f"{len(x_train)} digits to train with, {len(x_test)} held out; {count:,} parameters")

    for run, _ in trained(args, first, train_step, (x_train,), BATCH):
        params = run["params"]
    drawing, walking = random.split(random.key(args.seed + 2))
    bounds, tighter = likelihoods(params, x_test, random.split(drawing, 100))
    bound_, tight, alone = np.mean(bounds), np.mean(tighter), np.mean(likelihood_of_pixels(x_train, x_test))
    print("logarithm of the likelihood of a held-out digit, in nats:")
    print(f"  evidence lower bound     {bound_:.1f}")
    print(f"  by importance sampling   {tight:.1f}")
    print(f"  of independent pixels    {alone:.1f}")

    with saved_plot(args.output, "vae", columns=3) as (copies, samples, walks):
        shown = np.stack([np.flatnonzero(y_test == digit)[:4] for digit in range(10)])
        originals = x_test[shown.T.ravel()]
        codes, images = reconstructed(params, originals)
        pairs = np.stack([originals.reshape(4, 10, 8, 8) / DOTS, images.reshape(4, 10, 8, 8)], axis=1)
        show_images(copies, pairs.reshape(80, 8, 8), 10)
        copies.set_title("held-out digits, and what is left of them\nin eight numbers, below")
        show_images(samples, decoded(params, random.normal(walking, (80, CODE), np.float32)), 10)
        samples.set_title("digits that nobody wrote")
        starts, ends = codes[:8, None], codes[1:9, None]
        way = np.linspace(0, 1, 10, dtype=np.float32)[:, None]
        show_images(walks, decoded(params, ((1 - way) * starts + way * ends).reshape(-1, CODE)), 10)
        walks.set_title("from a digit to the next,\non straight lines between codes")
    where_to_look("vae")
    return 0 if alone < bound_ < tight else 1


if __name__ == "__main__":
    raise SystemExit(main())
