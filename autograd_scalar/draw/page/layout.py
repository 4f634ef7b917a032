"""Where Graphviz puts the cards and the arrows, and the picture made of that."""

import html
import re
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree import ElementTree

from autograd_scalar.draw.dot import effort, is_numbered
from autograd_scalar.draw.page.graph import Graph, Numbers
from autograd_scalar.draw.program import render
from autograd_scalar.draw.text import number, operation
from autograd_scalar.value import Value

CHARACTER = 7.3  # the width of one at 12 px in fonts of one width, the widest of them
HEIGHT = 66
NARROWEST = 138  # which "data -1.234e-105" needs
PAD = 9
SVG = "{http://www.w3.org/2000/svg}"


class Card(NamedTuple):
    """A node's card: its upper left corner and its width."""

    x: float
    y: float
    width: float


class Layout(NamedTuple):
    """The picture's size, the cards, and of each arrow the path as SVG writes it."""

    width: float
    height: float
    cards: list[Card]
    arrows: list[str]


def arrows_of(graph: Graph) -> Iterator[tuple[int, int, int]]:
    """Of each arrow the operand, the node, and which of the node's operands that is, from 0."""
    for place in range(graph.size):
        for i, operand in enumerate(graph.nodes[place].operands):
            if isinstance(operand, Value):
                yield graph.places[operand], place, i


def lay_out(graph: Graph) -> Layout:
    """Ask Graphviz for the places.

    Raises FileNotFoundError if there is none, RuntimeError if it fails.
    """
    widths = [_width(graph, place) for place in range(graph.size)]
    drawn = ElementTree.fromstring(render(_dot(graph, widths), "svg"))
    _, _, width, height = map(float, drawn.attrib["viewBox"].split())
    page = drawn.find(f"{SVG}g")
    assert page is not None
    moved = re.search(r"translate\(([-\d.]+)[ ,]([-\d.]+)\)", page.attrib["transform"])
    assert moved is not None
    left, top = map(float, moved.groups())
    corners: dict[str, tuple[float, float]] = {}
    paths: dict[str, str] = {}
    for group in page.findall(f"{SVG}g"):
        if group.attrib["class"] == "node":
            polygon = group.find(f".//{SVG}polygon")
            assert polygon is not None
            points = [tuple(map(float, p.split(","))) for p in polygon.attrib["points"].split()]
            corners[group.attrib["id"]] = min(x for x, _ in points), min(y for _, y in points)
        else:
            path = group.find(f".//{SVG}path")
            assert path is not None
            paths[group.attrib["id"]] = _moved(path.attrib["d"], left, top)
    cards = []
    for place, wide in enumerate(widths):
        x, y = corners[f"n{place}"]
        cards.append(Card(round(x + left, 1), round(y + top, 1), wide))
    return Layout(width, height, cards, [paths[f"e{i}"] for i, _ in enumerate(arrows_of(graph))])


def _dot(graph: Graph, widths: list[float]) -> str:
    lines = [
        "digraph {",
        'graph [rankdir=LR nodesep="0.22" ranksep="0.55" '
        + " ".join(f'{name}="{value}"' for name, value in effort(graph.size).items())
        + "]",
        'node [shape=plain label=""]',
        'edge [arrowsize="0.7"]',
    ]
    for place, width in enumerate(widths):
        node = graph.nodes[place]
        ports = len(node.operands) if is_numbered(node) else 1
        size = f'FIXEDSIZE="TRUE" WIDTH="{width - 2:.0f}" HEIGHT="{(HEIGHT - 2) / ports:.0f}"'
        rows = "".join(f'<TR><TD PORT="p{i}" {size}></TD></TR>' for i in range(ports))
        look = 'BORDER="1" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0"'
        lines.append(f"n{place} [id=n{place} label=<<TABLE {look}>{rows}</TABLE>>]")
    for i, (operand, place, at) in enumerate(arrows_of(graph)):
        end = f"n{place}:p{at}:w" if is_numbered(graph.nodes[place]) else f"n{place}"
        lines.append(f"n{operand} -> {end} [id=e{i}]")
    return "\n".join([*lines, "}"])


def _moved(path: str, left: float, top: float) -> str:
    """A path by absolute coordinates, moved, its digits cut to what can be seen."""

    def point(found: re.Match[str]) -> str:
        return f"{float(found[1]) + left:.1f},{float(found[2]) + top:.1f}"

    return re.sub(r"(-?[\d.]+),(-?[\d.]+)", point, path).replace(".0", "")


# --- The picture ----------------------------------------------------------------------------------


def _pill(node: Value) -> tuple[str, float]:
    """What is on a card's badge, and how wide that is."""
    sign = operation(node)
    return sign, max(24.0, len(sign) * CHARACTER + 14) if sign else 0.0


def _width(graph: Graph, place: int) -> float:
    _, pill = _pill(graph.nodes[place])
    name = len(graph.names[place]) * CHARACTER
    return float(round(max(NARROWEST, 2 * PAD + pill + (7 if pill else 0) + name)))


def svg(graph: Graph, numbers: Numbers, layout: Layout, parameters: set[Value]) -> str:
    """The picture as it stands before any script has run, and where there is none."""
    width, height = round(layout.width), round(layout.height)
    parts = [
        f'<svg id="picture" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="group" aria-label="Computation graph" xmlns="http://www.w3.org/2000/svg">',
        "<defs>",
        *[
            f'<marker id="{name}" viewBox="0 0 8 8" refX="0" refY="4" markerWidth="8" '
            'markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">'
            '<path d="M0,0.8L8,4L0,7.2z"/></marker>'
            for name in ("tip", "tip-value", "tip-grad", "tip-path")
        ],
        '</defs><g id="view"><g id="arrows">',
        *[f'<path class="arrow" d="{path}"/>' for path in layout.arrows],
        '</g><g id="nodes">',
        *[_card(graph, numbers, layout, parameters, place) for place in range(graph.size)],
        "</g></g></svg>",
    ]
    return "\n".join(parts)


def _card(
    graph: Graph, numbers: Numbers, layout: Layout, parameters: set[Value], place: int
) -> str:
    node = graph.nodes[place]
    x, y, width = layout.cards[place]
    kind = "result" if node.parents else "parameter" if node in parameters else "input"
    sign, pill = _pill(node)
    name = html.escape(graph.names[place])
    left, right = PAD + pill + (7 if pill else 0), width - PAD
    last = " output" if place == graph.size - 1 else ""
    data, grad = number(numbers.values[place]), number(numbers.gradients[place])
    named = f"{html.escape(sign)} {name}" if node.parents else name
    spoken = f"{named}, data {data}, grad {grad}{'' if node.parents else ', leaf'}"
    parts = [
        f'<g class="node {kind}{last}" transform="translate({x:g} {y:g})" role="button" '
        f'tabindex="0" aria-label="{spoken}">'
        f'<rect class="card" width="{width:g}" height="{HEIGHT}" rx="9"/>'
    ]
    if pill:
        parts += [
            f'<rect class="pill" x="{PAD}" y="7" width="{pill:.0f}" height="19" rx="9.5"/>'
            f'<text class="op" x="{PAD + pill / 2:.1f}" y="20.5">{html.escape(sign)}</text>'
        ]
    parts += [
        f'<text class="name" x="{left:.0f}" y="20.5">{name}</text>',
        f'<text class="cap" x="{PAD}" y="41">data</text>',
        f'<text class="num" x="{right:g}" y="41">{data}</text>',
        f'<text class="cap" x="{PAD}" y="58">grad</text>',
        f'<text class="num grad" x="{right:g}" y="58">{grad}</text></g>',
    ]
    return " ".join(parts)  # spaces keep the texts apart for who hears them
