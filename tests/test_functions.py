"""The functions a user calls: on numbers, on Values, on mixtures, on every kind of sequence."""

import math
import pickle
import pydoc
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import autograd_scalar
from autograd_scalar import (
    Value,
    clamp,
    detach,
    dot,
    elu,
    exp,
    fsum,
    functions,
    hessian,
    jvp,
    leaky_relu,
    log_softmax,
    logsumexp,
    mean,
    norm,
    pick,
    prod,
    softmax,
    square,
    taylor,
    where,
)
from autograd_scalar.graph import topological_order
from autograd_scalar.primitives import detached
from autograd_scalar.tape.derivatives import value_and_gradient
from autograd_scalar.tape.recording import record

NUMBERS = [0.5, -1.25, 3.0]

SEQUENCE_FUNCTIONS = {
    "dot": lambda xs: dot(xs, xs),
    "fsum": fsum,
    "mean": mean,
    "prod": prod,
    "norm": norm,
    "logsumexp": logsumexp,
    "softmax": lambda xs: softmax(xs)[0],
    "log_softmax": lambda xs: log_softmax(xs)[0],
}


@pytest.mark.parametrize("name", SEQUENCE_FUNCTIONS)
def test_floats_values_and_mixtures_agree(name: str) -> None:
    function = SEQUENCE_FUNCTIONS[name]
    expected = function(NUMBERS)
    assert type(expected) is float
    values = [Value(x) for x in NUMBERS]
    for xs in (
        values,
        tuple(values),
        np.array(values),
        [values[0], *NUMBERS[1:]],
        [*NUMBERS[:2], values[2]],
        [np.float64(NUMBERS[0]), Fraction(NUMBERS[1]), values[2]],
    ):
        assert function(xs).data == expected
    if name != "dot":
        assert function(iter(values)).data == expected


@pytest.mark.parametrize("name", ["fsum", "mean", "prod", "norm", "logsumexp"])
def test_a_sequence_is_one_node(name: str) -> None:
    values = [Value(x) for x in NUMBERS]
    assert len(topological_order(getattr(functions, name)(values))) == 4


def test_softmax_sums_to_one_and_its_gradient_to_zero() -> None:
    values = [Value(x) for x in (1000.0, 999.0, -1000.0)]
    p = softmax(values)
    assert math.fsum(v.data for v in p) == pytest.approx(1.0, rel=1e-15)
    p[0].backward()
    assert math.fsum(v.grad for v in values) == pytest.approx(0.0, abs=1e-16)
    expected = p[0].data * p[1].data
    assert values[0].grad == pytest.approx(expected, rel=1e-14)
    assert values[1].grad == pytest.approx(-expected, rel=1e-14)


def test_log_softmax_is_the_logarithm_of_softmax() -> None:
    values = [Value(x) for x in (3.0, 1.0, 0.5)]
    for log_p, p in zip(log_softmax(values), softmax(values), strict=True):
        assert log_p.data == pytest.approx(math.log(p.data), rel=1e-15)
    log_softmax(values)[1].backward()
    assert [v.grad for v in values] == pytest.approx(
        [-p.data + (k == 1) for k, p in enumerate(softmax(values))], rel=1e-14
    )
    assert log_softmax([1e300, 0.0]) == [0.0, -1e300]


def test_defaults_and_keywords() -> None:
    x = Value(-2.0)
    assert leaky_relu(x).data == -0.02
    assert leaky_relu(x, negative_slope=0.5).data == -1.0
    assert elu(x, alpha=2.0).data == 2 * math.expm1(-2)
    assert (clamp(x, low=-1).data, clamp(x, high=-3).data, clamp(x).data) == (-1.0, -3.0, -2.0)
    assert square(x).parents == (x, x)


def test_where_by_a_comparison_a_bool_or_a_value() -> None:
    a, b = Value(1.0), Value(2.0)
    for condition in (a < b, True, np.True_, 1, Value(1.0)):
        y = where(condition, a, b)
        assert y.data == 1.0
        a.grad = b.grad = 0.0
        y.backward()
        assert (a.grad, b.grad) == (1.0, 0.0)


def test_pick_gives_one_and_its_gradient_to_that_one_alone() -> None:
    for index in (0, 1, 2, True, np.int64(1), Value(2.0), -0.0):
        values = [Value(x) for x in NUMBERS]
        place = int(detached(index))
        y = pick(index, iter(values))
        assert y.data == NUMBERS[place]
        y.backward()
        assert [v.grad for v in values] == [float(i == place) for i in range(3)]
    index = Value(1.0)
    pick(index, NUMBERS).backward()
    assert index.grad == 0.0
    for wrong in (-1, 3, 0.5, math.nan, math.inf):
        assert math.isnan(pick(wrong, NUMBERS))
    with pytest.raises(ValueError, match="pick: values must not be empty"):
        pick(0, [])


def test_detach_is_the_number_through_which_no_derivative_flows() -> None:
    assert detach(2) == 2.0
    x = Value(3.0)
    (x * detach(x * x)).backward(create_graph=True)
    assert x.grad.data == 9.0
    assert jvp(lambda x: detach(x) * x, (3.0,), (1.0,)) == (9.0, 3.0)
    assert taylor(lambda x: detach(exp(x)) + x, 0.0, 2) == [1.0, 1.0, 0.0]
    assert hessian(lambda x: detach(x) * x * x)(3.0) == 6.0


@pytest.mark.parametrize("function", [softmax, log_softmax])
def test_on_a_tape_the_largest_is_found_again(function: Callable[..., Any]) -> None:
    """Shifted by the largest of the numbers it was recorded with, exp would overflow."""
    numbers = [1.0, 2.0, 0.5]
    recording = record(lambda xs: function(xs), numbers, lambda xs: [xs])
    assert not recording.tape.guards
    for xs in (numbers, [1000.0, -1000.0, 999.0], [-1e300, -1e300, 0.0], [3.0, 3.0, 3.0]):
        assert recording.tape.run(xs) == function(xs)
        values = [Value(x) for x in xs]
        function(values)[1].backward()
        program = value_and_gradient(recording.tape, range(3), 1)
        assert program.run(xs)[1:] == [v.grad for v in values]


def test_nothing_but_emptiness_of_sums_and_products() -> None:
    assert (fsum([]), prod([]), norm([])) == (0.0, 1.0, 0.0)


def test_sums_keep_what_partial_sums_would_lose() -> None:
    assert fsum([1e308, 1e308, -1e308]) == 1e308
    assert mean([1.5e308, 1.5e308]) == 1.5e308
    assert math.isnan(fsum([math.inf, -math.inf]))
    assert math.isinf(mean([math.inf, 1.0]))


def test_every_public_name_is_importable_documented_and_picklable() -> None:
    for name in functions.__all__:
        function = getattr(autograd_scalar, name)
        assert function is getattr(functions, name)
        assert ">>>" in function.__doc__, name
        assert function.__name__ == name
        assert name in pydoc.render_doc(function)
        assert pickle.loads(pickle.dumps(function)) is function
    assert set(autograd_scalar.__all__) >= {
        "Value",
        "primitive",
        "no_grad",
        "detect_anomaly",
        "draw",
    }
