"""The interpreter: any tape, run forward and backward at once, with nothing compiled for it.

Running costs a few nanoseconds a node (a network written operation by operation: 4 forward and
backward) and 28 bytes for one with two operands: 12 of the program, 8 of its number, 8 of its
adjoint. What runs is machine code made once for all tapes, from the rules table: see
``instructions``.
"""

from __future__ import annotations

import operator
import struct

import numpy as np

from autograd_scalar.primitives import as_float
from autograd_scalar.tape.native import emit
from autograd_scalar.tape.native import instructions as layout
from autograd_scalar.tape.native.encode import Encoded, Stream, Unsupported
from autograd_scalar.tape.native.instructions import instructions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from autograd_scalar.tape.program import Guard, Tape

    Numbers = NDArray[np.float64]

__all__ = ["GuardBroken", "Program", "Unsupported"]


class GuardBroken(Exception):
    """A comparison came out otherwise than when the tape was recorded: it needs another recording.

    Attributes:
        guard: the first one of the tape that does not hold.
        index: its place among the guards.
    """

    def __init__(self, guard: Guard, index: int) -> None:
        where = f" ({guard.line})" if guard.line else ""
        super().__init__(f"the comparison in slot {guard.slot}{where} is no longer {guard.outcome}")
        self.guard = guard
        self.index = index


class Program:
    """A tape that is ready to run.

    >>> from autograd_scalar.tape.variables import Builder
    >>> builder = Builder(2)
    >>> x, y = builder.inputs
    >>> program = Program(builder.tape([x * y + x]))
    >>> program.run([3.0, 10.0])
    [33.0]
    >>> program.value_and_gradient([3.0, 10.0])
    (33.0, [11.0, 3.0])

    Gradients are those of ``Value.backward``, to the last bit where there is only arithmetic: nodes
    are visited in reverse order, one whose gradient is exactly 0 passes on nothing, and
    contributions are added in the order of operands.

    Any number of threads may run the same program. Each has numbers and adjoints of its own, and
    lets others run meanwhile.

    Args:
        tape: what to run.
        derivatives: whether there will be gradients to compute; without, it takes less memory.

    Attributes:
        inputs: how many there are.
        outputs: how many there are.

    Raises:
        ImportError: if llvmlite is not installed.
        ValueError: if the tape is none.
        Unsupported: if a derivative rule of yours can't run on variables of a tape.
    """

    def __init__(self, tape: Tape, *, derivatives: bool = True) -> None:
        machine = instructions()
        self._run = machine.run
        self._value_and_gradient = machine.value_and_gradient
        self._library = machine.library
        self._encoded = Encoded(tape, derivatives)
        self._guards = tape.guards
        self._guard_places = np.array([guard.slot for guard in tape.guards], np.int64)
        self._guard_outcomes = np.array([guard.outcome for guard in tape.guards], np.bool_)
        self._outputs = tape.outputs.tolist()
        self._packing = struct.Struct(f"={tape.inputs}d")
        self._idle: list[_Frame] = []
        self._derivatives = derivatives
        self.inputs = tape.inputs
        self.outputs = len(self._outputs)

    def run(self, inputs: Sequence[float]) -> list[float]:
        """The numbers of the outputs.

        Raises what ``value_and_gradient`` does.
        """
        frame = self._frame()
        try:
            self._pack(inputs, frame)
            self._run(frame.address)
            self._look(frame)
            number = frame.number
            return [number(o) for o in self._outputs]
        finally:
            self._idle.append(frame)

    def value_and_gradient(
        self, inputs: Sequence[float], output: int = 0, wrt: Sequence[int] | None = None
    ) -> tuple[float, list[float]]:
        """An output and its derivatives by the inputs ``wrt``, which are their numbers; None: all.

        Raises ValueError for another number of inputs than the tape has, TypeError for one that is
        no number, IndexError for an output or input that there is not, GuardBroken if a comparison
        comes out otherwise than it was recorded, and what a primitive of yours raises.
        """
        if wrt is not None:
            self._check_wrt(wrt)
        index = self._checked_output(output)
        frame = self._frame()
        try:
            self._pack(inputs, frame)
            value = self._differentiate(frame, index)
            gradient: list[float] = frame.gradient.tolist()
            return value, gradient if wrt is None else [gradient[i] for i in wrt]
        finally:
            self._idle.append(frame)

    def outputs_and_gradient(
        self, inputs: Sequence[float], output: int, wrt: Sequence[int]
    ) -> tuple[list[float], list[float]]:
        """All outputs, and the derivatives of one of them; see ``value_and_gradient``."""
        self._check_wrt(wrt)
        index = self._checked_output(output)
        frame = self._frame()
        try:
            self._pack(inputs, frame)
            self._differentiate(frame, index)
            number, gradient = frame.number, frame.gradient.tolist()
            return [number(o) for o in self._outputs], [gradient[i] for i in wrt]
        finally:
            self._idle.append(frame)

    def run_into(self, inputs: Numbers, outputs: Numbers) -> None:
        """Run at an array of all inputs and write the outputs into an array.

        >>> from autograd_scalar.tape.variables import Builder
        >>> builder = Builder(2)
        >>> program = Program(builder.tape([builder.inputs[0] / builder.inputs[1]]))
        >>> quotient = np.empty(1)
        >>> program.run_into(np.array([3.0, 4.0]), quotient)
        >>> quotient
        array([0.75])

        Raises what ``value_and_gradient`` does; ValueError for arrays of another shape.
        """
        _check_shape("outputs", outputs, self.outputs)
        _check_shape("inputs", inputs, self.inputs)
        frame = self._frame()
        try:
            frame.inputs[:] = inputs
            self._run(frame.address)
            self._look(frame)
            np.take(frame.values, frame.output_places, out=outputs, mode="clip")
        finally:
            self._idle.append(frame)

    def value_and_gradient_into(self, inputs: Numbers, gradient: Numbers, output: int = 0) -> float:
        """Write the derivatives of an output into an array, and return its value.

        ``gradient`` receives the derivatives by the first inputs, as many as it has room for: so
        parameters come first, and data need no derivatives.

        >>> from autograd_scalar.tape.variables import Builder
        >>> builder = Builder(2)
        >>> program = Program(builder.tape([builder.inputs[0] * builder.inputs[1]]))
        >>> gradient = np.empty(1)
        >>> program.value_and_gradient_into(np.array([3.0, 4.0]), gradient), gradient
        (12.0, array([4.]))

        Raises what ``value_and_gradient`` does; ValueError for arrays of another shape.
        """
        _check_shape("inputs", inputs, self.inputs)
        shape = np.shape(gradient)
        if len(shape) != 1 or shape[0] > self.inputs:
            raise ValueError(
                f"gradient must be an array of at most {self.inputs} numbers, one per input, not "
                f"of shape {shape}"
            )
        index = self._checked_output(output)
        frame = self._frame()
        try:
            frame.inputs[:] = inputs
            value = self._differentiate(frame, index)
            gradient[:] = frame.gradient[: shape[0]]
            return value
        finally:
            self._idle.append(frame)

    def values(self, inputs: Sequence[float]) -> list[float]:
        """The number of each slot, whether or not the guards hold: see ``Tape.values``."""
        frame = self._frame()
        try:
            self._pack(inputs, frame)
            self._run(frame.address)
            self._raise_failures()
            constants = len(self._encoded.main.constants)
            return [*frame.values[constants:].tolist(), *frame.values[:constants].tolist()]
        finally:
            self._idle.append(frame)

    @property
    def nbytes(self) -> int:
        """The memory of the program and of one thread that runs it, in bytes."""
        frame = self._frame()
        self._idle.append(frame)
        return frame.nbytes + sum(stream.words.nbytes for stream in _streams(self._encoded))

    def __repr__(self) -> str:
        return f"<interpreter's Program of {self.inputs} inputs and {self.outputs} outputs>"

    def _frame(self) -> _Frame:
        """One that nobody uses: taking it off the list is atomic."""
        try:
            return self._idle.pop()
        except IndexError:
            return _Frame(self._encoded, self._derivatives)

    def _pack(self, inputs: Sequence[float], frame: _Frame) -> None:
        if len(inputs) != self.inputs:
            raise ValueError(f"the tape has {self.inputs} input(s), got {len(inputs)} number(s)")
        try:
            self._packing.pack_into(frame.values.data, frame.offset, *inputs)
        except struct.error:
            numbers = [as_float(x, f"input {i}") for i, x in enumerate(inputs)]
            self._packing.pack_into(frame.values.data, frame.offset, *numbers)

    def _checked_output(self, output: int) -> int:
        if not self._derivatives:
            raise ValueError("this program was made without derivatives")
        index = operator.index(output)
        if not 0 <= index < self.outputs:
            raise IndexError(f"output {index} is not one of 0..{self.outputs - 1}")
        return index

    def _check_wrt(self, wrt: Sequence[int]) -> None:
        if wrt and not 0 <= min(wrt) <= max(wrt) < self.inputs:
            raise IndexError(f"wrt must be inputs, of 0..{self.inputs - 1}, not {list(wrt)}")

    def _differentiate(self, frame: _Frame, output: int) -> float:
        """The value of an output; its derivatives are the adjoints of the inputs then."""
        slot = self._outputs[output]
        if slot < 0:
            self._run(frame.address)
            frame.gradient[:] = 0.0
            value = frame.number(slot)
        else:
            end = frame.code + 4 * int(self._encoded.main.ends[output])
            value = self._value_and_gradient(frame.address, end, slot)
        self._look(frame)
        return value

    def _look(self, frame: _Frame) -> None:
        """Raise what must not be overlooked after a run."""
        self._raise_failures()
        if self._guards:
            outcomes = frame.values[self._guard_places + len(self._encoded.main.constants)] != 0
            broken = np.flatnonzero(outcomes != self._guard_outcomes)
            if len(broken):
                index = int(broken[0])
                raise GuardBroken(self._guards[index], index)

    def _raise_failures(self) -> None:
        for callback in self._encoded.callbacks:
            callback.raise_failure()
        emit.raise_failures(self._library)


def _check_shape(name: str, array: Numbers, count: int) -> None:
    if getattr(array, "shape", None) != (count,):
        raise ValueError(
            f"{name} must be an array of {count} number(s), not of shape {np.shape(array)}"
        )


def _streams(encoded: Encoded) -> Iterator[Stream]:
    yield encoded.main
    for stream, _ in encoded.programs:
        yield stream


class _Frame:
    """The numbers and adjoints of one thread that runs a program, as the machine code finds them.

    Between runs all adjoints are 0 but for those of inputs: an instruction that has used the one of
    its node sets it to 0, which costs less than to clear them all.

    Attributes:
        address: of the fields that machine code reads.
        code: address of the program.
        values: of constants, backwards, then of slots.
        inputs: that part of the values.
        gradient: that part of the adjoints.
        offset: of slot 0 in the values, in bytes.
        number: of a slot or a constant.
        output_places: of outputs, in the values.
        nbytes: what it takes.
    """

    number: Callable[[int], float]

    def __init__(self, encoded: Encoded, derivatives: bool) -> None:
        main = encoded.main
        before = len(main.constants)
        self.code = main.words.ctypes.data
        self.values = _values_of(main)
        adjoints = np.zeros(main.slots if derivatives else 0)
        self.gradient = adjoints[: main.inputs]
        self.inputs = self.values[before : before + main.inputs]
        self.offset = 8 * before
        self.output_places = main.outputs + before
        slots = self.values.data
        self.number = lambda operand: slots[before + operand]
        programs = [(stream, _values_of(stream), wants) for stream, wants in encoded.programs]
        entries = np.zeros((len(programs) + 1, layout.PROGRAM_WORDS), np.int64)
        for entry, (stream, values, wants) in zip(entries, programs, strict=False):
            slot_0 = values.ctypes.data + 8 * len(stream.constants)
            entry[layout.PROGRAM_CODE] = stream.words.ctypes.data
            entry[layout.PROGRAM_VALUES] = slot_0
            entry[layout.PROGRAM_FIRST] = slot_0 + 8 * stream.inputs
            entry[layout.PROGRAM_OUTPUTS] = stream.outputs.ctypes.data
            entry[layout.PROGRAM_OPERANDS] = wants
        callbacks = np.array([c.address for c in encoded.callbacks], np.int64)
        scratch = np.empty(encoded.most_operands)
        slot_0 = self.values.ctypes.data + self.offset
        fields = np.zeros(layout.FRAME_WORDS, np.int64)
        fields[layout.CODE] = self.code
        fields[layout.VALUES] = slot_0
        fields[layout.FIRST] = slot_0 + 8 * main.inputs
        fields[layout.ADJOINTS] = adjoints.ctypes.data
        fields[layout.PROGRAMS] = entries.ctypes.data
        fields[layout.CALLBACKS] = callbacks.ctypes.data
        fields[layout.SCRATCH] = scratch.ctypes.data
        fields[layout.INPUTS] = main.inputs
        self.address = fields.ctypes.data
        self._kept = [encoded, fields, entries, callbacks, scratch, programs]
        arrays = [self.values, adjoints, scratch, *[values for _, values, _ in programs]]
        self.nbytes = sum(array.nbytes for array in arrays)


def _values_of(stream: Stream) -> Numbers:
    values = np.empty(len(stream.constants) + stream.slots)
    values[: len(stream.constants)] = stream.constants
    return values
