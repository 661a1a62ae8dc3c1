"""`OP_EXAMPLES`: several applications of every op of the dialect, for the tests that must hold for all of them."""

from op_example import OpExample, build_function, random_operands, tensor
from op_examples_convolution import CONVOLUTION_EXAMPLES
from op_examples_cumulative import CUMULATIVE_EXAMPLES
from op_examples_elementwise import ELEMENTWISE_EXAMPLES
from op_examples_fourier import FOURIER_EXAMPLES
from op_examples_matrices import MATRIX_EXAMPLES
from op_examples_random import RANDOM_EXAMPLES
from op_examples_sorting import SORTING_EXAMPLES
from op_examples_structural import STRUCTURAL_EXAMPLES
from op_examples_windows import RESAMPLING_EXAMPLES, WINDOW_EXAMPLES

OP_EXAMPLES: tuple[OpExample, ...] = (
    *ELEMENTWISE_EXAMPLES,
    *STRUCTURAL_EXAMPLES,
    *CUMULATIVE_EXAMPLES,
    *SORTING_EXAMPLES,
    *WINDOW_EXAMPLES,
    *MATRIX_EXAMPLES,
    *FOURIER_EXAMPLES,
    *CONVOLUTION_EXAMPLES,
    *RESAMPLING_EXAMPLES,
    *RANDOM_EXAMPLES,
)

__all__ = ["OP_EXAMPLES", "OpExample", "build_function", "random_operands", "tensor"]
