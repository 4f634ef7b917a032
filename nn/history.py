"""`History`: what happened in a training run, epoch by epoch."""

import math
from collections.abc import Iterator, Sequence
from typing import Any


class History:
    """The rows that `fit` recorded, one for each epoch.

    A row has `epoch` (from 1 on), `loss` (the mean over the examples of the epoch, as they were
    trained on), a number for each metric, the same with `val_` before them where there was a
    validation set, `lr` (the learning rate at the end of the epoch), and `seconds`.

    rows: a list of dicts, which `pandas.DataFrame` takes as it is.
    stopped: why the run ended before its last epoch, or "".
    interrupted: whether Ctrl-C was the reason. diverged: whether a loss of nan or inf was.
    seed: the one that the run can be repeated with.

    >>> history = History([{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}])
    >>> history["loss"], len(history), history.last("loss"), history.best("loss")
    ([0.5, 0.25], 2, 0.25, {'epoch': 2, 'loss': 0.25})
    >>> history
    epoch   loss
        1    0.5
        2   0.25
    """

    def __init__(
        self,
        rows: Sequence[dict[str, float]] = (),
        *,
        stopped: str = "",
        interrupted: bool = False,
        diverged: bool = False,
        seed: int | None = None,
    ) -> None:
        """See the class."""
        self.rows = [dict(row) for row in rows]
        self.stopped = stopped
        self.interrupted = interrupted
        self.diverged = diverged
        self.seed = seed

    @property
    def columns(self) -> list[str]:
        """The names of what was recorded."""
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def __len__(self) -> int:
        """Return the number of epochs."""
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, float]]:
        """Yield the rows."""
        return iter(self.rows)

    def __getitem__(self, name: str) -> list[float]:
        """Return the numbers of that name, one for each epoch; nan where there was none.

        Raises KeyError for an unknown name, with those that there are.
        """
        if name not in self.columns:
            raise KeyError(f"{name!r} was not recorded; there are {', '.join(self.columns)}")
        return [row.get(name, math.nan) for row in self.rows]

    def last(self, name: str) -> float:
        """Return the number of that name in the last epoch."""
        return self[name][-1]

    def best(self, name: str = "val_loss", mode: str = "min") -> dict[str, float]:
        """Return the row in which the number of that name is smallest, or largest for "max"."""
        numbers = self[name]
        chosen = (min if mode == "min" else max)(x for x in numbers if x == x)
        return self.rows[numbers.index(chosen)]

    def __repr__(self) -> str:
        """Return a table."""
        if not self.rows:
            return f"no epoch finished{f': {self.stopped}' if self.stopped else ''}"
        table = [self.columns, *([_short(row.get(c)) for c in self.columns] for row in self.rows)]
        widths = [
            max(5, *(len(line[i]) + 3 * (i > 0) for line in table)) for i in range(len(table[0]))
        ]
        lines = ["".join(c.rjust(w) for c, w in zip(line, widths, strict=True)) for line in table]
        if len(lines) > 24:
            lines[12:-11] = ["  ..."]
        return "\n".join([*lines, *([f"stopped: {self.stopped}"] if self.stopped else [])])

    def plot(self, ax: Any = None, *, log: bool = False) -> Any:
        """Draw the losses, and below them the metrics, over the epochs; return the figure.

        ax: Matplotlib axes for the losses alone. log: whether losses are on a logarithmic scale.
        `nn.learning_curves` compares several histories.

        Raises ImportError if Matplotlib, of the extra `plot`, is not installed.
        """
        from nn.pictures.curves import learning_curves

        return learning_curves(self, ax=ax, log=log)


def _short(number: float | None) -> str:
    return "" if number is None else f"{number:.4g}"
