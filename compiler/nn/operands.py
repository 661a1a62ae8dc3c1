"""Arguments of the functions of `compiler.nn`: traced, and checked with a message that names the function."""

from typing import Any

import numpy as np

from compiler.axes import is_sequence
from compiler.errors import ArgumentError, DtypeError, ShapeError, at_user_line
from compiler.tracing import Tracer, array_value, current_frame, new_tracer
from dialects.dlc import unary
from dialects.dlc.interfaces import dtype_kind


def floating_tracer(x: Any, name: str) -> Tracer:
    """`x` as a floating-point tracer."""
    tracer = new_tracer(array_value(x), isinstance(x, float))
    if dtype_kind(tracer.dtype) != "f":
        raise DtypeError(
            at_user_line(f"{name}: input has dtype {tracer.dtype}, expected float32 or float64; convert it with astype")
        )
    return tracer


def check_dim(x: Tracer, dim: int, name: str) -> None:
    """Raise an error unless `dim` is a dimension of `x`."""
    if isinstance(dim, bool) or not isinstance(dim, int | np.integer):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ArgumentError(at_user_line(f"{name}: dim is {dim!r}; use an integer"))
    if not -x.ndim <= dim < x.ndim:
        raise ShapeError(at_user_line(f"{name}: dim {dim} does not exist in shape {x.shape}"))


def constant_for_derivatives(x: Any) -> Tracer:
    """`x` as a constant for derivatives: `stop_gradient`."""
    return new_tracer(unary.stop_gradient(current_frame().builder, array_value(x)))


def per_dimension(name: str, argument: str, value: Any, rank: int, least: int = 1) -> tuple[int, ...]:
    """`value`, one integer for all of `rank` dimensions or one for each, as a tuple; none is below `least`."""
    given = tuple(value) if is_sequence(value) else (value,)
    if not all(isinstance(n, int | np.integer) and not isinstance(n, bool) and n >= least for n in given):
        raise ArgumentError(at_user_line(f"{name}: {argument} is {value!r}; use integers from {least} on"))
    if len(given) not in {1, rank}:
        raise ArgumentError(at_user_line(f"{name}: {argument} is {value!r}; use one integer, or {rank} of them"))
    return tuple(int(n) for n in given) * (rank if len(given) < rank else 1)


def check_rank(x: Tracer, name: str, ranks: tuple[int, ...], layout: str) -> None:
    """Raise an error unless `x` has one of so many dimensions; `layout` says which they are."""
    if x.ndim not in ranks:
        raise ShapeError(at_user_line(f"{name}: input has shape {x.shape}, expected {layout}"))


def image_layout(rank: int) -> str:
    """How the dimensions of an input with `rank` spatial ones are called."""
    return f"[N, C, {', '.join(('D', 'H', 'W')[-rank:])}], or without N"
