"""The page that ``explore`` makes: one HTML file that plays the two passes over a graph.

What is in this folder, from the ground up: ``graph.py`` has the nodes and their numbers,
``programs.py`` the rules as programs for the page, ``layout.py`` the picture. The rest is the page
itself, ``template.html``, ``style.css`` and its scripts, in the order of ``SCRIPTS``: each uses the
ones before it, and what they define is in one scope.
"""

import base64
import hashlib
import html
import json
from collections.abc import Callable, Iterable
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any

from autograd_scalar.draw.dot import COLOURS
from autograd_scalar.draw.page.graph import Graph, Numbers, graph_of
from autograd_scalar.draw.page.layout import lay_out, svg
from autograd_scalar.draw.page.programs import Programs, number
from autograd_scalar.draw.static import HasParameters, named
from autograd_scalar.draw.text import operation
from autograd_scalar.files import write_whole
from autograd_scalar.value import Value

SCRIPTS = (
    "numbers.js", "gamma.js", "machine.js", "passes.js", "formula.js", "camera.js", "cards.js",
    "story.js", "details.js", "editor.js", "player.js", "controls.js",
)  # fmt: skip

HEIGHT_IN_JUPYTER = 720


class Page:
    """An interactive page; Jupyter shows it as it is.

    Attributes:
        html: the whole page.
        size: the number of values on it.
    """

    def __init__(self, html: str, size: int) -> None:
        self.html = html
        self.size = size

    def __repr__(self) -> str:
        return f"<Page of {self.size} value{'s' * (self.size != 1)}>"

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the file ``path``, whole or not at all, and return the path.

        Raises OSError if it can't be written, FileNotFoundError if the folder does not exist.
        """
        return write_whole(path, self.html.encode())

    def _repr_html_(self) -> str:
        """The page in a frame of its own: its script can't reach the notebook, nor the reverse."""
        return (
            f'<iframe srcdoc="{html.escape(self.html)}" sandbox="allow-scripts" '
            f'title="Computation graph, {self.size} values" width="100%" '
            f'height="{HEIGHT_IN_JUPYTER}" style="border: 0"></iframe>'
        )


def make_page(
    value: Value | Callable[[], Value],
    path: str | PathLike[str] | None,
    parameters: HasParameters | Iterable[Value],
    limit: int,
) -> Page:
    """What ``explore`` does."""
    if path is not None and not Path(path).parent.is_dir():
        raise FileNotFoundError(f"explore: path {str(path)!r} is in a folder that does not exist")
    found = named(parameters, "explore")
    graph = graph_of(value, found)
    size = len(graph.nodes)  # with what only decisions were computed from
    if size > limit:
        raise ValueError(
            f"explore: this graph has {size} values, more than limit={limit}; explore a part, such "
            f"as one neuron or the loss of one example, or pass limit={size}"
        )
    numbers = Numbers(graph)
    picture = svg(graph, numbers, lay_out(graph), set(found))
    page = Page(_filled(picture, _data(graph, numbers)), graph.size)
    if path is not None:
        page.save(path)
    return page


def _data(graph: Graph, numbers: Numbers) -> dict[str, Any]:
    """All that the page is told."""
    programs = Programs()
    nodes: list[list[Any]] = []
    constants: list[float] = []
    python: dict[int, Any] = {}
    for place, node in enumerate(graph.nodes):
        if not node.parents:
            nodes.append([])
            continue
        kind = programs.kind(node)
        operands = []
        for operand in graph.operands(node):
            if isinstance(operand, float):
                constants.append(operand)
                operand = -len(constants)
            operands.append(operand)
        nodes.append([kind, *operands])
        if not programs.is_known(kind):
            python[place] = [number(numbers.values[place])]
            if place < graph.size:
                slopes, contributions = numbers.slopes[place], numbers.contributions[place]
                python[place] += [[*map(number, slopes)], [*map(number, contributions)]]
    return {
        "size": graph.size,
        "names": graph.names,
        "labels": [label if label != name else "" for label, name in _pairs(graph)],
        "signs": [operation(node) for node in graph.nodes],
        "lines": [graph.line(node) for node in graph.nodes],
        "nodes": nodes,
        "constants": [number(x) for x in constants],
        "leaves": {
            place: number(node.data) for place, node in enumerate(graph.nodes) if not node.parents
        },
        "python": python,
        "guards": [list(guard) for guard in graph.guards],
        "table": programs.table,
        "kinds": programs.kinds,
        "gamma": programs.gamma,
    }


def _pairs(graph: Graph) -> Iterable[tuple[str, str]]:
    return zip(graph.labels, graph.names, strict=True)


# --- The file -------------------------------------------------------------------------------------


def _filled(picture: str, data: dict[str, Any]) -> str:
    style = _colours() + _file("style.css")
    script = "".join(map(_file, SCRIPTS))
    # JSON in ASCII, its signs that HTML reads spelled out: no text in it can end the element.
    written = json.dumps(data, allow_nan=False, separators=(",", ":"))
    for sign in "<>&":
        written = written.replace(sign, f"\\u{ord(sign):04x}")
    # From nowhere, and no script and no style but these, which the browser knows by their hashes.
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    page = _file("template.html")
    filling = {
        "policy": policy,
        "style": style,
        "picture": picture,
        "data": written,
        "script": script,
    }
    head, *rest = page.split("{{")
    for piece in rest:
        name, _, text = piece.partition("}}")
        head += filling[name] + text
    return head


def _file(name: str) -> str:
    return files("autograd_scalar.draw.page").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _colours() -> str:
    """The colours of the cards, those of ``draw``, as properties that the style sheet uses."""
    names = [name.replace(" ", "-") for name in COLOURS]
    modes = zip(*COLOURS.values(), strict=True)
    light, dark = (
        "".join(f"--{name}:{colour};" for name, colour in zip(names, mode, strict=True))
        for mode in modes
    )
    return f":root{{{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
