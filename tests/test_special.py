"""The float functions that ``math`` lacks, against mpmath at 50 digits."""

import math
from collections.abc import Callable

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_scalar import special

mpmath.mp.dps = 50


def ulps(result: float, reference: mpmath.mpf) -> float:
    """The distance in units in the last place of the reference."""
    return float(abs(mpmath.mpf(result) - reference) / math.ulp(float(reference)))


@given(st.floats(-1e140, 1e140), st.floats(-1e140, 1e140))
def test_the_error_of_a_product_is_exact(a: float, b: float) -> None:
    exact = mpmath.mpf(a) * mpmath.mpf(b)
    error = exact - mpmath.mpf(a * b)
    if abs(a * b) > 1e-250:  # below, the error itself is not representable
        assert mpmath.mpf(special.product_error(a, b)) == error


@pytest.mark.parametrize("scale", [0.5, 1.0])
@given(x=st.floats(-26.0, 26.0))
def test_exp_minus_square(x: float, scale: float) -> None:
    reference = mpmath.exp(-scale * mpmath.mpf(x) ** 2)
    assert ulps(special.exp_minus_square(x, scale), reference) <= 2.5


@given(st.floats(-37.0, 9.0))
def test_normal_cdf(x: float) -> None:
    assert ulps(special.normal_cdf(x), mpmath.ncdf(mpmath.mpf(x))) <= 4


@given(st.integers(0, 6), st.floats(1e-30, 1e30))
def test_polygamma_on_the_right_half_line(n: int, x: float) -> None:
    if n == 0 and abs(x - 1.4616321449683623) < 1.0:  # digits cancel around digamma's root
        assert special.polygamma(0, x) == pytest.approx(float(mpmath.digamma(x)), abs=1e-15)
    else:
        assert ulps(special.polygamma(n, x), mpmath.polygamma(n, mpmath.mpf(x))) <= 4


@given(st.integers(0, 4), st.floats(-50.0, -1e-6))
def test_polygamma_on_the_left_half_line(n: int, x: float) -> None:
    distance_from_pole = abs(math.remainder(x, 1.0))
    if distance_from_pole > 1e-3:
        # Reflection subtracts terms of this size; near the roots digits cancel.
        size = math.factorial(n) / distance_from_pole ** (n + 1) + 10.0
        expected = float(mpmath.polygamma(n, mpmath.mpf(x)))
        assert special.polygamma(n, x) == pytest.approx(expected, rel=1e-13, abs=1e-13 * size)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda: special.polygamma(0, 0.0), math.nan),
        (lambda: special.polygamma(1, -3.0), math.nan),
        (lambda: special.polygamma(0, -math.inf), math.nan),
        (lambda: special.polygamma(0, math.nan), math.nan),
        (lambda: special.polygamma(0, math.inf), math.inf),
        (lambda: special.polygamma(3, math.inf), 0.0),
        (lambda: special.polygamma(0, 1e-320), -math.inf),
        (lambda: special.polygamma(0, 1e-305), -1e305),
        (lambda: special.polygamma(1, 1e-200), math.inf),
        (lambda: special.polygamma(2, 1e-200), -math.inf),
        (lambda: special.polygamma(1, 1e300), 1e-300),
        (lambda: special.polygamma(170, 1e-300), -math.inf),
        (lambda: special.polygamma(160, -1e-9), math.inf),
        (lambda: special.polygamma(60, -51.00000000000001), math.inf),
        (lambda: special.polygamma(61, -50.99999999999999), math.inf),
        (lambda: special.exp_minus_square(1e300), 0.0),
        (lambda: special.normal_cdf(1e300), 1.0),
        (lambda: special.normal_cdf(-1e300), 0.0),
        (lambda: special.normal_cdf(math.nan), math.nan),
        (lambda: special.exp_minus_square(math.nan), math.nan),
    ],
)  # fmt: skip
def test_at_the_ends_and_poles(function: Callable[[], float], expected: float) -> None:
    assert function() == pytest.approx(expected, rel=1e-15, nan_ok=True)
