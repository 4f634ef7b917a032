"""Checks of the numbers that losses, optimizers and schedules are set up with, or given."""

import math
from numbers import Real
from typing import Any

from autograd_scalar.arithmetic import Arithmetic
from autograd_scalar.primitives import as_float


def number(name: str, value: object) -> float:
    """Return `value` as a float, or raise TypeError or ValueError naming the argument.

    `True` is no number here, and neither are nan and the infinities.

    >>> number("dampening", 1)
    1.0
    >>> number("dampening", "1")
    Traceback (most recent call last):
    ...
    TypeError: dampening must be a number, got '1' (str)
    """
    return _within(name, value, "finite", -math.inf, math.inf)


def not_negative(name: str, value: object) -> float:
    """Return `value` as a float that is at least 0.

    >>> not_negative("weight_decay", -1.0)
    Traceback (most recent call last):
    ...
    ValueError: weight_decay must be finite and at least 0, got -1.0
    """
    return _within(name, value, "finite and at least 0", 0.0, math.inf)


def positive(name: str, value: object) -> float:
    """Return `value` as a float above 0.

    >>> positive("lr", 0)
    Traceback (most recent call last):
    ...
    ValueError: lr must be positive and finite, got 0
    """
    return _within(name, value, "positive and finite", math.ulp(0.0), math.inf)


def below_one(name: str, value: object) -> float:
    """Return `value` as a float in 0 <= value < 1, such as the share that an average keeps.

    >>> below_one("alpha", 1.0)
    Traceback (most recent call last):
    ...
    ValueError: alpha must be at least 0 and below 1, got 1.0
    """
    return _within(name, value, "at least 0 and below 1", 0.0, 1.0)


def flag(name: str, value: object) -> bool:
    """Return `value` if it is True or False.

    >>> flag("nesterov", 1)
    Traceback (most recent call last):
    ...
    TypeError: nesterov must be True or False, got 1
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return value


def plain(x: Any, what: str = "x") -> float:
    """Return the number alone, as a float, of a `Value` or of what else has one; or a number's.

    Raises TypeError, beginning with `what`, if there is none.

    >>> from autograd_scalar import Value
    >>> plain(Value(2.0)), plain(3)
    (2.0, 3.0)
    """
    while isinstance(x, Arithmetic):
        x = x.data
    return as_float(x, what)


def _within(name: str, value: object, what: str, low: float, above: float) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r} ({type(value).__name__})")
    found = float(value)
    if not (low <= found < above and math.isfinite(found)):
        raise ValueError(f"{name} must be {what}, got {value!r}")
    return found
