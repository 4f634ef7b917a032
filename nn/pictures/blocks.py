"""A network as blocks: module in module, with shapes, counts of parameters, and the parameters."""

from itertools import groupby
from math import inf
from typing import Any

from autograd_scalar.draw.theme import Theme
from nn.layers import Residual, Sequential
from nn.mlp import MLP, Layer
from nn.module import Module
from nn.pictures import svg
from nn.pictures.pen import Pen, glyph
from nn.pictures.steps import child_path, curve_of, is_a
from nn.pictures.tensors import APART, Cells, own_tensors
from nn.pictures.tracing import INPUT, Trace
from nn.tensors import described

MARGIN = 18.0
PADDING = 12.0
LINE = 18.0
ARROW = 26.0
LANE = 14.0  # from one way past blocks to the next
NARROWEST = 150.0
FEWEST_ALIKE = 3  # equal neighbours in a list, from which on one is drawn for all
MOST_PAST = 6  # ways past blocks in one frame; more are a tangle that says nothing


class Block:
    """A module or function: a card, or a frame around the blocks inside it.

    inside: the blocks in it, in order. parts: the modules that it stands for: one, or many alike.
    direct: the places inside from which numbers go on to the next; past: pairs of places between
    which they go past others, where INPUT is the top of the frame and the number of blocks inside
    its bottom.
    """

    def __init__(self, name: str, path: str, part: Any, trace: Trace, pen: Pen) -> None:
        """See the class."""
        self.path, self.part, self.pen = path, part, pen
        self.name = name
        self.parts = [part]
        self.called = trace.of(part)
        self.parameters = len(part.parameters()) if isinstance(part, Module) else 0
        self.inside = _alike_together(
            [
                Block(inner, child_path(path, inner), each, trace, pen)
                for inner, each in _children(part)
            ],
            in_order=is_a(part, Sequential, MLP),
        )
        tensors = _tensors(part) if isinstance(part, Module) else []
        self.tensors = [Cells(name, tensor, pen) for name, tensor in tensors]
        self.curve = [] if self.inside or self.parameters else curve_of(part)
        self.width = self.height = self.head = 0.0
        self._find_links(trace)
        self._measure()

    @property
    def size(self) -> int:
        """How many blocks are drawn, this one and those in it."""
        return 1 + sum(block.size for block in self.inside)

    def _find_links(self, trace: Trace) -> None:
        count = len(self.inside)
        self.direct, self.past = set(range(count)), set[tuple[int, int]]()
        self.is_sum = is_a(self.part, Residual)
        if self.is_sum:
            self.past = {(INPUT, count)}
        elif not is_a(self.part, Sequential, MLP):
            links = trace.links(self.part, [block.parts for block in self.inside])
            self.direct = {a for a, b in links if b == a + 1}
            past = {(a, b) for a, b in links if b > a + 1}
            self.past = past if len(past) <= MOST_PAST else set()

    # --- What it says ---

    @property
    def title(self) -> str:
        """Its name and what it is."""
        words = described(self.part).replace(" -> ", " → ").replace(" x ", " × ")
        return f"{self.name}: {words}" if self.name else words

    @property
    def note(self) -> str:
        """How many parameters it has, and how often it was called, if more than once."""
        said = []
        if self.parameters:
            said.append(f"{self.parameters} parameter{'s' * (self.parameters != 1)}")
        if self.called and self.called.times > 1:
            said.append(f"called {self.called.times} times")
        return ", ".join(said)

    @property
    def alike(self) -> str:
        """That it stands for others too."""
        return f"⋯ {len(self.parts) - 1} more like it" if len(self.parts) > 1 else ""

    # --- How large it is ---

    def _measure(self) -> None:
        self.head = PADDING + LINE + 2 + LINE * bool(self.note)
        wide = [
            svg.width(self.title, 13.0, bold=True) + 40 * bool(self.curve),
            svg.width(self.note, 12.0),
        ]
        for cells in self.tensors:
            wide.append(max(cells.width, svg.width(cells.words(), 11.0)))
            self.head += LINE + cells.height + APART
        self.side = LANE * len(self.past) + 4 * bool(self.past)
        room = 2 * self.side if self.is_sum else self.side
        wide += [block.width + room for block in self.inside]
        self.width = max(NARROWEST, max(wide) + 2 * PADDING)
        self.gap = ARROW if self.direct or self.past else PADDING
        self.height = self.head + 0.5 * PADDING
        if self.inside:
            blocks = sum(block.height + block.below for block in self.inside)
            ends = 2 * ARROW if self.past else 0.0
            self.height += blocks + self.gap * (len(self.inside) - 1) + PADDING + ends

    @property
    def below(self) -> float:
        """The room for the words that it stands for others."""
        return LINE + 4 if self.alike else 0.0

    # --- How it looks ---

    def svg(self, x: float, y: float, width: float) -> str:
        """Return the block, in a room of that width."""
        ink = self.pen.ink
        ground = "box" if self.inside else "result"
        border = "parameter" if self.parameters and not self.inside else ground
        frame = svg.element(
            "rect", x=x, y=y, width=width, height=self.height, rx=8, fill=ink[ground],
            stroke=ink[f"{border} border"], stroke_width=1.2,
            fill_opacity=0.55 if self.inside else None,
        )  # fmt: skip
        left, at = x + PADDING, y + PADDING + 9
        parts = [frame, self.pen.text(self.title, left, at, 13, "text", "start", "600")]
        if self.curve:
            parts.append(glyph(self.curve, x + width - PADDING - 14, at - 4, 17.0, ink["caption"]))
        if self.note:
            at += LINE
            parts.append(self.pen.text(self.note, left, at, 12, "caption", "start"))
        at += 8
        for cells in self.tensors:
            parts.append(self.pen.text(cells.words(), left, at + 10, 11, "caption", "start"))
            parts.append(cells.svg(left, at + LINE - 2, child_path(self.path, cells.name)))
            at += LINE + cells.height + APART
        words = svg.title(line for line in (self.title, self.path, self.note) if line)
        return svg.element("g", words, *parts) + self._inside_svg(x, y + self.head, width)

    def _inside_svg(self, x: float, y: float, width: float) -> str:
        if not self.inside:
            return ""
        left = x + PADDING + (self.side if self.is_sum else 0.0)
        right = x + width - PADDING - self.side
        middle = (left + right) / 2
        top = y
        parts = []
        if self.past:
            parts.append(self.pen.arrow(middle, y, ARROW) if (INPUT + 1) in self._entered else "")
            y += ARROW
        heights = []
        for place, block in enumerate(self.inside):
            if place:
                before = self.inside[place - 1]
                if place - 1 in self.direct:
                    words = before.called.given if before.called else ""
                    parts.append(self.pen.arrow(middle, y, self.gap, words))
                y += self.gap
            parts.append(block.svg(left, y, right - left))
            heights.append((y, y + block.height))
            y += block.height + block.below
            if block.alike:
                parts.append(self.pen.text(block.alike, middle, y - 5, 12, "caption"))
        bottom = y + ARROW
        if self.past and self._leaves:
            parts.append(self.pen.arrow(middle, y, ARROW - (14 if self.is_sum else 0)))
        for lane, (start, end) in enumerate(sorted(self.past, key=lambda p: p[1] - p[0])):
            at = right + LANE * (lane + 1)
            begin = (middle, top + 5) if start == INPUT else (right, _in(heights[start], 0.7))
            to = (middle, bottom - 5) if end == len(heights) else (right, _in(heights[end], 0.3))
            parts.append(self._way_past(begin, at, to, end == len(heights)))
        return "".join(parts)

    @property
    def _entered(self) -> set[int]:
        """The first block, if it takes what goes into the frame."""
        return {0} if self.is_sum or INPUT in self.direct else set()

    @property
    def _leaves(self) -> bool:
        """Whether what the last block gives comes out of the frame."""
        return self.is_sum or len(self.inside) - 1 in self.direct

    def _way_past(
        self, begin: tuple[float, float], x: float, end: tuple[float, float], is_out: bool
    ) -> str:
        """A line past the blocks, and where it joins others at the bottom of the frame a plus."""
        path = f"M{begin[0]:.1f} {begin[1]:.1f}H{x:.1f}V{end[1]:.1f}"
        if not is_out:
            return self.pen.line_to(f"{path}H{end[0] + 7:.1f}", *end, "left")
        if not self.is_sum:
            return self.pen.line_to(f"{path}H{end[0]:.1f}", None, None, "left")
        plus = svg.element("circle", cx=end[0], cy=end[1], r=8, fill=self.pen.ink["operation"])
        sign = self.pen.text("+", end[0], end[1] + 4.5, 13, "operation text", weight="700")
        line = self.pen.line_to(f"{path}H{end[0] + 15:.1f}", end[0] + 8, end[1], "left")
        return line + plus + sign


class Blocks:
    """The picture of a network as blocks, laid out from top to bottom.

    example: what the model is called on to see what goes from block to block; None for nothing.
    grad: whether parameters are shown by their gradients.

    Raises what the model raises for the example.
    """

    def __init__(self, model: Module, example: Any, grad: bool, theme: Theme) -> None:
        """See the class."""
        self.pen = Pen(theme, grad, model.parameters())
        self.block = Block("", "", model, Trace(model, example), self.pen)
        hollow = ["hollow cells: negative"] * theme.inked
        self.legend = self.pen.legend("deeper: larger, within each tensor", *hollow, scale=False)

    @property
    def size(self) -> int:
        """How many blocks are drawn."""
        return self.block.size

    def svg(self) -> str:
        """Return the picture."""
        block, pen = self.block, self.pen
        legend = sum(room for _, room, _ in self.legend) if block.parameters else 0.0
        width = max(block.width, legend) + 2 * MARGIN
        y, middle = MARGIN, width / 2
        parts = []
        if block.called:
            parts.append(pen.arrow(middle, y, ARROW, block.called.taken))
            y += ARROW
        parts.append(block.svg((width - block.width) / 2, y, block.width))
        y += block.height
        if block.called:
            parts.append(pen.arrow(middle, y, ARROW, block.called.given))
            y += ARROW
        if block.parameters:
            parts.append(pen.legend_svg(self.legend, MARGIN, y + 2 * MARGIN))
            y += 2 * MARGIN
        spoken = f"network {described(block.part)}, {block.parameters} parameters"
        return pen.page(width, y + MARGIN, spoken, "", parts)


def _children(part: Any) -> list[tuple[str, Any]]:
    """The modules right inside another, and the functions of a Sequential, by their names."""
    if is_a(part, Sequential):
        return [(str(place), layer) for place, layer in enumerate(part.layers)]
    if not isinstance(part, Module) or is_a(part, Layer):
        return []
    found: list[tuple[str, Any]] = []
    for path, module in part.named_modules()[1:]:
        if not (found and path.startswith(f"{found[-1][0]}.")):
            found.append((path, module))
    return found


def _alike_together(blocks: list[Block], in_order: bool) -> list[Block]:
    """The blocks in the order of their calls, where that is known; equal ones of a list as one."""
    if not in_order:
        blocks = sorted(blocks, key=lambda b: b.called.order if b.called else inf)
    kept: list[Block] = []
    for _, group in groupby(blocks, _place_and_look):
        first, *others = group
        if len(others) + 1 >= FEWEST_ALIKE:
            first.parts += [block.part for block in others]
            first.called = others[-1].called
            others = []
        kept += [first, *others]
    return kept


def _place_and_look(block: Block) -> tuple[str, str]:
    """What is the same for blocks of one list that look the same."""
    around, _, key = block.name.rpartition(".")
    return around if key.isdigit() else block.name, repr(block.part)


def _tensors(module: Module) -> list[tuple[str, Any]]:
    if is_a(module, Layer):
        neurons: list[Any] = module.neurons  # type: ignore[attr-defined]
        return [("w", [n.w for n in neurons]), ("b", [n.b for n in neurons])]
    return own_tensors(module)


def _in(block: tuple[float, float], share: float) -> float:
    """A height in a block, near its middle."""
    return block[0] + share * (block[1] - block[0])
