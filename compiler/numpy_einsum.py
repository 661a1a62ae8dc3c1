"""`np.einsum`, contracted pair by pair in the order that `opt_einsum` plans."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, cast

import numpy as np

from compiler.axes import is_sequence
from compiler.errors import ShapeError, at_user_line
from compiler.frames import current_frame
from compiler.numpy_linalg import astype, contract, diagonal
from compiler.numpy_ufuncs import store
from compiler.operands import as_tracer
from compiler.promotion import result_dtype
from compiler.tracer import Tracer, value_of, xp
from compiler.views import broadcast, transposed

Path = Sequence[Sequence[int]]
"""Which operands are contracted, step by step; each result becomes the last operand."""


def einsum(*operands: Any, out: Any = None, optimize: Any = False, dtype: Any = None, **_: Any) -> Tracer:
    """`np.einsum` of a string of subscripts or of lists of indices, with `...`, repeated and summed indices.

    The order of contraction is the best that `opt_einsum` finds; `optimize` may name another of its methods, or be a path.

    Raises:
        ShapeError: the subscripts do not fit the operands.
    """
    subscripts, arrays = _subscripts(operands)
    tracers = [as_tracer(x) for x in arrays]
    common = np.dtype(dtype) if dtype is not None else result_dtype(*tracers)
    inputs, output = _parse(subscripts.replace(" ", ""), [x.ndim for x in tracers])
    sizes = _sizes(subscripts, inputs, [x.shape for x in tracers])
    terms = [_prepare(astype(x, common), labels, sizes) for x, labels in zip(tracers, inputs, strict=True)]
    for places in _plan([labels for _, labels in terms], output, sizes, optimize):
        chosen = [terms[place] for place in sorted(places)]
        terms = [term for place, term in enumerate(terms) if place not in places]
        later = set(output).union(*(labels for _, labels in terms))
        result, labels = chosen[0]
        for k, (other, other_labels) in enumerate(chosen[1:], 2):
            needed = later.union(*(term_labels for _, term_labels in chosen[k:]))
            result, labels = _multiply(result, labels, other, other_labels, needed)
        terms.append((result, labels))
    ((result, labels),) = terms
    result, labels = _sum_out(result, labels, output)
    missing = [label for label in output if label not in labels]
    assert not missing, "labels of the output are labels of an input"
    result = transposed(result, [labels.index(label) for label in output])
    if result.is_view:
        result = result.copy()
    return result if out is None else store("einsum", out, value_of(result, current_frame()))


def einsum_path(*operands: Any, optimize: Any = "greedy", **_: Any) -> tuple[list[Any], str]:
    """`np.einsum_path`, which depends on shapes only: NumPy's own answer."""
    subscripts, arrays = _subscripts(operands)
    shapes = [as_tracer(x).shape for x in arrays]
    return xp.einsum_path(subscripts, *(np.broadcast_to(np.float64(0), shape) for shape in shapes), optimize=optimize)


def _subscripts(operands: Sequence[Any]) -> tuple[str, Sequence[Any]]:
    """The string of subscripts and the arrays; in the other format every array is followed by the list of its indices."""
    if isinstance(operands[0], str):
        return operands[0], operands[1:]
    arrays, indices = operands[0 : len(operands) - 1 : 2], operands[1::2]
    used = sorted({i for part in (*indices, *operands[len(arrays) * 2 :]) for i in part if i is not Ellipsis})
    if used and not 0 <= used[0] <= used[-1] < 52:
        raise ShapeError(at_user_line(f"einsum: the indices {used} are not all between 0 and 51"))

    def letters(part: Sequence[Any]) -> str:
        return "".join("..." if i is Ellipsis else _LETTERS[i] for i in part)

    text = ",".join(map(letters, indices))
    if len(operands) % 2:
        text += f"->{letters(operands[-1])}"
    return text, arrays


_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _plan(inputs: Sequence[Sequence[str]], output: Sequence[str], sizes: dict[str, int], optimize: Any) -> Path:
    """The order of contraction, asked from `opt_einsum` unless it is given or there is no choice."""
    if is_sequence(optimize) and optimize and optimize[0] == "einsum_path":
        return cast(Path, optimize[1:])
    if len(inputs) <= 2:
        return [tuple(range(len(inputs)))]
    names = {label: i for i, label in enumerate(sizes)}
    method = optimize if isinstance(optimize, str) else "auto"
    terms = tuple(tuple(names[label] for label in labels) for labels in inputs)
    return _path(terms, tuple(names[label] for label in output), tuple(sizes.values()), method)


@lru_cache(maxsize=512)
def _path(inputs: tuple[tuple[int, ...], ...], output: tuple[int, ...], sizes: tuple[int, ...], method: str) -> Path:
    import opt_einsum

    def text(labels: tuple[int, ...]) -> str:
        return "".join(map(opt_einsum.get_symbol, labels))

    equation = f"{','.join(map(text, inputs))}->{text(output)}"
    shapes = [tuple(sizes[label] for label in labels) for labels in inputs]
    path, _ = cast(Any, opt_einsum).contract_path(equation, *shapes, shapes=True, optimize=method)
    return path


def _parse(subscripts: str, ranks: Sequence[int]) -> tuple[list[list[str]], list[str]]:
    """The labels of each operand and of the result; those of `...` are `.0`, `.1`, counted from the last dimension."""
    left, arrow, right = subscripts.partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        raise ShapeError(at_user_line(f"einsum: '{subscripts}' has {len(terms)} operands, {len(ranks)} were given"))
    inputs: list[list[str]] = []
    extra = 0
    for term, rank in zip(terms, ranks, strict=True):
        named = term.replace("...", "")
        dots = rank - len(named)
        if not all(c.isalpha() for c in named) or dots < 0 or (dots and "..." not in term):
            raise ShapeError(
                at_user_line(
                    f"einsum: the subscripts '{term}' in '{subscripts}' do not fit an operand of {rank} dimensions"
                )
            )
        extra = max(extra, dots)
        inputs.append(_labels(term, dots))
    if arrow:
        output = _labels(right, extra)
        if extra and "..." not in right:
            raise ShapeError(
                at_user_line(f"einsum: the result '{right}' of '{subscripts}' lacks the `...` of the operands")
            )
    else:
        named = [label for labels in inputs for label in labels if label[0] != "."]
        output = [*_labels("...", extra), *sorted(label for label in set(named) if named.count(label) == 1)]
    known = {label for labels in inputs for label in labels}
    wrong = [label for label in output if label not in known]
    if wrong or len(set(output)) != len(output):
        raise ShapeError(
            at_user_line(
                f"einsum: the result '{right}' of '{subscripts}' repeats a subscript, or has one of no operand"
            )
        )
    return inputs, output


def _labels(term: str, dots: int) -> list[str]:
    before, ellipsis, after = term.partition("...")
    return [*before, *(f".{k}" for k in reversed(range(dots if ellipsis else 0))), *after]


def _sizes(subscripts: str, inputs: Sequence[Sequence[str]], shapes: Sequence[tuple[int, ...]]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for labels, shape in zip(inputs, shapes, strict=True):
        for label, size in zip(labels, shape, strict=True):
            known = sizes.setdefault(label, size)
            if known == 1:
                sizes[label] = size
            elif size not in {1, known}:
                what = "`...`" if label[0] == "." else f"'{label}'"
                raise ShapeError(at_user_line(f"einsum: {what} in '{subscripts}' has the sizes {known} and {size}"))
    return sizes


def _prepare(x: Tracer, labels: Sequence[str], sizes: dict[str, int]) -> tuple[Tracer, list[str]]:
    """The operand with its sizes of 1 stretched and repeated labels replaced by the diagonal."""
    x = broadcast(x, tuple(sizes[label] for label in labels))
    result = list(labels)
    for label in dict.fromkeys(labels):
        while result.count(label) > 1:
            first = result.index(label)
            second = result.index(label, first + 1)
            x = diagonal(x, 0, first, second)
            result = [other for d, other in enumerate(result) if d not in {first, second}] + [label]
    return x, result


def _sum_out(x: Tracer, labels: list[str], wanted: Sequence[str] | set[str]) -> tuple[Tracer, list[str]]:
    """`x` summed over the labels that are not wanted any more."""
    dims = tuple(d for d, label in enumerate(labels) if label not in wanted)
    if not dims:
        return x, labels
    return xp.sum(x, axis=dims, dtype=x.dtype), [label for label in labels if label in wanted]


def _multiply(
    x: Tracer, x_labels: list[str], y: Tracer, y_labels: list[str], later: set[str]
) -> tuple[Tracer, list[str]]:
    """The product of two operands, summed over the labels that nothing later needs."""
    x, x_labels = _sum_out(x, x_labels, later | set(y_labels))
    y, y_labels = _sum_out(y, y_labels, later | set(x_labels))
    shared = [label for label in x_labels if label in y_labels]
    batch = [label for label in shared if label in later]
    summed = [label for label in shared if label not in later]
    result = contract(
        x,
        y,
        [x_labels.index(label) for label in summed],
        [y_labels.index(label) for label in summed],
        [x_labels.index(label) for label in batch],
        [y_labels.index(label) for label in batch],
    )
    rest = [label for label in x_labels if label not in shared], [label for label in y_labels if label not in shared]
    return result, [*batch, *rest[0], *rest[1]]


FUNCTIONS: dict[Any, Callable[..., Any]] = {np.einsum: einsum, np.einsum_path: einsum_path}
"""The functions of this file by the function of NumPy that they are."""
