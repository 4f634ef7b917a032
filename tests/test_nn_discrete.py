"""Discrete choices: the distribution's laws, and estimates that are right on average."""

import copy
import math
import pickle
import random

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_scalar import Value, dot, gradients, softmax
from autograd_scalar.testing import check_gradients
from nn.discrete import Categorical, reinforce_loss, straight_through
from tests.sweeps import examples

LOGITS = [0.5, -1.0, 2.0, 0.0]
SHARES = [3.0, 1.0, 0.0, 4.0]
LISTS = st.lists(st.floats(-30.0, 30.0), min_size=1, max_size=6)


@examples(100)
@given(LISTS)
def test_probabilities_add_up_and_are_the_powers_of_their_logarithms(logits):
    choice = Categorical(logits=logits)
    assert math.fsum(choice.probs) == pytest.approx(1.0, rel=1e-14)
    for i, p in enumerate(choice.probs):
        assert p == math.exp(choice.logits[i])
        assert choice.log_prob(i) == pytest.approx(choice.logits[i], rel=1e-12, abs=1e-15)


@examples(100)
@given(LISTS, st.floats(-100.0, 100.0))
def test_a_constant_in_the_logits_changes_nothing(logits, constant):
    here, there = Categorical(logits=logits), Categorical(logits=[z + constant for z in logits])
    assert there.probs == pytest.approx(here.probs, rel=1e-12)


@examples(100)
@given(LISTS)
def test_entropy_is_the_mean_of_minus_the_logarithms(logits):
    with mpmath.workdps(50):
        weights = [mpmath.exp(z) for z in logits]
        shares = [w / mpmath.fsum(weights) for w in weights]
        expected = float(-mpmath.fsum(p * mpmath.log(p) for p in shares))
    choice = Categorical(logits=logits)
    assert choice.entropy() == pytest.approx(expected, rel=1e-13, abs=1e-15)
    assert choice.entropy() <= math.log(len(logits)) * (1 + 1e-14)


def test_probabilities_are_brought_to_a_sum_of_1():
    choice = Categorical(SHARES)
    assert choice.probs == [0.375, 0.125, 0.0, 0.5]
    assert choice.log_prob(3) == math.log(0.5)
    assert choice.log_prob(2) == -math.inf
    expected = -math.fsum(p * math.log(p) for p in choice.probs if p)
    assert choice.entropy() == pytest.approx(expected, rel=1e-15)


def test_a_sure_thing_has_no_entropy_and_always_comes():
    for choice in (Categorical([0.0, 2.0]), Categorical(logits=[-math.inf, 1.0])):
        assert choice.entropy() == 0.0
        assert choice.log_prob(1) == 0.0
        assert {choice.sample(rng=seed) for seed in range(50)} == {1}
    assert Categorical([5.0]).log_prob(0) == Categorical(logits=[5.0]).log_prob(0) == 0.0


@pytest.mark.parametrize("lead", [40.0, 300.0, 700.0])
def test_log_prob_keeps_its_accuracy_near_1(lead):
    logits = [Value(lead), Value(0.0)]
    found = Categorical(logits=logits).log_prob(0)
    found.backward()
    assert found.data == pytest.approx(-math.exp(-lead), rel=1e-14, abs=0)
    assert logits[0].grad == pytest.approx(math.exp(-lead), rel=1e-13, abs=0)


@pytest.mark.parametrize("choice", [Categorical(SHARES), Categorical(logits=LOGITS)])
def test_samples_are_as_often_as_the_probabilities_say(choice):
    rng, count = random.Random(4), 4000
    drawn = [choice.sample(rng=rng) for _ in range(count)]
    for i, p in enumerate(choice.probs):
        assert abs(drawn.count(i) / count - p) <= 5 * math.sqrt(p * (1 - p) / count)


def test_samples_follow_the_seed():
    choice = Categorical(logits=LOGITS)
    random.seed(3)
    shared = [choice.sample() for _ in range(20)]
    rng = random.Random(3)
    assert shared == [choice.sample(rng=rng) for _ in range(20)]
    assert choice.sample(rng=7) == choice.sample(rng=7)


@pytest.mark.parametrize("kind", ["probs", "logits"])
def test_gradients_are_the_slopes(kind):
    numbers = [0.5, 1.5, 0.25]
    check_gradients(lambda x: Categorical(**{kind: x}).entropy(), numbers)
    check_gradients(lambda x: Categorical(**{kind: x}).log_prob(1), numbers)
    check_gradients(lambda x: Categorical(**{kind: x}).probs, numbers)


def test_arrays_and_copies_will_do():
    choice = Categorical(logits=np.array(LOGITS))
    assert choice.probs == Categorical(logits=LOGITS).probs
    for copied in (copy.deepcopy(choice), pickle.loads(pickle.dumps(choice))):
        assert (copied.probs, copied.log_prob(2)) == (choice.probs, choice.log_prob(2))
    assert repr(Categorical(SHARES)) == "Categorical(probs=[0.375, 0.125, 0.0, 0.5])"


# --- The score-function estimate ------------------------------------------------------------------

REWARDS = [1.0, -2.0, 0.5, 4.0]


def expected_reward_gradient():
    logits = [Value(z) for z in LOGITS]
    dot(softmax(logits), REWARDS).backward()
    return [z.grad for z in logits]


def mean_estimate(trials, **options):
    """The exact mean over all outcomes of so many trials, each by its probability."""
    choice = Categorical(logits=LOGITS)
    outcomes = [()]
    for _ in range(trials):
        outcomes = [(*outcome, i) for outcome in outcomes for i in range(len(LOGITS))]
    total = [0.0] * len(LOGITS)
    for outcome in outcomes:
        logits = [Value(z) for z in LOGITS]
        policy = Categorical(logits=logits)
        log_probs = [policy.log_prob(i) for i in outcome]
        loss = reinforce_loss(log_probs, [REWARDS[i] for i in outcome], **options)
        chance = math.prod(choice.probs[i] for i in outcome)
        total = [t + chance * g for t, g in zip(total, gradients(loss, logits), strict=True)]
    return total


@pytest.mark.parametrize(
    ("trials", "baseline", "factor"),
    [
        (1, None, 1.0),
        (1, 3.0, 1.0),
        (3, None, 1.0),
        (3, -1.5, 1.0),
        (2, "mean", 1 / 2),
        (3, "mean", 2 / 3),
        (2, "leave_one_out", 1.0),
        (3, "leave_one_out", 1.0),
    ],
)
def test_the_gradient_is_on_average_that_of_minus_the_expected_reward(trials, baseline, factor):
    expected = [-factor * slope for slope in expected_reward_gradient()]
    assert mean_estimate(trials, baseline=baseline) == pytest.approx(expected, rel=1e-12)


def test_leave_one_out_takes_off_the_mean_of_the_others():
    log_probs = [Value(-1.0), Value(-2.0), Value(-3.0)]
    reinforce_loss(log_probs, [1.0, 2.0, 6.0], "leave_one_out").backward()
    expected = [-(1.0 - 4.0) / 3, -(2.0 - 3.5) / 3, -(6.0 - 1.5) / 3]
    assert [x.grad for x in log_probs] == pytest.approx(expected, rel=1e-15)


def test_equal_rewards_teach_nothing_but_with_no_baseline():
    for baseline, slope in ((None, -1.0), ("mean", 0.0), ("leave_one_out", 0.0)):
        log_probs = [Value(-1.0), Value(-2.0)]
        reinforce_loss(log_probs, np.array([2.0, 2.0]), baseline).backward()
        assert [x.grad for x in log_probs] == [slope, slope]


def test_the_loss_is_one_node():
    assert reinforce_loss([Value(-1.0), Value(-2.0)], [1.0, 2.0]).op == "dot"


# --- Straight through -----------------------------------------------------------------------------


@examples(100)
@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300))
def test_straight_through_has_the_hard_number_and_the_soft_gradient(hard, soft):
    h, s = Value(hard), Value(soft)
    y = straight_through(h, s)
    y.backward(-2.5)
    assert (y.data, h.grad, s.grad) == (hard, 0.0, -2.5)
    assert straight_through(hard, soft) == hard


def test_straight_through_survives_a_pickle():
    y = pickle.loads(pickle.dumps(straight_through(1.0, Value(0.25))))
    y.backward()
    assert (y.data, y.parents[0].grad) == (1.0, 1.0)


BAD = [
    (Categorical, ([0.5], [0.0]), {}, ValueError, "exactly one of probs and logits"),
    (Categorical, (), {}, ValueError, "exactly one of probs and logits"),
    (Categorical, ([],), {}, ValueError, "probs must hold at least one number"),
    (Categorical, (0.5,), {}, TypeError, "probs must be a sequence of numbers, got 0.5"),
    (Categorical, ([0.5, -0.5],), {}, ValueError, "probs must be finite, at least 0, and not all"),
    (Categorical, ([0.0, 0.0],), {}, ValueError, "not all 0"),
    (Categorical, ([math.inf],), {}, ValueError, "probs must be finite"),
    (Categorical, ([math.nan, 1.0],), {}, ValueError, "probs must not be nan"),
    (Categorical, (["a"],), {}, TypeError, "one of the probs must be a real number"),
    (Categorical, (), {"logits": [[0.0]]}, TypeError, "one of the logits must be a real number"),
    (Categorical, (), {"logits": [-math.inf]}, ValueError, "one finite"),
    (Categorical, (), {"logits": [math.inf, 0.0]}, ValueError, "logits must be below infinity"),
    (Categorical([1.0]).log_prob, (1,), {}, ValueError, r"value must be in 0\.\.0, got 1"),
    (Categorical([1.0]).log_prob, (-1,), {}, ValueError, r"value must be in 0\.\.0, got -1"),
    (Categorical([1.0]).log_prob, (0.0,), {}, TypeError, "value must be an int"),
    (Categorical([1.0]).sample, (), {"rng": 0.5}, TypeError, "rng must be a random.Random"),
    (reinforce_loss, ([0.0], []), {}, ValueError, "must be as many, got 1 and 0"),
    (reinforce_loss, ([], []), {}, ValueError, "at least one trial, got none"),
    (reinforce_loss, ([0.0], [Value(1.0)]), {}, TypeError, r"rewards\[0\] must be a number"),
    (reinforce_loss, ([0.0], [math.nan]), {}, ValueError, r"rewards\[0\] must be finite"),
    (reinforce_loss, ([0.0], [1.0], "men"), {}, ValueError, "baseline must be .*, got 'men'"),
    (reinforce_loss, ([0.0], [1.0], "leave_one_out"), {}, ValueError, "at least 2 trials"),
]


@pytest.mark.parametrize(("function", "arguments", "options", "error", "message"), BAD)
def test_bad_arguments(function, arguments, options, error, message):
    with pytest.raises(error, match=message):
        function(*arguments, **options)
