"""Rosenbrock's valley (1960) in 100 dimensions: value and gradient, and the Hessian.

    f(x) = sum over k of 100 (x_{k+1} - x_k^2)^2 + (1 - x_k)^2

The Hessian is tridiagonal, which libraries that colour its pattern find out; all are asked for the
dense matrix.
"""

import ctypes
from functools import partial
from itertools import pairwise
from typing import Any

import compiled
import numpy as np
import ours
from timing import Case, Run

DIMENSIONS = 100


def problem() -> np.ndarray:
    return np.random.default_rng(0).normal(0.0, 1.0, DIMENSIONS)


def of_list(x: Any) -> Any:
    total = 0.0
    for a, b in pairwise(x):
        valley, slope = b - a * a, 1.0 - a
        total = total + (100.0 * (valley * valley) + slope * slope)
    return total


def of_array(x: Any) -> Any:
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


# --- The gradient ---------------------------------------------------------------------------------


def gradient_by_hand(x: np.ndarray) -> list[Any]:
    valley, slope = x[1:] - x[:-1] ** 2, 1.0 - x[:-1]
    gradient = np.zeros_like(x)
    gradient[:-1] = -400.0 * x[:-1] * valley - 2.0 * slope
    gradient[1:] += 200.0 * valley
    return [100.0 * (valley @ valley) + slope @ slope, gradient]


def micrograd(x: np.ndarray) -> Run:
    from graphs import micrograd_gradient

    return micrograd_gradient(of_list, x)


def xad(x: np.ndarray) -> Run:
    from graphs import xad_gradient

    return xad_gradient(of_list, x)


def casadi(x: np.ndarray, compile: bool) -> Run:
    import casadi as ca
    from graphs import casadi_gradient

    xs = ca.SX.sym("x", len(x))
    return casadi_gradient(of_list(ca.vertsplit(xs)), xs, x, compile)


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
    return Run(lambda: gradient_by_hand(x), list)


SOURCE = """
double value_and_gradient(const double *restrict x, double *restrict gradient) {
    double total = 0;
    gradient[0] = 0;
    for (int k = 0; k < N - 1; k++) {
        const double valley = x[k + 1] - x[k]*x[k], slope = 1 - x[k];
        total += 100*valley*valley + slope*slope;
        gradient[k] -= 400*x[k]*valley + 2*slope;
        gradient[k + 1] = 200*valley;
    }
    return total;
}

void hessian(const double *restrict x, double *restrict matrix) {
    for (int k = 0; k < N*N; k++) matrix[k] = 0;
    for (int k = 0; k < N - 1; k++) {
        matrix[k*(N + 1)] += 1200*x[k]*x[k] - 400*x[k + 1] + 2;
        matrix[k*(N + 1) + 1] = matrix[(k + 1)*(N + 1) - 1] = -400*x[k];
        matrix[(k + 1)*(N + 1)] += 200;
    }
}
"""


def c(x: np.ndarray) -> Run:
    gradient = np.empty_like(x)
    function = compiled.library(SOURCE, N=len(x)).value_and_gradient
    call = compiled.bound(function, ctypes.c_double, x, gradient)
    return Run(call, lambda value: [value, gradient])


# --- The Hessian ----------------------------------------------------------------------------------


def hessian_by_hand(x: np.ndarray) -> np.ndarray:
    diagonal = np.zeros_like(x)
    diagonal[:-1] = 1200.0 * x[:-1] ** 2 - 400.0 * x[1:] + 2.0
    diagonal[1:] += 200.0
    aside = -400.0 * x[:-1]
    return np.diag(diagonal) + np.diag(aside, 1) + np.diag(aside, -1)


def _only(matrix: Any) -> list[Any]:
    return [matrix]


def ours_hessian(x: np.ndarray, **options: Any) -> Run:
    from autograd_scalar import jit

    fast = jit(of_list, **options)
    return Run(lambda: fast.hessian(x), _only)


def casadi_hessian(x: np.ndarray, compile: bool) -> Run:
    import casadi as ca
    from graphs import casadi_in_place, casadi_options

    xs = ca.SX.sym("x", len(x))
    matrix, _ = ca.hessian(of_list(ca.vertsplit(xs)), xs)
    function = ca.Function("hessian", [xs], [ca.densify(matrix)], casadi_options(compile))
    result = np.empty((len(x), len(x)))
    return Run(casadi_in_place(function, [x], [result]), lambda _: [result])


def ddx_hessian(x: np.ndarray, compile: bool) -> Run:
    import ddx
    from graphs import ddx_options

    model = ddx.equation(lambda: of_list([ddx.var(f"x{k}") for k in range(len(x))]))
    model.options = ddx_options(compile)
    place = np.argsort([int(name[1:]) for name in model.symbols])
    call = model.buffer(x[np.argsort(place)], want=ddx.Want.HESSIAN)
    return Run(call, lambda _: [call.hessian[np.ix_(place, place)]])


def hips_hessian(x: np.ndarray) -> Run:
    from autograd import hessian

    of = hessian(of_array)
    return Run(lambda: of(x), _only)


def jax_hessian(x: np.ndarray) -> Run:
    from arrays import import_jax, jax_function

    return jax_function(import_jax().hessian(of_array), x)


def torch_hessian(x: np.ndarray, compile: bool) -> Run:
    import torch

    of = torch.func.hessian(of_array)
    function = torch.compile(of, dynamic=False) if compile else of
    on_device = torch.from_numpy(x)
    return Run(lambda: function(on_device), _only)


def c_hessian(x: np.ndarray) -> Run:
    matrix = np.empty((len(x), len(x)))
    function = compiled.library(SOURCE, N=len(x)).hessian
    return Run(compiled.bound(function, None, x, matrix), lambda _: [matrix])


CASES = {
    "rosenbrock": Case(
        f"Rosenbrock's function in {DIMENSIONS} dimensions: value and gradient",
        problem,
        {
            **ours.variants(partial(ours.gradient, of_list)),
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
        lambda x, count: gradient_by_hand(x),
    ),
    "rosenbrock_hessian": Case(
        f"Rosenbrock's function in {DIMENSIONS} dimensions: the Hessian",
        problem,
        {
            **ours.variants(ours_hessian),
            "CasADi": partial(casadi_hessian, compile=False),
            "CasADi, compiled C": partial(casadi_hessian, compile=True),
            "ddx": partial(ddx_hessian, compile=True),
            "ddx, interpreted": partial(ddx_hessian, compile=False),
            "HIPS autograd": hips_hessian,
            "JAX": jax_hessian,
            "PyTorch": partial(torch_hessian, compile=False),
            "PyTorch, compiled": partial(torch_hessian, compile=True),
            "NumPy by hand": lambda x: Run(lambda: hessian_by_hand(x), _only),
            "C by hand": c_hessian,
        },
        lambda x, count: [hessian_by_hand(x)],
        left_out={
            "micrograd": "has no second derivative",
            "XAD": "its Python package has no second derivative",
        },
    ),
}
