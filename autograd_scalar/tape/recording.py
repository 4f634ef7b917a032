"""Recording: a function is run once on Values, and the graph that it leaves becomes a tape.

The graph is what the function computes for one set of arguments. Whatever Python decides on the
way by comparing numbers (``if``, ``while``, ``min``, ``sorted``, ``assert``) is noted as a guard:
where a guard comes out otherwise, the function would have taken another path, and the tape is not
for it. A comparison that no one asks the truth of, as the condition of ``where``, is a part of the
program.
"""

from __future__ import annotations

import gc
from _thread import RLock, get_ident
from array import array
from contextlib import contextmanager

from autograd_scalar import modes, rules
from autograd_scalar.arithmetic import Layered
from autograd_scalar.closures import Closure, constant_first, constant_last, link
from autograd_scalar.frames import place_in_users_code
from autograd_scalar.graph import topological_order_of_all
from autograd_scalar.nesting import Nesting, flatten
from autograd_scalar.primitives import Primitive, as_float
from autograd_scalar.tape.program import Guard, Tape
from autograd_scalar.value import Value, new_node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any


class RecordingError(TypeError):
    """The function does something that a replay of its tape would not do."""


class Recording:
    """One run of a function, as a tape.

    Attributes:
        tape: its inputs are the numbers of the arguments and then those of ``captured``.
        captured: Values that the function found outside of its arguments, a model's parameters.
        nesting: of the result.
        outcomes: of the guards, in order.
        numbers: of the arguments it was recorded with.
        results: the numbers of the result.
    """

    __slots__ = ("captured", "nesting", "numbers", "outcomes", "results", "tape")

    def __init__(
        self,
        tape: Tape,
        captured: list[Value],
        nesting: Nesting,
        numbers: Sequence[float],
        results: list[float],
    ) -> None:
        self.tape = tape
        self.captured = captured
        self.nesting = nesting
        self.outcomes = tuple([guard.outcome for guard in tape.guards])
        self.numbers = list(numbers)
        self.results = results


def record(
    f: Callable[..., Any],
    numbers: Sequence[float],
    arguments: Callable[[list[Value]], Sequence[Any]],
    labels: Sequence[str] = (),
) -> Recording:
    """Run ``f`` on Values for these numbers, nested by ``arguments``, and write down what it did.

    >>> recording = record(lambda x: x * x if x > 0 else -x, [3.0], list, ["x"])
    >>> print(recording.tape)  # doctest: +ELLIPSIS
    slot  operation  operands
       x  input
       1  *          x, x      -> output 0
       2  <          0.0, x    -> must be True (...line 1)

    Raises RecordingError for what a tape cannot hold: an operation that was wired by hand.
    """
    with _lock:
        modes.epoch += 1
        begun = modes.epoch
        inputs = [Value(number) for number in numbers]
        recorder = _Recorder()
        outer, modes.recorder = modes.recorder, recorder
        try:
            result = f(*arguments(inputs))
        finally:
            modes.recorder = outer
    outputs, nesting = flatten(result, "jit: the result of the function")
    for output in outputs:
        if isinstance(output, Layered):
            raise RecordingError(f"jit: the function must give numbers or Values, not {output!r}")
    for value, number in zip(inputs, numbers, strict=True):
        if value.data is not number:
            raise RecordingError(
                "jit: the function overwrote the data of an argument, which a replay would not do: "
                "return the new number instead"
            )
    with collector_paused():
        tape, captured = _write(inputs, outputs, recorder.guards, begun, labels)
    results = [y.data if isinstance(y, Value) else y for y in outputs]
    return Recording(tape, captured, nesting, numbers, results)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Walking a graph makes no garbage, and each collection would visit all nodes again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


_lock = RLock()  # there is one recorder at a time; other threads go on computing


class _Recorder:
    """What happens to comparisons while a function is recorded."""

    def __init__(self) -> None:
        self.thread = get_ident()
        self.guards: list[tuple[Condition, bool, str]] = []

    def condition(self, primitive: Primitive, a: Any, b: Any) -> Condition | None:
        if get_ident() != self.thread:
            return None
        a, b = _innermost(a), _innermost(b)
        if a is None or b is None or (a.__class__ is float and b.__class__ is float):
            return None
        data = primitive.function(*[x if x.__class__ is float else x.data for x in (a, b)])
        constants = a.__class__ is float or b.__class__ is float
        node = new_node(data, *link(primitive, (a, b), constants), Condition)
        assert isinstance(node, Condition)
        node.recorder = self
        return node

    def detached(self, value: Value) -> Value:
        return new_node(value.data, *link(rules.detach, (value,), False))


def _innermost(number: Any) -> Any:
    """The Value or float that decides how a number compares; None if it is no number."""
    while isinstance(number, Layered):
        number = number.parts[0]
    if isinstance(number, Value):
        return number
    try:
        return as_float(number, "the other side")
    except (TypeError, OverflowError):
        return None


class Condition(Value):
    """A comparison while a function is recorded: 1.0 or 0.0; a guard once its truth is asked."""

    __slots__ = ("recorder",)

    recorder: _Recorder | None

    def __bool__(self) -> bool:
        outcome = bool(self.data)
        if self.recorder is not None:
            self.recorder.guards.append((self, outcome, place_in_users_code()))
            self.recorder = None  # once is enough, and no node may hold what holds it
        return outcome

    def __index__(self) -> int:
        return int(bool(self))

    __int__ = __index__

    def __float__(self) -> float:
        return float(bool(self))

    def __and__(self, other: Any) -> Any:
        return bool(self) & other

    def __or__(self, other: Any) -> Any:
        return bool(self) | other

    def __xor__(self, other: Any) -> Any:
        return bool(self) ^ other

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__


def _write(
    inputs: Sequence[Value],
    outputs: Sequence[Any],
    guards: Sequence[tuple[Condition, bool, str]],
    begun: int,
    labels: Sequence[str],
) -> tuple[Tape, list[Value]]:
    """The tape of what the outputs and guards were computed from, and the leaves from outside.

    It writes the arrays itself: by a ``Builder`` recording takes a third longer.
    """
    ends = [y for y in outputs if isinstance(y, Value)]
    order = topological_order_of_all([*ends, *[condition for condition, _, _ in guards]])
    places: dict[Value, int] = {value: slot for slot, value in enumerate(inputs)}
    captured: list[Value] = []
    constants = array("d")
    known: dict[float | str, int] = {}

    def constant(number: float) -> int:
        # What equals itself and nothing of other bits is a key as it is, which is faster.
        key = number if number and number == number else number.hex()
        place = known.setdefault(key, ~len(constants))
        if ~place == len(constants):
            constants.append(number)
        return place

    for node in order:
        if not node.parents and node not in places and not node.op:
            if node._constant < begun:
                places[node] = len(inputs) + len(captured)
                captured.append(node)
            else:
                places[node] = constant(node.data)
    names = {slot: label for slot, label in enumerate(labels) if label}
    primitives: dict[Primitive, int] = {}
    codes, starts, operands = array("H"), array("I", [0]), array("i")
    note_code, note_start, note_operands = codes.append, starts.append, operands.extend
    place_of = places.__getitem__
    kinds: dict[Closure, tuple[int, Callable[[Value], Any] | None]] = {}
    count = slot = len(inputs) + len(captured)
    for node in order:
        if node in places:
            if node.label is not None and places[node] >= 0:
                names[places[node]] = node.label
            continue
        closure = node._closure
        kind = kinds.get(closure)
        if kind is None:
            primitive = closure.primitive
            if primitive is None:
                raise RecordingError(
                    f"jit: {node!r} was wired by hand, and only backward() knows what it does: "
                    "make the operation a primitive"
                )
            code = primitives.setdefault(primitive, len(primitives))
            kind = kinds[closure] = code, closure.operands if closure.has_constants else None
        code, operands_of = kind
        note_code(code)
        if operands_of is None:
            note_operands(map(place_of, node.parents))
        elif operands_of is constant_last:
            note_operands((place_of(node.parents[0]), constant(node._constant)))
        elif operands_of is constant_first:
            note_operands((constant(node._constant), place_of(node.parents[0])))
        else:
            note_operands(
                [constant(x) if x.__class__ is float else place_of(x) for x in operands_of(node)]
            )
        note_start(len(operands))
        places[node] = slot
        if node.label is not None:
            names[slot] = node.label
        slot += 1
    found = [places[y] if isinstance(y, Value) else constant(y) for y in outputs]
    noted = [Guard(places[c], outcome, line) for c, outcome, line in guards]
    tape = Tape(
        count, tuple(primitives), codes, starts, operands, constants, found, noted, names
    )  # fmt: skip
    return tape, captured


def recording() -> bool:
    """Whether this thread is recording a function."""
    recorder = modes.recorder
    return isinstance(recorder, _Recorder) and recorder.thread == get_ident()
