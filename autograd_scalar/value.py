"""``Value``: a number that remembers how it was computed.

Arithmetic on Values builds a graph. Each node holds its result (``data``), the nodes it was
computed from (``parents``) and a local backward closure, which knows the one thing needed later:
how the gradient of this result flows on to these parents. ``backward`` puts the graph in
topological order and calls the closures from the result back to the leaves. That is all of
reverse-mode automatic differentiation (Linnainmaa 1970; Griewank and Walther 2008).
"""

from __future__ import annotations

import operator

from autograd_scalar import closures, modes, rules
from autograd_scalar.closures import Closure
from autograd_scalar.graph import topological_order
from autograd_scalar.primitives import Primitive, as_float

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    Operator = Callable[["Value", Any], "Value"]

_new = object.__new__


# --- Recording an operation -----------------------------------------------------------------------
#
# The operators and methods of ``Value`` are made here, each from its entry in the rules table. They
# come first in the file because the class is made of them; on a first reading, go on to ``Value``.


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


def _with_floats(primitive: Primitive, operands: tuple[Any, ...]) -> tuple[Any, ...]:
    """The operands, every constant made a float; TypeError for what is no number."""
    what = f"{primitive.name}: a constant operand"
    return tuple([o if isinstance(o, Value) else as_float(o, what) for o in operands])


# Where no mode was entered, the methods below do at once what ``__primitive__`` does step by step.
# Those on Values alone repeat the body of ``new_node``, whose call would make them a fifth slower.


def _operators(primitive: Primitive) -> tuple[Operator, Operator]:
    """The operator of a binary primitive and its reflection, for numbers on the left."""
    function = primitive.function
    both = closures.binary(primitive)
    right = closures.constant_right(primitive)
    left = closures.constant_left(primitive)

    def operate(self: Value, other: Any) -> Any:
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
        return _operate_on_any(primitive, other, (self, other))

    def reflected(self: Value, other: Any) -> Any:
        kind = other.__class__
        if (kind is float or kind is int) and modes.ordinary:
            other = float(other)
            return new_node(function(other, self.data), (self,), left, other)
        return _operate_on_any(primitive, other, (other, self))

    return operate, reflected


def _operate_on_any(primitive: Primitive, other: Any, operands: tuple[Any, ...]) -> Any:
    """An operator on whatever ``other`` is; NotImplemented lets its class have a try."""
    try:
        operands = _with_floats(primitive, operands)
    except TypeError:
        if type(other).__module__ == "builtins":
            raise  # no str or list knows Values, and this message is better than Python's
        return NotImplemented  # an array, say: it does the operation on each of its elements
    return Value.__primitive__(primitive, operands)


def _method(primitive: Primitive) -> Callable[[Value], Value]:
    """A unary primitive as a method; NumPy calls these on arrays of Values."""
    function = primitive.function
    closure = closures.unary(primitive)

    def method(self: Value) -> Value:
        if modes.ordinary:
            node = _new(Value)
            node.data = function(self.data)
            node.grad = 0.0
            node.parents = (self,)
            node.label = None
            node._closure = closure
            node._constant = None
            return node
        return Value.__primitive__(primitive, (self,))

    _name_after(primitive, method)
    return method


def _binary_method(primitive: Primitive) -> Callable[[Value, Any], Value]:
    """A binary primitive as a method of its first operand."""

    def method(self: Value, other: Any) -> Value:
        return Value.__primitive__(primitive, (self, other))

    _name_after(primitive, method)
    return method


def _name_after(primitive: Primitive, method: Any) -> None:
    method.__name__ = primitive.__name__
    method.__qualname__ = f"Value.{primitive.__name__}"
    method.__doc__ = (primitive.__doc__ or "").partition(">>>")[0].strip()


def _comparison(compare: Callable[[float, float], bool]) -> Callable[[Value, Any], Any]:
    """The method that applies ``compare`` to the two numbers."""

    def method(self: Value, other: Any) -> Any:
        if isinstance(other, Value):
            return compare(self.data, other.data)
        if isinstance(other, int):  # of any size
            return compare(self.data, other)
        try:
            return compare(self.data, as_float(other, "the other side"))
        except TypeError:
            return NotImplemented  # Python then raises, naming the operator and both types

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
        self._closure = (
            Closure(_op, None, closures.send_nothing) if _op or self.parents else closures.LEAF
        )
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

        Raises TypeError if ``seed`` is not a number, or a derivative rule of yours gives none.
        """
        seed = as_float(seed, "backward: seed")
        order = topological_order(self)
        leaves = [node for node in order if not node.parents]
        # Set aside and added as a whole, since rounding makes a + (b + c) another number than
        # (a + b) + c: so the second pass doubles a leaf exactly.
        earlier = [(leaf, leaf.grad) for leaf in leaves if leaf.grad]
        for node in order:
            node.grad = 0.0
        self.grad = seed
        try:
            _propagate(reversed(order))
            if any(leaf.grad.__class__ is complex for leaf in leaves):
                raise TypeError(
                    "backward: a derivative rule gave a complex number, as in Python a negative "
                    "float to a fractional power does; autograd_scalar.rules.power gives nan"
                )
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
        return Value(self.data, label=self.label)

    @classmethod
    def __primitive__(cls, primitive: Primitive, operands: tuple[Any, ...]) -> Value:
        """The result of a primitive, recorded: the protocol by which primitives take Values."""
        if len(operands) != primitive.arity and not primitive.variadic:
            raise TypeError(
                f"{primitive.name} takes {primitive.arity} operand(s), not {len(operands)}"
            )
        numbers = []
        constants = False
        for operand in operands:
            kind = operand.__class__
            if kind is Value or isinstance(operand, Value):
                numbers.append(operand.data)
            elif kind is float:
                constants = True
                numbers.append(operand)
            else:
                return cls.__primitive__(primitive, _with_floats(primitive, operands))
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
    arctan2 = atan2 = _binary_method(rules.atan2)
    hypot = _binary_method(rules.hypot)
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
        """The number, rounded for display: it carries no gradient."""
        return round(self.data, digits)

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
