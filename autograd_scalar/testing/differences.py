"""The slope of a float function by differences, with an error that can be relied on.

A difference of nearby results loses digits to rounding where the step is small, and is off by the
curvature where it is large. So differences at steps halved again and again are extrapolated to a
step of zero (Richardson 1911; Ridders 1982), the rounding noise of the function is measured, not
assumed (More and Wild 2011), and two ranges of steps have to agree. What comes out is right to
about 11 digits for a smooth function, and says how many it has.

The mean of the differences on both sides tends to the slope; their difference tends to 0, unless
the function has a kink. Both are extrapolated from the same results of the function.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Line = Callable[[float], float]

LEVELS = 7  # how often a step is halved in one extrapolation
COARSEST, SHIFT, FINEST = 3, 3, 42  # extrapolations begin at 2**-3, 2**-6, ... of the unit
NOISE_STEP = 2.0**-24  # so small that the fourth differences of a smooth function are noise alone


@dataclass(frozen=True)
class Slope:
    """How fast a function of one number changes: on the left, on the right, and how sure that is.

    Attributes:
        left: the derivative from the left.
        right: the derivative from the right; unequal to ``left`` at a kink only.
        error: an estimate of how far either may be off; inf if no slope was found.
        jumps: whether the function jumps here, and so has no slope.
    """

    left: float
    right: float
    error: float
    jumps: bool = False

    @property
    def kink(self) -> bool:
        """Whether the derivatives from the two sides disagree."""
        return self.left != self.right and self.found

    @property
    def found(self) -> bool:
        """Whether there is a slope at all."""
        return self.error < math.inf

    @property
    def value(self) -> float:
        """The slope; at a kink the mean of both sides."""
        return self.left if self.left == self.right else 0.5 * (self.left + self.right)

    def distance(self, number: float) -> float:
        """How far a number is from the interval between the two sides; 0 inside of it."""
        low, high = sorted((self.left, self.right))
        return max(low - number, number - high, 0.0) if number == number else math.inf

    def __str__(self) -> str:
        if not self.found:
            return "none, as the function jumps here" if self.jumps else "none was found"
        if self.kink:
            return f"{self.left:.12g} from the left, {self.right:.12g} from the right"
        return f"{self.left:.15g}, give or take {self.error:.1g}"


NO_SLOPE = Slope(math.nan, math.nan, math.inf)


def slope(
    line: Line, units: Sequence[float] = (1.0,), resolution: float = 0.0, noise: float = 0.0
) -> Slope:
    """The slope at 0 of a function of one float.

    Args:
        line: the function; nan or inf where it has no value.
        units: sizes of a change that may matter to the function, the smallest first; the next is
            tried where one gives few digits, and taken if it gives more of the same number.
        resolution: by how much rounding may change what ``line`` is called with.
        noise: by how much rounding may change what it returns, where that can't be seen: a function
            that changes in stairs is flat on each.

    >>> slope(lambda t: (3 + t) ** 2)  # doctest: +ELLIPSIS
    Slope(left=6.0, right=6.0, error=..., jumps=False)
    >>> slope(abs).left, slope(abs).right
    (-1.0, 1.0)
    """
    best = NO_SLOPE
    for unit in units:
        found = _slope_by_unit(line, unit, resolution, noise)
        if not best.found or (found.error < best.error and _agreed(found, best).error < best.error):
            best = found
        # Known to a few digits, or to what rounding does to a change as large as the largest unit.
        if best.error <= max(1e-6 * abs(best.value), 4096 * math.ulp(line(0.0)) / units[-1]):
            break
    return best


def slope_at(function: Line, x: float) -> Slope:
    """The slope at x of a function of one float.

    >>> import math
    >>> abs(slope_at(math.exp, 0.0).value - 1.0) < 1e-11
    True
    """
    return slope(lambda t: function(x + t), units_around([x]), math.ulp(x))


def units_around(xs: Sequence[float]) -> list[float]:
    """The sizes of change to try at a point, smallest first: those of the numbers, and 1.

    The smallest comes first since a coarse look at a fast function may seem exact and is not.
    """
    return sorted({1.0, *[_power_of_two(abs(x)) for x in xs if x]})


def _power_of_two(size: float) -> float:
    return math.ldexp(1.0, max(-1000, min(1000, math.frexp(size)[1] - 1)))


def _slope_by_unit(line: Line, unit: float, resolution: float, unseen: float) -> Slope:
    """The best that two neighbouring ranges of steps agree on."""
    middle = line(0.0)
    noise = max(unseen, rounding_noise(line, max(unit * NOISE_STEP, 4 * resolution)))
    if not math.isfinite(middle + noise):
        return NO_SLOPE

    @cache
    def sides(level: int) -> tuple[float, float, float]:
        h = math.ldexp(unit, -level)
        return h, line(-h), line(h)

    best = previous = window = NO_SLOPE
    for first in range(COARSEST, FINEST - LEVELS, SHIFT):
        if math.ldexp(unit, -first - LEVELS) < 4 * resolution:
            break  # the steps are lost in the number that they are added to
        around = [sides(first + k) for k in range(LEVELS)]
        if middle and unseen > max(max(abs(below), abs(above)) for _, below, above in around):
            return NO_SLOPE  # within an ulp of a pole: all that happens is hidden by rounding
        window = _extrapolated(middle, around, noise, resolution)
        if window.kink and not _confirmed(line, middle, window, noise, unit, resolution):
            window = NO_SLOPE
        both = _agreed(window, previous)
        if both.error <= best.error:
            best = both
        floor = noise / math.ldexp(unit, -first)
        if best.error <= max(1e-9 * abs(best.value), 64 * floor) or floor > best.error:
            break
        previous = window
    if not best.found and window.jumps:
        return window
    return best


def _agreed(a: Slope, b: Slope) -> Slope:
    """The better of two, with their disagreement as an error on top."""
    if not (a.found and b.found):
        return Slope(math.nan, math.nan, math.inf, a.jumps and b.jumps)
    better = a if a.error <= b.error else b
    apart = max(abs(a.left - b.left), abs(a.right - b.right))
    return Slope(better.left, better.right, better.error + apart)


def _extrapolated(
    middle: float, sides: Sequence[tuple[float, float, float]], noise: float, resolution: float
) -> Slope:
    """From results at (step, left, right), the steps halved each time."""
    steps = [h for h, _, _ in sides]
    from_left = [(middle - below) / h for h, below, _ in sides]
    from_right = [(above - middle) / h for h, _, above in sides]
    left_is_there, right_is_there = _all_finite(from_left), _all_finite(from_right)
    jumps = any(
        _jumps([s * h for s, h in zip(side, steps, strict=True)], noise)
        for side, is_there in ((from_left, left_is_there), (from_right, right_is_there))
        if is_there
    )
    if jumps or not (left_is_there or right_is_there):
        return Slope(math.nan, math.nan, math.inf, jumps)

    def limit(differences: list[float], powers: Sequence[int]) -> tuple[float, float]:
        steepest = max(abs(differences[0]), abs(differences[-1]))
        return extrapolate(differences, powers, steps, 4 * noise + resolution * steepest)

    if left_is_there and right_is_there:
        both = list(zip(from_left, from_right, strict=True))
        mean, mean_error = limit([0.5 * (a + b) for a, b in both], EVEN)
        bend, bend_error = limit([b - a for a, b in both], ODD)
        if abs(bend) <= 2 * bend_error:
            return Slope(mean, mean, mean_error + 0.5 * (abs(bend) + bend_error))
    ends = [limit(side, ALL) for side in (from_left, from_right) if _all_finite(side)]
    return Slope(ends[0][0], ends[-1][0], max(error for _, error in ends))


ALL, EVEN, ODD = range(1, LEVELS), range(2, 2 * LEVELS, 2), range(1, 2 * LEVELS, 2)


def extrapolate(
    estimates: Sequence[float], powers: Sequence[int], steps: Sequence[float], noise: float
) -> tuple[float, float]:
    """The limit of estimates for a step of 0, and its error; each step is half the one before.

    ``powers`` are those of the step in the error of an estimate. The limit is taken from that place
    of Richardson's tableau whose neighbours agree best, ``noise`` over the step considered. The
    estimates themselves have to come near it, or the error is inf: those of a staircase may agree
    by chance.
    """
    best, best_error = math.nan, math.inf
    row: list[float] = []
    for estimate, step in zip(estimates, steps, strict=True):
        coarser_row, row = row, [estimate]
        for coarser, power in zip(coarser_row, powers, strict=False):
            factor = 2.0**power
            row.append((factor * row[-1] - coarser) / (factor - 1))
            error = max(abs(row[-1] - row[-2]), abs(row[-1] - coarser)) + noise / step
            if error <= best_error:
                best, best_error = row[-1], error
    spread = max([abs(estimate - best) for estimate in estimates[:3]])
    if abs(estimates[-1] - best) > 0.25 * spread + 4 * noise / steps[-1]:
        return best, math.inf
    return best, best_error


def rounding_noise(line: Line, step: float) -> float:
    """How far rounding moves the results of a function near 0 (More and Wild 2011).

    Fourth differences of a smooth function at so small a step are nothing but noise. Those on
    either side of 0, as the function may have a kink, a jump or an end there; inf if it has neither
    side.
    """
    noise = -math.inf
    for sign in (-step, step):
        results = [line(k * sign) for k in range(1, 7)]
        largest = max(map(abs, results))
        if _all_finite(results):
            for _ in range(4):
                results = [b - a for a, b in pairwise(results)]
            scale = math.factorial(4) ** 2 / math.factorial(8)
            root_mean_square = math.sqrt(scale / len(results)) * math.hypot(*results)
            noise = max(noise, root_mean_square, math.ulp(largest))
    return noise if noise >= 0 else math.inf


def _all_finite(numbers: Iterable[float]) -> bool:
    return all(map(math.isfinite, numbers))


def _jumps(changes: Sequence[float], noise: float) -> bool:
    """Whether changes for ever smaller steps do not shrink."""
    return abs(changes[-1]) > 0.5 * abs(changes[0]) + 8 * noise


def _confirmed(
    line: Line, middle: float, kink: Slope, noise: float, unit: float, resolution: float
) -> bool:
    """Whether the kink is here and not just near: seen as well at the smallest step that can."""
    bend = kink.right - kink.left
    step = max(64 * noise / abs(bend), math.ldexp(unit, -44), 16 * resolution)
    seen = (line(step) - 2 * middle + line(-step)) / step
    return abs(seen - bend) <= 0.25 * abs(bend)
