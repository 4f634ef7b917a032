"""How far rounding may move a number that a graph computes, and a derivative of it.

Both are bounds of first order, from a reverse sweep on floats over the recorded graph.
"""

from __future__ import annotations

import math

from autograd_scalar.chain_rule import pullback
from autograd_scalar.graph import topological_order
from autograd_scalar.testing.adapters import directional
from autograd_scalar.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Flat = Callable[[Sequence[Any]], Any]
    Directions = Sequence[Sequence[float]]


def chain_rule_sizes(flat: Flat, xs: Sequence[float], directions: Directions = ()) -> list[float]:
    """How large the contributions are that the chain rule adds up for each of the inputs.

    It is what the reverse sweep gives if each local derivative is taken as positive; 0 where that
    is not finite. A derivative whose contributions cancel can't be better than some ulps of it.

    >>> chain_rule_sizes(lambda x: x[0] * x[0] - 6.0 * x[0], [3.0])
    [12.0]
    """
    inputs = [Value(x) for x in xs]
    sizes = _swept(_recorded(flat, inputs, directions), abs)
    return [_finite(sizes.get(x, 0.0)) for x in inputs]


class Rounding:
    """How far the derivative along the directions moves if every node is rounded by one ulp.

    Results near 1 that are then cancelled, or met by a steep function, change in stairs, which
    look as if there were no noise at all.

    >>> rounding = Rounding(lambda x: (x[0] + 1.0) - 1.0, [2.0**-40])
    >>> round(rounding.along([1.0]) / math.ulp(1.0))
    1
    """

    def __init__(self, flat: Flat, xs: Sequence[float], directions: Directions = ()) -> None:
        inputs = [Value(x) for x in xs]
        y = _recorded(flat, inputs, directions)
        sizes = _swept(y, float)
        reached = {
            x: 1 << i for i, x in enumerate(inputs)
        }  # inputs that a node depends on, as bits
        self.moved: list[tuple[int, float]] = []
        for node in topological_order(y) if isinstance(y, Value) else []:
            if node.parents:
                reached[node] = 0
                for parent in node.parents:
                    reached[node] |= reached.get(parent, 0)
                move = abs(sizes.get(node, 0.0)) * _ulp(node.data)
                self.moved.append((reached[node], _finite(move)))
        if directions:
            *inner, last = directions
            added = chain_rule_sizes(flat, xs, inner)
            move = math.ulp(1.0) * sum(size * abs(v) for size, v in zip(added, last, strict=True))
            self.moved.append((-1, _finite(move)))

    def along(self, line: Sequence[float]) -> float:
        """The sum over those nodes that change if the inputs move along the line."""
        moving = sum(1 << i for i, v in enumerate(line) if v)
        return sum(move for bits, move in self.moved if bits & moving)


def _recorded(flat: Flat, inputs: Sequence[Value], directions: Directions) -> Any:
    return directional(flat, directions, ["reverse"] * len(directions))(inputs)


def _swept(y: Any, sign: Callable[[float], float]) -> dict[Value, float]:
    """The reverse sweep, with ``sign`` applied to each local derivative."""
    sizes = {y: 1.0}
    for node in reversed(topological_order(y) if isinstance(y, Value) else []):
        primitive = node._closure.primitive
        if primitive is None or not sizes.get(node):
            continue
        operands = node.operands
        numbers = [o if o.__class__ is float else o.data for o in operands]
        places = [i for i, o in enumerate(operands) if o.__class__ is not float]
        slopes = pullback(primitive, 1.0, node.data, numbers, places)
        for parent, slope in zip(node.parents, slopes, strict=True):
            sizes[parent] = sizes.get(parent, 0.0) + sizes[node] * sign(slope)
    return sizes


def _ulp(x: float) -> float:
    return math.ulp(x) if math.isfinite(x) else 0.0


def _finite(size: float) -> float:
    return size if math.isfinite(size) else 0.0
