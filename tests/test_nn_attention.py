"""Attention: PyTorch's numbers, who may look at whom, and what the weights are."""

import copy
import math
import pickle
import random

import numpy as np
import pytest

from autograd_scalar import Value, fsum
from autograd_scalar.graph import topological_order
from autograd_scalar.testing import check_gradients
from nn.attention import Attention
from nn.tensors import filled, map_numbers, numbers, shape


def drawn(*sizes, seed=0):
    source = random.Random(seed)
    return filled(sizes, lambda: source.gauss(0, 1))


def data(x):
    return [getattr(number, "data", number) for number in numbers(x)]


# --- weights ---


@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize("causal", [True, False])
def test_weights_are_probabilities_and_nothing_is_seen_of_what_comes_later(heads, causal):
    layer = Attention(4, heads, causal=causal, rng=0)
    output, weights = layer(drawn(2, 5, 4), need_weights=True)
    assert (shape(output), shape(weights)) == ((2, 5, 4), (2, 5, 5))
    for rows in weights:
        for t, row in enumerate(rows):
            assert sum(data(row)) == pytest.approx(1.0, rel=1e-15)
            assert all((w > 0) == (s <= t or not causal) for s, w in enumerate(data(row)))


@pytest.mark.parametrize("heads", [1, 2])
def test_the_past_is_not_changed_by_the_future(heads):
    layer = Attention(4, heads, causal=True, rng=0)
    x = drawn(6, 4)
    whole = data(layer(x))
    for t in range(1, 6):
        assert data(layer(x[:t])) == whole[: 4 * t]


def test_the_gradient_by_what_may_not_be_seen_is_zero():
    x = map_numbers(Value, drawn(4, 2))
    fsum(Attention(2, causal=True, rng=0)(x)[1]).backward()
    assert [any(v.grad != 0 for v in row) for row in x] == [True, True, False, False]


def test_causal_is_the_mask_that_forbids_what_comes_later():
    x = drawn(4, 4)
    mask = [[s > t for s in range(4)] for t in range(4)]
    endless = [[-math.inf if s > t else 0.0 for s in range(4)] for t in range(4)]
    expected = data(Attention(4, 2, causal=True, rng=0)(x))
    layer = Attention(4, 2, rng=0)
    for same in (mask, endless, np.array(mask), np.array(endless)):
        assert data(layer(x, mask=same)) == expected


def test_without_order_a_permutation_of_the_keys_changes_nothing():
    layer, query, keys = Attention(4, 2, rng=0), drawn(3, 4), drawn(5, 4, seed=1)
    expected = data(layer(query, keys))
    assert data(layer(query, keys[::-1])) == pytest.approx(expected, rel=1e-13)


def test_a_key_that_answers_far_better_takes_all():
    layer = Attention(1, rng=0)
    layer.load_state_dict(
        {
            "in_proj_weight": [[1.0], [1.0], [1.0]],
            "in_proj_bias": [0.0, 0.0, 0.0],
            "out_proj.weight": [[1.0]],
            "out_proj.bias": [0.0],
        }
    )
    output, weights = layer([[1e3]], [[1.0], [2e3], [-1e3]], need_weights=True)
    assert data(output) == [2e3]
    assert data(weights) == [0.0, 1.0, 0.0]


def test_scores_and_outputs_are_one_dot_each():
    layer = Attention(4, 2, rng=0)
    dots = [
        node for node in topological_order(fsum(numbers(layer(drawn(3, 4))))) if node.op == "dot"
    ]
    projections, scores, outputs, joined = 3 * 3 * 4, 2 * 3 * 3, 3 * 4, 3 * 4
    assert len(dots) == projections + scores + outputs + joined


def test_a_mask_of_values_is_learned():
    layer, bias = Attention(2, rng=0), map_numbers(Value, drawn(3, 3))
    fsum(
        w * y for w, y in zip(drawn(6), numbers(layer(drawn(3, 2), mask=bias)), strict=True)
    ).backward()
    assert all(b.grad != 0 for b in numbers(bias))


def test_dropout_drops_weights_while_training_alone():
    layer = Attention(2, dropout=0.5, rng=0)
    x = drawn(8, 2)
    _, weights = layer(x, need_weights=True)
    dropped = sum(w == 0 for w in data(weights))
    assert 16 <= dropped <= 48  # of 64, four standard deviations
    layer.eval()
    first, second = layer(x), Attention(2, rng=0)(x)
    assert data(first) == data(second)


# --- the rest ---


@pytest.mark.parametrize("heads", [1, 2])
def test_gradients_are_the_slopes(heads):
    layer = Attention(2, heads, rng=0)
    weights = drawn(4, seed=3)

    def f(query, key, value):
        return fsum(w * y for w, y in zip(weights, numbers(layer(query, key, value)), strict=True))

    check_gradients(f, drawn(2, 2), drawn(3, 2, seed=1), drawn(3, 2, seed=2))


def test_a_batch_is_its_examples_and_arrays_give_arrays():
    layer = Attention(4, 2, rng=0)
    query, key = drawn(2, 3, 4), drawn(2, 5, 4, seed=1)
    expected = data(layer(query, key))
    assert expected == [y for q, k in zip(query, key, strict=True) for y in data(layer(q, k))]
    for make in (np.array, lambda x: np.array(map_numbers(Value, x))):
        output, weights = layer(make(query), key=make(key), need_weights=True)
        assert isinstance(output, np.ndarray)
        assert isinstance(weights, np.ndarray)
        assert (output.shape, weights.shape) == ((2, 3, 4), (2, 3, 5))
        assert data(output) == expected


def test_key_and_value_are_by_default_the_query_and_the_key():
    layer, x, key = Attention(4, 2, rng=0), drawn(3, 4), drawn(2, 4, seed=1)
    assert data(layer(x)) == data(layer(x, x)) == data(layer(x, x, x))
    assert data(layer(x, key)) == data(layer(x, key, key))


@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_and_pickles_are_as_the_first(again):
    layer = Attention(4, 2, dropout=0.5, rng=0)
    other = again(layer)
    assert data(other(drawn(3, 4))) == data(layer(drawn(3, 4)))


def test_parameters_begin_as_in_pytorch():
    layer = Attention(16, rng=0)
    bound = math.sqrt(6 / (16 + 48))
    assert 0.98 * bound < max(map(abs, data(layer.in_proj_weight))) <= bound
    assert 0.98 / 4 < max(map(abs, data(layer.out_proj.weight))) <= 1 / 4
    assert set(data(layer.in_proj_bias)) == set(data(layer.out_proj.bias)) == {0.0}
    assert layer.out_proj.weight[0][1].label == "out_proj.weight.0.1"


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (Attention(4), "Attention(4)"),
        (Attention(4, 2, bias=False, causal=True), "Attention(4, num_heads=2, bias=False, causal)"),
    ],
)
def test_summaries_say_what_is_not_as_usual(layer, text):
    assert layer.summary() == text


LAYER = Attention(2, rng=0)
BAD = [
    (lambda: Attention(0), ValueError, "embed_dim must be at least 1, got 0"),
    (lambda: Attention(2, 0), ValueError, "num_heads must be at least 1, got 0"),
    (lambda: Attention(3, 2), ValueError, "embed_dim must be a multiple of num_heads, got 3 and 2"),
    (lambda: Attention(2, dropout=1.5), ValueError, "p must be a probability from 0 to 1, got 1.5"),
    (lambda: LAYER([1.0, 2.0]), ValueError, r"^Attention\(2\) takes a query of shape T x 2 or N x"),
    (lambda: LAYER(drawn(3, 3)), ValueError, "got one of shape 3 x 3"),
    (lambda: LAYER(drawn(1, 1, 3, 2)), ValueError, "got one of shape 1 x 1 x 3 x 2"),
    (lambda: LAYER(1.0), ValueError, "got one of shape a number"),
    (lambda: LAYER([[1.0, 2.0], [1.0]]), ValueError, r"^a query of Attention\(2\) is ragged"),
    (lambda: LAYER(drawn(3, 2), drawn(3, 3)), ValueError, "takes a key of shape S x 2, got one"),
    (lambda: LAYER(drawn(2, 3, 2), drawn(3, 2)), ValueError, "takes a key of shape 2 x S x 2, got"),
    (lambda: LAYER(drawn(2, 3, 2), drawn(1, 3, 2)), ValueError, "got one of shape 1 x 3 x 2"),
    (lambda: LAYER(drawn(3, 2), drawn(3, 2), drawn(4, 2)), ValueError, "a value of shape 3 x 2, "),
    (lambda: LAYER(drawn(3, 2), value=drawn(3, 2)), ValueError, "a value only along with a key"),
    (lambda: LAYER(drawn(3, 2), mask=drawn(3, 2)), ValueError, "a mask of shape 3 x 3, got one of"),
    (lambda: LAYER(drawn(2, 2), mask=[[0, 1], [0, 0]]), TypeError, "bools or floats, got ints"),
    (
        lambda: LAYER(drawn(2, 2), mask=[[False, True], [True, True]]),
        ValueError,
        r"mask of Attention\(2\) leaves nothing that query 1 may attend to",
    ),
    (lambda: LAYER([["a", "b"]]), TypeError, "dot: a constant operand must be a real number"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
