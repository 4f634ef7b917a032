"""Gradient flow: how large gradients are in each layer, over the depth and over the steps."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

from autograd_scalar.draw.text import plain
from autograd_scalar.primitives import described
from nn.arguments import whole_number
from nn.diagnosis import LayerRecord
from nn.pictures.plotting import new_chart
from nn.pictures.wording import label
from nn.watch import Watcher

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nn.pictures.charts import Chart

WHO = "gradient_flow"
MOST_NAMED = 14  # lines beside which there is room for names
TOLD = ("vanishing gradient", "exploding gradient", "not finite", "dying ReLU", "saturated")
"""The findings that are about gradients, and stand beside their layers."""


def gradient_flow(watcher: Watcher, *, step: int | None = None) -> "Chart":
    """Draw the gradients that a `Watcher` saw in each layer; return the figure.

    On the left the layers in the order of the forward pass, with the mean (dot) and the largest
    (bar) size of their parameters' gradients in one step, on a logarithmic scale; beside them the
    size of the step's update by that of the weights, if the watcher saw updates. On the right the
    means over all recorded steps. What is 0 or nan has no place on that scale and is marked at its
    edge; what the watcher found (vanishing, exploding) stands beside the layer.

    watcher: of `nn.watch`. step: the step for the left side; by default the last recorded one.

    Raises ImportError without Matplotlib, of the extra `plot`; TypeError if `watcher` is none,
    ValueError if it has recorded no gradients, or not in that step.

    >>> import nn
    >>> model = nn.MLP(1, [3, 1], rng=0)
    >>> with nn.watch(model) as watcher:
    ...     watcher.backward(nn.mse_loss([model([1.0])], [2.0]))
    >>> gradient_flow(watcher).axes[0].get_xlabel()
    'size of gradients, step 0'
    """
    if not isinstance(watcher, Watcher):
        raise TypeError(f"{WHO}: watcher must be what nn.watch returns, not {described(watcher)}")
    records = [record for record in watcher.records if record.gradient_mean is not None]
    if not records:
        raise ValueError(f"{WHO}: watcher has recorded no gradients yet")
    steps = sorted({record.step for record in records})
    at = steps[-1] if step is None else whole_number(f"{WHO}: step", step)
    if at not in steps:
        raise ValueError(f"{WHO}: step must be one of those recorded, not {at}: {_ends(steps)}")
    rows = [record for record in records if record.step == at]
    layers = list(dict.fromkeys(record.layer for record in rows))
    rows = [next(row for row in rows if row.layer == layer) for layer in layers]

    has_updates = any(row.update_ratio is not None for row in rows)
    has_steps = len(steps) > 1
    widths = [3.0] + [1.2] * has_updates + [3.4] * has_steps
    height = max(2.6, 1.1 + 0.3 * len(layers))
    chart = new_chart(WHO, 2.0 + 1.6 * sum(widths), height)
    panels = list(chart.subplots(1, len(widths), width_ratios=widths, squeeze=False)[0])
    _depth(panels.pop(0), rows, _told(watcher, at), at)
    if has_updates:
        _updates(panels.pop(0), rows)
    if has_steps:
        by_layer = [[r for r in records if r.layer == layer] for layer in layers]
        _over_steps(panels.pop(0), by_layer, at)
    return chart


def _ends(steps: Sequence[int]) -> str:
    return ", ".join(map(str, steps)) if len(steps) <= 6 else f"{steps[0]} to {steps[-1]}"


def _told(watcher: Watcher, step: int) -> dict[str, str]:
    """For each layer what was found of it up to this step, in a word."""
    found: dict[str, str] = {}
    for finding in watcher.findings:
        if finding.kind in TOLD and finding.step <= step:
            for layer in finding.layers:
                found.setdefault(layer, finding.kind.removesuffix(" gradient"))
    return found


# --- Panels ---------------------------------------------------------------------------------------


def _depth(axes: "Axes", rows: Sequence[LayerRecord], told: dict[str, str], step: int) -> None:
    from nn.pictures.charts import COLOURS, tidy

    sizes = [x for row in rows for x in (row.gradient_mean, row.gradient_max) if _has_place(x)]
    low, high = _decades(sizes)
    for place, row in enumerate(rows):
        mean, largest = row.gradient_mean, row.gradient_max
        if _has_place(mean) and _has_place(largest):
            axes.plot([mean, largest], [place, place], color=COLOURS[5], linewidth=2, zorder=2)
            axes.plot([largest], [place], "|", color=COLOURS[0], markersize=11, markeredgewidth=2)
            axes.plot([mean], [place], "o", color=COLOURS[0], markersize=7, zorder=3)
        else:
            _mark(axes, low, place, mean)
        words = _word(mean) or told.get(row.layer, "")
        if words:
            axes.annotate(
                words, (1.0, place), (4, 0), xycoords=("axes fraction", "data"),
                textcoords="offset points", va="center", fontsize=9, color=COLOURS[1],
                annotation_clip=False,
            )  # fmt: skip
    _log_scale(axes, low, high)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [label(row.layer) for row in rows])
    axes.set_xlabel(f"size of gradients, step {step}")
    axes.set_title("mean ●   largest |", loc="left", fontsize=9)
    tidy(axes, grid="x")


def _updates(axes: "Axes", rows: Sequence[LayerRecord]) -> None:
    from nn.pictures.charts import COLOURS, tidy

    ratios = [row.update_ratio for row in rows]
    low, high = _decades([ratio for ratio in ratios if _has_place(ratio)] + [1e-3])
    for place, ratio in enumerate(ratios):
        if _has_place(ratio):
            axes.plot([ratio], [place], "D", color=COLOURS[2], markersize=6)
        elif ratio is not None:
            _mark(axes, low, place, ratio)
    axes.axvline(1e-3, color=COLOURS[6], linestyle="--", linewidth=1, zorder=1)
    _log_scale(axes, low, high)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [""] * len(rows))
    axes.set_xlabel("update / weights")
    axes.set_title("dashed: the usual 1e-3", loc="left", fontsize=9)
    tidy(axes, grid="x")


def _over_steps(axes: "Axes", by_layer: Sequence[Sequence[LayerRecord]], at: int) -> None:
    from nn.pictures.charts import COLOURS, label_ends, ramp, tidy, whole_numbers

    means = [row.gradient_mean for rows in by_layer for row in rows]
    low, high = _decades([mean for mean in means if _has_place(mean)])
    ends = []
    every = math.ceil(len(by_layer) / MOST_NAMED)
    for depth, rows in enumerate(by_layer):
        colour = ramp(axes, depth / max(len(by_layer) - 1, 1))
        means = [row.gradient_mean for row in rows]
        places = [mean if _has_place(mean) else math.nan for mean in means]
        axes.plot([row.step for row in rows], places, color=colour, linewidth=1.6)
        for row in rows:
            if not _has_place(row.gradient_mean):
                _mark(axes, row.step, low, row.gradient_mean)
        last = next((place for place in reversed(places) if place == place), low)
        if depth % every == 0 or depth == len(by_layer) - 1:
            ends.append((last, label(rows[0].layer), colour))
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    axes.axvline(at, color=COLOURS[6], linestyle="--", linewidth=1, zorder=1)
    axes.set_xlabel("step")
    axes.set_title("mean size of gradients", loc="left", fontsize=9)
    whole_numbers(axes.xaxis)
    tidy(axes)
    label_ends([(axes, ends)])


def _mark(axes: "Axes", x: float, y: float, number: float | None) -> None:
    """A mark at the edge for what has no place on a logarithmic scale."""
    from nn.pictures.charts import COLOURS

    marker = "x" if number is not None and number != 0 else "o"
    axes.plot(
        [x], [y], marker, color=COLOURS[1], markersize=7, markerfacecolor="none",
        markeredgewidth=1.8, clip_on=False, zorder=4,
    )  # fmt: skip


def _word(number: float | None) -> str:
    return "" if _has_place(number) or number is None else plain(f"{number:g}")


def _has_place(number: float | None) -> TypeGuard[float]:
    return number is not None and 0 < number < math.inf


def _decades(numbers: Sequence[Any]) -> tuple[float, float]:
    """The powers of ten around the numbers."""
    if not numbers:
        return 0.1, 10.0
    low, high = math.log10(min(numbers)), math.log10(max(numbers))
    return 10.0 ** math.floor(low - 0.2), 10.0 ** math.ceil(high + 0.2)


def _log_scale(axes: "Axes", low: float, high: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(low, high)
