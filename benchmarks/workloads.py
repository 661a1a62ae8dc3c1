"""What a workload is, and those of neural networks: the same mathematics in NumPy and for every compiler."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

import compiler

Call = Callable[[], tuple[Any, ...]]


@dataclass(frozen=True)
class Workload:
    """`numpy` computes the expected results; each entry of `compiled` makes a call that compiles when first called."""

    name: str
    numpy: Call
    compiled: dict[str, Callable[[], Call]]
    is_numpy_timed: bool = True
    """Whether `numpy` is how one would compute it."""


def installed_peers() -> list[str]:
    """The compilers to compare with that are installed."""
    return [name for name in ("jax",) if importlib.util.find_spec(name) is not None]


def warm_up() -> None:
    """Compile something else first, so that first calls measure compiling and not importing."""
    compiler.jit(lambda x: np.tanh(x @ x) + 1)(np.ones((3, 3), np.float32))
    if "jax" in installed_peers():
        import jax

        jax.config.update("jax_enable_x64", True)  # float64 stays float64, as in NumPy
        jax.jit(lambda x: jax.numpy.tanh(x @ x) + 1)(np.ones((3, 3), np.float32))


def numpy_softmax(x):
    """Softmax over the last axis."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_workload() -> Workload:
    """Softmax over the rows of a 4096×1024 matrix."""
    x = np.random.default_rng(0).standard_normal((4096, 1024), dtype=np.float32)

    def ours() -> Call:
        f = compiler.jit(numpy_softmax)
        return lambda: (f(x),)

    compiled = {"dlc": ours}
    if "jax" in installed_peers():

        def jax_softmax() -> Call:
            import jax

            f = jax.jit(lambda x: jax.nn.softmax(x, axis=-1))
            held = jax.device_put(x)
            return lambda: (f(held).block_until_ready(),)

        compiled["JAX"] = jax_softmax
    return Workload("softmax 4096×1024", lambda: (numpy_softmax(x),), compiled)


SIZES = (784, 512, 512, 10)


def mlp_data() -> tuple[Any, ...]:
    """Parameters, momentum, inputs and labels of the MLP training step."""
    rng = np.random.default_rng(0)
    params = [
        ((rng.standard_normal((m, n)) / np.sqrt(m)).astype(np.float32), np.zeros(n, np.float32))
        for m, n in pairwise(SIZES)
    ]
    velocity = [(np.zeros_like(w), np.zeros_like(b)) for w, b in params]
    x = rng.standard_normal((256, SIZES[0]), dtype=np.float32)
    return params, velocity, x, rng.integers(0, 10, 256)


def numpy_mlp_step(params, velocity, x, y):
    """Loss, gradients and SGD with momentum, by hand."""
    inputs = [x]
    for w, b in params[:-1]:
        inputs.append(np.maximum(inputs[-1] @ w + b, 0))
    logits = inputs[-1] @ params[-1][0] + params[-1][1]
    shifted = logits - logits.max(axis=1, keepdims=True)
    e = np.exp(shifted)
    s = e.sum(axis=1, keepdims=True)
    rows = np.arange(len(y))
    value = np.mean(np.log(s[:, 0]) - shifted[rows, y])
    d = e / s
    d[rows, y] -= 1
    d /= np.float32(len(y))
    new_params, new_velocity = [], []
    for i in range(len(params) - 1, -1, -1):
        w, b = params[i]
        gw, gb = inputs[i].T @ d, d.sum(axis=0)
        vw = np.float32(0.9) * velocity[i][0] + gw
        vb = np.float32(0.9) * velocity[i][1] + gb
        if i:
            d = (d @ w.T) * (inputs[i] > 0)
        new_velocity.insert(0, (vw, vb))
        new_params.insert(0, (w - np.float32(0.1) * vw, b - np.float32(0.1) * vb))
    return new_params, new_velocity, value


def mlp_step() -> Callable[..., Any]:
    """The training step of the MLP as one writes it for dlc."""
    optimiser = compiler.optim.sgd(0.1, momentum=0.9)

    def loss(params, x, y):
        for w, b in params[:-1]:
            x = np.maximum(x @ w + b, 0)
        w, b = params[-1]
        return compiler.nn.cross_entropy(x @ w + b, y)

    def step(params, velocity, x, y):
        value, gradients = compiler.value_and_grad(loss)(params, x, y)
        params, state = optimiser.update(gradients, compiler.optim.SgdState(np.int64(0), velocity), params)
        return params, state.velocity, value

    return step


def mlp_workload() -> Workload:
    """One training step of a 784-512-512-10 MLP: batch 256, relu, cross entropy, SGD with momentum."""
    params, velocity, x, y = mlp_data()

    def flat(result) -> tuple[Any, ...]:
        new_params, _, value = result
        return (value, *(array for layer in new_params for array in layer))

    def ours() -> Call:
        f = compiler.jit(mlp_step())
        return lambda: flat(f(params, velocity, x, y))

    compiled = {"dlc": ours}
    if "jax" in installed_peers():

        def jax_mlp() -> Call:
            import jax
            import jax.numpy as jnp

            def jax_loss(params, x, y):
                for w, b in params[:-1]:
                    x = jnp.maximum(x @ w + b, 0)
                w, b = params[-1]
                rows = jnp.arange(len(y))
                return -jax.nn.log_softmax(x @ w + b)[rows, y].mean()

            def jax_step(params, velocity, x, y):
                value, gradients = jax.value_and_grad(jax_loss)(params, x, y)
                velocity = jax.tree.map(lambda v, g: 0.9 * v + g, velocity, gradients)
                return jax.tree.map(lambda p, v: p - 0.1 * v, params, velocity), velocity, value

            f = jax.jit(jax_step)
            held = jax.device_put((params, velocity, x, y))
            return lambda: flat(jax.block_until_ready(f(*held)))

        compiled["JAX"] = jax_mlp
    return Workload("MLP training step", lambda: flat(numpy_mlp_step(params, velocity, x, y)), compiled)


def network_workloads() -> list[Workload]:
    """What networks are made of."""
    return [softmax_workload(), mlp_workload()]
