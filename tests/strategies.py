"""What the tests draw: the kit's strategies, on the package's own primitives."""

from collections.abc import Sequence

from hypothesis import strategies as st

from autograd_scalar.primitives import RULES, Primitive
from autograd_scalar.testing.programs import (
    OPERATORS,
    Program,
    Step,
    by_functions,
    by_operators,
    counts,
    interval,
    package_primitives,
)
from autograd_scalar.testing.strategies import expressions, numbers, operands

__all__ = [
    "OPERATORS",
    "PRIMITIVES",
    "Program",
    "Step",
    "by_functions",
    "by_operators",
    "counts",
    "interval",
    "numbers",
    "operands",
    "programs",
    "whole_programs",
]

# Those of the package: a doctest or another test file may have made primitives of its own.
PRIMITIVES = package_primitives()

WHOLE = [RULES[name] for name in ("+", "-", "*", "neg", "abs", "fsum", "dot", "prod", "relu")]
WHOLE += [RULES[name] for name in ("maximum", "minimum", "where", "clamp", "leaky_relu")]


def programs(primitives: Sequence[Primitive] = PRIMITIVES) -> st.SearchStrategy[Program]:
    """Programs that are finite everywhere, with operands in the domains."""
    return expressions(primitives)


def whole_programs() -> st.SearchStrategy[Program]:
    """Programs on small whole numbers, where floats do not round and laws hold to the bit."""
    return expressions(WHOLE, kind="whole", largest=100.0)
