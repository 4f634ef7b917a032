"""A tape comes back from its JSON document to the bit, and any other text is refused, not run."""

import json
import math
import random
import struct
import sys

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from autograd_scalar import rules
from autograd_scalar.primitives import RULES, Primitive, primitive
from autograd_scalar.tape.document import KEYS, LIMIT, from_json, to_json
from autograd_scalar.tape.kernels import MACHINE, lower
from autograd_scalar.tape.program import Guard, Tape
from autograd_scalar.tape.variables import Builder
from tests.strategies import programs


def tape_of(program) -> Tape:
    builder = Builder(len(program.inputs))
    return builder.tape([program(*builder.inputs)])


def small_tape() -> Tape:
    builder = Builder(2)
    x, y = builder.inputs
    builder.labels[0] = "x"
    builder.labels[3] = "the */ product\n\ud800 ☃"
    less = x < y
    product = x * y
    result = rules.fsum(product, 0.1, math.nan, -0.0, 5e-324)
    guards = [Guard(less.slot, True, "model.py:7"), Guard(~0, False)]
    return builder.tape([result, x, 0.1], guards)


VALID = to_json(small_tape())


def changed(**entries) -> str:
    return json.dumps(json.loads(VALID) | entries)


# --- There and back -------------------------------------------------------------------------------


@given(programs(), st.dictionaries(st.integers(0, 2), st.text()))
def test_a_document_gives_the_tape_back(program, names):
    tape = tape_of(program)
    tape.labels.update({slot: name for slot, name in names.items() if slot < tape.slots})
    again = from_json(to_json(tape))
    assert again == tape
    assert again.labels == tape.labels
    assert to_json(again) == to_json(tape)


def test_guards_labels_and_outputs_come_back():
    tape = small_tape()
    again = from_json(to_json(tape))
    assert again == tape
    assert again.guards == tape.guards
    assert again.labels == tape.labels
    assert again.outputs == tape.outputs
    json.loads(VALID, parse_constant=pytest.fail)  # no parser of JSON needs to know NaN


@given(st.integers(0, 2**64 - 1))
@example(0x7FF0000000000000)
@example(0xFFF0000000000000)
@example(0x7FF8000000000000)
@example(0xFFF8000000000000)
@example(0x7FF8000000000001)
@example(0x8000000000000000)
@example(1)
def test_a_constant_comes_back_to_the_bit(bits):
    tape = small_tape()
    (tape.constants[0],) = struct.unpack("<d", struct.pack("<Q", bits))
    before = tape.constants.tobytes()
    assert from_json(to_json(tape)).constants.tobytes() == before


@pytest.mark.parametrize("name", sorted({*MACHINE, *[p.name for p in RULES.values()]}))
def test_every_primitive_is_found_again(name):
    of_name = RULES.get(name) or MACHINE[name]
    builder = Builder(4 if of_name.variadic else of_name.arity)
    builder.apply(of_name, builder.inputs)
    builder.constant(0.0)
    tape = builder.tape([0.0])
    assert from_json(to_json(tape)).primitives == (of_name,)


def test_a_lowered_tape_comes_back():
    builder = Builder(1)
    tape = lower(builder.tape([rules.mod(builder.inputs[0], 0.3)]))
    assert from_json(to_json(tape)) == tape


def test_what_would_not_be_found_again_is_not_written():
    builder = Builder(1)
    other = Primitive("+", rules.exp.function, rules.exp.derivatives)
    tape = builder.tape([builder.apply(other, builder.inputs)])
    with pytest.raises(ValueError, match=r"<primitive \+>, which can't be found by its name"):
        to_json(tape)


def test_what_is_no_program_is_not_written():
    tape = small_tape()
    tape.operands[0] = 99
    with pytest.raises(ValueError, match="operand 99"):
        to_json(tape)
    with pytest.raises(TypeError, match=r"to_json: tape must be a Tape, not 3 \(int\)"):
        to_json(3)


@pytest.mark.slow
def test_a_large_tape_comes_back():
    builder = Builder(3)
    numbers = list(builder.inputs)
    source = random.Random(0)
    for _ in range(100_000):
        numbers.append(source.choice(numbers[-20:]) * source.random() + numbers[-1])
    tape = builder.tape([numbers[-1]])
    assert from_json(to_json(tape)) == tape


# --- Refusals -------------------------------------------------------------------------------------

REFUSED = {
    # What is said, and the entries that are other than in a valid document.
    r'expected an object with "format"': {"format": "a tape"},
    r"version is 2, expected 1: a newer autograd_scalar wrote it": {"version": 2, "more": 1},
    r"version is 0, expected 1$": {"version": 0},
    r"version is '1' \(str\), expected a whole number": {"version": "1"},
    r"version is True": {"version": True},
    r"the document has the unknown key 'more'": {"more": 1},
    r"inputs is 2.0 \(float\), expected a whole number": {"inputs": 2.0},
    r"inputs is -1, expected from 0 to": {"inputs": -1},
    r"inputs is 1000000000000, expected from 0 to the limit of 200000000": {"inputs": 10**12},
    r"constants is None \(NoneType\), expected a list": {"constants": None},
    r"constants\[1\] is '1.0' \(str\), expected a double": {"constants": [1.0, "1.0"]},
    r"constants\[0\] is '0x3ff0000000000000' \(str\)": {"constants": ["0x3ff0000000000000"]},
    r"constants\[0\] is 9007199254740993": {"constants": [2**53 + 1]},
    r"constants\[0\] is True": {"constants": [True]},
    r"constants\[0\] is \['inf'\]": {"constants": [["inf"]]},
    r"nodes is {} \(dict\), expected a list": {"nodes": {}},
    r"nodes\[0\] is \[\] \(list\), expected a list of a primitive's": {"nodes": [[]]},
    r"nodes\[0\] is \[1, 2\] \(list\)": {"nodes": [[1, 2]]},
    r"nodes\[1\] has 1 operand\(s\), expected 2 for '\*'": {"nodes": [["+", 0, 1], ["*", 2]]},
    r"nodes\[0\]\[2\] is 2 \(int\), which is computed later: nodes\[0\] itself is slot 2": {
        "nodes": [["+", 0, 2], ["*", 2, 1]]
    },
    r"nodes\[0\]\[1\] is 3 \(int\), which is computed later": {"nodes": [["neg", 3], ["neg", 2]]},
    r"nodes\[0\]\[1\] is 1000.*, which is computed later": {"nodes": [["neg", 10**4000]]},
    r"nodes\[0\]\[2\] is -5 \(int\), but the last of 4 constant\(s\) is -4": {
        "nodes": [["+", 0, -5]]
    },
    r"nodes\[0\]\[1\] is 0.0 \(float\), expected a whole number": {"nodes": [["neg", 0.0]]},
    r"nodes\[0\]\[1\] is False \(bool\)": {"nodes": [["neg", False]]},
    r"outputs\[0\] is 9 \(int\), expected from -4 to 4": {"outputs": [9]},
    r"outputs\[1\] is '0' \(str\)": {"outputs": [0, "0"]},
    r"guards\[0\] is 3 \(int\), expected slot, outcome and line": {"guards": [3]},
    r"guards\[0\] is {'slot': 0} \(dict\), expected slot": {"guards": [{"slot": 0}]},
    r"guards\[0\].slot is 77": {"guards": [{"slot": 77, "outcome": True, "line": ""}]},
    r"guards\[0\].outcome is 1 \(int\)": {"guards": [{"slot": 0, "outcome": 1, "line": ""}]},
    r"guards\[0\].line is None": {"guards": [{"slot": 0, "outcome": True, "line": None}]},
    r"guards\[0\] has the unknown key 'a'": {
        "guards": [{"slot": 0, "outcome": True, "line": "", "a": 1}]
    },
    r"labels is \[\] \(list\), expected an object": {"labels": []},
    r"labels has the key '5', expected a slot below 5": {"labels": {"5": "x"}},
    r"labels has the key '01'": {"labels": {"01": "x"}},
    r"labels has the key '-1'": {"labels": {"-1": "x"}},
    r"labels has the key '9999.*\.\.\.'": {"labels": {"9" * 5000: "x"}},
    r"labels\['0'\] is 1 \(int\), expected a text": {"labels": {"0": 1}},
}


@pytest.mark.parametrize(("message", "entries"), REFUSED.items())
def test_what_is_wrong_is_said_with_the_place(message, entries):
    with pytest.raises(ValueError, match=message):
        from_json(changed(**entries))


@pytest.mark.parametrize("key", KEYS)
def test_every_key_has_to_be_there_once(key):
    rest = {k: v for k, v in json.loads(VALID).items() if k != key}
    with pytest.raises(ValueError, match=key):
        from_json(json.dumps(rest))
    with pytest.raises(ValueError, match=f"the key '{key}' is there twice"):
        from_json(VALID.replace(f'"{key}"', f'"{key}": 0, "{key}"', 1))


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity"])
def test_tokens_that_are_not_json_are_refused(token):
    with pytest.raises(ValueError, match=f"{token} is not JSON"):
        from_json(VALID.replace("0.1", token))


def test_a_constant_beyond_the_doubles_is_refused():
    with pytest.raises(ValueError, match=r"constants\[0\] is inf \(float\)"):
        from_json(VALID.replace("0.1", "1e999"))


@pytest.mark.parametrize("text", ["", "[]", "3", "null", '"format"', "\ufeff" + VALID, VALID * 2])
def test_other_documents_are_refused(text):
    with pytest.raises(ValueError, match=r"not a (whole JSON document|tape)"):
        from_json(text)


def test_what_is_no_text_is_refused():
    with pytest.raises(TypeError, match="from_json: text must be a string, not b'x'"):
        from_json(b"x")


def test_every_cut_off_document_is_refused():
    for end in range(len(VALID.rstrip())):
        with pytest.raises(ValueError, match="not a whole JSON document"):
            from_json(VALID[:end])


def test_a_primitive_that_is_not_there_is_named():
    nodes = [["neg", 0], ["no_such_primitive", 1]]
    with pytest.raises(LookupError, match=r"nodes\[1\]: no primitive 'no_such_primitive': import"):
        from_json(changed(nodes=nodes))


def test_a_primitive_is_there_as_soon_as_it_is_defined():
    text = changed(nodes=[["of_this_test", 0]], outputs=[2], guards=[], labels={})
    with pytest.raises(LookupError):
        from_json(text)

    @primitive(lambda g, y, x: g)
    def of_this_test(x):
        return x

    try:
        assert from_json(text).run([7.0, 0.0]) == [7.0]
    finally:
        del RULES["of_this_test"]


# --- Limits ---------------------------------------------------------------------------------------


def test_a_document_longer_than_the_limit_is_not_parsed():
    assert from_json(VALID, limit=len(VALID)) == small_tape()
    with pytest.raises(ValueError, match=f"has {len(VALID)} characters, more than the limit"):
        from_json(VALID, limit=len(VALID) - 1)


def test_inputs_beyond_the_limit_are_refused_though_the_text_is_short():
    few = json.dumps({**json.loads(VALID), "inputs": LIMIT + 1})
    with pytest.raises(ValueError, match="inputs is"):
        from_json(few)
    with pytest.raises(ValueError, match="inputs and nodes are more than 2147483647"):
        from_json(json.dumps({**json.loads(VALID), "inputs": 2**31 - 1}), limit=2**40)


DEEP = 200_000


@pytest.mark.parametrize(
    "text",
    [
        "[" * DEEP,
        "[" * DEEP + "]" * DEEP,
        '{"a":' * DEEP + "1" + "}" * DEEP,
        "[[],[{}," * DEEP,
        VALID.replace('"x"', "[" * DEEP),
    ],
    ids=len,
)
def test_nesting_is_refused_before_it_is_parsed(text):
    # With such a limit the parser would run out of stack and take the process with it.
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(10**9)
    try:
        with pytest.raises(ValueError, match="nested deeper than 3 levels"):
            from_json(text)
    finally:
        sys.setrecursionlimit(before)


@pytest.mark.parametrize("text", ['"' + '\\"' * DEEP + "\\", '"' * DEEP, "\\" * DEEP, '"\\' * DEEP])
def test_texts_that_do_not_end_are_refused(text):  # in quadratic time they would take hours
    with pytest.raises(ValueError):
        from_json(text)


def test_brackets_in_texts_are_no_nesting():
    labels = {"0": "[" * 100 + '"' + "{" * 100 + "\\", "1": "]"}
    assert from_json(changed(labels=labels)).labels[0] == labels["0"]


# --- Whatever it is, a tape or an error -----------------------------------------------------------

ATOMS = st.one_of(
    st.none(), st.booleans(), st.integers(-7, 7), st.integers(), st.floats(), st.text(max_size=8),
    st.sampled_from([*KEYS, "+", "exp", "dot", "pick", "slot", "line", "inf", "0x", 10**30, 2**31]),
)  # fmt: skip
VALUES = st.recursive(
    ATOMS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)


def a_tape_or_an_error(text: str) -> None:
    try:
        tape = from_json(text)
    except (ValueError, LookupError) as error:
        assert str(error)
        return
    tape.check()
    assert from_json(to_json(tape)) == tape


@st.composite
def documents_with_another_part(draw) -> str:
    document = json.loads(VALID)
    at = document
    while True:
        places = list(at) if isinstance(at, dict) else list(range(len(at)))
        if not places:
            return json.dumps(document)
        place = draw(st.sampled_from(places))
        if isinstance(at[place], dict | list) and draw(st.booleans()):
            at = at[place]
            continue
        if draw(st.integers(0, 5)) == 0:
            del at[place]
        else:
            at[place] = draw(VALUES)
        return json.dumps(document)


@given(documents_with_another_part())
def test_another_part_anywhere_gives_a_tape_or_an_error(text):
    a_tape_or_an_error(text)


@given(st.data())
def test_other_characters_anywhere_give_a_tape_or_an_error(data):
    text = VALID
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 3)))
        pieces = st.text(max_size=3) | st.sampled_from(list('[]{}",:-+.eE0123456789\\'))
        text = text[:start] + data.draw(pieces) + text[end:]
    a_tape_or_an_error(text)


@given(st.text())
def test_any_text_gives_an_error(text):
    assume(text.strip() != VALID.strip())
    with pytest.raises(ValueError):
        from_json(text)
