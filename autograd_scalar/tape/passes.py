"""Optimizations: each takes a tape and returns a shorter one that computes the same.

"The same" is to the last bit, except for which nan a nan is. ``optimize`` runs them by name, in an
order in which each finds the work that the one before left it.
"""

from __future__ import annotations

import math
import struct
from array import array

from autograd_scalar import rules
from autograd_scalar.primitives import Primitive
from autograd_scalar.tape.program import Guard, Tape
from autograd_scalar.tape.variables import Builder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    # What becomes of a node, written by the builder: the operand that has its number.
    Visit = Callable[[Builder, Primitive, Sequence[int]], int]


def _rewritten(tape: Tape, visit: Visit) -> Tape:
    builder = Builder(tape.inputs)
    constants = [builder.constant(number) for number in tape.constants]
    new = list(range(tape.inputs))
    builder.labels.update({s: name for s, name in tape.labels.items() if s < tape.inputs})
    for slot, primitive, operands in tape.nodes():
        place = visit(builder, primitive, [new[o] if o >= 0 else constants[~o] for o in operands])
        new.append(place)
        if slot in tape.labels and place >= tape.inputs:
            builder.labels.setdefault(place, tape.labels[slot])
    guards = []
    for guard in tape.guards:
        place = new[guard.slot] if guard.slot >= 0 else constants[~guard.slot]
        if place < 0 and bool(builder.number(place)) == guard.outcome:
            continue  # it always holds
        guards.append(Guard(place, guard.outcome, guard.line))
    return builder.tape_of([new[o] if o >= 0 else constants[~o] for o in tape.outputs], guards)


_NO_OPERAND = -(1 << 31)  # of a node that is left out; none that is kept has it


# --- The passes -----------------------------------------------------------------------------------


def fold(tape: Tape) -> Tape:
    """Compute what has constants alone for operands.

    >>> builder = Builder(1)
    >>> two = builder.apply(rules.sqrt, [4.0])
    >>> print(fold(builder.tape([two * builder.inputs[0]])))
    slot  operation  operands
       0  input
       1  *          2.0, 0    -> output 0
    """

    def visit(builder: Builder, primitive: Primitive, operands: Sequence[int]) -> int:
        if operands and max(operands) < 0:
            return builder.constant(float(primitive.function(*map(builder.number, operands))))
        return builder.node(primitive, operands)

    return _rewritten(tape, visit)


COMMUTATIVE = frozenset({rules.add, rules.multiply})


def share(tape: Tape) -> Tape:
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
    known: dict[tuple[object, ...], int] = {}

    def visit(builder: Builder, primitive: Primitive, operands: Sequence[int]) -> int:
        key = (primitive, *operands)
        if primitive in COMMUTATIVE and operands[0] > operands[1]:
            key = (primitive, operands[1], operands[0])
        place = known.get(key)
        if place is None:
            place = known[key] = builder.node(primitive, operands)
        return place

    return _rewritten(tape, visit)


def simplify(tape: Tape) -> Tape:
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
    made: dict[int, tuple[Primitive, tuple[int, ...]]] = {}

    def visit(builder: Builder, primitive: Primitive, operands: Sequence[int]) -> int:
        rewrite = _SIMPLER.get(primitive)
        while rewrite is not None:
            found = rewrite(builder, made, operands)
            if found is None:
                break
            if isinstance(found, int):
                return found
            primitive, operands = found
            rewrite = _SIMPLER.get(primitive)
        place = builder.node(primitive, operands)
        made[place] = primitive, tuple(operands)
        return place

    return _rewritten(tape, visit)


if TYPE_CHECKING:
    Made = dict[int, tuple[Primitive, tuple[int, ...]]]
    # Another operation with the same result, or the operand that has it already.
    Found = tuple[Primitive, Sequence[int]] | int | None


def _is(builder: Builder, operand: int, number: float) -> bool:
    """Whether the operand is that constant; -0.0 is not 0.0."""
    return operand < 0 and struct.pack("d", builder.number(operand)) == struct.pack("d", number)


def _negated(made: Made, operand: int) -> int | None:
    """What the operand is the negative of."""
    primitive, operands = made.get(operand, (None, ()))
    return operands[0] if primitive is rules.negative else None


def _simpler_sum(builder: Builder, made: Made, operands: Sequence[int]) -> Found:
    a, b = operands
    if _is(builder, b, -0.0):
        return a
    if _is(builder, a, -0.0):
        return b
    if (c := _negated(made, b)) is not None:
        return rules.subtract, (a, c)
    if (c := _negated(made, a)) is not None:
        return rules.subtract, (b, c)
    return None


def _simpler_difference(builder: Builder, made: Made, operands: Sequence[int]) -> Found:
    a, b = operands
    if _is(builder, b, 0.0):
        return a
    if _is(builder, a, -0.0):
        return rules.negative, (b,)
    if (c := _negated(made, b)) is not None:
        return rules.add, (a, c)
    return None


def _simpler_product(builder: Builder, made: Made, operands: Sequence[int]) -> Found:
    a, b = operands
    for one, other in ((a, b), (b, a)):
        if _is(builder, one, 1.0):
            return other
        if _is(builder, one, -1.0):
            return rules.negative, (other,)
    c, d = _negated(made, a), _negated(made, b)
    if c is not None and d is not None:
        return rules.multiply, (c, d)
    return None


def _simpler_quotient(builder: Builder, made: Made, operands: Sequence[int]) -> Found:
    a, b = operands
    if b >= 0:
        return None
    divisor = builder.number(b)
    if divisor == 1.0:
        return a
    if divisor == -1.0:
        return rules.negative, (a,)
    fraction, exponent = math.frexp(divisor)
    if abs(fraction) == 0.5 and abs(exponent) < 1000:  # a power of two has an exact inverse
        return rules.multiply, (a, builder.constant(1.0 / divisor))
    return None


def _simpler_negative(builder: Builder, made: Made, operands: Sequence[int]) -> Found:
    return _negated(made, operands[0])


def _simpler_absolute(builder: Builder, made: Made, operands: Sequence[int]) -> Found:
    (a,) = operands
    if (c := _negated(made, a)) is not None:
        return rules.absolute, (c,)
    return a if made.get(a, (None,))[0] is rules.absolute else None


def _simpler_power(builder: Builder, made: Made, operands: Sequence[int]) -> Found:
    x, n = operands
    if _is(builder, n, 2.0):
        return rules.multiply, (x, x)  # as the rule has it
    if n < 0 and builder.number(n) == 0:
        return builder.constant(1.0)
    return x if _is(builder, n, 1.0) else None


def _simpler_choice(builder: Builder, made: Made, operands: Sequence[int]) -> Found:
    condition, a, b = operands
    if condition < 0:
        return a if builder.number(condition) else b
    return a if a == b else None


def _simpler_pick(builder: Builder, made: Made, operands: Sequence[int]) -> Found:
    if operands[0] < 0:
        index = builder.number(operands[0])
        if 0 <= index < len(operands) - 1 and index == int(index):
            return operands[1 + int(index)]
    return None


_SIMPLER: dict[Primitive, Callable[[Builder, Made, Sequence[int]], Found]] = {
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


def prune(tape: Tape) -> Tape:
    """Leave out what neither an output nor a guard needs.

    >>> builder = Builder(1)
    >>> (x,) = builder.inputs
    >>> _ = x * 2.0
    >>> print(prune(builder.tape([x + 1.0])))
    slot  operation  operands
       0  input
       1  +          0, 1.0    -> output 0
    """
    needed = bytearray(tape.slots)
    for place in (*tape.outputs, *[guard.slot for guard in tape.guards]):
        if place >= 0:
            needed[place] = 1
    starts, operands = tape.starts, tape.operands
    for node in range(len(tape) - 1, -1, -1):
        if needed[tape.inputs + node]:
            for o in operands[starts[node] : starts[node + 1]]:
                if o >= 0:
                    needed[o] = 1
    if all(needed[tape.inputs :]):
        return _without_unused_constants(tape)
    slots = iter(range(tape.inputs, tape.slots))

    def visit(builder: Builder, primitive: Primitive, operands: Sequence[int]) -> int:
        return builder.node(primitive, operands) if needed[next(slots)] else _NO_OPERAND

    return _without_unused_constants(_rewritten(tape, visit))


def _without_unused_constants(tape: Tape) -> Tape:
    used = {o for o in tape.operands if o < 0}
    used.update(o for o in tape.outputs if o < 0)
    used.update(guard.slot for guard in tape.guards if guard.slot < 0)
    kept = sorted(used, reverse=True)
    if len(kept) == len(tape.constants):
        return tape
    new = {old: ~place for place, old in enumerate(kept)}

    def moved(o: int) -> int:
        return new[o] if o < 0 else o

    return tape.replaced(
        operands=map(moved, tape.operands),
        constants=[tape.constants[~old] for old in kept],
        outputs=map(moved, tape.outputs),
        guards=[Guard(moved(g.slot), g.outcome, g.line) for g in tape.guards],
    )


def fuse(tape: Tape) -> Tape:
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
    uses = array("I", bytes(4 * tape.slots))
    for o in (*tape.operands, *tape.outputs, *[guard.slot for guard in tape.guards]):
        if o >= 0:
            uses[o] += 1
    # Where the sum goes on: for each addition the operand that is an addition for it alone.
    begun: dict[int, int] = {}
    additions = set()
    for slot, primitive, operands in tape.nodes():
        if primitive is rules.add:
            additions.add(slot)
            for o in operands:
                if o in additions and uses[o] == 1:
                    begun[slot] = o
                    break
    chains: dict[int, list[tuple[int, int | None]]] = {}
    swallowed: set[int] = set()
    for root in additions - set(begun.values()):
        terms: list[int] = []
        inner = []
        at: int | None = root
        while at is not None:
            a, b = tape.operands_of(at)
            earlier = begun.get(at)
            if earlier is None:
                terms += [b, a]
            else:
                terms.append(b if a == earlier else a)
                inner.append(earlier)
            at = earlier
        products = [
            t >= tape.inputs and uses[t] == 1 and tape.primitive_of(t) is rules.multiply
            for t in terms
        ]
        if sum(products) < 2:
            continue
        chains[root] = [
            _factors(tape, t) if product else (t, None)
            for t, product in zip(reversed(terms), reversed(products), strict=True)
        ]
        swallowed.update(inner)
        swallowed.update(t for t, product in zip(terms, products, strict=True) if product)
    if not chains:
        return tape
    slots = iter(range(tape.inputs, tape.slots))
    new: list[int] = list(range(tape.inputs))

    def moved(builder: Builder, operand: int | None) -> int:
        if operand is None:
            return builder.constant(1.0)
        return new[operand] if operand >= 0 else builder.constant(tape.constants[~operand])

    def visit(builder: Builder, primitive: Primitive, operands: Sequence[int]) -> int:
        slot = next(slots)
        place = _NO_OPERAND
        if slot not in swallowed:
            if slot in chains:
                firsts, seconds = zip(*chains[slot], strict=True)
                operands = [moved(builder, o) for o in (*firsts, *seconds)]
                primitive = rules.dot
            place = builder.node(primitive, operands)
        new.append(place)
        return place

    return _rewritten(tape, visit)


def _factors(tape: Tape, product: int) -> tuple[int, int]:
    a, b = tape.operands_of(product)
    return a, b


PASSES: dict[str, Callable[[Tape], Tape]] = {
    "fold": fold,
    "simplify": simplify,
    "share": share,
    "prune": prune,
    "fuse": fuse,
}
"""The passes by name, in the order they are run."""


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
    for _, shorter in steps(tape, passes):
        tape = shorter
    return tape


def steps(tape: Tape, passes: Iterable[str]) -> Iterator[tuple[str, Tape]]:
    """The tape after each of these passes."""
    chosen = set(passes)
    if unknown := sorted(chosen - PASSES.keys()):
        raise ValueError(f"there is no pass {unknown[0]!r}: they are {', '.join(PASSES)}")
    for name, run in PASSES.items():
        if name in chosen:
            tape = run(tape)
            yield name, tape


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
