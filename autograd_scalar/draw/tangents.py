"""Forward mode on a recorded graph: how fast each number changes along a direction."""

from collections.abc import Mapping, Sequence

from autograd_scalar.chain_rule import pushforward
from autograd_scalar.draw.diagram import Diagram, Row
from autograd_scalar.draw.formula import constant, name, written
from autograd_scalar.draw.slopes import mapping_of_values, primitive_of
from autograd_scalar.draw.text import number, plain, shortened
from autograd_scalar.primitives import as_float, detached
from autograd_scalar.value import Value

CAPTION = "dot "
LONGEST_NAME = 24


def checked(tangents: object, order: Sequence[Value]) -> dict[Value, float]:
    """The tangents of leaves, as floats.

    Raises TypeError for what is no mapping from Values to numbers, ValueError for a Value that is
    no leaf of this graph.
    """
    given = mapping_of_values("tangents", tangents, "map leaves to numbers, such as {x: 1.0}")
    known = set(order)
    for leaf in given:
        if leaf not in known or leaf.parents:
            what = "no leaf" if leaf in known else "not a value"
            shown = shortened(plain(repr(leaf)), 80)
            raise ValueError(f"draw: tangents: {shown} is {what} of this graph")
    return {leaf: as_float(x, "draw: tangents: a number") for leaf, x in given.items()}


def tangents_of(order: Sequence[Value], seeds: Mapping[Value, float]) -> dict[Value, float]:
    """The tangent of each Value, by the chain rule of forward mode (Wengert 1964).

    >>> x = Value(3.0)
    >>> y = x * x
    >>> tangents_of([x, y], {x: 1.0})[y]
    6.0

    Raises TypeError if an operation was wired by hand.
    """
    found: dict[Value, float] = {}
    for value in order:
        if value.parents:
            operands = value.operands
            theirs = {i: found[o] for i, o in enumerate(operands) if isinstance(o, Value)}
            numbers = [detached(o) for o in operands]
            y = float(value.data)
            found[value] = pushforward(primitive_of(value), theirs, y, numbers)
        else:
            found[value] = seeds.get(value, 0.0)
    return found


def show_tangents(diagram: Diagram, order: Sequence[Value], seeds: Mapping[Value, float]) -> None:
    """Add a row with the tangent to every card of one value, and say along what it is."""
    found = tangents_of(order, seeds)
    terms = []
    for card in diagram.cards:
        if len(card.members) == 1:
            tangent = found[card.members[0]]
            if tangent and card.members[0] in seeds:
                named = name(shortened(card.title, LONGEST_NAME) or "a leaf")
                scaled = named if tangent == 1.0 else written("*", [constant(tangent), named])
                terms.append(scaled)
            card.rows.append(Row(CAPTION, number(tangent)))
            card.tip += f", dot {tangent!r}"
    if terms:
        diagram.notes.append(f"dot: the derivative along {written('fsum', terms).text}")
