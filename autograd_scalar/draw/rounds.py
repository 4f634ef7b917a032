"""Repetition in a sequence: where things of the same kinds come again and again, in rounds.

The shortest patterns are found first, so that a run of rounds may lie within a round of another.
"""

from __future__ import annotations

import re
from operator import eq

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence
    from typing import TypeAlias

    Item: TypeAlias = "int | Run"
    Crossing = Callable[[int, int], int]

FEWEST_ROUNDS = 3
SMALLEST_RUN = 8  # things: a shorter run is read as fast as the box that would stand for it
LONGEST_PATTERN = 64  # things in a round


class Run:
    """Rounds of things that are of the same kinds."""

    __slots__ = ("rounds", "size")

    def __init__(self, rounds: list[list[Item]]) -> None:
        self.rounds = rounds
        self.size: int = sum(
            [item.size if isinstance(item, Run) else 1 for items in rounds for item in items]
        )

    def members(self) -> Iterator[int]:
        """All that is in it, in order."""
        for items in self.rounds:
            for item in items:
                yield from item.members() if isinstance(item, Run) else (item,)


def folded(
    signs: Sequence[Hashable],
    rough: Sequence[Hashable] = (),
    crossing: Crossing = lambda start, end: 0,
) -> list[Item]:
    """The places 0, 1, ... of a sequence, of which those that repeat are runs.

    >>> [len(item.rounds) if isinstance(item, Run) else item for item in folded("abcabcabcd")]
    [3, 9]

    Args:
        signs: what each thing has in common with those that do the same in another round.
        rough: the same less closely, for the first and the last round, which begin from and end in
            something else than those between.
        crossing: how many things from ``start`` up to ``end`` are used after it: where a round may
            be thought to begin at several places, that is to be least at its end.
    """
    now: list[Item] = list(range(len(signs)))
    if len(now) < SMALLEST_RUN:
        return now
    known: dict[Hashable, int] = {}
    symbols = [known.setdefault(sign, len(known)) for sign in signs]
    near = [known.setdefault(("rough", sign), len(known)) for sign in rough or signs]
    changed = True
    while changed:
        changed = False
        for pattern in range(1, min(LONGEST_PATTERN, len(now) // FEWEST_ROUNDS) + 1):
            rest: list[Item] = []
            rest_symbols: list[int] = []
            rest_near: list[int] = []
            end = 0
            for start, stop in _stretches(symbols, near, pattern):
                start = _turned(now, max(start, end), stop, pattern, crossing)
                stop -= (stop - start) % pattern
                if (stop - start) // pattern < FEWEST_ROUNDS:
                    continue
                run = Run([now[i : i + pattern] for i in range(start, stop, pattern)])
                if run.size < SMALLEST_RUN:
                    continue
                rest += [*now[end:start], run]
                rest_symbols += symbols[end:start]
                rest_near += near[end:start]
                kind = (len(run.rounds), *symbols[stop - pattern : stop])
                rest_symbols.append(known.setdefault(kind, len(known)))
                rest_near.append(rest_symbols[-1])
                end = stop
            if end:
                now, symbols = rest + now[end:], rest_symbols + symbols[end:]
                near = rest_near + near[end:]
                changed = True
    return now


def _stretches(
    symbols: Sequence[int], near: Sequence[int], pattern: int
) -> Iterator[tuple[int, int]]:
    """Where a pattern of that length repeats: from where, and up to where.

    There may be a part of a round more than rounds, and up to a round at either end is only near.
    """
    same = bytes(map(eq, symbols, symbols[pattern:]))
    fewest = (FEWEST_ROUNDS - 1) * pattern
    for found in re.finditer(b"\x01{%d,}" % fewest, same):
        start, stop = found.start(), found.end() + pattern
        for _ in range(pattern):
            if start and near[start - 1] == near[start - 1 + pattern]:
                start -= 1
            if stop < len(near) and near[stop] == near[stop - pattern]:
                stop += 1
        yield start, stop


def _turned(items: Sequence[Item], start: int, stop: int, pattern: int, crossing: Crossing) -> int:
    """The place in the stretch at which the rounds had best begin, without losing one."""
    slack = (stop - start) % pattern
    if not slack:
        return start
    middle = start + (stop - start) // pattern // 2 * pattern

    def cost(shift: int) -> int:
        first = items[middle + shift - pattern]
        after = items[middle + shift]
        return crossing(_first(first), _first(after))

    return start + min(range(slack + 1), key=cost)


def _first(item: Item) -> int:
    return next(item.members()) if isinstance(item, Run) else item
