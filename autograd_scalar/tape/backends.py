"""Backends: what runs a program, by name or as fits its size and how often it is run."""

from __future__ import annotations

import time

from autograd_scalar.tape import derivatives
from autograd_scalar.tape.passes import PASSES, optimize, steps
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


class Options:
    """What ``jit`` was told about how to compile.

    Raises ValueError for an unknown backend or pass, and ImportError for one that is not installed.
    """

    __slots__ = ("backend", "contract", "passes")

    def __init__(
        self,
        backend: str = "auto",
        passes: tuple[str, ...] = tuple(PASSES),
        contract: bool = False,
    ) -> None:
        if backend not in NAMES:
            raise ValueError(f"jit: there is no backend {backend!r}: they are {', '.join(NAMES)}")
        for name in passes:
            if name not in PASSES:
                raise ValueError(f"jit: there is no pass {name!r}: they are {', '.join(PASSES)}")
        self.backend = backend
        self.passes = passes
        self.contract = bool(contract)
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


class Program:
    """A tape, optimised, and what runs it; the guards are further outputs, behind the others.

    Attributes:
        sizes: how many nodes there were at first, and after each pass.
        seconds: what optimising and compiling took.
        backend: what runs it.
    """

    def __init__(self, make: Callable[[], Tape], options: Options) -> None:
        started = time.perf_counter()
        tape = make()
        self.sizes = {"recorded": len(tape)}
        for name, shorter in steps(tape, options.passes):
            tape = shorter
            self.sizes[name] = len(tape)
        self.tape = tape
        self.backend = "python"
        self._run: Run = PythonProgram(tape)
        self.seconds = time.perf_counter() - started

    @property
    def source(self) -> str:
        """As Python."""
        return PythonProgram(self.tape).source

    def __call__(self, numbers: Sequence[float]) -> Sequence[float]:
        """The outputs and guards for these inputs."""
        return self._run(numbers)


def with_guards(tape: Tape, outputs: Sequence[int] | None = None) -> Tape:
    """The tape with its guards as further outputs, behind these or all."""
    chosen = tape.outputs if outputs is None else [tape.outputs[i] for i in outputs]
    return Tape(
        tape.inputs, tape.primitives, tape.codes, tape.starts, tape.operands, tape.constants,
        [*chosen, *[guard.slot for guard in tape.guards]], (), tape.labels,
    )  # fmt: skip


def value(tape: Tape, options: Options) -> Program:
    """What computes the outputs of a recorded tape."""
    return Program(lambda: with_guards(tape), options)


LARGEST = 2_000_000
"""A matrix of derivatives is one program if it has at most so many nodes, by a rough estimate."""


def derivative(
    kind: str, tape: Tape, wrt: Sequence[int | None], outputs: int, strict: bool, options: Options
) -> Run:
    """What computes a derivative of a recorded tape: its numbers, row by row, and then the guards.

    kind: "gradient" (after the value), "jacobian" (after the values), "hessian" or "hvp" (for
    inputs and behind them a direction). wrt: slots of inputs; by None the derivatives are 0.
    """
    if kind == "gradient":
        return Program(lambda: with_guards(gradient(tape, wrt, strict)), options)
    if kind == "jacobian":
        if len(tape) * outputs <= LARGEST or outputs <= len(wrt):
            return Program(
                lambda: with_guards(
                    derivatives.jacobian(tape, wrt, strict=strict, positive_zeros=False)
                ),
                options,
            )
        changes = Program(lambda: with_guards(derivatives.tangent(tape, wrt)), options)
        return _columns(changes, len(wrt), outputs, outputs)
    slopes = gradient(tape, wrt, strict)
    count = len(wrt)
    rows = Tape(
        slopes.inputs, slopes.primitives, slopes.codes, slopes.starts, slopes.operands,
        slopes.constants, slopes.outputs[1:], slopes.guards, slopes.labels,
    )  # fmt: skip
    if kind == "hessian" and len(rows) * count <= LARGEST:

        def matrix() -> Tape:
            found = derivatives.jacobian(rows, wrt, positive_zeros=False)
            return with_guards(found, range(count, count + count * count))

        return Program(matrix, options)

    def product() -> Tape:
        return with_guards(derivatives.tangent(rows, wrt), range(count, 2 * count))

    products = Program(product, options)
    return products if kind == "hvp" else _columns(products, count, count, 0)


def gradient(tape: Tape, wrt: Sequence[int | None], strict: bool) -> Tape:
    """The program of value and gradient, whose derivatives may be -0.0 where 0.0 is meant."""
    return derivatives.value_and_gradient(tape, wrt, strict=strict, positive_zeros=False)


def _columns(program: Run, columns: int, rows: int, values: int) -> Run:
    """A matrix from the program that gives its product with a direction: column by column.

    The program gives first so many values, which are the same for all directions.
    """

    def run(numbers: Sequence[float]) -> Sequence[float]:
        found = []
        for j in range(columns):
            found.append(program([*numbers, *[float(i == j) for i in range(columns)]]))
        first = found[0]
        products = [column[values : values + rows] for column in found]
        matrix = [products[j][i] for i in range(rows) for j in range(columns)]
        return [*first[:values], *matrix, *first[values + rows :]]

    return run


def batch(tape: Tape, batched: Sequence[int], summed: Sequence[int], options: Options) -> RunBatch:
    """What runs a program over a batch: the inputs at ``batched`` differ from example to example.

    It is called with the numbers of the other inputs and an array of shape (examples, batched), and
    gives the sums of the outputs numbered ``summed`` over the batch, and rows of the others.
    """
    from autograd_scalar.tape.arrays import ArrayProgram

    return ArrayProgram(optimize(tape, options.passes), batched, summed)
