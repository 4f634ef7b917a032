"""Copies and pickles of graphs of any depth, without recursion.

A gradient that is a Value, as ``backward(create_graph=True)`` leaves it, is copied as a float.
"""

from __future__ import annotations

from contextvars import ContextVar

from autograd_scalar.closures import link, send_nothing
from autograd_scalar.graph import topological_order
from autograd_scalar.primitives import Primitive, detached
from autograd_scalar.value import Value, new_node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any


def shallow(node: Value) -> Value:
    """A node of its own over the same parents."""
    return _copy(node, lambda parent: parent)


def deep(root: Value, memo: dict[int, Any]) -> Value:
    """A copy of the whole graph, less what ``memo`` has already; ``copy.deepcopy`` keeps that."""
    for node in topological_order(root):
        if id(node) not in memo:
            memo[id(node)] = _copy(node, lambda parent: memo[id(parent)])
    return memo[id(root)]  # type: ignore[no-any-return]


def reduce(node: Value) -> tuple[Any, ...]:
    """What pickle needs: the ancestors first, one by one, and then the node."""
    if not node.parents or _parents_go_before.get():
        return _restore, _facts(node)
    return _restore_after, (_Ancestors(node), *_facts(node))


def _copy(node: Value, of_parent: Callable[[Value], Value]) -> Value:
    _refuse_if_wired_by_hand(node)
    constant = node._constant
    if isinstance(constant, tuple):
        constant = tuple([of_parent(o) if isinstance(o, Value) else o for o in constant])
    copy = new_node(node.data, tuple(map(of_parent, node.parents)), node._closure, constant)
    copy.grad = detached(node.grad)
    copy.label = node.label
    return copy


def _refuse_if_wired_by_hand(node: Value) -> None:
    if node._closure.primitive is None and node._closure.backward is not send_nothing:
        raise TypeError(
            f"can't copy or pickle {node!r}: its _backward was assigned by hand and refers to the "
            "original; make the operation a primitive instead"
        )


def _facts(node: Value) -> tuple[Any, ...]:
    """All that there is to know of a node, for ``_restore``."""
    _refuse_if_wired_by_hand(node)
    operation = node._closure.primitive or node.op
    return node.data, detached(node.grad), operation, node.operands, node.label


def _restore(
    data: float,
    grad: float,
    operation: Primitive | str,
    operands: tuple[Any, ...],
    label: str | None,
) -> Value:
    if isinstance(operation, Primitive):
        node = new_node(data, *link(operation, operands, float in map(type, operands)))
    else:
        node = Value(data, operands, operation)
    node.grad = grad
    node.label = label
    return node


def _restore_after(ancestors: object, *facts: Any) -> Value:
    """``_restore`` for a root: its ancestors only had to be unpickled before its operands."""
    return _restore(*facts)


class _Ancestors:
    """The ancestors of a node, pickled as a list: each after its parents, so none recurses.

    A pickler saves the items of a list one by one and remembers what it has saved: a node that is
    shared is saved once, between several roots too.
    """

    def __init__(self, root: Value) -> None:
        self.root = root

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (), None, self._one_by_one()

    def _one_by_one(self) -> Iterator[Any]:
        end = _EndOfAncestors()
        yield from topological_order(self.root)[:-1]
        yield end


class _EndOfAncestors:
    """While one is alive and unpickled, nodes are pickled alone: their parents went before them.

    Picklers read ahead in the list, so only the last item's own turn shows that the rest are saved;
    if pickling fails before that, the end is dropped.
    """

    def __init__(self) -> None:
        _parents_go_before.set(True)
        self.reached = False

    def __reduce__(self) -> tuple[Any, ...]:
        self.__del__()
        return bool, ()

    def __del__(self) -> None:
        if not self.reached:
            self.reached = True
            _parents_go_before.set(False)


_parents_go_before: ContextVar[bool] = ContextVar("parents_go_before", default=False)
