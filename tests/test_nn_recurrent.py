"""Recurrent cells: PyTorch's numbers, gates and states; time, and how far back gradients go."""

import copy
import math
import pickle
import random

import numpy as np
import pytest

from autograd_scalar import Value, fsum
from autograd_scalar.graph import topological_order
from autograd_scalar.testing import check_gradients
from nn.recurrent import GRUCell, LSTMCell, RNNCell, unroll
from nn.tensors import filled, map_numbers, numbers, shape

CELLS = [RNNCell, GRUCell, LSTMCell]


def drawn(*sizes, seed=0):
    source = random.Random(seed)
    return filled(sizes, lambda: source.gauss(0, 1))


def data(x):
    return [getattr(number, "data", number) for number in numbers(x)]


# --- cells ---


@pytest.mark.parametrize("cell", CELLS)
def test_parameters_begin_within_the_bound_of_their_hidden_size(cell):
    layer = cell(20, 25, rng=0)
    drawn_data = [p.data for p in layer.parameters()]
    assert 0.99 / 5 < max(map(abs, drawn_data)) <= 1 / 5
    assert cell(20, 25, rng=0).state_dict() == layer.state_dict()
    assert cell(20, 25, rng=1).state_dict() != layer.state_dict()
    assert layer.weight_ih[1][2].label == "weight_ih.1.2"


@pytest.mark.parametrize("cell", CELLS)
def test_without_a_state_it_is_zeros(cell):
    layer = cell(2, 3, rng=0)
    x = drawn(4, 2)
    zeros = (filled((4, 3), lambda: 0.0), filled((4, 3), lambda: 0.0))
    assert data(layer(x)) == data(layer(x, zeros if cell is LSTMCell else zeros[0]))


@pytest.mark.parametrize("cell", CELLS)
def test_a_batch_is_its_examples(cell):
    layer = cell(2, 3, rng=0)
    x, h, c = drawn(4, 2), drawn(4, 3, seed=1), drawn(4, 3, seed=2)
    if cell is LSTMCell:
        together = list(zip(*layer(x, (h, c)), strict=True))
        apart = [layer(x_i, (h_i, c_i)) for x_i, h_i, c_i in zip(x, h, c, strict=True)]
    else:
        together, apart = layer(x, h), [layer(x_i, h_i) for x_i, h_i in zip(x, h, strict=True)]
    assert data(together) == data(apart)


@pytest.mark.parametrize("cell", CELLS)
def test_arrays_give_arrays_and_lists_lists(cell):
    layer = cell(2, 3, rng=0)
    x, h = drawn(4, 2), drawn(4, 3, seed=1)
    state = (h, h) if cell is LSTMCell else h
    expected = data(layer(x, state))
    for make in (np.array, lambda x: np.array(map_numbers(Value, x))):
        arrays = (make(h), make(h)) if cell is LSTMCell else make(h)
        found = layer(make(x), arrays)
        for array in found if cell is LSTMCell else (found,):
            assert isinstance(array, np.ndarray)
            assert array.shape == (4, 3)
        assert data(found) == expected
        assert data(layer(x, arrays)) == expected


def flat_outputs(layer, x, *state):
    return fsum(
        w * y for w, y in zip([1.0, -2.0, 0.5] * 9, numbers(layer(x, *state)), strict=False)
    )


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_are_the_slopes(cell):
    layer = cell(2, 2, rng=0)
    if cell is LSTMCell:
        check_gradients(
            lambda x, h, c: flat_outputs(layer, x, (h, c)), drawn(2), drawn(2, seed=1), drawn(2)
        )
    else:
        check_gradients(lambda x, h: flat_outputs(layer, x, h), drawn(2), drawn(2, seed=1))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_and_pickles_are_as_the_first(cell, again):
    layer = cell(2, 3, rng=0)
    other = again(layer)
    assert data(other(drawn(2))) == data(layer(drawn(2)))
    assert other.summary() == layer.summary()


@pytest.mark.parametrize(("cell", "gates"), [(RNNCell, 1), (GRUCell, 3), (LSTMCell, 4)])
def test_a_gate_takes_one_dot_of_the_input_and_one_of_the_state(cell, gates):
    layer = cell(5, 1, rng=0)
    h, c = [[Value(0.5)], [Value(0.25)]]
    found = layer(drawn(5), (h, c) if cell is LSTMCell else h)
    node = found[0][0] if cell is LSTMCell else found[0]
    dots = [node for node in topological_order(node) if node.op == "dot"]
    assert len(dots) == 2 * gates + (cell is LSTMCell)  # and one for the memory


def test_a_forget_gate_that_is_open_and_an_input_gate_that_is_shut_keep_the_memory():
    cell = LSTMCell(1, 1, rng=0)
    state = {path: map_numbers(lambda _: 0.0, tensor) for path, tensor in cell.state_dict().items()}
    cell.load_state_dict(state | {"bias_ih": [-800.0, 800.0, 0.0, 800.0]})
    outputs, (h, c) = unroll(cell, drawn(50, 1), ([0.0], [0.7]))
    assert c[0].data == 0.7
    assert h[0].data == math.tanh(0.7)
    assert len(outputs) == 50


def test_an_update_gate_that_is_open_keeps_the_state():
    cell = GRUCell(1, 1, rng=0)
    cell.bias_ih[1].data = 800.0
    _, h = unroll(cell, drawn(50, 1), [0.7])
    assert h[0].data == pytest.approx(0.7, rel=1e-14)


# --- time ---


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("sizes", [(4, 2), (3, 5, 2)])
def test_unrolling_is_calling_the_cell_step_by_step(cell, sizes):
    layer, x = cell(2, 3, rng=0), drawn(*sizes)
    outputs, last = unroll(layer, x)
    state, expected = None, []
    for item in x:
        state = layer(item, state)
        expected.append(state[0] if cell is LSTMCell else state)
    assert data(outputs) == data(expected)
    assert data(last) == data(state)
    assert shape(outputs) == (*sizes[:-1], 3)


@pytest.mark.parametrize("cell", CELLS)
def test_a_sequence_may_go_on_from_the_last_state(cell):
    layer, x = cell(2, 3, rng=0), drawn(6, 2)
    whole, last = unroll(layer, x)
    first, state = unroll(layer, x[:4])
    second, end = unroll(layer, iter(x[4:]), state)
    assert data(first + second) == data(whole)
    assert data(end) == data(last)


@pytest.mark.parametrize("cell", CELLS)
def test_arrays_unroll_to_arrays(cell):
    layer, x = cell(2, 3, rng=0), drawn(3, 4, 2)
    expected, _ = unroll(layer, x)
    for truncate in (None, 1):
        outputs, last = unroll(layer, np.array(x), truncate=truncate)
        assert all(isinstance(array, np.ndarray) for array in (*outputs, *np.atleast_1d(last)))
        assert data(outputs) == data(expected)


def reach(cell, steps, truncate):
    """At which steps the last output has a gradient by the input."""
    layer = cell(1, 2, rng=0)
    x = map_numbers(Value, drawn(steps, 1))
    outputs, _ = unroll(layer, x, truncate=truncate)
    fsum(outputs[-1]).backward()
    return [t for t, [v] in enumerate(x) if v.grad != 0], data(outputs)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("steps", [1, 4, 5, 6])
@pytest.mark.parametrize("truncate", [1, 2, 3, 6, 100])
def test_gradients_go_back_to_the_last_multiple_of_truncate_and_numbers_stay(cell, steps, truncate):
    reached, outputs = reach(cell, steps, truncate)
    everything, expected = reach(cell, steps, None)
    assert everything == list(range(steps))
    assert reached == list(range((steps - 1) // truncate * truncate, steps))
    assert outputs == expected


def test_a_state_of_ones_own_is_detached_too():
    def count(x, state):
        return [state[0] + x]

    first = Value(1.0)
    _, [last] = unroll(count, [1.0, 2.0], [first], truncate=1)
    assert last.data == 4.0
    last.backward()
    assert first.grad == 0.0
    _, [last] = unroll(count, [1.0, 2.0], [first])
    last.backward()
    assert first.grad == 1.0


# --- what is said of them, and bad input ---


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (RNNCell(2, 3), "RNNCell(2 -> 3, tanh)"),
        (RNNCell(2, 3, bias=False, nonlinearity="relu"), "RNNCell(2 -> 3, bias=False, relu)"),
        (LSTMCell(2, 3), "LSTMCell(2 -> 3)"),
        (GRUCell(2, 3, False), "GRUCell(2 -> 3, bias=False)"),
    ],
)
def test_summaries(cell, text):
    assert cell.summary() == text


LSTM, GRU = LSTMCell(2, 3, rng=0), GRUCell(2, 3, rng=0)
BAD = [
    (lambda: RNNCell(0, 1), ValueError, "input_size must be at least 1, got 0"),
    (lambda: LSTMCell(1, -1), ValueError, "hidden_size must be at least 1, got -1"),
    (lambda: GRUCell(1, 1.0), TypeError, "hidden_size must be an int, got 1.0"),
    (lambda: GRUCell(1, 1, rng="a"), TypeError, "rng must be"),
    (lambda: RNNCell(1, 1, nonlinearity="tan"), ValueError, "nonlinearity 'tan', .*mean 'tanh'"),
    (lambda: GRU([1.0]), ValueError, r"^GRUCell\(2 -> 3\) takes an input of shape 2 or N x 2, got"),
    (lambda: GRU(1.0), ValueError, "got one of shape a number"),
    (lambda: GRU(drawn(2, 2, 2)), ValueError, "got one of shape 2 x 2 x 2"),
    (lambda: GRU([[1.0, 2.0], [1.0]]), ValueError, r"an input of GRUCell\(2 -> 3\) is ragged"),
    (lambda: GRU(drawn(2), drawn(2)), ValueError, "takes a state of shape 3, got one of shape 2"),
    (lambda: GRU(drawn(4, 2), drawn(3)), ValueError, "takes a state of shape 4 x 3, got .* 3$"),
    (lambda: GRU(drawn(4, 2), drawn(5, 3)), ValueError, "a state of shape 4 x 3, .* 5 x 3$"),
    (lambda: LSTM(drawn(2), drawn(3)), TypeError, r"LSTMCell\(2 -> 3\) takes a pair \(h, c\)"),
    (lambda: LSTM(drawn(2), 1.0), TypeError, r"a pair \(h, c\) for its state, got float"),
    (lambda: LSTM(drawn(2), (drawn(3), drawn(2))), ValueError, "a state of shape 3, got .* 2$"),
    (lambda: LSTM(["a", "b"]), TypeError, "dot: a constant operand must be a real number, not 'a'"),
    (lambda: unroll(GRU, []), ValueError, r"at least one input for GRUCell\(2 -> 3\), got none"),
    (lambda: unroll(GRU, drawn(2, 2), truncate=0), ValueError, "truncate must be at least 1"),
    (lambda: unroll(GRU, drawn(2, 2), truncate=1.5), TypeError, "truncate must be an int"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
