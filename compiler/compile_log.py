"""What `jit` says about its compilations on standard error: `DLC_LOG_COMPILES=1`, `DLC_EXPLAIN_RECOMPILES=1`."""

import sys
from collections.abc import Hashable, Iterable, Sequence
from typing import Any, NamedTuple

from compiler.abstract import AbstractArray
from compiler.pytrees import TreeSpec
from compiler.source import user_line


class SignatureRecord(NamedTuple):
    """A signature in the words of the user, kept to explain why another one is new."""

    structure: TreeSpec
    static: tuple[tuple[int | str, Hashable], ...]
    names: tuple[str, ...]
    arrays: tuple[AbstractArray, ...]


def log_compilation(name: str, record: SignatureRecord, seconds: float) -> None:
    """One line: what was compiled, for which arguments, and how long it took."""
    described = [f"{leaf}: {array}" for leaf, array in zip(record.names, record.arrays, strict=True)]
    described += [f"{where}={value!r} (static)" for where, value in record.static]
    _say(f"compiled {name}({', '.join(described)}) in {1e3 * seconds:.1f} ms", user_line())


def explain_recompilation(name: str, record: SignatureRecord, known: Sequence[SignatureRecord]) -> None:
    """Say in what the signature differs from the most similar known one."""
    if not known:
        return
    differences = min((list(_differences(record, other)) for other in known), key=len)
    _say(f"recompiling {name}: {'; '.join(differences) or 'a static value or the kind of an argument'}", user_line())


def _differences(new: SignatureRecord, old: SignatureRecord) -> Iterable[str]:
    if new.structure != old.structure:
        yield f"the arguments have the structure {new.structure}, before {old.structure}"
        return
    for name, array, before in zip(new.names, new.arrays, old.arrays, strict=True):
        if (array.shape, array.dtype) != (before.shape, before.dtype):
            yield f"{name} is {array}, before {before}"
        elif array.weak_type != before.weak_type:
            kinds = ("an array", "a Python scalar")
            yield f"{name} is {kinds[array.weak_type]}, before {kinds[before.weak_type]}"
    before_static = dict(old.static)
    for where, value in new.static:
        if where not in before_static:
            yield f"the static argument {where} is passed, before it was not"
        elif _differs(value, before_static[where]):
            yield f"the static argument {where} is {value!r}, before {before_static[where]!r}"
    for where in before_static.keys() - dict(new.static).keys():
        yield f"the static argument {where} is not passed, before it was"


def _differs(value: Any, other: Any) -> bool:
    return type(value) is not type(other) or value != other


def _say(message: str, line: str | None) -> None:
    print(f"dlc: {message}" + (f"\n  at {line}" if line else ""), file=sys.stderr)
