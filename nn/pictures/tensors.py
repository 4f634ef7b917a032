"""A tensor of parameters as a small picture: a cell for each number, or for the first and last."""

from collections.abc import Sequence
from itertools import pairwise
from math import isfinite, prod
from typing import Any

from autograd_scalar import Value
from nn.module import Module
from nn.pictures import svg
from nn.pictures.pen import Pen, shown
from nn.tensors import as_lists, by, nested, numbers, shape

CELL = 8.0
APART = 5.0  # kernels, and cells where others are left out
MOST_ROWS, MOST_COLUMNS, MOST_KERNELS = 8, 32, 8


def own_tensors(module: Module) -> list[tuple[str, Any]]:
    """Return name and tensor of each attribute that holds nothing but parameters.

    >>> from nn import Linear
    >>> [(name, shape(tensor)) for name, tensor in own_tensors(Linear(3, 2))]
    [('weight', (2, 3)), ('bias', (2,))]
    """
    found = []
    for name, item in vars(module).items():
        tensor = as_lists(item)
        if not (isinstance(tensor, Value) or nested(tensor)):
            continue
        members = list(numbers(tensor))
        if members and all(isinstance(p, Value) and not p.parents for p in members):
            try:
                shape(tensor)
            except ValueError:  # ragged
                continue
            found.append((name, tensor))
    return found


class Cells:
    """The picture of a tensor: rows of cells, coloured by sign and deeper the larger the number.

    A vector is one row. A tensor of four dimensions, (out, in, height, width), has the kernels of
    one output below each other. Anything else has a row for each place of its first dimension.

    width, height: in pixels, without the words.
    """

    def __init__(self, name: str, tensor: Any, pen: Pen) -> None:
        """See the class."""
        self.name, self.pen = name, pen
        self.sizes = shape(tensor)
        self.members = list(numbers(tensor))
        if len(self.sizes) == 4:
            outs, ins, height, width = self.sizes
            self._ys = _positions(shown(ins, MOST_KERNELS), height)
            self._xs = _positions(shown(outs, MOST_KERNELS), width)
        else:
            rows = self.sizes[0] if len(self.sizes) > 1 else 1
            self._ys = _positions(shown(rows, MOST_ROWS))
            self._xs = _positions(shown(len(self.members) // rows, MOST_COLUMNS))
        self.width = max(self._xs.values()) + CELL
        self.height = max(self._ys.values()) + CELL

    def words(self) -> str:
        """What stands above it: name and shape, and that some is left out if it is."""
        left_out = len(self.members) - len(self._xs) * len(self._ys)
        more = f", ⋯ {left_out} more" if left_out else ""
        return f"{self.name} {by(self.sizes).replace('x', '×')}{more}" if self.sizes else self.name

    def svg(self, x: float, y: float, path: str) -> str:
        """Return the cells, the first one at (x, y); path: of the tensor in its model."""
        strengths = [self.pen.strength(p) for p in self.members]
        largest = max((abs(s) for s in strengths if isfinite(s)), default=0.0)
        return "".join(
            self._cell(place, strengths[place], largest, x + dx, y + dy, path)
            for row, dy in self._ys.items()
            for column, dx in self._xs.items()
            for place in [self._place(row, column)]
        )

    def _cell(
        self, place: int, strength: float, largest: float, x: float, y: float, path: str
    ) -> str:
        indices = "".join(f".{i}" for i in _indices(place, self.sizes))
        depth = 0.25
        if not isfinite(strength):
            depth = 1.0
        elif strength:
            depth = 0.08 + 0.92 * abs(strength) / largest
        hollow = self.pen.theme.inked and strength < 0  # where there is no colour for the sign
        edge = self.pen.colour(strength) if hollow else None
        if not isfinite(strength):
            edge = self.pen.ink["text"]
        return svg.element(
            "rect", svg.title(self.pen.words(f"{path}{indices}", self.members[place])),
            x=x, y=y, width=CELL - 1, height=CELL - 1, fill=self.pen.colour(strength),
            fill_opacity=0.0 if hollow else depth, stroke=edge,
            stroke_opacity=depth if hollow else None,
        )  # fmt: skip

    def _place(self, row: int, column: int) -> int:
        """Which of the numbers is in that row and column of cells."""
        if len(self.sizes) != 4:
            rows = self.sizes[0] if len(self.sizes) > 1 else 1
            return row * (len(self.members) // rows) + column
        _, ins, height, width = self.sizes
        (into, i), (out, j) = divmod(row, height), divmod(column, width)
        return ((out * ins + into) * height + i) * width + j


def _positions(places: Sequence[int], block: int = 1) -> dict[int, float]:
    """Where each row of cells is, block by block, a little apart where blocks or gaps begin."""
    found: dict[int, float] = {}
    at = 0.0
    for before, place in pairwise([places[0], *places]):
        at += APART * (place > before + 1 or (block > 1 and place > before))
        for i in range(block):
            found[place * block + i] = at
            at += CELL
    return found


def _indices(place: int, sizes: Sequence[int]) -> list[int]:
    """The indices of a tensor's number that is at that place, counted through."""
    return [place // prod(sizes[axis + 1 :]) % sizes[axis] for axis in range(len(sizes))]
