"""``numerical_gradient``: the gradient by differences, or to 50 digits by mpmath."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from autograd_scalar.nesting import flatten, paths
from autograd_scalar.primitives import as_float
from autograd_scalar.testing.differences import Slope, slope, units_around

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class NumericalGradient(NamedTuple):
    """A gradient by differences.

    Attributes:
        gradient: the derivatives, nested as the argument; nan where there is none, the mean of both
            sides at a kink.
        error: how far each may be off, nested the same; inf where there is no derivative.
    """

    gradient: Any
    error: Any


def numerical_gradient(
    f: Callable[[Any], Any], x: Any, reference: bool = False
) -> NumericalGradient:
    """The gradient of ``f`` at ``x`` and an estimate of its error, by differences.

    >>> gradient, error = numerical_gradient(lambda x: x[0] ** 2 * x[1], [3.0, 2.0])
    >>> [round(g, 8) for g in gradient]
    [12.0, 9.0]
    >>> max(error) < 1e-9
    True

    Args:
        f: a function of plain floats that gives one.
        x: a number, or any nesting of lists, tuples, dicts and arrays of numbers.
        reference: compute with 60 digits instead; ``f`` must be built of primitives then, and
            mpmath be installed. The error is that of rounding to a float.

    At the end of a domain the derivative is that from the side which is there. At a kink it is the
    mean of both sides, and the error half of what they differ by.

    Raises TypeError or ValueError for an ``x`` that is not made of finite numbers, or if ``f`` does
    not give one number.
    """
    if not callable(f):
        raise TypeError(f"numerical_gradient: f must be a function, not {f!r}")
    numbers, nesting = flatten(x, "x")
    for place, number in zip(paths(nesting, "x"), numbers, strict=True):
        if number.__class__ is not float:
            raise TypeError(f"numerical_gradient: {place} must be a plain number, not {number!r}")
        if not math.isfinite(number):
            raise ValueError(f"numerical_gradient: {place} must be finite, not {number}")

    def flat(xs: Sequence[Any]) -> Any:
        return f(nesting.fill(xs))

    as_float(flat(numbers), "numerical_gradient: the result of f")
    slopes = [_partial(flat, numbers, i, reference) for i in range(len(numbers))]
    errors = [s.error + (0.5 * abs(s.right - s.left) if s.kink else 0.0) for s in slopes]
    return NumericalGradient(nesting.fill([s.value for s in slopes]), nesting.fill(errors))


def _partial(
    flat: Callable[[Sequence[Any]], Any], numbers: Sequence[float], i: int, reference: bool
) -> Slope:
    x = numbers[i]
    if reference:
        from autograd_scalar.testing.reference import exact_directional_slope

        unit = [float(i == j) for j in range(len(numbers))]
        return exact_directional_slope(flat, numbers, [unit], units_around([x])[0])

    def line(t: float) -> float:
        try:
            y = flat([*numbers[:i], x + t, *numbers[i + 1 :]])
        except (ArithmeticError, ValueError):
            return math.nan
        return math.nan if isinstance(y, complex) else float(y)

    return slope(line, units_around([x]), math.ulp(x))
