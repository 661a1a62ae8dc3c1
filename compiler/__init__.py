"""dlc: compile NumPy-style functions to fused, differentiated machine code.

`jit` compiles; `grad`, `jvp`, `vjp`, `jacrev`, `vmap` and others transform; `fori_loop`, `scan`, `cond` and others are loops
and choices on traced values; `nn` and `optim` have layers and optimisers; `save` and `load` keep trees of arrays in files.
`Tensor` is an immutable array whose operations are compiled; `numpy` has the Python array API standard.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from compiler.collector import paused_collector as _paused_collector

if TYPE_CHECKING:
    from compiler import nn as nn
    from compiler import numpy as numpy
    from compiler import optim as optim
    from compiler import random as random
    from compiler import special as special
    from compiler.batching import vmap as vmap
    from compiler.branches import cond as cond
    from compiler.branches import switch as switch
    from compiler.checkpoints import checkpoint as checkpoint
    from compiler.custom_derivatives import custom_jvp as custom_jvp
    from compiler.custom_derivatives import custom_vjp as custom_vjp
    from compiler.errors import ArgumentError as ArgumentError
    from compiler.errors import CompilerError as CompilerError
    from compiler.errors import CopyError as CopyError
    from compiler.errors import DtypeError as DtypeError
    from compiler.errors import FormatError as FormatError
    from compiler.errors import InternalError as InternalError
    from compiler.errors import MissingLibraryError as MissingLibraryError
    from compiler.errors import ShapeError as ShapeError
    from compiler.errors import TracingError as TracingError
    from compiler.errors import UnsupportedError as UnsupportedError
    from compiler.gradients import grad as grad
    from compiler.gradients import stop_gradient as stop_gradient
    from compiler.gradients import value_and_grad as value_and_grad
    from compiler.jacobians import hessian as hessian
    from compiler.jacobians import jacfwd as jacfwd
    from compiler.jacobians import jacrev as jacrev
    from compiler.jit_function import jit as jit
    from compiler.linearization import jvp as jvp
    from compiler.linearization import linear_transpose as linear_transpose
    from compiler.linearization import linearize as linearize
    from compiler.linearization import vjp as vjp
    from compiler.loops import fori_loop as fori_loop
    from compiler.loops import map as map  # noqa: A004
    from compiler.loops import scan as scan
    from compiler.loops import while_loop as while_loop
    from compiler.memory import release_memory as release_memory
    from compiler.options import CompileOptions as CompileOptions
    from compiler.prefix_scan import associative_scan as associative_scan
    from compiler.saving import load as load
    from compiler.saving import save as save
    from compiler.slicing import dynamic_slice as dynamic_slice
    from compiler.slicing import dynamic_update_slice as dynamic_update_slice
    from compiler.tensor import Tensor as Tensor
    from runtime.threads.setting import get_num_threads as get_num_threads
    from runtime.threads.setting import num_threads as num_threads
    from runtime.threads.setting import set_num_threads as set_num_threads

# Where each public name lives; imported on first use, so that `import compiler` costs next to nothing.
_HOMES = {
    "jit": "compiler.jit_function",
    "grad": "compiler.gradients",
    "value_and_grad": "compiler.gradients",
    "stop_gradient": "compiler.gradients",
    "jvp": "compiler.linearization",
    "vjp": "compiler.linearization",
    "linearize": "compiler.linearization",
    "linear_transpose": "compiler.linearization",
    "jacfwd": "compiler.jacobians",
    "jacrev": "compiler.jacobians",
    "hessian": "compiler.jacobians",
    "vmap": "compiler.batching",
    "Tensor": "compiler.tensor",
    "checkpoint": "compiler.checkpoints",
    "custom_jvp": "compiler.custom_derivatives",
    "custom_vjp": "compiler.custom_derivatives",
    "cond": "compiler.branches",
    "switch": "compiler.branches",
    "scan": "compiler.loops",
    "fori_loop": "compiler.loops",
    "while_loop": "compiler.loops",
    "map": "compiler.loops",
    "associative_scan": "compiler.prefix_scan",
    "dynamic_slice": "compiler.slicing",
    "dynamic_update_slice": "compiler.slicing",
    "save": "compiler.saving",
    "load": "compiler.saving",
    "release_memory": "compiler.memory",
    "set_num_threads": "runtime.threads.setting",
    "get_num_threads": "runtime.threads.setting",
    "num_threads": "runtime.threads.setting",
    "CompileOptions": "compiler.options",
    "CompilerError": "compiler.errors",
    "TracingError": "compiler.errors",
    "ShapeError": "compiler.errors",
    "DtypeError": "compiler.errors",
    "UnsupportedError": "compiler.errors",
    "ArgumentError": "compiler.errors",
    "CopyError": "compiler.errors",
    "FormatError": "compiler.errors",
    "MissingLibraryError": "compiler.errors",
    "InternalError": "compiler.errors",
}
_MODULES = ("linalg", "nn", "numpy", "optim", "random", "special")

__all__ = [  # noqa: PLE0604
    *_HOMES,  # pyright: ignore[reportUnsupportedDunderAll]
    *_MODULES,  # pyright: ignore[reportUnsupportedDunderAll]
]


def __getattr__(name: str) -> Any:
    is_module = name in _MODULES
    home = f"compiler.{name}" if is_module else _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'compiler' has no attribute {name!r}")
    with _paused_collector():  # a sixth of the time
        import_module("dialects")  # before xDSL, which it makes lazy
        module = import_module(home)
    value = globals()[name] = module if is_module else getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
