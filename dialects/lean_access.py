"""Reading IR at the speed of plain Python objects.

Passes spend a third of their time in small methods of xDSL 0.74 that are called for every operation, value and attribute: a hash
in Python that is the identity, an operand that takes six calls, a walk with a generator for every level, sizes of a type that
are listed anew each time. `lean_access` replaces them in place by others with the same results.
"""

from abc import ABCMeta
from collections.abc import Callable, Iterator
from functools import cache
from itertools import chain
from operator import attrgetter
from typing import Any

from xdsl.dialects.builtin import DenseArrayBase, MemRefType, TensorType
from xdsl.ir import Operation, core
from xdsl.irdl import attributes, operations

_ir: Any = core  # what is replaced is private
_irdl: Any = operations
_FIELDS: dict[Any, dict[str, str]] = {
    _ir.SSAValue: {"type": "_type"},
    _ir.OpResult: {"owner": "op"},
    _ir.BlockArgument: {"owner": "block"},
    _ir.Operation: {"next_op": "_next_op", "prev_op": "_prev_op"},
    _ir.Block: {"args": "_args", "first_op": "_first_op", "last_op": "_last_op"},
}
"""What is only a field by another name."""

_item: Any = tuple.__getitem__  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] - of any tuple


@cache
def lean_access() -> None:
    """Replace the methods, once; `dialects.builder` calls it, so it holds wherever IR is built."""
    for kind in (_ir.SSAValue, _ir._IRNode, _ir.Use, _irdl.IRDLOperation):
        # By identity, as there.
        kind.__hash__ = object.__hash__
        kind.__eq__ = object.__eq__
    for kind in (_ir.Attribute, _ir._IRNode, _ir.IRWithUses, _ir.IRWithName):
        _check_instances_in_c(kind)
    for kind, names in _FIELDS.items():
        for name, field in names.items():
            setattr(kind, name, property(attrgetter(field)))
    _ir.SSAValues.__getitem__ = _value_at
    _ir.BlockOps.__iter__ = _operations
    _ir.BlockOps.__len__ = _count
    _ir.Block.ops = property(_ir.BlockOps)
    _ir.Block.add_op = _append
    _ir.Operation.operands = property(_ir.OpOperands, _ir.Operation.operands.fset)
    for kind, inside in ((_ir.Operation, _itself), (_ir.Region, _within), (_ir.Block, _operations_of)):
        kind.walk = _walk_forward(kind, inside)
    _irdl.BaseAccessor.__get__ = _named
    _irdl.BaseAttrAccessor.__get__ = _named_in_segments
    _keep(DenseArrayBase, "get_values", "elements")
    for kind in (TensorType, MemRefType):
        _keep(kind, "get_shape", "sizes", lambda shaped: tuple(size.data for size in shaped.shape.data))
    for kind in _subclasses(_ir.ParametrizedAttribute):
        _keep_hash(kind)
    definition: Any = attributes.irdl_param_attr_definition
    attributes.irdl_param_attr_definition = lambda kind: _keep_hash(definition(kind))  # of later ones


# Classes


def _subclasses(kind: type) -> Iterator[type]:
    yield kind
    for inner in type.__subclasses__(kind):
        yield from _subclasses(inner)


class _PlainMeta(ABCMeta):
    """The class of classes without virtual subclasses: only real ones have instances, and C code finds that out."""

    __instancecheck__ = type.__instancecheck__
    __subclasscheck__ = type.__subclasscheck__


def _check_instances_in_c(root: type) -> None:
    for kind in _subclasses(root):
        if type(kind) is ABCMeta:
            kind.__class__ = _PlainMeta


# Attributes, which never change


def _keep(kind: Any, method: str, name: str, compute: Callable[[Any], Any] | None = None) -> None:
    """Let a method of attributes keep its result beside their parameters, under `name`."""
    original = compute or getattr(kind, method)

    def kept(self: Any) -> Any:
        found: dict[str, Any] = self.__dict__
        if name not in found:
            found[name] = original(self)
        return found[name]

    setattr(kind, method, kept)


def _keep_hash(kind: Any) -> Any:
    """Let attributes of a class that has a hash of its own keep it."""
    if "__hash__" in kind.__dict__:
        _keep(kind, "__hash__", "hash")
    return kind


# Operations


def _value_at(values: tuple[Any, ...], index: Any) -> Any:
    found = _item(values, index)
    return _ir.SSAValues(found) if type(index) is slice else found


def _named(accessor: Any, op: Any, kind: Any = None) -> Any:
    """What an operation has under the name of `accessor`: one or several operands, results, regions or successors."""
    del kind
    constructs = _constructs(op, accessor.construct)
    if type(accessor) is _irdl.BeforeVariadicSingleAccessor:
        return _item(constructs, accessor.idx)
    return accessor.index(constructs)


def _named_in_segments(accessor: Any, op: Any, kind: Any = None) -> Any:
    """The same where an attribute tells how many there are under each name."""
    del kind
    sizes = accessor.option.container(op)[accessor.option.attribute_name].get_values()
    return accessor.index(sizes, _constructs(op, accessor.construct))


def _constructs(op: Any, construct: Any) -> Any:
    if construct is _irdl.VarIRConstruct.OPERAND:
        return op._operands
    if construct is _irdl.VarIRConstruct.RESULT:
        return op.results
    return op.regions if construct is _irdl.VarIRConstruct.REGION else op._successors


def _append(block: Any, op: Any) -> None:
    """Add an operation at the end of a block."""
    last = block._last_op
    if op.parent is not None or op.regions:
        block._attach_op(op)  # fails if it is part of another block, or around this one
    op.parent = block
    op._prev_op, op._next_op = last, None
    if last is None:
        block._first_op = op
    else:
        last._next_op = op
    block._last_op = op


def _operations(ops: Any) -> Iterator[Operation]:
    """The operations of a block; the one that was given last may be moved or erased meanwhile."""
    return _operations_of(ops.block)


def _operations_of(block: Any) -> Iterator[Operation]:
    op = block._first_op
    while op is not None:
        following = op._next_op
        yield op
        op = following


def _count(ops: Any) -> int:
    return sum(1 for _ in _operations(ops))


def _itself(op: Operation) -> Iterator[Operation]:
    return iter((op,))


def _inside(op: Any) -> Iterator[Operation]:
    """The operations in the regions of an operation, but not those in their regions."""
    return chain.from_iterable(map(_within, op.regions))


def _within(region: Any) -> Iterator[Operation]:
    return chain.from_iterable(map(_operations_of, region.blocks))


def _walk_forward(kind: Any, inside: Callable[[Any], Iterator[Operation]]) -> Callable[..., Iterator[Operation]]:
    """The method `walk` of operations, regions or blocks: without a generator for every level in the usual order."""
    original = kind.walk

    def walk(self: Any, *, reverse: bool = False, region_first: bool = False) -> Iterator[Operation]:
        if reverse or region_first:
            return original(self, reverse=reverse, region_first=region_first)
        return _descend(inside(self))

    return walk


def _descend(ops: Iterator[Operation]) -> Iterator[Operation]:
    """Operations, each with those in it behind it."""
    levels = [ops]
    while levels:
        for op in levels[-1]:
            yield op
            if op.regions:
                levels.append(_inside(op))
                break
        else:
            levels.pop()
