"""``check_gradients``: what it proves, what it says, and what it refuses."""

import math
import random
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd_scalar import (
    Value,
    acos,
    atanh,
    cbrt,
    cos,
    exp,
    floor,
    fsum,
    gaussian,
    lgamma,
    log,
    maximum,
    mean,
    norm,
    normal_cdf,
    prod,
    relu,
    sign,
    sin,
    sqrt,
)
from autograd_scalar.primitives import Primitive
from autograd_scalar.testing import GradientReport, check_gradients
from autograd_scalar.testing.strategies import expressions, mlps
from tests.sweeps import examples


def ricker(t: Any) -> Any:
    return (1 - t * t) * exp(-t * t / 2)


def sum_with_acos(x: Any) -> Any:
    return fsum([acos(x), x])


def doubled_sine() -> Primitive:
    """A sine whose derivative is twice the cosine."""
    from autograd_scalar import cos

    return Primitive("wrong sine", lambda x: math.sin(x), (lambda g, y, x: 2 * g * cos(x),))


def message(f: Callable[..., Any], *args: Any, **options: Any) -> str:
    with pytest.raises(AssertionError) as caught:
        check_gradients(f, *args, **options)
    return str(caught.value)


# --- What is right passes -------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_every_order_up_to_the_one_asked_for_is_compared_in_all_modes(order: int) -> None:
    report = check_gradients(ricker, 0.75, order=order)
    assert report.orders == tuple(range(1, order + 1))
    for k in report.orders:
        modes = {c.modes for c in report.comparisons if c.order == k}
        assert len(modes) == 2**k
        assert report.worst_error(k) < 1e-9
    assert not report.kinks + report.unclear + report.wrong


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (lambda p: p["w"][0] * sin(p["w"][1]) + p["b"], ({"w": [1.0, 2.0], "b": 3.0},)),
        (
            lambda W, x: (W @ x).sum(),
            (np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.1, 0.2])),
        ),
        (lambda x, y: (x * y, [x / y]), (2.0, 3.0)),
        (lambda x: {"a": x[0] ** 3, "b": np.array([x[1], x[0] * x[1]])}, ((1.0, 2),)),
        (lambda xs: mean(x * x for x in xs), ([float(k) for k in range(150)],)),
        (lambda x: 5.0, (1.0,)),
        (lambda x, y: x, (1.0, 2.0)),
    ],
)
def test_any_nesting_of_arguments_and_results(f: Callable[..., Any], args: tuple[Any, ...]) -> None:
    report = check_gradients(f, *args)
    assert report.orders == (1, 2)
    assert not report.kinks + report.unclear


@pytest.mark.parametrize("x", [1e-300, 1e-9, 1e9, 1e200])
def test_numbers_of_any_size(x: float) -> None:
    for f in (sqrt, log, cbrt, lambda x: x**0.25, lambda x: 3 * x):
        assert check_gradients(f, x).worst_error(1) < 1e-9


def test_ends_of_domains_are_seen_from_the_side_that_is_there() -> None:
    report = check_gradients(lambda x: x**2.5, 0.0, order=1)
    assert not report.wrong
    assert check_gradients(lambda x: exp(sqrt(x) * sqrt(x)), 1e-12, order=1).worst_error(1) < 1e-6
    assert check_gradients(sqrt, 0.0).unclear  # infinite


@examples(15)
@given(mlps())
def test_networks(drawn: tuple[nn.MLP, list[float]]) -> None:
    model, x = drawn
    check_gradients(lambda x: model(x), x, modes=("reverse",))


@examples(100)
@given(expressions(), st.sampled_from(["forward", "reverse"]))
def test_nothing_is_called_wrong_that_is_right(program: Any, mode: str) -> None:
    check_gradients(program, *program.inputs, modes=(mode,))


@pytest.mark.parametrize(
    ("f", "args"),
    [
        # A derivative of 1 + 3e-11 - 1: what is left of the small one changes in stairs.
        (
            lambda v: fsum([v - 9.99, gaussian(5.064747180047611 - v), maximum(5.06 - v, 1.0)]),
            (-0.07999696289853375,),
        ),
        # normal_cdf near 1 changes in stairs, and acos is steep there.
        (
            lambda x, y, z: lgamma(acos(normal_cdf(norm([exp(y), -7.0, x])))) * 1e3,
            (1.7087626037513255, -0.7277845496844715, -1.669163129399799),
        ),
        # An ulp beside a pole, where rounding hides all that differences could see.
        (lambda x, y: norm([x, atanh(acos(cos(y)))]), (0.5, -1.0)),
        (lambda x: log(cos(acos(x))), (0.0,)),
        # Multiples of x cancel: nothing is rounded at 0 itself, all around it is.
        (
            lambda x, y: sum_with_acos(prod([0.30238, -1.2097751973474615, x, y, y])),
            (-1.5950785307646447, 0.0),
        ),
    ],
)
def test_stairs_that_rounding_makes_are_not_taken_for_slopes(
    f: Callable[..., Any], args: tuple[float, ...]
) -> None:
    report = check_gradients(f, *args)
    assert report.comparisons and not report.wrong


def test_a_reference_of_60_digits_sees_what_differences_cannot() -> None:
    """The slope of the sigmoid at 40 is 4e-18 of its value."""
    from autograd_scalar import sigmoid

    assert math.isnan(check_gradients(sigmoid, 40.0).worst_error(1))
    report = check_gradients(sigmoid, 40.0, reference=True, digits=14)
    assert report.orders == (1, 2)
    assert not report.unclear
    textbook = Primitive("sigmoid", sigmoid.function, (lambda g, y, x: g * y * (1 - y),))
    assert not check_gradients(textbook, 40.0).wrong
    assert "it is missing" in message(textbook, 40.0, reference=True)


# --- Kinks ----------------------------------------------------------------------------------------


def test_a_kink_is_told_and_ends_the_check_at_its_order() -> None:
    report = check_gradients(relu, 0.0)
    assert report.orders == (1,)
    assert [c.place for c in report.kinks] == ["args[0]"] * 2
    assert report.kinks[0].slope.left == 0.0
    assert report.kinks[0].slope.right == 1.0
    assert "kink: args[0], first order" in repr(report)
    later = check_gradients(lambda x: relu(x) * relu(x), 0.0, order=3)
    assert later.orders == (1, 2)
    assert {c.order for c in later.kinks} == {2}


def test_strict_fails_at_kinks_and_where_differences_say_too_little() -> None:
    assert "strict=True" in message(relu, 0.0, strict=True)
    assert "strict=True" in message(sqrt, 0.0, strict=True)
    check_gradients(relu, 1e-9, strict=True, order=1)
    check_gradients(ricker, 1.0, strict=True)


def test_what_moves_together_has_no_kink() -> None:
    report = check_gradients(maximum, 1.5, 1.5)
    together = [c for c in report.comparisons if c.place == "all together"]
    assert {c.verdict for c in together} == {"right"}
    assert {c.analytic for c in together} == {1.0}


@pytest.mark.parametrize(
    "f",
    [
        lambda x: relu(x) - relu(-x),
        lambda x: abs(x) + x - 2 * relu(x),
        lambda x: cbrt(x) * cbrt(x) * cbrt(x),
        lambda x: floor(x) * 0.0 + x,
        lambda x: sign(x) * sign(x) * x,  # the jump changes what x is multiplied by
    ],
)
def test_a_kink_that_cancels_excuses_what_no_rule_can_know(f: Callable[..., Any]) -> None:
    report = check_gradients(f, 0.0)
    assert not report.wrong


def test_a_kink_excuses_no_more_than_it_explains() -> None:
    wrong = doubled_sine()
    assert "'wrong sine'" in message(lambda x: relu(x) - relu(-x) + wrong(3 * x), 0.0)
    assert "graph" in message(lambda x: relu(x) - relu(-x) + 9 * getattr(x, "data", x), 0.0)


# --- What is wrong is told ------------------------------------------------------------------------


def test_the_message_names_argument_factor_operation_and_call() -> None:
    wrong = doubled_sine()

    def model(p: Any) -> Any:
        return exp(wrong(p["w"][1]) * p["w"][0])

    text = message(model, {"w": [1.0, 0.5]})
    first, *_ = text.splitlines()
    assert first == "the derivative of model by args[0]['w'][1] is wrong: off by a factor 2.000"
    assert "Suspected: the rule of 'wrong sine'" in text
    assert "(0.5)" in text
    assert "check_gradients(model, {'w': [1.0, 0.5]})" in text
    assert "exp(" not in text.partition("Suspected")[2]


WRONG: dict[str, Callable[..., Any]] = {
    "is not in the graph": lambda x: Value(x.data) + 0 if isinstance(x, Value) else x,
    "returned a plain number": lambda x: math.sin(getattr(x, "data", x)),
    "does not hold": lambda x: x * getattr(x, "data", x),
    "computes another number": lambda x: x * (2.0 if isinstance(x, float) else 3.0),
}


@pytest.mark.parametrize("cause", WRONG)
def test_the_cause_is_named(cause: str) -> None:
    assert cause in message(WRONG[cause], 2.0)


def test_an_overwritten_number_is_named() -> None:
    def f(x: Any) -> Any:
        y = x * x
        if isinstance(y, Value):
            y.data = 7.0
        return sin(y)

    assert "multiply(2.0, 2.0) is 4.0, not 7.0" in message(f, 2.0, modes=("reverse",), order=1)


def test_a_backward_written_by_hand_is_named() -> None:
    def f(x: Any) -> Any:
        if not isinstance(x, Value):
            return x * x
        y = Value(x.data * x.data, (x,), "square")
        y._backward = lambda: setattr(x, "grad", x.grad + y.grad)
        return y

    assert "written by hand, of 'square'" in message(f, 3.0, modes=("reverse",), order=1)


def test_a_mode_that_agrees_is_named() -> None:
    def f(x: Any) -> Any:
        return x * x if not isinstance(x, Value) else x * x.data

    assert "forward mode agrees" in message(f, 3.0)


def test_a_rule_that_has_no_right_derivative_is_found_at_second_order() -> None:
    def rule(g: Any, y: Any, x: Any) -> Any:
        return g * math.cos(getattr(x, "data", x))

    frozen = Primitive("frozen", lambda x: math.sin(x), (rule,))
    check_gradients(frozen, 2.0, order=1)
    text = message(lambda x: 1 + frozen(x), 2.0)
    assert "second" in text
    assert "Suspected: the rule of 'frozen'" in text


def test_a_wrong_derivative_is_found_among_very_many() -> None:
    wrong = doubled_sine()
    text = message(lambda xs: mean([*xs[:-1], wrong(xs[-1])]), [0.5] * 150, order=1)
    assert "args[0][149]" in text


@pytest.mark.parametrize(
    ("ratio", "words"),
    [(-1, "the sign is wrong"), (2, "off by a factor 2"), (0, "missing"), (1.0005, "5.0e-04")],
)
def test_the_ratio_in_words(ratio: float, words: str) -> None:
    primitive = Primitive("p", lambda x: x, (lambda g, y, x: ratio * g,))
    assert words in message(primitive, 1.5, order=1)


def test_digits_are_those_that_have_to_agree() -> None:
    primitive = Primitive("p", lambda x: x, (lambda g, y, x: (1 + 1e-5) * g,))
    check_gradients(primitive, 1.5, digits=4)
    message(primitive, 1.5, digits=6)


def test_options_are_in_the_call_to_paste() -> None:
    options = {"order": 1, "modes": ("reverse",), "digits": 5, "at_kinks": "left", "strict": True}
    text = message(doubled_sine(), 0.5, **options)
    call = re.search(r"check_gradients\(.*\)", text)
    assert call
    for name, value in options.items():
        assert f"{name}={value!r}" in call[0]


# --- What is refused ------------------------------------------------------------------------------

REFUSED: list[tuple[str, Callable[[], Any]]] = [
    ("f must be a function, not 3", lambda: check_gradients(3, 1.0)),  # type: ignore[arg-type]
    ("args[0] is nan", lambda: check_gradients(sin, math.nan)),
    ("args[0][1]['a'] is inf", lambda: check_gradients(sin, [1.0, {"a": math.inf}])),
    ("args[0][0] must be a number", lambda: check_gradients(sin, ["1"])),
    ("args[1] must be a number", lambda: check_gradients(maximum, 1.0, None)),
    ("args[0] must be a plain number", lambda: check_gradients(sin, Value(1.0))),
    ("needs a number among the arguments", lambda: check_gradients(lambda: 1.0)),
    ("order must be a whole number", lambda: check_gradients(sin, 1.0, order=0)),
    ("order must be a whole number", lambda: check_gradients(sin, 1.0, order=True)),
    ("modes must be some of", lambda: check_gradients(sin, 1.0, modes=("sideways",))),
    ("modes must be some of", lambda: check_gradients(sin, 1.0, modes="reverse")),
    ("modes must be some of", lambda: check_gradients(sin, 1.0, modes=())),
    ("digits must be between", lambda: check_gradients(sin, 1.0, digits=0)),
    ("at_kinks must be one of", lambda: check_gradients(sin, 1.0, at_kinks="above")),
    ("result of log is nan", lambda: check_gradients(log, -1.0)),
    ("the result of", lambda: check_gradients(str, 1.0)),
    ("the result of", lambda: check_gradients(lambda x: None, 1.0)),
    ("gave no number", lambda: check_gradients(lambda x: [], 1.0)),
    ("for the same arguments", lambda: check_gradients(lambda x: x * random.random(), 1.0)),
]


@pytest.mark.parametrize(("text", "call"), REFUSED)
def test_what_cannot_be_checked_is_refused(text: str, call: Callable[[], Any]) -> None:
    with pytest.raises((TypeError, ValueError), match=re.escape(text)):
        call()


def test_an_error_of_the_function_is_passed_on() -> None:
    def f(x: Any) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        check_gradients(f, 1.0)
    with pytest.raises(TypeError, match="drop the gradient"):
        check_gradients(lambda x: math.sin(x), 1.0)


def test_a_report_can_be_read() -> None:
    lines = repr(check_gradients(ricker, 2.0)).splitlines()
    assert lines[0] == "GradientReport of ricker"
    assert re.fullmatch(r"  first order: 2 comparisons, worst relative error \S+", lines[1])
    assert isinstance(check_gradients(ricker, 2.0), GradientReport)
