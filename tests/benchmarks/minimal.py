"""The least that a scalar engine can be, to measure what ours pays for all that it does besides.

A Value holds its number, its gradient, its children and the derivative by each child, computed in
the forward pass. There are no closures, no checks and no IEEE 754 at the edges; the topological
sort recurses, the way a blackboard has it. The network has the structure of micrograd's.
"""

import random
from collections.abc import Sequence
from typing import Any, Union

Number = Union["Value", float]


class Value:
    """A number, what it was computed from, and its derivative by each of these."""

    __slots__ = ("children", "data", "grad", "local_gradients")

    def __init__(
        self,
        data: float,
        children: tuple["Value", ...] = (),
        local_gradients: tuple[float, ...] = (),
    ) -> None:
        self.data = data
        self.grad: float = 0
        self.children = children
        self.local_gradients = local_gradients

    def __add__(self, other: Number) -> "Value":
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, (self, other), (1, 1))

    def __mul__(self, other: Number) -> "Value":
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, n: float) -> "Value":
        return Value(self.data**n, (self,), (n * self.data ** (n - 1),))

    def relu(self) -> "Value":
        return Value(max(0, self.data), (self,), (float(self.data > 0),))

    def __neg__(self) -> "Value":
        return self * -1

    def __radd__(self, other: float) -> "Value":
        return self + other

    def __sub__(self, other: Number) -> "Value":
        return self + (-other)

    def __rsub__(self, other: float) -> "Value":
        return other + (-self)

    def __rmul__(self, other: float) -> "Value":
        return self * other

    def __truediv__(self, other: Number) -> "Value":
        return self * other**-1

    def __rtruediv__(self, other: float) -> "Value":
        return other * self**-1

    def backward(self) -> None:
        order: list[Value] = []
        seen = set()

        def visit(value: "Value") -> None:
            if value not in seen:
                seen.add(value)
                for child in value.children:
                    visit(child)
                order.append(value)

        visit(self)
        self.grad = 1
        for value in reversed(order):
            for child, local_gradient in zip(value.children, value.local_gradients):  # noqa: B905
                child.grad += local_gradient * value.grad


class Neuron:
    def __init__(self, nin: int, nonlin: bool) -> None:
        self.w = [Value(random.uniform(-1, 1)) for _ in range(nin)]
        self.b = Value(0)
        self.nonlin = nonlin

    def __call__(self, x: Sequence[Number]) -> Value:
        act = sum((wi * xi for wi, xi in zip(self.w, x)), self.b)  # noqa: B905
        return act.relu() if self.nonlin else act


class MLP:
    def __init__(self, nin: int, nouts: Sequence[int]) -> None:
        sizes = [nin, *nouts]
        self.layers = [
            [Neuron(sizes[i], i != len(nouts) - 1) for _ in range(nout)]
            for i, nout in enumerate(nouts)
        ]

    def __call__(self, x: Any) -> Any:
        for layer in self.layers:
            x = [neuron(x) for neuron in layer]
        return x[0] if len(x) == 1 else x

    def parameters(self) -> list[Value]:
        return [p for layer in self.layers for neuron in layer for p in (*neuron.w, neuron.b)]

    def zero_grad(self) -> None:
        for p in self.parameters():
            p.grad = 0
