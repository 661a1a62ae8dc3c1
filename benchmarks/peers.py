"""How each library makes a program into something to time: a call without arguments that computes all results.

Arguments are trees of NumPy arrays. Peers hold them as their own arrays, which are made before the clock runs; dlc and NumPy take
NumPy's.
"""

import importlib.util
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import optree
import toolkits

import compiler

Call = Callable[[], Any]
Program = Callable[..., Call]
"""`program(*arguments)` makes the call."""

MODULES = {
    "NumPy": ("numpy",),
    "dlc": ("compiler",),
    "JAX": ("jax",),
    "torch": ("torch",),
    "torch.compile": ("torch",),
    "Numba": ("numba",),
    "ONNX Runtime": ("onnxruntime", "onnx"),
}


def missing_peers() -> list[str]:
    """The peers that are not installed."""
    return [peer for peer, needs in MODULES.items() if not all(importlib.util.find_spec(need) for need in needs)]


def as_numpy(results: Any) -> Any:
    """Copies of the results, as a later call may change what it returned."""
    return optree.tree_map(lambda x: np.array(x.detach().numpy() if hasattr(x, "detach") else x), results)


def is_double(arguments: Any) -> bool:
    """Whether anything needs 64 bits of precision."""
    doubles = map(np.dtype, (np.float64, np.complex128))  # a type and its dtype are equal, but have different hashes
    return not {np.asarray(x).dtype for x in optree.tree_leaves(arguments)}.isdisjoint(doubles)


def numpy_program(f: Callable[..., Any]) -> Program:
    """NumPy as it is."""
    return lambda *arguments: lambda: f(*arguments)


def dlc_program(f: Callable[..., Any]) -> Program:
    """`compiler.jit`."""

    def make(*arguments: Any) -> Call:
        compiled = compiler.jit(f)
        return lambda: compiled(*arguments)

    return make


def jax_program(f: Callable[..., Any]) -> Program:
    """`jax.jit(f(jax.toolkit))` of arrays on the device."""

    def make(*arguments: Any) -> Call:
        import jax

        jax.config.update("jax_enable_x64", is_double(arguments))
        compiled = jax.jit(partial(f, toolkits.jax_toolkit()))
        held = jax.device_put(arguments)
        return lambda: jax.block_until_ready(compiled(*held))

    return make


def torch_arrays(tree: Any) -> Any:
    """Tensors that share the memory; images and the weights of convolutions with their channels last, which is faster."""
    import torch

    def convert(x: Any) -> Any:
        tensor = torch.from_numpy(x) if isinstance(x, np.ndarray) else x
        is_image = isinstance(x, np.ndarray) and x.ndim == 4
        return tensor.contiguous(memory_format=torch.channels_last) if is_image else tensor

    return optree.tree_map(convert, tree)


def torch_program(f: Callable[..., Any], *, is_compiled: bool) -> Program:
    """PyTorch without gradients, eager or by `torch.compile`."""

    def make(*arguments: Any) -> Call:
        import torch

        tools = toolkits.torch_toolkit()
        function = lambda *arrays: f(tools, *arrays)  # noqa: E731 - compiled as a closure
        function = torch.compile(function) if is_compiled else function
        held = torch_arrays(arguments)

        def call() -> Any:
            with torch.no_grad():
                return function(*held)

        return call

    return make


def frozen_torch_program(f: Callable[..., Any]) -> Program:
    """`torch.compile` of a network whose weights, the first argument, are constants."""

    def make(weights: Any, *arguments: Any) -> Call:
        import torch
        import torch._inductor.config

        torch._inductor.config.freezing = True
        leaves, spec = optree.tree_flatten(torch_arrays(weights))
        tools = toolkits.torch_toolkit()
        keys = range(len(leaves))
        places = optree.tree_unflatten(spec, keys)

        class Network(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.leaves = torch.nn.ParameterList(leaves).requires_grad_(False)

            def forward(self, *arrays: Any) -> Any:
                return f(tools, picked(places, self.leaves), *arrays)

        network = torch.compile(Network().eval())
        held = torch_arrays(arguments)

        def call() -> Any:
            with torch.no_grad():
                return network(*held)

        return call

    return make


def picked(places: Any, leaves: Any) -> Any:
    """A tree of leaves for one of their positions, in plain Python, which `torch.compile` reads."""
    if isinstance(places, dict):
        return {key: picked(place, leaves) for key, place in places.items()}
    if isinstance(places, list | tuple):
        return [picked(place, leaves) for place in places]
    return leaves[places]


def numba_program(make_function: Callable[[Any], Any]) -> Program:
    """Loops by Numba: `make_function(numba)` compiles them."""

    def make(*arguments: Any) -> Call:
        import numba

        function = make_function(numba)
        return lambda: function(*arguments)

    return make


def onnx_program(f: Callable[..., Any]) -> Program:
    """ONNX Runtime of the graph of a network whose weights, the first argument, are constants."""

    def make(weights: Any, *arguments: Any) -> Call:
        import onnx_layers
        import onnxruntime

        graph = onnx_layers.OnnxLayers()
        tools = toolkits.Toolkit(None, None, graph, toolkits.python_fori_loop, toolkits.python_scan)
        inputs = [graph.input(x) for x in arguments]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "0"))
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(graph.model(f(tools, weights, *inputs)), options)
        held = {value.name: x for value, x in zip(inputs, arguments, strict=True)}
        return lambda: session.run(None, held)[0]

    return make


def array_programs(f: Callable[..., Any]) -> dict[str, Program]:
    """A function `f(toolkit, *arguments)` for the libraries of arrays."""
    return {
        "NumPy": numpy_program(lambda *arguments: f(toolkits.numpy_toolkit(), *arguments)),
        "dlc": dlc_program(lambda *arguments: f(toolkits.dlc_toolkit(), *arguments)),
        "JAX": jax_program(f),
        "torch": torch_program(f, is_compiled=False),
        "torch.compile": torch_program(f, is_compiled=True),
    }


def inference_programs(f: Callable[..., Any]) -> dict[str, Program]:
    """A network `f(toolkit, weights, *arguments)`."""
    return array_programs(f) | {"torch.compile": frozen_torch_program(f), "ONNX Runtime": onnx_program(f)}
