"""The chain rule of one operation: gradients backwards, tangents forwards, on any numbers."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_scalar import Value, primitive, rules
from autograd_scalar.chain_rule import pullback, pushforward
from autograd_scalar.primitives import RULES, Primitive
from tests.strategies import counts, operands
from tests.sweeps import SEED, examples, gradients, same, sweep

draws = given(st.data())
EDGES = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 5e-324, 1e308, -1e308]


def edge_cases(primitive: Primitive) -> Iterator[list[float]]:
    for count in counts(primitive)[:2]:
        for shift in range(len(EDGES)):
            for stride in (0, 1, 3):
                yield [EDGES[(shift + stride * k) % len(EDGES)] for k in range(count)]


def places(xs: Sequence[Any]) -> range:
    return range(len(xs))


@sweep
@examples(8)
@draws
def test_a_pullback_is_what_backward_gives_to_each_operand(
    primitive: Primitive, data: st.DataObject
) -> None:
    xs = data.draw(operands(primitive))
    y = primitive(*xs)
    found = pullback(primitive, SEED, y, xs, places(xs))
    assert all(map(same, found, gradients(primitive, xs)))
    assert all(type(g) is float for g in found)
    values = [Value(x) for x in xs]
    recorded = pullback(primitive, Value(SEED), primitive(*values), values, places(xs))
    assert all(same(getattr(g, "data", g), f) for g, f in zip(recorded, found, strict=True))


@sweep
@examples(8)
@draws
def test_a_pushforward_is_the_transpose_of_the_pullback(
    primitive: Primitive, data: st.DataObject
) -> None:
    """The tangent is the sum of slope times tangent; only what moves is asked for its slope."""
    xs = data.draw(operands(primitive))
    moving = data.draw(
        st.dictionaries(st.sampled_from(places(xs)), st.sampled_from([0.0, 1.0, SEED]), min_size=1)
    )
    y = primitive(*xs)
    slopes = pullback(primitive, 1.0, y, xs, moving)
    parts = [slope * t for slope, t in zip(slopes, moving.values(), strict=True) if t]
    found = pushforward(primitive, moving, y, xs)
    assert type(found) is float
    total = math.fsum(parts) if all(map(math.isfinite, parts)) else math.nan
    size = math.fsum(map(abs, parts)) if all(map(math.isfinite, parts)) else math.nan
    if math.isfinite(size):
        assert abs(found - total) <= 8 * math.ulp(1.0) * size + 1e-300


@sweep
def test_at_the_edges_nothing_raises_and_both_directions_agree(primitive: Primitive) -> None:
    for xs in edge_cases(primitive):
        y = primitive(*xs)
        slopes = pullback(primitive, 1.0, y, xs, places(xs))
        assert all(map(same, slopes, gradients(primitive, xs, 1.0))), xs
        for i, slope in enumerate(slopes):
            assert same(pushforward(primitive, {i: 1.0}, y, xs), slope), (xs, i)
        still = pushforward(primitive, dict.fromkeys(places(xs), 0.0), y, xs)
        assert type(still) is float
        assert still == 0.0


@sweep
def test_what_is_not_wanted_costs_nothing(primitive: Primitive) -> None:
    """A rule of one operand is not run for it; a variadic one gives all at once."""
    if primitive.variadic:
        return
    xs = [0.5] * primitive.arity
    called: list[int] = []

    def spy(place: int) -> Any:
        rule = primitive.derivatives[place]
        return lambda *facts: called.append(place) or rule(*facts)

    rules_watched = tuple(map(spy, places(xs)))
    watched = Primitive(primitive.name, primitive.function, rules_watched)
    for place in places(xs):
        called.clear()
        assert len(pullback(watched, 1.0, 0.5, xs, [place])) == 1
        assert called == [place]
        pushforward(watched, {i: float(i == place) for i in places(xs)}, 0.5, xs)
        assert called == [place, place]


def test_a_tangent_of_zero_contributes_nothing_even_times_infinity() -> None:
    y = rules.multiply(math.inf, 2.0)
    assert pushforward(rules.multiply, {0: 1.0, 1: 0.0}, y, (math.inf, 2.0)) == 2.0
    assert pushforward(rules.sqrt, {0: 0.0}, 0.0, (0.0,)) == 0.0
    assert pushforward(rules.sqrt, {0: 1.0}, 0.0, (0.0,)) == math.inf


@pytest.fixture
def table_as_before() -> Iterator[None]:
    before = dict(RULES)
    yield
    RULES.clear()
    RULES.update(before)


@pytest.mark.usefixtures("table_as_before")
@pytest.mark.parametrize("kind", [float, Value])
def test_a_rule_that_gives_no_number_is_named(kind: Any) -> None:
    @primitive(lambda g, y, x: "slope")
    def odd(x: float) -> float:
        return x

    @primitive(lambda g, y, *xs: [g])
    def short(*xs: float) -> float:
        return math.fsum(xs)

    x = kind(1.0)
    with pytest.raises(TypeError, match="derivative rule of 'odd': a contribution must be"):
        pullback(odd, 1.0, x, [x], [0])
    with pytest.raises(TypeError, match="derivative rule of 'odd': a contribution must be"):
        pushforward(odd, {0: 1.0}, x, [x])
    with pytest.raises(ValueError, match="'short' must give one contribution per operand: 2, not"):
        pullback(short, 1.0, x, [x, x], [0, 1])
    with pytest.raises(ValueError, match="'short' must give one contribution per operand: 2, not"):
        pushforward(short, {0: 1.0, 1: 1.0}, x, [x, x])


@pytest.mark.usefixtures("table_as_before")
def test_a_rule_may_give_whole_numbers() -> None:
    @primitive(lambda g, y, a, b: 2, lambda g, y, a, b: 0)
    def odd(a: float, b: float) -> float:
        return 2 * a

    found = [
        *pullback(odd, 1.0, 2.0, (1.0, 1.0), (0, 1)),
        pushforward(odd, {0: 1.0, 1: 1.0}, 2.0, (1.0, 1.0)),
    ]
    assert found == [2.0, 0.0, 2.0]
    assert all(type(number) is float for number in found)
