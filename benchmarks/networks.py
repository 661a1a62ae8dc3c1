"""Networks: multi-layer perceptrons, residual networks, LSTM. Each is one function of a toolkit, weights and inputs."""

from itertools import pairwise

import numpy as np
from peers import inference_programs, numpy_program
from training_programs import Optimizer, gradient_programs, loss_reference, training_programs
from workload import Workload


def weights_of(rng, shape):
    """Random weights that keep the variance."""
    return (rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))).astype(np.float32)


def mlp(t, params, x):
    """Linear layers with relu between."""
    for w, b in params[:-1]:
        x = t.nn.relu(t.nn.linear(x, w, b))
    return t.nn.linear(x, *params[-1])


def mlp_loss(t, params, x, labels):
    """Cross entropy of the perceptron."""
    return t.nn.cross_entropy(mlp(t, params, x), labels)


MLP_STEP = Optimizer(0.1, momentum=0.9)


def mlp_step_numpy(params, x, labels):
    """The first step of SGD with momentum, by hand; later ones cost as much."""
    inputs = [x]
    for w, b in params[:-1]:
        inputs.append(np.maximum(inputs[-1] @ w.T + b, 0))
    w, b = params[-1]
    logits = inputs[-1] @ w.T + b
    shifted = logits - logits.max(axis=1, keepdims=True)
    e = np.exp(shifted)
    total = e.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    value = np.mean(np.log(total[:, 0]) - shifted[rows, labels])
    d = e / total
    d[rows, labels] -= 1
    d /= np.float32(len(labels))
    momentum, rate = np.float32(MLP_STEP.momentum), np.float32(MLP_STEP.learning_rate)
    updated = []
    for (w, b), layer_input in zip(params[::-1], inputs[::-1], strict=True):
        gradients = (d.T @ layer_input, d.sum(axis=0))
        velocities = [momentum * np.zeros_like(g) + g for g in gradients]
        updated.insert(0, [p - rate * v for p, v in zip((w, b), velocities, strict=True)])
        if layer_input is not x:
            d = (d @ w) * (layer_input > 0)
    return value, updated


def mlp_data(is_tiny: bool):
    """Parameters, inputs and labels."""
    rng = np.random.default_rng(0)
    sizes, batch = ((5, 7, 6, 3), 4) if is_tiny else ((784, 512, 512, 10), 256)
    params = [(weights_of(rng, (n, m)), np.zeros(n, np.float32)) for m, n in pairwise(sizes)]
    return params, rng.standard_normal((batch, sizes[0]), dtype=np.float32), rng.integers(0, sizes[-1], batch)


def convolved(t, p, x, stride, padding):
    """A convolution and its normalisation."""
    return t.nn.batch_norm(t.nn.conv2d(x, p["conv"], stride, padding), p["norm"])


def residual_block(t, p, x, stride):
    """Two convolutions around which a shortcut leads."""
    y = t.nn.relu(convolved(t, p["first"], x, stride, 1))
    y = convolved(t, p["second"], y, 1, 1)
    return t.nn.relu(y + (convolved(t, p["shortcut"], x, stride, 0) if "shortcut" in p else x))


def residual_stages(t, stages, x):
    """Stages of blocks; all but the first begin with stride 2."""
    for i, blocks in enumerate(stages):
        for j, block in enumerate(blocks):
            x = residual_block(t, block, x, 2 if i and not j else 1)
    return x


def resnet18(t, params, x):
    """ResNet-18 for ImageNet (He et al., arXiv 1512.03385)."""
    x = t.nn.max_pool2d(t.nn.relu(convolved(t, params["stem"], x, 2, 3)), 3, 2, 1)
    x = residual_stages(t, params["stages"], x)
    return t.nn.linear(t.nn.image_mean(x), *params["head"])


def resnet20_loss(t, params, x, labels):
    """Cross entropy of ResNet-20 for CIFAR."""
    x = t.nn.relu(convolved(t, params["stem"], x, 1, 1))
    x = residual_stages(t, params["stages"], x)
    return t.nn.cross_entropy(t.nn.linear(t.nn.image_mean(x), *params["head"]), labels)


def residual_params(stem, widths, blocks, classes, *, has_statistics):
    """Weights of a residual network whose first convolution has `stem` as its size."""
    rng = np.random.default_rng(0)

    def convolution(outputs, inputs, size):
        norm = {"weight": np.ones(outputs, np.float32), "bias": np.zeros(outputs, np.float32)}
        if has_statistics:
            norm["mean"] = 0.1 * rng.standard_normal(outputs, dtype=np.float32)
            norm["var"] = rng.uniform(0.5, 1.5, outputs).astype(np.float32)
        return {"conv": weights_of(rng, (outputs, inputs, size, size)), "norm": norm}

    params = {"stem": convolution(widths[0], 3, stem), "stages": []}
    inputs = widths[0]
    for width in widths:
        stage = []
        for _ in range(blocks):
            block = {"first": convolution(width, inputs, 3), "second": convolution(width, width, 3)}
            if width != inputs:
                block["shortcut"] = convolution(width, inputs, 1)
            stage.append(block)
            inputs = width
        params["stages"].append(stage)
    params["head"] = (weights_of(rng, (classes, inputs)), np.zeros(classes, np.float32))
    return params


def images(is_tiny: bool, batch: int, size: int) -> np.ndarray:
    """Random images of three channels."""
    shape = (2, 3, 32, 32) if is_tiny else (batch, 3, size, size)
    return np.random.default_rng(1).standard_normal(shape, dtype=np.float32)


def resnet18_data(is_tiny: bool, batch: int):
    """Weights and images."""
    widths, classes = ((4, 8), 5) if is_tiny else ((64, 128, 256, 512), 1000)
    params = residual_params(7, widths, 1 if is_tiny else 2, classes, has_statistics=True)
    return params, images(is_tiny, batch, 224)


def resnet20_data(is_tiny: bool):
    """Weights, images and labels."""
    widths = (4, 8) if is_tiny else (16, 32, 64)
    params = residual_params(3, widths, 1 if is_tiny else 3, 10, has_statistics=False)
    x = images(is_tiny, 64, 32)
    return params, x, np.random.default_rng(2).integers(0, 10, len(x))


def lstm(t, weights, x):
    """The output of all steps."""
    return t.nn.lstm(x, weights)


def lstm_loss(t, weights, x):
    """A number of all steps."""
    y = t.nn.lstm(x, weights)
    return (y * y).mean()


def lstm_data(is_tiny: bool):
    """Weights and sequences of `[steps, batch, size]`."""
    steps, batch, size = (3, 2, 5) if is_tiny else (128, 32, 256)
    rng = np.random.default_rng(0)
    bound = size**-0.5
    shapes = {"weight_ih_l0": (4 * size, size), "weight_hh_l0": (4 * size, size)}
    shapes |= {"bias_ih_l0": (4 * size,), "bias_hh_l0": (4 * size,)}
    weights = {name: rng.uniform(-bound, bound, shape).astype(np.float32) for name, shape in shapes.items()}
    return weights, rng.standard_normal((steps, batch, size), dtype=np.float32)


def network_workloads() -> list[Workload]:
    """All of them; the counts of floating-point operations are those of the products."""
    mlp_flops = 2 * 256 * (784 * 512 + 512 * 512 + 512 * 10)
    lstm_flops = 2 * 128 * 32 * 2 * 256 * 1024
    resnet18_flops, resnet20_flops = 3.63e9, 2 * 40.8e6
    return [
        Workload(
            "mlp_train_step",
            mlp_data,
            training_programs(mlp_loss, MLP_STEP) | {"NumPy": numpy_program(mlp_step_numpy)},
            flops=3 * mlp_flops - 2 * 256 * 784 * 512,  # no gradient by the input
        ),
        Workload("mlp_forward", lambda is_tiny: mlp_data(is_tiny)[:2], inference_programs(mlp), flops=mlp_flops),
        *(
            Workload(
                f"resnet18_infer_b{batch}",
                lambda is_tiny, batch=batch: resnet18_data(is_tiny, batch),
                inference_programs(resnet18),
                flops=resnet18_flops * batch,
                rtol=5e-4,
            )
            for batch in (1, 8)
        ),
        Workload(
            "cifar_resnet20_train_step",
            resnet20_data,
            training_programs(resnet20_loss, Optimizer(0.1, momentum=0.9)),
            flops=3 * 64 * resnet20_flops,
            reference=loss_reference(resnet20_loss),
            rtol=5e-2,  # single precision is 2.4 % away from double in PyTorch, 0.3 % in ours
        ),
        Workload("lstm_fwd", lstm_data, inference_programs(lstm), flops=lstm_flops),
        Workload(
            "lstm_fwdbwd",
            lstm_data,
            gradient_programs(lstm_loss, 2),
            flops=3 * lstm_flops,
            reference=loss_reference(lstm_loss),
            rtol=5e-4,
        ),
    ]
