"""What of a graph can be folded into a box: scopes, modules, repeated structure.

A group is some nodes and some groups inside it, and every node is in one innermost group or in
none. Groups come from three places, each within the ones before it:

- scopes, with the calls of modules, that were noted while the nodes were recorded;
- the module that owns the parameters that a node computes with, by their names. What has none of
  its own belongs where all it was computed from belongs, unless an input joins it: so ``relu`` is
  its neuron's;
- repetition: where operations come in the same pattern three times or more, such as the examples
  of a batch or the steps of a loop, each round is a group, and all of them together are one.

What is still too much for one picture is cut into parts of equal size, in order. A leaf belongs to
the innermost group that has all who use it.
"""

from __future__ import annotations

from autograd_scalar.draw.cutting import Cutter
from autograd_scalar.draw.nesting import NOWHERE, Group, Tree
from autograd_scalar.draw.owners import Owners
from autograd_scalar.draw.rows import Rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from autograd_scalar.scopes import Scope
    from autograd_scalar.value import Value

__all__ = ["NOWHERE", "Group", "Groups"]

MOST_LEAVES = 30
MOST_ARROWS = 1000  # from the leaves of a box to the boxes in it, if all use all


class Groups(Tree):
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
        named_only: leave out what is found by repetition and by cutting.
        rows: the parents of the nodes, where these are known.

    Attributes:
        all: the groups.
        homes: of each node the place of its innermost group, or NOWHERE.
        parents: of each node the places of its parents.
    """

    def __init__(
        self,
        order: Sequence[Value],
        modules: Any = None,
        *,
        named_only: bool = False,
        rows: Rows | None = None,
    ) -> None:
        super().__init__(len(order))
        self._order = order
        self.parents = rows or Rows(order)
        self._modules = {NOWHERE: modules if hasattr(modules, "named_modules") else None}
        self._owners = Owners(self.parents.places)
        self._by_scopes()
        self._by_owners()
        if not named_only:
            cutter = Cutter(self, order, self.parents)
            cutter.by_repetition()
        self._settle_leaves()
        if not named_only:
            self._gather_leaves(cutter)
        self.sort()

    # --- Scopes -----------------------------------------------------------------------------------

    def _by_scopes(self) -> None:
        found: dict[Scope | None, int] = {None: NOWHERE}
        scopes: list[Any] = [getattr(node, "scope", None) for node in self._order]
        for scope in dict.fromkeys(scopes):
            if scope not in found:
                self._enter(scope, found)
        self.homes = list(map(found.__getitem__, scopes))

    def _enter(self, scope: Scope, found: dict[Scope | None, int]) -> None:
        for link in scope.chain():
            if link in found:
                continue
            outer = found[link.outer]
            if link.name:
                detail = "" if link.module is None else type(link.module).__name__
                found[link] = self.new(link.name, detail, outer)
                self._modules[found[link]] = link.module or self._modules[outer]
            else:  # the scope that all of a function is in
                found[link] = outer

    # --- Owners of parameters ---------------------------------------------------------------------

    def _by_owners(self) -> None:
        """Put each node into the module that has all the parameters it computes with."""
        owners = self._owners
        tables = {group: owners.below(module) for group, module in self._modules.items()}
        paths = [0] * len(self._order)  # of each node, within its scope
        known: dict[tuple[int, int], int] = {}
        of_rows: dict[tuple[int, int], set[Any]] = {}  # the owners in a row, by a module's table
        of, table = self.parents.of, self.parents.table
        for place, (rows, home) in enumerate(zip(of, self.homes, strict=True)):
            owned = tables[home]
            if not rows or not owned:
                continue
            if len(rows) == 1:
                direct = {owned[parent] for parent in table[rows[0]] if parent in owned}
            else:
                direct = set()
                for row in rows:
                    key = id(owned), row
                    if key not in of_rows:
                        of_rows[key] = set(map(owned.get, table[row])) - {None}
                    direct |= of_rows[key]
            if direct:
                paths[place] = owners.common(direct)
                continue
            parents = self.parents[place]
            if all([of[p] and self.homes[p] == home for p in parents]):
                paths[place] = owners.common(set(map(paths.__getitem__, parents)))
        homes = self.homes[:]  # as they were: groups are put into them
        for place, path in enumerate(paths):
            if path:
                homes[place] = self._group_of(self.homes[place], path, known)
        self.homes = homes

    def _group_of(self, home: int, path: int, known: dict[tuple[int, int], int]) -> int:
        if not path:
            return home
        if (home, path) not in known:
            owners = self._owners
            outer = self._group_of(home, owners.outer[path], known)
            known[home, path] = self.new(owners.titles[path], owners.kinds[path], outer)
        return known[home, path]

    # --- Leaves -----------------------------------------------------------------------------------

    def _settle_leaves(self) -> None:
        table = self.parents.table
        users: dict[int, set[int]] = {
            place: set() for place, rows in enumerate(self.parents.of) if not rows
        }
        lists: dict[int, list[int]] = {}  # that a leaf is in and many may share
        sharing: dict[int, set[int]] = {}  # the homes of these
        for home, rows in zip(self.homes, self.parents.of, strict=True):
            if len(rows) == 1:
                for parent in table[rows[0]]:
                    if parent in users:
                        users[parent].add(home)
            else:
                for row in rows:
                    sharing.setdefault(row, set()).add(home)
        for row in sharing:
            for leaf in users.keys() & table[row]:
                lists.setdefault(leaf, []).append(row)
        around: dict[tuple[frozenset[int], tuple[int, ...]], int] = {}
        for leaf, found in users.items():
            key = frozenset(found), tuple(lists.get(leaf, ()))
            if key not in around:
                groups = key[0].union(*map(sharing.__getitem__, key[1]))
                around[key] = self.around(groups) if groups else NOWHERE
            self.homes[leaf] = around[key]

    def _gather_leaves(self, cutter: Cutter) -> None:
        """Many leaves of one group become groups: those of each module, and the others."""
        leaves: dict[int, list[int]] = {}
        for place, home in enumerate(self.homes):
            if not self.parents.of[place]:
                leaves.setdefault(home, []).append(place)
        boxes: dict[int, int] = {}
        for found in self.all:
            boxes[found.outer] = boxes.get(found.outer, 0) + 1
        owned = self._owners.below(self._modules[NOWHERE])
        for home, places in leaves.items():
            if len(places) <= MOST_LEAVES and len(places) * boxes.get(home, 0) <= MOST_ARROWS:
                continue
            kinds: dict[str, list[int]] = {}
            for place in places:
                kinds.setdefault(self._owners.outermost(owned.get(place, 0)), []).append(place)
            for title, members in kinds.items():
                if title:
                    box = self.new(title, f"{len(members):,} parameters", home)
                else:
                    box = self.new(f"{len(members):,} leaves", "", home)
                cutter.put(range(len(members)), members, box)
