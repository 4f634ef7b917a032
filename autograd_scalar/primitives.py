"""What a primitive operation is: a function on floats, and a derivative for each operand.

A primitive called on plain numbers returns a float. Called on anything else it hands itself to the
operands' class, by a class method ``__primitive__(primitive, operands)``, which records it,
differentiates it, prints it, whatever it is for; or returns NotImplemented, and the class of the
next operand that has one is asked. So this file knows nothing of Values.
"""

from __future__ import annotations

import numbers
from functools import update_wrapper
from math import inf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Derivative = Callable[..., Any]

Interval = tuple[float, float]

REAL: Interval = (-inf, inf)
POSITIVE: Interval = (0.0, inf)

RULES: dict[str, Primitive] = {}


class Primitive:
    """One differentiable operation, callable on numbers, on ``Value``s and on mixtures.

    Attributes:
        name: what a graph calls the operation: ``"exp"``, ``"+"``.
        function: the operation on floats.
        derivatives: one rule per operand or, if ``variadic``, one rule that gives all.
        variadic: whether it takes any number of operands.
        arity: how many operands it takes; 1 if ``variadic``, for the one rule that it has.
        domain: for each operand an open interval in which the function is differentiable almost
            everywhere, to draw tests from; a variadic primitive has one for all.
    """

    __doc__: str | None
    __name__: str

    def __init__(
        self,
        name: str,
        function: Callable[..., float],
        derivatives: tuple[Derivative, ...],
        domain: tuple[Interval, ...] = (),
    ) -> None:
        takes_any_number = 0x04  # CO_VARARGS; the module inspect would double our import time
        code = getattr(function, "__code__", None)
        if code is None or not all(map(callable, derivatives)):
            raise TypeError(
                f"primitive {name!r}: the operation must be a function written in Python and its "
                f"derivatives functions, not {function!r} and {derivatives!r}"
            )
        self.name = name
        self.function = function
        self.derivatives = derivatives
        self.variadic = bool(code.co_flags & takes_any_number)
        self.arity = 1 if self.variadic else code.co_argcount
        self.domain = domain or (REAL,) * self.arity
        update_wrapper(self, function)
        if self.variadic and code.co_argcount:
            raise TypeError(
                f"primitive {name!r}: its operands must be either all named or all in *xs"
            )
        if not self.arity == len(derivatives) == len(self.domain):
            raise TypeError(
                f"primitive {name!r} takes {self.arity} operand(s) and needs as many derivatives "
                f"and domains, not {len(derivatives)} and {len(self.domain)}"
            )

    def __call__(self, *operands: Any) -> Any:
        all_floats = True
        for operand in operands:
            kind = operand.__class__
            if kind is not float and kind is not bool:  # a bool is a condition of ``where``
                recorder = getattr(operand, "__primitive__", None)
                if recorder is not None:
                    result = recorder(self, operands)
                    if result is not NotImplemented:
                        return result
                all_floats = False
        if not all_floats:
            what = f"{self.name}: an operand"
            operands = tuple([as_float(operand, what) for operand in operands])
        return float(self.function(*operands))

    def __reduce__(self) -> tuple[Callable[[str], Primitive], tuple[str]]:
        return primitive_named, (self.name,)

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


_PLAIN = frozenset({float, int, bool})


def primitive(
    *derivatives: Derivative, name: str | None = None, domain: tuple[Interval, ...] = ()
) -> Callable[[Callable[..., float]], Primitive]:
    """Make a differentiable primitive of a function on floats.

    ``derivatives`` has one rule per operand, each a function of the upstream gradient ``g``, the
    result ``y`` and all the operands. For a function of ``*xs`` it is a single rule that gives all
    the contributions, one per operand. Rules are written in plain arithmetic and primitives. Where
    the function has no value it should return inf or nan, not raise.

    ``name`` is what graphs show, by default the function's; ``domain`` has for each operand an open
    interval where the derivative exists, by default the whole line: tests draw from it.

    >>> from autograd_scalar import Value, primitive
    >>> @primitive(lambda g, y, x: g * 3 * x * x)
    ... def cubed(x):
    ...     return x**3
    >>> x = Value(2.0)
    >>> cubed(x).backward()
    >>> x.grad
    12.0
    >>> cubed(2)
    8.0

    Raises TypeError if the numbers of operands, derivatives and domains differ, and ValueError
    if another module's primitive has that name already.
    """

    def register(function: Callable[..., float]) -> Primitive:
        key = name or function.__name__
        known = RULES.get(key)  # of the same module: a notebook's cell that is run again
        if known is not None and known.__module__ != function.__module__:
            raise ValueError(f"primitive {key!r} exists already, in {known.__module__}")
        RULES[key] = Primitive(key, function, derivatives, domain)
        return RULES[key]

    return register


def primitive_named(name: str) -> Primitive:
    """The primitive of that name; LookupError says what to do if there is none."""
    if name not in RULES:
        raise LookupError(f"no primitive {name!r}: import the module that defines it first")
    return RULES[name]


def as_float(number: Any, what: str) -> float:
    """``number`` as a float; TypeError, beginning with ``what``, if it is not one real number.

    An int above 1.8e308 is an OverflowError.

    >>> from fractions import Fraction
    >>> as_float(Fraction(1, 4), "x")
    0.25
    >>> as_float("3", "x")
    Traceback (most recent call last):
    TypeError: x must be a real number, not '3' (str)
    """
    kind = number.__class__
    if kind in _PLAIN or isinstance(number, numbers.Real) or _is_numpy_real(number):
        try:
            return float(number)
        except OverflowError:
            raise OverflowError(f"{what} is too large for a float") from None
    raise TypeError(f"{what} must be a real number, not {described(number)}")


def described(thing: Any) -> str:
    """What something is, in short, to say in an error message that it is not what it should be.

    >>> described("3"), described([0] * 100)
    ("'3' (str)", '[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,... (list)')
    """
    shown = repr(thing)
    return f"{shown if len(shown) <= 60 else shown[:57] + '...'} ({thing.__class__.__name__})"


def detached(number: Any) -> Any:
    """The number alone, as a float, of whatever carries more: a Value, a dual number; or a float.

    >>> from autograd_scalar import Value
    >>> detached(Value(2.0)), detached(3.0)
    (2.0, 3.0)
    """
    # Not whatever has data: a NumPy scalar's is its memory.
    return getattr(number, "data", number) if hasattr(number, "__primitive__") else number


def _is_numpy_real(number: Any) -> bool:
    """Whether ``number`` is a NumPy bool, integer or float of no dimensions (NumPy unimported)."""
    kind = getattr(getattr(number, "dtype", None), "kind", "")
    return kind in ("b", "i", "u", "f") and getattr(number, "ndim", None) == 0
