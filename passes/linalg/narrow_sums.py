"""Add up small integers in lanes no wider than their sums need.

Before:

```mlir
func.func @f(%x: tensor<4x1000xi1>) -> tensor<4xi64> {
  %zero = arith.constant 0 : i64
  %e0 = tensor.empty() : tensor<4xi64>
  %start = linalg.fill ins(%zero : i64) outs(%e0 : tensor<4xi64>) -> tensor<4xi64>
  %count = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x1000xi1>) outs(%start : tensor<4xi64>) {
  ^bb0(%p: i1, %acc: i64):
    %n = arith.extui %p : i1 to i64
    %s = arith.addi %acc, %n : i64
    linalg.yield %s : i64
  } -> tensor<4xi64>
  func.return %count : tensor<4xi64>
}
```

After:

```mlir
func.func @f(%x: tensor<4x1000xi1>) -> tensor<4xi64> {
  %zero = arith.constant 0 : i16
  %e0 = tensor.empty() : tensor<4xi16>
  %start = linalg.fill ins(%zero : i16) outs(%e0 : tensor<4xi16>) -> tensor<4xi16>
  %count = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<4x1000xi1>) outs(%start : tensor<4xi16>) {
  ^bb0(%p: i1, %acc: i16):
    %n = arith.extui %p : i1 to i16
    %s = arith.addi %acc, %n : i16
    linalg.yield %s : i16
  } -> tensor<4xi16>
  %e1 = tensor.empty() : tensor<4xi64>
  %wide = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%count : tensor<4xi16>) outs(%e1 : tensor<4xi64>) {
  ^bb0(%p: i16, %out: i64):
    %n = arith.extui %p : i16 to i64
    linalg.yield %n : i64
  } -> tensor<4xi64>
  func.return %wide : tensor<4xi64>
}
```

NumPy counts, and adds up integers, in 64 bits: eight numbers in a vector of 512. A sum that is longer than 16 bits hold becomes one of sums
of blocks, if what is added up takes no more than a byte or two in memory; else lanes of 32 bits are as many as those that are read.

*Requires*: the structured form.
*Ensures*: the structured form; results are equal, whatever the elements.
*Leaves alone*: sums of what is as wide as its sum, and of numbers that might be too many even for 32 bits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import NamedTuple, TypeAlias, cast

from xdsl.context import Context
from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerType, ModuleOp
from xdsl.dialects.linalg.ops import FillOp, GenericOp, YieldOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from dialects.builder import OpBuilder, affine_map, tensor_type
from dialects.remarks import emit_remark
from dialects.reshapes import build_expand
from dialects.structured import (
    PARALLEL,
    REDUCTION,
    build_empty,
    build_fill,
    build_generic,
    constant_integer,
    element_type,
)
from passes.linalg.bodies import BodyCopier, drain, erase_dead
from passes.linalg.host_blocks import host_blocks
from passes.linalg.maps import accesses, compose, dimension, loop_sizes, num_parallel, shape_of

Extension: TypeAlias = arith.ExtUIOp | arith.ExtSIOp

_SHORTEST_BLOCK = 1024
"""The least steps of a block: its lanes are combined, and widened, only then."""


@dataclass(frozen=True)
class NarrowSumsPass(ModulePass):
    """Add up small integers in lanes no wider than their sums need."""

    name = "narrow-sums"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite every function of the module."""
        del ctx
        for block in host_blocks(op):
            for generic in list(block.ops):
                if isinstance(generic, GenericOp) and num_parallel(generic) < len(generic.iterator_types):
                    summand = _summand(generic)
                    if summand is not None:
                        _narrow(block, generic, summand)


def _summand(op: GenericOp) -> Extension | None:
    """What a sum from zero adds up, if it is widened for that only."""
    block = op.body.block
    end = block.last_op
    if len(op.results) != 1 or not isinstance(end, YieldOp):
        return None
    start, total = op.outputs[0].owner, end.operands[0].owner
    if not isinstance(total, arith.AddiOp) or not isinstance(start, FillOp) or constant_integer(start.inputs[0]) != 0:
        return None
    accumulator = block.args[-1]
    if accumulator not in total.operands or not accumulator.has_one_use():
        return None
    summand = (total.rhs if total.lhs is accumulator else total.lhs).owner
    return summand if isinstance(summand, arith.ExtUIOp | arith.ExtSIOp) and summand.result.has_one_use() else None


def _narrow(block: Block, op: GenericOp, summand: Extension) -> None:
    points = prod(loop_sizes(op)[num_parallel(op) :])
    bits, wide = (cast(IntegerType, value.type).width.data for value in (summand.input, summand.result))
    is_signed = isinstance(summand, arith.ExtSIOp)
    greatest = 1 << (bits - 1) if is_signed else (1 << bits) - 1
    most = {width: ((1 << (width - is_signed)) - 1) // greatest for width in (16, 32)}
    read = max((getattr(element_type(value), "bitwidth", 64) for value in op.inputs), default=64)
    blocks = _blocks(op, most[16]) if read <= 16 < wide and points > most[16] else None
    width = 16 if read <= 16 and (points <= most[16] or blocks) else 32
    if width >= wide:
        return
    if points > most[width] and not blocks:
        message = f"{points} integers of {bits} bits, whose sum may need more than {width}"
        emit_remark("missed", NarrowSumsPass.name, message, op.location)
        return
    side = Block()
    b = OpBuilder(side, op.location)
    result = _build_wide(b, _build_sum(b, op, type(summand), IntegerType(width), blocks), type(summand), op)
    for new in drain(side):
        block.insert_op_before(new, op)
    op.results[0].replace_all_uses_with(result)
    start = op.outputs[0].owner
    block.erase_op(op)
    for dead in (start, *(value.owner for value in cast(FillOp, start).operands)):
        if isinstance(dead, Operation) and dead.parent is block and all(r.first_use is None for r in dead.results):
            block.erase_op(dead)
    lanes = f"lanes of {width}{f', blocks of {blocks.steps}' if blocks else ''}"
    emit_remark("passed", NarrowSumsPass.name, f"{points} integers of {bits} bits in {lanes}", op.location)


class _Blocks(NamedTuple):
    """The only reduction loop in blocks of `steps`: so are the dimensions `dims`, if any, of the inputs."""

    steps: int
    dims: tuple[int | None, ...]


def _blocks(op: GenericOp, most: int) -> _Blocks | None:
    """Blocks of at most so many steps, where the last dimension of what is read is added up."""
    loop = num_parallel(op)
    sizes = loop_sizes(op)
    if loop + 1 != len(sizes):
        return None
    steps = next((n for n in range(most, _SHORTEST_BLOCK - 1, -1) if sizes[loop] % n == 0), 0)
    dims: list[int | None] = []
    for value, access in zip(op.inputs, accesses(op), strict=False):
        is_last = bool(access) and access[-1] == dimension(loop) and shape_of(value)[-1] == sizes[loop]
        dims.append(len(access) - 1 if is_last else None)
    return _Blocks(steps, tuple(dims)) if steps and any(dim is not None for dim in dims) else None


def _build_sum(
    b: OpBuilder, op: GenericOp, extension: type[Extension], narrow: IntegerType, blocks: _Blocks | None
) -> SSAValue:
    """Append the sum, or those of blocks, in lanes of type `narrow`; it takes the body of `op` to pieces."""
    sizes, kept = loop_sizes(op), num_parallel(op)
    shape, inputs, maps = sizes[:kept], list(op.inputs), list(accesses(op))[: len(op.inputs)]
    dims = tuple(map(dimension, range(len(sizes))))
    num_loops = len(sizes)
    if blocks is not None:
        count = sizes[kept] // blocks.steps
        shape, num_loops = (*shape, count), num_loops + 1
        dims = (*dims[:kept], dimension(kept) * blocks.steps + dimension(kept + 1))
        for index, dim in enumerate(blocks.dims):
            maps[index] = compose(maps[index], dims)
            if dim is not None:
                old = shape_of(inputs[index])
                groups = (*((d,) for d in range(dim)), (dim, dim + 1))
                inputs[index] = build_expand(b, inputs[index], groups, (*old[:dim], count, blocks.steps))
                maps[index] = (*maps[index][:dim], dimension(kept), dimension(kept + 1))
    body = op.body.block
    end = cast(YieldOp, body.last_op)
    summand = cast(Extension, _summand(op))
    end.operands[0] = summand.input
    erase_dead(body)

    def add(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
        (number,) = BodyCopier(inner).copy(body, (*arguments[:-1], None), dims, {})
        return (inner.create(arith.AddiOp, (arguments[-1], inner.create(extension, (number,), narrow)), narrow),)

    zeros = build_fill(b, b.constant(0, narrow), tensor_type(narrow, shape))
    indexing = [*(affine_map(num_loops, access) for access in maps), range(len(shape))]
    iterators = (PARALLEL,) * len(shape) + (REDUCTION,) * (num_loops - len(shape))
    return build_generic(b, inputs, (zeros,), indexing, iterators, add)[0]


def _build_wide(b: OpBuilder, narrow: SSAValue, extension: type[Extension], op: GenericOp) -> SSAValue:
    """Append the result of `op` in the type that it has: narrow sums one by one, or those of blocks added up."""
    wide, rank = element_type(op.results[0]), len(shape_of(op.results[0]))
    rest = len(shape_of(narrow)) - rank

    def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
        number = inner.create(extension, (arguments[0],), wide)
        return (inner.create(arith.AddiOp, (arguments[1], number), wide) if rest else number,)

    start = op.outputs[0] if rest else build_empty(b, tensor_type(wide, shape_of(op.results[0])))
    maps = (range(rank + rest), range(rank))
    return build_generic(b, (narrow,), (start,), maps, (PARALLEL,) * rank + (REDUCTION,) * rest, body)[0]
