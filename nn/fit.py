"""`fit`: the training loop, and what goes with it.

Each step takes a batch, computes outputs and loss, lets the loss flow back and moves the
parameters. Whatever the loop remembers from step to step is in `Run.state_dict()`: a run that is
resumed from it goes on bit for bit as if it had never been interrupted.
"""

import hashlib
import json
import math
import random
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from tqdm import tqdm

from autograd_scalar import Value, no_grad
from autograd_scalar.files import remove_unfinished
from autograd_scalar.tape.recording import RecordingError
from nn import checkpoint as checkpoints
from nn.arguments import known, size, whole_number
from nn.callbacks import Callback
from nn.data import examples
from nn.history import History
from nn.hyperparameters import plain
from nn.losses import LOSSES
from nn.metrics import METRICS
from nn.module import Module
from nn.tensors import as_lists, map_numbers, shape

if TYPE_CHECKING:
    from nn.compiled import CompiledStep, Data

BACKENDS = ("eager", "auto", "python", "native")
Loss = Callable[[Any, Any], Any]
Metric = Callable[[Any, Any], float]
Metrics = Sequence[str | Metric] | Mapping[str, Metric]


def fit(
    model: Callable[[Any], Any],
    data: Any,
    loss: str | Loss,
    optimizer: Any,
    epochs: int = 10,
    batch_size: int = 32,
    *,
    validation: Any = None,
    metrics: Metrics = (),
    schedule: Any = None,
    schedule_per: Literal["epoch", "step"] = "epoch",
    callbacks: Sequence[Callback] = (),
    seed: int | None = None,
    shuffle: bool = True,
    progress: bool = True,
    checkpoint: str | PathLike[str] | None = None,
    checkpoint_every: int | None = None,
    resume: bool = False,
    backend: str = "eager",
) -> History:
    """Train a model and return what happened, epoch by epoch.

    model: called with a batch, a list of examples; what it returns goes to `loss`.
    data: a `Dataset`, or features and targets as a pair of lists, NumPy arrays or pandas frames.
    loss: a function of outputs and targets, or its name: "mse", "cross_entropy", ...
    optimizer: one of `nn`'s, over the model's parameters.
    epochs: how many times to go through the data. batch_size: examples a step; the last batch of
        an epoch may be smaller.
    validation: data like `data` to compute loss and metrics on after each epoch.
    metrics: functions of outputs and targets, or their names: "accuracy", "r2", ... Those of the
        training data are computed from the outputs that the epoch was trained with.
    schedule: a learning-rate schedule, stepped once per "epoch" or "step", as schedule_per says.
    callbacks: see `Callback`.
    seed: for the order of the examples, and for modules that draw random numbers and were given no
        generator of their own; None draws one, which `History.seed` tells.
    shuffle: False keeps the order of the data.
    progress: whether to show a progress bar, with loss, metrics and examples per second.
    checkpoint: a file to keep the state of the run in, written whole or not at all, after each
        epoch, or every checkpoint_every steps.
    resume: go on from the checkpoint, if the file is there, instead of from the start. The run then
        ends with the same bits as if it had never stopped.
    backend: "eager" runs model and loss in every step. The others run a recorded program, some ten
        to some hundred times as fast: "python" generated source, "native" machine code (an extra),
        "auto" what there is, and the eager steps, with a warning, for what can't be recorded. See
        `compile_step` for how far the numbers agree. They are not the default because code of yours
        that counts or prints on the way runs only when it is recorded, and because sums are rounded
        in another order. For callbacks, `run.loss` is then a `Value` without a graph.

    While it trains, the model is in training mode; afterwards in evaluation mode. Ctrl-C ends the
    run after the current step, with the checkpoint written and the history returned; pressed a
    second time it raises KeyboardInterrupt. A loss that is nan or inf ends the run with a warning,
    before it reaches the parameters.

    Raises ValueError and TypeError for arguments that don't fit, and, on resuming, for a file that
    is damaged or belongs to another model, other data or other settings; these are named. A backend
    that was named raises RecordingError if model or loss can't be recorded.

    >>> import nn
    >>> model = nn.Sequential(nn.Linear(2, 4, rng=0), nn.Tanh(), nn.Linear(4, 2, rng=0))
    >>> exclusive_or = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> history = nn.fit(
    ...     model, exclusive_or, "cross_entropy", nn.Adam(model.parameters(), lr=0.1),
    ...     epochs=100, batch_size=4, metrics=["accuracy"], seed=0, progress=False,
    ... )
    >>> history.last("accuracy"), history.last("loss") < 0.01
    (1.0, True)
    """
    run = Run(
        model, data, loss, optimizer, epochs, batch_size, validation, metrics, schedule,
        schedule_per, callbacks, seed, shuffle, backend,
    )  # fmt: skip
    saver = _Saver(run, checkpoint, checkpoint_every)
    if resume:
        saver.resume()
    with _Bar(run, progress) as bar, _stopped_by_ctrl_c(run):

        def after_step() -> None:
            bar.show()
            saver.after_step()

        def after_epoch() -> None:
            bar.show()
            saver.save()

        run.train(after_step, after_epoch)
        if run.stopped:
            saver.save()
    return run.history


def evaluate(
    model: Callable[[Any], Any],
    data: Any,
    loss: str | Loss | None = None,
    metrics: Metrics = (),
    batch_size: int = 256,
) -> dict[str, float]:
    """Return loss and metrics of a model on data, in evaluation mode; arguments as of `fit`.

    >>> evaluate(lambda batch: [2 * x for x in batch], ([1.0, 2.0], [2.0, 5.0]), "mse")
    {'loss': 0.5}
    """
    features, targets = examples(data)
    function = None if loss is None else _named(loss, LOSSES, "loss")
    return _evaluate(model, features, targets, function, _metrics(metrics), batch_size)


def predict(model: Callable[[Any], Any], features: Any, batch_size: int = 256) -> list[Any]:
    """Return a model's outputs for many examples as plain floats, in evaluation mode.

    >>> predict(lambda batch: [2 * x for x in batch], [1.0, 2.0, 3.0])
    [2.0, 4.0, 6.0]
    """
    rows = as_lists(features)
    with _evaluating(model), no_grad():
        return [
            output
            for start in range(0, len(rows), batch_size)
            for output in _plain(model(rows[start : start + batch_size]))
        ]


class Run:
    """A training run: what `fit` was called with, and where it has come to.

    Attributes:
        model, optimizer, schedule: as given to `fit`.
        epoch: how many epochs are finished. step: how many steps.
        loss: of the batch at hand, a `Value` while callbacks see the step.
        history: of the finished epochs.
        stopped: why the run is to end, or "".
    """

    def __init__(
        self,
        model: Callable[[Any], Any],
        data: Any,
        loss: str | Loss,
        optimizer: Any,
        epochs: int,
        batch_size: int,
        validation: Any = None,
        metrics: Metrics = (),
        schedule: Any = None,
        schedule_per: str = "epoch",
        callbacks: Sequence[Callback] = (),
        seed: int | None = None,
        shuffle: bool = True,
        backend: str = "eager",
    ) -> None:
        """See the class and `fit`."""
        if not callable(model):
            raise TypeError(f"model must be a module or a function, got {model!r}")
        for name in ("step", "zero_grad", "state_dict"):
            if not hasattr(optimizer, name):
                raise TypeError(f"optimizer must be one of nn's, got {optimizer!r}")
        if getattr(optimizer, "moves_arrays", False):
            raise TypeError("optimizer must move the model's Values, not arrays")
        self.model: Any = model
        self.optimizer, self.schedule = optimizer, schedule
        self.epochs, self.batch_size = size("epochs", epochs), size("batch_size", batch_size)
        self.schedule_per = known("schedule_per", schedule_per, ("epoch", "step"))
        self.features, self.targets = examples(data)
        self.validation = None if validation is None else examples(validation)
        self.loss_function = _named(loss, LOSSES, "loss")
        self.metrics = _metrics(metrics)
        self.callbacks = list(callbacks)
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                raise TypeError(f"callbacks must be nn.Callback objects, got {callback!r}")
        self.shuffle = bool(shuffle)
        drawn = seed is None
        self.seed = random.SystemRandom().getrandbits(32) if drawn else whole_number("seed", seed)
        self._seeded = not drawn

        self.epoch = self.step = 0
        self.loss: Any = None
        self.last_loss = 0.0
        self.stopped = ""
        self.interrupted = False
        self.rows: list[dict[str, float]] = []
        self._position = 0  # in the order of this epoch
        self._total = 0.0  # of the losses of this epoch
        self._outputs: list[Any] = []  # of this epoch, for the metrics
        self._shuffler = random.Random(self.seed)
        self._shuffler_before = self._shuffler.getstate()  # this epoch
        self.backend = known("backend", backend, BACKENDS)
        self.compiled = None if backend == "eager" else _Compiled(self)
        self._options = self._described()  # now: schedules change rates
        if self._seeded:
            self._seed_modules()

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.targets)

    @property
    def examples_seen(self) -> int:
        """How many examples have been trained on, in all epochs."""
        return self.epoch * len(self) + self._position

    @property
    def mean_loss(self) -> float:
        """The mean loss of this epoch up to here."""
        return self._total / self._position if self._position else math.nan

    @property
    def history(self) -> History:
        """The rows of the finished epochs."""
        return History(
            self.rows,
            stopped=self.stopped,
            interrupted=self.interrupted,
            diverged=not math.isfinite(self.last_loss),
            seed=self.seed,
        )

    def stop(self, reason: str) -> None:
        """End the run after this step, for a reason that the history will tell."""
        self.stopped = reason

    def train(self, after_step: Callable[[], None], after_epoch: Callable[[], None]) -> None:
        """Run until the last epoch, or until `stop`."""
        _set_training(self.model, True)
        try:
            self.tell("on_fit_start")
            while self.epoch < self.epochs and not self.stopped:
                started = time.perf_counter()
                order = self._order()
                with self._steps():
                    while self._position < len(order) and not self.stopped:
                        batch = order[self._position : self._position + self.batch_size]
                        if self._train_on(batch):
                            after_step()
                if self._position == len(order):
                    self._finish_epoch(order, time.perf_counter() - started)
                    after_epoch()
            self.tell("on_fit_end")
        finally:
            _set_training(self.model, False)

    def _order(self) -> list[int]:
        order = list(range(len(self)))
        if self.shuffle:
            self._shuffler.setstate(self._shuffler_before)
            self._shuffler.shuffle(order)
        return order

    def write_back(self) -> None:
        """Give the model the numbers of its parameters, where compiled steps have them."""
        if self.compiled is not None:
            self.compiled.write_back()

    def _steps(self) -> AbstractContextManager[None]:
        return nullcontext() if self.compiled is None else self.compiled.epoch()

    def _train_on(self, batch: list[int]) -> bool:
        """One step; False if its loss is no number and nothing was changed."""
        if self.compiled is not None:
            outputs = self.compiled.step(batch)
            if outputs is not None:
                return self._is_number(self.loss) and self._finish_step(batch, outputs)
            self.compiled = None  # it can't be compiled
        features = [self.features[i] for i in batch]
        targets = [self.targets[i] for i in batch]
        if getattr(self.optimizer, "needs_gradients", True):
            outputs = self.model(features)
            self.loss = self._scalar_loss(outputs, targets)
            if not self._is_number(self.loss):
                return False
            self.optimizer.zero_grad()
            self.loss.backward()
            self.tell("on_backward")
            self.optimizer.step()
        else:
            self.loss = self.optimizer.step(
                lambda: self._scalar_loss(self.model(features), targets)
            )
            if not self._is_number(self.loss):
                return False
            with no_grad():
                outputs = self.model(features) if self.metrics else []
        return self._finish_step(batch, outputs)

    def _finish_step(self, batch: list[int], outputs: Any) -> bool:
        self.last_loss = plain(self.loss)
        self._total += self.last_loss * len(batch)
        self._position += len(batch)
        self.step += 1
        if self.metrics:
            self._outputs += _plain(outputs)
        if self.schedule is not None and self.schedule_per == "step":
            self._step_schedule(self.last_loss)
        self.tell("on_step_end")
        self.loss = None  # the graph with it
        return True

    def _scalar_loss(self, outputs: Any, targets: Any) -> Any:
        loss = self.loss_function(outputs, targets)
        if not isinstance(loss, (Value, float)):
            raise TypeError(f"loss must return one Value, got {loss!r}")
        if not isinstance(loss, Value) and getattr(self.optimizer, "needs_gradients", True):
            raise TypeError(
                f"loss must return a Value to differentiate, got {loss!r}: the outputs are plain "
                "numbers, so the model has no parameters in them"
            )
        return loss

    def _is_number(self, loss: Any) -> bool:
        if math.isfinite(number := plain(loss)):
            return True
        self.last_loss = number
        reason = f"the loss is {number} in epoch {self.epoch + 1}, step {self.step + 1}"
        self.stop(reason)
        warnings.warn(f"fit: {reason}; the parameters are those before it", stacklevel=5)
        return False

    def _finish_epoch(self, order: list[int], seconds: float) -> None:
        row: dict[str, float] = {"epoch": self.epoch + 1, "loss": self.mean_loss}
        targets = [self.targets[i] for i in order]
        row |= {name: float(f(self._outputs, targets)) for name, f in self.metrics.items()}
        if self.validation is not None:
            found = None if self.compiled is None else self.compiled.evaluate()
            if found is None:
                found = _evaluate(
                    self.model, *self.validation, self.loss_function, self.metrics, self.batch_size
                )
            row |= {f"val_{name}": number for name, number in found.items()}
        if self.schedule is not None and self.schedule_per == "epoch":
            self._step_schedule(row.get("val_loss", row["loss"]))
        if "lr" in (group := self.optimizer.param_groups[0]):
            row["lr"] = group["lr"]
        row["seconds"] = seconds
        self.rows.append(row)
        self.epoch += 1
        self._position, self._total, self._outputs = 0, 0.0, []
        self._shuffler_before = self._shuffler.getstate()
        self.tell("on_epoch_end")

    def _step_schedule(self, loss: float) -> None:
        if getattr(self.schedule, "needs_metric", False):
            self.schedule.step(loss)
        else:
            self.schedule.step()

    def tell(self, event: str) -> None:
        """Call all callbacks of that event."""
        for callback in self.callbacks:
            getattr(callback, event)(self)

    def is_told(self, event: str) -> bool:
        """Whether a callback does anything at that event."""
        ordinary = getattr(Callback, event)
        return any(getattr(type(callback), event) is not ordinary for callback in self.callbacks)

    # --- What a checkpoint holds ---

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What must be equal for a run to be resumed: the model's shape, the data, the options."""
        validation = None if self.validation is None else _digest(*self.validation)
        data = {"data": _digest(self.features, self.targets), "validation": validation}
        return {**self._options, **data}

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the run remembers but the model's parameters, ready for JSON."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "position": self._position,
            "total": self._total,
            "outputs": self._outputs,
            "rows": self.rows,
            "stopped": "" if self.interrupted else self.stopped,
            "seed": self.seed,
            "shuffler": _state_of(self._shuffler_before),
            "generators": {
                path: _state_of(rng.getstate()) for path, rng in self._generators().items()
            },
            "optimizer": self.optimizer.state_dict(),
            "schedule": None if self.schedule is None else self.schedule.state_dict(),
            "callbacks": [callback.state_dict() for callback in self.callbacks],
        } | ({} if self.backend == "eager" else {"way": self._way})

    @property
    def _way(self) -> str:
        """How compiled steps are made; a resumed run must go on so."""
        return "eager" if self.compiled is None else self.compiled.way

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        places = {name: whole_number(name, state[name]) for name in ("epoch", "step", "position")}
        if min(places.values()) < 0 or places["position"] > len(self):
            raise ValueError(f"it is at {places}, of {len(self)} examples")
        generators = self._generators()
        states = {path: _generator_state(state["generators"][path]) for path in generators}
        shuffler = _generator_state(state["shuffler"])
        rows, outputs = History(state["rows"]).rows, list(state["outputs"])
        total, stopped = float(state["total"]), str(state["stopped"])
        seed = whole_number("seed", state["seed"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.schedule is not None:
            self.schedule.load_state_dict(state["schedule"])
        for callback, remembered in zip(self.callbacks, state["callbacks"], strict=True):
            callback.load_state_dict(remembered)
        for path, rng in generators.items():
            rng.setstate(states[path])
        self._shuffler.setstate(shuffler)
        self._shuffler_before = shuffler
        self.epoch, self.step, self._position = places.values()
        self.seed, self.rows, self.stopped = seed, rows, stopped
        self._total, self._outputs = total, outputs
        if self.compiled is not None:
            self.compiled.way = str(state["way"])
            if self.compiled.way == "eager":
                self.compiled = None

    def _described(self) -> dict[str, Any]:
        optimizer = self.optimizer.state_dict()
        groups = [
            {
                **group,
                "lr": group.get("initial_lr", group.get("lr")),
                "params": len(group["params"]),
            }
            for group in optimizer["param_groups"]
        ]
        settings: dict[str, Any] = {
            "model": _architecture(self.model),
            "loss": _name(self.loss_function),
            "metrics": list(self.metrics),
            "optimizer": type(self.optimizer).__name__,
            "schedule": None if self.schedule is None else type(self.schedule).__name__,
            "schedule_per": self.schedule_per,
            "callbacks": [type(callback).__name__ for callback in self.callbacks],
            "batch_size": self.batch_size,
            "shuffle": self.shuffle,
            "seed": self.seed if self._seeded else None,
        }
        if self.backend != "eager":
            settings["backend"] = None if self.compiled is None else self.compiled.backend
        for place, group in enumerate(groups):
            settings |= {f"param_groups[{place}][{k!r}]": v for k, v in group.items()}
        return settings

    def _generators(self) -> dict[str, Any]:
        """The random generators that training draws from: the modules', and Python's shared one."""
        found: dict[str, Any] = {"": random}
        for path, module in _modules(self.model):
            for name, item in vars(module).items():
                if isinstance(item, random.Random):
                    found[f"{path}.{name}"] = item
        return found

    def _seed_modules(self) -> None:
        for path, module in _modules(self.model):
            if vars(module).get("rng", self) is None:
                module.rng = random.Random(f"{self.seed} {path}")  # type: ignore[attr-defined]


class _Compiled:
    """The compiled steps of a run, as long as they can be compiled."""

    def __init__(self, run: Run) -> None:
        from autograd_scalar.tape import backends

        self.run = run
        self.way = ""
        is_native = backends.Options(run.backend).may_be_native  # raises if it is not installed
        self.backend = "native" if is_native else "python"
        self._made: tuple[CompiledStep, Data] | None = None
        self._validation: tuple[CompiledStep, Data] | None = None
        self._evaluates = True

    @contextmanager
    def epoch(self) -> Iterator[None]:
        """Keep the parameters in an array, if nobody looks at them before the end of the epoch."""
        with ExitStack() as stack:
            if not (self.run.is_told("on_backward") or self.run.is_told("on_step_end")):
                try:
                    stack.enter_context(self._step_and_data()[0].held())
                except RecordingError as error:
                    self._give_up(error)
            yield

    def write_back(self) -> None:
        if self._made is not None:
            self._made[0].write_back()

    def step(self, batch: list[int]) -> list[Any] | None:
        """Make a step and return the outputs, if there are metrics; None if it can't be done."""
        run, with_outputs = self.run, bool(self.run.metrics)
        callbacks_between = run.is_told("on_backward")
        try:
            step, data = self._step_and_data()
            if callbacks_between:
                with step.held():
                    loss = step.loss_and_gradient(data, batch, keep_outputs=with_outputs)
            else:
                loss = step.on(data, batch, keep_outputs=with_outputs)
        except RecordingError as error:
            self._give_up(error)
            return None
        self.way = step.way
        run.loss = Value(loss)
        if callbacks_between and math.isfinite(loss):
            run.tell("on_backward")
            run.optimizer.step()
        return step.outputs if with_outputs else []

    def evaluate(self) -> dict[str, float] | None:
        """Loss and metrics on the validation data; None if that can't be compiled."""
        from nn.compiled import CompiledStep, Data

        run, total, outputs = self.run, 0.0, []
        if not self._evaluates or run.validation is None:
            return None
        try:
            with _evaluating(run.model):
                if self._validation is None:
                    step = CompiledStep(run.model, run.loss_function, _Nothing, run.backend)
                    self._validation = step, Data(*run.validation)
                step, data = self._validation
                with step.held():
                    for start in range(0, len(data), run.batch_size):
                        batch = range(start, min(start + run.batch_size, len(data)))
                        loss = step.loss_and_gradient(data, batch, keep_outputs=bool(run.metrics))
                        total += loss * len(batch)
                        outputs += step.outputs
        except RecordingError:
            self._evaluates = False
            return None
        return _row(total, outputs, run.validation[1], run.metrics)

    def _step_and_data(self) -> "tuple[CompiledStep, Data]":
        if self._made is None:
            from nn.compiled import CompiledStep, Data

            run = self.run
            step = CompiledStep(run.model, run.loss_function, run.optimizer, run.backend)
            step.way = self.way
            self._made = step, Data(run.features, run.targets)
        return self._made

    def _give_up(self, error: RecordingError) -> None:
        if self.run.backend != "auto":
            raise error
        self.write_back()
        self.run.compiled = None
        warnings.warn(f"fit: the steps are not compiled, but eager: {error}", stacklevel=6)


class _Nothing:
    """An optimizer of no parameters: a step is then only an evaluation."""

    param_groups: ClassVar[list[dict[str, Any]]] = []

    @staticmethod
    def step() -> None:
        """Do nothing."""


class _Saver:
    """Writes a run's checkpoint when it is due, and resumes from it."""

    def __init__(self, run: Run, path: str | PathLike[str] | None, every: int | None) -> None:
        self.run = run
        self.path = None if path is None else Path(path)
        self.every = None if every is None else size("checkpoint_every", every)
        if self.path is None:
            if every is not None:
                raise ValueError("checkpoint_every needs a checkpoint to write to")
            return
        if not isinstance(run.model, Module):
            raise TypeError(f"a checkpoint needs an nn.Module for a model, got {run.model!r}")
        if not self.path.parent.is_dir():
            raise FileNotFoundError(f"checkpoint {str(path)!r} is in a folder that does not exist")
        if self.path.is_dir():
            raise IsADirectoryError(f"checkpoint {str(path)!r} is a folder")
        remove_unfinished(self.path)

    def after_step(self) -> None:
        if self.every is not None and self.run.step % self.every == 0:
            self.save()

    def save(self) -> None:
        if self.path is not None:
            run = self.run
            run.write_back()
            checkpoints.write(self.path, run.model.state_dict(), run.settings, run.state_dict())

    def resume(self) -> None:
        if self.path is None:
            raise ValueError("resume=True needs the checkpoint to resume from")
        if self.path.exists():
            checkpoints.restore(self.path, self.run)


class _Bar:
    """The progress bar, over the examples of all epochs."""

    def __init__(self, run: Run, shown: bool) -> None:
        self.run = run
        self.bar = tqdm(total=run.epochs * len(run), unit="ex", unit_scale=True, disable=not shown)

    def __enter__(self) -> "_Bar":
        self.bar.n = self.bar.last_print_n = self.bar.initial = self.run.examples_seen
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.close()

    def show(self) -> None:
        if self.bar.disable:
            return
        run = self.run
        self.bar.set_description(f"epoch {min(run.epoch + 1, run.epochs)}/{run.epochs}", False)
        last = run.rows[-1] if run.rows else {}
        shown = {name: x for name, x in last.items() if name not in ("epoch", "lr", "seconds")}
        if run._position:
            shown["loss"] = run.mean_loss
        self.bar.set_postfix({name: f"{x:.4g}" for name, x in shown.items()}, refresh=False)
        self.bar.update(run.examples_seen - self.bar.n)


@contextmanager
def _stopped_by_ctrl_c(run: Run) -> Iterator[None]:
    """Let the first Ctrl-C stop the run after its step: in the middle of one, half is changed."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def stop(signum: int, frame: Any) -> None:
        if run.interrupted:
            raise KeyboardInterrupt
        run.interrupted = True
        run.stop(f"interrupted in epoch {run.epoch + 1}, step {run.step + 1}")

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _evaluate(
    model: Callable[[Any], Any],
    features: list[Any],
    targets: list[Any],
    loss: Loss | None,
    metrics: Mapping[str, Metric],
    batch_size: int,
) -> dict[str, float]:
    total, outputs = 0.0, []
    with _evaluating(model), no_grad():
        for start in range(0, len(targets), batch_size):
            batch = slice(start, start + batch_size)
            found = model(features[batch])
            outputs += _plain(found)
            if loss is not None:
                total += plain(loss(found, targets[batch])) * len(targets[batch])
    return _row(None if loss is None else total, outputs, targets, metrics)


def _row(
    total: float | None,
    outputs: list[Any],
    targets: list[Any],
    metrics: Mapping[str, Metric],
) -> dict[str, float]:
    row = {} if total is None else {"loss": total / len(targets)}
    return row | {name: float(f(outputs, targets)) for name, f in metrics.items()}


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    was_training = getattr(model, "training", False)
    _set_training(model, False)
    try:
        yield
    finally:
        _set_training(model, was_training)


def _set_training(model: Any, mode: bool) -> None:
    if isinstance(model, Module):
        model.train(mode)


def _plain(outputs: Any) -> list[Any]:
    numbers: list[Any] = map_numbers(plain, as_lists(outputs))
    return numbers


def _named(item: Any, names: Mapping[str, Any], what: str) -> Any:
    if isinstance(item, str):
        return names[known(what, item, names)]
    if not callable(item):
        raise TypeError(f"{what} must be a name or a function, got {item!r}")
    return item


def _metrics(metrics: Metrics) -> dict[str, Metric]:
    if isinstance(metrics, Mapping):
        return {name: _named(metric, METRICS, "metric") for name, metric in metrics.items()}
    if isinstance(metrics, str) or not isinstance(metrics, Sequence):
        raise TypeError(f"metrics must be a list of names or functions, or a dict, got {metrics!r}")
    return {
        metric if isinstance(metric, str) else _name(metric): _named(metric, METRICS, "metric")
        for metric in metrics
    }


def _name(function: Any) -> str:
    return getattr(function, "__name__", None) or repr(function)


def _modules(model: Any) -> list[tuple[str, Module]]:
    return model.named_modules() if isinstance(model, Module) else []


def _architecture(model: Any) -> Any:
    if not isinstance(model, Module):
        return _name(model)
    return [[path, list(shape(item))] for path, item in model.state_dict().items()] + [
        [path, module.summary()] for path, module in model.named_modules()
    ]


def _digest(features: Any, targets: Any) -> str:
    return hashlib.sha256(json.dumps([features, targets]).encode()).hexdigest()


def _state_of(state: tuple[Any, ...]) -> list[Any]:
    version, words, gauss = state
    return [version, list(words), gauss]


def _generator_state(state: Any) -> tuple[Any, ...]:
    """The state for `setstate`, tried out; ValueError if it is none."""
    try:
        version, words, gauss = state
        found = (version, tuple(words), gauss)
        random.Random().setstate(found)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"it holds no state of a random generator: {error}") from None
    return found
