"""The page on accuracy: complete, true on this machine, and nothing but what the command writes."""

import math

import pytest

from autograd_scalar.primitives import RULES, Primitive
from tests import accuracy
from tests.accuracy import BOUNDS, ILL_CONDITIONED, PAGE, Worst
from tests.references import mp
from tests.strategies import PRIMITIVES
from tests.sweeps import sweep

PUBLISHED = accuracy.parse(PAGE.read_text(encoding="utf-8"))


def within_bound(worst: Worst) -> bool:
    return worst.ulp <= BOUNDS[len(worst.key)]


def test_the_page_has_a_row_for_every_primitive_and_no_other() -> None:
    assert {name for name, _ in PUBLISHED.worst} == {p.name for p in PRIMITIVES}
    assert {name for name, order in PUBLISHED.worst if order == 0} == {p.name for p in PRIMITIVES}


def test_the_page_is_what_the_command_writes() -> None:
    assert accuracy.render(PUBLISHED) == PAGE.read_text(encoding="utf-8")


def test_what_the_page_says_is_within_the_bounds() -> None:
    for (name, order), worst in PUBLISHED.worst.items():
        assert worst.ulp <= BOUNDS[order], (name, order, worst)


@pytest.mark.parametrize("place", PUBLISHED.worst, ids=lambda p: f"{RULES[p[0]].__name__}-{p[1]}")
def test_the_worst_points_of_the_page_are_within_the_bounds_here(place: tuple[str, int]) -> None:
    """The bounds, not the figures: another C library rounds otherwise."""
    name, order = place
    xs = PUBLISHED.worst[place].xs
    assert accuracy.ill_conditioned(name, order, xs) is None
    here = [one for one in accuracy.errors(RULES[name], xs) if len(one.key) == order]
    assert here
    assert all(map(within_bound, here)), here


@pytest.mark.slow
@sweep
def test_every_primitive_is_within_the_bounds(primitive: Primitive) -> None:
    too_large = [
        one
        for xs in accuracy.points(primitive, 40)
        for one in accuracy.errors(primitive, xs)
        if not within_bound(one)
        and accuracy.ill_conditioned(primitive.name, len(one.key), xs) is None
    ]
    assert not too_large, too_large


@pytest.mark.parametrize("row", ILL_CONDITIONED, ids=lambda row: f"{row.primitive} {row.order}")
def test_an_ill_conditioned_place_is_there_for_a_reason(row: accuracy.IllConditioned) -> None:
    """What is within the bound everywhere has no excuse to be listed."""
    worst = PUBLISHED.inside[row.primitive, row.order, row.region]
    assert row.holds(worst.xs)
    assert worst.ulp > BOUNDS[row.order]


# --- The measuring itself -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "xs", "key", "expected"),
    [
        ("exp", (0.0,), (0, 0), 1.0),
        ("sin", (1e-300,), (0, 0), -1e-300),
        ("log", (1e-300,), (0,), 1e300),
        ("tanh", (300.0,), (0,), 4 * math.exp(-600)),
        ("**", (2.0, 3.0), (0, 1), 4.0 + 12.0 * math.log(2.0)),
        ("hypot", (3e-300, 4e-300), (0,), 0.6),
        ("%", (7.5, 2.0), (1,), -3.0),
        ("lgamma", (1.0,), (0, 0), math.pi**2 / 6),
        ("relu", (0.0,), (0,), None),
        ("sqrt", (0.0,), (0,), None),
        ("cbrt", (0.0,), (0, 0), None),
        ("floor", (1e200,), (0,), None),
        ("maximum", (1.0, 1.0), (0,), None),
        ("atan2", (0.0, 0.0), (0,), None),
    ],
)
def test_exact_results(
    name: str, xs: tuple[float, ...], key: tuple[int, ...], expected: float | None
) -> None:
    found = accuracy.exact(name, xs).get(key)
    if expected is None:
        assert found is None
    else:
        assert found is not None and float(found) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("found", "exact", "ulp"),
    [
        (1.0 + 2**-52, 1.0, 1.0),
        (-1.0, 1.0, 2.0**53),
        (0.0, 5e-324, 1.0),
        (1e-320, 1e-320, 0.0),
        (math.inf, mp.mpf(10) ** 400, 0.0),
        (-math.inf, accuracy.LARGEST, 2.0**54),
        (math.inf, accuracy.LARGEST, 1.0),
        (math.nan, 1.0, math.inf),
    ],
)
def test_errors_in_units_in_the_last_place(found: float, exact: float, ulp: float) -> None:
    assert accuracy.error("exp", (), (1.0,), found, mp.mpf(exact)) == ulp
