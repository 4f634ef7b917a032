"""Taylor series: all derivatives of a function of one number at once.

A truncated power series x0 + x1 t + x2 t**2 + ... stands for a number that depends on t. Sums,
products and quotients are those of polynomials. For any other primitive the chain rule, which says
y' = f'(x) x', gives the coefficients one after the other: the k-th of y' needs no more than the
k-th of y, and is k + 1 times the next (Moore 1966; Griewank and Walther 2008, chapter 13). So the
rules table serves here too, and n derivatives cost about n**2 operations, where n derivatives of
each other's programs would cost 2**n or more.
"""

from __future__ import annotations

from autograd_scalar import rules
from autograd_scalar.arithmetic import Layered, new_level, split
from autograd_scalar.chain_rule import pushforward
from autograd_scalar.primitives import Primitive, detached

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any


class Expansion:
    """What the series of one expansion share.

    Attributes:
        order: the highest power of t.
        level: the differentiation that the series belong to.
        inside: whether coefficients are being computed. What a rule computes then is computed no
            further than it is asked for, as the sine asks for the cosine and that for the sine.
        known: the results so far, by primitive and operands: so it is the same sine.
    """

    def __init__(self, order: int) -> None:
        self.order = order
        self.level = new_level()
        self.inside = False
        self.known: dict[Any, tuple[Series, Any]] = {}


class Series(Layered):
    """A truncated power series, with coefficients that are computed when they are asked for.

    >>> expansion = Expansion(3)
    >>> x = Series(expansion, [2.0, 1.0, 0.0, 0.0])
    >>> (x * x).parts
    [4.0, 4.0, 1.0, 0.0]
    """

    __slots__ = ("_coefficients", "_compute", "_expansion")

    def __init__(
        self,
        expansion: Expansion,
        coefficients: list[Any],
        compute: Callable[[int], Any] | None = None,
    ) -> None:
        self._expansion = expansion
        self._coefficients = coefficients
        self._compute = compute
        self.level = expansion.level

    def __getitem__(self, k: int) -> Any:
        """The coefficient of t**k."""
        while len(self._coefficients) <= k:
            assert self._compute is not None
            self._coefficients.append(self._compute(len(self._coefficients)))
        return self._coefficients[k]

    @property
    def data(self) -> float:
        """The constant term as a float."""
        return detached(self._coefficients[0])  # type: ignore[no-any-return]

    @property
    def parts(self) -> list[Any]:
        """All coefficients, that of t**0 first."""
        return [self[k] for k in range(self._expansion.order + 1)]

    def of_parts(self, parts: Sequence[Any]) -> Series:
        """A series of the same expansion."""
        return Series(self._expansion, list(parts))

    def slope(self) -> Series:
        """The derivative by t."""
        return Series(self._expansion, [], lambda k: (k + 1) * self[k + 1])

    @classmethod
    def __primitive__(cls, primitive: Primitive, operands: tuple[Any, ...]) -> Any:
        """The series of the result."""
        numbers_and_level = split(primitive, operands, Series)
        if numbers_and_level is None:
            return NotImplemented
        xs, level = numbers_and_level
        expansion = next(x._expansion for x in xs if x.__class__ is Series and x.level == level)
        key = (primitive, *[x if x.__class__ is float else id(x) for x in xs])
        if key in expansion.known:
            return expansion.known[key][0]
        y = _apply(primitive, xs, expansion)
        expansion.known[key] = y, xs  # the operands, so that their ids stay theirs
        if not expansion.inside:
            expansion.inside = True
            try:
                y[expansion.order]
            finally:
                expansion.inside = False
        return y

    def __repr__(self) -> str:
        return f"Series({self._coefficients!r}, level={self.level})"


def _apply(primitive: Primitive, xs: Sequence[Any], expansion: Expansion) -> Series:
    """The result of a primitive, its coefficients yet to be computed."""
    moves = [x.__class__ is Series and x.level == expansion.level for x in xs]
    series = [x if m else Series(expansion, [x], _zero) for x, m in zip(xs, moves, strict=True)]
    y = Series(expansion, [primitive(*[x[0] for x in series])])
    if primitive in _LINEAR:
        y._compute = lambda k: primitive(*[x[k] for x in series])
    elif primitive is rules.multiply:
        a, b = series
        y._compute = lambda k: _sum_of_products((a[j], b[k - j]) for j in range(k + 1))
    elif primitive is rules.divide:  # y * b = a, solved for one coefficient after the other
        a, b = series
        y._compute = lambda k: rules.divide(
            a[k] - _sum_of_products((y[j], b[k - j]) for j in range(k)), b[0]
        )
    else:
        slopes: list[Any] = []

        def integrate(k: int) -> Any:
            if not slopes:  # only now, as its rule asks for other series, and those for theirs
                tangents = {i: series[i].slope() for i, m in enumerate(moves) if m}
                slope = pushforward(primitive, tangents, y, xs)
                is_series = isinstance(slope, Series)
                slopes.append(slope if is_series else Series(expansion, [slope], _zero))
            return slopes[0][k - 1] / k

        y._compute = integrate
    return y


_LINEAR = {rules.add, rules.subtract, rules.negative, rules.fsum, rules.mean}


def _zero(k: int) -> float:
    return 0.0


def _sum_of_products(pairs: Iterable[tuple[Any, Any]]) -> Any:
    """Where one of two is exactly zero the product is, whatever the other is."""
    total: Any = 0.0
    for a, b in pairs:
        if (a.__class__ is not float or a) and (b.__class__ is not float or b):
            total = total + a * b
    return total
