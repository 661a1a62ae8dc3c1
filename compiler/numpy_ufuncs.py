"""NumPy's ufuncs on tracers, called: promotion, broadcasting, the rule, and `out=`, `where=` and `dtype=`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from compiler.axes import is_sequence
from compiler.errors import DtypeError, ShapeError, TracingError, at_user_line
from compiler.frames import Frame, current_frame
from compiler.numpy_linalg import matmul, matvec, vecdot, vecmat
from compiler.operands import as_array, as_tracer, broadcast_value, contains_tracer, convert_value, operand_value
from compiler.promotion import (
    BOOL,
    broadcast_shapes,
    check_python_int,
    kind_of,
    ufunc_dtypes,
)
from compiler.tracer import Tracer, describe, fail_unsupported, is_scalar, value_of
from compiler.ufunc_rules import UFUNC_RULES, UFUNC_RULES_BY_NAME, Rule
from dialects.dlc.selection import select

_MATRIX_PRODUCTS: dict[np.ufunc, Callable[..., Tracer]] = {np.matmul: matmul, np.vecdot: vecdot}
for _name, _product in (("matvec", matvec), ("vecmat", vecmat)):  # NumPy 2.2 and later
    if hasattr(np, _name):
        _MATRIX_PRODUCTS[getattr(np, _name)] = _product

_OUT_OF_RANGE: dict[np.ufunc, tuple[bool, bool]] = {
    np.less: (True, False),
    np.less_equal: (True, False),
    np.greater: (False, True),
    np.greater_equal: (False, True),
    np.equal: (False, False),
    np.not_equal: (True, True),
}
"""What comparing an integer with a Python integer above, or below, the range of its dtype gives."""


def traced_ufunc(ufunc: np.ufunc, inputs: Sequence[Any], arguments: Mapping[str, Any], *, is_operator: bool) -> Any:
    """The value of `ufunc` on tracers and constants.

    Raises:
        ShapeError: the operands do not broadcast.
        DtypeError: NumPy has no loop for the dtypes, or one in a dtype that `dlc` lacks.
        UnsupportedError: `dlc` has no rule for it.
    """
    product = _MATRIX_PRODUCTS.get(ufunc)
    if product is not None:
        return _matrix_product(product, ufunc, inputs, **arguments)
    return _elementwise(ufunc, inputs, is_operator=is_operator, **arguments)


def find_rule(ufunc: np.ufunc) -> Rule:
    """The rule of an elementwise ufunc; raise `UnsupportedError` if there is none."""
    rule = UFUNC_RULES.get(ufunc) or UFUNC_RULES_BY_NAME.get(ufunc.__name__)
    if rule is None:
        fail_unsupported(f"the function `{ufunc.__name__}`", "write it with the functions of NumPy that are supported")
    return rule


def _elementwise(
    ufunc: np.ufunc,
    inputs: Sequence[Any],
    *,
    is_operator: bool,
    out: Any = None,
    where: Any = True,
    dtype: Any = None,
    casting: str = "same_kind",
    order: str = "K",
    subok: bool = True,
    signature: Any = None,
) -> Any:
    del order, subok
    if signature is not None:
        fail_unsupported(f"np.{ufunc.__name__}: signature=", "use `dtype=`")
    rule = find_rule(ufunc)
    frame = current_frame()
    operands = [as_tracer(x) if is_sequence(x) and contains_tracer(x) else x for x in inputs]
    if is_operator and ufunc is np.power and isinstance(operands[1], float) and operands[1] == 0.5:
        return _elementwise(np.sqrt, operands[:1], is_operator=True)  # what `x ** 0.5` means in NumPy
    requested = None if dtype is None else np.dtype(dtype)
    try:
        dtypes = ufunc_dtypes(ufunc, tuple(map(kind_of, operands)), requested)
    except DtypeError as error:
        raise DtypeError(at_user_line(str(error))) from None
    except TypeError:
        dtypes_shown = " and ".join(_show_kind(x) for x in operands)
        raise DtypeError(
            at_user_line(f"{ufunc.__name__}: NumPy does not define it for {dtypes_shown}; convert with `.astype`")
        ) from None
    shapes = [x.shape if isinstance(x, Tracer) else np.shape(x) for x in operands]
    shape = broadcast_shapes(ufunc.__name__, *shapes)
    answer = _compare_out_of_range(frame, ufunc, operands, dtypes, shape)
    if answer is None:
        for x, loop_dtype in zip(operands, dtypes, strict=False):
            if type(x) is int:
                check_python_int(x, loop_dtype, ufunc.__name__)
        if ufunc is np.power and dtypes[0].kind in "iu":
            _check_integer_exponent(operands[1])
        values = [operand_value(frame, x, d, shape) for x, d in zip(operands, dtypes, strict=False)]
        answer = rule(frame.builder, *values)
    results = answer if isinstance(answer, tuple) else (answer,)
    results = tuple(convert_value(frame, r, d) for r, d in zip(results, dtypes[ufunc.nin :], strict=True))
    if out is not None:
        outs: tuple[Any, ...] = tuple(out) if is_sequence(out) else (out,)
        stored = [
            r if o is None else store(ufunc.__name__, o, r, where, casting) for o, r in zip(outs, results, strict=True)
        ]
        tracers = [s if isinstance(s, Tracer) else Tracer(frame, s) for s in stored]
    else:
        if where is not True:
            fail_unsupported(f"np.{ufunc.__name__}: where= without out=", "elements would be undefined; use `np.where`")
        is_weak = is_operator and dtypes[-1].kind in "ifc" and all(is_scalar(x) for x in operands)
        tracers = [Tracer(frame, r, is_weak) for r in results]
    return tuple(tracers) if ufunc.nout > 1 else tracers[0]


def store(what: str, out: Any, value: SSAValue, where: Any = True, casting: str = "same_kind") -> Tracer:
    """Let `out` hold `value`, cast and broadcast to it, where `where` holds.

    Raises:
        TracingError: `out` is a NumPy array, which exists only while tracing.
        DtypeError: `casting` does not allow the cast.
        ShapeError: `value` does not broadcast to the shape of `out`.
    """
    frame = current_frame()
    result = Tracer(frame, value)
    if not isinstance(out, Tracer):
        raise TracingError(
            at_user_line(
                f"{what}: the result is {describe(result)}, which cannot be stored in a NumPy array; "
                "make the array with `np.zeros_like(x)` or `np.zeros(shape, like=x)`, where x is traced"
            )
        )
    if not np.can_cast(result.dtype, out.dtype, casting):  # pyright: ignore[reportArgumentType]
        raise DtypeError(
            at_user_line(
                f"{what}: the result has dtype {result.dtype.name}, which is not cast to {out.dtype.name} in place; "
                f"convert with `.astype(np.{out.dtype.name})`, or do not assign in place"
            )
        )
    if broadcast_shapes(what, result.shape, out.shape) != out.shape:
        raise ShapeError(
            at_user_line(f"{what}: the result has shape {result.shape} and does not fit into the shape {out.shape}")
        )
    value = broadcast_value(frame, convert_value(frame, value, out.dtype), out.shape)
    if where is not True:
        mask = operand_value(frame, where, BOOL, out.shape)
        value = select(frame.builder, mask, value, value_of(out, frame))
    out.assign(value)
    return out


def _matrix_product(
    product: Callable[..., Tracer], ufunc: np.ufunc, inputs: Sequence[Any], out: Any = None, **arguments: Any
) -> Tracer:
    unknown = [name for name in arguments if name not in {"dtype", "casting", "order", "subok"}]
    if unknown:
        fail_unsupported(f"np.{ufunc.__name__}: {unknown[0]}=", "move the axes with `np.moveaxis`")
    x, y = inputs
    result = product(x, y)
    if arguments.get("dtype") is not None:
        result = result.astype(arguments["dtype"])
    if out is None:
        return result
    (target,) = out
    return store(ufunc.__name__, target, value_of(result, current_frame()))


def _show_kind(x: Any) -> str:
    kind = kind_of(x)
    return kind.name if isinstance(kind, np.dtype) else f"a Python {kind.__name__}"


def _check_integer_exponent(exponent: Any) -> None:
    if not isinstance(exponent, Tracer) and np.any(as_array(exponent) < 0):
        raise DtypeError(
            at_user_line(
                "power: integers to negative integer powers are not allowed; convert the base with `.astype(np.float64)`"
            )
        )


def _compare_out_of_range(
    frame: Frame, ufunc: np.ufunc, operands: Sequence[Any], dtypes: Sequence[np.dtype[Any]], shape: tuple[int, ...]
) -> SSAValue | None:
    """The answer of a comparison with a Python integer that the other operand's dtype cannot hold."""
    if ufunc not in _OUT_OF_RANGE:
        return None
    for i, (x, dtype) in enumerate(zip(operands, dtypes, strict=False)):
        if type(x) is int and dtype.kind in "iu":
            limits = np.iinfo(dtype)
            if not limits.min <= x <= limits.max:
                above = _OUT_OF_RANGE[ufunc] if i == 1 else _OUT_OF_RANGE[ufunc][::-1]
                return operand_value(frame, above[0 if x > limits.max else 1], BOOL, shape)
    return None
