"""What the sweeps over the rules table share."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import settings

from autograd_scalar import Value
from autograd_scalar.primitives import Primitive
from tests.strategies import PRIMITIVES

SEED = -2.5  # an upstream gradient that a rule can't forget unnoticed; a product with it is exact

sweep = pytest.mark.parametrize("primitive", PRIMITIVES, ids=lambda p: p.__name__)


def examples(count: int) -> settings:
    """The same examples in every run, and no time limit: machines differ."""
    return settings(max_examples=count, derandomize=True, deadline=None)


def rule(primitive: Primitive, g: Any, y: Any, *xs: Any) -> list[Any]:
    """The contributions, computed on whatever numbers these are."""
    if primitive.variadic:
        return list(primitive.derivatives[0](g, y, *xs))
    return [derivative(g, y, *xs) for derivative in primitive.derivatives]


def gradients(primitive: Primitive, xs: Sequence[float], seed: float = SEED) -> list[float]:
    """What backward gives to each operand, all of them Values."""
    values = [Value(x) for x in xs]
    primitive(*values).backward(seed)
    return [value.grad for value in values]


def same(a: float, b: float) -> bool:
    """Equal to the bit, but for the sign of zero; nan is the same as nan."""
    return a == b or (math.isnan(a) and math.isnan(b))
