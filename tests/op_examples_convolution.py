"""Examples of convolution and of its adjoint in the kernel."""

from op_example import OpExample, tensor

from dialects.builder import int_array
from dialects.dlc.convolution import ConvolutionKernelOp, ConvolutionOp
from dialects.dlc.convolution_geometry import Geometry


def geometry(rank, strides=1, low=0, high=0, lhs_dilation=1, rhs_dilation=1, groups=1):
    amounts = strides, low, high, lhs_dilation, rhs_dilation
    return Geometry(*((n,) * rank if isinstance(n, int) else n for n in amounts), groups)


CONVOLUTIONS = (
    ("2x3x5x7xf64", "5x3x3x2xf64", geometry(2)),  # a matrix of the windows of each image
    ("2x3x9xf32", "5x3x1xf32", geometry(1)),  # images that are the matrices
    ("1x3x5x7xf64", "7x3x3x3xf64", geometry(2, strides=(2, 1), low=1, high=(1, 2))),
    (
        "2x4x5x7xf32",
        "6x2x2x3xf32",
        geometry(2, strides=(1, 2), low=(2, -1), high=(-1, 1), rhs_dilation=(1, 2), groups=2),
    ),
    ("2x12x7xf64", "10x6x2xf64", geometry(1, low=-1, high=0, groups=2)),
    ("2x3x9x5xf32", "3x1x3x3xf32", geometry(2, low=1, high=1, groups=3)),  # depthwise
    ("3x1x17xf64", "3x1x5xf64", geometry(1, strides=2, low=3, high=-2)),  # few products per result
    ("2x3x5xf64", "5x3x4xf64", geometry(1, low=2, high=2, lhs_dilation=2)),  # phases
    ("1x2x3x4xf32", "2x2x3x2xf32", geometry(2, low=(1, 0), high=(2, 1), lhs_dilation=(3, 1), strides=(1, 2))),
    ("2x2x5xf64", "3x2x3xf64", geometry(1, strides=2, low=1, high=3, lhs_dilation=3)),
    ("1x2x5xf64", "3x2x4xf64", geometry(1, strides=2, low=2, high=3, lhs_dilation=4, rhs_dilation=2)),
    ("1x1x3x4x5xf32", "2x1x2x2x3xf32", geometry(3, low=(0, 1, 0), high=(1, 0, 0))),
    ("5x3x4x3xf64", "7x3x3x2xf64", geometry(2, low=(0, -1), high=-1)),  # one window per image
    ("2x3xf64", "5x3xf64", geometry(0)),  # a matrix product
    ("0x3x5xf64", "5x3x2xf64", geometry(1)),
    ("2x0x5xf64", "5x0x2xf64", geometry(1)),
    ("2x3x0xf64", "5x3x2xf64", geometry(1, low=2, high=1)),
    ("2x3x5xf64", "5x3x7xf64", geometry(1)),  # no window fits
    ("2x3x5xf64", "5x3x2xf64", geometry(1, low=7, high=-6)),  # only padding
    ("1x1x1x1xf32", "1x1x1x1xf32", geometry(2)),
    ("2x3x9xbf16", "7x3x4xbf16", geometry(1, low=1, high=1)),
    ("2x3x9xf16", "3x1x4xf16", geometry(1, low=1, high=1, groups=3)),
    ("2x3x9xi32", "7x3x4xi32", geometry(1, low=1, high=1)),
    ("2x3x9xui8", "3x1x4xui8", geometry(1, strides=2, groups=3)),
    ("2x3x9xi1", "7x3x4xi1", geometry(1, low=1, high=1)),
    ("2x3x5xcomplex<f64>", "6x3x2xcomplex<f64>", geometry(1, low=1, high=0)),
)


def adjoint_in_the_kernel(x, w, windows):
    image, kernel = tensor(x), tensor(w)
    result = ConvolutionOp.infer_type((image, kernel), windows.properties())
    properties = {**windows.properties(), "sizes": int_array(kernel.get_shape()[2:])}
    return OpExample(ConvolutionKernelOp, (image, result), properties)


CONVOLUTION_EXAMPLES = (
    *(OpExample(ConvolutionOp, (tensor(x), tensor(w)), windows.properties()) for x, w, windows in CONVOLUTIONS),
    *(
        adjoint_in_the_kernel(x, w, windows)
        for x, w, windows in CONVOLUTIONS
        if set(windows.strides) <= {1} or set(windows.lhs_dilation) <= {1}
    ),
)
