"""C that is written of a tape compiles without a warning and computes the same, to the bit."""

import ctypes
import math
import random
import shutil
import struct
import subprocess
from itertools import count
from pathlib import Path

import pytest

from autograd_scalar import rules
from autograd_scalar.primitives import RULES, primitive
from autograd_scalar.tape import c
from autograd_scalar.tape.c import to_c
from autograd_scalar.tape.derivatives import value_and_gradient
from autograd_scalar.tape.kernels import MACHINE
from autograd_scalar.tape.program import Guard, Tape
from autograd_scalar.tape.variables import Builder
from autograd_scalar.testing.programs import RandomSource, random_program, wild_number
from autograd_scalar.value import Value
from tests.strategies import PRIMITIVES

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
FLAGS = ["-std=c99", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-pedantic"]
SPECIAL = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    5e-324,
    -5e-324,
    1e-310,
    1.7e308,
    math.inf,
    -math.inf,
    math.nan,
)

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler")


class Compiled:
    """The functions of some C files."""

    def __init__(self, folder: Path, texts: dict[str, str], flags=()) -> None:
        for name, text in texts.items():
            (folder / f"{name}.c").write_text(text)
        sources = [f"{name}.c" for name in texts]
        command = [COMPILER, *FLAGS, *flags, "-fPIC", "-shared", *sources, "-o", "all.so", "-lm"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[:3000]
        self._library = ctypes.CDLL(str(folder / "all.so"))

    def __call__(self, name: str, x: list[float], *sizes: int) -> tuple[int, list[float]]:
        """What the function returns, and all that it writes."""
        arrays = [(ctypes.c_double * size)(*[7.0] * size) for size in (len(x), *sizes)]
        arrays[0][:] = x
        status = getattr(self._library, name)(*arrays)
        return status, [number for array in arrays[1:] for number in array]


def tape_of(program) -> Tape:
    builder = Builder(len(program.inputs))
    return builder.tape([program(*builder.inputs)])


def bits(numbers) -> list[bytes]:
    """The same for two lists of floats if they are the same; a nan is a nan."""
    return [struct.pack("<d", math.nan if x != x else x) for x in numbers]


def eager_gradient(program, inputs) -> list[float]:
    values = [Value(x) for x in inputs]
    result = program(*values)
    if isinstance(result, Value):
        result.backward()
    return [value.grad for value in values]


def tape_gradient(program, inputs) -> list[float]:
    tape = tape_of(program)
    for strict in (False, True):
        _, *gradient = value_and_gradient(tape, range(tape.inputs), strict=strict).run(inputs)
        if not any(map(math.isnan, gradient)):
            break
    return gradient


# --- Operations -----------------------------------------------------------------------------------

COUNTS = {"dot": (0, 2, 6, 40), "fsum": (0, 1, 2, 5, 40), "pick": (1, 2, 6)}
EXACT = {"+", "-", "*", "/", "neg", "abs", "sqrt", "floor", "ceil", "<", "<=", "where", "dot"}
EXACT |= {"fsum", "pick", "fmod", "copysign", "exponent", "ldexp", "product_error"}


def operands(source, size):
    for _ in range(size):
        kind = source.randrange(4)
        if kind == 0:
            yield source.choice(SPECIAL)
        elif kind == 1:
            yield float(source.randrange(-5, 45))
        elif kind == 2:
            yield source.uniform(-3, 3)
        else:
            yield source.choice((1, -1)) * 10.0 ** source.uniform(-300, 300)


def are_in_range(operation, xs) -> bool:
    """Whether the operation is defined there to the bit."""
    return operation.name != "product_error" or all(1e-130 < abs(x) < 1e150 for x in xs)


def test_every_machine_operation_is_that_of_the_table(tmp_path):
    texts, cases = {}, []
    for name, operation in MACHINE.items():
        for size in COUNTS.get(name, (operation.arity,)):
            builder = Builder(size)
            function = f"f{len(cases)}"
            tape = builder.tape([builder.apply(operation, builder.inputs)])
            texts[function] = to_c(tape, function, gradient=False)
            cases.append((function, operation, size))
    compiled = Compiled(tmp_path, texts, ["-O1"])
    source = random.Random(1)
    for function, operation, size in cases:
        within = 0 if operation.name in EXACT else 2
        for _ in range(300 if size else 1):
            xs = list(operands(source, size))
            if not are_in_range(operation, xs):
                continue
            expected = operation.function(*xs)
            status, (found,) = compiled(function, xs, 1)
            assert status == 0
            if operation.name == "product_error" and found == expected == 0:
                continue  # of either sign
            if not (within and math.isfinite(expected) and math.isfinite(found)):
                assert bits([found]) == bits([expected]), (operation, xs)
            else:
                assert abs(found - expected) <= within * math.ulp(expected), (operation, xs)


# --- Programs -------------------------------------------------------------------------------------

ARITHMETIC = [
    RULES[name]
    for name in (
        "+",
        "-",
        "*",
        "/",
        "neg",
        "abs",
        "sqrt",
        "where",
        "maximum",
        "minimum",
        "relu",
        "clamp",
        "dot",
        "fsum",
        "leaky_relu",
    )
]
WITH_KERNELS = [p for p in PRIMITIVES if p.name not in ("digamma", "polygamma", "lgamma")]


def random_points(program, source, size):
    yield list(program.inputs)
    for _ in range(size):
        yield list(operands(source, len(program.inputs)))


def test_arithmetic_is_the_same_to_the_bit(tmp_path):
    programs = {
        f"f{seed}": random_program(
            RandomSource(seed), ARITHMETIC, steps=20, number=wild_number, largest=math.inf
        )
        for seed in range(16)
    }
    texts = {name: to_c(tape_of(p), name) for name, p in programs.items()}
    compiled = Compiled(tmp_path, texts, ["-O1"])
    source = random.Random(2)
    for name, program in programs.items():
        for xs in random_points(program, source, 40):
            expected = program(*xs)
            assert bits(compiled(name, xs, 1)[1]) == bits([expected]), (name, xs)
            status, (value, *gradient) = compiled(f"{name}_gradient", xs, 1, len(xs))
            assert (status, bits([value])) == (0, bits([expected]))
            assert bits(gradient) == bits(tape_gradient(program, xs)), (name, xs, program)


def test_programs_of_all_primitives_are_the_same_to_rounding(tmp_path):
    programs = {f"f{seed}": random_program(RandomSource(seed), WITH_KERNELS) for seed in range(10)}
    texts = {name: to_c(tape_of(p), name) for name, p in programs.items()}
    compiled = Compiled(tmp_path, texts, ["-O1"])
    for name, program in programs.items():
        xs = list(program.inputs)
        expected = [program(*xs), *eager_gradient(program, xs)]
        _, found = compiled(f"{name}_gradient", xs, 1, len(xs))
        size = max(map(abs, expected))
        for a, b in zip(found, expected, strict=True):
            assert abs(a - b) <= 1e-10 * size, (name, program, found, expected)
        assert bits(compiled(name, xs, 1)[1]) == bits(found[:1])


def test_a_gradient_of_zero_contributes_nothing(tmp_path):
    builder = Builder(2)
    x, y = builder.inputs
    tape = builder.tape([rules.where(x, rules.sqrt(y) * 2.0, y) + rules.hypot(x, 0.0 * y)])
    compiled = Compiled(tmp_path, {"f": to_c(tape)})
    assert compiled("f_gradient", [0.0, 0.0], 1, 2) == (0, [0.0, 0.0, 1.0])
    assert "f_gradient_strict_path" in to_c(tape)


def test_several_outputs_and_inputs_that_go_straight_through(tmp_path):
    builder = Builder(3)
    x, _, z = builder.inputs
    product = x * z
    builder.constant(2.5)
    builder.constant(-0.0)
    tape = builder.tape([z, product, 2.5, x, product, -0.0])
    assert len(tape.constants) == 2
    compiled = Compiled(tmp_path, {"f": to_c(tape, output=1)})
    assert compiled("f", [2.0, math.nan, 5.0], 6) == (0, [5.0, 10.0, 2.5, 2.0, 10.0, -0.0])
    assert compiled("f_gradient", [2.0, 9.0, 5.0], 1, 3) == (0, [10.0, 5.0, 0.0, 2.0])


@pytest.mark.parametrize("inputs", [0, 2])
def test_programs_of_nothing_compile(tmp_path, inputs):
    builder = Builder(inputs)
    builder.constant(math.inf)
    compiled = Compiled(
        tmp_path,
        {
            "f": to_c(builder.tape([math.inf])),
            "g": to_c(builder.tape([]), "g", gradient=False),
        },
    )
    assert compiled("f_gradient", [1.0] * inputs, 1, inputs) == (0, [math.inf, *[0.0] * inputs])
    assert compiled("g", [1.0] * inputs, 0) == (0, [])


def test_dead_nodes_leave_no_unused_variables(tmp_path):
    builder = Builder(1)
    (x,) = builder.inputs
    rules.exp(x)
    Compiled(tmp_path, {"f": to_c(builder.tape([x + 1.0]))})


# --- Guards ---------------------------------------------------------------------------------------


def test_another_path_gives_nan_and_says_so(tmp_path):
    builder = Builder(2)
    x, y = builder.inputs
    less, not_equal = x < y, y - x
    guards = [Guard(less.slot, True, "a */ b"), Guard(not_equal.slot, True), Guard(0, True)]
    tape = builder.tape([rules.exp(x) * y, y * y], guards)
    compiled = Compiled(tmp_path, {"f": to_c(tape)})
    assert compiled("f", [1.0, 2.0], 2) == (0, [math.e * 2, 4.0])
    assert compiled("f_gradient", [1.0, 2.0], 1, 2) == (0, [math.e * 2, math.e * 2, math.e])
    for xs in ([2.0, 1.0], [1.0, 1.0], [math.nan, 1.0], [0.0, 1.0]):
        for name, sizes in (("f", [2]), ("f_gradient", [1, 2])):
            status, found = compiled(name, xs, *sizes)
            assert status == 1
            assert all(number != number for number in found)


# --- Long programs --------------------------------------------------------------------------------


def long_tape(nodes: int, reach: int) -> Tape:
    builder = Builder(4)
    numbers = list(builder.inputs)
    source = random.Random(3)
    for _ in range(nodes):
        a, b = source.choice(numbers[-reach:]), source.choice(numbers[-reach:])
        numbers.append(source.choice([a + b, a - b, a * 0.75, 1.5 * b + a * 0.25]))
    numbers.append(rules.fsum(*numbers))
    return builder.tape([rules.dot(*numbers[-10:], *numbers[:10])])


@pytest.mark.parametrize(("reach", "on_stack"), [(20, 1000), (300, 200)])
def test_programs_in_parts_are_the_same_to_the_bit(tmp_path, monkeypatch, reach, on_stack):
    monkeypatch.setattr(c, "LONGEST", 50)
    monkeypatch.setattr(c, "ON_STACK", on_stack)
    tape = long_tape(300, reach)
    text = to_c(tape)
    assert text.count("PART int") > 10
    assert ("malloc(" in text) is (reach > on_stack)
    compiled = Compiled(tmp_path, {"f": text}, ["-O0"])
    xs = [0.3, -1.2, 2.0, 0.7]
    joint = value_and_gradient(tape, range(4)).run(xs)
    assert bits(compiled("f_gradient", xs, 1, 4)[1]) == bits(joint)
    assert bits(compiled("f", xs, 1)[1]) == bits(tape.run(xs))


def test_guards_in_a_later_part_are_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(c, "LONGEST", 10)
    builder = Builder(1)
    (x,) = builder.inputs
    total = x
    for k in range(30):
        total = total + float(k) * x
    less = total < 100.0
    compiled = Compiled(tmp_path, {"f": to_c(builder.tape([total], [Guard(less.slot, True)]))})
    assert compiled("f", [0.1], 1)[0] == 0
    assert compiled("f", [1.0], 1)[0] == 1


def test_one_place_is_used_again_as_soon_as_it_is_free(monkeypatch):
    monkeypatch.setattr(c, "LONGEST", 10)
    builder = Builder(1)
    number = builder.inputs[0]
    for _ in range(1000):
        number = rules.sin(number)
    assert "double s[2];" in to_c(builder.tape([number]), gradient=False)


def tape_of_choices(source) -> Tape:
    """Comparisons as conditions, as numbers, of comparisons, of several at once, and guards."""
    builder = Builder(3)
    numbers, truths = [*builder.inputs, 0.5, -1.0], []
    for _ in range(25):
        a, b, c = (source.choice(numbers[-8:]) for _ in range(3))
        kind = source.randrange(5)
        if kind <= 1:
            truths.append(builder.apply(source.choice([rules.less, rules.less_equal]), [a, b]))
            numbers += truths[-1:] * source.randrange(2)
        elif kind == 2 and truths:
            both = [source.choice(truths[-3:]) for _ in range(2)]
            truths.append(builder.apply(rules.where, [*both, source.choice([0.0, -0.0, 1.0])]))
        elif kind == 3 and truths:
            numbers.append(builder.apply(rules.where, [source.choice(truths), b, c]))
        else:
            numbers.append(builder.apply(source.choice([rules.where, rules.clamp]), [a, b, c]))
    asked = [t for t in truths if source.random() < 0.2]
    tape = builder.tape([*numbers[-4:], *truths[-2:]])
    values = tape.values([0.7, 0.5, -1.0])
    tape.guards = tuple(Guard(t.slot, values[t.slot] != 0) for t in asked)
    return tape


@pytest.mark.parametrize("flags", [["-O3", "-march=native", "-std=gnu99"], ["-O0"]])
def test_flags_that_round_alike_compile(tmp_path, flags):
    tape = tape_of_choices(random.Random(4))
    tape.guards = ()
    xs = [0.7, 0.5, -1.0]
    found = Compiled(tmp_path, {"f": to_c(tape)}, flags)("f", xs, len(tape.outputs))
    assert (found[0], bits(found[1])) == (0, bits(tape.run(xs)))


def test_flags_that_do_not_are_an_error(tmp_path):
    with pytest.raises(AssertionError, match="every operation has to round to a double"):
        Compiled(tmp_path, {"f": to_c(tape_of_choices(random.Random(4)))}, ["-ffast-math"])


@pytest.mark.parametrize("longest", [6, 1500])
def test_conditions_stand_where_they_are_asked_and_mean_the_same(tmp_path, monkeypatch, longest):
    monkeypatch.setattr(c, "LONGEST", longest)
    source = random.Random(longest)
    tapes = {f"f{k}": tape_of_choices(source) for k in range(25)}
    texts = {name: to_c(tape, name, gradient=False) for name, tape in tapes.items()}
    assert any(" & " in text for text in texts.values())
    compiled = Compiled(tmp_path, texts, ["-O0"])
    lost = 0
    for name, tape in tapes.items():
        assert compiled(name, [0.7, 0.5, -1.0], len(tape.outputs))[0] == 0
        for _ in range(40):
            xs = [source.choice([0.5, -1.0, 0.0, -0.0, 2.0, math.nan]) for _ in range(3)]
            status, found = compiled(name, xs, len(tape.outputs))
            values = tape.values(xs)
            holds = all((values[g.slot] != 0) == g.outcome for g in tape.guards)
            expected = [values[o] if holds else math.nan for o in tape.outputs]
            assert (status, bits(found)) == (int(not holds), bits(expected)), (name, xs)
            lost += not holds
    assert lost > 20


# --- A program of its own, under the sanitizers ---------------------------------------------------

MAIN = """
#include <stdio.h>
int f_gradient(const double *x, double *y, double *g);
int main(void)
{
    double x[] = {%s}, y[1], g[%d];
    int i, status = f_gradient(x, y, g);
    printf("%%a", y[0]);
    for (i = 0; i < %d; i++)
        printf(" %%a", g[i]);
    return status;
}
"""


@pytest.mark.parametrize("seed", range(3))
def test_a_program_has_no_undefined_behaviour(tmp_path, seed):
    primitives = [RULES[name] for name in ("prod", "pick", "fsum", "norm", "mean", "%", "//")]
    program = random_program(RandomSource(seed), [*primitives, *ARITHMETIC], steps=30)
    tape = tape_of(program)
    size = tape.inputs
    (tmp_path / "f.c").write_text(to_c(tape))
    numbers = ", ".join(x.hex() for x in program.inputs)
    (tmp_path / "main.c").write_text(MAIN % (numbers, size, size))
    command = [COMPILER, *FLAGS, "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    build = [*command, "f.c", "main.c", "-o", "main", "-lm"]
    if subprocess.run(build, cwd=tmp_path, capture_output=True).returncode:
        pytest.skip("the compiler has no sanitizers")
    done = subprocess.run([tmp_path / "main"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    found = list(map(float.fromhex, done.stdout.split()))
    expected = [program(*program.inputs), *eager_gradient(program, program.inputs)]
    assert found == pytest.approx(expected, rel=1e-10, abs=1e-10)


# --- Names and labels -----------------------------------------------------------------------------

HOSTILE = ["*/", "/*", "*/ #error\n", "\\", "??/", "\n", "\r\n", "☃", "\u202e", "\ud800", "a\0b"]
HOSTILE += ["%s", "/", "*", "**/", "//*", "x" * 1000, '"', "?" * 9, "\\\n", ""]


def test_labels_of_any_kind_stay_in_their_comments(tmp_path):
    builder = Builder(len(HOSTILE))
    total = 0.0
    for k, label in enumerate(HOSTILE):
        builder.labels[k] = label
        term = builder.inputs[k] * 2.0
        builder.labels[term.slot] = label
        total = total + term
    guards = [Guard(0, True, label) for label in HOSTILE]
    text = to_c(builder.tape([total], guards))
    assert text.isascii()
    compiled = Compiled(tmp_path, {"f": text})
    assert compiled("f", [1.0] * len(HOSTILE), 1) == (0, [2.0 * len(HOSTILE)])


@pytest.mark.parametrize(
    "name", ["", "1f", "f g", "f;", "f\n", "é", "_f", "int", "exp", "sqrtf", "fmal", "malloc",
             "main", "NAN", "DBL_MAX", "exact_sum", "scaled", "f" + chr(0x0430)],
)  # fmt: skip
def test_a_name_that_c_has_no_use_for_is_refused(name):
    with pytest.raises(ValueError, match="to_c: name must be"):
        to_c(Builder(1).tape([]), name, gradient=False)


@pytest.mark.parametrize("name", ["x", "y", "g", "s", "v1", "status", "i", "p", "F", "loss_2"])
def test_any_other_name_will_do(tmp_path, monkeypatch, name):
    monkeypatch.setattr(c, "LONGEST", 4)
    builder = Builder(2)
    x, y = builder.inputs
    result = rules.fsum(x * y, rules.pick(y, x, x * x), y)
    compiled = Compiled(tmp_path, {"file": to_c(builder.tape([result]), name)}, ["-O0"])
    assert compiled(name, [3.0, 1.0], 1) == (0, [13.0])
    assert compiled(f"{name}_gradient", [3.0, 1.0], 1, 2) == (0, [13.0, 7.0, 4.0])


names = count()


def test_what_is_computed_by_python_alone_is_refused():
    @primitive(lambda g, y, x: g, name=f"of_test_tape_c_{next(names)}")
    def mine(x):
        return x

    builder = Builder(1)
    (x,) = builder.inputs
    try:
        for function in (mine, rules.digamma):
            with pytest.raises(ValueError, match=f"to_c: {function.name!r} is computed by Python"):
                to_c(builder.tape([function(x)]))
        with pytest.raises(ValueError, match="'digamma' is computed by Python"):
            to_c(builder.tape([rules.lgamma(x)]))
        assert "log" in to_c(builder.tape([rules.lgamma(x)]), gradient=False)
    finally:
        del RULES[mine.name]


def test_bad_arguments_are_named():
    tape = Builder(1).tape([])
    with pytest.raises(TypeError, match=r"to_c: tape must be a Tape, not 'f' \(str\)"):
        to_c("f")
    with pytest.raises(TypeError, match=r"to_c: name must be a string, not 3 \(int\)"):
        to_c(tape, 3)
    with pytest.raises(ValueError, match=r"to_c: output is 0, but the tape has 0 output\(s\)"):
        to_c(tape)


@pytest.mark.parametrize("number", [*SPECIAL, 0.1, 2.5, -1e6, 123456.0, 1e22, 2.0**-1074, 1 / 3])
def test_a_literal_is_the_number_to_the_bit(number):
    text = c._literal(number).strip("()")
    assert ("x" in text) is (number in (5e-324, -5e-324, 1e-310, 1.7e308, 0.1, -1e6, 1e22, 1 / 3))
    if "x" in text:
        assert bits([float.fromhex(text)]) == bits([number])
    else:
        assert bits([float(text.replace("INFINITY", "inf"))]) == bits([number])
