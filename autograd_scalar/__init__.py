"""A scalar reverse-mode automatic differentiation engine.

A ``Value`` is a number that remembers how it was computed; ``backward`` gives the exact derivative
of one number with respect to all the others.

>>> from autograd_scalar import Value, tanh
>>> w, x, b = Value(2.0), Value(0.5), Value(-1.0)
>>> y = tanh(w * x + b)
>>> y.backward()
>>> w.grad, x.grad, b.grad
(0.5, 2.0, 1.0)
"""

from autograd_scalar import functions
from autograd_scalar.anomaly import detect_anomaly
from autograd_scalar.draw import draw, snapshot
from autograd_scalar.draw.animate import animate
from autograd_scalar.draw.explore import explore
from autograd_scalar.draw.tree import tree
from autograd_scalar.functions import *  # noqa: F403
from autograd_scalar.modes import no_grad
from autograd_scalar.primitives import primitive
from autograd_scalar.scopes import scope
from autograd_scalar.sweeps import gradients
from autograd_scalar.tape import jit
from autograd_scalar.transforms import (
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    taylor,
    value_and_grad,
    vjp,
)
from autograd_scalar.value import Value

__version__ = "0.1.0"

__all__ = [
    "Value",
    "animate",
    "detect_anomaly",
    "draw",
    "explore",
    "grad",
    "gradients",
    "hessian",
    "hvp",
    "jacobian",
    "jit",
    "jvp",
    "no_grad",
    "primitive",
    "scope",
    "snapshot",
    "taylor",
    "tree",
    "value_and_grad",
    "vjp",
    *functions.__all__,
]
