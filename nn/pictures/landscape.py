"""Loss landscapes: the loss along one or two directions from where a model is."""

import math
import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy
from numpy.typing import NDArray

from autograd_scalar.draw.text import number
from autograd_scalar.primitives import described, detached
from autograd_scalar.tape.compiled import Compiled
from autograd_scalar.tape.recording import RecordingError
from nn.arguments import generator, size
from nn.module import Module
from nn.pictures.directions import pca_directions, points_of, random_direction
from nn.pictures.looking import untouched
from nn.pictures.plotting import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nn.pictures.charts import Chart

WHO = "loss_landscape"
EDGE = 0.25  # around a trajectory, as a share of its reach
LEVELS = 18
COMPARED = (0.0, 0.1, 0.3, 0.6, 1.0)  # of the way through all places, where the loss is called too
STEEP = 10.0  # times the least loss: where the largest is more, levels are at equal ratios
Array = NDArray[numpy.float64]


def loss_landscape(
    model: Module,
    loss: Callable[[Module], Any],
    *,
    directions: Sequence[Sequence[float]] | None = None,
    trajectory: Any = None,
    reach: float = 1.0,
    resolution: int = 31,
    log: bool | None = None,
    rng: random.Random | int | None = 0,
    ax: Any = None,
) -> "Chart":
    """Draw the loss of a model whose parameters are moved along two directions, or along one.

    The model is at the origin of the picture, and afterwards its parameters are what they were, to
    the last bit, whatever happens in between.

    model: a module. loss: a function of the model that returns its loss, one number:
        `lambda model: mse_loss(model(X), y)`. It is recorded once and replayed at each place, with
        the model in evaluation mode; what can't be recorded is called at each.
    directions: one or two lists of numbers, one for each of `model.parameters()`. By default the
        two of `pca_directions(trajectory)` or, without a trajectory, two random ones whose filters
        are as long as the model's, see `random_direction`.
    trajectory: points to draw as a line, from a `Trajectory` in `fit`, each as seen along the
        directions; the picture is then as wide as that line.
    reach: how far to go along each direction, both ways, in lengths of the direction.
    resolution: how many places along each.
    log: whether losses are on a logarithmic scale; by default if they are of different
        orders of magnitude.
    rng: for the random directions: a `random.Random` or a seed.
    ax: Matplotlib axes to draw on, in place of a new figure.

    Raises ImportError without Matplotlib, of the extra `plot`; ValueError and TypeError for
    arguments that don't fit; and what the loss raises.

    Source: H. Li et al., "Visualizing the loss landscape of neural nets", NeurIPS (2018).

    >>> import nn
    >>> model, (X, y) = nn.MLP(2, [3, 1], rng=0), nn.data.xor()
    >>> figure = loss_landscape(model, lambda m: nn.mse_loss(m(X), y), resolution=5)
    >>> figure.axes[0].get_xlabel()
    'random direction 1'
    """
    if not isinstance(model, Module):
        raise TypeError(f"{WHO}: model must be a Module, not {described(model)}")
    if not callable(loss):
        raise TypeError(f"{WHO}: loss must be a function of the model, not {described(loss)}")
    resolution = size(f"{WHO}: resolution", resolution)
    if resolution < 2:
        raise ValueError(f"{WHO}: resolution must be at least 2, not {resolution}")
    if not 0 < reach < float("inf"):
        raise ValueError(f"{WHO}: reach must be a number above 0, not {reach!r}")
    parameters = model.parameters()
    start = numpy.array([parameter.data for parameter in parameters])
    points = None if trajectory is None else points_of(WHO, trajectory, len(parameters))
    axes_of_space, names = _directions(model, directions, points, rng)
    on_line = None if points is None else _along(points - start, axes_of_space)

    spans = _spans(len(axes_of_space), reach, on_line)
    places = [numpy.linspace(low, high, resolution) for low, high in spans]
    grid = numpy.stack([p.ravel() for p in numpy.meshgrid(*places)], axis=1)
    axes = axes_or_new(WHO, ax, 6.4, 4.8)
    here, *losses = _losses(model, loss, start, [numpy.zeros(len(spans)), *grid], axes_of_space)
    found = numpy.array(losses)
    if len(places) == 1:
        _curve(axes, places[0], found, here, on_line, log)
    else:
        _contours(axes, places, found.reshape(resolution, resolution), here, on_line, log)
        axes.set_ylabel(names[1])
    axes.set_xlabel(names[0])
    return axes.get_figure(root=True)  # type: ignore[return-value]


# --- Numbers --------------------------------------------------------------------------------------


def _directions(
    model: Module, given: Any, points: Array | None, rng: random.Random | int | None
) -> tuple[Array, list[str]]:
    count = len(model.parameters())
    if given is None:
        if points is not None:
            return numpy.array(pca_directions(points)), [f"principal direction {i}" for i in (1, 2)]
        draw = generator(rng)
        found = numpy.array([random_direction(model, draw) for _ in range(2)])
        return found, ["random direction 1", "random direction 2"]
    try:
        found = numpy.array(given, float)
    except (TypeError, ValueError):
        raise TypeError(
            f"{WHO}: directions must be lists of numbers, not {described(given)}"
        ) from None
    if found.ndim == 1:
        found = found[None, :]
    if found.shape not in ((1, count), (2, count)):
        raise ValueError(
            f"{WHO}: directions must be one or two of {count} numbers, one for each parameter, "
            f"and are of shape {found.shape}"
        )
    if not numpy.isfinite(found).all() or numpy.linalg.matrix_rank(found) < len(found):
        raise ValueError(f"{WHO}: directions must be finite, not 0 and not the same")
    return found, [f"direction {i}" for i in (1, 2)]


def _along(steps: Array, directions: Array) -> Array:
    """Where each step is as seen along the directions: its nearest place in their plane."""
    return numpy.asarray(numpy.linalg.lstsq(directions.T, steps.T, rcond=None)[0].T, float)


def _spans(count: int, reach: float, on_line: Array | None) -> list[tuple[float, float]]:
    if on_line is None:
        return [(-reach, reach)] * count
    spans = []
    for place in range(count):
        low, high = min(on_line[:, place].min(), 0.0), max(on_line[:, place].max(), 0.0)
        edge = EDGE * (high - low) or reach
        spans.append((low - edge, high + edge))
    return spans


def _losses(
    model: Module, loss: Any, start: Array, places: Sequence[Array], directions: Array
) -> list[float]:
    with untouched(model):
        at = _Mover(model, start, directions)
        try:
            return _replayed(loss, at, places)
        except RecordingError:
            return [_number(at(place, lambda: loss(model))) for place in places]


class _Mover:
    """Calls a function with the model moved along the directions."""

    def __init__(self, model: Module, start: Array, directions: Array) -> None:
        self.model = model
        self.parameters = model.parameters()
        self.start, self.directions = start, directions

    def __call__(self, place: Array, function: Callable[[], Any]) -> Any:
        moved = self.start + place @ self.directions if place.any() else self.start
        for parameter, x in zip(self.parameters, moved.tolist(), strict=True):
            parameter.data = x
        return function()


def _replayed(loss: Any, at: _Mover, places: Sequence[Array]) -> list[float]:
    """The losses by a recorded program; RecordingError if it is not what the function computes."""
    compiled = Compiled(lambda: loss(at.model))
    found = [_number(at(place, compiled)) for place in places]
    # A loss that reads `.data`, or returns a float, is recorded with a number that never changes.
    for i in {round(share * (len(places) - 1)) for share in COMPARED}:
        plain = _number(at(places[i], lambda: loss(at.model)))
        if not math.isclose(plain, found[i], rel_tol=1e-9) and (
            plain == plain or found[i] == found[i]
        ):
            raise RecordingError(f"{WHO}: the loss computes with numbers that are not recorded")
    return found


def _number(result: Any) -> float:
    found = detached(result)
    if isinstance(found, bool) or not isinstance(found, (float, int)):
        raise TypeError(f"{WHO}: loss must return one number, not {described(result)}")
    return float(found)


# --- Pictures -------------------------------------------------------------------------------------


def _curve(
    axes: "Axes", xs: Array, losses: Array, here: float, on_line: Array | None, log: bool | None
) -> None:
    from nn.pictures.charts import COLOURS, tidy

    axes.plot(xs, losses, color=COLOURS[0], linewidth=2)
    if on_line is not None:
        at = numpy.interp(on_line[:, 0], xs, losses)
        axes.plot(on_line[:, 0], at, ".-", color=COLOURS[1], linewidth=1, label="training")
    axes.plot([0], [here], "o", color=COLOURS[1], markeredgecolor="white", markersize=8, zorder=4)
    axes.annotate(
        f"here: {number(here, 3)}", (0, here), (0, -18), textcoords="offset points", ha="center"
    )
    axes.margins(y=0.14)
    axes.set_ylabel("loss")
    if _is_log(losses, log):
        axes.set_yscale("log")
    tidy(axes)


def _contours(
    axes: "Axes",
    places: Sequence[Array],
    losses: Array,
    here: float,
    on_line: Array | None,
    log: bool | None,
) -> None:
    from matplotlib.colors import LogNorm, Normalize
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

    finite = losses[numpy.isfinite(losses)]
    shown = numpy.ma.masked_invalid(losses)
    is_log = _is_log(losses, log)
    if is_log:
        shown = numpy.ma.masked_less_equal(shown, 0.0)
        finite = finite[finite > 0]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 1.0)
    if high > low:
        space = numpy.geomspace if is_log else numpy.linspace
        levels = space(low, high, LEVELS + 1)
        levels[0], levels[-1] = low, high
        norm = LogNorm(low, high) if is_log else Normalize(low, high)
        # Cividis looks the same with any colour vision, and gets lighter all the way.
        filled = axes.contourf(*places, shown, levels, cmap="cividis", norm=norm)
        axes.contour(*places, shown, levels, colors="white", linewidths=0.4, alpha=0.6)
        figure = axes.get_figure()
        assert figure is not None
        bar = figure.colorbar(filled, ax=axes, pad=0.02, aspect=30, label="loss")
        bar.locator = LogLocator(subs=(1.0, 2.0, 5.0)) if is_log else MaxNLocator(6)
        bar.formatter = FuncFormatter(lambda x, _: number(x, 3))
        bar.minorticks_off()
        bar.update_ticks()
        bar.outline.set_visible(False)
    axes.set_facecolor("#999999")  # behind what is nan or inf
    if on_line is not None:
        axes.plot(on_line[:, 0], on_line[:, 1], "-", color="white", linewidth=2.6)
        axes.plot(on_line[:, 0], on_line[:, 1], ".-", color="#d55e00", linewidth=1.4, markersize=5)
        axes.annotate(
            "start", on_line[0], (6, 6), textcoords="offset points", color="white", fontsize=9,
            bbox={"boxstyle": "round,pad=0.2", "fc": "#000000aa", "ec": "none"},
        )  # fmt: skip
    axes.plot([0], [0], "o", color="#d55e00", markeredgecolor="white", markersize=9, zorder=4)
    axes.annotate(
        f"here: {number(here, 3)}", (0, 0), (0, -20), textcoords="offset points", color="white",
        ha="center", fontsize=9,
        bbox={"boxstyle": "round,pad=0.2", "fc": "#000000aa", "ec": "none"},
    )  # fmt: skip


def _is_log(losses: Array, log: bool | None) -> bool:
    finite = losses[numpy.isfinite(losses)]
    positive = bool(len(finite)) and finite.min() > 0
    if log is not None:
        return log and positive
    return positive and bool(finite.max() > STEEP * finite.min())
