"""A tape as vector loops, for one set of numbers at a time.

A tape of thousands of nodes is rarely as many different computations: pairs of atoms, neurons of a
layer, points of a curve are each computed alike (``classes`` finds out). Those run side by side in
the lanes of vector registers, in loops that keep to registers what nothing else needs.

A column of numbers that are computed alike lies in the frame in one piece. An operand of a vector
is then read in one load, or is one number for all lanes; else it is gathered by a table.
"""

from __future__ import annotations

from array import array
from functools import partial, reduce
from itertools import accumulate, pairwise

import numpy as np

from autograd_scalar.tape.native import engine, straight
from autograd_scalar.tape.native.blocks import Loop, Straight
from autograd_scalar.tape.native.classes import (
    FEWEST,
    Along,
    Plan,
    Sums,
    chains_of,
    depths_of,
    whole_numbers,
)
from autograd_scalar.tape.native.emit import Code, Module
from autograd_scalar.tape.native.straight import Node, Scalar, machine_tape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autograd_scalar.primitives import Primitive
    from autograd_scalar.tape.native.classes import Whole
    from autograd_scalar.tape.program import Tape

WRITTEN_OUT = 16
"""Terms of a sum that is no loop: the end of a short loop is hard to foresee for a processor."""

CALLS = 200
"""In a function: LLVM's time grows faster than the length."""

FEWEST_COPIED = 16
"""Numbers in a row that are copied as a block."""

MOST_NARROW = 50_000
"""Operations that are left as straight-line code, of a tape that is worth it."""

# Nanoseconds, measured on networks, transformers, atoms and trajectories: of an operation of
# straight-line code that the processor's cache of instructions holds, or does not; of one of many
# in a loop; and of each depth that such a loop goes through.
_STRAIGHT, _STRAIGHT_FAR, _WIDE, _GROUP = 0.4, 0.8, 0.3, 8.0

_LEAST_SAVED = 0.2  # of the time: an estimate that is no better than that decides nothing

_CACHED = 4_000
"""Operations that the processor's first cache of instructions holds."""

_WASTE = 1.4
"""So many times the vectors it takes are fine, if then operands lie in rows."""


def compile(tape: Tape, *, contract: bool = False) -> Wide:
    """Machine code that runs a tape, many nodes at once.

    >>> from autograd_scalar.tape.variables import Builder
    >>> builder = Builder(16)
    >>> wide = compile(builder.tape([x * x for x in builder.inputs]))
    >>> wide([float(i) for i in range(16)])[-2:]
    (196.0, 225.0)

    The numbers are those of ``straight.compile``, to the last bit.

    Args:
        tape: the program; its guards are not looked at.
        contract: whether a * b + c may be rounded once instead of twice.

    Raises ImportError if llvmlite is not installed.
    """
    return Wide(machine_tape(tape), contract)


def pays(tape: Tape) -> bool:
    """Whether a tape runs faster as vector loops than as straight-line code.

    >>> from autograd_scalar.tape.variables import Builder
    >>> builder = Builder(2_000)
    >>> pays(builder.tape([x * x + x for x in builder.inputs]))
    True
    >>> builder = Builder(1)
    >>> x = builder.inputs[0]
    >>> for _ in range(2_000):  # each needs the one before it
    ...     x = x * x
    >>> pays(builder.tape([x]))
    False

    It counts the nodes of each depth that compute the same, and takes about a microsecond a node.
    """
    chains = chains_of(tape)
    depths = depths_of(tape, chains)
    counts = np.diff(whole_numbers(tape.starts))
    costs = np.maximum(counts - 1, 1)
    ends = whole_numbers(list(chains)) - tape.inputs
    costs[ends] = [len(chain.nodes) for chain in chains.values()]
    kinds = whole_numbers(tape.codes)
    kinds[ends] = len(tape.primitives)
    kept = depths >= 0
    _, which, members = np.unique(
        depths[kept] * (len(tape.primitives) + 1) + kinds[kept],
        return_inverse=True, return_counts=True,
    )  # fmt: skip
    is_wide = members[which] >= FEWEST
    wide, narrow = int(costs[kept][is_wide].sum()), int(costs[kept][~is_wide].sum())
    groups = int((members >= FEWEST).sum())
    each = _STRAIGHT if wide + narrow < _CACHED else _STRAIGHT_FAR
    saved = (each - _WIDE) * wide - _GROUP * groups
    return narrow <= MOST_NARROW and saved > _LEAST_SAVED * each * (wide + narrow)


class Wide(Scalar):
    """A compiled tape: called with the numbers of its inputs it returns those of its outputs.

    Several threads may call it at once.
    """

    def _write(self, tape: Tape, module: Module, contract: bool) -> None:
        _Writer(tape, module, contract).write()

    def _level(self, module: Module) -> int:
        return 2  # what is made in a hurry runs three times as long, and loops are few


# --- Operands -------------------------------------------------------------------------------------


class _Operand:
    """What a loop or a sum reads: for each row, a round or a sum, and for each term an entry.

    Attributes:
        base: of which array the entries are places, ``%x`` or ``%frame``.
        entries: an array of shape (rows, terms).
        signed: whether they are twice the place, and one more where the number is subtracted.
        is_table: whether there is a row for each vector and term, with an entry for each lane.
        step: from an entry to that of the next row, within every vector; None if there is none.
    """

    def __init__(self, base: str, entries: Whole, negative: Whole | None = None) -> None:
        self.base = base
        self.signed = negative is not None
        self.entries = entries if negative is None else 2 * entries + negative
        self.step: int | None = None
        self.is_table = False

    @staticmethod
    def of_table(base: str, entries: Whole) -> _Operand:
        """An operand whose entries, signed, are in the order in which vectors are read."""
        found = _Operand(base, entries)
        found.signed = found.is_table = True
        return found

    def find_step(self) -> Whole:
        """Set the step between most rows; the rows that are another number after the one before."""
        steps = np.diff(self.entries, axis=0)
        even = (steps == steps[:, :1]).all(axis=1)
        known, counts = np.unique(steps[even, 0], return_counts=True)
        if not len(known):
            return np.arange(1, len(self.entries))
        self.step = int(known[counts.argmax()])
        return np.flatnonzero(~even | (steps[:, 0] != self.step)) + 1


def _cut(operands: Sequence[_Operand], rows: int, lanes: int) -> Whole:
    """The first row of each vector, such that many operands have a step within every vector."""
    most = _WASTE * -(-rows // lanes)
    found = []
    for operand in operands:
        breaks = operand.find_step()
        found.append((_vectors(breaks, rows, lanes), breaks, operand))
    found.sort(key=lambda one: one[0])
    cuts = np.zeros(0, np.int64)
    for _, breaks, operand in found:
        both = np.union1d(cuts, breaks)
        if _vectors(both, rows, lanes) <= most:
            cuts = both
        else:
            operand.step = None
    borders = [0, *cuts.tolist(), rows]
    return np.concatenate([np.arange(a, b, lanes) for a, b in pairwise(borders)])


def _vectors(cuts: Whole, rows: int, lanes: int) -> int:
    """How many vectors it takes if a new one begins at each cut."""
    borders = np.concatenate(([0], cuts, [rows]))
    return int((-(-np.diff(borders) // lanes)).sum())


class _Body:
    """What is done in each round of a loop.

    Attributes:
        operands: what it reads from memory.
    """

    def __init__(self, writer: _Writer, loop: Loop, place: int) -> None:
        tape, plan = writer.tape, writer.plan
        self.operands: list[_Operand] = []
        known: dict[bytes, int] = {}
        self._steps: list[tuple[Primitive, list[tuple[str, int]]]] = []
        self._constants = tape.constants
        for column in loop.columns:
            found = []
            for rows in plan.operands(column).T:
                o = int(rows[0])
                if plan.item_of[o] == place and not plan.round_of[o]:
                    found.append(("column", int(plan.column_of[o])))
                elif o < 0 and (rows == o).all():
                    found.append(("constant", o))
                else:
                    key = rows.tobytes()
                    if key not in known:
                        known[key] = len(self.operands)
                        self.operands.append(writer.operand(rows[:, None], in_loop=True))
                    found.append(("read", known[key]))
            self._steps.append((tape.primitive_of(column[0]), found))

    def write(self, code: Code, reads: Sequence[Callable[[], str]]) -> list[str]:
        """Write a round; the names of its columns' values."""
        columns: list[str] = []
        loaded: dict[int, str] = {}

        def value(kind: str, number: int) -> str:
            if kind == "column":
                return columns[number]
            if kind == "constant":
                return code.constant(self._constants[~number])
            if number not in loaded:
                loaded[number] = reads[number]()
            return loaded[number]

        for primitive, operands in self._steps:
            columns.append(code.operation(primitive, [value(*operand) for operand in operands]))
        return columns


# --- Code -----------------------------------------------------------------------------------------


class _Exact(Code):
    """Code whose lanes call the functions of the C library that straight-line code calls."""

    def c_function(self, name: str, operands: Sequence[str]) -> str:
        """Computed lane by lane: the vector library's differ in the last bits."""
        return self._each_lane(name, operands)


class _Function:
    """A function that goes over vectors of rows, and what one call of it is given.

    Attributes:
        code: what it does.
        parameters: as it declares them.
        arguments: of the call.
    """

    def __init__(self, writer: _Writer, lanes: int, starts: Whole, rows: int) -> None:
        self._writer = writer
        self._lanes = lanes
        rounds = np.minimum(starts[:, None] + np.arange(lanes), rows - 1)
        self._rounds = rounds
        self._starts = starts
        self.code = _Exact(writer.module, lanes, contract=writer.contract)
        self.parameters = ["ptr noalias %x", "ptr noalias %y", "ptr %frame", "i64 %count"]
        self.arguments = ["ptr %x", "ptr %y", "ptr %frame", f"i64 {len(starts)}"]
        self._counts = np.diff(starts, append=rows)
        self._live_table: str | None = None

    def parameter(self, kind: str, value: str) -> str:
        """What differs from call to call."""
        name = f"%p{len(self.parameters)}"
        self.parameters.append(f"{kind} {name}")
        self.arguments.append(f"{kind} {value}")
        return name

    def table(self, numbers: Sequence[int]) -> str:
        """A parameter that is the address of these."""
        return self.parameter("ptr", self._writer.module.table(numbers))

    def entry(self, table: str, place: str, lanes: int = 1) -> str:
        """The entry of a table at that place, as i64, or so many in a row."""
        code = self.code
        at = code.value(f"getelementptr inbounds i32, ptr {table}, i64 {place}")
        few, many = ("i32", "i64") if lanes == 1 else (f"<{lanes} x i32>", f"<{lanes} x i64>")
        return code.value(f"zext {few} {code.value(f'load {few}, ptr {at}, align 4')} to {many}")

    def sum(self, factors: Sequence[Callable[[str], str]], first: str, terms: int | str) -> str:
        """A vector's terms, read from ``first`` on, added up; a number of them is written out."""
        code, total = self.code, self.code.constant(-0.0)

        def added(total: str, k: int | str) -> str:
            at = code.value(f"add nuw nsw i64 {first}, {k}")
            return code.add(total, reduce(code.multiply, [read(at) for read in factors]))

        if isinstance(terms, int):
            return reduce(added, range(terms), total)
        with code.loop(terms, [(code.kind, total)]) as (k, totals, go_on):
            go_on(added(totals[0], k))
        return totals[0]

    def store(self, target: str, value: str, vector: str) -> None:
        """Put a vector into its place of a column that begins at ``target``."""
        code = self.code
        at = code.value(f"mul nuw nsw i64 {vector}, {self._lanes}")
        code.store(value, code.at(target, at), 8 * self._lanes)

    def column(self, place: int) -> str:
        """The address of a column in the frame."""
        return self.code.at("%frame", self.parameter("i64", str(place)))

    def outputs(self, operand: _Operand) -> Callable[[str, str], None]:
        """How to write a vector to outputs in a row: a function of its value and its number."""
        first = self.table(operand.entries[self._starts].ravel().tolist())

        def write(value: str, vector: str) -> None:
            code, lanes = self.code, self._lanes
            target = code.at("%y", self.entry(first, vector))
            mask = self._live(vector)
            if mask is None:
                code.store(value, target)
                return
            name = f"llvm.masked.store.v{lanes}f64.p0"
            kinds = code.kind, "ptr", "i32", code.kind_of("i1")
            code.module.declare(name, f"declare void @{name}({', '.join(kinds)})")
            values = zip(kinds, (value, target, "8", mask), strict=True)
            code.do(f"call void @{name}({', '.join(map(' '.join, values))})")

        return write

    def _live(self, vector: str) -> str | None:
        """Which lanes of a vector have a row; None if all have."""
        if (self._counts == self._lanes).all():
            return None
        if self._live_table is None:
            self._live_table = self.table(self._counts.tolist())
        code, kind = self.code, self.code.kind_of("i64")
        count = self._splat_of(self.entry(self._live_table, vector))
        numbers = ", ".join([f"i64 {lane}" for lane in range(self._lanes)])
        return code.value(f"icmp ugt {kind} {count}, <{numbers}>")

    def only_live(self, value: str, vector: str) -> str:
        """A vector's numbers; -0.0, which adds nothing, in lanes that have no row."""
        mask = self._live(vector)
        return value if mask is None else self.code.select(mask, value, self.code.constant(-0.0))

    def reader(self, operand: _Operand) -> Callable[[str], str]:
        """How to read one of an operand's vectors, term by term: of vector b, b * terms + t."""
        code, entries = self.code, operand.entries
        pitch = self._pitch(operand)
        if operand.is_table:
            table = self.table(entries.ravel().tolist())
        elif pitch is None:
            vectors = entries[self._rounds].transpose(0, 2, 1)
            table = self.table(vectors.ravel().tolist())
        elif entries.shape[1] == 1 and not operand.signed and (entries == entries[0]).all():
            place = self.parameter("i64", str(entries[0, 0]))
            number = self._splat(code.at(operand.base, place))
            return lambda _: number
        else:
            table = self.table(entries[self._starts].ravel().tolist())
        return partial(self._read, operand, pitch, table)

    def _pitch(self, operand: _Operand) -> int | None:
        """How far apart the numbers of a vector are, if all lanes lie in the array."""
        if operand.step is None or operand.is_table:
            return None
        if operand.signed and operand.step % 2:
            return None
        pitch = operand.step >> operand.signed
        first = operand.entries[self._starts] >> operand.signed
        last = first + pitch * (self._lanes - 1)
        end = self._writer.end(operand.base)
        if first.size and not 0 <= min(last.min(), first.min()) <= last.max() < end:
            return None
        return pitch

    def _read(self, operand: _Operand, pitch: int | None, table: str, at: str) -> str:
        code, lanes = self.code, 1
        if pitch is None:
            lanes = self._lanes
            at = at if lanes == 1 else code.value(f"mul nuw nsw i64 {at}, {lanes}")
        entry = self.entry(table, at, lanes)
        kind = "i64" if lanes == 1 else f"<{lanes} x i64>"
        if operand.signed:
            one, top = ("1", "63") if lanes == 1 else ("splat (i64 1)", "splat (i64 63)")
            sign = code.value(f"shl {kind} {entry}, {top}")
            entry = code.value(f"lshr {kind} {entry}, {one}")
        if lanes > 1:
            pointers = code.value(
                f"getelementptr inbounds double, ptr {operand.base}, {kind} {entry}"
            )
            number = self._gather(pointers)
        else:
            number = self._row(code.at(operand.base, entry), pitch or 0)
        if not operand.signed:
            return number
        if lanes < self._lanes:
            sign = self._splat_of(sign)
        wide = code.kind_of("i64")
        bits = code.value(f"bitcast {code.kind} {number} to {wide}")
        flipped = code.value(f"xor {wide} {bits}, {sign}")
        return code.value(f"bitcast {wide} {flipped} to {code.kind}")

    def _row(self, pointer: str, pitch: int) -> str:
        """The numbers at equal distances from an address on."""
        code, lanes = self.code, self._lanes
        if pitch == 0 or lanes == 1:
            return self._splat(pointer)
        if pitch == 1:
            return code.load(pointer)
        distances = ", ".join([f"i64 {pitch * lane}" for lane in range(lanes)])
        return self._gather(
            code.value(
                f"getelementptr inbounds double, ptr {pointer}, <{lanes} x i64> <{distances}>"
            )
        )

    def _splat(self, pointer: str) -> str:
        """The number at an address in all lanes."""
        return self.code.splat(self.code.value(f"load double, ptr {pointer}, align 8"))

    def _splat_of(self, whole: str) -> str:
        code, kind = self.code, self.code.kind_of("i64")
        first = code.value(f"insertelement {kind} poison, i64 {whole}, i64 0")
        return code.value(
            f"shufflevector {kind} {first}, {kind} poison, <{self._lanes} x i32> zeroinitializer"
        )

    def _gather(self, pointers: str) -> str:
        """The numbers at a vector of addresses."""
        code, lanes = self.code, self._lanes
        name = f"llvm.masked.gather.v{lanes}f64.v{lanes}p0"
        kinds = f"<{lanes} x ptr>", "i32", f"<{lanes} x i1>", code.kind
        code.module.declare(name, f"declare {code.kind} @{name}({', '.join(kinds)})")
        values = pointers, "8", "splat (i1 true)", "poison"
        arguments = ", ".join(map(" ".join, zip(kinds, values, strict=True)))
        return code.value(f"call {code.kind} @{name}({arguments})")


class _Writer(straight.Writer):
    """Writes a tape into a module, in loops."""

    def _plan(self) -> None:
        self.lanes = engine.host().lanes
        self.plan = Plan(self.tape)
        self.places = {}
        self.size = 0
        slots = self.tape.slots + len(self.tape.constants)
        self._place_of = np.full(slots, -1)  # in the frame, of slots and of constants (below 0)
        self.copied: list[int] = []
        self._nothing: int | None = None
        self._free: dict[int, list[int]] = {}
        self._ending: dict[int, list[tuple[int, int]]] = {}
        self._functions: dict[str, str] = {}
        self._calls: list[str] = []
        self._find_last_reads()

    def write(self) -> None:
        """Write all."""
        self._write_straight([], is_first=True)
        for place, item in enumerate(self.plan.items):
            if isinstance(item, Straight):
                self._straight(item)
            elif isinstance(item, Sums):
                self._sums(item)
            else:
                self._loop(item, place)
            for size, start in self._ending.pop(place, ()):
                self._free.setdefault(size, []).append(start)
        self._copy_outputs()
        self.size += 2 * self.lanes  # of the last vector some lanes may be read beyond the end
        names: list[str] = []
        for k in range(0, len(self._calls), CALLS):
            names.append(f"part{len(names)}")
            self._define(names[-1], [*self._calls[k : k + CALLS], "  ret void"])
        self._driver(names)

    def _define(self, name: str, lines: Sequence[str]) -> None:
        head = f"internal void @{name}(ptr noalias %x, ptr noalias %y, ptr noalias %frame)"
        self.module.define(f"{head} noinline nounwind", lines)

    def _call(
        self, name: str, arguments: Sequence[str] = ("ptr %x", "ptr %y", "ptr %frame")
    ) -> None:
        self._calls.append(f"  call void @{name}({', '.join(arguments)})")

    # --- Memory -----------------------------------------------------------------------------------

    def _find_last_reads(self) -> None:
        """Of each slot the last item that reads it from the frame, or the end; else -1."""
        tape, plan = self.tape, self.plan
        self._last = np.full(len(self._place_of), -1)
        reads, distinct = 0, np.zeros(tape.inputs, np.bool_)
        for place, item in enumerate(plan.items):
            if isinstance(item, Sums):
                for rows in item.factors:
                    for row in rows:
                        self._last[row] = place
            elif isinstance(item, Straight):
                for slot in item.nodes:
                    operands = tape.operands_of(slot)
                    is_long = straight.is_long(tape.primitive_of(slot), len(operands))
                    for o in operands:
                        if is_long or plan.item_of[o] != place:
                            self._last[o] = place
            else:
                for column in item.columns:
                    found = plan.operands(column).ravel()
                    self._last[found[plan.item_of[found] != place]] = place
                    of_inputs = found[(found >= 0) & (found < tape.inputs)]
                    reads += len(of_inputs)
                    distinct[of_inputs] = True
                for sum_ in plan.along.get(place, ()):
                    self._last[whole_numbers(sum_.begin).ravel()] = place
        self._is_read = self._last >= 0
        self._is_written = np.zeros(len(tape.outputs), np.bool_)
        outputs = whole_numbers(tape.outputs)
        self._stored_outputs = np.flatnonzero(
            np.append(self._is_in_lanes(), False)[plan.item_of[outputs]]
        )
        self._last[outputs[self._stored_outputs]] = len(plan.items)
        # Inputs that loops read again and again are laid down in the order of the first time.
        self._rearranged = reads >= 4 * int(distinct.sum())

    def _is_in_lanes(self) -> list[bool]:
        return [not isinstance(item, Straight) for item in self.plan.items]

    def end(self, base: str) -> int:
        """How many numbers are sure to be in an array."""
        return self.tape.inputs if base == "%x" else self.size + self.lanes

    def _allocate(self, count: int) -> int:
        free = self._free.get(count)
        if free:
            return free.pop()
        start = self.size
        self.size += count
        return start

    def _allocate_column(self, column: Sequence[int], starts: Whole, lanes: int) -> int:
        """A place for each member, as the vectors that begin at these are stored."""
        size = lanes * len(starts)
        self.size += -self.size % self.lanes
        start = self._allocate(size)
        slots, rounds = np.array(column), np.arange(len(column))
        vectors = np.searchsorted(starts, rounds, side="right") - 1
        self._place_of[slots] = start + lanes * vectors + rounds - starts[vectors]
        last = int(self._last[slots].max())
        self._ending.setdefault(last, []).append((size, start))
        return start

    def _new_place(self) -> int:
        """One that nothing has had before: what it holds is there from the beginning."""
        self.size += 1
        return self.size - 1

    def _places(self, operands: Whole) -> Whole:
        """In the frame; inputs and constants are copied there, before all else."""
        missing = operands[self._place_of[operands] < 0]
        if missing.size:
            known, firsts = np.unique(missing, return_index=True)
            new = known[np.argsort(firsts)]
            self._place_of[new] = self.size + np.arange(len(new))
            self.size += len(new)
            self.copied += new.tolist()
        return self._place_of[operands]

    def operand(
        self, rows: Whole, negative: Whole | None = None, *, in_loop: bool = False
    ) -> _Operand:
        """What is read for each row and term."""
        are_inputs = rows.min() >= 0 and rows.max() < self.tape.inputs
        if are_inputs and not (in_loop and self._rearranged):
            return _Operand("%x", rows, negative)
        return _Operand("%frame", self._places(rows), negative)

    # --- Items ------------------------------------------------------------------------------------

    def _straight(self, item: Straight) -> None:
        nodes = []
        self.places = {}
        for slot in item.nodes:
            node = Node(slot, self.tape.primitive_of(slot), self.tape.operands_of(slot))
            nodes.append(node)
            if node.is_long:
                self._places(whole_numbers([o for o in node.operands if o < self.tape.inputs]))
            if self._last[slot] >= 0:
                self._place_of[slot] = start = self._allocate(1)
                self._ending.setdefault(int(self._last[slot]), []).append((1, start))
            for o in (slot, *node.operands):
                if self._place_of[o] >= 0:
                    self.places[o] = int(self._place_of[o])
        self._write_straight(nodes, is_first=False)

    def _write_straight(self, nodes: Sequence[Node], *, is_first: bool) -> None:
        code = self._chunk(nodes, is_first)
        if len(code.lines) > 1:
            name = f"chunk{len(self._calls)}"
            self._define(name, code.lines)
            self._call(name)

    def _loop(self, loop: Loop, place: int) -> None:
        body = _Body(self, loop, place)
        ends = {k: self._outputs_of(np.array(column)) for k, column in enumerate(loop.columns)}
        rows = {k: _Operand("%y", found) for k, found in ends.items() if found is not None}
        starts = _cut([*body.operands, *rows.values()], loop.rounds, self.lanes)
        function = _Function(self, self.lanes, starts, loop.rounds)
        reads = [function.reader(operand) for operand in body.operands]
        writes: list[tuple[int, Callable[[str, str], None]]] = []
        for k, column in enumerate(loop.columns):
            if k in rows and rows[k].step == 1:
                self._is_written[rows[k].entries] = True
                writes.append((k, function.outputs(rows[k])))
            elif (self._last[column] >= 0).any():
                target = function.column(self._allocate_column(column, starts, self.lanes))
                writes.append((k, partial(function.store, target)))
        along = self.plan.along.get(place, ())
        state = [("double", self._begin(function, sum_)) for sum_ in along]
        with function.code.loop("%count", state) as (b, totals, go_on):
            values = body.write(function.code, [partial(read, b) for read in reads])
            for k, write in writes:
                write(values[k], b)
            pairs = zip(totals, along, strict=True)
            go_on(*[self._add_up(function, total, sum_, values, b) for total, sum_ in pairs])
        for total, sum_ in zip(totals, along, strict=True):
            if self._last[sum_.member] >= 0:
                start = self._allocate_column([sum_.member], np.zeros(1, np.int64), 1)
                function.code.do(f"store double {total}, ptr {function.column(start)}, align 8")
        self._add(function)

    def _begin(self, function: _Function, sum_: Along) -> str:
        """The sum of the terms before the first round."""
        code = function.code
        total = "0x8000000000000000"  # -0.0
        for factors, minus in zip(sum_.begin, sum_.negative, strict=False):
            numbers = []
            for o in factors:
                operand = self.operand(np.array([[o]]))
                place = function.parameter("i64", str(operand.entries[0, 0]))
                at = code.at(operand.base, place)
                numbers.append(code.value(f"load double, ptr {at}, align 8"))
            found = reduce(lambda a, b: code.value(f"fmul double {a}, {b}"), numbers)
            total = code.value(f"{'fsub' if minus else 'fadd'} double {total}, {found}")
        return total

    def _add_up(
        self, function: _Function, total: str, sum_: Along, values: Sequence[str], vector: str
    ) -> str:
        """Add the terms of a vector's rounds to a sum, one after the other."""
        code = function.code
        terms = []
        for factors, minus in zip(sum_.terms, sum_.negative[len(sum_.begin) :], strict=False):
            numbers = [
                values[k] if k >= 0 else code.constant(self.tape.constants[~k]) for k in factors
            ]
            found = reduce(code.multiply, numbers)
            found = code.value(f"fneg {code.kind} {found}") if minus else found
            terms.append(function.only_live(found, vector))
        for lane in range(self.lanes):
            for term in terms:
                number = code.value(f"extractelement {code.kind} {term}, i64 {lane}")
                total = code.value(f"fadd double {total}, {number}")
        return total

    def _outputs_of(self, column: Whole) -> Whole | None:
        """The outputs that the members are, if each is one, and is needed for nothing else."""
        if (self._last[column] != len(self.plan.items)).any():
            return None
        found = [self.outputs[slot] for slot in column.tolist()]
        if any(len(outputs) != 1 for outputs in found) or self._is_read[column].any():
            return None
        return np.array(found, np.int64)

    def _sums(self, sums: Sums) -> None:
        rows = len(sums.members)
        lanes = 1 if rows == 1 else self.lanes
        lengths = [len(row) for row in sums.factors[0]]
        if min(lengths) < max(lengths):
            self._uneven_sums(sums, lengths)
            return
        negative = np.array(sums.negative) if any(map(any, sums.negative)) else None
        operands = [self.operand(whole_numbers(given), negative) for given in sums.factors]
        starts = _cut(operands, rows, lanes)
        function = _Function(self, lanes, starts, rows)
        reads = [function.reader(operand) for operand in operands]
        terms = function.parameter("i64", str(lengths[0]))
        is_short = lengths[0] <= WRITTEN_OUT
        code = function.code
        target = function.column(self._allocate_column(sums.members, starts, lanes))
        with code.loop("%count") as (b, _, go_on):
            first = code.value(f"mul nuw nsw i64 {b}, {terms}")
            total = function.sum(reads, first, lengths[0] if is_short else terms)
            function.store(target, total, b)
            go_on()
        self._add(function)

    def _uneven_sums(self, sums: Sums, lengths: Sequence[int]) -> None:
        """The longest first; what in a vector a shorter one lacks is -0.0, which adds nothing."""
        (terms,), negative = sums.factors, sums.negative
        order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
        if self._nothing is None:
            self._nothing = self._new_place()
        starts = np.arange(0, len(order), self.lanes)
        entries = []
        for start in starts.tolist():
            rows = order[start : start + self.lanes]
            found = np.full((lengths[rows[0]], self.lanes), 2 * self._nothing, np.int64)
            for lane, i in enumerate(rows):
                places = self._places(whole_numbers(terms[i]))
                found[: len(places), lane] = 2 * places + np.array(negative[i])
            entries.append(found)
        function = _Function(self, self.lanes, starts, len(order))
        read = function.reader(_Operand.of_table("%frame", np.concatenate(entries)))
        borders = function.table([0, *accumulate(len(found) for found in entries)])
        members = [sums.members[i] for i in order]
        target = function.column(self._allocate_column(members, starts, self.lanes))
        code = function.code
        with code.loop("%count") as (b, _, go_on):
            first = function.entry(borders, b)
            end = function.entry(borders, code.value(f"add nuw nsw i64 {b}, 1"))
            count = code.value(f"sub nuw nsw i64 {end}, {first}")
            function.store(target, function.sum([read], first, count), b)
            go_on()
        self._add(function)

    def _add(self, function: _Function) -> None:
        """Call it, or one that is the same."""
        function.code.do("ret void")
        text = "\n".join((*function.parameters, *function.code.lines))
        name = self._functions.get(text)
        if name is None:
            name = self._functions[text] = f"loop{len(self._functions)}"
            head = f"internal void @{name}({', '.join(function.parameters)}) noinline nounwind"
            self.module.define(head, function.code.lines)
        self._call(name, function.arguments)

    # --- Beginning and end ------------------------------------------------------------------------

    def _copy(self, code: Code, frame: str) -> None:
        """Lay down the inputs and constants that are read from the frame."""
        copied = whole_numbers(self.copied)
        inputs, constants = copied[copied >= 0], copied[copied < 0]
        self._move(code, "%x", inputs, frame, self._place_of[inputs])
        numbers = [self.tape.constants[~o] for o in constants.tolist()]
        places = self._place_of[constants]
        if self._nothing is not None:
            numbers.append(-0.0)
            places = np.append(places, self._nothing)
        if numbers:
            halves = array("i", array("d", numbers).tobytes())
            self._move(code, self.module.table(halves), np.arange(len(numbers)), frame, places)

    def _copy_outputs(self) -> None:
        """Those that loops and sums have computed."""
        outputs = self._stored_outputs[~self._is_written[self._stored_outputs]]
        if len(outputs):
            code = Code(self.module)
            slots = whole_numbers(self.tape.outputs)[outputs]
            self._move(code, "%frame", self._place_of[slots], "%y", outputs)
            code.do("ret void")
            self._define("outputs", code.lines)
            self._call("outputs")

    def _move(self, code: Code, source: str, of: Whole, target: str, to: Whole) -> None:
        """Copy numbers from places of one array to places of another."""
        order = np.argsort(to)
        of, to = of[order], to[order]
        cuts = np.flatnonzero((np.diff(of) != 1) | (np.diff(to) != 1)) + 1
        scattered: list[int] = []
        for a, b in pairwise([0, *cuts.tolist(), len(to)]):
            if b - a < FEWEST_COPIED:
                scattered += np.stack((of[a:b], to[a:b]), axis=1).ravel().tolist()
                continue
            start, end = code.at(source, int(of[a])), code.at(target, int(to[a]))
            copy = "llvm.memcpy.p0.p0.i64"
            self.module.declare(copy, f"declare void @{copy}(ptr, ptr, i64, i1)")
            code.do(f"call void @{copy}(ptr {end}, ptr {start}, i64 {8 * (b - a)}, i1 false)")
        if scattered:
            self._define_move()
            table, count = self.module.table(scattered), len(scattered) // 2
            code.do(f"call void @move(ptr {source}, ptr {target}, ptr {table}, i64 {count})")

    def _define_move(self) -> None:
        if self.module.defines("move"):
            return
        code = Code(self.module)
        with code.loop("%count") as (k, _, go_on):
            at = code.value(f"getelementptr [2 x i32], ptr %table, i64 {k}")
            places = []
            for half in (0, 1):
                entry = code.value(f"getelementptr i32, ptr {at}, i64 {half}")
                place = code.value(f"load i32, ptr {entry}, align 4")
                places.append(code.value(f"zext i32 {place} to i64"))
            of, to = places
            code.store(code.load(code.at("%of", of), 4), code.at("%to", to))
            go_on()
        code.do("ret void")
        head = "internal void @move(ptr noalias %of, ptr noalias %to, ptr %table, i64 %count)"
        self.module.define(f"{head} noinline nounwind", code.lines, "move")
