"""Normalization: numbers brought to mean 0 and variance 1, so that layers see what they expect.

`BatchNorm` takes mean and variance of each channel over the batch, `LayerNorm` and `RMSNorm` those
of each example over its features.
"""

import math
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

from autograd_scalar import dot, mean, sqrt
from autograd_scalar.primitives import as_float
from nn import init
from nn.arguments import size
from nn.effects import keep, kept
from nn.module import Module, label_by_path
from nn.tensors import Tensor, by, described, numbers, on_lists, reshaped, shape
from nn.tensors import parameters as new_parameters

Vector = Sequence[Any]


class BatchNorm(Module):
    """y = (x - mean) / sqrt(variance + eps) * weight + bias, for each channel over the whole batch.

    What PyTorch calls BatchNorm1d and BatchNorm2d, by the shape of the input.

    num_features: the number of channels C.
    eps: what keeps the root away from 0.
    momentum: how much of the running statistics each batch replaces; None takes the average of all
        batches so far.
    affine: False leaves `weight` and `bias` out, which start as ones and zeros of shape (C,).
    track_running_stats: False takes mean and variance of the batch in evaluation too.

    While training, mean and variance are those of the batch and the gradient flows through them;
    `running_mean` and `running_var` follow, as plain numbers. In evaluation those are used instead.
    The batch is divided by the root of its biased variance, and `running_var` is of the unbiased
    one. These two and `num_batches_tracked` are saved along with the parameters.

    Shapes: (N, C), (N, C, L) or (N, C, H, W), and the same out.

    Raises ValueError for another shape, and while training for a single number per channel, which
    has no variance.

    Source: S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by
    reducing internal covariate shift", ICML (2015).

    >>> layer = BatchNorm(1, eps=0.0)
    >>> [[y.data] for [y] in layer([[1.0], [3.0]])]
    [[-1.0], [1.0]]
    >>> layer.running_mean, layer.running_var
    ([0.2], [1.1])
    >>> layer.eval()([[0.2]])[0][0].data
    0.0
    """

    buffer_names: ClassVar[tuple[str, ...]] = ("running_mean", "running_var", "num_batches_tracked")

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:
        """See the class."""
        self.num_features = size("num_features", num_features)
        self.eps = _not_negative("eps", eps)
        self.momentum = None if momentum is None else _not_negative("momentum", momentum)
        self.weight = init.ones(new_parameters(num_features)) if affine else None
        self.bias = new_parameters(num_features) if affine else None
        self.track_running_stats = track_running_stats
        self.running_mean = [0.0] * num_features if track_running_stats else None
        self.running_var = [1.0] * num_features if track_running_stats else None
        self.num_batches_tracked = 0 if track_running_stats else None
        label_by_path(self)

    @on_lists
    def forward(self, x: Tensor) -> Tensor:
        """Return the normalized batch; while training, update the running statistics."""
        sizes = self._required_shape(x)
        channels = [list(numbers([example[c] for example in x])) for c in range(sizes[1])]
        if self.running_mean is None or self.running_var is None:
            statistics = [_mean_and_variance(channel) for channel in channels]
        elif self.training:
            statistics = [_mean_and_variance(channel) for channel in channels]
            keep(partial(self._track, len(channels[0])), [x for pair in statistics for x in pair])
        else:
            centers, variances = kept(self, "running_mean"), kept(self, "running_var")
            statistics = list(zip(centers, variances, strict=True))

        for c, (channel, (center, variance)) in enumerate(zip(channels, statistics, strict=True)):
            deviation = sqrt(variance + self.eps)
            normal = [(item - center) / deviation for item in channel]
            if self.weight is not None and self.bias is not None:
                weight, bias = self.weight[c], self.bias[c]
                normal = [item * weight + bias for item in normal]
            channels[c] = reshaped(normal, (sizes[0], *sizes[2:]))
        return [list(example) for example in zip(*channels, strict=True)]

    def _required_shape(self, x: Tensor) -> tuple[int, ...]:
        found = shape(x, f"the input of {self.summary()}")
        if len(found) not in (2, 3, 4) or found[1] != self.num_features:
            c = self.num_features
            raise ValueError(
                f"{self.summary()} takes an input of shape N x {c}, N x {c} x L or N x {c} x H x W,"
                f" got one of shape {by(found)}"
            )
        per_channel = found[0] * math.prod(found[2:])
        of_batch = self.training or self.running_mean is None
        if of_batch and per_channel < 2:
            raise ValueError(
                f"{self.summary()} needs more than 1 number per channel"
                f"{' while training' if self.training else ''}, got one of shape {by(found)}"
            )
        return found

    def _track(self, count: int, statistics: Sequence[float]) -> None:
        """Move the running statistics towards those of a batch with `count` numbers a channel.

        statistics: the means and the biased variances of the channels, by turns.
        """
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        step = 1 / self.num_batches_tracked if self.momentum is None else self.momentum
        for c in range(self.num_features):
            center, variance = statistics[2 * c : 2 * c + 2]
            unbiased = variance * count / (count - 1)
            self.running_mean[c] = (1 - step) * self.running_mean[c] + step * center
            self.running_var[c] = (1 - step) * self.running_var[c] + step * unbiased

    def extra_repr(self) -> str:
        """Return the number of channels, and what is not as usual."""
        return f"{self.num_features}" + _unusual(
            (self.eps, "eps", 1e-5),
            (self.momentum, "momentum", 0.1),
            (self.weight is not None, "affine", True),
            (self.track_running_stats, "track_running_stats", True),
        )


class LayerNorm(Module):
    """y = (x - mean) / sqrt(variance + eps) * weight + bias, over the features of each example.

    normalized_shape: the last dimensions, which mean and variance are taken over; an int for one.
    eps: what keeps the root away from 0.
    elementwise_affine: False leaves `weight` and `bias` out, which are of normalized_shape and
        start as ones and zeros.
    bias: False leaves only `bias` out.

    Shapes: (*, *normalized_shape), and the same out.

    Raises ValueError for inputs whose last dimensions are others.

    Source: J. Ba, J. Kiros, G. Hinton, "Layer normalization", arXiv:1607.06450 (2016).

    >>> layer = LayerNorm(2, eps=0.0)
    >>> [y.data for y in layer([1.0, 3.0])]
    [-1.0, 1.0]
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ) -> None:
        """See the class."""
        self.normalized_shape = _sizes(normalized_shape)
        self.eps = _not_negative("eps", eps)
        self.weight = self.bias = None
        if elementwise_affine:
            self.weight = init.ones(new_parameters(*self.normalized_shape))
            self.bias = new_parameters(*self.normalized_shape) if bias else None
        label_by_path(self)

    @on_lists
    def forward(self, x: Tensor) -> Tensor:
        """Return the normalized tensor."""
        return _map_last(self._one, x, self.normalized_shape, self)

    def _one(self, x: Vector) -> Vector:
        center, variance = _mean_and_variance(x)
        deviation = sqrt(variance + self.eps)
        return _affine([(item - center) / deviation for item in x], self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return the shape, and what is not as usual."""
        return by(self.normalized_shape) + _unusual(
            (self.eps, "eps", 1e-5),
            (self.weight is not None, "elementwise_affine", True),
            (self.weight is None or self.bias is not None, "bias", True),
        )


class RMSNorm(Module):
    """y = x / sqrt(mean of x**2 + eps) * weight, over the features of each example.

    normalized_shape: the last dimensions, which the mean is taken over; an int for one.
    eps: what keeps the root away from 0; None stands for 2.2e-16, the precision of a float.
    elementwise_affine: False leaves `weight` out, which is of normalized_shape and starts as ones.

    Shapes: (*, *normalized_shape), and the same out.

    Raises ValueError for inputs whose last dimensions are others.

    Source: B. Zhang, R. Sennrich, "Root mean square layer normalization", NeurIPS (2019).

    >>> layer = RMSNorm(2, eps=0.0)
    >>> [y.data for y in layer([1.0, -1.0])]
    [1.0, -1.0]
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
    ) -> None:
        """See the class."""
        self.normalized_shape = _sizes(normalized_shape)
        self.eps = sys.float_info.epsilon if eps is None else _not_negative("eps", eps)
        self.weight = None
        if elementwise_affine:
            self.weight = init.ones(new_parameters(*self.normalized_shape))
        label_by_path(self)

    @on_lists
    def forward(self, x: Tensor) -> Tensor:
        """Return the normalized tensor."""
        return _map_last(self._one, x, self.normalized_shape, self)

    def _one(self, x: Vector) -> Vector:
        root = sqrt(dot(x, x) / len(x) + self.eps)
        return _affine([item / root for item in x], self.weight, None)

    def extra_repr(self) -> str:
        """Return the shape, and what is not as usual."""
        return by(self.normalized_shape) + _unusual(
            (self.eps, "eps", sys.float_info.epsilon),
            (self.weight is not None, "elementwise_affine", True),
        )


def _mean_and_variance(x: Vector) -> tuple[Any, Any]:
    """The mean and the biased variance; the latter of differences, which don't cancel."""
    center = mean(x)
    differences = [item - center for item in x]
    return center, dot(differences, differences) / len(x)


def _affine(x: Vector, weight: Tensor | None, bias: Tensor | None) -> Vector:
    if weight is not None:
        x = [item * w for item, w in zip(x, numbers(weight), strict=True)]
    if bias is not None:
        x = [item + b for item, b in zip(x, numbers(bias), strict=True)]
    return x


def _map_last(
    function: Callable[[Vector], Vector], x: Tensor, last: Sequence[int], layer: Module
) -> Tensor:
    """The tensor of `function` of each block of the last dimensions, which it sees as a vector."""
    found = shape(x, f"the input of {described(layer)}")
    if found[-len(last) :] != tuple(last):
        raise ValueError(
            f"{described(layer)} takes an input whose last dimensions are {by(last)}, "
            f"got one of shape {by(found)}"
        )

    def inwards(x: Tensor, outer: int) -> Tensor:
        if outer:
            return [inwards(item, outer - 1) for item in x]
        return reshaped(function(list(numbers(x))), last)

    return inwards(x, len(found) - len(last))


def _sizes(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    if not isinstance(normalized_shape, (tuple, list)):
        return (size("normalized_shape", normalized_shape),)
    if not normalized_shape:
        raise ValueError("normalized_shape must hold at least one size, got none")
    return tuple(size(f"normalized_shape[{i}]", n) for i, n in enumerate(normalized_shape))


def _not_negative(name: str, value: float) -> float:
    number = as_float(value, name)
    if not number >= 0:
        raise ValueError(f"{name} must not be negative, got {value!r}")
    return number


def _unusual(*arguments: tuple[object, str, object]) -> str:
    return "".join(f", {name}={value}" for value, name, usual in arguments if value != usual)
