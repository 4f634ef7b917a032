"""Normalization: PyTorch's numbers, the moments it leaves, and the running statistics."""

import copy
import math
import pickle
import random
import statistics

import numpy as np
import pytest

from autograd_scalar import Value, no_grad
from autograd_scalar.testing import check_gradients
from nn.normalization import BatchNorm, LayerNorm, RMSNorm
from nn.tensors import filled, map_numbers, numbers, shape


def drawn(*sizes, seed=0, mean=0.0, deviation=1.0):
    source = random.Random(seed)
    return filled(sizes, lambda: source.gauss(mean, deviation))


def data(x):
    return [getattr(number, "data", number) for number in numbers(x)]


# --- what comes out ---


@pytest.mark.parametrize("mean", [0.0, 3.0, 1e6])
@pytest.mark.parametrize("sizes", [(6, 2), (4, 2, 3), (2, 2, 3, 2)])
def test_batch_norm_leaves_mean_0_and_variance_1_in_every_channel(sizes, mean):
    y = BatchNorm(2, eps=0.0)(drawn(*sizes, mean=mean, deviation=5.0))
    assert shape(y) == sizes
    for c in range(2):
        channel = data([example[c] for example in y])
        assert abs(statistics.fmean(channel)) < 1e-14 * (1 + mean)
        assert statistics.pvariance(channel) == pytest.approx(1.0, rel=1e-13 * (1 + mean))


@pytest.mark.parametrize(("last", "sizes"), [(5, (5,)), (5, (2, 3, 5)), ((2, 3), (4, 2, 3))])
def test_layer_norm_leaves_them_in_every_example(last, sizes):
    x = drawn(*sizes, mean=2.0)
    y = LayerNorm(last, eps=0.0)(x)
    assert shape(y) == sizes
    of_one = math.prod(last if isinstance(last, tuple) else (last,))
    flat = data(y)
    for start in range(0, len(flat), of_one):
        assert abs(statistics.fmean(flat[start : start + of_one])) < 1e-14
        variance = statistics.pvariance(flat[start : start + of_one])
        assert variance == pytest.approx(1.0, rel=1e-13)


def test_rms_norm_leaves_the_mean_square_1_and_the_direction():
    x = drawn(7, mean=3.0)
    y = data(RMSNorm(7, eps=0.0)(x))
    assert statistics.fmean([item**2 for item in y]) == pytest.approx(1.0, rel=1e-14)
    ratios = [a / b for a, b in zip(y, x, strict=True)]
    assert max(ratios) == pytest.approx(min(ratios), rel=1e-14)


@pytest.mark.parametrize(
    ("layer", "sizes"),
    [
        (BatchNorm(2), (3, 2)),
        (BatchNorm(2, affine=False), (2, 2, 2)),
        (LayerNorm(3), (2, 3)),
        (LayerNorm((2, 2), elementwise_affine=False), (2, 2)),
        (RMSNorm(3), (2, 3)),
    ],
    ids=repr,
)
def test_the_gradient_flows_through_mean_and_variance_as_it_should(layer, sizes):
    def f(x):
        return sum(w * y for w, y in zip([1.0, -2.0, 0.5] * 9, numbers(layer(x)), strict=False))

    check_gradients(f, drawn(*sizes, seed=1))


@pytest.mark.parametrize(
    "layer", [BatchNorm(3), BatchNorm(3).eval(), LayerNorm(3), RMSNorm(3)], ids=repr
)
def test_arrays_give_arrays_and_lists_lists(layer):
    x = drawn(4, 3)
    expected = data(copy.deepcopy(layer)(x))
    of_values = np.array(map_numbers(Value, x))
    for array in (np.array(x), of_values):
        y = copy.deepcopy(layer)(array)
        assert isinstance(y, np.ndarray)
        assert y.shape == (4, 3)
        assert data(y) == expected


# --- the state ---

AGAIN = [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]


@pytest.mark.parametrize("again", AGAIN)
@pytest.mark.parametrize("layer", [BatchNorm(3), LayerNorm(3), RMSNorm(3)], ids=repr)
def test_copies_and_pickles_go_on_as_the_first(layer, again):
    layer(drawn(4, 3))
    other = again(layer)
    assert other.state_dict() == layer.state_dict()
    assert data(other(drawn(4, 3, seed=1))) == data(layer(drawn(4, 3, seed=1)))
    assert other.state_dict() == layer.state_dict()


def test_a_loaded_state_goes_on_as_the_first():
    first, second = BatchNorm(3, momentum=None), BatchNorm(3, momentum=None)
    for seed in range(3):
        first(drawn(4, 3, seed=seed))
    second.load_state_dict(first.state_dict())
    assert type(second.num_batches_tracked) is int
    for layer in (first, second):
        layer(drawn(4, 3, seed=9))
    assert first.state_dict() == second.state_dict()
    assert first.num_batches_tracked == 4


def test_evaluation_changes_no_statistics_and_takes_examples_apart():
    layer = BatchNorm(3)
    layer(drawn(5, 3))
    layer.eval()
    before = layer.state_dict()
    x = drawn(4, 3, seed=1)
    together, apart = data(layer(x)), [y for row in x for y in data(layer([row]))]
    assert together == apart
    assert layer.state_dict() == before


def test_without_running_statistics_evaluation_is_as_training():
    layer = BatchNorm(3, track_running_stats=False)
    x = drawn(4, 3)
    assert data(layer(x)) == data(layer.eval()(x))
    assert list(layer.state_dict()) == ["weight", "bias"]


@pytest.mark.parametrize("momentum", [0.1, 0.5, 1.0, None])
def test_running_statistics_are_the_mean_of_those_of_the_batches(momentum):
    layer = BatchNorm(1, momentum=momentum)
    mean, variance = 0.0, 1.0
    for count in range(1, 6):
        batch = drawn(3 + count, 1, seed=count)
        layer(batch)
        step = 1 / count if momentum is None else momentum
        mean += step * (statistics.fmean(data(batch)) - mean)
        variance += step * (statistics.variance(data(batch)) - variance)
    assert layer.running_mean == pytest.approx([mean], rel=1e-14)
    assert layer.running_var == pytest.approx([variance], rel=1e-14)


def test_running_statistics_are_numbers_that_hold_no_graph():
    layer = BatchNorm(2)
    layer(map_numbers(Value, drawn(3, 2)))
    with no_grad():
        layer(map_numbers(Value, drawn(3, 2)))
    assert all(type(x) is float for x in (*layer.running_mean, *layer.running_var))
    assert len(layer.parameters()) == 4


def test_parameters_are_labelled():
    assert BatchNorm(2).weight[1].label == "weight.1"
    assert LayerNorm((2, 2)).bias[1][0].label == "bias.1.0"


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (BatchNorm(3), "BatchNorm(3)"),
        (BatchNorm(3, momentum=None, affine=False), "BatchNorm(3, momentum=None, affine=False)"),
        (LayerNorm((2, 3)), "LayerNorm(2 x 3)"),
        (LayerNorm(2, eps=0.1, bias=False), "LayerNorm(2, eps=0.1, bias=False)"),
        (LayerNorm(2, elementwise_affine=False), "LayerNorm(2, elementwise_affine=False)"),
        (RMSNorm([4]), "RMSNorm(4)"),
    ],
)
def test_summaries_say_what_is_not_as_usual(layer, text):
    assert layer.summary() == text


# --- bad input ---

BAD = [
    (lambda: BatchNorm(0), ValueError, "num_features must be at least 1, got 0"),
    (lambda: BatchNorm(2.0), TypeError, "num_features must be an int"),
    (lambda: BatchNorm(2, eps=-1.0), ValueError, "eps must not be negative, got -1.0"),
    (lambda: BatchNorm(2, momentum=math.nan), ValueError, "momentum must not be negative, got nan"),
    (lambda: BatchNorm(2, momentum="x"), TypeError, "momentum must be a real number, not 'x'"),
    (lambda: BatchNorm(2)([1.0, 2.0]), ValueError, r"^BatchNorm\(2\) takes .*N x 2 x L.* shape 2$"),
    (lambda: BatchNorm(2)(1.0), ValueError, "got one of shape a number"),
    (lambda: BatchNorm(2)(drawn(3, 3)), ValueError, "got one of shape 3 x 3"),
    (lambda: BatchNorm(2)(drawn(1, 2, 1, 1, 2)), ValueError, "1 x 2 x 1 x 1 x 2"),
    (lambda: BatchNorm(2)([[1.0, 2.0], [1.0]]), ValueError, r"BatchNorm\(2\) is ragged"),
    (lambda: BatchNorm(2)(drawn(1, 2)), ValueError, "needs more than 1 number per channel while"),
    (lambda: BatchNorm(2)(drawn(3, 2, 0)), ValueError, "got one of shape 3 x 2 x 0"),
    (lambda: BatchNorm(2)(drawn(1, 2, 1)), ValueError, "got one of shape 1 x 2 x 1"),
    (
        lambda: BatchNorm(2, track_running_stats=False).eval()(drawn(1, 2)),
        ValueError,
        "needs more than 1 number per channel, got",
    ),
    (lambda: LayerNorm(()), ValueError, "normalized_shape must hold at least one size, got none"),
    (lambda: LayerNorm((2, 0)), ValueError, r"normalized_shape\[1\] must be at least 1, got 0"),
    (lambda: LayerNorm("2"), TypeError, "normalized_shape must be an int, got '2'"),
    (lambda: LayerNorm(2, eps=-1), ValueError, "eps must not be negative"),
    (lambda: LayerNorm(2)([1.0]), ValueError, r"^LayerNorm\(2\) takes .* last dimensions are 2, "),
    (lambda: LayerNorm((2, 3))(drawn(3)), ValueError, "are 2 x 3, got one of shape 3"),
    (lambda: LayerNorm(1)(1.0), ValueError, "got one of shape a number"),
    (lambda: RMSNorm(2)(drawn(2, 3)), ValueError, r"^RMSNorm\(2\) takes .* got one of shape 2 x 3"),
    (lambda: RMSNorm(2)(["a", "b"]), TypeError, "must be a real number, not 'a'"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_refused_batch_leaves_the_statistics():
    layer = BatchNorm(2)
    with pytest.raises(ValueError, match="per channel"):
        layer(drawn(1, 2))
    assert layer.num_batches_tracked == 0
    assert layer.running_var == [1.0, 1.0]
