"""What every kind of number here can do: ``Value``s, dual numbers, power series.

Operators and methods only say which primitive they stand for; the primitive hands itself back to
the class, which says what becomes of it. A new kind of number defines ``data`` and
``__primitive__`` and has all the rest from here.
"""

from __future__ import annotations

import operator
from itertools import count

from autograd_scalar import modes, rules
from autograd_scalar.primitives import Primitive, as_float, detached

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Self, TypeVar

    Operator = Callable[[Any, Any], Any]
    M = TypeVar("M", bound=Callable[..., Any])


def operate(primitive: Primitive, other: Any, operands: tuple[Any, ...]) -> Any:
    """An operator on whatever ``other`` is; NotImplemented lets its class have a try."""
    if not hasattr(other, "__primitive__"):
        try:
            as_float(other, f"{primitive.name}: a constant operand")
        except TypeError:
            if type(other).__module__ == "builtins":
                raise  # no str or list knows these, and this message is better than Python's
            return NotImplemented  # an array, say: it does the operation on each of its elements
    return primitive(*operands)


def operators(primitive: Primitive) -> tuple[Operator, Operator]:
    """The operator of a binary primitive and its reflection, for numbers on the left."""

    def method(self: Arithmetic, other: Any) -> Any:
        return operate(primitive, other, (self, other))

    def reflected(self: Arithmetic, other: Any) -> Any:
        return operate(primitive, other, (other, self))

    return method, reflected


def method(primitive: Primitive) -> Callable[[Any], Any]:
    """A unary primitive as a method; NumPy calls these on arrays of objects."""

    def method(self: Arithmetic) -> Any:
        return primitive(self)

    return name_after(primitive, method)


def binary_method(primitive: Primitive) -> Operator:
    """A binary primitive as a method of its first operand."""

    def method(self: Arithmetic, other: Any) -> Any:
        return primitive(self, other)

    return name_after(primitive, method)


def name_after(primitive: Primitive, method: M, owner: str = "Arithmetic") -> M:
    """The method of the class ``owner``, with the name and documentation of its primitive."""
    facts: Any = method
    facts.primitive = primitive
    facts.__name__ = primitive.__name__
    facts.__qualname__ = f"{owner}.{primitive.__name__}"
    facts.__doc__ = (primitive.__doc__ or "").partition(">>>")[0].strip()
    return method


def _comparison(
    compare: Callable[[float, float], bool], primitive: Primitive, swapped: bool = False
) -> Operator:
    """The method that applies ``compare`` to the two numbers, with the primitive that a tape has.

    That compares the other with this one if it is ``swapped``.
    """

    def method(self: Arithmetic, other: Any) -> Any:
        if modes.recorder is not None:
            a, b = (other, self) if swapped else (self, other)
            condition = modes.recorder.condition(primitive, a, b)
            if condition is not None:
                return condition
        if isinstance(other, Arithmetic):
            return compare(self.data, other.data)
        if isinstance(other, int):  # of any size
            return compare(self.data, other)
        try:
            return compare(self.data, as_float(other, "the other side"))
        except TypeError:
            return NotImplemented  # Python then raises, naming the operator and both types

    return method


class Arithmetic:
    """Operators, functions and comparisons of a number that carries more than its ``data``."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def data(self) -> float:
            """The number, as a float."""

    @classmethod
    def __primitive__(cls, primitive: Primitive, operands: tuple[Any, ...]) -> Any:
        """The result of a primitive, or NotImplemented if the class of another operand knows it."""
        raise NotImplementedError

    __add__, __radd__ = operators(rules.add)
    __sub__, __rsub__ = operators(rules.subtract)
    __mul__, __rmul__ = operators(rules.multiply)
    __truediv__, __rtruediv__ = operators(rules.divide)
    __pow__, __rpow__ = operators(rules.power)
    __mod__, __rmod__ = operators(rules.mod)
    __floordiv__, __rfloordiv__ = operators(rules.floor_divide)
    __neg__ = method(rules.negative)
    __abs__ = method(rules.absolute)
    __floor__ = method(rules.floor)
    __ceil__ = method(rules.ceil)

    def __pos__(self) -> Any:
        return self

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    # --- Functions, under their own names and under NumPy's, which calls them on arrays ---

    exp = method(rules.exp)
    expm1 = method(rules.expm1)
    exp2 = method(rules.exp2)
    log = method(rules.log)
    log1p = method(rules.log1p)
    log2 = method(rules.log2)
    log10 = method(rules.log10)
    sqrt = method(rules.sqrt)
    cbrt = method(rules.cbrt)
    sin = method(rules.sin)
    cos = method(rules.cos)
    tan = method(rules.tan)
    arcsin = asin = method(rules.asin)
    arccos = acos = method(rules.acos)
    arctan = atan = method(rules.atan)
    sinh = method(rules.sinh)
    cosh = method(rules.cosh)
    tanh = method(rules.tanh)
    arcsinh = asinh = method(rules.asinh)
    arccosh = acosh = method(rules.acosh)
    arctanh = atanh = method(rules.atanh)
    arctan2 = atan2 = binary_method(rules.atan2)
    hypot = binary_method(rules.hypot)
    fabs = method(rules.absolute)
    sign = method(rules.sign)
    sigmoid = method(rules.sigmoid)
    softplus = method(rules.softplus)
    relu = method(rules.relu)
    gelu = method(rules.gelu)
    silu = method(rules.silu)
    erf = method(rules.erf)
    erfc = method(rules.erfc)
    lgamma = method(rules.lgamma)

    # --- Comparison, of the numbers alone ---

    __lt__ = _comparison(operator.lt, rules.less)
    __le__ = _comparison(operator.le, rules.less_equal)
    __gt__ = _comparison(operator.gt, rules.less, swapped=True)
    __ge__ = _comparison(operator.ge, rules.less_equal, swapped=True)

    # --- What would drop the derivative without a word ---

    def __float__(self) -> float:
        raise TypeError(
            f"float() or a function of math would drop the gradient of this {type(self).__name__} "
            "silently: for the number say value.data, for a function use autograd_scalar's, as in "
            "autograd_scalar.sin"
        )

    def __int__(self) -> int:
        raise TypeError(
            f"int() would drop the gradient of this {type(self).__name__} silently: say "
            "int(value.data)"
        )

    def __bool__(self) -> bool:
        raise TypeError(
            f"a {type(self).__name__} has no truth of its own: compare it, as in value > 0, or ask "
            "value.data"
        )

    # --- Display ---

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else repr(self)

    def __round__(self, digits: int | None = None) -> float:
        """The number, rounded for display: it carries no gradient."""
        return round(self.data, digits)


new_level = count().__next__  # later levels are further inside


class Layered(Arithmetic):
    """A number made of several, its ``parts``: what it is, and how it changes.

    Parts are floats, Values, or layered numbers of levels further out. Every differentiation has a
    level of its own, and a number of another level is a constant to it. Otherwise what changes in a
    derivative inside of another's function would be taken for what that one changes, which is
    known as perturbation confusion (Siskind and Pearlmutter 2005).
    """

    __slots__ = ("level",)

    level: int

    @property
    def parts(self) -> Sequence[Any]:
        """The number itself comes first."""
        raise NotImplementedError

    def of_parts(self, parts: Sequence[Any]) -> Self:
        """A number of the same kind and level."""
        raise NotImplementedError

    @property
    def data(self) -> float:
        """The number as a float, without what changes."""
        return detached(self.parts[0])  # type: ignore[no-any-return]


def with_floats(primitive: Primitive, operands: Sequence[Any]) -> list[Any]:
    """The operands, every plain number made a float; TypeError for what is none."""
    what = f"{primitive.name}: a constant operand"
    return [
        o if o.__class__ is float or isinstance(o, Arithmetic) else as_float(o, what)
        for o in operands
    ]


def split(
    primitive: Primitive, operands: Sequence[Any], kind: type[Layered]
) -> tuple[list[Any], int] | None:
    """The operands, plain numbers made floats, and their innermost level.

    None if that level is one of another kind of numbers, whose turn it is then.
    """
    numbers = with_floats(primitive, operands)
    innermost = max((o for o in numbers if isinstance(o, Layered)), key=lambda o: o.level)
    return (numbers, innermost.level) if innermost.__class__ is kind else None
