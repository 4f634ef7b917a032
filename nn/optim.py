"""Optimizers: they move parameters against their gradients."""

import math
from collections.abc import Iterable
from numbers import Real

from autograd_scalar import Value
from autograd_scalar.primitives import detached


class SGD:
    """Gradient descent: each `step()` does p = p - lr * dloss/dp for every parameter p.

    params: the parameters, as `model.parameters()`. lr: the learning rate, above 0; it may be set
    anew at any time.

    Raises ValueError if there are no parameters, one comes twice, or lr is not positive and finite;
    TypeError for a parameter that is no `Value` or an lr that is no number.

    Source: H. Robbins, S. Monro, "A stochastic approximation method", Annals of Mathematical
    Statistics 22 (1951).

    >>> from autograd_scalar import Value
    >>> x = Value(4.0)
    >>> optimizer = SGD([x], lr=0.25)
    >>> for _ in range(3):
    ...     optimizer.zero_grad()
    ...     (x * x).backward()
    ...     optimizer.step()
    >>> x.data
    0.5
    """

    def __init__(self, params: Iterable[Value], lr: float) -> None:
        """See the class."""
        self.params = _parameters(params)
        self.lr = _rate("lr", lr)

    def step(self) -> None:
        """Move every parameter by -lr times its gradient."""
        lr = self.lr
        for parameter in self.params:
            parameter.data -= lr * detached(parameter.grad)

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0, for the next `backward()` to add to."""
        for parameter in self.params:
            parameter.grad = 0.0


def _parameters(params: Iterable[Value]) -> list[Value]:
    if not isinstance(params, Iterable):
        raise TypeError(f"params must be parameters to optimise, got {params!r}")
    parameters = list(params)
    if not parameters:
        raise ValueError("params must hold at least one parameter, got none")
    first: dict[int, int] = {}
    for place, parameter in enumerate(parameters):
        if not isinstance(parameter, Value):
            raise TypeError(f"params[{place}] must be a Value, got {parameter!r}")
        if first.setdefault(id(parameter), place) != place:
            raise ValueError(f"params[{place}] is params[{first[id(parameter)]}] once more")
    return parameters


def _rate(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r} ({type(value).__name__})")
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be positive and finite, got {value!r}")
    return float(value)
