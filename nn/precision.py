"""Fewer bits, simulated: what a computation and its gradients become in float16 or bfloat16.

A recorded graph is computed again with every number rounded to the format, forward and backward.
The graph itself stays as it is.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from autograd_scalar import Value
from autograd_scalar.chain_rule import pullback
from autograd_scalar.graph import topological_order
from autograd_scalar.primitives import as_float
from nn.arguments import known

Rounding = Callable[[float], float]

FORMATS = {
    "bfloat16": (8, -133, 2.0**128),
    "float16": (11, -24, 2.0**16),
    "float32": (24, -149, 2.0**128),
    "float64": (53, -1074, math.inf),
}
"""Of each format the binary digits of a number, the leading 1 among them, the exponent of the
smallest positive number, and the power of two from which on everything is infinite."""


def round_to(x: float, format: str) -> float:
    """Return the number nearest to x that the format has; of two equally near ones the even one.

    x: a real number. format: `"float16"`, `"bfloat16"`, `"float32"` or `"float64"`.

    It is rounded once, from the double to the format: subnormal numbers lose digits, what is too
    small becomes a zero of its sign and what is too large an infinity.

    Raises ValueError for an unknown format, TypeError if x is no number.

    Source: IEEE 754-2019, section 4.3.1. bfloat16 is the upper half of a float32.

    >>> round_to(0.1, "float16"), round_to(0.1, "bfloat16"), round_to(0.1, "float32")
    (0.0999755859375, 0.10009765625, 0.10000000149011612)
    >>> round_to(70000.0, "float16"), round_to(-1e-9, "float16")
    (inf, -0.0)
    """
    return rounding(format)(as_float(x, "round_to: x"))


def rounding(format: str) -> Rounding:
    """Return the function that rounds a float to the format, as `round_to` does.

    >>> rounding("bfloat16")(3.14159)
    3.140625
    """
    digits, smallest, limit = FORMATS[known("format", format, FORMATS)]
    return partial(_rounded, digits, smallest, limit)


def _rounded(digits: int, smallest: int, limit: float, x: float) -> float:
    if x == 0.0 or not math.isfinite(x):
        return x
    if abs(x) >= limit:
        return math.copysign(math.inf, x)
    _, exponent = math.frexp(x)
    step = max(exponent - digits, smallest)  # of the last digit; a subnormal has fewer digits
    # Both scalings are by powers of two and exact; round() takes the even one of two.
    size = math.ldexp(round(math.ldexp(abs(x), -step)), step)
    return math.copysign(size if size < limit else math.inf, x)  # rounding may have reached it


@dataclass(frozen=True)
class LowPrecision:
    """What a graph becomes in a format of fewer bits; `low_precision` makes it.

    format, loss_scale: as they were given.
    loss: the result, not scaled.
    values: the number of each node.
    gradients: the gradient of each node, divided by the loss scale again.
    exact_values, exact_gradients: the same in double precision.

    An underflow is a number that is not 0 in double precision and 0 in the format; an overflow one
    that is finite in double precision and inf or nan in the format. They are counted by the name
    of the operation, `"leaf"` for the leaves. Those further on, which the first one caused, count
    too.
    """

    format: str
    loss_scale: float
    loss: float
    values: dict[Value, float]
    gradients: dict[Value, float]
    exact_values: dict[Value, float]
    exact_gradients: dict[Value, float]

    def underflows(self, nodes: Iterable[Value] | None = None) -> list[Value]:
        """Return those of the nodes (of all, with None) whose gradient was rounded to 0."""
        return _underflows(self.exact_gradients, self.gradients, nodes)

    def overflows(self, nodes: Iterable[Value] | None = None) -> list[Value]:
        """Return those of the nodes (of all, with None) whose gradient became inf or nan."""
        return _overflows(self.exact_gradients, self.gradients, nodes)

    def counts(self) -> dict[str, Counter[str]]:
        """Return how many underflows and overflows there are, of results and gradients, by op.

        >>> x = Value(1e-3)
        >>> counts = low_precision((x * x) * x, "float16").counts()
        >>> counts["results that underflow"], counts["gradients that underflow"]
        (Counter({'*': 1}), Counter())
        """
        pairs = {
            "results": (self.exact_values, self.values),
            "gradients": (self.exact_gradients, self.gradients),
        }
        return {
            f"{what} that {kind}": Counter(node.op or "leaf" for node in find(exact, low, None))
            for what, (exact, low) in pairs.items()
            for kind, find in (("underflow", _underflows), ("overflow", _overflows))
        }


def low_precision(loss: Value, format: str = "float16", loss_scale: float = 1.0) -> LowPrecision:
    """Return what the loss and its gradients are if every number has the format.

    loss: the result of a recorded graph. format: as of `round_to`. loss_scale: what the gradient of
    the loss starts with; the gradients are divided by it at the end. A power of two, as 1024.0,
    changes no digit and lifts small gradients above the smallest number of the format.

    Leaves and constants are rounded. Each operation takes rounded numbers, and its result is
    rounded once: so does hardware whose sums are kept in higher precision within one operation.
    Backward, each contribution to a gradient is rounded, and each sum of two. Nothing of the graph
    is changed. What the program decided by looking at a number, in an `if`, is not decided again.

    Raises ValueError for an unknown format, a loss_scale that is not positive and finite, and a
    node that was wired by hand, which can't be computed again; TypeError if `loss` is no `Value`.

    Source: P. Micikevicius et al., "Mixed precision training", ICLR (2018).

    >>> x = Value(3.0)
    >>> loss = x * 1e-4 * 1e-4
    >>> low_precision(loss, "float16").gradients[x]
    0.0
    >>> round(low_precision(loss, "float16", loss_scale=1024.0).gradients[x], 10)
    1e-08
    """
    if not isinstance(loss, Value):
        raise TypeError(f"loss must be a Value, got {type(loss).__name__}")
    scale = as_float(loss_scale, "low_precision: loss_scale")
    if not (math.isfinite(scale) and scale > 0):
        raise ValueError(f"loss_scale must be positive and finite, got {loss_scale!r}")
    order = topological_order(loss)
    for node in order:
        if node.parents and node._closure.primitive is None:
            raise ValueError(
                f"{node!r} was wired by hand: only what primitives computed can be computed again"
            )
    low = rounding(format)
    values, gradients = _computed(order, low, scale)
    exact_values, exact_gradients = _computed(order, float, 1.0)
    gradients = {node: gradient / scale for node, gradient in gradients.items()}
    return LowPrecision(
        format, scale, values[loss], values, gradients, exact_values, exact_gradients
    )


def _computed(
    order: Sequence[Value], low: Rounding, seed: float
) -> tuple[dict[Value, float], dict[Value, float]]:
    """The number and the gradient of each node, with every one of them rounded."""
    values: dict[Value, float] = {}
    numbers: dict[Value, list[float]] = {}
    for node in order:
        primitive = node._closure.primitive
        if primitive is None:
            values[node] = low(node.data)
        else:
            xs = [low(x) if x.__class__ is float else values[x] for x in node.operands]
            numbers[node] = xs
            values[node] = low(primitive.function(*xs))

    gradients = dict.fromkeys(order, 0.0)
    gradients[order[-1]] = low(seed)
    for node in reversed(order):
        g = gradients[node]
        primitive = node._closure.primitive
        if primitive is None or not g:
            continue
        operands: tuple[Any, ...] = node.operands
        places = [i for i, x in enumerate(operands) if x.__class__ is not float]
        found = pullback(primitive, g, values[node], numbers[node], places)
        for place, contribution in zip(places, found, strict=True):
            parent = operands[place]
            gradients[parent] = low(gradients[parent] + low(float(contribution)))
    return values, gradients


def _underflows(
    exact: dict[Value, float], low: dict[Value, float], nodes: Iterable[Value] | None
) -> list[Value]:
    chosen = exact if nodes is None else [node for node in nodes if node in exact]
    return [node for node in chosen if exact[node] != 0.0 and low[node] == 0.0]


def _overflows(
    exact: dict[Value, float], low: dict[Value, float], nodes: Iterable[Value] | None
) -> list[Value]:
    chosen = exact if nodes is None else [node for node in nodes if node in exact]
    return [node for node in chosen if math.isfinite(exact[node]) and not math.isfinite(low[node])]
