"""A tape over a batch of examples: vector code in loops, on several threads.

Examples are taken in tiles, 8 to 64 at a time. Each number of the program is a row of a tile in
memory, as long as some later loop needs it. What does not vary along the batch is computed once,
before, and laid down in the order in which the loops read it.

The batch is cut into pieces that depend on its length alone. Whichever thread takes one sums it up
by itself, and the sums of the pieces are added in order: the bits are the same on any number of
threads.
"""

from __future__ import annotations

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from autograd_scalar.primitives import described
from autograd_scalar.tape.native import engine
from autograd_scalar.tape.native.emit import Module, raise_failures
from autograd_scalar.tape.native.straight import Scalar, machine_tape
from autograd_scalar.tape.native.tiles import Writer
from autograd_scalar.tape.program import Tape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

MOST_PIECES = 64
SMALLEST_PIECE = 1024

_WORTH_A_THREAD = 500_000  # operations on numbers: 50 to 100 microseconds of work


def compile_batch(
    tape: Tape,
    batched: Iterable[int],
    summed: Iterable[int] = (),
    *,
    contract: bool = False,
    threads: int | None = None,
) -> Batch:
    """Machine code that runs a tape on every example of a batch.

    >>> import numpy as np
    >>> from autograd_scalar.tape.variables import Builder
    >>> builder = Builder(2)
    >>> w, x = builder.inputs
    >>> batch = compile_batch(builder.tape([w * x, x * x]), batched=[1], summed=[1])
    >>> sums, rows = batch(np.array([10.0]), np.array([[1.0], [2.0], [3.0]]))
    >>> sums, rows.T
    (array([14.]), array([[10., 20., 30.]]))

    Args:
        tape: the program; its guards are not looked at.
        batched: the inputs that differ from example to example; at least one.
        summed: the outputs that are summed over the batch; of the others each example has its own.
        contract: whether a * b + c may be rounded once instead of twice.
        threads: how many work at once; None: as many as there are processors.

    Raises ValueError for an input or output that there is not, for no batched input or less than
    one thread; ImportError if llvmlite is not installed.
    """
    batched, summed = frozenset(batched), frozenset(summed)
    if not batched or not batched <= frozenset(range(tape.inputs)):
        raise ValueError(
            f"batched must be some of the inputs 0..{tape.inputs - 1}, not "
            f"{described(sorted(batched))}"
        )
    if not summed <= frozenset(range(len(tape.outputs))):
        raise ValueError(
            f"summed must be some of the outputs 0..{len(tape.outputs) - 1}, not "
            f"{described(sorted(summed))}"
        )
    if threads is not None and threads < 1:
        raise ValueError(f"threads must be at least 1, not {threads}")
    return Batch(machine_tape(tape), batched, summed, contract, threads or _processors())


class Batch:
    """A compiled tape for batches: called with arrays of its inputs it returns its outputs.

    Several threads may call it at once.

    Attributes:
        summed: the outputs that are summed, in the order in which they are returned.
        rows: the other outputs, likewise.
    """

    def __init__(
        self,
        tape: Tape,
        batched: frozenset[int],
        summed: frozenset[int],
        contract: bool,
        threads: int,
    ) -> None:
        self._threads = threads
        self._columns = len(batched)
        self.summed = sorted(summed)
        self.rows = sorted(set(range(len(tape.outputs))) - summed)
        varies = _varying(tape, batched)
        module = Module()
        lanes = engine.host().lanes
        writer = Writer(tape, varies, sorted(batched), summed, module, lanes, contract=contract)
        self._library = module.build(["run"], module.level, passes=False)
        pointer, whole = ctypes.c_void_p, ctypes.c_int64
        self._run = self._library.function("run", None, *[pointer] * 6, whole, whole)
        self._tile, self._cost = writer.tile, len(tape.operands)
        self._work_size = writer.work_size
        self._sums = len(writer.sums)
        self._prepare(tape, varies, batched, writer, contract)
        self._free: list[Any] = []  # memory to work in, for each thread

    def _prepare(
        self,
        tape: Tape,
        varies: Sequence[int],
        batched: frozenset[int],
        writer: Writer,
        contract: bool,
    ) -> None:
        """The program of what does not vary, and where its numbers and the sums are wanted."""
        import numpy as np

        outputs = tape.outputs
        ends = {o for o in outputs if o < 0 or not varies[o]}
        before, places = _shared_program(tape, varies, batched, [*writer.packed, *ends])
        self._before = Scalar(before, contract) if len(before) else None
        self._shared = before.inputs
        first_constant = before.inputs + len(before.outputs)
        places |= {~k: first_constant + k for k in range(len(tape.constants))}
        self._values = np.zeros(len(places))
        self._values[first_constant:] = tape.constants
        self._packed = np.array([places[o] for o in writer.packed], np.intp)

        def copied(pairs: Iterable[tuple[int, int]]) -> tuple[Any, Any]:
            to, of = np.array(list(pairs), np.intp).reshape(-1, 2).T
            return to, of

        sum_of = {output: i for i, outputs in enumerate(writer.sums) for output in outputs}
        numbered = list(enumerate(self.summed))
        self._from_sums = copied((k, sum_of[i]) for k, i in numbered if i in sum_of)
        self._equal_sums = copied((k, places[outputs[i]]) for k, i in numbered if i not in sum_of)
        self._equal_rows = copied(
            (k, places[outputs[i]]) for k, i in enumerate(self.rows) if outputs[i] in ends
        )

    def __call__(
        self, shared: ArrayLike, columns: ArrayLike | Sequence[ArrayLike]
    ) -> tuple[Array, Array]:
        """The sums, and an array with a row for each example.

        The rows are laid out column by column in memory, as their transpose would be by row.

        Args:
            shared: the inputs that do not vary, in order.
            columns: an array of shape (examples, varying inputs), or a list of the latter's arrays.

        Raises ValueError for other shapes, and what a primitive that is called in Python raises.
        """
        import numpy as np

        values = self._values.copy()
        numbers = np.asarray(shared, np.float64)
        if numbers.shape != (self._shared,):
            raise ValueError(
                f"shared must be an array of {self._shared} number(s), not of shape {numbers.shape}"
            )
        values[: self._shared] = numbers
        if self._before is not None:
            address = _address(values)
            self._before.into(address, address + 8 * self._shared)
        packed = values[self._packed]
        n, where, given = self._columns_of(columns)
        rows = np.empty((len(self.rows), n))
        piece = _piece(n, self._tile)
        pieces = -(-n // piece)
        sums = np.empty((pieces, self._sums))
        counter = np.zeros(1, np.int64)
        arrays = packed, where, rows, sums, counter
        self._work(tuple(map(_address, arrays)), n, piece, pieces, (arrays, given))
        if self._library.needs:
            raise_failures(self._library)
        with np.errstate(all="ignore"):
            total = np.zeros(self._sums)
            for part in sums:
                total += part
            found = np.empty(len(self.summed))
            (to, of), (to_equal, of_equal) = self._from_sums, self._equal_sums
            found[to], found[to_equal] = total[of], n * values[of_equal]
        to, of = self._equal_rows
        rows[to] = values[of, None]
        return found, rows.T

    def _columns_of(self, columns: Any) -> tuple[int, Array, object]:
        """How many examples; for each column its address and stride; and what is at these."""
        import numpy as np

        if isinstance(columns, (list, tuple)):
            views = list(map(_doubles, columns))
            if len(views) != self._columns or any(view.ndim != 1 for view in views):
                raise ValueError(
                    f"columns must be {self._columns} array(s) of one dimension, not of shapes "
                    f"{described([view.shape for view in views])}"
                )
            lengths = [len(view) for view in views]
            if len(set(lengths)) > 1:
                raise ValueError(f"columns must be of one length, not {described(lengths)}")
            where = [(_address(view), view.strides[0]) for view in views]
            return lengths[0], np.array(where, np.int64), views
        table = _doubles(columns)
        if table.ndim != 2 or table.shape[1] != self._columns:
            raise ValueError(
                f"columns must be an array of shape (examples, {self._columns}), not {table.shape}"
            )
        down, across = table.strides
        start = _address(table)
        where = [(start + k * across, down) for k in range(self._columns)]
        return len(table), np.array(where, np.int64), table

    def _work(
        self, arguments: tuple[int, ...], n: int, piece: int, pieces: int, alive: object
    ) -> None:
        threads = min(self._threads, pieces, max(1, n * self._cost // _WORTH_A_THREAD))
        others = [
            _pool().submit(self._take_pieces, arguments, n, piece, alive)
            for _ in range(threads - 1)
        ]
        self._take_pieces(arguments, n, piece, alive)
        for other in others:
            if not other.cancel():  # it has begun
                other.result()

    def _take_pieces(self, arguments: tuple[int, ...], n: int, piece: int, alive: object) -> None:
        """Work until no piece is left; ``alive`` are the arrays, not to be freed before."""
        try:
            memory, address = self._free.pop()
        except IndexError:
            memory = ctypes.create_string_buffer(8 * self._work_size + 64)
            address = -(-ctypes.addressof(memory) // 64) * 64
        *pointers, counter = arguments
        self._run(*pointers, address, counter, n, piece)
        self._free.append((memory, address))


def _doubles(array: Any) -> Any:
    import numpy as np

    found = np.asarray(array, np.float64)
    return found if found.flags.aligned else found.copy()


def _address(array: Any) -> int:
    return array.__array_interface__["data"][0]  # type: ignore[no-any-return]


def _varying(tape: Tape, batched: frozenset[int]) -> bytearray:
    varies = bytearray(tape.slots)
    for slot in batched:
        varies[slot] = 1
    for slot, _, operands in tape.nodes():
        for o in operands:
            if o >= 0 and varies[o]:
                varies[slot] = 1
                break
    return varies


def _shared_program(
    tape: Tape, varies: Sequence[int], batched: frozenset[int], ends: Iterable[int]
) -> tuple[Tape, dict[int, int]]:
    """The part that does not vary, with these outputs; and the places of inputs and outputs."""
    from autograd_scalar.tape.variables import Builder

    inputs = [slot for slot in range(tape.inputs) if slot not in batched]
    places = {slot: i for i, slot in enumerate(inputs)}
    needed = {o for o in ends if o >= tape.inputs}
    outputs = sorted(needed)
    nodes = [(s, p, o) for s, p, o in tape.nodes() if not varies[s]]
    for slot, _, operands in reversed(nodes):
        if slot in needed:
            needed.update(operands)
    builder = Builder(len(inputs))
    new = dict(places)
    for slot, primitive, operands in nodes:
        if slot in needed:
            moved = [new[o] if o >= 0 else builder.constant(tape.constants[~o]) for o in operands]
            new[slot] = builder.node(primitive, moved)
    places.update({slot: len(inputs) + i for i, slot in enumerate(outputs)})
    return builder.tape_of([new[slot] for slot in outputs]), places


def _piece(n: int, tile: int) -> int:
    """How many examples a piece has: whole tiles, and the same on any computer with such tiles."""
    pieces = max(1, min(MOST_PIECES, n // SMALLEST_PIECE))
    return max(tile, -(-n // (pieces * tile)) * tile)


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_processors(), thread_name_prefix="autograd_scalar")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # its threads are in the parent
