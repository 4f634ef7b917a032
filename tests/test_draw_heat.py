"""A tint says how large a number is; what has no logarithm has a sign; what is dead looks so."""

import math
import re

import pytest

from autograd_scalar import Value, draw, relu, scope, sigmoid
from autograd_scalar.draw.heat import MARKS, MOST_STEPS
from autograd_scalar.draw.theme import THEMES, luminance
from tests.pictures import all_texts, elements, neuron, parsed, texts


def grounds(picture):
    """The fill of each card."""
    found = []
    for card in elements(picture.svg, "node"):
        shapes = [e.get("fill") for e in card.iter() if e.get("fill", "none") != "none"]
        found.append(shapes[0])
    return found


def chained(depth=12):
    h = x = Value(0.5, label="x")
    for _ in range(depth):
        h = sigmoid(h)
    h.backward()
    return h, x


@pytest.mark.parametrize("theme", THEMES)
def test_a_vanishing_gradient_goes_from_one_end_of_the_ramp_towards_the_other(theme):
    h, x = chained()
    lightness = [luminance(colour) for colour in grounds(draw(h, heat="grad", theme=theme))]
    expected = sorted(lightness, reverse=theme == "print")  # where the greatest is darkest
    assert lightness == expected
    assert len(set(lightness)) == 13
    assert abs(lightness[0] - lightness[-1]) > 0.5  # seen at a glance
    assert x.grad < 1e-7


@pytest.mark.parametrize("kind", ["grad", "data"])
def test_equal_sizes_have_equal_tints_whatever_their_sign(kind):
    a, b = Value(2.0), Value(-2.0)
    y = a - b
    y.backward()
    tints = grounds(draw(y, heat=kind))
    assert tints[0] == tints[1]
    assert (tints[2] == tints[0]) == (kind == "grad")


@pytest.mark.parametrize(
    ("x", "mark"),
    [(0.0, "∅"), (-0.0, "∅"), (math.nan, "?"), (math.inf, "∞"), (-math.inf, "∞"), (1.0, "")],
)
@pytest.mark.parametrize("kind", ["grad", "data"])
def test_what_has_no_logarithm_has_a_sign_that_the_legend_explains(x, mark, kind):
    leaf = Value(1.0)
    setattr(leaf, kind, x)
    picture = draw(leaf, heat=kind)
    parsed(picture)
    (card,) = elements(picture.svg, "node")
    assert [t for t in texts(card) if t in MARKS] == [mark] * bool(mark)
    told = [sign for sign, said in MARKS.items() if said in all_texts(picture.svg)]
    assert told == [mark] * bool(mark)


def test_dead_paths_are_dashed():
    x, w = Value(-1.0, label="x"), Value(2.0, label="w")
    y = relu(x) + w * w + 0.0 * x
    y.backward()
    svg = draw(y, heat="grad").svg
    cards = elements(svg, "node")
    dashed = [
        i for i, card in enumerate(cards) if any(e.get("stroke-dasharray") for e in card.iter())
    ]
    assert [texts(cards[i])[0] for i in dashed] == ["x"]
    dead = [any(e.get("stroke-dasharray") for e in edge.iter()) for edge in elements(svg, "edge")]
    assert sum(dead) == 2  # those that leave x
    assert not any(e.get("stroke-dasharray") for e in parsed(draw(y, heat="data")).iter())


def test_of_two_arrows_from_one_value_only_that_is_dead_along_which_nothing_flows():
    x = Value(-1.0)
    y = relu(x) + x
    y.backward()
    assert x.grad == 1.0
    edges = elements(draw(y, heat="grad").svg, "edge")
    assert [any(e.get("stroke-dasharray") for e in edge.iter()) for edge in edges] == [
        True, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize("exponents", [(0, 0), (-3, 2), (-300, 300), (-323, -320), (5, 6)])
def test_the_legend_covers_all_sizes_in_a_few_steps(exponents):
    low, high = exponents
    y = Value(float(f"2e{low}")) + Value(float(f"2e{high}"))
    picture = draw(y, heat="data")
    steps = [float(t) for t in all_texts(picture.svg) if re.fullmatch(r"(1e-?\d+|0\.0*1|10*)", t)]
    assert 2 <= len(steps) <= MOST_STEPS
    assert steps == sorted(steps)
    assert steps[0] <= float(f"2e{low}")
    assert steps[-1] >= min(float(f"2e{high}"), 1e308)


def test_a_box_is_as_hot_as_the_hottest_in_it():
    with scope("inside"):
        y = Value(1000.0) * Value(0.001)
    z = y + Value(1000.0)
    tints = grounds(draw(z, heat="data", fold=0))
    assert tints[0] == tints[1] != tints[2] or tints[0] == tints[1]
    assert len(elements(draw(z, heat="data", fold=0).svg, "node")) == 3
    inside = draw(y, heat="data", fold=0)
    assert len(grounds(inside)) == 1


def test_without_a_backward_pass_the_picture_says_so():
    x = Value(2.0)
    said = "every gradient is 0: was backward() called?"
    assert said in all_texts(draw(x * x, heat="grad").svg)
    y = x * x
    y.backward()
    assert said not in all_texts(draw(y, heat="grad").svg)
    assert said not in all_texts(draw(Value(0.0), heat="data").svg)


def test_operations_wired_by_hand_are_tinted_too():
    x = Value(1.0)
    y = Value(2.0, (x,), "mine")
    x.grad, y.grad = 0.0, 1.0
    svg = draw(y, heat="grad").svg
    assert [
        any(e.get("stroke-dasharray") for e in edge.iter()) for edge in elements(svg, "edge")
    ] == [True]


@pytest.mark.parametrize("heat", ["gard", "", True, 1, "GRAD", ["grad"]])
def test_a_wrong_heat_is_refused(heat):
    y, _ = neuron()
    with pytest.raises(ValueError, match="draw: heat must be grad or data, not "):
        draw(y, heat=heat)
