"""Answers that owe nothing to the rules: each primitive in mpmath and in NumPy, and its slopes."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import mpmath
import numpy as np

mp = mpmath.mp.clone()  # its own precision: another test may change that of mpmath.mp
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
    "clamp": lambda x, low, high: min(max(x, low), high),
    "dot": _dot,
    "fsum": lambda *xs: mp.fsum(xs),
    "mean": lambda *xs: mp.fsum(xs) / len(xs),
    "prod": lambda *xs: mp.fprod(xs),
    "norm": _norm,
    "logsumexp": lambda *xs: mp.log(_softmax_total(*xs)),
}


# Left out: what NumPy lacks, and sums and products, which it rounds in another order.
IN_NUMPY: dict[str, Callable[..., Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "**": np.float_power,  # np.power(x, 0.5) is the square root, with other zeros and nans
    "neg": np.negative,
    "abs": np.absolute,
    "%": np.mod,
    "//": np.floor_divide,
    "floor": np.floor,
    "ceil": np.ceil,
    "sign": np.sign,
    "exp": np.exp,
    "expm1": np.expm1,
    "exp2": np.exp2,
    "log": np.log,
    "log1p": np.log1p,
    "log2": np.log2,
    "log10": np.log10,
    "sqrt": np.sqrt,
    "cbrt": np.cbrt,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "hypot": np.hypot,
    "softplus": lambda x: np.logaddexp(x, 0.0),
    "relu": lambda x: np.maximum(x, 0.0),
    "maximum": np.maximum,
    "minimum": np.minimum,
    "where": np.where,
    "clamp": lambda x, low, high: np.minimum(np.maximum(x, low), high),
    "logsumexp": lambda *xs: np.logaddexp.reduce(xs),
}


def in_mpmath(name: str, xs: Sequence[Any]) -> Any:
    """The exact result, None where it is no finite real number."""
    try:
        result = IN_MPMATH[name](*map(mp.mpf, xs))
    except (ValueError, ZeroDivisionError):
        return None
    return mp.mpf(result) if mp.isfinite(result) and not mp.im(result) else None


def slope(function: Callable[[Any], Any], x: Any, unit: Any, digits: int) -> Any:
    """The derivative at x, to about a third of the digits; None where there is none.

    ``unit`` is the size of the changes of x that matter to the function.

    The slopes to the left and to the right of x differ by about h times the second derivative.
    Where they differ by as much for a ten thousand times smaller h, the function has a kink;
    where their mean changes with h, it jumps or is vertical.
    """
    with mp.workdps(digits):
        x = mp.mpf(x)
        middle = function(x)
        slopes, jumps = [], []
        for power in (digits * 3 // 10 - 4, digits * 3 // 10):
            h = unit * mp.mpf(10) ** -power
            above, below = function(x + h), function(x - h)
            if above is None or below is None or middle is None:
                return None
            slopes.append((above - below) / (2 * h))
            jumps.append(abs(above - 2 * middle + below) / h)
        rounding = abs(middle) / unit * mp.mpf(10) ** -(digits * 3 // 5)
        if jumps[1] > max(jumps[0] / 100, rounding):
            return None
        if abs(slopes[0] - slopes[1]) > abs(slopes[1]) / 10**6 + rounding:
            return None
        return slopes[1]


def partial_slope(
    function: Callable[..., Any], xs: Sequence[Any], position: int, digits: int = 100
) -> Any:
    """The derivative by one of the operands."""
    unit = min([mp.one, *[mp.mpf(abs(x)) for x in xs if x]])
    return slope(
        lambda x: function(*xs[:position], x, *xs[position + 1 :]), xs[position], unit, digits
    )


def derivative_in_mpmath(name: str, xs: Sequence[Any], position: int, digits: int = 100) -> Any:
    """The derivative of a primitive by one operand, with nothing but its mpmath function."""
    return partial_slope(lambda *xs: in_mpmath(name, xs), xs, position, digits)


def rounding_noise(function: Callable[[float], float], x: float, step: float) -> float:
    """How far rounding moves the results of a float function (More and Wild 2011).

    Sixth differences of a smooth function at so small a step are nothing but noise.
    """
    differences = [function(x + k * step) for k in range(-5, 6)]
    for _ in range(6):
        differences = [b - a for a, b in pairwise(differences)]
    scale = math.factorial(6) ** 2 / math.factorial(12)
    noise = math.sqrt(scale * sum(d * d for d in differences) / len(differences))
    return max(noise, math.ulp(function(x)))


def extrapolated_slope(
    function: Callable[[float], float], x: float, step: float
) -> tuple[float, float]:
    """The slope of a float function and an estimate of its error (Ridders 1982).

    The better two of three attempts have to agree: with many jumps within its reach, one alone may
    seem exact. An error of inf says that the function has a kink here, or is not finite around.
    """
    attempts = [_extrapolated_slope(function, x, h) for h in (step, step / 10, step / 100)]
    (best, error), (other, _), _ = sorted(attempts, key=lambda attempt: attempt[1])
    return best, error + abs(best - other)


def _extrapolated_slope(
    function: Callable[[float], float], x: float, step: float
) -> tuple[float, float]:
    """Central differences at ever smaller steps, extrapolated to a step of zero.

    The estimate goes by how well neighbours in the tableau agree, and by what rounding does to a
    difference.
    """
    best, error = math.nan, math.inf
    noise = 4 * rounding_noise(function, x, step / 1e5)
    middle = function(x)
    shrink = 1.6
    row: list[float] = []
    jumps = []
    for k in range(8):
        h = step / shrink**k
        above, below = function(x + h), function(x - h)
        width = (x + h) - (x - h)
        if not (math.isfinite(above + middle + below + noise) and width):
            return math.nan, math.inf
        jumps.append(abs(above - 2 * middle + below) / h)
        coarser_row, row = row, [(above - below) / width]
        factor = shrink * shrink
        for coarser in coarser_row:
            row.append((factor * row[-1] - coarser) / (factor - 1))
            factor *= shrink * shrink
            disagreement = max(abs(row[-1] - row[-2]), abs(row[-1] - coarser)) + noise / width
            if disagreement <= error:
                best, error = row[-1], disagreement
    if jumps[-1] > 0.5 * jumps[0] + 4 * noise / width:  # it ought to have shrunk 27 times
        return math.nan, math.inf
    return best, error


def ulps(found: float, exact: Any) -> float:
    """The error of ``found`` in units of the last place of the exact number."""
    nearest = float(exact)
    if not math.isfinite(nearest) or not math.isfinite(found):
        return 0.0 if found == nearest else math.inf
    return float(abs(mp.mpf(found) - exact) / math.ulp(nearest))
