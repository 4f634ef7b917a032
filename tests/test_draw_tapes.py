"""The picture of a tape has its slots and operands, and beside it what optimization leaves."""

import random
import re

import pytest

from autograd_scalar import Value, draw, jit, maximum, tanh
from autograd_scalar.draw.tapes import beside, of_tape
from autograd_scalar.tape.passes import optimize
from autograd_scalar.tape.program import Tape
from autograd_scalar.tape.variables import Builder
from tests.pictures import HOSTILE, SVG, all_texts, elements, parsed, texts


def random_tape(seed):
    draw = random.Random(seed)
    builder = Builder(3)
    known = list(builder.inputs)
    for _ in range(12):
        x, y = draw.choice(known), draw.choice([*known, 2.0])
        known.append(draw.choice([x + y, x - y, x * y, tanh(x), maximum(x, y)]))
    return builder.tape(known[-2:])


def compiled():
    fast = jit(lambda x, y: x * 1.0 + (x - y) * (x - y) + 2.0 * 3.0, backend="python")
    fast(3.0, 2.0)
    return fast


@pytest.mark.parametrize("seed", range(20))
def test_each_slot_is_a_card_and_each_operand_that_is_one_an_arrow(seed):
    tape = random_tape(seed)
    diagram = of_tape(tape)
    assert len(diagram.cards) >= tape.slots
    assert len(diagram.arrows) == sum(operand >= 0 for operand in tape.operands)
    arriving = {}
    for arrow in diagram.arrows:
        arriving.setdefault(arrow.head, []).append(arrow.tail)
    for slot, _, operands in tape.nodes():
        assert arriving.get(slot, []) == [o for o in operands if o >= 0]


def test_a_compiled_function_is_drawn_by_what_it_recorded():
    fast = compiled()
    picture = draw(fast)
    parsed(picture)
    assert repr(picture) == f"<Picture of {fast.tape.slots} slots>"
    assert draw(fast.tape).dot == picture.dot
    cards = [texts(card) for card in elements(picture.svg, "node")]
    assert cards[:3] == [["x"], ["y"], ["× 1"]]
    assert cards[-1][-1] == "output"


def test_before_and_after_optimization_side_by_side():
    fast = compiled()
    picture = draw(fast, optimized=True)
    parsed(picture)
    recorded, left = len(fast.tape), len(optimize(fast.tape))
    assert left < recorded
    for direction, axis in (("right", "y"), ("left", "y"), ("down", "x"), ("up", "x")):
        found = frames(draw(fast, optimized=True, direction=direction))
        found.sort(key=lambda frame: float(next(frame.iter(f"{SVG}text")).get(axis)))
        assert [" ".join("".join(texts(frame)).split()) for frame in found] == [
            f"recorded {recorded} operations",
            f"optimized {left} operations",
        ]
    assert f"{recorded} → {left} operations" in all_texts(picture.svg)
    both = beside([("recorded", fast.tape), ("optimized", optimize(fast.tape))])
    assert len(both.cards) == fast.tape.slots + optimize(fast.tape).slots
    for arrow in both.arrows:
        assert both.cards[arrow.tail].frame == both.cards[arrow.head].frame


def frames(picture):
    return elements(picture.svg, "cluster")


def test_the_passes_are_those_that_jit_was_told():
    fast = jit(lambda x: x * 1.0 + x, backend="python", passes=[])
    fast(3.0)
    assert "2 → 2 operations" in all_texts(draw(fast, optimized=True).svg)


def test_guards_outputs_and_labels_are_shown():
    fast = jit(lambda a, b: (a * b, -a) if a > b else a, backend="python")
    fast(3.0, 2.0)
    shown = all_texts(draw(fast).svg)
    for text in ("a", "b", "output 0", "output 1", "must be True", "<"):
        assert text in shown


def test_a_result_that_is_a_constant_has_a_card():
    fast = jit(lambda x: 3.0, backend="python")
    fast(1.0)
    assert ["3", "output"] in [texts(card) for card in elements(draw(fast).svg, "node")]


def test_operands_are_numbered_where_their_order_matters():
    for combine, ports in ((lambda x, y: x - y, 2), (lambda x, y: x + y, 0)):
        builder = Builder(2)
        assert of_tape(builder.tape([combine(*builder.inputs)])).cards[-1].ports == ports


@pytest.mark.parametrize("label", HOSTILE, ids=lambda label: ascii(label)[:30])
def test_any_label_comes_out_as_text(label):
    builder = Builder(1)
    tape = builder.tape([builder.inputs[0] * 2.0]).replaced(labels={0: label, 1: label})
    picture = draw(tape, optimized=True)
    parsed(picture)
    assert len(picture.svg) < 20_000


def test_what_is_not_there_to_draw_is_told():
    with pytest.raises(ValueError, match="draw: <lambda> has not been called yet"):
        draw(jit(lambda x: x))
    with pytest.raises(ValueError, match="draw: this tape has no inputs and no operations"):
        draw(Tape(0, [], [], [0], [], [], []))
    tape = compiled().tape
    with pytest.raises(ValueError, match=f"this tape has {tape.slots} inputs and operations, more"):
        draw(tape, limit=tape.slots - 1)
    assert draw(tape, limit=tape.slots).size == tape.slots


@pytest.mark.parametrize(
    "options",
    [{"heat": "grad"}, {"formula": True}, {"fold": 0}, {"paths": Value(1.0)}, {"before": {}},
     {"tangents": {}}, {"parameters": [Value(1.0)]}],
)  # fmt: skip
def test_options_for_values_are_refused(options):
    (name,) = options
    with pytest.raises(ValueError, match=f"draw: {name} is for a graph of Values, not for a tape"):
        draw(compiled(), **options)


def test_a_value_has_nothing_to_be_optimized():
    with pytest.raises(ValueError, match="draw: optimized is for a tape or a compiled function"):
        draw(Value(1.0), optimized=True)


@pytest.mark.parametrize("theme", ["auto", "dark", "print", "chalkboard"])
@pytest.mark.parametrize("direction", ["right", "down"])
def test_themes_and_directions_are_as_of_values(theme, direction):
    picture = draw(compiled(), optimized=True, theme=theme, direction=direction)
    parsed(picture)
    assert re.search(r"rankdir=(LR|TB)", picture.dot)[1] == {"right": "LR", "down": "TB"}[direction]
