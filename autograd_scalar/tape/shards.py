"""A batch on many workers: cut into shards, sent to an executor, and put together again.

The executor is any ``concurrent.futures.Executor``: threads or processes of this computer, Dask's
``client.get_executor()``, ``mpi4py.futures.MPIPoolExecutor``. What travels is a tape, once for each
worker, and numbers.

How a batch is cut depends on the program alone, and the sums of the shards are added in order. So
the bits are the same on any number of workers, in whatever order they finish. That holds where the
installations are equal: another backend adds in another order, another C library or NumPy may round
exp or sin otherwise.

A worker that dies costs the shards it was at, and these are computed again elsewhere.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import threading
import traceback
import warnings
from array import array
from collections import Counter, deque
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, wait
from copy import copy
from functools import cached_property
from importlib import import_module

from autograd_scalar.primitives import described
from autograd_scalar.tape import backends
from autograd_scalar.tape.program import Tape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from concurrent.futures import Future
    from typing import Any

    import numpy
    from numpy.typing import NDArray

    Array = NDArray[numpy.float64]
    Results = tuple[Array, Array]

WORK = 2**26
"""Operations in a shard, about: 0.1 s in NumPy, a few ms in machine code; to send it takes one."""

MOVED = 64
"""A number that is sent counts as so many operations; so a shard has at most 8 MB of them."""

FEWEST = 256
"""Examples in a shard, at least."""

PER_WORKER = 3
"""Shards with an executor at the same time: one is computed, and others are there when it is."""

SMALL = 2**15
"""A program of at most so many bytes goes along with every shard."""

KEPT = 64
"""Compiled programs that a worker keeps."""


class Sharded:
    """A program over a batch, here or on the workers of an executor.

    >>> import numpy
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from autograd_scalar.tape.backends import Options
    >>> from autograd_scalar.tape.variables import Builder
    >>> builder = Builder(2)
    >>> w, x = builder.inputs
    >>> program = Sharded(builder.tape([w * x, x * x]), [1], [1], Options("python"), shard=2)
    >>> columns = numpy.array([[1.0], [2.0], [3.0]])
    >>> with ThreadPoolExecutor() as executor:
    ...     sums, rows = program([10.0], columns, executor)
    >>> sums, rows.T
    (array([14.]), array([[10., 20., 30.]]))

    Attributes:
        shard: how many examples a shard has; the last one may have less.
        tape, backend, sizes, seconds: of the program in this process, as of ``BatchProgram``.

    Args:
        tape: the program; its guards are not looked at.
        batched: the inputs that differ from example to example.
        summed: the outputs that are summed over the batch; the others are rows.
        options: how to optimise and compile. On workers "auto" is "native" if that is installed
            here; and "native" is "python" where it is not installed there.
        shard: how many examples; None for as many as suit the size of the program.
        retries: how often a shard is sent again after it was lost.

    Raises ValueError for a ``shard`` below 1 or ``retries`` below 0.
    """

    def __init__(
        self,
        tape: Tape,
        batched: Iterable[int],
        summed: Iterable[int],
        options: backends.Options,
        *,
        shard: int | None = None,
        retries: int = 3,
    ) -> None:
        self._tape = tape
        self._batched, self._summed = sorted(batched), sorted(summed)
        self._options = options
        self._width = len(tape.outputs) - len(self._summed)
        if shard is None:
            shard = _fitting(len(tape) + MOVED * (len(self._batched) + self._width))
        self.shard = _whole("shard", shard, 1)
        self._retries = _whole("retries", retries, 0)
        self._sent = 0  # how often the program has gone along with a shard

    def __call__(
        self, shared: Sequence[float], columns: Array, executor: Executor | None = None
    ) -> Results:
        """The sums over the batch, of shape (summed,), and the rows, (examples, other outputs).

        Args:
            shared: the inputs that are not batched, in order.
            columns: the others, of shape (examples, batched).
            executor: who computes it; None for this process.

        Raises:
            TypeError: for what is no executor.
            RuntimeError: if the executor is shut down, or has lost the same shard too often.
            Exception: whatever the program raises, on a worker with the trace there as a note.
        """
        require_executor("executor", executor)
        if executor is None and (len(columns) <= self.shard or self._is_one_piece):
            return self.here(shared, columns)
        total = _Total(len(columns), self.shard, len(self._summed), self._width)
        if executor is None:
            self._finish(self.here, shared, columns, total, range(total.shards))
        else:
            missing = self._on(executor, array("d", shared), columns, total)
            if missing:
                self._finish(self._as_there, shared, columns, total, missing)
        return total.sums, total.rows

    @cached_property
    def here(self) -> backends.BatchProgram:
        """What runs it in this process when there is no executor."""
        return backends.BatchProgram(self._tape, self._batched, self._summed, self._options)

    @property
    def _is_one_piece(self) -> bool:
        """Whether no sums depend on shards, and machine code itself works in small tiles."""
        return not self._summed and self.here.backend == "machine code"

    @property
    def tape(self) -> Tape:
        return self.here.tape

    @property
    def backend(self) -> str:
        return self.here.backend

    @property
    def sizes(self) -> dict[str, int]:
        return self.here.sizes

    @property
    def seconds(self) -> float:
        return self.here.seconds

    @cached_property
    def _as_there(self) -> backends.BatchProgram:
        """What runs it in this process when the executor can't."""
        same = self._options.backend == self._to_send[-1].backend
        return self.here if same else backends.BatchProgram(*self._to_send)

    @cached_property
    def _to_send(self) -> tuple[Tape, list[int], list[int], backends.Options]:
        """The program, on a backend which is the same on all workers at all times."""
        backend = "native" if self._options.may_be_native else "python"
        return _bare(self._tape), self._batched, self._summed, _on_backend(self._options, backend)

    @cached_property
    def _packed(self) -> bytes:
        """The program, and first of all the modules that have to be imported to unpickle it."""
        modules = sorted({primitive.__module__ for primitive in self._to_send[0].primitives})
        return pickle.dumps((modules, pickle.dumps(self._to_send)))

    @cached_property
    def _key(self) -> bytes:
        return hashlib.sha256(self._packed).digest()

    def _part(self, columns: Array, place: int) -> Array:
        return columns[place * self.shard : (place + 1) * self.shard]

    def _finish(
        self,
        run: backends.RunBatch,
        shared: Sequence[float],
        columns: Array,
        total: _Total,
        places: Iterable[int],
    ) -> None:
        """Compute these shards in this process."""
        for place in places:
            total.put(place, run(shared, self._part(columns, place)))

    def _on(
        self, executor: Executor, shared: array[float], columns: Array, total: _Total
    ) -> list[int]:
        """Have the shards computed; left over are those that a broken executor did not get to."""
        workers = _workers(executor)
        todo = deque(range(total.shards))
        running: dict[Future[Any], int] = {}
        lost: Counter[int] = Counter()
        asked_for: set[int] = set()  # shards that came to a worker which has no program
        broken: BaseException | None = None
        try:
            while running or (todo and broken is None):
                while todo and broken is None and len(running) < PER_WORKER * workers:
                    place = todo.popleft()
                    packed = None
                    if len(self._packed) <= SMALL or self._sent < workers or place in asked_for:
                        packed = self._packed
                        self._sent += 1
                    task = (self._key, packed, shared, self._part(columns, place))
                    try:
                        running[_submitted(executor, task)] = place
                    except BrokenExecutor as error:
                        broken = error
                        todo.appendleft(place)
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    place = running.pop(future)
                    try:
                        answer = future.result()
                    except BrokenExecutor as error:
                        broken = error
                        todo.append(place)
                    except Exception as error:  # not the program's: those come as a _Failure
                        lost[place] += 1
                        if lost[place] > self._retries:
                            raise self._given_up(place, lost[place], error) from error
                        todo.appendleft(place)
                    else:
                        if isinstance(answer, _Failure):
                            raise answer.error
                        if answer is None:
                            asked_for.add(place)
                            todo.appendleft(place)
                        else:
                            total.put(place, answer)
        finally:
            for future in running:
                future.cancel()
        if broken is not None and todo:
            warnings.warn(
                f"a worker of the executor has died ({broken}), and it takes no more work: what is "
                f"left of the batch, {len(todo)} of {total.shards} shard(s), is computed in this "
                "process",
                RuntimeWarning,
                stacklevel=6,  # where the batch was asked for
            )
        return sorted(todo)

    def _given_up(self, place: int, times: int, error: Exception) -> RuntimeError:
        first = place * self.shard
        return RuntimeError(
            f"the executor has lost the examples from {first} on, {self.shard} at most, {times} "
            f"times, the last time by {described(error)}"
        )


class _Total:
    """Sums and rows of a batch, put together from shards that come in any order."""

    def __init__(self, examples: int, shard: int, summed: int, width: int) -> None:
        import numpy

        self.shards = -(-examples // shard)
        self.sums: Array = numpy.zeros(summed)
        self.rows: Array = numpy.empty((examples, width), order="F")  # they are read by column
        self._shard = shard
        self._early: dict[int, Array] = {}
        self._next = 0

    def put(self, place: int, results: Results) -> None:
        sums, self.rows[place * self._shard : (place + 1) * self._shard] = results
        self._early[place] = sums
        while self._next in self._early:
            self.sums += self._early.pop(self._next)
            self._next += 1


# --- In a worker ----------------------------------------------------------------------------------


class _Failure:
    """An exception of the program's on its way home: what a future raises is the executor's."""

    def __init__(self, error: Exception) -> None:
        text = "".join(traceback.format_exception(error)).rstrip()
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            error = RuntimeError(f"{error.__class__.__name__}: {error}")
        error.add_note(f"Raised in a worker:\n{text}")
        self.error = error


def _run(
    key: bytes, packed: bytes | None, shared: array[float], columns: Array
) -> Results | _Failure | None:
    """The results for a shard; None if the program did not come along and is not here either."""
    try:
        program = _program(key, packed)
        return None if program is None else program(shared, columns)
    except Exception as error:
        return _Failure(error)


_programs: dict[bytes, backends.RunBatch] = {}
_lock = threading.Lock()


def _program(key: bytes, packed: bytes | None) -> backends.RunBatch | None:
    """The program of that key, compiled once; None if it is unknown and does not come along."""
    with _lock:
        program = _programs.pop(key, None)
        if program is None:
            if packed is None:
                return None
            modules, pickled = pickle.loads(packed)
            for module in modules:
                import_module(module)
            tape, batched, summed, options = pickle.loads(pickled)
            program = backends.BatchProgram(tape, batched, summed, options_here(options))
        _programs[key] = program  # behind all others: the first is the one to forget
        if len(_programs) > KEPT:
            del _programs[next(iter(_programs))]
        return program


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # another thread may hold it, and has no copy in the child
    os.register_at_fork(after_in_child=_renew_lock)


def options_here(options: backends.Options) -> backends.Options:
    """Options that come from another process, for this one.

    Where the backend "native" is not installed it becomes "python", with a RuntimeWarning.

    >>> options_here(backends.Options("python")).backend
    'python'
    """
    if options.backend != "native" or backends.native_available():
        return options
    warnings.warn(
        "the backend 'native' is not installed in this process, and 'python' runs in its place: "
        'slower, and exp or sin may differ in the last bits; pip install "autograd_scalar[native]"',
        RuntimeWarning,
        stacklevel=2,
    )
    return _on_backend(options, "python")


def _on_backend(options: backends.Options, backend: str) -> backends.Options:
    found = copy(options)
    found.backend = backend
    return found


# --- Executors ------------------------------------------------------------------------------------


def require_executor(what: str, executor: Any) -> None:
    """Raise TypeError, beginning with ``what``, for what is neither an executor nor None."""
    if executor is None or isinstance(executor, Executor):
        return
    hint = "; of a Dask client take client.get_executor()"
    raise TypeError(
        f"{what} must be a concurrent.futures.Executor or None, not "
        f"{described(executor)}{hint if hasattr(executor, 'get_executor') else ''}"
    )


def _submitted(executor: Executor, task: tuple[Any, ...]) -> Future[Any]:
    try:
        return executor.submit(_run, *task)
    except BrokenExecutor:
        raise
    except RuntimeError as error:
        raise RuntimeError(
            f"the executor {described(executor)} takes no work, it has been shut down: "
            f"keep it open until the batch is computed ({error})"
        ) from error


def _workers(executor: Executor) -> int:
    """How many shards it computes at once, as far as it tells: there is no common way to ask."""
    client: Any = getattr(executor, "_client", None)
    if hasattr(client, "nthreads"):  # Dask's
        return sum(client.nthreads().values()) or 1
    known = getattr(executor, "num_workers", None) or getattr(executor, "_max_workers", None)
    return known or os.cpu_count() or 1


# --- Details --------------------------------------------------------------------------------------


def _bare(tape: Tape) -> Tape:
    """Without what only people read, which makes it smaller, and equal programs equal."""
    return tape.replaced(guards=(), labels={})


def _fitting(operations: int) -> int:
    """How many examples a shard has, with so many operations each: a power of two.

    >>> [_fitting(n) for n in (1, 1000, 10**6)]
    [67108864, 65536, 256]
    """
    count = max(WORK // max(operations, 1), FEWEST)
    return int(2 ** (count.bit_length() - 1))


def _whole(name: str, number: Any, least: int) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < least:
        raise ValueError(f"{name} must be an int of at least {least}, not {number!r}")
    return number
