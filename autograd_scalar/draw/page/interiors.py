"""What stands in each folded group when it is unfolded: its own nodes, boxes, and their arrows."""

from collections.abc import Iterable
from math import ceil
from typing import NamedTuple

from autograd_scalar.draw.diagram import is_numbered
from autograd_scalar.draw.groups import NOWHERE, Group, Groups
from autograd_scalar.draw.page.graph import Graph
from autograd_scalar.draw.text import number, operation
from autograd_scalar.value import Value

CHARACTER = 7.3  # the width of one at 12 px in fonts of one width, the widest of them
PAD = 9
CARD_HEIGHT = 66.0
CARD_WIDTH = 138.0  # the least, which "data -1.234e-105" needs
BOX_HEIGHT = 84.0
BOX_WIDTH = 206.0  # the least, which "grad 1.2e-105…3.4e-103" needs
BOX_STEP = 40  # boxes are of few widths, so that more groups look the same inside
LONGEST_TITLE = 30

ITSELF = -1  # the node, which is in the group itself


# From which thing to which; and as which operand, where these are told apart. There are hundreds of
# thousands, so it is a plain tuple.
Arrow = tuple[int, int, int | None]

Size = tuple[float, float, int]


class Interior(NamedTuple):
    """The things in a group, nodes and boxes, as they come in the graph.

    Attributes:
        things: of each node its place, of each box ~ that of its group.
        sizes: of each thing the width, the height and how many ports are at its left side.
        arrows: between them. Two nodes have one for each operand, others at most one.
    """

    things: list[int]
    sizes: tuple[Size, ...]
    arrows: tuple[Arrow, ...]


def pill_width(sign: str) -> float:
    """The width of a card's badge."""
    return max(24.0, len(sign) * CHARACTER + 14) if sign else 0.0


def told_size(count: int) -> str:
    """``"46 values"``."""
    return f"{count:,} value{'s' * (count != 1)}"


class Interiors:
    """The interiors of the graph, first, and of all its groups.

    Attributes:
        all: that of the group ``i`` at ``i + 1``.
    """

    def __init__(self, graph: Graph, groups: Groups) -> None:
        self._graph = graph
        self._groups = groups
        self._homes = groups.homes
        self._outer = [group.outer for group in groups.all]
        self._signs = list(map(operation, graph.examples))
        self._ports = list(map(_ports, graph.examples))  # of the parents of each form
        self._card_sizes: dict[tuple[int, int], Size] = {}
        self._box_sizes: dict[tuple[int, int, int], Size] = {}
        self._local = [0] * graph.size  # of each node, and of each group, its place in its interior
        self._local_of_group = [0] * len(groups)
        things = self._things()
        self._arrows: list[list[Arrow]] = [[] for _ in things]  # from node to node
        self._between: list[dict[Arrow, None]] = [{} for _ in things]  # those from or to boxes
        self._known_homes: dict[int, frozenset[int]] = {}
        self._known_heads: dict[int, dict[int, int]] = {}
        self._known_boxes: dict[tuple[int, int], dict[int, None]] = {}
        for place, rows in enumerate(graph.parents.of[: graph.size]):
            if len(rows) == 1:
                self._draw_arrows(graph.parents.table[rows[0]], place)
            elif rows:
                self._draw_arrows_of_rows(rows, place)
        self.all = [
            Interior(found, tuple(map(self._size, found)), (*arrows, *between))
            for found, arrows, between in zip(things, self._arrows, self._between, strict=True)
        ]

    def sign(self, place: int) -> str:
        """The operation of a node, with its constant operands."""
        return self._signs[self._graph.forms[place]]

    def _things(self) -> list[list[int]]:
        things: list[list[int]] = [[] for _ in range(len(self._groups) + 1)]
        seen = {NOWHERE}
        for place, home in enumerate(self._homes[: self._graph.size]):
            self._local[place] = len(things[home + 1])
            things[home + 1].append(place)
            while home not in seen:
                seen.add(home)
                outer = self._outer[home]
                self._local_of_group[home] = len(things[outer + 1])
                things[outer + 1].append(~home)
                home = outer
        return things

    def _size(self, thing: int) -> Size:
        if thing < 0:
            return self._box_size(self._groups.all[~thing])
        form = self._graph.forms[thing]
        letters = len(self._graph.names[thing])
        size = self._card_sizes.get((form, letters))
        if size is None:
            sign = self._signs[form]
            pill = pill_width(sign) + 7 if sign else 0
            width = float(round(2 * PAD + pill + letters * CHARACTER))
            example = self._graph.examples[form]
            ports = len(example.operands) if sign and is_numbered(example) else 0
            size = max(CARD_WIDTH, width), CARD_HEIGHT, ports
            self._card_sizes[form, letters] = size
        return size

    def _box_size(self, group: Group) -> Size:
        key = (
            min(len(group.title), LONGEST_TITLE),
            min(len(group.detail), LONGEST_TITLE),
            group.size,
        )
        if key not in self._box_sizes:
            title, detail, size = key
            line = max(title, detail + len(told_size(size))) + 3
            room = line * CHARACTER + 2 * PAD - BOX_WIDTH
            width = BOX_WIDTH + BOX_STEP * max(0.0, ceil(room / BOX_STEP))
            self._box_sizes[key] = width, BOX_HEIGHT, 0
        return self._box_sizes[key]

    def _draw_arrows(self, parents: list[int], place: int) -> None:
        homes, local, ports = self._homes, self._local, self._ports[self._graph.forms[place]]
        home, here = homes[place], local[place]
        heads = self._heads(home)
        boxes: set[int] = set()
        for parent, port in zip(parents, ports, strict=True):
            group = homes[parent]
            if group == home:
                self._arrows[home + 1].append((local[parent], here, port))
            elif group in heads:
                self._between[group + 1][local[parent], heads[group], None] = None
            else:
                boxes.add(self._box(group, heads))
        self._draw_arrows_from(sorted(boxes), heads, here)

    def _draw_arrows_of_rows(self, rows: tuple[int, ...], place: int) -> None:
        """The same for many parents: what is the same for all of a list is asked once."""
        homes, local, ports = self._homes, self._local, self._ports[self._graph.forms[place]]
        home, here = homes[place], local[place]
        heads = self._heads(home)
        some_at_home = False
        for row in rows:
            for group in self._homes_in(row).intersection(heads):  # whose own nodes they are
                if group == home:
                    some_at_home = True
                    continue
                for parent in self._graph.parents.table[row]:
                    if homes[parent] == group:
                        self._between[group + 1][local[parent], heads[group], None] = None
            self._draw_arrows_from(self._boxes(row, heads), heads, here)
        if some_at_home:
            self._arrows[home + 1] += [
                (local[parent], here, port)
                for parent, port in zip(self._graph.parents[place], ports, strict=True)
                if homes[parent] == home
            ]

    def _draw_arrows_from(self, boxes: Iterable[int], heads: dict[int, int], here: int) -> None:
        for box in boxes:
            group = self._outer[box]
            head = heads[group] if heads[group] != ITSELF else here
            self._between[group + 1][self._local_of_group[box], head, None] = None

    def _boxes(self, row: int, heads: dict[int, int]) -> dict[int, None]:
        """The boxes beside the groups around a node that have these parents of it, in order."""
        found: dict[int, None] = {NOWHERE: None}
        for group in reversed(heads):  # from the graph itself inwards
            if group in found:  # which has some of the parents itself
                key = row, group
                if key not in self._known_boxes:
                    self._known_boxes[key] = self._boxes_beside(row, self._heads(group))
                found = self._known_boxes[key]
        return found

    def _boxes_beside(self, row: int, heads: dict[int, int]) -> dict[int, None]:
        homes = self._homes_in(row)
        return dict.fromkeys(sorted({self._box(home, heads) for home in homes.difference(heads)}))

    def _homes_in(self, row: int) -> frozenset[int]:
        if row not in self._known_homes:
            parents = self._graph.parents.table[row]
            self._known_homes[row] = frozenset(map(self._homes.__getitem__, parents))
        return self._known_homes[row]

    def _heads(self, home: int) -> dict[int, int]:
        """Of the groups around a node of this home, which of the things in each has the node."""
        if home not in self._known_heads:
            heads, group = {home: ITSELF}, home
            while group != NOWHERE:
                heads[self._outer[group]] = self._local_of_group[group]
                group = self._outer[group]
            self._known_heads[home] = heads
        return self._known_heads[home]

    def _box(self, group: int, heads: dict[int, int]) -> int:
        """The box that stands for a group beside what is in those around."""
        while (outer := self._outer[group]) not in heads:
            group = outer
        return group


def _ports(node: Value) -> list[int | None]:
    """As which operand each parent of a node arrives, where that is told."""
    if not is_numbered(node):
        return [None] * len(node.parents)
    return [i for i, operand in enumerate(node.operands) if isinstance(operand, Value)]


def told_range(numbers: list[float]) -> str:
    """The least and the greatest of numbers, and whether some are none: ``"-1…2.5 nan"``.

    >>> told_range([2.5, -1.0, float("nan")]), told_range([0.5])
    ('-1…2.5 nan', '0.5')
    """
    known = [x for x in numbers if x == x]
    parts = [number(x, 2) for x in dict.fromkeys((min(known), max(known)))] if known else []
    return " ".join(["…".join(parts)] * bool(parts) + ["nan"] * (len(known) < len(numbers)))
