"""Streams: what the interpreter reads says what the tape says, and no tape leads it astray."""

from array import array

import numpy as np
import pytest

from autograd_scalar import rules
from autograd_scalar.primitives import Primitive
from autograd_scalar.tape.native.encode import Encoded, Unsupported
from autograd_scalar.tape.native.instructions import HALT, instructions
from autograd_scalar.tape.program import Guard, Tape
from autograd_scalar.tape.variables import Builder


def halves(words):
    return words.view(np.uint16).reshape(-1, 2)


def recorded(function, inputs):
    builder = Builder(inputs)
    return builder.tape([function(*builder.inputs)])


def test_a_node_is_its_operands_between_its_instructions():
    known = instructions()
    tape = recorded(lambda x: rules.exp(x) * 2.0, 1)
    words = Encoded(tape).main.words
    assert len(words) == 3 + 1 + 2
    assert words[[1, 3, 4]].tolist() == [0, 1, -1]
    exp, times = known.backward[rules.exp, 0], known.backward[rules.multiply, 0b10]
    assert halves(words)[[0, 2, 5]].tolist() == [
        [HALT, known.forward[rules.exp]],
        [exp, known.forward[rules.multiply]],
        [times, HALT],
    ]


@pytest.mark.parametrize(
    ("function", "backward", "programs"),
    [
        (lambda *xs: rules.dot(*xs), "product", 0),
        (lambda *xs: rules.fsum(*xs), "broadcast", 0),
        (lambda *xs: rules.mean(*xs), "pullback", 1),
        (lambda *xs: rules.pick(*xs), "pullback", 1),
        (lambda *xs: rules.norm(*xs), "pullback", 2),
    ],
)
def test_a_node_of_many_operands_can_be_read_from_both_ends(function, backward, programs):
    encoded = Encoded(recorded(function, 6))
    words = encoded.main.words
    assert words[[1, -2]].tolist() == [6, 6]
    assert words[3:9].tolist() == [0, 1, 2, 3, 4, 5]
    assert halves(words)[-1, 0] == instructions().loops[backward]
    assert len(encoded.programs) == programs


def test_the_rule_decides_whether_there_is_a_loop_for_it():
    """Primitives of users with the rule of a dot or of a sum are as fast; others are not."""

    def made(rule):
        return Primitive("made", lambda *xs: 0.0, (rule,))

    rules_and_loops = [
        (lambda g, y, *xs: [g] * len(xs), "broadcast"),
        (lambda g, y, *xs: [g * 1.0] * len(xs), "broadcast"),
        (lambda g, y, *xs: [0.0] * len(xs), "none"),
        (lambda g, y, *xs: [g * x for x in (*xs[2:], *xs[:2])], "product"),
        (lambda g, y, *xs: [x * g for x in (*xs[2:], *xs[:2])], "product"),
        (lambda g, y, *xs: [g * x for x in xs], "pullback"),
        (lambda g, y, *xs: [g * x for x in (*xs[2:], *xs[1::-1])], "pullback"),
        (lambda g, y, *xs: [g + x for x in (*xs[2:], *xs[:2])], "pullback"),
        (lambda g, y, *xs: [g, g, g, -g], "pullback"),
        (lambda g, y, *xs: [g, g, g, 0.0], "pullback"),
    ]
    for rule, loop in rules_and_loops:
        primitive = made(rule)
        words = Encoded(recorded(primitive, 4)).main.words
        assert halves(words)[-1, 0] == instructions().loops[loop], loop


def test_nodes_of_a_kind_share_their_programs():
    builder = Builder(4)
    nodes = [builder.apply(rules.logsumexp, builder.inputs[:n]) for n in (2, 3, 4) * 5]
    encoded = Encoded(builder.tape(nodes))
    assert len(encoded.programs) == 2 * 3  # forward and backward


def pairs_in(tape):
    """Nodes that are run together with the next one."""
    numbers = {int(n) for n in instructions().pairs[0].ravel() if n}
    known, place, found = halves(Encoded(tape).main.words), 0, []
    for slot, _, operands in tape.nodes():
        if found and found[-1] == slot - 1:  # the second
            place += len(operands)
            continue
        if int(known[place, 1]) in numbers:
            found.append(slot)
        place += len(operands) + (slot not in found)
    assert place + 1 == len(known)
    return [slot - tape.inputs for slot in found]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x, y: x * y + x, [0]),
        (lambda x, y: x + x * y, [0]),
        (lambda x, y: x * y + 3.0, [0]),
        (lambda x, y: (x * y) * (x + y), [1]),  # the first is not an operand of the second
        (lambda x, y: (lambda p: p * p)(x * y), []),  # both operands are the result of the first
        (lambda x, y: x * y + x + y - x, [0, 2]),
        (lambda x, y: x * y + x + y, [0]),
        (lambda x, y: rules.exp(x) * y + x, [1]),
        (lambda x, y: rules.exp(x * y), []),
        (lambda x, y: x * y / x, []),
        (lambda x, y: (x + y) * x * y * x * rules.sin(x) * y * x, [0, 2, 5]),
    ],
)
def test_which_nodes_are_run_together(function, expected):
    assert pairs_in(recorded(function, 2)) == expected


def test_where_a_backward_pass_may_begin_a_node_ends():
    builder = Builder(2)
    x, y = builder.inputs
    product = x * y
    assert pairs_in(builder.tape([product + x])) == [0]
    assert pairs_in(builder.tape([product + x, product])) == []


def whole_tape():
    builder = Builder(2)
    x, y = builder.inputs
    z = rules.dot(x, y, 2.0, x * y)
    return builder.tape([z, x], [Guard((z < 1.0).slot, True)])


def test_any_change_that_would_lead_astray_is_refused():
    def broken(**changes):
        tape = whole_tape()
        for name, (place, value) in changes.items():
            getattr(tape, name)[place] = value
        return tape

    Encoded(broken())
    slots = whole_tape().slots
    wrong = [
        {"codes": (0, 7)}, {"starts": (0, 1)}, {"starts": (1, 0)}, {"starts": (1, 99)},
        {"starts": (-1, 3)}, {"operands": (0, slots)}, {"operands": (0, -3)},
        {"operands": (0, 2)}, {"operands": (2, 3)}, {"outputs": (0, slots)},
        {"outputs": (1, -9)}, {"codes": (1, 0)},
    ]  # fmt: skip
    for change in wrong:
        with pytest.raises(ValueError, match=r"node|operand|output|starts"):
            Encoded(broken(**change))
    tape = whole_tape()
    tape.guards[0].slot = slots
    with pytest.raises(ValueError, match="guard"):
        Encoded(tape)
    tape = whole_tape()
    tape.inputs = -1
    with pytest.raises(ValueError, match="inputs"):
        Encoded(tape)
    tape = whole_tape()
    tape.starts = array("I", tape.starts[:-1])
    with pytest.raises(ValueError, match="one start of operands per node"):
        Encoded(tape)


def test_a_dot_of_an_odd_number_is_refused():
    tape = Tape(3, [rules.dot], [0], [0, 3], [0, 1, 2], [], [3])
    with pytest.raises(ValueError, match="dot takes as many weights as inputs, not 3"):
        Encoded(tape)


def test_a_rule_that_takes_no_variables_is_unsupported():
    def rule(g, y, x):
        return g * float(x)

    primitive = Primitive("stubborn", lambda x: x, (rule,))
    tape = recorded(primitive, 1)
    with pytest.raises(Unsupported, match=r"rule of 'stubborn' can't run on variables.*float\(\)"):
        Encoded(tape)
    Encoded(tape, derivatives=False)
