"""Data sets: what is shipped is what was published, and how examples are split and scaled."""

import copy
import math
import pickle
import random
import statistics
from collections import Counter
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn.data import Dataset, iris, standardize

# R. A. Fisher (1936), tables II and VI: the observed means. The UCI copy has 3.418, 1.464 and 0.244
# for setosa, having two flowers wrong.
PUBLISHED_MEANS = {
    "setosa": [5.006, 3.428, 1.462, 0.246],
    "versicolor": [5.936, 2.770, 4.260, 1.326],
    "virginica": [6.588, 2.974, 5.552, 2.026],
}


def test_iris_is_150_flowers_of_3_species():
    flowers = iris()
    assert len(flowers) == len(flowers.features) == len(flowers.targets) == 150
    assert flowers.feature_names == ("sepal length", "sepal width", "petal length", "petal width")
    assert flowers.target_names == ("setosa", "versicolor", "virginica")
    assert [flowers.targets.count(species) for species in range(3)] == [50, 50, 50]
    assert {len(row) for row in flowers.features} == {4}


@pytest.mark.parametrize("species", PUBLISHED_MEANS)
def test_the_means_are_those_that_fisher_published(species):
    flowers = iris()
    rows = [
        row
        for row, target in zip(flowers.features, flowers.targets, strict=True)
        if flowers.target_names[target] == species
    ]
    means = [math.fsum(column) / 50 for column in zip(*rows, strict=True)]
    assert means == pytest.approx(PUBLISHED_MEANS[species], abs=1e-9)


def test_the_two_flowers_that_the_uci_copy_has_wrong_are_right():
    flowers = iris()
    assert flowers.features[34] == [4.9, 3.1, 1.5, 0.2]
    assert flowers.features[37] == [4.9, 3.6, 1.4, 0.1]


def test_the_sources_are_beside_the_data():
    sources = (files("nn.data") / "SOURCES.md").read_text(encoding="utf-8")
    assert "Fisher" in sources
    assert "Anderson" in sources


def numbered(targets):
    """A data set whose features say which example each was."""
    return Dataset([[float(i)] for i in range(len(targets))], list(targets), ("place",), ())


def places(dataset):
    return [int(row[0]) for row in dataset.features]


def test_a_data_set_unpacks_into_features_and_targets_and_survives_copies():
    flowers = iris()
    X, y = flowers
    assert X is flowers.features
    assert y is flowers.targets
    assert copy.deepcopy(flowers) == pickle.loads(pickle.dumps(flowers)) == flowers


def test_features_and_targets_of_a_data_set_are_as_many():
    with pytest.raises(ValueError, match="as many, got 1 and 2"):
        Dataset([[1.0]], [0, 1])


TARGETS = st.lists(st.integers(0, 4), min_size=2, max_size=60)


@given(TARGETS, st.data())
def test_a_split_has_every_example_once_and_every_class_in_proportion(targets, data):
    held_out = data.draw(st.integers(1, len(targets) - 1))
    seed, stratify = data.draw(st.integers(0, 99)), data.draw(st.booleans())
    dataset = numbered(targets)
    train, out = dataset.split(held_out, rng=seed, stratify=stratify)
    assert len(out) == held_out
    assert sorted(places(train) + places(out)) == list(range(len(targets)))
    for part in (train, out):
        assert part.targets == [targets[place] for place in places(part)]
        assert part.feature_names == ("place",)
    if stratify:
        for target, count in Counter(targets).items():
            assert abs(out.targets.count(target) - held_out * count / len(targets)) < 1
    again = dataset.split(held_out, rng=random.Random(seed), stratify=stratify)
    assert again == (train, out)


@given(TARGETS, st.data())
def test_folds_hold_out_every_example_once_and_are_as_even_as_can_be(targets, data):
    k = data.draw(st.integers(2, len(targets)))
    folds = numbered(targets).folds(k, rng=data.draw(st.integers(0, 99)))
    assert len(folds) == k
    assert sorted(place for _, out in folds for place in places(out)) == list(range(len(targets)))
    for train, out in folds:
        assert sorted(places(train) + places(out)) == list(range(len(targets)))
        assert train.targets == [targets[place] for place in places(train)]
        assert out.targets == [targets[place] for place in places(out)]
    sizes = [len(out) for _, out in folds]
    assert max(sizes) - min(sizes) <= 1
    for target in set(targets):
        counts = [out.targets.count(target) for _, out in folds]
        assert max(counts) - min(counts) <= 1


def test_a_split_rounds_up_the_classes_that_are_owed_most():
    _, out = numbered([0] * 7 + [1] * 2 + [2]).split(3, rng=0)  # owed: 2.1, 0.6 and 0.3
    assert [out.targets.count(target) for target in range(3)] == [2, 1, 0]


def test_without_strata_splits_and_folds_are_drawn_from_all():
    # Stratified, a class of 10 out of 20 would always be held out 5 times.
    dataset = numbered([0, 1] * 10)
    splits = {dataset.split(10, rng=i, stratify=False)[1].targets.count(0) for i in range(20)}
    folds = {
        out.targets.count(0)
        for i in range(10)
        for _, out in dataset.folds(2, rng=i, stratify=False)
    }
    assert len(splits) > 2
    assert len(folds) > 2


def test_examples_with_numbers_for_targets_are_split_without_strata():
    dataset = numbered([i / 10 for i in range(10)])
    train, out = dataset.split(0.3, rng=0)
    assert (len(train), len(out)) == (7, 3)
    assert not dataset.has_classes
    assert [len(out) for _, out in dataset.folds(5, rng=0)] == [2] * 5


def test_seeds_tell_splits_apart_and_none_is_the_shared_generator():
    dataset = numbered([0] * 30)
    assert dataset.split(10, rng=0) != dataset.split(10, rng=1)
    random.seed(5)
    shared = dataset.split(10), dataset.folds(3)
    source = random.Random(5)
    assert shared == (dataset.split(10, rng=source), dataset.folds(3, rng=source))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda d: d.split(0), ValueError, "examples on both sides, got 0"),
        (lambda d: d.split(4), ValueError, "got 4, which is 4 of 4"),
        (lambda d: d.split(-1), ValueError, "got -1"),
        (lambda d: d.split(1.0), ValueError, "a share, must be between 0 and 1, got 1.0"),
        (lambda d: d.split(math.nan), ValueError, "got nan"),
        (lambda d: d.split(0.01), ValueError, "got 0.01, which is 0 of 4"),
        (lambda d: d.split("0.5"), TypeError, "held_out must be an int"),
        (lambda d: d.split(2, rng="x"), TypeError, "rng must be"),
        (lambda d: d.folds(1), ValueError, "k must be from 2 to .* 4, got 1"),
        (lambda d: d.folds(5), ValueError, "k must be from 2 to .* 4, got 5"),
        (lambda d: d.folds(2.0), TypeError, "k must be an int"),
        (lambda d: standardize(d.take([])), ValueError, "train must hold at least one"),
        (
            lambda d: standardize(d, d, Dataset([[1.0, 2.0]], [0])),
            ValueError,
            r"1 features .* got 2 in row 0 of others\[1\]",
        ),
    ],
)
def test_what_cannot_be_split_or_scaled_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(numbered([0, 0, 1, 1]))


def test_standardized_features_have_mean_0_and_deviation_1_by_the_training_part_alone():
    train, held_out = iris().split(45, rng=3)
    scaled, scaled_out = standardize(train, held_out)
    columns = list(zip(*train.features, strict=True))
    means = [statistics.fmean(column) for column in columns]
    deviations = [statistics.pstdev(column) for column in columns]
    for column in zip(*scaled.features, strict=True):
        assert statistics.fmean(column) == pytest.approx(0, abs=1e-14)
        assert statistics.pstdev(column) == pytest.approx(1, rel=1e-14)
    for before, after in ((train, scaled), (held_out, scaled_out)):
        assert after.targets == before.targets
        assert after.feature_names == before.feature_names
        for old, new in zip(before.features, after.features, strict=True):
            back = [x * d + m for x, d, m in zip(new, deviations, means, strict=True)]
            assert back == pytest.approx(old, rel=1e-14)


@given(st.floats(-1e100, 1e100), st.integers(1, 30))
def test_a_constant_feature_becomes_exactly_0(constant, count):
    rows = [[constant, float(i)] for i in range(count)]
    (scaled,) = standardize(Dataset(rows, [0] * count))
    assert [row[0] for row in scaled.features] == [0.0] * count
