"""What a page shows: the nodes of a graph, their names, and the decisions behind it."""

import linecache
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from autograd_scalar import modes
from autograd_scalar.chain_rule import pullback
from autograd_scalar.draw.rows import Rows
from autograd_scalar.draw.text import plain, shortened
from autograd_scalar.graph import topological_order, topological_order_of_all
from autograd_scalar.primitives import Primitive, described
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
        parents: of each node the places of its parents.
        forms: of each node its form, a number: those of one form have the same operation, as many
            parents, and the same constants in the same places.
        examples: of each form its first node.
        labels: of the nodes that have one, by their places.
        names: what a card and a formula call each node of the graph.
        guards: the decisions it is right for.
    """

    def __init__(
        self,
        value: Value,
        guards: Sequence[tuple[Value, bool, str]] = (),
        labels: dict[Value, str | None] | None = None,
    ) -> None:
        self.nodes = topological_order(value)
        self.size = len(self.nodes)
        if guards:
            conditions = [condition for condition, _, _ in guards]
            self.nodes += topological_order_of_all(conditions, self.nodes)
        self.parents = Rows(self.nodes)
        self.places = self.parents.places
        self.forms, self.examples = _forms(self.nodes)
        self.guards = [
            Guard(self.places[condition], outcome, line_of_code(line))
            for condition, outcome, line in guards
        ]
        names_given = labels or {}
        self.labels: dict[int, str] = {}
        for place, node in enumerate(self.nodes):
            if label := node.label or names_given.get(node):
                self.labels[place] = shortened(plain(label), LONGEST_LABEL)
        self.names = _names(self.labels, len(self.nodes))

    @property
    def output(self) -> Value:
        """The node that all others of the graph lead to."""
        return self.nodes[self.size - 1]

    def operands(self, place: int) -> list[int | float]:
        """Of each operand of a node the place, or the number of a constant."""
        node = self.nodes[place]
        if not node._closure.has_constants:
            return list(self.parents[place])
        return [self.places[o] if isinstance(o, Value) else o for o in node.operands]

    def line(self, node: Value) -> str:
        """The line of the user's code that made the node, if it is known."""
        return line_of_code(getattr(node, "place", ""))


def _forms(nodes: Iterable[Value]) -> tuple[list[int], list[Value]]:
    known: dict[Hashable, int] = {}
    forms: list[int] = []
    examples: list[Value] = []
    for node in nodes:
        constant = node._constant
        what: Hashable = len(node.parents)
        if constant.__class__ is float:
            what = constant or constant.hex()  # 0.0 and -0.0 are equal and two constants
        elif constant.__class__ is tuple:
            what = tuple([o.__class__ is float and (o or o.hex()) for o in constant])
        form = known.setdefault((node._closure, what), len(known))
        if form == len(examples):
            examples.append(node)
        forms.append(form)
    return forms, examples


def _names(labels: dict[int, str], size: int) -> list[str]:
    """Labels, and for nodes without one v and the place, each of these names but once."""
    names = [f"v{place}" for place in range(size)]
    for place, label in labels.items():
        names[place] = shortened(label, LONGEST_NAME)
    taken = {names[place] for place in labels}
    for place, name in enumerate(names):
        if name in taken and place not in labels:
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


def computed(value: Value | Callable[[], Value]) -> tuple[Value, Sequence[tuple[Value, bool, str]]]:
    """A value, or what a function computes, and the decisions that Python took in it."""
    if isinstance(value, Value):
        return value, ()
    if callable(value):
        return _recorded(value)
    raise TypeError(
        f"explore: value must be a Value or a function of no arguments, not {described(value)}"
    )


def graph_of(
    value: Value, guards: Sequence[tuple[Value, bool, str]], labels: dict[Value, str | None]
) -> Graph:
    """The graph of a value; TypeError if it has an operation that no page could show."""
    graph = Graph(value, guards, labels)
    for node in graph.examples:
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
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.values: list[float] = []
        self.gradients = [0.0] * graph.size
        for place, node in enumerate(graph.nodes):
            if node.parents:
                xs = self._operands(place)
                self.values.append(float(_primitive(node).function(*xs)))
            else:
                self.values.append(float(node.data))
        self.gradients[-1] = 1.0
        for place in reversed(range(graph.size)):
            if graph.nodes[place].parents and self.gradients[place]:
                contributions = self.sent(place, self.gradients[place])
                for parent, contribution in zip(graph.parents[place], contributions, strict=True):
                    self.gradients[parent] += contribution

    def sent(self, place: int, g: float) -> list[float]:
        """What a node hands to each of its parents, given that gradient of its own.

        Of zero that is zero, even multiplied by inf; for 1 it is the local derivatives.
        """
        node = self._graph.nodes[place]
        if not g:
            return [0.0] * len(node.parents)
        which: Iterable[int] = range(len(node.parents))
        if node._closure.has_constants:
            which = [i for i, o in enumerate(node.operands) if isinstance(o, Value)]
        xs = self._operands(place)
        return pullback(_primitive(node), g, self.values[place], xs, which)

    def _operands(self, place: int) -> list[float]:
        if not self._graph.nodes[place]._closure.has_constants:
            return list(map(self.values.__getitem__, self._graph.parents[place]))
        operands = self._graph.operands(place)
        return [self.values[o] if isinstance(o, int) else o for o in operands]


def _primitive(node: Value) -> Primitive:
    primitive = node._closure.primitive
    assert primitive is not None
    return primitive
