"""The command line: ``python -m autograd_scalar draw "tanh(w*x + b)" w=2 x=0.5 b=-1``."""

import argparse
import os
import re
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

from autograd_scalar import Value, __version__
from autograd_scalar.draw import LIMIT, draw
from autograd_scalar.draw.text import number, plain
from autograd_scalar.draw.tree import tree
from autograd_scalar.expression import FUNCTIONS, Expression, parse

PROGRAM = "python -m autograd_scalar"
DIGITS = 12

EXAMPLES = f"""\
examples:
  {PROGRAM} draw "tanh(w*x + b)" w=2 x=0.5 b=-1
  {PROGRAM} draw "where(x > 0, x, 0.1*x)" x=-3 -o slope.png
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
    if unknown := [name for name in options.parameters if name not in leaves]:
        raise ValueError(f"parameter {unknown[0]!r} is not in the expression")
    parameters = [leaves[name] for name in options.parameters]
    draw(result, options.output, parameters=parameters, limit=options.limit)
    rows = [("value", result.data), *((f"d/d{name}", leaf.grad) for name, leaf in leaves.items())]
    width = max(len(what) for what, _ in rows)
    for what, x in rows:
        figure = number(x, DIGITS)
        _say(f"{what:{width}}  {figure if figure.startswith('-') else ' ' + figure}")
    _say(f"wrote {plain(str(options.output))}")
    return 0


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
        try:
            numbers[name] = float(text)
        except ValueError:
            raise ValueError(f"{name}={text!r} is not a number") from None
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

    command = commands.add_parser(
        "draw",
        help="compute an expression and its derivatives, and draw its graph",
        description="Compute an expression and its derivative by each name, and draw its graph.",
        epilog=DRAW_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(command=draw_command)
    _add_expression(command)
    command.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("graph.svg"),
        metavar="FILE",
        help="where the picture goes, as .svg, .png, .dot or .gv (default: %(default)s)",
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
        "--limit",
        type=int,
        default=LIMIT,
        metavar="N",
        help="refuse to draw more than N values (default: %(default)s)",
    )

    command = commands.add_parser(
        "tree",
        help="compute an expression and its derivatives, and print its graph as text",
        description="Compute an expression and its derivatives, and print its graph as text.",
        epilog=TREE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(command=tree_command)
    _add_expression(command)
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


def _add_expression(command: argparse.ArgumentParser) -> None:
    command.add_argument("expression", help='for example "tanh(w*x + b)"')
    command.add_argument("values", nargs="*", metavar="name=number", help="for example w=2 b=-1")


def _say(text: str) -> None:
    """Print, on a terminal of any encoding."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))


if __name__ == "__main__":
    sys.exit(main())
