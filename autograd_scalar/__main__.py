"""The command line: ``python -m autograd_scalar draw "tanh(w*x + b)" w=2 x=0.5 b=-1``."""

import argparse
import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from autograd_scalar import Value, __version__
from autograd_scalar.draw import LIMIT, draw
from autograd_scalar.draw.animate import LIMIT as MOST_ANIMATED
from autograd_scalar.draw.animate import animate
from autograd_scalar.draw.text import number, plain
from autograd_scalar.draw.tree import tree
from autograd_scalar.expression import FUNCTIONS, Expression, parse

PROGRAM = "python -m autograd_scalar"
DIGITS = 12

EXAMPLES = f"""\
examples:
  {PROGRAM} draw "tanh(w*x + b)" w=2 x=0.5 b=-1
  {PROGRAM} draw "where(x > 0, x, 0.1*x)" x=-3 -o slope.png
  {PROGRAM} animate "tanh(w*x + b)" w=2 x=0.5 b=-1 -o neuron.svg
  {PROGRAM} tree "tanh(w*x + b)" w=2 x=0.5 b=-1
  {PROGRAM} demo --directory pictures
"""

LANGUAGE = f"""\
An expression has numbers, names, parentheses, + - * / // % ** and
{fill(", ".join(FUNCTIONS), 78)}.
"""

DRAW_EXAMPLES = f"""\
{LANGUAGE}
examples:
  {PROGRAM} draw "tanh(w*x + b)" w=2 x=0.5 b=-1 -o neuron.svg -p w -p b
  {PROGRAM} draw "(a - b)**2 / 2" a=3 b=1 -o loss.png
  {PROGRAM} draw "(a*b + a) * a" a=2 b=3 --paths a --direction down
  {PROGRAM} draw "sigmoid(sigmoid(x))" x=4 --heat grad --theme dark
"""

ANIMATE_EXAMPLES = f"""\
{LANGUAGE}
examples:
  {PROGRAM} animate "tanh(w*x + b)" w=2 x=0.5 b=-1 -o neuron.svg -p w -p b
  {PROGRAM} animate "(a*b + a) * a" a=2 b=3 --seconds 12
"""

TREE_EXAMPLES = f"""\
{LANGUAGE}
examples:
  {PROGRAM} tree "tanh(w*x + b)" w=2 x=0.5 b=-1
  {PROGRAM} tree "(a - b)**2 / (a + b)" a=3 b=1 --width 100
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, 1 if the machine stood in the way, 2 if it was asked wrongly."""
    try:
        options = _options(sys.argv[1:] if arguments is None else arguments)
        status: int = options.command(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Whoever read the output has enough. Python would flush again at exit, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, ValueError) else 1


def draw_command(options: argparse.Namespace) -> int:
    """Compute an expression and its derivatives, and draw its graph."""
    result, leaves = computed(options)
    tangents = dict(_pair(binding) for binding in options.tangents)
    draw(
        result,
        options.output,
        parameters=_leaves("parameter", options.parameters, leaves),
        limit=options.limit,
        theme=options.theme,
        direction=options.direction,
        formula=options.formula,
        heat=options.heat,
        paths=_leaves("path", options.paths, leaves) or None,
        tangents=dict(zip(_leaves("tangent", tangents, leaves), tangents.values(), strict=True))
        or None,
    )
    _report(options, result, leaves)
    return 0


def animate_command(options: argparse.Namespace) -> int:
    """Compute an expression and its derivatives, and animate both passes."""
    result, leaves = computed(options)
    animate(
        result,
        options.output,
        parameters=_leaves("parameter", options.parameters, leaves),
        seconds=options.seconds,
        limit=options.limit,
        theme=options.theme,
        direction=options.direction,
    )
    _report(options, result, leaves)
    return 0


def _report(options: argparse.Namespace, result: Value, leaves: dict[str, Value]) -> None:
    """Print the value, the derivatives and where the picture is."""
    rows = [("value", result.data), *((f"d/d{name}", leaf.grad) for name, leaf in leaves.items())]
    width = max(len(what) for what, _ in rows)
    for what, x in rows:
        figure = number(x, DIGITS)
        _say(f"{what:{width}}  {figure if figure.startswith('-') else ' ' + figure}")
    _say(f"wrote {plain(str(options.output))}")


def _leaves(what: str, names: Iterable[str], leaves: dict[str, Value]) -> list[Value]:
    """The leaves of these names; ValueError for one that there is not."""
    found = []
    for name in names:
        normal = unicodedata.normalize("NFKC", name)
        if normal not in leaves:
            raise ValueError(f"{what} {name!r} is not in the expression")
        found.append(leaves[normal])
    return found


def _pair(binding: str) -> tuple[str, float]:
    """The name and the number of ``x=1``."""
    name, equals, text = binding.partition("=")
    return name.strip(), _number(name, text) if equals else 1.0


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name}={text!r} is not a number") from None


def tree_command(options: argparse.Namespace) -> int:
    """Compute an expression and its derivatives, and print its graph."""
    result, _ = computed(options)
    _say(tree(result, width=options.width, limit=options.limit))
    return 0


def demo_command(options: argparse.Namespace) -> int:
    """Train a small network and draw it."""
    from nn import demo

    return demo.main(directory=options.directory, seed=options.seed)


def computed(options: argparse.Namespace) -> tuple[Value, dict[str, Value]]:
    """The result of the expression after its backward pass, and the leaf of each name in it."""
    expression = parse(options.expression)
    leaves = bind(expression, options.values)
    result = expression.evaluate(leaves)
    result.backward()
    return result, leaves


def bind(expression: Expression, bindings: Sequence[str]) -> dict[str, Value]:
    """A leaf for every name of the expression, in order of appearance.

    >>> bind(parse("w*x"), ["x=3", "w=2"])
    {'w': Value(data=2.0, grad=0.0, label='w'), 'x': Value(data=3.0, grad=0.0, label='x')}

    Raises ValueError for a binding that is malformed, doubled or of no name in the expression, and
    for a name without one.
    """
    numbers: dict[str, float] = {}
    for binding in bindings:
        name, equals, text = binding.partition("=")
        name = unicodedata.normalize("NFKC", name.strip())  # as Python reads names
        if not equals:
            raise ValueError(f"{binding!r} is not of the form name=number")
        if name not in expression.names:
            known = ", ".join(expression.names) or "none"
            raise ValueError(f"{name!r} is not in the expression; the names there: {known}")
        if name in numbers:
            raise ValueError(f"{name!r} is given twice")
        numbers[name] = _number(name, text)
    if missing := [name for name in expression.names if name not in numbers]:
        raise ValueError(f"no number given for {', '.join(missing)}; add {missing[0]}=1, say")
    return {name: Value(numbers[name], label=name) for name in expression.names}


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _parser()
    # Where an option stands among the name=number, argparse leaves over those behind it.
    options, more = parser.parse_known_args([_shielded(argument) for argument in arguments])
    if more and ("values" not in options or any(a.startswith("-") for a in more)):
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    if more:
        options.values += more
    return options


def _shielded(argument: str) -> str:
    """An argument such as ``-x**2``, which argparse must not take for an option."""
    is_option = re.match(r"--?$|-h$|-[op][\w./\\-]*$|--[a-z]{2,}(=|$)", argument)
    return f" {argument}" if argument.startswith("-") and not is_option else argument


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Exact derivatives of arithmetic, and pictures of where they come from.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"autograd_scalar {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    of_expression: dict[str, Any] = {
        "parents": [_expression_parser()],
        "formatter_class": argparse.RawDescriptionHelpFormatter,
    }

    command = commands.add_parser(
        "draw",
        help="compute an expression and its derivatives, and draw its graph",
        description="Compute an expression and its derivative by each name, and draw its graph.",
        epilog=DRAW_EXAMPLES,
        **of_expression,
    )
    command.set_defaults(command=draw_command)
    _add_picture(command, "graph.svg", "as .svg, .png, .dot or .gv", LIMIT)
    command.add_argument(
        "--formula",
        action="store_true",
        help="write expressions in place of single operations",
    )
    command.add_argument(
        "--heat",
        metavar="WHAT",
        help="colour values by the logarithm of their grad or data",
    )
    command.add_argument(
        "--paths",
        action="append",
        default=[],
        metavar="NAME",
        help="show all paths from this name to the result; can be given more than once",
    )
    command.add_argument(
        "--tangent",
        dest="tangents",
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help="show how fast each value changes with this name (forward mode)",
    )

    command = commands.add_parser(
        "animate",
        help="compute an expression and its derivatives, and animate how",
        description="Compute an expression and its derivative by each name, and animate how.",
        epilog=ANIMATE_EXAMPLES,
        **of_expression,
    )
    command.set_defaults(command=animate_command)
    _add_picture(command, "animation.svg", "as .svg", MOST_ANIMATED)
    command.add_argument(
        "--seconds",
        type=float,
        metavar="N",
        help="the length of one run (default: as long as it takes to read it)",
    )

    command = commands.add_parser(
        "tree",
        help="compute an expression and its derivatives, and print its graph as text",
        description="Compute an expression and its derivatives, and print its graph as text.",
        epilog=TREE_EXAMPLES,
        **of_expression,
    )
    command.set_defaults(command=tree_command)
    command.add_argument(
        "--width",
        type=int,
        metavar="N",
        help="take at most N columns (default: those of the terminal)",
    )
    command.add_argument(
        "--limit",
        type=int,
        default=LIMIT,
        metavar="N",
        help="print at most N lines of the graph (default: %(default)s)",
    )

    command = commands.add_parser(
        "demo",
        help="train a small network and draw it",
        description="Train a small network and draw it.",
    )
    command.set_defaults(command=demo_command)
    command.add_argument(
        "--directory",
        type=Path,
        default=Path("."),
        metavar="DIR",
        help="where the pictures go (default: the current directory)",
    )
    command.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="of the random numbers; the same seed, the same result (default: %(default)s)",
    )
    return parser


def _expression_parser() -> argparse.ArgumentParser:
    """What the commands that compute an expression have in common."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("expression", help='for example "tanh(w*x + b)"')
    parser.add_argument("values", nargs="*", metavar="name=number", help="for example w=2 b=-1")
    return parser


def _add_picture(command: argparse.ArgumentParser, output: str, formats: str, limit: int) -> None:
    command.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path(output),
        metavar="FILE",
        help=f"where the picture goes, {formats} (default: %(default)s)",
    )
    command.add_argument(
        "-p",
        "--parameter",
        dest="parameters",
        action="append",
        default=[],
        metavar="NAME",
        help="colour this name as a parameter; can be given more than once",
    )
    command.add_argument(
        "--theme",
        default="auto",
        metavar="NAME",
        help="auto, light, dark, print or chalkboard (default: %(default)s)",
    )
    command.add_argument(
        "--direction",
        default="right",
        metavar="WAY",
        help="which way the arrows run: right, left, down or up (default: %(default)s)",
    )
    command.add_argument(
        "--limit",
        type=int,
        default=limit,
        metavar="N",
        help="refuse to show more than N values (default: %(default)s)",
    )


def _say(text: str) -> None:
    """Print, on a terminal of any encoding."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))


if __name__ == "__main__":
    sys.exit(main())
