"""Which networks can be drawn neuron by neuron: chains of fully connected steps.

A `Step` is one column of neurons: weights, biases, and what is done to each of their sums. Other
networks are drawn as blocks, see `nn.pictures.blocks`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from autograd_scalar import Value, no_grad
from autograd_scalar.primitives import detached
from nn import functional
from nn.activations import (
    ACTIVATIONS,
    ELU,
    GELU,
    Elementwise,
    Identity,
    LeakyReLU,
    LogSoftmax,
    Softmax,
    Softplus,
)
from nn.layers import Dropout, Flatten, Linear, Sequential
from nn.mlp import MLP, Layer, Neuron
from nn.module import Module
from nn.normalization import BatchNorm, LayerNorm, RMSNorm
from nn.tensors import described, numbers

ON_EACH = (Elementwise, ELU, GELU, LeakyReLU, Softplus)
ON_ALL = (Softmax, LogSoftmax, BatchNorm, LayerNorm, RMSNorm, Dropout)
OF_ALL = ("softmax", "log_softmax")

GLYPH_REACH = 2.5  # what an activation does from -2.5 to 2.5 tells it from the others
GLYPH_POINTS = 21


@dataclass
class Step:
    """A column of neurons.

    title: path and class of the module that has the weights.
    weights: a row for each neuron. biases: one for each, or none.
    after: what is done to the sums, in words.
    stages: functions of a list of numbers that compute the outputs, one after the other.
    shapes: what is done to the sums, as functions of one number; None where it needs all.
    """

    title: str
    weights: Sequence[Sequence[Any]]
    biases: Sequence[Any]
    after: list[str] = field(default_factory=list)
    stages: list[Callable[[list[Any]], Any]] = field(default_factory=list)
    shapes: list[Callable[[Any], Any]] | None = field(default_factory=list)

    @property
    def activation(self) -> str:
        """What is done to the sums, in words."""
        return ", ".join(self.after) or "linear"

    def outputs(self, inputs: list[Any]) -> list[Any]:
        """Return what the neurons give for these inputs."""
        for stage in self.stages:
            inputs = list(numbers(stage(inputs)))
        return inputs

    def curve(self) -> list[tuple[float, float]]:
        """Return points (x, y) of the function that each sum goes through; none if that is none."""
        return _points(self.shapes or []) if self.shapes is not None else []


def steps_of(model: Module) -> list[Step] | None:
    """Return the columns of a network; None if it is no chain of fully connected ones.

    >>> [(step.title, step.activation) for step in steps_of(MLP(2, [3, 1])) or ()]
    [('layers.0', 'relu'), ('layers.1', 'linear')]
    """
    steps: list[Step] = []
    for path, part in _parts("", model):
        found = _fully_connected(path, part)
        if found is not None:
            steps.append(found)
        elif not (_keeps_units(part) and (steps or is_a(part, Flatten)) and _add(steps, part)):
            return None
    widths = [(len(a.weights), len(b.weights[0])) for a, b in pairwise(steps)]
    return steps if steps and all(before == after for before, after in widths) else None


def is_a(module: object, *kinds: type) -> bool:
    """Whether a module is of one of these classes and computes what they compute."""
    own = getattr(type(module), "forward", None)
    return any(isinstance(module, kind) and own is kind.forward for kind in kinds)  # type: ignore[attr-defined]


def curve_of(part: Any) -> list[tuple[float, float]]:
    """Return points (x, y) of an activation; none for what does not treat each number by itself.

    >>> curve_of(Linear(1, 1)), curve_of(Identity())[0]
    ([], (-2.5, -2.5))
    """
    return _points([_on_one(part)]) if _is_on_each(part) else []


def data_of(number: Any) -> float:
    """Return a `Value`'s data, or a number as a float.

    >>> data_of(Value(2.0)), data_of(3)
    (2.0, 3.0)
    """
    return float(detached(number.data if isinstance(number, Value) else number))


def child_path(path: str, name: object) -> str:
    """Return the path of what a module at `path` calls by that name."""
    return f"{path}.{name}" if path else str(name)


def _parts(path: str, part: Any) -> Iterator[tuple[str, Any]]:
    """The modules and functions that a number goes through, in order."""
    if is_a(part, Sequential):
        for place, layer in enumerate(part.layers):
            yield from _parts(child_path(path, place), layer)
    elif is_a(part, MLP):
        for place, layer in enumerate(part.layers):
            yield from _parts(child_path(path, f"layers.{place}"), layer)
    else:
        yield path, part


def _fully_connected(path: str, part: Any) -> Step | None:
    if is_a(part, Linear):
        return Step(_title(path, part), part.weight, part.bias or (), stages=[lambda x: part([x])])
    if is_a(part, Layer) and all(is_a(neuron, Neuron) for neuron in part.neurons):
        step = _of_neurons(_title(path, part), part.neurons)
        step.stages = [lambda x: part([x])]
        return step
    if is_a(part, Neuron):
        step = _of_neurons(_title(path, part), [part])
        step.stages = [part]
        return step
    return None


def _points(functions: Sequence[Callable[[Any], Any]]) -> list[tuple[float, float]]:
    points = []
    for place in range(GLYPH_POINTS):
        x = GLYPH_REACH * (2 * place / (GLYPH_POINTS - 1) - 1)
        try:
            with no_grad():
                y: Any = Value(x)
                for function in functions:
                    y = function(y)
            points.append((x, data_of(y)))
        except Exception:  # it is a user's, and may want anything
            return []
    return points


def _on_one(part: Any) -> Callable[[Any], Any]:
    """A module or function of tensors, as one of a number."""
    return lambda y: next(numbers(part([y])))


def _title(path: str, part: Module) -> str:
    """The path of a module, with its class where the path is but a number."""
    kind = type(part).__name__
    return f"{path}: {kind}" if path.isdigit() else path or kind


def _of_neurons(title: str, neurons: Sequence[Neuron]) -> Step:
    step = Step(title, [neuron.w for neuron in neurons], [neuron.b for neuron in neurons])
    functions = {id(n.activation) if n.nonlin else None: n for n in neurons}
    first, *others = functions.values()
    if first.nonlin or others:
        named = {name: None for n in functions.values() for name in [_name(n)]}
        step.after = list(named)
        step.shapes = None if others else [first.activation]
    return step


def _name(neuron: Neuron) -> str:
    return described(neuron.activation) if neuron.nonlin else "linear"


def _keeps_units(part: Any) -> bool:
    """Whether a part gives one number for each that it takes."""
    return is_a(part, *ON_ALL, Flatten) or _is_on_each(part) or _is_function(part, OF_ALL)


def _is_on_each(part: Any) -> bool:
    return is_a(part, *ON_EACH) or _is_function(part, ACTIVATIONS)


def _is_function(part: Any, names: Iterable[str]) -> bool:
    return any(part is getattr(functional, name, None) for name in names)


def _add(steps: list[Step], part: Any) -> bool:
    if is_a(part, Flatten, Identity):
        return True
    step = steps[-1]
    step.after.append(described(part))
    step.stages.append(lambda x: part([x]))
    if not _is_on_each(part):
        step.shapes = None
    elif step.shapes is not None:
        step.shapes.append(_on_one(part))
    return True
