"""Derivatives that are known in closed form, from the literature of several fields."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from autograd_scalar import (
    cos,
    exp,
    grad,
    hessian,
    jacobian,
    jvp,
    log,
    normal_cdf,
    normal_pdf,
    prod,
    sin,
    sqrt,
    taylor,
)
from autograd_scalar.arithmetic import Arithmetic
from autograd_scalar.chain_rule import pullback
from autograd_scalar.primitives import RULES, Primitive
from tests.references import mp
from tests.strategies import Program, Step, by_functions, programs
from tests.sweeps import examples

Function = Callable[..., Any]


def forward(f: Function) -> Function:
    return lambda x: jvp(f, (x,), (1.0,))[1]


def without(xs: Sequence[float], *left_out: int) -> float:
    return math.prod(x for i, x in enumerate(xs) if i not in left_out)


# --- Speelpenning (1980): the product -------------------------------------------------------------


def in_a_loop(xs: Sequence[Any]) -> Any:
    y: Any = 1.0
    for x in xs:
        y = y * x
    return y


@pytest.mark.parametrize("f", [prod, in_a_loop])
@pytest.mark.parametrize(
    "xs",
    [[2.0, 3.0, 5.0, 7.0], [2.0, 0.0, 5.0, 7.0], [0.0, 3.0, 0.0, 7.0], [0.0, 0.0, 0.0, 1.0], [4.0]],
)
def test_speelpennings_product(f: Function, xs: list[float]) -> None:
    """Its derivative by one factor is the product of the others, also where factors are 0."""
    n = range(len(xs))
    assert grad(f)(xs) == [without(xs, i) for i in n]
    assert hessian(f)(xs) == [[without(xs, i, j) if i != j else 0.0 for j in n] for i in n]


# --- Rosenbrock (1960): the valley ----------------------------------------------------------------


def rosenbrock(xs: Sequence[Any]) -> Any:
    y: Any = 0.0
    for x, after in pairwise(xs):
        y = y + 100 * (after - x**2) ** 2 + (1 - x) ** 2
    return y


@pytest.mark.parametrize("n", [2, 3, 10])
def test_rosenbrocks_valley(n: int) -> None:
    x = np.linspace(-1.5, 2.0, n)
    gradient, matrix = np.zeros(n), np.zeros((n, n))
    for i in range(n - 1):
        gradient[i] += -400 * x[i] * (x[i + 1] - x[i] ** 2) - 2 * (1 - x[i])
        gradient[i + 1] += 200 * (x[i + 1] - x[i] ** 2)
        matrix[i, i] += 1200 * x[i] ** 2 - 400 * x[i + 1] + 2
        matrix[i + 1, i + 1] += 200
        matrix[i, i + 1] = matrix[i + 1, i] = -400 * x[i]
    np.testing.assert_allclose(grad(rosenbrock)(x), gradient, rtol=1e-12)
    np.testing.assert_allclose(hessian(rosenbrock)(x), matrix, rtol=1e-12)
    assert not grad(rosenbrock)(np.ones(n)).any()


# --- Black and Scholes (1973): the Greeks, from one price -----------------------------------------


def price(kind: int, s: Any, k: Any, t: Any, r: Any, v: Any) -> Any:
    """Of a European call (1) or put (-1): spot, strike, years, interest rate, volatility."""
    d1 = (log(s / k) + (r + v * v / 2) * t) / (v * sqrt(t))
    d2 = d1 - v * sqrt(t)
    return kind * (s * normal_cdf(kind * d1) - k * exp(-r * t) * normal_cdf(kind * d2))


def greeks(kind: int, s: float, k: float, t: float, r: float, v: float) -> dict[str, float]:
    """The closed forms (Hull, Options, Futures, and Other Derivatives, chapter 19)."""
    d1 = (math.log(s / k) + (r + v * v / 2) * t) / (v * math.sqrt(t))
    d2 = d1 - v * math.sqrt(t)
    decay = -s * normal_pdf(d1) * v / (2 * math.sqrt(t))
    discounted = k * math.exp(-r * t)
    return {
        "delta": kind * normal_cdf(kind * d1),
        "gamma": normal_pdf(d1) / (s * v * math.sqrt(t)),
        "vega": s * normal_pdf(d1) * math.sqrt(t),
        "theta": decay - kind * r * discounted * normal_cdf(kind * d2),
        "rho": kind * t * discounted * normal_cdf(kind * d2),
        "vanna": -normal_pdf(d1) * d2 / v,
        "volga": s * normal_pdf(d1) * math.sqrt(t) * d1 * d2 / v,
    }


@pytest.mark.parametrize("kind", [1, -1], ids=["call", "put"])
@pytest.mark.parametrize(("strike", "years"), [*product([80.0, 100.0, 130.0], [0.1, 1.0, 5.0])])
def test_the_greeks_of_black_and_scholes(kind: int, strike: float, years: float) -> None:
    market = (100.0, strike, years, 0.03, 0.25)
    by_s, by_t, by_r, by_v = grad(price, (1, 3, 4, 5))(kind, *market)
    (by_ss, by_sv), (by_vs, by_vv) = hessian(price, (1, 5))(kind, *market)
    found = {
        "delta": by_s,
        "gamma": by_ss,
        "vega": by_v,
        "theta": -by_t,  # as time passes, less of it is left
        "rho": by_r,
        "vanna": by_sv,
        "volga": by_vv,
    }
    assert found == pytest.approx(greeks(kind, *market), rel=1e-11, abs=1e-12)
    assert by_vs == pytest.approx(by_sv, rel=1e-13)
    assert grad(forward(lambda s: price(kind, s, *market[1:])))(100.0) == pytest.approx(by_ss)


def test_put_call_parity_holds_for_derivatives() -> None:
    """Call - put = s - k exp(-r t)."""
    market = (100.0, 110.0, 2.0, 0.05, 0.3)
    call, put = (grad(price, (1, 2, 3, 4, 5))(kind, *market) for kind in (1, -1))
    _, k, t, r, _ = market
    discount = math.exp(-r * t)
    expected = [1.0, -discount, k * r * discount, k * t * discount, 0.0]
    found = [c - p for c, p in zip(call, put, strict=True)]
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-12)


# --- Kepler (1609): where a planet is -------------------------------------------------------------


def eccentric_anomaly(m: Any, e: Any) -> Any:
    """E with E - e sin E = m, by Newton's method."""
    x: Any = m + e * sin(m)
    for _ in range(8):
        x = x - (x - e * sin(x) - m) / (1 - e * cos(x))
    return x


@pytest.mark.parametrize("m", [0.3, 1.5, 2.9])
@pytest.mark.parametrize("e", [0.02, 0.4, 0.8])
def test_keplers_equation_differentiated_through_newtons_method(m: float, e: float) -> None:
    """dE/dm = 1/(1 - e cos E) and dE/de = sin E/(1 - e cos E), by the implicit function theorem."""
    x = eccentric_anomaly(m, e)
    sine, cosine = math.sin(x), math.cos(x)
    q = 1 - e * cosine
    assert x - e * sine == pytest.approx(m, rel=1e-14)
    first = (1 / q, sine / q)
    by_m_e = cosine / q**2 - e * sine**2 / q**3
    second = (
        (-e * sine / q**3, by_m_e),
        (by_m_e, 2 * sine * cosine / q**2 - e * sine**3 / q**3),
    )
    assert grad(eccentric_anomaly, (0, 1))(m, e) == pytest.approx(first, rel=1e-12)
    found = hessian(eccentric_anomaly, (0, 1))(m, e)
    for row, expected in zip(found, second, strict=True):
        assert row == pytest.approx(expected, rel=1e-10)
    along = taylor(lambda t: eccentric_anomaly(m + t, e), 0.0, 2)
    assert along == pytest.approx([x, first[0], second[0][0] / 2], rel=1e-11)


# --- Bessel (1824): a series, and the equation that it solves -------------------------------------


def bessel(n: int) -> Function:
    """J_n(x) by its power series, sum over k of (-1)^k (x/2)^(2k+n) / (k! (k+n)!)."""

    def j(x: Any) -> Any:
        half = x / 2
        term = half**n / math.factorial(n)
        total = term
        for k in range(1, 30):
            term = -term * half * half / (k * (k + n))
            total = total + term
        return total

    return j


@pytest.mark.parametrize("x", [0.1, 1.0, 2.5, 5.0])
@pytest.mark.parametrize(("outer", "inner"), [*product([grad, forward], repeat=2)])
def test_bessels_functions_solve_bessels_equation(x: float, outer: Any, inner: Any) -> None:
    """x^2 y'' + x y' + (x^2 - n^2) y = 0, J0' = -J1 and 2 Jn' = J(n-1) - J(n+1)."""
    assert outer(bessel(0))(x) == pytest.approx(-bessel(1)(x), abs=1e-14)
    for n in range(4):
        y = bessel(n)
        terms = (x * x * outer(inner(y))(x), x * inner(y)(x), (x * x - n * n) * y(x))
        assert math.fsum(terms) == pytest.approx(
            0.0, abs=1e-13 * math.fsum(map(abs, terms)) + 1e-13
        )
        if n:
            expected = bessel(n - 1)(x) - bessel(n + 1)(x)
            assert 2 * outer(y)(x) == pytest.approx(expected, abs=1e-14)


# --- Runge and Kutta (1901): a step and its variational equation ----------------------------------


def pendulum(state: Sequence[Any]) -> list[Any]:
    angle, speed = state
    return [speed, -9.81 * sin(angle) - 0.1 * speed]


def pendulum_slopes(state: Sequence[float]) -> Any:
    return np.array([[0.0, 1.0], [-9.81 * math.cos(state[0]), -0.1]])


def lorenz(state: Sequence[Any]) -> list[Any]:
    x, y, z = state
    return [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z]


def lorenz_slopes(state: Sequence[float]) -> Any:
    x, y, z = state
    return np.array([[-10.0, 10.0, 0.0], [28 - z, -1.0, -x], [y, x, -8 / 3]])


def rk4(f: Function, state: Any, h: float) -> Any:
    def ahead(slope: Any, by: float) -> Any:
        return [x + by * k for x, k in zip(state, slope, strict=True)]

    a = f(state)
    b = f(ahead(a, h / 2))
    c = f(ahead(b, h / 2))
    d = f(ahead(c, h))
    return [
        x + h / 6 * (ka + 2 * kb + 2 * kc + kd)
        for x, ka, kb, kc, kd in zip(state, a, b, c, d, strict=True)
    ]


@pytest.mark.parametrize(
    ("f", "slopes", "state"),
    [(pendulum, pendulum_slopes, [0.7, -0.4]), (lorenz, lorenz_slopes, [1.0, 2.0, 20.0])],
    ids=["pendulum", "lorenz"],
)
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_the_jacobian_of_a_step_is_the_step_of_the_variational_equation(
    f: Function, slopes: Function, state: list[float], mode: str
) -> None:
    """A Runge-Kutta step commutes with differentiation (Hairer, Norsett, Wanner 1993, I.14)."""
    n, h = len(state), 0.01

    def both(packed: Sequence[Any]) -> list[Any]:
        """The state and the derivative of it by where it began: M' = f'(x) M."""
        x = list(packed[:n])
        return [*f(x), *(slopes(x) @ np.reshape(packed[n:], (n, n))).ravel()]

    packed = rk4(both, [*state, *np.eye(n).ravel()], h)
    expected = np.reshape(packed[n:], (n, n))
    found = jacobian(lambda x: rk4(f, x, h), mode=mode)(state)
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-16)


# --- Faa di Bruno (1855): high derivatives of a composition ---------------------------------------


def test_derivatives_of_exp_of_sin() -> None:
    x = 0.7
    with mp.workdps(60):
        expected = [mp.diff(lambda x: mp.exp(mp.sin(x)), x, n) for n in range(11)]
    coefficients = taylor(lambda x: exp(sin(x)), x, 10)
    for n, (coefficient, exact) in enumerate(zip(coefficients, expected, strict=True)):
        assert abs(coefficient * math.factorial(n) - exact) <= 1e-13 * (abs(exact) + 1)
    for modes in ([grad] * 5, [forward] * 5, [grad, forward] * 2):
        f: Function = lambda x: exp(sin(x))  # noqa: E731
        for n, mode in enumerate(modes, 1):
            f = mode(f)
            assert abs(f(x) - expected[n]) <= 1e-13 * (abs(expected[n]) + 1)


# --- Griewank (1989): gradients are cheap ---------------------------------------------------------
#
# The cost model is that of Griewank and Walther (2008, sections 2.5, 3.4 and 4.6): an addition, a
# multiplication and an access to memory cost 1 each, any other operation more (they ask for 2 at
# least; 4 is a division's latency by a multiplication's). What a rule computes is counted as it
# runs. Accesses are those of their table: an operation fetches its operands and stores its result;
# on the way back it fetches its gradient and the operands that it needs, sets that gradient to 0,
# and adds to the gradient of each operand, which is an addition, a fetch and a store.

LINEAR = ("+", "-", "neg", "fsum")  # these rules need no operands
ONCE = ("+", "-", "*", "neg", "relu")
CLASSICAL = (
    *("+", "-", "*", "/", "neg", "relu", "dot", "fsum"),
    *("exp", "log", "sin", "cos", "sqrt", "tanh", "sigmoid", "expm1", "log1p", "sinh", "cosh"),
)


def cost(name: str, operands: int) -> int:
    """Of an operation on numbers in registers."""
    if name in ("dot", "fsum", "prod"):
        return operands - 1
    if name == "where":  # choices are not counted
        return 0
    return 1 if name in ONCE else 4


class Counted(Arithmetic):
    """A float that counts what is computed with it and its like."""

    total = 0

    def __init__(self, data: float) -> None:
        self._data = data

    @property
    def data(self) -> float:
        return self._data

    @classmethod
    def __primitive__(cls, primitive: Primitive, operands: tuple[Any, ...]) -> Any:
        Counted.total += cost(primitive.name, len(operands))
        numbers = [o.data if isinstance(o, Counted) else float(o) for o in operands]
        return cls(primitive.function(*numbers))


def cost_of(program: Program) -> tuple[int, int]:
    """Of the result, and of the result with its gradient."""
    Counted.total = accesses = 0
    numbers = program.run(by_functions, [Counted(x) for x in program.inputs])
    for step in program.steps:
        accesses += len(step.operands) + 1
    forwards = Counted.total + accesses
    gradient: dict[int, Any] = {len(numbers) - 1: Counted(1.0)}
    for i in reversed(range(len(program.inputs), len(numbers))):
        if i not in gradient:
            continue
        step = program.steps[i - len(program.inputs)]
        xs = [numbers[o] if isinstance(o, int) else o for o in step.operands]
        places = [k for k, o in enumerate(step.operands) if isinstance(o, int)]
        accesses += 2 + 2 * len(places) + (0 if step.name in LINEAR else len(xs))
        received = pullback(RULES[step.name], gradient.pop(i), numbers[i], xs, places)
        for k, contribution in zip(places, received, strict=True):
            o = step.operands[k]
            gradient[o] = gradient.get(o, Counted(0.0)) + contribution
    return forwards, Counted.total + accesses


@pytest.mark.parametrize(
    ("names", "bound"),
    # The product of all but one, for each, and an arctangent's slope that never overflows cost
    # more than the shortest formulas would.
    [(CLASSICAL, 4), ((*CLASSICAL, "prod", "atan"), 5)],
    ids=["classical", "all"],
)
def test_a_gradient_costs_at_most_four_times_the_function(names: Sequence[str], bound: int) -> None:
    ratios: list[float] = []

    @examples(200)
    @given(programs([RULES[name] for name in names]))
    def check(program: Program) -> None:
        forwards, both = cost_of(program)
        assert both <= bound * forwards, f"{both} operations, not {forwards}, for\n{program}"
        ratios.append(both / forwards)

    check()
    assert max(ratios) > bound - 2  # and not much less


@pytest.mark.parametrize("n", [1, 10, 1000])
def test_the_bound_does_not_depend_on_the_number_of_variables(n: int) -> None:
    """Speelpenning's product of n numbers, one by one: n derivatives for the price of four."""
    steps = tuple(Step("*", (n + k if k else 0, k + 1)) for k in range(n))
    forwards, both = cost_of(Program((1.0,) * (n + 1), steps))
    assert 3 * forwards < both <= 4 * forwards
