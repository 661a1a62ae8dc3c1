"""The text of a module and of a function while it grows: names of values, labels, phis, declarations."""

from collections.abc import Iterable
from typing import cast

from xdsl.dialects import llvm
from xdsl.ir import Attribute, Block, Operation, SSAValue

from runtime.llvm_values import type_text


class ModuleText:
    """The lines of a module, the intrinsics that it calls and its metadata."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.types: dict[int, str] = {}
        self._declarations: dict[str, str] = {}
        self._metadata: dict[str, str] = {}

    def declare(self, name: str, result: str, arguments: Iterable[str]) -> None:
        """Declare an intrinsic once."""
        if name not in self._declarations:
            self._declarations[name] = f"declare {result} @{name}({', '.join(arguments)})"

    def node(self, content: str) -> str:
        """The number of the metadata node `content`."""
        return self._metadata.setdefault(content, f"!{len(self._metadata)}")

    def finish(self) -> str:
        """All the text."""
        nodes = (f"{number} = {content}" for content, number in self._metadata.items())
        return "\n".join((*self.lines, *self._declarations.values(), *nodes, ""))


class FunctionText:
    """Names the values of one function and appends its instructions."""

    __slots__ = ("_count", "_phis", "_types", "labels", "lines", "module", "names")

    def __init__(self, module: ModuleText):
        self.module = module
        self.lines = module.lines
        self._types = module.types
        self.names: dict[SSAValue, str] = {}
        self.labels: dict[Block, str] = {}
        self._count = 0
        self._phis: list[tuple[int, str, Block, int]] = []

    def name(self, value: SSAValue) -> str:
        """Give `value` the next number."""
        name = f"%{self._count}"
        self._count += 1
        self.names[value] = name
        return name

    def type(self, value_type: Attribute) -> str:
        """An LLVM type; types are looked up by identity, which is safe while the module that holds them lives."""
        text = self._types.get(id(value_type))
        if text is None:
            text = self._types[id(value_type)] = type_text(value_type)
        return text

    def typed(self, value: SSAValue) -> str:
        """`value` with its type in front."""
        return f"{self.type(value.type)} {self.names[value]}"

    def open_block(self, block: Block, *, is_entry: bool) -> None:
        """Append the label of `block` and room for its phis."""
        self.lines.append(f"{self.labels[block]}:")
        if not is_entry:
            for index, argument in enumerate(block.args):
                head = f"{self.name(argument)} = phi {self.type(argument.type)}"
                self._phis.append((len(self.lines), head, block, index))
                self.lines.append("")

    def fill_phis(self) -> None:
        """Write the phis, now that all values have names."""
        if not self._phis:
            return
        incoming: dict[Block, list[tuple[Block, list[SSAValue]]]] = {}
        for block in self.labels:
            last = cast(Operation, block.last_op)
            for target, values in _successor_operands(last):
                incoming.setdefault(target, []).append((block, values))
        for line, head, block, index in self._phis:
            edges = ", ".join(
                f"[ {self.names[values[index]]}, %{self.labels[source]} ]" for source, values in incoming.get(block, [])
            )
            self.lines[line] = f"  {head} {edges}"


def _successor_operands(op: Operation) -> list[tuple[Block, list[SSAValue]]]:
    """Each block that the terminator `op` jumps to, with the values of its arguments."""
    if isinstance(op, llvm.BrOp):
        return [(op.successor, list(op.arguments))]
    if isinstance(op, llvm.CondBrOp):
        return [(op.then_block, list(op.then_arguments)), (op.else_block, list(op.else_arguments))]
    return []
