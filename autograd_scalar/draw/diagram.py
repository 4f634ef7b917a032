"""What a picture consists of, before it has a form: cards, arrows, frames around cards, notes.

What is drawn (values, formulas, folded groups, a tape) makes a diagram; what is to be seen in it
(heat, paths, a change, tangents) is added to that; ``dot_source`` writes it for Graphviz.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from autograd_scalar.draw.text import number, operation, plain, shortened
from autograd_scalar.primitives import detached
from autograd_scalar.value import Value

# Operands of these may trade places: dot's do so in pairs, which is all that anyone asks of it.
UNORDERED = frozenset(
    "+ * dot fsum prod mean norm logsumexp maximum minimum hypot".split()  # noqa: SIM905
)
MOST_NUMBERED = 6  # numbers down the side of a card, before they outgrow it

LONGEST_TOOLTIP = 1000
NOWHERE = -1  # the place of a frame around what is in none


Link = tuple[Value, int]


class Tint(tuple[str, str, str]):
    """The colours of a card's ground, its text and its border."""

    __slots__ = ()


@dataclass
class Row:
    """A line of a card: what it is about, what that is, and what its colour is for."""

    caption: str
    figure: str
    ink: str = "text"


@dataclass
class Card:
    """One thing in a picture.

    Attributes:
        kind: "parameter", "input", "result", or "box" for what stands for many values.
        title: what it is called, or "".
        sign: on the badge, the operation that made it; or "".
        rows: its numbers.
        members: the values it stands for, the one whose numbers it shows first.
        ports: how many operands are numbered at its side.
        tip: what is said of it under the mouse.
        is_output: whether it is what was asked for.
        frame: the place of the frame that it is in, or NOWHERE.
        tint: colours in place of those of its kind.
        mark: a sign that says what a tint cannot.
        on_path: whether a path that was asked for goes through it.
        is_dead: whether nothing that happens to it matters.
    """

    kind: str
    title: str = ""
    sign: str = ""
    rows: list[Row] = field(default_factory=list)
    members: list[Value] = field(default_factory=list)
    ports: int = 0
    tip: str = ""
    is_output: bool = False
    frame: int = NOWHERE
    tint: Tint | None = None
    mark: str = ""
    on_path: bool = False
    is_dead: bool = False


@dataclass
class Arrow:
    """From a card to a card that is computed from it.

    Attributes:
        tail: the place of the card it comes from.
        head: the place of the card it runs to.
        port: which of the numbered operands it is, from 1; 0 where they are not numbered.
        links: the operations that lie along it, from its head back, with the place among its
            parents by which each is reached: what it takes to send a gradient back.
        text: what is written beside it.
        on_path: whether it is on a path that was asked for.
        is_dead: whether nothing flows back along it.
    """

    tail: int
    head: int
    port: int = 0
    links: tuple[Link, ...] = ()
    text: str = ""
    on_path: bool = False
    is_dead: bool = False


@dataclass
class Frame:
    """Around some cards, with a title; ``outer`` is the place of the frame that it is in."""

    title: str
    detail: str = ""
    outer: int = NOWHERE


@dataclass
class Swatch:
    """A step of a legend: a colour with what it stands for, or a mark with that."""

    text: str
    tint: Tint
    mark: str = ""


@dataclass
class Diagram:
    """Cards in topological order, and what is around them.

    Attributes:
        notes: lines below the picture.
        legend: a title and the steps of a ramp of colours; no steps, no legend.
    """

    cards: list[Card]
    arrows: list[Arrow]
    frames: list[Frame] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    legend: tuple[str, list[Swatch]] = ("", [])


def of_values(order: Iterable[Value], parameters: Mapping[Value, str | None]) -> Diagram:
    """A card for each of the Values, which are in topological order, and an arrow per operand.

    >>> x = Value(3.0, label="x")
    >>> diagram = of_values([x, x * x], {})
    >>> [card.title or card.sign for card in diagram.cards], len(diagram.arrows)
    (['x', '×'], 2)
    """
    cards: list[Card] = []
    arrows = []
    places: dict[Value, int] = {}
    for place, value in enumerate(order):
        card = card_of(value, parameters)
        arrows += [
            Arrow(places[parent], place, i + 1 if card.ports else 0, ((value, i),))
            for i, parent in enumerate(value.parents)
        ]
        places[value] = place
        cards.append(card)
    cards[-1].is_output = True
    return Diagram(cards, arrows)


def card_of(value: Value, parameters: Mapping[Value, str | None]) -> Card:
    """The card of one value."""
    label = label_of(value, parameters)
    return Card(
        kind_of(value, parameters),
        shortened(label),
        operation(value),
        [Row("data ", number(value.data)), Row("grad ", number(value.grad))],
        [value],
        ports=len(value.parents) if is_numbered(value) else 0,
        tip=_tip(value, label),
    )


def kind_of(value: Value, parameters: Mapping[Value, str | None]) -> str:
    """Whether a value is a result, a parameter or another leaf."""
    return "result" if value.parents else "parameter" if value in parameters else "input"


def label_of(value: Value, parameters: Mapping[Value, str | None]) -> str:
    """The label of a value, or the name that its module has for it; as text that can be shown."""
    label = value.label
    if label is None or label == "":
        label = parameters.get(value)
    return "" if label is None else plain(label)


def is_numbered(value: Value) -> bool:
    """Whether the arrows that arrive say which operand they are."""
    return value.op not in UNORDERED and 1 < len(value.parents) <= MOST_NUMBERED


def _tip(value: Value, label: str) -> str:
    """The label at length, all the digits."""
    name = shortened(label, LONGEST_TOOLTIP) or plain(value.op) or "leaf"
    return f"{name}: data {value.data!r}, grad {detached(value.grad)!r}"
