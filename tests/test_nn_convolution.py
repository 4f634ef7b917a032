"""Convolutions and pooling: PyTorch's numbers, what meets what, and each other's gradients."""

import copy
import math
import pickle
import random

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_scalar import Value, dot, fsum
from autograd_scalar.graph import topological_order
from autograd_scalar.testing import check_gradients
from nn.convolution import (
    PADDING_MODES,
    AvgPool1d,
    AvgPool2d,
    Conv1d,
    Conv2d,
    ConvTranspose1d,
    ConvTranspose2d,
    MaxPool1d,
    MaxPool2d,
    taps,
    turned,
)
from nn.tensors import filled, map_numbers, numbers, shape


def drawn(*sizes, seed=0):
    source = random.Random(seed)
    return filled(sizes, lambda: source.gauss(0, 1))


def data(x):
    return [getattr(number, "data", number) for number in numbers(x)]


# --- a convolution and its transpose ---

GEOMETRY = st.fixed_dictionaries(
    {
        "kernel_size": st.integers(1, 4),
        "stride": st.integers(1, 3),
        "padding": st.integers(0, 3),
        "dilation": st.integers(1, 3),
    }
)


def back_and_forth(forth, back, sizes, number):
    """The gradient of `forth` by its input, and what `back` makes of what comes from above."""
    back.load_state_dict(forth.state_dict())
    x = filled(sizes, lambda: Value(number()))
    y = forth(x)
    upstream = map_numbers(lambda _: number(), y)
    # The sum is a Value even if all outputs lie on padding alone, and are plain zeros.
    (Value(0.0) + dot(list(numbers(upstream)), list(numbers(y)))).backward()
    return [v.grad for v in numbers(x)], back(upstream)


def pair(dimensions, geometry, lengths, channels, groups):
    """A convolution, and the transposed one that leads back to inputs of these lengths."""
    forth_class, back_class = [(Conv1d, ConvTranspose1d), (Conv2d, ConvTranspose2d)][dimensions - 1]
    ins, outs = groups * channels[0], groups * channels[1]
    forth = forth_class(ins, outs, **geometry, groups=groups, bias=False, rng=0)
    spans = [
        length + 2 * geometry["padding"] - geometry["dilation"] * (geometry["kernel_size"] - 1) - 1
        for length in lengths
    ]
    if min(spans) < 0:
        hypothesis.reject()
    left = tuple(span % geometry["stride"] for span in spans)
    back = back_class(outs, ins, **geometry, output_padding=left, groups=groups, bias=False, rng=0)
    return forth, back, (ins, *lengths)


@given(
    st.integers(1, 2),
    GEOMETRY,
    st.lists(st.integers(1, 6), min_size=2, max_size=2),
    st.tuples(st.integers(1, 2), st.integers(1, 2)),
    st.integers(1, 2),
)
def test_the_gradient_by_the_input_is_the_transposed_convolution(
    dimensions, geometry, lengths, channels, groups
):
    forth, back, sizes = pair(dimensions, geometry, lengths[:dimensions], channels, groups)
    source = random.Random(0)
    # Whole numbers are added without rounding, in whatever order: equal to the last bit.
    for parameter in forth.parameters():
        parameter.data = float(source.randrange(-9, 10))
    gradient, transposed = back_and_forth(
        forth, back, sizes, lambda: float(source.randrange(-9, 10))
    )
    assert shape(transposed) == sizes
    assert gradient == data(transposed)


@pytest.mark.parametrize("dimensions", [1, 2])
def test_and_on_any_numbers_it_is_that_but_for_rounding(dimensions):
    geometry = {"kernel_size": 3, "stride": 2, "padding": 1, "dilation": 1}
    forth, back, sizes = pair(dimensions, geometry, (6, 5)[:dimensions], (2, 3), 1)
    source = random.Random(0)
    gradient, transposed = back_and_forth(forth, back, sizes, lambda: source.gauss(0, 1))
    assert gradient == pytest.approx(data(transposed), rel=1e-14, abs=1e-15)


@given(GEOMETRY, st.integers(1, 7), st.integers(0, 7))
def test_taps_turned_twice_are_the_taps(geometry, length, outputs):
    found = taps(
        length,
        outputs,
        geometry["kernel_size"],
        geometry["stride"],
        geometry["padding"],
        geometry["dilation"],
    )
    assert turned(turned(found, length), outputs) == found


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize(("length", "padding"), [(1, 0), (2, 1), (5, 4), (5, 2), (3, 2)])
def test_padding_takes_the_numbers_that_numpy_takes(length, padding, mode):
    in_numpy = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode]
    padded = np.pad(np.arange(length), padding, in_numpy).tolist()
    found = taps(length, length + 2 * padding, 1, 1, padding, mode=mode)
    assert [[i for _, i in tap] for tap in found] == [[i] for i in padded]


# --- convolutions ---

LAYERS = [
    (Conv1d(2, 3, 2, rng=0), (2, 4)),
    (Conv1d(2, 2, 3, padding=2, padding_mode="circular", groups=2, rng=0), (2, 3)),
    (Conv2d(2, 1, 2, stride=(2, 1), rng=0), (2, 3, 3)),
    (ConvTranspose1d(2, 1, 3, stride=2, rng=0), (2, 3)),
    (ConvTranspose2d(1, 2, 2, padding=1, rng=0), (1, 3, 2)),
    (MaxPool1d(2), (2, 4)),
    (MaxPool2d(2, stride=1, padding=1), (1, 2, 3)),
    (AvgPool1d(3, padding=1), (2, 4)),
    (AvgPool2d(2, ceil_mode=True), (1, 3, 3)),
]
NAMES = [layer.summary() for layer, _ in LAYERS]


@pytest.mark.parametrize(("layer", "sizes"), LAYERS, ids=NAMES)
def test_a_batch_is_its_examples_and_arrays_give_arrays(layer, sizes):
    x = drawn(3, *sizes)
    expected = layer(x)
    assert data(expected) == [y for example in x for y in data(layer(example))]
    for array in (np.array(x), np.array(map_numbers(Value, x))):
        y = layer(array)
        assert isinstance(y, np.ndarray)
        assert y.shape == shape(expected)
        assert data(y) == data(expected)
    assert data(layer([np.array(example) for example in x])) == data(expected)


@pytest.mark.parametrize(("layer", "sizes"), LAYERS, ids=NAMES)
def test_gradients_are_the_slopes(layer, sizes):
    weights = drawn(100, seed=1)
    check_gradients(
        lambda x: fsum(w * y for w, y in zip(weights, numbers(layer(x)), strict=False)),
        drawn(*sizes, seed=2),
    )


@pytest.mark.parametrize(("layer", "sizes"), LAYERS, ids=NAMES)
@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_and_pickles_are_as_the_first(layer, sizes, again):
    other = again(layer)
    assert data(other(drawn(*sizes))) == data(layer(drawn(*sizes)))
    assert other.summary() == layer.summary()


@pytest.mark.parametrize("layer", [Conv1d, ConvTranspose1d])
def test_each_output_is_one_dot_over_what_lies_on_the_input(layer):
    y = layer(2, 1, 3, padding=1, bias=False, rng=0)(map_numbers(Value, drawn(2, 4)))[0]
    assert [node.op for node in y] == ["dot"] * 4
    # The outer places have two of the three taps, in two channels, each a weight and an input.
    assert [len(node.parents) for node in y] == [8, 12, 12, 8]
    assert {node.op for end in y for node in topological_order(end)} == {"", "dot"}


def test_an_output_that_lies_on_padding_alone_is_the_bias():
    layer = Conv1d(1, 1, 1, padding=1, rng=0)
    before, _, after = layer([[5.0]])[0]
    assert before.data == after.data == layer.bias[0].data
    alone = Conv1d(1, 1, 1, padding=1, bias=False)([[5.0]])[0][0]
    assert str(alone) == "0.0"  # and not -0.0, which is the sum of nothing in `dot`


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("mode", PADDING_MODES)
def test_same_padding_keeps_the_length_and_valid_is_none(kernel, dilation, mode):
    x = drawn(1, 13)
    options = {"dilation": dilation, "padding_mode": mode, "rng": 0}
    assert shape(Conv1d(1, 2, kernel, padding="same", **options)(x)) == (2, 13)
    valid = Conv1d(1, 2, kernel, padding="valid", **options)
    assert data(valid(x)) == data(Conv1d(1, 2, kernel, **options)(x))


def test_groups_see_only_themselves():
    layer = Conv1d(4, 2, 2, groups=2, rng=0)
    x = map_numbers(Value, drawn(4, 3))
    fsum(layer(x)[1]).backward()
    assert all(v.grad == 0 for v in numbers(x[:2]))
    assert all(v.grad != 0 for v in numbers(x[2:]))


@pytest.mark.parametrize(
    ("layer", "fan_in"),
    [
        (Conv1d(16, 8, 4, rng=0), 64),
        (Conv2d(8, 8, (2, 2), groups=2, rng=0), 16),
        (ConvTranspose1d(8, 16, 4, rng=0), 64),
        (ConvTranspose2d(8, 8, 2, groups=2, rng=0), 16),
    ],
    ids=repr,
)
def test_parameters_begin_within_the_bound_of_their_fan_in(layer, fan_in):
    bound = 1 / math.sqrt(fan_in)
    for tensor in (layer.weight, layer.bias):
        assert max(map(abs, data(tensor))) <= bound
    assert max(map(abs, data(layer.weight))) > 0.95 * bound
    assert next(numbers(layer.weight)).label.startswith("weight.0.0.0")


# --- pooling ---


def test_the_largest_is_itself_and_of_several_the_first():
    x = [Value(1.0), Value(3.0), Value(3.0), Value(2.0)]
    assert MaxPool1d(4)([x]) == [[x[1]]]
    assert MaxPool1d(2)([x]) == [[x[1], x[2]]]
    assert MaxPool1d(2)([[-math.inf, -math.inf]]) == [[-math.inf]]


@pytest.mark.parametrize("place", range(3))
def test_a_window_with_a_nan_has_no_largest(place):
    x = [1.0, 2.0, 3.0]
    x[place] = math.nan
    assert math.isnan(MaxPool1d(3)([x])[0][0])


@pytest.mark.parametrize("layer", [AvgPool1d, AvgPool2d])
def test_the_mean_of_a_constant_is_that_where_the_padding_is_not_counted(layer):
    sizes = (1, 5) if layer is AvgPool1d else (1, 5, 4)
    x = filled(sizes, lambda: 3.0)
    y = layer(3, stride=2, padding=1, ceil_mode=True, count_include_pad=False)(x)
    assert set(data(y)) == {3.0}
    assert min(data(layer(3, stride=2, padding=1)(x))) < 3.0


# --- what is said of them, and bad input ---


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (Conv1d(2, 3, 4), "Conv1d(2 -> 3, kernel_size=(4,))"),
        (
            Conv2d(2, 4, (1, 3), 2, "valid", groups=2, bias=False, padding_mode="reflect"),
            "Conv2d(2 -> 4, kernel_size=(1, 3), stride=(2, 2), padding=valid, groups=2, "
            "padding_mode=reflect, bias=False)",
        ),
        (
            ConvTranspose1d(2, 3, 4, stride=2, output_padding=1),
            "ConvTranspose1d(2 -> 3, kernel_size=(4,), stride=(2,), output_padding=(1,))",
        ),
        (MaxPool2d(2), "MaxPool2d(kernel_size=(2, 2))"),
        (
            AvgPool1d(2, stride=1, ceil_mode=True, count_include_pad=False),
            "AvgPool1d(kernel_size=(2,), stride=(1,), ceil_mode=True, count_include_pad=False)",
        ),
    ],
)
def test_summaries_say_what_is_not_as_usual(layer, text):
    assert layer.summary() == text


CONV, CONV2, TRANSPOSED = Conv1d(2, 1, 3), Conv2d(2, 1, 3), ConvTranspose1d(2, 1, 3, padding=2)
BAD = [
    (lambda: Conv1d(0, 1, 1), ValueError, "in_channels must be at least 1, got 0"),
    (lambda: Conv1d(1, 1.5, 1), TypeError, "out_channels must be an int, got 1.5"),
    (lambda: Conv1d(1, 1, 0), ValueError, "kernel_size must be at least 1, got 0"),
    (lambda: Conv1d(1, 1, None), TypeError, "kernel_size must be an int, got None"),
    (lambda: Conv1d(1, 1, (2, 2)), ValueError, r"kernel_size of Conv1d .* int or 1 .*\(2, 2\)"),
    (lambda: Conv2d(1, 1, (2,)), ValueError, r"kernel_size of Conv2d must be an int or 2 of them"),
    (lambda: Conv2d(1, 1, 2, stride=0), ValueError, "stride must be at least 1, got 0"),
    (lambda: Conv2d(1, 1, 2, padding=(0, -1)), ValueError, r"padding must be at least 0, .* -1\)"),
    (lambda: Conv2d(1, 1, 2, dilation="2"), TypeError, "dilation must be an int, got '2'"),
    (lambda: Conv1d(3, 2, 1, groups=2), ValueError, "in_channels .* multiple of groups, got 3 and"),
    (lambda: Conv1d(2, 3, 1, groups=2), ValueError, "out_channels must be a multiple of groups"),
    (lambda: Conv1d(2, 2, 1, groups=0), ValueError, "groups must be at least 1"),
    (lambda: Conv1d(1, 1, 1, padding="some"), ValueError, "padding 'some', did you mean 'same'"),
    (lambda: Conv1d(1, 1, 1, 2, "same"), ValueError, "padding 'same' needs the stride 1, got 2"),
    (lambda: Conv1d(1, 1, 1, padding_mode="zero"), ValueError, "did you mean 'zeros'"),
    (
        lambda: ConvTranspose1d(1, 1, 2, output_padding=1),
        ValueError,
        "output_padding must be below",
    ),
    (lambda: ConvTranspose1d(1, 1, 2, padding="same"), TypeError, "padding must be an int"),
    (lambda: MaxPool1d(2, padding=2), ValueError, "at most half of kernel_size 2, got 2"),
    (lambda: AvgPool2d(0), ValueError, "kernel_size must be at least 1"),
    (lambda: CONV([1.0]), ValueError, r"^Conv1d\(.*\) takes an input of shape 2 x L or N x 2 x L,"),
    (lambda: CONV(1.0), ValueError, "got one of shape a number"),
    (lambda: CONV(drawn(3, 5)), ValueError, "got one of shape 3 x 5"),
    (lambda: CONV(drawn(1, 1, 2, 5)), ValueError, "got one of shape 1 x 1 x 2 x 5"),
    (lambda: CONV([[1.0, 2.0, 3.0], [1.0]]), ValueError, "is ragged"),
    (lambda: CONV(drawn(2, 2)), ValueError, "space 2 is too small for Conv1d.*would be of space 0"),
    (lambda: CONV([[], []]), ValueError, "an input of space 0 is too small for Conv1d"),
    (lambda: CONV2(drawn(2, 5)), ValueError, "2 x H x W or N x 2 x H x W, got one of shape 2 x 5"),
    (lambda: CONV2(drawn(2, 5, 2)), ValueError, "space 5 x 2 is too small .* space 3 x 0"),
    (lambda: TRANSPOSED(drawn(2, 2)), ValueError, "too small for ConvTranspose1d.* of space 0"),
    (
        lambda: Conv1d(1, 1, 1, padding=2, padding_mode="reflect")([[1.0, 2.0]]),
        ValueError,
        "reflects 2 places, more than an input of space 2 has",
    ),
    (lambda: MaxPool1d(3)([[1.0]]), ValueError, r"space 1 is too small for MaxPool1d\(kernel"),
    (lambda: MaxPool2d(1)([[1.0]]), ValueError, r"shape C x H x W or N x C x H x W, got .* 1 x 1$"),
    (
        lambda: CONV([["a"] * 3] * 2),
        TypeError,
        "dot: a constant operand must be a real number, not 'a'",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
