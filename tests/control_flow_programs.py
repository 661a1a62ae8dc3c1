"""Random nests of loops and branches on tensors, in the structured form, for tests of the passes below `linalg`."""

import numpy as np
from xdsl.dialects import arith, func, scf, tensor
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, FunctionType, IndexType, IntegerAttr, ModuleOp, i1, i64
from xdsl.ir import Block, Region
from xdsl.ir.affine import AffineExpr

from dialects.builder import OpBuilder, affine_map, int_array, tensor_type
from dialects.reshapes import build_collapse
from dialects.rows import build_row, build_with_row
from dialects.structured import PARALLEL, build_empty, build_fill, build_generic, build_reduction

TYPES = tuple(tensor_type(i64, shape) for shape in ((), (3,), (2, 3), (1,)))
INDEX = IndexType()
STEPS = (0, 1, 2, 3, 4)


def shape_of(value):
    return value.type.get_shape()


class RandomNest:
    """A function `f` of int64 tensors, whose arithmetic wraps around and so is exact; `arguments` fit it.

    Values are carried, stacked, passed on and used again without any regard for where they might lie in memory.
    """

    def __init__(self, seed, depth=3, size=6):
        self.rng = np.random.default_rng(seed)
        self.size = size
        types = [*TYPES, tensor_type(i64, (3, 3)), tensor_type(i64, (2, 2, 3))]
        block = Block(arg_types=types)
        self.arguments = [self.rng.integers(-9, 9, t.get_shape()) for t in types]
        self.b = OpBuilder(block)
        self.values = list(block.args)
        self.fill_block(depth)
        results = [self.pick(t) for t in self.rng.choice(np.array(TYPES, object), 4)]
        results += [value for value in self.values if value.first_use is None]
        self.b.create_op(func.ReturnOp, results)
        function_type = FunctionType.from_lists(types, [value.type for value in results])
        self.module = ModuleOp([func.FuncOp("f", function_type, Region(block))])

    def chance(self, probability):
        return self.rng.random() < probability

    def choice(self, options):
        return options[int(self.rng.integers(len(options)))]

    def pick(self, wanted):
        """A value of a type, often a recent one."""
        good = [value for value in self.values if value.type == wanted]
        if not good or self.chance(0.04):
            return self.constant(wanted)
        return self.choice(good[-3:] if self.chance(0.6) else good)

    def fill_block(self, depth):
        flat = [
            self.unary, self.binary, self.binary, self.broadcast, self.reduce, self.reverse, self.flatten, self.scatter,
            self.insert, self.row,
        ]  # fmt: skip
        for _ in range(int(self.rng.integers(1, self.size))):
            if depth and self.chance(0.45):
                self.choice([self.count, self.count, self.repeat, self.branch])(depth - 1)
            else:
                self.values.append(self.choice(flat)())

    def inside(self, block, build):
        """Run `build` with `block` to append to; what it computes is out of reach afterwards."""
        outer, known = self.b, len(self.values)
        self.b = OpBuilder(block)
        build()
        self.b = outer
        del self.values[known:]

    # Structured operations

    def constant(self, wanted):
        shape = wanted.get_shape()
        kind = self.rng.random()
        if kind < 0.3:
            return build_fill(self.b, self.b.constant(5, i64), wanted)
        data = [7] if kind < 0.6 else [int(n) for n in self.rng.integers(-9, 9, int(np.prod(shape)))]
        value = DenseIntOrFPElementsAttr.from_list(wanted, data)
        return self.b.create(arith.ConstantOp, (), wanted, {"value": value})

    def generic(self, inputs, maps, wanted, body):
        rank = len(wanted.get_shape())
        empty = build_empty(self.b, wanted)
        return build_generic(self.b, inputs, (empty,), (*maps, range(rank)), (PARALLEL,) * rank, body)[0]

    def unary(self):
        x = self.pick(self.choice(TYPES))

        def body(b, arguments):
            tripled = b.create(arith.MuliOp, (arguments[0], b.constant(3, i64)), i64)
            return (b.create(arith.AddiOp, (tripled, b.constant(1, i64)), i64),)

        return self.generic((x,), (range(len(shape_of(x))),), x.type, body)

    def binary(self):
        wanted = self.choice(TYPES)
        x, y = self.pick(wanted), self.pick(wanted)
        every = range(len(wanted.get_shape()))
        kind = self.choice([arith.AddiOp, arith.SubiOp, arith.MuliOp])
        return self.generic((x, y), (every, every), wanted, lambda b, a: (b.create(kind, a[:2], i64),))

    def broadcast(self):
        x = self.pick(self.choice(TYPES[:2]))
        rank = len(shape_of(x))
        return self.generic((x,), (range(2 - rank, 2),), TYPES[2], lambda _, a: (a[0],))

    def reduce(self):
        x = self.pick(self.choice(TYPES[1:3]))
        return build_reduction(self.b, x, [0], 0, lambda b, total, e: b.create(arith.AddiOp, (total, e), i64))

    def reverse(self):
        x = self.pick(self.choice(TYPES[1:3]))
        shape = shape_of(x)
        dims = [AffineExpr.dimension(d) for d in range(len(shape))]
        dims[-1] = dims[-1] * -1 + (shape[-1] - 1)
        return self.generic((x,), (affine_map(len(shape), tuple(dims)),), x.type, lambda _, a: (a[0],))

    def flatten(self):
        x = self.pick(TYPES[2])
        flat = build_collapse(self.b, x, ((0, 1),), (6,))
        return build_reduction(self.b, flat, [0], 0, lambda b, total, e: b.create(arith.AddiOp, (total, e), i64))

    def scatter(self):
        target, updates = self.pick(TYPES[1]), self.pick(TYPES[1])
        bounds = [self.b.index(n) for n in (0, 3, 1)]
        block = Block(arg_types=[INDEX, target.type])
        inner = OpBuilder(block)
        update = inner.create(tensor.ExtractOp, (updates, block.args[0]), i64)
        place = inner.create(arith.RemUIOp, (inner.create(arith.IndexCastOp, (update,), INDEX), inner.index(3)), INDEX)
        old = inner.create(tensor.ExtractOp, (block.args[1], place), i64)
        new = inner.create(arith.AddiOp, (old, update), i64)
        inner.create_op(scf.YieldOp, (inner.create(tensor.InsertOp, (new, block.args[1], place), target.type),))
        return self.b.create_op(scf.ForOp, (*bounds, target), (target.type,), regions=[Region(block)]).results[0]

    def insert(self):
        return build_with_row(self.b, self.pick(TYPES[1]), self.pick(TYPES[2]), self.b.index(int(self.rng.integers(2))))

    def row(self):
        return build_row(self.b, self.pick(TYPES[2]), self.position(2))

    def position(self, size):
        """A number below `size` that only the host knows."""
        number = self.b.create(tensor.ExtractOp, (self.pick(TYPES[0]),), i64)
        index = self.b.create(arith.IndexCastOp, (number,), INDEX)
        return self.b.create(arith.RemUIOp, (index, self.b.index(size)), INDEX)

    # Control flow

    def carry_types(self):
        return [self.choice(TYPES) for _ in range(int(self.rng.integers(0, 4)))]

    def next_values(self, carried):
        """What becomes of the values carried: anything of their types, now and then each other."""
        if self.chance(0.25):
            return [self.choice([other for other in carried if other.type == value.type]) for value in carried]
        return [self.pick(value.type) for value in carried]

    def count(self, depth):
        """A loop with a known number of steps, which takes rows and stacks some."""
        steps = self.choice(STEPS)
        types = self.carry_types()
        stack_types = [
            tensor_type(i64, (steps, *self.choice(TYPES).get_shape())) for _ in range(int(self.rng.integers(0, 3)))
        ]
        carried = [self.pick(t) for t in types]
        initial = [*carried, *(build_empty(self.b, t) for t in stack_types)]
        stacks = [value for value in self.values if shape_of(value)[:1] == (steps,) and len(shape_of(value)) > 1]
        bounds = [self.b.index(n) for n in (0, steps, 1)]
        if steps and self.chance(0.2):
            bounds[1] = self.position(steps + 1)
            initial[len(types) :] = [self.constant(t) for t in stack_types]  # some rows will stay as they are
        block = Block(arg_types=[INDEX, *(value.type for value in initial)])

        def body():
            position = block.args[0]
            if self.chance(0.3):
                position = self.b.create(arith.SubiOp, (self.b.index(steps - 1), position), INDEX)
            number = self.b.create(arith.IndexCastOp, (position,), i64)
            self.values.append(self.b.create(tensor.FromElementsOp, (number,), TYPES[0]))
            arguments = block.args[1 : 1 + len(types)]
            self.values.extend(arguments)
            for stack in stacks[:2]:
                row = build_row(self.b, stack, position)
                if row.type in TYPES:
                    self.values.append(row)
            self.fill_block(depth)
            results = self.next_values(arguments)
            for stack in block.args[1 + len(types) :]:
                wanted = tensor_type(i64, shape_of(stack)[1:])
                carried_too = [value for value in results if value.type == wanted]
                row = self.choice(carried_too) if carried_too and self.chance(0.5) else self.pick(wanted)
                results.append(build_with_row(self.b, row, stack, position))
            self.b.create_op(scf.YieldOp, results)

        self.inside(block, body)
        loop = self.b.create_op(scf.ForOp, (*bounds, *initial), [v.type for v in initial], regions=[Region(block)])
        self.values.extend(loop.results)

    def repeat(self, depth):
        """A loop that ends when a counter reaches a limit."""
        limit = int(self.rng.integers(0, 4))
        types = [TYPES[0], *self.carry_types()]
        zero = self.b.create(
            arith.ConstantOp, (), TYPES[0], {"value": DenseIntOrFPElementsAttr.from_list(TYPES[0], [0])}
        )
        initial = [zero, *(self.pick(t) for t in types[1:])]
        before, after = Block(arg_types=types), Block(arg_types=types)

        def condition():
            less = self.compare(before.args[0], limit)
            self.b.create_op(scf.ConditionOp, (less, *before.args))

        def body():
            self.values.extend(after.args)
            one = self.generic(
                (after.args[0],),
                ((),),
                TYPES[0],
                lambda b, a: (b.create(arith.AddiOp, (a[0], b.constant(1, i64)), i64),),
            )
            self.fill_block(depth)
            self.b.create_op(scf.YieldOp, (one, *self.next_values(after.args[1:])))

        self.inside(before, condition)
        self.inside(after, body)
        loop = self.b.create_op(scf.WhileOp, initial, types, regions=[Region(before), Region(after)])
        self.values.extend(loop.results)

    def compare(self, value, limit):
        """Whether a value is less than a number, computed by a kernel and read by the host."""
        less = build_generic(
            self.b, (value,), (build_empty(self.b, tensor_type(i1, ())),), ((), ()), (),
            lambda b, a: (b.create(arith.CmpiOp, (a[0], b.constant(limit, i64)), i1, {"predicate": IntegerAttr(2, i64)}),),
        )[0]  # fmt: skip
        return self.b.create(tensor.ExtractOp, (less,), i1)

    def branch(self, depth):
        """One of two regions, or of three."""
        types = self.carry_types()
        chooser = self.pick(TYPES[0])
        shared = [self.pick(t) for t in types]  # what several regions may pass on, also in another order

        def region():
            block = Block()

            def body():
                self.fill_block(depth)
                results = [self.pick(t) for t in types]
                if self.chance(0.3):
                    results = self.next_values(shared)
                self.b.create_op(scf.YieldOp, results)

            self.inside(block, body)
            return Region(block)

        if self.chance(0.6):
            chosen = self.compare(chooser, 2)
            op = self.b.create_op(scf.IfOp, (chosen,), types, regions=[region(), region()])
        else:
            place = self.position(3)
            cases = {"cases": int_array((0, 1))}
            op = self.b.create_op(scf.IndexSwitchOp, (place,), types, cases, regions=[region() for _ in range(3)])
        self.values.extend(op.results)
