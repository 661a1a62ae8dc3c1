"""The state of one function on its way to the `llvm` dialect, and the conversion of types."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import lru_cache
from math import prod
from typing import Any, TypeAlias, cast

from xdsl.dialects import llvm
from xdsl.dialects.builtin import (
    DenseArrayBase,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    NoneAttr,
    StringAttr,
    UnitAttr,
    VectorType,
    i1,
    i8,
    i32,
    i64,
)
from xdsl.dialects.llvm import CallingConventionAttr, LinkageAttr, LLVMFunctionType, LLVMPointerType
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.utils.exceptions import PassFailedException

from dialects.builder import OpBuilder, segment_sizes, vector_type
from dialects.llvm import PoisonOp

POINTER = LLVMPointerType()
EQUAL, SIGNED_LESS = 0, 2
"""The numbers of `eq` and `slt` among the predicates of `icmp`."""
NO_WRAP = {"overflowFlags": IntegerAttr(1, i32)}
"""Properties of address arithmetic: no access is out of bounds, so no offset overflows."""


class FunctionConversion:
    """Converts the blocks of one function, appending to `builder`; `values` maps old values to new ones.

    Constants and stack slots go to `entry`, which becomes the start of the function, so each is there once and dominates
    all uses. `parts` are functions that do a part of the work; threads share calls of some, at most `max_threads` of them if
    that is not 0, and `table` holds the pointers for them. `shared` names those by what they do, also for the functions
    that a long one becomes.
    """

    __slots__ = (
        "_constants",
        "_integers",
        "builder",
        "called",
        "converters",
        "entry",
        "has_streams",
        "max_threads",
        "name",
        "parts",
        "region",
        "roots",
        "shared",
        "table",
        "values",
        "written",
    )

    def __init__(self, region: Region, block: Block, converters: "Converters", name: str = "", max_threads: int = 0):
        self.name = name
        self.max_threads = max_threads
        self.region = region
        self.builder = OpBuilder(block)
        self.entry = OpBuilder(Block())
        self.converters = converters
        self.values: dict[SSAValue, SSAValue] = {}
        self.roots: dict[SSAValue, SSAValue] = {}
        self.written: set[SSAValue] = set()
        self.has_streams = False
        """Whether stores go around the cache, and so past the stores that follow them."""
        self.called: dict[str, LLVMFunctionType] = {}
        self.parts: list[Operation] = []
        self.shared: dict[Hashable, str] = {}
        self.table: Operation | None = None
        self._integers: dict[tuple[int, int], SSAValue] = {}
        self._constants: dict[tuple[object, Attribute], SSAValue] = {}

    def convert_block(self, block: Block) -> Operation:
        """Convert the operations of `block` but the terminator, which is returned."""
        op = block.first_op
        last = block.last_op
        assert op is not None
        assert last is not None
        while op is not last:
            self.convert_operation(op)
            op = cast(Operation, op.next_op)
        self.builder.location = last.location
        return last

    def convert_operation(self, op: Operation) -> None:
        """Convert one operation."""
        self.builder.location = op.location
        converter = self.converters.get(op.name)
        if converter is None:
            raise unsupported(op)
        converter(self, op)

    def operands(self, op: Operation) -> list[SSAValue]:
        """The converted operands of `op`."""
        values = self.values
        return [values[operand] for operand in op.operands]

    def replace(self, op: Operation, values: Iterable[SSAValue]) -> None:
        """Let `values` stand for the results of `op`."""
        for result, value in zip(op.results, values, strict=True):
            self.values[result] = value

    def add_block(self, arguments: Sequence[Attribute] = ()) -> Block:
        """Append an empty block; the caller moves `builder` there."""
        block = Block(arg_types=arguments)
        self.region.add_block(block)
        return block

    def branch(self, target: Block, arguments: Sequence[SSAValue] = ()) -> None:
        """End the current block with a jump."""
        self.builder.create_op(llvm.BrOp, arguments, successors=(target,))

    def branch_if(
        self,
        condition: SSAValue,
        then: Block,
        then_arguments: Sequence[SSAValue],
        otherwise: Block,
        otherwise_arguments: Sequence[SSAValue],
    ) -> None:
        """End the current block with a conditional jump."""
        sizes = (1, len(then_arguments), len(otherwise_arguments))
        self.builder.create_op(
            llvm.CondBrOp,
            (condition, *then_arguments, *otherwise_arguments),
            properties={"operandSegmentSizes": segment_sizes(*sizes)},
            successors=(then, otherwise),
        )

    def constant(self, value: Attribute, value_type: Attribute) -> SSAValue:
        """The constant `value` of the converted type `value_type`."""
        key: tuple[object, Attribute] = (value, value_type)
        if isinstance(value, FloatAttr):
            # As attributes 0.0 and -0.0 are equal; as text they are not.
            key = (repr(cast("FloatAttr[Any]", value).value.data), value_type)
        known = self._constants.get(key)
        if known is None:
            known = self.entry.create(llvm.ConstantOp, (), value_type, {"value": cast(Attribute, value)})
            self._constants[key] = known
        return known

    def integer(self, value: int, value_type: IntegerType = i64) -> SSAValue:
        """The integer constant `value`."""
        key = (value, value_type.width.data)
        known = self._integers.get(key)
        if known is None:
            known = self._integers[key] = self.constant(integer_attribute(value, value_type), value_type)
        return known

    def poison(self, value_type: Attribute) -> SSAValue:
        """A value of `value_type` that does not matter."""
        return self.builder.create(PoisonOp, (), value_type)

    def compare(self, predicate: int, lhs: SSAValue, rhs: SSAValue) -> SSAValue:
        """The `llvm.icmp` with MLIR's number of the predicate, on scalars."""
        return self.builder.create(llvm.ICmpOp, (lhs, rhs), i1, {"predicate": integer_attribute(predicate)})

    def mark_written(self, pointer: SSAValue) -> None:
        """Note that the memory behind `pointer` changes."""
        self.written.add(self.roots.get(pointer, pointer))

    def finish(self) -> None:
        """Put constants and stack slots at the start of the function."""
        first_block = self.region.blocks[0]
        first = first_block.first_op
        assert first is not None
        for op in list(self.entry.block.ops):
            op.detach()
            # Constants that only said where to access memory are part of the addresses.
            if op.results[0].first_use is None:
                continue
            first_block.insert_op_before(op, first)


def function_properties(
    name: StringAttr, inputs: Sequence[Attribute], result: Attribute | None = None, *, is_internal: bool = True
) -> dict[str, Attribute]:
    """The properties of an `llvm.func`; what is internal only this module calls."""
    return {
        "sym_name": name,
        "function_type": LLVMFunctionType(inputs, result),
        "linkage": _INTERNAL if is_internal else _EXTERNAL,
        "CConv": _C_CALLS,
        "unnamed_addr": integer_attribute(0),
    }


_INTERNAL, _EXTERNAL, _C_CALLS = LinkageAttr("internal"), LinkageAttr("external"), CallingConventionAttr("ccc")


def internal_function(name: str, inputs: Sequence[Attribute], body: Region) -> llvm.FuncOp:
    """A function without a result that only this module calls."""
    properties = function_properties(StringAttr(name), inputs)
    return llvm.FuncOp.create(properties=properties, regions=[body], attributes={"no_unwind": UnitAttr()})


Converter: TypeAlias = Callable[[FunctionConversion, Any], None]
Converters: TypeAlias = dict[str, Converter]
"""How to convert an operation, by its name: for some names there are two classes, upstream's and ours."""


def unsupported(op: Operation, reason: str = "") -> PassFailedException:
    """The error for an operation that has no conversion."""
    types = ", ".join(str(operand.type) for operand in op.operands)
    hint = reason or "lower it to arith, math, memref, scf and vector first"
    if op.name.startswith("math."):
        hint = "run expand-math first"
    return PassFailedException(f"convert-to-llvm: cannot convert {op.name} on ({types}); {hint}")


def convert_type(value_type: Attribute) -> Attribute:
    """The type of a converted value: `index` is `i64`, a memref is a bare pointer."""
    kind = type(value_type)
    if kind is IndexType:
        return i64
    if kind is MemRefType:
        return POINTER
    if kind is VectorType:
        return _convert_vector(cast("VectorType[Any]", value_type))
    return value_type


@lru_cache(maxsize=4096)
def _convert_vector(vector: VectorType[Any]) -> Attribute:
    if len(vector.get_shape()) != 1:
        raise PassFailedException(f"convert-to-llvm: {vector} does not have rank 1; unroll it first")
    return vector_type(convert_type(vector.element_type), vector.get_shape()[0])


@lru_cache(maxsize=4096)
def stored_type(value_type: Attribute) -> Attribute:
    """The type of a value in memory: as `convert_type`, but `i1` takes a byte."""
    if value_type == i1:
        return i8
    if isinstance(value_type, VectorType):
        vector = cast("VectorType[Any]", value_type)
        return vector_type(stored_type(vector.element_type), vector.get_shape()[0])
    return convert_type(value_type)


@lru_cache(maxsize=4096)
def byte_size(value_type: Attribute) -> int:
    """How many bytes a scalar takes in memory."""
    stored = stored_type(value_type)
    return 8 if isinstance(stored, LLVMPointerType) else cast(Any, stored).bitwidth // 8


def static_shape(memref: MemRefType[Any]) -> tuple[int, ...]:
    """The shape of a static contiguous memref; raise on any other."""
    shape = memref.get_shape()
    if any(size < 0 for size in shape) or not isinstance(memref.layout, NoneAttr):
        raise PassFailedException(f"convert-to-llvm: {memref} is not static and contiguous; copy it to one that is")
    return shape


def byte_count(memref: MemRefType[Any]) -> int:
    """How many bytes `memref` takes."""
    return prod(static_shape(memref)) * byte_size(memref.element_type)


@lru_cache(maxsize=1024)
def integer_attribute(value: int, value_type: IntegerType = i64) -> IntegerAttr[Any]:
    """The attribute of an integer, one object per value."""
    return IntegerAttr(value, value_type)


@lru_cache(maxsize=1024)
def int32_array(values: tuple[int, ...]) -> DenseArrayBase[Any]:
    """`array<i32: values>`, one object per value."""
    return DenseArrayBase.from_list(i32, values)
