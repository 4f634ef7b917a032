"""A graph in DOT, Graphviz's language: one card per value, one arrow per operand.

A card holds the value's label, data and gradient. A leaf's card is coloured: parameters orange,
inputs blue. A result's card is pale and carries, on a dark badge, the operation that made it with
its constant operands. The value that was asked for has a thick border. Arrows run from operand to
result, left to right; where the order of operands matters they are numbered.
"""

import html
from collections.abc import Mapping, Sequence

from autograd_scalar.draw.text import number, operation, plain, shortened
from autograd_scalar.primitives import detached
from autograd_scalar.value import Value

NAME = "autograd_scalar"

# Each colour in light and in dark surroundings. Orange against blue is told apart with any colour
# vision (Okabe and Ito 2008). All text stands on a card's own ground, and the arrows are a grey
# that shows on black and on white, so a picture stays legible on a page that is not as dark or
# light as the system says.
COLOURS = {
    "parameter": ("#ffe2c2", "#4d2c0a"),
    "parameter border": ("#c25e00", "#f2a552"),
    "input": ("#d9ebfb", "#10334f"),
    "input border": ("#1a6fb0", "#69b3ee"),
    "result": ("#fbfcfd", "#20262d"),
    "result border": ("#6e7781", "#8c96a0"),
    "operation": ("#2f3842", "#d3dae1"),
    "operation text": ("#ffffff", "#0f1419"),
    "text": ("#1c2127", "#f1f4f7"),
    "caption": ("#56606b", "#a9b3bd"),
    "arrow": ("#7f8892", "#7f8892"),
}
LIGHT = {name: light for name, (light, _) in COLOURS.items()}

# Operands of these may trade places: dot's do so in pairs, which is all that anyone asks of it.
UNORDERED = frozenset(
    "+ * dot fsum prod mean norm logsumexp maximum minimum hypot".split()  # noqa: SIM905
)
# Graphviz sets itself no bound: 30 steps of a recurrent network, 283 values, took it 19 seconds,
# 100 multiplications by one shared value 50. So its search for places gets a budget of steps, and a
# crowded picture straight arrows. With both, these graphs grown to 500 values took 4 and 2 seconds.
PLACING_STEPS = 1000
CROWDED = 150

MOST_NUMBERED = 6  # numbers down the side of a card, before they outgrow it

LONGEST_TOOLTIP = 1000


def dot_source(order: Sequence[Value], parameters: Mapping[Value, str | None]) -> str:
    r"""DOT text for Values in topological order; ``parameters`` names those that have no label.

    >>> x = Value(3.0, label="x")
    >>> print(dot_source([x, x * x], {}).splitlines()[-3:])
    ['\tv0 -> v1', '\tv0 -> v1', '}']
    """
    from graphviz import Digraph  # type: ignore[import-untyped]

    most_operands = max(len(value.parents) for value in order)
    graph = Digraph(
        NAME,
        graph_attr={
            "class": NAME,
            "rankdir": "LR",
            "nodesep": "0.2",
            "ranksep": f"{0.3 + 0.1 * min(most_operands, 10):.1f}",  # room for arrows to turn
            "bgcolor": "transparent",
            **effort(len(order)),
        },
        node_attr={"shape": "plain", "fontname": "Courier", "fontsize": "12"},
        edge_attr={"color": LIGHT["arrow"], "arrowsize": "0.7", "penwidth": "1.2"},
    )
    names = {value: f"v{i}" for i, value in enumerate(order)}
    for value, name in names.items():
        kind = "result" if value.parents else "parameter" if value in parameters else "input"
        label = plain(value.label or parameters.get(value) or "")
        card = _card(value, kind, label, is_root=value is order[-1])
        graph.node(name, card, tooltip=_tooltip(value, label))
    for value, name in names.items():
        for place, parent in enumerate(value.parents, start=1):
            graph.edge(names[parent], f"{name}:{place}:w" if is_numbered(value) else name)
    return str(graph.source)


def effort(size: int) -> dict[str, str]:
    """How hard Graphviz is to try to lay out a graph of so many values."""
    found = {"nslimit": f"{PLACING_STEPS / size:.1f}"}  # in steps per value
    return found | {"splines": "line", "mclimit": "0.1"} if size > CROWDED else found


def is_numbered(value: Value) -> bool:
    """Whether the arrows that arrive say which operand they are."""
    return value.op not in UNORDERED and 1 < len(value.parents) <= MOST_NUMBERED


# --- A card: a table in Graphviz's own HTML, where a label can only ever be text ------------------


def _card(value: Value, kind: str, label: str, *, is_root: bool) -> str:
    rows = [
        f'<TD ALIGN="LEFT">{_text(caption, "caption")}</TD>'
        f'<TD ALIGN="RIGHT">{_text(figure, "text")}</TD>'
        for caption, figure in (("data ", number(value.data)), ("grad ", number(value.grad)))
    ]
    if label:
        name = _text(shortened(label), "text")
        rows.insert(0, f'<TD COLSPAN="2" ALIGN="LEFT"><B>{name}</B></TD>')
    if value.parents:
        sides = [_numbers(value)] if is_numbered(value) else []
        sides.append(_badge(value))
        rows[0] = "".join(f'<TD ROWSPAN="{len(rows)}">{side}</TD>' for side in sides) + rows[0]
    look = (
        f'STYLE="ROUNDED" BORDER="{2.5 if is_root else 1}" CELLBORDER="0" CELLSPACING="3" '
        f'CELLPADDING="1" COLOR="{LIGHT[f"{kind} border"]}" BGCOLOR="{LIGHT[kind]}"'
    )
    return f"<{_table(look, rows)}>"


def _badge(value: Value) -> str:
    # Where Graphviz has no font at hand it takes each byte beyond ASCII for a space; in Helvetica
    # that comes near the true width of the signs of arithmetic, so they stand in the middle.
    sign = _text(operation(value), "operation text")
    cell = f'<TD BORDER="0" WIDTH="24"><FONT FACE="Helvetica" POINT-SIZE="14">{sign}</FONT></TD>'
    look = f'STYLE="ROUNDED" BORDER="0" CELLPADDING="5" BGCOLOR="{LIGHT["operation"]}"'
    return _table(look, [cell])


def _numbers(value: Value) -> str:
    """The places of the operands, each a port that its arrow runs to."""
    rows = [
        f'<TD PORT="{place}"><FONT POINT-SIZE="9">{_text(str(place), "caption")}</FONT></TD>'
        for place, _ in enumerate(value.parents, start=1)
    ]
    return _table('BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1"', rows)


def _table(look: str, rows: list[str]) -> str:
    return f"<TABLE {look}>{''.join(f'<TR>{row}</TR>' for row in rows)}</TABLE>"


def _text(text: str, colour: str) -> str:
    # Graphviz replaces \N, \G and the like even here; a doubled backslash is only a backslash.
    escaped = html.escape(text, quote=False).replace("\\", "\\\\")
    return f'<FONT COLOR="{LIGHT[colour]}">{escaped}</FONT>'


def _tooltip(value: Value, label: str) -> str:
    """What a browser says of a card under the mouse: the label at length, all the digits."""
    name = shortened(label, LONGEST_TOOLTIP) or plain(value.op) or "leaf"
    text = f"{name}: data {value.data!r}, grad {detached(value.grad)!r}"
    return html.escape(text).replace("\\", "\\" * 4)  # a tooltip is read for \\N twice
