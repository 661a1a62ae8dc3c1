"""Numbers of the normal distribution of several variables."""

from typing import Any

import numpy as np

from compiler.errors import ShapeError, at_user_line
from compiler.numpy_factorizations import cholesky
from compiler.random.continuous import draw_normal
from compiler.random.drawing import Shape, as_float, check_key, common_shape, parameter, run, shape_of
from compiler.tracer import xp


def multivariate_normal(key: Any, mean: Any, cov: Any, shape: Any = None, dtype: Any = np.float64) -> Any:
    """Numbers of the normal distribution with a mean and a covariance: `mean + cholesky(cov) @ normal`, differentiable in both.

    Args:
        key: `uint32[2]`.
        mean: vectors, `(..., N)`.
        cov: symmetric positive definite matrices, `(..., N, N)`; NaN results where they are not.
        shape: the shape of the result without its last axis, that of the leading axes of `mean` and `cov` together if left out.
        dtype: `float32` or `float64`.

    Raises:
        ShapeError: the shapes do not fit.
        DtypeError: `dtype` is not floating point.

    Example:
        >>> from compiler import random
        >>> random.multivariate_normal(random.key(0), np.zeros(2), np.array([[2.0, 1.0], [1.0, 2.0]]), (3,)).shape
        (3, 2)
    """
    check_key("multivariate_normal", key)
    means, covariances = shape_of(mean), shape_of(cov)
    if not means or covariances[-2:] != (means[-1], means[-1]):
        raise ShapeError(
            at_user_line(
                f"multivariate_normal: mean has shape {means} and cov {covariances}, expected (..., N) and (..., N, N)"
            )
        )
    batches = (np.empty(sizes, np.bool_) for sizes in (means[:-1], covariances[:-2]))
    leading = common_shape("multivariate_normal", shape, *batches)
    known = as_float("multivariate_normal", dtype)
    return run(_draw_multivariate, key, mean, cov, shape=(*leading, means[-1]), dtype=known)


def _draw_multivariate(key: Any, mean: Any, cov: Any, *, shape: Shape, dtype: np.dtype[Any]) -> Any:
    factor = cholesky(parameter(cov, dtype))
    draws = draw_normal(key, shape=shape, dtype=dtype)
    # One product of matrices, where one factor serves for all.
    moved = draws @ factor.T if factor.ndim == 2 else xp.matvec(factor, draws)
    return parameter(mean, dtype) + moved
