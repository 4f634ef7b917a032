"""A tape as straight-line machine code, for one set of numbers at a time.

LLVM takes longer than in proportion for a long function: 13 thousand operations in one took 27 s.
So the program is cut into chunks of a few hundred, each a function. What a later chunk needs goes
through a frame in memory, whose places are reused as soon as no one needs the number: the frame is
as large as the program is wide. Operations over many operands are loops over tables of places.
"""

from __future__ import annotations

import ctypes
import struct

from autograd_scalar.tape.kernels import MACHINE, lower
from autograd_scalar.tape.native.emit import (
    Code,
    Module,
    add_exactly,
    raise_failures,
    sum_in_range,
    sum_of,
)
from autograd_scalar.tape.passes import optimize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from autograd_scalar.primitives import Primitive
    from autograd_scalar.tape.program import Tape

CHUNK = 400
"""Arithmetic operations in a function: 200 to 800 compile at the same speed."""

LONG = 24
"""From so many terms on a sum is a loop: its additions wait for each other anyway."""

_LARGEST_ON_STACK = 4096  # doubles of a frame; beyond, malloc


def compile(tape: Tape, *, contract: bool = False) -> Scalar:
    """Machine code that runs a tape.

    >>> from autograd_scalar.tape.variables import Builder
    >>> builder = Builder(2)
    >>> x, y = builder.inputs
    >>> scalar = compile(builder.tape([x * y, x - y]))
    >>> scalar([3.0, 4.0])
    (12.0, -1.0)

    Args:
        tape: the program; its guards are not looked at.
        contract: whether a * b + c may be rounded once instead of twice.

    Raises ImportError if llvmlite is not installed.
    """
    return Scalar(machine_tape(tape), contract)


def machine_tape(tape: Tape) -> Tape:
    """The tape in machine operations; what several kernels compute alike is computed once."""
    lowered = lower(tape)
    return lowered if lowered is tape else optimize(lowered, ("simplify", "share", "prune"))


class Scalar:
    """A compiled tape: called with the numbers of its inputs it returns those of its outputs.

    Several threads may call it at once.

    Attributes:
        inputs, outputs: how many there are.
    """

    def __init__(self, tape: Tape, contract: bool) -> None:
        module = Module()
        self._write(tape, module, contract)
        # Without LLVM's passes: what they could do the tape's own did.
        self._library = module.build(["run"], self._level(module), passes=False)
        pointers = ctypes.c_void_p, ctypes.c_void_p
        self._run = self._library.function("run", None, *pointers)
        self._calls_python = bool(module.callbacks)
        self.inputs, self.outputs = tape.inputs, len(tape.outputs)
        self._pack = struct.Struct(f"{tape.inputs}d").pack_into
        self._unpack = struct.Struct(f"{self.outputs}d").unpack_from
        self._size = 8 * max(1, self.inputs), 8 * max(1, self.outputs)
        self._free: list[tuple[Any, Any, Any, Any]] = []  # one set of buffers for each thread

    def _write(self, tape: Tape, module: Module, contract: bool) -> None:
        Writer(tape, module, contract).write()

    def _level(self, module: Module) -> int:
        return module.level

    def __call__(self, numbers: Sequence[float]) -> tuple[float, ...]:
        """The outputs, in order.

        Raises ValueError if there are more or fewer numbers than inputs, TypeError if one is no
        number, and what a primitive that is called in Python raises.
        """
        try:
            buffers = self._free.pop()
        except IndexError:
            given, found = map(ctypes.create_string_buffer, self._size)
            buffers = (
                given, found,
                ctypes.c_void_p(ctypes.addressof(given)), ctypes.c_void_p(ctypes.addressof(found)),
            )  # fmt: skip
        given, found, input_pointer, output_pointer = buffers
        try:
            self._pack(given, 0, *numbers)
        except struct.error as error:
            if len(numbers) != self.inputs:
                raise ValueError(
                    f"the tape has {self.inputs} input(s), got {len(numbers)} number(s)"
                ) from None
            raise TypeError(f"the inputs of a tape must be numbers: {error}") from None
        self._run(input_pointer, output_pointer)
        if self._calls_python:
            raise_failures(self._library)
        outputs = self._unpack(found)
        self._free.append(buffers)
        return outputs

    @property
    def address(self) -> int | None:
        """Of the machine code, a function (inputs, outputs); None if it calls Python."""
        return None if self._calls_python else self._library.address("run")

    def into(self, input_pointer: int, output_pointer: int) -> None:
        """Read the inputs from an address, and write the outputs to another, as doubles."""
        self._run(input_pointer, output_pointer)
        if self._calls_python:
            raise_failures(self._library)


# --- Chunks ---------------------------------------------------------------------------------------


class Node:
    """A node of the program as it will run: its slot, what it computes and of which operands."""

    __slots__ = ("is_long", "operands", "primitive", "slot")

    def __init__(self, slot: int, primitive: Primitive, operands: Sequence[int]) -> None:
        self.slot = slot
        self.primitive = primitive
        self.operands = operands
        self.is_long = is_long(primitive, len(operands))

    @property
    def cost(self) -> int:
        """How many instructions it becomes, about."""
        if self.is_long:
            return 4
        return _COSTS.get(self.primitive.name, 1) * max(1, len(self.operands) - 1)

    @property
    def cycles(self) -> int:
        """How long its result is waited for, about."""
        return _CYCLES.get(self.primitive.name, 50) * max(1, len(self.operands) // 2)


_COSTS = {"fsum": 13, "exponent": 10, "ldexp": 5}

_CYCLES = {
    "+": 4, "-": 4, "*": 4, "/": 14, "sqrt": 18, "neg": 1, "abs": 1, "<": 4, "<=": 4, "where": 2,
    "floor": 8, "ceil": 8, "dot": 4, "fsum": 24, "pick": 1,
}  # fmt: skip

_LONG_WAIT = 3  # cycles a node: more than most take to issue


def is_long(primitive: Primitive, operands: int) -> bool:
    """Whether an operation has so many operands that it is a loop over a table of them."""
    if MACHINE.get(primitive.name) is not primitive:
        return False
    terms = {"dot": operands // 2, "fsum": operands, "pick": operands}.get(primitive.name, 0)
    return terms >= LONG


def _chunks(tape: Tape) -> Iterator[list[Node]]:
    chunk: list[Node] = []
    cost = 0
    for node in _in_order(tape):
        if chunk and cost + node.cost > CHUNK:
            yield chunk
            chunk, cost = [], 0
        chunk.append(node)
        cost += node.cost
    if chunk:
        yield chunk


def _in_order(tape: Tape) -> list[Node]:
    """The nodes, so ordered that little has to wait.

    Behind the sine of a number stands its cosine: LLVM then calls what computes both. Where the
    longest chain, of which each operation waits for the one before, takes far longer than it takes
    to issue all operations, each node stands where its operands are there: a processor looks for
    what it can do meanwhile among the next few hundred operations only.
    """
    nodes = [Node(slot, primitive, operands) for slot, primitive, operands in tape.nodes()]
    ready: dict[int, int] = {}
    starts: list[int] = []
    for node in nodes:
        start = max([ready.get(o, 0) for o in node.operands], default=0)
        starts.append(start)
        ready[node.slot] = start + node.cycles
    if max(ready.values(), default=0) > _LONG_WAIT * len(nodes):
        order = sorted(range(len(nodes)), key=starts.__getitem__)
        return list(_sums_late([nodes[i] for i in order]))
    return list(_sines_beside_cosines(nodes))


def _sums_late(nodes: Sequence[Node]) -> Iterator[Node]:
    """Long sums stand where they are needed, written out, beside what comes next."""
    long = [node for node in nodes if node.is_long and node.cycles <= 4 * CHUNK]
    added_up = {o for node in long for o in node.operands}
    late = {node.slot: node for node in long if node.slot not in added_up}
    waiting = dict(late)
    for node in late.values():
        node.is_long = False
    for node in nodes:
        if node.slot not in late:
            yield from [waiting.pop(o) for o in dict.fromkeys(node.operands) if o in waiting]
            yield node
    yield from waiting.values()


def _sines_beside_cosines(nodes: Sequence[Node]) -> Iterator[Node]:
    waves: dict[int, list[Node]] = {}
    for node in nodes:
        if node.primitive.name in ("sin", "cos"):
            waves.setdefault(node.operands[0], []).append(node)
    for node in nodes:
        if node.primitive.name in ("sin", "cos"):
            yield from waves.pop(node.operands[0], ())
        else:
            yield node


class Writer:
    """Writes a tape into a module as a function ``void @run(ptr %x, ptr %y)``.

    Attributes:
        outputs: of what is an output, which outputs.
        places: in the frame, of what goes through it.
        size: of the frame.
    """

    places: dict[int, int]
    size: int

    def __init__(self, tape: Tape, module: Module, contract: bool) -> None:
        self.tape = tape
        self.module = module
        self.contract = contract
        self.outputs: dict[int, list[int]] = {}
        for i, o in enumerate(tape.outputs):
            self.outputs.setdefault(o, []).append(i)
        self._plan()

    def _plan(self) -> None:
        self.chunks = list(_chunks(self.tape))
        self._plan_frame()

    def _plan_frame(self) -> None:
        """Give a place in the frame to what another chunk or a loop reads.

        Loops read inputs and constants from there too: these are copied to its beginning.
        """
        tape = self.tape
        born = {node.slot: k for k, chunk in enumerate(self.chunks) for node in chunk}
        last: dict[int, int] = {}  # the chunk after which the place is free
        self.copied: list[int] = []
        for k, chunk in enumerate(self.chunks):
            for node in chunk:
                for o in node.operands:
                    if o >= tape.inputs:
                        if node.is_long or born[o] != k:
                            last[o] = k
                    elif node.is_long and o not in last:
                        last[o] = len(self.chunks)
                        self.copied.append(o)
        self.copied.sort(key=lambda o: o if o >= 0 else tape.inputs - o)
        self.places = {o: place for place, o in enumerate(self.copied)}
        self.size = len(self.copied)
        ending: list[list[int]] = [[] for _ in self.chunks]
        for o, k in last.items():
            if o >= tape.inputs:
                ending[k].append(o)
        free: list[int] = []
        for k, chunk in enumerate(self.chunks):
            for node in chunk:
                if node.slot in last:
                    if not free:
                        free.append(self.size)
                        self.size += 1
                    self.places[node.slot] = free.pop()
            free += [self.places[o] for o in ending[k]]

    def write(self) -> None:
        """Write all."""
        single = len(self.chunks) <= 1 and not self.size
        names = []
        for k, chunk in enumerate(self.chunks or [[]]):
            code = self._chunk(chunk, k == 0)
            name = "run" if single else f"chunk{k}"
            head = f"void @{name}(ptr noalias %x, ptr noalias %y, ptr noalias %frame)"
            if single:
                head = "void @run(ptr noalias %x, ptr noalias %y)"
            else:
                head = head.replace("void", "internal void", 1) + " noinline"
            self.module.define(head + " nounwind", code.lines)
            names.append(name)
        if not single:
            self._driver(names)

    def _driver(self, chunks: Sequence[str]) -> None:
        code = Code(self.module)
        on_heap = self.size > _LARGEST_ON_STACK
        if on_heap:
            self.module.declare("malloc", "declare noalias ptr @malloc(i64)")
            self.module.declare("free", "declare void @free(ptr)")
            memory = code.value(f"call ptr @malloc(i64 {8 * self.size + 64})")
            beyond = code.value(f"getelementptr i8, ptr {memory}, i64 63")
            self.module.declare("llvm.ptrmask.p0.i64", "declare ptr @llvm.ptrmask.p0.i64(ptr, i64)")
            frame = code.value(f"call ptr @llvm.ptrmask.p0.i64(ptr {beyond}, i64 -64)")
        else:
            frame = code.value(f"alloca [{self.size} x double], align 64")
        self._copy(code, frame)
        for name in chunks:
            code.do(f"call void @{name}(ptr %x, ptr %y, ptr {frame})")
        if on_heap:
            code.do(f"call void @free(ptr {memory})")
        code.do("ret void")
        self.module.define("void @run(ptr noalias %x, ptr noalias %y) nounwind", code.lines)

    def _copy(self, code: Code, frame: str) -> None:
        """Lay down the inputs and constants that loops read."""
        inputs = [o for o in self.copied if o >= 0]
        for first, count in _runs(inputs):
            target = code.at(frame, self.places[first])
            self.module.declare(
                "llvm.memcpy.p0.p0.i64",
                "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)",
            )
            code.do(
                f"call void @llvm.memcpy.p0.p0.i64(ptr align 8 {target}, "
                f"ptr align 8 {code.at('%x', first)}, i64 {8 * count}, i1 false)"
            )
        for o in self.copied:
            if o < 0:
                number = code.constant(self.tape.constants[~o])
                code.store(number, code.at(frame, self.places[o]))

    def _chunk(self, chunk: Sequence[Node], is_first: bool) -> Code:
        tape, places = self.tape, self.places
        code = Code(self.module, contract=self.contract)
        known: dict[int, str] = {}

        def value(o: int) -> str:
            found = known.get(o)
            if found is None:
                if o < 0:
                    found = code.constant(tape.constants[~o])
                elif o < tape.inputs:
                    found = code.load(code.at("%x", o))
                else:
                    found = code.load(code.at("%frame", places[o]))
                known[o] = found
            return found

        def hand_on(o: int) -> None:
            for i in self.outputs.get(o, ()):
                code.store(value(o), code.at("%y", i))

        if is_first:
            for o in self.outputs:
                if o < tape.inputs:
                    hand_on(o)
        for node in chunk:
            if node.is_long:
                loop = _LOOPS[node.primitive.name]
                found = loop(code, [places[o] for o in node.operands])
            else:
                found = code.operation(node.primitive, list(map(value, node.operands)))
            known[node.slot] = found
            if node.slot in places:
                code.store(found, code.at("%frame", places[node.slot]))
            if node.slot in self.outputs:
                hand_on(node.slot)
        code.do("ret void")
        return code


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Where in ascending numbers each run of consecutive ones begins, and how long it is."""
    start = 0
    for i in range(1, len(numbers) + 1):
        if i == len(numbers) or numbers[i] != numbers[i - 1] + 1:
            yield numbers[start], i - start
            start = i


# --- Loops ----------------------------------------------------------------------------------------


def _long_dot(code: Code, places: Sequence[int]) -> str:
    half = len(places) // 2
    pairs = [place for pair in zip(places[:half], places[half:], strict=True) for place in pair]
    return _call_loop(code, "dot", _write_dot, pairs, half)


def _long_fsum(code: Code, places: Sequence[int]) -> str:
    return _call_loop(code, "fsum", _write_fsum, places, len(places))


def _call_loop(
    code: Code, name: str, write: Callable[[Code], None], places: Sequence[int], count: int
) -> str:
    if not code.module.defines(name):
        body = Code(code.module, contract=code.contract)
        write(body)
        head = f"internal double @{name}(ptr %frame, ptr %table, i64 %count) noinline nounwind"
        code.module.define(head, body.lines, name)
    table = code.module.table(places)
    return code.value(f"call double @{name}(ptr %frame, ptr {table}, i64 {count})")


def _write_dot(code: Code) -> None:
    with code.loop("%count", [("double", code.constant(-0.0))]) as (k, totals, go_on):
        at = code.value(f"getelementptr [2 x i32], ptr %table, i64 {k}")
        second = code.value(f"getelementptr i32, ptr {at}, i64 1")
        product = code.multiply(_number_at(code, at), _number_at(code, second))
        go_on(code.add(totals[0], product))
    code.do(f"ret double {totals[0]}")


def _write_fsum(code: Code) -> None:
    def summed(scale: str | None) -> str:
        zeros = [("double", code.constant(0.0))] * 3
        with code.loop("%count", zeros) as (k, sums, go_on):
            at = code.value(f"getelementptr i32, ptr %table, i64 {k}")
            go_on(*add_exactly(code, sums, _number_at(code, at), scale))
        return sum_of(code, sums)

    code.do(f"ret double {sum_in_range(code, summed)}")


def _number_at(code: Code, entry: str) -> str:
    """The number in the frame at the place that a table's entry has."""
    place = code.value(f"load i32, ptr {entry}, align 4")
    return code.load(code.at("%frame", code.value(f"zext i32 {place} to i64")))


def _long_pick(code: Code, places: Sequence[int]) -> str:
    index = code.load(code.at("%frame", places[0]))
    below = code.value(f"fcmp olt double {index}, {code.constant(float(len(places) - 1))}")
    above = code.value(f"fcmp oge double {index}, {code.constant(0.0)}")
    floor = code.intrinsic("floor", [index])
    whole = code.value(f"fcmp oeq double {index}, {floor}")
    inside = code.value(f"and i1 {below}, {above}")
    valid = code.value(f"and i1 {inside}, {whole}")
    number = code.select(valid, index, code.constant(0.0))
    place = code.value(f"fptoui double {number} to i64")
    table = code.module.table(places[1:])
    at = code.value(f"getelementptr i32, ptr {table}, i64 {place}")
    return code.select(valid, _number_at(code, at), code.constant(float("nan")))


_LOOPS: dict[str, Callable[[Code, Sequence[int]], str]] = {
    "dot": _long_dot,
    "fsum": _long_fsum,
    "pick": _long_pick,
}
