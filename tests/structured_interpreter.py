"""A NumPy interpreter of structured operations on tensors, `rt.kernel` and `rt.gemm`: the oracle of the fusion tests.

`run(module, "f", [x, y])` returns the results of `@f` as a list of arrays. Bodies are evaluated on whole arrays over the
parallel loops, point by point over the reductions.
"""

import itertools
import math

import numpy as np
from xdsl.dialects import arith, func, scf, tensor
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, IndexType, IntegerType, TensorType
from xdsl.dialects.linalg.ops import FillOp, GenericOp, IndexOp, YieldOp
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr

from dialects import rt

DTYPES = {"i1": np.bool_, "i32": np.int32, "i64": np.int64, "f32": np.float32, "f64": np.float64, "index": np.int64}


def run(module, name, args):
    for op in module.ops:
        if isinstance(op, func.FuncOp) and op.sym_name.data == name:
            values = dict(zip(op.body.block.args, [np.asarray(a) for a in args], strict=True))
            with np.errstate(all="ignore"):
                return run_block(op.body.block, values)
    raise KeyError(name)


def run_block(block, values):
    for op in block.ops:
        if isinstance(op, func.ReturnOp | rt.YieldOp | scf.YieldOp):
            return [values[v] for v in op.operands]
        results = run_op(op, values)
        for result, value in zip(op.results, results, strict=True):
            if isinstance(result.type, TensorType):
                assert np.shape(value) == result.type.get_shape(), f"{op.name}: {np.shape(value)} is not {result.type}"
                assert value.dtype == dtype(result.type.element_type), f"{op.name}: {value.dtype} is not {result.type}"
            values[result] = value
    raise AssertionError("a block without terminator")


def dtype(element):
    return np.dtype(DTYPES[str(element)])


def run_op(op, values):
    operand = [values.get(v) for v in op.operands]
    if isinstance(op, arith.ConstantOp):
        return [constant(op)]
    if isinstance(op, tensor.EmptyOp):
        t = op.results[0].type
        element = dtype(t.element_type)
        return [np.full(t.get_shape(), np.nan if element.kind == "f" else 77, element)]
    if isinstance(op, FillOp):
        return [np.full_like(operand[1], operand[0])]
    if isinstance(op, tensor.CollapseShapeOp | tensor.ExpandShapeOp):
        return [operand[0].reshape(op.results[0].type.get_shape())]
    if isinstance(op, rt.GemmOp):
        lhs, rhs = operand[:2]
        lhs = np.swapaxes(lhs, -1, -2) if op.trans_lhs is not None else lhs
        rhs = np.swapaxes(rhs, -1, -2) if op.trans_rhs is not None else rhs
        return [np.matmul(lhs, rhs)]
    if isinstance(op, rt.KernelOp):
        check_kernel(op)
        return run_block(op.body.block, dict(zip(op.body.block.args, operand, strict=True)))
    if isinstance(op, GenericOp):
        return run_generic(op, values)
    if isinstance(op, scf.ForOp):
        carried = operand[3:]
        for i in range(int(operand[0]), int(operand[1]), int(operand[2])):
            block = op.body.block
            carried = run_block(block, {**values, **dict(zip(block.args, [np.int64(i), *carried], strict=True))})
        return carried
    if isinstance(op, scf.IfOp):
        region = op.true_region if operand[0] else op.false_region
        return run_block(region.block, dict(values))
    if isinstance(op, tensor.ExtractOp):
        return [extract(operand[0], operand[1:])]
    if isinstance(op, tensor.InsertOp):
        copy = operand[1].copy()
        copy[tuple(int(i) for i in operand[2:])] = operand[0]
        return [copy]
    return [scalar(op, operand)]


def constant(op):
    t = op.results[0].type
    if isinstance(t, TensorType):
        element = dtype(t.element_type)
        assert isinstance(op.value, DenseIntOrFPElementsAttr)
        data = np.array(op.value.get_values(), element)
        return (
            np.broadcast_to(data[0], t.get_shape())
            if data.size == 1 and math.prod(t.get_shape())
            else data.reshape(t.get_shape())
        )
    return dtype(t).type(op.value.value.data)


def extract(array, indices):
    for index, size in zip(indices, array.shape, strict=True):
        assert np.all((np.asarray(index) >= 0) & (np.asarray(index) < size)), "tensor.extract out of bounds"
    return array[tuple(np.asarray(i) for i in indices)]


def evaluate(expression, grid):
    if isinstance(expression, AffineDimExpr):
        return grid[expression.position]
    if isinstance(expression, AffineConstantExpr):
        return np.int64(expression.value)
    lhs, rhs = evaluate(expression.lhs, grid), evaluate(expression.rhs, grid)
    return lhs + rhs if expression.kind.name == "Add" else lhs * rhs


def extents(op):
    """Every pure index of a reduction must agree with its extent; parallel extents are the outputs'."""
    maps = [m.data.results for m in op.indexing_maps.data]
    kinds = [k.data.value for k in op.iterator_types.data]
    parallel = kinds.count("parallel")
    assert kinds == ["parallel"] * parallel + ["reduction"] * (len(kinds) - parallel)
    sizes = [None] * len(kinds)
    for value, access in zip(op.outputs, maps[len(op.inputs) :], strict=True):
        assert [e.position for e in access] == list(range(parallel)), "an output map is not the identity"
        sizes[:parallel] = value.type.get_shape()
    for value, access in zip(op.inputs, maps, strict=False):
        for expression, size in zip(access, value.type.get_shape(), strict=True):
            if isinstance(expression, AffineDimExpr) and expression.position >= parallel:
                assert sizes[expression.position] in (None, size), "inputs disagree on the extent of a reduction"
                sizes[expression.position] = size
    assert None not in sizes, "no input tells the extent of a reduction"
    return tuple(sizes), parallel, maps


def run_generic(op, values):
    sizes, parallel, maps = extents(op)
    inner = list(np.indices(sizes[:parallel], sparse=True)) if parallel else []
    shape = sizes[:parallel]
    block = op.body.block
    arrays = [values[v] for v in op.inputs]
    accumulators = [values[v].copy() for v in op.outputs]
    if math.prod(shape) == 0:
        return accumulators
    for point in itertools.product(*[range(s) for s in sizes[parallel:]]):
        grid = [*inner, *(np.int64(p) for p in point)]
        local = dict(values)
        for array, access, argument in zip(arrays, maps, block.args, strict=False):
            local[argument] = extract(array, [evaluate(e, grid) for e in access])
        local.update(zip(block.args[len(arrays) :], accumulators, strict=True))
        accumulators = run_body(block, local, grid, shape, accumulators)
    return accumulators


def run_body(block, local, grid, shape, accumulators):
    for op in block.ops:
        if isinstance(op, YieldOp):
            yielded = [local[v] for v in op.operands]
            return [
                np.broadcast_to(v, shape).astype(a.dtype, copy=True) for v, a in zip(yielded, accumulators, strict=True)
            ]
        if isinstance(op, IndexOp):
            local[op.result] = np.asarray(grid[op.dim.value.data])
        else:
            (local[op.results[0]],) = run_op(op, local)
    raise AssertionError("a body without yield")


CMPF = {1: np.equal, 2: np.greater, 3: np.greater_equal, 4: np.less, 5: np.less_equal, 13: np.not_equal}
CMPI = [np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal]
BINARY = {
    "arith.addf": np.add, "arith.addi": np.add, "arith.subf": np.subtract, "arith.subi": np.subtract,
    "arith.mulf": np.multiply, "arith.muli": np.multiply, "arith.divf": np.divide,
    "arith.maximumf": np.maximum, "arith.minimumf": np.minimum, "arith.maxsi": np.maximum, "arith.minsi": np.minimum,
    "arith.andi": np.bitwise_and, "arith.ori": np.bitwise_or, "arith.xori": np.bitwise_xor,
    "arith.remui": np.remainder, "math.powf": np.power, "arith.remf": np.fmod, "math.copysign": np.copysign,
}  # fmt: skip
UNARY = {
    "arith.negf": np.negative, "math.exp": np.exp, "math.log": np.log, "math.sqrt": np.sqrt, "math.tanh": np.tanh,
    "math.rsqrt": lambda x: (1 / np.sqrt(x)).astype(x.dtype), "math.absf": np.abs, "math.sin": np.sin,
    "math.cos": np.cos, "math.expm1": np.expm1, "math.log1p": np.log1p, "math.floor": np.floor, "math.ceil": np.ceil,
    "math.roundeven": np.rint, "math.absi": np.abs, "math.erf": np.vectorize(math.erf, otypes=[np.float64]),
}  # fmt: skip
CASTS = {
    "arith.extf",
    "arith.truncf",
    "arith.sitofp",
    "arith.fptosi",
    "arith.index_cast",
    "arith.extsi",
    "arith.trunci",
}


def scalar(op, operand):
    name = op.name
    result = op.results[0].type
    if name in BINARY:
        return BINARY[name](operand[0], operand[1])
    if name in UNARY:
        return np.asarray(UNARY[name](operand[0]), dtype(result))
    if name == "arith.remsi":
        return np.fmod(operand[0], operand[1])
    if name == "arith.divsi":
        return np.asarray(np.trunc(operand[0] / operand[1]), dtype(result))
    if name == "arith.cmpf":
        return CMPF[op.predicate.value.data](operand[0], operand[1])
    if name == "arith.cmpi" and op.predicate.value.data >= 6:
        assert operand[0].dtype == np.bool_, "only i1 compares unsigned"
        return CMPI[op.predicate.value.data - 4](operand[0], operand[1])
    if name == "arith.cmpi":
        return CMPI[op.predicate.value.data](operand[0], operand[1])
    if name == "arith.select":
        return np.where(operand[0], operand[1], operand[2])
    if name == "math.fma":
        return operand[0] * operand[1] + operand[2]
    if name in CASTS or name in {"arith.extui", "arith.uitofp"}:
        if name == "arith.extsi" and operand[0].dtype == np.bool_:
            return -operand[0].astype(dtype(result))
        assert isinstance(result, IndexType | IntegerType) or "fp" in name or name[-1] == "f"
        return np.asarray(operand[0]).astype(dtype(result))
    raise NotImplementedError(f"structured_interpreter: {name}")


def check_kernel(kernel):
    """The invariants of `rt.kernel`."""
    tile = tuple(kernel.tile.get_values())
    computed = set()
    for op in kernel.body.block.ops:
        for value in op.operands:
            owner = value.owner
            assert value in kernel.body.block.args or owner.parent is kernel.body.block, "reads from outside"
        if isinstance(op, GenericOp):
            sizes, parallel, maps = extents(op)
            assert parallel >= len(tile), "fewer parallel loops than the tile has"
            assert sizes[: len(tile)] == tile, f"the loops {sizes} do not start with the tile {tile}"
            for value, access in zip(op.operands, maps, strict=True):
                if value in computed:
                    assert [getattr(e, "position", None) for e in access[: len(tile)]] == list(range(len(tile))), (
                        "a value of the kernel is read across tile points"
                    )
            for inner in op.body.block.ops:
                if isinstance(inner, tensor.ExtractOp):
                    assert inner.operands[0] in kernel.body.block.args, "tensor.extract of a value of the kernel"
            computed.update(op.results)
        else:
            assert isinstance(op, arith.ConstantOp | tensor.EmptyOp | FillOp | scf.ForOp | rt.YieldOp), op.name
            if isinstance(op, scf.ForOp):
                assert tile == ()
