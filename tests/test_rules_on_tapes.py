"""Every rule runs on the variables of a tape, and says there what it says on floats, to the bit."""

import math
import random
from collections.abc import Iterator
from itertools import product

import pytest

from autograd_scalar import Value
from autograd_scalar.chain_rule import pullback
from autograd_scalar.primitives import RULES, Primitive
from autograd_scalar.tape.derivatives import value_and_gradient
from autograd_scalar.tape.program import Tape
from autograd_scalar.tape.variables import Builder
from autograd_scalar.testing.programs import (
    RandomSource,
    counts,
    number_in_domain,
    wild_number,
)
from tests.sweeps import same, sweep

INF, NAN = math.inf, math.nan
# Where rules change their formula, where numbers leave the range, and where they are none.
EDGES = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    2.0,
    -2.0,
    4.0,
    26.6,
    -27.0,
    37.6,
    -38.5,
    50.5,
    -650.0,
    -701.0,
    710.0,
)
EDGES += (INF, -INF, NAN, 5e-324, -5e-324, 1e-308, 1e-160, 1e160, -1e300, 1.7e308)


def points(primitive: Primitive, count: int, size: int) -> Iterator[list[float]]:
    """Operands from the domain, of any size, and the edges in many combinations."""
    source, chance = RandomSource(count), random.Random(count)
    for _ in range(size):
        yield [number_in_domain(source, primitive, i) for i in range(count)]
        yield [wild_number(source, primitive, i) for i in range(count)]
        yield chance.choices(EDGES, k=count)
    if count == 1 or (count == 2 and size >= 200):
        yield from map(list, product(EDGES, repeat=count))


def same_bits(a: float, b: float) -> bool:
    return same(a, b) and (a != 0 or math.copysign(1.0, a) == math.copysign(1.0, b))


@sweep
def test_a_rule_writes_down_what_it_computes_on_floats(primitive: Primitive) -> None:
    chance = random.Random(3)
    for count in counts(primitive):
        builder = Builder(count + 2)
        g, y, *xs = builder.inputs
        tape = builder.tape(pullback(primitive, g, y, xs, range(count)))
        for numbers in points(primitive, count, 200):
            result = primitive.function(*numbers)
            seed = chance.choice([1.0, -2.5, 0.0, 1e-300, -1e300, INF, chance.gauss(0.0, 1.0)])
            expected = pullback(primitive, seed, result, numbers, range(count))
            found = tape.run([seed, result, *numbers])
            assert all(map(same_bits, map(float, expected), found)), (seed, numbers)


@sweep
def test_a_rule_that_is_told_constants_writes_down_the_same(primitive: Primitive) -> None:
    """With a constant exponent, say, it knows already which formula to take."""
    for count in counts(primitive):
        if count == 1:
            continue
        for constant, numbers in enumerate(points(primitive, count, 20)):
            constant %= count
            builder = Builder(count + 2)
            g, y, *xs = builder.inputs
            xs[constant] = numbers[constant]  # type: ignore[call-overload]
            places = [i for i in range(count) if i != constant]
            tape = builder.tape(pullback(primitive, g, y, xs, places))
            result = primitive.function(*numbers)
            expected = pullback(primitive, -2.5, result, numbers, places)
            found = tape.run([-2.5, result, *numbers])
            assert all(map(same_bits, map(float, expected), found)), (constant, numbers)


def first_derivatives(primitive: Primitive, count: int) -> Tape:
    builder = Builder(count)
    y = builder.apply(primitive, builder.inputs)
    return builder.tape(pullback(primitive, 1.0, y, builder.inputs, range(count)))


@sweep
def test_the_program_of_second_derivatives_says_what_the_graph_does(primitive: Primitive) -> None:
    """To the bit, but for three operands and more, which a norm adds up in another order."""
    for count in [count for count in counts(primitive) if count <= 4]:
        first = first_derivatives(primitive, count)
        for i in range(count):
            second = value_and_gradient(first, range(count), i, strict=True)
            for numbers in points(primitive, count, 30):
                values = list(map(Value, numbers))
                contribution = pullback(primitive, 1.0, primitive(*values), values, range(count))[i]
                if not isinstance(contribution, Value):
                    continue
                contribution.backward()
                expected = [contribution.data, *[value.grad for value in values]]
                found = second.run(numbers)
                finite = [abs(x) for x in expected if math.isfinite(x)]
                unit = math.ulp(max(finite, default=0.0)) if primitive.name == "norm" else 0.0
                for a, b in zip(expected, found, strict=True):
                    assert same(a, b) or abs(a - b) <= unit, (i, numbers)


@pytest.mark.parametrize(
    ("exponent", "length"), [(1.0, 3), (2.0, 3), (0.5, 3), (4.0, 3), (5.0, 19), (-1.0, 19)]
)
def test_a_power_with_a_constant_exponent_is_a_short_program(exponent: float, length: int) -> None:
    builder = Builder(3)
    g, y, x = builder.inputs
    tape = builder.tape(pullback(RULES["**"], g, y, [x, exponent], [0]))
    assert len(tape) == length


def test_a_power_of_two_variables_computes_nothing_twice() -> None:
    builder = Builder(4)
    g, y, x, n = builder.inputs
    tape = builder.tape(pullback(RULES["**"], g, y, [x, n], [0]))
    nodes = [(primitive, tuple(operands)) for _, primitive, operands in tape.nodes()]
    assert len(nodes) == len(set(nodes))
    assert len([primitive for primitive, _ in nodes if primitive.name == "**"]) == 3
