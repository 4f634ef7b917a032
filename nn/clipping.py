"""Clipping: smaller gradients, where one bad batch would throw a model far off."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from autograd_scalar import Value
from nn.array_parameters import is_array, require_movable
from nn.hyperparameters import not_negative, plain

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Array = NDArray[numpy.float64]

Gradients: TypeAlias = "Iterable[Value] | Value | Iterable[Array] | Array"


def clip_grad_norm(
    parameters: Gradients,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> float:
    """Scale the gradients so that their norm is at most max_norm; return what it was.

    All are multiplied by max_norm / (norm + 1e-6) if that is below 1: the direction stays.

    parameters: as `model.parameters()`; or the gradients themselves, as NumPy arrays of float64,
    which are changed in place. max_norm: at least 0.
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
    norm = _norm([number for part in parameters for number in _numbers(part)], norm_type)
    if error_if_nonfinite and not math.isfinite(norm):
        raise ValueError(f"the norm of the gradients is {norm}, so they can't be clipped to one")
    scale = max_norm / (norm + 1e-6)
    if not scale >= 1:  # nan, too, is passed on
        for part in parameters:
            if isinstance(part, Value):
                part.grad = plain(part.grad) * scale
            else:
                _scale(part, scale)
    return norm


def clip_grad_value(parameters: Gradients, clip_value: float) -> None:
    """Set each gradient beyond -clip_value or clip_value to that bound.

    parameters: as of `clip_grad_norm`. clip_value: at least 0.

    >>> from autograd_scalar import Value
    >>> x, y = Value(1.0), Value(1.0)
    >>> (30 * x - y).backward()
    >>> clip_grad_value([x, y], 5.0)
    >>> x.grad, y.grad
    (5.0, -1.0)
    """
    parameters = _listed(parameters)
    clip_value = not_negative("clip_value", clip_value)
    for part in parameters:
        if not isinstance(part, Value):
            _clip(part, clip_value)
        elif abs(grad := plain(part.grad)) > clip_value:
            part.grad = math.copysign(clip_value, grad)


def _scale(array: "Array", scale: float) -> None:
    import numpy

    with numpy.errstate(all="ignore"):
        array *= scale


def _clip(array: "Array", bound: float) -> None:
    import numpy

    beyond = numpy.abs(array) > bound
    array[beyond] = numpy.copysign(bound, array[beyond])


def _numbers(part: Any) -> list[float]:
    if isinstance(part, Value):
        return [plain(part.grad)]
    numbers: list[float] = part.ravel().tolist()
    return numbers


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


def _listed(parameters: Any) -> list[Any]:
    one = isinstance(parameters, Value) or is_array(parameters)
    parts = [parameters] if one else list(parameters)
    for place, part in enumerate(parts):
        if is_array(part):
            require_movable(f"parameters[{place}]", part)
        elif not isinstance(part, Value):
            raise TypeError(f"parameters[{place}] must be a Value or an array, got {part!r}")
    return parts
