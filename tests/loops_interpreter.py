"""A NumPy interpreter of the `loops` level: kernels over a range, and host functions that launch them.

`run_function(module, "f", arrays)` runs `@f` in place on its arguments: C-contiguous arrays for memrefs, integers for `index`.
Every access is checked to lie inside its memref; lanes that a mask excludes are neither read nor written.
"""

import math

import numpy as np
from structured_interpreter import BINARY, CMPF, CMPI, UNARY
from xdsl.dialects import arith, func, memref, scf, vector
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, VectorType

from dialects import rt

DTYPES = {"i1": np.bool_, "i32": np.int32, "i64": np.int64, "f32": np.float32, "f64": np.float64, "index": np.int64}
UNSIGNED = {np.dtype(np.int32): np.uint32, np.dtype(np.int64): np.uint64}
CASTS = {
    "extf", "truncf", "sitofp", "uitofp", "fptosi", "index_cast", "extsi", "extui", "trunci",
}  # fmt: skip
REDUCTIONS = {
    "add": np.add, "mul": np.multiply, "maximumf": np.maximum, "minimumf": np.minimum, "maxsi": np.maximum,
    "minsi": np.minimum, "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
}  # fmt: skip
MORE_CMPF = {
    6: lambda a, b: (a < b) | (a > b),
    7: lambda a, b: ~(np.isnan(a) | np.isnan(b)),
    14: lambda a, b: np.isnan(a) | np.isnan(b),
}
BITS = {"arith.shli": np.left_shift, "arith.shrsi": np.right_shift, "arith.remsi": np.fmod}


def run_function(module, name, arguments):
    """Run `@name`; return what it returns, a list."""
    functions = {op.sym_name.data: op for op in module.ops if isinstance(op, func.FuncOp)}
    globals_ = {op.sym_name.data: op for op in module.ops if isinstance(op, memref.GlobalOp)}
    with np.errstate(all="ignore"):
        return Interpreter(functions, globals_).call(name, arguments)


def dtype(element):
    return np.dtype(DTYPES[str(getattr(element, "element_type", element))])


class Interpreter:
    def __init__(self, functions, globals_):
        self.functions = functions
        self.globals = globals_

    def call(self, name, arguments):
        block = self.functions[name].body.block
        values = {}
        for argument, value in zip(block.args, arguments, strict=True):
            if isinstance(value, np.ndarray):
                assert value.flags.c_contiguous, "loops_interpreter: arrays must be C-contiguous"
                assert value.shape == argument.type.get_shape(), f"{value.shape} is not {argument.type}"
            values[argument] = value
        return self.block(block, values)

    def block(self, block, values):
        for op in block.ops:
            if isinstance(op, func.ReturnOp | scf.YieldOp):
                return [values[v] for v in op.operands]
            results = self.op(op, [values[v] for v in op.operands], values)
            values.update(zip(op.results, results, strict=True))
        return []

    def op(self, op, operand, values):
        match op:
            case arith.ConstantOp():
                return [constant(op)]
            case scf.ForOp():
                block, carried = op.body.block, operand[3:]
                for i in range(int(operand[0]), int(operand[1]), int(operand[2])):
                    arguments = dict(zip(block.args, [np.int64(i), *carried], strict=True))
                    carried = self.block(block, {**values, **arguments})
                return carried
            case scf.IfOp():
                region = op.true_region if operand[0] else op.false_region
                return self.block(region.block, dict(values)) if region.blocks else []
            case rt.LaunchOp():
                self.call(op.kernel.string_value(), [0, math.prod(op.over.get_values()), *operand])
                return []
            case rt.GemmOp():
                lhs = np.swapaxes(operand[0], -1, -2) if op.trans_lhs is not None else operand[0]
                rhs = np.swapaxes(operand[1], -1, -2) if op.trans_rhs is not None else operand[1]
                operand[2][...] = np.matmul(lhs, rhs)
                return []
            case memref.GetGlobalOp():
                constant_array = self.globals[op.name_.string_value()]
                return [dense(constant_array.initial_value, op.results[0].type)]
        name = op.name.partition(".")[0]
        return {"memref": on_memory, "vector": on_vectors}.get(name, on_numbers)(op, operand)


def constant(op):
    result_type = op.results[0].type
    if isinstance(op.value, DenseIntOrFPElementsAttr):
        return dense(op.value, result_type)
    return dtype(result_type).type(op.value.value.data)


def dense(attribute, shaped_type):
    data = np.array(attribute.get_values(), dtype(shaped_type))
    shape = shaped_type.get_shape()
    return np.array(np.broadcast_to(data, shape) if data.size == 1 else data.reshape(shape))


def offset(array, indices):
    strides = [math.prod(array.shape[i + 1 :]) for i in range(array.ndim)]
    return sum(int(i) * stride for i, stride in zip(indices, strides, strict=True))


def elements(array, indices, lanes=1, mask=None):
    """The flat array and the positions that an access touches."""
    positions = offset(array, indices) + np.arange(lanes)
    positions = positions if mask is None else positions[mask]
    assert np.all((positions >= 0) & (positions < array.size)), f"an access at {positions} of {array.size} elements"
    return array.reshape(-1), positions


def on_memory(op, operand):
    match op:
        case memref.LoadOp():
            flat, positions = elements(operand[0], operand[1:])
            return [flat[positions[0]]]
        case memref.StoreOp():
            flat, positions = elements(operand[1], operand[2:])
            flat[positions] = operand[0]
            return []
        case memref.AllocaOp() | memref.AllocOp():
            result_type = op.results[0].type
            element = dtype(result_type)
            return [np.full(result_type.get_shape(), np.nan if element.kind == "f" else 77, element)]
        case memref.ViewOp():
            result_type = op.results[0].type
            size = math.prod(result_type.get_shape()) * dtype(result_type).itemsize
            start = int(operand[1])
            assert start + size <= operand[0].size, "a view leaves the arena"
            return [operand[0][start : start + size].view(dtype(result_type)).reshape(result_type.get_shape())]
        case memref.CollapseShapeOp() | memref.ExpandShapeOp():
            return [operand[0].reshape(op.results[0].type.get_shape())]
        case memref.CopyOp():
            operand[1][...] = operand[0]
            return []
    raise NotImplementedError(f"loops_interpreter: {op.name}")


def on_vectors(op, operand):
    match op:
        case vector.LoadOp():
            flat, positions = elements(operand[0], operand[1:], op.result.type.get_shape()[0])
            return [flat[positions]]
        case vector.StoreOp():
            flat, positions = elements(operand[1], operand[2:], operand[0].size)
            flat[positions] = operand[0]
            return []
        case vector.MaskedLoadOp():
            *indices, mask, result = operand[1:]
            flat, positions = elements(operand[0], indices, mask.size, mask)
            result = result.copy()
            result[mask] = flat[positions]
            return [result]
        case vector.MaskedStoreOp():
            *indices, mask, value = operand[1:]
            flat, positions = elements(operand[0], indices, mask.size, mask)
            flat[positions] = value[mask]
            return []
        case vector.BroadcastOp():
            result_type = op.vector.type
            return [np.full(result_type.get_shape(), operand[0], dtype(result_type))]
        case vector.CreateMaskOp():
            return [np.arange(op.mask_vector.type.get_shape()[0]) < operand[0]]
        case vector.ExtractOp():
            return [operand[0][op.static_position.get_values()[0]]]
        case vector.InsertOp():
            result = operand[1].copy()
            result[op.static_position.get_values()[0]] = operand[0]
            return [result]
        case vector.ReductionOp():
            return [REDUCTIONS[str(op.kind.data)].reduce(operand[0], dtype=operand[0].dtype)]
    raise NotImplementedError(f"loops_interpreter: {op.name}")


def on_numbers(op, operand):
    name, result = op.name, op.results[0].type
    short = name.partition(".")[2]
    shape = result.get_shape() if isinstance(result, VectorType) else ()
    for value in operand:
        assert np.shape(value) in {shape, ()}, f"{name}: operands and result differ in lanes"
    if name in BINARY and name != "arith.remui":
        value = BINARY[name](operand[0], operand[1])
    elif name in UNARY:
        value = UNARY[name](operand[0])
    elif name in BITS:
        value = BITS[name](operand[0], operand[1])
    elif short in {"divui", "remui", "shrui"}:
        unsigned = [np.asarray(v).view(UNSIGNED[np.asarray(v).dtype]) for v in operand]
        operation = {"divui": np.floor_divide, "remui": np.remainder, "shrui": np.right_shift}[short]
        value = operation(*unsigned).astype(dtype(result))
    elif name == "arith.divsi":
        quotient = np.abs(operand[0]) // np.abs(operand[1])
        value = np.where((operand[0] < 0) != (operand[1] < 0), -quotient, quotient)
    elif name == "arith.cmpf":
        predicate = op.predicate.value.data
        value = {**CMPF, **MORE_CMPF}[predicate](operand[0], operand[1])
    elif name == "arith.cmpi":
        predicate = op.predicate.value.data
        if predicate >= 6 and operand[0].dtype != np.bool_:
            operand = [np.asarray(v).view(UNSIGNED[np.asarray(v).dtype]) for v in operand]
        value = CMPI[predicate - 4 if predicate >= 6 else predicate](operand[0], operand[1])
    elif name == "arith.select":
        value = np.where(operand[0], operand[1], operand[2])
    elif name == "math.fma":
        value = operand[0] * operand[1] + operand[2]
    elif name == "arith.bitcast":
        value = np.asarray(operand[0]).view(dtype(result))
    elif short in CASTS:
        source = np.asarray(operand[0])
        value = -source.astype(dtype(result)) if short == "extsi" and source.dtype == np.bool_ else source
        value = (source & 1).astype(bool) if short == "trunci" and dtype(result) == np.bool_ else value
    else:
        raise NotImplementedError(f"loops_interpreter: {name}")
    value = np.asarray(value).astype(dtype(result), copy=False)
    return [value if shape else value[()]]
