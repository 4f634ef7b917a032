"""Random functions with decisions in them: if, while, for, min, sorted, assert, where.

A function is a list of statements that change a list of numbers, the variables. It runs on numbers
of any kind, as a user's function does.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any

from autograd_scalar import exp, log, relu, sin, sqrt, tanh, where

Numbers = list[Any]
Statement = Callable[[Numbers], None]

UNARY: list[Callable[[Any], Any]] = [
    tanh,
    sin,
    relu,
    lambda x: sqrt(1.0 + x * x),
    lambda x: log(1.0 + x * x),
    lambda x: exp(-x * x),
    abs,
    lambda x: 0.5 * x,
    lambda x: 1.0 - x,
]
BINARY: list[Callable[[Any, Any], Any]] = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: a / (1.0 + b * b),
    lambda a, b: where(a < b, a * a, b),
    lambda a, b: max(a, b) - 0.5 * min(a, b),
]


def random_function(seed: int) -> Callable[..., Any]:
    """A function of three numbers, the same for the same seed."""
    rng = random.Random(seed)
    statements = [_statement(rng, 3) for _ in range(rng.randint(2, 5))]

    def function(*numbers: Any) -> Any:
        variables = list(numbers)
        for statement in statements:
            statement(variables)
        total = variables[0]
        for variable in variables[1:]:
            total = total + variable
        return total

    return function


def _statement(rng: random.Random, depth: int) -> Statement:
    kind = rng.randrange(9 if depth else 4)
    if kind < 4:
        return _assignment(rng)
    if kind == 4:
        return _choice(rng, depth)
    if kind == 5:
        return _while(rng, depth)
    if kind == 6:
        return _for(rng, depth)
    if kind == 7:
        return _sorted
    return _early_exit(rng, depth)


def _assignment(rng: random.Random) -> Statement:
    target, a, b = (rng.randrange(3) for _ in range(3))
    if rng.random() < 0.5:
        unary = rng.choice(UNARY)

        def assign(v: Numbers) -> None:
            v[target] = unary(v[a])
    else:
        binary = rng.choice(BINARY)

        def assign(v: Numbers) -> None:
            v[target] = binary(v[a], v[b])

    return assign


def _block(rng: random.Random, depth: int) -> Statement:
    statements = [_statement(rng, depth - 1) for _ in range(rng.randint(1, 2))]

    def run(v: Numbers) -> None:
        for statement in statements:
            statement(v)

    return run


def _condition(rng: random.Random) -> Callable[[Numbers], Any]:
    a, b = rng.sample(range(3), 2)
    threshold = round(rng.uniform(-1, 1), 2)
    return rng.choice(
        [
            lambda v: v[a] < v[b],
            lambda v: v[a] > threshold,
            lambda v: threshold <= v[a],
            lambda v: v[a] * v[b] >= 0.1,
            lambda v: v[a] > threshold and v[b] > threshold,
            lambda v: not (v[a] > 0.0 or v[b] > 0.0),
            lambda v: sum(x > threshold for x in v) >= 2,
        ]
    )


def _choice(rng: random.Random, depth: int) -> Statement:
    condition, then, otherwise = _condition(rng), _block(rng, depth), _block(rng, depth)

    def run(v: Numbers) -> None:
        if condition(v):
            then(v)
        else:
            otherwise(v)

    return run


def _while(rng: random.Random, depth: int) -> Statement:
    """Halves until small enough: how often depends on the number."""
    target = rng.randrange(3)
    limit = rng.choice([0.3, 0.7, 1.5])
    block = _block(rng, depth) if rng.random() < 0.3 else None

    def run(v: Numbers) -> None:
        rounds = 0
        while abs(v[target]) > limit and rounds < 12:
            v[target] = 0.6 * v[target]
            rounds += 1
        if block is not None and rounds % 2:
            block(v)

    return run


def _for(rng: random.Random, depth: int) -> Statement:
    count, block = rng.randint(1, 3), _block(rng, depth)

    def run(v: Numbers) -> None:
        for _ in range(count):
            block(v)

    return run


def _sorted(v: Numbers) -> None:
    v[:] = sorted(v, key=lambda x: x)


def _early_exit(rng: random.Random, depth: int) -> Statement:
    condition, block = _condition(rng), _block(rng, depth)

    def run(v: Numbers) -> None:
        for _ in range(3):
            if condition(v):
                break
            block(v)

    return run


def inputs(seed: int, count: int) -> list[Sequence[float]]:
    """Fresh arguments, whole numbers now and then, so that comparisons tie."""
    rng = random.Random(seed)
    found = []
    for _ in range(count):
        numbers = [rng.uniform(-3, 3) for _ in range(3)]
        if rng.random() < 0.2:
            numbers = [float(round(x)) for x in numbers]
        found.append(tuple(numbers))
    return found
