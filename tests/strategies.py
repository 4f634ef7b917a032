"""What Hypothesis draws: operands for every primitive, and whole programs of them."""

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from autograd_scalar.primitives import REAL, RULES, Interval, Primitive

# Those of the package: a doctest or another test file may have made primitives of its own.
PRIMITIVES = [p for p in RULES.values() if p.__module__.startswith("autograd_scalar")]

OPERATORS: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "%": operator.mod,
    "//": operator.floordiv,
    "neg": operator.neg,
    "abs": operator.abs,
}


def counts(primitive: Primitive) -> tuple[int, ...]:
    """How many operands to try."""
    if not primitive.variadic:
        return (primitive.arity,)
    return (2, 4, 6) if primitive.name == "dot" else (1, 2, 3, 5)


def interval(primitive: Primitive, position: int) -> Interval:
    """Where the derivative exists, as the table of rules says."""
    return primitive.domain[0 if primitive.variadic else position]


def numbers(within: Interval = REAL, size: float = 10.0) -> st.SearchStrategy[float]:
    """Floats inside an open interval, none so small that a product of a few would underflow."""
    low, high = max(within[0], -size), min(within[1], size)
    return st.floats(low, high, exclude_min=low == within[0], exclude_max=high == within[1]).filter(
        lambda x: x == 0 or abs(x) > 1e-6
    )


def operand(primitive: Primitive, position: int) -> st.SearchStrategy[float]:
    """One operand from the domain."""
    if (primitive.name, position) == ("polygamma", 0):  # an order, where others give nan
        return st.sampled_from([0.0, 1.0, 2.0, 3.0])
    return numbers(interval(primitive, position))


@st.composite
def operands(draw: st.DrawFn, primitive: Primitive) -> tuple[float, ...]:
    """All operands, mostly from the domain, as the rules often hold beyond the interval."""
    count = draw(st.sampled_from(counts(primitive)))
    beyond = any(within != REAL for within in primitive.domain) and draw(st.integers(0, 3)) == 0
    one = (lambda primitive, i: numbers()) if beyond else operand
    drawn = tuple([draw(one(primitive, i)) for i in range(count)])
    assume(not is_unclear(primitive, drawn))
    return drawn


def is_unclear(primitive: Primitive, xs: Sequence[float]) -> bool:
    """Whether differences of a function say nothing about its derivatives at xs.

    On a bound of clamp they are a convention. With a small divisor ``%`` and ``//`` jump all the
    time, and differences see nothing else.
    """
    if primitive.name in ("%", "//"):
        return abs(xs[1]) < 0.1
    return primitive.name == "clamp" and len(set(xs)) < len(xs)


# --- Programs -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One operation of a program; an operand is an earlier number's index, or a constant."""

    name: str
    operands: tuple[int | float, ...]

    def __str__(self) -> str:
        shown = [f"v{o}" if isinstance(o, int) else repr(o) for o in self.operands]
        shown = [f"({o})" if o.startswith("-") and self.name == "**" else o for o in shown]
        if self.name not in OPERATORS:
            return f"{RULES[self.name].__name__}({', '.join(shown)})"
        symbol = {"neg": "-", "abs": "abs"}.get(self.name, self.name)
        return f"{symbol}({shown[0]})" if len(shown) == 1 else f" {symbol} ".join(shown)


@dataclass(frozen=True, repr=False)
class Program:
    """A straight line of operations: what a graph is recorded from. Its result is the last number.

    >>> program = Program((2.0, 3.0), (Step("*", (0, 1)), Step("-", (1.0, 2)), Step("sin", (3,))))
    >>> program
    v0, v1 = Value(2.0), Value(3.0)
    v2 = v0 * v1
    v3 = 1.0 - v2
    v4 = sin(v3)
    """

    inputs: tuple[float, ...]
    steps: tuple[Step, ...]

    def __repr__(self) -> str:
        names = ", ".join(f"v{i}" for i in range(len(self.inputs)))
        first = f"{names} = {', '.join(f'Value({x!r})' for x in self.inputs)}"
        rest = [f"v{i} = {step}" for i, step in enumerate(self.steps, len(self.inputs))]
        return "\n".join([first, *rest])

    def run(self, apply: Callable[..., Any], inputs: Sequence[Any]) -> list[Any]:
        """All its numbers, inputs first, each step computed by ``apply(name, operands)``."""
        numbers = list(inputs)
        for step in self.steps:
            operands = [numbers[o] if isinstance(o, int) else o for o in step.operands]
            numbers.append(apply(step.name, operands))
        return numbers


def by_functions(name: str, xs: Sequence[Any]) -> Any:
    """A step as a call of the primitive; floats in, float out."""
    return RULES[name](*xs)


def by_operators(name: str, xs: Sequence[Any]) -> Any:
    """A step as a user writes it: an operator where there is one, also with a float on the left."""
    return OPERATORS.get(name, RULES[name])(*xs)


@st.composite
def programs(
    draw: st.DrawFn,
    primitives: Sequence[Primitive] = PRIMITIVES,
    number: Callable[[Primitive, int], st.SearchStrategy[float]] = operand,
    largest: float = 1e4,
) -> Program:
    """Programs that are finite everywhere, with operands in the domains.

    Each step takes what is there already if it lies in the domain of the operand, which makes
    depth and sharing, and otherwise a constant. No result is larger than ``largest``. The last
    step adds up what no other uses, so that every step counts.
    """
    some = numbers(size=3.0) if number is operand else number(primitives[0], 0)
    inputs = tuple(draw(st.lists(some, min_size=1, max_size=3)))
    values = list(inputs)
    steps: list[Step] = []
    for _ in range(draw(st.integers(2, 12))):
        primitive = draw(st.sampled_from(primitives))
        count = draw(st.sampled_from(counts(primitive)))
        chosen: list[int | float] = []
        for position in range(count):
            low, high = interval(primitive, position)
            fitting = [i for i, x in enumerate(values) if low < x < high and abs(x) <= 10]
            if (primitive.name, position) == ("polygamma", 0):
                fitting = []
            # Two of three operands are Values, the newest first, so that most steps count.
            if fitting and draw(st.integers(0, 2)):
                chosen.append(fitting[-1 - draw(st.integers(0, min(3, len(fitting) - 1)))])
            else:
                chosen.append(draw(number(primitive, position)))
        numbers_in = [values[o] if isinstance(o, int) else o for o in chosen]
        if all(isinstance(o, float) for o in chosen) or is_unclear(primitive, numbers_in):
            continue
        result = primitive.function(*numbers_in)
        if math.isfinite(result) and abs(result) <= largest:
            steps.append(Step(primitive.name, tuple(chosen)))
            values.append(result)
    used = {o for step in steps for o in step.operands if isinstance(o, int)}
    loose = tuple([i for i in range(len(inputs), len(values)) if i not in used])
    return Program(inputs, (*steps, Step("fsum", loose or (0,))))


WHOLE = [RULES[name] for name in ("+", "-", "*", "neg", "abs", "fsum", "dot", "prod", "relu")]
WHOLE += [RULES[name] for name in ("maximum", "minimum", "where", "clamp", "leaky_relu")]


def whole_programs() -> st.SearchStrategy[Program]:
    """Programs on small whole numbers, where floats do not round and laws hold to the bit."""
    return programs(WHOLE, lambda *_: st.integers(-3, 3).map(float), 100.0)
