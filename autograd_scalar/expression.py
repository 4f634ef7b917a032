"""Arithmetic written as text, read without ``eval`` and computed on Values.

>>> expression = parse("tanh(w*x + b)")
>>> expression.names
('w', 'x', 'b')
>>> w, x, b = Value(2.0), Value(0.5), Value(-1.0)
>>> y = expression.evaluate({"w": w, "x": x, "b": b})
>>> y.backward()
>>> y.data, w.grad
(0.0, 0.5)

There are numbers, names, parentheses, ``+ - * / // % **`` and the functions of this package:
``exp(x)``, ``maximum(a, b)``, ``mean(a, b, c)``, ``where(x > 0, a, b)``. Nothing else is let in.
"""

import ast
import inspect
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from math import inf
from typing import Any, NamedTuple, NoReturn

from autograd_scalar import functions
from autograd_scalar.draw.text import columns, plain, shortened
from autograd_scalar.primitives import RULES
from autograd_scalar.value import Value

LONGEST = 10_000  # characters; nobody types more, and Python's parser need not be tried with it

SHOWN = 72  # characters of a line in an error

OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: RULES["+"],
    ast.Sub: RULES["-"],
    ast.Mult: RULES["*"],
    ast.Div: RULES["/"],
    ast.FloorDiv: RULES["//"],
    ast.Mod: RULES["%"],
    ast.Pow: RULES["**"],
    ast.USub: RULES["neg"],
    ast.UAdd: lambda x: x,
}
COMPARISONS: dict[type[ast.AST], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def _listed(function: Callable[[Iterable[Any]], Any]) -> Callable[..., Any]:
    """A function of a sequence as one of any number of arguments."""
    return lambda *values: function(values)


OF_MANY = frozenset({"fsum", "logsumexp", "mean", "norm", "prod"})
# These take a sequence beside other things, or return one: an expression has no way to write it.
OF_LISTS = frozenset({"dot", "log_softmax", "pick", "softmax"})
FUNCTIONS: dict[str, Callable[..., Any]] = {"abs": RULES["abs"]} | {
    name: _listed(getattr(functions, name)) if name in OF_MANY else getattr(functions, name)
    for name in functions.__all__
    if name not in OF_LISTS
}

REFUSED: dict[type, str] = {
    ast.Attribute: "an attribute",
    ast.Subscript: "a subscript",
    ast.Lambda: "a lambda",
    ast.IfExp: "an if (write where(condition, a, b))",
    ast.Compare: "a comparison outside where(condition, a, b)",
    ast.BoolOp: "and, or",
    ast.UnaryOp: "not, ~",
    ast.BitXor: "^ (write ** for a power)",
    ast.BinOp: "an operator on bits or matrices",
    ast.NamedExpr: "an assignment",
    ast.Starred: "a starred argument",
    ast.List: "a list",
    ast.Tuple: "a tuple",
    ast.Set: "a set",
    ast.Dict: "a dictionary",
    ast.ListComp: "a comprehension",
    ast.SetComp: "a comprehension",
    ast.DictComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
    ast.JoinedStr: "a string",
    ast.Call: "a call of anything but a function's name",
}


class ExpressionError(ValueError):
    """An expression that can't be read, with the place: its message points there with a caret.

    Attributes:
        reason: what is wrong.
        text: the expression.
        line: the line of the place, from 1.
        column: the character in that line, from 1.
    """

    def __init__(self, reason: str, text: str, line: int = 1, column: int = 1) -> None:
        self.reason = reason
        self.text = text
        self.line = line
        self.column = column
        super().__init__(
            f"{reason} (line {line}, column {column})\n{_pointed_at(text, line, column)}"
        )


class Name(NamedTuple):
    """A step of an expression that fetches a value."""

    name: str


class Call(NamedTuple):
    """A step of an expression that applies a function to the last ``arity`` results."""

    function: Callable[..., Any]
    arity: int


Step = float | Name | Call


class Expression:
    """A parsed expression.

    Attributes:
        text: what it was parsed from.
        names: the names in it, in order of appearance.
        steps: the computation in postfix order, so that no depth of nesting needs recursion.
    """

    def __init__(self, text: str, steps: tuple[Step, ...]) -> None:
        self.text = text
        self.steps = steps
        self.names = tuple(dict.fromkeys(s.name for s in steps if isinstance(s, Name)))

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def evaluate(self, values: Mapping[str, Any]) -> Value:
        """Compute the expression on ``values``: Values, or numbers, which get their name as label.

        Parts without a name in them are computed on floats and leave no nodes.

        >>> parse("x ** 2 / 2").evaluate({"x": 3}).data
        4.5

        Raises KeyError for a name that is not in ``values``, TypeError for what is no number.
        """
        leaves: dict[str, Value] = {}
        for name in self.names:
            if name not in values:
                raise KeyError(f"evaluate: values has no {name!r}")
            value = values[name]
            leaves[name] = value if isinstance(value, Value) else Value(value, label=name)
        results: list[Any] = []
        for step in self.steps:
            if isinstance(step, Call):
                operands = results[-step.arity :]
                del results[-step.arity :]
                results.append(step.function(*operands))
            else:
                results.append(leaves[step.name] if isinstance(step, Name) else step)
        (result,) = results
        return result if isinstance(result, Value) else Value(result)


def parse(text: str) -> Expression:
    """Read an expression, refusing all that is not arithmetic.

    >>> parse("2 * (x + y")
    Traceback (most recent call last):
        ...
    autograd_scalar.expression.ExpressionError: '(' was never closed (line 1, column 5)
      2 * (x + y
          ^

    Raises ExpressionError, a ValueError, that says what is wrong and where; TypeError if ``text``
    is not a string.
    """
    if not isinstance(text, str):
        raise TypeError(f"parse: text must be a string, not {text!r}")
    text = text.strip()
    if len(text) > LONGEST:
        raise ExpressionError(f"at most {LONGEST} characters, not {len(text)}", text)
    return Expression(text, tuple(_Reader(text).steps()))


class _Reader:
    """Turns Python's syntax tree into steps, and whatever is wrong with it into an error."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.conditions: set[ast.expr] = set()

    def steps(self) -> Iterator[Step]:
        """The steps in postfix order: operands from left to right, then what applies to them."""
        stack: list[ast.expr | Step] = [self.tree()]
        while stack:
            item = stack.pop()
            if isinstance(item, ast.expr):
                step, operands = self.step(item)
                stack.append(step)
                stack += reversed(operands)
            else:
                yield item

    def tree(self) -> ast.expr:
        """The syntax tree of the text."""
        if not self.text:
            raise ExpressionError("nothing to compute", self.text)
        if strange := re.search("[\0\ud800-\udfff]", self.text):
            *before, line = _lines(self.text[: strange.start()])
            raise ExpressionError("not a character", self.text, len(before) + 1, len(line) + 1)
        try:
            return ast.parse(self.text, mode="eval").body
        except SyntaxError as error:
            raise self.syntax_error(error) from None
        except (MemoryError, RecursionError):
            raise ExpressionError("nested too deeply", self.text) from None

    def syntax_error(self, error: SyntaxError) -> ExpressionError:
        """What Python has against the text, where it says so."""
        line = error.lineno or 1
        if error.msg.startswith("Exceeds the limit"):  # and goes on about Python's settings
            digits = re.search(r"[\d_]{1000,}", self.text)
            before = self.text[: digits.start()] if digits else ""
            return ExpressionError(
                "a number with too many digits", self.text, line, len(before) + 1
            )
        end = len(_lines(self.text)[line - 1]) + 1
        return ExpressionError(error.msg, self.text, line, error.offset or end)

    def step(self, node: ast.expr) -> tuple[Step, list[ast.expr]]:
        """What ``node`` does, and to which operands."""
        match node:
            case ast.Constant(value=value):
                return self.number(node, value), []
            case ast.Name(id=name):
                if name in FUNCTIONS or name in OF_LISTS:
                    self.refuse(
                        node, f"{name} is a function; it needs its arguments in parentheses"
                    )
                return Name(name), []
            case ast.UnaryOp(op=op, operand=x) if type(op) in OPERATORS:
                return Call(OPERATORS[type(op)], 1), [x]
            case ast.BinOp(left=a, op=op, right=b) if type(op) in OPERATORS:
                return Call(OPERATORS[type(op)], 2), [a, b]
            case ast.Compare(left=a, ops=ops, comparators=comparators) if node in self.conditions:
                if len(ops) > 1 or type(ops[0]) not in COMPARISONS:
                    self.refuse(node, "a condition is one comparison by <, <=, > or >=")
                return Call(COMPARISONS[type(ops[0])], 2), [a, *comparators]
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=keywords):
                if keywords:
                    self.refuse(keywords[0], "arguments go by their place, not by name")
                if name == "where":
                    self.conditions.update(arguments[:1])
                return Call(self.function(node, name, arguments), len(arguments)), arguments
        what = REFUSED.get(type(getattr(node, "op", None))) or REFUSED.get(type(node), "this")
        self.refuse(node, f"{what}; there are only numbers, names, + - * / // % ** and functions")

    def number(self, node: ast.expr, value: object) -> float:
        """A literal as a float; beyond the largest it is inf, as ``1e999`` is for Python."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(node, f"only real numbers, not {shortened(plain(repr(value)))}")
        try:
            return float(value)
        except OverflowError:
            return inf

    def function(self, node: ast.expr, name: str, arguments: list[ast.expr]) -> Callable[..., Any]:
        """The function of that name, once it is known to take so many arguments."""
        if name in OF_LISTS:
            self.refuse(node, f"{name} is about lists, which an expression can't write")
        if name not in FUNCTIONS:
            near = get_close_matches(name, FUNCTIONS, n=1)
            self.refuse(node, f"no function {name!r}{f'; did you mean {near[0]}?' if near else ''}")
        count = len(arguments)
        parameters = inspect.signature(FUNCTIONS[name]).parameters.values()
        required = sum(p.default is p.empty for p in parameters)
        if count < required or (count > len(parameters) and name not in OF_MANY):
            listed = ", ".join(
                "a, b, ..." if p.kind is p.VAR_POSITIONAL else p.name for p in parameters
            )
            self.refuse(
                node, f"it is {name}({listed}), not with {count} argument{'s' * (count != 1)}"
            )
        return FUNCTIONS[name]

    def refuse(self, node: ast.expr | ast.keyword, reason: str) -> NoReturn:
        """Raise the error, pointing at ``node``."""
        line = _lines(self.text)[node.lineno - 1]
        column = len(line.encode()[: node.col_offset].decode()) + 1  # the tree counts in bytes
        raise ExpressionError(reason, self.text, node.lineno, column)


# --- Showing a place ------------------------------------------------------------------------------


def _lines(text: str) -> list[str]:
    """Lines as Python's parser counts them: a form feed ends none."""
    return re.split(r"\r\n?|\n", text)


def _pointed_at(text: str, line: int, column: int) -> str:
    """The line with a caret under the column, and as much around it as fits a terminal."""
    whole = _lines(text)[line - 1]
    start = max(0, column - 1 - SHOWN // 2) if len(whole) > SHOWN else 0
    before, after = whole[start : column - 1], whole[column - 1 : start + SHOWN]
    shown = f"{'…' * (start > 0)}{plain(before)}"
    return f"  {shown}{plain(after)}\n  {' ' * columns(shown)}^"
