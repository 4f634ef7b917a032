"""Functions that decide by ``if``, on numbers that are not known yet.

A formula that is good for small numbers may be bad for large ones, and a rule then has two, and an
``if``. On a tape that question has no answer: the tape is for numbers to come. So the function is
run once for each way that it can go, and where the ways part, ``where`` selects.
"""

from __future__ import annotations

import operator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from autograd_scalar.primitives import Primitive


def is_open(number: Any) -> bool:
    """Whether a number is not known yet: on a tape it may be another in each replay."""
    return getattr(number, "is_open", False)


def by_cases(function: Callable[..., Any], *operands: Any) -> Any:
    """function(*operands), where ``if`` may be asked of open numbers: all cases, and a selection.

    The function must have no effects and give one number.

    >>> from autograd_scalar.rules import exp, log1p
    >>> from autograd_scalar.tape.variables import Builder
    >>> def softplus(x):
    ...     if x > 0:
    ...         return x + log1p(exp(-x))
    ...     return log1p(exp(x))
    >>> builder = Builder(1)
    >>> tape = builder.tape([by_cases(softplus, builder.inputs[0])])
    >>> tape.run([1000.0]) == [softplus(1000.0)], tape.run([-1.0]) == [softplus(-1.0)]
    (True, True)
    """
    return _select(function, operands, (), {})


def _select(
    function: Callable[..., Any],
    operands: Sequence[Any],
    outcomes: tuple[bool, ...],
    known: dict[Any, Any],
) -> Any:
    """The result if the first questions are answered so; at one further on, both ways."""
    case = _Case(outcomes, known)
    try:
        return _bare(function(*map(case.open, operands)))
    except _Undecided as undecided:
        condition = undecided.condition
    from autograd_scalar.rules import where

    yes = _select(function, operands, (*outcomes, True), known)
    no = _select(function, operands, (*outcomes, False), known)
    return yes if yes is no else case.computed(where, condition, yes, no)


class _Undecided(Exception):
    def __init__(self, condition: Any) -> None:
        self.condition = condition


class _Case:
    """One way to go: the answers to all questions, and what was computed on this way and others."""

    def __init__(self, outcomes: Sequence[bool], known: dict[Any, Any]) -> None:
        self.answers = iter(outcomes)
        self.known = known

    def open(self, number: Any) -> Any:
        return _Open(number, self) if is_open(number) else number

    def computed(self, operate: Callable[..., Any], *numbers: Any) -> Any:
        """What the cases have in common is computed once: it is the same object then."""
        key = (operate, *[n.hex() if n.__class__ is float else id(n) for n in numbers])
        if key not in self.known:
            self.known[key] = operate(*numbers), numbers  # which keeps their identities theirs
        return self.known[key][0]


def _bare(number: Any) -> Any:
    if number.__class__ is _Open:
        return number.number
    return float(number) if number.__class__ is int else number


def _operator(operate: Callable[..., Any]) -> Any:
    def method(self: _Open, *others: Any) -> Any:
        return self.case.open(self.case.computed(operate, self.number, *map(_bare, others)))

    return method


def _reflected(operate: Callable[..., Any]) -> Any:
    def method(self: _Open, other: Any) -> Any:
        return self.case.open(self.case.computed(operate, _bare(other), self.number))

    return method


class _Open:
    """An open number in one of the cases: asked for its truth, it gives the next answer."""

    __slots__ = ("case", "number")

    def __init__(self, number: Any, case: _Case) -> None:
        self.number = number
        self.case = case

    @classmethod
    def __primitive__(cls, primitive: Primitive, operands: tuple[Any, ...]) -> Any:
        case = next(o.case for o in operands if o.__class__ is cls)
        return case.open(case.computed(primitive, *map(_bare, operands)))

    def __bool__(self) -> bool:
        for answer in self.case.answers:
            return answer
        raise _Undecided(self.number)

    __add__, __radd__ = _operator(operator.add), _reflected(operator.add)
    __sub__, __rsub__ = _operator(operator.sub), _reflected(operator.sub)
    __mul__, __rmul__ = _operator(operator.mul), _reflected(operator.mul)
    __truediv__, __rtruediv__ = _operator(operator.truediv), _reflected(operator.truediv)
    __pow__, __rpow__ = _operator(operator.pow), _reflected(operator.pow)
    __neg__, __abs__ = _operator(operator.neg), _operator(operator.abs)
    __lt__, __le__ = _operator(operator.lt), _operator(operator.le)
    __gt__, __ge__ = _operator(operator.gt), _operator(operator.ge)
