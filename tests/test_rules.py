"""Laws that every entry of the rules table obeys, swept over the table.

A primitive is tested here from the moment it has an entry. Only one thing has to be written for
it: the same function in mpmath, in ``autograd_scalar/testing/reference.py``.
"""

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import reduce
from itertools import combinations
from operator import add
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autograd_scalar import Value
from autograd_scalar.primitives import Primitive
from autograd_scalar.rules import Double
from autograd_scalar.testing.differences import slope_at
from tests import references
from tests.references import derivative_in_mpmath, in_mpmath, mp, partial_slope
from tests.strategies import OPERATORS, PRIMITIVES, counts, operands
from tests.sweeps import SEED, examples, gradients, rule, same, sweep

draws = given(st.data())


def test_every_primitive_has_a_reference_in_mpmath() -> None:
    missing = [p.name for p in PRIMITIVES if p.name not in references.IN_MPMATH]
    assert not missing, f"add the same function in mpmath to IN_MPMATH: {missing}"
    gone = {*references.IN_MPMATH, *references.IN_NUMPY} - {p.name for p in PRIMITIVES}
    assert not gone, f"references have functions that are no primitives any more: {gone}"


# --- The function ---------------------------------------------------------------------------------


@sweep
@examples(25)
@draws
def test_a_call_on_floats_gives_the_number_that_a_call_on_values_records(
    primitive: Primitive, data: st.DataObject
) -> None:
    xs = data.draw(operands(primitive))
    result = primitive(*xs)
    node = primitive(*map(Value, xs))
    assert type(result) is float
    assert type(node) is Value
    assert same(node.data, result)
    assert node.op == primitive.name
    assert [parent.data for parent in node.parents] == list(xs)
    if primitive.name in OPERATORS:
        assert same(OPERATORS[primitive.name](*map(Value, xs)).data, result)
    method = getattr(Value, primitive.__name__, None)
    if method is not None:
        assert same(method(*map(Value, xs)).data, result)


NUMBERS: dict[str, Callable[[int], Any]] = {
    "int": int,
    "bool": bool,
    "Fraction": lambda n: Fraction(n, 4),
    "numpy.int64": np.int64,
    "numpy.float64": np.float64,
    "numpy.float32": np.float32,
    "numpy.bool": np.bool_,
}


@sweep
@pytest.mark.parametrize("kind", NUMBERS.values(), ids=NUMBERS)
def test_a_call_on_any_real_numbers_is_the_call_on_their_floats(
    primitive: Primitive, kind: Callable[[int], Any]
) -> None:
    for count in counts(primitive):
        for shift in range(-3, 4):
            xs = [kind(i * i + shift) for i in range(count)]
            result = primitive(*xs)
            assert type(result) is float
            assert same(result, primitive(*map(float, xs)))


@sweep
def test_whole_numbers_beyond_the_precision_of_floats_are_rounded_first(
    primitive: Primitive,
) -> None:
    """So that a formula gives the same on ints as on Values, and never overflows on the way."""
    for large in (2**53 + 1, 10**17 + 3, 10**200):
        for count in counts(primitive):
            for step in (0, 1):
                xs = [large - step * k for k in range(count)]
                if primitive.name == "polygamma":
                    xs[0] = 1
                assert same(primitive(*xs), primitive(*map(float, xs))), xs


@sweep
def test_the_number_of_operands_is_checked(primitive: Primitive) -> None:
    if not primitive.variadic:
        with pytest.raises(TypeError):
            primitive(*[Value(0.5)] * (primitive.arity + 1))
    with pytest.raises(TypeError, match="must be a real number"):
        primitive(*["0.5"] * counts(primitive)[0])


# --- The derivatives ------------------------------------------------------------------------------


def allowed_error(name: str, xs: tuple[float, ...], position: int, exact: Any) -> Any:
    """What a derivative may be off by: as if operands and result were rounded to a few units.

    A sum of two terms that cancel can't be better than that, and need not be worse.
    """
    error = 32 * math.ulp(1.0) * abs(exact) + 1e-300
    for i, x in enumerate(xs):
        moved = (*xs[:i], mp.mpf(x) * (1 + mp.mpf(2) ** -50), *xs[i + 1 :])
        there = derivative_in_mpmath(name, moved, position)
        if there is not None:
            error += abs(there - exact)
    return error


@sweep
@examples(20)
@draws
def test_derivatives_are_those_of_mpmath(primitive: Primitive, data: st.DataObject) -> None:
    xs = data.draw(operands(primitive))
    assume(in_mpmath(primitive.name, xs) is not None)
    found = gradients(primitive, xs)
    for position, gradient in enumerate(found):
        exact = derivative_in_mpmath(primitive.name, xs, position)
        if exact is None:  # a kink, a jump, an operand that takes whole numbers only
            continue
        error = abs(mp.mpf(gradient) / SEED - exact)
        assert error <= allowed_error(primitive.name, xs, position, exact), (
            f"the derivative of {primitive.name}{xs} by operand {position} is "
            f"{mp.nstr(exact, 17)}, not {gradient / SEED!r}"
        )


@sweep
@examples(20)
@draws
def test_derivatives_are_the_slopes_of_the_function(
    primitive: Primitive, data: st.DataObject
) -> None:
    """Differences of the float function itself: nothing has to be known about it."""
    xs = data.draw(operands(primitive))
    found = gradients(primitive, xs)
    compared = 0
    for i, gradient in enumerate(found):
        slope = slope_at(lambda x, i=i: primitive(*xs[:i], x, *xs[i + 1 :]), xs[i])
        if slope.error < 1e-3 * abs(slope.value) + 1e-9:
            compared += 1
            tolerance = 1e-6 * abs(slope.value) + 10 * slope.error
            assert slope.distance(gradient / SEED) <= tolerance, (
                f"the slope of {primitive.name}{xs} by operand {i} is {slope}, "
                f"not {gradient / SEED!r}"
            )
    assume(compared)  # Hypothesis complains if that is rare


@sweep
@examples(10)
@draws
def test_derivatives_of_derivatives_are_those_of_mpmath(
    primitive: Primitive, data: st.DataObject
) -> None:
    """A rule applied to Values records a graph, and its gradient is the second derivative."""
    xs = data.draw(operands(primitive).filter(lambda xs: len(xs) <= 4))
    for position in range(len(xs)):
        values = [Value(x) for x in xs]
        first = rule(primitive, Value(1.0), primitive(*values), *values)[position]
        if not isinstance(first, Value) or not math.isfinite(first.data):
            continue
        first.backward()
        exact_first = derivative_in_mpmath(primitive.name, xs, position)
        for other, value in enumerate(values):
            exact = partial_slope(
                lambda *xs, position=position: derivative_in_mpmath(
                    primitive.name, xs, position, digits=200
                ),
                xs,
                other,
            )
            if exact is not None and exact_first is not None:
                scale = abs(exact) + (1 + abs(exact_first)) * (1 + 1 / max(1e-6, abs(xs[other])))
                assert abs(value.grad - exact) <= 1e-9 * scale, (
                    f"d2 {primitive.name}{xs} by operands {position} and {other} is "
                    f"{mp.nstr(exact, 17)}, not {value.grad!r}"
                )


@sweep
@examples(25)
@draws
def test_a_rule_means_the_same_on_floats_doubles_and_values(
    primitive: Primitive, data: st.DataObject
) -> None:
    """A function of ``math`` within a rule would not."""
    xs = data.draw(operands(primitive))
    facts = (SEED, primitive(*xs), *xs)
    on_doubles = list(map(float, rule(primitive, *map(Double, facts))))
    on_values = [Value(0.0) + c for c in rule(primitive, *map(Value, facts))]
    for a, b in zip(on_doubles, on_values, strict=True):
        assert same(a, b.data)
    try:
        on_floats = rule(primitive, *facts)
    except (ZeroDivisionError, OverflowError):
        return
    assert all(map(same, on_doubles, on_floats))


# --- Constants among the operands -----------------------------------------------------------------


def subsets(count: int) -> Iterator[set[int]]:
    return (set(some) for n in range(1, count + 1) for some in combinations(range(count), n))


@sweep
@examples(8)
@draws
def test_a_constant_operand_changes_no_other_derivative(
    primitive: Primitive, data: st.DataObject
) -> None:
    """Whichever of the operands are Values, each gets what it gets when all are."""
    xs = data.draw(operands(primitive))
    expected = gradients(primitive, xs)
    forms: list[Callable[..., Any]] = [primitive]
    if primitive.name in OPERATORS:
        forms.append(OPERATORS[primitive.name])
    for among_values in subsets(len(xs)):
        for form in forms:
            mixed = [Value(x) if i in among_values else x for i, x in enumerate(xs)]
            node = form(*mixed)
            node.backward(SEED)
            assert same(node.data, primitive(*xs))
            assert node.op == primitive.name
            assert list(node.parents) == [x for x in mixed if isinstance(x, Value)]
            assert [o is m or o == m for o, m in zip(node.operands, mixed, strict=True)]
            for i in among_values:
                assert same(mixed[i].grad, expected[i])


@sweep
@examples(8)
@draws
def test_one_value_in_all_places_gets_the_sum_of_what_each_place_gets(
    primitive: Primitive, data: st.DataObject
) -> None:
    x = data.draw(operands(primitive))[-1]
    for count in counts(primitive):
        shared = Value(x)
        primitive(*[shared] * count).backward(SEED)
        # Added one by one: from Python 3.12 on, sum() of floats rounds once.
        assert same(shared.grad, reduce(add, gradients(primitive, (x,) * count), 0.0))
