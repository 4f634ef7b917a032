"""Checks and conversions of arguments that several files of the package share."""

import operator
import random
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from autograd_scalar import clamp, floor
from autograd_scalar.arithmetic import Arithmetic


def whole_number(name: str, value: object) -> int:
    """Return `value` as an int, or raise TypeError naming the argument.

    NumPy's integers count as whole numbers; `True` and `2.0` don't, since as a size or a class they
    are almost always a slip.

    >>> whole_number("nin", 3)
    3
    >>> whole_number("nin", 2.0)
    Traceback (most recent call last):
    ...
    TypeError: nin must be an int, got 2.0 (float)
    """
    if not isinstance(value, bool):
        try:
            return operator.index(value)  # type: ignore[arg-type]
        except TypeError:
            pass
    raise TypeError(f"{name} must be an int, got {value!r} ({type(value).__name__})")


def size(name: str, value: object) -> int:
    """Return `value` as a size, an int of at least 1.

    Raises TypeError for what is no int and ValueError for an int below 1, naming the argument.

    >>> size("nin", 0)
    Traceback (most recent call last):
    ...
    ValueError: nin must be at least 1, got 0
    """
    number = whole_number(name, value)
    if number < 1:
        raise ValueError(f"{name} must be at least 1, got {number}")
    return number


def place_among(name: str, value: Any, count: int, error: type[Exception] = ValueError) -> Any:
    """Return `value` if it is one of 0..count-1: an int or, as it is, a `Value` of a whole number.

    While a function is recorded it is a `Value`, which `autograd_scalar.rules.pick` takes; that it
    is a whole number in range is then looked at in every replay.

    Raises `error` naming the argument if it is out of range, TypeError if it is no whole number.

    >>> place_among("target", 2, 3)
    2
    >>> place_among("target", 3, 3)
    Traceback (most recent call last):
    ...
    ValueError: target must be in 0..2, got 3
    """
    if isinstance(value, Arithmetic):
        if abs(value - clamp(floor(value), 0.0, count - 1.0)) <= 0:
            return value
        if not value.data.is_integer():
            raise TypeError(f"{name} must be an int, got {value.data!r}")
        place = int(value.data)
    else:
        place = whole_number(name, value)
        if 0 <= place < count:
            return place
    raise error(f"{name} must be in 0..{count - 1}, got {place}")


def is_place(value: Any, place: int) -> Any:
    """Return whether `value`, of `place_among`, is that place; of a `Value` to be decided later.

    >>> is_place(2, 2)
    True
    """
    return abs(value - float(place)) <= 0 if isinstance(value, Arithmetic) else value == place


def generator(rng: random.Random | int | None) -> random.Random | None:
    """Return the random generator that `rng` stands for; None stands for Python's shared one.

    Raises TypeError for anything but a `random.Random`, an int to seed one with, or None.

    >>> generator(7).random() == random.Random(7).random()
    True
    """
    if rng is None or isinstance(rng, random.Random):
        return rng
    try:
        return random.Random(whole_number("rng", rng))
    except TypeError:
        raise TypeError(
            f"rng must be a random.Random, an int seed or None, got {rng!r} ({type(rng).__name__})"
        ) from None


def known(name: str, value: str, names: Iterable[str]) -> str:
    """Return `value` if it is one of `names`, else raise ValueError that suggests the nearest one.

    >>> known("activation", "rulu", ["relu", "tanh"])
    Traceback (most recent call last):
    ...
    ValueError: unknown activation 'rulu', did you mean 'relu'? Known: 'relu', 'tanh'
    """
    names = list(names)
    if value in names:
        return value
    nearest = get_close_matches(value.lower(), names, n=1)
    suggestion = f", did you mean {nearest[0]!r}?" if nearest else "."
    raise ValueError(
        f"unknown {name} {value!r}{suggestion} Known: {', '.join(map(repr, sorted(names)))}"
    )
