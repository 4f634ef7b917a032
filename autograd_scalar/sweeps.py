"""Sweeps over a recorded graph: backwards for gradients, forwards for tangents.

``Value.backward`` is the reverse sweep on floats, and nothing else. The sweeps here keep what they
find apart from the nodes, and run on numbers of any kind: on the Values themselves, which gives
derivatives that can be differentiated again, or on dual numbers, which gives second derivatives
along a direction (Griewank and Walther 2008, chapters 3 and 5).
"""

from __future__ import annotations

import math
from contextlib import contextmanager

from autograd_scalar import modes
from autograd_scalar.arithmetic import new_level
from autograd_scalar.chain_rule import pullback, pushforward
from autograd_scalar.closures import contributions
from autograd_scalar.forward import Dual
from autograd_scalar.graph import topological_order
from autograd_scalar.nesting import flatten
from autograd_scalar.primitives import detached
from autograd_scalar.value import Value, float_sweep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from autograd_scalar.primitives import Primitive


def gradients(output: Value, inputs: Any, create_graph: bool = False) -> Any:
    """d(output)/d(input) for each of the ``inputs``, nested as they are; no ``grad`` is changed.

    An input may be any Value, also one inside of the graph, and its derivative counts all the ways
    from it to the output. It is 0.0 if there is none.

    With ``create_graph`` the gradients are Values of the graph themselves, to differentiate again:

    >>> x = Value(2.0)
    >>> (slope,) = gradients(x**3, [x], create_graph=True)
    >>> (curvature,) = gradients(slope, [x], create_graph=True)
    >>> slope.data, curvature.data, gradients(curvature, x)
    (12.0, 12.0, 6.0)

    Raises TypeError if ``output`` is not one Value, if an input is none, or if a gradient of a
    gradient needs the derivative of a node whose ``_backward`` was written by hand.
    """
    if not isinstance(output, Value):
        raise TypeError(f"gradients: output must be a Value, not {output!r}")
    nodes, nesting = flatten(inputs, "gradients: inputs")
    for node in nodes:
        if not isinstance(node, Value):
            raise TypeError(f"gradients: the inputs must be Values, not {node!r}")
    order = topological_order(output)
    if not create_graph:
        return nesting.fill(float_gradients(output, nodes, order))
    found = reverse_sweep(order, nodes, output, 1.0)
    return nesting.fill([_as_value(found.get(node, 0.0)) for node in nodes])


def float_gradients(output: Value, inputs: Sequence[Value], order: Sequence[Value]) -> list[float]:
    """The derivatives as floats, by the nodes' own closures; what is in ``grad`` is put back."""
    with _put_back((*order, *inputs)):
        for node in inputs:
            node.grad = 0.0
        float_sweep(order, output, 1.0, inputs)
        return [node.grad for node in inputs]


def gradients_along(
    output: Value, inputs: Sequence[Value], order: Sequence[Value], tangents: Mapping[Value, float]
) -> list[float]:
    """How fast the derivatives change as the nodes do, by the tangents: forward over reverse.

    The closures do not care whether they compute with floats or dual numbers, so for the time of a
    sweep the nodes' data are duals.
    """
    level = new_level()
    with _put_back((*order, *inputs)):
        for node in (*order, *inputs):
            node.grad = 0.0
        for node, tangent in tangents.items():
            moving: Any = Dual(node.data, tangent, level)
            node.data = moving
        output.grad = 1.0
        for node in reversed(order):
            if node.grad.__class__ is Dual or node.grad:
                try:
                    node._closure.backward(node)
                except (ZeroDivisionError, OverflowError):
                    for parent, contribution in contributions(node):
                        parent.grad += contribution
        return [x.grad.tangent if x.grad.__class__ is Dual else 0.0 for x in inputs]


@contextmanager
def _put_back(nodes: Iterable[Value]) -> Iterator[None]:
    """Whatever happens in the block, the data and gradients of the nodes are as before after it."""
    before = [(node, node.data, node.grad) for node in nodes]
    try:
        yield
    finally:
        for node, data, grad in before:
            node.data = data
            node.grad = grad


def backward_recorded(output: Value, seed: Any) -> None:
    """``Value.backward`` with ``create_graph``: leaves get Values for gradients, others floats."""
    order = topological_order(output)
    leaves = [node for node in order if not node.parents]
    found = reverse_sweep(order, leaves, output, seed)
    for node in order:
        gradient = _as_value(found.get(node, 0.0))
        if node.parents:
            node.grad = gradient.data
        else:
            has_none = node.grad.__class__ is float and not node.grad
            node.grad = gradient if has_none else node.grad + gradient


def _as_value(number: Any) -> Value:
    return number if isinstance(number, Value) else Value(number)


def reverse_sweep(
    order: Sequence[Value], inputs: Iterable[Value], output: Value, seed: Any
) -> dict[Value, Any]:
    """The derivative of the output by each node that depends on the inputs, times the seed.

    It is computed on the Values themselves, so that it can be differentiated again.
    """
    depending = set(inputs)
    for node in order:
        if not depending.isdisjoint(node.parents):
            depending.add(node)
    found: dict[Value, Any] = {output: seed}
    for node in reversed(order):
        g = found.get(node)
        if g is None or not node.parents or (g.__class__ is float and not g):
            continue
        operands = node.operands
        places = [i for i, operand in enumerate(operands) if operand in depending]
        received = pullback(_primitive(node), g, node, operands, places)
        # A nan that only a gradient of 0 makes, by meeting an infinity, is nothing. On a tape that
        # is no decision to take: there it stays what it is.
        is_zero = detached(g) == 0 and modes.recorder is None
        for i, contribution in zip(places, received, strict=True):
            if is_zero and math.isnan(detached(contribution)):
                continue
            if contribution.__class__ is not float or contribution:
                earlier = found.get(operands[i])
                found[operands[i]] = contribution if earlier is None else earlier + contribution
    return found


def forward_sweep(
    order: Iterable[Value], tangents: Mapping[Value, Any], on_floats: bool = False
) -> dict[Value, Any]:
    """The tangent of each node for those of the inputs: how fast it changes as they do.

    Nodes that do not change are left out. The tangents are Values, to be differentiated again, or
    ``on_floats`` floats.
    """
    found = {x: t for x, t in tangents.items() if t.__class__ is not float or t}
    for node in order:
        operands = node.operands
        moving = {i: found[operand] for i, operand in enumerate(operands) if operand in found}
        if moving:
            y: Any = node
            xs: Sequence[Any] = operands
            if on_floats:
                y, xs = node.data, [x if x.__class__ is float else x.data for x in operands]
            change = pushforward(_primitive(node), moving, y, xs)
            if change.__class__ is not float or change:
                found[node] = change
    return found


def _primitive(node: Value) -> Primitive:
    primitive = node._closure.primitive
    if primitive is None:
        raise TypeError(
            f"the _backward of {node!r} was written by hand, and only backward() can use it: make "
            "the operation a primitive to differentiate it forwards or again"
        )
    return primitive
