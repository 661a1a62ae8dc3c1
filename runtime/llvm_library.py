"""LLVM as a shared library: what loading code takes, without what generating it takes.

llvmlite's modules for Python take three times as long to import as its library to load. A process that finds all its code on
disk calls ten functions, declared here as in llvmlite 0.50, whose minor version is pinned; `native.py` imports the modules.
"""

import ctypes
import sys
from ctypes import POINTER, c_bool, c_char_p, c_int, c_size_t, c_uint, c_uint64, c_void_p
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dialects.errors import MissingLibraryError
from runtime.once import once

_OUT = POINTER(c_char_p)
_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "InitializeNativeTarget": (c_int, ()),
    "InitializeNativeAsmPrinter": (c_int, ()),
    "GetVersionInfo": (c_uint, ()),
    "GetProcessTriple": (None, (_OUT,)),
    "GetHostCPUName": (None, (_OUT,)),
    "GetHostCPUFeatures": (c_int, (_OUT,)),
    "DisposeString": (None, (c_char_p,)),
    "GetTargetFromTriple": (c_void_p, (c_char_p, _OUT)),
    "CreateTargetMachine": (
        c_void_p,
        (c_void_p, c_char_p, c_char_p, c_char_p, c_int, c_char_p, c_char_p, c_int, c_int, c_char_p),
    ),
    "CreateLLJITCompiler": (c_void_p, (c_void_p, c_bool, c_bool, _OUT)),
    "LLJIT_Link": (
        c_void_p,
        (c_void_p, c_char_p, c_void_p, c_size_t, c_void_p, c_size_t, c_void_p, c_size_t, _OUT),
    ),
    "LLJITLookup": (c_void_p, (c_void_p, c_char_p, c_char_p, POINTER(c_uint64), _OUT)),
    "LLJIT_Dylib_Tracker_Dispose": (c_bool, (c_void_p, _OUT)),
}
"""What they return and take, without the prefix `LLVMPY_`."""


@once
def llvm_library() -> Any:
    """The functions by their names in `_FUNCTIONS`, as attributes.

    Raises:
        MissingLibraryError: llvmlite is not installed, or its library cannot be loaded.
    """
    package = find_spec("llvmlite")
    name = {"darwin": "libllvmlite.dylib", "win32": "llvmlite.dll"}.get(sys.platform, "libllvmlite.so")
    folders = package.submodule_search_locations or () if package else ()
    path = next((path for folder in folders if (path := Path(folder) / "binding" / name).exists()), None)
    if path is None:
        raise MissingLibraryError("no LLVM: the package llvmlite cannot be found; run `pip install llvmlite`")
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise MissingLibraryError(
            f"cannot load LLVM from {path}: {error}; run `pip install --force-reinstall llvmlite`"
        ) from error
    functions = _Functions()
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, f"LLVMPY_{name}")
        function.restype, function.argtypes = result, arguments
        setattr(functions, name, function)
    functions.InitializeNativeTarget()
    functions.InitializeNativeAsmPrinter()
    return functions


class _Functions:
    """A namespace."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"LLVMPY_{name} is not declared in llvm_library.py")


def with_text(function: Any, *arguments: Any) -> tuple[Any, str]:
    """What a function returns, and the text that it writes: its real result, or what went wrong."""
    out = c_char_p()
    result = function(*arguments, ctypes.byref(out))
    text = (out.value or b"").decode(errors="replace")
    if out:
        llvm_library().DisposeString(out)
    return result, text


def first_lines(text: str) -> str:
    """As much of what LLVM says as a message takes."""
    return " ".join(text.split("\n")[:3]).strip()


def llvm_version() -> int:
    """A number for the version of LLVM."""
    return llvm_library().GetVersionInfo()
