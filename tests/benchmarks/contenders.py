"""Who runs: a `Value` and an `MLP` each, under the names and with the arguments of micrograd's.

An engine is imported only when it is asked for, in the process that measures it, so that nobody's
garbage collector walks through another's modules.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any, NamedTuple


class Engine(NamedTuple):
    """What the measured program is written in."""

    value: Callable[..., Any]
    mlp: Callable[..., Any]
    adam: Callable[..., Any]


class PlainAdam:
    """Adam as one writes it for an engine that comes without: micrograd's own loop moves by SGD."""

    def __init__(self, parameters: Sequence[Any], lr: float) -> None:
        self.parameters = parameters
        self.lr = lr
        self.first = [0.0] * len(parameters)
        self.second = [0.0] * len(parameters)
        self.steps = 0

    def step(self) -> None:
        self.steps += 1
        rate = self.lr / (1 - 0.9**self.steps)
        root = math.sqrt(1 - 0.999**self.steps)
        for i, p in enumerate(self.parameters):
            self.first[i] += (1 - 0.9) * (p.grad - self.first[i])
            self.second[i] = 0.999 * self.second[i] + (1 - 0.999) * p.grad * p.grad
            p.data -= rate * self.first[i] / (math.sqrt(self.second[i]) / root + 1e-8)


def micrograd() -> Engine:
    from micrograd.engine import Value
    from micrograd.nn import MLP

    return Engine(Value, MLP, PlainAdam)


def minimal() -> Engine:
    from minimal import MLP, Value

    return Engine(Value, MLP, PlainAdam)


def op_by_op() -> Engine:
    from autograd_scalar import Value
    from nn import MLP, Adam

    return Engine(Value, partial(MLP, fused=False), Adam)


def fused() -> Engine:
    from autograd_scalar import Value
    from nn import MLP, Adam

    return Engine(Value, MLP, Adam)


CONTENDERS: dict[str, Callable[[], Engine]] = {
    "micrograd": micrograd,
    "minimal": minimal,
    "ours, op by op": op_by_op,
    "ours, fused": fused,
}


def present() -> list[str]:
    """The names of those that can run here: micrograd may not be installed."""
    return [name for name in CONTENDERS if name != "micrograd" or find_spec("micrograd")]
