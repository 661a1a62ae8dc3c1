"""Connectionist temporal classification: the probability of a label sequence under all its alignments with the input."""

from typing import Any, Literal

import numpy as np

from compiler.argument_checks import checked
from compiler.compiled_functions import compiled
from compiler.errors import ArgumentError, DtypeError, ShapeError, at_user_line
from compiler.loops import scan
from compiler.nn.operands import constant_for_derivatives, floating_tracer
from compiler.operands import as_tracer
from compiler.tracer import Tracer, xp


@checked
def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: Literal["none", "mean", "sum"] = "mean",
    zero_infinity: bool = False,
) -> Any:
    """`-log` of the probability of `targets` under connectionist temporal classification (Graves et al., ICML 2006).

    It is the sum over all ways to say every label for one or more steps, with or without blanks in between; equal neighbours need
    a blank. The forward algorithm computes it in logarithms, in time and memory linear in `steps * labels`.

    The gradient is that of this function of `log_probs`, minus the expected number of visits of each class. PyTorch's takes
    `log_probs` to be a `log_softmax` and adds their exponentials; with respect to the logits in front of `log_softmax` both
    are the same. Where there is no alignment the gradient is zero, not NaN.

    Args:
        log_probs: logarithms of probabilities, shape `[steps, batch, classes]`, or `[steps, classes]` for one sequence; float32
            or float64.
        targets: integers in `0 … classes-1` other than `blank`, shape `[batch, labels]` with anything behind the ends, or all
            labels one sequence after the other in one dimension. For the latter `target_lengths` had better not be traced:
            otherwise each sequence needs as much memory as all of them.
        input_lengths: how many steps of each sequence are valid, shape `[batch]` or a sequence of integers.
        target_lengths: how many labels each sequence has, shape `[batch]` or a sequence of integers.
        blank: the class that says nothing.
        reduction: `"mean"` divides each loss by the number of its labels (at least 1) and takes the mean over the batch;
            `"sum"`, or `"none"`.
        zero_infinity: whether the loss of targets without an alignment, which are longer than the input, is 0 instead of `inf`.

    Raises:
        ArgumentError: `reduction` is none of the three, or `blank` is not a class.
        ShapeError: the shapes do not fit, or a length that is known while tracing exceeds what there is.
        DtypeError: `log_probs` are not floating point, or what should be integers is not.

    Example:
        >>> log_probs = np.log(np.full((2, 1, 3), 1 / 3))
        >>> ctc_loss(log_probs, np.array([[1]]), [2], [1]).round(4), -np.log(3 / 9).round(4)
        (np.float64(1.0986), np.float64(1.0986))
    """
    ends, counts = _lengths("input_lengths", input_lengths), _lengths("target_lengths", target_lengths)
    if np.ndim(targets) == 1 and np.ndim(log_probs) == 3 and not isinstance(counts, Tracer):
        targets = _padded(targets, counts)
    for name, lengths, limits in (
        ("input_lengths", ends, np.shape(log_probs)[:1]),
        ("target_lengths", counts, np.shape(targets)[-1:]),
    ):
        if not isinstance(lengths, Tracer) and limits and lengths.max(initial=0) > limits[0]:
            raise ShapeError(
                at_user_line(f"ctc_loss: {name} are up to {lengths.max()}, but there are only {limits[0]}")
            )
    return _ctc_loss(log_probs, targets, ends, counts, blank, reduction, zero_infinity)


def _lengths(name: str, lengths: Any) -> Any:
    """Lengths as an array, so that those that are known are checked."""
    if isinstance(lengths, Tracer):
        return lengths
    try:
        array = xp.asarray(lengths)
    except ValueError:
        array = np.empty(0, object)
    if np.dtype(array.dtype).kind not in "iu":
        raise DtypeError(at_user_line(f"ctc_loss: {name} have dtype {array.dtype}, expected integers"))
    return array


def _padded(targets: Any, lengths: Any) -> Any:
    """The targets of each sequence in a row of its own, from all of them in a row."""
    total = np.shape(targets)[0]
    if lengths.ndim != 1 or lengths.sum() > total:
        raise ShapeError(
            at_user_line(
                f"ctc_loss: targets have shape ({total},), expected {lengths.sum()} for target_lengths {lengths}"
            )
        )
    starts = np.cumsum(lengths) - lengths
    places = starts[:, np.newaxis] + xp.arange(lengths.max(initial=0))
    taken = targets if isinstance(targets, Tracer) else xp.asarray(targets)
    return taken[np.minimum(places, max(0, total - 1))]


@compiled(("blank", "reduction", "zero_infinity"))
def _ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int,
    reduction: Literal["none", "mean", "sum"],
    zero_infinity: bool,
) -> Any:
    x = floating_tracer(log_probs, "ctc_loss")
    labels, ends, counts = map(as_tracer, (targets, input_lengths, target_lengths))
    for name, each in (("targets", labels), ("input_lengths", ends), ("target_lengths", counts)):
        if each.dtype.kind not in "iu":
            raise DtypeError(at_user_line(f"ctc_loss: {name} have dtype {each.dtype}, expected integers"))
    if reduction not in {"none", "mean", "sum"}:
        raise ArgumentError(at_user_line(f"ctc_loss: reduction is {reduction!r}; use 'none', 'mean' or 'sum'"))
    is_batch = x.ndim == 3
    if not is_batch:
        if x.ndim != 2:
            raise ShapeError(
                at_user_line(
                    f"ctc_loss: log_probs have shape {x.shape}, expected [steps, batch, classes] or [steps, classes]"
                )
            )
        x, labels = x[:, np.newaxis], labels.reshape(1, -1)
    batch, classes = x.shape[1:]
    if not 0 <= blank < classes:
        raise ArgumentError(at_user_line(f"ctc_loss: blank is {blank}, expected a class in 0 … {classes - 1}"))
    ends, counts = ends.reshape(-1).astype(np.int64), counts.reshape(-1).astype(np.int64)
    if labels.ndim == 1:
        starts = xp.cumsum(counts) - counts
        places = xp.expand_dims(starts, 1) + np.arange(labels.shape[0])
        labels = labels[xp.minimum(places, max(0, labels.shape[0] - 1))]
    for name, each, expected in (
        ("targets", labels, (batch, labels.shape[-1])),
        ("input_lengths", ends, (batch,)),
        ("target_lengths", counts, (batch,)),
    ):
        if each.shape != expected:
            raise ShapeError(at_user_line(f"ctc_loss: {name} have shape {each.shape}, expected {expected}"))
    losses = -_log_probability(x, labels.astype(np.int64), ends, counts, blank)
    if zero_infinity:
        losses = xp.where(losses == np.inf, xp.zeros_like(losses), losses)
    if reduction == "mean":
        return xp.mean(losses / xp.maximum(counts, 1).astype(x.dtype))
    if reduction == "sum":
        return xp.sum(losses)
    return losses if is_batch else losses[0]


def _log_probability(x: Tracer, labels: Tracer, ends: Tracer, counts: Tracer, blank: int) -> Tracer:
    """The forward algorithm: for each place, the probability of being there after a step.

    Places are blanks `0 … labels` and labels `0 … labels-1`, blank `s` in front of label `s`. A blank is reached from itself and
    the label in front; a label from itself, the blank in front, and the label in front if that is another one.
    """
    steps, batch, _ = x.shape
    count = labels.shape[1]
    # Labels behind the ends may be anything.
    used = xp.expand_dims(np.arange(count), 0) < xp.expand_dims(counts, 1)
    labels = xp.where(used, labels, xp.full_like(labels, blank))
    rows = xp.broadcast_to(labels, (steps, batch, count))
    of_blank, of_label = x[:, :, blank : blank + 1], xp.take_along_axis(x, rows, axis=2)
    valid = np.arange(steps)[:, np.newaxis, np.newaxis] < xp.expand_dims(ends, 1)
    impossible = np.full((batch, 1), -np.inf, x.dtype)
    differs = labels[:, 1:] != labels[:, :-1]

    def step(state: tuple[Tracer, Tracer], slices: tuple[Tracer, Tracer, Tracer]) -> Any:
        blanks, said = state
        log_blank, log_label, is_valid = slices
        before = xp.concatenate([impossible, said], axis=1)
        skipped = xp.where(differs, said[:, :-1], xp.full_like(said[:, :-1], -np.inf))
        skipped = xp.concatenate([impossible, skipped], axis=1)[:, :count]
        next_blanks = _log_sum(blanks, before) + log_blank
        next_said = _log_sum(said, blanks[:, :-1], skipped) + log_label
        return (xp.where(is_valid, next_blanks, blanks), xp.where(is_valid, next_said, said)), None

    # Before the first step nothing but the first blank has been reached, which costs no step.
    start = np.where(np.arange(count + 1) == 0, 0.0, -np.inf).astype(x.dtype)
    first = xp.broadcast_to(start, (batch, count + 1)), np.full((batch, count), -np.inf, x.dtype)
    (blanks, said), _ = scan(step, first, (of_blank, of_label, valid))
    last = xp.expand_dims(counts, 1)
    at_blank = xp.take_along_axis(blanks, last, axis=1)[:, 0]
    if not count:
        return at_blank
    at_label = xp.take_along_axis(said, xp.maximum(last - 1, 0), axis=1)[:, 0]
    return _log_sum(at_blank, xp.where(counts > 0, at_label, xp.full_like(at_label, -np.inf)))


def _log_sum(*terms: Tracer) -> Tracer:
    """`log(sum(exp(term)))`, with derivative zero where it is `-inf`."""
    most = terms[0]
    for term in terms[1:]:
        most = xp.maximum(most, term)
    shift = constant_for_derivatives(xp.where(most == -np.inf, xp.zeros_like(most), most))
    total = xp.exp(terms[0] - shift)
    for term in terms[1:]:
        total = total + xp.exp(term - shift)
    is_possible = total != 0
    logarithm = xp.log(xp.where(is_possible, total, xp.ones_like(total))) + shift
    return xp.where(is_possible, logarithm, xp.full_like(logarithm, -np.inf))
