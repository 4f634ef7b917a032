"""Answers that owe nothing to the rules: each primitive in mpmath and in NumPy, and its slopes."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_scalar.testing.reference import IN_MPMATH, in_mpmath, mp

__all__ = [
    "IN_MPMATH",
    "IN_NUMPY",
    "derivative_in_mpmath",
    "in_mpmath",
    "mp",
    "partial_slope",
    "slope",
    "ulps",
]

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
    "<": lambda a, b: np.less(a, b).astype(float),
    "<=": lambda a, b: np.less_equal(a, b).astype(float),
    "clamp": lambda x, low, high: np.minimum(np.maximum(x, low), high),
    "logsumexp": lambda *xs: np.logaddexp.reduce(xs),
}


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


def ulps(found: float, exact: Any) -> float:
    """The error of ``found`` in units of the last place of the exact number."""
    nearest = float(exact)
    if not math.isfinite(nearest) or not math.isfinite(found):
        return 0.0 if found == nearest else math.inf
    return float(abs(mp.mpf(found) - exact) / math.ulp(nearest))
