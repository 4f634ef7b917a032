"""Derivatives of tapes: the eager engine's, to the last bit."""

import math
import random
import warnings
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_scalar import Value, grad, hvp, jacobian, primitive, rules
from autograd_scalar.primitives import RULES
from autograd_scalar.tape import derivatives
from autograd_scalar.tape.derivatives import RuleCall, rule_of, value_and_gradient
from autograd_scalar.tape.kernels import lower
from autograd_scalar.tape.program import Guard
from autograd_scalar.tape.recording import record
from autograd_scalar.tape.variables import Builder, NotRecordable
from autograd_scalar.testing.programs import RandomSource, random_program
from tests import random_tapes
from tests.random_tapes import eager, recorded, same

SEEDS = st.integers(0, 10**9)


@given(SEEDS)
def test_value_and_gradient_are_those_of_the_eager_engine_to_the_last_bit(seed):
    tape, numbers = recorded(seed)
    value, gradient = eager(seed)
    program = value_and_gradient(tape, range(tape.inputs), strict=True)
    program.check()
    assert all(map(same, program.run(numbers), [value, *gradient]))


@given(SEEDS)
def test_without_strictness_they_differ_only_where_a_nan_comes_out(seed):
    tape, numbers = recorded(seed)
    loose = value_and_gradient(tape, range(tape.inputs)).run(numbers)
    strict = value_and_gradient(tape, range(tape.inputs), strict=True).run(numbers)
    if not any(map(math.isnan, loose)):
        assert all(map(same, loose, strict))


def test_a_gradient_of_zero_contributes_nothing_if_strict():
    builder = Builder(1)
    (x,) = builder.inputs
    tape = builder.tape([rules.where(x < 1.0, 2.0 * x, rules.log(x))])
    assert math.isnan(value_and_gradient(tape, [0]).run([0.0])[1])
    assert value_and_gradient(tape, [0], strict=True).run([0.0])[1] == 2.0


def test_derivatives_are_never_minus_zero():
    builder = Builder(2)
    x, y = builder.inputs
    tape = builder.tape([x * y])
    (_, by_x, _) = value_and_gradient(tape, [0, 1]).run([1.0, -0.0])
    assert math.copysign(1.0, by_x) == 1.0
    (_, by_x, _) = value_and_gradient(tape, [0, 1], positive_zeros=False).run([1.0, -0.0])
    assert math.copysign(1.0, by_x) == -1.0


def smooth(seed):
    return random_program(RandomSource(seed), [RULES[n] for n in ("+", "*", "sin", "tanh", "exp")])


@given(SEEDS)
def test_the_jacobian_is_that_of_the_transform(seed):
    first, second = smooth(seed), smooth(seed + 1)
    numbers = [*first.inputs, *second.inputs]
    count = len(first.inputs)

    def f(xs):
        return [first(*xs[:count]), second(*xs[count:])]

    recording = record(f, numbers, lambda values: (list(values),))
    found = derivatives.jacobian(recording.tape, range(len(numbers))).run(numbers)
    expected = jacobian(f)(numbers)
    assert found[2:] == [d for row in expected for d in row]


@given(SEEDS)
def test_derivatives_of_derivatives_and_along_a_direction(seed):
    program = smooth(seed)
    numbers = list(program.inputs)
    rng = random.Random(seed)
    direction = [rng.uniform(-1, 1) for _ in numbers]
    tape = record(program, numbers, tuple).tape
    every = range(len(numbers))
    gradient = value_and_gradient(tape, every)
    products = derivatives.tangent(gradient, every).run([*numbers, *direction])
    expected = hvp(lambda xs: program(*xs), (numbers,), (direction,))
    for found, right in zip(products[-len(numbers) :], expected, strict=True):
        assert math.isclose(found, right, rel_tol=1e-9, abs_tol=1e-9)
    third = value_and_gradient(value_and_gradient(gradient, [0], 1), [0], 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a derivative is 0
        right = grad(grad(grad(lambda x: program(x, *numbers[1:]))))(numbers[0])
    assert math.isclose(third.run(numbers)[1], right, rel_tol=1e-7, abs_tol=1e-7)


def test_what_nothing_depends_on_has_derivative_zero():
    builder = Builder(2)
    tape = builder.tape([builder.inputs[0] * 2.0, 5.0])
    assert value_and_gradient(tape, [0, 1, None]).run([1.0, 1.0]) == [2.0, 2.0, 0.0, 0.0]
    assert value_and_gradient(tape, [0], 1).run([1.0, 1.0]) == [5.0, 0.0]


def test_the_derivative_by_what_has_a_label_is_labelled():
    builder = Builder(1)
    builder.labels[0] = "w"
    program = value_and_gradient(builder.tape([builder.inputs[0] * builder.inputs[0]]), [0])
    assert "d_w" in program.labels.values()


@primitive(lambda g, y, x: g if x > 0 else 3 * g)
def bent_by_if(x: float) -> float:
    return x if x > 0 else 3 * x


def test_a_rule_that_decides_in_python_is_called():
    builder = Builder(1)
    tape = value_and_gradient(builder.tape([bent_by_if(builder.inputs[0])]), [0])
    assert tape.run([2.0]) == [2.0, 1.0]
    assert tape.run([-2.0]) == [-6.0, 3.0]
    (called,) = [p for p in tape.primitives if isinstance(p, RuleCall)]
    assert called is rule_of(bent_by_if, 0)
    with pytest.raises(NotRecordable, match="decides something in Python"):
        value_and_gradient(tape, [0], 1)


@given(SEEDS)
def test_what_is_written_by_a_pattern_is_what_the_rules_write(seed):
    """Of several copies of a program all but the first have patterns where constants are."""
    program = random_program(RandomSource(seed))
    copies = 3

    def f(xs):
        return [program(*xs[k::copies]) for k in range(copies)]

    numbers = [x for x in program.inputs for _ in range(copies)]
    tape = record(f, numbers, lambda values: (list(values),)).tape
    rows = derivatives.jacobian(tape, range(len(numbers)), strict=seed % 2 == 0)
    assert not any(isinstance(primitive, RuleCall) for primitive in rows.primitives)
    found = rows.run(numbers)[copies:]
    count = len(numbers)
    for k in range(1, copies):
        row = found[k * count : (k + 1) * count]
        assert all(map(same, row[k::copies], found[:count:copies]))


def test_the_backward_of_a_large_graph_stays_linear():
    x = [float(i) for i in range(300)]
    tape = record(lambda x: rules.fsum(*[a * b for a, b in pairwise(x)]), x,
                  lambda v: (list(v),)).tape  # fmt: skip
    assert len(value_and_gradient(tape, range(300))) < 8 * len(tape)


def test_values_are_what_the_programs_here_are_compared_with():
    """The comparison can fail: a wrong bit is seen."""
    assert not same(0.0, -0.0) and same(math.nan, -math.nan)
    assert random_tapes.ulps_apart(1.0, 1.0 + 2**-52) == 1.0
    assert random_tapes.ulps_apart(0.125, 0.125 + 2**-55, scale=1.0) == 2**-3
    assert Value(1.0).data == 1.0


@pytest.mark.parametrize("strict", [False, True])
def test_a_gradient_that_is_zero_by_chance_keeps_its_derivative(strict):
    builder = Builder(1)
    (x,) = builder.inputs
    slopes = value_and_gradient(builder.tape([(x - 1.0) * rules.log(x)]), [0], strict=strict)
    assert value_and_gradient(slopes, [0], 1, strict=strict).run([1.0]) == [0.0, 2.0]


def test_a_tangent_of_zero_contributes_nothing_if_strict():
    builder = Builder(2)
    x, y = builder.inputs
    tape = builder.tape([rules.sqrt(x) + x * y, rules.norm(x, y, rules.log(x))])
    assert math.isnan(derivatives.tangent(tape, [0, 1]).run([0.0, 2.0, 0.0, 1.0])[2])
    assert derivatives.tangent(tape, [0, 1], strict=True).run([0.0, 2.0, 0.0, 1.0])[2] == 0.0


def test_a_tangent_through_a_rule_that_decides_in_python():
    builder = Builder(1)
    tape = derivatives.tangent(builder.tape([bent_by_if(builder.inputs[0])]), [0])
    assert tape.run([-2.0, 10.0]) == [-6.0, 30.0]


def test_guards_on_constants_stay_on_them():
    builder = Builder(1)
    tape = builder.tape([builder.inputs[0]], [Guard(builder.constant(1.0), True)])
    for program in (derivatives.tangent(tape, [0]), lower(tape), value_and_gradient(tape, [0])):
        program.check()
        assert program.constants[~program.guards[0].slot] == 1.0
