"""Optimizations: each takes a tape and returns a shorter one that computes the same.

"The same" is to the last bit, except for which nan a nan is. ``optimize`` runs them by name, in an
order in which each finds the work that the one before left it. A pass that finds none returns the
tape itself.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from itertools import accumulate, chain, compress, pairwise
from operator import eq

from autograd_scalar import rules
from autograd_scalar.primitives import Primitive
from autograd_scalar.tape.program import Guard, Tape
from autograd_scalar.tape.variables import Builder, Constants

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence


class _Draft:
    """A tape that passes rewrite: up to the end, slots and constants are where they were.

    Attributes:
        primitives: those of the tape, and further ones.
        place: for each slot, and behind them for each constant in reverse, the operand that has its
            number now. What is in its own place is kept.
        guards: those of the tape that may not hold.
        nowhere: an operand, to put in the place of what is left out.
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.primitives = list(tape.primitives)
        self.guards = list(tape.guards)
        self._code_of = {primitive: code for code, primitive in enumerate(tape.primitives)}
        self._codes = tape.codes.tolist()
        operands = tuple(tape.operands)
        self._operands = [operands[start:end] for start, end in pairwise(tape.starts)]
        self._constants = Constants(tape.constants)
        # There is room for a new constant of every node, and for the 1.0 of those that are fused.
        self.nowhere = -(len(tape.constants) + len(tape) + 2)
        self.place = [*range(tape.slots), *range(self.nowhere, 0)]
        self._has_rewritten = False

    def nodes(self) -> Iterator[tuple[int, int, tuple[int, ...]]]:
        """Slot, code and operands of each node that is kept, in order.

        What the operands are now is to be looked up in ``place``. A pass may put there for a node
        what is from before it.
        """
        place = self.place
        slots = range(self.tape.inputs, self.tape.slots)
        for slot, code, operands in zip(slots, self._codes, self._operands, strict=True):
            now = place[slot]
            if now == slot:
                yield slot, code, operands
            else:
                place[slot] = place[now]  # where that one may have gone on from

    def _kept_nodes(self) -> list[bool]:
        inputs, slots = self.tape.inputs, self.tape.slots
        return list(map(eq, self.place[inputs:slots], range(inputs, slots)))

    def __len__(self) -> int:
        """How many nodes are kept."""
        return sum(self._kept_nodes())

    def operands_of(self, slot: int) -> list[int]:
        """What the operands of a node are now."""
        place = self.place
        return [place[o] for o in self._operands[slot - self.tape.inputs]]

    def primitive_of(self, slot: int) -> Primitive:
        return self.primitives[self._codes[slot - self.tape.inputs]]

    def number(self, operand: int) -> float:
        return self._constants.number(operand)

    def constant(self, number: float) -> int:
        operand = self._constants.operand(number)
        self.place[operand] = operand  # where it may have been left out before
        return operand

    def rewrite(self, slot: int, primitive: Primitive, operands: Iterable[int]) -> None:
        """Put another node in a slot."""
        code = self._code_of.setdefault(primitive, len(self.primitives))
        if code == len(self.primitives):
            self.primitives.append(primitive)
        node = slot - self.tape.inputs
        self._codes[node], self._operands[node] = code, tuple(operands)
        self._has_rewritten = True

    def ends(self) -> list[int]:
        """What outputs and guards are now. A guard that always holds is left out from here on."""
        place = self.place
        self.guards = [guard for guard in self.guards if not self._always_holds(guard)]
        return [place[o] for o in (*self.tape.outputs, *[guard.slot for guard in self.guards])]

    def _always_holds(self, guard: Guard) -> bool:
        operand = self.place[guard.slot]
        return operand < 0 and bool(self.number(operand)) == guard.outcome

    def finished(self) -> Tape:
        """The tape of what is kept: the tape itself if that is all."""
        tape, place, numbers = self.tape, self.place, self._constants.numbers
        self.ends()
        kept = self._kept_nodes()
        constants = [o for o in range(-1, ~len(numbers), -1) if place[o] == o]
        is_rewritten = self._has_rewritten or len(self.guards) < len(tape.guards)
        if not is_rewritten and all(kept) and len(constants) == len(tape.constants):
            return tape
        new = [*range(tape.inputs), *[self.nowhere] * (len(place) - tape.inputs)]
        for number, slot in enumerate(compress(range(tape.inputs, tape.slots), kept), tape.inputs):
            new[slot] = number
        for number, o in enumerate(constants):
            new[o] = ~number
        new = list(map(new.__getitem__, place))
        codes = list(compress(self._codes, kept))
        operands = list(compress(self._operands, kept))
        order = {code: i for i, code in enumerate(dict.fromkeys(codes))}
        return Tape(
            tape.inputs,
            [self.primitives[code] for code in order],
            list(map(order.__getitem__, codes)),
            list(accumulate(map(len, operands), initial=0)),
            list(map(new.__getitem__, chain.from_iterable(operands))),
            [numbers[~o] for o in constants],
            [new[o] for o in tape.outputs],
            [Guard(new[guard.slot], guard.outcome, guard.line) for guard in self.guards],
            self._labels(new),
        )

    def _labels(self, new: Sequence[int]) -> dict[int, str]:
        """An input keeps its label, and a node that has become one does not give it another."""
        labels: dict[int, str] = {}
        for slot, label in sorted(self.tape.labels.items()):
            if slot < self.tape.inputs or new[slot] >= self.tape.inputs:
                labels.setdefault(new[slot], label)
        return labels


PASSES: dict[str, Callable[[Tape], Tape]] = {}
"""The passes by name, in the order they are run."""

_REWRITES: dict[str, Callable[[_Draft], None]] = {}


def _pass(rewrite: Callable[[_Draft], None]) -> Callable[[Tape], Tape]:
    """What rewrites a draft as a function of tapes, in the table."""

    def run(tape: Tape) -> Tape:
        draft = _Draft(tape)
        rewrite(draft)
        return draft.finished()

    run.__name__ = run.__qualname__ = rewrite.__name__
    run.__doc__ = rewrite.__doc__
    _REWRITES[rewrite.__name__], PASSES[rewrite.__name__] = rewrite, run
    return run


# --- The passes -----------------------------------------------------------------------------------


@_pass
def fold(draft: _Draft) -> None:
    """Compute what has constants alone for operands.

    >>> builder = Builder(1)
    >>> two = builder.apply(rules.sqrt, [4.0])
    >>> print(fold(builder.tape([two * builder.inputs[0]])))
    slot  operation  operands
       0  input
       1  *          2.0, 0    -> output 0
    """
    place = draft.place
    for slot, code, operands in draft.nodes():
        for o in operands:
            if place[o] >= 0:
                break
        else:
            if operands:
                numbers = [draft.number(place[o]) for o in operands]
                place[slot] = draft.constant(float(draft.primitives[code].function(*numbers)))


@_pass
def simplify(draft: _Draft) -> None:
    """Leave out operations that IEEE arithmetic has no rounding for: x * 1, x - 0, -(-x), x / 4.

    x + 0.0 is not one of them: it turns -0.0 into 0.0.

    >>> builder = Builder(2)
    >>> x, y = builder.inputs
    >>> print(simplify(builder.tape([1.0 * x + -y])))
    slot  operation  operands
       0  input
       1  input
       2  neg        1
       3  -          0, 1      -> output 0
    """
    place = draft.place
    now = place.__getitem__
    rewrites = [_SIMPLER.get(primitive) for primitive in draft.primitives]
    negated: Negated = {}
    for slot, code, operands in draft.nodes():
        rewrite = rewrites[code]
        if rewrite is None:
            continue
        found = rewrite(draft, negated, *map(now, operands))
        while isinstance(found, tuple):
            draft.rewrite(slot, *found)
            primitive, operands = found
            rewrite = _SIMPLER[primitive]
            found = rewrite(draft, negated, *operands)
        if found is not None:
            place[slot] = found
        elif rewrite is _simpler_negative:
            negated[slot] = place[operands[0]]


if TYPE_CHECKING:
    # For the slot of a negative what it is the negative of.
    Negated = dict[int, int]
    # Another operation with the same result, or the operand that has it already.
    Found = tuple[Primitive, tuple[int, ...]] | int | None


def _is(draft: _Draft, operand: int, number: float) -> bool:
    """Whether the operand is that constant; -0.0 is not 0.0."""
    return operand < 0 and draft.number(operand).hex() == number.hex()


def _simpler_sum(draft: _Draft, negated: Negated, a: int, b: int) -> Found:
    if b < 0 and _is(draft, b, -0.0):
        return a
    if a < 0 and _is(draft, a, -0.0):
        return b
    if b in negated:
        return rules.subtract, (a, negated[b])
    if a in negated:
        return rules.subtract, (b, negated[a])
    return None


def _simpler_difference(draft: _Draft, negated: Negated, a: int, b: int) -> Found:
    if b < 0 and _is(draft, b, 0.0):
        return a
    if a < 0 and _is(draft, a, -0.0):
        return rules.negative, (b,)
    if b in negated:
        return rules.add, (a, negated[b])
    return None


def _simpler_product(draft: _Draft, negated: Negated, a: int, b: int) -> Found:
    if a >= 0 and b >= 0:
        if a in negated and b in negated:
            return rules.multiply, (negated[a], negated[b])
        return None
    for one, other in ((a, b), (b, a)):
        number = draft.number(one) if one < 0 else 0.0
        if number == 1.0:
            return other
        if number == -1.0:
            return rules.negative, (other,)
    return None


def _simpler_quotient(draft: _Draft, negated: Negated, a: int, b: int) -> Found:
    if b >= 0:
        return None
    divisor = draft.number(b)
    if divisor == 1.0:
        return a
    if divisor == -1.0:
        return rules.negative, (a,)
    fraction, exponent = math.frexp(divisor)
    if abs(fraction) == 0.5 and abs(exponent) < 1000:  # a power of two has an exact inverse
        return rules.multiply, (a, draft.constant(1.0 / divisor))
    return None


def _simpler_negative(draft: _Draft, negated: Negated, x: int) -> Found:
    return negated.get(x)


def _simpler_absolute(draft: _Draft, negated: Negated, x: int) -> Found:
    if x in negated:
        return rules.absolute, (negated[x],)
    is_node = x >= draft.tape.inputs
    return x if is_node and draft.primitive_of(x) is rules.absolute else None


def _simpler_power(draft: _Draft, negated: Negated, x: int, n: int) -> Found:
    if n >= 0:
        return None
    exponent = draft.number(n)
    if exponent == 2.0:
        return rules.multiply, (x, x)  # as the rule has it
    if exponent == 0.0:
        return draft.constant(1.0)
    return x if exponent == 1.0 else None


def _simpler_choice(draft: _Draft, negated: Negated, condition: int, a: int, b: int) -> Found:
    if condition < 0:
        return a if draft.number(condition) else b
    return a if a == b else None


def _simpler_pick(draft: _Draft, negated: Negated, index: int, *xs: int) -> Found:
    if index < 0:
        i = draft.number(index)
        if 0 <= i < len(xs) and i == int(i):
            return xs[int(i)]
    return None


_SIMPLER: dict[Primitive, Callable[..., Found]] = {
    rules.add: _simpler_sum,
    rules.subtract: _simpler_difference,
    rules.multiply: _simpler_product,
    rules.divide: _simpler_quotient,
    rules.negative: _simpler_negative,
    rules.absolute: _simpler_absolute,
    rules.power: _simpler_power,
    rules.where: _simpler_choice,
    rules.pick: _simpler_pick,
}
"""For each primitive a function of the draft, what is known to be negated, and the operands."""


COMMUTATIVE = frozenset({rules.add, rules.multiply})


@_pass
def share(draft: _Draft) -> None:
    """Compute equal expressions once; a + b and b + a are equal.

    >>> builder = Builder(2)
    >>> x, y = builder.inputs
    >>> print(share(builder.tape([(x + y) * (y + x)])))
    slot  operation  operands
       0  input
       1  input
       2  +          0, 1
       3  *          2, 2      -> output 0
    """
    place, constants = draft.place, draft.tape.constants
    for i, number in enumerate(constants):
        place[~i] = draft.constant(number)
    commutes = [primitive in COMMUTATIVE for primitive in draft.primitives]
    known: dict[tuple[int, ...], int] = {}
    for slot, code, operands in draft.nodes():
        if commutes[code]:
            a, b = operands
            a, b = place[a], place[b]
            key = (code, a, b) if a < b else (code, b, a)
        else:
            key = (code, *[place[o] for o in operands])
        place[slot] = known.setdefault(key, slot)


@_pass
def prune(draft: _Draft) -> None:
    """Leave out what neither an output nor a guard needs, constants too.

    >>> builder = Builder(1)
    >>> (x,) = builder.inputs
    >>> _ = x * 2.0
    >>> print(prune(builder.tape([x + 1.0])))
    slot  operation  operands
       0  input
       1  +          0, 1.0    -> output 0
    """
    place = draft.place
    needed = bytearray(len(place))
    for o in (*range(draft.tape.inputs), draft.nowhere, *draft.ends()):
        needed[o] = True
    for slot, _, operands in reversed(list(draft.nodes())):
        if needed[slot]:
            for o in operands:
                needed[place[o]] = True
    place[:] = [o if needed[o] else draft.nowhere for o in place]


@_pass
def fuse(draft: _Draft) -> None:
    """Make one ``dot`` of a chain of additions with products in it: b + w1*x1 + w2*x2 + ...

    A dot adds up from left to right, as the chain did; a term that is no product is one with 1.0.

    >>> builder = Builder(4)
    >>> a, b, c, d = builder.inputs
    >>> print(fuse(builder.tape([a * b + c * d + a])))
    slot  operation  operands
       0  input
       1  input
       2  input
       3  input
       4  dot        0, 2, 0, 1, 3, 1.0  -> output 0
    """
    place, primitives = draft.place, draft.primitives
    additions: dict[int, tuple[int, int]] = {}
    products: set[int] = set()
    used = draft.ends()
    for slot, code, operands in draft.nodes():
        used += operands
        primitive = primitives[code]
        if primitive is rules.add:
            a, b = operands
            additions[slot] = place[a], place[b]
        elif primitive is rules.multiply:
            products.add(slot)
    uses = Counter(map(place.__getitem__, used))
    # Where the sum goes on: for each addition the operand that is an addition for it alone.
    begun: dict[int, int] = {}
    for slot, summands in additions.items():
        for o in summands:
            if o in additions and uses[o] == 1:
                begun[slot] = o
                break
    inner = set(begun.values())
    for root in [slot for slot in additions if slot not in inner]:
        sums, terms = [root], []
        while (earlier := begun.get(sums[-1])) is not None:
            a, b = additions[sums[-1]]
            terms.append(b if a == earlier else a)
            sums.append(earlier)
        terms += reversed(additions[sums[-1]])
        fused = [term for term in terms if uses[term] == 1 and term in products]
        if len(fused) < 2:
            continue
        one = draft.constant(1.0) if len(fused) < len(terms) else 0
        factors = [
            draft.operands_of(t) if uses[t] == 1 and t in products else (t, one)
            for t in reversed(terms)
        ]
        firsts, seconds = zip(*factors, strict=True)
        draft.rewrite(root, rules.dot, [*firsts, *seconds])
        for o in (*sums[1:], *fused):
            place[o] = draft.nowhere


def optimize(tape: Tape, passes: Iterable[str] = tuple(PASSES)) -> Tape:
    """Run these passes, in the order of the table.

    >>> builder = Builder(1)
    >>> (x,) = builder.inputs
    >>> print(optimize(builder.tape([x * 1.0 + x / 1.0])))
    slot  operation  operands
       0  input
       1  +          0, 0      -> output 0

    Raises ValueError for a pass that there is not.
    """
    return counted(tape, passes)[0]


def counted(tape: Tape, passes: Iterable[str] = tuple(PASSES)) -> tuple[Tape, dict[str, int]]:
    """The optimized tape, and how many nodes there were after each pass.

    >>> builder = Builder(1)
    >>> (x,) = builder.inputs
    >>> counted(builder.tape([x * 1.0 + x / 1.0]), ["simplify", "prune"])[1]
    {'simplify': 1, 'prune': 1}

    Raises what ``optimize`` does.
    """
    draft = _Draft(tape)
    sizes = {}
    for name in _chosen(passes):
        _REWRITES[name](draft)
        sizes[name] = len(draft)
    return draft.finished(), sizes


def _chosen(passes: Iterable[str]) -> list[str]:
    chosen = set(passes)
    if unknown := sorted(chosen - PASSES.keys()):
        raise ValueError(f"there is no pass {unknown[0]!r}: they are {', '.join(PASSES)}")
    return [name for name in PASSES if name in chosen]


# --- Memory ---------------------------------------------------------------------------------------


def places(tape: Tape) -> tuple[array[int], int]:
    """For each slot a place in memory, reused as soon as no one needs the number, and how many.

    Memory then goes by how many numbers are alive at a time, not by how many there are. Inputs,
    outputs and guards keep theirs.

    >>> builder = Builder(1)
    >>> x = builder.inputs[0]
    >>> for _ in range(100):
    ...     x = x * x
    >>> places(builder.tape([x]))[1]
    2
    """
    last = array("i", range(tape.slots))
    for slot, _, operands in tape.nodes():
        for o in operands:
            if o >= 0:
                last[o] = slot
    end = tape.slots
    for o in (*range(tape.inputs), *tape.outputs, *[guard.slot for guard in tape.guards]):
        if o >= 0:
            last[o] = end
    found = array("i", range(tape.inputs))
    free: list[int] = []
    size = tape.inputs
    for slot, _, operands in tape.nodes():
        for o in set(operands):
            if o >= 0 and last[o] == slot:
                free.append(found[o])
        if free:
            found.append(free.pop())
        else:
            found.append(size)
            size += 1
        if last[slot] == slot:  # no one needs it
            free.append(found[slot])
    return found, size


def width(tape: Tape) -> int:
    """How many numbers are alive at a time, at most, if memory is reused."""
    return places(tape)[1]


def bounded(tape: Tape, numbers: int) -> Tape:
    """The program of a value and its gradient with no more numbers alive than that, if possible.

    It takes the fewest segments with which ``recompute`` stays within the bound, or else as many
    as are best.

    >>> from autograd_scalar.tape.derivatives import value_and_gradient
    >>> builder = Builder(1)
    >>> x = builder.inputs[0]
    >>> for _ in range(400):
    ...     x = rules.sin(x)
    >>> program = value_and_gradient(builder.tape([x]), [0])
    >>> width(program) > 400, width(bounded(program, 100)) <= 100
    (True, True)
    """
    best, fewest = tape, width(tape)
    forward, segments = forward_part(tape), 2
    while fewest > numbers and segments <= forward:
        found = recompute(tape, forward, segments)
        size = width(found)
        if size < fewest:
            best, fewest = found, size
        elif size > 2 * fewest:
            break
        segments *= 2
    return best


def forward_part(tape: Tape) -> int:
    """How many of the first nodes it takes to compute the first output and the guards."""
    ends = [tape.outputs[0], *[guard.slot for guard in tape.guards]]
    return max(0, max(ends) - tape.inputs + 1)


def recompute(tape: Tape, forward: int, segments: int) -> Tape:
    """Compute numbers of the forward part again where the backward part needs them.

    The first ``forward`` nodes are cut into segments. A number that only its own segment uses is
    not kept: when the backward pass comes to that segment, it is computed once more, from what
    crosses the segment's border. Memory is then that of one segment and of the borders, for one
    more forward pass: with as many segments as the root of their length it goes by that root
    (Griewank 1992). The numbers are the same to the last bit.

    Raises ValueError for fewer than 1 segment, or more than nodes.
    """
    if not 1 <= segments <= max(forward, 1):
        raise ValueError(f"segments must be from 1 to {forward}, not {segments}")
    size = -(-forward // segments) if forward else 1
    border = tape.inputs + forward

    def segment(slot: int) -> int:
        return (slot - tape.inputs) // size

    kept = bytearray(tape.slots)
    for o in (*tape.outputs, *[guard.slot for guard in tape.guards]):
        if o >= 0:
            kept[o] = 1
    for slot, _, operands in tape.nodes():
        if slot >= border:
            break
        for o in operands:
            if o >= tape.inputs and segment(o) != segment(slot):
                kept[o] = 1
    builder = Builder(tape.inputs)
    builder.labels.update({s: name for s, name in tape.labels.items() if s < tape.inputs})
    constants = [builder.constant(number) for number in tape.constants]
    new = list(range(tape.inputs))
    again: dict[int, int] = {}  # the numbers of one segment that were computed once more
    current = -1

    def restored(slot: int) -> int:
        pending = [slot]
        while pending:
            at = pending[-1]
            if at in again:
                pending.pop()
                continue
            operands = tape.operands_of(at)
            missing = [o for o in operands if needs_again(o) and o not in again]
            if missing:
                pending += missing
                continue
            pending.pop()
            again[at] = builder.node(tape.primitive_of(at), [moved(o) for o in operands])
        return again[slot]

    def needs_again(o: int) -> bool:
        return tape.inputs <= o < border and not kept[o]

    def moved(o: int) -> int:
        if o < 0:
            return constants[~o]
        return again[o] if needs_again(o) and o in again else new[o]

    for slot, primitive, operands in tape.nodes():
        chosen = []
        for o in operands:
            if slot >= border and needs_again(o):
                if segment(o) != current:
                    again.clear()
                    current = segment(o)
                chosen.append(restored(o))
            else:
                chosen.append(constants[~o] if o < 0 else new[o])
        new.append(builder.node(primitive, chosen))
    guards = [Guard(moved(g.slot), g.outcome, g.line) for g in tape.guards]
    return builder.tape_of([constants[~o] if o < 0 else new[o] for o in tape.outputs], guards)
