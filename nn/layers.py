"""The layers that most networks are made of, under PyTorch's names, and how they are put together.

Layers take one example or a batch, as lists or NumPy arrays: whatever stands before the dimensions
that a layer speaks of is kept.
"""

import math
import operator
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from autograd_scalar.arithmetic import Arithmetic
from autograd_scalar.primitives import as_float
from autograd_scalar.rules import detach, dot, pick
from nn import init
from nn.arguments import generator, place_among, size, whole_number
from nn.effects import random_numbers
from nn.module import Module, label_by_path
from nn.tensors import Tensor, as_lists, by, described, map_numbers, map_vectors, on_lists, shape
from nn.tensors import parameters as new_parameters

Layer = Callable[[Any], Any]


def affine(weight: Tensor, x: Sequence[Any], bias: Sequence[Any] | None) -> list[Any]:
    """Return W x + b: for each row of the weight one `dot`, and one addition where there is a bias.

    Neither the lengths nor the numbers are checked, which whoever has a layer's name does.

    >>> affine([[1.0, 2.0], [3.0, 4.0]], [10.0, 20.0], [0.5, 0.25])
    [50.5, 110.25]
    """
    if bias is None:
        return [dot(*row, *x) for row in weight]
    return [dot(*row, *x) + b for row, b in zip(weight, bias, strict=True)]


class Linear(Module):
    """y = W x + b, each y[i] one `dot` and one addition.

    in_features, out_features: the sizes of x and y.
    bias: False leaves b out.
    rng: a `random.Random`, a seed for one, or None for Python's shared generator.

    `weight` is of shape (out_features, in_features), `bias` of (out_features,) or None. Both are
    drawn from U(-k, k), k = 1 / sqrt(in_features), as in PyTorch. `init` has other ways.

    Shapes: (*, in_features) to (*, out_features).

    Raises ValueError or TypeError for what is no size, and for inputs of another length.

    >>> layer = Linear(3, 2, rng=0)
    >>> [round(y.data, 3) for y in layer([1.0, 2.0, 3.0])]
    [1.046, -0.809]
    >>> len(layer([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
    2
    >>> layer([1.0])
    Traceback (most recent call last):
    ...
    ValueError: Linear(3 -> 2) takes vectors of 3 numbers, got one of 1
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        rng: random.Random | int | None = None,
    ) -> None:
        """See the class."""
        self.in_features = size("in_features", in_features)
        self.out_features = size("out_features", out_features)
        self.weight = new_parameters(out_features, in_features)
        self.bias = new_parameters(out_features) if bias else None
        rng = generator(rng)
        bound = 1 / math.sqrt(in_features)
        for tensor in filter(None, (self.weight, self.bias)):
            init.uniform(tensor, -bound, bound, rng=rng)
        label_by_path(self)

    @on_lists
    def forward(self, x: Tensor) -> Tensor:
        """Return W x + b for each innermost list x."""
        return map_vectors(self._one, x, self.in_features, self)

    def _one(self, x: Sequence[Any]) -> list[Any]:
        return affine(self.weight, x, self.bias)

    def extra_repr(self) -> str:
        """Return the sizes."""
        without = "" if self.bias else ", bias=False"
        return f"{self.in_features} -> {self.out_features}{without}"


class Sequential(Module):
    """Modules and functions one after the other, each called with what the one before returned.

    They are saved under their places, `0.weight`, as in PyTorch. `model[0]` is the first, and
    `model[:2]` a Sequential of the first two.

    Raises TypeError for a layer that can't be called. What a layer raises is reported with its
    place.

    >>> from nn.activations import Tanh
    >>> model = Sequential(Linear(2, 3, rng=0), Tanh(), Linear(3, 1, rng=1))
    >>> len(model([1.0, 2.0]))
    1
    >>> list(model.state_dict())
    ['0.weight', '0.bias', '2.weight', '2.bias']
    """

    def __init__(self, *layers: Layer) -> None:
        """See the class."""
        for place, layer in enumerate(layers):
            if not callable(layer):
                raise TypeError(f"layer {place} must be a module or a function, got {layer!r}")
        # Under their numbers, for the sake of the paths. They are no identifiers, and need not be.
        vars(self).update((str(place), layer) for place, layer in enumerate(layers))
        label_by_path(self)

    @property
    def layers(self) -> list[Layer]:
        """The modules and functions, in order."""
        return [layer for name, layer in vars(self).items() if name.isdigit()]

    def __len__(self) -> int:
        """Return the number of layers."""
        return len(self.layers)

    def __iter__(self) -> Iterator[Layer]:
        """Return the layers one by one."""
        return iter(self.layers)

    def __getitem__(self, place: int | slice) -> Any:
        """Return a layer by its place, from the end if that is negative; several for a slice."""
        found = self.layers[place]
        return Sequential(*found) if isinstance(found, list) else found

    def forward(self, x: Any) -> Any:
        """Return what the last layer returns."""
        for place, layer in enumerate(self.layers):
            try:
                x = layer(x)
            except Exception as error:
                error.add_note(f"in layer {place} of Sequential, {described(layer)}")
                raise
        return x


class Residual(Module):
    """x + inner(x): the gradient finds a way around the inner layers that does not shrink it.

    inner: a module or a function whose output is of the shape of its input.

    Raises ValueError if it is not, TypeError for an inner that can't be called.

    Source: K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR
    (2016).

    >>> Residual(lambda x: [10.0 * item for item in x])([1.0, 2.0])
    [11.0, 22.0]
    """

    def __init__(self, inner: Layer) -> None:
        """See the class."""
        if not callable(inner):
            raise TypeError(f"inner must be a module or a function, got {inner!r}")
        self.inner = inner

    @on_lists
    def forward(self, x: Tensor) -> Tensor:
        """Return x + inner(x)."""
        change = as_lists(self.inner(x))
        before, after = shape(x), shape(change, f"the output of {described(self.inner)}")
        if before != after:
            raise ValueError(
                f"Residual adds what {described(self.inner)} returns to its input, which is of "
                f"shape {by(before)}, and got {by(after)}"
            )
        return map_numbers(operator.add, x, change)


class Flatten(Module):
    """All dimensions from start_dim to end_dim as one; those of each example as it comes.

    start_dim, end_dim: the first and the last dimension; negative ones count from the end.

    Shapes: (N, *) to (N, product of *).

    Raises ValueError for dimensions that the input doesn't have.

    >>> Flatten()([[[1.0, 2.0], [3.0, 4.0]]])
    [[1.0, 2.0, 3.0, 4.0]]
    >>> Flatten(0)([[1.0], [2.0]])
    [1.0, 2.0]
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        """See the class."""
        self.start_dim = whole_number("start_dim", start_dim)
        self.end_dim = whole_number("end_dim", end_dim)

    @on_lists
    def forward(self, x: Tensor) -> Tensor:
        """Return the same numbers in fewer dimensions."""
        count = len(shape(x))
        start, end = (d + count if d < 0 else d for d in (self.start_dim, self.end_dim))
        if not 0 <= start <= end < count:
            raise ValueError(
                f"{self.summary()} makes one of dimensions {self.start_dim} to {self.end_dim}, got "
                f"an input of {count} dimension{'' if count == 1 else 's'}"
            )
        return _flattened(x, start, end)

    def extra_repr(self) -> str:
        """Return the dimensions."""
        return f"{self.start_dim}, {self.end_dim}"


def _flattened(x: Tensor, start: int, end: int) -> Tensor:
    if start:
        return [_flattened(item, start - 1, end - 1) for item in x]
    for _ in range(end):
        x = [item for inner in x for item in inner]
    return x


class Dropout(Module):
    """While training, each number is set to 0 with probability p, the others times 1 / (1 - p).

    In evaluation it changes nothing.

    p: the probability, from 0 to 1. rng: as of `Linear`.

    Shapes: any, and the same out. Raises ValueError for a p that is no probability.

    Source: N. Srivastava et al., "Dropout: a simple way to prevent neural networks from
    overfitting", Journal of Machine Learning Research 15 (2014).

    >>> layer = Dropout(0.5, rng=1)
    >>> layer([1.0, 1.0, 1.0, 1.0])
    [0.0, 2.0, 2.0, 0.0]
    >>> layer.eval()([1.0, 1.0])
    [1.0, 1.0]
    """

    def __init__(self, p: float = 0.5, *, rng: random.Random | int | None = None) -> None:
        """See the class."""
        self.p = as_float(p, "p")
        if not 0 <= self.p <= 1:
            raise ValueError(f"p must be a probability from 0 to 1, got {p!r}")
        self.rng = generator(rng)

    @on_lists
    def forward(self, x: Tensor) -> Tensor:
        """Return x with some numbers dropped."""
        if not self.training or self.p == 0:
            return x
        factor = random_numbers(self._factors)
        return map_numbers(lambda item: item * factor(), x)

    def _factors(self) -> Callable[[], float]:
        p, draw = self.p, (self.rng or random).random
        scale = 1 / (1 - p) if p < 1 else 0.0
        return lambda: scale if draw() >= p else 0.0

    def extra_repr(self) -> str:
        """Return the probability."""
        return f"p={self.p}"


class Embedding(Module):
    """A table of vectors, looked up by whole numbers: y = weight[x].

    num_embeddings: how many vectors.
    embedding_dim: their size.
    padding_idx: one that starts as zeros and is not trained: plain numbers are returned for it.
    rng: as of `Linear`.

    `weight` is of shape (num_embeddings, embedding_dim), drawn from N(0, 1).

    Shapes: (*) whole numbers, or `Value`s of them, to (*, embedding_dim).

    Raises IndexError for a number out of range, and TypeError for what is no whole number.

    >>> table = Embedding(3, 2, rng=0)
    >>> [round(v.data, 3) for v in table(1)]
    [-0.68, 0.371]
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        rng: random.Random | int | None = None,
    ) -> None:
        """See the class."""
        self.num_embeddings = size("num_embeddings", num_embeddings)
        self.embedding_dim = size("embedding_dim", embedding_dim)
        self.padding_idx = None
        if padding_idx is not None:
            place = whole_number("padding_idx", padding_idx)
            self.padding_idx = place + num_embeddings if place < 0 else place
            if not 0 <= self.padding_idx < num_embeddings:
                raise ValueError(
                    f"padding_idx must be one of {num_embeddings} vectors, got {padding_idx}"
                )
        self.weight = init.normal(new_parameters(num_embeddings, embedding_dim), rng=generator(rng))
        if self.padding_idx is not None:
            init.zeros(self.weight[self.padding_idx])
        label_by_path(self)

    @on_lists
    def forward(self, x: Tensor) -> Tensor:
        """Return the vectors, in place of the numbers."""
        return map_numbers(self._vector, x)

    def _vector(self, item: object) -> list[Any]:
        place = place_among(f"an index of {self.summary()}", item, self.num_embeddings, IndexError)
        if isinstance(place, Arithmetic):
            rows = [self._row(i) for i in range(self.num_embeddings)]
            return [pick(place, *column) for column in zip(*rows, strict=True)]
        row = self._row(place)
        return [v.data for v in row] if place == self.padding_idx else row

    def _row(self, place: int) -> list[Any]:
        row: list[Any] = self.weight[place]
        return [detach(v) for v in row] if place == self.padding_idx else list(row)

    def extra_repr(self) -> str:
        """Return the sizes."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
