"""What users may rely on: names, signatures, cheap import, and examples in docstrings that are true."""

import doctest
import importlib
import inspect
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import compiler

ROOT = Path(__file__).resolve().parent.parent

SIGNATURES = {
    f"{path.stem}.{line[: line.index('(')]}": line[line.index("(") :]
    for path in sorted((ROOT / "tests" / "signatures").glob("*.txt"))
    for line in path.read_text(encoding="utf-8").splitlines()
}
"""For each public function its parameters: a file for each module, which whoever changes an interface changes too."""

ERRORS = {
    "CompilerError": (Exception,),
    "TracingError": (compiler.CompilerError,),
    "ShapeError": (compiler.CompilerError, ValueError),
    "DtypeError": (compiler.CompilerError, TypeError),
    "UnsupportedError": (compiler.CompilerError, NotImplementedError),
    "ArgumentError": (compiler.CompilerError, TypeError),
    "CopyError": (compiler.CompilerError, ValueError),
    "FormatError": (compiler.CompilerError, ValueError),
    "MissingLibraryError": (compiler.CompilerError, ImportError),
    "InternalError": (compiler.CompilerError,),
}
METHODS = {
    "JitFunction": ["cache_clear", "cache_info", "lower", "trace"],
    "Traced": ["as_text", "lower", "out_info"],
    "Lowered": ["as_text", "compile", "cost_analysis", "memory_analysis", "remarks"],
    "Compiled": ["as_text", "cost_analysis", "memory_analysis", "remarks"],
}
MODULES_WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "compiler").rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8") and path.parent.name != "numpy"
)
"""All that have any; those of `compiler.numpy` run in `test_array_api.py`, with its names at hand."""


def plain_signature(function):
    """The signature without annotations."""
    signature = inspect.signature(function)
    parameters = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty))


def resolve(name):
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def test_the_public_names_are_these():
    functions = {name.removeprefix("compiler.") for name in SIGNATURES if name.count(".") == 1}
    assert set(compiler.__all__) == functions | set(ERRORS) | {"linalg", "nn", "numpy", "optim", "random", "special"}
    assert set(compiler.__all__) <= set(dir(compiler))


@pytest.mark.parametrize("module", sorted({name.rpartition(".")[0] for name in SIGNATURES} - {"compiler"}))
def test_the_public_names_of_modules_are_these(module):
    functions = {name.rpartition(".")[2] for name in SIGNATURES if name.rpartition(".")[0] == module}
    public = importlib.import_module(module)
    classes = {name for name in public.__all__ if inspect.isclass(getattr(public, name))}
    modules = {name for name in public.__all__ if inspect.ismodule(getattr(public, name))}
    assert set(public.__all__) - classes - modules == functions


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_are_these(name):
    assert plain_signature(resolve(name)) == SIGNATURES[name]


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_builtin_errors_too(name):
    assert getattr(compiler, name).__bases__ == ERRORS[name]


def test_stages_have_these_methods():
    from compiler import jit_function, stages

    for name, methods in METHODS.items():
        owner = getattr(jit_function, name, None) or getattr(stages, name)
        assert set(methods) <= set(dir(owner))


@pytest.mark.parametrize("name", [*SIGNATURES, *(f"compiler.{error}" for error in ERRORS)])
def test_every_public_name_is_documented(name):
    assert len(inspect.getdoc(resolve(name)) or "") > 20


@pytest.mark.parametrize("name", [name for name in SIGNATURES if name != "compiler.CompileOptions"])
def test_every_public_function_has_an_example(name):
    document = inspect.getdoc(resolve(name))
    assert ">>>" in document


@pytest.mark.parametrize("module", MODULES_WITH_EXAMPLES)
def test_examples_in_docstrings_are_true(module):
    loaded = importlib.import_module(module)
    with np.printoptions():
        result = doctest.testmod(loaded, extraglobs={"np": np, "grad": compiler.grad})
    assert result.attempted > 0
    assert result.failed == 0


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'compiler' has no attribute 'jot'"):
        compiler.jot  # noqa: B018


def modules_after(statement):
    """The modules that a fresh process has loaded after a statement."""
    program = f"{statement}\nimport sys\nprint(' '.join(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.split())


def test_import_loads_neither_xdsl_nor_llvm_nor_numpy():
    loaded = modules_after("import compiler")
    assert not {"xdsl", "llvmlite", "numpy", "optree"} & loaded
    assert {name for name in loaded if name.startswith(("dialects", "passes", "runtime"))} == set()


def test_decorating_does_not_load_llvm_or_passes():
    loaded = modules_after("import compiler\n@compiler.jit\ndef f(x): return x")
    assert "llvmlite" not in loaded
    needed = {f"runtime.dispatch{name}" for name in ("", ".native_callable", ".records")}
    needed |= {"runtime.object_cache", "runtime.byte_settings"}  # notes what the sources are now
    assert not {name for name in loaded if name.startswith(("passes.", "runtime."))} - needed


def test_compiling_for_the_cpu_loads_no_parser_tools_or_gpu():
    loaded = modules_after("import compiler\ncompiler.jit(lambda x: x + 1)(1.0)")
    assert not {"pycuda", "compiler.cuda", "compiler.opt", "argparse"} & loaded


def test_public_parameters_are_annotated():
    for name in SIGNATURES:
        signature = inspect.signature(resolve(name))
        assert all(p.annotation is not p.empty for p in signature.parameters.values()), name
