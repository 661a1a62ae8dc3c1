"""`docs/translation.md` names what exists, forgets nothing, and functions with PyTorch's names have PyTorch's parameters."""

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from compiler.numpy_rules import FUNCTIONS
from compiler.numpy_ufuncs import UFUNC_RULES

ROOT = Path(__file__).resolve().parent.parent
TABLE = re.compile(r"^\|.*\|\n\|[-|]+\|\n(?:\|.*\|\n)+", re.MULTILINE)
CODE = re.compile(r"`([^`]+)`")
NAME = re.compile(r"([A-Za-z_][\w.]*)(?:\([^()]*[^()]\))?")
ALIASES = {
    "nn": "compiler.nn",
    "optim": "compiler.optim",
    "random": "compiler.random",
    "special": "compiler.special",
    "np": "numpy",
}
LIBRARIES = ("torch", "jax", "optax", "flax", "optree", "compiler", "numpy")
COMPLETE = (
    "compiler.nn",
    "compiler.nn.init",
    "compiler.optim",
    "compiler.optim.schedules",
    "compiler.random",
    "compiler.numpy.fft",
    "compiler.linalg",
)
TRACED = {function.__name__ for function in (*FUNCTIONS, *UFUNC_RULES)}


def full_name(name: str, module: str) -> str:
    """The name with its package, of what is called `name` in a column about `module`."""
    first, _, rest = name.partition(".")
    if module in ("compiler", "compiler.nn", "numpy") and first in ALIASES and rest:
        return f"{ALIASES[first]}.{rest}"
    return name if first in LIBRARIES and rest else f"{module}.{name}"


def tables() -> Iterator[tuple[list[str], list[list[str]]]]:
    """The cells of the titles and of the rows of every table."""
    for table in TABLE.findall((ROOT / "docs" / "translation.md").read_text(encoding="utf-8")):
        title, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines())
        assert all(len(row) == len(title) for row in rows), title
        yield title, rows


def names() -> Iterator[str]:
    """All names in the columns whose titles name modules, in each of these; other code in the cells is left alone."""
    for title, rows in tables():
        for column, modules in enumerate(map(CODE.findall, title)):
            for code in CODE.findall(" ".join(row[column] for row in rows)):
                name = NAME.fullmatch(code)
                if name and not code.startswith("x."):
                    yield from (full_name(name[1], module) for module in modules)


NAMES = sorted(set(names()))


def resolve(name: str) -> object:
    """What is called so."""
    package, *path = name.split(".")
    value = importlib.import_module(package)
    for i, part in enumerate(path):
        if not hasattr(value, part):
            importlib.import_module(".".join((package, *path[: i + 1])))
        value = getattr(value, part)
    return value


@pytest.mark.parametrize("library", LIBRARIES)
def test_names_exist(library):
    pytest.importorskip(library, reason=f"the names of {library} cannot be looked up without it")
    of_library = [name for name in NAMES if name.split(".")[0] == library]
    assert of_library
    missing = []
    for name in of_library:
        try:
            resolve(name)
        except (AttributeError, ImportError):
            missing.append(name)
    assert not missing


def test_functions_of_numpy_work_on_traced_arrays():
    functions = {name for name in NAMES if re.fullmatch(r"numpy\.(linalg\.)?\w+", name)}
    assert {name.rpartition(".")[2] for name in functions} <= TRACED


@pytest.mark.parametrize("module", COMPLETE)
def test_no_public_name_is_forgotten(module):
    public = importlib.import_module(module)
    functions = {f"{module}.{name}" for name in public.__all__ if inspect.isfunction(getattr(public, name))}
    assert functions <= set(NAMES)


def test_functions_with_names_of_pytorch_have_its_parameters():
    functional = pytest.importorskip("torch.nn.functional", reason="PyTorch's parameters are looked up there")
    (rows,) = (rows for title, rows in tables() if title[0] == "parameter of PyTorch")
    left_out = {name for row in rows for name in CODE.findall(row[0])} | {"_stacklevel"}
    compared = 0
    for name in (name for name in NAMES if name.startswith("torch.nn.functional.")):
        function = name.rpartition(".")[2]
        try:
            theirs = list(inspect.signature(getattr(functional, function)).parameters)
        except ValueError:  # a builtin, which has no signature
            continue
        if "kwargs" in theirs:
            continue
        ours = list(inspect.signature(resolve(f"compiler.nn.{function}")).parameters)
        assert set(ours) - set(theirs) <= {"rng_key"}, function
        assert set(theirs) - set(ours) <= left_out, function
        assert [p for p in ours if p in theirs] == [p for p in theirs if p in ours], function
        compared += 1
    assert compared > 50
