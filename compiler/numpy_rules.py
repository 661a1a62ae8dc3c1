"""What NumPy means on tracers: the tables of all functions, behind the protocol that frames carry."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from xdsl.utils.exceptions import VerifyException

from compiler.errors import DtypeError, ShapeError, at_user_line
from compiler.indexed_update import IndexedUpdates
from compiler.indexing import read as read_index
from compiler.indexing import write as write_index
from compiler.numpy_creation import FUNCTIONS as CREATION_FUNCTIONS
from compiler.numpy_cumulative import FUNCTIONS as CUMULATIVE_FUNCTIONS
from compiler.numpy_editing import FUNCTIONS as EDITING_FUNCTIONS
from compiler.numpy_einsum import FUNCTIONS as EINSUM_FUNCTIONS
from compiler.numpy_factorizations import FUNCTIONS as FACTORIZATION_FUNCTIONS
from compiler.numpy_fft import FUNCTIONS as FFT_FUNCTIONS
from compiler.numpy_indexing import FUNCTIONS as INDEXING_FUNCTIONS
from compiler.numpy_inverses import FUNCTIONS as INVERSES_FUNCTIONS
from compiler.numpy_joining import FUNCTIONS as JOINING_FUNCTIONS
from compiler.numpy_linalg import FUNCTIONS as LINALG_FUNCTIONS
from compiler.numpy_norms import FUNCTIONS as NORMS_FUNCTIONS
from compiler.numpy_padding import FUNCTIONS as PADDING_FUNCTIONS
from compiler.numpy_quantiles import FUNCTIONS as QUANTILE_FUNCTIONS
from compiler.numpy_reductions import FUNCTIONS as REDUCTIONS_FUNCTIONS
from compiler.numpy_selection import FUNCTIONS as SELECTION_FUNCTIONS
from compiler.numpy_sets import FUNCTIONS as SET_FUNCTIONS
from compiler.numpy_shape import FUNCTIONS as SHAPE_FUNCTIONS
from compiler.numpy_sorting import FUNCTIONS as SORTING_FUNCTIONS
from compiler.numpy_statistics import FUNCTIONS as STATISTICS_FUNCTIONS
from compiler.numpy_ufuncs import traced_ufunc
from compiler.numpy_windows import FUNCTIONS as WINDOW_FUNCTIONS
from compiler.operands import as_tracer
from compiler.tensor import plain
from compiler.tracer import Tracer, fail_unsupported
from compiler.ufunc_methods import traced_method
from dialects.dlc.interfaces import ElementTypeError

FUNCTIONS: dict[Any, Callable[..., Any]] = {
    **CREATION_FUNCTIONS,
    **SHAPE_FUNCTIONS,
    **JOINING_FUNCTIONS,
    **SELECTION_FUNCTIONS,
    **INDEXING_FUNCTIONS,
    **REDUCTIONS_FUNCTIONS,
    **CUMULATIVE_FUNCTIONS,
    **SORTING_FUNCTIONS,
    **QUANTILE_FUNCTIONS,
    **SET_FUNCTIONS,
    **WINDOW_FUNCTIONS,
    **PADDING_FUNCTIONS,
    **EDITING_FUNCTIONS,
    **STATISTICS_FUNCTIONS,
    **LINALG_FUNCTIONS,
    **FACTORIZATION_FUNCTIONS,
    **NORMS_FUNCTIONS,
    **INVERSES_FUNCTIONS,
    **EINSUM_FUNCTIONS,
    **FFT_FUNCTIONS,
}
"""Our function for each function of NumPy that is not a ufunc."""

_INSTEAD: dict[Any, str] = {
    np.array_repr: "print the array after the function has returned it",
    np.array_str: "print the array after the function has returned it",
    np.save: "return the array and save it outside of the function",
}


class NumpyRules:
    """The `Rules` of NumPy. A `Tensor` that is no argument of the function being traced is a constant."""

    def ufunc(
        self, ufunc: np.ufunc, method: str, inputs: Sequence[Any], arguments: Mapping[str, Any], *, is_operator: bool
    ) -> Any:
        """The value of a ufunc or of one of its methods."""
        try:
            if method != "__call__":
                return traced_method(ufunc, method, plain(inputs), plain(arguments))
            return traced_ufunc(ufunc, plain(inputs), plain(arguments), is_operator=is_operator)
        except VerifyException as error:
            kind = DtypeError if isinstance(error, ElementTypeError) else ShapeError
            raise kind(at_user_line(f"np.{ufunc.__name__}: {error}")) from error

    def function(self, function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The value of a NumPy function that is not a ufunc."""
        ours = FUNCTIONS.get(function)
        if ours is None:
            module = getattr(function, "__module__", "numpy").replace("numpy", "np", 1)
            advice = _INSTEAD.get(function, "write it with functions of NumPy that are supported")
            fail_unsupported(f"the function `{module}.{function.__name__}`", advice)
        try:
            return ours(*plain(args), **plain(kwargs))
        except VerifyException as error:
            kind = DtypeError if isinstance(error, ElementTypeError) else ShapeError
            raise kind(at_user_line(f"np.{function.__name__}: {error}")) from error

    def read(self, x: Any, index: Any) -> Tracer:
        """The value of `x[index]`."""
        return read_index(as_tracer(x), plain(index))

    def at(self, x: Any) -> IndexedUpdates:
        """The value of `x.at`."""
        return IndexedUpdates(as_tracer(x))

    def write(self, x: Any, index: Any, value: Any) -> None:
        """Carry out `x[index] = value`."""
        write_index(x, plain(index), plain(value))


RULES = NumpyRules()
"""The rules that every frame of `compiler.tracing` carries."""
