"""Optimizers without gradients: they try, and look at the loss alone.

They are here to be compared with backpropagation, so each counts in `evaluations` how often it
computed the loss. `step(closure)` needs a function that computes the loss at the present
parameters; it is called with the parameters moved, and no graph is recorded. `step` returns the
loss before the step.

>>> from autograd_scalar import Value
>>> x = Value(3.0)
>>> optimizer = FiniteDifferences([x], lr=0.25)
>>> for _ in range(4):
...     loss = optimizer.step(lambda: (x - 1) ** 2)
>>> round(x.data, 6), optimizer.evaluations  # 1 + 2 / 2**4, by 1 + 2 evaluations a step
(1.125, 12)
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from autograd_scalar import no_grad
from nn.arguments import generator, size, whole_number
from nn.array_parameters import all_numbers, count, put_numbers
from nn.hyperparameters import flag, not_negative, plain
from nn.optim import Optimizer, Parameters, State

Evaluate = Callable[[Sequence[float]], float]
"""The loss with the parameters at these numbers."""


class GradientFree(Optimizer):
    """Base of optimizers without gradients: a subclass says in `moved` where to go from here.

    params: the parameters, or groups of them, as of `Optimizer`. defaults: the options of groups.
    rng: a `random.Random`, a seed for one, or None for Python's shared generator.

    `state_dict` has the state of a generator of its own, so that a resumed run goes on bit for bit;
    the shared generator's is not in it.
    """

    needs_gradients = False
    counters: ClassVar[tuple[str, ...]] = ("evaluations",)
    """Attributes that are whole numbers and saved."""

    def __init__(
        self,
        params: Parameters,
        defaults: Mapping[str, Any],
        rng: random.Random | int | None = None,
    ) -> None:
        """See the class."""
        super().__init__(params, defaults)
        self.rng = generator(rng)
        self.evaluations = 0

    def moved(self, start: list[float], loss: float, evaluate: Evaluate) -> Sequence[float]:
        """Return the parameters after a step from `start`, where the loss is `loss`."""
        raise NotImplementedError(f"{type(self).__name__} has no moved() of its own")

    def initial_state(self, group: Mapping[str, Any]) -> State:
        """Return nothing: no number is remembered of each parameter."""
        return {}

    def step(self, closure: Callable[[], Any] | None = None) -> float:
        """Try parameters, move to those that `moved` finds, and return the loss before.

        closure: returns the loss at the present parameters, a number or a `Value`. If it raises an
        error, the parameters are as they were before the step.

        Raises TypeError without a closure, or if it returns no number.
        """
        name = type(self).__name__
        if not callable(closure):
            raise TypeError(f"{name}.step needs a function that computes the loss")
        params = self.params

        def evaluate(numbers: Sequence[float]) -> float:
            put_numbers(params, numbers)
            self.evaluations += 1
            with no_grad():
                loss = closure()
            return plain(loss, f"{name}: the loss that the closure returns")

        start = all_numbers(params)
        goal: Sequence[float] = start
        try:
            loss = evaluate(start)
            goal = self.moved(start, loss, evaluate)
        finally:
            put_numbers(params, goal)
        return loss

    def option(self, name: str) -> list[float]:
        """Return an option of its group for each number."""
        return [
            option
            for group in self.param_groups
            for option in [group[name]] * sum(map(count, group["params"]))
        ]

    def noise(self) -> list[float]:
        """Return a standard normal number for each number."""
        draw = (self.rng or random).gauss
        return [draw(0.0, 1.0) for _ in range(sum(map(count, self.params)))]

    def state_dict(self) -> dict[str, Any]:
        """Return all that the optimizer remembers, ready for JSON."""
        counters = {name: getattr(self, name) for name in self.counters}
        return {**super().state_dict(), **counters, "rng": _saved(self.rng)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave; see `Optimizer.load_state_dict`."""
        own = (*self.counters, "rng")
        self._require_keys("the state", state, ("optimizer", "state", "param_groups", *own))
        counters = {name: whole_number(name, state[name]) for name in self.counters}
        rng = _restored(state["rng"])
        super().load_state_dict({key: item for key, item in state.items() if key not in own})
        vars(self).update(counters)
        if rng is not None:
            self.rng = rng


class RandomSearch(GradientFree):
    """Try one random step of size sigma, and keep it if it makes the loss smaller.

    sigma: the standard deviation of each parameter's step.

    Two evaluations a step: the loss here and there, on the same batch.

    Source: L. Rastrigin, "The convergence of the random search method in the extremal control of a
    many-parameter system", Automation and Remote Control 24 (1963); J. Matyas, "Random
    optimization", Automation and Remote Control 26 (1965).
    """

    def __init__(
        self,
        params: Parameters,
        sigma: float = 0.1,
        *,
        rng: random.Random | int | None = None,
    ) -> None:
        """See the class."""
        super().__init__(params, {"sigma": sigma}, rng)

    def moved(self, start: list[float], loss: float, evaluate: Evaluate) -> Sequence[float]:
        """See `GradientFree.moved`."""
        tried = _sum(start, self.option("sigma"), self.noise())
        better = evaluate(tried)
        return tried if better < loss or (math.isnan(loss) and not math.isnan(better)) else start


class FiniteDifferences(GradientFree):
    """Gradient descent, p = p - lr * slope, with the slope by each parameter from differences.

    lr: the learning rate.
    eps: by how much a parameter is moved, times |p| where that is above 1. None is the best for a
    smooth loss of size 1: the cube root of the rounding error of a float if `central`, else the
    square root.
    central: move forth and back, with an error of eps**2, for 1 + 2 n evaluations a step with n
    parameters. Otherwise forth only, with an error of eps, for 1 + n.
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        eps: float | None = None,
        central: bool = True,
    ) -> None:
        """See the class."""
        self.central = flag("central", central)
        rounding = math.ulp(1.0)
        best = rounding ** (1 / 3) if central else math.sqrt(rounding)
        super().__init__(params, {"lr": lr, "eps": best if eps is None else eps})

    def moved(self, start: list[float], loss: float, evaluate: Evaluate) -> Sequence[float]:
        """See `GradientFree.moved`."""
        numbers = list(start)
        goal = []
        for place, (x, lr, eps) in enumerate(
            zip(start, self.option("lr"), self.option("eps"), strict=True)
        ):
            eps *= max(1.0, abs(x))
            forth = numbers[place] = x + eps
            above, below, back = evaluate(numbers), loss, x
            if self.central:
                back = numbers[place] = x - eps
                below = evaluate(numbers)
            numbers[place] = x
            if forth == back:
                raise ValueError(f"eps is too small to move a parameter that is {x}")
            # Over the distance that was gone, which rounding may make another than eps.
            goal.append(x - lr * ((above - below) / (forth - back)))
        return goal


class EvolutionStrategies(GradientFree):
    """Gradient descent with the slope estimated from the losses of a population around here.

    slope = mean((F(p + sigma * e) - F(p)) * e) / sigma over random normal e: on average exactly the
    gradient of the loss that is smoothed over a distance of sigma.

    lr: the learning rate. sigma: the standard deviation of each parameter in the population.
    population: how many, at least 2.
    antithetic: for each e also -e, which takes out the noise of all even terms; the population must
    be even.
    ranks: replace losses by their ranks, from -0.5 for the least to 0.5 for the largest, so that
    outliers do no harm. Then it is no estimate of the gradient, only of a direction downhill.

    1 + population evaluations a step.

    Source: I. Rechenberg, "Evolutionsstrategie" (1973); T. Salimans, J. Ho, X. Chen, S. Sidor,
    I. Sutskever, "Evolution strategies as a scalable alternative to reinforcement learning",
    arXiv:1703.03864 (2017).
    """

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        sigma: float = 0.1,
        population: int = 20,
        antithetic: bool = True,
        ranks: bool = False,
        *,
        rng: random.Random | int | None = None,
    ) -> None:
        """See the class."""
        self.population = size("population", population)
        self.antithetic = flag("antithetic", antithetic)
        self.ranks = flag("ranks", ranks)
        if population < 2 or (antithetic and population % 2):
            even = "even and " if antithetic else ""
            raise ValueError(f"population must be {even}at least 2, got {population}")
        super().__init__(params, {"lr": lr, "sigma": sigma}, rng)

    def moved(self, start: list[float], loss: float, evaluate: Evaluate) -> Sequence[float]:
        """See `GradientFree.moved`."""
        rates, sigmas = self.option("lr"), self.option("sigma")
        noises: list[list[float]] = []
        while len(noises) < self.population:
            noise = self.noise()
            noises.append(noise)
            if self.antithetic:
                noises.append([-e for e in noise])
        losses = [evaluate(_sum(start, sigmas, noise)) for noise in noises]
        scores = _centered_ranks(losses) if self.ranks else [found - loss for found in losses]
        goal = []
        for x, lr, sigma, *own in zip(start, rates, sigmas, *noises, strict=True):
            slope = math.fsum(s * e for s, e in zip(scores, own, strict=True)) / len(scores) / sigma
            goal.append(x - lr * slope)
        return goal


class SPSA(GradientFree):
    """Gradient descent with the slope in one random direction: 3 evaluations for any size of model.

    slope = (F(p + c d) - F(p - c d)) / (2 c) * d, each d[i] -1 or 1 at random. In the k-th step, k
    from 1, the rate is lr / (k + stability)**alpha and c = sigma / k**gamma: it converges although
    both the loss and the slope are noisy.

    lr, sigma: as of `EvolutionStrategies`. alpha, gamma: Spall's. With 0 for both, nothing shrinks.
    stability: a tenth of the number of steps, as a rule, to allow a larger lr.

    Source: J. Spall, "Multivariate stochastic approximation using a simultaneous perturbation
    gradient approximation", IEEE Transactions on Automatic Control 37 (1992).
    """

    counters = ("evaluations", "steps")

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        sigma: float = 0.1,
        alpha: float = 0.602,
        gamma: float = 0.101,
        stability: float = 0.0,
        *,
        rng: random.Random | int | None = None,
    ) -> None:
        """See the class."""
        self.alpha = not_negative("alpha", alpha)
        self.gamma = not_negative("gamma", gamma)
        self.stability = not_negative("stability", stability)
        self.steps = 0
        super().__init__(params, {"lr": lr, "sigma": sigma}, rng)

    def moved(self, start: list[float], loss: float, evaluate: Evaluate) -> Sequence[float]:
        """See `GradientFree.moved`."""
        k = self.steps + 1
        draw = (self.rng or random).choice
        signs = [draw((-1.0, 1.0)) for _ in start]
        sizes = [sigma / k**self.gamma for sigma in self.option("sigma")]
        above = evaluate(_sum(start, sizes, signs))
        below = evaluate(_sum(start, sizes, [-sign for sign in signs]))
        shrink = (k + self.stability) ** self.alpha
        self.steps = k
        return [
            x - lr / shrink * ((above - below) / (2 * size)) * sign
            for x, lr, size, sign in zip(start, self.option("lr"), sizes, signs, strict=True)
        ]


def _sum(start: Sequence[float], sizes: Sequence[float], steps: Sequence[float]) -> list[float]:
    return [x + size * step for x, size, step in zip(start, sizes, steps, strict=True)]


def _centered_ranks(losses: Sequence[float]) -> list[float]:
    """The place of each, from -0.5 to 0.5; equal ones share theirs; nan is the worst."""
    keys = [math.inf if math.isnan(loss) else loss for loss in losses]
    first: dict[float, int] = {}
    last: dict[float, int] = {}
    for place, key in enumerate(sorted(keys)):
        first.setdefault(key, place)
        last[key] = place
    return [(first[key] + last[key]) / 2 / (len(keys) - 1) - 0.5 for key in keys]


def _saved(rng: random.Random | None) -> list[Any] | None:
    if rng is None:
        return None
    version, numbers, gauss_next = rng.getstate()
    return [version, list(numbers), gauss_next]


def _restored(state: Any) -> random.Random | None:
    if state is None:
        return None
    rng = random.Random()
    try:
        version, numbers, gauss_next = state
        rng.setstate((version, tuple(numbers), gauss_next))
    except (TypeError, ValueError) as error:
        raise ValueError(f"'rng' is no state of a random generator: {error}") from None
    return rng
