"""Derivatives at a place that stays, as functions of their own that are applied any number of times, anywhere."""

from collections.abc import Sequence
from typing import Protocol, cast

from xdsl.dialects.builtin import ArrayAttr, StringAttr, SymbolRefAttr
from xdsl.ir import Attribute, SSAValue

from compiler.errors import UnsupportedError
from compiler.frames import Program
from compiler.tracing import current_frame
from compiler.transformed import expanded
from dialects.builder import OpBuilder
from dialects.dlc import transforms
from dialects.dlc.carries import or_zeros
from dialects.dlc.higher_order import Flags, FunctionalOp, HigherOrderOp

Values = Sequence[SSAValue]


class PushForward(Protocol):
    """The derivative of a function along tangents that come later."""

    def primal(self, operands: Values, count: int) -> tuple[Values, list[SSAValue]]:
        """Append the function itself; return its `count` results, and what `push_forward` needs."""
        ...

    def push_forward(self, residuals: Values, tangents: Values) -> Values:
        """Append the derivative along `tangents`, one per argument that moves; one result per wanted output."""
        ...


def forward_program(program: Program, symbol: str, moving: Flags, wanted: Flags) -> PushForward:
    """The derivative of the function `symbol` for tangents; arguments as for `LinearProgram`.

    Where the tangents need what is not kept (a checkpoint, a loop of unknown length), the function is computed again.
    """
    try:
        split = LinearProgram(program, symbol, moving, wanted)
    except UnsupportedError:
        return _WholeProgram(program, symbol, moving, wanted)
    return split if split.can_push_forward else _WholeProgram(program, symbol, moving, wanted)


class _Derived:
    """Functions derived from the function `symbol` of `program`, which are copied to where they are called.

    `moving` are the arguments that have tangents, `wanted` the outputs, in front, whose tangents are wanted.
    """

    def __init__(self, program: Program, symbol: str, moving: Flags, wanted: Flags):
        self.home = program
        self.symbol = symbol
        self.graph, self.derive = expanded(program, symbol)
        self.moving, self.wanted = moving, wanted
        self._copies: dict[tuple[int, str], tuple[Program, str]] = {}

    def call(self, symbol: str, operands: Values) -> Values:
        """Append a call to the function being traced."""
        b = current_frame().builder
        return transforms.call(b, self.here(symbol), operands, self.derive.output_types(symbol))

    def here(self, symbol: str) -> str:
        """The name of a function in the program being traced, copied there with all that it names."""
        program = current_frame().program
        if program is self.home:
            return symbol
        key = (id(program), symbol)
        if key not in self._copies:
            functions = {f.sym_name.data: f for f in self.graph.callees_first([self.graph.functions[symbol]])}
            names = {name: program.unique_symbol(name) for name in functions}
            for name, function in functions.items():
                copy = function.clone()
                copy.properties["sym_name"] = StringAttr(names[name])
                for op in copy.body.block.ops:
                    op.properties.update({role: _renamed(value, names) for role, value in op.properties.items()})
                program.add_function(copy)
            self._copies[key] = (program, names[symbol])  # the program stays alive, and so its id is its own
        return self._copies[key][1]


def _renamed(attribute: Attribute, names: dict[str, str]) -> Attribute:
    """A property with the symbols in it renamed."""
    if isinstance(attribute, SymbolRefAttr):
        return SymbolRefAttr(names[attribute.string_value()])
    if isinstance(attribute, ArrayAttr):
        return ArrayAttr([_renamed(each, names) for each in cast(ArrayAttr[Attribute], attribute)])
    return attribute


class LinearProgram(_Derived):
    """The function split into what needs no tangents and what is linear in them.

    Raises:
        UnsupportedError: the function has no reverse derivative.
    """

    def __init__(self, program: Program, symbol: str, moving: Flags, wanted: Flags):
        super().__init__(program, symbol, moving, wanted)
        self._parts = self.derive.linearize(symbol, moving, wanted)
        self._transposed: str | None = None

    def primal(self, operands: Values, count: int) -> tuple[Values, list[SSAValue]]:
        """Append the function itself; return its `count` results, and what the linear part needs."""
        results = self.call(self._parts.primal, operands)
        computed = iter(results[count:])
        return results[:count], [next(computed) if r is None else operands[r] for r in self._parts.residuals]

    @property
    def can_push_forward(self) -> bool:
        """Whether the linear part has operations only, and no maps that are there to be transposed."""
        linear = self.graph.callees_first([self.graph.functions[self._parts.linear]])
        return not any(
            isinstance(op, FunctionalOp) and not isinstance(op, HigherOrderOp)
            for function in linear
            for op in function.body.block.ops
        )

    def push_forward(self, residuals: Values, tangents: Values) -> Values:
        """Append the linear part."""
        return self.call(self._parts.linear, [*residuals, *tangents])

    def pull_back(self, residuals: Values, cotangents: Values) -> Values:
        """Append the transposed linear part at `cotangents`, one per wanted output; one result per argument that moves."""
        if self._transposed is None:
            linear = self._parts.linear
            function_type = self.graph.functions[linear].function_type
            count, inputs = len(residuals), function_type.inputs.data

            def body(b: OpBuilder, arguments: tuple[SSAValue, ...]) -> list[SSAValue]:
                given = (*arguments[:count], *(None for _ in inputs[count:]))
                parts = self.derive.transpose(b, linear, given, arguments[count:])
                return [or_zeros(b, part, t) for part, t in zip(parts[count:], inputs[count:], strict=True)]

            types = [*inputs[:count], *function_type.outputs.data]
            self._transposed = self.derive.build(f"{linear}_transpose", linear, types, body)
        return self.call(self._transposed, [*residuals, *cotangents])

    @property
    def depends_on_primals(self) -> bool:
        """Whether the derivative is not the same everywhere."""
        residuals = self._parts.residuals
        varies = self.derive.outputs_batched(self._parts.primal, self.moving)
        computed = varies[len(varies) - residuals.count(None) :]
        return any(computed) or any(r is not None and self.moving[r] for r in residuals)


class _WholeProgram(_Derived):
    """The function as it is, computed again together with its tangents."""

    def primal(self, operands: Values, count: int) -> tuple[Values, list[SSAValue]]:
        """Append the function itself; return its `count` results, and the operands."""
        return self.call(self.symbol, operands)[:count], list(operands)

    def push_forward(self, residuals: Values, tangents: Values) -> Values:
        """Append the function with its tangents."""
        wrt = [i for i, moves in enumerate(self.moving) if moves]
        types = self.derive.output_types(self.symbol)
        b = current_frame().builder
        results = transforms.jvp(b, self.here(self.symbol), residuals, tangents, wrt, types)
        return results[len(types) : len(types) + sum(self.wanted)]
