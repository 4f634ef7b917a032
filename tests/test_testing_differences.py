"""Slopes by differences, beside exact ones: within their error, and small errors where smooth."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autograd_scalar import exp, rules, sin
from autograd_scalar.testing import numerical_gradient
from autograd_scalar.testing.differences import Slope, slope_at
from autograd_scalar.testing.reference import Exact, exact_slope
from tests.references import derivative_in_mpmath, in_mpmath
from tests.strategies import operands
from tests.sweeps import examples, sweep


@sweep
@examples(20)
@given(st.data())
def test_slopes_are_those_of_mpmath_within_their_error(primitive: Any, data: st.DataObject) -> None:
    xs = data.draw(operands(primitive))
    assume(in_mpmath(primitive.name, xs) is not None)
    for i, x in enumerate(xs):
        exact = derivative_in_mpmath(primitive.name, xs, i)
        slope = slope_at(lambda t, i=i: primitive(*xs[:i], t, *xs[i + 1 :]), x)
        if exact is not None and slope.error <= 0.1 * abs(slope.value):
            assert slope.distance(float(exact)) <= 4 * slope.error + 1e-13 * abs(float(exact))


SMOOTH: list[tuple[Callable[[float], float], float, float]] = [
    (math.exp, 1.0, math.e),
    (lambda x: x * x, 1e10, 2e10),
    (rules.log, 1e-300, 1e300),
    (math.exp, 1e-300, 1.0),
    (rules.sqrt, 1e300, 0.5e-150),
    (rules.log, 1e-6, 1e6),
    (lambda x: math.sin(1e5 * x), 0.3, 1e5 * math.cos(1e5 * 0.3)),
    (lambda x: abs(x - 1e-5), 0.0, -1.0),  # near a kink
    (lambda x: abs(x - 1e-9), 0.0, -1.0),
    (lambda x: 1e300 * x, 1e5, 1e300),
    (lambda x: math.exp(x) if x >= 0 else math.nan, 0.0, 1.0),  # at the end of a domain
    (lambda x: math.exp(x) if x <= 0 else math.nan, 0.0, 1.0),
]


@pytest.mark.parametrize(("f", "x", "exact"), SMOOTH)
def test_slopes_of_all_sizes(f: Callable[[float], float], x: float, exact: float) -> None:
    slope = slope_at(f, x)
    assert slope.error <= 1e-8 * abs(exact)
    assert slope.distance(exact) <= 4 * slope.error
    assert not slope.kink


@pytest.mark.parametrize("size", [1.0, 1e-6])
@pytest.mark.parametrize("x", [0.0, 0.75, -3.0])
def test_a_kink_has_a_slope_on_either_side(size: float, x: float) -> None:
    slope = slope_at(lambda t: math.exp(t) + size * abs(t - x), x)
    assert slope.kink
    assert slope.left == pytest.approx(math.exp(x) - size, abs=1e-9)
    assert slope.right == pytest.approx(math.exp(x) + size, abs=1e-9)


@pytest.mark.parametrize("x", [0.0, 2.0, -7.0])
def test_a_jump_has_no_slope(x: float) -> None:
    slope = slope_at(math.floor, x)
    assert slope.jumps
    assert not slope.found
    assert "jumps" in str(slope)
    assert slope_at(math.floor, x + 0.5).value == 0.0


@pytest.mark.parametrize("f", [lambda x: math.nan, lambda x: 1 / x if x else math.inf])
def test_no_slope_where_there_is_no_number(f: Callable[[float], float]) -> None:
    assert not slope_at(f, 0.0).found
    assert str(slope_at(f, 0.0)) == "none was found"


def test_a_fast_oscillation_is_not_taken_for_a_constant() -> None:
    slope = slope_at(math.sin, 1e10)
    assert slope.distance(math.cos(1e10)) <= 4 * slope.error
    assert slope.error < 1e-3


def test_a_staircase_is_not_taken_for_its_average() -> None:
    for steps in (100.0, 1000.0, 12345.0):
        for x in np.linspace(0.1, 0.2, 30):
            slope = slope_at(lambda t, n=steps: math.floor(n * t) / n, float(x))
            assert slope.distance(0.0) <= 4 * slope.error or slope.error > 0.01


def test_the_distance_from_a_kink_is_that_from_its_interval() -> None:
    slope = Slope(1.0, -1.0, 0.0)
    assert [slope.distance(x) for x in (-2.0, -1.0, 0.0, 1.0, 3.0)] == [1.0, 0.0, 0.0, 0.0, 2.0]
    assert slope.distance(math.nan) == math.inf


# --- numerical_gradient ---------------------------------------------------------------------------


@pytest.mark.parametrize("reference", [False, True])
def test_gradient_and_error_are_nested_as_the_argument(reference: bool) -> None:
    def f(p: Any) -> Any:
        return p["w"][0] ** 2 * p["w"][1] + exp(p["b"])

    gradient, error = numerical_gradient(f, {"w": [3.0, 2.0], "b": 0.0}, reference)
    assert gradient == pytest.approx({"w": pytest.approx([12.0, 9.0]), "b": 1.0})
    assert set(error) == {"w", "b"}
    assert max(error["w"]) < 1e-9
    array, _ = numerical_gradient(lambda x: float((x * x).sum()), np.array([1.0, 2.0]))
    assert array == pytest.approx(np.array([2.0, 4.0]))


def test_the_error_at_a_kink_is_half_of_the_bend() -> None:
    assert numerical_gradient(abs, 0.0) == (pytest.approx(0.0), pytest.approx(1.0))


def test_the_reference_has_all_digits() -> None:
    gradient, error = numerical_gradient(sin, 1e10, reference=True)
    assert gradient == pytest.approx(math.cos(1e10), rel=1e-15)
    assert error < 1e-15
    assert exact_slope(lambda t: rules.tanh(20 + t)).value == pytest.approx(1 / math.cosh(20) ** 2)
    assert exact_slope(lambda t: abs(t)).kink
    assert exact_slope(lambda t: rules.floor(t + 2)).jumps
    assert not exact_slope(lambda t: rules.log(t - 1)).found


def test_exact_numbers_are_numbers_of_the_package() -> None:
    x = Exact(0.5)
    assert 0.47 < sin(x) < 0.48
    assert repr(x * 2) == "Exact(1.0)"
    assert (1 / x + x**2).data == 2.25
    with pytest.raises(TypeError, match="drop the gradient"):
        math.sin(x)
    from autograd_scalar.primitives import Primitive

    unknown = Primitive("unknown", lambda x: x, (lambda g, y, x: g,))
    with pytest.raises(LookupError, match="'unknown' has no reference"):
        unknown(x)


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (math.nan, "x must be finite"),
        (["1"], r"x\[0\] must be"),
        ({"a": None}, r"x\['a'\] must be"),
    ],
)
def test_a_gradient_at_no_number_is_refused(x: Any, text: str) -> None:
    with pytest.raises((ValueError, TypeError), match=text):
        numerical_gradient(lambda x: 1.0, x)


def test_a_function_of_no_number_is_refused() -> None:
    with pytest.raises(TypeError, match="the result of f"):
        numerical_gradient(lambda x: "1", 1.0)
    with pytest.raises(TypeError, match="f must be a function"):
        numerical_gradient(1, 1.0)  # type: ignore[arg-type]
