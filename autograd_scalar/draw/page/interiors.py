"""What stands in each folded group when it is unfolded: its own nodes, boxes, and their arrows."""

from collections.abc import Set as AbstractSet
from math import ceil
from typing import NamedTuple

from autograd_scalar.draw.diagram import is_numbered
from autograd_scalar.draw.groups import NOWHERE, Group, Groups
from autograd_scalar.draw.page.graph import Graph
from autograd_scalar.draw.text import MOST_TOLD, number, operation

CHARACTER = 7.3  # the width of one at 12 px in fonts of one width, the widest of them
PAD = 9
CARD_HEIGHT = 66.0
CARD_WIDTH = 138.0  # the least, which "data -1.234e-105" needs
BOX_HEIGHT = 84.0
BOX_WIDTH = 206.0  # the least, which "grad 1.2e-105…3.4e-103" needs
BOX_STEP = 40  # boxes are of few widths, so that more groups look the same inside
LONGEST_TITLE = 30


# From which thing to which; and as which operand, where these are told apart. There are hundreds of
# thousands, so it is a plain tuple.
Arrow = tuple[int, int, int | None]


class Interior(NamedTuple):
    """The things in a group, nodes and boxes, as they come in the graph.

    Attributes:
        things: of each node its place, of each box ~ that of its group.
        sizes: of each thing the width and how many ports are at its left side.
        arrows: between them. Two nodes have one for each operand, others at most one.
    """

    things: list[int]
    sizes: tuple[tuple[float, int], ...]
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
        self._chains: dict[int, dict[int, int]] = {}
        self._signs: dict[object, str] = {}
        self._numbered: dict[tuple[object, int], bool] = {}
        self._box_widths: dict[tuple[int, int, int], float] = {}
        things = self._things()
        self._local = [0] * graph.size
        self._local_of_group = [0] * len(groups)
        for found in things:
            for i, thing in enumerate(found):
                if thing >= 0:
                    self._local[thing] = i
                else:
                    self._local_of_group[~thing] = i
        self._arrows: list[list[Arrow]] = [[] for _ in things]  # from node to node
        self._between: list[dict[Arrow, None]] = [{} for _ in things]  # those from or to boxes
        self._homes_in = [frozenset(map(self._homes.__getitem__, r)) for r in graph.parents.table]
        self._known_beside: dict[tuple[int, int], frozenset[int]] = {}
        for place in range(graph.size):
            if graph.nodes[place].parents:
                self._draw_arrows_to(place)
        self.all = [
            Interior(found, tuple(map(self._size, found)), (*arrows, *between))
            for found, arrows, between in zip(things, self._arrows, self._between, strict=True)
        ]

    def sign(self, place: int) -> str:
        """The operation of a node, with its constant operands."""
        node = self._graph.nodes[place]
        closure, constant = node._closure, node._constant
        key: object = closure
        if closure.has_constants:
            if isinstance(constant, float):
                key = closure, constant.hex()
            elif len(constant) > MOST_TOLD:
                key = closure, len(constant) - len(node.parents)
            else:
                return operation(node)
        if key not in self._signs:
            self._signs[key] = operation(node)
        return self._signs[key]

    def _things(self) -> list[list[int]]:
        groups = self._groups
        things: list[list[int]] = [[] for _ in range(len(groups) + 1)]
        seen = [False] * len(groups)
        for place, home in enumerate(self._homes[: self._graph.size]):
            things[home + 1].append(place)
            thing = ~home
            while home != NOWHERE and not seen[home]:
                seen[home] = True
                outer = groups.all[home].outer
                things[outer + 1].append(thing)
                home, thing = outer, ~outer
        return things

    def _size(self, thing: int) -> tuple[float, int]:
        if thing < 0:
            return self._box_width(self._groups.all[~thing]), 0
        sign = self.sign(thing)
        pill = pill_width(sign) + 7 if sign else 0
        name = len(self._graph.names[thing]) * CHARACTER
        ports = len(self._graph.operands(thing)) if sign and self._is_numbered(thing) else 0
        return max(CARD_WIDTH, float(round(2 * PAD + pill + name))), ports

    def _box_width(self, group: Group) -> float:
        key = (
            min(len(group.title), LONGEST_TITLE),
            min(len(group.detail), LONGEST_TITLE),
            group.size,
        )
        if key not in self._box_widths:
            title, detail, size = key
            line = max(title, detail + len(told_size(size))) + 3
            room = line * CHARACTER + 2 * PAD - BOX_WIDTH
            self._box_widths[key] = BOX_WIDTH + BOX_STEP * max(0.0, ceil(room / BOX_STEP))
        return self._box_widths[key]

    def _is_numbered(self, place: int) -> bool:
        node = self._graph.nodes[place]
        key = node._closure, len(node.parents)
        if key not in self._numbered:
            self._numbered[key] = is_numbered(node)
        return self._numbered[key]

    def _draw_arrows_to(self, place: int) -> None:
        rows = self._graph.parents.of[place]
        home, local, homes = self._homes[place], self._local, self._homes
        around = self._around(home)
        for row in rows:
            inside = self._homes_in[row]
            for group in inside.intersection(around):  # whose own nodes they are
                if group == home:
                    continue
                head = self._local_of_group[around[group]]
                for parent in self._graph.parents.table[row]:
                    if homes[parent] == group:
                        self._between[group + 1][local[parent], head, None] = None
            if len(inside) > 1 or home not in inside:
                for box in self._boxes(row, home, around):
                    group = self._outer[box]
                    inner = around[group]
                    head = local[place] if inner == NOWHERE else self._local_of_group[inner]
                    self._between[group + 1][self._local_of_group[box], head, None] = None
        if any([home in self._homes_in[row] for row in rows]):
            numbered = self._is_numbered(place)
            operands = self._graph.operands(place)
            self._arrows[home + 1] += [
                (local[parent], local[place], i if numbered else None)
                for i, parent in enumerate(operands)
                if isinstance(parent, int) and homes[parent] == home
            ]

    def _boxes(self, row: int, home: int, around: dict[int, int]) -> list[int]:
        """The boxes beside the groups around a node that have these parents of it."""
        others = self._homes_in[row].difference(around)
        if len(others) < 2 or home == NOWHERE:
            return sorted(self._beside(others, around))
        # The same for all that is in the group around, but for what is in this group itself.
        key = row, self._outer[home]
        if key not in self._known_beside:
            wider = self._around(self._outer[home])
            found = self._beside(self._homes_in[row].difference(wider), wider)
            self._known_beside[key] = frozenset(found)
        known = self._known_beside[key]
        return sorted(self._beside(others, around) if home in known else known)

    def _around(self, home: int) -> dict[int, int]:
        """The groups around a node of this home, each with the one in it that has the node."""
        if home not in self._chains:
            around, inner, group = {}, NOWHERE, home
            while group != NOWHERE:
                around[group] = inner
                inner, group = group, self._outer[group]
            around[NOWHERE] = inner
            self._chains[home] = around
        return self._chains[home]

    def _beside(self, groups: AbstractSet[int], around: dict[int, int]) -> set[int]:
        """The boxes that stand for these groups beside what is in those around."""
        found = set()
        while groups:
            outer = set(map(self._outer.__getitem__, groups))
            if not outer.isdisjoint(around):
                found.update([group for group in groups if self._outer[group] in around])
                outer.difference_update(around)
            groups = outer
        return found


def told_range(numbers: list[float]) -> str:
    """The least and the greatest of numbers, and whether some are none: ``"-1…2.5 nan"``.

    >>> told_range([2.5, -1.0, float("nan")]), told_range([0.5])
    ('-1…2.5 nan', '0.5')
    """
    known = [x for x in numbers if x == x]
    parts = [number(x, 2) for x in dict.fromkeys((min(known), max(known)))] if known else []
    return " ".join(["…".join(parts)] * bool(parts) + ["nan"] * (len(known) < len(numbers)))
