"""Forward mode: dual numbers, on their own and nested with reverse mode."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_scalar import Value, grad, jvp, rules
from autograd_scalar.arithmetic import new_level
from autograd_scalar.forward import Dual
from autograd_scalar.primitives import Primitive
from tests.references import derivative_in_mpmath, mp, partial_slope
from tests.strategies import OPERATORS, Program, by_operators, operands, programs, whole_programs
from tests.sweeps import SEED, examples, gradients, same, sweep
from tests.test_chain_rule import edge_cases

draws = given(st.data())
TANGENTS = st.sampled_from([0.0, 1.0, -2.5, 0.75])


# --- Forward is the transpose of reverse ----------------------------------------------------------


@sweep
@examples(8)
@draws
def test_the_tangent_is_the_gradient_times_the_tangents(
    primitive: Primitive, data: st.DataObject
) -> None:
    xs = data.draw(operands(primitive))
    tangents = data.draw(st.tuples(*[TANGENTS] * len(xs)))
    y, change = jvp(primitive, xs, tangents)
    assert same(y, primitive(*xs))
    parts = [g * t for g, t in zip(gradients(primitive, xs, 1.0), tangents, strict=True) if t]
    size = math.fsum(map(abs, parts)) if all(map(math.isfinite, parts)) else math.inf
    if math.isfinite(size):
        assert abs(change - math.fsum(parts)) <= 8 * math.ulp(1.0) * size + 1e-300


@sweep
@pytest.mark.parametrize("seed", [1.0, SEED])
def test_one_tangent_to_the_bit_and_without_errors_at_the_edges(
    primitive: Primitive, seed: float
) -> None:
    for xs in edge_cases(primitive):
        expected = gradients(primitive, xs, seed)
        for i, gradient in enumerate(expected):
            tangents = tuple(seed if k == i else 0.0 for k in range(len(xs)))
            y, change = jvp(primitive, tuple(xs), tangents)
            assert same(y, primitive(*xs))
            if not primitive.variadic or seed == 1.0:
                assert same(change, gradient), (xs, i)


@examples(100)
@given(whole_programs(), st.data())
def test_tangents_of_programs_to_the_bit_on_whole_numbers(
    program: Program, data: st.DataObject
) -> None:
    tangents = [data.draw(st.integers(-3, 3).map(float)) for _ in program.inputs]
    values = program.run(by_operators, [Value(x) for x in program.inputs])
    level = new_level()
    moving = [Dual(x, t, level) for x, t in zip(program.inputs, tangents, strict=True)]
    for value, dual in zip(values, program.run(by_operators, moving), strict=True):
        for leaf in values:
            leaf.grad = 0.0
        value.backward()
        leaves = values[: len(tangents)]
        products = [leaf.grad * t for leaf, t in zip(leaves, tangents, strict=True)]
        assert (dual.primal, dual.tangent) == (value.data, math.fsum(products))


@examples(60)
@given(programs())
def test_results_of_programs_are_the_same_on_dual_numbers(program: Program) -> None:
    level = new_level()
    values = program.run(by_operators, [Value(x) for x in program.inputs])
    duals = program.run(by_operators, [Dual(x, 1.0, level) for x in program.inputs])
    assert all(same(v.data, d.primal) for v, d in zip(values, duals, strict=True))
    assert all(d.data == d.primal for d in duals)


# --- Second derivatives, by each of two modes within each -----------------------------------------


def forward_of(f: Callable[..., Any], i: int) -> Callable[..., Any]:
    """The derivative by operand i, by forward mode."""
    return lambda *xs: jvp(f, xs, tuple(float(k == i) for k in range(len(xs))))[1]


def reverse_of(f: Callable[..., Any], i: int) -> Callable[..., Any]:
    return grad(f, i)


NESTED = {
    f"{outer.__name__[:7]} over {inner.__name__[:7]}": (outer, inner)
    for outer in (forward_of, reverse_of)
    for inner in (forward_of, reverse_of)
}


@sweep
@examples(4)
@draws
def test_second_derivatives_in_all_four_nestings_are_those_of_mpmath(
    primitive: Primitive, data: st.DataObject
) -> None:
    xs = data.draw(operands(primitive).filter(lambda xs: len(xs) <= 4))
    if primitive.name == "where" and not xs[0]:
        return
    i, j = (data.draw(st.integers(0, len(xs) - 1)) for _ in range(2))
    found = {name: a(b(primitive, i), j)(*xs) for name, (a, b) in NESTED.items()}
    assert all(type(second) is float for second in found.values())

    def slope(*xs: Any) -> Any:
        return derivative_in_mpmath(primitive.name, xs, i, digits=200)

    exact, first = partial_slope(slope, xs, j), derivative_in_mpmath(primitive.name, xs, i)
    if exact is None or first is None:
        return
    scale = abs(exact) + (1 + abs(first)) * (1 + 1 / max(1e-6, abs(xs[j])))
    for name, second in found.items():
        assert abs(second - exact) <= 1e-9 * scale, (
            f"d2 {primitive.name}{xs} by {i} and {j}, {name}, is {mp.nstr(exact, 17)}, not {second}"
        )


@sweep
def test_nothing_raises_at_the_edges_in_any_nesting(primitive: Primitive) -> None:
    for xs in edge_cases(primitive):
        for i in range(len(xs)):
            for outer, inner in NESTED.values():
                assert type(outer(inner(primitive, i), i)(*xs)) is float


# --- Levels ---------------------------------------------------------------------------------------


def test_a_number_of_another_level_is_a_constant() -> None:
    outer, inner = new_level(), new_level()
    assert inner > outer
    x, y = Dual(3.0, 1.0, outer), Dual(5.0, 1.0, inner)
    for product in (x * y, y * x, rules.dot(x, y), rules.multiply(y, x)):
        assert product.level == inner
        assert (product.primal.primal, product.primal.tangent) == (15.0, 5.0)
        assert (product.tangent.primal, product.tangent.tangent) == (3.0, 1.0)
        assert product.data == 15.0


def test_parts_may_be_values() -> None:
    w = Value(3.0)
    for x in (Dual(w, 1.0, new_level()), Dual(2.0, w, new_level())):
        for y in (x * w, w * x):
            assert isinstance(y, Dual)
            y.tangent.backward()
            assert w.grad == {3.0: 1.0, 2.0: 2 * 3.0}[x.data]
            w.grad = 0.0


# --- What a dual number can do --------------------------------------------------------------------

NUMBERS: dict[str, Any] = {
    "int": 2,
    "a large int": 2**53 + 2,
    "bool": True,
    "float": 0.25,
    "Fraction": Fraction(1, 4),
    "numpy.int64": np.int64(2),
    "numpy.float64": np.float64(0.25),
    "numpy.float32": np.float32(0.25),
}


def parts(number: Dual) -> tuple[Any, Any]:
    return number.primal, number.tangent


@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
@pytest.mark.parametrize("name", [n for n, o in OPERATORS.items() if n not in ("neg", "abs")])
def test_operands_of_every_kind_on_both_sides(name: str, number: Any) -> None:
    operation = OPERATORS[name]
    x = Dual(0.75, 2.0, new_level())
    for found, expected in (
        (operation(x, number), operation(x, float(number))),
        (operation(number, x), operation(float(number), x)),
    ):
        assert type(found) is Dual
        assert parts(found) == parts(expected)
        assert type(found.primal) is type(found.tangent) is float
    a, b = Value(0.75), Value(0.75)
    operation(a, number).backward(2.0)
    operation(number, b).backward(2.0)
    assert operation(x, number).tangent == a.grad
    assert operation(number, x).tangent == b.grad


def test_comparisons_are_of_the_numbers() -> None:
    small, large = Dual(1.0, 5.0, 0), Dual(2.0, -5.0, 1)
    assert small < large
    assert small <= large
    assert large > small > 0
    assert 3 >= large >= 2
    assert small < Value(1.5) < large
    assert small != Dual(1.0, 5.0, 0)
    assert max(small, large) is large
    assert len({small, large, small}) == 2
    with pytest.raises(TypeError, match="'<' not supported"):
        assert small < "a"  # type: ignore[operator]


def test_what_would_drop_the_tangent_is_refused() -> None:
    x = Dual(1.5, 1.0, 0)
    for drop, message in (
        (float, r"Dual silently.*value\.data"),
        (math.sin, r"autograd_scalar\.sin"),
        (int, r"Dual silently.*int\(value\.data\)"),
        (bool, r"a Dual has no truth of its own: compare it"),
    ):
        with pytest.raises(TypeError, match=message):
            drop(x)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"\+: a constant operand must be a real number, not 'a'"):
        x + "a"


def test_display() -> None:
    x = Dual(1.25, Dual(0.5, 0.0, 2), 3)
    assert repr(x) == str(x) == f"{x}" == "Dual(1.25, Dual(0.5, 0.0, level=2), level=3)"
    assert (f"{x:.1f}", round(x, 1), round(x)) == ("1.2", 1.2, 1)


def test_arrays_of_dual_numbers() -> None:
    rng = np.random.default_rng(0)
    matrix, point, direction = rng.normal(size=(3, 2)), rng.normal(size=2), rng.normal(size=2)
    level = new_level()
    x = np.array([Dual(a, b, level) for a, b in zip(point, direction, strict=True)])
    y = np.float64(2) * np.tanh(matrix @ x) + np.array([1.0, 2.0, 3.0])
    inside = matrix @ point
    np.testing.assert_allclose([d.primal for d in y], 2 * np.tanh(inside) + [1, 2, 3], rtol=1e-15)
    expected = 2 / np.cosh(inside) ** 2 * (matrix @ direction)
    np.testing.assert_allclose([d.tangent for d in y], expected, rtol=1e-14)
    total = (x * x).sum()
    assert total.tangent == pytest.approx(2 * point @ direction, rel=1e-15)
