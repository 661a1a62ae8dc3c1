"""Weights of a model of PyTorch are parameters of the functions of `compiler.nn` as they are."""

import numpy as np
import pytest

import compiler
from compiler import nn

torch = pytest.importorskip("torch", reason="PyTorch makes the weights")
safetensors = pytest.importorskip("safetensors.torch", reason="PyTorch's weights are read from its files")


class Model(torch.nn.Module):
    """A layer of each kind whose parameters have a layout that could differ."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 8, 3, padding=1, groups=1)
        self.norm = torch.nn.BatchNorm2d(8)
        self.up = torch.nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.lstm = torch.nn.LSTM(4 * 8, 16, num_layers=2, bidirectional=True, batch_first=True)
        self.attention = torch.nn.MultiheadAttention(32, 4, batch_first=True)
        self.last = torch.nn.ModuleDict(
            {"norm": torch.nn.LayerNorm(32), "slope": torch.nn.PReLU(), "out": torch.nn.Linear(32, 5)}
        )

    def forward(self, x):
        x = self.up(torch.relu(self.norm(self.conv(x))))
        x = x.permute(0, 2, 1, 3).flatten(2)
        x, _ = self.lstm(x)
        x = x + self.attention(x, x, x)[0]
        return self.last["out"](self.last["slope"](self.last["norm"](x)))


def model(weights, x):
    """The same in functions."""
    norm = weights["norm"]
    statistics = {name: norm[name] for name in ("running_mean", "running_var")}
    x = nn.conv(x, **weights["conv"], padding=1)
    x, _, _ = nn.batch_norm(x, **statistics, weight=norm["weight"], bias=norm["bias"])
    x = nn.conv_transpose(nn.relu(x), **weights["up"], stride=2)
    x = np.swapaxes(x, 1, 2).reshape(x.shape[0], x.shape[2], -1)
    x, _ = nn.lstm(x, weights["lstm"], batch_first=True)
    x = x + nn.multi_head_attention(x, x, x, 4, **weights["attention"])[0]
    last = weights["last"]
    x = nn.prelu(nn.layer_norm(x, 32, **last["norm"]), **last["slope"])
    return nn.linear(x, **last["out"])


def test_weights_from_a_file_of_pytorch_give_its_results(tmp_path):
    torch.manual_seed(0)
    reference = Model()
    with torch.no_grad():
        reference(torch.randn(6, 3, 5, 4))  # statistics that are not those of the beginning
    reference.eval()
    path = str(tmp_path / "model.safetensors")
    safetensors.save_file(reference.state_dict(), path)
    x = torch.randn(2, 3, 5, 4)
    with torch.no_grad():
        expected = reference(x).numpy()
    actual = compiler.jit(model)(compiler.load(path), x.numpy())
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


def test_parameters_made_here_have_the_names_and_shapes_of_pytorch(tmp_path):
    key = compiler.random.key(0)
    made = {
        "conv": nn.init.conv(key, 3, 8, 3),
        "norm": nn.init.batch_norm(8)
        | nn.init.batch_norm_statistics(8)
        | {"num_batches_tracked": np.zeros((), np.int64)},
        "up": nn.init.conv_transpose(key, 8, 4, 2),
        "lstm": nn.init.lstm(key, 4 * 8, 16, num_layers=2, bidirectional=True),
        "attention": nn.init.multi_head_attention(key, 32, 4),
        "last": {"norm": nn.init.layer_norm(32), "slope": nn.init.prelu(), "out": nn.init.linear(key, 32, 5)},
    }
    path = str(tmp_path / "model.safetensors")
    compiler.save(path, made)
    Model().load_state_dict(safetensors.load_file(path))
