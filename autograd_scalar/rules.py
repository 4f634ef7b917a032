"""The rules: every primitive operation and its derivative, one entry each.

An entry is a float function with its derivative written above it. The derivative with respect to
one operand is a function of

    g        the upstream gradient, d(loss)/d(result)
    y        the result of the operation
    x, ...   the operands

and gives that operand's contribution, d(loss)/d(operand) = g * d(result)/d(operand). So

    @primitive(lambda g, y, x: g * cos(x))
    def sin(x): ...

says that the derivative of the sine is the cosine. There is one derivative per operand, in order.
A function of any number of operands (``*xs``) has one rule that gives all the contributions.

A derivative is written in arithmetic, comparisons and primitives only, so it means the right thing
on floats and on whatever else primitives take: on Values, which makes derivatives of derivatives,
and on dual numbers.

Numbers follow IEEE 754, as in NumPy: overflow gives inf, a domain error nan, and nothing raises.
Formulas are chosen so that results and derivatives keep their digits where the textbook's lose
them: the sigmoid's derivative is ``logistic_pdf(x)``, since ``y * (1 - y)`` is zero from x = 37 on.
"""

# The rules refer to each other in circles, where the type checker can infer no types.
# mypy: disable-error-code="has-type, no-any-return"

from __future__ import annotations

import math
import operator
from math import inf, nan

from autograd_scalar import special
from autograd_scalar.cases import by_cases, is_open
from autograd_scalar.primitives import POSITIVE, REAL, detached, primitive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from autograd_scalar.primitives import Primitive


def _or_nan(function: Callable[[float], float], x: float) -> float:
    """A function of ``math``, nan outside of its domain."""
    try:
        return function(x)
    except ValueError:
        return nan


def _or_inf(function: Callable[[float], float], x: float) -> float:
    """A positive function of ``math``, inf where it overflows."""
    try:
        return function(x)
    except OverflowError:
        return inf


def choose(condition: Any, a: Any, b: Any) -> Any:
    """a where the condition holds, else b: what ``where`` is inside of a derivative.

    There it makes no node: the derivative of the one not chosen is exactly 0. Where the condition
    is not known yet, as on a tape, it does.
    """
    if condition.__class__ is bool:
        return a if condition else b
    if is_open(condition):
        return where(condition, a, b)
    return a if detached(condition) else b


# --- Arithmetic -----------------------------------------------------------------------------------


@primitive(lambda g, y, a, b: g, lambda g, y, a, b: g, name="+")
def add(a: float, b: float) -> float:
    """The sum a + b.

    >>> add(1, 2.5)
    3.5
    """
    return a + b


@primitive(lambda g, y, a, b: g, lambda g, y, a, b: -g, name="-")
def subtract(a: float, b: float) -> float:
    """The difference a - b.

    >>> subtract(1, 2.5)
    -1.5
    """
    return a - b


@primitive(lambda g, y, a, b: g * b, lambda g, y, a, b: g * a, name="*")
def multiply(a: float, b: float) -> float:
    """The product a * b.

    >>> multiply(3, 0.5)
    1.5
    """
    return a * b


@primitive(
    lambda g, y, a, b: g / b,
    lambda g, y, a, b: -g * (y / b),
    name="/",
    domain=(REAL, POSITIVE),
)
def divide(a: float, b: float) -> float:
    """The quotient a / b; a / 0 is inf or -inf, 0 / 0 is nan.

    >>> divide(1, 4), divide(-1, 0)
    (0.25, -inf)
    """
    try:
        return a / b
    except ZeroDivisionError:
        return nan if a == 0 or a != a else math.copysign(inf, a) * math.copysign(1.0, b)


@primitive(
    lambda g, y, x, n: g * _power_slope(y, x, n),
    lambda g, y, x, n: g * _power_slope_by_exponent(y, x, n),
    name="**",
    domain=(POSITIVE, REAL),
)
def power(x: float, n: float) -> float:
    """The power x ** n, real: nan for a negative x with a fractional n.

    0 ** 0 is 1. At n = 0 the derivative by x is 0; at x = 0 the one by n is 0 for n >= 0. For a
    negative x the one by n is nan.

    >>> power(2, 10), power(0, 0), power(-8, 1 / 3)
    (1024.0, 1.0, nan)
    """
    if n == 2.0:
        return x * x  # which rounds once, and that pow does not always
    try:
        return math.pow(x, n)
    except ValueError:
        if x != 0:
            return nan
    except OverflowError:
        pass
    odd = math.fmod(n, 2.0) in (1.0, -1.0)
    return math.copysign(inf, x) if odd else inf


def _power_slope(y: Any, x: Any, n: Any) -> Any:
    """n * x**(n-1), at n = 0 and x = 0, too, where that is 0.

    n - 1 may round, which a large or small x magnifies: then rather n * x**n / x. Where x**n is out
    of the range or close to its end, it comes in two halves.
    """
    if y.__class__ is not float and is_open(y):
        return by_cases(_power_slope, y, x, n)
    if 0.5 <= n <= 4:
        return n * power(x, n - 1)
    if 1e-290 < abs(y) < inf and abs(x) > 0:
        return n * y / x
    if x > 0:
        half = power(x, 0.5 * n)
        return n * half / x * half
    return n * power(x, n - choose(abs(n) > 0, 1.0, 0.0))


def _power_slope_by_exponent(y: Any, x: Any, n: Any) -> Any:
    """x**n * log(x), but at x = 0 and n >= 0, where log(x) is -inf: there 0, or nan if y is."""
    if y.__class__ is not float and is_open(y):
        return by_cases(_power_slope_by_exponent, y, x, n)
    if x > 0 and abs(y) < 1e-290:
        half = power(x, 0.5 * n)
        return half * log(x) * half
    if abs(x) <= 0 and not n < 0:
        return 0.0 * y
    return y * log(x)


@primitive(lambda g, y, x: -g, name="neg")
def negative(x: float) -> float:
    """The negative -x.

    >>> negative(2)
    -2.0
    """
    return -x


@primitive(lambda g, y, x: g * sign(x), name="abs")
def absolute(x: float) -> float:
    """The absolute value |x|, with derivative sign(x), 0 at the kink.

    >>> absolute(-2)
    2.0
    """
    return math.fabs(x)


@primitive(lambda g, y, a, b: g, lambda g, y, a, b: -g * floor_divide(a, b), name="%")
def mod(a: float, b: float) -> float:
    """The remainder a - b * floor(a / b), with the sign of b, as Python's ``%``.

    >>> mod(7, 3), mod(-7, 3), mod(7, 0)
    (1.0, 2.0, nan)
    """
    try:
        return a % b
    except ZeroDivisionError:
        return nan


@primitive(lambda g, y, a, b: 0.0, lambda g, y, a, b: 0.0, name="//")
def floor_divide(a: float, b: float) -> float:
    """floor(a / b), piecewise constant: its derivatives are 0.

    >>> floor_divide(7, 2), floor_divide(7, 0)
    (3.0, inf)
    """
    try:
        return a // b
    except ZeroDivisionError:
        return divide.function(a, b)


@primitive(lambda g, y, x: 0.0)
def floor(x: float) -> float:
    """The largest whole number that is not above x; derivative 0.

    >>> floor(-1.5)
    -2.0
    """
    return math.copysign(math.floor(x), x) if math.isfinite(x) else x


@primitive(lambda g, y, x: 0.0)
def ceil(x: float) -> float:
    """The smallest whole number that is not below x; derivative 0.

    >>> ceil(1.2)
    2.0
    """
    return math.copysign(math.ceil(x), x) if math.isfinite(x) else x


@primitive(lambda g, y, x: 0.0)
def sign(x: float) -> float:
    """-1, 0 or 1 as x is negative, zero or positive; derivative 0.

    >>> sign(-3), sign(0)
    (-1.0, 0.0)
    """
    return math.copysign(1.0, x) if x < 0 or x > 0 else x


# --- Exponentials, logarithms, roots --------------------------------------------------------------

_LN2 = 0.6931471805599453  # log(2)
_LOG2_E = 1.4426950408889634  # 1 / log(2)
_LOG10_E = 0.4342944819032518  # 1 / log(10)


@primitive(lambda g, y, x: g * y)
def exp(x: float) -> float:
    """e to the power x.

    >>> exp(1)
    2.718281828459045
    """
    return _or_inf(math.exp, x)


@primitive(lambda g, y, x: g * exp(x))
def expm1(x: float) -> float:
    """exp(x) - 1, accurate near 0.

    >>> expm1(1e-20)
    1e-20
    """
    return _or_inf(math.expm1, x)


@primitive(lambda g, y, x: g * y * _LN2)
def exp2(x: float) -> float:
    """2 to the power x.

    >>> exp2(10)
    1024.0
    """
    return _or_inf(math.exp2, x)


@primitive(lambda g, y, x: g / x, domain=(POSITIVE,))
def log(x: float) -> float:
    """The natural logarithm; -inf at 0 and nan below.

    >>> log(1), log(0)
    (0.0, -inf)
    """
    return _or_nan(math.log, x) if x != 0 else -inf


@primitive(lambda g, y, x: g / (1 + x), domain=((-1.0, inf),))
def log1p(x: float) -> float:
    """log(1 + x), accurate near 0.

    >>> log1p(1e-20)
    1e-20
    """
    return _or_nan(math.log1p, x) if x != -1 else -inf


@primitive(lambda g, y, x: g * _LOG2_E / x, domain=(POSITIVE,))
def log2(x: float) -> float:
    """The logarithm to base 2.

    >>> log2(1024)
    10.0
    """
    return _or_nan(math.log2, x) if x != 0 else -inf


@primitive(lambda g, y, x: g * _LOG10_E / x, domain=(POSITIVE,))
def log10(x: float) -> float:
    """The logarithm to base 10.

    >>> log10(1000)
    3.0
    """
    return _or_nan(math.log10, x) if x != 0 else -inf


@primitive(lambda g, y, x: 0.5 * g / y, domain=(POSITIVE,))
def sqrt(x: float) -> float:
    """The square root; nan below 0.

    >>> sqrt(9)
    3.0
    """
    return _or_nan(math.sqrt, x)


@primitive(lambda g, y, x: g / (3 * y * y))
def cbrt(x: float) -> float:
    """The real cube root.

    >>> cbrt(-8)
    -2.0
    """
    return special.cbrt(x)


# --- Circular and hyperbolic functions ------------------------------------------------------------


@primitive(lambda g, y, x: g * cos(x))
def sin(x: float) -> float:
    """The sine of an angle in radians.

    >>> sin(0), round(sin(0.5), 12)
    (0.0, 0.479425538604)
    """
    return _or_nan(math.sin, x)


@primitive(lambda g, y, x: -g * sin(x))
def cos(x: float) -> float:
    """The cosine of an angle in radians.

    >>> cos(0)
    1.0
    """
    return _or_nan(math.cos, x)


@primitive(lambda g, y, x: g * (1 + y * y))
def tan(x: float) -> float:
    """The tangent of an angle in radians.

    >>> tan(0)
    0.0
    """
    return _or_nan(math.tan, x)


@primitive(lambda g, y, x: g / sqrt(_one_minus_square(x)), domain=((-1.0, 1.0),))
def asin(x: float) -> float:
    """The angle in [-pi/2, pi/2] whose sine is x; nan outside [-1, 1].

    >>> asin(1)
    1.5707963267948966
    """
    return _or_nan(math.asin, x)


@primitive(lambda g, y, x: -g / sqrt(_one_minus_square(x)), domain=((-1.0, 1.0),))
def acos(x: float) -> float:
    """The angle in [0, pi] whose cosine is x; nan outside [-1, 1].

    >>> acos(1)
    0.0
    """
    return _or_nan(math.acos, x)


def _one_minus_square(x: Any) -> Any:
    """1 - x*x: near 1 the first form loses digits, near 0 the derivative of the second does."""
    return choose(abs(x) < 0.5, 1 - x * x, (1 - x) * (1 + x))


@primitive(lambda g, y, x: g / hypot(1.0, x) / hypot(1.0, x))
def atan(x: float) -> float:
    """The angle in (-pi/2, pi/2) whose tangent is x.

    Its derivative 1 / (1 + x*x) is computed without squaring, which would overflow above 1e155.

    >>> atan(1)
    0.7853981633974483
    """
    return math.atan(x)


# x / r**2 as (x / r) / (r / 2) / 2: where r overflows, r / 2 does not.
@primitive(
    lambda g, angle, y, x: 0.5 * g * _cosines(angle, x, y)[0] / hypot(0.5 * x, 0.5 * y),
    lambda g, angle, y, x: -0.5 * g * _cosines(angle, x, y)[1] / hypot(0.5 * x, 0.5 * y),
    domain=(REAL, POSITIVE),
)
def atan2(y: float, x: float) -> float:
    """The angle of the point (x, y) from the x axis, in [-pi, pi]; at the origin no derivatives.

    >>> atan2(1, -1)
    2.356194490192345
    """
    return math.atan2(y, x)


@primitive(lambda g, y, x: g * cosh(x))
def sinh(x: float) -> float:
    """The hyperbolic sine.

    >>> sinh(0), sinh(-1000)
    (0.0, -inf)
    """
    try:
        return math.sinh(x)
    except OverflowError:
        return math.copysign(inf, x)


@primitive(lambda g, y, x: g * sinh(x))
def cosh(x: float) -> float:
    """The hyperbolic cosine.

    >>> cosh(0)
    1.0
    """
    return _or_inf(math.cosh, x)


@primitive(lambda g, y, x: 4 * g * logistic_pdf(2 * x))
def tanh(x: float) -> float:
    """The hyperbolic tangent, 2 * sigmoid(2*x) - 1.

    Its derivative is computed as the sigmoid's, since 1 - y*y is 0 from x = 20 on.

    >>> tanh(0), tanh(100)
    (0.0, 1.0)
    """
    return math.tanh(x)


@primitive(lambda g, y, x: g / hypot(1.0, x))
def asinh(x: float) -> float:
    """The inverse of sinh.

    >>> asinh(0)
    0.0
    """
    return math.asinh(x)


@primitive(lambda g, y, x: g / sqrt(x - 1) / sqrt(x + 1), domain=((1.0, inf),))
def acosh(x: float) -> float:
    """The inverse of cosh on [1, inf); nan below.

    >>> acosh(1)
    0.0
    """
    return _or_nan(math.acosh, x)


@primitive(lambda g, y, x: g / _one_minus_square(x), domain=((-1.0, 1.0),))
def atanh(x: float) -> float:
    """The inverse of tanh; inf at 1, -inf at -1, nan outside.

    >>> atanh(0), atanh(1)
    (0.0, inf)
    """
    return _or_nan(math.atanh, x) if math.fabs(x) != 1 else math.copysign(inf, x)


@primitive(
    lambda g, y, a, b: choose(y <= 0, 0.0, g * _cosines(y, a, b)[0]),
    lambda g, y, a, b: choose(y <= 0, 0.0, g * _cosines(y, a, b)[1]),
)
def hypot(a: float, b: float) -> float:
    """sqrt(a*a + b*b) without overflow; at the origin its derivatives are 0.

    >>> hypot(3, 4), hypot(1e200, 0)
    (5.0, 1e+200)
    """
    return math.hypot(a, b)


def _cosines(y: Any, *xs: Any) -> list[Any]:
    """Each of xs over the norm of all; scaled first, as the norm may over- or underflow.

    The largest becomes 1, a constant: its derivative by itself then has no terms that cancel.
    """
    sizes = map(abs, xs)
    largest = max(sizes) if y.__class__ is float else _first_largest(list(sizes))[1]
    scaled = [x / largest for x in xs]
    length = norm(*scaled)
    return [x / length for x in scaled]


def _first_largest(xs: Sequence[Any]) -> tuple[Any, Any]:
    """The place of the largest number, the first if there are several, and that number."""
    place: Any = 0
    largest = xs[0]
    for i in range(1, len(xs)):
        is_larger = largest < xs[i]
        if is_larger is True:
            place, largest = i, xs[i]
        elif is_larger is not False:
            place, largest = choose(is_larger, i, place), choose(is_larger, xs[i], largest)
    return place, largest


# --- Activations ----------------------------------------------------------------------------------


@primitive(lambda g, y, x: g * logistic_pdf(x))
def sigmoid(x: float) -> float:
    """The logistic function 1 / (1 + exp(-x)), without overflow.

    >>> sigmoid(0), sigmoid(-1000)
    (0.5, 0.0)
    """
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    e = math.exp(x)
    return e / (1.0 + e)


@primitive(lambda g, y, x: -g * y * tanh(0.5 * x))
def logistic_pdf(x: float) -> float:
    """The derivative of the sigmoid: the density of the logistic distribution.

    It is ``sigmoid(x) * sigmoid(-x)``. With an entry of its own its derivative, too, has no digits
    to lose: that of the product would be a difference.

    >>> logistic_pdf(0), logistic_pdf(1000)
    (0.25, 0.0)
    """
    e = math.exp(-math.fabs(x))
    return e / ((1.0 + e) * (1.0 + e))


@primitive(lambda g, y, x: g * sigmoid(x))
def softplus(x: float) -> float:
    """log(1 + exp(x)), without overflow.

    >>> softplus(0), softplus(1000)
    (0.6931471805599453, 1000.0)
    """
    return x + math.log1p(math.exp(-x)) if x > 0 else math.log1p(math.exp(x))


@primitive(lambda g, y, x: choose(x > 0, g, 0.0))
def relu(x: float) -> float:
    """The larger of x and 0, with derivative 0 at the kink.

    >>> relu(2), relu(-2)
    (2.0, 0.0)
    """
    return 0.0 if x <= 0 else x


@primitive(
    lambda g, y, x, slope: choose(x > 0, g, g * slope),
    lambda g, y, x, slope: choose(x > 0, 0.0, g * x),
)
def leaky_relu(x: float, slope: float) -> float:
    """x if it is positive, else slope * x (Maas, Hannun and Ng 2013).

    >>> leaky_relu(-2, 0.5)
    -1.0
    """
    return slope * x if x <= 0 else x


@primitive(
    # exp(x) as a square, since alpha may be large where exp(x) underflows.
    lambda g, y, x, alpha: choose(x > 0, g, g * alpha * exp(0.5 * x) * exp(0.5 * x)),
    lambda g, y, x, alpha: choose(x > 0, 0.0, g * expm1(x)),
)
def elu(x: float, alpha: float) -> float:
    """x if it is positive, else alpha * (exp(x) - 1) (Clevert, Unterthiner and Hochreiter 2016).

    >>> elu(-1000, 2)
    -2.0
    """
    return alpha * math.expm1(x) if x <= 0 else x


@primitive(lambda g, y, x: g * (normal_cdf(x) - _normal_pdf_slope(normal_pdf(x), x)))
def gelu(x: float) -> float:
    """x * normal_cdf(x), the exact form (Hendrycks and Gimpel 2016).

    >>> gelu(0), gelu(10)
    (0.0, 10.0)
    """
    return special.gelu(x)


def _silu_slope(x: Any) -> Any:
    """sigmoid(x) + x * logistic_pdf(x); far out with exp(-|x|) in two halves, as it underflows."""
    if x.__class__ is not float and is_open(x):
        return by_cases(_silu_slope, x)
    if not abs(x) > 700:
        return sigmoid(x) + x * logistic_pdf(x)
    distance = abs(clamp(x, -1e3, 1e3))  # at infinity, too, all is finite
    half = exp(-0.5 * distance)
    tail = (1 - distance) * half * half
    return choose(x < 0, tail, 1 - tail)


@primitive(lambda g, y, x: g * _silu_slope(x))
def silu(x: float) -> float:
    """x * sigmoid(x), also called swish (Elfwing, Uchibe and Doya 2018).

    >>> silu(0), silu(100)
    (0.0, 100.0)
    """
    if x < -700:  # sigmoid(x) is exp(x), to be multiplied before it underflows
        x = max(x, -1e3)
        half = math.exp(0.5 * x)
        return x * half * half
    return x * sigmoid.function(x)


# --- The error function, the normal distribution, the gamma function ------------------------------

_FOUR_PI = 12.566370614359172


def _gaussian_slope(y: Any, x: Any) -> Any:
    """-2*x*y; in the tails of two factors, exp(-x*x/2) each, since y underflows before the product.

    Not beyond 40, where both are 0 and infinity times 0 would be nan.
    """
    if y.__class__ is not float and is_open(y):
        return by_cases(_gaussian_slope, y, x)
    if not abs(x) > 26.5:
        return -2 * x * y
    return -_FOUR_PI * clamp(x, -40.0, 40.0) * normal_pdf(x) * normal_pdf(x)


def _normal_pdf_slope(y: Any, x: Any) -> Any:
    """-x*y; in the tails as in ``_gaussian_slope``."""
    if y.__class__ is not float and is_open(y):
        return by_cases(_normal_pdf_slope, y, x)
    if not abs(x) > 37.5:
        return -x * y
    half = gaussian(0.5 * x)
    return -special.ONE_OVER_SQRT_TWO_PI * clamp(x, -40.0, 40.0) * half * half


@primitive(lambda g, y, x: g * _gaussian_slope(y, x))
def gaussian(x: float) -> float:
    """exp(-x*x), accurate in the tails.

    >>> gaussian(0)
    1.0
    """
    return special.exp_minus_square(x)


@primitive(lambda g, y, x: g * special.TWO_OVER_SQRT_PI * gaussian(x))
def erf(x: float) -> float:
    """The error function, 2/sqrt(pi) times the integral of exp(-t*t) from 0 to x.

    >>> erf(0), erf(10)
    (0.0, 1.0)
    """
    return math.erf(x)


@primitive(lambda g, y, x: -g * special.TWO_OVER_SQRT_PI * gaussian(x))
def erfc(x: float) -> float:
    """The complementary error function 1 - erf(x), accurate where it is small.

    >>> erfc(0), round(erfc(5) * 1e12, 9)
    (1.0, 1.537459794)
    """
    return math.erfc(x)


@primitive(lambda g, y, x: g * _normal_pdf_slope(y, x))
def normal_pdf(x: float) -> float:
    """The density of the standard normal distribution, exp(-x*x/2) / sqrt(2*pi).

    >>> normal_pdf(0)
    0.3989422804014327
    """
    return special.ONE_OVER_SQRT_TWO_PI * special.exp_minus_square(x, 0.5)


@primitive(lambda g, y, x: g * normal_pdf(x))
def normal_cdf(x: float) -> float:
    """The standard normal distribution function, accurate in its lower tail.

    >>> normal_cdf(0), round(normal_cdf(-10) * 1e24, 9)
    (0.5, 7.619853024)
    """
    return special.normal_cdf(x)


@primitive(lambda g, y, x: g * digamma(x), domain=(POSITIVE,))
def lgamma(x: float) -> float:
    """The logarithm of the gamma function's absolute value; inf at 0, -1, -2, ...

    >>> lgamma(1), lgamma(0)
    (0.0, inf)
    """
    return special.lgamma(x)


@primitive(lambda g, y, x: g * polygamma(1, x), domain=(POSITIVE,))
def digamma(x: float) -> float:
    """The derivative of lgamma; nan at its poles 0, -1, -2, ...

    >>> round(digamma(1), 12)
    -0.577215664902
    """
    return special.polygamma(0, x)


@primitive(
    lambda g, y, n, x: nan,
    lambda g, y, n, x: g * polygamma(n + 1, x),
    domain=(REAL, POSITIVE),
)
def polygamma(n: float, x: float) -> float:
    """The n-th derivative of digamma, for a whole n from 0 to 1000; nan for another, and at poles.

    >>> round(polygamma(1, 1), 12)
    1.644934066848
    """
    return special.polygamma(int(n), x) if 0 <= n <= 1000 and n == int(n) else nan


# --- Choices --------------------------------------------------------------------------------------


@primitive(
    lambda g, y, a, b: choose(a > b, g, choose(a < b, 0.0, 0.5 * g)),
    lambda g, y, a, b: choose(b > a, g, choose(b < a, 0.0, 0.5 * g)),
)
def maximum(a: float, b: float) -> float:
    """The larger of two; at a tie each gets half the gradient. nan if either is nan.

    >>> maximum(1, 2)
    2.0
    """
    return a if a >= b or a != a else b


@primitive(
    lambda g, y, a, b: choose(a < b, g, choose(a > b, 0.0, 0.5 * g)),
    lambda g, y, a, b: choose(b < a, g, choose(b > a, 0.0, 0.5 * g)),
)
def minimum(a: float, b: float) -> float:
    """The smaller of two; at a tie each gets half the gradient. nan if either is nan.

    >>> minimum(1, 2)
    1.0
    """
    return a if a <= b or a != a else b


@primitive(
    lambda g, y, condition, a, b: 0.0,
    lambda g, y, condition, a, b: choose(condition, g, 0.0),
    lambda g, y, condition, a, b: choose(condition, 0.0, g),
)
def where(condition: float, a: float, b: float) -> float:
    """a where the condition holds, else b; the other one gets a gradient of exactly 0.

    >>> where(2 > 1, 10, 20)
    10.0
    """
    return a if condition else b


@primitive(lambda g, y, a, b: 0.0, lambda g, y, a, b: 0.0, name="<")
def less(a: float, b: float) -> float:
    """1 if a < b, else 0, also if one is nan; its derivatives are 0.

    >>> less(1, 2), less(2, 2)
    (1.0, 0.0)
    """
    return 1.0 if a < b else 0.0


@primitive(lambda g, y, a, b: 0.0, lambda g, y, a, b: 0.0, name="<=")
def less_equal(a: float, b: float) -> float:
    """1 if a <= b, else 0, also if one is nan; its derivatives are 0.

    >>> less_equal(1, 2), less_equal(2, 2)
    (1.0, 1.0)
    """
    return 1.0 if a <= b else 0.0


@primitive(lambda g, y, x: 0.0)
def detach(x: float) -> float:
    """x itself, as a constant: by decree its derivative is 0.

    >>> detach(2)
    2.0
    """
    return x


def _pick_rule(g: Any, y: Any, index: Any, *xs: Any) -> list[Any]:
    return [0.0, *[choose(is_at(index, i), g, 0.0) for i in range(len(xs))]]


def is_at(index: Any, i: int) -> Any:
    """Whether the index is i."""
    return choose(index < i, False, index <= i)


@primitive(_pick_rule)
def pick(*operands: float) -> float:
    """xs[index] of the operands (index, x0, x1, ...); nan for an index that none of them has.

    The gradient goes to the one that is picked.

    >>> pick(1, 10, 20, 30), pick(3, 10, 20, 30)
    (20.0, nan)
    """
    index, *xs = operands
    return xs[int(index)] if 0 <= index < len(xs) and index == int(index) else nan


@primitive(
    lambda g, y, x, low, high: choose(x < low, 0.0, choose(x > high, 0.0, g)),
    lambda g, y, x, low, high: choose(x < low, choose(low > high, 0.0, g), 0.0),
    lambda g, y, x, low, high: choose(x > high, g, choose(low > high, g, 0.0)),
)
def clamp(x: float, low: float, high: float) -> float:
    """minimum(maximum(x, low), high); on its bounds x still gets the whole gradient.

    >>> clamp(5, 0, 1)
    1.0
    """
    return minimum.function(maximum.function(x, low), high)


# --- Many operands, one node ----------------------------------------------------------------------


def _dot_rule(g: Any, y: Any, *operands: Any) -> list[Any]:
    half = len(operands) // 2
    return [g * operand for operand in (*operands[half:], *operands[:half])]


@primitive(_dot_rule)
def dot(*operands: float) -> float:
    """w1*x1 + w2*x2 + ... of the operands (w1, w2, ..., x1, x2, ...), summed from left to right.

    >>> dot(1, 2, 10, 20)
    50.0
    """
    half, odd = divmod(len(operands), 2)
    if odd:
        raise ValueError(f"dot takes as many weights as inputs, not {len(operands)} operands")
    # Not by sum(), which from Python 3.12 on rounds otherwise than additions one by one. Added to
    # any number, 0.0 and -0.0 too, -0.0 leaves it as it is.
    total = -0.0
    for product in map(operator.mul, operands[:half], operands[half:]):
        total += product
    return total


@primitive(lambda g, y, *xs: [g] * len(xs))
def fsum(*xs: float) -> float:
    """The sum, rounded once (Shewchuk 1997).

    >>> fsum(1e16, 1, -1e16)
    1.0
    """
    try:
        return math.fsum(xs)
    except (OverflowError, ValueError):
        endless = [x for x in xs if not math.isfinite(x)]
        if endless:
            return sum(endless)
        # A partial sum overflowed; scaled by a power of two nothing is lost that counts.
        return math.fsum(x * 2.0**-64 for x in xs) * 2.0**64


@primitive(lambda g, y, *xs: [g / len(xs)] * len(xs))
def mean(*xs: float) -> float:
    """The arithmetic mean, its sum rounded once.

    >>> mean(1, 2, 6)
    3.0
    """
    total = fsum.function(*xs)
    if math.isfinite(total):
        return divide.function(total, len(xs))
    return fsum.function(*[x / len(xs) for x in xs])


def _prod_rule(g: Any, y: Any, *xs: Any) -> list[Any]:
    """Products of all before times all after: right where an operand is 0, unlike g * y / x."""
    contributions = [g]
    for x in xs[:-1]:
        contributions.append(contributions[-1] * x)
    after = 1.0
    for k in range(len(xs) - 1, -1, -1):
        contributions[k] = contributions[k] * after
        after = after * xs[k]
    return contributions


@primitive(_prod_rule)
def prod(*xs: float) -> float:
    """The product of all; no product on the way leaves the range.

    >>> prod(2, 3, 4), prod(2.0**600, 2.0**600, 2.0**-600) == 2.0**600
    (24.0, True)
    """
    fraction, exponent = 1.0, 0
    for x in xs:
        factor, factor_exponent = math.frexp(x)
        fraction, carry = math.frexp(fraction * factor)
        exponent += factor_exponent + carry
    try:
        return math.ldexp(fraction, exponent)
    except OverflowError:
        return math.copysign(inf, fraction)


def _norm_rule(g: Any, y: Any, *xs: Any) -> list[Any]:
    at_origin = y <= 0
    return [choose(at_origin, 0.0, g * cosine) for cosine in _cosines(y, *xs)]


@primitive(_norm_rule)
def norm(*xs: float) -> float:
    """The Euclidean norm without overflow; at the origin its derivatives are 0.

    >>> norm(2, 3, 6)
    7.0
    """
    return math.hypot(*xs)


def _exp_of_difference(x: Any, largest: Any) -> Any:
    """exp(x - largest); the rounding error of the difference (Knuth 1969) is put back."""
    difference = x - largest
    back = difference - x
    lost = (x - (difference - back)) - (largest + back)
    return exp(difference) * (1 + choose(difference > -800, lost, 0.0))


def _logsumexp_rule(g: Any, y: Any, *xs: Any) -> list[Any]:
    """The softmax times g, shifted by the largest as exp(x - y) would lose digits of a large y.

    The largest itself has the weight 1, a constant: so p * (1 - p) comes out as a product.
    """
    place, largest = _first_largest(xs)
    weights = [_exp_of_difference(x, largest) for x in xs]
    if place.__class__ is int:
        weights[place] = 1.0
    else:
        weights = [choose(is_at(place, i), 1.0, weight) for i, weight in enumerate(weights)]
    total = fsum(*weights)
    return [g * (weight / total) for weight in weights]


@primitive(_logsumexp_rule)
def logsumexp(*xs: float) -> float:
    """log(exp(x1) + exp(x2) + ...), without overflow, and accurate where it is near the largest.

    >>> logsumexp(1000, 1000)
    1000.6931471805599
    """
    if any(x != x for x in xs):
        return nan
    largest = max(xs, default=-inf)
    if math.isinf(largest):
        return largest
    others = list(xs)
    others.remove(largest)
    return largest + math.log1p(math.fsum(math.exp(x - largest) for x in others))


# --- Floats that never raise ----------------------------------------------------------------------


def _double_operators(function: Callable[..., float]) -> tuple[Any, Any]:
    def operate(self: float, other: Any) -> Any:
        if not isinstance(other, float | int):
            return NotImplemented
        return Double(function(float(self), float(other)))

    def reflected(self: float, other: Any) -> Any:
        if not isinstance(other, float | int):
            return NotImplemented
        return Double(function(float(other), float(self)))

    return operate, reflected


class Double(float):
    """A float whose arithmetic is that of IEEE 754 where Python's raises or turns complex.

    A rule such as ``g / x`` raises ZeroDivisionError on floats at x = 0. It is then run again on
    these, which is what it meant, and costs nothing where it is not needed.

    >>> 1 / Double(0.0), Double(-8.0) ** 0.5
    (inf, nan)
    """

    __add__, __radd__ = _double_operators(add.function)
    __sub__, __rsub__ = _double_operators(subtract.function)
    __mul__, __rmul__ = _double_operators(multiply.function)
    __truediv__, __rtruediv__ = _double_operators(divide.function)
    __pow__, __rpow__ = _double_operators(power.function)
    __mod__, __rmod__ = _double_operators(mod.function)
    __floordiv__, __rfloordiv__ = _double_operators(floor_divide.function)

    def __neg__(self) -> Double:
        return Double(-float(self))

    def __abs__(self) -> Double:
        return Double(math.fabs(self))

    @classmethod
    def __primitive__(cls, primitive: Primitive, operands: tuple[Any, ...]) -> Any:
        if not all(isinstance(operand, float | int) for operand in operands):
            return NotImplemented
        return cls(primitive.function(*map(float, operands)))
