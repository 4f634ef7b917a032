"""What pictures of networks have in common: how a number looks, and words in a theme's colours."""

from collections.abc import Iterable
from math import inf, isfinite, isnan
from typing import Any

from autograd_scalar import Value
from autograd_scalar.draw.text import number, shortened
from autograd_scalar.draw.theme import Theme
from autograd_scalar.primitives import detached
from nn.pictures import svg
from nn.pictures.steps import data_of

THINNEST, THICKEST = 0.5, 5.0
FAINTEST = 0.28
LONGEST_SPOKEN = 200  # characters that a screen reader says of a picture


class Pen:
    """Draws numbers: the sign as colour, the size as thickness and depth of colour.

    grad: whether a parameter stands for its gradient, rather than for its number.
    largest: the largest finite number to draw, by its size; it is the thickest.
    not_numbers, infinite: how many parameters are nan, and inf or -inf.
    """

    def __init__(self, theme: Theme, grad: bool, parameters: Iterable[Any]) -> None:
        """See the class."""
        self.theme, self.grad = theme, grad
        self.ink = theme.colours
        every = [self.strength(parameter) for parameter in parameters]
        self.largest = max((abs(x) for x in every if isfinite(x)), default=0.0)
        self.not_numbers = sum(map(isnan, every))
        self.infinite = sum(abs(x) == inf for x in every)

    @property
    def what(self) -> str:
        """What is drawn of a parameter."""
        return "gradient" if self.grad else "weight"

    def strength(self, parameter: Any) -> float:
        """Return what is drawn of a parameter: its number, or its gradient."""
        if not self.grad:
            return data_of(parameter)
        return float(detached(parameter.grad)) if isinstance(parameter, Value) else 0.0

    def words(self, name: str, parameter: Any) -> list[str]:
        """Return what there is to say of a parameter, with all digits."""
        said = [f"{name} = {data_of(parameter)!r}"]
        if isinstance(parameter, Value):
            said.append(f"gradient {float(detached(parameter.grad))!r}")
        return said

    def share(self, x: float) -> float:
        """Return the size of a number as a share of the largest, from 0 to 1."""
        if abs(x) == inf:
            return 1.0
        return abs(x) / self.largest if self.largest else 0.0

    def colour(self, x: float) -> str:
        """Return the colour of a number: that of its sign."""
        if isnan(x):
            return self.ink["path"]
        return self.ink["arrow" if x == 0 else "input border" if x > 0 else "parameter border"]

    def line(self, x: float) -> dict[str, Any]:
        """Return the attributes of a line for a number."""
        if isnan(x):
            dots = {"stroke_dasharray": "0.1 5", "stroke_linecap": "round"}
            return {"stroke": self.colour(x), "stroke_width": 3.0, "opacity": 1.0, **dots}
        if x == 0:
            return {"stroke": self.colour(x), "stroke_width": 0.4, "opacity": 0.5}
        share = self.share(x)
        return {
            "stroke": self.colour(x),
            "stroke_width": THINNEST + (THICKEST - THINNEST) * share + 2.0 * (abs(x) == inf),
            "opacity": FAINTEST + (0.95 - FAINTEST) * share,
            "stroke_dasharray": "7 4" if self.theme.inked and x < 0 else None,
        }

    def text(
        self,
        words: str,
        x: float,
        y: float,
        points: float,
        colour: str = "text",
        anchor: str = "middle",
        weight: str | None = None,
    ) -> str:
        """Return a line of text, its ground line at y."""
        return svg.element(
            "text", svg.text(words), x=x, y=y, fill=self.ink[colour], font_size=points,
            font_weight=weight, text_anchor=anchor,
        )  # fmt: skip

    def arrow(self, x: float, y: float, length: float, words: str = "") -> str:
        """Return an arrow that points down from (x, y), with words beside it."""
        line = self.line_to(f"M{x:.1f} {y + 1:.1f}v{length - 8:.1f}", x, y + length - 1, "down")
        if not words:
            return line
        return line + self.text(words, x + 9, y + length / 2 + 4, 11, "note", "start")

    def line_to(self, path: str, x: float | None, y: float | None, way: str) -> str:
        """Return a line along a path, with an arrowhead whose tip is (x, y), unless that is None.

        way: to where it points, "down" or "left".
        """
        ink = self.ink["arrow"]
        line = svg.element("path", d=path, fill="none", stroke=ink, stroke_width=1.5)
        if x is None or y is None:
            return line
        head = "l-4 -7h8z" if way == "down" else "l7 -4v8z"
        return line + svg.element("path", d=f"M{x:.1f} {y:.1f}{head}", fill=ink)

    def legend(self, *more: str, scale: bool = True) -> list[tuple[str, float, str]]:
        """Return what a legend says: a kind of sample, the room it takes, words.

        scale: whether to say how large the largest number is.
        """
        items = [("", f"all {self.what}s are 0{' before backward()' if self.grad else ''}")]
        if self.largest:
            thickest = f"thickest {number(self.largest, 3)}"
            items = [("+", f"positive {self.what}"), ("-", "negative")]
            items += [("", thickest)] * scale
        items += [("nan", f"{self.not_numbers} nan")] * (self.not_numbers > 0)
        items += [("inf", f"{self.infinite} infinite")] * (self.infinite > 0)
        items += [("", words) for words in more]
        return [(k, svg.width(words, 11.0) + 20 + 34 * bool(k), words) for k, words in items]

    def legend_svg(self, items: Iterable[tuple[str, float, str]], x: float, y: float) -> str:
        """Return the legend from x on, its ground line at y."""
        samples = {"+": self.largest, "-": -self.largest, "nan": float("nan"), "inf": inf}
        parts = []
        for kind, room, words in items:
            if kind:
                look = self.line(samples[kind])
                parts.append(svg.element("path", d=f"M{x:.1f} {y - 4:.1f}h26", **look))
            parts.append(self.text(words, x + 34 * bool(kind), y, 11, "note", "start"))
            x += room
        return svg.element("g", *parts)

    def page(self, width: float, height: float, spoken: str, style: str, parts: list[str]) -> str:
        """Return the whole picture, from its parts."""
        ground = ""
        if self.ink["page"]:
            ground = svg.element("rect", width=width, height=height, fill=self.ink["page"])
        lines = [self.theme.style(), style, ground, *parts]
        return svg.element(
            "svg", "\n", "\n".join(line for line in lines if line),
            xmlns="http://www.w3.org/2000/svg", width=width, height=height,
            viewBox=f"0 0 {width:.0f} {height:.0f}", class_=self.theme.name, role="img",
            aria_label=shortened(spoken, LONGEST_SPOKEN), font_family=svg.SANS,
        )  # fmt: skip


def glyph(curve: list[tuple[float, float]], x: float, y: float, radius: float, colour: str) -> str:
    """Return a function, given by points around 0, as a small curve around (x, y)."""
    if not curve or not all(isfinite(b) for _, b in curve):
        return ""
    along = max(abs(a) for a, _ in curve)
    reach = max(1.0, *(abs(b) for _, b in curve))
    points = " ".join(
        f"{x + 0.58 * radius * a / along:.1f},{y - 0.5 * radius * b / reach:.1f}" for a, b in curve
    )
    return svg.element(
        "polyline", points=points, fill="none", stroke=colour, stroke_width=1.5,
        stroke_linecap="round", stroke_linejoin="round",
    )  # fmt: skip


def shown(count: int, most: int) -> list[int]:
    """Return the places of the things to show: all, or the first and the last.

    >>> shown(3, 16), shown(64, 6)
    ([0, 1, 2], [0, 1, 2, 3, 62, 63])
    """
    if count <= most:
        return list(range(count))
    last = most // 3
    return [*range(most - last), *range(count - last, count)]
