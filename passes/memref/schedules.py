"""Orders of steps that need little memory at once: list scheduling by what each step allocates and frees."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import heapify, heappop, heappush

_SLACK = 1024
"""A step that needs less than one part in so many of the peak may as well be taken early: others may wait for it."""


@dataclass(frozen=True)
class Steps:
    """Steps with numbers from 0, of which `before[i]` come before step `i`, which uses the buffers `used[i]`.

    Buffer `x` has `sizes[x]` bytes, and is alive from its first to its last use.
    """

    before: Sequence[frozenset[int]]
    used: Sequence[frozenset[int]]
    sizes: Sequence[int]

    @cached_property
    def after(self) -> list[list[int]]:
        """The steps that wait for each step."""
        result: list[list[int]] = [[] for _ in self.before]
        for step, others in enumerate(self.before):
            for other in others:
                result[other].append(step)
        return result

    @cached_property
    def users(self) -> list[list[int]]:
        """The steps that use each buffer."""
        result: list[list[int]] = [[] for _ in self.sizes]
        for step, buffers in enumerate(self.used):
            for buffer in buffers:
                result[buffer].append(step)
        return result

    def reversed(self) -> "Steps":
        """The same steps in a world where time runs backwards."""
        return Steps([frozenset(steps) for steps in self.after], self.used, self.sizes)

    def least_peak(self) -> int:
        """The bytes that some step needs for itself: no order needs less."""
        return max((sum(self.sizes[x] for x in buffers) for buffers in self.used), default=0)

    def peak(self, order: Sequence[int]) -> int:
        """The largest number of bytes that are alive during a step."""
        left = [len(users) for users in self.users]
        is_alive = [False] * len(self.sizes)
        alive = peak = 0
        for step in order:
            for buffer in self.used[step]:
                if not is_alive[buffer]:
                    is_alive[buffer] = True
                    alive += self.sizes[buffer]
            peak = max(peak, alive)
            for buffer in self.used[step]:
                left[buffer] -= 1
                if not left[buffer]:
                    alive -= self.sizes[buffer]
        return peak

    def scheduled(self, base: Sequence[int], allowance: int | None) -> list[int]:
        """An order in which every step is the best of those that could come next.

        With an `allowance`, that is the first one in `base` that needs at most so many bytes more than it frees, if there is one, else
        the first one. Without, it is the one that needs the fewest, or frees the most.
        """
        rank = {step: place for place, step in enumerate(base)}
        waits_for = [len(steps) for steps in self.before]
        left = [len(users) for users in self.users]
        is_alive, is_done = [False] * len(self.sizes), [False] * len(self.used)
        needs = [sum(self.sizes[x] for x in buffers if left[x] > 1) for buffers in self.used]

        def key(step: int) -> tuple[int, int]:
            return (needs[step] if allowance is None else needs[step] > allowance), rank[step]

        ready = [(key(step), step) for step, count in enumerate(waits_for) if not count]
        heapify(ready)
        order: list[int] = []
        while ready:
            known, step = heappop(ready)
            if is_done[step] or known != key(step):
                continue  # it is there again, with what it needs now
            is_done[step] = True
            order.append(step)
            changed: list[int] = []
            for buffer in self.used[step]:
                left[buffer] -= 1
                is_new, is_alive[buffer] = not is_alive[buffer], True
                if is_new or left[buffer] == 1:
                    others = [user for user in self.users[buffer] if not is_done[user]]
                    for user in others:
                        needs[user] -= self.sizes[buffer] * (is_new + (left[buffer] == 1))
                    changed += others
            for other in self.after[step]:
                waits_for[other] -= 1
                changed += [other] if not waits_for[other] else []
            for other in changed:
                if not waits_for[other]:
                    heappush(ready, (key(other), other))
        return order


def low_order(steps: Steps) -> tuple[list[int], int, int]:
    """The best order found, its peak, and that of the given order, which is the best one unless another one has a lower peak."""
    program = list(range(len(steps.used)))
    best, before = program, steps.peak(program)
    peak, least = before, steps.least_peak()
    if before == least:
        return best, peak, before
    allowance = before // _SLACK
    # What allocates moves down towards its users, what frees moves up. The greedy order is too eager where memory falls later only.
    late = steps.reversed().scheduled(program[::-1], allowance)[::-1]
    for order in (
        steps.scheduled(program, allowance),
        late,
        steps.scheduled(late, allowance),
        steps.scheduled(program, None),
    ):
        found = steps.peak(order)
        if found < peak:
            best, peak = order, found
    return best, peak, before
