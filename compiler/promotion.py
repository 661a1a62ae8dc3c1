"""NumPy 2's dtype promotion (NEP 50), asked from NumPy itself.

Python scalars and tracers that stand for them are weak: they adopt the dtype of the arrays they meet. NumPy resolves the
loop of a ufunc for given dtypes; the answers are cached.
"""

from functools import lru_cache, reduce
from typing import Any, TypeAlias

import numpy as np
from ml_dtypes import bfloat16

from compiler.axes import is_array
from compiler.errors import DtypeError, ShapeError, at_user_line
from compiler.tracer import Tracer
from dialects.dlc.interfaces import ELEMENT_TYPES

Kind: TypeAlias = np.dtype[Any] | type
"""A dtype, or `int`, `float` or `complex` for a weak scalar."""

BOOL, INT32, INT64 = np.dtype(np.bool_), np.dtype(np.int32), np.dtype(np.int64)
BFLOAT16 = np.dtype(bfloat16)
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


def kind_of(x: Any) -> Kind:
    """How `x`, a tracer or concrete operand, takes part in promotion."""
    if isinstance(x, Tracer):
        return {"i": int, "f": float, "c": complex}[x.dtype.kind] if x.weak_type else x.dtype
    if is_array(x):
        return x.dtype
    if isinstance(x, bool):
        return BOOL
    if isinstance(x, int | float | complex):
        for weak in (int, float, complex):
            if type(x) is weak:
                return weak
    return np.asarray(x).dtype


def _strong(kind: Kind) -> Kind:
    """A weak integer or float as bfloat16, for an operation with one; to NumPy it would be a float32."""
    return BFLOAT16 if kind in {int, float} else kind


@lru_cache(maxsize=4096)
def ufunc_dtypes(ufunc: np.ufunc, kinds: tuple[Kind, ...], dtype: np.dtype[Any] | None) -> tuple[np.dtype[Any], ...]:
    """The dtypes of the loop that NumPy would run: of the inputs, then of the outputs.

    Raises:
        TypeError: NumPy has no such loop.
        DtypeError: the loop computes in a dtype that `dlc` lacks.
    """
    wanted: Any = {} if dtype is None else {"signature": (*[None] * ufunc.nin, *[dtype] * ufunc.nout)}
    outputs = (None,) * ufunc.nout
    if set(kinds) == {int}:
        kinds = (INT64,) * len(kinds)  # NumPy compares two Python integers as objects
    if BFLOAT16 in kinds:
        kinds = tuple(map(_strong, kinds))
    dtypes: tuple[np.dtype[Any], ...] = ufunc.resolve_dtypes((*kinds, *outputs), **wanted)
    if set(kinds) == {BFLOAT16}:  # where `ml_dtypes` has no loop, NumPy falls back to float32
        dtypes = tuple(BFLOAT16 if loop_dtype == FLOAT32 else loop_dtype for loop_dtype in dtypes)
    for loop_dtype in dtypes:
        if loop_dtype not in ELEMENT_TYPES:
            shown = ", ".join(
                kind.name if isinstance(kind, np.dtype) else f"a Python {kind.__name__}" for kind in kinds
            )
            raise DtypeError(
                f"{ufunc.__name__}: NumPy computes it for {shown} in {loop_dtype.name}, which is not supported; "
                "convert the operands with `.astype(np.float32)` or another of "
                f"{', '.join(known.name for known in ELEMENT_TYPES)}"
            )
    return dtypes


def result_dtype(*operands: Any) -> np.dtype[Any]:
    """The dtype that arrays, tracers and Python scalars have in common, as `np.result_type`."""
    return common_dtype(*map(kind_of, operands))


def _sum_dtype(x: Kind, y: Kind) -> np.dtype[Any]:
    return np.add.resolve_dtypes((x, y, None))[2]


@lru_cache(maxsize=4096)
def common_dtype(*kinds: Kind) -> np.dtype[Any]:
    """The dtype that `kinds` have in common."""
    if BFLOAT16 in kinds:  # of which `np.result_type` knows less than `np.add`
        return reduce(_sum_dtype, map(_strong, kinds))  # pyright: ignore[reportReturnType]
    # A strong bool changes no common dtype, and keeps NumPy from reading a lone type as a dtype.
    stand_in: dict[Kind, Any] = {int: 0, float: 0.0, complex: 0j}
    return np.result_type(*[stand_in.get(kind, kind) for kind in kinds])


def check_python_int(number: int, dtype: np.dtype[Any], what: str) -> None:
    """Raise `DtypeError` if a Python integer does not fit into the dtype that it adopts."""
    if dtype.kind in "iu" and not np.iinfo(dtype).min <= number <= np.iinfo(dtype).max:
        raise DtypeError(
            at_user_line(
                f"{what}: the Python integer {number} does not fit into {dtype.name}; convert to a wider dtype"
            )
        )


@lru_cache(maxsize=8192)
def _broadcast(shapes: tuple[tuple[int, ...], ...]) -> tuple[int, ...] | None:
    rank = max(map(len, shapes))
    result = [1] * rank
    for shape in shapes:
        for i, size in enumerate(shape, rank - len(shape)):
            if size != result[i] and size != 1:
                if result[i] != 1:
                    return None
                result[i] = size
    return tuple(result)


def broadcast_shapes(what: str, *shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that arrays of `shapes` broadcast to; raise `ShapeError` if they do not fit."""
    result = _broadcast(shapes)
    if result is None:
        raise ShapeError(
            at_user_line(
                f"{what}: shapes {join_shapes(shapes)} do not fit: aligned at the last dimension, "
                "sizes must be equal or 1; reshape an operand or index it with `np.newaxis`"
            )
        )
    return result


def join_shapes(shapes: tuple[tuple[int, ...], ...]) -> str:
    """`(2,), (3,) and (4,)`."""
    texts = [str(shape) for shape in shapes]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
