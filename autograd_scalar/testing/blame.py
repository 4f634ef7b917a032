"""Which operation is to blame for a wrong derivative, if any is.

Every node of the graph is checked on its own, by the same comparisons as the whole: the rule of its
primitive against differences of the primitive's float function, at the numbers that the node had.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from autograd_scalar.graph import topological_order
from autograd_scalar.testing.adapters import MODES, Adapter, directions_of
from autograd_scalar.testing.differences import NOISE_STEP, units_around
from autograd_scalar.testing.report import (
    KINK,
    RIGHT,
    UNCLEAR,
    WRONG,
    Comparison,
    GradientReport,
    failures,
)
from autograd_scalar.testing.rounding import Rounding, chain_rule_sizes
from autograd_scalar.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from autograd_scalar.testing.checking import Flat, _Check

    Interval = tuple[float, float]


ROUNDING = 64 * math.ulp(1.0)  # of what the chain rule adds up; programs of the tests need 8


@dataclass(frozen=True)
class LocalCheck:
    """An operation of a graph, checked on its own.

    Attributes:
        node: where it was first used.
        call: the operation with its numbers, as in ``exp(-2.0)``.
        comparisons: those of its derivatives by the operands that are nodes.
        value: what the primitive's function gives; unequal to the node's number if that was changed
            after it was computed.
    """

    node: Value
    call: str
    comparisons: tuple[Comparison, ...]
    value: float

    @property
    def singular(self) -> bool:
        """Whether it is at a kink, or where it has no slope at all."""
        return not self.comparisons or any(
            c.verdict == KINK or _endless(c) for c in self.comparisons
        )

    @property
    def wrong(self) -> tuple[Comparison, ...]:
        return tuple(c for c in self.comparisons if c.verdict == WRONG)


def local_checks(check: _Check, order: Sequence[Value], highest: int) -> list[LocalCheck]:
    """One for each operation at each of its operands, up to that order of derivatives."""
    seen: dict[Any, LocalCheck] = {}
    for node in order:
        primitive = node._closure.primitive
        if not node.parents or primitive is None:
            continue
        numbers = [o if o.__class__ is float else o.data for o in node.operands]
        moving = [i for i, o in enumerate(node.operands) if o.__class__ is not float]
        key = _key(node)
        if key in seen:
            continue
        call = f"{primitive.__name__}({', '.join(map(repr, numbers))})"
        comparisons: list[Comparison] = []
        value = primitive.function(*numbers)
        if all(map(math.isfinite, (value, *numbers))):
            alone, flat = check.of_primitive(primitive, numbers, moving)
            for k in range(1, highest + 1):
                comparisons += alone.compare(flat, k)
                if any(c.verdict in (KINK, WRONG) for c in comparisons):
                    break
        seen[key] = LocalCheck(node, call, tuple(comparisons), value)
    return list(seen.values())


def excuse(
    check: _Check, flat: Flat, order: int, found: list[Comparison], notes: list[str]
) -> list[Comparison]:
    """The comparisons, with those called unclear that a kink inside of the graph explains.

    Where an operation is at a kink, its derivative is a convention, and the chain rule need not
    give a derivative of the whole: relu(x) - relu(-x) is x, and with relu'(0) = 0 its derivative at
    0 is 0 (Kakade and Lee 2018). So, if no operation is wrong: intervals between the derivatives
    from left and right go through the chain rule. If both the derivative and the differences are
    within what comes out, neither is wrong. For higher orders a kink anywhere explains all.
    """
    graph = Graph.of(check, flat)
    if graph is None:
        return found
    found = _without_rounding(check, flat, order, found)
    if all(c.verdict != WRONG for c in found):
        return found
    checks = local_checks(check, graph.order, order)
    singular = [c for c in checks if c.singular]
    if any(c.wrong for c in checks) or not singular:
        return found
    intervals = graph.gradient_intervals(check, checks) if order == 1 else []
    excused = []
    for c in found:
        if c.verdict == WRONG and not c.within_kink:  # there it is not the one of at_kinks
            line = check.line_of(c.place)
            if order > 1 or _explains(intervals, line, c):
                c = replace(c, verdict=UNCLEAR)
        excused.append(c)
    if excused != found:
        calls = ", ".join(dict.fromkeys(c.call for c in singular))
        notes.append(
            f"no derivative can be told for sure: there is a kink, a jump or an infinite slope at "
            f"{calls}"
        )
    return excused


def _without_rounding(
    check: _Check, flat: Flat, order: int, found: list[Comparison]
) -> list[Comparison]:
    """The comparisons, those called right which differ by no more than the chain rule rounds."""
    directions = directions_of(order - 1, len(check.xs))
    sizes = chain_rule_sizes(flat, check.xs, directions)

    def is_rounding(c: Comparison) -> bool:
        line = check.line_of(c.place)
        added = math.fsum(size * abs(v) for size, v in zip(sizes, line, strict=True) if v)
        rounding = ROUNDING * added + _noise_beside(check, flat, directions, line)
        return c.slope.distance(c.analytic) <= rounding + 4 * c.slope.error

    return [
        replace(c, verdict=RIGHT)
        if c.verdict == WRONG and not c.slope.kink and is_rounding(c)
        else c
        for c in found
    ]


def _noise_beside(
    check: _Check, flat: Flat, directions: Sequence[Sequence[float]], line: Sequence[float]
) -> float:
    """What a slope owes to rounding that is none at the point itself, as of multiples of x at 0."""
    unit = units_around([x for x, v in zip(check.xs, line, strict=True) if v])[0]
    moved = [x + NOISE_STEP * unit * v for x, v in zip(check.xs, line, strict=True)]
    here, beside = (Rounding(flat, xs, directions).along(line) for xs in (check.xs, moved))
    return beside / (NOISE_STEP * unit) if here < 1e-3 * beside else 0.0


def _explains(intervals: Sequence[Interval], line: Sequence[float], c: Comparison) -> bool:
    total: Interval = (0.0, 0.0)
    for interval, v in zip(intervals, line, strict=True):
        if v:
            total = _plus(total, _times(interval, (v, v)))
    low, high = total
    slack = 1e-6 * max(abs(c.slope.left), abs(c.slope.right)) + 4 * c.slope.error
    numbers = (c.analytic, c.slope.left, c.slope.right)
    return all(x != x or low - slack <= x <= high + slack for x in numbers)


@dataclass(frozen=True)
class Graph:
    inputs: list[Value]
    output: Value
    order: list[Value]

    @classmethod
    def of(cls, check: _Check, flat: Flat) -> Graph | None:
        """The graph that the function records; None if it records none."""
        if type(check.adapter) is not Adapter:
            return None
        inputs = [Value(x) for x in check.xs]
        output = flat(inputs)
        if not isinstance(output, Value):
            return None
        return cls(inputs, output, topological_order(output))

    def gradient_intervals(self, check: _Check, checks: Sequence[LocalCheck]) -> list[Interval]:
        """Between which numbers the chain rule puts the derivative by each input."""
        slopes: dict[tuple[Any, ...], list[Interval]] = {}
        for local in checks:
            slopes[_key(local.node)] = _intervals(local)
        found: dict[Value, Interval] = {self.output: (1.0, 1.0)}
        for node in reversed(self.order):
            upstream = found.get(node)
            if upstream is None or _key(node) not in slopes:
                continue
            for parent, interval in zip(node.parents, slopes[_key(node)], strict=True):
                earlier = found.get(parent, (0.0, 0.0))
                found[parent] = _plus(earlier, _times(upstream, interval))
        return [found.get(x, (0.0, 0.0)) for x in self.inputs]


def _key(node: Value) -> tuple[Any, ...]:
    """What nodes have in common that do the same to the same numbers."""
    operands = node.operands
    numbers = [o if o.__class__ is float else o.data for o in operands]
    return (node.op, *numbers, *[o.__class__ is float for o in operands])


def _intervals(local: LocalCheck) -> list[Interval]:
    """For each parent of the node, between which numbers its derivative is."""
    first = {c.place: c for c in local.comparisons if c.order == 1}
    intervals: list[Interval] = []
    for i in range(len(local.node.parents)):
        c = first.get(f"args[{i}]")
        if c is None or _endless(c):
            intervals.append((-math.inf, math.inf))
        else:
            low, high = sorted((c.slope.left, c.slope.right))
            intervals.append((low - c.slope.error, high + c.slope.error))
    return intervals


def _endless(c: Comparison) -> bool:
    """Whether there is no slope: the function jumps, or is vertical."""
    return not c.slope.found or (c.verdict == UNCLEAR and not math.isfinite(c.analytic))


def _plus(a: Interval, b: Interval) -> Interval:
    return a[0] + b[0], a[1] + b[1]


def _times(a: Interval, b: Interval) -> Interval:
    """All products; of 0 and something without bounds anything, as a jump may change the 0 too."""
    if math.inf in (*a, *b) or -math.inf in (*a, *b):
        return -math.inf, math.inf
    products = [x * y for x in a for y in b]
    return min(products), max(products)


# --- The message ----------------------------------------------------------------------------------


def message(check: _Check, report: GradientReport, wrong: Sequence[Comparison]) -> str:
    """What is wrong, with what, and how to see it again."""
    only_strict = not report.wrong
    first = wrong[0]
    what = "can't be proven, as strict=True demands" if only_strict else f"is wrong: {first.ratio}"
    head = f"the derivative of {check.name} by {first.place} {what}"
    suspects = [] if only_strict else list(_suspicions(check, wrong))
    return "\n\n".join(
        [
            f"{head}\n\n{failures(wrong)}",
            *suspects,
            *report.notes,
            f"To see it again:\n\n    {_call(check)}",
        ]
    )


def _suspicions(check: _Check, wrong: Sequence[Comparison]) -> Iterator[str]:
    """Each a sentence or two about a cause."""
    if any(c.within_kink for c in wrong):
        yield f"There is a kink, and at_kinks={check.at_kinks!r} says which derivative is right."
        return
    failing = {mode for c in wrong for mode in c.modes}
    if failing != set(check.modes):
        fine = ", ".join(sorted(set(check.modes) - failing))
        yield f"The derivative computed in {fine} mode agrees with the differences."
    if type(check.adapter) is not Adapter:
        return
    highest = max(c.order for c in wrong)
    outputs = range(len(check.outputs))
    for output in outputs:
        flat = check.flat(output)
        graph = Graph.of(check, flat)
        if graph is None:
            yield (
                f"{check.name} returned a plain number for a Value, so its derivative is lost: a "
                "float(), a .data, a detach() or a function of math or NumPy is in its way."
            )
            return
        checks = local_checks(check, graph.order, highest)
        suspected = [c for c in checks if c.wrong]
        changed = [c for c in checks if not _same(c.node.data, c.value)]
        by_hand = [n for n in graph.order if n.parents and n._closure.primitive is None]
        if suspected:
            lines = "\n\n".join(f"  {c.call}\n{failures(c.wrong)}" for c in suspected[:4])
            names = ", ".join(dict.fromkeys(f"{c.node.op!r}" for c in suspected))
            yield f"Suspected: the rule of {names}. On its own it is wrong too:\n\n{lines}"
        elif changed:
            calls = "; ".join(f"{c.call} is {c.value!r}, not {c.node.data!r}" for c in changed[:4])
            yield f"Suspected: data that was changed after it was computed: {calls}."
        elif by_hand:
            names = ", ".join(dict.fromkeys(f"{node.op!r}" for node in by_hand))
            yield f"Suspected: the _backward written by hand, of {names}: it has no rule to check."
        elif lost := _not_in_graph(check, graph, wrong):
            yield (
                f"Suspected: {lost} is not in the graph of the result, though the result depends "
                "on it: a float(), a .data or a detach() is in its way."
            )
        elif not _same(float(flat(check.xs)), graph.output.data):
            yield (
                f"Suspected: {check.name} computes another number on Values, "
                f"{graph.output.data!r}, than on floats, {flat(check.xs)!r}."
            )
        else:
            yield (
                "Each operation is right on its own. Suspected: a number that the result depends "
                "on and the graph does not hold (a .data, a detach(), a no_grad()), or "
                "contributions that are not added up."
            )


def _not_in_graph(check: _Check, graph: Graph, wrong: Sequence[Comparison]) -> str:
    """The first argument that is wrong and that the result was not computed from."""
    nodes = set(graph.order)
    failing = {c.place for c in wrong}
    for place, value in zip(check.places, graph.inputs, strict=True):
        if value not in nodes and any(name.endswith(place) for name in failing):
            return place
    return ""


def _same(a: float, b: float) -> bool:
    return a == b or (a != a and b != b)


def _call(check: _Check) -> str:
    defaults = {"order": 2, "modes": MODES, "digits": 7, "at_kinks": "between"}
    defaults |= {"strict": False, "reference": False}
    options = [f"{k}={check.options[k]!r}" for k, v in defaults.items() if check.options[k] != v]
    args = [repr(arg).replace("array(", "numpy.array(") for arg in check.args]
    name = check.name if check.name.isidentifier() else "f"
    return f"check_gradients({', '.join([name, *args, *options])})"
