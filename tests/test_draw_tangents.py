"""The tangents on the cards are those of the package's forward mode, and of finite differences."""

import math

import pytest

from autograd_scalar import Value, draw, gradients, jvp, log, relu
from autograd_scalar.draw.tangents import tangents_of
from autograd_scalar.draw.text import number
from autograd_scalar.graph import topological_order
from tests.pictures import all_texts, elements, neuron, parsed, random_graph, texts


@pytest.mark.parametrize("seed", range(25))
def test_forward_mode_agrees_with_reverse_mode_along_any_direction(seed):
    output, leaves = random_graph(seed)
    order = topological_order(output)
    direction = {leaf: (i - 2) * 0.5 for i, leaf in enumerate(leaves) if leaf in set(order)}
    expected = sum(
        derivative * direction[leaf]
        for leaf, derivative in zip(direction, gradients(output, list(direction)), strict=True)
    )
    assert tangents_of(order, direction)[output] == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_it_is_jvp_bit_for_bit():
    def f(x):
        return log(x * x + 1.0) * x

    x = Value(1.7)
    output = f(x)
    _, tangent = jvp(f, [1.7], [0.3])
    assert tangents_of(topological_order(output), {x: 0.3})[output] == tangent


def test_every_card_has_a_row_and_the_picture_says_along_what():
    y, (w, _b) = neuron()
    picture = draw(y, tangents={w: 1.0})
    parsed(picture)
    found = tangents_of(topological_order(y), {w: 1.0})
    for card, value in zip(elements(picture.svg, "node"), topological_order(y), strict=True):
        lines = texts(card)
        assert lines[lines.index("dot ") + 1] == number(found[value])
    assert "dot: the derivative along w" in all_texts(picture.svg)


@pytest.mark.parametrize(
    ("seeds", "expected"),
    [((1.0, 0.0), "w"), ((2.0, 1.0), "2*w + b"), ((-0.5, -1.0), "-0.5*w + -1*b"), ((0.0, 0.0), "")],
)
def test_a_direction_is_written_as_a_sum(seeds, expected):
    y, parameters = neuron()
    notes = [
        text
        for text in all_texts(draw(y, tangents=dict(zip(parameters, seeds, strict=True))).svg)
        if "along" in text
    ]
    assert notes == ([f"dot: the derivative along {expected}"] if expected else [])


def test_a_tangent_of_exactly_zero_contributes_nothing_even_times_infinity():
    x, y = Value(0.0), Value(2.0)
    output = log(x) + y + relu(Value(-1.0))
    assert tangents_of(topological_order(output), {y: 1.0})[output] == 1.0
    assert math.isinf(tangents_of(topological_order(output), {x: 1.0})[output])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda y, w: 3.0, TypeError, r"draw: tangents must map leaves to numbers, .* not 3.0"),
        (lambda y, w: [w], TypeError, "draw: tangents must map leaves to numbers"),
        (lambda y, w: {"w": 1.0}, TypeError, "draw: tangents must have Values for keys, not 'w'"),
        (lambda y, w: {w: "1"}, TypeError, "draw: tangents: a number must be a real number"),
        (lambda y, w: {y: 1.0}, ValueError, r"draw: tangents: Value.* is no leaf of this graph"),
        (lambda y, w: {Value(1.0): 1}, ValueError, r"tangents: Value.* is not a value of this"),
    ],
)
def test_wrong_tangents_are_refused(make, error, message):
    y, (w, _) = neuron()
    with pytest.raises(error, match=message):
        draw(y, tangents=make(y, w))


def test_an_operation_wired_by_hand_has_no_forward_mode():
    x = Value(1.0)
    with pytest.raises(TypeError, match="wired by hand"):
        draw(Value(2.0, (x,), "mine"), tangents={x: 1.0})
