"""The steps of a loop as scalar code for one point: the body of the `linalg.generic` that `interchange-loops` makes of it."""

from collections.abc import Sequence
from typing import cast

from xdsl.dialects import arith, scf, tensor
from xdsl.dialects.builtin import ArrayAttr, DenseArrayBase, IndexType, i32
from xdsl.dialects.linalg.ops import FillOp, GenericOp, YieldOp
from xdsl.ir import Block, Operation, Region, SSAValue

from dialects.builder import OpBuilder, affine_map
from dialects.rows import row_position
from dialects.structured import PARALLEL, build_empty, element_type, is_scalar_code, is_tensor
from passes.linalg.bodies import BodyCopier, discard, erase_dead, examine_body
from passes.linalg.host_blocks import initial_and_body
from passes.linalg.maps import (
    Access,
    accesses,
    compose,
    dimensions,
    iterators,
    loop_sizes,
    num_parallel,
    shape_of,
    tensor_type_of,
)
from passes.linalg.reshapes import unit_reshape_access


class RefusedError(Exception):
    """A step is not the same scalar code at every point; the message says what it does instead."""


def is_same_code(first: SSAValue, second: SSAValue) -> bool:
    """Whether two scalars are computed in the same way from the same values."""
    compared: set[tuple[SSAValue, SSAValue]] = set()
    pairs = [(first, second)]
    while pairs:
        pair = pairs.pop()
        if pair[0] is pair[1] or pair in compared:
            continue
        compared.add(pair)
        a, b = pair[0].owner, pair[1].owner
        if isinstance(a, Block) or isinstance(b, Block) or type(a) is not type(b) or a.properties != b.properties:
            return False
        if a.regions or pair[0].type != pair[1].type or len(a.results) != 1 or len(a.operands) != len(b.operands):
            return False
        pairs += zip(a.operands, b.operands, strict=True)
    return True


class PointCode:
    """The generic that computes some results of `loop`, all of one `shape`: every point runs all the steps by itself.

    The carried values that they depend on are found while the code is built. They have this shape and are read at the point
    itself, or have no dimensions: then every point carries a copy.
    """

    def __init__(self, loop: scf.ForOp | scf.WhileOp, shape: tuple[int, ...]):
        self.loop = loop
        self.shape = shape
        self.space = dimensions(len(shape))
        self.starts, self.old = initial_and_body(loop)
        self.body, self.step = Block(), Block()
        self.front, self.inner = OpBuilder(self.body, loop.location), OpBuilder(self.step, loop.location)
        self.reads: dict[tuple[SSAValue, Access], SSAValue] = {}
        """What each point reads of tensors from outside, with the arguments of the body that stand for it."""
        self.carried: dict[int, SSAValue] = {}
        """The numbers of the carried values that every point has, with the arguments of the step, in the same order."""
        self._copier = BodyCopier(self.inner, self.front)
        self._elements: dict[tuple[SSAValue, Access], SSAValue] = {}
        self._yields: dict[tuple[Operation, Access], Sequence[SSAValue]] = {}
        self._scalars: dict[SSAValue, SSAValue] = {}
        if isinstance(loop, scf.ForOp):
            self._scalars[self.old.args[0]] = self.step.insert_arg(IndexType(), 0)

    def build(self, b: OpBuilder, wanted: Sequence[int]) -> Sequence[SSAValue]:
        """Append the generic; return the results `wanted` of the loop, which stays as it is.

        Raises:
            RefusedError: points need one another, or something else than scalar code.
        """
        loop, front = self.loop, self.front
        arguments = self.old.args[len(self.old.args) - len(self.starts) :]
        for index in wanted:
            self._element(arguments[index], self.space)
        for value in self._needed(wanted):
            self._element(value, self.space)
        condition = self._condition(loop) if isinstance(loop, scf.WhileOp) else None
        next_values = cast(Operation, self.old.last_op).operands
        following: list[SSAValue] = []
        while len(following) < len(self.carried):  # the code of a next value finds more
            index = list(self.carried)[len(following)]
            following.append(self._element(next_values[index], self._place(arguments[index])))
        initial = [self._read(self.starts[index], self._place(arguments[index])) for index in self.carried]
        types = [value.type for value in initial]
        if isinstance(loop, scf.WhileOp):
            assert condition is not None
            following = [self._kept(*pair, *condition) for pair in zip(following, self.carried.values(), strict=True)]
            self.inner.create_op(scf.ConditionOp, (self._chosen_by(following, condition[0]), *following))
            again = Block(arg_types=types)
            OpBuilder(again, loop.location).create_op(scf.YieldOp, again.args)
            steps = front.create_op(scf.WhileOp, initial, types, regions=[Region(self.step), Region(again)])
        else:
            self.inner.create_op(scf.YieldOp, following)
            bounds = [self._scalar(bound) for bound in (loop.lb, loop.ub, loop.step)]
            steps = front.create_op(scf.ForOp, (*bounds, *initial), types, regions=[Region(self.step)])
        erase_dead(self.step)
        places = list(self.carried)
        results = [steps.results[places.index(index)] for index in wanted]
        for result in results:
            self.body.insert_arg(result.type, len(self.body.args))
        front.create_op(YieldOp, results)
        return self._build_generic(b, [loop.results[index] for index in wanted])

    def _needed(self, wanted: Sequence[int]) -> list[SSAValue]:
        """The values of this shape that results depend on, in the order of the program: so no code waits for much other code."""
        loop, next_values = self.loop, cast(Operation, self.old.last_op).operands
        pending = [next_values[index] for index in wanted]
        if isinstance(loop, scf.WhileOp):
            pending.append(cast(Operation, loop.before_region.block.last_op).operands[0])
        needed: set[SSAValue] = set()
        while pending:
            value = pending.pop()
            if value in needed or self._is_outside(value):
                continue
            needed.add(value)
            owner = value.owner
            if isinstance(owner, Operation):
                pending += owner.operands
            elif (index := owner.args.index(value) + len(self.starts) - len(owner.args)) >= 0:
                pending.append(next_values[index])
        ops = (op for region in loop.regions for op in region.block.ops if isinstance(op, GenericOp))
        results = (op.results[0] for op in ops if num_parallel(op) == len(iterators(op)))
        return [result for result in results if result in needed and shape_of(result) == self.shape]

    def discard(self) -> None:
        """Forget the code after a refusal."""
        discard(self.step)
        discard(self.body)

    def _place(self, argument: SSAValue) -> Access:
        """Where a point reads a carried value."""
        return self.space if shape_of(argument) else ()

    def _build_generic(self, b: OpBuilder, results: Sequence[SSAValue]) -> Sequence[SSAValue]:
        outs = [build_empty(b, tensor_type_of(result)) for result in results]
        inputs = [value for value, _ in self.reads]
        places = (*(access for _, access in self.reads), *(self.space for _ in results))
        return b.create_op(
            GenericOp,
            (*inputs, *outs),
            [value.type for value in outs],
            {
                "indexing_maps": ArrayAttr([affine_map(len(self.space), access) for access in places]),
                "iterator_types": ArrayAttr([PARALLEL] * len(self.space)),
                "operandSegmentSizes": DenseArrayBase.from_list(i32, [len(inputs), len(outs)]),
            },
            regions=[Region(self.body)],
        ).results

    def _is_outside(self, value: SSAValue) -> bool:
        owner = value.owner
        block = owner if isinstance(owner, Block) else owner.parent
        return block is None or (block is not self.old and block.parent_op() is not self.loop)

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
        block = cast(Block, argument.owner)  # of the step or of the condition
        index = block.args.index(argument) + len(self.starts) - len(block.args)
        if index not in self.carried:
            self.carried[index] = self.step.insert_arg(element_type(argument), len(self.step.args))
        return self.carried[index]

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

    def _condition(self, loop: scf.WhileOp) -> tuple[SSAValue, bool]:
        """Whether a point goes on, and whether that is different from point to point: the loop goes on if any does."""
        test = cast(Operation, loop.before_region.block.last_op).operands[0]
        extract = test.owner
        whole = extract.tensor.owner if isinstance(extract, tensor.ExtractOp) else extract
        if not isinstance(whole, GenericOp) or num_parallel(whole) == len(iterators(whole)):
            return self._scalar(test), False
        combine, (start, *others) = cast(Operation, whole.body.block.first_op), whole.outputs
        yielded = cast(Operation, whole.body.block.last_op).operands[0]
        argument, accumulator = whole.body.block.args[0], whole.body.block.args[-1]
        is_any = isinstance(combine, arith.OrIOp) and yielded is combine.result and accumulator in combine.operands
        if others or not is_any or argument not in combine.operands or not isinstance(start.owner, FillOp):
            raise RefusedError("the loop goes on as long as something else than any point does")
        if loop_sizes(whole) != self.shape or len(whole.inputs) != 1:
            raise RefusedError(f"whether the loop goes on depends on {whole.inputs[0].type}, not on {list(self.shape)}")
        return self._element(whole.inputs[0], compose(accesses(whole)[0], self.space)), True

    def _chosen_by(self, following: Sequence[SSAValue], condition: SSAValue) -> SSAValue:
        """The condition as the next values have computed it, which are what is needed in any case."""
        choices = (value.owner for value in following)
        chosen = (op.cond for op in choices if isinstance(op, arith.SelectOp) and is_same_code(op.cond, condition))
        return next(chosen, condition)

    def _kept(self, following: SSAValue, old: SSAValue, condition: SSAValue, varies: bool) -> SSAValue:
        """The next value of a point: the old one if it does not go on."""
        if following is old:
            return old
        choice = following.owner
        if isinstance(choice, arith.SelectOp) and choice.rhs is old and is_same_code(choice.cond, condition):
            return following
        if varies:
            raise RefusedError("a point that does not go on changes as long as others do")
        return self.inner.create(arith.SelectOp, (condition, following, old), old.type)

    def _element_of_row(self, op: tensor.ExtractSliceOp, access: Access) -> SSAValue:
        if not self._is_outside(op.source):
            raise RefusedError(f"a step reads rows of {op.source.type}, which it changes")
        if self.space:
            raise RefusedError(f"a step takes rows of {op.source.type}, which all points do better together")
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
