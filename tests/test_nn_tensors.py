"""Nested lists as tensors: what is nested, shapes, walks, and arrays at a layer's boundary."""

import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_scalar import Value
from nn.tensors import (
    as_array,
    as_lists,
    by,
    described,
    elements,
    filled,
    map_examples,
    map_numbers,
    map_vectors,
    nested,
    numbers,
    on_lists,
    parameters,
    require_shape,
    reshaped,
    shape,
)

SHAPES = st.lists(st.integers(1, 4), max_size=4).map(tuple)


def counted(sizes):
    return filled(sizes, iter(range(10**6)).__next__)


# --- what is what ---

NESTED = [[], (), [1.0], (1.0,), [[]], np.zeros(2), np.zeros((2, 2)), np.array([Value(1.0)])]
NUMBERS = [1.0, 1, True, Value(1.0), Fraction(1, 2), np.float64(1.0), np.array(1.0), "text", b"x"]
NEITHER = [None, {1.0}, {"a": 1.0}, range(3), iter([1.0])]


@pytest.mark.parametrize("x", NESTED, ids=repr)
def test_lists_tuples_and_arrays_are_nested(x):
    assert nested(x)


@pytest.mark.parametrize("x", [*NUMBERS, *NEITHER])
def test_nothing_else_is(x):
    assert not nested(x)
    assert shape(x) == ()
    assert list(numbers(x)) == [x]


@given(SHAPES)
def test_shape_is_what_it_was_made_of_and_the_numbers_are_in_order(sizes):
    x = counted(sizes)
    assert shape(x) == sizes == np.array(x).shape
    assert list(numbers(x)) == list(range(np.array(x).size))
    assert reshaped(list(numbers(x)), sizes) == x
    paths = [path for path, _ in elements(x, "w")]
    assert paths == [".".join(["w", *map(str, index)]) for index in np.ndindex(sizes)]
    assert map_numbers(lambda i: -i, x) == (-np.array(x)).tolist()
    assert map_numbers(lambda i, j, k: i + j + k, x, x, x) == (3 * np.array(x)).tolist()


RAGGED = [
    ([[1.0, 2.0], [3.0]], r"x is ragged: \[1\] is of shape 1, and \[0\] of shape 2"),
    ([1.0, [2.0]], r"x is ragged: \[1\] is of shape 1, and \[0\] of shape a number"),
    ([[1.0], 2.0], r"x is ragged: \[1\] is of shape a number, and \[0\] of shape 1"),
    ([[[1.0], [1.0]], [[1.0], []]], r"x is ragged: \[1\]\[1\] is of shape 0, and \[1\]\[0\] of"),
    ([np.zeros(2), np.zeros(3)], r"x is ragged: \[1\] is of shape 3, and \[0\] of shape 2"),
]


@pytest.mark.parametrize(("x", "message"), RAGGED)
def test_ragged_lists_are_refused_with_their_place(x, message):
    with pytest.raises(ValueError, match=message):
        shape(x, "x")


@pytest.mark.parametrize(("x", "expected"), [([], (0,)), ([[], []], (2, 0)), (((1.0,),), (1, 1))])
def test_shapes_of_empty_lists_and_of_tuples(x, expected):
    assert shape(x) == expected


def test_shapes_in_words():
    assert [by(()), by((2,)), by((2, 3, 4)), by(("N", 3))] == [
        "a number",
        "2",
        "2 x 3 x 4",
        "N x 3",
    ]


def test_parameters_are_new_zeros():
    leaves = list(numbers(parameters(2, 3)))
    assert len({id(leaf) for leaf in leaves}) == 6
    assert all(type(leaf) is Value and leaf.data == 0.0 and not leaf.parents for leaf in leaves)


# --- arrays ---


class Series:
    """As pandas' Series and DataFrame: it says itself how it becomes an array."""

    def __init__(self, array):
        self.array, self.ndim = array, array.ndim

    def to_numpy(self):
        return self.array

    def __repr__(self):
        return f"Series({self.array})"


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (np.arange(4.0).reshape(2, 2), [[0.0, 1.0], [2.0, 3.0]]),
        (np.arange(2), [0, 1]),
        ([np.arange(2.0), (2.0, 3.0)], [[0.0, 1.0], (2.0, 3.0)]),
        ([[np.arange(2.0)]], [[[0.0, 1.0]]]),
        ((np.arange(2.0), np.arange(1.0)), [[0.0, 1.0], [0.0]]),
        (Series(np.arange(2.0)), [0.0, 1.0]),
        ([Series(np.arange(2.0))], [[0.0, 1.0]]),
        (3.0, 3.0),
        ("text", "text"),
        ([], []),
        (None, None),
    ],
    ids=repr,
)
def test_arrays_become_lists_wherever_they_are(x, expected):
    found = as_lists(x)
    assert found == expected
    assert all(type(number) in (int, float, str, type(None)) for number in numbers(found))


def test_as_lists_keeps_the_values_of_an_array_of_objects():
    x = [Value(1.0), Value(2.0)]
    assert as_lists(np.array(x)) == x
    assert as_lists(x) is x


@given(SHAPES)
def test_an_array_of_the_lists_of_an_array_is_that_array(sizes):
    x = map_numbers(float, counted(sizes))
    array = as_array(x)
    assert array.dtype == object
    assert array.shape == sizes
    assert array.tolist() == x


class Doubling:
    @on_lists
    def forward(self, x, *others, more=None):
        assert not any(isinstance(item, np.ndarray) for item in (x, *others, more))
        doubled = map_numbers(lambda item: 2 * item, x)
        return (doubled, doubled) if others or more else doubled


def test_a_layer_on_lists_returns_arrays_for_arrays_alone():
    layer, array = Doubling(), np.array([1.0, 2.0])
    assert layer.forward([1.0, 2.0]) == [2.0, 4.0]
    assert layer.forward((1.0, 2.0)) == [2.0, 4.0]
    assert isinstance(layer.forward(array), np.ndarray)
    for pair in (layer.forward(array, array), layer.forward(array, more=array)):
        assert isinstance(pair, tuple)
        assert [a.tolist() for a in pair] == [[2.0, 4.0]] * 2
    assert layer.forward([1.0], array) == ([2.0], [2.0])


# --- at a layer's boundary ---


class Named:
    def summary(self):
        return "Layer(2)"


def test_a_layer_is_described_by_its_summary_and_a_function_by_its_name():
    assert described(Named()) == "Layer(2)"
    assert described(sum) == "sum"
    assert described("text") == "text"
    assert described(Named) == "Named"  # a class has a summary(), but none of its own


BAD_VECTORS = [
    (3.0, TypeError, r"^Layer\(2\) takes vectors of 2 numbers, got float 3.0$"),
    ("ab", TypeError, "takes vectors of 2 numbers, got str 'ab'"),
    (None, TypeError, "got NoneType None"),
    ({1.0, 2.0}, TypeError, "got set"),
    ([], ValueError, "takes vectors of 2 numbers, got one of 0"),
    ([1.0], ValueError, "got one of 1"),
    ([[1.0, 2.0], []], ValueError, "got one of 0"),
    ([[1.0, 2.0], 3.0], TypeError, "got float 3.0"),
    ([[[1.0, 2.0]], [[1.0, 2.0, 3.0]]], ValueError, "got one of 3"),
]


@pytest.mark.parametrize(("x", "error", "message"), BAD_VECTORS)
def test_what_is_no_tensor_of_vectors_is_refused_by_the_layers_name(x, error, message):
    with pytest.raises(error, match=message):
        map_vectors(sum, x, 2, Named())


REQUIRED = [
    ((2, 3), (2, 3), True),
    ((2, 3), ("N", 3), True),
    ((0, 3), ("N", 3), False),  # an empty list has no inner lists
    ((2, 3), ("N", 4), False),
    ((2, 3), ("N", 3, 1), False),
    ((2,), (), False),
    ((), (), True),
]


@pytest.mark.parametrize(("sizes", "expected", "fits"), REQUIRED)
def test_a_shape_is_as_required_or_refused(sizes, expected, fits):
    x = counted(sizes)
    if fits:
        assert require_shape(x, expected, Named()) == sizes
    else:
        message = rf"^Layer\(2\) takes a mask of shape {by(expected)}, got one of shape"
        with pytest.raises(ValueError, match=message):
            require_shape(x, expected, Named(), "a mask")


@given(SHAPES)
def test_examples_come_alone_or_as_a_batch(sizes):
    x, seen = counted(sizes), []
    map_examples(seen.append, x, sizes, "layer")
    assert seen == [x]
    if sizes:
        seen.clear()
        assert len(map_examples(seen.append, x, sizes[1:], "layer")) == sizes[0]
        assert seen == x
    with pytest.raises(ValueError, match=r"layer takes an input of shape 5.* or N x 5"):
        map_examples(seen.append, x, (5, *sizes), "layer")


def test_ragged_inputs_are_refused_by_the_layers_name():
    with pytest.raises(ValueError, match=r"^an input of Layer\(2\) is ragged: \[1\]"):
        require_shape([[1.0], [1.0, 2.0]], ("N", 1), Named())


def test_walks_are_in_one_order():
    source = random.Random(0)
    x = filled((2, 3, 2), source.random)
    assert [number for _, number in elements(x, "")] == list(numbers(x))
