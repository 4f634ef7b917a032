"""What of a program are loops: the same computation over many numbers, written out.

A tape is scalar code: a layer of a network stands on it neuron by neuron. Compiled as it is, it
becomes machine code as long as itself, slow to make and slow to fetch. But nodes of one layer are
alike. Those that compute the same of operands that compute the same are a class; all of a class
have the same depth, so no member needs another one, and the program can run class by class. A class
is a loop over its members, with tables of where their operands are. Classes that go member by
member with an earlier one join its loop. Three kinds of loops are found besides:

- dot products of rows of shared numbers with one and the same vector: matrix times vector;
- other long dot products, each with operands of its own;
- products whose sum over the batch alone is wanted: outer products, summed up as they arise.

What is left over stays straight-line code.
"""

from __future__ import annotations

from autograd_scalar import rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from autograd_scalar.primitives import Primitive
    from autograd_scalar.tape.program import Tape

FEWEST_MEMBERS = 4
"""A class of fewer is straight-line code."""

FEWEST_TERMS = 5
"""A dot product of fewer is written out, as so many multiplications and additions."""

LARGEST_STRAIGHT = 400
"""Operations of a stretch of straight-line code: LLVM's time grows faster than the length."""

Product = tuple[int, int]


class Straight:
    """Nodes that are computed one after the other."""

    def __init__(self) -> None:
        self.nodes: list[int] = []
        self.cost = 0


class Loop:
    """Classes of nodes that are computed member by member.

    Attributes:
        columns: for each class its members' slots; row i of all is round i.
        head: how the first column is computed, if not as an operation like the others.
    """

    def __init__(self, first: list[int], head: MatrixVector | Dots | None = None) -> None:
        self.columns = [first]
        self.head = head

    @property
    def rounds(self) -> int:
        """How many members each class has."""
        return len(self.columns[0])


class MatrixVector:
    """Row i of the matrix, of shared numbers, times the vector, of numbers that vary."""

    def __init__(self, matrix: list[list[int]], vector: list[int]) -> None:
        self.matrix = matrix
        self.vector = vector


class Dots:
    """For each round the pairs to multiply; where ``shared``, the first of each is shared."""

    def __init__(self, pairs: list[list[Product]], shared: bool) -> None:
        self.pairs = pairs
        self.shared = shared


class OuterSum:
    """The products of each row's number with each column's, summed over the batch.

    ``outputs[i][j]`` are the outputs that are the sum for row i and column j.
    """

    def __init__(self, rows: list[int], columns: list[int], outputs: list[list[list[int]]]) -> None:
        self.rows = rows
        self.columns = columns
        self.outputs = outputs


class DotSum:
    """Dot products summed over the batch: for each the pairs, and the outputs that it is."""

    def __init__(self, pairs: Sequence[Sequence[Product]], outputs: list[list[int]]) -> None:
        self.pairs = pairs
        self.outputs = outputs


class PlainSum:
    """Numbers summed over the batch: their slots, and the outputs that each is."""

    def __init__(self, slots: list[int], outputs: list[list[int]]) -> None:
        self.slots = slots
        self.outputs = outputs


if TYPE_CHECKING:
    Item = Straight | Loop | OuterSum | DotSum | PlainSum


class _Sums:
    """Products, sums of products and numbers to sum over the batch, each with its outputs."""

    def __init__(self) -> None:
        self.products: dict[Product, list[int]] = {}
        self.dots: dict[tuple[Product, ...], list[int]] = {}
        self.plain: dict[int, list[int]] = {}


class Arrangement:
    """Nodes put into items one after the other, or one class after the other.

    Args:
        tape: the program, lowered.

    Attributes:
        items: in an order in which each needs only what those before it compute.
    """

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self.items: list[Any] = []

    def _latest(self, slot: int) -> int:
        """The last item that computes one of the operands; -1 if none is computed."""
        raise NotImplementedError

    def _note_item(self, slot: int, place: int) -> None:
        """Remember which item computes it."""
        raise NotImplementedError

    def _append(self, slot: int) -> None:
        """Put a node into straight-line code: the last there is, if all that it needs is there."""
        cost = max(1, len(self._tape.operands_of(slot)) - 1)
        latest = self._latest(slot)
        for place in range(len(self.items) - 1, max(latest, 0) - 1, -1):
            item = self.items[place]
            if isinstance(item, Straight) and item.cost + cost <= LARGEST_STRAIGHT:
                break
        else:
            item, place = Straight(), len(self.items)
            self.items.append(item)
        item.nodes.append(slot)
        item.cost += cost
        self._note_item(slot, place)


class Plan(Arrangement):
    """A program as a sequence of items, each of which needs only what those before it compute.

    Operands are slots of the tape, or constants of it below 0.

    Args:
        tape: the program, lowered.
        varies: for each slot whether it differs from example to example.
        summed: the outputs that are wanted only as a sum over the batch.

    Attributes:
        items: in order.
    """

    def __init__(self, tape: Tape, varies: Sequence[int], summed: frozenset[int]) -> None:
        super().__init__(tape)
        self.items: list[Item]
        self._varies = varies
        self._nodes: dict[int, tuple[Primitive, Sequence[int]]] = {
            slot: (primitive, operands)
            for slot, primitive, operands in tape.nodes()
            if varies[slot]
        }
        self._item_of: dict[int, int] = {}  # an item's place; inputs have none
        self._round_of: dict[int, int] = {}  # in its loop
        sums = self._take_sums(summed)
        for members in self._classes():
            self._place(members)
        self._place_sums(sums)

    # --- Sums over the batch ----------------------------------------------------------------------

    def _take_sums(self, summed: frozenset[int]) -> _Sums:
        """What is summed; a node that nothing else needs is no more than that, and is dropped."""
        tape, nodes = self._tape, self._nodes
        uses: dict[int, int] = {}
        for _, operands in nodes.values():
            for o in operands:
                uses[o] = uses.get(o, 0) + 1
        rows = {o for i, o in enumerate(tape.outputs) if i not in summed}
        ends: dict[int, list[int]] = {}
        for i in sorted(summed):
            o = tape.outputs[i]
            if o >= 0 and self._varies[o]:
                ends.setdefault(self._without_zero(o, uses, rows), []).append(i)
        sums = _Sums()
        for slot, outputs in ends.items():
            terms = () if uses.get(slot) or slot in rows else self._terms(slot)
            if len(terms) == 1:
                sums.products.setdefault(terms[0], []).extend(outputs)
            elif terms:
                sums.dots.setdefault(terms, []).extend(outputs)
            else:
                sums.plain[slot] = outputs
        needed = rows.union(sums.plain, *sums.products, *[o for dot in sums.dots for o in dot])
        for slot in reversed(nodes):
            if slot in needed:
                needed.update(nodes[slot][1])
        self._nodes = {slot: node for slot, node in nodes.items() if slot in needed}
        return sums

    def _without_zero(self, slot: int, uses: dict[int, int], rows: set[int]) -> int:
        """What is summed instead of x + 0.0: the sum begins with 0.0 anyway."""
        primitive, operands = self._nodes.get(slot, (None, ()))
        if primitive is rules.add and not uses.get(slot) and slot not in rows:
            for zero, other in (operands, operands[::-1]):
                if other >= 0 and zero < 0 and self._tape.constants[~zero] == 0:
                    uses[other] -= 1  # this addition falls away
                    return other
        return slot

    def _terms(self, slot: int) -> tuple[Product, ...]:
        """The products that the number is the sum of, if all their factors vary.

        A term that is a constant 0.0, as at the end of a gradient, is left out for the same reason.
        """
        primitive, operands = self._nodes.get(slot, (None, ()))
        if primitive is rules.multiply or primitive is rules.dot:
            terms = tuple([pair for pair in _pairs(operands) if not self._is_zero(pair)])
            if all(self._is_varying(o) for pair in terms for o in pair):
                return terms
        return ()

    def _is_zero(self, pair: Product) -> bool:
        a, b = pair
        constants = self._tape.constants
        return a < 0 and b < 0 and constants[~a] * constants[~b] == 0

    def _place_sums(self, sums: _Sums) -> None:
        """Put each right after what computes its operands: their places are then free again."""
        found: list[tuple[Item, Iterable[int]]] = [
            (outer, (*outer.rows, *outer.columns)) for outer in outer_sums(sums.products)
        ]
        by_length: dict[int, list[tuple[Product, ...]]] = {}
        for terms in sums.dots:
            by_length.setdefault(len(terms), []).append(terms)
        for dots in by_length.values():
            factors = [o for terms in dots for pair in terms for o in pair]
            found.append((DotSum(dots, [sums.dots[terms] for terms in dots]), factors))
        by_item: dict[int, list[int]] = {}
        for slot in sums.plain:
            by_item.setdefault(self._item_of.get(slot, -1), []).append(slot)
        for slots in by_item.values():
            found.append((PlainSum(slots, [sums.plain[slot] for slot in slots]), slots))
        after: dict[int, list[Item]] = {}
        for item, read in found:
            last = max([self._item_of.get(slot, -1) for slot in read])
            after.setdefault(last, []).append(item)
        items = after.get(-1, [])
        for i, item in enumerate(self.items):
            items += [item, *after.get(i, ())]
        self.items = items

    # --- Classes ----------------------------------------------------------------------------------

    def _classes(self) -> list[list[int]]:
        """The nodes that are alike, in an order in which operands come first."""
        class_of: dict[int, int] = {}
        known: dict[tuple[object, ...], int] = {}
        depths: list[int] = []
        members: list[list[int]] = []
        for slot, (primitive, operands) in self._nodes.items():
            kinds = [class_of.get(o, -2) if o >= 0 and self._varies[o] else -1 for o in operands]
            key = (primitive, *kinds)
            found = known.get(key)
            if found is None:
                found = known[key] = len(members)
                members.append([])
                depths.append(1 + max([depths[kind] if kind >= 0 else 0 for kind in kinds]))
            class_of[slot] = found
            members[found].append(slot)
        return [members[i] for i in sorted(range(len(members)), key=depths.__getitem__)]

    def _place(self, members: list[int]) -> None:
        primitive, operands = self._nodes[members[0]]
        if primitive is rules.dot and len(operands) >= 2 * FEWEST_TERMS:
            self._place_dots(members)
        elif len(members) < FEWEST_MEMBERS:
            for slot in members:
                self._append(slot)
        elif not self._join(members):
            self._add(Loop(members))

    def _add(self, loop: Loop) -> None:
        self.items.append(loop)
        self._note(loop, len(self.items) - 1)

    def _note(self, loop: Loop, place: int) -> None:
        for i, slot in enumerate(loop.columns[-1]):
            self._item_of[slot] = place
            self._round_of[slot] = i

    def _note_item(self, slot: int, place: int) -> None:
        self._item_of[slot] = place

    def _latest(self, slot: int) -> int:
        return max([self._item_of.get(o, -1) for o in self._nodes[slot][1]])

    def _place_dots(self, members: list[int]) -> None:
        by_vector: dict[tuple[int, ...], list[int]] = {}
        rows: dict[int, list[int]] = {}
        varying: list[int] = []
        for slot in members:
            pairs = self._sorted_pairs(self._nodes[slot][1])
            if any(self._is_varying(a) for a, _ in pairs):
                varying.append(slot)
                continue
            row, vector = zip(*pairs, strict=True)
            rows[slot] = list(row)
            by_vector.setdefault(vector, []).append(slot)
        alone = []
        for vector, slots in by_vector.items():
            if len(slots) > 1 or len(members) == 1:
                matrix = [rows[slot] for slot in slots]
                self._add(Loop(slots, MatrixVector(matrix, list(vector))))
            else:
                alone += slots
        for slots, shared in ((alone, True), (varying, False)):
            if slots:
                pairs_of = [self._sorted_pairs(self._nodes[slot][1]) for slot in slots]
                self._add(Loop(slots, Dots(pairs_of, shared)))

    def _sorted_pairs(self, operands: Sequence[int]) -> list[Product]:
        """The pairs of a dot product, the shared number of each first."""
        return [
            (b, a) if self._is_varying(a) and not self._is_varying(b) else (a, b)
            for a, b in _pairs(operands)
        ]

    def _is_varying(self, operand: int) -> bool:
        return operand >= 0 and bool(self._varies[operand])

    def _join(self, members: list[int]) -> bool:
        """Put a class into the loop of which it goes on, if there is one."""
        last = max(map(self._latest, members))
        loop = self.items[last] if last >= 0 else None
        if not isinstance(loop, Loop) or loop.rounds != len(members):
            return False
        ordered: list[int | None] = [None] * loop.rounds
        for slot in members:
            rounds = {
                self._round_of[o]
                for o in self._nodes[slot][1]
                if o >= 0 and self._item_of.get(o, -1) == last
            }
            if len(rounds) != 1:
                return False
            (i,) = rounds
            if ordered[i] is not None:
                return False
            ordered[i] = slot
        loop.columns.append([slot for slot in ordered if slot is not None])
        self._note(loop, last)
        return True


def _pairs(operands: Sequence[int]) -> list[Product]:
    half = len(operands) // 2
    return list(zip(operands[:half], operands[half:], strict=True))


def outer_sums(products: dict[Product, list[int]]) -> list[OuterSum]:
    """Products as few blocks, each of all its rows times all its columns, which are not fewer.

    >>> (outer,) = outer_sums({(1, 5): [0], (1, 6): [1], (2, 5): [2], (2, 6): [3]})
    >>> outer.rows, outer.columns, outer.outputs
    ([1, 2], [5, 6], [[[0], [1]], [[2], [3]]])
    """
    by_rows = _grouped(products)
    swapped = {(b, a): outputs for (a, b), outputs in products.items()}
    by_columns = _grouped(swapped)
    if len(by_columns) < len(by_rows):
        products, swapped, by_rows = swapped, products, by_columns
    found = []
    for columns, rows in by_rows.items():
        if len(rows) <= len(columns):
            outputs = [[products[row, column] for column in columns] for row in rows]
            found.append(OuterSum(rows, list(columns), outputs))
        else:
            outputs = [[swapped[column, row] for row in rows] for column in columns]
            found.append(OuterSum(list(columns), rows, outputs))
    return found


def _grouped(products: Iterable[Product]) -> dict[tuple[int, ...], list[int]]:
    """For each set of columns the rows that are multiplied with all of these."""
    columns_of: dict[int, list[int]] = {}
    for row, column in products:
        columns_of.setdefault(row, []).append(column)
    rows_of: dict[tuple[int, ...], list[int]] = {}
    for row, columns in columns_of.items():
        rows_of.setdefault(tuple(sorted(columns)), []).append(row)
    return rows_of
