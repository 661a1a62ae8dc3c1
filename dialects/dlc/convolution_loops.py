"""The forms of convolutions in linalg.

In general one image after the other, and one group of its channels after the other, is spread out into a matrix of the elements that each
window covers, which is multiplied by the kernel as a matrix (Chellapilla, Puri and Simard 2006): that keeps the matrix of one image
in the cache and never makes that of all images. Where each image is one window, it is a row of a matrix. Where each group has few products per
result, as in depthwise convolution, generated loops read the image directly.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from xdsl.dialects import math
from xdsl.ir import Attribute, SSAValue
from xdsl.ir.affine import AffineExpr

from dialects.builder import OpBuilder, affine_map, tensor_type
from dialects.dlc.contraction import build_product_sum, product_and_sum
from dialects.dlc.convolution_geometry import Geometry, Sizes
from dialects.dlc.interfaces import AnyTensor, element_type_of, is_float, shape_of
from dialects.dlc.scalars import scalar_op
from dialects.reshapes import build_reshape
from dialects.rows import build_row, build_with_row
from dialects.structured import (
    PARALLEL,
    build_cast,
    build_copy,
    build_empty,
    build_fill,
    build_for,
    build_generic,
    build_window_write,
    compute_type,
)

TAPS = 64
"""Up to this many products per result are unrolled where a matrix product would have few rows."""
ROWS = 4
"""Up to this many rows a product of matrices takes less time than to make the matrix of the elements in the windows."""


@dataclass(frozen=True)
class _Windows:
    """An image in which all windows lie: window `p` has the elements at `p * stride + k * dilation + offset`."""

    image: SSAValue
    geometry: Geometry
    offsets: Sizes

    def places(self, first: int, taps: Sequence[AffineExpr]) -> tuple[AffineExpr, ...]:
        """Where the elements `taps` are of windows counted by the loops from `first` on."""
        geometry = self.geometry
        amounts = zip(geometry.strides, taps, geometry.rhs_dilation, self.offsets, strict=True)
        return tuple(
            AffineExpr.dimension(first + d) * stride + tap * dilation + offset
            for d, (stride, tap, dilation, offset) in enumerate(amounts)
        )


def _build_windows(
    b: OpBuilder, image: SSAValue, geometry: Geometry, kernel: Sizes, counts: Sizes, element: Attribute
) -> _Windows:
    """Append what has to be done for all windows to lie within the image, whose last dimensions are spatial."""
    rank = len(kernel)
    lead, sizes = shape_of(image)[: -rank or None], shape_of(image)[len(shape_of(image)) - rank :]
    reach = tuple((p - 1) * s + k for p, s, k in zip(counts, geometry.strides, geometry.spans(kernel), strict=True))
    amounts = list(zip(sizes, geometry.low, geometry.lhs_dilation, reach, strict=True))
    if all(d == 1 and low <= 0 and extent <= n + low for n, low, d, extent in amounts):
        return _Windows(build_cast(b, image, element), geometry, tuple(-low for low in geometry.low))
    firsts = [max(0, -(low // d)) for _, low, d, _ in amounts]
    ends = [min(n, (extent - 1 - low) // d + 1) for n, low, d, extent in amounts]
    around = build_fill(b, b.constant(0, element), tensor_type(element, (*lead, *reach)))
    if any(end <= first for first, end in zip(firsts, ends, strict=True)):
        return _Windows(around, geometry, (0,) * rank)
    kept = (*lead, *(end - first for first, end in zip(firsts, ends, strict=True)))
    if kept != shape_of(image):
        access = [AffineExpr.dimension(d) for d in range(len(kept))]
        for d, first in enumerate(firsts):
            access[len(lead) + d] += first
        source = affine_map(len(kept), tuple(access))
        image = build_copy(b, image, tensor_type(element_type_of(image), kept), source)
    image = build_cast(b, image, element)
    offsets = [low + first * d for (_, low, d, _), first in zip(amounts, firsts, strict=True)]
    steps = (*(1,) * len(lead), *geometry.lhs_dilation)
    padded = build_window_write(b, image, around, (*(0,) * len(lead), *offsets), steps)
    return _Windows(padded, geometry, (0,) * rank)


def lower_convolution(b: OpBuilder, x: SSAValue, w: SSAValue, geometry: Geometry, result_type: AnyTensor) -> SSAValue:
    """Append the form of `dlc.convolution`."""
    stored = element_type_of(x)
    element = compute_type(stored)
    images, outputs, *counts = result_type.get_shape()
    _, inputs, *kernel = shape_of(w)
    if 0 in {images, outputs, inputs, *counts}:
        return build_fill(b, b.constant(0, stored), result_type)
    groups = geometry.groups
    each = outputs // groups
    x = build_reshape(b, x, (images, groups, inputs, *shape_of(x)[2:]))
    w = build_reshape(b, build_cast(b, w, element), (groups, each, inputs, *kernel))
    sizes = _Sizes(images, groups, each, inputs, tuple(kernel), tuple(counts), element)
    lower = _by_image
    if groups == 1 and prod(counts) == 1:
        lower = _of_rows
    elif each <= ROWS and sizes.taps <= TAPS:
        lower = _unrolled
    result = build_cast(b, lower(b, x, w, geometry, sizes), stored)
    return build_reshape(b, result, result_type.get_shape())


@dataclass(frozen=True)
class _Sizes:
    """The loops of a convolution."""

    images: int
    groups: int
    outputs: int
    inputs: int
    kernel: Sizes
    counts: Sizes
    element: Attribute

    @property
    def taps(self) -> int:
        """Products per result."""
        return self.inputs * prod(self.kernel)


def _of_rows(b: OpBuilder, x: SSAValue, w: SSAValue, geometry: Geometry, sizes: _Sizes) -> SSAValue:
    """One product of matrices: each image is one window."""
    rows = build_reshape(b, _build_elements(b, x, geometry, sizes), (sizes.images, sizes.taps))
    w = build_reshape(b, w, (sizes.outputs, sizes.taps))
    return build_product_sum(b, rows, w, ((0, 2), (1, 2)), (sizes.images, sizes.outputs), 1)


def _unrolled(b: OpBuilder, x: SSAValue, w: SSAValue, geometry: Geometry, sizes: _Sizes) -> SSAValue:
    """One elementwise generic with all products of a result in its body."""
    shape = (sizes.images, sizes.groups, sizes.outputs, *sizes.counts)
    result_type = tensor_type(sizes.element, shape)
    windows = _build_windows(b, x, geometry, sizes.kernel, sizes.counts, sizes.element)
    taps = [
        (AffineExpr.constant(i), [AffineExpr.constant(k) for k in place])
        for i, *place in product(range(sizes.inputs), *map(range, sizes.kernel))
    ]
    rank = len(shape)
    image, group, output = map(AffineExpr.dimension, range(3))
    maps = [affine_map(rank, (image, group, i, *windows.places(3, place))) for i, place in taps]
    maps += [affine_map(rank, (group, output, i, *place)) for i, place in taps]
    multiply, accumulate = product_and_sum(sizes.element)

    def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
        pairs = zip(arguments[: len(taps)], arguments[len(taps) : -1], strict=True)
        total: SSAValue | None = None
        for left, right in pairs:
            if total is None:
                total = scalar_op(inner, multiply, left, right)
            elif is_float(sizes.element):
                total = scalar_op(inner, math.FmaOp, left, right, total)
            else:
                total = scalar_op(inner, accumulate, total, scalar_op(inner, multiply, left, right))
        assert total is not None, "there are products"
        return (total,)

    inputs = [windows.image] * len(taps) + [w] * len(taps)
    return build_generic(b, inputs, (build_empty(b, result_type),), (*maps, range(rank)), (PARALLEL,) * rank, body)[0]


def _by_image(b: OpBuilder, x: SSAValue, w: SSAValue, geometry: Geometry, sizes: _Sizes) -> SSAValue:
    """Loops over images and groups with the product of two matrices in them."""
    of_group = _product_of_windows
    if set(geometry.strides) == {1} and 2 * sizes.outputs <= sizes.inputs and 1 < prod(sizes.kernel) <= TAPS:
        of_group = _windows_of_product
        order = (0, 1, *range(3, 3 + len(sizes.kernel)), 2)
        shape = tuple(shape_of(w)[dim] for dim in order)
        access = tuple(order.index(dim) for dim in range(len(order)))
        w = build_copy(b, w, tensor_type(sizes.element, shape), access)
        w = build_reshape(b, w, (sizes.groups, sizes.outputs * prod(sizes.kernel), sizes.inputs))
    else:
        w = build_reshape(b, w, (sizes.groups, sizes.outputs, sizes.taps))
    group_type = tensor_type(sizes.element, (sizes.outputs, *sizes.counts))
    image_type = tensor_type(sizes.element, (sizes.groups, sizes.outputs, *sizes.counts))

    def of_image(inner: OpBuilder, n: SSAValue | None) -> SSAValue:
        image = _row(inner, x, n)

        def row(inmost: OpBuilder, g: SSAValue | None) -> SSAValue:
            return of_group(inmost, _row(inmost, image, g), _row(inmost, w, g), geometry, sizes)

        return _build_rows(inner, sizes.groups, group_type, row)

    return _build_rows(b, sizes.images, image_type, of_image)


def _product_of_windows(b: OpBuilder, image: SSAValue, w: SSAValue, geometry: Geometry, sizes: _Sizes) -> SSAValue:
    """The kernel `[outputs, taps]` times the matrix of the windows."""
    matrix = _build_matrix(b, image, geometry, sizes)
    result = build_product_sum(b, w, matrix, ((0, 2), (2, 1)), (sizes.outputs, prod(sizes.counts)), 1)
    return build_reshape(b, result, (sizes.outputs, *sizes.counts))


def _windows_of_product(b: OpBuilder, image: SSAValue, w: SSAValue, geometry: Geometry, sizes: _Sizes) -> SSAValue:
    """Sums over windows of the kernel `[outputs * elements of a window, inputs]` times the image.

    If there are more inputs than outputs, this is smaller than the matrix of the windows (Anderson et al., arXiv 1709.03395).
    """
    rank = len(sizes.kernel)
    windows = _build_windows(b, image, geometry, sizes.kernel, sizes.counts, sizes.element)
    _, *places = shape_of(windows.image)
    pixels = build_reshape(b, windows.image, (sizes.inputs, prod(places)))
    products = build_product_sum(b, w, pixels, ((0, 2), (2, 1)), (shape_of(w)[0], prod(places)), 1)
    products = build_reshape(b, products, (sizes.outputs, *sizes.kernel, *places))
    taps = [[AffineExpr.constant(k) for k in place] for place in product(*map(range, sizes.kernel))]
    maps = [affine_map(1 + rank, (AffineExpr.dimension(0), *place, *windows.places(1, place))) for place in taps]
    _, accumulate = product_and_sum(sizes.element)

    def body(inner: OpBuilder, arguments: tuple[SSAValue, ...]) -> Sequence[SSAValue]:
        total = arguments[0]
        for argument in arguments[1:-1]:
            total = scalar_op(inner, accumulate, total, argument)
        return (total,)

    empty = build_empty(b, tensor_type(sizes.element, (sizes.outputs, *sizes.counts)))
    iterators = (PARALLEL,) * (1 + rank)
    return build_generic(b, [products] * len(taps), (empty,), (*maps, range(1 + rank)), iterators, body)[0]


def _build_matrix(b: OpBuilder, image: SSAValue, geometry: Geometry, sizes: _Sizes) -> SSAValue:
    """Append the matrix whose columns are the windows of one group of channels."""
    elements = _build_elements(b, image, geometry, sizes)
    return build_reshape(b, elements, (sizes.taps, prod(sizes.counts)))


def _build_elements(b: OpBuilder, image: SSAValue, geometry: Geometry, sizes: _Sizes) -> SSAValue:
    """Append the elements of windows: where images have spatial dimensions there are the kernel's, then the windows'."""
    windows = _build_windows(b, image, geometry, sizes.kernel, sizes.counts, sizes.element)
    image = windows.image
    rank = len(sizes.kernel)
    lead = shape_of(image)[: len(shape_of(image)) - rank]
    if set(sizes.kernel) | set(geometry.strides) <= {1} and shape_of(image) == (*lead, *sizes.counts):
        return image
    whole = (*lead, *sizes.kernel, *sizes.counts)
    dims = [AffineExpr.dimension(d) for d in range(len(lead) + rank)]
    places = windows.places(len(lead) + rank, dims[len(lead) :])
    access = affine_map(len(whole), (*dims[: len(lead)], *places))
    return build_copy(b, image, tensor_type(sizes.element, whole), access)


def lower_convolution_kernel(
    b: OpBuilder, x: SSAValue, y: SSAValue, geometry: Geometry, result_type: AnyTensor
) -> SSAValue:
    """Append the form of `dlc.convolution_kernel`."""
    stored = element_type_of(x)
    element = compute_type(stored)
    outputs, inputs, *kernel = result_type.get_shape()
    images, _, *counts = shape_of(y)
    if 0 in {*result_type.get_shape(), *shape_of(y)}:
        return build_fill(b, b.constant(0, stored), result_type)
    groups = geometry.groups
    each = outputs // groups
    x = build_reshape(b, x, (images, groups, inputs, *shape_of(x)[2:]))
    y = build_reshape(b, y, (images, groups, each, *counts))
    sizes = _Sizes(images, groups, each, inputs, tuple(kernel), tuple(counts), element)
    lower = _kernel_by_image
    if groups == 1 and prod(counts) == 1:
        lower = _kernel_of_rows
    elif each <= ROWS and sizes.taps <= TAPS:
        lower = _direct_kernel
    result = build_cast(b, lower(b, x, y, geometry, sizes), stored)
    return build_reshape(b, result, result_type.get_shape())


def _kernel_of_rows(b: OpBuilder, x: SSAValue, y: SSAValue, geometry: Geometry, sizes: _Sizes) -> SSAValue:
    """One product of matrices: each image is one window."""
    rows = build_reshape(b, _build_elements(b, x, geometry, sizes), (sizes.images, sizes.taps))
    y = build_cast(b, build_reshape(b, y, (sizes.images, sizes.outputs)), sizes.element)
    return build_product_sum(b, y, rows, ((2, 0), (2, 1)), (sizes.outputs, sizes.taps), 1)


def _direct_kernel(b: OpBuilder, x: SSAValue, y: SSAValue, geometry: Geometry, sizes: _Sizes) -> SSAValue:
    """One generic that reduces over images and places."""
    shape = (sizes.groups, sizes.outputs, sizes.inputs, *sizes.kernel)
    windows = _build_windows(b, x, geometry, sizes.kernel, sizes.counts, sizes.element)
    rank, num_parallel = len(sizes.kernel), len(shape)
    image, group, output, channel = map(AffineExpr.dimension, (num_parallel, 0, 1, 2))
    taps = [AffineExpr.dimension(3 + d) for d in range(rank)]
    num_dims = num_parallel + 1 + rank
    of_x = affine_map(num_dims, (image, group, channel, *windows.places(num_parallel + 1, taps)))
    of_y = affine_map(num_dims, (image, group, output, *map(AffineExpr.dimension, range(num_parallel + 1, num_dims))))
    y = build_cast(b, y, sizes.element)
    return build_product_sum(b, windows.image, y, (of_x, of_y), shape, 1 + rank)


def _kernel_by_image(b: OpBuilder, x: SSAValue, y: SSAValue, geometry: Geometry, sizes: _Sizes) -> SSAValue:
    """A loop over groups, and one over images that adds up the products of the matrices."""
    places = prod(sizes.counts)
    y = build_reshape(b, y, (sizes.images, sizes.groups, sizes.outputs, places))
    shape = (sizes.outputs, sizes.taps)
    zero_type = tensor_type(sizes.element, shape)

    def of_image(inner: OpBuilder, n: SSAValue | None, g: SSAValue | None) -> SSAValue:
        image, cotangent = (_row(inner, _row(inner, whole, n), g) for whole in (x, y))
        matrix = _build_matrix(inner, image, geometry, sizes)
        return build_product_sum(inner, build_cast(inner, cotangent, sizes.element), matrix, ((0, 2), (1, 2)), shape, 1)

    def of_group(inner: OpBuilder, g: SSAValue | None) -> SSAValue:
        if sizes.images == 1:
            return of_image(inner, None, g)
        start = build_fill(inner, inner.constant(0, sizes.element), zero_type)
        bounds = (inner.index(0), inner.index(sizes.images), inner.index(1))

        def add(inmost: OpBuilder, n: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
            return (_build_sum(inmost, carried[0], of_image(inmost, n, g)),)

        return build_for(inner, *bounds, (start,), add)[0]

    return _build_rows(b, sizes.groups, zero_type, of_group)


def _build_sum(b: OpBuilder, x: SSAValue, y: SSAValue) -> SSAValue:
    _, accumulate = product_and_sum(element_type_of(x))
    rank = len(shape_of(x))
    return build_generic(
        b,
        (x, y),
        (build_empty(b, tensor_type(element_type_of(x), shape_of(x))),),
        (range(rank),) * 3,
        (PARALLEL,) * rank,
        lambda inner, arguments: (scalar_op(inner, accumulate, arguments[0], arguments[1]),),
    )[0]


def _row(b: OpBuilder, x: SSAValue, position: SSAValue | None) -> SSAValue:
    """`x[position]`; the only row for `None`."""
    return build_reshape(b, x, shape_of(x)[1:]) if position is None else build_row(b, x, position)


def _build_rows(
    b: OpBuilder, count: int, row_type: AnyTensor, row: Callable[[OpBuilder, SSAValue | None], SSAValue]
) -> SSAValue:
    """Append the stack of `row(b, i)` for `i < count`: a loop, unless there is one row, for which `i` is `None`."""
    stack_type = tensor_type(row_type.element_type, (count, *row_type.get_shape()))
    if count == 1:
        return build_reshape(b, row(b, None), stack_type.get_shape())

    def step(inner: OpBuilder, position: SSAValue, carried: Sequence[SSAValue]) -> Sequence[SSAValue]:
        return (build_with_row(inner, row(inner, position), carried[0], position),)

    bounds = (b.index(0), b.index(count), b.index(1))
    return build_for(b, *bounds, (build_empty(b, stack_type),), step)[0]
