"""The functions a user calls, on Values, numbers and mixtures of the two.

Most are entries of the rules table as they stand. Those here take their operands as a sequence
(``dot``, ``mean``), have defaults (``clamp``) or are composed of primitives (``softmax``).
On plain numbers they all return floats.
"""

from __future__ import annotations

from functools import reduce

from autograd_scalar import modes, rules
from autograd_scalar.arithmetic import Arithmetic
from autograd_scalar.primitives import as_float
from autograd_scalar.rules import (
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cbrt,
    ceil,
    cos,
    cosh,
    detach,
    digamma,
    erf,
    erfc,
    exp,
    exp2,
    expm1,
    floor,
    gaussian,
    gelu,
    hypot,
    lgamma,
    log,
    log1p,
    log2,
    log10,
    logistic_pdf,
    maximum,
    minimum,
    normal_cdf,
    normal_pdf,
    polygamma,
    relu,
    sigmoid,
    sign,
    silu,
    sin,
    sinh,
    softplus,
    sqrt,
    tan,
    tanh,
    where,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

__all__ = [
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cbrt",
    "ceil",
    "clamp",
    "cos",
    "cosh",
    "detach",
    "digamma",
    "dot",
    "elu",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "floor",
    "fsum",
    "gaussian",
    "gelu",
    "hypot",
    "leaky_relu",
    "lgamma",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_softmax",
    "logistic_pdf",
    "logsumexp",
    "maximum",
    "mean",
    "minimum",
    "norm",
    "normal_cdf",
    "normal_pdf",
    "pick",
    "polygamma",
    "prod",
    "relu",
    "sigmoid",
    "sign",
    "silu",
    "sin",
    "sinh",
    "softmax",
    "softplus",
    "sqrt",
    "square",
    "tan",
    "tanh",
    "where",
]


def dot(weights: Iterable[Any], inputs: Iterable[Any]) -> Any:
    """The sum of weights[i] * inputs[i], as one node, added up from left to right.

    >>> from autograd_scalar import Value
    >>> w = [Value(1.0), Value(2.0)]
    >>> y = dot(w, [10.0, 20.0])
    >>> y.backward()
    >>> y.data, w[0].grad, w[1].grad
    (50.0, 10.0, 20.0)

    Raises ValueError if the lengths differ or are 0, TypeError for what is not a number.
    """
    weights, inputs = _sequence(weights, "dot: weights"), _sequence(inputs, "dot: inputs")
    if len(weights) != len(inputs):
        raise ValueError(
            f"dot: weights and inputs must be of one length, not {len(weights)} and {len(inputs)}"
        )
    if not weights:
        raise ValueError("dot: weights and inputs must not be empty")
    return rules.dot(*weights, *inputs)


def fsum(values: Iterable[Any]) -> Any:
    """The sum of all, as one node, rounded once however many there are (Shewchuk 1997).

    >>> fsum([0.1] * 10), fsum([])
    (1.0, 0.0)
    """
    return rules.fsum(*_sequence(values, "fsum: values"))


def mean(values: Iterable[Any]) -> Any:
    """The arithmetic mean, as one node; ValueError if there are no values.

    >>> from autograd_scalar import Value
    >>> x = [Value(1.0), Value(3.0)]
    >>> mean(x)
    Value(data=2.0, grad=0.0)
    """
    return rules.mean(*_not_empty(values, "mean: values"))


def prod(values: Iterable[Any]) -> Any:
    """The product of all, as one node; 1 if there are none. Right where factors are 0.

    >>> from autograd_scalar import Value
    >>> x = [Value(0.0), Value(2.0), Value(3.0)]
    >>> prod(x).backward()
    >>> [v.grad for v in x]
    [6.0, 0.0, 0.0]
    """
    return rules.prod(*_sequence(values, "prod: values"))


def norm(values: Iterable[Any]) -> Any:
    """The Euclidean norm, the root of the sum of squares, as one node; 0 if there are no values.

    >>> norm([3, 4])
    5.0
    """
    return rules.norm(*_sequence(values, "norm: values"))


def logsumexp(values: Iterable[Any]) -> Any:
    """log(exp(x1) + exp(x2) + ...), as one node, without overflow; its gradient is the softmax.

    >>> logsumexp([1000, 1000])
    1000.6931471805599

    Raises ValueError if there are no values.
    """
    return rules.logsumexp(*_not_empty(values, "logsumexp: values"))


def pick(index: Any, values: Iterable[Any]) -> Any:
    """values[index], as one node; the gradient goes to the one that is picked.

    The index is a number, and a Value too may be one: on a tape it stays open which is picked. For
    an index that none of them has, a negative one or a fraction, the result is nan.

    >>> from autograd_scalar import Value
    >>> x = [Value(10.0), Value(20.0)]
    >>> y = pick(Value(1.0), x)
    >>> y.backward()
    >>> y.data, x[0].grad, x[1].grad
    (20.0, 0.0, 1.0)

    Raises ValueError if there are no values.
    """
    return rules.pick(index, *_not_empty(values, "pick: values"))


def softmax(values: Iterable[Any]) -> list[Any]:
    """The probabilities exp(x_i) / (exp(x_1) + exp(x_2) + ...), one per value.

    >>> softmax([1000, 1000])
    [0.5, 0.5]

    Raises ValueError if there are no values.
    """
    weights = [exp(shifted) for shifted in _below_largest(values, "softmax: values")]
    total = fsum(weights)
    return [weight / total for weight in weights]


def log_softmax(values: Iterable[Any]) -> list[Any]:
    """The logarithms of the softmax, x_i - logsumexp(x), without overflow.

    >>> log_softmax([1000, 0])
    [0.0, -1000.0]

    Raises ValueError if there are no values.
    """
    shifted = _below_largest(values, "log_softmax: values")
    total = logsumexp(shifted)
    return [x - total for x in shifted]


def square(x: Any) -> Any:
    """x * x.

    >>> square(-3)
    9.0
    """
    return rules.multiply(x, x)


def leaky_relu(x: Any, negative_slope: Any = 0.01) -> Any:
    """x if it is positive, else negative_slope * x (Maas, Hannun and Ng 2013).

    >>> leaky_relu(-2)
    -0.02
    """
    return rules.leaky_relu(x, negative_slope)


def elu(x: Any, alpha: Any = 1.0) -> Any:
    """x if it is positive, else alpha * (exp(x) - 1) (Clevert, Unterthiner and Hochreiter 2016).

    >>> elu(-1000)
    -1.0
    """
    return rules.elu(x, alpha)


def clamp(x: Any, low: Any = None, high: Any = None) -> Any:
    """minimum(maximum(x, low), high); on a bound x gets the whole gradient. None is no bound.

    >>> clamp(5, 0, 1), clamp(-5, high=1)
    (1.0, -5.0)
    """
    infinity = float("inf")
    return rules.clamp(x, -infinity if low is None else low, infinity if high is None else high)


def _below_largest(values: Iterable[Any], what: str) -> list[Any]:
    """All, less the largest as a constant: softmax does not change and exp can't overflow."""
    operands = _not_empty(values, what)
    largest = _largest(operands, what)
    return [rules.subtract(x, largest) for x in operands]


def _largest(operands: Sequence[Any], what: str) -> Any:
    """The largest, through which no gradient flows; on a tape it is found again in each replay."""
    if modes.recorder is not None:
        return reduce(maximum, map(detach, operands))
    return max(x.data if isinstance(x, Arithmetic) else as_float(x, what) for x in operands)


def _not_empty(values: Iterable[Any], what: str) -> tuple[Any, ...]:
    operands = _sequence(values, what)
    if not operands:
        raise ValueError(f"{what} must not be empty")
    return operands


def _sequence(values: Iterable[Any], what: str) -> tuple[Any, ...]:
    try:
        return tuple(values)
    except TypeError:
        raise TypeError(f"{what} must be a sequence, not {values!r}") from None
