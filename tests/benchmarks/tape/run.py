"""One command, one report: functions recorded and compiled, beside how others do it.

    python tests/benchmarks/tape/run.py [--only mlp16 ...] [--peers ours jax ...]
                                        [--without NAME ...] [--threads 1] [--rounds 3]
                                        [--seconds 0.5] [--json FILE] [--full]

Each contender runs in processes of its own. They take turns over several rounds, and the figure is
the best round's median over calls, by the wall clock, since some use every processor.
First of all the answers must agree with those worked out by hand in NumPy, to 1e-9 of the largest
of their kind: nothing is compared that computes something else. Everyone computes in double
precision, and gets its numbers in the container that it likes best: lists of floats, NumPy arrays,
tensors that are on the device already. Whoever takes one example at a time and is slow takes fewer
examples, and its time is scaled.

Beside the time stands how long it took to the first answer: importing, recording, compiling. Where
that is more than half a minute, there is one turn only.

Who is not installed is left out with a note. No test asserts a time: read the ratios, and run it
again before you believe a small difference.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import time
from typing import Any

sys.path.insert(1, str(Path(__file__).resolve().parents[1]))
sys.path.insert(1, str(Path(__file__).resolve().parents[3]))  # the checkout, installed or not

from cases import FILES, load
from peers import PEERS, peer_of, version
from report import table
from timing import Case

HERE = Path(__file__).resolve().parent
TOLERANCE = 1e-9
SLOW = 30.0  # whoever takes so many seconds to the first answer has one turn
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(map(str, (HERE, HERE.parent, HERE.parents[2]))),
    "TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1",  # compile as if for the first time, as the others do
}

Results = list[dict[str, Any]]


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    if options.full:
        ENVIRONMENT["BENCHMARK_IN_FULL"] = "1"
    here = [name for name in PEERS if PEERS[name].is_here()]
    print(machine(options.threads))
    for name in PEERS:
        if name not in here:
            print(f"{name} is not here: {PEERS[name].install}")
    measured = {}
    for name in options.only or FILES:
        case = load(name)
        names = [who for who in case.contenders if peer_of(who) in here and is_asked(who, options)]
        names.sort(key=lambda who: list(PEERS).index(peer_of(who)))
        results, failures = rounds(name, case, names, options)
        left_out = {who: why for who, why in case.left_out.items() if is_asked(who, options)}
        say("")
        print(f"\n{case.title}\n\n{report(case, results)}", flush=True)
        for who, why in (left_out | failures).items():
            print(f"{who}: {why}")
        measured[name] = {who: summary(runs) for who, runs in results.items()}
    if options.json:
        about = {"machine": machine(options.threads), "versions": versions(here)}
        options.json.write_text(json.dumps({**about, "seconds": measured}, indent=2) + "\n")
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--only", nargs="+", choices=FILES, metavar="CASE", help=f"of {', '.join(FILES)}")
    add("--peers", nargs="+", metavar="NAME", help=f"beginnings of {', '.join(PEERS)}")
    add("--without", nargs="+", metavar="NAME", default=[], help="beginnings of names to leave out")
    add("--threads", type=int, default=0, metavar="N", help="processors for each (0: all)")
    add("--rounds", type=int, default=3, metavar="N", help="turns of each contender (3)")
    add("--seconds", type=float, default=0.5, metavar="S", help="of calls in a turn (0.5)")
    add("--patience", type=float, default=300, metavar="S", help="for one turn (300)")
    add("--json", type=Path, metavar="FILE", help="save the measurements")
    add("--full", action="store_true", help="measure what is otherwise extrapolated")
    return parser.parse_args(arguments)


def is_asked(name: str, options: argparse.Namespace) -> bool:
    def is_among(beginnings: Sequence[str]) -> bool:
        return any(name.lower().startswith(beginning.lower()) for beginning in beginnings)

    return (not options.peers or is_among(options.peers)) and not is_among(options.without)


def rounds(
    name: str, case: Case, names: list[str], options: argparse.Namespace
) -> tuple[dict[str, Results], dict[str, str]]:
    """What each contender measured, turn by turn, and why others did not."""
    results: dict[str, Results] = {who: [] for who in names}
    failures: dict[str, str] = {}
    for turn in range(options.rounds):
        first = turn % max(1, len(names))
        for who in names[first:] + names[:first]:
            if who in failures or any(result["first"] > SLOW for result in results[who]):
                continue
            say(f"{name}, round {turn + 1} of {options.rounds}: {who}")
            try:
                result = worker(name, who, options)
                check(case, result)
            except RuntimeError as failure:
                failures[who] = str(failure)
                continue
            results[who].append(result)
    return {who: runs for who, runs in results.items() if who not in failures}, failures


def worker(name: str, who: str, options: argparse.Namespace) -> dict[str, Any]:
    """What one contender measures in a process of its own; RuntimeError if it fails."""
    command = [sys.executable, str(HERE / "worker.py"), name, who]
    command += [str(options.seconds), str(options.threads), str(time())]
    # In a folder of its own, since CasADi compiles where it stands, and in a group of processes of
    # its own, since a compiler that it has started must not outlive it.
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            command,
            cwd=folder,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        try:
            printed, errors = process.communicate(timeout=options.patience)
        except BaseException as reason:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            if isinstance(reason, subprocess.TimeoutExpired):
                raise RuntimeError(f"stopped after {options.patience:g} s") from None
            raise
    if process.returncode:
        lines = errors.strip().splitlines() or [f"ended with {process.returncode}"]
        raise RuntimeError(f"failed: {lines[-1]}")
    measured: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return measured


def check(case: Case, result: dict[str, Any]) -> None:
    """Raise RuntimeError where answers differ from the reference by more than rounding.

    Relative to the largest of their kind: a gradient is a sum over the examples, and where that
    cancels, rounding is all that is left of it.
    """
    expected = case.reference(case.problem(), result["count"])
    import numpy as np

    for kind, (right, answer) in enumerate(zip(expected, result["answers"], strict=True)):
        right = np.ravel(right)[: len(answer)]
        if right.shape != np.shape(answer):
            raise RuntimeError(f"gave {len(answer)} numbers for answer {kind}, not {right.size}")
        error = np.max(np.abs(right - answer)) / np.max(np.abs(right))
        if not error <= TOLERANCE:
            raise RuntimeError(f"not compared, since it is wrong: answer {kind}, {error:.1e}")


def summary(results: Results) -> dict[str, float]:
    """The best turn, since a busy neighbour on the machine only ever adds."""
    return {key: min(result[key] for result in results) for key in ("seconds", "first", "count")}


def report(case: Case, results: dict[str, Results]) -> str:
    """A table of the contenders, whose times are also given in those of the first."""
    summaries = {who: summary(runs) for who, runs in results.items()}
    if not summaries:
        return "Nobody is here."
    one = next(iter(summaries))
    in_parts = case.count > 1 and not case.cold
    rows = []
    for who, figures in summaries.items():
        seconds, ratio = figures["seconds"], figures["seconds"] / summaries[one]["seconds"]
        row = [who, duration(seconds)]
        if in_parts:
            row.append(duration(seconds / case.count))
        row.append(f"{ratio:.3g}" if ratio < 100 else f"{ratio:,.0f}")
        row.append(duration(figures["first"]))
        row.append("" if figures["count"] == case.count else f"of {figures['count']:,.0f}, scaled")
        rows.append(row)
    parts = [f"per {case.unit}"] if in_parts else []
    head = ["", "time", *parts, f"time, {one} = 1", "first answer", ""]
    return "\n".join(line.rstrip() for line in table(head, rows).splitlines())


def duration(seconds: float) -> str:
    """Three digits and a unit.

    >>> duration(0.01234), duration(2.5e-7), duration(123.4)
    ('12.3 ms', '250 ns', '123 s')
    """
    scales = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9))
    unit, size = next((scale for scale in scales if seconds >= scale[1]), scales[-1])
    number = seconds / size
    digits = 0 if number >= 99.95 else 1 if number >= 9.995 else 2
    return f"{number:.{digits}f} {unit}"


def machine(threads: int) -> str:
    cores = threads or len(os.sched_getaffinity(0))
    return (
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, "
        f"{cores} core{'s' * (cores != 1)} for each contender"
    )


def versions(names: Sequence[str]) -> dict[str, str]:
    return {name: version(name) for name in names if version(name)}


def say(progress: str) -> None:
    """Show what is being done, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r\033[K{progress}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
