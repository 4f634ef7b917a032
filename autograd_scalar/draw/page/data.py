"""All that the page is told, in the form in which its scripts read it."""

from collections.abc import Iterable
from typing import Any

from autograd_scalar.draw.groups import Groups
from autograd_scalar.draw.page.graph import Graph, Numbers, line_of_code
from autograd_scalar.draw.page.interiors import Interiors
from autograd_scalar.draw.page.layout import Layout
from autograd_scalar.draw.page.packing import packed
from autograd_scalar.draw.page.programs import Programs, number
from autograd_scalar.draw.text import plain, shortened
from autograd_scalar.draw.theme import THEMES, ramp
from autograd_scalar.value import Value

LONGEST_TITLE = 300
LEAF = -1  # in place of a kind
COLOURS_OF_HEAT = 33


class _Table:
    """Texts, each once, and the places of those that there are many of."""

    def __init__(self, texts: Iterable[str]) -> None:
        known: dict[str, int] = {}
        self.places = [known.setdefault(text, len(known)) for text in texts]
        self.texts = list(known)

    def data(self) -> list[Any]:
        return [self.texts, packed(self.places)]


def data_of(
    graph: Graph,
    programs: Programs,
    numbers: Numbers | None,
    groups: Groups,
    interiors: Interiors,
    layouts: tuple[list[Layout], list[int]],
    parameters: set[Value],
) -> dict[str, Any]:
    """The graph, its programs, its groups and where everything stands."""
    size = graph.size
    found, which = layouts
    titles = _Table([_told(group.title) for group in groups.all])
    details = _Table([_told(group.detail) for group in groups.all])
    signs = _Table(map(interiors.sign, range(size)))
    lines = _Table([getattr(node, "place", "") for node in graph.nodes[:size]])
    low, high = THEMES["auto"].ramp
    return {
        "size": size,
        **_program(graph, programs, numbers),
        "names": {i: name for i, name in enumerate(graph.names[:size]) if name != f"v{i}"},
        "labels": {
            i: label for i, label in graph.labels.items() if i < size and label != graph.names[i]
        },
        "parameters": packed([i for i in range(size) if graph.nodes[i] in parameters]),
        "signs": signs.data(),
        "lines": [[line_of_code(place) for place in lines.texts], packed(lines.places)],
        "homes": packed(groups.homes),
        "groups": packed([group.outer for group in groups.all]),
        "titles": titles.data(),
        "details": details.data(),
        "layouts": [_layout(interiors, which.index(i), layout) for i, layout in enumerate(found)],
        "layoutOf": packed(which),
        "ramp": [ramp(low, high, i / (COLOURS_OF_HEAT - 1)) for i in range(COLOURS_OF_HEAT)],
    }


def _told(text: str) -> str:
    return shortened(text if text.isprintable() else plain(text), LONGEST_TITLE)


def _program(graph: Graph, programs: Programs, numbers: Numbers | None) -> dict[str, Any]:
    kinds = [programs.kind(node) if node.parents else LEAF for node in graph.examples]
    constants: dict[str, int] = {}
    slots_of = [_slots(node, constants) for node in graph.examples]
    operands: list[int] = []  # of all nodes; constants are below 0
    table = graph.parents.table
    for form, rows in zip(graph.forms, graph.parents.of, strict=True):
        slots = slots_of[form]
        if slots is None:
            for row in rows:
                operands += table[row]
        else:
            parents = iter([parent for row in rows for parent in table[row]])
            operands += [next(parents) if slot is None else slot for slot in slots]
    pythons = {
        form for form, kind in enumerate(kinds) if kind != LEAF and not programs.is_known(kind)
    }
    python: dict[int, Any] = {}
    for place, form in enumerate(graph.forms):
        if form in pythons:
            assert numbers is not None
            python[place] = [number(numbers.values[place])]
            if place < graph.size:
                g = numbers.gradients[place]
                python[place] += [[*map(number, numbers.sent(place, x))] for x in (1.0, g)]
    return {
        "kindOf": packed([kinds[form] + 1 for form in graph.forms]),
        "operands": packed(operands),
        "constants": [number(float.fromhex(x)) for x in constants],
        "leaves": [number(node.data) for node in graph.nodes if not node.parents],
        "python": python,
        "guards": [list(guard) for guard in graph.guards],
        "table": programs.table,
        "kinds": programs.kinds,
        "gamma": programs.gamma,
    }


def _slots(node: Value, constants: dict[str, int]) -> list[int | None] | None:
    """Of each operand None, or ~ the place of a constant, entered here; None if none is one."""
    if not node._closure.has_constants:
        return None
    return [
        ~constants.setdefault(operand.hex(), len(constants)) if isinstance(operand, float) else None
        for operand in node.operands
    ]


def _layout(interiors: Interiors, place: int, layout: Layout) -> list[Any]:
    """Its size, of each thing the corner and the width, of each arrow its ends and its points."""
    interior = interiors.all[place]
    things = [
        x
        for corner, (width, _, _) in zip(layout.corners, interior.sizes, strict=True)
        for x in (*corner, width)
    ]
    arrows = [
        [arrow[0], arrow[1], *[x for point in path for x in point]]
        for arrow, path in zip(interior.arrows, layout.paths, strict=True)
    ]
    return [layout.width, layout.height, _short(things), list(map(_short, arrows))]


def _short(numbers: Iterable[float]) -> list[float]:
    return [int(x) if x == int(x) else x for x in numbers]
