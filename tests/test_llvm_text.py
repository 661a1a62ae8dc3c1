"""The text that `emit_llvm` writes is what LLVM reads, instruction by instruction."""

import pytest
from llvmlite import binding
from xdsl.dialects.builtin import Float32Type, ModuleOp
from xdsl.dialects.llvm import FuncOp
from xdsl.irdl import IRDLOperation, irdl_op_definition, operand_def, result_def
from xdsl.parser import Parser

from compiler.source_ir import make_context
from dialects.builder import OpBuilder
from dialects.errors import InternalError
from dialects.llvm_intrinsics import IntrinsicOp
from runtime.llvm_text import emit_llvm


def emit(source: str, **options: str) -> str:
    module = Parser(make_context(), source).parse_module()
    module.verify()
    text = emit_llvm(module, **options)
    binding.parse_assembly(text, binding.create_context()).verify()
    return text


def body(lines: str, arguments: str, result: str = "") -> str:
    """The text of the instructions between the label and the return."""
    text = emit(f"llvm.func @f({arguments}) {result} {{\n{lines}\nllvm.return\n}}")
    return text.split("b0:\n")[1].split("  ret")[0].strip()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%r = llvm.add %i, %i : i32", "add i32 %0, %0"),
        ("%r = llvm.add %i, %i overflow<nsw, nuw> : i32", "add nuw nsw i32 %0, %0"),
        ("%r = llvm.sdiv exact %i, %i : i32", "sdiv exact i32 %0, %0"),
        ("%r = llvm.or disjoint %i, %i : i32", "or disjoint i32 %0, %0"),
        ("%r = llvm.fadd %x, %x {fastmathFlags = #llvm.fastmath<contract>} : f32", "fadd contract float %1, %1"),
        ("%r = llvm.fmul %x, %x {fastmathFlags = #llvm.fastmath<fast>} : f32", "fmul fast float %1, %1"),
        ("%r = llvm.fneg %v : vector<4xf32>", "fneg <4 x float> %2"),
        ('%r = llvm.icmp "ult" %i, %i : i32', "icmp ult i32 %0, %0"),
        ('%r = llvm.fcmp "une" %v, %v : vector<4xf32>', "fcmp une <4 x float> %2, %2"),
        ('%r = llvm.fcmp "_true" %x, %x : f32', "fcmp true float %1, %1"),
        ("%r = llvm.zext %i : i32 to i64", "zext i32 %0 to i64"),
        ("%r = llvm.fptosi %v : vector<4xf32> to vector<4xi8>", "fptosi <4 x float> %2 to <4 x i8>"),
        ("%r = llvm.intr.fma(%x, %x, %x) : (f32, f32, f32) -> f32", "call float @llvm.fma.f32(float %1, float %1, float %1)"),
        ("%r = llvm.intr.maximum(%v, %v) : (vector<4xf32>, vector<4xf32>) -> vector<4xf32>",
         "call <4 x float> @llvm.maximum.v4f32(<4 x float> %2, <4 x float> %2)"),
        ("%r = llvm.intr.vector.reduce.fadd(%x, %v) {fastmathFlags = #llvm.fastmath<reassoc>} : (f32, vector<4xf32>) -> f32",
         "call reassoc float @llvm.vector.reduce.fadd.v4f32(float %1, <4 x float> %2)"),
        ("%r = llvm.load %p {alignment = 4 : i64} : !llvm.ptr -> f32", "load float, ptr %3, align 4"),
        ("%r = llvm.load %p {invariant} : !llvm.ptr -> f32", "load float, ptr %3, !invariant.load !0"),
        ("%r = llvm.getelementptr inbounds %p[%i] : (!llvm.ptr, i32) -> !llvm.ptr, f64", "getelementptr inbounds double, ptr %3, i32 %0"),
        ("%r = llvm.getelementptr %p[0, 2] : (!llvm.ptr) -> !llvm.ptr, !llvm.array<4 x f32>",
         "getelementptr [4 x float], ptr %3, i32 0, i32 2"),
        ("%r = llvm.shufflevector %v, %v [3, 0] : vector<4xf32>", "shufflevector <4 x float> %2, <4 x float> %2, <2 x i32> <i32 3, i32 0>"),
        ("%r = llvm.extractelement %v[%i : i32] : vector<4xf32>", "extractelement <4 x float> %2, i32 %0"),
        ("%r = llvm.alloca %i x f32 {alignment = 64 : i64} : (i32) -> !llvm.ptr", "alloca float, i32 %0, align 64"),
        ('%r = llvm.call_intrinsic "llvm.ctpop.i32"(%i) : (i32) -> i32', "call i32 @llvm.ctpop.i32(i32 %0)"),
        ("%r = llvm.ptrtoint %p : !llvm.ptr to i64", "ptrtoint ptr %3 to i64"),
    ],
)  # fmt: skip
def test_instruction(line: str, expected: str):
    assert body(line, "%i: i32, %x: f32, %v: vector<4xf32>, %p: !llvm.ptr") == f"%4 = {expected}"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("llvm.store %x, %p {alignment = 4 : i64} : f32, !llvm.ptr", "store float %0, ptr %1, align 4"),
        ("llvm.store %x, %p {nontemporal} : f32, !llvm.ptr", "store float %0, ptr %1, !nontemporal !0"),
        ('"llvm.intr.memcpy"(%p, %p, %n) <{isVolatile = false}> : (!llvm.ptr, !llvm.ptr, i64) -> ()',
         "call void @llvm.memcpy.p0.p0.i64(ptr %1, ptr %1, i64 %2, i1 false)"),
        ("llvm.intr.masked.store %v, %p, %m {alignment = 4 : i32} : vector<4xf32>, vector<4xi1> into !llvm.ptr",
         "call void @llvm.masked.store.v4f32.p0(<4 x float> %3, ptr align 4 %1, <4 x i1> %4)"),
    ],
)  # fmt: skip
def test_instruction_without_result(line: str, expected: str):
    assert body(line, "%x: f32, %p: !llvm.ptr, %n: i64, %v: vector<4xf32>, %m: vector<4xi1>") == expected


@pytest.mark.parametrize(
    ("constant", "value_type", "expected"),
    [
        ("1.0 : f32", "f32", "0x3FF0000000000000"),
        ("0.1 : f32", "f32", "0x3FB99999A0000000"),
        ("0.1 : f64", "f64", "0x3FB999999999999A"),
        ("-0.0 : f64", "f64", "0x8000000000000000"),
        ("0x7F800000 : f32", "f32", "0x7FF0000000000000"),
        ("1.0 : f16", "f16", "0xH3C00"),
        ("1.0 : bf16", "bf16", "0xR3F80"),
        ("true", "i1", "1"),
        ("-7 : i32", "i32", "-7"),
        ("dense<2> : vector<4xi32>", "vector<4xi32>", "splat (i32 2)"),
        ("dense<[1, 2]> : vector<2xi64>", "vector<2xi64>", "<i64 1, i64 2>"),
        ("dense<[true, false]> : vector<2xi1>", "vector<2xi1>", "<i1 1, i1 0>"),
    ],
)
def test_constant_stands_where_it_is_used(constant: str, value_type: str, expected: str):
    lines = f"%c = llvm.mlir.constant({constant}) : {value_type}\nllvm.store %c, %p : {value_type}, !llvm.ptr"
    assert f" {expected}, ptr %0" in body(lines, "%p: !llvm.ptr")


def test_positive_and_negative_zero_stay_apart():
    lines = """%a = llvm.mlir.constant(0.0 : f32) : f32
    %b = llvm.mlir.constant(-0.0 : f32) : f32
    llvm.store %a, %p : f32, !llvm.ptr
    llvm.store %b, %p : f32, !llvm.ptr"""
    text = body(lines, "%p: !llvm.ptr")
    assert "store float 0x0000000000000000" in text
    assert "store float 0x8000000000000000" in text


def test_block_arguments_become_phis_of_all_predecessors():
    text = emit("""llvm.func @f(%n: i64) -> i64 {
      %zero = llvm.mlir.constant(0) : i64
      llvm.br ^loop(%zero, %n : i64, i64)
    ^loop(%i: i64, %s: i64):
      %t = llvm.add %s, %i : i64
      %c = llvm.icmp "slt" %t, %n : i64
      llvm.cond_br %c, ^loop(%t, %i : i64, i64), ^out(%s : i64)
    ^out(%r: i64):
      llvm.return %r : i64
    }""")
    assert "%1 = phi i64 [ 0, %b0 ], [ %3, %b1 ]\n  %2 = phi i64 [ %0, %b0 ], [ %1, %b1 ]" in text
    assert "%5 = phi i64 [ %2, %b1 ]\n  ret i64 %5" in text


def test_intrinsic_is_declared_once_per_type():
    text = emit("""llvm.func @f(%x: f32, %y: f64) {
      %0 = llvm.intr.sqrt(%x) : (f32) -> f32
      %1 = llvm.intr.sqrt(%0) : (f32) -> f32
      %2 = llvm.intr.sqrt(%y) : (f64) -> f64
      llvm.return
    }""")
    assert text.count("declare") == 2
    assert "declare float @llvm.sqrt.f32(float)" in text
    assert "declare double @llvm.sqrt.f64(double)" in text


def test_function_and_argument_attributes():
    text = emit("""llvm.func internal @f(
        %p: !llvm.ptr {llvm.noalias, llvm.readonly, llvm.align = 16 : i64, llvm.dereferenceable = 64 : i64}
    ) attributes {no_unwind, passthrough = ["noinline", ["key", "value"]]} {
      llvm.return
    }
    llvm.func @"odd name"(i32, f64)""")
    assert "define internal void @f(ptr noalias readonly align 16 dereferenceable(64) %0) nounwind noinline" in text
    assert '"key"="value"' in text
    assert 'declare void @"odd name"(i32, double)' in text


def test_kernel_for_a_gpu():
    text = emit(
        """llvm.func @k(%p: !llvm.ptr<1> {llvm.noalias}) attributes {nvvm.kernel} {
          %s = llvm.mlir.addressof @shared : !llvm.ptr<3>
          %v = llvm.load %p : !llvm.ptr<1> -> f32
          llvm.store %v, %s : f32, !llvm.ptr<3>
          llvm.return
        }
        llvm.mlir.global internal @shared() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<32 x f32>""",
        triple="nvptx64-nvidia-cuda",
    )
    assert text.startswith('target triple = "nvptx64-nvidia-cuda"\n')
    assert "define ptx_kernel void @k(ptr addrspace(1) noalias %0)" in text
    assert "store float %1, ptr addrspace(3) @shared" in text
    assert "@shared = internal addrspace(3) global [32 x float] undef, align 16" in text


@pytest.mark.parametrize(
    ("declaration", "expected"),
    [
        ("internal constant @g(dense<[1, 2]> : tensor<2xi32>) : !llvm.array<2 x i32>",
         'internal constant [8 x i8] c"\\01\\00\\00\\00\\02\\00\\00\\00"'),
        ("internal constant @g(dense<0.0> : tensor<3xf32>) : !llvm.array<3 x f32>",
         "internal constant [3 x float] zeroinitializer"),
        ('internal constant @g("a\\22b") : !llvm.array<3 x i8>', 'internal constant [3 x i8] c"a\\22b"'),
        ("@g() : i64", "external global i64"),
        ("internal @g(7 : i64) {alignment = 8 : i64} : i64", "internal global i64 7, align 8"),
    ],
)  # fmt: skip
def test_global(declaration: str, expected: str):
    assert f"@g = {expected}" in emit(f"llvm.mlir.global {declaration}")


@irdl_op_definition
class HalvedOp(IntrinsicOp):
    """An intrinsic of another dialect."""

    name = "test.halved"
    value = operand_def(Float32Type)
    res = result_def(Float32Type)

    def intrinsic_name(self) -> str:
        return "llvm.test.halved"


@irdl_op_definition
class StrangerOp(IRDLOperation):
    """Nothing that LLVM knows."""

    name = "test.stranger"


def function_with(op_type: type, *arguments: Float32Type) -> ModuleOp:
    module = Parser(make_context(), "llvm.func @f(%x: f32) {\nllvm.return\n}").parse_module()
    function = module.body.block.first_op
    assert isinstance(function, FuncOp)
    block = function.body.block
    end = block.last_op
    end.detach()
    OpBuilder(block).create_op(op_type, block.args if arguments else (), arguments)
    block.add_op(end)
    return module


def test_intrinsic_of_another_dialect_needs_no_entry():
    text = emit_llvm(function_with(HalvedOp, Float32Type()))
    assert "%1 = call float @llvm.test.halved(float %0)" in text
    assert "declare float @llvm.test.halved(float)" in text


def test_operation_without_llvm_form_is_an_internal_error():
    with pytest.raises(InternalError, match=r"test.stranger has no LLVM form; run convert-to-llvm first"):
        emit_llvm(function_with(StrangerOp))
    module = Parser(make_context(), "func.func private @f()").parse_module()
    with pytest.raises(InternalError, match=r"func\.func at the top of the module"):
        emit_llvm(module)
