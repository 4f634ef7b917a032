"""A function that decides by ``if`` is, on open numbers, all its cases and a selection."""

import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from autograd_scalar import Value, exp, grad, log, where
from autograd_scalar.arithmetic import new_level
from autograd_scalar.cases import by_cases, is_open
from autograd_scalar.forward import Dual
from autograd_scalar.primitives import RULES
from autograd_scalar.rules import Double, choose
from autograd_scalar.tape.program import Tape
from autograd_scalar.tape.recording import record
from autograd_scalar.tape.variables import Builder


def nested(x: Any, y: Any) -> Any:
    if x > 1 and not y < 0:
        return x + 2.0
    if -1 <= x <= 1 or abs(y) >= 3.0:
        y = y * 2 if x else -y
        return y - x if y <= x else 1.0
    return choose(x > y, x / 2, 2 / y) ** 2


def on_a_tape(function: Callable[..., Any], count: int = 2) -> Tape:
    builder = Builder(count)
    return builder.tape([by_cases(function, *builder.inputs)])


def test_every_case_comes_out_as_on_floats() -> None:
    tape = on_a_tape(nested)
    chance = random.Random(0)
    edges = [0.0, -0.0, 1.0, -1.0, 3.0, -3.0, math.inf, -math.inf, math.nan]
    seen = set()
    for _ in range(2000):
        x, y = (chance.choice([*edges, chance.uniform(-4, 4)]) for _ in range(2))
        expected = nested(Double(x), Double(y))
        (found,) = tape.run([x, y])
        assert found == expected or (math.isnan(found) and math.isnan(expected)), (x, y)
        seen.add(found)
    assert len(seen) > 100


def test_what_cases_have_in_common_is_computed_once() -> None:
    def f(x: Any) -> Any:
        large = exp(x) * 3
        if large > 5:
            return large + log(x) if x < 9 else large
        return log(x) - large

    tape = on_a_tape(f, 1)
    names = [primitive.name for _, primitive, _ in tape.nodes()]
    assert sorted(names) == sorted(["exp", "*", "<", "<", "log", "+", "-", "where", "where"])


def test_cases_that_end_in_the_same_number_are_not_told_apart() -> None:
    def f(x: Any) -> Any:
        if 0 < x < 1:
            return exp(x)
        return -x

    tape = on_a_tape(f, 1)
    assert [primitive.name for _, primitive, _ in tape.nodes()].count("neg") == 1

    def g(x: Any) -> Any:
        if x > 0:
            return exp(x)
        return exp(x)

    tape = on_a_tape(g, 1)
    assert "where" not in {primitive.name for primitive in tape.primitives}


def test_numbers_that_are_known_decide_at_once() -> None:
    builder = Builder(1)
    (y,) = builder.inputs
    tape = builder.tape([by_cases(lambda x, y: y + 2.0 if x > 1 else exp(y), 2.0, y)])
    assert [primitive.name for primitive in tape.primitives] == ["+"]
    assert by_cases(nested, 2.0, 1.0) == 4.0


def test_constants_on_either_side_and_numbers_within_primitives() -> None:
    def f(x: Any) -> Any:
        y = 2 / x - x / 4 + (1 - x) * 3 - -x
        if y <= 3:
            return where(x > 0, x, 1.0) ** 3 + 2**x
        return abs(y)

    tape = on_a_tape(f, 1)
    for x in (0.5, 1.0, 2.0, -3.0, 10.0):
        assert tape.run([x]) == [f(x)]


def test_whole_numbers_of_the_program_are_no_other_than_floats() -> None:
    tape = on_a_tape(lambda x: (x * 1 + x * 1.0) if x > 0 else x * True, 1)
    assert [primitive.name for _, primitive, _ in tape.nodes()].count("*") <= 2
    assert tape.run([3.0]) == [6.0]


def test_which_numbers_are_open() -> None:
    (variable,) = Builder(1).inputs
    assert is_open(variable)
    assert is_open(variable > 0)
    for number in (1.0, 1, True, Value(1.0), Double(1.0), Dual(1.0, 1.0, new_level())):
        assert not is_open(number)


@pytest.mark.parametrize("name", ["silu", "gelu", "gaussian", "normal_pdf"])
def test_derivatives_within_a_recorded_function_need_no_guards(name: str) -> None:
    """A Value that is recorded is as open as a variable: the tape has both formulas."""
    slope = grad(RULES[name])
    recording = record(slope, [0.5], list)
    assert not recording.tape.guards
    for x in (0.5, -30.0, 39.0, -720.0, 800.0):
        assert recording.tape.run([x]) == [slope(x)]
