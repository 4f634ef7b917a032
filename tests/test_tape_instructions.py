"""Each instruction computes its primitive, and passes on what the primitive's rule says."""

import itertools
import math
import random

import pytest

from autograd_scalar import rules
from autograd_scalar.chain_rule import pullback
from autograd_scalar.primitives import RULES
from autograd_scalar.tape.kernels import MACHINE
from autograd_scalar.tape.native.instructions import instructions
from autograd_scalar.tape.native.interpreter import Program
from autograd_scalar.tape.variables import Builder
from autograd_scalar.testing.programs import RandomSource, number_in_domain, wild_number
from tests.strategies import PRIMITIVES

FIXED = [p for p in PRIMITIVES if not p.variadic]
VARIADIC = [p for p in PRIMITIVES if p.variadic]
SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, math.inf, -math.inf, math.nan, 5e-324, -5e-324, 1.7e308)

ARITHMETIC = {
    "+", "-", "*", "/", "neg", "abs", "sqrt", "floor", "ceil", "sign", "relu", "leaky_relu", "%",
    "maximum", "minimum", "clamp", "where", "<", "<=", "detach", "pick", "dot", "fsum", "//",
}  # fmt: skip
"""Primitives without a function whose last bits may differ: these are right to the last one."""

ULPS = {"mean": 1, "prod": 2, "norm": 2, "lgamma": 8, "gelu": 4, "normal_cdf": 4}
"""How far others may be from the float function; 2 if they are not here."""


def distance(a, b):
    """In units of the last place, 0 for two nan."""
    if a == b or (a != a and b != b):
        return 0.0
    if not (math.isfinite(a) and math.isfinite(b)):
        return math.inf
    return abs(a - b) / max(math.ulp(a), math.ulp(b))


def operands_of(primitive, count, times, seed=0):
    """Operands in the domain, wild ones and special ones, in turn."""
    source = RandomSource(f"{primitive.name} {count} {seed}")
    draws = (number_in_domain, wild_number, lambda *_: source.choice(SPECIAL))
    for i in range(times):
        yield [draws[i % 3](source, primitive, place) for place in range(count)]


def of_one_node(primitive, count, constants):
    """The tape of g * primitive(xs), whose inputs are g and the xs that are no constants."""
    builder = Builder(1 + sum(x is None for x in constants))
    g, *variables = builder.inputs
    rest = iter(variables)
    xs = [next(rest) if x is None else x for x in constants]
    return builder.tape([g * builder.apply(primitive, xs), builder.apply(primitive, xs)])


def check(primitive, xs, constants, gs):
    """The value and the gradient of one node, some of whose operands are constants."""
    places = [i for i, x in enumerate(constants) if x is None]
    program = Program(of_one_node(primitive, len(xs), constants))
    ulps = 0 if primitive.name in ARITHMETIC else ULPS.get(primitive.name, 2)
    for g in gs:
        inputs = [g, *[xs[i] for i in places]]
        _, y = program.run(inputs)
        assert distance(y, primitive.function(*xs)) <= ulps, (xs, y)
        _, gradient = program.value_and_gradient(inputs)
        expected = [0.0] * len(places)
        if g:
            expected = [c + 0.0 for c in pullback(primitive, g, y, xs, places)]
        for found, right in zip(gradient[1:], expected, strict=True):
            assert distance(found, right) <= 2 * ulps, (g, y, xs, gradient, expected)
            assert math.copysign(1.0, found) == 1.0 or found != 0.0


@pytest.mark.parametrize("primitive", FIXED, ids=lambda p: p.name)
def test_a_primitive_with_any_of_its_operands_constant(primitive):
    gs = (1.0, 0.0, -2.5e-3)
    for which in itertools.product((True, False), repeat=primitive.arity):
        if not any(which):
            continue
        for xs in operands_of(primitive, primitive.arity, 21 if primitive.arity > 1 else 120):
            constants = [None if open_ else x for open_, x in zip(which, xs, strict=True)]
            check(primitive, xs, constants, gs)


@pytest.mark.parametrize("primitive", VARIADIC, ids=lambda p: p.name)
@pytest.mark.parametrize("count", [1, 2, 3, 4, 16])
def test_a_primitive_of_any_number_of_operands(primitive, count):
    if primitive is rules.dot and count % 2:
        return
    rng = random.Random(f"{primitive.name} {count}")
    for xs in operands_of(primitive, count, 24):
        if primitive is rules.pick and rng.random() < 0.7:
            xs[0] = float(rng.randrange(count))
        constants = [x if rng.random() < 0.3 else None for x in xs]
        check(primitive, xs, constants, (1.0, -0.5, 0.0))


@pytest.mark.parametrize("name", [n for n, p in MACHINE.items() if n not in RULES])
def test_operations_of_the_machine_that_are_no_primitives(name):
    primitive = MACHINE[name]
    for xs in operands_of(primitive, primitive.arity, 60):
        if name == "product_error" and not all(1e-100 < abs(x) < 1e100 for x in xs):
            continue  # what it is beyond that is not said
        builder = Builder(primitive.arity)
        tape = builder.tape([builder.apply(primitive, builder.inputs)])
        program = Program(tape, derivatives=False)
        assert distance(program.run(xs)[0], primitive.function(*xs)) == 0, xs


def test_every_primitive_runs_natively():
    """Nothing is called in Python but what has no kernel."""
    known = instructions()
    every = {(p, c) for p in FIXED for c in range((1 << p.arity) - 1)}
    missing = {(p.name, c) for p, c in every - known.backward.keys()}
    assert missing == {("polygamma", 0), ("polygamma", 2)}  # by the order it is nan, a constant
    assert {p for p in FIXED if p not in known.forward} == set()


def test_what_passes_on_nothing_takes_no_time():
    known = instructions()
    flat = {p.name for p, c in known.backward if known.backward[p, c] in known.nothing}
    assert flat == {"//", "floor", "ceil", "sign", "<", "<=", "detach", "where"}
    condition_alone = (RULES["where"], 0b110)
    assert {c for p, c in known.backward if p.name == "where"} >= {0b110}
    assert known.backward[condition_alone] in known.nothing


@pytest.mark.parametrize("early", ["+", "-", "*"])
@pytest.mark.parametrize("late", ["+", "-", "*"])
def test_two_nodes_at_once_are_two_nodes(early, late):
    """With constants anywhere, wherever the result of the first is used."""
    first, second = RULES[early], RULES[late]
    found = set()
    for a, b, c in itertools.product(("x", 3.0), ("y", -0.5), ("x", "z", "y", 7.0, "first")):
        for swapped in (False, True):
            builder = Builder(3)
            named = dict(zip("xyz", builder.inputs, strict=True))
            one = builder.apply(first, [named.get(a, a), named.get(b, b)])
            other = one if c == "first" else named.get(c, c)
            two = builder.apply(second, [other, one] if swapped else [one, other])
            tape = builder.tape([two, one, two * one + one])
            program = Program(tape)
            for numbers in ([2.0, 3.0, 5.0], [0.1, -0.7, 1e-3], [math.inf, 0.0, 1.0]):
                for output in range(3):
                    value, gradient = program.value_and_gradient(numbers, output)
                    expected = swept(tape, numbers, output)
                    assert distance(value, program.run(numbers)[output]) == 0
                    assert [distance(g, e) for g, e in zip(gradient, expected, strict=True)] == [
                        0, 0, 0,
                    ]  # fmt: skip
            found.add(len(program._encoded.main.words))
    assert found


def swept(tape, inputs, output):
    """The gradient by a sweep node by node, in Python."""
    values = tape.values(inputs)
    adjoints = [0.0] * tape.slots
    adjoints[tape.outputs[output]] = 1.0
    for slot, primitive, operands in reversed(list(tape.nodes())):
        g = adjoints[slot]
        if not g:
            continue
        places = [i for i, o in enumerate(operands) if o >= 0]
        xs = [values[o] for o in operands]
        for i, c in zip(places, pullback(primitive, g, values[slot], xs, places), strict=True):
            adjoints[operands[i]] += c
    return adjoints[: tape.inputs]


@pytest.mark.parametrize("name", ["fsum", "mean"])
def test_sums_are_rounded_once(name):
    """Also half way between two doubles, and where a partial sum overflows."""
    primitive, rng = RULES[name], random.Random(name)
    cases = [
        [1e16, 1.0, -1e16], [1.0, 2.0**-53, 2.0**-120], [1.0, 2.0**-53, -(2.0**-120)],
        [-1.0, -(2.0**-53), -(2.0**-106)], [1.0, 2.0**-53], [1.0 + 2**-52, 2.0**-53],
        [1.7e308, 1.7e308, -1.7e308], [1.7e308, 1.7e308], [math.inf, 1.0], [math.inf, -math.inf],
        [math.nan, 1.0], [-math.inf, 1.7e308, 1.7e308], [0.1] * 10, [5e-324] * 3, [-0.0],
    ]  # fmt: skip
    for _ in range(300):
        xs = [rng.uniform(-1, 1) * 2.0 ** rng.randint(-60, 60) for _ in range(rng.randint(1, 30))]
        cases += [xs, [*xs, *[-x * (1 + 2.0**-50) for x in xs]]]
    for xs in cases:
        builder = Builder(len(xs))
        program = Program(builder.tape([builder.apply(primitive, builder.inputs)]))
        far = name == "mean" and any(abs(x) > 1e308 for x in xs)  # it is rounded twice there
        assert distance(program.run(xs)[0], primitive.function(*xs)) <= far, xs
