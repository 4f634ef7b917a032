"""``Value``: a number that remembers how it was computed.

Arithmetic on Values builds a graph. Each node holds its result (``data``), the nodes it was
computed from (``parents``) and a local backward closure, which knows the one thing needed later:
how the gradient of this result flows on to these parents. ``backward`` puts the graph in
topological order and calls the closures from the result back to the leaves. That is all of
reverse-mode automatic differentiation (Linnainmaa 1970; Griewank and Walther 2008).

A closure closes over nothing: what it needs it finds in the node it is given, so all nodes of one
operation share one. No node then refers to itself, and a graph is freed the moment its last name
goes. It also matters for speed: CPython's cyclic collector visits every container it tracks, and
a closure of its own on every node made a training step three times slower.
"""

from __future__ import annotations

import operator
from _thread import allocate_lock
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol

from autograd_scalar import rules
from autograd_scalar.graph import topological_order
from autograd_scalar.rules import Double, Primitive, as_float, primitive_named

_new = object.__new__


# --- Local backward closures ----------------------------------------------------------------------
#
# One kind for each place that a constant can stand in. A constant operand has no node; the node
# that uses it keeps it in ``_constant``.


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
        operands: Callable[[Value], tuple[Any, ...]] = operator.attrgetter("parents"),
    ) -> None:
        self.op = op
        self.primitive = primitive
        self.backward = backward
        self.operands = operands


def _unary(primitive: Primitive) -> Closure:
    (derivative,) = primitive.derivatives

    def backward(node: Value) -> None:
        (x,) = node.parents
        x.grad += derivative(node.grad, node.data, x.data)

    return Closure(primitive.name, primitive, backward)


def _binary(primitive: Primitive) -> Closure:
    by_a, by_b = primitive.derivatives

    def backward(node: Value) -> None:
        a, b = node.parents
        g, y, a_data, b_data = node.grad, node.data, a.data, b.data
        to_a = by_a(g, y, a_data, b_data)
        to_b = by_b(g, y, a_data, b_data)
        a.grad += to_a
        b.grad += to_b

    return Closure(primitive.name, primitive, backward)


def _constant_right(primitive: Primitive) -> Closure:
    by_a, _ = primitive.derivatives

    def backward(node: Value) -> None:
        (a,) = node.parents
        a.grad += by_a(node.grad, node.data, a.data, node._constant)

    return Closure(
        primitive.name, primitive, backward, lambda node: (*node.parents, node._constant)
    )


def _constant_left(primitive: Primitive) -> Closure:
    _, by_b = primitive.derivatives

    def backward(node: Value) -> None:
        (b,) = node.parents
        b.grad += by_b(node.grad, node.data, node._constant, b.data)

    return Closure(
        primitive.name, primitive, backward, lambda node: (node._constant, *node.parents)
    )


def _variadic(primitive: Primitive) -> Closure:
    (rule,) = primitive.derivatives

    def backward(node: Value) -> None:
        parents = node.parents
        contributions = rule(node.grad, node.data, *[parent.data for parent in parents])
        for parent, contribution in zip(parents, contributions, strict=True):
            parent.grad += contribution

    return Closure(primitive.name, primitive, backward)


def _mixed(primitive: Primitive) -> Closure:
    """Any primitive, with constants anywhere: ``_constant`` then holds all the operands."""

    def backward(node: Value) -> None:
        for operand, contribution in zip(node._constant, _run_rule(node), strict=True):
            if isinstance(operand, Value):
                operand.grad += contribution

    return Closure(primitive.name, primitive, backward, operator.attrgetter("_constant"))


def _run_rule(node: Value, kind: Callable[[Any], Any] | None = None) -> Iterable[Any]:
    """The contribution to each operand of ``node``, computed on floats or numbers of a ``kind``."""
    primitive: Any = node._closure.primitive
    numbers = [o.data if isinstance(o, Value) else o for o in node.operands]
    facts = (node.grad, node.data, *numbers)
    if kind is not None:
        facts = tuple(map(kind, facts))
    if primitive.variadic:
        return primitive.derivatives[0](*facts)  # type: ignore[no-any-return]
    return [derivative(*facts) for derivative in primitive.derivatives]


_CLOSURES: dict[tuple[Callable[[Primitive], Closure], Primitive], Closure] = {}


def _closure(kind: Callable[[Primitive], Closure], primitive: Primitive) -> Closure:
    if (kind, primitive) not in _CLOSURES:
        _CLOSURES[kind, primitive] = kind(primitive)
    return _CLOSURES[kind, primitive]


def _link(
    primitive: Primitive, operands: tuple[Any, ...]
) -> tuple[tuple[Value, ...], Closure, Any]:
    """The parents, the closure and the constant of a node of ``primitive`` over ``operands``."""
    parents = tuple([operand for operand in operands if isinstance(operand, Value)])
    if len(parents) == len(operands):
        if primitive.variadic:
            return parents, _closure(_variadic, primitive), None
        if len(parents) <= 2:
            return parents, _closure(_unary if len(parents) == 1 else _binary, primitive), None
    elif len(operands) == 2 and not primitive.variadic:
        if isinstance(operands[0], Value):
            return parents, _closure(_constant_right, primitive), operands[1]
        return parents, _closure(_constant_left, primitive), operands[0]
    return parents, _closure(_mixed, primitive), operands


def contributions(node: Value) -> list[tuple[Value, float]]:
    """Each parent of ``node``, once per use, with its contribution, on numbers that never raise.

    This is what a closure does, slowly and with every check: ValueError if a rule gives another
    number of contributions than there are operands, TypeError if one of them is not a number.
    """
    operands, found = node.operands, list(_run_rule(node, Double))
    what = f"the derivative rule of {node.op!r}"
    if len(found) != len(operands):
        raise ValueError(
            f"{what} must give one contribution per operand: {len(operands)}, not {len(found)}"
        )
    return [
        (operand, as_float(contribution, f"{what}: a contribution"))
        for operand, contribution in zip(operands, found, strict=True)
        if isinstance(operand, Value)
    ]


# --- Recording ------------------------------------------------------------------------------------


class Detector(Protocol):
    """What ``detect_anomaly`` puts between an operation and its record."""

    def record(self, primitive: Primitive, operands: tuple[Any, ...], data: float) -> Value: ...

    def backward(self, node: Value) -> None: ...


class Mode(NamedTuple):
    """How operations are recorded in this thread or task."""

    recording: bool = True
    detector: Detector | None = None


_mode: ContextVar[Mode] = ContextVar("mode", default=Mode())
_modes_entered = 0
_modes_lock = allocate_lock()
_ordinary = True  # no mode entered in any thread: the one thing that the fast paths below look at


@contextmanager
def enter_mode(**changes: Any) -> Iterator[None]:
    """Change the ``Mode`` of this thread or task for the length of a ``with`` block."""
    global _modes_entered, _ordinary
    token = _mode.set(_mode.get()._replace(**changes))
    with _modes_lock:
        _modes_entered += 1
        _ordinary = False
    try:
        yield
    finally:
        _mode.reset(token)
        with _modes_lock:
            _modes_entered -= 1
            _ordinary = not _modes_entered


def _node(
    data: float,
    parents: tuple[Value, ...],
    closure: Closure,
    constant: Any,
    kind: type[Value] | None = None,
) -> Value:
    node = _new(kind or Value)
    node.data = data
    node.grad = 0.0
    node.parents = parents
    node.label = None
    node._closure = closure
    node._constant = constant
    return node


def _operand(primitive: Primitive, operand: Any) -> Any:
    """A Value as it is, a constant as a float."""
    if isinstance(operand, Value):
        return operand
    return as_float(operand, f"{primitive.name}: an operand that is no Value")


# The methods below repeat the body of ``_node``, as a call would make each operation a fifth slower.


def _operators(primitive: Primitive) -> tuple[Any, Any]:
    """The operator of a binary primitive and its reflection, for numbers on the left."""
    function = primitive.function
    both = _closure(_binary, primitive)
    right = _closure(_constant_right, primitive)
    left = _closure(_constant_left, primitive)

    def operate(self: Value, other: Any) -> Any:
        if _ordinary and other.__class__ is Value:
            node = _new(Value)
            node.data = function(self.data, other.data)
            node.grad = 0.0
            node.parents = (self, other)
            node.label = None
            node._closure = both
            node._constant = None
            return node
        if _ordinary and other.__class__ is float:
            return _node(function(self.data, other), (self,), right, other)
        return _general(primitive, other, (self, other))

    def reflected(self: Value, other: Any) -> Any:
        if _ordinary and other.__class__ is float:
            return _node(function(other, self.data), (self,), left, other)
        return _general(primitive, other, (other, self))

    return operate, reflected


def _general(primitive: Primitive, other: Any, operands: tuple[Any, ...]) -> Any:
    try:
        _operand(primitive, other)
    except TypeError:
        if type(other).__module__ == "builtins":
            raise
        return NotImplemented  # an array, a dual number: its own class may know what to do
    return Value.__primitive__(primitive, operands)


def _method(primitive: Primitive) -> Callable[[Value], Value]:
    """A unary primitive as a method; NumPy calls these on arrays of Values."""
    function = primitive.function
    closure = _closure(_unary, primitive)

    def method(self: Value) -> Value:
        if _ordinary:
            node = _new(Value)
            node.data = function(self.data)
            node.grad = 0.0
            node.parents = (self,)
            node.label = None
            node._closure = closure
            node._constant = None
            return node
        return Value.__primitive__(primitive, (self,))

    method.__name__ = method.__qualname__ = primitive.__name__
    method.__doc__ = (primitive.__doc__ or "").partition(">>>")[0].strip()
    return method


def _comparison(compare: Callable[[float, float], bool]) -> Callable[[Value, Any], Any]:
    def method(self: Value, other: Any) -> Any:
        if isinstance(other, Value):
            return compare(self.data, other.data)
        try:
            return compare(self.data, as_float(other, "the other side"))
        except TypeError:
            return NotImplemented

    return method


# --- Value ----------------------------------------------------------------------------------------


class Value:
    """A number that remembers how it was computed.

    >>> a = Value(2.0, label="a")
    >>> b = Value(-3.0, label="b")
    >>> c = a * b + 10
    >>> c.backward()
    >>> c.data, a.grad, b.grad
    (4.0, -3.0, 2.0)

    Attributes:
        data: the number, a float.
        grad: the derivative of what ``backward`` was last called on, by this number; 0.0 at birth.
        parents: the Values this one was computed from; () for a leaf.
        label: a name to print and draw, or None.

    Equality and hash are by identity; ``<``, ``<=``, ``>``, ``>=`` compare the numbers.

    Args:
        data: an int, float, bool, ``Fraction`` or NumPy scalar.
        _children: parents of a node that is wired by hand, as in micrograd; assign its
            ``_backward`` then.
        _op: the operation's name of such a node.
        label: a name to print and draw.

    Raises:
        TypeError: if ``data`` is not one real number.
    """

    __slots__ = ("__weakref__", "_closure", "_constant", "data", "grad", "label", "parents")

    data: float
    grad: float
    parents: tuple[Value, ...]
    label: str | None
    _closure: Closure
    _constant: Any

    def __init__(
        self,
        data: Any,
        _children: Iterable[Value] = (),
        _op: str = "",
        label: str | None = None,
    ) -> None:
        self.data = data if data.__class__ is float else as_float(data, "Value: data")
        self.grad = 0.0
        self.parents = tuple(_children) if _children else ()
        self.label = label
        self._closure = Closure(_op, None, _nothing) if _op or self.parents else _LEAF
        self._constant = None
        if label is not None and not isinstance(label, str):
            raise TypeError(f"Value: label must be a string or None, not {label!r}")
        for child in self.parents:
            if not isinstance(child, Value):
                raise TypeError(f"Value: _children must be Values, not {child!r}")

    @property
    def op(self) -> str:
        """The name of the operation that made this Value; '' for a leaf."""
        return self._closure.op

    @property
    def operands(self) -> tuple[Any, ...]:
        """What the operation was applied to: parents and constants (floats), each in its place."""
        return self._closure.operands(self)

    # --- The backward pass ---

    def backward(self, seed: float = 1.0) -> None:
        """Add the derivative of this Value by every leaf, times ``seed``, to the leaf's ``grad``.

        For each node, from this one back to the leaves, the chain rule:
        d(self)/d(parent) is the sum of d(self)/d(node) * d(node)/d(parent) over the nodes that use
        the parent. Gradients of inner nodes are cleared first, those of leaves are added to: a
        second pass doubles every leaf, and two losses that share a part add up right.

        A gradient of exactly zero contributes nothing, whatever it would be multiplied by.

        >>> x = Value(3.0)
        >>> y = x * x
        >>> y.backward()
        >>> x.grad
        6.0
        >>> y.backward(seed=10.0)
        >>> x.grad
        66.0

        Raises TypeError if ``seed`` is not a number.
        """
        seed = as_float(seed, "backward: seed")
        inner = [node for node in topological_order(self) if node.parents]
        for node in inner:
            node.grad = 0.0
        self.grad += seed
        inner.reverse()
        _propagate(inner)

    def detach(self) -> Value:
        """A new leaf with the same number, through which no gradient flows.

        >>> x = Value(3.0)
        >>> (x * x.detach()).backward()
        >>> x.grad
        3.0
        """
        return Value(self.data, label=self.label)

    @classmethod
    def __primitive__(cls, primitive: Primitive, operands: tuple[Any, ...]) -> Value:
        """The result of a primitive, recorded: the protocol by which primitives take Values."""
        primitive.check_count(operands)
        if {*map(type, operands)} == {Value}:
            numbers = [operand.data for operand in operands]
        else:
            operands = tuple([_operand(primitive, operand) for operand in operands])
            numbers = [o.data if isinstance(o, Value) else o for o in operands]
        data = primitive.function(*numbers)
        if data.__class__ is not float:
            data = as_float(data, f"the result of {primitive.name}")
        mode = _mode.get()
        if mode.detector is not None:
            node = mode.detector.record(primitive, operands, data)
        else:
            node = _node(data, *_link(primitive, operands))
        return node if mode.recording else Value(data)

    # --- Arithmetic ---

    __add__, __radd__ = _operators(rules.add)
    __sub__, __rsub__ = _operators(rules.subtract)
    __mul__, __rmul__ = _operators(rules.multiply)
    __truediv__, __rtruediv__ = _operators(rules.divide)
    __pow__, __rpow__ = _operators(rules.power)
    __mod__, __rmod__ = _operators(rules.mod)
    __floordiv__, __rfloordiv__ = _operators(rules.floor_divide)
    __neg__ = _method(rules.negative)
    __abs__ = _method(rules.absolute)
    __floor__ = _method(rules.floor)
    __ceil__ = _method(rules.ceil)

    def __pos__(self) -> Value:
        return self

    def __divmod__(self, other: Any) -> tuple[Value, Value]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Value, Value]:
        return other // self, other % self

    # --- Functions, under their own names and under NumPy's, which calls them on arrays ---

    exp = _method(rules.exp)
    expm1 = _method(rules.expm1)
    exp2 = _method(rules.exp2)
    log = _method(rules.log)
    log1p = _method(rules.log1p)
    log2 = _method(rules.log2)
    log10 = _method(rules.log10)
    sqrt = _method(rules.sqrt)
    cbrt = _method(rules.cbrt)
    sin = _method(rules.sin)
    cos = _method(rules.cos)
    tan = _method(rules.tan)
    arcsin = asin = _method(rules.asin)
    arccos = acos = _method(rules.acos)
    arctan = atan = _method(rules.atan)
    sinh = _method(rules.sinh)
    cosh = _method(rules.cosh)
    tanh = _method(rules.tanh)
    arcsinh = asinh = _method(rules.asinh)
    arccosh = acosh = _method(rules.acosh)
    arctanh = atanh = _method(rules.atanh)
    arctan2 = atan2 = _operators(rules.atan2)[0]
    hypot = _operators(rules.hypot)[0]
    fabs = _method(rules.absolute)
    sign = _method(rules.sign)
    sigmoid = _method(rules.sigmoid)
    softplus = _method(rules.softplus)
    relu = _method(rules.relu)
    gelu = _method(rules.gelu)
    silu = _method(rules.silu)
    erf = _method(rules.erf)
    erfc = _method(rules.erfc)
    lgamma = _method(rules.lgamma)

    # --- Comparison ---

    __lt__ = _comparison(operator.lt)
    __le__ = _comparison(operator.le)
    __gt__ = _comparison(operator.gt)
    __ge__ = _comparison(operator.ge)

    # --- What would drop the gradient without a word ---

    def __float__(self) -> float:
        raise TypeError(
            "float() or a function of math would drop the gradient of this Value silently: for the "
            "number say value.data, for a function use autograd_scalar's, as in autograd_scalar.sin"
        )

    def __int__(self) -> int:
        raise TypeError("int() would drop the gradient of this Value silently: say int(value.data)")

    def __bool__(self) -> bool:
        raise TypeError(
            "a Value has no truth of its own: compare it, as in value > 0, or ask value.data"
        )

    # --- Display ---

    def __repr__(self) -> str:
        label = "" if self.label is None else f", label={self.label!r}"
        return f"Value(data={self.data}, grad={self.grad}{label})"

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else repr(self)

    def __round__(self, digits: int | None = None) -> float:
        """The number, rounded for display."""
        return round(self.data, digits)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """The picture that Jupyter shows."""
        from autograd_scalar.draw import jupyter

        return jupyter(self)

    # --- Copies ---

    def __copy__(self) -> Value:
        return _copy(self, lambda parent: parent)

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        for node in topological_order(self):
            if id(node) not in memo:
                memo[id(node)] = _copy(node, lambda parent: memo[id(parent)])
        return memo[id(self)]  # type: ignore[no-any-return]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the ancestors first, one by one, so that no depth of graph recurses."""
        if not self.parents or _parents_go_before.get():
            return _restore, _facts(self)
        return _restore_after, (_Ancestors(self), *_facts(self))

    # --- What code written for micrograd uses ---

    @property
    def _prev(self) -> set[Value]:
        return set(self.parents)

    @property
    def _op(self) -> str:
        return self.op

    @property
    def _backward(self) -> Callable[[], None]:
        """The local backward step, for those who walk the graph themselves."""
        return lambda: _propagate([self])

    @_backward.setter
    def _backward(self, function: Callable[[], None]) -> None:
        self._closure = Closure(self.op, None, lambda node: function())


def _propagate(nodes: Iterable[Value]) -> None:
    """Call the local backward closures of ``nodes``, results before what they were computed from."""
    detector = None if _ordinary else _mode.get().detector
    for node in nodes:
        if node.grad:
            try:
                if detector is None:
                    node._closure.backward(node)
                else:
                    detector.backward(node)
            except (ZeroDivisionError, OverflowError):
                if node._closure.primitive is None:
                    raise
                for parent, contribution in contributions(node):
                    parent.grad += contribution
            except (TypeError, ValueError):
                if node._closure.primitive is not None:
                    contributions(node)  # says what is wrong with the rule, if it is the rule
                raise


def _nothing(node: Value) -> None:
    """The local backward closure of a node that sends no gradient on."""


_LEAF = Closure("", None, _nothing)


# --- Copying and pickling -------------------------------------------------------------------------


def _copy(node: Value, of_parent: Callable[[Value], Value]) -> Value:
    _refuse_if_wired_by_hand(node)
    constant = node._constant
    if isinstance(constant, tuple):
        constant = tuple([of_parent(o) if isinstance(o, Value) else o for o in constant])
    copy = _node(node.data, tuple(map(of_parent, node.parents)), node._closure, constant)
    copy.grad = node.grad
    copy.label = node.label
    return copy


def _refuse_if_wired_by_hand(node: Value) -> None:
    if node._closure.primitive is None and node._closure.backward is not _nothing:
        raise TypeError(
            f"can't copy or pickle {node!r}: its _backward was assigned by hand and refers to the "
            "original; make the operation a primitive instead"
        )


def _facts(node: Value) -> tuple[Any, ...]:
    """All that there is to know of a node, for ``_restore``."""
    _refuse_if_wired_by_hand(node)
    return node.data, node.grad, node._closure.primitive or node.op, node.operands, node.label


def _restore(
    data: float,
    grad: float,
    operation: Primitive | str,
    operands: tuple[Any, ...],
    label: str | None,
) -> Value:
    if isinstance(operation, Primitive):
        node = _node(data, *_link(operation, operands))
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
