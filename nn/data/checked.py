"""`examples`: what people have their data in, checked and turned into plain lists of numbers."""

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

from nn.data.dataset import Dataset
from nn.tensors import as_lists, by, nested, shape


def examples(data: Any) -> tuple[list[Any], list[Any]]:
    """Return features and targets of `data` as nested lists of Python numbers, after checking them.

    data: a `Dataset`; a pair (X, y) of lists, NumPy arrays, or a pandas DataFrame and Series; or a
        pair of a DataFrame and the name of the column that has the targets.

    An example is a row of numbers, or a deeper nest (a picture, a sequence), or a single number.
    Whole numbers throughout stay ints: tokens, and targets that are classes. Otherwise all become
    floats. Booleans count as 0 and 1.

    Raises ValueError for no examples, different numbers of features and targets, ragged examples,
    nan and inf; TypeError for what is no number. The message says where: the row, and the column
    by its name if there is one.

    >>> import numpy
    >>> examples((numpy.array([[1.0, 2.0], [3.0, 4.0]]), [0, 1]))
    ([[1.0, 2.0], [3.0, 4.0]], [0, 1])
    >>> examples(([[1.0, 2.0], [3.0, float("nan")]], [0, 1]))
    Traceback (most recent call last):
    ...
    ValueError: row 1, column 1 of the features is nan
    """
    X, y = _pair(data)
    columns = data.feature_names if isinstance(data, Dataset) else getattr(X, "columns", ())
    features = _numbers(X, "features", tuple(columns))
    targets = _numbers(y, "targets", ())
    if len(features) != len(targets):
        raise ValueError(
            f"features and targets must be as many, got {len(features)} and {len(targets)}"
        )
    return features, targets


def _pair(data: Any) -> tuple[Any, Any]:
    if isinstance(data, Dataset):
        return data.features, data.targets
    if not isinstance(data, (tuple, list)):
        raise TypeError(f"data must be a Dataset or a pair (X, y), got {type(data).__name__}")
    if len(data) != 2:
        raise ValueError(f"data must be a Dataset or a pair (X, y), got {len(data)} items")
    X, y = data
    if isinstance(y, str) and hasattr(X, "columns"):
        if y not in X.columns:
            raise ValueError(
                f"there is no column {y!r} to take the targets from, only "
                f"{', '.join(map(repr, X.columns))}"
            )
        return X[[column for column in X.columns if column != y]], X[y]
    return X, y


def _numbers(x: Any, name: str, columns: Sequence[object]) -> list[Any]:
    """The nested lists of `x`, whose numbers are all ints or all floats."""
    if hasattr(x, "toarray"):
        raise TypeError(f"{name} must be dense, got a {type(x).__name__}; x.toarray() is one")
    lists = _as_lists(x, name)
    if not nested(lists):
        raise TypeError(f"{name} must be a list or an array, got {type(x).__name__}")
    if not len(lists):
        raise ValueError(f"{name} must hold at least one example, got none")
    plain = [_is_plain(row) for row in lists]
    of_rows = [
        (len(row),) if plain[i] else shape(row, f"row {i} of the {name}")
        for i, row in enumerate(lists)
    ]
    for i, found in enumerate(of_rows):
        if found != of_rows[0]:
            raise ValueError(
                f"the {name} are ragged: row {i} is of shape {by(found)}, row 0 of shape "
                f"{by(of_rows[0])}"
            )
    if 0 in of_rows[0]:
        raise ValueError(f"a row of the {name} must hold numbers, got {by(of_rows[0])}")

    kinds: set[type] = set()
    for i, row in enumerate(lists):
        if plain[i]:
            kinds.add(type(row[0]))
        elif not nested(row):
            kinds.add(_kind(row, f"row {i} of the {name}"))
        else:
            for j, item in enumerate(row):
                place = f"row {i} of the {name}"
                if not nested(item):
                    column = repr(columns[j]) if j < len(columns) else j
                    place = f"row {i}, column {column} of the {name}"
                _add_kinds(item, place, kinds)
    kind = int if kinds == {int} else float
    return [
        list(map(kind, row)) if plain[i] else _converted(row, kind) for i, row in enumerate(lists)
    ]


def _is_plain(row: Any) -> bool:
    """Whether all is well with the row: what most rows are, told in a tenth of the time."""
    if row.__class__ is not list and row.__class__ is not tuple:
        return False
    kinds = set(map(type, row))
    return kinds == {int} or (kinds == {float} and all(map(math.isfinite, row)))


def _as_lists(x: Any, name: str) -> Any:
    """Arrays as lists, at every depth."""
    if hasattr(x, "to_numpy"):  # pandas
        x = x.to_numpy()
    if getattr(getattr(x, "dtype", None), "kind", "") in ("M", "m"):
        # NumPy would give them as whole numbers of nanoseconds.
        raise TypeError(f"{name} must be numbers, got dates or times ({x.dtype})")
    x = as_lists(x)
    if not nested(x):
        return x
    return [item if item.__class__ is float else _as_lists(item, name) for item in x]


def _add_kinds(item: Any, place: str, kinds: set[type]) -> None:
    if nested(item):
        for inner in item:
            _add_kinds(inner, place, kinds)
    else:
        kinds.add(_kind(item, place))


def _kind(number: Any, place: str) -> type:
    """int or float, as the number; or the error that says what it is and where."""
    if number.__class__ is not float:
        kind = type(number).__name__
        if isinstance(number, Integral) or kind in ("bool", "bool_"):  # NumPy's are no Integral
            return int
        if not isinstance(number, Real):
            hint = "; give classes as 0, 1, 2, ..." if isinstance(number, str) else ""
            raise TypeError(f"{place} must be an int or a float, got {number!r} ({kind}){hint}")
    if not math.isfinite(number):
        raise ValueError(f"{place} is {float(number)!r}")
    return float


def _converted(x: Any, kind: type) -> Any:
    return [_converted(item, kind) for item in x] if nested(x) else kind(x)
