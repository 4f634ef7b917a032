"""Options go together or say why not; with any of them a picture is text, valid and the same."""

import itertools
import math
import os
import subprocess
import sys

import pytest

from autograd_scalar import Value, draw, exp, jit, scope, sin, tanh
from autograd_scalar.draw import program, snapshot
from autograd_scalar.draw.animate import animate
from autograd_scalar.draw.static import jupyter
from autograd_scalar.draw.text import operation, plain
from tests.pictures import (
    HOSTILE,
    SVG,
    all_texts,
    chain,
    elements,
    neuron,
    parsed,
    random_graph,
    texts,
)  # fmt: skip


def options_of(y, leaf):
    """A value for each option that says something."""
    return {
        "theme": "chalkboard",
        "direction": "up",
        "formula": True,
        "heat": "grad",
        "paths": leaf,
        "before": {leaf: leaf.data + 1.0},
        "tangents": {leaf: 1.0},
        "fold": 0,
        "parameters": [leaf],
    }


NAMES = list(options_of(Value(1.0), Value(1.0)))
APART = {frozenset({"fold", "formula"}), frozenset({"fold", "paths"})}


@pytest.mark.parametrize("names", list(itertools.combinations(NAMES, 2)), ids="+".join)
def test_any_two_options_go_together_or_say_why_not(names):
    y, (w, _b) = neuron()
    with scope("part"):
        z = y * w + 1.0
    z.backward()
    every = options_of(z, w)
    given = {name: every[name] for name in names}
    if frozenset(names) in APART:
        with pytest.raises(ValueError, match=r"draw: .* fold .* leave out one of the two"):
            draw(z, **given)
    else:
        parsed(draw(z, **given))


def test_all_that_go_together_go_together():
    y, (w, _b) = neuron()
    every = options_of(y, w)
    del every["fold"]
    picture = draw(y, **every)
    parsed(picture)
    shown = all_texts(picture.svg)
    for text in ("y = tanh(w*x + b)", "dot ", "|grad| ", "dot: the derivative along w"):
        assert text in shown
    assert any("1 path" in text for text in shown)


@pytest.mark.parametrize("label", HOSTILE, ids=lambda label: ascii(label)[:30])
def test_any_label_is_only_text_with_every_option(label):
    x, w = Value(2.0, label=label), Value(3.0, label=f"{label}w")
    y = tanh(x * w) + Value(1.0, (), "", label=label) * x
    y.label = label
    y.backward()
    with scope(label):
        z = y * y
    every = options_of(z, x)
    boxes = {name: every.pop(name) for name in ("fold", "theme")}
    lines = {name: every.pop(name) for name in ("formula",)} | {"paths": [x, w], "heat": "data"}
    for options in (every, boxes, lines):
        picture = draw(z, **options)
        parsed(picture)
        assert len(picture.svg) < 40_000
    moving = animate(y)
    parsed(moving)
    assert len(moving.svg) < 150_000


@pytest.mark.parametrize("x", [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.797e308])
def test_numbers_of_every_kind_are_drawn_with_every_option(x):
    a, b = Value(x, label="a"), Value(2.0, label="b")
    y = exp(a) * b + a
    y.backward()
    for name, option in options_of(y, a).items():
        assert parsed(draw(y, **{name: option})).tag == f"{SVG}svg"
    assert parsed(animate(y)).tag == f"{SVG}svg"


@pytest.mark.parametrize("size", [1, 2, 60])
@pytest.mark.parametrize("option", ["heat", "formula", "tangents", "before", "paths", "fold"])
def test_graphs_of_one_value_to_five_hundred(size, option):
    y = chain(size)
    leaf = y
    while leaf.parents:
        (leaf,) = leaf.parents
    y.backward()
    assert parsed(draw(y, **{option: options_of(y, leaf)[option]})).tag == f"{SVG}svg"


def test_five_hundred_values_with_all_options():
    y, leaves = random_graph(0, operations=190)
    y.backward()
    every = options_of(y, leaves[0])
    del every["fold"]
    del every["formula"]
    assert parsed(draw(y, **every, limit=1000)) is not None
    assert parsed(draw(y, heat="data", formula=True)) is not None


def test_pictures_are_the_same_in_every_process():
    script = """
import sys
from tests.pictures import neuron, random_graph
from autograd_scalar import draw, jit, scope
from autograd_scalar.draw.animate import animate
from tests.test_draw_options import options_of
y, leaves = random_graph(3)
y.backward()
for name, option in options_of(y, leaves[0]).items():
    print(draw(y, **{name: option}).svg)
print(draw(y, paths=set(leaves[:2]), parameters=set(leaves)).svg)
print(animate(y).svg)
fast = jit(lambda x: x * x + 1.0 * x, backend="python"); fast(1.0)
print(draw(fast, optimized=True).svg)
with scope("a"):
    z = y * y
print(draw(z, fold={"a", "a"}).svg)
"""
    runs = [
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
    assert len(runs[0]) > 50_000


def test_drawing_changes_nothing():
    y, leaves = random_graph(5)
    y.backward()
    from autograd_scalar.graph import topological_order

    def state():
        return [(v.data, v.grad, v.label, v.parents) for v in topological_order(y)]

    before = state()
    for name, option in options_of(y, leaves[2]).items():
        draw(y, **{name: option})
    animate(y)
    snapshot(y)
    assert state() == before


@pytest.mark.parametrize("label", [3, 2.5, ("a", 1), b"bytes", 0, False])
def test_a_label_that_is_no_string_is_written_as_it_prints(label):
    x = Value(1.0)
    x.label = label
    y = x * 2.0
    (card, _) = elements(draw(y).svg, "node")
    assert texts(card)[0] == plain(label) == str(label)
    assert str(label) in all_texts(draw(y, formula=True).svg)
    parsed(animate(y))
    assert "image/svg+xml" in jupyter(y)


def test_one_constant_is_not_several():
    from autograd_scalar import dot

    xs = [Value(float(i)) for i in range(20)]
    assert operation(dot([*xs, Value(1.0)], [*xs, 2.0])) == "dot, 1 constant"
    assert operation(dot(xs, [0.5] * 20)) == "dot, 20 constants"


@pytest.mark.parametrize("limit", [0, -1, True, 1.5, "9", None])
def test_a_wrong_limit_is_refused(limit):
    error = ValueError if type(limit) is int else TypeError
    for call in (lambda: draw(Value(1.0), limit=limit), lambda: animate(Value(1.0), limit=limit)):
        with pytest.raises(error, match=r"(draw|animate): limit must be"):
            call()


def test_no_option_needs_a_program_to_lay_out_the_text(monkeypatch):
    monkeypatch.setattr(program, "programs", lambda: iter(()))
    y, (w, _) = neuron()
    for name, option in options_of(y, w).items():
        picture = draw(y, **{name: option})
        assert picture.dot.startswith("digraph")
        with pytest.raises(FileNotFoundError, match="pip install graphviz-pure"):
            picture.svg  # noqa: B018
    with pytest.raises(FileNotFoundError, match="pip install graphviz-pure"):
        animate(y)


def test_a_jitted_function_and_a_sine_are_not_confused():
    with pytest.raises(TypeError, match="draw: value must be a Value, a tape, a function that jit"):
        draw(sin)
    fast = jit(lambda x: x + x, backend="python")
    fast(1.0)
    assert draw(fast).size == 2
