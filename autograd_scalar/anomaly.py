"""``detect_anomaly``: find the operation where a number goes wrong."""

from __future__ import annotations

import math

from autograd_scalar import modes
from autograd_scalar.closures import contributions
from autograd_scalar.frames import place_in_users_code
from autograd_scalar.primitives import Primitive
from autograd_scalar.scopes import Placed, placed
from autograd_scalar.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from typing import Any


def detect_anomaly() -> AbstractContextManager[None]:
    """Raise at the operation where a number goes wrong, within a ``with`` block.

    FloatingPointError if a result or a contribution to a gradient is nan, or is inf where all that
    it was computed from is finite; RuntimeError if ``data`` was overwritten between the forward
    and the backward pass. Both name the operation, its operands and the line of the user's file.
    Operations recorded and passed backward within the block are watched, several times slower.

    >>> x = Value(-1.0, label="x")
    >>> with detect_anomaly():  # doctest: +ELLIPSIS
    ...     y = x.log()
    Traceback (most recent call last):
    FloatingPointError: log(x=-1.0) gave nan, at <doctest ...>, line 2
    """
    return modes.enter(detector=_AnomalyDetector())


class _WatchedValue(Placed):
    """A node that knows where it was recorded, and what the numbers were then."""

    __slots__ = ("numbers",)

    numbers: tuple[float, ...]


class _AnomalyDetector:
    def record(self, primitive: Primitive, operands: tuple[Any, ...], data: float) -> Value:
        """The result as a watched node; FloatingPointError if it is an anomaly."""
        numbers = _numbers(operands)
        call = f"{primitive.name}({', '.join(map(_describe, operands))})"
        place = place_in_users_code()
        if _is_anomaly(data, numbers):
            raise FloatingPointError(f"{call} gave {data}, at {place}")
        node = placed(primitive, operands, data, place, _WatchedValue)
        assert isinstance(node, _WatchedValue)
        node.numbers = (data, *numbers)
        return node

    def backward(self, node: Value) -> None:
        """Pass the gradient of ``node`` on to its parents, checking what it is computed from."""
        if node._closure.primitive is None:
            node._closure.backward(node)
            return
        call = f"{node.op}({', '.join(map(_describe, node.operands))})"
        numbers = (node.data, *_numbers(node.operands))
        place = "a line that was not watched"
        if isinstance(node, _WatchedValue):
            place = node.place
            if not all(map(_same, numbers, node.numbers)):
                raise RuntimeError(
                    f"data was overwritten between forward and backward: {call} = {node.data} was "
                    f"computed from {node.numbers[1:]} as {node.numbers[0]}, at {place}"
                )
        for parent, contribution in contributions(node):
            if _is_anomaly(contribution, (node.grad, *numbers)):
                raise FloatingPointError(
                    f"the backward pass of {call} = {node.data} sent {contribution} to "
                    f"{_describe(parent)} for a gradient of {node.grad}; recorded at {place}"
                )
            parent.grad += contribution


def _numbers(operands: Sequence[Any]) -> tuple[float, ...]:
    return tuple([o.data if isinstance(o, Value) else o for o in operands])


def _describe(operand: Any) -> str:
    if not isinstance(operand, Value):
        return str(operand)
    return f"{operand.label}={operand.data}" if operand.label else str(operand.data)


def _is_anomaly(result: float, sources: Sequence[float]) -> bool:
    return math.isnan(result) or (math.isinf(result) and all(map(math.isfinite, sources)))


def _same(a: float, b: float) -> bool:
    return a == b or (a != a and b != b)
