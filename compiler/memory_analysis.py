"""What `memory_analysis` tells: the bytes that one call of a compiled function needs, named as in JAX."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import cast

from xdsl.dialects.builtin import FileLineColLoc, LocationAttr, ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation

from compiler.signatures import ArraySpec, Signature, find_host_function


@dataclass(frozen=True)
class Temporary:
    """A part of the arena.

    Attributes:
        type: of its elements and its shape, in IR syntax.
        offset: where it starts.
        size_in_bytes: a multiple of 64.
        first_use: the position of the operation that writes it first, in the program at stage `bufferized`; other temporaries may lie in
            the same place before it.
        last_use: the position of the last operation that reads it. A loop that uses it uses it to its end.
        where: the user's file and line that it is for, or an empty string.
    """

    type: str
    offset: int
    size_in_bytes: int
    first_use: int
    last_use: int
    where: str


@dataclass(frozen=True)
class MemoryAnalysis:
    """The bytes that one call needs.

    Workspaces of LAPACK and of Fourier transforms are temporaries; kernels have up to about 1 MiB on the stacks of their threads, and the BLAS
    library packs operands in memory of its own.

    Attributes:
        argument_size_in_bytes: inputs, constants included.
        output_size_in_bytes: results.
        alias_size_in_bytes: results that lie in the memory of donated arguments.
        temp_size_in_bytes: temporaries, all in one arena.
        temp_lower_bound_in_bytes: the largest number of bytes of temporaries that are alive at once; no plan needs less.
        temporaries: what lies where in the arena, and how long.
    """

    argument_size_in_bytes: int
    output_size_in_bytes: int
    alias_size_in_bytes: int
    temp_size_in_bytes: int
    temp_lower_bound_in_bytes: int
    temporaries: tuple[Temporary, ...] = field(default=(), repr=False)

    @property
    def peak_memory_in_bytes(self) -> int:
        """All of it: arguments, results that are not in their memory, and temporaries."""
        own = self.output_size_in_bytes - self.alias_size_in_bytes
        return self.argument_size_in_bytes + own + self.temp_size_in_bytes


def memory_of(module: ModuleOp, signature: Signature) -> MemoryAnalysis:
    """The bytes that the host function with this signature needs, of a module at the `bufferized` stage."""
    from passes.memref.plan_memory import planned_buffers

    def total(specs: Sequence[ArraySpec]) -> int:
        return sum(prod(spec.shape) * spec.dtype.itemsize for spec in specs)

    results = zip(signature.outputs, signature.result_inputs, strict=False)
    buffers = planned_buffers(cast(FuncOp, find_host_function(module, signature.name)))
    temporaries = tuple(
        Temporary(
            str(buffer.memory.type),
            buffer.offset,
            buffer.size,
            buffer.first,
            buffer.last,
            _where(cast(Operation, buffer.memory.owner).location),
        )
        for buffer in buffers
    )
    return MemoryAnalysis(
        total(signature.inputs),
        total(signature.outputs),
        total([spec for spec, source in results if source >= 0]),
        signature.arena_bytes,
        signature.peak_lower_bound,
        temporaries,
    )


def _where(location: LocationAttr) -> str:
    """A place in the user's program."""
    return f"{location.filename.data}:{location.line.data}" if isinstance(location, FileLineColLoc) else ""
