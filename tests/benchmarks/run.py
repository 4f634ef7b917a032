"""One command, one report: how fast and how small the engine is, beside others.

    python tests/benchmarks/run.py [--optimizer sgd|adam] [--rounds 5] [--steps 9] [--imports 15]
                                   [--json FILE] [--compare FILE]

It measures whole training steps of an MLP 2-16-16-1 (337 parameters, ReLU) on the hinge loss of 50
examples, what a node takes in memory, and the time of the import, on the checkout it lies in. The
contenders are micrograd (``pip install micrograd``; without it the rest is measured), the least
that an engine can be (minimal.py), and ours, op by op and with a neuron's sum as one node.

Each contender runs in processes of its own: what one leaves in memory, another's garbage collector
would have to walk. They take turns over several rounds, and the figure is the median over rounds
of the median over steps, so that a busy neighbour on the machine is a nuisance to all alike.

First of all the losses and gradients must agree: nothing is compared that computes something else.
No test asserts a time: read the ratios, and run it again before you believe a small difference.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import imports
import report
import steps
from contenders import present

HERE = Path(__file__).resolve().parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
TOLERANCE = 1e-12
TIMES = ("total", "forward", "backward", "collector")


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    then = json.loads(options.compare.read_text()) if options.compare else None
    names = present()
    print(f"{python()}, {platform.system()} {platform.machine()}")
    if "micrograd" not in names:
        print("micrograd is not here to be compared with: pip install micrograd")

    rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for turn in range(options.rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            say(f"round {turn + 1} of {options.rounds}: {name}")
            rounds[name].append(worker("steps.py", name, str(options.steps), options.optimizer))
            if difference := disagreement(rounds[names[0]] + rounds[name]):
                print(f"No comparison: {names[0]} and {name} disagree, {difference}")
                return 1
    say("memory")
    memory = {
        name.partition(",")[0]: worker("memory.py", name) for name in names if name != "ours, fused"
    }
    say("import")
    now: report.Report = {
        "python": python(),
        "steps": {
            name: {key: median(median(r[key]) for r in results) for key in TIMES}
            for name, results in rounds.items()
        },
        "memory": memory,
        "import": imports.measure(options.imports, ENVIRONMENT),
    }
    say("")

    print(
        f"MLP 2-16-16-1, hinge loss of {steps.EXAMPLES} examples, {options.optimizer}, "
        f"median of {options.rounds} rounds of {options.steps} steps;\n"
        f"losses and gradients agree within {TOLERANCE:g}\n"
    )
    print(report.of_steps(now["steps"]), end="\n\n")
    print(report.of_memory(now["memory"]), end="\n\n")
    print(report.of_import(now["import"]))
    if then:
        print(f"\nBeside {options.compare}:\n\n{report.of_comparison(now, then)}")
    if options.json:
        options.json.write_text(json.dumps(now, indent=2) + "\n")
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--optimizer", choices=("sgd", "adam"), default="sgd", help="(sgd)")
    for option, default, what in (
        ("--rounds", 5, "turns of each contender"),
        ("--steps", 9, "timed steps in a turn"),
        ("--imports", 15, "pairs of import runs"),
    ):
        shown = f"{what} ({default})"
        parser.add_argument(option, type=positive, default=default, metavar="N", help=shown)
    parser.add_argument("--json", type=Path, metavar="FILE", help="save the measurements")
    parser.add_argument("--compare", type=Path, metavar="FILE", help="show ratios to saved ones")
    return parser.parse_args(arguments)


def positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def worker(script: str, *arguments: str) -> Any:
    """What a script beside this one prints as JSON."""
    command = [sys.executable, str(HERE / script), *arguments]
    done = subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def disagreement(results: Sequence[dict[str, Any]]) -> str | None:
    """Where results differ by more than rounding, or None.

    Relative to the largest of their kind: a gradient is a sum over the examples, and where that
    cancels, rounding is all that is left of it.
    """
    for key in ("losses", "gradients"):
        expected = results[0][key]
        allowed = TOLERANCE * max(map(abs, expected))
        for result in results[1:]:
            for place, (a, b) in enumerate(zip(expected, result[key], strict=True)):
                if not abs(a - b) <= allowed:
                    return f"{key}[{place}]: {a} and {b}"
    return None


def python() -> str:
    return f"{platform.python_implementation()} {platform.python_version()}"


def say(progress: str) -> None:
    """Show what is being done, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r\033[K{progress}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
