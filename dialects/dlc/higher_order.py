"""The facets of operations whose meaning is given by functions that they name: control flow and custom derivatives.

They are to functions what `TensorOp` is to scalars. Passes over `dlc` ask them the same questions, and answer in turn
what becomes of the functions (`Derivations`): a scan is differentiated by scanning the derivative of its body.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import IRDLOperation, traits_def, var_result_def
from xdsl.traits import Pure

from dialects.builder import OpBuilder
from dialects.dlc.interfaces import AnyTensor, Array

Flags: TypeAlias = tuple[bool, ...]
Optionals: TypeAlias = Sequence[SSAValue | None]
BuildBody: TypeAlias = Callable[[OpBuilder, tuple[SSAValue, ...]], Sequence[SSAValue]]


@dataclass(frozen=True)
class CalleeType:
    """What an operation expects of a function that it names; `None` where it takes what it gets.

    A rule is used only if the operation is differentiated, so it may contain the operation itself.
    """

    symbol: str
    inputs: Sequence[Attribute] | None
    outputs: Sequence[Attribute] | None
    is_rule: bool = False


@dataclass(frozen=True)
class Linearization:
    """A function split into what can be computed before its tangents are known, and what is linear in them.

    Attributes:
        primal: takes the arguments; returns the outputs, then the residuals that are not arguments.
        linear: takes all residuals, then the tangents of the moving arguments; returns those of the moving outputs.
        residuals: for each residual the argument that it is, or `None` if `primal` returns it.
        moving: which outputs have a tangent.
    """

    primal: str
    linear: str
    residuals: tuple[int | None, ...]
    moving: Flags


class Derivations(Protocol):
    """What the driver of a transform does with the functions that an operation names."""

    def build(self, stem: str, near: str, types: Iterable[Attribute], body: BuildBody, key: Hashable = None) -> str:
        """Add a private function with arguments of `types` after the function `near`; return its name.

        With a `key` it is built once for each, and may be named while it is being built.
        """
        ...

    def output_types(self, symbol: str) -> list[AnyTensor]:
        """The types of the outputs of a function."""
        ...

    def inline(self, b: OpBuilder, symbol: str, arguments: Sequence[SSAValue]) -> list[SSAValue]:
        """Append the body of a function."""
        ...

    def outputs_moving(self, symbol: str, moving: Flags) -> Flags:
        """Which outputs may have a tangent if the arguments `moving` have one."""
        ...

    def outputs_batched(self, symbol: str, batched: Flags) -> Flags:
        """Which outputs differ from example to example if the arguments `batched` do."""
        ...

    def jvp(
        self, b: OpBuilder, symbol: str, arguments: Sequence[SSAValue], tangents: Optionals, wanted: Flags
    ) -> tuple[list[SSAValue], list[SSAValue | None]]:
        """Append the body of a function and its tangents; outputs in `wanted` get a tangent even if it is zero."""
        ...

    def linearize(self, symbol: str, moving: Flags, wanted: Flags, at_hand: Flags = ()) -> Linearization:
        """Split a function; outputs in `wanted` get a tangent even if it is zero, the others none.

        What can be computed from the arguments `at_hand` alone is computed again rather than made a residual.
        """
        ...

    def arguments_needed(self, symbol: str, wanted: Flags) -> Flags:
        """Which arguments the outputs `wanted` depend on."""
        ...

    def origins(self, symbol: str) -> list[tuple[int | None, int]]:
        """For each output the argument that it is, if it is one, and the first output that is the same value."""
        ...

    def with_kept(self, symbol: str, keep: Callable[[Operation], bool]) -> tuple[str, str]:
        """Two functions: one also returns the results of operations to `keep`, one takes them behind the arguments.

        Both return what the function `symbol` does.
        """
        ...

    def transpose(
        self, b: OpBuilder, symbol: str, arguments: Optionals, cotangents: Optionals
    ) -> list[SSAValue | None]:
        """Append the transpose of a function that is linear in the arguments given as `None`; their cotangents."""
        ...

    def batch(
        self, b: OpBuilder, symbol: str, arguments: Sequence[SSAValue], batched: Flags, size: int, wanted: Flags
    ) -> list[SSAValue]:
        """Append a function for `size` examples; outputs in `wanted` have the leading dimension, the others not.

        `wanted` includes all of `outputs_batched`.
        """
        ...


Call: TypeAlias = Callable[[str, Sequence[Array]], list[Array]]


class FunctionalOp(IRDLOperation, ABC):
    """A pure operation on tensors that names functions of its module.

    Those that are not a `HigherOrderOp` are linear maps that exist within one differentiation only.
    """

    outputs = var_result_def(AnyTensor)

    traits = traits_def(Pure())

    @abstractmethod
    def callee_types(self) -> Sequence[CalleeType]:
        """The functions that it names, and the types that they must have."""

    def transpose(self, b: OpBuilder, cotangents: Optionals, linear: Flags, derive: Derivations) -> Optionals:
        """Return one cotangent per operand; `None` where `linear` is false or the cotangent is zero.

        At least one of `cotangents`, one per result, is not `None`.
        """
        del b, cotangents, linear, derive
        raise AssertionError(f"{self.name}: is not linear in any operand")


class HigherOrderOp(FunctionalOp, ABC):
    """An operation whose meaning is given by functions."""

    @property
    def plain_callee(self) -> str | None:
        """The function that this is a call of, where nothing will be differentiated any more."""
        return None

    @abstractmethod
    def evaluate(self, operands: Sequence[Array], call: Call) -> list[Array]:
        """The reference values of the results; `call` evaluates a function."""

    @abstractmethod
    def outputs_moving(self, moving: Flags, derive: Derivations) -> Flags:
        """Which results may have a tangent if the operands `moving` have one."""

    @abstractmethod
    def jvp(
        self, b: OpBuilder, operands: Sequence[SSAValue], tangents: Optionals, derive: Derivations
    ) -> tuple[Sequence[SSAValue], Optionals]:
        """Append the operation on `operands` together with its tangents; return the results and theirs.

        At least one of `tangents` is not `None`.
        """

    @abstractmethod
    def linearize(
        self, b: OpBuilder, operands: Sequence[SSAValue], tangents: Optionals, derive: Derivations
    ) -> tuple[Sequence[SSAValue], Optionals]:
        """The same, with every operation that `tangents` reach linear in them and fit to be transposed."""

    @abstractmethod
    def batch(
        self, b: OpBuilder, operands: Sequence[SSAValue], batched: Flags, size: int, derive: Derivations
    ) -> tuple[Sequence[SSAValue], Flags]:
        """Return the results for a batch, and which of them have the new leading dimension of extent `size`."""

    def prune(self, b: OpBuilder, operands: Sequence[SSAValue], used: Flags, derive: Derivations) -> Optionals | None:
        """Return the results `used` of an operation that computes less; `None` if it cannot do with less."""
        del b, operands, used, derive
        return None

    @abstractmethod
    def outputs_batched(self, batched: Flags, derive: Derivations) -> Flags:
        """Which results differ from example to example if the operands `batched` do."""


T = TypeVar("T")


def split(values: Sequence[T], *counts: int) -> list[Sequence[T]]:
    """Consecutive parts of `values`, of the given lengths, which must add up."""
    assert sum(counts) == len(values), f"cannot split {len(values)} values into {counts}"
    parts: list[Sequence[T]] = []
    start = 0
    for count in counts:
        parts.append(values[start : start + count])
        start += count
    return parts


def chosen(values: Iterable[T], flags: Iterable[bool]) -> list[T]:
    """The values whose flag is set."""
    return [value for value, flag in zip(values, flags, strict=True) if flag]


def spread(values: Iterable[T], flags: Iterable[bool]) -> list[T | None]:
    """The inverse of `chosen`: the next value where the flag is set, `None` elsewhere."""
    rest = iter(values)
    return [next(rest) if flag else None for flag in flags]


def present(values: Iterable[object | None]) -> Flags:
    """Which values are not `None`."""
    return tuple(value is not None for value in values)
