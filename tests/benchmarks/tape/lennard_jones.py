"""Energy and forces of atoms that attract and repel each other (Lennard-Jones, 1924).

    E = sum over pairs of 4 (r^-12 - r^-6),   force on an atom = -dE/d(its position)

in units of the well's depth and of the distance where the potential is zero. All pairs are in it,
with no cutoff, and forces come as the gradient, without the sign.
"""

import ctypes
from functools import partial
from itertools import combinations, product
from typing import Any

import compiled
import numpy as np
import ours
from timing import Case, Run

SIDE = 4
ATOMS = SIDE**3


def problem() -> np.ndarray:
    """Coordinates x, y, z of atom after atom: a cubic lattice, disturbed."""
    lattice = np.array(list(product(range(SIDE), repeat=3))) * 1.2
    return (lattice + np.random.default_rng(0).normal(0.0, 0.05, lattice.shape)).ravel()


def of_list(x: Any) -> Any:
    atoms = [x[place : place + 3] for place in range(0, 3 * ATOMS, 3)]
    energy = 0.0
    for (xa, ya, za), (xb, yb, zb) in combinations(atoms, 2):
        dx, dy, dz = xa - xb, ya - yb, za - zb
        square = 1.0 / (dx * dx + dy * dy + dz * dz)
        sixth = square * square * square
        energy = energy + (sixth * sixth - sixth)
    return 4.0 * energy


def of_matrix(x: Any, where: Any, eye: Any) -> Any:
    """Every pair twice, as a matrix: no gradient need be scattered to where an index points."""
    squares = eye
    for place in range(3):
        coordinate = x[place::3]
        squares = squares + (coordinate[:, None] - coordinate[None, :]) ** 2
    sixth = where(eye == 0.0, 1.0 / (squares * squares * squares), 0.0)
    return 2.0 * (sixth * sixth - sixth).sum()


def by_hand(x: np.ndarray) -> list[Any]:
    atoms = x.reshape(ATOMS, 3)
    apart = atoms[:, None, :] - atoms[None, :, :]
    squares = np.einsum("ijk,ijk->ij", apart, apart)
    np.fill_diagonal(squares, np.inf)
    inverse = 1.0 / squares
    sixth = inverse * inverse * inverse
    pull = (24.0 - 48.0 * sixth) * sixth * inverse
    return [
        2.0 * (sixth * sixth - sixth).sum(),
        np.einsum("ij,ijk->ik", pull, apart).ravel(),
    ]


def micrograd(x: np.ndarray) -> Run:
    """Without the recursion limit, which a graph of 40 thousand nodes is beyond."""
    import sys
    import threading

    from graphs import micrograd_gradient

    run = micrograd_gradient(of_list, x)

    def deep() -> Any:
        result: list[Any] = []
        sys.setrecursionlimit(1_000_000)
        thread = threading.Thread(target=lambda: result.append(run.call()))
        thread.start()
        thread.join()
        return result[0]

    threading.stack_size(512 * 2**20)
    return Run(deep, list)


def xad(x: np.ndarray) -> Run:
    from graphs import xad_gradient

    return xad_gradient(of_list, x)


def casadi(x: np.ndarray, compile: bool) -> Run:
    """Its C is one function of 73 thousand lines, which -O1 has not compiled in six minutes."""
    import casadi as ca
    from graphs import casadi_gradient

    xs = ca.SX.sym("x", len(x))
    return casadi_gradient(of_list(ca.vertsplit(xs)), xs, x, compile, optimize=False)


def ddx(x: np.ndarray, compile: bool) -> Run:
    from graphs import ddx_gradient

    return ddx_gradient(of_list, x, compile)


def hips(x: np.ndarray) -> Run:
    import autograd.numpy as anp
    from arrays import hips_gradient

    return hips_gradient(partial(of_matrix, where=anp.where, eye=np.eye(ATOMS)), x)


def jax(x: np.ndarray) -> Run:
    from arrays import import_jax, jax_gradient

    where = import_jax().numpy.where
    return jax_gradient(partial(of_matrix, where=where, eye=np.eye(ATOMS)), x)


def torch(x: np.ndarray, compile: bool) -> Run:
    import torch
    from arrays import torch_gradient

    eye = torch.eye(ATOMS, dtype=torch.float64)
    return torch_gradient(partial(of_matrix, where=torch.where, eye=eye), x, compile)


def numpy(x: np.ndarray) -> Run:
    return Run(lambda: by_hand(x), list)


SOURCE = """
// Every pair twice: then a row is one loop without a write to another atom, and is vectorized.
double energy(const double *restrict x, double *restrict gradient) {
    double total = 0, xs[N], ys[N], zs[N];
    for (int i = 0; i < N; i++) xs[i] = x[3*i], ys[i] = x[3*i + 1], zs[i] = x[3*i + 2];
    for (int i = 0; i < N; i++) {
        double gx = 0, gy = 0, gz = 0;
#pragma omp simd reduction(+ : total, gx, gy, gz)
        for (int j = 0; j < N; j++) {
            const double dx = xs[i] - xs[j], dy = ys[i] - ys[j], dz = zs[i] - zs[j];
            const double square = dx*dx + dy*dy + dz*dz, inverse = i == j ? 0 : 1/square;
            const double sixth = inverse*inverse*inverse;
            const double pull = (24 - 48*sixth)*sixth*inverse;
            total += sixth*sixth - sixth;
            gx += pull*dx, gy += pull*dy, gz += pull*dz;
        }
        gradient[3*i] = gx, gradient[3*i + 1] = gy, gradient[3*i + 2] = gz;
    }
    return 2*total;
}
"""


def c(x: np.ndarray) -> Run:
    gradient = np.empty_like(x)
    function = compiled.library(SOURCE, N=ATOMS).energy
    call = compiled.bound(function, ctypes.c_double, x, gradient)
    return Run(call, lambda energy: [energy, gradient])


CASES = {
    "lennard_jones": Case(
        f"Lennard-Jones: energy and forces of {ATOMS} atoms, {ATOMS * (ATOMS - 1) // 2:,} pairs",
        problem,
        {
            **ours.variants(partial(ours.gradient, of_list)),
            "micrograd": micrograd,
            "XAD": xad,
            "CasADi": partial(casadi, compile=False),
            "CasADi, compiled C, -O0": partial(casadi, compile=True),
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
