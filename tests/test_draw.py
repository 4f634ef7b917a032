"""A picture shows every value and operand, harms nobody whatever it is given, and never changes."""

import json
import math
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from autograd_scalar import Value, clamp, dot, draw, tanh, where
from autograd_scalar.draw import LIMIT
from autograd_scalar.draw.diagram import MOST_NUMBERED
from autograd_scalar.draw.static import JUPYTER_LIMIT, jupyter
from autograd_scalar.draw.text import applied, number, operation, plain, shortened
from autograd_scalar.draw.theme import COLOURS, LIGHT

SVG = "{http://www.w3.org/2000/svg}"


def neuron():
    x, w, b = Value(2.0, label="x"), Value(-3.0, label="w"), Value(5.5, label="b")
    y = tanh(w * x + b)
    y.label = "y"
    y.backward()
    return y, [w, b]


def chain(length):
    value = Value(1.0)
    for _ in range(length - 1):
        value = value + 1.0
    return value


def elements(picture, kind):
    """The ``<g class="node">`` or ``"edge"`` elements of a picture, in topological order."""
    root = ElementTree.fromstring(picture.svg)
    found = [g for g in root.iter(f"{SVG}g") if g.get("class") == kind]
    return sorted(found, key=lambda g: int(g.get("id").removeprefix(kind)))


def texts(element):
    return [text.text for text in element.iter(f"{SVG}text")]


def fills(element):
    return {shape.get("fill") for tag in ("path", "polygon") for shape in element.iter(SVG + tag)}


def arrows(picture):
    """The (from, to) pairs of the DOT text, by the names of the nodes."""
    return re.findall(r"^\t(v\d+) -> (v\d+)", picture.dot, flags=re.MULTILINE)


# --- What is shown --------------------------------------------------------------------------------


def test_each_value_is_one_card_with_its_label_data_and_gradient():
    y, _ = neuron()
    assert [texts(card) for card in elements(draw(y), "node")] == [
        ["w", "data ", "-3", "grad ", "1.573"],
        ["x", "data ", "2", "grad ", "-2.359"],
        ["×", "data ", "-6", "grad ", "0.7864"],
        ["b", "data ", "5.5", "grad ", "0.7864"],
        ["+", "data ", "-0.5", "grad ", "0.7864"],
        ["tanh", "y", "data ", "-0.4621", "grad ", "1"],
    ]


def test_a_gradient_is_shown_before_any_backward_pass():
    (card,) = elements(draw(Value(1.5)), "node")
    assert texts(card) == ["data ", "1.5", "grad ", "0"]


def test_one_arrow_per_operand_so_two_for_a_square():
    x = Value(3.0)
    assert arrows(draw(x * x)) == [("v0", "v1"), ("v0", "v1")]
    assert len(elements(draw(x * x), "edge")) == 2


def test_a_shared_value_is_drawn_once():
    a = Value(2.0, label="a")
    b = a * a
    picture = draw((b + a) * b)
    assert picture.size == len(elements(picture, "node")) == 4
    assert len(arrows(picture)) == 6


@pytest.mark.parametrize("given", ["list", "generator", "module", "named module"])
def test_parameters_inputs_and_results_differ_in_colour(given):
    y, parameters = neuron()

    class Module:
        def parameters(self):
            return parameters

    class Named(Module):
        def named_parameters(self):
            return [("weight", parameters[0]), ("bias", parameters[1])]

    shown = {
        "list": parameters,
        "generator": (p for p in parameters),
        "module": Module(),
        "named module": Named(),
    }[given]
    for card in elements(draw(y, parameters=shown), "node"):
        name = next(text for text in texts(card) if text != "data ")
        kind = {"w": "parameter", "b": "parameter", "x": "input"}.get(name, "result")
        assert LIGHT[kind] in fills(card), name
        assert not fills(card) & {LIGHT[k] for k in ("parameter", "input", "result") if k != kind}
        assert (LIGHT["operation"] in fills(card)) == (kind == "result")


def test_a_module_names_the_parameters_that_have_no_label():
    w = Value(1.0)

    class Module:
        def named_parameters(self):
            return [("layers.0.w", w)]

    assert texts(elements(draw(w, parameters=Module()), "node")[0])[0] == "layers.0.w"
    assert w.label is None


X, Y = Value(3.0, label="X"), Value(2.0, label="Y")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (X, ""),
        (X + Y, "+"),
        (X * Y, "×"),
        (X - 2, "− 2"),
        (2 - X, "2 −"),
        (X**0.5, "** 0.5"),
        (2**X, "2 **"),
        (X // 2, "// 2"),
        (-X, "neg"),
        (tanh(X), "tanh"),
        (clamp(X, 0, 1), "clamp(·, 0, 1)"),
        (where(X > 0, X, Y), "where(1, ·, ·)"),
        (dot([X, Y], [1.0, 2.0]), "dot(·, ·, 1, 2)"),
        (dot([X] * 16, [0.5] * 16), "dot, 16 constants"),
        (Value(1.0, (X,), "a name of more than twenty-four letters"), "a name of more…r letters"),
    ],
)
def test_an_operation_is_written_with_its_constants_in_place(value, expected):
    assert operation(value) == expected
    shown = [text.strip() for text in texts(elements(draw(value), "node")[-1])]
    assert (expected or "X") in shown


@pytest.mark.parametrize(
    ("value", "numbered"),
    [
        (X - Y, True),
        (X / Y, True),
        (X**Y, True),
        (where(1, X, Y), True),
        (Value(0.0, (X, Y), "made by hand"), True),
        (X + Y, False),
        (X * Y, False),
        (dot([X, X], [Y, Y]), False),
        (X - 1, False),
        (Value(0.0, (X,) * (MOST_NUMBERED + 1), "of many"), False),
    ],
)
def test_operands_are_numbered_where_their_order_matters(value, numbered):
    card = elements(draw(value), "node")[-1]
    assert texts(card)[:2] == ["1", "2"] if numbered else texts(card)[0] not in ("1", "2")
    assert (":1:w" in draw(value).dot) == numbered


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (1 / 3, "0.3333"),
        (-2 / 3, "-0.6667"),
        (0.1 + 0.2, "0.3"),
        (12345.678, "12346"),
        (999999.4, "999999"),
        (999999.7, "1e6"),
        (1e6, "1e6"),
        (1234567.0, "1.235e6"),
        (0.0001234567, "0.0001235"),
        (0.00001234567, "1.235e-5"),
        (1e-30, "1e-30"),
        (5e-324, "4.941e-324"),
        (sys.float_info.max, "1.798e308"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (math.nan, "nan"),
        (7, "7"),
    ],
)
def test_a_number_has_sensible_digits(x, expected):
    assert number(x) == expected


def test_an_operation_on_constants_alone_is_written_out():
    assert applied("+", [1.0, 2.5]) == "1 + 2.5"
    assert applied("tanh", [1.0]) == "tanh(1)"


def test_more_digits_can_be_asked_for():
    assert number(math.pi, 10) == "3.141592654"


# --- A label is text ------------------------------------------------------------------------------

HOSTILE = {
    "<script>alert(1)</script>": "<script>alert(1)</script>",
    "<b>bold</b>": "<b>bold</b>",
    "<<B>>": "<<B>>",
    "a & b &amp; &#65;": "a & b &amp; &#65;",
    "a|b{c}": "a|b{c}",
    "'single' and \"double\"": "'single' and \"double\"",
    'ends with a backslash\\"\\': 'ends with a backslash\\"\\',
    r"\N \G \n \l": r"\N \G \n \l",
    "two\nlines\tand\r": r"two\nlines\tand\r",
    "\x00\x01\x1b[31m\x7f\x85": r"\x00\x01\x1b[31m\x7f\x85",
    "\ud800 alone": r"\ud800 alone",
    "\ufffe\uffff": r"\ufffe\uffff",
    "\u202eright to left": r"\u202eright to left",
    "👩\u200d🔬 θ₁ ∂L/∂w 重み": "👩\u200d🔬 θ₁ ∂L/∂w 重み",
    "]]> <!-- --> <?xml?>": "]]> <!-- --> <?xml?>",
    "</title></svg>": "</title></svg>",
}


@pytest.mark.parametrize("label", HOSTILE, ids=ascii)
def test_any_label_comes_out_as_text(label):
    picture = draw(Value(1.0, label=label))
    (card,) = elements(picture, "node")
    assert texts(card)[0] == HOSTILE[label]
    tags = {element.tag for element in ElementTree.fromstring(picture.svg).iter()}
    assert tags <= {SVG + tag for tag in ("svg", "style", "g", "a", "path", "polygon", "text")}
    assert picture.dot.encode().isascii() or picture.dot == picture.dot.encode().decode()


@pytest.mark.parametrize("label", HOSTILE, ids=ascii)
def test_the_tooltip_has_the_label_and_all_digits(label):
    (card,) = elements(draw(Value(1 / 3, label=label)), "node")
    (link,) = card.iter(f"{SVG}a")
    assert link.get("{http://www.w3.org/1999/xlink}title") == (
        f"{HOSTILE[label]}: data 0.3333333333333333, grad 0.0"
    )


def test_an_operation_can_have_any_name_too():
    value = Value(1.0, (X,), "<i>\\N&\x00")
    assert texts(elements(draw(value), "node")[-1])[0] == "<i>\\N&\\x00"


def test_ten_thousand_characters_are_shortened():
    label = "start" + "x" * 10_000 + "end"
    picture = draw(Value(1.0, label=label))
    (card,) = elements(picture, "node")
    assert re.fullmatch(r"startx+…x+end", texts(card)[0])
    assert len(picture.svg) < 10_000
    assert shortened(label) == texts(card)[0]


@pytest.mark.parametrize("longest", [3, 10, 31])
def test_shortened_text_is_as_long_as_asked(longest):
    assert len(shortened("y" * 100, longest)) == longest
    assert shortened("y" * longest, longest) == "y" * longest


def test_every_character_comes_out_visible():
    for code in range(sys.maxunicode + 1):
        text = plain(chr(code))
        assert text.isprintable() or text == "\u200d"
        text.encode()


# --- How it looks ---------------------------------------------------------------------------------


def luminance(colour):
    """The relative luminance of WCAG 2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_text_and_arrows_stand_out(mode):
    colour = {name: pair[mode] for name, pair in COLOURS.items()}
    for ground in ("parameter", "input", "result"):
        assert contrast(colour["text"], colour[ground]) >= 7
        assert contrast(colour["caption"], colour[ground]) >= 4.5
        assert contrast(colour[f"{ground} border"], colour[ground]) >= 3
    assert contrast(colour["operation text"], colour["operation"]) >= 7
    for page in ("#ffffff", "#000000", "#0d1117"):
        assert contrast(colour["arrow"], page) >= 3


def test_every_colour_in_use_has_its_dark_counterpart():
    y, parameters = neuron()
    picture = draw(y - X, parameters=parameters)
    drawn = ElementTree.fromstring(picture.svg)
    used = {
        (part, element.get(part))
        for element in drawn.iter()
        for part in ("fill", "stroke")
        if element.get(part) not in (None, "none", "transparent")
    }
    darkened = set(re.findall(r'\[(fill|stroke)="(#\w+)"\]', picture.svg))
    assert used <= darkened
    assert len(LIGHT) == len(set(LIGHT.values()))  # one colour can't become two


def test_the_style_stays_off_other_pictures_on_a_page():
    style = ElementTree.fromstring(draw(X).svg).find(f"{SVG}style").text
    rules = [line for line in style.splitlines() if "{" in line and not line.startswith("@media")]
    assert rules
    assert all(rule.startswith(".autograd_scalar ") for rule in rules)


def test_text_fits_its_card():
    y, _ = neuron()
    for card in elements(draw(y), "node"):
        shape = next(card.iter(f"{SVG}path"))
        points = re.findall(r"(-?[\d.]+),(-?[\d.]+)", shape.get("d"))
        left, right = min(float(x) for x, _ in points), max(float(x) for x, _ in points)
        for text in card.iter(f"{SVG}text"):
            start = float(text.get("x"))
            assert left < start
            assert start + 0.602 * float(text.get("font-size")) * len(text.text) < right


def test_a_picture_is_the_same_in_every_run():
    script = (
        "from test_draw import *; y, p = neuron(); print(draw(y * y + X, parameters=set(p)).svg)"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            cwd=Path(__file__).parent,
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]


# --- How much is drawn ----------------------------------------------------------------------------


def test_a_graph_of_any_depth_is_refused_without_recursion():
    for size in (LIMIT + 1, 200_000):
        with pytest.raises(ValueError, match=f"has {size} values.* pass limit={size}"):
            draw(chain(size))


def test_a_larger_limit_draws_a_larger_graph():
    assert len(elements(draw(chain(LIMIT + 1), limit=LIMIT + 1), "node")) == LIMIT + 1


# --- Jupyter and import ---------------------------------------------------------------------------


def test_jupyter_shows_a_picture_and_the_text():
    bundle = draw(X * Y)._repr_mimebundle_()
    assert bundle["image/svg+xml"].startswith("<svg")
    assert bundle["text/plain"] == "<Picture of 3 values>"
    assert repr(draw(X)) == "<Picture of 1 value>"

    bundle = jupyter(X * Y)
    assert bundle == {"image/svg+xml": draw(X * Y).svg, "text/plain": repr(X * Y)}
    assert json.loads(json.dumps(bundle)) == bundle


def test_jupyter_shows_the_text_alone_of_what_is_too_large():
    assert "image/svg+xml" in jupyter(chain(JUPYTER_LIMIT))
    assert set(jupyter(chain(JUPYTER_LIMIT + 1))) == {"text/plain"}


def test_the_function_is_what_its_name_means_whoever_imported_the_package_of_that_name_first():
    for first in ("autograd_scalar.draw.static", "autograd_scalar.__main__", "autograd_scalar"):
        script = (
            f"import importlib; importlib.import_module({first!r});"
            "import autograd_scalar; from autograd_scalar import draw;"
            "print(autograd_scalar.draw is draw, draw(autograd_scalar.Value(1.0)))"
        )
        run = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, check=True, text=True
        )
        assert run.stdout == "True <Picture of 1 value>\n"


def test_drawing_loads_graphviz_and_importing_does_not():
    script = (
        "import sys, autograd_scalar, autograd_scalar.draw, autograd_scalar.expression;"
        "print('graphviz' in sys.modules, 'numpy' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert run.stdout.split() == ["False", "False"]
