"""Activations: functions of a number, applied to every number of a tensor.

As functions by name in `ACTIVATIONS` and as modules under PyTorch's names.
"""

import math
from collections.abc import Callable
from typing import Any

import autograd_scalar as engine
from autograd_scalar import Value
from autograd_scalar.primitives import as_float
from nn.arguments import known, whole_number
from nn.module import Module
from nn.tensors import Tensor, map_numbers, nested, on_lists, shape

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
    >>> activation_named("rulu")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: unknown activation 'rulu', did you mean 'relu'? Known: 'elu', 'gelu', ...
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

    @staticmethod
    def function(x: Any, /) -> Any:
        """Compute the output for one number; each subclass has its own."""
        raise NotImplementedError

    @on_lists
    def forward(self, x: Tensor) -> Tensor:
        """Return the function of every number."""
        return map_numbers(self.function, x)


class Identity(Elementwise):
    """x as it is."""

    function = staticmethod(linear)


class ReLU(Elementwise):
    """max(x, 0), with the derivative 0 at 0.

    >>> ReLU()([-1.0, 2.0])
    [0.0, 2.0]
    """

    function = staticmethod(of_any_number(engine.relu))


class GELU(Module):
    """x times the probability that a standard normal number is below x.

    approximate: "tanh" for x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))), which some
    published networks were trained with; it is off by up to 5e-4.

    Raises ValueError for another approximation than that and "none".

    Source: D. Hendrycks, K. Gimpel, "Gaussian error linear units", arXiv:1606.08415 (2016).

    >>> [round(y, 6) for y in GELU()([0.0, 1.0])]
    [0.0, 0.841345]
    >>> [round(y, 6) for y in GELU("tanh")([0.0, 1.0])]
    [0.0, 0.841192]
    """

    def __init__(self, approximate: str = "none") -> None:
        """See the class."""
        self.approximate = known("approximate", approximate, ("none", "tanh"))

    @on_lists
    def forward(self, x: Tensor) -> Tensor:
        """Return the function of every number."""
        return map_numbers(_gelu if self.approximate == "none" else _gelu_by_tanh, x)

    def extra_repr(self) -> str:
        """Return the approximation, if there is one."""
        return "" if self.approximate == "none" else f"approximate={self.approximate!r}"


_gelu = of_any_number(engine.gelu)


def _gelu_by_tanh(x: Any) -> Any:
    # (1 + tanh(u)) / 2 is sigmoid(2 * u), which keeps its digits where the tanh is nearly -1.
    return x * engine.sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))


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


class Softplus(Module):
    """log(1 + exp(beta * x)) / beta, a ReLU without the kink: the larger beta, the less round.

    Unlike PyTorch's it has no threshold: it is accurate for numbers of any size.

    Raises ValueError for a beta that is not above 0.

    >>> Softplus()([100.0])
    [100.0]
    """

    def __init__(self, beta: float = 1.0) -> None:
        """See the class."""
        self.beta = as_float(beta, "beta")
        if not self.beta > 0:
            raise ValueError(f"beta must be above 0, got {beta!r}")

    @on_lists
    def forward(self, x: Tensor) -> Tensor:
        """Return the function of every number."""
        beta = self.beta
        if beta == 1:
            return map_numbers(_softplus, x)
        return map_numbers(lambda item: _softplus(beta * item) / beta, x)

    def extra_repr(self) -> str:
        """Return beta, if it is not 1."""
        return "" if self.beta == 1 else f"beta={self.beta}"


_softplus = of_any_number(engine.softplus)


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
        self.negative_slope = as_float(negative_slope, "negative_slope")

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
        self.alpha = as_float(alpha, "alpha")

    @on_lists
    def forward(self, x: Tensor) -> Tensor:
        """Return the function of every number."""
        return map_numbers(lambda item: engine.elu(item, self.alpha), x)

    def extra_repr(self) -> str:
        """Return alpha."""
        return repr(self.alpha)


class Softmax(Module):
    """exp(x[i]) / sum(exp(x[j])) along one dimension, without overflow.

    dim: the dimension; negative ones count from the end.

    Shapes: any but that of a number, and the same out.

    Raises ValueError for an input that has no such dimension.

    >>> Softmax()([[0.0, 0.0], [1000.0, 0.0]])
    [[0.5, 0.5], [1.0, 0.0]]
    >>> Softmax(0)([[0.0, 0.0], [0.0, 1000.0]])
    [[0.5, 0.0], [0.5, 1.0]]
    """

    def __init__(self, dim: int = -1) -> None:
        """See the class."""
        self.dim = whole_number("dim", dim)

    @on_lists
    def forward(self, x: Tensor) -> Tensor:
        """Return the probabilities, as a tensor of the same shape."""
        return _along(engine.softmax, x, self.dim, self)

    def extra_repr(self) -> str:
        """Return the dimension."""
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """x[i] - log(sum(exp(x[j]))) along one dimension, without overflow.

    Dimension, shapes and errors as of `Softmax`.

    >>> LogSoftmax()([0.0, 1000.0])
    [-1000.0, 0.0]
    """

    def __init__(self, dim: int = -1) -> None:
        """See the class."""
        self.dim = whole_number("dim", dim)

    @on_lists
    def forward(self, x: Tensor) -> Tensor:
        """Return the logarithms of the probabilities, as a tensor of the same shape."""
        return _along(engine.log_softmax, x, self.dim, self)

    def extra_repr(self) -> str:
        """Return the dimension."""
        return f"dim={self.dim}"


def _along(function: Callable[[Any], list[Any]], x: Tensor, dim: int, layer: Module) -> Tensor:
    """The tensor of `function` of each vector along one dimension of x."""
    count = len(shape(x, f"the input of {layer.summary()}"))
    place = dim + count if dim < 0 else dim
    if not 0 <= place < count:
        raise ValueError(
            f"{layer.summary()} takes an input that has this dimension, got one of "
            f"{count} dimension{'' if count == 1 else 's'}"
        )

    def along_first(x: Tensor) -> Tensor:
        if not (x and nested(x[0])):
            return function(x)
        columns = [along_first(column) for column in zip(*x, strict=True)]
        return [list(row) for row in zip(*columns, strict=True)]

    def inwards(x: Tensor, place: int) -> Tensor:
        return [inwards(item, place - 1) for item in x] if place else along_first(x)

    return inwards(x, place)
