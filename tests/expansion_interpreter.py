"""Expansions of `expand-math`, evaluated on arrays with NumPy: every value of the scalar IR is an array of all points.

NumPy's arithmetic is IEEE 754 with one rounding per operation, as is that of the machine code. Only the fused
multiply-add is missing in NumPy; it is compiled here.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from xdsl.context import Context
from xdsl.dialects import arith, math, scf
from xdsl.dialects.builtin import ModuleOp, f32, f64
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue

from passes.loops.expand_math import ExpandMathPass

Array = np.ndarray[Any, Any]

FUNCTIONS: dict[str, type[Operation]] = {
    "exp": math.ExpOp,
    "exp2": math.Exp2Op,
    "expm1": math.ExpM1Op,
    "log": math.LogOp,
    "log1p": math.Log1pOp,
    "log2": math.Log2Op,
    "tanh": math.TanhOp,
    "sin": math.SinOp,
    "cos": math.CosOp,
    "erf": math.ErfOp,
    "pow": math.PowFOp,
    "rsqrt": math.RsqrtOp,
}
ELEMENT_TYPES = {np.dtype(np.float32): f32, np.dtype(np.float64): f64}

_FMA = """
define void @fma_{type}(ptr noalias %a, ptr noalias %b, ptr noalias %c, ptr noalias %out, i64 %n) {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %pa = getelementptr {type}, ptr %a, i64 %i
  %pb = getelementptr {type}, ptr %b, i64 %i
  %pc = getelementptr {type}, ptr %c, i64 %i
  %po = getelementptr {type}, ptr %out, i64 %i
  %x = load {type}, ptr %pa
  %y = load {type}, ptr %pb
  %z = load {type}, ptr %pc
  %r = call {type} @llvm.fma.{suffix}({type} %x, {type} %y, {type} %z)
  store {type} %r, ptr %po
  %next = add i64 %i, 1
  %done = icmp uge i64 %next, %n
  br i1 %done, label %exit, label %loop
exit:
  ret void
}}
declare {type} @llvm.fma.{suffix}({type}, {type}, {type})
"""


@cache
def _fma_functions() -> tuple[Any, dict[np.dtype[Any], Callable[..., None]]]:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=2
    )
    source = "".join(_FMA.format(type=t, suffix=s) for t, s in (("float", "f32"), ("double", "f64")))
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(source), machine)
    engine.finalize_object()
    prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4, ctypes.c_int64)
    addresses = {np.dtype(np.float32): "fma_float", np.dtype(np.float64): "fma_double"}
    return engine, {d: prototype(engine.get_function_address(name)) for d, name in addresses.items()}


def fma(a: Array, b: Array, c: Array) -> Array:
    """`a · b + c`, rounded once."""
    dtype = np.result_type(a, b, c)
    a, b, c = (np.ascontiguousarray(v) for v in np.broadcast_arrays(a, b, c))
    out = np.empty_like(a)
    _fma_functions()[1][dtype](a.ctypes.data, b.ctypes.data, c.ctypes.data, out.ctypes.data, a.size)
    return out


def _signed(array: Array) -> Array:
    return array.view(array.dtype.str.replace("u", "i"))


_COMPARISONS: dict[int, Callable[[Array, Array], Array]] = {
    1: lambda a, b: a == b,
    2: lambda a, b: a > b,
    3: lambda a, b: a >= b,
    4: lambda a, b: a < b,
    5: lambda a, b: a <= b,
    11: lambda a, b: ~(a >= b),
    13: lambda a, b: ~(a == b),
}
_INT_COMPARISONS: dict[int, Callable[[Array, Array], Array]] = {
    0: lambda a, b: a == b,
    1: lambda a, b: a != b,
    6: lambda a, b: a < b,
}
_OPERATIONS: dict[type[Operation], Callable[..., Array]] = {
    arith.AddfOp: lambda a, b: a + b,
    arith.SubfOp: lambda a, b: a - b,
    arith.MulfOp: lambda a, b: a * b,
    arith.DivfOp: lambda a, b: a / b,
    arith.NegfOp: lambda a: -a,
    math.FmaOp: fma,
    math.AbsFOp: np.abs,
    math.SqrtOp: np.sqrt,
    math.FloorOp: np.floor,
    math.RoundEvenOp: np.rint,
    math.CopySignOp: np.copysign,
    arith.AddiOp: lambda a, b: a + b,
    arith.SubiOp: lambda a, b: a - b,
    arith.MuliOp: lambda a, b: a * b,
    arith.AndIOp: lambda a, b: a & b,
    arith.OrIOp: lambda a, b: a | b,
    arith.XOrIOp: lambda a, b: a ^ b,
    arith.ShLIOp: lambda a, b: a << b,
    arith.ShRUIOp: lambda a, b: a >> b,
    arith.SelectOp: np.where,
}
_CASTS: dict[type[Operation], Callable[[Array], Array]] = {
    arith.ExtFOp: lambda a: a.astype(np.float64),
    arith.TruncFOp: lambda a: a.astype(np.float32),
    arith.TruncIOp: lambda a: a.astype(np.uint32),
    arith.SIToFPOp: lambda a: _signed(a).astype(np.float64),
}


def build_module(name: str, element_type: Any, num_operands: int = 1) -> ModuleOp:
    """A function of `num_operands` arguments that returns `math.name` of them."""
    block = Block(arg_types=[element_type] * num_operands)
    op = FUNCTIONS[name].create(operands=list(block.args), result_types=[element_type])
    block.add_ops([op, ReturnOp(op.results[0])])
    function = FuncOp("f", ([element_type] * num_operands, [element_type]), Region(block))
    return ModuleOp([function])


@cache
def expanded(name: str, element_type: Any) -> ModuleOp:
    """`build_module` after the pass."""
    module = build_module(name, element_type, 2 if name == "pow" else 1)
    ExpandMathPass().apply(Context(), module)
    return module


def evaluate_expansion(name: str, *operands: Array) -> Array:
    """The result of the expansion of `math.name` at arrays of f32 or f64."""
    module = expanded(name, ELEMENT_TYPES[operands[0].dtype])
    function = module.body.block.first_op
    assert isinstance(function, FuncOp)
    values: dict[SSAValue, Array] = dict(zip(function.body.block.args, operands, strict=True))
    with np.errstate(all="ignore"):
        (result,) = _evaluate_block(function.body.block, values)
    return np.broadcast_to(result, operands[0].shape)


def _evaluate_block(block: Block, values: dict[SSAValue, Array]) -> list[Array]:
    for op in block.ops:
        operands = [values[o] for o in op.operands]
        if isinstance(op, ReturnOp | scf.YieldOp):
            return operands
        if isinstance(op, scf.IfOp):
            # Both branches, each for all points: they have no effects.
            then = _evaluate_block(op.true_region.block, values)
            otherwise = _evaluate_block(op.false_region.block, values)
            for result, a, b in zip(op.results, then, otherwise, strict=True):
                values[result] = np.where(operands[0], a, b)
            continue
        values[op.results[0]] = _evaluate(op, operands)
    raise AssertionError("the block has no terminator")


def _evaluate(op: Operation, operands: list[Array]) -> Array:
    if isinstance(op, arith.ConstantOp):
        dtype = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64, "i1": np.bool_}
        array = np.array(op.value.value.data, dtype[str(op.result.type)])
        return array if array.dtype.kind in "fb" else array.view(array.dtype.str.replace("i", "u"))
    if isinstance(op, arith.CmpfOp):
        return _COMPARISONS[op.predicate.value.data](*operands)
    if isinstance(op, arith.CmpiOp):
        return _INT_COMPARISONS[op.predicate.value.data](*operands)
    if isinstance(op, arith.BitcastOp):
        targets = {"f32": np.float32, "f64": np.float64, "i32": np.uint32, "i64": np.uint64}
        return operands[0].view(targets[str(op.result.type)])
    if type(op) in _CASTS:
        return _CASTS[type(op)](operands[0])
    return _OPERATIONS[type(op)](*operands)
