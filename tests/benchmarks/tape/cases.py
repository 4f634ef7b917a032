"""The cases by name, each in a file that is imported only for it."""

from importlib import import_module

from timing import Case

FILES = {
    "mlp16": "mlp",
    "mlp64": "mlp",
    "mlp16_single": "mlp",
    "black_scholes": "black_scholes",
    "pendulum": "pendulum",
    "rosenbrock": "rosenbrock",
    "rosenbrock_hessian": "rosenbrock",
    "overhead": "overhead",
    "lennard_jones": "lennard_jones",
    "transformer": "transformer",
}


def load(name: str) -> Case:
    """The case of that name."""
    cases: dict[str, Case] = import_module(FILES[name]).CASES
    return cases[name]
