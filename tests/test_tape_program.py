"""The tape itself: what it says of itself, and what is no tape."""

import copy
import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_scalar import rules
from autograd_scalar.tape.program import Guard, Tape
from autograd_scalar.tape.recording import record
from autograd_scalar.tape.variables import Builder, NotRecordable
from autograd_scalar.testing.programs import RandomSource, random_program


def example() -> Tape:
    builder = Builder(2)
    x, y = builder.inputs
    builder.labels[0] = "x"
    return builder.tape([x * y + 1.0, 2.0], [Guard((x < y).slot, True, "here")])


@given(st.integers(0, 10**9))
def test_running_a_tape_is_running_the_function(seed):
    program = random_program(RandomSource(seed))
    tape = record(program, program.inputs, tuple).tape
    tape.check()
    assert tape.run(program.inputs) == [program(*program.inputs)]


def test_it_survives_pickle_and_copies():
    tape = example()
    for again in (pickle.loads(pickle.dumps(tape)), copy.copy(tape), copy.deepcopy(tape)):
        assert again == tape
        assert again.labels == tape.labels
        assert again.guards == tape.guards


def test_tapes_are_equal_when_every_bit_is():
    def constant(number: float) -> Tape:
        builder = Builder(1)
        return builder.tape([builder.inputs[0] + number])

    assert constant(0.0) == constant(0.0)
    assert constant(0.0) != constant(-0.0)
    assert constant(1.0) != "a tape"
    assert constant(math.nan) == constant(math.nan)


def test_the_table_shows_slots_labels_constants_outputs_and_guards():
    assert str(example()).splitlines() == [
        "slot  operation  operands",
        "   x  input",
        "   1  input",
        "   2  *          x, 1",
        "   3  +          2, 1.0    -> output 0",
        "   4  <          x, 1      -> must be True (here)",
    ]
    assert repr(example()) == "<Tape of 3 nodes, 2 inputs, 2 outputs, 1 guards>"


def test_a_row_of_many_operands_is_cut():
    builder = Builder(40)
    table = str(builder.tape([rules.fsum(*builder.inputs)]))
    assert "(40 operands)" in table
    assert max(map(len, table.splitlines())) < 110


def test_memory_is_that_of_flat_arrays():
    builder = Builder(1)
    x = builder.inputs[0]
    for _ in range(1000):
        x = x * x
    assert builder.tape([x]).nbytes <= 15 * 1000


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"inputs": -1}, "at least 0 inputs"),
        ({"starts": [0]}, "one start of operands per node"),
        ({"starts": [0, 3]}, "end where its operands do"),
        ({"codes": [1]}, "primitive 1 of 1"),
        ({"operands": [0, 1]}, "operand 1 is not one of -1..0"),
        ({"operands": [0, -2]}, "operand -2"),
        ({"operands": [0], "starts": [0, 1]}, r"\+ takes 2 operand\(s\), not 1"),
        ({"outputs": [2]}, "output 2 is not one of"),
        ({"guards": [Guard(-2, True)]}, "guard -2"),
        ({"codes": [0, 0], "starts": [0, 2, 1], "operands": [0]}, "end before they begin"),
    ],
)  # fmt: skip
def test_what_is_no_tape_is_told_so(fields, message):
    good = {
        "inputs": 1, "primitives": [rules.add], "codes": [0], "starts": [0, 2], "operands": [0, -1],
        "constants": [1.0], "outputs": [1],
    }  # fmt: skip
    Tape(**good).check()
    with pytest.raises(ValueError, match=message):
        Tape(**{**good, **fields}).check()


def test_a_tape_takes_as_many_numbers_as_it_has_inputs():
    with pytest.raises(ValueError, match=r"2 input\(s\), got 1"):
        example().run([1.0])


def test_it_goes_out_as_json_and_c_and_comes_back():
    assert Tape.from_json(example().to_json()) == example()
    assert "f_gradient" in example().to_c()


# --- Variables ------------------------------------------------------------------------------------


def test_a_variable_has_no_number_and_no_truth():
    (x,) = Builder(1).inputs
    for ask in (lambda: x.data, lambda: bool(x), lambda: max(x, 0.0), lambda: float(x)):
        with pytest.raises(TypeError):
            ask()
    with pytest.raises(NotRecordable, match=r"rules\.choose"):
        bool(x > 0)


def test_comparisons_of_variables_are_nodes():
    builder = Builder(2)
    x, y = builder.inputs
    tape = builder.tape([x < y, x <= y, x > y, x >= y])
    for a, b in ((1.0, 2.0), (2.0, 1.0), (1.0, 1.0), (math.nan, 1.0)):
        assert tape.run([a, b]) == [a < b, a <= b, a > b, a >= b]


def test_a_variable_of_another_tape_is_refused():
    (x,), (y,) = Builder(1).inputs, Builder(1).inputs
    with pytest.raises(ValueError, match="another tape"):
        x + y


def test_equal_constants_are_one_but_zeros_have_signs():
    builder = Builder(1)
    (x,) = builder.inputs
    tape = builder.tape([x + 0.0, x + -0.0, x * 0.0])
    assert len(tape.constants) == 2
