"""`Neuron`, `Layer` and `MLP`: the fully connected network, under micrograd's names."""

import random
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from autograd_scalar import Value, dot
from nn.activations import Activation, activation_named, linear
from nn.arguments import generator, size
from nn.module import Module, label_by_path
from nn.tensors import nested


class Neuron(Module):
    """A neuron: activation(w[0]*x[0] + ... + w[nin-1]*x[nin-1] + b).

    It is three nodes of the graph: one `dot`, the addition of b, the activation. With `fused=False`
    every product and every sum is a node of its own, to teach and to draw; the numbers are equal to
    the last bit.

    nin: how many inputs it takes.
    nonlin: False leaves the activation out.
    activation: a name in `ACTIVATIONS` or a function from `Value` to `Value`.
    rng: a `random.Random`, a seed for one, or None for Python's shared generator.

    The weights `w` are drawn uniformly from (-1, 1), the bias `b` is 0.

    Raises ValueError if nin is below 1 or the activation's name is unknown, TypeError if nin is no
    int; when called, ValueError if the number of inputs is not nin.

    >>> neuron = Neuron(2, activation="tanh", rng=0)
    >>> [round(w.data, 3) for w in neuron.w]
    [0.689, 0.516]
    >>> round(neuron([1.0, -1.0]).data, 3)
    0.171
    """

    def __init__(
        self,
        nin: int,
        nonlin: bool = True,
        *,
        activation: str | Activation = "relu",
        fused: bool = True,
        rng: random.Random | int | None = None,
    ) -> None:
        """See the class."""
        nin = size("nin", nin)
        self.activation = activation_named(activation)
        rng = generator(rng)
        uniform = random.uniform if rng is None else rng.uniform
        self.w = [Value(uniform(-1, 1)) for _ in range(nin)]
        self.b = Value(0.0)
        self.nonlin = nonlin
        self.fused = fused

    def forward(self, x: Sequence[Value | float]) -> Value:
        """Return the neuron's output for the nin inputs x."""
        w = self.w
        try:
            fits = len(x) == len(w)
        except TypeError:
            raise TypeError(
                f"inputs must be a sequence of {_numbers(len(w))}, got {type(x).__name__}"
            ) from None
        if not fits:
            raise ValueError(f"inputs must be {_numbers(len(w))}, got {len(x)}")
        if self.fused:
            total = dot(w, x)
        else:
            total = w[0] * x[0]
            for wi, xi in zip(w[1:], x[1:], strict=True):
                total = total + wi * xi
        total = total + self.b
        out: Value = self.activation(total) if self.nonlin else total
        return out

    __call__ = forward  # without hooks, which are for layers: it is called for every number

    def extra_repr(self) -> str:
        """Return the number of inputs and the activation's name."""
        return f"{len(self.w)}, {_activation_name(self)}"


class Layer(Module):
    """A layer: `nout` neurons that take the same `nin` inputs, all arguments as of `Neuron`.

    Called with nin inputs it returns the list of its outputs, or the one output if nout is 1.
    Called with a list of examples it returns a list of what it returns for each.

    Raises what `Neuron` raises, and ValueError or TypeError for an nout that is no size.

    >>> layer = Layer(2, 3, nonlin=False, rng=0)
    >>> [round(out.data, 3) for out in layer([1.0, -1.0])]
    [0.173, 0.323, 0.213]
    """

    def __init__(
        self,
        nin: int,
        nout: int,
        nonlin: bool = True,
        *,
        activation: str | Activation = "relu",
        fused: bool = True,
        rng: random.Random | int | None = None,
    ) -> None:
        """See the class."""
        nin, nout, rng = size("nin", nin), size("nout", nout), generator(rng)
        self.neurons = [
            Neuron(nin, nonlin, activation=activation, fused=fused, rng=rng) for _ in range(nout)
        ]

    # Any: with a union every caller would have to tell mypy which of the two it is.
    def forward(self, x: Sequence[Any]) -> Any:
        """Return the outputs for the nin inputs x, or a list of those of each example."""
        if _is_batch(x):
            return [self.forward(example) for example in x]
        out = [neuron(x) for neuron in self.neurons]
        return out[0] if len(out) == 1 else out

    def extra_repr(self) -> str:
        """Return the numbers of inputs and outputs and the activation's name."""
        first = self.neurons[0]
        return f"{len(first.w)} -> {len(self.neurons)}, {_activation_name(first)}"


class MLP(Module):
    """A multilayer perceptron: layers of `nouts` neurons, the first of which takes `nin` inputs.

    The activation stands on every layer but the last, which is linear. `activation`, `fused` and
    `rng` are those of `Neuron`. Every parameter is labelled with its path.

    Called with nin inputs it returns the list of outputs, or the one output if there is one. Called
    with a list of examples it returns a list of what it returns for each.

    Raises ValueError for an empty nouts, a size below 1 or an unknown activation, TypeError for a
    size that is no int; when called, ValueError if the number of inputs is not nin.

    >>> model = MLP(2, [16, 16, 1], rng=0)
    >>> len(model.parameters())
    337
    >>> round(model([1.0, -2.0]).data, 3)
    0.664
    >>> model.layers[0].neurons[1].w[0].label
    'layers.0.neurons.1.w.0'
    """

    def __init__(
        self,
        nin: int,
        nouts: Sequence[int],
        *,
        activation: str | Activation = "relu",
        fused: bool = True,
        rng: random.Random | int | None = None,
    ) -> None:
        """See the class."""
        if not isinstance(nouts, Iterable):
            raise TypeError(f"nouts must be a list of layer sizes, got {nouts!r}")
        sizes = [size("nin", nin), *(size(f"nouts[{i}]", nout) for i, nout in enumerate(nouts))]
        if len(sizes) == 1:
            raise ValueError("nouts must hold at least one layer size, got none")
        rng = generator(rng)
        last = len(sizes) - 2
        self.layers = [
            Layer(ins, outs, i != last, activation=activation, fused=fused, rng=rng)
            for i, (ins, outs) in enumerate(pairwise(sizes))
        ]
        self.sizes = tuple(sizes)
        label_by_path(self)

    def forward(self, x: Sequence[Any]) -> Any:
        """Return the network's outputs for the nin inputs x, or a list of those of each example."""
        out: Any = x
        batch = _is_batch(x)
        for i, layer in enumerate(self.layers):
            if i and len(self.layers[i - 1].neurons) == 1:  # such a layer returns its output bare
                out = [[y] for y in out] if batch else [out]
            out = layer(out)
        return out

    def extra_repr(self) -> str:
        """Return the sizes and the name of the first layer's activation."""
        return f"{' -> '.join(map(str, self.sizes))}, {_activation_name(self.layers[0].neurons[0])}"


def _activation_name(neuron: Neuron) -> str:
    activation = neuron.activation if neuron.nonlin else linear
    return getattr(activation, "__name__", repr(activation))


def _is_batch(x: Any) -> bool:
    try:
        return nested(x[0])
    except (TypeError, IndexError):  # the neuron says what is wrong
        return False


def _numbers(count: int) -> str:
    return f"{count} number{'' if count == 1 else 's'}"
