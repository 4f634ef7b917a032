"""How to push a pendulum up: the gradient of a trajectory's cost by the torque at each step.

    omega += h (-g/l sin(theta) + u_k),   theta += h omega      (semi-implicit Euler)
    cost = 1e-3 sum of u_k^2 + (theta_T - pi)^2 + omega_T^2

A long chain of scalars, which no vector unit can shorten: what counts is what an operation costs
beyond its arithmetic.
"""

import ctypes
import math
from functools import partial
from typing import Any

import compiled
import numpy as np
import ours
from timing import Case, Run

STEPS = 200
STEP = 0.05  # s
PULL = 9.81 / 1.0  # g/l in 1/s^2


def problem() -> np.ndarray:
    return np.random.default_rng(0).normal(0.0, 1.0, STEPS)


def cost(torques: Any, sin: Any) -> Any:
    theta = omega = effort = 0.0
    for u in torques:
        omega = omega + STEP * (u - PULL * sin(theta))
        theta = theta + STEP * omega
        effort = effort + u * u
    return 1e-3 * effort + (theta - math.pi) * (theta - math.pi) + omega * omega


def reference(torques: np.ndarray, count: int) -> list[Any]:
    return list(by_hand(torques.tolist()))


def ours_(torques: np.ndarray, **options: Any) -> Run:
    from autograd_scalar import sin

    return ours.gradient(partial(cost, sin=sin), torques, **options)


def xad(torques: np.ndarray) -> Run:
    from graphs import xad_gradient
    from xad.math import sin

    return xad_gradient(partial(cost, sin=sin), torques)


def casadi(torques: np.ndarray, compile: bool) -> Run:
    import casadi as ca
    from graphs import casadi_gradient

    us = ca.SX.sym("u", STEPS)
    return casadi_gradient(cost(ca.vertsplit(us), ca.sin), us, torques, compile)


def ddx(torques: np.ndarray, compile: bool) -> Run:
    import ddx
    from graphs import ddx_gradient

    def sin(x: Any) -> Any:
        return math.sin(x) if isinstance(x, float) else ddx.sin(x)

    return ddx_gradient(partial(cost, sin=sin), torques, compile)


def hips(torques: np.ndarray) -> Run:
    import autograd.numpy as anp
    from arrays import hips_gradient

    return hips_gradient(partial(cost, sin=anp.sin), torques)


def jax(torques: np.ndarray) -> Run:
    """As a scan: written out step by step it compiles for more than three minutes."""
    from arrays import import_jax, jax_gradient

    jax = import_jax()
    jnp = jax.numpy

    def scanned(torques: Any) -> Any:
        def step(state: Any, u: Any) -> Any:
            theta, omega = state
            omega = omega + STEP * (u - PULL * jnp.sin(theta))
            return (theta + STEP * omega, omega), None

        (theta, omega), _ = jax.lax.scan(step, (0.0, 0.0), torques)
        return 1e-3 * torques @ torques + (theta - math.pi) ** 2 + omega**2

    return jax_gradient(scanned, torques)


def torch(torques: np.ndarray, compile: bool) -> Run:
    import torch
    from arrays import torch_gradient

    def unrolled(torques: Any) -> Any:
        theta = omega = torques.new_zeros(())
        for u in torques.unbind():
            omega = omega + STEP * (u - PULL * torch.sin(theta))
            theta = theta + STEP * omega
        return 1e-3 * torques @ torques + (theta - math.pi) ** 2 + omega**2

    return torch_gradient(unrolled, torques, compile)


# --- By hand --------------------------------------------------------------------------------------


def by_hand(torques: list[float]) -> tuple[float, list[float]]:
    """The cost and its gradient by the adjoint equations, backwards in time."""
    theta = omega = effort = 0.0
    slopes = []
    for u in torques:
        slopes.append(PULL * math.cos(theta))
        omega += STEP * (u - PULL * math.sin(theta))
        theta += STEP * omega
        effort += u * u
    by_theta, by_omega = 2 * (theta - math.pi), 2 * omega
    gradient = []
    for u, slope in zip(reversed(torques), reversed(slopes), strict=True):
        by_omega += STEP * by_theta
        gradient.append(2e-3 * u + STEP * by_omega)
        by_theta -= STEP * slope * by_omega
    return 1e-3 * effort + (theta - math.pi) ** 2 + omega**2, gradient[::-1]


def python(torques: np.ndarray) -> Run:
    floats = torques.tolist()
    return Run(lambda: by_hand(floats), list)


SOURCE = """
#include <math.h>

double cost(const double *restrict u, double *restrict gradient, const double *restrict settings) {
    const double step = settings[0], pull = settings[1], up = settings[2];
    double theta = 0, omega = 0, effort = 0, slope[STEPS];
    for (int k = 0; k < STEPS; k++) {
        slope[k] = pull*cos(theta);
        omega += step*(u[k] - pull*sin(theta));
        theta += step*omega;
        effort += u[k]*u[k];
    }
    double by_theta = 2*(theta - up), by_omega = 2*omega;
    for (int k = STEPS - 1; k >= 0; k--) {
        by_omega += step*by_theta;
        gradient[k] = 2e-3*u[k] + step*by_omega;
        by_theta -= step*slope[k]*by_omega;
    }
    return 1e-3*effort + (theta - up)*(theta - up) + omega*omega;
}
"""


def c(torques: np.ndarray) -> Run:
    gradient = np.empty(STEPS)
    settings = np.array([STEP, PULL, math.pi])
    function = compiled.library(SOURCE, STEPS=STEPS).cost
    call = compiled.bound(function, ctypes.c_double, torques, gradient, settings)
    return Run(call, lambda cost: [cost, gradient])


CASES = {
    "pendulum": Case(
        f"Pendulum: cost of a trajectory of {STEPS} steps and its gradient by the torques",
        problem,
        {
            **ours.variants(ours_),
            "XAD": xad,
            "CasADi": partial(casadi, compile=False),
            "CasADi, compiled C": partial(casadi, compile=True),
            "ddx": partial(ddx, compile=True),
            "ddx, interpreted": partial(ddx, compile=False),
            "HIPS autograd": hips,
            "JAX": jax,
            "PyTorch": partial(torch, compile=False),
            "PyTorch, compiled": partial(torch, compile=True),
            "Python by hand": python,
            "C by hand": c,
        },
        reference,
        left_out={"micrograd": "has no sin"},
    )
}
