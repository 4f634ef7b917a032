"""Callbacks: what `fit` calls at each turn of the loop."""

import math
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nn.arguments import known, whole_number
from nn.saving import save

if TYPE_CHECKING:
    from nn.fit import Run


class Callback:
    """Base of callbacks; each method does nothing until a subclass says otherwise.

    `run` is the state of the loop: `model`, `optimizer`, `loss` (the `Value` of this batch),
    `epoch` and `step` (both count from 0), `history`, and `stop(reason)`, which ends the loop after
    this step.

    A callback that remembers something between steps gives it in `state_dict()` and takes it back
    in `load_state_dict()`, so that a resumed run goes on as if it had never been interrupted.
    """

    def on_fit_start(self, run: "Run") -> None:
        """Before the first step."""

    def on_backward(self, run: "Run") -> None:
        """After `backward()`, with all gradients there, before the parameters are moved."""

    def on_step_end(self, run: "Run") -> None:
        """After the parameters were moved."""

    def on_epoch_end(self, run: "Run") -> None:
        """After the last step of an epoch and its validation; its row is in `run.history`."""

    def on_fit_end(self, run: "Run") -> None:
        """After the last step, however the loop came to its end."""

    def state_dict(self) -> dict[str, Any]:
        """Return what the callback remembers, ready for JSON."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""


class _Best(Callback):
    """Base of callbacks that look out for the best epoch, by a number of its row."""

    def __init__(self, monitor: str, mode: str, min_delta: float) -> None:
        self.monitor = monitor
        self.sign = 1.0 if known("mode", mode, ("min", "max")) == "min" else -1.0
        if not min_delta >= 0:
            raise ValueError(f"min_delta must be at least 0, got {min_delta!r}")
        self.min_delta = min_delta
        self.best = math.inf  # times the sign: the less the better

    def improved(self, run: "Run") -> bool:
        """Whether the last epoch is the best one so far."""
        row = run.rows[-1]
        if self.monitor not in row:
            raise ValueError(
                f"{type(self).__name__}: {self.monitor!r} is not recorded; there are "
                f"{', '.join(row)}"
            )
        number = self.sign * row[self.monitor]
        if not number < self.best - self.min_delta:
            return False
        self.best = number
        return True

    def state_dict(self) -> dict[str, Any]:
        """Return the best number so far."""
        return {"best": self.best}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.best = float(state["best"])


class EarlyStopping(_Best):
    """Ends the run when a number has not improved for some epochs, and goes back to its best.

    monitor: which column of the history. patience: how many epochs without an improvement are
    waited for. min_delta: by how much an improvement has to be better. mode: whether "min" or "max"
    is better. restore_best: whether the model gets back the state it had in the best epoch.

    Raises ValueError for an unknown mode, a patience below 0 or a negative min_delta; during the
    run, if there is no such column.

    Source: L. Prechelt, "Early stopping - but when?", Neural Networks: Tricks of the Trade (1998).
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 5,
        *,
        min_delta: float = 0.0,
        mode: str = "min",
        restore_best: bool = True,
    ) -> None:
        """See the class."""
        super().__init__(monitor, mode, min_delta)
        self.patience = whole_number("patience", patience)
        if patience < 0:
            raise ValueError(f"patience must be at least 0, got {patience}")
        self.restore_best = restore_best
        self.waited = 0
        self.best_epoch = 0
        self.best_state: dict[str, Any] | None = None

    def on_epoch_end(self, run: "Run") -> None:
        """Look whether the epoch is better than the best one."""
        if self.improved(run):
            self.waited, self.best_epoch = 0, run.epoch
            self.best_state = run.model.state_dict() if self.restore_best else None
            return
        self.waited += 1
        if self.waited > self.patience:
            run.stop(f"{self.monitor} has not improved since epoch {self.best_epoch}")

    def on_fit_end(self, run: "Run") -> None:
        """Put the best state back, unless the run is to be resumed."""
        if self.best_state is not None and not run.interrupted:
            run.model.load_state_dict(self.best_state)

    def state_dict(self) -> dict[str, Any]:
        """Return what it has seen so far, with the best state of the model."""
        return {
            **super().state_dict(),
            "waited": self.waited,
            "best_epoch": self.best_epoch,
            "best_state": self.best_state,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        super().load_state_dict(state)
        self.waited = whole_number("waited", state["waited"])
        self.best_epoch = whole_number("best_epoch", state["best_epoch"])
        self.best_state = state["best_state"]


class SaveBest(_Best):
    """Saves the model to a safetensors file after each epoch that is the best so far.

    path: the file, written whole or not at all. monitor, mode: as of `EarlyStopping`.
    """

    def __init__(
        self, path: str | PathLike[str], monitor: str = "val_loss", *, mode: str = "min"
    ) -> None:
        """See the class."""
        super().__init__(monitor, mode, 0.0)
        self.path = Path(path)

    def on_epoch_end(self, run: "Run") -> None:
        """Save the model if the epoch is better than the best one."""
        if self.improved(run):
            save(run.model, self.path)
