"""Rejection methods for whole arrays: proposals for all elements at once, until each has accepted one."""

from collections.abc import Callable
from typing import Any

import numpy as np

from compiler.loops import while_loop
from compiler.tracer import xp

State = tuple[Any, Any, Any]


def first_accepted(propose: Callable[[Any], tuple[Any, Any]], is_left_out: Any, default: Any) -> Any:
    """For each element the first proposal that it accepts.

    An element does not depend on how many rounds the others take: round by round the streams are others, and an element
    keeps what it has accepted.

    Args:
        propose: takes the number of a stream, and may draw from this and the next one; returns proposals, and whether each is
            accepted. Stream 0 is never asked for.
        is_left_out: which elements need none.
        default: what these have; it has the shape and dtype of the proposals.
    """

    def step(state: State) -> State:
        stream, is_done, result = state
        proposal, is_accepted = propose(stream)
        return stream + np.uint32(2), is_done | is_accepted, xp.where(is_done | ~is_accepted, result, proposal)

    def goes_on(state: State) -> Any:
        return xp.any(~state[1])

    return while_loop(goes_on, step, (np.uint32(1), is_left_out, default))[2]
