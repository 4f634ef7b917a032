"""``check_gradients`` alone catches every wrong derivative rule, if called at a few points."""

import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any

import pytest

from autograd_scalar import Value, detect_anomaly, grad, hvp, taylor
from autograd_scalar.chain_rule import pullback
from autograd_scalar.primitives import REAL, RULES, Primitive, detached
from autograd_scalar.rules import clamp, exp, fsum, hypot, prod, sin, where
from autograd_scalar.testing import check_gradients, from_pair
from autograd_scalar.testing.programs import takes_whole_numbers
from tests.strategies import counts, interval
from tests.sweeps import SEED, sweep

# By operand count; inside and outside of the unit interval, ties, zeros and signs among them.
GENERIC = (0.375, 1.75, -0.625, 2.5, -1.25, 0.5)
KINKS = (0.0, 1.0)

# What differences can't know: where derivatives from left and right differ, which one is meant.
# The points are those at which the rules table states a convention.
CONVENTIONS: list[tuple[str, tuple[float, ...], str]] = [
    ("relu", (0.0,), "left"),
    ("abs", (0.0,), "mean"),
    ("leaky_relu", (0.0, 0.25), "left"),
    ("elu", (0.0, 2.0), "left"),
    ("maximum", (1.5, 1.5), "mean"),
    ("minimum", (1.5, 1.5), "mean"),
    ("hypot", (0.0, 0.0), "mean"),
    ("norm", (0.0, 0.0, 0.0), "mean"),
]

# Where rules have other formulas as numbers leave the range, and a factor that brings them back.
FAR: list[tuple[str, tuple[float, ...], float]] = [
    ("**", (1e-10, 30.0), 1e300),
    ("**", (-1e-10, 30.0), 1e300),
    ("atan2", (1e308, 1.5e308), 1e300),
    ("gaussian", (26.55,), 1e300),
    ("gaussian", (-26.55,), 1e300),
    ("normal_pdf", (37.55,), 1e300),
    ("normal_pdf", (-37.55,), 1e300),
    ("silu", (702.0,), 1.0),
    ("silu", (-702.0,), 1e300),
]


def points(primitive: Primitive) -> Iterator[tuple[float, ...]]:
    """Operands to check a primitive at, all of them where it is finite."""
    for count in counts(primitive):
        for shift in range(len(GENERIC)):
            yield tuple(
                _into(interval(primitive, i), GENERIC[(shift + i * (1 + shift)) % len(GENERIC)])
                for i in range(count)
            )
        if count == 3:
            yield (0.375, -0.625, 1.75)
        if count <= 3:
            yield from product(KINKS, repeat=count)
            yield (1.0, *[2.0 for _ in range(count - 1)])
            yield (2.0, *[1.0 for _ in range(count - 1)])
            yield (-2.0, *[-1.0 for _ in range(count - 1)])


def _into(within: tuple[float, float], x: float) -> float:
    low, high = within
    if low < x < high:
        return x
    return low + 0.5 + abs(x) if high == math.inf else low + (high - low) * (abs(x) % 1)


def is_caught(primitive: Primitive, modes: tuple[str, ...] = ("reverse",)) -> bool:
    """Whether ``check_gradients`` finds anything wrong with first derivatives."""
    with_convention = [(xs, at) for name, xs, at in CONVENTIONS if name == primitive.name]
    far = [(xs, factor) for name, xs, factor in FAR if name == primitive.name]
    try:
        for xs, at_kinks in with_convention:
            check_gradients(primitive, *xs, order=1, modes=modes, at_kinks=at_kinks)
        for xs, factor in [*((xs, SEED) for xs in points(primitive)), *far]:
            if not math.isfinite(primitive.function(*xs)):
                continue
            if primitive.name == "clamp" and len(set(xs)) == 1:
                continue  # on its bounds x gets the whole gradient, even between equals
            check_gradients(_times(factor, primitive), *xs, order=1, modes=modes)
    except AssertionError:
        return True
    return False


def _times(factor: float, primitive: Primitive) -> Callable[..., Any]:
    """The primitive's result multiplied, so that its rules get an upstream gradient."""
    return lambda *xs: factor * primitive(*xs)


def mutated(primitive: Primitive, i: int, change: Callable[..., Any]) -> Primitive:
    """The primitive with its i-th derivative changed, or the i-th contribution if it is variadic.

    ``change`` is called with what the rule gave and the rule's own arguments.
    """
    if primitive.variadic:
        (rule,) = primitive.derivatives

        def all_of_them(g: Any, y: Any, *xs: Any) -> list[Any]:
            found = list(rule(g, y, *xs))
            found[i % len(xs)] = change(found[i % len(xs)], g, y, *xs)
            return found

        rules: tuple[Callable[..., Any], ...] = (all_of_them,)
    else:
        right = primitive.derivatives[i]

        def one(g: Any, y: Any, *xs: Any) -> Any:
            return change(right(g, y, *xs), g, y, *xs)

        rules = (*primitive.derivatives[:i], one, *primitive.derivatives[i + 1 :])
    return Primitive(primitive.name, primitive.function, rules, primitive.domain)


MUTATIONS: dict[str, Callable[..., Any]] = {
    "the sign": lambda found, g, y, *xs: -found,
    "a factor": lambda found, g, y, *xs: 1.0001 * found,
    "dropped": lambda found, g, y, *xs: 0.0,
    "a term too much": lambda found, g, y, *xs: found + 1e-4 * g,
    "one power too many": lambda found, g, y, *xs: found * xs[-1],
    "the result in place of the operand": lambda found, g, y, *xs: found * y,
    "the upstream gradient forgotten": lambda found, g, y, *xs: found / g,
    "wrong for negative operands only": lambda found, g, y, *xs: where(xs[0] < 0, -found, found),
    "wrong for large operands only": lambda found, g, y, *xs: where(xs[0] > 2, 2 * found, found),
}


@sweep
def test_no_primitive_is_called_wrong(primitive: Primitive) -> None:
    assert not is_caught(primitive, ("forward", "reverse"))


@sweep
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_every_mutant_of_a_rule_is_caught(primitive: Primitive, mutation: str) -> None:
    change = MUTATIONS[mutation]
    rules = max(counts(primitive)) if primitive.variadic else len(primitive.derivatives)
    for i in range(rules):
        right = [_rule(primitive, i, xs) for xs in points(primitive)]
        mutant = mutated(primitive, i, change)
        wrong = [_rule(mutant, i, xs) for xs in points(primitive)]
        if all(a == b or a != a or b != b for a, b in zip(right, wrong, strict=True)):
            continue  # the same rule in other words, at all points
        if takes_whole_numbers(primitive, i):
            continue  # an order or an index, by which there is no difference
        assert is_caught(mutant), f"derivative {i}"


def _rule(primitive: Primitive, i: int, xs: tuple[float, ...]) -> float:
    """The i-th derivative; nan where it is none of a finite number."""
    y = primitive.function(*xs)
    if not math.isfinite(y) or i >= len(xs):
        return math.nan
    found = float(pullback(primitive, 1.0, y, xs, [i])[0])
    return found if math.isfinite(found) else math.nan


# --- Sums -----------------------------------------------------------------------------------------

# Functions that use an operand several times, in all the ways that a node keeps its operands.
SUMS: list[Callable[..., Any]] = [
    lambda x, y: exp(x) + sin(x) + y * exp(y),
    lambda x, y: x * y + x / y,
    lambda x, y: (x * 3.0 + x / 2.0) * (3.0 / y + (2.0 - y)),
    lambda x, y: fsum(x, y, x) * prod(x, y, x),
    lambda x, y: fsum(x, 1.0, x * y, y) * prod(x, 2.0, y),
    lambda x, y: where(x < y, x * x, x) * clamp(x * y, -9.0, 9.0),
]

# At 0 the rule of hypot divides by 0 and is run again on numbers that don't raise.
AGAIN: list[Callable[..., Any]] = [
    lambda x, z: x * z + hypot(z, z),
    lambda x, z: hypot(z, z) + x * z,
]


def _by_two_passes(create_graph: bool, f: Callable[..., Any], *xs: float) -> list[float]:
    leaves = list(map(Value, xs))
    y = f(*leaves)
    for seed in (0.25, 0.75):
        y.backward(seed, create_graph)
    return [float(detached(leaf.grad)) for leaf in leaves]


def _watched(f: Callable[..., Any], *xs: float) -> list[float]:
    leaves = list(map(Value, xs))
    with detect_anomaly():
        f(*leaves).backward()
    return [leaf.grad for leaf in leaves]


def _by_series(f: Callable[..., Any], x: float, y: float) -> list[float]:
    by_x, by_y = taylor(lambda x: f(x, y), x, 1), taylor(lambda y: f(x, y), y, 1)
    return [by_x[1], by_y[1]]


OTHER_WAYS: list[Callable[..., list[float]]] = [
    partial(_by_two_passes, False),
    partial(_by_two_passes, True),
    _watched,
    _by_series,
]


def is_a_lost_sum_caught() -> bool:
    """Whether ``check_gradients`` finds a gradient that was assigned where it ought to be added."""
    try:
        for f in SUMS:
            check_gradients(f, 0.375, 0.75)
            for gradient in OTHER_WAYS:
                check_gradients(from_pair(f, partial(gradient, f)), 0.375, 0.75)
        for f in AGAIN:
            check_gradients(f, 0.375, 0.0, order=1, at_kinks="mean")
            check_gradients(
                from_pair(
                    lambda x, f=f: grad(f, 1)(x, 0.0),
                    lambda x, f=f: hvp(f, (x, 0.0), (1.0, 0.0))[1],
                ),
                0.375,
            )
    except AssertionError:
        return True
    return False


def test_no_sum_is_called_lost() -> None:
    assert not is_a_lost_sum_caught()


# --- Kinks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["maximum", "minimum"])
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_shares_at_a_tie_have_to_add_up(name: str, share: float) -> None:
    """Each is between left and right, but along the diagonal there is no kink."""
    primitive = RULES[name]
    rule = [lambda g, y, a, b: share * g if a == b else math.nan] * 2
    mutant = Primitive(name, primitive.function, tuple(rule))
    with pytest.raises(AssertionError, match="all together"):
        check_gradients(mutant, 1.5, 1.5, order=1)


@pytest.mark.parametrize(("name", "xs", "at_kinks"), CONVENTIONS)
def test_a_convention_at_a_kink_is_told_from_another(
    name: str, xs: tuple[float, ...], at_kinks: str
) -> None:
    primitive = RULES[name]
    check_gradients(primitive, *xs, at_kinks=at_kinks)
    for other in {"left", "right", "mean"} - {at_kinks}:
        with pytest.raises(AssertionError, match="kink"):
            check_gradients(primitive, *xs, at_kinks=other)


@pytest.mark.parametrize("outside", [-0.01, 1.01, -1.0, 2.0, math.nan, math.inf])
def test_at_a_kink_nothing_outside_of_left_and_right_passes(outside: float) -> None:
    def rule(g: Any, y: Any, x: Any) -> Any:
        return where(x > 0, g, where(x < 0, 0.0, outside * g))

    mutant = Primitive("relu", RULES["relu"].function, (rule,))
    with pytest.raises(AssertionError):
        check_gradients(mutant, 0.0)


def test_a_domain_is_not_left_by_the_points() -> None:
    assert _into(REAL, -0.625) == -0.625
    assert _into((1.0, math.inf), 0.375) > 1.0
    assert -1.0 < _into((-1.0, 1.0), 2.5) < 1.0
