"""Numbers in nested containers: what ``flatten`` takes out, ``fill`` puts back in its place."""

import subprocess
import sys
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_scalar import Value
from autograd_scalar.forward import Dual
from autograd_scalar.nesting import Nesting, arrange, flatten, paths
from tests.strategies import numbers
from tests.sweeps import examples


class Pair(NamedTuple):
    first: Any
    second: Any


class Row(list[Any]):
    pass


def arrays() -> st.SearchStrategy[Any]:
    """Of floats, whole numbers and objects, of none to three dimensions."""
    shapes = st.sampled_from([(), (1,), (3,), (2, 2), (0,), (0, 2), (1, 2, 2)])
    kinds = st.sampled_from([float, int, object])
    return st.builds(
        lambda shape, kind, start: (
            np.arange(start, start + np.prod(shape, dtype=int)).reshape(shape).astype(kind)
        ),
        shapes,
        kinds,
        st.integers(-3, 3),
    )


def nestings() -> st.SearchStrategy[Any]:
    """Numbers and arrays in lists, tuples, namedtuples and dicts, of any depth."""
    return st.recursive(
        numbers() | arrays(),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.lists(inner, max_size=3).map(tuple),
            st.builds(Pair, inner, inner),
            st.dictionaries(st.sampled_from("cab") | st.integers(0, 2), inner, max_size=3),
        ),
        max_leaves=6,
    )


def numbers_in(tree: Any) -> list[Any]:
    """The numbers from left to right."""
    if isinstance(tree, np.ndarray):
        return list(tree.ravel())
    if isinstance(tree, list | tuple | dict):
        items = tree.values() if isinstance(tree, dict) else tree
        return [x for item in items for x in numbers_in(item)]
    return [tree]


def mapped(tree: Any, function: Callable[[Any], Any]) -> Any:
    """The same containers, with the function of each number: arrays become arrays of objects."""
    if isinstance(tree, np.ndarray):
        result = np.empty(tree.shape, object)
        for index in np.ndindex(tree.shape):
            result[index] = function(tree[index])
        return result
    if isinstance(tree, dict):
        return {key: mapped(item, function) for key, item in tree.items()}
    if isinstance(tree, list | tuple):
        items = [mapped(item, function) for item in tree]
        return Pair(*items) if isinstance(tree, Pair) else type(tree)(items)
    return function(tree)


def alike(a: Any, b: Any) -> bool:
    """Equal numbers in equal containers; for an array's shape, not for the kind of its numbers."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.shape == b.shape and all(x == y for x, y in zip(a.flat, b.flat, strict=True))
    if isinstance(a, dict):
        return list(a) == list(b) and all(alike(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(alike, a, b))
    return bool(a == b)


# --- There and back -------------------------------------------------------------------------------


@examples(60)
@given(nestings())
def test_what_is_taken_out_is_put_back(tree: Any) -> None:
    found, nesting = flatten(tree, "x")
    assert found == numbers_in(tree)
    assert all(type(x) is float for x in found)
    assert nesting.size == len(found)
    assert alike(nesting.fill(found), mapped(tree, float))
    assert nesting.difference(flatten(tree, "x", nesting)[1], "x") == ""


@examples(40)
@given(nestings())
def test_a_path_is_python_for_its_number(tree: Any) -> None:
    found, nesting = flatten(tree, "x")
    places = list(paths(nesting, "x"))
    assert [eval(place, {"x": tree}) for place in places] == found


@examples(40)
@given(nestings(), st.data())
def test_an_odd_item_is_named_by_its_path(tree: Any, data: st.DataObject) -> None:
    _, nesting = flatten(tree, "x")
    if not nesting.size:
        return
    spoiled = data.draw(st.integers(0, nesting.size - 1))
    place = list(paths(nesting, "x"))[spoiled]
    count = iter(range(nesting.size))
    odd = mapped(tree, lambda x: None if next(count) == spoiled else x)
    with pytest.raises(TypeError) as caught:
        flatten(odd, "x")
    assert str(caught.value) == (
        f"{place} must be a number or a list, tuple, dict or array of numbers, not None (NoneType)"
    )


@examples(60)
@given(nestings(), nestings())
def test_two_nestings_fit_if_and_only_if_their_containers_are_alike(a: Any, b: Any) -> None:
    _, nesting = flatten(a, "x")
    ones = mapped(a, lambda _: 1.0), mapped(b, lambda _: 1.0)
    try:
        found, _ = flatten(b, "x", nesting)
    except ValueError as error:
        assert str(error).startswith("x")
        assert " must be " in str(error)
        assert not alike(*ones)
    else:
        as_a = nesting.fill(found)
        assert alike(mapped(as_a, lambda _: 1.0), ones[0])
        assert Counter(found) == Counter(numbers_in(b))


def test_the_keys_of_a_dict_may_come_in_another_order() -> None:
    _, nesting = flatten({"a": 1.0, "b": [2.0, 3.0]}, "x")
    found, _ = flatten({"b": [20.0, 30.0], "a": 10.0}, "x", nesting)
    assert found == [10.0, 20.0, 30.0]


# --- What counts as a number, and as a container --------------------------------------------------


@pytest.mark.parametrize("number", [1, True, Fraction(1), np.float32(1), np.int64(1), np.bool_(1)])
def test_a_plain_number_becomes_a_float(number: Any) -> None:
    (found,), nesting = flatten(number, "x")
    assert type(found) is float
    assert found == 1.0
    assert nesting.describe() == "a number"


@pytest.mark.parametrize("number", [Value(1.0), Dual(1.0, 1.0, 0)])
def test_a_number_of_ours_stays_as_it_is(number: Any) -> None:
    for tree in (number, [number], {"a": (number,)}, np.array([number])):
        found, nesting = flatten(tree, "x")
        assert found[0] is number
        assert numbers_in(nesting.fill(found))[0] is number


@pytest.mark.parametrize(
    "tree",
    [
        OrderedDict(b=1.0, a=2.0),
        defaultdict(list, {"b": 1.0, "a": 2.0}),
        Counter({"b": 1.0, "a": 2.0}),
        Pair(1.0, [2.0]),
        Row([1.0, 2.0]),
    ],
)
def test_a_container_stays_what_it_was(tree: Any) -> None:
    found, nesting = flatten(tree, "x")
    again = nesting.fill(found)
    assert type(again) is type(tree)
    assert again == tree
    assert list(again) == list(tree)


def test_an_array_is_of_floats_if_all_its_numbers_are() -> None:
    found, nesting = flatten(np.array([[1, 2], [3, 4]]), "x")
    assert nesting.fill(found).dtype == float
    assert nesting.fill([*found[:3], Value(4.0)]).dtype == object
    empty, nesting = flatten(np.zeros((0, 3)), "x")
    assert nesting.fill(empty).shape == (0, 3)


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [([None, None], None), ([None, (2,)], (2,)), ([(3,), (2,)], (3, 2)), ([(), (2, 1)], (2, 1))],
)
def test_a_block_has_the_dimensions_of_both(shapes: Any, expected: Any) -> None:
    leaves = [
        Nesting(np.ndarray, shape=s, size=int(np.prod(s))) if s is not None else Nesting()
        for s in shapes
    ]
    count = leaves[0].size * leaves[1].size
    block = arrange([float(k) for k in range(count)], *leaves)
    assert expected is None or (block.shape == expected and list(block.flat) == list(range(count)))
    assert expected is not None or block == 0.0


DIFFERENCES: list[tuple[Any, Any, str]] = [
    (1.0, [1.0], r"x must be a number, not a list of 1"),
    ([1.0], 1.0, r"x must be a list of 1, not a number"),
    ([1.0, 2.0], [1.0], r"x must be a list of 2, not a list of 1"),
    ([1.0], (1.0,), r"x must be a list of 1, not a tuple of 1"),
    ({"a": 1.0}, {"b": 1.0}, r"x must be a dict with the keys \['a'\], not a dict .*\['b'\]"),
    ({"a": [1.0]}, {"a": [1.0, 2.0]}, r"x\['a'\] must be a list of 1, not a list of 2"),
    ([1.0, (2.0, 3.0)], [1.0, (2.0, [3.0])], r"x\[1\]\[1\] must be a number, not a list of 1"),
    (Pair(1.0, 2.0), (1.0, 2.0), r"x must be a Pair of 2, not a tuple of 2"),
    (np.zeros(2), np.zeros(3), r"x must be an array of shape \(2,\), not .* shape \(3,\)"),
    (np.zeros(2), [0.0, 0.0], r"x must be an array of shape \(2,\), not a list of 2"),
    (np.zeros(()), 0.0, r"x must be an array of shape \(\), not a number"),
]


@pytest.mark.parametrize(("expected", "given", "message"), DIFFERENCES)
def test_a_difference_is_named_with_its_place(expected: Any, given: Any, message: str) -> None:
    _, nesting = flatten(expected, "x")
    with pytest.raises(ValueError, match=message):
        flatten(given, "x", nesting)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ("abc", r"x must be a number or .* not 'abc' \(str\)"),
        ([1.0, {"a": {3.0}}], r"x\[1\]\['a'\] must be .* not \{3\.0\} \(set\)"),
        (1j, r"x must be .* not 1j \(complex\)"),
        (np.array(["a"]), r"x must be an array of numbers, not of <U1"),
        (np.array([1j]), r"x must be an array of numbers, not of complex128"),
        (np.array([[1.0, None]], object), r"x\[0, 1\] must be a number .* not None"),
        (np.array([None, (1.0,)], object)[1:], r"x\[0\] must be a number, as it is in an array"),
        (iter([1.0]), r"x must be .*list_iterator"),
        (["3" * 10**6], r"x\[0\] must be .* '3{1,60}\.\.\. \(str\)"),
    ],
)
def test_what_is_no_nesting_of_numbers_is_refused(tree: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        flatten(tree, "x")


def test_numpy_is_not_imported_for_it() -> None:
    program = (
        "import sys\n"
        "from autograd_scalar import grad\n"
        "assert grad(lambda x: x[0] * x[1])([2.0, 3.0]) == [3.0, 2.0]\n"
        "assert 'numpy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
