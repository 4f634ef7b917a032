"""A tape: a recorded computation as a flat program, in static single assignment.

Every number of the computation has a slot. The inputs come first, from slot 0 on, then the nodes,
each after its operands. A node is a primitive and the slots of its operands. An operand below 0 is
a constant: -1 is the first, -2 the second. (So a backend that lays the constants down backwards
before the slots finds all operands relative to one address.)
"""

from __future__ import annotations

from array import array
from itertools import pairwise

from autograd_scalar import rules
from autograd_scalar.primitives import Primitive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any


_ARGUMENTS = (
    "inputs", "primitives", "codes", "starts", "operands", "constants", "outputs", "guards",
    "labels",
)  # fmt: skip


class Guard:
    """A comparison that Python asked for the outcome of, while the function was recorded.

    The tape is right only for inputs for which it comes out the same.

    Attributes:
        slot: of the comparison, 1.0 or 0.0.
        outcome: what it was.
        line: where it was asked, as file and line.
    """

    __slots__ = ("line", "outcome", "slot")

    def __init__(self, slot: int, outcome: bool, line: str = "") -> None:
        self.slot = slot
        self.outcome = outcome
        self.line = line

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Guard) and (
            (self.slot, self.outcome, self.line) == (other.slot, other.outcome, other.line)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Guard({self.slot}, {self.outcome}, {self.line!r})"


class Tape:
    """A program: inputs, constants, nodes and which of all these are the outputs.

    >>> from autograd_scalar.tape.variables import Builder
    >>> builder = Builder(2)
    >>> x, y = builder.inputs
    >>> tape = builder.tape([(x + 1.0) * y])
    >>> print(tape)
    slot  operation  operands
       0  input
       1  input
       2  +          0, 1.0
       3  *          2, 1      -> output 0
    >>> tape.run([2.0, 10.0])
    [30.0]

    Attributes:
        inputs: how many there are.
        primitives: the operations that occur.
        codes: for each node the place of its primitive among those.
        starts: for each node where its operands begin in ``operands``, and at last the end.
        operands: slots, or constants below 0.
        constants: their numbers.
        outputs: slots, or constants.
        guards: comparisons that have to come out as recorded.
        labels: names of slots, for people.
    """

    __slots__ = (
        "__weakref__",
        "codes",
        "constants",
        "guards",
        "inputs",
        "labels",
        "operands",
        "outputs",
        "primitives",
        "starts",
    )

    def __init__(
        self,
        inputs: int,
        primitives: Sequence[Primitive],
        codes: Iterable[int],
        starts: Iterable[int],
        operands: Iterable[int],
        constants: Iterable[float],
        outputs: Iterable[int],
        guards: Iterable[Guard] = (),
        labels: Mapping[int, str] | None = None,
    ) -> None:
        self.inputs = inputs
        self.primitives = tuple(primitives)
        self.codes = array("H", codes)
        self.starts = array("I", starts)
        self.operands = array("i", operands)
        self.constants = array("d", constants)
        self.outputs = array("i", outputs)
        self.guards = tuple(guards)
        self.labels = dict(labels or {})

    def __len__(self) -> int:
        """How many nodes there are."""
        return len(self.codes)

    @property
    def slots(self) -> int:
        """How many slots there are: inputs and nodes."""
        return self.inputs + len(self.codes)

    @property
    def nbytes(self) -> int:
        """The memory of its arrays."""
        arrays = (self.codes, self.starts, self.operands, self.constants, self.outputs)
        return sum(len(a) * a.itemsize for a in arrays)

    def replaced(self, **attributes: Any) -> Tape:
        """The same tape but for these of its attributes.

        >>> from autograd_scalar.tape.variables import Builder
        >>> builder = Builder(1)
        >>> builder.tape([builder.inputs[0] * 2.0]).replaced(outputs=[0]).run([3.0])
        [3.0]
        """
        unchanged = {name: getattr(self, name) for name in _ARGUMENTS}
        return Tape(**{**unchanged, **attributes})

    def operands_of(self, slot: int) -> array[int]:
        """The operands of the node of a slot."""
        node = slot - self.inputs
        return self.operands[self.starts[node] : self.starts[node + 1]]

    def primitive_of(self, slot: int) -> Primitive:
        """The primitive of the node of a slot."""
        return self.primitives[self.codes[slot - self.inputs]]

    def nodes(self) -> Iterator[tuple[int, Primitive, array[int]]]:
        """Slot, primitive and operands of each node, in order."""
        primitives, operands = self.primitives, self.operands
        for slot, code, (start, end) in zip(
            range(self.inputs, self.slots), self.codes, pairwise(self.starts), strict=True
        ):
            yield slot, primitives[code], operands[start:end]

    def values(self, inputs: Sequence[float]) -> list[float]:
        """The number of each slot, and behind them the constants in reverse: -1 is the first.

        Computed by the float functions of the rules table, node by node: slow, and what all
        backends are measured against.
        """
        if len(inputs) != self.inputs:
            raise ValueError(f"the tape has {self.inputs} input(s), got {len(inputs)} number(s)")
        functions = [primitive.function for primitive in self.primitives]
        behind = [0.0] * len(self.codes)
        numbers = [*inputs, *behind, *reversed(self.constants)]
        place, start = self.inputs, 0
        starts, operands = self.starts, self.operands
        for node, code in enumerate(self.codes, 1):
            end = starts[node]
            numbers[place] = float(functions[code](*[numbers[o] for o in operands[start:end]]))
            place, start = place + 1, end
        return numbers

    def run(self, inputs: Sequence[float]) -> list[float]:
        """The numbers of the outputs."""
        numbers = self.values(inputs)
        return [numbers[o] for o in self.outputs]

    def check(self) -> None:
        """Raise ValueError if this is no program: an operand that is not computed yet, say."""
        if self.inputs < 0:
            raise ValueError(f"a tape has at least 0 inputs, not {self.inputs}")
        if len(self.starts) != len(self.codes) + 1 or self.starts[0] != 0:
            raise ValueError("a tape has one start of operands per node, and the end")
        if self.starts[-1] != len(self.operands):
            raise ValueError("the starts of a tape must end where its operands do")
        lowest = -len(self.constants)
        start = 0
        for node, code in enumerate(self.codes):
            end, slot = self.starts[node + 1], self.inputs + node
            if end < start:
                raise ValueError(f"the operands of node {slot} end before they begin")
            if code >= len(self.primitives):
                raise ValueError(f"node {slot} has primitive {code} of {len(self.primitives)}")
            primitive = self.primitives[code]
            if not primitive.variadic and end - start != primitive.arity:
                raise ValueError(
                    f"node {slot}: {primitive.name} takes {primitive.arity} operand(s), "
                    f"not {end - start}"
                )
            if primitive is rules.dot and (end - start) % 2:
                raise ValueError(f"node {slot}: dot takes an even number of operands")
            if primitive is rules.pick and end - start < 2:
                raise ValueError(f"node {slot}: pick takes an index and something to pick from")
            for operand in self.operands[start:end]:
                if not lowest <= operand < slot:
                    raise ValueError(
                        f"node {slot}: operand {operand} is not one of {lowest}..{slot - 1}"
                    )
            start = end
        for what, places in (("output", self.outputs), ("guard", [g.slot for g in self.guards])):
            for place in places:
                if not lowest <= place < self.slots:
                    raise ValueError(f"{what} {place} is not one of {lowest}..{self.slots - 1}")

    # --- Elsewhere ---

    def to_json(self) -> str:
        """The tape as a JSON document; see ``autograd_scalar.tape.document``."""
        from autograd_scalar.tape.document import to_json

        return to_json(self)

    @staticmethod
    def from_json(text: str, *, limit: int = 200_000_000) -> Tape:
        """The tape of a JSON document of at most ``limit`` characters, checked at every place.

        Raises ValueError for what is no tape, naming the place, and LookupError for a primitive
        that there is not.
        """
        from autograd_scalar.tape.document import from_json

        return from_json(text, limit=limit)

    def to_c(self, name: str = "f", *, gradient: bool = True, output: int = 0) -> str:
        """A C99 file that computes the tape and a gradient; see ``autograd_scalar.tape.c``."""
        from autograd_scalar.tape.c import to_c

        return to_c(self, name, gradient=gradient, output=output)

    def to_jax(self) -> Callable[..., Any]:
        """A function of JAX arrays; see ``autograd_scalar.tape.frameworks``."""
        from autograd_scalar.tape.frameworks import to_jax

        return to_jax(self)

    def to_torch(self) -> Callable[..., Any]:
        """A function of PyTorch tensors; see ``autograd_scalar.tape.frameworks``."""
        from autograd_scalar.tape.frameworks import to_torch

        return to_torch(self)

    # --- Display ---

    def name(self, operand: int) -> str:
        """How an operand is written: the number of a constant, else label or slot."""
        if operand < 0:
            return repr(self.constants[~operand])
        return self.labels.get(operand) or str(operand)

    def __str__(self) -> str:
        ends: dict[int, list[str]] = {}
        for i, place in enumerate(self.outputs):
            ends.setdefault(place, []).append(f"output {i}")
        for guard in self.guards:
            at = f" ({guard.line})" if guard.line else ""
            ends.setdefault(guard.slot, []).append(f"must be {guard.outcome}{at}")
        rows = [("slot", "operation", "operands", "")]
        for slot in range(self.inputs):
            rows.append((self.name(slot), "input", "", "; ".join(ends.get(slot, ()))))
        for slot, primitive, operands in self.nodes():
            shown = ", ".join(map(self.name, operands))
            if len(shown) > 60:
                shown = f"{shown[:48]}... ({len(operands)} operands)"
            rows.append((self.name(slot), primitive.name, shown, "; ".join(ends.get(slot, ()))))
        widths = [max(len(row[k]) for row in rows) for k in range(3)]
        lines = []
        for slot_name, operation, shown, end in rows:
            line = f"{slot_name:>{widths[0]}}  {operation:<{widths[1]}}  {shown:<{widths[2]}}"
            lines.append((f"{line}  -> {end}" if end else line).rstrip())
        return "\n".join(lines)

    def __repr__(self) -> str:
        return (
            f"<Tape of {len(self)} nodes, {self.inputs} inputs, {len(self.outputs)} outputs, "
            f"{len(self.guards)} guards>"
        )

    def __eq__(self, other: object) -> bool:
        """Whether it is the same program, to the bits of its constants."""
        return isinstance(other, Tape) and self._key() == other._key()

    __hash__ = None  # type: ignore[assignment]

    def _key(self) -> tuple[object, ...]:
        arrays = (self.starts, self.operands, self.constants, self.outputs)
        guards = [(guard.slot, guard.outcome) for guard in self.guards]
        operations = [self.primitives[code] for code in self.codes]
        return self.inputs, operations, guards, *[a.tobytes() for a in arrays]

    def __reduce__(self) -> tuple[type[Tape], tuple[object, ...]]:
        return Tape, tuple(getattr(self, name) for name in _ARGUMENTS)
