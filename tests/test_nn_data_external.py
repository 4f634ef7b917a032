"""The data sets of scikit-learn, as data sets of ours."""

import subprocess
import sys
from pathlib import Path

import pytest
from sklearn import datasets

from nn.data import breast_cancer, diabetes, digits, wine

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (digits, datasets.load_digits),
        (wine, datasets.load_wine),
        (breast_cancer, datasets.load_breast_cancer),
        (diabetes, lambda: datasets.load_diabetes(scaled=False)),
    ],
)
def test_numbers_and_names_are_those_of_scikit_learn(ours, theirs):
    dataset, bunch = ours(), theirs()
    assert dataset.features == bunch.data.tolist()
    assert dataset.targets == bunch.target.tolist()
    assert dataset.feature_names == tuple(bunch.feature_names)
    assert type(dataset.features[0][0]) is float
    assert dataset.has_classes is (ours is not diabetes)
    if dataset.has_classes:
        assert dataset.target_names == tuple(str(name) for name in bunch.target_names)
        assert max(dataset.targets) == len(dataset.target_names) - 1
    assert all(type(name) is str for name in dataset.feature_names + dataset.target_names)


@pytest.mark.parametrize("load", [digits, wine, breast_cancer, diabetes])
def test_without_scikit_learn_the_error_says_how_to_get_it(load, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r'pip install "autograd_scalar\[sklearn\]"'):
        load()


def test_what_needs_no_scikit_learn_imports_neither_it_nor_numpy():
    code = (
        "import sys; from nn.data import two_moons, examples; examples(two_moons(4, rng=0));"
        "print(*{'numpy', 'pandas', 'sklearn'} & set(sys.modules))"
    )
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)
    assert printed.strip() == ""
