"""Losses: their formulas, their gradients, their accuracy where others round to nothing."""

import math
import random

import mpmath
import numpy as np
import pytest

from autograd_scalar import Value
from nn import cross_entropy, hinge_loss, mse_loss

RNG = random.Random(0)
SCORES = [RNG.uniform(-2, 2) for _ in range(7)]
SIGNS = [RNG.choice([-1, 1]) for _ in range(7)]
NUMBERS = [RNG.uniform(-2, 2) for _ in range(7)]
LOGITS = [[RNG.uniform(-5, 5) for _ in range(4)] for _ in range(7)]
CLASSES = [RNG.randrange(4) for _ in range(7)]


def values(numbers):
    return [Value(number) for number in numbers]


def hinge(scores, targets):
    return math.fsum(max(0.0, 1 - y * s) for s, y in zip(scores, targets, strict=True)) / len(
        scores
    )


def mse(predictions, targets):
    return math.fsum((p - t) ** 2 for p, t in zip(predictions, targets, strict=True)) / len(targets)


def entropy(logits, targets):
    def one(row, target):
        return math.log(math.fsum(math.exp(z) for z in row)) - row[target]

    return math.fsum(map(one, logits, targets)) / len(targets)


@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize(
    ("loss", "formula", "outputs", "targets"),
    [(hinge_loss, hinge, SCORES, SIGNS), (mse_loss, mse, SCORES, NUMBERS)],
)
def test_a_loss_is_its_formula_and_its_gradient_the_slope(loss, formula, outputs, targets, n):
    outputs, targets = outputs[:n], targets[:n]
    xs = values(outputs)
    result = loss(xs, targets)
    result.backward()
    assert result.op == "mean"
    assert len(result.parents) == n
    assert result.data == pytest.approx(formula(outputs, targets), rel=1e-14)
    for i, x in enumerate(xs):
        above, below = list(outputs), list(outputs)
        above[i] += 1e-6
        below[i] -= 1e-6
        slope = (formula(above, targets) - formula(below, targets)) / 2e-6
        assert x.grad == pytest.approx(slope, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_cross_entropy_is_its_formula_and_its_gradient_softmax_less_the_target(n):
    rows, targets = [values(row) for row in LOGITS[:n]], CLASSES[:n]
    loss = cross_entropy(rows, targets)
    loss.backward()
    assert loss.op == "mean"
    assert loss.data == pytest.approx(entropy(LOGITS[:n], targets), rel=1e-13)
    for row, target in zip(rows, targets, strict=True):
        total = math.fsum(math.exp(z.data) for z in row)
        for i, z in enumerate(row):
            expected = (math.exp(z.data) / total - (i == target)) / n
            assert z.grad == pytest.approx(expected, rel=1e-12)


def test_one_example_needs_no_lists_around_it():
    one, many = values(LOGITS[0]), [values(LOGITS[0])]
    alone, listed = cross_entropy(one, 2), cross_entropy(many, [2])
    alone.backward()
    listed.backward()
    assert alone.data == listed.data
    assert [z.grad for z in one] == [z.grad for z in many[0]]


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("lead", [0.0, 1.0, 40.0, 300.0, 700.0, -40.0, -1e4, 1e300])
def test_cross_entropy_keeps_its_relative_accuracy(lead, classes):
    row = values([lead] + [0.0] * (classes - 1))
    loss = cross_entropy(row, 0)
    loss.backward()
    with mpmath.workdps(400):
        others = (classes - 1) * mpmath.exp(-mpmath.mpf(lead))
        assert loss.data == pytest.approx(float(mpmath.log1p(others)), rel=1e-14)
        assert row[0].grad == pytest.approx(float(-others / (1 + others)), rel=1e-13)


@pytest.mark.parametrize(
    ("logits", "expected"),
    [([math.inf, 0.0], 0.0), ([-math.inf, 0.0], math.inf), ([0.0, -math.inf], 0.0)],
)
def test_cross_entropy_of_infinite_logits(logits, expected):
    assert cross_entropy(values(logits), 0).data == expected


def test_targets_may_be_numpy_arrays():
    assert (
        hinge_loss(values(SCORES), np.array(SIGNS)).data == hinge_loss(values(SCORES), SIGNS).data
    )
    assert mse_loss(values(SCORES), np.array(NUMBERS)).data == pytest.approx(mse(SCORES, NUMBERS))
    rows = [values(row) for row in LOGITS]
    assert cross_entropy(rows, np.array(CLASSES)).data == cross_entropy(rows, CLASSES).data
    assert cross_entropy(rows[0], np.int64(1)).data == cross_entropy(rows[0], 1).data


def test_mse_targets_may_be_values():
    predictions, targets = values(SCORES), values(NUMBERS)
    mse_loss(predictions, targets).backward()
    assert [t.grad for t in targets] == [-p.grad for p in predictions]


X, ROW = Value(0.0), [Value(0.0), Value(1.0)]
BAD = [
    (hinge_loss, ([X], [1, 1]), ValueError, "scores and targets .* got 1 and 2"),
    (hinge_loss, ([], []), ValueError, "scores must hold at least one example"),
    (hinge_loss, ([X], [0]), ValueError, "targets of the hinge loss must be -1 or 1, got 0"),
    (hinge_loss, ([X], [0.5]), ValueError, r"must be -1 or 1, got 0\.5"),
    (hinge_loss, ([X], [X]), ValueError, "must be -1 or 1, got Value"),
    (hinge_loss, (X, 1), TypeError, "scores must be a sequence, got Value"),
    (hinge_loss, ([X], 1), TypeError, "targets must be a sequence, got int"),
    (mse_loss, ([X], []), ValueError, "predictions and targets .* got 1 and 0"),
    (mse_loss, ([], []), ValueError, "predictions must hold at least one example"),
    (mse_loss, (X, [1.0]), TypeError, "predictions must be a sequence, got Value"),
    (cross_entropy, ([ROW], [0, 1]), ValueError, "logits and targets .* got 1 and 2"),
    (cross_entropy, ([], []), ValueError, "logits must hold at least one example"),
    (cross_entropy, ([ROW], [2]), ValueError, r"target must be a class in 0\.\.1, got 2"),
    (cross_entropy, ([ROW], [-1]), ValueError, r"target must be a class in 0\.\.1, got -1"),
    (cross_entropy, (ROW, 2), ValueError, r"target must be a class in 0\.\.1, got 2"),
    (cross_entropy, ([ROW], [1.0]), TypeError, r"target must be an int, got 1\.0 \(float\)"),
    (cross_entropy, ([ROW], [True]), TypeError, "target must be an int, got True"),
    (cross_entropy, (ROW, 1.0), TypeError, "target must be an int, got 1.0"),
    (cross_entropy, (ROW, None), TypeError, "target must be an int, got None"),
    (cross_entropy, ([[X]], [0]), ValueError, "needs at least 2 logits, got 1"),
    (cross_entropy, ([X], [0]), TypeError, "logits of an example must be a sequence, got Value"),
    (cross_entropy, (X, 0), TypeError, "logits of an example must be a sequence, got Value"),
    (cross_entropy, (X, [0]), TypeError, "logits must be a sequence, got Value"),
]


@pytest.mark.parametrize(("loss", "arguments", "error", "message"), BAD)
def test_bad_arguments(loss, arguments, error, message):
    with pytest.raises(error, match=message):
        loss(*arguments)
