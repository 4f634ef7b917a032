"""Variables of a tape: numbers that write down what is done with them.

The rules of the table run on them as they do on floats. What a rule computes on floats it then
writes onto the tape: so the derivative of a program is a program.
"""

from __future__ import annotations

from array import array

from autograd_scalar import rules
from autograd_scalar.arithmetic import Arithmetic
from autograd_scalar.primitives import Primitive, as_float
from autograd_scalar.tape.program import Guard, Tape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    # A primitive, the places of its operands that are not constants, and the constants in theirs.
    Node = tuple[Primitive, Sequence[int], Sequence[tuple[int, float]]]


class Constants:
    """The constants of a tape that is being written, each once.

    >>> constants = Constants([2.0])
    >>> constants.operand(3.0), constants.operand(2.0), constants.number(-2)
    (-2, -1, 3.0)

    Attributes:
        numbers: in order.
    """

    def __init__(self, numbers: Iterable[float] = ()) -> None:
        self.numbers = array("d", numbers)
        # By their hex, which tells any two floats apart, 0.0 and -0.0 too; every nan is the same.
        # Where there are two, the first one counts.
        last_first = range(-len(self.numbers), 0)
        self._known = dict(zip(map(float.hex, reversed(self.numbers)), last_first, strict=True))

    def operand(self, number: float) -> int:
        """The operand that stands for a number; one for all nodes that have the same."""
        place = self._known.setdefault(number.hex(), ~len(self.numbers))
        if ~place == len(self.numbers):
            self.numbers.append(number)
        return place

    def number(self, operand: int) -> float:
        """What the operand stands for."""
        return self.numbers[~operand]


class Builder:
    """Writes a tape, node by node.

    >>> builder = Builder(1)
    >>> (x,) = builder.inputs
    >>> builder.tape([x * x + x]).run([3.0])
    [12.0]

    Attributes:
        inputs: a variable for each input.
    """

    def __init__(self, inputs: int) -> None:
        self._inputs = inputs
        self._places: dict[Primitive, int] = {}
        self._codes = array("H")
        self._starts = array("I", [0])
        self._operands = array("i")
        self._constants = Constants()
        self.labels: dict[int, str] = {}
        self.inputs = [Variable(self, slot) for slot in range(inputs)]

    @classmethod
    def continuing(cls, tape: Tape) -> Builder:
        """A builder that has written this tape: all slots and constants are where they were.

        >>> builder = Builder(1)
        >>> builder = Builder.continuing(builder.tape([builder.inputs[0] + 1.0]))
        >>> print(builder.tape([builder.variable(1) * 2.0]))
        slot  operation  operands
           0  input
           1  +          0, 1.0
           2  *          1, 2.0    -> output 0
        """
        builder = cls(tape.inputs)
        for primitive in tape.primitives:
            builder._places.setdefault(primitive, len(builder._places))
        builder._codes = tape.codes[:]
        builder._starts = tape.starts[:]
        builder._operands = tape.operands[:]
        builder._constants = Constants(tape.constants)
        builder.labels = dict(tape.labels)
        return builder

    def constant(self, number: float) -> int:
        """The operand that stands for a constant; one for all nodes that have the same."""
        return self._constants.operand(number)

    def number(self, operand: int) -> float:
        """The number of a constant."""
        return self._constants.number(operand)

    def operand(self, number: Any) -> int:
        """The operand that stands for a variable of this tape, or for a number."""
        if number.__class__ is Variable:
            if number.builder is not self:
                raise ValueError(f"{number!r} is a variable of another tape")
            return number.slot
        return self.constant(as_float(number, "a constant of a tape"))

    def node(self, primitive: Primitive, operands: Iterable[int]) -> int:
        """Write a node and return its slot; the operands are slots, or constants below 0."""
        self._codes.append(self._places.setdefault(primitive, len(self._places)))
        self._operands.extend(operands)
        self._starts.append(len(self._operands))
        return self._inputs + len(self._codes) - 1

    def apply(self, primitive: Primitive, operands: Sequence[Any]) -> Variable:
        """Write a node over variables and numbers."""
        return Variable(self, self.node(primitive, map(self.operand, operands)))

    def stamp(self, pattern: Sequence[Node], operands: Sequence[int]) -> list[int]:
        """Write the nodes of a pattern, with these operands for its inputs; return all slots.

        That is a list of the operands and then of the new slots, which the pattern's own operands
        mean by their places in it.
        """
        found = list(operands)
        for primitive, sources, constants in pattern:
            chosen = [found[source] for source in sources]
            for place, number in constants:
                chosen.insert(place, self.constant(number))
            found.append(self.node(primitive, chosen))
        return found

    def variable(self, operand: int) -> Any:
        """The variable of a slot, or the number of a constant."""
        return Variable(self, operand) if operand >= 0 else self._constants.number(operand)

    def tape(self, outputs: Iterable[Any], guards: Iterable[Guard] = ()) -> Tape:
        """The program whose outputs are these variables or numbers."""
        return self.tape_of(map(self.operand, outputs), guards)

    def tape_of(self, outputs: Iterable[int], guards: Iterable[Guard] = ()) -> Tape:
        """The program whose outputs are these operands."""
        places = list(outputs)  # first, as it may write constants
        return Tape(
            self._inputs, tuple(self._places), self._codes, self._starts, self._operands,
            self._constants.numbers, places, guards, self.labels,
        )  # fmt: skip


class Variable(Arithmetic):
    """A slot of a tape that is being written.

    Comparisons write themselves down too, as 1.0 or 0.0: what they come out as is not known.

    Attributes:
        builder: writes the tape.
        slot: of the number.
    """

    __slots__ = ("builder", "slot")

    is_open = True  # see ``rules.choose``

    def __init__(self, builder: Builder, slot: int) -> None:
        self.builder = builder
        self.slot = slot

    @classmethod
    def __primitive__(cls, primitive: Primitive, operands: tuple[Any, ...]) -> Any:
        builder = next(o.builder for o in operands if o.__class__ is cls)
        return builder.apply(primitive, operands)

    @property
    def data(self) -> float:
        """There is no number before the tape runs."""
        raise NotRecordable("a number that is not known before the tape runs was asked for")

    def __bool__(self) -> bool:
        raise NotRecordable("a decision of Python's hangs on a number of a tape: say rules.choose")

    def __lt__(self, other: Any) -> Any:
        return rules.less(self, other)

    def __le__(self, other: Any) -> Any:
        return rules.less_equal(self, other)

    def __gt__(self, other: Any) -> Any:
        return rules.less(other, self)

    def __ge__(self, other: Any) -> Any:
        return rules.less_equal(other, self)

    def __repr__(self) -> str:
        return f"<variable {self.slot} of a tape>"


class NotRecordable(TypeError):
    """Asked of a variable what only a number can tell."""
