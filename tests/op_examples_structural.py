"""Examples of shape, slicing, indexing, reduction and contraction ops."""

from op_example import OpExample, tensor
from xdsl.dialects.builtin import IntegerAttr, StringAttr, i64

from dialects.builder import int_array
from dialects.dlc.arg_extrema import ArgmaxOp, ArgminOp
from dialects.dlc.checkpoint import OptimizationBarrierOp
from dialects.dlc.contraction import Dimensions, DotGeneralOp
from dialects.dlc.dynamic_slicing import DynamicSliceOp, DynamicUpdateSliceOp
from dialects.dlc.indexing import GatherOp, ScatterOp
from dialects.dlc.reduction import ReduceAndOp, ReduceMaxOp, ReduceMinOp, ReduceOrOp, ReduceProdOp, ReduceXorOp
from dialects.dlc.shape import ReshapeOp, ReverseOp, TransposeOp
from dialects.dlc.slicing import ConcatenateOp, PadOp, SliceOp
from dialects.dlc.updating import UpdateSliceOp

RESHAPES = (
    ("2x3x4xf64", (6, 4)),
    ("6x4xf64", (2, 3, 4)),
    ("6x4xbf16", (2, 3, 4)),
    ("6xcomplex<f32>", (2, 3)),
    ("2x6xf64", (3, 4)),
    ("1x4x1xf32", (4,)),
    ("4xf64", (1, 4, 1)),
    ("1x4xf64", (4, 1)),
    ("f64", (1, 1)),
    ("1x1x1xf64", ()),
    ("f32", ()),
    ("0x3xf32", (5, 0)),
    ("0xf64", (2, 0, 3)),
    ("3x5xi1", (15,)),
    ("4xi64", (2, 2)),
    ("3x5xi32", (3, 5)),
)

TRANSPOSES = (
    ("3x5xf64", (1, 0)),
    ("2x3x4xf32", (2, 0, 1)),
    ("3x5xf16", (1, 0)),
    ("3x5xui8", (1, 0)),
    ("3x5xcomplex<f64>", (1, 0)),
    ("2x3x4xf64", (0, 2, 1)),
    ("f64", ()),
    ("7xi32", (0,)),
    ("0x3xf64", (1, 0)),
    ("1x3xi1", (1, 0)),
)

REVERSES = (
    ("7xf64", (0,)),
    ("3x5xf32", (1,)),
    ("3x5xf64", (0, 1)),
    ("3x5xi32", ()),
    ("0x3xf64", (0, 1)),
    ("1xi1", (0,)),
    ("f64", ()),
)

SLICES = (
    ("9xf64", (2,), (9,), (3,)),
    ("9xf32", (1,), (2,), (20,)),
    ("9xbf16", (2,), (9,), (3,)),
    ("3x5xf64", (1, 0), (3, 5), (1, 2)),
    ("3x5xi64", (0, 0), (3, 5), (1, 1)),
    ("3x5xf64", (3, 2), (3, 4), (1, 1)),
    ("f64", (), (), ()),
    ("0x3xf64", (0, 1), (0, 3), (2, 1)),
    ("17xi1", (0,), (17,), (4,)),
)

PADS = (
    ("4xf64", (2,), (1,), (0,)),
    ("4xf64", (0,), (0,), (2,)),
    ("4xf64", (1,), (2,), (1,)),
    ("5xf64", (-1,), (-2,), (0,)),
    ("5xf64", (-3,), (4,), (2,)),
    ("5xf32", (3,), (-3,), (1,)),
    ("5xf16", (3,), (-3,), (1,)),
    ("5xcomplex<f32>", (1,), (2,), (1,)),
    ("3x5xf64", (1, 0), (0, -1), (0, 1)),
    ("3x5xf64", (0, 0), (0, 0), (0, 0)),
    ("0x3xf64", (2, 0), (1, 0), (3, 0)),
    ("3xf64", (-3,), (0,), (0,)),
    ("3xf64", (-5,), (7,), (0,)),
    ("3xf64", (7,), (-5,), (0,)),
    ("1xf64", (-1,), (3,), (2,)),
    ("f64", (), (), ()),
    ("4xi1", (1,), (1,), (0,)),
    ("4xi32", (1,), (0,), (1,)),
)

CONCATENATIONS = (
    (("3xf64", "4xf64"), 0),
    (("2x3xf64", "2x1xf64", "2x4xf64"), 1),
    (("2x3xf32", "0x3xf32", "1x3xf32"), 0),
    (("2x3xbf16", "1x3xbf16"), 0),
    (("0xf64", "0xf64"), 0),
    (("0xf64", "2xf64"), 0),
    (("5xf64",), 0),
    (("2x0xf64", "3x0xf64"), 0),
    (("2xi1", "3xi1"), 0),
    (("1xi32", "1xi32", "1xi32"), 0),
)

DYNAMIC_SLICES = (
    ("9xf64", ("i64",), (4,)),
    ("3x5xf64", ("i32", "i64"), (2, 5)),
    ("3x5xf16", ("ui8", "i64"), (2, 5)),
    ("4x5x6xf32", ("i64", "i64", "i64"), (2, 5, 3)),
    ("3x5xf64", ("i64", "i64"), (3, 5)),
    ("3x5xf64", ("i64", "i64"), (0, 2)),
    ("0x5xf64", ("i64", "i64"), (0, 2)),
    ("f64", (), ()),
    ("9xi1", ("i32",), (1,)),
)

GATHERS = (
    ("7x3xf64", "5x1xi64", (0,), 0, "clamp"),
    ("7x3xf32", "1xi32", (0,), 0, "clamp"),
    ("7x3xf16", "5x1xi8", (0,), 0, "clamp"),
    ("7x3xcomplex<f64>", "5x1xi64", (0,), 0, "drop"),
    ("7x3xui16", "5x1xui64", (0,), 0, "drop"),
    ("4x5x6xf64", "2x3x2xi64", (0, 2), 0, "clamp"),
    ("4x5x6xf64", "3x2xi64", (2, 0), 0, "drop"),
    ("3x5xf64", "2x2xi64", (0, 1), 0, "drop"),
    ("2x7x3xf64", "2x4x1xi64", (1,), 1, "clamp"),
    ("2x7x3xf64", "2x4x1xi64", (2,), 1, "drop"),
    ("2x3x5x4xf64", "2x3x1xi64", (3,), 2, "clamp"),
    ("3x5xf64", "4x0xi64", (), 0, "clamp"),
    ("0x3xf64", "0x1xi64", (0,), 0, "clamp"),
    ("0x3xf64", "2x1xi64", (0,), 0, "drop"),
    ("7xf64", "0x1xi64", (0,), 0, "clamp"),
    ("17xi1", "5x1xi32", (0,), 0, "clamp"),
    ("7xi64", "2x2x1xi64", (0,), 0, "clamp"),
)

SCATTERS = (
    ("7x3xf64", "5x1xi64", (0,), 0, "drop", "add"),
    ("7x3xf64", "5x1xi64", (0,), 0, "drop", "set"),
    ("7x3xf32", "1xi32", (0,), 0, "clamp", "add"),
    ("4x1xf64", "4x1x1xi64", (1,), 1, "drop", "add"),
    ("7x3xbf16", "5x1xui8", (0,), 0, "drop", "add"),
    ("7x3xui8", "5x1xi16", (0,), 0, "clamp", "add"),
    ("7x3xcomplex<f64>", "5x1xi64", (0,), 0, "drop", "add"),
    ("7xcomplex<f32>", "5x1xi64", (0,), 0, "drop", "set"),
    ("4x5x6xf64", "2x3x2xi64", (0, 2), 0, "clamp", "add"),
    ("4x5x6xf64", "3x2xi64", (2, 0), 0, "clamp", "set"),
    ("3x5xf64", "2x2xi64", (0, 1), 0, "drop", "set"),
    ("3x5xf64", "2xi64", (0, 1), 0, "drop", "add"),
    ("2x7x3xf64", "2x4x1xi64", (1,), 1, "drop", "add"),
    ("2x7x3xf64", "2x4x1xi64", (2,), 1, "drop", "set"),
    ("3x5xf64", "4x0xi64", (), 0, "clamp", "add"),
    ("3x5xf64", "4x0xi64", (), 0, "drop", "set"),
    ("0x3xf64", "2x1xi64", (0,), 0, "drop", "add"),
    ("7xf64", "0x1xi64", (0,), 0, "clamp", "set"),
    ("17xi1", "5x1xi32", (0,), 0, "clamp", "set"),
    ("7xi64", "2x2x1xi64", (0,), 0, "drop", "add"),
    ("7x3xf64", "5x1xi64", (0,), 0, "drop", "mul"),
    ("3x5xf64", "6x2xi64", (0, 1), 0, "clamp", "mul"),
    ("7x3xf64", "5x1xi64", (0,), 0, "drop", "min"),
    ("2x7x3xf64", "2x4x1xi64", (1,), 1, "clamp", "max"),
    ("7xi32", "9x1xi64", (0,), 0, "drop", "mul"),
    ("7xi64", "9x1xi32", (0,), 0, "drop", "min"),
    ("4x35xf32", "6x1xi64", (0,), 0, "drop", "max"),
    ("5x33xi1", "3x1xi64", (0,), 0, "drop", "set"),
    ("4x5x17xf32", "3x1xi64", (0,), 0, "drop", "add"),
)

UPDATES = (
    ("9xf64", "3xf64", (2,), (3,)),
    ("9xf32", "8xf32", (1,), (1,)),
    ("3x5xf64", "2x2xf64", (1, 0), (1, 2)),
    ("6x7xf64", "4x5xf64", (1, 1), (1, 1)),
    ("33x20xf32", "16x18xf32", (1, 1), (2, 1)),
    ("3x5xi64", "1x5xi64", (2, 0), (1, 1)),
    ("3x5xf64", "0x2xf64", (3, 2), (1, 1)),
    ("f64", "f64", (), ()),
    ("0x3xf64", "0x2xf64", (0, 1), (2, 1)),
    ("17xi1", "4xi1", (0,), (4,)),
    ("5xcomplex<f64>", "2xcomplex<f64>", (1,), (2,)),
    ("2x1x9xi32", "2x1x9xi32", (0, 0, 0), (1, 1, 1)),
)

REDUCTIONS = (
    ("3x5x{}", (1,)),
    ("3x5x{}", (0, 1)),
    ("3x4x2x{}", (0, 2)),
    ("7x{}", (0,)),
    ("3x5x{}", ()),
    ("{}", ()),
    ("1x4x{}", (0,)),
    ("3x1x{}", (1,)),
    ("3x0x{}", (0,)),
)
EMPTY_REDUCTIONS = (("0x3x{}", (0,)), ("2x0x0x{}", (1, 2)))

REDUCE_ELEMENTS = {
    ReduceProdOp: ("f64", "f32", "i32", "i64", "i16", "ui8", "f16", "complex<f64>"),
    ReduceMaxOp: ("f64", "f32", "i32", "i64", "i8", "ui16", "bf16"),
    ReduceMinOp: ("f64", "f32", "i32", "i64", "ui32", "f16"),
    ReduceAndOp: ("i1", "i32", "i64", "ui8"),
    ReduceOrOp: ("i1", "i32", "i64", "i8"),
    ReduceXorOp: ("i1", "i32", "i64", "ui16"),
}

ARG_REDUCTIONS = (
    ("3x5xf64", 1),
    ("3x5xf32", 0),
    ("3x5xf16", 0),
    ("3x5xui8", 1),
    ("3x4x2xf64", 1),
    ("9xi32", 0),
    ("9xi64", 0),
    ("17xi1", 0),
    ("3x5xi1", 0),
    ("1xf64", 0),
    ("3x0xf64", 0),
)

CONTRACTIONS = (
    ("3x5xf64", "5x4xf64", (), (), (1,), (0,)),
    ("3x5xf16", "5x4xf16", (), (), (1,), (0,)),
    ("3x5xbf16", "4x5xbf16", (), (), (1,), (1,)),
    ("3x5xui8", "5x4xui8", (), (), (1,), (0,)),
    ("3x5xcomplex<f64>", "5x4xcomplex<f64>", (), (), (1,), (0,)),
    ("3x5xf64", "4x5xf64", (), (), (1,), (1,)),
    ("5x3xf32", "5x4xf32", (), (), (0,), (0,)),
    ("7xf64", "7xf64", (), (), (0,), (0,)),
    ("3xf64", "4xf64", (), (), (), ()),
    ("f64", "3x2xf64", (), (), (), ()),
    ("2x3x5xf64", "2x5x4xf64", (0,), (0,), (2,), (1,)),
    ("3x2x5xf64", "5x4x2xf64", (1,), (2,), (2,), (0,)),
    ("2x3x4x5xf64", "3x2x5x4x6xf64", (0, 1), (1, 0), (2, 3), (3, 2)),
    ("2x3x4xf64", "4x3x5xf64", (), (), (1, 2), (1, 0)),
    ("2x3x4xf64", "5x4x2xf64", (), (), (2, 0), (1, 2)),
    ("3x0xf64", "0x4xf64", (), (), (1,), (0,)),
    ("0x5xf64", "5x4xf64", (), (), (1,), (0,)),
    ("2x3xf64", "2x3xf64", (0, 1), (0, 1), (), ()),
    ("1x1xf64", "1x1xf64", (), (), (1,), (0,)),
    ("3x5xi32", "5x4xi32", (), (), (1,), (0,)),
    ("3x5xi64", "5xi64", (), (), (1,), (0,)),
    ("3x5xi1", "5x4xi1", (), (), (1,), (0,)),
)


def integer(value: int) -> IntegerAttr:
    return IntegerAttr(value, i64)


def dims_of(dims: tuple[int, ...]) -> dict:
    return {"dims": int_array(dims)}


def slice_properties(starts: tuple[int, ...], limits: tuple[int, ...], strides: tuple[int, ...]) -> dict:
    return {"starts": int_array(starts), "limits": int_array(limits), "strides": int_array(strides)}


def pad_properties(low: tuple[int, ...], high: tuple[int, ...], interior: tuple[int, ...]) -> dict:
    return {"low": int_array(low), "high": int_array(high), "interior": int_array(interior)}


def indexing_properties(dims: tuple[int, ...], batch_dims: int, bounds: str) -> dict:
    return {"dims": int_array(dims), "batch_dims": integer(batch_dims), "bounds": StringAttr(bounds)}


def gather_examples():
    for x, indices, dims, batch_dims, bounds in GATHERS:
        properties = indexing_properties(dims, batch_dims, bounds)
        yield OpExample(GatherOp, (tensor(x), tensor(indices)), properties, (None, (-2, 8)))


def scatter_examples():
    for x, indices, dims, batch_dims, bounds, mode in SCATTERS:
        properties = indexing_properties(dims, batch_dims, bounds)
        windows = GatherOp.infer_type((tensor(x), tensor(indices)), properties)
        types = (tensor(x), tensor(indices), windows)
        yield OpExample(ScatterOp, types, {**properties, "mode": StringAttr(mode)}, (None, (-2, 8), None))


def update_examples():
    for x, update, starts, strides in UPDATES:
        properties = {"starts": int_array(starts), "strides": int_array(strides)}
        yield OpExample(UpdateSliceOp, (tensor(x), tensor(update)), properties)


def dynamic_slice_examples():
    for x, starts, sizes in DYNAMIC_SLICES:
        start_types = tuple(tensor(start) for start in starts)
        bounds = ((-2, 6),) * len(starts)
        yield OpExample(DynamicSliceOp, (tensor(x), *start_types), {"sizes": int_array(sizes)}, (None, *bounds))
        update = DynamicSliceOp.infer_type((tensor(x), *start_types), {"sizes": int_array(sizes)})
        yield OpExample(DynamicUpdateSliceOp, (tensor(x), update, *start_types), {}, (None, None, *bounds))


def reduction_examples():
    for op_type, elements in REDUCE_ELEMENTS.items():
        has_neutral = op_type not in {ReduceMaxOp, ReduceMinOp}
        for element in elements:
            for operand, dims in (*REDUCTIONS, *(EMPTY_REDUCTIONS if has_neutral else ())):
                yield OpExample(op_type, (tensor(operand.format(element)),), dims_of(dims))
    for op_type in (ArgmaxOp, ArgminOp):
        for operand, dim in ARG_REDUCTIONS:
            yield OpExample(op_type, (tensor(operand),), {"dim": integer(dim)})


STRUCTURAL_EXAMPLES = (
    *(OpExample(OptimizationBarrierOp, (tensor(x),)) for x in ("3x5xf32", "f64", "0x2xi32", "3xcomplex<f32>")),
    *(OpExample(ReshapeOp, (tensor(x),), {"sizes": int_array(sizes)}) for x, sizes in RESHAPES),
    *(OpExample(TransposeOp, (tensor(x),), {"permutation": int_array(order)}) for x, order in TRANSPOSES),
    *(OpExample(ReverseOp, (tensor(x),), dims_of(dims)) for x, dims in REVERSES),
    *(OpExample(SliceOp, (tensor(x),), slice_properties(*amounts)) for x, *amounts in SLICES),
    *(OpExample(PadOp, (tensor(x), tensor(x.lstrip("0123456789x"))), pad_properties(*amounts)) for x, *amounts in PADS),
    *(OpExample(ConcatenateOp, tuple(tensor(x) for x in xs), {"dim": integer(dim)}) for xs, dim in CONCATENATIONS),
    *gather_examples(),
    *scatter_examples(),
    *update_examples(),
    *dynamic_slice_examples(),
    *reduction_examples(),
    *(
        OpExample(DotGeneralOp, (tensor(lhs), tensor(rhs)), Dimensions(*dims).properties())
        for lhs, rhs, *dims in CONTRACTIONS
    ),
)
