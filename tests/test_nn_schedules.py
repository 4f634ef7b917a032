"""Schedules: PyTorch's rates, resuming, and what is refused.

The numbers of PyTorch are in tests/data, see torch_training.py.
"""

import copy
import json
import math
import pickle

import numpy as np
import pytest

from autograd_scalar import Value
from nn import schedules
from nn.gradient_free import FiniteDifferences, RandomSearch
from nn.optim import SGD, Adam
from nn.schedules import (
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    ReduceLROnPlateau,
    Schedule,
    SequentialLR,
    StepLR,
)
from tests import torch_training
from tests.torch_training import METRICS, RATES, SCHEDULES, falling, make_schedule, rates

CASES = torch_training.recorded(torch_training.OPTIM_FILE)["schedules"]


def optimizer(*lrs):
    return SGD([{"params": [Value(0.0)], "lr": lr} for lr in lrs or RATES], lr=0.1)


def set_up(name, options):
    sgd = optimizer()
    return make_schedule(schedules, sgd, name, options), sgd


def advance(schedule, epochs):
    for metric in epochs:
        schedule.step(*([metric] if schedule.needs_metric else []))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['schedule']}-{case['options']}")
def test_fifty_rates_are_those_of_pytorch(case):
    schedule, sgd = set_up(case["schedule"], case["options"])
    for here, there in zip(rates(schedule, sgd), case["rates"], strict=True):
        assert here == pytest.approx(there, rel=1e-12, abs=1e-15)


def test_pytorch_still_gives_the_recorded_rates():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    for fresh, case in zip(torch_training.torch_schedules(), CASES, strict=True):
        assert fresh["options"] == case["options"]
        for here, there in zip(fresh["rates"], case["rates"], strict=True):
            assert here == pytest.approx(there, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(("name", "options"), SCHEDULES)
def test_the_last_rates_are_those_of_the_optimizer(name, options):
    schedule, sgd = set_up(name, options)
    for metric in METRICS[:12]:
        assert schedule.get_last_lr() == [group["lr"] for group in sgd.param_groups]
        advance(schedule, [metric])


@pytest.mark.parametrize("interrupted_at", [0, 1, 9, 31])
@pytest.mark.parametrize(("name", "options"), SCHEDULES)
def test_a_run_resumed_by_way_of_json_goes_on_alike(name, options, interrupted_at):
    schedule, sgd = set_up(name, options)
    advance(schedule, METRICS[:interrupted_at])
    saved = json.loads(json.dumps([schedule.state_dict(), sgd.state_dict()]))
    at = schedule.get_last_lr()
    advance(schedule, METRICS[interrupted_at:])

    other = optimizer(0.3, 0.007)
    resumed = make_schedule(schedules, other, name, options)
    advance(resumed, METRICS[:5])
    resumed.load_state_dict(saved[0])
    assert resumed.get_last_lr() == at == [group["lr"] for group in other.param_groups]
    other.load_state_dict(saved[1])
    advance(resumed, METRICS[interrupted_at:])
    assert resumed.get_last_lr() == schedule.get_last_lr()
    assert resumed.state_dict() == schedule.state_dict()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
@pytest.mark.parametrize(("name", "options"), SCHEDULES)
def test_a_copy_has_an_optimizer_of_its_own(name, options, copied):
    schedule, sgd = set_up(name, options)
    advance(schedule, METRICS[:5])
    other = copied(schedule)
    advance(schedule, METRICS[5:])
    assert other.optimizer is not sgd
    advance(other, METRICS[5:])
    assert other.get_last_lr() == schedule.get_last_lr()


@pytest.mark.parametrize("last_epoch", [0, 3, 20])
@pytest.mark.parametrize(
    ("name", "options"),
    [row for row in SCHEDULES if row[0] not in ("LambdaLR", "SequentialLR", "ReduceLROnPlateau")],
)
def test_last_epoch_goes_on_after_it(name, options, last_epoch):
    schedule, _ = set_up(name, options)
    advance(schedule, METRICS[: last_epoch + 1])
    other = optimizer()
    for group in other.param_groups:
        group["initial_lr"], group["lr"] = group["lr"], 0.123
    resumed = getattr(schedules, name)(other, **options, last_epoch=last_epoch)
    assert resumed.get_last_lr() == schedule.get_last_lr()


def test_rates_gather_no_rounding_errors():
    schedule = ExponentialLR(optimizer(1.0), gamma=0.999)
    for _ in range(5000):
        schedule.step()
    assert schedule.get_last_lr() == [0.999**5000]


@pytest.mark.parametrize("T_max", [1, 2, 7, 10])
def test_the_cosine_ends_at_exactly_its_least_rate_and_comes_back(T_max):
    schedule = CosineAnnealingLR(optimizer(0.5), T_max=T_max, eta_min=0.0)
    found = []
    for _ in range(2 * T_max + 1):
        found += schedule.get_last_lr()
        schedule.step()
    assert (found[0], found[T_max], found[-1]) == (0.5, 0.0, 0.5)
    assert found == found[::-1]


def test_a_schedule_made_later_knows_the_first_rates():
    sgd = optimizer(1.0)
    advance(ExponentialLR(sgd, gamma=0.5), METRICS[:3])
    assert sgd.lr == 0.125
    assert StepLR(sgd, step_size=2).base_lrs == [1.0]
    assert sgd.lr == 1.0


def test_lambdas_one_for_each_group():
    schedule = LambdaLR(optimizer(), [falling, lambda epoch: 2.0])
    schedule.step()
    assert schedule.get_last_lr() == [RATES[0] / 2, RATES[1] * 2]


@pytest.mark.parametrize("metric", [Value(1.0), np.float64(1.0), 1])
def test_a_metric_may_be_any_number(metric):
    schedule = ReduceLROnPlateau(optimizer(), patience=0)
    schedule.step(metric)
    assert (schedule.best, schedule.num_bad_epochs) == (1.0, 0)


@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_metric_of_nan_is_a_bad_one(mode):
    schedule = ReduceLROnPlateau(optimizer(1.0), mode=mode, patience=1, factor=0.5)
    advance(schedule, [1.0, math.nan, math.nan])
    assert schedule.get_last_lr() == [0.5]
    assert schedule.best == 1.0


def test_what_needs_a_metric_says_so():
    assert ReduceLROnPlateau.needs_metric and not Schedule.needs_metric


def test_any_optimizer_with_a_rate_can_be_scheduled():
    for one in (Adam([Value(0.0)], lr=1.0), FiniteDifferences([Value(0.0)], lr=1.0)):
        advance(ExponentialLR(one, gamma=0.5), METRICS[:2])
        assert one.lr == 0.25


# --- Bad input ------------------------------------------------------------------------------------

SGD_ = optimizer(0.1)
OTHER = optimizer(0.1)
COSINE = CosineAnnealingLR(SGD_, T_max=5)
BAD = [
    (StepLR, {"step_size": 0}, ValueError, "step_size must be at least 1, got 0"),
    (StepLR, {"step_size": 1.5}, TypeError, "step_size must be an int, got 1.5"),
    (StepLR, {"step_size": 2, "gamma": -1.0}, ValueError, "gamma must be finite and at least 0"),
    (StepLR, {"step_size": 2, "last_epoch": -2}, ValueError, "last_epoch must be at least -1"),
    (MultiStepLR, {"milestones": [1.5]}, TypeError, "a milestone must be an int"),
    (ExponentialLR, {"gamma": "a"}, TypeError, "gamma must be a number, got 'a'"),
    (CosineAnnealingLR, {"T_max": 0}, ValueError, "T_max must be at least 1"),
    (CosineAnnealingLR, {"T_max": 2, "eta_min": -1}, ValueError, "eta_min must be finite and at"),
    (LinearLR, {"start_factor": 0.0}, ValueError, "start_factor must be positive"),
    (LinearLR, {"start_factor": 1.5}, ValueError, "start_factor must be at most 1, got 1.5"),
    (LinearLR, {"end_factor": 1.5}, ValueError, "end_factor must be at most 1, got 1.5"),
    (LinearLR, {"end_factor": -0.5}, ValueError, "end_factor must be finite and at least 0"),
    (LinearLR, {"total_iters": 0}, ValueError, "total_iters must be at least 1"),
    (LambdaLR, {"lr_lambda": [falling] * 2}, ValueError, "must be 1 functions, .* got 2"),
    (LambdaLR, {"lr_lambda": lambda epoch: -1.0}, ValueError, "what lr_lambda returns must be"),
    (LambdaLR, {"lr_lambda": lambda epoch: None}, TypeError, "what lr_lambda returns must be a"),
    (SequentialLR, {"schedulers": [], "milestones": []}, ValueError, "at least one schedule"),
    (SequentialLR, {"schedulers": [COSINE], "milestones": [3]}, ValueError, "need 0 milestones"),
    (
        SequentialLR,
        {"schedulers": [COSINE] * 3, "milestones": [3, 3]},
        ValueError,
        r"milestones must ascend, got \[3, 3\]",
    ),
    (
        SequentialLR,
        {"schedulers": [COSINE, ReduceLROnPlateau(SGD_)], "milestones": [3]},
        TypeError,
        r"schedulers\[1\] can't be one of several",
    ),
    (
        SequentialLR,
        {"schedulers": [COSINE, StepLR(OTHER, 2)], "milestones": [3]},
        ValueError,
        r"schedulers\[1\] is of another optimizer",
    ),
    (ReduceLROnPlateau, {"mode": "mni"}, ValueError, "did you mean 'min'"),
    (ReduceLROnPlateau, {"factor": 1.0}, ValueError, "factor must be at least 0 and below 1"),
    (ReduceLROnPlateau, {"patience": -1}, ValueError, "patience must be at least 0, got -1"),
    (ReduceLROnPlateau, {"threshold": -1.0}, ValueError, "threshold must be finite and at least"),
    (ReduceLROnPlateau, {"threshold_mode": "abz"}, ValueError, "did you mean 'abs'"),
    (ReduceLROnPlateau, {"cooldown": 0.5}, TypeError, "cooldown must be an int"),
    (ReduceLROnPlateau, {"min_lr": [0.0, 0.0]}, ValueError, "must be 1 numbers, .* got 2"),
    (ReduceLROnPlateau, {"eps": -1.0}, ValueError, "eps must be finite and at least 0"),
]


@pytest.mark.parametrize(("kind", "options", "error", "message"), BAD)
def test_bad_options(kind, options, error, message):
    with pytest.raises(error, match=message):
        kind(SGD_, **options)


def test_only_rates_can_be_scheduled():
    with pytest.raises(TypeError, match=r"optimizer must be an optimizer, got 0\.1"):
        ExponentialLR(0.1, gamma=0.5)
    with pytest.raises(TypeError, match="RandomSearch has no learning rate to schedule"):
        ExponentialLR(RandomSearch([Value(0.0)]), gamma=0.5)


def test_to_go_on_the_first_rate_must_be_known():
    with pytest.raises(ValueError, match=r"param_groups\[0\]\['initial_lr'\]"):
        ExponentialLR(optimizer(), gamma=0.5, last_epoch=3)


def test_a_metric_must_be_a_number():
    with pytest.raises(TypeError, match="metric must be a real number, not '1'"):
        ReduceLROnPlateau(optimizer()).step("1")


BAD_STATES = [
    (lambda s: s.update(schedule="Else"), ValueError, "this is the state of Else, not of"),
    (lambda s: s.pop("last_epoch"), ValueError, "must have .*'last_epoch'.*; it has"),
    (lambda s: s.update(more=1), ValueError, "it has .*'more'"),
    (lambda s: s.update(last_epoch=1.5), TypeError, "last_epoch must be an int"),
    (lambda s: next(v for v in s.values() if isinstance(v, list)).pop(), ValueError, "has 1 rates"),
    (
        lambda s: next(v for v in s.values() if isinstance(v, list)).__setitem__(0, -1.0),
        ValueError,
        "a rate of .* must be finite and at least 0",
    ),
]


@pytest.mark.parametrize("kind", [StepLR, ReduceLROnPlateau])
@pytest.mark.parametrize(("spoil", "error", "message"), BAD_STATES)
def test_a_state_that_does_not_fit_changes_nothing(kind, spoil, error, message):
    options = {"step_size": 1} if kind is StepLR else {}
    schedule, other = kind(optimizer(), **options), kind(optimizer(), **options)
    advance(other, METRICS[:4])
    state = other.state_dict()
    spoil(state)
    before = schedule.state_dict(), schedule.get_last_lr()
    with pytest.raises(error, match=message):
        schedule.load_state_dict(state)
    assert (schedule.state_dict(), schedule.get_last_lr()) == before


def test_a_state_must_be_a_dict():
    for schedule in (StepLR(optimizer(), 1), ReduceLROnPlateau(optimizer())):
        with pytest.raises(TypeError, match="must be a dict, got None"):
            schedule.load_state_dict(None)
