"""What of a tape is computed alike, and can run side by side.

Nodes of the same depth do not need each other. Those that compute the same of operands that are
computed alike are a class; a class is a column of numbers, and classes that go member by member are
one loop, round by round. Besides:

- A chain of additions whose parts nothing else needs is one sum. Sums run side by side, too, each
  added up from left to right as it was, so that they are equal to the last bit. A sum whose terms
  are columns of a loop, in order, is added up along its rounds.
- Where each member of a class needs two members of another, or three, a round of the loop computes
  all of them: the differences x, y and z of a pair of atoms, say.

What is left over stays straight-line code.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np

from autograd_scalar import rules
from autograd_scalar.tape.kernels import MACHINE
from autograd_scalar.tape.native import straight
from autograd_scalar.tape.native.blocks import FEWEST_TERMS, Arrangement, Loop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from autograd_scalar.primitives import Primitive
    from autograd_scalar.tape.program import Tape

    Whole = NDArray[np.int64]

FEWEST = 8
"""Members of a class: of fewer it is straight-line code."""

SHORTEST = 16
"""Additions in a row that are a sum: fewer are columns of a loop."""

POOLED = 32
"""Classes of fewer members are one with others of their depth that compute the same."""

MOST_COLUMNS = 64
"""In a loop: with more the registers are long full."""

MOST_TERMS = 4
"""Of a sum in each round of a loop along which it is added up."""


class Sums:
    """Sums of many terms, each added up from left to right, side by side.

    Attributes:
        members: their slots.
        factors: one for sums of numbers, two for sums of products: for each member its operands.
        negative: of sums of numbers, for each member which terms are subtracted.
    """

    def __init__(
        self,
        members: Sequence[int],
        factors: Sequence[Sequence[Sequence[int]]],
        negative: Sequence[Sequence[bool]],
    ) -> None:
        self.members = members
        self.factors = factors
        self.negative = negative


class Along:
    """A sum over the rounds of a loop.

    Attributes:
        member: its slot.
        begin: the terms before the first round, each with its one or two factors: operands.
        terms: those of each round: a factor is a column of the loop or, below 0, a constant.
        negative: which of all, as they are in the first round, are subtracted.
    """

    def __init__(
        self,
        member: int,
        begin: Sequence[Sequence[int]],
        terms: Sequence[Sequence[int]],
        negative: Sequence[bool],
    ) -> None:
        self.member = member
        self.begin = begin
        self.terms = terms
        self.negative = negative


class Chain:
    """Additions and subtractions one after the other, as a sum.

    Args:
        first: where it begins: an operand of the first node.

    Attributes:
        nodes: their slots.
        terms: what is added up.
        negative: which of these are subtracted.
    """

    def __init__(self, tape: Tape, first: int, nodes: list[int]) -> None:
        self.nodes = nodes
        self.terms = [first]
        self.negative = [False]
        for before, slot in pairwise([first, *nodes]):
            self.terms.append(_term(tape, slot, before))
            self.negative.append(tape.primitive_of(slot) is rules.subtract)


def chains_of(tape: Tape) -> dict[int, Chain]:
    """By the slot of its sum each chain of additions that is long and needed only at its end."""
    codes, starts = whole_numbers(tape.codes), tape.starts
    used = np.concatenate((whole_numbers(tape.operands), whole_numbers(tape.outputs)))
    uses = np.bincount(used[used >= 0], minlength=tape.slots).tolist()
    kinds = [i for i, p in enumerate(tape.primitives) if p in (rules.add, rules.subtract)]
    goes_on: dict[int, int] = {}  # the sum before it, that it adds to
    length: dict[int, int] = {}
    for node in np.flatnonzero(np.isin(codes, kinds)).tolist():
        start = starts[node]
        a, b = tape.operands[start], tape.operands[start + 1]
        before = length.get(a, 0) if uses[a] == 1 else 0
        is_sum = tape.primitives[tape.codes[node]] is rules.add
        if is_sum and before <= 1 < length.get(b, 0) and uses[b] == 1:
            a, before = b, length[b]
        if before:
            goes_on[tape.inputs + node] = a
        length[tape.inputs + node] = before + 1
    found = {}
    for slot in length.keys() - goes_on.values():
        if length[slot] >= SHORTEST:
            nodes = [slot]
            while nodes[-1] in goes_on:
                nodes.append(goes_on[nodes[-1]])
            first = tape.operands_of(nodes[-1])[0]
            if _form(tape, nodes[-1]) == _form(tape, _term(tape, nodes[0], nodes[1])):
                first = nodes.pop()  # one of the terms, which are differences themselves, say
            found[slot] = Chain(tape, first, nodes[::-1])
    return found


def _term(tape: Tape, slot: int, before: int) -> int:
    """What a node of a chain adds to the one before it."""
    a, b = tape.operands_of(slot)
    return b if a == before else a


def _form(tape: Tape, slot: int) -> list[Primitive | None]:
    """What a node computes of what."""
    if slot < tape.inputs:
        return []
    slots = [slot, *tape.operands_of(slot)]
    return [tape.primitive_of(s) if s >= tape.inputs else None for s in slots]


def depths_of(tape: Tape, chains: dict[int, Chain]) -> Whole:
    """Of each node how many it needs one after the other; of the inner nodes of chains, -1."""
    inner = {slot for chain in chains.values() for slot in chain.nodes[:-1]}
    depths = [-1] * (tape.slots + len(tape.constants))
    starts, operands = tape.starts, tape.operands
    start = 0
    for node, slot in enumerate(range(tape.inputs, tape.slots), 1):
        end = starts[node]
        if slot not in inner:
            needed = chains[slot].terms if slot in chains else operands[start:end]
            depths[slot] = 1 + max([depths[o] for o in needed], default=-1)
        start = end
    return np.array(depths[tape.inputs : tape.slots], np.int64)


class Plan(Arrangement):
    """A program as a sequence of loops, sums and straight-line code.

    Args:
        tape: the program, lowered.

    Attributes:
        item_of: by slots, which item computes it; of inputs and of constants (below 0), -1.
        round_of, column_of: where in its loop; else -1.
        chains: by the slot of its end each chain of additions that may be one sum.
        along: by the place of a loop the sums that are added up along its rounds.
    """

    def __init__(self, tape: Tape) -> None:
        super().__init__(tape)
        self._starts = whole_numbers(tape.starts)
        self._all_operands = whole_numbers(tape.operands)
        self.item_of, self.round_of, self.column_of = np.full(
            (3, tape.slots + len(tape.constants)), -1
        )
        self.along: dict[int, list[Along]] = {}
        self._reader_of: dict[bytes, int] = {}  # loops by the operands that they began with
        self.chains = chains_of(tape)
        for members in self._classes():
            self._place(members)

    def operands(self, slots: Sequence[int] | Whole) -> Whole:
        """The operands of nodes that have equally many: an array with a row for each."""
        firsts = np.asarray(slots) - self._tape.inputs
        count = int(self._starts[firsts[0] + 1] - self._starts[firsts[0]])
        found: Whole = self._all_operands[self._starts[firsts][:, None] + np.arange(count)]
        return found

    def _latest(self, slot: int) -> int:
        return max([int(self.item_of[o]) for o in self._tape.operands_of(slot)], default=-1)

    def _note_item(self, slot: int, place: int) -> None:
        self.item_of[slot] = place

    # --- Classes ----------------------------------------------------------------------------------

    def _by_depth(self) -> Iterator[Whole]:
        found = depths_of(self._tape, self.chains)
        order = np.argsort(found, kind="stable")
        borders = np.searchsorted(found[order], np.arange(found.max(initial=-1) + 2))
        for a, b in pairwise(borders.tolist()):
            yield self._tape.inputs + order[a:b]

    def _classes(self) -> Iterator[Whole]:
        """The nodes that are alike, in an order in which operands come first.

        A class is told by its primitive and the classes of its operands. At the ends of a row, say,
        these are others; so that they do not split more and more, the small classes of a depth are
        put together by the primitive alone.
        """
        tape = self._tape
        codes = whole_numbers(tape.codes)
        ends = np.array(list(self.chains), np.int64)
        class_of = np.full(tape.slots + len(tape.constants), -1)
        class_of[: tape.inputs] = -2
        number = 0
        for slots in self._by_depth():
            nodes = slots - tape.inputs
            counts = self._starts[nodes + 1] - self._starts[nodes]
            kinds = np.where(np.isin(slots, ends), -1, (codes[nodes] << 32) + counts)
            for kind in np.unique(kinds).tolist():
                alike = slots[kinds == kind]
                for members in self._split(alike, class_of):
                    class_of[members] = number
                    number += 1
                    yield members

    def _split(self, slots: Whole, class_of: Whole) -> Iterator[Whole]:
        """Nodes of one primitive and depth by the classes of their operands."""
        first = int(slots[0])
        operands = self._tape.operands_of(first)
        if len(slots) < POOLED or first in self.chains or len(operands) >= 2 * FEWEST_TERMS:
            yield slots
            return
        classes = class_of[self.operands(slots)]
        _, which, counts = np.unique(classes, axis=0, return_inverse=True, return_counts=True)
        which = which.ravel()
        small = counts[which] < POOLED
        if small.any():
            yield slots[small]
        for k in np.flatnonzero(counts >= POOLED).tolist():
            yield slots[which == k]

    # --- Items ------------------------------------------------------------------------------------

    def _place(self, members: Whole) -> None:
        tape, slots = self._tape, members.tolist()
        primitive, operands = tape.primitive_of(slots[0]), tape.operands_of(slots[0])
        half = len(operands) // 2
        if slots[0] in self.chains:
            self._place_chains([self.chains[slot] for slot in slots])
        elif primitive is rules.dot and (half >= straight.LONG or len(slots) >= FEWEST <= half):
            rows = self.operands(members)
            factors = rows[:, :half], rows[:, half:]
            for slot, *pair in zip(slots if len(slots) < FEWEST else (), *factors, strict=False):
                if not self._add_along(slot, np.stack(pair), [False] * half):
                    self._append(slot)
            if len(slots) >= FEWEST:
                self._add(Sums(slots, [factor.tolist() for factor in factors], []))
        elif (
            len(slots) < FEWEST
            or MACHINE.get(primitive.name) is not primitive
            or straight.is_long(primitive, len(operands))
        ):
            for slot in slots:
                self._append(slot)
        elif not self._join(members) and not self._join_reader(members):
            for column in self.operands(members).T:
                self._reader_of[column.tobytes()] = len(self.items)
            self._add(Loop(slots))

    def _join_reader(self, members: Whole) -> bool:
        """Put a class into a loop that reads the same numbers in the same order."""
        operands = self.operands(members)
        latest = int(self.item_of[operands].max(initial=-1))
        for column in operands.T:
            place = self._reader_of.get(column.tobytes(), -1)
            if place <= latest or column.max() < 0:
                continue
            loop = self.items[place]
            still = loop.rounds == len(members) and len(loop.columns) < MOST_COLUMNS
            if still and (self.operands(loop.columns[0]) == column[:, None]).all(axis=0).any():
                loop.columns.append(members.tolist())
                self._note_columns(loop, place, len(loop.columns) - 1)
                return True
        return False

    def _place_chains(self, chains: Sequence[Chain]) -> None:
        """Together; one that has no others beside it that are as long, by itself."""
        lengths = Counter([len(chain.terms) for chain in chains])
        together = []
        for chain in chains:
            count, slot = len(chain.terms), chain.nodes[-1]
            if lengths[count] >= FEWEST or count < straight.LONG:
                together.append(chain)
            elif not self._add_along(slot, whole_numbers([chain.terms]), chain.negative):
                self._add(Sums([slot], [[chain.terms]], [chain.negative]))
        if len(together) >= FEWEST:
            slots = [chain.nodes[-1] for chain in together]
            terms, negative = zip(*[(c.terms, c.negative) for c in together], strict=True)
            self._add(Sums(slots, [terms], negative))
        else:
            for chain in together:
                for slot in chain.nodes:
                    self._append(slot)

    def _add_along(self, slot: int, factors: Whole, negative: Sequence[bool]) -> bool:
        """Add up a sum in the loop that computes its terms, if they are in order of the rounds."""
        items = self.item_of[factors]
        place = int(items.max(initial=-1))
        loop = self.items[place] if place >= 0 else None
        if not isinstance(loop, Loop):
            return False
        rounds = self.round_of[factors]
        inside = (items == place) & (rounds >= 0)
        first = int(inside.any(axis=0).argmax())
        each, rest = divmod(factors.shape[1] - first, loop.rounds)
        if rest or not 0 < each <= MOST_TERMS or first > MOST_TERMS:
            return False
        shape = len(factors), loop.rounds, each
        columns = np.where(inside, self.column_of[factors], factors)[:, first:].reshape(shape)
        inside, rounds = (a[:, first:].reshape(shape) for a in (inside, rounds))
        minus = np.array(negative)[first:].reshape(loop.rounds, each)
        if (
            (columns != columns[:, :1]).any()
            or (inside != inside[:, :1]).any()
            or (minus != minus[0]).any()
            or (np.where(inside, rounds, np.arange(loop.rounds)[:, None])
                != np.arange(loop.rounds)[:, None]).any()
            or (~inside & (columns >= 0)).any()
            or (items[:, :first] == place).any()
        ):  # fmt: skip
            return False
        begin = factors[:, :first].T.tolist()
        terms = columns[:, 0].T.tolist()
        self.along.setdefault(place, []).append(Along(slot, begin, terms, list(negative)))
        self.item_of[slot] = place
        return True

    def _add(self, item: Loop | Sums) -> None:
        place = len(self.items)
        self.items.append(item)
        if isinstance(item, Sums):
            self.item_of[item.members] = place
        else:
            self._note_columns(item, place, 0)

    def _note_columns(self, loop: Loop, place: int, first: int) -> None:
        for k in range(first, len(loop.columns)):
            column = np.array(loop.columns[k])
            self.item_of[column], self.column_of[column] = place, k
            self.round_of[column] = np.arange(len(column))

    def _join(self, members: Whole) -> bool:
        """Put a class into the loop of which it goes on, if there is one.

        As many members may belong to a round as there are; if one belongs to several rounds, these
        become one.
        """
        operands = self.operands(members)
        items = self.item_of[operands]
        last = int(items.max(initial=-1))
        loop = self.items[last] if last >= 0 else None
        if not isinstance(loop, Loop):
            return False
        inside = items == last
        if len(members) < loop.rounds and not self._fold(loop, last, operands, inside):
            return False
        each, rest = divmod(len(members), loop.rounds)
        if rest or len(loop.columns) + each > MOST_COLUMNS:
            return False
        among = np.where(inside, self.round_of[operands], -1)
        rounds = among.max(axis=1)
        if rounds.min() < 0 or (inside & (among != rounds[:, None])).any():
            return False
        columns = np.where(inside, self.column_of[operands], -1)
        order = np.lexsort((*columns.T, rounds))
        if (rounds[order] != np.repeat(np.arange(loop.rounds), each)).any():
            return False
        kinds = columns[order].reshape(loop.rounds, -1)
        if (kinds != kinds[0]).any():
            return False
        first = len(loop.columns)
        loop.columns += members[order].reshape(loop.rounds, each).T.tolist()
        self._note_columns(loop, last, first)
        return True

    def _fold(self, loop: Loop, place: int, operands: Whole, inside: Whole) -> bool:
        """Make one round of the rounds that each member needs, if these are all, each once."""
        each, rest = divmod(loop.rounds, len(operands))
        if rest or each * len(loop.columns) > MOST_COLUMNS or place in self.along:
            return False
        if (inside.sum(axis=1) < each).any():
            return False
        among = self.round_of[operands]
        rows = [
            list(dict.fromkeys(row[within].tolist()))
            for row, within in zip(among, inside, strict=True)
        ]
        if any(len(row) != each for row in rows):
            return False
        if len({i for row in rows for i in row}) != loop.rounds:
            return False
        columns = np.array(loop.columns)
        loop.columns = np.concatenate([columns[:, rounds] for rounds in np.array(rows).T]).tolist()
        self._note_columns(loop, place, 0)
        return True


def whole_numbers(numbers: Any) -> Whole:
    """An array of any integers."""
    return np.array(numbers, np.int64)
