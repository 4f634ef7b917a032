"""Losses: PyTorch's numbers and gradients, their accuracy where others round to nothing, bad input.

The numbers of PyTorch are in tests/data, see torch_training.py.
"""

import copy
import itertools
import json
import math
import pickle
import random

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_scalar import Value, dot, jit
from autograd_scalar.testing import check_gradients
from nn import losses as module
from nn.losses import (
    LOSSES,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HingeLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    Loss,
    MSELoss,
    MultiMarginLoss,
    NLLLoss,
    SmoothL1Loss,
    binary_cross_entropy_with_logits,
    cross_entropy,
    hinge_loss,
    huber_loss,
    kl_div,
    l1_loss,
    l1_penalty,
    l2_penalty,
    loss_named,
    mse_loss,
    multi_margin_loss,
    nll_loss,
    smooth_l1_loss,
)
from nn.tensors import map_numbers, nested, numbers, shape
from tests import torch_training

RNG = random.Random(0)
SCORES = [RNG.uniform(-2, 2) for _ in range(7)]
SIGNS = [RNG.choice([-1, 1]) for _ in range(7)]
NUMBERS = [RNG.uniform(-2, 2) for _ in range(7)]
LOGITS = [[RNG.uniform(-5, 5) for _ in range(4)] for _ in range(7)]
CLASSES = [RNG.randrange(4) for _ in range(7)]
CASES = torch_training.recorded(torch_training.LOSSES_FILE)


def case_id(case):
    options = ",".join(f"{k}={v}" for k, v in case["options"].items())
    return f"{case['loss']}-{options}-{shape(case['input'])}"


def assert_close(found, expected, digits=1e-12):
    """All numbers of a tensor, in units of its largest."""
    assert shape(found) == shape(expected)
    scale = max(map(abs, numbers(expected)))
    for a, b in zip(numbers(found), numbers(expected), strict=True):
        assert abs(a - b) <= digits * scale


def data(x):
    return map_numbers(lambda value: value.data, x)


def grads(x):
    return map_numbers(lambda value: value.grad, x)


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_losses_and_gradients_are_those_of_pytorch(case):
    x = map_numbers(Value, case["input"])
    by_class = case["target_grad"] is None
    target = case["target"] if by_class else map_numbers(Value, case["target"])
    result = getattr(module, case["loss"])(x, target, **case["options"])
    results = list(numbers(result))
    dot(results, torch_training.upstream_of(len(results))).backward()
    assert_close(data(result), case["result"])
    assert_close(grads(x), case["input_grad"])
    if not by_class:
        assert_close(grads(target), case["target_grad"])


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_plain_targets_numbers_and_arrays_give_the_same(case):
    loss = getattr(module, case["loss"])
    expected = case["result"]
    x = map_numbers(Value, case["input"])
    for found in (
        data(loss(x, case["target"], **case["options"])),
        loss(case["input"], case["target"], **case["options"]),
        loss(case["input"], np.array(case["target"]), **case["options"]),
    ):
        assert_close(found, expected)
    if nested(x):
        result = loss(np.array(x), np.array(case["target"]), **case["options"])
        assert isinstance(result, np.ndarray) == nested(expected)
        assert_close(data(result.tolist() if nested(expected) else result), expected)


def test_pytorch_still_gives_the_recorded_numbers():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    for fresh, case in zip(torch_training.torch_losses(), CASES, strict=True):
        assert json.loads(json.dumps(fresh["options"])) == case["options"]
        for key in ("input", "result", "input_grad", "target_grad"):
            if case[key] is not None:
                assert_close(fresh[key], case[key], 1e-14)


SMOOTH = [
    (mse_loss, SCORES, NUMBERS, {}),
    (huber_loss, SCORES, NUMBERS, {"delta": 0.7}),
    (smooth_l1_loss, SCORES, NUMBERS, {"beta": 0.7}),
    (l1_loss, SCORES, NUMBERS, {}),
    (hinge_loss, SCORES, SIGNS, {}),
    (binary_cross_entropy_with_logits, SCORES, [0.0, 1.0, 0.5, 0.1, 0.9, 1.0, 0.0], {}),
    (kl_div, [-1.0, -2.0, -0.5], [0.5, 0.0, 0.5], {"reduction": "sum"}),
    (cross_entropy, LOGITS, CLASSES, {}),
    (cross_entropy, LOGITS, CLASSES, {"label_smoothing": 0.1, "weight": [1.0, 2.0, 0.5, 0.0]}),
    (cross_entropy, LOGITS[:1], [[0.1, 0.2, 0.3, 0.4]], {}),
    (nll_loss, LOGITS, CLASSES, {"weight": [1.0, 2.0, 0.5, 3.0]}),
    (multi_margin_loss, LOGITS, CLASSES, {"p": 2}),
]


@pytest.mark.parametrize(("loss", "x", "target", "options"), SMOOTH)
def test_first_and_second_derivatives_are_those_of_the_differences(loss, x, target, options):
    check_gradients(lambda x: loss(x, target, **options), x)


# --- Laws -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("loss", "x", "target", "options"), SMOOTH)
def test_mean_and_sum_are_of_the_unreduced_losses(loss, x, target, options):
    options = {**options, "reduction": "none"}
    parts = list(numbers(loss(x, target, **options)))
    total = loss(x, target, **{**options, "reduction": "sum"})
    assert total == pytest.approx(math.fsum(parts), rel=1e-15)
    if "weight" not in options:
        average = loss(x, target, **{**options, "reduction": "mean"})
        assert average == pytest.approx(math.fsum(parts) / len(parts), rel=1e-15)


@pytest.mark.parametrize("x", [-1e300, -1e3, -40.0, -1.0, 0.0, 1e-300, 1.0, 40.0, 1e3, 1e300])
@pytest.mark.parametrize("target", [0.0, 0.25, 1.0])
def test_binary_cross_entropy_keeps_its_accuracy_at_any_logit(x, target):
    logit = Value(x)
    loss = binary_cross_entropy_with_logits(logit, target)
    loss.backward()
    with mpmath.workdps(50):
        # log(1 + exp(z)), which is z or exp(z) to 50 digits far out.
        def plus(z):
            z = mpmath.mpf(z)
            return z if z > 200 else mpmath.exp(z) if z < -200 else mpmath.log1p(mpmath.exp(z))

        expected = target * plus(-x) + (1 - target) * plus(x)
        sigmoid = 1 / (1 + mpmath.exp(-mpmath.mpf(x))) if abs(x) < 1e4 else mpmath.mpf(x > 0)
        tail = mpmath.exp(min(mpmath.mpf(x), 0)) / (1 + mpmath.exp(-abs(mpmath.mpf(x))))
        slope = tail if target == 0 and x < 0 else sigmoid - target
        if target == 1 and x > 0:
            slope = -mpmath.exp(-mpmath.mpf(x)) / (1 + mpmath.exp(-mpmath.mpf(x)))
        assert loss.data == pytest.approx(float(expected), rel=1e-15, abs=0)
        assert logit.grad == pytest.approx(float(slope), rel=1e-14, abs=0)


@pytest.mark.parametrize("label", [0.0, 1.0, False, True, np.True_, np.float64(1)])
@pytest.mark.parametrize("x", [-math.inf, math.inf])
def test_binary_cross_entropy_of_an_infinite_logit(x, label):
    right = bool(label) == (x > 0)
    assert binary_cross_entropy_with_logits(Value(x), label).data == (0.0 if right else math.inf)


@pytest.mark.parametrize("lead", [-700.0, -40.0, 0.0, 40.0, 700.0])
def test_a_one_hot_distribution_is_as_accurate_as_its_class(lead):
    row = [Value(lead), Value(0.0), Value(0.0)]
    other = [Value(lead), Value(0.0), Value(0.0)]
    by_class, by_shares = cross_entropy(row, 0), cross_entropy(other, [1.0, 0.0, 0.0])
    by_class.backward()
    by_shares.backward()
    assert by_class.data == by_shares.data
    assert grads(row) == grads(other)


@pytest.mark.parametrize("huge", [1e3, 1e300])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_of_huge_logits_is_finite(huge, smoothing):
    row = [Value(huge), Value(-huge), Value(0.0)]
    loss = cross_entropy(row, 1, label_smoothing=smoothing)
    loss.backward()
    assert loss.data == pytest.approx(huge * (2 - smoothing), rel=1e-14)
    assert all(math.isfinite(z.grad) for z in row)
    assert math.fsum(grads(row)) == pytest.approx(0.0, abs=1e-15)


def test_cross_entropy_is_nll_of_the_log_softmax():
    from autograd_scalar import log_softmax

    weight = [1.0, 2.0, 0.5, 3.0]
    logs = [log_softmax(row) for row in LOGITS]
    for reduction in ("mean", "sum", "none"):
        options = {"weight": weight, "ignore_index": 2, "reduction": reduction}
        expected = nll_loss(logs, CLASSES, **options)
        assert cross_entropy(LOGITS, CLASSES, **options) == pytest.approx(expected, rel=1e-13)


def test_what_is_ignored_counts_nothing_at_all():
    kept = [place for place, target in enumerate(CLASSES) if target != 1]
    assert 0 < len(kept) < len(CLASSES)
    rows = map_numbers(Value, LOGITS)
    loss = cross_entropy(rows, CLASSES, ignore_index=1)
    loss.backward()
    alone = cross_entropy([LOGITS[i] for i in kept], [CLASSES[i] for i in kept])
    assert loss.data == alone
    for row, target in zip(rows, CLASSES, strict=True):
        assert any(grads(row)) == (target != 1)
    unreduced = cross_entropy(rows, CLASSES, ignore_index=1, reduction="none")
    assert [part.data == 0 for part in unreduced] == [target == 1 for target in CLASSES]


def test_ignored_targets_may_be_out_of_range():
    assert cross_entropy(LOGITS[:2], [-100, 3]) == cross_entropy(LOGITS[1:2], [3])


def test_penalties_and_their_gradients():
    params = values(NUMBERS)
    l1_penalty(iter(params), 0.5).backward()
    assert grads(params) == [math.copysign(0.5, x) for x in NUMBERS]
    params = values(NUMBERS)
    loss = l2_penalty(params, 0.5)
    loss.backward()
    assert loss.data == pytest.approx(0.5 * math.fsum(x * x for x in NUMBERS), rel=1e-15)
    assert grads(params) == pytest.approx(NUMBERS, rel=1e-15)
    assert l1_penalty(params, 0.0).data == 0.0


def test_kl_div_is_least_where_the_distributions_agree():
    shares = [0.1, 0.2, 0.7]
    logs = [math.log(p) for p in shares]
    assert kl_div(logs, shares, reduction="sum") == 0.0
    assert kl_div(logs, logs, reduction="sum", log_target=True) == 0.0
    assert kl_div([math.log(1 / 3)] * 3, shares, reduction="sum") > 0.1


@pytest.mark.parametrize(("target", "log_target"), [(0.0, False), (-math.inf, True)])
def test_kl_div_of_what_is_impossible_is_0_whatever_the_model_says(target, log_target):
    x = Value(-math.inf)
    loss = kl_div([x, Value(0.0)], [target, 0.0 if log_target else 1.0], log_target=log_target)
    loss.backward()
    assert (loss.data, x.grad) == (0.0, 0.0)


@pytest.mark.parametrize("bound", [0.25, 1.0, 3.0])
@pytest.mark.parametrize("share", [-2.0, -1.001, -0.999, -0.5, 0.0, 0.5, 0.999, 1.001, 2.0])
def test_the_slope_of_huber_and_smooth_l1_ends_exactly_at_their_bounds(bound, share):
    x = Value(share * bound)
    huber_loss(x, 0.0, delta=bound).backward()
    assert x.grad == pytest.approx(bound * max(-1.0, min(share, 1.0)), rel=1e-15)
    y = Value(share * bound)
    smooth_l1_loss(y, 0.0, beta=bound).backward()
    assert y.grad == pytest.approx(x.grad / bound, rel=1e-15)


# --- As modules, and by name ----------------------------------------------------------------------

MODULES = {
    "binary_cross_entropy_with_logits": BCEWithLogitsLoss,
    "cross_entropy": CrossEntropyLoss,
    "hinge": HingeLoss,
    "huber": HuberLoss,
    "kl_div": KLDivLoss,
    "l1": L1Loss,
    "mse": MSELoss,
    "multi_margin": MultiMarginLoss,
    "nll": NLLLoss,
    "smooth_l1": SmoothL1Loss,
}


def test_every_loss_has_a_name_and_a_module():
    assert MODULES.keys() == LOSSES.keys()
    assert set(MODULES.values()) == set(Loss.__subclasses__())
    for name, kind in MODULES.items():
        assert kind.function is LOSSES[name] is loss_named(name)


@pytest.mark.parametrize(
    "copied", [lambda x: x, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
@pytest.mark.parametrize("case", CASES[::7], ids=case_id)
def test_a_module_is_its_function_also_after_a_copy(case, copied):
    name = case["loss"].removesuffix("_loss")
    loss = copied(MODULES[name](**case["options"]))
    expected = LOSSES[name](case["input"], case["target"], **case["options"])
    assert loss(case["input"], case["target"]) == expected
    assert loss.parameters() == []


def test_a_module_shows_what_is_not_the_default():
    loss = CrossEntropyLoss(label_smoothing=0.1, reduction="sum")
    assert repr(loss) == "CrossEntropyLoss(reduction='sum', label_smoothing=0.1), 0 parameters"
    assert (loss.label_smoothing, loss.ignore_index, loss.weight) == (0.1, -100, None)
    assert repr(MSELoss()) == "MSELoss, 0 parameters"


def test_a_function_or_module_goes_by_itself():
    loss = HuberLoss(delta=2.0)
    assert loss_named(loss) is loss
    assert loss_named(math.hypot) is math.hypot


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
    # Rounding the distance between the logits, of size `lead`, changes its exp by as many parts.
    digits = 1e-14 + 2e-16 * max(lead, 0.0)
    with mpmath.workdps(400):
        others = (classes - 1) * mpmath.exp(-mpmath.mpf(lead))
        assert loss.data == pytest.approx(float(mpmath.log1p(others)), rel=digits, abs=0)
        assert row[0].grad == pytest.approx(float(-others / (1 + others)), rel=10 * digits, abs=0)


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
SOFT = [0.5, 0.5]
BAD = [
    (hinge_loss, ([X], [1, 1]), {}, ValueError, "one shape, got 1 and 2"),
    (hinge_loss, ([], []), {}, ValueError, "input must hold at least one number, got none"),
    (hinge_loss, ([X], [0]), {}, ValueError, "targets of the hinge loss must be -1 or 1, got 0"),
    (hinge_loss, ([X], [0.5]), {}, ValueError, r"must be -1 or 1, got 0\.5"),
    (hinge_loss, ([X], [X]), {}, ValueError, "must be -1 or 1, got Value"),
    (hinge_loss, ([X], 1), {}, ValueError, "one shape, got 1 and a number"),
    (mse_loss, ([X], []), {}, ValueError, "mse_loss: input and target .* got 1 and 0"),
    (mse_loss, ([], []), {}, ValueError, "mse_loss: input must hold at least one number"),
    (mse_loss, (X, [1.0]), {}, ValueError, "one shape, got a number and 1"),
    (mse_loss, ([[X], [X]], [1.0, 2.0]), {}, ValueError, r"got 2 x 1 and 2; nn\.Flatten\(0\)"),
    (mse_loss, ([X, X], [[1.0], [2.0]]), {}, ValueError, "target has a last dimension of 1 too"),
    (mse_loss, ([[X], [X, X]], [1.0, 2.0]), {}, ValueError, "input is ragged"),
    (mse_loss, ([X], [math.nan]), {}, ValueError, "a target is nan"),
    (mse_loss, ([X], ["1"]), {}, TypeError, "a target must be a real number, not '1'"),
    (mse_loss, ([X], [1.0]), {"reduction": "men"}, ValueError, "did you mean 'mean'"),
    (mse_loss, ([X], [1.0]), {"reduction": None}, TypeError, "reduction must be a string"),
    (mse_loss, ([X], [1.0]), {"reduction": "batchmean"}, ValueError, "unknown reduction"),
    (huber_loss, ([X], [1.0]), {"delta": 0.0}, ValueError, "delta must be positive"),
    (smooth_l1_loss, ([X], [1.0]), {"beta": -1.0}, ValueError, "beta must be finite and at least"),
    (binary_cross_entropy_with_logits, ([X], [-1]), {}, ValueError, r"in 0\.\.1, got -1"),
    (binary_cross_entropy_with_logits, ([X], [math.nan]), {}, ValueError, r"in 0\.\.1, got nan"),
    (binary_cross_entropy_with_logits, ([[X]], [1]), {}, ValueError, "got 1 x 1 and 1; nn.Flat"),
    (
        binary_cross_entropy_with_logits,
        (ROW, [1.0, 0.0]),
        {"weight": [1.0] * 3},
        ValueError,
        "weight must be a number or of the last dimensions of the input, which is 2; got 3",
    ),
    (
        binary_cross_entropy_with_logits,
        (ROW, [1.0, 0.0]),
        {"pos_weight": -1.0},
        ValueError,
        "a pos_weight must be finite and at least 0, got -1.0",
    ),
    (
        binary_cross_entropy_with_logits,
        (ROW, [1.0, 0.0]),
        {"weight": [[1.0, 1.0]]},
        ValueError,
        "which is 2; got 1 x 2",
    ),
    (kl_div, ([X], [-0.5]), {}, ValueError, "must be a probability"),
    (kl_div, ([X], [0.5]), {"log_target": True}, ValueError, "the logarithm of a probability"),
    (kl_div, ([X], [0.5]), {"reduction": "batchmaen"}, ValueError, "did you mean 'batchmean'"),
    (cross_entropy, ([ROW], [0, 1]), {}, ValueError, "got 1 x 2 and 2; .* must be 1 or 1 x 2"),
    (cross_entropy, ([], []), {}, ValueError, "input must hold at least one example"),
    (cross_entropy, ([[]], [0]), {}, ValueError, "input must hold at least one number"),
    (cross_entropy, ([ROW], [2]), {}, ValueError, r"target must be in 0\.\.1, got 2"),
    (cross_entropy, ([ROW], [-1]), {}, ValueError, r"target must be in 0\.\.1, got -1"),
    (cross_entropy, (ROW, 2), {}, ValueError, r"target must be in 0\.\.1, got 2"),
    (cross_entropy, ([ROW], [1.0]), {}, TypeError, r"target must be an int, got 1\.0 \(float\)"),
    (cross_entropy, ([ROW], [True]), {}, TypeError, "target must be an int, got True"),
    (cross_entropy, (ROW, 1.0), {}, TypeError, "target must be an int, got 1.0"),
    (cross_entropy, (ROW, None), {}, TypeError, "target must be an int, got None"),
    (cross_entropy, ([[X]], [0]), {}, ValueError, "needs at least 2 classes, got 1"),
    (cross_entropy, ([X], [0]), {}, ValueError, "needs at least 2 classes, got 1"),
    (cross_entropy, (X, 0), {}, TypeError, "input must be a sequence of .*, got Value"),
    (cross_entropy, (X, [0]), {}, TypeError, "input must be a sequence of .*, got Value"),
    (cross_entropy, (ROW, [0, 1]), {}, TypeError, "its class alone is an int"),
    (cross_entropy, ([ROW], [[0.5, 1.5]]), {}, ValueError, r"in 0\.\.1, got 1\.5"),
    (cross_entropy, ([ROW], [[0.5, math.nan]]), {}, ValueError, r"in 0\.\.1, got nan"),
    (cross_entropy, ([ROW], [SOFT]), {"ignore_index": 0}, ValueError, "ignore_index is for"),
    (cross_entropy, ([ROW], [0]), {"ignore_index": 0}, ValueError, "no target counts"),
    (cross_entropy, ([ROW], [0]), {"weight": [0.0, 1.0]}, ValueError, "no target counts"),
    (cross_entropy, ([ROW], [0]), {"weight": [1.0]}, ValueError, "each of 2 classes, got 1"),
    (cross_entropy, ([ROW], [0]), {"weight": [1.0, -1.0]}, ValueError, "class's weight must be"),
    (cross_entropy, ([ROW], [0]), {"label_smoothing": 1.5}, ValueError, "must be in 0..1, got 1.5"),
    (nll_loss, ([ROW], [2]), {}, ValueError, r"target must be in 0\.\.1, got 2"),
    (nll_loss, ([ROW], [SOFT]), {}, ValueError, "got 1 x 2 and 1 x 2; .* must be 1$"),
    (multi_margin_loss, ([ROW], [0]), {"p": 3}, ValueError, "p must be 1 or 2, got 3"),
    (multi_margin_loss, ([[ROW]], [[0, 1]]), {}, ValueError, "N x C or C, got 1 x 1 x 2"),
    (multi_margin_loss, ([ROW], [0.0]), {}, TypeError, "target must be an int"),
    (l1_penalty, ([], 1.0), {}, ValueError, "at least one parameter, got none"),
    (l2_penalty, ([X], -1.0), {}, ValueError, "weight must be finite and at least 0"),
    (CrossEntropyLoss, (), {"lable_smoothing": 0.1}, ValueError, "did you mean 'label_smoothing'"),
    (loss_named, ("hinje",), {}, ValueError, "did you mean 'hinge'"),
    (loss_named, (1,), {}, TypeError, "loss must be a name or a function, got 1"),
]


@pytest.mark.parametrize(("loss", "arguments", "options", "error", "message"), BAD)
def test_bad_arguments(loss, arguments, options, error, message):
    with pytest.raises(error, match=message):
        loss(*arguments, **options)


# --- Recorded -------------------------------------------------------------------------------------

RECORDED = {
    "cross_entropy": cross_entropy,
    "weighted": lambda x, t: cross_entropy(x, t, weight=[1.0, 2.0, 0.5]),
    "smoothed": lambda x, t: cross_entropy(x, t, label_smoothing=0.25),
    "smoothed and weighted": lambda x, t: cross_entropy(
        x, t, label_smoothing=0.25, weight=[1.0, 0.0, 0.5], reduction="sum"
    ),
    "ignoring": lambda x, t: cross_entropy(x, t, ignore_index=1, reduction="sum"),
    "nll": nll_loss,
    "weighted nll": lambda x, t: nll_loss(x, t, weight=[1.0, 2.0, 0.5], reduction="sum"),
    "multi_margin": multi_margin_loss,
    "squared multi_margin": lambda x, t: multi_margin_loss(x, t, p=2, weight=[1.0, 2.0, 0.5]),
}


@pytest.mark.parametrize("name", RECORDED)
@settings(max_examples=40)
@given(st.lists(st.lists(st.floats(-30, 30), min_size=3, max_size=3), min_size=2, max_size=3))
def test_a_recorded_loss_of_classes_is_that_of_ints_whatever_the_class(name, scores):
    loss = RECORDED[name]
    fast = jit(lambda x, t: loss(x, [t, 2]), backend="python")
    for x, z in itertools.pairwise(scores):
        for t in range(3):
            leaves = [[Value(a) for a in row] for row in (x, z)]
            eager = loss(leaves, [t, 2])
            eager.backward()
            value, gradient = fast.value_and_grad([x, z], t)
            assert value == pytest.approx(eager.data, rel=1e-14, abs=1e-300)
            for row, slopes in zip(leaves, gradient, strict=True):
                expected = [v.grad for v in row]
                assert slopes == pytest.approx(expected, rel=1e-13, abs=1e-14)


def test_a_replay_takes_no_class_that_there_is_not():
    for loss in (cross_entropy, nll_loss, multi_margin_loss):
        fast = jit(lambda x, t, loss=loss: loss([x], [t]), backend="python")
        assert fast([1.0, 2.0, 4.0], 1) != fast([1.0, 2.0, 4.0], 2)
        for bad in (3, -1):
            with pytest.raises(ValueError, match=rf"target must be in 0\.\.2, got {bad}"):
                fast([1.0, 2.0, 4.0], bad)
        with pytest.raises(TypeError, match=r"target must be an int, got 0\.5"):
            fast([1.0, 2.0, 4.0], 0.5)


@pytest.mark.parametrize(
    ("loss", "good", "bad"),
    [
        (hinge_loss, (-1, 1), 0.5),
        (binary_cross_entropy_with_logits, (0.0, 0.3, 1.0), 1.5),
        (kl_div, (0.0, 0.3, 1.0), -0.5),
        (huber_loss, (-5.0, 0.7, 0.2), math.nan),
        (smooth_l1_loss, (-5.0, 0.7, 0.2), math.nan),
    ],
)
def test_a_replay_follows_targets_and_checks_them(loss, good, bad):
    fast = jit(lambda x, t: loss([x], [t]), backend="python")
    for t in (*good, *good[::-1]):
        for score in (0.5, -2.0):
            x = Value(score)
            eager = loss([x], [t])
            eager.backward()
            assert fast.value_and_grad(score, t) == (eager.data, x.grad)
    if bad == bad:
        with pytest.raises(ValueError, match="target"):
            fast(0.5, bad)
    else:
        assert math.isnan(fast(0.5, bad))


@pytest.mark.parametrize("shares", [[0.0, 1.0, 0.0], [0.25, 0.0, 0.75], [0.2, 0.3, 0.5]])
def test_recorded_probabilities_of_one_class_are_as_accurate_as_the_class(shares):
    fast = jit(lambda x, p: cross_entropy([x], [p]), backend="python")
    fast([0.0, 1.0, 2.0], [0.5, 0.25, 0.25])
    for x in ([0.0, 40.0, 0.0], [1.0, -2.0, 3.0]):
        leaves = [Value(a) for a in x]
        eager = cross_entropy([leaves], [shares])
        eager.backward()
        value, gradient = fast.value_and_grad(x, shares)
        assert value == pytest.approx(eager.data, rel=1e-14)
        assert gradient == pytest.approx([v.grad for v in leaves], rel=1e-13, abs=1e-30)
