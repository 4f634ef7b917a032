"""Ours, in the variants that every case has."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from timing import Run


def variants(contender: Callable[..., Run]) -> dict[str, Callable[[Any], Run]]:
    """A contender that hands its options on to ``jit``, with each backend."""
    return {
        "ours": partial(contender, backend="native"),
        "ours, contracted": partial(contender, backend="native", contract=True),
        "ours, Python": partial(contender, backend="python"),
    }


def gradient(f: Callable[[Any], Any], x: np.ndarray, **options: Any) -> Run:
    """A function of a sequence of numbers, and its gradient."""
    from autograd_scalar import jit

    fast = jit(f, **options)
    return Run(lambda: fast.value_and_grad(x), list)
