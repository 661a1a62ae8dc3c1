"""The reference interpreter: values of what examples do not reach, and errors for IR that breaks a promise of its level."""

import math
from fractions import Fraction

import numpy as np
import pytest

from compiler.source_ir import make_context, parse_module
from dialects.errors import ArgumentError, InternalError, UnsupportedError
from runtime.reference import interpret
from runtime.reference.scalar_rules import exact_fma


def run(text, *arrays, name="f"):
    module = parse_module(make_context(), text, "test.mlir")
    module.verify()
    return interpret(module, name, arrays)


def host(body, *kernels, arguments="%x: memref<8xf32>, %out: memref<8xf32>", arena=0, inputs=1):
    """A host function `@f` and kernels."""
    return "\n".join((
        f"func.func @f({arguments}, %arena: memref<{arena}xi8>) attributes {{rt.num_inputs = {inputs} : i64, rt.peak_lower_bound = 0 : i64}} {{",
        body,
        "func.return }",
        *kernels,
    ))  # fmt: skip


def loop(body, name="k", arguments="%x: memref<8xf32>, %out: memref<8xf32>"):
    """A kernel at `loops`, with `body` at each point `%i`."""
    return f"""func.func private @{name}(%lo: index, %hi: index, {arguments}) {{
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      scf.for %i = %lo to %hi step %c1 {{ {body} }}
      func.return }}"""


LAUNCH = "rt.launch @k over [8] (%x, %out) : memref<8xf32>, memref<8xf32>"
X = np.arange(8, dtype=np.float32)


def test_launch_runs_every_point_of_its_range_once():
    body = """%v = memref.load %x[%i] : memref<8xf32>
      %w = arith.addf %v, %v : f32
      memref.store %w, %out[%i] : memref<8xf32>"""
    (result,) = run(host(LAUNCH, loop(body)), X)
    np.testing.assert_array_equal(result, 2 * X)


def test_kernel_that_counts_on_the_order_of_its_range_gives_wrong_values():
    body = """%p = arith.subi %i, %c1 : index
      %q = arith.maxsi %p, %c0 : index
      %v = memref.load %x[%i] : memref<8xf32>
      %before = memref.load %out[%q] : memref<8xf32>
      %first = arith.cmpi eq, %i, %c0 : index
      %zero = arith.constant 0.0 : f32
      %start = arith.select %first, %zero, %before : f32
      %w = arith.addf %v, %start : f32
      memref.store %w, %out[%i] : memref<8xf32>"""
    (result,) = run(host(LAUNCH, loop(body)), X)
    assert np.isnan(result).any()


def test_memory_that_nobody_wrote_is_nan():
    (result,) = run(host("", arguments="%out: memref<3xf64>", inputs=0))
    assert np.isnan(result).all()
    text = host(
        """%offset = arith.constant 64 : index
        %t = memref.view %arena[%offset][] : memref<128xi8> to memref<8xf32>
        "memref.copy"(%t, %out) : (memref<8xf32>, memref<8xf32>) -> ()""",
        arena=128,
    )
    assert np.isnan(run(text, X)[0]).all()


def test_memory_that_nobody_wrote_is_no_bool():
    with pytest.raises(InternalError, match="reads an i1 that is neither 0 nor 1"):
        run(host("", arguments="%out: memref<3xi1>", inputs=0))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("%v = memref.load %x[%n] : memref<8xf32>", r"memref.load.* has index 8 in dimension 0, which has size 8"),
        ("memref.store %z, %out[%m] : memref<8xf32>", r"memref.store.* has index -1 in dimension 0"),
        ("memref.store %z, %x[%i] : memref<8xf32>", r"writes to .*an input or a constant"),
        ("%v = vector.load %x[%i] : memref<8xf32>, vector<4xf32>", r"vector.load.* has lanes \d to \d+ in a dimension"),
        (
            "%v = vector.maskedload %x[%i], %all, %zeros : memref<8xf32>, vector<4xi1>, vector<4xf32> into vector<4xf32>",
            r"vector.maskedload.* has lanes",
        ),
        ("%v = arith.divsi %n, %c0 : index", r"arith.divsi.* divides by zero"),
    ],
)
def test_access_outside_of_what_is_allowed_is_an_error(body, message):
    constants = """%n = arith.constant 8 : index
      %m = arith.constant -1 : index
      %z = arith.constant 0.0 : f32
      %all = arith.constant dense<true> : vector<4xi1>
      %zeros = arith.constant dense<0.0> : vector<4xf32>
      """
    with pytest.raises(InternalError, match=message):
        run(host(LAUNCH, loop(constants + body)), X)


def test_masked_access_may_end_outside_of_memory():
    body = """%n = arith.constant 3 : index
      %m = vector.create_mask %n : vector<8xi1>
      %zeros = arith.constant dense<1.0> : vector<8xf32>
      %five = arith.constant 5 : index
      %v = vector.maskedload %x[%five], %m, %zeros : memref<8xf32>, vector<8xi1>, vector<8xf32> into vector<8xf32>
      %w = arith.addf %v, %v : vector<8xf32>
      vector.maskedstore %out[%five], %m, %w : memref<8xf32>, vector<8xi1>, vector<8xf32>"""
    (result,) = run(host(LAUNCH.replace("[8]", "[1]"), loop(body)), X)
    np.testing.assert_array_equal(result[5:], 2 * X[5:])
    assert np.isnan(result[:5]).all()


def test_overlapping_arguments_of_a_launch_are_an_error():
    body = "%v = memref.load %x[%i] : memref<8xf32>\nmemref.store %v, %out[%i] : memref<8xf32>"
    text = host(LAUNCH.replace("%x", "%out"), loop(body))
    with pytest.raises(InternalError, match="writes to argument 1, which overlaps argument 0"):
        run(text, X)


def test_launch_that_writes_to_an_input_is_an_error():
    body = "%v = memref.load %x[%i] : memref<8xf32>\nmemref.store %v, %out[%i] : memref<8xf32>"
    text = host("rt.launch @k over [8] (%out, %x) : memref<8xf32>, memref<8xf32>", loop(body))
    with pytest.raises(InternalError, match="writes to argument 1, which is an input or a constant"):
        run(text, X)


def test_view_outside_of_the_arena_is_an_error():
    text = host(
        "%o = arith.constant 64 : index\n%t = memref.view %arena[%o][] : memref<64xi8> to memref<8xf32>", arena=64
    )
    with pytest.raises(InternalError, match="takes bytes 64 to 96 of 64"):
        run(text, X)


GENERIC = """linalg.generic {{indexing_maps = [{read}, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}}
  ins(%x : memref<8xf32>) outs(%out : memref<8xf32>) {{
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  }}"""


def structured_kernel(body):
    return f"""func.func private @k(%x: memref<8xf32>, %out: memref<8xf32>) attributes {{rt.tile = array<i64: 8>}} {{
      {body}
      func.return }}"""


def test_reading_in_place_at_another_point_is_an_error():
    reverse = GENERIC.format(read="affine_map<(d0) -> (d0 * -1 + 7)>")
    (result,) = run(host(LAUNCH, structured_kernel(reverse)), X)
    np.testing.assert_array_equal(result, X[::-1])
    with pytest.raises(InternalError, match="reads memory at another loop point"):
        run(host(LAUNCH, structured_kernel(reverse.replace("ins(%x", "ins(%out"))), X)


def test_launch_over_another_tile_is_an_error():
    same = GENERIC.format(read="affine_map<(d0) -> (d0)>")
    with pytest.raises(InternalError, match=r"runs over \[4\] a kernel with tile"):
        run(host(LAUNCH.replace("[8]", "[4]"), structured_kernel(same)), X)


def test_map_out_of_bounds_is_an_error():
    text = GENERIC.format(read="affine_map<(d0) -> (d0 + 1)>")
    module = parse_module(make_context(), host(LAUNCH, structured_kernel(text)), "test.mlir")  # xDSL's verifier objects
    with pytest.raises(InternalError, match=r"linalg.generic.* has index 8 in dimension 0, which has size 8"):
        interpret(module, "f", [X])


KERNEL = """func.func @f(%x: tensor<8xf32>) -> tensor<8xf32> {{
  %0 = rt.kernel "k" tile [8] ins(%a = %x : tensor<8xf32>) -> (tensor<8xf32>) {{
    %e = tensor.empty() : tensor<8xf32>
    {first}
    {second}
    rt.yield %r : tensor<8xf32>
  }}
  func.return %0 : tensor<8xf32>
}}"""


def tensor_generic(result, source, read="affine_map<(d0) -> (d0)>"):
    return f"""%{result} = linalg.generic {{indexing_maps = [{read}, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}}
      ins(%{source} : tensor<8xf32>) outs(%e : tensor<8xf32>) {{
      ^bb0(%p: f32, %o: f32):
        %q = arith.addf %p, %p : f32
        linalg.yield %q : f32
      }} -> tensor<8xf32>"""


def test_kernel_that_reads_its_values_at_other_points_is_an_error():
    (result,) = run(KERNEL.format(first=tensor_generic("s", "a"), second=tensor_generic("r", "s")), X)
    np.testing.assert_array_equal(result, 4 * X)
    reverse = "affine_map<(d0) -> (d0 * -1 + 7)>"
    run(KERNEL.format(first=tensor_generic("s", "a", reverse), second=tensor_generic("r", "s")), X)
    with pytest.raises(InternalError, match="reads a value of its kernel at another point of the tile"):
        run(KERNEL.format(first=tensor_generic("s", "a"), second=tensor_generic("r", "s", reverse)), X)


def test_kernel_whose_loops_do_not_start_with_its_tile_is_an_error():
    text = KERNEL.format(first=tensor_generic("s", "a"), second=tensor_generic("r", "s")).replace(
        "tile [8]", "tile [4]"
    )
    with pytest.raises(InternalError, match=r"has the loops \(8,\), which do not start with the tile \(4,\)"):
        run(text, X)


def test_arguments_that_do_not_fit_are_an_error():
    text = "func.func @f(%x: tensor<2xf32>) -> tensor<2xf32> { func.return %x : tensor<2xf32> }"
    with pytest.raises(ArgumentError, match=r"argument 0 of @f is float64\[2\], expected float32\[2\]"):
        run(text, np.zeros(2))
    with pytest.raises(ArgumentError, match="takes 1 arguments, got 2"):
        run(text, X, X)
    with pytest.raises(ArgumentError, match="there is no function @g; the module has @f"):
        run(text, X, name="g")


def test_operation_without_a_value_is_an_error():
    text = """func.func private @g(%x: tensor<f32>) -> tensor<f32> { func.return %x : tensor<f32> }
    func.func @f(%x: tensor<f32>) -> (tensor<f32>, tensor<f32>) {
      %0, %1 = dlc.jvp @g(%x)(%x) wrt [0] : (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
      func.return %0, %1 : tensor<f32>, tensor<f32> }"""
    with pytest.raises(
        UnsupportedError, match=r"dlc.jvp at test.mlir:3 has no reference value; expand transforms first"
    ):
        run(text, np.float32(1))


def test_results_are_new_arrays():
    text = "func.func @f(%x: tensor<8xf32>) -> tensor<8xf32> { func.return %x : tensor<8xf32> }"
    (result,) = run(text, X)
    assert not np.may_share_memory(result, X)


def test_observer_sees_calls_and_what_they_call():
    text = """func.func private @g(%x: tensor<f32>) -> tensor<f32> { %0 = dlc.neg %x : tensor<f32> func.return %0 : tensor<f32> }
    func.func @f(%x: tensor<f32>) -> tensor<f32> { %0 = dlc.call @g(%x) : (tensor<f32>) -> tensor<f32> func.return %0 : tensor<f32> }"""
    module = parse_module(make_context(), text, "test.mlir")
    seen = []
    interpret(module, "f", [np.float32(2)], observe=lambda op, results: seen.append((op.name, float(results[0]))))
    assert seen == [("dlc.neg", -2.0), ("dlc.call", -2.0)]


def scalar_program(line, result, *types):
    """`@f` on 0-d tensors, with `line` in the body of a generic."""
    names = [f"%{letter}" for letter in "abc"[: len(types)]]
    arguments = ", ".join(f"%x{i}: tensor<{t}>" for i, t in enumerate(types))
    inner = ", ".join(f"{name}: {t}" for name, t in zip(names, types, strict=True))
    maps = ", ".join(["affine_map<() -> ()>"] * (len(types) + 1))
    operands = ", ".join(f"%x{i}" for i in range(len(types)))
    listed = ", ".join(f"tensor<{t}>" for t in types)
    return f"""func.func @f({arguments}) -> tensor<{result}> {{
      %e = tensor.empty() : tensor<{result}>
      %0 = linalg.generic {{indexing_maps = [{maps}], iterator_types = []}} ins({operands} : {listed}) outs(%e : tensor<{result}>) {{
      ^bb0({inner}, %o: {result}):
        {line}
        linalg.yield %r : {result}
      }} -> tensor<{result}>
      func.return %0 : tensor<{result}> }}"""


I64_MIN = -(2**63)


@pytest.mark.parametrize(
    ("line", "result", "operands", "expected"),
    [
        ("%r = arith.divsi %a, %b : i64", "i64", (-7, 2), -3),
        ("%r = arith.divsi %a, %b : i64", "i64", (2**53 + 1, 1), 2**53 + 1),
        ("%r = arith.remsi %a, %b : i64", "i64", (-7, 2), -1),
        ("%r = arith.floordivsi %a, %b : i64", "i64", (-7, 2), -4),
        ("%r = arith.ceildivsi %a, %b : i64", "i64", (-7, 2), -3),
        ("%r = arith.divui %a, %b : i64", "i64", (-2, 2), 2**63 - 1),
        ("%r = arith.shrui %a, %b : i64", "i64", (-1, 60), 15),
        ("%r = arith.shrsi %a, %b : i64", "i64", (-16, 2), -4),
        ("%r = arith.addi %a, %b : i64", "i64", (2**63 - 1, 1), I64_MIN),
        ("%r = arith.cmpi ult, %a, %b : i64", "i1", (-1, 1), False),
        ("%r = arith.cmpi slt, %a, %b : i64", "i1", (-1, 1), True),
        ("%r = arith.cmpi slt, %a, %b : i1", "i1", (True, False), True),
        ("%r = arith.cmpi ult, %a, %b : i1", "i1", (True, False), False),
        ("%r = arith.addi %a, %b : i1", "i1", (True, True), False),
        ("%r = arith.maxsi %a, %b : i1", "i1", (True, False), False),
        ("%r = arith.maxui %a, %b : i1", "i1", (True, False), True),
        ("%r = arith.extsi %a : i1 to i64", "i64", (True,), -1),
        ("%r = arith.extui %a : i1 to i64", "i64", (True,), 1),
        ("%r = arith.sitofp %a : i1 to f64", "f64", (True,), -1.0),
        ("%r = arith.uitofp %a : i1 to f64", "f64", (True,), 1.0),
        ("%r = arith.trunci %a : i64 to i1", "i1", (6,), False),
        ("%r = arith.trunci %a : i64 to i32", "i32", (2**32 + 5,), 5),
        ("%r = arith.cmpf ult, %a, %b : f64", "i1", (math.nan, 1.0), True),
        ("%r = arith.cmpf one, %a, %b : f64", "i1", (math.nan, 1.0), False),
        ("%r = arith.cmpf ord, %a, %b : f64", "i1", (2.0, 1.0), True),
        ("%r = arith.maximumf %a, %b : f64", "f64", (math.nan, 1.0), math.nan),
        ("%r = arith.maxnumf %a, %b : f64", "f64", (math.nan, 1.0), 1.0),
        ("%r = arith.bitcast %a : f64 to i64", "i64", (-0.0,), I64_MIN),
        ("%r = math.roundeven %a : f64", "f64", (2.5,), 2.0),
        ("%r = math.copysign %a, %b : f64", "f64", (2.5, -0.0), -2.5),
        ("%l, %r = arith.mulsi_extended %a, %b : i64", "i64", (I64_MIN, -2), 1),
        ("%l, %r = arith.mului_extended %a, %b : i64", "i64", (-1, 2), 1),
        ("%s, %r = arith.addui_extended %a, %b : i64, i1", "i1", (-1, 1), True),
    ],
    ids=lambda value: value.split("=")[1].strip() if isinstance(value, str) and "=" in value else None,
)  # fmt: skip
def test_scalar_operation_has_its_defined_value(line, result, operands, expected):
    types = {bool: "i1", int: "i64", float: "f64"}
    (value,) = run(scalar_program(line, result, *(types[type(x)] for x in operands)), *operands)
    np.testing.assert_array_equal(value, expected)


@pytest.mark.parametrize(("x", "y"), [(0.0, -0.0), (-0.0, 0.0)])
def test_maximum_and_minimum_order_the_zeros(x, y):
    (largest,) = run(scalar_program("%r = arith.maximumf %a, %b : f64", "f64", "f64", "f64"), x, y)
    (least,) = run(scalar_program("%r = arith.minimumf %a, %b : f64", "f64", "f64", "f64"), x, y)
    assert (math.copysign(1, largest), math.copysign(1, least)) == (1, -1)


def test_fma_rounds_once():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 50))
    errors = exact_fma(x, y, -(x * y))
    for a, b, error in zip(x, y, errors, strict=True):
        assert Fraction(float(error)) == Fraction(a) * Fraction(b) - Fraction(a * b)
    with np.errstate(all="ignore"):
        special = exact_fma(
            np.array([np.inf, 1e300, -1e300, -0.0]), np.array([0.0, 1e300, 1e300, 1.0]), np.array([1.0, 0, 0, -0.0])
        )
    np.testing.assert_array_equal(special, [np.nan, np.inf, -np.inf, -0.0])
    assert np.signbit(special[3])


def test_control_flow_of_loops():
    body = """%n = arith.constant 10 : i64
      %one = arith.constant 1 : i64
      %r = scf.while (%a = %one) : (i64) -> i64 {
        %less = arith.cmpi slt, %a, %n : i64
        scf.condition(%less) %a : i64
      } do {
      ^bb0(%b: i64):
        %c = arith.addi %b, %b : i64
        scf.yield %c : i64
      }
      %big = arith.cmpi sgt, %r, %n : i64
      %s = scf.if %big -> (i64) { scf.yield %r : i64 } else { scf.yield %one : i64 }
      memref.store %s, %out[%i] : memref<1xi64>"""
    text = host(
        "rt.launch @k over [1] (%out) : memref<1xi64>",
        loop(body, arguments="%out: memref<1xi64>"),
        arguments="%out: memref<1xi64>",
        inputs=0,
    )
    assert run(text)[0].tolist() == [16]
