"""Directions in the space of a model's parameters, to look at the loss along them."""

import math
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy
from numpy.typing import NDArray

from autograd_scalar.primitives import described
from nn.arguments import generator, size
from nn.callbacks import Callback
from nn.module import Module
from nn.pictures.tensors import own_tensors
from nn.tensors import nested, numbers, shape

if TYPE_CHECKING:
    from nn.fit import Run

Array = NDArray[numpy.float64]


class Trajectory(Callback):
    """Keeps the parameters that a model has at the start of `fit` and after each epoch.

    every: of how many epochs one is kept; the first and the last always are.

    Attributes:
        points: a list of numbers for each, in the order of `model.parameters()`.

    >>> import nn
    >>> model, path = nn.MLP(1, [1], rng=0), nn.Trajectory()
    >>> data = [[0.0], [1.0]], [0.0, 2.0]
    >>> optimizer = nn.SGD(model.parameters(), lr=0.1)
    >>> _ = nn.fit(model, data, "mse", optimizer, 3, callbacks=[path], progress=False)
    >>> len(path.points)
    4
    """

    def __init__(self, every: int = 1) -> None:
        """See the class."""
        self.every = size("every", every)
        self.points: list[list[float]] = []

    def on_fit_start(self, run: "Run") -> None:
        """Keep what the run begins with, unless it is a resumed one that has begun before."""
        if not isinstance(run.model, Module):
            raise TypeError(f"Trajectory: the model must be a Module, not {described(run.model)}")
        if not self.points:
            self.points.append(_numbers(run.model))

    def on_epoch_end(self, run: "Run") -> None:
        """Keep what the epoch led to."""
        if run.epoch % self.every == 0:
            self.points.append(_numbers(run.model))

    def on_fit_end(self, run: "Run") -> None:
        """Keep what the run ends with."""
        last = _numbers(run.model)
        if self.points[-1] != last:
            self.points.append(last)

    def state_dict(self) -> dict[str, Any]:
        """Return what was kept."""
        return {"points": self.points}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""
        self.points = [list(map(float, point)) for point in state["points"]]


def _numbers(model: Module) -> list[float]:
    return [parameter.data for parameter in model.parameters()]


def points_of(who: str, trajectory: Any, count: int) -> Array:
    """Return the points of a trajectory as an array of shape (points, parameters).

    Raises TypeError or ValueError, beginning with `who`, for what is none of `count` parameters.
    """
    points = trajectory.points if isinstance(trajectory, Trajectory) else trajectory
    try:
        found = numpy.array(points, float)
    except (TypeError, ValueError):
        raise TypeError(
            f"{who}: trajectory must be a Trajectory or lists of numbers, not {described(points)}"
        ) from None
    if found.ndim != 2 or found.shape[1] != count:
        raise ValueError(
            f"{who}: trajectory must have {count} numbers, one for each parameter, at each point, "
            f"and is of shape {found.shape}"
        )
    if not numpy.isfinite(found).all():
        raise ValueError(f"{who}: trajectory must be finite, and has nan or inf")
    return found


def pca_directions(trajectory: Any) -> tuple[list[float], list[float]]:
    """Return the two directions in which a trajectory goes farthest, seen from its end.

    They are the first two principal components of the differences to the last point, of length 1
    and at right angles. Their signs are such that the trajectory comes from the positive side.

    trajectory: a `Trajectory`, or lists of as many numbers, one for each point.

    Raises ValueError for a trajectory that doesn't leave its line: there is no second direction.

    Source: H. Li et al., "Visualizing the loss landscape of neural nets", NeurIPS
    (2018), section 7.

    >>> first, second = pca_directions([[3.0, 0.0], [2.0, 1.0], [0.0, 0.0]])
    >>> [round(x, 3) for x in first], [round(x, 3) for x in second]
    ([0.987, 0.16], [0.16, -0.987])
    """
    points = trajectory.points if isinstance(trajectory, Trajectory) else trajectory
    widths = {len(point) if nested(point) else 0 for point in points}
    found = points_of("pca_directions", points, max(widths, default=0))
    if len(found) < 3:
        raise ValueError(f"pca_directions: trajectory must have 3 points, not {len(found)}")
    steps = found - found[-1]
    _, sizes, directions = numpy.linalg.svd(steps, full_matrices=False)
    if len(sizes) < 2 or sizes[1] <= 1e-12 * sizes[0]:
        raise ValueError("pca_directions: trajectory stays on a line, so there is one direction")
    first, second = (
        (direction if steps[0] @ direction >= 0 else -direction) for direction in directions[:2]
    )
    return first.tolist(), second.tolist()


def random_direction(model: Module, rng: random.Random | int | None = None) -> list[float]:
    """Return a random direction that is as long, filter by filter, as the model's parameters are.

    Each number is drawn from N(0, 1). Then those of each filter (a row of a weight, a kernel, the
    weights of a neuron) are scaled to the norm that the filter has in the model; what is no part of
    a filter, such as a bias or the weight of a norm, gets 0. So the picture is not changed by
    making one layer's weights larger and the next one's smaller, which leaves a network with ReLU
    as it was.

    rng: a `random.Random`, a seed for one, or None for Python's shared generator.

    Source: H. Li et al., "Visualizing the loss landscape of neural nets", NeurIPS
    (2018), section 4.

    >>> from nn import Linear
    >>> direction = random_direction(Linear(3, 2, rng=0), rng=0)
    >>> len(direction), direction[-2:]
    (8, [0.0, 0.0])
    """
    draw = (generator(rng) or random).gauss
    found = dict.fromkeys(map(id, model.parameters()), 0.0)
    for members in _filters(model):
        numbers_drawn = [draw(0.0, 1.0) for _ in members]
        length, wanted = math.hypot(*numbers_drawn), math.hypot(*(p.data for p in members))
        for parameter, number in zip(members, numbers_drawn, strict=True):
            found[id(parameter)] = number * wanted / length
    return list(found.values())


def _filters(model: Module) -> list[Sequence[Any]]:
    """The weights that add to one number each, all those of a network if it has no such parts."""
    found: list[Sequence[Any]] = []
    for module in model.modules():
        for name, tensor in own_tensors(module):
            sizes = shape(tensor)
            if len(sizes) > 1:
                found += [list(numbers(row)) for row in tensor]
            elif len(sizes) == 1 and name == "w":  # of a Neuron
                found.append(list(tensor))
    return found or [model.parameters()]
