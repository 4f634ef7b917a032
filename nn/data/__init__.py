"""Data sets: a small real one, computed ones, those of scikit-learn, and what is done with them.

`SOURCES.md` in this directory says where the real one comes from.
"""

import csv
from importlib.resources import files

from nn.data.checked import examples
from nn.data.dataset import Dataset, standardize
from nn.data.external import breast_cancer, diabetes, digits, wine
from nn.data.generators import circles, sine, spirals, two_moons, xor, yin_yang

__all__ = [
    "Dataset",
    "breast_cancer",
    "circles",
    "diabetes",
    "digits",
    "examples",
    "iris",
    "sine",
    "spirals",
    "standardize",
    "two_moons",
    "wine",
    "xor",
    "yin_yang",
]


def iris() -> Dataset:
    """Return Fisher's irises: 150 flowers, 4 measures in centimetres, 3 species.

    Sources: E. Anderson, "The irises of the Gaspé Peninsula", Bulletin of the American Iris Society
    59 (1935); R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals of
    Eugenics 7 (1936). The numbers are those that Fisher printed, not those of the UCI copy, which
    has two flowers wrong.

    >>> flowers = iris()
    >>> len(flowers), flowers.features[0], flowers.target_names[flowers.targets[0]]
    (150, [5.1, 3.5, 1.4, 0.2], 'setosa')
    """
    text = (files(__name__) / "iris.csv").read_text(encoding="utf-8")
    header, *rows = csv.reader(text.splitlines())
    species = tuple(dict.fromkeys(row[-1] for row in rows))
    return Dataset(
        features=[[float(number) for number in row[:-1]] for row in rows],
        targets=[species.index(row[-1]) for row in rows],
        feature_names=tuple(header[:-1]),
        target_names=species,
    )
