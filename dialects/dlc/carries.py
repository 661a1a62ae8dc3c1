"""What loops have in common: a carry that one step hands to the next."""

from collections.abc import Callable, Iterable, Sequence
from typing import cast

from xdsl.dialects.builtin import DenseIntOrFPElementsAttr
from xdsl.ir import Attribute, SSAValue

from dialects.builder import OpBuilder
from dialects.dlc.constants import ConstantOp, zeros
from dialects.dlc.higher_order import Flags, Optionals, chosen
from dialects.dlc.interfaces import AnyTensor


def closed_flags(
    body: str, count: int, flags: Flags, outputs: Callable[[str, Flags], Flags], leading: Flags = ()
) -> Flags:
    """Which results of a loop have a property that its body passes on from arguments to outputs.

    The first `count` flags of the operands are those of the carry: what has the property after some step has it in all
    later ones. `leading` are the flags of further arguments of the body in front.
    """
    carry, others = flags[:count], flags[count:]
    while True:
        results = outputs(body, (*leading, *carry, *others))
        closed = tuple(before or after for before, after in zip(carry, results[:count], strict=True))
        if closed == carry:
            return (*carry, *results[count:])
        carry = closed


def values_of(values: Optionals, wanted: Iterable[bool] | None = None) -> list[SSAValue]:
    """Those that are there, or those `wanted`, which are."""
    some = [value for value in values if value is not None] if wanted is None else chosen(values, wanted)
    return cast(list[SSAValue], some)


class PrunedArguments:
    """The arguments that a function keeps as operands: constants are written into it, where they can be folded."""

    def __init__(self, values: Sequence[SSAValue], needed: Flags):
        self.operands: list[SSAValue] = []
        self._places: list[int | DenseIntOrFPElementsAttr | None] = []
        for value, is_needed in zip(values, needed, strict=True):
            owner = value.owner
            if not is_needed:
                self._places.append(None)
            elif isinstance(owner, ConstantOp):
                self._places.append(owner.value)
            else:
                self._places.append(len(self.operands))
                self.operands.append(value)
        self._types = [value.type for value in values]

    def restore(self, b: OpBuilder, arguments: Sequence[SSAValue]) -> list[SSAValue]:
        """All arguments of the old function, from those of the new one; zeros where none is needed."""
        return [
            arguments[place]
            if isinstance(place, int)
            else zeros(b, cast(AnyTensor, its_type))
            if place is None
            else b.create(ConstantOp, (), its_type, {"value": place})
            for place, its_type in zip(self._places, self._types, strict=True)
        ]


def or_zeros(b: OpBuilder, value: SSAValue | None, its_type: Attribute) -> SSAValue:
    """`value`, or zeros of `its_type` if there is none."""
    return zeros(b, cast(AnyTensor, its_type)) if value is None else value


def tangents_of_carry(b: OpBuilder, init: Sequence[SSAValue], tangents: Optionals, moving: Flags) -> list[SSAValue]:
    """One tangent for each carry that moves in some step, zero where it does not in the first."""
    pairs = chosen(zip(init, tangents, strict=True), moving)
    return [or_zeros(b, tangent, value.type) for value, tangent in pairs]
