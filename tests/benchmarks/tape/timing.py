"""What is measured, and the clock."""

import gc
from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

Answers = Sequence[Any]


class Run(NamedTuple):
    """A contender that is ready to be called."""

    call: Callable[[], Any]
    """What is timed: from its numbers, in the container it likes best, to its answers in memory."""

    answers: Callable[[Any], Answers]
    """From what ``call`` gave to arrays, one for each kind of answer, the same for everyone."""

    count: int | None = None
    """Of a case's many units, how many it takes in a call; None for all of them."""


class Case(NamedTuple):
    """Something to compute, and everyone who computes it."""

    title: str
    problem: Callable[[], Any]
    contenders: dict[str, Callable[[Any], Run]]
    reference: Callable[[Any, int], Answers]
    """The answers to the first so many units, by hand in NumPy."""

    unit: str = "call"
    count: int = 1
    left_out: dict[str, str] = {}  # noqa: RUF012 - who cannot, and why; never written to
    cold: bool = False
    """A unit is one call and all are timed once, together with the start of the process."""


class Measurement(NamedTuple):
    seconds: float
    """For all units of the case."""

    first: float
    """Until the first answer: importing, recording and compiling included."""

    count: int
    answers: list[list[float]]


SHOWN = 10_000  # of each kind of answer so many are compared, from the first


def measure(contender: Callable[[Any], Run], case: Case, seconds: float) -> Measurement:
    """The median over at least three calls, repeated for about so many ``seconds``."""
    problem = case.problem()
    start = perf_counter()
    run = contender(problem)
    result = run.call()
    first = perf_counter() - start
    answers = _plain(run.answers(result))

    once = _repeated(run.call, 1)
    calls = max(1, int(5e-4 / once))  # so many that looking at the clock costs nothing beside them
    times = [once] if calls == 1 else []
    gc.collect()
    gc.freeze()  # what is here by now, modules above all, no collector need walk through again
    while sum(times) * calls < seconds or len(times) < 3:
        times.append(_repeated(run.call, calls))
    count = run.count or case.count
    return Measurement(median(times) * case.count / count, first, count, answers)


def measure_cold(contender: Callable[[Any], Run], case: Case, age: Callable[[], float]) -> Any:
    """``count`` calls from the start of the process, which was ``age()`` seconds ago.

    If there are fewer calls than units, what the later ones would take is added.
    """
    run = contender(case.problem())
    count = run.count or case.count
    results = [run.call()]
    first = age()
    results += [run.call() for _ in range(count - 1)]
    total = age()
    missing = (case.count - count) * (total - first) / max(1, count - 1)
    return Measurement(total + missing, first, count, _plain(run.answers(results)))


def _repeated(call: Callable[[], Any], times: int) -> float:
    start = perf_counter()
    for _ in range(times):
        call()
    return (perf_counter() - start) / times


def _plain(answers: Answers) -> list[list[float]]:
    import numpy as np

    return [np.ravel(np.asarray(answer, float))[:SHOWN].tolist() for answer in answers]
