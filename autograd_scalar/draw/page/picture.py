"""The picture as it stands before any script has run, and where there is none: all is folded."""

import html
from collections.abc import Iterator, Sequence

from autograd_scalar.draw.groups import NOWHERE, Group, Groups
from autograd_scalar.draw.page.graph import Graph, Numbers
from autograd_scalar.draw.page.interiors import (
    BOX_HEIGHT,
    CARD_HEIGHT,
    LONGEST_TITLE,
    PAD,
    Interiors,
    pill_width,
    told_range,
    told_size,
)
from autograd_scalar.draw.page.layout import Layout, Point
from autograd_scalar.draw.text import number, plain, shortened
from autograd_scalar.value import Value

TIPS = ("tip", "tip-value", "tip-grad", "tip-path")


def svg(
    graph: Graph,
    numbers: Numbers | None,
    groups: Groups,
    interiors: Interiors,
    layout: Layout,
    parameters: set[Value],
) -> str:
    """The outermost interior as an ``<svg>`` element."""
    width, height = round(layout.width), round(layout.height)
    interior = interiors.all[0]
    inside = {} if numbers is None else _inside(groups, graph.size)
    cards = []
    for thing, (x, y), (wide, _, _) in zip(
        interior.things, layout.corners, interior.sizes, strict=True
    ):
        if thing < 0:
            card = _box(groups.all[~thing], inside.get(~thing, []), numbers, wide)
        else:
            kind = "parameter" if graph.nodes[thing] in parameters else "input"
            card = _card(graph, thing, interiors.sign(thing), numbers, kind, wide)
        cards.append(f'<g transform="translate({x:g} {y:g})" {card}</g>')
    parts = [
        f'<svg id="picture" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="group" aria-label="Computation graph" xmlns="http://www.w3.org/2000/svg">',
        "<defs>",
        *[
            f'<marker id="{name}" viewBox="0 0 8 8" refX="0" refY="4" markerWidth="8" '
            'markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">'
            '<path d="M0,0.8L8,4L0,7.2z"/></marker>'
            for name in TIPS
        ],
        '</defs><g id="view"><g id="frames"></g><g id="arrows">',
        *[f'<path class="arrow" d="{_path(points)}"/>' for points in layout.paths],
        '</g><g id="nodes">',
        *cards,
        '</g><g id="counts"></g></g></svg>',
    ]
    return "\n".join(parts)


def _path(points: Sequence[Point]) -> str:
    (x, y), *others = points
    return f"M{x:g},{y:g}C" + " ".join([f"{x:g},{y:g}" for x, y in others])


def _inside(groups: Groups, size: int) -> dict[int, list[int]]:
    """Of each outermost group all the nodes in it."""
    outermost: list[int] = []
    for place, group in enumerate(groups.all):
        outermost.append(place if group.outer == NOWHERE else outermost[group.outer])
    inside: dict[int, list[int]] = {}
    for place, home in enumerate(groups.homes[:size]):
        if home != NOWHERE:
            inside.setdefault(outermost[home], []).append(place)
    return inside


def _card(
    graph: Graph, place: int, sign: str, numbers: Numbers | None, leaf: str, width: float
) -> str:
    is_leaf = not graph.nodes[place].parents
    last = " output" if place == graph.size - 1 else ""
    pill = pill_width(sign)
    name = html.escape(graph.names[place])
    data, grad = "", ""
    if numbers is not None:
        data, grad = number(numbers.values[place]), number(numbers.gradients[place])
    named = name if is_leaf else f"{html.escape(sign)} {name}"
    numbers_told = f", data {data}, grad {grad}" if numbers is not None else ""
    spoken = f"{named}{numbers_told}{', leaf' if is_leaf else ''}"
    parts = [
        f'class="node {leaf if is_leaf else "result"}{last}" role="button" tabindex="0" '
        f'aria-label="{spoken}">'
        f'<rect class="card" width="{width:g}" height="{CARD_HEIGHT:g}" rx="9"/>'
    ]
    if pill:
        parts += [
            f'<rect class="pill" x="{PAD}" y="7" width="{pill:.0f}" height="19" rx="9.5"/>'
            f'<text class="op" x="{PAD + pill / 2:.1f}" y="20.5">{html.escape(sign)}</text>'
        ]
    left = PAD + pill + (7 if pill else 0)
    parts += [f'<text class="name" x="{left:.0f}" y="20.5">{name}</text>']
    parts += _rows([("data", "num", data), ("grad", "num grad", grad)], 41, width)
    return " ".join(parts)  # spaces keep the texts apart for who hears them


def _box(group: Group, members: list[int], numbers: Numbers | None, width: float) -> str:
    title = html.escape(shortened(plain(group.title), LONGEST_TITLE))
    detail = html.escape(shortened(plain(group.detail), LONGEST_TITLE))
    about = " · ".join([detail, told_size(group.size)] if detail else [told_size(group.size)])
    data, grad = "", ""
    if numbers is not None:
        data = told_range([numbers.values[i] for i in members])
        grad = told_range([abs(numbers.gradients[i]) for i in members])
    told = f", data {data}, |grad| {grad}" if numbers is not None else ""
    parts = [
        f'class="node box" role="button" tabindex="0" aria-expanded="false" '
        f'aria-label="{title}, folded, {about}{told}">'
        f'<rect class="sheet" x="4" y="4" width="{width:g}" height="{BOX_HEIGHT:g}" rx="9"/>'
        f'<rect class="card" width="{width:g}" height="{BOX_HEIGHT:g}" rx="9"/>'
        f'<text class="name" x="{PAD}" y="20.5">{title}</text>',
        f'<text class="cap" x="{PAD}" y="38">{about}</text>',
        *_rows([("data", "num", data), ("|grad|", "num grad", grad)], 57, width),
    ]
    return " ".join(parts)


def _rows(rows: Sequence[tuple[str, str, str]], top: int, width: float) -> Iterator[str]:
    for i, (caption, kind, figure) in enumerate(rows):
        y = top + 17 * i
        yield f'<text class="cap" x="{PAD}" y="{y}">{caption}</text>'
        yield f'<text class="{kind}" x="{width - PAD:g}" y="{y}">{figure}</text>'
