"""Paths: a tree of outcomes that finds the way, and forgets what is not used."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_scalar.nesting import Nesting
from autograd_scalar.tape.paths import Paths, first_other
from autograd_scalar.tape.program import Guard
from autograd_scalar.tape.recording import Recording
from autograd_scalar.tape.variables import Builder


def recording(outcomes):
    builder = Builder(1)
    slot = (builder.inputs[0] < 0.0).slot
    guards = [Guard(slot, outcome, f"line {i}") for i, outcome in enumerate(outcomes)]
    return Recording(builder.tape([0.0], guards), [], Nesting(), [0.0], [0.0])


# A function's ways: none is the beginning of another.
WAYS = st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=16)


def find(paths, way):
    """Follow the outcomes of a way from the latest path on."""
    path = paths.latest
    for _ in range(10):
        if path is None:
            return None
        place = first_other(path.recording.outcomes, way)
        if place is None:
            return path
        path = paths.after(path, place)
    raise AssertionError("it goes round in circles")


@given(WAYS, st.integers(0, 1000))
def test_every_way_that_was_added_is_found_and_no_other(ways, seed):
    paths = Paths(100, "f")
    rng = random.Random(seed)
    for way in ways:
        paths.add(recording(way))
        paths.touch(rng.choice(list(paths)))
    known = set(map(tuple, ways))
    assert len(paths) == len(known)
    for number in range(16):
        way = [bool(number >> i & 1) for i in range(4)]
        found = find(paths, way)
        assert (found is not None) == (tuple(way) in known)
        if found is not None:
            assert found.recording.outcomes == tuple(way)


@given(WAYS)
def test_no_more_than_the_limit_are_kept_and_the_newest_is(ways):
    paths = Paths(3, "f")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *args, **options: None)
        for way in ways:
            path = paths.add(recording(way))
            assert paths.latest is path or path in list(paths)
            assert find(paths, way) is not None
    assert len(paths) <= 3


def test_the_path_that_was_not_used_for_longest_goes_first():
    paths = Paths(2, "f")
    first, second = paths.add(recording([True, True])), paths.add(recording([True, False]))
    paths.touch(first)
    with pytest.warns(UserWarning, match="f has taken more than 2 paths"):
        third = paths.add(recording([False]))
    assert set(paths) == {first, third}
    assert second not in set(paths)


def test_the_warning_names_the_line_that_branches_most():
    paths = Paths(3, "f")
    for way in ([True, True], [True, False, True], [True, False, False, True]):
        paths.add(recording(way))
    with pytest.warns(UserWarning, match=r"at line [1-3] \(1 times\)"):
        paths.add(recording([True, False, False, False]))


def test_the_same_way_again_is_the_same_path():
    paths = Paths(3, "f")
    assert paths.add(recording([True])) is paths.add(recording([True]))
    paths.clear()
    assert paths.latest is None
