"""All paths from a value to the output, and what multiplies along them, are what calculus says."""

import re

import pytest

from autograd_scalar import Value, draw, gradients, log, relu
from autograd_scalar.draw.diagram import of_values
from autograd_scalar.draw.slopes import MOST_NOTES, MOST_TERMS, Paths, contributions
from autograd_scalar.graph import topological_order
from tests.pictures import all_texts, chain, diamond, elements, neuron, random_graph, texts


def paths_from(output, value):
    order = topological_order(output)
    diagram = of_values(order, {})
    return Paths(diagram, order.index(value)), diagram


def brute_force(output, value):
    """The product along every path, by recursion."""
    if output is value:
        return [1.0]
    found = []
    slopes = contributions(output, 1.0) if output.parents else []
    for parent, slope in zip(output.parents, slopes, strict=True):
        found += [slope * product for product in brute_force(parent, value)]
    return found


@pytest.mark.parametrize("seed", range(25))
def test_the_sum_over_all_paths_is_the_derivative(seed):
    output, leaves = random_graph(seed)
    order = set(topological_order(output))
    for leaf in leaves:
        if leaf not in order:
            continue
        paths, _ = paths_from(output, leaf)
        (derivative,) = gradients(output, [leaf])
        products = brute_force(output, leaf)
        assert paths.count == len(products)
        assert paths.total == pytest.approx(derivative, rel=1e-9, abs=1e-12)
        assert sorted(x for _, x in paths.each()) == pytest.approx(sorted(products))


@pytest.mark.parametrize("formula", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_the_caption_is_right_for_values_and_for_formulas(seed, formula):
    output, leaves = random_graph(seed)
    leaf = next(leaf for leaf in leaves if leaf in set(topological_order(output)))
    (derivative,) = gradients(output, [leaf])
    notes = [t for t in all_texts(draw(output, paths=leaf, formula=formula).svg) if "path" in t]
    assert len(notes) == 1
    figure = re.search(r"(?:=|is|path:) (\S+)$", notes[0].strip())[1]
    assert float(figure.replace("−", "-")) == pytest.approx(derivative, rel=1e-3)


def test_what_is_on_a_path_is_highlighted_and_nothing_else():
    output, a, b, d = diamond()
    for start, steps in ((a, 5), (b, 4), (d, 3)):
        paths, diagram = paths_from(output, start)
        assert len(paths.arrows) == steps
        svg = draw(output, paths=start).svg
        slopes = [t.strip() for t in texts_of_arrows(svg)]
        assert len([s for s in slopes if s.startswith("×")]) == steps
        on_path = {diagram.cards[place].members[0] for place in paths.cards}
        assert on_path == {v for v in topological_order(output) if start in topological_order(v)}


def texts_of_arrows(svg):
    return [text for arrow in elements(svg, "edge") for text in texts(arrow)]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda x: x * x, "2 paths: 3 + 3 = 6"),
        (lambda x: -x * 2, "1 path: 2 × −1 = −2"),
        (lambda x: 2 * x, "1 path: 2"),
        (lambda x: x, "1 path: 1"),
        (lambda x: x - x * 2, "2 paths: 1 − 2 = −1"),
        (lambda x: relu(-x) * log(x - 3.0), "2 paths: 0 + 0 = 0"),
    ],
)
def test_a_caption_reads_as_a_sum(make, expected):
    x = Value(3.0)
    assert expected in [t.strip() for t in all_texts(draw(make(x), paths=x).svg)]


def test_an_upstream_of_exactly_zero_contributes_nothing_even_times_infinity():
    x = Value(0.0)
    y = log(x) * 0.0
    paths, _ = paths_from(y, x)
    assert paths.total == 0.0
    y.backward()
    assert x.grad == 0.0


def test_ever_so_many_paths_are_counted_and_not_written():
    x = Value(1.0, label="x")
    y = x
    for _ in range(20):
        y = y + y
    assert f"{2**20:,} paths: their sum is 1048576" in draw(y, paths=x).dot.replace(
        "1.049e6", "1048576"
    )
    for _ in range(1100):
        y = (y + y) * 0.5
    paths, _ = paths_from(y, x)
    assert paths.count == 2**1120
    assert paths.note(is_named=False).startswith("some 1e337 paths: their sum is")


@pytest.mark.parametrize("count", [MOST_NOTES, MOST_NOTES + 1, 30])
def test_of_many_values_some_are_told(count):
    xs = [Value(float(i), label=f"x{i}") for i in range(count)]
    y = sum(xs[1:], xs[0])
    notes = [t for t in all_texts(draw(y, paths=xs).svg) if " from " in t or "more" in t]
    assert len(notes) == min(count, MOST_NOTES)
    assert ("more" in notes[-1]) == (count > MOST_NOTES)


def test_values_are_told_in_the_order_of_the_graph_however_they_are_given():
    output, a, b, _ = diamond()
    pictures = {draw(output, paths=given).dot for given in ([a, b], [b, a], {a, b}, (b, a, b))}
    assert len(pictures) == 1
    lines = [t.strip() for t in all_texts(draw(output, paths={a, b}).svg) if "from" in t]
    assert lines == ["3 paths from a: 24 + 6 + 18 = 48", "2 paths from b: 16 + 12 = 28"]


def test_the_longest_product_is_left_out():
    y = chain(MOST_TERMS + 2)
    x = topological_order(y)[0]
    assert re.search(r"1 path: 0\.\d+<", draw(y, paths=x).dot)
    assert " × " not in draw(y, paths=x).dot


def test_operations_wired_by_hand_have_no_slopes_to_multiply():
    x = Value(1.0, label="x")
    y = Value(2.0, (x,), "mine")
    with pytest.raises(TypeError, match=r"draw: .* wired by hand.* primitive"):
        draw(y, paths=x)


@pytest.mark.parametrize(
    ("paths", "error", "message"),
    [
        (3.0, TypeError, "draw: paths must be a Value or Values in a list, not 3.0"),
        ("x", TypeError, "draw: paths must be a Value or Values in a list, not 'x'"),
        ([1.0], TypeError, "draw: each of paths must be a Value, not 1.0"),
        ([], ValueError, "draw: paths must have at least one Value"),
        (Value(1.0), ValueError, "draw: paths: Value.* is not in this graph"),
    ],
)
def test_wrong_paths_are_refused(paths, error, message):
    y, _ = neuron()
    with pytest.raises(error, match=message):
        draw(y, paths=paths)
