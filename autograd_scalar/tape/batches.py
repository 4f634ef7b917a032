"""Compiled functions over a batch: many examples at once, each on the path that it takes."""

from __future__ import annotations

import numpy

from autograd_scalar.nesting import Nesting
from autograd_scalar.primitives import described
from autograd_scalar.tape import backends, derivatives
from autograd_scalar.tape.arguments import place_of
from autograd_scalar.tape.program import Tape
from autograd_scalar.tape.shards import Sharded, require_executor
from autograd_scalar.tape.verification import verify

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor
    from typing import Any

    from numpy.typing import NDArray

    from autograd_scalar.tape.compiled import Compiled
    from autograd_scalar.tape.paths import Path

    Array = NDArray[numpy.float64]
    Indices = NDArray[numpy.intp] | slice

REDUCTIONS = (None, "sum", "mean")


class Batch:
    """The arguments of one call: what all examples share, and a row of numbers for each.

    Attributes:
        signature: of one example's arguments.
        batched: slots of the inputs that differ from example to example.
        columns: their numbers, of shape (examples, batched).
        shared: the numbers of the other arguments.
        executor: who computes it; None for this process.
    """

    def __init__(
        self,
        name: str,
        function: Compiled,
        args: Sequence[Any],
        batched: Any,
        executor: Executor | None = None,
    ) -> None:
        require_executor(f"{name}: executor", executor)
        self.executor = executor
        positions = _batched_positions(name, batched, len(args))
        arrays = {p: _array(name, p, args[p]) for p in positions}
        lengths = {p: len(array) for p, array in arrays.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(
                f"{name}: the batched arguments must be of one length, not of "
                + ", ".join(f"{n} (argument {p})" for p, n in lengths.items())
            )
        if not all(lengths.values()):
            raise ValueError(f"{name}: the batch must have at least one example")
        example = list(args)
        for p, array in arrays.items():
            example[p] = array[0] if array.ndim > 1 else float(array[0])
        self.function = function
        self.signature, numbers = function._plain(name, tuple(example))
        self.batched = [s for p in sorted(arrays) for s in self.signature.slots(p)]
        in_batch = set(self.batched)
        self.shared = [x for s, x in enumerate(numbers) if s not in in_batch]
        rows = [array.reshape(len(array), -1) for _, array in sorted(arrays.items())]
        self.columns: Array = rows[0] if len(rows) == 1 else _beside(rows)
        self.positions = set(arrays)

    def __len__(self) -> int:
        """How many examples there are."""
        return len(self.columns)

    def numbers(self, example: int) -> list[float]:
        """All arguments of an example."""
        mixed = iter(self.shared)
        own = dict(zip(self.batched, self.columns[example].tolist(), strict=True))
        count = self.signature.starts[-1]
        return [own[s] if s in own else next(mixed) for s in range(count)]

    def run(
        self, kind: Any, make: Callable[[Path, bool], Tape], summed: Sequence[int], width: int
    ) -> tuple[Array, Array, Path]:
        """Sums over the batch, and rows of the ``width`` other outputs; and a path that was taken.

        Examples are grouped by the path that they take.
        """
        parts: list[tuple[int, Array]] = []
        rows: Array | None = None
        paths = self.signature.paths
        todo: list[tuple[Indices, Path | None, int]] = [(slice(None), paths.latest, 0)]
        taken = None
        while todo:
            chosen, path, tries = todo.pop()
            columns = self.columns[chosen]
            if path is None or tries > len(paths) + 1:
                numbers = self.numbers(_first(chosen))
                path = paths.add(self.function._recorded(self.signature, numbers))
                if tries > len(paths) + 1:  # guards that are as good as ties: by what Python said
                    rest = numpy.arange(len(self))[chosen]
                    if len(rest) > 1:
                        todo.append((rest[1:], path, tries))
                    chosen, columns = rest[:1], columns[:1]
            program = self._program(path, kind, make, summed, strict=False)
            found_sums, found = program(self._shared(path), columns)
            outcomes = path.recording.outcomes
            if outcomes and tries <= len(paths) + 1:
                same = (found[:, width:] != 0.0) == numpy.array(outcomes)
                right = same.all(axis=1)
                if not right.all():
                    indices = numpy.arange(len(self))[chosen]
                    places = numpy.where(right, -1, numpy.argmin(same, axis=1))
                    for place in numpy.unique(places[~right]).tolist():
                        others = indices[places == place]
                        todo.append((others, paths.after(path, place), tries + 1))
                    if not right.any():
                        continue
                    chosen, columns, found = indices[right], columns[right], found[right]
                    if summed:
                        found_sums, found = program(self._shared(path), columns)
            if kind != "value" and (
                numpy.isnan(found_sums).any() or numpy.isnan(found[:, :width]).any()
            ):
                program = self._program(path, kind, make, summed, strict=True)
                found_sums, found = program(self._shared(path), columns)
            parts.append((_first(chosen), found_sums))
            if isinstance(chosen, slice):  # all went this way
                rows = found[:, :width]
            else:
                if rows is None:
                    rows = numpy.empty((len(self), width), order="F")  # it is read by column
                rows[chosen] = found[:, :width]
            self._check(path, chosen)
            paths.touch(path)
            if taken is not None and taken.recording.nesting is not path.recording.nesting:
                _require_same(taken.recording.nesting, path.recording.nesting)
            taken = path
        assert taken is not None
        assert rows is not None
        sums = numpy.zeros(len(summed))
        for _, part in sorted(parts, key=lambda part: part[0]):  # whichever path was known first
            sums += part
        return sums, rows, taken

    def _shared(self, path: Path) -> Sequence[float]:
        captured = path.recording.captured
        return [*self.shared, *[value.data for value in captured]] if captured else self.shared

    def _program(
        self,
        path: Path,
        kind: Any,
        make: Callable[[Path, bool], Tape],
        summed: Sequence[int],
        *,
        strict: bool,
    ) -> backends.RunBatch:
        key = ("batch", kind, tuple(self.batched), tuple(summed), strict)
        program = path.programs.get(key)
        if program is None:
            options = self.function._options
            tape = make(path, strict)
            program = path.programs[key] = Sharded(tape, self.batched, summed, options)
        self.function.ran(path)
        return lambda shared, columns: program(shared, columns, self.executor)

    def _check(self, path: Path, chosen: Indices) -> None:
        if path.checked or not self.function._check:
            return
        last = len(self) - 1 if isinstance(chosen, slice) else int(chosen[-1])
        numbers = self.numbers(last)
        if numbers != path.recording.numbers:
            verify(self.function._f, self.signature, path, numbers)
            path.checked = True

    def nested(self, columns: Sequence[Array], nesting: Nesting) -> Any:
        """A column of numbers for each number of the nesting, nested so."""

        def make(items: Sequence[Array], leaf: Nesting) -> Any:
            if leaf.shape is None:
                return items[0]
            shape = (len(self), *leaf.shape)
            return numpy.stack(items, axis=1).reshape(shape) if items else numpy.empty(shape)

        return nesting.fill_leaves(columns, make)


def _beside(parts: Sequence[Array]) -> Array:
    """Tables side by side; columns stay columns in memory, where there is nothing else."""
    if any(part.shape[1] > 1 for part in parts):
        return numpy.concatenate(parts, axis=1)
    table = numpy.empty((len(parts[0]), len(parts)), order="F")
    for k, part in enumerate(parts):
        table[:, k] = part[:, 0]
    return table


def _first(chosen: Indices) -> int:
    """The first of these examples; a slice is all of them."""
    return 0 if isinstance(chosen, slice) else int(chosen[0])


def values(function: Compiled, args: Sequence[Any], batched: Any, executor: Executor | None) -> Any:
    """``Compiled.batch``."""
    batch = Batch("batch", function, args, batched, executor)

    def make(path: Path, strict: bool) -> Tape:
        return backends.with_guards(path.recording.tape)

    known = batch.signature.paths.latest or batch.signature.paths.add(
        function._recorded(batch.signature, batch.numbers(0))
    )
    _, rows, path = batch.run("value", make, (), known.recording.nesting.size)
    return batch.nested([rows[:, i] for i in range(rows.shape[1])], path.recording.nesting)


def value_and_gradient(
    function: Compiled,
    args: Sequence[Any],
    batched: Any,
    wrt: Any,
    reduce: str | None,
    executor: Executor | None,
) -> tuple[Any, Any]:
    """``Compiled.batch_value_and_grad``."""
    name = "batch_value_and_grad"
    if reduce not in REDUCTIONS:
        raise ValueError(f"{name}: reduce must be None, 'sum' or 'mean', not {reduce!r}")
    batch = Batch(name, function, args, batched, executor)
    by = batch.signature.wrt(name, wrt)
    # Of the outputs [value, *gradient]: those that are summed, and those that stay rows.
    if reduce is None:
        in_rows = [True] * (1 + by.nesting.size)
    else:
        own = [p in batch.positions for p in by.positions for _ in batch.signature.slots(p)]
        in_rows = [False, *(own if by.values is None else [False] * by.nesting.size)]
    summed = [i for i, row in enumerate(in_rows) if not row]
    single = [i for i, row in enumerate(in_rows) if row]

    def make(path: Path, strict: bool) -> Tape:
        function._require_single(name, path.recording.nesting)
        slots = by.slots(batch.signature, path.recording)
        return backends.with_guards(
            derivatives.value_and_gradient(path.recording.tape, slots, strict=strict)
        )

    sums, rows, _ = batch.run(("gradient", by.key), make, summed, len(single))
    if reduce == "mean":
        sums /= len(batch)
        rows /= len(batch)
    found: dict[int, Any] = dict(zip(summed, sums.tolist(), strict=True))
    found.update({i: rows[:, place] for place, i in enumerate(single)})
    value = found.pop(0)
    numbers = [found[i] for i in range(1, len(in_rows))]
    if reduce is None:
        return value, batch.nested(numbers, by.nesting)
    if by.values is not None:
        return value, by.nesting.fill(numbers)
    gradients = []
    start = 0
    for position in by.positions:
        nesting = batch.signature.nesting.children[position]
        part = numbers[start : start + nesting.size]
        start += nesting.size
        is_own = position in batch.positions
        gradients.append(batch.nested(part, nesting) if is_own else nesting.fill(part))
    return value, gradients[0] if by.single else tuple(gradients)


def _batched_positions(name: str, batched: Any, count: int) -> list[int]:
    every = batched if isinstance(batched, (tuple, list, range)) else (batched,)
    found = []
    for position in every:
        if isinstance(position, bool) or not isinstance(position, int):
            raise TypeError(f"{name}: batched must be an int or a tuple of ints, not {batched!r}")
        found.append(place_of(name, position, count))
    if not found or len(set(found)) < len(found):
        raise ValueError(f"{name}: batched must be different positions, at least one: {batched!r}")
    return found


def _array(name: str, position: int, argument: Any) -> Array:
    if not isinstance(argument, numpy.ndarray) or argument.dtype.kind not in "biuf":
        raise TypeError(
            f"{name}: argument {position} is batched, and must be a NumPy array of numbers, not "
            f"{described(argument)}"
        )
    if not argument.ndim:
        raise ValueError(f"{name}: argument {position} is batched, and must have a leading axis")
    return numpy.ascontiguousarray(argument, float)


def _require_same(a: Nesting, b: Nesting) -> None:
    if difference := a.difference(b, "the result"):
        raise ValueError(f"batch: the examples take paths with unlike results: {difference}")
