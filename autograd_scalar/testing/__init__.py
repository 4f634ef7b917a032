"""The kit that proves derivatives: yours, this package's, another library's.

>>> from autograd_scalar import exp
>>> from autograd_scalar.testing import check_gradients
>>> def ricker(t):
...     return (1 - t * t) * exp(-t * t / 2)
>>> check_gradients(ricker, 2.0)  # doctest: +ELLIPSIS
GradientReport of ricker
  first order: 2 comparisons, worst relative error ...
  second order: 4 comparisons, worst relative error ...

``check_gradients`` compares derivatives with differences of the function, and names the operation
that is to blame. ``numerical_gradient`` gives the differences with an error that can be relied on.
``from_pair``, ``from_torch`` and ``from_jax`` check derivatives that were not made here.
``autograd_scalar.testing.strategies`` draws numbers, operands, programs and networks for
Hypothesis, and ``autograd_scalar.testing.reference`` computes to 50 digits with mpmath.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from autograd_scalar.testing.adapters import Adapter, from_jax, from_pair, from_torch
    from autograd_scalar.testing.checking import check_gradients
    from autograd_scalar.testing.differences import Slope
    from autograd_scalar.testing.numerical import NumericalGradient, numerical_gradient
    from autograd_scalar.testing.report import Comparison, GradientReport

__all__ = [
    "Adapter",
    "Comparison",
    "GradientReport",
    "NumericalGradient",
    "Slope",
    "check_gradients",
    "from_jax",
    "from_pair",
    "from_torch",
    "numerical_gradient",
]

# Imported when asked for: pytest imports this package with the plugin, in every run.
_HOMES = {
    "adapters": ("Adapter", "from_jax", "from_pair", "from_torch"),
    "checking": ("check_gradients",),
    "differences": ("Slope",),
    "numerical": ("NumericalGradient", "numerical_gradient"),
    "report": ("Comparison", "GradientReport"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
