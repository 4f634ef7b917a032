"""Kernels compute what the primitives do, to the bit; lowered tapes are the same programs."""

import math
import pickle
import random
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from autograd_scalar import rules
from autograd_scalar.primitives import RULES, Primitive
from autograd_scalar.tape.kernels import KERNELS, MACHINE, lower, machine_operation
from autograd_scalar.tape.program import Guard, Tape
from autograd_scalar.tape.variables import Builder
from tests.references import in_mpmath, ulps
from tests.sweeps import sweep
from tests.test_rules_on_tapes import EDGES, INF, NAN, points, same_bits

CALLED_BACK = {"digamma", "polygamma"}

# What may be off by units in the last place: these have a kernel in another order of operations.
ULPS = {"norm": 1.0, "mean": 1.0}


def lowered(primitive: Primitive, count: int) -> Tape:
    builder = Builder(count)
    return lower(builder.tape([builder.apply(primitive, builder.inputs)]))


def is_close(found: float, expected: float, units: float) -> bool:
    if same_bits(found, expected) or not units:
        return same_bits(found, expected)
    return math.isfinite(found) and abs(found - expected) <= units * math.ulp(expected)


def sizes(primitive: Primitive) -> Sequence[int]:
    if not primitive.variadic:
        return [primitive.arity]
    return {"dot": [2, 4, 6, 32], "pick": [2, 3, 6, 17]}.get(primitive.name, [1, 2, 3, 5, 16])


# --- The values -----------------------------------------------------------------------------------


@sweep
def test_a_lowered_tape_is_of_machine_operations(primitive: Primitive) -> None:
    for count in sizes(primitive):
        tape = lowered(primitive, count)
        tape.check()
        for found in tape.primitives:
            assert MACHINE.get(found.name) is found or found.name in CALLED_BACK


@sweep
def test_a_kernel_computes_the_function_of_the_primitive(primitive: Primitive) -> None:
    for count in sizes(primitive):
        tape = lowered(primitive, count)
        for xs in points(primitive, count, 200):
            if primitive.name == "lgamma" and not -20 < xs[0] < 8:
                continue  # where the kernel is more exact than the function
            (found,) = tape.run(xs)
            assert is_close(found, primitive.function(*xs), ULPS.get(primitive.name, 0.0)), xs


@sweep
def test_a_kernel_that_is_told_constants_computes_the_same(primitive: Primitive) -> None:
    """It then decides at once what it would select otherwise."""
    for count in sizes(primitive):
        for chosen, xs in enumerate(points(primitive, count, 20)):
            if count == 1:
                continue
            builder = Builder(1)
            operands: list[Any] = list(xs)
            operands[chosen % count] = builder.inputs[0]
            tape = lower(builder.tape([builder.apply(primitive, operands)]))
            (found,) = tape.run([xs[chosen % count]])
            assert is_close(found, primitive.function(*xs), ULPS.get(primitive.name, 0.0)), xs


def test_lgamma_is_within_2_ulp_beyond_8_and_within_4_between_the_poles_below_minus_20() -> None:
    tape, chance = lowered(RULES["lgamma"], 1), random.Random(0)
    large = [math.exp(chance.uniform(math.log(8), math.log(1e305))) for _ in range(300)]
    below = [-chance.uniform(20, 170) for _ in range(300)]
    for x in [8.0, 1e305, 2.5e305, -20.25, -20.0 - 2**-40, *large, *below]:
        assert ulps(tape.run([x])[0], in_mpmath("lgamma", [x])) <= (2 if x > 0 else 4), x
    assert [tape.run([x])[0] for x in (INF, -INF, 1e307, -20.0, -1e300, -1e17)] == [INF] * 6
    assert math.isnan(tape.run([NAN])[0])


def test_a_quotient_that_rounding_left_below_a_whole_number_is_that_number() -> None:
    tape = lowered(RULES["//"], 2)
    for a, b in [
        (2.9033949926386793, 0.0007808427928489217),
        (1110.8559957884722, -4.51406099467541),
    ]:
        assert tape.run([a, b]) == [a // b]
        assert (a - math.fmod(a, b)) / b != round((a - math.fmod(a, b)) / b)


@pytest.mark.parametrize("count", [499, 500, 501, 2000])
def test_products_of_any_length_stay_in_the_range(count: int) -> None:
    chance = random.Random(count)
    xs = [chance.choice((1.0, -1.0)) * 2.0 ** chance.randrange(-1070, 1020) for _ in range(count)]
    exponent = sum(math.frexp(x)[1] - 1 for x in xs)
    while exponent:  # make it 1 or -1 in the end
        step = max(-1000, min(1000, -exponent))
        xs.append(2.0**step)
        exponent += step
    tape = lowered(RULES["prod"], len(xs))
    (found,) = tape.run(xs)
    assert abs(found) == 1.0
    assert same_bits(found, RULES["prod"](*xs))


def test_sums_and_norms_neither_overflow_nor_underflow_on_the_way() -> None:
    for name, xs, expected in [
        ("mean", [1.7e308] * 5, 1.7e308),
        ("mean", [-1.7e308] * 3, -1.7e308),
        ("norm", [3e200, 6e200, 2e200], 7e200),
        ("norm", [3e-200, 6e-200, 2e-200], 7e-200),
        ("norm", [5e-324] * 4, 1e-323),
        ("norm", [1e308, 1e308, 1e308, 5e-324], math.sqrt(3) * 1e308),
        ("norm", [1.5e308, 1.5e308, 1.5e308], INF),
        ("norm", [NAN, INF, 1.0], INF),
        ("logsumexp", [1e300, 1e300, -1e300], 1e300),
    ]:
        assert lowered(RULES[name], len(xs)).run(xs)[0] == pytest.approx(expected, rel=1e-15)


# --- Machine operations ---------------------------------------------------------------------------

OF_NUMPY: dict[str, Callable[..., Any]] = {
    "fmod": np.fmod,
    "copysign": np.copysign,
    "exponent": lambda x: np.frexp(x)[1] if np.isfinite(x) else 0,
    "c_cbrt": np.cbrt,  # which is not the C library's everywhere
}


def test_machine_operations_beyond_the_table_are_those_of_numpy() -> None:
    own = {name for name in MACHINE if name not in RULES}
    assert own == {*OF_NUMPY, "ldexp", "product_error"}
    for name, function in OF_NUMPY.items():
        operation = MACHINE[name]
        for xs in points(operation, operation.arity, 300):
            with np.errstate(all="ignore"):
                expected = float(function(*map(np.float64, xs)))
            assert is_close(operation(*xs), expected, 2.0 if name == "c_cbrt" else 0.0), (name, xs)


def test_the_exponent_of_ldexp_is_whole() -> None:
    ldexp = MACHINE["ldexp"]
    for x in EDGES:
        for n in (0, 1, -1, 600, -600, 1023, -1074, 2098, -2098, 2**31 - 1, 1 - 2**31):
            with np.errstate(all="ignore"):
                assert same_bits(ldexp(x, n), float(np.ldexp(x, n))), (x, n)
        assert all(math.isnan(ldexp(x, n)) for n in (0.5, 2.0**31, INF, -INF, NAN))


def test_an_exponent_and_a_fraction_are_the_number() -> None:
    for x in EDGES:
        fraction = MACHINE["ldexp"](x, -MACHINE["exponent"](x))
        assert same_bits(fraction, math.frexp(x)[0])
        assert same_bits(MACHINE["ldexp"](fraction, MACHINE["exponent"](x)), x)


def test_a_product_and_its_error_are_exact() -> None:
    chance = random.Random(1)
    for _ in range(300):
        a, b = (chance.gauss(0, 1) * 10.0 ** chance.randint(-100, 100) for _ in range(2))
        error = MACHINE["product_error"](a, b)
        assert Fraction(a * b) + Fraction(error) == Fraction(a) * Fraction(b)


@pytest.mark.parametrize("operation", MACHINE.values(), ids=lambda o: o.__name__)
def test_machine_operations_never_raise(operation: Primitive) -> None:
    for count in sizes(operation):
        for xs in points(operation, count, 100):
            assert type(operation(*xs)) is float


def test_machine_operations_are_found_by_name_and_pickled() -> None:
    for name, operation in MACHINE.items():
        assert operation.name == name
        assert machine_operation(name) is operation
        assert pickle.loads(pickle.dumps(operation)) is operation
    with pytest.raises(LookupError, match="no machine operation 'sigmoid'"):
        machine_operation("sigmoid")


def test_what_is_lowered_has_no_derivative() -> None:
    for name in MACHINE.keys() - RULES.keys():
        for derivative in MACHINE[name].derivatives:
            with pytest.raises(TypeError, match="take that of the tape, and lower it"):
                derivative(1.0, 1.0, 1.0, 1.0)


# --- Lowering -------------------------------------------------------------------------------------


def test_inputs_outputs_guards_and_labels_are_as_before() -> None:
    builder = Builder(2)
    x, y = builder.inputs
    high = rules.maximum(x, y)
    condition = high > rules.detach(x)
    builder.labels = {0: "x", high.slot: "high"}
    tape = builder.tape([high, rules.detach(y), 7.0, high], [Guard(condition.slot, True, "a.py:1")])
    low = lower(tape)
    low.check()
    assert low.inputs == 2
    for xs in ([1.0, 2.0], [2.0, 1.0], [NAN, 1.0]):
        assert all(map(same_bits, low.run(xs), tape.run(xs)))
    assert list(low.outputs[1:3]) == [1, -1 - list(low.constants).index(7.0)]
    assert low.outputs[0] == low.outputs[3]
    (guard,) = low.guards
    assert (guard.outcome, guard.line) == (True, "a.py:1")
    assert low.primitive_of(guard.slot).name == "<"
    assert low.values([1.0, 2.0])[guard.slot] == 1.0
    assert low.labels == {0: "x", low.outputs[0]: "high"}


def test_what_is_of_constants_is_computed_at_once() -> None:
    builder = Builder(1)
    (x,) = builder.inputs
    nothing = builder.apply(rules.norm, [])
    tape = lower(builder.tape([x + builder.apply(rules.sigmoid, [2.0]), nothing]))
    assert [p.name for p in tape.primitives] == ["+"]
    assert tape.run([1.0]) == [1.0 + rules.sigmoid(2.0), 0.0]


def test_a_tape_of_machine_operations_stays_what_it_is() -> None:
    builder = Builder(1)
    (x,) = builder.inputs
    tape = builder.tape([rules.sin(x) * 2.0])
    assert lower(tape) is tape
    low = lowered(rules.gelu, 1)
    assert lower(low) is low
    assert pickle.loads(pickle.dumps(low)) == low


def test_a_primitive_without_a_kernel_stays() -> None:
    tripled = Primitive("tripled", lambda x: 3.0 * x, (lambda g, y, x: 3.0 * g,))
    builder = Builder(1)
    (x,) = builder.inputs
    tape = lower(builder.tape([rules.relu(builder.apply(tripled, [x]))]))
    assert tripled in tape.primitives
    assert tape.run([2.0]) == [6.0]


def test_every_primitive_has_a_kernel_or_is_a_machine_operation_or_is_called_back() -> None:
    package = {p for p in RULES.values() if p.__module__.startswith("autograd_scalar")}
    with_kernel, machine = set(KERNELS), {p for p in MACHINE.values() if p in package}
    assert not with_kernel & machine
    assert {p.name for p in package - with_kernel - machine} == CALLED_BACK
