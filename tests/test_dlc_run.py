"""What `dlc-run` promises: run a function of a file at any stage, on given or random arrays, and compare."""

import io

import numpy as np
import pytest

from compiler import opt, run
from compiler.pipelines import IR_STAGES

PROGRAM = """\
func.func @head(%x: tensor<4x3xf32>, %w: tensor<3x2xf32>) -> (tensor<4x2xf32>, tensor<4xi64>) {
  %0 = dlc.dot_general %x, %w contracting [1] x [0] : tensor<4x3xf32>, tensor<3x2xf32> -> tensor<4x2xf32>
  %1 = dlc.tanh %0 : tensor<4x2xf32>
  %2 = dlc.argmax %1 dim 1 : tensor<4x2xf32> -> tensor<4xi64>
  func.return %1, %2 : tensor<4x2xf32>, tensor<4xi64>
}
"""
TWO_FUNCTIONS = """\
func.func @negate(%x: tensor<2xf64>) -> tensor<2xf64> {
  %0 = dlc.neg %x : tensor<2xf64>
  func.return %0 : tensor<2xf64>
}
func.func @twice(%x: tensor<2xf64>) -> tensor<2xf64> {
  %0 = dlc.add %x, %x : tensor<2xf64>
  func.return %0 : tensor<2xf64>
}
"""


@pytest.fixture
def dlc_run(capsys, monkeypatch):
    """Run dlc-run on a text as standard input; give its status, output and error output."""

    def call(text, *flags):
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        capsys.readouterr()
        try:
            status = run.main(["-", *map(str, flags)])
        except SystemExit as stopped:
            status = stopped.code
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.fixture
def at_stage(capsys, monkeypatch):
    """The text of a program at a stage."""

    def compile_to(text, stage):
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        assert opt.main(["-", f"--compile-to={stage}"]) == 0
        return capsys.readouterr().out

    return compile_to


@pytest.fixture
def arrays():
    rng = np.random.default_rng(7)
    return rng.standard_normal((4, 3)).astype(np.float32), rng.standard_normal((3, 2)).astype(np.float32)


def expected(x, w):
    result = np.tanh(x @ w)
    return result, np.argmax(result, axis=1)


@pytest.mark.parametrize("stage", IR_STAGES["cpu"])
def test_every_stage_runs_to_the_same_result(dlc_run, at_stage, arrays, tmp_path, stage):
    np.savez(tmp_path / "in.npz", *arrays)
    out = tmp_path / "out.npz"
    text = at_stage(PROGRAM, stage)
    assert dlc_run(text, "--input", tmp_path / "in.npz", "--output", out, "--quiet") == (0, "", "")
    with np.load(out) as results:
        values = [results[name] for name in results.files]
    for value, wanted in zip(values, expected(*arrays), strict=True):
        assert value.dtype == wanted.dtype
        np.testing.assert_allclose(value, wanted, rtol=1e-6)


@pytest.mark.parametrize("stage", IR_STAGES["cpu"][:-1])
def test_every_stage_before_llvm_agrees_with_the_interpreter(dlc_run, at_stage, stage):
    status, out, err = dlc_run(at_stage(PROGRAM, stage), "--compare-with=reference", "--quiet")
    assert (status, out) == (0, "")
    assert "result 0: largest difference" in err
    assert "result 1: equal" in err


COMPLEX_PROGRAM = """\
func.func @f(%x: tensor<5xcomplex<f32>>, %y: tensor<5xcomplex<f32>>) -> (tensor<5xcomplex<f32>>, tensor<5xf32>) {
  %0 = dlc.asin %x : tensor<5xcomplex<f32>>
  %1 = dlc.mul %0, %y : tensor<5xcomplex<f32>>
  %2 = dlc.imag %1 : tensor<5xcomplex<f32>> -> tensor<5xf32>
  func.return %1, %2 : tensor<5xcomplex<f32>>, tensor<5xf32>
}
"""


@pytest.mark.parametrize("stage", IR_STAGES["cpu"])
def test_complex_arrays_go_in_and_out_at_every_stage(dlc_run, at_stage, tmp_path, stage):
    x, y = np.random.default_rng(3).standard_normal((2, 5, 2)).astype(np.float32).view(np.complex64)[..., 0]
    np.savez(tmp_path / "in.npz", x, y)
    out = tmp_path / "out.npz"
    text = at_stage(COMPLEX_PROGRAM, stage)
    assert dlc_run(text, "--input", tmp_path / "in.npz", "--output", out, "--quiet") == (0, "", "")
    with np.load(out) as results:
        assert results["arr_0"].dtype == np.complex64
        np.testing.assert_allclose(results["arr_0"], np.arcsin(x) * y, rtol=1e-6)
        np.testing.assert_allclose(results["arr_1"], (np.arcsin(x) * y).imag, rtol=1e-5)


def test_complex_results_are_compared_with_a_tolerance(dlc_run):
    status, _, err = dlc_run(COMPLEX_PROGRAM, "--compare-with=reference", "--quiet")
    assert status == 0
    assert "result 0: largest difference" in err
    assert dlc_run(COMPLEX_PROGRAM, "--compare-with=reference", "--rtol=-1", "--quiet")[0] == 1


def test_results_are_printed_with_their_types(dlc_run):
    status, out, err = dlc_run(PROGRAM)
    assert (status, err) == (0, "")
    assert out.startswith("result 0: float32[4,2]\n[[")
    assert "\nresult 1: int64[4]\n[" in out


def test_random_inputs_depend_on_the_seed_only(dlc_run):
    first, again, other = (dlc_run(PROGRAM, f"--seed={seed}")[1] for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_given_arrays_come_first_and_random_ones_fill_up(dlc_run, arrays, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((4, 3), np.float32))
    status, out, _ = dlc_run(PROGRAM, "-i", tmp_path / "x.npy")
    assert status == 0
    assert "[[0. 0.]\n [0. 0.]" in out


def test_one_npy_file_per_input(dlc_run, arrays, tmp_path):
    for name, array in zip("xw", arrays, strict=True):
        np.save(tmp_path / f"{name}.npy", array)
    out = tmp_path / "out.npz"
    assert dlc_run(PROGRAM, "-i", tmp_path / "x.npy", "-i", tmp_path / "w.npy", "-o", out, "--quiet")[0] == 0
    with np.load(out) as results:
        np.testing.assert_allclose(results["arr_0"], expected(*arrays)[0], rtol=1e-6)


def test_a_single_result_can_be_saved_as_npy(dlc_run, tmp_path):
    np.save(tmp_path / "x.npy", np.array([1.5, -2.0]))
    status, _, _ = dlc_run(TWO_FUNCTIONS, "twice", "-i", tmp_path / "x.npy", "-o", tmp_path / "y.npy")
    assert status == 0
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), [3.0, -4.0])


@pytest.mark.parametrize(("function", "result"), [("negate", "[-1.  2.]"), ("twice", "[ 2. -4.]")])
def test_the_function_is_chosen_by_name(dlc_run, tmp_path, function, result):
    np.save(tmp_path / "x.npy", np.array([1.0, -2.0]))
    assert result in dlc_run(TWO_FUNCTIONS, function, "-i", tmp_path / "x.npy")[1]


def test_reference_only_does_not_compile(dlc_run, monkeypatch):
    monkeypatch.setattr("compiler.executable.compile_for_cpu", None)
    assert dlc_run(PROGRAM, "--reference-only")[0] == 0


def test_a_difference_is_reported_and_fails(dlc_run):
    status, _, err = dlc_run(PROGRAM, "--compare-with=reference", "--rtol=-1", "--quiet")
    assert status == 1
    assert "DIFFERENT" in err


def test_nan_and_infinities_count_as_equal(dlc_run, tmp_path):
    np.save(tmp_path / "x.npy", np.array([np.nan, -np.inf]))
    assert dlc_run(TWO_FUNCTIONS, "twice", "-i", tmp_path / "x.npy", "--compare-with=reference")[0] == 0


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 4), np.float32), "dlc-run: error: input 0 of @head is float32[4,4], expected float32[4,3]"),
        (np.zeros((4, 3), np.float64), "dlc-run: error: input 0 of @head is float64[4,3], expected float32[4,3]"),
    ],
)
def test_an_input_that_does_not_fit_is_an_error(dlc_run, tmp_path, array, message):
    np.save(tmp_path / "x.npy", array)
    status, out, err = dlc_run(PROGRAM, "-i", tmp_path / "x.npy")
    assert (status, out, err) == (1, "", f"{message}\n")


def test_too_many_inputs_are_an_error(dlc_run, arrays, tmp_path):
    np.savez(tmp_path / "in.npz", *arrays, *arrays)
    status, _, err = dlc_run(PROGRAM, "-i", tmp_path / "in.npz")
    assert (status, err) == (1, "dlc-run: error: @head takes 2 arrays, 4 were given\n")


@pytest.mark.parametrize(
    ("text", "flags", "message"),
    [
        (TWO_FUNCTIONS, ["thrice"], "dlc-run: error: no function @thrice in the module; it has negate, twice"),
        (TWO_FUNCTIONS, [], "dlc-run: error: the module has the functions negate, twice; name one of them"),
        ("builtin.module {}", [], "dlc-run: error: the module has no function with a body"),
        ("func.func @f(", [], "<stdin>:1:14: error: "),
        (PROGRAM, ["--compile-from=nowhere"], "dlc-run: error: --compile-from: unknown stage 'nowhere' for target cpu"),
        (PROGRAM, ["-i", "absent.npy"], "dlc-run: error: --input: cannot read absent.npy: No such file"),
        (PROGRAM, ["-o", "out.txt"], "dlc-run: error: --output: out.txt is neither .npy nor .npz"),
        (PROGRAM, ["-o", "out.npy", "--quiet"], "dlc-run: error: --output: 2 results do not fit into one .npy file"),
        (PROGRAM, ["--vector-bits=7"], "dlc-run: error: CompileOptions: vector_bits is 7; use one of"),
        (PROGRAM, ["--frobnicate"], "dlc-run: error: unknown flag --frobnicate; see dlc-run --help"),
    ],
)
def test_errors_are_one_message_and_status_1(dlc_run, monkeypatch, tmp_path, text, flags, message):
    monkeypatch.chdir(tmp_path)
    status, out, err = dlc_run(text, *flags)
    assert (status, out) == (1, "")
    assert err.startswith(message)
    assert "Traceback" not in err


def test_a_file_that_is_no_array_is_an_error(dlc_run, tmp_path):
    (tmp_path / "x.npy").write_text("nothing of the kind")
    status, _, err = dlc_run(PROGRAM, "-i", tmp_path / "x.npy")
    assert status == 1
    assert "is neither .npy nor .npz" in err


def test_a_missing_file_is_an_error(capsys):
    assert run.main(["absent.mlir"]) == 1
    assert capsys.readouterr().err == "dlc-run: error: cannot read absent.mlir: No such file or directory\n"


def test_the_llvm_stage_has_no_interpreter(dlc_run, at_stage):
    status, _, err = dlc_run(at_stage(PROGRAM, "llvm"), "--compare-with=reference")
    assert status == 1
    assert "there is no interpreter for the stage llvm; compare at loops or earlier" in err


def test_timing_is_printed_if_asked_for(dlc_run):
    text = "func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {\n  %y = dlc.tanh %x : tensor<4xf32>\n  func.return %y : tensor<4xf32>\n}"
    status, _, err = dlc_run(text, "--mlir-timing")
    assert status == 0
    assert "Execution time report" in err
    assert "linking" in err
    assert dlc_run(text)[2] == ""
