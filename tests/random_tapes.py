"""Random programs on every backend: does each compute what the rules say?

    python tests/random_tapes.py --programs 20000     # straight-line programs; exit status 0
    python tests/random_tapes.py --branches 5000      # functions with if, while, sorted in them

Straight-line programs are of all primitives, at numbers from all over the double range with nan,
inf, subnormals, signed zeros and kinks among them. Of each the program of value and gradient runs
with all its numbers for outputs. On the floats of the rules they are those of the eager engine, to
the last bit. On any other backend each number has to be what its operation makes of that backend's
own operands: the same bits for + - * / sqrt and choices, within 2 ulp (4 in a batch) else.

With branches, ``jit`` has to give what the eager engine gives, value and gradient, for arguments
that it has not seen.
"""

import argparse
import ctypes
import math
import random
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from multiprocessing import Pool
from pathlib import Path
from shutil import which
from typing import Any

from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from autograd_scalar import Value, jit, rules
from autograd_scalar.primitives import Primitive
from autograd_scalar.tape.backends import native_available
from autograd_scalar.tape.derivatives import value_and_gradient
from autograd_scalar.tape.passes import fuse, prune
from autograd_scalar.tape.program import Tape
from autograd_scalar.tape.recording import record
from autograd_scalar.tape.source import PythonProgram
from autograd_scalar.tape.variables import Builder
from autograd_scalar.testing.programs import RandomSource, random_program, wild_number
from tests import branching

CHUNK = 100
COPIES = 11
SPECIAL = (math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, -1e-310, 1.0, -1.0, 1.7e308)
EXACT = {
    rules.add, rules.subtract, rules.multiply, rules.divide, rules.sqrt, rules.negative,
    rules.absolute, rules.where, rules.less, rules.less_equal, rules.maximum, rules.minimum,
    rules.relu, rules.leaky_relu, rules.clamp, rules.floor, rules.ceil, rules.sign, rules.detach,
    rules.pick, rules.dot,
}  # fmt: skip
Run = Callable[[Sequence[float]], Sequence[float]]


def recorded(seed: int) -> tuple[Tape, list[float]]:
    """A random straight-line program as a tape, and wild numbers for its inputs."""
    source = RandomSource(seed)
    rng = random.Random(seed)
    number = wild_number if rng.random() < 0.7 else None
    options: dict[str, Any] = {"number": number, "largest": math.inf} if number else {}
    program = random_program(source, steps=rng.randint(2, 14), **options)
    numbers = [rng.choice(SPECIAL) if rng.random() < 0.25 else x for x in program.inputs]
    return record(program, numbers, tuple).tape, numbers


def whole(tape: Tape) -> Tape:
    """The tape with all its numbers for outputs."""
    return tape.replaced(outputs=range(tape.slots), guards=())


def same(a: float, b: float) -> bool:
    """Whether they are the same bits, whichever nan a nan is."""
    return a.hex() == b.hex()


def ulps_apart(a: float, b: float, scale: float = 0.0) -> float:
    """How far apart they are, in ulp of the larger of them and the scale."""
    if same(a, b) or a == b:
        return 0.0
    if not (math.isfinite(a) and math.isfinite(b)):
        # An overflow may come an ulp earlier or later.
        finite = a if math.isfinite(a) else b
        other = b if math.isfinite(a) else a
        largest = math.copysign(1.7976931348623157e308, finite)
        if math.isinf(other) and finite != other and (finite > 0) == (other > 0):
            return abs(largest - finite) / math.ulp(largest)
        return math.inf
    return abs(a - b) / math.ulp(max(abs(a), abs(b), scale))


def allowed(primitive: Primitive, operands: int, ulps: float) -> float:
    if primitive in EXACT:
        return 0.0
    return ulps * max(1, operands - 1 if primitive.variadic else 1)


def wrong(tape: Tape, inputs: Sequence[float], found: Sequence[float], ulps: float) -> str:
    """The first number that is not what its operation makes of the operands, or ''."""
    numbers = [*found, *reversed(tape.constants)]
    for slot, primitive, operands in tape.nodes():
        xs = [numbers[o] for o in operands]
        expected = float(primitive.function(*xs))
        # It is the largest operand plus a logarithm: where they cancel, these are what is exact.
        scale = abs(max(xs, default=0.0)) if primitive is rules.logsumexp else 0.0
        apart = ulps_apart(numbers[slot], expected, scale if math.isfinite(scale) else 0.0)
        limit = allowed(primitive, len(operands), ulps)
        if apart > limit or (not limit and not same(numbers[slot], expected)):
            return f"{primitive.name}{tuple(xs)} gave {numbers[slot]!r}, not {expected!r}"
    if any(not same(a, b) for a, b in zip(inputs, found, strict=False)):
        return "an input was changed"
    return ""


def eager(tape_of: int) -> tuple[float, list[float]]:
    """Value and gradient of the same program by the eager engine."""
    tape, numbers = recorded(tape_of)
    leaves = [Value(x) for x in numbers]
    found: list[Any] = [*leaves]
    for _, primitive, operands in tape.nodes():
        found.append(primitive(*[tape.constants[~o] if o < 0 else found[o] for o in operands]))
    y = found[tape.outputs[0]] if tape.outputs[0] >= 0 else Value(tape.constants[~tape.outputs[0]])
    y.backward()
    return y.data, [leaf.grad for leaf in leaves]


def backends() -> dict[str, tuple[Callable[[Tape], Run], float]]:
    """How each backend makes something to run of a tape, and within how many ulp it is."""
    found: dict[str, tuple[Callable[[Tape], Run], float]] = {"python": (PythonProgram, 0.0)}
    found["arrays"] = (_on_arrays, 4.0)
    if native_available():
        from autograd_scalar.tape.native import interpreter, straight, wide

        found["interpreter"] = (lambda tape: interpreter.Program(tape).run, 2.0)
        found["LLVM"] = (straight.compile, 2.0)
        found["wide"] = (_side_by_side(wide.compile), 2.0)
        found["LLVM batch"] = (_native_batch, 4.0)
    return found


def _on_arrays(tape: Tape) -> Run:
    from autograd_scalar.tape.arrays import ArrayProgram

    return _rows_of(ArrayProgram(tape, range(tape.inputs)))


def _side_by_side(make: Callable[[Tape], Run]) -> Callable[[Tape], Run]:
    """Several copies of a program in one, which vector loops compute side by side."""

    def make_copies(tape: Tape) -> Run:
        builder = Builder(COPIES * tape.inputs)
        outputs: list[list[int]] = []
        for k in range(COPIES):
            new = list(range(k, COPIES * tape.inputs, COPIES))
            constants = [builder.constant(number) for number in tape.constants]
            for _, primitive, operands in tape.nodes():
                moved = [new[o] if o >= 0 else constants[~o] for o in operands]
                new.append(builder.node(primitive, moved))
            outputs.append([new[o] if o >= 0 else constants[~o] for o in tape.outputs])
        program = make(builder.tape_of([o for copy in outputs for o in copy]))

        def run(numbers: Sequence[float]) -> Sequence[float]:
            found = program([x for x in numbers for _ in range(COPIES)])
            count = len(tape.outputs)
            first = found[:count]
            for start in range(0, len(found), max(count, 1)):
                assert all(map(same, first, found[start : start + count]))
            return first

        return run

    return make_copies


def _native_batch(tape: Tape) -> Run:
    from autograd_scalar.tape.native.batch import compile_batch

    return _rows_of(compile_batch(tape, frozenset(range(tape.inputs)), frozenset()))


def _rows_of(program: Any) -> Run:
    import numpy

    def run(numbers: Sequence[float]) -> Sequence[float]:
        columns = numpy.array([numbers] * 3)
        _, rows = program(numpy.empty(0), columns)
        assert rows[0].tobytes() == rows[2].tobytes()
        return rows[0].tolist()  # type: ignore[no-any-return]

    return run


def check_chunk(task: tuple[Sequence[int], Sequence[str]]) -> tuple[Counter[str], list[str]]:
    """Run some programs on all backends."""
    seeds, names = task
    chosen = {name: made for name, made in backends().items() if not names or name in names}
    counts: Counter[str] = Counter()
    failures = []
    programs = []
    for seed in seeds:
        tape, numbers = recorded(seed)
        joint = value_and_gradient(tape, range(tape.inputs), strict=True)
        programs.append((seed, joint, numbers))
        value, gradient = eager(seed)
        found = joint.run(numbers)
        counts["programs"] += 1
        if not all(map(same, [value, *gradient], found)):
            failures.append(f"program {seed}: the rules on floats give {found}, eager "
                            f"{[value, *gradient]}\n{tape}")  # fmt: skip
        shorter = fuse(prune(joint))
        if not all(map(same, found, shorter.run(numbers))):
            failures.append(f"program {seed}: passes changed it")
        for name, (make, ulps) in chosen.items():
            everything = whole(joint)
            message = wrong(everything, numbers, make(everything)(numbers), ulps)
            counts[name] += 1
            if message:
                failures.append(f"program {seed} on {name}: {message}")
        if "interpreter" in chosen:
            failures += _interpreted(seed, tape, joint, numbers)
            counts["gradients of the interpreter"] += 1
    if which("cc") and (not names or "C" in names):
        for seed, message in _in_c(programs, counts):
            failures.append(f"program {seed} in C: {message}")
    return counts, failures


def _interpreted(seed: int, tape: Tape, joint: Tape, numbers: Sequence[float]) -> Iterator[str]:
    """The interpreter's own backward pass is the joint program, to the last bit."""
    from autograd_scalar.tape.native import interpreter

    value, gradient = interpreter.Program(tape).value_and_gradient(numbers)
    expected = interpreter.Program(joint).run(numbers)
    if not all(map(same, [value, *gradient], expected)):
        yield f"program {seed}: interpreted {[value, *gradient]}, as a program {expected}\n{tape}"


def _in_c(
    programs: Sequence[tuple[int, Tape, Sequence[float]]], counts: Counter[str]
) -> Iterator[tuple[int, str]]:
    from autograd_scalar.tape.c import to_c

    with tempfile.TemporaryDirectory() as folder:
        names = []
        for seed, joint, _ in programs:
            everything = whole(joint)
            try:
                text = to_c(everything, name=f"f{seed}", gradient=False)
            except ValueError:  # of a primitive that C has not
                continue
            Path(folder, f"f{seed}.c").write_text(text)
            names.append(seed)
        library = Path(folder, "programs.so")
        sources = [str(Path(folder, f"f{seed}.c")) for seed in names]
        subprocess.run(
            ["cc", "-std=c99", "-O1", "-ffp-contract=off", "-w", "-shared", "-fPIC", "-o",
             str(library), *sources, "-lm"], check=True,
        )  # fmt: skip
        loaded = ctypes.CDLL(str(library))
        for seed, joint, numbers in programs:
            if seed not in names:
                continue
            everything = whole(joint)
            x = (ctypes.c_double * max(1, len(numbers)))(*numbers)
            y = (ctypes.c_double * len(everything.outputs))()
            getattr(loaded, f"f{seed}")(x, y)
            counts["C"] += 1
            if message := wrong(everything, numbers, list(y), 2.0):
                yield seed, message


def check_branches(seeds: Sequence[int]) -> tuple[Counter[str], list[str]]:
    """Compare compiled functions that decide with the same functions run eagerly."""
    counts: Counter[str] = Counter()
    failures = []
    for seed in seeds:
        f = branching.random_function(seed)
        fast = jit(f)
        for numbers in branching.inputs(seed, 8):
            leaves = [Value(x) for x in numbers]
            y = f(*leaves)
            y.backward()
            expected = [y.data, *[leaf.grad for leaf in leaves]]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of many paths
                value, gradient = fast.value_and_grad(*numbers, wrt=(0, 1, 2))
                again = fast(*numbers)
            counts["calls"] += 1
            close = all(map(_close, expected, [value, *gradient])) and _close(again, expected[0])
            if not close:
                failures.append(
                    f"function {seed} at {numbers}: {[value, *gradient]}, eager {expected}"
                )
        counts["functions"] += 1
        counts["paths"] += sum(len(signature.paths) for signature in fast._signatures.values())
    return counts, failures


def _close(a: float, b: float) -> bool:
    return same(a, b) or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--programs", type=int, default=0)
    parser.add_argument("--branches", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--on", nargs="*", default=[], help="backends, in place of all")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    failures: list[str] = []
    programs = [(seeds, options.on) for seeds in _chunks(options.seed, options.programs)]
    functions = _chunks(options.seed, options.branches)
    with Pool(options.processes) as pool, tqdm(total=len(programs) + len(functions)) as bar:
        for found, messages in chain(
            pool.imap_unordered(check_chunk, programs),
            pool.imap_unordered(check_branches, functions),
        ):
            counts += found
            failures += messages
            bar.set_postfix(wrong=len(failures))
            bar.update()
    for name, count in counts.items():
        print(f"{count:8} {name}")
    for message in failures[:10]:
        print(f"\nWRONG: {message}")
    print(f"{len(failures):8} wrong")
    return bool(failures)


def _chunks(first: int, count: int) -> list[range]:
    return [range(first + i, first + min(i + CHUNK, count)) for i in range(0, count, CHUNK)]


if __name__ == "__main__":
    sys.exit(main())
