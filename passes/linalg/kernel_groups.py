"""Which structured operations share a kernel: the decisions of `form-kernels`."""

from dataclasses import dataclass, field
from math import prod
from typing import TypeAlias

from xdsl.dialects import tensor
from xdsl.dialects.builtin import ArrayAttr
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Operation, SSAValue
from xdsl.ir.affine import AffineConstantExpr

from dialects import rt
from dialects.builder import affine_map
from dialects.remarks import emit_remark, is_collecting
from dialects.rt import RowsOp
from dialects.structured import element_type
from passes.linalg.bodies import captured_by
from passes.linalg.groups import AcyclicGroups
from passes.linalg.host_blocks import is_scalar_nest
from passes.linalg.kernel_names import content_name
from passes.linalg.maps import Access, accesses, dimension, identity_prefix, loop_sizes, num_parallel, shape_of
from passes.linalg.windows import is_window_write, scalar_sources, window_write

Sweep: TypeAlias = tuple[SSAValue, Access, tuple[int, ...]]
"""A tensor, the access to it, and the extents of the loops."""


@dataclass(eq=False, slots=True)
class Member:
    """A structured operation of a kernel."""

    op: Operation
    node: int
    sizes: tuple[int, ...]
    num_parallel: int
    reads: list[tuple[SSAValue, Access]]
    captured: tuple[SSAValue, ...]

    @property
    def parallel(self) -> tuple[int, ...]:
        """The extents of the parallel loops."""
        return self.sizes[: self.num_parallel]

    def goes_over(self, tile: tuple[int, ...]) -> bool:
        """Whether `tile`, which begins the loops, is all the parallel ones, but for those of size 1 in front of a reduction."""
        is_reduction = self.num_parallel < len(self.sizes)
        return self.parallel == tile or (is_reduction and prod(self.parallel) == prod(tile))


@dataclass(eq=False, slots=True)
class Group:
    """A kernel to be. `tile` is the longest space of outer loops that all members share."""

    members: list[Member]
    tile: tuple[int, ...]
    may_grow: bool = True
    results: dict[SSAValue, int] = field(default_factory=dict[SSAValue, int])
    """The values computed, each with how many of its leading dimensions are those of the loops that compute it."""


class KernelGrouping:
    """Groups the structured operations of a block, in program order, each with the producers it can join."""

    def __init__(
        self,
        max_group_size: int,
        max_point_bytes: int,
        max_serial_points: int,
        min_rows: int,
        min_row_size: int,
        min_shared_part: int,
        search_limit: int,
    ):
        self.max_group_size = max_group_size
        self.max_point_bytes = max_point_bytes
        self.max_serial_points = max_serial_points
        self.min_rows = min_rows
        self.min_row_size = min_row_size
        self.min_shared_part = min_shared_part
        self.graph = AcyclicGroups(search_limit)
        self.groups: dict[int, Group] = {}
        """The kernels, by the node that stands for them in `graph`."""
        self._node_of: dict[SSAValue, int] = {}
        self._added: set[Operation] = set()

    def add(self, op: Operation) -> int:
        """Add the next operation of the block, joining it with earlier ones if it is structured."""
        if is_window_write(op):
            return self._add_window_write(op)
        captured = captured_by(op)
        write = window_write(op)
        if write is not None:
            # What is written to, and where, must be known before the kernel starts.
            places = (source for offset in write.offsets for source in scalar_sources(offset))
            captured = (*captured, write.dest, *places)
        sources = (*op.operands, *captured)
        node = self.graph.add(self._node_of[value] for value in sources if value in self._node_of)
        self._added.add(op)
        for result in op.results:
            self._node_of[result] = node
        if isinstance(op, GenericOp):
            member = _examine(op, node, captured)
            written = member.reads[len(op.inputs) :]
            results: dict[SSAValue, int] = {
                result: identity_prefix(access) for result, (_, access) in zip(op.results, written, strict=True)
            }
            self.groups[node] = Group([member], member.parallel, results=results)
            self._join_producers(member)
        elif isinstance(op, rt.ScatterOp | rt.FftOp | RowsOp):
            member = Member(op, node, op.parallel, len(op.parallel), [], captured)
            self.groups[node] = Group([member], op.parallel, may_grow=False, results=dict.fromkeys(op.results, 0))
        elif is_scalar_nest(op):
            member = Member(op, node, (), 0, [], captured)
            self.groups[node] = Group([member], (), may_grow=False, results=dict.fromkeys(op.results, 0))
        return node

    def _add_window_write(self, op: tensor.InsertSliceOp) -> int:
        """Add the insertion of a window to the kernel of the generic that computes it."""
        node = self._node_of[op.source]
        group = self.groups[self.graph.find(node)]
        member = next(member for member in group.members if member.op is op.source.owner)
        group.members.append(Member(op, member.node, member.sizes, member.num_parallel, [], ()))
        group.results[op.result] = 0
        self._node_of[op.result] = node
        return node

    def _join_producers(self, member: Member) -> None:
        saved: dict[int, int] = {}
        for value, _ in member.reads:
            node = self._node_of.get(value)
            if node is not None and (group := self.graph.find(node)) in self.groups:
                saved[group] = saved.get(group, 0) + num_bytes(value)
        for candidate in sorted(saved, key=lambda group: (-saved[group], -self.graph.position(group))):
            other = self.graph.find(candidate)
            own = self.graph.find(member.node)
            if other == own:
                continue
            refusal = self._join(own, other)
            if refusal is not None:
                self._tell_refusal(member, other, refusal)

    def join_siblings(self) -> None:
        """Join kernels that go through the same data in the same way, those first that share most; call it when all is added."""
        readers: dict[Sweep, dict[int, Member]] = {}
        for node, group in self.groups.items():
            for sweep, member in _sweeps(group).items():
                readers.setdefault(sweep, {})[node] = member
        for _, members in sorted(readers.items(), key=lambda entry: -num_bytes(entry[0][0])):
            last = None
            for member in members.values():
                own = self.graph.find(member.node)
                if last is not None and own != last:
                    refusal = self._sibling_refusal(own, last) or self._join(own, last)
                    if refusal is None:
                        own = self.graph.find(own)
                    else:
                        self._tell_refusal(member, last, refusal)
                last = own

    def _sibling_refusal(self, own: int, other: int) -> str | None:
        """Why two kernels that read the same are better two; a cycle is found when they join."""
        mine, theirs = self.groups[own], self.groups[other]
        if mine.tile != theirs.tile:
            return f"they read the same, but their outer loops are {list(mine.tile)} and {list(theirs.tile)}"
        shared = {value for value, _, _ in _sweeps(mine).keys() & _sweeps(theirs).keys()}
        if sum(map(num_bytes, shared)) * self.min_shared_part < min(map(_traffic, (mine, theirs))):
            return f"what both read is less than one part in {self.min_shared_part} of what they read and write"
        return None

    def _join(self, own: int, other: int) -> str | None:
        """Merge two groups; return why not."""
        mine, theirs = self.groups[own], self.groups[other]
        if not mine.may_grow or not theirs.may_grow:
            return "a scatter, a Fourier transform or a sort is a kernel of its own"
        if len(mine.members) + len(theirs.members) > self.max_group_size:
            return f"the kernel would have more than {self.max_group_size} operations"
        if _reads_around_window(mine, theirs) or _reads_around_window(theirs, mine):
            return "it reads what the window of the other is part of, which then could not be written in place"
        tile = self._common_tile(mine, theirs)
        if isinstance(tile, str):
            return tile
        if prod(tile) == 1 and self._would_wait(other, own):
            return "what still reads its results would have to wait for a large kernel"
        results = {**theirs.results, **mine.results}
        point_bytes = sum(num_bytes(value, len(tile)) for value in results if not _is_window_write(value))
        if point_bytes > self.max_point_bytes:
            return f"one point of the tile would need {point_bytes} bytes, more than {self.max_point_bytes}"
        refusal = self.graph.merge(own, other)
        if refusal is not None:
            return f"a cycle would arise: {refusal}"
        del self.groups[own], self.groups[other]
        members = sorted((*theirs.members, *mine.members), key=lambda member: member.node)
        self.groups[self.graph.find(own)] = Group(members, tile, results=results)
        return None

    def _would_wait(self, small: int, reader: int) -> bool:
        """Whether results that are read later, too, would come after a large kernel only because `reader` does."""
        results = self.groups[small].results
        if all(use.operation in self._added for value in results for use in value.uses):
            return False
        before = set(self.graph.before(small))
        return any(
            group not in before and max(prod(m.sizes) for m in self.groups[group].members) > self.max_serial_points
            for group in self.graph.before(reader)
            if group in self.groups and group != small
        )

    def _common_tile(self, mine: Group, theirs: Group) -> tuple[int, ...] | str:
        """The tile of the two groups together, or why they have none."""
        shared = 0
        for a, b in zip(mine.tile, theirs.tile, strict=False):
            if a != b:
                break
            shared += 1
        for reader, source in ((mine, theirs), (theirs, mine)):
            for member in reader.members:
                if any(value in source.results for value in member.captured):
                    return "a computed index may read any element of the other's result"
                for value, access in member.reads:
                    if value in source.results:
                        if _is_window_write(value):
                            return "all of a window must be written before the whole is read"
                        shared = min(shared, identity_prefix(access), source.results[value])
        tile = mine.tile[:shared]
        if tile == mine.tile == theirs.tile:
            return tile
        members = (*mine.members, *theirs.members)
        if prod(tile) > 1 and any(member.goes_over(tile) for member in members):
            return tile
        # Neither threads nor vectors lose anything by going through the elementwise steps of a row one after the other.
        if prod(tile) >= self.min_rows and all(
            member.num_parallel == len(member.sizes) and member.sizes[-1] >= self.min_row_size for member in members
        ):
            return tile
        # Without outer loops to split, only little work may join, and no reduction may lose its rows.
        if all(member.parallel == tile for member in members if member.num_parallel < len(member.sizes)) and (
            max(prod(member.sizes) for member in members) <= self.max_serial_points
        ):
            return tile
        return f"they share only the outer loops {list(tile)} of {list(mine.tile)} and {list(theirs.tile)}"

    def _tell_refusal(self, member: Member, other: int, reason: str) -> None:
        if is_collecting():
            mine, theirs = (content_name(op) for op in (member.op, self.groups[other].members[-1].op))
            message = f"{mine} does not join {theirs}: {reason}"
            emit_remark("missed", "form-kernels", message, member.op.location)


def _sweeps(group: Group) -> dict[Sweep, Member]:
    """The ways in which a kernel goes through data from outside, each with an operation that does."""
    return {
        (value, access, member.sizes): member
        for member in group.members
        if isinstance(member.op, GenericOp)
        for value, access in member.reads[: len(member.op.inputs)]
        if value not in group.results
    }


def _traffic(group: Group) -> int:
    """The bytes that a kernel reads and writes, each tensor once."""
    read = {value: None for value, _, _ in _sweeps(group)}
    return sum(num_bytes(value) for value in {**read, **group.results} if not _is_window_write(value))


def _reads_around_window(reader: Group, writer: Group) -> bool:
    """Whether a member of `reader` reads a tensor that `writer` writes a window of without reading it."""
    for member in writer.members:
        write = window_write(member.op)
        if write is not None and not any(
            value is write.dest for value in (*member.op.operands, *captured_by(member.op))
        ):
            for other in reader.members:
                if any(value is write.dest for value in (*other.op.operands, *other.captured)):
                    return True
    return False


def _is_window_write(value: SSAValue) -> bool:
    return isinstance(value.owner, tensor.InsertSliceOp)


def _examine(op: GenericOp, node: int, captured: tuple[SSAValue, ...]) -> Member:
    sizes = loop_sizes(op)
    parallel = num_parallel(op)
    maps = accesses(op)
    aligned = tuple(
        _align(access, shape_of(value), sizes[:parallel]) for value, access in zip(op.operands, maps, strict=True)
    )
    if aligned != maps:
        op.properties["indexing_maps"] = ArrayAttr([affine_map(len(sizes), access) for access in aligned])
    return Member(op, node, sizes, parallel, list(zip(op.operands, aligned, strict=True)), captured)


def _align(access: Access, shape: tuple[int, ...], parallel: tuple[int, ...]) -> Access:
    """Index leading dimensions of size 1 by the loop at the same place, so that the tile is an identity there."""
    if 1 not in shape:
        return access
    result = list(access)
    for d in range(min(len(shape), len(parallel))):
        if shape[d] == parallel[d] == 1 and isinstance(access[d], AffineConstantExpr):
            result[d] = dimension(d)
        elif access[d] != dimension(d):
            break
    return tuple(result)


def num_bytes(value: SSAValue, first_dim: int = 0) -> int:
    """The bytes of a tensor, or of one point of its first `first_dim` dimensions."""
    width: int = getattr(element_type(value), "bitwidth", 64)
    return prod(shape_of(value)[first_dim:]) * max(1, width // 8)
