"""Computed data sets: as many of each class, in the shape that is documented, seeded."""

import math
import random

import numpy as np
import pytest
from sklearn.datasets import make_circles, make_moons

from nn.data import circles, sine, spirals, two_moons, xor, yin_yang
from nn.data.generators import part_of_yin_yang

CLASSES = {two_moons: 2, circles: 2, spirals: 2, xor: 2, yin_yang: 3}
GENERATORS = [*CLASSES, sine]


@pytest.mark.parametrize("n", [3, 4, 10, 101])
@pytest.mark.parametrize("generate", CLASSES)
def test_there_are_n_examples_as_many_of_each_class(generate, n):
    dataset = generate(n, rng=0)
    counts = [dataset.targets.count(i) for i in range(CLASSES[generate])]
    assert len(dataset) == sum(counts) == n
    assert max(counts) - min(counts) <= 1
    assert len(dataset.target_names) == CLASSES[generate]
    assert {len(row) for row in dataset.features} == {len(dataset.feature_names)}
    assert all(type(x) is float for row in dataset.features for x in row)
    assert all(type(target) is int for target in dataset.targets)


@pytest.mark.parametrize("generate", GENERATORS)
def test_the_seed_decides(generate):
    if generate is xor:
        generate = noisy_xor
    assert generate(30, rng=1) == generate(30, rng=random.Random(1))
    assert generate(30, rng=1) != generate(30, rng=2)
    random.seed(4)
    assert generate(30) == generate(30, rng=random.Random(4))


def noisy_xor(n, rng=None):
    return xor(n, noise=0.1, rng=rng)


@pytest.mark.parametrize("generate", [two_moons, circles, spirals, sine])
def test_the_order_is_random(generate):
    dataset = generate(40, noise=0.0, rng=0)
    assert dataset.features != sorted(dataset.features)
    if dataset.has_classes:
        assert len(set(dataset.targets[:20])) == 2


@pytest.mark.parametrize("n", [2, 7, 100])
@pytest.mark.parametrize(
    ("generate", "reference"),
    [
        (lambda n: two_moons(n, noise=0.0, rng=0), lambda n: make_moons(n, shuffle=False)),
        (
            lambda n: circles(n, noise=0.0, factor=0.3, rng=0),
            lambda n: make_circles(n, shuffle=False, factor=0.3),
        ),
    ],
)
def test_without_noise_the_points_are_those_of_scikit_learn(generate, reference, n):
    X, y = reference(((n + 1) // 2, n // 2))
    ours = sorted([t, *row] for row, t in zip(*generate(n), strict=True))
    theirs = sorted([t, *row] for row, t in zip(X.tolist(), y.tolist(), strict=True))
    assert len(ours) == len(theirs)
    for t, a, b in ours:  # by nearness: rounding may have sorted them otherwise
        distances = [math.hypot(a - c, b - d) for u, c, d in theirs if u == t]
        assert min(distances) < 1e-15


@pytest.mark.parametrize("arms", [2, 3, 5])
def test_spiral_arms_are_turned_copies_of_one_another(arms):
    dataset = spirals(20 * arms, arms=arms, noise=0.0, turns=1.25, rng=0)
    for (x, y), arm in zip(*dataset, strict=True):
        t = math.hypot(x, y)
        expected = math.tau * (1.25 * t + arm / arms)
        assert (x, y) == pytest.approx((t * math.cos(expected), t * math.sin(expected)), abs=1e-14)
        assert t * 20 == pytest.approx(round(t * 20), abs=1e-12)


def test_xor_is_the_truth_table_over_and_over():
    table = xor(10)
    assert table.features == [[float(i // 2 % 2), float(i % 2)] for i in range(10)]
    assert table.targets == [a != b for a, b in table.features]


@pytest.mark.parametrize("generate", [two_moons, circles, spirals, xor])
def test_noise_has_the_deviation_that_was_asked_for(generate):
    clean = np.array(generate(4000, noise=0.0, rng=3).features)
    noisy = np.array(generate(4000, noise=0.2, rng=3).features)
    difference = (noisy - clean).ravel()
    assert difference.std() == pytest.approx(0.2, rel=0.05)
    assert difference.mean() == pytest.approx(0, abs=0.02)


def test_sine_is_a_sine_and_noise_moves_its_targets_alone():
    X, y = sine(3000, noise=0.0, rng=0)
    assert y == [math.sin(x) for (x,) in X]
    assert sorted(x for (x,) in X) == pytest.approx(np.linspace(-math.pi, math.pi, 3000))
    assert not sine(3).has_classes
    X, y = sine(3000, noise=0.3, rng=0)
    errors = [t - math.sin(x) for (x,), t in zip(X, y, strict=True)]
    assert np.std(errors) == pytest.approx(0.3, rel=0.05)


def test_a_yin_yang_example_lies_where_its_class_does():
    X, y = yin_yang(600, rng=0)
    for (a, b, not_a, not_b), part in zip(X, y, strict=True):
        assert part_of_yin_yang(a, b) == part
        assert (not_a, not_b) == (1 - a, 1 - b)


def test_the_yin_yang_sign_turned_by_half_a_turn_is_its_negative():
    source = random.Random(0)
    other = {0: 1, 1: 0, 2: 2, None: None}
    seen = set()
    for _ in range(2000):
        x, y = source.random(), source.random()
        part = part_of_yin_yang(x, y)
        seen.add(part)
        assert part_of_yin_yang(1 - x, 1 - y) == other[part]
    assert seen == {0, 1, 2, None}


@pytest.mark.parametrize("generate", [two_moons, circles, spirals, xor, sine])
@pytest.mark.parametrize("noise", [-0.1, math.nan, math.inf])
def test_noise_that_is_no_deviation_is_refused(generate, noise):
    with pytest.raises(ValueError, match="noise must be finite and at least 0"):
        generate(10, noise=noise)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: two_moons(1), ValueError, "n must be at least 2"),
        (lambda: yin_yang(2), ValueError, "n must be at least 3"),
        (lambda: spirals(4, arms=5), ValueError, "n must be at least 5"),
        (lambda: sine(0), ValueError, "n must be at least 1"),
        (lambda: xor(4.0), TypeError, "n must be an int"),
        (lambda: spirals(arms=1), ValueError, "arms must be at least 2"),
        (lambda: spirals(turns="1"), TypeError, "turns must be a number"),
        (lambda: circles(factor=1.0), ValueError, "factor must be between 0 and 1"),
        (lambda: circles(factor=True), TypeError, "factor must be a number"),
        (lambda: two_moons(noise="little"), TypeError, "noise must be a number, got 'little'"),
        (lambda: two_moons(rng=0.5), TypeError, "rng must be"),
    ],
)
def test_bad_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
