"""Callbacks: what `fit` calls at each turn of the loop."""

from typing import TYPE_CHECKING, Any

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
