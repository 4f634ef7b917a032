"""``Value``: a number that remembers how it was computed.

Arithmetic on Values builds a graph. Each node holds its result (``data``), the nodes it was
computed from (``parents``) and a local backward closure, which knows the one thing needed later:
how the gradient of this result flows on to these parents. ``backward`` puts the graph in
topological order and calls the closures from the result back to the leaves. That is all of
reverse-mode automatic differentiation (Linnainmaa 1970; Griewank and Walther 2008).
"""

from __future__ import annotations

from autograd_scalar import closures, modes, rules
from autograd_scalar.arithmetic import Arithmetic, name_after, operate, with_floats
from autograd_scalar.closures import Closure
from autograd_scalar.graph import topological_order
from autograd_scalar.primitives import Primitive, as_float

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    Operator = Callable[["Value", Any], "Value"]

_new = object.__new__


# --- Recording an operation -----------------------------------------------------------------------
#
# The operators of ``Arithmetic`` would do. But where no mode was entered and the operands are
# Values, what ``__primitive__`` does step by step can be done at once, and these do. Those on
# Values alone repeat the body of ``new_node``, whose call would make them a fifth slower. On a
# first reading, go on to ``Value``.


def new_node(
    data: float,
    parents: tuple[Value, ...],
    closure: Closure,
    constant: Any,
    kind: type[Value] | None = None,
) -> Value:
    """A node for the result ``data``, of what ``closures.link`` returns; ``kind`` is its class."""
    node = _new(kind or Value)
    node.data = data
    node.grad = 0.0
    node.parents = parents
    node.label = None
    node._closure = closure
    node._constant = constant
    return node


def _operators(primitive: Primitive) -> tuple[Operator, Operator]:
    """The operator of a binary primitive and its reflection, for numbers on the left."""
    function = primitive.function
    both = closures.binary(primitive)
    right = closures.constant_right(primitive)
    left = closures.constant_left(primitive)

    def method(self: Value, other: Any) -> Any:
        kind = other.__class__
        if kind is Value and modes.ordinary:
            node = _new(Value)
            node.data = function(self.data, other.data)
            node.grad = 0.0
            node.parents = (self, other)
            node.label = None
            node._closure = both
            node._constant = None
            return node
        if (kind is float or kind is int) and modes.ordinary:
            other = float(other)
            return new_node(function(self.data, other), (self,), right, other)
        return operate(primitive, other, (self, other))

    def reflected(self: Value, other: Any) -> Any:
        kind = other.__class__
        if (kind is float or kind is int) and modes.ordinary:
            other = float(other)
            return new_node(function(other, self.data), (self,), left, other)
        return operate(primitive, other, (other, self))

    return method, reflected


def _method(primitive: Primitive) -> Callable[[Value], Any]:
    """A unary primitive as a method."""
    function = primitive.function
    closure = closures.unary(primitive)

    def method(self: Value) -> Any:
        if self.__class__ is Value and modes.ordinary:
            node = _new(Value)
            node.data = function(self.data)
            node.grad = 0.0
            node.parents = (self,)
            node.label = None
            node._closure = closure
            node._constant = None
            return node
        return primitive(self)

    return name_after(primitive, method, "Value")


# --- Value ----------------------------------------------------------------------------------------


class Value(Arithmetic):
    """A number that remembers how it was computed.

    >>> a = Value(2.0, label="a")
    >>> b = Value(-3.0, label="b")
    >>> c = a * b + 10
    >>> c.backward()
    >>> c.data, a.grad, b.grad
    (4.0, -3.0, 2.0)

    Attributes:
        data: the number, a float.
        grad: how fast the result of ``backward`` changes with this number; 0.0 at birth. For a leaf
            the sum over all passes since it was set to 0, for other nodes that of the last pass.
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
    grad: Any
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
        self._closure = (
            Closure(_op, None, closures.send_nothing) if _op or self.parents else closures.LEAF
        )
        self._constant = modes.epoch
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

    def backward(self, seed: float = 1.0, create_graph: bool = False) -> None:
        """Add the derivative of this Value by every leaf, times ``seed``, to the leaf's ``grad``.

        For each node, from this one back to the leaves, the chain rule:
        d(self)/d(parent) is the sum of d(self)/d(node) * d(node)/d(parent) over the nodes that use
        the parent. Gradients of inner nodes are cleared first, those of leaves are added to: a
        second pass doubles every leaf, and two losses that share a part add up right.

        A gradient of exactly zero contributes nothing, even multiplied by inf or nan. If an error
        is raised on the way, the gradients of the leaves are as they were.

        >>> x = Value(3.0)
        >>> y = x * x
        >>> y.backward()
        >>> x.grad
        6.0
        >>> y.backward(seed=10.0)
        >>> x.grad
        66.0

        With ``create_graph`` the gradients of leaves are Values, computed from the leaves, that can
        be differentiated again. A leaf and its gradient then refer to each other until you set
        ``grad`` to 0.0; ``gradients`` returns the same without that.

        >>> y.backward(create_graph=True)  # once more
        >>> slope, x.grad = x.grad, 0.0
        >>> slope.backward()
        >>> x.grad
        2.0

        Raises TypeError if ``seed`` is not a number, or a derivative rule of yours gives none.
        """
        seed = as_float(seed, "backward: seed")
        if create_graph:
            from autograd_scalar.sweeps import backward_recorded

            backward_recorded(self, seed)
            return
        order = topological_order(self)
        leaves = [node for node in order if not node.parents]
        # Set aside and added as a whole, since rounding makes a + (b + c) another number than
        # (a + b) + c: so the second pass doubles a leaf exactly.
        earlier = [
            (leaf, leaf.grad) for leaf in leaves if leaf.grad.__class__ is not float or leaf.grad
        ]
        try:
            float_sweep(order, self, seed, leaves)
        except BaseException:
            for leaf in leaves:
                leaf.grad = 0.0
            raise
        finally:
            for leaf, grad in earlier:
                leaf.grad += grad

    def detach(self) -> Value:
        """A new leaf with the same number, through which no gradient flows.

        >>> x = Value(3.0)
        >>> (x * x.detach()).backward()
        >>> x.grad
        3.0
        """
        if modes.recorder is not None:
            return modes.recorder.detached(self)
        return Value(self.data, label=self.label)

    @property
    def is_open(self) -> bool:
        """Whether as a condition it may come out otherwise in a replay; see ``rules.choose``."""
        return modes.recorder is not None

    @classmethod
    def __primitive__(cls, primitive: Primitive, operands: tuple[Any, ...]) -> Any:
        """The result of a primitive, recorded: the protocol by which primitives take Values."""
        if len(operands) != primitive.arity and not primitive.variadic:
            raise TypeError(
                f"{primitive.name} takes {primitive.arity} operand(s), not {len(operands)}"
            )
        numbers = []
        constants = False
        for operand in operands:
            kind = operand.__class__
            if kind is Value:
                numbers.append(operand.data)
            elif kind is float:
                constants = True
                numbers.append(operand)
            elif isinstance(operand, Value):
                numbers.append(operand.data)
            elif hasattr(operand, "__primitive__") and not isinstance(operand, float):
                return NotImplemented  # a dual number, say: it knows what to do with Values
            else:
                return cls.__primitive__(primitive, tuple(with_floats(primitive, operands)))
        data = primitive.function(*numbers)
        if data.__class__ is not float:
            data = as_float(data, f"the result of {primitive.name}")
        if modes.ordinary:
            return new_node(data, *closures.link(primitive, operands, constants))
        mode = modes.current()
        if mode.detector is not None:
            node = mode.detector.record(primitive, operands, data)
        else:
            node = new_node(data, *closures.link(primitive, operands, constants))
        if mode.recording:
            return node
        return Value(data) if modes.recorder is None else modes.recorder.detached(node)

    # --- Operators ---

    __add__, __radd__ = _operators(rules.add)
    __sub__, __rsub__ = _operators(rules.subtract)
    __mul__, __rmul__ = _operators(rules.multiply)
    __truediv__, __rtruediv__ = _operators(rules.divide)
    __pow__, __rpow__ = _operators(rules.power)

    # --- Display ---

    def __repr__(self) -> str:
        label = "" if self.label is None else f", label={self.label!r}"
        return f"Value(data={self.data}, grad={self.grad}{label})"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """The picture that Jupyter shows."""
        from autograd_scalar.draw.static import jupyter

        return jupyter(self)

    # --- Copies and pickles, of graphs of any depth ---

    def __copy__(self) -> Value:
        from autograd_scalar import copying

        return copying.shallow(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Value:
        from autograd_scalar import copying

        return copying.deep(self, memo)

    def __reduce__(self) -> tuple[Any, ...]:
        from autograd_scalar import copying

        return copying.reduce(self)

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


def float_sweep(order: Sequence[Value], output: Value, seed: float, ends: Sequence[Value]) -> None:
    """Set the gradients of all nodes of the order: the derivatives of the output, times the seed.

    The ``ends`` are those whose gradients are looked at; TypeError if one is no real number.
    """
    for node in order:
        node.grad = 0.0
    output.grad = seed
    _propagate(reversed(order))
    if any(node.grad.__class__ is complex for node in ends):
        raise TypeError(
            "backward: a derivative rule gave a complex number, as in Python a negative "
            "float to a fractional power does; autograd_scalar.rules.power gives nan"
        )


def _propagate(nodes: Iterable[Value]) -> None:
    """Call the local backward closures of ``nodes``, which come results before operands."""
    detector = None if modes.ordinary else modes.current().detector
    for node in nodes:
        if node.grad:
            try:
                if detector is None:
                    node._closure.backward(node)
                else:
                    detector.backward(node)
            except (ZeroDivisionError, OverflowError):
                # The rule raised before any gradient was added: now on numbers that never raise.
                if node._closure.primitive is None:
                    raise
                for parent, contribution in closures.contributions(node):
                    parent.grad += contribution
            except (TypeError, ValueError):
                # If the rule is to blame, the checks raise what says how; if not, the error stands.
                if node._closure.primitive is not None:
                    closures.contributions(node)
                raise


for _name, _slower in vars(Arithmetic).items():
    _primitive = getattr(_slower, "primitive", None)
    if _primitive is not None and _primitive.arity == 1:
        setattr(Value, _name, _method(_primitive))
