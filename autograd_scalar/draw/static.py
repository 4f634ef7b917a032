"""Still pictures of a graph, as SVG, PNG and DOT text."""

import re
from collections.abc import Iterable
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

from autograd_scalar.draw.dot import COLOURS, NAME, dot_source
from autograd_scalar.draw.program import render
from autograd_scalar.draw.text import shortened
from autograd_scalar.files import write_whole
from autograd_scalar.graph import topological_order
from autograd_scalar.value import Value

JUPYTER_LIMIT = 100  # shown without being asked for, so it must not take a second

FORMATS = {".svg": "svg", ".png": "png", ".dot": "dot", ".gv": "dot"}

# Graphviz writes a colour as an attribute, so by the attribute it is found and darkened. The class
# keeps these rules off whatever else is on the page.
DARKENED = "\n".join(
    f'.{NAME} [{part}="{light}"] {{ {part}: {dark} }}'
    for light, dark in COLOURS.values()
    for part in ("fill", "stroke")
)
STYLE = f"""<style>
.{NAME} [font-family^="Courier"] {{ font-family: ui-monospace, Menlo, Consolas, monospace }}
@media (prefers-color-scheme: dark) {{
{DARKENED}
}}
</style>"""


class HasParameters(Protocol):
    """What ``draw`` asks of a module."""

    def parameters(self) -> Iterable[Value]:
        """Return the leaves that training changes."""


class Picture:
    """A drawn graph; Jupyter shows it as it is.

    Attributes:
        dot: the graph as text in DOT, Graphviz's language.
        size: the number of values in it.
    """

    def __init__(self, dot: str, size: int) -> None:
        self.dot = dot
        self.size = size

    def __repr__(self) -> str:
        return f"<Picture of {self.size} value{'s' * (self.size != 1)}>"

    @cached_property
    def svg(self) -> str:
        """The picture as an ``<svg>`` element that follows the system's light or dark mode."""
        drawn = render(self.dot, "svg").decode()
        drawn = drawn[drawn.index("<svg") :]  # a page has a header of its own
        drawn = re.sub(r"<title>.*?</title>\n?", "", drawn)  # "v0->v1", where the mouse rests
        return drawn.replace(">", f' role="img" aria-label="computation graph">\n{STYLE}', 1)

    @cached_property
    def png(self) -> bytes:
        """The picture as the bytes of a PNG file."""
        return render(self.dot, "png")

    def save(self, path: str | PathLike[str], format: str | None = None) -> Path:
        """Write the file ``path``, whole or not at all, and return the path.

        Raises ValueError for a format, or failing that a suffix, that is not svg, png, dot or gv;
        FileNotFoundError if the folder does not exist.
        """
        path = Path(path)
        kind = _format_to_write(path, format)
        content = self.png if kind == "png" else (self.svg if kind == "svg" else self.dot).encode()
        return write_whole(path, content)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"image/svg+xml": self.svg, "text/plain": repr(self)}


def make_picture(
    value: Value,
    path: str | PathLike[str] | None,
    format: str | None,
    parameters: HasParameters | Iterable[Value],
    limit: int,
) -> Picture:
    """What ``draw`` does."""
    if not isinstance(value, Value):
        raise TypeError(f"draw: value must be a Value, not {_brief(value)}")
    if path is not None:
        _format_to_write(Path(path), format)
    order = topological_order(value)
    if len(order) > limit:
        raise ValueError(
            f"draw: this graph has {len(order)} values, more than limit={limit}; draw a part, such "
            f"as one neuron or the loss of one example, or pass limit={len(order)}"
        )
    picture = Picture(dot_source(order, named(parameters)), len(order))
    if path is not None:
        picture.save(path, format)
    return picture


def jupyter(value: Value) -> dict[str, str]:
    """What Jupyter shows of a value: its picture, where it can be drawn soon, and its text."""
    text = {"text/plain": repr(value)}
    try:
        return {"image/svg+xml": make_picture(value, None, None, (), JUPYTER_LIMIT).svg, **text}
    except (ImportError, OSError, RuntimeError, ValueError):
        return text  # too large, or nothing to draw with: no reason to show no number


def named(
    parameters: HasParameters | Iterable[Value], who: str = "draw"
) -> dict[Value, str | None]:
    """The parameters, each with the name that its module has for it.

    Raises TypeError, beginning with ``who``, for what are no parameters.
    """
    if hasattr(parameters, "named_parameters"):
        names = {parameter: name for name, parameter in parameters.named_parameters()}
    elif hasattr(parameters, "parameters"):
        names = dict.fromkeys(parameters.parameters())
    elif isinstance(parameters, Iterable):
        names = dict.fromkeys(parameters)
    else:
        raise TypeError(
            f"{who}: parameters must be a module or Values in a list, not {_brief(parameters)}"
        )
    for parameter in names:
        if not isinstance(parameter, Value):
            raise TypeError(f"{who}: each of parameters must be a Value, not {_brief(parameter)}")
    return names


def _format_to_write(path: Path, format: str | None) -> str:
    """The format for ``path``, found before any work is done for a file that can't be written."""
    suffix = path.suffix if format is None else f".{format}"
    kind = FORMATS.get(suffix.lower())
    if kind is None:
        what = "format" if format is not None else f"the suffix of path {str(path)!r}"
        raise ValueError(f"draw: {what} must be svg, png, dot or gv, not {suffix.lstrip('.')!r}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"draw: path {str(path)!r} is in a folder that does not exist")
    return kind


def _brief(thing: object) -> str:
    return shortened(repr(thing), 60)
