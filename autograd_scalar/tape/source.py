"""The `python` backend: a tape as straight-line Python source, readable, and what runs it.

The same source runs on floats and, with NumPy's functions under the same names, on arrays.
"""

from __future__ import annotations

import keyword
import math
import re
from functools import cached_property
from math import inf, nan

from autograd_scalar import rules
from autograd_scalar.primitives import Primitive
from autograd_scalar.tape.passes import forward_part

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from autograd_scalar.tape.program import Tape

# What the float functions of the rules are where nothing raises. What does raise is computed again,
# by the rules themselves.
_BARE: dict[Primitive, Callable[..., float]] = {
    rules.power: math.pow,
    rules.absolute: math.fabs,
    rules.exp: math.exp,
    rules.expm1: math.expm1,
    rules.exp2: math.exp2,
    rules.log: math.log,
    rules.log1p: math.log1p,
    rules.log2: math.log2,
    rules.log10: math.log10,
    rules.sqrt: math.sqrt,
    rules.sin: math.sin,
    rules.cos: math.cos,
    rules.tan: math.tan,
    rules.asin: math.asin,
    rules.acos: math.acos,
    rules.atan: math.atan,
    rules.atan2: math.atan2,
    rules.sinh: math.sinh,
    rules.cosh: math.cosh,
    rules.tanh: math.tanh,
    rules.asinh: math.asinh,
    rules.acosh: math.acosh,
    rules.atanh: math.atanh,
    rules.hypot: math.hypot,
    rules.norm: math.hypot,
    rules.erf: math.erf,
    rules.erfc: math.erfc,
}
_INFIX = {
    rules.add: "+",
    rules.subtract: "-",
    rules.multiply: "*",
    rules.divide: "/",
    rules.less: "<",
    rules.less_equal: "<=",
}
_WIDTH = 92  # of an expression, before it gets a line of its own
DIFFERENTIATED = ("value_and_gradient", "batch_value_and_gradient")
_SUMS = frozenset({"+", "-"})
_COMPARISONS = (rules.less, rules.less_equal)


def function_names(tape: Tape) -> dict[str, Primitive]:
    """What the primitives of the tape that have no sign are called in its source."""
    found: dict[str, Primitive] = {}
    for primitive in tape.primitives:
        if primitive in _INFIX or primitive in (rules.negative, rules.dot):
            continue
        name = _identifier(getattr(primitive, "__name__", None) or primitive.name)
        while found.setdefault(name, primitive) is not primitive:
            name += "_"
    return found


def source(tape: Tape, name: str = "program", *, free: bool = False) -> str:
    """Python source of a function that takes the inputs as one sequence and returns the outputs.

    With ``free`` it lets go of each number after its last use: of arrays, a batch's, there are then
    only as many as are needed at a time.

    >>> from autograd_scalar.tape.variables import Builder
    >>> builder = Builder(2)
    >>> x, y = builder.inputs
    >>> builder.labels.update({0: "x", 1: "y"})
    >>> print(source(builder.tape([rules.tanh(x * y + 1.0) * y])))
    def program(inputs):
        x, y = inputs
        return (tanh(x * y + 1.0) * y,)
    """
    return _Writer(tape, free).function(name)


class _Writer:
    """Turns slots into expressions: what one line alone needs is written in that line."""

    def __init__(self, tape: Tape, free: bool) -> None:
        self.tape = tape
        self.free = free
        self.functions = {p: name for name, p in function_names(tape).items()}
        self.names = _variable_names(tape, set(self.functions.values()) | {"inputs", "inf", "nan"})
        self.uses = [0] * tape.slots
        for o in tape.operands:
            if o >= 0:
                self.uses[o] += 1
        for o in tape.outputs:
            if o >= 0:
                self.uses[o] += 1
        self.numbers = _needed_as_numbers(tape)
        # Expressions not yet on a line: how they bind, and the slots that they name.
        self.loose: dict[int, tuple[str, int, list[int]]] = {}
        self.named: list[int] = []  # by the expression being written

    def function(self, name: str) -> str:
        tape = self.tape
        lines = [f"def {name}(inputs):"]
        inputs = [self.names[slot] for slot in range(tape.inputs)]
        if inputs:
            lines += _wrapped(inputs, "    ")
            lines[-1] += "," * (len(inputs) == 1) + " = inputs"
            if len(lines) > 2:
                lines[1] = f"    ({lines[1].strip()}"
                lines[-1] = lines[-1].replace(" = inputs", ") = inputs")
        last: dict[int, int] = {}  # for each slot the last line that names it
        backward = tape.inputs + forward_part(tape) if len(tape.outputs) > 1 else tape.slots
        for slot, primitive, operands in tape.nodes():
            if slot >= backward and name.startswith(DIFFERENTIATED):
                lines.append("    # backward")
                backward = tape.slots
            self.named = []
            text, binding = self.expression(primitive, operands)
            if primitive in _COMPARISONS and slot in self.numbers:
                text, binding = f"{text} * 1.0", 1
            if self.uses[slot] == 1 and slot not in tape.labels and len(text) < _WIDTH // 2:
                self.loose[slot] = text, binding, self.named
            else:
                last.update(dict.fromkeys(self.named, len(lines)))
                lines.append(f"    {self.names[slot]} = {text}{self.comment(slot)}")
        self.named = []
        outputs = [self.operand(o, 0) for o in tape.outputs]
        if self.free:
            for slot, line in last.items():
                if slot >= tape.inputs and slot not in self.named:
                    lines[line] += f"; del {self.names[slot]}"
        pieces = _wrapped(outputs, "        ")
        if len(pieces) == 1:
            comma = "," * (len(outputs) == 1)
            lines.append(f"    return ({pieces[0].strip()}{comma})")
        else:
            lines += ["    return (", *pieces, "    )"]
        return "\n".join(lines)

    def comment(self, slot: int) -> str:
        label = self.tape.labels.get(slot)
        if label is None or label == self.names[slot] or self.free:
            return ""
        return f"  # {' '.join(label.split())}"

    def expression(self, primitive: Primitive, operands: Sequence[int]) -> tuple[str, int]:
        """The text, and how it binds: 3 a name or a call, 2 a sign, 1 a product, 0 a sum."""
        if primitive is rules.negative:
            return f"-{self.operand(operands[0], 3)}", 2
        if primitive is rules.dot:
            half = len(operands) // 2
            pairs = zip(operands[:half], operands[half:], strict=True)
            return " + ".join(self.product(a, b) for a, b in pairs), 0 if half > 1 else 1
        sign = _INFIX.get(primitive)
        if sign is None:
            inner = ", ".join(self.operand(o, 0) for o in operands)
            return f"{self.functions[primitive]}({inner})", 3
        if sign.startswith("<"):
            a, b = (self.operand(o, 0) for o in operands)
            return f"({a} {sign} {b})", 3
        binding = 0 if sign in _SUMS else 1
        a = self.operand(operands[0], binding)
        b = self.operand(operands[1], binding + 1)  # a - (b - c) and a + (b + c) are as they stand
        return f"{a} {sign} {b}", binding

    def product(self, a: int, b: int) -> str:
        if b < 0 and self.tape.constants[~b] == 1.0:
            return self.operand(a, 1)
        return f"{self.operand(a, 2)} * {self.operand(b, 3)}"

    def operand(self, operand: int, binding: int) -> str:
        """An operand's name, number, or expression in parentheses if it binds less than that."""
        if operand < 0:
            text, binds = _literal(self.tape.constants[~operand])
        elif operand in self.loose:
            text, binds, named = self.loose.pop(operand)
            self.named += named
        else:
            self.named.append(operand)
            return self.names[operand]
        return text if binds >= binding else f"({text})"


def _needed_as_numbers(tape: Tape) -> set[int]:
    """The slots that are not conditions alone: Python's comparisons are no numbers, 1 or 0."""
    found = set(tape.outputs)
    for _, primitive, operands in tape.nodes():
        found.update(operands[1:] if primitive is rules.where else operands)
    return found


def _literal(number: float) -> tuple[str, int]:
    text = repr(number)
    return text, 2 if text.startswith("-") else 3


def _variable_names(tape: Tape, taken: set[str]) -> list[str]:
    names = []
    for slot in range(tape.slots):
        label = tape.labels.get(slot)
        name = f"v{slot}" if label is None else _identifier(label)
        while name in taken:
            name = f"{name}_{slot}"
        taken.add(name)
        names.append(name)
    return names


def _identifier(text: str) -> str:
    """The text as a Python name: ``x[0]`` is x_0."""
    name = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or "v"
    if name[0].isdigit() or keyword.iskeyword(name):
        name = f"v_{name}"
    return name


def _wrapped(items: Sequence[str], indent: str) -> list[str]:
    lines = [indent]
    for i, item in enumerate(items):
        piece = item if i == len(items) - 1 else f"{item}, "
        if len(lines[-1]) + len(piece) > 100 and lines[-1] != indent:
            lines.append(indent)
        lines[-1] += piece
    return [line.rstrip() for line in lines]


# --- Running it -----------------------------------------------------------------------------------

LONGEST = 20_000
"""From how many nodes on the tape is run node by node: Python would take long to compile it."""


class PythonProgram:
    """A tape, ready to be run on floats.

    >>> from autograd_scalar.tape.variables import Builder
    >>> builder = Builder(1)
    >>> program = PythonProgram(builder.tape([1.0 / builder.inputs[0]]))
    >>> program([4.0]), program([0.0])
    ((0.25,), (inf,))
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape

    @cached_property
    def source(self) -> str:
        """What it runs, where that is not too long."""
        return source(self.tape)

    @cached_property
    def _function(self) -> Callable[[Sequence[float]], Any]:
        if len(self.tape) > LONGEST:
            return self.tape.run
        names: dict[str, Any] = {"inf": inf, "nan": nan}
        for name, primitive in function_names(self.tape).items():
            names[name] = _BARE.get(primitive, primitive.function)
        return compiled(self.source, names)

    def __call__(self, numbers: Sequence[float]) -> Sequence[float]:
        """The outputs for these inputs, which are floats."""
        try:
            return self._function(numbers)  # type: ignore[no-any-return]
        except (ZeroDivisionError, OverflowError, ValueError):
            return tuple(self.tape.run(numbers))  # by functions that never raise


def compiled(text: str, names: dict[str, Any]) -> Callable[..., Any]:
    """The function that the source defines, with these names for its globals."""
    exec(compile(text, "<tape>", "exec"), names)
    return names["program"]  # type: ignore[no-any-return]
