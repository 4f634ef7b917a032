"""Tapes as C: one self-contained C99 file with the function and its gradient, for any compiler.

The program is lowered to operations that C has, and written as it stands, a statement a node. Long
programs are cut into functions of a few hundred statements, since the time that compilers take
grows faster than a function does; what one part computes and a later one needs goes through an
array.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict

from autograd_scalar.primitives import described
from autograd_scalar.tape.derivatives import value_and_gradient
from autograd_scalar.tape.kernels import MACHINE, lower
from autograd_scalar.tape.passes import optimize
from autograd_scalar.tape.program import Tape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Condition = tuple[tuple[str, int, int], ...]  # comparisons that all hold

LONGEST = 1500  # operands in one function; a gradient of 11,000 nodes in one took 3 times as long
SHOWN = 60  # characters of a label
WIDTH = 96  # of a line
MOST_AT_ONCE = 4  # comparisons in one condition
ON_STACK = 1024  # doubles; more come from the heap


def to_c(tape: Tape, name: str = "f", *, gradient: bool = True, output: int = 0) -> str:
    """A C99 file that computes what the tape does, and its derivatives, in strict double precision.

    It defines ``int name(const double *x, double *y)``, from all inputs to all outputs, and
    ``int name_gradient(const double *x, double *y, double *g)``: one output, and its derivative by
    each input. Both return 0. Where a guard does not hold, so that the function would have taken
    another path than the one recorded, they return 1, and 2 where there is no memory: then all of
    y and g is nan.

    >>> from autograd_scalar.tape.variables import Builder
    >>> builder = Builder(2)
    >>> x, y = builder.inputs
    >>> text = to_c(builder.tape([x * y - 2.0]), gradient=False)
    >>> print(text[text.rindex("int f(") :].strip())
    int f(const double *x, double *y)
    {
        const double v2 = x[0] * x[1];
        const double v3 = v2 - 2.0;
        y[0] = v3;
        return 0;
    }

    Args:
        tape: the program; labels become comments.
        name: of the function, an identifier in C.
        gradient: whether ``name_gradient`` is there too.
        output: which output it is of.

    Raises ValueError for a name that C has no use for, for an output that is not there, and if a
    primitive has no kernel and is computed by Python alone: ``digamma``, one of your own.
    """
    if not isinstance(tape, Tape):
        raise TypeError(f"to_c: tape must be a Tape, not {described(tape)}")
    _check_name(name)
    if gradient and not 0 <= output < len(tape.outputs):
        raise ValueError(
            f"to_c: output is {output}, but the tape has {len(tape.outputs)} output(s)"
        )
    parameters = {"x": tape.inputs, "y": len(tape.outputs)}
    functions = [_Function(name, parameters, [_Program(_ready(tape), name, parameters)])]
    if gradient:
        of_gradient = f"{name}_gradient"
        parameters = {"x": tape.inputs, "y": 1, "g": tape.inputs}
        wrt = range(tape.inputs)
        plain, strict = (
            _ready(value_and_gradient(tape, wrt, output, strict=strict)) for strict in (False, True)
        )
        programs = [_Program(plain, of_gradient, parameters)]
        if strict != plain:
            programs.append(_Program(strict, f"{of_gradient}_strict", parameters))
        functions.append(_Function(of_gradient, parameters, programs))
    used = {p.name for f in functions for program in f.programs for p in program.primitives}
    return "\n".join(
        [
            *_header(tape, functions, output),
            *_includes(functions),
            *[f"{function.head};" for function in functions],
            *[line for key, helper in _HELPERS.items() if key in used for line in ("", helper)],
            *[line for function in functions for line in ("", *function.lines())],
            "",
        ]
    )


def _ready(tape: Tape) -> Tape:
    """The program in machine operations and without what is of no use."""
    return optimize(lower(optimize(tape)))


_KEYWORDS = """
    auto break case char const continue default do double else enum extern float for goto if inline
    int long register restrict return short signed sizeof static struct switch typedef union
    unsigned void volatile while main unix linux
"""
_MATH = """
    acos asin atan atan2 cos sin tan acosh asinh atanh cosh sinh tanh exp exp2 expm1 frexp ilogb
    ldexp log log10 log1p log2 logb modf scalbn scalbln cbrt fabs hypot pow sqrt erf erfc lgamma
    tgamma ceil floor nearbyint rint lrint llrint round lround llround trunc fmod remainder remquo
    copysign nan nextafter nexttoward fdim fmax fmin fma
"""
_OTHERS = """
    fpclassify isfinite isinf isnan isnormal signbit isgreater isgreaterequal isless islessequal
    islessgreater isunordered abort abs atexit atof atoi atol atoll bsearch calloc div exit free
    getenv labs ldiv llabs lldiv malloc mblen mbstowcs mbtowc qsort rand realloc srand strtod strtof
    strtol strtold strtoll strtoul strtoull system wcstombs wctomb size_t ptrdiff_t wchar_t div_t
    ldiv_t lldiv_t offsetof float_t double_t exact_sum scaled_sum picked exponent scaled
"""
_TAKEN = {
    *_KEYWORDS.split(),
    *_OTHERS.split(),
    *[f"{name}{suffix}" for name in _MATH.split() for suffix in ("", "f", "l")],
}


def _check_name(name: str) -> None:
    """A name that could be a macro of the headers is refused too: those are in capitals."""
    if not isinstance(name, str):
        raise TypeError(f"to_c: name must be a string, not {described(name)}")
    if not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name):
        raise ValueError(f"to_c: name must be letters, digits and _ of ASCII, not {name!r}")
    if name in _TAKEN or (len(name) > 1 and name.isupper()):
        raise ValueError(f"to_c: name must be one that C has not taken, not {name!r}")


# --- The file around the programs -----------------------------------------------------------------


def _header(tape: Tape, functions: Sequence[_Function], output: int) -> Iterator[str]:
    inputs, outputs = tape.inputs, len(tape.outputs)
    yield f"/* {functions[0].name}: from {inputs} double(s) x to {outputs} double(s) y."
    yield " *"
    yield from (f" *     {function.head};" for function in functions)
    yield " *"
    if len(functions) > 1:
        yield f" * {functions[1].name} gives y[{output}] alone, and in g its derivative by each x."
    yield " * The arrays may not overlap. What is returned is 0; or, with nan in all of y and g,"
    yield " *   1  if for this x the function takes another path than the one that was recorded"
    yield " *   2  if there is no memory"
    if named := [slot for slot in range(inputs) if tape.labels.get(slot)]:
        yield " *"
        yield from (f" * x[{slot}]: {_comment(tape.labels[slot])}" for slot in named)
    yield " *"
    yield " * Compile for doubles that round as IEEE 754 has it, and link with -lm:"
    yield " *     cc -std=c99 -O2 -ffp-contract=off"
    yield " */"


def _includes(functions: Sequence[_Function]) -> Iterator[str]:
    yield "#include <float.h>"
    yield "#include <math.h>"
    yield "#include <stddef.h>"
    if any(program.size > ON_STACK for f in functions for program in f.programs):
        yield "#include <stdlib.h>"
    yield ""
    yield "#if defined(__FAST_MATH__) || FLT_EVAL_METHOD < 0 || FLT_EVAL_METHOD == 2"
    yield '#error "every operation has to round to a double: no -ffast-math; -mfpmath=sse on x86"'
    yield "#endif"
    yield "#if !defined(__GNUC__) || defined(__clang__)"
    yield "#pragma STDC FP_CONTRACT OFF"
    yield "#endif"
    if any(len(program.parts) > 1 for f in functions for program in f.programs):
        yield "#if defined(__GNUC__)"
        yield "#define PART static __attribute__((noinline))"
        yield "#else"
        yield "#define PART static"
        yield "#endif"
    yield ""


_COMMENT_ENDS = re.compile(r"(?<=\*)(?=/)|(?<=/)(?=\*)|(?<=\?)(?=\?)")


def _comment(text: str) -> str:
    """A text of anyone's, as it may stand in a comment: in ASCII, without */ and trigraphs."""
    plain = text.encode("unicode_escape").decode("ascii")
    return _COMMENT_ENDS.sub(" ", plain if len(plain) <= SHOWN else f"{plain[: SHOWN - 3]}...")


class _Function:
    """A function that others call, and what it runs: a program, or two of which one is strict."""

    def __init__(self, name: str, parameters: dict[str, int], programs: list[_Program]) -> None:
        self.name = name
        self.parameters = parameters
        self.programs = programs
        self.head = f"int {name}({_declared(parameters)})"

    def lines(self) -> Iterator[str]:
        """The definition, and before it those of the programs."""
        if len(self.programs) == 1 and not self.programs[0].may_fail:
            yield from self.programs[0].lines(self.head)
            return
        for program in self.programs:
            yield from program.lines(
                f"static int {program.name}_path({_declared(self.parameters)})"
            )
            yield ""
        arguments = ", ".join(self.parameters)
        plain, *strict = self.programs
        yield self.head
        yield "{"
        yield f"    int status = {plain.name}_path({arguments});"
        if strict or any(self.parameters[array] for array in self.parameters if array != "x"):
            yield "    size_t i;"
        for program in strict:
            yield "    /* There a gradient of 0 contributes nothing, even times inf or nan. */"
            yield f"    for (i = 0; i < {self.parameters['g']} && status == 0; i++) {{"
            yield "        if (g[i] != g[i]) {"
            yield f"            status = {program.name}_path({arguments});"
            yield "            break;"
            yield "        }"
            yield "    }"
        for array, size in self.parameters.items():
            if array != "x" and size:
                yield f"    for (i = 0; i < {size} && status != 0; i++)"
                yield f"        {array}[i] = NAN;"
        yield "    return status;"
        yield "}"


def _declared(parameters: Iterable[str]) -> str:
    return ", ".join(f"{'const ' * (array == 'x')}double *{array}" for array in parameters)


# --- One program ----------------------------------------------------------------------------------


class _Program:
    """A lowered tape as statements, in parts.

    Attributes:
        name: what its functions begin with.
        primitives: that occur.
        parts: for each part its statements.
        size: how many numbers go from part to part.
        may_fail: whether it returns anything but 0.
    """

    def __init__(self, tape: Tape, name: str, parameters: dict[str, int]) -> None:
        self.tape = tape
        self.name = name
        self.parameters = parameters
        self.primitives = {primitive for _, primitive, _ in tape.nodes()}
        for primitive in self.primitives:
            if MACHINE.get(primitive.name) is not primitive:
                raise ValueError(
                    f"to_c: {primitive.name!r} is computed by Python alone: it has no kernel in "
                    "operations of C"
                )
        self._conditions = _conditions(tape)
        self._as_numbers = _used_as_numbers(tape, self._conditions)
        self._cut()
        self._ends = self._what_is_done_with_results()
        self._allocate()
        self.parts = [list(self._statements(part)) for part in range(len(self._bounds) - 1)]
        self.may_fail = bool(tape.guards) or self.size > ON_STACK

    def _cut(self) -> None:
        """Where the parts begin and end, as slots, and the part of each node."""
        tape = self.tape
        self._bounds = [tape.inputs]
        self._part_of: list[int] = []
        weight = 0
        for slot, _, operands in tape.nodes():
            if weight and weight + len(operands) > LONGEST:
                self._bounds.append(slot)
                weight = 0
            weight += len(operands)
            self._part_of.append(len(self._bounds) - 1)
        self._bounds.append(tape.slots)

    def _what_is_done_with_results(self) -> dict[int, list[str]]:
        """For each slot the statements that set outputs and ask guards; -1 if it needs no node."""
        found: dict[int, list[str]] = defaultdict(list)
        first = self.tape.inputs
        targets = [f"{a}[{i}]" for a, n in self.parameters.items() if a != "x" for i in range(n)]
        for target, place in zip(targets, self.tape.outputs, strict=True):
            found[place if place >= first else -1].append(f"{target} = {self._operand(place)};")
        for guard in self.tape.guards:
            place, at = guard.slot, guard.line and f" /* {_comment(guard.line)} */"
            holds = self._condition(place)
            test = f"if (!({holds})){at}" if guard.outcome else f"if ({holds}){at}"
            found[place if place >= first else -1] += [test, "    return 1;"]
        return found

    def _allocate(self) -> None:
        """Which numbers later parts load, and a place for each; free again after its last part."""
        first, part_of = self.tape.inputs, self._part_of
        last: dict[int, int] = {}
        self._loads: list[set[int]] = [set() for _ in self._bounds[1:]]
        for slot in range(first, self.tape.slots):
            part = part_of[slot - first]
            for o in self._needed(slot):
                if o >= first and part_of[o - first] < part:
                    self._loads[part].add(o)
                    last[o] = part
        self._places: dict[int, int] = {}
        free: list[int] = []
        self.size = 0
        ending: list[list[int]] = [[] for _ in self._loads]
        for part in range(len(self._loads)):
            for slot in range(self._bounds[part], self._bounds[part + 1]):
                if slot in last:
                    self._places[slot] = free.pop() if free else self.size
                    self.size = max(self.size, self._places[slot] + 1)
                    ending[last[slot]].append(self._places[slot])
            free += ending[part]
        # After those, room for the operands of functions that take an array.
        self._room = self.size
        for _, primitive, operands in self.tape.nodes():
            if primitive.name in _OF_ARRAYS and len(operands) > LONGEST:
                self.size = max(self.size, self._room + len(operands))

    def lines(self, head: str) -> Iterator[str]:
        """The definition of the function with this head, and of the parts that it calls."""
        if len(self.parts) == 1 and not self.size:
            yield from self._function(head, self.parameters, self.parts[0])
            return
        parameters = [*self.parameters, "s"]
        for i, part in enumerate(self.parts):
            part_head = f"PART int {self.name}_part{i}({_declared(parameters)})"
            yield from self._function(part_head, parameters, part)
            yield ""
        arguments = ", ".join(parameters)
        yield head
        yield "{"
        yield "    int status = 0;"
        if self.size > ON_STACK:
            yield f"    double *s = malloc({self.size} * sizeof *s);"
            yield "    if (s == NULL)"
            yield "        return 2;"
        else:
            yield f"    double s[{max(self.size, 1)}];"
        for i in range(len(self.parts)):
            yield "    if (status == 0)"
            yield f"        status = {self.name}_part{i}({arguments});"
        if self.size > ON_STACK:
            yield "    free(s);"
        yield "    return status;"
        yield "}"

    def _function(
        self, head: str, parameters: Iterable[str], statements: Sequence[str]
    ) -> Iterator[str]:
        text = "\n".join(statements)
        yield head
        yield "{"
        for array in parameters:
            if not re.search(rf"\b{array}\b", text):
                yield f"    (void){array};"
        yield from (f"    {statement}" for statement in statements)
        yield "    return 0;"
        yield "}"

    def _statements(self, part: int) -> Iterator[str]:
        """Loads from earlier parts; then node by node, what it is and what is done with it."""
        for slot in sorted(self._loads[part]):
            yield f"const double v{slot} = s[{self._places[slot]}];"
        if part == 0:
            yield from self._ends[-1]
        for slot in range(self._bounds[part], self._bounds[part + 1]):
            if self._is_written(slot):
                *before, last = self._assigned(slot)
                yield from before
                label = self.tape.labels.get(slot)
                yield f"{last} /* {_comment(label)} */" if label else last
            if slot in self._places:
                yield f"s[{self._places[slot]}] = v{slot};"
            yield from self._ends.get(slot, ())

    def _is_written(self, slot: int) -> bool:
        """Whether it is a variable, not a condition that stands where it is asked."""
        return slot not in self._conditions or slot in self._as_numbers

    def _needed(self, slot: int) -> Iterator[int]:
        """Which numbers the statements of a node need."""
        if slot in self._conditions:
            if slot in self._as_numbers or slot in self._ends:
                yield from _compared(self._conditions[slot])
            return
        operands = self.tape.operands_of(slot)
        for place, operand in enumerate(operands):
            if place == 0 and self._is_choice(slot) and not self._is_written(operand):
                yield from _compared(self._conditions[operand])
            else:
                yield operand

    def _is_choice(self, slot: int) -> bool:
        return self.tape.primitive_of(slot) is MACHINE["where"]

    def _assigned(self, slot: int) -> Iterator[str]:
        """The statements that set the variable of a node."""
        target, primitive = f"v{slot}", self.tape.primitive_of(slot)
        operands = self.tape.operands_of(slot)
        if slot in self._conditions:
            yield f"const double {target} = {self._text(self._conditions[slot])} ? 1.0 : 0.0;"
        elif self._is_choice(slot):
            condition, a, b = operands
            chosen = f"{self._operand(a)} : {self._operand(b)}"
            yield f"const double {target} = {self._condition(condition)} ? {chosen};"
        else:
            names = list(map(self._operand, operands))
            yield from _assigned(target, primitive.name, names, self._room)

    def _condition(self, operand: int) -> str:
        """Whether a number is not 0."""
        if operand >= 0 and not self._is_written(operand):
            return self._text(self._conditions[operand])
        return f"{self._operand(operand)} != 0.0"

    def _text(self, condition: Condition) -> str:
        """Without &&: to compilers each is a branch, and a thousand of those take them minutes."""
        (sign, a, b), *others = condition
        if sign == "<=" and others == [("<=", b, a)]:
            return f"{self._operand(a)} == {self._operand(b)}"
        texts = [f"{self._operand(a)} {sign} {self._operand(b)}" for sign, a, b in condition]
        return " & ".join(f"({text})" for text in texts) if others else texts[0]

    def _operand(self, operand: int) -> str:
        if operand < 0:
            return _literal(self.tape.constants[~operand])
        return f"v{operand}" if operand >= self.tape.inputs else f"x[{operand}]"


def _conditions(tape: Tape) -> dict[int, Condition]:
    """The nodes that are a comparison, or where(a, b, 0.0) of two: that both hold."""
    found: dict[int, Condition] = {}
    for slot, primitive, operands in tape.nodes():
        if primitive.name in _COMPARISONS:
            a, b = operands
            found[slot] = ((primitive.name, a, b),)
        elif primitive is MACHINE["where"]:
            first, second, other = operands
            is_zero = other < 0 and tape.constants[~other].hex() == "0x0.0p+0"
            both = (*found.get(first, ()), *found.get(second, ()))
            if is_zero and first in found and second in found and len(both) <= MOST_AT_ONCE:
                found[slot] = both
    return found


def _used_as_numbers(tape: Tape, conditions: Mapping[int, Condition]) -> set[int]:
    """The conditions that are not only asked whether they hold."""
    found = set(tape.outputs)
    for slot, primitive, operands in tape.nodes():
        if slot not in conditions:
            found.update(operands[primitive is MACHINE["where"] :])
    # A comparison's own operands are numbers to it, if they are comparisons themselves.
    found.update(o for condition in conditions.values() for o in _compared(condition))
    return found & conditions.keys()


def _compared(condition: Condition) -> Iterator[int]:
    for _, a, b in condition:
        yield a
        yield b


def _literal(number: float) -> str:
    """A constant to the bit: in hexadecimal, unless it has few digits before and after the point.

    What C promises of a decimal is one of the two doubles beside it.
    """
    if number != number:
        return "NAN"
    size = abs(number)
    if size == math.inf:
        text = "INFINITY"
    elif size < 1e6 and (size * 1024).is_integer():
        text = repr(size)
    else:
        text = re.sub(r"\.?0*p", "p", size.hex())
    return f"(-{text})" if math.copysign(1.0, number) < 0 else text


# --- Operations -----------------------------------------------------------------------------------

_COMPARISONS = ("<", "<=")
_CALLS = {
    **{"**": "pow", "abs": "fabs", "c_cbrt": "cbrt", "exponent": "exponent", "ldexp": "scaled"},
    **{
        name: name
        for name in (
            "sqrt", "floor", "ceil", "exp", "expm1", "exp2", "log", "log1p", "log2", "log10", "sin",
            "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh",
            "atanh", "hypot", "erf", "erfc", "fmod", "copysign",
        )
    },
}  # fmt: skip
_FORMS = {
    **{sign: f"{{0}} {sign} {{1}}" for sign in "+-*/"},
    "neg": "-{0}",
    "product_error": "fma({0}, {1}, -({0} * {1}))",
}
_OF_ARRAYS = {"fsum": "exact_sum({0}, {1})", "pick": "picked({2}, {0}, {1})"}
"""Calls with an array of the operands, their number, and before them the index."""

_HELPERS = {
    "exponent": """\
/* e, with 0.5 <= |x| / 2**e < 1. */
static double exponent(double x)
{
    int e = 0;
    if (isfinite(x))
        (void)frexp(x, &e);
    return e;
}""",
    "ldexp": """\
/* x * 2**n for a whole n, else nan. */
static double scaled(double x, double n)
{
    return fabs(n) < 0x1p31 && n == floor(n) ? ldexp(x, (int)n) : NAN;
}""",
    "pick": """\
/* t[index], or nan if none of the n has that index. */
static double picked(double index, const double *t, size_t n)
{
    return index >= 0.0 && index < (double)n && index == floor(index) ? t[(size_t)index] : NAN;
}""",
    "fsum": """\
/* The sum of t[i] * scale, rounded once (Shewchuk 1997); not finite if one on the way overflows. */
static double scaled_sum(const double *t, size_t n, double scale)
{
    double p[1100]; /* adds up to the sum; of 2098 bits no two neighbours are in two of these */
    double sum = 0.0, rest = 0.0;
    size_t count = 0, i, j;
    for (i = 0; i < n; i++) {
        double carry = t[i] * scale;
        size_t kept = 0;
        for (j = 0; j < count; j++) {
            const double total = carry + p[j];
            const double of_p = total - carry, of_carry = total - of_p;
            const double lost = (carry - of_carry) + (p[j] - of_p);
            if (lost != 0.0)
                p[kept++] = lost;
            carry = total;
        }
        if (!isfinite(carry))
            return carry;
        count = kept;
        if (carry != 0.0)
            p[count++] = carry;
    }
    while (count > 0 && rest == 0.0) {
        const double total = sum + p[--count];
        rest = p[count] - (total - sum);
        sum = total;
    }
    if (count > 0 && (rest < 0.0) == (p[count - 1] < 0.0)) {
        /* Was it a tie, rounded to even, then what is left below decides. */
        const double other = sum + 2.0 * rest;
        if (other - sum == 2.0 * rest)
            sum = other;
    }
    return sum;
}

/* The sum, rounded once, also where one on the way overflows. */
static double exact_sum(const double *t, size_t n)
{
    double sum = scaled_sum(t, n, 1.0), endless = 0.0;
    size_t i;
    if (isfinite(sum))
        return sum;
    for (i = 0; i < n; i++) {
        if (!isfinite(t[i]))
            endless += t[i];
    }
    return endless != 0.0 ? endless : scaled_sum(t, n, 0x1p-64) * 0x1p64;
}""",
}
"""What C has no function for, by the machine operations that need it."""


def _assigned(target: str, name: str, operands: list[str], room: int) -> Iterator[str]:
    """The statements that set a new variable to the result of a machine operation."""
    if name == "dot":
        yield from _sum_of_products(target, operands)
    elif name in _OF_ARRAYS:
        index, *numbers = operands if name == "pick" else ("", *operands)
        array = f"t{target}"
        if len(operands) > LONGEST:
            array = f"s + {room}"
            yield from (f"s[{room + i}] = {number};" for i, number in enumerate(numbers))
        else:
            yield f"const double {array}[] = {{"
            yield from (f"    {line}" for line in _wrapped([f"{n}," for n in numbers or ["0.0"]]))
            yield "};"
        call = _OF_ARRAYS[name].format(array, len(numbers), index)
        yield f"const double {target} = {call};"
    elif name in _CALLS:
        yield f"const double {target} = {_CALLS[name]}({', '.join(operands)});"
    else:
        yield f"const double {target} = {_FORMS[name].format(*operands)};"


def _sum_of_products(target: str, operands: list[str]) -> Iterator[str]:
    """From left to right. It begins with the first product, which is -0.0 added to it."""
    half = len(operands) // 2
    terms = [
        w if x == "1.0" else x if w == "1.0" else f"{w} * {x}"
        for w, x in zip(operands[:half], operands[half:], strict=True)
    ] or ["(-0.0)"]
    first, *others = _wrapped([terms[0], *[f"+ {term}" for term in terms[1:]]])
    yield f"{'' if others else 'const '}double {target} = {first};"
    yield from (f"{target} = {target} {line};" for line in others)


def _wrapped(pieces: Iterable[str]) -> Iterator[str]:
    """Pieces, with spaces between them, in lines of no more than the width."""
    line = ""
    for piece in pieces:
        if line and len(line) + len(piece) > WIDTH - 24:
            yield line
            line = ""
        line += f" {piece}" if line else piece
    yield line
