"""An animation as SVG: the still picture, with styles that say when each part of it is seen.

Without motion (who wants less of it has told their system so) there are no animations, and what is
left is the last frame. All is CSS: GitHub shows an SVG as an image, in which no script runs.
"""

import zlib
from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from autograd_scalar.draw.animation import BREAK, Flow, Span, Story
from autograd_scalar.draw.diagram import Diagram
from autograd_scalar.draw.dot import Direction, dot_source
from autograd_scalar.draw.picture import Picture
from autograd_scalar.draw.text import shortened
from autograd_scalar.draw.theme import Theme

SVG = "{http://www.w3.org/2000/svg}"
XLINK = "http://www.w3.org/1999/xlink"

# Colours that no theme has, by which the numbers are found in what Graphviz made.
FIGURES = {"data": "#010203", "grad": "#010204"}

CHARACTER = 7.2  # the width of one at 12 points in a font of one width
NARROWEST = 420.0
BADGE = 78.0
READ_AT = 720.0  # points: about the width at which a README shows a picture
BELOW = 52.0  # for the line that says what happens, and the bar that shows how far it is

FADE = 0.22  # seconds
GHOST = 0.2  # how much there is of a card before its value is known
RESET = 0.6  # seconds at the end in which all goes back to the beginning
LINGER = 0.5  # seconds for which a local derivative is seen after its work is done
COMET = 18  # hundredths of an arrow


def staged(drawn: Diagram, story: Story, theme: Theme, direction: Direction) -> str:
    """The ``<svg>`` element."""
    marked = theme._replace(colours={**theme.colours, **FIGURES})
    source = dot_source(drawn, marked, direction)
    still = Picture(source, len(drawn.cards), theme=theme, spoken="computation graph, animated").svg
    ElementTree.register_namespace("", SVG[1:-1])
    ElementTree.register_namespace("xlink", XLINK)
    root = ElementTree.fromstring(still)
    stage = _Stage(root, drawn, story, theme, f"a{zlib.crc32(repr((source, story)).encode()):08x}")
    stage.direct()
    return ElementTree.tostring(root, encoding="unicode")


class _Stage:
    """Adds to a still picture what moves, and the styles by which it does."""

    def __init__(
        self, root: Element, drawn: Diagram, story: Story, theme: Theme, name: str
    ) -> None:
        self.root = root
        self.drawn = drawn
        self.story = story
        self.colours = theme.colours
        self.name = name
        self.keyframes: dict[str, str] = {}
        self.groups = {g.get("id", ""): g for g in root.iter(f"{SVG}g")}
        page = root.find(f"{SVG}g")
        assert page is not None
        self.page = page
        self.page_class = theme.name

    def direct(self) -> None:
        """Give every part its cue."""
        for place in range(len(self.drawn.cards)):
            self._card(place)
        for place, span, is_back in self.story.active:
            self._ring(place, span.start, span.end, is_back)
        for flow in self.story.flows:
            self._flow(flow)
        self._caption()
        self._styles()

    # --- Cards ------------------------------------------------------------------------------------

    def _card(self, place: int) -> None:
        group = self.groups[f"node{place + 1}"]
        born = self.story.born[place]
        self._animate(group, self._appearing(born, GHOST))
        for parent in list(group.iter()):
            for text in list(parent):
                fill = text.get("fill")
                if fill == FIGURES["data"]:
                    text.set("fill", self.colours["text"])
                    self._animate(text, self._appearing(born))
                elif fill == FIGURES["grad"]:
                    parent.remove(text)
                    parent.extend(self._sums(text, self.story.sums[place]))

    def _sums(self, text: Element, sums: Sequence[tuple[float, str]]) -> list[Element]:
        """The gradient as it grows, each reading in its time."""
        right = float(text.get("x", "0")) + CHARACTER * len(text.text or "")
        found = []
        for i, (start, figure) in enumerate(sums):
            is_last = i == len(sums) - 1
            end = min([time for time, _ in sums[i + 1 :]], default=self.story.length)
            if end <= start:
                continue
            reading = Element(text.tag, dict(text.attrib))
            reading.text = figure
            reading.set("x", f"{right:.2f}")
            reading.set("text-anchor", "end")
            reading.set("fill", self.colours["changed"])
            if is_last:
                self._animate(reading, self._appearing(start))
            else:
                self._passing(reading, start, end)
            found.append(reading)
        return found

    def _ring(self, place: int, start: float, end: float, is_back: bool) -> None:
        group = self.groups[f"node{place + 1}"]
        shape = next(e for e in group.iter() if e.tag in (f"{SVG}path", f"{SVG}polygon"))
        ring = SubElement(group, shape.tag)
        for name in ("d", "points"):
            if name in shape.attrib:
                ring.set(name, shape.attrib[name])
        ring.set("fill", "none")
        ring.set("stroke", self._pass_colour(is_back))
        ring.set("stroke-width", "3")
        self._passing(ring, start, end)

    # --- Arrows -----------------------------------------------------------------------------------

    def _flow(self, flow: Flow) -> None:
        group = self.groups[f"edge{flow.arrow + 1}"]
        shaft = next(group.iter(f"{SVG}path"))
        comet = SubElement(group, shaft.tag, {"d": shaft.attrib["d"], "fill": "none"})
        comet.set("stroke", self._pass_colour(flow.is_back))
        comet.set("stroke-width", "4")
        comet.set("stroke-linecap", "round")
        comet.set("pathLength", "100")
        comet.set("stroke-dasharray", f"{COMET} 300")
        comet.set("opacity", "0")
        start, end = flow.span.start, flow.span.end
        first, last = (-100, COMET) if flow.is_back else (COMET, -100)
        self._animate(
            comet,
            [
                (0.0, f"opacity: 0; stroke-dashoffset: {first}"),
                (start, f"opacity: 0; stroke-dashoffset: {first}"),
                (start + 0.01, f"opacity: 1; stroke-dashoffset: {first}"),
                (end, f"opacity: 1; stroke-dashoffset: {last}"),
                (end + 0.01, f"opacity: 0; stroke-dashoffset: {last}"),
                (self.story.length, f"opacity: 0; stroke-dashoffset: {last}"),
            ],
        )
        if not flow.is_back:
            for part in (shaft, *group.iter(f"{SVG}polygon")):
                self._animate(part, self._appearing(start, 2 * GHOST))
            return
        for text in list(group.iter(f"{SVG}text")):
            self._animate(text, self._appearing(start))
            group.extend(self._capsule(text, start, end + LINGER))

    def _capsule(self, text: Element, start: float, end: float) -> list[Element]:
        """The local derivative once more, on a ground of its own while it is at work."""
        said = (text.text or "").strip()
        size = float(text.get("font-size", "11"))
        middle = float(text.get("x", "0")) + 0.3 * size * len((text.text or "").encode())
        text.set("x", f"{middle:.2f}")
        text.set("text-anchor", "middle")
        text.text = said
        wide = 0.6 * size * len(said) + 10
        y = float(text.get("y", "0"))
        ground = Element(f"{SVG}rect", {"x": f"{middle - wide / 2:.2f}", "y": f"{y - size:.2f}"})
        ground.set("width", f"{wide:.2f}")
        ground.set("height", f"{1.4 * size:.2f}")
        ground.set("rx", f"{0.7 * size:.2f}")
        ground.set("fill", self.colours["changed"])
        above = Element(text.tag, {k: v for k, v in text.attrib.items() if k != "class"})
        above.text = said
        above.set("fill", self.colours["operation text"])
        for part in (ground, above):
            self._passing(part, start, end)
        return [ground, above]

    # --- Below the picture ------------------------------------------------------------------------

    def _caption(self) -> None:
        _, _, width, height = map(float, self.root.get("viewBox", "0 0 0 0").split())
        wide = max(width, NARROWEST)
        unit = max(1.0, wide / READ_AT)  # so that it can be read where the picture is made to fit
        high = height + BELOW * unit
        left = (width - wide) / 2
        self.root.set("viewBox", f"{left:g} 0 {wide:g} {high:g}")
        self.root.set("width", f"{wide:g}pt")
        self.root.set("height", f"{high:g}pt")
        if self.colours["page"]:
            page = {"x": f"{left:g}", "y": "0", "width": f"{wide:g}", "height": f"{high:g}"}
            behind = Element(f"{SVG}rect", page | {"fill": self.colours["page"]})
            self.root.insert(list(self.root).index(self.page), behind)
        place = f"translate({left + 6 * unit:g} {height:g}) scale({unit:g})"
        below = SubElement(self.root, f"{SVG}g", {"class": self.page_class, "transform": place})
        room = int((wide / unit - BADGE - 24) / CHARACTER)
        for span, which, text in self.story.said:
            self._line(below, span, which, text, room)
        end = wide / unit - 12
        bar = SubElement(below, f"{SVG}path", {"d": f"M0,{BELOW - 8:g}H{end:g}", "fill": "none"})
        bar.set("stroke", self.colours["note"])
        bar.set("stroke-width", "2.5")
        bar.set("stroke-linecap", "round")
        bar.set("pathLength", "100")
        bar.set("stroke-dasharray", "100 200")
        self._animate(
            bar,
            [
                (0.0, "stroke-dashoffset: 100"),
                (self.story.said[-1][0].start, "stroke-dashoffset: 0"),
                (self.story.length, "stroke-dashoffset: 0"),
            ],
        )

    def _line(self, below: Element, span: Span, which: str, text: str, room: int) -> None:
        """What happens now, on a line or two."""
        line = SubElement(below, f"{SVG}g")
        left = 0.0
        if which:
            left = BADGE
            badge = {"x": "0", "y": "0", "width": f"{BADGE - 10:g}", "height": "18", "rx": "9"}
            badge["fill"] = self._pass_colour(which == "backward")
            SubElement(line, f"{SVG}rect", badge)
            self._text(line, (BADGE - 10) / 2, 13, which, "operation text", "middle")
        for i, part in enumerate(_wrapped(text, room)):
            self._text(line, left, 13 + 16 * i, part, "note")
        if which:
            self._passing(line, span.start, span.end)
        else:
            self._animate(line, self._appearing(span.start))

    def _text(
        self, line: Element, x: float, y: float, text: str, colour: str, anchor: str = "start"
    ) -> None:
        found = SubElement(line, f"{SVG}text", {"x": f"{x:g}", "y": f"{y:g}"})
        found.set("font-family", "Courier,monospace")
        found.set("font-size", "12" if anchor == "start" else "11")
        found.set("text-anchor", anchor)
        found.set("fill", self.colours[colour])
        found.text = text

    # --- Styles -----------------------------------------------------------------------------------

    def _pass_colour(self, is_back: bool) -> str:
        return self.colours["changed" if is_back else "input border"]

    def _appearing(self, start: float, low: float = 0.0) -> list[tuple[float, str]]:
        """Seen from ``start`` on, up to the end."""
        end = self.story.length
        return [
            (0.0, f"opacity: {low:g}"),
            (start, f"opacity: {low:g}"),
            (start + FADE, "opacity: 1"),
            (end - RESET, "opacity: 1"),
            (end, f"opacity: {low:g}"),
        ]

    def _passing(self, part: Element, start: float, end: float) -> None:
        """Seen from ``start`` to ``end``, and not at all in the last frame."""
        part.set("opacity", "0")
        fade = min(FADE, (end - start) / 4)
        frames = [(0.0, 0), (start, 0), (start + fade, 1), (end - fade, 1), (end, 0)]
        frames.append((self.story.length, 0))
        self._animate(part, [(time, f"opacity: {opacity}") for time, opacity in frames])

    def _animate(self, part: Element, frames: Sequence[tuple[float, str]]) -> None:
        length = self.story.length
        steps: dict[str, str] = {}
        for time, style in frames:
            steps[f"{100 * min(max(time, 0.0), length) / length:.2f}%"] = style
        rules = " ".join([f"{time} {{ {style} }}" for time, style in steps.items()])
        name = self.keyframes.setdefault(rules, f"{self.name}-{len(self.keyframes)}")
        part.set("class", f"{part.get('class', '')} {name}".strip())

    def _styles(self) -> None:
        lines = []
        for rules, name in self.keyframes.items():
            run = f"{name} {self.story.length:.2f}s linear infinite"
            lines += [f"@keyframes {name} {{ {rules} }}", f".{name} {{ animation: {run} }}"]
        style = Element(f"{SVG}style")
        style.text = "\n".join(
            ["", "@media (prefers-reduced-motion: no-preference) {", *lines, "}", ""]
        )
        self.root.insert(1, style)


def _wrapped(text: str, room: int) -> list[str]:
    """A line or two, broken between two statements."""
    if len(text) <= room:
        return [text]
    parts = text.split(BREAK)
    for i in range(len(parts) - 1, 0, -1):
        first = BREAK.join(parts[:i]) + BREAK.rstrip()
        if len(first) <= room:
            return [first, shortened(BREAK.join(parts[i:]), room)]
    return [shortened(text, room)]
