"""Machine operations as instructions of LLVM, for one number or for a vector of them.

The text is written straight away: building it as objects first, as llvmlite offers, takes ten times
as long as all the rest for a program of some size.

All arithmetic is strict IEEE 754 unless ``contract`` allows to round a * b + c once. Functions of
the C library are called as what they are, opaque: LLVM knows identities of theirs (pow(x, 2) is
x * x) that hold but for the last bit.
"""

from __future__ import annotations

import ctypes
import struct
from contextlib import contextmanager
from functools import cache
from itertools import count

from autograd_scalar.tape.kernels import MACHINE
from autograd_scalar.tape.native import engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from autograd_scalar.primitives import Primitive

_INSTRUCTIONS = {"+": "fadd", "-": "fsub", "*": "fmul", "/": "fdiv"}

_INTRINSICS = {
    "sqrt": "sqrt",
    "abs": "fabs",
    "floor": "floor",
    "ceil": "ceil",
    "copysign": "copysign",
}

_C_FUNCTIONS = {
    "exp": "exp",
    "expm1": "expm1",
    "exp2": "exp2",
    "log": "log",
    "log1p": "log1p",
    "log2": "log2",
    "log10": "log10",
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "asin": "asin",
    "acos": "acos",
    "atan": "atan",
    "atan2": "atan2",
    "sinh": "sinh",
    "cosh": "cosh",
    "tanh": "tanh",
    "asinh": "asinh",
    "acosh": "acosh",
    "atanh": "atanh",
    "hypot": "hypot",
    "**": "pow",
    "fmod": "fmod",
    "erf": "erf",
    "erfc": "erfc",
    "c_cbrt": "cbrt",
}

_NOT_WITHIN_4_ULP: frozenset[str] = frozenset()
"""Functions for which the vector library is too far off, so that each lane is computed alone."""

_PURE = "nounwind willreturn memory(none)"


LARGE = 20_000
"""From so many lines on, code is made in a hurry: 6 µs an operation, not 40; it runs slower."""


# --- Modules --------------------------------------------------------------------------------------


class Module:
    """A module under way: its functions, what they declare and the tables that they read.

    Attributes:
        callbacks: primitives that are called in Python, by the names of their symbols.
    """

    def __init__(self) -> None:
        self.callbacks: dict[str, Callback] = {}
        self._functions: list[str] = []
        self._names: set[str] = set()
        self._length = 0
        self._declared: dict[str, str] = {}
        self._tables: dict[bytes, str] = {}

    def define(self, head: str, lines: Iterable[str], name: str = "") -> None:
        """Add a function: ``head`` as in ``void @f(ptr %x)``, and its lines.

        ``name`` is what ``defines`` is asked for, if it is asked.
        """
        body = list(lines)
        self._functions.append("\n".join((f"define {head} {{", *body, "}")))
        self._names.add(name)
        self._length += len(body)

    def defines(self, name: str) -> bool:
        """Whether a function of that name was added."""
        return name in self._names

    def declare(self, name: str, declaration: str) -> None:
        """Declare what is defined elsewhere: ``declare double @exp(double)``."""
        self._declared[name] = declaration

    def table(self, numbers: Sequence[int]) -> str:
        """A constant array of 32-bit integers."""
        packed = struct.pack(f"<{len(numbers)}i", *numbers)
        return self._tables.setdefault(packed, f"@table{len(self._tables)}")

    def callback(self, primitive: Primitive, arity: int) -> str:
        """The symbol of a primitive's float function, called with so many numbers."""
        for name, known in self.callbacks.items():
            if known.primitive is primitive and known.arity == arity:
                return name
        name = f"callback{len(self.callbacks)}"
        self.callbacks[name] = Callback(primitive, arity)
        numbers = ", ".join(["double"] * arity)
        self.declare(name, f"declare double @{name}({numbers}) nounwind")
        return name

    @property
    def level(self) -> int:
        """The level to build it at: 2, or 0 if it is so long that time matters more."""
        return 2 if self._length < LARGE else 0

    @property
    def text(self) -> str:
        """In LLVM's assembly language."""
        tables = []
        for packed, name in self._tables.items():
            numbers = ", ".join([f"i32 {n}" for (n,) in struct.iter_unpack("<i", packed)])
            kind = f"[{len(packed) // 4} x i32]"
            tables.append(f"{name} = private unnamed_addr constant {kind} [{numbers}]")
        return "\n".join((*tables, *self._declared.values(), *self._functions, ""))

    def build(self, names: Iterable[str], level: int = 2, *, passes: bool = True) -> engine.Library:
        """Compile and load, as ``Host.build`` does; ``names`` are those that will be called."""
        symbols = {}
        for name in self._declared:
            address = self.callbacks[name].address if name in self.callbacks else _address(name)
            if address is not None:
                symbols[name] = address
        library = engine.host().build(self.text, names, symbols, level, passes=passes)
        library.needs = tuple(self.callbacks.values())
        return library


def _address(name: str) -> int | None:
    return None if name.startswith("llvm.") else engine.address_of(name)


class Callback:
    """A primitive's float function as a C function.

    An exception can't go through machine code: it is kept, the result is nan, and whoever called
    the machine code asks for it when that returns.
    """

    def __init__(self, primitive: Primitive, arity: int) -> None:
        self.primitive = primitive
        self.arity = arity
        self.failures: list[BaseException] = []
        kind = ctypes.CFUNCTYPE(ctypes.c_double, *[ctypes.c_double] * arity)
        self._called = kind(self._call)
        self.address = ctypes.cast(self._called, ctypes.c_void_p).value

    def _call(self, *numbers: float) -> float:
        try:
            return float(self.primitive.function(*numbers))
        except BaseException as error:
            self.failures.append(error)
            return float("nan")


def raise_failures(library: engine.Library) -> None:
    """Raise what a primitive that is called in Python has raised meanwhile."""
    for callback in library.needs:
        if callback.failures:
            error = callback.failures[0]
            callback.failures.clear()
            raise error


# --- Code -----------------------------------------------------------------------------------------


class Code:
    """Lines of a function under way, in numbers of a kind: ``double`` or ``<8 x double>``.

    >>> from autograd_scalar.tape.kernels import MACHINE
    >>> code = Code(Module())
    >>> code.operation(MACHINE["+"], ["%x", code.constant(1.0)])
    '%v0'
    >>> code.lines
    ['  %v0 = fadd double %x, 0x3FF0000000000000']

    Attributes:
        module: to which the function will belong.
        lanes: how many numbers are computed at once.
        kind: LLVM's type of them.
        suffix: how that is called in the names of intrinsics.
        lines: so far.
    """

    def __init__(self, module: Module, lanes: int = 1, *, contract: bool = False) -> None:
        self.module = module
        self.lanes = lanes
        self.kind = self.kind_of("double")
        self.lines: list[str] = []
        self._truth = self.kind_of("i1")
        self.suffix = self.suffix_of("f64")
        self.contract = contract
        self._flag = " contract" if contract else ""
        self._count = count()
        self._conditions: dict[str, str] = {}

    def kind_of(self, single: str) -> str:
        """The type of as many of something else as there are lanes: of ``i64``, say."""
        return single if self.lanes == 1 else f"<{self.lanes} x {single}>"

    def suffix_of(self, single: str) -> str:
        """How that type is called in the names of intrinsics."""
        return single if self.lanes == 1 else f"v{self.lanes}{single}"

    def whole(self, single: str, number: int) -> str:
        """How an integer constant of that type is written."""
        return str(number) if self.lanes == 1 else f"splat ({single} {number})"

    def value(self, instruction: str) -> str:
        """Add an instruction; the name of its result."""
        name = f"%v{next(self._count)}"
        self.lines.append(f"  {name} = {instruction}")
        return name

    def do(self, instruction: str) -> None:
        """Add an instruction that has no result."""
        self.lines.append(f"  {instruction}")

    def block(self, label: str) -> None:
        """Begin a basic block."""
        self.lines.append(f"{label}:")

    def label(self, prefix: str = "block") -> str:
        """A name for a basic block."""
        return f"{prefix}{next(self._count)}"

    def constant(self, number: float) -> str:
        """How a constant is written, to the bit."""
        written = f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"
        return written if self.lanes == 1 else f"splat (double {written})"

    def load(self, pointer: str, align: int = 8) -> str:
        """The number, or so many in a row, at an address."""
        return self.value(f"load {self.kind}, ptr {pointer}, align {align}")

    def store(self, value: str, pointer: str, align: int = 8) -> None:
        """Put it at an address."""
        self.do(f"store {self.kind} {value}, ptr {pointer}, align {align}")

    def at(self, pointer: str, index: int | str) -> str:
        """The address of the double of that number, a constant or an i64, from an address on."""
        return pointer if index == 0 else self.value(
            f"getelementptr inbounds double, ptr {pointer}, i64 {index}"
        )  # fmt: skip

    @contextmanager
    def loop(
        self, count: int | str, state: Sequence[tuple[str, str]] = (), step: int = 1
    ) -> Iterator[tuple[str, list[str], Callable[..., None]]]:
        """A loop of ``count`` rounds, a constant or an i64, at least one.

        ``state`` are the types and first values of what is handed from round to round. Gives the
        number of the round times ``step``, the state's values, and a function to be called at the
        end of the body with the state's next values. After the loop the last of these are in the
        list of values.
        """
        before, head, after = self.label("before"), self.label("loop"), self.label("after")
        self.do(f"br label %{before}")
        self.block(before)
        self.do(f"br label %{head}")
        self.block(head)
        place = len(self.lines)
        k, following = f"%k{next(self._count)}", f"%k{next(self._count)}"
        values = [f"%v{next(self._count)}" for _ in state]
        nexts: list[str] = []
        known = dict(self._conditions)
        yield k, values, lambda *found: nexts.extend(found)
        self._conditions = known
        end = self.label("end")
        self.do(f"br label %{end}")
        self.block(end)
        self.do(f"{following} = add nuw nsw i64 {k}, {step}")
        last = count * step if isinstance(count, int) else count
        more = self.value(f"icmp ult i64 {following}, {last}")
        self.do(f"br i1 {more}, label %{head}, label %{after}")
        self.block(after)
        phis = [f"  {k} = phi i64 [ 0, %{before} ], [ {following}, %{end} ]"]
        for (kind, first), value, later in zip(state, values, nexts, strict=True):
            phis.append(f"  {value} = phi {kind} [ {first}, %{before} ], [ {later}, %{end} ]")
        self.lines[place:place] = phis
        values[:] = nexts

    def splat(self, number: str) -> str:
        """A single ``double`` in all lanes."""
        if self.lanes == 1:
            return number
        first = self.value(f"insertelement {self.kind} poison, double {number}, i64 0")
        return self.value(
            f"shufflevector {self.kind} {first}, {self.kind} poison, "
            f"<{self.lanes} x i32> zeroinitializer"
        )

    def add(self, a: str, b: str) -> str:
        """a + b."""
        return self.value(f"fadd{self._flag} {self.kind} {a}, {b}")

    def multiply(self, a: str, b: str) -> str:
        """a * b."""
        return self.value(f"fmul{self._flag} {self.kind} {a}, {b}")

    def operation(self, primitive: Primitive, operands: Sequence[str]) -> str:
        """Compute a primitive: what has no machine operation is called in Python."""
        name = primitive.name
        if MACHINE.get(name) is not primitive:
            return self._each_lane(self.module.callback(primitive, len(operands)), operands)
        instruction = _INSTRUCTIONS.get(name)
        if instruction is not None:
            flag = "" if name == "/" else self._flag
            a, b = operands
            return self.value(f"{instruction}{flag} {self.kind} {a}, {b}")
        if name in _INTRINSICS:
            return self.intrinsic(_INTRINSICS[name], operands)
        if name in _C_FUNCTIONS:
            return self.c_function(_C_FUNCTIONS[name], operands)
        return _OTHERS[name](self, operands)

    def condition(self, number: str) -> str:
        """Whether a number is not 0 (or is nan), as LLVM's truth values."""
        known = self._conditions.get(number)
        if known is None:
            zero = self.constant(0.0)
            known = self.value(f"fcmp une {self.kind} {number}, {zero}")
            self._conditions[number] = known
        return known

    def select(self, condition: str, a: str, b: str) -> str:
        """a where the condition, a truth value, holds, else b."""
        return self.value(f"select {self._truth} {condition}, {self.kind} {a}, {self.kind} {b}")

    def all_lanes(self, condition: str) -> str:
        """Whether a condition holds in all lanes, as an i1."""
        if self.lanes == 1:
            return condition
        name = f"llvm.vector.reduce.and.v{self.lanes}i1"
        self.module.declare(name, f"declare i1 @{name}({self._truth})")
        return self.value(f"call i1 @{name}({self._truth} {condition})")

    def compare(self, how: str, a: str, b: str) -> str:
        """A comparison as 1.0 or 0.0; ``condition`` of it costs nothing."""
        truth = self.value(f"fcmp {how} {self.kind} {a}, {b}")
        number = self.value(f"uitofp {self._truth} {truth} to {self.kind}")
        self._conditions[number] = truth
        return number

    def c_function(self, name: str, operands: Sequence[str]) -> str:
        """A function of the C library, on vectors by its vector library where that has it."""
        if self.lanes > 1:
            vector = vector_function(name, len(operands), self.lanes)
            if vector is not None:
                return self._call(vector, operands, self.kind)
        return self._each_lane(name, operands, _PURE)

    def intrinsic(self, name: str, operands: Sequence[str]) -> str:
        """An operation of LLVM's on numbers: ``llvm.sqrt``, without its prefix and suffix."""
        return self._call(f"llvm.{name}.{self.suffix}", operands, self.kind, "")

    def _each_lane(self, name: str, operands: Sequence[str], attributes: str = "") -> str:
        if self.lanes == 1:
            return self._call(name, operands, "double", attributes)
        result = "poison"
        for lane in range(self.lanes):
            numbers = [self.value(f"extractelement {self.kind} {o}, i64 {lane}") for o in operands]
            one = self._call(name, numbers, "double", attributes)
            result = self.value(f"insertelement {self.kind} {result}, double {one}, i64 {lane}")
        return result

    def _call(self, name: str, operands: Sequence[str], kind: str, attributes: str = _PURE) -> str:
        if name not in self.module.callbacks:
            kinds = ", ".join([kind] * len(operands))
            self.module.declare(name, f"declare {kind} @{name}({kinds}) {attributes}")
        numbers = ", ".join([f"{kind} {o}" for o in operands])
        # LLVM is to make of no function what it thinks equal, but of sin and cos of one number it
        # is to make the C library's sincos, which takes little longer than one of them.
        opaque = "" if name.startswith("llvm.") or name in ("sin", "cos") else " nobuiltin"
        return self.value(f"call {kind} @{name}({numbers}){opaque}")


def _negative(code: Code, operands: Sequence[str]) -> str:
    return code.value(f"fneg {code.kind} {operands[0]}")


def _less(code: Code, operands: Sequence[str]) -> str:
    return code.compare("olt", *operands)


def _less_equal(code: Code, operands: Sequence[str]) -> str:
    return code.compare("ole", *operands)


def _where(code: Code, operands: Sequence[str]) -> str:
    condition, a, b = operands
    return code.select(code.condition(condition), a, b)


def _dot(code: Code, operands: Sequence[str]) -> str:
    half = len(operands) // 2
    total = ""
    for w, x in zip(operands[:half], operands[half:], strict=True):
        product = code.multiply(w, x)
        total = code.add(total, product) if total else product
    return total or code.constant(-0.0)


def _fsum(code: Code, operands: Sequence[str]) -> str:
    def summed(scale: str | None) -> str:
        sums: Sequence[str] = [code.constant(0.0)] * 3
        for x in operands:
            sums = add_exactly(code, sums, x, scale)
        return sum_of(code, sums)

    return sum_in_range(code, summed)


def sum_in_range(code: Code, summed: Callable[[str | None], str]) -> str:
    """A sum; where it overflowed on the way, that of all numbers scaled down, scaled up again.

    ``summed`` writes the sum of the numbers, each times a scale if there is one.
    """
    once, far, scaled, done = (code.label(name) for name in ("once", "far", "scaled", "summed"))
    near = summed(None)
    size = code.intrinsic("fabs", [near])
    finite = code.value(f"fcmp olt {code.kind} {size}, {code.constant(float('inf'))}")
    all_finite = code.all_lanes(finite)
    code.do(f"br label %{once}")
    code.block(once)
    code.do(f"br i1 {all_finite}, label %{done}, label %{far}")
    code.block(far)
    small = summed(code.constant(2.0**-64))
    again = code.value(f"fmul {code.kind} {small}, {code.constant(2.0**64)}")
    either = code.select(finite, near, again)
    code.do(f"br label %{scaled}")
    code.block(scaled)
    code.do(f"br label %{done}")
    code.block(done)
    return code.value(f"phi {code.kind} [ {near}, %{once} ], [ {either}, %{scaled} ]")


def add_exactly(code: Code, sums: Sequence[str], x: str, scale: str | None = None) -> list[str]:
    """Add x to a sum of three numbers, one below the other (Ogita, Rump and Oishi 2005)."""
    total, low, lowest = sums
    if scale is not None:
        x = code.value(f"fmul {code.kind} {x}, {scale}")
    total, lost = two_sum(code, total, x)
    low, lost = two_sum(code, low, lost)
    return [total, low, code.value(f"fadd {code.kind} {lowest}, {lost}")]


def sum_of(code: Code, sums: Sequence[str]) -> str:
    """The three numbers rounded to one.

    Where a sum on the way was inf or nan what it lost is nan, and the first alone tells more.
    """
    total, low, lowest = sums
    low, rest = two_sum(code, low, lowest)
    rounded, lost = two_sum(code, total, low)
    rest = code.value(f"fadd {code.kind} {lost}, {rest}")
    exact = code.value(f"fcmp ord {code.kind} {rest}, {code.constant(0.0)}")
    return code.select(exact, code.value(f"fadd {code.kind} {rounded}, {rest}"), total)


def two_sum(code: Code, a: str, b: str) -> tuple[str, str]:
    """a + b rounded, and what that lost (Knuth 1969)."""
    total = code.value(f"fadd {code.kind} {a}, {b}")
    of_b = code.value(f"fsub {code.kind} {total}, {a}")
    of_a = code.value(f"fsub {code.kind} {total}, {of_b}")
    lost_a = code.value(f"fsub {code.kind} {a}, {of_a}")
    lost_b = code.value(f"fsub {code.kind} {b}, {of_b}")
    return total, code.value(f"fadd {code.kind} {lost_a}, {lost_b}")


def _product_error(code: Code, operands: Sequence[str]) -> str:
    a, b = operands
    product = code.value(f"fmul {code.kind} {a}, {b}")
    return code.intrinsic("fma", [a, b, code.value(f"fneg {code.kind} {product}")])


def _exponent(code: Code, operands: Sequence[str]) -> str:
    """Read off the bits; a subnormal number is made a normal one before."""
    (x,) = operands
    size = code.intrinsic("fabs", [x])
    subnormal = code.value(f"fcmp olt {code.kind} {size}, {code.constant(2.0**-1022)}")
    larger = code.value(f"fmul {code.kind} {size}, {code.constant(2.0**54)}")
    bits = code.value(
        f"bitcast {code.kind} {code.select(subnormal, larger, size)} to {code.kind_of('i64')}"
    )
    high = code.value(f"lshr {code.kind_of('i64')} {bits}, {code.whole('i64', 52)}")
    biased = code.value(f"uitofp {code.kind_of('i64')} {high} to {code.kind}")
    bias = code.select(subnormal, code.constant(1022.0 + 54), code.constant(1022.0))
    found = code.value(f"fsub {code.kind} {biased}, {bias}")
    above = code.value(f"fcmp ogt {code.kind} {size}, {code.constant(0.0)}")
    below = code.value(f"fcmp olt {code.kind} {size}, {code.constant(float('inf'))}")
    zero = code.constant(0.0)
    return code.select(above, code.select(below, found, zero), zero)


def _ldexp(code: Code, operands: Sequence[str]) -> str:
    x, n = operands
    name = f"llvm.fptosi.sat.{code.suffix_of('i32')}.{code.suffix}"
    whole = code.kind_of("i32")
    code.module.declare(name, f"declare {whole} @{name}({code.kind})")
    shift = code.value(f"call {whole} @{name}({code.kind} {n})")
    back = code.value(f"sitofp {whole} {shift} to {code.kind}")
    is_whole = code.value(f"fcmp oeq {code.kind} {back}, {n}")
    name = f"llvm.ldexp.{code.suffix}.{code.suffix_of('i32')}"
    code.module.declare(name, f"declare {code.kind} @{name}({code.kind}, {whole})")
    scaled = code.value(f"call {code.kind} @{name}({code.kind} {x}, {whole} {shift})")
    return code.select(is_whole, scaled, code.constant(float("nan")))


def _pick(code: Code, operands: Sequence[str]) -> str:
    index, *numbers = operands
    picked = code.constant(float("nan"))
    for i, number in enumerate(numbers):
        is_it = code.value(f"fcmp oeq {code.kind} {index}, {code.constant(float(i))}")
        picked = code.select(is_it, number, picked)
    return picked


_OTHERS: dict[str, Callable[[Code, Sequence[str]], str]] = {
    "neg": _negative,
    "<": _less,
    "<=": _less_equal,
    "where": _where,
    "dot": _dot,
    "fsum": _fsum,
    "pick": _pick,
    "product_error": _product_error,
    "exponent": _exponent,
    "ldexp": _ldexp,
}


# --- The vector library ---------------------------------------------------------------------------

_LETTERS = {("x86_64", 8): "e", ("x86_64", 4): "d", ("x86_64", 2): "b", ("aarch64", 2): "n"}


@cache
def vector_function(name: str, arity: int, lanes: int) -> str | None:
    """The symbol of a C function's version for vectors; None if there is none that is accurate.

    The names are those of the vector function ABI of x86-64 and of AArch64.
    """
    letter = _LETTERS.get((engine.host().triple.split("-")[0], lanes))
    if letter is None or name in _NOT_WITHIN_4_ULP:
        return None
    symbol = f"_ZGV{letter}N{lanes}{'v' * arity}_{name}"
    return symbol if engine.address_of(symbol) is not None else None
