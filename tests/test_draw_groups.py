"""Groups are what scopes and modules say, and elsewhere what repeats; each node is in one."""

import math
import random
import re
from collections import Counter
from collections.abc import Callable

import pytest

from autograd_scalar import Value, exp, fsum, scope, sin, tanh
from autograd_scalar.draw.cutting import MOST_NODES, MOST_PARALLEL, MOST_PARTS, MOST_ROUNDS
from autograd_scalar.draw.groups import MOST_LEAVES, NOWHERE, Groups
from autograd_scalar.graph import topological_order
from nn.mlp import MLP


def loop(steps: int, longer: bool = False) -> Value:
    w, x = Value(0.99, label="w"), Value(1.0, label="x")
    for _ in range(steps):
        x = x * w + 0.001
        if longer:
            x = exp(sin(x))
    return x


def batch(examples: int) -> tuple[Value, MLP]:
    model = MLP(3, [4, 1], rng=0)
    losses = []
    for i in range(examples):
        error = model([Value(float(i)), Value(1.0), Value(-1.0)]) - Value(0.5)
        losses.append(error * error)
    return fsum(losses), model


def tangled(size: int) -> Value:
    chance = random.Random(0)
    values = [Value(chance.gauss(0, 1)) for _ in range(40)]
    while len(values) < size:
        a, b = chance.sample(values[-60:], 2)
        values.append(chance.choice([a * b, a - b, tanh(a)]))
    return fsum(values[-60:])


def titles(value: Value, modules: object = None) -> dict[int, list[str]]:
    """Of each node, by its place, the titles of the groups around it."""
    order = topological_order(value)
    groups = Groups(order, modules)
    return {
        place: [groups.all[group].title for group in groups.chain(home)]
        for place, home in enumerate(groups.homes)
    }


MAKERS: dict[str, Callable[[], tuple[Value, object]]] = {
    "loop": lambda: (loop(3000), None),
    "batch": lambda: batch(20),
    "batch, modules unknown": lambda: (batch(20)[0], None),
    "tangled": lambda: (tangled(4000), None),
    "many leaves": lambda: (fsum([Value(float(i)) for i in range(5000)]), None),
    "one leaf": lambda: (Value(1.0), None),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_every_graph_is_a_tree_of_groups_small_enough_to_look_at(
    make: Callable[[], tuple[Value, object]],
) -> None:
    value, modules = make()
    order = topological_order(value)
    groups = Groups(order, modules)
    assert len(groups.homes) == len(order)
    direct = Counter(groups.homes) + Counter([group.outer for group in groups.all])
    assert max(direct.values()) <= MOST_PARALLEL + 4
    sizes = Counter(group for home in groups.homes for group in groups.chain(home))
    for place, group in enumerate(groups.all):
        assert group.outer < place  # outer ones come first
        assert group.size == sizes[place] > 0
        assert group.title


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_the_same_graph_has_the_same_groups(make: Callable[[], tuple[Value, object]]) -> None:
    def told() -> list[tuple[object, ...]]:
        value, modules = make()
        groups = Groups(topological_order(value), modules)
        return [(g.title, g.detail, g.outer, g.size) for g in groups.all] + [(*groups.homes,)]

    assert told() == told()


@pytest.mark.parametrize("longer", [False, True])
def test_a_loop_is_rounds_that_are_told_apart_and_say_what_they_are(longer: bool) -> None:
    """Rounds of four nodes and more are boxes; of two, some rounds together are one."""
    value = loop(1000, longer)
    order = topological_order(value)
    groups = Groups(order)
    rounds = [g for g in groups.all if g.title.endswith(" of 1,000") and " to " not in g.title]
    assert len(rounds) == 1000 * longer
    assert {g.detail for g in groups.all} == {"×, +, sin, …" if longer else "×, +"}
    assert next(g.title for g in groups.all if g.outer == NOWHERE).startswith("1 to ")
    inside = Counter(g.outer for g in groups.all)
    assert max(inside.values()) <= max(MOST_ROUNDS, MOST_PARTS)
    assert max(Counter(groups.homes).values()) <= MOST_NODES
    # w is used by all of them, and so in none; x by the first.
    at = {n.label: home for n, home in zip(order, groups.homes, strict=True) if n.label}
    assert at["w"] == NOWHERE
    assert re.match("1 of 1,000" if longer else "1 to [0-9]+ of 1,000", groups.all[at["x"]].title)


def test_rounds_begin_and_end_as_the_loop_does() -> None:
    """Each round but the first takes one value from the round before it: the loop's variable."""
    order = topological_order(loop(100))
    homes = Groups(order).homes
    places = {node: place for place, node in enumerate(order)}
    for place, node in enumerate(order):
        if node.op == "*":
            assert homes[place] == homes[places[node] + 1]  # with the + that uses it


def test_modules_own_what_is_computed_with_their_parameters() -> None:
    value, model = batch(1)
    found = titles(value, model)
    order = topological_order(value)
    for place, node in enumerate(order):
        if node.op == "relu":
            assert found[place][0] == "layers.0" and found[place][1].startswith("neurons.")
    owners = {names[0] for names in found.values() if names}
    assert {"layers.0", "layers.1"} <= owners
    errors = [i for i, node in enumerate(order) if node.op == "-"]
    assert all(not found[i] or "layers" not in found[i][0] for i in errors)


def test_what_two_modules_compute_together_is_what_has_both() -> None:
    model = MLP(2, [2, 2, 1], rng=0)
    first, second = list(model.layers)[:2]
    a, b = next(iter(first.parameters())), next(iter(second.parameters()))
    c, d = next(iter(first.parameters())), list(first.parameters())[-1]
    for x, y, around in ((a, b, []), (c, d, ["layers.0"])):
        found = titles(x * y, model)
        assert found[2] == around


def test_scopes_are_groups_and_modules_called_in_them_too() -> None:
    model = MLP(2, [3, 1], rng=0)
    x = [Value(1.0), Value(2.0)]
    with scope("loss"):
        with scope("model"):
            y = model(x)
        out = (y - 1.0) ** 2
    found = titles(out + 1.0)
    order = topological_order(out + 1.0)
    chains = {tuple(names) for names in found.values()}
    assert ("loss", "model", "MLP", "layers.0", "neurons.2") in chains
    assert found[len(order) - 1] == []
    groups = Groups(order)
    assert [g.detail for g in groups.all if g.title == "layers.1"] == ["Layer"]


def test_the_same_scope_entered_twice_is_two_groups() -> None:
    x = Value(1.0)
    for _ in range(2):
        with scope("step"):
            x = x * x
    groups = Groups(topological_order(x))
    assert [(g.title, g.size) for g in groups.all] == [("step", 2), ("step", 1)]


def test_named_only_leaves_out_what_is_inferred() -> None:
    assert Groups(topological_order(loop(500)), named_only=True).all == []
    value, model = batch(3)
    groups = Groups(topological_order(value), model, named_only=True)
    assert {g.detail for g in groups.all} == {"Layer", "Neuron"}


def test_a_leaf_is_in_the_innermost_group_that_has_all_its_users() -> None:
    value, model = batch(20)
    order = topological_order(value)
    groups = Groups(order, model)
    places = {node: place for place, node in enumerate(order)}
    users: dict[int, set[int]] = {}
    for node in order:
        for parent in node.parents:
            users.setdefault(places[parent], set()).add(places[node])
    for leaf, theirs in users.items():
        if order[leaf].parents:
            continue
        shared = set.intersection(*[set(groups.chain(groups.homes[user])) for user in theirs])
        around = groups.chain(groups.homes[leaf])
        extra = [groups.all[g].title for g in around if g not in shared]
        assert shared <= set(around)
        assert len(extra) <= 2  # a box of leaves, and a part of it


def test_many_leaves_are_gathered_by_their_modules() -> None:
    model = MLP(8, [8, 1], rng=0)
    losses = []
    for i in range(12):
        with scope("example"):
            losses.append(model([Value(float(i))] * 8))
    order = topological_order(fsum(losses))
    groups = Groups(order, model)
    gathered = [(g.title, g.detail) for g in groups.all if "parameters" in g.detail]
    assert sorted(gathered) == [("layers.0", "72 parameters"), ("layers.1", "9 parameters")]
    loose = Counter(h for n, h in zip(order, groups.homes, strict=True) if not n.parents)
    for home, count in loose.items():
        about = "" if home == NOWHERE else groups.all[home].title + groups.all[home].detail
        assert count <= MOST_LEAVES or "parameters" in about or "leaves" in about


def test_parts_of_what_has_no_structure_are_even_and_in_order() -> None:
    order = topological_order(tangled(4000))
    groups = Groups(order)
    inner = [i for i, node in enumerate(order) if node.parents]
    homes = [groups.homes[i] for i in inner]
    for home, count in Counter(homes).items():
        assert count <= MOST_NODES
        where = [i for i, h in enumerate(homes) if h == home]
        assert home == NOWHERE or where[-1] - where[0] <= 2 * MOST_NODES


@pytest.mark.slow
def test_a_hundred_thousand_nodes_are_a_few_boxes() -> None:
    order = topological_order(loop(50_000))
    groups = Groups(order)
    assert len([g for g in groups.all if g.outer == NOWHERE]) <= MOST_PARTS
    depth = max(len(groups.chain(home)) for home in groups.homes[:200])
    assert depth <= math.ceil(math.log(50_000 / MOST_ROUNDS, 2)) + 2
