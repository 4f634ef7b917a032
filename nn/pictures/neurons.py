"""A network neuron by neuron: columns of circles, and a line for each weight."""

from collections.abc import Sequence
from itertools import pairwise
from math import inf, isfinite, isnan
from typing import Any

from autograd_scalar.draw.text import number
from autograd_scalar.draw.theme import Theme
from nn.module import Module
from nn.pictures import svg
from nn.pictures.pen import Pen, glyph, shown
from nn.pictures.steps import Step, data_of

RADIUS = 17.0
PITCH = 46.0  # from neuron to neuron in a column
GAP = 0.6 * PITCH  # more, where neurons are left out
HEADER = 74.0
MARGIN = 18.0
LEAST_BETWEEN, MOST_BETWEEN = 180.0, 300.0  # columns
STUB = 8.0  # the line of a bias, below its neuron


class Neurons:
    """A network of columns, laid out.

    columns: the activations of each column, the inputs first; None for none.
    units: the largest number of neurons to show in a column.
    names: of the inputs and of the outputs; empty for none.
    """

    def __init__(
        self,
        model: Module,
        steps: Sequence[Step],
        columns: Sequence[Sequence[float]] | None,
        grad: bool,
        units: int,
        names: Sequence[Sequence[str]],
        theme: Theme,
    ) -> None:
        """See the class."""
        self.model, self.steps, self.columns = model, steps, columns
        self.paths = {id(p): path for path, p in model.named_parameters()}
        every = [w for step in steps for row in step.weights for w in row]
        self.pen = Pen(theme, grad, [*every, *(b for step in steps for b in step.biases)])
        self.counts = [len(steps[0].weights[0]), *(len(step.weights) for step in steps)]
        self.shown = [shown(count, units) for count in self.counts]
        self.names = [names[0], *([()] * (len(steps) - 1)), names[1]]
        self.curves = [step.curve() for step in steps]
        self.headers = [self._header(place) for place in range(len(self.counts))]
        self.tallest = max(map(_height, self.shown))
        told = ["dots: biases"] if any(step.biases for step in steps) else []
        self.legend = self.pen.legend(*told, *["in the circles: activations"] * bool(columns))
        self.ys = [self._heights(place) for place in range(len(self.counts))]
        self._place_columns()

    def svg(self) -> str:
        """Return the picture."""
        parts = [self._header_svg(place) for place in range(len(self.counts))]
        neurons = [self._neuron(c, u) for c, units in enumerate(self.shown) for u in units]
        parts.append(svg.element("g", *neurons, class_="neurons"))
        parts += [self._left_out(column) for column in range(len(self.counts))]
        parts.append(self.pen.legend_svg(self.legend, MARGIN, self.height - MARGIN))
        sizes = " → ".join(map(str, self.counts))
        spoken = f"network {sizes}, {len(self.model.parameters())} parameters"
        style = _hover_style(self.pen.theme.name)
        return self.pen.page(self.width, self.height, spoken, style, parts)

    # --- Where things are ---

    def _place_columns(self) -> None:
        wanted = min(max(0.42 * self.tallest, LEAST_BETWEEN), MOST_BETWEEN)
        half = [
            max(RADIUS, *(svg.width(line, 13.0, bold=not i) / 2 for i, line in enumerate(lines)))
            for lines in self.headers
        ]
        left, right = (
            max((svg.width(name, 12.0) + RADIUS + 8 for name in names), default=0.0)
            for names in (self.names[0], self.names[-1])
        )
        self.xs = [MARGIN + max(half[0], left)]
        for a, b in pairwise(half):
            self.xs.append(self.xs[-1] + max(wanted, a + b + 20))
        columns = self.xs[-1] + max(half[-1], right) + MARGIN
        self.width = max(columns, MARGIN + sum(room for _, room, _ in self.legend))
        self.xs = [x + (self.width - columns) / 2 for x in self.xs]
        self.height = HEADER + self.tallest + 3 * MARGIN + 24

    def _heights(self, column: int) -> dict[int, float]:
        """Of each neuron that is shown."""
        places = self.shown[column]
        y = HEADER + MARGIN + (self.tallest - _height(places)) / 2 + RADIUS
        found = {}
        for before, place in pairwise([-1, *places]):
            y += GAP if place - before > 1 else 0
            found[place] = y
            y += PITCH
        return found

    # --- What stands where ---

    def _header(self, column: int) -> tuple[str, str, str]:
        count = self.counts[column]
        if not column:
            return f"{count} input{'s' * (count != 1)}", "", ""
        step = self.steps[column - 1]
        total = sum(map(len, step.weights)) + len(step.biases)
        return f"{count} × {step.activation}", step.title, f"{total} parameter{'s' * (total != 1)}"

    def _header_svg(self, column: int) -> str:
        first, *rest = [line for line in self.headers[column] if line]
        x, y = self.xs[column], MARGIN + 12 + (0 if rest else 18)
        lines = [
            self.pen.text(line, x, y + 18 * i, 12, "caption") for i, line in enumerate(rest, 1)
        ]
        return self.pen.text(first, x, y, 13, weight="600") + "".join(lines)

    def _neuron(self, column: int, place: int) -> str:
        """A neuron with the lines that come to it."""
        x, y = self.xs[column], self.ys[column][place]
        parts = []
        if column:
            step, before = self.steps[column - 1], self.ys[column - 1]
            weights = step.weights[place]
            # Thick lines lie on thin ones.
            order = sorted(before, key=lambda source: _rank(self.pen.strength(weights[source])))
            parts += [
                self._line(weights[source], self.xs[column - 1], before[source], x, y)
                for source in order
            ]
            if step.biases:
                parts.append(self._bias(step.biases[place], x, y))
        parts.append(self._circle(column, place, x, y))
        if place < len(self.names[column]):
            side, anchor = (1, "start") if column else (-1, "end")
            name = self.names[column][place]
            parts.append(self.pen.text(name, x + side * (RADIUS + 8), y + 4, 12, "text", anchor))
        return svg.element("g", *parts, class_="neuron")

    def _line(self, weight: Any, x: float, y: float, to_x: float, to_y: float) -> str:
        start, end = x + RADIUS, to_x - RADIUS
        bend = 0.45 * (end - start)
        curve = (
            f"M{start:.1f} {y:.1f}C{start + bend:.1f} {y:.1f} "
            f"{end - bend:.1f} {to_y:.1f} {end:.1f} {to_y:.1f}"
        )
        return self._drawn(weight, curve, "weight")

    def _bias(self, bias: Any, x: float, y: float) -> str:
        strength = self.pen.strength(bias)
        dot = svg.element(
            "circle", cx=x, cy=y + RADIUS + STUB, r=2.4, fill=self.pen.colour(strength),
            opacity=self.pen.line(strength)["opacity"],
        )  # fmt: skip
        return self._drawn(bias, f"M{x:.1f} {y + RADIUS:.1f}v{STUB:.1f}", "bias") + dot

    def _drawn(self, parameter: Any, path: str, kind: str) -> str:
        words = self.pen.words(self.paths.get(id(parameter), kind), parameter)
        look = self.pen.line(self.pen.strength(parameter))
        return svg.element("path", svg.title(words), d=path, fill="none", class_=kind, **look)

    def _circle(self, column: int, place: int, x: float, y: float) -> str:
        ink = self.pen.ink
        words = [self._name(column, place)]
        inner = ""
        if self.columns is not None:
            inner = self._activation(self.columns[column], place, x, y)
            words.append(f"activation {self.columns[column][place]!r}")
        elif column:
            inner = glyph(self.curves[column - 1], x, y, RADIUS, ink["caption"])
        if column and (step := self.steps[column - 1]).biases:
            words.append(f"bias {data_of(step.biases[place])!r}")
        circle = svg.element(
            "circle", cx=x, cy=y, r=RADIUS, fill=ink["result"],
            stroke=ink["result border"], stroke_width=1.2,
        )  # fmt: skip
        return svg.element("g", svg.title(words), circle, inner)

    def _name(self, column: int, place: int) -> str:
        names = self.names[column]
        label = f", {names[place]}" if names else ""
        if not column:
            return f"input {place}{label}"
        return f"{self.steps[column - 1].title}, neuron {place}{label}"

    def _activation(self, activations: Sequence[float], place: int, x: float, y: float) -> str:
        """A number in its circle, on a ground as deep as it is large among those of its column."""
        a = activations[place]
        largest = max((abs(b) for b in activations if isfinite(b)), default=0.0)
        ground = ""
        if isfinite(a) and a:
            ground = svg.element(
                "circle", cx=x, cy=y, r=RADIUS, fill=self.pen.colour(a),
                fill_opacity=0.1 + (0.2 if self.pen.theme.inked else 0.45) * abs(a) / largest,
            )  # fmt: skip
        words = number(a, 2)
        points = 11.0 if len(words) <= 4 else 9.5 if len(words) <= 5 else 8.0
        colour, weight = ("text", None) if isfinite(a) else ("path", "700")
        return ground + self.pen.text(words, x, y + 0.35 * points, points, colour, weight=weight)

    def _left_out(self, column: int) -> str:
        places, heights = self.shown[column], list(self.ys[column].values())
        missing = self.counts[column] - len(places)
        if not missing:
            return ""
        gap = next((i for i, place in enumerate(places) if place != i), len(places))
        middle = heights[gap - 1] + (PITCH + GAP) / 2
        ground = svg.element(
            "rect", x=self.xs[column] - 34, y=middle - 9, width=68, height=18, rx=9,
            fill=self.pen.ink["box"],
        )  # fmt: skip
        return ground + self.pen.text(f"⋯ {missing} more", self.xs[column], middle + 4, 11)


def _height(places: Sequence[int]) -> float:
    gaps = sum(b - a > 1 for a, b in pairwise(places))
    return (len(places) - 1) * PITCH + gaps * GAP + 2 * RADIUS + STUB


def _rank(x: float) -> float:
    return inf if isnan(x) else abs(x)


def _hover_style(name: str) -> str:
    """Under the mouse a line stands out, and at a neuron those that come to it."""
    return (
        f"<style>.{name} .weight {{ pointer-events: stroke }}\n"
        f".{name} .weight:hover {{ opacity: 1 }}\n"
        f".{name} .neurons:has(.neuron:hover) .neuron:not(:hover) .weight {{ opacity: 0.06 }}"
        "</style>"
    )
