"""Random programs keep their values through every pass and in machine code; their derivatives and batches fit together."""

import os

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from levels import HOST_VECTOR_BITS, after_every_pass, compiled, executables
from program_strategies import LARGE_SIZES, MAX_LARGE_ELEMENTS, make_private, programs
from xdsl.dialects.builtin import FunctionType, f32, f64
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region

from compiler import num_threads
from dialects.builder import OpBuilder
from dialects.dlc import transforms
from dialects.dlc.interfaces import is_float
from runtime.reference import interpret

EXAMPLES = int(os.environ.get("DLC_RANDOM_PROGRAMS", "60"))
"""How many programs each test tries; set `DLC_RANDOM_PROGRAMS` for a longer search, which is then truly random."""


def search(share=1.0):
    return settings(
        max_examples=max(1, int(share * EXAMPLES)),
        deadline=None,
        derandomize="DLC_RANDOM_PROGRAMS" not in os.environ,
        database=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )


TOLERANCE = {np.dtype(np.float32): 2e-3, np.dtype(np.float64): 1e-8}


def check(program, expected, actual, where):
    for i, (want, got) in enumerate(zip(expected, actual, strict=True)):
        message = f"result {i} {where}"
        assert got.dtype == want.dtype, message
        assert got.shape == want.shape, message
        if program.exact or want.dtype.kind != "f":
            np.testing.assert_array_equal(got, want, message)
        else:
            # A value in f64 may have been computed in f32 on the way.
            single = any(t.element_type == f32 for op in program.module.walk() for t in map(type_of, op.results) if t)
            tolerance = TOLERANCE[np.dtype(np.float32) if single else want.dtype]
            scale = float(np.max(np.abs(want), initial=1.0))
            np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * scale, err_msg=message)


def type_of(value):
    return value.type if hasattr(value.type, "element_type") else None


WIDTHS = st.sampled_from([HOST_VECTOR_BITS, 0, 128, 256, 512])


def check_all_levels(program, vector_bits):
    expected = interpret(program.module, "f", program.arguments)
    calls = {"f": [program.arguments]}
    for name, results in after_every_pass(program.module.clone(), calls, vector_bits):
        check(program, expected, results["f"][0], f"after {name}")
    results = compiled(program.module.clone(), calls, vector_bits)
    check(program, expected, results["f"][0], "of machine code")


@search()
@given(programs(exact=True), WIDTHS)
def test_every_level_agrees_on_exact_programs(program, vector_bits):
    check_all_levels(program, vector_bits)


@search()
@given(programs(), WIDTHS)
def test_every_level_agrees_on_smooth_programs(program, vector_bits):
    check_all_levels(program, vector_bits)


SQUARE_SIZES = (40, 1)
"""With these, most arrays have one type, so that they can take each other's memory."""

MANY_KINDS = st.tuples(st.booleans(), st.sampled_from([LARGE_SIZES, SQUARE_SIZES])).flatmap(
    lambda kind: programs(exact=kind[0], min_ops=3, max_ops=12, sizes=kind[1], max_elements=MAX_LARGE_ELEMENTS)
)


@search(0.5)
@given(MANY_KINDS, WIDTHS)
def test_large_and_square_programs_have_the_same_bits_for_any_number_of_threads(program, vector_bits):
    expected = interpret(program.module, "f", program.arguments)
    function = executables(program.module.clone(), ["f"], vector_bits)["f"]
    results = function(program.arguments)
    check(program, expected, results, "of machine code")
    for number in (1, 2, 3, 4):
        with num_threads(number):
            for first, again in zip(results, function(program.arguments), strict=True):
                np.testing.assert_array_equal(again, first, f"{number} threads")


def add_main(program, build, argument_types):
    """Add `@main`, with the results of `build(b, arguments)`."""
    make_private(program.function)
    block = Block(arg_types=argument_types)
    b = OpBuilder(block)
    results = build(b, block.args)
    b.create_op(ReturnOp, results)
    function_type = FunctionType.from_lists(argument_types, [value.type for value in results])
    module = program.module.clone()
    module.body.block.add_op(FuncOp("main", function_type, Region(block)))
    module.verify()
    return module


def run_compiled(module, arguments):
    return compiled(module, {"main": [arguments]}, HOST_VECTOR_BITS)["main"][0]


@search(0.5)
@given(programs(elements=(f64,), min_ops=3, max_ops=12, sizes=(3, 1, 2, 5, 0, 4)), st.integers(0, 2**16))
def test_vjp_is_the_adjoint_of_jvp(program, seed):
    random = np.random.default_rng(seed)
    types = [argument.type for argument in program.function.body.block.args]
    outputs = program.result_types
    wrt = [i for i, t in enumerate(types) if is_float(t.element_type)]
    moving = [t for t in outputs if is_float(t.element_type)]
    if not wrt or not moving:
        return
    tangents = [random.standard_normal(types[i].get_shape()) for i in wrt]
    cotangents = [random.standard_normal(t.get_shape()).astype(dtype_of(t)) for t in moving]
    pushed = run_compiled(
        add_main(
            program,
            lambda b, a: transforms.jvp(b, "f", a[: len(types)], a[len(types) :], wrt, outputs),
            [*types, *(types[i] for i in wrt)],
        ),
        [*program.arguments, *tangents],
    )
    pulled = run_compiled(
        add_main(
            program,
            lambda b, a: transforms.vjp(b, "f", a[: len(types)], a[len(types) :], wrt, outputs),
            [*types, *moving],
        ),
        [*program.arguments, *cotangents],
    )
    expected = interpret(program.module, "f", program.arguments)
    check(program, expected, pushed[: len(outputs)], "of jvp")
    check(program, expected, pulled[: len(outputs)], "of vjp")
    forward = [np.asarray(c * t, np.float64) for c, t in zip(cotangents, pushed[len(outputs) :], strict=True)]
    backward = [np.asarray(c * t) for c, t in zip(tangents, pulled[len(outputs) :], strict=True)]
    scale = sum(float(np.sum(np.abs(terms))) for terms in (*forward, *backward))
    if not np.isfinite(scale):
        return  # a derivative of abs or a root at its corner
    single = any(t.element_type == f32 for t in outputs) or "f32" in str(program.module)
    tolerance = (1e-4 if single else 1e-10) * max(scale, 1.0)
    assert abs(sum(map(np.sum, forward)) - sum(map(np.sum, backward))) <= tolerance


def dtype_of(tensor_type):
    return np.float32 if tensor_type.element_type == f32 else np.float64


@search(0.5)
@given(programs(min_ops=3, max_ops=10, sizes=(3, 1, 2, 4, 0)), st.integers(0, 2**16), st.sampled_from([3, 1, 2]))
def test_vmap_is_a_loop(program, seed, size):
    random = np.random.default_rng(seed)
    types = [argument.type for argument in program.function.body.block.args]
    mapped = [i for i in range(len(types)) if random.random() < 0.7] or [0]
    batches = [
        np.stack([random.permutation(array.reshape(-1)).reshape(array.shape) for _ in range(size)])
        if i in mapped
        else array
        for i, array in enumerate(program.arguments)
    ]
    batched_types = [type(t)(t.element_type, (size, *t.get_shape())) if i in mapped else t for i, t in enumerate(types)]
    actual = run_compiled(
        add_main(program, lambda b, a: transforms.vmap(b, "f", a, mapped, size, program.result_types), batched_types),
        batches,
    )
    rows = [
        interpret(program.module, "f", [array[k] if i in mapped else array for i, array in enumerate(batches)])
        for k in range(size)
    ]
    check(program, [np.stack(results) for results in zip(*rows, strict=True)], actual, "of vmap")
