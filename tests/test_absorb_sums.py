"""Kernels of rows that add up over their rows: right at every level, and one kernel."""

from dataclasses import replace

import numpy as np
import pytest
from levels import compiled, interpret_calls
from native_runner import make_context
from xdsl.parser import Parser

import compiler
from compiler import nn
from compiler.options import CompileOptions
from compiler.pipelines import passes_between, run_passes
from compiler.pytrees import flatten
from compiler.tracing import trace
from dialects.remarks import collect_remarks
from dialects.rt import KernelOp, LaunchOp
from passes.linalg.absorb_sums import AbsorbSumsPass
from passes.linalg.split_reductions import SplitReductionsPass
from runtime.native import host_vector_bits
from runtime.reference import interpret


def layer_norm(x, weight, bias, cotangent):
    return (nn.layer_norm(x, x.shape[-1], weight, bias) * cotangent).sum()


layer_norm_gradient = compiler.value_and_grad(layer_norm, argnums=(0, 1, 2))


def softmax_and_sums(x):
    p = nn.softmax(x)
    return p, p.sum(axis=0), p.max(axis=0), (p * x).sum()


def largest_of_rows(x):
    y = x * x.max(axis=1, keepdims=True)
    return y.max(axis=0), y.min(axis=0), y.sum()


def products_of_rows(x):
    y = x - x.min(axis=1, keepdims=True)
    return (y + 1).prod(axis=0), y.sum(axis=0) / len(x)


RNG = np.random.default_rng(0)


def norm_arguments(*shape, dtype=np.float32):
    x, cotangent = RNG.standard_normal((2, *shape)).astype(dtype)
    return x, *RNG.standard_normal((2, shape[-1])).astype(dtype), cotangent


PROGRAMS = {
    "layer_norm": (layer_norm_gradient, norm_arguments(12, 40)),
    "layer_norm_f64": (layer_norm_gradient, norm_arguments(8, 33, dtype=np.float64)),
    "layer_norm_3d": (layer_norm_gradient, norm_arguments(4, 6, 48)),
    "softmax": (softmax_and_sums, (RNG.standard_normal((10, 37), dtype=np.float32),)),
    "integers": (largest_of_rows, (RNG.integers(-9, 9, (6, 50)),)),
    "products": (products_of_rows, (RNG.integers(0, 3, (9, 20), dtype=np.int8),)),
    "short_rows": (softmax_and_sums, (RNG.standard_normal((8, 5)),)),
}


SMALL = {
    SplitReductionsPass: {"min_points": 0, "part_points": 10, "min_steps": 2, "wide": 1},
    AbsorbSumsPass: {"least_bytes": 0, "least_parts": 2, "least_row": 1},
}


def passes_to(stage, bits, start):
    options = CompileOptions(vector_bits=bits)
    return [replace(p, **SMALL.get(type(p), {})) for p in passes_between(start, stage, options=options)]


def parsed(text):
    return Parser(make_context(), text).parse_module()


@pytest.mark.parametrize("bits", [b for b in (128, 256, 512) if b <= host_vector_bits()])
@pytest.mark.parametrize("name", PROGRAMS)
def test_sums_over_rows_are_right_at_every_level(name, bits):
    fn, arguments = PROGRAMS[name]
    traced = trace(fn, arguments)
    leaves = [np.asarray(leaf) for leaf in flatten((arguments, {}))[0]]
    assert not traced.constants
    run_passes(traced.module, passes_between("tensor", "autodiff"))
    expected = interpret(traced.module, traced.name, leaves)
    calls = {traced.name: [leaves]}
    run_passes(traced.module, passes_to("fused", bits, "autodiff"))
    joined = [op for op in traced.module.walk() if isinstance(op, KernelOp) and len(op.results) > 1]
    assert joined, "no sum was absorbed"
    results = {"fused": interpret_calls(traced.module, calls)}
    run_passes(traced.module, passes_to("bufferized", bits, "fused"))
    results["bufferized"] = interpret_calls(traced.module, calls)
    text = str(traced.module)
    run_passes(traced.module, passes_to("loops", bits, "bufferized"))
    results["loops"] = interpret_calls(traced.module, calls)
    results["compiled"] = compiled(parsed(text), calls, bits, "bufferized")
    for stage, values in results.items():
        for actual, want in zip(values[traced.name][0], expected, strict=True):
            eps = np.finfo(want.dtype).eps if want.dtype.kind == "f" else 0
            scale = np.abs(want).max(initial=1)
            np.testing.assert_allclose(actual, want, rtol=0, atol=400 * eps * scale, err_msg=stage)


def test_layer_norm_and_its_gradient_are_one_kernel_and_small_sums():
    arguments = norm_arguments(512, 1024)
    lowered = compiler.jit(layer_norm_gradient).lower(*arguments)
    launches = [op for op in parsed(lowered.as_text("bufferized")).walk() if isinstance(op, LaunchOp)]
    large = [op for op in launches if sum(np.prod(value.type.get_shape()) for value in op.arguments) > 512 * 1024]
    assert len(large) == 1
    # No normalised rows in memory: what the sums of 64 parts take is all.
    assert lowered.compile().memory_analysis().temp_size_in_bytes < 2 * 65 * 1024 * 4


def test_refusals_are_told():
    def weighted(x):
        p = nn.softmax(x)
        return (p * p.sum(axis=0)).sum(axis=0)

    with collect_remarks() as remarks:
        compiler.jit(weighted).lower(np.zeros((512, 600), np.float32)).as_text("fused")
    told = [str(remark) for remark in remarks if "[absorb-sums] missed" in str(remark)]
    assert len(told) == 1
    assert "it needs what is computed later" in told[0]


def test_a_sum_that_comes_before_the_kernel_of_rows_becomes_part_of_it():
    def loss(w, x, y):
        return (((x * w).max(axis=1, keepdims=True) * x - y) ** 2 * w).sum()

    x, y = RNG.standard_normal((2, 512, 600), dtype=np.float32)
    lowered = compiler.jit(compiler.value_and_grad(loss, argnums=1)).lower(x[0], x, y)
    assert any("adds up a result over its rows" in str(remark) for remark in lowered.remarks())
