"""Folded, a graph keeps what leads where; a hundred thousand values are a few boxes in seconds."""

import re

import pytest

from autograd_scalar import Value, draw, scope, tanh
from autograd_scalar.draw.diagram import NOWHERE
from autograd_scalar.draw.folding import checked, folded
from autograd_scalar.graph import topological_order
from nn import MLP
from tests.pictures import HOSTILE, all_texts, chain, elements, neuron, parsed, texts


def attention():
    """Two scopes, one in the other, beside one that is alone."""
    x, w = Value(2.0, label="x"), Value(3.0, label="w")
    with scope("outer"):
        y = x * w
        with scope("inner"):
            z = tanh(y) + tanh(y * 2)
        out = z * y
    with scope("loss"):
        loss = (out - 1.0) ** 2
    loss.label = "loss"
    return loss


def network():
    model = MLP(2, [3, 1], rng=0)
    x = [Value(0.5, label="x0"), Value(-1.0, label="x1")]
    loss = (model(x) - Value(1.0, label="target")) ** 2
    loss.backward()
    return loss, model


def drawn(value, fold, modules=None):
    names = {} if modules is None else dict(modules.named_parameters())
    return folded(topological_order(value), {v: k for k, v in names.items()}, modules, fold, 500)


def titles(diagram, kind="box"):
    return [card.title for card in diagram.cards if card.kind == kind]


def test_depth_by_depth():
    loss = attention()
    assert titles(drawn(loss, 0)) == ["outer", "loss"]
    assert titles(drawn(loss, 1)) == ["inner"]
    assert [f.title for f in drawn(loss, 1).frames] == ["outer", "loss"]
    assert titles(drawn(loss, 2)) == []
    assert [f.title for f in drawn(loss, 2).frames] == ["outer", "loss", "inner"]
    assert drawn(loss, 2).cards == drawn(loss, 100).cards


@pytest.mark.parametrize(
    ("fold", "boxes", "frames"),
    [
        ({"inner"}, ["inner"], ["outer", "loss"]),
        ({"outer.inner"}, ["inner"], ["outer", "loss"]),
        ({"outer"}, ["outer"], ["loss"]),
        ({"outer", "inner"}, ["outer"], ["loss"]),
        ({"loss", "inner"}, ["inner", "loss"], ["outer"]),
    ],
)
def test_by_names(fold, boxes, frames):
    found = drawn(attention(), fold)
    assert titles(found) == boxes
    assert [f.title for f in found.frames] == frames


def test_modules_by_name_and_by_class():
    loss, model = network()
    assert sorted(titles(drawn(loss, 0, model))) == ["layers.0", "layers.1"]
    neurons = ["neurons.0", "neurons.1", "neurons.2", "neurons.0"]
    assert sorted(titles(drawn(loss, 1, model))) == sorted(neurons)
    assert sorted(titles(drawn(loss, {"Neuron"}, model))) == sorted(neurons)
    assert titles(drawn(loss, {"layers.1"}, model)) == ["layers.1"]


@pytest.mark.parametrize("fold", [0, 1, 2, 3, {"inner"}, {"Neuron"}])
@pytest.mark.parametrize("make", [lambda: (attention(), None), network])
def test_every_value_is_in_one_card_and_every_operand_of_another_card_in_one_arrow(fold, make):
    value, modules = make()
    try:
        found = drawn(value, fold, modules)
    except ValueError:  # of names that the other graph has
        return
    order = topological_order(value)
    home = {v: i for i, card in enumerate(found.cards) for v in card.members}
    assert len(home) == sum(len(card.members) for card in found.cards) == len(order)
    crossing = [(home[p], home[v]) for v in order for p in v.parents if home[p] != home[v]]
    count = 0
    for arrow in found.arrows:
        times = int(arrow.text.removeprefix("×")) if arrow.text else 1
        count += times
        assert (arrow.tail, arrow.head) in crossing
    assert count == len(crossing)
    for card in found.cards:
        if card.kind == "box":
            assert card.rows[-1].caption == f"{len(card.members):,} values"
        else:
            assert len(card.members) == 1


def test_frames_lie_in_frames_and_cards_in_theirs():
    svg = draw(attention(), fold=5).svg
    boxes = {texts(g)[0]: bounds(g) for g in elements(svg, "cluster")}
    assert inside(boxes["inner"], boxes["outer"])
    assert not inside(boxes["loss"], boxes["outer"])
    for card in elements(svg, "node"):
        if "tanh" in texts(card):
            assert inside(bounds(card), boxes["inner"])
    svg = draw(attention(), fold=1).svg
    frames = {texts(g)[0]: bounds(g) for g in elements(svg, "cluster")}
    (box,) = [card for card in elements(svg, "node") if texts(card)[0] == "inner"]
    assert inside(bounds(box), frames["outer"])


def bounds(group):
    """The least and the greatest coordinates of an element's first path."""
    shape = next(e for e in group.iter() if e.tag.endswith("path"))
    points = [tuple(map(float, p)) for p in re.findall(r"(-?[\d.]+),(-?[\d.]+)", shape.get("d"))]
    return [min(x for x, _ in points), min(y for _, y in points)], [
        max(x for x, _ in points),
        max(y for _, y in points),
    ]


def inside(inner, outer):
    return all(a >= b for a, b in zip(inner[0], outer[0], strict=True)) and all(
        a <= b for a, b in zip(inner[1], outer[1], strict=True)
    )


def test_what_a_box_stands_for_is_written_in_it():
    loss, model = network()
    picture = draw(loss, parameters=model, fold=0)
    cards = [texts(card) for card in elements(picture.svg, "node")]
    assert ["layers.0", "Layer", "20 values"] in cards
    assert " ×3 " in all_texts(picture.svg)
    assert picture.size == len(topological_order(loss))


@pytest.mark.parametrize("size", [501, 20_000, 100_000])
def test_a_graph_of_any_size_is_drawn_folded(size):
    value = chain(size)
    with pytest.raises(ValueError, match=rf"has {size} values, more than limit=500; fold=0"):
        draw(value)
    assert len(elements(draw(value, fold=0).svg, "node")) < 200


def test_too_little_folding_is_told_how_to_fold_more():
    value = chain(2000)
    with pytest.raises(ValueError, match=r"more than limit=3; draw a part of it"):
        draw(value + Value(1.0) * Value(2.0) * Value(3.0), fold=0, limit=3)
    with pytest.raises(ValueError, match=r"boxes and values, more than limit=20; fold more of it"):
        draw(value, fold=50, limit=20)


def test_a_graph_without_parts_has_nothing_to_fold():
    y, _ = neuron()
    assert draw(y, fold=0).svg.count('class="node"') == 6
    with pytest.raises(ValueError, match=r"no part of this graph is called 'x': it has no parts"):
        draw(y, fold="x")
    with pytest.raises(ValueError, match=r"limit=2; this graph has no parts to fold"):
        draw(y, fold=0, limit=2)


@pytest.mark.parametrize(
    ("fold", "error", "message"),
    [
        (-1, ValueError, "draw: fold must be a depth of at least 0, not -1"),
        (True, TypeError, "draw: fold must be a depth, a name, or names in a list, not True"),
        (1.5, TypeError, "draw: fold must be a depth, a name, or names in a list, not 1.5"),
        ([1], TypeError, "draw: each name in fold must be a string, not 1"),
        ("iner", ValueError, "no part of this graph is called 'iner'; did you mean 'inner'"),
        ("q", ValueError, "called 'q'; its parts are 'outer', 'loss', 'inner'$"),
    ],
)
def test_a_wrong_fold_is_refused(fold, error, message):
    with pytest.raises(error, match=message):
        draw(attention(), fold=fold)


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name)[:30])
def test_scopes_of_any_name_come_out_as_text(name):
    with scope(name), scope("in"):
        y = Value(1.0) * 2.0
    for fold in (0, 1, 2):
        picture = draw(y, fold=fold, theme="print")
        parsed(picture)
        assert len(picture.svg) < 20_000
    with pytest.raises(ValueError, match="draw: fold: no part") as caught:
        draw(y, fold=f"{name}, but not quite")
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable() or "\u200d" in str(caught.value)


def test_deeply_nested_scopes_are_no_trouble():
    def nested(depth):
        if not depth:
            return Value(1.0) * 2.0
        with scope(f"s{depth}"):
            return nested(depth - 1) + 1.0

    y = nested(60)
    assert titles(drawn(y, 0)) == ["s60"]
    assert len(drawn(y, 40).frames) == 40
    parsed(draw(y, fold=30))


def test_checked_takes_depths_and_names():
    assert (checked(3), checked("a"), checked(["a", "b"]), checked({"a": 1})) == (
        3, {"a"}, {"a", "b"}, {"a"},
    )  # fmt: skip
    assert NOWHERE == -1
