"""What a node of a tape costs: nanoseconds, microseconds to record, bytes.

    python tests/benchmarks/tape/nodes.py [--sizes 1000 10000 100000 1000000]

For graphs of several shapes and sizes:

- interpreted: nanoseconds a node, forward and backward, by the interpreter, the best of many runs,
  less what the same call takes for a tape of one node, which stands in the last column;
- recorded: microseconds a node that ``jit`` takes to record a function, beyond what the function
  itself takes on Values;
- bytes: what the interpreter's program and its numbers and adjoints take, a node.

The shapes: a network of three equal layers, written operation by operation; one serial chain of
sines and products; and a graph in which every node adds or multiplies two nodes drawn from all
before it, for which each operand comes from another place in memory.
"""

import argparse
import random
from collections.abc import Callable
from functools import partial
from math import ceil, sqrt
from time import perf_counter
from typing import Any

from autograd_scalar import Value, relu
from autograd_scalar.tape.native.interpreter import Program
from autograd_scalar.tape.recording import Recording, record

Shape = tuple[Callable[[Any], Any], list[float]]


def network(size: int) -> Shape:
    """A product and a sum for each weight."""
    width = ceil(sqrt(size / 6))
    rng = random.Random(size)
    count = 3 * width * width

    def f(x: Any) -> Any:
        hidden = x[count:]
        start = 0
        for _ in range(3):
            sums = []
            for _ in range(width):
                total = hidden[0] * x[start]
                for k in range(1, width):
                    total = total + hidden[k] * x[start + k]
                start += width
                sums.append(relu(total))
            hidden = sums
        total = hidden[0]
        for number in hidden[1:]:
            total = total + number
        return total

    return f, [rng.gauss(0.0, 1.0 / width**0.5) for _ in range(count + width)]


def chain(size: int) -> Shape:
    def f(x: Any) -> Any:
        y, z = x
        for _ in range(size // 2):
            y = y * z + 0.001
        return y

    return f, [0.5, 1.0 - 1e-6]


def scattered(size: int) -> Shape:
    def f(x: Any) -> Any:
        rng = random.Random(size)
        nodes = list(x)
        for _ in range(size):
            a, b = nodes[int(rng.random() * len(nodes))], nodes[int(rng.random() * len(nodes))]
            nodes.append(a + b if rng.random() < 0.5 else a * 0.5 - b)
        total = nodes[0]
        for node in nodes[-size // 4 :]:
            total = total + node
        return total

    return f, [0.1] * 10


SHAPES = {"network": network, "chain": chain, "scattered": scattered}


def recorded(f: Callable[[Any], Any], numbers: list[float]) -> tuple[Recording, float]:
    """The recording, and the seconds that it took beyond those of the function on Values."""
    labels = [f"x{k}" for k in range(len(numbers))]
    times: list[tuple[float, float]] = []
    while sum(map(sum, times)) < 1.0 or len(times) < 3:
        start = perf_counter()
        f([Value(x) for x in numbers])
        between = perf_counter()
        recording = record(f, numbers, lambda xs: (xs,), labels)
        times.append((between - start, perf_counter() - between))
    eager, recorded = map(min, zip(*times, strict=True))
    return recording, recorded - eager


def best(call: Callable[[], Any], seconds: float = 0.5) -> float:
    times: list[float] = []
    while sum(times) < seconds or len(times) < 5:
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return min(times)


def main() -> None:
    import numpy as np

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    options = parser.parse_args()
    print(f"{'shape':10} {'nodes':>9} {'interpreted':>12} {'recorded':>9} {'bytes':>6} {'call':>8}")
    for name in options.shapes:
        for size in options.sizes:
            f, numbers = SHAPES[name](size)
            recording, seconds = recorded(f, numbers)
            nodes = len(recording.tape)
            program = Program(recording.tape)
            single = Program(record(lambda xs: xs[0] * xs[1], numbers, lambda xs: (xs,)).tape)
            inputs, gradient = np.array(numbers), np.empty(len(numbers))
            run = best(partial(program.value_and_gradient_into, inputs, gradient))
            call = best(partial(single.value_and_gradient_into, inputs, gradient))
            each = f"{1e9 * (run - call) / nodes:.2f} ns", f"{1e6 * seconds / nodes:.2f} µs"
            print(
                f"{name:10} {nodes:9,} {each[0]:>12} {each[1]:>9} {program.nbytes / nodes:6.1f} "
                f"{1e6 * call:5.2f} µs",
                flush=True,
            )
            del program, recording  # before the next ones are made


if __name__ == "__main__":
    main()
