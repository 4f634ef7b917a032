"""A batch gives what its examples give one by one, on any number of threads."""

import math
import os
import random
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite")

from autograd_scalar import rules
from autograd_scalar.primitives import RULES, Primitive
from autograd_scalar.tape.derivatives import value_and_gradient
from autograd_scalar.tape.kernels import lower
from autograd_scalar.tape.native import batch, blocks, engine, tiles
from autograd_scalar.tape.native.batch import compile_batch
from autograd_scalar.tape.passes import optimize
from autograd_scalar.tape.variables import Builder
from autograd_scalar.testing.programs import RandomSource, random_program, wild_number
from tests.test_tape_native_straight import EXACT, SPECIAL, taped

LANES = [lanes for lanes in (2, 4, 8) if lanes <= engine.host().lanes]


@pytest.fixture(autouse=True)
def no_cache(monkeypatch):
    monkeypatch.setenv("AUTOGRAD_SCALAR_CACHE", "")


@pytest.fixture(params=LANES)
def lanes(request, monkeypatch):
    monkeypatch.setattr(engine.host(), "lanes", request.param)
    return request.param


def bits(numbers):
    return [float(x).hex() for x in numbers]


def one_by_one(tape, batched, shared, table):
    """The outputs of each example."""
    rest = iter(map(float, shared))
    inputs = [None if slot in batched else next(rest) for slot in range(tape.inputs)]
    found = []
    for row in table:
        for slot, x in zip(sorted(batched), row, strict=True):
            inputs[slot] = float(x)
        found.append(tape.run(inputs))
    return found


def network(sizes):
    """Value and gradient of a network's hinge loss on one example, which are its last inputs."""
    count = sum((a + 1) * b for a, b in pairwise(sizes))
    builder = Builder(count + sizes[0] + 1)
    parameters = iter(builder.inputs)
    numbers, label = builder.inputs[count:-1], builder.inputs[-1]
    for layer, (a, b) in enumerate(pairwise(sizes)):
        found = []
        for _ in range(b):
            weights = [next(parameters) for _ in range(a)]
            sum_ = rules.dot(*weights, *numbers) + next(parameters)
            found.append(sum_ if layer == len(sizes) - 2 else rules.relu(sum_))
        numbers = found
    tape = builder.tape([rules.relu(1 - label * numbers[0])])
    return optimize(value_and_gradient(tape, range(count))), count


@cache
def compiled_network(sizes, lanes):
    tape, count = network(sizes)
    examples = range(count, tape.inputs)
    return tape, count, compile_batch(tape, examples, range(len(tape.outputs)))


def whole_numbers(rng, *shape):
    """Small ones: no sum or product of them rounds, so their order does not matter."""
    return rng.integers(-2, 3, shape).astype(float)


# --- Against the examples one by one --------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_random_programs_of_exact_operations_to_the_bit(seed, lanes, monkeypatch):
    rng, source = random.Random(seed), RandomSource(seed)
    monkeypatch.setattr(blocks, "FEWEST_MEMBERS", rng.choice([1, 2, 4]))
    monkeypatch.setattr(blocks, "FEWEST_TERMS", rng.choice([1, 2, 5]))
    monkeypatch.setattr(blocks, "LARGEST_STRAIGHT", rng.choice([3, 400]))
    monkeypatch.setattr(tiles, "_VECTORS", rng.choice([1, 2, 8]))
    options = {"number": wild_number, "largest": math.inf} if seed % 2 else {}
    tape = taped(random_program(source, EXACT, steps=25, **options))
    batched = rng.sample(range(tape.inputs), rng.randint(1, tape.inputs))
    compiled = compile_batch(tape, batched)
    shared = [wild_number(source, None, 0) for _ in range(tape.inputs - len(batched))]
    table = np.array(
        [
            [
                rng.choice(SPECIAL) if rng.random() < 0.3 else wild_number(source, None, 0)
                for _ in batched
            ]
            for _ in range(rng.choice([1, 7, 40]))
        ]
    )
    sums, rows = compiled(shared, table)
    assert sums.shape == (0,) and rows.shape == (len(table), len(tape.outputs))
    for found, expected in zip(rows, one_by_one(tape, batched, shared, table), strict=True):
        assert bits(found) == bits(expected)


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 63, 64, 65, 127, 200])
@pytest.mark.parametrize("sizes", [(2, 5, 7, 1), (3, 9, 1)])
def test_gradients_of_networks_summed_without_rounding(sizes, n, lanes):
    tape, count, compiled = compiled_network(sizes, lanes)
    rng = np.random.default_rng(n)
    shared, table = whole_numbers(rng, count), whole_numbers(rng, n, sizes[0] + 1)
    sums, rows = compiled(shared, table)
    expected = np.sum(one_by_one(tape, range(count, tape.inputs), shared, table), axis=0)
    assert rows.shape == (n, 0)
    assert np.array_equal(sums, expected)
    assert not np.signbit(sums[sums == 0]).any()


@pytest.mark.parametrize("contract", [False, True])
def test_gradients_of_a_network_to_a_few_units_in_the_last_place(contract):
    tape, count = network((2, 16, 16, 1))
    rng = np.random.default_rng(0)
    shared, table = rng.normal(size=count) / 4, rng.normal(size=(300, 3))
    compiled = compile_batch(
        tape, range(count, tape.inputs), range(len(tape.outputs)), contract=contract
    )
    sums, _ = compiled(shared, table)
    each = np.array(one_by_one(tape, range(count, tape.inputs), shared, table))
    assert np.all(np.abs(sums - each.sum(0)) <= 1e-14 * np.abs(each).sum(0))


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_any_outputs_may_be_summed(data):
    program = random_program(RandomSource(data.draw(st.integers(0, 10**6))), EXACT, steps=20)
    tape = taped(program, outputs=5)
    outputs = range(len(tape.outputs))
    summed = data.draw(st.sets(st.sampled_from(outputs)) if outputs else st.just(set()))
    batched = data.draw(st.sets(st.sampled_from(range(tape.inputs)), min_size=1))
    n = data.draw(st.integers(1, 70))
    rng = np.random.default_rng(n)
    shared, table = (
        whole_numbers(rng, tape.inputs - len(batched)),
        whole_numbers(rng, n, len(batched)),
    )
    compiled = compile_batch(tape, batched, summed)
    sums, rows = compiled(shared, table)
    each = np.array(one_by_one(tape, batched, shared, table)).reshape(n, len(outputs))
    assert compiled.summed == sorted(summed)
    assert compiled.rows == [i for i in outputs if i not in summed]
    assert [bits(row) for row in rows] == [bits(row) for row in each[:, compiled.rows]]
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(sums, each[:, compiled.summed].sum(0), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", [p.name for p in RULES.values() if p.__module__ == rules.__name__])
def test_every_primitive_within_the_accuracy_of_vector_functions(name):
    """4 ulp of each function that the kernel calls, for numbers that are not too wild."""
    primitive = RULES[name]
    rng = random.Random(name)
    arity = 4 if primitive.variadic else primitive.arity
    builder = Builder(arity)
    tape = builder.tape([primitive(*builder.inputs)])
    low_high = [primitive.domain[0 if primitive.variadic else i] for i in range(arity)]
    table = np.array(
        [[rng.uniform(max(low, -3.0), min(high, 3.0)) for low, high in low_high] for _ in range(50)]
    )
    if name in ("polygamma", "pick"):
        table[:, 0] = np.floor(np.abs(table[:, 0]))
    _, rows = compile_batch(tape, range(arity))([], table)
    for row, found in zip(table, rows[:, 0], strict=True):
        expected = primitive.function(*map(float, row))
        near_root = 1e-15 if name in ("lgamma", "logsumexp", "%", "//") else 0.0
        assert found == pytest.approx(expected, rel=1e-14, abs=near_root, nan_ok=True), row


# --- What is shared -------------------------------------------------------------------------------


def test_shared_numbers_and_constants_as_rows_and_sums():
    builder = Builder(3)
    a, x, b = builder.inputs
    tape = builder.tape([a * b, x, a, 2.5, a * b, x, a, 2.5, x * (a * b)])
    compiled = compile_batch(tape, [1], [4, 5, 6, 7])
    sums, rows = compiled([3.0, 5.0], np.array([[1.0], [2.0], [4.0]]))
    assert sums.tolist() == [45.0, 7.0, 9.0, 7.5]
    assert rows.tolist() == [[15.0, x, 3.0, 2.5, x * 15.0] for x in (1.0, 2.0, 4.0)]


def called(x: float) -> float:
    CALLS.append(x)
    return 2.0 * x


CALLS = []
COUNTED = Primitive("called", called, (lambda g, y, x: 2.0 * g,))


def test_what_does_not_vary_is_computed_once():
    CALLS.clear()
    builder = Builder(2)
    a, x = builder.inputs
    once = builder.apply(COUNTED, [a])
    tape = builder.tape([once * x, once])
    _, rows = compile_batch(tape, [1])([3.0], np.arange(100.0)[:, None])
    assert CALLS == [3.0]
    assert rows[:, 0].tolist() == [6.0 * k for k in range(100)]


@pytest.mark.parametrize("vector", [True, False])
def test_dot_products_of_shared_and_varying_numbers_in_any_mixture(vector, monkeypatch):
    """Matrices times vectors, convolutions, products of two that vary, constants among them."""
    size = 8
    builder = Builder(2 * size)
    ws, xs = builder.inputs[:size], builder.inputs[size:]
    outputs = []
    for k in range(6):
        turned = xs[k:] + xs[:k]
        outputs += [
            rules.dot(*ws, *(xs if vector else turned)),
            rules.dot(*ws[k:], *xs[:k], *turned),
            rules.dot(*xs, *turned),
            rules.dot(*ws[:4], *turned[:4], *turned[:4], *ws[4:]),
            rules.dot(*ws[:7], float(k), *turned[:7], 1.0),
            rules.dot(*turned[:6], ws[0], ws[k], *ws[:6], ws[1], 0.5),
        ]
    tape = builder.tape(outputs)
    rng = np.random.default_rng(0)
    shared, table = rng.normal(size=size), rng.normal(size=(83, size))
    batched = range(size, 2 * size)
    _, rows = compile_batch(tape, batched)(shared, table)
    for found, expected in zip(rows, one_by_one(tape, batched, shared, table), strict=True):
        assert bits(found) == bits(expected)


def test_sums_of_negative_zeros_are_negative_zeros():
    builder = Builder(12)
    ws, xs = builder.inputs[:6], builder.inputs[6:]
    tape = builder.tape(
        [rules.dot(*ws[k:], *ws[:k], *xs) for k in range(6)] + [rules.dot(*xs, *xs)]
    )
    _, rows = compile_batch(tape, range(6, 12))([-1.0] * 6, np.zeros((9, 6)))
    assert rows.tobytes("F") == np.array([[-0.0] * 9] * 6 + [[0.0] * 9]).tobytes()


def test_some_of_a_loop_are_wanted_after_it():
    builder = Builder(8)
    squares = [x * x for x in builder.inputs]
    tape = builder.tape([squares[3], *[1.0 + square for square in squares], squares[5]])
    row = np.arange(8.0)
    _, rows = compile_batch(tape, range(8))([], row[None])
    assert rows[0].tolist() == [9.0, *(1.0 + row * row), 25.0]


def test_sums_of_dot_products_keep_each_in_its_order():
    size = 6
    builder = Builder(size)
    xs = builder.inputs
    pairs = [rules.dot(*xs, *(xs[k:] + xs[:k])) for k in range(size)]
    compiled = compile_batch(builder.tape(pairs), range(size), range(size))
    row = np.random.default_rng(0).normal(size=size)
    sums, _ = compiled([], row[None])
    assert bits(sums) == bits(builder.tape(pairs).run(list(row)))


# --- Pieces and threads ---------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 1024, 5000, 70001])
def test_the_bits_do_not_depend_on_threads(n, monkeypatch):
    monkeypatch.setattr(batch, "_WORTH_A_THREAD", 1)
    tape, count = network((2, 4, 1))
    rng = np.random.default_rng(0)
    shared, table = rng.normal(size=count), rng.normal(size=(n, 3))
    outputs = range(1, len(tape.outputs))
    found = []
    for threads in (1, 2, 7):
        compiled = compile_batch(tape, range(count, tape.inputs), outputs, threads=threads)
        for _ in range(3):
            sums, rows = compiled(shared, table)
            found.append((sums.tobytes(), rows.tobytes()))
    assert len(set(found)) == 1


def test_pieces_cover_the_batch_and_are_few():
    for n in (0, 1, 63, 64, 1023, 1024, 8000, 10**6, 10**8):
        for tile in (2, 8, 64):
            piece = batch._piece(n, tile)
            assert piece % tile == 0
            assert -(-n // piece) <= batch.MOST_PIECES
            assert piece >= min(n, batch.SMALLEST_PIECE)


def test_a_child_process_has_threads_of_its_own(monkeypatch):
    if not hasattr(os, "fork"):
        pytest.skip("there is no fork")
    monkeypatch.setattr(batch, "_WORTH_A_THREAD", 1)
    builder = Builder(1)
    compiled = compile_batch(builder.tape([builder.inputs[0] * 2.0]), [0], [0], threads=2)
    table = np.ones((5000, 1))
    assert compiled([], table)[0].tolist() == [10000.0]
    before = batch._pool()
    batch._pool.cache_clear()  # what a child does
    assert compiled([], table)[0].tolist() == [10000.0]
    assert batch._pool() is not before


def failing(x: float) -> float:
    if x == 77.0:
        raise LookupError(f"no {x}")
    return x


def test_what_a_primitive_raises_in_python_comes_out():
    builder = Builder(1)
    primitive = Primitive("failing", failing, (lambda g, y, x: g,))
    compiled = compile_batch(builder.tape([builder.apply(primitive, builder.inputs)]), [0])
    numbers = np.arange(200.0)[:, None]
    with pytest.raises(LookupError, match=r"no 77\.0"):
        compiled([], numbers)
    assert np.array_equal(compiled([], numbers + 100)[1], numbers + 100)


# --- Arrays ---------------------------------------------------------------------------------------


def test_columns_in_any_layout():
    builder = Builder(2)
    x, y = builder.inputs
    compiled = compile_batch(builder.tape([x - y * y]), [0, 1])
    table = np.random.default_rng(0).normal(size=(150, 2))
    expected = (table[:, 0] - table[:, 1] * table[:, 1])[:, None]
    wide = np.zeros((300, 4))
    wide[::-2, 1:3] = table
    packed = np.zeros(150, [("a", "i1"), ("x", "f8"), ("y", "f8")])  # not aligned
    packed["x"], packed["y"] = table.T
    for columns in (
        table, np.asfortranarray(table), wide[::-2, 1:3], list(table.T), tuple(table.T.copy()),
        [packed["x"], packed["y"]], table.astype(">f8"),
    ):  # fmt: skip
        assert np.array_equal(compiled([], columns)[1], expected)
    whole = np.arange(20).reshape(10, 2)
    assert np.array_equal(compiled([], whole)[1][:, 0], whole[:, 0] - whole[:, 1] ** 2)
    repeated = np.broadcast_to(np.array([1.0, 3.0]), (100, 2))
    assert np.array_equal(compiled([], repeated)[1], np.full((100, 1), -8.0))


def test_sums_that_overflow_are_silent():
    builder = Builder(2)
    w, x = builder.inputs
    compiled = compile_batch(builder.tape([w * x, w, x]), [1], [0, 1, 2])
    sums, _ = compiled([1.7e308], np.array([[1.0], [-np.inf], [np.inf]] + [[1.0]] * 3000))
    assert np.isnan(sums[0]) and sums[1] == np.inf and np.isnan(sums[2])


def test_an_empty_batch():
    builder = Builder(2)
    w, x = builder.inputs
    compiled = compile_batch(builder.tape([w * x, x]), [1], [0])
    sums, rows = compiled([2.0], np.empty((0, 1)))
    assert sums.tolist() == [0.0] and rows.shape == (0, 1)


@pytest.mark.parametrize(
    "shared, columns, message",
    [
        ([], np.ones((3, 1)), r"shared must be an array of 1 number\(s\), not of shape \(0,\)"),
        ([1.0], np.ones(3), r"columns must be an array of shape \(examples, 1\), not \(3,\)"),
        ([1.0], np.ones((3, 2)), r"columns must be an array of shape \(examples, 1\)"),
        ([1.0], [np.ones(3), np.ones(3)], r"columns must be 1 array\(s\) of one dimension"),
    ],
)
def test_arrays_of_other_shapes_are_errors(shared, columns, message):
    builder = Builder(2)
    w, x = builder.inputs
    compiled = compile_batch(builder.tape([w * x]), [1])
    with pytest.raises(ValueError, match=message):
        compiled(shared, columns)


def test_columns_of_different_lengths_are_an_error():
    builder = Builder(2)
    x, y = builder.inputs
    with pytest.raises(ValueError, match=r"columns must be of one length, not \[3, 4\]"):
        compile_batch(builder.tape([x * y]), [0, 1])([], [np.ones(3), np.ones(4)])


@pytest.mark.parametrize(
    "arguments, message",
    [
        (([],), r"batched must be some of the inputs 0\.\.1, not \[\]"),
        (([2],), r"batched must be some of the inputs 0\.\.1, not \[2\]"),
        (([0], [1]), r"summed must be some of the outputs 0\.\.0, not \[1\]"),
    ],
)
def test_inputs_and_outputs_that_there_are_not_are_errors(arguments, message):
    builder = Builder(2)
    x, y = builder.inputs
    with pytest.raises(ValueError, match=message):
        compile_batch(builder.tape([x * y]), *arguments)


def test_less_than_one_thread_is_an_error():
    builder = Builder(1)
    with pytest.raises(ValueError, match="threads must be at least 1, not 0"):
        compile_batch(builder.tape(builder.inputs), [0], threads=0)


def test_lowering_is_part_of_it():
    builder = Builder(1)
    tape = builder.tape([rules.softplus(builder.inputs[0])])
    _, rows = compile_batch(tape, [0])([], np.array([[0.5], [-0.5]]))
    expected = [lower(tape).run([0.5]), lower(tape).run([-0.5])]
    np.testing.assert_allclose(rows, expected, rtol=1e-15)
