"""Watching a network while it learns: gradients, activations and updates, layer by layer.

`watch(model)` looks at every step and keeps the numbers. It warns in words, naming the layer, when
they look like one of the known ways in which training goes wrong.
"""

import math
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakKeyDictionary

from autograd_scalar import Value
from autograd_scalar.modes import recording
from autograd_scalar.primitives import detached
from nn import diagnosis
from nn.arguments import known, size
from nn.callbacks import Callback
from nn.diagnosis import FLAT, Finding, LayerRecord, Seen, TrainingWarning
from nn.module import Module
from nn.precision import FORMATS, LowPrecision, low_precision, rounding
from nn.tensors import numbers

if TYPE_CHECKING:
    from nn.fit import Run

SEARCHED = 64
"""After how many nodes a search ends for what a layer's input or a unit's output came from: it is
near, or nowhere."""


def watch(
    model: Module,
    optimizer: Any = None,
    *,
    every: int = 1,
    warn: bool = True,
    precision: str | None = None,
    loss_scale: float = 1.0,
    train_in_precision: bool = False,
) -> "Watcher":
    """Return a `Watcher` that looks at each layer of the model in each step of its training.

    model: a module. Its layers are the modules inside that hold no others, or hold parameters of
    their own; a `Layer` of an `MLP` is one.
    optimizer: the one that moves the parameters, for `Watcher.step()`.
    every: of how many steps one is recorded.
    warn: whether to warn, by `warnings.warn` with a `TrainingWarning`, once per kind and layer.
    precision: a format, `"float16"` or `"bfloat16"` say, in which each backward pass is done once
    more, to tell the gradients that it would lose. loss_scale: as of `low_precision`.
    train_in_precision: the model is trained in that format: its parameters are rounded now and
    after each step, and its gradients are those of the format.

    In the training loop of `nn` it is a callback: `fit(..., callbacks=[watch(model)])`. In your own
    call `watcher.backward(loss)` for `loss.backward()` and `watcher.step()` for `optimizer.step()`.
    In a `with` block it is removed from the model at the end, else by `remove()`.

    Raises TypeError if `model` is no module, ValueError for an `every` below 1, an unknown
    precision, or a loss scale or training in a precision without one.

    >>> from nn import MLP, SGD, mse_loss
    >>> model = MLP(1, [3, 1], activation="tanh", rng=0)
    >>> with watch(model, SGD(model.parameters(), lr=0.1)) as watcher:
    ...     for _ in range(20):
    ...         model.zero_grad()
    ...         watcher.backward(mse_loss([model([x]) for x in (-1.0, 0.0, 1.0)], [1.0, 0.0, 1.0]))
    ...         watcher.step()
    >>> print(watcher.report())  # doctest: +ELLIPSIS
    Step 19, layers in the order of the forward pass
    <BLANKLINE>
                                     norm of   norm of  of gradient      update ...
    layer     module                 weights  gradient   by outputs  by weights ...
    --------  ---------------------  -------  --------  -----------  ---------- ...
    layers.0  Layer(1 -> 3, tanh)      0.827   4.1e-02      2.5e-01     5.0e-03 ...
    layers.1  Layer(3 -> 1, linear)    0.747   4.6e-02      5.5e-01     6.2e-03 ...
    """
    return Watcher(model, optimizer, every, warn, precision, loss_scale, train_in_precision)


class Watcher(Callback):
    """What `watch` returns: it sees a model's layers through forward hooks, and keeps the numbers.

    records: a `LayerRecord` for each layer and recorded step, layers in the order of the forward
    pass.
    findings: what was warned of, or would have been with `warn=False`.

    Of the graph nothing is kept alive: a layer's outputs are looked at after the backward pass if
    they are still there. Outputs computed under `no_grad` or by a model in evaluation don't count.
    """

    def __init__(
        self,
        model: Module,
        optimizer: Any = None,
        every: int = 1,
        warn: bool = True,
        precision: str | None = None,
        loss_scale: float = 1.0,
        train_in_precision: bool = False,
    ) -> None:
        """See `watch`."""
        if not isinstance(model, Module):
            raise TypeError(f"model must be a Module, got {type(model).__name__}")
        if precision is not None:
            known("precision", precision, FORMATS)
        elif loss_scale != 1.0 or train_in_precision:
            raise ValueError("loss_scale and train_in_precision need a precision")
        self.model = model
        self.optimizer = optimizer
        self.every = size("every", every)
        self.warn = warn
        self.precision = precision
        self.loss_scale = loss_scale
        self.train_in_precision = train_in_precision
        self.records: list[LayerRecord] = []
        self.findings: list[Finding] = []
        self._step = 0
        self._rows: dict[str, list[LayerRecord]] = {}  # of each layer
        self._peaks: dict[str, float] = {}  # the largest gradient norm of each layer
        self._streaks: dict[str, dict[int, tuple[int, int]]] = {}  # of each unit: steps, outputs
        self._before: list[tuple[LayerRecord, list[Value], list[float]]] = []
        self._order: list[_Tap] = []
        self._taps = _taps(model, self._order)
        self._places = {p: place for place, p in enumerate(model.parameters())}
        for tap in self._taps:
            if _hookable(tap.module):
                tap.module.register_forward_hook(tap)
        self._round_parameters()

    # --- By hand ---

    def backward(self, loss: Value) -> None:
        """Do `loss.backward()`, and record this step."""
        loss.backward()
        self.record(loss)

    def step(self) -> None:
        """Do `optimizer.step()`, and note how far it moved the parameters.

        Raises ValueError if `watch` was given no optimizer.
        """
        if self.optimizer is None:
            raise ValueError("step() needs the optimizer: watch(model, optimizer)")
        self.optimizer.step()
        self.step_end()

    def record(self, loss: Value | None = None) -> None:
        """Record this step, after the backward pass and before the parameters are moved.

        loss: what `backward()` was called on; it is needed to compute in a precision, and else to
        name the operation that gave a nan.

        Raises ValueError without a loss if there is a precision.
        """
        if self.precision is not None and loss is None:
            raise ValueError(f"the loss is needed to record a step in {self.precision}")
        due = self._step % self.every == 0
        low = None
        if self.precision is not None and loss is not None and (due or self.train_in_precision):
            low = low_precision(loss, self.precision, self.loss_scale)
        if due:
            self._record(loss, low)
        if low is not None and self.train_in_precision:
            for parameter in self.model.parameters():
                if parameter in low.gradients:
                    parameter.grad = low.gradients[parameter]
        self._step += 1
        self._look_at_next_step()

    def step_end(self) -> None:
        """Note how far the parameters were moved since `record()`."""
        for row, parameters, before in self._before:
            norm = _norm(before)
            if norm:
                moved = [p.data - b for p, b in zip(parameters, before, strict=True)]
                row.update_ratio = _norm(moved) / norm
        if self._before:
            rows = [row for row, _, _ in self._before]
            self._before = []
            found = diagnosis.updates(rows, self._rows, getattr(self.optimizer, "lr", None))
            if self._named("vanishing gradient"):  # which explains small updates
                found = (finding for finding in found if finding.kind != "small updates")
            self._tell(found)
        self._round_parameters()

    def remove(self) -> None:
        """Take the hooks off the model; the records stay."""
        # Not by what registering returned: a function can't be pickled, nor copied with the model.
        for tap in self._taps:
            hooks = tap.module._forward_hooks
            tap.module._forward_hooks = tuple(hook for hook in hooks if hook is not tap)

    def __enter__(self) -> Self:
        """Return the watcher."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take the hooks off the model."""
        self.remove()

    # --- What was seen ---

    def history(self, layer: str, quantity: str) -> list[float | None]:
        """Return one quantity of one layer over the recorded steps.

        layer: its path, as in `model.named_modules()`. quantity: a field of `LayerRecord`.

        Raises ValueError for an unknown layer or quantity.

        >>> from nn import Linear
        >>> layer = Linear(1, 1)
        >>> watcher = watch(layer)
        >>> for target in (1.0, 2.0):
        ...     layer.zero_grad()
        ...     watcher.backward(2.0 * layer([3.0])[0])
        >>> watcher.history("Linear", "output_gradient_norm")
        [2.0, 2.0]
        """
        known("quantity", quantity, [f.name for f in fields(LayerRecord)])
        known("layer", layer, {tap.name for tap in self._taps if tap.is_layer} | set(self._rows))
        return [getattr(row, quantity) for row in self._rows.get(layer, [])]

    def report(self) -> str:
        """Return the last recorded step as a table, and below it all that was warned of."""
        if not self.records:
            return "No step has been recorded yet."
        step = self.records[-1].step
        rows = [row for row in self.records if row.step == step]
        shown = [column for column in COLUMNS if any(column.text(row) for row in rows)]
        table = [[column.title[0] for column in shown], [column.title[1] for column in shown]]
        table += [[column.text(row) for column in shown] for row in rows]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        table.insert(2, ["-" * width for width in widths])
        lines = [
            "  ".join(
                text.ljust(width) if column.left else text.rjust(width)
                for text, width, column in zip(line, widths, shown, strict=True)
            ).rstrip()
            for line in table
        ]
        text = "\n".join([f"Step {step}, layers in the order of the forward pass", "", *lines])
        for finding in self.findings:
            text += f"\n\nStep {finding.step}, {finding.kind}: {finding.message}"
        return text

    def plot(self, step: int | None = None) -> Any:
        """Draw the gradients of each layer; return the figure, which see `nn.gradient_flow`.

        step: the step to draw over the depth; by default the last recorded one.
        """
        from nn.pictures.flow import gradient_flow

        return gradient_flow(self, step=step)

    # --- As a callback ---

    def on_backward(self, run: "Run") -> None:
        """Record this step."""
        if self.optimizer is None:
            self.optimizer = run.optimizer  # whose learning rate a warning names
        self.record(run.loss)

    def on_step_end(self, run: "Run") -> None:
        """Note how far the parameters were moved."""
        self.step_end()

    def on_fit_end(self, run: "Run") -> None:
        """Say where a loss that is no number came from: it ended the run before a backward pass."""
        if isinstance(run.loss, Value) and not math.isfinite(run.loss.data):
            self._tell(diagnosis.not_finite(self._step, self._seen(self._called()), run.loss))

    def state_dict(self) -> dict[str, Any]:
        """Return the records, the findings, and what the warnings go by, ready for JSON."""
        return {
            "step": self._step,
            "records": [asdict(row) for row in self.records],
            "findings": [asdict(finding) for finding in self.findings],
            "streaks": {
                layer: {str(unit): list(streak) for unit, streak in units.items()}
                for layer, units in self._streaks.items()
            },
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self._step = state["step"]
        self.findings = [
            Finding(**{**finding, "layers": tuple(finding["layers"])})
            for finding in state["findings"]
        ]
        self._streaks = {
            layer: {int(unit): (steps, outputs) for unit, (steps, outputs) in units.items()}
            for layer, units in state["streaks"].items()
        }
        self.records, self._rows, self._peaks = [], {}, {}
        self._keep([LayerRecord(**row) for row in state["records"]])
        self._look_at_next_step()

    # --- Recording ---

    def _record(self, loss: Value | None, low: LowPrecision | None) -> None:
        called = self._called()
        taps = called + [tap for tap in self._taps if tap.is_layer and tap not in called]
        rows = [self._row(tap, low) for tap in taps]
        self._before = [
            (row, tap.parameters, [p.data for p in tap.parameters])
            for tap, row in zip(taps, rows, strict=True)
            if tap.parameters
        ]
        found = list(diagnosis.not_finite(self._step, self._seen(taps), loss))
        if not found:  # what follows compares numbers
            found += diagnosis.vanishing(rows)
            found += diagnosis.exploding(rows)
            found += diagnosis.growing(rows, self._rows, self._peaks)
            early = self._step < diagnosis.WINDOW * self.every
            found += diagnosis.flat(rows, early)
        if self.precision is not None:
            found += diagnosis.imprecise(rows, self.precision, self.loss_scale)
        self._keep(rows)
        self._tell(found)

    def _called(self) -> list["_Tap"]:
        """Those of the layers that were called in this step, in order."""
        return [tap for tap in self._order if tap.outputs and (tap.is_layer or tap.recurrent)]

    def _seen(self, taps: Iterable["_Tap"]) -> list[Seen]:
        return [Seen(tap.name, list(tap.outputs), tap.parameters) for tap in taps]

    def _row(self, tap: "_Tap", low: LowPrecision | None) -> LayerRecord:
        row = LayerRecord(self._step, tap.name, tap.module.summary())
        if tap.parameters:
            sizes = [abs(detached(p.grad)) for p in tap.parameters]
            row.gradient_norm = _norm(sizes)
            row.gradient_mean = sum(sizes) / len(sizes)
            row.gradient_max = math.nan if any(map(math.isnan, sizes)) else max(sizes)
            row.weight_norm = _norm([p.data for p in tap.parameters])
            if low is not None:
                row.underflow = _share(low.underflows(tap.parameters), tap.parameters)
                row.overflow = _share(low.overflows(tap.parameters), tap.parameters)
        times = dict(tap.outputs)
        if times:
            data = [node.data for node in times]
            row.outputs = len(data)
            row.output_gradient_norm = _norm([detached(node.grad) for node in times])
            row.mean, row.std = _mean_and_deviation(data)
            row.min, row.max = min(data), max(data)
            row.through_time = _through_time(times)
            self._note_flat_sides(row, times)
        return row

    def _note_flat_sides(self, row: LayerRecord, outputs: Iterable[Value]) -> None:
        sides: dict[int, list[int]] = {}  # of each unit, -1 or 1 on a flat side, else 0
        bounded = []
        for node in outputs:
            if node.op in FLAT:
                low, high = FLAT[node.op]
                side = (node.data >= high) - (node.data <= low)
                if node.op != "relu":
                    bounded.append(side)
                unit = self._unit(node)
                if unit is not None:
                    sides.setdefault(unit, []).append(side)
        if bounded:
            row.saturated = sum(map(abs, bounded)) / len(bounded)
        if not sides:
            return
        settled = {unit: abs(sum(found)) == len(found) for unit, found in sides.items()}
        if not bounded:
            row.dead = sum(settled.values()) / len(settled)
        streaks = self._streaks.setdefault(row.layer, {})
        stuck = 0
        for unit, found in sides.items():
            steps, count = streaks.get(unit, (0, 0))
            steps, count = (steps + 1, count + len(found)) if settled[unit] else (0, 0)
            streaks[unit] = steps, count
            stuck += steps >= diagnosis.STUCK_STEPS and count >= diagnosis.STUCK_OUTPUTS
        row.stuck = stuck / len(sides)

    def _unit(self, node: Value) -> int | None:
        """The place in the model of the parameter nearest to the output: that tells units apart.

        The place in the output would not do: of a convolution it is the channel, of a vector the
        last index, and an activation can't tell which of the two it was called on.
        """
        for ahead in _nearest_first([node]):
            place = self._places.get(ahead)
            if place is not None:
                return place
        return None

    def _keep(self, rows: Iterable[LayerRecord]) -> None:
        for row in rows:
            self.records.append(row)
            self._rows.setdefault(row.layer, []).append(row)
            if row.gradient_norm is not None and math.isfinite(row.gradient_norm):
                self._peaks[row.layer] = max(row.gradient_norm, self._peaks.get(row.layer, 0.0))

    def _look_at_next_step(self) -> None:
        for tap in self._taps:
            tap.outputs.clear()
            tap.recurrent = False
            tap.watching = self._step % self.every == 0
        self._order.clear()

    def _round_parameters(self) -> None:
        if self.train_in_precision and self.precision is not None:
            low = rounding(self.precision)
            for parameter in self.model.parameters():
                parameter.data = low(parameter.data)

    def _named(self, kind: str) -> set[str]:
        return {layer for found in self.findings if found.kind == kind for layer in found.layers}

    def _tell(self, found: Iterable[Finding]) -> None:
        """Keep what was not said before, and warn of it."""
        for finding in found:
            if finding.layers[0] not in self._named(finding.kind):
                self.findings.append(finding)
                if self.warn:
                    text = f"step {finding.step}, {finding.message}"
                    warnings.warn(text, TrainingWarning, stacklevel=_levels_to_the_user())


class _Tap:
    """The forward hook of one module: it notes the outputs of a step, without keeping them alive.

    It is all of the watcher that the module holds, and that is copied and pickled with it.
    """

    def __init__(
        self,
        name: str,
        module: Module,
        parameters: list[Value],
        is_layer: bool,
        model: Module,
        order: list["_Tap"],
    ) -> None:
        self.name = name
        self.module = module
        self.parameters = parameters
        self.is_layer = is_layer
        self.model = model
        self.order = order  # shared by all: those called in this step, in the order of their ends
        self.watching = True
        self.recurrent = False
        self.outputs: WeakKeyDictionary[Value, int] = WeakKeyDictionary()  # and at which time

    def __call__(self, module: Module, args: tuple[Any, ...], output: Any) -> None:
        if not (self.watching and self.model.training and recording()):
            return
        time = self._time(args) if self.outputs else 0
        self.recurrent |= time > 0
        if self not in self.order:
            self.order.append(self)
        for value in numbers(output):
            if isinstance(value, Value):
                self.outputs.setdefault(value, time)

    def _time(self, args: tuple[Any, ...]) -> int:
        """How often the module was called on what it had returned, up to this call."""
        starts = (next((x for x in numbers(a) if isinstance(x, Value)), None) for a in args)
        for node in _nearest_first([start for start in starts if start is not None]):
            if node in self.outputs:
                return self.outputs[node] + 1
        return 0

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "outputs": None}  # weak references can't be pickled

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, outputs=WeakKeyDictionary())


def _taps(model: Module, order: list[_Tap]) -> list[_Tap]:
    """One for each module that a hook can be put on; the model itself has one in any case."""
    taps = []
    for path, module in model.named_modules():
        inside = [inner for inner in module.modules()[1:] if _hookable(inner)]
        elsewhere = {id(p) for inner in inside for p in inner.parameters()}
        own = [p for p in module.parameters() if id(p) not in elsewhere]
        if _hookable(module) or module is model:
            name = path or type(model).__name__
            parameters = own or module.parameters()
            taps.append(_Tap(name, module, parameters, not inside or bool(own), model, order))
    return taps


def _hookable(module: Module) -> bool:
    """Whether calling it calls the hooks; a `Neuron` has none, and its `Layer` stands for it."""
    return type(module).__call__ is Module.__call__


def _nearest_first(starts: Sequence[Value]) -> Iterator[Value]:
    """Yield the nodes and what they were computed from, level by level, up to some number."""
    level = starts
    seen = 0
    while level and seen < SEARCHED:
        yield from level
        seen += len(level)
        level = [parent for node in level for parent in node.parents]


# --- Numbers of a layer ---------------------------------------------------------------------------


def _norm(xs: Iterable[float]) -> float:
    return math.hypot(*xs)


def _share(some: Sequence[Value], of: Sequence[Value]) -> float:
    return len(some) / len(of)


def _mean_and_deviation(xs: Sequence[float]) -> tuple[float, float]:
    if not all(map(math.isfinite, xs)):
        return math.nan, math.nan
    mean = math.fsum(xs) / len(xs)
    return mean, _norm([x - mean for x in xs]) / math.sqrt(len(xs))


def _through_time(times: dict[Value, int]) -> float | None:
    """The norm of the gradients at the first time by that at the last to which any came."""
    gradients: dict[int, list[float]] = {}
    for node, time in times.items():
        gradients.setdefault(time, []).append(detached(node.grad))
    norms = [norm for _, norm in sorted((time, _norm(g)) for time, g in gradients.items())]
    while norms and not norms[-1]:
        norms.pop()
    return norms[0] / norms[-1] if len(norms) > 1 else None


def _levels_to_the_user() -> int:
    """How many callers up from `warnings.warn` the code is that is not of this package."""
    level = 1
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("nn."):
        frame = frame.f_back
        level += 1
    return level


# --- The report -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Column:
    title: tuple[str, str]
    fields: tuple[str, ...]
    form: str
    left: bool = False

    def text(self, row: LayerRecord) -> str:
        found = [getattr(row, field) for field in self.fields]
        return "" if None in found else self.form.format(*found)


COLUMNS = (
    _Column(("", "layer"), ("layer",), "{}", left=True),
    _Column(("", "module"), ("kind",), "{}", left=True),
    _Column(("norm of", "weights"), ("weight_norm",), "{:.3g}"),
    _Column(("norm of", "gradient"), ("gradient_norm",), "{:.1e}"),
    _Column(("of gradient", "by outputs"), ("output_gradient_norm",), "{:.1e}"),
    _Column(("first call", "by last"), ("through_time",), "{:.1e}"),
    _Column(("update", "by weights"), ("update_ratio",), "{:.1e}"),
    _Column(("outputs", "mean +- std"), ("mean", "std"), "{:.2g} +- {:.2g}"),
    _Column(("", "min .. max"), ("min", "max"), "{:.2g} .. {:.2g}"),
    _Column(("", "saturated"), ("saturated",), "{:.0%}"),
    _Column(("units", "dead"), ("dead",), "{:.0%}"),
    _Column(("", "stuck"), ("stuck",), "{:.0%}"),
    _Column(("gradients", "underflow"), ("underflow",), "{:.0%}"),
    _Column(("", "overflow"), ("overflow",), "{:.0%}"),
)
"""What the report shows, under headings of two lines; a column without an entry is left out."""
