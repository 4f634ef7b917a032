"""``grad``, ``jvp`` and their kin: what they compute, in what nesting, and how they compose."""

import math
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import count, pairwise, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd_scalar import (
    Value,
    cos,
    detect_anomaly,
    dot,
    exp,
    grad,
    gradients,
    hessian,
    hvp,
    jacobian,
    jvp,
    log,
    no_grad,
    primitive,
    sin,
    tanh,
    taylor,
    transforms,
    value_and_grad,
    vjp,
)
from autograd_scalar.graph import topological_order
from autograd_scalar.primitives import RULES
from tests.references import in_mpmath, mp
from tests.strategies import Program, by_functions, by_operators, programs, whole_programs
from tests.sweeps import examples
from tests.test_gradients import is_smooth
from tests.test_nesting import alike, mapped, nestings, numbers_in

Function = Callable[..., Any]

# --- Derivatives of every order, in every mixture of modes, against mpmath ------------------------

DIGITS = 160
STEP = mp.mpf(10) ** -25


def forward(f: Function) -> Function:
    return lambda x: jvp(f, (x,), (1.0,))[1]


def composed(f: Function, modes: Sequence[Function]) -> Function:
    """grad(grad(f)), say: each derivative's variable is the argument of the next."""
    for mode in modes:
        f = mode(f)
    return f


def closed_over(f: Function, modes: Sequence[Function]) -> Function:
    """d/ds d/dt f(x + s + t) at s = t = 0: the inner function uses the outer's variable."""
    if not modes:
        return f
    outer, *inner = modes
    return lambda x: outer(lambda s: closed_over(lambda t: f(s + t), inner)(x))(0.0)


MIXTURES = {n: list(product((grad, forward), repeat=n)) for n in range(1, 5)}


def one_sided(function: Function, x: float) -> list[Any] | None:
    """The derivatives of order 1 to 4 from the right; None unless those from the left are equal.

    Differences of n + 1 values are h**n times the n-th derivative, up to a relative error of h.
    """
    with mp.workdps(DIGITS):
        h = STEP * min(1, abs(mp.mpf(x))) if x else STEP
        sides = []
        for sign in (1, -1):
            values = [function(x + sign * k * h) for k in range(5)]
            if None in values:
                return None
            found = []
            for _ in range(4):
                values = [(b - a) / (sign * h) for a, b in pairwise(values)]
                found.append(values[0])
            sides.append(found)
        alike = [
            abs(a - b) <= abs(a) / 10**12 + mp.mpf(10) ** -18 for a, b in zip(*sides, strict=True)
        ]
        return sides[0] if all(alike) else None


def in_one_input(program: Program, position: int, apply: Function) -> Function:
    """The program's result as a function of one of its inputs."""

    def result(x: Any) -> Any:
        inputs = (*program.inputs[:position], x, *program.inputs[position + 1 :])
        return program.run(apply, inputs)[-1]

    return result


def exactly(name: str, xs: Sequence[Any]) -> Any:
    """A step in mpmath."""
    return None if None in xs else in_mpmath(name, xs)


def shaken(name: str, xs: Sequence[Any]) -> Any:
    """A step in mpmath, each operand wrong by a 10**-13th of it, more or less, up or down.

    By a part that changes as the operand does, so that its derivatives become wrong as well: under
    a constant factor log(exp(x)), say, would stay a straight line.
    """

    def wrong(x: Any, size: float) -> Any:
        if isinstance(x, float):
            return x
        change = mp.log(abs(x)) if abs(x) > 1e-9 else x
        return x * (1 + mp.mpf(size) * (2 + mp.sin(change)))

    if None in xs:
        return None
    return in_mpmath(
        name, [wrong(x, 1e-13 * math.sin(7 * i + len(name))) for i, x in enumerate(xs)]
    )


def has_undecided_choice(program: Program) -> bool:
    """Whether a condition is a number that is 0 just here: ``where(x, 0, x)`` at x = 0."""
    numbers = program.run(by_functions, program.inputs)
    conditions = [step.operands[0] for step in program.steps if step.name == "where"]
    return any(isinstance(o, int) and numbers[o] == 0 for o in conditions)


@pytest.mark.slow
def test_derivatives_to_order_4_of_random_programs_are_those_of_mpmath() -> None:
    """To as many digits as survive a change in the 13th digit of every operand."""
    tally: Counter[Any] = Counter()

    @examples(160)
    @given(programs(), st.integers(0, 2))
    def check(program: Program, position: int) -> None:
        position %= len(program.inputs)
        tally["programs"] += 1
        if not is_smooth(program) or has_undecided_choice(program):
            return
        x = program.inputs[position]
        exact, moved = (
            one_sided(in_one_input(program, position, way), x) for way in (exactly, shaken)
        )
        if exact is None or moved is None:
            return
        f = in_one_input(program, position, by_operators)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a program that does not use this input
            coefficients = taylor(f, x, 4)
            for order, (e, s) in enumerate(zip(exact, moved, strict=True), 1):
                if 4 * abs(e - s) > 1e-4 * abs(e) + 1e-9:  # nothing can be said
                    continue
                tally[order] += 1
                allowed = 1e-11 * abs(e) + 16 * abs(e - s) + 1e-20
                mixtures = MIXTURES[order]
                found = {("taylor",): coefficients[order] * math.factorial(order)}
                for nest in (composed, closed_over):
                    modes = min(mixtures, key=lambda modes: tally[nest, *modes])
                    found[nest, *modes] = nest(f, modes)(x)
                for how, d in found.items():
                    tally[how] += 1
                    assert abs(d - e) <= allowed, (
                        f"derivative {order} by v{position}, by {how}, is {mp.nstr(e, 17)}, "
                        f"not {d!r}, in\n{program}"
                    )

    check()
    # Of the others rounding leaves no digit of the derivative, the more so the higher the order.
    assert tally[1] > 0.75 * tally["programs"], tally
    assert tally[4] > 0.6 * tally["programs"], tally
    ways = [
        (nest, *modes)
        for nest in (composed, closed_over)
        for n in MIXTURES
        for modes in MIXTURES[n]
    ]
    assert all(tally[way] >= 5 for way in ways), tally


# --- Perturbation confusion -----------------------------------------------------------------------

modes_of = {
    n: pytest.mark.parametrize(
        "modes",
        MIXTURES[n],
        ids=["-".join("reverse" if m is grad else "forward" for m in ms) for ms in MIXTURES[n]],
    )
    for n in MIXTURES
}
Modes = Sequence[Function]


@modes_of[2]
def test_the_inner_variable_is_not_the_outer_one(modes: Modes) -> None:
    """Siskind and Pearlmutter (2005): with their perturbations confused, the first would be 2."""
    outer, inner = modes
    assert outer(lambda x: x * inner(lambda y: x + y)(1.0))(1.0) == 1.0
    assert outer(lambda x: x * inner(lambda y: x * y)(2.0))(3.0) == 6.0
    assert outer(lambda x: x * inner(lambda y: y * y)(x))(3.0) == 12.0


@modes_of[3]
def test_the_innermost_function_closes_over_both_outer_variables(modes: Modes) -> None:
    first, second, third = modes

    def at_constants(x: Any) -> Any:
        return x * second(lambda y: y * x * third(lambda z: x * y * z)(5.0))(3.0)

    def at_variables(x: Any) -> Any:
        return x * second(lambda y: y * third(lambda z: x * y * z * z)(y))(x)

    assert first(at_constants)(2.0) == 72.0  # 6 x^3
    assert first(at_variables)(2.0) == 24.0 * 8.0  # 6 x^4


@modes_of[2]
def test_a_derivative_operator_made_by_a_function_that_shifts_functions(modes: Modes) -> None:
    """Manzyuk et al. (2019): twice the operator, and the tags of both once were the same."""

    def shift(u: Any) -> Function:
        return lambda f: lambda x: f(u + x)

    def operator(mode: Function) -> Function:
        return lambda f: lambda x: mode(lambda u: shift(u)(f)(x))(0.0)

    outer, inner = map(operator, modes)
    assert outer(inner(exp))(1.0) == pytest.approx(math.e, rel=1e-15)
    assert outer(inner(lambda x: x**3))(2.0) == 12.0


@modes_of[4]
def test_a_saddle_point_by_newtons_method_within_newtons_method(modes: Modes) -> None:
    """min over x of max over y, each by first and second derivatives of what is inside.

    Of x^4/4 + x y - y^2/2 - 10 x it is at x = y = 2 (after Siskind and Pearlmutter 2008).
    """

    def extremum(f: Function, slope: Function, curvature: Function, start: float, n: int) -> Any:
        x: Any = start
        for _ in range(n):
            x = x - slope(f)(x) / curvature(slope(f))(x)
        return x

    def surface(x: Any, y: Any) -> Any:
        return x**4 / 4 + x * y - y * y / 2 - 10 * x

    def best_y(x: Any) -> Any:
        return extremum(lambda y: surface(x, y), *modes[2:], start=0.5, n=1)

    x = extremum(lambda x: surface(x, best_y(x)), *modes[:2], start=3.0, n=7)
    assert x == pytest.approx(2.0, rel=1e-14)
    assert best_y(x) == pytest.approx(2.0, rel=1e-14)


@modes_of[3]
def test_a_derivative_through_a_root_found_with_derivatives(modes: Modes) -> None:
    """x(a) with x^3 = a: dx/da = x/(3a) and d2x/da2 = -2x/(9a^2)."""
    first, second, inner = modes

    def root(a: Any) -> Any:
        x: Any = 1.5
        for _ in range(8):
            x = x - (x**3 - a) / inner(lambda x: x**3 - a)(x)
        return x

    assert root(8.0) == pytest.approx(2.0, rel=1e-15)
    assert first(root)(8.0) == pytest.approx(1 / 12, rel=1e-14)
    assert first(second(root))(8.0) == pytest.approx(-1 / 144, rel=1e-13)


# --- The transforms on a polynomial, and what they are given --------------------------------------


def cubic(x: Any) -> Any:
    return x**3


# What each gives for w * x^3 at x = 2: all whole numbers, times w.
TRANSFORMS: dict[str, tuple[Callable[[Function, Any], Any], float]] = {
    "grad": (lambda f, x: grad(f)(x), 12.0),
    "the value of value_and_grad": (lambda f, x: value_and_grad(f)(x)[0], 8.0),
    "the gradient of value_and_grad": (lambda f, x: value_and_grad(f)(x)[1], 12.0),
    "the result of vjp": (lambda f, x: vjp(f, x)[0], 8.0),
    "the pullback of vjp": (lambda f, x: vjp(f, x)[1](1.0)[0], 12.0),
    "the result of jvp": (lambda f, x: jvp(f, (x,), (1.0,))[0], 8.0),
    "the change of jvp": (lambda f, x: jvp(f, (x,), (1.0,))[1], 12.0),
    "jacobian by rows": (lambda f, x: jacobian(f, mode="reverse")(x), 12.0),
    "jacobian by columns": (lambda f, x: jacobian(f, mode="forward")(x), 12.0),
    "hessian": (lambda f, x: hessian(f)(x), 12.0),
    "hvp": (lambda f, x: hvp(f, (x,), (1.0,)), 12.0),
    "grad of grad": (lambda f, x: grad(grad(f))(x), 12.0),
    "grad of jvp": (lambda f, x: grad(lambda x: jvp(f, (x,), (1.0,))[1])(x), 12.0),
    "hessian of grad": (lambda f, x: hessian(grad(f))(x), 6.0),
    "hessian of jvp": (lambda f, x: hessian(lambda x: jvp(f, (x,), (1.0,))[1])(x), 6.0),
    "hvp of hessian": (lambda f, x: hvp(hessian(f), (x,), (1.0,)), 0.0),
    **{
        f"taylor {k}": (lambda f, x, k=k: taylor(f, x, 3)[k], [8.0, 12.0, 6.0, 1.0][k])
        for k in range(4)
    },
}
each_transform = pytest.mark.parametrize(
    ("transform", "expected"), TRANSFORMS.values(), ids=TRANSFORMS
)


@each_transform
def test_answers_are_floats_also_if_the_function_makes_values_of_its_own(
    transform: Function, expected: float
) -> None:
    for f in (cubic, lambda x: Value(1.0) * cubic(x), lambda x: cubic(x) + Value(0.0)):
        for x in (2.0, 2, Fraction(2), np.float64(2), np.int8(2)):
            found = transform(f, x)
            assert type(found) is float
            assert found == expected


@each_transform
def test_answers_with_a_value_from_outside_are_values_that_can_be_differentiated(
    transform: Function, expected: float
) -> None:
    w = Value(3.0)
    w.grad = 0.25
    found = transform(lambda x: w * cubic(x), 2.0)
    assert isinstance(found, Value) or not expected
    if expected:
        assert found.data == 3.0 * expected
        assert gradients(found, w) == expected
    assert w.grad == 0.25
    assert grad(lambda w: transform(lambda x: w * cubic(x), 2.0))(3.0) == expected
    assert jvp(lambda w: transform(lambda x: w * cubic(x), 2.0), (3.0,), (1.0,))[1] == expected
    with no_grad():
        unrecorded = transform(lambda x: w * cubic(x), 2.0)
    assert type(unrecorded) is float
    assert unrecorded == 3.0 * expected


@each_transform
def test_answers_at_a_value_are_values(transform: Function, expected: float) -> None:
    x = Value(2.0)
    found = transform(cubic, x)
    assert isinstance(found, Value)
    assert found.data == expected
    slope = (transform(cubic, Value(2.0 + 2.0**-20)).data - expected) * 2.0**20
    assert gradients(found, x) == pytest.approx(slope, abs=1e-4)
    assert x.grad == 0.0


@each_transform
def test_modes_around_a_transform_do_not_change_its_numbers(
    transform: Function, expected: float
) -> None:
    for mode in (no_grad, detect_anomaly):
        with mode():
            assert transform(cubic, 2.0) == expected
            found = transform(cubic, Value(2.0))
        assert found == expected if mode is no_grad else found.data == expected
        f = mode()(cubic)
        if mode is detect_anomaly:
            assert transform(f, 2.0) == expected


def test_an_anomaly_inside_of_a_transform_is_found() -> None:
    with detect_anomaly(), pytest.raises(FloatingPointError, match=r"log\(-1\.0\) gave nan"):
        grad(log)(-1.0)
    with detect_anomaly(), pytest.raises(FloatingPointError, match=r"backward pass of \*\*"):
        grad(lambda x: x**0.5)(0.0)


@pytest.mark.parametrize("transform", [grad, value_and_grad, jacobian, hessian])
def test_a_derivative_is_named_after_its_function(transform: Function) -> None:
    derived = transform(cubic)
    assert derived.__name__ == f"{transform.__name__}(cubic)"
    assert derived.__wrapped__ is cubic
    assert transform(derived).__name__ == f"{transform.__name__}({transform.__name__}(cubic))"


def test_the_function_is_run_once() -> None:
    runs = 0

    def f(x: Any) -> Any:
        nonlocal runs
        runs += 1
        return x[0] * x[1] * x[2]

    x = [2.0, 3.0, 5.0]
    calls: list[Callable[[], Any]] = [
        lambda: grad(f)(x),
        lambda: value_and_grad(f)(x),
        lambda: vjp(f, x)[1](1.0),
        lambda: jvp(f, (x,), (x,)),
        lambda: jacobian(f, mode="forward")(x),
        lambda: jacobian(f, mode="reverse")(x),
        lambda: hessian(f)(x),
        lambda: hvp(f, (x,), (x,)),
        lambda: taylor(lambda t: f([t, t, t]), 1.0, 5),
    ]
    for number, call in enumerate(calls, 1):
        call()
        assert runs == number


# --- Nested arguments and results -----------------------------------------------------------------


def weighted_squares(tree: Any) -> Any:
    """1 x0^2 + 2 x1^2 + 3 x2^2 + ..., and a Value, whatever it is of."""
    return sum((k * x * x for k, x in enumerate(numbers_in(tree), 1)), Value(0.0))


def numbered(tree: Any, function: Callable[[int, Any], Any]) -> Any:
    """The nesting, in the place of each number a function of its count (from 1) and of itself."""
    counter = count(1)
    return mapped(tree, lambda x: function(next(counter), float(x)))


@examples(60)
@given(nestings())
def test_a_gradient_is_nested_as_the_argument(tree: Any) -> None:
    expected = numbered(tree, lambda k, x: 2.0 * (k * x))
    ones = numbered(tree, lambda k, x: 1.0)
    value, gradient = value_and_grad(weighted_squares)(tree)
    assert alike(gradient, expected)
    assert alike(grad(weighted_squares)(tree), expected)
    assert type(value) is float
    result, pullback = vjp(weighted_squares, tree)
    assert result == value
    assert alike(pullback(1.0), (expected,))
    assert alike(hvp(weighted_squares, (tree,), (ones,)), numbered(tree, lambda k, x: 2.0 * k))
    assert not isinstance(tree, np.ndarray) or gradient.dtype == float


@examples(60)
@given(nestings(), nestings())
def test_a_result_may_be_nested_in_another_way_than_the_argument(a: Any, b: Any) -> None:
    """f(a) has the nesting of b; its n-th number is n times the sum of all of a."""

    def f(a: Any) -> Any:
        total = sum(numbers_in(a), Value(0.0))
        return numbered(b, lambda n, _: n * total) if numbers_in(b) else b

    result, pullback = vjp(f, a)
    ones_a, ones_b = (numbered(tree, lambda k, x: 1.0) for tree in (a, b))
    size_a, size_b = len(numbers_in(a)), len(numbers_in(b))
    assert alike(mapped(result, lambda _: 1.0), ones_b)
    assert alike(pullback(ones_b), (numbered(a, lambda k, x: size_b * (size_b + 1) / 2),))
    result, change = jvp(f, (a,), (ones_a,))
    assert alike(change, numbered(b, lambda n, _: float(n * size_a)))
    matrices = [jacobian(f, mode=mode)(a) for mode in ("auto", "forward", "reverse")]
    for matrix in matrices:
        assert numbers_in(matrix) == numbers_in(jacobian_by_hand(a, b))
        assert alike(matrix, jacobian_by_hand(a, b))


def jacobian_by_hand(a: Any, b: Any) -> Any:
    """In the place of the n-th number of b the nesting of a filled with n; arrays by arrays."""
    counter = count(1)

    def in_b(item: Any) -> Any:
        if isinstance(item, dict):
            return {key: in_b(inner) for key, inner in item.items()}
        if isinstance(item, list | tuple):
            inner = [in_b(each) for each in item]
            return type(item)(*inner) if hasattr(item, "_fields") else type(item)(inner)
        rows = np.array([next(counter) for _ in range(np.size(item))], float)
        return in_a(a, rows, np.shape(item), isinstance(item, np.ndarray))

    def in_a(item: Any, rows: Any, shape: tuple[int, ...], is_array: bool) -> Any:
        if isinstance(item, dict):
            return {key: in_a(inner, rows, shape, is_array) for key, inner in item.items()}
        if isinstance(item, list | tuple):
            inner = [in_a(each, rows, shape, is_array) for each in item]
            return type(item)(*inner) if hasattr(item, "_fields") else type(item)(inner)
        block = np.repeat(rows, np.size(item)).reshape(shape + np.shape(item))
        return block if is_array or isinstance(item, np.ndarray) else float(block)

    return in_b(b)


@pytest.mark.parametrize(
    ("argnums", "expected"),
    [
        (0, 15.0),
        (1, [10.0, 0.0]),
        (-1, {"c": 6.0}),
        (-3, 15.0),
        ((0,), (15.0,)),
        ((0, 2), (15.0, {"c": 6.0})),
        ((2, 0), ({"c": 6.0}, 15.0)),
        ([-1, 1], ({"c": 6.0}, [10.0, 0.0])),
        ((), ()),
    ],
)
def test_the_positions_of_arguments(argnums: Any, expected: Any) -> None:
    def f(a: Any, b: Any, c: Any) -> Any:
        return a * b[0] * c["c"] * Value(1.0)

    args = (2.0, [3.0, 7.0], {"c": 5.0})
    assert grad(f, argnums)(*args) == expected
    assert value_and_grad(f, argnums)(*args) == (30.0, expected)
    assert jacobian(f, argnums)(*args) == expected
    assert hessian(f, argnums)(*args) == jacobian(grad(f, argnums), argnums)(*args)


def test_arguments_that_are_no_numbers_are_handed_on() -> None:
    def f(name: str, x: Any, *rest: Any, scale: Any = None, **more: Any) -> Any:
        assert (name, rest, more) == ("name", (None, "rest"), {"flag": True})
        return x * x * scale

    for transform in (grad, jacobian):
        assert transform(f, 1)("name", 3.0, None, "rest", scale=5, flag=True) == 30.0
    assert hessian(f, 1)("name", 3.0, None, "rest", scale=5, flag=True) == 10.0


def test_arrays_are_what_numpy_users_expect() -> None:
    rng = np.random.default_rng(0)
    matrix, vector = rng.normal(size=(3, 2)), rng.normal(size=2)

    def f(x: Any) -> Any:
        return np.tanh(matrix @ x)

    slopes = 1 / np.cosh(matrix @ vector) ** 2
    found = jacobian(f)(vector)
    assert found.dtype == float
    np.testing.assert_allclose(found, slopes[:, None] * matrix, rtol=1e-14)
    by_matrix = jacobian(lambda m: m @ vector)(matrix)
    np.testing.assert_array_equal(by_matrix, np.einsum("ik,j->ikj", np.eye(3), vector))
    quadratic = matrix.T @ matrix
    found = hessian(lambda x: x @ quadratic @ x)(vector)
    np.testing.assert_allclose(found, 2 * quadratic, rtol=1e-14)
    assert found.dtype == float
    assert grad(lambda x: (x**2).sum())(np.array([1, 2])).tolist() == [2.0, 4.0]
    zero_d = grad(lambda x: x * x)(np.array(3.0))
    assert isinstance(zero_d, np.ndarray)
    assert (zero_d.shape, zero_d[()]) == ((), 6.0)
    assert grad(lambda x: Value(0.0) + x.sum())(np.zeros((0, 2))).shape == (0, 2)
    assert jacobian(lambda x: x[:0])(vector).shape == (0, 2)


# --- Laws, to the bit on whole numbers ------------------------------------------------------------

small = st.integers(-3, 3).map(float)


def outputs(program: Program) -> Function:
    """All numbers of a program as a function of a list of its inputs."""
    return lambda xs: [x + Value(0.0) for x in program.run(by_operators, xs)]


def result(program: Program) -> Function:
    return lambda xs: outputs(program)(xs)[-1]


def vectors(data: st.DataObject, size: int) -> list[float]:
    return data.draw(st.lists(small, min_size=size, max_size=size))


def inner_product(a: Sequence[float], b: Sequence[float]) -> float:
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


@examples(60)
@given(whole_programs(), st.data())
def test_the_jacobian_is_one_matrix_however_it_is_found(
    program: Program, data: st.DataObject
) -> None:
    f, x = outputs(program), list(program.inputs)
    n, m = len(x), len(f(x))
    matrix = jacobian(f, mode="reverse")(x)
    assert jacobian(f, mode="forward")(x) == matrix
    assert jacobian(f)(x) == matrix
    unit = np.eye(max(n, m)).tolist()
    _, pullback = vjp(f, x)
    assert [pullback(unit[i][:m])[0] for i in range(m)] == matrix
    columns = [jvp(f, (x,), (unit[j][:n],))[1] for j in range(n)]
    assert [list(row) for row in zip(*columns, strict=True)] == matrix
    v, w = vectors(data, n), vectors(data, m)
    values, change = jvp(f, (x,), (v,))
    assert values == [y.data for y in f(x)]
    assert change == [inner_product(row, v) for row in matrix]
    (pulled,) = pullback(w)
    assert inner_product(w, change) == inner_product(pulled, v)


@examples(60)
@given(whole_programs(), st.data())
def test_both_products_are_linear(program: Program, data: st.DataObject) -> None:
    f, x = outputs(program), list(program.inputs)
    _, pullback = vjp(f, x)
    for product_with, size in (
        (lambda v: jvp(f, (x,), (v,))[1], len(x)),
        (lambda w: pullback(w)[0], len(f(x))),
    ):
        v, w = vectors(data, size), vectors(data, size)
        a, b = data.draw(small), data.draw(small)
        combined = product_with([a * p + b * q for p, q in zip(v, w, strict=True)])
        parts = zip(product_with(v), product_with(w), strict=True)
        assert combined == [a * p + b * q for p, q in parts]


@examples(60)
@given(whole_programs(), st.data())
def test_second_derivatives_are_one_symmetric_matrix_however_they_are_found(
    program: Program, data: st.DataObject
) -> None:
    f, x = result(program), list(program.inputs)
    matrix = hessian(f)(x)
    assert matrix == [list(row) for row in zip(*matrix, strict=True)]
    assert jacobian(grad(f), mode="reverse")(x) == matrix
    assert jacobian(grad(f), mode="forward")(x) == matrix
    assert jacobian(jacobian(f))(x) == matrix
    v = vectors(data, len(x))
    expected = [inner_product(row, v) for row in matrix]
    assert hvp(f, (x,), (v,)) == expected
    assert jvp(grad(f), (x,), (v,))[1] == expected
    assert grad(lambda x: dot(grad(f)(x), v) + Value(0.0))(x) == expected
    assert grad(lambda x: jvp(f, (x,), (v,))[1] + Value(0.0))(x) == expected
    along = taylor(lambda t: f([p + t * q for p, q in zip(x, v, strict=True)]), 0.0, 2)
    assert 2 * along[2] == inner_product(expected, v)


def test_third_derivatives_of_several_variables() -> None:
    def f(p: Sequence[Any]) -> Any:
        return p[0] ** 3 * p[1] ** 2 + p[0] * p[1]

    point = [2.0, 3.0]
    assert hessian(lambda p: grad(f)(p)[0])(point) == [[54.0, 72.0], [72.0, 24.0]]
    assert jacobian(hessian(f))(point)[0] == [[54.0, 72.0], [72.0, 24.0]]
    assert grad(lambda p: hvp(f, (p,), ([1.0, 0.0],))[1])(point) == [72.0, 24.0]
    assert hvp(lambda p: grad(f)(p)[1], (point,), ([1.0, 0.0],)) == [72.0, 24.0]


# --- Values from outside, primitives of a user ----------------------------------------------------


def test_a_gradient_penalty_trains_a_model() -> None:
    """The gradient by the weights of |df/dx|^2, against differences of it."""
    model = nn.MLP(2, [4, 3, 1], activation="tanh", rng=0)
    x = [0.5, -1.0]

    def penalty() -> Any:
        return sum((slope * slope for slope in grad(model)(x)), 0.0)

    found = gradients(penalty(), model.parameters())
    for parameter, slope in zip(model.parameters(), found, strict=True):
        middle, step = parameter.data, 1e-4
        values = []
        for parameter.data in (middle - step, middle + step):
            with no_grad():
                values.append(penalty())
        parameter.data = middle
        assert slope == pytest.approx((values[1] - values[0]) / (2 * step), rel=1e-6, abs=1e-8)
    assert any(found)
    assert all(parameter.grad == 0.0 for parameter in model.parameters())


@pytest.fixture
def cube() -> Iterator[Any]:
    @primitive(lambda g, y, x: g * 3 * x * x)
    def cube(x: float) -> float:
        return x**3

    yield cube
    del RULES["cube"]


def test_a_primitive_of_a_user_in_every_transform(cube: Any) -> None:
    for transform, expected in TRANSFORMS.values():
        assert transform(cube, 2.0) == expected


def test_an_argument_that_the_result_does_not_depend_on_has_a_derivative_of_zero() -> None:
    def f(x: Any, y: Any) -> Any:
        return x * x

    assert grad(f, (0, 1))(3.0, [1.0]) == (6.0, [0.0])
    assert hessian(f, (0, 1))(3.0, 1.0) == ((2.0, 0.0), (0.0, 0.0))
    assert jacobian(lambda x, y: [f(x, y), y], (0, 1))(3.0, 1.0) == [(6.0, 0.0), (0.0, 1.0)]
    assert jvp(f, (3.0, 1.0), (0.0, 1.0)) == (9.0, 0.0)


@modes_of[2]
def test_a_constant_derivative_within_a_derivative_is_no_lost_one(modes: Modes) -> None:
    """So no warning; in a suite that makes errors of warnings this would fail."""
    outer, inner = modes
    assert outer(lambda x: inner(lambda y: 2.0 * x + 3 * y)(1.0))(1.0) == 0.0
    assert outer(lambda x: inner(lambda y: 2.0 * x)(1.0))(1.0) == 0.0
    assert outer(lambda x: hessian(lambda y: 2.0 * x + 3 * y)(1.0))(1.0) == 0.0
    by_columns = outer(lambda x: jacobian(lambda y: 2.0 * x + 3 * y, mode="forward")(1.0))
    assert by_columns(1.0) == 0.0


CONSTANT: dict[str, Callable[[Function], Any]] = {
    "grad": lambda f: grad(f)(1.0),
    "value_and_grad": lambda f: value_and_grad(f)(1.0)[1],
    "vjp": lambda f: vjp(f, 1.0)[1](1.0)[0],
    "jvp": lambda f: jvp(f, (1.0,), (1.0,))[1],
    "jacobian": lambda f: jacobian(f)(1.0),
    "hessian": lambda f: hessian(f)(1.0),
    "hvp": lambda f: hvp(f, (1.0,), (1.0,)),
    "taylor": lambda f: taylor(f, 1.0, 1)[1],
}


@pytest.mark.parametrize("name", CONSTANT)
def test_a_plain_float_has_a_derivative_of_zero_and_a_warning_at_the_users_line(name: str) -> None:
    def lost(x: Any) -> Any:
        return math.sin(x.data)

    with pytest.warns(UserWarning) as caught:
        assert CONSTANT[name](lost) == 0.0
    (warning,) = caught
    assert ": lost gave a plain float, so its derivative is 0" in str(warning.message)
    assert "a function of math" in str(warning.message)
    assert warning.filename == __file__


# --- Threads, depth -------------------------------------------------------------------------------


def test_threads_differentiate_without_disturbing_each_other() -> None:
    def f(x: Any) -> Any:
        y = x
        for k in range(10):
            y = sin(y * x) + tanh(y - k) * cos(x)
        return y

    def work(x: float) -> list[Any]:
        return [
            grad(f)(x),
            grad(lambda y: y * jvp(f, (y * x,), (1.0,))[1])(x),
            hessian(f)(x),
            *taylor(f, x, 3),
        ]

    points = [0.1 * k for k in range(8)]
    expected = [work(x) for x in points]
    found: dict[int, list[Any]] = {}
    start = threading.Barrier(len(points))

    def thread(k: int) -> None:
        start.wait()
        for _ in range(3):
            if k % 2:
                with no_grad():
                    found[k] = work(points[k])
            else:
                found[k] = work(points[k])

    threads = [threading.Thread(target=thread, args=(k,)) for k in range(len(points))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [found[k] for k in range(len(points))] == expected


def test_what_the_argument_was_computed_from_is_not_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a loop of n derivatives, each at the result of the one before, would take n^2 steps."""
    walked: list[int] = []

    def watched(root: Any, known: Iterable[Any] = ()) -> list[Any]:
        order = topological_order(root, known)
        walked.append(len(order))
        return order

    monkeypatch.setattr(transforms, "topological_order", watched)
    x = Value(2.0)
    for _ in range(1000):
        x = x * 1.0
    for transform, _ in TRANSFORMS.values():
        transform(cubic, x)
    assert 0 < max(walked) < 50


def test_graphs_deeper_than_the_stack() -> None:
    """x / (1 + c x), n times, is x / (1 + n c x)."""
    n, c = 10_000, 2e-4

    def f(x: Any) -> Any:
        for _ in range(n):
            x = x / (1 + c * x)
        return x

    slope = 1 / (1 + n * c) ** 2
    curvature = -2 * n * c / (1 + n * c) ** 3
    assert grad(f)(1.0) == pytest.approx(slope, rel=1e-12)
    assert jvp(f, (1.0,), (1.0,))[1] == pytest.approx(slope, rel=1e-12)
    assert hessian(f)(1.0) == pytest.approx(curvature, rel=1e-11)
    assert jacobian(f, mode="forward")(1.0) == pytest.approx(slope, rel=1e-12)
