"""Colours: every one that a picture has is chosen here, once for each surrounding.

Orange against blue is told apart with any colour vision (Okabe and Ito 2008). All text stands on a
card's own ground, and the arrows are a grey that shows on black and on white, so a picture that
follows the system stays legible on a page that is not as dark or light as the system says.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import NamedTuple

NAME = "autograd_scalar"

# Each colour in light and in dark surroundings.
COLOURS = {
    "parameter": ("#ffe2c2", "#4d2c0a"),
    "parameter border": ("#c25e00", "#f2a552"),
    "input": ("#d9ebfb", "#10334f"),
    "input border": ("#1a6fb0", "#69b3ee"),
    "result": ("#fbfcfd", "#20262d"),
    "result border": ("#6e7781", "#8c96a0"),
    "box": ("#e6eaee", "#2b333c"),
    "box border": ("#47525d", "#a7b2be"),
    "operation": ("#2f3842", "#d3dae1"),
    "operation text": ("#ffffff", "#0f1419"),
    "text": ("#1c2127", "#f1f4f7"),
    "caption": ("#56606b", "#a9b3bd"),
    "arrow": ("#7f8892", "#7f8892"),
    "note": ("#737c85", "#737c85"),
    "cluster": ("#f6f7f9", "#151a20"),
    "cluster border": ("#b4bcc5", "#4a545f"),
    "path": ("#8f4aa6", "#d9a6ec"),
    "path ground": ("#f3e8f6", "#3b2344"),
    "changed": ("#a63c00", "#ffae70"),
    "dead": ("#e4e6e8", "#33383d"),
    "dead border": ("#7d8288", "#868c92"),
}

# On a page that is known to be black or white these stand out more than what has to suit both.
_ON_WHITE = {"page": "#ffffff", "note": "#56606b", "arrow": "#6b747d"}
_ON_BLACK = {"page": "#0e1318", "note": "#a9b3bd", "arrow": "#8c96a0"}

_BLACK_ON_WHITE = dict.fromkeys(COLOURS, "#000000") | {
    "page": "#ffffff",
    **dict.fromkeys(
        ("parameter", "input", "result", "box", "cluster", "path ground", "dead", "operation text"),
        "#ffffff",
    ),
    "dead border": "#767676",
}

_CHALK = {
    "page": "#20342b",
    "parameter": "#43422a",
    "parameter border": "#ffc857",
    "input": "#254653",
    "input border": "#8fd3f4",
    "result": "#273d33",
    "result border": "#b9c8be",
    "box": "#31493e",
    "box border": "#cfe0d4",
    "cluster": "#263b31",
    "cluster border": "#6f8579",
    "operation": "#ece8d8",
    "operation text": "#1b2a23",
    "text": "#fdfbf2",
    "caption": "#c3cfc6",
    "arrow": "#a7b8ad",
    "note": "#d5ded7",
    "path": "#ffa6c9",
    "path ground": "#4b3644",
    "changed": "#ffb98a",
    "dead": "#2b3631",
    "dead border": "#8b9a91",
}


class Theme(NamedTuple):
    """The colours of a picture and what goes with them.

    Attributes:
        key: what ``draw`` calls it.
        colours: by what they are for, such as ``"parameter border"``; ``"page"`` is what lies
            behind the cards, or "" where the page that the picture is put on shows through.
        ramp: the colours of the least and of the greatest in a heat.
        follows: whether the system may ask for dark colours in place of these light ones.
        inked: whether shapes say what colours say elsewhere.
    """

    key: str
    colours: Mapping[str, str]
    ramp: tuple[str, str] = ("#0a2c5e", "#ffe14d")
    follows: bool = False
    inked: bool = False

    @property
    def name(self) -> str:
        """The class of its pictures, so that no style on a page is another picture's too."""
        return NAME if self.follows else f"{NAME}_{self.key}"

    def style(self) -> str:
        """The ``<style>`` element of its pictures.

        Graphviz writes a colour as an attribute, so by the attribute it is found and darkened.

        >>> "prefers-color-scheme" in theme_named("auto").style()
        True
        """
        rules = [
            f'.{self.name} [font-family^="Courier"] '
            "{ font-family: ui-monospace, Menlo, Consolas, monospace }"
        ]
        if self.follows:
            darkened = [
                f'.{self.name} [{part}="{light}"] {{ {part}: {dark} }}'
                for light, dark in COLOURS.values()
                for part in ("fill", "stroke")
            ]
            rules += ["@media (prefers-color-scheme: dark) {", *darkened, "}"]
        return "\n".join(["<style>", *rules, "</style>"])


LIGHT = {name: light for name, (light, _) in COLOURS.items()}
DARK = {name: dark for name, (_, dark) in COLOURS.items()}

THEMES = {
    theme.key: theme
    for theme in (
        Theme("auto", LIGHT | {"page": ""}, follows=True),
        Theme("light", LIGHT | _ON_WHITE),
        Theme("dark", DARK | _ON_BLACK),
        Theme("print", _BLACK_ON_WHITE, ramp=("#ececec", "#3a3a3a"), inked=True),
        Theme("chalkboard", _CHALK),
    )
}


def theme_named(name: str, who: str = "draw") -> Theme:
    """The theme of that name.

    >>> theme_named("print").inked
    True
    >>> theme_named("drak")
    Traceback (most recent call last):
    ValueError: draw: theme must be auto, light, dark, print or chalkboard, not 'drak'; dark?

    Raises ValueError, beginning with ``who``, if there is none.
    """
    return THEMES[one_of(THEMES, name, f"{who}: theme")]


def one_of(known: Mapping[str, object], given: object, what: str) -> str:
    """``given``, if it is one of the names; ValueError, beginning with ``what``, if not."""
    if isinstance(given, str) and given in known:
        return given
    from autograd_scalar.draw.text import shortened

    *most, last = known
    near = get_close_matches(given, known, n=1) if isinstance(given, str) else []
    shown = shortened(repr(given), 60)
    hint = f"; {near[0]}?" if near else ""
    raise ValueError(f"{what} must be {', '.join(most)} or {last}, not {shown}{hint}")


# --- A ramp of colours ----------------------------------------------------------------------------


def ramp(low: str, high: str, at: float) -> str:
    """The colour at a place from 0 to 1 on the straight line from one colour to another.

    The line is straight in Oklab (Ottosson 2020), where equal distances look equal. From a dark
    blue to a yellow it gets lighter all the way and passes through grey, which every colour vision
    sees alike.

    >>> ramp("#000000", "#ffffff", 0.5)
    '#636363'
    """
    a, b = _to_oklab(low), _to_oklab(high)
    return _from_oklab([x + (y - x) * at for x, y in zip(a, b, strict=True)])


def luminance(colour: str) -> float:
    """The relative luminance of a colour, from 0 to 1 (WCAG 2).

    >>> luminance("#ffffff")
    1.0
    """
    weights = (0.2126, 0.7152, 0.0722)
    return sum([weight * c for weight, c in zip(weights, _linear(colour), strict=True)])


def contrast(one: str, other: str) -> float:
    """How much two colours differ in luminance, from 1 to 21 (WCAG 2).

    >>> round(contrast("#000000", "#ffffff"))
    21
    """
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


_TO_CONES = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
_TO_LAB = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)
_FROM_LAB = (
    (1.0, 0.3963377774, 0.2158037573),
    (1.0, -0.1055613458, -0.0638541728),
    (1.0, -0.0894841775, -1.2914855480),
)
_FROM_CONES = (
    (4.0767416621, -3.3077115913, 0.2309699292),
    (-1.2684380046, 2.6097574011, -0.3413193965),
    (-0.0041960863, -0.7034186147, 1.7076147010),
)


def _times(matrix: tuple[tuple[float, ...], ...], vector: list[float]) -> list[float]:
    return [sum([m * x for m, x in zip(row, vector, strict=True)]) for row in matrix]


def _linear(colour: str) -> list[float]:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]


def _to_oklab(colour: str) -> list[float]:
    return _times(_TO_LAB, [cone ** (1 / 3) for cone in _times(_TO_CONES, _linear(colour))])


def _from_oklab(lab: list[float]) -> str:
    linear = _times(_FROM_CONES, [cone**3 for cone in _times(_FROM_LAB, lab)])
    inside = [min(max(c, 0.0), 1.0) for c in linear]
    channels = [12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055 for c in inside]
    return "#" + "".join([f"{round(255 * c):02x}" for c in channels])
