"""Hand-written IR of the `loops` level gives NumPy's values when it runs as machine code."""

import numpy as np
import pytest
from native_runner import lower_to_text, run_loops
from xdsl.parser import Parser
from xdsl.utils.exceptions import PassFailedException

from compiler.source_ir import make_context
from dialects.errors import InternalError, UnsupportedError
from passes.loops.convert_to_llvm import ConvertToLlvmPass
from runtime import native

rng = np.random.default_rng(0)


def host(body: str, *types: str, inputs: int = 1, arena: int = 0) -> str:
    """A host function `@f` on `%a0, %a1, …`, each a memref of the type given, and an arena."""
    arguments = ", ".join(f"%a{i}: memref<{t}>" for i, t in enumerate(types))
    return (
        f"func.func @f({arguments}, %arena: memref<{arena}xi8>) attributes {{rt.num_inputs = {inputs} : i64}} {{\n"
        f"%c0 = arith.constant 0 : index\n%c1 = arith.constant 1 : index\n{body}\nfunc.return\n}}"
    )


def constant_global(shape: str, value: str) -> str:
    """A private constant `@w`."""
    return (
        '"memref.global"() <{sym_name = "w", sym_visibility = "private", constant, '
        f"type = memref<{shape}>, initial_value = {value} : tensor<{shape}>}}> : () -> ()\n"
    )


def run(source: str, *arrays: np.ndarray, arena: int = 0) -> np.ndarray:
    run_loops(source, "f", arrays, arena)
    return arrays[-1]


def elementwise(lines: str, element: str, result: str | None = None, size: int = 8) -> str:
    """A loop that sets `%r = lines(%x, %y)` for each element."""
    result = result or element
    return host(
        f"""%size = arith.constant {size} : index
        scf.for %i = %c0 to %size step %c1 {{
          %x = memref.load %a0[%i] : memref<{size}x{element}>
          %y = memref.load %a1[%i] : memref<{size}x{element}>
          {lines}
          memref.store %r, %a2[%i] : memref<{size}x{result}>
        }}""",
        f"{size}x{element}",
        f"{size}x{element}",
        f"{size}x{result}",
        inputs=2,
    )


FLOATS = np.array([0.0, -0.0, 1.5, -2.5, np.inf, -np.inf, np.nan, 3.7])
OTHERS = np.array([-0.0, 0.0, -1.5, 2.5, 1.0, np.inf, 1.0, np.nan])
INTS = np.array([0, 1, -1, 7, -7, 100, -128, 13])
DIVISORS = np.array([3, -2, 2, 2, 2, -7, 3, 5])


def quiet(function):
    def call(*arguments):
        with np.errstate(all="ignore"):
            return function(*arguments)

    return call


FLOAT_OPS = {
    "addf": np.add,
    "subf": np.subtract,
    "mulf": np.multiply,
    "divf": np.divide,
    "maximumf": np.maximum,
    "minimumf": np.minimum,
    "maxnumf": np.fmax,
    "minnumf": np.fmin,
}


@pytest.mark.parametrize("name", FLOAT_OPS)
@pytest.mark.parametrize(("element", "dtype"), [("f32", np.float32), ("f64", np.float64)])
def test_float_operation_matches_numpy_on_special_values(name, element, dtype):
    x, y = FLOATS.astype(dtype), OTHERS.astype(dtype)
    got = run(elementwise(f"%r = arith.{name} %x, %y : {element}", element), x, y, np.zeros_like(x))
    np.testing.assert_array_equal(got, quiet(FLOAT_OPS[name])(x, y))


def test_constants_keep_the_sign_of_zero():
    lines = """%z = arith.constant 0.0 : f64
    %m = arith.constant -0.0 : f64
    %c = arith.cmpf olt, %x, %z : f64
    %r = arith.select %c, %m, %z : f64"""
    x = np.array([-1.0, 1.0] * 4)
    np.testing.assert_array_equal(np.signbit(run(elementwise(lines, "f64"), x, x, np.ones(8))), x < 0)


def test_maximum_orders_the_zeros():
    x, y = np.array([0.0, -0.0] * 4), np.array([-0.0, 0.0] * 4)
    larger = run(elementwise("%r = arith.maximumf %x, %y : f64", "f64"), x, y, np.zeros_like(x))
    smaller = run(elementwise("%r = arith.minimumf %x, %y : f64", "f64"), x, y, np.zeros_like(x))
    assert not np.signbit(larger).any()
    assert np.signbit(smaller).all()


FLOAT_PREDICATES = {
    "oeq": np.equal,
    "une": np.not_equal,
    "olt": np.less,
    "ole": np.less_equal,
    "ogt": np.greater,
    "oge": np.greater_equal,
    "uno": lambda x, y: np.isnan(x) | np.isnan(y),
}


@pytest.mark.parametrize("predicate", FLOAT_PREDICATES)
def test_float_comparison_matches_numpy(predicate):
    x, y = FLOATS.astype("f"), OTHERS.astype("f")
    got = run(elementwise(f"%r = arith.cmpf {predicate}, %x, %y : f32", "f32", "i1"), x, y, np.zeros(8, bool))
    np.testing.assert_array_equal(got, FLOAT_PREDICATES[predicate](x, y))


INT_OPS = {
    "addi": np.add,
    "subi": np.subtract,
    "muli": np.multiply,
    "andi": np.bitwise_and,
    "ori": np.bitwise_or,
    "xori": np.bitwise_xor,
    "maxsi": np.maximum,
    "minsi": np.minimum,
    "divsi": lambda x, y: np.trunc(x / y).astype(x.dtype),
    "remsi": np.fmod,
    "floordivsi": np.floor_divide,
    "ceildivsi": lambda x, y: -np.floor_divide(-x, y),
}


@pytest.mark.parametrize("name", INT_OPS)
@pytest.mark.parametrize(("element", "dtype"), [("i32", np.int32), ("i64", np.int64)])
def test_integer_operation_matches_numpy(name, element, dtype):
    x, y = INTS.astype(dtype), DIVISORS.astype(dtype)
    got = run(elementwise(f"%r = arith.{name} %x, %y : {element}", element), x, y, np.zeros_like(x))
    np.testing.assert_array_equal(got, INT_OPS[name](x, y))


def test_unsigned_and_extended_operations_match_numpy():
    x, y = np.array([5, -1, 7, 2**31 - 1] * 2, np.int32), np.array([3, 2, -2, 3] * 2, np.int32)
    unsigned = x.view(np.uint32).astype(np.uint64), y.view(np.uint32).astype(np.uint64)
    cases = {
        "%r = arith.divui %x, %y : i32": unsigned[0] // unsigned[1],
        "%r = arith.remui %x, %y : i32": unsigned[0] % unsigned[1],
        "%r = arith.ceildivui %x, %y : i32": -(-unsigned[0].astype(np.int64) // unsigned[1].astype(np.int64)),
        "%r = arith.maxui %x, %y : i32": np.maximum(*unsigned),
        "%low, %r = arith.mului_extended %x, %y : i32": (unsigned[0] * unsigned[1]) >> np.uint64(32),
        "%low, %r = arith.mulsi_extended %x, %y : i32": (x.astype(np.int64) * y) >> 32,
    }
    for line, expected in cases.items():
        got = run(elementwise(line, "i32"), x, y, np.zeros_like(x))
        np.testing.assert_array_equal(got.view(np.uint32), expected.astype(np.uint32), err_msg=line)


def test_conversions_match_numpy():
    x = np.array([0.5, -1.5, 2.0, 100.25, -7.9, 3.0, 0.0, 1.0], np.float32)
    cases = [
        ("%r = arith.extf %x : f32 to f64", "f64", x.astype(np.float64)),
        ("%r = arith.fptosi %x : f32 to i32", "i32", x.astype(np.int32)),
        ("%t = arith.fptosi %x : f32 to i64\n%r = arith.sitofp %t : i64 to f64", "f64", np.trunc(x.astype("d"))),
        (
            "%z = arith.constant 0.0 : f32\n%b = arith.cmpf une, %x, %z : f32\n%r = arith.uitofp %b : i1 to f32",
            "f32",
            x != 0,
        ),
        ("%t = arith.bitcast %x : f32 to i32\n%r = arith.extui %t : i32 to i64", "i64", x.view(np.uint32)),
        (
            "%j = arith.index_cast %i : index to i64\n%k = arith.index_cast %j : i64 to index\n%r = arith.index_cast %k : index to i32",
            "i32",
            np.arange(8),
        ),
    ]
    for lines, result, expected in cases:
        dtype = {"f64": np.float64, "f32": np.float32, "i32": np.int32, "i64": np.int64}[result]
        got = run(elementwise(lines, "f32", result), x, x, np.zeros(8, dtype))
        np.testing.assert_array_equal(got, expected, err_msg=lines)


MATH_OPS = {
    "sqrt": np.sqrt,
    "absf": np.abs,
    "floor": np.floor,
    "ceil": np.ceil,
    "trunc": np.trunc,
    "roundeven": np.rint,
}


@pytest.mark.parametrize("name", MATH_OPS)
@pytest.mark.parametrize(("element", "dtype"), [("f32", np.float32), ("f64", np.float64)])
def test_math_instruction_matches_numpy(name, element, dtype):
    x = FLOATS.astype(dtype)
    got = run(elementwise(f"%r = math.{name} %x : {element}", element), x, x, np.zeros_like(x))
    np.testing.assert_array_equal(got, quiet(MATH_OPS[name])(x))


def test_copysign_and_fma_match_numpy():
    x, y = FLOATS.copy(), OTHERS.copy()
    got = run(elementwise("%r = math.copysign %x, %y : f64", "f64"), x, y, np.zeros_like(x))
    np.testing.assert_array_equal(np.signbit(got), np.signbit(y))
    x = rng.standard_normal(8)
    got = run(elementwise("%r = math.fma %x, %x, %y : f64", "f64"), x, x, np.zeros_like(x))
    np.testing.assert_allclose(got, x * x + x, rtol=1e-15)


def test_select_if_and_while_match_numpy():
    x, y = FLOATS[:4].copy(), OTHERS[:4].copy()
    lines = "%c = arith.cmpf olt, %x, %y : f64\n%r = arith.select %c, %y, %x : f64"
    np.testing.assert_array_equal(run(elementwise(lines, "f64", size=4), x, y, np.zeros(4)), np.where(x < y, y, x))
    lines = """%c = arith.cmpf olt, %x, %y : f64
    %r = scf.if %c -> (f64) { %s = arith.subf %y, %x : f64
      scf.yield %s : f64
    } else {
      %z = arith.cmpf oeq, %x, %y : f64
      %t = scf.if %z -> (f64) { %k = arith.constant 7.0 : f64
        scf.yield %k : f64
      } else { scf.yield %x : f64 }
      scf.yield %t : f64
    }"""
    expected = np.where(x < y, y - x, np.where(x == y, 7, x))
    np.testing.assert_array_equal(run(elementwise(lines, "f64", size=4), x, y, np.zeros(4)), expected)
    # Collatz: the number of steps down to 1
    lines = """%zero = arith.constant 0 : i64
    %one = arith.constant 1 : i64
    %two = arith.constant 2 : i64
    %three = arith.constant 3 : i64
    %last, %r = scf.while (%u = %x, %k = %zero) : (i64, i64) -> (i64, i64) {
      %more = arith.cmpi ne, %u, %one : i64
      scf.condition(%more) %u, %k : i64, i64
    } do {
    ^body(%v: i64, %n: i64):
      %half = arith.divsi %v, %two : i64
      %odd = arith.remsi %v, %two : i64
      %is_odd = arith.cmpi eq, %odd, %one : i64
      %tripled = arith.muli %v, %three : i64
      %up = arith.addi %tripled, %one : i64
      %next = arith.select %is_odd, %up, %half : i64
      %m = arith.addi %n, %one : i64
      scf.yield %next, %m : i64, i64
    }"""
    x = np.array([1, 2, 3, 27])
    got = run(elementwise(lines, "i64", size=4), x, x, np.zeros(4, np.int64))
    np.testing.assert_array_equal(got, [0, 1, 7, 111])


def test_if_without_else_stores_only_where_it_holds():
    lines = """%zero = arith.constant 0 : i32
    %c = arith.cmpi slt, %x, %zero : i32
    scf.if %c { memref.store %x, %a2[%i] : memref<8xi32> }
    %r = memref.load %a2[%i] : memref<8xi32>"""
    x = INTS.astype(np.int32)
    got = run(elementwise(lines, "i32"), x, x, np.full(8, 9, np.int32))
    np.testing.assert_array_equal(got, np.where(x < 0, x, 9))


@pytest.mark.parametrize(("lower", "upper", "step"), [(0, 5, 1), (1, 8, 3), (5, 5, 1), (6, 2, 1), (0, 8, 16)])
def test_loop_runs_as_often_as_range_says(lower, upper, step):
    body = f"""%l = arith.constant {lower} : index
    %u = arith.constant {upper} : index
    %s = arith.constant {step} : index
    %z = arith.constant 0 : i64
    %r, %last = scf.for %i = %l to %u step %s iter_args(%n = %z, %m = %z) -> (i64, i64) {{
      %j = arith.index_cast %i : index to i64
      %k = arith.addi %n, %j : i64
      scf.yield %k, %j : i64, i64
    }}
    memref.store %r, %a1[%c0] : memref<2xi64>
    memref.store %last, %a1[%c1] : memref<2xi64>"""
    points = range(lower, upper, step)
    got = run(host(body, "1xi64", "2xi64"), np.zeros(1, np.int64), np.zeros(2, np.int64))
    np.testing.assert_array_equal(got, [sum(points), points[-1] if points else 0])


KERNEL = """
func.func private @k(%lo: index, %hi: index, %x: memref<5x7xf32>, %y: memref<7xf32>, %z: memref<5x7xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c3 = arith.constant 3 : index
  %m = vector.create_mask %c3 : vector<4xi1>
  %zero = arith.constant dense<0.0> : vector<4xf32>
  scf.for %i = %lo to %hi step %c1 {
    %a = vector.load %x[%i, %c0] : memref<5x7xf32>, vector<4xf32>
    %b = vector.load %y[%c0] : memref<7xf32>, vector<4xf32>
    %s = arith.mulf %a, %b : vector<4xf32>
    vector.store %s, %z[%i, %c0] : memref<5x7xf32>, vector<4xf32>
    %ta = vector.maskedload %x[%i, %c4], %m, %zero : memref<5x7xf32>, vector<4xi1>, vector<4xf32> into vector<4xf32>
    %tb = vector.maskedload %y[%c4], %m, %zero : memref<7xf32>, vector<4xi1>, vector<4xf32> into vector<4xf32>
    %ts = arith.mulf %ta, %tb : vector<4xf32>
    vector.maskedstore %z[%i, %c4], %m, %ts : memref<5x7xf32>, vector<4xi1>, vector<4xf32>
  }
  func.return
}
func.func @f(%x: memref<5x7xf32>, %y: memref<7xf32>, %z: memref<5x7xf32>, %arena: memref<0xi8>) attributes {rt.num_inputs = 2 : i64} {
  rt.launch @k over [5] (%x, %y, %z) : memref<5x7xf32>, memref<7xf32>, memref<5x7xf32>
  func.return
}
"""


def test_masked_tail_touches_nothing_beyond_the_array():
    x, y = rng.standard_normal((5, 7)).astype("f"), rng.standard_normal(7).astype("f")
    memory = np.full(40, 9.0, np.float32)
    run(KERNEL, x, y, memory[:35].reshape(5, 7))
    np.testing.assert_array_equal(memory[:35].reshape(5, 7), x * y)
    np.testing.assert_array_equal(memory[35:], 9.0)


@pytest.mark.parametrize("offset", [0, 1, 3, 5])
def test_arrays_need_no_more_than_element_alignment(offset):
    def shifted(array):
        memory = np.empty(array.size + offset, np.float32)[offset:]
        memory[:] = array.ravel()
        return memory.reshape(array.shape)

    x, y = rng.standard_normal((5, 7)).astype("f"), rng.standard_normal(7).astype("f")
    got = run(KERNEL, shifted(x), shifted(y), shifted(np.zeros((5, 7))))
    np.testing.assert_array_equal(got, x * y)


def test_reading_one_array_through_two_arguments_is_fine():
    source = KERNEL.replace("memref<7xf32>", "memref<5x7xf32>").replace("%y[", "%y[%c0, ")
    source = source.replace("(%x, %y, %z)", "(%x, %x, %z)")
    x = rng.standard_normal((5, 7)).astype("f")
    np.testing.assert_array_equal(run(source, x, x, np.zeros_like(x)), x * x[0])
    assert "noalias" in lower_to_text(source).split("@k(")[1].split(")")[0].split(",")[-1]


REDUCTIONS = {
    ("add", "f32"): np.sum,
    ("mul", "f64"): np.prod,
    ("maximumf", "f32"): np.max,
    ("minimumf", "f64"): np.min,
    ("maxnumf", "f32"): np.nanmax,
    ("add", "i64"): np.sum,
    ("mul", "i32"): np.prod,
    ("maxsi", "i32"): np.max,
    ("minsi", "i64"): np.min,
    ("and", "i32"): np.bitwise_and.reduce,
    ("or", "i32"): np.bitwise_or.reduce,
    ("xor", "i64"): np.bitwise_xor.reduce,
}
DTYPES = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64, "i1": np.bool_}


@pytest.mark.parametrize(("kind", "element"), REDUCTIONS)
@pytest.mark.parametrize("size", [1, 3, 8, 16])
def test_vector_reduction_matches_numpy(kind, element, size):
    x = (rng.standard_normal(size) * 8).astype(DTYPES[element])
    body = f"""%v = vector.load %a0[%c0] : memref<{size}x{element}>, vector<{size}x{element}>
    %s = memref.load %a0[%c0] : memref<{size}x{element}>
    %r = vector.reduction <{kind}>, %v : vector<{size}x{element}> into {element}
    %t = vector.reduction <{kind}>, %v, %s : vector<{size}x{element}> into {element}
    memref.store %r, %a1[%c0] : memref<2x{element}>
    memref.store %t, %a1[%c1] : memref<2x{element}>"""
    got = run(host(body, f"{size}x{element}", f"2x{element}"), x, np.zeros(2, x.dtype))
    reduce = REDUCTIONS[kind, element]
    cancelled = 1e-6 * float(np.abs(x).sum())  # terms may be added in any order, and their sum may be near zero
    np.testing.assert_allclose(got, [reduce(x), reduce(np.append(x, x[:1]))], rtol=1e-5, atol=cancelled)


def test_reductions_pass_nan_on_and_start_from_minus_zero():
    x = np.array([1, np.nan, 3, 4, -0.0, -0.0, -0.0, -0.0], np.float32)
    body = """%v = vector.load %a0[%c0] : memref<8xf32>, vector<4xf32>
    %four = arith.constant 4 : index
    %w = vector.load %a0[%four] : memref<8xf32>, vector<4xf32>
    %r = vector.reduction <maximumf>, %v : vector<4xf32> into f32
    %t = vector.reduction <add>, %w : vector<4xf32> into f32
    memref.store %r, %a1[%c0] : memref<2xf32>
    memref.store %t, %a1[%c1] : memref<2xf32>"""
    got = run(host(body, "8xf32", "2xf32"), x, np.zeros(2, np.float32))
    assert np.isnan(got[0])
    assert got[1] == 0
    assert np.signbit(got[1])


@pytest.mark.parametrize("count", [-1, 0, 1, 3, 4, 5, 2**40])
def test_mask_has_the_elements_below_the_count(count):
    body = """%n = memref.load %a0[%c0] : memref<1xindex>
    %m = vector.create_mask %n : vector<4xi1>
    vector.store %m, %a1[%c0] : memref<4xi1>, vector<4xi1>"""
    body = body.replace("memref<1xindex>", "memref<1xi64>").replace(
        "%m =", "%j = arith.index_cast %n : i64 to index\n%m ="
    )
    body = body.replace("create_mask %n", "create_mask %j")
    got = run(host(body, "1xi64", "4xi1"), np.array([count]), np.ones(4, bool))
    np.testing.assert_array_equal(got, np.arange(4) < count)
    fixed = f"%n = arith.constant {count} : index\n%m = vector.create_mask %n : vector<4xi1>\n" + body.split("\n")[-1]
    np.testing.assert_array_equal(
        run(host(fixed, "1xi64", "4xi1"), np.zeros(1, int), np.ones(4, bool)), np.arange(4) < count
    )


def test_booleans_are_bytes_in_memory():
    x = np.array([True, False, True, True, False, True, False])
    body = """%c3 = arith.constant 3 : index
    %m = vector.create_mask %c3 : vector<4xi1>
    %c4 = arith.constant 4 : index
    %true = arith.constant true
    %ones = vector.broadcast %true : i1 to vector<4xi1>
    %v = vector.load %a0[%c0] : memref<7xi1>, vector<4xi1>
    %n = arith.xori %v, %ones : vector<4xi1>
    vector.store %n, %a1[%c0] : memref<7xi1>, vector<4xi1>
    %w = vector.maskedload %a0[%c4], %m, %ones : memref<7xi1>, vector<4xi1>, vector<4xi1> into vector<4xi1>
    %k = arith.xori %w, %ones : vector<4xi1>
    vector.maskedstore %a1[%c4], %m, %k : memref<7xi1>, vector<4xi1>, vector<4xi1>
    %s = memref.load %a0[%c1] : memref<7xi1>
    memref.store %s, %a1[%c0] : memref<7xi1>"""
    got = run(host(body, "7xi1", "7xi1"), x, np.zeros(7, bool))
    expected = ~x
    expected[0] = x[1]
    np.testing.assert_array_equal(got.view(np.uint8), expected.view(np.uint8))


def test_vector_rearrangements_match_numpy():
    body = """%v = vector.load %a0[%c0] : memref<4xf32>, vector<4xf32>
    %w = vector.shuffle %v, %v [3, 2, 5, 0] : vector<4xf32>, vector<4xf32>
    %s = vector.extract %w[%c1] : f32 from vector<4xf32>
    %t = vector.extract %w[3] : f32 from vector<4xf32>
    %u = arith.addf %s, %t : f32
    %x = vector.insert %u, %w [2] : f32 into vector<4xf32>
    %b = vector.broadcast %t : f32 to vector<4xf32>
    %y = vector.fma %x, %b, %v : vector<4xf32>
    %i = vector.bitcast %y : vector<4xf32> to vector<4xi32>
    vector.store %i, %a1[%c0] : memref<4xi32>, vector<4xi32>"""
    v = np.array([1, 2, 3, 4], np.float32)
    w = v[[3, 2, 1, 0]]
    x = w.copy()
    x[2] = w[1] + w[3]
    got = run(host(body, "4xf32", "4xi32"), v, np.zeros(4, np.int32))
    np.testing.assert_array_equal(got.view(np.float32), x * w[3] + v)


def test_views_globals_copies_and_stack_memory():
    source = constant_global("2x3xf32", "dense<[[1.0, 2.0, 3.0], [-4.0, 0.5, 6.0]]>") + host(
        """%off = arith.constant 64 : index
        %view = memref.view %arena[%off][] : memref<256xi8> to memref<2x3xf32>
        %w = memref.get_global @w : memref<2x3xf32>
        "memref.copy"(%w, %view) : (memref<2x3xf32>, memref<2x3xf32>) -> ()
        %flat = memref.collapse_shape %view [[0, 1]] : memref<2x3xf32> into memref<6xf32>
        %out = memref.expand_shape %a1 [[0, 1]] output_shape [2, 3] : memref<6xf32> into memref<2x3xf32>
        %stack = memref.alloca() : memref<6xf32>
        %n = arith.constant 6 : index
        scf.for %i = %c0 to %n step %c1 {
          %v = memref.load %flat[%i] : memref<6xf32>
          %s = memref.load %a0[] : memref<f32>
          %p = arith.mulf %v, %s : f32
          memref.store %p, %stack[%i] : memref<6xf32>
        }
        %square = memref.expand_shape %stack [[0, 1]] output_shape [2, 3] : memref<6xf32> into memref<2x3xf32>
        "memref.copy"(%square, %out) : (memref<2x3xf32>, memref<2x3xf32>) -> ()""",
        "f32",
        "6xf32",
        arena=256,
    )
    got = run(source, np.array(2, np.float32), np.zeros(6, np.float32), arena=256)
    np.testing.assert_array_equal(got, [2, 4, 6, -8, 1, 12])


@pytest.mark.parametrize(
    ("value", "element"),
    [("dense<[true, false, true]>", "i1"), ("dense<7>", "i64"), ("dense<0.0>", "f64"), ("dense<[1, -2, 3]>", "i32")],
)
def test_global_holds_its_value(value, element):
    source = constant_global(f"3x{element}", value) + host(
        f"""%w = memref.get_global @w : memref<3x{element}>
        "memref.copy"(%w, %a1) : (memref<3x{element}>, memref<3x{element}>) -> ()""",
        "1xf32",
        f"3x{element}",
    )
    expected = {"i1": [1, 0, 1], "i64": [7, 7, 7], "f64": [0, 0, 0], "i32": [1, -2, 3]}[element]
    got = run(source, np.zeros(1, "f"), np.ones(3, DTYPES[element]))
    np.testing.assert_array_equal(got, np.array(expected, DTYPES[element]))


SIZES = [(4, 3, 5), (1, 3, 5), (4, 3, 1), (1, 3, 1), (1, 1, 1), (0, 3, 5), (4, 3, 0), (4, 0, 5), (1, 0, 1), (33, 17, 9)]


@pytest.mark.parametrize(("m", "k", "n"), SIZES)
@pytest.mark.parametrize("element", ["f32", "f64"])
@pytest.mark.parametrize("trans_lhs", ["", "trans_lhs"])
@pytest.mark.parametrize("trans_rhs", ["", "trans_rhs"])
def test_gemm_matches_numpy(m, k, n, element, trans_lhs, trans_rhs):
    lhs = np.ascontiguousarray(rng.standard_normal((k, m) if trans_lhs else (m, k)).astype(DTYPES[element]))
    rhs = np.ascontiguousarray(rng.standard_normal((n, k) if trans_rhs else (k, n)).astype(DTYPES[element]))
    types = [f"{'x'.join(map(str, shape))}x{element}" for shape in (lhs.shape, rhs.shape, (m, n))]
    a, b, c = (f"memref<{t}>" for t in types)
    body = f"rt.gemm {trans_lhs} {trans_rhs} %a0, %a1 into %a2 : {a}, {b} into {c}"
    # NaN: what was in the result before must not matter
    got = run(host(body, *types, inputs=2), lhs, rhs, np.full((m, n), np.nan, lhs.dtype))
    expected = (lhs.T if trans_lhs else lhs) @ (rhs.T if trans_rhs else rhs)
    np.testing.assert_allclose(got, expected, rtol=1e-4 if element == "f32" else 1e-10, atol=1e-5)


@pytest.mark.parametrize(
    ("lhs_shape", "rhs_shape", "flags"),
    [
        ((3, 4, 5), (3, 5, 2), ""),
        ((3, 5, 4), (3, 2, 5), "trans_lhs trans_rhs"),
        ((3, 4, 5), (5, 2), ""),
        ((3, 4, 5), (2, 5), "trans_rhs"),
        ((3, 5, 4), (5, 2), "trans_lhs"),
        ((4, 5), (3, 5, 2), ""),
        ((3, 1, 5), (3, 5, 2), ""),
        ((0, 4, 5), (0, 5, 2), ""),
        ((1, 4, 5), (1, 5, 2), ""),
    ],
)
def test_batched_gemm_matches_numpy(lhs_shape, rhs_shape, flags):
    lhs, rhs = rng.standard_normal(lhs_shape).astype("f"), rng.standard_normal(rhs_shape).astype("f")
    expected = np.matmul(
        lhs.swapaxes(-1, -2) if "trans_lhs" in flags else lhs, rhs.swapaxes(-1, -2) if "trans_rhs" in flags else rhs
    )
    types = ["x".join(map(str, shape)) + "xf32" for shape in (lhs_shape, rhs_shape, expected.shape)]
    a, b, c = (f"memref<{t}>" for t in types)
    body = f"rt.gemm {flags} %a0, %a1 into %a2 : {a}, {b} into {c}"
    got = run(host(body, *types, inputs=2), lhs, rhs, np.full(expected.shape, np.nan, np.float32))
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_module_that_llvm_rejects_is_an_internal_error():
    with pytest.raises(InternalError, match=r"LLVM rejects the module: .*its text is in .*\.ll"):
        native.emit_object("define void @f() { ret i32 0 }")


def test_unexpanded_math_says_what_to_do():
    context = make_context()
    module = Parser(context, elementwise("%r = math.exp %x : f32", "f32")).parse_module()
    with pytest.raises(PassFailedException, match=r"cannot convert math.exp on \(f32\); run expand-math first"):
        ConvertToLlvmPass().apply(context, module)


def test_assembly_and_optimised_text_are_of_this_machine():
    text = lower_to_text(KERNEL)
    assert "define" in native.emit_llvm_ir(text)
    assert "f:" in native.emit_assembly(text)
    assert native.host_vector_bits() in {128, 256, 512}
    assert native.Target("x86_64", "generic", "+sse2").vector_bits == 128
    assert native.Target("x86_64", "generic", "+avx,+avx2").vector_bits == 256


def test_float16_needs_a_processor_that_converts_it():
    text = "define half @f(float %x) {\n  %y = fptrunc float %x to half\n  ret half %y\n}"
    old = native.Target("x86_64-unknown-linux-gnu", "x86-64", "")
    with pytest.raises(UnsupportedError, match="F16C"):
        native.emit_assembly(text, old)
    converts = native.Target("x86_64-unknown-linux-gnu", "x86-64", "+avx,+f16c")
    assert "vcvtps2ph" in native.emit_assembly(text, converts)
