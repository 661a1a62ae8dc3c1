"""Every example of every op has the value of NumPy at every level: interpreted at each stage, and compiled."""

import zlib
from dataclasses import replace

import numpy as np
import pytest
from levels import HOST_VECTOR_BITS, after_every_stage, compiled
from ml_dtypes import finfo
from op_example import build_function, build_op, random_operands
from op_examples import OP_EXAMPLES
from up_to_phases import UP_TO_PHASES
from xdsl.dialects.builtin import ComplexType, ModuleOp, StringAttr, TensorType, f32, f64, i32, i64

from compiler.pipelines import passes_between, run_passes
from dialects.builder import tensor_type
from dialects.dlc.bits import BitcastConvertOp
from dialects.dlc.constants import array_of, dense_attribute
from dialects.dlc.dialect import Dlc
from dialects.dlc.fourier import PackedFftOp, RfftOp
from dialects.dlc.indexing import GatherOp, ScatterOp
from dialects.dlc.interfaces import PureOp, dtype_kind, dtype_of, is_float
from dialects.dlc.matrix_op import MatrixOp

APPROXIMATE = {
    "dlc.exp": 4, "dlc.expm1": 4, "dlc.log": 4, "dlc.log1p": 4, "dlc.tanh": 6, "dlc.logistic": 6, "dlc.erf": 4,
    "dlc.sin": 6, "dlc.cos": 6, "dlc.pow": 6, "dlc.rsqrt": 4, "dlc.tan": 6, "dlc.asin": 4, "dlc.acos": 4, "dlc.atan": 4,
    "dlc.atan2": 6, "dlc.sinh": 4, "dlc.cosh": 4, "dlc.asinh": 4, "dlc.acosh": 4, "dlc.atanh": 4, "dlc.exp2": 4,
    "dlc.log2": 4, "dlc.log10": 4, "dlc.cbrt": 4,
    "dlc.erfc": 4, "dlc.erfcx": 6, "dlc.erf_inv": 6, "dlc.erfc_inv": 6, "dlc.lgamma": 64, "dlc.digamma": 16, "dlc.polygamma": 128,
    "dlc.xlogy": 6, "dlc.xlog1py": 6,
}  # fmt: skip
"""How many units of the last place a function may be off; NumPy's own value is not exact either."""

REASSOCIATED = {
    "dlc.reduce_sum",
    "dlc.reduce_prod",
    "dlc.dot_general",
    "dlc.convolution",
    "dlc.convolution_kernel",
    "dlc.scatter",
    "dlc.cumlogsumexp",
    "dlc.reduce_window_sum",
    "dlc.irfft",
    "dlc.packed_fft",
    "dlc.resample",
}
"""Operations whose terms may be combined in any order: the error is relative to the largest value."""

SIZES = {5: 35, 7: 39, 9: 45, 17: 70}
"""Larger sizes for examples, so that there are whole vectors, several of them, and tails."""

FREE_OF_SIZES = {
    "dims",
    "dim",
    "direction",
    "permutation",
    "mode",
    "bounds",
    "batch_dims",
    "reverse",
    "descending",
    "side",
} | {f"{side}_{kind}" for side in ("lhs", "rhs") for kind in ("batch", "contracting")}
SPECIAL = (0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 0.5, 2.5, -1.5)
EXTREME = (*SPECIAL, 1e-30, -3e30, 88.0, -110.0)  # finite values that overflow or vanish in some order of combination


def in_other_precision(example):
    """The example with f32 for f64 and the other way round."""
    other = {f32: f64, f64: f32, ComplexType(f32): ComplexType(f64), ComplexType(f64): ComplexType(f32)}
    if example.op_type is BitcastConvertOp:
        other |= {i32: i64, i64: i32}

    def swap(t):
        return tensor_type(other.get(t.element_type, t.element_type), t.get_shape())

    properties = dict(example.properties)
    if isinstance(properties.get("output"), TensorType):
        properties["output"] = swap(properties["output"])
    value = properties.get("value")
    if value is not None and is_float(value.type.element_type):
        properties["value"] = dense_attribute(array_of(value).astype(dtype_of(swap(value.type))))
    return replace(example, operand_types=tuple(map(swap, example.operand_types)), properties=properties)


def can_be_enlarged(example):
    """Whether no property holds sizes, and the loops stay few enough to interpret."""
    return set(example.properties) <= FREE_OF_SIZES and all(len(t.get_shape()) <= 3 for t in example.operand_types)


def enlarged(example):
    types = tuple(
        tensor_type(t.element_type, tuple(SIZES.get(size, size) for size in t.get_shape()))
        for t in example.operand_types
    )
    return replace(example, operand_types=types)


def examples_of(op_type):
    """The examples of an op, in both precisions, and larger where no property holds sizes."""
    examples = [example for example in OP_EXAMPLES if example.op_type is op_type]
    examples += [enlarged(example) for example in examples if can_be_enlarged(example)]
    with np.errstate(over="ignore"):
        examples += [in_other_precision(example) for example in examples]
    return list({str((e.operand_types, *e.properties.items())): e for e in examples}.values())


def operands_of(example, rng):
    """Lists of operands to call an example with: random ones, and special values where there are floats to compute with."""
    calls = [random_operands(example, rng)]
    # In a transform infinities of both signs meet everywhere: which elements are NaN depends on the order of the sums.
    exempt = GatherOp | ScatterOp | RfftOp | PackedFftOp | MatrixOp
    if not issubclass(example.op_type, exempt) and any(is_float(t.element_type) for t in example.operand_types):
        special = SPECIAL if example.op_type.name in REASSOCIATED else EXTREME
        with np.errstate(over="ignore"):
            calls.append([
                rng.choice(special, operand.shape).astype(operand.dtype) if dtype_kind(operand.dtype) == "f" else operand
                for operand in random_operands(example, rng)
            ])  # fmt: skip
    return calls


def quiet(function, *arguments):
    with np.errstate(all="ignore"):
        return function(*arguments)


def check(op, operands, actuals, message):
    compared = UP_TO_PHASES.get(op.name, lambda *results: results)
    expected = quiet(op.evaluate_all, operands)
    assert [(x.shape, x.dtype) for x in actuals] == [(x.shape, x.dtype) for x in expected], message
    for pair in zip(compared(*actuals), compared(*expected), strict=True):
        check_result(op, operands, *pair, message)


def check_result(op, operands, actual, expected, message):
    assert actual.dtype == expected.dtype, message
    assert actual.shape == expected.shape, message
    if expected.dtype.kind == "c" or (isinstance(op, MatrixOp) and expected.dtype.kind == "f"):
        tolerance = 64 * float(finfo(expected.real.dtype).eps)
        scale = np.max(np.abs(expected[np.isfinite(expected)]), initial=1)
        with np.errstate(all="ignore"):
            for part in (np.real, np.imag):
                np.testing.assert_allclose(part(actual), part(expected), tolerance, tolerance * scale, err_msg=message)
        return
    if dtype_kind(expected.dtype) != "f":
        if op.name == "dlc.convert" and dtype_kind(operands[0].dtype) == "f" and expected.dtype.kind in "iu":
            defined = np.isfinite(operands[0])  # all finite values of the examples fit, or wrap around
            actual, expected = actual[defined], expected[defined]
        np.testing.assert_array_equal(actual, expected, message)
        return
    eps = float(finfo(expected.dtype).eps)
    rtol, atol = APPROXIMATE.get(op.name, 0) * eps, 0.0
    if op.name in APPROXIMATE:
        atol = 2 * float(finfo(expected.dtype).smallest_normal)
    if op.name in REASSOCIATED:
        expected, actual = expected.astype(np.float64), actual.astype(np.float64)
        finite = np.abs(expected[np.isfinite(expected)])
        rtol, atol = 64 * eps, 64 * eps * float(np.max(finite, initial=1.0))
    if expected.dtype.itemsize == 2:
        expected, actual = expected.astype(np.float32), actual.astype(np.float32)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol, err_msg=message)


OPS = [op_type for op_type in Dlc.operations if issubclass(op_type, PureOp)]


def test_every_op_has_examples():
    assert {example.op_type for example in OP_EXAMPLES} == set(OPS)


@pytest.mark.parametrize("op_type", OPS, ids=lambda op_type: op_type.name)
def test_value_at_every_level(op_type):
    rng = np.random.default_rng(zlib.crc32(op_type.name.encode()))
    examples = {f"f{i}": example for i, example in enumerate(examples_of(op_type))}
    ops = {name: build_op(example) for name, example in examples.items()}
    calls = {name: operands_of(example, rng) for name, example in examples.items()}
    module = ModuleOp([])
    for name, example in examples.items():
        function = build_function(example).body.block.first_op
        function.detach()
        function.properties["sym_name"] = StringAttr(name)
        module.body.block.add_op(function)

    def check_all(level, results):
        for name, several in results.items():
            for operands, actual in zip(calls[name], several, strict=True):
                shown = "\n".join(map(repr, operands))
                check(ops[name], operands, actual, f"{examples[name]} at {level}, operands\n{shown}")

    for level, results in after_every_stage(module.clone(), calls, HOST_VECTOR_BITS):
        check_all(level, results)
    run_passes(module, passes_between("tensor", "bufferized"))
    narrow = 128 if OPS.index(op_type) % 2 else 256
    for bits in sorted({0, narrow, HOST_VECTOR_BITS}):
        check_all(f"machine code with {bits}-bit vectors", compiled(module.clone(), calls, bits, "bufferized"))
