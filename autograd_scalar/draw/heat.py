"""Colour that means something: cards tinted by the size of their gradients or numbers."""

from collections.abc import Sequence
from math import ceil, floor, inf, isinf, isnan, log10

from autograd_scalar.draw.diagram import Arrow, Card, Diagram, Swatch, Tint
from autograd_scalar.draw.slopes import sent_back
from autograd_scalar.draw.text import number
from autograd_scalar.draw.theme import Theme, contrast, ramp
from autograd_scalar.primitives import detached

KINDS = {"grad": "|grad|", "data": "|data|"}

# On a tint, which is the same in light and dark surroundings. Neither is a colour of a theme, so
# neither is exchanged for another where the system is dark.
INK, CHALK = "#010101", "#fefefe"

MOST_STEPS = 9  # of the legend

MARKS = {"∅": "exactly 0", "∞": "infinite", "?": "not a number"}


def heat(diagram: Diagram, kind: str, theme: Theme) -> None:
    """Colour the cards by log10 of |grad| or |data|, mark what has none, and add the legend.

    A box has the largest of what it stands for. A card whose gradient is exactly zero is dead, and
    so is an arrow along which nothing flows back.
    """
    sizes = [_largest(card, kind) for card in diagram.cards]
    scale = _Scale(sizes, theme)
    for card, size in zip(diagram.cards, sizes, strict=True):
        card.mark = _mark(size)
        card.is_dead = kind == "grad" and size == 0.0
        card.tint = None if card.is_dead else scale.tint(size, card.kind)
    used = {card.mark for card in diagram.cards}
    blank = Tint(("", theme.colours["note"], theme.colours["page"] or CHALK))
    marks = [Swatch(said, blank, mark) for mark, said in MARKS.items() if mark in used]
    diagram.legend = (KINDS[kind], [*scale.swatches(), *marks])
    if kind == "grad":
        for arrow in diagram.arrows:
            arrow.is_dead = _is_dead(arrow, diagram.cards)
        if not any(sizes):
            diagram.notes.append("every gradient is 0: was backward() called?")


def _largest(card: Card, kind: str) -> float:
    """The largest |x| of what a card stands for; nan if one is."""
    sizes = [abs(float(detached(getattr(value, kind)))) for value in card.members]
    return next((size for size in sizes if isnan(size)), max(sizes))


def _mark(size: float) -> str:
    """What stands on a card whose size has no logarithm."""
    return "?" if isnan(size) else "∞" if isinf(size) else "" if size else "∅"


def _is_dead(arrow: Arrow, cards: Sequence[Card]) -> bool:
    tail, head = cards[arrow.tail], cards[arrow.head]
    if tail.is_dead or head.is_dead:
        return True
    is_known = all(value._closure.primitive is not None for value, _ in arrow.links)
    return bool(arrow.links) and is_known and _flow(arrow, head) == 0.0


def _flow(arrow: Arrow, head: Card) -> float:
    return sent_back(arrow, float(detached(head.members[0].grad)))


class _Scale:
    """From the whole power of ten below the least of the sizes to that above the greatest."""

    def __init__(self, sizes: Sequence[float], theme: Theme) -> None:
        logarithms = [log10(size) for size in sizes if 0.0 < size < inf]
        self.theme = theme
        self.is_empty = not logarithms
        self.low = floor(min(logarithms, default=0.0))
        self.high = max(ceil(max(logarithms, default=1.0)), self.low + 1)

    def tint(self, size: float, kind: str) -> Tint:
        """The colours of a card."""
        colours = self.theme.colours
        border = colours[f"{kind} border"]
        if not size:
            return Tint((colours["dead"], colours["text"], border))
        if not size < inf:
            return Tint((colours["result"], colours["text"], colours["changed"]))
        ground, ink = self._colour(log10(size))
        return Tint((ground, ink, border))

    def swatches(self) -> list[Swatch]:
        """Powers of ten and their colours."""
        if self.is_empty:
            return []
        decades = self.high - self.low
        step = ceil(decades / (MOST_STEPS - 1))
        found = []
        for exponent in range(self.low, self.high + step, step):
            exponent = min(exponent, self.high)
            ground, ink = self._colour(exponent)
            figure = number(10.0**exponent) if -5 < exponent < 6 else f"1e{exponent}"
            found.append(Swatch(figure, Tint((ground, ink, ""))))
        return found

    def _colour(self, logarithm: float) -> tuple[str, str]:
        at = (logarithm - self.low) / (self.high - self.low)
        ground = ramp(*self.theme.ramp, min(max(at, 0.0), 1.0))
        return ground, max((INK, CHALK), key=lambda ink: contrast(ink, ground))
