"""Random programs: straight lines of primitives, as a graph is recorded from.

``random_program`` draws one from a source of choices. That may be a random number generator
(``RandomSource``), or Hypothesis, which then also finds the smallest program that fails.
"""

from __future__ import annotations

import math
import operator
import random
from dataclasses import dataclass

from autograd_scalar.primitives import REAL, RULES, Interval, Primitive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Protocol, TypeVar

    T = TypeVar("T")

    class Source(Protocol):
        """What choices are drawn from."""

        def integer(self, low: int, high: int) -> int:
            """A whole number in [low, high], the lower the simpler."""

        def choice(self, options: Sequence[T]) -> T:
            """One of these, the earlier the simpler."""

        def number(self, low: float, high: float) -> float:
            """A float in the open interval."""

    DrawNumber = Callable[[Source, Primitive | None, int], float]

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
"""The primitives that Python has an operator for."""


class RandomSource:
    """Choices from a random number generator, with a seed.

    >>> source = RandomSource(0)
    >>> source.integer(1, 6), source.choice("abc")
    (6, 'c')
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def integer(self, low: int, high: int) -> int:
        """Uniform in [low, high]."""
        return low + int(self._random.random() * (high - low + 1))

    def choice(self, options: Sequence[T]) -> T:
        """Each with the same probability."""
        return options[int(self._random.random() * len(options))]

    def number(self, low: float, high: float) -> float:
        """Now and then a round one or one of the ends, else uniform or near an end."""
        kind = self.integer(0, 7)
        x = low + (high - low) * self._random.random()
        if kind == 0:
            x = float(round(x))
        elif kind == 1:
            x = low + (x - low) * 10.0 ** -self.integer(1, 4)
        return x if low < x < high else 0.5 * (low + high)


# --- A program ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One operation of a program; an operand is an earlier number's index, or a constant."""

    name: str
    operands: tuple[int | float, ...]

    def __str__(self) -> str:
        shown = [f"v{o}" if isinstance(o, int) else _literal(o) for o in self.operands]
        shown = [f"({o})" if o.startswith("-") and self.name == "**" else o for o in shown]
        if self.name not in OPERATORS:
            return f"{RULES[self.name].__name__}({', '.join(shown)})"
        symbol = {"neg": "-", "abs": "abs"}.get(self.name, self.name)
        return f"{symbol}({shown[0]})" if len(shown) == 1 else f" {symbol} ".join(shown)


@dataclass(frozen=True, repr=False)
class Program:
    """A straight line of operations and the numbers to run it at; its result is the last number.

    Printed it is Python source, for which the primitives come from ``autograd_scalar.rules``.
    Called it takes numbers of any kind, floats, Values, dual numbers, and returns the result.

    >>> program = Program((2.0, 3.0), (Step("*", (0, 1)), Step("-", (1.0, 2)), Step("abs", (3,))))
    >>> program
    v0, v1 = Value(2.0), Value(3.0)
    v2 = v0 * v1
    v3 = 1.0 - v2
    v4 = abs(v3)
    >>> program(2.0, 3.0)
    5.0

    Attributes:
        inputs: a number for each argument.
        steps: the operations, in order.
    """

    inputs: tuple[float, ...]
    steps: tuple[Step, ...]

    def __repr__(self) -> str:
        names = ", ".join(f"v{i}" for i in range(len(self.inputs)))
        first = f"{names} = {', '.join(f'Value({_literal(x)})' for x in self.inputs)}"
        rest = [f"v{i} = {step}" for i, step in enumerate(self.steps, len(self.inputs))]
        return "\n".join([first, *rest])

    @property
    def __name__(self) -> str:
        return "program"

    def __call__(self, *numbers: Any) -> Any:
        """The result for these in place of the inputs."""
        if len(numbers) != len(self.inputs):
            raise TypeError(f"the program takes {len(self.inputs)} number(s), not {len(numbers)}")
        return self.run(by_functions, numbers)[-1]

    def run(self, apply: Callable[..., Any], inputs: Sequence[Any]) -> list[Any]:
        """All its numbers, inputs first, each step computed by ``apply(name, operands)``."""
        numbers = list(inputs)
        for step in self.steps:
            operands = [numbers[o] if o.__class__ is int else o for o in step.operands]
            numbers.append(apply(step.name, operands))
        return numbers


def by_functions(name: str, xs: Sequence[Any]) -> Any:
    """A step as a call of the primitive; floats in, float out."""
    return RULES[name](*xs)


def by_operators(name: str, xs: Sequence[Any]) -> Any:
    """A step as a user writes it: an operator where there is one, also with a float on the left."""
    return OPERATORS.get(name, RULES[name])(*xs)


def _literal(number: float) -> str:
    return repr(number) if math.isfinite(number) else f'float("{number}")'


# --- Operands -------------------------------------------------------------------------------------


def package_primitives() -> list[Primitive]:
    """Those of the package itself, without what others have added.

    Nor is ``detach`` among them: its derivative is a decree, with which no difference agrees.
    """
    return [
        p
        for p in RULES.values()
        if p.__module__.startswith("autograd_scalar") and p.name != "detach"
    ]


def counts(primitive: Primitive) -> tuple[int, ...]:
    """How many operands to try."""
    if not primitive.variadic:
        return (primitive.arity,)
    return {"dot": (2, 4, 6), "pick": (2, 3, 5)}.get(primitive.name, (1, 2, 3, 5))


def interval(primitive: Primitive, position: int) -> Interval:
    """Where the derivative exists, as the table of rules says."""
    return primitive.domain[0 if primitive.variadic else position]


def takes_whole_numbers(primitive: Primitive | None, position: int) -> bool:
    """Whether the operand is an order or an index, where other numbers give nan."""
    return primitive is not None and position == 0 and primitive.name in ("polygamma", "pick")


def is_unclear(primitive: Primitive, xs: Sequence[float]) -> bool:
    """Whether differences of a function say nothing about its derivatives at xs.

    On a bound of clamp they are a convention. With a small divisor ``%`` and ``//`` jump all the
    time, and differences see nothing else. A comparison of equals jumps on one side.
    """
    if primitive.name in ("<", "<="):
        return xs[0] == xs[1]
    if primitive.name in ("%", "//"):
        return abs(xs[1]) < 0.1
    return primitive.name == "clamp" and len(set(xs)) < len(xs)


def number_in(source: Source, within: Interval = REAL, size: float = 10.0) -> float:
    """A float in an open interval, none so small that a product of a few would underflow."""
    x = source.number(max(within[0], -size), min(within[1], size))
    return x if x == 0 or abs(x) > 1e-6 else math.copysign(1e-3, x)


def number_in_domain(source: Source, primitive: Primitive | None, position: int) -> float:
    """An operand for which the primitive has a derivative, or an input of a program."""
    if primitive is None:
        return number_in(source, size=3.0)
    if takes_whole_numbers(primitive, position):
        return float(source.integer(0, 3))
    return number_in(source, interval(primitive, position))


def whole_number(source: Source, primitive: Primitive | None, position: int) -> float:
    """A small one, with which floats do not round."""
    return float(source.integer(0, 6) - 3)


EXTREMES = (0.0, 1.0, 0.5, 1e-8, 20.0, 40.0, 1e-160, 1e8, 1e160, 1e-308, 5e-324, 1.7e308)


def wild_number(source: Source, primitive: Primitive | None, position: int) -> float:
    """Any finite float: extreme, near 1, whole, of any size."""
    kind = source.integer(0, 3)
    sign = source.choice((1.0, -1.0))
    if kind == 0:
        return sign * source.choice(EXTREMES)
    if kind == 1:
        return sign * float(source.integer(0, 10))
    if kind == 2:
        return sign * math.pow(10.0, source.number(-300.0, 300.0))
    return sign * source.number(0.0, 50.0)


# --- Random programs ------------------------------------------------------------------------------


def random_program(
    source: Source,
    primitives: Sequence[Primitive] | None = None,
    *,
    inputs: int = 3,
    steps: int = 12,
    depth: int | None = None,
    fan_out: int | None = None,
    number: DrawNumber = number_in_domain,
    largest: float = 1e4,
) -> Program:
    """A program that is finite everywhere, with operands in the domains.

    >>> random_program(RandomSource(3), [RULES["*"], RULES["exp"]], steps=3)
    v0 = Value(-0.7802690007115247)
    v1 = v0 * v0
    v2 = v0 * v0
    v3 = fsum(v1, v2)

    Args:
        source: where choices come from.
        primitives: what it is made of; by default all of the package.
        inputs: how many inputs it has at most.
        steps: how many operations are tried.
        depth: how many operations may follow each other, each on the result of the last.
        fan_out: how often one number may be used; 1 gives trees. None is no limit.
        number: draws an input, or a constant operand.
        largest: no result is larger.

    A step takes what is there already if it lies in the domain of the operand, which makes depth
    and sharing, and otherwise a constant. The last one adds up what no other uses, so that every
    step counts.
    """
    primitives = package_primitives() if primitives is None else primitives
    values = [number(source, None, 0) for _ in range(source.integer(1, inputs))]
    leaves = tuple(values)
    depths, uses = [0] * len(values), [0] * len(values)
    done: list[Step] = []

    def operand(primitive: Primitive, position: int) -> int | float:
        low, high = interval(primitive, position)
        fitting = (
            []
            if takes_whole_numbers(primitive, position)
            else [
                i
                for i, x in enumerate(values)
                if ((low < x < high and abs(x) <= 10) or number is wild_number)
                and (fan_out is None or uses[i] < fan_out)
                and (depth is None or depths[i] < depth - 1)
            ]
        )
        # Two of three operands are Values, the newest first, so that most steps count.
        if fitting and source.integer(0, 2):
            return fitting[-1 - source.integer(0, min(3, len(fitting) - 1))]
        return number(source, primitive, position)

    for _ in range(source.integer(min(2, steps), steps)):
        primitive = source.choice(primitives)
        chosen = [operand(primitive, i) for i in range(source.choice(counts(primitive)))]
        used = [o for o in chosen if isinstance(o, int)]
        if not used or (
            fan_out is not None and any(uses[i] + used.count(i) > fan_out for i in used)
        ):
            continue
        operands = [values[o] if isinstance(o, int) else o for o in chosen]
        # At a condition of 0 any step changes it, and the derivative is that of the branch taken.
        at_decision = primitive.name == "where" and isinstance(chosen[0], int) and not operands[0]
        if at_decision or is_unclear(primitive, operands):
            continue
        result = primitive.function(*operands)
        if math.isfinite(result) and abs(result) <= largest:
            done.append(Step(primitive.name, tuple(chosen)))
            depths.append(1 + max(depths[i] for i in used))
            for i in used:
                uses[i] += 1
            values.append(result)
            uses.append(0)
    loose = [i for i in range(len(leaves), len(values)) if not uses[i]]
    return Program(leaves, (*done, Step("fsum", tuple(loose or [0]))))
