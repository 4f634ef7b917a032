"""Random programs and what draws them: shapes, sources, the same generator from either."""

import math
from typing import Any

import pytest
from hypothesis import find, given
from hypothesis import strategies as st

import autograd_scalar
from autograd_scalar import Value
from autograd_scalar.forward import Dual
from autograd_scalar.primitives import RULES
from autograd_scalar.testing.programs import (
    Program,
    RandomSource,
    Step,
    package_primitives,
    random_program,
    whole_number,
)
from autograd_scalar.testing.strategies import (
    expressions,
    finite_floats,
    mlps,
    operands,
    values,
)
from autograd_scalar.transforms import jvp
from tests.random_programs import exact_partial, examine, examine_all
from tests.sweeps import examples, same

NAMES = vars(autograd_scalar) | {p.__name__: p for p in package_primitives()}


def depths(program: Program) -> list[int]:
    found = [0] * len(program.inputs)
    for step in program.steps:
        found.append(1 + max(found[o] for o in step.operands if isinstance(o, int)))
    return found


def uses(program: Program) -> list[int]:
    operands = [o for step in program.steps for o in step.operands if isinstance(o, int)]
    return [operands.count(i) for i in range(len(program.inputs) + len(program.steps))]


@examples(60)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 8), st.integers(2, 6))
def test_a_program_has_the_shape_asked_for(seed: int, inputs: int, steps: int, depth: int) -> None:
    program = random_program(RandomSource(seed), inputs=inputs, steps=steps, depth=depth)
    assert 1 <= len(program.inputs) <= inputs
    assert len(program.steps) <= steps + 1
    assert max(depths(program)) <= depth
    assert all(uses(program)[len(program.inputs) : -1])  # every step counts
    tree = random_program(RandomSource(seed), fan_out=1)
    assert max(uses(tree)) == 1
    twice = random_program(RandomSource(seed), fan_out=2)
    assert max(uses(twice)) <= 2


def test_programs_use_every_primitive_share_and_go_deep() -> None:
    drawn = [random_program(RandomSource(seed)) for seed in range(2000)]
    used = {step.name for program in drawn for step in program.steps}
    assert used == {p.name for p in package_primitives()}
    assert max(max(uses(program)) for program in drawn) > 4
    assert max(max(depths(program)) for program in drawn) > 7
    assert len({program for program in drawn}) > 1990


@examples(60)
@given(expressions())
def test_a_program_is_finite_and_takes_numbers_of_any_kind(program: Program) -> None:
    y = program(*program.inputs)
    assert isinstance(y, float)
    assert math.isfinite(y)
    node = program(*map(Value, program.inputs))
    assert same(node.data, y)
    primal, _ = jvp(program, program.inputs, (1.0,) * len(program.inputs))
    assert same(primal, y)
    assert isinstance(program(*[Dual(x, 1.0, 0) for x in program.inputs]), Dual)


@examples(60)
@given(expressions(kind="wild"))
def test_a_wild_program_can_be_pasted_too(program: Program) -> None:
    names = dict(NAMES)
    exec(str(program), names)
    last = names[f"v{len(program.inputs) + len(program.steps) - 1}"]
    assert same(last.data, program(*program.inputs))


@examples(40)
@given(expressions([RULES[name] for name in ("+", "-", "*", "relu")], kind="whole"))
def test_a_program_on_whole_numbers_stays_whole(program: Program) -> None:
    assert all(x == int(x) for x in program.inputs)
    assert program(*program.inputs) == int(program(*program.inputs))


def test_what_fails_is_shrunk_to_a_small_program() -> None:
    smallest = find(expressions(), lambda p: any(step.name == "sin" for step in p.steps))
    assert str(smallest) == "v0 = Value(0.0)\nv1 = sin(v0)\nv2 = fsum(v1)"


def test_one_seed_is_one_program() -> None:
    assert random_program(RandomSource(5)) == random_program(RandomSource(5))
    assert random_program(RandomSource(5)) != random_program(RandomSource(6))
    source = RandomSource(1)
    assert {source.integer(2, 4) for _ in range(99)} == {2, 3, 4}
    assert {source.choice("ab") for _ in range(99)} == {"a", "b"}
    assert all(0.0 < source.number(0.0, 1.0) < 1.0 for _ in range(999))
    assert {whole_number(source, None, 0) for _ in range(99)} == set(map(float, range(-3, 4)))


def test_the_number_of_arguments_is_checked() -> None:
    program = Program((1.0,), (Step("neg", (0,)),))
    with pytest.raises(TypeError, match="takes 1 number"):
        program(1.0, 2.0)
    with pytest.raises(ValueError, match="kind must be one of"):
        expressions(kind="tame")


@examples(30)
@given(finite_floats(-2, 2), values(0, 1), operands(RULES["log"]), mlps(inputs=2, outputs=3))
def test_strategies_stay_within_their_bounds(
    x: float, v: Value, xs: tuple[float, ...], drawn: tuple[Any, list[float]]
) -> None:
    assert -2 <= x <= 2
    assert 0 <= v.data <= 1
    assert len(xs) == 1
    model, inputs = drawn
    assert len(inputs) == model.sizes[0] <= 2
    assert len(model(inputs)) == 3


# --- The command ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_2000_random_programs_are_right_in_every_mode_and_raise_no_false_alarm(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert examine_all(2000, seed=3, processes=1), capsys.readouterr().out
    tally = {
        name.strip(): int(count)
        for count, _, name in (
            line.strip().partition(" ") for line in capsys.readouterr().out.splitlines()
        )
        if count.isdigit()
    }
    assert tally["programs"] == 2000
    assert tally["compared to second order"] > 0.9 * 2000
    assert tally["derivatives beside 60 digits"] > 0.9 * 2 * 2000


def test_a_wrong_rule_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    program = Program((0.5,), (Step("sin", (0,)), Step("fsum", (1,))))
    assert exact_partial(program, 0).value == pytest.approx(math.cos(0.5))
    assert not examine(program).failures
    monkeypatch.setattr(RULES["sin"], "derivatives", (lambda g, y, x: g * 0.9,))
    tally = examine(program)
    assert tally.counts["false alarms"] == 1
    assert "sin" in tally.failures[0]
