"""Walks over a graph of nodes that have ``parents``, none of them recursive.

A node's parents are the nodes it was computed from; a leaf has none. Python's recursion ends at
a thousand calls, and a training run's graph is easily a million nodes deep, so the stack is ours.
"""

from __future__ import annotations

TYPE_CHECKING = False  # the module typing would take longer to import than the whole package
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Protocol, Self, TypeVar

    class Node(Protocol):
        """What this file asks of a node."""

        @property
        def parents(self) -> tuple[Self, ...]: ...

    N = TypeVar("N", bound=Node)


def topological_order_of_all(roots: Iterable[N], known: Iterable[N] = ()) -> list[N]:
    """The ``roots`` and all that they were computed from, as ``topological_order`` of one of them.

    >>> from autograd_scalar import Value
    >>> a, b = Value(2.0, label="a"), Value(3.0, label="b")
    >>> [node.label or node.op for node in topological_order_of_all([a * b, a + b])]
    ['a', 'b', '*', '+']
    """
    end: Any = _End(tuple(roots))
    return topological_order(end, known)[:-1]


class _End:
    """A node for whose parents one takes nodes, to walk the graphs of all of them at once."""

    def __init__(self, parents: tuple[Any, ...]) -> None:
        self.parents = parents


def topological_order(root: N, known: Iterable[N] = ()) -> list[N]:
    """``root`` and all that it was computed from, each node once and after its parents.

    The order depends on the shape of the graph alone: it is the same in every run. The ``known``
    nodes are left out, and what only they were computed from.

    >>> from autograd_scalar import Value
    >>> a, b = Value(2.0, label="a"), Value(3.0, label="b")
    >>> [node.label or node.op for node in topological_order(a * b + a)]
    ['a', 'b', '*', '+']
    """
    order: list[N] = []
    seen = set(known)
    if root in seen:
        return order
    seen.add(root)
    path = [root]  # from the root down to where the walk is
    ahead = [iter(root.parents)]  # for each node of the path, its parents not yet visited
    while path:
        for parent in ahead[-1]:  # goes on where it was left
            if parent not in seen:
                seen.add(parent)
                if parent.parents:  # first what it was computed from
                    path.append(parent)
                    ahead.append(iter(parent.parents))
                    break
                order.append(parent)
        else:  # all parents of the last node of the path are in order: now itself
            order.append(path.pop())
            ahead.pop()
    return order
