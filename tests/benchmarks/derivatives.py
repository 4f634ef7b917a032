"""What derivatives of higher order cost, in gradients of the same function.

    python tests/benchmarks/derivatives.py [--variables 100] [--rounds 15]

For each function: its gradient in milliseconds, and as multiples of that a Jacobian-vector product
(``jvp``), a Hessian-vector product (``hvp``), a full Hessian and a Taylor series of order 10 along
a direction. Contenders take turns over several rounds; the figures are minima of CPU time.
"""

import argparse
import random
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from time import process_time
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


from autograd_scalar import dot, exp, fsum, grad, hessian, hvp, jvp, prod, sin, tanh, taylor

Function = Callable[[list[Any]], Any]


def rosenbrock(x: list[Any]) -> Any:
    """The valley: powers and products."""
    return fsum([100 * (b - a**2) ** 2 + (1 - a) ** 2 for a, b in pairwise(x)])


def elementary(x: list[Any]) -> Any:
    """One of each: products, quotients, elementary functions."""
    return fsum([tanh(a * b) + exp(-a * a) / (1 + b * b) + sin(a) * b for a, b in pairwise(x)])


def network(x: list[Any]) -> Any:
    """A layer of neurons, each a weighted sum of everything."""
    rng = random.Random(1)
    return fsum([tanh(dot(x, [rng.gauss(0, 0.2) for _ in x])) for _ in range(20)])


def speelpenning(x: list[Any]) -> Any:
    """The product of all, as one operation."""
    return prod(x)


def seconds(run: Callable[[], Any]) -> float:
    """The CPU time of one call."""
    start = process_time()
    run()
    return process_time() - start


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--variables", type=int, default=100, metavar="N")
    parser.add_argument("--rounds", type=int, default=15, metavar="N")
    arguments = parser.parse_args()
    rng = random.Random(0)
    x = [rng.uniform(-1, 1) for _ in range(arguments.variables)]
    v = [rng.uniform(-1, 1) for _ in x]
    print(f"{'':14}{'gradient':>12}{'jvp':>8}{'hvp':>8}{'Hessian':>9}{'Taylor':>8}")
    for f in (rosenbrock, elementary, network, speelpenning):
        print(f"{f.__name__:14}{in_gradients(f, x, v, arguments.rounds)}", flush=True)
    print(f"A Hessian is of {len(x)} variables. All but the gradients are in gradients.")


def in_gradients(f: Function, x: list[float], v: list[float], rounds: int) -> str:
    """The figures of one function."""
    contenders: list[Callable[[], Any]] = [
        lambda: grad(f)(x),
        lambda: jvp(f, (x,), (v,)),
        lambda: hvp(f, (x,), (v,)),
        lambda: hessian(f)(x),
        lambda: taylor(lambda t: f([a + t * b for a, b in zip(x, v, strict=True)]), 0.0, 10),
    ]
    gradient, *others = (
        min(times)
        for times in zip(
            *[[seconds(contender) for contender in contenders] for _ in range(rounds)], strict=True
        )
    )
    jvp_, hvp_, hessian_, taylor_ = (other / gradient for other in others)
    return f"{gradient * 1e3:9.2f} ms{jvp_:8.2f}{hvp_:8.2f}{hessian_:9.0f}{taylor_:8.1f}"


if __name__ == "__main__":
    main()
