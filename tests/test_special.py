"""The float functions that ``math`` lacks, against mpmath at 50 digits."""

import math
from collections.abc import Callable

import mpmath
import pytest
from hypothesis import example, given
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
@example(100, 192.4)
@example(170, 430.1)
@example(171, 2.5)
@example(3, 1.7e308)
def test_polygamma_on_the_right_half_line(n: int, x: float) -> None:
    assert ulps(special.polygamma(n, x), mpmath.polygamma(n, mpmath.mpf(x))) <= 4


@given(st.floats(0.25, 12.0))
@example(special.DIGAMMA_ROOT)
@example(math.nextafter(special.DIGAMMA_ROOT, 0.0))
@example(2.0)
def test_digamma_around_its_root(x: float) -> None:
    assert ulps(special.polygamma(0, x), mpmath.digamma(mpmath.mpf(x))) <= 4


@given(st.floats(1e-300, 10.0))
@example(math.nextafter(1.0, 0.0))
@example(math.nextafter(1.0, 2.0))
@example(math.nextafter(2.0, 0.0))
@example(math.nextafter(2.0, 3.0))
@example(1.25)
@example(1.4736807257017247)
def test_lgamma_on_the_right_half_line(x: float) -> None:
    assert ulps(special.lgamma(x), mpmath.loggamma(mpmath.mpf(x))) <= 4


@given(st.floats(-30.0, -1e-6))
def test_lgamma_on_the_left_half_line(x: float) -> None:
    if x == math.floor(x):
        assert special.lgamma(x) == math.inf
    else:  # absolutely below 0.5, as digits cancel around its roots
        exact = mpmath.log(abs(mpmath.gamma(mpmath.mpf(x))))
        assert abs(special.lgamma(x) - exact) <= 4 * math.ulp(max(0.5, abs(float(exact))))


@given(st.floats(5e-324, 1.7976931348623157e308))
def test_cbrt(x: float) -> None:
    assert ulps(special.cbrt(x), mpmath.cbrt(mpmath.mpf(x))) <= 1
    assert special.cbrt(-x) == -special.cbrt(x)


@given(st.floats(-45.0, 10.0))
@example(-37.5)
@example(-38.4)
def test_gelu(x: float) -> None:
    assert ulps(special.gelu(x), mpmath.mpf(x) * mpmath.ncdf(mpmath.mpf(x))) <= 4


def test_the_constants_are_those_of_mpmath() -> None:
    gamma = 1 - mpmath.euler
    ck = [gamma, *[(-1) ** k * (mpmath.zeta(k) - 1) / k for k in range(2, 39)]]
    assert list(map(float, ck)) == list(special.LGAMMA_AT_2)
    root = mpmath.findroot(mpmath.digamma, special.DIGAMMA_ROOT)
    assert float(root) == special.DIGAMMA_ROOT
    assert float(root - special.DIGAMMA_ROOT) == special.DIGAMMA_ROOT_ERROR
    ck = [mpmath.psi(k, root) / mpmath.factorial(k) for k in range(1, 47)]
    assert list(map(float, ck)) == list(special.DIGAMMA_AT_ROOT)
    assert float(mpmath.log(12)) == special.LOG_12
    assert float(mpmath.log(12) - special.LOG_12) == special.LOG_12_ERROR
    assert float(mpmath.sqrt(0.5) - special.SQRT_HALF) == special.SQRT_HALF_ERROR


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
        (lambda: special.lgamma(-math.inf), math.inf),
        (lambda: special.lgamma(math.inf), math.inf),
        (lambda: special.lgamma(1e308), math.inf),
        (lambda: special.lgamma(0.0), math.inf),
        (lambda: special.lgamma(-25.0), math.inf),
        (lambda: special.lgamma(math.nan), math.nan),
        (lambda: special.cbrt(-math.inf), -math.inf),
        (lambda: special.cbrt(math.nan), math.nan),
        (lambda: special.gelu(-math.inf), 0.0),
        (lambda: special.gelu(math.nan), math.nan),
        (lambda: special.exp_minus_square(1e300), 0.0),
        (lambda: special.normal_cdf(1e300), 1.0),
        (lambda: special.normal_cdf(-1e300), 0.0),
        (lambda: special.normal_cdf(math.nan), math.nan),
        (lambda: special.exp_minus_square(math.nan), math.nan),
    ],
)  # fmt: skip
def test_at_the_ends_and_poles(function: Callable[[], float], expected: float) -> None:
    assert function() == pytest.approx(expected, rel=1e-15, nan_ok=True)
