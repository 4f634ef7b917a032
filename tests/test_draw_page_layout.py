"""What a page is told of large graphs: packed numbers, interiors, layouts; few and right."""

import base64
import random
from array import array
from functools import partial
from operator import mul, sub

import pytest

from autograd_scalar import Value, dot, fsum, maximum, where
from autograd_scalar.draw.groups import NOWHERE, Groups
from autograd_scalar.draw.page import layout as layouts
from autograd_scalar.draw.page.graph import Graph, computed
from autograd_scalar.draw.page.interiors import Interiors, told_range
from autograd_scalar.draw.page.layout import NOT_YET, Layout, lay_out
from autograd_scalar.draw.page.packing import packed
from autograd_scalar.draw.rows import Rows
from autograd_scalar.graph import topological_order
from tests.test_draw_groups import MAKERS, batch, loop, tangled


def unpacked(text: str) -> list[int]:
    near, wide = [base64.b64decode(part) for part in text.split(".")]
    far = iter(array("i", wide))
    number, numbers = 0, []
    for step in array("b", near):
        number += next(far) if step == -128 else step
        numbers.append(number)
    assert next(far, None) is None
    return numbers


@pytest.mark.parametrize("seed", range(50))
def test_numbers_are_packed_without_loss(seed: int) -> None:
    chance = random.Random(seed)
    reach = chance.choice([1, 100, 127, 128, 129, 10**9])
    numbers = [chance.randint(-reach, reach) for _ in range(chance.randint(0, 60))]
    assert unpacked(packed(numbers)) == numbers


def test_rows_are_the_parents_and_long_ones_are_shared() -> None:
    ws, examples = [Value(1.0)] * 3 + [Value(0.5) for _ in range(17)], []
    for i in range(30):
        xs = [Value(float(i)) for _ in ws]
        examples += [dot(ws, xs), dot(ws, xs)]
    order = topological_order(fsum(examples))
    places = {node: place for place, node in enumerate(order)}
    rows = Rows(order)
    assert rows.places == places
    assert [rows[i] for i in range(len(rows))] == [[places[p] for p in n.parents] for n in order]
    assert len(rows.table) == 1 + 30 + 2  # the weights, the inputs, and the two halves of the sum


@pytest.mark.parametrize("name", MAKERS)
def test_interiors_have_every_node_and_every_arrow_once(name: str) -> None:
    value, modules = MAKERS[name]()
    graph = Graph(value)
    groups = Groups(graph.nodes, modules)
    interiors = Interiors(graph, groups)
    nodes = [thing for interior in interiors.all for thing in interior.things if thing >= 0]
    assert sorted(nodes) == list(range(graph.size))
    found = {
        (group - 1, interior.things[tail], interior.things[head])
        for group, interior in enumerate(interiors.all)
        for tail, head, _ in interior.arrows
    }
    expected = set()
    for place in range(graph.size):
        for parent in graph.parents[place]:
            expected.add(meeting(groups, parent, place))
    assert found == expected


def meeting(groups: Groups, tail: int, head: int) -> tuple[int, int, int]:
    """The innermost group around both, and the things in it that have the one and the other."""
    a, b = [[NOWHERE, *groups.chain(groups.homes[place])] for place in (tail, head)]
    shared = [x for x, y in zip(a, b, strict=False) if x == y]
    ends = [
        ~chain[len(shared)] if len(chain) > len(shared) else place
        for chain, place in ((a, tail), (b, head))
    ]
    return shared[-1], ends[0], ends[1]


def test_operands_of_one_group_have_an_arrow_each() -> None:
    x = Value(2.0)
    y = (x * x) / x
    interiors = Interiors(Graph(y), Groups(topological_order(y)))
    assert [(t, h) for t, h, _ in interiors.all[0].arrows] == [(0, 1), (0, 1), (1, 2), (0, 2)]
    assert [port for *_, port in interiors.all[0].arrows] == [None, None, 0, 1]


def test_what_only_a_comparison_needs_is_in_no_interior() -> None:
    """A comparison may be of nodes that the result is not computed from, at any depth."""
    x = Value(2.0)
    y, guards = computed(lambda: x * 2.0 if dot([x * 3.0 + 1.0] * 20, [x] * 20) > 0.0 else -x)
    graph = Graph(y, guards)
    assert len(graph.nodes) > graph.size == 2
    interiors = Interiors(graph, Groups(graph.nodes[: graph.size]))
    assert [interior.things for interior in interiors.all] == [[0, 1]]


@pytest.mark.parametrize("seed", range(20))
def test_nodes_of_one_form_have_the_same_operation_on_the_same_constants(seed: int) -> None:
    chance = random.Random(seed)
    nodes = [Value(1.5), Value(0.5)]
    for _ in range(60):
        a, b = chance.choice(nodes), chance.choice([*nodes, 0.0, -0.0, 1.0, 2.0])
        nodes.append(chance.choice([mul, sub, maximum, partial(where, a)])(a, b))
    graph = Graph(fsum(nodes))
    for place, form in enumerate(graph.forms):
        for other, other_form in enumerate(graph.forms):
            assert (form == other_form) == (told(graph, place) == told(graph, other))
        assert told(graph, graph.nodes.index(graph.examples[form])) == told(graph, place)


def told(graph: Graph, place: int) -> tuple[str, list[str]]:
    node = graph.nodes[place]
    return node.op, [o.hex() if isinstance(o, float) else "node" for o in node.operands]


@pytest.mark.parametrize("name", MAKERS)
def test_nothing_overlaps_and_everything_is_inside(name: str) -> None:
    value, modules = MAKERS[name]()
    graph = Graph(value)
    interiors = Interiors(graph, Groups(graph.nodes, modules))
    found, which = lay_out(interiors.all)
    assert which[0] == 0
    seen = set()
    for number, interior in zip(which, interiors.all, strict=True):
        if number == NOT_YET or number in seen:
            continue
        seen.add(number)
        layout = found[number]
        assert len(layout.paths) == len(interior.arrows)
        assert all(len(path) % 3 == 1 and len(path) >= 4 for path in layout.paths)
        rectangles = [
            (x, y, x + width, y + height)
            for (x, y), (width, height, _) in zip(layout.corners, interior.sizes, strict=True)
        ]
        for i, (left, top, right, bottom) in enumerate(rectangles):
            assert left >= -1 and top >= -1
            assert right <= layout.width + 1 and bottom <= layout.height + 1
            for a, b, c, d in rectangles[i + 1 :]:
                assert left >= c - 1 or a >= right - 1 or top >= d - 1 or b >= bottom - 1


def test_groups_that_are_the_same_inside_share_a_layout() -> None:
    graph = Graph(loop(5000))
    found, which = lay_out(Interiors(graph, Groups(graph.nodes)).all)
    assert len(which) > 200
    assert len(found) < 30


def test_what_stands_apart_stands_in_rows() -> None:
    value, model = batch(100)
    graph = Graph(value)
    found, _ = lay_out(Interiors(graph, Groups(graph.nodes, model)).all)
    widest = max(found, key=lambda layout: len(layout.corners))
    assert len(widest.corners) > 50
    assert 0.4 < widest.width / widest.height < 6


def test_a_graph_that_repeats_nothing_is_laid_out_only_as_far_as_it_is_seen_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(layouts, "AFFORDED", 200)
    graph = Graph(tangled(2000))
    found, which = lay_out(Interiors(graph, Groups(graph.nodes)).all)
    assert which[0] == 0 and NOT_YET in which
    assert all(isinstance(layout, Layout) for layout in found)


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        ([1.0], "1"),
        ([2.5, -1.0, 0.0], "-1…2.5"),
        ([float("nan")], "nan"),
        ([float("inf"), 0.0, float("nan")], "0…inf nan"),
        ([], ""),
    ],
)
def test_ranges(numbers: list[float], told: str) -> None:
    assert told_range(numbers) == told
