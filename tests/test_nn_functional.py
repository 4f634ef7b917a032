"""Activations as functions, along any dimension; one-hot lists; Gumbel-softmax."""

import math
import random

import numpy as np
import pytest

import autograd_scalar as engine
from autograd_scalar import Value
from autograd_scalar.testing import check_gradients
from nn import functional as F
from nn import losses
from nn.tensors import map_numbers, numbers, shape

RNG = random.Random(0)
TENSOR = [[[RNG.gauss(0.0, 2.0) for _ in range(4)] for _ in range(3)] for _ in range(2)]
ELEMENTWISE = {
    "relu": ({}, engine.relu),
    "leaky_relu": ({"negative_slope": 0.3}, lambda x: engine.leaky_relu(x, 0.3)),
    "elu": ({"alpha": 0.7}, lambda x: engine.elu(x, 0.7)),
    "gelu": ({}, engine.gelu),
    "silu": ({}, engine.silu),
    "sigmoid": ({}, engine.sigmoid),
    "softplus": ({}, engine.softplus),
    "tanh": ({}, engine.tanh),
}


@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("x", [-1.5, TENSOR[0][0], TENSOR])
def test_an_activation_is_the_engines_function_of_every_number(name, x):
    options, function = ELEMENTWISE[name]
    expected = map_numbers(function, x)
    assert getattr(F, name)(x, **options) == expected
    found = getattr(F, name)(map_numbers(Value, x), **options)
    assert map_numbers(lambda v: v.data, found) == expected
    if isinstance(x, list):
        found = getattr(F, name)(np.array(x), **options)
        assert isinstance(found, np.ndarray) and found.tolist() == expected


@pytest.mark.parametrize("dim", [0, 1, 2, -1, -2, -3])
def test_softmax_along_any_dimension_is_that_of_arrays(dim):
    array = np.array(TENSOR)
    powers = np.exp(array - array.max(dim, keepdims=True))
    expected = powers / powers.sum(dim, keepdims=True)
    assert np.array(F.softmax(TENSOR, dim)) == pytest.approx(expected, rel=1e-14)
    assert np.array(F.log_softmax(TENSOR, dim)) == pytest.approx(np.log(expected), rel=1e-13)
    found = F.softmax(array, dim)
    assert isinstance(found, np.ndarray) and found.shape == array.shape


def test_log_softmax_does_not_overflow():
    assert F.log_softmax([[1e4], [0.0]], dim=0) == [[0.0], [-1e4]]


def test_dropout_is_the_layers_and_none_without_training():
    x = [1.0] * 1000
    assert F.dropout(x, 0.3, training=False) == x
    found = F.dropout(x, 0.25, rng=3)
    assert set(found) == {0.0, 1 / 0.75}
    assert found == F.dropout(x, 0.25, rng=3) != F.dropout(x, 0.25, rng=4)


@pytest.mark.parametrize("classes", [0, [0, 2, 1], [[0, 3], [1, 1]]])
@pytest.mark.parametrize("count", [-1, 4, 6])
def test_one_hot_has_its_1_at_the_class(classes, count):
    found = F.one_hot(classes, count)
    size = max(np.ravel(classes)) + 1 if count == -1 else count
    assert shape(found) == (*shape(classes), size)
    assert np.array_equal(np.array(found), np.eye(size, dtype=int)[np.array(classes)])
    assert all(type(x) is int for x in numbers(found))
    assert F.one_hot(np.array([1, 0])) == [[0, 1], [1, 0]]


def test_one_hot_targets_are_the_classes():
    rows = TENSOR[0]
    assert losses.cross_entropy(rows, F.one_hot([3, 0, 1])) == losses.cross_entropy(rows, [3, 0, 1])


def test_functional_has_every_loss():
    for loss in losses.LOSSES.values():
        found = getattr(F, loss.__name__)
        assert (found.__module__, found.__name__) == ("nn.losses", loss.__name__)
        assert loss.__name__ in F.__all__
    assert sorted(F.__all__) == F.__all__
    assert all(hasattr(F, name) for name in F.__all__)


# --- Gumbel-softmax -------------------------------------------------------------------------------


def probabilities(logits):
    return engine.softmax(logits)


@pytest.mark.parametrize("tau", [0.1, 1.0, 5.0])
@pytest.mark.parametrize("hard", [False, True])
def test_picks_are_as_often_as_the_softmax_says(tau, hard):
    logits, rng = [0.5, -1.0, 1.5], random.Random(1)
    count = 4000
    picks = [F.gumbel_softmax(logits, tau, hard, rng=rng) for _ in range(count)]
    for place, p in enumerate(probabilities(logits)):
        share = sum(max(range(3), key=pick.__getitem__) == place for pick in picks) / count
        assert abs(share - p) < 5 * math.sqrt(p * (1 - p) / count)
    for pick in picks[:100]:
        assert math.fsum(pick) == pytest.approx(1.0, rel=1e-14)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_hard_picks_are_exactly_one_hot_with_the_gradient_of_the_soft(dim):
    weights = [[1.0, -2.0, 3.0], [0.5, 0.25, -1.0]]
    soft, hard = ([[Value(x) for x in row] for row in weights] for _ in range(2))
    gradients = []
    for logits, is_hard in ((soft, False), (hard, True)):
        picks = F.gumbel_softmax(logits, 0.7, is_hard, dim, rng=5)
        engine.dot(list(numbers(picks)), [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]).backward()
        gradients.append([logit.grad for logit in numbers(logits)])
    data = np.array(map_numbers(lambda v: v.data, picks))
    assert set(data.ravel()) == {0.0, 1.0}
    assert (data.sum(dim) == 1.0).all()
    assert gradients[0] == gradients[1]
    assert any(gradients[0])


def test_the_gradient_of_soft_picks_is_their_slope():
    check_gradients(lambda x: F.gumbel_softmax(x, 0.5, rng=2), [0.3, -0.2, 1.0])


def test_the_colder_the_nearer_to_one_hot():
    largest = [max(F.gumbel_softmax([0.0] * 4, tau, rng=9)) for tau in (10.0, 1.0, 0.1, 0.001)]
    assert largest == sorted(largest)
    assert largest[-1] == pytest.approx(1.0)


def test_an_array_of_logits_gives_an_array():
    for hard in (False, True):
        found = F.gumbel_softmax(np.zeros((2, 3)), hard=hard, rng=0)
        assert isinstance(found, np.ndarray) and found.shape == (2, 3)


class Zeros(random.Random):
    """Draws exactly 0 a few times, as Python's generator does once in 2**53."""

    left = 3

    def random(self):
        self.left -= 1
        return 0.0 if self.left >= 0 else super().random()


def test_a_draw_of_exactly_0_is_drawn_again():
    assert all(math.isfinite(p) for p in F.gumbel_softmax([0.0, 1.0], rng=Zeros(1)))


BAD = [
    (F.softmax, (TENSOR, 3), {}, ValueError, "dim must be .* input, which is 2 x 3 x 4, got 3"),
    (F.softmax, (TENSOR, -4), {}, ValueError, "dim must be a dimension"),
    (F.softmax, (1.0,), {}, ValueError, "which is a number, got -1"),
    (F.log_softmax, (TENSOR, 1.0), {}, TypeError, "dim must be an int"),
    (F.softmax, ([[1.0], [1.0, 2.0]], 0), {}, ValueError, "input is ragged"),
    (F.dropout, ([1.0], 1.5), {}, ValueError, "p must be a probability"),
    (F.one_hot, ([0, 3], 3), {}, ValueError, r"a class must be in 0\.\.2, got 3"),
    (F.one_hot, ([-1, 3],), {}, ValueError, r"a class must be in 0\.\.3, got -1"),
    (F.one_hot, ([1.0],), {}, TypeError, r"a class must be an int, got 1\.0"),
    (F.one_hot, ([],), {}, ValueError, "there are no classes to count"),
    (F.one_hot, ([0], 0), {}, ValueError, "num_classes must be at least 1, or -1, got 0"),
    (F.gumbel_softmax, ([0.0], 0.0), {}, ValueError, "tau must be positive"),
    (F.gumbel_softmax, ([0.0],), {"rng": "a"}, TypeError, "rng must be"),
]


@pytest.mark.parametrize(("function", "arguments", "options", "error", "message"), BAD)
def test_bad_arguments(function, arguments, options, error, message):
    with pytest.raises(error, match=message):
        function(*arguments, **options)
