"""Compiled programs on disk: machine code and its signature as bytes."""

import json
import struct
from collections.abc import Callable, Iterable
from typing import Any

from compiler.executable import MachineCode
from compiler.signatures import ArraySpec, Signature
from dialects.dlc.interfaces import DTYPES
from runtime.object_cache import stored


def stored_machine_code(key: bytes, make: Callable[[], MachineCode]) -> MachineCode:
    """The machine code that is on disk for the key of a program, else what `make` gives, which is there from now on."""
    made: MachineCode | None = None

    def packed() -> bytes:
        nonlocal made
        made = make()
        return _packed(made)

    content = stored(key, packed)
    return made or _unpacked(content)


def _packed(machine_code: MachineCode) -> bytes:
    signature = machine_code.signature
    header: dict[str, Any] = {
        "name": signature.name,
        "inputs": [(spec.shape, spec.dtype.name) for spec in signature.inputs],
        "outputs": [(spec.shape, spec.dtype.name) for spec in signature.outputs],
        "arena_bytes": signature.arena_bytes,
        "peak_lower_bound": signature.peak_lower_bound,
        "donated": signature.donated,
        "result_inputs": signature.result_inputs,
        "is_short": signature.is_short,
        "library_functions": machine_code.library_functions,
    }
    text = json.dumps(header).encode()
    return struct.pack("<I", len(text)) + text + machine_code.code


def _unpacked(content: bytes) -> MachineCode:
    (size,) = struct.unpack_from("<I", content)
    text, code = content[4 : 4 + size], content[4 + size :]
    header = json.loads(text)
    dtypes = {dtype.name: dtype for dtype in DTYPES.values()}

    def specs(pairs: Iterable[tuple[list[int], str]]) -> tuple[ArraySpec, ...]:
        return tuple(ArraySpec(tuple(shape), dtypes[name]) for shape, name in pairs)

    signature = Signature(
        header["name"],
        specs(header["inputs"]),
        specs(header["outputs"]),
        header["arena_bytes"],
        header["peak_lower_bound"],
        tuple(header["donated"]),
        tuple(header["result_inputs"]),
        header["is_short"],
    )
    return MachineCode(signature, tuple(header["library_functions"]), code)
