"""Do the tests notice a wrong derivative? Break every rule in every way, one at a time, and see.

    python tests/mutate_rules.py                        # by the tests of the engine
    python tests/mutate_rules.py --by check_gradients   # by nothing but check_gradients
    python tests/mutate_rules.py --only tanh            # those of one primitive, helper or file

The exit status is 0 if all mutants are caught. A mutant is the source of one file of the engine
with one change, in a rule or in a function that rules call:

- what it gives with the other sign, twice as large, or 0 (or, if it is 0, not 0);
- a sum without one of its terms, or with a minus for a plus; a minus sign left out;
- a product without one of its factors, or with one of them squared; a number one too large;
- operands exchanged: throughout the rule, of one quotient, or one contribution for another;
- a stale value: the result in place of an operand, or an operand in place of the result;
- the branches of a choice exchanged, or a comparison that decides otherwise about a tie;

or, in any file, a sum that is assigned where it ought to be added to.

Each is imported and tested in a process of its own, forked from this one, which has imported all
that the tests need except for the engine. A mutant of a rule meets only the tests of its primitive,
one of a function only those of the primitives whose rules call it.
"""

import argparse
import ast
import gc
import importlib.abc
import importlib.machinery
import importlib.util
import os
import signal
import sys
import tempfile
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import hypothesis.strategies
import mpmath  # noqa: F401  (imported once, for all processes)
import numpy  # noqa: F401
import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "autograd_scalar"
# The likeliest to fail first: what is not needed is not even collected.
TESTS_OF_RULES = [
    "test_rules", "test_rules_numbers", "test_rules_on_tapes", "test_testing_mutants"
]  # fmt: skip
TESTS_OF_SUMS = ["test_gradients", "test_rules", "test_primitive"]
MODES = ("forward", "reverse")
PATIENCE = 300  # seconds; who takes longer hangs, which no test would let pass either

PICKED = "[0.0, *[choose(is_at(index, i), g, 0.0) for i in range(len(xs))]]"
ATAN2_BY_Y = "0.5 * g * _cosines(", ", x, y)[0] / hypot(0.5 * x, 0.5 * y)"
ATAN2_BY_X = "-0.5 * g * _cosines(", ", x, y)[1] / hypot(0.5 * x, 0.5 * y)"
HYPOT_BY_A = "choose(y <= 0, 0.0, g * _cosines(", ", a, b)[0])"
HYPOT_BY_B = "choose(y <= 0, 0.0, g * _cosines(", ", a, b)[1])"

# Changes that change no derivative: the rule, and the text before and after.
EQUIVALENT = {
    # The result is on one side of an operand, or it is that operand, if and only if the other is.
    ("relu", "x > 0 -> y > 0"),
    ("maximum by a", "a > b -> y > b"),
    ("maximum by a", "a < b -> a < y"),
    ("maximum by b", "b > a -> y > a"),
    ("maximum by b", "b < a -> b < y"),
    ("minimum by a", "a < b -> y < b"),
    ("minimum by a", "a > b -> a > y"),
    ("minimum by b", "b < a -> y < a"),
    ("minimum by b", "b > a -> b > y"),
    ("clamp by x", "x > high -> x > y"),
    ("clamp by low", "x < low -> x < y"),
    ("clamp by low", "low > high -> low > y"),
    ("clamp by high", "x > high -> x > y"),
    ("clamp by high", "low > high -> low > y"),
    # An "or" of the two conditions, which may as well be asked in the other order.
    (
        "clamp by high",
        "choose(x > high, g, choose(low > high, g, 0.0)) -> "
        "choose(low > high, g, choose(x > high, g, 0.0))",
    ),
    # Both branches are 0 at the tie, x = 0: one is 0, the other g * x and g * expm1(x).
    ("leaky_relu by slope", "x > 0 -> x >= 0"),
    ("elu by alpha", "x > 0 -> x >= 0"),
    # Here |x| is above 700.
    ("_silu_slope", "x < 0 -> x <= 0"),
    # y is 0, 1 or nan here, so that this is 0 or nan in any case.
    *[
        ("_power_slope_by_exponent", f"0.0 * y -> {text}")
        for text in ["-(0.0 * y)", "2 * (0.0 * y)", "(0.0 * (0.0) * (y))", "(0.0 * (y) * (y))"]
    ],
    # At x = 0, where x**n is 0, 1 or inf, it is n = 0 that has to be told apart.
    (
        "_power_slope",
        "1e-290 < abs(y) < inf and abs(x) > 0 -> 1e-290 < abs(y) < inf and abs(n) > 0",
    ),
    # Where this is chosen, it is a factor of exp(-800), which is 0.
    ("_exp_of_difference", "0.0 -> 1.0"),
    # Any of several largest will do.
    ("_first_largest", "largest < xs[i] -> largest <= xs[i]"),
    # A condition holds if it is not 0, and i < index is index > i, where the other one is False.
    ("is_at", "choose(index < i, False, index <= i) -> -(choose(index < i, False, index <= i))"),
    ("is_at", "choose(index < i, False, index <= i) -> 2 * (choose(index < i, False, index <= i))"),
    (
        "is_at",
        "return choose(index < i, False, index <= i) -> "
        "return choose(i < index, False, i <= index)",
    ),
    # The first contribution is 0.0, and -0.0 is as good.
    *[
        ("_pick_rule", f"{PICKED} -> {text}")
        for text in [f"[0.0, *({PICKED})[1:]]", f"[-({PICKED})[0], *({PICKED})[1:]]"]
    ],
    # Only whether it is a float is asked of what comes first.
    *[
        (f"{name} by {operand}", f"{before}{result}{after} -> {before}{x}{after}")
        for name, result, xs, places in [
            ("atan2", "angle", "yx", {"y": ATAN2_BY_Y, "x": ATAN2_BY_X}),
            ("hypot", "y", "ab", {"a": HYPOT_BY_A, "b": HYPOT_BY_B}),
        ]
        for operand, (before, after) in places.items()
        for x in xs
    ],
}

PUT_BACK = "choose(difference > -800, lost, 0.0)"

# What differences have no say about: the tests, which know each derivative to its last digits, do.
NOT_BY_DIFFERENCES = {
    # Here |x| is above 700, and the tail so small that 1 - tail is 1; its derivative is not 0.
    ("_silu_slope", "1 - tail -> (1)"),
    ("_silu_slope", "1 - tail -> (1 + (tail))"),
    # Any scale will do that keeps numbers in the range, and the norm of the scaled ones is divided
    # by; this one fails for the smallest numbers, which have few digits for anything.
    ("_cosines", "x / largest -> (x / (largest) / (largest))"),
    # The order of polygamma and the index of pick, whole numbers; a derivative that is a decree.
    ("polygamma by n", "nan -> g"),
    ("_pick_rule", "0.0 -> 1.0"),
    ("detach", "0.0 -> g"),
    # Both formulas are right here, but for the last digits; and x**n with a negative x, where one
    # of them has the wrong sign of an infinity.
    ("_power_slope", "0.5 <= n <= 4 -> 0.5 <= x <= 4"),
    ("_power_slope", "x > 0 -> n > 0"),
    # At x = 0 only.
    ("_power_slope_by_exponent", "abs(x) <= 0 -> abs(y) <= 0"),
    # What is for tapes, where numbers are not known yet.
    ("choose", "condition.__class__ is bool -> (not (condition.__class__ is bool))"),
    ("_cosines", "y.__class__ is float -> (not (y.__class__ is float))"),
    ("_first_largest", "is_larger is not False -> (not (is_larger is not False))"),
    ("_first_largest", "is_larger -> (not (is_larger))"),
    ("_logsumexp_rule", "place.__class__ is int -> (not (place.__class__ is int))"),
    ("_logsumexp_rule", "1.0 -> 2.0"),
    ("_logsumexp_rule", "is_at(place, i) -> (not (is_at(place, i)))"),
    # Then the largest is not found, which matters where exp overflows.
    ("_first_largest", "1 -> 2"),
    # 0 ** n jumps at n = 0, is 0 above and infinite below; only at the jump does this matter.
    ("_power_slope_by_exponent", "n < 0 -> n <= 0"),
    ("_power_slope_by_exponent", "n < 0 -> y < 0"),
    ("_power_slope_by_exponent", "abs(x) <= 0 and not n < 0 -> abs(n) <= 0 and not x < 0"),
    *[("_power_slope_by_exponent", f"0.0 * y -> {text}") for text in ["0.0", "(y)"]],
    ("_power_slope_by_exponent", "return 0.0 * y -> return 0.0 * x"),
    ("_power_slope_by_exponent", "return 0.0 * y -> return 0.0 * n"),
    ("_power_slope_by_exponent", "0.0 -> 1.0"),
    # A rounding error that is put back, less than the 64 units that check_gradients grants.
    ("_exp_of_difference", "back = difference - x -> back = difference - largest"),
    ("_exp_of_difference", "difference - x -> (difference)"),
    ("_exp_of_difference", "difference - x -> (-(x))"),
    ("_exp_of_difference", "difference - x -> (difference + (x))"),
    *[
        ("_exp_of_difference", f"(x - (difference - back)) - (largest + back) -> {text}")
        for text in [
            "(x - (difference - back))",
            "(-(largest + back))",
            "(x - (difference - back) + (largest + back))",
        ]
    ],
    ("_exp_of_difference", f"1 + {PUT_BACK} -> (1)"),
    ("_exp_of_difference", f"1 + {PUT_BACK} -> (1 - ({PUT_BACK}))"),
    *[
        ("_exp_of_difference", f"exp(difference) * (1 + {PUT_BACK}) -> (exp(difference){factor})")
        for factor in ["", f" * (1 + {PUT_BACK})" * 2]
    ],
}


@dataclass(frozen=True)
class Mutant:
    """A change of one file.

    Attributes:
        file: its name.
        place: the rule or function that is changed: ``"hypot by a"``, ``"_cosines"``; or the file.
        subjects: the primitives whose derivatives it may change; none if it may be any.
        kind: what kind of change it is.
        line: where it is.
        change: the text before and after.
        source: all of the changed file.
    """

    file: str
    place: str
    subjects: tuple[str, ...]
    kind: str
    line: int
    change: str
    source: str

    def __str__(self) -> str:
        return f"{self.place:24} {self.kind:20} line {self.line}: {self.change}"


# --- Making mutants -------------------------------------------------------------------------------


class Source:
    """The text of a file and its syntax tree; makes copies with the text of some nodes replaced."""

    def __init__(self, path: Path) -> None:
        self.file = path.name
        self.text = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.text)
        starts = [0]
        for line in self.text.splitlines(keepends=True):
            starts.append(starts[-1] + len(line.encode()))
        self._starts = starts
        self._encoded = self.text.encode()
        self.functions = {
            node.name: node for node in self.tree.body if isinstance(node, ast.FunctionDef)
        }

    def of(self, node: ast.AST) -> str:
        """The text of a node."""
        return self.replaced({}, node)

    def span(self, node: Any) -> tuple[int, int]:
        """Where the text of a node begins and ends, in bytes."""
        start = self._starts[node.lineno - 1] + node.col_offset
        return start, self._starts[node.end_lineno - 1] + node.end_col_offset

    def replaced(self, new: dict[Any, str], within: Any = None) -> str:
        """The text of the file, or of one node, with the nodes within replaced."""
        begin, end = (0, None) if within is None else self.span(within)
        text = self._encoded[:end]
        for node, replacement in sorted(new.items(), key=lambda item: -self.span(item[0])[0]):
            start, stop = self.span(node)
            text = text[:start] + replacement.encode() + text[stop:]
        return text[begin:].decode()


# What kind, the new text of some nodes, and a node around them to show.
Change = tuple[str, dict[Any, str], Any]


@dataclass(frozen=True)
class Rule:
    """A piece of code that gives derivatives: a lambda of a ``@primitive``, or a function."""

    source: Source
    place: str
    subjects: tuple[str, ...]
    body: Any  # of a lambda, or all of a function
    result: str | None  # the name that it has for the result of the operation
    operands: tuple[str, ...]

    def mutants(self) -> Iterator[Mutant]:
        """The rule, broken in every way, each once and none the same in other words."""
        known = {self._meaning({})}
        for kind, new, shown in self._changes():
            meaning = self._meaning(new)
            if meaning not in known:
                known.add(meaning)
                yield self.mutant(kind, new, shown)

    def mutant(self, kind: str, new: dict[Any, str], shown: Any) -> Mutant:
        """The file with the nodes replaced; ``shown`` is a node around them."""
        before, after = self.source.of(shown), self.source.replaced(new, shown)
        change = f"{' '.join(before.split())} -> {' '.join(after.split())}"
        text = self.source.replaced(new)
        file = self.source.file
        return Mutant(file, self.place, self.subjects, kind, shown.lineno, change, text)

    def _meaning(self, new: dict[Any, str]) -> str:
        """The syntax tree of the rule with the nodes replaced, as text."""
        text = self.source.replaced(new, self.body)
        is_function = isinstance(self.body, ast.FunctionDef)
        return ast.dump(ast.parse(text if is_function else f"({text})"))

    def _changes(self) -> Iterator[Change]:
        yield from self._of_what_it_gives()
        yield from self._of_names()
        compared = {id(n) for c in self._comparisons() for n in ast.walk(c)}
        for node in self._nodes():
            if isinstance(node, ast.BinOp):
                for kind, text in self._of_arithmetic(node):
                    yield kind, {node: text}, node
            elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
                if not _is_number(node):
                    yield "sign", {node: f"({self.source.of(node.operand)})"}, node
            elif _is_number(node) and id(node) not in compared and not self._is_bound(node):
                one_more = ast.literal_eval(node) + 1
                yield "one too large", {node: repr(one_more)}, node
            elif isinstance(node, ast.Compare) and not _is_of_size(node):
                yield from self._of_ties(node)
        for test in self._conditions():
            if not _is_of_size(test):  # or it is one between two formulas for the same
                yield "branches exchanged", {test: f"(not ({self.source.of(test)}))"}, test

    # --- The kinds of mutants ---

    def _of_what_it_gives(self) -> Iterator[Change]:
        returned = [self.body]
        if isinstance(self.body, ast.FunctionDef):
            returned = [n.value for n in self._nodes() if isinstance(n, ast.Return)]
        for node in returned:
            text = self.source.of(node)
            if self._is_list(node):
                changes = {
                    "signs": f"[-c for c in {text}]",
                    "factor 2": f"[2 * c for c in {text}]",
                    "first dropped": f"[0.0, *({text})[1:]]",
                    "last dropped": f"[*({text})[:-1], 0.0]",
                    "first sign": f"[-({text})[0], *({text})[1:]]",
                }
                if not isinstance(node, ast.BinOp):  # [g] * n, where all are the same
                    changes["the next one's"] = f"[*({text})[1:], ({text})[0]]"
            elif text in ("0.0", "nan"):
                changes = {f"not {text}": "g"}
            else:
                changes = {"sign": f"-({text})", "factor 2": f"2 * ({text})", "dropped": "0.0"}
            for kind, new in changes.items():
                yield kind, {node: new}, node

    def _is_list(self, node: ast.expr) -> bool:
        returns = getattr(self.body, "returns", None)
        if returns is not None:
            return self.source.of(returns).startswith("list")
        return isinstance(node, ast.ListComp) or "* len(" in self.source.of(node)

    def _of_names(self) -> Iterator[Change]:
        uses: dict[str, list[ast.AST]] = {}
        for node in self._nodes():
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                uses.setdefault(node.id, []).append(node)
        for a, b in combinations(self.operands, 2):
            exchanged = {node: b for node in uses.get(a, ())}
            exchanged |= {node: a for node in uses.get(b, ())}
            for shown in self._statements():
                inside = set(ast.walk(shown))
                some = {node: name for node, name in exchanged.items() if node in inside}
                if some:
                    yield "operands exchanged", some, shown
        if self.result is not None:
            rough = {
                id(n) for test in self._conditions() if _is_of_size(test) for n in ast.walk(test)
            }
            for old, names in [(self.result, self.operands)] + [
                (operand, (self.result,)) for operand in self.operands
            ]:
                for node in uses.get(old, ()):
                    for name in names if id(node) not in rough else ():
                        yield "stale value", {node: name}, self._statement_of(node)

    def _of_arithmetic(self, node: ast.BinOp) -> Iterator[tuple[str, str]]:
        left, right = self.source.of(node.left), self.source.of(node.right)
        match node.op:
            case ast.Add() | ast.Sub():
                plus = isinstance(node.op, ast.Add)
                yield "right term dropped", f"({left})"
                yield "left term dropped", f"({'' if plus else '-'}({right}))"
                yield "sign", f"({left} {'-' if plus else '+'} ({right}))"
            case ast.Mult():
                if isinstance(node.left, ast.List):
                    return
                yield "right factor dropped", f"({left})"
                yield "left factor dropped", f"({right})"
                yield "right squared", f"({left} * ({right}) * ({right}))"
                yield "left squared", f"({left} * ({left}) * ({right}))"
            case ast.Div():
                yield "divisor dropped", f"({left})"
                yield "divisor squared", f"({left} / ({right}) / ({right}))"
                yield "quotient inverted", f"(({right}) / ({left}))"

    def _of_ties(self, node: ast.Compare) -> Iterator[Change]:
        left, right = self.source.of(node.left), self.source.of(node.comparators[0])
        at_the_tie = {ast.Lt: "<=", ast.Gt: ">=", ast.LtE: "<", ast.GtE: ">"}
        operator = at_the_tie.get(type(node.ops[0]))
        if operator is not None:
            yield "tie", {node: f"{left} {operator} {right}"}, node

    # --- Parts of the rule ---

    def _nodes(self) -> Iterator[Any]:
        """Those of its syntax tree, but for ``if is_open(x): return by_cases(...)``.

        That is for tapes, and the tests of rules on tapes are for it.
        """
        waiting = deque([self.body])
        while waiting:
            node = waiting.popleft()
            if not (isinstance(node, ast.If) and _calls(node.test, "is_open")):
                yield node
                waiting.extend(ast.iter_child_nodes(node))

    def _statements(self) -> list[Any]:
        """The lambda's expression, or the function's simple statements and its conditions."""
        if not isinstance(self.body, ast.FunctionDef):
            return [self.body]
        nodes = list(self._nodes())
        simple = (ast.Assign, ast.AugAssign, ast.Return, ast.Expr)
        return [n for n in nodes if isinstance(n, simple)] + [
            n.test for n in nodes if isinstance(n, ast.If)
        ]

    def _statement_of(self, node: ast.AST) -> Any:
        around = (*self._comparisons(), *self._statements())
        return next((s for s in around if any(n is node for n in ast.walk(s))), self.body)

    def _conditions(self) -> list[ast.expr]:
        return [
            node.test if isinstance(node, ast.If | ast.IfExp) else node.args[0]
            for node in self._nodes()
            if isinstance(node, ast.If | ast.IfExp)
            or (isinstance(node, ast.Call) and _called(node) == "choose")
        ]

    def _comparisons(self) -> list[ast.Compare]:
        return [node for node in self._nodes() if isinstance(node, ast.Compare)]

    def _is_bound(self, number: ast.AST) -> bool:
        """Whether it is a bound of clamp, beyond which all is 0 whatever the bound."""
        return any(
            isinstance(node, ast.Call) and _called(node) == "clamp" and number in ast.walk(node)
            for node in self._nodes()
        )


def _called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _calls(node: ast.AST, name: str) -> bool:
    return any(isinstance(n, ast.Call) and _called(n) == name for n in ast.walk(node))


def _is_number(node: ast.AST) -> bool:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _is_number(node.operand)
    return isinstance(node, ast.Constant) and isinstance(node.value, float | int)


def _is_of_size(test: ast.expr) -> bool:
    """Whether a number other than 0 is what the condition compares with."""
    return any(_is_number(n) and ast.literal_eval(n) != 0 for n in ast.walk(test))


def rules_of(source: Source) -> Iterator[Rule]:
    """All that gives derivatives in the file."""
    callers: dict[str, set[str]] = {}

    def note(node: ast.AST, primitive: str) -> None:
        for name in {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}:
            function = source.functions.get(name)
            if function is None or _primitive_decorator(function):
                continue
            if primitive not in callers.setdefault(name, set()):
                callers[name].add(primitive)
                note(function, primitive)

    for function in source.functions.values():
        decorator = _primitive_decorator(function)
        for i, rule in enumerate(decorator.args if decorator else ()):
            primitive = _primitive_name(function)
            note(rule, primitive)
            if isinstance(rule, ast.Lambda):
                operands = [argument.arg for argument in function.args.args]
                place = f"{primitive} by {operands[i]}" if operands[1:] else primitive
                _, y, *xs = [argument.arg for argument in rule.args.args]
                yield Rule(source, place, (primitive,), rule.body, y, tuple(xs))
    for name, primitives in callers.items():
        function = source.functions[name]
        names = [a.arg for a in function.args.args]
        result = "y" if "y" in names else None
        xs = [x for x in names if x not in ("g", "y", "condition")]
        yield Rule(source, name, tuple(sorted(primitives)), function, result, tuple(xs))


def _primitive_decorator(function: ast.FunctionDef) -> ast.Call | None:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and _called(decorator) == "primitive":
            return decorator
    return None


def _primitive_name(function: ast.FunctionDef) -> str:
    for keyword in getattr(_primitive_decorator(function), "keywords", ()):
        if keyword.arg == "name":
            return str(ast.literal_eval(keyword.value))
    return function.name


def mutants_of_accumulation(source: Source) -> Iterator[Mutant]:
    """Every sum that grows, of gradients or tangents, replaced by what was added to it."""
    rule = Rule(source, source.file, (), source.tree, None, ())
    for node in ast.walk(source.tree):
        if isinstance(node, ast.AugAssign) and source.of(node.target).endswith(".grad"):
            new = f"{source.of(node.target)} = {source.of(node.value)}"
            yield rule.mutant("assigned, not added", {node: new}, node)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            what = source.of(node.left)
            if what in ("total", "earlier") or what.endswith(".grad"):
                new = source.of(node.right)
                yield rule.mutant("assigned, not added", {node: new}, node)


def all_mutants(by: str) -> list[Mutant]:
    """Those of every file of the engine that can be caught."""
    sources = [Source(path) for path in sorted(PACKAGE.glob("*.py"))]
    mutants = [m for s in sources for rule in rules_of(s) for m in rule.mutants()]
    mutants += [m for s in sources for m in mutants_of_accumulation(s)]
    unused = (EQUIVALENT | NOT_BY_DIFFERENCES) - {(m.place, m.change) for m in mutants}
    assert not unused, f"changes that are not made any more: {unused}"
    left_out = EQUIVALENT | (NOT_BY_DIFFERENCES if by == "check_gradients" else set())
    return [m for m in mutants if (m.place, m.change) not in left_out]


# --- Testing one ----------------------------------------------------------------------------------

# What pytest exits with if a test failed, if none did, and if a file has none of the primitive.
CAUGHT, SURVIVED, NO_TESTS = 1, 0, 5
Judge = Callable[[Mutant | None], int]


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
    """Of the tests that are swept over primitives, those of some; the likeliest to fail first."""

    def __init__(self, primitives: Sequence[str]) -> None:
        self.primitives = primitives
        from tests import strategies  # imports the engine, so not before the mutant is in place

        # Tests of all the others need not even be collected, which takes longer than running one's.
        strategies.PRIMITIVES[:] = [p for p in strategies.PRIMITIVES if p.name in primitives]

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        def concerns(item: Any) -> bool:
            parameters = getattr(item, "callspec", None)
            return parameters is not None and any(
                name in (getattr(p, "name", p), p[0] if isinstance(p, tuple) else None)
                for name in self.primitives
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
    files = sorted({*TESTS_OF_RULES, *TESTS_OF_SUMS})
    if mutant is not None and mutant.subjects:
        files = TESTS_OF_RULES
    elif mutant is not None:
        own = f"test_{Path(mutant.file).stem}"
        files = [own] if (ROOT / "tests" / f"{own}.py").exists() else []
        files += TESTS_OF_SUMS
    for file in files:
        plugins = [Selection(mutant.subjects)] if mutant is not None and mutant.subjects else []
        status = int(pytest.main([*options, str(ROOT / "tests" / f"{file}.py")], plugins))
        if status not in (SURVIVED, NO_TESTS):
            return status
    return SURVIVED


def run_check_gradients(mutant: Mutant | None) -> int:
    """The same by nothing but ``check_gradients``, at the points of ``test_testing_mutants``."""
    from autograd_scalar.primitives import RULES
    from tests import strategies, test_testing_mutants

    names = [p.name for p in strategies.PRIMITIVES] if mutant is None else mutant.subjects
    try:
        caught = any(test_testing_mutants.is_caught(RULES[name], MODES) for name in names)
        if mutant is None or not mutant.subjects:
            caught = caught or test_testing_mutants.is_a_lost_sum_caught()
    except Exception:  # not a wrong number, but nobody could miss it
        traceback.print_exc()
        return CAUGHT
    return CAUGHT if caught else SURVIVED


JUDGES = {"tests": run_tests, "check_gradients": run_check_gradients}


def fork(judge: Judge, mutant: Mutant | None, log: str) -> int:
    """The process id of a child that tests the mutant, writes to the file and exits."""
    child = os.fork()
    if child:
        return child
    status = 70
    try:
        signal.alarm(PATIENCE if mutant is not None else 5 * PATIENCE)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.path.insert(0, str(ROOT))
        sys.dont_write_bytecode = True
        if mutant is not None:
            sys.meta_path.insert(0, Importer(mutant))
        status = judge(mutant)
    finally:
        sys.stdout.flush()
        os._exit(status)


# --- Testing all ----------------------------------------------------------------------------------


def run(mutants: list[Mutant], judge: Judge, processes: int) -> bool:
    """Test all, a few at a time, and print what came out; whether all is well."""
    started = time.monotonic()
    gc.freeze()  # no child has to look through what is here already
    waiting: list[Mutant | None] = [*reversed(mutants), None]  # the engine as it is goes first
    running: dict[int, tuple[Mutant | None, str]] = {}
    caught, survivors, failures = 0, [], []
    with tempfile.TemporaryDirectory() as logs:
        while waiting or running:
            while waiting and len(running) < processes:
                mutant = waiting.pop()
                log = f"{logs}/{len(waiting)}"
                running[fork(judge, mutant, log)] = mutant, log
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
                what = "the engine as it is" if mutant is None else str(mutant)
                failures.append(f"{what}: exit status {status}\n{tail}")
                if mutant is None:
                    waiting.clear()  # tests that fail anyway say nothing about mutants
    for failure in failures:
        print(f"could not be tested: {failure}\n")
    if survivors:
        print("Survived:\n")
        for mutant in sorted(survivors, key=lambda mutant: (mutant.file, mutant.line)):
            print(f"  {mutant}")
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
    parser.add_argument("--by", choices=JUDGES, default="tests", help="what has to catch them")
    parser.add_argument("--only", metavar="NAME", help="of this primitive, function or file only")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--list", action="store_true", help="print the mutants and test none")
    arguments = parser.parse_args()
    mutants = [
        m
        for m in all_mutants(arguments.by)
        if arguments.only in (None, *m.subjects, m.place, m.file)
    ]
    if not mutants:
        parser.error(f"no primitive and no file is named {arguments.only!r}")
    if arguments.list:
        for mutant in mutants:
            print(f"{mutant}")
        return 0
    return 0 if run(mutants, JUDGES[arguments.by], max(1, arguments.processes)) else 1


if __name__ == "__main__":
    sys.exit(main())
