"""The model and the training step of `examples/gpt.py` in PyTorch, from the same dict of parameters."""

import optree
import torch
from torch.nn import functional


def tensors(params):
    """Parameters that require gradients, as copies."""
    return optree.tree_map(lambda x: torch.tensor(x, requires_grad=True), params)


def transform(params, tokens, head_size):
    batch, length = tokens.shape
    size = params["norm"]["weight"].shape[0]
    x = functional.embedding(tokens, **params["tokens"])
    angles = torch.arange(length)[:, None] * 10000.0 ** (
        -torch.arange(0, head_size, 2, dtype=torch.float64) / head_size
    )
    cosine, sine = angles.cos().float(), angles.sin().float()

    def rotated(x):
        one, other = x.chunk(2, dim=-1)
        return torch.cat([one * cosine - other * sine, other * cosine + one * sine], dim=-1)

    for block in params["blocks"]:
        qkv = functional.linear(functional.layer_norm(x, (size,), **block["norm1"]), **block["qkv"])
        query, key, value = qkv.reshape(batch, length, 3, -1, head_size).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(rotated(query), rotated(key), value, is_causal=True)
        x = x + functional.linear(attended.transpose(1, 2).reshape(batch, length, size), **block["out"])
        hidden = functional.gelu(
            functional.linear(functional.layer_norm(x, (size,), **block["norm2"]), **block["expand"])
        )
        x = x + functional.linear(hidden, **block["reduce"])
    return functional.linear(functional.layer_norm(x, (size,), **params["norm"]), **params["tokens"])


def training_step(params, schedule, head_size):
    """A function of a batch of tokens that changes `params` in place and returns the loss."""
    leaves = optree.tree_leaves(params)
    optimiser = torch.optim.AdamW(leaves, lr=1.0, betas=(0.9, 0.99), weight_decay=0.1)
    rates = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: float(schedule(step)))

    def step(tokens):
        tokens = torch.from_numpy(tokens)
        logits = transform(params, tokens[:, :-1], head_size)
        value = functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        optimiser.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(leaves, 1.0)
        optimiser.step()
        rates.step()
        return value.item()

    return step
