"""What a picture says: a number, a label and an operation as short, harmless text."""

import math
from collections.abc import Sequence

from autograd_scalar.primitives import detached
from autograd_scalar.value import Value

LONGEST_LABEL = 32
LONGEST_OPERATION = 24
MOST_TOLD = 8  # operands: more of them, with commas between them, are longer than that

INFIX = {"+": "+", "-": "−", "*": "×", "/": "/", "//": "//", "%": "%", "**": "**"}
SLOT = "·"  # stands for an operand that has a card, and so an arrow, of its own
JOINER = "\u200d"  # makes one emoji of several


def number(x: float, digits: int = 4) -> str:
    """A number for display, to a few significant digits.

    Below a million all digits before the point are kept. The exponent appears only where there
    would be too many digits to read.

    >>> [number(x) for x in (2.0, 1 / 3, 123456.7, 6.02e23, 1e-30, -0.0, math.nan, -math.inf)]
    ['2', '0.3333', '123457', '6.02e23', '1e-30', '-0', 'nan', '-inf']
    """
    x = float(detached(x))
    if not math.isfinite(x):
        return repr(x)
    before_the_point = len(str(int(abs(x)))) if 1 <= abs(x) < 1e6 else 0
    mantissa, e, exponent = f"{x:.{max(digits, before_the_point)}g}".partition("e")
    return f"{mantissa}e{int(exponent)}" if e else mantissa


def plain(text: object) -> str:
    r"""Text in which every character can be seen, and written in SVG, in DOT and in UTF-8.

    Any other (a line break, a control character, a lone surrogate, an override of the reading
    direction) is spelled as in Python's source. What is no string, as a label that was assigned
    may be, is written as it prints.

    >>> print(plain("two\nlines\x00"), plain(3))
    two\nlines\x00 3
    """
    return "".join(
        c if c.isprintable() or c == JOINER else c.encode("unicode_escape").decode()
        for c in str(text)
    )


def shortened(text: str, longest: int = LONGEST_LABEL) -> str:
    """Text with its middle left out where it is longer than ``longest`` characters.

    >>> shortened("layer 1, neuron 12, weight 7", longest=20)
    'layer 1, neu…eight 7'
    """
    if len(text) <= longest:
        return text
    tail = longest // 3 + 1
    return f"{text[: longest - tail - 1]}…{text[-tail:]}"


def operation(value: Value) -> str:
    """The operation that made a value, its constant operands written in their places.

    >>> x = Value(3.0)
    >>> [operation(y) for y in (x * x, x * 2, 2 / x, x)]
    ['×', '× 2', '2 /', '']
    """
    return applied(value.op, [None if isinstance(o, Value) else o for o in value.operands])


def applied(op: str, operands: Sequence[float | None]) -> str:
    """An operation, its constant operands written in their places; None is any other operand.

    >>> applied("-", [None, 2.0]), applied("clamp", [None, 0.0, 1.0])
    ('− 2', 'clamp(·, 0, 1)')
    """
    name = shortened(plain(INFIX.get(op, op)), LONGEST_OPERATION)
    constants = len(operands) - operands.count(None)
    if not constants:
        return name
    counted = f"{name}, {constants} constant{'s' * (constants != 1)}"
    if len(operands) > MOST_TOLD:
        return counted
    places = [SLOT if operand is None else number(operand) for operand in operands]
    if op in INFIX and len(places) == 2:
        left, right = places
        if SLOT not in places:
            return f"{left} {name} {right}"
        return f"{name} {right}" if left == SLOT else f"{left} {name}"
    call = f"{name}({', '.join(places)})"
    return call if len(call) <= LONGEST_OPERATION else counted


def columns(text: str) -> int:
    r"""The columns that text takes in a terminal.

    >>> columns("weight"), columns("重み"), columns("e\u0301")
    (6, 4, 1)
    """
    if text.isascii():
        return len(text)
    from unicodedata import category, east_asian_width

    return sum(
        0 if category(c) in ("Mn", "Me", "Cf") else 2 if east_asian_width(c) in "WF" else 1
        for c in text
    )
