"""Schedules: how the learning rate changes from epoch to epoch.

Names, arguments and numbers are PyTorch's. A schedule sets the first rate when it is made; `step()`
is called after each epoch (or step, as one likes). Each says in one line what the rate is at an
epoch, so that a schedule that is resumed, or steps on for years, gathers no rounding errors.

>>> from autograd_scalar import Value
>>> from nn.optim import SGD
>>> optimizer = SGD([Value(0.0)], lr=1.0)
>>> warm_up = LinearLR(optimizer, start_factor=0.25, total_iters=3)
>>> schedule = SequentialLR(optimizer, [warm_up, CosineAnnealingLR(optimizer, T_max=4)], [3])
>>> rates = []
>>> for epoch in range(8):
...     rates.append(round(optimizer.lr, 3))
...     schedule.step()
>>> rates
[0.25, 0.5, 0.75, 1.0, 0.854, 0.5, 0.146, 0.0]
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from nn.arguments import known, size, whole_number
from nn.hyperparameters import below_one, not_negative, plain, positive
from nn.optim import Optimizer


class Schedule:
    """Base of schedules: a subclass says in `rate` what a rate is at an epoch.

    optimizer: whose rates are set, in each of its groups.
    last_epoch: the last epoch whose rate has been used, to go on after it; -1 begins.

    The rates that the optimizer begins with are kept in its groups as "initial_lr", so that a
    second schedule knows them too.

    Raises TypeError for what is no optimizer with a learning rate; ValueError to go on without an
    "initial_lr" in the groups.
    """

    needs_metric: ClassVar[bool] = False
    """Whether `step` has to be told how well the model does."""

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        """See the class."""
        _require_rates(optimizer)
        self.optimizer = optimizer
        self.last_epoch = whole_number("last_epoch", last_epoch) + 1
        if self.last_epoch < 0:
            raise ValueError(f"last_epoch must be at least -1, got {last_epoch}")
        for place, group in enumerate(optimizer.param_groups):
            if last_epoch >= 0 and "initial_lr" not in group:
                raise ValueError(
                    f"to go on after epoch {last_epoch}, the rate before the first one must be in "
                    f"param_groups[{place}]['initial_lr']"
                )
            group.setdefault("initial_lr", group["lr"])
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self._set(self._rates(self.last_epoch))

    def rate(self, base: float, epoch: int, group: int) -> float:
        """Return the learning rate of a group at an epoch (from 0) that began with rate `base`."""
        raise NotImplementedError(f"{type(self).__name__} has no rate() of its own")

    def step(self) -> None:
        """Go to the next epoch: set the rates of the optimizer's groups."""
        rates = self._rates(self.last_epoch + 1)
        self.last_epoch += 1
        self._set(rates)

    def get_last_lr(self) -> list[float]:
        """Return the rate of each group that was set last."""
        return list(self._last_lr)

    def state_dict(self) -> dict[str, Any]:
        """Return where the schedule is, ready for JSON; not how it was set up."""
        return {
            "schedule": type(self).__name__,
            "last_epoch": self.last_epoch,
            "base_lrs": list(self.base_lrs),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to where `state_dict` says, and set the rates of there.

        Raises ValueError if it is of another schedule or number of groups, or incomplete.
        """
        bases = _saved_rates(self, state, "base_lrs")
        epoch = whole_number("last_epoch", state["last_epoch"])
        self.last_epoch, self.base_lrs = epoch, bases
        self._set(self._rates(epoch))

    def _rates(self, epoch: int) -> list[float]:
        return [self.rate(base, epoch, place) for place, base in enumerate(self.base_lrs)]

    def _set(self, rates: list[float]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=False):
            group["lr"] = rate
        self._last_lr = rates


class StepLR(Schedule):
    """base * gamma**(epoch // step_size): times gamma every step_size epochs."""

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        """See the class."""
        self.step_size = size("step_size", step_size)
        self.gamma = not_negative("gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """See `Schedule.rate`."""
        return base * _power(self.gamma, epoch // self.step_size)


class MultiStepLR(Schedule):
    """base * gamma**(how many milestones have been reached): times gamma at each of them."""

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Sequence[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        """See the class."""
        self.milestones = sorted(whole_number("a milestone", epoch) for epoch in milestones)
        self.gamma = not_negative("gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """See `Schedule.rate`."""
        return base * _power(self.gamma, bisect_right(self.milestones, epoch))


class ExponentialLR(Schedule):
    """base * gamma**epoch."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        """See the class."""
        self.gamma = not_negative("gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """See `Schedule.rate`."""
        return base * _power(self.gamma, epoch)


class CosineAnnealingLR(Schedule):
    """From base down to eta_min in T_max epochs, along half a wave of the cosine; then up again.

    Source: I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR
    (2017), without the restarts.
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        """See the class."""
        self.T_max = size("T_max", T_max)
        self.eta_min = not_negative("eta_min", eta_min)
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """See `Schedule.rate`."""
        to_trough = abs(self.T_max - epoch % (2 * self.T_max)) / self.T_max
        # (1 + cos(pi * epoch / T_max)) / 2, but exactly 0 where it is lowest.
        return self.eta_min + (base - self.eta_min) * math.sin(math.pi / 2 * to_trough) ** 2


class LinearLR(Schedule):
    """From start_factor * base to end_factor * base in total_iters epochs, then that: a warm-up.

    start_factor: above 0 and at most 1, as the first rate must not be 0. end_factor: from 0 to 1.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        """See the class."""
        self.start_factor = positive("start_factor", start_factor)
        self.end_factor = not_negative("end_factor", end_factor)
        for name, factor in (("start_factor", start_factor), ("end_factor", end_factor)):
            if factor > 1:
                raise ValueError(f"{name} must be at most 1, got {factor!r}")
        self.total_iters = size("total_iters", total_iters)
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """See `Schedule.rate`."""
        share = min(epoch, self.total_iters) / self.total_iters
        return base * ((1 - share) * self.start_factor + share * self.end_factor)


class LambdaLR(Schedule):
    """base * lr_lambda(epoch).

    lr_lambda: a function of the epoch, or a list of one for each group of the optimizer. What it
    returns must be finite and at least 0. It is not saved; and of a lambda no copy can be pickled.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        """See the class."""
        _require_rates(optimizer)
        count = len(optimizer.param_groups)
        lambdas = [lr_lambda] * count if callable(lr_lambda) else list(lr_lambda)
        if len(lambdas) != count:
            raise ValueError(
                f"lr_lambda must be {count} functions, one a group, got {len(lambdas)}"
            )
        self.lr_lambdas = lambdas
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """See `Schedule.rate`."""
        return base * not_negative("what lr_lambda returns", self.lr_lambdas[group](epoch))


class SequentialLR(Schedule):
    """Schedules one after the other, each beginning at its milestone with its epoch 0.

    schedulers: schedules of the same optimizer, none of which needs a metric. milestones: when the
    second begins, when the third does, and so on; in ascending order.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[Schedule],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        """See the class."""
        self.schedulers = list(schedulers)
        self.milestones = [size("a milestone", epoch) for epoch in milestones]
        if not self.schedulers:
            raise ValueError("schedulers must hold at least one schedule, got none")
        for place, schedule in enumerate(self.schedulers):
            if not isinstance(schedule, Schedule):
                raise TypeError(f"schedulers[{place}] can't be one of several: {schedule!r}")
            if schedule.optimizer is not optimizer:
                raise ValueError(f"schedulers[{place}] is of another optimizer")
        if len(self.milestones) != len(self.schedulers) - 1:
            raise ValueError(
                f"{len(self.schedulers)} schedulers need {len(self.schedulers) - 1} milestones, "
                f"got {len(self.milestones)}"
            )
        if self.milestones != sorted(set(self.milestones)):
            raise ValueError(f"milestones must ascend, got {self.milestones}")
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """See `Schedule.rate`."""
        place = bisect_right(self.milestones, epoch)
        begin = self.milestones[place - 1] if place else 0
        return self.schedulers[place].rate(base, epoch - begin, group)


class ReduceLROnPlateau:
    """Times `factor` whenever the metric has not become better for more than `patience` epochs.

    mode: "min" if a smaller metric is better, "max" if a larger one is.
    threshold: by how much it has to become better, of the best so far if threshold_mode is "rel",
    or in its own units if that is "abs".
    cooldown: for how many epochs after a change no bad ones are counted.
    min_lr: no rate falls below, one number or one for each group. eps: changes that are not larger
    are left out.

    `num_bad_epochs` is how many there have been since the best.
    """

    needs_metric: ClassVar[bool] = True
    STATE = ("last_epoch", "best", "num_bad_epochs", "cooldown_counter")

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        """See the class."""
        _require_rates(optimizer)
        self.optimizer = optimizer
        self.mode = known("mode", mode, ("min", "max"))
        self.factor = below_one("factor", factor)
        self.patience = _count("patience", patience)
        self.threshold = not_negative("threshold", threshold)
        self.threshold_mode = known("threshold_mode", threshold_mode, ("rel", "abs"))
        self.cooldown = _count("cooldown", cooldown)
        count = len(optimizer.param_groups)
        least = list(min_lr) if isinstance(min_lr, (list, tuple)) else [min_lr] * count
        if len(least) != count:
            raise ValueError(f"min_lr must be {count} numbers, one a group, got {len(least)}")
        self.min_lrs = [not_negative("min_lr", rate) for rate in least]
        self.eps = not_negative("eps", eps)
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = 0
        self.cooldown_counter = 0
        self.last_epoch = 0

    def step(self, metric: Any) -> None:
        """Take note of the metric of an epoch, a number or a `Value`; reduce the rates if need be.

        A metric of nan is not better than any other.
        """
        current = plain(metric, "metric")
        self.last_epoch += 1
        if self.is_better(current):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0

    def is_better(self, metric: float) -> bool:
        """Return whether a metric is enough better than the best so far."""
        sign = -1 if self.mode == "min" else 1
        if self.threshold_mode == "rel":
            return sign * metric > sign * self.best * (1 + sign * self.threshold)
        return sign * metric > sign * self.best + self.threshold

    def get_last_lr(self) -> list[float]:
        """Return the rate of each group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return what it remembers and the rates, ready for JSON; not how it was set up."""
        remembered = {name: getattr(self, name) for name in self.STATE}
        return {"schedule": type(self).__name__, **remembered, "lrs": self.get_last_lr()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` gave, and set the rates.

        Raises ValueError if it is of another schedule or number of groups, or incomplete.
        """
        rates = _saved_rates(self, state, "lrs")
        best = float(state["best"])
        counts = {key: _count(key, state[key]) for key in self.STATE if key != "best"}
        vars(self).update(counts, best=best)
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate

    def _reduce(self) -> None:
        for group, least in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
            rate = max(group["lr"] * self.factor, least)
            if group["lr"] - rate > self.eps:
                group["lr"] = rate


def _power(base: float, exponent: int) -> float:
    try:
        return base**exponent
    except OverflowError:
        return math.inf


def _count(name: str, value: object) -> int:
    count = whole_number(name, value)
    if count < 0:
        raise ValueError(f"{name} must be at least 0, got {count}")
    return count


def _require_rates(optimizer: object) -> None:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer must be an optimizer, got {optimizer!r}")
    if "lr" not in optimizer.defaults:
        raise TypeError(f"{type(optimizer).__name__} has no learning rate to schedule")


def _saved_rates(schedule: Any, state: Mapping[str, Any], key: str) -> list[float]:
    """The rates of the groups in a state, which has to be one of that schedule."""
    name, groups = type(schedule).__name__, schedule.optimizer.param_groups
    _require_state(name, state, schedule.state_dict())
    rates = [not_negative(f"a rate of {key}", rate) for rate in state[key]]
    if len(rates) != len(groups):
        raise ValueError(
            f"the state of {name} has {len(rates)} rates, the optimizer {len(groups)} groups"
        )
    return rates


def _require_state(name: str, state: Any, own: Mapping[str, Any]) -> None:
    if not isinstance(state, Mapping):
        raise TypeError(f"the state of {name} must be a dict, got {state!r}")
    if state.get("schedule", name) != name:
        raise ValueError(f"this is the state of {state['schedule']}, not of {name}")
    if set(state) != set(own):
        raise ValueError(
            f"the state of {name} must have {', '.join(map(repr, own))}; it has "
            f"{', '.join(map(repr, state))}"
        )
