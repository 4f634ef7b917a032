"""Attention: each output is a mean of vectors, weighted by how well their keys answer a query."""

import math
import random
from typing import Any

from autograd_scalar import mean, softmax
from autograd_scalar.rules import dot
from nn import init
from nn.arguments import generator, size
from nn.layers import Dropout, Linear, affine
from nn.module import Module, label_by_path
from nn.tensors import Tensor, map_numbers, on_lists, require_shape
from nn.tensors import parameters as new_parameters

Matrix = list[list[Any]]

Reach = list[tuple[int, Any]]
"""The keys that a query may attend to, each with what is added to its score; False for nothing."""


class Attention(Module):
    """softmax(Q K^T / sqrt(d)) V in several heads side by side: PyTorch's MultiheadAttention.

    Q, K and V are the query, the key and the value, each through a linear layer of its own. Each
    head takes its d = embed_dim / num_heads of their features, and all together go through
    `out_proj`.

    embed_dim: the size E of all vectors.
    num_heads: how many heads, into which it must divide.
    dropout: with what probability each weight is set to 0 while training, see `Dropout`.
    bias: False leaves the biases out.
    causal: whether a query may attend only to keys up to its own place, as in a language model.
    rng: a `random.Random`, a seed for one, or None for Python's shared generator.

    `in_proj_weight` of shape (3 * E, E) holds the weights for Q, K and V one below the other,
    `in_proj_bias` of (3 * E,) their biases. As in PyTorch the weight is drawn by Glorot's rule and
    the biases are 0.

    Called as `attention(query, key=None, value=None, mask=None)`. Without a key it is
    self-attention; without a value that is the key. The mask is of shape (T, S): where it is True
    the query must not attend to the key, and a number is added to the score.
    With `need_weights=True` it returns the output and the weights, their mean over the heads.

    Shapes: query (T, E) and key and value (S, E), to (T, E) and weights (T, S); or all of these
    with N in front. What may not be attended to is not computed.

    Raises ValueError for other shapes, for a number of heads that doesn't divide embed_dim, and for
    a query that may attend to nothing.

    Source: A. Vaswani et al., "Attention is all you need", NeurIPS (2017).

    >>> attention = Attention(2, causal=True, rng=0)
    >>> output, weights = attention([[1.0, 0.0], [0.0, 1.0]], need_weights=True)
    >>> [round(weight.data, 3) for weight in weights[1]]
    [0.453, 0.547]
    >>> weights[0][1]
    0.0
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int = 1,
        dropout: float = 0.0,
        bias: bool = True,
        *,
        causal: bool = False,
        rng: random.Random | int | None = None,
    ) -> None:
        """See the class."""
        self.embed_dim = size("embed_dim", embed_dim)
        self.num_heads = size("num_heads", num_heads)
        if embed_dim % num_heads:
            raise ValueError(
                f"embed_dim must be a multiple of num_heads, got {embed_dim} and {num_heads}"
            )
        self.causal = causal
        rng = generator(rng)
        self.in_proj_weight = new_parameters(3 * embed_dim, embed_dim)
        init.xavier_uniform(self.in_proj_weight, rng=rng)
        self.in_proj_bias = new_parameters(3 * embed_dim) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, rng=rng)
        if self.out_proj.bias is not None:
            init.zeros(self.out_proj.bias)
        self.dropout = Dropout(dropout, rng=rng)
        label_by_path(self)

    @on_lists
    def forward(
        self,
        query: Tensor,
        key: Tensor | None = None,
        value: Tensor | None = None,
        mask: Tensor | None = None,
        *,
        need_weights: bool = False,
    ) -> Any:
        """Return the output, or the output and the weights."""
        if key is None and value is not None:
            raise ValueError(f"{self.summary()} takes a value only along with a key")
        key = query if key is None else key
        value = key if value is None else value
        *batch, queries, _ = require_shape(
            query, ("T", self.embed_dim), self, "a query", batch=True
        )
        keys = require_shape(key, (*batch, "S", self.embed_dim), self, "a key")
        require_shape(value, keys, self, "a value")
        reach = self._reach(queries, keys[-2], mask)
        if not batch:
            output, weights = self._one(query, key, value, reach)
            return (output, _mean_of(weights)) if need_weights else output
        found = [self._one(*example, reach) for example in zip(query, key, value, strict=True)]
        outputs = [output for output, _ in found]
        return (outputs, [_mean_of(weights) for _, weights in found]) if need_weights else outputs

    def _reach(self, queries: int, keys: int, mask: Tensor | None) -> list[Reach]:
        """For each query the keys that it may attend to, and what is added to their scores."""
        if mask is not None:
            require_shape(mask, (queries, keys), self, "a mask")
        reach = []
        for t in range(queries):
            row = [False] * keys if mask is None else mask[t]
            if any(type(item) is int for item in row):
                raise TypeError(f"a mask of {self.summary()} holds bools or floats, got ints")
            seen = row[: t + 1] if self.causal else row
            reach.append([(s, added) for s, added in enumerate(seen) if not _forbids(added)])
            if not reach[-1]:
                raise ValueError(
                    f"a mask of {self.summary()} leaves nothing that query {t} may attend to"
                )
        return reach

    def _one(
        self, query: Matrix, key: Matrix, value: Matrix, reach: list[Reach]
    ) -> tuple[Matrix, list[Matrix]]:
        """The output of one example, and the weights of each head."""
        width = self.embed_dim // self.num_heads
        # Not the scores are divided by the root but the queries, which are mostly fewer numbers.
        root = math.sqrt(width)
        q = [[item / root for item in row] for row in self._projected(0, query)]
        k, v = self._projected(1, key), self._projected(2, value)
        joined: Matrix = [[] for _ in query]
        weights_of_heads: list[Matrix] = []
        for start in range(0, self.embed_dim, width):
            head = slice(start, start + width)
            keys = [row[head] for row in k]
            features = list(zip(*(row[head] for row in v), strict=True))
            weights_of_heads.append([[0.0] * len(key) for _ in query])
            for t, seen in enumerate(reach):
                scores = [_plus(dot(*q[t][head], *keys[s]), added) for s, added in seen]
                weights = self.dropout(softmax(scores))
                joined[t] += [dot(*weights, *(f[s] for s, _ in seen)) for f in features]
                for (s, _), weight in zip(seen, weights, strict=True):
                    weights_of_heads[-1][t][s] = weight
        return self.out_proj(joined), weights_of_heads

    def _projected(self, part: int, x: Matrix) -> Matrix:
        """The queries (part 0), keys (1) or values (2) of the rows of x."""
        rows = slice(part * self.embed_dim, (part + 1) * self.embed_dim)
        weight = self.in_proj_weight[rows]
        bias = None if self.in_proj_bias is None else self.in_proj_bias[rows]
        return [affine(weight, row, bias) for row in x]

    def extra_repr(self) -> str:
        """Return the size, the number of heads, and what is not as usual."""
        heads = f", num_heads={self.num_heads}" if self.num_heads > 1 else ""
        without = "" if self.in_proj_bias else ", bias=False"
        return f"{self.embed_dim}{heads}{without}{', causal' if self.causal else ''}"


def _forbids(added: Any) -> bool:
    return added is True or bool(added <= -math.inf)


def _plus(score: Any, added: Any) -> Any:
    return score if added is False else score + added


def _mean_of(weights: list[Matrix]) -> Matrix:
    """The mean over the heads, and the weights themselves if there is one."""
    return weights[0] if len(weights) == 1 else map_numbers(lambda *ws: mean(ws), *weights)
