"""Truncated power series: what their coefficients are, for every primitive, and how they nest."""

import math
import threading
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_scalar import (
    Value,
    cos,
    exp,
    grad,
    gradients,
    hessian,
    jvp,
    log,
    log1p,
    no_grad,
    sin,
    sqrt,
    tan,
    taylor,
)
from autograd_scalar.arithmetic import new_level
from autograd_scalar.forward import Dual
from autograd_scalar.primitives import Primitive
from autograd_scalar.taylor import Expansion, Series
from autograd_scalar.testing.programs import takes_whole_numbers
from tests.references import in_mpmath, mp
from tests.strategies import OPERATORS, Program, by_operators, operands, whole_programs
from tests.sweeps import examples, same, sweep

Function = Callable[..., Any]

# --- Series that are known ------------------------------------------------------------------------

KNOWN: dict[str, tuple[Function, float, Callable[[int], Any]]] = {
    "exp": (exp, 0.0, lambda k: Fraction(1, math.factorial(k))),
    "sin": (sin, 0.0, lambda k: Fraction([0, 1, 0, -1][k % 4], math.factorial(k))),
    "cos": (cos, 0.0, lambda k: Fraction([1, 0, -1, 0][k % 4], math.factorial(k))),
    "log1p": (log1p, 0.0, lambda k: Fraction((-1) ** (k + 1), k) if k else 0),
    "geometric": (lambda x: 1 / (1 - x), 0.0, lambda k: 1),
    "Fibonacci": (lambda x: x / (1 - x - x * x), 0.0, lambda k: fibonacci(k)),
    "Catalan": (
        lambda x: 2 / (1 + sqrt(1 - 4 * x)),
        0.0,
        lambda k: math.comb(2 * k, k) // (k + 1),
    ),
    "binomial": (lambda x: (1 + x) ** 7, 0.0, lambda k: math.comb(7, k)),
    "2**x": (lambda x: 2**x, 0.0, lambda k: math.log(2) ** k / math.factorial(k)),
    "Bell": (lambda x: exp(exp(x) - 1), 0.0, lambda k: Fraction(bell(k), math.factorial(k))),
    "polynomial": (lambda x: x**3 - 2 * x + 5, 2.0, lambda k: [9, 10, 6, 1][k] if k < 4 else 0),
}


def fibonacci(k: int) -> int:
    a, b = 0, 1
    for _ in range(k):
        a, b = b, a + b
    return a


def bell(n: int) -> int:
    numbers = [1]
    for k in range(n):
        numbers.append(sum(math.comb(k, j) * numbers[j] for j in range(k + 1)))
    return numbers[n]


@pytest.mark.parametrize(("f", "x", "expected"), KNOWN.values(), ids=KNOWN)
def test_series_that_are_known(f: Function, x: float, expected: Callable[[int], Any]) -> None:
    found = taylor(f, x, 20)
    assert found == pytest.approx([float(expected(k)) for k in range(21)], rel=1e-13, abs=1e-30)
    for order in (1, 2, 7):
        assert taylor(f, x, order) == found[: order + 1]


def test_the_tangents_series_is_made_of_bernoulli_numbers() -> None:
    with mp.workdps(40):
        for k, found in enumerate(taylor(tan, 0.0, 30)):
            exact = mp.zero
            if k % 2:
                b = mp.bernoulli(k + 1)
                exact = abs(b) * 2 ** (k + 1) * (2 ** (k + 1) - 1) / mp.factorial(k + 1)
            assert abs(found - exact) <= 1e-14 * exact


# --- Every primitive ------------------------------------------------------------------------------


@sweep
@examples(6)
@given(st.data())
def test_coefficients_of_every_primitive_are_those_of_mpmath(
    primitive: Primitive, data: st.DataObject
) -> None:
    """Along a line through the operands, to order 4, against differences."""
    xs = data.draw(operands(primitive).filter(lambda xs: len(xs) <= 4))
    if primitive.name == "where" and not xs[0]:
        return
    direction = data.draw(st.tuples(*[st.sampled_from([0.0, 1.0, -0.5])] * len(xs)))
    if takes_whole_numbers(primitive, 0):
        direction = (0.0, *direction[1:])
    if not any(direction):
        return

    def along(t: Any) -> Any:
        return primitive(*[x + v * t if v else x for x, v in zip(xs, direction, strict=True)])

    found = taylor(along, 0.0, 4)
    with mp.workdps(150):
        h = mp.mpf(10) ** -24 * min([1, *[abs(mp.mpf(x)) for x in xs if x]])
        sides = []
        for sign in (1, -1):
            row = [
                in_mpmath(
                    primitive.name,
                    [mp.mpf(x) + v * sign * k * h for x, v in zip(xs, direction, strict=True)],
                )
                for k in range(5)
            ]
            if None in row:
                return
            side = []
            for k in range(5):
                side.append(row[0] / mp.factorial(k))
                row = [(b - a) / (sign * h) for a, b in pairwise(row)]
            sides.append(side)
        near = min([1.0, *[abs(x) for x in xs if x]])
        sizes = [max(abs(a) * near**k for k, a in enumerate(sides[0])) / near**k for k in range(5)]
        for a, b, size in zip(*sides, sizes, strict=True):
            if abs(a - b) > 1e-12 * size:  # a kink or a jump
                return
    for k, (coefficient, exact, size) in enumerate(zip(found, sides[0], sizes, strict=True)):
        assert abs(coefficient - exact) <= 1e-11 * size, (
            f"coefficient {k} of {primitive.name}{xs} along {direction} is "
            f"{mp.nstr(exact, 17)}, not {coefficient!r}"
        )


@sweep
@examples(6)
@given(st.data())
def test_the_first_coefficients_are_the_value_and_the_slope(
    primitive: Primitive, data: st.DataObject
) -> None:
    xs = data.draw(operands(primitive))
    expansion, level = Expansion(1), new_level()
    for form in {primitive, OPERATORS.get(primitive.name, primitive)}:
        series = form(*[Series(expansion, [x, 1.0]) for x in xs])
        dual = form(*[Dual(x, 1.0, level) for x in xs])
        assert same(series.data, dual.primal)
        first, slope = series.parts
        assert same(first, dual.primal)
        assert slope == pytest.approx(dual.tangent, rel=1e-13, abs=1e-13, nan_ok=True)


@examples(60)
@given(whole_programs(), st.data())
def test_second_coefficients_along_a_line_are_half_of_the_hessian(
    program: Program, data: st.DataObject
) -> None:
    """t^2 of f(x + t v) is v H v / 2, on whole numbers."""
    x = list(program.inputs)
    v = [data.draw(st.integers(-2, 2).map(float)) for _ in x]

    def f(xs: Any) -> Any:
        return program.run(by_operators, xs)[-1] + Value(0.0)

    along = taylor(lambda t: f([p + t * q for p, q in zip(x, v, strict=True)]), 0.0, 2)
    matrix, slopes = hessian(f)(x), grad(f)(x)
    assert along[0] == f(x).data
    assert along[1] == math.fsum(s * q for s, q in zip(slopes, v, strict=True))
    products = [row[j] * v[i] * v[j] for i, row in enumerate(matrix) for j in range(len(v))]
    assert along[2] == math.fsum(products) / 2


# --- Nested with itself and with the other modes --------------------------------------------------


def test_a_series_within_a_series_is_that_of_two_variables() -> None:
    """Of exp(x y): the coefficient of s^i t^j at 0, 0 is 1/i! where i = j."""
    for i in range(1, 4):
        for j in range(1, 4):
            inner = lambda s, j=j: taylor(lambda t: exp(s * t), 0.0, 3)[j]  # noqa: E731
            expected = 1 / math.factorial(i) if i == j else 0.0
            assert taylor(inner, 0.0, 3)[i] == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    "derivative",
    [grad, lambda f: lambda x: jvp(f, (x,), (1.0,))[1], lambda f: lambda x: taylor(f, x, 1)[1]],
    ids=["reverse", "forward", "taylor"],
)
def test_the_inner_variable_is_not_the_outer_one(derivative: Function) -> None:
    """Siskind and Pearlmutter's (2005) x d/dy (x + y) once more, with x or y in a series."""
    assert derivative(lambda x: x * taylor(lambda y: x + y, 1.0, 1)[1])(1.0) == 1.0
    assert taylor(lambda x: x * derivative(lambda y: x + y)(1.0), 1.0, 2) == [1.0, 1.0, 0.0]
    assert derivative(lambda x: taylor(lambda y: x * x * y**3, 2.0, 2)[2])(3.0) == 36.0
    assert taylor(lambda x: derivative(lambda y: x * x * y**3)(2.0), 3.0, 2) == [108.0, 72.0, 12.0]
    assert taylor(lambda x: derivative(lambda y: y**3)(x), 2.0, 2) == [12.0, 12.0, 3.0]


def test_results_nested_and_values_from_outside() -> None:
    w = Value(3.0)
    rows = taylor(lambda x: {"a": [w * x**2, 1.0], "b": np.array([x, x * x])}, 2.0, 2)
    assert [row["a"][0].data for row in rows] == [12.0, 12.0, 3.0]
    assert [gradients(row["a"][0], w) for row in rows] == [4.0, 4.0, 1.0]
    assert [row["b"].tolist() for row in rows] == [[2.0, 4.0], [1.0, 4.0], [0.0, 1.0]]
    with no_grad():
        assert taylor(lambda x: w * x, 2.0, 1) == [6.0, 3.0]
    at_value = taylor(lambda x: x**3, Value(2.0), 2)
    assert [c.data for c in at_value] == [8.0, 12.0, 6.0]


def test_many_derivatives_are_cheap() -> None:
    """Some n^2 operations: nested derivatives would take 2^60 of them."""
    coefficients = taylor(lambda x: log(1 + exp(sin(x) * x)) / (1 + x * x), 0.3, 60)
    assert all(map(math.isfinite, coefficients))
    x = 0.3 + 1 / 16
    near = math.fsum(c * (1 / 16) ** k for k, c in enumerate(coefficients))
    assert near == pytest.approx(math.log(1 + math.exp(math.sin(x) * x)) / (1 + x * x), rel=1e-15)


def test_threads() -> None:
    found: dict[int, Any] = {}
    expected = [taylor(lambda x: sin(exp(x)), k / 8, 8) for k in range(6)]

    def work(k: int) -> None:
        found[k] = taylor(lambda x: sin(exp(x)), k / 8, 8)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[k] for k in range(6)] == expected
