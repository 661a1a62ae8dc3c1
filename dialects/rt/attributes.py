"""The attributes by which functions and operations of a host tell more than their types."""

from xdsl.dialects.builtin import FunctionType
from xdsl.dialects.func import FuncOp

ARRAY_TYPES = "rt.array_types"
"""The attribute of a host function that holds the types of its arrays, where they are not those of its own type.

Integers of `ui8` to `ui64` lose their sign below `dlc`, and complex numbers become pairs of floats.
"""

DONATED = "rt.donated"
"""The attribute of a host function with the positions of inputs that it may overwrite."""

GRAIN = "rt.grain"
"""The attribute of a `memref.copy` with the bytes, and of an `rt.lapack` with the calls, of one of the parts that threads share."""

MAX_THREADS = "rt.max_threads"
"""The attribute of a host function with the number of threads that may share its work; without it all of them may."""

RESULT_INPUTS = "rt.result_inputs"
"""The attribute of a host function, set by `bufferize`, with the position of the input whose memory each result takes, or -1."""


def keep_array_types(function: FuncOp, array_types: FunctionType) -> None:
    """Let `function`, if public, remember what its arrays are: the first type it had."""
    if function.sym_visibility is None or function.sym_visibility.data != "private":
        function.attributes.setdefault(ARRAY_TYPES, array_types)
