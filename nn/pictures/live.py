"""`Live`: the learning curves, and the decision boundary, while `fit` runs in a notebook."""

import io
import sys
import warnings
from time import perf_counter
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from autograd_scalar.primitives import described
from nn.callbacks import Callback
from nn.data import Dataset
from nn.history import History
from nn.pictures.plotting import new_chart, require_matplotlib
from nn.pictures.screens import SCALE, Screen, in_notebook

if TYPE_CHECKING:
    from nn.fit import Run
    from nn.pictures.charts import Chart

WHO = "Live"
RESOLUTION = 100  # of the boundary: half as fine as for a picture to keep
DPI = 80


class Live(Callback):
    """Shows learning curves while `fit` runs in a notebook: `fit(..., callbacks=[Live()])`.

    The picture is drawn after an epoch, at most every so many seconds, and only as often as drawing
    takes no more than its share of the time. Before the first step and after the last it is drawn
    in any case. In a terminal a line says that there is nothing to see. A picture that fails is
    warned of, once, and the training goes on.

    data: examples of two classes or more, as a `Dataset` or a pair (X, y), to draw the model's
        decision boundary on. features: which two are varied, see `decision_boundary`.
    every: the least number of seconds between two pictures.
    share: of the time since the start, what drawing may take.
    log: whether losses are on a logarithmic scale.

    With ipywidgets the picture is a widget while it changes. It needs Matplotlib, of the extra
    `plot`; without it `Live()` raises ImportError. Raises ValueError and TypeError for arguments
    that don't fit.

    >>> Live(every=2)
    Live(every=2.0)
    """

    def __init__(
        self,
        data: Any = None,
        *,
        features: tuple[int, int] = (0, 1),
        every: float = 0.5,
        share: float = 0.2,
        log: bool = False,
    ) -> None:
        """See the class."""
        require_matplotlib(WHO)
        if data is not None and not isinstance(data, Dataset):
            if not isinstance(data, (tuple, list)) or len(data) != 2:
                raise TypeError(
                    f"{WHO}: data must be a Dataset or a pair (X, y), not {described(data)}"
                )
            data = tuple(data)
        self.data = data
        self.features = features
        self.every = _number("every", every, 0.0, float("inf"))
        self.share = _number("share", share, 0.0, 1.0)
        self.log = log
        self._screen: Screen | None = None
        self._started = self._last = self._spent = self._cost = 0.0

    def __repr__(self) -> str:
        """Return how it was made."""
        return f"Live(every={self.every})"

    def on_fit_start(self, run: "Run") -> None:
        """Show the first picture; it also tells what drawing one takes."""
        self._screen = None
        if not in_notebook():
            words = (
                f"{WHO}: pictures show up in notebooks only; history.plot() draws one afterwards"
            )
            tqdm.write(words, file=sys.stderr)
            return
        try:
            self._screen = Screen()
        except Exception as error:
            self._fail(error)
        self._draw(run)  # the first one also imports what it needs
        self._draw(run)
        self._started = self._last = perf_counter()
        self._spent = 0.0

    def on_epoch_end(self, run: "Run") -> None:
        """Show the next picture, if it is time for it."""
        now = perf_counter()
        if self._screen is None or now - self._last < self.every:
            return
        if self._spent + self._cost <= self.share * (now - self._started):
            self._draw(run)
            self._spent += self._cost
            self._last = perf_counter()

    def on_fit_end(self, run: "Run") -> None:
        """Show the last picture."""
        self._draw(run, is_last=True)
        self._screen = None

    def _draw(self, run: "Run", is_last: bool = False) -> None:
        screen = self._screen
        if screen is None:
            return
        started = perf_counter()
        try:
            chart = self._chart(run)
            file = io.BytesIO()
            chart.savefig(file, format="png", dpi=DPI * SCALE)
            show = screen.finish if is_last else screen.show
            pixels = round(chart.get_figwidth() * DPI * SCALE)
            show(file.getvalue(), pixels, f"learning curves up to epoch {run.epoch}")
        except Exception as error:
            self._fail(error)
        self._cost = perf_counter() - started

    def _chart(self, run: "Run") -> "Chart":
        from nn.pictures.boundary import decision_boundary
        from nn.pictures.curves import best_epoch, draw_curves, metrics_of

        history = run.history if run.rows else _nothing_yet(run)
        rows = 1 + len(metrics_of([history]))
        wide = self.data is not None
        width, height = (11.0 if wide else 6.4), max(2.0 * rows + 0.4, 4.0 if wide else 2.6)
        chart = new_chart(WHO, width, height, None)
        left, right = 0.75 / width, (5.2 if wide else 5.4) / width
        bottom, top = 0.5 / height, 1 - 0.35 / height
        grid = chart.add_gridspec(rows, 1, left=left, right=right, bottom=bottom, top=top)
        panels = list(grid.subplots(sharex=True, squeeze=False)[:, 0])
        panels[-1].set_xlim(0.5, max(run.epochs, 1) + 0.5)
        draw_curves(panels, [history], [""], [best_epoch(history)], self.log)
        if wide:
            X, y = (self.data, None) if isinstance(self.data, Dataset) else self.data
            axes = chart.add_axes((6.9 / width, bottom, 3.9 / width, top - bottom))
            decision_boundary(
                run.model, X, y, features=self.features, resolution=RESOLUTION, ax=axes
            )
        return chart

    def _fail(self, error: Exception) -> None:
        self._screen = None
        warnings.warn(
            f"{WHO}: the picture failed, so there are no more; the training goes on: {error!r}",
            RuntimeWarning,
            stacklevel=4,
        )


def _nothing_yet(run: "Run") -> History:
    """What there is to draw before the first epoch: the panels of the metrics, and no line."""
    row = {"epoch": 1.0, "loss": float("nan")} | dict.fromkeys(run.metrics, float("nan"))
    return History([row])


def _number(name: str, given: Any, low: float, high: float) -> float:
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        raise TypeError(f"{WHO}: {name} must be a number, not {described(given)}")
    if not low <= given <= high or given == float("inf"):
        raise ValueError(f"{WHO}: {name} must be from {low:g} to {high:g}, not {given!r}")
    return float(given)
