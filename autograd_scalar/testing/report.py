"""What ``check_gradients`` found: comparisons, a report of all, and the message of a failure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from autograd_scalar.testing.differences import Slope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

RIGHT, KINK, UNCLEAR, WRONG = "right", "kink", "unclear", "wrong"
ORDERS = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth"}


@dataclass(frozen=True)
class Comparison:
    """One derivative, as it was computed and as differences have it.

    Attributes:
        place: by what it is taken: ``args[0]['w'][1]``, or all arguments together.
        order: its order.
        modes: how it was computed, the outermost mode first.
        analytic: what was computed.
        slope: what differences give.
        verdict: "right", "kink", "unclear" (differences say too little) or "wrong".
    """

    place: str
    order: int
    modes: tuple[str, ...]
    analytic: float
    slope: Slope
    verdict: str

    @property
    def error(self) -> float:
        """How far the two are apart, relative to the larger; beside a kink's interval."""
        size = max(abs(self.analytic), abs(self.slope.left), abs(self.slope.right))
        return self.slope.distance(self.analytic) / size if size else 0.0

    @property
    def within_kink(self) -> bool:
        """Whether it is between the derivatives from left and right, and these differ."""
        return self.slope.kink and self.slope.distance(self.analytic) <= 4 * self.slope.error

    @property
    def resolved(self) -> bool:
        """Whether there is a slope, which differences can tell from 0: its digits then count."""
        is_clear = self.verdict in (RIGHT, WRONG) and not self.slope.kink
        return is_clear and self.slope.error <= 1e-3 * abs(self.slope.value)

    @property
    def ratio(self) -> str:
        """In words, what the analytic derivative is of the numeric one."""
        slope, analytic = self.slope.value, self.analytic
        if not math.isfinite(analytic):
            return f"it is {analytic}"
        if self.slope.kink:
            return "there is a kink" if self.within_kink else "it is not between the two"
        if analytic == 0:
            return "it is missing"
        if abs(slope) <= self.slope.error:
            return "it ought to be 0"
        ratio = analytic / slope
        if abs(ratio + 1) < 1e-3:
            return "the sign is wrong"
        return (
            f"off by a factor {ratio:#.4g}" if abs(ratio - 1) > 1e-3 else f"off by {ratio - 1:.1e}"
        )

    @property
    def method(self) -> str:
        """The modes in words: "reverse", "forward over reverse"."""
        return " over ".join(self.modes)


@dataclass(frozen=True, repr=False)
class GradientReport:
    """What was compared, and how well it agreed.

    Attributes:
        function: the name of the function.
        comparisons: all of them.
        notes: what a person should know about the kinks and what was left out.
    """

    function: str
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def orders(self) -> tuple[int, ...]:
        """The orders of derivatives that were compared."""
        return tuple(sorted({c.order for c in self.comparisons}))

    @property
    def kinks(self) -> tuple[Comparison, ...]:
        """Those at which the derivatives from the two sides differ."""
        return self._with(KINK)

    @property
    def unclear(self) -> tuple[Comparison, ...]:
        """Those of which differences say too little to judge."""
        return self._with(UNCLEAR)

    @property
    def wrong(self) -> tuple[Comparison, ...]:
        """Those that failed: none in a report that is returned."""
        return self._with(WRONG)

    def worst_error(self, order: int) -> float:
        """The largest relative error of that order, of all that could be compared; else nan."""
        errors = [c.error for c in self.comparisons if c.order == order and c.resolved]
        return max(errors, default=math.nan)

    def _with(self, verdict: str) -> tuple[Comparison, ...]:
        return tuple(c for c in self.comparisons if c.verdict == verdict)

    def __repr__(self) -> str:
        lines = [f"GradientReport of {self.function}"]
        for order in self.orders:
            count = sum(c.order == order for c in self.comparisons)
            worst = self.worst_error(order)
            error = f"worst relative error {worst:.1e}"
            agreed = "none could be judged" if math.isnan(worst) else error
            lines.append(
                f"  {ordinal(order)} order: {count} comparison{'s' * (count > 1)}, {agreed}"
            )
        for name, some in (("kink", self.kinks), ("unclear", self.unclear)):
            lines += [f"  {name}: {place}" for place in _places(some)]
        return "\n".join([*lines, *[f"  {note}" for note in self.notes]])


def _places(comparisons: Iterable[Comparison]) -> list[str]:
    seen = {(c.order, c.place): c for c in comparisons}
    return [
        f"{c.place}, {ordinal(c.order)} order; computed {c.analytic:.12g}, by differences {c.slope}"
        for c in seen.values()
    ]


def ordinal(order: int) -> str:
    """The order of a derivative in words."""
    return ORDERS.get(order, f"{order}th")


def table(rows: Iterable[tuple[str, ...]], indent: str = "    ") -> str:
    """Rows of columns, each as wide as its widest entry."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        (indent + "   ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True))).rstrip()
        for row in rows
    )


def failures(comparisons: Iterable[Comparison], limit: int = 8) -> str:
    """Wrong derivatives as a table."""
    methods: dict[tuple[str, ...], list[str]] = {}
    for c in comparisons:
        facts = (c.place, ordinal(c.order), f"{c.analytic:.12g}", str(c.slope), c.ratio)
        methods.setdefault(facts, []).append(c.method)
    rows: list[tuple[str, ...]] = [("by", "order", "computed", "by differences", "", "in")]
    rows += [(*facts, ", ".join(by)) for facts, by in list(methods.items())[:limit]]
    more = len(methods) - limit
    return table(rows) + (f"\n    and {more} more" if more > 0 else "")
