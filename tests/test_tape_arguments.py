"""Arguments taken apart by generated code, as ``flatten`` takes them apart with care."""

import collections

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_scalar import Value
from autograd_scalar.nesting import flatten
from autograd_scalar.tape.arguments import key, packer, unpacker

NUMBERS = st.floats(allow_nan=False)
TREES = st.recursive(
    NUMBERS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=6),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        st.lists(NUMBERS, min_size=1, max_size=4).map(np.array),
    ),
    max_leaves=12,
)


def arguments(args):
    return flatten(tuple(args), "x")


@given(st.lists(TREES, max_size=3))
def test_packing_is_flattening_and_unpacking_its_inverse(args):
    numbers, nesting = arguments(args)
    assert packer(nesting)(args) == numbers
    again = unpacker(nesting)(numbers)
    assert arguments(again)[0] == numbers
    assert key(arguments(again)[1]) == key(nesting)


@given(TREES, TREES)
def test_another_nesting_is_noticed(a, b):
    (_, of_a), (_, of_b) = arguments([a]), arguments([b])
    if key(of_a) != key(of_b):
        assert packer(of_a)([b]) is None


Pair = collections.namedtuple("Pair", "x y")


@pytest.mark.parametrize("tree", [Pair(1.0, [2.0]), [Pair(1.0, 2.0)] * 5, {"k": Pair(1.0, 2.0)}])
def test_named_tuples(tree):
    numbers, nesting = arguments([tree])
    assert packer(nesting)([tree]) == numbers
    assert unpacker(nesting)(numbers) == (tree,)


@pytest.mark.parametrize("number", [1, True, np.float32(1.0), np.int8(1), Value(1.0)])
def test_numbers_of_any_kind_become_floats(number):
    _, nesting = arguments([[0.0, 0.0]])
    found = packer(nesting)([[number, 2.0]])
    assert found == [1.0, 2.0]
    assert type(found[0]) is float


@pytest.mark.parametrize("other", ["text", None, [1.0], np.array([1.0, 2.0]), 1j])
def test_what_is_no_number_is_another_nesting(other):
    _, nesting = arguments([[0.0, 0.0]])
    assert packer(nesting)([[other, 2.0]]) is None
    assert packer(nesting)([other]) is None
    assert packer(nesting)([]) is None
