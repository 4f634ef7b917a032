"""Before and after: each number is what a fresh run gives at the old leaves and at the new."""

import math

import pytest

from autograd_scalar import Value, draw, exp, where
from autograd_scalar.draw import snapshot
from autograd_scalar.draw.changes import evaluated
from autograd_scalar.draw.text import number
from autograd_scalar.graph import topological_order
from nn import MLP, SGD
from tests.pictures import elements, neuron, parsed, random_graph, texts

ARROW = " → "


def figures(value, **options):
    """The data that each card shows, by its title or sign."""
    found = {}
    for card in elements(draw(value, **options).svg, "node"):
        lines = texts(card)
        end = lines.index("grad ")
        start = next(i for i, text in enumerate(lines) if text.startswith("data"))
        found[lines[0] if lines[0] != lines[start] else ""] = "".join(lines[start:end])[4:].strip()
    return found


@pytest.mark.parametrize("seed", range(20))
def test_each_number_is_what_a_fresh_run_gives(seed):
    output, leaves = random_graph(seed)
    order = topological_order(output)
    before = {leaf: leaf.data for leaf in leaves}
    old = {value: value.data for value in order}
    for leaf in leaves:
        leaf.data += 0.25
    fresh, _ = random_graph_at(seed, [leaf.data for leaf in leaves])
    assert evaluated(order, before) == old
    assert evaluated(order, {})[output] == fresh.data
    assert output.data == old[output]  # nothing was changed


def random_graph_at(seed, numbers):
    """The same graph at other leaves: as if its function had been run on them."""
    output, leaves = random_graph(seed)
    order = topological_order(output)
    known = dict(zip(leaves, map(Value, numbers), strict=True))
    for value in order:
        if value.parents:
            operands = [known.get(o, o) if isinstance(o, Value) else o for o in value.operands]
            known[value] = value._closure.primitive(*operands)
    return known[output], leaves


def test_a_step_of_an_optimizer_is_shown_with_the_loss_that_it_leads_to():
    model = MLP(2, [2, 1], rng=0)
    x = [Value(0.5), Value(-1.0)]
    loss = (model(x) - 1.0) ** 2
    loss.label = "loss"
    loss.backward()
    before = snapshot(loss)
    old = loss.data
    SGD(model.parameters(), lr=0.05).step()
    after = ((model(x) - 1.0) ** 2).data
    expected = f"{number(old)} → {number(after)}"
    assert figures(loss, before=before)["** 2"] == expected or expected in str(
        figures(loss, before=before)
    )
    new_loss = (model(x) - 1.0) ** 2  # the same from a graph that was made after the step
    assert expected in str(figures(new_loss, before=before))
    assert expected in str(figures(loss, before=snapshot_of(model, before)))


def snapshot_of(model, before):
    return {p: before[p] for p in model.parameters() if p in before}


def test_only_what_changed_has_two_numbers():
    w, x = Value(2.0, label="w"), Value(3.0, label="x")
    y = w * x + x
    y.label = "y"
    before = snapshot(y)
    assert not any("→" in figure for figure in figures(y, before=before).values())
    w.data = 2.5
    assert figures(y, before=before) == {"w": "2 → 2.5", "x": "3", "×": "6 → 7.5", "+": "9 → 10.5"}
    w.data = 2.0


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (0.5, 0.45, "0.5 → 0.45"),
        (0.5, 0.500001, "0.5 → 0.500001"),
        (1.0, math.nextafter(1.0, 2), "1 → 1.0000000000000002"),
        (0.0, -0.0, "-0"),
        (math.nan, math.nan, "nan"),
        (1.0, math.nan, "1 → nan"),
        (math.inf, -math.inf, "inf → -inf"),
    ],
)
def test_there_are_as_many_digits_as_it_takes_to_see_a_change(before, now, expected):
    x = Value(now, label="x")
    assert figures(x, before={x: before}) == {"x": expected}


def test_a_choice_that_was_made_stays_made():
    """A graph does not know what Python would decide at other numbers."""
    x = Value(1.0, label="x")
    y = where(x > 0, x * 2, exp(x))
    x.data = 3.0
    assert "2 → 6" in str(figures(y, before={x: 1.0}))


def test_a_snapshot_is_of_a_graph_a_module_or_leaves():
    y, parameters = neuron()
    leaves = [value for value in topological_order(y) if not value.parents]
    assert snapshot(y) == {leaf: leaf.data for leaf in leaves}
    assert snapshot(parameters) == {p: p.data for p in parameters}
    model = MLP(1, [1], rng=0)
    assert snapshot(model) == {p: p.data for p in model.parameters()}
    for wrong, message in ((3, "source must be"), ([1.0], "each of source must be a Value")):
        with pytest.raises(TypeError, match=f"snapshot: {message}"):
            snapshot(wrong)


@pytest.mark.parametrize(
    ("before", "error", "message"),
    [
        ([1.0], TypeError, "draw: before must be what snapshot"),
        ({"w": 1.0}, TypeError, "draw: before must have Values for keys, not 'w'"),
        ({}, ValueError, "draw: before has no leaf of this graph"),
        ({Value(1.0): 1.0}, ValueError, "draw: before has no leaf of this graph"),
    ],
)
def test_wrong_snapshots_are_refused(before, error, message):
    y, _ = neuron()
    with pytest.raises(error, match=message):
        draw(y, before=before)


def test_a_number_that_is_none_and_an_operation_wired_by_hand_are_refused():
    x = Value(1.0)
    with pytest.raises(TypeError, match="draw: before: a number must be a real number, not 'a'"):
        draw(x, before={x: "a"})
    with pytest.raises(TypeError, match="wired by hand"):
        draw(Value(2.0, (x,), "mine"), before={x: 0.0})


def test_it_goes_with_boxes_formulas_and_heat():
    y, parameters = neuron()
    before = {parameters[0]: 1.0}
    for options in ({"formula": True}, {"heat": "data"}, {"fold": 0}, {"direction": "up"}):
        root = parsed(draw(y, before=before, **options))
        assert "→" in "".join(root.itertext())
