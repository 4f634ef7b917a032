"""Data sets that come with scikit-learn, as `Dataset`s. Nothing is downloaded.

The numbers are as published, in their units; `standardize` makes them fit for a network.
"""

from importlib import import_module
from typing import Any

from nn.data.dataset import Dataset


def digits() -> Dataset:
    """Return 1,797 handwritten digits, 8 x 8 pixels from 0 to 16, row by row.

    Source: E. Alpaydin, C. Kaynak, "Optical recognition of handwritten digits", UCI Machine
    Learning Repository (1998): its test set.

    Raises ImportError if scikit-learn is not installed.

    >>> images = digits()
    >>> len(images), len(images.features[0]), images.target_names[:3]
    (1797, 64, ('0', '1', '2'))
    """
    return _classes(_load("load_digits"))


def wine() -> Dataset:
    """Return 178 wines of 3 vineyards, 13 chemical measures.

    Source: S. Aeberhard, M. Forina, "Wine", UCI Machine Learning Repository (1991).

    Raises ImportError if scikit-learn is not installed.

    >>> wines = wine()
    >>> len(wines), wines.feature_names[0]
    (178, 'alcohol')
    """
    return _classes(_load("load_wine"))


def breast_cancer() -> Dataset:
    """Return 569 tumours, malignant or benign, 30 measures of their cells' nuclei.

    Source: W. Wolberg, O. Mangasarian, N. Street, W. Street, "Breast Cancer Wisconsin
    (Diagnostic)", UCI Machine Learning Repository (1993).

    Raises ImportError if scikit-learn is not installed.

    >>> tumours = breast_cancer()
    >>> len(tumours), tumours.target_names
    (569, ('malignant', 'benign'))
    """
    return _classes(_load("load_breast_cancer"))


def diabetes() -> Dataset:
    """Return 442 patients, 10 measures, and how the disease had progressed a year later.

    Source: B. Efron, T. Hastie, I. Johnstone, R. Tibshirani, "Least angle regression", Annals of
    Statistics 32 (2004).

    Raises ImportError if scikit-learn is not installed.

    >>> patients = diabetes()
    >>> len(patients), patients.feature_names[:3], patients.targets[0]
    (442, ('age', 'sex', 'bmi'), 151.0)
    """
    found = _load("load_diabetes", scaled=False)
    return Dataset(
        found.data.tolist(), found.target.tolist(), tuple(found.feature_names), ("progression",)
    )


def _load(name: str, **options: Any) -> Any:
    try:
        datasets = import_module("sklearn.datasets")
    except ImportError as error:
        raise ImportError(
            "this data set comes with scikit-learn, which is not installed: "
            'pip install "autograd_scalar[sklearn]"'
        ) from error
    return getattr(datasets, name)(**options)


def _classes(found: Any) -> Dataset:
    return Dataset(
        found.data.tolist(),
        found.target.tolist(),
        tuple(map(str, found.feature_names)),
        tuple(map(str, found.target_names)),
    )
