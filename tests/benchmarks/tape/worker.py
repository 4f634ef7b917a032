"""One contender at one case, in a process of its own; prints JSON.

    python worker.py CASE CONTENDER SECONDS THREADS STARTED

THREADS is how many processors it may use, 0 for all; STARTED is when it was started, by time.time.
"""

import json
import os
import sys
from time import time


def main(case: str, contender: str, seconds: float, threads: int, started: float) -> None:
    if threads:
        pin(threads)
    import timing
    from cases import load

    chosen = load(case)
    function = chosen.contenders[contender]
    if chosen.cold:
        measured = timing.measure_cold(function, chosen, lambda: time() - started)
    else:
        measured = timing.measure(function, chosen, seconds)
    json.dump(measured._asdict(), sys.stdout)


def pin(threads: int) -> None:
    """Let this process have so many processors, before a library counts them."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(threads)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    if threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"


if __name__ == "__main__":
    name, who, *numbers = sys.argv[1:]
    main(name, who, float(numbers[0]), int(numbers[1]), float(numbers[2]))
