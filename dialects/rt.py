"""The `rt` dialect: what a compiled program asks of its surroundings.

`rt.kernel` groups structured operations that will become one kernel, `rt.launch` runs an outlined kernel over a
range, `rt.gemm` calls the BLAS library, `rt.lapack` (`dialects/lapack.py`) LAPACK, `rt.row` is a view of part of a buffer,
`rt.scatter` and `rt.fft` are the structured operations that `linalg` lacks.
"""

from collections.abc import Sequence
from math import prod
from typing import Self, cast

from xdsl.dialects.builtin import (
    I64,
    DenseArrayBase,
    Float64Type,
    FloatAttr,
    FunctionType,
    IndexType,
    IntegerAttr,
    MemRefType,
    ShapedType,
    StringAttr,
    SymbolRefAttr,
    TensorType,
    UnitAttr,
    i64,
)
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Dialect, Region, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    opt_result_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import HasParent, IsolatedFromAbove, IsTerminator, Pure
from xdsl.utils.exceptions import VerifyException

from dialects.fourier import FourierLayout
from dialects.lapack import LapackOp
from dialects.prefetch import PrefetchOp
from dialects.sort_rows import MergeRowsOp, SortRowsOp

ARRAY_TYPES = "rt.array_types"
"""The attribute of a host function that holds the types of its arrays, where they are not those of its own type.

Integers of `ui8` to `ui64` lose their sign below `dlc`, and complex numbers become pairs of floats.
"""


DONATED = "rt.donated"
"""The attribute of a host function with the positions of inputs that it may overwrite."""

GRAIN = "rt.grain"
"""The attribute of a `memref.copy` with the bytes, and of an `rt.lapack` with the calls, of one of the parts that threads share."""

MAX_THREADS = "rt.max_threads"
"""The attribute of a host function with the number of threads that may share its work; without it all of them may."""

RESULT_INPUTS = "rt.result_inputs"
"""The attribute of a host function, set by `bufferize`, with the position of the input whose memory each result takes, or -1."""


def keep_array_types(function: FuncOp, array_types: FunctionType) -> None:
    """Let `function`, if public, remember what its arrays are: the first type it had."""
    if function.sym_visibility is None or function.sym_visibility.data != "private":
        function.attributes.setdefault(ARRAY_TYPES, array_types)


@irdl_op_definition
class KernelOp(IRDLOperation):
    """A group of structured operations that becomes one kernel.

    The region is isolated from above: its block arguments stand for `inputs`. `tile` holds the sizes of the outer
    parallel iteration space that all its `linalg.generic` operations share as their leading loop dimensions; one
    point of that space can be computed without any other.

    On tensors, `rt.yield` names the results. On memrefs (after `bufferize`) there are no results: the kernel writes
    to memrefs among its inputs.
    """

    name = "rt.kernel"

    inputs = var_operand_def(TensorType | MemRefType)
    outputs = var_result_def(TensorType)
    kernel_name = prop_def(StringAttr)
    tile = prop_def(DenseArrayBase.constr(I64))
    body = region_def("single_block")

    traits = traits_def(IsolatedFromAbove())

    def __init__(
        self,
        kernel_name: str,
        tile: Sequence[int],
        inputs: Sequence[SSAValue],
        result_types: Sequence[Attribute],
        body: Region,
    ):
        super().__init__(
            operands=[inputs],
            result_types=[result_types],
            properties={
                "kernel_name": StringAttr(kernel_name),
                "tile": DenseArrayBase.from_list(i64, list(tile)),
            },
            regions=[body],
        )

    def verify_(self) -> None:
        """Check that block arguments match the inputs and the yielded values the results."""
        block = self.body.block
        arguments = tuple(argument.type for argument in block.args)
        inputs = tuple(value.type for value in self.inputs)
        if arguments != inputs:
            raise VerifyException(f"rt.kernel: block arguments {arguments} differ from inputs {inputs}")
        last = block.last_op
        if not isinstance(last, YieldOp):
            raise VerifyException("rt.kernel: the region must end in rt.yield")
        yielded = tuple(value.type for value in last.values)
        results = tuple(value.type for value in self.outputs)
        if yielded != results:
            raise VerifyException(f"rt.kernel: yields {yielded}, expected the result types {results}")

    def print(self, printer: Printer) -> None:
        """Print as `rt.kernel "name" tile [64] ins(%a = %x : type) -> (types) { … }`."""
        printer.print_string(" ")
        printer.print_string_literal(self.kernel_name.data)
        printer.print_string(" tile [")
        printer.print_list(self.tile.get_values(), lambda size: printer.print_string(str(size)))
        printer.print_string("] ins(")
        block = self.body.block
        printer.print_list(
            list(zip(block.args, self.inputs, strict=True)),
            lambda pair: _print_binding(printer, *pair),
        )
        printer.print_string(")")
        if self.outputs:
            printer.print_string(" -> (")
            printer.print_list(self.outputs, lambda value: printer.print_attribute(value.type))
            printer.print_string(")")
        printer.print_string(" ")
        printer.print_region(self.body, print_entry_block_args=False)
        printer.print_op_attributes(self.attributes, print_keyword=True)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse what `print` prints."""
        name = parser.parse_str_literal()
        parser.parse_keyword("tile")
        tile = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, parser.parse_integer)
        parser.parse_keyword("ins")
        arguments: list[Parser.Argument] = []
        inputs: list[SSAValue] = []

        def parse_binding() -> None:
            argument = parser.parse_argument(expect_type=False)
            parser.parse_punctuation("=")
            value = parser.parse_unresolved_operand()
            parser.parse_punctuation(":")
            value_type = parser.parse_type()
            arguments.append(argument.resolve(value_type))
            inputs.append(parser.resolve_operand(value, value_type))

        parser.parse_comma_separated_list(parser.Delimiter.PAREN, parse_binding)
        result_types: list[Attribute] = []
        if parser.parse_optional_punctuation("->"):
            result_types = parser.parse_comma_separated_list(parser.Delimiter.PAREN, parser.parse_type)
        body = parser.parse_region(arguments)
        attributes = parser.parse_optional_attr_dict_with_keyword()
        op = cls(name, tile, inputs, result_types, body)
        if attributes is not None:
            op.attributes |= attributes.data
        return op


def _print_binding(printer: Printer, argument: SSAValue, value: SSAValue) -> None:
    printer.print_ssa_value(argument)
    printer.print_string(" = ")
    printer.print_operand(value)
    printer.print_string(" : ")
    printer.print_attribute(value.type)


@irdl_op_definition
class YieldOp(IRDLOperation):
    """Ends the region of `rt.kernel` and names its results."""

    name = "rt.yield"

    values = var_operand_def(TensorType)

    traits = traits_def(IsTerminator(), HasParent(KernelOp))

    assembly_format = "($values^ `:` type($values))? attr-dict"


@irdl_op_definition
class GemmOp(IRDLOperation):
    """Matrix product by the BLAS library: `out[b] = op(lhs[b]) @ op(rhs[b])`.

    `lhs` is `[b x] m x k` (`k x m` with `trans_lhs`), `rhs` is `[b x] k x n` (`n x k` with `trans_rhs`), `out` is
    `[b x] m x n`; the element type is f32 or f64. Either operand may lack the batch dimension. On tensors the product
    is the result; on memrefs it is written to the operand `out`. With `blocks` threads compute blocks of so many matrices, rows and
    columns of `sizes`, those at the ends being smaller; all of several matrices, or parts of one.
    """

    name = "rt.gemm"

    lhs = operand_def(TensorType | MemRefType)
    rhs = operand_def(TensorType | MemRefType)
    out = opt_operand_def(MemRefType)
    result = opt_result_def(TensorType)
    trans_lhs = opt_prop_def(UnitAttr)
    trans_rhs = opt_prop_def(UnitAttr)
    blocks = opt_prop_def(DenseArrayBase.constr(I64))

    assembly_format = (
        "(`trans_lhs` $trans_lhs^)? (`trans_rhs` $trans_rhs^)? $lhs `,` $rhs (`into` $out^)? (`blocks` $blocks^)? "
        "`:` type($lhs) `,` type($rhs) (`into` type($out)^)? (`->` type($result)^)? attr-dict"
    )

    def verify_(self) -> None:
        """Check the shapes, and that exactly one of `out` and `result` is there."""
        if (self.out is None) == (self.result is None):
            raise VerifyException("rt.gemm: needs either an out memref or a tensor result")
        destination = cast(ShapedType, (self.out or self.result).type)  # pyright: ignore[reportOptionalMemberAccess]
        expected = self.product_shape()
        if destination.get_shape() != expected:
            raise VerifyException(f"rt.gemm: the product has shape {expected}, got {destination}")
        if self.blocks is not None:
            block, sizes = self.blocks.get_values(), self.sizes[:3]
            if len(block) != 3 or min(block) < 1 or (block[0] > 1 and block[1:] != sizes[1:]):
                raise VerifyException(
                    f"rt.gemm: blocks {list(block)} are not blocks of {list(sizes)}, or of parts of several matrices"
                )

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """`b, m, n, k`, where many matrices on the left of one are a single matrix with more rows."""
        *batch, m, n = self.product_shape()
        k = cast(ShapedType, self.lhs.type).get_shape()[-2 if self.trans_lhs is not None else -1]
        count, ranks = prod(batch), [cast(ShapedType, value.type).get_num_dims() for value in (self.lhs, self.rhs)]
        return (1, m * count, n, k) if ranks == [3, 2] and self.trans_lhs is None else (count, m, n, k)

    def product_shape(self) -> tuple[int, ...]:
        """The shape of the product; raise `VerifyException` if the operands do not fit."""
        lhs = cast(ShapedType, self.lhs.type).get_shape()
        rhs = cast(ShapedType, self.rhs.type).get_shape()
        if not 2 <= len(lhs) <= 3 or not 2 <= len(rhs) <= 3:
            raise VerifyException(f"rt.gemm: operands of shapes {lhs} and {rhs} are not (batches of) matrices")
        m, k = (lhs[-1], lhs[-2]) if self.trans_lhs is not None else (lhs[-2], lhs[-1])
        k_rhs, n = (rhs[-1], rhs[-2]) if self.trans_rhs is not None else (rhs[-2], rhs[-1])
        if k != k_rhs or (len(lhs) == len(rhs) == 3 and lhs[0] != rhs[0]):
            raise VerifyException(f"rt.gemm: shapes {lhs} and {rhs} do not fit")
        batch = lhs[:-2] or rhs[:-2]
        return (*batch, m, n)


@irdl_op_definition
class LaunchOp(IRDLOperation):
    """Run the outlined kernel `kernel` over the whole range of its tile.

    The kernel's own arguments are `operands`; from the `loops` stage on it takes the range `lo, hi` in front of them,
    and `over` holds the sizes whose product is the extent of that range. With a `grain`, threads run parts of so many points, the
    last of which may have fewer; without, the thread that gets there runs all of it.
    """

    name = "rt.launch"

    kernel = prop_def(SymbolRefAttr)
    over = prop_def(DenseArrayBase.constr(I64))
    arguments = var_operand_def(MemRefType)
    grain = opt_prop_def(IntegerAttr[I64])

    assembly_format = "$kernel `over` $over (`grain` $grain^)? `(` $arguments `)` `:` type($arguments) attr-dict"

    @property
    def extent(self) -> int:
        """The number of points."""
        return prod(cast(Sequence[int], self.over.get_values()))

    @property
    def part_count(self) -> int:
        """How many parts the range has: 1 without a `grain`."""
        return 1 if self.grain is None else -(-self.extent // self.grain.value.data)

    def verify_(self) -> None:
        """Check that parts have points."""
        if self.grain is not None and self.grain.value.data < 1:
            raise VerifyException(f"rt.launch: grain is {self.grain.value.data}, expected at least 1")


@irdl_op_definition
class ScatterOp(IRDLOperation):
    """A structured operation that writes at computed positions: `dest[…] = body(dest[…], updates[b…, u, r…])` for every `u` in order.

    In its first `batch_dims` dimensions `dest` is indexed by the loops `b…`, in dimension `dims[k]` by `indices[b…, u, k]`,
    and in the others by the loops `r…`. An index outside of `dest` is moved to the nearest one inside where `bounds` is
    `clamp`, and nothing is written where it is `drop`. The loops `b…` and `r…` are parallel: no two of their points touch the
    same element. On memrefs it writes to `dest` and has no result.
    """

    name = "rt.scatter"

    updates = operand_def(TensorType | MemRefType)
    indices = operand_def(TensorType | MemRefType)
    dest = operand_def(TensorType | MemRefType)
    dims = prop_def(DenseArrayBase.constr(I64))
    batch_dims = prop_def(IntegerAttr[I64])
    bounds = prop_def(StringAttr)
    result = opt_result_def(TensorType)
    body = region_def("single_block")

    assembly_format = (
        "$updates `at` $indices `into` $dest `dims` $dims `batch_dims` $batch_dims `bounds` $bounds "
        "`:` type($updates) `,` type($indices) `,` type($dest) (`->` type($result)^)? $body attr-dict"
    )

    @property
    def is_dropping(self) -> bool:
        """Whether what is outside of `dest` is dropped."""
        return self.bounds.data == "drop"

    @property
    def rest(self) -> tuple[int, ...]:
        """The dimensions of `dest` that a window has."""
        dims = cast(Sequence[int], self.dims.get_values())
        rank = cast(ShapedType, self.dest.type).get_num_dims()
        return tuple(dim for dim in range(self.batch_dims.value.data, rank) if dim not in dims)

    @property
    def parallel(self) -> tuple[int, ...]:
        """The extents of the parallel loops."""
        shape = cast(ShapedType, self.dest.type).get_shape()
        return (*shape[: self.batch_dims.value.data], *(shape[dim] for dim in self.rest))

    @property
    def count(self) -> int:
        """How many windows are written in each part of the batch."""
        return cast(ShapedType, self.indices.type).get_shape()[-2]

    def verify_(self) -> None:
        """Check that the shapes fit."""
        batch = self.batch_dims.value.data
        indices, updates = (cast(ShapedType, value.type).get_shape() for value in (self.indices, self.updates))
        parallel = self.parallel
        expected = ((*parallel[:batch], len(self.dims)), (*parallel[:batch], *parallel[batch:]))
        if len(indices) != batch + 2 or (*indices[:batch], indices[-1]) != expected[0]:
            raise VerifyException(f"rt.scatter: indices of shape {indices} do not fit {self.dest.type}")
        if (*updates[:batch], *updates[batch + 1 :]) != expected[1] or updates[batch] != indices[batch]:
            raise VerifyException(f"rt.scatter: updates of shape {updates} do not fit {self.dest.type}")
        if self.bounds.data not in {"clamp", "drop"}:
            raise VerifyException(f'rt.scatter: bounds are "{self.bounds.data}", expected "clamp" or "drop"')


@irdl_op_definition
class FftOp(IRDLOperation):
    """A structured operation: `result[o, k, i] = scale * sum over j of exp(-2 pi i j k / n) input[o, j, i]` on complex numbers.

    The last dimension has the real and the imaginary part, or is of size 1: of real numbers. With `inverse` the sign of the exponent is
    positive. The steps have the `radices`, whose product is `n`, and take their roots of unity from `roots` (`dialects/fourier.py`).
    Where `kind` is `real`, the result are the elements `0 … n / 2` of the transform of `n` real numbers; if they lie in pairs, of
    `2 n`. `inverse_real` is the way back. `parts` is in how many parts the loop over `i` is split. Scratch has one row for each point of
    the parallel loops; without it there is room on the stack. On memrefs the result and the scratch are the operands `outs`.
    """

    name = "rt.fft"

    input = operand_def(TensorType | MemRefType)
    roots = operand_def(TensorType | MemRefType)
    outs = var_operand_def(MemRefType)
    outputs = var_result_def(TensorType)
    kind = prop_def(StringAttr)
    inverse = opt_prop_def(UnitAttr)
    radices = prop_def(DenseArrayBase.constr(I64))
    scale = prop_def(FloatAttr[Float64Type])
    parts = prop_def(IntegerAttr[I64])

    assembly_format = (
        "$kind (`inverse` $inverse^)? $input `,` $roots (`into` $outs^)? `radices` $radices `scale` $scale `parts` $parts "
        "`:` type($input) `,` type($roots) (`into` type($outs)^)? (`->` type($outputs)^)? attr-dict"
    )

    @property
    def layout(self) -> FourierLayout:
        """What lies where."""
        shapes = [cast(ShapedType, value.type).get_shape() for value in (self.input, *(self.outs or self.outputs))]
        radices = tuple(cast(Sequence[int], self.radices.get_values()))
        return FourierLayout(self.kind.data, radices, shapes[0], shapes[1], self.parts.value.data)

    @property
    def parallel(self) -> tuple[int, ...]:
        """The extents of the parallel loops."""
        return cast(ShapedType, self.input.type).get_shape()[0], self.parts.value.data

    def verify_(self) -> None:
        """Check that the shapes fit."""
        layout = self.layout
        fault = layout.fault()
        if fault:
            raise VerifyException(f"rt.fft: {fault}")
        scratch = [cast(ShapedType, value.type).get_shape() for value in (self.outs or self.outputs)[1:]]
        if scratch not in ([], [layout.scratch_shape]):
            raise VerifyException(f"rt.fft: scratch has shape {scratch[0]}, expected {layout.scratch_shape}")
        size = layout.plan.table_size
        if cast(ShapedType, self.roots.type).get_shape() != (size,):
            raise VerifyException(f"rt.fft: roots have type {self.roots.type}, expected {size} numbers")


@irdl_op_definition
class RowOp(IRDLOperation):
    """The row `source[position]`: a view of the contiguous memory of all elements whose first index is `position`.

    Undefined unless `0 <= position < size` of the first dimension.
    """

    name = "rt.row"

    source = operand_def(MemRefType)
    position = operand_def(IndexType)
    result = result_def(MemRefType)

    traits = traits_def(Pure())

    assembly_format = "$source `[` $position `]` `:` type($source) `->` type($result) attr-dict"

    def verify_(self) -> None:
        """Check that the result is the source without its first dimension."""
        source = cast(MemRefType[Attribute], self.source.type)
        expected = MemRefType(source.element_type, source.get_shape()[1:])
        if not source.get_shape() or self.result.type != expected:
            raise VerifyException(f"rt.row: a row of {source} is no {self.result.type}; leave out the first dimension")


Rt = Dialect(
    "rt",
    [FftOp, GemmOp, KernelOp, LapackOp, LaunchOp, MergeRowsOp, PrefetchOp, RowOp, ScatterOp, SortRowsOp, YieldOp],
    [],
)
