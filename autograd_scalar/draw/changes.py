"""Before and after a step of an optimizer: the numbers of a graph at two sets of leaves."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from autograd_scalar.draw.diagram import Diagram, Row
from autograd_scalar.draw.dot import CHANGE
from autograd_scalar.draw.slopes import mapping_of_values, primitive_of
from autograd_scalar.draw.text import number
from autograd_scalar.graph import topological_order
from autograd_scalar.primitives import as_float
from autograd_scalar.value import Value

if TYPE_CHECKING:
    from autograd_scalar.draw.static import HasParameters

MOST_DIGITS = 17


def snapshot(source: "Value | HasParameters | Iterable[Value]") -> dict[Value, float]:
    """What the function of this name in ``autograd_scalar`` does."""
    from autograd_scalar.draw.static import named

    if isinstance(source, Value):
        return {leaf: leaf.data for leaf in topological_order(source) if not leaf.parents}
    return {leaf: leaf.data for leaf in named(source, "snapshot", "source")}


def checked(before: object, order: Sequence[Value]) -> dict[Value, float]:
    """The numbers that leaves of this graph had before.

    Raises TypeError for what is no mapping from Values to numbers, ValueError if it has no leaf of
    this graph.
    """
    known = mapping_of_values(
        "before",
        before,
        "be what snapshot() gave, or another mapping from leaves to their earlier numbers",
    )
    found = {
        leaf: as_float(known[leaf], "draw: before: a number")
        for leaf in order
        if leaf in known and not leaf.parents
    }
    if not found:
        raise ValueError("draw: before has no leaf of this graph")
    return found


def show_change(diagram: Diagram, order: Sequence[Value], before: Mapping[Value, float]) -> None:
    """Write on every card the number before and the number now, where they differ.

    All that is not a leaf is computed anew from the leaves, both times: a graph that was recorded
    before the step holds the numbers of that time.
    """
    earlier = evaluated(order, before)
    now = evaluated(order, {})
    for card in diagram.cards:
        value = card.members[0]
        if len(card.members) == 1 and card.rows:
            figure, is_changed = _change(earlier[value], now[value])
            ink = "changed" if is_changed else "text"
            card.rows[0] = Row(card.rows[0].caption, figure, ink)
            if is_changed:
                card.tip += f", before {earlier[value]!r}, now {now[value]!r}"


def evaluated(order: Sequence[Value], leaves: Mapping[Value, float]) -> dict[Value, float]:
    """The number of each Value when leaves have these numbers, and the others those they have.

    >>> x = Value(3.0)
    >>> y = x * x
    >>> evaluated([x, y], {x: 4.0})[y]
    16.0

    Raises TypeError if an operation was wired by hand.
    """
    numbers: dict[Value, float] = {}
    for value in order:
        if value.parents:
            operands = [numbers[o] if isinstance(o, Value) else o for o in value.operands]
            numbers[value] = float(primitive_of(value).function(*operands))
        else:
            numbers[value] = leaves.get(value, float(value.data))
    return numbers


def _change(before: float, now: float) -> tuple[str, bool]:
    """The two numbers with as many digits as it takes to see that they differ."""
    if before == now or (before != before and now != now):
        return number(now), False
    digits = 4
    while number(before, digits) == number(now, digits) and digits < MOST_DIGITS:
        digits += 1
    return f"{number(before, digits)}{CHANGE}{number(now, digits)}", True
