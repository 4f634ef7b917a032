"""The plain class: the least that a scalar engine can be, op by op, with what a transformer needs.

A slotted Value holds its number, its children and the derivative by each, computed on the way
forward. Nothing is recorded for later, so every step pays for the whole graph again.
"""

import math
from collections.abc import Sequence
from typing import Any

from minimal import Value


def exp(x: Value) -> Value:
    result = math.exp(x.data)
    return Value(result, (x,), (result,))


def log(x: Value) -> Value:
    return Value(math.log(x.data), (x,), (1 / x.data,))


def backward(y: Value) -> None:
    """Without recursion, since these graphs are deep."""
    order: list[Value] = []
    seen: set[Value] = set()
    stack = [(y, False)]
    while stack:
        value, entered = stack.pop()
        if entered:
            order.append(value)
        elif value not in seen:
            seen.add(value)
            stack.append((value, True))
            stack.extend((child, False) for child in value.children)
    y.grad = 1
    for value in reversed(order):
        for child, local_gradient in zip(value.children, value.local_gradients):  # noqa: B905
            child.grad += local_gradient * value.grad


def dot(ws: Sequence[Any], xs: Sequence[Any]) -> Any:
    return sum(w * x for w, x in zip(ws, xs, strict=True))


def relu(x: Any) -> Any:
    return x.relu()


def rsqrt(x: Any) -> Any:
    return x**-0.5


def pick(index: int, *xs: Any) -> Any:
    return xs[index]


def mean(xs: Sequence[Any]) -> Any:
    return sum(xs) * (1 / len(xs))


def softmax(xs: Sequence[Any]) -> list[Any]:
    largest = max(x.data for x in xs)
    exponentials = [exp(x - largest) for x in xs]
    total = sum(exponentials)
    return [e / total for e in exponentials]


def logsumexp(xs: Sequence[Any]) -> Any:
    largest = max(x.data for x in xs)
    return log(sum(exp(x - largest) for x in xs)) + largest
