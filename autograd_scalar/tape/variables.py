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
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    # Gives numbers and variables for numbers and variables, and writes with the builder.
    Function = Callable[..., Sequence[Any]]


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
        self._codes: list[int] = []
        self._starts = [0]
        self._operands: list[int] = []
        self._constants = Constants()
        self._patterns: dict[Any, Pattern | None] = {}
        self._stamps: dict[Pattern, tuple[list[tuple[int, list[int]]], list[int]]] = {}
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
        builder._codes = tape.codes.tolist()
        builder._starts = tape.starts.tolist()
        builder._operands = tape.operands.tolist()
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
        self._operands += operands
        self._starts.append(len(self._operands))
        return self._inputs + len(self._codes) - 1

    def _code(self, primitive: Primitive) -> int:
        return self._places.setdefault(primitive, len(self._places))

    def apply(self, primitive: Primitive, operands: Sequence[Any]) -> Variable:
        """Write a node over variables and numbers."""
        return Variable(self, self.node(primitive, map(self.operand, operands)))

    def stamp(self, pattern: Pattern, operands: Iterable[int]) -> list[int]:
        """Write the nodes of a pattern, with these operands for its inputs; return its outputs."""
        stamp = self._stamps.get(pattern)
        if stamp is None:
            nodes = [(self._code(primitive), sources) for primitive, sources in pattern.nodes]
            stamp = self._stamps[pattern] = nodes, list(map(self.constant, pattern.constants))
        nodes, constants = stamp
        slot = self._inputs + len(self._codes)
        written = self._operands
        found = [*constants, *operands]
        for code, sources in nodes:
            self._codes.append(code)
            written += [found[source] for source in sources]
            self._starts.append(len(written))
            found.append(slot)
            slot += 1
        return [found[output] for output in pattern.outputs]

    def write(self, function: Function, operands: Sequence[int]) -> list[int]:
        """Write what a function computes of these operands; return its results.

        It is told the numbers of constants, since it may come out shorter for them. From the second
        time on, for the same constants, its pattern is stamped.
        """
        key = (function, *[o if o < 0 else 0 for o in operands])
        pattern = self._patterns.get(key)
        if pattern is not None:
            return self.stamp(pattern, operands)
        numbers = list(map(self.variable, operands))
        if key in self._patterns:
            known = {i: x for i, x in enumerate(numbers) if x.__class__ is float}
            self._patterns[key] = pattern = Pattern(function, len(operands), known)
            return self.stamp(pattern, operands)
        self._patterns[key] = None
        return list(map(self.operand, function(self, *numbers)))

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


class Pattern:
    """What a function writes, to be written again for other operands.

    Args:
        function: of a builder and of numbers, gives numbers.
        count: how many.
        known: for those that are constants the number.

    Attributes:
        nodes: primitives and the places of their operands among all of: constants, operands of the
            function, nodes.
        constants: numbers.
        outputs: places of the results.
    """

    def __init__(
        self, function: Function, count: int, known: Mapping[int, float] | None = None
    ) -> None:
        builder = Builder(count)
        numbers: list[Any] = list(builder.inputs)
        for i, number in (known or {}).items():
            numbers[i] = number
        tape = builder.tape(function(builder, *numbers))
        shift = len(tape.constants)

        def moved(operands: Iterable[int]) -> list[int]:
            return [o + shift if o >= 0 else ~o for o in operands]

        self.nodes = [(primitive, moved(operands)) for _, primitive, operands in tape.nodes()]
        self.constants = tape.constants
        self.outputs = moved(tape.outputs)


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
