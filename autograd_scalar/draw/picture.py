"""``Picture``: what ``draw`` returns. It shows itself, and writes itself to a file."""

import re
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, Self

from autograd_scalar.draw.program import render
from autograd_scalar.draw.theme import THEMES, Theme
from autograd_scalar.files import write_whole

FORMATS = {".svg": "svg", ".png": "png", ".dot": "dot", ".gv": "dot"}


class Picture:
    """A drawn graph; Jupyter shows it as it is.

    Attributes:
        size: the number of values in it, or of other things.
        what: what one of these things is.

    Args:
        dot: the graph in DOT, for Graphviz to lay out when the picture is looked at.
        size: the number of values in it.
        what: what to call one of them.
        theme: whose colours the DOT text has.
        spoken: what a screen reader says that it is.
    """

    def __init__(
        self,
        dot: str,
        size: int,
        what: str = "value",
        theme: Theme = THEMES["auto"],
        spoken: str = "computation graph",
    ) -> None:
        self._dot = dot
        self._theme = theme
        self._spoken = spoken
        self.size = size
        self.what = what

    @classmethod
    def of_svg(cls, svg: str, size: int, what: str = "value") -> Self:
        """A picture that is an ``<svg>`` element already, which can be saved only as that.

        >>> Picture.of_svg("<svg/>", 3, "layer")
        <Picture of 3 layers>
        """
        picture = cls("", size, what)
        picture.__dict__["svg"] = svg
        return picture

    def __repr__(self) -> str:
        return f"<Picture of {self.size} {self.what}{'s' * (self.size != 1)}>"

    @property
    def dot(self) -> str:
        """The graph in DOT, Graphviz's language.

        Raises ValueError if the picture was not laid out by Graphviz.
        """
        return self._laid_out()

    @cached_property
    def svg(self) -> str:
        """The picture as an ``<svg>`` element.

        It follows the system's light or dark mode, unless a theme was asked for.
        """
        drawn = render(self._dot, "svg").decode()
        drawn = drawn[drawn.index("<svg") :]  # a page has a header of its own
        drawn = re.sub(r"<title>.*?</title>\n?", "", drawn)  # "v0->v1", where the mouse rests
        look = f' role="img" aria-label="{self._spoken}">\n{self._theme.style()}'
        return drawn.replace(">", look, 1)

    @cached_property
    def png(self) -> bytes:
        """The picture as the bytes of a PNG file.

        Raises ValueError if the picture was not laid out by Graphviz.
        """
        return render(self._laid_out(), "png", self._theme.colours["page"] or "white")

    def save(self, path: str | PathLike[str], format: str | None = None) -> Path:
        """Write the file ``path``, whole or not at all, and return the path.

        Raises ValueError for a format, or failing that a suffix, that is not svg, png, dot or gv;
        FileNotFoundError if the folder does not exist.
        """
        path = Path(path)
        kind = format_to_write(path, format)
        content = self.png if kind == "png" else (self.svg if kind == "svg" else self.dot).encode()
        return write_whole(path, content)

    def _laid_out(self) -> str:
        if not self._dot:
            raise ValueError(f"draw: a picture of {self.what}s can be saved only as svg")
        return self._dot

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"image/svg+xml": self.svg, "text/plain": repr(self)}


def format_to_write(path: Path, format: str | None, who: str = "draw") -> str:
    """The format for ``path``, found before any work is done for a file that can't be written."""
    suffix = path.suffix if format is None else f".{format}"
    kind = FORMATS.get(suffix.lower())
    if kind is None:
        what = "format" if format is not None else f"the suffix of path {str(path)!r}"
        raise ValueError(f"{who}: {what} must be svg, png, dot or gv, not {suffix.lstrip('.')!r}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{who}: path {str(path)!r} is in a folder that does not exist")
    return kind
