"""`lower-kernels` keeps the value of every kernel, with vectors of any width and in scalar code."""

import numpy as np
import pytest
from native_runner import make_context
from op_examples import OP_EXAMPLES, build_function, random_operands
from structured_programs import RandomProgram
from test_op_facets import evaluate
from up_to_phases import UP_TO_PHASES
from xdsl.context import Context
from xdsl.parser import Parser

import passes.memref.sweeps
import passes.memref.vector_plan
from compiler.executable import compile_for_cpu
from compiler.options import CompileOptions
from compiler.pipelines import passes_between, run_passes
from dialects.rt import PrefetchOp
from passes.memref.lower_kernels import LowerKernelsPass
from runtime.llvm_text import emit_llvm
from runtime.native import emit_object, host_vector_bits, load
from runtime.reference import interpret

WIDTHS = (0, 128, 256, 512)


def lower(arguments, results, tile, body, bits, streamed_bytes=1 << 23):
    """A module at `loops` with a function `f` that launches one kernel on all its arguments."""
    names = [n for n, _ in (*arguments, *results)]
    types = [t for _, t in (*arguments, *results)]
    listed = ", ".join(f"{n}: {t}" for n, t in zip(names, types, strict=True))
    text = f"""
        func.func private @k({listed}) attributes {{rt.tile = array<i64{":" if tile else ""} {", ".join(map(str, tile))}>}} {{
          {body}
          func.return
        }}
        func.func @f({listed}, %arena: memref<0xi8>) attributes {{rt.num_inputs = {len(arguments)} : i64, rt.peak_lower_bound = 0 : i64}} {{
          rt.launch @k over {list(tile)} ({", ".join(names)}) : {", ".join(types)}
          func.return
        }}"""
    module = Parser(make_context(), text).parse_module()
    module.verify()
    LowerKernelsPass(vector_bits=bits, streamed_bytes=streamed_bytes).apply(Context(), module)
    module.verify()
    return module


def element_of(memref_type):
    return memref_type.removeprefix("memref<").removesuffix(">").rpartition("x")[2]


def generic(maps, iterators, inputs, outputs, body):
    maps = ", ".join(f"affine_map<{m}>" for m in maps)
    iterators = ", ".join(f'"{i}"' for i in iterators)
    ins = f"ins({', '.join(n for n, _ in inputs)} : {', '.join(t for _, t in inputs)}) " if inputs else ""
    outs = f"outs({', '.join(n for n, _ in outputs)} : {', '.join(t for _, t in outputs)})"
    arguments = ", ".join(f"%a{i}: {element_of(t)}" for i, (_, t) in enumerate([*inputs, *outputs]))
    return (
        f"linalg.generic {{indexing_maps = [{maps}], iterator_types = [{iterators}]}} {ins}{outs} {{\n"
        f"^bb0({arguments}):\n{body}\n}}\n"
    )


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("size", [1, 7, 8, 21, 100])
@pytest.mark.parametrize("streamed_bytes", [0, 1 << 23])
def test_any_split_of_the_range_gives_the_same_result(bits, size, streamed_bytes):
    square = "%r = arith.mulf %a0, %a0 : f32\nlinalg.yield %r : f32"
    array = f"memref<{size}xf32>"
    arguments, results = [("%x", array)], [("%y", array)]
    body = generic(["(d0) -> (d0)"] * 2, ["parallel"], arguments, results, square)
    module = lower(arguments, results, [size], body, bits, streamed_bytes)
    x = np.random.default_rng(0).standard_normal(size).astype(np.float32)
    for _ in range(3):  # the interpreter splits the range at random
        (y,) = interpret(module, "f", [x])
        np.testing.assert_array_equal(y, x * x)


@pytest.mark.parametrize("bits", [bits for bits in WIDTHS if 0 < bits <= host_vector_bits()])
@pytest.mark.parametrize("offset", [0, 1, 16])
@pytest.mark.parametrize("name", ["double", "rows"])
def test_streams_write_to_memory_of_any_alignment(bits, offset, name):
    shape, element, dtype = {"double": ((1003,), "f64", np.float64), "rows": ((5, 48), "f32", np.float32)}[name]
    array, identity = f"memref<{'x'.join(map(str, shape))}x{element}>", ", ".join(f"d{i}" for i in range(len(shape)))
    arguments, results = [("%x", array)], [("%y", array)]
    double = f"%r = arith.addf %a0, %a0 : {element}\nlinalg.yield %r : {element}"
    body = generic([f"({identity}) -> ({identity})"] * 2, ["parallel"] * len(shape), arguments, results, double)
    module = lower(arguments, results, shape[:1], body, bits, streamed_bytes=0)
    assert any(isinstance(op, PrefetchOp) for op in module.walk())
    run_passes(module, passes_between("loops", "llvm"))
    text = emit_llvm(module)
    assert "!nontemporal" in text
    program = load(emit_object(text))
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    memory = np.zeros(x.nbytes + 256, np.uint8)
    start = -memory.ctypes.data % 64 + offset * dtype().itemsize
    y = memory[start : start + x.nbytes].view(dtype).reshape(shape)
    program.call("f", [x.ctypes.data, y.ctypes.data, memory.ctypes.data])
    np.testing.assert_array_equal(y, x + x)
    assert not memory[:start].any()
    assert not memory[start + x.nbytes :].any()


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("predicate", ["eq", "ne", "slt", "sge", "ult"])
@pytest.mark.parametrize("number", [-(2**63), -1, 0, 5, 19, 2**31 - 1, 2**32 + 5, 2**63 - 1])
def test_positions_compare_with_numbers_of_any_size(bits, predicate, number):
    arguments, results = [("%n", "memref<i64>")], [("%y", "memref<21xi1>")]
    compare = f"""%i = linalg.index 0 : index
      %j = arith.index_cast %i : index to i64
      %r = arith.cmpi {predicate}, %j, %a0 : i64
      linalg.yield %r : i1"""
    body = generic(["(d0) -> ()", "(d0) -> (d0)"], ["parallel"], arguments, results, compare)
    module = lower(arguments, results, [21], body, bits)
    (y,) = interpret(module, "f", [np.array(number)])
    places = np.arange(21)
    expected = {
        "eq": places == number,
        "ne": places != number,
        "slt": places < number,
        "sge": places >= number,
        "ult": places < number if number >= 0 else np.ones(21, np.bool_),
    }
    np.testing.assert_array_equal(y, expected[predicate])


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
    arguments, results = [("%x", array), ("%start", row)], [("%y", row)]
    body = generic(["(d0) -> (d0)"] * 2, ["parallel"], arguments[1:], results, f"linalg.yield %a0 : {element}")
    combine_body = f"%r = {combiner} %a1, %a0 : {element}\nlinalg.yield %r : {element}"
    body += generic([source, "(d0, d1) -> (d0)"], ["parallel", "reduction"], arguments[:1], results, combine_body)
    module = lower(arguments, results, [kept], body, bits)
    rng = np.random.default_rng(1)
    x, start = ((rng.standard_normal(s) * 3).astype(DTYPES[element]) for s in (shape, (kept,)))
    expected = combine(combine.reduce(x, axis=1 if along == "rows" else 0), start) if reduced else start
    (y,) = interpret(module, "f", [x, start])
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("size", [4, 5, 9, 13, 16, 30])
def test_value_of_a_sweep_with_a_scalar_tail_is_stored_for_the_next(bits, size):
    """What loads at computed indices has no masked tail: its last lanes run in a loop, which keeps no registers."""
    loaded = """%i = linalg.index 0 : index
      %v = memref.load %x[%i] : SHAPE
      """.replace("SHAPE", f"memref<{size}xf64>")
    array, one = ("%t", f"memref<{size}xf64>"), ("%m", "memref<f64>")
    maximum = "%s = arith.maximumf %a0, %a1 : f64\nlinalg.yield %s : f64"
    grown = loaded + "%s = math.sin %v : f64\n%w = math.exp %s : f64\nlinalg.yield %w : f64"
    scaled = loaded + "%p = arith.subf %a0, %a1 : f64\n%q = arith.mulf %p, %v : f64\nlinalg.yield %q : f64"
    maps = ["(d0) -> (d0)", "(d0) -> ()", "(d0) -> (d0)"]
    body = f"""%t = memref.alloca() : {array[1]}
      %m = memref.alloca() : {one[1]}
      %low = arith.constant 0xFFF0000000000000 : f64
      linalg.fill ins(%low : f64) outs(%m : {one[1]})
      {generic(["(d0) -> (d0)"], ["parallel"], [], [array], grown)}
      {generic(["(d0) -> (d0)", "(d0) -> ()"], ["reduction"], [array], [one], maximum)}
      {generic(maps, ["parallel"], [array, one], [("%out", array[1])], scaled)}"""
    module = lower([("%x", array[1])], [("%out", array[1])], (), body, bits)
    x = np.random.default_rng(size).standard_normal(size)
    (actual,) = interpret(module, "f", [x])
    np.testing.assert_array_equal(actual, (np.exp(np.sin(x)) - np.exp(np.sin(x)).max()) * x)


@pytest.mark.parametrize("bits", WIDTHS)
def test_nan_propagates_through_max_reductions(bits):
    arguments, results = [("%x", "memref<3x19xf32>")], [("%y", "memref<3xf32>")]
    body = "%c = arith.constant 0xff800000 : f32\nlinalg.fill ins(%c : f32) outs(%y : memref<3xf32>)\n"
    maximum = "%r = arith.maximumf %a1, %a0 : f32\nlinalg.yield %r : f32"
    maps = ["(d0, d1) -> (d0, d1)", "(d0, d1) -> (d0)"]
    body += generic(maps, ["parallel", "reduction"], arguments, results, maximum)
    module = lower(arguments, results, [3], body, bits)
    x = np.arange(57, dtype=np.float32).reshape(3, 19)
    x[0, 0] = x[2, 18] = np.nan
    (y,) = interpret(module, "f", [x])
    np.testing.assert_array_equal(y, [np.nan, 37, np.nan])


def run_interpreted(module):
    return lambda arguments: interpret(module, "f", arguments)


def compare_programs(seeds, bits, compiled, **options):
    for seed in seeds:
        program = RandomProgram(seed, **options)
        expected = interpret(program.module, "f", program.arguments)
        arguments = [np.asarray(a, order="C") for a in program.arguments]
        run_passes(
            program.module,
            passes_between("linalg", "loops", "cpu", CompileOptions(vector_bits=bits)),
        )
        program.module.verify()
        run_loops = compile_for_cpu(program.module, "f", stage="loops") if compiled else run_interpreted(program.module)
        actual = run_loops(arguments)
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
    results = compile_for_cpu(module, "main", options=CompileOptions(vector_bits=0))(operands)
    compared = UP_TO_PHASES.get(op.name, lambda *results: results)
    for actual, want in zip(compared(*results), compared(*expected), strict=True):
        tolerance = 2e-5 if want.dtype in {np.dtype(np.float32), np.dtype(np.complex64)} else 1e-9
        np.testing.assert_allclose(actual, want, rtol=tolerance, atol=tolerance)
