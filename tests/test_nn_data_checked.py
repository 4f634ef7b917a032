"""`examples`: whatever the data come in, the same numbers come out, or an error that says where."""

import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from autograd_scalar import Value
from nn.data import Dataset, examples

ROWS = [[1.5, -2.0], [0.0, 3.0], [4.0, 5.25]]
CLASSES = [0, 1, 0]
FRAME = pd.DataFrame(ROWS, columns=["width", "height"])


@pytest.mark.parametrize(
    "data",
    [
        (ROWS, CLASSES),
        [ROWS, CLASSES],
        (tuple(map(tuple, ROWS)), tuple(CLASSES)),
        (np.array(ROWS), np.array(CLASSES)),
        (np.array(ROWS, dtype=object), np.array(CLASSES, dtype=np.uint8)),
        (np.array(ROWS, dtype=np.float32), CLASSES),
        ([np.array(row) for row in ROWS], [np.int64(c) for c in CLASSES]),
        ([[Fraction(x) for x in row] for row in ROWS], [bool(c) for c in CLASSES]),
        (ROWS, np.array(CLASSES, dtype=bool)),
        (ROWS, list(np.array(CLASSES, dtype=bool))),
        (FRAME, pd.Series(CLASSES, index=[7, 8, 9])),
        (FRAME, pd.array(CLASSES, dtype="Int64")),
        (FRAME.assign(species=CLASSES), "species"),
        (FRAME.astype("Float64"), pd.Series(CLASSES, dtype="category")),
        Dataset(ROWS, CLASSES),
    ],
    ids=lambda data: f"{type(data).__name__}",
)
def test_the_same_numbers_come_out_of_everything(data):
    features, targets = examples(data)
    assert features == ROWS
    assert targets == CLASSES
    assert {type(x) for row in features for x in row} == {float}
    assert {type(target) for target in targets} == {int}


@pytest.mark.parametrize("form", [list, np.array])
@pytest.mark.parametrize(
    ("X", "kind"),
    [
        ([3, 1, 2], int),
        ([0.5, 1.0, 2.0], float),
        ([[3, 1], [2, 2], [0, 1]], int),
        ([[3, 1.0], [2, 2], [0, 1]], float),
        ([[[1.0], [2.0]]] * 3, float),
        ([[[[1, 2]], [[3, 4]]]] * 3, int),
    ],
)
def test_rows_of_any_depth_keep_their_shape_and_whole_numbers_stay_ints(X, kind, form):
    features, _ = examples((form(X), [0, 1, 2]))
    assert features == X
    item = features
    while isinstance(item, list):
        item = item[0]
    assert type(item) is kind


@pytest.mark.parametrize("y", [[0.5, 1.0, 2.0], [[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]]])
def test_targets_may_be_numbers_or_rows_of_them(y):
    assert examples((ROWS, y))[1] == y
    assert examples((ROWS, np.array(y)))[1] == y


@given(
    st.integers(1, 6),
    st.integers(1, 4),
    st.sampled_from([math.nan, math.inf, -math.inf]),
    st.data(),
)
def test_the_row_and_the_column_of_what_is_not_finite_are_named(rows, columns, bad, data):
    X = [[float(i + j) for j in range(columns)] for i in range(rows)]
    row = data.draw(st.integers(0, rows - 1))
    column = data.draw(st.integers(0, columns - 1))
    X[row][column] = bad
    names = [f"c{j}" for j in range(columns)]
    y = [0] * rows
    with pytest.raises(ValueError, match=f"^row {row}, column {column} of the features is {bad}$"):
        examples((X, y))
    for named in ((pd.DataFrame(X, columns=names), y), Dataset(X, y, tuple(names))):
        where = f"row {row}, column 'c{column}' of the features is {bad}"
        with pytest.raises(ValueError, match=f"^{where}$"):
            examples(named)
    for unnamed in ([x[column] for x in X], [[x] for x in X]):  # numbers, and deeper nests
        with pytest.raises(ValueError, match=f"^row {row} of the features is {bad}$"):
            examples((unnamed, y))


BAD = [
    ((ROWS, [0, 1]), ValueError, "as many, got 3 and 2"),
    (([], []), ValueError, "features must hold at least one example, got none"),
    ((np.empty((0, 2)), []), ValueError, "at least one example"),
    (([[], []], [0, 1]), ValueError, "a row of the features must hold numbers"),
    (([[1.0], [1.0, 2.0]], [0, 1]), ValueError, "row 1 is of shape 2, row 0 of shape 1"),
    (([[1.0], 1.0], [0, 1]), ValueError, "row 1 is of shape a number, row 0 of shape 1"),
    (([[[1.0], [1.0, 2.0]]], [0]), ValueError, "row 0 of the features is ragged"),
    (([[1.0], ["2"]], [0, 1]), TypeError, "row 1, column 0 of the features must be .* got '2'"),
    (([[1.0], [None]], [0, 1]), TypeError, "row 1, column 0 of the features must be .* None"),
    (([[1.0], [1j]], [0, 1]), TypeError, "got 1j"),
    (([[Value(1.0)]], [0]), TypeError, r"row 0, column 0 .* got Value\("),
    (([[1.0], [2.0]], ["moss", "fern"]), TypeError, "row 0 of the targets .* 'moss' .*classes as"),
    (([[1.0], [2.0]], [0.0, math.nan]), ValueError, "row 1 of the targets is nan"),
    ((FRAME.assign(kind="x"), CLASSES), TypeError, "row 0, column 'kind' of the features"),
    (
        (pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}), [0, 1]),
        (TypeError, ValueError),  # pandas from 3 on gives nan, and before its own NA
        "row 1, column 'a' of the features",
    ),
    ((FRAME, "species"), ValueError, "no column 'species' .* 'width', 'height'"),
    ((np.array([["2020-01-01"]], dtype="datetime64[ns]"), [0]), TypeError, "dates or times"),
    ((pd.DataFrame({"t": pd.to_datetime(["2020-01-01"])}), [0]), TypeError, "dates or times"),
    ((csr_array(np.eye(2)), [0, 1]), TypeError, r"must be dense.*toarray\(\)"),
    ((5, CLASSES), TypeError, "features must be a list or an array, got int"),
    (("abc", CLASSES), TypeError, "features must be a list or an array, got str"),
    ((ROWS, 3), TypeError, "targets must be a list or an array, got int"),
    ((ROWS, CLASSES, ROWS), ValueError, r"a pair \(X, y\), got 3 items"),
    (FRAME, TypeError, r"a pair \(X, y\), got DataFrame"),
    (None, TypeError, "got NoneType"),
]


@pytest.mark.parametrize(("data", "error", "message"), BAD, ids=[message for *_, message in BAD])
def test_what_cannot_be_learnt_from_is_refused(data, error, message):
    with pytest.raises(error, match=message):
        examples(data)


def test_the_data_given_are_not_changed():
    X, y = np.array(ROWS), np.array(CLASSES)
    features, targets = examples((X, y))
    features[0][0], targets[0] = 9.0, 9
    assert X.tolist() == ROWS
    assert y.tolist() == CLASSES
