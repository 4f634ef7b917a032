"""The layers that most networks are made of, and how they are put together."""

import copy
import itertools
import math
import pickle
import random

import numpy as np
import pytest

from autograd_scalar import Value, dot, fsum, jit, tanh
from autograd_scalar.graph import topological_order
from autograd_scalar.tape.recording import RecordingError
from autograd_scalar.testing import check_gradients
from nn.activations import ReLU, Tanh
from nn.layers import Dropout, Embedding, Flatten, Linear, Residual, Sequential, affine
from nn.tensors import filled, map_numbers, numbers, shape


def drawn(*sizes, seed=0):
    source = random.Random(seed)
    return filled(sizes, lambda: source.gauss(0, 1))


def data(x):
    return [getattr(number, "data", number) for number in numbers(x)]


# --- laws for all ---


def network():
    return Sequential(Linear(3, 4, rng=0), Tanh(), Residual(Linear(4, 4, rng=1)), Dropout(rng=2))


LAYERS = [
    (lambda: Linear(3, 2, rng=0), (3,)),
    (lambda: Linear(3, 2, bias=False, rng=0), (3,)),
    (lambda: Dropout(0.5, rng=0), (4,)),
    (lambda: Residual(Linear(3, 3, rng=0)), (3,)),
    (lambda: Flatten(1, 2), (2, 3)),
    (network, (3,)),
]


@pytest.mark.parametrize(("make", "sizes"), LAYERS)
def test_arrays_give_arrays_and_lists_lists(make, sizes):
    x = drawn(2, *sizes)
    expected = make()(x)
    assert isinstance(expected, list)
    for array in (np.array(x), np.array(map_numbers(Value, x))):
        y = make()(array)
        assert isinstance(y, np.ndarray)
        assert y.shape == shape(expected)
        assert data(y) == data(expected)
    rows = [np.array(row) for row in x]
    assert data(make()(rows)) == data(make()(tuple(x))) == data(expected)


@pytest.mark.parametrize(("make", "sizes"), LAYERS)
@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_and_pickles_are_as_the_first(make, sizes, again):
    layer = make()
    other = again(layer)
    x = drawn(2, *sizes)
    assert data(other(x)) == data(layer(x))
    assert repr(other) == repr(layer)


@pytest.mark.parametrize(("make", "sizes"), LAYERS)
def test_in_evaluation_a_batch_is_its_examples(make, sizes):
    layer, x = make().eval(), drawn(3, *sizes)
    if isinstance(layer, Flatten):
        layer, flat = Flatten(0), layer
        assert data(flat(x)) == [y for example in x for y in data(layer(example))]
    else:
        assert data(layer(x)) == [y for example in x for y in data(layer(example))]


# --- Linear ---


def test_each_output_is_one_dot_and_one_addition():
    y = Linear(20, 3, rng=0)(drawn(20))
    assert [[node.op for node in topological_order(out) if node.op] for out in y] == [
        ["dot", "+"]
    ] * 3
    assert [out.op for out in Linear(20, 3, bias=False)(drawn(20))] == ["dot"] * 3


@pytest.mark.parametrize("bias", [None, [0.5, -0.25]])
def test_affine_is_what_linear_computes(bias):
    weight, x = drawn(2, 3), drawn(3, seed=1)
    expected = [dot(row, x) + (bias[i] if bias else 0) for i, row in enumerate(weight)]
    assert affine(weight, x, bias) == expected


def test_parameters_begin_within_the_bound_and_labelled():
    layer = Linear(16, 50, rng=0)
    for tensor in (layer.weight, layer.bias):
        assert 0.9 / 4 < max(map(abs, data(tensor))) <= 1 / 4
    assert (layer.weight[2][3].label, layer.bias[1].label) == ("weight.2.3", "bias.1")
    assert Linear(16, 50, rng=random.Random(0)).state_dict() == layer.state_dict()


def test_gradients_are_the_slopes():
    check_gradients(lambda x: fsum(tanh(y) for y in Linear(3, 2, rng=0)(x)), drawn(3))


# --- Sequential ---


def test_layers_are_called_one_after_the_other_and_saved_under_their_places():
    first, last = Linear(2, 3, rng=0), Linear(3, 1, rng=1)
    model = Sequential(first, ReLU(), lambda x: [item * 2 for item in x], last)
    x = drawn(2)
    assert data(model(x)) == data(last([item * 2 for item in ReLU()(first(x))]))
    assert list(model.state_dict()) == ["0.weight", "0.bias", "3.weight", "3.bias"]
    assert first.weight[0][0].label == "0.weight.0.0"


def test_a_sequential_is_a_sequence():
    parts = [Linear(1, 1) for _ in range(11)]  # ten and more: their names are not sorted as text
    model = Sequential(*parts)
    assert len(model) == 11
    assert list(model) == model.layers == parts
    assert (model[0], model[-1]) == (parts[0], parts[10])
    assert model[2:4].layers == parts[2:4]
    with pytest.raises(IndexError):
        model[11]


def test_an_empty_sequential_and_one_in_another():
    x = drawn(3)
    assert Sequential()(x) is x
    assert data(Sequential(Sequential(Linear(3, 2, rng=0)))(x)) == data(Linear(3, 2, rng=0)(x))


@pytest.mark.parametrize(
    ("bad", "x", "note"),
    [
        (Linear(3, 1), [1.0, 2.0], r"in layer 1 of Sequential, Linear(3 -> 1)"),
        (Embedding(2, 1), [5, 6], "in layer 1 of Sequential, Embedding(2, 1)"),
        (math.sqrt, [1.0], "in layer 1 of Sequential, sqrt"),
    ],
)
def test_an_error_says_in_which_layer_it_was(bad, x, note):
    with pytest.raises((ValueError, IndexError, TypeError)) as caught:
        Sequential(Flatten(0), bad)(x)
    assert caught.value.__notes__ == [note]


# --- Residual, Flatten ---


def test_the_gradient_of_a_residual_goes_around_the_inner_layers_too():
    layer = Residual(Linear(1, 1, rng=0))
    x = Value(2.0)
    layer([x])[0].backward()
    assert x.grad == 1 + layer.inner.weight[0][0].data


def test_a_residual_around_a_function_on_arrays():
    assert data(Residual(lambda x: np.array(x) * 10)([1.0, 2.0])) == [11.0, 22.0]


@pytest.mark.parametrize("sizes", [(1,), (2, 3), (2, 1, 3), (2, 3, 1, 2)])
def test_flatten_is_numpys_reshape(sizes):
    x = np.array(drawn(*sizes))
    for start in range(len(sizes)):
        for end in range(start, len(sizes)):
            merged = (*sizes[:start], math.prod(sizes[start : end + 1]), *sizes[end + 1 :])
            expected = x.reshape(merged).tolist()
            assert Flatten(start, end)(x.tolist()) == expected
            assert Flatten(start - len(sizes), end - len(sizes))(x.tolist()) == expected


# --- Dropout ---


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean_and_drops_the_share_it_should(p):
    n = 20_000
    y = Dropout(p, rng=0)([1.0] * n)
    kept = [item for item in y if item]
    assert set(kept) == {1 / (1 - p)}
    deviation = math.sqrt(p * (1 - p) / n)
    assert abs(len(kept) / n - (1 - p)) < 4 * deviation
    assert abs(sum(y) / n - 1) < 4 * deviation / (1 - p)


def test_a_dropped_number_gets_no_gradient_and_a_kept_one_more():
    x = [Value(1.0) for _ in range(50)]
    y = Dropout(0.2, rng=0)(x)
    fsum(y).backward()
    assert [v.grad for v in x] == data(y)
    assert set(data(y)) == {0.0, 1.25}


@pytest.mark.parametrize(
    "layer", [Dropout(0.0), Dropout(0.5).eval(), Dropout(1.0).eval()], ids=["p=0", "eval", "p=1"]
)
def test_dropout_that_drops_nothing_is_the_identity(layer):
    x = map_numbers(Value, drawn(2, 3))
    assert layer(x) == x  # Values are equal only to themselves


def test_dropout_of_everything_is_zeros_and_shapes_and_seeds_are_kept():
    assert Dropout(1.0)([[1.0, 2.0], [3.0, 4.0]]) == [[0.0, 0.0], [0.0, 0.0]]
    x = [[1.0] * 9] * 3
    assert Dropout(rng=5)(x) == Dropout(rng=5)(x) != Dropout(rng=6)(x)
    layer = Dropout(rng=5)
    assert layer(x) != layer(x)


# --- Embedding ---


def test_an_embedding_returns_the_rows_themselves():
    table = Embedding(4, 2, rng=0)
    assert table(3) == table.weight[3]
    assert table(3) is not table.weight[3]
    assert table([[1], [2]]) == [[table.weight[1]], [table.weight[2]]]
    found = table(np.array([[0, 3]]))
    assert found.shape == (1, 2, 2)
    assert found[0, 1].tolist() == table.weight[3]


def test_a_row_that_is_looked_up_twice_gets_both_gradients():
    table = Embedding(3, 1, rng=0)
    fsum(numbers(table([2, 0, 2]))).backward()
    assert [row[0].grad for row in table.weight] == [1.0, 0.0, 2.0]


@pytest.mark.parametrize("padding", [1, -2])
def test_the_padding_is_zeros_that_are_not_trained(padding):
    table = Embedding(3, 2, padding_idx=padding, rng=0)
    assert table(1) == [0.0, 0.0]
    assert table.padding_idx == 1
    fsum(numbers(table([0, 1, 1]))).backward()
    assert [v.grad for v in table.weight[1]] == [0.0, 0.0]
    assert shape(table.state_dict()["weight"]) == (3, 2)


def test_an_embedding_is_linear_on_one_hot_vectors():
    table, layer = Embedding(4, 3, rng=0), Linear(4, 3, bias=False)
    layer.load_state_dict({"weight": list(zip(*table.state_dict()["weight"], strict=True))})
    for i in range(4):
        assert data(table(i)) == data(layer([float(i == j) for j in range(4)]))


# --- what is said of them, and bad input ---


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (Linear(2, 3), "Linear(2 -> 3)"),
        (Linear(2, 3, bias=False), "Linear(2 -> 3, bias=False)"),
        (Dropout(0.25), "Dropout(p=0.25)"),
        (Flatten(), "Flatten(1, -1)"),
        (Embedding(5, 2), "Embedding(5, 2)"),
        (Embedding(5, 2, padding_idx=-1), "Embedding(5, 2, padding_idx=4)"),
        (Sequential(), "Sequential"),
    ],
)
def test_summaries(layer, text):
    assert layer.summary() == text


LINEAR, TABLE = Linear(3, 2), Embedding(3, 2)
BAD = [
    (lambda: Linear(0, 1), ValueError, "in_features must be at least 1, got 0"),
    (lambda: Linear(1, 2.0), TypeError, r"out_features must be an int, got 2.0 \(float\)"),
    (lambda: Linear(1, 1, rng=0.5), TypeError, "rng must be"),
    (lambda: LINEAR([1.0, 2.0]), ValueError, r"^Linear\(3 -> 2\) takes vectors of 3 numbers, got"),
    (lambda: LINEAR([]), ValueError, "got one of 0"),
    (lambda: LINEAR([[1.0, 2.0, 3.0], [1.0]]), ValueError, "got one of 1"),
    (lambda: LINEAR(3.0), TypeError, "takes vectors of 3 numbers, got float 3.0"),
    (lambda: LINEAR("abc"), TypeError, "takes vectors of 3 numbers, got str 'abc'"),
    (lambda: LINEAR(None), TypeError, "got NoneType None"),
    (lambda: LINEAR(["a", "b", "c"]), TypeError, "dot: a constant operand must be a real .* 'a'"),
    (lambda: LINEAR([1.0, [2.0], 3.0]), TypeError, "dot: a constant operand must be a real number"),
    (lambda: LINEAR(np.zeros((2, 4))), ValueError, "got one of 4"),
    (lambda: Sequential(LINEAR, 3), TypeError, "layer 1 must be a module or a function, got 3"),
    (lambda: Residual(None), TypeError, "inner must be a module or a function, got None"),
    (
        lambda: Residual(LINEAR)([1.0, 2.0, 3.0]),
        ValueError,
        r"adds what Linear\(3 -> 2\) returns to its input, which is of shape 3, and got 2$",
    ),
    (lambda: Flatten(1.5), TypeError, "start_dim must be an int"),
    (lambda: Flatten()([1.0]), ValueError, r"^Flatten\(1, -1\) makes one of .* of 1 dimension$"),
    (lambda: Flatten(1, 0)([[1.0]]), ValueError, "of dimensions 1 to 0, got an input of 2 dim"),
    (lambda: Flatten(0, 2)([[1.0]]), ValueError, "of dimensions 0 to 2, got an input of 2 dim"),
    (lambda: Flatten()([[1.0], [1.0, 2.0]]), ValueError, "is ragged"),
    (lambda: Dropout(-0.1), ValueError, "p must be a probability from 0 to 1, got -0.1"),
    (lambda: Dropout(1.1), ValueError, "p must be a probability from 0 to 1, got 1.1"),
    (lambda: Dropout(math.nan), ValueError, "p must be a probability from 0 to 1, got nan"),
    (lambda: Dropout("x"), TypeError, "p must be a real number, not 'x'"),
    (lambda: Embedding(0, 1), ValueError, "num_embeddings must be at least 1"),
    (lambda: Embedding(1, 0), ValueError, "embedding_dim must be at least 1"),
    (lambda: Embedding(3, 1, 3), ValueError, "padding_idx must be one of 3 vectors, got 3"),
    (lambda: Embedding(3, 1, -4), ValueError, "padding_idx must be one of 3 vectors, got -4"),
    (lambda: Embedding(3, 1, 1.0), TypeError, "padding_idx must be an int"),
    (lambda: TABLE(3), IndexError, r"index of Embedding\(3, 2\) must be in 0..2, got 3"),
    (lambda: TABLE([0, [-1]]), IndexError, r"must be in 0..2, got -1"),
    (lambda: TABLE([1.0]), TypeError, r"an index of Embedding\(3, 2\) must be an int, got 1.0"),
    (lambda: TABLE("a"), TypeError, r"an index of Embedding\(3, 2\) must be an int, got 'a'"),
    (lambda: TABLE([True]), TypeError, "must be an int, got True"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


# --- Recorded ---


def test_a_recorded_table_is_looked_up_anew():
    table = Embedding(4, 2, padding_idx=1, rng=0)
    fast = jit(lambda x, y: dot(table(x), table(y)), backend="python")
    for x, y in itertools.product(range(4), repeat=2):
        eager = dot(table(x), table(y))
        table.zero_grad()
        if isinstance(eager, Value):
            eager.backward()
        value, gradient = fast.value_and_grad(x, y, wrt=table.parameters())
        assert value == (eager.data if isinstance(eager, Value) else eager)
        assert gradient == [p.grad for p in table.parameters()]
    table.weight[1][0].data = 5.0  # of the padding
    assert fast(1, 1) == 25.0
    for bad in (4, -1):
        with pytest.raises(IndexError, match=rf"must be in 0\.\.3, got {bad}"):
            fast(0, bad)
    with pytest.raises(TypeError, match="must be an int"):
        fast(0, 0.5)


def test_dropout_is_not_recorded_unless_it_may_draw_anew():
    layer = Dropout(0.5)
    fast = jit(layer, backend="python")
    with pytest.raises(RecordingError, match=r"model\.eval\(\)"):
        fast([1.0, 2.0])
    layer.eval()
    assert fast([1.0, 2.0]) == [1.0, 2.0]
