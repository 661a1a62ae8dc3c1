"""The steps of a loop as scalar code for one point: the body of the `linalg.generic` that `interchange-loops` makes of it."""

from collections.abc import Sequence
from typing import cast

from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.builtin import ArrayAttr, DenseArrayBase, i32
from xdsl.dialects.linalg.ops import FillOp, GenericOp, YieldOp
from xdsl.ir import Block, Operation, Region, SSAValue

from dialects.builder import OpBuilder, affine_map
from dialects.rows import row_position
from dialects.structured import PARALLEL, build_empty, element_type, is_scalar_code, is_tensor
from passes.linalg.bodies import BodyCopier, examine_body
from passes.linalg.kernel_groups import num_bytes
from passes.linalg.maps import Access, accesses, compose, dimensions, iterators, num_parallel, shape_of, tensor_type_of
from passes.linalg.reshapes import unit_reshape_access

MAX_ROWS_BYTES = 1 << 18
"""Bytes: rows of more memory are read in order by all points together, and not by one group of points after the other."""


class RefusedError(Exception):
    """A step is not the same scalar code at every point; the message says what it does instead."""


class PointCode:
    """The generic that computes some results of `loop`, all of one `shape`: every point runs all the steps by itself.

    The carried values that they depend on are found while the code is built. They have this shape and are read at the point
    itself, or have no dimensions: then every point carries a copy.
    """

    def __init__(self, loop: scf.ForOp, shape: tuple[int, ...]):
        self.loop = loop
        self.shape = shape
        self.space = dimensions(len(shape))
        self.body, self.step = Block(), Block(arg_types=[loop.body.block.args[0].type])
        self.front, self.inner = OpBuilder(self.body, loop.location), OpBuilder(self.step, loop.location)
        self.reads: dict[tuple[SSAValue, Access], SSAValue] = {}
        """What each point reads of tensors from outside, with the arguments of the body that stand for it."""
        self.carried: list[int] = []
        """The numbers of the carried values that every point has, in the order of the arguments of the step."""
        self._copier = BodyCopier(self.inner, self.front)
        self._elements: dict[tuple[SSAValue, Access], SSAValue] = {}
        self._yields: dict[tuple[Operation, Access], Sequence[SSAValue]] = {}
        self._scalars: dict[SSAValue, SSAValue] = {loop.body.block.args[0]: self.step.args[0]}

    def build(self, wanted: Sequence[int]) -> GenericOp:
        """The generic with the results `wanted` of the loop, not yet inserted; the loop stays as it is.

        Raises:
            RefusedError: points need one another, or something else than scalar code.
        """
        loop, front = self.loop, self.front
        arguments = loop.body.block.args[1:]
        for index in wanted:
            self._element(arguments[index], self.space)
        next_values = cast(Operation, loop.body.block.last_op).operands
        following: list[SSAValue] = []
        while len(following) < len(self.carried):  # the code of a next value finds more
            index = self.carried[len(following)]
            following.append(self._element(next_values[index], self._place(arguments[index])))
        self.inner.create_op(scf.YieldOp, following)
        initial = [self._read(loop.iter_args[index], self._place(arguments[index])) for index in self.carried]
        bounds = [self._scalar(bound) for bound in (loop.lb, loop.ub, loop.step)]
        types = [value.type for value in initial]
        steps = front.create_op(scf.ForOp, (*bounds, *initial), types, regions=[Region(self.step)])
        results = [steps.results[self.carried.index(index)] for index in wanted]
        for result in results:
            self.body.insert_arg(result.type, len(self.body.args))
        front.create_op(YieldOp, results)
        return self._generic_op([loop.results[index] for index in wanted])

    def _place(self, argument: SSAValue) -> Access:
        """Where a point reads a carried value."""
        return self.space if shape_of(argument) else ()

    def _generic_op(self, results: Sequence[SSAValue]) -> GenericOp:
        side = OpBuilder(Block(), self.loop.location)
        empties = [build_empty(side, tensor_type_of(result)) for result in results]
        inputs = [value for value, _ in self.reads]
        places = [*(access for _, access in self.reads), *(self.space for _ in results)]
        op = side.create_op(
            GenericOp,
            (*inputs, *empties),
            [result.type for result in results],
            {
                "indexing_maps": ArrayAttr([affine_map(len(self.space), access) for access in places]),
                "iterator_types": ArrayAttr([PARALLEL] * len(self.space)),
                "operandSegmentSizes": DenseArrayBase.from_list(i32, [len(inputs), len(results)]),
            },
            regions=[Region(self.body)],
        )
        assert isinstance(op, GenericOp)
        return op

    def _is_outside(self, value: SSAValue) -> bool:
        owner = value.owner
        block = owner if isinstance(owner, Block) else owner.parent
        return block is not self.loop.body.block

    def _read(self, value: SSAValue, access: Access) -> SSAValue:
        """The element at `access` of a tensor from outside."""
        read = (value, access)
        if read not in self.reads:
            self.reads[read] = self.body.insert_arg(element_type(value), len(self.body.args))
        return self.reads[read]

    def _element(self, value: SSAValue, access: Access) -> SSAValue:
        """The element at `access`, in terms of the loops of the generic, of a tensor that a step reads or computes."""
        if self._is_outside(value):
            return self._read(value, access)
        key = (value, access)
        known = self._elements.get(key)
        if known is None:
            known = self._elements[key] = self._build_element(value, access)
        return known

    def _build_element(self, value: SSAValue, access: Access) -> SSAValue:
        op = value.owner
        match op:
            case Block():
                return self._carry(value, access)
            case GenericOp():
                return self._results(op, access)[op.results.index(value)]
            case FillOp():
                return self._scalar(op.inputs[0])
            case tensor.FromElementsOp() if len(op.elements) == 1:
                return self._scalar(op.elements[0])
            case tensor.ExtractSliceOp():
                return self._element_of_row(op, access)
            case tensor.CollapseShapeOp() | tensor.ExpandShapeOp():
                through = unit_reshape_access(op, access)
                if through is not None:
                    return self._element(op.operands[0], through)
            case _:
                pass
        raise RefusedError(f"a step has {op.name} of {value.type}")

    def _carry(self, argument: SSAValue, access: Access) -> SSAValue:
        shape = shape_of(argument)
        if access != self._place(argument) or (shape and shape != self.shape):
            raise RefusedError(f"a step reads the carried {argument.type} at other points than its own")
        self.carried.append(self.loop.body.block.args.index(argument) - 1)
        return self.step.insert_arg(element_type(argument), len(self.step.args))

    def _results(self, op: GenericOp, access: Access) -> Sequence[SSAValue]:
        """What the body of an elementwise operation yields where its loops are at `access`."""
        known = self._yields.get((op, access))
        if known is not None:
            return known
        if num_parallel(op) < len(iterators(op)):
            raise RefusedError(f"a step combines elements into {op.results[0].type}")
        facts = examine_body(op)
        if not facts.is_flat or any(not is_tensor(value) or not self._is_outside(value) for value in facts.captured):
            raise RefusedError(f"a step computes which elements it reads for {op.results[0].type}")
        inputs = len(op.operands) - len(op.results)
        block = op.body.block
        if any(argument.first_use is not None for argument in block.args[inputs:]):
            raise RefusedError(f"a step updates a part of {op.results[0].type}")
        arguments = [
            None if argument.first_use is None else self._element(value, compose(place, access))
            for value, place, argument in zip(op.operands[:inputs], accesses(op), block.args, strict=False)
        ]
        results = self._copier.copy(block, [*arguments, *[None] * len(op.results)], access, {})
        self._yields[op, access] = results
        return results

    def _element_of_row(self, op: tensor.ExtractSliceOp, access: Access) -> SSAValue:
        if not self._is_outside(op.source):
            raise RefusedError(f"a step reads rows of {op.source.type}, which it changes")
        if num_bytes(op.source) > MAX_ROWS_BYTES:
            raise RefusedError(f"a step reads rows of {op.source.type}, which all points are to read in order")
        position = row_position(op)
        first = self.front.index(position) if isinstance(position, int) else self._scalar(position)
        indices = [first, *(self._copier.index(expression) for expression in access)]
        return self.inner.create(tensor.ExtractOp, (op.source, *indices), element_type(op.source))

    def _scalar(self, value: SSAValue) -> SSAValue:
        """A scalar of the host, such as the number of the step."""
        known = self._scalars.get(value)
        if known is None:
            known = self._scalars[value] = self._build_scalar(value)
        return known

    def _build_scalar(self, value: SSAValue) -> SSAValue:
        op = value.owner
        if isinstance(op, arith.ConstantOp):
            return self._copier.constant(op.value, op.result.type)
        if isinstance(op, Block) or not is_scalar_code(op) or self._is_outside(value):
            raise RefusedError(f"a step uses a number of type {value.type} from around the loop")
        if isinstance(op, tensor.ExtractOp):
            if shape_of(op.tensor):
                raise RefusedError(f"a step reads single elements of {op.tensor.type}")
            return self._element(op.tensor, ())
        self.inner.location = op.location
        return self.inner.create(
            type(op), [self._scalar(operand) for operand in op.operands], value.type, op.properties
        )
