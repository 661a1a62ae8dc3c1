"""Programs compiled in this process, by the structure of what was traced.

`compiler.grad(f)(x)` in a loop makes a new function each time, and tracing it gives the same program: it is compiled once.
The least recently used programs are forgotten; functions made by `jit` keep theirs themselves.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

from xdsl.dialects.builtin import ModuleOp

from compiler.options import CompileOptions
from compiler.pipelines import Target
from dialects.structural_key import operation_key

CAPACITY = 64

_lock = threading.Lock()
_programs: OrderedDict[Hashable, Any] = OrderedDict()


def compiled_program(module: ModuleOp, target: Target, options: CompileOptions, make: Callable[[], Any]) -> Any:
    """What `make` gives for `module`, or gave for a module of equal structure with the same target and options."""
    # The library that DLC_BLAS names is part of the machine code's surroundings, not of the options.
    key = (operation_key(module), target, options, os.environ.get("DLC_BLAS"))
    with _lock:
        program = _programs.get(key)
        if program is not None:
            _programs.move_to_end(key)
            return program
    program = make()
    with _lock:
        _programs[key] = program
        while len(_programs) > CAPACITY:
            _programs.popitem(last=False)
    return program
