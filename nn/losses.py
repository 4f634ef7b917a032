"""Losses: how far a model's outputs are from their targets, as one number to minimise.

Each is a function `loss(input, target, *, reduction="mean")` with PyTorch's name and options, a
module made of it under PyTorch's name, and an entry of `LOSSES`. `input` is what the model gave,
any nesting of `Value`s or an array of them; `target` what it should have given. What `reduction`
says becomes of the losses of the single numbers or examples: their "mean", their "sum", or "none",
which leaves them as they are, nested.
"""

import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import wraps
from typing import Any, ClassVar, TypeVar, cast

from autograd_scalar import (
    Value,
    dot,
    exp,
    fsum,
    log,
    log_softmax,
    logsumexp,
    mean,
    modes,
    relu,
    softplus,
)
from autograd_scalar.arithmetic import Arithmetic
from autograd_scalar.cases import by_cases, is_open
from autograd_scalar.rules import choose, pick
from nn.arguments import is_place, known, place_among, whole_number
from nn.hyperparameters import not_negative, plain, positive
from nn.module import Module
from nn.tensors import Tensor, as_array, as_lists, by, filled, map_numbers, nested, numbers, shape

Function = TypeVar("Function", bound=Callable[..., Any])

REDUCTIONS = ("mean", "sum", "none")


def _on_lists(loss: Function) -> Function:
    """Let a loss that computes on lists take arrays, and return unreduced losses as it got them."""

    @wraps(loss)
    def converted(input: Any, target: Any, **options: Any) -> Any:
        losses = loss(as_lists(input), as_lists(target), **options)
        as_it_came = nested(losses) and not isinstance(input, (list, tuple))
        return as_array(losses) if as_it_came else losses

    return cast(Function, converted)


# --- Number by number -----------------------------------------------------------------------------


@_on_lists
def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Any:
    """Return the mean of (input - target)**2.

    input, target: of one shape, any; the numbers of either may be `Value`s.

    Raises ValueError for different shapes, no numbers, a target of nan or an unknown reduction.

    >>> from autograd_scalar import Value
    >>> mse_loss([Value(1.0), Value(4.0)], [2.0, 2.0]).data
    2.5
    >>> [loss.data for loss in mse_loss([Value(1.0), Value(4.0)], [2.0, 2.0], reduction="none")]
    [1.0, 4.0]
    """
    return _by_number("mse_loss", lambda x, t: (x - t) ** 2, input, target, reduction)


@_on_lists
def l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Any:
    """Return the mean of |input - target|, whose minimum is a median; its slope is 0 at 0.

    input, target, errors: as of `mse_loss`.

    >>> from autograd_scalar import Value
    >>> l1_loss([Value(1.0), Value(4.0)], [2.0, 2.0]).data
    1.5
    """
    return _by_number("l1_loss", lambda x, t: abs(x - t), input, target, reduction)


@_on_lists
def huber_loss(
    input: Tensor, target: Tensor, *, reduction: str = "mean", delta: float = 1.0
) -> Any:
    """Return the mean of d**2 / 2 where d < delta, else delta * (d - delta / 2).

    d is the distance |input - target|.

    input, target: as of `mse_loss`. delta: from where on it is linear, so that outliers pull no
    harder; above 0.

    Raises ValueError as `mse_loss`, and for a delta that is not positive.

    Source: P. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics
    35 (1964).

    >>> from autograd_scalar import Value
    >>> huber_loss([Value(0.5), Value(3.0)], [0.0, 0.0], reduction="sum").data
    2.625
    """
    delta = positive("delta", delta)

    def huber(distance: Any) -> Any:
        if distance < delta:
            return 0.5 * distance * distance
        return delta * (distance - 0.5 * delta)

    def one(x: Any, t: Any) -> Any:
        return _either_way(huber, abs(x - t))

    return _by_number("huber_loss", one, input, target, reduction)


@_on_lists
def smooth_l1_loss(
    input: Tensor, target: Tensor, *, reduction: str = "mean", beta: float = 1.0
) -> Any:
    """Return the mean of d**2 / (2 beta) where d < beta, else d - beta / 2.

    It is `huber_loss` with delta = beta, divided by beta. With beta = 0 it is `l1_loss`.

    Source: R. Girshick, "Fast R-CNN", ICCV (2015).

    >>> from autograd_scalar import Value
    >>> smooth_l1_loss([Value(0.5), Value(3.0)], [0.0, 0.0], reduction="sum", beta=2.0).data
    2.0625
    """
    beta = not_negative("beta", beta)

    def smooth(distance: Any) -> Any:
        if distance < beta:
            return 0.5 * distance * distance / beta
        return distance - 0.5 * beta

    def one(x: Any, t: Any) -> Any:
        return _either_way(smooth, abs(x - t)) if beta else abs(x - t)

    return _by_number("smooth_l1_loss", one, input, target, reduction)


@_on_lists
def hinge_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Any:
    """Return the mean of max(0, 1 - target*input), the support vector loss.

    input: scores, of any shape. target: classes, each -1 or 1, of the same shape.

    Raises ValueError for different shapes, no scores, or a target other than -1 and 1.

    Source: C. Cortes, V. Vapnik, "Support-vector networks", Machine Learning 20 (1995).

    >>> from autograd_scalar import Value
    >>> hinge_loss([Value(0.25), Value(-3.0)], [1, -1]).data
    0.375
    """
    for t in numbers(target):
        if not abs(abs(t) - 1) <= 0:
            raise ValueError(f"targets of the hinge loss must be -1 or 1, got {t!r}")
    return _by_number("hinge_loss", lambda x, t: relu(1.0 - t * x), input, target, reduction)


@_on_lists
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Any:
    """Return the mean of -target log(p) - (1 - target) log(1 - p), p = sigmoid(input).

    input: logits, of any shape. target: probabilities of class 1, from 0 to 1, of the same shape.
    weight: what each loss counts, a number or a tensor of the shape of the input or of its last
    dimensions. pos_weight: likewise, what the part with log(p) counts.

    Raises ValueError for different shapes, no logits, or a target outside of 0 to 1.

    Computed as target * softplus(-input) + (1 - target) * softplus(input), which neither overflows
    nor rounds to 0.

    >>> from autograd_scalar import Value
    >>> binary_cross_entropy_with_logits([Value(0.0), Value(1000.0)], [1.0, 1.0]).data
    0.34657359027997264
    >>> round(binary_cross_entropy_with_logits(Value(40.0), 1.0).data, 20)
    4.25e-18
    """
    for t in numbers(target):
        if not _is_within(t, 0, 1):
            raise ValueError(f"a target of the binary cross-entropy must be in 0..1, got {t!r}")

    def one(x: Any, t: Any, weight: float, pos_weight: float) -> Any:
        parts = [(weight * pos_weight * t, softplus(-x)), (weight * (1 - t), softplus(x))]
        return _sum_of_products(parts)

    sizes = shape(input, "input")
    counts = [
        _spread(name, 1.0 if given is None else as_lists(given), sizes)
        for name, given in (("weight", weight), ("pos_weight", pos_weight))
    ]
    return _by_number("binary_cross_entropy_with_logits", one, input, target, reduction, *counts)


@_on_lists
def kl_div(
    input: Tensor, target: Tensor, *, reduction: str = "mean", log_target: bool = False
) -> Any:
    """Return the mean of target * (log(target) - input), the Kullback-Leibler divergence.

    input: logarithms of probabilities, of any shape. target: probabilities, of the same shape, or
    their logarithms with `log_target`. A probability of 0 adds nothing.
    reduction: "mean" is over all numbers, as in PyTorch. The divergence itself is the "sum" or, of
    a batch of distributions, "batchmean": the sum over the size of the first dimension.

    Raises ValueError for different shapes, no numbers, or a target that is no probability.

    Source: S. Kullback, R. Leibler, "On information and sufficiency", Annals of Mathematical
    Statistics 22 (1951).

    >>> import math
    >>> half = math.log(0.5)
    >>> kl_div([half, half], [1.0, 0.0], reduction="sum") == math.log(2)
    True
    """
    _known_reduction(reduction, (*REDUCTIONS, "batchmean"))
    none, all_of_it = (-math.inf, 0) if log_target else (0, 1)
    for t in numbers(target):
        if not _is_within(t, none, all_of_it):
            what = "the logarithm of a probability" if log_target else "a probability, in 0..1"
            raise ValueError(f"a target of kl_div must be {what}, got {t!r}")

    def share(x: Any, t: Any) -> Any:
        if t <= none:
            return _nothing(x)
        return exp(t) * (t - x) if log_target else t * (log(t) - x)

    def one(x: Any, t: Any) -> Any:
        return _either_way(share, x, t)

    if reduction != "batchmean":
        return _by_number("kl_div", one, input, target, reduction)
    total = _by_number("kl_div", one, input, target, "sum")
    return total / len(input) if nested(input) else total


def _either_way(loss: Callable[..., Any], *operands: Any) -> Any:
    """A loss that decides by `if`; for a recording, in which that stays open, both ways."""
    if modes.recorder is not None and any(map(is_open, operands)):
        return by_cases(loss, *operands)
    return loss(*operands)


def _is_within(target: Any, least: float, most: float) -> bool:
    if not isinstance(target, Arithmetic):
        target = plain(target, "a target")
    return bool(least <= target <= most)  # of a `Value`, since a recording has to see it


def _by_number(
    name: str,
    loss: Callable[..., Any],
    input: Tensor,
    target: Tensor,
    reduction: str,
    *others: Tensor,
) -> Any:
    """Reduce `loss(x, t, ...)` of the numbers of tensors that have to be of one shape."""
    _known_reduction(reduction)
    have, want = shape(input, "input"), shape(target, "target")
    if have != want:
        raise ValueError(
            f"{name}: input and target must be of one shape, got {by(have)} and {by(want)}"
            f"{_how_to_fit(have, want)}"
        )
    if 0 in have:
        raise ValueError(f"{name}: input must hold at least one number, got none")

    def checked(t: Any) -> Any:
        number = plain(t, f"{name}: a target")
        if math.isnan(number):
            raise ValueError(f"{name}: a target is nan")
        return t if isinstance(t, Arithmetic) else number

    target = map_numbers(checked, target)
    return _reduced(map_numbers(loss, input, target, *others), reduction)


def _how_to_fit(have: tuple[int, ...], want: tuple[int, ...]) -> str:
    if have == (*want, 1):
        return "; nn.Flatten(0) at the end of the model takes its last dimension of 1 away"
    if want == (*have, 1):
        return "; the target has a last dimension of 1 too many"
    return ""


def _reduced(losses: Tensor, reduction: str) -> Any:
    if reduction == "none" or not nested(losses):
        return losses
    return mean(numbers(losses)) if reduction == "mean" else fsum(numbers(losses))


def _spread(name: str, x: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """Repeat x along the first dimensions of that shape, those that it does not have."""
    found = shape(x, name)
    lacking = len(sizes) - len(found)
    if found != sizes[lacking:]:
        raise ValueError(
            f"{name} must be a number or of the last dimensions of the input, which is "
            f"{by(sizes)}; got {by(found)}"
        )
    for number in numbers(x):
        not_negative(f"a {name}", number)
    return filled(sizes[:lacking], lambda: x)


def _sum_of_products(parts: Iterable[tuple[Any, Any]]) -> Any:
    """The sum of factor * x; what has a constant 0 for a factor adds nothing, were x infinite."""
    parts = list(parts)
    counting = [(factor, x) for factor, x in parts if isinstance(factor, Arithmetic) or factor != 0]
    if not counting:
        return _nothing(parts[0][1])
    if len(counting) == 1:
        factor, x = counting[0]
        return x if not isinstance(factor, Arithmetic) and factor == 1 else factor * x
    return dot(*zip(*counting, strict=True))


def _nothing(x: Any) -> Any:
    """A loss of 0, of the kind that x is."""
    return Value(0.0) if isinstance(x, Value) else 0.0


# --- Example by example: a score for each class, and the class ------------------------------------


@_on_lists
def cross_entropy(
    input: Tensor,
    target: Tensor,
    *,
    weight: Sequence[float] | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """Return the mean of -log softmax(input)[target] over the examples.

    input: logits of C >= 2 classes. Shapes: (N, C), or (C) for one example, or (N, C, d1, ...) for
    an example at each place of d1, ...
    target: the classes, ints in 0..C-1 or `Value`s of them, of shape (N), (), (N, d1, ...); or the
    probabilities of the classes, of the shape of the input.
    weight: how much each class counts. The mean is over the sum of the weights of the targets; with
    probabilities over N.
    ignore_index: a target of this number counts nothing.
    label_smoothing: the share of the target that is spread over all classes evenly.

    Raises ValueError for a target out of range, shapes that do not fit, no examples, fewer than two
    classes or no target that counts; TypeError for a target that is no int.

    Computed as softplus(logsumexp(the other logits) - logits[target]), which keeps its relative
    accuracy for an example that is classified well: at logits 0 and 40 it is 4.2e-18, where
    logsumexp(logits) - logits[target] rounds to 0, and so does its gradient.

    Source of label smoothing: C. Szegedy et al., "Rethinking the Inception architecture for
    computer vision", CVPR (2016).

    >>> from autograd_scalar import Value
    >>> round(cross_entropy([Value(1.0), Value(2.0), Value(4.0)], 2).data, 6)
    0.169846
    >>> round(cross_entropy([[Value(0.0), Value(40.0)]], [1]).data, 20)
    4.25e-18
    """
    _known_reduction(reduction)
    smoothing = not_negative("label_smoothing", label_smoothing)
    if smoothing > 1:
        raise ValueError(f"label_smoothing must be in 0..1, got {label_smoothing!r}")
    examples = _Examples("cross_entropy", input, target, 2, takes_probabilities=True)
    classes = range(examples.classes)
    weights = _class_weights(weight, examples.classes)
    even = smoothing / len(classes)

    if examples.has_probabilities:
        if ignore_index >= 0:
            raise ValueError("ignore_index is for targets that are classes, not probabilities")
        losses = []
        for x, probabilities in zip(examples.inputs, examples.targets, strict=True):
            if smoothing:
                probabilities = [(1 - smoothing) * p + even for p in probabilities]
            losses.append(_soft_cross_entropy(x, _products(weights, probabilities)))
        return examples.reduced(losses, reduction)

    def one(x: Sequence[Any], t: Any) -> Any:
        if not smoothing:
            return _sum_of_products([(_weight(weights, t), _hard_cross_entropy(x, t))])
        at = [is_place(t, i) for i in classes]
        shares = [choose(is_t, even + (1 - smoothing), even) for is_t in at]
        if weights is not None:
            own = (1 - smoothing) * _weight(weights, t)
            spread = [even * weight for weight in weights]
            shares = [choose(is_t, e + own, e) for is_t, e in zip(at, spread, strict=True)]
        return _soft_cross_entropy(x, shares)

    return examples.reduced_by_class(one, weights, ignore_index, reduction)


def _hard_cross_entropy(logits: Sequence[Any], target: Any) -> Any:
    if isinstance(target, Arithmetic):  # to be decided later: exp(-inf) adds an exact 0
        others = [choose(is_place(target, i), -math.inf, z) for i, z in enumerate(logits)]
        return softplus(logsumexp(others) - pick(target, *logits))
    others = [z for i, z in enumerate(logits) if i != target]
    return softplus(logsumexp(others) - logits[target])


def _soft_cross_entropy(logits: Sequence[Any], shares: Sequence[Any]) -> Any:
    """The sum of -share * log softmax(logits) over the classes that have one."""
    counting = [i for i, share in enumerate(shares) if isinstance(share, Arithmetic) or share != 0]
    if len(counting) == 1:
        place = counting[0]
        return _sum_of_products([(shares[place], _hard_cross_entropy(logits, place))])
    if modes.recorder is not None and any(map(is_open, shares)):
        return _open_cross_entropy(logits, shares)
    return -_sum_of_products(zip(shares, log_softmax(logits), strict=True))


def _open_cross_entropy(logits: Sequence[Any], shares: Sequence[Any]) -> Any:
    """The same for shares of which is decided later how many count: 1 is as for a class alone."""
    at = [share > 0 for share in shares]
    others = [choose(counts, -math.inf, z) for z, counts in zip(logits, at, strict=True)]
    target = fsum([choose(counts, z, 0.0) for z, counts in zip(logits, at, strict=True)])
    hard = fsum(shares) * softplus(logsumexp(others) - target)
    soft = -_sum_of_products(zip(shares, log_softmax(logits), strict=True))
    return choose(fsum([choose(counts, 1.0, 0.0) for counts in at]) <= 1, hard, soft)


@_on_lists
def nll_loss(
    input: Tensor,
    target: Tensor,
    *,
    weight: Sequence[float] | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Any:
    """Return the mean of -input[target] over the examples: the negative log-likelihood.

    input: logarithms of probabilities, as `LogSoftmax` gives them. From logits `cross_entropy`
    computes the same, more accurately. Shapes and arguments are as there.

    >>> from autograd_scalar import Value
    >>> nll_loss([[Value(-0.5), Value(-1.0)], [Value(-2.0), Value(-0.25)]], [0, 1]).data
    0.375
    """
    _known_reduction(reduction)
    examples = _Examples("nll_loss", input, target, 1)
    weights = _class_weights(weight, examples.classes)

    def one(x: Sequence[Any], t: Any) -> Any:
        own = _at(x, t)
        return -own if weights is None else -_at(weights, t) * own

    return examples.reduced_by_class(one, weights, ignore_index, reduction)


@_on_lists
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    *,
    p: int = 1,
    margin: float = 1.0,
    weight: Sequence[float] | None = None,
    reduction: str = "mean",
) -> Any:
    """Return the mean over the examples of sum(max(0, margin - x[y] + x[i])**p for i != y) / C.

    input: scores x of C classes, of shape (N, C), or (C) for one example. target: the classes y,
    of shape (N) or ().
    p: 1 or 2. margin: by how much the score of y has to lead. weight: how much each class counts;
    the mean is over N all the same.

    Raises ValueError and TypeError as `cross_entropy`.

    Source: K. Crammer, Y. Singer, "On the algorithmic implementation of multiclass kernel-based
    vector machines", Journal of Machine Learning Research 2 (2001).

    >>> from autograd_scalar import Value
    >>> multi_margin_loss([[Value(0.5), Value(2.0), Value(0.0)]], [1]).data
    0.0
    >>> multi_margin_loss([Value(0.5), Value(2.0), Value(0.0)], 0).data  # (2.5 + 0.5) / 3
    1.0
    """
    _known_reduction(reduction)
    if p not in (1, 2):
        raise ValueError(f"p must be 1 or 2, got {p!r}")
    examples = _Examples("multi_margin_loss", input, target, 2, most_dimensions=2)
    weights = _class_weights(weight, examples.classes)

    def one(x: Sequence[Any], t: Any) -> Any:
        own = _at(x, t)
        if isinstance(t, Arithmetic):  # to be decided later which is not behind
            behind = [
                choose(is_place(t, i), 0.0, relu(margin - (own - z))) for i, z in enumerate(x)
            ]
        else:
            behind = [relu(margin - (own - z)) for i, z in enumerate(x) if i != t]
        share = _weight(weights, t) / examples.classes
        return share * (fsum(behind) if p == 1 else dot(behind, behind))

    return examples.reduced([one(x, examples.class_of(t)) for x, t in examples.pairs()], reduction)


class _Examples:
    """Input and target of a loss over classes, found to fit, as one list of examples each."""

    def __init__(
        self,
        name: str,
        input: Tensor,
        target: Tensor,
        least_classes: int,
        *,
        takes_probabilities: bool = False,
        most_dimensions: float = math.inf,
    ) -> None:
        sizes = shape(input, "input")
        if not sizes:
            raise TypeError(
                f"{name}: input must be a sequence of a number for each class, got "
                f"{type(input).__name__}"
            )
        if sizes[0] == 0:
            raise ValueError(f"{name}: input must hold at least one example, got none")
        if len(sizes) > most_dimensions:
            raise ValueError(f"{name} takes an input of shape N x C or C, got {by(sizes)}")
        self.name = name
        self.places = (sizes[0], *sizes[2:]) if len(sizes) > 1 else ()
        self.classes = sizes[1] if len(sizes) > 1 else sizes[0]
        if 0 in sizes:
            raise ValueError(f"{name}: input must hold at least one number, got none")
        found = shape(target, "target")
        self.has_probabilities = takes_probabilities and found == sizes
        if found != self.places and not self.has_probabilities:
            or_probabilities = f" or {by(sizes)}" if takes_probabilities else ""
            raise ValueError(
                f"{name}: input and target do not fit, got {by(sizes)} and {by(found)}; for this "
                f"input the target must be {by(self.places)}{or_probabilities}"
            )
        if self.classes < least_classes:
            raise ValueError(f"{name} needs at least {least_classes} classes, got {self.classes}")
        self.inputs = list(_vectors(input))
        self.targets = list(_vectors(target) if self.has_probabilities else numbers(target))
        if self.has_probabilities:
            self._check_probabilities(len(sizes))

    def _check_probabilities(self, dimensions: int) -> None:
        for probability in numbers(self.targets):
            if not 0 <= plain(probability, "a target probability") <= 1:
                raise ValueError(f"a target probability must be in 0..1, got {probability!r}")
        # [0, 1] beside two numbers is rather the classes of two examples with one output each.
        if dimensions == 1 and all(isinstance(p, int) for p in self.targets[0]):
            raise TypeError(
                f"{self.name}: the probabilities of the classes of one example must be floats, got "
                f"{self.targets[0]!r}; its class alone is an int"
            )

    def pairs(self) -> Iterator[tuple[list[Any], Any]]:
        return zip(self.inputs, self.targets, strict=True)

    def class_of(self, target: object) -> Any:
        return place_among("target", target, self.classes)

    def is_ignored(self, target: Any, ignore_index: int) -> bool:
        if isinstance(target, Arithmetic):
            return bool(abs(target - ignore_index) <= 0)
        return whole_number("target", target) == ignore_index

    def reduced_by_class(
        self,
        loss: Callable[[Sequence[Any], Any], Any],
        weights: Sequence[float] | None,
        ignore_index: int,
        reduction: str,
    ) -> Any:
        """Reduce `loss(x, t)`; the mean is over the examples that count, each by its weight."""
        losses = []
        counts = []
        for x, t in self.pairs():
            ignored = self.is_ignored(t, ignore_index)
            losses.append(_nothing(x[0]) if ignored else loss(x, self.class_of(t)))
            counts.append(0.0 if ignored else _weight(weights, t))
        if reduction != "mean":
            return self.reduced(losses, reduction)
        total = fsum(counts)
        if total <= 0:
            raise ValueError(f"{self.name}: no target counts, all are ignored or of weight 0")
        if weights is None:
            counting = [one for one, count in zip(losses, counts, strict=True) if count > 0]
            return mean(counting) if self.places else counting[0]
        return fsum(losses) / total

    def reduced(self, losses: list[Any], reduction: str) -> Any:
        return _reduced(filled(self.places, iter(losses).__next__), reduction)


def _vectors(x: Tensor) -> Iterator[list[Any]]:
    """The vectors along the second dimension, or x itself if it has but one."""

    def along_first(x: Tensor) -> Iterator[list[Any]]:
        if not nested(x[0]):
            yield list(x)
        else:
            for place in range(len(x[0])):
                yield from along_first([item[place] for item in x])

    if nested(x[0]):
        for example in x:
            yield from along_first(example)
    else:
        yield list(x)


def _class_weights(weight: Any, classes: int) -> list[float] | None:
    if weight is None:
        return None
    weights = as_lists(weight)
    if shape(weights, "weight") != (classes,):
        raise ValueError(
            f"weight must be one number for each of {classes} classes, got {by(shape(weights))}"
        )
    return [not_negative("a class's weight", number) for number in weights]


def _weight(weights: Sequence[float] | None, target: Any) -> Any:
    return 1.0 if weights is None else _at(weights, target)


def _at(xs: Sequence[Any], place: Any) -> Any:
    return pick(place, *xs) if isinstance(place, Arithmetic) else xs[place]


def _products(weights: Sequence[float] | None, xs: Sequence[Any]) -> Sequence[Any]:
    return xs if weights is None else [w * x for w, x in zip(weights, xs, strict=True)]


# --- Of the parameters ----------------------------------------------------------------------------


def l1_penalty(parameters: Iterable[Value], weight: float) -> Value:
    """Return weight * sum(|p|), to add to a loss: it drives parameters to exactly 0.

    parameters: as `model.parameters()`. weight: how much it counts, at least 0.

    Raises ValueError if there are no parameters or the weight is negative.

    Source: R. Tibshirani, "Regression shrinkage and selection via the lasso", Journal of the Royal
    Statistical Society B 58 (1996).

    >>> from autograd_scalar import Value
    >>> l1_penalty([Value(3.0), Value(-4.0)], 0.5).data
    3.5
    """
    penalty: Value = not_negative("weight", weight) * fsum(map(abs, _some(parameters)))
    return penalty


def l2_penalty(parameters: Iterable[Value], weight: float) -> Value:
    """Return weight * sum(p**2), to add to a loss: it keeps parameters small.

    Its gradient is that of an optimizer's weight_decay of twice the weight. Arguments and errors
    are as of `l1_penalty`.

    Source: A. Hoerl, R. Kennard, "Ridge regression", Technometrics 12 (1970).

    >>> from autograd_scalar import Value
    >>> l2_penalty([Value(3.0), Value(-4.0)], 0.5).data
    12.5
    """
    parameters = _some(parameters)
    penalty: Value = not_negative("weight", weight) * dot(parameters, parameters)
    return penalty


def _some(parameters: Iterable[Value]) -> list[Value]:
    parameters = list(parameters)
    if not parameters:
        raise ValueError("parameters must hold at least one parameter, got none")
    return parameters


def _known_reduction(reduction: object, names: Sequence[str] = REDUCTIONS) -> None:
    if not isinstance(reduction, str):
        raise TypeError(f"reduction must be a string, got {reduction!r}")
    known("reduction", reduction, names)


# --- As modules, and by name ----------------------------------------------------------------------


class Loss(Module):
    """Base of losses as modules: `function` with its options chosen beforehand.

    The options are those of the function, by keyword, and become attributes.

    Raises ValueError for an option that the function does not have, suggesting the nearest.

    >>> loss = HuberLoss(delta=0.5)
    >>> loss
    HuberLoss(delta=0.5), 0 parameters
    >>> loss([1.0, 2.0], [1.0, 1.0])
    0.1875
    """

    function: ClassVar[Callable[..., Any]]

    def __init__(self, **options: Any) -> None:
        """See the class."""
        defaults = self._defaults()
        for name in options:
            known(f"option of {type(self).__name__}", name, defaults)
        vars(self).update(defaults | options)

    def forward(self, input: Tensor, target: Tensor) -> Any:
        """Return the loss of what the model gave and should have given."""
        options = {name: getattr(self, name) for name in self._defaults()}
        return type(self).function(input, target, **options)

    def extra_repr(self) -> str:
        """Return the options that are not the defaults."""
        options = {
            n: getattr(self, n) for n, d in self._defaults().items() if getattr(self, n) != d
        }
        return ", ".join(f"{name}={option!r}" for name, option in options.items())

    @classmethod
    def _defaults(cls) -> dict[str, Any]:
        parameters = inspect.signature(cls.function).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


class MSELoss(Loss):
    """`mse_loss` as a module."""

    function = staticmethod(mse_loss)


class L1Loss(Loss):
    """`l1_loss` as a module."""

    function = staticmethod(l1_loss)


class HuberLoss(Loss):
    """`huber_loss` as a module."""

    function = staticmethod(huber_loss)


class SmoothL1Loss(Loss):
    """`smooth_l1_loss` as a module."""

    function = staticmethod(smooth_l1_loss)


class HingeLoss(Loss):
    """`hinge_loss` as a module."""

    function = staticmethod(hinge_loss)


class BCEWithLogitsLoss(Loss):
    """`binary_cross_entropy_with_logits` as a module."""

    function = staticmethod(binary_cross_entropy_with_logits)


class KLDivLoss(Loss):
    """`kl_div` as a module."""

    function = staticmethod(kl_div)


class CrossEntropyLoss(Loss):
    """`cross_entropy` as a module."""

    function = staticmethod(cross_entropy)


class NLLLoss(Loss):
    """`nll_loss` as a module."""

    function = staticmethod(nll_loss)


class MultiMarginLoss(Loss):
    """`multi_margin_loss` as a module."""

    function = staticmethod(multi_margin_loss)


LOSSES: dict[str, Callable[..., Any]] = {
    "binary_cross_entropy_with_logits": binary_cross_entropy_with_logits,
    "cross_entropy": cross_entropy,
    "hinge": hinge_loss,
    "huber": huber_loss,
    "kl_div": kl_div,
    "l1": l1_loss,
    "mse": mse_loss,
    "multi_margin": multi_margin_loss,
    "nll": nll_loss,
    "smooth_l1": smooth_l1_loss,
}
"""The losses that can be asked for by name."""


def loss_named(loss: str | Callable[..., Any]) -> Callable[..., Any]:
    """Return the loss of that name, or the function or module itself.

    >>> loss_named("mse") is mse_loss
    True
    >>> loss_named("cross_entrpy")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ValueError: unknown loss 'cross_entrpy', did you mean 'cross_entropy'? Known: ...
    """
    if isinstance(loss, str):
        return LOSSES[known("loss", loss, LOSSES)]
    if not callable(loss):
        raise TypeError(f"loss must be a name or a function, got {loss!r}")
    return loss
