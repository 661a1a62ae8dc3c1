"""Learning: models, losses and training steps in plain NumPy."""

import itertools
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from programs import Program


def normal(rng: Generator, dtype: Any, *shape: int) -> Any:
    return rng.standard_normal(shape).astype(dtype)


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def layer_norm(x: Any, gain: Any, shift: Any) -> Any:
    mean = x.mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * gain + shift


def mlp_params(rng: Generator, dtype: Any) -> Any:
    sizes = [12, 17, 9, 5]
    return [
        {"w": normal(rng, dtype, m, n) * dtype(np.sqrt(1 / m)), "b": normal(rng, dtype, n) * dtype(0.1)}
        for m, n in itertools.pairwise(sizes)
    ]


def mlp_loss(params: Any, x: Any, y: Any) -> Any:
    for layer in params[:-1]:
        x = np.tanh(x @ layer["w"] + layer["b"])
    logits = x @ params[-1]["w"] + params[-1]["b"]
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(y)), y].mean()


def logistic_regression_step(w: Any, x: Any, y: Any) -> Any:
    p = 1 / (1 + np.exp(-(x @ w)))
    gradient = x.T @ (p - y) / len(y) + 0.01 * w
    loss = -np.mean(y * np.log(p + 1e-7) + (1 - y) * np.log(1 - p + 1e-7))
    return w - 0.5 * gradient, loss


def kmeans_step(points: Any, centres: Any) -> Any:
    distances = ((points[:, None, :] - centres[None, :, :]) ** 2).sum(-1)
    nearest = distances.argmin(1)
    members = nearest[:, None] == np.arange(len(centres))
    counts = members.sum(0)
    sums = members.astype(points.dtype).T @ points
    return np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None].astype(points.dtype), centres), nearest


def power_iteration(x: Any, v: Any) -> Any:
    centred = x - x.mean(0)
    covariance = centred.T @ centred / (len(x) - 1)
    for _ in range(20):
        v = covariance @ v
        v = v / np.linalg.norm(v)
    return v, v @ covariance @ v, centred @ v


class AttentionWeights(NamedTuple):
    qkv: Any
    out: Any


def attention(weights: AttentionWeights, x: Any) -> Any:
    batch, length, width = x.shape
    heads = 3
    qkv = (x @ weights.qkv).reshape(batch, length, 3, heads, width // heads).transpose(2, 0, 3, 1, 4)
    q, k, v = qkv[0], qkv[1], qkv[2]
    scores = np.einsum("bhqd,bhkd->bhqk", q, k) / np.sqrt(width // heads).astype(x.dtype)
    causal = np.tril(np.ones((length, length), bool))
    scores = np.where(causal, scores, -np.inf)
    mixed = np.einsum("bhqk,bhkd->bhqd", softmax(scores), v)
    return mixed.transpose(0, 2, 1, 3).reshape(batch, length, width) @ weights.out


def transformer_block(p: Any, x: Any) -> Any:
    x = x + attention(AttentionWeights(p["qkv"], p["out"]), layer_norm(x, p["g1"], p["b1"]))
    h = layer_norm(x, p["g2"], p["b2"]) @ p["up"]
    h = 0.5 * h * (1 + np.tanh(0.7978845608 * (h + 0.044715 * h**3)))
    return x + h @ p["down"]


def transformer_params(rng: Generator, dtype: Any) -> Any:
    n = 12
    shapes = {"qkv": (n, 3 * n), "out": (n, n), "up": (n, 4 * n), "down": (4 * n, n)}
    params = {name: normal(rng, dtype, *shape) * dtype(0.3) for name, shape in shapes.items()}
    return params | {name: normal(rng, dtype, n) for name in ("g1", "b1", "g2", "b2")}


def lstm(w: Any, u: Any, b: Any, xs: Any) -> Any:
    hidden = u.shape[0]
    h = c = np.zeros((xs.shape[1], hidden), like=xs, dtype=xs.dtype)
    outputs = []
    for t in range(xs.shape[0]):
        gates = xs[t] @ w + h @ u + b
        i, f, g, o = np.split(gates, 4, axis=-1)
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        h = np.tanh(c) / (1 + np.exp(-o))
        outputs.append(h)
    return np.stack(outputs), c


def embedding_bag(table: Any, tokens: Any, mask: Any) -> Any:
    vectors = table[tokens] * mask[..., None]
    return vectors.sum(1) / np.maximum(mask.sum(1, keepdims=True), 1)


def smoothed_cross_entropy(logits: Any, labels: Any) -> Any:
    classes = logits.shape[-1]
    target = np.where(labels[:, None] == np.arange(classes), 0.9, 0.1 / (classes - 1)).astype(logits.dtype)
    log_p = logits - np.log(np.sum(np.exp(logits), axis=-1, keepdims=True))
    return -(target * log_p).sum(-1).mean()


def batch_norm(x: Any, gamma: Any, beta: Any, running_mean: Any, running_var: Any) -> Any:
    mean, var = x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3))
    c = (None, slice(None), None, None)
    y = gamma[c] * (x - mean[c]) / np.sqrt(var[c] + 1e-5) + beta[c]
    n = x.size / x.shape[1]
    return y, 0.9 * running_mean + 0.1 * mean, 0.9 * running_var + 0.1 * var * (n / (n - 1))


def conv_by_slices(x: Any, kernel: Any) -> Any:
    out_channels, in_channels, kh, kw = kernel.shape
    n, c, h, w = x.shape
    assert c == in_channels
    oh, ow = h - kh + 1, w - kw + 1
    y = np.zeros((n, out_channels, oh, ow), like=x, dtype=x.dtype)
    for i in range(kh):
        for j in range(kw):
            y = y + np.einsum("nchw,oc->nohw", x[:, :, i : i + oh, j : j + ow], kernel[:, :, i, j])
    return y


def conv_by_im2col(x: Any, kernel: Any) -> Any:
    o, c, kh, kw = kernel.shape
    n, _, h, w = x.shape
    rows = np.arange(h - kh + 1)[:, None, None, None] + np.arange(kh)[None, None, :, None]
    columns = np.arange(w - kw + 1)[None, :, None, None] + np.arange(kw)[None, None, None, :]
    patches = x[:, :, rows, columns].transpose(0, 2, 3, 1, 4, 5).reshape(-1, c * kh * kw)
    y = patches @ kernel.reshape(o, -1).T
    return y.reshape(n, h - kh + 1, w - kw + 1, o).transpose(0, 3, 1, 2)


def max_pool(x: Any) -> Any:
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).max(axis=(3, 5))


def accuracy(logits: Any, labels: Any) -> Any:
    right = logits.argmax(-1) == labels
    return right.mean(), right.sum(), right


def svm_loss(w: Any, x: Any, y: Any) -> Any:
    margins = 1 - y * (x @ w)
    return 0.5 * (w * w).sum() + np.maximum(margins, 0).mean()


def triplet_loss(anchor: Any, positive: Any, negative: Any) -> Any:
    near = np.linalg.norm(anchor - positive, axis=1)
    far = np.linalg.norm(anchor - negative, axis=1)
    return np.maximum(near - far + 0.2, 0).mean()


def contrastive_loss(a: Any, b: Any) -> Any:
    a = a / np.linalg.norm(a, axis=1, keepdims=True)
    b = b / np.linalg.norm(b, axis=1, keepdims=True)
    similarity = a @ b.T / 0.1
    shifted = similarity - similarity.max(1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return -np.diagonal(log_p).mean()


def confusion_matrix(predicted: Any, labels: Any) -> Any:
    classes = np.arange(4)
    return ((labels[:, None] == classes)[:, :, None] & (predicted[:, None] == classes)[:, None, :]).sum(0)


def dropout_with_given_noise(x: Any, noise: Any) -> Any:
    keep = noise < 0.8
    return np.where(keep, x / 0.8, 0)


def huber_and_quantile(prediction: Any, target: Any) -> Any:
    error = prediction - target
    huber = np.where(np.abs(error) <= 1, 0.5 * error**2, np.abs(error) - 0.5)
    quantile = np.maximum(0.9 * error, -0.1 * error)
    return huber.mean(), quantile.mean()


def _floats(*shapes: tuple[int, ...]) -> Any:
    return lambda rng, dtype: tuple(normal(rng, dtype, *shape) for shape in shapes)


PROGRAMS: dict[str, Program] = {
    "mlp loss": Program(
        mlp_loss, lambda rng, t: (mlp_params(rng, t), normal(rng, t, 7, 12), rng.integers(0, 5, 7)), 128, True
    ),
    "logistic regression": Program(
        logistic_regression_step,
        lambda rng, t: (normal(rng, t, 6), normal(rng, t, 33, 6), rng.integers(0, 2, 33).astype(t)),
        256,
        True,
        True,
    ),
    "k-means": Program(kmeans_step, _floats((50, 3), (6, 3)), batchable=True),
    "power iteration": Program(power_iteration, _floats((40, 7), (7,)), 4096, batchable=True),
    "attention": Program(
        attention,
        lambda rng, t: (AttentionWeights(normal(rng, t, 12, 36), normal(rng, t, 12, 12)), normal(rng, t, 2, 5, 12)),
        512,
        True,
        True,
    ),
    "transformer block": Program(
        transformer_block, lambda rng, t: (transformer_params(rng, t), normal(rng, t, 2, 5, 12)), 1024, True, True
    ),
    "lstm": Program(lstm, _floats((4, 20), (5, 20), (20,), (6, 3, 4)), 256, True, True),
    "embedding bag": Program(
        embedding_bag,
        lambda rng, t: (normal(rng, t, 11, 6), rng.integers(0, 11, (4, 7)), (rng.random((4, 7)) < 0.6).astype(t)),
        64,
        True,
        True,
    ),
    "smoothed cross entropy": Program(
        smoothed_cross_entropy, lambda rng, t: (normal(rng, t, 9, 5), rng.integers(0, 5, 9)), 64, True, True
    ),
    "batch norm": Program(batch_norm, _floats((3, 4, 5, 6), (4,), (4,), (4,), (4,)), 256, True, True),
    "convolution by slices": Program(conv_by_slices, _floats((2, 3, 9, 8), (4, 3, 3, 2)), 256, True, True),
    "convolution by im2col": Program(conv_by_im2col, _floats((2, 3, 9, 8), (4, 3, 3, 2)), 256, True, True),
    "max pool": Program(max_pool, _floats((2, 3, 8, 6)), 1, True, True),
    "accuracy": Program(accuracy, lambda rng, t: (normal(rng, t, 31, 5), rng.integers(0, 5, 31)), 4, batchable=True),
    "svm loss": Program(
        svm_loss, lambda rng, t: (normal(rng, t, 6), normal(rng, t, 33, 6), np.sign(normal(rng, t, 33))), 128, True
    ),
    "triplet loss": Program(triplet_loss, _floats((8, 5), (8, 5), (8, 5)), 64, True, True),
    "contrastive loss": Program(contrastive_loss, _floats((8, 5), (8, 5)), 512, True, True),
    "confusion matrix": Program(
        confusion_matrix, lambda rng, t: (rng.integers(0, 4, 57), rng.integers(0, 4, 57)), batchable=True
    ),
    "dropout": Program(
        dropout_with_given_noise, lambda rng, t: (normal(rng, t, 6, 7), rng.random((6, 7)).astype(t)), 4, True, True
    ),
    "huber and quantile": Program(huber_and_quantile, _floats((41,), (41,)), 32, True, True),
}
