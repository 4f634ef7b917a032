"""The layers that most networks are made of, under PyTorch's names, and how they are put together.

Layers take one example or a batch, as lists or NumPy arrays: whatever stands before the dimensions
that a layer speaks of is kept.
"""

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

from autograd_scalar import dot
from nn import init
from nn.arguments import generator, size, whole_number
from nn.module import Module, label_by_path
from nn.tensors import Tensor, map_numbers, map_vectors, on_lists, shape
from nn.tensors import parameters as new_parameters


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
    [0.532, -0.185]
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
        if self.bias is None:
            return [dot(w, x) for w in self.weight]
        return [dot(w, x) + b for w, b in zip(self.weight, self.bias, strict=True)]

    def extra_repr(self) -> str:
        """Return the sizes."""
        without = "" if self.bias else ", bias=False"
        return f"{self.in_features} -> {self.out_features}{without}"


class Sequential(Module):
    """Modules and functions one after the other, each called with what the one before returned.

    They are saved under their places, `0.weight`, as in PyTorch. `model[0]` is the first.

    What is wrong with an input is reported with the place of the layer that it doesn't fit.

    >>> from nn import Tanh
    >>> model = Sequential(Linear(2, 3, rng=0), Tanh(), Linear(3, 1, rng=1))
    >>> len(model([1.0, 2.0]))
    1
    >>> list(model.state_dict())
    ['0.weight', '0.bias', '2.weight', '2.bias']
    """

    def __init__(self, *layers: Callable[..., Any]) -> None:
        """See the class."""
        for place, layer in enumerate(layers):
            if not callable(layer):
                raise TypeError(f"layer {place} must be a module or a function, got {layer!r}")
        # Under their numbers, for the sake of the paths. They are no identifiers, and need not be.
        vars(self).update((str(place), layer) for place, layer in enumerate(layers))
        label_by_path(self)

    @property
    def layers(self) -> list[Callable[..., Any]]:
        """The modules and functions, in order."""
        return [layer for name, layer in vars(self).items() if name.isdigit()]

    def __len__(self) -> int:
        """Return the number of layers."""
        return len(self.layers)

    def __getitem__(self, place: int) -> Any:
        """Return a layer by its place, from the end if that is negative."""
        return self.layers[place]

    def forward(self, x: Any) -> Any:
        """Return what the last layer returns."""
        for place, layer in enumerate(self.layers):
            try:
                x = layer(x)
            except (ValueError, TypeError) as error:
                error.add_note(f"in layer {place} of Sequential")
                raise
        return x


class Residual(Module):
    """x + inner(x): the gradient finds a way around the inner layers that does not shrink it.

    inner: a module or a function whose output is of the shape of its input.

    Raises ValueError if it is not.

    Source: K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR
    (2016).

    >>> Residual(lambda x: [10.0 * item for item in x])([1.0, 2.0])
    [11.0, 22.0]
    """

    def __init__(self, inner: Callable[[Any], Any]) -> None:
        """See the class."""
        if not callable(inner):
            raise TypeError(f"inner must be a module or a function, got {inner!r}")
        self.inner = inner

    @on_lists
    def forward(self, x: Tensor) -> Tensor:
        """Return x + inner(x)."""
        change = self.inner(x)
        before, after = shape(x), shape(change)
        if before != after:
            raise ValueError(
                f"the layers inside of Residual must keep the shape, which was {before} and "
                f"is {after} after them"
            )
        return map_numbers(lambda a, b: a + b, x, change)


class Flatten(Module):
    """All dimensions from start_dim to end_dim as one; those of each example as it comes.

    Shapes: (N, *) to (N, product of *).

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
                f"{self.summary()} needs dimensions {self.start_dim} to {self.end_dim}, the input "
                f"has {count}"
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
        if not 0 <= p <= 1:
            raise ValueError(f"p must be a probability from 0 to 1, got {p!r}")
        self.p = p
        self.rng = generator(rng)

    @on_lists
    def forward(self, x: Tensor) -> Tensor:
        """Return x with some numbers dropped."""
        if not self.training or self.p == 0:
            return x
        draw = (self.rng or random).random
        scale = 1 / (1 - self.p) if self.p < 1 else 0.0
        return map_numbers(lambda item: item * scale if draw() >= self.p else item * 0.0, x)

    def extra_repr(self) -> str:
        """Return the probability."""
        return f"p={self.p}"


class Embedding(Module):
    """A table of vectors, looked up by whole numbers: y = weight[x].

    num_embeddings: how many vectors. embedding_dim: their size. padding_idx: one that starts as
    zeros and is not trained (its vectors are returned as plain numbers).

    Shapes: (*) whole numbers to (*, embedding_dim). The weight is drawn from N(0, 1).

    Raises IndexError for a number out of range, and TypeError for what is no whole number.

    >>> table = Embedding(3, 2, rng=0)
    >>> [round(v.data, 3) for v in table(1)]
    [-0.109, -0.275]
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
        self.weight = init.normal(new_parameters(num_embeddings, embedding_dim), rng=generator(rng))
        self.padding_idx = None
        if padding_idx is not None:
            self.padding_idx = self._place(padding_idx)
            init.zeros(self.weight[self.padding_idx])
        label_by_path(self)

    @on_lists
    def forward(self, x: Tensor) -> Tensor:
        """Return the vectors, in place of the numbers."""
        return map_numbers(self._vector, x)

    def _vector(self, item: object) -> list[Any]:
        place = self._place(item)
        row: list[Any] = self.weight[place]
        return [v.data for v in row] if place == self.padding_idx else list(row)

    def _place(self, item: object) -> int:
        place = whole_number(f"an index of {self.summary()}", item)
        if not 0 <= place < self.num_embeddings:
            raise IndexError(
                f"an index of {self.summary()} must be in 0..{self.num_embeddings - 1}, got {place}"
            )
        return place

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"{self.num_embeddings}, {self.embedding_dim}"
