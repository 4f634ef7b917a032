"""Vector loops give the bits of straight-line code, however numbers lie in memory."""

import ctypes
import math
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("llvmlite")

from autograd_scalar import rules
from autograd_scalar.primitives import Primitive
from autograd_scalar.tape.derivatives import value_and_gradient
from autograd_scalar.tape.kernels import MACHINE
from autograd_scalar.tape.native import classes, straight, wide
from autograd_scalar.tape.native.blocks import Loop, Straight
from autograd_scalar.tape.native.classes import Plan
from autograd_scalar.tape.native.straight import machine_tape
from autograd_scalar.tape.passes import optimize
from autograd_scalar.tape.variables import Builder
from tests.random_tapes import SPECIAL, recorded, whole
from tests.strategies import PRIMITIVES

ELEMENTWISE = [p for p in MACHINE.values() if not p.variadic]

UNSIGNED = [p for p in ELEMENTWISE if p.name != "copysign"]
"""Without the one that tells the sign of a nan, which no one promises."""


@pytest.fixture(autouse=True)
def no_cache(monkeypatch):
    monkeypatch.setenv("AUTOGRAD_SCALAR_CACHE", "")


@pytest.fixture
def narrow(monkeypatch):
    """Loops for whatever there are two of."""
    monkeypatch.setattr(classes, "FEWEST", 2)
    monkeypatch.setattr(classes, "POOLED", 3)


def bits(numbers):
    return [x.hex() for x in numbers]


def check(tape, points):
    """The same bits as straight-line code at each of these."""
    found, expected = wide.compile(tape), straight.compile(tape)
    for inputs in points:
        assert bits(found(inputs)) == bits(expected(inputs)), inputs


def numbers(count, seed, special=0.3):
    rng = random.Random(seed)
    return [
        rng.choice(SPECIAL)
        if rng.random() < special
        else rng.choice((-1, 1)) * math.exp(rng.gauss(0, 2))
        for _ in range(count)
    ]


def kinds(tape):
    """Each item in a word, with its sizes."""
    found = []
    for item in Plan(machine_tape(tape)).items:
        if isinstance(item, Straight):
            found.append(("Straight", len(item.nodes)))
        elif isinstance(item, Loop):
            found.append(("Loop", item.rounds, len(item.columns)))
        else:
            found.append(("Sums", len(item.members), len(item.factors)))
    return found


def layered(seed, layers=6, primitives=None):
    """A program of layers of like nodes, whose operands lie in rows, or anyhow, or are one."""
    rng = random.Random(seed)
    primitives = primitives or UNSIGNED
    builder = Builder(rng.randint(1, 60))
    known = [list(builder.inputs)]

    def column(count):
        source = rng.choice(known)
        how = rng.randrange(5)
        if how == 0:
            return [rng.choice(source)] * count
        if how == 1 and len(source) >= count:
            first = rng.randint(0, len(source) - count)
            return source[first : first + count]
        if how == 2:
            period = rng.randint(1, 20)
            return [source[i % period % len(source)] for i in range(count)]
        if how == 3:
            period = rng.randint(8, 24)
            return [source[i // period % len(source)] for i in range(count)]
        mixed = [*source, rng.choice(known)[0], 0.5, -0.0, math.inf]
        return [rng.choice(mixed) for _ in range(count)]

    for _ in range(layers):
        count = rng.randint(1, 70)
        shape = rng.random()
        if shape < 0.6:
            primitive = rng.choice(primitives)
            columns = [column(count) for _ in range(primitive.arity)]
            layer = [builder.apply(primitive, xs) for xs in zip(*columns, strict=True)]
        elif shape < 0.8:
            lengths = [rng.randint(1, 30)] * count
            if rng.random() < 0.5:
                lengths = [rng.randint(1, 30) for _ in range(count)]
            layer = []
            for length in lengths:
                total = rng.choice(rng.choice(known))
                for x in column(length):
                    total = total - x if rng.random() < 0.3 else x + total
                layer.append(total)
        else:
            terms = rng.randint(1, 40)
            operands = [[*column(terms), *column(terms)] for _ in range(count)]
            primitive = rng.choice([rules.dot, rules.dot, rules.fsum])
            layer = [builder.apply(primitive, xs) for xs in operands]
        known.append([x for x in layer if not isinstance(x, float)] or known[0])
    outputs = [x for layer in known for x in layer]
    return builder.tape(rng.choices(outputs, k=rng.randint(0, 150)) + known[-1])


@pytest.mark.parametrize("seed", range(25))
def test_layers_to_the_bit(seed):
    tape = layered(seed)
    check(tape, [numbers(tape.inputs, k, 0.2 * k) for k in range(3)])


@pytest.mark.parametrize("seed", range(40, 52))
def test_layers_to_the_bit_where_hardly_anything_is_straight(seed, narrow):
    tape = layered(seed)
    check(tape, [numbers(tape.inputs, k, 0.2 * k) for k in range(3)])


@pytest.mark.parametrize("seed", range(20))
def test_random_gradients_to_the_bit(seed, narrow):
    tape, inputs = recorded(seed)
    joint = whole(value_and_gradient(tape, range(tape.inputs), strict=True))
    check(joint, [inputs])


# --- Operands -------------------------------------------------------------------------------------

COUNT = 43  # no multiple of any number of lanes

MODES = {
    "in a row": lambda i, rng: i,
    "from the end": lambda i, rng: COUNT - 1 - i,
    "one for all": lambda i, rng: 7,
    "in rows of eleven": lambda i, rng: i % 11,
    "one for eleven": lambda i, rng: i // 11,
    "every third": lambda i, rng: 3 * i % COUNT,
    "anyhow": lambda i, rng: rng.randrange(COUNT),
}


@pytest.mark.parametrize("computed", [False, True])
@pytest.mark.parametrize("primitive", ELEMENTWISE, ids=lambda p: p.name)
def test_every_operation_with_operands_anywhere_to_the_bit(primitive, computed):
    """Of inputs, where they are or rearranged, or of numbers that a loop computed before."""
    rng = random.Random(primitive.name)
    arity = primitive.arity
    builder = Builder(2 * COUNT * arity)
    found = []
    modes = list(MODES.values())
    for k in range(len(modes)):
        columns = []
        for j in range(arity):
            start = 2 * COUNT * j
            own = [rules.maximum(builder.inputs[start + i], -1e300) for i in range(COUNT)]
            mode = modes[(k + j * (1 + k)) % len(modes)]
            source = own if computed else builder.inputs[start : start + COUNT]
            columns.append([source[mode(i, rng)] for i in range(COUNT)])
        found += [builder.apply(primitive, xs) for xs in zip(*columns, strict=True)]
    tape = builder.tape(found)
    assert any(kind[0] == "Loop" for kind in kinds(tape))
    points = [numbers(tape.inputs, seed, 0.4 * seed) for seed in range(3)]
    if primitive.name == "copysign":  # the sign of a nan is nobody's promise
        points = [[abs(x) if x != x else x for x in point] for point in points]
    check(tape, points)


@pytest.mark.parametrize(
    "primitive", [p for p in PRIMITIVES if not p.variadic], ids=lambda p: p.name
)
def test_every_primitive_side_by_side_to_the_bit(primitive):
    builder = Builder(COUNT * primitive.arity)
    rows = [builder.inputs[i::COUNT] for i in range(COUNT)]
    tape = builder.tape([builder.apply(primitive, row) for row in rows])
    check(tape, [numbers(tape.inputs, seed, 0.3 * seed) for seed in range(3)])


def test_constants_that_differ_lie_beside_computed_numbers():
    builder = Builder(COUNT)
    found = [x * (0.1 * i) for i, x in enumerate(builder.inputs)]
    found += [(x if i % 3 else -0.0) - 1.0 / (i + 1) for i, x in enumerate(found)]
    tape = builder.tape([x for x in found if not isinstance(x, float)])
    check(tape, [numbers(COUNT, seed) for seed in range(3)])


def test_what_is_read_beyond_the_last_number_is_not_there_to_be_read():
    """The last vector of a row that ends where the inputs end, beside a page that is not ours."""
    mmap = pytest.importorskip("mmap")
    if not hasattr(mmap, "PROT_NONE") and not hasattr(ctypes.CDLL(None), "mprotect"):
        pytest.skip("no protected pages here")
    count, page = 8 * 3 + 3, mmap.PAGESIZE
    memory = mmap.mmap(-1, 2 * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc = ctypes.CDLL(None)
    libc.mprotect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    assert libc.mprotect(start + page, page, 0) == 0
    try:
        builder = Builder(count)
        halves = builder.inputs
        terms = [rules.dot(*halves[i : i + 6], *halves[i : i + 6]) for i in range(count - 5)]
        squares = [x * x for x in builder.inputs]
        tape = builder.tape([*squares, *terms])
        given = numbers(count, 0, 0.0)
        inputs = (ctypes.c_double * count).from_address(start + page - 8 * count)
        inputs[:] = given
        outputs = (ctypes.c_double * len(tape.outputs))()
        program = wide.compile(tape)
        program.into(ctypes.addressof(inputs), ctypes.addressof(outputs))
        assert bits(outputs) == bits(straight.compile(tape)(given))
    finally:
        libc.mprotect(start + page, page, mmap.PROT_READ | mmap.PROT_WRITE)


# --- Sums -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("count, terms", [(1, 400), (5, 100), (40, 9), (19, 33)])
@pytest.mark.parametrize("how", ["plus", "minus", "mixed", "uneven"])
def test_sums_are_added_up_in_order(count, terms, how):
    rng = random.Random(f"{count} {terms} {how}")
    builder = Builder(60)
    known = [*builder.inputs, *[x * x for x in builder.inputs], 0.1]
    found = []
    for i in range(count):
        total = rng.choice(known[:-1])
        for _ in range(terms - (i % 7 if how == "uneven" else 0)):
            x = rng.choice(known)
            minus = how == "minus" or (how != "plus" and rng.random() < 0.4)
            operands = rng.sample((total, x), 2)
            total = total - x if minus else operands[0] + operands[1]
        found.append(total)
    tape = builder.tape(found)
    sums = sum(kind[1] for kind in kinds(tape) if kind[0] == "Sums")
    assert sums >= (count - 4 if terms > 20 else 0)  # those of a depth of their own are straight
    check(tape, [numbers(60, seed, 0.02 * seed) for seed in range(4)])


def test_minus_zero_and_what_is_taken_from_a_number_keep_their_signs():
    builder = Builder(32)
    zeros, found = builder.inputs, []
    for i in range(16):
        total = zeros[i]
        for _ in range(12):
            total = total + zeros[16 + i]
        found += [total, 1.0 - total]
    check(builder.tape(found), [[-0.0] * 32, [0.0] * 32, [-0.0] * 31 + [0.0]])


@pytest.mark.parametrize("rows, terms", [(40, 12), (8, 200), (3, 60), (17, 5)])
def test_a_matrix_times_a_vector_and_its_transpose_to_the_bit(rows, terms):
    builder = Builder(rows * terms + terms + rows)
    matrix = [builder.inputs[i * terms : (i + 1) * terms] for i in range(rows)]
    vector = builder.inputs[rows * terms : (rows + 1) * terms]
    other = builder.inputs[(rows + 1) * terms :]
    found = [rules.dot(*row, *vector) for row in matrix]
    found += [rules.dot(*column, *other) for column in zip(*matrix, strict=True)]
    check(builder.tape(found), [numbers(rows * terms + rows + terms, k, 0.0) for k in range(3)])


def test_exact_sums_side_by_side():
    builder = Builder(300)
    xs = builder.inputs
    short = [rules.fsum(*xs[i : i + 5]) for i in range(0, 200, 5)]
    long = [rules.fsum(*xs[i : i + 100]) for i in range(0, 200, 10)]
    tape = builder.tape([*short, *long])
    points = [numbers(300, 0, 0.0), numbers(300, 1, 0.1), [1e308, -1e308, 1e308] * 100]
    check(tape, points)


# --- Loops ----------------------------------------------------------------------------------------


def atoms(count):
    """Energy of pairs, and its gradient, as it is compiled."""
    builder = Builder(3 * count)
    where = [builder.inputs[i : i + 3] for i in range(0, 3 * count, 3)]
    energy = 0.0
    for i in range(count):
        for j in range(i + 1, count):
            square = sum((a - b) * (a - b) for a, b in zip(where[i], where[j], strict=True))
            inverse = 1.0 / square
            sixth = inverse * inverse * inverse
            energy = energy + (sixth * sixth - sixth)
    return optimize(value_and_gradient(builder.tape([energy]), range(3 * count)))


def test_loops_that_are_the_same_are_compiled_once():
    def functions(steps):
        builder = Builder(64)
        cells = builder.inputs
        for _ in range(steps):
            cells = [a * b for a, b in zip(cells, [*cells[1:], cells[0]], strict=True)]
        module = wide.Module()
        wide._Writer(machine_tape(builder.tape(cells)), module, False).write()
        return module.text.count("call void @loop"), module.text.count("define internal void @loop")

    calls, defined = functions(300)
    assert calls > 250
    assert defined <= 6


def test_a_column_leaves_its_place_to_another():
    def size(steps):
        builder = Builder(64)
        cells = builder.inputs
        for _ in range(steps):
            cells = [a * b for a, b in zip(cells, [*cells[1:], cells[0]], strict=True)]
        return wide._Writer(machine_tape(builder.tape(cells)), wide.Module(), False)

    sizes = []
    for steps in (20, 200):
        writer = size(steps)
        writer.write()
        sizes.append(writer.size)
    assert sizes[0] == sizes[1]


# --- Programs -------------------------------------------------------------------------------------


def test_outputs_may_be_inputs_and_constants_and_come_twice():
    builder = Builder(20)
    xs = [x + 1.0 for x in builder.inputs]
    tape = builder.tape([xs[3], 7.0, *xs, xs[3], builder.inputs[2], -0.0, *xs[::-1], xs[0] * xs[1]])
    check(tape, [numbers(20, seed) for seed in range(3)])


def test_programs_of_nothing():
    assert wide.compile(Builder(0).tape([]))([]) == ()
    assert wide.compile(Builder(0).tape([3.0]))([]) == (3.0,)
    assert wide.compile(Builder(2).tape([]))([1.0, 2.0]) == ()
    builder = Builder(0)
    assert wide.compile(builder.tape([builder.apply(rules.fsum, [])]))([]) == (0.0,)


def test_numbers_are_checked_as_straight_code_does():
    builder = Builder(10)
    program = wide.compile(builder.tape([x * x for x in builder.inputs]))
    with pytest.raises(ValueError, match=r"10 input\(s\), got 1"):
        program([1.0])
    with pytest.raises(TypeError, match="must be numbers"):
        program(["1"] * 10)


@pytest.mark.parametrize("on_heap", [False, True])
def test_several_threads_at_once(on_heap, monkeypatch):
    if on_heap:
        monkeypatch.setattr(straight, "_LARGEST_ON_STACK", 0)
    tape = atoms(10)
    program = wide.compile(tape)
    points = [numbers(30, seed, 0.0) for seed in range(200)]
    expected = [program(point) for point in points]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(program, points)) == expected


def test_what_is_called_in_python_is_called_once_for_each_node():
    calls = []

    def slow(x):
        calls.append(x)
        if x < 0:
            raise ArithmeticError("below zero")
        return 2.0 * x

    own = Primitive("slow", slow, (lambda g, y, x: g * 2.0,))
    builder = Builder(30)
    doubled = [builder.apply(own, [x * x * x]) for x in builder.inputs]
    program = wide.compile(builder.tape([x + 1.0 for x in doubled]))
    given = [float(i) for i in range(30)]
    assert list(program(given)) == [2.0 * x**3 + 1.0 for x in given]
    assert sorted(calls) == [x**3 for x in given]
    with pytest.raises(ArithmeticError, match="below zero"):
        program([-1.0] * 30)
    assert program(given)[1] == 3.0


def test_contracted_code_is_within_rounding():
    tape = atoms(8)
    given = numbers(24, 3, 0.0)
    for a, b in zip(
        wide.compile(tape, contract=True)(given), wide.compile(tape)(given), strict=True
    ):
        assert math.isclose(a, b, rel_tol=1e-9)


def test_wide_pays_for_what_is_wide():
    builder = Builder(1)
    x = builder.inputs[0]
    for _ in range(5_000):
        x = rules.sin(x) * x
    assert not wide.pays(builder.tape([x]))
    assert not wide.pays(Builder(3).tape([]))
    assert wide.pays(atoms(40))
    assert not wide.pays(atoms(4))
