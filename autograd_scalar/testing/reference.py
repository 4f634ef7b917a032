"""Derivatives to 50 digits that owe nothing to the rules: the same functions, by mpmath.

``Exact`` is a number of many digits that primitives take. A function that is built of primitives
runs on it, and its differences for a step of 1e-25 or so then have all the digits of a double.
"""

# mpmath has no types.
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from autograd_scalar.arithmetic import Arithmetic
from autograd_scalar.primitives import Primitive, as_float
from autograd_scalar.testing.differences import NO_SLOPE, Slope

try:
    import mpmath  # type: ignore[import-untyped]
except ImportError:
    raise ImportError("a reference to 50 digits needs mpmath: pip install mpmath") from None

mp = mpmath.mp.clone()  # its own precision: others may change that of mpmath.mp
mp.dps = 100


def _softmax_total(*xs: Any) -> Any:
    return mp.fsum(mp.exp(x) for x in xs)


def _dot(*operands: Any) -> Any:
    half = len(operands) // 2
    return mp.fsum(w * x for w, x in zip(operands[:half], operands[half:], strict=True))


def _norm(*xs: Any) -> Any:
    return mp.sqrt(mp.fsum(x * x for x in xs))


IN_MPMATH: dict[str, Callable[..., Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda x, n: x**n,
    "neg": lambda x: -x,
    "abs": lambda x: abs(x),
    "%": lambda a, b: a - b * mp.floor(a / b),
    "//": lambda a, b: mp.floor(a / b),
    "floor": mp.floor,
    "ceil": mp.ceil,
    "sign": mp.sign,
    "exp": mp.exp,
    "expm1": mp.expm1,
    "exp2": lambda x: mp.mpf(2) ** x,
    "log": mp.log,
    "log1p": mp.log1p,
    "log2": lambda x: mp.log(x) / mp.log(2),
    "log10": lambda x: mp.log(x) / mp.log(10),
    "sqrt": mp.sqrt,
    "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": mp.tan,
    "asin": mp.asin,
    "acos": mp.acos,
    "atan": mp.atan,
    "atan2": mp.atan2,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "tanh": mp.tanh,
    "asinh": mp.asinh,
    "acosh": mp.acosh,
    "atanh": mp.atanh,
    "hypot": _norm,
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "logistic_pdf": lambda x: 1 / (2 + 2 * mp.cosh(x)),
    "softplus": lambda x: mp.log1p(mp.exp(x)),
    "relu": lambda x: max(x, mp.zero),
    "leaky_relu": lambda x, slope: x if x > 0 else slope * x,
    "elu": lambda x, alpha: x if x > 0 else alpha * mp.expm1(x),
    "gelu": lambda x: x * mp.ncdf(x),
    "silu": lambda x: x / (1 + mp.exp(-x)),
    "gaussian": lambda x: mp.exp(-x * x),
    "erf": mp.erf,
    "erfc": mp.erfc,
    "normal_pdf": mp.npdf,
    "normal_cdf": mp.ncdf,
    "lgamma": lambda x: mp.log(abs(mp.gamma(x))),
    "digamma": lambda x: mp.psi(0, x),
    "polygamma": lambda n, x: mp.psi(int(n), x) if mp.isint(n) else mp.nan,
    "maximum": max,
    "minimum": min,
    "where": lambda condition, a, b: a if condition else b,
    "<": lambda a, b: mp.mpf(a < b),
    "<=": lambda a, b: mp.mpf(a <= b),
    "pick": lambda i, *xs: xs[int(i)] if mp.isint(i) and 0 <= i < len(xs) else mp.nan,
    "clamp": lambda x, low, high: min(max(x, low), high),
    "dot": _dot,
    "fsum": lambda *xs: mp.fsum(xs),
    "mean": lambda *xs: mp.fsum(xs) / len(xs),
    "prod": lambda *xs: mp.fprod(xs),
    "norm": _norm,
    "logsumexp": lambda *xs: mp.log(_softmax_total(*xs)),
}
"""Each primitive as a function in mpmath; add your own here to have a reference for it."""


def in_mpmath(name: str, xs: Sequence[Any]) -> Any:
    """The exact result of a primitive, None where it is no finite real number."""
    try:
        result = IN_MPMATH[name](*map(mp.mpf, xs))
    except (ValueError, ArithmeticError):
        return None
    return mp.mpf(result) if mp.isfinite(result) and not mp.im(result) else None


class Exact(Arithmetic):
    """A real number of as many digits as mpmath is set to; primitives take it.

    >>> from autograd_scalar import sin
    >>> print(sin(Exact(1.0)).shown(30))
    0.841470984807896506652502321630

    Attributes:
        number: the mpmath number; nan where a function has no value.
    """

    __slots__ = ("number",)

    def __init__(self, number: Any) -> None:
        self.number = mp.mpf(number)

    @property
    def data(self) -> float:
        """The nearest float."""
        return float(self.number)

    def shown(self, digits: int) -> str:
        """The number in decimal."""
        return mp.nstr(self.number, digits, strip_zeros=False)

    @classmethod
    def __primitive__(cls, primitive: Primitive, operands: tuple[Any, ...]) -> Exact:
        if primitive.name not in IN_MPMATH:
            raise LookupError(
                f"{primitive.name!r} has no reference: put the same function in mpmath into "
                "autograd_scalar.testing.reference.IN_MPMATH"
            )
        numbers = [
            o.number if isinstance(o, Exact) else as_float(o, primitive.name) for o in operands
        ]
        result = in_mpmath(primitive.name, numbers)
        return cls(mp.nan if result is None else result)

    def __repr__(self) -> str:
        return f"Exact({mp.nstr(self.number, 20)})"


def exact_slope(line: Callable[[Any], Any], unit: float = 1.0, digits: int = 60) -> Slope:
    """The slope at 0 of a function of primitives, right to the last digit of a double.

    The slopes to the left and to the right differ by about h times the second derivative. If they
    still do for a step a million times smaller, that is a kink; if they grow, a jump.

    >>> from autograd_scalar import exp
    >>> exact_slope(lambda t: exp(2 * t)).value
    2.0
    """
    with mp.workdps(digits):
        middle = _number(line(Exact(0)))
        found = []
        for power in (digits // 3, digits // 3 + 6):
            h = mp.mpf(unit) * mp.mpf(10) ** -power
            below, above = _number(line(Exact(-h))), _number(line(Exact(h)))
            left, right = (middle - below) / h, (above - middle) / h
            left, right = (right if mp.isnan(left) else left), (left if mp.isnan(right) else right)
            if mp.isnan(left) or mp.isinf(left) or mp.isinf(right):
                return NO_SLOPE
            found.append((left, right))
        (left, right), (finer_left, finer_right) = found
        size = max(abs(finer_left), abs(finer_right))
        noise = abs(middle) / (mp.mpf(unit) * mp.mpf(10) ** (digits // 2))
        if max(abs(finer_left - left), abs(finer_right - right)) > size / 1000 + noise:
            jumps = bool(size > 100 * max(abs(left), abs(right)))
            return Slope(NO_SLOPE.left, NO_SLOPE.right, NO_SLOPE.error, jumps)
        if abs(finer_right - finer_left) <= size / 10**9 + noise:
            mean = 0.5 * (left + right)
            return Slope(float(mean), float(mean), float(1e-17 * abs(mean) + noise))
        return Slope(float(finer_left), float(finer_right), float(1e-17 * size + noise))


def _number(result: Any) -> Any:
    return result.number if isinstance(result, Exact) else mp.mpf(as_float(result, "the result"))


def exact_directional_slope(
    flat: Callable[[Sequence[Any]], Any],
    xs: Sequence[float],
    directions: Sequence[Sequence[float]],
    unit: float = 1.0,
) -> Slope:
    """The derivative of a function of a list along the directions, one after the other.

    >>> from autograd_scalar import exp
    >>> exact_directional_slope(lambda x: x[0] * exp(x[1]), [2.0, 0.0], [[0, 1], [0, 1]]).value
    2.0
    """
    *inner, outer = directions
    # So that the steps, of a third of the digits, are lost neither in the numbers that they are
    # added to nor in a result near 1.
    largest = max([1.0, *map(abs, xs)])
    beside = math.log10(largest) - min(math.log10(unit), 0.0)
    digits = 60 * len(directions) + math.ceil(1.5 * beside)

    def at(point: Sequence[Any], inner: Sequence[Sequence[float]]) -> Any:
        if not inner:
            return _number(flat([Exact(x) for x in point]))
        h = mp.mpf(unit) * mp.mpf(10) ** (-digits // 6)
        *rest, direction = inner
        above, below = (at(_moved(point, direction, t), rest) for t in (h, -h))
        return (above - below) / (2 * h)

    return exact_slope(lambda t: Exact(at(_moved(xs, outer, t.number), inner)), unit, digits)


def _moved(point: Sequence[Any], direction: Sequence[float], t: Any) -> list[Any]:
    return [x + t * v for x, v in zip(point, direction, strict=True)]
