"""Machine code on disk: what one process has compiled, others only load.

A file holds object code, and what one must know to use it, under a name that is a hash of all that it follows from: a key (the
text that was compiled, or the program), the sources of this package, the versions of what it builds on, and the processor.
`DLC_CACHE_DIR` is the folder, off if empty or 0; `DLC_CACHE_SIZE` is the size that it may have.
See Note [Whose machine code is executed].
"""

import functools
import hashlib
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import ml_dtypes
import numpy as np
import xdsl

from runtime.byte_settings import bytes_setting

if TYPE_CHECKING:
    from runtime.target import Target

SUFFIX = ".dlc"
MAGIC = b"dlc machine code 1\n"
_HASH_SIZE = hashlib.sha256().digest_size
_DEFAULT_SIZE = 1 << 30


def stored(key: bytes, make: Callable[[], bytes]) -> bytes:
    """What is on disk for this key, else what `make` gives, which is there from now on.

    A file that is damaged, of another key or of another user is replaced. Where the folder cannot be used or written, there is
    one warning, and everything is made anew.
    """
    folder = _folder()
    if folder is None:
        return make()
    full_key = hashlib.sha256(key + _surroundings()).digest()
    path = folder / f"{full_key.hex()}{SUFFIX}"
    content = _read(path, full_key)
    if content is None:
        content = make()
        _write(path, full_key, content)
    return content


def stored_object(text: str, target: "Target | None" = None) -> bytes:
    """The object file of LLVM assembly, optimised: from disk where it was compiled before."""
    from runtime.target import host_target

    target = target or host_target()

    def compiled() -> bytes:
        from runtime.native import emit_object

        return emit_object(text, target)

    return stored(hashlib.sha256(f"{target}\n{text}".encode()).digest(), compiled)


def default_folder() -> Path:
    """The folder for dlc where this platform keeps what can be made again."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "dlc" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "dlc"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dlc"


def size_limit() -> int:
    """The bytes that the cache may take: `DLC_CACHE_SIZE`.

    Raises:
        ArgumentError: it is not a number of bytes, or of K, M or G.
    """
    return bytes_setting("DLC_CACHE_SIZE", _DEFAULT_SIZE)


def _folder() -> Path | None:
    """The folder of the cache, which is there and nobody else's; `None` if there is none."""
    setting = os.environ.get("DLC_CACHE_DIR")
    if setting in {"", "0"} or not _SOURCES:
        return None
    try:
        folder = Path(setting) if setting else default_folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
        _warn(f"{error}; set DLC_CACHE_DIR to a folder of yours, or to 0")
        return None
    if _is_foreign(status):
        _warn(f"others may write to {folder}; make it yours (`chmod 700`), or set DLC_CACHE_DIR to another, or to 0")
        return None
    return folder


def _is_foreign(status: os.stat_result) -> bool:
    """Whether others own a file or folder or may write to it."""
    return hasattr(os, "geteuid") and (status.st_uid != os.geteuid() or status.st_mode & 0o022 != 0)


@functools.cache
def _warn(reason: str) -> None:
    warnings.warn(f"compiled programs are not kept on disk: {reason}", RuntimeWarning, stacklevel=2)


# What machine code follows from


def _fingerprint_of_sources() -> bytes:
    """A hash that changes with every file of dlc and xDSL, by size and time as Python itself tells; empty without files.

    It is also their version: what the distributions say about themselves takes ten times as long to read.
    """
    files: list[tuple[str, int, int]] = []
    folders = [str(Path(__file__).parent.parent / package) for package in ("compiler", "dialects", "passes", "runtime")]
    folders.append(str(Path(xdsl.__file__).parent))
    while folders:
        for entry in os.scandir(folders.pop()):
            if entry.is_dir():
                folders.append(entry.path)
            elif entry.name.endswith(".py"):
                status = entry.stat()
                files.append((entry.path, status.st_size, status.st_mtime_ns))
    return hashlib.sha256(repr(sorted(files)).encode()).digest() if files else b""


# At import: what is edited while the process runs is not what compiles in it.
_SOURCES = _fingerprint_of_sources()


@functools.cache
def _surroundings() -> bytes:
    """All but the program that machine code follows from."""
    import llvmlite

    from runtime.llvm_library import llvm_version
    from runtime.target import host_target

    versions = (llvmlite.__version__, llvm_version(), np.__version__, ml_dtypes.__version__)
    return _SOURCES + repr((versions, host_target())).encode()


# Files


def _read(path: Path, key: bytes) -> bytes | None:
    """What is in a file; `None` if it is not there, not for this key, or not as it was written."""
    try:
        with path.open("rb") as file:
            if _is_foreign(os.fstat(file.fileno())):
                return None
            content = file.read()
    except OSError:
        return None
    with suppress(OSError):
        os.utime(path)  # used now; the time of access is often not kept
    start = len(MAGIC) + _HASH_SIZE
    body = content[start:]
    if content[:start] != MAGIC + hashlib.sha256(body).digest() or body[:_HASH_SIZE] != key:
        return None
    return body[_HASH_SIZE:]


def _write(path: Path, key: bytes, content: bytes) -> None:
    """Write a file as a whole or not at all, whoever else writes it at the same time.

    It has what it is, a hash of what follows, the key, and the content.
    """
    body = key + content
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=SUFFIX, delete=False) as file:
            temporary = Path(file.name)
            file.write(MAGIC + hashlib.sha256(body).digest() + body)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()
        _warn(
            f"cannot write to {path.parent}: {error.strerror}; make room, or set DLC_CACHE_DIR to another folder, or to 0"
        )
    else:
        _evict(path.parent, len(body))


_room: dict[Path, int] = {}
"""For each folder, the bytes that this process may write before it looks at the size again."""


def _evict(folder: Path, written: int) -> None:
    """Remove the files used least recently if there are too many, an eighth more than needed; look only when it may be so."""
    _room[folder] = _room.get(folder, 0) - written
    if _room[folder] >= 0:
        return
    limit = size_limit()
    entries: list[tuple[int, int, str]] = []
    with suppress(OSError), os.scandir(folder) as found:
        for entry in found:
            if entry.name.endswith(SUFFIX):
                with suppress(OSError):  # another process was faster
                    status = entry.stat(follow_symlinks=False)
                    entries.append((status.st_mtime_ns, status.st_size, entry.path))
    total = sum(size for _, size, _ in entries)
    if total > limit:
        for _, size, path in sorted(entries):
            if total <= limit - limit // 8:
                break
            with suppress(OSError):
                Path(path).unlink()
            total -= size
    _room[folder] = max(limit - total, 0)


# Note [Whose machine code is executed]
#
# A file here is executed with the rights of the user, so it must be the user's. The folder is made for the user alone
# (0700). A folder that another user owns, or that others may write to, is not used, nor is such a file. The hash is no
# protection against people, but against disks that were full and processes that were killed: what does not fit it is never
# executed. Only numbers, names and object code are read (JSON), nothing that unpickling could run.
