"""Functions that decide by ``if``, on numbers that are not known yet.

A formula that is good for small numbers may be bad for large ones, and a rule then has two, and an
``if``. On a tape there is no answer to that question: the tape is for numbers to come. So the
function is run once for each way that it can go, and where the ways part, ``where`` selects.
"""

from __future__ import annotations

import operator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from autograd_scalar.primitives import Primitive


def is_open(number: Any) -> bool:
    """Whether a number is not known yet, and may be another in each replay of a tape."""
    return getattr(number, "is_open", False)


def by_cases(function: Callable[..., Any], *operands: Any) -> Any:
    """function(*operands), where ``if`` is asked of open numbers: all cases, and a selection.

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
    return _select(function, operands, ())


def _select(
    function: Callable[..., Any], operands: Sequence[Any], outcomes: tuple[bool, ...]
) -> Any:
    """The result, if the first questions are answered so; one further on, ask both ways."""
    answers = iter(outcomes)
    try:
        return _bare(function(*[_open(operand, answers) for operand in operands]))
    except _Undecided as undecided:
        condition = undecided.condition
    from autograd_scalar.rules import where

    yes = _select(function, operands, (*outcomes, True))
    no = _select(function, operands, (*outcomes, False))
    return where(condition, yes, no)


class _Undecided(Exception):  # noqa: N818 (no error, and nobody ever sees it)
    def __init__(self, condition: Any) -> None:
        self.condition = condition


def _open(number: Any, answers: Iterator[bool]) -> Any:
    return _Open(number, answers) if is_open(number) else number


def _bare(number: Any) -> Any:
    return number.number if number.__class__ is _Open else number


def _operator(operate: Callable[..., Any]) -> Any:
    def method(self: _Open, *others: Any) -> Any:
        return _open(operate(self.number, *map(_bare, others)), self.answers)

    return method


def _reflected(operate: Callable[..., Any]) -> Any:
    def method(self: _Open, other: Any) -> Any:
        return _open(operate(other, self.number), self.answers)

    return method


class _Open:
    """An open number in one of the cases: asked for its truth, it gives the next answer."""

    __slots__ = ("answers", "number")

    def __init__(self, number: Any, answers: Iterator[bool]) -> None:
        self.number = number
        self.answers = answers

    @classmethod
    def __primitive__(cls, primitive: Primitive, operands: tuple[Any, ...]) -> Any:
        answers = next(o.answers for o in operands if o.__class__ is cls)
        return _open(primitive(*map(_bare, operands)), answers)

    def __bool__(self) -> bool:
        for answer in self.answers:
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
