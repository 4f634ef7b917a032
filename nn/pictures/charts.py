"""What charts have in common: a figure that shows itself, colours, and words beside lines.

This file needs Matplotlib; whoever wants a chart comes in by `new_chart`, which says so. Figures
are made without pyplot: nothing is kept open, and no window or backend is needed.
"""

import io
import math
from collections.abc import Sequence
from typing import Any

from matplotlib import colormaps, rcParams
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Affine2D, Transform

from autograd_scalar.draw.theme import luminance

COLOURS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c8c8c", "#f0e442",
)  # fmt: skip
"""Told apart with any colour vision. Source: M. Okabe, K. Ito, "Color universal design" (2008)."""

MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*")
"""Of the classes, which are told apart in grey too."""

NEGATIVE, POSITIVE = COLOURS[1], COLOURS[0]


class Chart(Figure):
    """A figure that Jupyter shows, whether pyplot was imported or not."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=144)
        return file.getvalue()


def tidy(axes: Axes, *, grid: str | None = "y") -> None:
    """Take away the lines that say nothing, and put faint ones behind the numbers."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_axisbelow(True)
    if grid is not None:
        axes.grid(axis=grid, color=rcParams["text.color"], alpha=0.12, linewidth=0.8)  # type: ignore[arg-type]


def ramp(axes: Axes, share: float) -> tuple[float, float, float, float]:
    """Return a colour from the dark to the light end, where that shows on the ground of the axes.

    Cividis looks the same with any colour vision, and gets lighter all the way.
    """
    low, high = (0.0, 0.8) if luminance(to_hex(axes.get_facecolor())) > 0.2 else (0.35, 1.0)
    return colormaps["cividis"](low + (high - low) * share)


def whole_numbers(axis: Axis) -> None:
    """Have no ticks between whole numbers."""
    axis.set_major_locator(MaxNLocator(integer=True))


End = tuple[float, str, Any]
"""Where a line ends (its height in the numbers of the axes), words to write there, their colour."""


def label_ends(panels: Sequence[tuple[Axes, Sequence[End]]], size: float = 9.0) -> None:
    """Write words to the right of each panel, each at its height or as near as there is room.

    Where that is is found whenever the panel is drawn, for then it is known how high the panel is.
    """
    for axes, ends in panels:
        told = [end for end in ends if end[0] == end[0]]
        heights = [height for height, _, _ in told]
        for which, (_, words, colour) in enumerate(told):
            axes.annotate(
                words, (0.0, 0.0), (6, 0), xycoords=_Place(axes, heights, which, size),
                textcoords="offset points", color=colour, fontsize=size, va="center",
                annotation_clip=False,
            )  # fmt: skip


class _Place:
    """Where one of the words goes: at the right edge of the axes, apart from the other words."""

    def __init__(self, axes: Axes, heights: Sequence[float], which: int, size: float) -> None:
        self.axes, self.heights, self.which, self.size = axes, heights, which, size

    def __call__(self, renderer: Any) -> Transform:
        axes = self.axes
        axes.get_ylim()  # has new lines taken into the scale
        pixels = [axes.transData.transform((0.0, height))[1] for height in self.heights]
        apart = self.size * 1.35 * renderer.points_to_pixels(1.0)
        found = spread(pixels, apart, axes.bbox.y0, axes.bbox.y1)
        return Affine2D().translate(axes.bbox.x1, found[self.which])


def spread(
    places: Sequence[float], apart: float, low: float = -math.inf, high: float = math.inf
) -> list[float]:
    """Return the places moved as little as may be so that each is that far from the next.

    Places that come too near to each other are spread around their mean. All stay between low and
    high; if there is no room for so many, they are as far apart as there is room for.

    >>> spread([10.0, 0.0, 11.0], 4.0)
    [8.5, 0.0, 12.5]
    >>> spread([10.0, 0.0, 11.0], 4.0, high=11.0)
    [7.0, 0.0, 11.0]
    """
    count = len(places)
    apart = min(apart, (high - low) / max(1, count - 1))
    found = [min(max(place, low), high) for place in places]
    order = sorted(range(count), key=places.__getitem__)
    groups: list[list[int]] = []
    starts: list[float] = []
    for place in order:
        groups.append([place])
        starts.append(found[place])
        while len(groups) > 1 and starts[-2] + apart * len(groups[-2]) > starts[-1]:
            last = groups.pop()
            groups[-1] += last
            starts.pop()
            middle = sum(found[i] for i in groups[-1]) / len(groups[-1])
            starts[-1] = middle - apart * (len(groups[-1]) - 1) / 2
    spaced = [
        start + k * apart
        for start, group in zip(starts, groups, strict=True)
        for k in range(len(group))
    ]
    for k, (place, at) in enumerate(zip(order, spaced, strict=True)):
        found[place] = min(max(at, low + k * apart), high - (count - 1 - k) * apart)
    return found
