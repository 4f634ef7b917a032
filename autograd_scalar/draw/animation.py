"""What happens when in an animation: both passes as events on a timeline."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import isfinite
from os import PathLike
from pathlib import Path
from typing import Any

from autograd_scalar.draw.diagram import Diagram, Row, of_values
from autograd_scalar.draw.formula import constant, name, written
from autograd_scalar.draw.picture import Picture, format_to_write
from autograd_scalar.draw.slopes import contributions, signed
from autograd_scalar.draw.static import HasParameters, check_limit, look_of, named
from autograd_scalar.draw.text import number, shortened
from autograd_scalar.graph import topological_order
from autograd_scalar.primitives import as_float, described, detached
from autograd_scalar.value import Value

# Seconds. A beat is a step of the computation; in the backward pass there is more to read.
LEAVES = 1.2
FORWARD = 1.0
TURN = 1.0
TRAVEL = 0.7
BETWEEN = 0.8
BACKWARD = 0.6
SUM = 0.9
PAUSE = 4.0
LONGEST = 40.0
SHORTEST = 1.0

LONGEST_NAME = 14
BREAK = "; "  # between two statements of a line
MOST_SAID = 3


@dataclass
class Span:
    """From a time to a time, in seconds."""

    start: float
    end: float


@dataclass
class Flow:
    """Something runs along an arrow, with a text beside it while it does, or none."""

    arrow: int
    span: Span
    is_back: bool
    text: str = ""


@dataclass
class Story:
    """An animation before it has a form.

    Attributes:
        born: of each card when it appears.
        active: the cards that are at work, and when; whether that is in the backward pass.
        sums: of each card what its gradient reads, each from a time to the next one's.
        flows: what runs along arrows.
        said: what is written below, and when; "forward", "backward" or "" is the pass.
        length: of all, with the pause at the end.
    """

    born: list[float]
    active: list[tuple[int, Span, bool]] = field(default_factory=list)
    sums: list[list[tuple[float, str]]] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    said: list[tuple[Span, str, str]] = field(default_factory=list)
    length: float = 0.0

    def scaled(self, factor: float) -> "Story":
        """The same, so many times as slow."""

        def spanned(span: Span) -> Span:
            return Span(span.start * factor, span.end * factor)

        return Story(
            [time * factor for time in self.born],
            [(card, spanned(span), is_back) for card, span, is_back in self.active],
            [[(time * factor, text) for time, text in sums] for sums in self.sums],
            [Flow(f.arrow, spanned(f.span), f.is_back, f.text) for f in self.flows],
            [(spanned(span), which, text) for span, which, text in self.said],
            self.length * factor,
        )


def make_animation(
    value: Any,
    path: str | PathLike[str] | None,
    parameters: HasParameters | Iterable[Value],
    seconds: float | None,
    limit: int,
    theme: str,
    direction: str,
) -> Picture:
    """What ``animate`` does."""
    from autograd_scalar.draw.stage import staged

    if not isinstance(value, Value):
        raise TypeError(f"animate: value must be a Value, not {described(value)}")
    if path is not None and format_to_write(Path(path), None, "animate") != "svg":
        raise ValueError("animate: only a file with the suffix .svg can move")
    look = look_of(theme, direction, "animate")
    check_limit(limit, "animate")
    if seconds is not None:
        seconds = as_float(seconds, "animate: seconds")
        if not (isfinite(seconds) and seconds >= SHORTEST):
            raise ValueError(f"animate: seconds must be at least {SHORTEST:g}, not {seconds!r}")
    order = topological_order(value)
    if len(order) > limit:
        raise ValueError(
            f"animate: this graph has {len(order)} values, more than limit={limit}; animate a "
            f"part, such as one neuron, or pass limit={len(order)}"
        )
    drawn = of_values(order, named(parameters, "animate"))
    story = told(order, drawn)
    length = seconds if seconds is not None else min(story.length, LONGEST)
    story = story.scaled(length / story.length)
    for card, sums in zip(drawn.cards, story.sums, strict=True):
        longest = max([text for _, text in sums], key=len)
        data, grad = card.rows
        card.rows = [Row(data.caption, data.figure, "data"), Row(grad.caption, longest, "grad")]
        card.tip = ""
    for flow in story.flows:
        if flow.is_back:
            drawn.arrows[flow.arrow].text = flow.text
    picture = Picture.of_svg(staged(drawn, story, *look), len(order))
    if path is not None:
        picture.save(path)
    return picture


def told(order: Sequence[Value], drawn: Diagram) -> Story:
    """The events of both passes over a graph.

    >>> x = Value(3.0, label="x")
    >>> order = [x, x * x]
    >>> [text for _, text in told(order, of_values(order, {})).sums[0]]
    ['3', '3 + 3', '6']

    Raises TypeError if an operation was wired by hand.
    """
    teller = _Teller(order, drawn)
    teller.forward()
    teller.backward()
    return teller.story


class _Teller:
    def __init__(self, order: Sequence[Value], drawn: Diagram) -> None:
        self.order = order
        self.cards = drawn.cards
        self.places = {value: place for place, value in enumerate(order)}
        self.names = [shortened(card.title or card.sign, LONGEST_NAME) for card in drawn.cards]
        self.arriving: list[list[int]] = [[] for _ in order]
        for i, arrow in enumerate(drawn.arrows):
            self.arriving[arrow.head].append(i)
        self.story = Story([0.0] * len(order), sums=[[] for _ in order])
        self.now = 0.0

    def forward(self) -> None:
        """Values appear in order, the leaves one shortly after the other."""
        leaves = [place for place, value in enumerate(self.order) if not value.parents]
        self.now = 0.4
        for i, place in enumerate(leaves):
            self.story.born[place] = self.now + LEAVES * i / len(leaves)
        self._say("forward", "the numbers that are given", LEAVES)
        for place, value in enumerate(self.order):
            if not value.parents:
                continue
            ready = self.now + TRAVEL * 0.7
            for arrow in self.arriving[place]:
                self.story.flows.append(Flow(arrow, Span(self.now, ready), is_back=False))
            self.story.born[place] = ready
            self.story.active.append((place, Span(ready, self.now + FORWARD), False))
            self._say("forward", self._computed(value), FORWARD)

    def backward(self) -> None:
        """The gradient of each value is passed on to its operands, from the last one back."""
        gradients = [0.0] * len(self.order)
        last = len(self.order) - 1
        gradients[last] = 1.0
        self.now += TURN / 2
        self.story.sums[last].append((self.now, "1"))
        self.story.active.append((last, Span(self.now, self.now + TURN), True))
        result = self.names[last] if self.cards[last].title else "the result"
        self._say("backward", f"the derivative of {result} by itself is 1", TURN)
        for place in reversed(range(len(self.order))):
            if self.order[place].parents:
                self._pass_back(place, gradients)
        self._end(gradients)

    def _pass_back(self, place: int, gradients: list[float]) -> None:
        value, g = self.order[place], gradients[place]
        slopes, parts = contributions(value, 1.0), contributions(value, g)
        beginning = self.now
        between = BETWEEN / max(1.0, len(parts) / MOST_SAID)
        said = []
        for i, (arrow, slope, part) in enumerate(
            zip(self.arriving[place], slopes, parts, strict=True)
        ):
            start = self.now + between * i
            arrival = start + TRAVEL
            text = f"×{signed(slope)}"
            self.story.flows.append(Flow(arrow, Span(start, arrival), is_back=True, text=text))
            self._arrive(self.places[value.parents[i]], part, arrival, gradients)
            to = self.names[self.places[value.parents[i]]]
            said.append(f"{signed(g)} × {signed(slope)} = {signed(part)} to {to}")
        length = between * (len(parts) - 1) + TRAVEL + BACKWARD
        if any(len(self.story.sums[self.places[parent]]) > 1 for parent in value.parents):
            length += SUM
        self.story.active.append((place, Span(beginning, beginning + length), True))
        more = f" and {len(said) - MOST_SAID} more" if len(said) > MOST_SAID else ""
        self._say("backward", BREAK.join(said[:MOST_SAID]) + more, length)

    def _arrive(self, place: int, part: float, time: float, gradients: list[float]) -> None:
        sums = self.story.sums[place]
        earlier = gradients[place]
        gradients[place] += part
        if not sums:
            sums.append((time, number(part)))
            return
        figure = number(part)
        term = f" - {figure[1:]}" if figure.startswith("-") else f" + {figure}"
        sums.append((time, number(earlier) + term))
        sums.append((time + SUM * 0.7, number(gradients[place])))

    def _end(self, gradients: Sequence[float]) -> None:
        last = self.names[-1] if self.cards[-1].title else ""
        leaves = [
            f"∂{last}/∂{self.names[place]} = {signed(gradients[place])}"
            for place, value in enumerate(self.order)
            if not value.parents and self.names[place]
        ]
        more = ", …" if len(leaves) > 2 * MOST_SAID else ""
        self._say("", BREAK.join(leaves[: 2 * MOST_SAID]) + more, PAUSE)
        self.story.length = self.now

    def _say(self, which: str, text: str, length: float) -> None:
        self.story.said.append((Span(self.now, self.now + length), which, text))
        self.now += length

    def _computed(self, value: Value) -> str:
        """The operation by names, by numbers, and what it comes to."""
        numbers = [constant(float(detached(operand))) for operand in value.operands]
        symbols = [
            name(self.names[self.places[operand]]) if self._has_name(operand) else text
            for operand, text in zip(value.operands, numbers, strict=True)
        ]
        said = [self.names[self.places[value]]] if self._has_name(value) else []
        said += [written(value.op, symbols).text, written(value.op, numbers).text]
        said.append(number(value.data))
        return " = ".join(dict.fromkeys(said))

    def _has_name(self, operand: object) -> bool:
        return isinstance(operand, Value) and bool(self.cards[self.places[operand]].title)
