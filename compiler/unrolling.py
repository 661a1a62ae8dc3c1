"""Remarks on Python loops that tracing has unrolled into long programs."""

from collections import Counter

from xdsl.dialects.builtin import FileLineColLoc, ModuleOp
from xdsl.dialects.func import FuncOp

from dialects.remarks import emit_remark

MANY_OPERATIONS = 400
"""So many operations from one line of a function come from a loop, not from what one line says."""


def emit_unroll_remarks(module: ModuleOp) -> None:
    """For each function of a traced program, a remark on the line that most of its operations come from, if many do."""
    for function in module.body.block.ops:
        if not isinstance(function, FuncOp) or not function.body.blocks:
            continue
        counts = Counter(op.location for op in function.body.block.ops if isinstance(op.location, FileLineColLoc))
        for location, count in counts.most_common(1):
            if count >= MANY_OPERATIONS:
                emit_remark(
                    "missed",
                    "trace",
                    f"this line became {count} operations, as a Python loop is unrolled; compiler.fori_loop, "
                    "compiler.scan or compiler.vmap compile its body once",
                    location,
                )
