"""Functions of one float that the module ``math`` lacks, to its accuracy."""

import math
from math import inf, nan

SQRT_HALF = 0.7071067811865476
SQRT_HALF_ERROR = -4.833646656726457e-17  # sqrt(1/2) is SQRT_HALF + SQRT_HALF_ERROR
TWO_OVER_SQRT_PI = 1.1283791670955126

# B2, B4, ... B16, for the asymptotic series (Abramowitz and Stegun 1964, 6.3.18 and 6.4.11)
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)


def product_error(a: float, b: float) -> float:
    """a * b less its rounded value, exactly (Dekker 1971); for |a| and |b| below 1e150.

    >>> product_error(0.1, 10.0)
    5.551115123125783e-17
    """
    split = 134217729.0  # 2**27 + 1 cuts the 53 bits of a double in two halves
    a_high = split * a - (split * a - a)
    b_high = split * b - (split * b - b)
    a_low, b_low = a - a_high, b - b_high
    return a_low * b_low - (((a * b - a_high * b_high) - a_low * b_high) - a_high * b_low)


def exp_minus_square(x: float, scale: float = 1.0) -> float:
    """exp(-scale * x * x): the rounding error of x * x, which exp magnifies, is put back.

    >>> exp_minus_square(0.0), exp_minus_square(40.0)
    (1.0, 0.0)
    """
    if math.fabs(x) > 50.0:
        return 0.0
    return math.exp(-scale * (x * x)) * (1.0 - scale * product_error(x, x))


def normal_cdf(x: float) -> float:
    """erfc(-x / sqrt(2)) / 2, with the rounding error of the argument put back.

    >>> normal_cdf(0.0), normal_cdf(9.0)
    (0.5, 1.0)
    """
    if math.fabs(x) > 50.0:
        return 0.0 if x < 0 else 1.0
    t = -x * SQRT_HALF
    t_error = product_error(-x, SQRT_HALF) - x * SQRT_HALF_ERROR
    return 0.5 * (math.erfc(t) - t_error * TWO_OVER_SQRT_PI * exp_minus_square(t))


def polygamma(n: int, x: float) -> float:
    """The n-th derivative of digamma, n from 0 to 170; nan at the poles 0, -1, -2, ...

    The recurrence steps x up to where the asymptotic series converges. Far to the left, where that
    would be many steps, x is reflected.

    >>> round(polygamma(0, 1.0), 12), round(polygamma(1, 1.0), 12)
    (-0.577215664902, 1.644934066848)
    """
    if x != x or x == -inf or (x <= 0 and x == math.floor(x)):
        return nan
    if x < -50:
        return _minus_one_to(n) * polygamma(n, 1.0 - x) - _cotangent_derivative(n, x)
    steps = max(0, math.ceil(10 + n - min(x, 1000.0)))
    terms = [_inverse_power(x + k, n + 1) for k in range(steps)]
    z = x + steps
    if n == 0:
        series = [-b / (2 * k) * _inverse_power(z, 2 * k) for k, b in enumerate(BERNOULLI, 1)]
        return math.fsum([math.log(z), -0.5 / z, *series, *[-term for term in terms]])
    # Divided by n!, so that high orders do not overflow before their time.
    series = [
        b * math.comb(2 * k + n - 1, n) / (2 * k) * _inverse_power(z, 2 * k + n)
        for k, b in enumerate(BERNOULLI, 1)
    ]
    total = math.fsum([_inverse_power(z, n) / n, 0.5 * _inverse_power(z, n + 1), *series, *terms])
    return _minus_one_to(n + 1) * math.factorial(n) * total


def _minus_one_to(n: int) -> float:
    return -1.0 if n % 2 else 1.0


def _inverse_power(x: float, n: int) -> float:
    """1 / x**n for an x that is not 0."""
    try:
        return math.pow(x, -n)
    except OverflowError:
        return inf if x > 0 else inf * _minus_one_to(n)


def _cotangent_derivative(n: int, x: float) -> float:
    """The n-th derivative of pi * cot(pi * x), a polynomial in c = cot(pi * x).

    The reason is that c' = -pi * (1 + c * c).
    """
    phase = math.pi * math.remainder(x, 1.0)
    c = math.cos(phase) / math.sin(phase)
    polynomial = [0.0, 1.0]
    for _ in range(n):
        slope = [k * a for k, a in enumerate(polynomial)][1:]
        polynomial = [-(a + b) for a, b in zip([*slope, 0.0, 0.0], [0.0, 0.0, *slope], strict=True)]
    try:
        return math.pow(math.pi, n + 1) * math.fsum(
            a * math.pow(c, k) for k, a in enumerate(polynomial)
        )
    except OverflowError:  # of the highest power
        return math.copysign(inf, polynomial[-1] * math.copysign(1.0, c) ** (n + 1))
