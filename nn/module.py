"""`Module`: the base of everything that holds parameters.

A module is an ordinary object. Its parameters are the leaf `Value`s found by walking its
attributes, through lists, tuples, dicts, NumPy object arrays and the modules inside it; nothing has
to be registered and `__init__` need not call `super()`. A nested list of `Value`s whose lists are
of one length is one tensor, as PyTorch names and saves it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from numbers import Real
from reprlib import recursive_repr
from types import FunctionType, MethodDescriptorType, NoneType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from autograd_scalar import Value, scopes
from nn.tensors import Tensor, as_lists, by, elements, map_numbers, nested, numbers, shape

if TYPE_CHECKING:
    from autograd_scalar.draw.picture import Picture

Hook = Callable[["Module", tuple[Any, ...], Any], None]


SIMPLE = (float, int, str, FunctionType, MethodDescriptorType, NoneType)
"""What most attributes are that hold no parameters; modules are walked in every step."""


class Module:
    """Base of neural network parts: it finds, names, clears, saves and loads parameters.

    A subclass keeps its `Value`s in attributes and computes in `forward`, which calling the module
    calls. One that keeps them elsewhere overrides `parameters()`, and everything else follows.

    training: whether the module is being trained, see `train()`.
    buffer_names: attributes that are saved though they are no parameters.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope, self.height = Value(2.0), Value(1.0)
    ...     def forward(self, x):
    ...         return self.slope * x + self.height
    >>> line = Line()
    >>> line(3.0).data
    7.0
    >>> line.state_dict()
    {'slope': 2.0, 'height': 1.0}
    >>> line
    Line, 2 parameters
    """

    training: bool = True
    buffer_names: ClassVar[tuple[str, ...]] = ()
    _forward_hooks: tuple[Hook, ...] = ()

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Return what `forward` gives, after the forward hooks have seen it.

        In a `scope` the call is a scope of its own, so that pictures can fold it.
        """
        if scopes.active():
            with scopes.of_module(self):
                output = self.forward(*args, **options)
        else:
            output = self.forward(*args, **options)
        for hook in self._forward_hooks:
            hook(self, args, output)
        return output

    def forward(self, *args: Any, **options: Any) -> Any:
        """Compute the output; each subclass has its own."""
        raise NotImplementedError(f"{type(self).__name__} has no forward() of its own")

    def parameters(self) -> list[Value]:
        """Return every parameter once, in the order in which the attributes were set.

        A parameter is a leaf: a `Value` that an expression computed, kept for later, is none.
        """
        unique = {id(p): p for _, tensor in _tensors(self) for p in numbers(tensor)}
        return list(unique.values())

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

    def named_modules(self) -> list[tuple[str, "Module"]]:
        """Return the path of each module below this one and the module, itself first as `""`.

        >>> from nn import MLP
        >>> [path for path, _ in MLP(1, [1]).named_modules()]
        ['', 'layers.0', 'layers.0.neurons.0']
        """
        found: dict[int, tuple[str, Module]] = {}

        def enter(path: str, module: Module) -> None:
            found[id(module)] = (path, module)
            for place, item in _members(vars(module), f"{path}." if path else ""):
                if isinstance(item, Module) and id(item) not in found:
                    enter(place, item)

        enter("", self)
        return list(found.values())

    def modules(self) -> list["Module"]:
        """Return this module and those below it, each once."""
        return [module for _, module in self.named_modules()]

    def train(self, mode: bool = True) -> Self:
        """Set `training` of this module and of those below; it matters to dropout and batch norm.

        Returns the module.
        """
        for module in self.modules():
            module.training = bool(mode)
        return self

    def eval(self) -> Self:
        """Set `training` to False, for when the model is used and no longer trained."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0, for the next `backward()` to add to."""
        for parameter in self.parameters():
            parameter.grad = 0.0

    def register_forward_hook(self, hook: Hook) -> Callable[[], None]:
        """Have `hook(module, args, output)` called after each `forward`; return what removes it."""
        self._forward_hooks = (*self._forward_hooks, hook)

        def remove() -> None:
            self._forward_hooks = tuple(h for h in self._forward_hooks if h is not hook)

        return remove

    def state_dict(self) -> dict[str, Any]:
        """Return the data of every parameter and buffer, path to (nested lists of) floats.

        It is ready for JSON, and has PyTorch's names and shapes. A tensor that several modules
        share is there once, under its first path.

        Raises ValueError if two parameters share a path, as with dict keys `1` and `"1"`.

        >>> from nn import Linear
        >>> {path: shape(data) for path, data in Linear(3, 2).state_dict().items()}
        {'weight': (2, 3), 'bias': (2,)}
        """
        tensors, _ = self._tensors_by_path()
        state = {path: map_numbers(_data, tensor) for path, tensor in tensors.items()}
        for path, module, name in self._buffers():
            buffer = getattr(module, name)
            state[path] = map_numbers(lambda x: x, as_lists(buffer))
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set the data of every parameter and buffer to what `state` has at its path.

        Numbers, nested lists of them, and arrays of NumPy or PyTorch will do. A shared tensor may
        come under any of its paths. Either all parameters are set or, when anything is wrong with
        `state`, none. Gradients stay.

        Raises ValueError listing the missing, the unexpected and the misshapen, and TypeError if
        `state` is no mapping or holds something else than numbers.

        >>> from nn import Neuron
        >>> neuron = Neuron(1, rng=0)
        >>> neuron.load_state_dict({"w": [0.25], "b": 1.0})
        >>> neuron.w[0].data
        0.25
        >>> neuron.load_state_dict({"w": [0.5], "bias": 1.0})
        Traceback (most recent call last):
        ...
        ValueError: this state does not fit Neuron: missing 'b'; unexpected 'bias'
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"state must map paths to numbers, got {type(state).__name__}")
        tensors, shared = self._tensors_by_path()
        buffers = {path: (module, name) for path, module, name in self._buffers()}
        current = {path: as_lists(getattr(*place)) for path, place in buffers.items()}
        fit = _Fit(type(self).__name__, current | tensors | shared)
        found = {path: fit.floats(path, _lists(item)) for path, item in state.items()}

        data: dict[int, float] = {}
        for path, item in found.items():
            for parameter, number in _pairs(item, tensors.get(path, shared.get(path))):
                known = data.setdefault(id(parameter), number)
                if known != number and (known == known or number == number):  # nan is nan
                    fit.problem("unequal to what it shares with another path:", repr(path))
                    break
        for path in current | tensors:
            members = numbers(tensors.get(path, ()))
            if path not in found and (path in current or any(id(p) not in data for p in members)):
                fit.problem("missing", repr(path))
        fit.raise_if_any()

        for tensor in tensors.values():
            for parameter in numbers(tensor):
                parameter.data = data[id(parameter)]
        for path, (module, name) in buffers.items():
            whole = isinstance(current[path], int)
            setattr(module, name, int(found[path]) if whole else found[path])

    def extra_repr(self) -> str:
        """Return what `repr` says of this module in brackets; subclasses override it."""
        return ""

    def summary(self) -> str:
        """Return the name of the class, and what is to be said of this module in brackets."""
        extra = self.extra_repr()
        return f"{type(self).__name__}({extra})" if extra else type(self).__name__

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
        count = len({id(parameter) for parameter in self.parameters()})
        lines = [f"{self.summary()}, {count} parameter{'' if count == 1 else 's'}"]
        for place, text in _runs(vars(self)):
            lines.extend(f"  {line}" for line in f"{place}: {text}".splitlines())
        return "\n".join(lines)

    def __draw__(
        self,
        *,
        example: Any = None,
        grad: bool = False,
        units: int = 16,
        inputs: Sequence[str] | None = None,
        outputs: Sequence[str] | None = None,
        theme: str = "auto",
    ) -> "Picture":
        """Return the picture that `autograd_scalar.draw(model)` shows.

        A chain of fully connected layers is drawn neuron by neuron, with a line for each weight:
        its sign as colour, its size as thickness. Any other module is drawn as blocks, one in the
        other, with a cell for each parameter.

        example: one example; its activations stand in the neurons. Of blocks it shows the shapes
            that go from one to the next, so there it is what the model is called with, a batch for
            most.
        grad: whether weights are shown by their gradients in place of their numbers.
        units: the largest number of neurons of a layer to draw; the first and last of more.
        inputs, outputs: names of the features that go in and of the numbers that come out.
        theme: "auto" follows the system; or a name that `draw` knows.

        Raises ValueError and TypeError for options that don't fit, and what the model raises for
        the example.
        """
        from nn.pictures.network import picture_of

        return picture_of(
            self, example=example, grad=grad, units=units, inputs=inputs, outputs=outputs,
            theme=theme,
        )  # fmt: skip

    def _buffers(self) -> list[tuple[str, "Module", str]]:
        """The path of each buffer, the module that has it, and its attribute; none that is None."""
        return [
            (f"{path}.{name}" if path else name, module, name)
            for path, module in self.named_modules()
            for name in module.buffer_names
            if getattr(module, name) is not None
        ]

    def _tensors_by_path(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The tensors that hold every parameter, and those whose parameters are all in others."""
        tensors: dict[str, Tensor] = {}
        shared: dict[str, Tensor] = {}
        held: set[int] = set()
        believed = {id(parameter) for parameter in self.parameters()}
        for path, tensor in _tensors(self):
            members = {id(parameter) for parameter in numbers(tensor)}
            if not members <= believed:
                continue
            if members <= held:
                shared.setdefault(path, tensor)
                continue
            if path in tensors:
                raise ValueError(f"more than one parameter is at the path {path!r}")
            tensors[path] = tensor
            held |= members
        loose = ((path, p) for path, p in self.named_parameters() if id(p) not in held)
        tensors.update(loose)
        return tensors, shared


class _Fit:
    """How a state fits a module: what has to be where, and what is wrong, collected."""

    KINDS = ("missing", "unexpected", "not a number at")

    def __init__(self, name: str, expected: Mapping[str, Tensor]) -> None:
        self.name, self.expected = name, expected
        self.problems: dict[str, list[str]] = {}

    def problem(self, kind: str, text: str) -> None:
        self.problems.setdefault(kind, []).append(text)

    def floats(self, path: str, item: Any) -> Any:
        """The item as floats if it fits, else None and a problem."""
        if path not in self.expected:
            self.problem("unexpected", repr(path))
        elif not all(isinstance(x, Real) for x in numbers(item)):
            self.problem("not a number at", repr(path))
        else:
            try:
                found, expected = shape(item, repr(path)), shape(self.expected[path])
            except ValueError as error:
                self.problem("", str(error))
                return None
            if found == expected:
                return map_numbers(float, item)
            what = f"of shape {by(found)}" if found else "a number"
            self.problem("", f"{path!r} is {what}, expected {by(expected)}")
        return None

    def raise_if_any(self) -> None:
        if self.problems:
            kinds = sorted(self.problems, key=(*self.KINDS, *self.problems).index)
            texts = [f"{kind} {', '.join(self.problems[kind])}".lstrip() for kind in kinds]
            error = TypeError if kinds == ["not a number at"] else ValueError
            raise error(f"this state does not fit {self.name}: {'; '.join(texts)}")


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


def _lists(item: Any) -> Any:
    """Return an array of any library, of no dimensions too, as Python's lists and numbers."""
    return item.tolist() if hasattr(item, "tolist") else as_lists(item)


def _pairs(item: Any, tensor: Tensor | None) -> list[tuple[Value, float]]:
    """Return each parameter of a tensor and its number; none if either is not there."""
    if item is None or tensor is None:
        return []
    return list(zip(numbers(tensor), numbers(item), strict=True))


def _data(parameter: Value) -> float:
    return parameter.data


def _walk(module: Module) -> list[tuple[str, Value]]:
    """Return the path of each parameter below `module` and the parameter, each once."""
    found: dict[int, tuple[str, Value]] = {}
    for path, tensor in _tensors(module):
        for place, parameter in elements(tensor, path):
            found.setdefault(id(parameter), (place, parameter))
    return list(found.values())


def _tensors(module: Module) -> Iterator[tuple[str, Tensor]]:
    """Yield the path of each tensor below `module` and the tensor; a shared one with every path."""

    def enter(module: Module, prefix: str, around: tuple[int, ...]) -> Iterator[tuple[str, Tensor]]:
        for path, item in _members(vars(module), prefix):
            if not isinstance(item, Module):
                yield path, item
            elif type(item).parameters is not Module.parameters:
                # It says itself what its parameters are, and a module around it must agree.
                for name, parameter in item.named_parameters():
                    yield f"{path}.{name}", parameter
            elif id(item) not in around:
                yield from enter(item, f"{path}.", (*around, id(item)))

    return enter(module, "", (id(module),))


def _members(container: object, prefix: str = "") -> list[tuple[str, Any]]:
    """Return the tensors and modules in a container with their paths, without entering modules."""
    items: Iterable[tuple[object, object]]
    if isinstance(container, dict):
        items = container.items()
    elif isinstance(container, (list, tuple)):
        items = enumerate(container)
    else:
        return []
    members: list[tuple[str, Any]] = []
    for key, item in items:
        path = f"{prefix}{key}"
        if isinstance(item, Value):
            if not item.parents:
                members.append((path, item))
        elif isinstance(item, Module):
            members.append((path, item))
        elif not isinstance(item, SIMPLE):
            if getattr(item, "dtype", None) == "O":  # NumPy's word for Python objects
                item = as_lists(item)
            if nested(item) and _is_tensor(item):
                members.append((path, item))
            else:
                members += _members(item, f"{path}.")
    return members


def _is_tensor(item: Any) -> bool:
    """Whether the item is a nest of parameters whose lists side by side are of one length."""
    if len(item) == 0:
        return False
    if not nested(item[0]):
        return all(isinstance(leaf, Value) and not leaf.parents for leaf in item)
    if not all(nested(row) and _is_tensor(row) for row in item):
        return False
    sizes = shape(item[0])
    return all(shape(row) == sizes for row in item)


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
