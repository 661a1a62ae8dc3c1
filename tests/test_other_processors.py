"""Machine code for processors that this one is not: whole vectors of theirs, and no function that computes is called."""

import re

import numpy as np
import pytest
from levels import LINKED
from object_symbols import undefined_symbols
from op_example import build_function
from op_examples import OP_EXAMPLES
from xdsl.dialects.builtin import ModuleOp, StringAttr

import compiler
from compiler.pipelines import passes_between, run_passes
from runtime import native
from runtime.imported_functions import imported_functions
from runtime.llvm_text import emit_llvm

NEOVERSE = native.Target("aarch64-unknown-linux-gnu", "neoverse-n1", "")
TARGETS = {
    "aarch64": native.Target("aarch64-unknown-linux-gnu", "generic", ""),
    "neoverse-n1": NEOVERSE,
    "apple-m1": native.Target("aarch64-unknown-linux-gnu", "apple-m1", ""),
    "haswell": native.Target("x86_64-unknown-linux-gnu", "haswell", "+avx,+avx2,+fma,+f16c"),
    "skylake-avx512": native.Target("x86_64-unknown-linux-gnu", "skylake-avx512", "+avx512f,+avx512vl,+f16c"),
}
OPS = tuple(dict.fromkeys(example.op_type for example in OP_EXAMPLES))
OPTIONS = {name: compiler.CompileOptions(vector_bits=target.vector_bits) for name, target in TARGETS.items()}


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def layer_norm(x):
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + 1e-5)


def layer(x, w):
    return np.tanh(x @ w)


def functions(x):
    return np.sin(x) * np.log(np.abs(x)) + compiler.special.erf(x) + np.power(np.abs(x), x) + np.arctan2(x, 1 - x)


def bits(n):
    return (n << 3) ^ (n >> 5) + n * 7


X32, X64 = np.ones((64, 96), np.float32), np.ones((64, 96))
PROGRAMS = {
    "softmax": (softmax, (X32,), {"fmla 4s", "fdiv 4s"}),
    "layer norm": (layer_norm, (X32,), {"fmul 4s", "fsub 4s"}),
    "layer": (layer, (X32, np.ones((96, 32), np.float32)), {"fmla 4s"}),
    "gradient": (compiler.grad(lambda w, x: (layer(x, w) ** 2).sum()), (np.ones((96, 32), np.float32), X32), {"fmla 4s"}),
    "functions": (functions, (X32,), {"fmla 4s", "fmla 2d"}),  # sines and powers are computed in f64
    "softmax f64": (softmax, (X64,), {"fmla 2d", "fdiv 2d"}),
    "functions f64": (functions, (X64,), {"fmla 2d"}),
    "integers": (bits, (np.ones(1000, np.int32),), {"ssra 4s", "eor 16b"}),
    "bytes": (bits, (np.ones(1000, np.uint8),), {"usra 16b", "eor 16b"}),
    "float16": (layer_norm, (X32.astype(np.float16),), {"fcvtl 4s", "fcvtn 4h"}),
}  # fmt: skip
"""Functions, arguments, and instructions on whole registers that they need."""


def object_code(text, target):
    """The object file of LLVM assembly, which calls nothing that computes but libraries of matrices."""
    code = native.emit_object(text, target)
    assert undefined_symbols(code) <= LINKED | set(imported_functions(text))
    return code


def llvm_text(function, arguments, name):
    lowered = compiler.jit(function, options=OPTIONS[name]).lower(*arguments)
    return emit_llvm(lowered.module_at("llvm"))


def test_undefined_symbols_are_those_that_the_linker_must_find():
    text = """
    declare double @cos(double)
    define double @f(double %x) { %y = call double @cos(double %x)
      %z = call double @llvm.sin.f64(double %y)
      ret double %z }
    declare double @llvm.sin.f64(double)
    """
    for target in TARGETS.values():
        assert undefined_symbols(native.emit_object(text, target)) - LINKED == {"cos", "sin"}


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_call_no_function_that_computes(program, name):
    function, arguments, _ = PROGRAMS[program]
    object_code(llvm_text(function, arguments, name), TARGETS[name])


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_compute_in_whole_vectors_of_arm(program):
    function, arguments, needed = PROGRAMS[program]
    assembly = native.emit_assembly(llvm_text(function, arguments, "neoverse-n1"), NEOVERSE)
    found = {f"{name} {shape}" for name, shape in re.findall(r"\t(\w+)\tv\d+\.(\w+), ", assembly)}
    assert needed <= found
    # A function that is computed element by element takes elements out of vectors and puts them together again.
    assert len(re.findall(r"\tmov\tv\d+\.[sd]\[", assembly)) <= 8


@pytest.mark.parametrize("op_type", OPS, ids=lambda op_type: op_type.name)
def test_code_for_arm_calls_no_function_that_computes(op_type):
    module = ModuleOp([])
    for i, example in enumerate(example for example in OP_EXAMPLES if example.op_type is op_type):
        function = build_function(example).body.block.first_op
        function.detach()
        function.properties["sym_name"] = StringAttr(f"f{i}")
        module.body.block.add_op(function)
    run_passes(module, passes_between("tensor", "llvm", options=OPTIONS["neoverse-n1"]))
    object_code(emit_llvm(module), NEOVERSE)
