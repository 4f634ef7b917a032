"""Backends: what runs a program, by name or as fits its size and how often it is run.

- ``python``: straight-line source, compiled by Python; or, if it is long, the tape node by node.
- ``native``: the interpreter, which runs a tape of any size at once; and machine code, in a
  straight line or in vector loops, which is several times faster and takes its time to compile.

``auto`` begins with what is ready at once. A program that has been running for as long as it would
take to compile it is compiled.
"""

from __future__ import annotations

import time

from autograd_scalar.tape import derivatives
from autograd_scalar.tape.passes import PASSES, bounded, counted, optimize
from autograd_scalar.tape.program import Tape
from autograd_scalar.tape.source import PythonProgram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy
    from numpy.typing import NDArray

    Array = NDArray[numpy.float64]
    Run = Callable[[Sequence[float]], Sequence[float]]
    RunBatch = Callable[[Sequence[float], Array], tuple[Array, Array]]

NAMES = ("auto", "python", "native")

SHORT = 2_000
"""``auto`` runs a program of so many nodes at most in Python first."""

COMPILABLE = 50_000
"""A program of more nodes is compiled only if it is wide: if much of it is computed alike."""

WIDEST = 150_000
"""A program of more nodes is interpreted however often it is run."""


def seconds_to_compile(nodes: int) -> float:
    """What machine code of so many nodes takes, about: it decides when it pays."""
    return 0.03 + 4e-5 * nodes


def seconds_around(numbers: int) -> float:
    """What Python takes to hand so many numbers in and out, about, which machine code saves."""
    return 5e-6 + 1.5e-7 * numbers


_GRADIENT = 2.5  # nodes for each operand of a node of what it is the gradient of, about


class Options:
    """What ``jit`` was told about how to compile.

    Raises ValueError for an unknown backend or pass, and ImportError for one that is not installed.
    """

    __slots__ = ("backend", "contract", "memory", "passes")

    def __init__(
        self,
        backend: str = "auto",
        passes: tuple[str, ...] = tuple(PASSES),
        contract: bool = False,
        memory: int | None = None,
    ) -> None:
        if backend not in NAMES:
            raise ValueError(f"jit: there is no backend {backend!r}: they are {', '.join(NAMES)}")
        for name in passes:
            if name not in PASSES:
                raise ValueError(f"jit: there is no pass {name!r}: they are {', '.join(PASSES)}")
        self.backend = backend
        self.passes = passes
        if memory is not None and (isinstance(memory, bool) or not isinstance(memory, int)):
            raise TypeError(f"jit: memory must be a number of bytes or None, not {memory!r}")
        if memory is not None and memory < 1:
            raise ValueError(f"jit: memory must be at least 1 byte, not {memory!r}")
        self.contract = bool(contract)
        self.memory = memory
        if backend == "native" and not native_available():
            raise ImportError(
                "jit: the backend 'native' is not installed: "
                'pip install "autograd_scalar[native]"; the backend "python" needs nothing'
            )

    @property
    def may_be_native(self) -> bool:
        """Whether the native backend is wanted, and there."""
        return self.backend == "native" or (self.backend == "auto" and native_available())


def native_available() -> bool:
    """Whether what the native backend needs is installed."""
    from autograd_scalar.tape.native import engine

    return engine.available()


def _optimized(tape: Tape, options: Options) -> tuple[Tape, dict[str, int]]:
    """The tape after the passes, and how many nodes there were after each."""
    sizes = {"recorded": len(tape)}
    tape, found = counted(tape, options.passes)
    sizes |= found
    if options.memory is not None and len(tape.outputs) > 1:
        tape = bounded(tape, options.memory // 8)
        sizes["recompute"] = len(tape)
    return tape, sizes


# --- One set of numbers at a time -----------------------------------------------------------------


class Program:
    """A program and what runs it at present; guards are further outputs, behind the others.

    Attributes:
        run: gives the outputs for the numbers of the inputs.
        backend: what that is: "python", "interpreter", "machine code".
        sizes: how many nodes there were at first, and after each pass.
        seconds: what optimising and compiling took up to now.

    Args:
        make: the tape to run, written when it is needed.
        options: of ``jit``.
        interpret: how the interpreter gets the same from the recorded tape; None if it has to run
            the tape that ``make`` makes.
        recorded: that tape.
    """

    def __init__(
        self,
        make: Callable[[], Tape],
        options: Options,
        interpret: Callable[[], Run] | None = None,
        recorded: Tape | None = None,
    ) -> None:
        self._make = make
        self._options = options
        self._interpret = interpret
        self._tape: Tape | None = None
        self._spent = 0.0
        self.sizes: dict[str, int] = {}
        self.seconds = 0.0
        self.backend = ""
        self.run: Run
        started = time.perf_counter()
        self._sample = self.tape if recorded is None else recorded
        self._size = len(self.tape) if recorded is None else int(_GRADIENT * len(recorded.operands))
        self.seconds += time.perf_counter() - started
        if not options.may_be_native:
            self._use("python")
        elif options.backend == "native":
            self._use("machine code" if self._is_compilable() else "interpreter")
        else:
            self._use("python" if self._size <= SHORT else "interpreter")
            if self._size <= WIDEST:
                self._timed, self.run = self.run, self._run_timed

    @property
    def tape(self) -> Tape:
        """What is run, optimised."""
        if self._tape is None:
            self._tape, self.sizes = _optimized(self._make(), self._options)
        return self._tape

    def _use(self, backend: str) -> None:
        started = time.perf_counter()
        if backend == "interpreter":
            backend = self._use_interpreter()
        elif backend == "machine code":
            self.run = _without_constants(self.tape, self._compiled)
        if backend == "python":
            self.run = _without_constants(self.tape, PythonProgram)
        self.backend = backend
        self.seconds += time.perf_counter() - started

    def _is_compilable(self) -> bool:
        if self._size <= COMPILABLE:
            return True
        from autograd_scalar.tape.native import wide

        return self._size <= WIDEST and wide.pays(self._sample)

    def _compiled(self, tape: Tape) -> Run:
        from autograd_scalar.tape.native import straight, wide

        machine = straight.machine_tape(tape)
        kind = wide.Wide if wide.pays(machine) else straight.Scalar
        return kind(machine, self._options.contract)

    def _use_interpreter(self) -> str:
        from autograd_scalar.tape.native import interpreter

        try:
            if self._interpret is not None:
                self.run = self._interpret()
            else:
                self.run = _without_constants(
                    self.tape, lambda t: interpreter.Program(t, derivatives=False).run
                )
        except interpreter.Unsupported:
            return "python"
        return "interpreter"

    def _run_timed(self, numbers: Sequence[float]) -> Sequence[float]:
        """Run, and note for how long: at some time it would have been better to compile."""
        started = time.perf_counter()
        found: Sequence[float] = self._timed(numbers)
        self._spent += time.perf_counter() - started + seconds_around(len(numbers) + len(found))
        if self._spent > seconds_to_compile(self._size):
            self.run = self._timed
            if self._is_compilable():
                self._use("machine code")
        return found


class Sparse:
    """What runs a tape most of whose outputs are constants, as in a sparse matrix.

    Attributes:
        run: computes the others.
        varying: their numbers.
        pattern: all outputs, where those are constants.
    """

    def __init__(self, tape: Tape, varying: Sequence[int], make: Callable[[Tape], Run]) -> None:
        self.run = make(tape.replaced(outputs=[tape.outputs[i] for i in varying]))
        self.varying = varying
        self.pattern = [tape.constants[~o] if o < 0 else 0.0 for o in tape.outputs]

    def __call__(self, numbers: Sequence[float]) -> Sequence[float]:
        """All outputs."""
        found = self.pattern.copy()
        for i, number in zip(self.varying, self.run(numbers), strict=True):
            found[i] = number
        return found


def _without_constants(tape: Tape, make: Callable[[Tape], Run]) -> Run:
    """What runs the tape; outputs that are constants are not computed if they are many."""
    varying = [i for i, o in enumerate(tape.outputs) if o >= 0]
    return make(tape) if 2 * len(varying) > len(tape.outputs) else Sparse(tape, varying, make)


def with_guards(tape: Tape, outputs: Sequence[int] | None = None) -> Tape:
    """The tape with its guards as further outputs, behind these or all."""
    chosen = tape.outputs if outputs is None else [tape.outputs[i] for i in outputs]
    return tape.replaced(outputs=[*chosen, *[guard.slot for guard in tape.guards]], guards=())


def value(tape: Tape, options: Options) -> Program:
    """What computes the outputs of a recorded tape."""
    return Program(lambda: with_guards(tape), options)


LARGEST = 2_000_000
"""A matrix of derivatives is one program if it has at most so many nodes, by a rough estimate."""


def derivative(
    kind: str,
    tape: Tape,
    wrt: Sequence[int | None],
    outputs: int,
    strict: bool,
    options: Options,
) -> Program | Columns:
    """What computes a derivative of a recorded tape: its numbers, row by row, and then the guards.

    kind: "gradient" (after the value), "jacobian" (after the values), "hessian" or "hvp" (for
    inputs and behind them a direction). wrt: slots of inputs; by None the derivatives are 0.
    """
    count, size = len(wrt), len(tape)
    if kind == "gradient":
        return Program(
            lambda: with_guards(derivatives.value_and_gradient(tape, wrt, strict=strict)),
            options,
            lambda: _interpreted_gradient(tape, wrt),
            tape,
        )
    if kind == "jacobian":
        if size * outputs <= LARGEST or outputs <= count:
            return Program(
                lambda: with_guards(derivatives.jacobian(tape, wrt, strict=strict)), options
            )
        changes = Program(
            lambda: with_guards(derivatives.tangent(tape, wrt, strict=strict)), options
        )
        return Columns(changes, count, outputs, outputs)
    slopes = derivatives.value_and_gradient(tape, wrt, positive_zeros=False)
    rows = optimize(slopes.replaced(outputs=slopes.outputs[1:]), options.passes)
    if kind == "hessian" and len(rows) * count <= LARGEST:

        def matrix() -> Tape:
            found = derivatives.jacobian(rows, wrt, strict=strict)
            return with_guards(found, range(count, count + count * count))

        return Program(matrix, options)

    def product() -> Tape:
        return with_guards(derivatives.tangent(rows, wrt, strict=strict), range(count, 2 * count))

    products = Program(product, options)
    return products if kind == "hvp" else Columns(products, count, count, 0)


def _interpreted_gradient(tape: Tape, wrt: Sequence[int | None]) -> Run:
    """Value, gradient and guards by the interpreter's own backward pass."""
    from autograd_scalar.tape.native import interpreter

    program = interpreter.Program(with_guards(tape))
    count = len(tape.outputs)
    slots = [slot for slot in wrt if slot is not None]

    def run(numbers: Sequence[float]) -> Sequence[float]:
        outputs, found = program.outputs_and_gradient(numbers, 0, slots)
        if len(slots) < len(wrt):
            rest = iter(found)
            found = [0.0 if slot is None else next(rest) for slot in wrt]
        return [outputs[0], *found, *outputs[count:]]

    return run


class Columns:
    """A matrix from the program that gives its product with a direction: column by column.

    The program gives first so many values, which are the same for all directions.
    """

    def __init__(self, program: Program, columns: int, rows: int, values: int) -> None:
        self.program = program
        self.tape = program.tape
        self._columns = columns
        self._rows = rows
        self._values = values

    def run(self, numbers: Sequence[float]) -> Sequence[float]:
        """The values, the matrix row by row, and the guards."""
        found = []
        for j in range(self._columns):
            direction = [float(i == j) for i in range(self._columns)]
            found.append(self.program.run([*numbers, *direction]))
        first, start, end = found[0], self._values, self._values + self._rows
        matrix = [column[i] for i in range(start, end) for column in found]
        return [*first[:start], *matrix, *first[end:]]


# --- Batches --------------------------------------------------------------------------------------


class BatchProgram:
    """A program over a batch, and what runs it at present.

    The inputs at ``batched`` differ from example to example; the others are shared. The outputs
    numbered ``summed`` are summed over the batch; the others are rows, one for each example.

    Attributes:
        tape: what is run, optimised.
        backend: what runs it: "python" on NumPy's arrays, or "machine code".
        sizes, seconds: as of ``Program``.
    """

    def __init__(
        self, tape: Tape, batched: Sequence[int], summed: Sequence[int], options: Options
    ) -> None:
        started = time.perf_counter()
        self.tape, self.sizes = _optimized(tape, options)
        self._batched, self._summed, self._options = batched, summed, options
        self._spent = 0.0
        self._timed = options.backend == "auto" and options.may_be_native
        self.seconds = time.perf_counter() - started
        self._use("machine code" if options.backend == "native" else "python")

    def _use(self, backend: str) -> None:
        started = time.perf_counter()
        if backend == "python":
            from autograd_scalar.tape.arrays import ArrayProgram

            self._run: RunBatch = ArrayProgram(self.tape, self._batched, self._summed)
        else:
            from autograd_scalar.tape.native.batch import compile_batch

            self._run = compile_batch(
                self.tape, self._batched, self._summed, contract=self._options.contract
            )
        self.backend = backend
        self.seconds += time.perf_counter() - started

    def __call__(self, shared: Sequence[float], columns: Array) -> tuple[Array, Array]:
        """Sums and rows for the numbers of the shared inputs and an array (examples, batched)."""
        if not self._timed:
            return self._run(shared, columns)
        started = time.perf_counter()
        found = self._run(shared, columns)
        self._spent += time.perf_counter() - started
        if self._spent > seconds_to_compile(len(self.tape)):
            self._timed = False
            self._use("machine code")
        return found
