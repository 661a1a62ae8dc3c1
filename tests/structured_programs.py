"""Random programs in the structured form, for tests of the passes between `linalg` and `bufferized`."""

import math

import numpy as np
from xdsl.dialects import arith, func, tensor
from xdsl.dialects import math as scalar_math
from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    FunctionType,
    IndexType,
    IntegerAttr,
    ModuleOp,
    StringAttr,
    f64,
    i1,
    i64,
)
from xdsl.dialects.linalg.ops import YieldOp
from xdsl.ir import Block, Region
from xdsl.ir.affine import AffineExpr

from dialects import rt
from dialects.builder import OpBuilder, affine_map, int_array, tensor_type
from dialects.dlc.slicing import build_pad
from dialects.reshapes import build_collapse, build_expand
from dialects.structured import (
    PARALLEL,
    REDUCTION,
    build_empty,
    build_fill,
    build_generic,
    build_loop_index,
    build_reduction,
    build_window_write,
)

SIZES = (1, 1, 2, 3, 4, 5)


def dim(position):
    return AffineExpr.dimension(position)


def shape_of(value):
    return value.type.get_shape()


class RandomProgram:
    """One function `f` of float64 tensors; `arguments` fit it."""

    def __init__(self, seed, num_ops=12, sizes=SIZES):
        self.rng = np.random.default_rng(seed)
        self.sizes = sizes
        self.block = Block()
        self.b = OpBuilder(self.block)
        self.values = []
        self.arguments = []
        for _ in range(int(self.rng.integers(1, 4))):
            shape = self.shape(3)
            argument = self.block.insert_arg(tensor_type(f64, shape), len(self.block.args))
            self.values.append(argument)
            self.arguments.append(self.rng.standard_normal(shape))
        kinds = [
            self.unary, self.unary, self.binary, self.binary, self.binary, self.broadcast, self.transpose, self.window,
            self.iota, self.reduce, self.reduce, self.softmax, self.accumulate, self.contract, self.gather, self.constant,
            self.collapse, self.expand, self.scatter, self.window_write, self.pad, self.roll,
        ]  # fmt: skip
        for _ in range(num_ops):
            value = kinds[int(self.rng.integers(len(kinds)))]()
            if value is not None:
                self.values.append(value)
        computed = [v for v in self.values if v not in self.block.args] or self.values
        results = [computed[-1]] + [v for v in computed[:-1] if v.first_use is None or self.rng.random() < 0.1]
        self.b.create_op(func.ReturnOp, results)
        function_type = FunctionType.from_lists([a.type for a in self.block.args], [v.type for v in results])
        self.module = ModuleOp([func.FuncOp("f", function_type, Region(self.block))])

    def shape(self, max_rank):
        return tuple(int(self.rng.choice(self.sizes)) for _ in range(int(self.rng.integers(0, max_rank + 1))))

    def pick(self, condition=lambda shape: True):
        good = [v for v in self.values if condition(shape_of(v))]
        if not good:
            return None
        recent = good[-4:] if self.rng.random() < 0.7 else good
        return recent[int(self.rng.integers(len(recent)))]

    def generic(self, inputs, maps, shape, body):
        rank = len(shape)
        empty = build_empty(self.b, tensor_type(f64, shape))
        return build_generic(self.b, inputs, (empty,), (*maps, range(rank)), (PARALLEL,) * rank, body)[0]

    def unary(self):
        x = self.pick()
        kind = [arith.NegfOp, scalar_math.TanhOp, scalar_math.AbsFOp, scalar_math.SinOp][int(self.rng.integers(4))]
        rank = len(shape_of(x))
        return self.generic((x,), (range(rank),), shape_of(x), lambda b, a: (b.create(kind, (a[0],), f64),))

    def binary(self):
        x = self.pick()
        shape = shape_of(x)
        access = None
        y = self.pick(lambda s: s == shape)
        if self.rng.random() < 0.4:
            y = self.pick(lambda s: 0 < len(s) < len(shape) and shape[-len(s) :] == s) or y
        access = tuple(range(len(shape) - len(shape_of(y)), len(shape)))
        if len(shape) == 2 and self.rng.random() < 0.2 and shape[0] == shape[1]:
            y, access = x, (1, 0)
        kind = [arith.AddfOp, arith.SubfOp, arith.MulfOp, arith.MaximumfOp][int(self.rng.integers(4))]
        return self.generic(
            (x, y), (range(len(shape)), access), shape, lambda b, a: (b.create(kind, (a[0], a[1]), f64),)
        )

    def broadcast(self):
        x = self.pick(lambda s: len(s) < 3)
        if x is None:
            return None
        shape = list(shape_of(x))
        kept = list(range(len(shape)))
        place = int(self.rng.integers(len(shape) + 1))
        kept = [d + (d >= place) for d in kept]
        shape.insert(place, int(self.rng.choice(self.sizes)))
        access = [dim(d) for d in kept]
        for i, size in enumerate(shape_of(x)):
            if size == 1 and self.rng.random() < 0.5:
                access[i] = AffineExpr.constant(0)
                shape[kept[i]] = int(self.rng.choice(self.sizes))
        return self.generic((x,), (affine_map(len(shape), tuple(access)),), tuple(shape), lambda _, a: (a[0],))

    def transpose(self):
        x = self.pick(lambda s: len(s) >= 2)
        if x is None:
            return None
        order = [int(d) for d in self.rng.permutation(len(shape_of(x)))]
        shape = tuple(shape_of(x)[d] for d in order)
        return self.generic((x,), (tuple(order.index(d) for d in range(len(order))),), shape, lambda _, a: (a[0],))

    def window(self):
        x = self.pick(lambda s: len(s) >= 1 and 0 not in s)
        if x is None:
            return None
        access, shape = [], []
        for d, size in enumerate(shape_of(x)):
            choice = self.rng.random()
            if choice < 0.4:
                # A map may not read a part of a dimension by the loop dimension alone.
                step = int(self.rng.integers(1, 3))
                start = int(self.rng.integers(size)) if step == 2 or size == 1 else int(self.rng.integers(1, size))
                shape.append(-(-(size - start) // step))
                access.append(dim(d) * step + start)
            elif choice < 0.6:
                shape.append(size)
                access.append(dim(d) * -1 + (size - 1))
            else:
                shape.append(size)
                access.append(dim(d))
        return self.generic((x,), (affine_map(len(shape), tuple(access)),), tuple(shape), lambda _, a: (a[0],))

    def iota(self):
        shape = self.shape(2) or (3,)
        d = int(self.rng.integers(len(shape)))

        def body(b, _):
            index = b.create(arith.IndexCastOp, (build_loop_index(b, d),), i64)
            return (b.create(arith.SIToFPOp, (index,), f64),)

        return self.generic((), (), shape, body)

    def reduce(self):
        x = self.pick()
        rank = len(shape_of(x))
        dims = [d for d in range(rank) if self.rng.random() < 0.5]
        kind, start = [(arith.AddfOp, 0.0), (arith.MaximumfOp, -math.inf)][int(self.rng.integers(2))]
        result = build_reduction(self.b, x, dims, start, lambda b, acc, e: b.create(kind, (acc, e), f64))
        if dims and rank > len(dims) and self.rng.random() < 0.4:
            shape = tuple(1 if d in dims else size for d, size in enumerate(shape_of(x)))
            groups = [[] for _ in range(rank - len(dims))]
            current = -1
            for d in range(rank):
                current += d not in dims
                groups[max(current, 0)].append(d)
            return build_expand(self.b, result, tuple(map(tuple, groups)), shape)
        return result

    def softmax(self):
        x = self.pick(lambda s: len(s) >= 1)
        if x is None:
            return None
        shape = shape_of(x)
        rank = len(shape)
        rows, all_ = range(rank - 1), range(rank)
        top = build_reduction(self.b, x, [rank - 1], -math.inf, lambda b, p, q: b.create(arith.MaximumfOp, (p, q), f64))
        d = self.generic((x, top), (all_, rows), shape, lambda b, a: (b.create(arith.SubfOp, a[:2], f64),))
        e = self.generic((d,), (all_,), shape, lambda b, a: (b.create(scalar_math.ExpOp, a[:1], f64),))
        total = build_reduction(self.b, e, [rank - 1], 0.0, lambda b, p, q: b.create(arith.AddfOp, (p, q), f64))
        return self.generic((e, total), (all_, rows), shape, lambda b, a: (b.create(arith.DivfOp, a[:2], f64),))

    def accumulate(self):
        x = self.pick(lambda s: len(s) >= 1)
        if x is None:
            return None
        shape = shape_of(x)
        y = self.pick(lambda s: s == shape[:-1])
        if y is None:
            return None
        return build_generic(
            self.b, (x,), (y,), (range(len(shape)), range(len(shape) - 1)), (PARALLEL,) * (len(shape) - 1) + (REDUCTION,),
            lambda b, a: (b.create(arith.AddfOp, (a[1], a[0]), f64),),
        )[0]  # fmt: skip

    def contract(self):
        x = self.pick(lambda s: len(s) >= 1)
        y = self.pick(lambda s: len(s) >= 1)
        if x is None or y is None:
            return None
        pairs, used = [], set()
        for i, size in enumerate(shape_of(x)):
            for j, other in enumerate(shape_of(y)):
                if size == other and j not in used and self.rng.random() < 0.7:
                    pairs.append((i, j))
                    used.add(j)
                    break
        if not pairs:
            return None
        reduced = [pair for pair in pairs if self.rng.random() < 0.6] or pairs[:1]
        batch = [pair for pair in pairs if pair not in reduced]
        loops = [("b", pair) for pair in batch]
        loops += [("x", i) for i in range(len(shape_of(x))) if i not in [p[0] for p in pairs]]
        loops += [("y", j) for j in range(len(shape_of(y))) if j not in [p[1] for p in pairs]]
        parallel = len(loops)
        loops += [("k", pair) for pair in reduced]
        xs = [
            next(n for n, (k, v) in enumerate(loops) if (k == "x" and v == i) or (k in "bk" and v[0] == i))
            for i in range(len(shape_of(x)))
        ]
        ys = [
            next(n for n, (k, v) in enumerate(loops) if (k == "y" and v == j) or (k in "bk" and v[1] == j))
            for j in range(len(shape_of(y)))
        ]
        sizes = [0] * len(loops)
        for value, access in ((x, xs), (y, ys)):
            for d, size in zip(access, shape_of(value), strict=True):
                sizes[d] = size
        start = build_fill(self.b, self.b.constant(0.0, f64), tensor_type(f64, tuple(sizes[:parallel])))

        def body(b, a):
            product = b.create(arith.MulfOp, (a[0], a[1]), f64)
            return (b.create(arith.AddfOp, (a[2], product), f64),)

        kinds = (PARALLEL,) * parallel + (REDUCTION,) * len(reduced)
        return build_generic(self.b, (x, y), (start,), (xs, ys, range(parallel)), kinds, body)[0]

    def gather(self):
        x = self.pick(lambda s: len(s) >= 1 and 0 not in s)
        if x is None:
            return None
        shape = shape_of(x)

        def body(b, _):
            last = b.index(shape[0] - 1)
            turned = b.create(arith.SubiOp, (last, build_loop_index(b, 0)), IndexType())
            rest = [build_loop_index(b, d) for d in range(1, len(shape))]
            return (b.create(tensor.ExtractOp, (x, turned, *rest), f64),)

        return self.generic((), (), shape, body)

    def constant(self):
        shape = shape_of(self.pick())
        kind = self.rng.random()
        if kind < 0.4:
            return build_fill(self.b, self.b.constant(0.5, f64), tensor_type(f64, shape))
        data = [float(v) for v in self.rng.standard_normal(math.prod(shape))]
        splat = kind <= 0.8 and data
        t = tensor_type(f64, shape)
        attribute = DenseIntOrFPElementsAttr.from_list(t, [0.25] if splat else data)
        return self.b.create(arith.ConstantOp, (), t, {"value": attribute})

    def collapse(self):
        x = self.pick(lambda s: len(s) >= 2)
        if x is None:
            return None
        shape = shape_of(x)
        at = int(self.rng.integers(len(shape) - 1))
        groups = [(d,) for d in range(at)] + [(at, at + 1)] + [(d,) for d in range(at + 2, len(shape))]
        return build_collapse(self.b, x, tuple(groups), tuple(math.prod(shape[d] for d in g) for g in groups))

    def expand(self):
        x = self.pick(lambda s: 1 <= len(s) <= 2)
        if x is None:
            return None
        shape = shape_of(x)
        at = int(self.rng.integers(len(shape)))
        size = shape[at]
        factor = 2 if size % 2 == 0 and self.rng.random() < 0.5 else 1
        pair = (factor, size // factor) if self.rng.random() < 0.5 else (size // factor, factor)
        groups = [(d,) for d in range(at)] + [(at, at + 1)] + [(d + 1,) for d in range(at + 1, len(shape))]
        return build_expand(self.b, x, tuple(groups), (*shape[:at], *pair, *shape[at + 1 :]))

    def scatter(self):
        x = self.pick(lambda s: len(s) == 1 and s[0] > 0)
        if x is None:
            return None
        (size,) = shape_of(x)
        count = int(self.rng.integers(1, 5))
        updates = self.pick(lambda s: s == (count,))
        if updates is None:
            return None
        numbers = [int(n) for n in self.rng.integers(-2, size + 2, count)]
        indices = self.b.create(
            arith.ConstantOp, (), tensor_type(i64, (count, 1)),
            {"value": DenseIntOrFPElementsAttr.from_list(tensor_type(i64, (count, 1)), numbers)},
        )  # fmt: skip
        block = Block(arg_types=[f64, f64])
        inner = OpBuilder(block)
        inner.create_op(YieldOp, (inner.create(arith.AddfOp, tuple(block.args), f64),))
        bounds = "drop" if self.rng.random() < 0.5 else "clamp"
        properties = {"dims": int_array((0,)), "batch_dims": IntegerAttr(0, i64), "bounds": StringAttr(bounds)}
        operands = (updates, indices, x)
        return self.b.create_op(rt.ScatterOp, operands, (x.type,), properties, regions=[Region(block)]).results[0]

    def window_write(self):
        x = self.pick(lambda s: len(s) > 0 and 0 not in s)
        if x is None:
            return None
        shape = shape_of(x)
        source = self.pick(lambda s: len(s) == len(shape) and all(0 < a <= b for a, b in zip(s, shape, strict=True)))
        if source is None:
            return None
        offsets = [int(self.rng.integers(n - size + 1)) for n, size in zip(shape, shape_of(source), strict=True)]
        return build_window_write(self.b, source, x, offsets, [1] * len(shape))

    def pad(self):
        x = self.pick(lambda s: len(s) > 0 and 0 not in s)
        if x is None:
            return None
        number = build_fill(self.b, self.b.constant(0.75, f64), tensor_type(f64, ()))
        amounts = [(int(self.rng.integers(3)), int(self.rng.integers(3)), 1) for _ in shape_of(x)]
        sizes = tuple(low + size + high for (low, high, _), size in zip(amounts, shape_of(x), strict=True))
        return build_pad(self.b, x, number, amounts, tensor_type(f64, sizes))

    def roll(self):
        """What begins in the middle of a dimension and ends before it: two clamped reads."""
        x = self.pick(lambda s: len(s) > 0 and 0 not in s)
        if x is None:
            return None
        shape = shape_of(x)
        d = int(self.rng.integers(len(shape)))
        cut = int(self.rng.integers(shape[d] + 1))

        def body(b, _):
            loops = [build_loop_index(b, k) for k in range(len(shape))]
            index = IndexType()
            tail = b.create(
                arith.MinSIOp, (b.create(arith.AddiOp, (loops[d], b.index(cut)), index), b.index(shape[d] - 1)), index
            )
            head = b.create(arith.SubiOp, (loops[d], b.index(shape[d] - cut)), index)
            head = b.create(arith.MaxSIOp, (head, b.index(0)), index)
            is_tail = b.create(
                arith.CmpiOp, (loops[d], b.index(shape[d] - cut)), i1, {"predicate": IntegerAttr(2, i64)}
            )
            parts = [b.create(tensor.ExtractOp, (x, *loops[:d], place, *loops[d + 1 :]), f64) for place in (tail, head)]
            return (b.create(arith.SelectOp, (is_tail, *parts), f64),)

        return self.generic((), (), shape, body)
