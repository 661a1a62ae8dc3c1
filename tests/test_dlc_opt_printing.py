"""What `dlc-opt` prints: IR after passes, timings, remarks; and how it behaves as a process."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from opt_runner import DOES_NOT_PARSE, EXP_SUM, IDENTITY, dumped_titles

from compiler.universe import DLC_UNIVERSE
from passes import get_all_passes

ROOT = Path(__file__).resolve().parent.parent


# Printing


def test_print_ir_after_all_has_mlirs_banners(dlc_opt):
    _, _, err = dlc_opt(
        EXP_SUM, "-p", "convert-dlc-to-linalg,form-kernels{max-group-size=2}", "--mlir-print-ir-after-all"
    )
    assert dumped_titles(err) == [
        "After ConvertDlcToLinalgPass (convert-dlc-to-linalg)",
        "After FormKernelsPass (form-kernels{max_group_size=2})",
    ]
    assert err.count("builtin.module {") == 2


def test_print_ir_before_all(dlc_opt):
    _, _, err = dlc_opt(EXP_SUM, "-p", "simplify-dlc,convert-dlc-to-linalg", "--mlir-print-ir-before-all")
    assert dumped_titles(err) == [
        "Before SimplifyDlcPass (simplify-dlc)",
        "Before ConvertDlcToLinalgPass (convert-dlc-to-linalg)",
    ]


@pytest.mark.parametrize("prefix", ["--mlir-print-ir", "--print-ir"])
def test_print_ir_around_chosen_passes(dlc_opt, prefix):
    flags = (f"{prefix}-before=form-kernels,simplify-dlc", f"{prefix}-after=simplify-dlc")
    _, _, err = dlc_opt(EXP_SUM, "-p", "simplify-dlc,convert-dlc-to-linalg,form-kernels", *flags)
    assert dumped_titles(err) == [
        "Before SimplifyDlcPass (simplify-dlc)",
        "After SimplifyDlcPass (simplify-dlc)",
        "Before FormKernelsPass (form-kernels)",
    ]


def test_print_ir_after_change_is_silent_about_the_rest(dlc_opt):
    _, _, err = dlc_opt(EXP_SUM, "-p", "inline,convert-dlc-to-linalg", "--mlir-print-ir-after-change")
    assert dumped_titles(err) == ["After ConvertDlcToLinalgPass (convert-dlc-to-linalg)"]


def test_print_ir_after_failure(dlc_opt, breaking_pass):
    _, _, err = dlc_opt(IDENTITY, "-p", "inline,fall-over", "--mlir-print-ir-after-failure")
    assert dumped_titles(err) == ["After FallOverPass Failed (fall-over)"]


def test_print_changed_shows_a_diff(dlc_opt):
    _, _, err = dlc_opt(EXP_SUM, "-p", "inline,convert-dlc-to-linalg", "--print-changed=diff")
    assert dumped_titles(err) == ["After ConvertDlcToLinalgPass (convert-dlc-to-linalg)"]
    assert "\n-    %0 = dlc.exp %x : tensor<4x3xf32>\n" in err
    assert re.search(r"^\+.*math\.exp", err, re.MULTILINE)


def test_print_ir_tree_dir_numbers_the_files_of_all_parts(dlc_opt, tmp_path):
    flags = ("-p", "inline,simplify-dlc", f"--mlir-print-ir-tree-dir={tmp_path / 'tree'}", "--split-input-file")
    assert dlc_opt(f"{EXP_SUM}// -----\n{IDENTITY}", *flags)[0] == 0
    names = sorted(path.name for path in (tmp_path / "tree").iterdir())
    assert names == ["01_inline.mlir", "02_simplify-dlc.mlir", "03_inline.mlir", "04_simplify-dlc.mlir"]
    assert "@id" in (tmp_path / "tree" / "04_simplify-dlc.mlir").read_text()


def test_generic_form_and_locations(dlc_opt):
    assert '"dlc.exp"(%x)' in dlc_opt(EXP_SUM, "--mlir-print-op-generic")[1]
    assert 'loc("<stdin>":2:3)' in dlc_opt(EXP_SUM, "--mlir-print-debuginfo")[1]


def test_long_constants_can_be_left_out(dlc_opt):
    text = """\
func.func @f() -> (tensor<4xi32>, tensor<4xi32>) {
  %0 = dlc.constant dense<[1, 2, 3, 4]> : tensor<4xi32>
  %1 = dlc.constant dense<7> : tensor<4xi32>
  func.return %0, %1 : tensor<4xi32>, tensor<4xi32>
}
"""
    assert "dense<[1, 2, 3, 4]>" in dlc_opt(text, "--mlir-elide-elementsattrs-if-larger=4")[1]
    out = dlc_opt(text, "--mlir-elide-elementsattrs-if-larger=3")[1]
    assert "dlc.constant dense_resource<__elided__> : tensor<4xi32>" in out
    assert "dlc.constant dense<7> : tensor<4xi32>" in out


def test_timing_goes_down_to_llvm(dlc_opt):
    status, _, err = dlc_opt(EXP_SUM, "--compile-to=asm", "--mlir-timing")
    assert status == 0
    rows = re.findall(r"^ +\d+\.\d{4} \( *[\d.]+%\)  (.+)$", err, re.MULTILINE)
    assert rows[:2] == ["Parser", "Verifier"]
    assert {"form-kernels", "convert-to-llvm"} <= set(rows)
    tail = rows[rows.index("LLVM") :]
    assert tail[1:4] == ["  text", "  parser and verifier", "  passes"]
    assert {"    ipsccp", "    instcombine"} <= set(tail)
    kernels = tail[tail.index("  code generation") + 1 : -1]
    assert kernels
    assert all(re.fullmatch(r"    @\w+ \([1-9]\d* bytes\)", row) for row in kernels)
    assert tail[-1] == "Total"


def test_timing_as_a_list_is_sorted(dlc_opt):
    _, _, err = dlc_opt(EXP_SUM, "--compile-to=llvm", "--mlir-timing", "--mlir-timing-display=list")
    times = [float(time) for time in re.findall(r"^ +(\d+\.\d{4}) \(", err, re.MULTILINE)]
    assert times[:-1] == sorted(times[:-1], reverse=True)


def test_opt_bisect_limit_runs_the_first_passes_only(dlc_opt):
    status, out, err = dlc_opt(EXP_SUM, "-p", "inline,convert-dlc-to-linalg,form-kernels", "--opt-bisect-limit=2")
    assert status == 0
    assert "linalg.generic" in out
    assert "rt.kernel" not in out
    assert err.splitlines() == [
        "BISECT: running pass (1) inline",
        "BISECT: running pass (2) convert-dlc-to-linalg",
        "BISECT: NOT running pass (3) form-kernels",
    ]


@pytest.mark.parametrize(
    ("flag", "shown"),
    [
        ("--remarks-filter=.*", True),
        ("--remarks-filter=fuse-elementwise", True),
        ("--remarks-filter=bufferize", False),
        ("--remarks-filter-passed=fuse", True),
        ("--remarks-filter-missed=fuse", False),
        ("--remarks-filter-analyse=fuse", False),
        ("--mlir-timing", False),
    ],
)
def test_remarks_are_shown_if_asked_for(dlc_opt, flag, shown):
    status, _, err = dlc_opt(EXP_SUM, "-p", "convert-dlc-to-linalg,fuse-elementwise", flag)
    assert status == 0
    line = "<stdin>:3: remark: [fuse-elementwise] passed: exp computed inside sum\n"
    assert (line in err) == shown


# The process


def run_process(*command, **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False, **options)


def test_the_process_reads_standard_input_and_returns_its_status():
    command = (sys.executable, "-m", "compiler.opt", "-", "--inline")
    good = run_process(*command, input=IDENTITY)
    assert (good.returncode, good.stderr) == (0, "")
    assert "@id" in good.stdout
    bad = run_process(*command, input=DOES_NOT_PARSE)
    assert bad.returncode == 1
    assert bad.stdout == ""


def test_a_closed_pipe_is_no_traceback():
    command = f"{sys.executable} -m compiler.opt --list-passes | head -c 1"
    closed = run_process("bash", "-o", "pipefail", "-c", command)
    assert "Traceback" not in closed.stderr
    assert "BrokenPipe" not in closed.stderr


def test_numbers_that_print_as_bits_are_read_as_bits(tmp_path):
    text = "builtin.module {\n  %0 = llvm.mlir.constant(dense<0x4B40007F> : vector<4xf32>) : vector<4xf32>\n}\n"
    assert run_process(sys.executable, "-m", "compiler.opt", input=text).stdout == text


def test_starting_up_imports_no_numpy_llvm_or_pass():
    program = (
        "import sys; from compiler import opt; opt.main(['--list-passes']); "
        "print(sorted(m for m in sys.modules if m in {'numpy', 'llvmlite', 'optree'} or m.startswith('passes.')))"
    )
    done = run_process(sys.executable, "-c", program)
    assert done.stdout.splitlines()[-1] == "[]"


def test_plain_xdsl_opt_sees_our_dialects_and_passes():
    from importlib.metadata import entry_points

    from xdsl.universe import Universe

    (entry,) = entry_points(group="xdsl.universe", name="dlc")
    assert entry.load() is DLC_UNIVERSE
    everything = Universe.get_multiverse()  # refuses names that occur twice
    assert {"dlc", "rt"} <= set(everything.all_dialects)
    assert set(get_all_passes()) <= set(everything.all_passes)
    done = run_process(str(Path(sys.executable).parent / "xdsl-opt"), "-p", "convert-dlc-to-linalg", input=EXP_SUM)
    assert done.returncode == 0, done.stderr
    assert "linalg.generic" in done.stdout


def test_structured_operations_with_several_results_read_back():
    text = """\
builtin.module {
  func.func @f(%0: tensor<4xf32>, %1: tensor<4xi64>) -> tensor<4xi64> {
    %2, %3 = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%0, %1 : tensor<4xf32>, tensor<4xi64>) {
    ^bb0(%4: f32, %5: i64):
      linalg.yield %4, %5 : f32, i64
    } -> (tensor<4xf32>, tensor<4xi64>)
    func.return %3 : tensor<4xi64>
  }
}
"""  # noqa: E501
    done = run_process(sys.executable, "-m", "compiler.opt", input=text)
    assert (done.stdout, done.stderr) == (text, "")
