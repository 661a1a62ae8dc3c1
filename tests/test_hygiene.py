"""Conventions that no other tool checks."""

import dataclasses
import inspect
import re
import subprocess
from pathlib import Path

import pytest
from xdsl.passes import ModulePass

from passes import ALL_PASSES, get_all_passes, load_pass

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("compiler", "dialects", "passes", "runtime")
LIT_FILES = sorted((ROOT / "lit_tests").rglob("*.mlir"))

LIKE_A_DIRECTIVE = re.compile(r"//\s*((?:CH?E?C?K|C?HECK|COM)[A-Z]*(?:[-_ ]?[A-Z0-9]+)*)\s*:", re.IGNORECASE)
DIRECTIVE = re.compile(r"CHECK(-LABEL|-SAME|-NEXT|-NOT|-DAG|-EMPTY|-COUNT-\d+)?")
COLON_MISSING = re.compile(r"//\s*CHECK(-[A-Z]+)?(-\d+)?\s+[%@\w]")


def relative(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", LIT_FILES, ids=relative)
def test_lit_directives_are_spelt_right(path):
    text = path.read_text()
    directives = LIKE_A_DIRECTIVE.findall(text)
    assert [directive for directive in directives if not DIRECTIVE.fullmatch(directive)] == []
    assert [line for line in text.splitlines() if COLON_MISSING.search(line)] == []
    if "filecheck" in text:
        assert directives, "nothing is checked"


@pytest.mark.parametrize("path", LIT_FILES, ids=relative)
def test_lit_file_runs_something(path):
    assert re.search(r"^// RUN: ", path.read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    "misspelt",
    [
        "// CHECK-LABLE: x",
        "// CHEKC: x",
        "// CHECK_NEXT: x",
        "// CHECK NOT: x",
        "// check: x",
        "// CHECKNEXT: x",
        "// CHECK-COUNT: x",
        "// HECK: x",
    ],
)
def test_misspelt_directives_are_noticed(misspelt):
    found = LIKE_A_DIRECTIVE.findall(misspelt)
    assert found
    assert not DIRECTIVE.fullmatch(found[0])


@pytest.mark.parametrize("place", ALL_PASSES)
def test_a_pass_has_one_name_in_three_spellings(place):
    pass_type = load_pass(place)
    assert pass_type.name == place.rpartition(".")[2].replace("_", "-")
    assert get_all_passes()[pass_type.name]() is pass_type
    assert pass_type.__module__ == f"passes.{place}"


@pytest.mark.parametrize("place", ALL_PASSES)
def test_a_pass_is_a_documented_frozen_dataclass(place):
    pass_type = load_pass(place)
    assert issubclass(pass_type, ModulePass)
    assert pass_type.__dataclass_params__.frozen
    source = inspect.getsource(pass_type)
    for field in dataclasses.fields(pass_type):
        if field.name != "name":
            assert re.search(rf'^    {field.name}: .*\n    """', source, re.MULTILINE), (
                f"{field.name}: say what it does"
            )


@pytest.mark.parametrize("place", ALL_PASSES)
def test_a_pass_has_a_lit_file_of_the_same_name(place):
    assert (ROOT / "lit_tests" / "passes" / f"{place.replace('.', '/')}.mlir").exists()


def test_every_pass_is_listed():
    listed = {f"{place.replace('.', '/')}.py" for place in ALL_PASSES}
    defined = {
        str(path.relative_to(ROOT / "passes"))
        for path in (ROOT / "passes").rglob("*.py")
        if re.search(r"^class \w+\(.*\bModulePass\b.*\)", path.read_text(), re.MULTILINE)
    }
    assert defined == listed


def test_files_are_short():
    lengths = {
        relative(path): len(path.read_text().splitlines())
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    }
    assert {path: length for path, length in lengths.items() if length > 600} == {}


def test_tracked_files_refer_to_nothing_outside_the_repository():
    # Spelt in parts, so that this file passes too.
    outside = re.compile(
        "|".join((r"\.\./" + "shared", "/" + r"work/", "/" + r"home/\w", "/" + r"root/", "/" + r"Users/"))
    )
    try:
        listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"not a git checkout: {error}")
    offending: list[str] = []
    for name in filter(None, listing.stdout.split("\0")):
        path = ROOT / name
        if not path.is_file():
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        offending.extend(f"{name}: {line.strip()}" for line in text.splitlines() if outside.search(line))
    assert offending == []
