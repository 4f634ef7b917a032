"""Do the tests notice a wrong derivative? Break every rule in every way, one at a time, and see.

    python tests/mutate_rules.py                # all mutants; exit status 0 if all are caught
    python tests/mutate_rules.py --only tanh    # those of one primitive or one file

A mutant is the source of one file of the engine with one change:

- a derivative with the other sign, or twice as large, or 0 (or, if it is 0, not 0);
- a sum or difference within a rule, without one of its terms;
- the two branches of a ``where`` exchanged, or a comparison that decides otherwise about a tie;
- a contribution that is assigned to a gradient where it ought to be added.

Each is imported and tested in a process of its own, forked from this one, which has imported all
that the tests need except for the engine. A mutant of a rule meets only the tests of its primitive.
"""

import argparse
import ast
import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import mpmath  # noqa: F401  (imported once, for all processes)
import numpy  # noqa: F401
import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "autograd_scalar"
TESTS = ["test_rules", "test_rules_numbers", "test_primitive", "test_gradients"]
PATIENCE = 300  # seconds; who takes longer hangs, which no test would let pass either

# Here both branches are 0 at the tie, x = 0: one is 0, the other g * x and g * expm1(x).
SAME_AT_THE_TIE = {("leaky_relu", "slope"), ("elu", "alpha")}


@dataclass(frozen=True)
class Mutant:
    """A change of one file: ``source`` is all of it, ``shown`` the changed line or rule."""

    file: str
    subject: str
    change: str
    shown: str
    source: str


# --- Making mutants -------------------------------------------------------------------------------


class Source:
    """The text of a file and its syntax tree; makes copies with one node's text replaced."""

    def __init__(self, path: Path) -> None:
        self.file = path.name
        self.text = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.text)
        starts = [0]
        for line in self.text.splitlines(keepends=True):
            starts.append(starts[-1] + len(line.encode()))
        self._starts = starts

    def of(self, node: ast.AST) -> str:
        """The text of a node."""
        text = ast.get_source_segment(self.text, node)
        assert text is not None
        return text

    def mutant(self, node: ast.expr | ast.stmt, new: str, subject: str, change: str) -> Mutant:
        """The file with ``new`` in place of the node."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        text = self.text.encode()
        start = self._starts[node.lineno - 1] + node.col_offset
        end = self._starts[node.end_lineno - 1] + node.end_col_offset
        changed = (text[:start] + new.encode() + text[end:]).decode()
        shown = f"{' '.join(self.of(node).split())}  ->  {' '.join(new.split())}"
        return Mutant(self.file, subject, change, f"line {node.lineno}: {shown}", changed)


def mutants_of_rules(source: Source) -> Iterator[Mutant]:
    """Every derivative of every ``@primitive`` in the file, broken in every way."""
    functions = {n.name: n for n in ast.walk(source.tree) if isinstance(n, ast.FunctionDef)}
    for function in functions.values():
        for decorator in function.decorator_list:
            if not (isinstance(decorator, ast.Call) and _called(decorator) == "primitive"):
                continue
            names = [k.value.value for k in decorator.keywords if k.arg == "name"]  # type: ignore[attr-defined]
            primitive = names[0] if names else function.name
            operands = [argument.arg for argument in function.args.args]
            for i, rule in enumerate(decorator.args):
                if isinstance(rule, ast.Name):
                    yield from _of_all_contributions(
                        source, rule, f"{rule.id}(*facts)", primitive, "lambda *facts: "
                    )
                    yield from _within(source, functions[rule.id], primitive, "")
                elif function.args.vararg:
                    assert isinstance(rule, ast.Lambda)
                    body = source.of(rule.body)
                    yield from _of_all_contributions(source, rule.body, body, primitive)
                    yield from _within(source, rule.body, primitive, "")
                else:
                    assert isinstance(rule, ast.Lambda)
                    yield from _of_one_derivative(source, rule.body, primitive)
                    yield from _within(source, rule.body, primitive, operands[i])


def _of_one_derivative(source: Source, body: ast.expr, primitive: str) -> Iterator[Mutant]:
    text = source.of(body)
    if text in ("0.0", "nan"):
        yield source.mutant(body, "g", primitive, "not 0" if text == "0.0" else "not nan")
        return
    yield source.mutant(body, f"-({text})", primitive, "sign")
    yield source.mutant(body, f"2 * ({text})", primitive, "factor 2")
    yield source.mutant(body, "0.0", primitive, "dropped")


def _of_all_contributions(
    source: Source, node: ast.expr, text: str, primitive: str, head: str = ""
) -> Iterator[Mutant]:
    for change, new in (
        ("signs", f"[-c for c in {text}]"),
        ("factor 2", f"[2 * c for c in {text}]"),
        ("first dropped", f"[0.0, *({text})[1:]]"),
        ("last dropped", f"[*({text})[:-1], 0.0]"),
        ("first sign", f"[-({text})[0], *({text})[1:]]"),
    ):
        yield source.mutant(node, head + new, primitive, change)


def _within(source: Source, rule: ast.AST, primitive: str, operand: str) -> Iterator[Mutant]:
    """Changes inside of a rule: terms, branches, ties."""
    for node in ast.walk(rule):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            left, right = source.of(node.left), source.of(node.right)
            minus = "-" if isinstance(node.op, ast.Sub) else ""
            yield source.mutant(node, f"({left})", primitive, "right term dropped")
            yield source.mutant(node, f"({minus}({right}))", primitive, "left term dropped")
        elif isinstance(node, ast.Call) and _called(node) == "where":
            condition, a, b = map(source.of, node.args)
            new = f"where({condition}, {b}, {a})"
            yield source.mutant(node, new, primitive, "branches exchanged")
        elif isinstance(node, ast.Compare) and (primitive, operand) not in SAME_AT_THE_TIE:
            left, right = source.of(node.left), source.of(node.comparators[0])
            at_the_tie = {"<": "<=", ">": ">=", "<=": "<", ">=": ">"}
            old = source.of(node)[len(left) :].removesuffix(right).strip()
            limit = node.comparators[0]  # a tie with a number other than 0 is between two formulas
            if old in at_the_tie and not (isinstance(limit, ast.Constant) and limit.value):
                new = f"{left} {at_the_tie[old]} {right}"
                yield source.mutant(node, new, primitive, "tie")


def _called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def mutants_of_accumulation(source: Source) -> Iterator[Mutant]:
    """Every ``x.grad += ...`` of the file as ``x.grad = ...``."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.AugAssign) and source.of(node.target).endswith(".grad"):
            new = f"{source.of(node.target)} = {source.of(node.value)}"
            yield source.mutant(node, new, "", "assigned, not added")


def all_mutants() -> Iterator[Mutant]:
    """Those of every file of the engine."""
    for path in sorted(PACKAGE.glob("*.py")):
        source = Source(path)
        yield from mutants_of_rules(source)
        yield from mutants_of_accumulation(source)


# --- Testing one ----------------------------------------------------------------------------------


class Importer(importlib.abc.MetaPathFinder):
    """Imports the mutant's source in place of the file's."""

    def __init__(self, mutant: Mutant) -> None:
        self.path = PACKAGE / mutant.file
        self.module = f"{PACKAGE.name}.{self.path.stem}"
        self.source = mutant.source

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:
        if fullname != self.module:
            return None
        loader = _Loader(fullname, str(self.path))
        loader.source = self.source
        return importlib.util.spec_from_file_location(fullname, self.path, loader=loader)


class _Loader(importlib.machinery.SourceFileLoader):
    source: str

    def get_code(self, fullname: str) -> Any:
        return compile(self.source, self.path, "exec", dont_inherit=True)


class Selection:
    """Of the tests that are swept over primitives, those of one; the likeliest to fail first."""

    def __init__(self, primitive: str) -> None:
        self.primitive = primitive
        from tests import strategies  # imports the engine, so not before the mutant is in place

        # Tests of all the others need not even be collected, which takes longer than running one's.
        strategies.PRIMITIVES[:] = [p for p in strategies.PRIMITIVES if p.name == primitive]

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        def concerns(item: Any) -> bool:
            parameters = getattr(item, "callspec", None)
            return parameters is not None and any(
                self.primitive in (getattr(p, "name", p), p[0] if isinstance(p, tuple) else None)
                for p in parameters.params.values()
            )

        items[:] = [item for item in items if concerns(item)]
        items.sort(key=lambda item: "derivatives_are_those_of_mpmath" not in item.name)


def run_tests(mutant: Mutant | None) -> int:
    """Pytest's exit status on the mutant (None: on the engine as it is), in this process."""
    hypothesis.settings.register_profile(
        "mutation", phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate], database=None
    )
    options = ["-x", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(ROOT)]
    options += ["--import-mode=importlib", "--assert=plain", "--tb=line"]
    options += ["-p", "no:unraisableexception"]  # it collects garbage at the end, for 0.1 s
    options += ["--hypothesis-profile=mutation"]
    sys.path.insert(0, str(ROOT))
    sys.dont_write_bytecode = True
    plugins = []
    files = TESTS
    if mutant is not None:
        sys.meta_path.insert(0, Importer(mutant))
        if mutant.subject:
            plugins.append(Selection(mutant.subject))
            files = ["test_rules", "test_rules_numbers"]
        else:
            files = ["test_gradients", "test_primitive", "test_rules"]
    return int(pytest.main(options + [str(ROOT / "tests" / f"{f}.py") for f in files], plugins))


def fork(mutant: Mutant | None, log: str) -> int:
    """The process id of a child that tests the mutant, writes to the file and exits."""
    child = os.fork()
    if child:
        return child
    status = 70
    try:
        signal.alarm(PATIENCE)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        status = run_tests(mutant)
    finally:
        sys.stdout.flush()
        os._exit(status)


# --- Testing all ----------------------------------------------------------------------------------

CAUGHT, SURVIVED = 1, 0  # what pytest exits with if a test failed, and if none did


def run(mutants: list[Mutant], processes: int) -> bool:
    """Test all, a few at a time, and print what came out; whether all is well."""
    started = time.monotonic()
    waiting: list[Mutant | None] = [*reversed(mutants), None]  # the engine as it is goes first
    running: dict[int, tuple[Mutant | None, str]] = {}
    caught, survivors, failures = 0, [], []
    with tempfile.TemporaryDirectory() as logs:
        while waiting or running:
            while waiting and len(running) < processes:
                mutant = waiting.pop()
                log = f"{logs}/{len(waiting)}"
                running[fork(mutant, log)] = mutant, log
            child, raw = os.wait()
            mutant, log = running.pop(child)
            status = os.waitstatus_to_exitcode(raw)
            if mutant is None and status == SURVIVED:
                continue
            if mutant is not None and status in (CAUGHT, -signal.SIGALRM):
                caught += 1
            elif mutant is not None and status == SURVIVED:
                survivors.append(mutant)
            else:
                tail = Path(log).read_text(encoding="utf-8", errors="replace")[-3000:]
                what = "the engine as it is" if mutant is None else mutant.shown
                failures.append(f"{what}: exit status {status}\n{tail}")
                if mutant is None:
                    waiting.clear()  # tests that fail anyway say nothing about mutants
    for failure in failures:
        print(f"could not be tested: {failure}\n")
    if survivors:
        print("Survived:\n")
        for mutant in sorted(survivors, key=lambda mutant: (mutant.file, mutant.subject)):
            print(f"  {mutant.subject or mutant.file:12} {mutant.change:20} {mutant.shown}")
        print()
    print(f"caught {caught} of {len(mutants)} mutants in {time.monotonic() - started:.0f} s")
    return caught == len(mutants) and not failures


def main() -> int:
    """Run the command line; the exit status."""
    summary = (__doc__ or "").split("\n\n", 1)
    parser = argparse.ArgumentParser(
        description=summary[0],
        epilog=summary[1],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", help="a primitive's name, or a file of the engine: closures.py")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--list", action="store_true", help="print the mutants and test none")
    arguments = parser.parse_args()
    mutants = [m for m in all_mutants() if arguments.only in (None, m.subject, m.file)]
    if not mutants:
        parser.error(f"no primitive and no file is named {arguments.only!r}")
    if arguments.list:
        for mutant in mutants:
            print(f"{mutant.subject or mutant.file:12} {mutant.change:20} {mutant.shown}")
        return 0
    return 0 if run(mutants, max(1, arguments.processes)) else 1


if __name__ == "__main__":
    sys.exit(main())
