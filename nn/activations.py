"""Activations: functions of a number, applied to every number of a tensor.

As functions by name in `ACTIVATIONS` and as modules under PyTorch's names.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import autograd_scalar as engine
from autograd_scalar import Value
from nn.arguments import known
from nn.module import Module
from nn.tensors import Tensor, map_numbers, map_vectors, on_lists

Activation = Callable[[Any], Any]


def linear(x: Any) -> Any:
    """Return x as it is: the activation of a layer that has none."""
    return x


# Methods of `Value` where there are any: `Value.relu` takes a tenth of the time of the function
# `relu`, which has to look at what it is called on.
ACTIVATIONS: dict[str, Activation] = {
    "elu": engine.elu,
    "gelu": Value.gelu,
    "leaky_relu": engine.leaky_relu,
    "linear": linear,
    "relu": Value.relu,
    "sigmoid": Value.sigmoid,
    "silu": Value.silu,
    "softplus": Value.softplus,
    "tanh": Value.tanh,
}
"""The activations that can be asked for by name."""


def activation_named(activation: str | Activation) -> Activation:
    """Return the function of that name, or the function itself.

    >>> activation_named("linear")(2.0)
    2.0
    >>> activation_named("rulu")
    Traceback (most recent call last):
    ...
    ValueError: unknown activation 'rulu', did you mean 'relu'? Known: 'elu', 'gelu', 'leaky_relu', \
'linear', 'relu', 'sigmoid', 'silu', 'softplus', 'tanh'
    """
    if isinstance(activation, str):
        return ACTIVATIONS[known("activation", activation, ACTIVATIONS)]
    if not callable(activation):
        raise TypeError(f"activation must be a name or a function, got {activation!r}")
    return activation


def of_any_number(function: Activation) -> Activation:
    """Return the function with the fast method of `Value` in its place where it is called on one.

    >>> import autograd_scalar
    >>> of_any_number(autograd_scalar.relu)(Value(2.0)), of_any_number(autograd_scalar.relu)(-2.0)
    (Value(data=2.0, grad=0.0), 0.0)
    """
    method = getattr(Value, function.__name__)

    def activation(x: Any) -> Any:
        return method(x) if x.__class__ is Value else function(x)

    return activation


class Elementwise(Module):
    """Base of modules that apply `function` to every number of a tensor of any shape."""

    function: ClassVar[Activation]

    @on_lists
    def forward(self, x: Tensor) -> Tensor:
        """Return the function of every number."""
        return map_numbers(type(self).function, x)


class Identity(Elementwise):
    """x as it is."""

    function = staticmethod(linear)


class ReLU(Elementwise):
    """max(x, 0), with the derivative 0 at 0.

    >>> ReLU()([-1.0, 2.0])
    [0.0, 2.0]
    """

    function = staticmethod(of_any_number(engine.relu))


class GELU(Elementwise):
    """x times the probability that a standard normal number is below x.

    Source: D. Hendrycks, K. Gimpel, "Gaussian error linear units", arXiv:1606.08415 (2016).

    >>> GELU()([0.0])
    [0.0]
    """

    function = staticmethod(of_any_number(engine.gelu))


class SiLU(Elementwise):
    """x * sigmoid(x), also called swish.

    >>> SiLU()([0.0])
    [0.0]
    """

    function = staticmethod(of_any_number(engine.silu))


class Sigmoid(Elementwise):
    """1 / (1 + exp(-x)).

    >>> Sigmoid()([0.0])
    [0.5]
    """

    function = staticmethod(of_any_number(engine.sigmoid))


class Softplus(Elementwise):
    """log(1 + exp(x)).

    >>> Softplus()([100.0])
    [100.0]
    """

    function = staticmethod(of_any_number(engine.softplus))


class Tanh(Elementwise):
    """The hyperbolic tangent.

    >>> Tanh()([0.0])
    [0.0]
    """

    function = staticmethod(of_any_number(engine.tanh))


class LeakyReLU(Module):
    """x for x >= 0, else negative_slope * x: a neuron that never dies altogether.

    Source: A. Maas, A. Hannun, A. Ng, "Rectifier nonlinearities improve neural network acoustic
    models", ICML (2013).

    >>> LeakyReLU(0.1)([-1.0, 2.0])
    [-0.1, 2.0]
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        """See the class."""
        self.negative_slope = negative_slope

    @on_lists
    def forward(self, x: Tensor) -> Tensor:
        """Return the function of every number."""
        return map_numbers(lambda item: engine.leaky_relu(item, self.negative_slope), x)

    def extra_repr(self) -> str:
        """Return the slope."""
        return repr(self.negative_slope)


class ELU(Module):
    """x for x > 0, else alpha * (exp(x) - 1).

    Source: D. Clevert, T. Unterthiner, S. Hochreiter, "Fast and accurate deep network learning by
    exponential linear units", ICLR (2016).

    >>> ELU()([2.0, -1e300])
    [2.0, -1.0]
    """

    def __init__(self, alpha: float = 1.0) -> None:
        """See the class."""
        self.alpha = alpha

    @on_lists
    def forward(self, x: Tensor) -> Tensor:
        """Return the function of every number."""
        return map_numbers(lambda item: engine.elu(item, self.alpha), x)

    def extra_repr(self) -> str:
        """Return alpha."""
        return repr(self.alpha)


class Softmax(Module):
    """exp(x[i]) / sum(exp(x[j])) over the innermost lists.

    >>> Softmax()([[0.0, 0.0], [1000.0, 0.0]])
    [[0.5, 0.5], [1.0, 0.0]]
    """

    @on_lists
    def forward(self, x: Tensor) -> Tensor:
        """Return the probabilities, as a tensor of the same shape."""
        return map_vectors(engine.softmax, x, None, self)


class LogSoftmax(Module):
    """x[i] - log(sum(exp(x[j]))) over the innermost lists.

    >>> LogSoftmax()([0.0, 1000.0])
    [-1000.0, 0.0]
    """

    @on_lists
    def forward(self, x: Tensor) -> Tensor:
        """Return the logarithms of the probabilities, as a tensor of the same shape."""
        return map_vectors(engine.log_softmax, x, None, self)
