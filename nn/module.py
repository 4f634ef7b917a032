"""`Module`: the base of everything that holds parameters.

A module is an ordinary object. Its parameters are the leaf `Value`s found by walking its
attributes, through lists, tuples, dicts, NumPy object arrays and the modules inside it; nothing has
to be registered and `__init__` need not call `super()`.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from numbers import Real
from reprlib import recursive_repr

from autograd_scalar import Value


class Module:
    """Base of neural network parts: it finds, names, clears, saves and loads parameters.

    A subclass keeps its `Value`s in attributes and computes in `__call__`. One that keeps them
    elsewhere overrides `parameters()`, and everything else follows.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope, self.height = Value(2.0), Value(1.0)
    ...     def __call__(self, x):
    ...         return self.slope * x + self.height
    >>> line = Line()
    >>> line(3.0).data
    7.0
    >>> line.state_dict()
    {'slope': 2.0, 'height': 1.0}
    >>> line
    Line, 2 parameters
    """

    def parameters(self) -> list[Value]:
        """Return every parameter once, in the order in which the attributes were set.

        A parameter is a leaf: a `Value` that an expression computed, kept for later, is none.
        """
        return [parameter for _, parameter in _walk(self)]

    def named_parameters(self) -> list[tuple[str, Value]]:
        """Return `(path, parameter)` for each parameter, such as `("layers.0.neurons.1.w.0", w)`.

        A shared parameter goes by the first path that leads to it. One that `parameters()` returns
        and no attribute holds is called `parameters.3` after its place.

        Each parameter without a label of its own gets its path as its label, so that pictures and
        error messages can name it. A label that you gave stays.
        """
        paths = {id(parameter): path for path, parameter in label_by_path(self)}
        unique = {id(parameter): parameter for parameter in self.parameters()}
        return [
            (paths.get(key, f"parameters.{place}"), parameter)
            for place, (key, parameter) in enumerate(unique.items())
        ]

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0, for the next `backward()` to add to."""
        for parameter in self.parameters():
            parameter.grad = 0.0

    def state_dict(self) -> dict[str, float]:
        """Return the data of every parameter as a plain dict, path to float, ready for JSON.

        Raises ValueError if two parameters share a path, as with dict keys `1` and `"1"`.
        """
        return {path: parameter.data for path, parameter in self._parameters_by_path().items()}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Set the data of every parameter to the number that `state` has at its path.

        Either all parameters are set or, when anything is wrong with `state`, none. Gradients stay.

        Raises ValueError listing the missing and the unexpected paths, and TypeError if `state` is
        no mapping or holds something else than a number.

        >>> from nn import Neuron
        >>> neuron = Neuron(1, rng=0)
        >>> neuron.load_state_dict({"w.0": 0.25, "b": 1.0})
        >>> neuron.w[0].data
        0.25
        >>> neuron.load_state_dict({"w.0": 0.5, "bias": 1.0})
        Traceback (most recent call last):
        ...
        ValueError: this state does not fit Neuron: missing 'b'; unexpected 'bias'
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"state must map paths to numbers, got {type(state).__name__}")
        parameters = self._parameters_by_path()
        missing = [path for path in parameters if path not in state]
        unexpected = [path for path in state if path not in parameters]
        not_numbers = [
            path for path in parameters if path in state and not isinstance(state[path], Real)
        ]
        problems = [
            f"{what} {', '.join(map(repr, paths))}"
            for what, paths in [
                ("missing", missing),
                ("unexpected", unexpected),
                ("not a number at", not_numbers),
            ]
            if paths
        ]
        if problems:
            error = ValueError if missing or unexpected else TypeError
            raise error(f"this state does not fit {type(self).__name__}: {'; '.join(problems)}")
        numbers = {path: float(state[path]) for path in parameters}
        for path, parameter in parameters.items():
            parameter.data = numbers[path]

    def extra_repr(self) -> str:
        """Return what `repr` says of this module in brackets; subclasses override it."""
        return ""

    @recursive_repr()
    def __repr__(self) -> str:
        """Draw the module and those inside it as an indented tree, equal neighbours as one.

        >>> from nn import MLP
        >>> MLP(2, [16, 16, 1])
        MLP(2 -> 16 -> 16 -> 1, relu), 337 parameters
          layers.0: Layer(2 -> 16, relu), 48 parameters
            neurons.0-15: 16 x Neuron(2, relu), 3 parameters
          layers.1: Layer(16 -> 16, relu), 272 parameters
            neurons.0-15: 16 x Neuron(16, relu), 17 parameters
          layers.2: Layer(16 -> 1, linear), 17 parameters
            neurons.0: Neuron(16, linear), 17 parameters
        """
        extra = self.extra_repr()
        count = len({id(parameter) for parameter in self.parameters()})
        lines = [
            f"{type(self).__name__}{f'({extra})' if extra else ''}, "
            f"{count} parameter{'' if count == 1 else 's'}"
        ]
        for place, text in _runs(vars(self)):
            lines.extend(f"  {line}" for line in f"{place}: {text}".splitlines())
        return "\n".join(lines)

    def _parameters_by_path(self) -> dict[str, Value]:
        named = self.named_parameters()
        by_path = dict(named)
        if len(by_path) < len(named):
            paths = [path for path, _ in named]
            twice = sorted({path for path in paths if paths.count(path) > 1})
            raise ValueError(
                f"more than one parameter is at the path {', '.join(map(repr, twice))}"
            )
        return by_path


class ParameterPath(str):
    """A label that a module gave; a module further out may replace it by the longer path."""

    __slots__ = ()


def label_by_path(module: Module) -> list[tuple[str, Value]]:
    """Return each path and parameter that a walk finds, and label the parameter with the path.

    A label that is a user's, or that a walk from further out gave, stays.
    """
    found = _walk(module)
    for path, parameter in found:
        label = parameter.label
        if label is None or (isinstance(label, ParameterPath) and path.endswith(f".{label}")):
            parameter.label = ParameterPath(path)
    return found


def _walk(module: Module) -> list[tuple[str, Value]]:
    """Return the path of each parameter below `module` and the parameter, each once."""
    found: list[tuple[str, Value]] = []
    seen = {id(module)}

    def enter(module: Module, prefix: str) -> None:
        for path, item in _members(vars(module), prefix):
            if id(item) in seen:
                continue
            seen.add(id(item))
            if isinstance(item, Value):
                if not item.parents:
                    found.append((path, item))
            elif type(item).parameters is Module.parameters:
                enter(item, f"{path}.")
            else:
                # It says itself what its parameters are, and a module around it must agree.
                for name, parameter in item.named_parameters():
                    if id(parameter) not in seen:
                        seen.add(id(parameter))
                        found.append((f"{path}.{name}", parameter))

    enter(module, "")
    return found


def _members(container: object, prefix: str = "") -> list[tuple[str, Value | Module]]:
    """Return the `Value`s and modules in a container with their paths, without entering modules."""
    items: Iterable[tuple[object, object]]
    if isinstance(container, dict):
        items = container.items()
    elif isinstance(container, (list, tuple)):
        items = enumerate(container)
    elif getattr(container, "dtype", None) == "O":  # NumPy's word for Python objects
        return _members(container.tolist(), prefix)  # type: ignore[attr-defined]
    else:
        return []
    members: list[tuple[str, Value | Module]] = []
    for key, item in items:
        if isinstance(item, (Value, Module)):
            members.append((f"{prefix}{key}", item))
        else:
            members += _members(item, f"{prefix}{key}.")
    return members


def _runs(attributes: dict[str, object]) -> Iterator[tuple[str, str]]:
    """Yield place and text of the modules in `attributes`, equal neighbours in a list as one."""
    modules = [(p, repr(item)) for p, item in _members(attributes) if isinstance(item, Module)]

    def run(module: tuple[str, str]) -> tuple[str, str]:
        path, text = module
        parent, _, key = path.rpartition(".")
        return (parent, text) if key.isdigit() else (path, text)

    for (_, text), group in groupby(modules, run):
        first, *rest = [path for path, _ in group]
        if rest:
            yield f"{first}-{rest[-1].rpartition('.')[2]}", f"{len(rest) + 1} x {text}"
        else:
            yield first, text
