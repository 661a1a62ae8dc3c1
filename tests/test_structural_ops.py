"""What the facet tests cannot know: values against definitions written out, ties, NaN, zeros, empty dimensions."""

import itertools

import numpy as np
import pytest
from ml_dtypes import bfloat16, finfo
from op_example import OpExample, build_function, build_op, evaluate_block, random_array, random_operands, tensor
from op_examples_structural import STRUCTURAL_EXAMPLES
from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, StringAttr, TensorType, UnrealizedConversionCastOp, f64, i64
from xdsl.dialects.linalg.ops import FillOp, GenericOp
from xdsl.dialects.tensor import CollapseShapeOp, ExpandShapeOp
from xdsl.ir import Block
from xdsl.utils.exceptions import VerifyException

from dialects import rt
from dialects.builder import OpBuilder, int_array
from dialects.dlc.arg_extrema import ArgmaxOp, ArgminOp
from dialects.dlc.broadcast import BroadcastInDimOp, broadcast_in_dim
from dialects.dlc.constants import full
from dialects.dlc.contraction import Dimensions, DotGeneralOp
from dialects.dlc.dynamic_slicing import DynamicSliceOp, DynamicUpdateSliceOp, dynamic_slice
from dialects.dlc.indexing import GatherOp, ScatterOp
from dialects.dlc.interfaces import ints, is_complex
from dialects.dlc.reduction import ReduceMaxOp, ReduceMinOp, ReduceProdOp, reduce_max
from dialects.dlc.shape import ReshapeOp, ReverseOp, TransposeOp, reshape, reverse, transpose
from dialects.dlc.slicing import ConcatenateOp, PadOp, SliceOp, concatenate, pad, slice_
from passes.dlc.convert_dlc_to_linalg import ConvertDlcToLinalgPass
from runtime.reference import interpret

RNG_SEED = 7


def examples_of(*op_types):
    chosen = [example for example in STRUCTURAL_EXAMPLES if example.op_type in op_types]
    return pytest.mark.parametrize("example", chosen, ids=str)


def real_examples_of(*op_types):
    """Those that `convert-dlc-to-linalg` may see: `split-complex` comes before it."""
    examples = [
        e for e in STRUCTURAL_EXAMPLES if e.op_type in op_types and not is_complex(e.operand_types[0].element_type)
    ]
    return pytest.mark.parametrize("example", examples, ids=str)


def lowered(example):
    module = build_function(example)
    ConvertDlcToLinalgPass().apply(Context(), module)
    module.verify()
    return module


def lowered_value(example, operands):
    (value,) = interpret(lowered(example), "main", operands)
    return value


def points(shape):
    return itertools.product(*(range(size) for size in shape))


@examples_of(PadOp)
def test_pad_is_its_definition(example):
    x, padding = operands = random_operands(example, np.random.default_rng(RNG_SEED))
    op = build_op(example)
    expected = np.full(op.shape, padding)
    for point in points(x.shape):
        place = tuple(
            low + i * (between + 1) for i, low, between in zip(point, ints(op.low), ints(op.interior), strict=True)
        )
        if all(0 <= i < size for i, size in zip(place, op.shape, strict=True)):
            expected[place] = x[point]
    np.testing.assert_array_equal(op.evaluate(operands), expected)


def windows_of(op, x, indices):
    """The positions in the windows, each with the position in `x` it stands for, or `None` if it is outside."""
    batch_dims, dims, drop = op.batch_dims.value.data, ints(op.dims), op.bounds.data == "drop"
    rest = [dim for dim in range(batch_dims, x.ndim) if dim not in dims]
    for outer in points(indices.shape[:-1]):
        place = dict(enumerate(outer[:batch_dims]))
        for dim, index in zip(dims, indices[outer], strict=True):
            place[dim] = int(index) if drop else min(max(int(index), 0), x.shape[dim] - 1)
        inside = all(0 <= place[dim] < x.shape[dim] for dim in dims)
        for inner in points([x.shape[dim] for dim in rest]):
            place.update(zip(rest, inner, strict=True))
            yield (*outer, *inner), tuple(place[dim] for dim in range(x.ndim)) if inside else None


@examples_of(GatherOp)
def test_gather_is_its_definition(example):
    x, indices = operands = random_operands(example, np.random.default_rng(RNG_SEED))
    op = build_op(example)
    expected = np.zeros(op.shape, x.dtype)
    for window, place in windows_of(op, x, indices):
        expected[window] = 0 if place is None else x[place]
    np.testing.assert_array_equal(op.evaluate(operands), expected)


@examples_of(ScatterOp)
def test_scatter_is_its_definition(example):
    x, indices, updates = operands = random_operands(example, np.random.default_rng(RNG_SEED))
    op = build_op(example)
    expected = x.copy()
    for window, place in windows_of(op, x, indices):
        if place is not None:
            combine = {
                "set": lambda _, new: new,
                "add": np.add,
                "mul": np.multiply,
                "min": np.minimum,
                "max": np.maximum,
            }
            expected[place] = combine[op.mode.data](expected[place], updates[window])
    np.testing.assert_allclose(op.evaluate(operands), expected, rtol=1e-6)


@examples_of(DotGeneralOp)
def test_dot_general_is_einsum(example):
    lhs, rhs = operands = random_operands(example, np.random.default_rng(RNG_SEED))
    op = build_op(example)
    dims = op.dimensions
    left = [f"l{i}" for i in range(lhs.ndim)]
    right = [f"r{i}" for i in range(rhs.ndim)]
    for i, j in zip((*dims.lhs_batch, *dims.lhs_contracting), (*dims.rhs_batch, *dims.rhs_contracting), strict=True):
        right[j] = left[i]
    free = [*(left[i] for i in dims.lhs_free(lhs.ndim)), *(right[j] for j in dims.rhs_free(rhs.ndim))]
    number = {name: k for k, name in enumerate(dict.fromkeys((*left, *right)))}
    output = [*(left[i] for i in dims.lhs_batch), *free]
    is_half = lhs.dtype in {np.dtype(np.float16), np.dtype(bfloat16)}
    wide = np.int64 if lhs.dtype == np.bool_ else np.float32 if is_half else lhs.dtype
    subscripts = [[number[name] for name in names] for names in (left, right, output)]
    expected = np.einsum(lhs.astype(wide), subscripts[0], rhs.astype(wide), subscripts[1], subscripts[2])
    actual, expected = op.evaluate(operands), expected.astype(lhs.dtype)
    if is_half:  # rounded once from float32, whose sums may be in another order
        actual, expected = actual.astype(np.float32), expected.astype(np.float32)
    np.testing.assert_allclose(actual, expected, rtol=float(finfo(lhs.dtype).eps) if is_half else 1e-5)


@pytest.mark.parametrize("op_type", [ArgmaxOp, ArgminOp], ids=lambda op_type: op_type.name)
@pytest.mark.parametrize(
    "values",
    [
        [1.0, 3.0, 3.0, 2.0],
        [1.0, 1.0, 1.0],
        [np.nan, 1.0, np.nan],
        [5.0, np.nan, -np.inf, np.nan, np.inf],
        [-np.inf, -np.inf],
        [np.inf, np.inf],
        [0.0, -0.0],
        [-0.0, 0.0],
    ],
    ids=str,
)
def test_position_is_that_of_the_first_and_nan_wins(op_type, values):
    example = OpExample(op_type, (TensorType(f64, [len(values)]),), {"dim": IntegerAttr(0, i64)})
    array = np.array(values)
    expected = np.argmax(array) if op_type is ArgmaxOp else np.argmin(array)
    assert build_op(example).evaluate([array]) == expected
    assert lowered_value(example, [array]) == expected


@pytest.mark.parametrize("element", ["i32", "i64"])
def test_positions_of_extreme_integers(element):
    dtype = {"i32": np.int32, "i64": np.int64}[element]
    least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
    for op_type, values in ((ArgmaxOp, [least, least]), (ArgminOp, [most, most]), (ArgmaxOp, [0, most, least])):
        array = np.array(values, dtype)
        example = OpExample(op_type, (tensor(f"{len(values)}x{element}"),), {"dim": IntegerAttr(0, i64)})
        assert lowered_value(example, [array]) == build_op(example).evaluate([array])


def tangent_of(op_type, properties, x, dx):
    block = Block(arg_types=[TensorType(f64, x.shape)] * 2)
    b = OpBuilder(block)
    op = op_type.emit(b, block.args[:1], properties).owner
    return evaluate_block(block, [x, dx], [op.jvp(b, block.args[1:])])[0]


@pytest.mark.parametrize("op_type", [ReduceMaxOp, ReduceMinOp], ids=lambda op_type: op_type.name)
def test_ties_share_the_derivative(op_type):
    properties = {"dims": int_array((0,))}
    assert tangent_of(op_type, properties, np.array([2.0, 2.0, 2.0]), np.array([1.0, 5.0, 0.0])) == 2.0
    assert tangent_of(op_type, properties, np.array([np.inf] * 2), np.array([1.0, 3.0])) == 2.0


@pytest.mark.parametrize("zeros", [0, 1, 2, 3])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8, 9])
def test_derivative_of_a_product_is_right_with_zeros(size, zeros):
    rng = np.random.default_rng(size)
    x, dx = rng.uniform(1, 2, (size,)), rng.uniform(-1, 1, (size,))
    x[rng.permutation(size)[:zeros]] = 0
    expected = sum(dx[i] * np.prod(np.delete(x, i)) for i in range(size))
    tangent = tangent_of(ReduceProdOp, {"dims": int_array((0,))}, x, dx)
    np.testing.assert_allclose(tangent, expected, rtol=1e-12)


def test_derivative_of_an_empty_product_is_zero():
    tangent = tangent_of(ReduceProdOp, {"dims": int_array((0,))}, np.zeros((0, 3)), np.zeros((0, 3)))
    np.testing.assert_array_equal(tangent, np.zeros(3))


def test_only_the_last_of_equal_positions_moves_what_is_set():
    types = tuple(tensor(text) for text in ("4xf64", "3x1xi64", "3xf64"))
    properties = {
        "dims": int_array((0,)),
        "batch_dims": IntegerAttr(0, i64),
        "bounds": StringAttr("drop"),
        "mode": StringAttr("set"),
    }
    block = Block(arg_types=[*types, tensor("4xf64")])
    b = OpBuilder(block)
    op = ScatterOp.emit(b, block.args[:3], properties).owner
    cotangents = op.transpose(b, block.args[3], (True, False, True))
    arguments = [np.zeros(4), np.array([[1], [9], [1]]), np.zeros(3), np.array([1.0, 2.0, 3.0, 4.0])]
    of_x, _, of_updates = evaluate_block(block, arguments, list(cotangents))
    np.testing.assert_array_equal(of_x, [1, 0, 3, 4])
    np.testing.assert_array_equal(of_updates, [0, 0, 2])


@pytest.mark.parametrize("starts", [(-5, -5), (0, 0), (1, 3), (99, 99), (-(2**31), 2**31 - 1)])
def test_windows_are_moved_into_range(starts):
    types = (tensor("3x5xf64"), tensor("i32"), tensor("i64"))
    example = OpExample(DynamicSliceOp, types, {"sizes": int_array((2, 2))})
    x = np.arange(15.0).reshape(3, 5)
    row, column = min(max(starts[0], 0), 1), min(max(starts[1], 0), 3)
    operands = [x, np.array(starts[0], np.int32), np.array(starts[1])]
    np.testing.assert_array_equal(build_op(example).evaluate(operands), x[row : row + 2, column : column + 2])
    np.testing.assert_array_equal(lowered_value(example, operands), x[row : row + 2, column : column + 2])


@pytest.mark.parametrize(
    ("op_type", "operand", "properties"),
    [
        (ReduceMaxOp, "0x3xf64", {"dims": int_array((0,))}),
        (ReduceMinOp, "3x0xi32", {"dims": int_array((1,))}),
        (ArgmaxOp, "0xf64", {"dim": IntegerAttr(0, i64)}),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_nothing_has_no_extremum(op_type, operand, properties):
    with pytest.raises(VerifyException, match=rf"{op_type.name}: dimension \d of tensor<{operand}> is empty"):
        op_type.infer_type((tensor(operand),), properties)


@real_examples_of(TransposeOp, SliceOp, ReverseOp, PadOp, ConcatenateOp, GatherOp, DynamicSliceOp, DynamicUpdateSliceOp)
def test_data_movement_is_at_most_one_generic(example):
    ops = [op for op in lowered(example).walk() if isinstance(op, GenericOp)]
    assert len(ops) <= 1


@examples_of(ReshapeOp)
def test_reshape_is_free_unless_it_expands_a_scalar(example):
    ops = list(lowered(example).walk())
    if example.operand_types[0].get_shape():
        assert not any(isinstance(op, GenericOp | UnrealizedConversionCastOp) for op in ops)
        assert sum(isinstance(op, CollapseShapeOp | ExpandShapeOp) for op in ops) <= 2


@real_examples_of(ScatterOp)
def test_scatter_is_one_structured_operation(example):
    found = [op for op in lowered(example).walk() if isinstance(op, rt.ScatterOp)]
    is_empty = any(
        0 in operand_type.get_shape() for operand_type in (example.operand_types[0], example.operand_types[2])
    )
    assert len(found) == (0 if is_empty else 1)


def test_padding_of_nothing_reads_nothing():
    example = OpExample(
        PadOp,
        (tensor("0xf64"), tensor("f64")),
        {"low": int_array((2,)), "high": int_array((1,)), "interior": int_array((4,))},
    )
    np.testing.assert_array_equal(lowered_value(example, [np.zeros(0), np.array(5.0)]), [5.0, 5.0, 5.0])
    assert not any(isinstance(op, FillOp) for op in lowered(example).walk())


ARGUMENT = "argument"


def product_as_it_is(b, lhs, rhs, *dims):
    """A product whose transposes are not joined with it."""
    return DotGeneralOp.emit(b, (lhs, rhs), Dimensions(*dims).properties())


REWRITES = {
    "transposes that cancel": (["3x4xf64"], lambda b, x: transpose(b, transpose(b, x, (1, 0)), (1, 0)), ARGUMENT),
    "transposes that compose": (
        ["3x4x5xf64"],
        lambda b, x: transpose(b, transpose(b, x, (1, 0, 2)), (2, 0, 1)),
        TransposeOp,
    ),
    "transpose of a broadcast": (
        ["3xf64"],
        lambda b, x: transpose(b, broadcast_in_dim(b, x, (3, 5), (0,)), (1, 0)),
        BroadcastInDimOp,
    ),
    "transpose of a broadcast in another order": (
        ["3x4xf64"],
        lambda b, x: transpose(b, broadcast_in_dim(b, x, (3, 4, 2), (0, 1)), (1, 0, 2)),
        None,
    ),
    "reshapes that cancel": (["3x4xf64"], lambda b, x: reshape(b, reshape(b, x, (12,)), (3, 4)), ARGUMENT),
    "reshapes that compose": (["3x4xf64"], lambda b, x: reshape(b, reshape(b, x, (12,)), (4, 3)), ReshapeOp),
    "one reshape": (["3x4xf64"], lambda b, x: reshape(b, x, (12,)), None),
    "broadcast of inserted units": (
        ["3xf64"],
        lambda b, x: broadcast_in_dim(b, reshape(b, x, (3, 1)), (3, 5), (0, 1)),
        BroadcastInDimOp,
    ),
    "broadcast of a reshape that does more": (
        ["4xf64"],
        lambda b, x: broadcast_in_dim(b, reshape(b, x, (2, 2)), (3, 2, 2), (1, 2)),
        None,
    ),
    "unit inserted after a broadcast": (
        ["3xf64"],
        lambda b, x: reshape(b, broadcast_in_dim(b, x, (3, 5), (0,)), (1, 3, 5)),
        BroadcastInDimOp,
    ),
    "reshape of a broadcast that does more": (
        ["3xf64"],
        lambda b, x: reshape(b, broadcast_in_dim(b, x, (3, 5), (0,)), (15,)),
        None,
    ),
    "reverses that cancel": (["3x4xf64"], lambda b, x: reverse(b, reverse(b, x, (0,)), (0,)), ARGUMENT),
    "reverses that join": (["3x4xf64"], lambda b, x: reverse(b, reverse(b, x, (0,)), (0, 1)), ReverseOp),
    "reverse of one element": (["1x4xf64"], lambda b, x: reverse(b, x, (0,)), ARGUMENT),
    "slice of everything": (["4xf64"], lambda b, x: slice_(b, x, (0,), (4,), (1,)), ARGUMENT),
    "slices that compose": (
        ["9xf64"],
        lambda b, x: slice_(b, slice_(b, x, (1,), (9,), (2,)), (1,), (4,), (2,)),
        SliceOp,
    ),
    "empty slice of a slice": (
        ["9xf64"],
        lambda b, x: slice_(b, slice_(b, x, (1,), (9,), (2,)), (4,), (4,), (2,)),
        SliceOp,
    ),
    "pad by nothing": (["3xf64", "f64"], lambda b, x, p: pad(b, x, p, (0,), (0,), (0,)), ARGUMENT),
    "pad that cuts": (["9xf64", "f64"], lambda b, x, p: pad(b, x, p, (-1,), (-2,), (0,)), SliceOp),
    "pad with room between": (["9xf64", "f64"], lambda b, x, p: pad(b, x, p, (0,), (0,), (1,)), None),
    "pad of nothing": (["0xf64", "f64"], lambda b, x, p: pad(b, x, p, (2,), (1,), (4,)), BroadcastInDimOp),
    "concatenation of one": (["3xf64"], lambda b, x: concatenate(b, [x], 0), ARGUMENT),
    "concatenation with nothing": (["3xf64", "0xf64"], lambda b, x, y: concatenate(b, [y, x, y], 0), ARGUMENT),
    "nested concatenations": (
        ["3xf64", "2xf64"],
        lambda b, x, y: concatenate(b, [concatenate(b, [x, y], 0), x], 0),
        ConcatenateOp,
    ),
    "window at a constant": (
        ["9xf64"],
        lambda b, x: dynamic_slice(b, x, [full(b, 7, tensor("i64"))], (4,)),
        SliceOp,
    ),
    "window anywhere": (["9xf64", "i64"], lambda b, x, i: dynamic_slice(b, x, [i], (4,)), None),
    "window of everything": (["9xf64", "i64"], lambda b, x, i: dynamic_slice(b, x, [i], (9,)), ARGUMENT),
    "product of a transpose": (
        ["4x3xf64", "4x5xf64"],
        lambda b, x, y: product_as_it_is(b, transpose(b, x, (1, 0)), y, (), (), (1,), (0,)),
        DotGeneralOp,
    ),
    "product of a transpose that swaps free dimensions": (
        ["2x4x3xf64", "4x5xf64"],
        lambda b, x, y: product_as_it_is(b, transpose(b, x, (2, 0, 1)), y, (), (), (2,), (0,)),
        None,
    ),
    "product of transposed batches": (
        ["2x4x3xf64", "2x3x5xf64"],
        lambda b, x, y: product_as_it_is(
            b, transpose(b, x, (1, 0, 2)), transpose(b, y, (2, 1, 0)), (1,), (2,), (2,), (1,)
        ),
        DotGeneralOp,
    ),
    "maximum of maxima": (["2x4x3xf64"], lambda b, x: reduce_max(b, reduce_max(b, x, (1,)), (1,)), ReduceMaxOp),
    "maximum over units": (["4x1xf64"], lambda b, x: reduce_max(b, x, (1,)), ReshapeOp),
}


@pytest.mark.parametrize("name", REWRITES)
def test_simplify(name):
    texts, build, expected = REWRITES[name]
    block = Block(arg_types=[tensor(text) for text in texts])
    b = OpBuilder(block)
    original = build(b, *block.args)
    op = original.owner
    simpler = op.simplify(b, op.operands)
    if expected is None or simpler is None:
        assert simpler is expected
        return
    if expected is ARGUMENT:
        assert simpler in block.args
    else:
        assert type(simpler.owner) is expected
        assert all(operand in block.args for operand in simpler.owner.operands)
    assert simpler.type == original.type
    values = [random_array(argument.type, np.random.default_rng(RNG_SEED)) for argument in block.args]
    arrays = dict(zip(block.args, values, strict=True))
    wanted = [value for value in (original, simpler) if value not in arrays]
    arrays.update(zip(wanted, evaluate_block(block, values, wanted), strict=True))
    np.testing.assert_allclose(arrays[simpler], arrays[original], rtol=1e-12)
