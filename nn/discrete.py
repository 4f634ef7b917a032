"""Choices: a model picks one of several, and no gradient flows through the pick."""

import math
import random
from collections.abc import Sequence
from typing import Any

from autograd_scalar import dot, exp, fsum, log, log_softmax, primitive
from autograd_scalar.arithmetic import Arithmetic
from autograd_scalar.rules import pick
from nn.arguments import generator, place_among
from nn.effects import require_replayable
from nn.hyperparameters import number, plain
from nn.losses import cross_entropy
from nn.tensors import as_lists, nested


@primitive(lambda g, y, hard, soft: 0.0, lambda g, y, hard, soft: g)
def straight_through(hard: float, soft: float) -> float:
    """Return the number of `hard`, with the gradient of `soft`.

    For a rounded number, a sign, a pick: hard is what the model goes on with, soft the smooth
    number that it was made of.

    Source: Y. Bengio, N. Léonard, A. Courville, "Estimating or propagating gradients through
    stochastic neurons for conditional computation", arXiv:1308.3432 (2013).

    >>> from autograd_scalar import Value, sigmoid
    >>> x = Value(2.0)
    >>> p = sigmoid(x)
    >>> bit = straight_through(p > 0.5, p)
    >>> bit.backward()
    >>> bit.data, round(x.grad, 6)
    (1.0, 0.104994)
    """
    return hard


class Categorical:
    """A distribution over 0..C-1, of which one is drawn: a policy, a next letter.

    Exactly one of these, with C >= 1 numbers or `Value`s:
    probs: how probable each is, at least 0, or numbers in proportion to that.
    logits: their logarithms, up to a constant.

    Gradients flow through `probs`, `log_prob` and `entropy`, not through `sample`.

    Raises ValueError for none or both, no numbers, a negative or nan probability, or all 0;
    TypeError for what is no sequence of numbers.

    >>> from autograd_scalar import Value
    >>> choice = Categorical(logits=[Value(0.0), Value(math.log(3.0))])
    >>> [round(p.data, 12) for p in choice.probs]
    [0.25, 0.75]
    >>> action = choice.sample(rng=0)
    >>> action, round(choice.log_prob(action).data, 6)
    (1, -0.287682)
    """

    def __init__(
        self, probs: Sequence[Any] | None = None, logits: Sequence[Any] | None = None
    ) -> None:
        """See the class."""
        if (probs is None) == (logits is None):
            raise ValueError("exactly one of probs and logits must be given")
        name = "logits" if probs is None else "probs"
        given = as_lists(logits if probs is None else probs)
        if not nested(given):
            raise TypeError(f"{name} must be a sequence of numbers, got {given!r}")
        if not given:
            raise ValueError(f"{name} must hold at least one number, got none")
        found = [plain(item, f"one of the {name}") for item in given]
        if any(map(math.isnan, found)):
            raise ValueError(f"{name} must not be nan, got {found}")
        self._given = list(given)
        self._by_logits = probs is None
        if self._by_logits:
            if math.inf in found or max(found) == -math.inf:
                raise ValueError(f"logits must be below infinity, and one finite, got {found}")
            self.logits = log_softmax(self._given)
            self.probs = [exp(logit) for logit in self.logits]
        else:
            if min(found) < 0 or math.inf in found or not any(found):
                raise ValueError(f"probs must be finite, at least 0, and not all 0, got {found}")
            total = fsum(self._given)
            self.probs = [p / total for p in self._given]
            self.logits = [log(p) for p in self.probs]

    def sample(self, *, rng: random.Random | int | None = None) -> int:
        """Draw one of 0..C-1.

        rng: a `random.Random`, a seed for one, or None for Python's shared generator.
        """
        require_replayable("draws a class, which would be the same in every call")
        weights = [plain(p) for p in self.probs]
        return (generator(rng) or random).choices(range(len(weights)), weights)[0]

    def log_prob(self, value: int) -> Any:
        """Return the logarithm of the probability of `value`, accurate also where that is near 1.

        Raises ValueError if it is not in 0..C-1, TypeError if it is no int.
        """
        place = place_among("value", value, len(self.probs))
        if self._by_logits and len(self.probs) > 1:
            return -cross_entropy(self._given, place)
        return pick(place, *self.logits) if isinstance(place, Arithmetic) else self.logits[place]

    def entropy(self) -> Any:
        """Return -sum(p * log(p)), from 0 for a sure thing to log(C); what is impossible adds none.

        Source: C. Shannon, "A mathematical theory of communication", Bell System Technical Journal
        27 (1948).

        >>> Categorical([0.5, 0.5]).entropy() == math.log(2)
        True
        """
        possible = [i for i, p in enumerate(self.probs) if p > 0]
        return -dot([self.probs[i] for i in possible], [self.logits[i] for i in possible])

    def __repr__(self) -> str:
        """Return the probabilities."""
        return f"Categorical(probs={[plain(p) for p in self.probs]})"


def reinforce_loss(
    log_probs: Sequence[Any], rewards: Sequence[float], baseline: float | str | None = None
) -> Any:
    """Return the mean of -(reward - baseline) * log_prob, whose gradient raises rewards.

    The gradient is an estimate, right on average, of that of minus the expected reward, though
    neither the drawing nor the reward can be differentiated.

    log_probs: of what was drawn in each of n trials. rewards: what each earned, plain numbers.
    baseline: what is taken off the rewards: it makes the estimate less noisy. None is 0. "mean" is
    the mean of the rewards; each trial being a part of it makes the gradient smaller, by the factor
    (n - 1) / n on average. "leave_one_out" is the mean of the others' rewards, for n >= 2, and
    leaves the average right.

    Raises ValueError for different lengths, no trials or an unknown baseline; TypeError for a
    reward that is no number.

    Source: R. Williams, "Simple statistical gradient-following algorithms for connectionist
    reinforcement learning", Machine Learning 8 (1992); leave one out: W. Kool, H. van Hoof,
    M. Welling, "Buy 4 REINFORCE samples, get a baseline for free!", ICLR workshop (2019).

    >>> from autograd_scalar import Value
    >>> choice = Categorical(logits=[Value(0.0), Value(0.0)])
    >>> reinforce_loss([choice.log_prob(1)], [2.0]).data == 2 * math.log(2)
    True
    """
    log_probs, rewards = as_lists(log_probs), as_lists(rewards)
    count = len(log_probs)
    if count != len(rewards):
        raise ValueError(f"log_probs and rewards must be as many, got {count} and {len(rewards)}")
    if not count:
        raise ValueError("log_probs must hold at least one trial, got none")
    rewards = [number(f"rewards[{place}]", reward) for place, reward in enumerate(rewards)]
    factor = 1.0
    if baseline is None:
        baseline = 0.0
    elif isinstance(baseline, str):
        if baseline not in ("mean", "leave_one_out"):
            raise ValueError(
                f"baseline must be a number, None, 'mean' or 'leave_one_out', got {baseline!r}"
            )
        if baseline == "leave_one_out":
            if count < 2:
                raise ValueError("the baseline 'leave_one_out' needs at least 2 trials, got 1")
            # reward - mean of the others = (reward - mean of all) * n / (n - 1)
            factor = count / (count - 1)
        baseline = math.fsum(rewards) / count
    base = number("baseline", baseline)
    return dot([-factor * (reward - base) / count for reward in rewards], log_probs)
