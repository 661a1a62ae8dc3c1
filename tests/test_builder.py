"""`OpBuilder` makes exactly what xDSL's own constructors make, without their cost."""

import math

import pytest
from op_examples import OP_EXAMPLES
from xdsl.dialects import arith, func, scf, test
from xdsl.dialects import math as math_dialect
from xdsl.dialects.builtin import (
    FileLineColLoc,
    FloatAttr,
    IndexType,
    IntAttr,
    IntegerAttr,
    MemRefType,
    ModuleOp,
    StringAttr,
    TensorType,
    VectorType,
    f32,
    f64,
    i1,
    i32,
    i64,
)
from xdsl.ir import Block, Operation, Region

from dialects import builder
from dialects.builder import OpBuilder

LOCATION = FileLineColLoc(StringAttr("user.py"), IntAttr(7), IntAttr(3))


def assert_same_object(lean: Operation, reference: Operation):
    """Compare every field that xDSL keeps, uses included."""
    assert type(lean) is type(reference)
    # `reference` stands in no block.
    assert vars(lean).keys() - vars(reference).keys() == {"parent", "_prev_op", "_next_op"}
    assert vars(reference).keys() <= vars(lean).keys()
    assert lean.is_structurally_equivalent(reference)
    assert lean.properties == reference.properties
    assert lean.attributes == reference.attributes
    assert lean.location == reference.location
    assert lean.successors == reference.successors
    assert lean.regions == reference.regions
    assert type(lean.operands) is type(reference.operands)
    assert type(lean.results) is type(reference.results)
    assert [r.type for r in lean.results] == [r.type for r in reference.results]
    assert [(r.op, r.index, r.name_hint) for r in lean.results] == [(lean, i, None) for i in range(len(lean.results))]
    for result in lean.results:
        assert result.first_use is None
    for i, operand in enumerate(lean.operands):
        assert [u for u in operand.uses if u.operation is lean and u.index == i]


@pytest.mark.parametrize("example", OP_EXAMPLES[::7], ids=str)
def test_lean_op_equals_the_created_op(example):
    block = Block(arg_types=example.operand_types)
    b = OpBuilder(block, LOCATION)
    lean = b.create_op(example.op_type, block.args, example.result_types, dict(example.properties))
    reference = example.op_type.create(
        operands=block.args,
        result_types=example.result_types,
        properties={**builder.default_properties(example.op_type), **example.properties},
        location=LOCATION,
    )
    assert_same_object(lean, reference)
    lean.verify()
    assert str(lean) == str(reference)


def test_defaults_are_those_of_the_constructor():
    block = Block(arg_types=[f32, f32])
    x, y = block.args
    b = OpBuilder(block)
    pairs = [
        (b.create(arith.AddfOp, (x, y), f32).owner, arith.AddfOp(x, y)),
        (b.create(math_dialect.ExpOp, (x,), f32).owner, math_dialect.ExpOp(x)),
        (b.create(arith.CmpfOp, (x, y), i1, {"predicate": IntegerAttr(4, i64)}).owner, arith.CmpfOp(x, y, "olt")),
        (b.constant(1.5, f32).owner, arith.ConstantOp(FloatAttr(1.5, f32))),
    ]
    for lean, reference in pairs:
        assert_same_object(lean, reference)


def test_properties_are_not_shared():
    block = Block(arg_types=[f32])
    b = OpBuilder(block)
    first, second = (b.create(math_dialect.ExpOp, block.args, f32).owner for _ in range(2))
    first.properties["fastmath"] = arith.FastMathFlagsAttr("fast")
    assert second.properties["fastmath"] == arith.FastMathFlagsAttr("none")
    assert b.create(math_dialect.ExpOp, block.args, f32).owner.properties == second.properties


def test_ops_are_linked_in_order():
    block = Block(arg_types=[f32])
    b = OpBuilder(block)
    x = block.args[0]
    ops = []
    for _ in range(4):
        x = b.create(arith.NegfOp, (x,), f32)
        ops.append(x.owner)
    assert list(block.ops) == ops
    assert list(reversed(block.ops)) == ops[::-1]
    assert (block.first_op, block.last_op) == (ops[0], ops[-1])
    assert [op.next_op for op in ops] == [*ops[1:], None]
    assert [op.prev_op for op in ops] == [None, *ops[:-1]]
    assert all(op.parent is block for op in ops)


def test_uses_can_be_replaced_and_erased():
    block = Block(arg_types=[f32, f32])
    x, y = block.args
    b = OpBuilder(block)
    double = b.create(arith.AddfOp, (x, x), f32)
    product = b.create(arith.MulfOp, (double, x), f32)
    assert [(u.operation.name, u.index) for u in x.uses] == [("arith.mulf", 1), ("arith.addf", 1), ("arith.addf", 0)]
    assert double.has_one_use()
    x.replace_all_uses_with(y)
    assert x.first_use is None
    assert list(double.owner.operands) == [y, y]
    product.owner.operands[0] = y
    assert double.first_use is None
    block.erase_op(double.owner)
    assert list(block.ops) == [product.owner]
    product.owner.detach()
    assert block.is_empty
    product.owner.erase()
    assert y.first_use is None


def test_uses_can_be_erased_in_any_order():
    block = Block(arg_types=[f32])
    b = OpBuilder(block)
    ops = [b.create(arith.NegfOp, block.args, f32).owner for _ in range(3)]
    for op in (ops[1], ops[2], ops[0]):
        block.erase_op(op)
    assert block.args[0].first_use is None
    assert block.first_op is block.last_op is None


def test_several_results():
    block = Block()
    op = OpBuilder(block).create_op(test.TestOp, (), (f32, i32, f64))
    assert [r.type for r in op.results] == [f32, i32, f64]
    assert [r.index for r in op.results] == [0, 1, 2]
    assert_same_object(op, test.TestOp.create(result_types=[f32, i32, f64]))


def test_regions_and_attributes():
    block = Block(arg_types=[IndexType()] * 3)
    b = OpBuilder(block, LOCATION)
    body = Block(arg_types=[IndexType()])
    OpBuilder(body).create_op(scf.YieldOp)
    loop = b.create_op(scf.ForOp, block.args, (), regions=[Region(body)], attributes={"note": StringAttr("x")})
    assert loop.parent is block
    assert loop.location == LOCATION
    assert body.parent_op() is loop
    assert loop.attributes == {"note": StringAttr("x")}
    loop.verify()
    clone = loop.clone()
    assert clone.is_structurally_equivalent(loop)


def test_function_prints_verifies_and_clones():
    block = Block(arg_types=[f32])
    b = OpBuilder(block)
    total = b.create(arith.AddfOp, (block.args[0], b.constant(2.0, f32)), f32)
    b.create_op(func.ReturnOp, (total,))
    module = ModuleOp([func.FuncOp("main", ((f32,), (f32,)), Region(block))])
    module.verify()
    assert module.clone().is_structurally_equivalent(module)
    assert "arith.addf %0, %1 : f32" in str(module)


@pytest.mark.parametrize(
    ("value", "element", "expected"),
    [
        (1, i32, IntegerAttr(1, i32)),
        (2**31, i32, IntegerAttr(-(2**31), i32)),
        (2**32 - 1, i32, IntegerAttr(-1, i32)),
        (-1, i64, IntegerAttr(-1, i64)),
        (True, i1, IntegerAttr(-1, i1)),
        (False, i1, IntegerAttr(0, i1)),
        (5, IndexType(), IntegerAttr(5, IndexType())),
        (1, f32, FloatAttr(1.0, f32)),
        (math.inf, f64, FloatAttr(math.inf, f64)),
    ],
)
def test_constant_attribute(value, element, expected):
    assert builder.constant_attribute(value, element) == expected


def test_constant_attribute_keeps_nan_and_the_sign_of_zero():
    for value in (0.0, -0.0):
        attribute = builder.constant_attribute(value, f32)
        assert math.copysign(1, attribute.value.data) == math.copysign(1, value)
    assert math.isnan(builder.constant_attribute(math.nan, f32).value.data)
    vector = VectorType(f32, [8])
    assert len(builder.constant_attribute(0.5, vector)) == 8
    assert all(math.isnan(v) for v in builder.constant_attribute(math.nan, vector).get_values())


def test_types_and_maps_are_memoised():
    assert builder.tensor_type(f32, (2, 3)) is builder.tensor_type(f32, (2, 3))
    assert builder.memref_type(f32, (2, 3)) is builder.memref_type(f32, (2, 3))
    assert builder.vector_type(f32, 8) is builder.vector_type(f32, 8)
    assert builder.int_array((1, 2)) is builder.int_array((1, 2))
    assert builder.dims_map(3, (0, 2)) is builder.dims_map(3, (0, 2))
    assert str(builder.dims_map(3, (0, 2)).data) == "(d0, d1, d2) -> (d0, d2)"


def test_operations_may_be_moved_and_erased_while_they_are_listed():
    block, other = Block(), Block()
    b = OpBuilder(block)
    for value in range(4):
        b.index(value)
    for position, op in enumerate(block.ops):
        op.detach()
        if position % 2:
            other.add_op(op)
        else:
            op.erase()
    assert len(block.ops) == 0
    assert [op.value.value.data for op in other.ops] == [1, 3]
    assert len(other.ops) == 2


def test_values_and_operations_equal_themselves_only():
    b = OpBuilder(Block())
    first, second = b.index(1), b.index(1)
    assert first == first.owner.results[0] != second
    assert {first: 1, second: 2, first.owner: 3, second.owner: 4}[second] == 2
    assert first.owner != second.owner


def test_parts_of_results_know_their_types():
    op = OpBuilder(Block()).create_op(test.TestOp, (), (i32, f32, i64))
    assert op.results[1].type == f32
    assert op.results[1:].types == (f32, i64)


@pytest.mark.parametrize("shape", [(), (3,), (2, 0, 5)])
def test_sizes_of_types_are_those_of_their_parameters(shape):
    for kind in (TensorType, MemRefType):
        shaped = kind(f32, shape)
        assert shaped.get_shape() == shaped.get_shape() == tuple(size.data for size in shaped.shape) == shape
        assert shaped == kind(f32, shape)
        assert hash(shaped) == hash(kind(f32, shape))
        assert shaped != kind(f32, (*shape, 1))
