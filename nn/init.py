"""Initialization: what the numbers in a weight are before training.

Each function fills a tensor of parameters in place and returns it. Fans are PyTorch's: a weight of
shape (out, in, *kernel) has fan_in = in * kernel and fan_out = out * kernel, kernel being the
product of its sizes.

>>> import nn
>>> layer = nn.Linear(3, 2)
>>> weight = nn.init.he_normal(layer.weight, rng=0)
>>> round(weight[0][0].data, 3)
0.769
"""

import math
import operator
import random
from collections.abc import Callable
from typing import Literal

from autograd_scalar import Value
from nn.arguments import generator, known
from nn.tensors import Tensor, numbers, shape

Rng = random.Random | int | None

GAINS = {
    "elu": 1.0,
    "leaky_relu": math.sqrt(2 / (1 + 0.01**2)),
    "linear": 1.0,
    "relu": math.sqrt(2),
    "selu": 0.75,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return by how much a weight must be larger to make up for what the activation shrinks.

    nonlinearity: its name. param: of leaky_relu, the slope for negative numbers, 0.01 if None.

    >>> calculate_gain("relu") ** 2  # doctest: +ELLIPSIS
    2.000000000000000...
    """
    gain = GAINS[known("nonlinearity", nonlinearity, GAINS)]
    if nonlinearity == "leaky_relu" and param is not None:
        return math.sqrt(2 / (1 + param**2))
    return gain


def fans(weight: Tensor) -> tuple[int, int]:
    """Return fan_in and fan_out: from how many numbers each output comes, and the reverse.

    Raises ValueError for a tensor of fewer than two dimensions, which has no fans.

    >>> from nn.tensors import parameters
    >>> fans(parameters(8, 4, 3, 3))
    (36, 72)
    """
    sizes = shape(weight, "weight")
    if len(sizes) < 2:
        raise ValueError(
            f"a weight of at least 2 dimensions has fans, got one of {len(sizes)}; "
            "for a bias use uniform or zeros"
        )
    kernel = math.prod(sizes[2:])
    return sizes[1] * kernel, sizes[0] * kernel


def zeros(tensor: Tensor) -> Tensor:
    """Set every number to 0."""
    return constant(tensor, 0.0)


def ones(tensor: Tensor) -> Tensor:
    """Set every number to 1."""
    return constant(tensor, 1.0)


def constant(tensor: Tensor, value: float) -> Tensor:
    """Set every number to `value`."""
    return _fill(tensor, lambda: value)


def uniform(tensor: Tensor, low: float = 0.0, high: float = 1.0, *, rng: Rng = None) -> Tensor:
    """Draw every number uniformly from low to high."""
    source = generator(rng) or random
    return _fill(tensor, lambda: source.uniform(low, high))


def normal(tensor: Tensor, mean: float = 0.0, std: float = 1.0, *, rng: Rng = None) -> Tensor:
    """Draw every number from the normal distribution of that mean and standard deviation."""
    source = generator(rng) or random
    return _fill(tensor, lambda: source.gauss(mean, std))


def xavier_uniform(weight: Tensor, gain: float = 1.0, *, rng: Rng = None) -> Tensor:
    """Draw from U(-a, a), a = gain * sqrt(6 / (fan_in + fan_out)).

    The variance of activations and of gradients then stays about the same from layer to layer, if
    the activation is nearly linear around 0, as tanh is.

    Source: X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS (2010), equation 16.
    """
    bound = gain * math.sqrt(6 / sum(fans(weight)))
    return uniform(weight, -bound, bound, rng=rng)


def xavier_normal(weight: Tensor, gain: float = 1.0, *, rng: Rng = None) -> Tensor:
    """Draw from N(0, s**2), s = gain * sqrt(2 / (fan_in + fan_out)); source as `xavier_uniform`."""
    return normal(weight, 0.0, gain * math.sqrt(2 / sum(fans(weight))), rng=rng)


def he_uniform(
    weight: Tensor,
    a: float = 0.0,
    mode: Literal["fan_in", "fan_out"] = "fan_in",
    nonlinearity: str = "leaky_relu",
    *,
    rng: Rng = None,
) -> Tensor:
    """Draw from U(-b, b), b = gain * sqrt(3 / fan), for layers with ReLU; Kaiming's in PyTorch.

    a: the slope of the leaky ReLU for negative numbers; 0 for ReLU.
    mode: fan_in keeps the variance of activations, fan_out that of gradients.

    Source: K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", ICCV (2015), section
    2.2.
    """
    bound = math.sqrt(3) * _he_std(weight, a, mode, nonlinearity)
    return uniform(weight, -bound, bound, rng=rng)


def he_normal(
    weight: Tensor,
    a: float = 0.0,
    mode: Literal["fan_in", "fan_out"] = "fan_in",
    nonlinearity: str = "leaky_relu",
    *,
    rng: Rng = None,
) -> Tensor:
    """Draw from N(0, s**2), s = gain / sqrt(fan); arguments and source as of `he_uniform`."""
    return normal(weight, 0.0, _he_std(weight, a, mode, nonlinearity), rng=rng)


def orthogonal(weight: Tensor, gain: float = 1.0, *, rng: Rng = None) -> Tensor:
    """Draw a weight whose rows are at right angles to each other and of length `gain`.

    If it has more rows than columns, its columns are. Dimensions after the first count as one. Such
    a weight neither stretches nor shrinks what it is applied to again and again, as in a recurrent
    network.

    Raises ValueError for a tensor of fewer than two dimensions.

    Source: A. Saxe, J. McClelland, S. Ganguli, "Exact solutions to the nonlinear dynamics of
    learning in deep linear neural networks", ICLR (2014).

    >>> from nn.tensors import map_numbers, parameters
    >>> a, b = map_numbers(lambda p: p.data, orthogonal(parameters(2, 3), rng=0))
    >>> abs(sum(x * y for x, y in zip(a, b))) < 1e-15, round(sum(x * x for x in a), 12)
    (True, 1.0)
    """
    fans(weight)
    rows, *others = shape(weight)
    columns = math.prod(others)
    source = generator(rng) or random
    found: list[list[float]] = []
    while len(found) < min(rows, columns):
        vector = [source.gauss() for _ in range(max(rows, columns))]
        for _ in range(2):  # what rounding leaves of the others the first time, the second removes
            for other in found:
                along = math.fsum(map(operator.mul, other, vector))
                vector = [x - along * y for x, y in zip(vector, other, strict=True)]
        length = math.hypot(*vector)
        found.append([x / length for x in vector])
    if rows > columns:
        found = [list(row) for row in zip(*found, strict=True)]
    ready = iter([gain * x for row in found for x in row])
    return _fill(weight, ready.__next__)


def _he_std(weight: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fan_in, fan_out = fans(weight)
    known("mode", mode, ("fan_in", "fan_out"))
    return calculate_gain(nonlinearity, a) / math.sqrt(fan_in if mode == "fan_in" else fan_out)


def _fill(tensor: Tensor, draw: Callable[[], float]) -> Tensor:
    parameters = list(numbers(tensor))
    for parameter in parameters:
        if not isinstance(parameter, Value):
            raise TypeError(f"a tensor of parameters is filled, not of {parameter!r}")
    for parameter in parameters:
        parameter.data = float(draw())
    return tensor
