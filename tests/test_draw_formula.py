"""A formula reads as Python, has no parentheses to spare, and hides nothing that has a name."""

import itertools
import math
import re

import pytest

import autograd_scalar
from autograd_scalar import Value, dot, draw, fsum, gradients, tanh, where
from autograd_scalar.draw.diagram import of_values
from autograd_scalar.draw.formula import LONGEST, NAME, SUM, Text, name, of_formulas, written
from autograd_scalar.graph import topological_order
from tests.pictures import all_texts, chain, elements, neuron, parsed, random_graph, texts

FUNCTIONS = {key: getattr(autograd_scalar, key) for key in autograd_scalar.functions.__all__}


def formulas(output, **options):
    return of_formulas(topological_order(output), {}, **options)


def computed(output):
    """The output, from the leaves by what stands on the cards, as Python reads it."""
    order = topological_order(output)
    known = {}
    for card in of_formulas(order, {}).cards:
        value = card.members[0]
        if not value.parents:
            known[card.title] = value.data
            continue
        target, equals, text = card.title.partition(" = ")
        result = eval(text if equals else card.title, dict(FUNCTIONS), known)
        known[target if equals else "output"] = result
    return result


@pytest.mark.parametrize("seed", range(60))
def test_what_is_written_computes_the_same_number_to_the_last_bit(seed):
    output, _ = random_graph(seed, labelled=seed % 2)
    assert computed(output) == output.data


@pytest.mark.parametrize("seed", range(60))
def test_no_parentheses_could_be_left_out(seed):
    """Without any pair of them, Python reads another expression."""
    import ast

    output, _ = random_graph(seed, labelled=False)
    for card in formulas(output).cards:
        text = card.title.partition(" = ")[2] or card.title
        meaning = ast.dump(ast.parse(text))
        for pair in pairs_of_parentheses(text):
            without = "".join(c for i, c in enumerate(text) if i not in pair)
            try:
                assert ast.dump(ast.parse(without)) != meaning, text
            except SyntaxError:
                continue


def pairs_of_parentheses(text):
    """The places of those that group; those of a call must stay."""
    stack = []
    for i, c in enumerate(text):
        if c == "(":
            stack.append(i)
        elif c == ")":
            start = stack.pop()
            if not re.search(r"\w$", text[:start]):
                yield start, i


OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "neg"]


@pytest.mark.parametrize(("outer", "inner"), list(itertools.product(OPERATORS, OPERATORS)))
def test_every_operator_within_every_other_means_what_it_should(outer, inner):
    a, b, c = (Text(x, NAME) for x in "abc")
    numbers = {"a": 7.0, "b": 3.0, "c": 2.0}

    def applied(op, *operands):
        return written(op, operands[:1] if op == "neg" else operands)

    def value(op, x, y):
        return -x if op == "neg" else eval(f"x {op} y", {}, {"x": x, "y": y})

    left = applied(outer, applied(inner, a, b), c)
    assert eval(left.text, {}, numbers) == value(outer, value(inner, 7.0, 3.0), 2.0)
    if outer != "neg":
        right = applied(outer, c, applied(inner, a, b))
        expected = value(outer, 2.0, value(inner, 7.0, 3.0))
        assert eval(right.text, {}, numbers) == expected


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda x, y: tanh(x * y + 1), "tanh(x*y + 1)"),
        (lambda x, y: (x + y) * 2, "(x + y)*2"),
        (lambda x, y: x - (y - 1), "x - (y - 1)"),
        (lambda x, y: x - y - 1, "x - y - 1"),
        (lambda x, y: x + -y, "x - y"),
        (lambda x, y: x - -y, "x + y"),
        (lambda x, y: x + -2.0, "x - 2"),
        (lambda x, y: x * -2.0, "x*-2"),
        (lambda x, y: (-x) ** 2 + y, "(-x)**2 + y"),
        (lambda x, y: -(x**2) + y, "-x**2 + y"),
        (lambda x, y: 2**-x + y, "2**-x + y"),
        (lambda x, y: x / (y * 2), "x/(y*2)"),
        (lambda x, y: x / y * 2, "x/y*2"),
        (lambda x, y: x / -y + x / y**2, "x/-y + x/y**2"),
        (lambda x, y: x * -y + x * y**2, "x*-y + x*y**2"),
        (lambda x, y: x % -y + x // -y, "x % -y + x//-y"),
        (lambda x, y: x**y**0.5, "x**y**0.5"),
        (lambda x, y: (x**y) ** 0.5, "(x**y)**0.5"),
        (lambda x, y: abs(x) + y, "abs(x) + y"),
        (lambda x, y: dot([x, 3.0], [y, 0.5]), "x*y + 3*0.5"),
        (lambda x, y: 2 * dot([x, 3.0], [y, 0.5]), "2*(x*y + 3*0.5)"),
        (lambda x, y: fsum([x, -y, 1.0]), "x + -y + 1"),
        (lambda x, y: where(x > 0, x, y), "where(1, x, y)"),
        (lambda x, y: x * math.inf - y, "x*inf - y"),
    ],
)
def test_formulas_read_well(make, expected):
    x, y = Value(2.0, label="x"), Value(3.0, label="y")
    assert formulas(make(x, y)).cards[-1].title == expected


def test_a_value_with_a_name_or_of_many_uses_has_a_card_and_no_other_result_has():
    for seed in range(20):
        output, _ = random_graph(seed, operations=8)
        order = topological_order(output)
        uses = {v: sum(v is p for user in order for p in user.parents) for v in order}
        shown = {card.members[0] for card in formulas(output).cards}
        for value in order:
            if value.label or uses[value] != 1:
                assert value in shown
        for value in shown - {output}:
            too_long = len(texts_of(output)[value]) > LONGEST / 4
            assert value.label or uses[value] > 1 or too_long


def texts_of(output):
    from autograd_scalar.draw.formula import _Lines

    lines = _Lines(topological_order(output), {}, ())
    return {v: lines.texts[v].text if v.parents else v.label for v in topological_order(output)}


def test_a_leaf_without_a_name_is_a_number_unless_it_is_asked_for():
    x, two = Value(3.0, label="x"), Value(2.0)
    y = x * two
    assert [card.title for card in formulas(y).cards] == ["x", "x*2"]
    for options in ({"paths": two}, {"tangents": {two: 1.0}}, {"before": {two: 1.0}}):
        assert "x*v1" in all_texts(draw(y, formula=True, **options).svg)
    assert "x*v1" in all_texts(draw(y, formula=True, parameters=[two]).svg)


def test_names_that_are_made_up_are_new():
    x, taken = Value(3.0, label="v1"), Value(2.0, label="v2")
    shared = x * taken
    titles = [card.title for card in formulas(shared + shared).cards]
    assert titles == ["v1", "v2", "v3 = v1*v2", "v3 + v3"]


@pytest.mark.parametrize("length", [10, 100, 3000])
def test_a_long_expression_is_broken_into_lines(length):
    cards = formulas(chain(length)).cards
    assert all(len(card.title) <= LONGEST + len("v999 = ") for card in cards)
    assert len(cards) < length / 3 + 2
    assert computed(chain(length)) == chain(length).data


def test_ever_so_many_operands_are_abbreviated():
    xs = [Value(float(i), label=f"x{i}") for i in range(100)]
    assert formulas(fsum(xs)).cards[-1].title == "x0 + x1 + x2 + x3 + ... + x99"
    ones = [1.0] * 100
    assert formulas(dot(xs, ones)).cards[-1].title.endswith("+ ... + x99*1")
    assert len(formulas(fsum(xs)).arrows) == 100


@pytest.mark.parametrize("label", ["a + b", "x y", "-x", "(x", "x**2", "f(x)", "a, b", "a=b"])
def test_a_label_that_looks_like_an_expression_is_set_apart(label):
    assert written("*", [name(label), Text("y", NAME)]).text == f"({label})*y"
    assert written("tanh", [name(label)]).text == f"tanh({label})"
    assert name("layers.0.w[1]").binding == NAME > SUM


@pytest.mark.parametrize("seed", range(10))
def test_arrows_are_for_uses_and_carry_the_derivative(seed):
    output, leaves = random_graph(seed)
    drawn = formulas(output)
    values = of_values(topological_order(output), {})
    assert len(drawn.arrows) <= len(values.arrows)
    order = set(topological_order(output))
    used = [leaf for leaf in leaves if leaf in order]
    from autograd_scalar.draw.slopes import Paths

    places = {card.members[0]: i for i, card in enumerate(drawn.cards)}
    for leaf, derivative in zip(used, gradients(output, used), strict=True):
        assert Paths(drawn, places[leaf]).total == pytest.approx(derivative, rel=1e-9, abs=1e-12)


def test_the_picture_has_no_badges_and_shows_data_and_gradients():
    y, parameters = neuron()
    picture = draw(y, formula=True, parameters=parameters)
    parsed(picture)
    assert [texts(card) for card in elements(picture.svg, "node")] == [
        ["w", "data ", "-3", "grad ", "1.573"],
        ["x", "data ", "2", "grad ", "-2.359"],
        ["b", "data ", "5.5", "grad ", "0.7864"],
        ["y = tanh(w*x + b)", "data ", "-0.4621", "grad ", "1"],
    ]


def test_more_formulas_than_the_limit_are_refused():
    x = Value(1.0, label="x")
    y = x
    for i in range(10):
        y = y + x
        y.label = f"y{i}"
    with pytest.raises(ValueError, match="has 11 formulas, more than limit=10"):
        draw(y, formula=True, limit=10)
    assert draw(chain(2000), formula=True).size == 2000
