r"""A graph as text, for a terminal.

>>> from autograd_scalar import Value, tanh
>>> w, x, b = Value(2.0, label="w"), Value(0.5, label="x"), Value(-0.9, label="b")
>>> y = tanh(w * x + b)
>>> y.label = "y"
>>> y.backward()
>>> print(tree(y))
            data      grad
y = tanh     0.09967  1
└─ +         0.1      0.9901
   ├─ ×      1        0.9901
   │  ├─ w   2        0.495
   │  └─ x   0.5      1.98
   └─ b     -0.9      0.9901
"""

from __future__ import annotations

from itertools import groupby, islice

from autograd_scalar.draw import LIMIT
from autograd_scalar.draw.text import (
    INFIX,
    JOINER,
    LONGEST_LABEL,
    SLOT,
    columns,
    number,
    operation,
    plain,
    shortened,
)
from autograd_scalar.graph import topological_order
from autograd_scalar.primitives import described
from autograd_scalar.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    # What stands at a place: a value, or constants that the operation above has no room for; the
    # strokes that lead to it, and the margin from which strokes lead on to its own operands.
    Item = tuple[Value | str, str, str]
    Line = tuple[str, str, str, str]  # strokes, name, data, gradient

# A graph of more levels has a trunk: its longest way down goes on at the margin, where a step to
# the right for each level would lead off the page. A neuron has 4 levels, the loss of a network
# with one hidden layer 10. What hangs from a trunk's end is a shrub, drawn as any small graph.
DEEPEST = 12
SHRUB = 6

NARROWEST = 60  # columns: two numbers, at most 16 each, and room for what they are of
NAME_ROOM = 20  # columns that strokes leave to a name, where there are so many

BRANCH, LAST, LINE, GAP = "├─ ", "└─ ", "│  ", "   "
ABOVE, BELOW, MORE = "↑", "↓", "…"
BETWEEN = "  "  # columns

# For a stream that does not know all of these, none is written.
ASCII = str.maketrans(
    {
        "├": "|",
        "└": "`",
        "│": "|",
        "─": "-",
        "−": "-",
        "×": "*",
        SLOT: "_",
        ABOVE: "(above)",
        BELOW: "(below)",
        MORE: "...",
    }
)

# What a number, a result or a reference has: a label with one of these could be taken for it.
LOOKALIKES = ("#", "=", ABOVE, BELOW, "(above)", "(below)")

# Terminals disagree on how wide characters are that melt together. Spelled out, they don't melt.
MELTING = {
    c: f"\\u{c:04x}" if c < 0x10000 else f"\\U{c:08x}"
    for c in (ord(JOINER), 0xFE0E, 0xFE0F, *range(0x1F3FB, 0x1F400))  # selectors, tones of skin
}
LEFT_TO_RIGHT = "\u200e"  # no column wide; around a name in Hebrew, it keeps the line in order


class Tree(str):
    """The text that ``tree`` returns; a Python prompt and Jupyter show it as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def tree(
    value: Value, *, width: int | None = None, limit: int = LIMIT, encoding: str | None = None
) -> Tree:
    """Show the graph that ``value`` was computed by as text, from the result down to the leaves.

    A line has a label, the operation with its constant operands, the data and the gradient; below
    it, further to the right, stand the operands in their order. A value that is used again is
    shown in full once: ``a ↑`` refers to it. One without a label of its own gets a number.

    >>> from autograd_scalar import Value
    >>> a = Value(3.0, label="a")
    >>> b = a * a
    >>> print(tree(b - 1 / b))
               data    grad
    −          8.889   0
    ├─ #1 = ×  9       0
    │  ├─ a    3       0
    │  └─ a ↑
    └─ 1 /     0.1111  0
       └─ #1 ↑

    In a graph of more than twelve levels the longest way down goes on at the margin, after the
    other operands, where ``h ↓`` refers to what is shown in full below. If operands change places
    by that and may not, ``↓ − ·`` says which of them is the one at the margin.

    Args:
        value: what the graph ends in.
        width: the largest number of columns to take, at least 60; by default the terminal's.
        limit: the largest number of lines; beyond it, the last one says how many more there are.
        encoding: what the text will be written in, by default the encoding of the standard output.
            If it has no lines to draw with, ASCII does.

    Raises:
        TypeError: if ``value`` is not a Value, ``width`` or ``limit`` not an int, or ``encoding``
            not a string.
        ValueError: if ``width`` is below 60, ``limit`` below 1, or the encoding unknown.
    """
    if not isinstance(value, Value):
        raise TypeError(f"tree: value must be a Value, not {described(value)}")
    if width is None:
        import shutil

        width = max(NARROWEST, shutil.get_terminal_size().columns)
    _check("width", width, NARROWEST)
    _check("limit", limit, 1)
    script = _Script(encoding)
    graph = _Graph(topological_order(value), script)
    size = graph.size()
    text = _laid_out(list(islice(graph.lines(), min(limit, size))), width, script)
    if size > limit:
        text += [
            script.written(f"{MORE} {size - limit} more line{'s' * (size - limit != 1)}"),
            f"  limit={size} shows all, tree of an operand its part",
        ]
    return Tree("\n".join(text))


def _check(name: str, given: Any, least: int) -> None:
    if not isinstance(given, int) or isinstance(given, bool):
        raise TypeError(f"tree: {name} must be an int, not {described(given)}")
    if given < least:
        raise ValueError(f"tree: {name} must be at least {least}, not {given}")


# --- The lines of a graph -------------------------------------------------------------------------


class _Graph:
    """What stands on each line.

    Attributes:
        order: all values, in topological order.
        levels: for each the number of values on the longest way down from it.
        shared: those that are used more than once.
        unclear: the labels that do not say which value is meant.
        numbers: the numbers of those that are referred to by one.
        shown: those that were shown in full so far.
        trunk: for each on a trunk the next one down.
        ahead: those on trunks, whether the trunk has come so far or not.
    """

    def __init__(self, order: Sequence[Value], script: _Script) -> None:
        self.order = order
        self.script = script
        self.levels: dict[Value, int] = {}
        self.shared: set[Value] = set()
        used: set[Value] = set()
        for value in order:
            self.levels[value] = 1 + max([self.levels[p] for p in value.parents], default=0)
            for parent in value.parents:
                (self.shared if parent in used else used).add(parent)
        self.unclear = self._unclear_labels()
        self.numbers: dict[Value, int] = {}
        self.shown: set[Value] = set()
        self.trunk: dict[Value, Value] = {}
        self.ahead: set[Value] = set()

    def size(self) -> int:
        """The number of lines: one for the result and one for each operand."""
        return 1 + sum(len(_operands(value)) for value in self.order)

    def lines(self) -> Iterator[Line]:
        """The lines from the result down, at any depth without recursion."""
        todo: list[Item] = [(self.order[-1], "", "")]
        while todo:
            item, strokes, margin = todo.pop()
            if isinstance(item, str):
                yield strokes, item, "", ""
            elif item in self.shown:
                yield strokes, f"{self._handle(item)} {ABOVE}", "", ""
            elif item in self.ahead and strokes != margin:  # not where the trunk comes to it
                yield strokes, f"{self._handle(item)} {BELOW}", "", ""
            else:
                if self.levels[item] > DEEPEST and item not in self.ahead:
                    self._grow_trunk(item)
                self.shown.add(item)
                yield strokes, self._name(item), number(item.data), number(item.grad)
                todo += reversed(self._below(item, margin))

    def _grow_trunk(self, value: Value) -> None:
        """Take the longest way down for the margin, as far as it leads to what is not yet shown."""
        while True:
            self.ahead.add(value)
            ways = [p for p in value.parents if p not in self.ahead and p not in self.shown]
            if not ways:
                return
            longest = max(reversed(ways), key=self.levels.__getitem__)  # the last of several
            # The terms of a sum stay together, down to the first two.
            goes_on = longest.op == value.op or self.levels[longest] > SHRUB
            if not (longest.parents and goes_on):
                return
            self.trunk[value] = longest
            value = longest

    def _below(self, value: Value, margin: str) -> list[Item]:
        operands = _operands(value)
        trunk = self.trunk.get(value)
        if trunk is not None:
            del operands[_last_place(trunk, operands)]
        items: list[Item] = [(operand, margin + BRANCH, margin + LINE) for operand in operands]
        if trunk is not None:
            items.append((trunk, margin, margin))
        elif items:
            items[-1] = operands[-1], margin + LAST, margin + GAP
        return items

    # --- Names ---

    def _name(self, value: Value) -> str:
        name = self._label(value)
        if value in self.shared or name.startswith("#"):
            name = self._handle(value)
        made_by = self._operation(value)
        if name and made_by:
            return f"{name} = {made_by}"
        return name or made_by or ("unnamed" if value.parents else "leaf")

    def _handle(self, value: Value) -> str:
        """What refers to a value: its label if that says enough, otherwise a number before it."""
        label = self._label(value)
        if label and label not in self.unclear:
            return label
        place = self.numbers.setdefault(value, len(self.numbers) + 1)
        return f"#{place} {label}".rstrip()

    def _label(self, value: Value) -> str:
        label = self.script.foreign(str(value.label or "").strip(" "))
        return self.script.fitted(label, LONGEST_LABEL)

    def _unclear_labels(self) -> set[str]:
        """The labels that two values have, or that look like something else of the picture."""
        unclear = {self.script.foreign(op) for op in {value.op for value in self.order}}
        unclear |= {"leaf", "unnamed"}
        labels: set[str] = set()
        for label in [self._label(value) for value in self.order if value.label]:
            if label in labels or any(sign in label for sign in LOOKALIKES):
                unclear.add(label)
            labels.add(label)
        return unclear

    def _operation(self, value: Value) -> str:
        """The operation, with the place of the operand at the margin where it can't be seen."""
        from autograd_scalar.draw.dot import UNORDERED

        text = self.script.foreign(operation(value))
        trunk = self.trunk.get(value)
        if trunk is None or (value.op in UNORDERED and value.op != "dot"):
            return text
        operands = _operands(value)
        place = _last_place(trunk, operands)
        if place == len(operands) - 1:
            return text
        if value.op in INFIX and len(operands) == 2:
            return f"{BELOW} {text} {SLOT}"
        return f"{text}, {BELOW} operand {place + 1} of {len(operands)}"


def _operands(value: Value) -> list[Value | str]:
    """What stands below a value: its parents, and constants that the operation leaves out."""
    if not _leaves_constants_out(value):
        return list(value.parents)
    places: list[Value | str] = []
    for is_value, run in groupby(value.operands, lambda o: isinstance(o, Value)):
        operands = list(run)
        places += operands if is_value else [", ".join(map(number, operands))]
    return places


def _leaves_constants_out(value: Value) -> bool:
    if value.op in INFIX or len(value.operands) == len(value.parents):
        return False
    return operation(value).endswith("constants")


def _last_place(item: Value, items: Sequence[Value | str]) -> int:
    return len(items) - 1 - items[::-1].index(item)


# --- Laying out -----------------------------------------------------------------------------------


class _Script:
    """Writes what an encoding can show."""

    def __init__(self, encoding: str | None) -> None:
        if encoding is not None and not isinstance(encoding, str):
            raise TypeError(f"tree: encoding must be a string or None, not {described(encoding)}")
        if encoding is None:
            import sys

            encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        self.encoding = encoding
        try:
            "".join(map(chr, [*ASCII, ord(LEFT_TO_RIGHT)])).encode(encoding)
            self.has_signs = True
        except UnicodeEncodeError:
            self.has_signs = False
        except (LookupError, ValueError):  # a ValueError for a name that can't be one
            raise ValueError(f"tree: encoding {encoding!r} is unknown") from None

    def written(self, text: str) -> str:
        """Text as the encoding has it."""
        if text.isascii():
            return text
        text = text if self.has_signs else text.translate(ASCII)
        return text.encode(self.encoding, "backslashreplace").decode(self.encoding)

    def foreign(self, text: str) -> str:
        """Text of others: every character visible, harmless and as wide as ``columns`` says."""
        return self.written(plain(text).translate(MELTING))

    def fitted(self, text: str, room: int) -> str:
        """Text as written, with its middle left out where it takes more columns than there are."""
        fitting = text = self.written(text)
        longest = room
        while columns(fitting) > room:
            fitting = self.written(shortened(text, longest))
            longest -= 1
        return fitting

    def one_way(self, text: str) -> str:
        """Text that does not turn round what follows it, as a name in Hebrew or Arabic would."""
        if text.isascii() or not self.has_signs:
            return text
        from unicodedata import bidirectional

        turns = any(bidirectional(c) in ("R", "AL", "AN") for c in text)
        return LEFT_TO_RIGHT + text + LEFT_TO_RIGHT if turns else text


def _laid_out(lines: Sequence[Line], width: int, script: _Script) -> list[str]:
    """The lines as text in aligned columns, under their headings."""
    data = _aligned("data", [line[2] for line in lines])
    grad = _aligned("grad", [line[3] for line in lines])
    room = width - len(data[0]) - len(grad[0]) - 2 * len(BETWEEN)
    names = [""]
    widest = 0
    for strokes, long_name, figure, _ in lines:
        led = _cut(strokes, max(room - NAME_ROOM, room // 2), script)
        # Where there are no figures, as beside constants, a name may run on below them.
        name = script.fitted(long_name, (room if figure else width) - len(led))
        names.append(led + script.one_way(name))
        if figure:
            widest = max(widest, columns(names[-1]))
    return [
        (name + " " * (widest - columns(name)) + BETWEEN + d + BETWEEN + g).rstrip()
        for name, d, g in zip(names, data, grad, strict=True)
    ]


def _cut(strokes: str, room: int, script: _Script) -> str:
    """The strokes as written; where there are too many the last of them."""
    if len(strokes) > room:
        steps = room // len(GAP) - 1
        strokes = strokes[-steps * len(GAP) :]
        return script.written(MORE).ljust(len(GAP)) + script.written(strokes)
    return script.written(strokes)


def _aligned(heading: str, numbers: Sequence[str]) -> list[str]:
    """Numbers of one width, the decimal points below each other, and the heading above them."""
    before = max(map(_point, numbers))
    cells = [heading, *(" " * (before - _point(number)) + number for number in numbers)]
    wide = max(map(len, cells))
    return [cell.ljust(wide) for cell in cells]


def _point(number: str) -> int:
    """Where the decimal point of a number is, or would be if it had one."""
    mantissa, _, _ = number.partition("e")
    whole, _, _ = mantissa.partition(".")
    return len(whole)
