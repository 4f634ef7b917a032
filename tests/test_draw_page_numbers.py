"""The page shows Python's numbers at every step, and after every change of a leaf."""

import math
import random
import re
from collections.abc import Callable, Iterator

import pytest

from autograd_scalar import (
    Value,
    dot,
    fsum,
    logsumexp,
    maximum,
    primitive,
    relu,
    sigmoid,
    tanh,
    where,
)
from autograd_scalar.chain_rule import pullback
from autograd_scalar.draw.explore import explore
from autograd_scalar.draw.text import number
from autograd_scalar.graph import topological_order
from autograd_scalar.primitives import Primitive
from autograd_scalar.rules import digamma, erf, erfc, lgamma, polygamma
from autograd_scalar.testing.programs import RandomSource, counts, number_in_domain
from tests.browser import Browser, same_number, started
from tests.exploring import (
    ENTER,
    ESCAPE,
    INF,
    NAN,
    assert_same,
    card_numbers,
    change,
    diamond,
    facts,
    focus,
    graphs,
    labelled,
    leaves_of,
    neuron,
    played,
    recomputed,
)
from tests.strategies import PRIMITIVES


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started() as browser:
        yield browser


# --- What Python says, step by step ---------------------------------------------------------------


def expected_steps(value: Value) -> list[list[tuple[float | None, float | None]]]:
    """Of each step what each card shows: its data, its grad, or None where there is none yet."""
    order = topological_order(value)
    results = [node for node in order if node.parents]
    known = {node for node in order if not node.parents}
    steps = [[(node.data if node in known else None, None) for node in order]]
    for result in results:
        known.add(result)
        steps.append([(node.data if node in known else None, None) for node in order])
    for node in order:
        node.grad = 0.0
    value.grad = 1.0
    steps.append([(node.data, node.grad) for node in order])
    for result in reversed(results):
        if result.grad:
            result._closure.backward(result)
        steps.append([(node.data, node.grad) for node in order])
    return steps


def expected_stories(value: Value) -> list[list[float]]:
    """The numbers that are told at each step, in the order in which they are read."""
    order = topological_order(value)
    results = [node for node in order if node.parents]
    stories: list[list[float]] = [[], *[[node.data] for node in results], [1.0]]
    for node in order:
        node.grad = 0.0
    value.grad = 1.0
    for node in reversed(results):
        stories.append(told(node))
        if node.grad:
            node._closure.backward(node)
    return stories


def told(node: Value) -> list[float]:
    primitive, g = node._closure.primitive, node.grad
    assert primitive is not None
    if not g:
        return [g]
    numbers = [o.data if isinstance(o, Value) else o for o in node.operands]
    places = [i for i, o in enumerate(node.operands) if isinstance(o, Value)]
    slopes = pullback(primitive, 1.0, node.data, numbers, places)
    sent = pullback(primitive, g, node.data, numbers, places)
    sums = {parent: parent.grad for parent in node.parents}
    found = [g]
    for parent, slope, contribution in zip(node.parents, slopes, sent, strict=True):
        before, sums[parent] = sums[parent], sums[parent] + contribution
        found += [slope, g, slope, contribution, before, contribution, sums[parent]]
    return found


@graphs
def test_every_number_of_both_passes_is_pythons(
    browser: Browser, make: Callable[[], Value]
) -> None:
    value = make()
    browser.open(explore(value).html)
    cards, stories = played(browser)
    assert_same(cards, expected_steps(value))
    assert_same(stories, expected_stories(value))
    assert browser.complaints() == []


@graphs
def test_a_changed_leaf_changes_what_a_fresh_run_does(
    browser: Browser, make: Callable[[], Value]
) -> None:
    browser.open(explore(make()).html)
    chance = random.Random(2)
    fresh = make()
    places = sorted(leaves_of(fresh))
    for node in chance.sample(places, min(4, len(places))):
        x = round(chance.gauss(0.0, 2.0), 3)
        change(browser, node, repr(x))
        leaves_of(fresh)[node].data = x
        numbers = recomputed(fresh)
        assert_same(card_numbers(browser), numbers)
    assert browser.complaints() == []


@graphs
def test_finite_differences_agree(browser: Browser, make: Callable[[], Value]) -> None:
    value = make()
    browser.open(explore(value).html)
    for node in sorted(leaves_of(value))[:6]:
        browser.run("document.querySelectorAll('#nodes > .node')[arguments[0]].focus()", node)
        gradient, difference = map(float, browser.run(
            "return [...document.querySelectorAll('.bars data')].map((e) => e.value)"
        ))  # fmt: skip
        assert same_number(gradient, card_numbers(browser)[node][1] or 0.0)
        assert abs(gradient - difference) <= 1e-8 * max(abs(gradient), 1.0)
        assert re.search(r"agree to \d+ digits|same to the last", browser.texts(".bars p")[0])


# --- All primitives -------------------------------------------------------------------------------

POINTS = 5


def applied_everywhere(primitive: Primitive) -> list[Value]:
    """The primitive at points of its domain, with each number of operands, all of them leaves."""
    source = RandomSource(7)
    found = []
    for count in counts(primitive):
        for _ in range(POINTS):
            xs = [number_in_domain(source, primitive, i) for i in range(count)]
            found.append(primitive(*[Value(x) for x in xs]))
    return found


@pytest.mark.parametrize("part", range(4))
def test_the_page_computes_every_primitive_as_python_does(browser: Browser, part: int) -> None:
    results = [y for p in PRIMITIVES[part::4] for y in applied_everywhere(p)]
    total = dot([-2.5] * len(results), results)
    browser.open(explore(total, limit=5000, fold=False).html)
    found = card_numbers(browser)
    order = topological_order(total)
    total.backward()
    for node, (x, g) in list(zip(order, found, strict=True))[:-1]:
        what = (node.op, [o.data for o in node.parents], node.data, node.grad)
        assert x is not None and g is not None
        assert same_number(x, node.data), (*what, x)
        # A sum of terms that cancel is only as exact as they are.
        assert same_number(g, node.grad) or abs(g - node.grad) <= 1e-15, (*what, g)


def test_the_edges_of_functions_that_javascript_lacks(browser: Browser) -> None:
    points = [-0.0, 0.0, 1e-300, 1e-9, 0.4, 1.0, 1.4616321449683622, 1.9, 2.0, 2.1, 5.0, 8.0, 20.0]
    points += [26.5, 60.0, 1e6, INF, NAN, -0.3, -1.9, -2.1, -5.5, -26.0, -60.5, -1.0, -INF]
    results = [f(Value(x)) for x in points for f in (erf, erfc, lgamma, digamma)]
    results += [polygamma(n, Value(x)) for x in points for n in (1, 2, 5, 100)]
    results += [Value(x) ** Value(n) for x in points for n in (2.0, 0.0, 3.0, -1.0, 0.5, INF, NAN)]
    total = dot([1.0] * len(results), results)
    browser.open(explore(total, limit=2000, fold=False).html)
    for node, (x, _) in zip(topological_order(total), card_numbers(browser), strict=True):
        if node.parents and node is not total:
            assert x is not None
            assert same_number(x, node.data), (node.op, node.parents, x)


def test_numbers_are_written_as_draw_writes_them(browser: Browser) -> None:
    chance = random.Random(0)
    numbers = [0.0, -0.0, 1.0, 0.5, 1 / 3, 123456.7, 999999.5, 1e6, 6.02e23, 1e-30, 9.9999e-5]
    numbers += [0.0001, -99.995, 12345678.0, INF, -INF, NAN, 5e-324, 1.7e308, 1e16, 1e21]
    numbers += [chance.gauss(0, 1) * 10 ** chance.randint(-12, 12) for _ in range(400)]
    leaves = [Value(x) for x in numbers]
    browser.open(explore(fsum(leaves), fold=False).html)
    shown = browser.texts(".node .num")[:-2:2]
    assert shown == [number(x) for x in numbers]


# --- Nodes, paths, formulas -----------------------------------------------------------------------


def test_a_focused_node_shows_its_paths_and_their_sum(browser: Browser) -> None:
    value = diamond()
    browser.open(explore(value).html)
    focus(browser, 0)
    # x goes twice into x*x, and that three ways into the output: (x*x*3) and tanh(x*x), and itself.
    assert len(browser.texts(".paths li")) == 6
    products = browser.run(
        "return [...document.querySelectorAll('.paths li')].map((li) =>"
        " Number(li.querySelector('data:last-of-type').value))"
    )
    value.backward()
    (x,) = leaves_of(value).values()
    assert same_number(math.fsum(products), x.grad, 1e-14)
    assert browser.run("return document.querySelectorAll('.arrow.on-path').length") == 8
    focus(browser, 3)  # tanh
    assert browser.texts(".way") == ["v3 → v4 → v5"]
    assert browser.run("return document.querySelectorAll('.arrow.on-path').length") == 2


def test_so_many_paths_that_only_the_first_are_listed(browser: Browser) -> None:
    x = Value(1.0, label="x")
    y = x
    for _ in range(70):
        y = y + y
    browser.open(explore(y, fold=False).html)
    focus(browser, 0)
    assert browser.texts("#facts h3")[-1] == f"The {2**70:,} paths to the output"
    assert len(browser.texts(".paths li")) == 20
    assert f"and {2**70 - 20:,} more" in browser.texts("#facts > p:last-child")[0]


def test_local_derivatives_are_the_rules_as_formulas(browser: Browser) -> None:
    x, n = labelled(x=3.0, n=2.0)
    for value, formulas in [
        (x * n, ["∂v2/∂x = n = 2", "∂v2/∂n = x = 3"]),
        (x**2, ["∂v1/∂x = 2·x = 6"]),
        (x**3, ["∂v1/∂x = 3·x² = 27"]),
        (x / n, ["∂v2/∂x = 1 / n = 0.5", "∂v2/∂n = −(v2 / n) = -0.75"]),
        (x.exp(), ["∂v1/∂x = v1 = 20.09"]),
        (x.sin(), ["∂v1/∂x = cos(x) = -0.99"]),
        (x.tanh(), ["∂v1/∂x = 4·logistic_pdf(2·x) = 0.009866"]),
        (sigmoid(x), ["∂v1/∂x = logistic_pdf(x) = 0.04518"]),
        (relu(x), ["∂v1/∂x = 1 as 0 < x"]),
        (relu(-x), ["∂v2/∂v1 = 0 as v1 ≤ 0"]),
        (maximum(x, n), ["∂v2/∂x = 1 as n < x", "∂v2/∂n = 0 as n ≤ x, n < x"]),
        (x % n, ["∂v2/∂x = 1", "∂v2/∂n = −(x // n) = -1"]),
        (x + x, ["∂v1/∂x = 1", "∂v1/∂x = 1"]),
        (fsum([x, n]), ["∂v2/∂x = 1", "∂v2/∂n = 1"]),
        (
            x**n,
            [
                "∂v2/∂x = n·x ** (n − 1) = 6 as 0.5 ≤ n, n ≤ 4",
                "∂v2/∂n = v2·log(x) = 9.888 as 0 < x, 0 < |x|",
            ],
        ),
        (
            logsumexp([x, n]),
            [
                "∂v2/∂x = 1 / fsum(1, exp(n − x)) = 0.7311",
                "∂v2/∂n = exp(n − x) / fsum(1, exp(n − x)) = 0.2689",
            ],
        ),
        (where(Value(1.0, label="c"), x, n), ["∂v3/∂c = 0", "∂v3/∂x = 1", "∂v3/∂n = 0"]),
    ]:
        browser.open(explore(value).html)
        found = browser.texts("#facts .plain li")
        assert found == formulas


def test_a_formula_names_the_operands_of_its_node(browser: Browser) -> None:
    a, b = labelled(a=2.0, b=5.0)
    inner = a * b
    browser.open(explore(inner * inner + logsumexp([a, b])).html)
    assert browser.texts("h1") == ["v5 = a·b·(a·b) + logsumexp(a, b)"]


# --- What the user's code says --------------------------------------------------------------------


def test_a_function_has_its_lines_and_its_decisions(browser: Browser) -> None:
    x, w = labelled(x=2.0, w=-3.0)

    def branching() -> Value:
        product = x * w
        if product > -10:
            return tanh(product)
        return product

    browser.open(explore(branching).html)
    before = card_numbers(browser)
    assert re.search(
        r"code.*test_draw_page_numbers\.py, line \d+: return tanh\(product\)", facts(browser)
    )
    assert browser.run("return document.getElementById('alert').hidden")
    change(browser, 0, "4")
    assert (
        "line" in browser.texts("#alert")[0] and "if product > -10:" in browser.texts("#alert")[0]
    )
    shown = card_numbers(browser)
    assert shown == [(4.0, None), (-3.0, None), (None, None), (None, None)]
    assert browser.texts("#story data, #facts data") == []
    change(browser, 0, "2")
    assert browser.texts("#alert") == [""]
    assert card_numbers(browser) == before


def test_a_primitive_of_the_users_is_shown_but_not_computed(browser: Browser) -> None:
    @primitive(lambda g, y, x: g * 3 * x * x, name="cubed in a test of explore")
    def cubed(x: float) -> float:
        return math.fsum([x * x * x])

    x = Value(2.0, label="x")
    value = cubed(x) * x
    browser.open(explore(value).html)
    cards, _ = played(browser)
    assert_same(cards, expected_steps(value))
    focus(browser, 0)
    assert browser.run("return document.getElementById('number').disabled")
    assert "Only Python can compute cubed in a test" in browser.texts("#complaint")[0]


def test_a_rule_that_decides_in_python_is_shown_but_not_computed(browser: Browser) -> None:
    @primitive(lambda g, y, x: g if max(x, 0.0) > 1.0 else -g)
    def constructor(x: float) -> float:
        return abs(x)

    value = constructor(Value(2.0, label="x")) * 3.0
    browser.open(explore(value).html)
    cards, stories = played(browser)
    assert_same(cards, expected_steps(value))
    assert_same(stories, expected_stories(value))
    focus(browser, 1)
    assert browser.texts("#facts .plain li") == ["∂v1/∂x = rule 0 of constructor(1, v1, x) = 1"]
    assert browser.complaints() == []


def test_a_leaf_alone_is_a_graph(browser: Browser) -> None:
    browser.open(explore(Value(2.0, label="x")).html)
    assert card_numbers(browser) == [(2.0, 1.0)]
    change(browser, 0, "5")
    assert card_numbers(browser) == [(5.0, 1.0)]
    assert played(browser)[0] == [[(5.0, None)], [(5.0, 1.0)]]
    assert browser.complaints() == []


# --- Numbers that are none ------------------------------------------------------------------------


def test_a_gradient_of_zero_contributes_nothing_even_times_inf(browser: Browser) -> None:
    c, x = labelled(c=1.0, x=0.0)
    value = where(c, x, x.log())
    browser.open(explore(value).html)
    cards, stories = played(browser)
    assert cards[-1][1] == (0.0, 1.0)
    assert_same(cards, expected_steps(value))
    assert_same(stories, expected_stories(value))
    focus(browser, 1)
    ends = [way.split()[-1] for way in browser.texts(".paths li")]
    assert ends == ["0", "1"]  # along the one through the logarithm, too


@pytest.mark.parametrize("x", [NAN, INF, -INF, -0.0, 5e-324, 1.7976931348623157e308])
def test_any_float_is_shown_and_may_be_typed(browser: Browser, x: float) -> None:
    def make() -> Value:
        a, b = labelled(a=1.0, b=2.0)
        return (a * b).exp() / (a + b)

    fresh = make()
    leaves_of(fresh)[0].data = x
    browser.open(explore(fresh).html)
    assert_same(card_numbers(browser), recomputed(fresh))
    browser.open(explore(make()).html)
    change(browser, 0, repr(x))
    assert_same(card_numbers(browser), recomputed(fresh))
    assert browser.complaints() == []


@pytest.mark.parametrize(
    "text", ["", "two", "1,5", "0x10", "1e", "--1", "1 2", "<b>1</b>", "9" * 9 + "a"]
)
def test_what_is_no_number_is_refused_with_a_sentence(browser: Browser, text: str) -> None:
    browser.open(explore(neuron()).html)
    before = card_numbers(browser)
    focus(browser, 0)
    browser.press(ENTER, "\ue017", text, ENTER)
    assert "number" in browser.texts("#complaint")[0]
    assert browser.run("return document.getElementById('number').getAttribute('aria-invalid')")
    assert card_numbers(browser) == before
    browser.press(ESCAPE)
    change(browser, 0, "1.25")
    assert browser.texts("#complaint") == [""]
    assert card_numbers(browser)[0][0] == 1.25
