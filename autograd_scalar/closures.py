"""Local backward closures: how the gradient of one result flows on to what it was computed from.

A node keeps a reference to one of these. It closes over nothing of the node: what it needs it finds
in the node it is given, so all nodes of one operation share one. No node then refers to itself, and
a graph is freed the moment its last name goes. It also matters for speed: the garbage collector
visits every container it tracks, and a closure of its own on every node, with its cells, made a
training step three times slower.

There is a kind for each place that a constant can stand in. A constant operand has no node; the
node that uses it keeps the float in ``_constant``.
"""

from __future__ import annotations

import operator
from functools import cache

from autograd_scalar.chain_rule import pullback
from autograd_scalar.primitives import Primitive, detached
from autograd_scalar.rules import Double

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from autograd_scalar.value import Value


_parents = operator.attrgetter("parents")


def constant_last(node: Value) -> tuple[Any, ...]:
    """The operands of a node whose right operand is a constant."""
    return (*node.parents, node._constant)


def constant_first(node: Value) -> tuple[Any, ...]:
    """The operands of a node whose left operand is a constant."""
    return (node._constant, *node.parents)


class Closure:
    """What all nodes of one operation share: its name, and how gradient flows back through it.

    Attributes:
        op: the name of the operation.
        primitive: its entry in the rules table; None for a node that was wired by hand.
        backward: adds a node's contributions to the gradients of its parents.
        operands: a node's parents and constants, each in its place.
    """

    __slots__ = ("backward", "op", "operands", "primitive")

    def __init__(
        self,
        op: str,
        primitive: Primitive | None,
        backward: Callable[[Value], None],
        operands: Callable[[Value], tuple[Any, ...]] = _parents,
    ) -> None:
        self.op = op
        self.primitive = primitive
        self.backward = backward
        self.operands = operands

    @property
    def has_constants(self) -> bool:
        """Whether some operands are constants."""
        return self.operands is not _parents


def send_nothing(node: Value) -> None:
    """The backward of a leaf, and of a node wired by hand before its ``_backward`` is assigned."""


LEAF = Closure("", None, send_nothing)


@cache
def unary(primitive: Primitive) -> Closure:
    """One operand, a node."""
    (derivative,) = primitive.derivatives

    def backward(node: Value) -> None:
        (x,) = node.parents
        x.grad += derivative(node.grad, node.data, x.data)

    return Closure(primitive.name, primitive, backward)


@cache
def binary(primitive: Primitive) -> Closure:
    """Two operands, both nodes."""
    by_a, by_b = primitive.derivatives

    def backward(node: Value) -> None:
        a, b = node.parents
        g, y, a_data, b_data = node.grad, node.data, a.data, b.data
        to_a = by_a(g, y, a_data, b_data)
        to_b = by_b(g, y, a_data, b_data)
        a.grad += to_a
        b.grad += to_b

    return Closure(primitive.name, primitive, backward)


@cache
def constant_right(primitive: Primitive) -> Closure:
    """Two operands, the right one a constant."""
    by_a, _ = primitive.derivatives

    def backward(node: Value) -> None:
        (a,) = node.parents
        a.grad += by_a(node.grad, node.data, a.data, node._constant)

    return Closure(primitive.name, primitive, backward, constant_last)


@cache
def constant_left(primitive: Primitive) -> Closure:
    """Two operands, the left one a constant."""
    _, by_b = primitive.derivatives

    def backward(node: Value) -> None:
        (b,) = node.parents
        b.grad += by_b(node.grad, node.data, node._constant, b.data)

    return Closure(primitive.name, primitive, backward, constant_first)


@cache
def variadic(primitive: Primitive) -> Closure:
    """Any number of operands, all nodes."""
    (rule,) = primitive.derivatives

    def backward(node: Value) -> None:
        parents = node.parents
        contributions = list(rule(node.grad, node.data, *[parent.data for parent in parents]))
        for parent, contribution in zip(parents, contributions, strict=True):
            parent.grad += contribution

    return Closure(primitive.name, primitive, backward)


@cache
def mixed(primitive: Primitive) -> Closure:
    """Any number of operands, constants anywhere: ``_constant`` then holds all the operands."""

    def backward(node: Value) -> None:
        for operand, contribution in zip(node._constant, _run_rule(node), strict=True):
            if operand.__class__ is not float:
                operand.grad += contribution

    return Closure(primitive.name, primitive, backward, operator.attrgetter("_constant"))


def _run_rule(node: Value) -> list[Any]:
    """The contribution to each operand of ``node``."""
    primitive: Any = node._closure.primitive
    numbers = [o if o.__class__ is float else o.data for o in node.operands]
    if primitive.variadic:
        return list(primitive.derivatives[0](node.grad, node.data, *numbers))
    return [derivative(node.grad, node.data, *numbers) for derivative in primitive.derivatives]


def link(
    primitive: Primitive, operands: tuple[Value | float, ...], constants: bool
) -> tuple[tuple[Value, ...], Closure, Any]:
    """The parents, the closure and the constant of a node of ``primitive`` over ``operands``.

    ``constants`` says whether there are floats among them.
    """
    parents: Any = operands
    if constants:
        parents = tuple([operand for operand in operands if operand.__class__ is not float])
        if not primitive.variadic and len(operands) == 2:
            if operands[1].__class__ is float:
                return parents, constant_right(primitive), operands[1]
            return parents, constant_left(primitive), operands[0]
    elif primitive.variadic:
        return parents, variadic(primitive), None
    elif len(operands) == 1:
        return parents, unary(primitive), None
    elif len(operands) == 2:
        return parents, binary(primitive), None
    return parents, mixed(primitive), operands


def contributions(node: Value) -> list[tuple[Value, float]]:
    """Each parent of ``node``, once per use, with its contribution, on numbers that never raise.

    This is what a closure computes, slowly and with every check: ValueError if a rule gives another
    number of contributions than there are operands, TypeError if one of them is not a number.
    """
    operands, primitive = node.operands, node._closure.primitive
    assert primitive is not None
    y, g, *numbers = [
        Double(x) if isinstance(x, float) else x
        for x in (node.data, node.grad, *map(detached, operands))
    ]
    places = [i for i, o in enumerate(operands) if o.__class__ is not float]
    found = pullback(primitive, g, y, numbers, places)
    return list(zip(node.parents, found, strict=True))
