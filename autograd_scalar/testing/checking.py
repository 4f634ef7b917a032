"""``check_gradients``: derivatives against differences, and what is to blame if they disagree.

Order by order, the derivative of the order before is taken along a fixed direction, which makes it
a function of the same arguments, and its own first derivatives are compared with its differences.
So the second derivatives are checked against differences of first ones that have been proven.

What is compared: the derivative by each number among the arguments, and the one along the direction
that moves all of them together. The second is there for kinks: ``maximum(x, y)`` has one where x is
y, but none along the diagonal, where its derivatives have to add up to exactly 1.

At a kink a derivative is a convention. It has to lie between the derivatives from the left and from
the right. Which of these it is, differences can't know; say it with ``at_kinks``.
"""

from __future__ import annotations

import math
import random
from itertools import product

from autograd_scalar.nesting import Nesting, flatten, paths
from autograd_scalar.testing import blame
from autograd_scalar.testing.adapters import MODES, Adapter, directions_of, plain
from autograd_scalar.testing.differences import Slope, slope, units_around
from autograd_scalar.testing.report import (
    KINK,
    RIGHT,
    UNCLEAR,
    WRONG,
    Comparison,
    GradientReport,
)
from autograd_scalar.testing.rounding import Rounding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from autograd_scalar.primitives import Primitive

AT_KINKS = ("between", "left", "right", "mean")
TOGETHER = "all together"
MANY = 100  # numbers among the arguments, beyond which directions are drawn
DIRECTIONS = 8  # how many


def check_gradients(
    f: Callable[..., Any],
    *args: Any,
    order: int = 2,
    modes: Sequence[str] = MODES,
    digits: float = 7,
    at_kinks: str = "between",
    strict: bool = False,
    reference: bool = False,
) -> GradientReport:
    """Prove the derivatives of ``f`` at ``args`` by differences; AssertionError says what is wrong.

    >>> from autograd_scalar import exp
    >>> def ricker(t):
    ...     return (1 - t * t) * exp(-t * t / 2)
    >>> check_gradients(ricker, 2.0)  # doctest: +ELLIPSIS
    GradientReport of ricker
      first order: 2 comparisons, worst relative error ...
      second order: 4 comparisons, worst relative error ...

    Args:
        f: a function of primitives, or what ``from_pair``, ``from_torch`` or ``from_jax`` made.
        args: numbers, or any nesting of lists, tuples, dicts and arrays of numbers.
        order: up to which order derivatives are checked.
        modes: how they are computed; of higher orders all combinations of these.
        digits: how many digits have to agree, as far as differences tell (about 10 for first
            derivatives of a smooth function).
        at_kinks: what a derivative has to be where those from the left and from the right differ:
            "between" the two or equal to one of them, "left", "right", or their "mean". Elsewhere
            in the graph a kink can make the whole wrong while each operation is right; then nothing
            between what the operations' derivatives allow is called wrong.
        strict: fail at kinks as well, and where differences say too little.
        reference: compare with mpmath at 60 digits in place of differences of floats; ``f`` must
            be built of primitives then.

    The report that is returned has the comparisons; beyond the order at which a kink was found
    there are none. With more than 100 numbers among the arguments, derivatives are compared along
    random directions, and by single numbers if one of these fails.

    Raises AssertionError if a derivative is wrong, with a table of the wrong ones, the operation
    suspected, and the call to paste; ValueError and TypeError for arguments that can't be checked.
    """
    check = _Check(f, args, order, modes, digits, at_kinks, reference, strict)
    report = check.run()
    wrong = report.wrong + (report.kinks + report.unclear if strict else ())
    if wrong:
        raise AssertionError(blame.message(check, report, wrong))
    return report


def operations(f: Callable[..., Any], *args: Any, order: int = 1) -> list[blame.LocalCheck]:
    """Each operation that ``f`` is made of at ``args``, checked on its own.

    >>> from autograd_scalar import exp
    >>> [operation.call for operation in operations(lambda x: exp(x) * 2, 0.5)]
    ['exp(0.5)', 'multiply(1.6487212707001282, 2.0)']

    The list is empty for a function that another library differentiates.
    """
    check = _Check(f, args, order)
    checks = {}
    for output in range(len(check.outputs)):
        graph = blame.Graph.of(check, check.flat(output))
        for found in blame.local_checks(check, graph.order, order) if graph else []:
            checks[found.call] = found
    return list(checks.values())


class Flat:
    """A function of nested numbers, and one of its results, as a function of a list of numbers."""

    def __init__(self, adapter: Adapter, nesting: Nesting, output: int = 0) -> None:
        self.adapter = adapter
        self.nesting = nesting
        self.output = output

    def __call__(self, xs: Sequence[Any]) -> Any:
        return self.outputs(xs)[self.output]

    def outputs(self, xs: Sequence[Any]) -> list[Any]:
        """All the results."""
        return self.adapter.outputs(self.adapter.function(*self.nesting.fill(xs)))


class _Check:
    """The arguments of ``check_gradients``, found to be sound, and what is compared."""

    def __init__(
        self,
        f: Callable[..., Any],
        args: tuple[Any, ...],
        order: int = 2,
        modes: Sequence[str] = MODES,
        digits: float = 7,
        at_kinks: str = "between",
        reference: bool = False,
        strict: bool = False,
    ) -> None:
        if not callable(f):
            raise TypeError(f"check_gradients: f must be a function, not {f!r}")
        self.adapter = f if isinstance(f, Adapter) else Adapter(f)
        self.name = self.adapter.__name__
        _validate(order, modes, digits, at_kinks)
        self.options = {"order": order, "modes": tuple(modes), "digits": digits}
        self.options |= {"at_kinks": at_kinks, "strict": strict, "reference": reference}
        self.modes = tuple(mode for mode in modes if mode in self.adapter.modes)
        if not self.modes:
            raise ValueError(f"check_gradients: {self.name} can't be differentiated in {modes}")
        self.order = int(min(order, self.adapter.highest_order))
        self.args, self.digits, self.at_kinks = args, digits, at_kinks
        self.xs, self.nesting = _plain_numbers(args)
        self.places = list(paths(self.nesting, "args"))
        self.outputs = self._outputs()
        self.reference = reference

    def _outputs(self) -> list[str]:
        """A name for each number of the result; '' if it is one."""
        numbers: list[list[float]] = []
        for _ in range(2):
            found = self.flat().outputs(self.adapter.constants(self.xs))
            numbers.append(list(map(plain, found)))
        first, second = numbers
        if first != second:
            bad = [x for x in first + second if not math.isfinite(x)]
            if not bad:
                raise ValueError(
                    f"check_gradients: {self.name} gave {first} and then {second} for the same "
                    "arguments: draw its random numbers outside, and pass them in"
                )
        if not first:
            raise ValueError(f"check_gradients: {self.name} gave no number")
        for i, y in enumerate(first):
            if not math.isfinite(y):
                where = f"[{i}]" if len(first) > 1 else ""
                raise ValueError(
                    f"check_gradients: the result{where} of {self.name} is {y} at these arguments, "
                    "where there is no derivative to check"
                )
        return [f"output {i} " for i in range(len(first))] if len(first) > 1 else [""]

    def flat(self, output: int = 0) -> Flat:
        return Flat(self.adapter, self.nesting, output)

    def of_primitive(
        self, primitive: Primitive, numbers: Sequence[float], moving: Sequence[int]
    ) -> tuple[_Check, Flat]:
        """The same check of one primitive, by some of its operands."""

        def alone(*moved: Any) -> Any:
            operands: list[Any] = list(numbers)
            for i, x in zip(moving, moved, strict=True):
                operands[i] = x
            return primitive(*operands)

        args = tuple(numbers[i] for i in moving)
        check = _Check(alone, args, self.order, self.modes, self.digits, reference=self.reference)
        return check, check.flat(0)

    def line_of(self, place: str) -> list[float]:
        """The direction that a comparison's place names; of a random one, that of all together."""
        lines = (line for name, line in _lines(self.places) if place.endswith(name))
        return next(lines, [1.0] * len(self.places))

    def run(self) -> GradientReport:
        comparisons: list[Comparison] = []
        notes: list[str] = []
        for output, label in enumerate(self.outputs):
            flat = self.flat(output)
            for order in range(1, self.order + 1):
                found = list(self.compare(flat, order, label))
                any_wrong = any(c.verdict == WRONG for c in found)
                if any_wrong:
                    found = blame.excuse(self, flat, order, found, notes)
                comparisons += found
                if any_wrong or any(c.verdict == KINK for c in found):
                    break
        return GradientReport(self.name, tuple(comparisons), tuple(notes))

    def compare(self, flat: Flat, order: int, label: str = "") -> list[Comparison]:
        """All derivatives of that order, by every combination of modes."""
        directions = directions_of(order - 1, len(self.xs))
        few = len(self.xs) <= MANY
        lines = list(_lines(self.places) if few else _random_lines(self.places))
        if order > 1 and few:
            lines = lines[: len(self.places)]  # the line of all together is there for kinks
        found = list(self._along_lines(flat, order, directions, lines, label))
        if not few and any(c.verdict != RIGHT for c in found):
            each = self._along_lines(flat, order, directions, list(_lines(self.places)), label)
            found = [*each, *found]
        return found

    def _along_lines(
        self,
        flat: Flat,
        order: int,
        directions: Sequence[Sequence[float]],
        lines: Sequence[tuple[str, list[float]]],
        label: str,
    ) -> Iterator[Comparison]:
        inner_modes = list(product(self.modes, repeat=order - 1))
        size = abs(self.adapter.along(flat, self.xs, directions, inner_modes[0]))
        gradients = {
            inner: self.adapter.gradient(flat, self.xs, directions, inner)
            for inner in inner_modes
            if "reverse" in self.modes
        }
        rounding = self._rounding(flat, directions)
        for place, line in lines:
            # Differences count noise four times.
            noise = 0.25 * rounding.along(line) if rounding else 0.0
            slope = self.slope(flat, directions, line, noise)
            for *inner, outer in product(self.modes, repeat=order):
                if outer == "reverse":
                    analytic = _dot(gradients[tuple(inner)], line)
                else:
                    analytic = self.adapter.along(
                        flat, self.xs, [*directions, line], (*inner, outer)
                    )
                verdict = judge(analytic, slope, self.digits, size, self.at_kinks)
                modes = (outer, *reversed(inner))
                yield Comparison(label + place, order, modes, analytic, slope, verdict)

    def slope(
        self,
        flat: Flat,
        directions: Sequence[Sequence[float]],
        line: Sequence[float],
        noise: float,
    ) -> Slope:
        """The numeric derivative, along the line, of the derivative along the directions."""
        xs, adapter = self.xs, self.adapter
        moving = [(i, xs[i], v) for i, v in enumerate(line) if v]
        units = units_around([x for _, x, _ in moving])
        if self.reference:
            from autograd_scalar.testing.reference import exact_directional_slope

            return exact_directional_slope(flat, xs, [*directions, line], units[0])
        modes = self.modes[:1] * len(directions)

        def along(t: float) -> float:
            point = list(xs)
            for i, x, v in moving:
                point[i] = x + t * v
            try:
                if directions:
                    return adapter.along(flat, point, directions, modes)
                return adapter.value(flat, point)
            except (ArithmeticError, ValueError):
                return math.nan

        return slope(along, units, max(math.ulp(x) for _, x, _ in moving), noise)

    def _rounding(self, flat: Flat, directions: Sequence[Sequence[float]]) -> Rounding | None:
        """How the graph rounds, if there is one."""
        if type(self.adapter) is not Adapter or self.reference:
            return None
        return Rounding(flat, self.xs, directions)


def judge(
    analytic: float, slope: Slope, digits: float, size: float, at_kinks: str = "between"
) -> str:
    """Whether a derivative is the slope, to that many digits; ``size`` is the function's there."""
    if not slope.found:
        return UNCLEAR
    steepest = max(abs(slope.left), abs(slope.right))
    tolerance = 10.0**-digits * steepest + 4 * slope.error + 1e-300
    known = slope.error <= max(1e-3 * steepest, 1e-8 * size, 1e-290)
    distance = slope.distance(analytic)
    if slope.kink and at_kinks != "between":
        target = {"left": slope.left, "right": slope.right, "mean": slope.value}[at_kinks]
        distance = abs(analytic - target)
    if not distance <= tolerance:
        # With so few digits it may as well be a slope that grows without bound.
        rough = slope.error > 0.01 * max(steepest, abs(analytic))
        rougher = slope.error > max(0.1 * steepest, 1e-6 * abs(analytic))
        doubtful = rough or rougher or not math.isfinite(analytic)
        return WRONG if known or not doubtful else UNCLEAR
    if slope.kink:
        return KINK
    return RIGHT if known else UNCLEAR


def _lines(places: Sequence[str]) -> Iterator[tuple[str, list[float]]]:
    """Each number on its own, and all together."""
    for i, place in enumerate(places):
        yield place, [float(i == j) for j in range(len(places))]
    if len(places) > 1:
        yield TOGETHER, [1.0] * len(places)


def _random_lines(places: Sequence[str]) -> Iterator[tuple[str, list[float]]]:
    source = random.Random(2)
    for _ in range(DIRECTIONS):
        signs = [source.choice((-1.0, 1.0)) * source.uniform(0.5, 1.5) for _ in places]
        yield f"a direction of all {len(places)} numbers", signs
    yield TOGETHER, [1.0] * len(places)


def _dot(gradient: Sequence[float], line: Sequence[float]) -> float:
    """The product, in which what is not moved does not count, be it inf or nan."""
    return math.fsum(_unless_endless([g * v for g, v in zip(gradient, line, strict=True) if v]))


def _unless_endless(terms: list[float]) -> list[float]:
    """Terms that fsum can add: nan in place of inf and -inf."""
    return terms if math.inf not in terms or -math.inf not in terms else [math.nan]


def _plain_numbers(args: tuple[Any, ...]) -> tuple[list[float], Nesting]:
    numbers, nesting = flatten(args, "args")
    if not numbers:
        raise ValueError("check_gradients: needs a number among the arguments to differentiate by")
    for place, x in zip(paths(nesting, "args"), numbers, strict=True):
        if x.__class__ is not float:
            raise TypeError(f"check_gradients: {place} must be a plain number, not {x!r}")
        if not math.isfinite(x):
            raise ValueError(
                f"check_gradients: {place} is {x}, and derivatives can be checked at finite "
                "numbers only"
            )
    return numbers, nesting


def _validate(order: int, modes: Sequence[str], digits: float, at_kinks: str) -> None:
    if isinstance(order, bool) or not isinstance(order, int) or order < 1:
        raise ValueError(f"check_gradients: order must be a whole number from 1 on, not {order!r}")
    if isinstance(modes, str) or not modes or not set(modes) <= set(MODES):
        raise ValueError(f"check_gradients: modes must be some of {MODES}, not {modes!r}")
    if not 0 < digits <= 16:
        raise ValueError(f"check_gradients: digits must be between 0 and 16, not {digits!r}")
    if at_kinks not in AT_KINKS:
        raise ValueError(f"check_gradients: at_kinks must be one of {AT_KINKS}, not {at_kinks!r}")
