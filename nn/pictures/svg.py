"""SVG as text: elements whose attributes and texts can only ever be attributes and texts."""

import html
from collections.abc import Iterable

from autograd_scalar.draw.text import columns, plain, shortened

SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"

LONGEST_NAME = 60
LONGEST_TITLE = 1000


def element(name: str, *inside: str, **attributes: str | float | None) -> str:
    """Return an element; what is `inside` is SVG already, attributes that are None are left out.

    An underscore in the name of an attribute stands for a hyphen, one at its end for nothing.

    >>> element("text", text("a < b"), x=1.0, font_size=12, class_="name")
    '<text x="1" font-size="12" class="name">a &lt; b</text>'
    >>> element("circle", r=1 / 3)
    '<circle r="0.33"/>'
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_attribute(item)}"'
        for key, item in attributes.items()
        if item is not None
    )
    content = "".join(inside)
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def text(words: str, longest: int = LONGEST_NAME) -> str:
    r"""Return words of anyone's as the content of an element, shortened in the middle.

    >>> text("</text><script>\x00")
    '&lt;/text&gt;&lt;script&gt;\\x00'
    """
    return html.escape(plain(shortened(words, longest)))


def title(lines: Iterable[str]) -> str:
    """Return what a browser says of the element around it under the mouse."""
    return f"<title>{chr(10).join(text(line, LONGEST_TITLE) for line in lines)}</title>"


def width(words: str, size: float, bold: bool = False) -> float:
    """Return about how many pixels words take in a sans-serif font of that size.

    >>> width("weight", 10.0)
    34.8
    """
    shown = plain(shortened(words, LONGEST_NAME))
    return round(columns(shown) * size * (0.62 if bold else 0.58), 1)


def _attribute(item: str | float) -> str:
    if isinstance(item, str):
        return html.escape(plain(item))
    return f"{item:.2f}".rstrip("0").rstrip(".") if item % 1 else f"{item:.0f}"
