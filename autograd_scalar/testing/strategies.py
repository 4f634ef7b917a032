"""Strategies for Hypothesis: numbers, operands, whole programs, networks.

>>> from hypothesis import given, settings
>>> from autograd_scalar.testing import check_gradients
>>> @settings(max_examples=10, derandomize=True, deadline=None)
... @given(expressions())
... def derivatives_are_right(program):
...     check_gradients(program, *program.inputs)
>>> derivatives_are_right()

What fails is shrunk to a small program and printed as Python source.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from autograd_scalar.primitives import REAL, Primitive
from autograd_scalar.testing.programs import (
    Program,
    counts,
    interval,
    is_unclear,
    number_in,
    number_in_domain,
    random_program,
    whole_number,
    wild_number,
)
from autograd_scalar.value import Value

try:
    from hypothesis import assume
    from hypothesis import strategies as st
except ImportError:
    raise ImportError(
        "autograd_scalar.testing.strategies needs Hypothesis: pip install hypothesis"
    ) from None

__all__ = ["expressions", "finite_floats", "mlps", "operands", "values"]

T = TypeVar("T")

NUMBERS = {"safe": number_in_domain, "whole": whole_number, "wild": wild_number}


class _Drawn:
    """Choices that Hypothesis makes."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw

    def integer(self, low: int, high: int) -> int:
        return self._draw(st.integers(low, high))

    def choice(self, options: Sequence[T]) -> T:
        return self._draw(st.sampled_from(options))

    def number(self, low: float, high: float) -> float:
        return self._draw(st.floats(low, high, exclude_min=True, exclude_max=True))


def finite_floats(low: float = -1e6, high: float = 1e6) -> st.SearchStrategy[float]:
    """Floats in [low, high], neither nan nor inf.

    >>> from hypothesis import find
    >>> find(finite_floats(), lambda x: x > 2)
    3.0
    """
    return st.floats(low, high, allow_nan=False, allow_infinity=False)


def values(low: float = -1e6, high: float = 1e6) -> st.SearchStrategy[Value]:
    """Leaves: Values of finite floats in [low, high].

    >>> from hypothesis import find
    >>> find(values(), lambda v: v.data > 2)
    Value(data=3.0, grad=0.0)
    """
    return finite_floats(low, high).map(Value)


@st.composite
def numbers(draw: st.DrawFn, within: tuple[float, float] = REAL, size: float = 10.0) -> float:
    """Floats inside an open interval, none so small that a product of a few would underflow."""
    return number_in(_Drawn(draw), within, size)


@st.composite
def operands(draw: st.DrawFn, primitive: Primitive) -> tuple[float, ...]:
    """All operands of a primitive, mostly from its domain, as rules often hold beyond.

    >>> from hypothesis import find
    >>> from autograd_scalar.rules import hypot
    >>> find(operands(hypot), lambda xs: True)
    (0.0, 0.0)
    """
    count = draw(st.sampled_from(counts(primitive)))
    domains = [interval(primitive, i) for i in range(count)]
    beyond = any(within != REAL for within in domains) and draw(st.integers(0, 3)) == 3
    drawn = tuple(
        [
            draw(numbers()) if beyond else number_in_domain(_Drawn(draw), primitive, i)
            for i in range(count)
        ]
    )
    assume(not is_unclear(primitive, drawn))
    return drawn


def expressions(
    primitives: Sequence[Primitive] | None = None,
    *,
    inputs: int = 3,
    steps: int = 12,
    depth: int | None = None,
    fan_out: int | None = None,
    kind: str = "safe",
    largest: float | None = None,
) -> st.SearchStrategy[Program]:
    """Programs of random shape: straight lines of primitives with numbers to run them at.

    Args:
        primitives: what they are made of, simplest first; by default all of the package.
        inputs: how many inputs they have at most.
        steps: how many operations they have at most, without the sum at the end.
        depth: how many operations may follow each other.
        fan_out: how often a number may be used; 1 gives trees.
        kind: "safe": where derivatives exist and nothing overflows; "whole": on small whole
            numbers, with which floats do not round; "wild": at any finite numbers.
        largest: no intermediate result is larger; by default 1e4, and without limit for "wild".

    >>> from hypothesis import find
    >>> find(expressions(), lambda program: len(program.steps) > 1)
    v0 = Value(0.0)
    v1 = 0.0 + v0
    v2 = fsum(v1)
    """
    if kind not in NUMBERS:
        raise ValueError(f"expressions: kind must be one of {tuple(NUMBERS)}, not {kind!r}")
    if largest is None:
        largest = float("inf") if kind == "wild" else 1e4

    @st.composite
    def program(draw: st.DrawFn) -> Program:
        return random_program(
            _Drawn(draw),
            primitives,
            inputs=inputs,
            steps=steps,
            depth=depth,
            fan_out=fan_out,
            number=NUMBERS[kind],
            largest=largest,
        )

    return program()


@st.composite
def mlps(
    draw: st.DrawFn, inputs: int = 3, layers: int = 2, width: int = 4, outputs: int = 1
) -> tuple[Any, list[float]]:
    """Pairs of an ``nn.MLP`` and a list of numbers for its input, up to these sizes.

    >>> from hypothesis import find
    >>> model, x = find(mlps(), lambda drawn: True)
    >>> model.sizes, x
    ((1, 1), [0.0])
    """
    import nn

    nin = draw(st.integers(1, inputs))
    hidden = [draw(st.integers(1, width)) for _ in range(draw(st.integers(0, layers - 1)))]
    activation = draw(st.sampled_from(["tanh", *sorted(nn.ACTIVATIONS)]))
    model = nn.MLP(nin, [*hidden, outputs], activation=activation, rng=draw(st.integers(0, 99)))
    return model, draw(st.lists(finite_floats(-3, 3), min_size=nin, max_size=nin))
