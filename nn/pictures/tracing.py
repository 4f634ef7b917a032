"""What goes through the modules of a network for one example: shapes, and from where to where."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from autograd_scalar import Value
from nn.module import Module
from nn.pictures.looking import untouched
from nn.tensors import by, map_numbers, numbers, shape

INPUT = -1  # the place of what goes into a module among those inside it


@dataclass
class Called:
    """A module that was called.

    order: among those that were called, by the end of the first call. times: how often.
    taken, given: the last shapes that went in and came out.
    inputs, outputs: all Values that went in and came out.
    """

    order: int
    times: int = 0
    taken: str = ""
    given: str = ""
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)


class Trace:
    """What happened as a model was called on an example; without an example, nothing.

    >>> from nn import Linear, Sequential
    >>> first, second = Linear(2, 3), Linear(3, 1)
    >>> model = Sequential(first, second)
    >>> trace = Trace(model, [1.0, 2.0])
    >>> trace.of(first).given, trace.links(model, [[first], [second]])
    ('3', [(-1, 0), (0, 1), (1, 2)])
    """

    def __init__(self, model: Module, example: Any = None) -> None:
        """See the class; the model is afterwards as it was before."""
        self._called: dict[int, Called] = {}
        if example is None:
            return
        removers: list[Callable[[], None]] = []
        try:
            for module in model.modules():
                removers.append(module.register_forward_hook(self._note))
            with untouched(model, recording=True):
                try:
                    model(_as_values(example))
                except Exception:  # it may want plain numbers
                    self._called.clear()
                    model(example)
        finally:
            for remove in removers:
                remove()

    def of(self, part: Any) -> Called | None:
        """Return what happened to a module; None if it was not called."""
        return self._called.get(id(part))

    def links(self, around: Any, inside: Sequence[Collection[Any]]) -> list[tuple[int, int]]:
        """Return from where to where numbers went between the modules inside another.

        inside: for each place the modules that are there. A link is a pair of places; INPUT is what
        went into the module around them, the place after the last what came out of it.
        """
        whole = self.of(around)
        if whole is None:
            return []
        calls = [[c for part in parts if (c := self.of(part))] for parts in inside]
        sources: dict[Value, list[int]] = {value: [INPUT] for value in whole.inputs}
        for place, found in enumerate(calls):
            for value in [v for called in found for v in called.outputs]:
                sources.setdefault(value, []).append(place)
        links = set()
        for place, found in enumerate([*calls, [Called(0, inputs=whole.outputs)]]):
            for called in found:
                starts = called.inputs
                before = _nearest(starts, sources, place) if starts else {INPUT}
                links |= {(source, place) for source in before}
        return sorted(links)

    def _note(self, module: Module, args: tuple[Any, ...], output: Any) -> None:
        called = self._called.setdefault(id(module), Called(len(self._called)))
        called.times += 1
        called.taken, called.given = _shape_of(args[0] if args else ()), _shape_of(output)
        called.inputs += _values(args)
        called.outputs += _values(output)


def _nearest(starts: Sequence[Value], sources: dict[Value, list[int]], place: int) -> set[int]:
    """The last places before this one that the values were computed from."""
    found: set[int] = set()
    todo = list(starts)
    seen = set(todo)
    while todo:
        value = todo.pop()
        before = [source for source in sources.get(value, ()) if source < place]
        if before:
            found.add(max(before))
            continue
        todo += [parent for parent in value.parents if parent not in seen]
        seen.update(value.parents)
    return found


def _as_values(example: Any) -> Any:
    """The floats in lists as Values, which tell where they go; whole numbers may be tokens."""
    if not isinstance(example, list):
        return example
    return map_numbers(lambda x: Value(x) if isinstance(x, float) else x, example)


def _values(x: Any) -> list[Value]:
    return [value for value in numbers(x) if isinstance(value, Value)]


def _shape_of(x: Any) -> str:
    """The shape of what goes in or out; of several things the shape of each."""
    if isinstance(x, tuple):
        return ", ".join(filter(None, map(_shape_of, x)))
    try:
        return by(shape(x)).replace("x", "×")
    except ValueError:  # ragged
        return ""
