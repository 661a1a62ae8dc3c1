"""Random bits from a key and a counter: `dlc.random_bits`.

The generator is Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC'11): one
bijection of 128-bit counters for each key of 64 bits. Every element is a function of the key and of its own position, so
that the bits do not depend on where, in which order or in how many pieces they are computed.
"""

import math
from collections.abc import Sequence
from typing import ClassVar, cast

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import AffineMapAttr, IntegerAttr, IntegerType, TensorType, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.ir.affine import AffineExpr
from xdsl.irdl import VarConstraint, base, irdl_op_definition, operand_def, prop_def, result_def
from xdsl.utils.exceptions import VerifyException

from dialects.builder import OpBuilder, affine_map, tensor_type
from dialects.dlc.broadcast import broadcast_to_front
from dialects.dlc.constants import zeros
from dialects.dlc.interfaces import (
    ELEMENT_TYPES,
    AnyTensor,
    Array,
    Properties,
    TensorOp,
    dtype_of,
    is_unsigned,
    shape_of,
)
from dialects.dlc.scalars import scalar_compare, scalar_op, scalar_select
from dialects.reshapes import build_reshape
from dialects.structured import PARALLEL, Body, build_copy, build_empty, build_generic, build_loop_index

ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
"""What the two words of the key grow by from round to round."""

BLOCK_BITS = 128
"""The size of a counter, and of the block of bits that Philox makes of it."""

ROW = 64
"""So many blocks lie side by side; see Note [Which bits an element gets]."""

WORD = ELEMENT_TYPES[np.dtype(np.uint32)]
LOW = 0xFFFFFFFF


@irdl_op_definition
class RandomBitsOp(TensorOp):
    """`result[k…, i…]` = piece `i // 64 % n` of `philox(key[k…], (i // 64n * 64 + i % 64, stream[k…], domain))`.

    `i` is the position of the element in row-major order over the dimensions that `key` has not, and `n` how many elements
    make 128 bits. A counter is the number of a block (64 bits), the stream and the domain (32 bits each); a block of 128 bits
    has its pieces in little-endian order.
    """

    NO_DERIVATIVE: ClassVar[str] = "random bits are integers"

    name = "dlc.random_bits"

    T: ClassVar = VarConstraint("T", base(TensorType))

    key = operand_def(TensorType)
    stream = operand_def(TensorType)
    domain = prop_def(IntegerAttr.constr(i64))
    output = prop_def(T)
    result = result_def(T)

    assembly_format = "$key `stream` $stream `domain` $domain attr-dict `:` type($key) `,` type($stream) `->` $output"

    @classmethod
    def infer_type(cls, operand_types: Sequence[AnyTensor], properties: Properties) -> AnyTensor:
        """The type given by `output`: integers without sign, with a leading dimension for each that the keys have."""
        key, stream = operand_types
        output = cast(AnyTensor, properties["output"])
        domain = cast(IntegerAttr[IntegerType], properties["domain"]).value.data
        if key.element_type != WORD or key.get_shape()[-1:] != (2,):
            raise VerifyException(f"{cls.name}: key has type {key}, expected tensor<…x2xui32>")
        keys = key.get_shape()[:-1]
        if stream != tensor_type(WORD, keys):
            raise VerifyException(
                f"{cls.name}: stream has type {stream}, expected {tensor_type(WORD, keys)}, a number for each key"
            )
        if not 0 <= domain <= LOW:
            raise VerifyException(f"{cls.name}: domain {domain} is not a number of 32 bits")
        dtype_of(output)
        if not is_unsigned(output.element_type):
            raise VerifyException(f"{cls.name}: the result has type {output}, expected elements of ui8 to ui64")
        if output.get_shape()[: len(keys)] != keys:
            raise VerifyException(
                f"{cls.name}: the result has type {output}, expected it to start with the sizes {list(keys)} of the array of keys"
            )
        return output

    def evaluate(self, operands: Sequence[Array]) -> Array:
        """Whole rows of blocks, cut to size."""
        keys, streams = (operand.astype(np.uint64) for operand in operands)
        shape, dtype = self._sizes, dtype_of(self.result.type)
        pieces = BLOCK_BITS // (8 * dtype.itemsize)
        rows = -(-math.prod(shape) // (ROW * pieces))
        block = np.arange(rows * ROW, dtype=np.uint64)
        counter = (
            block & np.uint64(LOW),
            block >> np.uint64(32),
            streams[..., None],
            np.asarray(self.domain.value.data, np.uint64),
        )
        words = np.stack(philox(counter, (keys[..., :1], keys[..., 1:])), -1).astype("<u4")
        blocks = words.reshape(*streams.shape, rows, ROW, 4).view(dtype.newbyteorder("<"))
        flat = np.swapaxes(blocks, -1, -2).reshape(*streams.shape, rows * ROW * pieces)
        return flat[..., : math.prod(shape)].reshape(self.shape).astype(dtype)

    def simplify(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue | None:
        """Of no elements: an empty constant."""
        del operands
        return None if math.prod(self.shape) else zeros(b, self.result.type)

    def batch(self, b: OpBuilder, operands: Sequence[SSAValue], batched: Sequence[bool], size: int) -> SSAValue:
        """One more dimension of keys, so that every example has the bits that it has alone."""
        key, stream = (
            value if is_batched else broadcast_to_front(b, value, size)
            for value, is_batched in zip(operands, batched, strict=True)
        )
        element = self.result.type.element_type
        return random_bits(b, key, stream, self.domain.value.data, tensor_type(element, (size, *self.shape)))

    def lower(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """One elementwise generic for up to a row, where every element has a block of its own, else whole rows."""
        if 0 in self.shape:
            return build_copy(b, operands[1], self.result.type, ())
        return self._lower_row(b, operands) if math.prod(self._sizes) <= ROW else self._lower_rows(b, operands)

    @property
    def _sizes(self) -> tuple[int, ...]:
        """The sizes of the result for one key."""
        return self.shape[len(shape_of(self.stream)) :]

    def _lower_row(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        rank = len(self.shape)
        element = self.result.type.element_type

        def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            block = inner.constant(0, i64)
            for dim in range(len(shape_of(self.stream)), rank):
                stride = inner.constant(math.prod(self.shape[dim + 1 :]), i64)
                block = scalar_op(
                    inner, arith.AddiOp, block, scalar_op(inner, arith.MuliOp, _loop_index(inner, dim), stride)
                )
            return (_truncated(inner, self._parts(inner, block, arguments)[0], element),)

        return self._generic(b, operands, self.shape, (self.result.type,), body)[0]

    def _lower_rows(self, b: OpBuilder, operands: Sequence[SSAValue]) -> SSAValue:
        """Blocks in rows, a tensor for each of their words (or pairs of words); these in order; then cut to size."""
        element = self.result.type.element_type
        width = cast(IntegerType, element).width.data
        keys = shape_of(self.stream)
        pieces = BLOCK_BITS // width
        rows = -(-math.prod(self._sizes) // (ROW * pieces))
        part_element = element if width >= 32 else WORD
        rank = len(keys) + 3

        def make(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            first = scalar_op(inner, arith.MuliOp, _loop_index(inner, rank - 3), inner.constant(ROW, i64))
            block = scalar_op(inner, arith.AddiOp, first, _loop_index(inner, rank - 2))
            return [_truncated(inner, part, part_element) for part in self._parts(inner, block, arguments)]

        def order(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
            return (self._piece(inner, arguments[:-1], _loop_index(inner, rank - 2)),)

        part_type = tensor_type(part_element, (*keys, rows, ROW))
        parts = self._generic(b, operands, part_type.get_shape(), (part_type,) * min(4, pieces), make)
        leading = range(rank - 2)
        ordered_type = tensor_type(element, (*keys, rows, pieces, ROW))
        ordered = build_generic(
            b,
            parts,
            (build_empty(b, ordered_type),),
            (*[(*leading, rank - 1)] * len(parts), range(rank)),
            (PARALLEL,) * rank,
            order,
        )[0]
        size = rows * pieces * ROW
        if math.prod(self._sizes) == size:
            return build_reshape(b, ordered, self.shape)
        flat = build_reshape(b, ordered, (*keys, size))
        return build_copy(b, flat, self.result.type, self._flat_map())

    def _piece(self, b: OpBuilder, parts: Sequence[SSAValue], number: SSAValue) -> SSAValue:
        """The piece of a block with a number, of the words (or pairs of words) that the block consists of."""
        element = self.result.type.element_type
        width = cast(IntegerType, element).width.data
        per_part = max(1, 32 // width)
        position = scalar_op(b, arith.ShRUIOp, number, b.constant(per_part.bit_length() - 1, i64))
        chosen = parts[-1]
        for candidate in range(len(parts) - 2, -1, -1):
            is_it = scalar_compare(b, "eq", position, b.constant(candidate, i64))
            chosen = scalar_select(b, is_it, parts[candidate], chosen)
        if per_part == 1:
            return chosen
        within = scalar_op(b, arith.AndIOp, number, b.constant(per_part - 1, i64))
        count = scalar_op(b, arith.MuliOp, within, b.constant(width, i64))
        shifted = scalar_op(b, arith.ShRUIOp, chosen, b.create(arith.TruncIOp, (count,), WORD))
        return b.create(arith.TruncIOp, (shifted,), element)

    def _flat_map(self) -> AffineMapAttr:
        """Where in `(keys…, position)` an element of the result is."""
        position = AffineExpr.constant(0)
        for dim in range(len(shape_of(self.stream)), len(self.shape)):
            position = position + AffineExpr.dimension(dim) * math.prod(self.shape[dim + 1 :])
        keys = [AffineExpr.dimension(dim) for dim in range(len(shape_of(self.stream)))]
        return affine_map(len(self.shape), (*keys, position))

    def _generic(
        self, b: OpBuilder, operands: Sequence[SSAValue], shape: Sequence[int], types: Sequence[AnyTensor], body: Body
    ) -> tuple[SSAValue, ...]:
        """A generic over `shape` whose body gets both words of the key and the stream."""
        key, stream = operands
        rank = len(shape)
        keys = [AffineExpr.dimension(dim) for dim in range(len(shape_of(self.stream)))]
        words = [affine_map(rank, (*keys, AffineExpr.constant(word))) for word in (0, 1)]
        maps = (*words, affine_map(rank, tuple(keys)), *[range(rank)] * len(types))
        outputs = [build_empty(b, output) for output in types]
        return build_generic(b, (key, key, stream), outputs, maps, (PARALLEL,) * rank, body)

    def _parts(self, b: OpBuilder, block: SSAValue, arguments: Sequence[SSAValue]) -> list[SSAValue]:
        """The words of a block as scalars of 64 bits, of which the lower 32 count; or pairs of words for `ui64`."""
        k0, k1, stream = (b.create(arith.ExtUIOp, (x,), i64) for x in arguments[:3])
        half, low = b.constant(32, i64), b.constant(LOW, i64)
        high_part = scalar_op(b, arith.ShRUIOp, block, half)
        words = (block, high_part, stream, b.constant(self.domain.value.data, i64))
        words = _scalar_philox(b, words, (k0, k1))
        if cast(IntegerType, self.result.type.element_type).width.data < 64:
            return words
        return [
            scalar_op(b, arith.OrIOp, scalar_op(b, arith.AndIOp, first, low), scalar_op(b, arith.ShLIOp, second, half))
            for first, second in (words[:2], words[2:])
        ]


def philox(counter: Sequence[Array], key: Sequence[Array]) -> tuple[Array, ...]:
    """The four words of Philox 4x32-10; all words are numbers of 32 bits in arrays of uint64 that broadcast."""
    low, half = np.uint64(LOW), np.uint64(32)
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(ROUNDS):
        p0, p1 = c0 * np.uint64(MULTIPLIERS[0]), c2 * np.uint64(MULTIPLIERS[1])
        c0, c1, c2, c3 = (p1 >> half) ^ c1 ^ k0, p1 & low, (p0 >> half) ^ c3 ^ k1, p0 & low
        k0, k1 = (k0 + np.uint64(WEYL[0])) & low, (k1 + np.uint64(WEYL[1])) & low
    return c0, c1, c2, c3


def _scalar_philox(b: OpBuilder, counter: Sequence[SSAValue], key: Sequence[SSAValue]) -> list[SSAValue]:
    """`philox` on scalars of 64 bits, of which the lower 32 count.

    Vector units multiply the lower halves of 64-bit lanes to 64 bits in one instruction; masking right before the product is
    how LLVM sees that this is asked for, and costs nothing.
    """
    low, half = b.constant(LOW, i64), b.constant(32, i64)
    multipliers = [b.constant(number, i64) for number in MULTIPLIERS]
    weyl = [b.constant(number, i64) for number in WEYL]
    c0, c1, c2, c3 = counter
    k0, k1 = key

    def product(x: SSAValue, multiplier: SSAValue) -> SSAValue:
        return scalar_op(b, arith.MuliOp, scalar_op(b, arith.AndIOp, x, low), multiplier)

    def mixed(p: SSAValue, c: SSAValue, k: SSAValue) -> SSAValue:
        return scalar_op(b, arith.XOrIOp, scalar_op(b, arith.XOrIOp, scalar_op(b, arith.ShRUIOp, p, half), c), k)

    for number in range(ROUNDS):
        if number:
            k0, k1 = scalar_op(b, arith.AddiOp, k0, weyl[0]), scalar_op(b, arith.AddiOp, k1, weyl[1])
        p0, p1 = product(c0, multipliers[0]), product(c2, multipliers[1])
        c0, c1, c2, c3 = mixed(p1, c1, k0), p1, mixed(p0, c3, k1), p0
    return [c0, c1, c2, c3]


def _loop_index(b: OpBuilder, dim: int) -> SSAValue:
    return b.create(arith.IndexCastOp, (build_loop_index(b, dim),), i64)


def _truncated(b: OpBuilder, x: SSAValue, element: Attribute) -> SSAValue:
    """The low bits of a scalar of 64 bits as `element`."""
    is_whole = cast(IntegerType, element).width.data == 64
    return b.create(arith.BitcastOp if is_whole else arith.TruncIOp, (x,), element)


def random_bits(b: OpBuilder, key: SSAValue, stream: SSAValue, domain: int, output: AnyTensor) -> SSAValue:
    """Append random bits of type `output`, whose leading dimensions are those of `key` but the last."""
    return RandomBitsOp.emit(b, (key, stream), {"domain": IntegerAttr(domain, i64), "output": output})


# Note [Which bits an element gets]
#
# A block has 128 bits, `n` elements. If neighbours in memory came from one block, vectors of blocks would have to be
# transposed before they can be stored. So blocks lie side by side in rows of 64, and a row gives first the first piece of all
# its blocks, then the second piece of all, and so on: 64 n consecutive elements. All loops run along blocks, nothing is
# computed twice, and the place of an element does not depend on how many there are: the first numbers of a longer array
# are those of a shorter one.
