"""Checks of arguments: a bad one has its own error, which says what came and what must come."""

import random

import numpy as np
import pytest

from nn.arguments import generator, known, size, whole_number


@pytest.mark.parametrize("number", [3, np.int64(3), np.uint8(3)])
def test_whole_numbers_of_python_and_numpy_become_ints(number):
    assert whole_number("n", number) == 3
    assert type(whole_number("n", number)) is int


BAD = [
    (whole_number, ("n", 3.0), TypeError, r"n must be an int, got 3\.0 \(float\)"),
    (whole_number, ("n", True), TypeError, r"n must be an int, got True \(bool\)"),
    (whole_number, ("n", "3"), TypeError, r"n must be an int, got '3' \(str\)"),
    (whole_number, ("n", None), TypeError, r"n must be an int, got None"),
    (size, ("n", 0), ValueError, "n must be at least 1, got 0"),
    (size, ("n", -2), ValueError, "n must be at least 1, got -2"),
    (size, ("n", 1.5), TypeError, "n must be an int"),
    (generator, (1.5,), TypeError, r"rng must be a random.Random, an int seed or None, got 1\.5"),
    (generator, (np.random.default_rng(0),), TypeError, "rng must be a random.Random"),
    (known, ("colour", "gren", ["green", "red"]), ValueError, "did you mean 'green'"),
    (known, ("colour", "RED", ["green", "red"]), ValueError, "did you mean 'red'"),
    (known, ("colour", "xyz", ["red", "green"]), ValueError, r"'xyz'\. Known: 'green', 'red'"),
]


@pytest.mark.parametrize(("check", "arguments", "error", "message"), BAD)
def test_bad_arguments(check, arguments, error, message):
    with pytest.raises(error, match=message):
        check(*arguments)


def test_a_generator_stays_itself_and_none_stays_none():
    rng = random.Random(0)
    assert generator(rng) is rng
    assert generator(None) is None


def test_a_seed_makes_the_same_generator_each_time():
    assert generator(5).random() == generator(5).random() == random.Random(5).random()
