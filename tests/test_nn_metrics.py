"""Metrics: those of scikit-learn, on whatever a model may return."""

import math

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from autograd_scalar import Value
from nn.metrics import (
    METRICS,
    accuracy,
    confusion,
    mean_absolute_error,
    mean_squared_error,
    predicted_class,
    r2,
)

FINITE = st.floats(-100, 100)
REGRESSION = [
    (r2, sklearn.metrics.r2_score),
    (mean_absolute_error, sklearn.metrics.mean_absolute_error),
    (mean_squared_error, sklearn.metrics.mean_squared_error),
]


def as_values(nest):
    return [as_values(item) if isinstance(item, list) else Value(item) for item in nest]


FORMS = {"lists": list, "arrays": np.array, "Values": as_values, "tuples": tuple}


@st.composite
def classified(draw):
    classes, n = draw(st.integers(2, 5)), draw(st.integers(1, 20))
    row = st.lists(FINITE, min_size=classes, max_size=classes)
    logits = draw(st.lists(row, min_size=n, max_size=n))
    return logits, draw(st.lists(st.integers(0, classes - 1), min_size=n, max_size=n))


@pytest.mark.parametrize("form", FORMS)
@given(examples=classified())
def test_accuracy_and_confusion_of_logits_are_those_of_scikit_learn(form, examples):
    logits, targets = examples
    outputs = FORMS[form](logits)
    predicted = np.argmax(logits, axis=1)
    labels = range(len(logits[0]))
    assert accuracy(outputs, targets) == sklearn.metrics.accuracy_score(targets, predicted)
    expected = sklearn.metrics.confusion_matrix(targets, predicted, labels=labels).tolist()
    assert confusion(outputs, targets) == expected
    assert confusion(predicted, np.array(targets), len(labels)) == expected
    assert accuracy(predicted.tolist(), targets) == accuracy(outputs, targets)
    assert [predicted_class(output) for output in outputs] == predicted.tolist()


@pytest.mark.parametrize("negative", [0, -1])
@given(examples=st.lists(st.tuples(FINITE, st.booleans()), min_size=1, max_size=20))
def test_a_single_score_says_1_above_0_whatever_the_other_class_is_called(negative, examples):
    scores = [score for score, _ in examples]
    targets = [1 if positive else negative for _, positive in examples]
    predicted = [1 if score > 0 else negative for score in scores]
    expected = sklearn.metrics.accuracy_score(targets, predicted)
    matrix = sklearn.metrics.confusion_matrix(targets, predicted, labels=[negative, 1]).tolist()
    for outputs in (scores, np.array(scores), as_values(scores), [[score] for score in scores]):
        assert accuracy(outputs, targets) == expected
        assert accuracy(outputs, np.array(targets, dtype=float)) == expected
        assert confusion(outputs, targets) == matrix
    assert accuracy([[score] for score in scores], [[target] for target in targets]) == expected
    assert accuracy(predicted, targets) == expected
    if negative in targets:
        assert confusion(predicted, targets, 2) == matrix


def test_equal_logits_and_a_score_of_0_go_to_the_first_class():
    assert predicted_class([1.0, 1.0, 0.0]) == 0
    assert predicted_class(0.0) == predicted_class([0.0]) == predicted_class(Value(0.0)) == 0
    assert predicted_class(5) == predicted_class(np.int64(5)) == 5


def test_the_steps_of_sequences_are_counted_one_by_one():
    logits = [[[1.0, 2.0], [2.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]]
    assert accuracy(logits, [[1, 0], [1, 0]]) == 0.75
    assert confusion(np.array(logits), np.array([[1, 0], [1, 0]])) == [[1, 1], [0, 2]]


@pytest.mark.parametrize(("ours", "theirs"), REGRESSION)
@pytest.mark.parametrize("form", FORMS)
@given(data=st.data())
def test_errors_of_numbers_are_those_of_scikit_learn(ours, theirs, form, data):
    n = data.draw(st.integers(2, 20))
    columns = data.draw(st.integers(1, 3))
    numbers = st.lists(
        st.lists(st.integers(-50, 50).map(float), min_size=columns, max_size=columns),
        min_size=n,
        max_size=n,
    )
    outputs, targets = data.draw(numbers), data.draw(numbers)
    expected = theirs(targets, outputs)
    assert ours(FORMS[form](outputs), targets) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    if columns == 1:
        flat = [t for (t,) in targets]
        assert ours(FORMS[form](outputs), flat) == pytest.approx(expected, rel=1e-12, abs=1e-12)
        assert ours([y for (y,) in outputs], np.array(targets)) == ours(outputs, targets)


def test_r2_of_equal_targets_is_1_or_0():
    assert r2([3.0, 3.0], [3.0, 3.0]) == 1.0
    assert r2([3.0, 3.1], [3.0, 3.0]) == 0.0
    tenths = [0.1] * 3  # their mean, rounded, is another number
    assert r2(tenths, tenths) == 1.0
    assert r2([0.1, 0.1, 0.2], tenths) == 0.0


def test_the_sums_are_rounded_once():
    outputs = [1e8, *[0.001] * 1000, -1e8]
    assert mean_absolute_error(outputs, [0.0] * 1002) == (2e8 + 1.0) / 1002


@pytest.mark.parametrize("name", METRICS)
def test_metrics_can_be_asked_for_by_name_and_give_floats(name):
    assert METRICS[name].__name__ == name
    assert type(METRICS[name]([0.5, 1.0], [0, 1])) is float


@pytest.mark.parametrize("metric", [*METRICS.values(), confusion])
@pytest.mark.parametrize(
    ("outputs", "targets", "error", "message"),
    [
        ([1.0], [1, 0], ValueError, "outputs and targets must be as many, got 1 and 2"),
        ([], [], ValueError, "outputs must hold at least one example"),
        (1.0, [1], TypeError, "outputs must be a list or an array, got float"),
        ([1.0], 1, TypeError, "targets must be a list or an array, got int"),
        ([math.nan, 1.0], [1, 0], ValueError, "an output is nan"),
        (["1", "2"], [1, 0], TypeError, "an output must be a number, got '1'"),
    ],
)
def test_what_cannot_be_compared_is_refused(metric, outputs, targets, error, message):
    with pytest.raises(error, match=message):
        metric(outputs, targets)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: accuracy([[1.0, 2.0]], [2]), ValueError, r"must be in 0\.\.1, got 2"),
        (lambda: accuracy([[1.0, 2.0]], [-1]), ValueError, r"must be in 0\.\.1, got -1"),
        (lambda: accuracy([0.5, 0.5], [-1, 0]), ValueError, "-1 and 1, or 0 and 1, got 0"),
        (lambda: accuracy([0.5], [2]), ValueError, "-1 and 1, or 0 and 1, got 2"),
        (lambda: accuracy([[1.0, 2.0]], [0.5]), TypeError, "a target must be an int, got 0.5"),
        (lambda: accuracy([[1.0, 2.0], [1.0]], [0, 0]), ValueError, r"one length, .* \[1, 2\]"),
        (lambda: accuracy([[1.0, 2.0]], [[0, 1]]), ValueError, "1 x 2 for outputs 1 x 2"),
        (lambda: accuracy([[[1.0], [2.0]]], [[0]]), ValueError, "1 x 1 for outputs 1 x 2 x 1"),
        (lambda: confusion([0, 3], [0, 1], 2), ValueError, r"predicted class .* 0\.\.1, got 3"),
        (lambda: confusion([0, 1], [0, -2]), ValueError, r"target must be in 0\.\.1, got -2"),
        (lambda: confusion([0], [0], 0), ValueError, "classes must be at least 1"),
        (lambda: predicted_class([]), ValueError, "at least one number, got none"),
        (lambda: predicted_class([0.0, math.nan]), ValueError, "an output is nan"),
        (lambda: predicted_class([[1.0]]), TypeError, r"must be a number, got \[1.0\]"),
        (lambda: r2([1.0], [1.0]), ValueError, "r2 needs at least 2 examples"),
        (lambda: r2([1.0, math.inf], [1.0, 2.0]), ValueError, "an output is inf"),
        (lambda: r2([1.0, 2.0], [1.0, math.nan]), ValueError, "a target is nan"),
        (lambda: r2([[1.0, 2.0]], [1.0]), ValueError, "of one shape, got 1 x 2 and 1$"),
        (lambda: r2([[[1.0]]], [[[1.0]]]), ValueError, "n lists of numbers, got 1 x 1 x 1"),
    ],
)
def test_outputs_and_targets_that_do_not_belong_together_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
