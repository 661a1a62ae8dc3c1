"""Modules as text, at IR stages and at those that LLVM prints."""

from collections.abc import Sequence
from functools import partial
from io import StringIO
from typing import Any, cast

from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, ModuleOp
from xdsl.ir import Attribute, Operation
from xdsl.printer import Printer

from compiler.options import CompileOptions
from compiler.pipelines import Observer, Target, observe_functions, observed_phase


class _ElidingPrinter(Printer):
    """Prints `dense_resource<__elided__>` for dense constants of more than `elide_above` elements."""

    def __init__(self, stream: StringIO, elide_above: int, *, generic: bool, debug_info: bool):
        super().__init__(stream, print_generic_format=generic, print_debuginfo=debug_info)
        self._elide_above = elide_above

    def print_attribute(self, attribute: Attribute) -> None:
        """Print an attribute."""
        if _size_of_list(attribute) > self._elide_above:
            self.print_string("dense_resource<__elided__> : ")
            self.print_attribute(cast(Any, attribute).type)
        else:
            super().print_attribute(attribute)


def _size_of_list(attribute: Attribute) -> int:
    """How many numbers a dense constant lists; a splat lists one, and other attributes none."""
    if not isinstance(attribute, DenseIntOrFPElementsAttr):
        return 0
    dense = cast(DenseIntOrFPElementsAttr[Any], attribute)
    return 1 if len(dense) < 2 or dense.is_splat() else len(dense)


def to_text(
    module: Operation, *, debug_info: bool = False, generic: bool = False, elide_above: int | None = None
) -> str:
    """The text of a module, as `dlc-opt` prints it.

    Args:
        module: a module, or an operation of one, at any IR stage.
        debug_info: whether to print the location of every operation.
        generic: whether to print every operation in MLIR's generic form.
        elide_above: leave out dense constants of more elements than this; the text cannot be read back then.
    """
    stream = StringIO()
    if elide_above is None:
        printer = Printer(stream, print_generic_format=generic, print_debuginfo=debug_info)
    else:
        printer = _ElidingPrinter(stream, elide_above, generic=generic, debug_info=debug_info)
    printer.print_op(module)
    return stream.getvalue() + "\n"


def machine_text(
    module: ModuleOp, stage: str, target: Target, options: CompileOptions, observers: Sequence[Observer] = ()
) -> str:
    """A text stage (`llvm-opt`, `asm`, `ptx`) of a module at the stage `llvm`; with `cuda`, of its kernels."""
    phase = partial(observed_phase, observers)
    if target == "cuda":
        from compiler.cuda import device_text

        with phase("LLVM"):
            return device_text(module, stage, options)
    from runtime import native
    from runtime.llvm_text import emit_llvm

    with phase("LLVM"):
        with phase("text"):
            text = emit_llvm(module)
        result = (native.emit_llvm_ir if stage == "llvm-opt" else native.emit_assembly)(text, phase=phase)
    if stage == "asm":
        observe_functions(observers, text)
    return result
