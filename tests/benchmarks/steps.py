"""Whole training steps of one contender, timed in a process of their own; prints JSON.

    python steps.py CONTENDER STEPS sgd|adam

Every contender runs the same program, that of micrograd's demo: only the engine is another.

A step is timed from its beginning to the moment its graph is gone. Half of the cost of a graph is
getting rid of it: reference counting frees a graph without cycles as the step returns, micrograd's
waits for the cyclic collector, which runs whenever it likes, in a later forward pass too. So the
collector stays on and the time spent in it is shown. It is CPU time, since on a busy machine the
wall clock measures the neighbours.
"""

import gc
import json
import math
import random
import sys
from collections.abc import Callable
from functools import partial
from time import process_time
from typing import Any, NamedTuple

from contenders import CONTENDERS, Engine

SIZES = (2, [16, 16, 1])
EXAMPLES = 50
LEARNING_RATE = 0.05
WARM_UP = 3  # the interpreter specialises its bytecode, the collector finds its generations' sizes


class Collector:
    """The CPU seconds that the cyclic collector has taken since this object was made."""

    def __init__(self) -> None:
        self.seconds = self.start = 0.0
        gc.callbacks.append(self)

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self.start = process_time()
        else:
            self.seconds += process_time() - self.start


class Step(NamedTuple):
    loss: float
    forward: float
    backward: float


def two_moons(count: int) -> tuple[list[list[float]], list[int]]:
    """Points of two half circles that reach into each other, and the class of each, -1 or 1."""
    rng = random.Random(1337)
    points, classes = [], []
    for i in range(count):
        y, angle = i % 2 * 2 - 1, rng.uniform(0.0, math.pi)
        x = [math.cos(angle) + (y + 1) / 2, -y * math.sin(angle) + (y + 1) / 4]
        points.append([coordinate + rng.gauss(0.0, 0.1) for coordinate in x])
        classes.append(y)
    return points, classes


def training_step(
    engine: Engine, model: Any, points: list[list[float]], ys: list[int], update: Callable[[], None]
) -> Step:
    """Move ``model`` one step down the mean hinge loss; the graph is freed on return."""
    start = process_time()
    scores = [model([engine.value(x) for x in point]) for point in points]
    losses = [(1 + -y * score).relu() for y, score in zip(ys, scores, strict=True)]
    loss = sum(losses) * (1.0 / len(losses))
    forward = process_time() - start

    model.zero_grad()

    start = process_time()
    loss.backward()
    backward = process_time() - start

    update()
    return Step(loss.data, forward, backward)


def descent(model: Any) -> None:
    for p in model.parameters():
        p.data -= LEARNING_RATE * p.grad


def measure(name: str, count: int, optimizer: str) -> dict[str, Any]:
    """The times in seconds of ``count`` steps, and the losses and gradients for comparison."""
    engine = CONTENDERS[name]()
    random.seed(1337)
    model = engine.mlp(*SIZES)
    points, ys = two_moons(EXAMPLES)
    if optimizer == "adam":
        update = engine.adam(model.parameters(), lr=0.01).step
    else:
        update = partial(descent, model)
    collector = Collector()
    result: dict[str, Any] = {
        key: [] for key in ("total", "forward", "backward", "collector", "losses")
    }
    for turn in range(WARM_UP + count):
        collected, start = collector.seconds, process_time()
        step = training_step(engine, model, points, ys, update)
        total = process_time() - start
        result["losses"].append(step.loss)
        if turn >= WARM_UP:
            result["total"].append(total)
            result["forward"].append(step.forward)
            result["backward"].append(step.backward)
            result["collector"].append(collector.seconds - collected)
    result["gradients"] = [p.grad for p in model.parameters()]
    return result


if __name__ == "__main__":
    json.dump(measure(sys.argv[1], int(sys.argv[2]), sys.argv[3]), sys.stdout)
