"""Trees of arrays in `safetensors` files: what `compiler.save` writes and `compiler.load` reads.

A file has named arrays and no code. The name of a leaf is the way to it, joined by dots: `{"layers": [{"weight": w}]}` has
`layers.0.weight`, as PyTorch's `state_dict` would. `None` and empty containers have no leaves, so they leave no trace.
"""

import errno
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias, cast

import ml_dtypes
import numpy as np
from safetensors import SafetensorError, TensorSpec, safe_open, serialize_file

from compiler.abstract import abstract
from compiler.array_kinds import as_plain
from compiler.errors import ArgumentError, DtypeError, FormatError, ShapeError, TracingError, at_user_line
from compiler.pytrees import dotted_names, flatten, unflatten
from compiler.tracer import Tracer

PathLike: TypeAlias = str | os.PathLike[str]
Array: TypeAlias = np.ndarray[Any, Any]

_DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    **{f"{kind}{8 * size}": np.dtype(f"<{kind.lower()}{size}") for kind in "IU" for size in (1, 2, 4, 8)},
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
    "C64": np.dtype("<c8"),
}
"""The names of dtypes in files; the format has no complex128."""

_PAIRS = "dlc.complex128"
"""The entry of the metadata that names the arrays of complex128, which are stored as pairs of float64."""

_METADATA = "__metadata__"
"""The entry of the header of a file that describes no array."""


def save(path: PathLike, tree: Any, *, metadata: Mapping[str, str] | None = None) -> None:
    """Write a tree of arrays to a `safetensors` file.

    The file is written under another name beside `path` and takes its place when it is complete, so a file that was there is
    never lost.

    Args:
        path: where; it is replaced if it exists.
        tree: arrays of any kind and Python's numbers in dicts, lists, tuples, named tuples and other registered containers. The name of
            a leaf is made of keys, positions and fields, joined by dots.
        metadata: texts to be kept in the header of the file; `safetensors.safe_open(path, "np").metadata()` reads them.

    Raises:
        ArgumentError: a leaf is not an array or a number, two leaves have one name or one has that of the format's metadata, or the metadata are not texts.
        DtypeError: the dtype of an array is not supported.
        TracingError: a leaf is traced.
        OSError: the file cannot be written.

    Example:
        >>> import tempfile
        >>> path = tempfile.mkdtemp() + "/model.safetensors"
        >>> save(path, {"layers": [{"weight": np.ones((2, 3))}], "step": 7})
        >>> load(path)
        {'layers': {'0': {'weight': array([[1., 1., 1.],
               [1., 1., 1.]])}}, 'step': array(7)}
    """
    leaves, spec = flatten(tree)
    names = dotted_names(spec, "save")
    if _METADATA in names:
        raise ArgumentError(
            at_user_line(f"save: a leaf has the name {_METADATA!r}, which the format keeps for itself; rename it")
        )
    texts = dict(metadata or {})
    for key, value in texts.items():
        if not isinstance(key, str) or not isinstance(value, str) or key == _PAIRS:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ArgumentError(
                at_user_line(f"save: the metadata {key!r}: {value!r}; use texts, under another key than {_PAIRS!r}")
            )
    arrays = {name: _as_array(name, leaf) for name, leaf in zip(names, leaves, strict=True)}
    pairs = [name for name, array in arrays.items() if array.dtype == np.complex128]
    if pairs:
        texts[_PAIRS] = json.dumps(pairs)
    stored = {name: _as_stored(array) for name, array in arrays.items()}
    _write(Path(path).resolve(), stored, texts)  # a link stays one


def load(path: PathLike, like: Any = None) -> Any:
    """Read a `safetensors` file, of `save` or of any other program.

    The arrays are views of the file's memory map, which is read when an array is used for the first time; writing to them
    leaves the file alone.

    Args:
        path: the file.
        like: a tree with the structure, shapes and dtypes that the file must have; its leaves are arrays, numbers, or anything with
            `shape` and `dtype`. The result has its containers, its Python numbers and its kind of arrays.

    Returns:
        Without `like` nested dicts of NumPy arrays: `layers.0.weight` is `["layers"]["0"]["weight"]`. A file does not tell
        lists from dicts with such keys.

    Raises:
        FormatError: the file is not a complete `safetensors` file, or has a dtype that is not supported.
        ArgumentError: the file lacks leaves of `like`, or has others.
        ShapeError: an array has another shape than in `like`.
        DtypeError: an array has another dtype than in `like`.
        OSError: the file cannot be read.

    Example:
        >>> import tempfile
        >>> path = tempfile.mkdtemp() + "/model.safetensors"
        >>> save(path, ([np.zeros(2)], 0.5))
        >>> load(path, like=([np.ones(2)], 0.0))
        ([array([0., 0.])], 0.5)
    """
    arrays = _read(Path(path))
    return _nested(path, arrays) if like is None else _restored(path, arrays, like)


def _as_array(name: str, leaf: Any) -> Array:
    """A leaf as an array of a supported dtype."""
    if isinstance(leaf, Tracer):
        raise TracingError(at_user_line(f"save: {name!r} is traced; save what the compiled function returns"))
    (plain,), _ = as_plain([leaf])
    if not isinstance(cast(object, plain), np.ndarray | np.generic | int | float | complex):
        raise ArgumentError(
            at_user_line(f"save: {name!r} is a {type(leaf).__name__}; save arrays and numbers, and texts as `metadata`")
        )
    known = abstract(plain, f"save: {name!r}")
    return np.asarray(plain, known.dtype, order="C")


def _as_stored(array: Array) -> Array:
    """An array in a dtype of the format, least significant byte first."""
    pairs = array.dtype == np.complex128
    stored = array[..., None].view(np.float64) if pairs else array
    return stored.astype(stored.dtype.newbyteorder("<"), copy=False)


def _write(path: Path, arrays: Mapping[str, Array], metadata: dict[str, str]) -> None:
    """Write a file in a new folder beside `path`, and rename it when all of it is on the disk."""
    if not path.parent.exists():  # otherwise the error would name the new folder
        raise FileNotFoundError(errno.ENOENT, "save: the folder does not exist; make it first", str(path.parent))
    specs = {
        name: TensorSpec(
            dtype=array.dtype.name, shape=list(array.shape), data_ptr=array.ctypes.data, data_len=array.nbytes
        )
        for name, array in arrays.items()
    }
    with TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        unfinished = Path(folder) / path.name
        unfinished.touch()
        mode = unfinished.stat().st_mode  # as of every new file; the library's can be read by its owner only
        try:
            # Of metadata without entries version 0.8 makes a header that it cannot read, if there are no arrays.
            serialize_file(specs, unfinished, metadata=metadata or None)
        except SafetensorError as error:
            raise OSError(f"save: {path} cannot be written: {error}") from error
        unfinished.chmod(mode)
        _flush(unfinished)
        unfinished.replace(path)
    _flush(path.parent)


def _flush(path: Path) -> None:
    """Wait until a file, or the list of files in a folder, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> dict[str, Array]:
    """The arrays of a file by name."""
    with path.open("rb") as opened:
        try:
            # Checks that the arrays follow one another and fill the file, so that their places follow from their sizes.
            with cast(Any, safe_open)(path, framework="np") as file:
                metadata: Mapping[str, str] = file.metadata() or {}
                slices: dict[str, Any] = {name: file.get_slice(name) for name in file.offset_keys()}
                described = {name: (s.get_dtype(), tuple[int, ...](s.get_shape())) for name, s in slices.items()}
        except SafetensorError as error:
            raise FormatError(at_user_line(f"load: {path} is not a complete safetensors file: {error}")) from error
        if not os.path.samestat(os.fstat(opened.fileno()), path.stat()):
            return _read(path)  # it was replaced meanwhile, so what was checked may be another file
        memory = np.memmap(opened, np.uint8, mode="c")
    position = 8 + int(memory[:8].view("<u8")[0])
    arrays: dict[str, Array] = {}
    for name, (kind, shape) in described.items():
        dtype = _DTYPES.get(kind)
        if dtype is None:
            raise FormatError(at_user_line(f"load: {name!r} in {path} has the dtype {kind}; use {', '.join(_DTYPES)}"))
        size = dtype.itemsize * math.prod(shape)
        view = np.asarray(memory)[position : position + size].view(dtype).reshape(shape)
        position += size
        arrays[name] = np.require(view, dtype.newbyteorder("="), "A")
    for name in json.loads(metadata.get(_PAIRS, "[]")):
        arrays[name] = arrays[name].view(np.complex128)[..., 0]
    return arrays


def _nested(path: PathLike, arrays: Mapping[str, Array]) -> dict[str, Any]:
    """Dicts in dicts, whose keys are the parts of names, in the order of names with their numbers in order."""
    tree: dict[str, Any] = {}
    for name in sorted(arrays, key=_in_order):
        *way, last = name.split(".")
        node = tree
        for step in way:
            node = node.setdefault(step, {})
            if isinstance(node, np.ndarray):
                raise FormatError(
                    at_user_line(
                        f"load: {name!r} in {os.fspath(path)} lies inside of another array; give `like`, a dict with the names"
                    )
                )
        node[last] = arrays[name]
    return tree


def _in_order(name: str) -> list[tuple[bool, int, str]]:
    return [(not step.isdecimal(), int(step) if step.isdecimal() else 0, step) for step in name.split(".")]


def _restored(path: PathLike, arrays: Mapping[str, Array], like: Any) -> Any:
    """The tree `like` with the arrays of the file as its leaves."""
    leaves, spec = flatten(like)
    names = dotted_names(spec, "load")
    missing, others = [n for n in names if n not in arrays], sorted(set(arrays) - set(names))
    if missing or others:
        raise ArgumentError(
            at_user_line(
                f"load: {os.fspath(path)} lacks {_some(missing)} and has {_some(others)} beside what `like` has; load it "
                "without `like` to see what there is"
            )
        )
    plain, wrap = as_plain(leaves)
    restored: list[Any] = []
    for name, leaf, like_leaf in zip(names, leaves, plain, strict=True):
        array, expected = arrays[name], abstract(like_leaf, f"like: {name!r}")
        where = f"load: {name!r} in {os.fspath(path)}"
        if array.shape != expected.shape:
            raise ShapeError(at_user_line(f"{where} has shape {array.shape}, expected {expected.shape} as in `like`"))
        if array.dtype != expected.dtype:
            raise DtypeError(
                at_user_line(
                    f"{where} has dtype {array.dtype}, expected {expected.dtype} as in `like`; load it without `like` and "
                    "use astype"
                )
            )
        if isinstance(leaf, bool | int | float | complex) and not isinstance(leaf, np.generic):
            restored.append(array.item())
        else:
            restored.append(wrap(array) if wrap else array)
    return unflatten(spec, restored)


def _some(names: Sequence[str]) -> str:
    """The first of some names."""
    if not names:
        return "nothing"
    return ", ".join(map(repr, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
