"""A graph of operations whose nodes can be merged as long as no cycle arises.

The nodes carry a topological order, kept up to date as nodes merge (after Pearce and Kelly, "A dynamic topological sort
algorithm for directed acyclic graphs", 2006: only the nodes between the two that merge can be affected).
"""

from collections.abc import Callable, Iterable, Iterator


class AcyclicGroups:
    """Groups of nodes, at first one each, and the edges between them.

    `search_limit` bounds the number of nodes that one merge may visit; beyond it the merge is refused.
    """

    def __init__(self, search_limit: int):
        self._search_limit = search_limit
        self._parent: list[int] = []
        self._order: list[int] = []
        self._before: list[dict[int, None]] = []
        self._after: list[dict[int, None]] = []

    def add(self, before: Iterable[int]) -> int:
        """Add a node that must come after the nodes `before`; return its number."""
        node = len(self._parent)
        self._parent.append(node)
        self._order.append(node)
        own = dict.fromkeys(self.find(other) for other in before)
        self._before.append(own)
        self._after.append({})
        for other in own:
            self._after[other][node] = None
        return node

    def find(self, node: int) -> int:
        """The node that stands for the group of `node`."""
        parent = self._parent
        root = node
        while parent[root] != root:
            root = parent[root]
        while parent[node] != root:
            parent[node], node = root, parent[node]
        return root

    def position(self, group: int) -> int:
        """The place of a group in the topological order; no two groups have the same."""
        return self._order[group]

    def before(self, group: int) -> Iterator[int]:
        """The groups that a group needs."""
        return self._neighbours(self._before, group)

    def merge(self, first: int, second: int) -> str | None:
        """Merge two groups into one; return why not if a cycle arises or cannot be excluded."""
        low, high = sorted((first, second), key=self._order.__getitem__)
        low_order, high_order = self._order[low], self._order[high]
        between_before = any(self._order[n] > low_order for n in self._neighbours(self._before, high) if n != low)
        between_after = any(self._order[n] < high_order for n in self._neighbours(self._after, low) if n != high)
        if not between_before:
            place = low_order
        elif not between_after:
            place = high_order
        else:
            forward = self._reach(self._after, low, high, lambda order: order < high_order)
            if forward is None:
                return "the search for a cycle took too long"
            if high in forward:
                return "another operation in between needs the one and is needed by the other"
            backward = self._reach(self._before, high, low, lambda order: order > low_order)
            if backward is None:
                return "the search for a cycle took too long"
            earlier = sorted(backward, key=self._order.__getitem__)
            later = sorted(forward, key=self._order.__getitem__)
            places = sorted([low_order, high_order, *(self._order[n] for n in (*earlier, *later))])
            for node, order in zip(earlier, places, strict=False):
                self._order[node] = order
            place = places[len(earlier)]
            for node, order in zip(later, places[len(earlier) + 1 :], strict=False):
                self._order[node] = order
        self._contract(low, high, place)
        return None

    def _contract(self, low: int, high: int, place: int) -> None:
        size = {n: len(self._before[n]) + len(self._after[n]) for n in (low, high)}
        kept, gone = (low, high) if size[low] >= size[high] else (high, low)
        self._parent[gone] = kept
        self._order[kept] = place
        self._before[kept].update(self._before[gone])
        self._after[kept].update(self._after[gone])

    def _neighbours(self, edges: list[dict[int, None]], group: int) -> Iterator[int]:
        for node in edges[group]:
            other = self.find(node)
            if other != group:
                yield other

    def _reach(
        self, edges: list[dict[int, None]], start: int, goal: int, inside: Callable[[int], bool]
    ) -> dict[int, None] | None:
        """What can be reached from `start` within the region, not by its edge to `goal`; `None` beyond the limit.

        If `goal` can be reached through another node, the result has it.
        """
        reached: dict[int, None] = {}
        stack = [n for n in self._neighbours(edges, start) if n != goal and inside(self._order[n])]
        while stack:
            node = stack.pop()
            if node in reached:
                continue
            reached[node] = None
            if len(reached) > self._search_limit:
                return None
            for other in self._neighbours(edges, node):
                if other == goal:
                    reached[goal] = None
                    return reached
                if other not in reached and inside(self._order[other]):
                    stack.append(other)
        return reached
