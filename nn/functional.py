"""Activations and losses as functions of tensors, under the names of PyTorch's `functional`.

Tensors are nested lists or arrays. What has a choice to make is here a function of its arguments;
as modules, to build models of, see `activations` and `losses`.

>>> relu([[-1.0, 2.0], [3.0, -4.0]])
[[0.0, 2.0], [3.0, 0.0]]
"""

import math
import random
from collections.abc import Callable
from typing import Any

from autograd_scalar.rules import choose
from nn import activations, layers
from nn.arguments import generator, is_place, place_among, whole_number
from nn.discrete import straight_through
from nn.effects import random_numbers
from nn.hyperparameters import positive
from nn.losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge_loss,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    multi_margin_loss,
    nll_loss,
    smooth_l1_loss,
)
from nn.tensors import (
    Tensor,
    as_array,
    as_lists,
    by,
    map_numbers,
    nested,
    numbers,
    shape,
)

__all__ = [
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "dropout",
    "elu",
    "gelu",
    "gumbel_softmax",
    "hinge_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "leaky_relu",
    "log_softmax",
    "mse_loss",
    "multi_margin_loss",
    "nll_loss",
    "one_hot",
    "relu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softplus",
    "straight_through",
    "tanh",
]


def relu(input: Tensor) -> Tensor:
    """Return max(x, 0) of every number x."""
    return activations.ReLU()(input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """Return x where x >= 0, else negative_slope * x, of every number x."""
    return activations.LeakyReLU(negative_slope)(input)


def elu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """Return x where x > 0, else alpha * (exp(x) - 1), of every number x."""
    return activations.ELU(alpha)(input)


def gelu(input: Tensor) -> Tensor:
    """Return x times the probability that a standard normal number is below x, of every number."""
    return activations.GELU()(input)


def silu(input: Tensor) -> Tensor:
    """Return x * sigmoid(x) of every number x."""
    return activations.SiLU()(input)


def sigmoid(input: Tensor) -> Tensor:
    """Return 1 / (1 + exp(-x)) of every number x."""
    return activations.Sigmoid()(input)


def softplus(input: Tensor) -> Tensor:
    """Return log(1 + exp(x)) of every number x."""
    return activations.Softplus()(input)


def tanh(input: Tensor) -> Tensor:
    """Return the hyperbolic tangent of every number."""
    return activations.Tanh()(input)


def softmax(input: Tensor, dim: int = -1) -> Tensor:
    """Return exp(x[i]) / sum(exp(x[j])), i and j along the dimension dim.

    Raises ValueError for a dimension that the input does not have.

    >>> softmax([[0.0, 1000.0], [0.0, 1000.0]], dim=0)
    [[0.5, 0.5], [0.5, 0.5]]
    """
    return _along(activations.Softmax(), input, dim)


def log_softmax(input: Tensor, dim: int = -1) -> Tensor:
    """Return x[i] - log(sum(exp(x[j]))), i and j along the dimension dim; errors as of `softmax`.

    >>> log_softmax([0.0, 1000.0])
    [-1000.0, 0.0]
    """
    return _along(activations.LogSoftmax(), input, dim)


def dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    *,
    rng: random.Random | int | None = None,
) -> Tensor:
    """Return each number times 1 / (1 - p), or 0 with probability p; see the layer `Dropout`.

    training: with False the input is returned as it is.

    >>> dropout([1.0, 1.0, 1.0, 1.0], rng=1)
    [0.0, 2.0, 2.0, 0.0]
    """
    return layers.Dropout(p, rng=rng).train(training)(input)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Return for each class a list of num_classes numbers, 1 at its place and 0 elsewhere.

    tensor: classes, ints of at least 0, of shape (*). num_classes: -1 for the largest and one more.

    Shapes: (*) to (*, num_classes).

    Raises ValueError for a class out of range or no classes to count, TypeError for what is no int.

    >>> one_hot([0, 2])
    [[1, 0, 0], [0, 0, 1]]
    """
    classes = as_lists(tensor)
    count = whole_number("num_classes", num_classes)
    if count == -1:
        if not any(True for _ in numbers(classes)):
            raise ValueError("one_hot needs num_classes, there are no classes to count")
        count = max(whole_number("a class", item) for item in numbers(classes)) + 1
    elif count < 1:
        raise ValueError(f"num_classes must be at least 1, or -1, got {count}")

    def one(item: Any) -> list[Any]:
        at = place_among("a class", item, count)
        return [choose(is_place(at, place), 1, 0) for place in range(count)]

    return map_numbers(one, classes)


def gumbel_softmax(
    logits: Tensor,
    tau: float = 1.0,
    hard: bool = False,
    dim: int = -1,
    *,
    rng: random.Random | int | None = None,
) -> Tensor:
    """Return softmax((logits + noise) / tau): a sample of the classes through which gradients flow.

    The largest is where the classes with these logits would have been drawn; the smaller tau, the
    nearer are the others to 0.

    tau: the temperature, above 0.
    hard: return exactly 1 for the largest and 0 for the others, with the gradient of the above.
    dim: the dimension of the classes.
    rng: a `random.Random`, a seed for one, or None for Python's shared generator.

    Raises ValueError for a temperature that is not positive, or a dimension that is not there.

    Source: E. Jang, S. Gu, B. Poole, "Categorical reparameterization with Gumbel-softmax"; C.
    Maddison, A. Mnih, Y. W. Teh, "The concrete distribution: a continuous relaxation of discrete
    random variables"; both ICLR (2017).

    >>> from autograd_scalar import Value
    >>> pick = gumbel_softmax([Value(0.0), Value(0.0), Value(5.0)], hard=True, rng=0)
    >>> [p.data for p in pick]
    [0.0, 0.0, 1.0]
    """
    tau = positive("tau", tau)
    uniform = (generator(rng) or random).random

    def gumbel() -> float:
        number = 0.0
        while not number:
            number = uniform()
        # Of an exponential number the minus logarithm is Gumbel's.
        return math.log(-math.log1p(-number))

    draw = random_numbers(lambda: gumbel)

    def noisy(logit: Any) -> Any:
        return (logit - draw()) / tau

    def picked(soft: list[Any]) -> list[Any]:
        largest = max(range(len(soft)), key=soft.__getitem__)
        return [straight_through(float(i == largest), p) for i, p in enumerate(soft)]

    soft = softmax(map_numbers(noisy, as_lists(logits)), dim)
    result = _along(picked, soft, dim) if hard else soft
    return _as_it_came(logits, result)


def _along(function: Callable[[Any], Any], x: Tensor, dim: int) -> Tensor:
    """Apply a function of vectors, which returns one of the same size, along a dimension."""
    lists = as_lists(x)
    sizes = shape(lists, "input")
    place = whole_number("dim", dim)
    place += len(sizes) if place < 0 else 0
    if not 0 <= place < len(sizes):
        raise ValueError(f"dim must be a dimension of the input, which is {by(sizes)}, got {dim}")
    result = _at_depth(function, lists, place)
    return _as_it_came(x, result)


def _as_it_came(input: Tensor, result: Tensor) -> Tensor:
    return as_array(result) if getattr(input, "ndim", 0) > 0 else result


def _at_depth(function: Callable[[Any], Any], x: Tensor, depth: int) -> Tensor:
    if depth:
        return [_at_depth(function, item, depth - 1) for item in x]
    if not nested(x[0]):
        return function(x)
    slices = [[item[place] for item in x] for place in range(len(x[0]))]
    return [list(item) for item in zip(*(_at_depth(function, s, 0) for s in slices), strict=True)]
