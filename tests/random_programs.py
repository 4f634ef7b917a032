"""Random programs without end: is every derivative right, and does the checker ever cry wolf?

    python tests/random_programs.py --programs 100000     # exit status 0 if all is well
    python tests/random_programs.py --against jax         # what the kit finds in another library

For each program ``check_gradients`` has to find nothing wrong, up to second derivatives in all
combinations of modes; and forward mode, reverse mode and differences at 60 digits have to agree, to
as many digits as survive a change in the 13th of each intermediate result.

Against JAX or PyTorch programs are of up to three operations that both have, at numbers from all
over the double range, and the library's gradient is compared with that of 60 digits. Of each kind
of disagreement the smallest program is printed.
"""

import argparse
import math
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from multiprocessing import Pool
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from autograd_scalar.primitives import RULES
from autograd_scalar.testing import Slope, check_gradients, from_jax, from_torch
from autograd_scalar.testing.differences import units_around
from autograd_scalar.testing.programs import (
    Program,
    RandomSource,
    random_program,
    wild_number,
)
from autograd_scalar.testing.reference import Exact, exact_directional_slope, mp
from autograd_scalar.testing.rounding import chain_rule_sizes
from autograd_scalar.transforms import grad, jvp

CHUNK = 250
SHOWN = 10  # failures in full


@dataclass
class Tally:
    """What came out of some programs.

    Attributes:
        counts: programs, those compared completely, those with kinks, and so on.
        worst: the largest error beside the reference, of what both modes gave, relative to the size
            of the contributions that the chain rule adds up.
        failures: messages, each with the program.
    """

    counts: Counter[str] = field(default_factory=Counter)
    worst: float = 0.0
    failures: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        self.counts.update(other.counts)
        self.worst = max(self.worst, other.worst)
        self.failures += other.failures

    def __str__(self) -> str:
        counts = [f"{count:8} {name}" for name, count in self.counts.items()]
        return "\n".join(
            [
                *counts,
                f"{self.worst:8.0e} worst error beside 60 digits, of what the chain rule adds up",
            ]
        )


# --- Our own derivatives --------------------------------------------------------------------------


def exact_partial(program: Program, i: int, wobble: float = 0.0, pattern: int = 0) -> Slope:
    """The derivative by an input at 60 digits; ``wobble`` changes each result by up to as much.

    Changes may cancel, so there are several patterns of them.
    """
    source = random.Random(pattern)
    changes = [wobble * source.choice((-1, 1)) * source.uniform(0.5, 1) for _ in program.steps]

    def flat(xs: Sequence[Any]) -> Any:
        change = iter(changes)

        def apply(name: str, operands: Sequence[Any]) -> Any:
            y = RULES[name](*operands)
            return Exact(y.number * (1 + mp.mpf(next(change)))) if wobble else y

        return program.run(apply, xs)[-1]

    direction = [float(i == j) for j in range(len(program.inputs))]
    unit = min(units_around([program.inputs[i]]))
    return exact_directional_slope(flat, program.inputs, [direction], unit)


def examine(program: Program) -> Tally:
    """One program, checked in every way."""
    tally = Tally(Counter(programs=1))
    try:
        report = check_gradients(program, *program.inputs)
    except AssertionError as error:
        tally.counts["false alarms"] += 1
        tally.failures.append(f"{program}\n{error}")
        return tally
    tally.counts["with a kink"] += bool(report.kinks)
    tally.counts["of which differences say too little"] += bool(report.unclear)
    tally.counts["compared to second order"] += not (report.kinks or report.unclear)
    if report.notes or report.kinks:
        return tally
    inputs = list(program.inputs)
    plain = program(*inputs)
    size = math.fsum(chain_rule_sizes(lambda xs: program(*xs), inputs)) or math.inf
    by_reverse = grad(lambda xs: program(*xs))(inputs)
    for i in range(len(inputs)):
        unit = [float(i == j) for j in range(len(inputs))]
        by_forward = jvp(program, tuple(inputs), tuple(unit))[1]
        exact = exact_partial(program, i)
        if not exact.found or exact.kink:
            tally.counts["derivatives that do not exist"] += 1
            continue
        if max(abs(exact.value), size) < 1e-30 * abs(plain):
            tally.counts["derivatives too small beside the result for 60 digits"] += 1
            continue
        error = max(abs(by_reverse[i] - exact.value), abs(by_forward - exact.value))
        if not error <= 1e-12 * abs(exact.value):
            wobbled = [exact_partial(program, i, 1e-13, pattern).value for pattern in range(3)]
            change = max(abs(value - exact.value) for value in wobbled)
            allowed = 1e-12 * max(abs(exact.value), size) + 4 * change
            if not allowed <= 1e-4 * max(abs(exact.value), size):
                tally.counts["derivatives that rounding drowns"] += 1
                continue
            if not error <= allowed:
                tally.counts["wrong beside 60 digits"] += 1
                tally.failures.append(
                    f"{program}\nby v{i}: {exact.value!r}, not {by_reverse[i]!r} in reverse mode "
                    f"and {by_forward!r} in forward mode"
                )
        tally.counts["derivatives beside 60 digits"] += 1
        tally.worst = max(tally.worst, error / max(abs(exact.value), size))
    return tally


def examine_seeds(seeds: Iterable[int]) -> Tally:
    """The programs of some seeds."""
    total = Tally()
    for seed in seeds:
        total.add(examine(random_program(RandomSource(seed))))
    return total


def examine_all(count: int, seed: int, processes: int) -> bool:
    """That many programs, and whether all is well."""
    started = time.monotonic()
    first = seed * 10**9
    chunks = [
        range(at, min(at + CHUNK, first + count)) for at in range(first, first + count, CHUNK)
    ]
    total = Tally()
    with Pool(processes) as pool:
        for tally in pool.imap_unordered(examine_seeds, chunks):
            for failure in tally.failures[: max(0, SHOWN - len(total.failures))]:
                print(failure, end="\n\n", flush=True)
            total.add(tally)
            if sys.stderr.isatty():
                print(f"\r{total.counts['programs']}", end="", file=sys.stderr)
    print(total)
    print(f"{time.monotonic() - started:8.0f} seconds")
    return not total.failures


# --- Another library's ----------------------------------------------------------------------------


def _shared(numpy_like: Any, special: Any, others: dict[str, Callable[..., Any]]) -> dict[str, Any]:
    """Primitives by name, as functions of a library that has NumPy's names."""
    n = numpy_like
    names = "exp expm1 exp2 log log1p log2 log10 sqrt sin cos tan sinh cosh tanh hypot maximum"
    found: dict[str, Any] = {name: getattr(n, name) for name in [*names.split(), "minimum"]}
    found |= {name: getattr(special, name) for name in ("erf", "erfc", "digamma")}
    found |= {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
        "/": lambda a, b: a / b,
        "**": lambda a, b: a**b,
        "neg": lambda a: -a,
        "abs": abs,
        "logsumexp": lambda *xs: special.logsumexp(n.stack(xs), 0),
        "fsum": lambda *xs: n.stack(xs).sum(),
        "prod": lambda *xs: n.stack(xs).prod(),
    }
    return found | others


def in_jax() -> tuple[Callable[..., Any], dict[str, Any], Callable[[float], Any]]:
    """The adapter, the functions and how to make a constant."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    special, nn = jax.scipy.special, jax.nn
    names = ["arcsin", "arccos", "arctan", "arctan2", "arcsinh", "arccosh", "arctanh"]
    others = {RULES_OF_ARC[name]: getattr(jnp, name) for name in names}
    others |= {name: getattr(nn, name) for name in ("sigmoid", "softplus", "relu", "silu")}
    others |= {
        "cbrt": jnp.cbrt,
        "gelu": lambda x: nn.gelu(x, approximate=False),
        "leaky_relu": nn.leaky_relu,
        "elu": nn.elu,
        "lgamma": special.gammaln,
        "normal_cdf": jax.scipy.stats.norm.cdf,
        "normal_pdf": jax.scipy.stats.norm.pdf,
        "clamp": lambda x, low, high: jnp.clip(x, low, high),
        "norm": lambda *xs: jnp.linalg.norm(jnp.stack(xs)),
    }
    return from_jax, _shared(jnp, special, others), jnp.float64


def in_torch() -> tuple[Callable[..., Any], dict[str, Any], Callable[[float], Any]]:
    """The adapter, the functions and how to make a constant."""
    import torch

    nn = torch.nn.functional
    names = ["arcsin", "arccos", "arctan", "arctan2", "arcsinh", "arccosh", "arctanh"]
    others = {RULES_OF_ARC[name]: getattr(torch, name) for name in names}
    others |= {name: getattr(nn, name) for name in ("softplus", "relu", "silu", "gelu")}
    others |= {
        "sigmoid": torch.sigmoid,
        "lgamma": torch.lgamma,
        "normal_cdf": torch.special.ndtr,
        "clamp": lambda x, low, high: torch.clamp(x, low, high),
        "norm": lambda *xs: torch.linalg.vector_norm(torch.stack(xs)),
    }
    constant = lambda x: torch.tensor(x, dtype=torch.float64)  # noqa: E731
    return from_torch, _shared(torch, torch.special, others), constant


RULES_OF_ARC = {
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arctan2": "atan2",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
}
LIBRARIES = {"jax": in_jax, "torch": in_torch}


@dataclass(frozen=True)
class Disagreement:
    """A program whose derivative another library has wrong."""

    program: Program
    place: str
    found: float
    exact: Slope
    kind: tuple[str, str]

    def __str__(self) -> str:
        return f"{self.program}\nby {self.place}: {self.exact}, not {self.found!r}"


def disagreements(library: str, count: int, seed: int) -> list[Disagreement]:
    """The smallest program of each kind of disagreement among that many programs."""
    adapter, functions, constant = LIBRARIES[library]()
    primitives = [RULES[name] for name in functions if name in RULES]
    smallest: dict[tuple[str, str], Disagreement] = {}
    for k in range(seed * 10**9, seed * 10**9 + count):
        one = k % len(primitives) if k % 4 else None  # mostly each primitive alone
        program = random_program(
            RandomSource(k),
            primitives if one is None else [primitives[one]],
            inputs=2,
            steps=3 if one is None else 1,
            number=wild_number,
            largest=math.inf,
        )
        for found in _disagreements_in(program, adapter, functions, constant):
            known = smallest.get(found.kind)
            if known is None or len(str(found.program)) < len(str(known.program)):
                smallest[found.kind] = found
    alone = {(op, how) for op, how in smallest if " " not in op}
    return [
        d
        for (ops, how), d in sorted(smallest.items())
        if " " not in ops or not any((op, how) in alone for op in ops.split())
    ]


def _disagreements_in(
    program: Program, adapter: Any, functions: dict[str, Any], constant: Callable[[float], Any]
) -> Iterable[Disagreement]:
    def apply(name: str, xs: Sequence[Any]) -> Any:
        if name == "fsum" and len(xs) == 1:
            return xs[0]
        return functions[name](*[constant(x) if x.__class__ is float else x for x in xs])

    theirs = adapter(lambda *inputs: program.run(apply, inputs)[-1])

    def flat(xs: Sequence[Any]) -> Any:
        return theirs.outputs(theirs(*xs))[0]

    if len(program.steps) == 1 or not math.isfinite(program(*program.inputs)):
        return
    gradient = theirs.gradient(flat, program.inputs, (), ("reverse",))
    for i, found in enumerate(gradient):
        exact = exact_partial(program, i)
        size = max(abs(exact.left), abs(exact.right))
        if not (exact.found and exact.error <= 1e-9 * size and 1e-290 < size < 1e300):
            continue
        if not exact.distance(found) <= 1e-6 * size:
            how = "nan" if found != found else "inf" if math.isinf(found) else "zero"
            how = how if found != found or not found or math.isinf(found) else "inexact"
            how = f"{how} at a kink" if exact.kink else how
            operations = " ".join(dict.fromkeys(s.name for s in program.steps[:-1]))
            yield Disagreement(program, f"v{i}", found, exact, (operations, how))


def main() -> int:
    """Run the command line; the exit status."""
    summary = (__doc__ or "").split("\n\n", 1)
    parser = argparse.ArgumentParser(
        description=summary[0],
        epilog=summary[1],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--programs", type=int, default=10_000, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="P")
    parser.add_argument("--against", choices=LIBRARIES, help="check this library, in one process")
    arguments = parser.parse_args()
    if arguments.programs < 1 or arguments.processes < 1:
        parser.error("there must be at least one program and one process")
    if arguments.against is None:
        return 0 if examine_all(arguments.programs, arguments.seed, arguments.processes) else 1
    found = disagreements(arguments.against, arguments.programs, arguments.seed)
    for disagreement in found:
        print(*disagreement.kind, sep=": ")
        print(disagreement, end="\n\n")
    print(f"{len(found)} kinds of disagreement in {arguments.programs} programs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
