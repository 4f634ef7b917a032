"""Recurrent cells: layers with a state, called once for every step of a sequence.

A cell maps an input and its state to its next state. `unroll` runs one over a whole sequence, and
the graph then goes back through all the steps: backpropagation through time.
"""

import math
import random
from collections.abc import Callable, Iterable
from typing import Any

from autograd_scalar import Value, relu, sigmoid, tanh
from autograd_scalar.rules import dot
from nn import init
from nn.activations import of_any_number
from nn.arguments import generator, known, size
from nn.layers import affine
from nn.module import Module, label_by_path
from nn.tensors import Tensor, described, map_numbers, on_lists, require_shape
from nn.tensors import parameters as new_parameters

Vector = list[Any]

_sigmoid, _tanh = of_any_number(sigmoid), of_any_number(tanh)
NONLINEARITIES = {"relu": of_any_number(relu), "tanh": _tanh}
"""What `RNNCell` takes for its nonlinearity, by name."""


class Cell(Module):
    """Base of the recurrent cells: their parameters, their initial state, and the batch.

    `weight_ih` is of shape (gates * hidden_size, input_size), `weight_hh` of
    (gates * hidden_size, hidden_size), `bias_ih` and `bias_hh` of (gates * hidden_size,) or None.
    All are drawn from U(-k, k), k = 1 / sqrt(hidden_size). Names and order of the gates are
    PyTorch's.
    """

    gates: int

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        rng: random.Random | int | None = None,
    ) -> None:
        """See the class."""
        self.input_size = size("input_size", input_size)
        self.hidden_size = size("hidden_size", hidden_size)
        rows = self.gates * hidden_size
        self.weight_ih = new_parameters(rows, input_size)
        self.weight_hh = new_parameters(rows, hidden_size)
        self.bias_ih = new_parameters(rows) if bias else None
        self.bias_hh = new_parameters(rows) if bias else None
        rng = generator(rng)
        bound = 1 / math.sqrt(hidden_size)
        for tensor in filter(None, (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)):
            init.uniform(tensor, -bound, bound, rng=rng)
        label_by_path(self)

    def _run(self, step: Callable[..., Any], x: Tensor, *states: Tensor | None) -> Any:
        """What `step` returns for x and each state, for one example or for each of a batch."""
        *batch, _ = require_shape(x, (self.input_size,), self, batch=True)
        for state in states:
            if state is not None:
                require_shape(state, (*batch, self.hidden_size), self, "a state")
        if not batch:
            return step(x, *(self._zeros() if state is None else state for state in states))
        rows = ([self._zeros()] * len(x) if state is None else state for state in states)
        return [step(*row) for row in zip(x, *rows, strict=True)]

    def _zeros(self) -> Vector:
        return [0.0] * self.hidden_size

    def _of_input(self, x: Vector) -> Vector:
        """W_ih x + b_ih, of all the gates."""
        return affine(self.weight_ih, x, self.bias_ih)

    def _of_state(self, h: Vector) -> Vector:
        """W_hh h + b_hh, of all the gates."""
        return affine(self.weight_hh, h, self.bias_hh)

    def _split(self, x: Vector) -> list[Vector]:
        """The numbers of each gate."""
        n = self.hidden_size
        return [x[start : start + n] for start in range(0, len(x), n)]

    def extra_repr(self) -> str:
        """Return the sizes."""
        without = "" if self.bias_ih else ", bias=False"
        return f"{self.input_size} -> {self.hidden_size}{without}"


class RNNCell(Cell):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), Elman's network.

    input_size, hidden_size: the sizes of x and h.
    bias: False leaves b_ih and b_hh out.
    nonlinearity: "tanh" or "relu".
    rng: a `random.Random`, a seed for one, or None for Python's shared generator.

    Parameters and their initial numbers as of `Cell`, with one gate.

    Shapes: x (input_size,) or (N, input_size), h (hidden_size,) or (N, hidden_size); without h it
    is zeros. Returns h'.

    Raises ValueError for other shapes and for an unknown nonlinearity.

    Source: J. Elman, "Finding structure in time", Cognitive Science 14 (1990).

    >>> cell = RNNCell(2, 3, rng=0)
    >>> h = cell([1.0, 2.0])
    >>> [round(v.data, 3) for v in cell([0.5, -1.0], h)]
    [0.16, 0.881, 0.343]
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        rng: random.Random | int | None = None,
    ) -> None:
        """See the class."""
        self.nonlinearity = known("nonlinearity", nonlinearity, NONLINEARITIES)
        super().__init__(input_size, hidden_size, bias, rng=rng)

    @on_lists
    def forward(self, x: Tensor, hx: Tensor | None = None) -> Tensor:
        """Return the next state."""
        return self._run(self._step, x, hx)

    def _step(self, x: Vector, h: Vector) -> Vector:
        activation = NONLINEARITIES[self.nonlinearity]
        of_both = zip(self._of_input(x), self._of_state(h), strict=True)
        return [activation(a + b) for a, b in of_both]

    def extra_repr(self) -> str:
        """Return the sizes and the nonlinearity."""
        return f"{super().extra_repr()}, {self.nonlinearity}"


class LSTMCell(Cell):
    """Long short-term memory: a state c that is added to, not multiplied, from step to step.

    i, f, g, o = sigmoid, sigmoid, tanh, sigmoid of the four parts of W_ih x + b_ih + W_hh h + b_hh;
    c' = f * c + i * g; h' = o * tanh(c').

    input_size, hidden_size: the sizes of x, and of h and c.
    bias, rng: as of `RNNCell`. Parameters and their initial numbers as of `Cell`, with four gates.

    Shapes: x (input_size,) or (N, input_size), hx a pair (h, c), each (hidden_size,) or
    (N, hidden_size); without hx they are zeros. Returns (h', c').

    Raises ValueError for other shapes, TypeError for a state that is no pair.

    Source: S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural Computation 9 (1997);
    with the forget gate of F. Gers, J. Schmidhuber, F. Cummins, "Learning to forget: continual
    prediction with LSTM", Neural Computation 12 (2000).

    >>> cell = LSTMCell(2, 1, rng=0)
    >>> h, c = cell([1.0, 2.0])
    >>> h, c = cell([0.5, -1.0], (h, c))
    >>> round(h[0].data, 3), round(c[0].data, 3)
    (0.492, 0.821)
    """

    gates = 4

    @on_lists
    def forward(self, x: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """Return the next h and c."""
        if hx is not None and not (isinstance(hx, (list, tuple)) and len(hx) == 2):
            raise TypeError(
                f"{self.summary()} takes a pair (h, c) for its state, got {type(hx).__name__}"
            )
        h, c = hx or (None, None)
        after = self._run(self._step, x, h, c)
        if isinstance(after, tuple):
            return after
        return [h for h, _ in after], [c for _, c in after]

    def _step(self, x: Vector, h: Vector, c: Vector) -> tuple[Vector, Vector]:
        of_both = zip(self._of_input(x), self._of_state(h), strict=True)
        gates = self._split([a + b for a, b in of_both])
        after_h, after_c = [], []
        for i, f, g, o, before in zip(*gates, c, strict=True):
            memory = dot(_sigmoid(f), _sigmoid(i), before, _tanh(g))
            after_c.append(memory)
            after_h.append(_sigmoid(o) * _tanh(memory))
        return after_h, after_c


class GRUCell(Cell):
    """The gated recurrent unit: a state that is partly kept and partly replaced.

    r = sigmoid(W_ir x + b_ir + W_hr h + b_hr), z the same with its own weights;
    n = tanh(W_in x + b_in + r * (W_hn h + b_hn)); h' = (1 - z) * n + z * h.

    input_size, hidden_size: the sizes of x and h.
    bias, rng: as of `RNNCell`. Parameters and their initial numbers as of `Cell`, with the three
    gates r, z, n.

    Shapes: x (input_size,) or (N, input_size), h (hidden_size,) or (N, hidden_size); without h it
    is zeros. Returns h'.

    Raises ValueError for other shapes.

    Source: K. Cho et al., "Learning phrase representations using RNN encoder-decoder for
    statistical machine translation", EMNLP (2014).

    >>> cell = GRUCell(2, 1, rng=0)
    >>> h = cell([1.0, 2.0])
    >>> round(cell([0.5, -1.0], h)[0].data, 3)
    -0.016
    """

    gates = 3

    @on_lists
    def forward(self, x: Tensor, hx: Tensor | None = None) -> Tensor:
        """Return the next state."""
        return self._run(self._step, x, hx)

    def _step(self, x: Vector, h: Vector) -> Vector:
        of_input, of_state = self._split(self._of_input(x)), self._split(self._of_state(h))
        after = []
        for x_r, x_z, x_n, h_r, h_z, h_n, before in zip(*of_input, *of_state, h, strict=True):
            r, z = _sigmoid(x_r + h_r), _sigmoid(x_z + h_z)
            n = _tanh(x_n + r * h_n)
            after.append(n + z * (before - n))
        return after


def unroll(
    cell: Callable[[Any, Any], Any],
    inputs: Iterable[Any],
    state: Any = None,
    *,
    truncate: int | None = None,
) -> tuple[list[Any], Any]:
    """Return the outputs of a cell at each step of a sequence, and its last state.

    cell: called with an input and the state, it returns the next state, which is its output; or a
        tuple as that of `LSTMCell`, the first of which is.
    inputs: one for each step, of shape (T, input_size) or (T, N, input_size).
    state: the one to begin with; with None the cell begins with its own.
    truncate: let no gradient flow further back than to the last step that is a multiple of it;
        backpropagation through time is then truncated, as long sequences need. The numbers are the
        same with and without.

    Raises ValueError for a sequence without steps, and for a truncate below 1.

    Source: P. Werbos, "Backpropagation through time: what it does and how to do it", Proceedings of
    the IEEE 78 (1990).

    >>> cell = RNNCell(1, 1, rng=0)
    >>> outputs, last = unroll(cell, [[1.0], [0.0], [-1.0]])
    >>> len(outputs), outputs[-1] is last
    (3, True)
    """
    if truncate is not None:
        size("truncate", truncate)
    outputs = []
    for step, x in enumerate(inputs):
        if truncate is not None and step > 0 and step % truncate == 0:
            state = _detached(state)
        state = cell(x, state)
        outputs.append(state[0] if isinstance(state, tuple) else state)
    if not outputs:
        raise ValueError(f"unroll needs at least one input for {described(cell)}, got none")
    return outputs, state


def _detached(state: Any) -> Any:
    """The state as leaves of their own; a tuple of tensors stays a tuple."""
    if isinstance(state, tuple):
        return tuple(map(_detached, state))
    return map_numbers(lambda x: x.detach() if isinstance(x, Value) else x, state)
