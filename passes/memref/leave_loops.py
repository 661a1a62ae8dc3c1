"""Let points leave a loop as soon as a few steps have changed nothing: what follows would not change anything either.

Before:

```mlir
func.func private @f(%x: memref<8xf32>, %out: memref<8xf32>) attributes {rt.tile = array<i64: 8>} {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%x : memref<8xf32>) outs(%out : memref<8xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c200 = arith.constant 200 : index
    %r = scf.for %i = %c0 to %c200 step %c1 iter_args(%c = %a) -> (f32) {
      %square = arith.mulf %c, %c : f32
      %next = arith.addf %square, %a : f32
      scf.yield %next : f32
    }
    linalg.yield %r : f32
  }
  func.return
}
```

After:

```mlir
func.func private @f(%x: memref<8xf32>, %out: memref<8xf32>) attributes {rt.tile = array<i64: 8>} {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}
      ins(%x : memref<8xf32>) outs(%out : memref<8xf32>) {
  ^bb0(%a: f32, %b: f32):
    %old_c0 = arith.constant 0 : index
    %old_c1 = arith.constant 1 : index
    %old_c200 = arith.constant 200 : index
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c50 = arith.constant 50 : index
    %zero = arith.constant 0 : i32
    %c4 = arith.constant 4 : index
    %left, %r = scf.while (%groups = %c4, %start = %a) : (index, f32) -> (index, f32) {
      %end = scf.for %i = %c0 to %c50 step %c1 iter_args(%c = %start) -> (f32) {
        %square = arith.mulf %c, %c : f32
        %next = arith.addf %square, %a : f32
        scf.yield %next : f32
      }
      %rest = arith.subi %groups, %c1 : index
      %goes_on = arith.cmpi ne, %rest, %c0 : index
      %before = arith.bitcast %start : f32 to i32
      %after = arith.bitcast %end : f32 to i32
      %difference = arith.xori %before, %after : i32
      %changed = arith.cmpi ne, %difference, %zero : i32
      %again = arith.andi %goes_on, %changed : i1
      scf.condition(%again) %rest, %end : index, f32
    } do {
    ^bb1(%groups: index, %start: f32):
      scf.yield %groups, %start : index, f32
    }
    linalg.yield %r : f32
  }
  func.return
}
```

A step is a function of what is carried, so if that is, bit by bit, what it was some steps ago, it will be so again and again. Such are the points of an
iteration that has converged, that have overflowed to NaN, or whose carried values come back after as many steps as are compared.

*Requires*: kernels as `bufferize` and `outline-kernels` leave them.
*Ensures*: the same results, bit by bit.
*Leaves alone*: loops of few steps, those whose steps ask for their number or are long: vectors take turns in these (`phased_loops.py`), together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import cast

from xdsl.context import Context
from xdsl.dialects import arith, func, scf
from xdsl.dialects.builtin import IndexType, IntegerAttr, IntegerType, ModuleOp, i1, i64
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Attribute, Block, Region, SSAValue
from xdsl.passes import ModulePass

from dialects.builder import OpBuilder
from dialects.remarks import emit_remark
from dialects.structured import trip_count
from passes.linalg.bodies import drain
from passes.memref.statements import bit_width, operation_cost
from passes.memref.vector_plan import SHORT

_NE = {"predicate": IntegerAttr(1, i64)}
_INDEX = IndexType()


@dataclass(frozen=True)
class LeaveLoopsPass(ModulePass):
    """Let points leave a loop as soon as a few steps have changed nothing."""

    name = "leave-loops"

    compared: int = 96
    """How many instructions of steps there are between comparisons, each of which takes about five."""

    comparisons: int = 4
    """The fewest comparisons of a loop that are worth it."""

    def __post_init__(self) -> None:
        for name in ("compared", "comparisons"):
            if (number := getattr(self, name)) < 1:
                raise ValueError(f"{self.name}: {name} is {number}, expected at least 1")

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite the loops of all kernels."""
        del ctx
        for function in op.body.block.ops:
            if isinstance(function, func.FuncOp) and "rt.tile" in function.attributes:
                for generic in function.body.block.ops:
                    if isinstance(generic, GenericOp):
                        nested = (inner for outer in generic.body.block.ops if outer.regions for inner in outer.walk())
                        for loop in [inner for inner in nested if isinstance(inner, scf.ForOp)]:
                            self._leave(loop)

    def _leave(self, loop: scf.ForOp) -> None:
        ops = list(loop.body.block.ops)
        cost = sum(map(operation_cost, ops[:-1]))
        least = -(-self.compared // max(1, cost))
        steps = trip_count(loop) or 0
        group = next((size for size in range(least, 2 * least) if steps % size == 0), least)
        reason = _reason_to_stay(loop, cost) or ("they are few" if steps < self.comparisons * group else None)
        if reason is not None:
            emit_remark("missed", self.name, f"points take all {steps} steps of a loop: {reason}", loop.location)
            return
        front = OpBuilder(Block(), loop.location)
        zero, one, size = (front.index(number) for number in (0, 1, group))
        starts: Sequence[SSAValue] = loop.iter_args
        if rest := steps % group:
            end = front.index(rest)
            first = front.insert(loop.clone())
            first.operands = (zero, end, one, *loop.iter_args)
            starts = first.results
        types = [_INDEX, *(start.type for start in starts)]
        before, after = Block(arg_types=types), Block(arg_types=types)
        OpBuilder(after, loop.location).create_op(scf.YieldOp, after.args)
        b = OpBuilder(before, loop.location)
        left, *old = before.args
        region = loop.detach_region(loop.body)
        new = b.create_op(scf.ForOp, (zero, size, one, *old), types[1:], regions=[region]).results
        left = b.create(arith.SubiOp, (left, one), _INDEX)
        again = b.create(arith.CmpiOp, (left, zero), i1, _NE)
        again = b.create(arith.AndIOp, (again, _changed(b, front, old, new)), i1)
        b.create_op(scf.ConditionOp, (again, left, *new))
        groups = front.index(steps // group)
        ends = front.create_op(scf.WhileOp, (groups, *starts), types, regions=[Region(before), Region(after)]).results
        parent = cast(Block, loop.parent)
        parent.insert_ops_before(drain(front.block), loop)
        for result, end in zip(loop.results, ends[1:], strict=True):
            result.replace_all_uses_with(end)
        parent.erase_op(loop)
        emit_remark("passed", self.name, f"points leave a loop when {group} steps change nothing", loop.location)


def _reason_to_stay(loop: scf.ForOp, cost: int) -> str | None:
    """Why a step may change something after others have not, or what it would cost to ask."""
    if loop.body.block.args[0].first_use is not None:
        return "they ask for their number"
    if any(op.regions for op in loop.body.block.ops):
        return "they have loops themselves"
    return "they are long, and vectors take turns" if cost > SHORT else None


def _changed(b: OpBuilder, front: OpBuilder, old: Sequence[SSAValue], new: Sequence[SSAValue]) -> SSAValue:
    """Whether the bits of some value are not what they were."""
    differences: dict[Attribute, SSAValue] = {}
    for before, after in zip(old, new, strict=True):
        operands = _bits(b, before), _bits(b, after)
        bits = operands[0].type
        difference = b.create(arith.XOrIOp, operands, bits)
        others = differences.get(bits)
        differences[bits] = difference if others is None else b.create(arith.OrIOp, (others, difference), bits)
    tests = [
        difference if bits == i1 else b.create(arith.CmpiOp, (difference, front.constant(0, bits)), i1, _NE)
        for bits, difference in differences.items()
    ]
    return reduce(lambda x, y: b.create(arith.OrIOp, (x, y), i1), tests)


def _bits(b: OpBuilder, value: SSAValue) -> SSAValue:
    """A number as an integer."""
    if isinstance(value.type, IntegerType | IndexType):
        return value
    return b.create(arith.BitcastOp, (value,), IntegerType(bit_width(value.type)))
