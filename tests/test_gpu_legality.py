"""What `check-ptx-legality` lets through, LLVM selects; what it refuses, it refuses with a reason."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ptx_selection import call, instruction, kernel, llvm_type
from xdsl.context import Context
from xdsl.parser import Parser
from xdsl.utils.exceptions import PassFailedException

from compiler.source_ir import make_context
from dialects.errors import ArgumentError, InternalError, UnsupportedError
from dialects.ptx_intrinsics import (
    FLOAT_INTRINSICS,
    HARDWARE_INTRINSICS,
    INTEGER_INTRINSICS,
    OTHER_INTRINSICS,
    REDUCTION_INTRINSICS,
    is_selectable,
)
from passes.gpu.check_ptx_legality import CheckPtxLegalityPass
from runtime.cuda.ptx import emit_ptx, newest_known

FLOATS = ("f32", "f64", "v2f32", "v4f32", "v16f32", "v2f64")
INTEGERS = ("i8", "i16", "i32", "i64", "v2i32", "v4i64")
ARGUMENTS = {"copysign": 2, "fma": 3, "fmuladd": 3, "fshl": 3, "fshr": 3}
FLAGGED = ("abs", "ctlz", "cttz")
UNARY_INTEGERS = ("bitreverse", "bswap", "ctpop", *FLAGGED)


def float_cases():
    for name in FLOAT_INTRINSICS:
        arguments = ARGUMENTS.get(name, 2 if name.startswith(("max", "min")) else 1)
        for suffix in FLOATS:
            yield f"{name}.{suffix}", call(f"{name}.{suffix}", suffix, arguments)


def integer_cases():
    for name in INTEGER_INTRINSICS:
        arguments = ARGUMENTS.get(name, 1 if name in UNARY_INTEGERS else 2)
        for suffix in INTEGERS:
            if (name, suffix) != ("bswap", "i8"):
                extra = ("i1 false",) if name in FLAGGED else ()
                yield f"{name}.{suffix}", call(f"{name}.{suffix}", suffix, arguments, extra=extra)


def reduction_cases():
    for name in REDUCTION_INTRINSICS:
        kind = name.rpartition(".")[2]
        for lanes in (2, 4, 8, 16):
            for element in ("f32", "f64") if kind.startswith("f") else ("i32", "i64"):
                vector, scalar = f"v{lanes}{element}", llvm_type(element)
                full = f"llvm.{name}.{vector}"
                start = f"{scalar} 0.0, " if kind in {"fadd", "fmul"} else ""
                text = (
                    f"%q = call {scalar} @{full}({start}{llvm_type(vector)} %a)\nstore {scalar} %q, ptr addrspace(1) %z"
                )
                types = f"{scalar}, " if start else ""
                yield f"{name}.{vector}", kernel(vector, text, f"declare {scalar} @{full}({types}{llvm_type(vector)})")


def overflow_case(name, suffix):
    pair = f"{{{suffix}, i1}}"
    text = (
        f"%p = call {pair} @llvm.{name}.{suffix}({suffix} %a, {suffix} %b)\n"
        f"%v = extractvalue {pair} %p, 0\n%o = extractvalue {pair} %p, 1\n"
        f"%r = select i1 %o, {suffix} %a, {suffix} %v"
    )
    return kernel(suffix, text, f"declare {pair} @llvm.{name}.{suffix}({suffix}, {suffix})")


def masked_case(name, lanes, element):
    vector = llvm_type(f"v{lanes}{element}")
    mask = f"%m = fcmp olt {vector} %a, %b\n"
    full = f"llvm.{name}.v{lanes}{element}.p1"
    if name == "masked.load":
        types, text = (
            f"ptr addrspace(1), <{lanes} x i1>, {vector}",
            f"ptr addrspace(1) align 4 %z, <{lanes} x i1> %m, {vector} %b",
        )
        return kernel(
            f"v{lanes}{element}", f"{mask}%r = call {vector} @{full}({text})", f"declare {vector} @{full}({types})"
        )
    types, text = (
        f"{vector}, ptr addrspace(1), <{lanes} x i1>",
        f"{vector} %a, ptr addrspace(1) align 4 %z, <{lanes} x i1> %m",
    )
    return kernel(f"v{lanes}{element}", f"{mask}call void @{full}({text})", f"declare void @{full}({types})")


def memory_case(name):
    if name == "memset":
        types, text = "ptr addrspace(1), i8, i64, i1", "ptr addrspace(1) %z, i8 1, i64 %a, i1 false"
        full = "llvm.memset.p1.i64"
    else:
        types, text = (
            "ptr addrspace(1), ptr addrspace(1), i64, i1",
            "ptr addrspace(1) %z, ptr addrspace(1) %x, i64 %a, i1 false",
        )
        full = f"llvm.{name}.p1.p1.i64"
    return kernel("i64", f"call void @{full}({text})", f"declare void @{full}({types})")


def other_cases():
    for name in OTHER_INTRINSICS:
        if name == "assume":
            yield (
                name,
                kernel(
                    "i64", "%q = icmp slt i64 %a, %b\ncall void @llvm.assume(i1 %q)", "declare void @llvm.assume(i1)"
                ),
            )
        elif name.endswith(".with.overflow"):
            yield from ((f"{name}.{suffix}", overflow_case(name, suffix)) for suffix in ("i8", "i32", "i64"))
        elif name.endswith(".sat"):
            for f in ("f32", "f64"):
                yield from ((f"{name}.{i}.{f}", call(f"{name}.{i}.{f}", f, 1, result=i)) for i in ("i8", "i32", "i64"))
        elif name.startswith("masked"):
            yield from ((f"{name}.{n}.{e}", masked_case(name, n, e)) for n in (2, 8) for e in ("f32", "f64"))
        elif name.startswith("mem"):
            yield name, memory_case(name)
        elif name == "is.fpclass":
            yield from (
                (f"{name}.{f}", call(f"{name}.{f}", f, 1, result="i1", extra=("i32 3",))) for f in ("f32", "f64")
            )
        elif name.startswith("lifetime"):
            text = f"%s = alloca i64\ncall void @llvm.{name}.p0(ptr %s)\nstore i64 %a, ptr %s"
            yield name, kernel("i64", text, f"declare void @llvm.{name}.p0(ptr)")
        else:
            assert name in {"scmp", "ucmp"}, f"{name} has no case"
            yield from ((f"{name}.{i}", call(f"{name}.{i}.{i}", i, 2)) for i in ("i8", "i32", "i64"))


def hardware_cases():
    for name in sorted(HARDWARE_INTRINSICS):
        short = name.removeprefix("llvm.")
        if ".sreg." in name:
            yield name, call(short, "i32", 0)
        elif "shfl" in name:
            suffix = name.rpartition(".")[2]
            kind = llvm_type(suffix)
            text = f"%r = call {kind} @{name}(i32 -1, {kind} %a, i32 1, i32 31)"
            yield name, kernel(suffix, text, f"declare {kind} @{name}(i32, {kind}, i32, i32)")
        elif "approx" in name:
            yield name, call(short, "f32", 1)
        elif name.endswith(("aligned.all", "warp.sync")):
            yield name, kernel("i32", f"call void @{name}(i32 0)", f"declare void @{name}(i32)")
        else:
            yield name, kernel("i32", f"call void @{name}()", f"declare void @{name}()")


def instruction_cases():
    for opcode in ("fadd", "fsub", "fmul", "fdiv"):
        yield from ((f"{opcode} {suffix}", instruction(opcode, suffix)) for suffix in FLOATS)
    for opcode in ("add", "sub", "mul", "sdiv", "udiv", "srem", "urem", "and", "or", "xor", "shl", "lshr", "ashr"):
        yield from ((f"{opcode} {suffix}", instruction(opcode, suffix)) for suffix in (*INTEGERS, "i128"))


LEGAL = {
    name: dict(cases())
    for name, cases in {
        "float": float_cases,
        "integer": integer_cases,
        "reduction": reduction_cases,
        "other": other_cases,
        "hardware": hardware_cases,
        "instruction": instruction_cases,
    }.items()
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="children are forked")
@pytest.mark.parametrize("group", LEGAL)
def test_llvm_selects_what_is_legal(group):
    script = Path(__file__).with_name("ptx_selection.py")
    command = [sys.executable, str(script), "sm_80", "sm_90"]
    done = subprocess.run(command, input=json.dumps(LEGAL[group]), capture_output=True, text=True, check=True)
    statuses = json.loads(done.stdout)
    assert len(statuses) == 2 * len(LEGAL[group])
    assert {name: status for name, status in statuses.items() if status != 0} == {}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="children are forked")
def test_llvm_still_dies_of_what_is_refused():
    # If this fails, LLVM has learnt something, and the list may grow.
    cases = {name: call(f"{name}.f32", "f32", arguments) for name, arguments in (("exp", 1), ("log", 1), ("pow", 2))}
    script = Path(__file__).with_name("ptx_selection.py")
    done = subprocess.run(
        [sys.executable, str(script), "sm_90"], input=json.dumps(cases), capture_output=True, text=True, check=True
    )
    assert 0 not in json.loads(done.stdout).values()
    assert not any(is_selectable(f"llvm.{name}.f32") for name in cases)


def check(body, arguments="%x: !llvm.ptr<1>", more="", name="k"):
    text = f"""
    "gpu.module"() <{{sym_name = "kernels"}}> ({{
      llvm.func @{name}({arguments}) attributes {{nvvm.kernel}} {{
        %a = llvm.load %x {{alignment = 4 : i64}} : !llvm.ptr<1> -> f32
        {body}
        llvm.return
      }}
      llvm.func @outside(f32)
      {more}
    }}) : () -> ()"""
    module = Parser(make_context(), text).parse_module()
    module.verify()
    CheckPtxLegalityPass().apply(Context(), module)


REFUSED = {
    "%b = llvm.intr.exp(%a) : (f32) -> f32": r"llvm.intr.exp on \(f32\) in @k: the intrinsic llvm.exp .* run expand-math before",
    "%b = llvm.intr.exp2(%a) : (f32) -> f32": r"llvm.exp2 has no PTX instruction that computes it exactly",
    "%b = llvm.intr.pow(%a, %a) : (f32, f32) -> f32": r"llvm.intr.pow on \(f32, f32\) in @k",
    "%b = llvm.frem %a, %a : f32": r"llvm.frem on \(f32, f32\) in @k: the quotient is rounded.* use dlc.rem",
    "%i = llvm.mlir.constant(1 : i128) : i128 %b = llvm.sitofp %i : i128 to f32": r"i128 as a float; convert to i64 first",
    "%v = llvm.mlir.poison : vector<3xf32>": r"type vector<3xf32>; .* vectors of 2, 4, 8 or 16",
    "llvm.call @outside(%a) : (f32) -> ()": r"@outside is not defined in the GPU module; there are no libraries",
    '%b = llvm.call_intrinsic "llvm.powi.f32.i32"(%a) : (f32) -> f32': r"the intrinsic llvm.powi.f32.i32",
    "%c = arith.addf %a, %a : f32": r"arith.addf on \(f32, f32\) in @k: which is no llvm operation; run convert-gpu-to-llvm",
    "%n = llvm.mlir.constant(1 : i64) : i64 %s = llvm.alloca %n x !llvm.array<200000 x f32> : (i64) -> !llvm.ptr": (
        r"800000 bytes of local memory for each thread, more than the 524288"
    ),
}


@pytest.mark.parametrize("body", REFUSED)
def test_what_is_refused_says_what_and_where_and_what_to_do(body):
    with pytest.raises(PassFailedException, match=REFUSED[body]):
        check(body.replace(" %b", "\n%b").replace(" %s =", "\n%s ="))


def test_calls_inside_of_the_module_are_legal():
    check("llvm.call @f(%a) : (f32) -> ()", more="llvm.func @f(%v: f32) { llvm.return }")


def test_too_many_arguments_are_refused():
    with pytest.raises(
        PassFailedException, match=r"4104 bytes of arguments, more than the 4096 .* lower max_group_size"
    ):
        check("", ", ".join(["%x: !llvm.ptr<1>", *(f"%p{i}: !llvm.ptr<1>" for i in range(512))]))


def test_names_that_are_not_ptx_are_refused():
    with pytest.raises(PassFailedException, match=r"the name is no PTX identifier"):
        check("", name='"a.b"')


def test_other_things_in_a_gpu_module_are_refused():
    module = Parser(
        make_context(), '"gpu.module"() <{sym_name = "m"}> ({ func.func @f() { func.return } }) : () -> ()'
    ).parse_module()
    with pytest.raises(PassFailedException, match=r"func.func at the top of a GPU module; run convert-gpu-to-llvm"):
        CheckPtxLegalityPass().apply(Context(), module)


TEXT = """
declare float @llvm.{0}(float)
define ptx_kernel void @k(ptr addrspace(1) %x) {{
  %a = load float, ptr addrspace(1) %x
  %b = call float @llvm.{0}(float %a)
  store float %b, ptr addrspace(1) %x
  ret void
}}
"""


def test_text_is_checked_too():
    assert "sqrt.rn.f32" in emit_ptx(TEXT.format("sqrt.f32"))
    with pytest.raises(UnsupportedError, match=r"@llvm.exp.f32 has no PTX form"):
        emit_ptx(TEXT.format("exp.f32"))
    with pytest.raises(UnsupportedError, match=r"@expf has no PTX form"):
        emit_ptx(TEXT.format("x").replace("llvm.x", "expf"))
    with pytest.raises(InternalError, match=r"LLVM rejects the GPU module"):
        emit_ptx("define nonsense")


def test_architectures_that_nobody_knows_are_refused():
    for arch in ("sm_70", "sm_999", "hopper", "sm_80a"):
        with pytest.raises(ArgumentError, match=rf"unknown GPU architecture '{arch}'; use one of sm_80, "):
            emit_ptx("", arch)
    assert ".target sm_90a" in emit_ptx("", "sm_90a")
    assert newest_known(90) == "sm_90"
    assert newest_known(88) == "sm_87"
    with pytest.raises(UnsupportedError, match=r"compute capability 7.5; dlc needs 8.0"):
        newest_known(75)


def test_products_and_sums_are_not_contracted():
    # Error-free transformations in the elementary functions depend on it.
    text = kernel("f32", "%m = fmul float %a, %b\n%r = fadd float %m, %c")
    ptx = emit_ptx(text)
    assert "mul.rn.f32" in ptx
    assert "add.rn.f32" in ptx
    assert "fma" not in ptx
