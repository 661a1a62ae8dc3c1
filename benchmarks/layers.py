"""The layers that the networks are made of, for each library under the same names.

Images are `[N, C, H, W]`, weights of `linear` `[outputs, inputs]`, and sequences for attention `[batch, heads, steps, size]`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np


def lstm_weights(weights):
    """Those of the input and of the state, then the biases."""
    return [weights[f"{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]


class FunctionalLayers:
    """`torch.nn.functional`, or `compiler.nn`, which has the same names."""

    def __init__(self, functions: Any, lstm: Callable[..., Any]) -> None:
        self._functions = functions
        self.lstm = lstm
        for name in ("relu", "linear", "embedding", "cross_entropy"):
            setattr(self, name, getattr(functions, name))

    def softmax(self, x):
        """Over the last axis."""
        return self._functions.softmax(x, -1)

    def gelu(self, x):
        """The form with tanh."""
        return self._functions.gelu(x, approximate="tanh")

    def layer_norm(self, x, weight, bias):
        """Over the last axis."""
        return self._functions.layer_norm(x, x.shape[-1:], weight, bias)

    def conv2d(self, x, weight, stride, padding):
        """Without bias."""
        return self._functions.conv2d(x, weight, None, stride, padding)

    def batch_norm(self, x, p):
        """By the running statistics, or in training, where there are none, by those of the batch."""
        is_training = "mean" not in p
        result = self._functions.batch_norm(x, p.get("mean"), p.get("var"), p["weight"], p["bias"], is_training)
        return result[0] if isinstance(result, tuple) else result  # ours returns the new statistics, too

    def max_pool2d(self, x, size, stride, padding):
        """Padded with minus infinity."""
        return self._functions.max_pool2d(x, size, stride, padding)

    def image_mean(self, x):
        """Over height and width."""
        return x.mean((2, 3))

    def attention(self, query, key, value):
        """With a causal mask."""
        return self._functions.scaled_dot_product_attention(query, key, value, is_causal=True)

    def thirds(self, x):
        """The last axis in three parts."""
        size = x.shape[-1] // 3
        return x[..., :size], x[..., size : 2 * size], x[..., 2 * size :]


class NumpyLayers:
    """NumPy; convolution by a matrix of windows."""

    def relu(self, x):
        """`max(x, 0)`."""
        return np.maximum(x, 0)

    def linear(self, x, weight, bias):
        """`x @ weight^T + bias`."""
        return x @ weight.T + bias

    def softmax(self, x):
        """Over the last axis."""
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    def gelu(self, x):
        """The form with tanh."""
        return 0.5 * x * (1 + np.tanh(0.7978845608 * (x + 0.044715 * x * x * x)))

    def layer_norm(self, x, weight, bias):
        """Over the last axis."""
        centred = x - x.mean(axis=-1, keepdims=True)
        return centred / np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + 1e-5) * weight + bias

    def embedding(self, indices, table):
        """Rows of a table."""
        return table[indices]

    def cross_entropy(self, logits, labels):
        """The mean over the rows."""
        shifted = logits - logits.max(axis=-1, keepdims=True)
        return (np.log(np.exp(shifted).sum(axis=-1)) - shifted[np.arange(len(labels)), labels]).mean()

    def _windows(self, x, size, stride, padding, value):
        edges = (padding, padding)
        x = np.pad(x, ((0, 0), (0, 0), edges, edges), constant_values=value)
        return np.lib.stride_tricks.sliding_window_view(x, (size, size), (2, 3))[:, :, ::stride, ::stride]

    def conv2d(self, x, weight, stride, padding):
        """Without bias."""
        windows = self._windows(x, weight.shape[-1], stride, padding, 0)
        return np.moveaxis(np.tensordot(windows, weight, ((1, 4, 5), (1, 2, 3))), -1, 1)

    def batch_norm(self, x, p):
        """By the running statistics, or by those of the batch."""
        column = (-1, 1, 1)
        mean = p["mean"] if "mean" in p else x.mean(axis=(0, 2, 3))
        var = p["var"] if "var" in p else x.var(axis=(0, 2, 3))
        scale = p["weight"] / np.sqrt(var + np.float32(1e-5))
        return x * scale.reshape(column) + (p["bias"] - mean * scale).reshape(column)

    def max_pool2d(self, x, size, stride, padding):
        """Padded with minus infinity."""
        return self._windows(x, size, stride, padding, -np.inf).max(axis=(4, 5))

    def image_mean(self, x):
        """Over height and width."""
        return x.mean(axis=(2, 3))

    def attention(self, query, key, value):
        """With a causal mask."""
        scores = query @ key.swapaxes(-1, -2) / np.float32(np.sqrt(query.shape[-1]))
        return self.softmax(np.where(np.tri(scores.shape[-1], dtype=bool), scores, -np.inf)) @ value

    def thirds(self, x):
        """The last axis in three parts."""
        return np.split(x, 3, axis=-1)

    def lstm(self, x, weights):
        """All steps of the output; the gates are input, forget, cell, output."""
        w_ih, w_hh, b_ih, b_hh = lstm_weights(weights)
        h = c = np.zeros((x.shape[1], w_hh.shape[1]), x.dtype)
        output = []
        for projected in x @ w_ih.T + (b_ih + b_hh):
            i, f, g, o = np.split(projected + h @ w_hh.T, 4, axis=1)
            c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
            h = np.tanh(c) / (1 + np.exp(-o))
            output.append(h)
        return np.stack(output)


class JaxLayers:
    """JAX."""

    def __init__(self) -> None:
        import jax

        self._jax, self._np = jax, jax.numpy
        self.relu, self.gelu, self.softmax = jax.nn.relu, jax.nn.gelu, jax.nn.softmax

    def linear(self, x, weight, bias):
        """`x @ weight^T + bias`."""
        return x @ weight.T + bias

    def layer_norm(self, x, weight, bias):
        """Over the last axis."""
        mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return (x - mean) * self._jax.lax.rsqrt(var + 1e-5) * weight + bias

    def embedding(self, indices, table):
        """Rows of a table."""
        return table[indices]

    def cross_entropy(self, logits, labels):
        """The mean over the rows."""
        rows = self._np.arange(len(labels))
        return -self._jax.nn.log_softmax(logits)[rows, labels].mean()

    def conv2d(self, x, weight, stride, padding):
        """Without bias."""
        return self._jax.lax.conv_general_dilated(x, weight, (stride, stride), [(padding, padding)] * 2)

    def batch_norm(self, x, p):
        """By the running statistics, or by those of the batch."""
        mean = p["mean"] if "mean" in p else x.mean((0, 2, 3))
        var = p["var"] if "var" in p else x.var((0, 2, 3))
        scale = p["weight"] * self._jax.lax.rsqrt(var + 1e-5)
        return x * scale[:, None, None] + (p["bias"] - mean * scale)[:, None, None]

    def max_pool2d(self, x, size, stride, padding):
        """Padded with minus infinity."""
        window, strides = (1, 1, size, size), (1, 1, stride, stride)
        edges = ((0, 0), (0, 0), (padding, padding), (padding, padding))
        return self._jax.lax.reduce_window(x, -self._np.inf, self._jax.lax.max, window, strides, edges)

    def image_mean(self, x):
        """Over height and width."""
        return x.mean((2, 3))

    def attention(self, query, key, value):
        """With a causal mask."""
        heads_inside = (x.swapaxes(1, 2) for x in (query, key, value))
        return self._jax.nn.dot_product_attention(*heads_inside, is_causal=True).swapaxes(1, 2)

    def thirds(self, x):
        """The last axis in three parts."""
        return self._np.split(x, 3, axis=-1)

    def lstm(self, x, weights):
        """All steps of the output."""
        w_ih, w_hh, b_ih, b_hh = lstm_weights(weights)
        sigmoid, tanh = self._jax.nn.sigmoid, self._np.tanh

        def step(state, projected):
            h, c = state
            i, f, g, o = self._np.split(projected + h @ w_hh.T, 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * tanh(g)
            h = sigmoid(o) * tanh(c)
            return (h, c), h

        zeros = self._np.zeros((x.shape[1], w_hh.shape[1]), x.dtype)
        return self._jax.lax.scan(step, (zeros, zeros), x @ w_ih.T + (b_ih + b_hh))[1]
