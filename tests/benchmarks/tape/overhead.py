"""What a call costs when there is next to nothing to compute: the gradient of ten squares' sum."""

import ctypes
from functools import partial
from typing import Any

import compiled
import numpy as np
import ours
from timing import Case, Run

INPUTS = 10


def problem() -> np.ndarray:
    return np.random.default_rng(0).normal(0.0, 1.0, INPUTS)


def of_list(x: Any) -> Any:
    first, *others = x
    total = first * first
    for number in others:
        total = total + number * number
    return total


def of_array(x: Any) -> Any:
    return (x * x).sum()


def by_hand(x: np.ndarray) -> list[Any]:
    return [x @ x, 2.0 * x]


def ours_of_floats(x: np.ndarray, **options: Any) -> Run:
    """From a list of floats to a list of floats, as who has no arrays calls it."""
    return ours.gradient(of_list, x.tolist(), **options)


def micrograd(x: np.ndarray) -> Run:
    from graphs import micrograd_gradient

    return micrograd_gradient(of_list, x)


def xad(x: np.ndarray) -> Run:
    from graphs import xad_gradient

    return xad_gradient(of_list, x)


def casadi(x: np.ndarray, compile: bool) -> Run:
    import casadi as ca
    from graphs import casadi_gradient

    xs = ca.SX.sym("x", INPUTS)
    return casadi_gradient(ca.sumsqr(xs), xs, x, compile)


def ddx(x: np.ndarray, compile: bool) -> Run:
    from graphs import ddx_gradient

    return ddx_gradient(of_list, x, compile)


def hips(x: np.ndarray) -> Run:
    from arrays import hips_gradient

    return hips_gradient(of_array, x)


def jax(x: np.ndarray) -> Run:
    from arrays import jax_gradient

    return jax_gradient(of_array, x)


def torch(x: np.ndarray, compile: bool) -> Run:
    from arrays import torch_gradient

    return torch_gradient(of_array, x, compile)


def numpy(x: np.ndarray) -> Run:
    return Run(lambda: by_hand(x), list)


SOURCE = """
double value_and_gradient(const double *restrict x, double *restrict gradient) {
    double total = 0;
    for (int k = 0; k < N; k++) {
        total += x[k]*x[k];
        gradient[k] = 2*x[k];
    }
    return total;
}
"""


def c(x: np.ndarray) -> Run:
    gradient = np.empty_like(x)
    function = compiled.library(SOURCE, N=len(x)).value_and_gradient
    call = compiled.bound(function, ctypes.c_double, x, gradient)
    return Run(call, lambda value: [value, gradient])


CASES = {
    "overhead": Case(
        f"What a call costs: a sum of {INPUTS} squares, value and gradient",
        problem,
        {
            **ours.variants(partial(ours.gradient, of_list)),
            "ours, of floats": partial(ours_of_floats, backend="native"),
            "micrograd": micrograd,
            "XAD": xad,
            "CasADi": partial(casadi, compile=False),
            "CasADi, compiled C": partial(casadi, compile=True),
            "ddx": partial(ddx, compile=True),
            "ddx, interpreted": partial(ddx, compile=False),
            "HIPS autograd": hips,
            "JAX": jax,
            "PyTorch": partial(torch, compile=False),
            "PyTorch, compiled": partial(torch, compile=True),
            "NumPy by hand": numpy,
            "C by hand": c,
        },
        lambda x, count: by_hand(x),
    )
}
