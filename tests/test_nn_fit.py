"""`fit`: the loop, and runs that are interrupted, killed and resumed bit for bit."""

import math
import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import nn
from autograd_scalar import Value
from autograd_scalar.tape.backends import native_available
from autograd_scalar.tape.recording import RecordingError
from nn.callbacks import Callback, EarlyStopping, SaveBest
from nn.data import two_moons
from nn.fit import evaluate, fit, predict
from nn.layers import Dropout, Linear, Sequential

LINE = [[0.0], [1.0], [2.0], [3.0]], [1.0, 3.0, 5.0, 7.0]


class Line(nn.Module):
    """y = slope * x + height, of examples that are lists of one number."""

    def __init__(self):
        self.slope, self.height = Value(0.0), Value(0.0)

    def forward(self, batch):
        return [self.slope * x + self.height for (x,) in batch]


class Recorder(Callback):
    """Writes down what it is told."""

    def __init__(self):
        self.events = []

    def on_fit_start(self, run):
        self.events.append("start")

    def on_backward(self, run):
        assert isinstance(run.loss, Value)
        self.events.append(f"backward {run.step}")

    def on_step_end(self, run):
        self.events.append(f"step {run.step}")

    def on_epoch_end(self, run):
        self.events.append(f"epoch {run.epoch}")
        assert run.rows[-1]["epoch"] == run.epoch

    def on_fit_end(self, run):
        self.events.append("end")


class StopAt(Callback):
    """Stops the run after some steps, as if it had been killed there."""

    def __init__(self, step):
        self.step = step

    def on_step_end(self, run):
        if run.step == self.step:
            run.interrupted = True
            run.stop("test")


def trained(model=None, data=LINE, loss="mse", **options):
    model = model or Line()
    optimizer = options.pop("optimizer", None) or nn.SGD(model.parameters(), lr=0.05)
    options = {"epochs": 3, "batch_size": 2, "seed": 0, "progress": False} | options
    return model, fit(model, data, loss, optimizer, **options)


# --- The loop ---


def test_one_epoch_is_the_steps_written_out():
    model, history = trained(epochs=1, batch_size=3, shuffle=False)
    same = Line()
    optimizer = nn.SGD(same.parameters(), lr=0.05)
    total = 0.0
    for batch in (slice(0, 3), slice(3, 4)):
        loss = nn.mse_loss(same(LINE[0][batch]), LINE[1][batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.data * len(LINE[1][batch])
    assert model.state_dict() == same.state_dict()
    assert history["loss"] == [total / 4]


def test_callbacks_are_told_in_order():
    recorder = Recorder()
    trained(epochs=2, callbacks=[recorder])
    steps = [event for s in range(4) for event in (f"backward {s}", f"step {s + 1}")]
    assert recorder.events == ["start", *steps[:4], "epoch 1", *steps[4:], "epoch 2", "end"]


def test_a_seed_repeats_a_run_and_orders_differ_between_epochs():
    orders = []

    class Noting(Line):
        def forward(self, batch):
            orders.append([x for (x,) in batch])
            return super().forward(batch)

    runs = [trained(Noting(), batch_size=4, epochs=3) for _ in range(2)]
    assert runs[0][0].state_dict() == runs[1][0].state_dict()
    assert orders[:3] == orders[3:]
    assert len({tuple(order) for order in orders}) == 3
    assert all(sorted(order) == [0.0, 1.0, 2.0, 3.0] for order in orders)


def test_without_a_seed_one_is_drawn_and_told():
    model, history = trained(seed=None)
    again, _ = trained(seed=history.seed)
    assert model.state_dict() == again.state_dict()


def test_a_seed_reaches_dropout_without_a_generator():
    def run():
        random.seed()
        return trained(
            Sequential(Linear(1, 8, rng=0), Dropout(0.5), Linear(8, 1, rng=1), nn.Flatten(0))
        )

    assert run()[0].state_dict() == run()[0].state_dict()


def test_the_model_is_in_training_mode_while_it_trains_and_only_then():
    modes = []

    class Noting(Line):
        def forward(self, batch):
            modes.append(self.training)
            return super().forward(batch)

    model, _ = trained(Noting(), epochs=2, batch_size=4, validation=LINE)
    assert modes == [True, False, True, False]
    assert not model.training


def test_rows_have_loss_metrics_validation_rate_and_time():
    _, history = trained(metrics=["r2"], validation=LINE, epochs=2)
    columns = ["epoch", "loss", "r2", "val_loss", "val_r2", "lr", "seconds"]
    assert history.columns == columns
    model, history = trained(epochs=40, validation=LINE)
    assert history["val_loss"][-1] == evaluate(model, LINE, "mse")["loss"] < 1e-2


def test_metrics_of_an_epoch_are_of_the_outputs_it_was_trained_with():
    pairs = []

    def metric(outputs, targets):
        pairs.append((list(outputs), list(targets)))
        return 0.5

    trained(metrics={"mine": metric}, epochs=1, batch_size=3, shuffle=True)
    ((outputs, targets),) = pairs
    assert sorted(targets) == LINE[1] and len(outputs) == 4
    assert outputs[:3] == [0.0, 0.0, 0.0] and outputs[3] != 0.0


@pytest.mark.parametrize("per", ["epoch", "step"])
def test_a_schedule_is_stepped_once_per_epoch_or_step(per):
    class Schedule:
        def __init__(self):
            self.steps = 0

        def step(self):
            self.steps += 1

        def state_dict(self):
            return {}

    schedule = Schedule()
    trained(epochs=3, schedule=schedule, schedule_per=per)
    assert schedule.steps == {"epoch": 3, "step": 6}[per]


def test_a_schedule_that_needs_a_metric_gets_the_validation_loss():
    seen = []

    class Plateau:
        needs_metric = True

        def step(self, metric):
            seen.append(metric)

        def state_dict(self):
            return {}

    _, history = trained(schedule=Plateau(), validation=LINE)
    assert seen == history["val_loss"]
    seen.clear()
    _, history = trained(schedule=Plateau())
    assert seen == history["loss"]


def test_an_optimizer_without_gradients_gets_a_closure():
    class Shrink:
        needs_gradients = False

        def __init__(self, params):
            self.param_groups = [{"params": list(params), "lr": 0.1}]

        def zero_grad(self):
            raise AssertionError("not needed")

        def state_dict(self):
            return {"param_groups": [{"params": [0, 1], "lr": 0.1}]}

        def step(self, closure):
            before = closure()
            self.param_groups[0]["params"][0].data += 0.25
            return before

    model = Line()
    _, history = trained(model, optimizer=Shrink(model.parameters()), metrics=["r2"], epochs=2)
    assert model.slope.data == 1.0
    assert history["loss"][1] < history["loss"][0]


def test_any_data_that_people_have_will_do():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": [0.0, 1.0, 2.0, 3.0], "y": LINE[1]})
    alike = [LINE, (np.array(LINE[0]), np.array(LINE[1])), (frame[["x"]], frame["y"]), (frame, "y")]
    states = [trained(data=data)[0].state_dict() for data in alike]
    assert all(state == states[0] for state in states)


def test_a_loss_that_is_no_number_ends_the_run_before_the_parameters():
    class Exploding(Line):
        calls = 0

        def forward(self, batch):
            self.calls += 1
            return [y * (1.0 if self.calls < 4 else math.inf) for y in super().forward(batch)]

    model = Exploding()
    before = {}

    class Keep(Callback):
        def on_step_end(self, run):
            before.update(run.model.state_dict())

    with pytest.warns(UserWarning, match="the loss is .* in epoch 2, step 4") as caught:
        _, history = trained(model, callbacks=[Keep()])
    assert caught[0].filename == __file__
    assert model.state_dict() == before
    assert len(history) == 1 and "epoch 2" in history.stopped and history.diverged


# --- The bar ---


def test_the_bar_shows_epoch_loss_metric_and_rate(capsys):
    trained(progress=True, epochs=2, metrics=["r2"], validation=LINE)
    shown = capsys.readouterr().err
    for text in ("epoch 2/2", "loss=", "val_loss=", "r2=", "ex/s", "8.00/8.00"):
        assert text in shown
    trained(progress=False)
    assert capsys.readouterr().err == ""


# --- evaluate, predict ---


def test_evaluate_and_predict_change_nothing():
    model = Sequential(Linear(1, 4, rng=0), Dropout(0.5, rng=0), Linear(4, 1, rng=0), nn.Flatten(0))
    state = model.state_dict()
    first = predict(model, LINE[0], batch_size=3)
    assert predict(model, np.array(LINE[0])) == first
    assert all(type(y) is float for y in first)
    found = evaluate(model, LINE, "mse", ["r2"], batch_size=3)
    assert found["loss"] == pytest.approx(nn.mse_loss(first, LINE[1]))
    assert model.training and model.state_dict() == state
    assert evaluate(model, LINE, metrics=["r2"]).keys() == {"r2"}


# --- Early stopping and the best model ---


class Losses(Line):
    """A model whose validation losses are told in advance."""

    def __init__(self, losses):
        super().__init__()
        self.losses = losses
        self.epoch = 0

    def forward(self, batch):
        if self.training:
            self.epoch += 1
            self.height.data = float(self.epoch)
            return super().forward(batch)
        return [math.sqrt(self.losses[self.epoch - 1]) + y for y in LINE[1]]


@pytest.mark.parametrize(
    ("options", "epochs", "kept"),
    [
        ({"patience": 0}, 3, 2),
        ({"patience": 1}, 4, 2),
        ({"patience": 2}, 7, 5),
        ({"patience": 2, "min_delta": 2.5}, 5, 2),
        ({"patience": 0, "restore_best": False}, 3, 3),
        ({"patience": 1, "mode": "max"}, 4, 4),
    ],
)
def test_early_stopping_waits_and_goes_back_to_the_best(options, epochs, kept):
    model = Losses([9.0, 4.0, 5.0, 10.0, 2.0, 3.0, 3.0, 3.0])
    if options.get("mode") == "max":
        epochs, kept = 3, 1
    _, history = trained(
        model,
        optimizer=nn.SGD(model.parameters(), lr=1e-300),
        validation=LINE,
        epochs=7,
        batch_size=4,
        callbacks=[EarlyStopping(**options)],
    )
    assert len(history) == epochs
    assert model.height.data == kept
    assert ("has not improved" in history.stopped) == (epochs < 7)


def test_save_best_keeps_the_best_model_in_a_file(tmp_path):
    model = Losses([9.0, 4.0, 5.0])
    trained(
        model,
        optimizer=nn.SGD(model.parameters(), lr=1e-300),
        validation=LINE,
        batch_size=4,
        callbacks=[SaveBest(tmp_path / "best.safetensors")],
    )
    best = Line()
    nn.load(best, tmp_path / "best.safetensors")
    assert best.height.data == 2.0


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="'val_loss' is not recorded; there are epoch, loss"):
        trained(callbacks=[EarlyStopping()])


# --- Interrupted and resumed ---

DATA = two_moons(24, noise=0.1, rng=0)


def everything():
    """A model, optimizer and schedule that remember as much as can be."""
    model = Sequential(
        Linear(2, 5, rng=0),
        nn.BatchNorm(5),
        nn.Tanh(),
        Dropout(0.2, rng=3),
        Dropout(0.1),
        Linear(5, 2, rng=1),
    )
    optimizer = nn.Adam(model.parameters(), lr=0.05, amsgrad=True)
    return model, optimizer, nn.ReduceLROnPlateau(optimizer, patience=0, factor=0.5)


def run_everything(path, epochs=4, resume=False, callbacks=(), **options):
    model, optimizer, schedule = everything()
    random.seed(5)
    history = fit(
        model,
        DATA,
        "cross_entropy",
        optimizer,
        epochs,
        5,
        validation=DATA,
        metrics=["accuracy"],
        schedule=schedule,
        callbacks=[EarlyStopping(patience=3), *callbacks],
        seed=7,
        progress=False,
        checkpoint=path,
        resume=resume,
        **options,
    )
    return model, optimizer, history


def without_time(history):
    return [{k: x for k, x in row.items() if k != "seconds"} for row in history.rows]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The run that is never interrupted."""
    return run_everything(tmp_path_factory.mktemp("whole") / "run", callbacks=[StopAt(0)])


@pytest.mark.parametrize("step", [1, 4, 5, 6, 12, 19])
def test_a_resumed_run_ends_with_the_bits_of_the_uninterrupted_one(tmp_path, whole, step):
    path = tmp_path / "run.safetensors"
    *_, first = run_everything(path, callbacks=[StopAt(step)])
    assert first.interrupted and len(first) == step // 5
    model, optimizer, history = run_everything(path, resume=True, callbacks=[StopAt(0)])
    assert model.state_dict() == whole[0].state_dict()
    assert optimizer.state_dict() == whole[1].state_dict()
    assert without_time(history) == without_time(whole[2])


def test_more_epochs_may_be_asked_for_on_resuming(tmp_path, whole):
    path = tmp_path / "run.safetensors"
    run_everything(path, epochs=2, callbacks=[StopAt(0)])
    model, _, history = run_everything(path, epochs=4, resume=True, callbacks=[StopAt(0)])
    assert without_time(history) == without_time(whole[2])
    finished = run_everything(path, epochs=4, resume=True, callbacks=[StopAt(0)])
    assert finished[0].state_dict() == model.state_dict()


def test_resuming_without_a_file_starts(tmp_path):
    model, _ = trained(checkpoint=tmp_path / "run", resume=True)
    assert model.state_dict() == trained()[0].state_dict()


def test_resuming_in_the_same_session_goes_on(tmp_path):
    path, model = tmp_path / "run", Line()
    optimizer = nn.SGD(model.parameters(), lr=0.05, momentum=0.9)
    options = {"optimizer": optimizer, "checkpoint": path}
    trained(model, callbacks=[StopAt(3)], **options)
    trained(model, callbacks=[StopAt(0)], resume=True, **options)
    other = Line()
    trained(other, optimizer=nn.SGD(other.parameters(), lr=0.05, momentum=0.9))
    assert model.state_dict() == other.state_dict()


CHANGES = {
    "its data was another": {"data": (LINE[0], [1.0, 3.0, 5.0, 7.5])},
    "its model was another": {"model": Sequential(Linear(1, 1), nn.Flatten(0))},
    "its validation was another": {"validation": LINE},
    "its batch_size was 2 and is 3": {"batch_size": 3},
    "its seed was 0 and is 1": {"seed": 1},
    "its loss was 'mse_loss' and is 'l1_loss'": {"loss": "l1"},
    "its shuffle was True and is False": {"shuffle": False},
    "its metrics was": {"metrics": ["r2"]},
}


@pytest.mark.parametrize(("message", "change"), CHANGES.items())
def test_another_run_is_not_resumed(tmp_path, message, change):
    path = tmp_path / "run"
    trained(checkpoint=path)
    with pytest.raises(ValueError, match=f"can't be resumed: {message}"):
        trained(**{"checkpoint": path, "resume": True} | change)


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (lambda ps: nn.SGD(ps, lr=0.06), r"\['lr'\] was 0.05 and is 0.06"),
        (lambda ps: nn.SGD(ps, lr=0.05, momentum=0.5), r"\['momentum'\] was"),
        (lambda ps: nn.Adam(ps, lr=0.05), "its optimizer was 'SGD' and is 'Adam'"),
    ],
)
def test_another_optimizer_is_not_resumed(tmp_path, optimizer, message):
    path, model = tmp_path / "run", Line()
    trained(checkpoint=path)
    with pytest.raises(ValueError, match=message):
        trained(model, optimizer=optimizer(model.parameters()), checkpoint=path, resume=True)


def test_a_checkpoint_is_a_model_too(tmp_path):
    model, _ = trained(checkpoint=tmp_path / "run")
    other = Line()
    nn.load(other, tmp_path / "run")
    assert other.state_dict() == model.state_dict()


SCRIPT = """
import random, sys
sys.path[:0] = {path!r}
from tests.test_nn_fit import run_everything
model, _, history = run_everything(sys.argv[1], resume=True, epochs=8, checkpoint_every=1)
nn_path = sys.argv[1] + ".done"
import nn
nn.save(model, nn_path)
"""


def run_script(path):
    code = SCRIPT.format(path=[str(Path(__file__).resolve().parent.parent)])
    return subprocess.Popen([sys.executable, "-c", code, str(path)], stderr=subprocess.PIPE)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
def test_runs_killed_at_any_moment_resume_bit_for_bit(tmp_path):
    path = tmp_path / "run.safetensors"
    source = random.Random(3)
    kills = 0
    while kills < 20:
        process = run_script(path)
        deadline = time.monotonic() + 60
        seen = path.stat().st_mtime_ns if path.exists() else 0
        # The interpreter starts for long; what is to be hit is the run.
        while time.monotonic() < deadline and process.poll() is None:
            if path.exists() and path.stat().st_mtime_ns != seen:
                break
            time.sleep(0.001)
        time.sleep(source.uniform(0.0, 0.02))
        process.kill()
        _, errors = process.communicate()
        assert not errors, errors.decode()
        if process.returncode == 0:  # it was faster: from the start, then
            Path(f"{path}.done").unlink()
            path.unlink()
            continue
        kills += 1
        nn.load(everything()[0], path)
    process = run_script(path)
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()
    model, *_ = run_everything(tmp_path / "whole.safetensors", epochs=8, checkpoint_every=1)
    finished = everything()[0]
    nn.load(finished, f"{path}.done")
    assert finished.state_dict() == model.state_dict()
    assert [p.name for p in tmp_path.glob(".*")] == []


@pytest.fixture
def ctrl_c():
    """Python's own way with Ctrl-C, which is not there in a job in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_the_run_after_the_step_with_checkpoint_and_history(tmp_path, ctrl_c):
    path = tmp_path / "run"

    class CtrlC(Callback):
        def on_backward(self, run):
            if run.step == 4:
                os.kill(os.getpid(), signal.SIGINT)

    _, history = trained(checkpoint=path, callbacks=[CtrlC()], epochs=5)
    assert history.interrupted and not history.diverged and len(history) == 2
    assert history.stopped == "interrupted in epoch 3, step 5"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    resumed, history = trained(checkpoint=path, resume=True, callbacks=[CtrlC()], epochs=5)
    assert not history.interrupted and len(history) == 5
    assert resumed.state_dict() == trained(epochs=5)[0].state_dict()


def test_a_second_ctrl_c_is_obeyed_at_once(ctrl_c):
    class CtrlC(Callback):
        def on_backward(self, run):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        trained(callbacks=[CtrlC()])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_ones_own_is_left_alone(ctrl_c):
    seen = []
    signal.signal(signal.SIGINT, lambda *_: seen.append(1))

    class CtrlC(Callback):
        def on_backward(self, run):
            os.kill(os.getpid(), signal.SIGINT)

    _, history = trained(callbacks=[CtrlC()])
    assert len(seen) == 6 and not history.interrupted


def test_a_run_in_a_thread_leaves_signals_alone():
    histories = []
    thread = threading.Thread(target=lambda: histories.append(trained()[1]))
    thread.start()
    thread.join()
    assert len(histories[0]) == 3


# --- Compiled ---

BACKENDS = ["python", *(["native"] if native_available() else [])]
MOONS = two_moons(30, noise=0.1, rng=0)


def fit_moons(backend, model=None, loss="binary_cross_entropy_with_logits", **options):
    model = model or Sequential(Linear(2, 6, rng=0), nn.Tanh(), Linear(6, 1, rng=1), nn.Flatten(0))
    optimizer = options.pop("optimizer", None) or nn.Adam(model.parameters(), lr=0.05)
    options = {"epochs": 4, "batch_size": 7, "seed": 3, "progress": False} | options
    history = fit(model, MOONS, loss, optimizer, backend=backend, **options)
    return model, optimizer, history


def close(a, b):
    """Whether two states, or rows of histories, are equal but for rounding."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(close(a[k], b[k]) for k in a if k != "seconds")
    if isinstance(a, list):
        return len(a) == len(b) and all(map(close, a, b))
    if isinstance(a, float):
        return a == pytest.approx(b, rel=1e-9, abs=1e-12)
    return a == b


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"metrics": ["accuracy"], "validation": MOONS, "callbacks": EarlyStopping},
        {"shuffle": False, "batch_size": 30, "callbacks": lambda: StopAt(2)},
        {"schedule_per": "step"},
    ],
    ids=["plain", "looked at after epochs", "looked at after steps", "schedule"],
)
def test_a_compiled_run_has_the_history_of_the_eager_one(backend, options):
    runs = []
    for each in (backend, "eager"):
        model = Sequential(Linear(2, 6, rng=0), Dropout(0.2), Linear(6, 1, rng=1), nn.Flatten(0))
        optimizer = nn.Adam(model.parameters(), lr=0.05)
        if "schedule_per" in options:
            options = options | {"schedule": nn.CosineAnnealingLR(optimizer, 20)}
        callbacks = [options["callbacks"]()] if "callbacks" in options else []
        again = options | {"callbacks": callbacks}
        runs.append(fit_moons(each, model, optimizer=optimizer, **again))
    (model, optimizer, history), (other, its_optimizer, its_history) = runs
    assert close(history.rows, its_history.rows)
    assert close(model.state_dict(), other.state_dict())
    assert close(optimizer.state_dict(), its_optimizer.state_dict())
    assert history.stopped == its_history.stopped
    assert not model.training


@pytest.mark.parametrize("backend", BACKENDS)
def test_validation_is_compiled_and_that_of_the_eager_run(backend):
    rows, calls = [], []

    class Noting(Sequential):
        def forward(self, batch):
            calls.append(self.training)
            return super().forward(batch)

    for each in (backend, "eager"):
        model = Noting(
            Linear(2, 5, rng=0), nn.BatchNorm(5), Dropout(0.3), Linear(5, 1, rng=1), nn.Flatten(0)
        )
        calls.clear()
        _, _, history = fit_moons(each, model, validation=MOONS, metrics=["accuracy"], epochs=8)
        rows.append(history.rows)
        if each == backend:
            assert calls.count(False) < 20  # of 40 batches
    assert close(*rows)


def test_callbacks_see_gradients_and_parameters_and_may_clip():
    seen = {}

    class Clip(Callback):
        def __init__(self, numbers):
            self.numbers = numbers

        def on_backward(self, run):
            norm = nn.clip_grad_norm(run.model.parameters(), 0.1)
            self.numbers.append((run.loss.data, norm))

        def on_step_end(self, run):
            self.numbers.append(run.model.state_dict())

    for backend in ("python", "eager"):
        fit_moons(backend, callbacks=[Clip(seen.setdefault(backend, []))])
    assert len(seen["eager"]) == 40
    assert all(
        close(list(a) if isinstance(a, tuple) else a, list(b) if isinstance(b, tuple) else b)
        for a, b in zip(seen["python"], seen["eager"], strict=True)
    )


def test_a_callback_of_epochs_sees_the_parameters_of_then():
    class Keep(Callback):
        def __init__(self):
            self.states = []

        def on_epoch_end(self, run):
            self.states.append(run.model.state_dict())

    kept = [Keep(), Keep()]
    for backend, callback in zip(("python", "eager"), kept, strict=True):
        fit_moons(backend, callbacks=[callback])
    assert close(kept[0].states, kept[1].states)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("step", [1, 4, 6, 12])
def test_a_resumed_compiled_run_ends_with_the_bits_of_the_uninterrupted_one(
    tmp_path, backend, step
):
    path, other = tmp_path / "run", tmp_path / "whole"
    options = {"backend": backend, "epochs": 3}
    whole = run_everything(other, callbacks=[StopAt(0)], **options)
    run_everything(path, callbacks=[StopAt(step)], **options)
    resumed = run_everything(path, resume=True, callbacks=[StopAt(0)], **options)
    assert resumed[0].state_dict() == whole[0].state_dict()
    assert resumed[1].state_dict() == whole[1].state_dict()
    assert without_time(resumed[2]) == without_time(whole[2])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_compiled_run_that_nobody_looks_at_is_resumed_bit_for_bit(tmp_path, backend):
    path = tmp_path / "run"
    whole = fit_moons(backend, checkpoint=tmp_path / "whole")
    fit_moons(backend, checkpoint=path, epochs=1)
    fit_moons(backend, checkpoint=path, epochs=3, resume=True)
    resumed = fit_moons(backend, checkpoint=path, resume=True)
    assert resumed[0].state_dict() == whole[0].state_dict()
    assert resumed[1].state_dict() == whole[1].state_dict()
    assert without_time(resumed[2]) == without_time(whole[2])


def test_a_checkpoint_within_an_epoch_has_the_numbers_of_that_step(tmp_path):
    path = tmp_path / "run"

    class Stop(Exception):
        pass

    model, optimizer, _ = everything()
    schedule = nn.LambdaLR(optimizer, lambda step: 1.0 if step < 3 else stop())

    def stop():
        raise Stop

    options = {"batch_size": 5, "seed": 1, "progress": False, "backend": "python"}
    with pytest.raises(Stop):
        fit(
            model, DATA, "cross_entropy", optimizer, 2, schedule=schedule, schedule_per="step",
            checkpoint=path, checkpoint_every=1, **options,
        )  # fmt: skip
    saved = everything()[0]
    nn.load(saved, path)
    expected, optimizer, _ = everything()
    with pytest.raises(Stop):
        fit(
            expected, DATA, "cross_entropy", optimizer, 2,
            schedule=nn.LambdaLR(optimizer, lambda step: 1.0 if step < 2 else stop()),
            schedule_per="step", **options,
        )  # fmt: skip
    assert saved.state_dict() == expected.state_dict()


def test_a_run_is_not_resumed_by_another_backend(tmp_path):
    path = tmp_path / "run"
    fit_moons("python", checkpoint=path, epochs=1)
    with pytest.raises(ValueError, match="its backend was 'python' and is None"):
        fit_moons("eager", checkpoint=path, resume=True)


def hooked():
    model = Sequential(Linear(2, 6, rng=0), nn.Tanh(), Linear(6, 1, rng=1), nn.Flatten(0))
    model.register_forward_hook(lambda *args: None)
    return model


class Unrecordable(Line):
    """Draws random numbers that nobody knows of."""

    def forward(self, batch):
        return [self.slope * x * (1 + 1e-9 * random.random()) + self.height for (x,) in batch]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": hooked()}, "has forward hooks"),
        ({"model": Unrecordable(), "data": LINE, "loss": "mse"}, "constant of the recorded"),
        ({"optimizer": "SPSA"}, "SPSA takes no gradients"),
    ],
)
def test_what_cannot_be_compiled_is_eager_with_auto_and_refused_by_name(change, message):
    change = dict(change)
    model = change.pop("model", None) or Sequential(Linear(2, 1, rng=0), nn.Flatten(0))
    data, loss = change.pop("data", MOONS), change.pop("loss", "hinge")
    if loss == "hinge":
        data = (data.features, [2 * t - 1 for t in data.targets])

    def run(backend):
        optimizer = nn.SGD(model.parameters(), lr=0.01)
        if "optimizer" in change:
            optimizer = nn.SPSA(model.parameters(), rng=0)
        return fit(model, data, loss, optimizer, 3, 2, seed=0, progress=False, backend=backend)

    with pytest.raises(RecordingError, match=message):
        run("python")
    with pytest.warns(UserWarning, match=f"eager: .*{message}") as caught:
        assert len(run("auto")) == 3
    assert len(caught) == 1


def test_a_resumed_run_goes_on_by_the_way_that_it_had_found(tmp_path):
    def mean_of_wrong(outputs, targets):
        wrong = [(y - t) ** 2 for y, t in zip(outputs, targets, strict=True) if y < t]
        return sum(wrong, 0.0 * outputs[0]) / max(len(wrong), 1)

    source = random.Random(0)
    features = [[source.gauss(0, 1), source.gauss(0, 1)] for _ in range(40)]
    # With such targets each loss is a mean over all, but in the second batch it shows the truth.
    targets = [9 + x for x, _ in features]
    targets[12] = -50.0

    def run(path, stop, resume=False):
        model = Sequential(Linear(2, 1, rng=0), nn.Flatten(0))
        fit(
            model, (features, targets), mean_of_wrong, nn.SGD(model.parameters(), lr=1e-3), 1, 10,
            shuffle=False, seed=0, progress=False, callbacks=[StopAt(stop)], checkpoint=path,
            resume=resume, backend="python",
        )  # fmt: skip
        return model.state_dict()

    whole = run(tmp_path / "whole", 0)
    run(tmp_path / "run", 2)
    assert run(tmp_path / "run", 0, resume=True) == whole


def test_a_run_that_could_not_be_compiled_stays_eager_when_resumed(tmp_path):
    options = {"data": LINE, "backend": "auto", "checkpoint": tmp_path / "run"}
    with pytest.warns(UserWarning, match="the steps are not compiled"):
        trained(Unrecordable(), epochs=2, **options)
    _, history = trained(Unrecordable(), epochs=3, resume=True, **options)  # without a warning
    assert len(history) == 3


def test_a_loss_that_is_no_number_ends_a_compiled_run_before_the_parameters():
    model = Line()
    rows = [[1.0], [1e200], [1.0], [1.0]], [1.0, 1.0, 1.0, 1.0]
    with pytest.warns(UserWarning, match="the loss is inf in epoch 1, step 2") as caught:
        history = fit(
            model, rows, "mse", nn.SGD(model.parameters(), lr=0.1), 2, 1, shuffle=False,
            progress=False, backend="python",
        )  # fmt: skip
    assert caught[0].filename == __file__
    assert history.diverged and not len(history)
    assert model.slope.data == model.height.data == pytest.approx(0.2)


def test_ctrl_c_leaves_a_compiled_model_as_it_was_after_the_step(ctrl_c):
    class CtrlC(nn.LambdaLR):
        def step(self):
            super().step()
            if self.last_epoch == 5:
                os.kill(os.getpid(), signal.SIGINT)

    states = []
    for backend in ("python", "eager"):
        model = Line()
        optimizer = nn.SGD(model.parameters(), lr=0.05)
        schedule = CtrlC(optimizer, lambda step: 1.0)
        _, history = trained(
            model, optimizer=optimizer, schedule=schedule, schedule_per="step", backend=backend
        )
        assert history.interrupted
        states.append(model.state_dict())
    assert close(*states)


# --- Bad input ---

MODEL = Line()
OPTIMIZER = nn.SGD(MODEL.parameters(), lr=0.1)
BAD = [
    ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
    ({"epochs": 0}, ValueError, "epochs must be at least 1"),
    ({"epochs": 1.5}, TypeError, "epochs must be an int"),
    ({"loss": "msr"}, ValueError, "unknown loss 'msr', did you mean 'mse'"),
    ({"loss": 3}, TypeError, "loss must be a name or a function, got 3"),
    ({"metrics": ["acuracy"]}, ValueError, "did you mean 'accuracy'"),
    ({"metrics": "accuracy"}, TypeError, "metrics must be a list"),
    ({"data": ([], [])}, ValueError, "at least one example"),
    ({"data": ([[1.0]], [1.0, 2.0])}, ValueError, "as many, got 1 and 2"),
    ({"data": ([[1.0], [math.nan]], [1.0, 2.0])}, ValueError, "row 1, column 0"),
    ({"validation": ([[math.inf]], [1.0])}, ValueError, "row 0, column 0"),
    ({"backend": "numpy"}, ValueError, "unknown backend 'numpy'"),
    ({"schedule_per": "batch"}, ValueError, "unknown schedule_per 'batch'"),
    ({"callbacks": [print]}, TypeError, r"callbacks must be nn\.Callback objects"),
    ({"optimizer": nn.SGD(np.zeros(2))}, TypeError, "optimizer must move the model's Values"),
    ({"optimizer": "adam"}, TypeError, "optimizer must be one of nn's, got 'adam'"),
    ({"model": 3}, TypeError, "model must be a module or a function, got 3"),
    ({"resume": True}, ValueError, "resume=True needs the checkpoint"),
    ({"checkpoint_every": 3}, ValueError, "needs a checkpoint"),
    ({"checkpoint": "/nowhere/at/all"}, FileNotFoundError, "folder that does not exist"),
    ({"checkpoint": Path(__file__).parent}, IsADirectoryError, "is a folder"),
    ({"model": lambda x: MODEL(x), "checkpoint": "run"}, TypeError, r"needs an nn\.Module"),
    ({"loss": lambda y, t: y}, TypeError, "loss must return one Value"),
    ({"loss": lambda y, t: 1.0}, TypeError, "plain numbers"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD)
def test_bad_arguments_are_refused(change, error, message):
    arguments = {"model": MODEL, "data": LINE, "loss": "mse", "optimizer": OPTIMIZER} | change
    before = MODEL.state_dict()
    with pytest.raises(error, match=message):
        fit(**{"epochs": 1, "progress": False} | arguments)
    assert MODEL.state_dict() == before


def test_a_history_survives_pickle():
    _, history = trained()
    assert pickle.loads(pickle.dumps(history)).rows == history.rows


@pytest.mark.parametrize(
    "searcher", [nn.RandomSearch, nn.FiniteDifferences, nn.EvolutionStrategies, nn.SPSA]
)
def test_searches_without_gradients_train_and_resume(tmp_path, searcher):
    def run(path, epochs, resume=False):
        model = Line()
        rng = {} if searcher is nn.FiniteDifferences else {"rng": random.Random(0)}
        optimizer = searcher(model.parameters(), **rng)
        options = {"checkpoint": path, "resume": resume, "epochs": epochs, "batch_size": 4}
        return trained(model, optimizer=optimizer, **options)

    whole, history = run(tmp_path / "whole", 12)
    assert history["loss"][-1] < history["loss"][0]
    run(tmp_path / "parts", 5)
    assert run(tmp_path / "parts", 12, resume=True)[0].state_dict() == whole.state_dict()
