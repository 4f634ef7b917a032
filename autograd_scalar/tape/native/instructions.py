"""The instructions of the interpreter, generated from the rules table.

A tape is run by calling, node after node, a piece of machine code that does what the node says:
one for each primitive forward, and one backward that runs the primitive's derivative rule. All are
made here, from the kernels and the rules, and compiled once for all tapes. Each ends by jumping to
the next one (threaded code, Bell 1973), so that the processor predicts every jump by itself.

The stream that they read is made of 32-bit words:

    of a node with a fixed number of operands     operands
    of any other                                  n, forward program, operands, backward program, n
    of two nodes, the second using the first      operands of the first, other operand of the second

with one word between these, before the first and after the last. Its first half is the backward
instruction of the node before it, its second half the forward instruction of the node after it: so
one stream is read in both directions.
"""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np

from autograd_scalar import rules
from autograd_scalar.chain_rule import pullback
from autograd_scalar.primitives import RULES
from autograd_scalar.tape.kernels import MACHINE, lower
from autograd_scalar.tape.native import emit
from autograd_scalar.tape.native.branches import write
from autograd_scalar.tape.native.emit import Code
from autograd_scalar.tape.passes import optimize
from autograd_scalar.tape.variables import Builder, NotRecordable, Variable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from autograd_scalar.primitives import Primitive
    from autograd_scalar.tape.program import Tape

    # A primitive, and which of its operands are constants: bit i for operand i.
    Variant = tuple[Primitive, int]

# Fields of the frame that the machine code is given, 64-bit words.
CODE, VALUES, FIRST, ADJOINTS, PROGRAMS, CALLBACKS, SCRATCH, INPUTS = range(8)
FRAME_WORDS = 8

# Fields of a program that is called for one node (see ``CALL``).
PROGRAM_CODE, PROGRAM_VALUES, PROGRAM_FIRST, PROGRAM_OUTPUTS, PROGRAM_OPERANDS = range(5)
PROGRAM_WORDS = 5

HALT = 0

_PAIRED = (rules.add, rules.subtract, rules.multiply)
"""Two of these, the second on the result of the first, are one instruction: half the jumps."""

_FORWARD = "ptr noalias %ip, ptr %V, ptr %d, ptr %T, ptr %C"
_BACKWARD = "ptr noalias %ip, ptr noalias %V, ptr noalias %A, i64 %k, ptr %T, ptr %C"


class Instructions:
    """The compiled instructions, and their numbers.

    Attributes:
        forward: of a primitive with a fixed number of operands.
        backward: the same by variant. A variant that passes on no gradient has that of ``nothing``.
        paired: the variants that make pairs, first or second.
        pairs: for both directions, the places of first and second among those, and the place of the
            first's result in the second's operands.
        nothing: backward, of a node with so many operands that passes on no gradient.
        loops: by name those for any number of operands. Forward: ``dot``, ``fsum``, ``mean``,
            ``pick``, ``call`` (a program), ``callback`` (a function of Python's). Backward:
            ``product``, ``broadcast``, ``pullback`` (a program), ``none``.
        run: the machine code's entry, of a frame: all nodes forward.
        value_and_gradient: of a frame, the address behind a node and its slot: all nodes forward
            and from that one backward; its value.
        library: what keeps the machine code loaded.
    """

    def __init__(self) -> None:
        module = _Module()
        self.forward: dict[Primitive, int] = {}
        self.backward: dict[Variant, int] = {}
        self.paired: list[Variant] = [(p, bits) for p in _PAIRED for bits in range(3)]
        count = len(self.paired)
        self.pairs = np.zeros((2, count, count, 2), np.int32)
        self.loops: dict[str, int] = {}
        module.forward(lambda code: None, 0)
        module.backward(lambda code: None, 0)
        self.nothing = [HALT] + [module.backward(_pass_nothing, n) for n in (1, 2, 3)]
        for primitive in _fixed_primitives():
            kernel = _kernel_of(primitive)
            self.forward[primitive] = module.forward(_compute([kernel], []), primitive.arity)
            for constants in range((1 << primitive.arity) - 1):
                rule = _rule_of((primitive, constants))
                if rule is None:
                    continue
                number = self.nothing[primitive.arity]
                if rule.tape.outputs:
                    number = module.backward(_pull([rule], []), primitive.arity)
                self.backward[primitive, constants] = number
        self._pair(module)
        for name, body in _FORWARD_LOOPS.items():
            self.loops[name] = module.forward(body, None)
        for name, body in _BACKWARD_LOOPS.items():
            self.loops[name] = module.backward(body, None)
        module.define_sum()
        module.define_entries()
        self.library = module.build(["run", "value_and_gradient"])
        pointer = ctypes.c_void_p
        self.run = self.library.function("run", None, pointer)
        self.value_and_gradient = self.library.function(
            "value_and_gradient", ctypes.c_double, pointer, pointer, ctypes.c_int64
        )

    def _pair(self, module: _Module) -> None:
        for first in _PAIRED:
            for second in _PAIRED:
                for link in (0, 1):
                    kernels = [_kernel_of(first), _kernel_of(second)]
                    forward = module.forward(_compute(kernels, [link]), 3, 2)
                    for early in ((first, constants) for constants in range(3)):
                        for late in ((second, 0), (second, 1 << (1 - link))):
                            rules_ = _recorded_rule(early), _recorded_rule(late)
                            backward = module.backward(_pull(rules_, [link]), 3, 2)
                            at = self.paired.index(early), self.paired.index(late), link
                            self.pairs[(slice(None), *at)] = forward, backward


@cache
def instructions() -> Instructions:
    """Those of this computer, compiled at the first call ever and found on the disk later on.

    Raises ImportError if llvmlite is not installed.
    """
    return Instructions()


# --- What there is to generate --------------------------------------------------------------------


def _fixed_primitives() -> list[Primitive]:
    """The package's own, without those of users, and the machine's."""
    own = [p for p in RULES.values() if p.__module__ == rules.__name__]
    known = dict.fromkeys([*own, *MACHINE.values()])
    return [primitive for primitive in known if not primitive.variadic]


def _kernel_of(primitive: Primitive) -> Tape:
    builder = Builder(primitive.arity)
    return lower(builder.tape([builder.apply(primitive, builder.inputs)]))


class _Rule:
    """What a node passes on, as a lowered tape of (g, y, *operands).

    Attributes:
        tape: its outputs are the contributions that are not always 0.
        places: of the operands that they are for.
        operands: how many the node has.
        needs_test: whether a g of 0 has to be tested for, since a contribution may be 0 * inf.
    """

    def __init__(self, tape: Tape, places: Sequence[int]) -> None:
        self.tape = lower(optimize(tape, ("share", "prune")))
        self.places = places
        self.operands = tape.inputs - 2
        self.needs_test = not _is_zero_with(0, self.tape)


@cache
def _rule_of(variant: Variant) -> _Rule | None:
    """None if it can't be written on a tape, or if there is none."""
    primitive, constants = variant
    if primitive.name not in RULES:
        return None  # the machine's own operations have no rule
    places = [i for i in range(primitive.arity) if not constants >> i & 1]
    builder = Builder(primitive.arity + 2)
    g, y, *xs = builder.inputs
    try:
        found = pullback(primitive, g, y, xs, places)
    except NotRecordable:
        return None
    sent = [(i, c) for i, c in zip(places, found, strict=True) if c.__class__ is Variable]
    if len(sent) < len([c for c in found if c.__class__ is Variable or c]):
        return None
    return _Rule(builder.tape([c for _, c in sent]), [i for i, _ in sent])


def _recorded_rule(variant: Variant) -> _Rule:
    rule = _rule_of(variant)
    assert rule is not None, variant
    return rule


def _is_zero_with(zero: int, tape: Tape) -> bool:
    """Whether all outputs are 0 or -0 if that input is, whatever number the other inputs are."""
    zeros = {zero, *[~i for i, number in enumerate(tape.constants) if not number]}
    finite = {~i for i, number in enumerate(tape.constants) if number - number == 0}
    for slot, primitive, operands in tape.nodes():
        among = [o in zeros for o in operands]
        if (
            (primitive in (rules.add, rules.subtract, rules.negative) and all(among))
            or (primitive is rules.where and all(among[1:]))
            or (primitive is rules.multiply and any(among) and finite.intersection(operands))
        ):
            zeros.add(slot)
    return zeros.issuperset(tape.outputs)


# --- Functions ------------------------------------------------------------------------------------


class _Module(emit.Module):
    """Where the instructions are written: two lists of functions, and the tables of them."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, list[str]] = {"forward": [], "backward": []}

    def forward(self, body: Callable[[Code], Any], operands: int | None, nodes: int = 1) -> int:
        """Add an instruction and return its number.

        Args:
            body: writes what it does.
            operands: how many it reads; None for one that reads ``%n``.
            nodes: how many nodes it computes.
        """
        code = Code(self)
        if operands is None:
            _load_count(code, 1)
        body(code)
        if len(self.names["forward"]) == HALT:
            return self._add("forward", code, "ret void")
        after = code.value(f"getelementptr inbounds double, ptr %d, i64 {nodes}")
        size = code.value("add nsw i64 %n, 5") if operands is None else operands + 1
        ip = _word(code, "%ip", size)
        handler = _handler(code, ip, 1)
        arguments = f"ptr {ip}, ptr %V, ptr {after}, ptr %T, ptr %C"
        return self._add("forward", code, f"musttail call void {handler}({arguments})")

    def backward(self, body: Callable[[Code], Any], operands: int | None, nodes: int = 1) -> int:
        """Add an instruction and return its number; arguments as for ``forward``."""
        code = Code(self)
        if operands is None:
            _load_count(code, -1)
            words = code.value("sub nsw i64 -5, %n")
        else:
            words = str(-(operands + 1))
        code.lines.append(f"  %before = getelementptr inbounds i32, ptr %ip, i64 {words}")
        body(code)
        if len(self.names["backward"]) == HALT:
            return self._add("backward", code, "ret void")
        k = code.value(f"sub nsw i64 %k, {nodes}")
        handler = _handler(code, "%before", 0)
        arguments = f"ptr %before, ptr %V, ptr %A, i64 {k}, ptr %T, ptr %C"
        return self._add("backward", code, f"musttail call void {handler}({arguments})")

    def _add(self, direction: str, code: Code, end: str) -> int:
        number = len(self.names[direction])
        name = f"@{direction}.{number}"
        head = _FORWARD if direction == "forward" else _BACKWARD
        lines = [*code.lines, f"  {end}"]
        if end != "ret void":
            lines.append("  ret void")
        self.define(f"internal void {name}({head}) nounwind", lines)
        self.names[direction].append(name)
        return number

    def define_sum(self) -> None:
        """The sum of n operands, each times a scale."""
        code = Code(self)
        zero = code.constant(0.0)

        def add(i: str, sums: list[str]) -> list[str]:
            x = code.multiply(code.load(_operand(code, "%words", i)), "%scale")
            return emit.add_exactly(code, sums, x)

        sums = _loop(code, "%n", [zero, zero, zero], add)
        code.do(f"ret double {_rounded_once(code, *sums)}")
        self.define(
            "internal double @sum(ptr %words, ptr %V, i64 %n, double %scale) nounwind", code.lines
        )

    def define_entries(self) -> None:
        """What is called from outside."""
        code = Code(self)
        handler = _handler(code, "%ip", 1, "@forward.table")
        code.do(f"call void {handler}(ptr %ip, ptr %V, ptr %d, ptr @forward.table, ptr %C)")
        code.do("ret void")
        self.define("internal void @enter(ptr %ip, ptr %V, ptr %d, ptr %C) nounwind", code.lines)
        code = Code(self)
        _run_frame(code)
        code.do("ret void")
        self.define("void @run(ptr %C) nounwind", code.lines)
        code = Code(self)
        V, A = _run_frame(code), _field(code, "%C", ADJOINTS)
        size = code.value(f"shl i64 {_field(code, '%C', INPUTS, 'i64')}, 3")
        self.declare("llvm.memset.p0.i64", "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
        code.do(f"call void @llvm.memset.p0.i64(ptr {A}, i8 0, i64 {size}, i1 false)")
        code.store(code.constant(1.0), code.at(A, "%k"))
        handler = _handler(code, "%ip", 0, "@backward.table")
        code.do(
            f"call void {handler}(ptr %ip, ptr {V}, ptr {A}, i64 %k, ptr @backward.table, ptr %C)"
        )
        code.do(f"ret double {code.load(code.at(V, '%k'))}")
        self.define("double @value_and_gradient(ptr %C, ptr %ip, i64 %k) nounwind", code.lines)

    @property
    def text(self) -> str:
        tables = []
        for direction, names in self.names.items():
            kind = f"[{len(names)} x ptr]"
            entries = ", ".join([f"ptr {name}" for name in names])
            tables.append(f"@{direction}.table = internal constant {kind} [{entries}]")
        return super().text + "\n".join((*tables, ""))


def _run_frame(code: Code) -> str:
    """Run the program of the frame ``%C`` forward; the address of its values."""
    ip, V, d = [_field(code, "%C", field) for field in (CODE, VALUES, FIRST)]
    code.do(f"call void @enter(ptr {ip}, ptr {V}, ptr {d}, ptr %C)")
    return V


# --- Parts of functions ---------------------------------------------------------------------------


def _word(code: Code, pointer: str, index: int | str) -> str:
    return code.value(f"getelementptr inbounds i32, ptr {pointer}, i64 {index}")


def _load_word(code: Code, pointer: str, index: int | str) -> str:
    """A word of the stream, as an i64."""
    word = code.value(f"load i32, ptr {_word(code, pointer, index)}, align 4")
    return code.value(f"sext i32 {word} to i64")


def _load_count(code: Code, index: int) -> None:
    """How many operands the node has, as ``%n``."""
    code.lines.append(f"  %n = add nsw i64 {_load_word(code, '%ip', index)}, 0")


def _handler(code: Code, ip: str, half: int, table: str = "%T") -> str:
    """The function of the instruction in that half of the word between two nodes."""
    place = code.value(f"getelementptr inbounds i16, ptr {ip}, i64 {half}")
    number = code.value(f"load i16, ptr {place}, align 2")
    wide = code.value(f"zext i16 {number} to i64")
    entry = code.value(f"getelementptr inbounds ptr, ptr {table}, i64 {wide}")
    return code.value(f"load ptr, ptr {entry}, align 8")


def _field(code: Code, structure: str, field: int, kind: str = "ptr") -> str:
    place = code.value(f"getelementptr inbounds i64, ptr {structure}, i64 {field}")
    return code.value(f"load {kind}, ptr {place}, align 8")


def _operand(code: Code, words: str, i: int | str, base: str = "%V") -> str:
    """The address of an operand's value, or by ``base`` of its adjoint."""
    return code.at(base, _load_word(code, words, i))


def _loop(
    code: Code, count: str, initial: Sequence[str],
    body: Callable[[str, list[str]], Sequence[str]],
) -> list[str]:  # fmt: skip
    """Run ``body(i, numbers)`` for i from 0 to below the count; its numbers after the last."""
    before, head, inside, last, after = [
        code.label(name) for name in ("before", "head", "inside", "last", "after")
    ]
    for label in (before, head):
        code.do(f"br label %{label}")
        code.block(label)
    here = len(code.lines)
    index, following = f"%{code.label('i')}", f"%{code.label('i')}"
    carried = [f"%{code.label('c')}" for _ in initial]
    more = code.value(f"icmp slt i64 {index}, {count}")
    code.do(f"br i1 {more}, label %{inside}, label %{after}")
    code.block(inside)
    results = body(index, carried)
    code.do(f"br label %{last}")
    code.block(last)
    code.lines.append(f"  {following} = add nsw i64 {index}, 1")
    code.do(f"br label %{head}")
    code.block(after)
    joined = [(index, "i64", "0", following)]
    joined += [(c, "double", a, b) for c, a, b in zip(carried, initial, results, strict=True)]
    code.lines[here:here] = [
        f"  {name} = phi {kind} [ {a}, %{before} ], [ {b}, %{last} ]" for name, kind, a, b in joined
    ]
    return carried


def _if(code: Code, condition: str, body: Callable[[], None]) -> None:
    """Run ``body`` only where the condition, a truth value, holds."""
    inside, after = code.label("if"), code.label("endif")
    code.do(f"br i1 {condition}, label %{inside}, label %{after}")
    code.block(inside)
    body()
    code.do(f"br label %{after}")
    code.block(after)


def _add_to(code: Code, place: str, contribution: str) -> None:
    code.store(code.add(code.load(place), contribution), place)


# --- Instructions for a fixed number of operands --------------------------------------------------


def _compute(kernels: Sequence[Tape], links: Sequence[int]) -> Callable[[Code], None]:
    """Forward: each kernel in turn, its operand ``links[i]`` being the result before it."""

    def body(code: Code) -> None:
        word, result = 1, ""
        for node, kernel in enumerate(kernels):
            operands = []
            for i in range(kernel.inputs):
                if node and i == links[node - 1]:
                    operands.append(result)
                else:
                    operands.append(code.load(_operand(code, "%ip", word)))
                    word += 1
            (result,) = write(code, kernel, operands)
            code.store(result, code.at("%d", node))

    return body


def _pull(rules_: Sequence[_Rule], links: Sequence[int]) -> Callable[[Code], None]:
    """Backward: the rules of nodes that follow each other, from the last to the first."""

    def body(code: Code) -> None:
        word = 1 + sum(rule.operands for rule in rules_) - len(links)
        for node in range(len(rules_) - 1, -1, -1):
            rule, link = rules_[node], links[node - 1] if node else None
            word -= rule.operands - (link is not None)
            _pull_one(code, rule, link, word, len(rules_) - 1 - node)

    return body


def _pull_one(code: Code, rule: _Rule, link: int | None, word: int, back: int) -> None:
    """Of the node so many before ``%k``, whose operands begin at that word.

    The operand ``link`` is the node before it. What that receives is added last, so that LLVM
    keeps it in a register: it is read next.
    """
    slot = code.value(f"sub nsw i64 %k, {back}")
    adjoint = code.at("%A", slot)
    g = code.load(adjoint)

    def pull() -> None:
        code.store(code.constant(0.0), adjoint)
        at = word
        places = []
        for i in range(rule.operands):
            if i == link:
                places.append(code.value(f"sub nsw i64 %k, {back + 1}"))
            else:
                places.append(_load_word(code, "%before", at))
                at += 1
        values = [code.load(code.at("%V", place)) for place in (slot, *places)]
        sent = zip(rule.places, write(code, rule.tape, [g, *values]), strict=True)
        for i, contribution in sorted(sent, key=lambda to: to[0] == link):
            _add_to(code, code.at("%A", places[i]), contribution)

    if rule.needs_test:
        _if(code, code.value(f"fcmp une double {g}, {code.constant(0.0)}"), pull)
    else:
        pull()


def _pass_nothing(code: Code) -> None:
    code.store(code.constant(0.0), code.at("%A", "%k"))


# --- Instructions for any number of operands ------------------------------------------------------

_OPERANDS_AT = 3  # words after the one between the nodes


def _gather(code: Code, first: str, to: str) -> None:
    def copy(i: str, _: list[str]) -> list[str]:
        code.store(code.load(_operand(code, first, i)), code.at(to, i))
        return []

    _loop(code, "%n", [], copy)


def _program(code: Code, number: str) -> str:
    """The address of a program's fields."""
    start = code.value(f"mul nsw i64 {number}, {PROGRAM_WORDS}")
    table = _field(code, "%C", PROGRAMS)
    return code.value(f"getelementptr inbounds i64, ptr {table}, i64 {start}")


def _enter(code: Code, program: str) -> str:
    """Run a program; the address of its values."""
    fields = (PROGRAM_CODE, PROGRAM_VALUES, PROGRAM_FIRST)
    ip, V, d = [_field(code, program, field) for field in fields]
    code.do(f"call void @enter(ptr {ip}, ptr {V}, ptr {d}, ptr %C)")
    return V


def _forward_dot(code: Code) -> None:
    half = code.value("ashr i64 %n, 1")
    ws = _word(code, "%ip", _OPERANDS_AT)
    xs = _word(code, ws, half)

    def add(i: str, total: list[str]) -> list[str]:
        w, x = code.load(_operand(code, ws, i)), code.load(_operand(code, xs, i))
        return [code.add(total[0], code.multiply(w, x))]

    (total,) = _loop(code, half, [code.constant(-0.0)], add)
    code.store(total, "%d")


def _forward_fsum(code: Code) -> None:
    code.store(_sum(code, lambda total: total), "%d")


def _forward_mean(code: Code) -> None:
    count = code.value("sitofp i64 %n to double")
    code.store(_sum(code, lambda total: code.value(f"fdiv double {total}, {count}")), "%d")


def _sum(code: Code, finish: Callable[[str], str]) -> str:
    """``finish`` of the sum; where that overflows, on numbers 2**64 times smaller."""
    words = _word(code, "%ip", _OPERANDS_AT)

    def scaled_by(number: float) -> str:
        scale = code.constant(number)
        return code.value(f"call double @sum(ptr {words}, ptr %V, i64 %n, double {scale})")

    total = scaled_by(1.0)
    near = finish(total)
    nothing = code.value(f"fsub double {total}, {total}")
    far, end, before = code.label("far"), code.label("end"), code.label("near")
    code.do(f"br label %{before}")
    code.block(before)
    overflows = code.value(f"fcmp uno double {nothing}, {nothing}")
    code.do(f"br i1 {overflows}, label %{far}, label %{end}")
    code.block(far)
    again = code.multiply(finish(scaled_by(2.0**-64)), code.constant(2.0**64))
    code.do(f"br label %{end}")
    code.block(end)
    return code.value(f"phi double [ {near}, %{before} ], [ {again}, %{far} ]")


def _rounded_once(code: Code, total: str, low: str, lowest: str) -> str:
    """The sum of three numbers, each of the size of the last bits of the one before, or smaller.

    Half way between two doubles what is left decides. Where the total is inf or nan so are its
    errors, and it tells more.
    """
    zero = code.constant(0.0)
    low, rest = emit.two_sum(code, low, lowest)
    rounded, error = emit.two_sum(code, total, low)
    signs = [
        code.value(
            f"and i1 {code.value(f'fcmp {how} double {error}, {zero}')}, "
            f"{code.value(f'fcmp {how} double {rest}, {zero}')}"
        )
        for how in ("ogt", "olt")
    ]
    twice = code.add(error, error)
    beyond = code.add(rounded, twice)
    step = code.value(f"fsub double {beyond}, {rounded}")
    is_half_way = code.value(f"fcmp oeq double {step}, {twice}")
    pulls = code.value(f"and i1 {code.value(f'or i1 {signs[0]}, {signs[1]}')}, {is_half_way}")
    exact = code.value(f"fcmp oeq double {error}, {zero}")
    found = code.select(exact, code.add(rounded, rest), code.select(pulls, beyond, rounded))
    return code.select(code.value(f"fcmp ord double {rest}, {error}"), found, total)


def _forward_pick(code: Code) -> None:
    words = _word(code, "%ip", _OPERANDS_AT)
    index = code.load(_operand(code, words, 0))
    name = "llvm.fptosi.sat.i64.f64"
    code.module.declare(name, f"declare i64 @{name}(double)")
    whole = code.value(f"call i64 @{name}(double {index})")
    back = code.value(f"sitofp i64 {whole} to double")
    is_whole = code.value(f"fcmp oeq double {index}, {back}")
    count = code.value("sub nsw i64 %n, 1")
    is_within = code.value(f"icmp ult i64 {whole}, {count}")
    code.store(code.constant(float("nan")), "%d")

    def take() -> None:
        code.store(code.load(_operand(code, words, code.value(f"add i64 {whole}, 1"))), "%d")

    _if(code, code.value(f"and i1 {is_whole}, {is_within}"), take)


def _forward_call(code: Code) -> None:
    program = _program(code, _load_word(code, "%ip", 2))
    _gather(code, _word(code, "%ip", _OPERANDS_AT), _field(code, program, PROGRAM_VALUES))
    V = _enter(code, program)
    outputs = _field(code, program, PROGRAM_OUTPUTS)
    code.store(code.load(_operand(code, outputs, 0, V)), "%d")


def _forward_callback(code: Code) -> None:
    numbers = _field(code, "%C", SCRATCH)
    _gather(code, _word(code, "%ip", _OPERANDS_AT), numbers)
    table = _field(code, "%C", CALLBACKS)
    place = code.at(table, _load_word(code, "%ip", 2))
    function = code.value(f"load ptr, ptr {place}, align 8")
    code.store(code.value(f"call double {function}(ptr {numbers}, i64 %n)"), "%d")


def _with_gradient(code: Code, body: Callable[[str], None]) -> None:
    """Run ``body(g)`` unless the node's adjoint g is 0; the adjoint is 0 afterwards."""
    adjoint = code.at("%A", "%k")
    g = code.load(adjoint)

    def nonzero() -> None:
        code.store(code.constant(0.0), adjoint)
        body(g)

    _if(code, code.value(f"fcmp une double {g}, {code.constant(0.0)}"), nonzero)


def _send(code: Code, words: str, count: str, contribution: Callable[[str], str]) -> None:
    """Add ``contribution(i)`` to the adjoint of operand i, unless that is a constant."""

    def send(i: str, _: list[str]) -> list[str]:
        slot = _load_word(code, words, i)
        is_slot = code.value(f"icmp sge i64 {slot}, 0")
        _if(code, is_slot, lambda: _add_to(code, code.at("%A", slot), contribution(i)))
        return []

    _loop(code, count, [], send)


def _backward_product(code: Code) -> None:
    """Of y = w1*x1 + w2*x2 + ...: to each w its x times g, and then the reverse."""
    half = code.value("ashr i64 %n, 1")
    ws = _word(code, "%before", _OPERANDS_AT)
    xs = _word(code, ws, half)

    def pull(g: str) -> None:
        for to, others in ((ws, xs), (xs, ws)):

            def contribution(i: str, others: str = others) -> str:
                return code.multiply(g, code.load(_operand(code, others, i)))

            _send(code, to, half, contribution)

    _with_gradient(code, pull)


def _backward_broadcast(code: Code) -> None:
    words = _word(code, "%before", _OPERANDS_AT)
    _with_gradient(code, lambda g: _send(code, words, "%n", lambda i: g))


def _backward_pullback(code: Code) -> None:
    """By a program of (g, y, *operands); one that needs no operands gets none."""
    words = _word(code, "%before", _OPERANDS_AT)

    def pull(g: str) -> None:
        program = _program(code, _load_word(code, "%ip", -2))
        inputs = _field(code, program, PROGRAM_VALUES)
        code.store(g, inputs)
        code.store(code.load(code.at("%V", "%k")), code.at(inputs, 1))
        wants = _field(code, program, PROGRAM_OPERANDS, "i64")
        _if(
            code, code.value(f"icmp ne i64 {wants}, 0"),
            lambda: _gather(code, words, code.at(inputs, 2)),
        )  # fmt: skip
        V = _enter(code, program)
        outputs = _field(code, program, PROGRAM_OUTPUTS)
        _send(code, words, "%n", lambda i: code.load(_operand(code, outputs, i, V)))

    _with_gradient(code, pull)


_FORWARD_LOOPS: dict[str, Callable[[Code], None]] = {
    "dot": _forward_dot,
    "fsum": _forward_fsum,
    "mean": _forward_mean,
    "pick": _forward_pick,
    "call": _forward_call,
    "callback": _forward_callback,
}

_BACKWARD_LOOPS: dict[str, Callable[[Code], None]] = {
    "product": _backward_product,
    "broadcast": _backward_broadcast,
    "pullback": _backward_pullback,
    "none": _pass_nothing,
}
