"""``detect_anomaly`` names the operation, its operands, the label and the user's line."""

import math

import pytest

from autograd_scalar import (
    Value,
    detect_anomaly,
    dot,
    exp,
    log,
    maximum,
    no_grad,
    primitive,
    where,
)
from autograd_scalar.primitives import RULES


def test_the_forward_pass_stops_at_the_operation() -> None:
    x = Value(-1.0, label="x")
    with detect_anomaly(), pytest.raises(FloatingPointError) as caught:
        y = x + 0.0
        log(y)
    line = test_the_forward_pass_stops_at_the_operation.__code__.co_firstlineno + 4
    assert str(caught.value) == f"log(-1.0) gave nan, at {__file__}, line {line}"


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (lambda x: x / 0, r"/\(x=1\.0, 0\.0\) gave inf"),
        (lambda x: exp(x * 1000), r"exp\(1000\.0\) gave inf"),
        (lambda x: x * math.nan, r"\*\(x=1\.0, nan\) gave nan"),
        (lambda x: (0 * x) / (0 * x), r"/\(0\.0, 0\.0\) gave nan"),
        (
            lambda x: dot([x, x], [1e308, 1e308]),
            r"dot\(x=1\.0, x=1\.0, 1e\+308, 1e\+308\) gave inf",
        ),
        (lambda x: (-x) ** 0.5, r"\*\*\(-1\.0, 0\.5\) gave nan"),
    ],
)
def test_what_is_an_anomaly(operation, message) -> None:  # type: ignore[no-untyped-def]
    with detect_anomaly(), pytest.raises(FloatingPointError, match=message):
        operation(Value(1.0, label="x"))


def test_an_infinity_that_was_there_before_is_none() -> None:
    x = Value(math.inf)
    with detect_anomaly():
        y = exp(-x) + maximum(x, 1.0) * 0.5
    assert y.data == math.inf


def test_the_backward_pass_stops_at_the_operation() -> None:
    x = Value(0.0, label="x")
    with detect_anomaly():
        y = x.sqrt()
        with pytest.raises(
            FloatingPointError, match=r"backward pass of sqrt\(x=0\.0\) = 0\.0 sent inf"
        ):
            y.backward()
    unwatched = Value(0.0).sqrt()
    with detect_anomaly(), pytest.raises(FloatingPointError, match="a line that was not watched"):
        unwatched.backward()


def test_a_healthy_pass_gives_the_same_gradients() -> None:
    def loss(a: Value, b: Value) -> Value:
        return where(a > b, (a * b).tanh(), 0.0) + dot([a, b], [b, 2.0]) - 2.0**a / b

    a, b = Value(0.7), Value(-0.3)
    loss(a, b).backward()
    expected = a.grad, b.grad
    a.grad = b.grad = 0.0
    with detect_anomaly():
        loss(a, b).backward()
    assert (a.grad, b.grad) == expected


def test_overwritten_data_is_reported() -> None:
    w, x = Value(2.0, label="w"), Value(3.0, label="x")
    with detect_anomaly():
        y = w * x
        w.data = 5.0
        with pytest.raises(
            RuntimeError, match=r"\*\(w=5\.0, x=3\.0\) = 6\.0 was computed from \(2\.0, 3\.0\)"
        ):
            y.backward()
        w.data = 2.0
        y.backward()
        z = y.exp()
        z.data = 1.0
        with pytest.raises(RuntimeError, match="overwritten"):
            z.backward()
    assert w.grad == 3.0


def test_nan_data_that_stays_is_not_overwritten() -> None:
    x = Value(math.inf)
    y = x - 1.0
    with detect_anomaly():
        z = y * 0.5
        z.backward()
    assert x.grad == 0.5


def test_with_no_grad_values_are_checked_and_not_recorded() -> None:
    for outer, inner in [(no_grad, detect_anomaly), (detect_anomaly, no_grad)]:
        with outer(), inner():
            assert (Value(1.0) + 1).parents == ()
            with pytest.raises(FloatingPointError):
                log(Value(-1.0))


def test_nodes_wired_by_hand_and_primitives_of_a_user() -> None:
    x = Value(2.0)
    hand = Value(6.0, (x,), "triple")

    def _backward() -> None:
        x.grad += 3 * hand.grad

    hand._backward = _backward
    with detect_anomaly():
        (hand * 2.0).backward()
    assert x.grad == 6.0

    @primitive(lambda g, y, x: g / (x - 1))
    def bad_at_one(x: float) -> float:
        return x

    try:
        with (
            detect_anomaly(),
            pytest.raises(FloatingPointError, match="backward pass of bad_at_one"),
        ):
            bad_at_one(Value(1.0)).backward()
    finally:
        del RULES["bad_at_one"]
