"""Which statements of a kernel run in one loop nest, and which temporaries need memory.

A *sweep* is one loop nest inside the tile, over the extents that its statements share. A statement may join the sweep of
another that it depends on if it reads the other's values at the same loop point and the other is not an unfinished
reduction: softmax is [max], [exp, sum], [div].
"""

from dataclasses import dataclass, field
from math import prod

from passes.memref.accesses import Buffer
from passes.memref.statements import Kernel, Statement, bit_width

LARGEST_TEMPORARY = 1 << 18
"""Bytes: a larger temporary of one tile point is computed again where it is read, if its operands are still there."""


@dataclass(slots=True, eq=False)
class Sweep:
    """Statements that run in one loop nest over `extents`."""

    position: int
    extents: tuple[int, ...]
    is_sequential: bool
    statements: list[Statement] = field(default_factory=list[Statement])
    ahead: set[Buffer] = field(default_factory=set[Buffer])
    """The arguments that it asks for before it loads them."""


class Schedule:
    """Places the statements of a kernel into sweeps.

    Reductions and results run as early as they can. An elementwise statement that only makes temporaries waits until
    something reads them and then runs in that sweep, where its values need no memory; if a later sweep reads them too, they
    are stored, or computed again if they are too large for the stack.
    """

    def __init__(self, kernel: Kernel):
        self.kernel = kernel
        self.sweeps: list[Sweep] = []
        self.sweep_of: dict[Statement, Sweep] = {}
        self._dependences: dict[Statement, list[tuple[Statement, bool]]] = {}
        self._written_arguments: set[Buffer] = set()
        self._find_dependences()
        for statement in kernel.statements:
            if not self._may_wait(statement):
                self._place(statement)

    def _find_dependences(self) -> None:
        """Fill `_dependences`: what must run first, and whether the same loop point is enough."""
        last_writer: dict[Buffer, Statement] = {}
        readers: dict[Buffer, list[tuple[Statement, bool]]] = {}
        for statement in self.kernel.statements:
            found: dict[Statement, bool] = {}

            def add(first: Statement, pointwise: bool, found: dict[Statement, bool] = found) -> None:
                found[first] = found.get(first, True) and pointwise

            num_dims = len(statement.sizes)
            reads = [(access.buffer, access.is_identity(num_dims)) for access in statement.read_accesses()]
            reads += [(buffer, False) for buffer in statement.captured]
            for buffer, pointwise in reads:
                writer = last_writer.get(buffer)
                if writer is not None:
                    add(writer, pointwise and not writer.is_reduction and not writer.is_opaque)
            for buffer in statement.written():
                for reader, pointwise in readers.get(buffer, ()):
                    add(reader, (pointwise or statement.is_reduction) and not statement.is_opaque)
                writer = last_writer.get(buffer)
                if writer is not None:
                    add(writer, not (writer.is_reduction or writer.is_opaque or statement.is_opaque))
                if not buffer.is_temporary:
                    self._written_arguments.add(buffer)
            for buffer, pointwise in reads:
                readers.setdefault(buffer, []).append((statement, pointwise))
            for buffer in statement.written():
                last_writer[buffer] = statement
                readers[buffer] = []
            found.pop(statement, None)
            self._dependences[statement] = list(found.items())

    def _may_wait(self, statement: Statement) -> bool:
        return (
            not statement.is_reduction
            and not statement.is_opaque
            and not statement.has_loops
            and all(output.access.buffer.is_temporary for output in statement.outputs)
        )

    def _place(self, statement: Statement) -> None:
        joining: dict[Statement, int] = {}
        earliest = self._earliest(statement, statement, joining)
        extents = statement.extents
        sequential = statement.is_sequential
        for sweep in self.sweeps[earliest:]:
            alone = statement.is_alone or sweep.statements[0].is_alone
            if sweep.extents == extents and sweep.is_sequential == sequential and not alone:
                break
        else:
            sweep = Sweep(len(self.sweeps), extents, sequential)
            self.sweeps.append(sweep)
        for member in (*joining, statement):
            if member not in sweep.statements:
                sweep.statements.append(member)
            self.sweep_of.setdefault(member, sweep)

    def _earliest(self, statement: Statement, root: Statement, joining: dict[Statement, int]) -> int:
        """The first sweep that `statement` may be in; statements that have to run in the same one are added to `joining`.

        `joining` maps them to their own first sweep, so that each is asked once however many paths lead to it.
        """
        earliest = 0
        for first, pointwise in self._dependences[statement]:
            placed = self.sweep_of.get(first)
            together = pointwise and first.extents == root.extents and not root.is_alone
            if together and (placed is None or self._is_recomputed(first)) and self._may_wait(first):
                if first not in joining:
                    joining[first] = self._earliest(first, root, joining)
                earliest = max(earliest, joining[first])
                continue
            if placed is None:
                self._place(first)
                placed = self.sweep_of[first]
            together = together and placed.is_sequential == root.is_sequential and not first.is_alone
            earliest = max(earliest, placed.position if together else placed.position + 1)
        return earliest

    def _is_recomputed(self, statement: Statement) -> bool:
        """Whether the temporaries of an elementwise statement are too large to be kept from one sweep to another."""
        size = max(
            prod(o.access.buffer.inner_shape) * bit_width(o.access.buffer.element_type) // 8 for o in statement.outputs
        )
        if size <= LARGEST_TEMPORARY:
            return False
        reads = [access.buffer for access in statement.read_accesses()] + statement.captured
        return not any(buffer in self._written_arguments for buffer in reads)


def needs_memory(buffer: Buffer, sweeps: list[Sweep], keeps_registers: dict[Sweep, object]) -> bool:
    """Whether a temporary must be stored: something reads it in another sweep than that which computes it.

    `keeps_registers` has sweeps whose code is straight-line, with the shape of that code: two that are equal see each
    other's values in registers.
    """
    writers: dict[Sweep, None] = {}
    readers: list[tuple[Sweep, bool]] = []
    for sweep in sweeps:
        computed_here = False
        for statement in sweep.statements:
            if buffer in statement.captured or buffer in statement.opaque_writes:
                return True
            if not computed_here:
                num_dims = len(statement.sizes)
                reads = [access for access in statement.read_accesses() if access.buffer is buffer]
                readers += [(sweep, access.is_identity(num_dims)) for access in reads]
            if buffer in statement.written():
                writers[sweep] = None
                computed_here = not statement.is_reduction
    if all(size == 1 for size in buffer.inner_shape):
        return False
    for sweep, pointwise in readers:
        shape = keeps_registers.get(sweep)
        same = shape is not None and all(keeps_registers.get(writer) == shape for writer in writers)
        if not (pointwise and same):
            return True
    return False


def read_elsewhere(buffer: Buffer, sweeps: list[Sweep]) -> bool:
    """Whether a temporary is read in another sweep than that which computes it, or is the result of a reduction."""
    writers = [sweep for sweep in sweeps if any(buffer in s.written() for s in sweep.statements)]
    for sweep in sweeps:
        for statement in sweep.statements:
            if statement.is_reduction and buffer in statement.written():
                return True
            reads = any(access.buffer is buffer for access in statement.read_accesses())
            if (reads and writers != [sweep]) or buffer in statement.captured:
                return True
    return False
