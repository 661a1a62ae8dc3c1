"""Reading IR at the speed of plain Python objects.

Passes spend a third of their time in small methods of xDSL 0.74 that are called for every operation, value and attribute: a hash
in Python that is the identity, an operand that takes six calls, a walk with a generator for every level, sizes of a type that
are listed anew each time. `lean_access` replaces them in place by others with the same results.
"""

from abc import ABCMeta
from collections.abc import Callable, Iterator
from functools import cache
from operator import attrgetter
from typing import Any

from xdsl.dialects.builtin import DenseArrayBase, MemRefType, TensorType
from xdsl.ir import Operation, core
from xdsl.irdl import attributes, operations

_ir: Any = core  # what is replaced is private
_irdl: Any = operations
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
    _ir.SSAValue.type = property(attrgetter("_type"))
    _ir.SSAValues.__getitem__ = _value_at
    _ir.BlockOps.__iter__ = _operations
    _ir.BlockOps.__len__ = _count
    _ir.Operation.operands = property(_ir.OpOperands, _ir.Operation.operands.fset)
    _ir.Operation.walk, _ir.Region.walk, _ir.Block.walk = _walk, _walk_region, _walk_block
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


def _operations(ops: Any) -> Iterator[Operation]:
    """The operations of a block; the one that was given last may be moved or erased meanwhile."""
    op = ops.block._first_op
    while op is not None:
        following = op._next_op
        yield op
        op = following


def _count(ops: Any) -> int:
    return sum(1 for _ in _operations(ops))


def _walk(self: Any, *, reverse: bool = False, region_first: bool = False) -> Iterator[Operation]:
    """An operation and those in it; without a generator for those that have no regions."""
    if not region_first:
        yield self
    for region in reversed(self.regions) if reverse else self.regions:
        yield from _walk_region(region, reverse=reverse, region_first=region_first)
    if region_first:
        yield self


def _walk_region(self: Any, *, reverse: bool = False, region_first: bool = False) -> Iterator[Operation]:
    for block in reversed(self.blocks) if reverse else self.blocks:
        yield from _walk_block(block, reverse=reverse, region_first=region_first)


def _walk_block(self: Any, *, reverse: bool = False, region_first: bool = False) -> Iterator[Operation]:
    for op in reversed(self.ops) if reverse else _operations(self.ops):
        if op.regions:
            yield from _walk(op, reverse=reverse, region_first=region_first)
        else:
            yield op
