"""The rules where floats are hard: infinities and nan, the far ends of the range, kinks."""

import math
from itertools import product
from math import inf, nan
from typing import Any

import numpy as np
import pytest

from autograd_scalar import Value, log, log_softmax, softmax, sqrt, where
from autograd_scalar.primitives import RULES, Primitive
from autograd_scalar.rules import Double
from tests import accuracy
from tests.references import IN_NUMPY, derivative_in_mpmath, in_mpmath, mp, ulps
from tests.sweeps import gradients, rule, same, sweep

LARGEST, SMALLEST = 1.7976931348623157e308, 5e-324
SPECIAL = [0.0, -0.0, inf, -inf, nan, SMALLEST, -SMALLEST, LARGEST, -LARGEST]
PLAIN = [1.0, -1.0, 2.0, 0.5, -0.5, 3.0, 1e17, 1e-300, -1e200, 171.0, 710.0, -746.0]


def special_operands(primitive: Primitive) -> list[tuple[float, ...]]:
    """Everything in every place, for as many operands as that takes no seconds."""
    all_ = SPECIAL + PLAIN
    some = [[], all_, all_, [*SPECIAL, 1.0, -2.0], [0.0, inf, -inf, nan, LARGEST]]
    return [
        xs
        for count in ((1, 2, 3, 4) if primitive.name != "dot" else (2, 4))
        if primitive.variadic or count == primitive.arity
        for xs in product(some[count], repeat=count)
    ]


# --- IEEE 754 -------------------------------------------------------------------------------------


@sweep
def test_nothing_raises_whatever_the_numbers(primitive: Primitive) -> None:
    for xs in special_operands(primitive):
        result = primitive(*xs)
        assert type(result) is float, xs
        values = [Value(x) for x in xs]
        node = primitive(*values)
        assert same(node.data, result), xs
        node.backward()
        on_doubles = rule(primitive, Double(1.0), Double(result), *map(Double, xs))
        for value, contribution in zip(values, on_doubles, strict=True):
            assert type(value.grad) in (float, Double), xs
            assert same(value.grad, contribution), xs


@sweep
def test_nothing_raises_in_derivatives_of_derivatives(primitive: Primitive) -> None:
    for xs in special_operands(primitive)[:700]:
        values = [Value(x) for x in xs]
        for first in rule(primitive, Value(1.0), primitive(*values), *values):
            if isinstance(first, Value):
                first.backward()
            assert type(getattr(first, "data", first)) is float, xs
        assert all(type(value.grad) in (float, Double) for value in values), xs


# NumPy's own choice: max(0.0, -0.0) depends on the processor, its sign(-0.0) is 0.0, C's sqrt and
# pow differ about -0.0 ** 0.5.
ZEROS_OF_ANY_SIGN = {"maximum", "minimum", "clamp", "relu", "sign", "**", "fsum"}


@sweep
def test_results_are_those_of_numpy(primitive: Primitive) -> None:
    """nan where NumPy has nan, and elsewhere the same to 4 units in the last place."""
    if primitive.name not in IN_NUMPY:
        return
    for xs in special_operands(primitive):
        if primitive.variadic and len(xs) > 2:
            continue
        with np.errstate(all="ignore"):
            expected = float(IN_NUMPY[primitive.name](*xs))
        found = primitive(*xs)
        close = math.isfinite(expected) and abs(found - expected) <= 4 * math.ulp(expected)
        assert same(found, expected) or close, f"{primitive.name}{xs} is {expected}, not {found}"
        if expected == 0 and primitive.name not in ZEROS_OF_ANY_SIGN:
            assert math.copysign(1, found) == math.copysign(1, expected), (
                f"{primitive.name}{xs} is {expected}, not {found}"
            )


@sweep
def test_an_upstream_gradient_of_zero_contributes_nothing(primitive: Primitive) -> None:
    for xs in special_operands(primitive):
        values = [Value(x) for x in xs]
        (0.0 * primitive(*values)).backward()
        assert all(value.grad == 0 for value in values), xs


# --- The branch not taken -------------------------------------------------------------------------


@sweep
def test_the_branch_that_where_does_not_take_never_leaks(primitive: Primitive) -> None:
    for xs in special_operands(primitive):
        values = [Value(x) for x in xs]
        x, other = Value(2.0), Value(3.0)
        not_taken = primitive(*values)
        inner = where(False, not_taken, x)
        result = where(True, inner * inner, not_taken * other)
        assert result.data == 4.0
        result.backward()
        assert x.grad == 4.0
        assert all(value.grad == 0 for value in [other, *values]), xs


@pytest.mark.parametrize("number", [-1.0, 0.0])
def test_where_needs_no_second_where_around_the_operand(number: float) -> None:
    """As users write it; in JAX the gradients are nan (its issues 347, 1052 and 5798)."""
    x = Value(number)
    (where(x > 0, log(x), 0.0) + where(x > 0, sqrt(x) / x, x * x)).backward()
    assert x.grad == 2 * number


# --- Derivatives that others round to nothing -----------------------------------------------------

JUST_BELOW_1 = math.nextafter(1.0, 0.0)
JUST_ABOVE_1 = math.nextafter(1.0, 2.0)
FAR: dict[str, list[Any]] = {
    "/": [(1e-300, 1e-200), (1e300, 1e300), (1.0, 1e200), (1e-300, 1e300)],
    "**": [
        (2.0, -1000.0),
        (1e-300, 1.01),
        (JUST_ABOVE_1, 1e17),
        (1e200, -1.0),
        (1e-200, 1e-200),
        (1e-310, 1e-310),
        (1e-98, -1.8604219828118136),
        (1e-300, 0.1),
        (1e308, -0.3),
        (203.9425848872653, -137.07961677701505),
        (1.1, -7750.0),
        (1e-300, 1.07),
        (1e70, 4.5),
    ],
    "exp": [-745.0, -700.0, 709.0, 1e-300],
    "expm1": [1e-20, -1e-20, -40.0, -700.0, 709.0],
    "exp2": [-1073.0, 1023.0, 1e-20],
    "log": [SMALLEST * 2**52, 1e-308, JUST_BELOW_1, 1e308],
    "log1p": [1e-20, -JUST_BELOW_1, -1e-300, 1e300],
    "log2": [1e-308, 9e-309, JUST_ABOVE_1, 1e308],
    "log10": [1e-308, 3e-309, JUST_ABOVE_1, 1e308],
    "sqrt": [SMALLEST, 1e-310, LARGEST],
    "cbrt": [SMALLEST, -1e-200, LARGEST, 9.999999999999999e49, 8.012460959574558e-138],
    "sin": [1e22, 1e-300, math.pi],
    "cos": [1e22, 1e-300, math.pi / 2],
    "tan": [1e22, math.pi / 2, 1e-300],
    "asin": [JUST_BELOW_1, -JUST_BELOW_1, 1e-300],
    "acos": [JUST_BELOW_1, -JUST_BELOW_1, 1e-300],
    "atan": [1e160, -1e155, 1e-200, 1e8],
    "atan2": [(1e200, 1e200), (1e-200, 1e-200), (1e-200, 1e100), (1.0, -1e150), (LARGEST, LARGEST)],
    "sinh": [1e-20, 700.0, -710.0],
    "cosh": [1e-20, 700.0, -710.0],
    "tanh": [19.0, -19.0, 300.0, -350.0, 370.0, 1e-200, LARGEST],
    "asinh": [1e200, -1e300, 1e-200],
    "acosh": [JUST_ABOVE_1, 1.0 + 1e-10, 1e200],
    "atanh": [JUST_BELOW_1, -JUST_BELOW_1, 1e-200],
    "hypot": [
        (1e200, 1e200),
        (1e-200, 1e-200),
        (3e-300, 4e-300),
        (1e300, 1e-300),
        (0.0, 1e-310),
        (LARGEST, LARGEST),
        (SMALLEST, SMALLEST),
    ],
    "sigmoid": [37.0, -37.0, 40.0, 700.0, -700.0, 745.0, -745.0],
    "softplus": [40.0, -40.0, 700.0, -700.0, -745.0, 1e300],
    "logistic_pdf": [-745.0, 700.0, 1e-300, 0.0, 37.0],
    "gelu": [-5.0, -10.0, -30.0, -37.0, -38.1, -38.4, 30.0, 1e-300, LARGEST],
    "silu": [-40.0, -700.0, -720.0, -745.0, -750.0, 40.0, 1e300, 1e-300, LARGEST],
    "elu": [(-40.0, 2.0), (-1e-20, 2.0), (-1000.0, 2.0), (-745.0, 1e300)],
    "gaussian": [6.0, 20.0, -26.0, 26.8, -27.2, 1e-200],
    "erf": [6.0, -6.0, 20.0, 26.0, 1e-300],
    "erfc": [6.0, 20.0, 26.0, -6.0, 1e-300],
    "normal_pdf": [10.0, 30.0, -37.0, -38.0, 38.5, 1e-200],
    "normal_cdf": [-10.0, -30.0, -37.0, 10.0, 30.0, 1e-200],
    "lgamma": [1e-300, 1e-10, 1e10, 1e300, JUST_BELOW_1, JUST_ABOVE_1, 1.46163, 2.0, 2.3],
    "digamma": [1e-150, 1e-10, 1e10, 1e300, -1e-10, -2.5, 1.4616321449683622, 2.0, LARGEST],
    "polygamma": [
        (0.0, -1e-200),
        (1.0, -1e-200),
        (2.0, -1e-200),
        (1.0, -SMALLEST),
        (1.0, 1e-100),
        (1.0, 1e10),
        (3.0, 1e-50),
        (2.0, 1e100),
        (4.0, 100.0),
        (170.0, 430.0),
    ],
    "prod": [(0.0, 1e200, 1e100), (1e-200, 1e200, 1e-100), (1.1e-200, 1.3e-123, 1.7e150)],
    "mean": [(LARGEST, LARGEST), (1e308, -1e308, 1.0)],
    "norm": [(1e200, 1e200), (1e-200, 1e-200, 1e-200), (3e-300, 4e-300), (SMALLEST, SMALLEST)],
    "logsumexp": [
        (0.0, -50.0),
        (0.0, 800.0),
        (1000.0, 1000.0),
        (-1000.0, -1001.0),
        (1e300, 1e300),
        (700.0, -40.0),
        (-0.0022290184060503844, -448.62796883400705),
        (-350.0, -0.46599785197984467, 16.162549511096252),
    ],
}

# Second derivatives by the first operand twice: to 16 units in the last place.
FAR_TWICE: dict[str, list[Any]] = {
    "**": [(203.9425848872653, -137.07961677701505), (1e-188, -0.1), (1e75, -0.64), (1e-60, 1.7)],
    "cbrt": [8.012460959574558e-138, 1e-200],
    "asin": [1e-200, 1e-8, -0.3, 0.5, JUST_BELOW_1],
    "acos": [1e-200, 1e-8, -0.3, 0.5, JUST_BELOW_1],
    "atanh": [1e-200, 1e-8, -0.3, 0.5, JUST_BELOW_1],
    "tanh": [1e-200, 1e-8, 0.3, 240.0, -350.0, LARGEST],
    "sigmoid": [1e-200, 1e-8, -0.3, 480.0, -700.0, LARGEST],
    "softplus": [1e-200, -480.0, 700.0],
    "logistic_pdf": [0.0, 1e-8, -700.0, 740.0],
    "gelu": [-38.1, 37.0, LARGEST],
    "silu": [-745.0, 700.0, 745.0, LARGEST],
    "gaussian": [26.8, LARGEST],
    "normal_pdf": [-38.0, LARGEST],
    "erf": [26.8, LARGEST],
    "logsumexp": [(-0.0022290184060503844, -448.62796883400705), (800.0, 0.0)],
}


@pytest.mark.parametrize("name", FAR)
def test_far_out_results_are_right_to_4_and_derivatives_to_8_units_in_the_last_place(
    name: str,
) -> None:
    wrong = []
    for row in FAR[name]:
        xs = row if isinstance(row, tuple) else (row,)
        places = range(len(xs)) if name != "polygamma" else [1]
        with mp.workdps(1000 if name not in ("digamma", "polygamma", "lgamma") else 500):
            off = ulps(RULES[name](*xs), in_mpmath(name, xs))
            if off > 4:
                wrong.append(f"{name}{xs} is off by {off:.3g} units in the last place")
            for i in places:
                exact = derivative_in_mpmath(name, xs, i, mp.dps)
                found = gradients(RULES[name], xs, 1.0)[i]
                off = ulps(found, exact)
                if off > 8:
                    wrong.append(
                        f"the derivative of {name}{xs} by operand {i} is "
                        f"{mp.nstr(exact, 17)}, not {found!r}: off by {off:.3g} units"
                    )
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", FAR_TWICE)
def test_far_out_second_derivatives_are_right_to_16_units_in_the_last_place(name: str) -> None:
    for row in FAR_TWICE[name]:
        xs = row if isinstance(row, tuple) else (row,)
        second = (0, 0)
        found = accuracy.computed(RULES[name], xs)[second]
        exact = accuracy.exact(name, xs)[second]
        assert accuracy.error(name, second, xs, found, exact) <= 16, (xs, found, exact)


@pytest.mark.parametrize(
    ("name", "x", "result", "derivative"),
    [
        ("silu", inf, inf, 1.0),
        ("silu", -inf, 0.0, 0.0),
        ("gelu", inf, inf, 1.0),
        ("gelu", -inf, 0.0, 0.0),
        *[(name, x, 0.0, 0.0) for name in ("gaussian", "normal_pdf") for x in (inf, -inf)],
        *[("logistic_pdf", x, 0.0, 0.0) for x in (inf, -inf)],
        *[("tanh", x, math.copysign(1.0, x), 0.0) for x in (inf, -inf)],
        ("sigmoid", inf, 1.0, 0.0),
        ("sigmoid", -inf, 0.0, 0.0),
    ],
)
def test_at_infinity_results_and_both_derivatives_are_their_limits(
    name: str, x: float, result: float, derivative: float
) -> None:
    found = accuracy.computed(RULES[name], (x,))
    assert found == {(): result, (0,): derivative, (0, 0): 0.0}


@pytest.mark.parametrize(
    ("xs", "weights"),
    [((inf, 0.0), (1.0, 0.0)), ((-inf, 0.0), (0.0, 1.0)), ((-inf, 0.0, 0.0), (0.0, 0.5, 0.5))],
)
def test_an_infinite_operand_of_logsumexp_takes_all_or_nothing(
    xs: tuple[float, ...], weights: tuple[float, ...]
) -> None:
    assert tuple(gradients(RULES["logsumexp"], xs, 1.0)) == weights


@pytest.mark.parametrize("xs", [(1000.0, 999.0, 0.0), (1e300, -1e300), (-745.0, 0.0), (0.0, -37.0)])
def test_softmax_and_its_derivatives_are_right_however_large_the_operands(
    xs: tuple[float, ...],
) -> None:
    with mp.workdps(1000):
        weights = [mp.exp(mp.mpf(x) - max(xs)) for x in xs]
        exact = [w / mp.fsum(weights) for w in weights]
    for i, p in enumerate(exact):
        values = [Value(x) for x in xs]
        probability = softmax(values)[i]
        probability.backward()
        assert ulps(probability.data, p) <= 8
        assert ulps(log_softmax(xs)[i], mp.log(p)) <= 8
        for j, value in enumerate(values):
            if i != j:  # p_i * (1 - p_i) comes as a difference of two
                assert ulps(value.grad, -p * exact[j]) <= 8
            else:
                assert abs(value.grad - p * (1 - p)) <= 4 * math.ulp(1.0) * p + SMALLEST


# --- Kinks ----------------------------------------------------------------------------------------

# What each operand gets of an upstream gradient of 1, at a point where that is a convention; None
# where there is none.
CONVENTIONS: list[tuple[str, tuple[float, ...], float, tuple[float | None, ...]]] = [
    ("relu", (0.0,), 0.0, (0.0,)),
    ("leaky_relu", (0.0, 0.25), 0.0, (0.25, 0.0)),
    ("elu", (0.0, 0.25), 0.0, (0.25, 0.0)),
    ("abs", (0.0,), 0.0, (0.0,)),
    *[("sign", (x,), x, (0.0,)) for x in (-1.0, 0.0, 1.0)],
    *[(name, (x,), x, (0.0,)) for name in ("floor", "ceil") for x in (-1.0, 0.0, 1.0)],
    *[("//", (x, 2.0), x // 2, (0.0, 0.0)) for x in (-2.0, 0.0, 1.0, 4.0)],
    *[("%", (x, 2.0), 0.0, (1.0, -x / 2)) for x in (-2.0, 0.0, 4.0)],
    *[("maximum", (x, x), x, (0.5, 0.5)) for x in (-1.0, 0.0, 1.0, inf, -inf)],
    *[("minimum", (x, x), x, (0.5, 0.5)) for x in (-1.0, 0.0, 1.0, inf, -inf)],
    ("clamp", (-1.0, -1.0, 1.0), -1.0, (1.0, 0.0, 0.0)),
    ("clamp", (1.0, -1.0, 1.0), 1.0, (1.0, 0.0, 0.0)),
    ("clamp", (1.0, 1.0, 1.0), 1.0, (1.0, 0.0, 0.0)),
    ("clamp", (-1.0, 1.0, 1.0), 1.0, (0.0, 1.0, 0.0)),
    ("clamp", (2.0, 1.0, 1.0), 1.0, (0.0, 0.0, 1.0)),
    ("clamp", (-1.0, 1.0, 0.0), 0.0, (0.0, 0.0, 1.0)),
    *[("**", (0.0, n), 0.0, (0.0, 0.0)) for n in (2.0, 3.0, 1.5, 400.0, 4.5)],
    *[("**", (0.0, n), 0.0, (inf, 0.0)) for n in (0.3, 1e-300)],
    ("**", (0.0, 1.0), 0.0, (1.0, 0.0)),
    ("**", (0.0, 0.5), 0.0, (inf, 0.0)),
    ("**", (0.0, 0.0), 1.0, (0.0, 0.0)),
    ("**", (0.0, -1.0), inf, (-inf, -inf)),
    ("**", (0.0, inf), 0.0, (None, 0.0)),
    ("**", (-3.6400988540347246e295, -1.0), -2.747178140207894e-296, (0.0, None)),
    *[("**", (x, nan), nan, (nan, nan)) for x in (0.0, 0.5)],
    *[(name, (nan, 1.0), nan, (nan, nan)) for name in ("hypot", "norm")],
    *[("**", (x, 0.0), 1.0, (0.0, math.log(x))) for x in (0.5, 1.0, 1e200, 1e-200)],
    *[("**", (x, 0.0), 1.0, (0.0, None)) for x in (-2.0, -inf, inf)],
    *[("detach", (x,), x, (0.0,)) for x in (-1.0, 0.0, inf)],
    *[("where", (c, 2.0, 3.0), 2.0, (0.0, 1.0, 0.0)) for c in (1.0, -1.0, 0.5, inf)],
    *[("where", (c, 2.0, 3.0), 3.0, (0.0, 0.0, 1.0)) for c in (0.0, -0.0)],
    *[("<", (x, x), 0.0, (0.0, 0.0)) for x in (-1.0, 0.0, inf)],
    *[("<=", (x, x), 1.0, (0.0, 0.0)) for x in (-1.0, 0.0, inf)],
    *[("pick", (i, 2.0, 3.0), 2.0 + i, (0.0, 1.0 - i, i)) for i in (0.0, 1.0)],
    *[("pick", (i, 2.0, 3.0), nan, (0.0, 0.0, 0.0)) for i in (-1.0, 0.5, 2.0, nan, inf)],
    ("hypot", (0.0, 0.0), 0.0, (0.0, 0.0)),
    ("norm", (0.0, 0.0, 0.0), 0.0, (0.0, 0.0, 0.0)),
    ("prod", (0.0, 2.0, 3.0), 0.0, (6.0, 0.0, 0.0)),
    ("prod", (0.0, 0.0, 3.0), 0.0, (0.0, 0.0, 0.0)),
    ("sqrt", (0.0,), 0.0, (inf,)),
    ("cbrt", (0.0,), 0.0, (inf,)),
    ("log", (0.0,), -inf, (inf,)),
    ("/", (1.0, 0.0), inf, (inf, -inf)),
    *[("polygamma", (n, 1.5), RULES["polygamma"](n, 1.5), (nan, None)) for n in (0.0, 1.0)],
]


@pytest.mark.parametrize("row", CONVENTIONS, ids=lambda row: f"{RULES[row[0]].__name__}{row[1]}")
def test_at_a_kink_the_derivative_is_what_is_agreed(row: tuple[Any, ...]) -> None:
    name, xs, result, derivatives = row
    assert same(RULES[name](*xs), result)
    for seed in (1.0, -2.0):
        for found, expected in zip(gradients(RULES[name], xs, seed), derivatives, strict=True):
            assert expected is None or same(found, seed * expected)


@pytest.mark.parametrize("name", ["maximum", "minimum", "clamp"])
def test_the_derivatives_of_a_choice_add_up_to_one(name: str) -> None:
    """What is chosen moves as its operands do together, at ties too."""
    for xs in product((-1.0, 0.0, 1.0, 2.0), repeat=RULES[name].arity):
        assert sum(gradients(RULES[name], xs, 1.0)) == 1.0, xs


@pytest.mark.parametrize("name", ["**"])
@pytest.mark.parametrize("x", [0.5, 2.0, 1e100, 1e-100])
def test_at_an_exponent_of_zero_the_derivative_still_knows_where_it_goes(
    name: str, x: float
) -> None:
    """d(x**n)/dx = n * x**(n-1) is 0 at n = 0, and grows with n by 1/x from there."""
    operands = base, exponent = Value(x), Value(0.0)
    by_base, by_exponent = rule(RULES[name], Value(1.0), base**exponent, *operands)
    by_base.backward()
    assert (by_base.data, base.grad) == (0.0, 0.0)
    assert exponent.grad == pytest.approx(1 / x, rel=1e-15)
    base.grad = exponent.grad = 0.0
    by_exponent.backward()
    assert base.grad == pytest.approx(1 / x, rel=1e-15)
    assert exponent.grad == pytest.approx(math.log(x) ** 2, rel=1e-15)


def test_the_tables_above_speak_of_primitives_that_exist() -> None:
    assert {*RULES} >= {*FAR} | {row[0] for row in CONVENTIONS}
