"""Clipping: smaller gradients, where one bad batch would throw a model far off."""

import math
from collections.abc import Iterable

from autograd_scalar import Value
from nn.hyperparameters import not_negative, plain


def clip_grad_norm(
    parameters: Iterable[Value] | Value,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> float:
    """Scale the gradients so that their norm is at most max_norm; return what it was.

    All are multiplied by max_norm / (norm + 1e-6) if that is below 1: the direction stays.

    parameters: as `model.parameters()`. max_norm: at least 0.
    norm_type: p of the norm (sum of |grad|**p)**(1/p), above 0; infinity for the largest |grad|.
    error_if_nonfinite: raise ValueError for a norm of inf or nan, before any gradient is changed.

    Source: R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural
    networks", ICML (2013).

    >>> from autograd_scalar import Value
    >>> x, y = Value(1.0), Value(1.0)
    >>> (30 * x + 40 * y).backward()
    >>> clip_grad_norm([x, y], 5.0)
    50.0
    >>> round(x.grad, 6), round(y.grad, 6)
    (3.0, 4.0)
    """
    parameters = _listed(parameters)
    max_norm = not_negative("max_norm", max_norm)
    norm = _norm([plain(parameter.grad) for parameter in parameters], norm_type)
    if error_if_nonfinite and not math.isfinite(norm):
        raise ValueError(f"the norm of the gradients is {norm}, so they can't be clipped to one")
    scale = max_norm / (norm + 1e-6)
    if not scale >= 1:  # nan, too, is passed on
        for parameter in parameters:
            parameter.grad = plain(parameter.grad) * scale
    return norm


def clip_grad_value(parameters: Iterable[Value] | Value, clip_value: float) -> None:
    """Set each gradient beyond -clip_value or clip_value to that bound.

    parameters: as `model.parameters()`. clip_value: at least 0.

    >>> from autograd_scalar import Value
    >>> x, y = Value(1.0), Value(1.0)
    >>> (30 * x - y).backward()
    >>> clip_grad_value([x, y], 5.0)
    >>> x.grad, y.grad
    (5.0, -1.0)
    """
    parameters = _listed(parameters)
    clip_value = not_negative("clip_value", clip_value)
    for parameter in parameters:
        grad = plain(parameter.grad)
        if abs(grad) > clip_value:
            parameter.grad = math.copysign(clip_value, grad)


def _norm(numbers: list[float], p: float) -> float:
    if isinstance(p, bool) or not isinstance(p, (int, float)):
        raise TypeError(f"norm_type must be a number, got {p!r}")
    if not p > 0:
        raise ValueError(f"norm_type must be above 0, got {p!r}")
    sizes = [abs(number) for number in numbers]
    if any(map(math.isnan, sizes)):
        return math.nan
    largest = max(sizes, default=0.0)
    if p == math.inf or largest in (0.0, math.inf):
        return largest
    if p == 2:
        return math.hypot(*sizes)
    # In units of the largest, so that no power overflows.
    total = math.fsum((size / largest) ** p for size in sizes)
    root: float = total ** (1 / p)
    return largest * root


def _listed(parameters: Iterable[Value] | Value) -> list[Value]:
    if isinstance(parameters, Value):
        return [parameters]
    parameters = list(parameters)
    for place, parameter in enumerate(parameters):
        if not isinstance(parameter, Value):
            raise TypeError(f"parameters[{place}] must be a Value, got {parameter!r}")
    return parameters
