"""Compiled training steps: loss and gradient from a recorded program, parameters in an array.

An eager step builds a graph of `Value`s and throws it away. A compiled one records what model and
loss do, once, and from then on runs that program: over a batch, in machine code or in NumPy.

There are two ways to do it. If the examples of a batch don't see each other, the program is that
of one example, which is run for each, and the gradients are summed on the way. If they do, as in
batch normalization, the program is that of the whole batch, one for each size. Which it is, the
step finds out by itself: by how the examples flow together in a recording of a batch, and by
comparing loss and gradient with those that `backward()` finds.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy
from numpy.typing import NDArray

from autograd_scalar import Value, gradients, no_grad, rules
from autograd_scalar.nesting import flatten
from autograd_scalar.primitives import described
from autograd_scalar.tape import arguments, backends
from autograd_scalar.tape.batches import Batch
from autograd_scalar.tape.compiled import Compiled, Signature, Wrt
from autograd_scalar.tape.derivatives import value_and_gradient
from autograd_scalar.tape.environment import Environment
from autograd_scalar.tape.paths import Path
from autograd_scalar.tape.program import Tape
from autograd_scalar.tape.recording import Recording, RecordingError
from nn.effects import Draw, Effects, Update, witnessed
from nn.losses import loss_named
from nn.module import Module
from nn.tensors import as_lists

Array = NDArray[numpy.float64]
Draws = list[tuple[Callable[[], Draw], int]]

TOLERANCE = 1e-9
"""What loss and gradient of the two ways may differ by, in proportion to the largest."""

MOST_COMPARED = 32
"""Examples of a batch that the two ways are compared by; more would take long."""

LARGEST_NATIVE = 200_000
"""Up to about so many operations in the program of an example "auto" means machine code."""

MOST_PATHS = 64
"""From so many ways through the model on, by which `if` goes how, none is worth a recording."""


def compile_step(
    model: Callable[[Any], Any],
    loss: str | Callable[..., Any],
    optimizer: Any,
    backend: str = "auto",
) -> "CompiledStep":
    """Return a step of training that runs a recorded program: `step(features, targets)`.

    It does what the eager step does, `loss(model(features), targets)`, `backward()` and
    `optimizer.step()`, and returns the loss as a float. A loss that is nan or inf moves nothing.

    model: called with a batch, a list of examples. loss: a function of outputs and targets, or its
    name. optimizer: one of `nn`'s, or what has `param_groups` and `step()`.
    backend: "python" runs generated source, on NumPy arrays if there is one example to a program;
        "native" machine code, and needs the extra of that name; "auto" is "native" where it is
        there and the program is not too large.

    The numbers: a program of a whole batch gives with "python" the bits of the eager step, and with
    "native" those wherever only +, -, *, / and sqrt occur; but where numbers of the data pick from
    others, as classes and tokens do, gradients are added up in another order. So they are in a
    program of one example, and NumPy's functions differ from Python's in the last place. Loss and
    gradient then agree with the eager ones to about 1e-15 of the largest term. The optimizers'
    formulas are the same, to the bit.

    What is not frozen: random numbers (`Dropout`, `gumbel_softmax`) are drawn anew in each step,
    and in the same order as by eager steps; the statistics of `BatchNorm` follow; a changed
    setting of a module, as its `training`, or a changed number in a variable that a function of
    yours reads, is noticed, and the step is recorded anew; where an `if` on numbers goes another
    way, that way is recorded, too. What else your code does besides computing, as counting or
    printing, happens only when it is recorded, and so do forward hooks: with these it is refused.

    Raises ValueError for an unknown backend, ImportError for one that is not installed, TypeError
    for a model, loss or optimizer that is none. A step raises what the eager one raises, and
    `autograd_scalar.tape.recording.RecordingError`, having moved nothing, if model or loss can't be
    recorded: if they draw random numbers on their own, or branch otherwise for nearly each batch.

    >>> import nn
    >>> model = nn.Sequential(nn.Linear(1, 1, rng=0), nn.Flatten(0))
    >>> step = compile_step(model, "mse", nn.SGD(model.parameters(), lr=0.1), backend="python")
    >>> losses = [step([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]) for _ in range(200)]
    >>> losses[-1] < 1e-4 < losses[0], step.way
    (True, 'examples')
    """
    return CompiledStep(model, loss, optimizer, backend)


class CompiledStep:
    """What `compile_step` returns, which see.

    Attributes:
        way: "examples" or "batch", as the text above tells; "" before that is known.
        why: for "batch", what speaks against "examples".
        gradient: that of the last step, an array in the order of the optimizer's `params`.
        outputs: those of the model in the last step that was asked for them.
    """

    def __init__(
        self,
        model: Callable[[Any], Any],
        loss: str | Callable[..., Any],
        optimizer: Any,
        backend: str = "auto",
    ) -> None:
        """See `compile_step`."""
        if not callable(model):
            raise TypeError(f"compile_step: model must be a module or a function, not {model!r}")
        if not hasattr(optimizer, "param_groups") or not hasattr(optimizer, "step"):
            raise TypeError(f"compile_step: optimizer must be one of nn's, not {optimizer!r}")
        if not getattr(optimizer, "needs_gradients", True):
            raise RecordingError(
                f"compile_step: {type(optimizer).__name__} takes no gradients, and no one step"
            )
        if getattr(optimizer, "moves_arrays", False):
            raise TypeError("compile_step: optimizer must move the model's Values, not arrays")
        self.model, self.loss, self.optimizer = model, loss_named(loss), optimizer
        self.backend = backends.Options(backend).backend
        self.way = self.why = ""
        self.gradient: Array = numpy.zeros(0)
        self.outputs: list[Any] = []
        self._by_example: dict[Any, _ByExample] = {}
        self._holds = 0
        self._moved = self._has_gradient = False
        self._set_up()

    def __call__(self, features: Any, targets: Any) -> float:
        """Make one step, and return the loss of before it.

        features, targets: as many examples each, lists or arrays.
        """
        return self.on(Data(features, targets))

    def backward(self, features: Any, targets: Any) -> float:
        """Return the loss, and set the `grad` of every parameter, as `backward()` would from 0.

        To clip gradients, say, before `optimizer.step()`.
        """
        with self.held():
            return self.loss_and_gradient(Data(features, targets))

    def on(
        self, data: "Data", examples: Sequence[int] | None = None, *, keep_outputs: bool = False
    ) -> float:
        """Make one step on some examples of the data, and return the loss of before it.

        examples: their places; None for all. keep_outputs: whether to leave the model's in
        `outputs`.
        """
        with self.held():
            loss = self.loss_and_gradient(data, examples, keep_outputs=keep_outputs)
            if math.isfinite(loss):
                self._move()
        return loss

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the parameters in an array for the length of a `with` block.

        They are read from the model at its beginning and written back at its end, with their
        gradients, in place of in each step: for a model of 4 thousand parameters that saves half a
        millisecond a step. In between the model has the old numbers, and must not be changed.
        """
        if self._holds == 0:
            self._take_up()
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
            if self._holds == 0:
                self.write_back()

    def write_back(self) -> None:
        """Give the parameters their numbers and gradients, for someone who looks in a `held`."""
        if self._moved:
            for parameter, number in zip(self._params, self._numbers.tolist(), strict=True):
                parameter.data = number
        if self._has_gradient:
            for parameter, grad in zip(self._params, self.gradient.tolist(), strict=True):
                parameter.grad = grad
        self._moved = self._has_gradient = False

    def loss_and_gradient(
        self, data: "Data", examples: Sequence[int] | None = None, *, keep_outputs: bool = False
    ) -> float:
        """Return the loss, and leave the gradient; arguments as of `on`, in a block of `held`."""
        batch = _Batch(data, examples)
        noise: list[float] | None = None
        if self.way != "batch" and batch.rows is not None:
            try:
                runner = self._runner(batch)
                noise = _drawn(runner.draws_of(batch))
                loss, self.gradient = runner.run(batch, noise, keep_outputs)
                self.way = "examples"
            except RecordingError as error:
                self.way, self.why = "batch", str(error)
        if noise is None:
            noise = _drawn(self._by_batch.draws_of(batch))
        if self.way != "examples" or batch.rows is None:
            loss = self._run_batch(batch, noise, keep_outputs)
        if not math.isfinite(loss):
            self._run_eagerly(batch, noise)  # it may tell why
        self._has_gradient = True
        return loss

    # --- The two ways ---

    def _runner(self, batch: "_Batch") -> "_ByExample":
        runner = self._by_example.get(batch.shapes)
        if runner is None:
            runner = self._by_example[batch.shapes] = _ByExample(self, batch)
        return runner

    def _run_batch(self, batch: "_Batch", noise: Sequence[float], keep_outputs: bool) -> float:
        try:
            found = self._by_batch.run(batch, noise, keep_outputs)
        except _Failed as error:
            self._run_eagerly(batch, noise)  # raises what is to be raised
            raise RecordingError(
                f"compile_step: model or loss can't be recorded: {error.__cause__!r}"
            ) from error.__cause__
        loss, self.gradient, updates = found
        for update, numbers in updates:
            update(numbers)
        return loss

    def forward(self, features: Any, targets: Any) -> tuple[Value, Any]:
        """The loss of a batch and the model's outputs, as `Value`s."""
        outputs = self.model(features)
        loss = self.loss(outputs, targets)
        if not isinstance(loss, Value):
            raise TypeError(
                f"loss must return one Value, to differentiate, got {described(loss)}: either it "
                "is no number, or the model has no parameters in its outputs"
            )
        return loss, as_lists(outputs)

    def _run_eagerly(self, batch: "_Batch", noise: Sequence[float]) -> None:
        self.write_back()
        with no_grad(), witnessed(Effects(noise)):
            self.forward(*batch.lists)

    def eagerly(self, batch: "_Batch", noise: Sequence[float]) -> tuple[float, Array]:
        """Loss and gradient by a graph, and no other effect."""
        self.write_back()
        with witnessed(Effects(noise)) as effects:
            loss, _ = self.forward(*batch.lists)
        if effects.updates:
            raise RecordingError("the model keeps statistics of the whole batch")
        return loss.data, numpy.array(gradients(loss, self._params))

    # --- Parameters ---

    def _set_up(self) -> None:
        """Forget what was recorded, and look anew at what there is."""
        self._groups = self._group_keys()
        self._params: list[Value] = [p for g in self.optimizer.param_groups for p in g["params"]]
        self._places = {id(parameter): i for i, parameter in enumerate(self._params)}
        self._in_arrays = bool(getattr(self.optimizer, "takes_arrays", False))
        self._surroundings = _Surroundings(self.model, self.loss)
        self._by_example.clear()
        self._by_batch = _ByBatch(self)
        self._numbers: Array = numpy.zeros(len(self._params))

    def _group_keys(self) -> list[tuple[int, int]]:
        return [(id(g["params"]), len(g["params"])) for g in self.optimizer.param_groups]

    def _take_up(self) -> None:
        if self._groups != self._group_keys() or self._surroundings.changed():
            self._set_up()
        self._surroundings.refuse_hooks()
        self._read()

    def _read(self) -> None:
        self._numbers = numpy.array([parameter.data for parameter in self._params])

    def _move(self) -> None:
        if self._in_arrays:
            self._numbers = self.optimizer.step_arrays(self._numbers, self.gradient)
            self._moved = True
        else:
            self.write_back()
            self.optimizer.step()
            self._read()

    def reader(self, values: Sequence[Value]) -> Callable[[], Array]:
        """What gives the present numbers of these parameters and other Values."""
        places = [self._places.get(id(value)) for value in values]
        others = [(i, values[i]) for i, place in enumerate(places) if place is None]
        mine = numpy.array([i for i, place in enumerate(places) if place is not None], int)
        sources = numpy.array([place for place in places if place is not None], int)

        def read() -> Array:
            numbers: Array = self._numbers[sources]
            if not others:
                return numbers
            numbers, known = numpy.empty(len(places)), numbers
            numbers[mine] = known
            for i, value in others:
                numbers[i] = value.data
            return numbers

        return read

    def recorded(self) -> None:
        """Note that model and loss were run once: what they change themselves is not watched."""
        self._surroundings.forget_changed()


# --- Batches --------------------------------------------------------------------------------------


class Data:
    """Examples to make steps on: lists and, if all are nested alike, rows of floats.

    features, targets: as many, lists or arrays.

    Raises ValueError if they are not, or are none.
    """

    def __init__(self, features: Any, targets: Any) -> None:
        """See the class."""
        counts = [len(features), len(targets)]
        if counts[0] != counts[1] or not counts[0]:
            raise ValueError(
                "compile_step: features and targets must be as many, and at least one, got "
                f"{counts[0]} and {counts[1]}"
            )
        self.features, self.targets = as_lists(features), as_lists(targets)
        self.arrays = [array for array in map(_array, (features, targets)) if array is not None]
        self.shapes = tuple(array.shape[1:] for array in self.arrays)
        self.rows: Array | None = None
        if len(self.arrays) == 2:
            flat = [array.reshape(counts[0], math.prod(array.shape[1:])) for array in self.arrays]
            self.rows = numpy.concatenate(flat, axis=1)

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.features)


class _Batch:
    """The examples of the data at these places; None for all."""

    def __init__(self, data: Data, examples: Sequence[int] | None = None) -> None:
        self.data, self.shapes, self.rows = data, data.shapes, data.rows
        self.examples: Sequence[int] = range(len(data)) if examples is None else examples
        if examples is not None and data.rows is not None:
            self.rows = data.rows[list(examples)]

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def lists(self) -> tuple[list[Any], list[Any]]:
        features, targets = self.data.features, self.data.targets
        return [features[i] for i in self.examples], [targets[i] for i in self.examples]

    def first(self, count: int) -> "_Batch":
        return _Batch(self.data, self.examples[:count])


def _array(items: Any) -> Array | None:
    """The numbers as an array of floats, None if they are not all nested alike."""
    try:
        array = numpy.asarray(items)
    except ValueError:  # ragged
        return None
    return numpy.ascontiguousarray(array, float) if array.dtype.kind in "biuf" else None


def _drawn(draws: Draws) -> list[float]:
    """New random numbers, in the order in which the layers draw."""
    numbers = []
    for make, count in draws:
        draw = make()
        numbers += [draw() for _ in range(count)]
    return numbers


class _Recorder(Compiled):
    """A function that is recorded with the parameters as they are in their array."""

    def __init__(self, step: CompiledStep, f: Callable[..., Any], backend: str, **options: Any):
        super().__init__(f, backend, **options)
        self._step = step
        self.recordings = 0

    def _recorded(self, signature: Signature, numbers: Sequence[float]) -> Recording:
        self._step.write_back()
        recording = super()._recorded(signature, numbers)
        self.recordings += 1
        self._step.recorded()
        return recording


# --- One example, run for each --------------------------------------------------------------------


class _ByExample:
    """The program of one example, for batches of any size of examples of one shape."""

    def __init__(self, step: CompiledStep, batch: _Batch) -> None:
        self._step = step
        step.write_back()
        one = batch.first(1)
        try:
            with witnessed(Effects()) as effects, no_grad():
                step.forward(*one.lists)
        except Exception as error:
            raise RecordingError("the model or the loss takes no single example") from error
        if effects.updates:
            raise RecordingError("the model keeps statistics of the whole batch")
        self._draws = effects.draws
        self._is_draw_order_known = False
        self._count = sum(count for _, count in self._draws)
        self._function = _Recorder(step, self._one, step.backend, max_paths=10 * MOST_PATHS)
        parts = [array[one.examples[:1]] for array in batch.data.arrays]
        if self._count:
            parts.append(numpy.ones((1, self._count)))
        self._rows = _Rows("compile_step", self._function, parts, tuple(range(len(parts))))
        self._rows.step, self._rows.readers = step, {}
        self._summed = tuple(range(1 + len(step._params)))
        self._reduction = ""
        self._compared: set[int] = set()
        self._record_first()

    def _record_first(self) -> None:
        paths = self._rows.signature.paths
        recording = self._function._recorded(self._rows.signature, self._rows.numbers(0))
        paths.add(recording)
        self._nesting = recording.nesting.children[1]
        if self._step.backend == "auto":
            fits = 5 * len(recording.tape) <= LARGEST_NATIVE
            self._function._options = backends.Options(
                "native" if fits and backends.native_available() else "python"
            )

    def _one(self, x: Any, t: Any, noise: Sequence[Any] = ()) -> tuple[Value, Any]:
        try:
            with witnessed(Effects(noise)) as effects:
                loss, outputs = self._step.forward([as_lists(x)], [as_lists(t)])
        except RecordingError:
            raise
        except Exception as error:
            raise RecordingError("the model or the loss takes no single example") from error
        if effects.updates or sum(count for _, count in effects.draws) != self._count:
            raise RecordingError("the model does for some examples what it does not for others")
        if not isinstance(outputs, list) or len(outputs) != 1:
            raise RecordingError("the model gives no list of an output for each example")
        return loss, outputs[0]

    def draws_of(self, batch: _Batch) -> Draws:
        """What an eager step draws for the batch, in its order: layer by layer."""
        if self._draws and not self._is_draw_order_known and len(batch) > 1:
            self._require_same_draws(batch.first(2))
        return [(make, count * len(batch)) for make, count in self._draws]

    def run(self, batch: _Batch, noise: Sequence[float], keep_outputs: bool) -> tuple[float, Array]:
        paths = self._rows.signature.paths
        before = len(paths)
        sums, rows = self._sums(batch, noise, keep_outputs)
        if len(paths) > MOST_PATHS:
            raise RecordingError(f"there are more than {MOST_PATHS} ways through the model")
        size = min(len(batch), MOST_COMPARED)
        if len(paths) > before:
            self._compare(batch, noise, sums)
        elif size > 1 and size not in self._compared:
            if size == len(batch):
                self._compare(batch, noise, sums)
            else:
                some = batch.first(size)
                parts = self._by_layer(noise, len(batch))
                some_noise = [x for part in parts for x in part[:size].ravel().tolist()]
                self._compare(some, some_noise, self._sums(some, some_noise, False)[0])
        if keep_outputs:
            shaped = rows.reshape(len(batch), self._nesting.size).tolist()
            fill = arguments.unpacker(self._nesting)
            self._step.outputs = [fill(numbers) for numbers in shaped]
        if self._reduction == "mean":
            sums = sums / len(batch)
        return float(sums[0]), sums[1:] + 0.0

    def _sums(
        self, batch: _Batch, noise: Sequence[float], keep_outputs: bool
    ) -> tuple[Array, Array]:
        columns = batch.rows
        assert columns is not None
        if noise:
            columns = numpy.concatenate([columns, *self._by_layer(noise, len(batch))], axis=1)
        self._rows.columns = columns
        width = self._nesting.size if keep_outputs else 0
        kind = ("step", keep_outputs)
        sums, rows, _ = self._rows.run(
            kind, self._with_outputs if width else self._bare, self._summed, width
        )
        return sums, rows

    def _by_layer(self, noise: Sequence[float], examples: int) -> list[Array]:
        """For each layer that draws an array with a row for each example."""
        parts = []
        start = 0
        for _, count in self._draws:
            end = start + count * examples
            parts.append(numpy.array(noise[start:end], float).reshape(examples, count))
            start = end
        return parts

    def _bare(self, path: Path, strict: bool) -> Tape:
        return self._joint(path.recording, strict, 0)

    def _with_outputs(self, path: Path, strict: bool) -> Tape:
        return self._joint(path.recording, strict, self._nesting.size)

    def _joint(self, recording: Recording, strict: bool, outputs: int) -> Tape:
        slots = self._rows.signature.slots_of_values(self._step._params, recording)
        return _joint(recording, slots, strict, outputs)

    # --- Whether that is the same as the batch ---

    def _require_same_draws(self, batch: _Batch) -> None:
        self._is_draw_order_known = True
        with witnessed(Effects()) as effects, no_grad():
            self._step.forward(*batch.lists)
        if [count for _, count in effects.draws] != [count for _, count in self.draws_of(batch)]:
            raise RecordingError("a batch draws random numbers in another order than its examples")

    def _compare(self, batch: _Batch, noise: Sequence[float], sums: Array) -> None:
        """Raise RecordingError unless these are, and always will be, those of the batch."""
        n = len(batch)
        if not math.isfinite(sums[0]):
            return
        loss, gradient = self._step.eagerly(batch, noise)
        whole = numpy.concatenate([[loss], gradient])
        fitting = [
            name
            for name, found in (("mean", sums / n), ("sum", sums))
            if self._reduction in ("", name) and _agree(found, whole)
        ]
        if not fitting:
            raise RecordingError("the loss of a batch is neither mean nor sum of its examples'")
        if n > 1:
            recording = self._step._by_batch.recording(batch, noise)
            if not self._is_separate(recording, batch):
                raise RecordingError("the examples of a batch see each other")
            self._reduction = fitting[0]
            self._compared.add(min(n, MOST_COMPARED))

    def _is_separate(self, recording: Recording, batch: _Batch) -> bool:
        """Whether nothing mixes examples but a sum, whatever the numbers are."""
        n = len(batch)
        sizes = [math.prod(shape) for shape in batch.shapes] + [count for _, count in self._draws]
        owners: list[int | None] = [i for size in sizes for i in range(n) for _ in range(size)]
        owners += [None] * (recording.tape.inputs - len(owners))
        owners = owners_of_slots(recording.tape, owners)
        outputs = recording.tape.outputs[1:]
        each = len(outputs) // n
        return (
            all(owners[o] in (None, i // each) for i, o in enumerate(outputs) if o >= 0)
            and not any(
                owners[slot] in (MIXED, NONLINEAR)
                for slot in [guard.slot for guard in recording.tape.guards]
                if slot >= 0
            )
            and owners[recording.tape.outputs[0]] != NONLINEAR
        )


class _Rows(Batch):
    """A batch whose shared numbers are those of the parameters' array."""

    step: CompiledStep
    readers: dict[int, tuple[Path, Callable[[], Array]]]  # by the path's id

    def _shared(self, path: Path) -> Any:
        if id(path) not in self.readers:
            self.readers[id(path)] = path, self.step.reader(path.recording.captured)
        return self.readers[id(path)][1]()

    def _check(self, path: Path, chosen: Any) -> None:
        if not path.checked:
            self.step.write_back()
            super()._check(path, chosen)


MIXED, NONLINEAR = -1, -2
"""What several examples add to, and what they are put together in by anything else than sums."""


def owners_of_slots(tape: Tape, owners: Sequence[int | None]) -> list[int | None]:
    """Which example each slot depends on: its number, None for no example, MIXED or NONLINEAR.

    owners: those of the inputs.

    >>> from autograd_scalar.tape.variables import Builder
    >>> builder = Builder(3)
    >>> w, x, y = builder.inputs
    >>> tape = builder.tape([w * x + w * y, x * y])
    >>> owners = owners_of_slots(tape, [None, 0, 1])
    >>> [owners[slot] for slot in tape.outputs]
    [-1, -2]
    """
    found = list(owners)
    for _, primitive, operands in tape.nodes():
        whose = [None if o < 0 else found[o] for o in operands]
        different = set(whose) - {None}
        if len(different) < 2 and MIXED not in different:
            found.append(next(iter(different), None))
        elif NONLINEAR in different or not _is_sum(primitive, whose):
            found.append(NONLINEAR)
        else:
            found.append(MIXED)
    return found


def _is_sum(primitive: Any, owners: Sequence[int | None]) -> bool:
    """Whether the operation adds what belongs to examples, at most multiplied by what does not."""
    if primitive is rules.multiply or primitive is rules.dot:
        half = len(owners) // 2
        return all(None in pair for pair in zip(owners[:half], owners[half:], strict=True))
    if primitive is rules.divide:
        return owners[1] is None
    return primitive in (rules.add, rules.subtract, rules.negative, rules.fsum, rules.mean)


def _agree(a: Array, b: Array) -> bool:
    if not numpy.isfinite(b).all():
        return bool(numpy.array_equal(a, b, equal_nan=True))
    loss = abs(a[0] - b[0]) <= TOLERANCE * abs(b[0])
    largest = numpy.abs(b[1:]).max(initial=0.0)
    return bool(loss and (numpy.abs(a[1:] - b[1:]) <= TOLERANCE * largest).all())


# --- The whole batch ------------------------------------------------------------------------------


class _Failed(RecordingError):
    """Model or loss raised an error on a recorded batch; it is the cause."""


class _ByBatch(_Recorder):
    """The program of a whole batch, one for each nesting of it and path through it."""

    def __init__(self, step: CompiledStep) -> None:
        backend = step.backend
        if backend == "auto":
            backend = "native" if backends.native_available() else "python"
        super().__init__(step, self._all, backend, max_paths=MOST_PATHS)
        self._draws: dict[Any, Draws] = {}
        self._wrt: Wrt | None = None
        self._latest_updates: list[tuple[Update, int]] = []
        self._updates: dict[int, list[tuple[Update, int]]] = {}  # by the recording's id
        self._steps = 0

    def _all(self, features: Any, targets: Any, noise: Sequence[Any]) -> Any:
        try:
            with witnessed(Effects(noise)) as effects:
                loss, outputs = self._step.forward(features, targets)
        except RecordingError:
            raise
        except Exception as error:
            raise _Failed("compile_step: model or loss failed") from error
        if sum(count for _, count in effects.draws) != len(noise):
            raise RecordingError("the model draws another number of random numbers than before")
        self._latest_updates = [(update, len(numbers)) for update, numbers in effects.updates]
        return loss, outputs, [list(numbers) for _, numbers in effects.updates]

    def draws_of(self, batch: _Batch) -> Draws:
        """What the layers draw, in their order."""
        lists = batch.lists
        key: Any = (len(batch), batch.shapes)
        if batch.rows is None:
            key = arguments.key(_nesting_of(lists))
        draws = self._draws.get(key)
        if draws is None:
            self._step.write_back()
            with witnessed(Effects()) as effects, no_grad():
                self._step.forward(*lists)
            draws = self._draws[key] = effects.draws
        return draws

    def recording(self, batch: _Batch, noise: Sequence[float]) -> Recording:
        """A recording of the batch, to look at."""
        signature, numbers = self._plain("compile_step", (*batch.lists, list(noise)))
        return Compiled._recorded(self, signature, numbers)

    def run(
        self, batch: _Batch, noise: Sequence[float], keep_outputs: bool
    ) -> tuple[float, Array, list[tuple[Update, Sequence[float]]]]:
        if self.recordings > 16 and 2 * self.recordings > self._steps:
            raise RecordingError(
                "compile_step: nearly each batch takes another way through model and loss, so that "
                "there is nothing to replay: where(condition, a, b) in place of if would help"
            )
        self._step.write_back()
        signature, numbers = self._plain("compile_step", (*batch.lists, list(noise)))
        if self._wrt is None:
            self._wrt = Wrt("compile_step", self._step._params, signature)
        results, path = self._run(signature, numbers, ("gradient", "step"), self._wrt)
        self._steps += 1
        nesting = path.recording.nesting
        _, outputs, kept = nesting.children
        count = len(self._step._params)
        gradient = numpy.array(results[1 : 1 + count], float) + 0.0
        rest = results[1 + count :]
        if keep_outputs:
            self._step.outputs = as_lists(outputs.fill(list(rest[: outputs.size])))
        updates = []
        start = outputs.size
        for update, size in self._updates[id(path.recording)] if kept.size else ():
            updates.append((update, rest[start : start + size]))
            start += size
        return float(results[0]), gradient, updates

    def _recorded(self, signature: Signature, numbers: Sequence[float]) -> Recording:
        recording = super()._recorded(signature, numbers)
        self._updates[id(recording)] = self._latest_updates
        return recording

    def _compiled(self, signature: Signature, path: Path, kind: Any, wrt: Any, strict: bool) -> Any:
        recording = path.recording
        slots = signature.slots_of_values(self._step._params, recording)
        outputs = len(recording.tape.outputs)

        def interpreted() -> Any:
            from autograd_scalar.tape.native import interpreter

            program = interpreter.Program(backends.with_guards(recording.tape))
            used = [slot for slot in slots if slot is not None]

            def run(numbers: Sequence[float]) -> list[float]:
                found, gradient = program.outputs_and_gradient(numbers, 0, used)
                parts = iter(gradient)
                every = [0.0 if slot is None else next(parts) for slot in slots]
                return [found[0], *every, *found[1:]]

            return run

        return backends.Program(
            lambda: _joint(recording, slots, strict, outputs - 1),
            self._options,
            interpreted,
            recording.tape,
        )


def _nesting_of(lists: Any) -> Any:
    return flatten(list(lists), "compile_step: the batch")[1]


def _joint(recording: Recording, slots: Sequence[int | None], strict: bool, others: int) -> Tape:
    """The program of loss and gradient, of so many of the other outputs, and of the guards."""
    tape = recording.tape
    joint = value_and_gradient(tape, slots, strict=strict, positive_zeros=False)
    outputs = [*joint.outputs, *tape.outputs[1 : 1 + others]]
    return backends.with_guards(joint.replaced(outputs=outputs))


# --- What model and loss read besides their arguments ---------------------------------------------


_PLAIN = (int, float, bool, str, type(None))


class _Surroundings:
    """Settings of modules, and numbers in variables that functions of the user's read."""

    def __init__(self, model: Any, loss: Any) -> None:
        self._modules = [
            m for thing in (model, loss) if isinstance(thing, Module) for m in thing.modules()
        ]
        functions = [thing for thing in (model, loss) if not isinstance(thing, Module)]
        kinds = {type(module): module for module in self._modules}
        functions += [module.forward for module in kinds.values()]
        self._environments = [Environment(function) for function in functions]
        self._settings = self._found()

    def _found(self) -> dict[tuple[int, str], Any]:
        return {
            (place, name): item
            for place, module in enumerate(self._modules)
            for name, item in (*vars(module).items(), ("training", module.training))
            if isinstance(item, _PLAIN) and name not in module.buffer_names
        }

    def changed(self) -> bool:
        """Whether something is not as it was."""
        if any(environment.changed() is not None for environment in self._environments):
            return True
        now = self._found()
        return any(key not in now or not _same(now[key], x) for key, x in self._settings.items())

    def forget_changed(self) -> None:
        """Watch no more what has changed."""
        for environment in self._environments:
            environment.forget_changed()
        now = self._found()
        self._settings = {
            key: x for key, x in self._settings.items() if key in now and _same(now[key], x)
        }

    def refuse_hooks(self) -> None:
        """Raise RecordingError if a module has forward hooks."""
        for module in self._modules:
            if module._forward_hooks:
                raise RecordingError(
                    f"compile_step: {module.summary()} has forward hooks, which would not be called"
                )


def _same(a: Any, b: Any) -> bool:
    return a is b or (type(a) is type(b) and (a == b or (a != a and b != b)))
