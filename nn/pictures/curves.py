"""Learning curves: losses and metrics over the epochs, of one training run or of several."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autograd_scalar.draw.text import number
from autograd_scalar.primitives import described
from nn.history import History
from nn.pictures.plotting import axes_or_new, new_chart
from nn.pictures.wording import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nn.pictures.charts import Chart

WHO = "learning_curves"
ASIDE = ("epoch", "lr", "seconds")  # columns that are no loss and no metric
TRAINING, VALIDATION = "training", "validation"


def learning_curves(
    *histories: History,
    labels: Sequence[str] | None = None,
    log: bool = False,
    best: str | None = "auto",
    mode: str = "auto",
    ax: Any = None,
) -> "Chart":
    """Draw all losses and metrics over the epochs; return the figure.

    The loss stands at the top, each metric below it; training is a thin line, validation a thick
    one, and of a single run they have two colours. Each line is named at its end. A dashed line
    marks the best epoch.

    histories: what `fit` returned, one or several to compare. labels: what to call several.
    log: whether losses are on a logarithmic scale.
    best: the column whose best epoch is marked; by default "val_loss" if there is one, otherwise
        none; None marks none. mode: whether "min" or "max" is best; by default "min" for a loss and
        an error, "max" for any other metric.
    ax: Matplotlib axes for the losses alone, in place of a new figure.

    Raises ImportError without Matplotlib, of the extra `plot`; ValueError and TypeError for
    arguments that don't fit.

    >>> from nn import History
    >>> rows = [{"epoch": i, "loss": 1 / i, "val_loss": 2 / i, "accuracy": 0.5} for i in (1, 2, 3)]
    >>> [axes.get_ylabel() for axes in learning_curves(History(rows)).axes]
    ['loss', 'accuracy']
    """
    for history in histories:
        if not isinstance(history, History):
            raise TypeError(f"{WHO}: histories must be of class History, not {described(history)}")
    if not histories:
        raise TypeError(f"{WHO}: needs at least one History")
    names = _labels(labels, len(histories))
    marked = [best_epoch(history, best, mode) for history in histories]
    panels = panels_for(WHO, metrics_of(histories), ax)
    draw_curves(panels, histories, names, marked, log)
    return panels[0].get_figure(root=True)  # type: ignore[return-value]


def panels_for(who: str, metrics: Sequence[str], ax: Any = None) -> "list[Axes]":
    """Return axes for the loss and for each metric below it; only `ax` if that is given."""
    if ax is not None:
        return [axes_or_new(who, ax, 6.4, 2.4)]
    rows = 1 + len(metrics)
    return list(new_chart(who, 6.4, 2.4 * rows).subplots(rows, sharex=True, squeeze=False)[:, 0])


def metrics_of(histories: Sequence[History]) -> list[str]:
    """Return the names of all metrics, without `val_`."""
    columns = [name for history in histories for name in history.columns if name not in ASIDE]
    names = dict.fromkeys(str(name).removeprefix("val_") for name in columns)
    names.pop("loss", None)
    return list(names)


def draw_curves(
    panels: "Sequence[Axes]",
    histories: Sequence[History],
    names: Sequence[str],
    marked: Sequence[float | None],
    log: bool = False,
) -> None:
    """Draw loss and metrics of the histories on the panels.

    names: of the histories, "" for none. marked: the epoch of each to mark, None for none.
    """
    from nn.pictures.charts import label_ends, whole_numbers

    if log:
        panels[0].set_yscale("log")
    panels[-1].set_xlabel("epoch")
    whole_numbers(panels[-1].xaxis)
    ends = []
    for panel, name in zip(panels, ["loss", *metrics_of(histories)], strict=False):
        panel.set_ylabel(label(name))
        ends.append(_lines(panel, histories, names, name))
        for place, epoch in enumerate(marked):
            if epoch is not None:
                _mark(panel, histories[place], place, name, epoch, panel is panels[0])
    label_ends(list(zip(panels, ends, strict=True)))


def _labels(labels: Any, count: int) -> list[str]:
    if labels is None:
        return [f"run {i}" for i in range(1, count + 1)] if count > 1 else [""]
    if isinstance(labels, str) or len(labels) != count:
        raise ValueError(f"{WHO}: labels must be {count}, one for each, not {described(labels)}")
    return [label(words) for words in labels]


def best_epoch(history: History, best: str | None = "auto", mode: str = "auto") -> float | None:
    """Return the best epoch by a column, None if there is none; arguments of `learning_curves`."""
    if mode not in ("auto", "min", "max"):
        raise ValueError(f"{WHO}: mode must be 'auto', 'min' or 'max', not {described(mode)}")
    column = ("val_loss" if "val_loss" in history.columns else None) if best == "auto" else best
    if column is None:
        return None
    if column not in history.columns:
        raise ValueError(
            f"{WHO}: best must be a column of the history, not {described(column)}; there are "
            f"{', '.join(history.columns)}"
        )
    if mode == "auto":
        mode = "min" if "loss" in column or "error" in column else "max"
    if all(x != x for x in history[column]):
        return None
    return history.best(column, mode)["epoch"]


# --- Lines ----------------------------------------------------------------------------------------


def _lines(
    panel: "Axes", histories: Sequence[History], names: Sequence[str], name: str
) -> list[tuple[float, str, Any]]:
    """Draw one loss or metric of all histories; return what to write at the ends of the lines."""
    from nn.pictures.charts import COLOURS, tidy

    ends: list[tuple[float, str, Any]] = []
    for place, history in enumerate(histories):
        kinds = ((name, TRAINING, "-", 1.3), (f"val_{name}", VALIDATION, "-", 2.4))
        drawn = [kind for kind in kinds if kind[0] in history.columns]
        for column, kind, style, thick in drawn:
            numbers = history[column]
            is_second = kind == TRAINING and len(drawn) > 1
            # Colours tell runs apart; where there is one run only, its two lines.
            own = 1 if is_second and len(histories) == 1 else place
            colour = COLOURS[own % len(COLOURS)]
            panel.plot(
                _epochs(history), numbers, style, color=colour, linewidth=thick,
                label=f"{names[place]} {kind}".strip(), marker="o" if len(history) == 1 else None,
                alpha=0.75 if is_second else 1.0,
            )  # fmt: skip
            last = next((x for x in reversed(numbers) if math.isfinite(x)), math.nan)
            said = kind if not names[place] else names[place]
            if names[place] and len(drawn) > 1:
                said = f"{names[place]}, {kind}"
            ends.append((last, said, colour))
    tidy(panel)
    return ends


def _mark(
    panel: "Axes", history: History, place: int, name: str, epoch: float, is_first: bool
) -> None:
    """A line at the best epoch, and there a dot on each curve of validation."""
    from matplotlib.patheffects import withStroke

    from nn.pictures.charts import COLOURS

    colour = COLOURS[place % len(COLOURS)]
    whole = panel.get_xaxis_transform()
    panel.vlines(
        [epoch], 0, 1, colour, (0, (4, 3)), linewidth=0.9, alpha=0.7, transform=whole, zorder=1
    )
    if is_first:
        panel.annotate(
            f"best: epoch {epoch:g}", (epoch, 1), (0, 3 + 11 * place), xycoords=whole,
            textcoords="offset points", ha="center", fontsize=8, color=colour,
        )  # fmt: skip
    column = f"val_{name}" if f"val_{name}" in history.columns else name
    if column not in history.columns:
        return
    numbers = history[column]
    at = numbers[_epochs(history).index(epoch)]
    is_low = 2 * sum(x > at for x in numbers) > len(numbers)  # the curve is above it
    panel.scatter([epoch], [at], s=45, color=colour, edgecolors="white", zorder=4)
    halo = withStroke(linewidth=3, foreground=panel.get_facecolor())
    panel.annotate(
        number(at), (epoch, at), (6, -12 if is_low else 6), textcoords="offset points",
        fontsize=8, color=colour, path_effects=[halo], zorder=5,
    )  # fmt: skip


def _epochs(history: History) -> list[float]:
    if "epoch" in history.columns:
        return history["epoch"]
    return [float(i) for i in range(1, len(history) + 1)]
