"""Expanding function transforms, innermost first: what `batch`, `differentiate` and `expand-transforms` share."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from xdsl.dialects.builtin import FunctionType, SymbolRefAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, Operation, Region
from xdsl.utils.exceptions import PassFailedException

from dialects.builder import OpBuilder
from dialects.dlc.higher_order import Derivations, FunctionalOp
from dialects.dlc.interfaces import PureOp
from dialects.dlc.transforms import CallOp
from passes.dlc.call_graph import TRANSFORMS, CallGraph
from passes.dlc.derivations import GraphDerivations
from passes.dlc.rebuild import body_of, return_of


class Expander(Protocol):
    """How one kind of transform derives a function."""

    def suffix(self, op: Operation) -> str:
        """What the derived function has behind the name of the callee; transforms that differ in kind differ here."""
        ...

    def build_body(self, op: Operation, callee: FuncOp, derive: Derivations) -> Block:
        """The body of the function that `op` stands for; `callee` has neither calls nor transforms."""
        ...


Expanders = Mapping[type[Operation], Expander]


def expand_transforms(graph: CallGraph, expanders: Expanders, roots: Iterable[FuncOp] | None = None) -> None:
    """Replace every transform with an expander, whose callee holds no other kind of transform, by a `dlc.call`.

    This goes for what `roots` reach, all functions if left out. Functions are visited callees first, so the callee of a
    transform is expanded already; its calls are inlined in place. Each derived function is built once and serves all
    transforms that agree in callee, suffix and types.
    """
    derive = GraphDerivations(graph)
    derived: dict[tuple[str, str, FunctionType], FuncOp] = {}

    def expand(op: Operation) -> None:
        expander = expanders.get(type(op))
        if expander is None:
            return
        callee = graph.callee_of(op)
        graph.inline_calls([callee])
        reached = graph.callees_first([callee])
        if any(type(inner) in TRANSFORMS for function in reached for inner in graph.calls_in(function)):
            return
        suffix = expander.suffix(op)
        function_type = FunctionType.from_lists(op.operand_types, op.result_types)
        key = (callee.sym_name.data, suffix, function_type)
        function = derived.get(key)
        if function is None:
            for each in reached:
                check_body(op, each)
            name = graph.unused_name(callee.sym_name.data + suffix)
            function = FuncOp(
                name, function_type, Region(expander.build_body(op, callee, derive)), visibility="private"
            )
            function.location = callee.location
            graph.add_derived(function, callee)
            derived[key] = function
        _replace_by_call(op, function)

    for function in graph.callees_first(list(graph.functions.values()) if roots is None else roots):
        graph.replace_transforms(function, expand)


def check_body(op: Operation, callee: FuncOp) -> None:
    """Raise unless the transform `op` can look into every operation of `callee`."""
    body = body_of(callee)
    last = return_of(body)
    for inner in body.ops:
        if not isinstance(inner, PureOp | FunctionalOp) and inner is not last:
            message = (
                f"{op.name}: @{callee.sym_name.data} holds {inner.name}, which is not an operation of the tensor "
                "dialect; transforms are expanded before anything is lowered"
            )
            inner.emit_error(message, PassFailedException(message))


def _replace_by_call(op: Operation, function: FuncOp) -> None:
    call = OpBuilder(Block(), op.location).create_op(
        CallOp, op.operands, op.result_types, {"callee": SymbolRefAttr(function.sym_name.data)}
    )
    call.detach()
    block = op.parent
    assert block is not None
    block.insert_op_before(call, op)
    for old, new in zip(op.results, call.results, strict=True):
        new.name_hint = old.name_hint
        old.replace_all_uses_with(new)
    block.erase_op(op)
