"""Decision boundaries: what a classifier says at each place of the plane, and the data on it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy
from numpy.typing import NDArray

from autograd_scalar.primitives import described
from nn.arguments import size, whole_number
from nn.data import Dataset
from nn.hyperparameters import flag
from nn.pictures.plotting import axes_or_new
from nn.pictures.predicting import Scores, probabilities, scores
from nn.pictures.wording import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nn.pictures.charts import Chart

WHO = "decision_boundary"
EDGE = 0.08  # around the data, as a share of their reach
LEGEND = 60  # characters that it may be wide
Array = NDArray[numpy.float64]


def decision_boundary(
    model: Any,
    X: Any,
    y: Any = None,
    *,
    features: tuple[int, int] = (0, 1),
    names: Sequence[str] | None = None,
    resolution: int = 200,
    legend: bool = True,
    colorbar: bool = True,
    ax: Any = None,
) -> "Chart":
    """Draw what a classifier says of each place of the plane of two features; return the figure.

    The ground is the probability of the classes or, with labels -1 and 1, the margin, which is what
    hinge loss works on; lines are where the class changes. Examples that the model takes for
    another class have a ring.

    model: a module; an estimator with `predict_proba` or `decision_function`; or a function that
        takes an array of examples. A single output is the logit of the second class (the margin of
        class 1 against -1), several are one for each class.
    X, y: the examples, of shape (n, features), and their classes, of shape (n,); or a `Dataset` as
        X alone. Classes may be numbers or strings; they are taken in sorted order.
    features: which two are varied. The others are held at their means, so then an example may lie
        on another ground than that of its class and be right.
    names: of the two features; else those of the `Dataset` or the columns.
    resolution: how many places across and down. A module is recorded once and run over all of them.
    legend, colorbar: whether to name the classes above the picture, and to explain its ground
        beside it; without, several pictures fit into a row.
    ax: Matplotlib axes to draw on, in place of a new figure.

    Raises ImportError without Matplotlib, of the extra `plot`; ValueError and TypeError for
    arguments that don't fit.

    >>> import nn
    >>> moons = nn.data.two_moons(50, rng=0)
    >>> figure = decision_boundary(nn.MLP(2, [4, 1], rng=0), moons)
    >>> figure.axes[0].images[0].get_array().shape
    (200, 200)
    """
    examples = _examples(X, y)
    points = examples.points
    a, b = _two(features, points.shape[1])
    resolution = _size("resolution", resolution, 2)
    names = _names(names, examples.columns, (a, b))
    legend, colorbar = flag(f"{WHO}: legend", legend), flag(f"{WHO}: colorbar", colorbar)
    axes = axes_or_new(WHO, ax, 6.4, 4.8)

    xs, ys = (_reach(points[:, i], resolution) for i in (a, b))
    grid = numpy.tile(points.mean(axis=0), (resolution * resolution, 1))
    grid[:, a], grid[:, b] = (place.ravel() for place in numpy.meshgrid(xs, ys))
    found = scores(WHO, model, numpy.concatenate([grid, points]))
    on_grid, on_points = (
        found._replace(numbers=part) for part in numpy.split(found.numbers, [len(grid)])
    )
    classes = _classes(model, examples.labels, on_grid)
    words = [label(examples.class_names.get(c, c)) for c in classes]

    ground = _Ground(axes, xs, ys, colorbar)
    if classes == [-1, 1] and on_grid.numbers.ndim == 1 and not on_grid.are_probabilities:
        ground.margin(on_grid.numbers, words)
        given = (on_points.numbers > 0).astype(int)
    else:
        shares = probabilities(on_grid)
        if len(classes) == 2:
            ground.probability(shares[:, 1], words)
        else:
            ground.classes(shares)
        given = probabilities(on_points).argmax(axis=1)
    meant = numpy.array([classes.index(c) for c in examples.labels])
    _scatter(axes, points[:, [a, b]], meant, given, words)
    if legend:
        _name_classes(axes, words)
    others = " (other features at their means)" if points.shape[1] > 2 else ""
    axes.set(xlabel=label(names[0]) + others, ylabel=label(names[1]))
    axes.set(xlim=(xs[0], xs[-1]), ylim=(ys[0], ys[-1]))
    return axes.get_figure(root=True)  # type: ignore[return-value]


# --- What was given -------------------------------------------------------------------------------


class _Examples(NamedTuple):
    points: Array
    labels: list[Any]
    columns: Sequence[Any]
    class_names: dict[Any, str]


def _examples(X: Any, y: Any) -> _Examples:
    columns: Sequence[Any] = list(getattr(X, "columns", ()))
    class_names: dict[Any, str] = {}
    if isinstance(X, Dataset):
        if y is not None:
            raise TypeError(
                f"{WHO}: y must be left out where X is a Dataset, which has the classes"
            )
        columns, class_names = X.feature_names, dict(enumerate(X.target_names))
        X, y = X.features, X.targets
    if y is None:
        raise TypeError(f"{WHO}: y must be the classes of the examples, got none")
    try:
        points = numpy.asarray(X, float)
    except (TypeError, ValueError):
        raise TypeError(f"{WHO}: X must be rows of numbers, not {described(X)}") from None
    if points.ndim != 2 or points.shape[1] < 2 or not len(points):
        raise ValueError(f"{WHO}: X must be of shape (n, 2) or wider, not {points.shape}")
    if not numpy.isfinite(points).all():
        raise ValueError(f"{WHO}: X must be finite, and has nan or inf")
    labels = numpy.asarray(y)
    if labels.shape != (len(points),):
        raise ValueError(
            f"{WHO}: y must be one class for each of {len(points)} examples, not of shape "
            f"{labels.shape}"
        )
    if labels.dtype.kind == "f":
        if not (labels == numpy.floor(labels)).all():
            raise ValueError(f"{WHO}: y must be classes, and has numbers that are not whole")
        labels = labels.astype(int)
    return _Examples(points, labels.tolist(), columns, class_names)


def _two(features: Any, count: int) -> tuple[int, int]:
    try:
        a, b = (whole_number("features", i) for i in features)
    except (TypeError, ValueError):
        raise TypeError(
            f"{WHO}: features must be two places, such as (0, 1), not {described(features)}"
        ) from None
    if a == b or not (0 <= a < count and 0 <= b < count):
        raise ValueError(f"{WHO}: features must be two of 0..{count - 1}, not {(a, b)}")
    return a, b


def _names(names: Any, columns: Sequence[Any], places: tuple[int, int]) -> list[Any]:
    if names is None:
        return [columns[i] if i < len(columns) else f"feature {i}" for i in places]
    if isinstance(names, str) or len(names) != 2:
        raise ValueError(f"{WHO}: names must be two, of the two features, not {described(names)}")
    return list(names)


def _classes(model: Any, labels: list[Any], found: Scores) -> list[Any]:
    """The classes in the order of the model's outputs."""
    count = 2 if found.numbers.ndim == 1 else found.numbers.shape[1]
    present = sorted(set(labels))
    classes: list[Any]
    if hasattr(model, "classes_"):
        classes = numpy.asarray(model.classes_).tolist()
    elif count == 2 and -1 in present:
        classes = [-1, 1]
    elif all(isinstance(c, int) and 0 <= c < count for c in present):
        classes = list(range(count))
    else:
        classes = present
    if len(classes) != count or not set(present) <= set(classes):
        raise ValueError(
            f"{WHO}: the model tells {count} classes apart, and y has {described(present)}"
        )
    from nn.pictures.charts import COLOURS

    if count > len(COLOURS):
        raise ValueError(f"{WHO}: there must be at most {len(COLOURS)} classes, not {count}")
    return classes


def _reach(x: Array, count: int) -> Array:
    low, high = x.min(), x.max()
    edge = EDGE * (high - low) or 1.0
    return numpy.linspace(low - edge, high + edge, count)


# --- What is drawn --------------------------------------------------------------------------------


class _Ground:
    """The ground of the picture, from what a model says at each place of a grid."""

    def __init__(self, axes: "Axes", xs: Array, ys: Array, has_bar: bool) -> None:
        self.axes, self.xs, self.ys, self.has_bar = axes, xs, ys, has_bar
        axes.set_facecolor("white")  # whatever the style is: lines and rings on it are dark
        half = [(places[1] - places[0]) / 2 for places in (xs, ys)]
        self.extent = (
            xs[0] - half[0], xs[-1] + half[0], ys[0] - half[1], ys[-1] + half[1]
        )  # fmt: skip

    def probability(self, second: Array, words: Sequence[str]) -> None:
        """Of the second of two classes."""
        self._shade(second, 0.0, 1.0, f"probability of {words[1]}")
        self._lines(second, [0.5], "-")

    def margin(self, margin: Array, words: Sequence[str]) -> None:
        """Of class 1 against -1, with the lines on which hinge loss begins."""
        finite = numpy.abs(margin[numpy.isfinite(margin)])
        # Outliers at the corners must not wash out what happens between the classes.
        most = max(2.0, float(numpy.quantile(finite, 0.9))) if len(finite) else 2.0
        self._shade(margin, -most, most, f"margin of {words[1]}", extend="both")
        self._lines(margin, [0.0], "-")
        self._lines(margin, [-1.0, 1.0], "--")

    def classes(self, shares: Array) -> None:
        """Of several: the colour is that of the likeliest, the deeper the likelier it is."""
        from matplotlib.colors import to_rgb

        from nn.pictures.charts import COLOURS

        count = shares.shape[1]
        likeliest = shares.argmax(axis=1)
        most = shares.max(axis=1)
        colours = numpy.array([to_rgb(colour) for colour in COLOURS[:count]])[likeliest]
        depth = 0.08 + 0.52 * (most - 1 / count) / (1 - 1 / count)
        image = numpy.concatenate([colours, depth[:, None]], axis=1)
        image[numpy.isnan(most)] = 0.0
        self._image(image.reshape(len(self.ys), len(self.xs), 4))
        for c in range(count):
            others = numpy.delete(shares, c, axis=1).max(axis=1)
            self._lines(shares[:, c] - others, [0.0], "-")

    def _shade(self, values: Array, low: float, high: float, words: str, **bar: Any) -> None:
        from matplotlib.colors import LinearSegmentedColormap

        from nn.pictures.charts import COLOURS

        tints = ["#4a94c8", "#b9d6ea", "#f6f6f4", "#f6cfb0", "#e5874a"]
        ramp = LinearSegmentedColormap.from_list("classes", tints).with_extremes(bad=COLOURS[6])
        image = self._image(values.reshape(len(self.ys), len(self.xs)), ramp, low, high)
        if not self.has_bar:
            return
        figure = self.axes.get_figure()
        assert figure is not None
        colours = figure.colorbar(image, ax=self.axes, pad=0.02, aspect=30, **bar)
        colours.set_label(words)
        colours.outline.set_visible(False)

    def _image(self, values: Any, ramp: Any = None, low: Any = None, high: Any = None) -> Any:
        return self.axes.imshow(
            values, cmap=ramp, vmin=low, vmax=high, extent=self.extent, origin="lower",
            aspect="auto", interpolation="nearest", zorder=0,
        )  # fmt: skip

    def _lines(self, values: Array, levels: Sequence[float], style: str) -> None:
        finite = values[numpy.isfinite(values)]
        levels = [level for level in levels if len(finite) and finite.min() < level < finite.max()]
        if levels:
            self.axes.contour(
                self.xs, self.ys, values.reshape(len(self.ys), len(self.xs)), levels,
                colors="#333333", linewidths=1.6 if style == "-" else 0.9, linestyles=style,
            )  # fmt: skip


def _scatter(axes: "Axes", points: Array, meant: Any, given: Any, words: Sequence[str]) -> None:
    """The examples, by class, and rings around those that the model takes for another."""
    from nn.pictures.charts import COLOURS, MARKERS

    size = _marker_size(axes, len(points))
    for c, word in enumerate(words):
        chosen = points[meant == c]
        if len(chosen):
            axes.scatter(
                chosen[:, 0], chosen[:, 1], s=size, c=COLOURS[c], marker=MARKERS[c], label=word,
                edgecolors="white", linewidths=0.15 * size**0.5, zorder=3,
            )  # fmt: skip
    wrong = points[meant != given]
    if len(wrong):
        axes.scatter(
            wrong[:, 0], wrong[:, 1], s=3.7 * size, facecolors="none", edgecolors="#111111",
            linewidths=0.24 * size**0.5, zorder=4, label=f"{len(wrong)} of {len(points)} wrong",
        )  # fmt: skip


def _marker_size(axes: "Axes", count: int) -> float:
    """In square points: less where many examples share a small picture, to be told apart."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    square_points = axes.bbox.width * axes.bbox.height * (72 / figure.dpi) ** 2
    return min(30.0, max(6.0, 0.15 * square_points / count))


def _name_classes(axes: "Axes", words: Sequence[str]) -> None:
    columns = max(1, min(len(words) + 1, LEGEND // (max(map(len, words)) + 5)))
    legend = axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, frameon=False,
        handletextpad=0.2, columnspacing=1.2, borderaxespad=0.2, fontsize=9,
    )  # fmt: skip
    for name, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
        ring: Any = name
        if not len(ring.get_facecolor()):  # on any ground as dark or light as what is written
            ring.set_edgecolor(text.get_color())


def _size(name: str, given: Any, least: int) -> int:
    found = size(f"{WHO}: {name}", given)
    if found < least:
        raise ValueError(f"{WHO}: {name} must be at least {least}, not {found}")
    return found
