"""Functions of one float that the module ``math`` lacks, to its accuracy."""

import math
from math import inf, nan

SQRT_HALF = 0.7071067811865476
SQRT_HALF_ERROR = -4.833646656726457e-17  # sqrt(1/2) is SQRT_HALF + SQRT_HALF_ERROR
TWO_OVER_SQRT_PI = 1.1283791670955126
ONE_OVER_SQRT_TWO_PI = 0.3989422804014327

LOG_12, LOG_12_ERROR = 2.4849066497880004, -4.433203607308931e-17

# lgamma(2 + z) = z * (c1 + c2*z + ...): c1 = 1 - Euler's gamma, ck = (-1)**k * (zeta(k) - 1) / k
# (Abramowitz and Stegun 1964, 6.1.33).
LGAMMA_AT_2 = (
    0.42278433509846713, 0.3224670334241132, -0.0673523010531981, 0.020580808427784546,
    -0.007385551028673986, 0.0028905103307415234, -0.001192753911703261, 0.0005096695247430425,
    -0.00022315475845357939, 9.945751278180853e-05, -4.492623673813314e-05, 2.050721277567069e-05,
    -9.439488275268397e-06, 4.374866789907488e-06, -2.039215753801366e-06, 9.55141213040742e-07,
    -4.492469198764566e-07, 2.1207184805554665e-07, -1.0043224823968099e-07, 4.7698101693639804e-08,
    -2.2711094608943164e-08, 1.0838659214896955e-08, -5.183475041970047e-09, 2.4836745438024785e-09,
    -1.1921401405860912e-09, 5.731367241678862e-10, -2.7595228851242334e-10, 1.330476437424449e-10,
    -6.4229645638381e-11, 3.1044247747322276e-11, -1.5021384080754142e-11, 7.275974480239079e-12,
    -3.527742476575915e-12, 1.711991790559618e-12, -8.315385841420285e-13, 4.04220052528944e-13,
    -1.9664756310966165e-13, 9.573630387838556e-14,
)  # fmt: skip

# digamma(r + z) = z * (c1 + c2*z + ...) around its positive root r.
DIGAMMA_ROOT, DIGAMMA_ROOT_ERROR = 1.4616321449683622, 9.549995429965697e-17
DIGAMMA_AT_ROOT = (
    0.9676722454476212, -0.4427631689835921, 0.258499760955651, -0.16394270544240652,
    0.10782405069126237, -0.07219956125645471, 0.04880428816414311, -0.03316112647484736,
    0.022597648232218104, -0.01542476590494896, 0.010538791616612175, -0.007204534386356869,
    0.004926781395729853, -0.003369801655439328, 0.002305126326734928, -0.0015769367714301972,
    0.0010788252019162967, -0.0007380709389960052, 0.000504953265834602, -0.0003454680251063077,
    0.00023635601564027053, -0.00016170622091974803, 0.0001106337276874741, -7.569179582195066e-05,
    5.178575795222081e-05, -3.5430070947659604e-05, 2.424006611860132e-05, -1.6584242271854135e-05,
    1.134638458466385e-05, -7.762817668462094e-06, 5.3110609208898636e-06, -3.6336507898010456e-06,
    2.486022733129538e-06, -1.7008538854332607e-06, 1.1636675363548843e-06, -7.96142543124197e-07,
    5.446941930669446e-07, -3.7266161283438227e-07, 2.549626552021554e-07, -1.7443695117727745e-07,
    1.1934394829830244e-07, -8.165115189488409e-08, 5.586299683532171e-08, -3.821960061917494e-08,
    2.6148576951961865e-08, -1.788998486491149e-08,
)  # fmt: skip

# x * normal_cdf(x) = -normal_pdf(x) * (c0 + c1/x**2 + ...) far below 0 (Abramowitz and Stegun 1964,
# 26.2.12).
NORMAL_TAIL = (1.0, -1.0, 3.0, -15.0, 105.0, -945.0, 10395.0)

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


def gelu(x: float) -> float:
    """x * normal_cdf(x); where that has underflowed, x times its asymptotic series.

    Abramowitz and Stegun 1964, 26.2.12.

    >>> gelu(0.0), gelu(-math.inf)
    (0.0, -0.0)
    """
    if x > -37.5 or x != x:
        return x * normal_cdf(x)
    if x < -40.0:
        return -0.0
    t = 1.0 / (x * x)
    series = polynomial(NORMAL_TAIL, t)
    return -ONE_OVER_SQRT_TWO_PI * exp_minus_square(x, 0.5) * series


def cbrt(x: float) -> float:
    """The real cube root: the C library's, and one step of Newton's method.

    >>> cbrt(-8.0), cbrt(0.0)
    (-2.0, 0.0)
    """
    y = math.cbrt(x)
    if y == 0 or not math.isfinite(y):
        return y
    return y - (y * y - x / y) / (3.0 * y)


def lgamma(x: float) -> float:
    """log(|gamma(x)|), also near its roots 1 and 2, where the one of ``math`` is 1e16 ulp off.

    >>> lgamma(1.0), lgamma(2.0), lgamma(0.0), lgamma(-0.5) == lgamma(0.5) + math.log(2.0)
    (0.0, 0.0, inf, True)
    """
    if not -20 < x < 8:
        try:
            return math.lgamma(x)
        except (OverflowError, ValueError):
            return inf
    if x <= 0 and x == math.floor(x):
        return inf
    # gamma(x + 1) = x * gamma(x) leads to 2 + z.
    if 0.5 <= x < 1.25:
        z = x - 1.0
        return z * polynomial(LGAMMA_AT_2, z) - math.log1p(z)
    steps = 0 if 1.25 <= x < 2.5 else math.floor(x - 1.5)
    z = x - steps - 2.0
    factors = [x - k for k in range(1, steps + 1)] or [x + k for k in range(-steps)]
    log_factors = math.log(math.fabs(math.prod(factors)))
    return z * polynomial(LGAMMA_AT_2, z) + math.copysign(1.0, steps) * log_factors


def polygamma(n: int, x: float) -> float:
    """The n-th derivative of digamma for any whole n >= 0; nan at the poles 0, -1, -2, ...

    The recurrence steps x up to where the asymptotic series converges. Far to the left, where that
    would be many steps, x is reflected.

    >>> round(polygamma(0, 1.0), 12), round(polygamma(1, 1.0), 12)
    (-0.577215664902, 1.644934066848)
    """
    if x != x or x == -inf or (x <= 0 and x == math.floor(x)):
        return nan
    if x < -50:
        return _minus_one_to(n) * polygamma(n, 1.0 - x) - _cotangent_derivative(n, x)
    if n == 0:
        return _digamma(x)
    if x == inf:
        return 0.0
    steps = max(0, math.ceil(10 + 2 * n - min(x, 1000.0 + 2 * n)))
    # In units of a power of two: powers of large and of small numbers would leave the range.
    exponent = min([math.frexp(x + k)[1] for k in range(steps + 1)]) - 1
    terms = [_scaled_inverse_power(x, k, exponent, n + 1) for k in range(steps)]
    z = x + steps
    series = [
        b * math.comb(2 * k + n - 1, n) / (2 * k) * _inverse_power(z, 2 * k - 1)
        for k, b in enumerate(BERNOULLI, 1)
    ]
    last = _scaled_inverse_power(x, steps, exponent, n + 1)
    total = math.fsum([*terms, *[last * term for term in (z / n, 0.5, *series)]])
    factorial = math.factorial(n)
    bits = factorial.bit_length()
    total *= factorial / (1 << bits)
    try:
        return _minus_one_to(n + 1) * math.ldexp(total, bits - (n + 1) * exponent)
    except OverflowError:
        return _minus_one_to(n + 1) * math.copysign(inf, total)


def _digamma(x: float) -> float:
    """The digamma function for x > -50, not a pole."""
    from_root = (x - DIGAMMA_ROOT) - DIGAMMA_ROOT_ERROR
    if math.fabs(from_root) < 0.6:
        return from_root * polynomial(DIGAMMA_AT_ROOT, from_root)
    steps = max(0, round(12 - min(x, 1000.0)))
    z = x + steps
    logs = [math.log(z)]
    if steps:  # z is about 12; x - (12 - steps) has no rounding error
        logs = [LOG_12, LOG_12_ERROR, math.log1p((x - (12 - steps)) / 12)]
    series = [-b / (2 * k) * _inverse_power(z, 2 * k) for k, b in enumerate(BERNOULLI, 1)]
    terms = [-_inverse_power(x + k, 1) for k in range(steps)]
    return math.fsum([*logs, -0.5 / z, *series, *terms])


def polynomial(coefficients: tuple[float, ...], z: float) -> float:
    """c1 + c2*z + c3*z*z + ... (Horner's scheme)."""
    total = 0.0
    for c in reversed(coefficients):
        total = total * z + c
    return total


def _minus_one_to(n: int) -> float:
    return -1.0 if n % 2 else 1.0


def _inverse_power(x: float, n: int) -> float:
    """1 / x**n for an x that is not 0."""
    try:
        return math.pow(x, -n)
    except OverflowError:
        return inf if x > 0 else inf * _minus_one_to(n)


def _scaled_inverse_power(x: float, k: int, exponent: int, n: int) -> float:
    """(2**exponent / (x + k))**n, for an |x + k| that is not below 2**exponent.

    The rounding error of the sum (Knuth 1969), which the power magnifies, is put back.
    """
    z = x + k
    back = z - x
    lost = (x - (z - back)) + (k - back)
    try:
        return math.ldexp(z, -exponent) ** -n * (1.0 - n * lost / z)
    except OverflowError:
        return 0.0


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
