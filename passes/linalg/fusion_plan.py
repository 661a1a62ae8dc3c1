"""Which elementwise operations are computed inside which readers: the decisions of `fuse-elementwise`.

One walk from the last operation to the first, so that all readers of an operation are decided before it: whoever is
not inlined is a *root*, and the readers of a value are always roots, each with its access to the value.
"""

from collections import Counter
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from math import prod
from typing import cast

from xdsl.dialects import arith, tensor
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr
from xdsl.dialects.linalg.ops import FillOp, GenericOp
from xdsl.ir import Attribute, Block, Operation, SSAValue

from dialects.builder import constant_attribute
from dialects.remarks import emit_remark, is_collecting
from dialects.structured import PARALLEL, captured_values, element_type, is_splat_constant
from passes.linalg.bodies import BodyFacts, examine_body
from passes.linalg.kernel_names import content_name
from passes.linalg.maps import (
    ZERO,
    Access,
    accesses,
    anchored_dims,
    compose,
    dimension,
    identity_prefix,
    iterators,
    loop_sizes,
    num_parallel,
    shape_of,
)
from passes.linalg.reshapes import expansion_access, unit_reshape_access

Read = tuple[SSAValue, Access]
"""A tensor, and the access to it in terms of the loops of the root that reads it."""


@dataclass(eq=False, slots=True)
class Loops:
    """What the plan knows of one `linalg.generic`.

    Reductions of extent 1 are no loops: `dims` says what stands for each loop dimension of the operation
    in the renumbered loops, whose extents are `sizes`. If no reduction is left, `start` is what the accumulator was.
    """

    op: GenericOp
    dims: Access
    sizes: tuple[int, ...]
    num_parallel: int
    start: tuple[Attribute, ...]
    body: BodyFacts
    inlined: list[tuple["Loops", Access]] = field(default_factory=list["tuple[Loops, Access]"])
    """For a root: the producers computed in its body, last first, each with its loops in terms of the root's."""
    reads: dict[Read, None] = field(default_factory=dict[Read, None])
    """For a root: what its body reads from memory."""
    scalars: dict[Read, Attribute] = field(default_factory=dict[Read, Attribute])
    """For a root: reads of tensors whose elements are all equal."""
    aliases: dict[Read, Read] = field(default_factory=dict[Read, Read])
    """For a root: reads that became reads of another tensor, the source of a reshape, transpose, broadcast or slice."""
    anchors: list[int] = field(default_factory=list[int])
    """For a root: how many reads tell the extent of each loop dimension."""
    body_ops: int = 0

    @property
    def points(self) -> int:
        """The number of times that the body runs."""
        return prod(self.sizes)


class FusionPlan:
    """The decisions for `block`.

    `uniform` holds the tensors whose elements are all equal, with that element; those of `block` are added, which
    the blocks inside of it will look up.
    """

    def __init__(self, max_recomputed_ops: int, max_body_ops: int, block: Block, uniform: dict[SSAValue, Attribute]):
        self.max_recomputed_ops = max_recomputed_ops
        self.max_body_ops = max_body_ops
        self.roots: dict[Operation, Loops] = {}
        self.uniform = uniform
        for op in block.ops:
            self._note_uniform(op)
        self._readers: dict[SSAValue, dict[tuple[Loops, Access], None]] = {}
        self._pinned: set[SSAValue] = set()
        """Values that must be in memory whatever the elementwise readers do."""

    def decide(self, block: Block) -> None:
        """Decide for every operation of `block`."""
        for op in reversed(list(block.ops)):
            kind = type(op)
            if kind is GenericOp:
                assert isinstance(op, GenericOp)
                self._decide_generic(op)
            elif kind is tensor.CollapseShapeOp or kind is tensor.ExpandShapeOp:
                self._decide_reshape(op)
            elif kind is FillOp or kind is arith.ConstantOp:
                self._decide_constant(op.results[0])
            else:
                self._pinned.update(op.operands)
                if op.regions:
                    self._pinned.update(captured_values(op))
        for value in list(self._readers):
            if value in self.uniform and value.owner.parent is not block:
                self._decide_constant(value)

    def _note_uniform(self, op: Operation) -> None:
        if isinstance(op, FillOp):
            scalar = op.operands[0].owner
            if isinstance(scalar, arith.ConstantOp):
                self.uniform[op.results[0]] = scalar.properties["value"]
        elif isinstance(op, arith.ConstantOp):
            result = op.results[0]
            value = op.properties["value"]
            if isinstance(value, DenseIntOrFPElementsAttr) and prod(value.get_shape()) and is_splat_constant(result):
                self.uniform[result] = constant_attribute(value.get_values()[0], element_type(result))
        elif isinstance(op, tensor.CollapseShapeOp | tensor.ExpandShapeOp) and op.operands[0] in self.uniform:
            self.uniform[op.results[0]] = self.uniform[op.operands[0]]

    def _decide_constant(self, value: SSAValue) -> None:
        if value not in self.uniform:
            if self._readers.get(value):
                self._pinned.add(value)
            return
        for root, access in self._readers.get(value, ()):
            if self._replace_read(root, (value, access), ()):
                root.scalars[value, access] = self.uniform[value]
            else:
                self._pinned.add(value)

    def _decide_reshape(self, op: Operation) -> None:
        value, source = op.results[0], op.operands[0]
        if value in self.uniform:
            self._decide_constant(value)
        else:
            expands = self._may_read_through(op)
            for root, access in self._readers.get(value, ()):
                through = unit_reshape_access(op, access)
                if through is None and expands:
                    through = expansion_access(cast(tensor.ExpandShapeOp, op), access)
                if through is not None and self._replace_read(root, (value, access), ((source, through),)):
                    root.aliases[value, access] = (source, through)
                else:
                    self._pinned.add(value)
        if value in self._pinned:
            self._pinned.add(source)

    def _may_read_through(self, op: Operation) -> bool:
        """Whether what `op` expands is computed by an operation that can disappear into all the readers of `op`."""
        source = op.operands[0].owner
        if not isinstance(op, tensor.ExpandShapeOp) or not isinstance(source, GenericOp) or op.result in self._pinned:
            return False
        body = examine_body(source)
        readers = {(root, expansion_access(op, access)): None for root, access in self._readers.get(op.result, {})}
        is_single = op.operands[0].has_one_use() and len(source.results) == 1
        return is_single and body.is_flat and self._refusal(self._examine(source, body), readers, False) is None

    def _decide_generic(self, op: GenericOp) -> None:
        readers: dict[tuple[Loops, Access], None] = {}
        for result in op.results:
            readers.update(self._readers.get(result, {}))
        pinned = any(result in self._pinned for result in op.results)
        if not readers and not pinned:
            return
        body = examine_body(op)
        self._pinned.update(body.captured)
        if not body.is_flat:
            # Such a body stays as it is and reads from memory.
            self._pinned.update(op.operands)
            return
        loops = self._examine(op, body)
        refusal = self._refusal(loops, readers, pinned)
        kept = pinned or refusal is not None
        if refusal is None:
            value = op.results[0]
            for root, access in readers:
                if not self._inline(loops, root, access):
                    kept = True
                    self._pinned.add(value)
                    _refuse(op, "its reader could not tell the extents of its loops without it")
        elif refusal:
            _refuse(op, refusal)
        if kept:
            self._make_root(loops)

    def _examine(self, op: GenericOp, body: BodyFacts) -> Loops:
        block = op.regions[0].block
        kinds = iterators(op)
        sizes = loop_sizes(op)
        parallel = kinds.count(PARALLEL)
        rank = len(kinds)
        dims: Access = tuple(dimension(d) for d in range(rank))
        start: tuple[Attribute, ...] = ()
        arguments = block.args[len(op.operands) - len(op.results) :]
        unit = [d for d in range(parallel, rank) if sizes[d] == 1]
        if unit or (parallel == rank and any(argument.first_use is not None for argument in arguments)):
            outputs = op.operands[len(op.operands) - len(op.results) :]
            known = all(value in self.uniform for value in outputs)
            if len(unit) == rank - parallel and known:
                start = tuple(self.uniform[value] for value in outputs)
            elif len(unit) == rank - parallel:
                unit = []
            kept = [d for d in range(rank) if d not in unit]
            position = {d: i for i, d in enumerate(kept)}
            dims = tuple(ZERO if d in unit else dimension(position[d]) for d in range(rank))
            sizes = tuple(sizes[d] for d in kept)
        return Loops(op, dims, sizes, parallel, start, body)

    def _refusal(self, loops: Loops, readers: dict[tuple[Loops, Access], None], pinned: bool) -> str | None:
        """Why `loops` cannot be computed in its readers; `None` if it can, empty if there is nothing to tell."""
        op = loops.op
        if not readers or len(op.results) != 1:
            return ""
        block = op.regions[0].block
        if len(loops.sizes) > loops.num_parallel or (block.args[-1].first_use is not None and not loops.start):
            return ""
        if loops.body.num_ops == 0:
            return None
        if pinned:
            return "needed in memory anyway, by a library call, a result or a computed index"
        if loops.body.captured and any(_skips(access) for _, access in readers):
            return "it reads at computed places, and neighbours in its reader would be far apart there"
        copies = Counter(root for root, _ in readers)
        if any(root.body_ops + copies[root] * loops.body.num_ops > self.max_body_ops for root, _ in readers):
            return f"the fused body would have more than {self.max_body_ops} operations"
        needed = sum(root.points for root, _ in readers)
        if needed <= loops.points:
            return None
        times = len(readers)
        # Readers are repeated in turn: without a limit on their number, a chain of them would grow with its square.
        num_ops = max(loops.body.num_ops, (times - 1) * loops.body.num_ops // 2)
        if not loops.body.is_cheap or num_ops > self.max_recomputed_ops:
            return (
                f"too expensive to repeat: {loops.body.num_ops} operations at {needed} points instead of {loops.points}"
            )
        if times > 1:
            weights, kept = (1, 1), _num_bytes(op.results[0])
            if len(copies) == times:
                # Each reader may be a kernel of its own: to keep the result is to write it, and to read it all but once.
                # What is spread over more points is small beside what else they read, wherever it is.
                is_spread = needed > times * loops.points
                weights, kept = (times - 1, times - 1 if is_spread else times + 1), times * kept
            moved = sum(self._bytes_moved(op, weights, self.max_recomputed_ops, {op}).values())
            if moved > kept + kept // 8:
                return f"repeating it for {times} readers moves more memory than keeping it"
        for root, access in readers:
            prefix = identity_prefix(access)
            if (
                0 < prefix <= root.num_parallel
                and prefix < len(root.sizes)
                and prod(root.sizes[:prefix]) > 1
                and all(expression == ZERO for expression in access[prefix:])
            ):
                return "needed once per row of its reader; a kernel can compute it there"
        return None

    def _bytes_moved(
        self, op: GenericOp, weights: tuple[int, int], budget: int, own: AbstractSet[Operation | Block]
    ) -> dict[SSAValue, int]:
        """How many bytes are moved to repeat an elementwise operation, for each tensor that is then read from memory.

        `weights` are how often an input counts: one that is in memory anyway, and one that is computed only for the operations
        `own`, which is not written if their results are. Inputs that up to `budget` operations compute may be repeated as well.
        """
        values = dict.fromkeys(op.operands[: len(op.operands) - 1])
        while more := {value.owner for value in values if self._is_only_for(own, value)}.difference(own):
            own = {*own, *more}
        found: dict[SSAValue, int] = {}
        for value in values:
            owner = value.owner
            moved = weights[owner in own] * _num_bytes(value)
            if isinstance(owner, GenericOp) and value not in self._pinned and len(owner.results) == 1:
                body = examine_body(owner)
                is_elementwise = num_parallel(owner) == len(iterators(owner)) and body.is_flat and not body.captured
                if is_elementwise and body.is_cheap and body.num_ops <= budget:
                    below = self._bytes_moved(owner, weights, budget - body.num_ops, {*own, owner})
                    if sum(below.values()) <= moved:
                        found |= below
                        continue
            found[value] = moved
        return found

    def _is_only_for(self, own: AbstractSet[Operation | Block], value: SSAValue) -> bool:
        """Whether an elementwise operation, which they could be computed with, computes `value` for `own` alone."""
        owner = value.owner
        if not isinstance(owner, GenericOp) or value in self._pinned or num_parallel(owner) < len(iterators(owner)):
            return False
        return all(use.operation in own for use in value.uses)

    def _inline(self, loops: Loops, root: Loops, access: Access) -> bool:
        """Plan the computation of `loops` in `root`, which reads its result by `access`."""
        reads = self._reads_of(loops, access)
        if not self._replace_read(root, (loops.op.results[0], access), tuple(reads)):
            return False
        if loops.body.num_ops == 0 and len(reads) == 1:
            (root.aliases[loops.op.results[0], access],) = reads
        else:
            root.inlined.append((loops, access))
            root.body_ops += loops.body.num_ops
        return True

    def _reads_of(self, loops: Loops, dims: Access) -> dict[Read, None]:
        """What the body of `loops` reads when `dims` stand for its loop dimensions."""
        op = loops.op
        arguments = op.regions[0].block.args
        reads: dict[Read, None] = {}
        for value, access, argument in zip(op.operands, accesses(op), arguments, strict=True):
            if argument.index >= len(arguments) - len(op.results):
                break
            if argument.first_use is not None:
                reads[value, compose(access, compose(loops.dims, dims))] = None
        return reads

    def _make_root(self, loops: Loops) -> None:
        op = loops.op
        self.roots[op] = loops
        loops.body_ops = loops.body.num_ops
        loops.anchors = [0] * len(loops.sizes)
        outputs = len(op.results)
        own = tuple(dimension(d) for d in range(len(loops.sizes)))
        for read in self._reads_of(loops, own):
            self._add_read(loops, read)
        arguments = op.regions[0].block.args
        for value, access, argument in zip(op.operands, accesses(op), arguments, strict=True):
            if argument.index >= len(arguments) - outputs:
                for d in anchored_dims(compose(access, loops.dims), shape_of(value), loops.sizes):
                    loops.anchors[d] += 1
                if value not in self.uniform:
                    self._pinned.add(value)
            elif argument.first_use is None and len(loops.sizes) > loops.num_parallel:
                read = (value, compose(access, loops.dims))
                told = anchored_dims(read[1], shape_of(value), loops.sizes)
                if any(d >= loops.num_parallel and not loops.anchors[d] for d in told):
                    self._add_read(loops, read)

    def _add_read(self, root: Loops, read: Read) -> None:
        if read in root.reads:
            return
        root.reads[read] = None
        self._readers.setdefault(read[0], {})[root, read[1]] = None
        for d in anchored_dims(read[1], shape_of(read[0]), root.sizes):
            root.anchors[d] += 1

    def _replace_read(self, root: Loops, old: Read, new: tuple[Read, ...]) -> bool:
        """Let `root` read `new` instead of `old`, unless the extents of its loops could then not be told."""
        gained: set[int] = set()
        added = [read for read in new if read not in root.reads]
        for value, access in added:
            told = anchored_dims(access, shape_of(value), root.sizes)
            # By a reduction dimension alone, an operand must be read in full: that is how its extent is told.
            if any(dimension(d) in access for d in range(root.num_parallel, len(root.sizes)) if d not in told):
                return False
            gained |= told
        lost = anchored_dims(old[1], shape_of(old[0]), root.sizes)
        if any(d >= root.num_parallel and root.anchors[d] == 1 and d not in gained for d in lost):
            return False
        del root.reads[old]
        for d in lost:
            root.anchors[d] -= 1
        for read in added:
            self._add_read(root, read)
        return True


def _skips(access: Access) -> bool:
    """Whether not all elements along the last dimension are read by neighbours."""
    if not access:
        return False
    dims = access[-1].used_dims()
    origin = [0] * (max(dims, default=-1) + 1)
    return any(
        access[-1].eval([int(other == d) for other in range(len(origin))], ()) - access[-1].eval(origin, ())
        not in {0, 1}
        for d in dims
    )


def _num_bytes(value: SSAValue) -> int:
    element = element_type(value)
    width = getattr(element, "bitwidth", 64)
    return prod(shape_of(value)) * max(1, width // 8)


def _refuse(op: GenericOp, reason: str) -> None:
    if is_collecting():
        emit_remark("missed", "fuse-elementwise", f"{content_name(op)}: {reason}", op.location)
