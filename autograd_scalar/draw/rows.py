"""The parents of the nodes of a graph, by their places; lists that many nodes share stand once.

In a network a neuron's weights come again in each example, and an example's inputs in each neuron.
What is asked of a list can then be asked once for all of them: in a batch of 300 for three layers
that is of 400 lists in place of 3 million numbers.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograd_scalar.value import Value

LONG = 16  # parents, from which on halves may be shared: dot's weights, dot's inputs


class Rows:
    """A sequence of the parents of each node.

    >>> from autograd_scalar import Value, dot
    >>> x, w = [Value(1.0) for _ in range(9)], [Value(2.0) for _ in range(9)]
    >>> order = [*x, *w, dot(w, x), dot(w, x)]
    >>> rows = Rows(order)
    >>> rows[18][:3], rows.of[18], rows.of[19], rows.table[1]
    ([9, 10, 11], (0, 1), (0, 1), [0, 1, 2, 3, 4, 5, 6, 7, 8])

    Attributes:
        places: of the nodes.
        table: the lists.
        of: of each node which of them are its, in order: none of a leaf, a list of its own, or two
            that others may have too.
    """

    def __init__(self, order: Sequence[Value]) -> None:
        self.places = {node: place for place, node in enumerate(order)}
        self.table: list[list[int]] = []
        self.of: list[tuple[int, ...]] = []
        known: dict[tuple[Value, ...], int] = {}
        place_of = self.places.__getitem__
        for node in order:
            parents = node.parents
            if not parents:
                self.of.append(())
                continue
            if len(parents) < LONG:
                self.of.append((len(self.table),))
                self.table.append(list(map(place_of, parents)))
                continue
            half = len(parents) // 2
            found = []
            for part in (parents[:half], parents[half:]):
                if part not in known:
                    known[part] = len(self.table)
                    self.table.append(list(map(place_of, part)))
                found.append(known[part])
            self.of.append(tuple(found))

    def __len__(self) -> int:
        return len(self.of)

    def __getitem__(self, place: int) -> list[int]:
        rows = self.of[place]
        if len(rows) == 1:
            return self.table[rows[0]]
        return [parent for row in rows for parent in self.table[row]]
