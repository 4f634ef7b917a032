"""Parts of a graph as boxes: scopes, modules, what repeats."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from autograd_scalar.draw.diagram import (
    LONGEST_TOOLTIP,
    NOWHERE,
    Arrow,
    Card,
    Diagram,
    Frame,
    Row,
    card_of,
)
from autograd_scalar.draw.groups import Group, Groups
from autograd_scalar.draw.text import plain, shortened
from autograd_scalar.primitives import described
from autograd_scalar.tape.recording import collector_paused
from autograd_scalar.value import Value

Fold = int | str | Collection[str]

MOST_TITLES = 12  # in a message


def checked(fold: Any) -> int | set[str]:
    """How deep to unfold, or what to fold.

    Raises TypeError for what is neither, ValueError for a depth below 0.
    """
    if isinstance(fold, bool) or not isinstance(fold, int | str | Collection):
        raise TypeError(
            f"draw: fold must be a depth, a name, or names in a list, not {described(fold)}"
        )
    if isinstance(fold, int):
        if fold < 0:
            raise ValueError(f"draw: fold must be a depth of at least 0, not {fold}")
        return fold
    names = {fold} if isinstance(fold, str) else set(fold)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"draw: each name in fold must be a string, not {described(name)}")
    return names


@collector_paused()
def folded(
    order: Sequence[Value],
    parameters: Mapping[Value, str | None],
    modules: Any,
    fold: int | set[str],
    limit: int,
) -> Diagram:
    """Boxes for the groups that are folded, frames around what is in the others.

    A group is folded if it lies ``fold`` groups deep, or if its title, its path or its module's
    class is one of those names. Arrows from one box to another are one arrow, with their number.

    Raises ValueError if there would be more than ``limit`` cards, or no group has such a name.
    """
    groups = Groups(order, modules)
    closed = _closed(groups, fold)
    home = [group if group == NOWHERE else closed[group] for group in groups.homes]
    # Of each group that is folded in another, that one; of one that is drawn as a frame, NOWHERE.
    frames = [i for i, outermost in enumerate(closed) if outermost == NOWHERE]
    frame_places = {group: place for place, group in enumerate(frames)} | {NOWHERE: NOWHERE}
    count = sum(box == NOWHERE for box in home) + len(set(home) - {NOWHERE})
    if count > limit:
        raise ValueError(
            f"draw: folded so there are {count} boxes and values, more than limit={limit}; "
            f"{_advice(groups, fold)}"
        )
    boxes: dict[int, int] = {}  # of each that is a box, its place among the cards
    cards: list[Card] = []
    units: list[int] = []  # of each value, the place of its card
    counted: dict[tuple[int, int, int], int] = {}
    tails: dict[int, Counter[int]] = {}  # of the long lists of parents, which many may share
    table = groups.parents.table
    for place, value in enumerate(order):
        box = home[place]
        unit = len(cards) if box == NOWHERE else boxes.setdefault(box, len(cards))
        units.append(unit)
        if unit == len(cards):
            if box == NOWHERE:
                card = card_of(value, parameters)
                card.frame = frame_places[groups.homes[place]]
            else:
                card = _box(groups.all[box])
                card.frame = frame_places[groups.all[box].outer]
            cards.append(card)
        if box != NOWHERE:
            cards[unit].members.append(value)
        rows = groups.parents.of[place]
        if len(rows) == 1:
            for i, parent in enumerate(table[rows[0]], start=1):
                tail = units[parent]
                if tail != unit:
                    arrow = tail, unit, i if cards[unit].ports else 0
                    counted[arrow] = counted.get(arrow, 0) + 1
            continue
        for row in rows:
            if row not in tails:
                tails[row] = Counter(map(units.__getitem__, table[row]))
            for tail, n in tails[row].items():
                if tail != unit:
                    counted[tail, unit, 0] = counted.get((tail, unit, 0), 0) + n
    cards[units[-1]].is_output = True
    arrows = [
        Arrow(tail, head, port, text=f"×{n:,}" if n > 1 else "")
        for (tail, head, port), n in counted.items()
    ]
    shown = [groups.all[group] for group in frames]
    return Diagram(cards, arrows, [Frame(*_titles(g), frame_places[g.outer]) for g in shown])


def _closed(groups: Groups, fold: int | set[str]) -> list[int]:
    """Of each group the outermost folded one that it is in, itself perhaps, or NOWHERE."""
    depths: list[int] = []
    closed: list[int] = []
    paths: list[str] = []
    found: set[str] = set()
    for place, group in enumerate(groups.all):
        is_outermost = group.outer == NOWHERE
        depths.append(0 if is_outermost else depths[group.outer] + 1)
        paths.append(group.title if is_outermost else f"{paths[group.outer]}.{group.title}")
        around = NOWHERE if is_outermost else closed[group.outer]
        if isinstance(fold, int):
            is_folded = depths[place] >= fold
        else:
            names = fold & {group.title, paths[place], group.detail}
            found |= names
            is_folded = bool(names)
        closed.append(around if around != NOWHERE else place if is_folded else NOWHERE)
    if not isinstance(fold, int) and fold - found:
        missing = min(fold - found)
        titles = list(dict.fromkeys([g.title for g in groups.all]))
        near = get_close_matches(missing, titles, n=1)
        hint = f"; did you mean {shortened(repr(near[0]), 60)}?" if near else _listed(titles)
        shown = shortened(plain(repr(missing)), 60)
        raise ValueError(f"draw: fold: no part of this graph is called {shown}{plain(hint)}")
    return closed


def _listed(titles: Sequence[str]) -> str:
    if not titles:
        return ": it has no parts; record it in a scope, or pass the module as parameters"
    shown = [repr(shortened(title)) for title in titles[:MOST_TITLES]]
    return f"; its parts are {', '.join(shown)}{', …' * (len(titles) > len(shown))}"


def _advice(groups: Groups, fold: int | set[str]) -> str:
    if not groups.all:
        return "this graph has no parts to fold: record it in scopes, or draw a part of it"
    return "fold more of it, such as by fold=0" if fold != 0 else "draw a part of it"


def _titles(group: Group) -> tuple[str, str]:
    title, detail = shortened(plain(group.title)), shortened(plain(group.detail))
    return title, detail if detail != title else ""


def _box(group: Group) -> Card:
    title, detail = _titles(group)
    rows = [Row(detail, "")] if detail else []
    rows.append(Row(f"{group.size:,} value{'s' * (group.size != 1)}", ""))
    said = shortened(plain(f"{group.title}: {group.detail}"), LONGEST_TOOLTIP)
    tip = f"{said}, {group.size} values"
    return Card("box", title, rows=rows, tip=tip)
