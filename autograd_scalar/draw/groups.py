"""What of a graph can be folded into a box: scopes, modules, repeated structure.

A group is some nodes and some groups inside it, and every node is in one innermost group or in
none. Groups come from three places, each within the ones before it:

- scopes, with the calls of modules, that were noted while the nodes were recorded;
- the module that owns the parameters that a node computes with, by their names. What has none of
  its own belongs where all it was computed from belongs, unless an input joins it: so ``relu`` is
  its neuron's, and the loss nobody's;
- repetition: where operations come in the same pattern three times or more, such as the examples
  of a batch or the steps of a loop, each round is a group, and all of them together are one.

What is still too much for one picture is cut into parts of equal size, in order. A leaf belongs to
the innermost group that has all who use it.
"""

from __future__ import annotations

import re
from math import ceil
from operator import eq

from autograd_scalar.draw.text import INFIX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence
    from typing import Any

    from autograd_scalar.scopes import Scope
    from autograd_scalar.value import Value

    _Item = int | "_Run"  # the place of a node, or ~ that of a group
    Path = tuple[str, ...]  # of modules: each the path of one, the outermost first

NOWHERE = -1  # the place of the graph itself among its groups

FEWEST_ROUNDS = 3
SMALLEST_RUN = 8  # nodes: a shorter run is read as fast as the box that would stand for it
LONGEST_PATTERN = 64  # things in a round
MOST_TOGETHER = 150  # nodes and boxes in one box
MOST_LEAVES = 30
KINDS_TOLD = 3


class Group:
    """A part of a graph that a box can stand for.

    Attributes:
        title: what it is called: ``"layers.0"``, ``"16 times"``.
        detail: what it is, more closely: a module's class, the operations of a round.
        outer: the place of the group that it is in, or NOWHERE.
        size: how many nodes are in it and in the groups inside it.
    """

    __slots__ = ("detail", "outer", "size", "title")

    def __init__(self, title: str, detail: str, outer: int) -> None:
        self.title = title
        self.detail = detail
        self.outer = outer
        self.size = 0

    def __repr__(self) -> str:
        return f"<Group {self.title!r} of {self.size}>"


class Groups:
    """All groups of a graph, outer ones before those inside them.

    >>> from autograd_scalar import Value, scope
    >>> from autograd_scalar.graph import topological_order
    >>> x = Value(3.0)
    >>> with scope("energy"):
    ...     y = x * x / 2
    >>> groups = Groups(topological_order(y + 1))
    >>> groups.all, groups.homes
    ([<Group 'energy' of 3>], [0, 0, 0, -1])

    Args:
        order: the nodes in topological order.
        modules: something with ``named_modules`` that the parameters are of, if there is one.

    Attributes:
        all: the groups.
        homes: of each node the place of its innermost group, or NOWHERE.
    """

    def __init__(self, order: Sequence[Value], modules: Any = None) -> None:
        self.all: list[Group] = []
        self.homes = [NOWHERE] * len(order)
        self._order = order
        self._places = {node: place for place, node in enumerate(order)}
        self._known: dict[Hashable, int] = {}
        self._modules = {NOWHERE: modules}
        self._owners: dict[int, dict[Value, Path]] = {}
        self._kinds: dict[int, dict[str, str]] = {}
        self._by_scopes()
        self._by_owners()
        self._fold()
        self._settle_leaves()
        self._gather_leaves()
        self._sort()

    def __len__(self) -> int:
        return len(self.all)

    def chain(self, group: int) -> list[int]:
        """The places of the groups from the outermost down to this one."""
        chain = []
        while group != NOWHERE:
            chain.append(group)
            group = self.all[group].outer
        return chain[::-1]

    def _new(self, title: str, detail: str, outer: int) -> int:
        self.all.append(Group(title, detail, outer))
        return len(self.all) - 1

    def _group(self, key: Hashable, title: str, detail: str, outer: int) -> int:
        if key not in self._known:
            self._known[key] = self._new(title, detail, outer)
        return self._known[key]

    # --- Scopes -----------------------------------------------------------------------------------

    def _by_scopes(self) -> None:
        found: dict[Scope, int] = {}
        for place, node in enumerate(self._order):
            scope = getattr(node, "scope", None)
            if scope is None:
                continue
            if scope not in found:
                found[scope] = self._group_of(scope)
            self.homes[place] = found[scope]

    def _group_of(self, scope: Scope) -> int:
        group = NOWHERE
        for link in scope.chain():
            if not link.name:
                continue
            outer = group
            detail = "" if link.module is None else type(link.module).__name__
            group = self._group(link, link.name, detail, outer)
            self._modules[group] = link.module or self._modules[outer]
        return group

    # --- Owners of parameters ---------------------------------------------------------------------

    def _by_owners(self) -> None:
        paths: list[Path] = []  # of each node, within its scope
        for place, node in enumerate(self._order):
            home = self.homes[place]
            module = self._modules[home]
            path: Path = ()
            if module is not None and node.parents:
                path = self._path(node, home, self._owners_in(module), paths)
            paths.append(path)
        for place, path in enumerate(paths):
            group = self.homes[place]
            module = self._modules[group]
            for i, name in enumerate(path):
                title = name.removeprefix(f"{path[i - 1]}.") if i else name
                detail = self._kinds[id(module)][name]
                group = self._group((group, name), title, detail, group)
            self.homes[place] = group

    def _path(
        self, node: Value, home: int, owners: dict[Value, Path], paths: Sequence[Path]
    ) -> Path:
        direct = [owners[parent] for parent in node.parents if parent in owners]
        if direct:
            return _common(direct)
        found = set()
        for parent in node.parents:
            place = self._places[parent]
            if not parent.parents or self.homes[place] != home:
                return ()
            found.add(paths[place])
        return _common(list(found))

    def _owners_in(self, module: Any) -> dict[Value, Path]:
        """Of each parameter the modules that it is in, by their paths, the outermost first."""
        if id(module) not in self._owners:
            modules = {path: member for path, member in module.named_modules() if path}
            owners: dict[Value, Path] = {}
            for path, member in modules.items():
                parts = path.split(".")
                above = [".".join(parts[:i]) for i in range(1, len(parts) + 1)]
                chain = tuple([name for name in above if name in modules])
                owners |= dict.fromkeys(member.parameters(), chain)
            self._owners[id(module)] = owners
            self._kinds[id(module)] = {p: type(member).__name__ for p, member in modules.items()}
        return self._owners[id(module)]

    # --- Repetition, and cutting ------------------------------------------------------------------

    def _fold(self) -> None:
        """Put what is in a group into smaller groups, where it repeats or is too much."""
        inside: dict[int, list[int]] = {group: [] for group in range(NOWHERE, len(self.all))}
        sizes = [0] * len(self.all)
        last = [0] * len(self.all)
        for place, node in enumerate(self._order):
            if node.parents:
                inside[self.homes[place]].append(place)
                for group in self.chain(self.homes[place]):
                    sizes[group] += 1
                    last[group] = place
        for place, group in enumerate(self.all):
            inside[group.outer].append(~place)
        for group, items in inside.items():
            items.sort(key=lambda item: (item, 0) if item >= 0 else (last[~item], 1))
            signs = [self._sign(item) if item >= 0 else self._kind(~item, sizes) for item in items]
            self._put(_folded(items, signs), group)

    def _sign(self, place: int) -> Hashable:
        """What a node has in common with those that do the same in another round."""
        node = self._order[place]
        return node.op, len(node.operands), frozenset([parent.op for parent in node.parents])

    def _kind(self, group: int, sizes: Sequence[int]) -> Hashable:
        return self.all[group].detail or self.all[group].title, sizes[group]

    def _put(self, items: Sequence[_Item], group: int) -> None:
        if len(items) > MOST_TOGETHER:
            parts = min(MOST_TOGETHER, ceil(len(items) / MOST_TOGETHER))
            each = ceil(len(items) / parts)
            for start in range(0, len(items), each):
                part = items[start : start + each]
                title = f"{start + 1} to {start + len(part)} of {len(items)}"
                self._put(part, self._new(title, self._told(part), group))
            return
        for item in items:
            if isinstance(item, _Run):
                self._put_run(item, group)
            elif item >= 0:
                self.homes[item] = group
            else:
                self.all[~item].outer = group

    def _put_run(self, run: _Run, group: int) -> None:
        rounds = run.rounds
        box = self._new(f"{len(rounds)} times", self._told(rounds[0]), group)
        if len(rounds[0]) == 1:  # nothing to put together
            self._put([item for (item,) in rounds], box)
            return
        first = len(self.all)
        for i in range(len(rounds)):
            self._new(f"{i + 1} of {len(rounds)}", "", box)
        self._put([~(first + i) for i in range(len(rounds))], box)
        for i, items in enumerate(rounds):
            self._put(items, first + i)

    def _told(self, items: Sequence[_Item]) -> str:
        """The kinds of things among them, a few."""
        kinds = dict.fromkeys(map(self._name, items))
        told = list(kinds)[:KINDS_TOLD]
        return ", ".join([*told, "…"] if len(kinds) > len(told) else told)

    def _name(self, item: _Item) -> str:
        if isinstance(item, _Run):
            return f"{len(item.rounds)} times ({self._told(item.rounds[0])})"
        if item >= 0:
            op = self._order[item].op
            return INFIX.get(op, op)
        return self.all[~item].detail or self.all[~item].title

    # --- Leaves -----------------------------------------------------------------------------------

    def _settle_leaves(self) -> None:
        settled: dict[int, int] = {}
        for place, node in enumerate(self._order):
            for parent in set(node.parents):
                if not parent.parents:
                    leaf = self._places[parent]
                    home = self.homes[place]
                    settled[leaf] = self._around(settled.get(leaf, home), home)
        for leaf, home in settled.items():
            self.homes[leaf] = home

    def _around(self, a: int, b: int) -> int:
        """The innermost group that has both."""
        if a == b:
            return a
        above = {NOWHERE, *self.chain(a)}
        while b not in above:
            b = self.all[b].outer
        return b

    def _gather_leaves(self) -> None:
        """Many leaves of one group become one group."""
        leaves: dict[int, list[int]] = {}
        for place, node in enumerate(self._order):
            if not node.parents:
                leaves.setdefault(self.homes[place], []).append(place)
        for home, places in leaves.items():
            if len(places) > MOST_LEAVES:
                self._put(places, self._new(f"{len(places)} leaves", "", home))

    # --- In the end -------------------------------------------------------------------------------

    def _sort(self) -> None:
        """Outer groups before inner ones, otherwise as they come in the graph; and their sizes."""
        first = [len(self._order)] * len(self.all)
        for place, home in enumerate(self.homes):
            for group in self.chain(home):
                first[group] = min(first[group], place)
                self.all[group].size += 1
        depths = [len(self.chain(group)) for group in range(len(self.all))]
        order = sorted(
            [group for group in range(len(self.all)) if self.all[group].size],
            key=lambda group: (depths[group], first[group]),
        )
        places = {group: place for place, group in enumerate(order)} | {NOWHERE: NOWHERE}
        self.all = [self.all[group] for group in order]
        for group in self.all:
            group.outer = places[group.outer]
        self.homes = [places[home] for home in self.homes]


# --- Runs of the same pattern ---------------------------------------------------------------------


class _Run:
    """Rounds of things that are of the same kinds."""

    def __init__(self, rounds: list[list[_Item]]) -> None:
        self.rounds = rounds

    @property
    def size(self) -> int:
        return sum([_size(item) for items in self.rounds for item in items])


def _size(item: _Item) -> int:
    return item.size if isinstance(item, _Run) else 1


def _folded(items: Sequence[int], signs: Sequence[Hashable]) -> list[_Item]:
    """Items of which those that repeat are runs; the shortest patterns first, so runs nest.

    >>> [len(item.rounds) if isinstance(item, _Run) else item
    ...  for item in _folded(range(10), "abcabcabcd")]
    [3, 9]
    """
    known: dict[Hashable, int] = {}

    def symbol(sign: Hashable) -> int:
        return known.setdefault(sign, len(known))

    now: list[_Item] = list(items)
    symbols = [symbol(sign) for sign in signs]
    changed = True
    while changed:
        changed = False
        for pattern in range(1, LONGEST_PATTERN + 1):
            rest: list[_Item] = []
            rest_symbols: list[int] = []
            end = 0
            for start, rounds in _runs(symbols, pattern):
                stop = start + pattern * rounds
                run = _Run([now[i : i + pattern] for i in range(start, stop, pattern)])
                if run.size < SMALLEST_RUN:
                    continue
                rest += now[end:start]
                rest_symbols += symbols[end:start]
                rest.append(run)
                rest_symbols.append(symbol((rounds, *symbols[start : start + pattern])))
                end = stop
            if end:
                now, symbols = rest + now[end:], rest_symbols + symbols[end:]
                changed = True
    return now


def _runs(symbols: Sequence[int], pattern: int) -> Iterator[tuple[int, int]]:
    """Where a pattern of that length repeats: the beginning, and how many rounds there are."""
    same = bytes(map(eq, symbols, symbols[pattern:]))
    fewest = (FEWEST_ROUNDS - 1) * pattern
    for found in re.finditer(b"\x01{%d,}" % fewest, same):
        yield found.start(), (found.end() - found.start()) // pattern + 1


def _common(paths: Sequence[Path]) -> Path:
    """What all the paths begin with."""
    shared = min(paths, key=len)
    for path in paths:
        while path[: len(shared)] != shared:
            shared = shared[:-1]
    return shared
