"""Initialization: fans, gains, and the distributions that they set."""

import itertools
import math
import random
import statistics

import numpy as np
import pytest

from autograd_scalar import Value
from nn import init
from nn.tensors import map_numbers, numbers, parameters


def data(tensor):
    return [parameter.data for parameter in numbers(tensor)]


FANS = [
    ((3, 5), (5, 3)),
    ((1, 1), (1, 1)),
    ((8, 4, 3), (12, 24)),
    ((8, 4, 3, 2), (24, 48)),
]


@pytest.mark.parametrize(("sizes", "expected"), FANS)
def test_fans_count_what_each_output_and_each_input_is_joined_to(sizes, expected):
    assert init.fans(parameters(*sizes)) == expected


WEIGHT = (30, 20, 4)
FAN_IN, FAN_OUT = 80, 120

# Each with the standard deviation it is to have, and the bound of those that have one.
DRAWN = {
    "uniform": (init.uniform, (-2.0, 2.0), {}, 2 / math.sqrt(3), 2.0),
    "normal": (init.normal, (0.0, 0.3), {}, 0.3, None),
    "xavier_uniform": (init.xavier_uniform, (), {}, math.sqrt(2 / 200), math.sqrt(6 / 200)),
    "xavier_uniform, gain": (init.xavier_uniform, (3.0,), {}, 0.3, 3 * math.sqrt(6 / 200)),
    "xavier_normal": (init.xavier_normal, (2.0,), {}, 2 * math.sqrt(2 / 200), None),
    "he_uniform": (init.he_uniform, (), {}, math.sqrt(2 / FAN_IN), math.sqrt(6 / FAN_IN)),
    "he_uniform, slope": (
        init.he_uniform,
        (math.sqrt(5),),
        {},
        math.sqrt(1 / 3 / FAN_IN),
        math.sqrt(1 / FAN_IN),
    ),
    "he_normal": (init.he_normal, (), {}, math.sqrt(2 / FAN_IN), None),
    "he_normal, fan_out": (init.he_normal, (), {"mode": "fan_out"}, math.sqrt(2 / FAN_OUT), None),
    "he_normal, tanh": (
        init.he_normal,
        (),
        {"nonlinearity": "tanh"},
        5 / 3 / math.sqrt(FAN_IN),
        None,
    ),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_draw_has_the_mean_the_spread_and_the_bound_it_says(name):
    function, arguments, options, deviation, bound = DRAWN[name]
    weight = parameters(*WEIGHT)
    assert function(weight, *arguments, **options, rng=3) is weight
    drawn = data(weight)
    n = len(drawn)
    assert len(set(drawn)) == n
    # Four standard errors: of the mean, and of the deviation, which for any of these is smaller.
    assert abs(statistics.fmean(drawn)) < 4 * deviation / math.sqrt(n)
    assert statistics.pstdev(drawn) == pytest.approx(deviation, rel=4 / math.sqrt(2 * n))
    if bound is not None:
        assert max(map(abs, drawn)) <= bound
        assert max(map(abs, drawn)) > 0.99 * bound


@pytest.mark.parametrize("name", DRAWN)
def test_the_same_seed_draws_the_same_numbers_and_none_is_pythons_generator(name):
    function, arguments, options, _, _ = DRAWN[name]

    def drawn(rng):
        return data(function(parameters(3, 4), *arguments, **options, rng=rng))

    assert drawn(7) == drawn(random.Random(7)) != drawn(8)
    state = random.getstate()
    random.seed(7)
    assert drawn(None) == drawn(7)
    random.setstate(state)


@pytest.mark.parametrize("gain", [1.0, 2.5])
@pytest.mark.parametrize("sizes", [(1, 1), (4, 4), (3, 7), (7, 3), (2, 3, 2), (8, 2, 2), (40, 40)])
def test_an_orthogonal_weight_is_orthogonal(sizes, gain):
    weight = init.orthogonal(parameters(*sizes), gain, rng=1)
    matrix = np.array(data(weight)).reshape(sizes[0], -1)
    if matrix.shape[0] > matrix.shape[1]:
        matrix = matrix.T
    assert np.abs(matrix @ matrix.T - gain**2 * np.eye(len(matrix))).max() < 1e-14 * gain**2


def test_constants():
    weight = parameters(2, 2)
    assert data(init.ones(weight)) == [1.0] * 4
    assert data(init.constant(weight, 3)) == [3.0] * 4
    assert data(init.zeros(weight)) == [0.0] * 4
    assert all(type(number) is float for number in data(init.constant(weight, 3)))


def test_filling_keeps_the_parameters_their_gradients_and_their_labels():
    weight = Value(1.0, label="w")
    weight.grad = 2.0
    assert init.normal([weight], rng=0) == [weight]
    assert weight.data != 1.0
    assert (weight.grad, weight.label) == (2.0, "w")


def test_an_array_of_parameters_is_filled_too():
    array = np.array(parameters(2, 2))
    init.ones(array)
    assert map_numbers(lambda p: p.data, array) == [[1.0, 1.0], [1.0, 1.0]]


BAD = [
    (lambda: init.fans(parameters(3)), ValueError, "at least 2 dimensions has fans, got one of 1"),
    (lambda: init.xavier_normal(Value(1.0)), ValueError, "got one of 0"),
    (lambda: init.orthogonal(parameters(3)), ValueError, "got one of 1"),
    (lambda: init.fans([parameters(3), parameters(2)]), ValueError, "weight is ragged"),
    (lambda: init.zeros([1.0]), TypeError, "a tensor of parameters is filled, not of 1.0"),
    (lambda: init.zeros([Value(1.0), None]), TypeError, "not of None"),
    (lambda: init.calculate_gain("rleu"), ValueError, "nonlinearity 'rleu', did you mean 'relu'"),
    (lambda: init.he_normal(parameters(2, 2), mode="fan"), ValueError, "unknown mode 'fan'"),
    (lambda: init.normal(parameters(2), rng="x"), TypeError, "rng must be"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_nothing_is_filled_when_something_is_no_parameter():
    good = Value(1.0)
    with pytest.raises(TypeError):
        init.zeros([good, 2.0])
    assert good.data == 1.0


def test_gains_and_fans_are_pytorchs():
    torch = pytest.importorskip("torch")
    for name in init.GAINS.keys() - {"elu"}:  # which PyTorch doesn't know
        assert init.calculate_gain(name) == pytest.approx(
            torch.nn.init.calculate_gain(name), rel=1e-15
        )
    for slope in (0.0, 0.2, 3.0):
        theirs = torch.nn.init.calculate_gain("leaky_relu", slope)
        assert init.calculate_gain("leaky_relu", slope) == pytest.approx(theirs, rel=1e-15)
    for sizes in itertools.product((1, 2, 5), repeat=3):
        theirs = torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(sizes))
        assert init.fans(parameters(*sizes)) == theirs
