"""One application of one op, for tests of everything that an op must answer: see `op_examples.OP_EXAMPLES`."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from xdsl.dialects.builtin import ModuleOp, TensorType, UnitAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Region

from dialects.builder import OpBuilder
from dialects.dlc.interfaces import DTYPES, PureOp, dtype_of, tensor_types

Draw: TypeAlias = Callable[[TensorType, np.random.Generator], np.ndarray]

ELEMENTS = {str(element): element for element in DTYPES}


@dataclass(frozen=True)
class OpExample:
    """`op_type` on operands of `operand_types`, with `properties`.

    `domain` has one entry per operand: a pair `(low, high)` that bounds its random values, a function `(type, rng)` that draws
    them, or `None` for no particular bounds. `derive` makes operands that depend on others from them: it gets all operands, and
    returns all of them.
    """

    op_type: type[PureOp]
    operand_types: tuple[TensorType, ...]
    properties: dict[str, Attribute] = field(default_factory=dict, hash=False)
    domain: tuple[tuple[float, float] | Draw | None, ...] = ()
    derive: Callable[[list[np.ndarray]], list[np.ndarray]] = list

    def __str__(self) -> str:
        types = "_".join(str(t).removeprefix("tensor<").removesuffix(">") for t in self.operand_types)
        details = "_".join(
            name if isinstance(value, UnitAttr) else str(value) for name, value in self.properties.items()
        )
        text = "-".join(part for part in (self.op_type.name.removeprefix("dlc."), types, details) if part)
        return "".join(c if c.isalnum() or c in "-_.," else "" for c in text)[:90]

    @property
    def result_types(self) -> tuple[TensorType, ...]:
        return self.op_type.infer_types(self.operand_types, self.properties)


def tensor(text: str) -> TensorType:
    """The type that `2x3xf32` (or `f32`, 0-d) stands for."""
    sizes, element = re.fullmatch(r"((?:\d+x)*)(.*)", text).groups()
    return TensorType(ELEMENTS[element], [int(size) for size in sizes.split("x")[:-1]])


def build_function(example: OpExample) -> ModuleOp:
    """`func.func @main` that applies the op to its arguments."""
    block = Block(arg_types=example.operand_types)
    b = OpBuilder(block)
    results = example.op_type.emit_all(b, block.args, example.properties)
    b.create_op(ReturnOp, results)
    return ModuleOp([FuncOp("main", (example.operand_types, example.result_types), Region(block))])


def build_op(example: OpExample) -> PureOp:
    """The op on the arguments of a block of its own."""
    block = Block(arg_types=example.operand_types)
    op = example.op_type.emit_all(OpBuilder(block), block.args, example.properties)[0].owner
    assert isinstance(op, PureOp)
    return op


def random_operands(example: OpExample, rng: np.random.Generator) -> list[np.ndarray]:
    """Values for the operands, inside their domains."""
    domain = example.domain or (None,) * len(example.operand_types)
    return example.derive([
        bounds(operand_type, rng) if callable(bounds) else random_array(operand_type, rng, bounds)
        for operand_type, bounds in zip(example.operand_types, domain, strict=True)
    ])  # fmt: skip


def random_array(
    tensor_type: TensorType, rng: np.random.Generator, bounds: tuple[float, float] | None = None
) -> np.ndarray:
    """A random array of `tensor_type` within `bounds`, (-3, 3) if there are none."""
    low, high = bounds or (-3, 3)
    shape, dtype = tensor_type.get_shape(), dtype_of(tensor_type)
    if dtype == np.bool_:
        return rng.integers(0, 2, shape).astype(dtype)
    if dtype.kind == "c":
        return np.asarray(rng.uniform(low, high, shape) + 1j * rng.uniform(low, high, shape), dtype)
    if dtype.kind in "iu":
        low = 0 if dtype.kind == "u" else low
        return np.asarray(rng.integers(int(low), int(high) + 1, shape), dtype)
    return np.asarray(rng.uniform(low, high, shape), dtype)


def evaluate_block(block: Block, arguments: list[np.ndarray], wanted: list) -> list:
    """The values of `wanted` (`None` stays `None`) after running the ops of `block` by their `evaluate`."""
    values = dict(zip(block.args, arguments, strict=True))
    for op in block.ops:
        assert isinstance(op, PureOp), op
        op.verify()
        assert tensor_types(op.results) == op.infer_types(tensor_types(op.operands), op.properties)
        values.update(zip(op.results, op.evaluate_all([values[operand] for operand in op.operands]), strict=True))
    return [None if value is None else values[value] for value in wanted]
