"""The chain rule for one operation, on numbers of any kind, in both directions.

A rule of the table gives g * dy/dx for a g of your choice. With the gradient of the result for g
that is what an operand receives (pullback, reverse mode). With the tangent of an operand for g it
is that operand's part in the tangent of the result (pushforward, forward mode). The numbers may be
floats, and then nothing raises; on Values the answer can be differentiated again.
"""

from __future__ import annotations

from autograd_scalar.primitives import Primitive, as_float
from autograd_scalar.rules import Double

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any


def pullback(
    primitive: Primitive, g: Any, y: Any, xs: Sequence[Any], places: Iterable[int]
) -> list[Any]:
    """What the operands at these places receive of the gradient ``g`` of the result: g * dy/dx.

    >>> from autograd_scalar import rules
    >>> pullback(rules.multiply, 10.0, 6.0, (2.0, 3.0), (0, 1))
    [30.0, 20.0]

    Raises ValueError if a rule gives another number of contributions than there are operands, and
    TypeError if one of them is not a number.
    """
    derivatives = primitive.derivatives
    try:
        if primitive.variadic:
            found = list(derivatives[0](g, y, *xs))
            if len(found) != len(xs):
                raise ValueError(
                    f"the derivative rule of {primitive.name!r} must give one contribution per "
                    f"operand: {len(xs)}, not {len(found)}"
                )
            found = [found[i] for i in places]
        else:
            found = [derivatives[i](g, y, *xs) for i in places]
    except (ZeroDivisionError, OverflowError):
        g, y, *xs = _never_raising(g, y, *xs)
        return pullback(primitive, g, y, xs, places)
    return [c if c.__class__ in _NUMBERS else _checked(c, primitive) for c in found]


def pushforward(
    primitive: Primitive, tangents: Mapping[int, Any], y: Any, xs: Sequence[Any]
) -> Any:
    """The tangent of the result: the sum of dy/dx * tangent over the operands that have one.

    ``tangents`` has them by the operands' places. One of exactly zero contributes nothing, even
    multiplied by inf or nan.

    >>> from autograd_scalar import rules
    >>> pushforward(rules.multiply, {0: 1.0, 1: 0.5}, 6.0, (2.0, 3.0))
    4.0

    Raises what ``pullback`` does.
    """
    derivatives = primitive.derivatives
    total: Any = 0.0
    if primitive.variadic:
        slopes = pullback(primitive, 1.0, y, xs, tangents)
        for slope, tangent in zip(slopes, tangents.values(), strict=True):
            if tangent.__class__ is not float or tangent:
                total = total + slope * tangent
        return total
    try:
        for i, tangent in tangents.items():
            if not isinstance(tangent, float) or tangent:
                part = derivatives[i](tangent, y, *xs)
                total = total + part if total.__class__ is not float or total else part
    except (ZeroDivisionError, OverflowError):
        y, *others = _never_raising(y, *xs, *tangents.values())
        xs, safe = others[: len(xs)], others[len(xs) :]
        return pushforward(primitive, dict(zip(tangents, safe, strict=True)), y, xs)
    return total if total.__class__ in _NUMBERS else _checked(total, primitive)


def _never_raising(*numbers: Any) -> list[Any]:
    """The floats among them as ``Double``; raises again what was raised if there are none."""
    if not any(number.__class__ is float for number in numbers):
        raise
    return [Double(number) if number.__class__ is float else number for number in numbers]


_NUMBERS: set[type] = {float}  # and the classes that primitives take, as they come


def _checked(contribution: Any, primitive: Primitive) -> Any:
    """A rule's answer; TypeError if that is no number."""
    kind = contribution.__class__
    if kind is not Double and hasattr(kind, "__primitive__"):
        _NUMBERS.add(kind)
        return contribution
    return as_float(contribution, f"the derivative rule of {primitive.name!r}: a contribution")
