"""A program can be printed at any stage, read back, and compiled on from there, to the same result; dumps say how."""

import importlib.util
import inspect
import re
import shlex
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from xdsl.dialects.builtin import FileLineColLoc, VectorType

import compiler
from compiler import opt, run
from compiler.pipelines import IR_STAGES, TEXT_STAGES, stages
from compiler.pytrees import flatten
from compiler.source_ir import make_context, parse_module, verify_module

ROOT = Path(__file__).resolve().parent.parent
STAGES = IR_STAGES["cpu"]


def head(x, w, b):
    z = x @ w + b
    e = np.exp(z - np.max(z, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def lookup(table, indices, x):
    rows = table[indices]
    best = np.argmax(rows, axis=1)
    counts = np.zeros(table.shape[1], np.int64, like=best)
    counts[best] += 1
    table[indices] = x
    return rows, best, counts, table, np.where(best > 2, x[:, 0], np.float32(-1))


@cache
def digits():
    """The example that trains a classifier, as a module."""
    pytest.importorskip("sklearn")
    pytest.importorskip("rich")
    spec = importlib.util.spec_from_file_location("train_digits", ROOT / "examples" / "train_digits.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    return example


def f32(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)


def make_head():
    rng = np.random.default_rng(0)
    return head, (f32(rng, 16, 12), f32(rng, 12, 10), f32(rng, 10))


def make_lookup():
    rng = np.random.default_rng(1)
    return lookup, (f32(rng, 9, 5), rng.integers(-9, 9, 7), f32(rng, 7, 5))


def make_train_step():
    example, rng = digits(), np.random.default_rng(2)
    params = example.init_params(rng, [64, 12, 10])
    x, y = rng.random((8, 64), np.float32), rng.integers(0, 10, 8)
    return example.train_step.__wrapped__, (params, example.OPTIMISER.init(params), x, y)


PROGRAMS = {"softmax head": make_head, "table lookup": make_lookup, "training step": make_train_step}


class Prepared:
    """A program with everything that the tests compare with."""

    def __init__(self, name):
        self.function, self.arguments = PROGRAMS[name]()
        jitted = compiler.jit(self.function)
        self.lowered = jitted.lower(*self.arguments)
        self.results = [np.asarray(leaf) for leaf in flatten(jitted(*self.arguments))[0]]
        traced = self.lowered._traced
        leaves = [np.asarray(leaf) for leaf in flatten((self.arguments, {}))[0]]
        self.inputs = [leaf.astype(aval.dtype) for leaf, aval in zip(leaves, traced.inputs, strict=True)] + list(
            traced.constants
        )


prepared = cache(Prepared)


@pytest.fixture
def dlc_opt(capsys):
    """Run dlc-opt; give what it prints."""

    def call(*arguments):
        capsys.readouterr()
        status = opt.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert status == 0, captured.err
        assert captured.err == ""
        return captured.out

    return call


@pytest.fixture
def dlc_run(capsys, tmp_path):
    """Run dlc-run on a file with the inputs of a program; give the results."""

    def call(program, file, *flags):
        np.savez(tmp_path / "inputs.npz", *program.inputs)
        output = tmp_path / "results.npz"
        output.unlink(missing_ok=True)
        status = run.main([str(file), "-i", str(tmp_path / "inputs.npz"), "-o", str(output), "--quiet", *flags])
        assert status == 0, capsys.readouterr().err
        with np.load(output) as loaded:
            return [loaded[key] for key in loaded.files]

    return call


def assert_same(actual, expected):
    """Equal bit by bit: the same machine code has run."""
    for got, want in zip(actual, expected, strict=True):
        assert got.dtype == want.dtype
        np.testing.assert_array_equal(got, want)


def assert_close(actual, expected):
    for got, want in zip(actual, expected, strict=True):
        assert got.dtype == want.dtype
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_every_stage_is_read_back_and_runs_to_the_same_result(name, stage, dlc_opt, dlc_run, tmp_path):
    program = prepared(name)
    source, at_stage = tmp_path / "tensor.mlir", tmp_path / "stage.mlir"
    source.write_text(program.lowered.as_text("tensor"))
    text = dlc_opt(source, f"--compile-to={stage}")
    assert text == program.lowered.as_text(stage)
    at_stage.write_text(text)
    assert dlc_opt(at_stage, f"--compile-from={stage}", f"--compile-to={stage}") == text
    following = stages("cpu")[STAGES.index(stage) + 1]
    further = dlc_opt(at_stage, f"--compile-from={stage}", f"--compile-to={following}")
    assert further == program.lowered.as_text(following)
    assert_same(dlc_run(program, at_stage, f"--compile-from={stage}"), program.results)


@pytest.mark.parametrize("stage", STAGES)
def test_stage_of_a_file_is_told_from_it(stage, dlc_run, tmp_path):
    program = prepared("table lookup")
    file = tmp_path / "stage.mlir"
    file.write_text(program.lowered.as_text(stage))
    assert_same(dlc_run(program, file), program.results)


@pytest.mark.parametrize("stage", STAGES[:-1])
@pytest.mark.parametrize("name", PROGRAMS)
def test_interpreter_gives_the_result_of_machine_code_at_every_stage(name, stage, dlc_run, tmp_path):
    program = prepared(name)
    file = tmp_path / "stage.mlir"
    file.write_text(program.lowered.as_text(stage))
    assert_close(dlc_run(program, file, "--reference-only"), program.results)


@pytest.mark.parametrize("name", PROGRAMS)
def test_compiled_program_gives_the_result_of_numpy(name):
    program = prepared(name)
    if name == "training step":
        pytest.skip("the step takes gradients, which NumPy does not; the interpreter has checked it")
    arguments = [np.array(argument) for argument in program.arguments]
    expected = program.function(*arguments)
    assert_close(program.results, expected if isinstance(expected, tuple) else (expected,))


# Dumps


@pytest.fixture(params=["softmax head", "training step"])
def dump(request, tmp_path, monkeypatch):
    """The folder with the dump of a program that was compiled and run."""
    program = prepared(request.param)
    monkeypatch.setenv("DLC_DUMP_IR_TO", str(tmp_path))
    compiler.jit(program.function)(*program.arguments)
    (folder,) = tmp_path.iterdir()
    assert folder.name == program.function.__name__
    return program, folder


def next_command(path):
    """The arguments of the command in the first line of a dump, `None` if there is none."""
    match = re.match(r"// next: dlc-opt (.*)\n", path.read_text())
    return shlex.split(match[1]) if match else None


def without_locations(path):
    """The IR of a dump as `dlc-opt` prints it."""
    text = re.sub(r"^// next: .*\n", "", path.read_text())
    return re.sub(r' loc\((?:"[^"]*":\d+:\d+|unknown)\)', "", text)


def test_dump_leads_from_file_to_file(dump, dlc_opt, monkeypatch):
    program, folder = dump
    names = [f"{i}_{stage}" for i, stage in enumerate(STAGES)]
    assert [path.stem for path in sorted(folder.glob("*.mlir"))] == names
    assert {path.suffix for path in folder.iterdir()} == {".mlir", ".ll", ".s", ""}
    last = ""
    for pattern, place in (("*.mlir", folder), ("*.mlir", folder / "passes")):
        monkeypatch.chdir(place)
        files = sorted(place.glob(pattern))
        for file, following in pairwise(files):
            command = next_command(file)
            assert command is not None, f"{file.name} does not say how to go on"
            assert command[0] == file.name
            assert dlc_opt(*command) == without_locations(following), f"{file.name} does not lead to {following.name}"
        last = files[-1].name
    assert last.endswith("_convert-to-llvm.mlir")
    monkeypatch.chdir(folder)
    for stage, suffix in zip(TEXT_STAGES["cpu"], ("ll", "s"), strict=True):
        number = stages("cpu").index(stage)
        assert (folder / f"{number}_{stage}.{suffix}").read_text() == program.lowered.as_text(stage)
    assert dlc_opt(*next_command(folder / f"{names[-1]}.mlir")) == program.lowered.as_text("llvm-opt")


def test_dumps_verify_and_keep_their_locations(dump, dlc_opt):
    program, folder = dump
    file = inspect.getsourcefile(program.function)
    for path in sorted(folder.glob("*.mlir")):
        text = path.read_text()
        module = parse_module(make_context(), text, str(path))
        verify_module(module, str(path))
        located = {op.location.filename.data for op in module.walk() if isinstance(op.location, FileLineColLoc)}
        assert file in located, f"{path.name} has lost the lines of {file}"
        body = text.partition("\n")[2] if text.startswith("// next") else text
        again = dlc_opt(path, "--mlir-print-debuginfo")
        own_place = re.escape(f'loc("{path}":') + r"\d+:\d+\)"  # of what has no line of Python
        assert re.sub(own_place, "loc(unknown)", again) == body


def operations_of_line(module, file, line):
    """The operations that come from a line."""
    return [
        op
        for op in module.walk()
        if isinstance(op.location, FileLineColLoc)
        and op.location.filename.data == file
        and op.location.line.data == line
    ]


def test_line_of_python_can_be_followed_down_to_vector_code():
    program, example = prepared("training step"), digits()
    lines, first = inspect.getsourcelines(example.predict)
    (line,) = (first + i for i, text in enumerate(lines) if "np.maximum(x @ w + b, 0)" in text)
    file = inspect.getsourcefile(example)
    for stage in STAGES:
        operations = operations_of_line(program.lowered.module_at(stage), file, line)
        assert operations, f"nothing at {stage} comes from line {line} of {file}"
        if stage == "loops":
            vectors = [op for op in operations if any(isinstance(result.type, VectorType) for result in op.results)]
            assert "arith.maximumf" in {op.name for op in vectors}
            assert "arith.addf" in {op.name for op in vectors}
        text = program.lowered.as_text(stage, debug_info=True)
        assert f'train_digits.py":{line}' in text


# Settings


@pytest.mark.parametrize("name", PROGRAMS)
def test_verifying_every_pass_changes_nothing(name, monkeypatch):
    monkeypatch.setenv("DLC_VERIFY", "1")
    program = prepared(name)
    assert_same(map(np.asarray, flatten(compiler.jit(program.function)(*program.arguments))[0]), program.results)


@pytest.mark.parametrize("name", PROGRAMS)
def test_interpreter_instead_of_machine_code_gives_the_same_result(name, monkeypatch):
    monkeypatch.setenv("DLC_DISABLE_JIT", "1")
    program = prepared(name)
    assert_close(map(np.asarray, flatten(compiler.jit(program.function)(*program.arguments))[0]), program.results)
