"""Generated Python: readable, and the same bits as node by node."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_scalar import rules
from autograd_scalar.tape.arrays import ArrayProgram
from autograd_scalar.tape.derivatives import value_and_gradient
from autograd_scalar.tape.kernels import MACHINE
from autograd_scalar.tape.passes import optimize
from autograd_scalar.tape.source import LONGEST, PythonProgram, source
from autograd_scalar.tape.variables import Builder
from tests.random_tapes import SPECIAL, recorded, same, ulps_apart, whole, wrong

SEEDS = st.integers(0, 10**9)


@given(SEEDS)
def test_the_same_bits_as_node_by_node(seed):
    tape, numbers = recorded(seed)
    program = optimize(value_and_gradient(tape, range(tape.inputs)))
    assert all(map(same, PythonProgram(program)(numbers), map(float, program.run(numbers))))
    everything = whole(program)
    assert not wrong(everything, numbers, PythonProgram(everything)(numbers), 0.0)


@given(SEEDS)
def test_arrays_within_4_ulp_per_operation(seed):
    tape, numbers = recorded(seed)
    everything = whole(value_and_gradient(tape, range(tape.inputs)))
    sums, rows = ArrayProgram(everything, range(tape.inputs))((), np.array([numbers] * 3))
    assert sums.shape == (0,)
    assert not wrong(everything, numbers, rows[1].tolist(), 4.0)


@pytest.mark.parametrize("name", MACHINE)
def test_every_machine_operation_on_arrays(name):
    operation = MACHINE[name]
    count = 4 if operation.variadic else operation.arity
    builder = Builder(count)
    program = ArrayProgram(builder.tape([builder.apply(operation, builder.inputs)]), range(count))
    numbers = [*SPECIAL, 0.5, 2.0, 3.0, -2.5]
    rows = [[numbers[(i * (k + 1) + k) % len(numbers)] for k in range(count)] for i in range(200)]
    _, found = program((), np.array(rows))
    for row, y in zip(rows, found[:, 0].tolist(), strict=True):
        assert ulps_apart(y, operation.function(*row)) <= 4.0, (row, y)


def lines(tape, **options):
    return source(tape, **options).splitlines()


def test_what_is_needed_once_is_written_where_it_is_needed():
    builder = Builder(3)
    x, y, z = builder.inputs
    shared = x * y
    tape = builder.tape([rules.exp(shared - (z + x)) / (shared * -z)])
    assert lines(tape) == [
        "def program(inputs):",
        "    v0, v1, v2 = inputs",
        "    v3 = v0 * v1",
        "    return (exp(v3 - (v2 + v0)) / (v3 * -v2),)",
    ]


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: x - (y - x),
        lambda x, y: x - y - x,
        lambda x, y: x / (y / x),
        lambda x, y: x / (y * x) * y,
        lambda x, y: -(x + y) * -x,
        lambda x, y: (-x) ** 3.0 - -y,
        lambda x, y: x * (y + 1.0) + (x + (y + 2.0)),
        lambda x, y: x + -2.5 * y,
        lambda x, y: rules.dot(x + 1.0, y, x * y, -2.0) * y,
        lambda x, y: rules.where(x < y, x - y, y - x) - rules.where(y <= x, 1.0, 2.0),
        lambda x, y: (x < y) * x - (y < x),
    ],
)
def test_parentheses_stand_where_they_must(f):
    builder = Builder(2)
    tape = builder.tape([f(*builder.inputs)])
    for x, y in [(1.1, 2.3), (-0.7, 0.3), (2.0, 2.0)]:
        assert list(PythonProgram(tape)([x, y])) == tape.run([x, y]) == [float(f(x, y))]


def test_labels_are_names_and_comments():
    builder = Builder(3)
    x, y, z = builder.inputs
    total = x + y
    builder.labels.update({0: "w[0]", 1: "lambda", 2: "tanh", total.slot: "the sum\nof both"})
    text = source(builder.tape([rules.tanh(total) * total * z]))
    assert "w_0, v_lambda, tanh_2 = inputs" in text
    assert "the_sum_of_both = w_0 + v_lambda  # the sum of both" in text


def test_long_argument_lists_are_wrapped():
    builder = Builder(100)
    text = source(builder.tape(builder.inputs))
    assert max(map(len, text.splitlines())) <= 100
    assert list(PythonProgram(builder.tape(builder.inputs))([1.0] * 100)) == [1.0] * 100


def test_a_program_without_inputs_or_outputs():
    assert list(PythonProgram(Builder(0).tape([2.0]))([])) == [2.0]
    assert list(PythonProgram(Builder(1).tape([]))([1.0])) == []


def test_nan_and_infinity_are_constants():
    builder = Builder(1)
    tape = builder.tape([builder.inputs[0] + math.inf, -math.inf, math.nan, -0.0])
    found = PythonProgram(tape)([1.0])
    assert all(map(same, found, [math.inf, -math.inf, math.nan, -0.0]))


def test_what_is_long_is_run_node_by_node():
    builder = Builder(1)
    x = builder.inputs[0]
    for _ in range(LONGEST + 1):
        x = x + 1.0
    assert PythonProgram(builder.tape([x]))([0.0]) == [LONGEST + 1.0]


def test_of_a_batch_only_what_is_needed_is_kept():
    builder = Builder(1)
    x = builder.inputs[0]
    for _ in range(50):
        x = rules.sin(x) + rules.cos(x)
    text = source(builder.tape([x]), free=True)
    assert text.count("; del ") == 48
    program = ArrayProgram(builder.tape([x]), [0])
    np.testing.assert_allclose(
        program((), np.ones((5, 1)))[1][:, 0], builder.tape([x]).run([1.0])[0]
    )
