"""Gradients and steps of training, by each library's own derivatives and optimisers."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import optree
import toolkits
from peers import Call, Program, dlc_program, jax_program, numpy_program, torch_arrays

import compiler

Loss = Callable[..., Any]
"""`loss(toolkit, params, *batch)`, a number."""


@dataclass(frozen=True)
class Optimizer:
    """Settings of SGD with momentum, or of AdamW where there are `betas`."""

    learning_rate: float
    momentum: float = 0.0
    betas: tuple[float, float] | None = None
    weight_decay: float = 0.0
    eps: float = 1e-8

    def ours(self) -> Any:
        """That of `compiler.optim`."""
        if self.betas is None:
            return compiler.optim.sgd(self.learning_rate, momentum=self.momentum)
        return compiler.optim.adamw(self.learning_rate, self.betas, self.eps, self.weight_decay)

    def torch(self, params: list[Any]) -> Any:
        """That of PyTorch, with one kernel for all parameters."""
        import torch

        if self.betas is None:
            return torch.optim.SGD(params, self.learning_rate, momentum=self.momentum, fused=True)
        settings = {"betas": self.betas, "eps": self.eps, "weight_decay": self.weight_decay}
        return torch.optim.AdamW(params, self.learning_rate, fused=True, **settings)

    def jax_init(self, params: Any) -> Any:
        """The first state: two moments, of which SGD uses one, and the number of steps."""
        zeros = optree.tree_map(np.zeros_like, params)
        return zeros, zeros if self.betas else (), np.float32(0)

    def jax_update(self, params: Any, gradients: Any, state: Any) -> Any:
        """New parameters and state."""
        import jax

        first, second, step = state
        step = step + 1
        if self.betas is None:
            first = jax.tree.map(lambda v, g: self.momentum * v + g, first, gradients)
            return jax.tree.map(lambda p, v: p - self.learning_rate * v, params, first), (first, second, step)
        b1, b2 = self.betas
        first = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, first, gradients)
        second = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, second, gradients)

        def move(p: Any, m: Any, v: Any) -> Any:
            adapted = (m / (1 - b1**step)) / (jax.numpy.sqrt(v / (1 - b2**step)) + self.eps)
            return p - self.learning_rate * (adapted + self.weight_decay * p)

        return jax.tree.map(move, params, first, second), (first, second, step)


def dlc_step(loss: Loss, optimizer: Optimizer) -> Callable[..., Any]:
    """`step(params, state, *batch)`, as one writes it for dlc: the loss, new parameters and new state."""
    ours, tools = optimizer.ours(), toolkits.dlc_toolkit()

    def step(params: Any, state: Any, *batch: Any) -> Any:
        value, gradients = compiler.value_and_grad(lambda params: loss(tools, params, *batch))(params)
        return value, *ours.update(gradients, state, params)

    return step


def dlc_training(loss: Loss, optimizer: Optimizer) -> Program:
    """One compiled step, which may reuse the memory of the old parameters and state."""

    def make(params: Any, *batch: Any) -> Call:
        compiled = compiler.jit(dlc_step(loss, optimizer), donate_argnums=(0, 1))
        held = [optree.tree_map(np.copy, params), optimizer.ours().init(params)]

        def call() -> Any:
            value, *held[:] = compiled(*held, *batch)
            return value, held[0]

        return call

    return make


def jax_training(loss: Loss, optimizer: Optimizer) -> Program:
    """The same."""

    def make(params: Any, *batch: Any) -> Call:
        import jax

        tools = toolkits.jax_toolkit()

        def step(params: Any, state: Any, *batch: Any) -> Any:
            value, gradients = jax.value_and_grad(lambda params: loss(tools, params, *batch))(params)
            return value, *optimizer.jax_update(params, gradients, state)

        compiled = jax.jit(step, donate_argnums=(0, 1))
        state = optimizer.jax_init(params)
        held = optree.tree_map(partial(jax.numpy.array, copy=True), [params, state])
        inputs = jax.device_put(batch)

        def call() -> Any:
            value, *held[:] = jax.block_until_ready(compiled(*held, *inputs))
            return value, held[0]

        return call

    return make


def torch_training(loss: Loss, optimizer: Optimizer, *, is_compiled: bool) -> Program:
    """The loss, eager or by `torch.compile`, then PyTorch's optimiser in place."""

    def make(params: Any, *batch: Any) -> Call:
        import torch

        tools = toolkits.torch_toolkit()
        held = torch_arrays(optree.tree_map(np.copy, params))
        leaves = optree.tree_leaves(held)
        for leaf in leaves:
            leaf.requires_grad_(True)
        function = lambda params, *batch: loss(tools, params, *batch)  # noqa: E731 - compiled as a closure
        function = torch.compile(function) if is_compiled else function
        theirs = optimizer.torch(leaves)
        inputs = torch_arrays(batch)

        def call() -> Any:
            theirs.zero_grad(set_to_none=True)
            value = function(held, *inputs)
            value.backward()
            theirs.step()
            return value, held

        return call

    return make


def training_programs(loss: Loss, optimizer: Optimizer) -> dict[str, Program]:
    """One step of training: the loss before it, and the parameters after it."""
    return {
        "dlc": dlc_training(loss, optimizer),
        "JAX": jax_training(loss, optimizer),
        "torch": torch_training(loss, optimizer, is_compiled=False),
        "torch.compile": torch_training(loss, optimizer, is_compiled=True),
    }


def torch_gradient(loss: Loss, count: int, *, is_compiled: bool) -> Program:
    """Value and gradients of the first `count` arguments."""

    def make(*arguments: Any) -> Call:
        import torch

        tools = toolkits.torch_toolkit()
        held = torch_arrays(arguments)
        held = (*optree.tree_map(torch.Tensor.detach, held[:count]), *held[count:])
        leaves, spec = optree.tree_flatten(held[:count])
        for leaf in leaves:
            leaf.requires_grad_(True)
        function = lambda *arrays: loss(tools, *arrays)  # noqa: E731 - compiled as a closure
        function = torch.compile(function) if is_compiled else function

        def call() -> Any:
            value = function(*held)
            return value, optree.tree_unflatten(spec, torch.autograd.grad(value, leaves))

        return call

    return make


def gradient_programs(loss: Loss, count: int) -> dict[str, Program]:
    """The value of `loss(toolkit, *arguments)` and its gradients by the first `count` arguments."""
    by = tuple(range(count))

    def ours(*arguments: Any) -> Any:
        return compiler.value_and_grad(partial(loss, toolkits.dlc_toolkit()), argnums=by)(*arguments)

    def theirs(tools: Any, *arguments: Any) -> Any:
        import jax

        return jax.value_and_grad(partial(loss, tools), argnums=by)(*arguments)

    return {
        "dlc": dlc_program(ours),
        "JAX": jax_program(theirs),
        "torch": torch_gradient(loss, count, is_compiled=False),
        "torch.compile": torch_gradient(loss, count, is_compiled=True),
    }


def loss_reference(loss: Loss) -> Program:
    """Only the value, by NumPy: the reference of the first result where nobody wrote the derivatives by hand."""
    return numpy_program(lambda *arguments: (loss(toolkits.numpy_toolkit(), *arguments),))
