"""Groups within groups, before it is known what makes them."""

from __future__ import annotations

from collections import Counter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

NOWHERE = -1  # the place of the graph itself among its groups


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


class Tree:
    """Nodes in groups, and groups in groups.

    Attributes:
        all: the groups.
        homes: of each node the place of its innermost group, or NOWHERE.
    """

    def __init__(self, size: int) -> None:
        self.all: list[Group] = []
        self.homes = [NOWHERE] * size

    def __len__(self) -> int:
        return len(self.all)

    def new(self, title: str, detail: str, outer: int) -> int:
        """The place of a new group."""
        self.all.append(Group(title, detail, outer))
        return len(self.all) - 1

    def chain(self, group: int) -> list[int]:
        """The places of the groups from the outermost down to this one."""
        chain = []
        while group != NOWHERE:
            chain.append(group)
            group = self.all[group].outer
        return chain[::-1]

    def move(self, item: int, group: int) -> None:
        """Put a node, by its place, or a group, by ~ its place, into a group."""
        if item >= 0:
            self.homes[item] = group
        else:
            self.all[~item].outer = group

    def item_of(self, place: int, group: int) -> int:
        """The node, or ~ the group, that stands for a node in a group around it."""
        home = self.homes[place]
        item = place
        while home not in (group, NOWHERE):
            item, home = ~home, self.all[home].outer
        return item

    def around(self, groups: Iterable[int]) -> int:
        """The innermost group that has all of them."""
        innermost, *others = groups
        depths = {group: depth for depth, group in enumerate([NOWHERE, *self.chain(innermost)])}
        for other in others:
            while other not in depths:
                other = self.all[other].outer
            if depths[other] < depths[innermost]:
                innermost = other
        return innermost

    def sort(self) -> None:
        """Outer groups before inner ones, otherwise as they come in the graph; and their sizes."""
        count = len(self.all)
        depths = [-1] * count
        for group in range(count):
            chain = []
            while group != NOWHERE and depths[group] < 0:
                chain.append(group)
                group = self.all[group].outer
            depth = 0 if group == NOWHERE else depths[group] + 1
            for inner in reversed(chain):
                depths[inner] = depth
                depth += 1
        backwards = reversed(range(len(self.homes)))  # so that of each group the first one stays
        first_of = dict(zip(reversed(self.homes), backwards, strict=True))
        first = [first_of.get(group, len(self.homes)) for group in range(count)]
        for home, size in Counter(self.homes).items():
            if home != NOWHERE:
                self.all[home].size = size
        by_depth = sorted(range(count), key=depths.__getitem__)
        for group in reversed(by_depth):
            outer = self.all[group].outer
            if outer != NOWHERE:
                self.all[outer].size += self.all[group].size
                first[outer] = min(first[outer], first[group])
        order = [group for group in by_depth if self.all[group].size]
        order.sort(key=lambda group: (depths[group], first[group]))
        places = {group: place for place, group in enumerate(order)} | {NOWHERE: NOWHERE}
        self.all = [self.all[group] for group in order]
        for found in self.all:
            found.outer = places[found.outer]
        self.homes = list(map(places.__getitem__, self.homes))
