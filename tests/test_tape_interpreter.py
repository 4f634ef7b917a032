"""The interpreter gives the eager engine's numbers, in whatever shape the program comes."""

import math
import random
import struct
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_scalar import Value, rules
from autograd_scalar.chain_rule import pullback
from autograd_scalar.graph import topological_order
from autograd_scalar.primitives import RULES, Primitive
from autograd_scalar.tape.native.interpreter import GuardBroken, Program, Unsupported
from autograd_scalar.tape.program import Guard, Tape
from autograd_scalar.tape.variables import Builder
from autograd_scalar.testing.programs import RandomSource, random_program, wild_number
from autograd_scalar.value import float_sweep
from tests.strategies import PRIMITIVES, programs

EXACT = [
    p for p in PRIMITIVES
    if p.name in {
        "+", "-", "*", "/", "neg", "abs", "sqrt", "relu", "leaky_relu", "maximum", "minimum",
        "where", "<", "<=", "clamp", "sign", "dot", "fsum", "detach", "pick", "floor", "ceil", "%",
        "//",
    }
]  # fmt: skip


def taped(program):
    """A program of the testing kit as a tape of all its numbers, and how to run it on Values."""
    builder = Builder(len(program.inputs))
    numbers = program.run(lambda name, xs: RULES[name](*xs), builder.inputs)
    return builder.tape(numbers[len(program.inputs) :] or numbers)


def eager(program, output):
    """All numbers of a program, and the gradient of one, nodes being visited in its order."""
    inputs = [Value(x) for x in program.inputs]
    numbers = program.run(lambda name, xs: RULES[name](*xs), inputs)
    values = [number for number in numbers if isinstance(number, Value)]
    float_sweep(values, numbers[len(inputs) + output], 1.0, inputs)
    return [float(getattr(n, "data", n)) for n in numbers], [x.grad for x in inputs]


def same(found, expected):
    """The same to the bit, but for which nan a nan is."""
    return all(
        struct.pack("d", a) == struct.pack("d", b) or (a != a and b != b)
        for a, b in zip(found, expected, strict=True)
    )


# --- The numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_programs_of_arithmetic_have_the_same_bits(seed):
    """At any finite numbers, with overflow, nan and 0 * inf on the way."""
    for case in range(120):
        source = RandomSource(f"{seed} {case}")
        limit = math.inf if case % 2 else 1e4
        program = random_program(source, EXACT, steps=20, number=wild_number, largest=limit)
        tape = taped(program)
        compiled = Program(tape)
        for output in {0, len(program.steps) - 1}:
            if tape.outputs[output] < 0:
                continue
            numbers, gradient = eager(program, output)
            value, found = compiled.value_and_gradient(program.inputs, output)
            assert same([value], [numbers[len(program.inputs) + output]]), program
            assert same(found, gradient), program
            assert same(compiled.run(program.inputs), numbers[len(program.inputs) :]), program


@settings(max_examples=150, deadline=None)
@given(programs())
def test_programs_of_all_primitives_have_the_same_numbers(program):
    """Node by node, on the numbers that the interpreter has found: so no error can grow."""
    tape = taped(program)
    compiled = Program(tape)
    last = len(program.steps) - 1
    values = compiled.values(program.inputs)
    value, gradient = compiled.value_and_gradient(program.inputs, last)
    assert same([value], [values[tape.outputs[last]]])
    adjoints, sizes = [0.0] * tape.slots, [0.0] * tape.slots
    adjoints[tape.outputs[last]] = sizes[tape.outputs[last]] = 1.0
    for slot, primitive, operands in reversed(list(tape.nodes())):
        xs, g, y = [values[o] for o in operands], adjoints[slot], values[slot]
        assert close(y, primitive.function(*xs), abs(y)), primitive
        places = [i for i, o in enumerate(operands) if o >= 0]
        for i, c in zip(places, pullback(primitive, g, y, xs, places), strict=True) if g else ():
            adjoints[operands[i]] += c
            sizes[operands[i]] += abs(c / g) * sizes[slot]
    for i, found in enumerate(gradient):
        assert close(found, adjoints[i], sizes[i])


def close(found, expected, size):
    both_nan = found != found and expected != expected
    return both_nan or found == expected or abs(found - expected) <= 1e-12 * size + 1e-300


def recorded(result, inputs):
    """The tape of a graph of Values, in the order in which ``backward`` visits it."""
    builder = Builder(len(inputs))
    known = dict(zip(inputs, builder.inputs, strict=True))
    for node in topological_order(result):
        if node.parents:
            operands = [o if isinstance(o, float) else known[o] for o in node.operands]
            known[node] = builder.apply(RULES[node.op], operands)
    return builder.tape([known[result]])


def network(width, rng, act):
    """A loss of a network written operation by operation, as in micrograd; its parameters."""
    parameters, layer = [], [Value(rng.uniform(-1, 1)) for _ in range(width)]
    inputs = list(layer)
    for _ in range(3):
        outputs = []
        for _ in range(width):
            weights = [Value(rng.uniform(-1, 1)) for _ in (*layer, 0)]
            parameters += weights
            total = weights[-1]
            for w, x in zip(weights[:-1], layer, strict=True):
                total = total + w * x
            outputs.append(act(total))
        layer = outputs
    loss = sum((y - 0.5) * (y - 0.5) for y in layer)
    return loss, inputs + parameters


@pytest.mark.parametrize(
    "act", [rules.relu, lambda x: rules.leaky_relu(x, 0.1), lambda x: x / (1.0 + abs(x))]
)
def test_a_network_has_the_gradients_of_backward_to_the_last_bit(act):
    loss, leaves = network(8, random.Random(1), act)
    loss.backward()
    program = Program(recorded(loss, leaves))
    for _ in range(2):  # the adjoints are 0 again after a run
        value, gradient = program.value_and_gradient([leaf.data for leaf in leaves])
        assert same([value, *gradient], [loss.data, *[leaf.grad for leaf in leaves]])


def test_gradients_of_exactly_zero_pass_on_nothing():
    builder = Builder(2)
    x, y = builder.inputs
    hidden = rules.where(rules.less(x, 0.0), rules.log(x) / y, x * x)
    masked = 0.0 * rules.log(y)
    tape = builder.tape([hidden, hidden + masked])
    assert Program(tape).value_and_gradient([3.0, 0.0]) == (9.0, [6.0, 0.0])
    value, gradient = Program(tape).value_and_gradient([3.0, 0.0], 1)
    assert math.isnan(value)
    assert gradient == [6.0, 0.0]  # d(masked)/d(log) is exactly 0


def test_no_gradient_is_minus_zero():
    builder = Builder(2)
    x, y = builder.inputs
    _, gradient = Program(builder.tape([-x * y])).value_and_gradient([0.0, 0.0])
    assert same(gradient, [0.0, 0.0])


# --- Shapes of programs ---------------------------------------------------------------------------


def test_a_million_nodes_in_a_chain_take_few_bytes_each():
    count = 1_000_000
    codes = [0, 1] * (count // 2)
    operands = [o for slot in range(count) for o in (slot, -1 - slot % 2)]
    tape = Tape(
        1, [rules.multiply, rules.add], codes, range(0, 2 * count + 1, 2), operands,
        [0.999, 0.001], [count],
    )  # fmt: skip
    program = Program(tape)
    value, gradient = program.value_and_gradient([2.0])
    x, slope = 2.0, 1.0
    for _ in range(count // 2):
        x, slope = x * 0.999 + 0.001, slope * 0.999
    assert (value, gradient) == (x, [slope])
    assert program.nbytes / count < 24.01
    assert Program(tape, derivatives=False).nbytes / count < 16.01


def test_a_million_nodes_that_are_wide():
    width, depth = 1000, 1000
    rng = np.random.default_rng(0)
    slots = np.arange(width * depth).reshape(depth, width)
    operands = np.stack([slots, slots[:, rng.permutation(width)]], axis=-1).ravel()
    tape = Tape(
        width, [rules.add, rules.multiply], np.repeat(np.arange(depth) % 2, width).tolist(),
        range(0, 2 * width * depth + 1, 2), operands.tolist(), [], [width * depth + 5],
    )  # fmt: skip
    program = Program(tape)
    xs = rng.uniform(-0.1, 0.1, width)
    gradient = np.empty(width)
    value = program.value_and_gradient_into(xs, gradient)
    assert program.nbytes / (width * depth) < 28.1
    values, other = [xs], operands.reshape(depth, width, 2)[0, :, 1]
    for d in range(depth):
        a = values[-1]
        values.append(a + a[other] if d % 2 == 0 else a * a[other])
    assert value == values[-1][5]
    assert np.all(np.isfinite(gradient))


def test_inputs_and_constants_may_be_outputs():
    builder = Builder(2)
    x, y = builder.inputs
    tape = builder.tape([y, 2.5, x * y, x, -0.0])
    program = Program(tape)
    assert same(program.run([3.0, 4.0]), [4.0, 2.5, 12.0, 3.0, -0.0])
    found = [program.value_and_gradient([3.0, 4.0], i) for i in range(5)]
    assert found[:4] == [(4.0, [0.0, 1.0]), (2.5, [0.0, 0.0]), (12.0, [4.0, 3.0]), (3.0, [1.0, 0])]
    assert found[4] == (0.0, [0.0, 0.0])


@pytest.mark.parametrize("outputs", [[], [0.5]])
def test_a_tape_of_nothing(outputs):
    program = Program(Builder(0).tape(outputs))
    assert program.run([]) == outputs
    assert program.values([]) == outputs
    if outputs:
        assert program.value_and_gradient([]) == (0.5, [])


def test_sums_of_no_operands():
    builder = Builder(1)
    (x,) = builder.inputs
    nothing = [builder.apply(p, []) for p in (rules.dot, rules.fsum, rules.prod)]
    program = Program(builder.tape([*nothing, x * nothing[2]]))
    assert same(program.run([3.0]), [-0.0, 0.0, 1.0, 3.0])
    assert program.value_and_gradient([3.0], 3) == (3.0, [1.0])


def test_operands_may_repeat():
    builder = Builder(2)
    x, y = builder.inputs
    tape = builder.tape([
        x * x, x / x, rules.dot(x, y, y, x), rules.fsum(x, x, x), rules.logsumexp(x, x),
        rules.dot(x, x, x, x), rules.maximum(x, x), x**x, rules.prod(x, x, x), x - x,
    ])  # fmt: skip
    program = Program(tape)
    for output in range(len(tape.outputs)):
        value, gradient = program.value_and_gradient([1.5, 2.5], output)
        inputs = Value(1.5), Value(2.5)
        numbers = dict(enumerate(inputs))
        for slot, primitive, operands in tape.nodes():
            numbers[slot] = primitive(*[numbers[o] for o in operands])
        result = numbers[tape.outputs[output]]
        result.backward()
        assert math.isclose(value, result.data, rel_tol=1e-15)
        for found, leaf in zip(gradient, inputs, strict=True):
            assert math.isclose(found, leaf.grad, rel_tol=1e-14, abs_tol=1e-15)


def test_values_are_those_of_the_tape():
    program = random_program(RandomSource(5), EXACT, steps=30, number=wild_number)
    tape = taped(program)
    assert same(Program(tape).values(program.inputs), tape.values(program.inputs))


@pytest.mark.parametrize("name", ["dot", "logsumexp", "norm", "prod", "pick", "mean"])
def test_a_node_of_a_thousand_operands(name):
    rng = random.Random(name)
    xs = [rng.uniform(0.5, 1.5) for _ in range(1000)]
    if name == "pick":
        xs[0] = 700.0
    builder = Builder(1000)
    value, gradient = Program(
        builder.tape([builder.apply(RULES[name], builder.inputs)])
    ).value_and_gradient(xs)
    leaves = [Value(x) for x in xs]
    result = RULES[name](*leaves)
    result.backward()
    assert math.isclose(value, result.data, rel_tol=1e-14)
    for found, leaf in zip(gradient, leaves, strict=True):
        assert math.isclose(found, leaf.grad, rel_tol=1e-12, abs_tol=1e-300)


# --- Guards ---------------------------------------------------------------------------------------


def test_a_broken_guard_is_never_overlooked():
    builder = Builder(1)
    (x,) = builder.inputs
    guards = [Guard((x < 10.0).slot, True), Guard((x <= 0.0).slot, False, "file.py:3")]
    program = Program(builder.tape([x * x], guards))
    assert program.run([3.0]) == [9.0]
    calls = [
        program.run, program.value_and_gradient,
        lambda xs: program.outputs_and_gradient(xs, 0, [0]),
        lambda xs: program.run_into(np.array(xs), np.empty(1)),
        lambda xs: program.value_and_gradient_into(np.array(xs), np.empty(1)),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(GuardBroken, match=r"slot 2 \(file.py:3\) is no longer False") as caught:
            call([-1.0])
        assert (caught.value.guard, caught.value.index) == (guards[1], 1)
        with pytest.raises(GuardBroken, match="slot 1 is no longer True"):
            call([10.0])
    assert program.values([10.0])[:3] == [10.0, 0.0, 0.0]


# --- Primitives of users --------------------------------------------------------------------------


def user_primitive(name, function, *derivatives):
    return Primitive(name, function, derivatives)


def test_primitives_of_users_are_called():
    cubed = user_primitive("cubed", lambda x: x**3, lambda g, y, x: g * 3 * x * x)
    blend = user_primitive(
        "blend",
        lambda a, b, c, d: a * b + c * d,
        lambda g, y, a, b, c, d: g * b,
        lambda g, y, a, b, c, d: g * a,
        lambda g, y, a, b, c, d: g * d,
        lambda g, y, a, b, c, d: g * c,
    )
    scaled = user_primitive(
        "scaled", lambda *xs: 2.0 * sum(xs), lambda g, y, *xs: [2 * g for _ in xs]
    )
    builder = Builder(2)
    x, y = builder.inputs
    z = blend(cubed(x), y, 2.0, scaled(x, y, 1.0))
    program = Program(builder.tape([z]))
    leaves = Value(1.5), Value(-0.5)
    result = blend(cubed(leaves[0]), leaves[1], 2.0, scaled(*leaves, 1.0))
    result.backward()
    assert program.value_and_gradient([1.5, -0.5]) == (
        result.data, [leaf.grad for leaf in leaves],
    )  # fmt: skip


def test_a_rule_that_decides_in_python_is_called_in_python():
    bent = user_primitive(
        "bent", lambda x: abs(x), lambda g, y, x: g if getattr(x, "data", x) > 0 else -2.0 * g
    )
    builder = Builder(1)
    program = Program(builder.tape([bent(bent(builder.inputs[0]) - 1.0)]))
    for x in (3.0, 0.5, -0.5, -3.0):
        leaf = Value(x)
        result = bent(bent(leaf) - 1.0)
        result.backward()
        assert program.value_and_gradient([x]) == (result.data, [leaf.grad])


def test_what_a_primitive_raises_is_raised_and_then_forgotten():
    def choosy(x):
        if x > 2:
            raise RuntimeError(f"{x} is too much")
        return x

    picky = user_primitive("picky", choosy, lambda g, y, x: g)
    builder = Builder(1)
    program = Program(builder.tape([picky(builder.inputs[0]) + 1.0]))
    for call in (program.run, program.value_and_gradient, program.values):
        with pytest.raises(RuntimeError, match=r"3.0 is too much"):
            call([3.0])
        program.run([1.0])
    assert program.value_and_gradient([1.0]) == (2.0, [1.0])


def test_a_primitive_may_run_the_same_program():
    builder = Builder(1)
    (x,) = builder.inputs
    inner = user_primitive(
        "inner", lambda x: program.run([x - 1.0])[0] if x > 0 else 0.0, lambda g, y, x: g
    )
    program = Program(builder.tape([inner(x) + x]))
    assert program.run([4.0]) == [4.0 + 3.0 + 2.0 + 1.0]


def test_without_derivatives_any_rule_will_do():
    odd = user_primitive("odd", lambda x: x, lambda g, y, x: g * float(x))
    builder = Builder(1)
    tape = builder.tape([odd(builder.inputs[0]) * 2.0])
    with pytest.raises(Unsupported, match="rule of 'odd'"):
        Program(tape)
    program = Program(tape, derivatives=False)
    assert program.run([2.0]) == [4.0]
    for call in (
        lambda: program.value_and_gradient([2.0]),
        lambda: program.value_and_gradient_into(np.ones(1), np.ones(1)),
    ):
        with pytest.raises(ValueError, match="made without derivatives"):
            call()


# --- Threads --------------------------------------------------------------------------------------


def test_threads_share_a_program():
    loss, leaves = network(10, random.Random(2), rules.tanh)
    program = Program(recorded(loss, leaves))
    rng = random.Random(3)
    points = [[rng.uniform(-1, 1) for _ in leaves] for _ in range(200)]
    expected = [program.value_and_gradient(point) for point in points]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(program.value_and_gradient, points))
    assert found == expected
    assert 1 <= len(program._idle) <= 4


# --- Calling --------------------------------------------------------------------------------------


def product():
    builder = Builder(3)
    x, y, z = builder.inputs
    return Program(builder.tape([x * y * z, x + y]))


def test_arrays_in_and_out():
    program = product()
    xs, outputs = np.array([2.0, 3.0, 5.0]), np.empty(2)
    program.run_into(xs, outputs)
    assert outputs.tolist() == [30.0, 5.0]
    every_other = np.zeros(6)[::2]
    program.run_into(np.array([[2.0, 9], [3, 9], [5, 9]])[:, 0], outputs)
    assert program.value_and_gradient_into(xs, every_other) == 30.0
    assert every_other.tolist() == [15.0, 10.0, 6.0]
    some = np.empty(2)
    assert program.value_and_gradient_into(xs.astype(np.float32), some, 1) == 5.0
    assert some.tolist() == [1.0, 1.0]


def test_gradients_by_some_inputs():
    program = product()
    assert program.value_and_gradient([2, 3, 5], wrt=[2, 0, 2]) == (30.0, [6.0, 15.0, 6.0])
    assert program.value_and_gradient((2, 3, 5), 1, wrt=[]) == (5.0, [])
    assert program.outputs_and_gradient([2, 3, 5], 1, [1]) == ([30.0, 5.0], [1.0])
    assert program.value_and_gradient(np.array([2.0, 3, 5]))[1] == [15.0, 10.0, 6.0]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda p: p.run([1.0]), ValueError, r"the tape has 3 input\(s\), got 1 number"),
        (lambda p: p.values([1.0] * 4), ValueError, r"the tape has 3 input\(s\), got 4 number"),
        (lambda p: p.run([1.0, "2", 3.0]), TypeError, "input 1 must be a real number, not '2'"),
        (lambda p: p.run([1.0, 2.0, Value(1.0)]), TypeError, "input 2 must be a real number"),
        (lambda p: p.value_and_gradient([1, 2, None]), TypeError, "input 2 must be a real number"),
        (lambda p: p.value_and_gradient([1, 2, 3], 2), IndexError, "output 2 is not one of 0..1"),
        (lambda p: p.value_and_gradient([1, 2, 3], -1), IndexError, "output -1 is not one"),
        (lambda p: p.value_and_gradient([1, 2, 3], 0.5), TypeError, "integer"),
        (lambda p: p.value_and_gradient([1, 2, 3], 0, [3]), IndexError, r"of 0..2, not \[3\]"),
        (lambda p: p.value_and_gradient([1, 2, 3], 0, [-1]), IndexError, "wrt must be inputs"),
        (
            lambda p: p.run_into(np.ones(2), np.ones(2)),
            ValueError,
            r"inputs must be an array of 3 number\(s\), not of shape \(2,\)",
        ),
        (
            lambda p: p.run_into(np.ones(3), np.ones((1, 2))),
            ValueError,
            r"outputs must be an array of 2 number\(s\), not of shape \(1, 2\)",
        ),
        (
            lambda p: p.value_and_gradient_into(np.ones(3), np.ones(4)),
            ValueError,
            r"gradient must be an array of at most 3 numbers.*not of shape \(4,\)",
        ),
        (
            lambda p: p.value_and_gradient_into(np.ones((3, 1)), np.ones(3)),
            ValueError,
            r"inputs must be an array of 3 number\(s\), not of shape \(3, 1\)",
        ),
    ],
)
def test_bad_input_is_named(call, error, message):
    program = product()
    with pytest.raises(error, match=message):
        call(program)
    assert program.run([2, 3, 5]) == [30.0, 5.0]


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=3, max_size=3))
def test_inputs_come_through_as_they_are(xs):
    builder = Builder(3)
    program = Program(builder.tape(builder.inputs))
    assert same(program.run(xs), xs)
