"""Arguments of the functions of `compiler.nn`: traced, and checked with a message that names the function."""

from typing import Any

import numpy as np

from compiler.axes import is_sequence
from compiler.errors import ArgumentError, DtypeError, ShapeError, TracingError, at_user_line
from compiler.operands import as_tracer
from compiler.tracer import describe
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


def operand_like(x: Any, like: Tracer) -> Tracer:
    """Another operand as a tracer of the dtype of `like`, which all results have."""
    return as_tracer(x).astype(like.dtype)


def drawn_dtype(x: Tracer) -> np.dtype[Any]:
    """The dtype in which random numbers for `x` are drawn: that of `x`, or float32 for half precision, which has too few."""
    return np.promote_types(x.dtype, np.float32)


def check_known(name: str, argument: str, *values: Any) -> None:
    """Raise an error if a setting that shapes depend on is traced."""
    for value in values:
        if isinstance(value, Tracer):
            raise TracingError(
                at_user_line(
                    f"{name}: {argument} is {describe(value)}, but decides what is computed; make it static "
                    "(`static_argnames`), or call the function inside of yours with a number"
                )
            )


def check_choice(name: str, argument: str, value: object, choices: tuple[str, ...]) -> None:
    """Raise an error unless `value` is one of the words that `argument` may be."""
    if value not in choices:
        words = ", ".join(repr(choice) for choice in choices[:-1])
        raise ArgumentError(at_user_line(f"{name}: {argument} is {value!r}; use {words} or {choices[-1]!r}"))


def check_rng_key(name: str, rng_key: Any) -> None:
    """Raise an error if there is no key where something random happens."""
    if rng_key is None:
        raise ArgumentError(
            at_user_line(f"{name}: rng_key is missing; pass a key of `compiler.random`, a new one each time")
        )


def size_of_keys(name: str, embed_dim: int, num_heads: int, num_kv_heads: int | None) -> int:
    """How many elements the keys of all heads have; raise an error if the heads do not fit."""
    kv_heads = num_heads if num_kv_heads is None else num_kv_heads
    if min(embed_dim, num_heads, kv_heads) < 1 or embed_dim % num_heads or num_heads % kv_heads:
        raise ArgumentError(
            at_user_line(
                f"{name}: {num_heads} heads of queries and {kv_heads} of keys for an embed_dim of {embed_dim}; use a "
                "divisor of embed_dim, and a divisor of that"
            )
        )
    return embed_dim // num_heads * kv_heads


def check_dim(x: Tracer, dim: int, name: str) -> None:
    """Raise an error unless `dim` is a dimension of `x`."""
    check_known(name, "dim", dim)
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
    check_known(name, argument, *given)
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
