"""What `dlc-opt` promises on its command line: the names and the meaning of `mlir-opt`'s flags."""

import random
import re
from pathlib import Path

import pytest
from opt_runner import CALLS_NOTHING, DOES_NOT_PARSE, DOES_NOT_VERIFY, EXP_SUM, IDENTITY

from compiler import opt
from compiler.pipelines import IR_STAGES

ROOT = Path(__file__).resolve().parent.parent


# Input and output


def test_ir_goes_to_standard_output_and_nothing_else_does(dlc_opt):
    status, out, err = dlc_opt(EXP_SUM, "-p", "simplify-dlc", "--dump-pass-pipeline", "--mlir-timing")
    assert status == 0
    assert out.startswith("builtin.module {\n  func.func @f(%x: tensor<4x3xf32>)")
    assert out.endswith("}\n")
    assert "IR" not in out
    assert err.startswith("Pass Manager with 1 passes:\nbuiltin.module(simplify-dlc)\n")


def test_o_writes_a_file(dlc_opt, tmp_path):
    assert dlc_opt(IDENTITY, "-o", tmp_path / "out.mlir") == (0, "", "")
    assert "@id" in (tmp_path / "out.mlir").read_text()


def test_o_writes_nothing_after_an_error(dlc_opt, tmp_path):
    status, out, _ = dlc_opt(DOES_NOT_PARSE, "-o", tmp_path / "out.mlir")
    assert (status, out) == (1, "")
    assert not (tmp_path / "out.mlir").exists()


def test_a_file_can_be_given_after_pass_flags(capsys, tmp_path):
    (tmp_path / "in.mlir").write_text(EXP_SUM)
    assert opt.main(["--simplify-dlc", "--verify-each", str(tmp_path / "in.mlir")]) == 0
    assert "dlc.exp" in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_an_unreadable_file_is_an_error(capsys, tmp_path, content):
    path = tmp_path / "in.mlir"
    if content:
        path.write_bytes(content)
    assert opt.main([str(path)]) == 1
    assert capsys.readouterr().err.startswith(f"dlc-opt: error: cannot read {path}: ")


def test_an_output_that_cannot_be_written_is_an_error(dlc_opt, tmp_path):
    (tmp_path / "file").write_text("")
    status, _, err = dlc_opt(IDENTITY, "-o", tmp_path / "file" / "out.mlir")
    assert status == 1
    assert "cannot write" in err


def test_unregistered_operations_need_a_flag(dlc_opt):
    text = '"unheard.of"() : () -> ()\n'
    assert dlc_opt(text)[0] == 1
    for flag in ("--allow-unregistered-dialect", "--allow-unregistered-dialect=true"):
        status, out, _ = dlc_opt(text, flag)
        assert status == 0
        assert '"unheard.of"() : () -> ()' in out


def test_no_implicit_module_wants_a_module(dlc_opt):
    assert dlc_opt(f"// a comment\nbuiltin.module {{\n{IDENTITY}}}\n", "--no-implicit-module")[0] == 0
    status, _, err = dlc_opt(IDENTITY, "--no-implicit-module")
    assert status == 1
    assert "builtin.module operation expected" in err


# Errors


def test_ir_that_does_not_parse_is_shown_with_a_caret(dlc_opt):
    status, out, err = dlc_opt(DOES_NOT_PARSE)
    assert (status, out) == (1, "")
    assert err == (
        "<stdin>:2:18: error: Expected ':' after operands\n  %0 = dlc.exp %x, : tensor<4xf32>\n                 ^\n"
    ) or re.fullmatch(
        r"<stdin>:2:(\d+): error: .+\n  %0 = dlc\.exp %x, : tensor<4xf32>\n +\^\n", err
    )  # the wording is xDSL's


def test_the_caret_stands_below_the_column_in_the_message(dlc_opt):
    _, _, err = dlc_opt(DOES_NOT_PARSE)
    column = int(re.match(r"<stdin>:2:(\d+): ", err)[1])
    assert err.splitlines()[-1] == " " * (column - 1) + "^"


def test_ir_that_does_not_verify_is_shown_underlined(dlc_opt):
    status, out, err = dlc_opt(DOES_NOT_VERIFY)
    assert (status, out) == (1, "")
    first, op, underline = err.splitlines()[0], *err.splitlines()[-2:]
    assert first.startswith("<stdin>:2:3: error: ")
    assert "dlc.exp" in op
    assert underline.strip() == "^" * len(op.strip())


def test_an_operation_that_lacks_something_has_its_line(dlc_opt):
    text = 'func.func @f() {\n  %0 = "arith.constant"() : () -> f32\n  func.return\n}\n'
    status, _, err = dlc_opt(text)
    assert status == 1
    assert err.startswith("<stdin>:2:3: error: property 'value' expected in operation 'arith.constant'\n")


def test_a_string_that_is_not_closed_is_an_error_at_once(dlc_opt):
    text = 'func.func @f() attributes {a = "' + "a long string " * 20 + "} {\n  func.return\n}\n"
    status, _, err = dlc_opt(text)
    assert status == 1
    assert err.startswith("<stdin>:1:")
    assert "string literal" in err


def test_an_attribute_that_cannot_be_built_has_the_line_of_its_operation(dlc_opt):
    text = """\
func.func @f(%x: tensor<4xf32>) {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["sideways"]} outs(%x : tensor<4xf32>) {
  ^bb0(%0: f32):
    linalg.yield %0 : f32
  }
  func.return
}
"""
    status, _, err = dlc_opt(text)
    assert status == 1
    assert err.startswith("<stdin>:2:3: error: 'sideways' is not a valid IteratorType\n")


@pytest.mark.parametrize("stage", ["linalg", "bufferized", "loops", "llvm"])
def test_damaged_files_are_errors_and_nothing_worse(dlc_opt, stage):
    _, text, _ = dlc_opt(EXP_SUM, f"--compile-to={stage}", "--vector-bits=128")
    tokens = re.findall(r"\s+|[%@^]?[\w.]+|.", text)
    generator = random.Random(0)
    for _ in range(20):
        damaged = list(tokens)
        damaged[generator.randrange(len(damaged))] = generator.choice([*tokens, ""])
        status, out, err = dlc_opt("".join(damaged))
        assert status in {0, 1}
        assert bool(out) == (status == 0) == (not err)


def test_what_a_pass_refuses_is_shown_underlined(dlc_opt):
    status, _, err = dlc_opt(CALLS_NOTHING, "--inline")
    assert status == 1
    lines = err.splitlines()
    assert lines[0].startswith("<stdin>:2:3: error: dlc.call: there is no function @g")
    assert "dlc.call @g" in lines[1]
    assert set(lines[2].strip()) == {"^"}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["-p", "form-kernel"], "unknown pass 'form-kernel'; did you mean 'form-kernels'? --list-passes lists all"),
        (["-p", "zzz"], "unknown pass 'zzz'; --list-passes lists all"),
        (["-p", "form-kernels{size=3}"], "pass form-kernels: unknown option 'size'; its options are"),
        (["-p", "form-kernels{max-group-size=many}"], "pass form-kernels: 'many' is not of type int"),
        (["-p", "form-kernels{max-group-size=0}"], "pass form-kernels: max-group-size is 0; use at least 1"),
        (["-p", "a{"], "pass pipeline 'a{' is not of the form"),
        (["--pass-pipeline=func.func(cse)"], "passes run on builtin.module, not on func.func"),
        (
            ["--pass-pipeline=builtin.module(func.func(cse))"],
            "func.func(…) is nested; all passes run on builtin.module",
        ),
        (["--compile-to=nowhere"], "unknown stage 'nowhere' for target cpu; use one of tensor, autodiff"),
        (["--compile-from=nowhere", "--compile-to=llvm"], "unknown stage 'nowhere' for target cpu"),
        (["--compile-from=llvm", "--compile-to=fused"], "cannot compile from stage 'llvm' back to 'fused'"),
        (["--compile-from=fused"], "--compile-from needs --compile-to"),
        (["--compile-to=fused", "-p", "inline"], "give one of --passes"),
        (["--vector-bits=100", "--compile-to=loops"], "vector_bits is 100; use one of"),
        (["--run-reproducer"], "--run-reproducer: the file has no line"),
        (["--mlir-print-ir-after=form-kernel"], "unknown pass 'form-kernel'; did you mean 'form-kernels'?"),
        (["--remarks-filter=("], "is not a regular expression"),
        (["--frobnicate"], "unknown flag --frobnicate; see dlc-opt --help"),
        (["--verify-dignostics"], "unknown flag --verify-dignostics; did you mean --verify-diagnostics?"),
        (["--form-kernel"], "unknown flag --form-kernel; did you mean the pass --form-kernels?"),
        (["--verify-each=perhaps"], "'perhaps' is not a boolean; use true or false"),
        (["--target=abacus"], "invalid choice: 'abacus'"),
    ],
)
def test_a_wrong_flag_is_one_line_of_error_and_status_1(dlc_opt, flags, message):
    status, out, err = dlc_opt(IDENTITY, *flags)
    assert (status, out) == (1, "")
    assert err.startswith("dlc-opt: error: ")
    assert message in err
    assert err.count("\n") == 1


# Pipelines


@pytest.mark.parametrize(
    "flags",
    [
        ["-p", "simplify-dlc,convert-dlc-to-linalg,form-kernels{max-group-size=1}"],
        ["--passes=simplify-dlc,convert-dlc-to-linalg,form-kernels{max_group_size=1}"],
        ["--pass-pipeline=builtin.module(simplify-dlc,convert-dlc-to-linalg,form-kernels{max-group-size=1})"],
        ["--pass-pipeline=any( simplify-dlc,convert-dlc-to-linalg,form-kernels{max-group-size=1} )"],
        ["--simplify-dlc", "--convert-dlc-to-linalg", "--form-kernels=max-group-size=1"],
    ],
)
def test_a_pipeline_has_three_spellings(dlc_opt, flags):
    status, out, err = dlc_opt(EXP_SUM, *flags, "--dump-pass-pipeline")
    assert status == 0
    pipeline = "builtin.module(simplify-dlc,convert-dlc-to-linalg,form-kernels{max_group_size=1})"
    assert err == f"Pass Manager with 3 passes:\n{pipeline}\n"
    assert out.count("rt.kernel") == 2


def test_the_dumped_pipeline_can_be_given_back(dlc_opt):
    _, _, err = dlc_opt(EXP_SUM, "--compile-to=llvm", "--vector-bits=128", "--dump-pass-pipeline")
    pipeline = err.splitlines()[1]
    _, direct, _ = dlc_opt(EXP_SUM, "--compile-to=llvm", "--vector-bits=128")
    assert dlc_opt(EXP_SUM, f"--pass-pipeline={pipeline}")[:2] == (0, direct)


@pytest.mark.parametrize("pipeline", ["", "builtin.module()"])
def test_an_empty_pipeline_changes_nothing(dlc_opt, pipeline):
    assert dlc_opt(EXP_SUM, f"--pass-pipeline={pipeline}")[:2] == dlc_opt(EXP_SUM)[:2]


def test_list_passes_lists_ours_and_upstreams(dlc_opt):
    status, out, _ = dlc_opt("", "--list-passes")
    assert status == 0
    assert {"form-kernels", "canonicalize", "cse"} <= set(out.split())


def test_show_dialects_lists_ours_and_upstreams(dlc_opt):
    status, out, _ = dlc_opt("", "--show-dialects")
    assert status == 0
    assert {"dlc", "rt", "linalg", "llvm"} <= set(out.split())


@pytest.mark.parametrize("stage", IR_STAGES["cpu"])
def test_every_ir_stage_can_be_printed_and_compiled_from(dlc_opt, stage):
    flags = ("--vector-bits=128", "--verify-roundtrip")
    status, out, err = dlc_opt(EXP_SUM, f"--compile-to={stage}", *flags)
    assert (status, err) == (0, "")
    _, direct, _ = dlc_opt(EXP_SUM, "--compile-to=llvm", *flags)
    status, resumed, err = dlc_opt(out, f"--compile-from={stage}", "--compile-to=llvm", *flags)
    assert (status, err) == (0, "")
    assert len(resumed.splitlines()) == len(direct.splitlines())  # names of values may differ


@pytest.mark.parametrize(("stage", "sign"), [("llvm-opt", "define void @f("), ("asm", "\nf:\n")])
def test_text_stages_end_in_llvms_output(dlc_opt, stage, sign):
    status, out, _ = dlc_opt(EXP_SUM, f"--compile-to={stage}")
    assert status == 0
    assert sign in out
    _, loops, _ = dlc_opt(EXP_SUM, "--compile-to=loops")
    assert dlc_opt(loops, "--compile-from=loops", f"--compile-to={stage}")[0] == 0


# --split-input-file and --verify-diagnostics


def test_parts_of_a_split_file_are_treated_alone(dlc_opt):
    status, out, _ = dlc_opt(f"{IDENTITY}// -----\n{IDENTITY}", "--split-input-file")
    assert status == 0
    assert out.count("\n// -----\n") == 1
    assert out.count("builtin.module") == 2
    assert dlc_opt(out, "--split-input-file") == (0, out, "")


def test_errors_in_a_split_file_have_the_line_of_the_file(dlc_opt):
    status, out, err = dlc_opt(f"{IDENTITY}// -----\n{DOES_NOT_PARSE}// -----\n{EXP_SUM}", "--split-input-file")
    assert status == 1
    assert err.startswith("<stdin>:6:")
    assert out.count("func.func") == 2  # the other parts are printed
    _, _, err = dlc_opt(f"{IDENTITY}// -----\n{DOES_NOT_VERIFY}", "--split-input-file")
    assert err.startswith("<stdin>:6:3: error: ")


ERROR_TEXT = '%0 = "dlc.exp"(%x) : (tensor<4xf32>) -> tensor<5xf32>'


def with_wrong_op(before="", same_line="", after=""):
    return (
        f"func.func @f(%x: tensor<4xf32>) -> tensor<5xf32> {{\n{before}  {ERROR_TEXT}{same_line}\n{after}"
        "  func.return %0 : tensor<5xf32>\n}\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        with_wrong_op(before="  // expected-error @+1 {{does not verify}}\n"),
        with_wrong_op(before="  // expected-error@below {{does not verify}}\n"),
        with_wrong_op(before="  // expected-error @+2 {{does not verify}}\n\n"),
        with_wrong_op(same_line=" // expected-error {{does not verify}}"),
        with_wrong_op(after="  // expected-error @-1 {{does not verify}}\n"),
        with_wrong_op(after="  // expected-error @above {{does not verify}}\n"),
    ],
)
def test_an_expected_error_is_no_error(dlc_opt, text):
    assert dlc_opt(text, "--verify-diagnostics") == (0, "", "")


def test_an_error_on_another_line_than_expected_fails(dlc_opt):
    text = with_wrong_op(before="  // expected-error {{does not verify}}\n")
    status, _, err = dlc_opt(text, "--verify-diagnostics")
    assert status == 1
    assert '<stdin>:2: error: expected error "does not verify" was not produced' in err
    assert "<stdin>:3: error: unexpected error: result 'result' at position 0 does not verify" in err


def test_an_expected_error_that_does_not_come_fails(dlc_opt):
    status, _, err = dlc_opt(f"// expected-error @+1 {{{{nothing}}}}\n{IDENTITY}", "--verify-diagnostics")
    assert status == 1
    assert err == '<stdin>:1: error: expected error "nothing" was not produced\n'


def test_an_error_with_another_text_fails(dlc_opt):
    text = with_wrong_op(same_line=" // expected-error {{something else}}")
    assert dlc_opt(text, "--verify-diagnostics")[0] == 1


def test_an_unexpected_error_fails(dlc_opt):
    status, _, err = dlc_opt(with_wrong_op(), "--verify-diagnostics")
    assert status == 1
    assert "<stdin>:2: error: unexpected error: " in err


def test_errors_of_parser_and_passes_can_be_expected(dlc_opt):
    text = DOES_NOT_PARSE.replace("xf32>\n", "xf32> // expected-error {{expected}}\n", 1)
    status, _, err = dlc_opt(text, "--verify-diagnostics")
    assert status == 0 or "unexpected error" in err  # the wording is xDSL's, the line ours
    assert "<stdin>:2" in err or status == 0
    text = CALLS_NOTHING.replace("  %0", "  // expected-error @+1 {{there is no function @g}}\n  %0")
    assert dlc_opt(text, "--inline", "--verify-diagnostics") == (0, "", "")


def test_above_and_below_skip_lines_with_annotations(dlc_opt):
    text = with_wrong_op(
        before="  // expected-error @below {{does not verify}}\n  // expected-error @below {{other}}\n"
    )
    _, _, err = dlc_opt(text, "--verify-diagnostics")
    assert err.count("\n") == 1
    assert '<stdin>:3: error: expected error "other" was not produced' in err


def test_expected_remarks_must_come_and_others_must_not(dlc_opt):
    lines = EXP_SUM.splitlines()
    lines[2] += " // expected-remark {{exp computed inside sum}}"
    flags = ("-p", "convert-dlc-to-linalg,fuse-elementwise", "--verify-diagnostics")
    assert dlc_opt("\n".join(lines), *flags)[0] == 0
    lines[2] = lines[2].replace("{{exp", "{{log")
    status, _, err = dlc_opt("\n".join(lines), *flags)
    assert status == 1
    assert '<stdin>:3: error: expected remark "log computed inside sum" was not produced' in err
    assert "unexpected remark: exp computed" in err
    assert dlc_opt(EXP_SUM, *flags)[0] == 0  # none is expected, so none is looked at


def test_a_part_without_annotations_is_checked_too(dlc_opt):
    text = f"{with_wrong_op(same_line=' // expected-error {{does not verify}}')}// -----\n{with_wrong_op()}"
    status, _, err = dlc_opt(text, "--split-input-file", "--verify-diagnostics")
    assert status == 1
    assert err.startswith("<stdin>:7: error: unexpected error: ")


# Verification


def test_a_pass_that_leaves_wrong_ir_is_named(dlc_opt, breaking_pass):
    status, out, err = dlc_opt(EXP_SUM, "-p", "simplify-dlc,convert-dlc-to-linalg")
    assert status == 0
    text = EXP_SUM.replace("exp %x : tensor<4x3xf32>", "convert %x : tensor<4x3xf32> -> tensor<4x3xf64>").replace(
        "f32> -> tensor<4xf32>\n  func", "f64> -> tensor<4xf64>\n  func"
    )
    text = text.replace("return %1 : tensor<4xf32>", "return %1 : tensor<4xf64>").replace(
        "-> tensor<4xf32> {", "-> tensor<4xf64> {"
    )
    status, out, err = dlc_opt(text, "--break-types")
    assert (status, out) == (1, "")
    assert "break-types: left IR that does not verify: " in err
    assert dlc_opt(text, "--break-types", "--verify-each=false")[0] == 0


def test_a_pass_that_falls_over_is_named(dlc_opt, breaking_pass):
    status, out, err = dlc_opt(IDENTITY, "-p", "simplify-dlc,fall-over")
    assert (status, out) == (1, "")
    assert err == "<stdin>: error: fall-over: KeyError: 'nothing here'\n"
    _, _, err = dlc_opt(IDENTITY, "-p", "fall-over", "--mlir-print-stacktrace-on-diagnostic")
    assert 'raise KeyError("nothing here")' in err


def test_verify_roundtrip_accepts_what_reads_back(dlc_opt):
    assert dlc_opt(EXP_SUM, "--verify-roundtrip", "--compile-to=fused")[0] == 0


# Reproducers


def test_a_crash_reproducer_repeats_the_failure(dlc_opt, breaking_pass, tmp_path):
    path = tmp_path / "folder" / "crash.mlir"
    flags = (
        "-p",
        "simplify-dlc,form-kernels{max-group-size=2},fall-over",
        f"--mlir-pass-pipeline-crash-reproducer={path}",
    )
    status, _, err = dlc_opt(IDENTITY, *flags)
    assert status == 1
    assert f"reproducer written to {path}" in err
    lines = path.read_text().splitlines()
    pipeline = "builtin.module(simplify-dlc,form-kernels{max_group_size=2},fall-over)"
    assert lines[0] == f"// configuration: --pass-pipeline='{pipeline}'"
    assert lines[1].startswith("// note: fall-over failed: ")
    status, _, err = dlc_opt(path.read_text(), "--run-reproducer", "--dump-pass-pipeline")
    assert status == 1
    assert pipeline in err
    assert "fall-over: KeyError" in err


def test_a_local_reproducer_has_the_failing_pass_only(dlc_opt, breaking_pass, tmp_path):
    path = tmp_path / "crash.mlir"
    flags = ("-p", "convert-dlc-to-linalg,fall-over", f"--mlir-pass-pipeline-crash-reproducer={path}")
    dlc_opt(EXP_SUM, *flags, "--mlir-pass-pipeline-local-reproducer")
    assert "'builtin.module(fall-over)'" in path.read_text()
    assert "linalg.generic" in path.read_text()


def test_no_reproducer_is_written_when_nothing_fails(dlc_opt, tmp_path):
    path = tmp_path / "crash.mlir"
    assert dlc_opt(IDENTITY, "-p", "simplify-dlc", f"--mlir-pass-pipeline-crash-reproducer={path}")[0] == 0
    assert not path.exists()
