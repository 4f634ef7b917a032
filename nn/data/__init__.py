"""Small real data sets that come with the package. `SOURCES.md` beside them says where from."""

import csv
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class Dataset:
    """Examples for classification.

    features: for each example, one float per feature.
    targets: for each example, its class, an index into `target_names`.
    feature_names, target_names: what the columns and the classes are called.
    """

    features: list[list[float]]
    targets: list[int]
    feature_names: tuple[str, ...]
    target_names: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.targets)


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
