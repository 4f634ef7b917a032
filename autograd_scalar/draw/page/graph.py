"""What a page shows: the nodes of a graph, their names, and the decisions behind it."""

import linecache
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from autograd_scalar import modes
from autograd_scalar.chain_rule import pullback
from autograd_scalar.draw.text import plain, shortened
from autograd_scalar.graph import topological_order, topological_order_of_all
from autograd_scalar.primitives import described
from autograd_scalar.scopes import Placer, Scope
from autograd_scalar.tape.recording import record
from autograd_scalar.value import Value

LONGEST_NAME = 22
LONGEST_LABEL = 300
LONGEST_LINE = 120


class Guard(NamedTuple):
    """A comparison that Python decided by: the node, how it came out, and the line of code."""

    node: int
    outcome: bool
    line: str


class Graph:
    """The nodes of a graph in topological order, each known by its place.

    Attributes:
        nodes: the graph's, and then what only the guards were computed from.
        size: how many of them are the graph's, the output last.
        places: of each node among them.
        names: what a card and a formula call each node of the graph.
        guards: the decisions it is right for.
    """

    def __init__(
        self,
        value: Value,
        guards: Sequence[tuple[Value, bool, str]] = (),
        labels: dict[Value, str | None] | None = None,
    ) -> None:
        self.size = len(topological_order(value))
        self.nodes = topological_order_of_all([value, *[condition for condition, _, _ in guards]])
        self.places = {node: place for place, node in enumerate(self.nodes)}
        self.guards = [
            Guard(self.places[condition], outcome, line_of_code(line))
            for condition, outcome, line in guards
        ]
        self.labels = [self._label(node, labels or {}) for node in self.nodes]
        self.names = _names(self.labels)

    def _label(self, node: Value, labels: dict[Value, str | None]) -> str:
        return shortened(plain(node.label or labels.get(node) or ""), LONGEST_LABEL)

    @property
    def output(self) -> Value:
        """The node that all others of the graph lead to."""
        return self.nodes[self.size - 1]

    def operands(self, node: Value) -> list[int | float]:
        """Of each operand the place, or the number of a constant."""
        return [self.places[o] if isinstance(o, Value) else o for o in node.operands]

    def line(self, node: Value) -> str:
        """The line of the user's code that made the node, if it is known."""
        return line_of_code(getattr(node, "place", ""))


def _names(labels: Iterable[str]) -> list[str]:
    """Labels, and for nodes without one v and the place, each of these names but once."""
    names = [shortened(label, LONGEST_NAME) for label in labels]
    taken = set(names)
    for place, name in enumerate(names):
        if not name:
            names[place] = f"v{place}"
            while names[place] in taken:
                names[place] += "'"
    return names


def line_of_code(place: str) -> str:
    """``"/home/me/train.py, line 12"`` without the folder, and with what the line says.

    >>> line_of_code("/home/me/no_such_file.py, line 12")
    'no_such_file.py, line 12'
    """
    file, comma, number = place.rpartition(", line ")
    if not comma:
        return ""
    text = linecache.getline(file, int(number)).strip()
    where = f"{Path(file).name}, line {number}"
    return shortened(plain(f"{where}: {text}" if text else where), LONGEST_LINE)


# --- Where a graph comes from ---------------------------------------------------------------------


def graph_of(value: Value | Callable[[], Value], labels: dict[Value, str | None]) -> Graph:
    """The graph of a value, or of what a function computes, with its decisions and lines."""
    if isinstance(value, Value):
        graph = Graph(value, (), labels)
    elif callable(value):
        graph = Graph(*_recorded(value), labels)
    else:
        raise TypeError(
            f"explore: value must be a Value or a function of no arguments, not {described(value)}"
        )
    for node in graph.nodes:
        if node.parents and node._closure.primitive is None:
            raise TypeError(
                f"explore: {node!r} was wired by hand, and only backward() knows what it does: "
                "make the operation a primitive"
            )
    return graph


def _recorded(function: Callable[[], Any]) -> tuple[Value, list[tuple[Value, bool, str]]]:
    """What the function returns, and the decisions that Python took in it."""
    found: list[Any] = []

    def run() -> list[Any]:
        with modes.enter(detector=Placer(lines=True), scope=Scope("")):
            found.append(function())
        recorder: Any = modes.recorder
        found.append(list(recorder.guards))
        return []

    record(run, [], lambda inputs: inputs)
    value, guards = found
    if not isinstance(value, Value):
        raise TypeError(f"explore: the function must return a Value, not {described(value)}")
    return value, guards


# --- Its numbers ----------------------------------------------------------------------------------


class Numbers:
    """Both passes over a graph, from the leaves as they are now.

    Attributes:
        values: of each node.
        gradients: the derivative of the output by each node of the graph.
        slopes: of each node the local derivatives by those of its operands that are nodes.
        contributions: those times the gradient, as the rules compute it.
    """

    def __init__(self, graph: Graph) -> None:
        self.values: list[float] = []
        self.gradients = [0.0] * graph.size
        self.slopes: list[list[float]] = [[] for _ in range(graph.size)]
        self.contributions: list[list[float]] = [[] for _ in range(graph.size)]
        for node in graph.nodes:
            self.values.append(self._value(graph, node))
        self.gradients[-1] = 1.0
        for place in reversed(range(graph.size)):
            if graph.nodes[place].parents:
                self._pass_back(graph, place)

    def _value(self, graph: Graph, node: Value) -> float:
        if not node.parents:
            return float(node.data)
        primitive = node._closure.primitive
        assert primitive is not None
        return float(primitive.function(*self._operands(graph, node)))

    def _operands(self, graph: Graph, node: Value) -> list[float]:
        return [self.values[o] if isinstance(o, int) else o for o in graph.operands(node)]

    def _pass_back(self, graph: Graph, place: int) -> None:
        node = graph.nodes[place]
        primitive = node._closure.primitive
        assert primitive is not None
        xs, y, g = self._operands(graph, node), self.values[place], self.gradients[place]
        places = [i for i, o in enumerate(node.operands) if isinstance(o, Value)]
        self.slopes[place] = pullback(primitive, 1.0, y, xs, places)
        if not g:  # exactly zero contributes nothing, even multiplied by inf
            self.contributions[place] = [0.0] * len(places)
            return
        self.contributions[place] = pullback(primitive, g, y, xs, places)
        for parent, contribution in zip(node.parents, self.contributions[place], strict=True):
            self.gradients[graph.places[parent]] += contribution
