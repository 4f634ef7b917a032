"""Who runs: a `Value` and an `MLP` each, under the names and with the arguments of micrograd's.

An engine is imported only when it is asked for, in the process that measures it, so that nobody's
garbage collector walks through another's modules.
"""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any, NamedTuple


class Engine(NamedTuple):
    """What the measured program is written in."""

    value: Callable[..., Any]
    mlp: Callable[..., Any]


def micrograd() -> Engine:
    from micrograd.engine import Value
    from micrograd.nn import MLP

    return Engine(Value, MLP)


def minimal() -> Engine:
    from minimal import MLP, Value

    return Engine(Value, MLP)


def op_by_op() -> Engine:
    from autograd_scalar import Value
    from nn import MLP

    return Engine(Value, partial(MLP, fused=False))


def fused() -> Engine:
    from autograd_scalar import Value
    from nn import MLP

    return Engine(Value, MLP)


CONTENDERS: dict[str, Callable[[], Engine]] = {
    "micrograd": micrograd,
    "minimal": minimal,
    "ours, op by op": op_by_op,
    "ours, fused": fused,
}


def present() -> list[str]:
    """The names of those that can run here: micrograd may not be installed."""
    return [name for name in CONTENDERS if name != "micrograd" or find_spec("micrograd")]
