"""Calls of LAPACK and of BLAS routines with Fortran's conventions: `rt.lapack`, and how to build one.

LAPACK's matrices are column-major, ours are row-major: a routine sees the transpose of every matrix. An operation that can say
what it wants of the transposes needs no copy; the others transpose what they pass, and a producer often does that on the way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias, cast

from xdsl.dialects.builtin import (
    I64,
    ArrayAttr,
    DenseArrayBase,
    IndexType,
    IntegerAttr,
    MemRefType,
    ShapedType,
    StringAttr,
    TensorType,
    i32,
    i64,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    var_operand_def,
    var_result_def,
)
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, int_array, tensor_type


@irdl_op_definition
class LapackOp(IRDLOperation):
    """`count` calls of the Fortran routine `routine`, one for each matrix of a batch.

    `arguments` are those of the routine in order: a string is a character, an `i32` an integer, an array of floats a scalar (of
    two numbers if it is complex), and `k : index` the array with the number `k` among the inputs and then the results. The routine gets
    all of them by reference. From one call to the next, array `k` moves on by `strides[k]` elements; what does not move is a
    workspace, or an input that all calls share. With `workspaces`, every workspace has room for so many calls at the same time.

    The routine reads `inputs`, and overwrites the results; the first ones hold `inits` when it starts. On memrefs the results are
    the operands `outs`.
    """

    name = "rt.lapack"

    inputs = var_operand_def(TensorType | MemRefType)
    inits = var_operand_def(TensorType)
    outs = var_operand_def(MemRefType)
    outputs = var_result_def(TensorType)
    routine = prop_def(StringAttr)
    arguments = prop_def(ArrayAttr[Attribute])
    strides = prop_def(DenseArrayBase.constr(I64))
    count = prop_def(IntegerAttr[I64])
    workspaces = opt_prop_def(IntegerAttr[I64])

    irdl_options = (AttrSizedOperandSegments(as_property=True),)

    assembly_format = (
        "$routine $arguments `count` $count (`workspaces` $workspaces^)? `strides` $strides (`ins` `(` $inputs^ `:` type($inputs) `)`)? "
        "(`inits` `(` $inits^ `:` type($inits) `)`)? (`outs` `(` $outs^ `:` type($outs) `)`)? "
        "(`->` type($outputs)^)? attr-dict"
    )

    @property
    def arrays(self) -> tuple[SSAValue, ...]:
        """What `k : index` stands for: the inputs, then what is overwritten."""
        return (*self.inputs, *self.outs, *self.outputs)

    @property
    def calls(self) -> int:
        """How often the routine is called."""
        return self.count.value.data

    @property
    def steps(self) -> tuple[int, ...]:
        """How many elements each array moves on from one call to the next."""
        return tuple(cast(Sequence[int], self.strides.get_values()))

    @property
    def most_parts(self) -> int:
        """How many of the calls can run at the same time."""
        if self.workspaces is not None:
            return min(self.calls, self.workspaces.value.data)
        return self.calls if all(self.steps[len(self.inputs) :]) else 1

    @property
    def part_steps(self) -> tuple[int, ...]:
        """How many elements each array moves on from one part of the calls to the next, apart from what the calls in it move on."""
        if self.workspaces is None:
            return (0,) * len(self.arrays)
        rooms, first = self.workspaces.value.data, len(self.inputs)
        sizes = [prod(cast(ShapedType, array.type).get_shape()) for array in self.arrays]
        return tuple(
            size // rooms if k >= first and not step else 0
            for k, (size, step) in enumerate(zip(sizes, self.steps, strict=True))
        )

    def verify_(self) -> None:
        """Check that every array is there, and long enough for all calls."""
        if bool(self.outs) == bool(self.outputs):
            raise VerifyException("rt.lapack: needs either outs memrefs or tensor results")
        if [value.type for value in self.inits] != [value.type for value in self.outputs[: len(self.inits)]]:
            raise VerifyException("rt.lapack: the types of inits are not those of the first results")
        arrays, steps = self.arrays, self.steps
        if len(steps) != len(arrays):
            raise VerifyException(f"rt.lapack: has {len(steps)} strides for {len(arrays)} arrays")
        named = [number for number in map(array_number, self.arguments) if number is not None]
        if sorted(named) != list(range(len(arrays))):
            raise VerifyException(
                f"rt.lapack: the arguments name the arrays {named}, expected each of {len(arrays)} once"
            )
        for array, step in zip(arrays, steps, strict=True):
            if step * self.calls > prod(cast(ShapedType, array.type).get_shape()):
                raise VerifyException(f"rt.lapack: {array.type} is too short for {self.calls} calls with stride {step}")
        if self.workspaces is not None and self.workspaces.value.data < 1:
            raise VerifyException(f"rt.lapack: has {self.workspaces.value.data} workspaces, expected at least 1")


def array_number(argument: Attribute) -> int | None:
    """The number of the array that an argument of `rt.lapack` names, if it names one."""
    if isinstance(argument, IntegerAttr) and isinstance(cast(Any, argument).type, IndexType):
        return cast(IntegerAttr[Any], argument).value.data
    return None


MOST_WORKSPACES = 16
"""For how many calls at the same time a workspace has room: the most threads that several calls can use."""


@dataclass(frozen=True)
class Overwritten:
    """An argument that the routine reads and overwrites: a result that starts as `start`."""

    start: SSAValue


@dataclass(frozen=True)
class Output:
    """An argument that the routine writes only; of a workspace there is one for each of `MOST_WORKSPACES` calls, and nobody reads it."""

    type: TensorType[Any]
    is_workspace: bool = False


Argument: TypeAlias = str | int | DenseArrayBase[Any] | SSAValue | Overwritten | Output
"""A character, an integer, a scalar; an array that is read, overwritten or written."""


def build_lapack(b: OpBuilder, routine: str, count: int, arguments: Sequence[Argument]) -> tuple[SSAValue, ...]:
    """Append `count` calls of `routine`; return what it overwrites, then what it writes, but for the workspaces.

    `arguments` are those of LAPACK's documentation, in its order.
    """
    inputs = [argument for argument in arguments if isinstance(argument, SSAValue)]
    inits = [argument.start for argument in arguments if isinstance(argument, Overwritten)]
    outputs = [argument for argument in arguments if isinstance(argument, Output)]
    types = [*(cast(TensorType[Any], value.type) for value in inits), *(output.type for output in outputs)]
    is_kept = [*(True for _ in inits), *(not output.is_workspace for output in outputs)]
    rooms = max(1, min(count, MOST_WORKSPACES))
    if rooms > 1:
        types = [
            t if kept else tensor_type(t.element_type, (rooms, *t.get_shape()))
            for t, kept in zip(types, is_kept, strict=True)
        ]
    steps = [prod(cast(ShapedType, value.type).get_shape()) // max(count, 1) for value in inputs]
    steps += [prod(t.get_shape()) // max(count, 1) if kept else 0 for t, kept in zip(types, is_kept, strict=True)]
    following = {SSAValue: 0, Overwritten: len(inputs), Output: len(inputs) + len(inits)}
    attributes: list[Attribute] = []
    for argument in arguments:
        if isinstance(argument, str):
            attributes.append(StringAttr(argument))
        elif isinstance(argument, int):
            attributes.append(IntegerAttr(argument, i32))
        elif isinstance(argument, DenseArrayBase):
            attributes.append(argument)
        else:
            kind = SSAValue if isinstance(argument, SSAValue) else type(argument)
            attributes.append(IntegerAttr(following[kind], IndexType()))
            following[kind] += 1
    properties: dict[str, Attribute] = {
        "routine": StringAttr(routine),
        "arguments": ArrayAttr(attributes),
        "strides": int_array(tuple(steps)),
        "count": IntegerAttr(count, i64),
        "operandSegmentSizes": DenseArrayBase.from_list(i32, [len(inputs), len(inits), 0]),
    }
    if rooms > 1 and not all(is_kept):
        properties["workspaces"] = IntegerAttr(rooms, i64)
    op = b.create_op(LapackOp, (*inputs, *inits), types, properties)
    return tuple(result for result, kept in zip(op.results, is_kept, strict=True) if kept)
