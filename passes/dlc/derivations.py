"""Functions derived from functions, for the operations that name them: the drivers' side of `Derivations`."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import cast

from xdsl.dialects.builtin import FunctionType
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, BlockArgument, Operation, Region, SSAValue

from dialects.builder import OpBuilder
from dialects.dlc.broadcast import broadcast_to_front
from dialects.dlc.constants import zeros
from dialects.dlc.higher_order import BuildBody, Derivations, Flags, Linearization, Optionals, chosen
from dialects.dlc.interfaces import AnyTensor, TensorOp, tensor_type_of
from passes.dlc.batching import batched_values, build_batched
from passes.dlc.call_graph import CallGraph
from passes.dlc.rebuild import Values, body_of, copy_arguments, copy_op, return_of
from passes.dlc.tangents import LinearizingBuilder, accumulate, build_tangents, moving_values


class GraphDerivations(Derivations):
    """Derives functions of a module, which `graph` holds, and adds them to it.

    The functions that are asked about hold no calls and no transforms.
    """

    def __init__(self, graph: CallGraph):
        self._graph = graph
        self._built: dict[Hashable, str] = {}
        self._in_progress: set[Hashable] = set()

    def _body(self, symbol: str) -> Block:
        return body_of(self._graph.functions[symbol])

    def _add(self, name: str, near: str, block: Block) -> str:
        origin = self._graph.functions[near]
        function_type = FunctionType.from_lists(list(block.arg_types), list(return_of(block).operand_types))
        function = FuncOp(name, function_type, Region(block), visibility="private")
        function.location = origin.location
        self._graph.add_derived(function, origin)
        return name

    def build(self, stem: str, near: str, types: Iterable[Attribute], body: BuildBody, key: Hashable = None) -> str:
        """Add a private function with arguments of `types` after the function `near`; return its name."""
        if key in self._built:
            return self._built[key]
        name = self._graph.unused_name(stem)
        if key is not None:
            self._built[key] = name
        block = Block(arg_types=list(types))
        b = OpBuilder(block, return_of(self._body(near)).location)
        b.create_op(ReturnOp, body(b, tuple(block.args)))
        return self._add(name, near, block)

    def output_types(self, symbol: str) -> list[AnyTensor]:
        """The types of the outputs of a function."""
        return [tensor_type_of(output) for output in return_of(self._body(symbol)).operands]

    def inline(self, b: OpBuilder, symbol: str, arguments: Sequence[SSAValue]) -> list[SSAValue]:
        """Append the body of a function."""
        source = self._body(symbol)
        values = _bound(source, arguments)
        last = return_of(source)
        for op in source.ops:
            if op is not last:
                copy_op(b, op, values)
        return [values[output] for output in last.operands]

    def outputs_moving(self, symbol: str, moving: Flags) -> Flags:
        """Which outputs may have a tangent if the arguments `moving` have one."""
        source = self._body(symbol)
        reached = moving_values(source, chosen(source.args, moving), self)
        return tuple(output in reached for output in return_of(source).operands)

    def outputs_batched(self, symbol: str, batched: Flags) -> Flags:
        """Which outputs differ from example to example if the arguments `batched` do."""
        source = self._body(symbol)
        outputs = return_of(source).operands
        key = (symbol, batched)
        if key in self._in_progress:  # a rule that contains its own operation: what follows from the rest
            return (False,) * len(outputs)
        self._in_progress.add(key)
        reached = batched_values(source, set(chosen(source.args, batched)), self)
        self._in_progress.discard(key)
        return tuple(output in reached for output in outputs)

    def jvp(
        self, b: OpBuilder, symbol: str, arguments: Sequence[SSAValue], tangents: Optionals, wanted: Flags
    ) -> tuple[list[SSAValue], list[SSAValue | None]]:
        """Append the body of a function and its tangents; outputs in `wanted` get a tangent even if it is zero."""
        source = self._body(symbol)
        outputs = return_of(source).operands
        values = _bound(source, arguments)
        moves: Values = {
            argument: tangent for argument, tangent in zip(source.args, tangents, strict=True) if tangent is not None
        }
        build_tangents(b, source, values, moves, self, chosen(outputs, wanted))
        d_outputs = [
            (moves.get(output) or zeros(b, tensor_type_of(output))) if flag else None
            for output, flag in zip(outputs, wanted, strict=True)
        ]
        return [values[output] for output in outputs], d_outputs

    def linearize(self, symbol: str, moving: Flags, wanted: Flags, at_hand: Flags = ()) -> Linearization:
        """Split a function; outputs in `wanted` get a tangent even if it is zero, the others none."""
        source = self._body(symbol)
        outputs = return_of(source).operands
        block = copy_arguments(source)
        b = LinearizingBuilder(block, [argument.type for argument in chosen(source.args, moving)])
        values: Values = dict(zip(source.args, block.args, strict=True))
        tangents: Values = dict(zip(chosen(source.args, moving), b.linear_block.args, strict=True))
        build_tangents(b, source, values, tangents, self, chosen(outputs, wanted))
        residuals = _residuals(b, set(chosen(block.args, at_hand)) if at_hand else set())
        linear = Block(arg_types=[*(value.type for value in residuals), *b.linear_block.arg_types])
        inner = OpBuilder(linear, return_of(source).location)
        copies: Values = dict(zip((*residuals, *b.linear_block.args), linear.args, strict=True))
        for op in b.linear_block.ops:
            for operand in op.operands:
                if operand not in copies:
                    _copy_computation(inner, operand, copies)
            copy_op(inner, op, copies)
        d_outputs = [
            copies[tangents[output]] if output in tangents else zeros(inner, tensor_type_of(output))
            for output in chosen(outputs, wanted)
        ]
        inner.create_op(ReturnOp, d_outputs)
        for op in reversed(b.linear_block.ops):
            op.drop_all_references()
        computed = [value for value in residuals if isinstance(value.owner, Operation)]
        OpBuilder(block, return_of(source).location).create_op(
            ReturnOp, [*(values[output] for output in outputs), *computed]
        )
        positions: dict[SSAValue, int] = {argument: index for index, argument in enumerate(block.args)}
        return Linearization(
            self._add(self._graph.unused_name(f"{symbol}_primal"), symbol, block),
            self._add(self._graph.unused_name(f"{symbol}_tangent"), symbol, linear),
            tuple(positions.get(value) for value in residuals),
            wanted,
        )

    def arguments_needed(self, symbol: str, wanted: Flags) -> Flags:
        """Which arguments the outputs `wanted` depend on."""
        source = self._body(symbol)
        needed: set[SSAValue] = set(chosen(return_of(source).operands, wanted))
        for op in reversed(source.ops):
            if any(result in needed for result in op.results):
                needed.update(op.operands)
        return tuple(argument in needed for argument in source.args)

    def origins(self, symbol: str) -> list[tuple[int | None, int]]:
        """For each output the argument that it is, if it is one, and the first output that is the same value."""
        source = self._body(symbol)
        outputs = list(return_of(source).operands)
        return [
            (output.index if isinstance(output, BlockArgument) else None, outputs.index(output)) for output in outputs
        ]

    def with_kept(self, symbol: str, keep: Callable[[Operation], bool]) -> tuple[str, str]:
        """Two functions: one also returns the results of operations to `keep`, one takes them behind the arguments."""
        source = self._body(symbol)
        kept = [result for op in source.ops if keep(op) for result in op.results]
        last = return_of(source)
        saving = copy_arguments(source)
        values: Values = dict(zip(source.args, saving.args, strict=True))
        b = OpBuilder(saving)
        for op in source.ops:
            if op is not last:
                copy_op(b, op, values)
        b.create_op(ReturnOp, [values[value] for value in (*last.operands, *kept)])
        using = copy_arguments(source, [*source.arg_types, *(value.type for value in kept)])
        values = dict(zip((*source.args, *kept), using.args, strict=True))
        b = OpBuilder(using)
        for op in source.ops:
            if op is not last and not keep(op):
                copy_op(b, op, values)
        b.create_op(ReturnOp, [values[value] for value in last.operands])
        names = [self._graph.unused_name(f"{symbol}_{what}") for what in ("saving", "using")]
        return self._add(names[0], symbol, saving), self._add(names[1], symbol, using)

    def transpose(
        self, b: OpBuilder, symbol: str, arguments: Optionals, cotangents: Optionals
    ) -> list[SSAValue | None]:
        """Append the transpose of a function that is linear in the arguments given as `None`; their cotangents."""
        source = self._body(symbol)
        linear_arguments = [argument for argument, given in zip(source.args, arguments, strict=True) if given is None]
        forward = LinearizingBuilder(b.block, [argument.type for argument in linear_arguments], b.location)
        values: Values = dict(zip(linear_arguments, forward.linear_block.args, strict=True))
        for argument, given in zip(source.args, arguments, strict=True):
            if given is not None:
                values[argument] = given
        last = return_of(source)
        for op in source.ops:
            if op is not last:
                copy_op(forward, op, values)
        gathered: Values = {}
        for output, cotangent in zip(last.operands, cotangents, strict=True):
            value = values[output]
            if cotangent is not None and value in forward.linear:
                accumulate(b, gathered, value, cotangent)
        forward.transpose_tangents(b, gathered, self)
        return [
            gathered.get(values[argument]) if given is None else None
            for argument, given in zip(source.args, arguments, strict=True)
        ]

    def batch(
        self, b: OpBuilder, symbol: str, arguments: Sequence[SSAValue], batched: Flags, size: int, wanted: Flags
    ) -> list[SSAValue]:
        """Append a function for `size` examples; outputs in `wanted` have the leading dimension, the others not."""
        source = self._body(symbol)
        values = _bound(source, arguments)
        reached: set[SSAValue] = set(chosen(source.args, batched))
        build_batched(b, source, values, reached, size, self)
        results: list[SSAValue] = []
        for output, flag in zip(return_of(source).operands, wanted, strict=True):
            assert flag or output not in reached, f"@{symbol}: an output is batched unexpectedly"
            value = values[output]
            results.append(broadcast_to_front(b, value, size) if flag and output not in reached else value)
        return results


def _bound(source: Block, arguments: Sequence[SSAValue]) -> Values:
    """The arguments of a function and what stands for them; what has no name takes the argument's."""
    for argument, value in zip(source.args, arguments, strict=True):
        value.name_hint = value.name_hint or argument.name_hint
    return dict(zip(source.args, arguments, strict=True))


def _residuals(b: LinearizingBuilder, at_hand: set[SSAValue]) -> list[SSAValue]:
    """The values that the linear program needs from outside, to compute what follows from constants and `at_hand`."""
    residuals: dict[SSAValue, None] = {}

    def need(value: SSAValue) -> None:
        if _follows_from(value, at_hand) and value not in at_hand:
            for operand in cast(Operation, value.owner).operands:
                need(operand)
        else:
            residuals[value] = None

    for op in b.linear_block.ops:
        for operand in op.operands:
            if operand not in b.linear:
                need(operand)
    return list(residuals)


def _follows_from(value: SSAValue, at_hand: set[SSAValue]) -> bool:
    """Whether `value` is computed from constants and values `at_hand` alone."""
    owner = value.owner
    return value in at_hand or (
        isinstance(owner, TensorOp) and all(_follows_from(operand, at_hand) for operand in owner.operands)
    )


def _copy_computation(b: OpBuilder, value: SSAValue, copies: Values) -> None:
    op = cast(Operation, value.owner)
    for operand in op.operands:
        if operand not in copies:
            _copy_computation(b, operand, copies)
    copy_op(b, op, copies)
