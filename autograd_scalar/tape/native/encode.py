"""Tapes as streams of the interpreter's instructions (their form: see ``instructions``).

Encoding is vectorized, a few array operations over all nodes. Only what differs, a primitive or a
number of operands, is looked at one by one.
"""

from __future__ import annotations

import ctypes
import threading
from functools import lru_cache

import numpy as np

from autograd_scalar import rules
from autograd_scalar.primitives import Primitive
from autograd_scalar.tape.derivatives import run_rule
from autograd_scalar.tape.kernels import KERNELS, lower
from autograd_scalar.tape.native.instructions import HALT, instructions
from autograd_scalar.tape.passes import optimize
from autograd_scalar.tape.program import Tape
from autograd_scalar.tape.variables import Builder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    Array = NDArray[Any]

_LOOPS = {rules.dot: "dot", rules.fsum: "fsum", rules.mean: "mean", rules.pick: "pick"}
_EXTRA_WORDS = 4  # of a node that has a loop: twice how many operands, and two programs
_MOST_OPERANDS = 3  # of a node that has none
_CALLED = -1  # in place of an instruction: the node has a loop


class Unsupported(TypeError):
    """The interpreter can't run a tape, since a derivative rule can't be called on variables."""


class Stream:
    """A tape as the interpreter reads it.

    Attributes:
        words: what it reads, 32 bits each.
        inputs: how many slots hold inputs.
        slots: how many there are in all.
        constants: numbers in the order in which they lie before slot 0.
        outputs: slots; or constants, below 0.
        ends: of the outputs' nodes, the words behind them.
    """

    def __init__(self, tape: Tape, words: Array, at: Array) -> None:
        self.words = words
        self.inputs = tape.inputs
        self.slots = tape.slots
        self.constants = np.frombuffer(tape.constants, np.float64)[::-1].copy()
        self.outputs = np.array(tape.outputs, np.int32)
        # An input as an output: there the stream begins.
        self.ends = at[np.maximum(self.outputs - (tape.inputs - 1), 0)]


class Encoded:
    """A tape for the interpreter, with all that its nodes call.

    Attributes:
        main: the tape itself.
        programs: streams by their numbers, each with whether it is given the node's operands.
        callbacks: functions of Python's by their numbers.
        most_operands: of a node that calls one of those.

    Without ``derivatives`` it is for running forward only.
    """

    def __init__(self, tape: Tape, derivatives: bool = True) -> None:
        self.programs: list[tuple[Stream, bool]] = []
        self.callbacks: list[Callback] = []
        self.most_operands = 1
        self._numbers: dict[tuple[Primitive, int, str], int] = {}
        self.main = self._encode(tape, derivatives)

    def _encode(self, tape: Tape, derivatives: bool) -> Stream:
        codes = np.frombuffer(tape.codes, np.uint16)
        starts = np.frombuffer(tape.starts, np.int32)
        operands = np.frombuffer(tape.operands, np.int32)
        counts = np.diff(starts)
        _check(tape, codes, starts, counts, operands)
        constants = _constant_bits(operands, starts, counts)
        forward, backward = _fixed(tape, codes, constants, derivatives)
        called = np.flatnonzero(backward == _CALLED)
        early, linked = _pair(tape, codes, constants, operands, starts, forward, backward)
        sizes = counts + 1
        sizes[called] += _EXTRA_WORDS
        sizes[early + 1] = 1  # of the second of a pair only the operand that is not the first
        if sizes.sum(dtype=np.int64) >= 2**31:
            raise ValueError("the interpreter runs tapes of less than 2**31 operands and nodes")
        at = np.zeros(len(codes) + 1, np.int32)
        np.cumsum(sizes, out=at[1:])
        words = np.empty(at[-1] + 1, np.int32)
        is_operand = np.ones(len(words), np.bool_)
        begins, ends = np.ones((2, len(codes)), np.bool_)
        begins[early + 1] = ends[early] = False  # there is nothing between the two of a pair
        is_operand[at[:-1][begins]] = is_operand[-1] = False
        if len(called):
            # In each direction how many operands there are is read first, and then the program.
            calls = self._calls(tape, codes[called], counts[called], derivatives)
            forward[called], backward[called] = calls[:, 0], calls[:, 2]
            first, last = at[called], at[called + 1]
            for place, word in (
                (first + 1, counts[called]), (first + 2, calls[:, 1]),
                (last - 2, calls[:, 3]), (last - 1, counts[called]),
            ):  # fmt: skip
                words[place] = word
                is_operand[place] = False
        words[is_operand] = np.delete(operands, linked) if len(linked) else operands
        halves = words.view(np.uint16).reshape(-1, 2)
        halves[at[:-1][begins], 1] = forward[begins]
        halves[at[1:][ends], 0] = backward[ends]
        halves[0, 0] = halves[-1, 1] = HALT
        return Stream(tape, words, at)

    def _calls(self, tape: Tape, codes: Array, counts: Array, derivatives: bool) -> Array:
        """For each of the nodes what ``_call`` gives, found once for all that are alike."""
        found = np.empty((len(codes), 4), np.int64)
        for code, count in {*zip(codes.tolist(), counts.tolist(), strict=True)}:
            alike = (codes == code) & (counts == count)
            found[alike] = self._call(tape.primitives[code], count, derivatives)
        return found

    def _call(self, primitive: Primitive, count: int, derivatives: bool) -> tuple[int, ...]:
        """Forward instruction and program, backward instruction and program, of a node."""
        loops = instructions().loops
        forward, program = _LOOPS.get(primitive), 0
        if primitive is rules.dot and count % 2:
            primitive.function(*[0.0] * count)  # it knows what to raise
        if forward is None:
            if primitive in KERNELS or primitive in instructions().forward:
                forward, program = "call", self._program(primitive, count)
            else:
                forward, program = "callback", self._callback(primitive, count)
        backward, rule = ("none", 0) if not derivatives else self._pullback(primitive, count)
        return loops[forward], program, loops[backward], rule

    def _program(self, primitive: Primitive, count: int) -> int:
        """The number of the program of a single node."""
        key = primitive, count, "forward"
        if key not in self._numbers:
            builder = Builder(count)
            tape = builder.tape([builder.apply(primitive, builder.inputs)])
            self._numbers[key] = self._add(optimize(lower(tape), ("share", "prune")), True)
        return self._numbers[key]

    def _pullback(self, primitive: Primitive, count: int) -> tuple[str, int]:
        """The instruction that passes on the gradient of a node, and its program.

        The rule is run for this number of operands, and what it computes looked at: where it is as
        simple as the rules of a sum or of a product of vectors, there are loops for it.
        """
        if not count:
            return "none", 0
        tape = _rule_tape(primitive, count)
        g, half = 0, count // 2
        if all(o < 0 and not tape.constants[~o] for o in tape.outputs):
            return "none", 0
        if all(o == g for o in tape.outputs):
            return "broadcast", 0
        if count % 2 == 0 and all(
            _is_product(tape, o, g, 2 + (i + half) % count) for i, o in enumerate(tape.outputs)
        ):
            return "product", 0
        key = primitive, count, "backward"
        if key not in self._numbers:
            lowered = optimize(lower(tape), ("share", "prune"))
            used = {*lowered.operands, *lowered.outputs}
            wants_operands = not used.isdisjoint(range(2, lowered.inputs))
            self._numbers[key] = self._add(lowered, wants_operands)
        return "pullback", self._numbers[key]

    def _add(self, tape: Tape, wants_operands: bool) -> int:
        self.programs.append((self._encode(tape, derivatives=False), wants_operands))
        return len(self.programs) - 1

    def _callback(self, primitive: Primitive, count: int) -> int:
        self.most_operands = max(self.most_operands, count)
        for number, known in enumerate(self.callbacks):
            if known.primitive is primitive:
                return number
        self.callbacks.append(Callback(primitive))
        return len(self.callbacks) - 1


class Callback:
    """A primitive's float function, to be called from machine code with an array of operands.

    An exception can't go through machine code: it is kept, and the result is nan.
    """

    def __init__(self, primitive: Primitive) -> None:
        self.primitive = primitive
        self._failures: dict[int, BaseException] = {}  # of threads
        kind = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.POINTER(ctypes.c_double), ctypes.c_int64)
        self._called = kind(self._call)
        self.address = ctypes.cast(self._called, ctypes.c_void_p).value

    def _call(self, numbers: Any, count: int) -> float:
        try:
            return float(self.primitive.function(*numbers[:count]))
        except BaseException as error:
            self._failures.setdefault(threading.get_ident(), error)
            return float("nan")

    def raise_failure(self) -> None:
        """Raise the first exception that there was in this thread since it was asked last."""
        error = self._failures.pop(threading.get_ident(), None)
        if error is not None:
            raise error


@lru_cache(256)
def _rule_tape(primitive: Primitive, count: int) -> Tape:
    """What a node of so many operands passes on, as a tape of (g, y, *operands)."""
    builder = Builder(count + 2)
    g, y, *xs = builder.inputs
    try:
        tape = builder.tape(run_rule(primitive, builder, g, y, xs, tuple(range(count))))
    except TypeError as error:
        raise Unsupported(
            f"the derivative rule of {primitive.name!r} can't run on variables of a tape: {error}"
        ) from error
    return optimize(tape, ("simplify", "share", "prune"))


def _is_product(tape: Tape, output: int, a: int, b: int) -> bool:
    if output < tape.inputs or tape.primitive_of(output) is not rules.multiply:
        return False
    return sorted(tape.operands_of(output)) == sorted((a, b))


# --- On all nodes at once -------------------------------------------------------------------------


def _check(tape: Tape, codes: Array, starts: Array, counts: Array, operands: Array) -> None:
    """Raise what ``tape.check`` does, which takes long, where the machine would go astray."""
    arities = np.array([-1 if p.variadic else p.arity for p in tape.primitives], np.int32)
    slots = np.arange(tape.inputs, tape.slots, dtype=np.int32)
    places = np.array([*tape.outputs, *[guard.slot for guard in tape.guards]], np.int64)
    lowest = -len(tape.constants)
    if not (
        tape.inputs >= 0
        and starts[0] == 0
        and starts[-1] == len(operands)
        and len(counts) == len(codes)
        and np.all(counts >= 0)
        and np.all(codes < len(arities))
        and np.all((arities[codes] < 0) | (arities[codes] == counts))
        and np.all((operands >= lowest) & (operands < np.repeat(slots, counts)))
        and np.all((places >= lowest) & (places < tape.slots))
    ):
        tape.check()
        raise ValueError("this is no tape")


def _constant_bits(operands: Array, starts: Array, counts: Array) -> Array:
    """Of each node which of its first operands are constants: bit i for operand i."""
    bits = np.zeros(len(counts), np.uint8)
    if len(operands):
        for i in range(_MOST_OPERANDS):
            places = np.minimum(starts[:-1] + i, len(operands) - 1)
            bits |= ((operands[places] < 0) & (counts > i)).astype(np.uint8) << np.uint8(i)
    return bits


def _fixed(tape: Tape, codes: Array, constants: Array, derivatives: bool) -> tuple[Array, Array]:
    """The instructions of nodes with a fixed number of operands; of all others ``_CALLED``."""
    known = instructions()
    forward = np.full(len(tape.primitives), _CALLED, np.int16)
    backward = np.full((len(tape.primitives), 1 << _MOST_OPERANDS), _CALLED, np.int16)
    for i, primitive in enumerate(tape.primitives):
        if primitive in known.forward:
            forward[i] = known.forward[primitive]
            for bits in range(1 << primitive.arity):
                nothing = known.nothing[primitive.arity]
                if derivatives and bits + 1 < 1 << primitive.arity:
                    nothing = known.backward.get((primitive, bits), _CALLED)
                backward[i, bits] = nothing
    return forward[codes], backward[codes, constants]


def _pair(
    tape: Tape, codes: Array, constants: Array, operands: Array, starts: Array,
    forward: Array, backward: Array,
) -> tuple[Array, Array]:  # fmt: skip
    """Where a node uses the result of the one before it, let one instruction do both.

    Returns the first nodes of the pairs, and the places of the second ones' operands that are the
    first. An output is no first one: a backward pass may begin there.
    """
    known = instructions()
    kinds = np.full((len(tape.primitives), 1 << _MOST_OPERANDS), -1, np.int8)
    places = {primitive: i for i, primitive in enumerate(tape.primitives)}
    for number, (primitive, bits) in enumerate(known.paired):
        if primitive in places:
            kinds[places[primitive], bits] = number
    kind = kinds[codes, constants]
    may_be_first = kind[:-1] >= 0
    outputs = np.array(tape.outputs, np.int64) - tape.inputs
    may_be_first[outputs[(outputs >= 0) & (outputs < len(may_be_first))]] = False
    first = np.flatnonzero(may_be_first & (kind[1:] >= 0))
    a = starts[first + 1]
    linked_by_a = operands[a] == tape.inputs + first
    linked_by_b = operands[a + 1] == tape.inputs + first
    linked = linked_by_a != linked_by_b
    first, link = first[linked], linked_by_b[linked].astype(np.int64)
    # Of nodes that all could be paired with the next, every second is.
    begins = np.ones(len(first), np.bool_)
    begins[1:] = np.diff(first) > 1
    run = np.maximum.accumulate(np.where(begins, first, 0)) if len(first) else first
    chosen = (first - run) % 2 == 0
    first, link = first[chosen], link[chosen]
    pairs = known.pairs[:, kind[first], kind[first + 1], link]
    forward[first], backward[first + 1] = pairs
    return first, starts[first + 1] + link
