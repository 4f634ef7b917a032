"""All that the page is told, in the form in which its scripts read it."""

from collections.abc import Hashable, Iterable
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
COLOURS_OF_HEAT = 33


class _Table:
    """Texts, each once, and the places of those that there are many of."""

    def __init__(self, texts: Iterable[str]) -> None:
        known: dict[str, int] = {}
        self.places = [known.setdefault(text, len(known)) for text in texts]
        self.texts = list(known)

    def data(self) -> list[Any]:
        return [self.texts, packed(self.places)]


def all_known(graph: Graph) -> bool:
    """Whether the page can compute all nodes: it is then told no numbers but those of leaves."""
    programs = Programs()
    first = {(node._closure, len(node.parents)): node for node in reversed(graph.nodes)}
    return all([programs.is_known(programs.kind(n)) for n in first.values() if n.parents])


def data_of(
    graph: Graph,
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
    places = _Table([getattr(node, "place", "") for node in graph.nodes[:size]])
    low, high = THEMES["auto"].ramp
    return {
        "size": size,
        **_program(graph, numbers),
        "names": {i: graph.names[i] for i in range(size) if graph.names[i] != f"v{i}"},
        "labels": {
            i: label for i, label in graph.labels.items() if i < size and label != graph.names[i]
        },
        "parameters": packed([i for i in range(size) if graph.nodes[i] in parameters]),
        "signs": signs.data(),
        "lines": [[line_of_code(place) for place in places.texts], packed(places.places)],
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


def _program(graph: Graph, numbers: Numbers | None) -> dict[str, Any]:
    programs = Programs()
    kinds: list[int] = []  # of each node; 0 for a leaf
    operands: list[int] = []  # of all nodes; constants are below 0
    constants: dict[str, int] = {}
    python: dict[int, Any] = {}
    known: dict[Hashable, int] = {}
    for place, node in enumerate(graph.nodes):
        if not node.parents:
            kinds.append(0)
            continue
        closure = node._closure
        if closure.has_constants:
            kind = programs.kind(node)
            for operand in graph.operands(place):
                if isinstance(operand, float):
                    operand = ~constants.setdefault(operand.hex(), len(constants))
                operands.append(operand)
        else:
            key = closure, len(node.parents)
            if key not in known:
                known[key] = programs.kind(node)
            kind = known[key]
            operands += graph.parents[place]  # both of dot's lists, if it is one
        kinds.append(kind + 1)
        if not programs.is_known(kind):
            assert numbers is not None
            python[place] = [number(numbers.values[place])]
            if place < graph.size:
                g = numbers.gradients[place]
                python[place] += [[*map(number, numbers.sent(place, x))] for x in (1.0, g)]
    return {
        "kindOf": packed(kinds),
        "operands": packed(operands),
        "constants": [number(float.fromhex(x)) for x in constants],
        "leaves": [number(node.data) for node in graph.nodes if not node.parents],
        "python": python,
        "guards": [list(guard) for guard in graph.guards],
        "table": programs.table,
        "kinds": programs.kinds,
        "gamma": programs.gamma,
    }


def _layout(interiors: Interiors, place: int, layout: Layout) -> list[Any]:
    """Its size, of each thing the corner and the width, of each arrow its ends and its points."""
    interior = interiors.all[place]
    things = [
        x
        for corner, (width, _) in zip(layout.corners, interior.sizes, strict=True)
        for x in (*corner, width)
    ]
    arrows = [
        [arrow[0], arrow[1], *[x for point in path for x in point]]
        for arrow, path in zip(interior.arrows, layout.paths, strict=True)
    ]
    return [layout.width, layout.height, _short(things), list(map(_short, arrows))]


def _short(numbers: Iterable[float]) -> list[float]:
    return [int(x) if x == int(x) else x for x in numbers]
