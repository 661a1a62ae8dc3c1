"""Transformers in the form of GPT-2 (Radford et al., 2019), for inference and training."""

import numpy as np
from peers import inference_programs
from training_programs import Optimizer, loss_reference, training_programs
from workload import Workload


def block(t, p, x, heads):
    """Attention, then a perceptron, each added to what comes in."""
    batch, steps, width = x.shape

    def split(y):
        return y.reshape(batch, steps, heads, width // heads).swapaxes(1, 2)

    query, key, value = t.nn.thirds(t.nn.linear(t.nn.layer_norm(x, *p["norm1"]), *p["qkv"]))
    y = t.nn.attention(split(query), split(key), split(value)).swapaxes(1, 2).reshape(batch, steps, width)
    x = x + t.nn.linear(y, *p["out"])
    y = t.nn.gelu(t.nn.linear(t.nn.layer_norm(x, *p["norm2"]), *p["up"]))
    return x + t.nn.linear(y, *p["down"])


def transformer(t, params, tokens, heads):
    """The states after the last layer."""
    x = t.nn.embedding(tokens, params["tokens"]) + params["positions"]
    for p in params["blocks"]:
        x = block(t, p, x, heads)
    return t.nn.layer_norm(x, *params["norm"])


def transformer_loss(t, params, tokens, labels, heads):
    """Cross entropy of the next token; the table of tokens is the last layer, too."""
    x = transformer(t, params, tokens, heads)
    logits = x.reshape(-1, x.shape[-1]) @ params["tokens"].T
    return t.nn.cross_entropy(logits, labels)


def transformer_params(vocabulary, steps, width, layers):
    """Random weights."""
    rng = np.random.default_rng(0)

    def normal(*shape):
        return 0.02 * rng.standard_normal(shape, dtype=np.float32)

    def norm():
        return np.ones(width, np.float32), np.zeros(width, np.float32)

    def linear(outputs, inputs):
        return normal(outputs, inputs), np.zeros(outputs, np.float32)

    blocks = [
        {
            "norm1": norm(),
            "qkv": linear(3 * width, width),
            "out": linear(width, width),
            "norm2": norm(),
            "up": linear(4 * width, width),
            "down": linear(width, 4 * width),
        }
        for _ in range(layers)
    ]
    return {"tokens": normal(vocabulary, width), "positions": normal(steps, width), "blocks": blocks, "norm": norm()}


def gpt2(t, params, tokens):
    """GPT-2 small, its 12 heads of 64; two heads where it is tiny."""
    return transformer(t, params, tokens, 12 if params["tokens"].shape[1] == 768 else 2)


def nanogpt_loss(t, params, tokens, labels):
    """The GPT of 6 heads that nanoGPT trains on characters."""
    return transformer_loss(t, params, tokens, labels, 6 if params["tokens"].shape[1] == 384 else 2)


def gpt2_data(is_tiny: bool):
    """Weights and 128 tokens."""
    vocabulary, steps, width, layers = (11, 5, 8, 2) if is_tiny else (50257, 128, 768, 12)
    tokens = np.random.default_rng(1).integers(0, vocabulary, (1, steps))
    return transformer_params(vocabulary, steps, width, layers), tokens


def nanogpt_data(is_tiny: bool):
    """Weights, tokens and those that follow."""
    vocabulary, batch, steps, width, layers = (11, 2, 5, 8, 2) if is_tiny else (65, 8, 256, 384, 6)
    text = np.random.default_rng(1).integers(0, vocabulary, (batch, steps + 1))
    return transformer_params(vocabulary, steps, width, layers), text[:, :-1].copy(), text[:, 1:].reshape(-1)


def transformer_workloads() -> list[Workload]:
    """All of them; a causal mask halves the operations of attention."""
    gpt2_flops = 12 * (2 * 128 * 12 * 768 * 768 + 2 * 128 * 128 * 768)
    nanogpt_flops = 6 * (2 * 2048 * 12 * 384 * 384 + 2 * 2048 * 256 * 384) + 2 * 2048 * 65 * 384
    return [
        Workload("gpt2s_fwd_s128", gpt2_data, inference_programs(gpt2), flops=gpt2_flops, rtol=5e-4),
        Workload(
            "nanogpt_train_step",
            nanogpt_data,
            # With a small `eps` the first step is the sign of the gradient, which rounding decides where that is near 0.
            training_programs(nanogpt_loss, Optimizer(1e-3, betas=(0.9, 0.99), weight_decay=0.1, eps=1e-4)),
            flops=3 * nanogpt_flops,
            reference=loss_reference(nanogpt_loss),
            rtol=2e-3,
        ),
    ]
