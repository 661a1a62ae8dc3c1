"""Copy operands that are read again and again with a stride into the order in which they are read.

Before:

```mlir
func.func @f(%x: tensor<64x3xf32>, %y: tensor<64x3xf32>, %start: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %r = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (j, k)>, affine_map<(i, j, k) -> (i, j)>],
                       iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %y : tensor<64x3xf32>, tensor<64x3xf32>) outs(%start : tensor<64x64xf32>) {
  ^bb0(%p: f32, %q: f32, %acc: f32):
    %d = arith.subf %p, %q : f32
    %m = math.absf %d : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<64x64xf32>
  func.return %r : tensor<64x64xf32>
}
```

After:

```mlir
func.func @f(%x: tensor<64x3xf32>, %y: tensor<64x3xf32>, %start: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %e = tensor.empty() : tensor<3x64xf32>
  %packed = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>],
                            iterator_types = ["parallel", "parallel"]}
      ins(%y : tensor<64x3xf32>) outs(%e : tensor<3x64xf32>) {
  ^bb0(%p: f32, %out: f32):
    linalg.yield %p : f32
  } -> tensor<3x64xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>],
                       iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %packed : tensor<64x3xf32>, tensor<3x64xf32>) outs(%start : tensor<64x64xf32>) {
  ^bb0(%p: f32, %q: f32, %acc: f32):
    %d = arith.subf %p, %q : f32
    %m = math.absf %d : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<64x64xf32>
  func.return %r : tensor<64x64xf32>
}
```

The loop that vectors run along is guessed: the last reduction if it is long and nothing is contiguous along the last parallel loop,
otherwise the last parallel one. What is read along it with a stride, many times over, gets a copy with that dimension last. Operations
share the copies.

*Requires*: the structured form.
*Ensures*: the structured form.
*Leaves alone*: operands that are read less than `min_reuse` times; those that a long reduction reads in order; pairs, whose parts
two vectors hold.
"""

from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, ModuleOp
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.ir.affine import AffineConstantExpr
from xdsl.passes import ModulePass

from dialects.builder import OpBuilder, affine_map, tensor_type
from dialects.remarks import emit_remark
from dialects.structured import build_copy, element_type
from passes.linalg.host_blocks import host_blocks
from passes.linalg.maps import Access, accesses, dimension, is_running_reduction, loop_sizes, num_parallel, shape_of


@dataclass(frozen=True)
class PackOperandsPass(ModulePass):
    """Copy operands that are read again and again with a stride into the order in which they are read."""

    name = "pack-operands"

    min_reuse: int = 8
    """How often each element must be read at least."""
    min_lanes: int = 16
    """The least extent of a loop for vectors."""

    def __post_init__(self) -> None:
        if self.min_reuse < 1 or self.min_lanes < 2:
            message = f"min-reuse is {self.min_reuse} and min-lanes is {self.min_lanes}; use at least 1 and 2"
            raise ValueError(f"{self.name}: {message}")

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite every function of the module."""
        del ctx
        for block in host_blocks(op):
            packed: dict[tuple[SSAValue, int], SSAValue] = {}
            for generic in list(block.ops):
                if isinstance(generic, GenericOp):
                    self._visit(block, generic, packed)

    def _visit(self, block: Block, op: GenericOp, packed: dict[tuple[SSAValue, int], SSAValue]) -> None:
        sizes = loop_sizes(op)
        maps = list(accesses(op))
        lanes = self._lanes(op, sizes, maps[: len(op.inputs)])
        if lanes < 0:
            return
        for index, value in enumerate(op.inputs):
            place = self._place_to_pack(value, maps[index], lanes, sizes, num_parallel(op))
            if place < 0:
                continue
            order = [d for d in range(len(maps[index])) if d != place] + [place]
            if (value, place) not in packed:
                packed[value, place] = _build_copy(block, op, value, order)
                message = f"dimension {place} of {value.type} is read in vectors: it is copied to be the last"
                emit_remark("passed", self.name, message, op.location)
            op.operands[index] = packed[value, place]
            maps[index] = tuple(maps[index][d] for d in order)
        op.properties["indexing_maps"] = ArrayAttr([affine_map(len(sizes), access) for access in maps])

    def _lanes(self, op: GenericOp, sizes: tuple[int, ...], inputs: list[Access]) -> int:
        """The loop dimension that vectors will run along, or -1."""
        parallel = num_parallel(op)
        if is_running_reduction(op):
            return -1
        along = [d for d in range(parallel) if sizes[d] > 1][-1:]
        reduced = [d for d in range(parallel, len(sizes)) if sizes[d] >= self.min_lanes][-1:]
        is_contiguous = any(access and [access[-1]] == [dimension(d) for d in along] for access in inputs)
        (lanes,) = reduced if reduced and not is_contiguous else along or [-1]
        return lanes if lanes >= 0 and sizes[lanes] >= self.min_lanes else -1

    def _place_to_pack(self, value: SSAValue, access: Access, lanes: int, sizes: tuple[int, ...], parallel: int) -> int:
        """The dimension of an operand that is to become the last, or -1."""
        shape = shape_of(value)
        places = [d for d, expression in enumerate(access) if lanes in expression.used_dims()]
        if len(places) != 1 or prod(sizes) < self.min_reuse * prod(shape):
            return -1
        (place,) = places
        behind = access[place + 1 :]
        is_pair = shape[-1] == 2 and isinstance(access[-1], AffineConstantExpr)
        if access[place] != dimension(lanes) or prod(shape[place + 1 :]) == 1 or is_pair:
            return -1
        in_order = {d for expression in behind for d in expression.used_dims()}
        if any(d >= parallel and sizes[d] >= self.min_lanes for d in in_order):
            return -1
        return place


def _build_copy(block: Block, reader: Operation, value: SSAValue, order: list[int]) -> SSAValue:
    """Insert a copy of `value`, whose dimension `i` is `order[i]` of it, in front of `reader`."""
    shape = shape_of(value)
    access = tuple(dimension(order.index(d)) for d in range(len(shape)))
    pieces = Block()
    result_type = tensor_type(element_type(value), tuple(shape[d] for d in order))
    result = build_copy(OpBuilder(pieces, reader.location), value, result_type, affine_map(len(shape), access))
    for piece in list(pieces.ops):
        pieces.detach_op(piece)
        block.insert_op_before(piece, reader)
    return result
