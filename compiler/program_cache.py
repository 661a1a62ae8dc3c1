"""Programs compiled in this process, by the structure of what was traced.

`compiler.grad(f)(x)` in a loop makes a new function each time, and tracing it gives the same program: it is compiled once.
The least recently used programs are forgotten; functions made by `jit` keep theirs themselves. `stored_programs` keeps
machine code for other processes under the same keys.
"""

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from xdsl.dialects.builtin import ModuleOp

from compiler.options import CompileOptions
from compiler.pipelines import Target, processor_count
from dialects.structural_key import operation_key

CAPACITY = 64

_lock = threading.Lock()
_programs: OrderedDict[bytes, Any] = OrderedDict()


def program_key(module: ModuleOp, target: Target, options: CompileOptions) -> bytes:
    """A key for what is traced and chosen, the same in all processes: the structure of `module`, the target, the options."""
    # The library that DLC_BLAS names is part of the machine code's surroundings, not of the options.
    choices = repr((target, options, os.environ.get("DLC_BLAS"), processor_count()))
    return hashlib.sha256(operation_key(module) + choices.encode()).digest()


def compiled_program(key: bytes, make: Callable[[], Any]) -> Any:
    """What `make` gives for the program with this key, or gave before."""
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
