"""Local derivatives along the arrows of a diagram, and the paths that they multiply along."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import log10
from typing import Any

from autograd_scalar.chain_rule import pullback
from autograd_scalar.draw.diagram import Arrow, Diagram
from autograd_scalar.draw.text import number, plain, shortened
from autograd_scalar.primitives import Primitive, described, detached
from autograd_scalar.value import Value

MOST_TERMS = 6  # a longer sum is not read term by term
MOST_NOTES = 6
LONGEST_NAME = 24

MINUS = "\N{MINUS SIGN}"


def contributions(value: Value, g: float) -> list[float]:
    """What the parents of a node receive of its gradient ``g``; with 1.0 the local derivatives.

    A gradient of exactly zero contributes nothing, even multiplied by inf.

    >>> x, y = Value(2.0), Value(3.0)
    >>> contributions(x * y, 10.0)
    [30.0, 20.0]

    Raises TypeError if the operation was wired by hand.
    """
    if not g:
        return [0.0] * len(value.parents)
    operands = value.operands
    places = [i for i, operand in enumerate(operands) if isinstance(operand, Value)]
    numbers = [detached(o) for o in operands]
    return pullback(primitive_of(value), g, float(value.data), numbers, places)


def sent_back(arrow: Arrow, g: float) -> float:
    """What arrives at the tail of an arrow of the gradient at its head.

    By the rules, not as a multiple of the slope: an operation may have a slope of 0 at which even
    an infinite gradient is stopped.
    """
    for value, i in arrow.links:
        g = contributions(value, g)[i]
    return g


def primitive_of(value: Value) -> Primitive:
    """The primitive that made a result; TypeError if that was wired by hand."""
    primitive = value._closure.primitive
    if primitive is None:
        raise TypeError(
            f"draw: {shortened(plain(repr(value)), 80)} was wired by hand, and only backward() "
            "knows its derivatives: make the operation a primitive"
        )
    return primitive


def mapping_of_values(option: str, given: object, wanted: str) -> Mapping[Value, Any]:
    """An option that maps Values to numbers; TypeError, with what it must do, if it does not."""
    if not isinstance(given, Mapping):
        raise TypeError(f"draw: {option} must {wanted}, not {described(given)}")
    for value in given:
        if not isinstance(value, Value):
            raise TypeError(f"draw: {option} must have Values for keys, not {described(value)}")
    return given


# --- Paths ----------------------------------------------------------------------------------------


def chosen(paths: object, order: Sequence[Value]) -> list[Value]:
    """The Values whose paths to the output are asked for, in the order of the graph.

    Raises TypeError for what is no Value, ValueError for one that is not in the graph.
    """
    values = [paths] if isinstance(paths, Value) else paths
    if not isinstance(values, Iterable) or isinstance(values, str):
        raise TypeError(f"draw: paths must be a Value or Values in a list, not {described(paths)}")
    wanted = dict.fromkeys(values)
    known = set(order)
    for value in wanted:
        if not isinstance(value, Value):
            raise TypeError(f"draw: each of paths must be a Value, not {described(value)}")
        if value not in known:
            raise ValueError(
                f"draw: paths: {shortened(plain(repr(value)), 80)} is not in this graph"
            )
    if not wanted:
        raise ValueError("draw: paths must have at least one Value")
    return [value for value in order if value in wanted]


def highlight(diagram: Diagram, values: Sequence[Value]) -> None:
    """Mark all paths from these values to the output, and write what they multiply to.

    Raises TypeError if an operation was wired by hand.
    """
    places = {value: i for i, card in enumerate(diagram.cards) for value in card.members[:1]}
    notes = []
    for value in values:
        paths = Paths(diagram, places[value])
        for arrow in paths.arrows:
            arrow.on_path = True
            arrow.text = f"×{signed(sent_back(arrow, 1.0))}"
        for place in paths.cards:
            diagram.cards[place].on_path = True
        notes.append(paths.note(is_named=len(values) > 1))
    if len(notes) > MOST_NOTES:
        notes[MOST_NOTES - 1 :] = [f"and those from {len(notes) - MOST_NOTES + 1} more"]
    diagram.notes += notes


class Paths:
    """All paths from one card of a diagram to the output.

    Attributes:
        arrows: those on a path, in the order of the diagram.
        cards: the places of the cards on a path, the first and the last included.
        count: how many paths there are.
        total: the sum over them of the products of the slopes along them, that is the derivative.
    """

    def __init__(self, diagram: Diagram, start: int) -> None:
        self._start = start
        self._name = diagram.cards[start].title or diagram.cards[start].sign or "this"
        size = len(diagram.cards)
        leaving: list[list[Arrow]] = [[] for _ in range(size)]
        for arrow in diagram.arrows:
            leaving[arrow.tail].append(arrow)
        counts = [0] * size
        counts[start] = 1
        self.arrows: list[Arrow] = []
        for place in range(start, size):  # all lead to the output: a graph is what it came from
            if counts[place]:
                for arrow in leaving[place]:
                    counts[arrow.head] += counts[place]
                    self.arrows.append(arrow)
        self.cards = [place for place, count in enumerate(counts) if count]
        self.count = counts[-1]
        self._arriving: list[list[Arrow]] = [[] for _ in range(size)]
        for arrow in self.arrows:
            self._arriving[arrow.head].append(arrow)
        gradients = [0.0] * size
        gradients[-1] = 1.0
        for place in reversed(self.cards):
            for arrow in self._arriving[place]:
                gradients[arrow.tail] += sent_back(arrow, gradients[place])
        self.total = gradients[start]

    def each(self) -> Iterator[tuple[list[Arrow], float]]:
        """The arrows of each path, from the output back, and what they multiply to."""
        stack: list[tuple[int, list[Arrow], float]] = [(len(self._arriving) - 1, [], 1.0)]
        while stack:
            place, arrows, product = stack.pop()
            if place == self._start:
                yield arrows, product
                continue
            for arrow in reversed(self._arriving[place]):
                stack.append((arrow.tail, [*arrows, arrow], sent_back(arrow, product)))

    def note(self, is_named: bool) -> str:
        """The sum over the paths in one line.

        >>> from autograd_scalar.draw.diagram import of_values
        >>> from autograd_scalar.graph import topological_order
        >>> x = Value(3.0, label="x")
        >>> order = topological_order(x * x)
        >>> diagram = of_values(order, {})
        >>> Paths(diagram, 0).note(is_named=True)
        '2 paths from x: 3 + 3 = 6'
        """
        name = f" from {shortened(self._name, LONGEST_NAME)}" if is_named else ""
        total = signed(self.total)
        if self.count > MOST_TERMS:
            return f"{_counted(self.count)} paths{name}: their sum is {total}"
        every = list(self.each())
        if self.count > 1:
            return f"{self.count} paths{name}: {_sum([x for _, x in every])} = {total}"
        ((arrows, _),) = every
        if len(arrows) < 2 or len(arrows) > MOST_TERMS:
            return f"1 path{name}: {total}"
        factors = [signed(sent_back(arrow, 1.0)) for arrow in arrows]
        return f"1 path{name}: {' × '.join(factors)} = {total}"


def _counted(count: int) -> str:
    return f"{count:,}" if count < 1_000_000_000 else f"some 1e{int(log10(count))}"


def signed(x: float) -> str:
    """A number for running text, with a minus as long as a plus."""
    figure = number(x)
    return MINUS + figure[1:] if figure.startswith("-") else figure


def _sum(terms: Sequence[float]) -> str:
    """Terms with the signs that they have: ``0.5 + 1.5 − 0.25``."""
    text = signed(terms[0])
    for term in terms[1:]:
        figure = signed(term)
        text += f" {MINUS} {figure[1:]}" if figure.startswith(MINUS) else f" + {figure}"
    return text
