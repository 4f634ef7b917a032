"""Groups found by repetition, and by cutting what is too much for one box."""

from __future__ import annotations

from itertools import islice
from math import ceil, log

from autograd_scalar.draw.nesting import NOWHERE, Tree
from autograd_scalar.draw.rounds import Run, folded
from autograd_scalar.draw.rows import Rows
from autograd_scalar.draw.text import INFIX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Sequence
    from typing import TypeVar

    from autograd_scalar.draw.rounds import Crossing, Item
    from autograd_scalar.value import Value

    T = TypeVar("T")

MOST_NODES = 60  # in one box, of those that use one another
MOST_ROUNDS = 24  # in one box, each computed from the one before
SMALL_ROUND = 3  # nodes
MOST_PARALLEL = 400  # in one box, of those that have nothing to do with one another
MOST_PARTS = 12
LOOKED_AT = 8  # things of many, to see whether they use one another
LOOKED_INTO = 100  # nodes of each
KINDS_TOLD = 3


class Cutter:
    """Puts nodes and groups of a tree into smaller groups."""

    def __init__(self, tree: Tree, order: Sequence[Value], rows: Rows) -> None:
        self._tree = tree
        self._order = order
        self._rows = rows
        self._inside: list[list[int]] = []  # of each group that was there, the last one's NOWHERE's
        self._within = NOWHERE  # the group that is being cut

    def by_repetition(self) -> None:
        """Put what is in each group into smaller groups, where it repeats or is too much."""
        named = len(self._tree)
        inside: list[list[int]] = [[] for _ in range(named + 1)]  # the last one's is NOWHERE's
        for place, (home, rows) in enumerate(zip(self._tree.homes, self._rows.of, strict=True)):
            if rows:
                inside[home].append(place)
        sizes = list(map(len, inside))
        last = [places[-1] if places else 0 for places in inside]
        for group in reversed(range(named)):  # inner ones come after outer ones
            outer = self._tree.all[group].outer
            inside[outer].append(~group)
            sizes[outer] += sizes[group]
            last[outer] = max(last[outer], last[group])
        self._inside = inside
        signs, rough = self._signs()
        templates: dict[Hashable, list[Item]] = {}
        for group in range(NOWHERE, named):
            items = inside[group]
            if items and items[-1] < 0:
                items.sort(key=lambda item: (item, 0) if item >= 0 else (last[~item], 1))
            signs_here: list[Hashable] = []
            rough_here: list[Hashable] = []
            for item in items:
                if item >= 0:
                    signs_here.append(signs[item])
                    rough_here.append(rough[item])
                else:
                    found = self._tree.all[~item]
                    signs_here.append((found.detail or found.title, sizes[~item]))
                    rough_here.append(signs_here[-1])
            key = tuple(signs_here)
            if key not in templates:
                crossing = self._crossing(items, group)
                templates[key] = folded(signs_here, rough_here, crossing)
            self._within = group
            self.put(templates[key], items, group)

    def _signs(self) -> tuple[list[int], list[int]]:
        """Of each node a number for what it does, with what it does that to, and one without."""
        closures = [node._closure for node in self._order]
        ops = [closure.op for closure in closures]
        kind_of = {closure: (closure.op, closure.has_constants) for closure in set(closures)}
        known: dict[Hashable, int] = {}
        rough = [
            known.setdefault((kind_of[closure], len(node.parents)), len(known))
            for closure, node in zip(closures, self._order, strict=True)
        ]
        kinds = [frozenset(map(ops.__getitem__, row)) for row in self._rows.table]
        kinds_of = kinds.__getitem__
        signs = [
            known.setdefault((sign, *map(kinds_of, rows)), len(known))
            for sign, rows in zip(rough, self._rows.of, strict=True)
        ]
        return signs, rough

    def _crossing(self, items: Sequence[int], group: int) -> Crossing:
        """Counts of the first things how many the ones after them use."""
        return lambda start, end: len(
            self._used_by(items[end : 2 * end - start], group) & set(items[start:end])
        )

    def _used_by(self, items: Iterable[int], group: int) -> set[int]:
        """What of a group these of its things are computed from."""
        found = set()
        for item in items:
            for node in islice(self._nodes_of(item), LOOKED_INTO):
                found.update([self._tree.item_of(parent, group) for parent in self._rows[node]])
        return found

    def _nodes_of(self, item: int) -> Iterator[int]:
        if item >= 0:
            yield item
        else:
            for inner in self._inside[~item]:
                yield from self._nodes_of(inner)

    def put(self, template: Sequence[Item], items: Sequence[int], group: int) -> None:
        if len(template) == 1 and isinstance(template[0], Run):  # all that it is
            self._put_rounds(template[0], items, group)
            return
        most = MOST_NODES
        if len(template) > most:
            most = self._most([[item] for item in template], items, most)
        if len(template) > most:
            for start, part in _parts(template, most):
                title = f"{start + 1:,} to {start + len(part):,} of {len(template):,}"
                self.put(part, items, self._tree.new(title, self._told(part, items), group))
            return
        for item in template:
            if isinstance(item, Run):
                title = f"{len(item.rounds):,} times"
                box = self._tree.new(title, self._told(item.rounds[0], items), group)
                self._put_rounds(item, items, box)
            else:
                self._tree.move(items[item], group)

    def _put_rounds(self, run: Run, items: Sequence[int], group: int) -> None:
        told = "" if self._is_plain(run.rounds, items) else self._told(run.rounds[0], items)
        self._put_each(run.rounds, 0, len(run.rounds), told, items, group)

    def _is_plain(self, rounds: Sequence[list[Item]], items: Sequence[int]) -> bool:
        """Whether rounds are read as fast as boxes would be that stood for them."""
        first = rounds[0]
        if len(first) == 1:
            return True
        if len(first) > SMALL_ROUND or len(rounds) <= MOST_ROUNDS:
            return False
        are_nodes = all([not isinstance(item, Run) and items[item] >= 0 for item in first])
        return are_nodes and self._most(rounds, items, MOST_ROUNDS) == MOST_ROUNDS

    def _put_each(
        self, rounds: Sequence[list[Item]], first: int, count: int, told: str,
        items: Sequence[int], group: int,
    ) -> None:  # fmt: skip
        """Rounds as groups that are ``told``, or as what is in them if there is nothing to tell."""
        most = self._most(rounds, items, MOST_ROUNDS)
        if len(rounds) > most:
            for start, part in _parts(rounds, most):
                title = f"{first + start + 1:,} to {first + start + len(part):,} of {count:,}"
                detail = told or self._told(part[0], items)
                box = self._tree.new(title, detail, group)
                self._put_each(part, first + start, count, told, items, box)
            return
        for i, items_of in enumerate(rounds):
            home = self._tree.new(f"{first + i + 1:,} of {count:,}", told, group) if told else group
            self.put(items_of, items, home)

    def _most(self, things: Sequence[Sequence[Item]], items: Sequence[int], most: int) -> int:
        """How many of them one box may have: more of those that do not use one another."""
        if len(things) <= most:
            return most
        middle = len(things) // 2 - LOOKED_AT // 2
        before: set[int] = set()
        for thing in things[middle : middle + LOOKED_AT]:
            members = [items[i] for i in islice(_members(thing), LOOKED_INTO)]
            if self._used_by(members, self._within) & before:
                return most
            before.update(members)
        return MOST_PARALLEL

    def _told(self, template: Sequence[Item], items: Sequence[int]) -> str:
        """The kinds of things among them, a few."""
        kinds = dict.fromkeys([self._name(item, items) for item in template])
        told = list(kinds)[:KINDS_TOLD]
        return ", ".join([*told, "…"] if len(kinds) > len(told) else told)

    def _name(self, item: Item, items: Sequence[int]) -> str:
        if isinstance(item, Run):
            return f"{len(item.rounds):,} times ({self._told(item.rounds[0], items)})"
        if items[item] >= 0:
            op = self._order[items[item]].op
            return INFIX.get(op, op)
        group = self._tree.all[~items[item]]
        return group.detail or group.title


def _parts(things: Sequence[T], most: int) -> list[tuple[int, Sequence[T]]]:
    """Parts of equal size, few enough for one box; each with the place of its first thing."""
    levels = ceil(log(len(things) / most) / log(MOST_PARTS) - 1e-9)
    parts = max(2, ceil((len(things) / most) ** (1 / levels) - 1e-9))
    each = ceil(len(things) / parts)
    return [(i, things[i : i + each]) for i in range(0, len(things), each)]


def _members(template: Iterable[Item]) -> Iterator[int]:
    for item in template:
        yield from item.members() if isinstance(item, Run) else (item,)
