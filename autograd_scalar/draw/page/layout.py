"""Where the things in a group stand and how the arrows between them run.

Graphviz lays out what hangs together, everything in one call. Parts that do not hang together, such
as the neurons of a layer, stand in rows, and what nearly all of them use stands beside them: it
would make one tall column of them. Groups that are the same inside share a layout, so there are few
of these in a graph that repeats. In one that does not, the outer groups get theirs here, and the
page lays out the inner ones when they are unfolded (layered.js).
"""

import re
from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple
from xml.etree import ElementTree

from autograd_scalar.draw.dot import effort
from autograd_scalar.draw.page.interiors import Arrow, Interior, Size
from autograd_scalar.draw.program import render

GAP = 24.0
ASIDE = 90.0  # between what stands in rows and what stands beside it
MARGIN = 4.0
WIDE = 1.7  # how many times as wide as high rows are to be
MANY = 40  # things, from which on those with many arrows stand aside
MOST_ARROWS = 12
AFFORDED = 2500  # arrows that Graphviz places: about a second's work

SVG = "{http://www.w3.org/2000/svg}"

NOT_YET = -1

Point = tuple[float, float]
Sizes = tuple[Size, ...]


class Layout(NamedTuple):
    """Where everything is.

    Attributes:
        width: of all.
        height: of all.
        corners: of each thing the upper left one.
        paths: of each arrow the points of its Bezier curves: the first, then three for each curve.
    """

    width: float
    height: float
    corners: list[Point]
    paths: list[list[Point]]


class _Part(NamedTuple):
    """Things that hang together, as a graph of its own: equal parts have equal layouts."""

    sizes: Sizes
    arrows: tuple[Arrow, ...]


class _Plan(NamedTuple):
    """How an interior is taken apart: things that stand left and right, and connected parts."""

    left: list[int]
    right: list[int]
    parts: list[list[int]]


def lay_out(interiors: Sequence[Interior]) -> tuple[list[Layout], list[int]]:
    """The layouts of all interiors, each different one once; and of each interior which it has.

    The first has one; for those that would take too long it is NOT_YET.

    Raises FileNotFoundError if there is no Graphviz, RuntimeError if it fails.
    """
    different: dict[tuple[Sizes, tuple[Arrow, ...]], int] = {}
    which = []
    for _, sizes, arrows in interiors:
        which.append(different.setdefault((sizes, arrows), len(different)))
    plans: list[tuple[Sizes, tuple[Arrow, ...], _Plan]] = []
    parts: dict[_Part, None] = {}
    numbers = []  # of each different interior its layout's, or NOT_YET
    cost = 0
    for sizes, arrows in different:
        plan = _plan(len(sizes), arrows)
        needed = [_part(sizes, arrows, members) for members in plan.parts if len(members) > 1]
        more = sum([len(part.arrows) for part in {*needed} - parts.keys()])
        if plans and cost + more > AFFORDED:
            numbers.append(NOT_YET)
            continue
        cost += more
        parts |= dict.fromkeys(needed)
        numbers.append(len(plans))
        plans.append((sizes, arrows, plan))
    drawn = _by_graphviz(list(parts))
    layouts = [_put_together(sizes, arrows, plan, drawn) for sizes, arrows, plan in plans]
    return layouts, [numbers[i] for i in which]


# --- Taking apart ---------------------------------------------------------------------------------


def _plan(count: int, arrows: Sequence[Arrow]) -> _Plan:
    aside: dict[int, bool] = {}
    if count > MANY:
        leaving, arriving = [0] * count, [0] * count
        for arrow in set(arrows):
            leaving[arrow[0]] += 1
            arriving[arrow[1]] += 1
        aside = {
            i: leaving[i] >= arriving[i]
            for i in range(count)
            if max(leaving[i], arriving[i]) > MOST_ARROWS
        }
    group = list(range(count))

    def found(i: int) -> int:
        while group[i] != i:
            group[i] = group[group[i]]
            i = group[i]
        return i

    for tail, head, _ in arrows:
        if tail not in aside and head not in aside:
            a, b = found(tail), found(head)
            group[max(a, b)] = min(a, b)
    parts: dict[int, list[int]] = {}
    for i in range(count):
        if i not in aside:
            parts.setdefault(found(i), []).append(i)
    left = [i for i, is_left in aside.items() if is_left]
    return _Plan(left, [i for i in aside if i not in left], list(parts.values()))


def _part(sizes: Sizes, arrows: Sequence[Arrow], members: list[int]) -> _Part:
    if len(members) == len(sizes):
        return _Part(sizes, tuple(arrows))
    if len(members) == 1:
        return _Part((sizes[members[0]],), ())
    local = {member: i for i, member in enumerate(members)}
    inner = [
        (local[tail], local[head], port)
        for tail, head, port in arrows
        if tail in local and head in local
    ]
    return _Part(tuple([sizes[i] for i in members]), tuple(inner))


# --- Graphviz -------------------------------------------------------------------------------------


def _by_graphviz(parts: Sequence[_Part]) -> dict[_Part, Layout]:
    if not parts:
        return {}
    drawn = render("\n".join(map(_dot, parts)), "svg").decode()
    pictures = [picture[: picture.rindex("</svg>") + 6] for picture in drawn.split("<svg ")[1:]]
    return {
        part: _read(part, "<svg " + picture) for part, picture in zip(parts, pictures, strict=True)
    }


def _dot(part: _Part) -> str:
    lines = [
        "digraph {",
        'graph [rankdir=LR nodesep="0.22" ranksep="0.55" pad="0" margin="0" '
        + " ".join(f'{name}="{value}"' for name, value in effort(len(part.sizes)).items())
        + "]",
        'node [shape=plain label=""]',
        'edge [arrowsize="0.7"]',
    ]
    for i, (width, height, ports) in enumerate(part.sizes):
        count = ports or 1
        size = f'FIXEDSIZE="TRUE" WIDTH="{width - 2:.0f}" HEIGHT="{(height - 2) / count:.0f}"'
        rows = "".join(f'<TR><TD PORT="p{at}" {size}></TD></TR>' for at in range(count))
        look = 'BORDER="1" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0"'
        lines.append(f"n{i} [id=n{i} label=<<TABLE {look}>{rows}</TABLE>>]")
    for i, (tail, head, port) in enumerate(part.arrows):
        end = f"n{head}" if port is None else f"n{head}:p{port}:w"
        lines.append(f"n{tail} -> {end} [id=e{i}]")
    return "\n".join([*lines, "}"])


def _read(part: _Part, picture: str) -> Layout:
    """The places in a picture of Graphviz's, from its upper left corner."""
    drawn = ElementTree.fromstring(picture)
    _, _, width, height = map(float, drawn.attrib["viewBox"].split())
    page = drawn.find(f"{SVG}g")
    assert page is not None
    moved = re.search(r"translate\(([-\d.]+)[ ,]([-\d.]+)\)", page.attrib["transform"])
    assert moved is not None
    left, top = map(float, moved.groups())
    corners: list[Point] = [(0.0, 0.0)] * len(part.sizes)
    paths: list[list[Point]] = [[]] * len(part.arrows)
    for group in page.findall(f"{SVG}g"):
        place = int(group.attrib["id"][1:])
        if group.attrib["class"] == "node":
            polygon = group.find(f".//{SVG}polygon")
            assert polygon is not None
            points = _points(polygon.attrib["points"], left, top)
            corners[place] = min(x for x, _ in points), min(y for _, y in points)
        else:
            path = group.find(f".//{SVG}path")
            assert path is not None
            paths[place] = _points(path.attrib["d"], left, top)
    return Layout(width, height, corners, paths)


def _points(text: str, left: float, top: float) -> list[Point]:
    """The absolute coordinates in a path, moved, their digits cut to what can be seen."""
    return [
        (round(float(x) + left, 1), round(float(y) + top, 1))
        for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", text)
    ]


# --- Putting together -----------------------------------------------------------------------------


def _put_together(
    sizes: Sizes, arrows: Sequence[Arrow], plan: _Plan, drawn: dict[_Part, Layout]
) -> Layout:
    corners: list[Point] = [(0.0, 0.0)] * len(sizes)
    paths: dict[Arrow, list[list[Point]]] = {}
    placed = []
    for members in plan.parts:
        part = _part(sizes, arrows, members)
        wide, high, _ = sizes[members[0]]
        layout = drawn[part] if len(members) > 1 else Layout(wide, high, [(0.0, 0.0)], [])
        placed.append((members, part, layout))
    rows, width, height = _rows([(layout.width, layout.height) for _, _, layout in placed])
    left, left_width, left_height = _column(sizes, plan.left)
    right, right_width, right_height = _column(sizes, plan.right)
    all_high = max(height, left_height, right_height)
    begin = MARGIN + (left_width + ASIDE if plan.left else 0.0)
    down = MARGIN + (all_high - height) / 2
    for (members, part, layout), (x, y) in zip(placed, rows, strict=True):
        for member, corner in zip(members, layout.corners, strict=True):
            corners[member] = _moved(corner, x + begin, y + down)
        for (tail, head, port), path in zip(part.arrows, layout.paths, strict=True):
            arrow = members[tail], members[head], port
            points = [_moved(point, x + begin, y + down) for point in path]
            paths.setdefault(arrow, []).append(points)
    end = begin + width + ASIDE
    for column, at, high in ((left, MARGIN, left_height), (right, end, right_height)):
        for member, y in column.items():
            corners[member] = (round(at, 1), round(MARGIN + (all_high - high) / 2 + y, 1))
    total = end + right_width if plan.right else begin + width
    found = [paths[a].pop(0) if paths.get(a) else _straight(sizes, corners, a) for a in arrows]
    return Layout(round(total + MARGIN, 1), round(all_high + 2 * MARGIN, 1), corners, found)


def _moved(point: Point, x: float, y: float) -> Point:
    return round(point[0] + x, 1), round(point[1] + y, 1)


def _rows(sizes: Sequence[Point]) -> tuple[list[Point], float, float]:
    """Where things of these sizes stand in rows, and how wide and high that is."""
    if not sizes:
        return [], 0.0, 0.0
    area = sum([(width + GAP) * (height + GAP) for width, height in sizes])
    widest = max(max([width for width, _ in sizes]), sqrt(area * WIDE))
    found = []
    x = y = row = broad = 0.0
    for width, height in sizes:
        if x and x + width > widest:
            x, y, row = 0.0, y + row + GAP, 0.0
        found.append((x, y))
        broad, row = max(broad, x + width), max(row, height)
        x += width + GAP
    return found, broad, y + row


def _column(sizes: Sizes, members: list[int]) -> tuple[dict[int, float], float, float]:
    """How far down things stand below each other, and how wide and high that is."""
    found: dict[int, float] = {}
    y = 0.0
    for member in members:
        found[member] = y
        y += sizes[member][1] + GAP
    return found, max([sizes[i][0] for i in members], default=0.0), max(0.0, y - GAP)


def _straight(sizes: Sizes, corners: Sequence[Point], arrow: Arrow) -> list[Point]:
    """A curve from the middle of a side to the middle of a side."""
    tail, head, _ = arrow
    (x1, y1), (x2, y2) = corners[tail], corners[head]
    (width, high1, _), (_, high2, _) = sizes[tail], sizes[head]
    start, end = (x1 + width, y1 + high1 / 2), (x2 - TIP, y2 + high2 / 2)
    bend = max(30.0, (end[0] - start[0]) / 2)
    curve = [start, (start[0] + bend, start[1]), (end[0] - bend, end[1]), end]
    return [(round(x, 1), round(y, 1)) for x, y in curve]


TIP = 8.0  # the length of an arrow's tip, which stands after its path
