"""A diagram in DOT, Graphviz's language: one card per value, one arrow per operand.

A card holds the value's label, data and gradient. A leaf's card is coloured: parameters orange,
inputs blue. A result's card is pale and carries, on a dark badge, the operation that made it with
its constant operands. The value that was asked for has a thick border. Arrows run from operand to
result; where the order of operands matters they are numbered. On paper, shapes say what colours
say elsewhere: an input has sharp corners, a parameter a double border.
"""

import html
from typing import Any, NamedTuple

from autograd_scalar.draw.diagram import NOWHERE, UNORDERED, Arrow, Card, Diagram, Row, is_numbered
from autograd_scalar.draw.theme import COLOURS, THEMES, Theme

__all__ = ["COLOURS", "DIRECTIONS", "UNORDERED", "dot_source", "effort", "is_numbered"]

# Graphviz sets itself no bound: 30 steps of a recurrent network, 283 values, took it 19 seconds,
# 100 multiplications by one shared value 50. So its search for places gets a budget of steps, and a
# crowded picture straight arrows. With both, these graphs grown to 500 values took 4 and 2 seconds.
PLACING_STEPS = 1000
CROWDED = 150

MEMBER_NAME = "v{}"
CHANGE = " → "


class Direction(NamedTuple):
    """How Graphviz is told which way arrows run, and on which side of a card they arrive."""

    rank: str
    arrival: str

    @property
    def is_level(self) -> bool:
        """Whether arrows run to the right or to the left."""
        return self.rank in ("LR", "RL")


DIRECTIONS = {
    "right": Direction("LR", "w"),
    "left": Direction("RL", "e"),
    "down": Direction("TB", "n"),
    "up": Direction("BT", "s"),
}


def dot_source(
    diagram: Diagram, theme: Theme = THEMES["auto"], direction: Direction = DIRECTIONS["right"]
) -> str:
    r"""DOT text for a diagram.

    >>> from autograd_scalar.draw.diagram import of_values
    >>> from autograd_scalar import Value
    >>> x = Value(3.0, label="x")
    >>> print(dot_source(of_values([x, x * x], {})).splitlines()[-3:])
    ['\tv0 -> v1', '\tv0 -> v1', '}']
    """
    return _Writer(theme, direction).source(diagram)


def effort(size: int) -> dict[str, str]:
    """How hard Graphviz is to try to lay out a graph of so many values."""
    found = {"nslimit": f"{PLACING_STEPS / size:.1f}"}  # in steps per value
    return found | {"splines": "line", "mclimit": "0.1"} if size > CROWDED else found


class _Writer:
    """Writes a diagram in the colours of a theme; all its text can only ever be text."""

    def __init__(self, theme: Theme, direction: Direction) -> None:
        self.theme = theme
        self.colours = theme.colours
        self.direction = direction

    def source(self, diagram: Diagram) -> str:
        from graphviz import Digraph  # type: ignore[import-untyped]

        arriving = [0] * len(diagram.cards)
        for arrow in diagram.arrows:
            arriving[arrow.head] += 1
        labelled = max([len(arrow.text) for arrow in diagram.arrows], default=0)
        room = 0.3 + 0.1 * min(max(arriving), 10)  # for arrows to turn
        graph = Digraph(
            self.theme.name,
            graph_attr={
                "class": self.theme.name,
                "rankdir": self.direction.rank,
                "nodesep": "0.2",
                "ranksep": f"{room if not labelled else max(room, 0.4):.1f}",
                "bgcolor": self.colours["page"] or "transparent",
                **({"pad": "0.2"} if self.colours["page"] else {}),
                **effort(len(diagram.cards)),
                **self._below(diagram),
            },
            node_attr={"shape": "plain", "fontname": "Courier", "fontsize": "12"},
            edge_attr={"color": self.colours["arrow"], "arrowsize": "0.7", "penwidth": "1.2"},
        )
        parts = [self._frame(diagram, place) for place in range(len(diagram.frames))]
        for place, card in enumerate(diagram.cards):
            around = graph if card.frame == NOWHERE else parts[card.frame]
            tip = {"tooltip": _tooltip(card.tip)} if card.tip else {}
            around.node(MEMBER_NAME.format(place), self._card(card), **tip)
        inside: dict[int, list[int]] = {}
        for place, frame in enumerate(diagram.frames):
            inside.setdefault(frame.outer, []).append(place)
        for outer in sorted(inside, reverse=True):  # a part is copied into that around it, so whole
            for place in inside[outer]:
                (graph if outer == NOWHERE else parts[outer]).subgraph(parts[place])
        for arrow in diagram.arrows:
            head = MEMBER_NAME.format(arrow.head)
            if arrow.port:
                head += f":{arrow.port}:{self.direction.arrival}"
            graph.edge(MEMBER_NAME.format(arrow.tail), head, **self._arrow(arrow))
        return str(graph.source)

    def _arrow(self, arrow: Arrow) -> dict[str, str]:
        look: dict[str, str] = {}
        colour = "note"
        if arrow.on_path:
            colour = "path"
            look = {"color": self.colours[colour], "penwidth": "2.6"}
        elif arrow.is_dead:
            look = {"color": self.colours["dead border"], "style": "dashed"}
        if arrow.text:
            size = 'POINT-SIZE="11"'
            look["label"] = f"<<FONT {size}>{self._text(f' {arrow.text} ', colour)}</FONT>>"
            look["fontname"] = "Courier"
        return look

    def _frame(self, diagram: Diagram, place: int) -> Any:
        from graphviz import Digraph

        frame = diagram.frames[place]
        title = _bold(self._text(frame.title, "text"))
        if frame.detail:
            title += f" {self._text(frame.detail, 'caption')}"
        look = {
            "label": f"<{title}>",
            "labeljust": "l",
            "labelloc": "t",
            "fontname": "Courier",
            "fontsize": "12",
            "style": "rounded",
            "bgcolor": self.colours["cluster"],
            "color": self.colours["cluster border"],
            "margin": "10",
        }
        return Digraph(f"cluster_{place}", graph_attr=look)

    # --- A card: a table in Graphviz's own HTML ---------------------------------------------------

    def _card(self, card: Card) -> str:
        look = _Look(self, card)
        rows = [
            f'<TD ALIGN="LEFT">{look.caption(row)}</TD><TD ALIGN="RIGHT">{look.figure(row)}</TD>'
            for row in card.rows
        ]
        columns = 2
        if card.title or not rows:
            title = _bold(look.text(card.title, "text"))
            rows.insert(0, f'<TD COLSPAN="2" ALIGN="LEFT">{title}</TD>')
        sides = [self._badge(card.sign)] if card.sign else []
        if card.ports and self.direction.is_level and self.direction.arrival == "w":
            sides.insert(0, self._ports(card.ports, look))
        if not card.title and not card.rows:
            rows = [""]  # the badge says all
        before = "".join([f'<TD ROWSPAN="{len(rows)}">{side}</TD>' for side in sides])
        after = ""
        if card.mark:
            after += f'<TD ROWSPAN="{len(rows)}">{look.mark(card.mark)}</TD>'
        if card.ports and self.direction.arrival == "e":
            after += f'<TD ROWSPAN="{len(rows)}">{self._ports(card.ports, look)}</TD>'
        columns += len(sides) + after.count("ROWSPAN")
        rows[0] = before + rows[0] + after
        if card.ports and not self.direction.is_level:
            ports = f'<TD COLSPAN="{columns}">{self._ports(card.ports, look)}</TD>'
            rows.insert(0 if self.direction.arrival == "n" else len(rows), ports)
        return f"<{look.around(rows)}>"

    def _badge(self, sign: str) -> str:
        # Where Graphviz has no font at hand it takes each byte beyond ASCII for a space; in
        # Helvetica that comes near the true width of the signs of arithmetic, so they stand in the
        # middle.
        text = self._text(sign, "operation text")
        cell = (
            f'<TD BORDER="0" WIDTH="24"><FONT FACE="Helvetica" POINT-SIZE="14">{text}</FONT></TD>'
        )
        ground = self.colours["operation"]
        return _table(f'STYLE="ROUNDED" BORDER="0" CELLPADDING="5" BGCOLOR="{ground}"', [cell])

    def _ports(self, count: int, look: "_Look") -> str:
        """The places of the operands, each a port that its arrow runs to."""
        cells = [
            f'<TD PORT="{i}"><FONT POINT-SIZE="9">{look.text(str(i), "caption")}</FONT></TD>'
            for i in range(1, count + 1)
        ]
        if not self.direction.is_level:
            cells = ["".join(cells).replace("<TD ", '<TD WIDTH="40" ')]
        return _table('BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1"', cells)

    def _text(self, text: str, colour: str) -> str:
        return _coloured(text, self.colours[colour])

    # --- Below the picture ------------------------------------------------------------------------

    def _below(self, diagram: Diagram) -> dict[str, str]:
        rows = []
        title, swatches = diagram.legend
        if swatches:
            cells = [f"<TD>{self._text(f'{title} ', 'note')}</TD>"]
            cells += [self._swatch(s.text, s.tint) for s in swatches if not s.mark]
            for swatch in swatches:
                if swatch.mark:
                    cells.append(f"<TD> {_marked(swatch.mark, swatch.tint)}</TD>")
                    cells.append(f"<TD>{self._text(swatch.text, 'note')}</TD>")
            look = 'BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="4"'
            rows.append(f"<TD>{_table(look, [''.join(cells)])}</TD>")
        rows += [f"<TD>{self._text(note, 'note')}</TD>" for note in diagram.notes]
        if not rows:
            return {}
        table = _table('BORDER="0" CELLBORDER="0" CELLSPACING="3" CELLPADDING="0"', rows)
        return {"label": f"<{table}>", "labelloc": "b", "fontname": "Courier", "fontsize": "12"}

    def _swatch(self, text: str, tint: tuple[str, str, str]) -> str:
        ground, ink, _ = tint
        return f'<TD BGCOLOR="{ground}" WIDTH="46">{_coloured(text, ink)}</TD>'


class _Look:
    """The colours and the border of one card."""

    def __init__(self, writer: _Writer, card: Card) -> None:
        self.writer = writer
        self.card = card
        self.colours = writer.colours
        kind = card.kind
        self.ground, self.border = self.colours[kind], self.colours[f"{kind} border"]
        if card.is_dead:
            self.ground, self.border = self.colours["dead"], self.colours["dead border"]
        if card.on_path:
            self.border = self.colours["path"]
            if card.tint is None and kind == "result":
                self.ground = self.colours["path ground"]
        if card.tint is not None:
            self.ground = card.tint[0]
            self.border = self.border if card.on_path else card.tint[2]

    def text(self, text: str, colour: str) -> str:
        if self.card.tint is not None:
            return _coloured(text, self.card.tint[1])
        return _coloured(text, self.colours[colour])

    def caption(self, row: Row) -> str:
        if CHANGE not in row.figure:
            return self.text(row.caption, "caption")
        # In two parts, as the figure beside it: Graphviz sets such a line a little higher.
        caption = row.caption.rstrip()
        return self.text(caption, "caption") + self.text(row.caption[len(caption) :], "text")

    def figure(self, row: Row) -> str:
        before, arrow, now = row.figure.partition(CHANGE)
        if not arrow:
            return self.text(row.figure, row.ink)
        # Helvetica for the arrow, for the reason that signs on badges have it.
        arrow = f'<FONT FACE="Helvetica">{self.text(arrow, row.ink)}</FONT>'
        return self.text(before, row.ink) + arrow + self.text(now, row.ink)

    def mark(self, mark: str) -> str:
        ink = self.card.tint[1] if self.card.tint is not None else self.colours["text"]
        return _marked(mark, ("", ink, self.ground))

    def around(self, rows: list[str]) -> str:
        card, inked = self.card, self.writer.theme.inked
        styles = [] if inked and card.kind == "input" else ["ROUNDED"]
        if card.is_dead:
            styles.append("DASHED")
        style = f'STYLE="{",".join(styles)}" ' if styles else ""
        width = 2.5 if card.is_output else 2.2 if card.on_path else 1
        border = f'BORDER="{width}" CELLBORDER="0" COLOR="{self.border}" BGCOLOR="{self.ground}"'
        inside = _table(f'{style}{border} CELLSPACING="3" CELLPADDING="1"', rows)
        if not (inked and card.kind == "parameter"):
            return inside
        double = f'{style}BORDER="1" CELLBORDER="0" COLOR="{self.border}" CELLPADDING="1"'
        return _table(double, [f"<TD>{inside}</TD>"])


def _marked(mark: str, tint: tuple[str, str, str]) -> str:
    """A sign on a small badge of its own."""
    _, ink, ground = tint
    sign = f'<FONT FACE="Helvetica" POINT-SIZE="11">{_coloured(mark, ground)}</FONT>'
    look = 'STYLE="ROUNDED" BORDER="0" CELLBORDER="0" CELLPADDING="0" CELLSPACING="0"'
    size = 'FIXEDSIZE="TRUE" WIDTH="18" HEIGHT="18"'
    return _table(f'{look} {size} BGCOLOR="{ink}"', [f"<TD {size}>{sign}</TD>"])


def _bold(text: str) -> str:
    return f"<B>{text}</B>" if text else ""


def _table(look: str, rows: list[str]) -> str:
    return f"<TABLE {look}>{''.join(f'<TR>{row}</TR>' for row in rows)}</TABLE>"


def _coloured(text: str, colour: str) -> str:
    # Graphviz replaces \N, \G and the like even here; a doubled backslash is only a backslash.
    escaped = html.escape(text, quote=False).replace("\\", "\\\\")
    return f'<FONT COLOR="{colour}">{escaped}</FONT>' if escaped else ""


def _tooltip(text: str) -> str:
    """What a browser says of a card under the mouse."""
    return html.escape(text).replace("\\", "\\" * 4)  # a tooltip is read for \\N twice
