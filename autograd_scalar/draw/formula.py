"""Expressions in place of boxes: ``tanh(w*x + b)``.

Text reads as Python, with the fewest parentheses that Python needs: where labels are names, it
computes the same number to the last bit, but for the digits of constants and the rounding of sums
that are one operation.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from autograd_scalar.draw.diagram import Arrow, Diagram, Link, card_of, label_of
from autograd_scalar.draw.text import number, plain, shortened
from autograd_scalar.value import Value

LONGEST = 44  # characters of an expression: a line that is read in one go
LONGEST_NAME = 22
MOST_ARGUMENTS = 6

# How text binds: not at all, a sum, a product, a sign, a power, a name or a call.
LOOSE, SUM, PRODUCT, SIGN, POWER, NAME = range(6)

# Of each operator: how it binds, what it needs of its left and of its right operand, and its text.
INFIX = {
    "+": (SUM, SUM, PRODUCT, " + "),
    "-": (SUM, SUM, PRODUCT, " - "),
    "*": (PRODUCT, PRODUCT, SIGN, "*"),
    "/": (PRODUCT, PRODUCT, SIGN, "/"),
    "//": (PRODUCT, PRODUCT, SIGN, "//"),
    "%": (PRODUCT, PRODUCT, SIGN, " % "),
    "**": (POWER, NAME, SIGN, "**"),
}
OPPOSITE = {"+": "-", "-": "+"}


class Text(NamedTuple):
    """An expression and how tightly it binds."""

    text: str
    binding: int

    def within(self, least: int) -> str:
        """The text as an operand of what needs that binding."""
        return self.text if self.binding >= least else f"({self.text})"


def written(op: str, operands: Sequence[Text]) -> Text:
    """One operation on these texts.

    >>> a, b, c = [Text(name, NAME) for name in "abc"]
    >>> written("*", [written("+", [a, b]), written("neg", [c])]).text
    '(a + b)*-c'
    """
    if op in INFIX and len(operands) == 2:
        binding, left, right, sign = INFIX[op]
        a, b = operands[0].within(left), operands[1].within(right)
        if op in OPPOSITE and b.startswith("-") and not b.startswith("-("):  # a + -b is a - b
            sign, b = INFIX[OPPOSITE[op]][3], b[1:]
        return Text(f"{a}{sign}{b}", binding)
    if op == "neg" and len(operands) == 1:
        return Text(f"-{operands[0].within(SIGN)}", SIGN)
    if op == "dot" and operands and len(operands) % 2 == 0:
        half = len(operands) // 2
        pairs = zip(operands[:half], operands[half:], strict=True)
        products = [written("*", pair).text for pair in pairs]
        return Text(" + ".join(_few(products)), SUM if half > 1 else PRODUCT)
    if op == "fsum" and operands:
        terms = [x.within(SUM if i == 0 else PRODUCT) for i, x in enumerate(operands)]
        return Text(" + ".join(_few(terms)), SUM)
    name = shortened(plain(op), LONGEST_NAME)
    return Text(f"{name}({', '.join(_few([x.text for x in operands]))})", NAME)


def constant(x: float) -> Text:
    """A number as Python reads it."""
    text = number(x)
    return Text(text, SIGN if text.startswith("-") else NAME)


def name(label: str) -> Text:
    """A label; what looks like an expression gets parentheses wherever that matters.

    >>> written("*", [name("a + b"), name("layers.0.w")]).text
    '(a + b)*layers.0.w'
    """
    text = shortened(label, LONGEST_NAME)
    return Text(text, LOOSE if re.search(r"[\s+*/%^&|<>=!,;:()-]", text) else NAME)


def _few(texts: Sequence[str]) -> list[str]:
    """The first and the last of many."""
    if len(texts) <= MOST_ARGUMENTS:
        return list(texts)
    return [*texts[: MOST_ARGUMENTS - 2], "...", texts[-1]]


# --- Lines of thought -----------------------------------------------------------------------------


def of_formulas(
    order: Sequence[Value],
    parameters: Mapping[Value, str | None],
    kept: Iterable[Value] = (),
) -> Diagram:
    """A card for each line of thought, and an arrow for each time that one uses another.

    A value that has a label, or is used more than once, or is one of the ``kept``, has a card. Any
    other is written into the expression of its user, if that does not get too long.

    >>> x, y = Value(2.0, label="x"), Value(3.0, label="y")
    >>> z = (x + y) * 2
    >>> [card.title for card in of_formulas([x, y, z.parents[0], z], {}).cards]
    ['x', 'y', '(x + y)*2']
    """
    lines = _Lines(order, parameters, kept)
    places = {value: i for i, value in enumerate(v for v in order if v in lines.names)}
    cards, arrows = [], []
    for value, place in places.items():
        card = card_of(value, parameters)
        if value.parents:
            card.title, card.sign, card.ports = lines.title(value), "", 0
        else:
            card.title = lines.names[value]
        cards.append(card)
        arrows += [
            Arrow(places[used], place, links=links) for used, links in lines.uses.get(value, ())
        ]
    cards[-1].is_output = True
    return Diagram(cards, arrows)


class _Lines:
    """The values that have a card, and the expressions of all.

    Attributes:
        names: of the values with a card.
        texts: of each result, its expression.
        uses: of each result, for every place in its expression where the name of a card stands,
            that value, and the operations between the two.
    """

    def __init__(
        self,
        order: Sequence[Value],
        parameters: Mapping[Value, str | None],
        kept: Iterable[Value],
    ) -> None:
        self.last = order[-1]
        self.texts: dict[Value, Text] = {}
        self.uses: dict[Value, list[tuple[Value, tuple[Link, ...]]]] = {}
        self.names: dict[Value, str] = {}
        labels = {value: label_of(value, parameters) for value in order}
        self.taken = set(labels.values())
        self.labelled = {value for value, label in labels.items() if label}
        times_used = Counter(parent for value in order for parent in value.parents)
        apart = {*kept, *parameters, order[-1]}
        for value in order:
            if value.parents:
                self._write(value)
            if labels[value]:
                self.names[value] = shortened(labels[value], LONGEST_NAME)
            elif times_used[value] > 1 or value in apart:
                self._name(value)

    def title(self, value: Value) -> str:
        """What stands on the card of a result."""
        text = shortened(self.texts[value].text, 2 * LONGEST)
        is_last = value is self.last and value not in self.labelled
        return text if is_last else f"{self.names[value]} = {text}"

    def _name(self, value: Value) -> None:
        number = 1
        while f"v{number}" in self.taken:
            number += 1
        self.taken.add(f"v{number}")
        self.names[value] = f"v{number}"

    def _write(self, value: Value) -> None:
        text = written(value.op, [self._operand(o) for o in value.operands])
        while len(text.text) > LONGEST:
            inlined = [p for p in value.parents if p not in self.names and p.parents]
            if not inlined:
                break
            self._name(max(inlined, key=lambda parent: len(self.texts[parent].text)))
            text = written(value.op, [self._operand(o) for o in value.operands])
        self.texts[value] = text
        self.uses[value] = []
        for i, parent in enumerate(value.parents):
            if parent in self.names:
                self.uses[value].append((parent, ((value, i),)))
            else:
                inside = self.uses.pop(parent, ())
                self.uses[value] += [(used, ((value, i), *links)) for used, links in inside]

    def _operand(self, operand: object) -> Text:
        if not isinstance(operand, Value):
            return constant(float(operand))  # type: ignore[arg-type]
        if operand in self.names:
            return name(self.names[operand])
        return self.texts[operand] if operand.parents else constant(operand.data)
