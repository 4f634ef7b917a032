"""The data sets: what is shipped is what was published."""

import math
from importlib.resources import files

import pytest

from nn.data import iris

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
