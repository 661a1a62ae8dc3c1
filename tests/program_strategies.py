"""Random programs of `dlc` operations, for hypothesis.

There are two kinds of programs. *Exact* ones have only operations with one right answer, and inputs with NaN, infinities and
zeros of both signs: every level must agree bit by bit. *Smooth* ones have every operation, on numbers that stay small, such
that rounding errors stay small too: what jumps (comparisons, rounding, conversions to integers) gets only values that are the
same at every level.
"""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from xdsl.dialects.builtin import FunctionType, ModuleOp, StringAttr, f32, f64, i1, i32, i64
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region

from dialects.builder import OpBuilder, tensor_type
from dialects.dlc import (
    arg_extrema,
    arithmetic,
    binary,
    broadcast,
    constants,
    contraction,
    conversion,
    cumulative,
    dynamic_slicing,
    indexing,
    reduction,
    rounding,
    selection,
    shape,
    slicing,
    sorting,
    unary,
    windows,
)
from dialects.dlc.interfaces import DTYPES, element_type_of, is_float, shape_of

SIZES = (3, 1, 2, 5, 4, 0, 9, 17)
MAX_ELEMENTS = 400
LARGE_SIZES = (3, 130, 1, 33, 1031, 64, 2, 257, 4100, 40_009)
MAX_LARGE_ELEMENTS = 200_000
"""With such sizes, work is shared by threads, split at seams and into parts, and goes around the cache."""

MAX_LISTED = 64
"""How many elements a constant may have that are not all equal: a failing program is printed."""

LARGE = 1e3
SPECIAL = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -1.5, 3.0, 1e10, 1e-10, -7.25)
DIRECTIONS = ("eq", "ne", "lt", "le", "gt", "ge")


@dataclass(repr=False)
class Program:
    """A module with the function `@f`, and arguments for it."""

    module: ModuleOp
    arguments: list[np.ndarray]
    exact: bool

    @property
    def function(self):
        return next(op for op in self.module.ops if op.sym_name.data == "f")

    @property
    def result_types(self):
        return tuple(self.function.function_type.outputs)

    def __repr__(self):
        arguments = "\n".join(f"argument {i} = {array!r}" for i, array in enumerate(self.arguments))
        return f"a program\n{self.module}\n{arguments}\n"


@st.composite
def programs(draw, *, exact=False, elements=(f32, f64), min_ops=5, max_ops=25, sizes=SIZES, max_elements=MAX_ELEMENTS):
    """Programs of `min_ops` to `max_ops` steps, most of which are one operation."""
    build = _Builder(draw, exact=exact, elements=elements, sizes=sizes, max_elements=max_elements)
    for _ in range(draw(st.integers(1, 3))):
        build.argument()
    for _ in range(draw(st.integers(min_ops, max_ops))):
        build.step()
    return build.finish()


class _Builder:
    def __init__(self, draw, *, exact, elements, sizes, max_elements):
        self.draw = draw
        self.exact = exact
        self.elements = elements
        self.sizes = sizes
        self.max_elements = max_elements
        self.random = np.random.default_rng(draw(st.integers(0, 2**16)))
        self.block = Block()
        self.b = OpBuilder(self.block)
        self.values = []
        self.arguments = []
        self.bound = {}
        """The largest absolute value that a value can have, unless the program is exact."""
        self.same = {}
        """Whether a value is the same at every level, bit by bit."""

    # Choices

    def choose(self, *options):
        return self.draw(st.sampled_from(options))

    def flag(self):
        return self.draw(st.booleans())

    def integer(self, low, high):
        return self.draw(st.integers(low, high))

    def pick(self, condition=lambda _: True):
        """A value, rather a late one."""
        good = [value for value in reversed(self.values) if condition(value)]
        return good[self.integer(0, len(good) - 1)] if good else None

    def shape(self, max_rank=3):
        sizes = []
        for _ in range(self.integer(0, max_rank)):
            size = self.choose(*self.sizes)
            if np.prod([*sizes, size]) <= self.max_elements:
                sizes.append(size)
        return tuple(sizes)

    def array(self, element, sizes):
        dtype = DTYPES[element]
        if dtype == np.bool_:
            return self.random.integers(0, 2, sizes).astype(dtype)
        if dtype.kind == "i":
            return np.asarray(self.random.integers(-5, 9, sizes)).astype(dtype)
        if self.exact:
            return np.asarray(self.random.choice(SPECIAL, sizes)).astype(dtype)
        return np.asarray(self.random.integers(-12, 13, sizes) / 4).astype(dtype)

    # Values

    def note(self, value, bound, *, same):
        """Add a value to those that steps may use; if it may be large, something small is made of it."""
        if not self.exact and is_float(element_type_of(value)) and bound > LARGE:
            value, bound, same = unary.tanh(self.b, value), 1, False
        self.values.append(value)
        self.bound[value] = bound
        self.same[value] = same
        return value

    def derived(self, value, *operands, bound=None, same=True):
        """Add a value that has the facts of its operands."""
        floats = [self.bound[operand] for operand in operands]
        bound = max(floats, default=9) if bound is None else bound
        return self.note(value, bound, same=same and all(self.same[operand] for operand in operands))

    def argument(self):
        element = self.choose(*self.elements, *self.elements, i64, i1)
        sizes = self.shape()
        value = self.block.insert_arg(tensor_type(element, sizes), len(self.block.args))
        self.arguments.append(self.array(element, sizes))
        self.note(value, 9, same=True)

    def like(self, x):
        """A value of the type of `x`: an earlier one, one that is broadcast, or a constant."""
        sizes, element = shape_of(x), element_type_of(x)
        y = self.pick(lambda v: element_type_of(v) == element and _fits(shape_of(v), sizes))
        if y is None or self.integer(0, 5) == 5:
            array = self.array(element, sizes)
            if array.size > MAX_LISTED or (array.size and self.flag()):
                array = np.full_like(array, array.reshape(-1)[0])
            return self.derived(constants.constant(self.b, array), bound=9)
        if shape_of(y) == sizes:
            return y
        dims = range(len(sizes) - len(shape_of(y)), len(sizes))
        return self.derived(broadcast.broadcast_in_dim(self.b, y, sizes, dims), y)

    def indices(self, count, outer):
        """Integers to index with: some are out of range."""
        element = self.choose(i64, i32)
        outer = outer if np.prod(outer) * count <= MAX_LISTED else ()
        array = self.random.integers(-2, 8, (*outer, count)).astype(DTYPES[element])
        return self.derived(constants.constant(self.b, array))

    # Steps

    def step(self):
        if not self.values:
            self.argument()
        name = self.choose(*STEPS)
        getattr(self, name)()

    def unary(self):
        x = self.pick()
        element = element_type_of(x)
        if is_float(element):
            functions = [arithmetic.neg, unary.abs_, unary.stop_gradient]
            if self.same[x]:
                functions += [unary.sign, rounding.floor, rounding.ceil, rounding.round_]
        else:
            functions = [unary.not_] if element == i1 else [arithmetic.neg, unary.abs_, unary.sign, unary.not_]
        self.derived(self.choose(*functions)(self.b, x), x, bound=self.bound[x] + 1)

    def function(self):
        """An elementary function, on what it is smooth on."""
        x = self.pick(lambda v: is_float(element_type_of(v)))
        if self.exact or x is None:
            return self.unary()
        b = self.b
        positive = lambda v: arithmetic.add(b, unary.abs_(b, v), self.full(v, 0.5))  # noqa: E731
        small = lambda v: binary.min_(b, v, self.full(v, 2))  # noqa: E731
        function, domain = self.choose(
            (unary.tanh, None), (unary.logistic, None), (unary.erf, None), (unary.sin, None), (unary.cos, None),
            (unary.exp, small), (unary.expm1, small), (unary.log, positive), (unary.log1p, positive),
            (unary.sqrt, positive), (unary.rsqrt, positive),
        )  # fmt: skip
        value = function(b, x if domain is None else domain(x))
        return self.derived(value, x, bound=max(9, self.bound[x]), same=False)

    def power(self):
        x = self.pick(lambda v: element_type_of(v) != i1)
        if x is None:
            return
        y = self.like(x)
        if not is_float(element_type_of(x)):
            self.derived(binary.pow_(self.b, x, y), x, y, bound=np.inf)
        elif not self.exact:
            b = self.b
            base = arithmetic.add(b, unary.abs_(b, unary.tanh(b, x)), self.full(x, 0.5))
            self.derived(binary.pow_(b, base, unary.tanh(b, y)), x, y, bound=9, same=False)

    def full(self, like, value):
        return constants.full(self.b, value, like.type)

    def binary(self):
        x = self.pick()
        y = self.like(x)
        if self.flag():
            x, y = y, x
        element, b = element_type_of(x), self.b
        one, other = self.bound[x], self.bound[y]
        if element == i1:
            self.derived(self.choose(binary.and_, binary.or_, binary.xor)(b, x, y), x, y)
            return
        name = self.choose("add", "sub", "mul", "max", "min", "div", "rem")
        if not is_float(element) and self.integer(0, 3) == 3:
            self.derived(self.choose(binary.and_, binary.or_, binary.xor)(b, x, y), x, y, bound=np.inf)
        elif name in {"add", "sub"}:
            value = (arithmetic.add if name == "add" else arithmetic.sub)(b, x, y)
            self.derived(value, x, y, bound=one + other)
        elif name == "mul":
            self.derived(arithmetic.mul(b, x, y), x, y, bound=one * other)
        elif name in {"max", "min"}:
            self.derived((binary.max_ if name == "max" else binary.min_)(b, x, y), x, y)
        elif name == "div":
            if not self.exact and is_float(element):
                y = arithmetic.add(b, unary.abs_(b, y), self.full(y, 0.5))
                self.derived(arithmetic.div(b, x, y), x, bound=2 * one, same=False)
            else:
                self.derived(arithmetic.div(b, x, y), x, y)
        elif self.exact or (self.same[x] and self.same[y] and not is_float(element)):
            self.derived(binary.rem(b, x, y), x, y)

    def compare(self):
        x = self.pick(lambda v: self.same[v])
        if x is None:
            return
        y = self.like(x)
        if self.same[y]:
            self.derived(selection.compare(self.b, self.choose(*DIRECTIONS), x, y), x, y)

    def select(self):
        pred = self.pick(lambda v: element_type_of(v) == i1)
        x = self.pick(lambda v: pred is not None and (shape_of(pred) in {(), shape_of(v)}))
        if x is not None:
            y = self.like(x)
            self.derived(selection.select(self.b, pred, x, y), pred, x, y, same=self.same[pred])

    def clamp(self):
        x = self.pick(lambda v: element_type_of(v) != i1)
        if x is None:
            return
        low, high = (constants.full(self.b, self.integer(-4, 4), tensor_type(element_type_of(x), ())) for _ in range(2))
        self.derived(selection.clamp(self.b, low, x, high), x, bound=max(9, self.bound[x]))

    def convert(self):
        x = self.pick()
        source, target = element_type_of(x), self.choose(f64, f32, i64, i32, i1)
        if is_float(source) and not is_float(target) and not self.same[x]:
            return
        if not self.exact and not is_float(source) and is_float(target) and self.bound[x] > LARGE:
            return
        self.derived(conversion.convert(self.b, x, target), x, same=not (is_float(source) and target == f32))

    def broadcast(self):
        x = self.pick(lambda v: len(shape_of(v)) < 4)
        if x is None:
            return
        sizes = list(shape_of(x))
        place = self.integer(0, len(sizes))
        dims = [dim + (dim >= place) for dim in range(len(sizes))]
        sizes.insert(place, self.choose(*self.sizes))
        for dim in dims:
            if sizes[dim] == 1 and self.flag():
                sizes[dim] = self.choose(*self.sizes)
        if np.prod(sizes) <= self.max_elements:
            self.derived(broadcast.broadcast_in_dim(self.b, x, sizes, dims), x)

    def reduce(self):
        x = self.pick()
        sizes, element, b = shape_of(x), element_type_of(x), self.b
        dims = [dim for dim in range(len(sizes)) if self.flag()]
        count = int(np.prod([sizes[dim] for dim in dims], dtype=np.int64))
        if element == i1:
            self.derived(self.choose(reduction.reduce_and, reduction.reduce_or)(b, x, dims), x)
            return
        functions = [broadcast.reduce_sum]
        if count:
            functions += [reduction.reduce_max, reduction.reduce_min]
        if is_float(element) and self.exact:
            functions.remove(broadcast.reduce_sum)
        if not is_float(element):
            functions += [reduction.reduce_prod, reduction.reduce_and, reduction.reduce_or]
        if not functions:
            return
        function = self.choose(*functions)
        bound = self.bound[x] * max(count, 1) if function is broadcast.reduce_sum else self.bound[x]
        bound = np.inf if function is reduction.reduce_prod else bound
        exactly = not (is_float(element) and function is broadcast.reduce_sum)
        self.derived(function(b, x, dims), x, bound=bound, same=exactly)

    def product(self):
        x = self.pick(lambda v: is_float(element_type_of(v)))
        if x is None or self.exact:
            return
        tame = unary.cos(self.b, x)
        dims = [dim for dim in range(len(shape_of(x))) if self.flag()]
        self.derived(reduction.reduce_prod(self.b, tame, dims), x, bound=1, same=False)

    def cumulate(self):
        """What carries a state along a dimension, in an order that is the same at every level."""
        x = self.pick(lambda v: shape_of(v) and element_type_of(v) != i1)
        if x is None:
            return
        b, is_reverse = self.b, self.flag()
        dim = self.integer(0, len(shape_of(x)) - 1)
        bound = self.bound[x] * max(shape_of(x)[dim], 1)
        functions = [cumulative.cumsum, cumulative.cummax, cumulative.cummin, cumulative.linear_recurrence]
        function = self.choose(*functions, *([cumulative.cumprod] if self.exact else []))
        if function is not cumulative.linear_recurrence:
            self.derived(function(b, x, dim, is_reverse), x, bound=bound)
        elif self.exact or not is_float(element_type_of(x)):
            factor = self.like(x)
            self.derived(function(b, factor, x, dim, is_reverse), x, factor, bound=np.inf)
        else:
            self.derived(function(b, unary.cos(b, self.like(x)), x, dim, is_reverse), x, bound=bound, same=False)

    def sort(self):
        x = self.pick(lambda v: shape_of(v) and self.same[v])
        if x is not None:
            values = self.pick(lambda v: shape_of(v) == shape_of(x))
            dim = self.integer(0, len(shape_of(x)) - 1)
            self.derived(sorting.sort(self.b, x, values, dim, self.flag()), values)

    def window(self):
        x = self.pick(lambda v: shape_of(v) and element_type_of(v) != i1)
        if x is None:
            return
        kind = self.choose("max", "min", "sum")
        is_sum_of_floats = kind == "sum" and is_float(element_type_of(x))
        if is_sum_of_floats and self.exact:
            return
        sizes, strides, dilations = ([self.integer(1, 3) for _ in shape_of(x)] for _ in range(3))
        zeros, ones = [0] * len(sizes), [1] * len(sizes)
        result = windows.reduce_window(
            self.b, x, kind, sizes, strides, low=zeros, high=zeros, base_dilations=ones, dilations=dilations
        )
        bound = self.bound[x] * (float(np.prod(sizes)) if kind == "sum" else 1)
        self.derived(result, x, bound=bound, same=not is_sum_of_floats)

    def argument_of_extreme(self):
        x = self.pick(lambda v: shape_of(v) and self.same[v])
        if x is None:
            return
        dim = self.integer(0, len(shape_of(x)) - 1)
        if shape_of(x)[dim]:
            self.derived(
                self.choose(arg_extrema.argmax, arg_extrema.argmin)(self.b, x, dim), x, bound=self.max_elements
            )

    def softmax(self):
        """Rows scaled to the sum 1, which fusion should turn into one kernel."""
        x = self.pick(lambda v: is_float(element_type_of(v)) and shape_of(v) and shape_of(v)[-1] > 0)
        if x is None or self.exact:
            return
        b, sizes = self.b, shape_of(x)
        last = len(sizes) - 1
        top = broadcast.broadcast_in_dim(b, reduction.reduce_max(b, x, [last]), sizes, range(last))
        scaled = unary.exp(b, arithmetic.sub(b, x, top))
        total = broadcast.broadcast_in_dim(b, broadcast.reduce_sum(b, scaled, [last]), sizes, range(last))
        self.derived(arithmetic.div(b, scaled, total), x, bound=1, same=False)

    def reshape(self):
        x = self.pick()
        sizes = list(shape_of(x))
        match self.integer(0, 3):
            case 0:
                sizes = [int(np.prod(sizes))]
            case 1:
                sizes.insert(self.integer(0, len(sizes)), 1)
            case 2 if len(sizes) > 1:
                at = self.integer(0, len(sizes) - 2)
                sizes[at : at + 2] = [sizes[at] * sizes[at + 1]]
            case _:
                sizes = sizes[::-1] if self.flag() else [size for size in sizes if size != 1]
        if len(sizes) <= 4:
            self.derived(shape.reshape(self.b, x, sizes), x)

    def transpose(self):
        x = self.pick(lambda v: len(shape_of(v)) > 1)
        if x is not None:
            order = self.draw(st.permutations(range(len(shape_of(x)))))
            self.derived(shape.transpose(self.b, x, order), x)

    def reverse(self):
        x = self.pick()
        self.derived(shape.reverse(self.b, x, [dim for dim in range(len(shape_of(x))) if self.flag()]), x)

    def slice(self):
        x = self.pick(shape_of)
        if x is not None:
            starts, limits, strides = [], [], []
            for size in shape_of(x):
                starts.append(self.integer(0, size))
                limits.append(self.integer(starts[-1], size))
                strides.append(self.integer(1, 3))
            self.derived(slicing.slice_(self.b, x, starts, limits, strides), x)

    def pad(self):
        x = self.pick(shape_of)
        if x is None:
            return
        low, high, interior = ([self.integer(0, 2) for _ in shape_of(x)] for _ in range(3))
        if self.flag():
            low[0] = -min(shape_of(x)[0], 1)
        value = constants.full(self.b, self.integer(-1, 1) & 1, tensor_type(element_type_of(x), ()))
        result = slicing.pad(self.b, x, value, low, high, interior)
        if np.prod(shape_of(result)) <= 2 * self.max_elements:
            self.derived(result, x)

    def concatenate(self):
        x = self.pick(shape_of)
        if x is None:
            return
        dim = self.integer(0, len(shape_of(x)) - 1)
        parts = [x]
        for _ in range(self.integer(1, 2)):
            y = self.pick(lambda v: element_type_of(v) == element_type_of(x) and _without(v, dim) == _without(x, dim))
            parts.append(y)
        if sum(int(np.prod(shape_of(part))) for part in parts) <= 2 * self.max_elements:
            self.derived(slicing.concatenate(self.b, parts, dim), *parts)

    def roll(self):
        """An array with its last elements in front, beside itself: what stencils read."""
        x = self.pick(lambda v: shape_of(v) and 0 not in shape_of(v))
        if x is None:
            return
        b, sizes = self.b, shape_of(x)
        dim = self.integer(0, len(sizes) - 1)
        place = self.integer(0, sizes[dim])
        starts, limits = [0] * len(sizes), list(sizes)
        starts[dim] = limits[dim] = place
        ones = [1] * len(sizes)
        parts = [slicing.slice_(b, x, starts, sizes, ones), slicing.slice_(b, x, [0] * len(sizes), limits, ones)]
        value = self.derived(slicing.concatenate(b, parts, dim), x)
        if element_type_of(x) != i1:
            self.derived(arithmetic.sub(b, value, x), x, bound=2 * self.bound[x])

    def assign(self):
        """A window of an array computed from the array itself, or from another."""
        x = self.pick(lambda v: shape_of(v) and 0 not in shape_of(v))
        if x is None:
            return
        b, sizes = self.b, shape_of(x)
        low = [self.integer(0, min(2, size - 1)) for size in sizes]
        window = [self.integer(max(1, size - at - 2), size - at) for size, at in zip(sizes, low, strict=True)]
        source = [self.integer(0, size - extent) for size, extent in zip(sizes, window, strict=True)]
        limits = [at + extent for at, extent in zip(source, window, strict=True)]
        piece = slicing.slice_(b, x, source, limits, [1] * len(sizes))
        if element_type_of(x) != i1:
            piece = arithmetic.add(b, piece, self.full(piece, 1))
        starts = [constants.full(b, at, tensor_type(i64, ())) for at in low]
        self.derived(dynamic_slicing.dynamic_update_slice(b, x, piece, starts), x, bound=self.bound[x] + 1)

    def starts(self, x):
        start_type = tensor_type(self.choose(i64, i32), ())
        fixed = lambda: constants.full(self.b, self.integer(-2, 6), start_type)  # noqa: E731
        scalar = self.pick(lambda v: v.type == start_type and self.same[v])
        return [fixed() if scalar is None or self.flag() else scalar for _ in shape_of(x)]

    def dynamic_slice(self):
        x = self.pick(shape_of)
        if x is None:
            return
        sizes = [self.integer(0, size) for size in shape_of(x)]
        starts = self.starts(x)
        piece = self.derived(dynamic_slicing.dynamic_slice(self.b, x, starts, sizes), x)
        if self.flag():
            target = self.pick(
                lambda v: (
                    element_type_of(v) == element_type_of(x)
                    and len(shape_of(v)) == len(sizes)
                    and all(size <= whole for size, whole in zip(shape_of(piece), shape_of(v), strict=True))
                )
            )
            if target is not None and piece.type.element_type == element_type_of(target):
                self.derived(dynamic_slicing.dynamic_update_slice(self.b, target, piece, starts), target, piece)

    def gather(self):
        x = self.pick(lambda v: shape_of(v) and 0 not in shape_of(v))
        if x is None:
            return
        dims = [dim for dim in range(len(shape_of(x))) if self.flag()]
        indices = self.indices(len(dims), self.shape(2))
        windows = indexing.gather(self.b, x, indices, dims, bounds=self.choose("clamp", "drop"))
        if np.prod(shape_of(windows)) > 2 * self.max_elements:
            return
        windows = self.derived(windows, x)
        if self.flag() and windows.type.element_type == element_type_of(x):
            adds = element_type_of(x) != i1 and (not self.exact or not is_float(element_type_of(x))) and self.flag()
            count = max(int(np.prod(shape_of(windows))), 1)
            result = indexing.scatter(
                self.b, x, indices, windows, dims, "add" if adds else "set", bounds=self.choose("clamp", "drop")
            )
            self.derived(result, x, windows, bound=(self.bound[x] + self.bound[windows]) * (count if adds else 1))

    def dot(self):
        x = self.pick(lambda v: shape_of(v) and not (self.exact and is_float(element_type_of(v))))
        y = self.pick(lambda v: x is not None and shape_of(v) and element_type_of(v) == element_type_of(x))
        if y is None:
            return
        pairs, used = [], set()
        for i, size in enumerate(shape_of(x)):
            for j, other in enumerate(shape_of(y)):
                if size == other and j not in used:
                    used.add(j)
                    pairs.append((i, j))
                    break
        batch, contracting = [], []
        for pair in pairs:
            (contracting if self.integer(0, 2) else batch).append(pair)
        result = contraction.dot_general(
            self.b, x, y, *(tuple(pair[side] for pair in chosen) for chosen in (batch, contracting) for side in (0, 1))
        )
        count = max(int(np.prod([shape_of(x)[i] for i, _ in contracting])), 1)
        if np.prod(shape_of(result)) <= 2 * self.max_elements:
            bound = count * self.bound[x] * self.bound[y]
            self.derived(result, x, y, bound=bound, same=not is_float(element_type_of(x)))

    def constant(self):
        element = self.choose(*self.elements, i64, i1)
        sizes = self.shape()
        if self.flag() and sizes and element != i1:
            value = constants.iota(self.b, tensor_type(element, sizes), self.integer(0, len(sizes) - 1))
        else:
            array = self.array(element, sizes)
            if array.size > MAX_LISTED:
                array = np.full_like(array, array.reshape(-1)[0])
            value = constants.constant(self.b, array)
        self.derived(value, bound=max(sizes, default=9) + 9)

    # The function

    def finish(self):
        """The program: it returns what nothing uses, mostly, and some other values."""
        results = [v for v in self.values if (v.first_use is None and self.integer(0, 9)) or not self.integer(0, 9)]
        results = results or [self.values[-1]]
        self.b.create_op(ReturnOp, results)
        function_type = FunctionType.from_lists([a.type for a in self.block.args], [v.type for v in results])
        module = ModuleOp([FuncOp("f", function_type, Region(self.block))])
        module.verify()
        return Program(module, self.arguments, self.exact)


STEPS = (
    "unary", "binary", "binary", "binary", "function", "function", "power", "compare", "select", "clamp", "convert",
    "broadcast", "reduce", "reduce", "product", "argument_of_extreme", "softmax", "reshape", "transpose", "reverse",
    "slice", "pad", "concatenate", "dynamic_slice", "gather", "dot", "constant", "cumulate", "sort", "window",
    "roll", "assign",
)  # fmt: skip


def make_private(function):
    """Let a function be called only."""
    function.properties["sym_visibility"] = StringAttr("private")


def _fits(sizes, target):
    """Whether a shape broadcasts to `target` along its last dimensions."""
    return len(sizes) <= len(target) and all(
        size in {1, other} for size, other in zip(sizes, target[len(target) - len(sizes) :], strict=True)
    )


def _without(value, dim):
    return len(shape_of(value)), [size for d, size in enumerate(shape_of(value)) if d != dim]
