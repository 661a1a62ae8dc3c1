"""`lower-kernels` keeps the value of every kernel, with vectors of any width and in scalar code."""

import itertools

import numpy as np
import pytest
from loops_interpreter import run_function
from native_runner import make_context
from op_examples import OP_EXAMPLES, build_function, random_operands
from structured_interpreter import run
from structured_programs import RandomProgram
from test_op_facets import evaluate
from xdsl.context import Context
from xdsl.parser import Parser

import passes.memref.sweeps
import passes.memref.vector_plan
from compiler.executable import compile_for_cpu
from compiler.options import CompileOptions
from compiler.pipelines import passes_between, run_passes
from passes.memref.lower_kernels import LowerKernelsPass

WIDTHS = (0, 128, 256, 512)


def lower(text, bits):
    module = Parser(make_context(), text).parse_module()
    module.verify()
    LowerKernelsPass(vector_bits=bits).apply(Context(), module)
    module.verify()
    return module


def generic(maps, iterators, inputs, outputs, body):
    maps = ", ".join(f"affine_map<{m}>" for m in maps)
    iterators = ", ".join(f'"{i}"' for i in iterators)
    ins = f"ins({', '.join(n for n, _ in inputs)} : {', '.join(t for _, t in inputs)}) " if inputs else ""
    outs = f"outs({', '.join(n for n, _ in outputs)} : {', '.join(t for _, t in outputs)})"
    arguments = ", ".join(f"%a{i}: {t.rpartition('x')[2][:-1]}" for i, (_, t) in enumerate([*inputs, *outputs]))
    return (
        f"linalg.generic {{indexing_maps = [{maps}], iterator_types = [{iterators}]}} {ins}{outs} {{\n"
        f"^bb0({arguments}):\n{body}\n}}\n"
    )


def kernel(arguments, tile, body):
    tile = f"array<i64: {', '.join(map(str, tile))}>" if tile else "array<i64>"
    return f"func.func private @k({arguments}) attributes {{rt.tile = {tile}}} {{\n{body}func.return\n}}"


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("split", [[0, 21], [0, 1, 2, 21], [0, 8, 8, 13, 21]])
def test_any_split_of_the_range_gives_the_same_result(bits, split):
    square = "%r = arith.mulf %a0, %a0 : f32\nlinalg.yield %r : f32"
    vector = [("%x", "memref<21xf32>")], [("%y", "memref<21xf32>")]
    identity = "(d0) -> (d0)"
    text = kernel(
        "%x: memref<21xf32>, %y: memref<21xf32>", [21], generic([identity] * 2, ["parallel"], *vector, square)
    )
    module = lower(text, bits)
    x = np.random.default_rng(0).standard_normal(21).astype(np.float32)
    y = np.full_like(x, np.nan)
    for low, high in itertools.pairwise(split):
        run_function(module, "k", [low, high, x, y])
    np.testing.assert_array_equal(y, x * x)


COMBINERS = {
    "arith.addf": ("f32", np.add, 0.0),
    "arith.mulf": ("f64", np.multiply, 1.0),
    "arith.maximumf": ("f32", np.maximum, -np.inf),
    "arith.minimumf": ("f64", np.minimum, np.inf),
    "arith.maxsi": ("i32", np.maximum, -(2**31)),
    "arith.minsi": ("i64", np.minimum, 2**63 - 1),
    "arith.andi": ("i1", np.logical_and, True),
    "arith.ori": ("i1", np.logical_or, False),
}
DTYPES = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64, "i1": np.bool_}


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("along", ["rows", "columns"])
@pytest.mark.parametrize("combiner", COMBINERS)
@pytest.mark.parametrize(("kept", "reduced"), [(3, 0), (1, 1), (3, 7), (5, 16), (9, 37), (40, 130)])
def test_reductions_start_from_the_accumulator_they_are_given(combiner, kept, reduced, along, bits):
    element, combine, _ = COMBINERS[combiner]
    shape = (kept, reduced) if along == "rows" else (reduced, kept)
    source = "(d0, d1) -> (d0, d1)" if along == "rows" else "(d0, d1) -> (d1, d0)"
    array, row = f"memref<{shape[0]}x{shape[1]}x{element}>", f"memref<{kept}x{element}>"
    body = f"%r = {combiner} %a1, %a0 : {element}\nlinalg.yield %r : {element}"
    loops = generic([source, "(d0, d1) -> (d0)"], ["parallel", "reduction"], [("%x", array)], [("%y", row)], body)
    module = lower(kernel(f"%x: {array}, %y: {row}", [kept], loops), bits)
    rng = np.random.default_rng(1)
    x, y = ((rng.standard_normal(s) * 3).astype(DTYPES[element]) for s in (shape, (kept,)))
    expected = combine(combine.reduce(x, axis=1 if along == "rows" else 0), y) if reduced else y.copy()
    run_function(module, "k", [0, kept, x, y])
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("bits", WIDTHS)
def test_nan_propagates_through_max_reductions(bits):
    body = "%r = arith.maximumf %a1, %a0 : f32\nlinalg.yield %r : f32"
    loops = generic(
        ["(d0, d1) -> (d0, d1)", "(d0, d1) -> (d0)"],
        ["parallel", "reduction"],
        [("%x", "memref<3x19xf32>")],
        [("%y", "memref<3xf32>")],
        body,
    )
    fill = "%c = arith.constant 0xff800000 : f32\nlinalg.fill ins(%c : f32) outs(%y : memref<3xf32>)\n"
    module = lower(kernel("%x: memref<3x19xf32>, %y: memref<3xf32>", [3], fill + loops), bits)
    x = np.arange(57, dtype=np.float32).reshape(3, 19)
    x[0, 0] = x[2, 18] = np.nan
    y = np.zeros(3, np.float32)
    run_function(module, "k", [0, 3, x, y])
    np.testing.assert_array_equal(y, [np.nan, 37, np.nan])


def compare_programs(seeds, bits, compiled, **options):
    for seed in seeds:
        program = RandomProgram(seed, **options)
        expected = run(program.module, "f", program.arguments)
        arguments = [np.asarray(a, order="C") for a in program.arguments]
        run_passes(
            program.module,
            passes_between("linalg", "loops", "cpu", CompileOptions(vector_bits=bits)),
        )
        program.module.verify()
        if compiled:
            actual = compile_for_cpu(program.module, "f", stage="loops")(arguments)
        else:
            host = next(op for op in program.module.ops if "rt.num_inputs" in op.attributes)
            arena = np.zeros(host.body.block.args[-1].type.get_shape(), np.int8).view(np.uint8)
            actual = [np.full(v.shape, np.nan, v.dtype) if v.dtype.kind == "f" else np.zeros_like(v) for v in expected]
            run_function(program.module, host.sym_name.data, [*arguments, *actual, arena])
        for new, old in zip(actual, expected, strict=True):
            np.testing.assert_allclose(new, old, rtol=1e-9, atol=1e-9, equal_nan=True, err_msg=f"seed {seed}")


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("sizes", [(1, 2, 3, 5), (1, 3, 8, 9, 17), (0, 1, 4)], ids=str)
def test_random_programs_keep_their_value(bits, sizes):
    compare_programs(range(6), bits, compiled=False, sizes=sizes)


@pytest.mark.parametrize("bits", WIDTHS)
def test_random_programs_compute_their_value_as_machine_code(bits):
    compare_programs(range(100, 108), bits, compiled=True, sizes=(2, 9, 16, 19, 33))


def test_random_programs_keep_their_value_when_nothing_fits_the_cache(monkeypatch):
    monkeypatch.setattr(passes.memref.vector_plan, "CACHE_BYTES", 0)
    monkeypatch.setattr(passes.memref.vector_plan, "BLOCK", 8)
    monkeypatch.setattr(passes.memref.sweeps, "LARGEST_TEMPORARY", 64)
    compare_programs(range(200, 208), 256, compiled=True, sizes=(1, 9, 16, 33))


@pytest.mark.parametrize("example", OP_EXAMPLES[::3], ids=str)
def test_every_third_op_example_is_right_in_scalar_code(example):
    operands = random_operands(example, np.random.default_rng(1))
    module = build_function(example)
    (op,) = [op for op in module.ops.first.body.block.ops if op.name == example.op_type.name]
    expected = evaluate(op, operands)
    (actual,) = compile_for_cpu(module, "main", options=CompileOptions(vector_bits=0))(operands)
    tolerance = 2e-5 if expected.dtype == np.float32 else 1e-9
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)
