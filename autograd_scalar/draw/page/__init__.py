"""The page that ``explore`` makes: one HTML file that plays the two passes over a graph.

What is in this folder, from the ground up: ``graph.py`` has the nodes and their numbers,
``interiors.py`` what stands in each group, ``layout.py`` where, ``picture.py`` the still picture,
``programs.py`` the rules as programs for the page, ``data.py`` all that it is told. The rest is the
page itself, ``template.html``, ``style.css`` and its scripts, in the order of ``SCRIPTS``: each
uses the ones before it, and what they define is in one scope.
"""

import base64
import hashlib
import html
import json
from collections.abc import Callable, Iterable, Sequence
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any

from autograd_scalar.draw.groups import NOWHERE, Groups
from autograd_scalar.draw.page.data import data_of
from autograd_scalar.draw.page.graph import Numbers, computed, graph_of
from autograd_scalar.draw.page.interiors import Interiors
from autograd_scalar.draw.page.layout import lay_out
from autograd_scalar.draw.page.picture import svg
from autograd_scalar.draw.page.programs import Programs
from autograd_scalar.draw.static import HasParameters, named
from autograd_scalar.draw.theme import COLOURS
from autograd_scalar.files import write_whole
from autograd_scalar.tape.recording import collector_paused
from autograd_scalar.value import Value

SCRIPTS = (
    "numbers.js", "data.js", "gamma.js", "machine.js", "passes.js", "paths.js", "formula.js",
    "camera.js", "boxes.js", "place.js", "layered.js", "cards.js", "arrows.js", "heat.js",
    "story.js", "details.js", "editor.js", "player.js", "folding.js", "controls.js",
)  # fmt: skip

FEW = 60  # things that are seen at once without folding
MANY = 5000  # nodes, from which on the still picture says nothing of their numbers

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
    fold: bool | None,
) -> Page:
    """What ``explore`` does."""
    if fold not in (True, False, None):
        raise TypeError(f"explore: fold must be True, False or None, not {fold!r}")
    if path is not None and not Path(path).parent.is_dir():
        raise FileNotFoundError(f"explore: path {str(path)!r} is in a folder that does not exist")
    found = named(parameters, "explore")
    page = _page(*computed(value), parameters, found, limit, fold)
    if path is not None:
        page.save(path)
    return page


@collector_paused()
def _page(
    value: Value,
    guards: Sequence[tuple[Value, bool, str]],
    parameters: HasParameters | Iterable[Value],
    found: dict[Value, str | None],
    limit: int,
    fold: bool | None,
) -> Page:
    graph = graph_of(value, guards, found)
    if fold is False and graph.size > limit:
        raise ValueError(
            f"explore: this graph has {graph.size} values, more than limit={limit}; without "
            f"fold=False it opens folded, or pass limit={graph.size}"
        )
    is_small = graph.size <= FEW and fold is None
    nodes = graph.nodes[: graph.size]
    named_only = is_small or fold is False
    rows = graph.parents if len(graph.nodes) == graph.size else None
    groups = Groups(nodes, parameters, named_only=named_only, rows=rows)
    interiors = Interiors(graph, groups)
    unfolded, count = _unfolded(interiors, fold)
    if count > limit:
        raise ValueError(
            f"explore: even folded, this graph shows {count} values and boxes, more than "
            f"limit={limit}; pass limit={count}"
        )
    programs = Programs()
    # What the page can compute it is told no numbers of, but those of the leaves.
    is_told = graph.size <= MANY or not programs.know_all(graph.examples)
    numbers = Numbers(graph) if is_told else None
    layouts = lay_out(interiors.all)
    picture = svg(graph, numbers, groups, interiors, layouts[0][0], set(found))
    data = data_of(graph, programs, numbers, groups, interiors, layouts, set(found))
    data |= {"unfolded": unfolded, "limit": limit}
    return Page(_filled(picture, data), graph.size)


def _unfolded(interiors: Interiors, fold: bool | None) -> tuple[list[int], int]:
    """The groups that are unfolded in the beginning, and how much is seen then.

    Level by level, as long as few things are seen.
    """
    unfolded: list[int] = []
    seen = interiors.all[NOWHERE + 1].things
    while fold is not True:
        level = [~thing for thing in seen if thing < 0]
        next_seen = [thing for thing in seen if thing >= 0]
        for group in level:
            next_seen += interiors.all[group + 1].things
        if not level or (len(next_seen) > FEW and fold is None):
            break
        unfolded += level
        seen = next_seen
    return unfolded, len(seen)


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
