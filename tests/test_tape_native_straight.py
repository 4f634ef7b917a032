"""Straight-line machine code gives what the tape does, however it is cut."""

import ctypes
import math
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("llvmlite")

from autograd_scalar import rules
from autograd_scalar.primitives import RULES, Primitive
from autograd_scalar.tape.kernels import lower
from autograd_scalar.tape.native import straight
from autograd_scalar.tape.variables import Builder
from autograd_scalar.testing.programs import RandomSource, random_program, wild_number
from tests.strategies import PRIMITIVES

EXACT = [
    p
    for p in PRIMITIVES
    if p.name
    in {
        "+", "-", "*", "/", "neg", "abs", "sqrt", "maximum", "minimum", "relu", "leaky_relu",
        "where", "<", "<=", "clamp", "sign", "dot", "floor", "ceil", "%", "//", "pick", "detach",
    }
]  # fmt: skip
"""What the machine computes to the last bit as Python does."""

SPECIAL = (0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, 1e308, 1.0, -1.0)


@pytest.fixture(autouse=True)
def no_cache(monkeypatch):
    monkeypatch.setenv("AUTOGRAD_SCALAR_CACHE", "")


def taped(program, outputs=3):
    """A program of the testing kit as a tape of its last numbers, without the sum of all."""
    builder = Builder(len(program.inputs))
    *numbers, _ = program.run(lambda name, xs: RULES[name](*xs), builder.inputs)
    return builder.tape(numbers[-outputs:])


def points(program, count, seed):
    """The program's own inputs, and wild ones, with nan and inf among them."""
    rng, source = random.Random(seed), RandomSource(seed)
    yield list(program.inputs)
    for _ in range(count):
        yield [
            rng.choice(SPECIAL) if rng.random() < 0.3 else wild_number(source, None, 0)
            for _ in program.inputs
        ]


def same(found, expected):
    return [x.hex() for x in found] == [x.hex() for x in expected]


def chain(length, seed=0, width=8):
    """So many operations, each on two of the last numbers."""
    rng = random.Random(seed)
    builder = Builder(width)
    numbers = list(builder.inputs)
    for _ in range(length):
        a, b = rng.choice(numbers[-width:]), rng.choice(numbers[-width:])
        numbers.append(rng.choice([a + b, a - b, a * b]))
    return builder.tape(numbers[-3:])


@pytest.mark.parametrize("chunk, long", [(400, 24), (7, 2)])
@pytest.mark.parametrize("seed", range(30))
def test_random_programs_of_exact_operations_to_the_bit(seed, chunk, long, monkeypatch):
    monkeypatch.setattr(straight, "CHUNK", chunk)
    monkeypatch.setattr(straight, "LONG", long)
    options = {"number": wild_number, "largest": math.inf} if seed % 2 else {}
    program = random_program(RandomSource(seed), EXACT, steps=30, **options)
    tape = taped(program)
    scalar = straight.compile(tape)
    for inputs in points(program, 12, seed):
        assert same(scalar(inputs), tape.run(inputs)), inputs


@pytest.mark.parametrize("chunk", [400, 5])
@pytest.mark.parametrize("seed", range(20))
def test_random_programs_of_all_primitives_to_the_bit_of_the_c_library(seed, chunk, monkeypatch):
    """Python's ``math`` calls the same functions, but for hypot and fsum, which it has itself."""
    monkeypatch.setattr(straight, "CHUNK", chunk)
    monkeypatch.setattr(straight, "LONG", 1000)
    own = {"hypot", "norm", "fsum", "mean", "logsumexp"}
    chosen = [p for p in PRIMITIVES if p.name not in own]
    program = random_program(RandomSource(seed), chosen, steps=15)
    tape = lower(taped(program))
    scalar = straight.compile(tape)
    for inputs in points(program, 5, seed):
        assert same(scalar(inputs), tape.run(inputs)), inputs


def test_what_lowering_doubles_is_computed_once():
    builder = Builder(1)
    (x,) = builder.inputs
    tape = builder.tape([rules.sigmoid(x), rules.softplus(x)])
    names = [primitive.name for _, primitive, _ in straight.machine_tape(tape).nodes()]
    assert names.count("exp") == 1


def test_outputs_may_be_inputs_and_constants_and_come_twice():
    builder = Builder(2)
    x, y = builder.inputs
    total = x + y
    tape = builder.tape([y, 7.0, total, total, x, -0.0])
    assert same(straight.compile(tape)([1.0, 2.0]), [2.0, 7.0, 3.0, 3.0, 1.0, -0.0])


def test_programs_of_nothing():
    assert straight.compile(Builder(0).tape([]))([]) == ()
    assert straight.compile(Builder(0).tape([3.0]))([]) == (3.0,)
    assert straight.compile(Builder(2).tape([]))([1.0, 2.0]) == ()


@pytest.mark.parametrize("on_heap", [False, True])
@pytest.mark.parametrize("count", [1, 2, 5, 100])
def test_operations_over_many_operands(count, on_heap, monkeypatch):
    monkeypatch.setattr(straight, "LONG", 2)
    if on_heap:
        monkeypatch.setattr(straight, "_LARGEST_ON_STACK", 0)
    rng = random.Random(count)
    builder = Builder(2 * count + 1)
    *xs, index = builder.inputs
    ws, zs = xs[:count], [x * 1.0 for x in xs[count:]]
    ws[0] = 0.75  # a constant among them
    tape = builder.tape(
        [
            rules.dot(*ws, *zs),
            rules.dot(*zs, *zs) + rules.fsum(*ws, *zs),
            rules.pick(index, *ws, *zs),
        ]
    )
    scalar = straight.compile(tape)
    for place in (0, 1, count, 2 * count - 1, 2 * count, -1, 0.5, -0.0, math.nan, math.inf):
        numbers = [rng.choice((-1.0, 1.0)) * 2.0 ** rng.randint(-3, 3) for _ in range(2 * count)]
        found = scalar([*numbers, float(place)])
        assert same(found, tape.run([*numbers, float(place)]))


def test_a_long_sum_is_exact_where_plain_addition_loses_all():
    builder = Builder(100)
    scalar = straight.compile(builder.tape([rules.fsum(*builder.inputs)]))
    numbers = [1e16, 1.0, -1e16, 2.0**-40] * 25
    assert scalar(numbers) == (math.fsum(numbers),)
    huge = [1.7e308, 1.7e308, -1.7e308, -1.7e308] * 24 + [1.7e308, 0.0, 0.0, 0.0]
    assert scalar(huge) == (1.7e308,)


def test_fused_only_where_it_is_allowed():
    builder = Builder(3)
    x, y, z = builder.inputs
    tape = builder.tape([x * y - z])
    numbers = [1.0 + 2.0**-30, 1.0 - 2.0**-30, 1.0]
    assert straight.compile(tape)(numbers) == (0.0,)
    assert straight.compile(tape, contract=True)(numbers) == (-(2.0**-60),)


def test_the_wrong_number_of_inputs_is_an_error():
    scalar = straight.compile(chain(5))
    with pytest.raises(ValueError, match=r"the tape has 8 input\(s\), got 2 number\(s\)"):
        scalar([1.0, 2.0])
    assert len(scalar([1.0] * 8)) == 3


def test_what_is_no_number_is_an_error():
    with pytest.raises(TypeError, match="inputs of a tape must be numbers"):
        straight.compile(chain(5))([1.0] * 7 + ["8"])


def failing(x: float) -> float:
    if x > 1:
        raise LookupError(f"no {x}")
    return x


def test_what_a_primitive_raises_in_python_comes_out():
    builder = Builder(1)
    primitive = Primitive("failing", failing, (lambda g, y, x: g,))
    scalar = straight.compile(builder.tape([builder.apply(primitive, builder.inputs)]))
    assert scalar([0.5]) == (0.5,)
    with pytest.raises(LookupError, match=r"no 2\.0"):
        scalar([2.0])
    assert scalar([0.25]) == (0.25,)


def test_memory_to_memory():
    tape = chain(50)
    scalar = straight.compile(tape)
    given = (ctypes.c_double * 8)(*[0.5 + k for k in range(8)])
    found = (ctypes.c_double * 3)()
    scalar.into(ctypes.addressof(given), ctypes.addressof(found))
    assert same(found, tape.run(list(given)))


def test_threads_may_call_at_once(monkeypatch):
    monkeypatch.setattr(straight, "CHUNK", 50)
    tape = chain(3000)
    scalar = straight.compile(tape)
    cases = [[math.sin(k + i) for i in range(8)] for k in range(50)]
    expected = [scalar(case) for case in cases]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            assert all(map(same, pool.map(scalar, cases), expected))


def test_memory_follows_the_width_not_the_length():
    sizes = [
        straight.Writer(chain(length), straight.Module(), False).size for length in (1000, 10000)
    ]
    assert max(sizes) < 40


@pytest.mark.parametrize("length", [500, 5000, 50000])
def test_programs_of_any_length_compute_the_same(length):
    inputs = [math.sin(k) for k in range(8)]
    tape = chain(length)
    assert same(straight.compile(tape)(inputs), tape.run(inputs))


@pytest.mark.parametrize("seed", range(8))
def test_a_long_chain_beside_sums_computes_the_same_in_any_order(seed):
    """Sums of sums, used early, late, twice and only as outputs, beside what waits for itself."""
    rng = random.Random(seed)
    builder = Builder(60)
    xs = list(builder.inputs)
    sums = []
    y = xs[0]
    for step in range(120):
        y = rules.sin(y) * 0.9 + rules.cos(y) * 0.2
        if step % 10 == seed:
            terms = rng.choices([*xs, y, *sums], k=2 * rng.randrange(20, 60))
            sums.append(rules.dot(*terms))
        if sums and step % 7 == 0:
            y = y + 1e-3 * rng.choice(sums)
    unused = rules.dot(*xs, *xs)
    tape = straight.machine_tape(builder.tape([y, unused, *sums]))
    numbers = [rng.uniform(-1.0, 1.0) for _ in xs]
    assert straight.Scalar(tape, False)(numbers) == tuple(tape.run(numbers))
