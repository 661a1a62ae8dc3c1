"""The documents say what is true: their generated parts are up to date, their code runs, their links lead somewhere."""

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import optree
import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")], key=lambda path: path.relative_to(ROOT).as_posix()
)
LINK = re.compile(r"\[[^\]]*\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")
CODE = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def written(path):
    """The text of a document without its generated parts."""
    return re.sub(r"<!-- generated: .*?<!-- end -->", "", path.read_text(), flags=re.DOTALL)


def name(path):
    return path.relative_to(ROOT).as_posix()


WITH_CODE = [name(path) for path in DOCUMENTS if CODE.search(written(path))]


@pytest.fixture(scope="module")
def generator():
    """The module `tools/generate_reference.py`."""
    tools = str(ROOT / "tools")
    sys.path.insert(0, tools)
    try:
        spec = importlib.util.spec_from_file_location("generate_reference", f"{tools}/generate_reference.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(tools)


def test_generated_documents_are_all_listed(generator):
    with_parts = {name(path) for path in DOCUMENTS if "<!-- generated: " in path.read_text()}
    assert with_parts <= set(generator.DOCUMENTS)


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_generated_parts_are_up_to_date(generator, path):
    text = path.read_text()
    parts = len(re.findall("<!-- generated: ", text))
    assert len(generator.PART.findall(text)) == parts, "a part has no end, or its first line is misspelt"
    assert generator.updated(text) == text, "run tools/generate_reference.py"


def anchors(path):
    """What headings of a document are called in links, as GitHub does."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_links_lead_to_files_and_headings(path):
    text = re.sub(r"^ *```.*?^ *```$|`[^`\n]*`", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    for file, anchor in LINK.findall(text):
        target = path.parent / file if file else path
        assert target.exists(), file
        assert not anchor or anchor in anchors(target), f"{file}#{anchor}"


def test_the_index_lists_all_documents():
    listed = {file for file, _ in LINK.findall((ROOT / "docs" / "index.md").read_text())}
    assert {path.name for path in (ROOT / "docs").glob("*.md")} - {"index.md"} <= listed


@pytest.mark.parametrize("document", WITH_CODE)
def test_code_runs(document):
    text = written(ROOT / document)
    blocks = list(CODE.finditer(text))
    namespace = {"__name__": "document"}
    for block in blocks:
        line = text[: block.start(1)].count("\n")
        exec(compile("\n" * line + block[1], str(ROOT / document), "exec"), namespace)


def test_the_readme_names_real_commands():
    text = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)", text)) <= targets
    assert {"make demo", "make test"} <= set(re.findall(r"make [a-z]+", text))


def test_the_readme_lists_all_examples():
    text = (ROOT / "README.md").read_text()
    programs = {path.name for path in (ROOT / "examples").glob("*.py") if "__main__" in path.read_text()}
    assert programs == set(re.findall(r"\]\(examples/(\w+\.py)\)", text))


def test_the_documented_functions_are_what_numpy_computes(generator):
    import compiler

    rng = np.random.default_rng(0)
    for function, shapes in generator.ARGUMENTS.items():
        if function.__name__ == "slope":
            continue
        arguments = optree.tree_map(lambda array: rng.standard_normal(array.shape).astype(array.dtype), shapes)
        results, expected = (optree.tree_leaves(f(*arguments)) for f in (compiler.jit(function), function))
        for result, wanted in zip(results, expected, strict=True):
            tolerance = 2e-5 * np.max(np.abs(wanted))
            np.testing.assert_allclose(result, wanted, rtol=2e-5, atol=tolerance)


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_files_that_are_named_exist(path):
    text = written(path)
    folders = "compiler|dialects|passes|runtime|tests|tools|docs|examples|lit_tests"
    for file in re.findall(rf"(?:^|[`(\s])((?:{folders})/[\w/.-]+\.(?:py|md|mlir))", text):
        assert (ROOT / file).exists(), file


def test_the_rules_of_the_architecture_are_kept_in_its_levels():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    from compiler.pipelines import IR_STAGES, TEXT_STAGES

    for stage in {*IR_STAGES["cpu"], *IR_STAGES["cuda"], *TEXT_STAGES["cpu"], *TEXT_STAGES["cuda"]}:
        assert f"`{stage}`" in text


def test_environment_variables_are_documented():
    text = (ROOT / "docs" / "dlc-opt.md").read_text()
    used = {
        variable
        for package in ("compiler", "runtime", "passes", "dialects")
        for path in (ROOT / package).rglob("*.py")
        for variable in re.findall(r'"(DLC_[A-Z_]+)"', path.read_text())
    }
    assert used - {"DLC_UNIVERSE"} <= set(re.findall(r"DLC_[A-Z_]+", text))
