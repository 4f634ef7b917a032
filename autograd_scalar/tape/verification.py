"""Verification: whether a function, run again at other numbers, leaves the same program.

A tape has constants. If one of them is a number that the function computed outside of the graph, by
``.data``, by NumPy, by a random generator, then the tape is wrong for other arguments, and silent
about it. So the first replay with other numbers is compared with a recording at those.
"""

from __future__ import annotations

from autograd_scalar import modes
from autograd_scalar.closures import link
from autograd_scalar.frames import place_in_users_code
from autograd_scalar.tape.recording import RecordingError, record
from autograd_scalar.value import Value, new_node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from autograd_scalar.primitives import Primitive
    from autograd_scalar.tape.compiled import Signature
    from autograd_scalar.tape.paths import Path
    from autograd_scalar.tape.program import Tape

_WAYS_OUT = (
    "What helps: make it an argument (a random number, too); for a number without derivative say "
    "detach(x) in place of x.data, for a function of math or NumPy that of autograd_scalar; "
    "or jit(f, check=False) if it is meant to stay as it was recorded"
)


def verify(
    f: Callable[..., Any], signature: Signature, path: Path, numbers: Sequence[float]
) -> None:
    """Raise RecordingError if ``f`` at these numbers is another program than that of the path.

    The path's guards have come out as recorded for these numbers.
    """
    before = path.recording
    now = record(f, numbers, signature.nesting.fill, signature.labels)
    if before.tape == now.tape and list(map(id, before.captured)) == list(map(id, now.captured)):
        return
    if now.outcomes != before.outcomes:
        both = zip(before.outcomes, now.outcomes, strict=False)
        shorter = min(len(before.outcomes), len(now.outcomes))
        place = next((i for i, (a, b) in enumerate(both) if a != b), shorter)
        guards = now.tape.guards if place < len(now.tape.guards) else before.tape.guards
        raise RecordingError(
            f"jit: the function took another way than its guards tell, at {guards[place].line}: it "
            f"decides by a number that is not in the graph. {_WAYS_OUT}"
        )
    raise RecordingError(_difference(f, signature, before.numbers, numbers, before.tape, now.tape))


def _difference(
    f: Callable[..., Any],
    signature: Signature,
    then: Sequence[float],
    now: Sequence[float],
    before: Tape,
    after: Tape,
) -> str:
    with modes.enter(detector=_Noter()):
        lines = record(f, now, signature.nesting.fill).tape.labels
    for (_, primitive, operands), (slot, primitive_2, operands_2) in zip(
        before.nodes(), after.nodes(), strict=False
    ):
        if primitive is not primitive_2 or len(operands) != len(operands_2):
            break
        for place, (o, o_2) in enumerate(zip(operands, operands_2, strict=True)):
            if o >= 0 or o_2 >= 0:
                continue
            a, b = before.constants[~o], after.constants[~o_2]
            if a.hex() == b.hex():
                continue
            line = f", at {lines[slot]}" if slot in lines else ""
            return (
                f"jit: operand {place} of {primitive.name} is a constant of the recorded program, "
                f"{a!r}, but is {b!r} for other arguments: it was computed outside of the graph"
                f"{line}. {_WAYS_OUT}"
            )
    return (
        "jit: for other arguments, with all comparisons coming out the same, the function is "
        f"another program ({len(before)} and {len(after)} operations): something outside of "
        f"the graph decides what it does. {_WAYS_OUT}"
    )


class _Noter:
    """Labels each operation with the line of the user's that it stands in."""

    def record(self, primitive: Primitive, operands: tuple[Any, ...], data: float) -> Value:
        """The node of the result."""
        node = new_node(data, *link(primitive, operands, float in map(type, operands)))
        node.label = place_in_users_code()
        return node

    def backward(self, node: Value) -> None:
        """As without."""
        node._closure.backward(node)
