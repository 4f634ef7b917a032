"""``jit``'s answer: a function that is recorded once for every path, and replayed.

A call takes its arguments apart into numbers, replays the tape of the path that was taken last, and
looks whether its guards came out as recorded. If not it tries the path that they point to, or runs
the function itself once more and keeps what it did.
"""

from __future__ import annotations

import inspect
import sys
from functools import update_wrapper

from autograd_scalar import modes
from autograd_scalar.arithmetic import Layered
from autograd_scalar.nesting import Nesting, flatten, nest_matrix
from autograd_scalar.nesting import paths as paths_of
from autograd_scalar.primitives import described, detached
from autograd_scalar.tape import arguments, backends
from autograd_scalar.tape.environment import Environment
from autograd_scalar.tape.passes import PASSES
from autograd_scalar.tape.paths import Path, Paths, first_other
from autograd_scalar.tape.program import Tape
from autograd_scalar.tape.ready import Ready
from autograd_scalar.tape.recording import Recording, record, recording
from autograd_scalar.tape.source import source
from autograd_scalar.tape.stats import Stats, title
from autograd_scalar.tape.verification import verify
from autograd_scalar.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Executor
    from typing import Any

    Positions = int | tuple[int, ...]


class Signature:
    """One nesting of arguments: how to take it apart, and the paths that were found for it."""

    def __init__(self, nesting: Nesting, labels: list[str], limit: int, name: str) -> None:
        self.nesting = nesting
        self.labels = labels
        self.pack = arguments.packer(nesting)
        self.paths = Paths(limit, name)
        self.starts = [0]
        for child in nesting.children:
            self.starts.append(self.starts[-1] + child.size)
        self.positions: dict[Any, Wrt] = {}

    def slots(self, position: int) -> range:
        """The inputs that the argument at a position is."""
        return range(self.starts[position], self.starts[position + 1])

    def slots_of_values(self, values: Iterable[Value], recording: Recording) -> list[int | None]:
        """The inputs that Values from outside are; None for one that the recording does not use."""
        first = self.starts[-1]
        places = {id(value): first + i for i, value in enumerate(recording.captured)}
        return [places.get(id(value)) for value in values]

    def wrt(self, name: str, wrt: Any) -> Wrt:
        """What is meant by ``wrt``; positions are looked at once."""
        if not arguments.are_positions(wrt):
            return Wrt(name, wrt, self)
        found = self.positions.get(wrt)
        if found is None:
            found = self.positions[wrt] = Wrt(name, wrt, self)
        return found


class Wrt:
    """What is differentiated by: arguments, or Values that the function finds outside of them.

    Attributes:
        positions: of the arguments.
        values: the Values, None for arguments.
        nesting: of a gradient.
        key: the same for the same derivative.
        gradient: the kind of program that computes the gradient.
        unpack: nests the numbers of a gradient.
    """

    def __init__(self, name: str, wrt: Any, signature: Signature) -> None:
        self.positions: tuple[int, ...] = ()
        self.values: list[Value] | None = None
        count = len(signature.nesting.children)
        every = wrt if isinstance(wrt, (tuple, list)) else (wrt,)
        if not every or not all(isinstance(p, int) and not isinstance(p, bool) for p in every):
            self._by_values(name, wrt)
            return
        self.positions = tuple([arguments.place_of(name, p, count) for p in every])
        if len(set(self.positions)) < len(every):
            raise ValueError(f"{name}: wrt has an argument twice: {wrt}")
        children = [signature.nesting.children[p] for p in self.positions]
        self.single = every is not wrt
        self.nesting = children[0] if self.single else _tuple_of(children)
        self.key: Any = (self.single, self.positions)
        self.gradient = ("gradient", self.key)
        self.unpack = arguments.unpacker(self.nesting)

    def _by_values(self, name: str, wrt: Any) -> None:
        what = f"{name}: wrt"
        try:
            values, self.nesting = flatten(wrt, what)
        except TypeError:
            values = [None]
        if not all(isinstance(value, Value) for value in values):
            raise TypeError(
                f"{what} must be the position of an argument, a tuple of positions, or Values that "
                f"the function uses, a model's parameters, not {described(wrt)}"
            )
        self.values = values
        self.key = tuple(map(id, values))
        self.gradient = ("gradient", self.key)
        self.unpack = arguments.unpacker(self.nesting)

    def slots(self, signature: Signature, recording: Recording) -> list[int | None]:
        """The inputs of a recording that they are; None for a Value that it does not use."""
        if self.values is None:
            return [s for p in self.positions for s in signature.slots(p)]
        return signature.slots_of_values(self.values, recording)


def _tuple_of(children: Sequence[Nesting]) -> Nesting:
    return Nesting(tuple, range(len(children)), children, size=sum(c.size for c in children))


class Compiled:
    """A function of numbers, recorded and replayed; see ``autograd_scalar.jit``, which makes it."""

    def __init__(
        self,
        f: Callable[..., Any],
        backend: str = "auto",
        *,
        passes: Iterable[str] | None = None,
        contract: bool = False,
        memory: int | None = None,
        check: bool = True,
        max_paths: int = 64,
    ) -> None:
        if not callable(f):
            raise TypeError(f"jit: f must be a function, not {described(f)}")
        if isinstance(max_paths, bool) or not isinstance(max_paths, int) or max_paths < 1:
            raise ValueError(f"jit: max_paths must be an int of at least 1, not {max_paths!r}")
        self._f = f
        self._options = backends.Options(
            backend, tuple(PASSES) if passes is None else tuple(passes), contract, memory
        )
        self._check = check
        self._max_paths = max_paths
        self._signatures: dict[Any, Signature] = {}
        self._glanced: dict[Any, Signature] = {}  # for each look of arguments the last such
        self._latest: Signature | None = None
        self._environment = Environment(f)
        self._path: Path | None = None  # that was run last, for those who ask how
        self._ready = Ready(self, self._environment)
        self.__name__ = getattr(f, "__name__", None) or repr(f)
        update_wrapper(self, f, updated=())

    # --- Calls ---

    def __call__(self, *args: Any) -> Any:
        """What the function gives for these arguments, as plain floats."""
        if modes.recorder is not None and recording():
            return self._f(*args)  # as a part of the function that is being recorded
        found = self._ready.call("value", None, args)
        if found is not None:
            return found
        signature, numbers = self._taken_apart(args)
        if numbers is None:
            return self._f(*args)  # on dual numbers, say: on what carries more than numbers
        results, path = self._run(signature, numbers, _VALUE)
        self._get_ready("value", None, signature, path, _VALUE)
        return path.unpack(results[: path.recording.nesting.size])

    def value_and_grad(self, *args: Any, wrt: Any = 0) -> tuple[float, Any]:
        """The result, one number, and its gradient by the arguments at the positions ``wrt``.

        The gradient is nested as the argument, for a tuple of positions it is a tuple of them. For
        ``wrt`` there may also be Values, in any nesting, that the function finds outside of its
        arguments: ``wrt=model.parameters()``.

        Raises TypeError if the result is not one number, and IndexError for a position that there
        is not.
        """
        found: Any = self._ready.call("gradient", wrt, args)
        if found is not None:
            return found  # type: ignore[no-any-return]
        signature, numbers = self._plain("value_and_grad", args)
        by = signature.wrt("value_and_grad", wrt)
        results, path = self._run(signature, numbers, by.gradient, by)
        self._get_ready("gradient", wrt, signature, path, by.gradient, by)
        end = len(results) - len(path.recording.outcomes)
        return results[0], by.unpack(results[1:end])

    def jacobian(self, *args: Any, wrt: Any = 0) -> Any:
        """All derivatives of the results, nested as those of ``autograd_scalar.jacobian``.

        That is by the result first, and in the place of each of its numbers by what ``wrt`` names:
        of a function that gives a list, ``wrt=(0, 1)`` gives a list of pairs.

        ``wrt`` and errors are as of ``value_and_grad``.
        """
        found = self._ready.call("jacobian", wrt, args)
        if found is not None:
            return found
        signature, numbers = self._plain("jacobian", args)
        by = signature.wrt("jacobian", wrt)
        kind = ("jacobian", by.key)
        results, path = self._run(signature, numbers, kind, by)
        self._get_ready("jacobian", wrt, signature, path, kind, by)
        nesting = path.recording.nesting
        rows = _rows(results, nesting.size, by.nesting.size, nesting.size)
        return nest_matrix(rows, nesting, by.nesting)

    def hessian(self, *args: Any, wrt: Any = 0) -> Any:
        """The second derivatives of the result, nested as those of ``autograd_scalar.hessian``.

        ``wrt`` and errors are as of ``value_and_grad``.
        """
        found = self._ready.call("hessian", wrt, args)
        if found is not None:
            return found
        signature, numbers = self._plain("hessian", args)
        by = signature.wrt("hessian", wrt)
        kind = ("hessian", by.key)
        results, path = self._run(signature, numbers, kind, by)
        self._get_ready("hessian", wrt, signature, path, kind, by)
        size = by.nesting.size
        return nest_matrix(_rows(results, size, size, 0), by.nesting, by.nesting)

    def hvp(self, *args: Any, tangent: Any, wrt: Any = 0) -> Any:
        """The second derivatives of the result times a tangent, which is nested as ``wrt``.

        ``wrt`` and errors are as of ``value_and_grad``.
        """
        found = self._ready.call("hvp", wrt, (*args, tangent))
        if found is not None:
            return found
        signature, numbers = self._plain("hvp", args)
        by = signature.wrt("hvp", wrt)
        directions, _ = flatten(tangent, "hvp: tangent", by.nesting)
        more = [float(detached(x)) for x in directions]
        kind = ("hvp", by.key)
        results, path = self._run(signature, numbers, kind, by, more)
        self._get_ready("hvp", wrt, signature, path, kind, by)
        return by.unpack(results[: by.nesting.size])

    # --- Batches ---

    def batch(self, *args: Any, batched: Positions, executor: Executor | None = None) -> Any:
        """The results for many examples: the arguments at ``batched`` are NumPy arrays of them.

        Their leading axis counts the examples; the other arguments are shared. In place of each
        number of the result there is an array of shape (examples,), in place of an array one with
        a leading axis.

        executor: any ``concurrent.futures.Executor`` to compute it, shard by shard, on threads or
        processes here, or on a cluster (Dask's ``client.get_executor()``, mpi4py's
        ``MPIPoolExecutor``); the bits are the same on any number of workers, and a worker that dies
        costs only time. None computes it in this process.
        """
        from autograd_scalar.tape import batches

        return batches.values(self, args, batched, executor)

    def batch_value_and_grad(
        self,
        *args: Any,
        batched: Positions,
        wrt: Any = 0,
        reduce: str | None = None,
        executor: Executor | None = None,
    ) -> tuple[Any, Any]:
        """Values and gradients for many examples; see ``batch`` and ``value_and_grad``.

        reduce: None gives them for each example: in the place of each number of an argument an
        array of one number per example, and for an argument that is an array one array with the
        examples as its first axis. "sum" and "mean" give the value reduced over the batch and its
        gradient, added up on the way: by shared arguments nested as these, by batched ones with a
        row for each example.
        """
        from autograd_scalar.tape import batches

        return batches.value_and_gradient(self, args, batched, wrt, reduce, executor)

    # --- Pickling ---

    def __getstate__(self) -> dict[str, Any]:
        """What travels: function, options and recordings, but for those that use outside Values.

        Those are recorded anew: where they arrive the function finds Values of its own.
        """
        _name_wrapped(self._f, self)
        known = [] if self._environment.changed() is not None else self._signatures.values()
        return {
            "f": self._f,
            "options": self._options,
            "check": self._check,
            "max_paths": self._max_paths,
            "environment": self._environment.numbers(),
            "signatures": [
                (s.nesting, [p.recording for p in s.paths if not p.recording.captured])
                for s in known
            ],
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        from autograd_scalar.tape.shards import options_here

        self.__init__(  # type: ignore[misc]
            state["f"], check=state["check"], max_paths=state["max_paths"]
        )
        self._options = options_here(state["options"])
        if not self._environment.agrees(state["environment"]):
            return
        for nesting, recordings in state["signatures"]:
            signature = self._signature(nesting)
            for found in recordings:
                signature.paths.add(found)

    # --- What there is to see ---

    @property
    def tape(self) -> Tape:
        """What was recorded of the path that was taken last; printed it is a table.

        Raises ValueError before the first call, as do ``source`` and ``stats``.
        """
        return self._taken().recording.tape

    @property
    def source(self) -> str:
        """The programs of the path that was taken last, as Python, with your labels in it.

        The forward pass, and the backward pass if a gradient was asked for.
        """
        programs = self._taken().programs.items()
        return "\n\n\n".join(source(program.tape, title(kind)) for kind, program in programs) + "\n"

    def stats(self) -> Stats:
        """What was compiled: for each path and program nodes after each pass, bytes, seconds."""
        self._taken()
        return Stats(self.__name__, [signature.paths for signature in self._signatures.values()])

    def _taken(self) -> Path:
        if self._path is None:
            raise ValueError(f"{self.__name__} has not been called yet: there is no recording")
        for signature in self._signatures.values():
            for path in signature.paths:
                if id(path) == self._ready.last:
                    return path
        return self._path

    def ran(self, path: Path) -> None:
        """Note which path was run last."""
        self._path = path
        self._ready.last = 0

    # --- Arguments ---

    def _taken_apart(self, args: tuple[Any, ...]) -> tuple[Signature, list[float] | None]:
        signature = self._latest
        if signature is not None:
            numbers = signature.pack(args)
            if numbers is not None:
                return signature, numbers
            other = self._glanced.get(arguments.glance(args))
            if other is not None and (numbers := other.pack(args)) is not None:
                self._latest = other
                return other, numbers
        return self._looked_up(args)

    def _looked_up(self, args: tuple[Any, ...]) -> tuple[Signature, list[float] | None]:
        numbers: list[Any] = []
        children = []
        for position, argument in enumerate(args):
            more, nesting = flatten(argument, f"jit: argument {position}")
            numbers += more
            children.append(nesting)
        nesting = Nesting(tuple, range(len(children)), children, size=len(numbers))
        signature = self._latest = self._signature(nesting)
        self._glanced[arguments.glance(args)] = signature
        if any(isinstance(number, Layered) for number in numbers):
            return signature, None
        return signature, [x if x.__class__ is float else float(x.data) for x in numbers]

    def _signature(self, nesting: Nesting) -> Signature:
        key = arguments.key(nesting)
        signature = self._signatures.get(key)
        if signature is None:
            names = _parameter_names(self._f, len(nesting.children))
            labels = [
                label
                for name, child in zip(names, nesting.children, strict=True)
                for label in paths_of(child, name)
            ]
            signature = Signature(nesting, labels, self._max_paths, self.__name__)
            self._signatures[key] = signature
        return signature

    def _plain(self, name: str, args: tuple[Any, ...]) -> tuple[Signature, list[float]]:
        signature, numbers = self._taken_apart(args)
        if numbers is None:
            raise TypeError(f"{name}: of a compiled function takes numbers, not dual numbers")
        return signature, numbers

    # --- Replay ---

    def _run(
        self,
        signature: Signature,
        numbers: list[float],
        kind: Any,
        wrt: Wrt | None = None,
        more: Sequence[float] = (),
    ) -> tuple[Any, Path]:
        """The outputs of the program of that kind, and after them its guards; and its path."""
        if self._environment.reads and self._environment.changed() is not None:
            self._start_anew()
            self._latest = signature = self._signatures.setdefault(
                arguments.key(signature.nesting),
                Signature(signature.nesting, signature.labels, self._max_paths, self.__name__),
            )
        path = signature.paths.latest
        tries = len(signature.paths) + 1
        while path is not None and tries:
            results = self._replayed(signature, path, kind, numbers, wrt, more)
            outcomes = path.recording.outcomes
            place = first_other(outcomes, results[-len(outcomes) :]) if outcomes else None
            if place is None:
                if not path.checked and self._check and numbers != path.recording.numbers:
                    verify(self._f, signature, path, numbers)
                    path.checked = True
                if path is not signature.paths.latest:
                    signature.paths.touch(path)
                return results, path
            path = signature.paths.after(path, place)
            tries -= 1
        path = signature.paths.add(self._recorded(signature, numbers))
        return self._replayed(signature, path, kind, numbers, wrt, more), path

    def _get_ready(
        self, name: str, wrt: Any, signature: Signature, path: Path, kind: Any,
        by: Wrt | None = None,
    ) -> None:  # fmt: skip
        """Have the next call like this one, on the same path, done in machine code if it can be."""
        checked = path.checked or not self._check
        by_nesting = None if by is None else by.nesting
        self._ready.add(name, wrt, signature.nesting, path, kind, by_nesting, checked=checked)

    def _recorded(self, signature: Signature, numbers: Sequence[float]) -> Recording:
        recording = record(self._f, numbers, signature.nesting.fill, signature.labels)
        self._environment.forget_changed()
        return recording

    def _start_anew(self) -> None:
        self._signatures.clear()
        self._glanced.clear()
        self._latest = None
        self._environment = Environment(self._f)
        self._ready.forget()
        self._ready = Ready(self, self._environment)

    def _replayed(
        self,
        signature: Signature,
        path: Path,
        kind: Any,
        numbers: list[float],
        wrt: Wrt | None,
        more: Sequence[float],
    ) -> Sequence[float]:
        captured = path.recording.captured
        if captured:
            numbers = [*numbers, *[value.data for value in captured]]
        if more:
            numbers = [*numbers, *more]
        self.ran(path)
        program = path.programs.get(kind)
        if program is None:
            program = path.programs[kind] = self._compiled(signature, path, kind, wrt, False)
        results: Sequence[float] = program.run(numbers)
        if kind is not _VALUE and (total := sum(results)) != total:
            # Either that is the derivative, or an exact zero has met an infinity: this tells.
            strictly = ("strict", kind)
            program = path.programs.get(strictly)
            if program is None:
                program = path.programs[strictly] = self._compiled(signature, path, kind, wrt, True)
            results = program.run(numbers)
        return results

    def _compiled(
        self, signature: Signature, path: Path, kind: Any, wrt: Wrt | None, strict: bool
    ) -> backends.Program | backends.Columns:
        recording = path.recording
        if wrt is None:
            return backends.value(recording.tape, self._options)
        name = kind[0]
        if name != "jacobian":
            self._require_single(name, recording.nesting)
        slots = wrt.slots(signature, recording)
        return backends.derivative(
            name, recording.tape, slots, recording.nesting.size, strict, self._options
        )

    def _require_single(self, name: str, nesting: Nesting) -> None:
        if nesting.container is not None and nesting.shape != ():
            raise TypeError(
                f"{name}: {self.__name__} must give one number, not {nesting.describe()}; jacobian "
                "takes the derivatives of several"
            )


_VALUE = ("value",)


def _rows(numbers: Sequence[float], rows: int, columns: int, start: int) -> list[list[float]]:
    return [list(numbers[start + i * columns : start + (i + 1) * columns]) for i in range(rows)]


def _name_wrapped(f: Any, compiled: Compiled) -> None:
    """Name a decorated function as it can be found, for pickle, by whose name is what it became."""
    found: Any = sys.modules.get(getattr(f, "__module__", ""))
    name = getattr(f, "__qualname__", "")
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is compiled:
        f.__qualname__ = f"{name}.__wrapped__"


def _parameter_names(f: Callable[..., Any], count: int) -> list[str]:
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    rest = [p.name for p in parameters if p.kind is p.VAR_POSITIONAL]
    name = rest[0] if rest else "args"
    return [*names, *[f"{name}[{i}]" for i in range(max(count - len(names), 0))]][:count]
