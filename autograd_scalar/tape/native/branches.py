"""A tape as straight LLVM code, where a costly arm of a choice is computed only if it is chosen.

A tape's ``where`` computes both of its operands and selects one. That is right for arithmetic. But
the rule of a power, say, has four cases, each with a call of the C library. Here the nodes that
only one arm of a ``where`` needs are moved behind a branch, if there is such a call among them.
"""

from __future__ import annotations

from autograd_scalar import rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograd_scalar.tape.native.emit import Code
    from autograd_scalar.tape.program import Tape

_CHEAP = frozenset({
    "+", "-", "*", "/", "neg", "abs", "sqrt", "floor", "ceil", "<", "<=", "where", "pick",
    "copysign", "product_error",
})  # fmt: skip


def write(code: Code, tape: Tape, inputs: Sequence[str]) -> list[str]:
    """Write a lowered tape of ``inputs`` (names of LLVM values); the names of its outputs.

    Where the tape has costly choices the code goes on in another basic block than it began in.

    >>> from autograd_scalar.tape.native.emit import Code, Module
    >>> from autograd_scalar.tape.variables import Builder
    >>> builder = Builder(1)
    >>> x = builder.inputs[0]
    >>> tape = builder.tape([rules.choose(x > 0, rules.log(x), x)])
    >>> code = Code(Module())
    >>> write(code, tape, ["%x"])
    ['%v8']
    >>> for line in code.lines:
    ...     print(line.strip())
    %v0 = fcmp olt double 0x0000000000000000, %x
    %v1 = uitofp i1 %v0 to double
    br i1 %v0, label %chosen2, label %other3
    chosen2:
    %v5 = call double @log(double %x) nobuiltin
    br label %last6
    last6:
    br label %end4
    other3:
    br label %last7
    last7:
    br label %end4
    end4:
    %v8 = phi double [ %v5, %last6 ], [ %x, %last7 ]
    """
    return _Writer(code, tape, inputs).write()


class _Writer:
    """Regions are numbered: 0 is what is always computed, the others are arms of choices."""

    def __init__(self, code: Code, tape: Tape, inputs: Sequence[str]) -> None:
        self.code = code
        self.tape = tape
        self.names: dict[int, str] = dict(enumerate(inputs))
        for place, number in enumerate(tape.constants):
            self.names[~place] = code.constant(number)
        self.parents = [0]
        self.depths = [0]
        self.arms: dict[int, tuple[int, int]] = {}  # regions of a choice, by its slot
        self.members: dict[int, list[int]] = {}
        self._assign_regions()
        self.conditions = {
            tape.operands_of(slot)[0] for slot in range(tape.inputs, tape.slots)
            if tape.primitive_of(slot) is rules.where
        }  # fmt: skip

    def _assign_regions(self) -> None:
        """Each node into the innermost region in which all its uses are."""
        tape = self.tape
        region: dict[int, int] = dict.fromkeys((o for o in tape.outputs if o >= 0), 0)
        nodes = list(tape.nodes())
        costly = set()
        for slot, primitive, operands in reversed(nodes):
            own = region.setdefault(slot, 0)
            within = [own] * len(operands)
            if primitive is rules.where:
                self.arms[slot] = arms = self._new_region(own), self._new_region(own)
                within[1:] = arms
            elif primitive.name not in _CHEAP:
                costly.add(own)
            for o, where in zip(operands, within, strict=True):
                if o >= 0:
                    region[o] = self._common(region[o], where) if o in region else where
        for inner in range(len(self.parents) - 1, 0, -1):  # from the innermost outwards
            if inner in costly:
                costly.add(self.parents[inner])
        for slot, arms in list(self.arms.items()):
            if costly.isdisjoint(arms):
                del self.arms[slot]
        kept = {0, *[arm for arms in self.arms.values() for arm in arms]}
        for slot, _, _ in nodes:
            where = region[slot]
            while where not in kept:
                where = self.parents[where]
            self.members.setdefault(where, []).append(slot)

    def _new_region(self, parent: int) -> int:
        self.parents.append(parent)
        self.depths.append(self.depths[parent] + 1)
        return len(self.parents) - 1

    def _common(self, a: int, b: int) -> int:
        while a != b:
            if self.depths[a] < self.depths[b]:
                a, b = b, a
            a = self.parents[a]
        return a

    def write(self) -> list[str]:
        for slot in range(self.tape.inputs):
            self._note_condition(slot)
        self._write_region(0)
        return [self.names[o] for o in self.tape.outputs]

    def _write_region(self, region: int) -> None:
        for slot in self.members.get(region, ()):
            if slot in self.arms:
                self._write_choice(slot)
            else:
                operands = [self.names[o] for o in self.tape.operands_of(slot)]
                self.names[slot] = self.code.operation(self.tape.primitive_of(slot), operands)
            self._note_condition(slot)

    def _note_condition(self, slot: int) -> None:
        """Conditions are computed where their number is, to be known in all the regions within."""
        if slot in self.conditions:
            self.code.condition(self.names[slot])

    def _write_choice(self, slot: int) -> None:
        code, operands = self.code, self.tape.operands_of(slot)
        condition = code.condition(self.names[operands[0]])
        starts = [code.label("chosen"), code.label("other")]
        end = code.label("end")
        code.do(f"br i1 {condition}, label %{starts[0]}, label %{starts[1]}")
        came_from = []
        for arm, start, operand in zip(self.arms[slot], starts, operands[1:], strict=True):
            code.block(start)
            self._write_region(arm)
            last = code.label("last")  # an arm with choices of its own ends in another block
            code.do(f"br label %{last}")
            code.block(last)
            code.do(f"br label %{end}")
            came_from.append(f"[ {self.names[operand]}, %{last} ]")
        code.block(end)
        self.names[slot] = code.value(f"phi double {', '.join(came_from)}")
