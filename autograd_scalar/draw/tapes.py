"""The tape of a compiled function as a picture, alone or beside what is left of it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autograd_scalar.draw.diagram import (
    LONGEST_TOOLTIP,
    MOST_NUMBERED,
    NOWHERE,
    UNORDERED,
    Arrow,
    Card,
    Diagram,
    Frame,
    Row,
)
from autograd_scalar.draw.dot import dot_source
from autograd_scalar.draw.picture import Picture
from autograd_scalar.draw.text import applied, number, plain, shortened
from autograd_scalar.primitives import described
from autograd_scalar.tape.passes import PASSES, optimize
from autograd_scalar.tape.program import Tape

if TYPE_CHECKING:
    from autograd_scalar.draw.static import Options

MOST_IN_TIP = 20

ALLOWED = ("limit", "theme", "direction", "optimized")


def picture(thing: Any, options: "Options") -> Picture:
    """The picture of a tape, or of the tape of a function that ``jit`` compiled.

    Raises TypeError for what is neither, ValueError for options that a tape has nothing for.
    """
    from autograd_scalar.draw.static import check_limit, look_of
    from autograd_scalar.tape.compiled import Compiled

    tape, passes = thing, tuple(PASSES)
    if isinstance(thing, Compiled):
        tape, passes = _tape_of(thing), thing._options.passes
    elif not isinstance(thing, Tape):
        raise TypeError(
            "draw: value must be a Value, a tape, a function that jit compiled, or an object that "
            f"draws itself, such as a model, not {described(thing)}"
        )
    for name in options.given():
        if name not in ALLOWED:
            raise ValueError(f"draw: {plain(name)} is for a graph of Values, not for a tape")
    theme, direction = look_of(options.theme, options.direction)
    check_limit(options.limit)
    tapes = [("recorded", tape)]
    if options.optimized:
        tapes.append(("optimized", optimize(tape, passes)))
    size = max(tape.slots for _, tape in tapes)
    if size > options.limit:
        raise ValueError(
            f"draw: this tape has {size} inputs and operations, more than limit={options.limit}; "
            f"pass limit={size}"
        )
    drawn = beside(tapes) if options.optimized else of_tape(tape)
    if direction.is_level:
        drawn.frames.reverse()  # Graphviz puts what comes first at the bottom
        for card in drawn.cards:
            if card.frame != NOWHERE:
                card.frame = len(drawn.frames) - 1 - card.frame
    if not drawn.cards:
        raise ValueError("draw: this tape has no inputs and no operations")
    return Picture(dot_source(drawn, theme, direction), size, "slot", theme, "recorded program")


def _tape_of(function: Any) -> Tape:
    try:
        tape: Tape = function.tape
    except ValueError:
        raise ValueError(
            f"draw: {plain(function.__name__)} has not been called yet, so nothing is recorded: "
            "call it once"
        ) from None
    return tape


def beside(tapes: Sequence[tuple[str, Tape]]) -> Diagram:
    """Each tape in a frame with its name and the number of its operations.

    >>> from autograd_scalar.tape.variables import Builder
    >>> builder = Builder(1)
    >>> tape = builder.tape([builder.inputs[0] * 1.0])
    >>> both = beside([("recorded", tape), ("optimized", optimize(tape))])
    >>> [frame.detail for frame in both.frames]
    ['1 operation', '0 operations']
    """
    cards: list[Card] = []
    arrows: list[Arrow] = []
    frames = []
    for place, (name, tape) in enumerate(tapes):
        part = of_tape(tape)
        for card in part.cards:
            card.frame = place
        for arrow in part.arrows:
            arrow.tail += len(cards)
            arrow.head += len(cards)
        cards += part.cards
        arrows += part.arrows
        frames.append(Frame(name, _operations(len(tape))))
    counts = " → ".join(str(len(tape)) for _, tape in tapes)
    return Diagram(cards, arrows, frames, notes=[f"{counts} operations"])


def of_tape(tape: Tape) -> Diagram:
    """A card for each slot, an arrow for each operand that is one.

    >>> from autograd_scalar.tape.variables import Builder
    >>> builder = Builder(1)
    >>> diagram = of_tape(builder.tape([builder.inputs[0] + 2.0]))
    >>> [card.title or card.sign for card in diagram.cards]
    ['0', '+ 2']
    """
    ends: dict[int, list[str]] = {}
    for i, place in enumerate(tape.outputs):
        ends.setdefault(place, []).append("output" if len(tape.outputs) == 1 else f"output {i}")
    for guard in tape.guards:
        ends.setdefault(guard.slot, []).append(f"must be {guard.outcome}")
    cards = [_card(tape.name(slot), "", "input", ends.get(slot, ())) for slot in range(tape.inputs)]
    arrows: list[Arrow] = []
    for slot, primitive, operands in tape.nodes():
        slots = [o for o in operands if o >= 0]
        sign = applied(primitive.name, [None if o >= 0 else tape.constants[~o] for o in operands])
        label = tape.labels.get(slot, "")
        card = _card(label, sign, "result", ends.get(slot, ()))
        of = ", ".join(map(tape.name, operands[:MOST_IN_TIP]))
        card.tip = shortened(plain(f"{slot}: {primitive.name} of {of}"), LONGEST_TOOLTIP)
        if primitive.name not in UNORDERED and 1 < len(slots) <= MOST_NUMBERED:
            card.ports = len(slots)
        arrows += [Arrow(o, slot, i if card.ports else 0) for i, o in enumerate(slots, start=1)]
        cards.append(card)
    constants = [o for o in ends if o < 0]  # a result that depends on no input
    for operand in constants:
        cards.append(_card(number(tape.constants[~operand]), "", "box", ends[operand]))
    return Diagram(cards, arrows)


def _card(label: str, sign: str, kind: str, ends: Sequence[str]) -> Card:
    title = shortened(plain(label))
    rows = [Row(plain(end), "") for end in ends]
    return Card(kind, title, sign, rows, tip=title, is_output=bool(ends))


def _operations(count: int) -> str:
    return f"{count} operation{'s' * (count != 1)}"
